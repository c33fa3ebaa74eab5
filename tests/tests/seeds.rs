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
        let router = app::router(open, now, app::SyncLoop::idle(), app::SiblingLoop::idle()).unwrap();
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
        // Safaricom takes the same amount from the same customer again after two minutes.
        counter.world.pass(120);
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

#[test]
fn seed_b_is_told_what_the_phone_is_not_asked_for() {
    let counter = Counter::new("till", "123456");
    let body = json!({ "phone_number": "0712345678", "amount": 100.50, "order_reference": "ORDER-001" });
    let sent = counter.post("/mpesa/stk_push", body);
    assert_eq!((&sent["success"], &sent["message"]), (&json!(true), &json!("STK Push sent successfully")));
    assert_eq!((&sent["amount_asked"], &sent["amount_remaining"]), (&json!("100.00"), &json!("0.50")));
    result(&counter, sent["checkout_request_id"].as_str().unwrap(), 0, "ok", 100);
    assert_eq!(counter.get("/check-payment-status/1")["status"], "pending", "half a shilling is due");
    // A front end that rounds by itself means the same order.
    counter.post("/create-sale", json!({ "amount": "200.25", "order_reference": "ORDER-002" }));
    assert_eq!(push(&counter, "0722345678", 200, "ORDER-002")["success"], true);
    let little = counter.post(
        "/mpesa/stk_push",
        json!({ "phone_number": "0733345678", "amount": 0.99, "order_reference": "ORDER-003" }),
    );
    assert!(little["message"].as_str().unwrap().contains("one shilling at least"), "{little}");
}

#[test]
fn seed_bs_settings_register_the_callback_addresses() {
    let counter = Counter::new("paybill", "600638");
    let expected = json!({ "success": true, "message": "C2B URLs registered successfully" });
    assert_eq!(counter.post("/mpesa/register_c2b_urls", Value::Null), expected);
    let asked = &counter.world.safaricom.asked("/mpesa/c2b/v2/registerurl")[0];
    assert_eq!((&asked["ShortCode"], &asked["ResponseType"]), (&json!("600638"), &json!("Completed")));
    let registered =
        r#"{"requestId":"1","errorCode":"500.003.1001","errorMessage":"URLs are already registered"}"#;
    counter.world.safaricom.answer("/mpesa/c2b/v2/registerurl", 500, registered);
    let refused = counter.post("/mpesa/register_c2b_urls", json!({}));
    assert_eq!(refused["success"], false);
    assert!(refused["message"].as_str().unwrap().contains("already registered"), "{refused}");
}

/// A till of a shop that hands out goods for 100 and more only when a second source agrees, and pushed for
/// just that; gives the push's name.
fn careful() -> (Counter, String) {
    let counter = Counter::new("till", "123456");
    let shop = counter.till.only_shop().unwrap();
    let second_source_from = Some(domain::Money::parse("100").unwrap());
    let rules = domain::ShopRules { second_source_from, ..shop.rules };
    counter.world.put_shop(&domain::Shop { rules, ..shop });
    counter.sync();
    let sent = push(&counter, "0712345678", 100, "ORDER-001");
    let checkout = sent["checkout_request_id"].as_str().unwrap().to_owned();
    result(&counter, &checkout, 0, "ok", 100);
    (counter, checkout)
}

/// Safaricom's answer to the till's own question, which is called `o-1`.
fn confirm(counter: &Counter) {
    let parameter = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    let result = json!({ "Result": {
        "ResultType": 0, "ResultCode": 0, "ResultDesc": "ok", "OriginatorConversationID": "o-1",
        "ConversationID": "AG_1", "TransactionID": "UKL0000000", "ResultParameters": { "ResultParameter": [
            parameter("ReceiptNo", "NLJ7RT61SV"), parameter("TransactionStatus", "Completed"),
            parameter("Amount", "100.00"), parameter("FinalisedTime", "20261121080005"),
        ]},
    }});
    let shop = counter.till.only_shop().unwrap().id;
    counter.world.post(&counter.world.token_path(&shop, "r"), &result.to_string());
    counter.sync();
}

#[test]
fn whoever_polls_for_a_large_payment_hears_completed_only_when_goods_may_be_handed_out() {
    let (counter, checkout) = careful();
    let status = || counter.post("/mpesa/check_status", json!({ "checkout_request_id": checkout }));
    assert_eq!(counter.get("/check-payment-status/1"), json!({ "status": "pending" }));
    let pending =
        json!({ "success": true, "status": "pending", "message": "Payment received, not confirmed yet" });
    assert_eq!(status(), pending);
    confirm(&counter);
    assert_eq!(counter.get("/check-payment-status/1")["status"], "completed");
    assert_eq!(status()["status"], "completed");
}

#[test]
fn a_sale_whose_payment_went_back_is_pending_again() {
    let (counter, _) = careful();
    confirm(&counter);
    let office = counter.world.office();
    office.sync(counter.world.now()).unwrap();
    let taken = r#"{"ResponseCode":"0","OriginatorConversationID":"o-back","ConversationID":"AG_2"}"#;
    counter.world.safaricom.answer(tests::world::REVERSAL, 200, taken);
    let shop = counter.till.only_shop().unwrap().id;
    let receipt = domain::ReceiptCode::parse("NLJ7RT61SV").unwrap();
    let amount = domain::Money::parse("100").unwrap();
    let request = office
        .reverse(
            &shop,
            &receipt,
            amount,
            (&domain::Person::named("Wambui"), "goods came back"),
            counter.world.now(),
        )
        .unwrap();
    // Somebody was quicker in Safaricom's portal.
    let result = json!({ "Result": {
        "ResultType": 0, "ResultCode": "R000001", "ResultDesc": "already reversed",
        "OriginatorConversationID": request, "ConversationID": "AG_1", "TransactionID": "UKL0000000",
    }});
    counter.world.post(&counter.world.token_path(&shop, "r"), &result.to_string());
    counter.sync();
    assert_eq!(counter.get("/check-payment-status/1"), json!({ "status": "pending" }));
    let (_, sale) = counter.ask("GET", "/v1/sales?state=conflict", &Value::Null);
    assert_eq!((&sale["sales"][0]["reversed"], &sale["sales"][0]["due"]), (&json!(true), &json!("100.00")));
    counter.ask("POST", &format!("/v1/sales/{}/cash", sale["sales"][0]["id"].as_str().unwrap()), &json!({}));
    // Paid in cash: there is no receipt to show for it.
    assert_eq!(counter.get("/check-payment-status/1"), json!({ "status": "completed" }));
}

#[test]
fn the_native_api_tells_all_that_is_known_of_a_payment_and_asks_for_more() {
    let (counter, _) = careful();
    let payment = counter.get("/v1/payments/NLJ7RT61SV");
    assert_eq!(payment["sources"], json!(["stk_result"]));
    for flag in ["confirmed", "reversed", "review", "conflict"] {
        assert_eq!(payment[flag], false, "{flag}");
    }
    assert_eq!((&payment["disagreements"], &payment["order"]), (&json!([]), &Value::Null));
    assert_eq!(payment["asked_for"]["id"], payment["sale"]["id"]);

    let sale = counter.get(&format!("/v1/sales/{}", payment["sale"]["id"].as_str().unwrap()));
    assert_eq!((&sale["unconfirmed"], &sale["reversed"]), (&json!(true), &json!(false)));
    let push = &sale["push"];
    assert_eq!((&push["state"], &push["status"]), (&json!("paid"), &json!("completed")));
    assert_eq!((&push["swahili"], &push["amount"]), (&json!("Malipo yamekamilika"), &json!("100.00")));
    assert_eq!(counter.get("/v1/status")["shops"][0]["today"]["unconfirmed"], 1);

    counter.world.pass(60);
    let (status, asked) = counter.ask("POST", "/v1/payments/NLJ7RT61SV/check", &json!({}));
    assert_eq!((status, &asked["request"]), (200, &json!("o-2")));
    assert_eq!(counter.get("/v1/requests/o-2")["state"], "waiting");
    confirm(&counter);
    assert_eq!(counter.get("/v1/payments/NLJ7RT61SV")["sources"], json!(["stk_result", "status_result"]));

    let (status, _) = counter.ask("POST", "/v1/payments/NLJ7RT61SV/reverse", &json!({ "reason": "no" }));
    assert_eq!(status, 404, "only head office gives money back");
    counter.post("/create-sale", json!({ "amount": 300 }));
    let open = counter.get("/v1/sales?state=open")["sales"][0].clone();
    let path = format!("/v1/sales/{}/push", open["id"].as_str().unwrap());
    counter.world.pass(-60);
    let (status, problem) = counter.ask("POST", &path, &json!({ "phone": "0712345678" }));
    assert_eq!((status, &problem["type"]), (409, &json!("leja:prompt-open")), "{problem}");
}

#[test]
fn a_tax_that_the_catalogue_does_not_have_is_refused_and_never_left_out() {
    let counter = Counter::new("till", "123456");
    let cart = |rate: &str| {
        let line = json!({ "name": "Tea", "quantity": "1", "unit_price": "116.00", "tax_rate": rate });
        json!({ "lines": [line], "tender": "cash" })
    };
    let vat = json!({ "name": "VAT", "basis_points": 1600 });
    assert_eq!(counter.ask("PUT", "/v1/catalogue/tax-rate/vat", &vat).0, 200);
    assert_eq!(counter.post("/v1/price", cart("vat"))["taxes"][0]["amount"], "16.00");
    for path in ["/v1/price", "/v1/sales"] {
        let (status, refused) = counter.ask("POST", path, &cart("vta"));
        assert_eq!((status, &refused["type"]), (400, &json!("leja:bad-request")), "{refused}");
        assert!(refused["title"].as_str().unwrap().contains("no such tax rate"), "{refused}");
    }
    assert_eq!(counter.get("/v1/sales")["sales"], json!([]));
}

#[test]
fn a_code_to_scan_is_a_picture() {
    let counter = Counter::new("till", "123456");
    counter.post("/create-sale", json!({ "amount": 300 }));
    let sale = counter.get("/v1/sales?state=open")["sales"][0]["id"].as_str().unwrap().to_owned();
    let answer = r#"{"ResponseCode":"00","QRCode":"iVBORw0KGgo="}"#;
    counter.world.safaricom.answer("/mpesa/qrcode/v1/generate", 200, answer);
    let (kind, body) = counter.world.wait(async {
        let request = Request::get(format!("/v1/sales/{sale}/qr")).body(Body::empty()).unwrap();
        let answer = counter.router.clone().oneshot(request).await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, to_bytes(answer.into_body(), usize::MAX).await.unwrap())
    });
    assert_eq!((kind.as_str(), &body[..]), ("image/png", &b"\x89PNG\r\n\x1a\n"[..]));
    counter.till.offline(true);
    let (status, problem) = counter.ask("GET", &format!("/v1/sales/{sale}/qr"), &Value::Null);
    assert_eq!((status, &problem["type"]), (503, &json!("leja:offline")));
}
