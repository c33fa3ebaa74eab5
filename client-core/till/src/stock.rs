//! Goods at a till and at head office: what came, went, was counted, and what there is.

use crate::{Till, TillError, asked_before};
use domain::{Count, Counted, FactBody, FactId, Level, Person, ProductId, ShopId, StockMove, Timestamp};
use ledger::BeforeCount;
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
        if let Some(made) = asked_before(&ledger, (shop, request), |body| matches!(body, FactBody::Stock(_)))?
        {
            return Ok(made);
        }
        Ok(self.write(&mut ledger, shop, (by, now), FactBody::Stock(moved), request)?.0)
    }

    /// Records what somebody counted, and how far every journal is known to be the cloud's, so that a sale elsewhere
    /// that is not known yet is still taken off when it comes. From there on what there is of these products is known,
    /// also on a till that does not have the history before it.
    ///
    /// # Errors
    /// Nothing was recorded.
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
        if let Some(made) = asked_before(&ledger, (shop, request), |body| matches!(body, FactBody::Count(_)))?
        {
            return Ok(made);
        }
        let BeforeCount { seen, beyond, replaces } = ledger.before_count(shop, counted.keys())?;
        let of = |product: &ProductId| beyond.get(product).copied().unwrap_or(Level::NONE);
        let good = |(product, level): (&ProductId, &Level)| {
            (product.clone(), Counted { level: *level, beyond: of(product) })
        };
        let count = Count::new(note, counted.iter().map(good).collect(), seen, replaces);
        let count = count.map_err(|error| TillError::Refused(error.to_string()))?;
        Ok(self.write(&mut ledger, shop, (by, now), FactBody::Count(count), request)?.0)
    }

    /// From when on everything of a shop is here that moves goods, on a till that has not all of its history;
    /// `None` where all of it is here.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn stock_since(&self, shop: &ShopId) -> Result<Option<Timestamp>, TillError> {
        let backlog = self.read(|ledger| ledger.backlog(shop))?;
        Ok(backlog.journals.into_iter().filter_map(|(_, _, first)| first).max())
    }
}
