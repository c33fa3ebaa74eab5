//! Stock as rows: what each fact did to each product, and what that adds up to.

use crate::rows::parsed;
use crate::{LedgerError, Reader};
use domain::{Fact, FactId, Level, ProductId, ShopId, StockChange};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What a product's stock adds up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockRow {
    /// The product.
    pub product: ProductId,
    /// How much of it there is; below zero, more was sold than was ever known to be there.
    pub level: Level,
}

/// Takes in what a fact did to the stock; a fact that names no product costs nothing.
pub(crate) fn fact(c: &Connection, shop: i64, fact: &Fact) -> Result<(), LedgerError> {
    let changes = domain::stock::changes(fact);
    if changes.is_empty() {
        return Ok(());
    }
    let id = fact.id.to_string();
    // A sale may come after somebody else cancelled it.
    let voided = "SELECT EXISTS (SELECT 1 FROM voids WHERE sale = ? AND shop = ?)";
    let voided: bool = c.prepare_cached(voided)?.query_row(params![id, shop], |row| row.get(0))?;
    let sql = "INSERT INTO goods (fact, product, shop, change) VALUES (?, ?, ?, ?)";
    for StockChange { product, change } in changes {
        c.prepare_cached(sql)?.execute(params![id, product.as_str(), shop, change])?;
        add(c, shop, product.as_str(), if voided { 0 } else { change })?;
    }
    Ok(())
}

/// Puts back what a cancelled sale took; cancelling it a second time puts nothing back. The void is written
/// already.
pub(crate) fn void(c: &Connection, shop: i64, sale: FactId) -> Result<(), LedgerError> {
    let id = sale.to_string();
    let first = "SELECT count(*) = 1 FROM voids WHERE sale = ? AND shop = ?";
    if !c.prepare_cached(first)?.query_row(params![id, shop], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    let mut find = c.prepare_cached("SELECT product, change FROM goods WHERE fact = ? AND shop = ?")?;
    let read = |row: &Row<'_>| Ok((row.get::<_, String>("product")?, row.get::<_, i64>("change")?));
    let goods = find.query_map(params![id, shop], read)?.collect::<Result<Vec<_>, _>>()?;
    goods.into_iter().try_for_each(|(product, change)| add(c, shop, &product, change.saturating_neg()))
}

/// Adds a shop's stock up anew, after facts were taken out.
pub(crate) fn recount(c: &Connection, shop: i64) -> Result<(), LedgerError> {
    c.execute("DELETE FROM stock WHERE shop = ?", [shop])?;
    let sql = "SELECT product, change * NOT EXISTS (SELECT 1 FROM voids v WHERE v.sale = g.fact AND v.shop = g.shop)
               FROM goods g WHERE shop = ?";
    let mut find = c.prepare(sql)?;
    let mut rows = find.query([shop])?;
    while let Some(row) = rows.next()? {
        add(c, shop, &row.get::<_, String>(0)?, row.get(1)?)?;
    }
    Ok(())
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
    /// The stock of every product that was ever moved or sold, by product; or only what is below zero.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn stock(&self, shop: &ShopId, below: bool) -> Result<Vec<StockRow>, LedgerError> {
        let sql = "SELECT product, level FROM stock WHERE shop = ? AND (level < 0 OR NOT ?) ORDER BY product";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            Ok(StockRow { product: parsed(row, "product", ProductId::parse)?, level: level(row)? })
        };
        Ok(find.query_map(params![self.shop_key(shop)?, below], read)?.collect::<Result<_, _>>()?)
    }

    /// The stock of one product.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn stock_of(&self, shop: &ShopId, product: &ProductId) -> Result<Level, LedgerError> {
        let sql = "SELECT level FROM stock WHERE shop = ? AND product = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let found = find.query_row(params![self.shop_key(shop)?, product.as_str()], level).optional()?;
        Ok(found.unwrap_or_default())
    }
}

fn level(row: &Row<'_>) -> rusqlite::Result<Level> {
    Ok(Level::sum(row.get("level")?))
}
