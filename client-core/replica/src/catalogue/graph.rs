//! Which changes of a catalogue build on which: what a writer had seen when it wrote.

use crate::guard::Refusal;
use domain::Actor;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The hash of a change.
pub(super) type Hash = [u8; 32];

/// Every change of a catalogue, and what its writer had seen.
#[derive(Default)]
pub(super) struct Graph {
    /// Per writer: its place in `sees`, how many changes it wrote, and the hash of the last.
    strands: BTreeMap<Actor, (usize, u64, Hash)>,
    changes: HashMap<Hash, Change>,
    /// What nothing builds on yet.
    heads: BTreeSet<Hash>,
}

struct Change {
    writer: usize,
    seq: u64,
    counter: u64,
    sees: Sees,
}

/// How many changes of each writer lie at or behind a point of the graph, by the writers' places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sees(Vec<u64>);

impl Sees {
    fn count(&self, writer: usize) -> u64 {
        self.0.get(writer).copied().unwrap_or(0)
    }

    fn raise(&mut self, writer: usize, seq: u64) {
        if self.0.len() <= writer {
            self.0.resize(writer.saturating_add(1), 0);
        }
        if let Some(count) = self.0.get_mut(writer) {
            *count = (*count).max(seq);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (writer, seq) in other.0.iter().enumerate() {
            self.raise(writer, *seq);
        }
    }
}

/// Where a change stands.
pub(super) struct Place {
    /// The number in its writer's strand.
    pub(super) seq: u64,
    /// The number of its operation: one more than the highest its writer had seen.
    pub(super) counter: u64,
    /// What it builds on, as Automerge writes it.
    pub(super) deps: Vec<Hash>,
    /// What its writer had seen.
    pub(super) sees: Sees,
}

impl Graph {
    /// Where the writer's next change stands, made by whoever has seen everything here.
    pub(super) fn next(&self, actor: Actor) -> Place {
        let heads: Vec<Hash> = self.heads.iter().copied().collect();
        self.place(actor, &heads)
    }

    /// Where a foreign change stands: in sequence, on known changes, its own last among them.
    pub(super) fn find(&self, actor: Actor, seq: u64, deps: &[Hash]) -> Result<Place, Refusal> {
        let expected = self.strands.get(&actor).map_or(0, |(_, seq, _)| *seq).saturating_add(1);
        if seq > expected || deps.iter().any(|dep| !self.changes.contains_key(dep)) {
            return Err(Refusal::Waiting);
        }
        // One for each writer at most: more is not ours, and would take long to look through.
        if deps.len() > self.strands.len().saturating_add(1) {
            return Err(Refusal::Sequence);
        }
        let place = self.place(actor, &self.foremost(deps));
        if seq == expected && place.deps == deps { Ok(place) } else { Err(Refusal::Sequence) }
    }

    /// Adds a change that stands at a place.
    pub(super) fn add(&mut self, actor: Actor, place: &Place, hash: Hash) {
        let next = self.strands.len();
        let (writer, seq, last) = self.strands.entry(actor).or_insert((next, 0, hash));
        (*seq, *last) = (place.seq, hash);
        let writer = *writer;
        for dep in &place.deps {
            self.heads.remove(dep);
        }
        self.heads.insert(hash);
        let mut sees = place.sees.clone();
        sees.raise(writer, place.seq);
        self.changes.insert(hash, Change { writer, seq: place.seq, counter: place.counter, sees });
    }

    /// Whether whoever has seen this has seen a writer's change.
    pub(super) fn seen(&self, sees: &Sees, actor: Actor, seq: u64) -> bool {
        self.strands.get(&actor).is_some_and(|(writer, _, _)| sees.count(*writer) >= seq)
    }

    /// Automerge names, in order, what nothing else builds on, and the writer's own last change, also where
    /// another builds on that.
    fn place(&self, actor: Actor, foremost: &[Hash]) -> Place {
        let (mut deps, mut sees, mut counter) = (foremost.to_vec(), Sees::default(), 0);
        let own = self.strands.get(&actor);
        deps.extend(own.map(|(_, _, last)| *last).filter(|last| !foremost.contains(last)));
        deps.sort_unstable();
        for change in deps.iter().filter_map(|dep| self.changes.get(dep)) {
            counter = counter.max(change.counter);
            sees.merge(&change.sees);
        }
        let seq = own.map_or(0, |(_, seq, _)| *seq).saturating_add(1);
        Place { seq, counter: counter.saturating_add(1), deps, sees }
    }

    /// Those of some changes that none of the others builds on, in order, each once.
    fn foremost(&self, deps: &[Hash]) -> Vec<Hash> {
        let known = |hash: &Hash| self.changes.get(hash).map(|change| (*hash, change));
        let all: BTreeMap<Hash, &Change> = deps.iter().filter_map(known).collect();
        let behind = |hash: &Hash, change: &Change| {
            all.iter().any(|(other, it)| other != hash && it.sees.count(change.writer) >= change.seq)
        };
        all.iter().filter(|(hash, change)| !behind(hash, change)).map(|(hash, _)| *hash).collect()
    }
}
