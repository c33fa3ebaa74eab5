//! Every store keeps the contract.

use dynamodb::DynamoStore;
use embedded::EmbeddedStore;
use tempfile::TempDir;
use tests::dynamo::Dynamo;

async fn dynamo() -> (DynamoStore, Dynamo) {
    let dynamo = Dynamo::start().await;
    (dynamo.store(), dynamo)
}

async fn embedded() -> (EmbeddedStore, TempDir) {
    let home = tempfile::tempdir().unwrap();
    (EmbeddedStore::open(&home.path().join("hub.db")).unwrap(), home)
}

/// One SQLite file.
mod embedded_store {
    tests::store_contract!(super::embedded);
}

/// On a server that speaks DynamoDB's language, with the table of the template.
mod dynamodb_store {
    tests::store_contract!(super::dynamo);
}

/// What each call costs in requests to DynamoDB. DESIGN.md has the same as a table.
mod dynamodb_requests {
    use super::dynamo;
    use domain::{
        Account, Actor, CheckoutId, Document, Evidence, FeedItem, Member, Money, Payer, ReceiptCode, Role,
        Shop, ShopId, ShortCode, Source, TillId, Timestamp,
    };
    use dynamodb::DynamoStore;
    use replica::{Batch, Head, Item};
    use service::Store;
    use service::store::{AnswerKind, Enrolment, Filing, Purpose, RawCallback, Recorded, Request, Tokens};
    use tests::dynamo::{Dynamo, REFUSED};

    fn shop() -> ShopId {
        ShopId::parse("duka-moja").unwrap()
    }

    fn noon() -> Timestamp {
        Timestamp::parse_daraja("20261121120000").unwrap()
    }

    fn raw(body: &str) -> RawCallback {
        RawCallback { body: body.into(), received_at: noon() }
    }

    fn confirmation() -> Filing {
        let evidence = Evidence {
            source: Source::C2bConfirmation,
            receipt: ReceiptCode::parse("UKL4AB12CD").unwrap(),
            amount: Money::from_cents(35_000),
            shortcode: ShortCode::parse("123456").unwrap(),
            paid_at: None,
            payer: Payer::default(),
            account_reference: String::new(),
            order: None,
            balance: None,
            received_at: noon(),
        };
        Filing::Feed(shop(), Box::new(FeedItem::Arrival(evidence)))
    }

    /// A store whose shop is open, with nothing sent yet.
    async fn open() -> (DynamoStore, Dynamo) {
        let (store, dynamo) = dynamo().await;
        let account = Account::Till(ShortCode::parse("123456").unwrap());
        let shop = Shop::new(shop(), "Duka Moja", account, None).unwrap();
        store.put_shop(&shop, &Tokens { newest: 0, hashes: vec![[1; 32]] }).await.unwrap();
        dynamo.requests();
        (store, dynamo)
    }

    #[tokio::test]
    async fn a_confirmation_is_one_write_and_a_repetition_one_refusal() {
        let (store, dynamo) = open().await;
        assert_eq!(store.record(&raw("{}"), &confirmation()).await, Ok(Recorded::New));
        assert_eq!(dynamo.requests(), ["PutItem"]);
        for _ in 0..2 {
            assert_eq!(store.record(&raw("{}"), &confirmation()).await, Ok(Recorded::Again));
            assert_eq!(dynamo.requests(), ["PutItem", REFUSED]);
        }
        let differs = store.record(&raw("{ }"), &confirmation()).await.unwrap();
        assert!(matches!(differs, Recorded::Differs(Some(_))), "{differs:?}");
        assert_eq!(dynamo.requests(), ["PutItem", REFUSED], "what was kept comes with the refusal");
    }

    #[tokio::test]
    async fn every_other_filing_is_one_write() {
        let (store, dynamo) = open().await;
        let request = CheckoutId::parse("ws_CO_1").unwrap();
        let filings = [
            Filing::Answer(request.clone(), AnswerKind::Result),
            Filing::Inbox("nobody's".to_owned(), None),
            Filing::Inbox("early".to_owned(), Some(request)),
        ];
        for filing in filings {
            for expected in [&["PutItem"][..], &["PutItem", REFUSED]] {
                store.record(&raw("{}"), &filing).await.unwrap();
                assert_eq!(dynamo.requests(), expected, "{filing:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_asked_by_its_name_is_one_read() {
        let (store, dynamo) = open().await;
        store.record(&raw("{}"), &confirmation()).await.unwrap();
        store.put_note(&shop(), "sale 7-42", b"x").await.unwrap();
        assert_eq!(dynamo.requests(), ["PutItem", "PutItem"]);
        let request = CheckoutId::parse("ws_CO_1").unwrap();
        assert!(store.shop_of_token(&[1; 32]).await.unwrap().is_some());
        assert!(store.shop_of_number(&ShortCode::parse("123456").unwrap()).await.unwrap().is_some());
        assert!(store.shop(&shop()).await.unwrap().is_some());
        assert!(store.tokens(&shop()).await.unwrap().is_some());
        store.request_of(&request).await.unwrap();
        store.early_answer(&request).await.unwrap();
        store.answer(&request, AnswerKind::Result).await.unwrap();
        assert_eq!(dynamo.requests(), ["GetItem"; 7]);
        assert_eq!(store.notes(&shop(), "sale ").await.unwrap().len(), 1);
        assert!(store.feed_item(&shop(), ("c2b_confirmation", "UKL4AB12CD")).await.unwrap().is_some());
        assert_eq!(store.feed_item(&shop(), ("stk_result", "ws_CO_1")).await, Ok(None));
        assert_eq!(store.news(&shop(), &[]).await.unwrap().items.len(), 1);
        assert_eq!(dynamo.requests(), ["Query"; 4]);
    }

    #[tokio::test]
    async fn a_request_is_three_writes_and_one_more_for_each_question() {
        let (store, dynamo) = open().await;
        let names = (CheckoutId::parse("ws_CO_1").unwrap(), "29115-1".to_owned());
        let begun = Request {
            shop: shop(),
            name: "7-42 once".to_owned(),
            purpose: Purpose::Push("7-42".parse().unwrap()),
            amount: Money::from_cents(35_000),
            at: noon(),
            accepted: None,
            ask_at: None,
        };
        store.begin_request(&begun).await.unwrap();
        assert_eq!(dynamo.requests(), ["PutItem"]);
        let taken = Request { accepted: Some(names), ask_at: Some(noon()), ..begun.clone() };
        store.accept_request(&taken).await.unwrap();
        assert_eq!(dynamo.requests(), ["PutItem", "PutItem"]);
        store.begin_request(&begun).await.unwrap();
        assert_eq!(dynamo.requests(), ["PutItem", REFUSED, "GetItem"], "asked again");
        store.request_named(&shop(), "7-42 once").await.unwrap();
        assert_eq!(dynamo.requests(), ["GetItem"; 2], "by way of Safaricom's name");
        assert_eq!(store.due_requests(noon(), 10).await, Ok(vec![taken.clone()]));
        let lists = ["Query"; 8].into_iter().chain(["GetItem"]);
        assert_eq!(dynamo.requests(), lists.collect::<Vec<_>>());
        for at in [Some(noon()), None] {
            store.ask_again(&taken, at).await.unwrap();
            assert_eq!(dynamo.requests(), ["UpdateItem"]);
        }
        assert_eq!(store.due_requests(noon(), 10).await, Ok(vec![]));
        assert_eq!(dynamo.requests(), ["Query"; 8], "it is in no list any more");
    }

    #[tokio::test]
    async fn a_lock_is_one_write_whoever_gets_it() {
        let (store, dynamo) = open().await;
        let until = noon().plus_millis(60_000);
        store.hold("phone", "a", noon(), until).await.unwrap();
        assert_eq!(dynamo.requests(), ["PutItem"]);
        store.hold("phone", "b", noon(), until).await.unwrap();
        assert_eq!(dynamo.requests(), ["PutItem", REFUSED]);
        store.let_go("phone", "a").await.unwrap();
        assert_eq!(dynamo.requests(), ["DeleteItem"]);
    }

    #[tokio::test]
    async fn journals_and_members_cost_one_request_a_call() {
        let (store, dynamo) = open().await;
        let actor = Actor::first(TillId(7));
        let member = Member {
            actor,
            role: Role::Till,
            letter: "A".to_owned(),
            name: "Front counter".to_owned(),
            public_key: [7; 32],
            revoked: false,
        };
        store.put_member(&member, Some(&shop())).await.unwrap();
        assert_eq!(dynamo.requests(), ["PutItem"]);
        store.member(actor).await.unwrap().unwrap();
        let before = store.head(&shop(), actor).await.unwrap();
        assert_eq!(dynamo.requests(), ["GetItem"; 2]);
        let items = vec![Item::Change(Document::Catalogue, b"x".to_vec())];
        let batch =
            Batch { actor, first: 1, before: None, strands: Default::default(), items, signature: [0; 64] };
        let after = before.next(Document::Catalogue, b"x");
        for (taken, expected) in
            [(true, &["TransactWriteItems"][..]), (false, &["TransactWriteItems", REFUSED])]
        {
            assert_eq!(store.append(&shop(), &batch, before, after, noon()).await, Ok(taken));
            assert_eq!(dynamo.requests(), expected);
        }
        assert_eq!(store.batches(&shop(), actor, 0, 1000).await.unwrap().len(), 1);
        assert_eq!(store.heads(&shop()).await.unwrap().len(), 1);
        assert_eq!(store.members().await.unwrap().len(), 1);
        assert_eq!(store.members_of(&shop()).await.unwrap().len(), 1);
        assert_eq!(store.shops().await.unwrap().len(), 1);
        assert_eq!(dynamo.requests(), ["Query"; 5]);
        let code = Enrolment { code_hash: [9; 32], shop: None, role: Role::Office, expires_at: noon() };
        store.put_enrolment(&code).await.unwrap();
        assert_eq!(dynamo.requests(), ["PutItem"]);
        assert_eq!(store.take_enrolment(&[9; 32], noon()).await, Ok(None));
        assert_eq!(dynamo.requests(), ["DeleteItem", REFUSED]);
        store.next_number("tills").await.unwrap();
        assert_eq!(dynamo.requests(), ["UpdateItem"]);
        let open = store.shop(&shop()).await.unwrap().unwrap();
        store.put_shop(&open, &Tokens::default()).await.unwrap();
        assert_eq!(dynamo.requests(), ["GetItem", "GetItem", "TransactWriteItems"]);
    }

    #[tokio::test]
    async fn joining_is_one_transaction_and_who_reads_a_joined_batch_asks_twice() {
        let (store, dynamo) = open().await;
        let actor = Actor::first(TillId(7));
        let (start, mut head, mut parts) =
            (Head::genesis(&shop(), actor), Head::genesis(&shop(), actor), vec![]);
        for first in 1..=3 {
            let items = vec![Item::Change(Document::Catalogue, b"x".to_vec())];
            let strands = Default::default();
            let batch = Batch { actor, first, before: None, strands, items, signature: [0; 64] };
            let after = head.next(Document::Catalogue, b"x");
            assert_eq!(store.append(&shop(), &batch, head, after, noon()).await, Ok(true));
            (head, parts) = (after, [parts, vec![batch]].concat());
        }
        dynamo.requests();
        let joined = Batch::join(&parts[..2], start.chain).unwrap();
        assert_eq!(store.join_batches(&shop(), &joined, &parts[..2]).await, Ok(true));
        assert_eq!(dynamo.requests(), ["TransactWriteItems"]);
        assert_eq!(store.join_batches(&shop(), &joined, &parts[..2]).await, Ok(false));
        assert_eq!(dynamo.requests(), ["TransactWriteItems", REFUSED]);
        for (after, queries) in [(0, 1), (1, 2), (2, 1), (3, 2)] {
            store.batches(&shop(), actor, after, 1_000_000).await.unwrap();
            assert_eq!(dynamo.requests(), vec!["Query"; queries], "after {after}");
        }
        assert_eq!(store.batches_before(&shop(), actor, 4, 1_000_000).await.unwrap().len(), 2);
        assert_eq!(dynamo.requests(), ["Query"]);
        store.cursor_at(&shop(), noon()).await.unwrap();
        assert_eq!(dynamo.requests(), [""; 0]);
    }

    #[tokio::test]
    async fn the_inbox_is_read_day_by_day_until_there_is_enough() {
        let (store, dynamo) = open().await;
        let request = CheckoutId::parse("ws_CO_1").unwrap();
        let early = Filing::Inbox("early".to_owned(), Some(request.clone()));
        store.record(&raw("{}"), &early).await.unwrap();
        dynamo.requests();
        let items = store.inbox(1).await.unwrap();
        assert_eq!(dynamo.requests(), ["Query"]);
        store.settle_inbox(&items[0], "dropped").await.unwrap();
        store.settle_early_answer(&request).await.unwrap();
        assert_eq!(dynamo.requests(), ["PutItem", "GetItem", "UpdateItem", "UpdateItem"]);
        assert_eq!(store.inbox(1).await, Ok(vec![]));
        assert_eq!(dynamo.requests(), ["Query"; 400]);
        store.inbox_item(&items[0].hash).await.unwrap();
        assert_eq!(dynamo.requests(), ["GetItem"; 3]);
        store.reopen_inbox(&items[0], "put back").await.unwrap();
        assert_eq!(dynamo.requests(), ["GetItem", "UpdateItem"]);
    }
}

/// What lies in the table outlives the release that wrote it.
mod dynamodb_items {
    use super::dynamo;
    use aws_sdk_dynamodb::primitives::Blob;
    use aws_sdk_dynamodb::types::AttributeValue;
    use domain::{CheckoutId, FeedItem, Money, PushResult, ShopId, ShopRules, Timestamp};
    use service::Store;
    use service::store::{Filing, Purpose, RawCallback, Recorded, Request, Tokens};
    use std::collections::HashMap;
    use tests::dynamo::Dynamo;

    fn noon() -> Timestamp {
        Timestamp::parse_daraja("20261121120000").unwrap()
    }

    /// A text, or in front of bytes in hex `0x`, or in front of a number `#`.
    fn value(text: &str) -> AttributeValue {
        match (text.strip_prefix("0x"), text.strip_prefix('#')) {
            (Some(bytes), _) => AttributeValue::B(Blob::new(hex::decode(bytes).unwrap())),
            (_, Some(digits)) => AttributeValue::N(digits.to_owned()),
            _ => AttributeValue::S(text.to_owned()),
        }
    }

    async fn put(dynamo: &Dynamo, attributes: &[(&str, &str)]) {
        let item: HashMap<_, _> =
            attributes.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
        dynamo.client.put_item().table_name(&dynamo.table).set_item(Some(item)).send().await.unwrap();
    }

    /// What the first release wrote, attribute by attribute.
    async fn put_first_release(dynamo: &Dynamo) {
        let leads = [format!("T#{}", "01".repeat(32)), "N#123456".to_owned()];
        let shop = [
            ("pk", "S#duka-moja"),
            ("sk", "shop"),
            ("gpk", "S"),
            ("gsk", "duka-moja"),
            ("shop", "duka-moja"),
            ("name", "Duka Moja"),
            ("account", "till"),
            ("shortcode", "123456"),
        ];
        let mut shop: HashMap<_, _> = shop.map(|(name, text)| (name.to_owned(), value(text))).into();
        shop.insert("leads".to_owned(), AttributeValue::Ss(leads.to_vec()));
        dynamo.client.put_item().table_name(&dynamo.table).set_item(Some(shop)).send().await.unwrap();
        let hash = "0x".to_owned() + &"00".repeat(32);
        let kept =
            [("gpk", "F#duka-moja"), ("raw", "0x7b7d"), ("body_hash", &hash), ("at", "#1795251600000")];
        let messages = [
            (
                [
                    ("pk", "P#duka-moja#UKL1"),
                    ("sk", "c2b"),
                    ("gsk", "1795251600000000#c2b_confirmation#UKL1"),
                ],
                "0x01000004554b4c31f0a2040631323334353600010441534841000341343280eaabd5bf68",
            ),
            (
                [("pk", "K#ws_CO_2"), ("sk", "result"), ("gsk", "1795251600000001#stk_result#ws_CO_2")],
                "0x01010777735f434f5f3207002a0431303332047361696480eaabd5bf6800",
            ),
        ];
        for (place, content) in messages {
            put(dynamo, &[&place[..], &kept, &[("content", content)]].concat()).await;
        }
        let push = [
            ("shop", "duka-moja"),
            ("attempt", "7-42 once"),
            ("sale", "7-42"),
            ("cents", "#35000"),
            ("at", "#1795251600000"),
            ("checkout", "ws_CO_1"),
            ("merchant", "29115-1"),
        ];
        for pk in ["K#ws_CO_1", "U#duka-moja#7-42 once"] {
            put(dynamo, &[&[("pk", pk), ("sk", "attempt")], &push[..]].concat()).await;
        }
    }

    #[tokio::test]
    async fn what_the_first_release_wrote_is_found_and_goes_on() {
        let (store, dynamo) = dynamo().await;
        put_first_release(&dynamo).await;
        let id = ShopId::parse("duka-moja").unwrap();
        let shop = store.shop(&id).await.unwrap().unwrap();
        assert_eq!((shop.rules, shop.head_office.clone()), (ShopRules::default(), None));
        assert_eq!(store.shops().await, Ok(vec![shop.clone()]));
        let tokens = Tokens { newest: 0, hashes: vec![[1; 32]] };
        assert_eq!(store.tokens(&id).await, Ok(Some(tokens.clone())));
        assert_eq!(store.put_shop(&shop, &tokens).await, Ok(()));
        assert_eq!(store.tokens(&id).await, Ok(Some(tokens)));

        let items = store.news(&id, &[]).await.unwrap().items;
        let names: Vec<_> = items.iter().map(FeedItem::name).collect();
        assert_eq!(names, [("c2b_confirmation", "UKL1"), ("stk_failure", "ws_CO_2")]);
        for item in &items {
            assert_eq!(store.feed_item(&id, item.name()).await, Ok(Some(item.clone())));
        }
        assert_eq!(store.feed_item(&id, ("stk_result", "ws_CO_2")).await, Ok(None));

        let name = CheckoutId::parse("ws_CO_1").unwrap();
        let request = Request {
            shop: id,
            name: "7-42 once".to_owned(),
            purpose: Purpose::Push("7-42".parse().unwrap()),
            amount: Money::from_cents(35_000),
            at: noon(),
            accepted: Some((name.clone(), "29115-1".to_owned())),
            ask_at: None,
        };
        assert_eq!(store.request_of(&name).await, Ok(Some(request.clone())));
        assert_eq!(store.begin_request(&request).await, Ok(Some(request)));
    }

    /// The first release kept a push that failed in the place of its success.
    #[tokio::test]
    async fn a_late_success_finds_a_place_beside_a_failure_of_the_first_release() {
        let (store, dynamo) = dynamo().await;
        put_first_release(&dynamo).await;
        let id = ShopId::parse("duka-moja").unwrap();
        let failure = store.feed_item(&id, ("stk_failure", "ws_CO_2")).await.unwrap().unwrap();
        let FeedItem::Arrival(evidence) =
            store.feed_item(&id, ("c2b_confirmation", "UKL1")).await.unwrap().unwrap()
        else {
            unreachable!()
        };
        let FeedItem::PushResult(failed) = failure.clone() else { unreachable!() };
        let paid = FeedItem::PushResult(PushResult { evidence: Some(evidence), ..failed });
        let filing = Filing::Feed(id.clone(), Box::new(paid.clone()));
        let raw = RawCallback { body: b"paid".to_vec(), received_at: noon() };
        assert_eq!(store.record(&raw, &filing).await, Ok(Recorded::New));
        assert_eq!(store.record(&raw, &filing).await, Ok(Recorded::Again));
        for item in [paid, failure] {
            assert_eq!(store.feed_item(&id, item.name()).await, Ok(Some(item)));
        }
        assert_eq!(store.news(&id, &[]).await.unwrap().items.len(), 3);
    }

    #[tokio::test]
    async fn what_a_person_made_of_an_inbox_item_stays_with_it() {
        let (store, dynamo) = dynamo().await;
        let filing = Filing::Inbox("nobody's".to_owned(), None);
        let raw = RawCallback { body: b"orphan".to_vec(), received_at: noon() };
        store.record(&raw, &filing).await.unwrap();
        let item = store.inbox(1).await.unwrap().remove(0);
        for outcome in ["first", "second"] {
            store.settle_inbox(&item, outcome).await.unwrap();
        }
        let hash = hex::encode(item.hash);
        let get = dynamo.client.get_item().table_name(&dynamo.table);
        let get = get.key("pk", value(&format!("I#{hash}"))).key("sk", value("inbox"));
        let kept = get.send().await.unwrap().item.unwrap();
        assert_eq!(kept["outcome"], value("first"), "who comes second changes nothing");
        assert_eq!(kept["content"], AttributeValue::B(Blob::new("orphan")));
    }
}

/// What a message costs at the door, reads of token and shop included.
mod dynamodb_costs_at_the_door {
    use super::dynamo;
    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use domain::{Account, Shop, ShopId, ShortCode, Timestamp, Validation};
    use service::callbacks::{Callbacks, router};
    use service::guard::{KnownTokens, SourceRule, Sources};
    use service::store::Tokens;
    use service::{CallbackSecret, Store};
    use std::sync::Arc;
    use std::time::Duration;
    use tests::world::confirmation;
    use tower::ServiceExt;

    fn at() -> Timestamp {
        Timestamp::parse_daraja("20261121120000").unwrap()
    }

    async fn post(router: &Router, path: &str, receipt: &str) {
        let body = confirmation(receipt, "600638", "10.00", "A1", at());
        let request = Request::post(path).body(Body::from(body)).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 200);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_confirmation_is_one_write_and_a_validation_at_most_one_read() {
        let (store, dynamo) = dynamo().await;
        let store = Arc::new(store);
        let id = ShopId::parse("duka").unwrap();
        let account = Account::Paybill(ShortCode::parse("600638").unwrap());
        let mut shop = Shop::new(id.clone(), "Duka", account, None).unwrap();
        let token = CallbackSecret::new([1; 32]).token(&id, 0);
        let tokens = Tokens { newest: 0, hashes: vec![token.hash()] };
        let door = || {
            let folder = tempfile::tempdir().unwrap();
            router(Callbacks {
                store: Arc::clone(&store),
                fallback: Arc::new(embedded::FileQueue::open(folder.path()).unwrap()),
                clock: Arc::new(at),
                seed_paths: false,
                sources: Sources { rule: SourceRule::Off, ..Sources::default() },
                tokens: KnownTokens::for_time(Duration::from_secs(600)),
                counts: Arc::default(),
            })
        };
        let (confirm, validate) = ("c/confirmation", "c/validation");
        let path = |end: &str| format!("/in/{}/{end}", token.as_str());

        store.put_shop(&shop, &tokens).await.unwrap();
        let router = door();
        dynamo.requests();
        post(&router, &path(confirm), "UKL0000001").await;
        assert_eq!(dynamo.requests(), ["GetItem", "GetItem", "PutItem"], "the first learns token and shop");
        post(&router, &path(confirm), "UKL0000002").await;
        assert_eq!(dynamo.requests(), ["PutItem"]);
        post(&router, &path(confirm), "UKL0000002").await;
        assert_eq!(dynamo.requests(), ["PutItem", "refused"]);
        post(&router, &path(validate), "UKL0000003").await;
        assert_eq!(dynamo.requests(), [""; 0], "a rule that needs no read costs none");

        shop.rules.validation = Validation::References;
        store.put_shop(&shop, &tokens).await.unwrap();
        let router = door();
        post(&router, &path(validate), "UKL0000003").await;
        dynamo.requests();
        post(&router, &path(validate), "UKL0000003").await;
        assert_eq!(dynamo.requests(), ["Query"]);
    }
}
