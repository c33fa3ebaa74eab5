//! What can be said of a sale by mistake, and taken back.

use crate::rows::{money, parsed, time};
use crate::{LedgerError, Reader, SaleRow};
use domain::{Cited, FactId, Money, Timestamp};
use rusqlite::params;

/// What can be said of the sale `?1` and taken back, taken back or not.
pub(crate) const SAID: &str = "
    SELECT 'cash' AS kind, id, sale, shop, amount, at, said FROM cash WHERE sale = ?1
    UNION ALL SELECT 'refund', id, sale, shop, amount, at, said FROM refunds WHERE sale = ?1
    UNION ALL SELECT 'return', id, sale, shop, amount, at, said FROM returns WHERE sale = ?1
    UNION ALL SELECT 'tip', id, sale, shop, amount, at, said FROM tips WHERE sale = ?1";

/// What can be said of a sale and taken back as a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Cash was taken for it.
    Cash,
    /// Cash went back to its customer.
    Refund,
    /// Goods of it came back.
    Return,
    /// Its customer left something beyond it.
    Tip,
}

impl Said {
    /// The stable name, in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Refund => "refund",
            Self::Return => "return",
            Self::Tip => "tip",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Cash, Self::Refund, Self::Return, Self::Tip].into_iter().find(|said| said.name() == name)
    }

    /// It went through a drawer.
    pub const fn in_cash(self) -> bool {
        matches!(self, Self::Cash | Self::Refund)
    }
}

/// Something that was said of a sale and stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidRow {
    /// The fact.
    pub id: FactId,
    /// How others refer to it.
    pub cited: Cited,
    /// What it says.
    pub said: Said,
    /// How much; what goods that came back are worth.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

impl Reader {
    /// What was said of a sale, can be taken back as a mistake, and was not; newest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn said_of(&self, sale: &SaleRow) -> Result<Vec<SaidRow>, LedgerError> {
        let sql = format!(
            "SELECT t.* FROM ({SAID}) t WHERE t.shop = ?2 AND NOT EXISTS (
               SELECT 1 FROM undone u WHERE u.sale = t.sale AND u.shop = t.shop AND u.what = t.said)
             ORDER BY at DESC, id DESC"
        );
        let mut find = self.connection.prepare_cached(&sql)?;
        let read = |row: &rusqlite::Row<'_>| {
            let kind: String = row.get("kind")?;
            Ok(SaidRow {
                id: parsed(row, "id", str::parse)?,
                cited: parsed(row, "said", str::parse)?,
                said: Said::named(&kind).ok_or_else(|| crate::rows::damaged("no such word"))?,
                amount: money(row, "amount")?,
                at: time(row, "at")?,
            })
        };
        let key = params![sale.id.to_string(), self.shop_key(&sale.shop)?];
        Ok(find.query_map(key, read)?.collect::<Result<_, _>>()?)
    }
}
