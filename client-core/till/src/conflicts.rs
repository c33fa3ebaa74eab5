//! Payments that more than one sale wants: one card for each, and the ways out. Nothing is deleted by any of them.

use crate::{Prompted, Till, TillError};
use domain::conflict::Lead;
use domain::verdict::in_the_way;
use domain::{Cited, FactId, Msisdn, Person, ReceiptCode, ShopId, Timestamp};
use ledger::{ClaimOn, LedgerError, PaymentRow, Reader};
use std::collections::BTreeSet;

/// A payment that more than one sale wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its code.
    pub receipt: ReceiptCode,
    /// The payment, once it was seen.
    pub payment: Option<PaymentRow>,
    /// Every claim on it that was not taken back, oldest first.
    pub claims: Vec<ClaimOn>,
    /// The claim that leads, the same at every till and at head office.
    pub leader: FactId,
    /// Why it leads, in words.
    pub why: String,
    /// The sales whose claims lost.
    losers: BTreeSet<Cited>,
}

impl Conflict {
    /// The claims of a sale.
    fn claims_of(&self, sale: FactId) -> Result<Vec<FactId>, TillError> {
        let is_own = |it: &&ClaimOn| it.standing.claim.sale == Cited::by_name(sale);
        let own: Vec<FactId> = self.claims.iter().filter(is_own).map(|it| it.standing.id).collect();
        if own.is_empty() {
            let none = "this sale does not claim the payment: claim it there first";
            return Err(TillError::Refused(none.to_owned()));
        }
        Ok(own)
    }

    /// Whether a sale has the payment, or its part of it.
    fn has(&self, sale: FactId) -> bool {
        !self.losers.contains(&Cited::by_name(sale))
    }
}

impl Till {
    /// The payments of a shop that more than one sale wants.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn conflicts(&self, shop: &ShopId, limit: u32) -> Result<Vec<Conflict>, TillError> {
        self.read(|ledger| {
            let contested = ledger.contested(shop, limit)?;
            let found = contested.iter().map(|receipt| conflict(ledger, shop, receipt));
            found.filter_map(Result::transpose).collect()
        })
    }

    /// Keeps a payment for one sale, with this as the reason: the claims that do not fit beside its own are released,
    /// and others keep their parts.
    ///
    /// # Errors
    /// No two sales want it, that sale does not claim it, a period is closed, or not all was recorded: what was is
    /// seen by asking again.
    pub fn keep_for(
        &self,
        (shop, receipt): (&ShopId, &ReceiptCode),
        sale: FactId,
        reason: &str,
        (by, now): (&Person, Timestamp),
    ) -> Result<(), TillError> {
        let found = self.conflict(shop, receipt)?;
        found.claims_of(sale)?;
        let standing: Vec<_> = found.claims.iter().map(|claim| claim.standing.clone()).collect();
        let reference = self.sale(sale)?.reference(&self.letters()?);
        let kept = format!("kept for sale {reference}: {reason}");
        let reason = if reason.trim().is_empty() { format!("kept for sale {reference}") } else { kept };
        let arrived = found.payment.as_ref().map(|payment| payment.amount);
        for other in in_the_way(&standing, Cited::by_name(sale), arrived) {
            self.release(other, &reason, by, now)?;
        }
        Ok(())
    }

    /// Asks the customer of a sale that lost its payment to pay again: a request for what is due goes to their
    /// phone, and once it went, the claims of that sale are released.
    ///
    /// # Errors
    /// No two sales want the payment, that sale does not claim it or has it, nothing is due, the request could not be
    /// sent, or nothing was recorded.
    pub fn collect_again(
        &self,
        (shop, receipt): (&ShopId, &ReceiptCode),
        sale: FactId,
        phone: &Msisdn,
        (by, now): (&Person, Timestamp),
    ) -> Result<Prompted, TillError> {
        let found = self.conflict(shop, receipt)?;
        let own = found.claims_of(sale)?;
        if found.has(sale) {
            let has = "this sale has the payment: keep it for the other sale first, or ask this customer at the sale";
            return Err(TillError::Refused(has.to_owned()));
        }
        let prompted = self.ask_for_payment(sale, phone, now)?;
        for claim in own {
            let reason = "another sale has the payment: the customer was asked again";
            self.release(claim, reason, by, now)?;
        }
        Ok(prompted)
    }

    fn conflict(&self, shop: &ShopId, receipt: &ReceiptCode) -> Result<Conflict, TillError> {
        let none = || LedgerError::Unknown(format!("conflict about {receipt}"));
        Ok(self.read(|ledger| conflict(ledger, shop, receipt))?.ok_or_else(none)?)
    }
}

/// What there is to decide about a payment; `None` where no two sales want it.
fn conflict(ledger: &Reader, shop: &ShopId, receipt: &ReceiptCode) -> Result<Option<Conflict>, LedgerError> {
    let (claims, (verdict, _)) = (ledger.claims_on(shop, receipt)?, ledger.verdict(shop, receipt)?);
    let standing = || claims.iter().map(|claim| &claim.standing);
    let leading = standing().find(|claim| Some(claim.id) == verdict.leader);
    let lost = standing().find(|claim| verdict.losers.contains(&claim.claim.sale));
    let (Some(leading), Some(lost)) = (leading, lost) else { return Ok(None) };
    let (leader, why) = (leading.id, Lead::before(leading, lost).words());
    let payment = ledger.payment(shop, receipt)?;
    Ok(Some(Conflict { receipt: receipt.clone(), payment, leader, why, claims, losers: verdict.losers }))
}
