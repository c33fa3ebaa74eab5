//! Rows as values, every rule of the domain checked on the way out.

use domain::{Account, Actor, Member, Money, Shop, ShopId, ShortCode, TillId, Timestamp};
use replica::Head;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use service::store::{Enrolment, InboxItem, PushAttempt, RawCallback};
use sha2::{Digest, Sha256};

/// A stored value that breaks a rule: somebody else wrote into the file, or the disk is failing.
pub(crate) fn damaged(why: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, why.to_string().into())
}

pub(crate) fn hash(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// A journal number as SQLite keeps it.
pub(crate) fn number(number: u64) -> rusqlite::Result<i64> {
    i64::try_from(number).map_err(damaged)
}

pub(crate) fn shop_id(c: &Connection, sql: &str, key: impl Params) -> rusqlite::Result<Option<ShopId>> {
    let text: Option<String> = c.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
    text.map(|text| ShopId::parse(&text).map_err(damaged)).transpose()
}

pub(crate) fn shop_of(row: &Row<'_>) -> rusqlite::Result<Shop> {
    let text = |column: &str| row.get::<_, String>(column);
    let shortcode = ShortCode::parse(&text("shortcode")?).map_err(damaged)?;
    let account = Account::of_kind(&text("account")?, shortcode).ok_or_else(|| damaged("an account"))?;
    let store: Option<String> = row.get("store_number")?;
    let store = store.map(|number| ShortCode::parse(&number)).transpose().map_err(damaged)?;
    Shop::new(ShopId::parse(&text("id")?).map_err(damaged)?, &text("name")?, account, store).map_err(damaged)
}

pub(crate) fn actor_of(row: &Row<'_>) -> rusqlite::Result<Actor> {
    Ok(Actor { till: TillId(row.get("till")?), incarnation: row.get("incarnation")? })
}

pub(crate) fn head_of(row: &Row<'_>) -> rusqlite::Result<Head> {
    let number: i64 = row.get("number")?;
    Ok(Head { number: u64::try_from(number).map_err(damaged)?, chain: row.get("chain")? })
}

pub(crate) fn member_of(row: &Row<'_>) -> rusqlite::Result<(Member, Option<ShopId>)> {
    let shop: Option<String> = row.get("shop")?;
    let member = Member {
        actor: actor_of(row)?,
        role: crate::role(&row.get::<_, String>("role")?)?,
        letter: row.get("letter")?,
        name: row.get("name")?,
        public_key: row.get("public_key")?,
        revoked: row.get("revoked")?,
    };
    Ok((member, shop.map(|shop| ShopId::parse(&shop)).transpose().map_err(damaged)?))
}

pub(crate) fn enrolment(row: &Row<'_>, code_hash: [u8; 32]) -> rusqlite::Result<Enrolment> {
    let shop: Option<String> = row.get("shop")?;
    Ok(Enrolment {
        code_hash,
        shop: shop.map(|shop| ShopId::parse(&shop)).transpose().map_err(damaged)?,
        role: crate::role(&row.get::<_, String>("role")?)?,
        expires_at: time(row, "expires_at")?,
    })
}

pub(crate) fn inbox_item(row: &Row<'_>) -> rusqlite::Result<InboxItem> {
    Ok(InboxItem {
        hash: row.get("hash")?,
        received_at: time(row, "received_at")?,
        reason: row.get("reason")?,
        body: row.get("body")?,
    })
}

pub(crate) fn raw_callback(row: &Row<'_>) -> rusqlite::Result<RawCallback> {
    Ok(RawCallback { body: row.get("body")?, received_at: time(row, "received_at")? })
}

pub(crate) fn push_of(row: &Row<'_>) -> rusqlite::Result<PushAttempt> {
    let checkout: Option<String> = row.get("checkout")?;
    let checkout = checkout.map(|text| domain::CheckoutId::parse(&text)).transpose().map_err(damaged)?;
    let merchant: Option<String> = row.get("merchant")?;
    Ok(PushAttempt {
        shop: ShopId::parse(&row.get::<_, String>("shop")?).map_err(damaged)?,
        attempt: row.get("attempt")?,
        sale: row.get::<_, String>("sale")?.parse().map_err(damaged)?,
        amount: Money::from_cents(row.get("amount")?),
        at: time(row, "at")?,
        accepted: checkout.map(|checkout| (checkout, merchant.unwrap_or_default())),
    })
}

fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millis(row.get(column)?).map_err(damaged)
}
