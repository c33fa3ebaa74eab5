//! All there is, page by page, for another store or for a file.

use crate::rows::{self, damaged};
use crate::shops;
use domain::ShopId;
use replica::wire::decode_feed_item;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use service::records::{Listing, Orphan, Page, Record};
use service::store::AnswerKind;

/// A page of a listing after a place: the key of the last row, as text, bytes or eight bytes of a number.
pub(crate) fn page(c: &Connection, listing: &Listing, after: &[u8]) -> rusqlite::Result<Page> {
    let text = || std::str::from_utf8(after).unwrap_or_default();
    let number = || i64::from_be_bytes(after.try_into().unwrap_or_default());
    match listing {
        Listing::Shops => {
            let sql = "SELECT * FROM shops WHERE id > ? ORDER BY id";
            rows_of(c, sql, params![text()], |row| {
                let shop = rows::shop_of(row)?;
                let tokens = shops::tokens(c, &shop.id)?.unwrap_or_default();
                Ok((shop.id.to_string().into_bytes(), vec![Record::Shop(shop, tokens)]))
            })
        }
        Listing::Members => {
            // Both parts of the key in one number: a life has sixteen bits.
            let sql = "SELECT *, till * 65536 + incarnation AS place FROM members
                       WHERE till * 65536 + incarnation > ? ORDER BY till, incarnation";
            rows_of(c, sql, params![number()], |row| {
                let (member, shop) = rows::member_of(row)?;
                Ok((place(row, "place")?, vec![Record::Member(member, shop)]))
            })
        }
        Listing::Enrolments => {
            let sql = "SELECT * FROM enrolments WHERE code_hash > ? ORDER BY code_hash";
            rows_of(c, sql, params![after], |row| {
                let hash: [u8; 32] = row.get("code_hash")?;
                Ok((hash.to_vec(), vec![Record::Enrolment(rows::enrolment(row, hash)?)]))
            })
        }
        Listing::Inbox => {
            let sql = "SELECT * FROM inbox WHERE hash > ? ORDER BY hash";
            rows_of(c, sql, params![after], |row| {
                let orphan = orphan(row)?;
                Ok((orphan.item.hash.to_vec(), vec![Record::Orphan(orphan)]))
            })
        }
        Listing::Notes(shop) => {
            let sql = "SELECT name, content FROM notes WHERE shop = ? AND name > ? ORDER BY name";
            rows_of(c, sql, params![shop.as_str(), text()], |row| {
                let name: String = row.get("name")?;
                let place = name.clone().into_bytes();
                Ok((place, vec![Record::Note(shop.clone(), name, row.get("content")?)]))
            })
        }
        Listing::Requests(shop) => requests(c, shop, text()),
        Listing::Feed(shop) => {
            let sql = "SELECT position, item, body, received_at FROM feed
                       WHERE shop = ? AND position > ? AND item IS NOT NULL ORDER BY position";
            rows_of(c, sql, params![shop.as_str(), number()], |row| {
                let item = decode_feed_item(&row.get::<_, Vec<u8>>("item")?).map_err(damaged)?;
                let message = Record::Message(shop.clone(), Box::new(item), rows::raw_callback(row)?);
                Ok((place(row, "position")?, vec![message]))
            })
        }
    }
}

/// A shop's requests, each with what answered it.
fn requests(c: &Connection, shop: &ShopId, after: &str) -> rusqlite::Result<Page> {
    let sql = "SELECT * FROM requests WHERE shop = ? AND name > ? ORDER BY name";
    rows_of(c, sql, params![shop.as_str(), after], |row| {
        let request = rows::request_of(row)?;
        let (place, mut records) = (request.name.clone().into_bytes(), vec![]);
        if let Some((checkout, _)) = &request.accepted {
            for kind in [AnswerKind::Result, AnswerKind::TimedOut] {
                let sql = "SELECT body, received_at FROM answers WHERE request = ? AND kind = ?";
                let key = [checkout.as_str(), kind.name()];
                let answer = c.prepare_cached(sql)?.query_row(key, rows::raw_callback).optional()?;
                records.extend(answer.map(|raw| Record::Answer(checkout.clone(), kind, raw)));
            }
        }
        records.insert(0, Record::Request(request));
        Ok((place, records))
    })
}

fn rows_of(
    c: &Connection,
    sql: &str,
    key: &[&dyn ToSql],
    read: impl Fn(&Row<'_>) -> rusqlite::Result<(Vec<u8>, Vec<Record>)>,
) -> rusqlite::Result<Page> {
    let mut find = c.prepare_cached(sql)?;
    let mut rows = find.query(key)?;
    let mut page = Page::default();
    while let Some(row) = rows.next()? {
        let (place, records) = read(row)?;
        if page.add(place, records) {
            return Ok(page);
        }
    }
    Ok(page.ended())
}

fn place(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<u8>> {
    Ok(row.get::<_, i64>(column)?.to_be_bytes().to_vec())
}

fn orphan(row: &Row<'_>) -> rusqlite::Result<Orphan> {
    Ok(Orphan { item: rows::inbox_item(row)?, waiting: row.get("waiting")?, decided: row.get("outcome")? })
}

/// Keeps what another store's inbox holds of a callback, unless as much is known here.
pub(crate) fn put_orphan(c: &Connection, orphan: &Orphan) -> rusqlite::Result<()> {
    let (item, hash) = (&orphan.item, orphan.item.hash);
    let mut find = c.prepare_cached("SELECT * FROM inbox WHERE hash = ?")?;
    let kept = find.query_row([hash], self::orphan).optional()?;
    if kept.is_some_and(|kept| !orphan.says_more_than(&kept)) {
        return Ok(());
    }
    let sql = "INSERT INTO inbox (hash, received_at, reason, body, request, waiting, outcome)
               VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (hash) DO UPDATE SET request = excluded.request, waiting = excluded.waiting,
                 outcome = excluded.outcome";
    let request = item.request.as_ref().map(domain::CheckoutId::as_str);
    let (at, decided) = (item.received_at.millis(), &orphan.decided);
    let row = params![hash, at, item.reason, item.body, request, orphan.waiting, decided];
    c.prepare_cached(sql)?.execute(row).map(drop)
}
