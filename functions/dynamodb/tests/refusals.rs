//! What the store makes of answers that no server on a developer's machine ever gives.

#![allow(clippy::unwrap_used, reason = "this is test code")]

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::{Client, Config};
use axum::Router;
use axum::http::StatusCode;
use domain::{Actor, Document, ShopId, TillId, Timestamp};
use dynamodb::DynamoStore;
use replica::{Batch, Head, Item};
use service::store::{Filing, RawCallback, Recorded};
use service::{Store, StoreError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The store on a server that gives these answers one after the other, and then the last for ever.
async fn store(answers: &[(u16, &str)]) -> DynamoStore {
    counted(answers).await.0
}

/// The same, and how often it was asked.
async fn counted(answers: &[(u16, &str)]) -> (DynamoStore, Arc<AtomicUsize>) {
    let answers: VecDeque<(u16, String)> = answers.iter().map(|(s, body)| (*s, (*body).to_owned())).collect();
    let (answers, asked) = (Arc::new(Mutex::new(answers)), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let server = Router::new().fallback(async move || {
        count.fetch_add(1, Ordering::SeqCst);
        let mut answers = answers.lock().unwrap();
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let (status, body) = next.unwrap();
        (StatusCode::from_u16(status).unwrap(), body)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, server).await });
    (store_at(&endpoint), asked)
}

fn store_at(endpoint: &str) -> DynamoStore {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("fake", "fake", None, None, "tests"))
        .http_client(dynamodb::http_client())
        .timeout_config(dynamodb::timeouts())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build();
    DynamoStore::new(Client::from_conf(config), "leja")
}

fn shop() -> ShopId {
    ShopId::parse("duka-moja").unwrap()
}

fn noon() -> Timestamp {
    Timestamp::parse_daraja("20261121120000").unwrap()
}

/// A transaction that was cancelled for a reason for each of its items.
fn cancelled(reasons: &[&str]) -> String {
    let reasons: Vec<_> = reasons.iter().map(|code| format!(r#"{{"Code":"{code}"}}"#)).collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    format!(r#"{{"__type":"{kind}","CancellationReasons":[{}]}}"#, reasons.join(","))
}

async fn append(reasons: &[&str]) -> Result<bool, StoreError> {
    append_to(&store(&[(400, &cancelled(reasons))]).await).await
}

async fn append_to(store: &DynamoStore) -> Result<bool, StoreError> {
    let actor = Actor::first(TillId(7));
    let before = Head::genesis(&shop(), actor);
    let after = before.next(Document::Catalogue, b"x");
    let items = vec![Item::Change(Document::Catalogue, b"x".to_vec())];
    let batch = Batch { actor, first: 1, before: None, strands: BTreeMap::new(), items, signature: [0; 64] };
    store.append(&shop(), &batch, before, after, noon()).await
}

async fn record(store: DynamoStore) -> Result<Recorded, StoreError> {
    let raw = RawCallback { body: b"{}".to_vec(), received_at: noon() };
    store.record(&raw, &Filing::Inbox("for a test".to_owned(), None)).await
}

#[tokio::test]
async fn somebody_else_who_was_quicker_is_no_failure() {
    for reasons in [
        ["None", "ConditionalCheckFailed"],
        ["ConditionalCheckFailed", "ConditionalCheckFailed"],
        ["TransactionConflict", "None"],
        ["ConditionalCheckFailed", "TransactionConflict"],
    ] {
        assert_eq!(append(&reasons).await, Ok(false), "{reasons:?}");
    }
}

#[tokio::test]
async fn a_transaction_that_was_not_judged_is_a_failure() {
    for reasons in [
        &["None", "ThrottlingError"][..],
        &["ConditionalCheckFailed", "ProvisionedThroughputExceeded"],
        &["None", "None"],
        &[],
    ] {
        assert!(matches!(append(reasons).await, Err(StoreError::Unreachable(_))), "{reasons:?}");
    }
}

#[tokio::test]
async fn a_transaction_that_dynamodb_was_too_busy_for_is_tried_again() {
    for reasons in [
        &["None", "ThrottlingError"][..],
        &["ProvisionedThroughputExceeded", "None"],
        &["ConditionalCheckFailed", "ThrottlingError"],
    ] {
        let busy = (400, &*cancelled(reasons));
        let (store, asked) = counted(&[busy, busy, (200, "{}")]).await;
        assert_eq!(append_to(&store).await, Ok(true), "{reasons:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        // Who was too slow besides hears that from the try that was judged.
        let late = cancelled(&["None", "ConditionalCheckFailed"]);
        let (store, _) = counted(&[busy, (400, &late)]).await;
        assert_eq!(append_to(&store).await, Ok(false), "{reasons:?}");
    }
}

#[tokio::test]
async fn what_was_judged_is_not_tried_again() {
    for body in [cancelled(&["None", "ConditionalCheckFailed"]), cancelled(&["TransactionConflict", "None"])]
    {
        let (store, asked) = counted(&[(400, &body)]).await;
        assert_eq!(append_to(&store).await, Ok(false));
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{body}");
    }
}

/// Every way in which DynamoDB says that it will be better in a moment.
#[tokio::test]
async fn whatever_passes_is_tried_again_and_ends_in_a_clear_failure() {
    for (status, kind) in [
        (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
        (400, "com.amazonaws.dynamodb.v20120810#RequestLimitExceeded"),
        (400, "com.amazonaws.dynamodb.v20120810#TransactionInProgressException"),
        (400, "com.amazon.coral.availability#ThrottlingException"),
        (500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
        (503, "com.amazonaws.dynamodb.v20120810#ServiceUnavailable"),
    ] {
        let body = format!(r#"{{"__type":"{kind}","message":"of I#254700111222"}}"#);
        let (store, asked) = counted(&[(status, &body), (status, &body), (200, "{}")]).await;
        assert_eq!(record(store).await, Ok(Recorded::New), "{kind}");
        assert_eq!(asked.load(Ordering::SeqCst), 3, "{kind}");

        let (store, asked) = counted(&[(status, &body)]).await;
        let name = kind.split('#').next_back().unwrap();
        assert_eq!(record(store).await, Err(StoreError::Unreachable(format!("DynamoDB: {name}"))));
        assert_eq!(asked.load(Ordering::SeqCst), 3, "{kind}: it is not asked for ever");
    }
}

/// What stands between a caller and a store that hangs: longer than DynamoDB's worst, shorter than any caller waits.
#[tokio::test]
async fn nothing_is_waited_for_beyond_the_deadline() {
    let waits = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", waits.local_addr().unwrap());
    let asked = std::time::Instant::now();
    let error = record(store_at(&endpoint)).await;
    assert_eq!(error, Err(StoreError::Unreachable("DynamoDB: no answer in time".to_owned())));
    let waited = asked.elapsed();
    assert!(waited <= Duration::from_secs(11), "{waited:?}");
}

const THROTTLED: (u16, &str) = (
    400,
    r#"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate of I#254700111222 exceeded"}"#,
);

#[tokio::test]
async fn a_throttled_request_is_tried_again() {
    assert_eq!(record(store(&[THROTTLED, THROTTLED, (200, "{}")]).await).await, Ok(Recorded::New));
}

#[tokio::test]
async fn a_failure_keeps_to_itself_what_was_sent() {
    let told = |kind: &str| Err(StoreError::Unreachable(format!("DynamoDB: {kind}")));
    assert_eq!(record(store(&[THROTTLED]).await).await, told("ThrottlingException"));
    assert_eq!(record(store(&[(500, "254700111222")]).await).await, told("an unknown answer"));
    assert_eq!(record(store(&[(200, "254700111222")]).await).await, told("an unknown answer"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = record(store_at(&format!("http://{gone}"))).await;
    assert_eq!(error, Err(StoreError::Unreachable("DynamoDB: no connection".to_owned())));
}

#[tokio::test]
async fn an_item_that_makes_no_sense_is_damage_and_names_only_the_attribute() {
    let body = r#"{"Item":{"shop":{"S":"254700111222 is no shop"}}}"#;
    let found = store(&[(200, body)]).await.shop_of_token(&[1; 32]).await;
    assert_eq!(found, Err(StoreError::Damaged("an item's shop is missing or wrong".to_owned())));
}
