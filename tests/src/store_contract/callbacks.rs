//! What Safaricom says.

use super::{
    checkout, confirmation, duka, evidence, in_feed, messages, push_failure, push_result, race, raw, shop_id,
};
use domain::{FeedItem, Money, Source};
use service::Store;
use service::store::{AnswerKind, Filing, Recorded};
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

/// A second message under a name that is taken is told apart and does not replace the first, whose meaning
/// comes back to be compared.
pub async fn another_body_under_the_same_receipt_differs<S: Store>(store: S) {
    let first = confirmation("UKL1");
    store.record(&raw("first"), &in_feed(first.clone())).await.unwrap();
    let mut forged = evidence(Source::C2bConfirmation, "UKL1");
    forged.amount = Money::from_cents(1);
    let filing = in_feed(FeedItem::Arrival(forged));
    let kept = Some(Box::new(first.clone()));
    assert_eq!(store.record(&raw("forged"), &filing).await, Ok(Recorded::Differs(kept)));
    assert_eq!(store.news(&duka(), &[]).await.unwrap().items, [first]);
}

/// Safaricom may call several times at once.
pub async fn of_callbacks_that_race_for_one_receipt_one_is_new<S: Store>(store: S) {
    let recorded = race(store, async |store: Arc<S>, _| {
        store.record(&raw("{}"), &in_feed(confirmation("UKL1"))).await.unwrap()
    });
    let recorded = recorded.await;
    assert_eq!(recorded.iter().filter(|r| **r == Recorded::New).count(), 1, "{recorded:?}");
    assert!(recorded.iter().all(|r| !matches!(r, Recorded::Differs(_))), "{recorded:?}");
}

/// One payment and its push, eight kinds of message: none hides another.
pub async fn every_kind_of_message_on_one_payment_is_kept<S: Store>(store: S) {
    let items = messages("UKL1", "ws_CO_1");
    for item in &items {
        assert_eq!(store.record(&raw("{}"), &in_feed(item.clone())).await, Ok(Recorded::New), "{item:?}");
    }
    assert_eq!(store.news(&duka(), &[]).await.unwrap().items, items);
    for item in &items {
        assert_eq!(store.feed_item(&duka(), item.name()).await, Ok(Some(item.clone())));
        assert_eq!(store.record(&raw("{}"), &in_feed(item.clone())).await, Ok(Recorded::Again), "{item:?}");
    }
}

/// The customer enters the PIN after all (field study W17), in whatever order we hear of it.
pub async fn a_push_that_failed_does_not_hide_its_late_success<S: Store>(store: S) {
    let pushes = ["ws_CO_1", "ws_CO_2"].map(|name| (push_failure(name), push_result(name, "UKL1")));
    let [(failed, paid), (late_failed, early_paid)] = pushes;
    for item in [&failed, &paid, &early_paid, &late_failed] {
        assert_eq!(store.record(&raw("{}"), &in_feed(item.clone())).await, Ok(Recorded::New));
    }
    for item in [failed, paid, early_paid, late_failed] {
        assert_eq!(store.feed_item(&duka(), item.name()).await, Ok(Some(item)));
    }
}

/// Nobody reads another shop's payments, by name either.
pub async fn a_feed_item_is_found_by_its_name_in_its_own_shop<S: Store>(store: S) {
    let items = messages("UKL1", "ws_CO_1");
    for item in &items {
        assert_eq!(store.feed_item(&duka(), item.name()).await, Ok(None), "nothing is here yet");
        store.record(&raw("{}"), &in_feed(item.clone())).await.unwrap();
        assert_eq!(store.feed_item(&duka(), item.name()).await, Ok(Some(item.clone())));
        assert_eq!(store.feed_item(&shop_id("duka-mbili"), item.name()).await, Ok(None));
        assert_eq!(store.feed_item(&duka(), (item.name().0, "UKL2")).await, Ok(None));
    }
    // An answer that waits is in no feed, whatever it says.
    let early = Filing::Inbox("early".to_owned(), Some(checkout("ws_CO_2")));
    store.record(&raw("early"), &early).await.unwrap();
    assert_eq!(store.feed_item(&duka(), ("stk_result", "ws_CO_2")).await, Ok(None));
}

/// What is no evidence of money is kept where whoever asked looks for it.
pub async fn an_answer_lies_beside_its_request_and_in_no_feed<S: Store>(store: S) {
    let request = checkout("AG_1");
    for (kind, body) in [(AnswerKind::Result, "balance"), (AnswerKind::TimedOut, "too late")] {
        let filing = Filing::Answer(request.clone(), kind);
        assert_eq!(store.answer(&request, kind).await, Ok(None));
        assert_eq!(store.record(&raw(body), &filing).await, Ok(Recorded::New));
        assert_eq!(store.record(&raw(body), &filing).await, Ok(Recorded::Again));
        assert_eq!(store.record(&raw("other"), &filing).await, Ok(Recorded::Differs(None)));
        assert_eq!(store.answer(&request, kind).await, Ok(Some(raw(body))), "the first is kept");
        assert_eq!(store.answer(&checkout("AG_2"), kind).await, Ok(None));
    }
    // The push of the same name has its own place.
    assert_eq!(store.record(&raw("{}"), &in_feed(push_result("AG_1", "UKL1"))).await, Ok(Recorded::New));
    assert_eq!(store.early_answer(&request).await, Ok(None));
    assert_eq!(store.inbox(10).await, Ok(vec![]));
    assert_eq!(store.news(&duka(), &[]).await.unwrap().items.len(), 1);
}
