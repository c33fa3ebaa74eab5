//! The day book: one Automerge document per shop and business day, in which tills write immutable
//! facts side by side.
//!
//! The document is one flat map. A key is the complement of the time of day and the fact's name, so that
//! keys sort newest first (ascending keys make merging cost grow with the map, lab §1); the value is the
//! fact as compact bytes. Nothing is ever overwritten, so a fact depends on nothing that others wrote:
//! each actor's changes form a **strand** of their own, every change with one operation and one
//! dependency, the change before it on the same strand. That makes a change a function of its fact and
//! its place, which is what the guard checks: it builds the change again and compares the bytes.

use crate::codec;
use crate::guard::Strand;
use automerge::legacy::{Key, ObjectId, Op, OpType, SortedVec};
use automerge::{Automerge, Change, ChangeHash, ExpandedChange, ReadDoc, ScalarValue};
use domain::{Actor, BusinessDay, Fact, FactId};
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

/// Writes a fact as the next change of its strand; `last` is where the strand ends.
pub fn write(fact: &Fact, last: Strand) -> Written {
    let value = codec::encode_fact(fact);
    Written::of(&build(fact.id.actor, &key(fact), value, last))
}

/// The document key of a fact.
pub(crate) fn key(fact: &Fact) -> String {
    let newest_first = NEWEST_FIRST.saturating_sub(fact.at.millis_of_day());
    format!("{newest_first:07x}{}", fact.id)
}

/// The name and time of a key; `None` if no release of ours writes such a key.
pub(crate) fn read_key(day: BusinessDay, key: &str) -> Option<(FactId, domain::Timestamp)> {
    let (time, id) = key.split_at_checked(TIME_DIGITS)?;
    let lower_hex = time.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    let complement = u32::from_str_radix(time, 16).ok().filter(|_| lower_hex)?;
    let at = day.at(NEWEST_FIRST.checked_sub(complement)?).ok()?;
    Some((id.parse().ok()?, at))
}

/// One put of bytes under one key of the root, at the end of the actor's strand.
pub(crate) fn build(actor: Actor, key: &str, value: Vec<u8>, last: Strand) -> Change {
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
    /// Merges changes, in any order as long as each strand's are all there.
    ///
    /// # Errors
    /// Automerge refuses one of them.
    pub fn open<'a>(
        day: BusinessDay,
        changes: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, MergeError> {
        Ok(Self { day, document: merged(changes)? })
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
pub(crate) fn merged<'a>(changes: impl IntoIterator<Item = &'a [u8]>) -> Result<Automerge, MergeError> {
    let changes: Vec<Vec<u8>> = changes.into_iter().map(<[u8]>::to_vec).collect();
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
    use domain::{Claim, FactBody, How, Person, ReceiptCode, Timestamp};
    use proptest::prelude::*;

    fn fact(till: u32, number: u64, second: i64) -> Fact {
        let id = FactId { actor: Actor::first(domain::TillId(till)), number };
        let at = Timestamp::parse_daraja("20261121080000").unwrap().plus_millis(second * 1000);
        let claim = Claim { receipt: ReceiptCode::parse("UKL4AB12CD").unwrap(), sale: id, how: How::Picked };
        let (by, body) = (Person::named("Asha"), FactBody::Claim(claim));
        Fact { id, at, clock: None, formerly: None, by, body }
    }

    /// The strand of one till: its changes in order.
    fn strand(facts: &[Fact]) -> Vec<Vec<u8>> {
        let mut last = None;
        let next = |fact: &Fact| {
            let written = write(fact, last);
            last = Some(written.strand);
            written.change
        };
        facts.iter().map(next).collect()
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
            transaction.put(automerge::ROOT, key(fact), value).unwrap();
            let (hash, _) = transaction.commit();
            let committed = document.get_change_by_hash(&hash.unwrap()).unwrap();
            assert_eq!(hex::encode(committed.raw_bytes()), hex::encode(built));
        }
    }

    #[test]
    fn a_day_book_keeps_its_bytes() {
        let golden = "856f4a83aeb9bfcc01460006000000070000010100000006150c340142025603571870027f0a36343838626666372d31017f017f87030204417368610000020a554b4c34414231324344070001037f00";
        assert_eq!(hex::encode(&strand(&[fact(7, 1, 0)])[0]), golden);
    }

    #[test]
    fn keys_sort_newest_first_and_read_back() {
        let (early, late) = (fact(7, 1, 0), fact(9, 1, 60));
        assert!(key(&late) < key(&early));
        assert_eq!(read_key(late.at.business_day(), &key(&late)), Some((late.id, late.at)));
        let day = late.at.business_day();
        for bad in ["", "7ff", "7FFFFFF7-1", "00000007-1", "7ffffff7-01", "fffffff7-1", "ääää"] {
            assert_eq!(read_key(day, bad), None, "{bad}");
        }
    }

    #[test]
    fn changes_that_do_not_merge_are_an_error_and_not_a_crash() {
        let day = fact(1, 1, 0).at.business_day();
        assert!(DayBook::open(day, [b"not a change".as_slice()]).is_err());
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
            let mut changes: Vec<Vec<u8>> = tills.iter().flat_map(|facts| strand(facts)).collect();
            let day = tills[0][0].at.business_day();
            let book = DayBook::open(day, changes.iter().map(Vec::as_slice)).unwrap();
            let turn = order.index(changes.len());
            changes.rotate_left(turn);
            changes.reverse();
            let other = DayBook::open(day, changes.iter().map(Vec::as_slice)).unwrap();
            prop_assert_eq!(book.heads(), other.heads());
            let mut expected: Vec<Fact> = tills.into_iter().flatten().collect();
            expected.sort_by_key(key);
            prop_assert_eq!(book.facts(), expected.clone());
            prop_assert_eq!(other.facts(), expected);
        }
    }
}
