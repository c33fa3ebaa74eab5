//! What Safaricom meets: the seeds' bodies as printed, the token paths, and a store that fails.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use domain::Timestamp;
use embedded::FileQueue;
use proptest::prelude::*;
use service::callbacks::{Callbacks, router};
use service::fallback::{FallbackError, Waiting};
use service::guard::{Counts, KnownTokens, SourceRule, Sources};
use service::{Fallback, Store};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tests::faulty::Faulty;
use tests::world::{World, code, confirmation, kes};
use tower::ServiceExt;

/// Seed A's confirmation, as printed there.
const SEED_A: &str = r#"{
        "TransactionType": "Pay Bill",
        "TransID": "LGR019G3J2",
        "TransTime": "20191122063845",
        "TransAmount": "500.00",
        "BusinessShortCode": "123456",
        "BillRefNumber": "account123",
        "InvoiceNumber": "",
        "MSISDN": "254708374149",
        "FirstName": "John",
        "MiddleName": "Doe",
        "LastName": "Customer"
    }"#;
/// Seed B's C2B payment, as printed under testing.
const SEED_B: &str = r#"{
  "TransactionType": "Pay Bill",
  "TransID": "TEST123ABC",
  "TransTime": "20231113150100",
  "TransAmount": "100.00",
  "BusinessShortCode": "600638",
  "BillRefNumber": "ORDER-001",
  "MSISDN": "254712345678",
  "FirstName": "John",
  "MiddleName": "",
  "LastName": "Doe"
}"#;
/// Seed B's C2B callback, as printed under the endpoints: no middle name at all.
const SEED_B_SPARSE: &str = r#"{
  "TransactionType": "Pay Bill",
  "TransID": "ABC123",
  "TransTime": "20191122063845",
  "TransAmount": "100.00",
  "BusinessShortCode": "600638",
  "BillRefNumber": "ORDER-001",
  "MSISDN": "254708374149",
  "FirstName": "John",
  "LastName": "Doe"
}"#;
/// Seed B's STK callback, as printed: it answers a push that nobody sent.
const SEED_B_STK: &str = r#"{
  "Body": {
    "stkCallback": {
      "MerchantRequestID": "xxx",
      "CheckoutRequestID": "ws_CO_xxx",
      "ResultCode": 0,
      "ResultDesc": "Success",
      "CallbackMetadata": {
        "Item": [
          {"Name": "Amount", "Value": 100},
          {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"},
          {"Name": "TransactionDate", "Value": 20191219102115},
          {"Name": "PhoneNumber", "Value": 254708374149}
        ]
      }
    }
  }
}"#;
const ACCEPTED: &str = r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#;

fn two_shops() -> (World, domain::ShopId, domain::ShopId) {
    let world = World::new();
    let (mjini, kijiji) = (world.shop("mjini", "till", "123456"), world.shop("kijiji", "paybill", "600638"));
    (world, mjini, kijiji)
}

fn accepted(world: &World, path: &str, body: &str) {
    assert_eq!(world.post(path, body), (200, ACCEPTED.to_owned()), "{path}");
}

fn reasons(world: &World) -> Vec<String> {
    world.wait(world.store.inbox(99)).unwrap().into_iter().map(|item| item.reason).collect()
}

#[test]
fn the_seeds_bodies_reach_their_shops_over_the_seeds_paths() {
    let (world, mjini, kijiji) = two_shops();
    accepted(&world, "/mpesa/c2b/confirmation", SEED_A);
    accepted(&world, "/mpesa/callback", SEED_B);
    accepted(&world, "/mpesa/callback", SEED_B_SPARSE);
    let (a, c) = (world.till(&mjini, "Front"), world.till(&kijiji, "Counter"));
    a.sync(world.now()).unwrap();
    c.sync(world.now()).unwrap();
    let paid = a.payment(&mjini, &code("LGR019G3J2")).unwrap().unwrap();
    assert_eq!((paid.amount, paid.payer.name.as_deref()), (kes(500), Some("John Doe Customer")));
    assert_eq!(paid.paid_at.to_string(), "2019-11-22T06:38:45.000+03:00");
    let codes: Vec<_> =
        c.payments(&kijiji, true, 9).unwrap().into_iter().map(|p| p.receipt.to_string()).collect();
    assert_eq!(codes, ["TEST123ABC", "ABC123"]);
    assert_eq!(reasons(&world), Vec::<String>::new());
}

#[test]
fn the_token_paths_take_the_same_bodies() {
    let (world, mjini, kijiji) = two_shops();
    accepted(&world, &world.token_path(&mjini, "c/confirmation"), SEED_A);
    accepted(&world, &world.token_path(&kijiji, "c/confirmation"), SEED_B);
    let validation = world.post(&world.token_path(&mjini, "c/validation"), SEED_A);
    assert_eq!(validation, (200, r#"{"ResultCode":"0","ResultDesc":"Accepted"}"#.to_owned()));
    let a = world.till(&mjini, "Front");
    a.sync(world.now()).unwrap();
    assert_eq!(a.payments(&mjini, true, 9).unwrap().len(), 1);
}

#[test]
fn the_same_body_again_answers_the_same_and_changes_nothing() {
    let (world, mjini, _) = two_shops();
    for _ in 0..3 {
        accepted(&world, "/mpesa/callback", SEED_A);
    }
    let a = world.till(&mjini, "Front");
    assert_eq!(a.sync(world.now()).unwrap().payments, 1);
    assert_eq!(reasons(&world), Vec::<String>::new());
}

#[test]
fn another_body_under_the_same_code_is_kept_aside_and_does_not_change_the_payment() {
    let (world, mjini, _) = two_shops();
    accepted(&world, "/mpesa/callback", SEED_A);
    accepted(&world, "/mpesa/callback", &SEED_A.replace("500.00", "5000.00"));
    let a = world.till(&mjini, "Front");
    a.sync(world.now()).unwrap();
    assert_eq!(a.payment(&mjini, &code("LGR019G3J2")).unwrap().unwrap().amount, kes(500));
    assert!(reasons(&world)[0].contains("says something else"), "{:?}", reasons(&world));
}

#[test]
fn what_is_not_understood_or_belongs_to_nobody_is_kept_with_its_reason_and_acknowledged() {
    let (world, ..) = two_shops();
    let cases = [
        ("", "the body is no JSON object"),
        ("ResultCode=0", "the body is no JSON object"),
        ("{\"hello\":1}", "neither an STK result nor a C2B payment"),
        (&SEED_A.replace("500.00", "five hundred"), "TransAmount makes no sense: an amount is digits"),
        (&SEED_A.replace("123456", "999999"), "no shop has the number 999999"),
        (SEED_B_STK, "a push that we did not send"),
    ];
    for (body, reason) in cases {
        accepted(&world, "/mpesa/callback", body);
        let kept = world.wait(world.store.inbox(99)).unwrap();
        let item = kept.iter().find(|item| item.body == body.as_bytes()).expect("the raw body is kept");
        assert!(item.reason.contains(reason), "{}: {reason}", item.reason);
    }
    assert_eq!(reasons(&world).len(), cases.len());
}

#[test]
fn of_two_answers_to_a_push_that_nobody_knows_yet_each_is_kept_once() {
    let (world, ..) = two_shops();
    let other = SEED_B_STK.replace("NLJ7RT61SV", "NLJ7RT61SW");
    for body in [SEED_B_STK, &other, SEED_B_STK, &other] {
        accepted(&world, "/mpesa/callback", body);
    }
    let kept: BTreeSet<Vec<u8>> =
        world.wait(world.store.inbox(99)).unwrap().into_iter().map(|item| item.body).collect();
    assert_eq!(kept, BTreeSet::from([SEED_B_STK.as_bytes().to_vec(), other.into_bytes()]));
    assert_eq!(reasons(&world).len(), 2);
}

#[test]
fn a_token_speaks_for_its_own_shop_only() {
    let (world, mjini, kijiji) = two_shops();
    accepted(&world, &world.token_path(&mjini, "c/confirmation"), SEED_B);
    assert!(reasons(&world)[0].contains("the token of mjini"), "{:?}", reasons(&world));
    let c = world.till(&kijiji, "Counter");
    assert_eq!(c.sync(world.now()).unwrap().payments, 0, "a forged payment reaches nobody");
    for path in [format!("/in/{}/c/confirmation", "1".repeat(32)), "/in/short/s".to_owned()] {
        assert_eq!(world.post(&path, SEED_A).0, 404, "{path}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_refused_and_not_acknowledged() {
    let (world, ..) = two_shops();
    assert_eq!(world.post("/mpesa/callback", &"x".repeat(64 * 1024 + 1)).0, 413);
    assert_eq!(reasons(&world), Vec::<String>::new());
}

/// A callbacks function whose store fails as often as the test says.
fn faulty(world: &World, percent: u8, seed: u64) -> Router {
    with_queue(world, percent, seed, &world.queue)
}

/// The same with another fallback queue.
fn with_queue<F: Fallback + Clone>(world: &World, percent: u8, seed: u64, queue: &F) -> Router {
    let store = Arc::new(Faulty::new(world.store.clone(), percent, seed));
    let Callbacks { clock, seed_paths, sources, tokens, counts, .. } = callbacks(world, Arc::clone(&store));
    let fallback = Arc::new(queue.clone());
    router(Callbacks { store, fallback, clock, seed_paths, sources, tokens, counts })
}

/// What a callbacks function of a world is made of, on another store.
fn callbacks<S>(world: &World, store: Arc<S>) -> Callbacks<S, FileQueue> {
    let now = world.now();
    Callbacks {
        store,
        fallback: Arc::new(world.queue.clone()),
        clock: Arc::new(move || now),
        seed_paths: true,
        sources: Sources { rule: SourceRule::Off, ..Sources::default() },
        tokens: KnownTokens::for_time(Duration::ZERO),
        counts: Arc::new(Counts::default()),
    }
}

/// A fallback queue that is down as well.
#[derive(Clone)]
struct Down;

impl Fallback for Down {
    async fn put(&self, _: &[u8]) -> Result<(), FallbackError> {
        Err(FallbackError("down".to_owned()))
    }
    async fn take(&self) -> Result<Vec<Waiting>, FallbackError> {
        Err(FallbackError("down".to_owned()))
    }
    async fn done(&self, _: &str) -> Result<(), FallbackError> {
        Err(FallbackError("down".to_owned()))
    }
}

/// How many that waited are filed now.
fn redriven(world: &World) -> u64 {
    let report = world.wait(world.sweep.tidy());
    assert_eq!(report.failed, Vec::<String>::new());
    report.redriven
}

async fn post(router: &Router, body: String) -> u16 {
    let request = Request::post("/mpesa/callback").body(Body::from(body)).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let said = to_bytes(answer.into_body(), 9999).await.unwrap();
    assert_eq!(status == 200, said == ACCEPTED, "an acknowledgement and a 200 are one thing");
    status
}

#[test]
fn what_the_store_does_not_take_waits_in_the_queue_and_nothing_is_acknowledged_that_is_nowhere() {
    let (world, mjini, _) = two_shops();
    let at: Timestamp = world.now();
    let router = faulty(&world, 40, 11);
    for number in 0..200 {
        let body = confirmation(&format!("UKL{number:07}"), "123456", "10.00", "", at);
        assert_eq!(world.wait(post(&router, body)), 200, "the store or the queue took it");
    }
    let a = world.till(&mjini, "Front");
    let stored = a.sync(world.now()).unwrap().payments;
    assert!(stored > 0 && stored < 200, "{stored}");
    assert!(!world.wait(world.queue.take()).unwrap().is_empty());
    redriven(&world);
    let later = a.sync(world.now()).unwrap().payments;
    assert_eq!(stored + later, 200, "each is there once");
    assert_eq!(world.wait(world.queue.take()).unwrap(), []);
    assert_eq!(redriven(&world), 0, "a second run changes nothing");
}

#[test]
fn with_store_and_queue_down_there_is_a_5xx_and_never_an_acknowledgement() {
    let (world, ..) = two_shops();
    let router = with_queue(&world, 100, 1, &Down);
    for body in [SEED_A, "garbage", SEED_B_STK] {
        assert_eq!(world.wait(post(&router, body.to_owned())), 503);
    }
}

#[test]
fn a_callback_that_waited_keeps_its_time_and_a_wrong_token_gets_it_nowhere() {
    let (world, mjini, _) = two_shops();
    let router = faulty(&world, 100, 1);
    let came = world.now();
    let post = |path: String| {
        let request = Request::post(path).body(Body::from(SEED_A)).unwrap();
        world.wait(async { router.clone().oneshot(request).await.unwrap().status().as_u16() })
    };
    assert_eq!(post(world.token_path(&mjini, "c/confirmation")), 200);
    assert_eq!(
        post(format!("/in/{}/c/confirmation", "1".repeat(32))),
        200,
        "nobody can tell while the store is down"
    );
    world.pass(3600);
    assert_eq!(redriven(&world), 2);
    let a = world.till(&mjini, "Front");
    a.sync(world.now()).unwrap();
    assert_eq!(a.payments(&mjini, true, 9).unwrap()[0].received_at, came);
    assert!(reasons(&world)[0].contains("its token is nobody's now"), "acknowledged, so kept");
}

#[test]
fn a_queue_with_things_nobody_understands_or_believes_goes_on() {
    let (world, mjini, _) = two_shops();
    world.wait(world.queue.put(b"a newer release wrote this")).unwrap();
    let store = Arc::new(Faulty::new(world.store.clone(), 100, 1));
    let router = router(Callbacks {
        sources: Sources { rule: SourceRule::Enforce, behind_proxy: true, ..Sources::default() },
        ..callbacks(&world, store)
    });
    let request =
        Request::post(world.token_path(&mjini, "c/confirmation")).header("x-forwarded-for", "10.0.0.1");
    let request = request.body(Body::from(SEED_A)).unwrap();
    assert_eq!(world.wait(async { router.oneshot(request).await.unwrap().status() }), 200);
    assert_eq!(redriven(&world), 2);
    let reasons = reasons(&world);
    assert!(reasons.iter().any(|reason| reason.contains("a form that is not understood")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("not on the list")), "{reasons:?}");
}

#[test]
fn a_validation_is_answered_whatever_the_store_does() {
    let (world, mjini, _) = two_shops();
    let router = faulty(&world, 100, 1);
    let request = Request::post(world.token_path(&mjini, "c/validation")).body(Body::from(SEED_A)).unwrap();
    let answer = world.wait(async {
        let answer = router.oneshot(request).await.unwrap();
        to_bytes(answer.into_body(), 9999).await.unwrap()
    });
    assert_eq!(answer, r#"{"ResultCode":"0","ResultDesc":"Accepted"}"#);
}

/// A callbacks function that believes one address only.
fn choosy(world: &World, rule: SourceRule) -> Router {
    let sources = Sources { rule, addresses: vec!["196.201.214.200".parse().unwrap()], behind_proxy: true };
    router(Callbacks { sources, ..callbacks(world, Arc::new(world.store.clone())) })
}

#[test]
fn a_stranger_is_counted_or_not_believed_as_the_deployment_chose() {
    let (world, mjini, _) = two_shops();
    let a = world.till(&mjini, "Front");
    let path = world.token_path(&mjini, "c/confirmation");
    let post = |router: Router, receipt: &str, from: &str| {
        let body = confirmation(receipt, "123456", "10.00", "", world.now());
        let request = Request::post(&path).header("x-forwarded-for", from).body(Body::from(body)).unwrap();
        assert_eq!(world.wait(async { router.oneshot(request).await.unwrap().status() }), 200);
    };
    post(choosy(&world, SourceRule::Log), "UKL0000001", "10.0.0.1");
    post(choosy(&world, SourceRule::Enforce), "UKL0000002", "10.0.0.1, 196.201.214.200");
    assert_eq!(reasons(&world), Vec::<String>::new());
    post(choosy(&world, SourceRule::Enforce), "UKL0000003", "196.201.214.200, 10.0.0.1");
    assert!(reasons(&world)[0].contains("not on the list"), "kept, acknowledged, and not believed");
    assert_eq!(a.sync(world.now()).unwrap().payments, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Loss 2, for any bytes at all: what was acknowledged is in the store, byte for byte.
    #[test]
    fn no_byte_sequence_is_acknowledged_and_lost(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..6)) {
        let (world, ..) = two_shops();
        for body in &bodies {
            let request = Request::post("/mpesa/callback").body(Body::from(body.clone())).unwrap();
            let router = choosy(&world, SourceRule::Off);
            let status = world.wait(async { router.oneshot(request).await.unwrap().status() });
            prop_assert_eq!(status, 200);
        }
        let kept: Vec<Vec<u8>> = world.wait(world.store.inbox(99)).unwrap().into_iter().map(|item| item.body).collect();
        for body in bodies {
            prop_assert!(kept.contains(&body));
        }
    }
}
