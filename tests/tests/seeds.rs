//! The seeds' flows over the seeds' endpoints of a till, request for request.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use std::sync::Arc;
use tests::world::{Replica, World};
use tower::ServiceExt;

/// A till of a shop with a till number, and what it serves.
struct Counter {
    world: World,
    till: Arc<Replica>,
    router: Router,
}

impl Counter {
    fn new(account: &str, shortcode: &str) -> Self {
        let world = World::new();
        let shop = world.shop("mjini", account, shortcode);
        let till = Arc::new(world.till(&shop, "Front"));
        let (open, now) = (till.shared(), world.clock());
        // No thread syncs here: the test says when the network is there.
        let router = app::router(open, now, app::SyncLoop::idle()).unwrap();
        Self { world, till, router }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.world.wait(async {
            let answer = self.router.clone().oneshot(request).await.unwrap();
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
        self.ask("GET", path, &Value::Null).1
    }

    fn sync(&self) {
        self.till.sync(self.world.now()).unwrap();
    }
}

#[test]
fn seed_a_creates_a_sale_polls_and_hears_that_it_is_paid() {
    let counter = Counter::new("till", "123456");
    let (status, created) = counter.ask("POST", "/create-sale", &json!({ "amount": 500.00 }));
    assert_eq!(status, 200);
    let expected = json!({
        "sale_id": 1, "till_number": "123456", "amount": 500.00,
        "instructions": "Send KES 500 to till number 123456",
    });
    assert_eq!(created, expected);
    assert_eq!(counter.get("/check-payment-status/1"), json!({ "status": "pending" }));

    counter.world.pay("LGR019G3J2", "123456", 500, "account123");
    counter.sync();
    let paid = json!({
        "status": "completed", "mpesa_receipt": "LGR019G3J2",
        "customer_name": "ASHA WANJIRU", "customer_phone": "***149",
    });
    assert_eq!(counter.get("/check-payment-status/1"), paid);
    let (status, problem) = counter.ask("GET", "/check-payment-status/99", &Value::Null);
    assert_eq!((status, problem["type"].as_str()), (404, Some("leja:not-found")));
}

#[test]
fn every_refusal_is_problem_details() {
    let counter = Counter::new("till", "123456");
    let cases = [
        ("POST", "/v1/sales", json!({ "tender": 5 }), 422),
        ("POST", "/v1/sales", json!({ "tender": "cash" }), 400),
        ("GET", "/v1/sales/9-9", Value::Null, 404),
        ("GET", "/no/such/path", Value::Null, 404),
        ("POST", "/v1/status", Value::Null, 405),
    ];
    for (method, path, body, expected) in cases {
        let (status, problem) = counter.ask(method, path, &body);
        assert_eq!(status, expected, "{method} {path}");
        assert_eq!(problem["status"], expected, "{problem}");
        assert!(problem["type"].as_str().unwrap().starts_with("leja:"), "{problem}");
        assert!(!problem["title"].as_str().unwrap().is_empty(), "{problem}");
    }
}

#[test]
fn seed_as_sale_may_have_lines_whose_sum_is_checked() {
    let counter = Counter::new("till", "123456");
    let lines = json!([{ "name": "Bread", "quantity": 2, "price": "65.00" }]);
    let (status, created) = counter.ask("POST", "/create-sale", &json!({ "items": lines }));
    assert_eq!((status, &created["amount"]), (200, &json!(130.00)));
    let (status, _) = counter.ask("POST", "/create-sale", &json!({ "items": lines, "total_amount": "131" }));
    assert_eq!(status, 400);
}

#[test]
fn seed_b_finds_the_payment_and_links_it_to_the_order() {
    let counter = Counter::new("paybill", "600638");
    // The customer pays first; two of them pay the same.
    counter.world.pay("ABC123", "600638", 100, "");
    counter.world.pay("ABC124", "600638", 100, "");
    counter.post("/create-sale", json!({ "amount": "100", "order_reference": "ORDER-001" }));
    counter.sync();
    let found =
        counter.post("/mpesa/search_unreconciled_callbacks", json!({ "amount": 100, "max_age_minutes": 10 }));
    assert_eq!((&found["success"], &found["count"]), (&json!(true), &json!(2)));
    let first = found["callbacks"].as_array().unwrap().iter().find(|c| c["trans_id"] == "ABC123").unwrap();
    let expected = json!({
        "id": first["id"], "trans_id": "ABC123", "mpesa_receipt_number": "ABC123", "phone_number": "***149",
        "customer_name": "ASHA WANJIRU", "amount": 100.0, "transaction_date": "20261121080000",
        "create_date": "2026-11-21 08:00:00",
    });
    assert_eq!(first, &expected);

    let link = json!({ "callback_id": first["id"], "order_id": "ORDER-001" });
    let linked = counter.post("/mpesa/reconcile_callback", link.clone());
    let expected = json!({
        "success": true, "message": "Callback reconciled successfully", "receipt_number": "ABC123",
    });
    assert_eq!(linked, expected);
    assert_eq!(counter.get("/check-payment-status/1")["status"], "completed");
    let left = counter.post("/mpesa/search_unreconciled_callbacks", json!({ "amount": 100 }));
    assert_eq!(left["count"], 1, "what is used is not offered again");
}

#[test]
fn seed_b_never_links_one_payment_to_two_orders() {
    let counter = Counter::new("paybill", "600638");
    counter.world.pay("ABC123", "600638", 100, "");
    counter.sync();
    counter.world.pass(3600);
    for _ in 0..2 {
        counter.post("/create-sale", json!({ "amount": 100 }));
    }
    counter.post("/mpesa/reconcile_callback", json!({ "callback_id": 1, "order_id": 1 }));
    let second = counter.post("/mpesa/reconcile_callback", json!({ "callback_id": 1, "order_id": 2 }));
    assert_eq!(second["success"], false);
    assert!(second["message"].as_str().unwrap().contains("already used for sale"), "{second}");
    let unknown = counter.post("/mpesa/reconcile_callback", json!({ "callback_id": 99, "order_id": 2 }));
    assert_eq!(unknown["success"], false);
}

#[test]
fn an_order_that_seed_bs_front_end_keeps_itself_becomes_a_sale() {
    let counter = Counter::new("paybill", "600638");
    counter.world.pay("ABC123", "600638", 100, "");
    counter.sync();
    // Local sale 1 belongs to another order; Odoo's order 1 must not meet it by chance.
    counter.post("/create-sale", json!({ "amount": 500, "order_reference": "ORDER-777" }));
    let linked = counter.post("/mpesa/reconcile_callback", json!({ "callback_id": 1, "order_id": 1 }));
    assert_eq!(linked["success"], true, "{linked}");
    assert_eq!(counter.get("/check-payment-status/1")["status"], "pending");
    assert_eq!(counter.get("/check-payment-status/2")["status"], "completed");
}

#[test]
fn a_payment_of_another_amount_is_not_linked_by_seed_b() {
    let counter = Counter::new("paybill", "600638");
    counter.world.pay("ABC123", "600638", 100, "");
    counter.post("/create-sale", json!({ "amount": 500 }));
    counter.sync();
    let refused = counter.post("/mpesa/reconcile_callback", json!({ "callback_id": 1, "order_id": 1 }));
    assert_eq!(refused["success"], false);
    assert!(refused["message"].as_str().unwrap().contains("500.00 is due"), "{refused}");
}

#[test]
fn the_window_is_safaricoms_time_and_not_the_callbacks_arrival() {
    let counter = Counter::new("till", "123456");
    let paid_at = counter.world.now();
    counter.world.pass(11 * 60);
    let late = tests::world::confirmation("ABC123", "123456", "100.00", "", paid_at);
    counter.world.post("/mpesa/callback", &late);
    counter.sync();
    let search = |age: u32| {
        counter.post("/mpesa/search_unreconciled_callbacks", json!({ "amount": 100, "max_age_minutes": age }))
    };
    assert_eq!(search(10)["count"], 0);
    assert_eq!(search(12)["count"], 1);
}

#[test]
fn seed_bs_search_works_offline_and_says_how_fresh_it_is() {
    let counter = Counter::new("till", "123456");
    counter.world.pay("ABC123", "123456", 100, "");
    counter.sync();
    counter.till.offline(true);
    let found = counter.post("/mpesa/search_unreconciled_callbacks", json!({ "amount": 100 }));
    assert_eq!(found["count"], 1);
    assert_eq!(found["as_of"], "2026-11-21T08:00:00.000+03:00");
}

/// Sends seed B's push for an order and gives the answer.
fn push(counter: &Counter, phone: &str, amount: u32, order: &str) -> Value {
    let body = json!({ "phone_number": phone, "amount": amount, "order_reference": order });
    counter.post("/mpesa/stk_push", body)
}

/// Safaricom's result for a push.
fn result(counter: &Counter, checkout: &str, code: i32, words: &str, amount: u32) {
    let mut callback = json!({
        "MerchantRequestID": "m", "CheckoutRequestID": checkout, "ResultCode": code, "ResultDesc": words,
    });
    if code == 0 {
        callback["CallbackMetadata"] = json!({ "Item": [
            { "Name": "Amount", "Value": amount }, { "Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV" },
            { "Name": "TransactionDate", "Value": 20261121080005_u64 },
            { "Name": "PhoneNumber", "Value": 254708374149_u64 },
        ]});
    }
    counter.world.post("/mpesa/callback", &json!({ "Body": { "stkCallback": callback } }).to_string());
    counter.sync();
}

#[test]
fn seed_b_pushes_and_follows_the_status_to_its_end() {
    let counter = Counter::new("till", "123456");
    let sent = push(&counter, "0712 345-678", 100, "ORDER-001");
    assert_eq!((&sent["success"], &sent["message"]), (&json!(true), &json!("STK Push sent successfully")));
    let checkout = sent["checkout_request_id"].as_str().unwrap().to_owned();
    assert!(sent["merchant_request_id"].is_string());
    let status = || counter.post("/mpesa/check_status", json!({ "checkout_request_id": checkout }));
    assert_eq!(status()["status"], "pending");
    let again = push(&counter, "0712345678", 100, "ORDER-001");
    assert_eq!(again["success"], false, "one prompt at a time: {again}");
    counter.world.pass(76);
    let late = json!({ "success": true, "status": "pending", "message": "Payment timeout" });
    assert_eq!(status(), late, "unknown is not failed");
    result(&counter, &checkout, 0, "ok", 100);
    assert_eq!(status(), json!({ "success": true, "status": "completed", "message": "Payment completed" }));
    assert_eq!(counter.get("/check-payment-status/1")["mpesa_receipt"], "NLJ7RT61SV");
}

#[test]
fn seed_b_hears_in_plain_words_why_no_money_came() {
    let cases = [
        (1032, "cancelled", "Payment cancelled"),
        (1, "failed", "Insufficient balance"),
        (1037, "failed", "Payment timeout"),
    ];
    for (code, status, message) in cases {
        let counter = Counter::new("till", "123456");
        let sent = push(&counter, "0712345678", 100, "ORDER-001");
        let checkout = sent["checkout_request_id"].as_str().unwrap();
        result(&counter, checkout, code, "no", 0);
        let told = counter.post("/mpesa/check_status", json!({ "checkout_request_id": checkout }));
        assert_eq!(told, json!({ "success": true, "status": status, "message": message }));
        let again = push(&counter, "0712345678", 100, "ORDER-001");
        assert_eq!(again["success"], true, "after a final answer the customer may be asked again");
    }
}

#[test]
fn seed_b_hears_what_is_wrong_with_a_push() {
    let counter = Counter::new("till", "123456");
    let phone = push(&counter, "0812345678", 100, "ORDER-001");
    assert_eq!(phone, json!({ "success": false, "message": "Invalid phone number" }));
    counter.till.offline(true);
    let offline = push(&counter, "0712345678", 100, "ORDER-002");
    assert_eq!(offline["success"], false);
    assert!(offline["message"].as_str().unwrap().starts_with("offline"), "{offline}");
    let unknown = counter.post("/mpesa/check_status", json!({ "checkout_request_id": "ws_CO_none" }));
    assert_eq!((&unknown["success"], &unknown["status"]), (&json!(false), &json!("error")));
}

#[test]
fn a_push_is_for_what_is_due_and_nothing_else() {
    let counter = Counter::new("till", "123456");
    counter.post("/create-sale", json!({ "amount": 402 }));
    let wrong = push(&counter, "0712345678", 20, "1");
    assert_eq!(wrong["success"], false, "{wrong}");
    assert_eq!(push(&counter, "0712345678", 402, "1")["success"], true);
}
