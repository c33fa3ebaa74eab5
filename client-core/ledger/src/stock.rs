//! Stock as rows: what each fact did to each product, what was counted, and what that adds up to. What counts and
//! how often is decided in [`domain::stock`]; here it is added up as facts come, so that a sale costs a row and a
//! sum whatever came before it.

use crate::rows::{self, parsed, signed, unsigned};
use crate::{LedgerError, Reader};
use domain::stock::weight;
use domain::{Actor, Cited, Count, Fact, FactId, Level, ProductId, Seen, ShopId, StockChange};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{BTreeMap, BTreeSet};

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

/// What is known before somebody counts; see [`Reader::before_count`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeforeCount {
    /// How far every journal is the cloud's too.
    pub seen: Seen,
    /// By how much facts beyond that change each product.
    pub beyond: BTreeMap<ProductId, Level>,
    /// The counts in whose place the new one stands.
    pub replaces: BTreeSet<Cited>,
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
        let seen = stands(c, shop, product)?;
        add(c, shop, product, change.saturating_mul(weight(seen.as_ref(), fact.id, &voids)))?;
    }
    Ok(())
}

/// Puts back what a cancelled sale took, less what had come back before; cancelling it a second time puts nothing
/// back. The void is written already. The sale need not be here for what came back of it to count no more.
pub(crate) fn void(c: &Connection, shop: i64, sale: Cited, void: FactId) -> Result<(), LedgerError> {
    let here = sale.at.is_none().then_some(sale.id);
    here.into_iter().chain(returns_of(c, shop, sale)?).try_for_each(|fact| cancelled(c, shop, fact, void))
}

/// Takes back what came back by mistake. That this was so is written already.
pub(crate) fn undone(c: &Connection, shop: i64, what: Cited, undone: FactId) -> Result<(), LedgerError> {
    let sql = "SELECT r.id FROM undone u JOIN returns r ON r.sale = u.sale AND r.shop = u.shop
                 AND u.what = r.said WHERE u.id = ? AND u.what = ?";
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| parsed(row, "id", str::parse);
    let returns = find.query_map(params![undone.to_string(), what.to_string()], read)?;
    let returns = returns.collect::<Result<Vec<FactId>, _>>()?;
    returns.into_iter().try_for_each(|back| cancelled(c, shop, back, undone))
}

/// What came back of a sale.
pub(crate) fn returns_of(c: &Connection, shop: i64, sale: Cited) -> Result<Vec<FactId>, LedgerError> {
    let mut find = c.prepare_cached("SELECT id FROM returns WHERE sale = ? AND shop = ?")?;
    let found = find.query_map(params![sale.to_string(), shop], |row| parsed(row, "id", str::parse))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn cancelled(c: &Connection, shop: i64, sale: FactId, void: FactId) -> Result<(), LedgerError> {
    let voids = voids_of(c, shop, sale)?;
    let before: Vec<FactId> = voids.iter().copied().filter(|id| *id != void).collect();
    let sql =
        "SELECT s.product, g.change FROM stock s JOIN goods g ON g.shop = s.shop AND g.product = s.product
                 AND g.till = ? AND g.incarnation = ? AND g.number = ? WHERE s.shop = ?";
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, String>("product")?, row.get::<_, i64>("change")?));
    let key = params![sale.actor.till.0, sale.actor.incarnation, signed(sale.number)?, shop];
    for (product, change) in find.query_map(key, read)?.collect::<Result<Vec<_>, _>>()? {
        let seen = stands(c, shop, &product)?;
        let weight = |voids: &[FactId]| weight(seen.as_ref(), sale, voids);
        let turned = weight(&voids).saturating_sub(weight(&before));
        add(c, shop, &product, change.saturating_mul(turned))?;
    }
    Ok(())
}

/// Takes in what somebody counted. Where it is the count that stands now, the stock is what it says, and what
/// happened beyond it.
pub(crate) fn count(c: &Connection, shop: i64, fact: &Fact, count: &Count) -> Result<(), LedgerError> {
    let FactId { actor: Actor { till, incarnation }, number } = fact.id;
    let (till, number) = (till.0, signed(number)?);
    let sql = "INSERT INTO seen (shop, till, incarnation, number, of_till, of_incarnation, upto)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    for (actor, upto) in count.seen() {
        let row = params![shop, till, incarnation, number, actor.till.0, actor.incarnation, signed(*upto)?];
        c.prepare_cached(sql)?.execute(row)?;
    }
    let sql = "INSERT INTO replaced (shop, cited, till, incarnation, number) VALUES (?, ?, ?, ?, ?)";
    for cited in count.replaces() {
        c.prepare_cached(sql)?.execute(params![shop, cited.to_string(), till, incarnation, number])?;
    }
    let sql = "INSERT INTO counts (shop, product, till, incarnation, number, cited, at, level)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let (cited, at) = (fact.cited().to_string(), fact.at.millis());
    for (product, counted) in count.goods() {
        let level = counted.within().milli();
        let row = params![shop, product.as_str(), till, incarnation, number, cited, at, level];
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

/// Adds up anew what a fact changed, after something else was said about it.
pub(crate) fn recount_of(c: &Connection, shop: i64, fact: FactId) -> Result<(), LedgerError> {
    let sql = "SELECT s.product FROM stock s JOIN goods g ON g.shop = s.shop AND g.product = s.product
                 AND g.till = ? AND g.incarnation = ? AND g.number = ? WHERE s.shop = ?";
    let mut find = c.prepare_cached(sql)?;
    let key = params![fact.actor.till.0, fact.actor.incarnation, signed(fact.number)?, shop];
    let products = find.query_map(key, |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    add_up(c, shop, &products.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Adds products up from the count that stands, and from what lies beyond it.
fn add_up(c: &Connection, shop: i64, products: &[&str]) -> Result<(), LedgerError> {
    let facts = Facts::of(c, shop)?;
    for product in products {
        let stands = elect(c, shop, product)?;
        let (level, seen) =
            stands.as_ref().map_or((0, None), |(_, stands)| (stands.level, Some(&stands.seen)));
        let level = level.saturating_add(facts.beyond(c, product, seen)?);
        let count = stands.map(|(count, _)| count);
        let (till, incarnation) = (count.map(|id| id.actor.till.0), count.map(|id| id.actor.incarnation));
        let number = count.map(|id| signed(id.number)).transpose()?;
        let sql = "INSERT OR REPLACE INTO stock (shop, product, level, till, incarnation, number)
                   VALUES (?, ?, ?, ?, ?, ?)";
        c.prepare_cached(sql)?.execute(params![shop, product, level, till, incarnation, number])?;
    }
    Ok(())
}

/// The journals of a shop, and the sales that were cancelled.
struct Facts {
    shop: i64,
    actors: Vec<Actor>,
    voids: BTreeMap<FactId, Vec<FactId>>,
}

impl Facts {
    fn of(c: &Connection, shop: i64) -> Result<Self, LedgerError> {
        let mut find = c.prepare_cached("SELECT till, incarnation FROM journals WHERE shop = ?")?;
        let actors = find.query_map([shop], rows::actor)?.collect::<Result<Vec<Actor>, _>>()?;
        let sql = "SELECT sale, id FROM voids WHERE shop = ?1
                   UNION ALL SELECT r.id, v.id FROM voids v JOIN returns r USING (sale, shop) WHERE v.shop = ?1
                   UNION ALL SELECT r.id, u.id FROM undone u JOIN returns r USING (sale, shop)
                     WHERE u.shop = ?1 AND u.what = r.said";
        let mut find = c.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            Ok((parsed::<Cited>(row, "sale", str::parse)?, parsed::<FactId>(row, "id", str::parse)?))
        };
        let mut voids: BTreeMap<FactId, Vec<FactId>> = BTreeMap::new();
        for found in find.query_map([shop], read)? {
            let (sale, void) = found?;
            if sale.at.is_none() {
                voids.entry(sale.id).or_default().push(void);
            }
        }
        Ok(Self { shop, actors, voids })
    }

    /// What facts beyond what was seen did to a product.
    fn beyond(&self, c: &Connection, product: &str, seen: Option<&Seen>) -> Result<i64, LedgerError> {
        let mut sum = 0_i64;
        let mut add = |fact: FactId, change: i64| {
            let voids = self.voids.get(&fact).map_or(&[][..], Vec::as_slice);
            sum = sum.saturating_add(change.saturating_mul(weight(seen, fact, voids)));
        };
        let upto = |actor: &Actor| seen.and_then(|seen| seen.get(actor)).copied().unwrap_or(0);
        for actor in &self.actors {
            for (number, change) in goods(c, (self.shop, product, *actor), upto(actor)..u64::MAX)? {
                add(FactId { actor: *actor, number }, change);
            }
        }
        // What was seen, and cancelled since: little, however much was ever cancelled.
        let since = |void: &FactId| void.number > upto(&void.actor);
        let seen = self.voids.iter().filter(|(sale, _)| sale.number <= upto(&sale.actor));
        for (sale, _) in seen.filter(|(_, voids)| voids.iter().all(since)) {
            let before = sale.number.saturating_sub(1);
            for (_, change) in goods(c, (self.shop, product, sale.actor), before..sale.number)? {
                add(*sale, change);
            }
        }
        Ok(sum)
    }
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

/// The count of a product that stands now; `None` if nobody ever counted it. See [`Count::replaces`].
/// CROSS, so that what replaces a count is looked up and not searched for among all counts of the product.
fn elect(c: &Connection, shop: i64, product: &str) -> Result<Option<(FactId, Stands)>, LedgerError> {
    let sql = "SELECT till, incarnation, number, level FROM counts c WHERE shop = ?1 AND product = ?2
               ORDER BY EXISTS (SELECT 1 FROM replaced r CROSS JOIN counts k USING (shop, till, incarnation, number)
                 WHERE r.shop = c.shop AND r.cited = c.cited AND k.product = c.product),
                 at DESC, till DESC, incarnation DESC, number DESC LIMIT 1";
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        let id = FactId { actor: rows::actor(row)?, number: unsigned(row, "number")? };
        Ok((id, row.get("level")?))
    };
    let Some((id, level)) = find.query_row(params![shop, product], read).optional()? else {
        return Ok(None);
    };
    Ok(Some((id, Stands { level, seen: seen(c, shop, id)? })))
}

/// How far every journal was within the count of a product that stands; `None` if nobody ever counted it.
fn stands(c: &Connection, shop: i64, product: &str) -> Result<Option<Seen>, LedgerError> {
    let sql =
        "SELECT till, incarnation, number FROM stock WHERE shop = ? AND product = ? AND till IS NOT NULL";
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok(FactId { actor: rows::actor(row)?, number: unsigned(row, "number")? });
    let count = find.query_row(params![shop, product], read).optional()?;
    count.map(|count| seen(c, shop, count)).transpose()
}

fn seen(c: &Connection, shop: i64, FactId { actor, number }: FactId) -> Result<Seen, LedgerError> {
    let sql = "SELECT of_till AS till, of_incarnation AS incarnation, upto FROM seen
               WHERE shop = ? AND till = ? AND incarnation = ? AND number = ?";
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((rows::actor(row)?, unsigned(row, "upto")?));
    let found = find.query_map(params![shop, actor.till.0, actor.incarnation, signed(number)?], read)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Who cancelled a sale, or the sale of which this brought something back, or took that back; nearly always nobody.
fn voids_of(c: &Connection, shop: i64, sale: FactId) -> Result<Vec<FactId>, LedgerError> {
    let sql = "SELECT id FROM voids WHERE shop = ?2
                 AND sale IN (SELECT ?1 UNION ALL SELECT sale FROM returns WHERE id = ?1 AND shop = ?2)
               UNION ALL SELECT u.id FROM returns r JOIN undone u USING (sale, shop) WHERE r.id = ?1 AND r.shop = ?2
                 AND u.what = r.said";
    let mut find = c.prepare_cached(sql)?;
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
                || stands(&self.connection, key, product.as_str())?.is_some_and(|seen| {
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

    /// What a count of these products has to say beside what was counted: how far every journal is known to be
    /// the cloud's, by how much what lies beyond that changes each product, and the counts that stand or were
    /// not replaced.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn before_count<'a>(
        &self,
        shop: &ShopId,
        products: impl Iterator<Item = &'a ProductId>,
    ) -> Result<BeforeCount, LedgerError> {
        let (key, own) = self.home(shop)?;
        let mut seen = self.same_as_cloud(shop)?;
        seen.insert(own, self.cursors(shop)?.1);
        seen.retain(|_, number| *number > 0);
        let facts = Facts::of(&self.connection, key)?;
        let mut before = BeforeCount { beyond: BTreeMap::new(), replaces: BTreeSet::new(), seen };
        let sql = "SELECT cited FROM (
                     SELECT cited, at FROM counts c WHERE shop = ?1 AND product = ?2 AND NOT EXISTS (
                       SELECT 1 FROM replaced r CROSS JOIN counts k USING (shop, till, incarnation, number)
                       WHERE r.shop = c.shop AND r.cited = c.cited AND k.product = c.product)
                     UNION SELECT cited, c.at FROM counts c
                     JOIN stock s USING (shop, product, till, incarnation, number) WHERE shop = ?1 AND product = ?2)
                   ORDER BY at DESC LIMIT ?3";
        let mut find = self.connection.prepare_cached(sql)?;
        for product in products {
            let beyond = facts.beyond(&self.connection, product.as_str(), Some(&before.seen))?;
            // Whoever floods a shop with counts stops nobody: so many give way to each count.
            let room = Count::MAX_KNOWN.saturating_sub(before.replaces.len());
            let room = i64::try_from(room).unwrap_or(i64::MAX);
            before.beyond.insert(product.clone(), Level::sum(beyond));
            let found =
                find.query_map(params![key, product.as_str(), room], |row| parsed(row, "cited", str::parse))?;
            before.replaces.extend(found.collect::<Result<Vec<Cited>, _>>()?);
        }
        Ok(before)
    }

    /// What cancelled sales that are older than what is here, or took back what came back before: nobody here can say
    /// what that moved.
    fn voids_of_lost_sales(
        &self,
        shop: i64,
        bases: &BTreeMap<Actor, u64>,
    ) -> Result<Vec<FactId>, LedgerError> {
        let sql = "SELECT id, sale FROM voids v WHERE shop = ?1
                     AND NOT EXISTS (SELECT 1 FROM sales s WHERE s.id = v.sale AND s.shop = v.shop)
                   UNION ALL SELECT id, what AS sale FROM undone WHERE shop = ?1";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            Ok((parsed(row, "id", str::parse)?, parsed::<Cited>(row, "sale", str::parse)?.id))
        };
        let found = find.query_map([shop], read)?.collect::<Result<Vec<(FactId, FactId)>, _>>()?;
        let lost = |sale: &FactId| bases.get(&sale.actor).is_some_and(|base| sale.number <= *base);
        Ok(found.into_iter().filter(|(_, sale)| lost(sale)).map(|(void, _)| void).collect())
    }
}

fn level(row: &Row<'_>) -> rusqlite::Result<Level> {
    Ok(Level::sum(row.get("level")?))
}
