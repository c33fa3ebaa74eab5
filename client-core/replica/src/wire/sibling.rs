//! What two tills of one shop say to each other without the cloud. The same form both ways: a question tells
//! what the asker has and brings what the other is known to lack, and so does the answer.
//!
//! Only signed batches travel. The payment feed does not: it is the cloud's word and nobody signs it, so a
//! till that has no line sees payments when it has one again.

use super::batch::BatchForm;
use super::pack;
use crate::Batch;
use crate::codec::{CodecError, NameForm};
use domain::{Actor, FactId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many bytes of batches one message carries, and one batch at least. Small, because a wifi's round
/// trip costs little, and because whoever takes a page in keeps the till's ledger that long.
pub const PAGE_BYTES: usize = 32 * 1024;
/// The most members a message speaks of.
const MAX_MEMBERS: usize = 1000;

/// What one till says to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiblingMessage {
    /// Who speaks. The key that seals the message has to be this member's.
    pub from: Actor,
    /// When, by the speaker's clock: an old message is no sign of life.
    pub at: Timestamp,
    /// Whom the speaker knows, with how far the journal of each goes here. What others write is not sent to
    /// it, because it could not check it: only the cloud vouches for members.
    pub have: BTreeMap<Actor, u64>,
    /// How far the cloud has the speaker's own journal.
    pub sent: u64,
    /// What the other lacks, each journal in order.
    pub batches: Vec<Batch>,
    /// There is more than fits one message.
    pub more: bool,
}

#[derive(Serialize, Deserialize)]
struct SiblingForm {
    from: NameForm,
    at: i64,
    have: Vec<NameForm>,
    batches: Vec<BatchForm>,
    more: bool,
}

impl SiblingMessage {
    /// The bytes of the message, to be sealed.
    pub fn encode(&self) -> Vec<u8> {
        let name = |(actor, number): (&Actor, &u64)| FactId { actor: *actor, number: *number }.into();
        pack::packed(&SiblingForm {
            from: FactId { actor: self.from, number: self.sent }.into(),
            at: self.at.millis(),
            have: self.have.iter().map(name).collect(),
            batches: self.batches.iter().map(Into::into).collect(),
            more: self.more,
        })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// It is damaged, too large, or of a newer release.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let form: SiblingForm = pack::unpacked(bytes)?;
        if form.have.len() > MAX_MEMBERS {
            return Err(CodecError::Unreadable);
        }
        let from = FactId::from(form.from);
        Ok(Self {
            from: from.actor,
            sent: from.number,
            at: Timestamp::from_millis(form.at)?,
            have: form.have.into_iter().map(FactId::from).map(|name| (name.actor, name.number)).collect(),
            batches: form.batches.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            more: form.more,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;
    use crate::wire::MAX_BODY_BYTES;
    use domain::{Document, TillId};
    use proptest::prelude::*;

    fn message() -> SiblingMessage {
        let (one, two) = (Actor::first(TillId(7)), Actor { till: TillId(8), incarnation: 1 });
        let items = vec![Item::Change(Document::Catalogue, vec![1, 2, 3])];
        SiblingMessage {
            from: one,
            at: Timestamp::parse_daraja("20261121101500").unwrap(),
            have: BTreeMap::from([(one, 300), (two, 0)]),
            sent: 290,
            batches: vec![Batch {
                actor: two,
                first: 9,
                before: None,
                strands: BTreeMap::new(),
                items,
                signature: [5; 64],
            }],
            more: true,
        }
    }

    #[test]
    fn a_message_reads_back_as_it_was_written() {
        assert_eq!(SiblingMessage::decode(&message().encode()), Ok(message()));
    }

    /// Frozen: an older till talks to a newer one. How zstd packs may change with its releases.
    #[test]
    fn a_message_of_this_release_is_read_for_ever() {
        let bytes = "0328b52ffd206045010014020700a202c0e4aacfbf68020700ac020801000108010900000101010301020305010100a0049e";
        assert_eq!(SiblingMessage::decode(&hex::decode(bytes).unwrap()), Ok(message()));
    }

    #[test]
    fn a_message_beyond_its_bounds_is_refused() {
        assert_eq!(SiblingMessage::decode(&vec![1; MAX_BODY_BYTES + 1]), Err(CodecError::Unreadable));
        let crowd = (0..=MAX_MEMBERS as u32).map(|till| (Actor::first(TillId(till)), 1)).collect();
        let crowded = SiblingMessage { have: crowd, batches: vec![], ..message() };
        assert_eq!(SiblingMessage::decode(&crowded.encode()), Err(CodecError::Unreadable));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = SiblingMessage::decode(&bytes);
        }

        #[test]
        fn damage_never_makes_a_reader_panic(at in 0usize..400, with: u8) {
            let mut bytes = message().encode();
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = SiblingMessage::decode(&bytes);
        }
    }
}
