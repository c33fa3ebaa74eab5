//! A Safaricom run by hand, and a shop that writes down what it hears.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use local::safaricom::{Delivery, Fault, Faults, Number, Pay, Setup, Simulator};
use serde_json::{Value, json};
use service::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

/// The paybill and the till that it knows; the till went live under its store number.
pub const PAYBILL: &str = "600638";
pub const TILL: &str = "123456";
pub const STORE: &str = "7000123";
/// A customer who pays, and three who do not.
pub const PAYER: &str = "254712345678";
pub const CANCELLER: &str = "254712345671";
pub const POOR: &str = "254712345672";
pub const ABSENT: &str = "254712345673";

/// What the shop answers to a validation.
pub enum Answer {
    Json(Value),
    Never,
}

/// What the shop heard and how it answers.
#[derive(Clone)]
struct Shop {
    heard: Arc<Mutex<Vec<(String, String)>>>,
    answer: Arc<Mutex<Answer>>,
}

/// A Safaricom and a shop.
pub struct World {
    pub simulator: Arc<Simulator>,
    router: Router,
    shop: Shop,
    now: Arc<AtomicI64>,
    token: Mutex<String>,
}

pub fn number(shortcode: &str, business: &str, account: &str) -> Number {
    Number {
        shortcode: shortcode.into(),
        business: business.into(),
        passkey: "sesame".into(),
        name: "DUKA".into(),
        account: account.into(),
        confirmation_url: "https://pay.example.com/c".into(),
        validation_url: "https://pay.example.com/v".into(),
        pull: true,
        ..Number::default()
    }
}

impl World {
    /// The ordinary world.
    pub async fn new() -> Self {
        Self::with(|setup| setup).await
    }

    /// A world in which something goes wrong always.
    pub async fn of(fault: Fault) -> Self {
        let world = Self::new().await;
        world.simulator.set_faults(Faults::default().with(fault, 100));
        world
    }

    /// A world set up in another way.
    pub async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let start = Timestamp::parse_daraja("20261121101500").unwrap();
        let now = Arc::new(AtomicI64::new(start.millis()));
        let ticking = Arc::clone(&now);
        let clock: Clock = Arc::new(move || Timestamp::from_millis(ticking.load(Ordering::SeqCst)).unwrap());
        let mut setup = Setup::by_hand("key", "secret", 7, clock);
        let shop = Shop {
            heard: Arc::default(),
            answer: Arc::new(Mutex::new(Answer::Json(
                json!({ "ResultCode": "0", "ResultDesc": "Accepted" }),
            ))),
        };
        setup.delivery = Delivery::Router(Router::new().fallback(hear).with_state(shop.clone()));
        let simulator = Simulator::with(change(setup));
        simulator.register(number(PAYBILL, PAYBILL, "paybill"));
        simulator.register(number(TILL, STORE, "till"));
        let router = simulator.router();
        let world = Self { simulator, router, shop, now, token: Mutex::default() };
        world.log_in().await;
        world
    }

    /// Fetches a token and uses it from now on.
    pub async fn log_in(&self) -> Value {
        let (status, answer) = self.oauth("key:secret", "?grant_type=client_credentials").await;
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        *self.token.lock().unwrap() = answer["access_token"].as_str().unwrap().to_owned();
        answer
    }

    /// Asks for a token with some keys.
    pub async fn oauth(&self, keys: &str, query: &str) -> (u16, String) {
        let basic = format!("Basic {}", STANDARD.encode(keys));
        let request = Request::get(format!("/oauth/v1/generate{query}")).header(header::AUTHORIZATION, basic);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends anything.
    pub async fn send(&self, request: Request<Body>) -> (u16, String) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 10_000_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Posts JSON with the token; gives status and text.
    pub async fn raw(&self, path: &str, body: &Value) -> (u16, String) {
        let bearer = format!("Bearer {}", self.token.lock().unwrap());
        let request = Request::post(path)
            .header(header::AUTHORIZATION, bearer)
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Posts JSON with the token, and gets JSON.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.raw(path, body).await;
        (status, serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {status} {text:?}")))
    }

    /// Posts what must be refused; gives status, code and message.
    pub async fn refused(&self, path: &str, body: &Value) -> (u16, String, String) {
        let (status, answer) = self.post(path, body).await;
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        (status, text("errorCode"), text("errorMessage"))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst)).unwrap()
    }

    /// Lets time pass, and everything happen that is due then.
    pub async fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
        self.simulator.run_due().await;
    }

    /// What the shop answers to validations from now on.
    pub fn answers(&self, answer: Answer) {
        *self.shop.answer.lock().unwrap() = answer;
    }

    /// The bodies that came to a path, in order, as texts.
    pub fn texts(&self, path: &str) -> Vec<String> {
        let heard = self.shop.heard.lock().unwrap();
        heard.iter().filter(|(to, _)| to == path).map(|(_, body)| body.clone()).collect()
    }

    /// The same as values.
    pub fn heard(&self, path: &str) -> Vec<Value> {
        self.texts(path).iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    /// The paths in the order in which they were posted to.
    pub fn order(&self) -> Vec<String> {
        self.shop.heard.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    /// A customer pays from the menu; gives the receipt code.
    pub async fn pay(&self, shortcode: &str, amount: &str) -> String {
        let paid = self.simulator.pay(&pay(shortcode, amount)).await.unwrap();
        paid.receipt.expect(paid.outcome)
    }

    /// A push to the paybill.
    pub fn push(&self, phone: &str, amount: &str) -> Value {
        json!({
            "BusinessShortCode": PAYBILL,
            "Password": self.password(PAYBILL),
            "Timestamp": self.now().to_daraja(),
            "TransactionType": "CustomerPayBillOnline",
            "Amount": amount,
            "PartyA": phone,
            "PartyB": PAYBILL,
            "PhoneNumber": phone,
            "CallBackURL": "https://pay.example.com/s",
            "AccountReference": "A42",
            "TransactionDesc": "Sale",
        })
    }

    /// The password of this moment.
    pub fn password(&self, business: &str) -> String {
        STANDARD.encode(format!("{business}sesame{}", self.now().to_daraja()))
    }

    /// Sends a push that is taken; gives its checkout request id.
    pub async fn pushed(&self, body: &Value) -> String {
        let (status, answer) = self.post(PUSH, body).await;
        assert_eq!((status, answer["ResponseCode"].as_str()), (200, Some("0")), "{answer}");
        answer["CheckoutRequestID"].as_str().unwrap().to_owned()
    }

    /// A query after a push.
    pub fn query(&self, checkout: &str) -> Value {
        json!({
            "BusinessShortCode": PAYBILL,
            "Password": self.password(PAYBILL),
            "Timestamp": self.now().to_daraja(),
            "CheckoutRequestID": checkout,
        })
    }

    /// The result codes of prompts that the shop heard, each as its literal JSON.
    pub fn results(&self) -> Vec<String> {
        self.heard("/s").iter().map(|body| body["Body"]["stkCallback"]["ResultCode"].to_string()).collect()
    }
}

/// A payment from the menu.
pub fn pay(shortcode: &str, amount: &str) -> Pay {
    Pay { shortcode: shortcode.into(), amount: amount.into(), ..Pay::default() }
}

/// A body with one field changed; null leaves it out.
pub fn but(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    let value = value.into();
    let fields = body.as_object_mut().unwrap();
    if value.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), value);
    }
    body
}

pub const PUSH: &str = "/mpesa/stkpush/v1/processrequest";
pub const QUERY: &str = "/mpesa/stkpushquery/v1/query";
pub const REGISTER: &str = "/mpesa/c2b/v2/registerurl";
pub const SIMULATE: &str = "/mpesa/c2b/v2/simulate";
pub const STATUS: &str = "/mpesa/transactionstatus/v1/query";
pub const REVERSAL: &str = "/mpesa/reversal/v1/request";
pub const BALANCE: &str = "/mpesa/accountbalance/v1/query";
pub const PULL_REGISTER: &str = "/pulltransactions/v1/register";
pub const PULL: &str = "/pulltransactions/v1/query";
pub const QR: &str = "/mpesa/qrcode/v1/generate";

async fn hear(State(shop): State<Shop>, request: Request) -> Response {
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json");
    let path = request.uri().path().to_owned();
    let body = to_bytes(request.into_body(), 64 * 1024).await.unwrap();
    shop.heard.lock().unwrap().push((path.clone(), String::from_utf8(body.to_vec()).unwrap()));
    if path != "/v" {
        return (StatusCode::OK, r#"{"ResultCode":0,"ResultDesc":"Success"}"#).into_response();
    }
    let answer = match &*shop.answer.lock().unwrap() {
        Answer::Json(value) => Some(value.to_string()),
        Answer::Never => None,
    };
    match answer {
        Some(answer) => answer.into_response(),
        None => std::future::pending().await,
    }
}
