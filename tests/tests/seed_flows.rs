//! The flows of both seeds, message by message: a front end that speaks the seeds' endpoints over HTTP, a till, a
//! hub, and a simulated Safaricom with its customers.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use domain::{Money, ShopId};
use embedded::EmbeddedStore;
use local::safaricom::{Delivery, Number, Pay, Setup, Simulator};
use serde_json::{Value, json};
use std::sync::Arc;
use tests::drill::Near;
use tests::world::{Replica, World};
use tower::ServiceExt;

/// Seed B's paybill, and seed A's till number.
const PAYBILL: &str = "600638";
const TILL: &str = "123456";

/// One shop with all around it.
struct Counter {
    world: World<EmbeddedStore, Near>,
    safaricom: Arc<Simulator>,
    shop: ShopId,
    till: Replica,
    front: Router,
}

impl Counter {
    /// A shop whose confirmations come to one of the seeds' paths.
    fn new(account: &str, number: &str, path: &str) -> Self {
        let mut simulator = None;
        let world = World::with(|store, clock| {
            let safaricom = simulator.insert(Simulator::with(Setup::by_hand("key", "secret", 7, clock)));
            (store, Near::to(safaricom))
        });
        let safaricom = simulator.unwrap();
        safaricom.deliver_over(Delivery::Router(world.router()));
        let shop = world.shop("duka-moja", account, number);
        safaricom.register(Number {
            shortcode: number.into(),
            business: number.into(),
            passkey: "world-passkey".into(),
            name: "Duka Moja".into(),
            account: account.into(),
            confirmation_url: format!("https://pay.example.com{path}"),
            pull: true,
            ..Number::default()
        });
        let till = world.till(&shop, "Front");
        let idle = (app::SyncLoop::idle(), app::SiblingLoop::idle());
        let front = app::router(till.shared(), world.clock(), idle.0, idle.1).unwrap();
        Self { world, safaricom, shop, till, front }
    }

    fn seed_a() -> Self {
        Self::new("till", TILL, "/mpesa/c2b/confirmation")
    }

    fn seed_b() -> Self {
        Self::new("paybill", PAYBILL, "/mpesa/callback")
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.world.wait(async {
            let answer = self.front.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            (status, serde_json::from_slice(&body).unwrap())
        })
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", path, &body);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, &Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Time passes, Safaricom does what falls into it, and the till exchanges with the hub.
    fn pass(&self, seconds: i64) {
        self.world.pass(seconds);
        self.world.wait(self.safaricom.run_due());
        self.till.sync(self.world.now()).unwrap();
    }

    /// A customer pays from the menu of the phone, and Safaricom confirms it; gives the receipt code.
    fn customer_pays(&self, number: &str, shillings: u32, reference: Option<&str>) -> String {
        let pay = Pay {
            shortcode: number.into(),
            amount: format!("{shillings}.00"),
            phone: Some("254708374149".into()),
            name: Some("JOHN DOE".into()),
            reference: reference.map(Into::into),
            ..Pay::default()
        };
        self.world.wait(self.safaricom.pay(&pay)).unwrap().receipt.unwrap()
    }

    /// Seed B's push; gives the answer.
    fn push(&self, phone: &str, order: &str) -> Value {
        self.post(
            "/mpesa/stk_push",
            json!({ "phone_number": phone, "amount": 100, "order_reference": order }),
        )
    }

    /// Seed B's question about a push.
    fn status(&self, pushed: &Value) -> Value {
        assert_eq!(pushed["success"], true, "{pushed}");
        self.post("/mpesa/check_status", json!({ "checkout_request_id": pushed["checkout_request_id"] }))
    }

    /// Seed B's search.
    fn found(&self, shillings: u32) -> Value {
        self.post(
            "/mpesa/search_unreconciled_callbacks",
            json!({ "amount": shillings, "max_age_minutes": 10 }),
        )
    }

    fn stock_of(&self, product: &str) -> Value {
        let rows = self.get("/v1/stock");
        let row = rows["stock"].as_array().unwrap().iter().find(|row| row["product"] == product);
        row.map_or(Value::Null, |row| row["level"].clone())
    }
}

fn told(status: &str, message: &str) -> Value {
    json!({ "success": true, "status": status, "message": message })
}

#[test]
fn seed_b_asks_the_phone_the_customer_types_the_pin_and_the_order_is_paid() {
    let counter = Counter::seed_b();
    counter.pass(0);
    let pushed = counter.push("0712345678", "ORDER-001");
    assert_eq!(pushed["message"], "STK Push sent successfully");
    assert!(pushed["checkout_request_id"].as_str().unwrap().starts_with("ws_CO_"), "{pushed}");
    assert!(!pushed["merchant_request_id"].as_str().unwrap().is_empty(), "{pushed}");
    assert_eq!(counter.status(&pushed)["status"], "pending", "the prompt is on the phone");
    let twice = counter.push("0712345678", "ORDER-001");
    assert_eq!(twice["success"], false, "no second prompt meanwhile: {twice}");

    counter.pass(2);
    assert_eq!(counter.status(&pushed), told("completed", "Payment completed"));
    let paid = counter.get("/check-payment-status/1");
    assert_eq!(paid["status"], "completed");
    let sale = counter.get("/v1/sales?limit=1")["sales"][0].clone();
    assert_eq!(
        (&sale["state"], &sale["due"], &sale["order"]),
        (&json!("paid"), &json!("0.00"), &json!("ORDER-001"))
    );
    assert_eq!(sale["claims"][0]["receipt"], paid["mpesa_receipt"]);
    assert_eq!(counter.found(100)["count"], 0, "it is offered to no other order");
    let again = counter.push("0712345678", "ORDER-001");
    assert_eq!(again["success"], false, "nothing is due any more: {again}");
}

#[test]
fn seed_b_hears_of_each_way_in_which_a_prompt_ends_without_money_and_may_ask_again() {
    // The last digit tells what the customer does.
    for (phone, status, message) in [
        ("0712345671", "cancelled", "Payment cancelled"),
        ("0712345672", "failed", "Insufficient balance"),
        ("0712345673", "failed", "Payment timeout"),
    ] {
        let counter = Counter::seed_b();
        counter.pass(0);
        let pushed = counter.push(phone, "ORDER-001");
        assert_eq!(counter.status(&pushed)["status"], "pending", "{phone}");
        counter.pass(70);
        assert_eq!(counter.status(&pushed), told(status, message), "{phone}");
        assert_eq!(counter.get("/check-payment-status/1")["status"], "pending", "the order still owes");
        // Another phone pays.
        counter.pass(120);
        let again = counter.push("0712345678", "ORDER-001");
        assert_eq!(again["success"], true, "{again}");
        counter.pass(5);
        assert_eq!(counter.status(&again), told("completed", "Payment completed"));
    }
}

#[test]
fn seed_b_tells_after_75_seconds_that_nobody_answers_and_a_late_success_still_counts() {
    let counter = Counter::seed_b();
    counter.pass(0);
    counter
        .safaricom
        .set_faults(local::safaricom::Faults::default().with(local::safaricom::Fault::StkResultLost, 100));
    let pushed = counter.push("0712345678", "ORDER-001");
    counter.world.pass(76);
    assert_eq!(counter.status(&pushed), told("pending", "Payment timeout"), "unknown is not failed");
    // The result was lost; the till asks, and the money shows up by a pull at the latest.
    counter.safaricom.set_faults(local::safaricom::Faults::default());
    counter.pass(30);
    counter.pass(1);
    assert_eq!(counter.status(&pushed)["status"], "completed");
    counter.world.wait(counter.world.sweep.run());
    counter.pass(1);
    assert_eq!(counter.get("/check-payment-status/1")["status"], "completed");
}

#[test]
fn seed_b_takes_a_phone_as_people_write_it_and_says_what_is_none() {
    for (place, phone) in ["0712345678", "0112 345 678", "(0712)-345-678", "+254712345678"].iter().enumerate()
    {
        let counter = Counter::seed_b();
        let pushed = counter.push(phone, &format!("ORDER-{place}"));
        assert_eq!(pushed["success"], true, "{phone}: {pushed}");
    }
    let counter = Counter::seed_b();
    for phone in ["0812345678", "071234567", "", "not a phone"] {
        let refused = counter.push(phone, "ORDER-001");
        assert_eq!(refused, json!({ "success": false, "message": "Invalid phone number" }), "{phone}");
    }
    assert_eq!(counter.get("/v1/sales")["sales"], json!([]), "nothing was sold");
}

#[test]
fn seed_b_is_told_that_m_pesa_is_not_configured() {
    // Nobody gave the hub a passkey for this number.
    let counter = Counter::new("paybill", "600001", "/mpesa/callback");
    let refused = counter.push("0712345678", "ORDER-001");
    assert_eq!(refused["success"], false);
    assert!(refused["message"].as_str().unwrap().starts_with("M-Pesa not configured"), "{refused}");
}

#[test]
fn seed_b_finds_what_the_customer_paid_before_and_links_it_and_a_mistake_can_be_undone() {
    let counter = Counter::seed_b();
    counter.pass(0);
    let receipt = counter.customer_pays(PAYBILL, 100, Some("ORDER-001"));
    let other = counter.customer_pays(PAYBILL, 100, None);
    counter.pass(60);
    let found = counter.found(100);
    assert_eq!((&found["success"], &found["count"]), (&json!(true), &json!(2)));
    let all = found["callbacks"].as_array().unwrap();
    let first = all.iter().find(|it| it["trans_id"] == receipt.as_str()).unwrap();
    assert_eq!(first["mpesa_receipt_number"], receipt.as_str());
    assert_eq!((&first["customer_name"], &first["amount"]), (&json!("JOHN DOE"), &json!(100.0)));
    // Seed B shows the whole number; Safaricom does not send it any more, and the list needs three digits.
    assert_eq!(first["phone_number"], "***149");
    let (date, made) = (&first["transaction_date"], &first["create_date"]);
    assert_eq!((date, made), (&json!("20261121080000"), &json!("2026-11-21 08:00:00")));

    // The clerk takes the wrong one.
    let wrong = all.iter().find(|it| it["trans_id"] == other.as_str()).unwrap();
    let link = |callback: &Value| {
        counter.post(
            "/mpesa/reconcile_callback",
            json!({ "callback_id": callback["id"], "order_id": "ORDER-001" }),
        )
    };
    let linked = link(wrong);
    let said = json!({
        "success": true, "message": "Callback reconciled successfully", "receipt_number": other,
    });
    assert_eq!(linked, said);
    let again = link(first);
    assert_eq!(again["success"], false, "the order is paid: {again}");
    // "Cannot undo", says the seed. It can.
    let sale = counter.get("/v1/sales?limit=1")["sales"][0].clone();
    let claim = sale["claims"][0]["id"].as_str().unwrap().to_owned();
    counter.post(&format!("/v1/claims/{claim}/release"), json!({ "reason": "wrong customer", "by": "Asha" }));
    assert_eq!(link(first)["receipt_number"], receipt.as_str());
    let left = counter.found(100);
    assert_eq!((&left["count"], &left["callbacks"][0]["trans_id"]), (&json!(1), &json!(other)));
    assert_eq!(counter.get("/check-payment-status/1")["mpesa_receipt"], receipt.as_str());
}

#[test]
fn seed_b_says_what_is_not_found_and_finds_it_when_it_comes() {
    let counter = Counter::seed_b();
    counter.pass(0);
    counter.customer_pays(PAYBILL, 99, None);
    counter.pass(11 * 60);
    counter.customer_pays(PAYBILL, 100, None);
    counter.till.offline(true);
    assert_eq!(counter.found(100)["count"], 0, "not yet reflected here");
    counter.till.offline(false);
    counter.pass(1);
    assert_eq!(counter.found(100)["count"], 1);
    assert_eq!(counter.found(99)["count"], 0, "it is older than ten minutes");
    assert_eq!(counter.found(101)["count"], 0, "exactly the amount");
}

#[test]
fn seed_b_validates_anyway_the_order_stays_due_and_the_payment_that_comes_late_is_linked() {
    let counter = Counter::seed_b();
    counter.pass(0);
    counter.post("/create-sale", json!({ "amount": 100, "order_reference": "ORDER-001" }));
    assert_eq!(counter.found(100)["count"], 0, "\"No M-Pesa Payment Found\"");
    let sale = counter.get("/v1/sales?limit=1")["sales"][0]["id"].as_str().unwrap().to_owned();
    let (status, refused) =
        counter.ask("POST", &format!("/v1/sales/{sale}/trust"), &json!({ "reason": " " }));
    assert_eq!(status, 409, "a reason has to be given: {refused}");
    let reason = json!({ "reason": "she showed the message", "by": "Asha" });
    let trusted = counter.post(&format!("/v1/sales/{sale}/trust"), reason);
    assert_eq!((&trusted["trusted"], &trusted["due"]), (&json!(true), &json!("100.00")));
    assert_eq!(counter.get("/check-payment-status/1")["status"], "pending", "nobody has paid");
    // "Payment not yet reflected in system": now it is.
    let receipt = counter.customer_pays(PAYBILL, 100, None);
    counter.pass(1);
    let paid = counter.get("/check-payment-status/1");
    assert_eq!((&paid["status"], &paid["mpesa_receipt"]), (&json!("completed"), &json!(receipt)));
}

#[test]
fn seed_bs_own_test_callback_is_accepted_shown_once_and_reconciled_once() {
    let counter = Counter::seed_b();
    let body = json!({
        "TransactionType": "Pay Bill", "TransID": "TEST123ABC", "TransTime": counter.world.now().to_daraja(),
        "TransAmount": "100.00", "BusinessShortCode": PAYBILL, "BillRefNumber": "ORDER-001",
        "MSISDN": "254712345678", "FirstName": "John", "MiddleName": "", "LastName": "Doe",
    });
    for _ in 0..3 {
        let accepted = (200, r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#.to_owned());
        assert_eq!(counter.world.post("/mpesa/callback", &body.to_string()), accepted);
    }
    counter.pass(1);
    let found = counter.found(100);
    assert_eq!((&found["count"], &found["callbacks"][0]["trans_id"]), (&json!(1), &json!("TEST123ABC")));
    let link = json!({ "callback_id": found["callbacks"][0]["id"], "order_id": 77 });
    assert_eq!(counter.post("/mpesa/reconcile_callback", link)["success"], true);
    assert_eq!(counter.found(100)["count"], 0);
}

#[test]
fn seed_a_sells_hears_the_confirmation_polls_to_its_end_and_prints() {
    let counter = Counter::seed_a();
    counter.pass(0);
    counter.ask(
        "PUT",
        "/v1/products/soda",
        &json!({ "name": "Soda, crate", "price": "250.00", "by": "Asha" }),
    );
    let counted = json!({ "goods": [{ "product": "soda", "quantity": "12" }], "by": "Asha" });
    let (status, answer) = counter.ask("POST", "/v1/stock/counted", &counted);
    assert!(status < 300, "{answer}");
    let items = json!([{ "product_id": "soda", "quantity": 2 }]);
    let sale = json!({ "items": items, "payment_method": "mpesa" });
    let created = counter.post("/create-sale", sale);
    let expected = json!({
        "sale_id": 1, "till_number": TILL, "amount": 500.00,
        "instructions": format!("Send KES 500 to till number {TILL}"),
    });
    assert_eq!(created, expected);
    for _ in 0..3 {
        assert_eq!(counter.get("/check-payment-status/1"), json!({ "status": "pending" }));
        counter.pass(3);
    }

    let receipt = counter.customer_pays(TILL, 500, None);
    counter.pass(3);
    let paid = counter.get("/check-payment-status/1");
    assert_eq!((&paid["status"], &paid["mpesa_receipt"]), (&json!("completed"), &json!(receipt)));
    assert_eq!((&paid["customer_name"], &paid["customer_phone"]), (&json!("JOHN DOE"), &json!("***149")));
    assert_eq!(counter.stock_of("soda"), "10");
    // printReceipt(saleId)
    let sale = counter.get("/v1/sales?limit=1")["sales"][0].clone();
    let (id, line) = (sale["id"].as_str().unwrap(), &sale["lines"][0]);
    assert_eq!(
        (&line["name"], &line["quantity"], &line["amount"]),
        (&json!("Soda, crate"), &json!("2"), &json!("500.00"))
    );
    let printed = counter.post(&format!("/v1/sales/{id}/printed"), json!({ "by": "Asha" }));
    assert!(!printed["stages"]["printed"].is_null(), "{printed}");
}

#[test]
fn seed_as_own_messages_are_answered_as_it_expects_and_count_once() {
    let counter = Counter::seed_a();
    counter.pass(0);
    counter.post("/create-sale", json!({ "total_amount": 500.00, "payment_method": "mpesa" }));
    let body = |number: &str| {
        json!({
            "TransactionType": "Pay Bill", "TransID": "LGR019G3J2", "TransTime": counter.world.now().to_daraja(),
            "TransAmount": "500.00", "BusinessShortCode": number, "BillRefNumber": "account123",
            "InvoiceNumber": "", "MSISDN": "254708374149", "FirstName": "John", "MiddleName": "Doe",
            "LastName": "Customer",
        })
        .to_string()
    };
    // The money has moved: an unknown number and nonsense are kept and acknowledged, where the seed says 1.
    for (body, _why) in [(body("999999"), "unknown till"), (body(TILL), "ours"), (body(TILL), "again")] {
        let (status, answer) = counter.world.post("/mpesa/c2b/confirmation", &body);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["ResultCode"]), (200, &json!(0)));
    }
    let (status, answer) = counter.world.post("/mpesa/c2b/validation", &body(TILL));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, answer["ResultCode"].as_str()), (200, Some("0")));
    counter.pass(3);
    let paid = counter.get("/check-payment-status/1");
    assert_eq!((&paid["status"], &paid["mpesa_receipt"]), (&json!("completed"), &json!("LGR019G3J2")));
    assert_eq!(paid["customer_name"], "John Doe Customer");
    let money = counter.till.payments(&counter.shop, false, 9).unwrap();
    assert_eq!(money.iter().map(|payment| payment.amount).collect::<Vec<_>>(), [Money::from_cents(50_000)]);
}

#[test]
fn seed_as_licence_is_asked_for_paid_once_and_valid_until_the_day_it_says() {
    let counter = Counter::seed_a();
    let admin = counter.world.administrator();
    let offer = json!({ "paybill": "400200", "price": "1000.00", "days": 30 });
    admin.ask("POST", "/v1/admin/licences", &offer, counter.world.now()).unwrap();
    counter.pass(61);
    let asked = counter.post("/pay-license", json!({ "shop_id": "duka-moja" }));
    assert_eq!(asked["till_number"], "400200");
    assert_eq!((&asked["amount"], &asked["reference"]), (&json!(1000.0), &json!("LICENSE-duka-moja")));
    let body = json!({
        "TransactionType": "Pay Bill", "TransID": "UKL4LIC001", "TransTime": counter.world.now().to_daraja(),
        "TransAmount": "1000.00", "BusinessShortCode": "400200", "BillRefNumber": "LICENSE-duka-moja",
        "MSISDN": "0797237383", "FirstName": "John",
    });
    for _ in 0..2 {
        let (status, answer) = counter.world.post("/mpesa/license/confirmation", &body.to_string());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["ResultCode"]), (200, &json!(0)));
    }
    counter.pass(61);
    let licence = counter.get("/v1/status")["shops"][0]["licence"].clone();
    assert_eq!(licence["state"], "licensed", "{licence}");
    assert!(licence["until"].as_str().unwrap().starts_with("2026-12-2"), "{licence}");
}
