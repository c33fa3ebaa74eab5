//! Shops, what leads to them, and who may write for them.

use domain::{Member, Money, Shop, ShopId, ShortCode};
use rusqlite::{Connection, OptionalExtension, params};
use service::store::Tokens;
use std::collections::BTreeSet;

/// Opens or changes a shop. A number or token that leads to another shop fails the whole of it: money must
/// not change hands silently.
pub(crate) fn put_shop(c: &Connection, shop: &Shop, tokens: &Tokens) -> rusqlite::Result<()> {
    let sql = "INSERT INTO shops (id, name, account, shortcode, store_number, head_office, validation,
                                  second_source_from, review_from, newest_token)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, account = excluded.account,
                 shortcode = excluded.shortcode, store_number = excluded.store_number,
                 head_office = excluded.head_office, validation = excluded.validation,
                 second_source_from = excluded.second_source_from, review_from = excluded.review_from,
                 newest_token = excluded.newest_token";
    let (id, rules) = (shop.id.as_str(), &shop.rules);
    let row = params![
        id,
        shop.name,
        shop.account.kind(),
        shop.account.shortcode().as_str(),
        shop.store_number.as_ref().map(ShortCode::as_str),
        shop.head_office.as_ref().map(ShortCode::as_str),
        rules.validation.name(),
        rules.second_source_from.map(Money::cents),
        rules.review_from.cents(),
        tokens.newest
    ];
    c.execute(sql, row)?;
    c.execute("DELETE FROM numbers WHERE shop = ?", [id])?;
    // A set, because a till's two numbers may be one.
    for number in shop.own_numbers().collect::<BTreeSet<_>>() {
        c.execute("INSERT INTO numbers (number, shop) VALUES (?, ?)", [number.as_str(), id])?;
    }
    c.execute("DELETE FROM tokens WHERE shop = ?", [id])?;
    for (place, hash) in (0_i64..).zip(&tokens.hashes) {
        c.execute("INSERT INTO tokens (hash, shop, place) VALUES (?, ?, ?)", params![hash, id, place])?;
    }
    Ok(())
}

pub(crate) fn tokens(c: &Connection, shop: &ShopId) -> rusqlite::Result<Option<Tokens>> {
    let mut find = c.prepare_cached("SELECT newest_token FROM shops WHERE id = ?")?;
    let Some(newest) = find.query_row([shop.as_str()], |row| row.get(0)).optional()? else { return Ok(None) };
    let mut find = c.prepare_cached("SELECT hash FROM tokens WHERE shop = ? ORDER BY place, hash")?;
    let hashes = find.query_map([shop.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(Tokens { newest, hashes }))
}

pub(crate) fn put_member(c: &Connection, member: &Member, shop: Option<&ShopId>) -> rusqlite::Result<()> {
    let sql = "INSERT INTO members (till, incarnation, shop, role, letter, name, public_key, revoked)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (till, incarnation) DO UPDATE SET name = excluded.name, revoked = excluded.revoked";
    let row = params![
        member.actor.till.0,
        member.actor.incarnation,
        shop.map(ShopId::as_str),
        member.role.name(),
        member.letter,
        member.name,
        member.public_key,
        member.revoked
    ];
    c.execute(sql, row).map(drop)
}
