//! Stories of what a till and head office see to with Safaricom's help: rules, open sales, large payments,
//! money that goes back, codes to scan.

use app::{SiblingLoop, SyncLoop, pause};
use axum::body::Body;
use axum::http::Request;
use domain::standing::SaleState;
use domain::{FactId, How, Money, Msisdn, Person, Shop, ShopId, ShopRules, Tender, Validation};
use serde_json::json;
use service::Store;
use std::time::Duration;
use tests::world::{
    REVERSAL, Replica, STATUS, World, asha, code, confirmation, exchange, kes, request_result, sell,
};
use till::{Deed, Event, SaleFilter};
use tower::ServiceExt;

fn wambui() -> Person {
    Person::named("Wambui")
}

/// A shop's rules, changed at head office.
fn choose(world: &World, shop: &ShopId, rules: ShopRules) {
    let known = world.wait(world.store.shop(shop)).unwrap().unwrap();
    world.put_shop(&Shop { rules, ..known });
}

/// The result of a request of ours, as Safaricom posts it.
fn answer(world: &World, shop: &ShopId, request: &str, outer: &str, parameters: &[(&str, &str)]) {
    let body = request_result(request, "0", outer, parameters);
    assert_eq!(world.post(&world.token_path(shop, "r"), &body).0, 200);
}

fn completed<'a>(receipt: &'a str, amount: &'a str) -> [(&'a str, &'a str); 4] {
    let finalised = ("FinalisedTime", "20261121080010");
    [("ReceiptNo", receipt), ("TransactionStatus", "Completed"), ("Amount", amount), finalised]
}

#[test]
fn a_till_learns_what_its_shop_chose_when_it_starts_and_after_every_break_of_the_line() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let mut till = world.till(&shop, "Front");
    let rule = |till: &Replica| till.only_shop().unwrap().rules.second_source_from;
    let from = |shillings| ShopRules { second_source_from: Some(kes(shillings)), ..ShopRules::default() };
    choose(&world, &shop, from(1));
    till.sync(world.now()).unwrap();
    assert_eq!(rule(&till), Some(kes(1)));
    choose(&world, &shop, from(2));
    let before = till.line.weather.lock().unwrap().arrived;
    till.sync(world.now()).unwrap();
    assert_eq!(till.line.weather.lock().unwrap().arrived, before + 1, "a quiet sync is one request");
    assert_eq!(rule(&till), Some(kes(1)));
    till.offline(true);
    assert!(till.sync(world.now()).is_err());
    till.offline(false);
    till.sync(world.now()).unwrap();
    assert_eq!(rule(&till), Some(kes(2)));
    choose(&world, &shop, from(3));
    till.restart();
    till.sync(world.now()).unwrap();
    assert_eq!(rule(&till), Some(kes(3)));
}

#[test]
fn open_sales_are_told_where_payments_are_validated_and_nowhere_else() {
    let world = World::new();
    let (kijiji, mjini) = (world.shop("kijiji", "paybill", "600638"), world.shop("mjini", "till", "123456"));
    choose(&world, &kijiji, ShopRules { validation: Validation::References, ..ShopRules::default() });
    let (till, other) = (world.till(&kijiji, "Counter"), world.till(&mjini, "Front"));
    let sale = sell(&till, 500, world.now());
    sell(&other, 500, world.now());
    exchange(&world, &[&till, &other]);
    assert!(world.wait(world.store.notes(&mjini, "open/")).unwrap().is_empty());

    let reference = till.sale(sale).unwrap().reference(&till.letters().unwrap());
    let validated = |reference: &str| {
        let body = confirmation("UKL4AB12CD", "600638", "500.00", reference, world.now());
        let (status, answer) = world.post(&world.token_path(&kijiji, "c/validation"), &body);
        assert_eq!(status, 200);
        serde_json::from_str::<serde_json::Value>(&answer).unwrap()
    };
    assert_eq!(validated("Z9")["ResultCode"], "C2B00012");
    let accepted = validated(&reference);
    assert_eq!(accepted["ResultCode"], "0");
    // Safaricom repeats the order that the validation named; the customer's own words were dropped.
    let named = confirmation("UKL4AB12CD", "600638", "500.00", "", world.now()).replace(
        r#""ThirdPartyTransID":"""#,
        &format!(r#""ThirdPartyTransID":{}"#, accepted["ThirdPartyTransID"]),
    );
    let twin = sell(&till, 500, world.now());
    world.post(&world.token_path(&kijiji, "c/confirmation"), &named);
    till.sync(world.now()).unwrap();
    assert_eq!(till.payment(&kijiji, &code("UKL4AB12CD")).unwrap().unwrap().order, Some(sale));
    assert_eq!(
        (till.sale(sale).unwrap().state, till.sale(twin).unwrap().state),
        (SaleState::Paid, SaleState::Open)
    );
}

#[test]
fn open_sales_are_told_when_they_change_or_a_minute_has_passed() {
    let world = World::new();
    let shop = world.shop("kijiji", "paybill", "600638");
    choose(&world, &shop, ShopRules { validation: Validation::Amounts, ..ShopRules::default() });
    let till = world.till(&shop, "Counter");
    sell(&till, 500, world.now());
    till.sync(world.now()).unwrap();
    let requests = |seconds| {
        world.pass(seconds);
        let before = till.line.weather.lock().unwrap().arrived;
        till.sync(world.now()).unwrap();
        till.line.weather.lock().unwrap().arrived - before
    };
    assert_eq!((requests(1), requests(58), requests(1), requests(1)), (1, 1, 2, 1));
    sell(&till, 300, world.now());
    // The sale itself, that nothing is left, and the open sales.
    assert!(requests(1) >= 2);
    let told = world.wait(world.store.notes(&shop, "open/")).unwrap();
    assert!(String::from_utf8_lossy(&told[0].1).contains(r#""due":30000"#), "{told:?}");
}

#[test]
fn a_large_payment_is_checked_by_the_till_itself_once_and_then_goods_may_be_handed_out() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    choose(&world, &shop, ShopRules { second_source_from: Some(kes(20_000)), ..ShopRules::default() });
    let till = world.till(&shop, "Front");
    let (large, small) = (sell(&till, 20_000, world.now()), sell(&till, 19_999, world.now()));
    world.pay("UKL4AB12CD", "123456", 20_000, "");
    world.pay("UKL4AB12CE", "123456", 19_999, "");
    for _ in 0..3 {
        till.sync(world.now()).unwrap();
        world.pass(60);
    }
    let row = till.sale(large).unwrap();
    assert_eq!((row.state, row.unconfirmed), (SaleState::Paid, true));
    let asks_after = || pause(&till, world.now(), Duration::from_secs(8)).as_secs();
    assert_eq!(asks_after(), 1, "the customer waits for it");
    assert!(!till.sale(small).unwrap().unconfirmed);
    let asked = world.safaricom.asked(STATUS);
    assert_eq!((asked.len(), &asked[0]["TransactionID"]), (1, &json!("UKL4AB12CD")));
    answer(&world, &shop, "o-1", "UKL0000000", &completed("UKL4AB12CD", "20000.00"));
    till.sync(world.now()).unwrap();
    assert!(!till.sale(large).unwrap().unconfirmed);
    assert_eq!(asks_after(), 10);
    assert!(till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().confirmed);
}

#[test]
fn a_check_that_fails_is_no_error_and_a_person_may_ask_again() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    choose(&world, &shop, ShopRules { second_source_from: Some(kes(100)), ..ShopRules::default() });
    let till = world.till(&shop, "Front");
    let sale = sell(&till, 500, world.now());
    world.pay("UKL4AB12CD", "123456", 500, "");
    let no = r#"{"requestId":"1","errorCode":"401.003.01","errorMessage":"no apiproduct match"}"#;
    world.safaricom.answer(STATUS, 401, no);
    till.sync(world.now()).unwrap();
    assert_eq!((till.status().unwrap().problem, till.sale(sale).unwrap().unconfirmed), (None, true));
    world.pass(60);
    let request = till.check_payment(&shop, &code("UKL4AB12CD"), world.now()).unwrap();
    assert_eq!(till.request_state(&shop, &request, world.now()).unwrap().state, "waiting");
    answer(&world, &shop, &request, "UKL0000000", &completed("UKL4AB12CD", "500.00"));
    assert_eq!(till.request_state(&shop, &request, world.now()).unwrap().state, "done");
    till.sync(world.now()).unwrap();
    assert!(!till.sale(sale).unwrap().unconfirmed);
}

/// A sale of 500 that was paid, at a till that head office hears of.
fn paid(world: &World, shop: &ShopId) -> (Replica, Replica, FactId) {
    let (till, office) = (world.till(shop, "Front"), world.office());
    let sale = sell(&till, 500, world.now());
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(world, &[&till, &office]);
    assert_eq!(office.sale(sale).unwrap().state, SaleState::Paid);
    (till, office, sale)
}

#[test]
fn head_office_gives_a_payment_back_and_the_till_that_took_it_is_told_once() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (till, office, sale) = paid(&world, &shop);
    let (bystander, events) = (world.till(&shop, "Back"), till.events());
    bystander.sync(world.now()).unwrap();
    let elsewhere = bystander.events();
    let request = office
        .reverse(&shop, &code("UKL4AB12CD"), kes(500), (&wambui(), "goods came back"), world.now())
        .unwrap();
    assert_eq!(world.safaricom.asked(REVERSAL)[0]["TransactionID"], "UKL4AB12CD");
    assert_eq!(office.request_state(&shop, &request, world.now()).unwrap().state, "waiting");
    world.pass(10);
    let done = [
        ("OriginalTransactionID", "UKL4AB12CD"),
        ("Amount", "500.00"),
        ("TransCompletedTime", "20261121081000"),
    ];
    answer(&world, &shop, &request, "UKL4REV001", &done);
    assert_eq!(office.request_state(&shop, &request, world.now()).unwrap().state, "done");
    exchange(&world, &[&till, &bystander, &office]);

    assert_eq!(events.try_iter().filter(|event| *event == Event::Reversed(sale)).count(), 1);
    assert!(!elsewhere.try_iter().any(|event| event == Event::Reversed(sale)));
    for replica in [&till, &office] {
        let row = replica.sale(sale).unwrap();
        assert_eq!((row.state, row.due, row.reversed), (SaleState::Open, kes(500), true));
        let day = replica.day(&shop, world.now().business_day()).unwrap();
        assert_eq!((day.reversed, day.conflicts, day.unclaimed), (1, 1, 0));
    }
    let told = till.history_of_sale(sale).unwrap();
    assert!(told.iter().any(|it| it.deed == Deed::Reversed { receipt: code("UKL4AB12CD") }), "{told:?}");
    // Who asked for it, and why, is in the payment's history, in front of what came of it.
    for replica in [&till, &bystander, &office] {
        let told = replica.history_of_payment(&shop, &code("UKL4AB12CD")).unwrap();
        let place = |deed: &Deed| told.iter().position(|it| it.deed == *deed).unwrap();
        let reason = "goods came back".to_owned();
        let asked = place(&Deed::AskedBack { receipt: code("UKL4AB12CD"), reason });
        assert_eq!(told[asked].by, "Wambui");
        assert!(asked < place(&Deed::Reversed { receipt: code("UKL4AB12CD") }), "{told:?}");
    }
    // The code that went back pays nothing any more; cash does, and then there is nothing to look at.
    let other = sell(&till, 300, world.now());
    let gone = till.claim(other, (code("UKL4AB12CD"), How::Typed), &asha(), world.now());
    assert!(gone.is_err(), "{gone:?}");
    till.take_cash(sale, None, &asha(), world.now(), None).unwrap();
    assert_eq!(till.sales(&shop, SaleFilter::Conflict, None, 9).unwrap(), []);
}

#[test]
fn a_till_gives_no_money_back_and_nobody_does_without_a_reason() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (till, office, _) = paid(&world, &shop);
    let reverse = |replica: &Replica, reason| {
        let asked = replica.reverse(&shop, &code("UKL4AB12CD"), kes(500), (&wambui(), reason), world.now());
        asked.unwrap_err().to_string()
    };
    assert!(reverse(&till, "goods came back").contains("another role"));
    assert!(reverse(&office, " ").contains("give a reason"));
    assert!(world.safaricom.asked(REVERSAL).is_empty());
    let told = || {
        let told = office.history_of_payment(&shop, &code("UKL4AB12CD")).unwrap();
        told.iter().filter(|it| matches!(it.deed, Deed::AskedBack { .. })).count()
    };
    assert_eq!(told(), 0, "nobody asked for anything");
    // Without a line it is not asked, and whoever tries again a minute later asks the same once.
    office.offline(true);
    assert!(reverse(&office, "goods came back").contains("offline"));
    world.pass(60);
    office.offline(false);
    let by = (&wambui(), "goods came back");
    office.reverse(&shop, &code("UKL4AB12CD"), kes(500), by, world.now()).unwrap();
    assert_eq!((told(), world.safaricom.asked(REVERSAL).len()), (1, 1));
}

#[test]
fn a_till_asks_for_a_code_to_scan_and_for_its_addresses_to_be_registered() {
    let (qr, register, simulate) =
        ("/mpesa/qrcode/v1/generate", "/mpesa/c2b/v2/registerurl", "/mpesa/c2b/v2/simulate");
    let world = World::new();
    let shop = world.shop("kijiji", "paybill", "600638");
    let till = world.till(&shop, "Counter");
    let total = Money::parse("500.50").unwrap();
    let sale = domain::Sale::new(Vec::new(), total, Tender::Mpesa, None).unwrap();
    let sale = till.sell(sale, &asha(), world.now(), None).unwrap().sale;
    world.safaricom.answer(qr, 200, r#"{"ResponseCode":"00","QRCode":"iVBORw0KGgo="}"#);
    assert_eq!(till.qr(sale.id, world.now()).unwrap(), b"\x89PNG\r\n\x1a\n");
    let asked = &world.safaricom.asked(qr)[0];
    assert_eq!(asked["RefNo"], json!(sale.reference(&till.letters().unwrap())));
    assert_eq!(asked["Amount"].to_string().trim_matches('"'), "500");

    let said = till.register_callbacks(&shop, world.now()).unwrap();
    assert!(said.contains("600638"), "{said}");
    assert_eq!(world.safaricom.asked(register)[0]["ShortCode"], "600638");

    let customer = Msisdn::parse_phone("0708374149").unwrap();
    till.simulate(&shop, kes(10), &customer, "A1", world.now()).unwrap();
    assert_eq!(world.safaricom.asked(simulate)[0]["BillRefNumber"], "A1");
}

#[test]
fn a_till_asks_often_for_its_own_customers_and_not_for_those_of_the_next_till() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (front, back, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    let all = [&front, &back, &office];
    let asked = || all.map(|replica| pause(replica, world.now(), Duration::from_secs(8)).as_secs());
    assert_eq!(asked(), [10, 10, 10]);
    sell(&front, 500, world.now());
    exchange(&world, &all);
    assert_eq!(back.sales(&shop, SaleFilter::Open, None, 9).unwrap().len(), 1, "it knows of that sale");
    assert_eq!(asked(), [1, 10, 10]);
    world.pay("UKL4AB12CD", "123456", 500, "");
    front.sync(world.now()).unwrap();
    assert_eq!(asked(), [10, 10, 10]);
}

#[test]
fn who_opens_a_page_or_shows_a_code_that_is_not_here_has_the_cloud_asked_at_once() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    let sale = sell(&till, 500, world.now());
    let (sync, nudges) = SyncLoop::by_hand();
    let router = app::router(till.shared(), world.clock(), sync, SiblingLoop::idle()).unwrap();
    let ask = |method: &str, path: &str, body: String| {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body)).unwrap();
        assert_eq!(world.wait(router.clone().oneshot(request)).unwrap().status(), 200, "{path}");
        nudges.any()
    };
    let shown = json!({ "sale": sale.to_string(), "text": "UKL4AB12CD" }).to_string();
    assert!(!ask("GET", "/v1/status", String::new()));
    assert!(ask("GET", "/v1/events", String::new()), "somebody opened a page");
    assert!(ask("POST", "/v1/codes", shown.clone()), "the cloud may know of it");
    world.pay("UKL4AB12CD", "123456", 500, "");
    till.sync(world.now()).unwrap();
    assert!(!ask("POST", "/v1/codes", shown), "it is here");
}
