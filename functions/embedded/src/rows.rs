//! Rows as values, every rule of the domain checked on the way out.

use domain::{
    Account, Actor, CheckoutId, Member, Money, Role, Shop, ShopId, ShopRules, ShortCode, TillId, Timestamp,
    Validation,
};
use replica::Head;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use service::store::{Enrolment, InboxItem, RawCallback, Request};
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

/// A number of rows as SQLite keeps it.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(crate) fn shop_id(c: &Connection, sql: &str, key: impl Params) -> rusqlite::Result<Option<ShopId>> {
    let text: Option<String> = c.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
    text.map(|text| ShopId::parse(&text).map_err(damaged)).transpose()
}

pub(crate) fn shop_of(row: &Row<'_>) -> rusqlite::Result<Shop> {
    let text = |column: &str| row.get::<_, String>(column);
    let shortcode = ShortCode::parse(&text("shortcode")?).map_err(damaged)?;
    let account = Account::of_kind(&text("account")?, shortcode).ok_or_else(|| damaged("an account"))?;
    let number = |column: &str| {
        let digits: Option<String> = row.get(column)?;
        digits.map(|digits| ShortCode::parse(&digits)).transpose().map_err(damaged)
    };
    let (store_number, head_office) = (number("store_number")?, number("head_office")?);
    let id = ShopId::parse(&text("id")?).map_err(damaged)?;
    let shop = Shop::new(id, &text("name")?, account, store_number).map_err(damaged)?;
    Ok(Shop { head_office, rules: rules_of(row)?, ..shop })
}

fn rules_of(row: &Row<'_>) -> rusqlite::Result<ShopRules> {
    let validation = Validation::named(&row.get::<_, String>("validation")?);
    let second_source_from: Option<i64> = row.get("second_source_from")?;
    Ok(ShopRules {
        validation: validation.ok_or_else(|| damaged("a validation that does not exist"))?,
        second_source_from: second_source_from.map(Money::from_cents),
        review_from: Money::from_cents(row.get("review_from")?),
    })
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
        role: role(&row.get::<_, String>("role")?)?,
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
        role: role(&row.get::<_, String>("role")?)?,
        expires_at: time(row, "expires_at")?,
    })
}

pub(crate) fn inbox_item(row: &Row<'_>) -> rusqlite::Result<InboxItem> {
    Ok(InboxItem {
        hash: row.get("hash")?,
        received_at: time(row, "received_at")?,
        reason: row.get("reason")?,
        body: row.get("body")?,
        request: checkout(row, "request")?,
    })
}

pub(crate) fn raw_callback(row: &Row<'_>) -> rusqlite::Result<RawCallback> {
    Ok(RawCallback { body: row.get("body")?, received_at: time(row, "received_at")? })
}

pub(crate) fn request_of(row: &Row<'_>) -> rusqlite::Result<Request> {
    let merchant: Option<String> = row.get("merchant")?;
    let ask_at: Option<i64> = row.get("ask_at")?;
    Ok(Request {
        shop: ShopId::parse(&row.get::<_, String>("shop")?).map_err(damaged)?,
        name: row.get("name")?,
        purpose: row.get::<_, String>("purpose")?.parse().map_err(damaged)?,
        amount: Money::from_cents(row.get("amount")?),
        at: time(row, "at")?,
        accepted: checkout(row, "checkout")?.map(|checkout| (checkout, merchant.unwrap_or_default())),
        ask_at: ask_at.map(Timestamp::from_millis).transpose().map_err(damaged)?,
    })
}

fn checkout(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<CheckoutId>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| CheckoutId::parse(&text)).transpose().map_err(damaged)
}

pub(crate) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millis(row.get(column)?).map_err(damaged)
}

/// The role of a stored name.
fn role(name: &str) -> rusqlite::Result<Role> {
    Role::named(name).ok_or_else(|| damaged("a role that does not exist"))
}
