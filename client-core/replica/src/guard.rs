//! The guard: which foreign changes may touch a document.
//!
//! Automerge panics or grows unsound on well-formed but hostile changes, ignores the checksum of a change
//! and inflates bombs (lab §4). So facts travel as facts, and **their changes are built here**: a foreign hand
//! can not even say a change that we would not write. A change that does come as bytes (the catalogue's, and
//! what the first release kept) is decoded within bounds, found to be exactly one of our shapes under a key
//! its writer may use, built again from what was understood, and compared byte for byte.

use crate::codec::{self, CodecError};
use crate::day_book;
use crate::journal::{self, Opened};
use automerge::legacy::{Key, ObjectId, OpType};
use automerge::{Change, ExpandedChange, ScalarValue};
use domain::{Document, Fact, FactId, ItemKey};

/// What an admitted change says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A fact.
    Fact(Fact),
    /// This register of the catalogue was set; it says which setting leads.
    Item(ItemKey),
    /// The shape is ours, but this release can not read the value: kept, merged and shown as such.
    Unreadable(CodecError),
}

/// Why a change may not be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It builds on changes that have not come yet; hold it until they do.
    #[error("it builds on changes that have not arrived")]
    Waiting,
    /// It is not a change that Leja writes.
    #[error("not a change that Leja writes: {0}")]
    Shape(&'static str),
    /// It is one of ours, in the wrong place of its writer's strand.
    #[error("out of its writer's sequence")]
    Sequence,
    /// Decoding it made Automerge panic.
    #[error("decoding it failed")]
    Undecodable,
}

/// Checks an entry of a day book. What is decided hangs on the entry alone, so that a replica that has a part of
/// its journal, or the parts in another order, decides the same: the chain has proved where in its journal the
/// entry stands, and where its writer says that its strand in the day book stood is that till's own affair. A
/// strand that its writer broke is in the document [as far as it is whole](day_book::whole).
///
/// # Errors
/// [`Refusal`]; nothing of the entry may then reach a document.
pub fn admit(opened: &Opened) -> Result<Content, Refusal> {
    let entry = &opened.entry;
    let Some((at, value, _)) = day_book::packed(entry) else {
        return Err(Refusal::Shape("no fact as we would write it"));
    };
    if Document::DayBook(at.business_day()) != entry.document {
        return Err(Refusal::Shape("its time is of another day"));
    }
    let id = FactId { actor: entry.actor, number: entry.number };
    Ok(match codec::decode_fact(id, at, &value) {
        Ok(fact) => Content::Fact(fact),
        Err(error) => Content::Unreadable(error),
    })
}

/// A change from foreign bytes, within bounds, its checksum verified, and panics caught.
pub(crate) fn decode(bytes: &[u8]) -> Result<(ExpandedChange, [u8; 32]), Refusal> {
    const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
    const UNCOMPRESSED: u8 = 1;
    if bytes.len() > journal::MAX_CHANGE_BYTES {
        return Err(Refusal::Shape("too large"));
    }
    // Chunk type 2 is a deflated change: 292 kB of it inflated to 300 MB in the lab.
    let framed = bytes.starts_with(&MAGIC) && bytes.get(8) == Some(&UNCOMPRESSED);
    if !framed {
        return Err(Refusal::Shape("no uncompressed change"));
    }
    let parse = || -> Result<(ExpandedChange, [u8; 32]), Refusal> {
        let change = Change::from_bytes(bytes.to_vec()).map_err(|_| Refusal::Undecodable)?;
        let hash = change.hash().0;
        if bytes.get(4..8) != hash.get(..4) {
            return Err(Refusal::Shape("its checksum does not fit"));
        }
        Ok((change.decode(), hash))
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(parse)).unwrap_or(Err(Refusal::Undecodable))
}

/// The key and value of a change that puts bytes under one key of the root and does nothing else.
pub(crate) fn single_put(change: &ExpandedChange) -> Result<(&str, &[u8]), Refusal> {
    let [op] = change.operations.as_slice() else {
        return Err(Refusal::Shape("not one operation"));
    };
    match (&op.obj, &op.key, &op.action, op.insert) {
        (ObjectId::Root, Key::Map(key), OpType::Put(ScalarValue::Bytes(value)), false) => Ok((key, value)),
        _ => Err(Refusal::Shape("not bytes under a key of the root")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automerge::legacy::{ElementId, OpId, SortedVec};
    use domain::{Actor, Body, Entry, FactBody, Person, Strand, TillId, Timestamp};
    use proptest::prelude::*;
    use std::num::NonZeroU64;

    fn actor() -> Actor {
        Actor::first(TillId(7))
    }

    fn fact(number: u64) -> Fact {
        let id = FactId { actor: actor(), number };
        let at = Timestamp::parse_daraja("20261121080000").unwrap();
        let body = FactBody::Void { sale: domain::Cited::by_name(id), reason: "test".into() };
        Fact { id, at, clock: None, formerly: None, by: Person::named("Asha"), body }
    }

    fn entry(number: u64, body: Body) -> Opened {
        let document = Document::DayBook(fact(1).at.business_day());
        let entry = Entry { actor: actor(), number, document, body, chain: [0; 32], signature: None };
        let strand = day_book::change(&entry).strand;
        Opened { entry, strand }
    }

    fn honest(number: u64, strand: Strand) -> Opened {
        entry(number, day_book::body(&fact(number), strand))
    }

    fn honest_change() -> Vec<u8> {
        day_book::change(&honest(1, None).entry).change
    }

    fn check(number: u64, change: Vec<u8>) -> Result<Content, Refusal> {
        admit(&entry(number, Body::Change(change)))
    }

    /// The hostile cases of the lab: edit an honest change and make its checksum good again.
    fn forged(edit: impl Fn(&mut ExpandedChange)) -> Result<Content, Refusal> {
        let (mut change, _) = decode(&honest_change()).unwrap();
        edit(&mut change);
        check(1, Change::from(change).raw_bytes().to_vec())
    }

    #[test]
    fn an_honest_strand_passes() {
        let first = honest(1, None);
        assert_eq!(admit(&first), Ok(Content::Fact(fact(1))));
        let second = honest(2, Some(first.strand));
        assert_eq!((admit(&second), second.strand.0), (Ok(Content::Fact(fact(2))), 2));
    }

    /// The day book keeps what it was given: a fact of form 1 is not written anew on its way through.
    #[test]
    fn what_an_older_release_wrote_passes_for_ever() {
        let golden = "856f4a83b328520901440006000000070000010100000006150c340142025603571670027f0a36343838626666372d31017f017fe702010441736861020a554b4c34414231324344070001037f00";
        let admitted = check(1, hex::decode(golden).unwrap()).unwrap();
        let Content::Fact(fact) = admitted else { panic!("{admitted:?}") };
        assert_eq!((fact.by.as_str(), fact.clock, fact.formerly), ("Asha", None, None));
        assert_eq!((fact.id.to_string().as_str(), fact.at), ("7-1", self::fact(1).at));
    }

    #[test]
    fn a_fact_is_judged_by_itself_and_a_strand_merges_as_far_as_it_is_whole() {
        let first = honest(1, None);
        let lies = [Some((7, [9; 32])), Some((1, [9; 32])), None, Some(first.strand)];
        for (place, whole) in lies.into_iter().zip([1, 1, 1, 2]) {
            let second = honest(2, place);
            assert_eq!(admit(&second), Ok(Content::Fact(fact(2))), "whatever came before it");
            let book = day_book::whole(vec![first.entry.clone(), second.entry]);
            assert_eq!(book.len(), whole);
            assert!(day_book::merged(book.iter().map(|entry| day_book::change(entry).change)).is_ok());
        }
        assert!(forged(|c| c.seq = 0).is_err());
        assert!(forged(|c| c.seq = 9).is_err());
    }

    #[test]
    fn a_fact_in_the_book_of_another_day_is_refused() {
        let mut elsewhere = honest(1, None);
        elsewhere.entry.document = Document::DayBook(fact(1).at.plus_millis(86_400_000).business_day());
        assert_eq!(admit(&elsewhere), Err(Refusal::Shape("its time is of another day")));
    }

    #[test]
    fn a_forged_operation_counter_is_refused() {
        for start_op in [2, 99, u64::from(u32::MAX)] {
            assert!(forged(|c| c.start_op = NonZeroU64::new(start_op).unwrap()).is_err(), "{start_op}");
        }
    }

    #[test]
    fn list_keys_inserts_unknown_objects_and_predecessors_are_refused() {
        let other = || OpId::new(1, &[9_u8; 6].as_slice().into());
        assert!(forged(|c| c.operations[0].key = Key::Seq(ElementId::Head)).is_err());
        assert!(forged(|c| c.operations[0].insert = true).is_err());
        assert!(forged(|c| c.operations[0].obj = ObjectId::Id(other())).is_err());
        assert!(forged(|c| c.operations[0].pred = SortedVec::from(vec![other()])).is_err());
        assert!(forged(|c| c.operations[0].action = OpType::Delete).is_err());
        assert!(forged(|c| c.operations[0].action = OpType::Increment(1)).is_err());
    }

    #[test]
    fn two_operations_no_operations_messages_and_extra_bytes_are_refused() {
        assert!(forged(|c| c.operations.push(c.operations[0].clone())).is_err());
        assert!(forged(|c| c.operations.clear()).is_err());
        assert!(forged(|c| c.message = Some("hello".into())).is_err());
        assert!(forged(|c| c.extra_bytes = vec![1, 2, 3]).is_err());
        assert!(forged(|c| c.time = 1).is_err());
    }

    #[test]
    fn a_till_may_not_write_under_anothers_name() {
        assert!(forged(|c| c.actor_id = Actor::first(TillId(8)).to_bytes().as_slice().into()).is_err());
        let stolen = day_book::change(&honest(2, None).entry).change;
        assert_eq!(check(1, stolen), Err(Refusal::Shape("no fact as we would write it")));
    }

    #[test]
    fn a_deflate_bomb_is_refused_unopened() {
        let mut bomb = honest_change();
        bomb[8] = 2;
        assert_eq!(decode(&bomb).err(), Some(Refusal::Shape("no uncompressed change")));
        assert!(check(1, bomb).is_err());
        assert!(check(1, vec![0; journal::MAX_CHANGE_BYTES + 1]).is_err());
    }

    #[test]
    fn a_fact_of_a_newer_release_is_kept_and_the_strand_goes_on() {
        let newer = Body::Fact { at: fact(1).at, value: vec![250, 1, 2, 3], place: None };
        let newer = entry(1, newer);
        assert_eq!(admit(&newer), Ok(Content::Unreadable(CodecError::Newer(250))));
        let next = honest(2, Some(newer.strand));
        assert!(admit(&next).is_ok());
        assert_eq!(day_book::whole(vec![newer.entry, next.entry]).len(), 2);
    }

    proptest! {
        #[test]
        fn no_damage_passes_and_none_panics(at in 0usize..200, with: u8, fix_checksum: bool) {
            let honest = honest_change();
            let mut bytes = honest.clone();
            let at = at % bytes.len();
            bytes[at] = with;
            if fix_checksum {
                use sha2::{Digest, Sha256};
                let sum = Sha256::digest(&bytes[8..]);
                bytes[4..8].copy_from_slice(&sum[..4]);
            }
            if check(1, bytes.clone()).is_ok() {
                // What passes is exactly what we would have written, so it merges where its strand is whole.
                let whole = day_book::whole(vec![entry(1, Body::Change(bytes.clone())).entry]);
                let changes = whole.iter().map(|entry| day_book::change(entry).change);
                prop_assert!(day_book::merged(changes).is_ok());
            }
        }
    }
}
