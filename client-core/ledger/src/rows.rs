//! Columns as values, every rule of the domain checked on the way out.

use domain::{
    Actor, How, Member, Money, Msisdn, Payer, Role, Shop, ShopRules, ShortCode, Tender, TillId, Timestamp,
    Validation,
};
use rusqlite::Row;
use rusqlite::types::Type;

/// A stored value that breaks a rule.
pub(crate) fn damaged(why: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, why.to_string().into())
}

/// A count as SQLite keeps it.
pub(crate) fn signed(number: u64) -> rusqlite::Result<i64> {
    i64::try_from(number).map_err(damaged)
}

/// A count as SQLite kept it.
pub(crate) fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(damaged)
}

pub(crate) fn money(row: &Row<'_>, column: &str) -> rusqlite::Result<Money> {
    row.get(column).map(Money::from_cents)
}

pub(crate) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millis(row.get(column)?).map_err(damaged)
}

pub(crate) fn time_option(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis).transpose().map_err(damaged)
}

/// A name or code that was checked when it was written.
pub(crate) fn parsed<T>(
    row: &Row<'_>,
    column: &str,
    parse: impl Fn(&str) -> Result<T, domain::IdError>,
) -> rusqlite::Result<T> {
    parse(&row.get::<_, String>(column)?).map_err(damaged)
}

/// The same, where there may be none.
pub(crate) fn parsed_option<T>(
    row: &Row<'_>,
    column: &str,
    parse: impl Fn(&str) -> Result<T, domain::IdError>,
) -> rusqlite::Result<Option<T>> {
    row.get::<_, Option<String>>(column)?.map(|text| parse(&text).map_err(damaged)).transpose()
}

pub(crate) fn actor(row: &Row<'_>) -> rusqlite::Result<Actor> {
    Ok(Actor { till: TillId(row.get("till")?), incarnation: row.get("incarnation")? })
}

pub(crate) fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    let role: String = row.get("role")?;
    Ok(Member {
        actor: actor(row)?,
        role: Role::named(&role).ok_or_else(|| damaged("a role that does not exist"))?,
        letter: row.get("letter")?,
        name: row.get("name")?,
        public_key: row.get("public_key")?,
        revoked: row.get("revoked")?,
    })
}

pub(crate) fn shop(row: &Row<'_>) -> rusqlite::Result<Shop> {
    let shortcode = parsed(row, "shortcode", ShortCode::parse)?;
    let account = domain::Account::of_kind(&row.get::<_, String>("account")?, shortcode);
    let account = account.ok_or_else(|| damaged("an account that does not exist"))?;
    let id = parsed(row, "id", domain::ShopId::parse)?;
    let store = parsed_option(row, "store_number", ShortCode::parse)?;
    let shop = Shop::new(id, &row.get::<_, String>("name")?, account, store).map_err(damaged)?;
    let rules = ShopRules {
        validation: Validation::named(&row.get::<_, String>("validation")?)
            .ok_or_else(|| damaged("a rule"))?,
        second_source_from: row.get::<_, Option<i64>>("second_source_from")?.map(Money::from_cents),
        review_from: money(row, "review_from")?,
    };
    Ok(Shop { head_office: parsed_option(row, "head_office", ShortCode::parse)?, rules, ..shop })
}

pub(crate) fn payer(row: &Row<'_>) -> rusqlite::Result<Payer> {
    let msisdn: Option<String> = row.get("payer_msisdn")?;
    Ok(Payer { name: row.get("payer_name")?, msisdn: msisdn.as_deref().map(Msisdn::from_safaricom) })
}

const TENDERS: [(Tender, &str); 2] = [(Tender::Cash, "cash"), (Tender::Mpesa, "mpesa")];

pub(crate) fn tender_name(tender: Tender) -> &'static str {
    TENDERS.iter().find(|(t, _)| *t == tender).map_or("", |(_, name)| name)
}

pub(crate) fn tender(row: &Row<'_>) -> rusqlite::Result<Tender> {
    let name: String = row.get("tender")?;
    let found = TENDERS.iter().find(|(_, known)| *known == name);
    found.map(|(tender, _)| *tender).ok_or_else(|| damaged("a tender that does not exist"))
}

const HOWS: [(How, &str); 5] = [
    (How::StkRequest, "stk_request"),
    (How::AccountReference, "account_reference"),
    (How::Typed, "typed"),
    (How::Picked, "picked"),
    (How::Automatic, "automatic"),
];

/// The stable name of a way to decide, in ledgers and in the API.
pub fn how_name(how: How) -> &'static str {
    HOWS.iter().find(|(h, _)| *h == how).map_or("", |(_, name)| name)
}

pub(crate) fn how(row: &Row<'_>) -> rusqlite::Result<How> {
    let name: String = row.get("how")?;
    let found = HOWS.iter().find(|(_, known)| *known == name);
    found.map(|(how, _)| *how).ok_or_else(|| damaged("a way to decide that does not exist"))
}
