//! Which payment pays which sale: what people decide, and what leaves no doubt is claimed.

use crate::limits::within_limits;
use crate::secured::Secured;
use crate::{SaleRow, Till, TillError, period, reason_of};
use domain::standing::SaleState;
use domain::verdict::Verdict;
use domain::{
    Cited, Claim, FactBody, FactId, How, Money, Person, PhoneEnding, ReceiptCode, ShopId, Timestamp,
};
use ledger::{Claimed, LedgerError, PaymentRow, Reader};

/// What is to be recorded: that a receipt code pays a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClaim {
    /// The payment.
    pub receipt: ReceiptCode,
    /// How that was decided.
    pub how: How,
    /// How much of the payment is for this sale, where the rest is for others or stays free; else all of it.
    pub part: Option<Money>,
    /// How the customer's phone number ends, where somebody took that down.
    pub phone: Option<PhoneEnding>,
    /// The manager who allows it beyond what may go out on payments that nobody has seen.
    pub approved: Option<Person>,
}

impl NewClaim {
    /// A claim on all of a payment, and nothing said beside it.
    pub const fn new(receipt: ReceiptCode, how: How) -> Self {
        Self { receipt, how, part: None, phone: None, approved: None }
    }
}

impl From<(ReceiptCode, How)> for NewClaim {
    fn from((receipt, how): (ReceiptCode, How)) -> Self {
        Self::new(receipt, how)
    }
}

impl Till {
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

    /// Records that a receipt code pays a sale, or a part of the payment does. The payment itself may come later.
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
        wanted: impl Into<NewClaim>,
        by: &Person,
        now: Timestamp,
    ) -> Result<SaleRow, TillError> {
        let wanted = wanted.into();
        let found = self.beside(|ledger| {
            let wanted = of_what_is_free(ledger, sale, wanted.clone())?;
            to_claim(ledger, sale, (&wanted, self.home.is_some()))
        })?;
        if found.1 {
            return Ok(found.0);
        }
        let secured = self.secure(&found.0.shop, &[(sale, wanted.receipt.clone())], now)?.pop();
        match secured {
            Some(Secured::Theirs(first)) if wanted.how != How::StkRequest => {
                Err(TillError::First(Box::new(first)))
            }
            secured => self.write_claim(sale, wanted, secured == Some(Secured::Unknown), (by, now)),
        }
    }

    /// The same, whoever was first at the cloud.
    ///
    /// # Errors
    /// Those of [`claim`](Till::claim), but for that.
    pub fn claim_despite(
        &self,
        sale: FactId,
        wanted: impl Into<NewClaim>,
        by: &Person,
        now: Timestamp,
    ) -> Result<SaleRow, TillError> {
        self.write_claim(sale, wanted.into(), false, (by, now))
    }

    fn write_claim(
        &self,
        sale: FactId,
        wanted: NewClaim,
        offline: bool,
        (by, now): (&Person, Timestamp),
    ) -> Result<SaleRow, TillError> {
        let mut ledger = self.ledger();
        let wanted = of_what_is_free(&ledger, sale, wanted)?;
        let (found, ours) = to_claim(&ledger, sale, (&wanted, self.home.is_some()))?;
        if ours {
            return Ok(found);
        }
        let NewClaim { receipt, how, part, phone, approved } = wanted;
        let claim = Claim { part, phone, approved, offline, ..Claim::new(receipt, found.cited(), how) };
        self.write(&mut ledger, &found.shop, (by, now), FactBody::Claim(claim), None)?;
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
    /// There is no such claim, it was released before, its sale's period is closed, or nothing was recorded.
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
        // What the sale does not have it may give up at any time: else a conflict could never end.
        let (verdict, payment) = ledger.verdict(&found.shop, &found.receipt)?;
        if found.sale.at.is_none() && payment.is_some() && verdict.shares.contains_key(&found.sale) {
            period::is_open(&ledger, &ledger.sale(found.sale.id)?)?;
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
            match self.claim_despite(sale, (receipt, how), &Person::leja(), now) {
                Ok(_) => claimed = claimed.saturating_add(1),
                // Somebody was quicker: the sale is settled or the payment taken, which is what was wanted.
                Err(TillError::Refused(_) | TillError::Taken(_) | TillError::Held(..)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }
}

/// The sale for which a payment is to be claimed, and whether it has it already. Head office, which hands out nothing,
/// has no limits.
fn to_claim(
    ledger: &Reader,
    sale: FactId,
    (wanted, at_till): (&NewClaim, bool),
) -> Result<(SaleRow, bool), TillError> {
    let NewClaim { receipt, how, part, .. } = wanted;
    let found = ledger.sale(sale)?;
    let (verdict, payment) = ledger.verdict(&found.shop, receipt)?;
    let it = Cited::by_name(sale);
    if let Some(has) = verdict.shares.get(&it) {
        if part.is_some() && *has != *part {
            let other = "this sale has another part of this payment: release it first";
            return Err(TillError::Refused(other.to_owned()));
        }
        return Ok((found, true));
    }
    if *how != How::StkRequest {
        if matches!(found.state, SaleState::Paid | SaleState::Voided) {
            return Err(TillError::Refused("nothing is due on this sale".to_owned()));
        }
        if payment.as_ref().is_some_and(|payment| payment.reversed.is_some()) {
            let gone = "this payment went back to the customer: the sale has to be paid again";
            return Err(TillError::Refused(gone.to_owned()));
        }
        let first = || ledger.holder(&found.shop, receipt);
        let part = part.filter(|_| !verdict.losers.contains(&it));
        let unseen = payment.is_none();
        is_free(&verdict, payment.map(|payment| payment.amount), part, first)?;
        if at_till && unseen && wanted.approved.is_none() && *how != How::Automatic {
            within_limits(ledger, &found, wanted.part, wanted.phone)?;
        }
    }
    Ok((found, false))
}

/// What is wanted of a payment of which other sales have parts, where nothing is said: what is free of it, and no more
/// than what is due.
fn of_what_is_free(ledger: &Reader, sale: FactId, wanted: NewClaim) -> Result<NewClaim, TillError> {
    if wanted.part.is_some() || wanted.how == How::StkRequest {
        return Ok(wanted);
    }
    let found = ledger.sale(sale)?;
    let (verdict, payment) = ledger.verdict(&found.shop, &wanted.receipt)?;
    let it = Cited::by_name(sale);
    let theirs = !verdict.shares.contains_key(&it) && !verdict.losers.contains(&it);
    let parted = !verdict.shares.is_empty() && verdict.shares.values().all(Option::is_some);
    let free = payment.map(|payment| verdict.free(payment.amount).min(found.due));
    let part = free.filter(|free| theirs && parted && *free > Money::ZERO);
    Ok(NewClaim { part, ..wanted })
}

/// Whether so much of a payment can be claimed.
///
/// # Errors
/// Another sale has it, or less of it is free.
fn is_free(
    verdict: &Verdict,
    arrived: Option<Money>,
    part: Option<Money>,
    first: impl Fn() -> Result<Option<Cited>, LedgerError>,
) -> Result<(), TillError> {
    let parted = verdict.shares.values().all(Option::is_some);
    let beside = verdict.shares.is_empty() || (parted && part.is_some());
    if !beside {
        return match first()? {
            Some(Cited { id, at: None }) => Err(TillError::Taken(id)),
            Some(Cited { id, at: Some(at) }) => Err(TillError::Held(id, at)),
            None => Ok(()),
        };
    }
    match (part, arrived.map(|arrived| verdict.free(arrived))) {
        (Some(part), _) if part <= Money::ZERO => {
            Err(TillError::Refused("say how much of the payment is for this sale".to_owned()))
        }
        (Some(part), Some(free)) if part > free => {
            Err(TillError::Refused(format!("only KES {free} of this payment is free")))
        }
        _ => Ok(()),
    }
}
