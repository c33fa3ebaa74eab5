//! What waits for a person, or for a request to become known.

use super::{after, checkout, in_feed, push_result, raw};
use service::Store;
use service::store::{Filing, RawCallback, Recorded};

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

/// The result of a request may overtake the answer to our own request.
pub async fn an_early_answer_waits_until_it_is_settled<S: Store>(store: S) {
    let (early, other) = (checkout("ws_CO_1"), checkout("ws_CO_2"));
    let filing = Filing::Inbox("early".to_owned(), Some(early.clone()));
    assert_eq!(store.record(&raw("x"), &filing).await, Ok(Recorded::New));
    assert_eq!(store.record(&raw("x"), &filing).await, Ok(Recorded::Again));
    assert_eq!(store.early_answer(&early).await, Ok(Some(raw("x"))));
    assert_eq!(store.early_answer(&other).await, Ok(None));
    assert_eq!(store.inbox(10).await.unwrap().len(), 1);

    assert_eq!(store.record(&raw("x"), &in_feed(push_result("ws_CO_1", "UKL1"))).await, Ok(Recorded::New));
    for settled in [&early, &early, &other] {
        assert_eq!(store.settle_early_answer(settled).await, Ok(()), "again and for nothing, too");
    }
    assert_eq!(store.early_answer(&early).await, Ok(None));
    assert_eq!(store.early_answer(&other).await, Ok(None));
    assert_eq!(store.inbox(10).await, Ok(vec![]));
}

/// Two answers to one request that say different things: settling one must not hide the other.
pub async fn an_early_answer_that_says_something_else_still_waits<S: Store>(store: S) {
    let early = checkout("ws_CO_1");
    for body in ["x", "y"] {
        let filing = Filing::Inbox("early".to_owned(), Some(early.clone()));
        if store.record(&raw(body), &filing).await == Ok(Recorded::Differs(None)) {
            // What differs goes to the inbox under its own hash, as the callbacks function files it.
            let alone = Filing::Inbox("it says something else".to_owned(), None);
            assert_eq!(store.record(&raw(body), &alone).await, Ok(Recorded::New));
        }
    }
    let first = store.early_answer(&early).await.unwrap().unwrap();
    store.settle_early_answer(&early).await.unwrap();
    let waiting = store.inbox(10).await.unwrap();
    assert_eq!(waiting.len(), 1, "one is settled, the other waits for a person");
    assert_ne!(waiting[0].body, first.body);
}

/// A person decided; what comes again does not ask again.
pub async fn what_a_person_settled_waits_no_more_and_stays_kept<S: Store>(store: S) {
    let orphan = Filing::Inbox("nobody's".to_owned(), None);
    for body in ["one", "two"] {
        assert_eq!(store.record(&raw(body), &orphan).await, Ok(Recorded::New));
    }
    let inbox = store.inbox(10).await.unwrap();
    assert!(inbox.iter().all(|item| item.request.is_none()));
    let one = inbox.iter().find(|item| item.body == b"one").unwrap();
    for _ in 0..2 {
        assert_eq!(store.settle_inbox(one, "assigned to duka-moja by 3: Asha paid").await, Ok(()));
    }
    let left = store.inbox(10).await.unwrap();
    assert_eq!(left.iter().map(|item| item.body.as_slice()).collect::<Vec<_>>(), [b"two"]);
    assert_eq!(store.record(&raw("one"), &orphan).await, Ok(Recorded::Again));
    assert_eq!(store.inbox(10).await.unwrap(), left);
}

/// The inbox says which request an answer waits for, and a person may take it out.
pub async fn an_early_answer_can_be_settled_by_a_person<S: Store>(store: S) {
    let (early, other) = (checkout("ws_CO_1"), checkout("ws_CO_2"));
    for (request, body) in [(&early, "x"), (&other, "y")] {
        let filing = Filing::Inbox("early".to_owned(), Some(request.clone()));
        store.record(&raw(body), &filing).await.unwrap();
    }
    let inbox = store.inbox(10).await.unwrap();
    let mine = inbox.iter().find(|item| item.request.as_ref() == Some(&early)).unwrap();
    assert_eq!(mine.body, b"x");
    store.settle_inbox(mine, "forged: dropped by 3").await.unwrap();
    assert_eq!(store.early_answer(&early).await, Ok(None));
    assert_eq!(store.early_answer(&other).await, Ok(Some(raw("y"))));
    let left = store.inbox(10).await.unwrap();
    assert_eq!(left.iter().map(|item| item.request.clone()).collect::<Vec<_>>(), [Some(other)]);
}

/// Every mistake can be undone, and stays to be read.
pub async fn what_a_person_settled_can_be_reopened_and_tells_all_that_was_decided<S: Store>(store: S) {
    let orphan = Filing::Inbox("nobody's".to_owned(), None);
    assert_eq!(store.record(&raw("one"), &orphan).await, Ok(Recorded::New));
    let item = store.inbox(10).await.unwrap().remove(0);
    assert_eq!(store.inbox_item(&[9; 32]).await, Ok(None));
    assert_eq!(store.inbox_item(&item.hash).await, Ok(Some((item.clone(), None))), "it waits");
    assert_eq!(store.reopen_inbox(&item, "too early").await, Ok(()), "and is left alone");

    store.settle_inbox(&item, "given").await.unwrap();
    let found = store.inbox_item(&item.hash).await;
    assert_eq!(found, Ok(Some((item.clone(), Some("given".to_owned())))));
    for note in ["taken back", "again"] {
        assert_eq!(store.reopen_inbox(&item, note).await, Ok(()));
    }
    assert_eq!(store.inbox_item(&item.hash).await, Ok(Some((item.clone(), None))));
    assert_eq!(store.inbox(10).await, Ok(vec![item.clone()]));
    assert_eq!(store.record(&raw("one"), &orphan).await, Ok(Recorded::Again));

    store.settle_inbox(&item, "dismissed").await.unwrap();
    let lines = Some("given\ntaken back\ndismissed".to_owned());
    assert_eq!(store.inbox_item(&item.hash).await, Ok(Some((item, lines))));
    assert_eq!(store.inbox(10).await, Ok(vec![]));
}

/// It answers its request again, should that become known.
pub async fn an_early_answer_that_a_person_settled_can_be_reopened<S: Store>(store: S) {
    let early = checkout("ws_CO_1");
    let filing = Filing::Inbox("early".to_owned(), Some(early.clone()));
    store.record(&raw("x"), &filing).await.unwrap();
    let item = store.inbox(10).await.unwrap().remove(0);
    store.settle_inbox(&item, "dismissed").await.unwrap();
    let found = store.inbox_item(&item.hash).await;
    assert_eq!(found, Ok(Some((item.clone(), Some("dismissed".to_owned())))));
    store.reopen_inbox(&item, "put back").await.unwrap();
    assert_eq!(store.inbox_item(&item.hash).await, Ok(Some((item.clone(), None))));
    assert_eq!(store.early_answer(&early).await, Ok(Some(raw("x"))));
    assert_eq!(store.inbox(10).await, Ok(vec![item]));
}

/// Nobody decided, so there is nothing to undo.
pub async fn what_went_to_its_place_by_itself_can_not_be_reopened<S: Store>(store: S) {
    let early = checkout("ws_CO_1");
    let filing = Filing::Inbox("early".to_owned(), Some(early.clone()));
    store.record(&raw("x"), &filing).await.unwrap();
    let item = store.inbox(10).await.unwrap().remove(0);
    store.settle_early_answer(&early).await.unwrap();
    assert_eq!(store.inbox_item(&item.hash).await, Ok(None));
    store.reopen_inbox(&item, "put back").await.unwrap();
    assert_eq!(store.early_answer(&early).await, Ok(None));
    assert_eq!(store.inbox(10).await, Ok(vec![]));
}

/// What nobody could place at first may turn out to answer a request that is not known yet.
pub async fn a_body_that_waits_alone_can_become_an_early_answer<S: Store>(store: S) {
    let early = checkout("ws_CO_1");
    let alone = Filing::Inbox("it came with another shop's token".to_owned(), None);
    assert_eq!(store.record(&raw("x"), &alone).await, Ok(Recorded::New));
    let filing = Filing::Inbox("early".to_owned(), Some(early.clone()));
    assert_eq!(store.record(&raw("x"), &filing).await, Ok(Recorded::New));
    assert_eq!(store.record(&raw("x"), &filing).await, Ok(Recorded::Again));
    assert_eq!(store.early_answer(&early).await, Ok(Some(raw("x"))));
}
