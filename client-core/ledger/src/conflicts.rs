//! Payments that more than one sale wants, and all that is claimed on one payment.

use crate::rows::{self, money, parsed, time};
use crate::{LedgerError, Reader};
use domain::verdict::StandingClaim;
use domain::{Cited, Claim, Money, ReceiptCode, ShopId};
use rusqlite::{Row, params};

/// A claim on a payment that was not taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimOn {
    /// What it says, and since when.
    pub standing: StandingClaim,
    /// Who made it.
    pub by: String,
    /// What its sale still owes; nothing where that is not here.
    pub due: Option<Money>,
}

impl Reader {
    /// The codes that more than one sale of a shop wants.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn contested(&self, shop: &ShopId, limit: u32) -> Result<Vec<ReceiptCode>, LedgerError> {
        let sql = "SELECT DISTINCT c.receipt FROM sales s JOIN claims c ON c.sale = s.id AND c.shop = s.shop
                   WHERE s.shop = ?1 AND s.conflict = 1
                     AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop)
                     AND EXISTS (SELECT 1 FROM claims o WHERE o.shop = c.shop AND o.receipt = c.receipt
                                   AND o.sale <> c.sale)
                   ORDER BY c.receipt LIMIT ?2";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| parsed(row, "receipt", ReceiptCode::parse);
        Ok(find.query_map(params![self.shop_key(shop)?, limit], read)?.collect::<Result<_, _>>()?)
    }

    /// The claims on a code that were not taken back, oldest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn claims_on(&self, shop: &ShopId, receipt: &ReceiptCode) -> Result<Vec<ClaimOn>, LedgerError> {
        let sql = "SELECT c.*, (SELECT due FROM sales s WHERE s.id = c.sale AND s.shop = c.shop) AS due
                   FROM claims c WHERE c.shop = ? AND c.receipt = ?
                     AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop)
                     AND NOT EXISTS (SELECT 1 FROM voids v WHERE v.sale = c.sale AND v.shop = c.shop)
                   ORDER BY c.at, c.id";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            let sale: Cited = parsed(row, "sale", str::parse)?;
            let due: Option<i64> = row.get("due")?;
            let part = row.get::<_, Option<i64>>("part")?.map(|_| money(row, "part")).transpose()?;
            let standing = StandingClaim {
                id: parsed(row, "id", str::parse)?,
                at: time(row, "at")?,
                claim: Claim { part, ..Claim::new(receipt.clone(), sale, rows::how(row)?) },
                withdrawn: false,
            };
            Ok(ClaimOn { standing, by: row.get("by")?, due: due.map(Money::from_cents) })
        };
        let found = find.query_map(params![self.shop_key(shop)?, receipt.as_str()], read)?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
