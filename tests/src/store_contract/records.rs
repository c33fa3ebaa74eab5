//! Telling all there is, so that it can move.

use super::{
    Writer, after, append, checkout, confirm, confirmation, duka, in_feed, messages, number, raw, shop_id,
};
use domain::{Account, Member, Role, Shop, ShopId};
use replica::Batch;
use service::Store;
use service::records::{Listing, Orphan, Record};
use service::store::{AnswerKind, Enrolment, Filing, InboxItem, Purpose, RawCallback, Request, Tokens};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// All of a listing, and in how many pages it came.
async fn listed<S: Store>(store: &S, listing: &Listing) -> (Vec<Record>, usize) {
    let (mut all, mut after, mut pages) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = store.records(listing, &after).await.unwrap();
        all.extend(page.records);
        pages += 1;
        match page.after {
            Some(place) => after = place,
            None => return (all, pages),
        }
    }
}

fn sorted(records: &[Record]) -> BTreeSet<String> {
    let told: BTreeSet<String> = records.iter().map(|record| format!("{record:?}")).collect();
    assert_eq!(told.len(), records.len(), "told twice: {records:?}");
    told
}

async fn lists<S: Store>(store: &S, listing: Listing, expected: &[Record]) {
    let (found, _) = listed(store, &listing).await;
    assert_eq!(sorted(&found), sorted(expected), "{listing:?}");
}

fn member(actor: &str, role: Role, revoked: bool) -> Member {
    let (letter, name) = ("A".to_owned(), format!("till {actor}"));
    Member { actor: actor.parse().unwrap(), role, letter, name, public_key: [7; 32], revoked }
}

fn request(shop: &ShopId, name: &str, accepted: Option<&str>) -> Request {
    Request {
        shop: shop.clone(),
        name: name.to_owned(),
        purpose: Purpose::Balance,
        amount: domain::Money::from_cents(100),
        at: after(0),
        accepted: accepted.map(|name| (checkout(name), format!("m {name}"))),
        ask_at: accepted.map(|_| after(60)),
    }
}

fn orphan(body: &str, request: Option<&str>, waiting: bool, decided: Option<&str>) -> Orphan {
    let RawCallback { body, received_at } = raw(body);
    let hash = Sha256::digest(&body).into();
    let item =
        InboxItem { hash, received_at, reason: "why".to_owned(), body, request: request.map(checkout) };
    Orphan { item, waiting, decided: decided.map(str::to_owned) }
}

/// Nothing that a store was given is left out, and nothing of another shop is told.
pub async fn shops_members_codes_and_notes_are_listed<S: Store>(store: S) {
    let mut shops = Vec::new();
    for (id, digits) in [("duka-moja", "123456"), ("duka-mbili", "654321")] {
        let shop = Shop::new(shop_id(id), "Duka", Account::Till(number(digits)), None).unwrap();
        let tokens = Tokens { newest: 1, hashes: vec![[9; 32], Sha256::digest(id).into()] };
        let tokens = if id == "duka-moja" { tokens } else { Tokens { newest: 0, hashes: vec![] } };
        store.put_shop(&shop, &tokens).await.unwrap();
        shops.push(Record::Shop(shop, tokens));
    }
    lists(&store, Listing::Shops, &shops).await;
    let members = [
        (member("1", Role::Platform, false), None),
        (member("2", Role::Till, true), Some(duka())),
        (member("2.1", Role::Till, false), Some(duka())),
        (member("70000", Role::Office, false), Some(shop_id("duka-mbili"))),
    ];
    for (member, shop) in &members {
        store.put_member(member, shop.as_ref()).await.unwrap();
    }
    lists(&store, Listing::Members, &members.map(|(member, shop)| Record::Member(member, shop))).await;
    let code =
        |byte, shop| Enrolment { code_hash: [byte; 32], shop, role: Role::Till, expires_at: after(60) };
    for enrolment in [code(0, Some(duka())), code(1, None), code(2, None), code(2, None)] {
        store.put_enrolment(&enrolment).await.unwrap();
    }
    store.take_enrolment(&[1; 32], after(0)).await.unwrap().unwrap();
    let codes = [code(0, Some(duka())), code(2, None)].map(Record::Enrolment);
    lists(&store, Listing::Enrolments, &codes).await;
    for (shop, name) in [(duka(), "a"), (duka(), "told/held"), (shop_id("duka-mbili"), "a")] {
        store.put_note(&shop, name, &[0, 255]).await.unwrap();
    }
    let note = |name: &str| Record::Note(duka(), name.to_owned(), vec![0, 255]);
    lists(&store, Listing::Notes(duka()), &[note("a"), note("told/held")]).await;
    lists(&store, Listing::Notes(shop_id("duka-tatu")), &[]).await;
}

/// With the bodies as they came and when they came, whatever journals grew between them.
pub async fn a_feed_is_listed_in_its_order_with_its_bodies<S: Store>(store: S) {
    let mut writer = Writer::new(&duka(), "7");
    let mut expected = Vec::new();
    for (place, item) in messages("UKL1", "ws_CO_1").into_iter().enumerate() {
        let raw = RawCallback { body: format!("body {place}").into(), received_at: after(-1000) };
        store.record(&raw, &in_feed(item.clone())).await.unwrap();
        assert!(append(&store, &duka(), &writer.write(1, 10)).await);
        expected.push(Record::Message(duka(), Box::new(item), raw));
    }
    confirm(&store, &shop_id("duka-mbili"), "UKL2").await;
    let (found, _) = listed(&store, &Listing::Feed(duka())).await;
    assert_eq!(found, expected);
}

/// Whoever moves a cloud carries it in pieces.
pub async fn long_listings_come_in_pages_and_tell_everything_once<S: Store>(store: S) {
    let body = "x".repeat(20_000);
    for number in 0..40 {
        let receipt = format!("UKL{number:03}");
        let (raw, body) = (raw(&format!("{receipt}{body}")), format!("{number}{body}"));
        store.record(&raw, &in_feed(confirmation(&receipt))).await.unwrap();
        store.record(&super::raw(&body), &Filing::Inbox("why".to_owned(), None)).await.unwrap();
        store.put_note(&duka(), &receipt, body.as_bytes()).await.unwrap();
    }
    for listing in [Listing::Feed(duka()), Listing::Inbox, Listing::Notes(duka())] {
        let (found, pages) = listed(&store, &listing).await;
        assert_eq!(sorted(&found).len(), 40, "{listing:?}");
        assert!((3..=12).contains(&pages), "{listing:?} in {pages} pages");
    }
}

/// A request is told as it stands, with what answered it.
pub async fn requests_are_listed_with_their_answers<S: Store>(store: S) {
    let (begun, accepted) = (request(&duka(), "begun", None), request(&duka(), "taken", Some("AG_1")));
    store.begin_request(&begun).await.unwrap();
    store.begin_request(&request(&duka(), "taken", None)).await.unwrap();
    store.accept_request(&accepted).await.unwrap();
    store.begin_request(&request(&shop_id("duka-mbili"), "begun", None)).await.unwrap();
    let mut expected = vec![Record::Request(begun), Record::Request(accepted.clone())];
    for kind in [AnswerKind::Result, AnswerKind::TimedOut] {
        let filing = Filing::Answer(checkout("AG_1"), kind);
        store.record(&raw(kind.name()), &filing).await.unwrap();
        expected.push(Record::Answer(checkout("AG_1"), kind, raw(kind.name())));
    }
    lists(&store, Listing::Requests(duka()), &expected).await;
    store.ask_again(&accepted, None).await.unwrap();
    expected[1] = Record::Request(Request { ask_at: None, ..accepted });
    lists(&store, Listing::Requests(duka()), &expected).await;
}

/// What waits, what was decided, and what went to its place by itself, each once and with all that was said.
pub async fn all_that_ever_was_in_the_inbox_is_listed<S: Store>(store: S) {
    let accepted = request(&duka(), "taken", Some("AG_1"));
    store.accept_request(&accepted).await.unwrap();
    let expected = [
        orphan("waits", None, true, None),
        orphan("decided", None, false, Some("dismissed")),
        orphan("reopened", None, true, Some("dismissed\nreopened")),
        orphan("early", Some("AG_9"), true, None),
        orphan("early and decided", Some("AG_8"), false, Some("dismissed")),
        orphan("early and settled", Some("AG_1"), false, None),
    ];
    for Orphan { item, waiting, decided } in &expected {
        let raw = RawCallback { body: item.body.clone(), received_at: item.received_at };
        store.record(&raw, &Filing::Inbox(item.reason.clone(), item.request.clone())).await.unwrap();
        let mut lines = decided.iter().flat_map(|lines| lines.split('\n'));
        if let Some(line) = lines.next() {
            store.settle_inbox(item, line).await.unwrap();
        }
        if let Some(line) = lines.next() {
            store.reopen_inbox(item, line).await.unwrap();
        }
        if let (Some(request), false, None) = (&item.request, waiting, decided) {
            store.settle_early_answer(request).await.unwrap();
        }
    }
    // An early answer that is settled may be told beside its request.
    let (inbox, _) = listed(&store, &Listing::Inbox).await;
    let (beside, _) = listed(&store, &Listing::Requests(duka())).await;
    let found: Vec<Record> = [inbox, beside].concat();
    let found: Vec<Record> = found.into_iter().filter(|r| matches!(r, Record::Orphan(_))).collect();
    assert_eq!(sorted(&found), sorted(&expected.map(Record::Orphan)));
}

/// What was decided elsewhere is decided here, can be undone here, and is not taken back by an older copy.
pub async fn what_another_inbox_holds_is_taken_over_as_it_is<S: Store>(store: S) {
    for (body, request) in [("a", None), ("b", Some("AG_1"))] {
        let history = [
            orphan(body, request, true, None),
            orphan(body, request, false, Some("dismissed")),
            orphan(body, request, true, Some("dismissed\nreopened")),
            orphan(body, request, false, Some("dismissed\nreopened\ngiven away")),
        ];
        for (now, state) in history.iter().enumerate() {
            for older in &history[..=now] {
                store.put_orphan(older).await.unwrap();
                store.put_orphan(state).await.unwrap();
            }
            let waits = store.inbox(10).await.unwrap();
            assert_eq!(waits.contains(&state.item), state.waiting, "{state:?}");
            let (item, outcome) =
                store.inbox_item(&state.item.hash).await.unwrap().unwrap_or((state.item.clone(), None));
            assert_eq!(
                (item, outcome),
                (state.item.clone(), state.decided.clone().filter(|_| !state.waiting))
            );
        }
        store.reopen_inbox(&history[0].item, "after all").await.unwrap();
        assert!(store.inbox(10).await.unwrap().contains(&history[0].item));
    }
}

/// No number is given twice, here and where it was counted before.
pub async fn a_counter_can_be_raised_and_never_goes_back<S: Store>(store: S) {
    assert_eq!(store.counter("tills").await, Ok(0));
    assert_eq!(store.next_number("tills").await, Ok(1));
    for (to, reached) in [(7, 7), (3, 7), (7, 7)] {
        store.raise_counter("tills", to).await.unwrap();
        assert_eq!(store.counter("tills").await, Ok(reached));
    }
    assert_eq!(store.next_number("tills").await, Ok(8));
    store.raise_counter("letters", 2).await.unwrap();
    assert_eq!(store.next_number("letters").await, Ok(3));
}

/// A batch that was joined elsewhere is one here, too, and stays so.
pub async fn a_batch_that_was_joined_elsewhere_is_kept_joined<S: Store>(store: S) {
    let mut writer = Writer::new(&duka(), "7");
    let start = writer.head;
    let steps: Vec<_> = (0..3).map(|_| writer.write(1, 10)).collect();
    let parts: Vec<Batch> = steps[..2].iter().map(|step| step.batch.clone()).collect();
    let joined = Batch::join(&parts, start.chain).unwrap();
    assert_eq!(store.append(&duka(), &joined, start, steps[1].after, after(0)).await, Ok(true));
    assert!(append(&store, &duka(), &steps[2]).await);
    let all = [joined, steps[2].batch.clone()];
    assert_eq!(store.batches(&duka(), all[0].actor, 0, usize::MAX).await.unwrap(), all);
    let again = Batch::join(&all, start.chain).unwrap();
    assert_eq!(store.join_batches(&duka(), &again, &all).await, Ok(false), "joined once");
}
