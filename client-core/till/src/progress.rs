//! How far things are: a sale on its way to head office and to being settled, the entries that are still to
//! come, the history of a new till.

use crate::{Till, TillError, asked_before};
use domain::standing::{Proof, SaleState, Unsettled, unsettled};
use domain::{Actor, FactBody, FactId, Person, Role, ShopId, Timestamp};
use ledger::{ClaimRow, LedgerError, Reader, SaleRow};
use replica::wire::json::Held;
use replica::wire::{SyncAnswer, SyncRequest};
use std::collections::{BTreeMap, BTreeSet};

/// How far a sale has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It is on this disk; its receipt may print.
    Here,
    /// The cloud has it on disks of its own.
    Cloud,
    /// Head office has it in its own ledger.
    HeadOffice,
}

impl Reach {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Cloud => "cloud",
            Self::HeadOffice => "head_office",
        }
    }
}

/// What is known of the connection. It is not kept: a till that starts knows nothing of the network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link {
    pub(crate) online: bool,
    pub(crate) offline_since: Option<Timestamp>,
    pub(crate) problem: Option<String>,
    /// When the shops' journals were compared with the cloud's, since the start.
    pub(crate) compared: BTreeMap<ShopId, Timestamp>,
    /// Journals of others in which the cloud seems to have something else than we have.
    pub(crate) elsewhere: BTreeSet<(ShopId, Actor)>,
    /// Shops in whose journals something was taken out, for which the cloud has something else.
    pub(crate) turned: BTreeSet<ShopId>,
    /// How much of what was new in the cloud has come.
    pub(crate) catching_up: Option<Progress>,
    /// How far head office told the cloud that it has the journals of each shop.
    pub(crate) told_held: BTreeMap<ShopId, BTreeMap<Actor, u64>>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// How many are here.
    pub have: u64,
    /// How many there are.
    pub of: u64,
}

/// What has become of a sale, as far as is known here. It is stored: else nobody would know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stages {
    /// When its receipt was first printed, if whoever prints has said so.
    pub printed: Option<Timestamp>,
    /// How far the sale itself has come.
    pub reach: Reach,
    /// Every shilling of it is cash or a payment that a second source confirmed, and head office has all that
    /// was decided about it.
    pub reconciled: bool,
    /// Why its money is not settled, if it is not.
    pub unsettled: Option<Unsettled>,
}

impl Till {
    /// How far a sale has come, as far as is known here.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn reach(&self, sale: &SaleRow) -> Result<Reach, TillError> {
        let role = self.identity().role;
        self.read(|ledger| reach(ledger, role, &sale.shop, sale.id))
    }

    /// What has become of a sale whose claims these are.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn stages(&self, sale: &SaleRow, claims: &[ClaimRow]) -> Result<Stages, TillError> {
        let role = self.identity().role;
        let unsettled = unsettled(sale.due, sale.over, sale.conflict, &proofs(sale, claims));
        self.read(|ledger| {
            let mut reconciled = unsettled.is_none();
            for fact in ledger.decided_by(sale)?.into_iter().chain([sale.id]) {
                reconciled = reconciled && reach(ledger, role, &sale.shop, fact)? == Reach::HeadOffice;
            }
            let reach = reach(ledger, role, &sale.shop, sale.id)?;
            Ok(Stages { printed: sale.printed, reach, reconciled, unsettled })
        })
    }

    /// Records that the receipt of a sale was printed: whoever prints calls this once the paper is out, again
    /// for a copy. A `request` key makes the call repeatable.
    ///
    /// # Errors
    /// There is no such sale, or nothing was recorded.
    pub fn printed(
        &self,
        sale: FactId,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<SaleRow, TillError> {
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        let printed = FactBody::Printed { sale: found.cited() };
        if asked_before(&ledger, (&found.shop, request), |body| *body == printed)?.is_none() {
            self.write(&mut ledger, &found.shop, (by, now), printed, request)?;
        }
        Ok(ledger.sale(sale)?)
    }

    /// How much of the history of its shop a new till has, while more of it comes. `None` when all that is
    /// kept is here.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn history(&self, now: Timestamp) -> Result<Option<Progress>, TillError> {
        let Some(shop) = &self.home else { return Ok(None) };
        let backlog = self.read(|ledger| ledger.backlog(shop))?;
        if backlog.feed.is_none() && self.next_wanted(&backlog, now).is_none() {
            return Ok(None);
        }
        Ok(Some(Progress { have: backlog.of.saturating_sub(backlog.missing()), of: backlog.of }))
    }

    /// How much of what was new in the cloud has come, while more of it comes.
    pub fn catching_up(&self) -> Option<Progress> {
        self.link().catching_up
    }

    /// Notes how much is left after an answer that said where every journal ends.
    pub(crate) fn note_progress(
        &self,
        shop: &ShopId,
        request: &SyncRequest,
        answer: &SyncAnswer,
    ) -> Result<(), TillError> {
        if answer.ends.is_empty() {
            return Ok(());
        }
        let (own, vector) = {
            let ledger = self.ledger();
            (ledger.writer(shop)?, ledger.vector(shop)?)
        };
        let others = || answer.ends.iter().filter(|(actor, _)| **actor != own);
        let lacking = |have: &BTreeMap<Actor, u64>| {
            let lacks =
                others().map(|(actor, end)| end.saturating_sub(have.get(actor).copied().unwrap_or(0)));
            lacks.fold(0, u64::saturating_add)
        };
        let (before, left) = (lacking(&request.have), lacking(&vector));
        let under_way = answer.more && left > 0;
        {
            let mut link = self.link();
            let of = link.catching_up.map_or(before, |known| known.of.max(before));
            link.catching_up = under_way.then_some(Progress { have: of.saturating_sub(left), of });
        }
        if under_way {
            self.tell(crate::Event::Sync);
        }
        Ok(())
    }

    /// Head office tells the cloud how far it has every journal, when that has changed.
    pub(crate) fn tell_held(&self, shop: &ShopId, now: Timestamp) -> Result<(), TillError> {
        let vector = self.ledger().vector(shop)?;
        if self.link().told_held.get(shop) == Some(&vector) {
            return Ok(());
        }
        let journals = vector.iter().map(|(actor, number)| (actor.to_string(), *number)).collect();
        self.ask::<_, ()>(shop, "held", &Held { journals }, now)?;
        self.link().told_held.insert(shop.clone(), vector);
        Ok(())
    }

    /// Writes how far head office has every journal, as the cloud was told.
    pub(crate) fn learn_held(&self, shop: &ShopId, told: &BTreeMap<String, u64>) -> Result<(), TillError> {
        let read = |(actor, number): (&String, &u64)| Some((actor.parse::<Actor>().ok()?, *number));
        let held: Vec<_> = told.iter().filter_map(read).collect();
        if self.ledger().put_held(shop, &held)? {
            self.tell(crate::Event::Sync);
        }
        Ok(())
    }
}

/// How far a fact has come, as far as is known here.
fn reach(ledger: &Reader, role: Role, shop: &ShopId, fact: FactId) -> Result<Reach, LedgerError> {
    let FactId { actor, number } = fact;
    if role != Role::Till || number <= ledger.held(shop, actor)? {
        return Ok(Reach::HeadOffice);
    }
    let own = actor == ledger.writer(shop)?;
    // What came from a sibling's own hand may not have come to the cloud.
    let cloud = if own { Some(ledger.cursors(shop)?.1) } else { ledger.at_cloud(shop)?.get(&actor).copied() };
    Ok(if number > cloud.unwrap_or(0) { Reach::Here } else { Reach::Cloud })
}

/// What is known of each payment that a sale has, or that was claimed for it by a code nobody has seen.
fn proofs(sale: &SaleRow, claims: &[ClaimRow]) -> Vec<Proof> {
    let proof = |claim: &ClaimRow| match &claim.payment {
        // A cancelled sale waits for no payment; one that comes all the same has to go back.
        None => (sale.state != SaleState::Voided).then_some(Proof::Unseen),
        Some(payment) if payment.reversed || claim.share.is_none() => None,
        Some(payment) if !payment.disagreements.is_empty() => Some(Proof::Disputed),
        Some(payment) if payment.confirmed => Some(Proof::Confirmed),
        Some(_) => Some(Proof::Reported),
    };
    claims.iter().filter_map(proof).collect()
}
