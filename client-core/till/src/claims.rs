//! Which payment pays which sale: what people decide, and what leaves no doubt.

use crate::rules::rules_of;
use crate::secured::Secured;
use crate::{SaleRow, Till, TillError, reason_of};
use domain::matching::{Candidate, FreePayment, candidates, proposals};
use domain::standing::SaleState;
use domain::{Cited, Claim, FactBody, FactId, How, Money, Person, ReceiptCode, ShopId, Timestamp};
use ledger::{Claimed, PaymentRow, Reader};

impl Till {
    /// The payments that could settle a sale, best first, each with its reasons.
    ///
    /// # Errors
    /// There is no such sale, or the ledger can not be read.
    pub fn candidates(&self, sale: FactId) -> Result<Vec<(Candidate, PaymentRow)>, TillError> {
        let (sale, rows, rules) = self.read(|ledger| {
            let sale = ledger.sale(sale)?;
            let rows = ledger.unclaimed_of(&sale.shop, sale.due)?;
            let (rules, _) = rules_of(ledger, &sale.shop)?;
            Ok((sale.to_match(&ledger.letters()?), rows, rules))
        })?;
        let payments: Vec<FreePayment> = rows.iter().cloned().map(FreePayment::from).collect();
        let found = candidates(&sale, &payments, rules);
        let row = |candidate: Candidate| {
            let row = rows.iter().find(|row| row.receipt == candidate.receipt)?.clone();
            Some((candidate, row))
        };
        Ok(found.into_iter().filter_map(row).collect())
    }

    /// Unclaimed payments of exactly one amount that were paid within some minutes of now (seed B).
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn search_payments(
        &self,
        shop: &ShopId,
        amount: Money,
        max_age_minutes: u32,
        now: Timestamp,
    ) -> Result<Vec<PaymentRow>, TillError> {
        let age = u64::from(max_age_minutes).saturating_mul(60_000);
        let mut found = self.read(|ledger| ledger.unclaimed_of(shop, amount))?;
        // By Safaricom's clock: a late callback is as old as its payment (field study W15).
        found.retain(|payment| payment.paid_at.distance_millis(self.corrected(now)) <= age);
        Ok(found)
    }

    /// Records that a receipt code pays a sale. The payment itself may come later.
    ///
    /// Money that answers a push for this very sale is recorded whatever became of the sale meanwhile: what was
    /// paid otherwise then shows as to be given back, and a sale that guessed at the payment shows a conflict.
    ///
    /// # Errors
    /// The sale is settled, another sale has the payment, the payment went back to the customer, or nothing
    /// was recorded. Or another till was first, and its claim is on its way: [`claim_despite`](Till::claim_despite)
    /// makes both.
    pub fn claim(
        &self,
        sale: FactId,
        receipt: ReceiptCode,
        how: How,
        by: &Person,
        now: Timestamp,
    ) -> Result<SaleRow, TillError> {
        let found = self.beside(|ledger| to_claim(ledger, sale, &receipt, how))?;
        if found.1 {
            return Ok(found.0);
        }
        let secured = self.secure(&found.0.shop, &[(sale, receipt.clone())], now)?.pop();
        match secured {
            Some(Secured::Theirs(first)) if how != How::StkRequest => Err(TillError::First(Box::new(first))),
            _ => self.claim_despite(sale, receipt, how, by, now),
        }
    }

    /// The same, whoever was first at the cloud.
    ///
    /// # Errors
    /// Those of [`claim`](Till::claim), but for that.
    pub fn claim_despite(
        &self,
        sale: FactId,
        receipt: ReceiptCode,
        how: How,
        by: &Person,
        now: Timestamp,
    ) -> Result<SaleRow, TillError> {
        let mut ledger = self.ledger();
        let (found, ours) = to_claim(&ledger, sale, &receipt, how)?;
        if ours {
            return Ok(found);
        }
        let claim = FactBody::Claim(Claim { receipt, sale: found.cited(), how });
        self.write(&mut ledger, &found.shop, (by, now), claim, None)?;
        Ok(ledger.sale(sale)?)
    }

    /// The payments of a shop that a sale has which is not here, newest first.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn held_payments(&self, shop: &ShopId, limit: u32) -> Result<Vec<PaymentRow>, TillError> {
        self.read(|ledger| ledger.held_payments(shop, limit))
    }

    /// A claim by its name.
    ///
    /// # Errors
    /// There is none, or the ledger can not be read.
    pub fn claimed(&self, claim: FactId) -> Result<Claimed, TillError> {
        self.read(|ledger| ledger.claim(claim))
    }

    /// Takes a claim back, with a reason. The payment is free again, and the history keeps both. Gives the sale it
    /// was for, if that is here.
    ///
    /// # Errors
    /// There is no such claim, it was released before, or nothing was recorded.
    pub fn release(
        &self,
        claim: FactId,
        reason: &str,
        by: &Person,
        now: Timestamp,
    ) -> Result<Option<SaleRow>, TillError> {
        let reason = reason_of(reason)?;
        let mut ledger = self.ledger();
        let found = ledger.claim(claim)?;
        if found.released {
            return Err(TillError::Refused("this claim was released before".to_owned()));
        }
        let release = FactBody::Release { claim: found.cited, reason };
        self.write(&mut ledger, &found.shop, (by, now), release, None)?;
        self.unsecure(&found.shop, (found.sale.id, claim.actor), &found.receipt);
        let sale = found.sale.at.is_none().then(|| ledger.sale(found.sale.id));
        Ok(sale.transpose()?)
    }

    /// Claims what leaves no doubt, for this till's own sales: payments that answer its own STK pushes,
    /// and payments that alone fit a sale that alone fits them. What a person has parted stays parted. Gives
    /// how many were claimed.
    pub(crate) fn claim_what_fits(&self, shop: &ShopId, now: Timestamp) -> Result<u32, TillError> {
        let mut claimed = 0_u32;
        for (sale, receipt, how) in self.securely(shop, self.beyond_doubt(shop)?, now)? {
            match self.claim_despite(sale, receipt, how, &Person::leja(), now) {
                Ok(_) => claimed = claimed.saturating_add(1),
                // Somebody was quicker: the sale is settled or the payment taken, which is what was wanted.
                Err(TillError::Refused(_) | TillError::Taken(_) | TillError::Held(..)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }

    fn beyond_doubt(&self, shop: &ShopId) -> Result<Vec<(FactId, ReceiptCode, How)>, TillError> {
        let ledger = self.ledger();
        let own = ledger.writer(shop)?.till;
        let asked = ledger.paid_pushes(shop, own)?.into_iter();
        let mut found: Vec<_> = asked.map(|(sale, receipt)| (sale, receipt, How::StkRequest)).collect();
        let (sales, payments) = ledger.to_match(shop, &ledger.letters()?)?;
        let parted = ledger.parted(shop)?;
        let fitting = proposals(&sales, &payments, rules_of(&ledger, shop)?.0).into_iter();
        let ours = |c: &Candidate| c.sale.actor.till == own && !parted.contains(&(c.sale, c.receipt.clone()));
        found.extend(fitting.filter(ours).map(|candidate| {
            let how = if candidate.named { How::AccountReference } else { How::Automatic };
            (candidate.sale, candidate.receipt, how)
        }));
        Ok(found)
    }
}

/// The sale for which a payment is to be claimed, and whether it has it already.
fn to_claim(
    ledger: &Reader,
    sale: FactId,
    receipt: &ReceiptCode,
    how: How,
) -> Result<(SaleRow, bool), TillError> {
    let found = ledger.sale(sale)?;
    match ledger.holder(&found.shop, receipt)? {
        Some(Cited { id, at: None }) if id == sale => return Ok((found, true)),
        Some(Cited { id, at }) if how != How::StkRequest => {
            return Err(at.map_or(TillError::Taken(id), |at| TillError::Held(id, at)));
        }
        _ => {}
    }
    if how != How::StkRequest {
        if matches!(found.state, SaleState::Paid | SaleState::Voided) {
            return Err(TillError::Refused("nothing is due on this sale".to_owned()));
        }
        if ledger.payment(&found.shop, receipt)?.is_some_and(|payment| payment.reversed) {
            let gone = "this payment went back to the customer: the sale has to be paid again";
            return Err(TillError::Refused(gone.to_owned()));
        }
    }
    Ok((found, false))
}
