//! Facts and feed items as rows.

use crate::cited::{CLAIMS, Referred, SALES, called, relink};
use crate::rows::{self, how_name, tender_name};
use crate::settle::Dirty;
use crate::{LedgerError, stock};
use domain::matching::Reference;
use domain::standing::Standing;
use domain::{
    CheckoutId, Cited, Claim, Fact, FactBody, FactId, FeedItem, Money, Person, ReceiptCode, Sale, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, params};

/// Writes the rows of a fact and notes what has to be settled anew. Gives the local number of a sale.
pub(crate) fn fact(
    c: &Connection,
    shop: i64,
    fact: &Fact,
    dirty: &mut Dirty,
) -> Result<Option<u64>, LedgerError> {
    let (id, at, by) = (fact.id.to_string(), fact.at.millis(), fact.by.as_str());
    match &fact.body {
        FactBody::Sale(made) => return sale(c, shop, fact, made, dirty).map(Some),
        FactBody::Cash { sale, amount, rounding } => cash(c, shop, fact, (*sale, *amount, *rounding), dirty)?,
        FactBody::Claim(made) => claim(c, shop, fact, made, dirty)?,
        FactBody::Release { claim, reason } => {
            let (claim, cited) = said_of(c, shop, &CLAIMS, *claim)?;
            let sql =
                "INSERT INTO releases (id, shop, claim, reason, at, by, cited) VALUES (?, ?, ?, ?, ?, ?, ?)";
            c.prepare_cached(sql)?.execute(params![id, shop, claim.to_string(), reason, at, by, cited])?;
            if claim.at.is_none() {
                dirty.claim(c, shop, claim.id)?;
            }
        }
        FactBody::Void { sale, reason } => void(c, shop, fact, (*sale, reason), dirty)?,
        FactBody::Stock(_) => stock::fact(c, shop, fact)?,
        FactBody::Count(count) => stock::count(c, shop, fact, count)?,
        FactBody::Printed { sale } => {
            let (sale, cited) = said_of(c, shop, &SALES, *sale)?;
            let sql = "INSERT INTO prints (id, shop, sale, at, by, cited) VALUES (?, ?, ?, ?, ?, ?)";
            c.prepare_cached(sql)?.execute(params![id, shop, sale.to_string(), at, by, cited])?;
        }
        FactBody::Refund { sale, amount, rounding, reason } => {
            dirty.sale(amount_of(c, shop, fact, ("refunds", *sale), *amount, Some(reason))?);
            let sql = "UPDATE refunds SET rounding = ? WHERE id = ?";
            c.prepare_cached(sql)?.execute(params![rounding.cents(), id])?;
        }
        FactBody::Return(back) => {
            dirty.sale(amount_of(c, shop, fact, ("returns", back.sale), back.amount(), Some(&back.reason))?);
            stock::fact(c, shop, fact)?;
        }
        FactBody::Tip { sale, amount } => {
            dirty.sale(amount_of(c, shop, fact, ("tips", *sale), *amount, None)?);
        }
        FactBody::Undone { sale, what, reason } => undone(c, shop, fact, (*sale, *what, reason), dirty)?,
        FactBody::Trusted { sale, reason, approved } => {
            trusted(c, shop, fact, *sale, (reason, approved.as_ref()))?;
        }
        FactBody::ReversalAsked { receipt, amount, reason } => {
            let sql = "INSERT INTO asked_back (id, shop, receipt, amount, reason, at, by)
                       VALUES (?, ?, ?, ?, ?, ?, ?)";
            let row = params![id, shop, receipt.as_str(), amount.cents(), reason, at, by];
            c.prepare_cached(sql)?.execute(row)?;
        }
        FactBody::PeriodClosed { until, reason } => {
            let sql = "INSERT INTO periods (id, shop, until, at, by, reason) VALUES (?, ?, ?, ?, ?, ?)";
            c.prepare_cached(sql)?.execute(params![id, shop, until.number(), at, by, reason])?;
        }
        FactBody::ShiftOpened { float } => drawer(c, shop, fact, ("opened", *float, None))?,
        FactBody::CashMoved { amount, reason } => drawer(c, shop, fact, ("moved", *amount, Some(reason)))?,
        FactBody::ShiftClosed(closing) => drawer(c, shop, fact, ("closed", closing.counted, None))?,
    }
    Ok(None)
}

fn claim(
    c: &Connection,
    shop: i64,
    fact: &Fact,
    claim: &Claim,
    dirty: &mut Dirty,
) -> Result<(), LedgerError> {
    let (sale, cited) = said_of(c, shop, &SALES, claim.sale)?;
    let sql =
        "INSERT INTO claims (id, shop, receipt, sale, how, at, by, cited, formerly, part, phone, approved,
           offline) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        fact.id.to_string(),
        shop,
        claim.receipt.as_str(),
        sale.to_string(),
        how_name(claim.how),
        fact.at.millis(),
        fact.by.as_str(),
        cited,
        fact.formerly.map(|name| name.to_string()),
        claim.part.map(Money::cents),
        claim.phone.map(|phone| phone.to_string()),
        claim.approved.as_ref().map(Person::as_str),
        claim.offline
    ])?;
    for claim in relink(c, shop, &CLAIMS, fact.cited(), None)? {
        dirty.claim(c, shop, claim)?;
    }
    dirty.receipt(claim.receipt.clone());
    Ok(())
}

fn cash(
    c: &Connection,
    shop: i64,
    fact: &Fact,
    (sale, amount, rounding): (Cited, Money, Money),
    dirty: &mut Dirty,
) -> Result<(), LedgerError> {
    let (sale, cited) = said_of(c, shop, &SALES, sale)?;
    let (id, at, by) = (fact.id.to_string(), fact.at.millis(), fact.by.as_str());
    let sql = "INSERT INTO cash (id, shop, sale, amount, at, by, cited, rounding, formerly)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (name, amount, rounding) = (sale.to_string(), amount.cents(), rounding.cents());
    let formerly = fact.formerly.map(|name| name.to_string());
    c.prepare_cached(sql)?.execute(params![id, shop, name, amount, at, by, cited, rounding, formerly])?;
    dirty.sale(sale);
    Ok(())
}

fn void(
    c: &Connection,
    shop: i64,
    fact: &Fact,
    (sale, reason): (Cited, &str),
    dirty: &mut Dirty,
) -> Result<(), LedgerError> {
    let (sale, cited) = said_of(c, shop, &SALES, sale)?;
    let (id, at, by) = (fact.id.to_string(), fact.at.millis(), fact.by.as_str());
    let sql = "INSERT INTO voids (id, shop, sale, reason, at, by, cited) VALUES (?, ?, ?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![id, shop, sale.to_string(), reason, at, by, cited])?;
    if sale.at.is_none() {
        dirty.sale_and_its_receipts(c, shop, sale.id)?;
    }
    stock::void(c, shop, sale, fact.id)
}

/// What was said by mistake need not be here yet: it counts no more once it comes.
fn undone(
    c: &Connection,
    shop: i64,
    fact: &Fact,
    (sale, what, reason): (Cited, Cited, &str),
    dirty: &mut Dirty,
) -> Result<(), LedgerError> {
    let (sale, cited) = said_of(c, shop, &SALES, sale)?;
    let (id, at, by) = (fact.id.to_string(), fact.at.millis(), fact.by.as_str());
    let sql =
        "INSERT INTO undone (id, shop, sale, what, reason, at, by, cited) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let row = params![id, shop, sale.to_string(), what.to_string(), reason, at, by, cited];
    c.prepare_cached(sql)?.execute(row)?;
    dirty.sale(sale);
    stock::undone(c, shop, what, fact.id)
}

fn trusted(
    c: &Connection,
    shop: i64,
    fact: &Fact,
    sale: Cited,
    (reason, approved): (&str, Option<&Person>),
) -> Result<(), LedgerError> {
    let (sale, cited) = said_of(c, shop, &SALES, sale)?;
    let (id, at, by) = (fact.id.to_string(), fact.at.millis(), fact.by.as_str());
    let sql = "INSERT INTO trusts (id, shop, sale, reason, approved, at, by, cited)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let row = params![id, shop, sale.to_string(), reason, approved.map(Person::as_str), at, by, cited];
    c.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// An amount that somebody said of a sale. Gives the sale, by what it is called here.
fn amount_of(
    c: &Connection,
    shop: i64,
    fact: &Fact,
    (table, sale): (&str, Cited),
    amount: Money,
    reason: Option<&str>,
) -> Result<Cited, LedgerError> {
    let (sale, cited) = said_of(c, shop, &SALES, sale)?;
    let (column, value) = reason.map_or(("", ""), |_| (", reason", ", ?9"));
    let sql = format!(
        "INSERT INTO {table} (id, shop, sale, amount, at, by, cited, formerly{column})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8{value})"
    );
    let mut insert = c.prepare_cached(&sql)?;
    let (id, at, by) = (fact.id.to_string(), fact.at.millis(), fact.by.as_str());
    let (name, amount) = (sale.to_string(), amount.cents());
    let formerly = fact.formerly.map(|name| name.to_string());
    match reason {
        Some(reason) => insert.execute(params![id, shop, name, amount, at, by, cited, formerly, reason])?,
        None => insert.execute(params![id, shop, name, amount, at, by, cited, formerly])?,
    };
    Ok(sale)
}

/// What was done with a drawer beside selling.
fn drawer(
    c: &Connection,
    shop: i64,
    fact: &Fact,
    (kind, amount, reason): (&str, Money, Option<&str>),
) -> Result<(), LedgerError> {
    let sql = "INSERT INTO drawers (shop, till, incarnation, number, kind, amount, reason, at, by)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (actor, number) = (fact.id.actor, rows::signed(fact.id.number)?);
    let (at, by) = (fact.at.millis(), fact.by.as_str());
    let row = params![shop, actor.till.0, actor.incarnation, number, kind, amount.cents(), reason, at, by];
    c.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// What is referred to by what it is called here, and how it is cited.
fn said_of(
    c: &Connection,
    shop: i64,
    of: &Referred,
    cited: Cited,
) -> Result<(Cited, Option<String>), LedgerError> {
    Ok((called(c, shop, of, cited)?, cited.at.map(|_| cited.to_string())))
}

/// Takes the rows of a fact out again. What was said about it waits for it to come back under another name.
pub(crate) fn forget(c: &Connection, shop: i64, fact: FactId, dirty: &mut Dirty) -> Result<(), LedgerError> {
    for (table, referred) in [("sales", &SALES), ("claims", &CLAIMS)] {
        let sql = format!("DELETE FROM {table} WHERE id = ? RETURNING at, formerly");
        let read = |row: &rusqlite::Row<'_>| {
            let first = rows::parsed_option(row, "formerly", str::parse)?.unwrap_or(fact);
            Ok(Cited::new(first, rows::time(row, "at")?))
        };
        let Some(cited) = c.prepare_cached(&sql)?.query_row([fact.to_string()], read).optional()? else {
            continue;
        };
        for name in relink(c, shop, referred, cited, Some(fact))? {
            dirty.fact(c, shop, name)?;
        }
    }
    let said = ["cash", "releases", "voids", "prints", "refunds", "returns", "tips", "undone", "trusts"];
    for table in said.into_iter().chain(["asked_back", "periods"]) {
        c.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?"))?.execute([fact.to_string()])?;
    }
    Ok(())
}

fn sale(c: &Connection, shop: i64, fact: &Fact, sale: &Sale, dirty: &mut Dirty) -> Result<u64, LedgerError> {
    let id = fact.id.to_string();
    let Standing { paid, due, over, state, conflict, reversed } = Standing::of_new(sale.total, sale.tender);
    let sql =
        "INSERT INTO sales (id, shop, till, at, by, total, discount, rounding, tender, order_no, order_key,
                 unsure, owed, paid, due, over, state, conflict, reversed, formerly)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        id,
        shop,
        fact.id.actor.till.0,
        fact.at.millis(),
        fact.by.as_str(),
        sale.total.cents(),
        sale.discounts().cents(),
        sale.rounding.cents(),
        tender_name(sale.tender),
        sale.order,
        sale.order.as_deref().map(|order| Reference::typed(order).as_str().to_owned()),
        fact.clock.map(|clock| clock.uncertainty_millis),
        sale.total.cents(),
        paid.cents(),
        due.cents(),
        over.cents(),
        state.name(),
        conflict,
        reversed,
        fact.formerly.map(|name| name.to_string())
    ])?;
    let number = u64::try_from(c.last_insert_rowid()).map_err(rows::damaged)?;
    // What was said about this sale may have come before the sale itself, from another till.
    dirty.if_mentioned(c, shop, fact)?;
    stock::fact(c, shop, fact)?;
    Ok(number)
}

/// Writes a feed item, once, and notes what has to be settled anew.
pub(crate) fn feed_item(
    c: &Connection,
    shop: i64,
    item: &FeedItem,
    dirty: &mut Dirty,
) -> Result<(), LedgerError> {
    let (source, name) = item.name();
    let mut columns = Columns::of(item);
    // A push whose answer was lost learns its name from its result; and what answers our own push answers the
    // sale it was for, even if that had another name when it was asked.
    if let Some((sale, checkout)) = columns.push {
        columns.push = Some((own_push(c, sale, checkout)?, checkout));
    }
    let evidence = item.evidence();
    let sql = "INSERT INTO feed (shop, source, name, receipt, amount, shortcode, paid_at, payer_name,
                 payer_msisdn, account_reference, received_at, order_sale, sale, code, description)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (shop, source, name) DO NOTHING";
    let new = c.prepare_cached(sql)?.execute(params![
        shop,
        source,
        name,
        columns.receipt.map(ReceiptCode::as_str),
        columns.amount.map(Money::cents),
        evidence.map(|e| e.shortcode.as_str()),
        columns.at.map(Timestamp::millis),
        evidence.and_then(|e| e.payer.name.as_deref()),
        evidence.and_then(|e| e.payer.msisdn.as_ref()).map(|m| m.as_str().to_owned()),
        evidence.map(|e| e.account_reference.as_str()),
        item.received_at().millis(),
        evidence.and_then(|e| e.order).map(|sale| sale.to_string()),
        columns.push.map(|(sale, _)| sale.to_string()),
        columns.code,
        columns.description,
    ])? == 1;
    if let (true, Some(receipt)) = (new, columns.receipt) {
        dirty.receipt(receipt.clone());
    }
    Ok(())
}

/// What the kinds of message have in common, as the table has it.
#[derive(Default)]
struct Columns<'a> {
    receipt: Option<&'a ReceiptCode>,
    amount: Option<Money>,
    at: Option<Timestamp>,
    push: Option<(FactId, &'a CheckoutId)>,
    code: Option<&'a str>,
    description: Option<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(item: &'a FeedItem) -> Self {
        let evidence = item.evidence();
        let money = Self {
            receipt: evidence.map(|e| &e.receipt),
            amount: evidence.map(|e| e.amount),
            at: evidence.and_then(|e| e.paid_at),
            ..Self::default()
        };
        match item {
            FeedItem::Arrival(_) => money,
            FeedItem::PushResult(push) => Self {
                push: Some((push.sale, &push.checkout)),
                code: Some(&push.code),
                description: Some(&push.description),
                ..money
            },
            FeedItem::PushQuery(push) => Self {
                push: Some((push.sale, &push.checkout)),
                code: Some(&push.code),
                description: Some(&push.description),
                ..money
            },
            FeedItem::Reversal(reversal) => Self {
                receipt: Some(&reversal.receipt),
                amount: Some(reversal.amount),
                at: reversal.reversed_at,
                description: reversal.reversal.as_ref().map(ReceiptCode::as_str),
                ..money
            },
            FeedItem::Retraction(retraction) => Self {
                receipt: Some(&retraction.receipt),
                code: Some(retraction.source.name()),
                description: Some(&retraction.reason),
                ..money
            },
        }
    }
}

/// The sale that a push of ours was for, by Safaricom's name for the push; as it was named, where the push is
/// not ours.
fn own_push(c: &Connection, named: FactId, checkout: &CheckoutId) -> Result<FactId, LedgerError> {
    let sql = "UPDATE pushes SET checkout = ?1, refused = NULL
               WHERE checkout IS NULL AND attempt = (SELECT max(p.attempt) FROM pushes p WHERE p.sale = pushes.sale)
                 AND sale IN (SELECT ?2 UNION ALL SELECT id FROM sales WHERE formerly = ?2)
                 AND NOT EXISTS (SELECT 1 FROM pushes WHERE checkout = ?1)";
    c.prepare_cached(sql)?.execute(params![checkout.as_str(), named.to_string()])?;
    let mut find = c.prepare_cached("SELECT sale FROM pushes WHERE checkout = ?")?;
    let read = |row: &rusqlite::Row<'_>| rows::parsed(row, "sale", str::parse);
    Ok(find.query_row([checkout.as_str()], read).optional()?.unwrap_or(named))
}
