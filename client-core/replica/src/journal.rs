//! The journal: entries numbered without gaps, chained by hash, signed batch by batch.
//!
//! One value, the chain at an entry, stands for the whole journal up to it. Two journals of one actor
//! that differ anywhere differ in every chain value after, so a gap, a fork (a restored backup, a cloned
//! disk) and a foreign hand are all found on arrival.

use crate::day_book;
use crate::keys::{Keypair, PublicKey};
use domain::{Actor, Body, BusinessDay, Document, Entry, Fact, FactId, ShopId, Signature, Strand, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The most entries in one batch.
pub const MAX_BATCH_ENTRIES: usize = 2000;
/// The most bytes of facts and changes in one batch: well under DynamoDB's 400 KB an item.
pub const MAX_BATCH_BYTES: usize = 256 * 1024;
/// The largest single fact or change.
pub const MAX_CHANGE_BYTES: usize = 64 * 1024;

/// How far a journal goes, and the value that stands for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; 0 before the first.
    pub number: u64,
    /// The chain at that entry.
    pub chain: [u8; 32],
}

impl Head {
    /// The head of a journal that has no entries. It names the shop and the actor, so that no entry can
    /// be carried into another journal.
    pub fn genesis(shop: &ShopId, actor: Actor) -> Self {
        let digest = Sha256::digest(format!("leja journal 1\n{shop}\n{actor}"));
        Self { number: 0, chain: digest.into() }
    }

    /// The head at an entry.
    pub fn of(entry: &Entry) -> Self {
        Self { number: entry.number, chain: entry.chain }
    }

    /// The head after one more change.
    #[must_use]
    pub fn next(self, document: Document, change: &[u8]) -> Self {
        let number = self.number.saturating_add(1);
        let digest = Sha256::new()
            .chain_update(self.chain)
            .chain_update(number.to_be_bytes())
            .chain_update(document.to_string())
            .chain_update([0])
            .chain_update(Sha256::digest(change))
            .finalize();
        Self { number, chain: digest.into() }
    }

    /// The next entry of a journal that ends here: a fact, at the end of its writer's strand in the day book.
    pub fn fact(self, fact: &Fact, place: Strand) -> Opened {
        let document = Document::DayBook(fact.at.business_day());
        let body = day_book::body(fact, place);
        let entry = Entry {
            actor: fact.id.actor,
            number: fact.id.number,
            document,
            body,
            chain: self.chain,
            signature: None,
        };
        let written = day_book::change(&entry);
        let Self { number, chain } = self.next(document, &written.change);
        Opened { entry: Entry { number, chain, ..entry }, strand: written.strand }
    }

    /// The next entry of a journal that ends here: a change to the catalogue.
    pub fn change(self, actor: Actor, change: Vec<u8>) -> Entry {
        let document = Document::Catalogue;
        let Self { number, chain } = self.next(document, &change);
        Entry { actor, number, document, body: Body::Change(change), chain, signature: None }
    }

    /// Whether a signature says that a journal goes so far, by the hand of `key`. Everything up to the head
    /// is covered by it: a reader may enter the journal here and believe what leads on or back.
    pub fn is_signed(self, signature: &Signature, key: &PublicKey) -> bool {
        key.verifies(&self.message(), signature)
    }

    /// The bytes a writer signs for everything up to this head.
    fn message(self) -> Vec<u8> {
        [b"leja head 1\n".as_slice(), &self.number.to_be_bytes(), &self.chain].concat()
    }
}

/// Consecutive entries of one journal, signed at the last. It is sent, stored and passed on whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose journal.
    pub actor: Actor,
    /// The number of the first entry.
    pub first: u64,
    /// The chain before that entry, where the cloud says it: a joined batch can be opened by who has a part
    /// of it, or goes back through the journal. It is a claim until a chain that is known, or the signature,
    /// proves it.
    pub before: Option<[u8; 32]>,
    /// Where the writer's strands end before the batch, in the day books that it goes on with.
    pub strands: BTreeMap<BusinessDay, (u64, [u8; 32])>,
    /// What the entries say, in order.
    pub items: Vec<Item>,
    /// The writer's signature over the head after the last entry.
    pub signature: Signature,
}

/// What an entry says, as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A fact, in the day book of its day: when, and its bytes.
    Fact(Timestamp, Vec<u8>),
    /// A change to a document.
    Change(Document, Vec<u8>),
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Fact(_, bytes) | Self::Change(_, bytes) => bytes.len(),
        }
    }
}

/// An entry in its place in its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The entry.
    pub entry: Entry,
    /// How many changes its writer's strand has with it, and the hash of its change.
    pub strand: (u64, [u8; 32]),
}

/// Why a batch does not continue a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It does not start where the journal ends. Harmless: ask again from the end.
    #[error("the journal of {actor} goes to {have}, the batch starts at {first}")]
    NotNext {
        /// Whose journal.
        actor: Actor,
        /// Where it ends here.
        have: u64,
        /// Where the batch starts.
        first: u64,
    },
    /// The signature does not fit: another history, another key, or damage on the way.
    #[error(
        "up to number {last} it is not signed for this journal: a restored backup or a cloned disk writes under the same name, or somebody else does"
    )]
    Foreign {
        /// Whose journal.
        actor: Actor,
        /// The last number of the batch.
        last: u64,
    },
    /// Empty, or larger than any honest batch, or said to go on from more than its journal has.
    #[error("it is empty or too large")]
    Size {
        /// Whose journal.
        actor: Actor,
    },
}

impl Batch {
    /// Seals the start of a run of consecutive entries, as many as one batch may hold; `None` for none. The
    /// catalogue's entries get batches of their own, so that a new till can have all of them, each with its
    /// signature, without the sales between.
    pub fn seal(entries: &[Entry], key: &Keypair) -> Option<Self> {
        let of_catalogue = |entry: &Entry| entry.document == Document::Catalogue;
        let first = of_catalogue(entries.first()?);
        let alike = entries.iter().take_while(|entry| of_catalogue(entry) == first).count();
        let entries = entries.get(..alike)?;
        let last = entries.get(..fitting(entries))?.last()?;
        Self::of(entries, key.sign(&Head::of(last).message()))
    }

    /// The batch that a run of consecutive entries came as: up to the first that has a signature; `None` if
    /// none has, or there are more than one batch may hold.
    pub fn signed(entries: &[Entry]) -> Option<Self> {
        let (at, signature) = entries.iter().enumerate().find_map(|(at, e)| Some((at, e.signature?)))?;
        let entries = entries.get(..=at)?;
        if fitting(entries) == entries.len() { Self::of(entries, signature) } else { None }
    }

    fn of(entries: &[Entry], signature: Signature) -> Option<Self> {
        let first = entries.first()?;
        let mut strands = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut items = Vec::new();
        for entry in entries.iter().take(fitting(entries)) {
            items.push(match (day_book::packed(entry), &entry.body) {
                (Some((at, value, place)), _) => {
                    let day = at.business_day();
                    if let (true, Some(end)) = (seen.insert(day), place) {
                        strands.insert(day, end);
                    }
                    Item::Fact(at, value.into_owned())
                }
                (_, Body::Change(change)) => Item::Change(entry.document, change.clone()),
                (_, Body::Fact { .. }) => return None,
            });
        }
        Some(Self { actor: first.actor, first: first.number, before: None, strands, items, signature })
    }

    /// One batch of consecutive ones, which begins after `before`. Its signature is the last one's, which
    /// covers all of it. `None` where they do not follow each other or are too much for one.
    pub fn join(parts: &[Self], before: [u8; 32]) -> Option<Self> {
        let (first, last) = (parts.first()?, parts.last()?);
        let follows = |pair: &[Self]| match pair {
            [one, next] => one.actor == next.actor && one.last().checked_add(1) == Some(next.first),
            _ => false,
        };
        let (mut strands, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for part in parts {
            // A strand that an earlier part began or goes on with ends where that part says.
            let new = part.strands.iter().filter(|(day, _)| !seen.contains(*day));
            strands.extend(new.map(|(day, end)| (*day, *end)));
            seen.extend(part.documents().filter_map(Document::day));
        }
        let joined = Self {
            actor: first.actor,
            first: first.first,
            before: Some(before),
            strands,
            items: parts.iter().flat_map(|part| part.items.iter().cloned()).collect(),
            signature: last.signature,
        };
        (parts.windows(2).all(follows) && joined.is_sized()).then_some(joined)
    }

    /// The head it says it starts from; a claim.
    pub fn start(&self) -> Option<Head> {
        Some(Head { number: self.first.checked_sub(1)?, chain: self.before? })
    }

    /// Whether any entry is the catalogue's.
    pub fn bears_catalogue(&self) -> bool {
        self.documents().any(|document| document == Document::Catalogue)
    }

    /// The documents of its entries, in order.
    pub fn documents(&self) -> impl Iterator<Item = Document> {
        self.items.iter().map(|item| match item {
            Item::Fact(at, _) => Document::DayBook(at.business_day()),
            Item::Change(document, _) => *document,
        })
    }

    /// The number of the last entry.
    pub fn last(&self) -> u64 {
        let more = u64::try_from(self.items.len()).unwrap_or(u64::MAX).saturating_sub(1);
        self.first.saturating_add(more)
    }

    /// The bytes of all its facts and changes.
    pub fn size(&self) -> usize {
        self.items.iter().map(Item::size).sum()
    }

    /// Checks that this batch continues the journal that ends at `head`, by the hand of `key`, and gives
    /// the entries after it, the last with the signature. What is there already is skipped, if it is the
    /// same.
    ///
    /// # Errors
    /// It does not; see [`ChainError`].
    pub fn open(&self, head: Head, key: &PublicKey) -> Result<Vec<Opened>, ChainError> {
        let (actor, last) = (self.actor, self.last());
        if !self.is_sized() {
            return Err(ChainError::Size { actor });
        }
        let start = match self.start() {
            _ if head.number.checked_add(1) == Some(self.first) => head,
            Some(start) if start.number < head.number && head.number < last => start,
            _ => return Err(ChainError::NotNext { actor, have: head.number, first: self.first }),
        };
        let (mut entries, end) = self.follow(start);
        let agrees = |Opened { entry, .. }: &Opened| entry.number != head.number || entry.chain == head.chain;
        if !end.is_signed(&self.signature, key) || !entries.iter().all(agrees) {
            return Err(ChainError::Foreign { actor, last });
        }
        entries.retain(|opened| opened.entry.number > head.number);
        if let Some(last) = entries.last_mut() {
            last.entry.signature = Some(self.signature);
        }
        Ok(entries)
    }

    /// The entries of a batch that leads back from `base`, which is known: those up to it, in order. No key
    /// is needed: a chain that ends in one that is known is the journal itself.
    ///
    /// # Errors
    /// It does not lead there; see [`ChainError`].
    pub fn open_back(&self, base: Head) -> Result<Vec<Opened>, ChainError> {
        let actor = self.actor;
        if !self.is_sized() {
            return Err(ChainError::Size { actor });
        }
        let within = self.first <= base.number && base.number <= self.last();
        let not_next = ChainError::NotNext { actor, have: base.number, first: self.first };
        let (mut entries, end) = self.follow(self.start().filter(|_| within).ok_or(not_next)?);
        if let Some(last) = entries.last_mut().filter(|_| end == base) {
            last.entry.signature = Some(self.signature);
        }
        entries.retain(|opened| opened.entry.number <= base.number);
        match entries.last() {
            Some(last) if last.entry.chain == base.chain => Ok(entries),
            _ => Err(ChainError::Foreign { actor, last: base.number }),
        }
    }

    /// Whether it holds something, and no more than any honest batch, nor says so.
    fn is_sized(&self) -> bool {
        let largest = self.items.iter().map(Item::size).max();
        let bounded = self.items.len() <= MAX_BATCH_ENTRIES && self.size() <= MAX_BATCH_BYTES;
        // No strand has more changes than its journal has entries.
        let counted = self.strands.values().all(|(seq, _)| *seq < self.first);
        bounded && counted && largest.is_some_and(|largest| largest <= MAX_CHANGE_BYTES)
    }

    /// The entries in their places after `head`, and the head after them.
    fn follow(&self, mut head: Head) -> (Vec<Opened>, Head) {
        let mut strands = self.strands.clone();
        let mut entries = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let id = FactId { actor: self.actor, number: head.number.saturating_add(1) };
            let (document, body, change) = match item {
                Item::Fact(at, value) => {
                    let day = at.business_day();
                    let place = strands.get(&day).copied();
                    let written = day_book::written(id, *at, value.clone(), place);
                    strands.insert(day, written.strand);
                    (Document::DayBook(day), Body::Fact { at: *at, value: value.clone(), place }, written)
                }
                Item::Change(document, change) => {
                    let body = Body::Change(change.clone());
                    (*document, body, day_book::Written { change: change.clone(), strand: (0, [0; 32]) })
                }
            };
            head = head.next(document, &change.change);
            let (number, chain) = (head.number, head.chain);
            let entry = Entry { actor: self.actor, number, document, body, chain, signature: None };
            entries.push(Opened { entry, strand: change.strand });
        }
        (entries, head)
    }
}

/// How many of a run of entries one batch may hold.
fn fitting(entries: &[Entry]) -> usize {
    let mut bytes = 0_usize;
    let fits = |entry: &&Entry| {
        bytes = bytes.saturating_add(entry.body.size());
        bytes <= MAX_BATCH_BYTES
    };
    entries.iter().take(MAX_BATCH_ENTRIES).take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::TillId;

    fn shop() -> ShopId {
        ShopId::parse("duka-moja").unwrap()
    }

    fn journal(changes: &[&[u8]]) -> Vec<Entry> {
        let actor = Actor::first(TillId(7));
        let mut head = Head::genesis(&shop(), actor);
        let write = |change: &&[u8]| {
            let entry = head.change(actor, change.to_vec());
            head = Head::of(&entry);
            entry
        };
        changes.iter().map(write).collect()
    }

    /// Three facts, two of one day and one of the next.
    fn facts() -> Vec<Entry> {
        let actor = Actor::first(TillId(7));
        let (mut head, mut strand) = (Head::genesis(&shop(), actor), None);
        let at = Timestamp::parse_daraja("20261121235900").unwrap();
        let write = |number: u64| {
            let id = FactId { actor, number };
            let at = at.plus_millis(i64::try_from(number).unwrap() * 25_000);
            let body = domain::FactBody::Void { sale: domain::Cited::by_name(id), reason: "slip".into() };
            let (by, clock, formerly) = (domain::Person::named("Asha"), None, None);
            let fact = Fact { id, at, clock, formerly, by, body };
            let opened = head.fact(&fact, strand.filter(|_| number < 3));
            head = Head::of(&opened.entry);
            strand = Some(opened.strand);
            opened.entry
        };
        (1..=3).map(write).collect()
    }

    fn key() -> Keypair {
        Keypair::from_seed(&[7; 32])
    }

    #[test]
    fn a_sealed_batch_opens_where_the_journal_ends_and_nowhere_else() {
        let entries = journal(&[b"one", b"two", b"three"]);
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        let all = Batch::seal(&entries, &key()).unwrap();
        let opened = all.open(genesis, &key().public()).unwrap();
        assert_eq!(opened[2].entry.chain, entries[2].chain);
        assert!(opened[2].entry.signature.is_some() && opened[1].entry.signature.is_none());

        let rest = Batch::seal(&entries[1..], &key()).unwrap();
        assert!(matches!(
            rest.open(genesis, &key().public()),
            Err(ChainError::NotNext { have: 0, first: 2, .. })
        ));
        let head = Head::of(&entries[0]);
        assert_eq!(rest.open(head, &key().public()).unwrap().len(), 2);
    }

    #[test]
    fn facts_open_in_their_places_wherever_a_batch_begins() {
        let entries = facts();
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        let heads = [genesis, Head::of(&entries[0])];
        for (from, head) in heads.into_iter().enumerate() {
            let batch = Batch::seal(&entries[from..], &key()).unwrap();
            assert_eq!(batch.strands.len(), from, "only a strand that goes on has an end before");
            let opened = batch.open(head, &key().public()).unwrap();
            for (opened, entry) in opened.iter().zip(&entries[from..]) {
                let expected = Entry { signature: opened.entry.signature, ..entry.clone() };
                assert_eq!((&opened.entry, opened.strand), (&expected, day_book::change(entry).strand));
            }
        }
    }

    #[test]
    fn a_lie_about_where_a_strand_ends_breaks_the_signature() {
        let entries = facts();
        let mut batch = Batch::seal(&entries[1..], &key()).unwrap();
        batch.strands.values_mut().for_each(|(_, hash)| hash[0] ^= 1);
        let head = Head::of(&entries[0]);
        assert!(matches!(batch.open(head, &key().public()), Err(ChainError::Foreign { .. })));
    }

    #[test]
    fn what_came_as_one_batch_goes_on_as_the_same_batch() {
        let sealed = Batch::seal(&facts(), &key()).unwrap();
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        let opened = sealed.open(genesis, &key().public()).unwrap();
        let kept: Vec<Entry> = opened.into_iter().map(|opened| opened.entry).collect();
        assert_eq!(Batch::signed(&kept), Some(sealed));
        assert_eq!(Batch::signed(&kept[..2]), None, "what is not signed to its end is no batch");
    }

    #[test]
    fn a_fork_a_foreign_key_and_a_foreign_shop_are_found() {
        let batch = Batch::seal(&journal(&[b"one", b"two"])[1..], &key()).unwrap();
        let other = journal(&[b"other", b"two"]);
        let forked = Head::of(&other[0]);
        assert!(matches!(batch.open(forked, &key().public()), Err(ChainError::Foreign { last: 2, .. })));

        let first = Batch::seal(&journal(&[b"one"]), &key()).unwrap();
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        let stranger = Keypair::from_seed(&[8; 32]).public();
        assert!(matches!(first.open(genesis, &stranger), Err(ChainError::Foreign { .. })));
        let elsewhere = Head::genesis(&ShopId::parse("duka-mbili").unwrap(), Actor::first(TillId(7)));
        assert!(matches!(first.open(elsewhere, &key().public()), Err(ChainError::Foreign { .. })));
    }

    fn chains(opened: &[Opened]) -> Vec<[u8; 32]> {
        opened.iter().map(|opened| opened.entry.chain).collect()
    }

    fn sealed(entries: &[Entry], length: usize) -> Vec<Batch> {
        entries.chunks(length).map(|part| Batch::seal(part, &key()).unwrap()).collect()
    }

    #[test]
    fn a_joined_batch_opens_at_every_place_in_it_and_leads_back_from_every_place() {
        let entries = journal(&[b"one", b"two", b"three", b"four", b"five"]);
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        let joined = Batch::join(&sealed(&entries, 2), genesis.chain).unwrap();
        let mut head = genesis;
        for (index, entry) in entries.iter().enumerate() {
            let rest = joined.open(head, &key().public()).unwrap();
            assert_eq!(chains(&rest), entries[index..].iter().map(|e| e.chain).collect::<Vec<_>>());
            head = Head { number: entry.number, chain: entry.chain };
            let back = joined.open_back(head).unwrap();
            assert_eq!(chains(&back), entries[..=index].iter().map(|e| e.chain).collect::<Vec<_>>());
        }
        assert!(matches!(joined.open(head, &key().public()), Err(ChainError::NotNext { .. })), "all is here");
        assert!(matches!(joined.open_back(genesis), Err(ChainError::NotNext { .. })));
    }

    #[test]
    fn a_joined_batch_that_says_a_wrong_start_or_another_history_is_not_believed() {
        let entries = journal(&[b"one", b"two", b"three"]);
        let head = |entry: &Entry| Head { number: entry.number, chain: entry.chain };
        let parts = sealed(&entries, 1);
        let lie = Batch::join(&parts, [9; 32]).unwrap();
        let foreign = |result: Result<Vec<Opened>, ChainError>| {
            assert!(matches!(result, Err(ChainError::Foreign { .. })), "{result:?}");
        };
        foreign(lie.open(head(&entries[0]), &key().public()));
        foreign(lie.open_back(head(&entries[1])));
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        let joined = Batch::join(&parts, genesis.chain).unwrap();
        let fork = journal(&[b"one", b"other"]);
        foreign(joined.open(head(&fork[1]), &key().public()));
        foreign(joined.open_back(head(&fork[1])));
        foreign(joined.open(genesis, &Keypair::from_seed(&[8; 32]).public()));
        assert_eq!(Batch::join(&[parts[0].clone(), parts[2].clone()], genesis.chain), None, "a gap");
        assert_eq!(Batch::join(&[], genesis.chain), None);
    }

    #[test]
    fn facts_of_joined_batches_stand_in_their_places() {
        let entries = facts();
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        for length in 1..=3 {
            let parts = sealed(&entries, length);
            let joined = Batch::join(&parts, genesis.chain).unwrap();
            assert_eq!(joined.strands, BTreeMap::new(), "every strand begins in it");
            let opened = joined.open(genesis, &key().public()).unwrap();
            assert_eq!(chains(&opened), entries.iter().map(|e| e.chain).collect::<Vec<_>>());
            let later = Batch::join(&sealed(&entries[1..], length), entries[0].chain).unwrap();
            assert_eq!(later.strands.len(), 1, "the first day goes on");
            let back = later.open_back(Head::of(&entries[2])).unwrap();
            assert_eq!(back[0].entry, Entry { signature: back[0].entry.signature, ..entries[1].clone() });
        }
    }

    #[test]
    fn the_catalogue_gets_batches_of_its_own() {
        let mut entries = journal(&[b"one", b"two"]);
        entries.push(facts().remove(2));
        let batch = Batch::seal(&entries, &key()).unwrap();
        assert_eq!((batch.last(), batch.bears_catalogue()), (2, true));
        let batch = Batch::seal(&entries[2..], &key()).unwrap();
        assert_eq!((batch.last(), batch.bears_catalogue()), (3, false));
    }

    #[test]
    fn a_head_is_signed_by_its_writer_alone() {
        let entries = journal(&[b"one"]);
        let (head, batch) = (Head { number: 1, chain: entries[0].chain }, sealed(&entries, 1).remove(0));
        assert!(head.is_signed(&batch.signature, &key().public()));
        assert!(!head.is_signed(&batch.signature, &Keypair::from_seed(&[8; 32]).public()));
        assert!(!Head { number: 2, ..head }.is_signed(&batch.signature, &key().public()));
    }

    #[test]
    fn the_chain_keeps_its_bytes() {
        assert_eq!(
            hex::encode(journal(&[b"one"])[0].chain),
            "4e97e48bdfb928ba31c3839cd392490871422e0614bcaf4390d2558f9bd07777"
        );
    }

    #[test]
    fn batches_are_bounded_and_nothing_is_left_behind() {
        let large = vec![7_u8; 60 * 1024];
        let entries = journal(&[large.as_slice(); 9]);
        let batch = Batch::seal(&entries, &key()).unwrap();
        assert_eq!((batch.first, batch.last()), (1, 4));
        let rest = Batch::seal(&entries[4..], &key()).unwrap();
        assert_eq!((rest.first, rest.last()), (5, 8));
        let items = vec![Item::Change(Document::Catalogue, vec![0; MAX_CHANGE_BYTES + 1])];
        let bomb = Batch { items, ..batch };
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        assert!(matches!(bomb.open(genesis, &key().public()), Err(ChainError::Size { .. })));
    }
}
