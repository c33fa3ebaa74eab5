//! The port behind which everything is kept: one table of DynamoDB, or one SQLite file.
//!
//! **The contract.** Every method that returns `Ok` after a write has made it durable. Writes under a
//! natural name are conditional on that name being free, so repeating one changes nothing and says so.
//! Several callers may use one store at once. A feed may show an item late but never never; reading from
//! a cursor again is harmless. `tests/src/store_contract.rs` holds every store to this.

use domain::{Actor, CheckoutId, FactId, FeedItem, Member, Money, Role, Shop, ShopId, ShortCode, Timestamp};
use replica::{Batch, Head};
use std::future::Future;

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
    /// In the inbox, under the hash of its body, with the reason; with the push it answers, where it is
    /// the result of a push that we do not know (yet).
    Inbox(String, Option<CheckoutId>),
}

/// What became of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is kept now.
    New,
    /// The same body under the same name was kept before.
    Again,
    /// Another body was kept under this name before; this one is not kept.
    Differs,
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

/// An STK push, recorded before Safaricom is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushAttempt {
    /// The shop.
    pub shop: ShopId,
    /// The till's own name for the attempt, unique in the shop.
    pub attempt: String,
    /// The sale it asks payment for.
    pub sale: FactId,
    /// How much is asked.
    pub amount: Money,
    /// When it was begun.
    pub at: Timestamp,
    /// Safaricom's names for the push and the request, once it took it.
    pub accepted: Option<(CheckoutId, String)>,
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
    /// Opens a shop or changes it; its numbers lead to it from then on. `tokens` are hashes of its
    /// callback tokens.
    fn put_shop(
        &self,
        shop: &Shop,
        tokens: &[[u8; 32]],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Every shop.
    fn shops(&self) -> impl Future<Output = Result<Vec<Shop>, StoreError>> + Send;

    /// One shop.
    fn shop(&self, id: &ShopId) -> impl Future<Output = Result<Option<Shop>, StoreError>> + Send;

    /// The shop that a number leads to: what customers pay to, or the store number above it.
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

    /// The result of a push that came before the push was known.
    fn early_result(
        &self,
        checkout: &CheckoutId,
    ) -> impl Future<Output = Result<Option<RawCallback>, StoreError>> + Send;

    /// That result is in the feed now and waits no more.
    fn settle_early_result(
        &self,
        checkout: &CheckoutId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records an attempt, or finds the one recorded under its name before.
    fn begin_push(
        &self,
        attempt: &PushAttempt,
    ) -> impl Future<Output = Result<Option<PushAttempt>, StoreError>> + Send;

    /// Safaricom took an attempt: from now on its result finds the sale.
    fn accept_push(&self, attempt: &PushAttempt) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The attempt that Safaricom calls so.
    fn push_of(
        &self,
        checkout: &CheckoutId,
    ) -> impl Future<Output = Result<Option<PushAttempt>, StoreError>> + Send;

    /// Keeps a permission to enrol.
    fn put_enrolment(&self, enrolment: &Enrolment) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Uses a permission up: it is given once, to one caller, and not after it expired.
    fn take_enrolment(
        &self,
        code_hash: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Enrolment>, StoreError>> + Send;

    /// The next number of a counter: 1, 2, 3 …; no two callers get the same.
    fn next_number(&self, counter: &str) -> impl Future<Output = Result<u32, StoreError>> + Send;

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

    /// The batches of one journal after a number, in order, as many as fit `max_bytes` but at least one.
    fn batches(
        &self,
        shop: &ShopId,
        actor: Actor,
        after: u64,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<Batch>, StoreError>> + Send;

    /// What is new in a shop since a cursor; an empty cursor means since ever. One read.
    fn news(&self, shop: &ShopId, cursor: &[u8]) -> impl Future<Output = Result<News, StoreError>> + Send;
}
