//! The journals of tills, and what is new in a shop.

use crate::rows::{self, actor_of, damaged, head_of, number};
use domain::{Actor, ShopId, Timestamp};
use replica::wire::{decode_batch, decode_feed_item, encode_batch};
use replica::{Batch, Head};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use service::store::News;

/// How many items one look at the feed gives.
const FEED_PAGE: usize = 200;

pub(crate) fn head(c: &Connection, shop: &ShopId, actor: Actor) -> rusqlite::Result<Head> {
    let sql = "SELECT number, chain FROM heads WHERE shop = ? AND till = ? AND incarnation = ?";
    let key = params![shop.as_str(), actor.till.0, actor.incarnation];
    let found = c.prepare_cached(sql)?.query_row(key, head_of).optional()?;
    Ok(found.unwrap_or_else(|| Head::genesis(shop, actor)))
}

pub(crate) fn append(
    c: &Connection,
    shop: &ShopId,
    batch: &Batch,
    after: Head,
    at: Timestamp,
) -> rusqlite::Result<()> {
    put_batch(c, shop, batch)?;
    let (shop, till, life) = (shop.as_str(), batch.actor.till.0, batch.actor.incarnation);
    let sql = "INSERT INTO heads (shop, till, incarnation, number, chain) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (shop, till, incarnation) DO UPDATE SET number = excluded.number, chain = excluded.chain";
    c.prepare_cached(sql)?.execute(params![shop, till, life, number(after.number)?, after.chain])?;
    let sql = "INSERT INTO feed (shop, received_at, till, incarnation) VALUES (?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![shop, at.millis(), till, life]).map(drop)
}

pub(crate) fn batches(
    c: &Connection,
    shop: &ShopId,
    actor: Actor,
    after: u64,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Batch>> {
    // From the batch in which the number lies, if there is one.
    let sql = "SELECT payload FROM batches WHERE shop = ?1 AND till = ?2 AND incarnation = ?3
                 AND first >= coalesce((SELECT max(first) FROM batches WHERE shop = ?1 AND till = ?2
                   AND incarnation = ?3 AND first <= ?4), 0)
               ORDER BY first";
    let key = params![shop.as_str(), actor.till.0, actor.incarnation, number(after)?];
    page(c, sql, key, max_bytes, |batch| batch.last() > after)
}

pub(crate) fn batches_before(
    c: &Connection,
    shop: &ShopId,
    actor: Actor,
    before: u64,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Batch>> {
    let sql = "SELECT payload FROM batches WHERE shop = ? AND till = ? AND incarnation = ? AND first < ?
               ORDER BY first DESC";
    let key = params![shop.as_str(), actor.till.0, actor.incarnation, number(before)?];
    page(c, sql, key, max_bytes, |_| true)
}

/// The batches that are wanted, as many as fit but at least one.
fn page(
    c: &Connection,
    sql: &str,
    key: &[&dyn ToSql],
    max_bytes: usize,
    wanted: impl Fn(&Batch) -> bool,
) -> rusqlite::Result<Vec<Batch>> {
    let mut find = c.prepare_cached(sql)?;
    let mut rows = find.query(key)?;
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let batch = decode_batch(&row.get::<_, Vec<u8>>(0)?).map_err(damaged)?;
        if !wanted(&batch) {
            continue;
        }
        bytes = bytes.saturating_add(batch.size());
        if bytes > max_bytes && !found.is_empty() {
            break;
        }
        found.push(batch);
    }
    Ok(found)
}

pub(crate) fn join(c: &Connection, shop: &ShopId, joined: &Batch, parts: &[Batch]) -> rusqlite::Result<bool> {
    let (till, life) = (joined.actor.till.0, joined.actor.incarnation);
    let sql = "SELECT payload FROM batches WHERE shop = ? AND till = ? AND incarnation = ? AND first = ?";
    let mut find = c.prepare_cached(sql)?;
    for part in parts {
        let key = params![shop.as_str(), till, life, number(part.first)?];
        let kept = find.query_row(key, |row| row.get::<_, Vec<u8>>(0)).optional()?;
        let kept = kept.map(|payload| decode_batch(&payload)).transpose().map_err(damaged)?;
        if kept.is_none_or(|kept| kept.before.is_some() || kept != *part) {
            return Ok(false);
        }
    }
    let sql = "DELETE FROM batches WHERE shop = ? AND till = ? AND incarnation = ? AND first BETWEEN ? AND ?";
    let (first, last) = (number(joined.first)?, number(joined.last())?);
    c.prepare_cached(sql)?.execute(params![shop.as_str(), till, life, first, last])?;
    put_batch(c, shop, joined)?;
    Ok(true)
}

fn put_batch(c: &Connection, shop: &ShopId, batch: &Batch) -> rusqlite::Result<()> {
    let (shop, till, life) = (shop.as_str(), batch.actor.till.0, batch.actor.incarnation);
    let sql = "INSERT INTO batches (shop, till, incarnation, first, payload) VALUES (?, ?, ?, ?, ?)";
    let row = params![shop, till, life, number(batch.first)?, encode_batch(batch)];
    c.prepare_cached(sql)?.execute(row).map(drop)
}

/// The last row before the first that was kept since a time.
pub(crate) fn cursor_at(c: &Connection, shop: &ShopId, at: Timestamp) -> rusqlite::Result<Vec<u8>> {
    let sql = "SELECT position, received_at FROM feed WHERE shop = ?1 AND position < coalesce(
                 (SELECT position FROM feed WHERE shop = ?1 AND received_at >= ?2 ORDER BY position LIMIT 1),
                 9223372036854775807)
               ORDER BY position DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok(Cursor { position: row.get(0)?, received_at: row.get(1)? }.write());
    let found = c.prepare_cached(sql)?.query_row(params![shop.as_str(), at.millis()], read).optional()?;
    Ok(found.unwrap_or_default())
}

pub(crate) fn news(c: &Connection, shop: &ShopId, cursor: &[u8]) -> rusqlite::Result<News> {
    let known = Cursor::read(c, cursor)?;
    let mut at = known.unwrap_or_default();
    let sql =
        "SELECT position, received_at, item, till, incarnation FROM feed WHERE shop = ? AND position > ?
               ORDER BY position LIMIT ?";
    let mut find = c.prepare_cached(sql)?;
    let mut rows = find.query(params![shop.as_str(), at.position, rows::limit(FEED_PAGE)])?;
    let mut news = News { restarted: known.is_none(), ..News::default() };
    let mut seen = 0_usize;
    while let Some(row) = rows.next()? {
        at = Cursor { position: row.get("position")?, received_at: row.get("received_at")? };
        seen = seen.saturating_add(1);
        match row.get::<_, Option<Vec<u8>>>("item")? {
            Some(item) => news.items.push(decode_feed_item(&item).map_err(damaged)?),
            None => news.journals.push(actor_of(row)?),
        }
    }
    news.journals.sort_unstable();
    news.journals.dedup();
    news.cursor = at.write();
    news.more = seen == FEED_PAGE;
    Ok(news)
}

/// Where a reader left the feed: the last row it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cursor {
    position: i64,
    received_at: i64,
}

impl Cursor {
    /// `None` for a cursor whose row is not here (any more): it belongs to another history, because this
    /// file was restored from a backup. The reader then starts anew, which repeats what it knows and loses
    /// nothing.
    fn read(c: &Connection, bytes: &[u8]) -> rusqlite::Result<Option<Self>> {
        let Some((position, rest)) = bytes.split_first_chunk::<8>() else { return Ok(Some(Self::default())) };
        let position = i64::from_be_bytes(*position);
        let received_at = i64::from_be_bytes(rest.try_into().unwrap_or_default());
        let mut find = c.prepare_cached("SELECT 1 FROM feed WHERE position = ? AND received_at = ?")?;
        let known = position == 0 || find.exists([position, received_at])?;
        Ok(known.then_some(Self { position, received_at }))
    }

    fn write(self) -> Vec<u8> {
        [self.position.to_be_bytes(), self.received_at.to_be_bytes()].concat()
    }
}
