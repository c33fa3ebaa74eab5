//! A store that fails by chance before it does anything, as one behind a bad network does.

use domain::{Actor, CheckoutId, Member, Shop, ShopId, ShortCode, Timestamp};
use replica::{Batch, Head};
use service::store::{Enrolment, Filing, InboxItem, News, PushAttempt, RawCallback, Recorded};
use service::{Store, StoreError};
use std::sync::Mutex;

/// A store around another.
pub struct Faulty<S> {
    inner: S,
    percent: u8,
    random: Mutex<fastrand::Rng>,
}

impl<S> Faulty<S> {
    /// Fails so many of a hundred calls; a seed repeats which.
    pub fn new(inner: S, percent: u8, seed: u64) -> Self {
        Self { inner, percent, random: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    fn luck(&self) -> Result<(), StoreError> {
        let unlucky = self.random.lock().unwrap().u8(..100) < self.percent;
        if unlucky { Err(StoreError::Unreachable("bad luck".to_owned())) } else { Ok(()) }
    }
}

/// Every method of the port: luck first, then the store behind.
macro_rules! by_chance {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl<S: Store> Store for Faulty<S> {
            $(async fn $name(&self $(, $argument: $type)*) -> Result<$answer, StoreError> {
                self.luck()?;
                self.inner.$name($($argument),*).await
            })*
        }
    };
}

by_chance! {
    fn put_shop(&self, shop: &Shop, tokens: &[[u8; 32]]) -> ();
    fn shops(&self) -> Vec<Shop>;
    fn shop(&self, id: &ShopId) -> Option<Shop>;
    fn shop_of_number(&self, number: &ShortCode) -> Option<ShopId>;
    fn shop_of_token(&self, hash: &[u8; 32]) -> Option<ShopId>;
    fn record(&self, raw: &RawCallback, filing: &Filing) -> Recorded;
    fn inbox(&self, limit: usize) -> Vec<InboxItem>;
    fn early_result(&self, checkout: &CheckoutId) -> Option<RawCallback>;
    fn settle_early_result(&self, checkout: &CheckoutId) -> ();
    fn begin_push(&self, attempt: &PushAttempt) -> Option<PushAttempt>;
    fn accept_push(&self, attempt: &PushAttempt) -> ();
    fn push_of(&self, checkout: &CheckoutId) -> Option<PushAttempt>;
    fn put_enrolment(&self, enrolment: &Enrolment) -> ();
    fn take_enrolment(&self, code_hash: &[u8; 32], now: Timestamp) -> Option<Enrolment>;
    fn next_number(&self, counter: &str) -> u32;
    fn put_member(&self, member: &Member, shop: Option<&ShopId>) -> ();
    fn member(&self, actor: Actor) -> Option<(Member, Option<ShopId>)>;
    fn members(&self) -> Vec<(Member, Option<ShopId>)>;
    fn heads(&self, shop: &ShopId) -> Vec<(Actor, Head)>;
    fn head(&self, shop: &ShopId, actor: Actor) -> Head;
    fn append(&self, shop: &ShopId, batch: &Batch, before: Head, after: Head, at: Timestamp) -> bool;
    fn batches(&self, shop: &ShopId, actor: Actor, after: u64, max_bytes: usize) -> Vec<Batch>;
    fn news(&self, shop: &ShopId, cursor: &[u8]) -> News;
}
