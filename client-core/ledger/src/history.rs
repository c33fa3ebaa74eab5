//! What happened to a sale or a payment, and who did it.

use crate::rows::{self, parsed, time};
use crate::{Ledger, LedgerError, how_name};
use domain::{FactId, ReceiptCode, ShopId, Timestamp};
use rusqlite::{Params, Row, params};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// Who did it; `Safaricom` for what Safaricom said.
    pub by: String,
    /// What, in words.
    pub text: String,
}

impl Ledger {
    /// The timeline of a sale, oldest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn history_of_sale(&self, sale: FactId) -> Result<Vec<Happening>, LedgerError> {
        let id = sale.to_string();
        let mut all = self.happenings(
            "SELECT at, by, 'sold for ' || tender AS text FROM sales WHERE id = ?1
             UNION ALL SELECT at, by, 'cash taken: ' || printf('%d.%02d', amount / 100, amount % 100) FROM cash
               WHERE sale = ?1 AND shop = (SELECT shop FROM sales WHERE id = ?1)
             UNION ALL SELECT at, by, 'sale cancelled: ' || reason FROM voids
               WHERE sale = ?1 AND shop = (SELECT shop FROM sales WHERE id = ?1)
             UNION ALL SELECT received_at, 'Safaricom', 'M-Pesa request: ' || description FROM feed
               WHERE sale = ?1 AND receipt IS NULL",
            params![id],
        )?;
        let mut find = self.connection.prepare_cached(
            "SELECT DISTINCT c.receipt, s.id AS shop FROM claims c JOIN shops s ON s.key = c.shop
             WHERE c.sale = ?1 AND c.shop = (SELECT shop FROM sales WHERE id = ?1)",
        )?;
        let read = |row: &Row<'_>| {
            Ok((parsed(row, "receipt", ReceiptCode::parse)?, parsed(row, "shop", ShopId::parse)?))
        };
        for found in find.query_map([&id], read)? {
            let (receipt, shop) = found?;
            all.extend(self.history_of_payment(&shop, &receipt)?);
        }
        all.sort_by_key(|happening| happening.at);
        Ok(all)
    }

    /// The timeline of a receipt code, oldest first: every message, every claim, every release.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn history_of_payment(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
    ) -> Result<Vec<Happening>, LedgerError> {
        let key = params![self.shop_key(shop)?, receipt.as_str()];
        let mut all = self.happenings(
            "SELECT received_at AS at, 'Safaricom' AS by, receipt || ' received ('
               || CASE source WHEN 'stk_result' THEN 'M-Pesa request' ELSE 'confirmation' END || ')' AS text
             FROM feed WHERE shop = ?1 AND receipt = ?2",
            key,
        )?;
        all.extend(self.claims_told(shop, receipt)?);
        all.extend(self.happenings(
            "SELECT r.at, r.by, c.receipt || ' released from sale ' || c.sale || ': ' || r.reason AS text
             FROM releases r JOIN claims c ON c.id = r.claim AND c.shop = r.shop
             WHERE c.shop = ?1 AND c.receipt = ?2",
            key,
        )?);
        // A stable order: what happened in one instant stays in the order of its kinds.
        all.sort_by_key(|happening| happening.at);
        Ok(all)
    }

    fn claims_told(&self, shop: &ShopId, receipt: &ReceiptCode) -> Result<Vec<Happening>, LedgerError> {
        let sql = "SELECT at, by, sale, how FROM claims WHERE shop = ? AND receipt = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            let (sale, how) = (row.get::<_, String>("sale")?, how_name(rows::how(row)?));
            let text = format!("{receipt} claimed for sale {sale} ({})", how.replace('_', " "));
            Ok(Happening { at: time(row, "at")?, by: row.get("by")?, text })
        };
        let found = find.query_map(params![self.shop_key(shop)?, receipt.as_str()], read)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn happenings(&self, sql: &str, key: impl Params) -> Result<Vec<Happening>, LedgerError> {
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            Ok(Happening { at: time(row, "at")?, by: row.get("by")?, text: row.get("text")? })
        };
        Ok(find.query_map(key, read)?.collect::<Result<_, _>>()?)
    }
}
