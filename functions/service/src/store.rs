//! The port behind which everything is kept: one table of DynamoDB, or one SQLite file.
//!
//! **The contract.** Every method that returns `Ok` after a write has made it durable. Writes under a
//! natural name are conditional on that name being free, so repeating one changes nothing and says so.
//! Several callers may use one store at once. A feed may show an item late but never never; reading from
//! a cursor again is harmless. `tests/src/store_contract.rs` holds every store to this.

use crate::records::{Listing, Orphan, Page};
use domain::{
    Actor, CheckoutId, FactId, FeedItem, Member, Money, ReceiptCode, Role, Shop, ShopId, ShortCode, Timestamp,
};
use replica::{Batch, Head};
use std::future::Future;

/// The most batches that are joined into one: DynamoDB writes a hundred items in one transaction.
pub const MAX_JOINED: usize = 99;

/// A store that can not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It can not be reached or is overloaded; later it may.
    #[error("the store does not answer: {0}")]
    Unreachable(String),
    /// What it holds can not be read.
    #[error("the store holds something unreadable: {0}")]
    Damaged(String),
}

/// A callback as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawCallback {
    /// The bytes of the body, untouched.
    pub body: Vec<u8>,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// Where a callback belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filing {
    /// In a shop's payment feed, under the item's natural name.
    Feed(ShopId, Box<FeedItem>),
    /// Beside the request of ours that it answers: what is no evidence of money, such as a balance, a
    /// refusal, or the news that a request ran out of time in Safaricom's queue.
    Answer(CheckoutId, AnswerKind),
    /// In the inbox, under the hash of its body, with the reason; with the request it answers, where that
    /// is one that we do not know (yet).
    Inbox(String, Option<CheckoutId>),
}

/// How a request of ours was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnswerKind {
    /// With a result.
    Result,
    /// It waited too long in Safaricom's queue: what became of it is unknown, not failed (fact sheet §3.7).
    TimedOut,
}

impl AnswerKind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::TimedOut => "timed_out",
        }
    }

    /// The kind of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Result, Self::TimedOut].into_iter().find(|kind| kind.name() == name)
    }
}

/// What became of a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is kept now.
    New,
    /// The same body under the same name was kept before.
    Again,
    /// Another body was kept under this name before, with this meaning where it is a feed's; the new body
    /// is not kept.
    Differs(Option<Box<FeedItem>>),
}

/// A callback that waits in the inbox for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxItem {
    /// SHA-256 of the body: its natural name.
    pub hash: [u8; 32],
    /// When it first arrived.
    pub received_at: Timestamp,
    /// Why it is here.
    pub reason: String,
    /// The body.
    pub body: Vec<u8>,
    /// The request it answers, if it waits under that name.
    pub request: Option<CheckoutId>,
}

/// The callback tokens of a shop. Two are valid while Safaricom learns a new address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Which token was made last, counted from 0.
    pub newest: u32,
    /// The hashes of those that are valid.
    pub hashes: Vec<[u8; 32]>,
}

/// A permission to enrol once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// SHA-256 of the code; the code itself is not kept.
    pub code_hash: [u8; 32],
    /// The shop of a till; none for head office.
    pub shop: Option<ShopId>,
    /// What the new member may do.
    pub role: Role,
    /// Until when the code is good.
    pub expires_at: Timestamp,
}

/// Something asked of Safaricom, recorded before it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The shop.
    pub shop: ShopId,
    /// The caller's own name for it, unique in the shop.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// How much it is about; nothing where it is about no amount.
    pub amount: Money,
    /// When it was begun.
    pub at: Timestamp,
    /// Safaricom's names for it, once it took it: `CheckoutRequestID` and `MerchantRequestID` of a push,
    /// `OriginatorConversationID` and `ConversationID` of all others.
    pub accepted: Option<(CheckoutId, String)>,
    /// When to ask what became of it, unless that is known by then.
    pub ask_at: Option<Timestamp>,
}

/// What is asked of Safaricom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// An STK push for a sale.
    Push(FactId),
    /// Whether a payment is real.
    Status(ReceiptCode),
    /// That a payment goes back to the customer.
    Reversal(ReceiptCode),
    /// What the organisation has.
    Balance,
}

/// The stable form, such as `push 7-42`.
impl std::fmt::Display for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Push(sale) => write!(f, "push {sale}"),
            Self::Status(receipt) => write!(f, "status {receipt}"),
            Self::Reversal(receipt) => write!(f, "reversal {receipt}"),
            Self::Balance => f.write_str("balance"),
        }
    }
}

impl std::str::FromStr for Purpose {
    type Err = domain::IdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, subject) = text.split_once(' ').unwrap_or((text, ""));
        match kind {
            "push" => subject.parse().map(Self::Push),
            "status" => ReceiptCode::parse(subject).map(Self::Status),
            "reversal" => ReceiptCode::parse(subject).map(Self::Reversal),
            "balance" => Ok(Self::Balance),
            _ => Err(domain::IdError("a request is a push, status, reversal or balance")),
        }
    }
}

/// What is new in a shop since a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// New items of the payment feed, in the order they were kept.
    pub items: Vec<FeedItem>,
    /// The journals that have grown.
    pub journals: Vec<Actor>,
    /// Where to go on. Opaque: only the store that made it reads it.
    pub cursor: Vec<u8>,
    /// There is more.
    pub more: bool,
    /// The cursor belonged to another history (the store was restored from a backup), so everything is
    /// told again; journals may have lost their ends.
    pub restarted: bool,
}

/// Everything the functions keep. See the contract at the top of this module.
pub trait Store: Send + Sync + 'static {
    /// Opens a shop or changes it; its own numbers and its tokens lead to it from then on.
    fn put_shop(&self, shop: &Shop, tokens: &Tokens) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The tokens of a shop; none if there is no such shop.
    fn tokens(&self, shop: &ShopId) -> impl Future<Output = Result<Option<Tokens>, StoreError>> + Send;

    /// Every shop.
    fn shops(&self) -> impl Future<Output = Result<Vec<Shop>, StoreError>> + Send;

    /// One shop.
    fn shop(&self, id: &ShopId) -> impl Future<Output = Result<Option<Shop>, StoreError>> + Send;

    /// The shop that a number leads to: what customers pay to, or the store number above it. A head-office
    /// number leads to no shop by itself, because several may have it.
    fn shop_of_number(
        &self,
        number: &ShortCode,
    ) -> impl Future<Output = Result<Option<ShopId>, StoreError>> + Send;

    /// The shop that a callback token, given by its hash, speaks for.
    fn shop_of_token(
        &self,
        hash: &[u8; 32],
    ) -> impl Future<Output = Result<Option<ShopId>, StoreError>> + Send;

    /// Keeps a callback, body and meaning together, in one conditional write.
    fn record(
        &self,
        raw: &RawCallback,
        filing: &Filing,
    ) -> impl Future<Output = Result<Recorded, StoreError>> + Send;

    /// The callbacks that wait in the inbox, newest first, at most `limit`.
    fn inbox(&self, limit: usize) -> impl Future<Output = Result<Vec<InboxItem>, StoreError>> + Send;

    /// An item of the inbox by its hash. With an outcome it waits no more: all that people decided about
    /// it, a line each, the last decision last. An answer that waits under its request may be found by the
    /// list alone until a person settles it.
    fn inbox_item(
        &self,
        hash: &[u8; 32],
    ) -> impl Future<Output = Result<Option<(InboxItem, Option<String>)>, StoreError>> + Send;

    /// What a person settled waits again; the note is added to what was decided before. What waits is left
    /// alone.
    fn reopen_inbox(
        &self,
        item: &InboxItem,
        note: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes an item out of the inbox, with what became of it: who decided what, and why. It stays kept,
    /// and what was decided before stays readable in front.
    fn settle_inbox(
        &self,
        item: &InboxItem,
        outcome: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The answer to a request that came before the request was known.
    fn early_answer(
        &self,
        request: &CheckoutId,
    ) -> impl Future<Output = Result<Option<RawCallback>, StoreError>> + Send;

    /// That answer is where it belongs now and waits no more.
    fn settle_early_answer(
        &self,
        request: &CheckoutId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// An item of a shop's feed by its natural name, as [`FeedItem::name`] gives it.
    fn feed_item(
        &self,
        shop: &ShopId,
        name: (&str, &str),
    ) -> impl Future<Output = Result<Option<FeedItem>, StoreError>> + Send;

    /// What was kept as [`Filing::Answer`] to a request.
    fn answer(
        &self,
        request: &CheckoutId,
        kind: AnswerKind,
    ) -> impl Future<Output = Result<Option<RawCallback>, StoreError>> + Send;

    /// Records a request, or finds the one recorded under its name before.
    fn begin_request(
        &self,
        request: &Request,
    ) -> impl Future<Output = Result<Option<Request>, StoreError>> + Send;

    /// The request recorded under the caller's own name for it.
    fn request_named(
        &self,
        shop: &ShopId,
        name: &str,
    ) -> impl Future<Output = Result<Option<Request>, StoreError>> + Send;

    /// Safaricom took a request: from now on its answer finds it, and it is due when it says.
    fn accept_request(&self, request: &Request) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The request that Safaricom calls so.
    fn request_of(
        &self,
        request: &CheckoutId,
    ) -> impl Future<Output = Result<Option<Request>, StoreError>> + Send;

    /// The requests whose [`Request::ask_at`] has come, the longest due first, at most `limit`.
    fn due_requests(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Request>, StoreError>> + Send;

    /// When to ask about an accepted request the next time, if ever.
    fn ask_again(
        &self,
        request: &Request,
        at: Option<Timestamp>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes a lock until some time. `None`: the holder has it now, or had it already. Otherwise it says
    /// who has it, and until when.
    fn hold(
        &self,
        lock: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<(String, Timestamp)>, StoreError>> + Send;

    /// Gives a lock back, if the holder still has it.
    fn let_go(&self, lock: &str, holder: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps a small record of a shop that changes, in place of the one under this name before.
    fn put_note(
        &self,
        shop: &ShopId,
        name: &str,
        content: &[u8],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The records of a shop whose names begin so, by name. One read.
    fn notes(
        &self,
        shop: &ShopId,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<(String, Vec<u8>)>, StoreError>> + Send;

    /// Keeps a permission to enrol, if it is not kept already.
    fn put_enrolment(&self, enrolment: &Enrolment) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Uses a permission up: it is given once, to one caller, and not after it expired.
    fn take_enrolment(
        &self,
        code_hash: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Enrolment>, StoreError>> + Send;

    /// The next number of a counter: 1, 2, 3 …; no two callers get the same.
    fn next_number(&self, counter: &str) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// The last number that a counter gave; 0 before the first.
    fn counter(&self, counter: &str) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// From now on a counter gives numbers beyond this one. It never goes back.
    fn raise_counter(&self, counter: &str, to: u32) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps a member: of one shop, or of all.
    fn put_member(
        &self,
        member: &Member,
        shop: Option<&ShopId>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A member, and its shop unless it belongs to all.
    fn member(
        &self,
        actor: Actor,
    ) -> impl Future<Output = Result<Option<(Member, Option<ShopId>)>, StoreError>> + Send;

    /// Every member with its shop.
    fn members(&self) -> impl Future<Output = Result<Vec<(Member, Option<ShopId>)>, StoreError>> + Send;

    /// The members of one shop. One read; who joined a moment ago may not be listed yet.
    fn members_of(&self, shop: &ShopId) -> impl Future<Output = Result<Vec<Member>, StoreError>> + Send;

    /// Where every journal of a shop ends.
    fn heads(&self, shop: &ShopId) -> impl Future<Output = Result<Vec<(Actor, Head)>, StoreError>> + Send;

    /// Where one journal ends; its genesis before the first entry.
    fn head(&self, shop: &ShopId, actor: Actor) -> impl Future<Output = Result<Head, StoreError>> + Send;

    /// Appends a batch that was checked against `before` and makes `after` the journal's end, provided
    /// that `before` still is. `false`: somebody else appended meanwhile, look again.
    fn append(
        &self,
        shop: &ShopId,
        batch: &Batch,
        before: Head,
        after: Head,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The batches of one journal after a number, in order, as many as fit `max_bytes` but at least one. The
    /// first may begin before: a joined one in which the number lies. No entry is left out between them.
    fn batches(
        &self,
        shop: &ShopId,
        actor: Actor,
        after: u64,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<Batch>, StoreError>> + Send;

    /// The batches of one journal that begin before a number, the newest first, as many as fit `max_bytes`
    /// but at least one.
    fn batches_before(
        &self,
        shop: &ShopId,
        actor: Actor,
        before: u64,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<Batch>, StoreError>> + Send;

    /// Puts a joined batch in the place of consecutive ones, at most [`MAX_JOINED`], at once: a reader finds
    /// either. `false`: one of them is not there any more, or was joined before, and nothing is changed.
    fn join_batches(
        &self,
        shop: &ShopId,
        joined: &Batch,
        parts: &[Batch],
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// A cursor from which [`Self::news`] tells what was kept since a time, and maybe some from before.
    fn cursor_at(
        &self,
        shop: &ShopId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Vec<u8>, StoreError>> + Send;

    /// What is new in a shop since a cursor; an empty cursor means since ever. One read.
    fn news(&self, shop: &ShopId, cursor: &[u8]) -> impl Future<Output = Result<News, StoreError>> + Send;

    /// A page of all there is in a listing after a place that the page before it gave; an empty place is the
    /// beginning. For moving to another store, and for an export: nothing that a till or Safaricom waits for.
    fn records(
        &self,
        listing: &Listing,
        after: &[u8],
    ) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Keeps what the inbox of another store holds of a callback, unless [as much](Orphan::says_more_than) is known
    /// here.
    fn put_orphan(&self, orphan: &Orphan) -> impl Future<Output = Result<(), StoreError>> + Send;
}
