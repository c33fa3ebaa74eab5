//! What went out on codes whose payments nobody has seen, or on the customer's word.

use crate::rows::{money, parsed, parsed_option};
use crate::{LedgerError, Reader};
use domain::{FactId, Money, PhoneEnding, ReceiptCode, ShopId};
use rusqlite::{Row, params};

/// A claim whose payment nobody has seen, or somebody's word that a sale will be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedRow {
    /// The fact that says so.
    pub said: FactId,
    /// The sale.
    pub sale: FactId,
    /// What that still owes.
    pub due: Money,
    /// What is claimed of that: all of it, unless a part was said.
    pub amount: Money,
    /// How the customer's number ends, where somebody took that down.
    pub phone: Option<PhoneEnding>,
}

impl Reader {
    /// What of a shop's sales that owe something is claimed and was not seen, also where another sale has that, or was
    /// handed out on somebody's word.
    /// Few, however many sales are open.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn unverified(&self, shop: &ShopId) -> Result<Vec<UnverifiedRow>, LedgerError> {
        let sql = "SELECT c.id, c.sale, s.due, min(coalesce(c.part, s.due), s.due) AS amount, c.phone
                   FROM sales s JOIN claims c ON c.sale = s.id AND c.shop = s.shop
                   WHERE s.shop = ?1 AND s.state = 'claimed'
                     AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop)
                     AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.shop = c.shop AND p.receipt = c.receipt)
                   UNION ALL
                   SELECT c.id, c.sale, s.due, min(coalesce(c.part, s.due), s.due) AS amount, c.phone
                   FROM sales s JOIN claims c ON c.sale = s.id AND c.shop = s.shop
                   WHERE s.shop = ?1 AND (s.conflict = 1 OR s.reversed = 1) AND s.conflict = 1 AND s.due > 0
                     AND s.state NOT IN ('claimed', 'voided')
                     AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop)
                     AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.shop = c.shop AND p.receipt = c.receipt)
                   UNION ALL
                   SELECT t.id, t.sale, s.due, s.due AS amount, NULL FROM trusts t JOIN sales s ON s.id = t.sale AND s.shop = t.shop
                   WHERE t.shop = ?1 AND s.due > 0 AND s.state <> 'voided'";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            Ok(UnverifiedRow {
                said: parsed(row, "id", str::parse)?,
                sale: parsed(row, "sale", str::parse)?,
                due: money(row, "due")?,
                amount: money(row, "amount")?,
                phone: parsed_option(row, "phone", PhoneEnding::parse)?,
            })
        };
        Ok(find.query_map([self.shop_key(shop)?], read)?.collect::<Result<_, _>>()?)
    }

    /// Whether another shop of this ledger has a payment with this code: seen at head office alone.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn paid_elsewhere(&self, shop: &ShopId, receipt: &ReceiptCode) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM payments WHERE receipt = ? AND shop <> ?";
        let key = params![receipt.as_str(), self.shop_key(shop)?];
        Ok(self.connection.prepare_cached(sql)?.exists(key)?)
    }
}
