//! What a new till asks first, and what it fetches backwards while it sells.

use super::batch::{BatchForm, halves, signature};
use super::forms::{FeedItemForm, MemberForm};
use super::pack::{packed, unpacked};
use crate::codec::{CodecError, NameForm};
use crate::{Batch, Head};
use domain::{Actor, FactId, FeedItem, Member, Signature, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `POST /v1/shops/{shop}/enter`: where to enter the journals of a shop, and its catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnterRequest {
    /// After which of the batches that bear the catalogue to go on; empty at first.
    pub after: String,
    /// How many days of payments are wanted in the end; all of them where nothing is said.
    pub days: Option<u32>,
}

/// Where a journal can be entered: a head that its writer signed. Everything after it comes by syncing,
/// everything before it by asking for history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// Whose journal.
    pub actor: Actor,
    /// The head.
    pub head: Head,
    /// The writer's signature over it.
    pub signature: Signature,
}

/// The answer to [`EnterRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnterAnswer {
    /// The cloud's clock.
    pub now: Timestamp,
    /// Where to enter each journal; one that is not named is entered at its beginning.
    pub entrances: Vec<Entrance>,
    /// Who writes them.
    pub members: Vec<Member>,
    /// Batches from before the entrances that bear the catalogue, each with its start and its signature.
    pub catalogue: Vec<Batch>,
    /// There are more of them: ask again after this.
    pub after: Option<String>,
    /// From where the payment feed is read at once: the open days.
    pub cursor: Vec<u8>,
    /// From where it is read in the background, up to now.
    pub older: Vec<u8>,
}

/// `POST /v1/shops/{shop}/history`: what lies before what is here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryRequest {
    /// A journal, and the number up to which its entries are wanted, the newest first.
    pub journal: Option<(Actor, u64)>,
    /// Where the older part of the payment feed was left.
    pub feed: Option<Vec<u8>>,
}

/// The answer to [`HistoryRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryAnswer {
    /// Batches that lead back from the number, the newest first.
    pub batches: Vec<Batch>,
    /// Items of the payment feed.
    pub feed: Vec<FeedItem>,
    /// Where the feed goes on; nothing at its end.
    pub cursor: Option<Vec<u8>>,
}

/// A head by its name and its chain, and its signature in two halves.
#[derive(Serialize, Deserialize)]
struct EntranceForm(NameForm, [u8; 32], ([u8; 32], [u8; 32]));

#[derive(Serialize, Deserialize)]
struct EnterAnswerForm {
    now: i64,
    entrances: Vec<EntranceForm>,
    members: Vec<MemberForm>,
    catalogue: Vec<BatchForm>,
    after: Option<String>,
    cursor: Vec<u8>,
    older: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct HistoryRequestForm {
    journal: Option<NameForm>,
    feed: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct HistoryAnswerForm {
    batches: Vec<BatchForm>,
    feed: Vec<FeedItemForm>,
    cursor: Option<Vec<u8>>,
}

impl EnterRequest {
    /// The bytes of the body.
    pub fn encode(&self) -> Vec<u8> {
        packed(self)
    }

    /// Reads a body.
    ///
    /// # Errors
    /// It is damaged, too large, or of a newer release.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        unpacked(bytes)
    }
}

impl EnterAnswer {
    /// The bytes of the body.
    pub fn encode(&self) -> Vec<u8> {
        let entrance = |entrance: &Entrance| {
            let Entrance { actor, head, signature } = entrance;
            let name = FactId { actor: *actor, number: head.number }.into();
            EntranceForm(name, head.chain, halves(signature))
        };
        packed(&EnterAnswerForm {
            now: self.now.millis(),
            entrances: self.entrances.iter().map(entrance).collect(),
            members: self.members.iter().map(|member| MemberForm::new(member, &BTreeMap::new())).collect(),
            catalogue: self.catalogue.iter().map(Into::into).collect(),
            after: self.after.clone(),
            cursor: self.cursor.clone(),
            older: self.older.clone(),
        })
    }

    /// Reads a body.
    ///
    /// # Errors
    /// It is damaged, too large, or of a newer release.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let form: EnterAnswerForm = unpacked(bytes)?;
        let entrance = |EntranceForm(name, chain, signed)| {
            let FactId { actor, number } = FactId::from(name);
            Ok(Entrance { actor, head: Head { number, chain }, signature: signature(signed)? })
        };
        Ok(Self {
            now: Timestamp::from_millis(form.now)?,
            entrances: form.entrances.into_iter().map(entrance).collect::<Result<_, CodecError>>()?,
            members: form.members.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            catalogue: form.catalogue.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            after: form.after,
            cursor: form.cursor,
            older: form.older,
        })
    }
}

impl HistoryRequest {
    /// The bytes of the body.
    pub fn encode(&self) -> Vec<u8> {
        let journal = self.journal.map(|(actor, number)| FactId { actor, number }.into());
        packed(&HistoryRequestForm { journal, feed: self.feed.clone() })
    }

    /// Reads a body.
    ///
    /// # Errors
    /// It is damaged, too large, or of a newer release.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let form: HistoryRequestForm = unpacked(bytes)?;
        let pair = |name| {
            let FactId { actor, number } = FactId::from(name);
            (actor, number)
        };
        Ok(Self { journal: form.journal.map(pair), feed: form.feed })
    }
}

impl HistoryAnswer {
    /// The bytes of the body.
    pub fn encode(&self) -> Vec<u8> {
        packed(&HistoryAnswerForm {
            batches: self.batches.iter().map(Into::into).collect(),
            feed: self.feed.iter().map(Into::into).collect(),
            cursor: self.cursor.clone(),
        })
    }

    /// Reads a body.
    ///
    /// # Errors
    /// It is damaged, too large, or of a newer release.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let form: HistoryAnswerForm = unpacked(bytes)?;
        Ok(Self {
            batches: form.batches.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            feed: form.feed.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            cursor: form.cursor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;
    use domain::{BusinessDay, Document, Role, TillId};
    use proptest::prelude::*;

    /// Bytes in which nothing repeats: packing would not make them smaller.
    fn unlike<const N: usize>(from: u8) -> [u8; N] {
        std::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ from)
    }

    fn batch() -> Batch {
        Batch {
            actor: Actor::first(TillId(7)),
            first: 9,
            before: Some(unlike(3)),
            strands: BTreeMap::from([(BusinessDay::parse("2026-11-21").unwrap(), (8, unlike(4)))]),
            items: vec![Item::Change(Document::Catalogue, vec![1, 2, 3])],
            signature: unlike(5),
        }
    }

    fn answer() -> EnterAnswer {
        let actor = Actor { till: TillId(7), incarnation: 1 };
        let member = Member {
            actor,
            role: Role::Till,
            letter: "A".into(),
            name: "Front".into(),
            public_key: unlike(8),
            revoked: false,
        };
        EnterAnswer {
            now: Timestamp::parse_daraja("20261121101500").unwrap(),
            entrances: vec![Entrance {
                actor,
                head: Head { number: 300, chain: unlike(6) },
                signature: unlike(7),
            }],
            members: vec![member],
            catalogue: vec![batch()],
            after: Some("catalogue 7.1 00000000000000000009".into()),
            cursor: vec![1, 2],
            older: vec![],
        }
    }

    #[test]
    fn messages_read_back_as_they_were_written() {
        let enter = EnterRequest { after: "x".into(), days: Some(30) };
        assert_eq!(EnterRequest::decode(&enter.encode()), Ok(enter));
        assert_eq!(EnterAnswer::decode(&answer().encode()), Ok(answer()));
        let request = HistoryRequest { journal: Some((batch().actor, 300)), feed: Some(vec![9]) };
        assert_eq!(HistoryRequest::decode(&request.encode()), Ok(request));
        let history = HistoryAnswer { batches: vec![batch()], feed: vec![], cursor: Some(vec![8]) };
        assert_eq!(HistoryAnswer::decode(&history.encode()), Ok(history));
    }

    /// Frozen: tills of an older release talk to a newer cloud and the other way round.
    #[test]
    fn messages_keep_their_bytes() {
        let request = HistoryRequest { journal: Some((batch().actor, 300)), feed: Some(vec![9]) };
        let enter = EnterRequest { after: "x".into(), days: Some(30) };
        assert_eq!(hex::encode(enter.encode()), "020178011e");
        assert_eq!(hex::encode(request.encode()), "02010700ac02010109");
        let history = HistoryAnswer { batches: vec![batch()], feed: vec![], cursor: Some(vec![8]) };
        assert_eq!(
            hex::encode(history.encode()),
            "0201070009010326496c97badd002b4e7194bfe20528537699bce70a2d507b9ec1e40f32557801caa95a0804214e6b90bdda072c497693b8e5022f54719ebbe00d2a577c99c6e30835527f0101010301020305204f6a91bcdb062d487792b9e4032e55709fbae10c2b567d98c7e20934537ea5c0ef0a315c7ba6cde817325984a3cef5103f5a81accbf61d386782a9d4f31e00010108"
        );
        assert_eq!(
            hex::encode(answer().encode()),
            "02c0e4aacfbf68010701ac0206234c6992bfd8052e4b7491bae7002d56739cb9e20f28557e9bc4e10a37507d07224d6893bed9042f4a7590bbe6012c57729db8e30e29547f9ac5e00b36517ca7c2ed08335e79a4cfea15305b86a1ccf7123d5883aec9f41f3a6580abd6f11c010701000474696c6c01410546726f6e74082d42679cb1d60b20457a9fb4e90e23587d92b7ec01265b7095caef04395e730001070009010326496c97badd002b4e7194bfe20528537699bce70a2d507b9ec1e40f32557801caa95a0804214e6b90bdda072c497693b8e5022f54719ebbe00d2a577c99c6e30835527f0101010301020305204f6a91bcdb062d487792b9e4032e55709fbae10c2b567d98c7e20934537ea5c0ef0a315c7ba6cde817325984a3cef5103f5a81accbf61d386782a9d4f31e0122636174616c6f67756520372e3120303030303030303030303030303030303030303902010200"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (EnterRequest::decode(&bytes), EnterAnswer::decode(&bytes));
            let _ = (HistoryRequest::decode(&bytes), HistoryAnswer::decode(&bytes));
        }

        #[test]
        fn damage_never_makes_a_reader_panic(at in 0usize..400, with: u8) {
            let mut bytes = answer().encode();
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = EnterAnswer::decode(&bytes);
        }
    }
}
