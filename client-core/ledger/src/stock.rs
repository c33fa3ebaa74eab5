//! Stock as rows: what each fact did to each product, what was counted, and what that adds up to. What counts and
//! how often is decided in [`domain::stock`]; here it is added up as facts come, so that a sale costs a row and a
//! sum whatever came before it.

use crate::rows::{self, parsed, signed, unsigned};
use crate::{LedgerError, Reader};
use domain::stock::weight;
use domain::{Actor, Count, Fact, FactId, Level, ProductId, Seen, ShopId, StockChange};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// What a product's stock adds up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockRow {
    /// The product.
    pub product: ProductId,
    /// How much of it there is; below zero, more was sold than was ever known to be there.
    pub level: Level,
    /// Everything that this takes is here. Else part of the history is not, nobody has counted since, and the
    /// level is only by how much it changed.
    pub whole: bool,
}

/// The count of a product that stands.
struct Stands {
    level: i64,
    seen: Seen,
}

/// Takes in what a fact did to the stock; a fact that names no product costs nothing.
pub(crate) fn fact(c: &Connection, shop: i64, fact: &Fact) -> Result<(), LedgerError> {
    let changes = domain::stock::changes(fact);
    if changes.is_empty() {
        return Ok(());
    }
    // A sale may come after somebody else cancelled it.
    let voids = voids_of(c, shop, fact.id)?;
    let sql =
        "INSERT INTO goods (shop, product, till, incarnation, number, change) VALUES (?, ?, ?, ?, ?, ?)";
    let FactId { actor, number } = fact.id;
    for StockChange { product, change } in changes {
        let product = product.as_str();
        let row = params![shop, product, actor.till.0, actor.incarnation, signed(number)?, change];
        c.prepare_cached(sql)?.execute(row)?;
        let seen = stands(c, shop, product)?.map(|stands| stands.seen);
        add(c, shop, product, change.saturating_mul(weight(seen.as_ref(), fact.id, &voids)))?;
    }
    Ok(())
}

/// Puts back what a cancelled sale took; cancelling it a second time puts nothing back. The void is written
/// already.
pub(crate) fn void(c: &Connection, shop: i64, sale: FactId, void: FactId) -> Result<(), LedgerError> {
    let voids = voids_of(c, shop, sale)?;
    let before: Vec<FactId> = voids.iter().copied().filter(|id| *id != void).collect();
    let sql =
        "SELECT s.product, g.change FROM stock s JOIN goods g ON g.shop = s.shop AND g.product = s.product
                 AND g.till = ? AND g.incarnation = ? AND g.number = ? WHERE s.shop = ?";
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, String>("product")?, row.get::<_, i64>("change")?));
    let key = params![sale.actor.till.0, sale.actor.incarnation, signed(sale.number)?, shop];
    for (product, change) in find.query_map(key, read)?.collect::<Result<Vec<_>, _>>()? {
        let seen = stands(c, shop, &product)?.map(|stands| stands.seen);
        let weight = |voids: &[FactId]| weight(seen.as_ref(), sale, voids);
        let turned = weight(&voids).saturating_sub(weight(&before));
        add(c, shop, &product, change.saturating_mul(turned))?;
    }
    Ok(())
}

/// Takes in what somebody counted. Where it is the count that stands now, the stock is what it says, and what
/// happened beyond it.
pub(crate) fn count(c: &Connection, shop: i64, id: FactId, count: &Count) -> Result<(), LedgerError> {
    let (till, life, number) = (id.actor.till.0, id.actor.incarnation, signed(id.number)?);
    let sql = "INSERT INTO seen (shop, till, incarnation, number, of_till, of_incarnation, upto)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    for (actor, upto) in count.seen() {
        let upto = i64::try_from(*upto).unwrap_or(i64::MAX);
        let row = params![shop, till, life, number, actor.till.0, actor.incarnation, upto];
        c.prepare_cached(sql)?.execute(row)?;
    }
    let rank = i64::try_from(count.rank(id).0).unwrap_or(i64::MAX);
    let sql = "INSERT INTO counts (shop, product, rank, till, incarnation, number, level)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    for (product, level) in count.goods() {
        let row = params![shop, product.as_str(), rank, till, life, number, level.milli()];
        c.prepare_cached(sql)?.execute(row)?;
    }
    let products: Vec<&str> = count.goods().keys().map(ProductId::as_str).collect();
    add_up(c, shop, &products)
}

/// Adds a shop's stock up anew, after facts were taken out.
pub(crate) fn recount(c: &Connection, shop: i64) -> Result<(), LedgerError> {
    c.execute("DELETE FROM stock WHERE shop = ?", [shop])?;
    let sql = "SELECT product FROM goods WHERE shop = ?1 UNION SELECT product FROM counts WHERE shop = ?1";
    let mut find = c.prepare(sql)?;
    let products = find.query_map([shop], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    add_up(c, shop, &products.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Adds products up from the count that stands, and from what lies beyond it.
fn add_up(c: &Connection, shop: i64, products: &[&str]) -> Result<(), LedgerError> {
    let mut find = c.prepare_cached("SELECT till, incarnation FROM journals WHERE shop = ?")?;
    let actors = find.query_map([shop], rows::actor)?.collect::<Result<Vec<Actor>, _>>()?;
    let mut find = c.prepare_cached("SELECT DISTINCT sale FROM voids WHERE shop = ?")?;
    let voided = find.query_map([shop], |row| parsed(row, "sale", str::parse))?;
    let voided = voided.collect::<Result<Vec<FactId>, _>>()?;
    for product in products {
        let stands = stands(c, shop, product)?;
        let seen = stands.as_ref().map(|stands| &stands.seen);
        let mut level = stands.as_ref().map_or(0, |stands| stands.level);
        let mut counted = |fact: FactId, change: i64| -> Result<(), LedgerError> {
            let weight = weight(seen, fact, &voids_of(c, shop, fact)?);
            level = level.saturating_add(change.saturating_mul(weight));
            Ok(())
        };
        let upto = |actor: &Actor| seen.and_then(|seen| seen.get(actor)).copied().unwrap_or(0);
        for actor in &actors {
            for (number, change) in goods(c, (shop, product, *actor), upto(actor)..u64::MAX)? {
                counted(FactId { actor: *actor, number }, change)?;
            }
        }
        // What the count has, and was cancelled since.
        for sale in voided.iter().filter(|sale| sale.number <= upto(&sale.actor)) {
            let before = sale.number.saturating_sub(1);
            for (_, change) in goods(c, (shop, product, sale.actor), before..sale.number)? {
                counted(*sale, change)?;
            }
        }
        let sql = "INSERT OR REPLACE INTO stock (shop, product, level) VALUES (?, ?, ?)";
        c.prepare_cached(sql)?.execute(params![shop, product, level])?;
    }
    Ok(())
}

/// What one till's facts did to a product, after the first number and up to the last.
fn goods(
    c: &Connection,
    (shop, product, actor): (i64, &str, Actor),
    numbers: std::ops::Range<u64>,
) -> Result<Vec<(u64, i64)>, LedgerError> {
    let sql = "SELECT number, change FROM goods
               WHERE shop = ? AND product = ? AND till = ? AND incarnation = ? AND number > ? AND number <= ?";
    let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (after, last) = (bound(numbers.start), bound(numbers.end));
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((unsigned(row, "number")?, row.get("change")?));
    let found = find.query_map(params![shop, product, actor.till.0, actor.incarnation, after, last], read)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The count of a product that stands; `None` if nobody ever counted it.
fn stands(c: &Connection, shop: i64, product: &str) -> Result<Option<Stands>, LedgerError> {
    let sql = "SELECT till, incarnation, number, level FROM counts WHERE shop = ? AND product = ?
               ORDER BY rank DESC, till DESC, incarnation DESC, number DESC LIMIT 1";
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((rows::actor(row)?, row.get::<_, i64>("number")?, row.get("level")?));
    let Some((actor, number, level)) = find.query_row(params![shop, product], read).optional()? else {
        return Ok(None);
    };
    let sql = "SELECT of_till AS till, of_incarnation AS incarnation, upto FROM seen
               WHERE shop = ? AND till = ? AND incarnation = ? AND number = ?";
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((rows::actor(row)?, unsigned(row, "upto")?));
    let seen = find.query_map(params![shop, actor.till.0, actor.incarnation, number], read)?;
    Ok(Some(Stands { level, seen: seen.collect::<Result<_, _>>()? }))
}

/// Who cancelled a sale; nearly always nobody.
fn voids_of(c: &Connection, shop: i64, sale: FactId) -> Result<Vec<FactId>, LedgerError> {
    let mut find = c.prepare_cached("SELECT id FROM voids WHERE sale = ? AND shop = ?")?;
    let found = find.query_map(params![sale.to_string(), shop], |row| parsed(row, "id", str::parse))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn add(c: &Connection, shop: i64, product: &str, change: i64) -> Result<(), LedgerError> {
    // Beyond counting it stays where it is, so that nobody can stop a ledger by overflowing it.
    let sql = "INSERT INTO stock (shop, product, level) VALUES (?, ?, ?)
               ON CONFLICT (shop, product) DO UPDATE SET level =
                 CASE WHEN abs(level) < 4000000000000000000 THEN level + excluded.level ELSE level END";
    c.prepare_cached(sql)?.execute(params![shop, product, change])?;
    Ok(())
}

impl Reader {
    /// The stock of every product that was ever moved, sold or counted, by product; or only what is known to be
    /// below zero.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn stock(&self, shop: &ShopId, below: bool) -> Result<Vec<StockRow>, LedgerError> {
        let key = self.shop_key(shop)?;
        let bases: BTreeMap<Actor, u64> =
            self.backlog(shop)?.journals.into_iter().map(|(actor, base, _)| (actor, base.number)).collect();
        let lost = if bases.is_empty() { Vec::new() } else { self.voids_of_lost_sales(key, &bases)? };
        let sql = "SELECT product, level FROM stock WHERE shop = ? AND (level < 0 OR NOT ?) ORDER BY product";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| Ok((parsed(row, "product", ProductId::parse)?, level(row)?));
        let found = find.query_map(params![key, below], read)?.collect::<Result<Vec<_>, _>>()?;
        let mut stock = Vec::with_capacity(found.len());
        for (product, level) in found {
            let whole = bases.is_empty()
                || stands(&self.connection, key, product.as_str())?.is_some_and(|Stands { seen, .. }| {
                    let within = |actor: &Actor, number: u64| seen.get(actor).is_some_and(|n| *n >= number);
                    bases.iter().all(|(actor, base)| within(actor, *base))
                        && lost.iter().all(|void| within(&void.actor, void.number))
                });
            if whole || !below {
                stock.push(StockRow { product, level, whole });
            }
        }
        Ok(stock)
    }

    /// What cancelled sales that are older than what is here: nobody here can say what they put back.
    fn voids_of_lost_sales(
        &self,
        shop: i64,
        bases: &BTreeMap<Actor, u64>,
    ) -> Result<Vec<FactId>, LedgerError> {
        let sql = "SELECT id, sale FROM voids v WHERE shop = ?
                     AND NOT EXISTS (SELECT 1 FROM sales s WHERE s.id = v.sale AND s.shop = v.shop)";
        let mut find = self.connection.prepare_cached(sql)?;
        let read =
            |row: &Row<'_>| Ok((parsed(row, "id", str::parse)?, parsed::<FactId>(row, "sale", str::parse)?));
        let found = find.query_map([shop], read)?.collect::<Result<Vec<(FactId, FactId)>, _>>()?;
        let lost = |sale: &FactId| bases.get(&sale.actor).is_some_and(|base| sale.number <= *base);
        Ok(found.into_iter().filter(|(_, sale)| lost(sale)).map(|(void, _)| void).collect())
    }
}

fn level(row: &Row<'_>) -> rusqlite::Result<Level> {
    Ok(Level::sum(row.get("level")?))
}
