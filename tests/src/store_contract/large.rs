//! What is large: DynamoDB gives a megabyte an answer, and takes items of 400 KB.

use super::{Writer, after, append, duka, in_feed, raw};
use domain::{FeedItem, ReceiptCode, Retraction, Source};
use replica::journal::{MAX_BATCH_BYTES, MAX_CHANGE_BYTES};
use replica::{Batch, Item};
use service::Store;
use service::store::{Filing, Recorded};

/// The largest body that is taken at the door.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A message that carries ten kilobytes.
fn large_message(number: u32) -> FeedItem {
    let receipt = ReceiptCode::parse(&format!("UKL{number:04}")).unwrap();
    let reason = "x".repeat(10_000);
    FeedItem::Retraction(Retraction { source: Source::PulledRow, receipt, reason, received_at: after(0) })
}

/// A query ends at a megabyte and says so, whatever it was asked for.
pub async fn more_than_a_megabyte_is_read_to_its_end<S: Store>(store: S) {
    let text = "x".repeat(60_000);
    for number in 0..150 {
        let item = in_feed(large_message(number));
        assert_eq!(store.record(&raw(&number.to_string()), &item).await, Ok(Recorded::New));
    }
    let mut writer = Writer::new(&duka(), "7");
    for number in 0..25 {
        let orphan = Filing::Inbox("why".to_owned(), None);
        store.record(&raw(&format!("{number} {text}")), &orphan).await.unwrap();
        store.put_note(&duka(), &format!("note {number:02}"), text.as_bytes()).await.unwrap();
        assert!(append(&store, &duka(), &writer.write(1, text.len())).await);
    }
    assert_eq!(store.inbox(100).await.unwrap().len(), 25);
    assert_eq!(store.notes(&duka(), "note ").await.unwrap().len(), 25);
    let batches = store.batches(&duka(), writer.actor, 0, usize::MAX).await.unwrap();
    assert_eq!(batches.iter().map(Batch::last).collect::<Vec<_>>(), (1..=25).collect::<Vec<_>>());
    let back = store.batches_before(&duka(), writer.actor, 26, usize::MAX).await.unwrap();
    assert_eq!(back.len(), 25);
    let (mut cursor, mut told, mut more) = (Vec::new(), Vec::new(), true);
    while more {
        let news = store.news(&duka(), &cursor).await.unwrap();
        told.extend(news.items);
        (cursor, more) = (news.cursor, news.more);
    }
    assert_eq!(told, (0..150).map(large_message).collect::<Vec<_>>());
}

/// Nothing that the doors let in is too large for a store. What is larger, they refuse.
pub async fn the_largest_batch_and_the_largest_body_are_kept<S: Store>(store: S) {
    let largest = Writer::new(&duka(), "7").write(MAX_BATCH_BYTES / MAX_CHANGE_BYTES, MAX_CHANGE_BYTES);
    assert_eq!(largest.batch.size(), MAX_BATCH_BYTES);
    assert!(append(&store, &duka(), &largest).await);
    // As many entries as there may be, so that the names around them weigh most.
    let many = Writer::new(&duka(), "8").write(2000, MAX_BATCH_BYTES / 2000);
    assert_eq!(many.batch.items.iter().filter(|item| matches!(item, Item::Change(..))).count(), 2000);
    assert!(append(&store, &duka(), &many).await);
    for step in [largest, many] {
        assert_eq!(store.batches(&duka(), step.batch.actor, 0, 1).await, Ok(vec![step.batch]));
    }
    let body = raw(&"x".repeat(MAX_BODY_BYTES));
    for filing in [in_feed(super::confirmation("UKL1")), Filing::Inbox("why".to_owned(), None)] {
        assert_eq!(store.record(&body, &filing).await, Ok(Recorded::New));
        assert_eq!(store.record(&body, &filing).await, Ok(Recorded::Again));
    }
    assert_eq!(store.inbox(1).await.unwrap()[0].body, body.body);
}
