//! The day book: one Automerge document per shop and business day, in which tills write immutable
//! facts side by side.
//!
//! The document is one flat map. A key is the complement of the time of day and the fact's name, so that
//! keys sort newest first (ascending keys make merging cost grow with the map, lab §1); the value is the
//! fact as compact bytes. Nothing is ever overwritten, so a fact depends on nothing that others wrote:
//! each actor's changes form a **strand** of their own, every change with one operation and one
//! dependency, the change before it on the same strand. That makes a change a function of its fact and
//! its place, which is what the guard checks: it builds the change again and compares the bytes.

use crate::{codec, guard};
use automerge::legacy::{Key, ObjectId, Op, OpType, SortedVec};
use automerge::{Automerge, Change, ChangeHash, ExpandedChange, ReadDoc, ScalarValue};
use domain::{Actor, Body, BusinessDay, Document, Entry, Fact, FactId, Strand, Timestamp};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// Milliseconds of a day fit in 27 bits; their complement sorts newest first.
const NEWEST_FIRST: u32 = 0x7ff_ffff;
/// Hex digits of the time in a key.
const TIME_DIGITS: usize = 7;

/// A change, and where its strand ends after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The change, as Automerge writes it without compression.
    pub change: Vec<u8>,
    /// How many changes the strand has now, and the hash of the last.
    pub strand: (u64, [u8; 32]),
}

impl Written {
    pub(crate) fn of(change: &Change) -> Self {
        Self { change: change.raw_bytes().to_vec(), strand: (change.seq(), change.hash().0) }
    }
}

/// What an entry of a fact carries; `place` is where its writer's strand in the day book ends.
pub fn body(fact: &Fact, place: Strand) -> Body {
    Body::Fact { at: fact.at, value: codec::encode_fact(fact), place }
}

/// The change of an entry. That of a fact is built from the fact and its place.
pub fn change(entry: &Entry) -> Written {
    let id = FactId { actor: entry.actor, number: entry.number };
    match &entry.body {
        Body::Fact { at, value, place } => written(id, *at, value.clone(), *place),
        Body::Change(change) => {
            let strand = guard::decode(change).map_or((0, [0; 32]), |(read, hash)| (read.seq, hash));
            Written { change: change.clone(), strand }
        }
    }
}

/// The fact of an entry; `None` if it has none that this release can read.
pub fn fact(entry: &Entry) -> Option<Fact> {
    let (at, value, _) = packed(entry)?;
    codec::decode_fact(FactId { actor: entry.actor, number: entry.number }, at, &value).ok()
}

/// When a fact was made, its bytes, and its place: what its change is built from.
pub(crate) type Packed<'a> = (Timestamp, Cow<'a, [u8]>, Strand);

/// What an entry of a day book says. The first release kept changes: they are unpacked. `None` where it is no
/// fact that we wrote.
pub(crate) fn packed(entry: &Entry) -> Option<Packed<'_>> {
    let Document::DayBook(day) = entry.document else { return None };
    match &entry.body {
        Body::Fact { at, value, place } => Some((*at, Cow::Borrowed(value), *place)),
        Body::Change(bytes) => read(day, FactId { actor: entry.actor, number: entry.number }, bytes),
    }
}

/// What a change of a day book is made of, if it is exactly the one that we would write.
pub(crate) fn read(day: BusinessDay, id: FactId, bytes: &[u8]) -> Option<Packed<'static>> {
    let (change, _) = guard::decode(bytes).ok()?;
    let (key, value) = guard::single_put(&change).ok()?;
    let (named, at) = read_key(day, key)?;
    let before = change.deps.iter().map(|dep| dep.0).next();
    let place = before.and_then(|hash| Some((change.seq.checked_sub(1)?, hash)));
    let same = named == id && written(id, at, value.to_vec(), place).change == bytes;
    same.then(|| (at, Cow::Owned(value.to_vec()), place))
}

/// The change that says a fact's bytes at the end of its writer's strand.
pub(crate) fn written(id: FactId, at: Timestamp, value: Vec<u8>, place: Strand) -> Written {
    Written::of(&build(id.actor, &key(id, at), value, place))
}

/// The document key of a fact.
fn key(id: FactId, at: Timestamp) -> String {
    let newest_first = NEWEST_FIRST.saturating_sub(at.millis_of_day());
    format!("{newest_first:07x}{id}")
}

/// The name and time of a key; `None` if no release of ours writes such a key.
fn read_key(day: BusinessDay, key: &str) -> Option<(FactId, Timestamp)> {
    let (time, id) = key.split_at_checked(TIME_DIGITS)?;
    let lower_hex = time.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    let complement = u32::from_str_radix(time, 16).ok().filter(|_| lower_hex)?;
    let at = day.at(NEWEST_FIRST.checked_sub(complement)?).ok()?;
    Some((id.parse().ok()?, at))
}

/// One put of bytes under one key of the root, at the end of the actor's strand.
fn build(actor: Actor, key: &str, value: Vec<u8>, last: Strand) -> Change {
    let put = Op {
        action: OpType::Put(ScalarValue::Bytes(value)),
        obj: ObjectId::Root,
        key: Key::Map(key.into()),
        pred: SortedVec::new(),
        insert: false,
    };
    let seq = last.map_or(0, |(seq, _)| seq).saturating_add(1);
    Change::from(ExpandedChange {
        operations: vec![put],
        actor_id: actor.to_bytes().as_slice().into(),
        hash: None,
        seq,
        start_op: NonZeroU64::MIN.saturating_add(seq.saturating_sub(1)),
        time: 0,
        message: None,
        deps: last.map(|(_, hash)| ChangeHash(hash)).into_iter().collect(),
        extra_bytes: Vec::new(),
        author: None,
    })
}

/// The entries of a day book that its document can have: every strand from its beginning as far as it is whole. Of
/// a day in which a new till entered a journal, the rest may still come; and a till that lies about its own strand
/// ends it there.
pub fn whole(entries: Vec<Entry>) -> Vec<Entry> {
    let mut ends: BTreeMap<Actor, Strand> = BTreeMap::new();
    let follows = |entry: &Entry| {
        let Some((_, _, place)) = packed(entry) else { return false };
        let end = ends.entry(entry.actor).or_default();
        let goes_on = *end == place;
        if goes_on {
            *end = Some(change(entry).strand);
        }
        goes_on
    };
    entries.into_iter().filter(follows).collect()
}

/// The merged document of one day, opened from changes that passed the guard.
pub struct DayBook {
    day: BusinessDay,
    document: Automerge,
}

/// Changes that Automerge would not merge. They had passed the guard, so something is badly wrong.
#[derive(Debug, thiserror::Error)]
#[error("this day's changes do not merge: run a verification of the ledger ({0})")]
pub struct MergeError(String);

impl MergeError {
    pub(crate) fn new(cause: &impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

impl DayBook {
    /// Merges the entries of a day, in any order as long as each strand's are all there.
    ///
    /// # Errors
    /// Automerge refuses one of them.
    pub fn open<'a>(
        day: BusinessDay,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Self, MergeError> {
        Ok(Self { day, document: merged(entries.into_iter().map(|entry| change(entry).change))? })
    }

    /// Every fact in the document that this release can read, newest first.
    pub fn facts(&self) -> Vec<Fact> {
        let entries = self.document.map_range(automerge::ROOT, ..);
        entries.filter_map(|item| self.fact(&item.key, bytes_of(&item.value)?)).collect()
    }

    /// The heads of the merged document, sorted: equal heads mean equal content.
    pub fn heads(&self) -> Vec<[u8; 32]> {
        let mut heads: Vec<[u8; 32]> = self.document.get_heads().iter().map(|head| head.0).collect();
        heads.sort_unstable();
        heads
    }

    fn fact(&self, key: &str, value: &[u8]) -> Option<Fact> {
        let (id, at) = read_key(self.day, key)?;
        codec::decode_fact(id, at, value).ok()
    }
}

/// A document from changes; a panic inside Automerge throws the document away instead of the till.
pub(crate) fn merged(changes: impl IntoIterator<Item = Vec<u8>>) -> Result<Automerge, MergeError> {
    let changes: Vec<Vec<u8>> = changes.into_iter().collect();
    let apply = || -> Result<Automerge, MergeError> {
        let changes: Result<Vec<Change>, _> = changes.into_iter().map(Change::from_bytes).collect();
        let mut document = Automerge::new();
        let changes = changes.map_err(|e| MergeError(e.to_string()))?;
        document.apply_changes(changes).map_err(|e| MergeError(e.to_string()))?;
        Ok(document)
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(apply))
        .unwrap_or_else(|_| Err(MergeError("the merge panicked".to_owned())))
}

/// The bytes inside a document value.
fn bytes_of<'a>(value: &'a automerge::ValueRef<'_>) -> Option<&'a [u8]> {
    match value {
        automerge::ValueRef::Scalar(automerge::ScalarValueRef::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automerge::transaction::Transactable;
    use domain::{Cited, Claim, FactBody, How, Person, ReceiptCode, Timestamp};
    use proptest::prelude::*;

    fn fact(till: u32, number: u64, second: i64) -> Fact {
        let id = FactId { actor: Actor::first(domain::TillId(till)), number };
        let at = Timestamp::parse_daraja("20261121080000").unwrap().plus_millis(second * 1000);
        let (receipt, sale) = (ReceiptCode::parse("UKL4AB12CD").unwrap(), Cited::by_name(id));
        let claim = Claim::new(receipt, sale, How::Picked);
        let (by, body) = (Person::named("Asha"), FactBody::Claim(claim));
        Fact { id, at, clock: None, formerly: None, by, body }
    }

    /// The strand of one till: its entries in order.
    fn strand(facts: &[Fact]) -> Vec<Entry> {
        let mut last = None;
        let next = |fact: &Fact| {
            let document = Document::DayBook(fact.at.business_day());
            let (actor, number) = (fact.id.actor, fact.id.number);
            let entry =
                Entry { actor, number, document, body: body(fact, last), chain: [0; 32], signature: None };
            last = Some(change(&entry).strand);
            entry
        };
        facts.iter().map(next).collect()
    }

    fn key_of(fact: &Fact) -> String {
        key(fact.id, fact.at)
    }

    #[test]
    fn a_built_change_is_the_change_automerge_itself_would_commit() {
        let facts = [fact(7, 1, 0), fact(7, 2, 5)];
        let built = strand(&facts);
        let mut document = Automerge::new();
        document.set_actor(Actor::first(domain::TillId(7)).to_bytes().as_slice().into());
        for (fact, built) in facts.iter().zip(&built) {
            let mut transaction = document.transaction();
            let value = ScalarValue::Bytes(codec::encode_fact(fact));
            transaction.put(automerge::ROOT, key_of(fact), value).unwrap();
            let (hash, _) = transaction.commit();
            let committed = document.get_change_by_hash(&hash.unwrap()).unwrap();
            assert_eq!(hex::encode(committed.raw_bytes()), hex::encode(change(built).change));
        }
    }

    #[test]
    fn a_day_book_keeps_its_bytes() {
        let golden = "856f4a83aeb9bfcc01460006000000070000010100000006150c340142025603571870027f0a36343838626666372d31017f017f87030204417368610000020a554b4c34414231324344070001037f00";
        assert_eq!(hex::encode(change(&strand(&[fact(7, 1, 0)])[0]).change), golden);
    }

    #[test]
    fn keys_sort_newest_first_and_read_back() {
        let (early, late) = (fact(7, 1, 0), fact(9, 1, 60));
        assert!(key_of(&late) < key_of(&early));
        assert_eq!(read_key(late.at.business_day(), &key_of(&late)), Some((late.id, late.at)));
        let day = late.at.business_day();
        for bad in ["", "7ff", "7FFFFFF7-1", "00000007-1", "7ffffff7-01", "fffffff7-1", "ääää"] {
            assert_eq!(read_key(day, bad), None, "{bad}");
        }
    }

    #[test]
    fn changes_that_do_not_merge_are_an_error_and_not_a_crash() {
        let mut entry = strand(&[fact(1, 1, 0)]).remove(0);
        entry.body = Body::Change(b"not a change".to_vec());
        assert!(DayBook::open(fact(1, 1, 0).at.business_day(), [&entry]).is_err());
    }

    #[test]
    fn an_entry_of_the_first_release_reads_as_one_of_today() {
        let facts = [fact(7, 1, 0), fact(7, 2, 5)];
        for (fact, today) in facts.iter().zip(strand(&facts)) {
            let old = Entry { body: Body::Change(change(&today).change), ..today.clone() };
            assert_eq!(packed(&old), packed(&today));
            assert_eq!((super::fact(&old).as_ref(), change(&old)), (Some(fact), change(&today)));
        }
    }

    proptest! {
        #[test]
        fn tills_that_wrote_apart_merge_to_one_book_in_any_order(
            counts in prop::collection::vec(1usize..8, 1..4),
            order in any::<prop::sample::Index>(),
        ) {
            let tills: Vec<Vec<Fact>> = counts.iter().enumerate().map(|(till, count)| {
                (1..=*count).map(|n| fact(till as u32 + 1, n as u64, (n * 7 + till) as i64)).collect()
            }).collect();
            let mut entries: Vec<Entry> = tills.iter().flat_map(|facts| strand(facts)).collect();
            let day = tills[0][0].at.business_day();
            let book = DayBook::open(day, &entries).unwrap();
            let turn = order.index(entries.len());
            entries.rotate_left(turn);
            entries.reverse();
            let other = DayBook::open(day, &entries).unwrap();
            prop_assert_eq!(book.heads(), other.heads());
            let mut expected: Vec<Fact> = tills.into_iter().flatten().collect();
            expected.sort_by_key(key_of);
            prop_assert_eq!(book.facts(), expected.clone());
            prop_assert_eq!(other.facts(), expected);
        }
    }
}
