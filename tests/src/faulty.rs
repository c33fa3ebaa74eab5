//! A store that fails by chance, as one behind a bad network does: before anything happened, or after it
//! happened, when only the answer is lost. Whoever calls can not tell one from the other. And one whose
//! news are those of DynamoDB's index: late, told again, in no certain order.

use domain::{Actor, CheckoutId, FeedItem, Member, Shop, ShopId, ShortCode, Timestamp};
use replica::{Batch, Head};
use service::records::{Listing, Orphan, Page};
use service::store::{
    AnswerKind, Enrolment, Filing, InboxItem, News, RawCallback, Recorded, Request, Tokens,
};
use service::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// How many cursors of a shop are remembered, to read on from one of them again.
const CURSORS: usize = 8;

/// A store around another. Clones share their luck.
#[derive(Clone)]
pub struct Faulty<S> {
    inner: S,
    percent: Arc<AtomicU8>,
    late_percent: Arc<AtomicU8>,
    refuses: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    random: Arc<Mutex<fastrand::Rng>>,
    /// The cursors given last, so that what was told is told again.
    cursors: Arc<Mutex<BTreeMap<ShopId, Vec<Vec<u8>>>>>,
}

/// What becomes of one call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Luck {
    Good,
    /// The call does not arrive.
    NotAsked,
    /// It arrives, and the answer is lost.
    NotHeard,
}

impl<S> Faulty<S> {
    /// Fails so many of a hundred calls, half of them after the fact; a seed repeats which.
    pub fn new(inner: S, percent: u8, seed: u64) -> Self {
        Self {
            inner,
            percent: Arc::new(percent.into()),
            late_percent: Arc::default(),
            refuses: Arc::default(),
            asked: Arc::default(),
            random: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            cursors: Arc::default(),
        }
    }

    /// Chance begins anew, so that what follows does not hang on what was asked before.
    pub fn reseed(&self, seed: u64) {
        *self.random.lock().unwrap() = fastrand::Rng::with_seed(seed);
    }

    /// So many of a hundred readers of news see the index as DynamoDB's may be: not up to date yet, or
    /// read from further back, so that some of it is told again and in another order.
    pub fn set_late_percent(&self, percent: u8) {
        self.late_percent.store(percent, Ordering::SeqCst);
    }

    /// From now on it fails so many of a hundred calls: 100 is an outage, 0 its end.
    pub fn set_percent(&self, percent: u8) {
        self.percent.store(percent, Ordering::SeqCst);
    }

    /// From now on no journal grows, or they do again: every batch is refused, whatever is in it.
    pub fn refuse_batches(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// The store behind, which always answers.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How often it was called.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn luck(&self) -> Luck {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut random = self.random.lock().unwrap();
        if random.u8(..100) >= self.percent.load(Ordering::SeqCst) {
            Luck::Good
        } else if random.bool() {
            Luck::NotAsked
        } else {
            Luck::NotHeard
        }
    }
}

/// What a reader of the index sees.
enum Sight {
    /// All there is.
    Clear,
    /// Nothing new yet.
    Behind,
    /// What was seen since an earlier cursor, once more.
    Again(Vec<u8>),
}

impl<S: Store> Faulty<S> {
    async fn late_news(&self, shop: &ShopId, cursor: &[u8]) -> Result<News, StoreError> {
        let mut news = match self.sight(shop, cursor) {
            Sight::Behind => return Ok(News { cursor: cursor.to_vec(), ..News::default() }),
            Sight::Clear => self.inner.news(shop, cursor).await?,
            Sight::Again(from) => self.inner.news(shop, &from).await?,
        };
        if self.late_percent.load(Ordering::SeqCst) > 0 {
            self.random.lock().unwrap().shuffle(&mut news.items);
        }
        let mut cursors = self.cursors.lock().unwrap();
        let given = cursors.entry(shop.clone()).or_default();
        given.push(news.cursor.clone());
        given.drain(..given.len().saturating_sub(CURSORS));
        Ok(news)
    }

    fn sight(&self, shop: &ShopId, cursor: &[u8]) -> Sight {
        let mut random = self.random.lock().unwrap();
        if random.u8(..100) >= self.late_percent.load(Ordering::SeqCst) {
            return Sight::Clear;
        }
        let cursors = self.cursors.lock().unwrap();
        // An index lags by moments: what was kept days ago, which a new till reads, it has.
        if !cursors.get(shop).is_some_and(|given| given.iter().any(|given| given == cursor)) {
            return Sight::Clear;
        }
        // The plain store's cursors begin with the position, so what is less was given before.
        let before = cursors.get(shop).into_iter().flatten().find(|given| given.as_slice() < cursor);
        match before {
            Some(before) if random.bool() => Sight::Again(before.clone()),
            _ => Sight::Behind,
        }
    }
}

/// Every method of the port but two: luck first, then the store behind, then luck again.
macro_rules! by_chance {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl<S: Store> Store for Faulty<S> {
            $(async fn $name(&self $(, $argument: $type)*) -> Result<$answer, StoreError> {
                let luck = self.luck();
                let lost = || StoreError::Unreachable("bad luck".to_owned());
                if luck == Luck::NotAsked {
                    return Err(lost());
                }
                let answer = self.inner.$name($($argument),*).await?;
                if luck == Luck::NotHeard { Err(lost()) } else { Ok(answer) }
            })*

            async fn append(
                &self,
                shop: &ShopId,
                batch: &Batch,
                before: Head,
                after: Head,
                at: Timestamp,
            ) -> Result<bool, StoreError> {
                let luck = self.luck();
                if luck == Luck::NotAsked {
                    return Err(StoreError::Unreachable("bad luck".to_owned()));
                }
                if self.refuses.load(Ordering::SeqCst) {
                    return Ok(false);
                }
                let appended = self.inner.append(shop, batch, before, after, at).await?;
                if luck == Luck::NotHeard {
                    return Err(StoreError::Unreachable("bad luck".to_owned()));
                }
                Ok(appended)
            }

            async fn news(&self, shop: &ShopId, cursor: &[u8]) -> Result<News, StoreError> {
                if self.luck() != Luck::Good {
                    return Err(StoreError::Unreachable("bad luck".to_owned()));
                }
                self.late_news(shop, cursor).await
            }
        }
    };
}

by_chance! {
    fn put_shop(&self, shop: &Shop, tokens: &Tokens) -> ();
    fn tokens(&self, shop: &ShopId) -> Option<Tokens>;
    fn shops(&self) -> Vec<Shop>;
    fn shop(&self, id: &ShopId) -> Option<Shop>;
    fn shop_of_number(&self, number: &ShortCode) -> Option<ShopId>;
    fn shop_of_token(&self, hash: &[u8; 32]) -> Option<ShopId>;
    fn record(&self, raw: &RawCallback, filing: &Filing) -> Recorded;
    fn inbox(&self, limit: usize) -> Vec<InboxItem>;
    fn settle_inbox(&self, item: &InboxItem, outcome: &str) -> ();
    fn inbox_item(&self, hash: &[u8; 32]) -> Option<(InboxItem, Option<String>)>;
    fn reopen_inbox(&self, item: &InboxItem, note: &str) -> ();
    fn early_answer(&self, request: &CheckoutId) -> Option<RawCallback>;
    fn settle_early_answer(&self, request: &CheckoutId) -> ();
    fn feed_item(&self, shop: &ShopId, name: (&str, &str)) -> Option<FeedItem>;
    fn answer(&self, request: &CheckoutId, kind: AnswerKind) -> Option<RawCallback>;
    fn begin_request(&self, request: &Request) -> Option<Request>;
    fn request_named(&self, shop: &ShopId, name: &str) -> Option<Request>;
    fn accept_request(&self, request: &Request) -> ();
    fn request_of(&self, request: &CheckoutId) -> Option<Request>;
    fn due_requests(&self, now: Timestamp, limit: usize) -> Vec<Request>;
    fn ask_again(&self, request: &Request, at: Option<Timestamp>) -> ();
    fn hold(&self, lock: &str, holder: &str, now: Timestamp, until: Timestamp) -> Option<(String, Timestamp)>;
    fn let_go(&self, lock: &str, holder: &str) -> ();
    fn put_note(&self, shop: &ShopId, name: &str, content: &[u8]) -> ();
    fn notes(&self, shop: &ShopId, prefix: &str) -> Vec<(String, Vec<u8>)>;
    fn put_enrolment(&self, enrolment: &Enrolment) -> ();
    fn take_enrolment(&self, code_hash: &[u8; 32], now: Timestamp) -> Option<Enrolment>;
    fn next_number(&self, counter: &str) -> u32;
    fn counter(&self, counter: &str) -> u32;
    fn raise_counter(&self, counter: &str, to: u32) -> ();
    fn records(&self, listing: &Listing, after: &[u8]) -> Page;
    fn put_orphan(&self, orphan: &Orphan) -> ();
    fn put_member(&self, member: &Member, shop: Option<&ShopId>) -> ();
    fn member(&self, actor: Actor) -> Option<(Member, Option<ShopId>)>;
    fn members(&self) -> Vec<(Member, Option<ShopId>)>;
    fn members_of(&self, shop: &ShopId) -> Vec<Member>;
    fn heads(&self, shop: &ShopId) -> Vec<(Actor, Head)>;
    fn head(&self, shop: &ShopId, actor: Actor) -> Head;
    fn batches(&self, shop: &ShopId, actor: Actor, after: u64, max_bytes: usize) -> Vec<Batch>;
    fn batches_before(&self, shop: &ShopId, actor: Actor, before: u64, max_bytes: usize) -> Vec<Batch>;
    fn join_batches(&self, shop: &ShopId, joined: &Batch, parts: &[Batch]) -> bool;
    fn cursor_at(&self, shop: &ShopId, at: Timestamp) -> Vec<u8>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded::EmbeddedStore;

    /// A counter tells how often it was really asked.
    #[tokio::test]
    async fn a_failed_call_has_happened_or_not() {
        let home = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(&home.path().join("hub.sqlite")).unwrap();
        let faulty = Faulty::new(store, 50, 1);
        let mut heard = Vec::new();
        for _ in 0..100 {
            heard.extend(faulty.next_number("calls").await);
        }
        let happened = faulty.inner().next_number("calls").await.unwrap() - 1;
        let heard = u32::try_from(heard.len()).unwrap();
        assert!((30..=70).contains(&heard), "{heard} of 100 were answered");
        assert!(happened > heard + 10 && happened < 90, "{happened} happened, {heard} were answered");
    }

    #[tokio::test]
    async fn an_outage_begins_and_ends() {
        let home = tempfile::tempdir().unwrap();
        let faulty = Faulty::new(EmbeddedStore::open(&home.path().join("hub.sqlite")).unwrap(), 0, 1);
        assert!(faulty.shops().await.is_ok());
        faulty.set_percent(100);
        for _ in 0..100 {
            assert!(faulty.shops().await.is_err());
        }
        faulty.set_percent(0);
        assert!(faulty.shops().await.is_ok());
    }
}
