//! The adapter to Safaricom before a server that answers as it is told.

#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "this is test code")]

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use daraja::outbound::{
    C2bVersion, Initiator, Method, PullAnswer, PullQuery, RegisterUrls, ResponseType, ResultUrls, Reversal,
    SecurityCredential, StkQuery, StkQueryAnswer,
};
use daraja::{Call, StkPush};
use domain::{Account, CheckoutId, Money, Msisdn, ReceiptCode, Shop, ShopId, ShortCode, Timestamp};
use service::{HttpSafaricom, Patience, Safaricom, SafaricomError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PUSHED: &str = r#"{"MerchantRequestID":"m","CheckoutRequestID":"ws_CO_1","ResponseCode":"0"}"#;
const ENDED: &str = r#"{"ResponseCode":"0","ResultCode":"0","ResultDesc":"paid"}"#;
const SPIKE: &str = r#"{"requestId":"r","errorCode":"500.003.02","errorMessage":"Spike arrest violation"}"#;
const BAD_TOKEN: &str = r#"{"requestId":"r","errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#;
const PAGE: &str = "<html>gateway time-out</html>";

/// What the server was asked, and what it answers; the last answer stays.
#[derive(Default)]
struct Told {
    tokens: VecDeque<(u16, String)>,
    answers: VecDeque<(u16, String)>,
    token_requests: usize,
    requests: Vec<(String, String, Bytes)>,
    life: Option<u64>,
    url: String,
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Told>>);

impl Server {
    /// A server that answers calls so, one after the other.
    async fn answering(answers: &[(u16, &str)]) -> (Self, HttpSafaricom) {
        let server = Self::default();
        server.0.lock().unwrap().answers = answers.iter().map(|(s, body)| (*s, (*body).to_owned())).collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let safaricom = adapter(&url);
        server.0.lock().unwrap().url = url;
        let router = Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, safaricom)
    }

    /// Requests for a token are answered so first.
    fn with_tokens(&self, tokens: &[(u16, &str)]) {
        self.0.lock().unwrap().tokens = tokens.iter().map(|(s, body)| (*s, (*body).to_owned())).collect();
    }

    fn url(&self) -> String {
        self.0.lock().unwrap().url.clone()
    }

    fn token_requests(&self) -> usize {
        self.0.lock().unwrap().token_requests
    }

    /// Method and path, authorization, body of every call.
    fn requests(&self) -> Vec<(String, String, Bytes)> {
        self.0.lock().unwrap().requests.clone()
    }
}

fn adapter(url: &str) -> HttpSafaricom {
    let patience = Patience { pause: Duration::from_millis(1), ..Patience::default() };
    HttpSafaricom::with_patience(url, "key", "secret", patience).unwrap()
}

/// Every answer also points elsewhere, which only a redirect means.
async fn serve(
    State(server): State<Server>,
    request: Request,
) -> (StatusCode, [(header::HeaderName, &'static str); 1], String) {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let authorization = parts.headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap().to_owned());
    let mut told = server.0.lock().unwrap();
    let (status, text) = if parts.uri.path() == "/oauth/v1/generate" {
        assert_eq!(parts.uri.query(), Some("grant_type=client_credentials"));
        assert_eq!(authorization.as_deref(), Some("Basic a2V5OnNlY3JldA=="));
        told.token_requests += 1;
        let number = told.token_requests;
        let life = told.life.unwrap_or(3599);
        let token = format!(r#"{{"access_token":"token-{number}","expires_in":"{life}"}}"#);
        told.tokens.pop_front().unwrap_or((200, token))
    } else {
        let asked = format!("{} {}", parts.method, parts.uri);
        told.requests.push((asked, authorization.unwrap_or_default(), body));
        let last = told.answers.len() == 1;
        if last { told.answers.front().cloned() } else { told.answers.pop_front() }.unwrap()
    };
    (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, "/elsewhere")], text)
}

fn number() -> ShortCode {
    ShortCode::parse("600638").unwrap()
}

fn shop() -> Shop {
    Shop::new(ShopId::parse("duka").unwrap(), "Duka", Account::Paybill(number()), None).unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse_daraja("20261121101500").unwrap()
}

fn push() -> StkPush {
    let phone = Msisdn::parse_phone("0708374143").unwrap();
    let terms = daraja::outbound::PushTerms {
        amount: Money::from_cents(100),
        phone: &phone,
        reference: "A1",
        callback_url: "https://pay.example.com/in",
        now: now(),
    };
    StkPush::new(&shop(), "sesame", &terms).unwrap()
}

fn query() -> StkQuery {
    StkQuery::new(&shop(), "sesame", &CheckoutId::parse("ws_CO_1").unwrap(), now())
}

fn reversal() -> Reversal {
    let initiator = Initiator::new("testapi", SecurityCredential::from_sealed("c2VhbGVk"));
    let urls = ResultUrls::new("https://pay.example.com/r", "https://pay.example.com/t");
    let receipt = ReceiptCode::parse("UKL4AB12CD").unwrap();
    Reversal::new(&initiator, &number(), (&receipt, Money::from_cents(100)), &urls, "twice")
}

fn register() -> RegisterUrls {
    let url = "https://pay.example.com/in";
    RegisterUrls::new(C2bVersion::V2, &number(), ResponseType::Completed, url, url)
}

const fn ended() -> fn(StkQueryAnswer) -> bool {
    |answer| matches!(answer, StkQueryAnswer::Ended { code, .. } if code == "0")
}

#[tokio::test]
async fn a_call_goes_where_it_says_with_its_body_and_the_token() {
    let (server, safaricom) = Server::answering(&[(200, PUSHED)]).await;
    assert_eq!(safaricom.call(&push()).await.unwrap().checkout.as_str(), "ws_CO_1");
    let requests = server.requests();
    let (asked, authorization, body) = &requests[0];
    assert_eq!(asked, "POST /mpesa/stkpush/v1/processrequest");
    assert_eq!(authorization, "Bearer token-1");
    assert_eq!(body.as_ref(), push().body().unwrap());
}

#[tokio::test]
async fn a_pull_by_get_carries_its_body_too() {
    let (server, safaricom) = Server::answering(&[(200, r#"{"Response":[[]]}"#)]).await;
    let pull = PullQuery::new(Method::Get, &number(), now(), now(), 0);
    assert!(matches!(safaricom.call(&pull).await, Ok(PullAnswer::Page(_))));
    let requests = server.requests();
    assert_eq!(requests[0].0, "GET /pulltransactions/v1/query");
    assert_eq!(requests[0].2.as_ref(), pull.body().unwrap());
}

#[tokio::test]
async fn one_token_serves_many_calls_at_once() {
    let (server, safaricom) = Server::answering(&[(200, ENDED)]).await;
    let safaricom = Arc::new(safaricom);
    let asking = (0..16).map(|_| {
        let safaricom = Arc::clone(&safaricom);
        tokio::spawn(async move { safaricom.call(&query()).await })
    });
    for asked in asking.collect::<Vec<_>>() {
        assert!(ended()(asked.await.unwrap().unwrap()));
    }
    assert_eq!(server.token_requests(), 1);
}

#[tokio::test]
async fn a_token_is_used_no_longer_than_it_lives() {
    let (server, safaricom) = Server::answering(&[(200, ENDED)]).await;
    server.0.lock().unwrap().life = Some(0);
    for _ in 0..2 {
        safaricom.call(&query()).await.unwrap();
    }
    assert_eq!(server.token_requests(), 2);
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_and_even_a_push_goes_out_with_it() {
    for refusal in [(404, BAD_TOKEN), (401, "")] {
        let (server, safaricom) = Server::answering(&[refusal, (200, PUSHED)]).await;
        safaricom.call(&push()).await.unwrap();
        let authorizations: Vec<_> = server.requests().into_iter().map(|(_, token, _)| token).collect();
        assert_eq!(authorizations, ["Bearer token-1", "Bearer token-2"]);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_again_is_not_fetched_a_third_time() {
    let (server, safaricom) = Server::answering(&[(404, BAD_TOKEN)]).await;
    let SafaricomError::Refused(refused) = safaricom.call(&query()).await.unwrap_err() else { panic!() };
    assert!(refused.is_token());
    assert_eq!((server.token_requests(), server.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_missing_product_is_no_matter_of_tokens() {
    let product =
        r#"{"errorCode":"401.003.01","errorMessage":"Invalid Access Token - no apiproduct match found"}"#;
    let (server, safaricom) = Server::answering(&[(401, product)]).await;
    assert!(matches!(safaricom.call(&register()).await, Err(SafaricomError::Refused(_))));
    assert_eq!((server.token_requests(), server.requests().len()), (1, 1));
}

#[tokio::test]
async fn wrong_keys_are_refused_at_once_and_nothing_is_asked() {
    let (server, safaricom) = Server::answering(&[(200, PUSHED)]).await;
    server.with_tokens(&[(400, "")]);
    let SafaricomError::Refused(refused) = safaricom.call(&push()).await.unwrap_err() else { panic!() };
    assert!(refused.advice().remedy.contains("environment"));
    assert_eq!((server.token_requests(), server.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_token_that_fails_for_a_moment_is_asked_for_again_even_for_a_push() {
    let (server, safaricom) = Server::answering(&[(200, PUSHED)]).await;
    server.with_tokens(&[(503, PAGE), (500, SPIKE)]);
    safaricom.call(&push()).await.unwrap();
    assert_eq!((server.token_requests(), server.requests().len()), (3, 1));
}

#[tokio::test]
async fn those_who_waited_for_a_token_hear_that_there_is_none() {
    let (server, safaricom) = Server::answering(&[(200, ENDED)]).await;
    server.with_tokens(&[(400, ""); 16]);
    let (one, two) = (push(), push());
    // Both ask before the first answer is there: the lock is taken at the first poll.
    let (one, two) = tokio::join!(safaricom.call(&one), safaricom.call(&two));
    assert!(matches!((one, two), (Err(SafaricomError::Refused(_)), Err(SafaricomError::Refused(_)))));
    assert_eq!(server.token_requests(), 1);
    let _ = safaricom.call(&push()).await;
    assert_eq!(server.token_requests(), 2, "who comes later tries again");
}

#[tokio::test]
async fn nobody_there_is_a_clear_no() {
    let nobody = adapter("http://127.0.0.1:9");
    let SafaricomError::Refused(refused) = nobody.call(&push()).await.unwrap_err() else { panic!() };
    assert_eq!(refused.code, "no token");
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated_while_safaricom_is_busy_or_silent() {
    for answer in [(500, SPIKE), (504, PAGE), (200, "")] {
        let (server, safaricom) = Server::answering(&[answer, answer, (200, ENDED)]).await;
        assert!(ended()(safaricom.call(&query()).await.unwrap()), "{answer:?}");
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn it_is_repeated_so_often_and_no_more() {
    let (server, safaricom) = Server::answering(&[(504, PAGE)]).await;
    assert_eq!(safaricom.call(&query()).await, Err(SafaricomError::Unknown));
    assert_eq!(server.requests().len(), Patience::default().tries);
}

#[tokio::test]
async fn no_try_begins_when_patience_is_over() {
    let (server, _) = Server::answering(&[(504, PAGE)]).await;
    let url = server.url();
    let patience = Patience { last_try: Duration::ZERO, ..Patience::default() };
    let hasty = HttpSafaricom::with_patience(&url, "key", "secret", patience).unwrap();
    assert_eq!(hasty.call(&query()).await, Err(SafaricomError::Unknown));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_refusal_that_will_not_pass_is_not_repeated() {
    let refusal = r#"{"errorCode":"500.001.1001","errorMessage":"Wrong credentials"}"#;
    let (server, safaricom) = Server::answering(&[(500, refusal)]).await;
    assert!(matches!(safaricom.call(&query()).await, Err(SafaricomError::Refused(_))));
    assert_eq!(server.requests().len(), 1);
}

/// Sends a call once and gives how it ended.
async fn sent_once<C: Call>(call: &C, answer: (u16, &str)) -> Result<C::Answer, SafaricomError> {
    let (server, safaricom) = Server::answering(&[answer]).await;
    let ended = safaricom.call(call).await;
    assert_eq!(server.requests().len(), 1, "{answer:?}");
    ended
}

#[tokio::test]
async fn a_push_a_reversal_and_a_registration_are_sent_once_whatever_the_answer() {
    let internal = r#"{"errorCode":"500.001.1001","errorMessage":"Internal Server Error"}"#;
    for answer in [(504, PAGE), (200, ""), (500, internal), (307, "")] {
        assert_eq!(sent_once(&push(), answer).await, Err(SafaricomError::Unknown));
        assert_eq!(sent_once(&reversal(), answer).await, Err(SafaricomError::Unknown));
        assert_eq!(sent_once(&register(), answer).await, Err(SafaricomError::Unknown));
    }
    let busy = sent_once(&push(), (500, SPIKE)).await;
    assert!(matches!(busy, Err(SafaricomError::Refused(refused)) if refused.is_busy()));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let short = Duration::from_millis(20);
    let patience = Patience { answer: short, pause: short, tries: 1, ..Patience::default() };
    let safaricom = HttpSafaricom::with_patience(&url, "key", "secret", patience).unwrap();
    let SafaricomError::Refused(refused) = safaricom.call(&push()).await.unwrap_err() else { panic!() };
    assert_eq!(refused.code, "no token");
    drop(listener);
}

#[tokio::test]
async fn an_answer_without_end_is_not_taken() {
    let padded =
        |mebibytes: usize| PUSHED.replace(":\"m\"", &format!(":\"{}\"", "m".repeat(mebibytes << 20)));
    assert!(sent_once(&push(), (200, &padded(1))).await.is_ok());
    assert_eq!(sent_once(&push(), (200, &padded(5))).await, Err(SafaricomError::Unknown));
}
