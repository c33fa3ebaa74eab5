//! The way to Safaricom and back, over real sockets, with the simulated one at the other end.

use daraja::StkPush;
use daraja::outbound::PushTerms;
use domain::{Account, Money, Msisdn, Shop, ShopId, ShortCode, Timestamp};
use local::safaricom::{Number, Simulator, router};
use serde_json::json;
use service::{HttpSafaricom, Safaricom, SafaricomError};
use std::process::Command;
use std::sync::Arc;
use tests::process::{Running, built, http, until};

fn shop() -> Shop {
    let number = ShortCode::parse("600638").unwrap();
    Shop::new(ShopId::parse("duka").unwrap(), "Duka", Account::Paybill(number), None).unwrap()
}

fn push(passkey: &str) -> StkPush {
    let phone = Msisdn::parse_phone("0708374143").unwrap();
    let terms = PushTerms {
        amount: Money::from_cents(100),
        phone: &phone,
        reference: "A1",
        callback_url: "http://127.0.0.1:9/nobody",
        now: Timestamp::parse_daraja("20261121101500").unwrap(),
    };
    StkPush::new(&shop(), passkey, &terms).unwrap()
}

/// A simulated Safaricom that knows one paybill; gives where it listens.
async fn simulated() -> (Arc<Simulator>, String) {
    let simulator = Simulator::new("key", "secret", 1).unwrap();
    simulator.register(Number {
        shortcode: "600638".into(),
        business: "600638".into(),
        passkey: "sesame".into(),
        name: "Duka".into(),
        account: "paybill".into(),
        confirmation_url: "http://127.0.0.1:9/nobody".into(),
        ..Number::default()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router(&simulator);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (simulator, url)
}

#[tokio::test]
async fn one_token_serves_many_pushes() {
    let (simulator, url) = simulated().await;
    let safaricom = Arc::new(HttpSafaricom::new(&url, "key", "secret").unwrap());
    let asking = (0..8).map(|_| {
        let safaricom = Arc::clone(&safaricom);
        tokio::spawn(async move { safaricom.call(&push("sesame")).await })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(simulator.tokens_given(), 1);
}

#[tokio::test]
async fn a_token_that_was_made_void_is_fetched_anew_once() {
    let (simulator, url) = simulated().await;
    let safaricom = HttpSafaricom::new(&url, "key", "secret").unwrap();
    safaricom.call(&push("sesame")).await.unwrap();
    // Another program with the same keys makes our token void.
    HttpSafaricom::new(&url, "key", "secret").unwrap().call(&push("sesame")).await.unwrap();
    safaricom.call(&push("sesame")).await.unwrap();
    assert_eq!(simulator.tokens_given(), 3);
}

#[tokio::test]
async fn wrong_keys_and_a_wrong_passkey_are_refused_in_words() {
    let (_, url) = simulated().await;
    let keys = HttpSafaricom::new(&url, "key", "wrong").unwrap().call(&push("sesame")).await;
    assert!(matches!(keys, Err(SafaricomError::Refused(_))), "{keys:?}");
    let passkey = HttpSafaricom::new(&url, "key", "secret").unwrap().call(&push("wrong")).await;
    assert!(passkey.unwrap_err().to_string().contains("Wrong credentials"));
}

#[tokio::test]
async fn without_a_token_nothing_was_asked_so_it_is_a_clear_no() {
    let safaricom = HttpSafaricom::new("http://127.0.0.1:9", "key", "secret").unwrap();
    assert!(matches!(safaricom.call(&push("sesame")).await, Err(SafaricomError::Refused(_))));
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_unknown_and_not_refused() {
    let token = || async { r#"{"access_token":"abc","expires_in":"3599"}"# };
    let gateway = || async { (axum::http::StatusCode::GATEWAY_TIMEOUT, "<html>gateway time-out</html>") };
    let router = axum::Router::new()
        .route("/oauth/v1/generate", axum::routing::get(token))
        .route("/mpesa/stkpush/v1/processrequest", axum::routing::post(gateway));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let safaricom = HttpSafaricom::new(&url, "key", "secret").unwrap();
    assert_eq!(safaricom.call(&push("sesame")).await, Err(SafaricomError::Unknown));
}

#[test]
fn a_prompt_ends_as_the_customer_wants_and_the_till_hears_of_it() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(built("leja"));
    command.args(["demo", "--port", "0", "--customers", "off", "--data"]).arg(home.path());
    let demo = Running::start(&mut command);
    let line = demo.line_with("Front counter");
    let till = line.split_whitespace().find(|word| word.starts_with("http")).unwrap();
    // By the last digit of the phone: 1 cancels, 2 has no funds, 3 never answers, others pay.
    let cases = [
        ("0712345671", "cancelled", "Payment cancelled"),
        ("0712345672", "failed", "Insufficient balance"),
        ("0712345678", "completed", "Payment completed"),
        ("0712345673", "pending", "Waiting for the customer's PIN"),
    ];
    for (number, (phone, status, message)) in cases.into_iter().enumerate() {
        let order =
            json!({ "phone_number": phone, "amount": 731, "order_reference": format!("ORDER-{number}") });
        let (_, sent) = http("POST", &format!("{till}/mpesa/stk_push"), &order.to_string());
        assert_eq!(sent["message"], "STK Push sent successfully", "{sent}");
        let ask = json!({ "checkout_request_id": sent["checkout_request_id"] }).to_string();
        let told = until(status, || {
            let (_, told) = http("POST", &format!("{till}/mpesa/check_status"), &ask);
            (told["status"] == status).then_some(told)
        });
        assert_eq!(told["message"], message);
    }
    // The paid one settled its own order, and its two messages are one payment.
    let (_, all) = http("GET", &format!("{till}/v1/payments"), "");
    let payments = all["payments"].as_array().unwrap();
    assert_eq!(payments.len(), 1, "{all}");
    until("the order is paid", || {
        let (_, sale) = http("GET", &format!("{till}/check-payment-status/3"), "");
        (sale["status"] == "completed").then_some(())
    });
}
