//! Goods at a till and at head office: what came, went, was counted, and what there is.

use crate::{Till, TillError};
use domain::{FactBody, FactId, Level, Person, ProductId, ShopId, StockMove, Timestamp};
pub use ledger::StockRow;
use std::collections::BTreeMap;

impl Till {
    /// The stock of every product that was ever moved or sold; or only what is below zero, which means that
    /// more was sold than was ever known to be there.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn stock(&self, shop: &ShopId, below: bool) -> Result<Vec<StockRow>, TillError> {
        self.read(|ledger| ledger.stock(shop, below))
    }

    /// Records goods that came or went. Gives the fact; a `request` key makes the call repeatable.
    ///
    /// # Errors
    /// Nothing was recorded.
    pub fn move_goods(
        &self,
        shop: &ShopId,
        moved: StockMove,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<FactId, TillError> {
        let mut ledger = self.ledger();
        if let Some(made) = request.map(|key| ledger.request(key)).transpose()?.flatten() {
            return Ok(made);
        }
        Ok(self.write(&mut ledger, shop, (by, now), FactBody::Stock(moved), request)?.0)
    }

    /// Records what somebody counted. The fact holds the count and the difference to what is known here, so
    /// that a sale elsewhere that is not known yet is still taken off when it comes.
    ///
    /// # Errors
    /// Nothing was recorded; on a new till as long as its history is not all here, for it does not know yet what
    /// there should be.
    pub fn count_goods(
        &self,
        shop: &ShopId,
        counted: &BTreeMap<ProductId, Level>,
        note: &str,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<FactId, TillError> {
        let mut ledger = self.ledger();
        if let Some(made) = request.map(|key| ledger.request(key)).transpose()?.flatten() {
            return Ok(made);
        }
        if ledger.backlog(shop)?.missing() > 0 {
            let wait = "the history of this shop is still coming: count when it is all here";
            return Err(TillError::Refused(wait.to_owned()));
        }
        let known = |(product, counted): (&ProductId, &Level)| {
            Ok((product.clone(), *counted, ledger.stock_of(shop, product)?))
        };
        let goods = counted.iter().map(known).collect::<Result<Vec<_>, TillError>>()?;
        let count = StockMove::counted(note, goods).map_err(|e| TillError::Refused(e.to_string()))?;
        Ok(self.write(&mut ledger, shop, (by, now), FactBody::Stock(count), request)?.0)
    }
}
