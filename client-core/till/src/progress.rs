//! How far things are: a sale on its way to head office, the entries that are still to come, the history of a
//! new till.

use crate::{Till, TillError};
use domain::{Actor, Role, ShopId, Timestamp};
use ledger::SaleRow;
use replica::wire::json::Held;
use replica::wire::{SyncAnswer, SyncRequest};
use std::collections::BTreeMap;

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

impl Till {
    /// How far a sale has come, as far as is known here.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn reach(&self, sale: &SaleRow) -> Result<Reach, TillError> {
        if self.identity().role != Role::Till {
            return Ok(Reach::HeadOffice);
        }
        let (actor, number) = (sale.id.actor, sale.id.number);
        let ledger = self.ledger();
        if number <= ledger.held(&sale.shop, actor)? {
            return Ok(Reach::HeadOffice);
        }
        let (_, sent) = ledger.cursors(&sale.shop)?;
        let own = actor == ledger.writer(&sale.shop)?;
        // What came from a sibling's own hand may not have come to the cloud.
        let cloud = if own { Some(sent) } else { ledger.at_cloud(&sale.shop)?.get(&actor).copied() };
        Ok(if cloud.is_some_and(|cloud| number > cloud) { Reach::Here } else { Reach::Cloud })
    }

    /// How much of the history of its shop a new till has, while more of it comes. `None` when all that is
    /// kept is here.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn history(&self, now: Timestamp) -> Result<Option<Progress>, TillError> {
        let Some(shop) = &self.home else { return Ok(None) };
        let backlog = self.ledger().backlog(shop)?;
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
