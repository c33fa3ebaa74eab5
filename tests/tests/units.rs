//! What things cost in DynamoDB's capacity units, as its answers say: the ground of the calculation in
//! `functions/dynamodb/DESIGN.md`.

use domain::{
    Account, Actor, CheckoutId, Evidence, FeedItem, Member, Money, Payer, PushResult, ReceiptCode, Role,
    Shop, ShopId, ShortCode, Source, TillId, Timestamp,
};
use dynamodb::DynamoStore;
use replica::Head;
use service::Store;
use service::chain::Point;
use service::store::{Filing, Purpose, RawCallback, Request, Tokens};
use tests::dynamo::{Dynamo, Units};

fn id() -> ShopId {
    ShopId::parse("duka-moja").unwrap()
}

fn noon() -> Timestamp {
    Timestamp::parse_daraja("20261121120000").unwrap()
}

fn number() -> ShortCode {
    ShortCode::parse("600638").unwrap()
}

fn cost(written: f64, read: f64) -> Units {
    Units { written, read }
}

/// A shop that is open and has a till, with nothing counted yet.
async fn open() -> (DynamoStore, Dynamo) {
    let dynamo = Dynamo::start().await;
    let store = dynamo.store();
    let shop = Shop::new(id(), "Duka Moja", Account::Paybill(number()), None).unwrap();
    store.put_shop(&shop, &Tokens { newest: 0, hashes: vec![[1; 32]] }).await.unwrap();
    let (letter, name) = ("A".to_owned(), "Front counter".to_owned());
    let till = Member { actor: till(), role: Role::Till, letter, name, public_key: [7; 32], revoked: false };
    store.put_member(&till, Some(&id())).await.unwrap();
    dynamo.units();
    (store, dynamo)
}

fn till() -> Actor {
    Actor::first(TillId(7))
}

/// Evidence with all that a source says at most.
fn evidence(source: Source) -> Evidence {
    let payer = Payer { name: Some("JOHN DOE CUSTOMER".to_owned()), msisdn: None };
    Evidence {
        source,
        receipt: ReceiptCode::parse("UKL4AB12CD").unwrap(),
        amount: Money::from_cents(50_000),
        shortcode: number(),
        paid_at: Some(noon()),
        payer,
        account_reference: "account123".to_owned(),
        order: None,
        balance: Some(Money::from_cents(4_919_600)),
        received_at: noon(),
    }
}

fn raw(body: &str) -> RawCallback {
    RawCallback { body: body.into(), received_at: noon() }
}

/// Seed A's confirmation.
const CONFIRMATION: &str = include_str!("../../functions/daraja/tests/corpus/c2b-seed-a.json");
/// A push result as Daraja's own page has it.
const PUSH_RESULT: &str = include_str!("../../functions/daraja/tests/corpus/stk-seed-b.json");

#[tokio::test]
async fn a_payment_costs_two_units_for_each_message_that_tells_of_it() {
    let (store, dynamo) = open().await;
    for source in [Source::C2bConfirmation, Source::PulledRow, Source::StatementRow] {
        let filing = Filing::Feed(id(), Box::new(FeedItem::Arrival(evidence(source))));
        store.record(&raw(CONFIRMATION), &filing).await.unwrap();
        assert_eq!(dynamo.units(), cost(2.0, 0.0), "{source:?}: itself, and what the feed shows of it");
    }
    store.shop_of_token(&[1; 32]).await.unwrap();
    store.shop(&id()).await.unwrap();
    assert_eq!(dynamo.units(), cost(0.0, 2.0), "whose it is, once a minute");
}

#[tokio::test]
async fn a_push_costs_nine_units_and_its_two_locks_four() {
    let (store, dynamo) = open().await;
    let checkout = CheckoutId::parse("ws_CO_191220191020363925").unwrap();
    let begun = Request {
        shop: id(),
        name: "7-42-1".to_owned(),
        purpose: Purpose::Push("7-42".parse().unwrap()),
        amount: Money::from_cents(50_000),
        at: noon(),
        accepted: None,
        ask_at: None,
    };
    for lock in ["phone 254708374149", "sale duka-moja 7-42"] {
        store.hold(lock, "7-42-1", noon(), noon().plus_millis(60_000)).await.unwrap();
        store.let_go(lock, "7-42-1").await.unwrap();
    }
    assert_eq!(dynamo.units(), cost(4.0, 0.0));
    store.begin_request(&begun).await.unwrap();
    assert_eq!(dynamo.units(), cost(2.0, 0.0), "itself, and the list of the shop's requests");
    let names = (checkout.clone(), "29115-34620561-1".to_owned());
    let taken = Request { accepted: Some(names), ask_at: Some(noon()), ..begun };
    store.accept_request(&taken).await.unwrap();
    assert_eq!(dynamo.units(), cost(3.0, 0.0));
    let result = PushResult {
        checkout: checkout.clone(),
        sale: "7-42".parse().unwrap(),
        code: "0".to_owned(),
        description: "The service request is processed successfully.".to_owned(),
        received_at: noon(),
        evidence: Some(evidence(Source::StkResult)),
    };
    let filing = Filing::Feed(id(), Box::new(FeedItem::PushResult(result)));
    store.record(&raw(PUSH_RESULT), &filing).await.unwrap();
    assert_eq!(dynamo.units(), cost(2.0, 0.0));
    store.ask_again(&taken, None).await.unwrap();
    assert_eq!(dynamo.units(), cost(2.0, 0.0), "out of the list of what is due");
}

#[tokio::test]
async fn a_batch_costs_six_units_and_a_till_that_asks_in_vain_half_a_unit() {
    let (store, dynamo) = open().await;
    let genesis = Head::genesis(&id(), till());
    let entry = genesis.change(till(), vec![7; 350]);
    let (after, key) = (Head::of(&entry), replica::Keypair::from_seed(&[7; 32]));
    let batch = replica::Batch::seal(&[entry], &key).unwrap();
    assert!(store.append(&id(), &batch, genesis, after, noon()).await.unwrap());
    assert_eq!(dynamo.units(), cost(5.0, 0.0), "two parts twice, and the end stands in the feed");
    let next = after.change(till(), vec![8; 350]);
    let batch = replica::Batch::seal(std::slice::from_ref(&next), &key).unwrap();
    assert!(store.append(&id(), &batch, after, Head::of(&next), noon()).await.unwrap());
    assert_eq!(dynamo.units(), cost(6.0, 0.0), "and moves there: it is taken out and put in");
    let cursor = store.news(&id(), &[]).await.unwrap().cursor;
    dynamo.units();
    store.news(&id(), &cursor).await.unwrap();
    assert_eq!(dynamo.units(), cost(0.0, 0.5));
    store.member(till()).await.unwrap();
    store.batches(&id(), till(), 0, 1_000_000).await.unwrap();
    assert_eq!(dynamo.units(), cost(0.0, 2.0));
}

#[tokio::test]
async fn where_a_sweep_stands_is_the_dearest_thing_it_writes() {
    let (store, dynamo) = open().await;
    // Two days of three hundred payments.
    let point = |n: i64| Point {
        at: 1_763_712_000_000 + n * 1000,
        balance: Some(4_919_600 + n),
        amount: 50_000,
        receipt: format!("UKL4AB{n:04}"),
    };
    let points: Vec<Point> = (0..600).map(point).collect();
    let note = serde_json::to_vec(&points).unwrap();
    store.put_note(&id(), service::sweep::NOTE, &note).await.unwrap();
    assert_eq!(dynamo.units(), cost(26.0, 0.0), "{} bytes", note.len());
    store.notes(&id(), service::sweep::NOTE).await.unwrap();
    assert_eq!(dynamo.units(), cost(0.0, 7.0));
}
