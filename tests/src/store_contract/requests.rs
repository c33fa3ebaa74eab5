//! What we ask of Safaricom.

use super::{after, checkout, duka, race, shop_id};
use domain::{Money, ReceiptCode};
use service::Store;
use service::store::{Purpose, Request};
use std::sync::Arc;

/// A push, to be asked about so many seconds after noon.
fn request(name: &str, ask_at: Option<i64>) -> Request {
    Request {
        shop: duka(),
        name: name.to_owned(),
        purpose: Purpose::Push("7-42".parse().unwrap()),
        amount: Money::from_cents(35_000),
        at: after(0),
        accepted: None,
        ask_at: ask_at.map(after),
    }
}

/// The same as Safaricom took it, which calls it by the same name with a prefix.
fn accepted(name: &str, ask_at: Option<i64>) -> Request {
    let names = (checkout(&format!("ws_CO_{name}")), "29115-1".to_owned());
    Request { accepted: Some(names), ..request(name, ask_at) }
}

async fn due<S: Store>(store: &S, second: i64, limit: usize) -> Vec<String> {
    store.due_requests(after(second), limit).await.unwrap().into_iter().map(|it| it.name).collect()
}

/// Repeating a request must never prompt the customer again.
pub async fn a_request_is_recorded_once<S: Store>(store: S) {
    let first = request("once", Some(20));
    assert_eq!(store.request_named(&duka(), "once").await, Ok(None));
    assert_eq!(store.begin_request(&first).await, Ok(None));
    assert_eq!(store.request_named(&duka(), "once").await, Ok(Some(first.clone())));
    assert_eq!(store.request_named(&shop_id("duka-mbili"), "once").await, Ok(None));
    let again = Request { amount: Money::from_cents(1), at: after(5), ask_at: None, ..first.clone() };
    assert_eq!(store.begin_request(&again).await, Ok(Some(first.clone())));
    let elsewhere = Request { shop: shop_id("duka-mbili"), ..first };
    assert_eq!(store.begin_request(&elsewhere).await, Ok(None));
    let begun =
        race(store, async |store: Arc<S>, _| store.begin_request(&request("raced", None)).await.unwrap());
    assert_eq!(begun.await.iter().filter(|known| known.is_none()).count(), 1);
}

/// Safaricom's name for a request finds the sale, and so does the caller's.
pub async fn an_accepted_request_is_found_by_both_its_names<S: Store>(store: S) {
    let (begun, taken) = (request("once", None), accepted("once", Some(20)));
    let name = checkout("ws_CO_once");
    assert_eq!(store.request_of(&name).await, Ok(None));
    store.begin_request(&begun).await.unwrap();
    assert_eq!(store.accept_request(&begun).await, Ok(()), "without a name it changes nothing");
    assert_eq!(store.begin_request(&begun).await, Ok(Some(begun.clone())));
    for _ in 0..2 {
        assert_eq!(store.accept_request(&taken).await, Ok(()));
        assert_eq!(store.request_of(&name).await, Ok(Some(taken.clone())));
        assert_eq!(store.begin_request(&begun).await, Ok(Some(taken.clone())));
        assert_eq!(store.request_named(&duka(), "once").await, Ok(Some(taken.clone())));
    }
    assert_eq!(store.request_of(&checkout("ws_CO_other")).await, Ok(None));
}

/// Money may depend on it: what Safaricom took is found, whatever became of our first note.
pub async fn a_request_that_was_never_begun_can_be_accepted<S: Store>(store: S) {
    let taken = accepted("once", None);
    assert_eq!(store.accept_request(&taken).await, Ok(()));
    assert_eq!(store.request_of(&checkout("ws_CO_once")).await, Ok(Some(taken.clone())));
    assert_eq!(store.begin_request(&request("once", None)).await, Ok(Some(taken)));
}

/// Each is told apart when its answer comes.
pub async fn every_purpose_of_a_request_reads_back<S: Store>(store: S) {
    let receipt = ReceiptCode::parse("UKL4AB12CD").unwrap();
    let push = Purpose::Push("7.2-42".parse().unwrap());
    let others = [Purpose::Status(receipt.clone()), Purpose::Reversal(receipt), Purpose::Balance];
    for purpose in [push].into_iter().chain(others) {
        let name = purpose.to_string().replace(' ', "-");
        let taken = Request { purpose, ..accepted(&name, Some(1)) };
        let begun = Request { accepted: None, ..taken.clone() };
        assert_eq!(store.begin_request(&begun).await, Ok(None));
        assert_eq!(store.begin_request(&begun).await, Ok(Some(begun.clone())));
        store.accept_request(&taken).await.unwrap();
        assert_eq!(store.request_of(&checkout(&format!("ws_CO_{name}"))).await, Ok(Some(taken)));
    }
    assert_eq!(store.due_requests(after(1), 10).await.unwrap().len(), 4);
}

/// The longest due comes first, of whichever shop; what is not due yet does not come.
pub async fn requests_are_due_in_the_order_of_their_times<S: Store>(store: S) {
    assert_eq!(due(&store, 1_000, 10).await, [""; 0]);
    for (name, second) in [("d", 40), ("a", 10), ("c", 30), ("b", 20), ("e", 50)] {
        let shop = shop_id(if name == "b" { "duka-mbili" } else { "duka-moja" });
        let taken = Request { shop, ..accepted(name, Some(second)) };
        store.begin_request(&Request { accepted: None, ..taken.clone() }).await.unwrap();
        store.accept_request(&taken).await.unwrap();
    }
    store.accept_request(&accepted("never", None)).await.unwrap();
    assert_eq!(due(&store, 9, 10).await, [""; 0]);
    assert_eq!(due(&store, 10, 10).await, ["a"], "at its very time");
    assert_eq!(due(&store, 40, 10).await, ["a", "b", "c", "d"]);
    assert_eq!(due(&store, 1_000, 2).await, ["a", "b"]);
    assert_eq!(store.due_requests(after(10), 1).await, Ok(vec![accepted("a", Some(10))]), "whole");
}

/// Safaricom knows it under no name, so there is nothing to ask by.
pub async fn a_request_that_is_not_accepted_is_not_due<S: Store>(store: S) {
    store.begin_request(&request("once", Some(10))).await.unwrap();
    assert_eq!(due(&store, 1_000, 10).await, [""; 0]);
    store.accept_request(&accepted("once", Some(20))).await.unwrap();
    assert_eq!(due(&store, 19, 10).await, [""; 0], "it is due when the acceptance says");
    assert_eq!(due(&store, 20, 10).await, ["once"]);
}

/// Questions are asked at growing distances until it is known how the request ended.
pub async fn a_request_is_asked_about_again_or_no_more<S: Store>(store: S) {
    let taken = accepted("once", Some(10));
    store.begin_request(&request("once", None)).await.unwrap();
    store.accept_request(&taken).await.unwrap();
    let changes: [(Option<i64>, i64, &[&str]); 4] =
        [(Some(30), 10, &[]), (Some(20), 20, &["once"]), (None, 1_000, &[]), (Some(5), 5, &["once"])];
    for (again, second, expected) in changes {
        assert_eq!(store.ask_again(&taken, again.map(after)).await, Ok(()));
        assert_eq!(due(&store, second, 10).await, expected, "{again:?}");
        let now = accepted("once", again);
        assert_eq!(store.request_of(&checkout("ws_CO_once")).await, Ok(Some(now.clone())));
        assert_eq!(store.request_named(&duka(), "once").await, Ok(Some(now.clone())), "by both names");
        assert_eq!(store.begin_request(&request("once", None)).await, Ok(Some(now)));
    }
    // What nobody accepted is not made by it.
    for unknown in [accepted("unknown", None), request("unknown", None)] {
        assert_eq!(store.ask_again(&unknown, Some(after(0))).await, Ok(()));
        assert_eq!(store.request_of(&checkout("ws_CO_unknown")).await, Ok(None));
    }
    assert_eq!(due(&store, 1_000, 10).await, ["once"]);
}
