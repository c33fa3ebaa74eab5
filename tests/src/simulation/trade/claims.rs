//! Claims, and what is handed out before anybody has seen the money.

use super::{Claiming, Work, share};
use crate::simulation::oracle::{Did, What};
use domain::{FactId, Money, Person};
use till::{NewClaim, TillError};

/// Who allows what is above a limit.
fn mary() -> Person {
    Person::named("Mary")
}

impl Work<'_> {
    pub(super) fn claim(&self, claiming: &Claiming) -> Result<Did, TillError> {
        let Claiming { sale, receipt, how, part, phone, manager, despite } = claiming;
        let (till, by) = (self.desk.till(), &self.desk.person);
        let before = till.claims(*sale)?;
        let due = till.sale(*sale)?.due;
        let part = part.map(|hundredths| share(due, hundredths)).filter(|part| *part > Money::ZERO);
        let mut wanted = NewClaim { part, phone: *phone, ..NewClaim::new(receipt.clone(), *how) };
        let mut claimed = till.claim(*sale, wanted.clone(), by, self.now);
        if *manager && matches!(claimed, Err(TillError::OverLimit(_))) {
            wanted.approved = Some(mary());
            claimed = till.claim(*sale, wanted.clone(), by, self.now);
        }
        let row = match claimed {
            Err(TillError::First(_)) if *despite => {
                till.claim_despite(*sale, wanted.clone(), by, self.now)?
            }
            claimed => claimed?,
        };
        let mut claims = till.claims(*sale)?.into_iter();
        let new = claims.find(|claim| !before.iter().any(|known| known.id == claim.id));
        let Some(claim) = new else { return Ok(Did::Nothing) };
        // Of a payment that others share, whoever says nothing gets what is free: the claim says how much.
        assert!(part.is_none() || claim.part == part, "asked for {part:?}, wrote {:?}", claim.part);
        let (receipt, how, part) = (receipt.clone(), *how, claim.part);
        let what = What::Claimed { sale: *sale, receipt, how, part, approved: wanted.approved };
        Ok(Did::Wrote(vec![self.as_of(claim.id, &row.shop, claim.at, what)]))
    }

    pub(super) fn trust(&self, sale: FactId, allowed: bool, reason: &str) -> Result<Did, TillError> {
        let approved = allowed.then(mary);
        let row = self.desk.till().trust(sale, reason, approved.clone(), (&self.desk.person, self.now))?;
        self.wrote(&row.shop, What::Trusted { sale, approved })
    }

    pub(super) fn release(&self, claim: FactId, reason: &str) -> Result<Did, TillError> {
        let row = self.desk.till().release(claim, reason, &self.desk.person, self.now)?;
        let row = row.expect("what is released here is for a sale here");
        self.wrote(&row.shop, What::Released { sale: row.id, claim, reason: reason.to_owned() })
    }
}
