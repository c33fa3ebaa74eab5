//! What is new in a shop.

use super::{Writer, append, confirm, confirmation, duka, shop_id};
use domain::{FeedItem, Timestamp};
use service::Store;
use service::store::{Filing, RawCallback, Recorded};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

fn receipts(items: &[FeedItem]) -> Vec<String> {
    items.iter().map(|item| item.name().1.to_owned()).collect()
}

/// A reader that goes on from its cursor hears of everything once.
pub async fn news_are_told_in_order_and_not_twice<S: Store>(store: S) {
    let mut cursor = Vec::new();
    let nothing = store.news(&duka(), &cursor).await.unwrap();
    assert!(nothing.items.is_empty() && nothing.journals.is_empty() && !nothing.more);
    for round in [["UKL2", "UKL1"], ["UKL4", "UKL3"]] {
        for receipt in round {
            confirm(&store, &duka(), receipt).await;
        }
        let news = store.news(&duka(), &cursor).await.unwrap();
        assert_eq!(receipts(&news.items), round);
        assert!(!news.more);
        cursor = news.cursor;
        let news = store.news(&duka(), &cursor).await.unwrap();
        assert_eq!((receipts(&news.items), news.more), (vec![], false));
        cursor = news.cursor;
    }
}

/// A journal is named once, however often it grew.
pub async fn news_of_a_journal_are_told_whenever_it_grows<S: Store>(store: S) {
    let (mut a, mut b) = (Writer::new(&duka(), "7"), Writer::new(&duka(), "8"));
    let mut cursor = Vec::new();
    for _ in 0..3 {
        for _ in 0..2 {
            assert!(append(&store, &duka(), &a.write(1, 40)).await);
        }
        assert!(append(&store, &duka(), &b.write(1, 40)).await);
        let mut news = store.news(&duka(), &cursor).await.unwrap();
        news.journals.sort_unstable();
        assert_eq!(news.journals, [a.actor, b.actor]);
        let idle = store.news(&duka(), &news.cursor).await.unwrap();
        assert_eq!(idle.journals, []);
        cursor = idle.cursor;
    }
}

/// Reads until there is no more, from a cursor on; fails when something comes twice.
async fn read_on<S: Store>(store: &S, cursor: &mut Vec<u8>, heard: &mut BTreeSet<String>) {
    loop {
        let news = store.news(&duka(), cursor).await.unwrap();
        for receipt in receipts(&news.items) {
            assert!(heard.insert(receipt.clone()), "{receipt} came twice");
        }
        *cursor = news.cursor;
        if !news.more {
            break;
        }
    }
}

/// Several functions write while a till reads.
pub async fn news_written_during_reading_are_neither_lost_nor_doubled<S: Store>(store: S) {
    let store = Arc::new(store);
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0..25 {
                confirm(&*store, &duka(), &format!("UKL{writer}X{n}")).await;
            }
        });
    }
    let (mut cursor, mut heard) = (Vec::new(), BTreeSet::new());
    while !writers.is_empty() {
        read_on(&*store, &mut cursor, &mut heard).await;
        while let Some(written) = writers.try_join_next() {
            written.unwrap();
        }
    }
    read_on(&*store, &mut cursor, &mut heard).await;
    assert_eq!(heard.len(), 100);
}

/// A new replica reads a history that is longer than one answer.
pub async fn long_news_come_in_pages<S: Store>(store: S) {
    const ITEMS: usize = 450;
    for n in 0..ITEMS {
        confirm(&store, &duka(), &format!("UKL{n}")).await;
    }
    let first = store.news(&duka(), &[]).await.unwrap();
    assert!(first.more && first.items.len() < ITEMS, "{} in one answer", first.items.len());
    let (mut cursor, mut heard) = (Vec::new(), BTreeSet::new());
    read_on(&store, &mut cursor, &mut heard).await;
    assert_eq!(heard.len(), ITEMS);
}

/// Nobody hears of another shop's payments.
pub async fn news_are_those_of_one_shop<S: Store>(store: S) {
    let (here, there) = (duka(), shop_id("duka-moja-2"));
    confirm(&store, &here, "UKL1").await;
    confirm(&store, &there, "UKL2").await;
    assert!(append(&store, &there, &Writer::new(&there, "7").write(1, 40)).await);
    let news = store.news(&here, &[]).await.unwrap();
    assert_eq!((receipts(&news.items), news.journals), (vec!["UKL1".to_owned()], vec![]));
}

/// An answer that was lost on the way is asked for again.
pub async fn an_old_cursor_tells_again_what_came_after_it<S: Store>(store: S) {
    confirm(&store, &duka(), "UKL1").await;
    let old = store.news(&duka(), &[]).await.unwrap().cursor;
    confirm(&store, &duka(), "UKL2").await;
    for _ in 0..2 {
        let again = store.news(&duka(), &old).await.unwrap();
        assert_eq!(receipts(&again.items), ["UKL2"]);
    }
    assert_eq!(store.news(&duka(), &[]).await.unwrap().items.len(), 2);
}

/// A new reader begins with what is recent.
pub async fn a_cursor_of_a_time_tells_what_came_since<S: Store>(store: S) {
    let begun = Timestamp::from_system(std::time::SystemTime::now());
    let kept = |item: FeedItem, at| {
        let raw = RawCallback { body: item.name().1.into(), received_at: at };
        (raw, Filing::Feed(duka(), Box::new(item)))
    };
    for (receipt, minutes) in [("OLD", -60), ("NEW", 60), ("LATE", -60), ("LAST", 61)] {
        let (raw, filing) = kept(confirmation(receipt), begun.plus_millis(minutes * 60_000));
        assert_eq!(store.record(&raw, &filing).await, Ok(Recorded::New));
    }
    let cursor = store.cursor_at(&duka(), begun).await.unwrap();
    let told = receipts(&store.news(&duka(), &cursor).await.unwrap().items);
    assert!(told.ends_with(&["NEW", "LATE", "LAST"].map(str::to_owned)), "{told:?}");
    let cursor = store.cursor_at(&duka(), begun.plus_millis(86_400_000)).await.unwrap();
    assert_eq!(store.news(&duka(), &cursor).await.unwrap().items, []);
    assert_eq!(store.cursor_at(&shop_id("duka-mbili"), begun).await.map(|_| ()), Ok(()));
}
