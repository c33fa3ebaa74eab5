//! Before a claim is written, the cloud is asked whether another till was first.
//!
//! It is a hint that comes some seconds before the other till's claim itself does; the facts decide. Nobody waits
//! long for it: without a line, or without an answer in time, a claim is made as ever.

use crate::{Till, TillError, lock};
use domain::{Actor, FactId, How, ReceiptCode, ShopId, Timestamp};
use replica::wire::json::{AskClaims, ClaimForm, ClaimsSecured, FirstClaim};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a cashier waits for the cloud's word.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// The most claims of one request.
const MOST: usize = 100;
/// The most releases that are kept to be told.
const MOST_RELEASED: usize = 1_000;
/// How long a till leaves a payment alone by itself of which it heard that somebody was first: the claim comes.
const WAIT_MILLIS: u64 = 60_000;

/// Somebody else was first to claim a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct First {
    /// What people call that till.
    pub till: String,
    /// What people call the sale that it is for.
    pub reference: String,
    /// That sale's name.
    pub sale: FactId,
    /// When, by the cloud's clock.
    pub at: Timestamp,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secured {
    /// Nobody was first, or what the cloud says of it is known here.
    Ours,
    /// Somebody was, and their claim is not here yet.
    Theirs(First),
    /// The cloud was not asked, or did not say.
    Unknown,
}

/// What a till remembers of it while it runs.
#[derive(Default)]
pub(crate) struct Securing {
    /// What was released and the cloud was not told yet.
    released: BTreeMap<ShopId, BTreeSet<ClaimForm>>,
    /// Payments for which somebody was first, and when that was heard.
    theirs: BTreeMap<(ShopId, ReceiptCode), Timestamp>,
}

impl Till {
    /// Secures claims of sales on receipts, as far as the line allows; one answer for each. The ledger is free
    /// meanwhile.
    pub(crate) fn secure(
        &self,
        shop: &ShopId,
        claims: &[(FactId, ReceiptCode)],
        now: Timestamp,
    ) -> Result<Vec<Secured>, TillError> {
        let mut secured = Vec::with_capacity(claims.len());
        for some in claims.chunks(MOST) {
            let form = |(sale, receipt): &(FactId, ReceiptCode)| form(*sale, receipt, None);
            let said = self.ask_claims(shop, some.iter().map(form).collect(), now).unwrap_or_default();
            let mut first = said.first.into_iter();
            for (_, receipt) in some {
                secured.push(match first.next() {
                    Some(Some(told)) => self.theirs(shop, receipt, told, now)?,
                    Some(None) => Secured::Ours,
                    None => Secured::Unknown,
                });
            }
        }
        Ok(secured)
    }

    /// Of what a till would claim by itself, what it may: secured, or not to be asked about. Money that answers a
    /// push for a sale is that sale's, whoever else wants it; it is secured so that others hear of it.
    pub(crate) fn securely(
        &self,
        shop: &ShopId,
        mut found: Vec<(FactId, ReceiptCode, How)>,
        now: Timestamp,
    ) -> Result<Vec<(FactId, ReceiptCode, How)>, TillError> {
        found.retain(|(_, receipt, how)| *how == How::StkRequest || !self.was_first(shop, receipt, now));
        let asked: Vec<_> = found.iter().map(|(sale, receipt, _)| (*sale, receipt.clone())).collect();
        let secured = self.secure(shop, &asked, now)?;
        let ours = |(claim, secured): (&(FactId, ReceiptCode, How), Secured)| {
            let free = claim.2 == How::StkRequest || !matches!(secured, Secured::Theirs(_));
            free.then(|| claim.clone())
        };
        Ok(found.iter().zip(secured).filter_map(ours).collect())
    }

    /// Notes that a claim is none any more, to tell the cloud when it is reached next.
    pub(crate) fn unsecure(&self, shop: &ShopId, (sale, by): (FactId, Actor), receipt: &ReceiptCode) {
        let mut securing = lock(&self.securing);
        let released = securing.released.entry(shop.clone()).or_default();
        if released.len() < MOST_RELEASED {
            released.insert(form(sale, receipt, Some(by)));
        }
    }

    /// Tells the cloud what was released. Best effort: what it does not hear is over after a day.
    pub(crate) fn tell_released(&self, shop: &ShopId, now: Timestamp) {
        if lock(&self.securing).released.get(shop).is_some_and(|released| !released.is_empty()) {
            let _ = self.ask_claims(shop, Vec::new(), now);
        }
    }

    fn ask_claims(&self, shop: &ShopId, claims: Vec<ClaimForm>, now: Timestamp) -> Option<ClaimsSecured> {
        if !self.link().online {
            return None;
        }
        let waiting = lock(&self.securing).released.get(shop).cloned().unwrap_or_default();
        let released: Vec<ClaimForm> = waiting.into_iter().take(MOST).collect();
        let ask = AskClaims { claims, released };
        let said: ClaimsSecured = self.ask_within(Some(PATIENCE), shop, "claims", &ask, now).ok()?;
        if let Some(waiting) = lock(&self.securing).released.get_mut(shop) {
            waiting.retain(|claim| !ask.released.contains(claim));
        }
        Some(said)
    }

    /// What is known here of the claim that was first, released or not, the ledger decides about.
    fn theirs(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
        told: FirstClaim,
        now: Timestamp,
    ) -> Result<Secured, TillError> {
        let (Ok(sale), Ok(at)) = (told.sale.parse(), Timestamp::from_millis(told.at)) else {
            return Ok(Secured::Unknown);
        };
        if self.read(|ledger| ledger.was_claimed(shop, receipt, sale))? {
            return Ok(Secured::Ours);
        }
        lock(&self.securing).theirs.insert((shop.clone(), receipt.clone()), now);
        Ok(Secured::Theirs(First { till: told.till, reference: told.reference, sale, at }))
    }

    fn was_first(&self, shop: &ShopId, receipt: &ReceiptCode, now: Timestamp) -> bool {
        let mut securing = lock(&self.securing);
        securing.theirs.retain(|_, heard| heard.distance_millis(now) < WAIT_MILLIS);
        securing.theirs.contains_key(&(shop.clone(), receipt.clone()))
    }
}

fn form(sale: FactId, receipt: &ReceiptCode, by: Option<Actor>) -> ClaimForm {
    ClaimForm { receipt: receipt.to_string(), sale: sale.to_string(), by: by.map(|by| by.to_string()) }
}
