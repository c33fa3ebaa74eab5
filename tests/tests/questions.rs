//! Stories of pushes whose result did not come, and of asking Safaricom what became of them.

use domain::standing::SaleState;
use domain::{FactId, Msisdn, ShopId};
use serde_json::json;
use tests::world::{PULL, PUSH, PUSH_QUERY, Replica, World, sell};
use till::PushState;

/// A sale of 500 whose customer was asked on the phone a moment ago.
fn asked() -> (World, ShopId, Replica, FactId) {
    let world = World::new();
    let shop = world.shop("kijiji", "paybill", "600638");
    let till = world.till(&shop, "Counter");
    let sale = sell(&till, 500, world.now());
    till.ask_for_payment(sale, &Msisdn::parse_phone("0712345678").unwrap(), world.now()).unwrap();
    (world, shop, till, sale)
}

/// The hub asks about every push whose time has come, and the till hears of it.
fn ask(world: &World, till: &Replica) {
    world.wait(world.sweep.ask_about_open_pushes()).unwrap();
    till.sync(world.now()).unwrap();
}

fn ended(code: &str) -> String {
    json!({ "ResponseCode": "0", "CheckoutRequestID": "ws_CO_1", "ResultCode": code, "ResultDesc": "so" })
        .to_string()
}

fn state(world: &World, till: &Replica, sale: FactId) -> PushState {
    till.push_status(sale, world.now()).unwrap().unwrap().state
}

fn callback(world: &World, shop: &ShopId, code: u32) {
    let mut stk = json!({
        "MerchantRequestID": "m-1", "CheckoutRequestID": "ws_CO_1", "ResultCode": code, "ResultDesc": "so",
    });
    if code == 0 {
        stk["CallbackMetadata"] = json!({ "Item": [
            { "Name": "Amount", "Value": 500 }, { "Name": "MpesaReceiptNumber", "Value": "UKL4AB12CD" },
        ]});
    }
    world.post(&world.token_path(shop, "s"), &json!({ "Body": { "stkCallback": stk } }).to_string());
}

#[test]
fn a_push_whose_result_was_lost_is_asked_about_and_told() {
    let (world, _, till, sale) = asked();
    world.pass(11);
    world.safaricom.answer(PUSH_QUERY, 200, ended("1032"));
    ask(&world, &till);
    assert_eq!(state(&world, &till, sale), PushState::Cancelled);
    world.pass(3600);
    ask(&world, &till);
    assert_eq!(world.safaricom.asked(PUSH_QUERY).len(), 1, "what has ended is not asked about");
    assert_eq!(world.safaricom.asked(PUSH_QUERY)[0]["CheckoutRequestID"], "ws_CO_1");
}

#[test]
fn a_push_is_left_open_by_whatever_does_not_end_it() {
    let (world, _, till, sale) = asked();
    let answers = [
        (500, r#"{"requestId":"ws_CO_1","errorCode":"500.001.1001","errorMessage":"The transaction is being processed"}"#.to_owned()),
        (200, ended("4999")),
        (502, "<html>bad gateway</html>".to_owned()),
        (500, r#"{"errorCode":"500.001.1001","errorMessage":"The transaction does not Exist"}"#.to_owned()),
        (200, ended("17")),
        (200, ended("777")),
    ];
    for (status, body) in answers {
        world.pass(11);
        world.safaricom.answer(PUSH_QUERY, status, body.clone());
        ask(&world, &till);
        assert!(state(&world, &till, sale).is_open(), "{body}");
    }
    assert_eq!(world.safaricom.asked(PUSH_QUERY).len(), 6);
    world.pass(11);
    world.safaricom.answer(PUSH_QUERY, 200, ended("1"));
    ask(&world, &till);
    assert_eq!(state(&world, &till, sale), PushState::Refused);
}

#[test]
fn nobody_asks_too_often_or_for_ever() {
    let (world, _, till, _) = asked();
    let asked_until = |seconds: i64, step: i64| {
        let before = world.safaricom.asked(PUSH_QUERY).len();
        for _ in 0..seconds / step {
            world.pass(step);
            world.wait(world.sweep.ask_about_open_pushes()).unwrap();
        }
        world.safaricom.asked(PUSH_QUERY).len() - before
    };
    assert_eq!(asked_until(9, 1), 0, "not before ten seconds");
    assert!((9..=11).contains(&asked_until(108, 1)), "then every ten");
    assert!((10..=13).contains(&asked_until(780, 5)), "then every minute");
    assert!((90..=96).contains(&asked_until(24 * 3600, 60)), "then every quarter of an hour");
    assert_eq!(asked_until(7200, 60), 0, "and not for ever");
    drop(till);
}

#[test]
fn a_query_never_overturns_a_success_and_a_late_success_overturns_a_query() {
    let (world, shop, till, sale) = asked();
    world.pass(11);
    world.safaricom.answer(PUSH_QUERY, 200, ended("1037"));
    ask(&world, &till);
    assert_eq!(state(&world, &till, sale), PushState::Refused);
    // The customer typed the PIN after all.
    callback(&world, &shop, 0);
    till.sync(world.now()).unwrap();
    assert_eq!(state(&world, &till, sale), PushState::Paid);
    assert_eq!(till.sale(sale).unwrap().state, SaleState::Paid);
    world.pass(600);
    world.safaricom.answer(PUSH_QUERY, 200, ended("1"));
    ask(&world, &till);
    assert_eq!(state(&world, &till, sale), PushState::Paid);
    assert_eq!(world.safaricom.asked(PUSH_QUERY).len(), 1);
}

#[test]
fn a_push_that_failed_and_then_succeeded_is_paid() {
    let (world, shop, till, sale) = asked();
    callback(&world, &shop, 1037);
    till.sync(world.now()).unwrap();
    assert_eq!(state(&world, &till, sale), PushState::Refused);
    callback(&world, &shop, 0);
    till.sync(world.now()).unwrap();
    assert_eq!(state(&world, &till, sale), PushState::Paid);
    assert_eq!(till.sale(sale).unwrap().state, SaleState::Paid);
    assert_eq!(world.wait(service::Store::inbox(&world.store, 9)).unwrap(), []);
}

#[test]
fn money_that_only_a_query_and_a_pulled_row_tell_of_still_reaches_its_sale() {
    let (world, _, till, sale) = asked();
    world.pass(20);
    world.safaricom.answer(PUSH_QUERY, 200, ended("0"));
    ask(&world, &till);
    assert_eq!(state(&world, &till, sale), PushState::Paid);
    assert_eq!(till.sale(sale).unwrap().state, SaleState::Open, "no receipt is known yet");
    let reference = world.safaricom.asked(PUSH)[0]["AccountReference"].as_str().unwrap().to_owned();
    let row = json!({
        "transactionId": "UKL4AB12CD", "trxDate": world.now().to_string(), "msisdn": 254_712_345_678_u64,
        "sender": "", "transactiontype": "c2b-pay-bill-debit", "billreference": reference, "amount": "500.0",
    });
    world.safaricom.answer(PULL, 200, json!({ "ResponseCode": "1000", "Response": [[row]] }).to_string());
    let report = world.wait(world.sweep.run());
    assert_eq!(report.failed, Vec::<String>::new());
    till.sync(world.now()).unwrap();
    assert_eq!(till.sale(sale).unwrap().state, SaleState::Paid);
}

#[test]
fn a_pull_goes_back_beyond_the_last_because_payments_are_listed_late() {
    let (world, ..) = asked();
    for _ in 0..2 {
        world.wait(world.sweep.run());
        world.pass(900);
    }
    let asked = world.safaricom.asked(PULL);
    let of = |row: usize, name: &str| asked[row][name].as_str().unwrap().to_owned();
    assert_eq!(
        (of(0, "StartDate"), of(0, "EndDate")),
        ("2026-11-19 08:01:00".into(), "2026-11-21 08:00:00".into())
    );
    assert_eq!(
        (of(1, "StartDate"), of(1, "EndDate")),
        ("2026-11-21 07:00:00".into(), "2026-11-21 08:15:00".into())
    );
}

#[test]
fn two_tills_do_not_prompt_for_one_sale_and_two_sales_not_on_one_phone() {
    let world = World::new();
    let shop = world.shop("kijiji", "paybill", "600638");
    let (a, b) = (world.till(&shop, "One"), world.till(&shop, "Two"));
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 70, world.now()));
    a.sync(world.now()).unwrap();
    b.sync(world.now()).unwrap();
    let phone = |text| Msisdn::parse_phone(text).unwrap();
    a.ask_for_payment(one, &phone("0712345678"), world.now()).unwrap();
    let same_sale = b.ask_for_payment(one, &phone("0722000000"), world.now()).unwrap_err().to_string();
    assert!(same_sale.contains("this sale"), "{same_sale}");
    let same_phone = b.ask_for_payment(two, &phone("0712345678"), world.now()).unwrap_err().to_string();
    assert!(same_phone.contains("this phone"), "{same_phone}");
    assert_eq!(world.safaricom.pushes(), 1);
    // The first has ended: the other till may ask for the sale, and a minute later on the phone.
    callback(&world, &shop, 1032);
    b.ask_for_payment(one, &phone("0722000000"), world.now()).unwrap();
    world.pass(61);
    b.ask_for_payment(two, &phone("0712345678"), world.now()).unwrap();
    assert_eq!(world.safaricom.pushes(), 3);
}

#[test]
fn a_sale_that_a_query_says_is_paid_is_not_prompted_for_by_another_till() {
    let (world, shop, a, sale) = asked();
    let b = world.till(&shop, "Two");
    world.pass(11);
    world.safaricom.answer(PUSH_QUERY, 200, ended("0"));
    ask(&world, &a);
    b.sync(world.now()).unwrap();
    for seconds in [60, 3600] {
        world.pass(seconds);
        let phone = Msisdn::parse_phone("0722000000").unwrap();
        assert!(b.ask_for_payment(sale, &phone, world.now()).is_err(), "its receipt is on the way");
    }
    assert_eq!(world.safaricom.pushes(), 1);
}

#[test]
fn the_same_amount_is_asked_of_a_phone_two_minutes_later_at_the_earliest() {
    let (world, shop, till, _) = asked();
    callback(&world, &shop, 1032);
    till.sync(world.now()).unwrap();
    let (other, same) = (sell(&till, 70, world.now()), sell(&till, 500, world.now()));
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    world.pass(61);
    assert!(till.ask_for_payment(same, &phone, world.now()).is_err());
    till.ask_for_payment(other, &phone, world.now()).unwrap();
    world.pass(121);
    till.ask_for_payment(same, &phone, world.now()).unwrap();
}

#[test]
fn a_push_that_safaricom_refused_locks_nothing() {
    let world = World::new();
    let shop = world.shop("kijiji", "paybill", "600638");
    let till = world.till(&shop, "Counter");
    let sale = sell(&till, 500, world.now());
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    let busy =
        r#"{"requestId":"r","errorCode":"500.003.02","errorMessage":"System is busy. Please try again"}"#;
    world.safaricom.answer(PUSH, 500, busy);
    assert!(till.ask_for_payment(sale, &phone, world.now()).is_err());
    till.ask_for_payment(sale, &phone, world.now()).unwrap();
    assert_eq!(world.safaricom.pushes(), 2);
}
