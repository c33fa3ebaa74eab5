//! What records add up to, so that two clouds can be held against each other.

use super::{Orphan, Record};
use domain::{Actor, ShopId};
use replica::{Batch, ChainError, Head, PublicKey};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

impl Record {
    /// Its name: its kind, and what tells it from all others of the kind.
    pub fn name(&self) -> String {
        match self {
            Self::Shop(shop, _) => format!("shop {}", shop.id),
            Self::Member(member, _) => format!("member {}", member.actor),
            Self::Counter(name, _) => format!("counter {name}"),
            Self::Enrolment(enrolment) => format!("enrolment {}", hex::encode(enrolment.code_hash)),
            Self::Orphan(orphan) => format!("inbox {}", hex::encode(orphan.item.hash)),
            Self::Note(shop, name, _) => format!("note {shop} {name}"),
            Self::Request(request) => format!("request {} {}", request.shop, request.name),
            Self::Answer(request, kind, _) => format!("answer {request} {}", kind.name()),
            Self::Message(shop, item, _) => {
                let (kind, name) = item.name();
                format!("message {shop} {kind} {name}")
            }
            Self::Batch(shop, batch) => format!("journal {shop} {}", batch.actor),
        }
    }

    /// SHA-256 of its JSON.
    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.json()).into()
    }
}

/// A part of what a cloud keeps, name by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    things: BTreeMap<String, (u64, [u8; 32])>,
    /// Callbacks as they were told best: a store may tell of one twice, as the answer it waits as and as itself.
    orphans: BTreeMap<String, Orphan>,
}

impl Inventory {
    /// Adds a record that is no batch.
    pub fn add(&mut self, record: &Record) {
        if let Record::Orphan(orphan) = record {
            let known = self.orphans.get(&record.name());
            if known.is_some_and(|known| !orphan.says_more_than(known)) {
                return;
            }
            self.orphans.insert(record.name(), orphan.clone());
        }
        self.things.insert(record.name(), (1, record.hash()));
    }

    /// Adds a journal that was followed to its end, if it has any entry.
    pub fn add_journal(&mut self, shop: &ShopId, actor: Actor, end: Head) {
        if end.number > 0 {
            self.things.insert(format!("journal {shop} {actor}"), (end.number, end.chain));
        }
    }

    /// Takes what is told of the inbox out, and adds it to what other parts told of it.
    pub fn give_inbox_to(&mut self, inbox: &mut Self) {
        for (name, orphan) in std::mem::take(&mut self.orphans) {
            self.things.remove(&name);
            inbox.add(&Record::Orphan(orphan));
        }
    }

    /// Holds what was copied against what it was copied from.
    pub fn compared(from: &Self, to: &Self) -> Compared {
        let mut compared = Compared::default();
        for (name, thing) in &from.things {
            let there = to.things.get(name);
            match there {
                None => compared.differences.push(format!("{name}: missing there")),
                Some(there) if there != thing => {
                    compared.differences.push(format!("{name}: different there"))
                }
                Some(_) => {}
            }
            let kind = compared.kinds.entry(kind_of(name).to_owned()).or_default();
            kind.add(thing, there);
        }
        for name in to.things.keys().filter(|name| !from.things.contains_key(*name)) {
            // What Safaricom says may come there while this one is copied.
            if ["message", "answer", "inbox"].contains(&kind_of(name)) {
                compared.came = compared.came.saturating_add(1);
            } else {
                compared.differences.push(format!("{name}: there alone"));
            }
        }
        compared
    }
}

fn kind_of(name: &str) -> &str {
    name.split(' ').next().unwrap_or_default()
}

/// How a copy compares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// Each kind of thing: how many, and what their contents add up to.
    pub kinds: BTreeMap<String, Sums>,
    /// What is not the same, by name.
    pub differences: Vec<String>,
    /// How many messages of Safaricom's are only in the copy.
    pub came: u64,
}

impl Compared {
    /// Adds what was found of another part.
    pub fn extend(&mut self, other: Self) {
        for (kind, sums) in other.kinds {
            let all = self.kinds.entry(kind).or_default();
            all.from.add(&sums.from);
            all.to.add(&sums.to);
        }
        self.differences.extend(other.differences);
        self.came = self.came.saturating_add(other.came);
    }
}

/// A kind of thing on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Where it comes from.
    pub from: Sum,
    /// Where it was copied to.
    pub to: Sum,
}

impl Sums {
    fn add(&mut self, thing: &(u64, [u8; 32]), there: Option<&(u64, [u8; 32])>) {
        self.from.add(&Sum::of(thing));
        if let Some(there) = there {
            self.to.add(&Sum::of(there));
        }
    }
}

/// How many there are, entries where they are journals, and all their hashes together, in whatever order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// The sum of their hashes, as four numbers.
    hash: [u64; 4],
}

impl Sum {
    fn of((count, hash): &(u64, [u8; 32])) -> Self {
        let (words, _) = hash.as_chunks::<8>();
        let mut sum = [0; 4];
        for (place, word) in sum.iter_mut().zip(words) {
            *place = u64::from_be_bytes(*word);
        }
        Self { count: *count, hash: sum }
    }

    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        for (place, word) in self.hash.iter_mut().zip(other.hash) {
            *place = place.wrapping_add(word);
        }
    }
}

/// In hex.
impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.hash.iter().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

/// Follows a journal batch by batch, by its writer's hand.
#[derive(Clone, Copy)]
pub struct Follower {
    key: PublicKey,
    /// How far it came.
    pub head: Head,
}

impl Follower {
    /// At the beginning of a journal; nothing where the key is none.
    pub fn new(shop: &ShopId, actor: Actor, public_key: &[u8; 32]) -> Option<Self> {
        Some(Self { key: PublicKey::from_bytes(public_key)?, head: Head::genesis(shop, actor) })
    }

    /// Goes on over a batch.
    ///
    /// # Errors
    /// It does not follow, or its writer did not sign it.
    pub fn follow(&mut self, batch: &Batch) -> Result<(), ChainError> {
        let opened = batch.open(self.head, &self.key)?;
        self.head = opened.last().map_or(self.head, |opened| Head::of(&opened.entry));
        Ok(())
    }
}
