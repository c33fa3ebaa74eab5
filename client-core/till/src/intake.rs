//! Entries of others on their way into the ledger. Whatever brings them, the cloud, another till or a stick,
//! they pass here: known by their hand, in their journal's order, and each judged by the guard.

use crate::astray::written_again;
use crate::catalogue::Shelf;
use crate::{Event, Till, TillError, head};
use domain::{Actor, Document, Entry, ItemKey, Member, ShopId, Timestamp};
use ledger::{Content, Ledger, Outcome, Page, Reader, Taken};
use replica::journal::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES};
use replica::{Batch, Catalogue, ChainError, Head, Keypair, Opened, PublicKey, Refusal, admit};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::MutexGuard;

/// What is held while something is written: no sale and no other change of the catalogue comes between.
pub(crate) type OpenToWrite<'a> = (MutexGuard<'a, Shelf>, MutexGuard<'a, Ledger>);

/// What one answer brought, on its way into the ledger: what the guard needs to know, and what passed so far.
pub(crate) struct Intake<'a> {
    shop: &'a ShopId,
    now: Timestamp,
    ledger: &'a Ledger,
    pub(crate) members: BTreeMap<Actor, Member>,
    heads: BTreeMap<Actor, Head>,
    /// Whether it comes from the cloud, whose word on where a journal goes counts.
    of_cloud: bool,
    /// Journals in which the cloud seems to have something else than we have.
    pub(crate) elsewhere: BTreeSet<Actor>,
    pub(crate) page: Page,
}

impl<'a> Intake<'a> {
    /// An intake into a shop's journals, of what comes with a page: members whom it tells of are believed.
    pub(crate) fn new(
        shop: &'a ShopId,
        ledger: &'a Ledger,
        page: Page,
        now: Timestamp,
    ) -> Result<Self, TillError> {
        let mut members = ledger.members()?;
        members.extend(page.members.iter().map(|member| (member.actor, member.clone())));
        let (heads, elsewhere) = (BTreeMap::new(), BTreeSet::new());
        Ok(Self { shop, now, ledger, members, heads, of_cloud: false, elsewhere, page })
    }

    /// The same, of what the cloud says.
    pub(crate) fn of_cloud(self) -> Self {
        Self { of_cloud: true, ..self }
    }

    /// Opens a batch and passes its entries through the guard. What does not pass is set aside; the rest
    /// goes on. A batch that begins before our end is taken from there on: ways mix, and what one brought in
    /// pieces another brings whole.
    pub(crate) fn batch(&mut self, batch: &Batch, catalogues: &mut Shelf) -> Result<(), TillError> {
        let actor = batch.actor;
        let end = match self.heads.get(&actor) {
            Some(head) => *head,
            None => head(self.ledger, self.shop, actor)?,
        };
        if batch.last() <= end.number && !self.of_cloud {
            return Ok(());
        }
        let key = self.members.get(&actor).and_then(|member| PublicKey::from_bytes(&member.public_key));
        let Some(key) = key else {
            self.set_aside(actor, end, "nobody knows who writes this".to_owned());
            return Ok(());
        };
        let placed = self.placed(batch, end)?;
        if batch.last() <= end.number {
            return self.compare(&placed, &key);
        }
        let entries = match placed.open(end, &key) {
            Ok(entries) => entries,
            // A gap is harmless: the other side asks again from our end.
            Err(ChainError::NotNext { .. }) => return Ok(()),
            Err(error) => {
                self.set_aside(actor, end, error.to_string());
                self.elsewhere.extend(Some(actor).filter(|_| self.of_cloud));
                return Ok(());
            }
        };
        match entries.first() {
            // A sibling that has not heard of it yet still tells what went astray.
            Some(first) if !self.of_cloud && self.ledger.is_astray(self.shop, &first.entry)? => {
                return Ok(());
            }
            _ if self.of_cloud => drop(self.page.same.insert(actor, batch.last())),
            _ => {}
        }
        for opened in entries {
            self.heads.insert(actor, Head::of(&opened.entry));
            let outcome = self.judge(&opened, catalogues)?;
            self.page.entries.push(Taken { entry: opened.entry, outcome });
        }
        Ok(())
    }

    /// Whether what the cloud has is what is here.
    fn compare(&mut self, batch: &Batch, key: &PublicKey) -> Result<(), TillError> {
        let (actor, last) = (batch.actor, batch.last());
        let here = self.ledger.chain_at(self.shop, actor, last)?;
        let (Some(here), Some(start)) = (here, batch.start()) else { return Ok(()) };
        match batch.open(start, key) {
            Ok(entries) if entries.last().is_some_and(|there| there.entry.chain == here) => {
                self.page.same.insert(actor, last);
            }
            _ => drop(self.elsewhere.insert(actor)),
        }
        Ok(())
    }

    /// One reason for each place at which a journal may end: whoever sends nonsense fills nobody's disk.
    fn set_aside(&mut self, actor: Actor, end: Head, reason: String) {
        self.page.strangers.push((actor, end.number.saturating_add(1), reason));
    }

    /// A batch that begins in our copy of its journal, told where that is: what is there already is skipped
    /// then, if it is the same.
    fn placed<'b>(&self, batch: &'b Batch, end: Head) -> Result<Cow<'b, Batch>, TillError> {
        if batch.first > end.number || batch.before.is_some() {
            return Ok(Cow::Borrowed(batch));
        }
        let before = match batch.first.saturating_sub(1) {
            0 => Some(Head::genesis(self.shop, batch.actor).chain),
            number => self.ledger.chain_at(self.shop, batch.actor, number)?,
        };
        Ok(Cow::Owned(Batch { before, ..batch.clone() }))
    }

    pub(crate) fn judge(&mut self, opened: &Opened, catalogues: &mut Shelf) -> Result<Outcome, TillError> {
        let entry = &opened.entry;
        if entry.document == Document::Catalogue {
            return Ok(outcome(catalogues.open(self.ledger, self.shop, self.now)?.admit(entry)));
        }
        Ok(outcome(admit(opened)))
    }

    /// When the catalogue moved, what waited may pass now; what stands in the registers that were set goes
    /// into the page.
    pub(crate) fn finish(mut self, catalogues: &mut Shelf) -> Result<Page, TillError> {
        let mut keys: BTreeSet<ItemKey> = self.page.entries.iter().filter_map(set_by).cloned().collect();
        let moved = |taken: &Taken| {
            taken.entry.document == Document::Catalogue && matches!(taken.outcome, Outcome::Applied(_))
        };
        if !self.page.entries.iter().any(moved) {
            return Ok(self.page);
        }
        let catalogue = catalogues.open(self.ledger, self.shop, self.now)?;
        let mut waiting = self.ledger.catalogue(self.shop, true)?;
        let in_page = self.page.entries.iter().filter(|taken| taken.outcome == Outcome::Waiting);
        waiting.extend(in_page.map(|taken| taken.entry.clone()));
        // In the order of their journals, so that nearly always one pass wakes all that can wake.
        loop {
            let before = waiting.len();
            waiting.retain(|entry| !wakes(catalogue, entry, &mut self.page.woken));
            if waiting.len() == before {
                break;
            }
        }
        keys.extend(self.page.woken.iter().filter_map(set_by).cloned());
        self.page.registers = keys.iter().filter_map(|key| catalogue.register(key)).collect();
        Ok(self.page)
    }
}

/// The register that an entry set.
fn set_by(taken: &Taken) -> Option<&ItemKey> {
    match &taken.outcome {
        Outcome::Applied(Content::Item(key)) => Some(key),
        _ => None,
    }
}

impl Till {
    /// Takes in batches that did not come from the cloud; gives what was written. Whose hand they are is judged
    /// by the members that the cloud told of, and only by them: an unknown or revoked writer is passed over, and
    /// our own entries nobody tells us.
    pub(crate) fn take_batches(
        &self,
        shop: &ShopId,
        batches: &[Batch],
        now: Timestamp,
    ) -> Result<Page, TillError> {
        if batches.is_empty() {
            return Ok(Page::default());
        }
        let (mut catalogues, ledger) = self.open_to_write();
        let vouched = self.vouched(&ledger, shop)?;
        let mut intake = Intake::new(shop, &ledger, Page { at: Some(now), ..Page::default() }, now)?;
        for batch in batches {
            if vouched.get(&batch.actor).is_some_and(|member| !member.revoked) {
                intake.batch(batch, &mut catalogues)?;
            }
        }
        let page = intake.finish(&mut catalogues)?;
        if page.entries.is_empty() && page.strangers.is_empty() {
            return Ok(page);
        }
        self.write_page((catalogues, ledger), shop, &page, now)?;
        self.tell(Event::Ledger);
        Ok(page)
    }

    /// The ledger and the catalogues that were read from it, in the order in which they are always locked.
    pub(crate) fn open_to_write(&self) -> OpenToWrite<'_> {
        (self.catalogues(), self.ledger())
    }

    /// Writes what an intake let pass, in one transaction. What its till wrote again under another name comes out
    /// under the former.
    pub(crate) fn write_page(
        &self,
        (mut catalogues, mut ledger): OpenToWrite<'_>,
        shop: &ShopId,
        page: &Page,
        now: Timestamp,
    ) -> Result<(), TillError> {
        if let Err(error) = ledger.take(shop, page) {
            // The catalogue in memory is ahead of the file now: forget it, the file is the truth.
            catalogues.forget(shop);
            return Err(error.into());
        }
        drop((ledger, catalogues));
        self.take_out_former(shop, &written_again(page), now)
    }

    /// Whom the cloud named in a shop, but for ourselves. Head office knows the members of every shop: there, a
    /// till of one must not write in the journals of another.
    pub(crate) fn vouched(
        &self,
        ledger: &Ledger,
        shop: &ShopId,
    ) -> Result<BTreeMap<Actor, Member>, TillError> {
        let (mut members, own) = (ledger.members()?, ledger.writer(shop)?);
        if self.home.is_none() {
            let told = ledger.at_cloud(shop)?;
            members.retain(|actor, _| told.contains_key(actor));
        }
        members.remove(&own);
        Ok(members)
    }
}

/// The next batch of a journal after a number, to be passed on: our own sealed with our key, that of others
/// cut where its writer signed. `room` is how many bytes it may have, but for one entry or one signed run.
/// `None` if there is nothing, or nothing that can be passed on.
pub(crate) fn batch_after(
    reader: &Reader,
    shop: &ShopId,
    (actor, after): (Actor, u64),
    own: Option<&Keypair>,
    room: usize,
) -> Result<Option<Batch>, TillError> {
    let limit = MAX_BATCH_ENTRIES.min(room.checked_div(16).unwrap_or(0).max(1));
    let mut entries = reader.entries_after(shop, actor, after, limit)?;
    if own.is_some() && actor == reader.writer(shop)? {
        // Where somebody else may write under our name, only what both have goes out under it.
        let ours = reader.doubt(shop)?.map_or(u64::MAX, |doubt| doubt.last);
        entries.retain(|entry| entry.number <= ours);
    }
    let next = |entries: &[Entry]| {
        let numbers = after.saturating_add(1)..;
        entries.iter().zip(numbers).take_while(|(entry, number)| entry.number == *number).count()
    };
    // A new till has single entries of the catalogue before the rest.
    entries.truncate(next(&entries));
    let mut end = fitting(&entries, room);
    if own.is_none() {
        let signed = |entries: &[Entry]| entries.iter().rposition(|entry| entry.signature.is_some());
        let mut last = entries.get(..end).and_then(signed);
        if last.is_none() {
            // The run up to the next signature is longer: it goes whole.
            entries = reader.entries_after(shop, actor, after, MAX_BATCH_ENTRIES)?;
            entries.truncate(next(&entries));
            last = entries.iter().position(|entry| entry.signature.is_some());
        }
        let Some(last) = last else { return Ok(None) };
        end = last.saturating_add(1);
        // The last signature stands for all before it.
        entries.iter_mut().take(last).for_each(|entry| entry.signature = None);
    }
    entries.truncate(end);
    Ok(match own {
        Some(key) => Batch::seal(&entries, key),
        None => Batch::signed(&entries),
    })
}

/// How many of a run of entries have room, one at least.
fn fitting(entries: &[Entry], room: usize) -> usize {
    let mut bytes = 0_usize;
    let fits = |entry: &&Entry| {
        bytes = bytes.saturating_add(entry.body.size());
        bytes <= room.min(MAX_BATCH_BYTES)
    };
    entries.iter().take_while(fits).count().max(1)
}

/// Tries an entry that waited; whatever became of it but more waiting is an outcome.
fn wakes(catalogue: &mut Catalogue, entry: &Entry, woken: &mut Vec<Taken>) -> bool {
    let outcome = outcome(catalogue.admit(entry));
    let awake = outcome != Outcome::Waiting;
    if awake {
        woken.push(Taken { entry: entry.clone(), outcome });
    }
    awake
}

pub(crate) fn outcome(admitted: Result<replica::Content, Refusal>) -> Outcome {
    match admitted {
        Ok(content) => Outcome::Applied(match content {
            replica::Content::Fact(fact) => Content::Fact(fact),
            replica::Content::Item(key) => Content::Item(key),
            replica::Content::Unreadable(error) => Content::Unreadable(error.to_string()),
        }),
        Err(Refusal::Waiting) => Outcome::Waiting,
        Err(refusal) => Outcome::Refused(refusal.to_string()),
    }
}
