//! What two replicas say to each other.
//!
//! A sync is one request and one answer: what I have and what you lack, both ways, in bounded pages. The
//! cursor between two replicas is the vector of journal numbers for entries and one opaque cursor for the
//! payment feed; repeating a request is harmless. A body is a version byte and postcard, packed by zstd where
//! that makes it smaller.

mod batch;
mod forms;
pub mod history;
pub mod json;
mod pack;
pub mod sibling;
pub mod stick;

use crate::codec::{CodecError, unversioned, versioned};
use crate::{Batch, Head};
use domain::{Actor, FeedItem, Member, Timestamp};
use std::collections::BTreeMap;

/// The largest body either side accepts: API Gateway and Lambda stop at 6 MB, and pages stay under 1 MB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The largest body when it is unpacked.
pub const MAX_UNPACKED_BYTES: usize = 4 * MAX_BODY_BYTES;

/// The version byte of batches that hold changes instead of facts.
const FIRST_RELEASE: u8 = 1;

/// What a replica says to the cloud about one shop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncRequest {
    /// How far each journal goes here.
    pub have: BTreeMap<Actor, u64>,
    /// Where the payment feed was left; empty at first.
    pub cursor: Vec<u8>,
    /// The feed alone does not tell what is missing: compare every journal. Said at start-up and while
    /// there is more to fetch, so that a sync that finds nothing costs the cloud one read.
    pub behind: bool,
    /// The next entries of the sender's own journal.
    pub batch: Option<Batch>,
}

/// What the cloud answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncAnswer {
    /// The cloud's clock.
    pub now: Timestamp,
    /// Where the sender's own journal ends in the cloud, when it sent a batch or asked for everything.
    pub taken: Option<Head>,
    /// Why the sender's batch was not taken, in words.
    pub refused: Option<String>,
    /// Batches of other journals that the sender lacks, each journal in order.
    pub batches: Vec<Batch>,
    /// Who writes the journals the sender did not know of; every member of the shop if it asked for
    /// everything.
    pub members: Vec<Member>,
    /// Where the journals of these members end in the cloud, if the sender asked for everything. Of others
    /// nothing is said.
    pub ends: BTreeMap<Actor, u64>,
    /// New items of the payment feed.
    pub feed: Vec<FeedItem>,
    /// Where the feed goes on.
    pub cursor: Vec<u8>,
    /// There is more than fits one page: ask again at once.
    pub more: bool,
}

impl SyncRequest {
    /// The bytes of the body.
    pub fn encode(&self) -> Vec<u8> {
        pack::packed(&forms::SyncRequestForm::from(self))
    }

    /// Reads a body.
    ///
    /// # Errors
    /// It is damaged, too large, or of a newer release.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        pack::unpacked::<forms::SyncRequestForm>(bytes)?.try_into()
    }
}

impl SyncAnswer {
    /// There is nothing to say but the time.
    pub const fn nothing(now: Timestamp) -> Self {
        Self {
            now,
            taken: None,
            refused: None,
            batches: Vec::new(),
            members: Vec::new(),
            ends: BTreeMap::new(),
            feed: Vec::new(),
            cursor: Vec::new(),
            more: false,
        }
    }

    /// The bytes of the body.
    pub fn encode(&self) -> Vec<u8> {
        pack::packed(&forms::SyncAnswerForm::from(self))
    }

    /// Reads a body.
    ///
    /// # Errors
    /// It is damaged, too large, or of a newer release.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        pack::unpacked::<forms::SyncAnswerForm>(bytes)?.try_into()
    }
}

/// A batch as a store keeps it.
pub fn encode_batch(batch: &Batch) -> Vec<u8> {
    pack::packed(&batch::BatchForm::from(batch))
}

/// Reads what [`encode_batch`] wrote, in this release or the first.
///
/// # Errors
/// The bytes are damaged or of a newer release.
pub fn decode_batch(bytes: &[u8]) -> Result<Batch, CodecError> {
    match bytes.first() {
        Some(&FIRST_RELEASE) => unversioned::<batch::BatchForm1>(bytes)?.try_into(),
        _ => pack::unpacked::<batch::BatchForm>(bytes)?.try_into(),
    }
}

/// A feed item as a store keeps it.
pub fn encode_feed_item(item: &FeedItem) -> Vec<u8> {
    versioned(&forms::FeedItemForm::from(item))
}

/// Reads what [`encode_feed_item`] wrote.
///
/// # Errors
/// The bytes are damaged or of a newer release.
pub fn decode_feed_item(bytes: &[u8]) -> Result<FeedItem, CodecError> {
    unversioned::<forms::FeedItemForm>(bytes)?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;
    use domain::{
        CheckoutId, Document, Evidence, Money, Msisdn, Payer, PushQuery, PushResult, ReceiptCode, Retraction,
        Reversal, Role, ShortCode, Source, TillId,
    };
    use proptest::prelude::*;

    fn evidence(source: Source) -> Evidence {
        let at = Timestamp::parse_daraja("20261121101500").unwrap();
        Evidence {
            source,
            receipt: ReceiptCode::parse("UKL4AB12CD").unwrap(),
            amount: Money::from_cents(35_000),
            shortcode: ShortCode::parse("123456").unwrap(),
            paid_at: Some(at),
            payer: Payer {
                name: Some("ASHA".into()),
                msisdn: Some(Msisdn::from_safaricom("2547 ***** 126")),
            },
            account_reference: "A42".into(),
            order: None,
            balance: None,
            received_at: at.plus_millis(1500),
        }
    }

    fn push() -> PushResult {
        let evidence = evidence(Source::StkResult);
        PushResult {
            checkout: CheckoutId::parse("ws_CO_x").unwrap(),
            sale: "7-42".parse().unwrap(),
            code: "0".into(),
            description: "ok".into(),
            received_at: evidence.received_at,
            evidence: Some(evidence),
        }
    }

    /// The kinds of message that came after the first release.
    fn newer() -> [FeedItem; 5] {
        let pulled = evidence(Source::PulledRow);
        let (order, balance) = (Some(push().sale), Some(Money::from_cents(-1)));
        let PushResult { checkout, sale, received_at, .. } = push();
        let (receipt, amount) = (pulled.receipt.clone(), pulled.amount);
        [
            FeedItem::Arrival(Evidence { order, balance, ..evidence(Source::C2bConfirmation) }),
            FeedItem::Arrival(pulled),
            FeedItem::PushQuery(PushQuery {
                checkout,
                sale,
                code: "1032".into(),
                description: "no".into(),
                received_at,
            }),
            FeedItem::Reversal(Reversal {
                receipt: receipt.clone(),
                reversal: Some(receipt.clone()),
                amount,
                reversed_at: Some(received_at),
                received_at,
            }),
            FeedItem::Retraction(Retraction {
                source: Source::C2bConfirmation,
                receipt,
                reason: "no".into(),
                received_at,
            }),
        ]
    }

    /// Bytes in which nothing repeats: packing would not make them smaller.
    fn unlike<const N: usize>(from: u8) -> [u8; N] {
        std::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ from)
    }

    fn batch() -> Batch {
        let actor = Actor { till: TillId(7), incarnation: 1 };
        let at = Timestamp::parse_daraja("20261121101500").unwrap();
        let items = vec![
            Item::Change(Document::Catalogue, vec![1, 2, 3]),
            Item::Fact(at, vec![1, 4]),
            Item::Fact(at.plus_millis(-5), vec![1, 5]),
        ];
        let strands = BTreeMap::from([(at.business_day(), (8, unlike(1)))]);
        Batch { actor, first: 9, before: None, strands, items, signature: unlike(0) }
    }

    fn request() -> SyncRequest {
        let have = BTreeMap::from([(Actor::first(TillId(7)), 300), (Actor::first(TillId(8)), 2)]);
        SyncRequest { have, cursor: vec![1, 2], behind: true, batch: Some(batch()) }
    }

    fn answer() -> SyncAnswer {
        let member = Member {
            actor: batch().actor,
            role: Role::Till,
            letter: "A".into(),
            name: "Front".into(),
            public_key: unlike(3),
            revoked: false,
        };
        SyncAnswer {
            now: Timestamp::parse_daraja("20261121101500").unwrap(),
            taken: Some(Head { number: 9, chain: unlike(4) }),
            refused: Some("no".into()),
            batches: vec![batch()],
            members: vec![member],
            ends: BTreeMap::new(),
            feed: vec![FeedItem::Arrival(evidence(Source::C2bConfirmation)), FeedItem::PushResult(push())],
            cursor: vec![9],
            more: true,
        }
    }

    #[test]
    fn messages_read_back_as_they_were_written() {
        assert_eq!(SyncRequest::decode(&request().encode()), Ok(request()));
        assert_eq!(SyncAnswer::decode(&answer().encode()), Ok(answer()));
        for item in answer().feed.into_iter().chain(newer()) {
            assert_eq!(decode_feed_item(&encode_feed_item(&item)), Ok(item));
        }
        assert_eq!(decode_batch(&encode_batch(&batch())), Ok(batch()));
    }

    /// Frozen: tills of an older release talk to a newer cloud and the other way round.
    #[test]
    fn messages_keep_their_bytes() {
        assert_eq!(
            hex::encode(request().encode()),
            "02020700ac0208000202010201010701090001caa95a0801244b6e95b8df02294c7396bde0072a51749bbee5082f52799cc3e60d30577a0301010301020300c0e4aacfbf68020104000902010500254a6f94b9de03284d7297bce1062b50759abfe4092e53789dc2e70c31567ba0c5ea0f34597ea3c8ed12375c81a6cbf0153a5f84a9cef3183d6287acd1f61b"
        );
        assert_eq!(
            hex::encode(answer().encode()),
            "0328b52ffd6075009d0900d411c0e4aacfbf68010904214e6b90bdda072c497693b8e5022f54719ebbe00d2a577c99c6e30835527f01026e6f010701090001caa95a0801244b6e95b8df02294c7396bde0072a51749bbee5082f52799cc3e60d30577a0301010301020300020104000902010500254a6f94b9de03284d7297bce1062b50759abfe4092e53789dc2e70c31567ba0c5ea0f34597ea3c8ed12375c81a6cbf0153a5f84a9cef3183d6287acd1f61b010701000474696c6c01410546726f6e740326496c97badd002b4e7194bfe20528537699bce70a2d507b9ec1e40f325578000200000a554b4c34414231324344f0a2040631323334353601010441534841010e32353437202a2031323603413432f8fb010777735f434f5f7807002a0130026f6b0109010600c282147572f19e21b855138e0df1c2219c01"
        );
    }

    #[test]
    fn where_journals_end_travels_with_their_members() {
        let ends = BTreeMap::from([(batch().actor, 300)]);
        let told = SyncAnswer { ends, ..answer() };
        assert_eq!(SyncAnswer::decode(&told.encode()), Ok(told.clone()));
        // A small number has room where none was; only three hundred takes a byte more.
        assert_eq!(told.encode().len(), answer().encode().len() + 1);
    }

    #[test]
    fn newer_messages_keep_their_bytes() {
        let bytes: Vec<String> = newer().iter().map(|item| hex::encode(encode_feed_item(item))).collect();
        assert_eq!(
            bytes,
            [
                "0102000a554b4c34414231324344f0a2040631323334353601c0e4aacfbf68010441534841010e32353437202a2a2a2a2a2031323603413432f8fbaacfbf680107002a0101",
                "0100020a554b4c34414231324344f0a2040631323334353601c0e4aacfbf68010441534841010e32353437202a2a2a2a2a2031323603413432f8fbaacfbf68",
                "01030777735f434f5f7807002a0431303332026e6ff8fbaacfbf68",
                "01040a554b4c34414231324344010a554b4c34414231324344f0a20401f8fbaacfbf68f8fbaacfbf68",
                "0105000a554b4c34414231324344026e6ff8fbaacfbf68",
            ]
        );
    }

    #[test]
    fn a_request_that_has_nothing_to_say_is_tiny() {
        let idle = SyncRequest { behind: false, batch: None, ..request() };
        assert!(idle.encode().len() < 40, "{}", idle.encode().len());
    }

    #[test]
    fn a_body_beyond_the_limit_is_refused_unread() {
        assert_eq!(SyncRequest::decode(&vec![1; MAX_BODY_BYTES + 1]), Err(CodecError::Unreadable));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (SyncRequest::decode(&bytes), SyncAnswer::decode(&bytes));
            let _ = (decode_batch(&bytes), decode_feed_item(&bytes));
        }

        #[test]
        fn damage_never_makes_a_reader_panic(at in 0usize..400, with: u8) {
            let mut bytes = answer().encode();
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = SyncAnswer::decode(&bytes);
        }
    }
}
