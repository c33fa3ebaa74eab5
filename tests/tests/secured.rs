//! Stories of claims that are secured at the cloud before they are written.

use domain::standing::SaleState;
use domain::{Cited, How, Person};
use service::Store;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use tests::world::{Replica, World, asha, code, exchange, kes, sell, verdicts};
use till::{Cloud, CloudError, CloudRequest, First, HttpCloud, TillError};

const RECEIPT: &str = "UKL4AB12CD";

fn juma() -> Person {
    Person::named("Juma")
}

/// Two tills that are online and know each other's sales, and a payment of the night that no till claims by itself.
fn morning() -> (World, domain::ShopId, Replica, Replica) {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    world.pay(RECEIPT, "123456", 500, "");
    world.pass(3600);
    exchange(&world, &[&a, &b]);
    (world, shop, a, b)
}

#[test]
fn of_two_tills_online_the_second_hears_who_was_first_and_for_which_sale() {
    let (world, shop, a, b) = morning();
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    exchange(&world, &[&a, &b]);
    a.claim(one, (code(RECEIPT), How::Picked), &asha(), world.now()).unwrap();
    world.pass(2);
    // Nobody synced since.
    let late = b.claim(two, (code(RECEIPT), How::Typed), &juma(), world.now());
    let Err(TillError::First(first)) = &late else { panic!("{late:?}") };
    let reference = a.sale(one).unwrap().reference(&a.letters().unwrap());
    assert_eq!(
        **first,
        First {
            till: "Front".to_owned(),
            reference: reference.clone(),
            sale: one,
            at: world.now().plus_millis(-2_000)
        }
    );
    let told = late.unwrap_err().to_string();
    assert!(told.contains("Front") && told.contains(&reference), "{told}");
    assert_eq!(b.sale(two).unwrap().state, SaleState::Open, "nothing was written");
    exchange(&world, &[&a, &b]);
    let taken = b.claim(two, (code(RECEIPT), How::Typed), &juma(), world.now());
    assert!(
        matches!(taken, Err(TillError::Taken(sale)) if sale == one),
        "now the claim itself is here: {taken:?}"
    );
    assert_eq!(b.holder(&shop, &code(RECEIPT)).unwrap(), Some(Cited::by_name(one)));
}

#[test]
fn what_one_shop_claims_keeps_no_other_shop_from_claiming_the_same_code() {
    let (world, _, a, _) = morning();
    let other = world.shop("kijiji", "paybill", "600638");
    let theirs = world.till(&other, "Counter");
    let (one, two) = (sell(&a, 500, world.now()), sell(&theirs, 500, world.now()));
    exchange(&world, &[&a, &theirs]);
    a.claim(one, (code(RECEIPT), How::Picked), &asha(), world.now()).unwrap();
    theirs.claim(two, (code(RECEIPT), How::Typed), &juma(), world.now()).unwrap();
}

#[test]
fn whoever_claims_all_the_same_is_kept_and_shown_as_a_conflict_everywhere() {
    let (world, shop, a, b) = morning();
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    a.claim(one, (code(RECEIPT), How::Picked), &asha(), world.now()).unwrap();
    world.pass(5);
    assert!(b.claim(two, (code(RECEIPT), How::Picked), &juma(), world.now()).is_err());
    b.claim_despite(two, (code(RECEIPT), How::Picked), &juma(), world.now()).unwrap();
    exchange(&world, &[&a, &b]);
    for replica in [&a, &b] {
        assert_eq!(replica.holder(&shop, &code(RECEIPT)).unwrap(), Some(Cited::by_name(one)));
        assert!(replica.sale(two).unwrap().conflict);
        assert_eq!(replica.sale(two).unwrap().due, kes(500));
    }
    assert_eq!(verdicts(&a, &shop), verdicts(&b, &shop));
}

#[test]
fn without_a_line_a_claim_is_made_as_ever() {
    let (world, shop, a, b) = morning();
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    a.claim(one, (code(RECEIPT), How::Picked), &asha(), world.now()).unwrap();
    b.offline(true);
    assert!(b.sync(world.now()).is_err());
    let before = b.line.weather.lock().unwrap().arrived;
    assert_eq!(
        b.claim(two, (code(RECEIPT), How::Typed), &juma(), world.now()).unwrap().state,
        SaleState::Paid
    );
    assert_eq!(b.line.weather.lock().unwrap().arrived, before);
    b.offline(false);
    exchange(&world, &[&a, &b]);
    assert_eq!(verdicts(&a, &shop), verdicts(&b, &shop));
    assert!(a.sale(one).unwrap().conflict != a.sale(two).unwrap().conflict, "one of them owes again");
}

#[test]
fn a_claim_that_was_made_offline_says_so_everywhere_and_one_that_was_secured_does_not() {
    let (world, _, a, b) = morning();
    let office = world.office();
    let (one, two) = (sell(&a, 300, world.now()), sell(&b, 400, world.now()));
    a.offline(true);
    assert!(a.sync(world.now()).is_err());
    a.claim(one, (code("UKL4NOTYET"), How::Typed), &asha(), world.now()).unwrap();
    b.claim(two, (code("UKL4NOTYEU"), How::Typed), &juma(), world.now()).unwrap();
    a.offline(false);
    exchange(&world, &[&a, &b, &office]);
    for replica in [&a, &b, &office] {
        assert!(replica.claims(one).unwrap()[0].offline);
        assert!(!replica.claims(two).unwrap()[0].offline);
    }
}

#[test]
fn a_line_that_dies_under_the_question_is_no_line() {
    let (world, _, a, _) = morning();
    let sale = sell(&a, 500, world.now());
    a.offline(true);
    // The till still believes to be online: it asks, hears nothing, and claims.
    assert!(a.status().unwrap().online);
    assert_eq!(
        a.claim(sale, (code(RECEIPT), How::Typed), &asha(), world.now()).unwrap().state,
        SaleState::Paid
    );
}

#[test]
fn what_was_released_is_free_for_the_next_at_once() {
    let (world, _, a, b) = morning();
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    a.claim(one, (code(RECEIPT), How::Picked), &asha(), world.now()).unwrap();
    assert!(b.claim(two, (code(RECEIPT), How::Typed), &juma(), world.now()).is_err());
    let claim = a.claims(one).unwrap()[0].id;
    a.release(claim, "the customer paid at the back", &asha(), world.now()).unwrap();
    a.sync(world.now()).unwrap();
    // The back has not synced, and knows neither the claim nor its release; the cloud knows that it is free.
    assert_eq!(
        b.claim(two, (code(RECEIPT), How::Typed), &juma(), world.now()).unwrap().state,
        SaleState::Paid
    );
    exchange(&world, &[&a, &b]);
    assert!(!a.sale(one).unwrap().conflict && !a.sale(two).unwrap().conflict);
}

#[test]
fn the_payment_of_a_sale_that_was_cancelled_is_free_for_the_next_at_once() {
    let (world, _, a, b) = morning();
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    a.claim(one, (code(RECEIPT), How::Picked), &asha(), world.now()).unwrap();
    a.void(one, "rung up twice", &asha(), world.now()).unwrap();
    a.sync(world.now()).unwrap();
    assert_eq!(
        b.claim(two, (code(RECEIPT), How::Typed), &juma(), world.now()).unwrap().state,
        SaleState::Paid
    );
}

#[test]
fn who_knows_of_the_release_needs_no_word_of_the_cloud() {
    let (world, _, a, b) = morning();
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    a.claim(one, (code(RECEIPT), How::Picked), &asha(), world.now()).unwrap();
    exchange(&world, &[&a, &b]);
    // The back releases the front's claim, and the cloud is not told.
    let claim = b.claims(one).unwrap()[0].id;
    b.release(claim, "wrong sale", &juma(), world.now()).unwrap();
    assert_eq!(
        b.claim(two, (code(RECEIPT), How::Picked), &juma(), world.now()).unwrap().state,
        SaleState::Paid
    );
}

#[test]
fn what_was_secured_and_never_written_is_free_after_a_day() {
    let (world, shop, a, b) = morning();
    let body = serde_json::json!({ "claims": [{ "receipt": RECEIPT, "sale": "1-99" }] });
    a.ask("POST", &format!("/v1/shops/{shop}/claims"), &body, world.now()).unwrap();
    let sale = sell(&b, 500, world.now());
    assert!(matches!(
        b.claim(sale, (code(RECEIPT), How::Typed), &juma(), world.now()),
        Err(TillError::First(_))
    ));
    world.pass(24 * 3600);
    b.sync(world.now()).unwrap();
    assert_eq!(
        b.claim(sale, (code(RECEIPT), How::Typed), &juma(), world.now()).unwrap().state,
        SaleState::Paid
    );
}

#[test]
fn what_a_till_claims_by_itself_is_secured_in_one_request() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    exchange(&world, &[&a, &b]);
    let sales: Vec<_> = (1..=20).map(|n| (sell(&a, 100 + n, world.now()), 100 + n)).collect();
    for (_, amount) in &sales {
        world.pay(&format!("UKL4AB1{amount}"), "123456", *amount, "");
    }
    let before = a.line.weather.lock().unwrap().arrived;
    assert_eq!(a.sync(world.now()).unwrap().claimed, 20);
    let requests = a.line.weather.lock().unwrap().arrived - before;
    assert!(requests <= 4, "{requests}: news, claims, and the claims themselves");
    // The back, which has not heard of any of it, hears at the cloud who was first.
    let late = sell(&b, 101, world.now());
    let first = b.claim(late, (code("UKL4AB1101"), How::Typed), &juma(), world.now());
    assert!(matches!(first, Err(TillError::First(_))), "{first:?}");
}

#[test]
fn a_till_leaves_to_a_person_what_somebody_else_was_first_to_claim() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    exchange(&world, &[&a, &b]);
    // The front types the code before the payment is told, the back's sale fits the payment alone.
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    a.claim(one, (code(RECEIPT), How::Typed), &asha(), world.now()).unwrap();
    world.pay(RECEIPT, "123456", 500, "");
    let before = b.line.weather.lock().unwrap().arrived;
    for _ in 0..5 {
        world.pass(1);
        assert_eq!(b.sync(world.now()).unwrap().claimed, 0);
    }
    let asked = b.line.weather.lock().unwrap().arrived - before;
    assert!(asked <= 7, "{asked}: it does not ask each second");
    exchange(&world, &[&a, &b]);
    assert_eq!(a.sale(one).unwrap().state, SaleState::Paid);
    assert_eq!((b.sale(two).unwrap().state, b.sale(two).unwrap().conflict), (SaleState::Open, false));
}

#[test]
fn a_strange_or_endless_question_is_refused_and_another_shops_claims_stay_out_of_reach() {
    let (world, shop, a, _) = morning();
    let other = world.shop("kijiji", "paybill", "600638");
    let path = format!("/v1/shops/{shop}/claims");
    let claim = |receipt: &str, sale: &str| serde_json::json!({ "receipt": receipt, "sale": sale });
    for wrong in [
        serde_json::json!({ "claims": [claim("not a code", "7-1")] }),
        serde_json::json!({ "claims": [claim(RECEIPT, "seven")] }),
        serde_json::json!({ "claims": vec![claim(RECEIPT, "7-1"); 101] }),
        serde_json::json!({ "released": vec![claim(RECEIPT, "7-1"); 101] }),
        serde_json::json!("claims"),
    ] {
        assert!(a.ask("POST", &path, &wrong, world.now()).is_err(), "{wrong}");
    }
    let theirs = format!("/v1/shops/{other}/claims");
    assert!(
        a.ask("POST", &theirs, &serde_json::json!({ "claims": [claim(RECEIPT, "7-1")] }), world.now())
            .is_err()
    );
    assert_eq!(
        world.wait(world.store.hold(&format!("claim {shop} {RECEIPT}"), "x", world.now(), world.now())),
        Ok(None)
    );
}

#[test]
fn nobody_waits_long_for_a_cloud_that_does_not_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let cloud = HttpCloud::new(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
    let within = Some(Duration::from_millis(100));
    let request =
        CloudRequest { within, ..CloudRequest::unsigned("POST", "/v1/shops/mjini/claims", Vec::new()) };
    let began = Instant::now();
    assert!(matches!(cloud.carry(&request), Err(CloudError::Unreachable(_))));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}
