//! What things cost in DynamoDB's capacity units, as its answers say: the ground of the calculation in
//! `functions/dynamodb/DESIGN.md`.

use domain::{
    Account, Actor, CheckoutId, Evidence, FeedItem, Member, Money, Payer, PushResult, ReceiptCode, Role,
    Shop, ShopId, ShortCode, Source, TillId, Timestamp,
};
use dynamodb::DynamoStore;
use embedded::FileQueue;
use replica::Head;
use serde_json::{Value, json};
use service::Store;
use service::store::{Filing, Purpose, RawCallback, Request, Tokens};
use service::sweep::{NOTE, Sweep};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tests::dynamo::{Dynamo, Units};
use tests::world::{QuietSafaricom, app};

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

/// The evidence of one source that a payment of this number came at that time.
fn paid(source: Source, number: i64, at: Timestamp) -> Evidence {
    let receipt = ReceiptCode::parse(&format!("UKL4AB{number:04}")).unwrap();
    let balance = Some(Money::from_cents(4_919_600 + number * 50_000));
    Evidence { receipt, paid_at: Some(at), balance, ..evidence(source) }
}

/// A page of the listing with the rows of payments of these numbers.
fn page(numbers: std::ops::Range<i64>, at: impl Fn(i64) -> Timestamp) -> String {
    let row = |number: i64| {
        json!({
            "transactionId": format!("UKL4AB{number:04}"), "sender": "MPESA", "msisdn": 254_712_345_678_u64,
            "trxDate": format!("{}+03:00", at(number).to_seed().replacen(' ', "T", 1)), "amount": "500.0",
            "transactiontype": "c2b-pay-bill-debit", "billreference": "account123", "organizationname": "Duka",
        })
    };
    json!({ "ResponseCode": "1000", "Response": [numbers.map(row).collect::<Vec<Value>>()] }).to_string()
}

#[tokio::test]
async fn a_sweep_writes_the_rows_that_are_new_and_two_units_for_where_it_stands() {
    let (store, dynamo) = open().await;
    let folder = tempfile::tempdir().unwrap();
    let hand = Arc::new(AtomicI64::new(noon().millis()));
    let (now, safaricom) = (Arc::clone(&hand), Arc::new(QuietSafaricom::default()));
    let sweep = Arc::new(Sweep {
        store: Arc::new(dynamo.store()),
        safaricom: Arc::clone(&safaricom),
        fallback: Arc::new(FileQueue::open(&folder.path().join("waiting")).unwrap()),
        app: Arc::new(app()),
        clock: Arc::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)).unwrap()),
    });
    // A payment each two minutes and a half, confirmed, and told by each pull of the next hour. The cursor in the note
    // remembers what arrived in ten minutes, which is all of this: as much as a shop three times as busy has.
    let at = |number: i64| noon().plus_millis((number - 8) * 150_000);
    let mut told = Vec::new();
    for (quarter, numbers) in [(0, 0..8), (1, 8..14), (2, 14..14)] {
        hand.store(noon().plus_millis(quarter * 900_000).millis(), Ordering::SeqCst);
        for number in numbers.clone() {
            let confirmed = FeedItem::Arrival(paid(Source::C2bConfirmation, number, at(number)));
            let body = raw(&format!("{CONFIRMATION}{number}"));
            store.record(&body, &Filing::Feed(id(), Box::new(confirmed))).await.unwrap();
        }
        safaricom.answer_pull("600638", page(0..numbers.end, at));
        dynamo.units();
        let report = sweep.collect().await;
        assert_eq!((report.failed.len(), report.shops["duka-moja"].gaps.len()), (0, 0), "{report:?}");
        told.push((dynamo.units(), report.shops["duka-moja"].new));
    }
    // Units of refused puts are not told here; `tests/tests/sweep.rs` counts that there are none.
    assert_eq!(told[1], (cost(6.0 * 2.0 + 2.0, 5.5), 6), "new rows, where it stands, and until when");
    assert_eq!(told[2], (cost(2.0, 4.5), 0), "nothing but where it stands");
    let note = store.notes(&id(), NOTE).await.unwrap();
    assert!(note[0].1.len() < 900, "{}", String::from_utf8_lossy(&note[0].1));
}
