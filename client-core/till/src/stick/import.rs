//! Reading the file: what is new is taken in, what is known changes nothing, and what is not believed is said.

use super::Stick;
use crate::{Cloud, CloudError, CloudRequest, Event, Folder, Till, TillError, lock};
use domain::{Actor, FactId, Member, ShopId, Timestamp};
use ledger::{Base, Outcome, Page, reference};
use replica::wire::stick::Frame;
use replica::{Batch, Head};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The most writers and the most shops that are told of; no shop has so many.
const MAX_NAMES: usize = 1000;
/// The most refused entries whose reasons are told.
const MAX_REASONS: usize = 20;

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// When the file was written, by the clock of whoever wrote it; unknown if its end is missing.
    pub at: Option<Timestamp>,
    /// What it brought of each journal.
    pub journals: Vec<Brought>,
    /// Shops in it that are not here, and were left alone.
    pub elsewhere: BTreeSet<ShopId>,
    /// How many of the new entries did not pass the guard. They are kept.
    pub refused: u64,
    /// The first of them, each with its reason.
    pub reasons: Vec<String>,
    /// What is wrong with the file, in words. What is whole in it was taken in.
    pub fault: Option<String>,
}

/// What a file brought of one journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// Of which shop.
    pub shop: ShopId,
    /// Whose.
    pub actor: Actor,
    /// Who that is, if the cloud told.
    pub member: Option<Member>,
    /// Entries that are here now and were not before.
    pub new: u64,
    /// Entries that were here already.
    pub known: u64,
    /// Entries that were not taken in.
    pub left: u64,
    /// Why not, and what to do.
    pub why: Option<String>,
}

/// What is known of a shop while a file is read.
struct Place {
    own: Member,
    members: BTreeMap<Actor, Member>,
    /// How far each journal goes here, and where it begins.
    ends: BTreeMap<Actor, u64>,
    bases: BTreeMap<Actor, u64>,
    brought: BTreeMap<Actor, Brought>,
    /// Where in the file lies what is older than what is here, and how many entries that are.
    older: BTreeMap<Actor, (BTreeSet<u64>, u64)>,
}

/// For a program that reads a file and asks nobody.
struct NoLine;

impl Cloud for NoLine {
    fn carry(&self, _: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        Err(CloudError::Unreachable("no line was asked for".to_owned()))
    }
}

impl Folder {
    /// Takes in a file that [`export`](Folder::export) wrote, with no till running. See [`Till::import`].
    ///
    /// # Errors
    /// As there; and a till is using the folder.
    pub fn import(&self, file: &Path, now: Timestamp) -> Result<Imported, TillError> {
        Till::open(self, Box::new(NoLine))?.import(file, now)
    }
}

impl Till {
    /// Takes in what a file of [`Folder::export`] holds of the shops that are here. Doing it again changes nothing,
    /// and neither does the order of files. Who writes in a shop the cloud alone says: what others wrote is left
    /// out. Payments do not come this way.
    ///
    /// # Errors
    /// It is no such file, or of another shop; or the ledger can not be written. What had come until then is kept.
    pub fn import(&self, file: &Path, now: Timestamp) -> Result<Imported, TillError> {
        // What lies before a base comes from one side at a time.
        let _one_at_a_time = lock(&self.syncing);
        let mut stick = Stick::open(file)?;
        let here: BTreeSet<ShopId> = self.shops()?.into_iter().map(|shop| shop.id).collect();
        let letters = self.letters()?;
        let (mut imported, mut places) = (Imported::default(), BTreeMap::<ShopId, Place>::new());
        while let Some((at, frame)) = stick.next() {
            match frame {
                Frame::Batches(shop, batches) if here.contains(&shop) => {
                    if !places.contains_key(&shop) {
                        places.insert(shop.clone(), self.place(&shop)?);
                    }
                    let page = self.take_batches(&shop, &batches, now)?;
                    imported.note_refused(&page, &letters);
                    if let Some(place) = places.get_mut(&shop) {
                        place.count(&shop, (at, &batches), &page);
                    }
                }
                Frame::Batches(shop, _) if imported.elsewhere.len() < MAX_NAMES => {
                    imported.elsewhere.insert(shop);
                }
                Frame::Batches(..) => {}
                Frame::End(end) => {
                    imported.at = Some(end.at);
                    for (shop, heads) in &end.heads {
                        let Some(place) = places.get_mut(shop) else { continue };
                        self.compare(shop, heads, place)?;
                    }
                }
            }
        }
        imported.fault = stick.fault();
        if let (true, Some(shop)) = (places.is_empty(), imported.elsewhere.first()) {
            let here = here.first().map_or_else(|| "no shop yet".to_owned(), ToString::to_string);
            return Err(TillError::Refused(format!(
                "{} is of another shop, {shop}; this is {here}: nothing was taken in",
                file.display()
            )));
        }
        for (shop, mut place) in places {
            self.take_older(&shop, &mut place, &mut stick, now)?;
            imported.journals.extend(place.brought.into_values());
        }
        Ok(imported)
    }

    fn place(&self, shop: &ShopId) -> Result<Place, TillError> {
        let ledger = self.ledger();
        let (own, members) = (ledger.writer(shop)?, self.vouched(&ledger, shop)?);
        let (mut ends, mut bases) = (ledger.vector(shop)?, BTreeMap::new());
        for actor in ends.keys() {
            bases.extend(ledger.base(shop, *actor)?.map(|base| (*actor, base.number)));
        }
        if let (Some(doubt), Some(end)) = (ledger.doubt(shop)?, ends.get_mut(&own)) {
            // What came after may be somebody else's under our name.
            *end = doubt.last.min(*end);
        }
        let own = self.as_member(own);
        Ok(Place { own, members, ends, bases, brought: BTreeMap::new(), older: BTreeMap::new() })
    }

    /// What is known is known if it is the same: a copied ledger may have written other entries under a name.
    fn compare(
        &self,
        shop: &ShopId,
        heads: &BTreeMap<Actor, Head>,
        place: &mut Place,
    ) -> Result<(), TillError> {
        for (actor, head) in heads {
            let Some(brought) = place.brought.get_mut(actor) else { continue };
            let here = self.ledger().chain_at(shop, *actor, head.number)?;
            if here.is_some_and(|here| here != head.chain) {
                let known = std::mem::take(&mut brought.known);
                let why = "what is here under this name is not the same: somebody goes on from a restored or \
                           copied ledger. That till mends it by itself when it syncs with the hub; export there \
                           again after that";
                brought.leave(known, why.to_owned());
            }
        }
        Ok(())
    }

    /// Takes in what is older than what is here of a journal that a new till entered, the newest first.
    fn take_older(
        &self,
        shop: &ShopId,
        place: &mut Place,
        stick: &mut Stick,
        now: Timestamp,
    ) -> Result<(), TillError> {
        for (actor, (places, older)) in &place.older {
            let mut taken = 0_u64;
            for at in places.iter().rev() {
                let Some(Frame::Batches(_, batches)) = stick.frame_at(*at) else { continue };
                for batch in batches.iter().rev().filter(|batch| batch.actor == *actor) {
                    let Some(Base { number, chain }) = self.ledger().base(shop, *actor)? else { break };
                    if (batch.first..=batch.last()).contains(&number) {
                        let base = (*actor, Head { number, chain });
                        let came = self.take_back(shop, base, std::slice::from_ref(batch), now)?;
                        taken = taken.saturating_add(came);
                    }
                }
            }
            let left = older.saturating_sub(taken);
            if let Some(brought) = place.brought.get_mut(actor) {
                brought.new = brought.new.saturating_add(taken);
                let why = "they are older than what is here, and what lies between is not in the file: it \
                           comes from the hub, or from a file of a till that has all of it";
                brought.leave(left, why.to_owned());
            }
            if taken > 0 {
                self.tell(Event::Ledger);
            }
        }
        Ok(())
    }
}

impl Imported {
    fn note_refused(&mut self, page: &Page, letters: &BTreeMap<Actor, String>) {
        for taken in &page.entries {
            let Outcome::Refused(reason) = &taken.outcome else { continue };
            self.refused = self.refused.saturating_add(1);
            if self.reasons.len() < MAX_REASONS {
                let name = FactId { actor: taken.entry.actor, number: taken.entry.number };
                self.reasons.push(format!("{}: {reason}", reference(name, letters)));
            }
        }
    }
}

impl Place {
    /// Counts what became of a frame's batches.
    fn count(&mut self, shop: &ShopId, (at, batches): (u64, &[Batch]), page: &Page) {
        let mut reached: BTreeMap<Actor, u64> = BTreeMap::new();
        for taken in &page.entries {
            reached.insert(taken.entry.actor, taken.entry.number);
        }
        for batch in batches.iter().filter(|batch| !batch.items.is_empty()) {
            let actor = batch.actor;
            if self.brought.len() >= MAX_NAMES && !self.brought.contains_key(&actor) {
                continue;
            }
            let (before, last) = (batch.first.saturating_sub(1), batch.last());
            let within = |from: u64, to: u64| last.min(to).saturating_sub(before.max(from));
            let base = self.bases.get(&actor).copied().unwrap_or(0);
            let end = self.ends.get(&actor).copied().unwrap_or(0);
            let reached = reached.get(&actor).copied().unwrap_or(0).max(end);
            let (older, known) = (within(0, base), within(base, end));
            let (new, left) = (within(end, reached), within(reached, u64::MAX));
            self.ends.insert(actor, reached.min(last).max(end));
            if older > 0 {
                let (places, entries) = self.older.entry(actor).or_default();
                places.insert(at);
                *entries = entries.saturating_add(older);
            }
            let why = if left > 0 { self.why(batch, page) } else { String::new() };
            let member =
                Some(&self.own).filter(|own| own.actor == actor).or_else(|| self.members.get(&actor));
            let brought = self.brought.entry(actor).or_insert_with(|| Brought {
                shop: shop.clone(),
                actor,
                member: member.cloned(),
                new: 0,
                known: 0,
                left: 0,
                why: None,
            });
            brought.new = brought.new.saturating_add(new);
            brought.known = brought.known.saturating_add(known);
            brought.leave(left, why);
        }
    }

    /// Why a batch is not taken in, if it is not, and what to do.
    fn why(&self, batch: &Batch, page: &Page) -> String {
        let (actor, first) = (batch.actor, batch.first);
        let refused = page.strangers.iter().find(|(of, ..)| *of == actor).map(|(.., reason)| reason.clone());
        match (self.members.get(&actor), refused) {
            _ if actor == self.own.actor => {
                "they are this till's own, which it does not have: it was restored from a \
                                       backup, or copied. Let it sync with its hub once, then import again"
                    .to_owned()
            }
            (None, _) => {
                "nobody of that name is known here: let this till sync with its hub once, then import \
                          again. Who stays unknown then was never enrolled in this shop"
                    .to_owned()
            }
            (Some(member), _) if member.revoked => {
                "it was revoked, and what it says is not believed any more: ask head office".to_owned()
            }
            (_, Some(reason)) => reason,
            _ => format!(
                "what comes before entry {first} is neither here nor in the file: sync with the hub, or take a \
                 file from a till that has all of it"
            ),
        }
    }
}

impl Brought {
    /// Some entries were not taken in; the first reason is told.
    fn leave(&mut self, entries: u64, why: String) {
        if entries > 0 {
            self.left = self.left.saturating_add(entries);
            self.why.get_or_insert(why);
        }
    }
}
