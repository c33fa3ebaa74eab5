//! What is in doubt: payments whose messages disagree, that a second source has to confirm, or that went back;
//! and sales that wait for a payment.

use crate::query::{SALES, sale_row};
use crate::rows::parsed;
use crate::{LedgerError, PaymentRow, Reader, SaleRow};
use domain::{FactId, ReceiptCode, ShopId, TillId, Timestamp};
use rusqlite::{Row, params};
use std::collections::BTreeSet;

impl Reader {
    /// The payments of a shop whose messages disagree, newest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn disagreeing(&self, shop: &ShopId, limit: u32) -> Result<Vec<PaymentRow>, LedgerError> {
        let condition = "p.shop = ? AND (p.disagreements <> '' OR EXISTS (
                           SELECT 1 FROM payments o WHERE o.receipt = p.receipt AND o.shop <> p.shop))
                         ORDER BY p.paid_at DESC, p.receipt LIMIT ?";
        self.payments_where(condition, params![self.shop_key(shop)?, limit])
    }

    /// The payments of a till's own sales, received after an instant, for which the shop wants a second source
    /// and none has come.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn unconfirmed(
        &self,
        shop: &ShopId,
        till: TillId,
        after: Timestamp,
    ) -> Result<Vec<ReceiptCode>, LedgerError> {
        let sql = "SELECT DISTINCT p.receipt FROM payments p JOIN shares h USING (shop, receipt)
                   JOIN sales s ON s.id = h.sale AND s.shop = h.shop
                   WHERE p.shop = ?1 AND p.confirmed = 0 AND p.reversed = 0 AND p.sale IS NOT NULL
                     AND p.amount >= (SELECT second_source_from FROM shops WHERE key = ?1)
                     AND s.till = ?2 AND p.received_at > ?3 ORDER BY p.received_at";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| parsed(row, "receipt", ReceiptCode::parse);
        let found = find.query_map(params![self.shop_key(shop)?, till.0, after.millis()], read)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The sales of one till of which a payment went back to the customer.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn reversed_sales(&self, shop: &ShopId, till: TillId) -> Result<BTreeSet<FactId>, LedgerError> {
        let sql = "SELECT id FROM sales WHERE shop = ? AND reversed = 1 AND till = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| parsed(row, "id", str::parse);
        Ok(find.query_map(params![self.shop_key(shop)?, till.0], read)?.collect::<Result<_, _>>()?)
    }

    /// The sales of one till that wait for a payment, newest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn open_sales(&self, shop: &ShopId, till: TillId, limit: u32) -> Result<Vec<SaleRow>, LedgerError> {
        let sql = format!("{SALES} WHERE s.shop = ? AND s.due > 0 AND s.till = ? ORDER BY s.at DESC LIMIT ?");
        let mut find = self.connection.prepare_cached(&sql)?;
        let found = find.query_map(params![self.shop_key(shop)?, till.0, limit], sale_row)?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
