//! The catalogue: one Automerge document per shop whose registers may be edited concurrently. Concurrent
//! edits stay visible, both values, until a later edit that has seen them chooses one.
//!
//! The changes are Automerge's to the byte, but no document is built: a change here is one put of one
//! register, so what stands in a register follows from who had seen what (`graph`). As in a day book, a
//! change is a function of what it says and of its place, and the guard is that function: it builds a
//! foreign change again and compares the bytes. The tests hold this against Automerge itself.

mod graph;

use crate::codec;
use crate::day_book::{MergeError, Written};
use crate::guard::{Content, Refusal, decode, single_put};
use automerge::legacy::{Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{Change, ChangeHash, ExpandedChange, ScalarValue};
use domain::{Actor, Body, Entry, Item, ItemId, ItemKey, Person, Register, Timestamp, Version, WriteId};
use graph::{Graph, Place, Sees};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// The largest value of a register.
const MAX_VALUE_BYTES: usize = 4096;

/// A shop's catalogue, opened from changes that passed the guard.
#[derive(Default)]
pub struct Catalogue {
    graph: Graph,
    /// Per key, in the order in which they came.
    writes: BTreeMap<String, Vec<Write>>,
    /// Writers of whom an entry waits, and the number of the first. What they wrote after it waits with it:
    /// which of two changes under one number passes would hang on the order of arrival.
    waiting: BTreeMap<Actor, u64>,
}

/// One put of a register.
struct Write {
    id: WriteId,
    /// Its change's number in its writer's strand.
    seq: u64,
    /// The writes it took the place of.
    supersedes: Vec<WriteId>,
    /// What it says, until another takes its place.
    value: Option<Vec<u8>>,
}

impl Catalogue {
    /// Opens the catalogue from entries in the order in which they were admitted.
    ///
    /// # Errors
    /// One of them is no change of a catalogue, or does not follow from those before it.
    pub fn open<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Self, MergeError> {
        let mut catalogue = Self::default();
        for bytes in entries.into_iter().filter_map(bytes_of) {
            let (change, hash) = decode(bytes).map_err(|e| MergeError::new(&e))?;
            let (key, value) = single_put(&change).map_err(|e| MergeError::new(&e))?;
            let actor = Actor::from_bytes(change.actor_id.to_bytes());
            let actor = actor.ok_or_else(|| MergeError::new(&"a change of nobody's"))?;
            let place = catalogue.graph.find(actor, change.seq, &deps(&change));
            let place = place.map_err(|e| MergeError::new(&e))?;
            let standing = catalogue.standing(key, &place.sees);
            catalogue.add(actor, &place, standing, (key, value), hash);
        }
        Ok(catalogue)
    }

    /// Sets an item, superseding every value that stands in its register, and gives the change.
    pub fn set(&mut self, actor: Actor, item: &Item, by: &Person, at: Timestamp) -> Written {
        let (key, value) = (item.key().to_string(), codec::encode_item(item, by, at));
        let place = self.graph.next(actor);
        let standing = self.standing(&key, &place.sees);
        let change = build(actor, &place, &standing, (&key, &value));
        self.add(actor, &place, standing, (&key, &value), change.hash().0);
        Written::of(&change)
    }

    /// Notes an entry that waits, so that what its writer wrote after it does too.
    pub fn hold(&mut self, entry: &Entry) {
        let first = self.waiting.entry(entry.actor).or_insert(entry.number);
        *first = entry.number.min(*first);
    }

    /// Checks a foreign entry and, when it passes, takes it in. The entries of one writer come in the order of
    /// its journal.
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::Waiting`] when it builds on changes that have not come, or its writer's entry
    /// before it does.
    pub fn admit(&mut self, entry: &Entry) -> Result<Content, Refusal> {
        let first = self.waiting.get(&entry.actor).copied();
        if first.is_some_and(|first| first < entry.number) {
            return Err(Refusal::Waiting);
        }
        let admitted = self.judge(entry);
        match admitted {
            Err(Refusal::Waiting) => self.hold(entry),
            _ if first == Some(entry.number) => drop(self.waiting.remove(&entry.actor)),
            _ => {}
        }
        admitted
    }

    fn judge(&mut self, entry: &Entry) -> Result<Content, Refusal> {
        let bytes = bytes_of(entry).ok_or(Refusal::Shape("no change of a catalogue"))?;
        let (change, hash) = decode(bytes)?;
        let (key, value) = single_put(&change)?;
        if change.actor_id.to_bytes() != entry.actor.to_bytes() {
            return Err(Refusal::Shape("its actor is not the journal's"));
        }
        if value.len() > MAX_VALUE_BYTES || !is_key(key) {
            return Err(Refusal::Shape("its key or its value is no catalogue's"));
        }
        let place = self.graph.find(entry.actor, change.seq, &deps(&change))?;
        let standing = self.standing(key, &place.sees);
        let built = build(entry.actor, &place, &standing, (key, value));
        if built.raw_bytes() != bytes {
            return Err(Refusal::Shape("its bytes are not what we would write"));
        }
        self.add(entry.actor, &place, standing, (key, value), hash);
        let read = |key: ItemKey| codec::decode_item(&key, value).map(|_| Content::Item(key));
        let unknown = |_| codec::CodecError::Unreadable;
        Ok(key.parse().map_err(unknown).and_then(read).unwrap_or_else(Content::Unreadable))
    }

    /// Every register that this release can read.
    pub fn registers(&self) -> impl Iterator<Item = (ItemKey, Register)> {
        let keys = self.writes.keys().filter_map(|key| key.parse::<ItemKey>().ok());
        keys.filter_map(|key| self.register(&key).map(|register| (key, register)))
    }

    /// What stands in a register; `None` if nothing does that this release can read.
    pub fn register(&self, key: &ItemKey) -> Option<Register> {
        let version = |write: &Write| {
            let (item, by, at) = codec::decode_item(key, write.value.as_deref()?).ok()?;
            Some(Version { write: write.id, item, by, at })
        };
        Register::of(self.writes.get(&key.to_string())?.iter().filter_map(version).collect())
    }

    /// The writes of a register that stand for whoever has seen this much.
    fn standing(&self, key: &str, sees: &Sees) -> Vec<WriteId> {
        let writes = self.writes.get(key).map_or(&[][..], Vec::as_slice);
        let seen = |write: &&Write| self.graph.seen(sees, write.id.actor, write.seq);
        let now = || writes.iter().filter(|write| write.value.is_some());
        if now().all(|write| seen(&write)) {
            // Nearly always: whoever has seen what stands now has seen all that it took the place of.
            return now().map(|write| write.id).collect();
        }
        let gone: Vec<&WriteId> = writes.iter().filter(seen).flat_map(|write| &write.supersedes).collect();
        writes.iter().filter(seen).map(|write| write.id).filter(|id| !gone.contains(&id)).collect()
    }

    fn add(
        &mut self,
        actor: Actor,
        place: &Place,
        supersedes: Vec<WriteId>,
        (key, value): (&str, &[u8]),
        hash: graph::Hash,
    ) {
        self.graph.add(actor, place, hash);
        let writes = self.writes.entry(key.to_owned()).or_default();
        for write in writes.iter_mut().filter(|write| supersedes.contains(&write.id)) {
            write.value = None;
        }
        let id = WriteId { counter: place.counter, actor };
        writes.push(Write { id, seq: place.seq, supersedes, value: Some(value.to_vec()) });
    }
}

/// One put of bytes under one key of the root, in the place of the writes that stood there.
fn build(actor: Actor, place: &Place, standing: &[WriteId], (key, value): (&str, &[u8])) -> Change {
    let pred = standing.iter().map(|id| OpId::new(id.counter, &id.actor.to_bytes().as_slice().into()));
    let put = Op {
        action: OpType::Put(ScalarValue::Bytes(value.to_vec())),
        obj: ObjectId::Root,
        key: Key::Map(key.into()),
        pred: SortedVec::from(pred.collect::<Vec<OpId>>()),
        insert: false,
    };
    Change::from(ExpandedChange {
        operations: vec![put],
        actor_id: actor.to_bytes().as_slice().into(),
        hash: None,
        seq: place.seq,
        start_op: NonZeroU64::MIN.saturating_add(place.counter.saturating_sub(1)),
        time: 0,
        message: None,
        deps: place.deps.iter().map(|dep| ChangeHash(*dep)).collect(),
        extra_bytes: Vec::new(),
        author: None,
    })
}

fn bytes_of(entry: &Entry) -> Option<&[u8]> {
    let Body::Change(bytes) = &entry.body else { return None };
    Some(bytes)
}

fn deps(change: &ExpandedChange) -> Vec<graph::Hash> {
    change.deps.iter().map(|dep| dep.0).collect()
}

/// Whether a text may name a register, also of a kind that a later release thinks of.
fn is_key(text: &str) -> bool {
    let (kind, id) = text.split_once('/').map_or((None, text), |(kind, id)| (Some(kind), id));
    ItemId::parse(id).is_ok() && kind.is_none_or(|kind| ItemId::parse(kind).is_ok() && kind != "product")
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.registers()).finish()
    }
}

#[cfg(test)]
mod tests;
