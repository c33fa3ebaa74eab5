//! Sales that are undone, as a whole or in part.

use crate::{SaleRow, Till, TillError, asked_before, period, reason_of};
use domain::standing::SaleState;
use domain::{FactBody, FactId, Person, Quantity, Return, Sale, ShopId, Timestamp};
use ledger::{LedgerError, Reader};
use replica::day_book;

impl Till {
    /// Cancels a sale, with a reason. What was claimed for it is free again.
    ///
    /// # Errors
    /// It was cancelled before, goods of it came back, its period is closed, or nothing was recorded.
    pub fn void(
        &self,
        sale: FactId,
        reason: &str,
        by: &Person,
        now: Timestamp,
    ) -> Result<SaleRow, TillError> {
        let reason = reason_of(reason)?;
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        if found.state == SaleState::Voided {
            return Err(TillError::Refused("this sale was cancelled before".to_owned()));
        }
        period::is_open(&ledger, &found)?;
        if !ledger.returns(&found)?.is_empty() {
            let back = "goods of this sale came back before: take the rest back too instead of cancelling it";
            return Err(TillError::Refused(back.to_owned()));
        }
        let void = FactBody::Void { sale: found.cited(), reason };
        self.write(&mut ledger, &found.shop, (by, now), void, None)?;
        for claim in ledger.claims(sale)? {
            self.unsecure(&found.shop, (found.id, claim.id.actor), &claim.receipt);
        }
        Ok(ledger.sale(sale)?)
    }

    /// Takes goods of a sale back, also of a sale that another till made long ago: so much of each line, counted from
    /// 0. What the customer paid for them is to be given back; `restock` says that they can be sold again. A
    /// `request` key makes the call repeatable.
    ///
    /// # Errors
    /// The sale was cancelled, has no such lines, more comes back than was sold, no reason, or nothing was recorded.
    pub fn take_goods_back(
        &self,
        sale: FactId,
        goods: &[(u16, Quantity)],
        (restock, reason): (bool, &str),
        (by, now): (&Person, Timestamp),
        request: Option<&str>,
    ) -> Result<SaleRow, TillError> {
        let reason = reason_of(reason)?;
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        let same = |body: &FactBody| matches!(body, FactBody::Return(back) if back.sale == found.cited());
        if asked_before(&ledger, (&found.shop, request), same)?.is_some() {
            return Ok(found);
        }
        if found.state == SaleState::Voided {
            return Err(TillError::Refused("this sale was cancelled: all of it came back".to_owned()));
        }
        let sold = sold(&ledger, &found.shop, sale)?;
        let before = returns(&ledger, &found)?;
        let back = Return::of((found.cited(), &sold), &before, goods, (restock, &reason));
        let back = back.map_err(|error| TillError::Refused(error.to_string()))?;
        self.write(&mut ledger, &found.shop, (by, now), FactBody::Return(back), request)?;
        Ok(ledger.sale(sale)?)
    }

    /// What came back of a sale, oldest first.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn returns(&self, sale: &SaleRow) -> Result<Vec<Return>, TillError> {
        self.read(|ledger| returns(ledger, sale))
    }

    /// What was sold, as it was written.
    ///
    /// # Errors
    /// There is no such sale, or the ledger can not be read.
    pub fn sold(&self, sale: &SaleRow) -> Result<Sale, TillError> {
        self.read(|ledger| sold(ledger, &sale.shop, sale.id))
    }
}

fn sold(ledger: &Reader, shop: &ShopId, sale: FactId) -> Result<Sale, LedgerError> {
    match day_book::fact(&ledger.entry(shop, sale)?).map(|fact| fact.body) {
        Some(FactBody::Sale(sold)) => Ok(sold),
        _ => Err(LedgerError::Damaged(format!("entry {sale} is no sale"))),
    }
}

fn returns(ledger: &Reader, sale: &SaleRow) -> Result<Vec<Return>, LedgerError> {
    let mut found = Vec::new();
    for id in ledger.returns(sale)? {
        if let Some(FactBody::Return(back)) = day_book::fact(&ledger.entry(&sale.shop, id)?).map(|it| it.body)
        {
            found.push(back);
        }
    }
    Ok(found)
}
