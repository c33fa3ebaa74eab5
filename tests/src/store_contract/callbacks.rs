//! What Safaricom says, and what it answers.

use super::{after, checkout, confirmation, duka, evidence, in_feed, push_result, race, raw, shop_id};
use domain::{FeedItem, Money, Source};
use service::Store;
use service::store::{Filing, PushAttempt, RawCallback, Recorded};
use std::sync::Arc;

/// Safaricom sends again what was acknowledged too late.
pub async fn a_callback_that_comes_twice_is_kept_once<S: Store>(store: S) {
    for item in [confirmation("UKL1"), push_result("ws_CO_1", "UKL1")] {
        let filing = in_feed(item);
        assert_eq!(store.record(&raw("{}"), &filing).await, Ok(Recorded::New));
        assert_eq!(store.record(&raw("{}"), &filing).await, Ok(Recorded::Again));
    }
    assert_eq!(store.news(&duka(), &[]).await.unwrap().items.len(), 2);
}

/// A second message under a name that is taken is told apart and does not replace the first.
pub async fn another_body_under_the_same_receipt_differs<S: Store>(store: S) {
    let first = confirmation("UKL1");
    store.record(&raw("first"), &in_feed(first.clone())).await.unwrap();
    let mut forged = evidence(Source::C2bConfirmation, "UKL1");
    forged.amount = Money::from_cents(1);
    let filing = in_feed(FeedItem::Confirmation(forged));
    assert_eq!(store.record(&raw("forged"), &filing).await, Ok(Recorded::Differs));
    assert_eq!(store.news(&duka(), &[]).await.unwrap().items, [first]);
}

/// Safaricom may call several times at once.
pub async fn of_callbacks_that_race_for_one_receipt_one_is_new<S: Store>(store: S) {
    let recorded = race(store, async |store: Arc<S>, _| {
        store.record(&raw("{}"), &in_feed(confirmation("UKL1"))).await.unwrap()
    });
    let recorded = recorded.await;
    assert_eq!(recorded.iter().filter(|r| **r == Recorded::New).count(), 1, "{recorded:?}");
    assert!(recorded.iter().all(|r| *r != Recorded::Differs), "{recorded:?}");
}

/// One payment, two kinds of message: neither hides the other.
pub async fn a_push_result_and_a_confirmation_of_one_payment_are_both_kept<S: Store>(store: S) {
    let items = [confirmation("UKL1"), push_result("ws_CO_1", "UKL1")];
    for item in &items {
        assert_eq!(store.record(&raw("{}"), &in_feed(item.clone())).await, Ok(Recorded::New));
    }
    assert_eq!(store.news(&duka(), &[]).await.unwrap().items, items);
}

/// What nobody understood waits for a person, whole and with its reason.
pub async fn the_inbox_lists_the_newest_first_with_their_reasons<S: Store>(store: S) {
    for (second, body) in (0..).zip(["one", "two", "three"]) {
        let callback = RawCallback { body: body.into(), received_at: after(second) };
        let filing = Filing::Inbox(format!("because of {body}"), None);
        assert_eq!(store.record(&callback, &filing).await, Ok(Recorded::New));
    }
    let inbox = store.inbox(2).await.unwrap();
    let seen: Vec<_> = inbox.iter().map(|i| (i.body.as_slice(), i.reason.as_str(), i.received_at)).collect();
    let expected: [(&[u8], _, _); 2] =
        [(b"three", "because of three", after(2)), (b"two", "because of two", after(1))];
    assert_eq!(seen, expected);
    assert_ne!(inbox[0].hash, inbox[1].hash);
    assert_eq!(store.inbox(100).await.unwrap().len(), 3);
}

/// The hash of a body is its name in the inbox.
pub async fn a_body_waits_once_in_the_inbox<S: Store>(store: S) {
    let first = Filing::Inbox("first".to_owned(), None);
    assert_eq!(store.record(&raw("x"), &first).await, Ok(Recorded::New));
    let second = Filing::Inbox("second".to_owned(), None);
    assert_eq!(store.record(&raw("x"), &second).await, Ok(Recorded::Again));
    let inbox = store.inbox(10).await.unwrap();
    assert_eq!(inbox.iter().map(|i| i.reason.as_str()).collect::<Vec<_>>(), ["first"]);
}

/// The result of a push may overtake the answer to our own request.
pub async fn an_early_result_waits_until_it_is_settled<S: Store>(store: S) {
    let (early, other) = (checkout("ws_CO_1"), checkout("ws_CO_2"));
    let filing = Filing::Inbox("early".to_owned(), Some(early.clone()));
    assert_eq!(store.record(&raw("x"), &filing).await, Ok(Recorded::New));
    assert_eq!(store.record(&raw("x"), &filing).await, Ok(Recorded::Again));
    assert_eq!(store.early_result(&early).await, Ok(Some(raw("x"))));
    assert_eq!(store.early_result(&other).await, Ok(None));
    assert_eq!(store.inbox(10).await.unwrap().len(), 1);

    assert_eq!(store.record(&raw("x"), &in_feed(push_result("ws_CO_1", "UKL1"))).await, Ok(Recorded::New));
    for settled in [&early, &early, &other] {
        assert_eq!(store.settle_early_result(settled).await, Ok(()), "again and for nothing, too");
    }
    assert_eq!(store.early_result(&early).await, Ok(None));
    assert_eq!(store.early_result(&other).await, Ok(None));
    assert_eq!(store.inbox(10).await, Ok(vec![]));
}

/// Two results of one push that say different things: settling one must not hide the other.
pub async fn an_early_result_that_says_something_else_still_waits<S: Store>(store: S) {
    let early = checkout("ws_CO_1");
    for body in ["x", "y"] {
        let filing = Filing::Inbox("early".to_owned(), Some(early.clone()));
        if store.record(&raw(body), &filing).await == Ok(Recorded::Differs) {
            // What differs goes to the inbox under its own hash, as the callbacks function files it.
            let alone = Filing::Inbox("it says something else".to_owned(), None);
            assert_eq!(store.record(&raw(body), &alone).await, Ok(Recorded::New));
        }
    }
    let first = store.early_result(&early).await.unwrap().unwrap();
    store.settle_early_result(&early).await.unwrap();
    let waiting = store.inbox(10).await.unwrap();
    assert_eq!(waiting.len(), 1, "one is settled, the other waits for a person");
    assert_ne!(waiting[0].body, first.body);
}

fn attempt() -> PushAttempt {
    PushAttempt {
        shop: duka(),
        attempt: "7-42 once".to_owned(),
        sale: "7-42".parse().unwrap(),
        amount: Money::from_cents(35_000),
        at: after(0),
        accepted: None,
    }
}

/// Repeating a request must never prompt the customer again.
pub async fn an_attempt_is_recorded_once<S: Store>(store: S) {
    let attempt = attempt();
    assert_eq!(store.begin_push(&attempt).await, Ok(None));
    let again = PushAttempt { amount: Money::from_cents(1), at: after(5), ..attempt.clone() };
    assert_eq!(store.begin_push(&again).await, Ok(Some(attempt.clone())));
    let elsewhere = PushAttempt { shop: shop_id("duka-mbili"), ..attempt.clone() };
    assert_eq!(store.begin_push(&elsewhere).await, Ok(None));
    let begun = race(store, async |store: Arc<S>, _| {
        store.begin_push(&PushAttempt { attempt: "raced".to_owned(), ..self::attempt() }).await.unwrap()
    });
    assert_eq!(begun.await.iter().filter(|known| known.is_none()).count(), 1);
}

/// Safaricom's name for a push finds the sale, and so does the till's.
pub async fn an_accepted_push_leads_to_its_sale<S: Store>(store: S) {
    let name = checkout("ws_CO_1");
    assert_eq!(store.push_of(&name).await, Ok(None));
    store.begin_push(&attempt()).await.unwrap();
    let accepted = PushAttempt { accepted: Some((name.clone(), "29115-1".to_owned())), ..attempt() };
    for _ in 0..2 {
        assert_eq!(store.accept_push(&accepted).await, Ok(()));
        assert_eq!(store.push_of(&name).await, Ok(Some(accepted.clone())));
        assert_eq!(store.begin_push(&attempt()).await, Ok(Some(accepted.clone())));
    }
    assert_eq!(store.push_of(&checkout("ws_CO_2")).await, Ok(None));
}
