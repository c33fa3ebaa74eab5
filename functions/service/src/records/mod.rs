//! What a store keeps, as records that any store takes: so a whole cloud moves from one store to another, and a
//! shop's history leaves it.
//!
//! Not among them are locks, which end by themselves, and administrators: each deployment has its own, and the key
//! of one must not open another.

mod forms;
mod keeping;
mod routes;
mod tally;

pub use forms::{
    Content, JournalForm, KeepForm, KeptForm, PageForm, PartForm, ReadForm, RecordForm, WrongRecord,
    after_entry,
};
pub use keeping::keep;
pub(crate) use routes::routes;
pub use tally::{Compared, Follower, Inventory, Sum, Sums};

use crate::store::{AnswerKind, Enrolment, InboxItem, RawCallback, Request, Tokens};
use domain::{Actor, CheckoutId, FeedItem, Member, Shop, ShopId};
use replica::Batch;

/// How many bytes of JSON one page carries, the last record not counted: with a record of [`MOST_BYTES`] in it, each of
/// its bytes written as two, it stays under [`replica::wire::MAX_BODY_BYTES`].
const PAGE_BYTES: usize = 256 * 1024;
/// The largest record: DynamoDB takes items of 400 KB, with names, strands and signatures in them.
const MOST_BYTES: usize = 350 * 1024;

/// What a store lists, in an order of its own that does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Every shop with its tokens.
    Shops,
    /// Every member of every shop, and of none.
    Members,
    /// The codes that nobody used, those that expired among them.
    Enrolments,
    /// What waits in the inbox, and what people decided about.
    Inbox,
    /// A shop's notes.
    Notes(ShopId),
    /// A shop's requests, what answered them, and the early answers that went to their places by themselves.
    Requests(ShopId),
    /// A shop's feed, in the order in which it was kept.
    Feed(ShopId),
}

/// A part of a cloud that is read on its own, page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// What the store lists.
    Listed(Listing),
    /// One shop with its tokens.
    Shop(ShopId),
    /// The members of one shop.
    MembersOf(ShopId),
    /// The counters of a shop, or of none.
    Counters(Option<ShopId>),
    /// One journal of a shop, in order.
    Journal(ShopId, Actor),
}

/// One thing that a store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A shop and its tokens.
    Shop(Shop, Tokens),
    /// A member and its shop, unless it belongs to all.
    Member(Member, Option<ShopId>),
    /// What a counter reached.
    Counter(String, u32),
    /// A permission to enrol.
    Enrolment(Enrolment),
    /// A callback in the inbox, or one that was there.
    Orphan(Orphan),
    /// A note of a shop: its name and its content.
    Note(ShopId, String, Vec<u8>),
    /// A request.
    Request(Request),
    /// What answered a request and is no evidence of money.
    Answer(CheckoutId, AnswerKind, RawCallback),
    /// A message of a shop's feed, with the body it came as.
    Message(ShopId, Box<FeedItem>, RawCallback),
    /// A batch of a shop's journal, as it is kept, joined or not.
    Batch(ShopId, Batch),
}

impl Record {
    /// How many bytes it carries.
    fn bytes(&self) -> usize {
        match self {
            Self::Orphan(orphan) => orphan.item.body.len(),
            Self::Note(_, _, content) => content.len(),
            Self::Answer(_, _, raw) | Self::Message(_, _, raw) => raw.body.len(),
            Self::Batch(_, batch) => batch.size(),
            Self::Shop(..) | Self::Member(..) | Self::Counter(..) | Self::Enrolment(_) | Self::Request(_) => {
                0
            }
        }
    }

    /// As JSON, the same wherever it is kept.
    fn json(&self) -> Vec<u8> {
        // A form of texts and numbers always serialises.
        serde_json::to_vec(&RecordForm::from(self)).unwrap_or_default()
    }
}

/// A callback that is or was in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The callback.
    pub item: InboxItem,
    /// It waits for a person.
    pub waiting: bool,
    /// All that people decided about it, a line each, whether or not it waits again.
    pub decided: Option<String>,
}

impl Orphan {
    /// Whether it says more than what is kept: decisions are only added, and what left the inbox comes back by a
    /// decision alone.
    pub fn says_more_than(&self, kept: &Self) -> bool {
        let words = |orphan: &Self| orphan.decided.as_ref().map_or(0, String::len);
        let left = |orphan: &Self| !orphan.waiting;
        let named = |orphan: &Self| orphan.item.request.is_some();
        (words(self), left(self), named(self)) > (words(kept), left(kept), named(kept))
    }
}

/// A page of records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The records, in order.
    pub records: Vec<Record>,
    /// Where the next page begins, opaque; nothing where this is the last one.
    pub after: Option<Vec<u8>>,
    /// How long the records are as JSON.
    bytes: usize,
}

impl Page {
    /// Adds what lies at a place; whether the page is full with it and ends there.
    pub fn add(&mut self, place: impl Into<Vec<u8>>, records: Vec<Record>) -> bool {
        let added = records.iter().map(|record| record.json().len()).sum();
        self.bytes = self.bytes.saturating_add(added);
        self.records.extend(records);
        self.after = Some(place.into());
        self.bytes >= PAGE_BYTES
    }

    /// Says that nothing comes after it.
    #[must_use]
    pub fn ended(self) -> Self {
        Self { after: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;

    fn orphan(waiting: bool, decided: Option<&str>) -> Orphan {
        let received_at = Timestamp::parse_daraja("20261121120000").unwrap();
        let item =
            InboxItem { hash: [1; 32], received_at, reason: String::new(), body: Vec::new(), request: None };
        Orphan { item, waiting, decided: decided.map(str::to_owned) }
    }

    /// Whatever a stranger posts, a page of it goes through.
    #[test]
    fn the_worst_page_is_no_larger_than_a_body_may_be() {
        let shop = ShopId::parse("duka").unwrap();
        for worst in [&b"\"\\"[..], b"\x01", b"\n", &[0xff, 0xfe], "\u{7ff}\"".as_bytes()] {
            let note =
                |bytes: usize| Record::Note(shop.clone(), "n".to_owned(), worst.repeat(bytes / worst.len()));
            let mut page = Page::default();
            while page.bytes + 70_000 < PAGE_BYTES {
                assert!(!page.add("x", vec![note(30_000)]));
            }
            page.add("x", vec![note(MOST_BYTES)]);
            let forms: Vec<RecordForm> = page.records.iter().map(RecordForm::from).collect();
            let body = serde_json::to_vec(&KeepForm { records: forms.clone() }).unwrap();
            assert!(body.len() < replica::wire::MAX_BODY_BYTES, "{} of {worst:?}", body.len());
            let back = forms.into_iter().map(Record::try_from).collect::<Result<Vec<_>, _>>();
            assert_eq!(back.unwrap(), page.records);
        }
    }

    #[test]
    fn a_decision_is_never_undone_by_an_older_copy() {
        let history = [
            orphan(true, None),
            orphan(false, Some("dismissed")),
            orphan(true, Some("dismissed\nreopened")),
            orphan(false, Some("dismissed\nreopened\ngiven to mjini")),
        ];
        for (older, earlier) in history.iter().enumerate() {
            assert!(!earlier.says_more_than(earlier), "nothing new");
            for later in &history[older + 1..] {
                assert!(later.says_more_than(earlier) && !earlier.says_more_than(later), "{later:?}");
            }
        }
        assert!(orphan(false, None).says_more_than(&orphan(true, None)), "it went to its place by itself");
    }
}
