//! The gateway before all endpoints: paths, methods, tokens, payloads, URLs, and what goes wrong there.

use super::odds::Fault;
use super::{Mode, Simulator, c2b, oauth, pull, qr, requests, stk};
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What a URL must not contain, in any letter case (fact sheet §6). `exec` has `exe` in it.
const WORDS: [&str; 7] = ["mpesa", "m-pesa", "safaricom", "exe", "cmd", "sql", "query"];
/// Whose URLs are blocked.
const TUNNELS: [&str; 3] = ["ngrok", "mockbin", "requestbin"];
/// Where production can not reach.
const PRIVATE: [&str; 5] = ["localhost", "127.", "10.", "192.168.", "[::1]"];

pub(super) fn router(simulator: &Arc<Simulator>) -> Router {
    let money = Router::new()
        .route("/mpesa/stkpush/v1/processrequest", post(stk::push))
        .route("/mpesa/reversal/v1/request", post(requests::reversal))
        .route_layer(from_fn_with_state(Arc::clone(simulator), lose_answer));
    Router::new()
        .route("/oauth/v1/generate", get(oauth::token))
        .route("/mpesa/stkpushquery/v1/query", post(stk::query))
        .route("/mpesa/c2b/v1/registerurl", post(c2b::register_v1))
        .route("/mpesa/c2b/v2/registerurl", post(c2b::register_v2))
        .route("/mpesa/c2b/v1/simulate", post(c2b::simulate))
        .route("/mpesa/c2b/v2/simulate", post(c2b::simulate))
        .route("/mpesa/transactionstatus/v1/query", post(requests::status))
        .route("/mpesa/accountbalance/v1/query", post(requests::balance))
        .route("/pulltransactions/v1/register", post(pull::register))
        .route("/pulltransactions/v1/query", get(pull::query).post(pull::query))
        .route("/mpesa/qrcode/v1/generate", post(qr::generate))
        .merge(money)
        .route_layer(from_fn_with_state(Arc::clone(simulator), pass))
        .method_not_allowed_fallback(|| async { Refusal::new(405, "405.001", "Method Not Allowed") })
        .with_state(Arc::clone(simulator))
}

/// What no path leads to.
pub(super) async fn nowhere() -> Refusal {
    Refusal::new(404, "404.001.01", "Resource not found")
}

/// Lets a request through, unless the gateway has a bad moment.
async fn pass(State(simulator): State<Arc<Simulator>>, request: Request, next: Next) -> Response {
    if let Some(answer) = simulator.bad_moment() {
        return answer;
    }
    let answer = next.run(request).await;
    simulator.wake();
    answer
}

/// Takes a request that moves money, and may lose the answer to it.
async fn lose_answer(State(simulator): State<Arc<Simulator>>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    simulator.wake();
    let (silent, broken) = {
        let mut state = simulator.state();
        (state.roll(Fault::AnswerSilent), state.roll(Fault::Answer504))
    };
    if silent {
        tokio::time::sleep(simulator.setup.delays.silence).await;
    }
    if silent || broken { page(StatusCode::GATEWAY_TIMEOUT) } else { answer }
}

/// An HTML page where JSON was expected.
pub(super) fn page(status: StatusCode) -> Response {
    let words = status.canonical_reason().unwrap_or_default();
    (status, Html(format!("<html><head><title>{words}</title></head><body>{words}</body></html>")))
        .into_response()
}

impl Simulator {
    fn bad_moment(&self) -> Option<Response> {
        let mut state = self.state();
        if state.roll(Fault::HtmlError) {
            return Some(page(StatusCode::SERVICE_UNAVAILABLE));
        }
        if state.roll(Fault::Empty401) {
            return Some(StatusCode::UNAUTHORIZED.into_response());
        }
        let arrested = state.roll(Fault::SpikeArrest);
        arrested.then(|| Refusal::new(500, "500.003.02", "Spike arrest violation").into_response())
    }

    /// Checks the token, then reads the body.
    pub(super) fn admit(&self, api: Api, headers: &HeaderMap, body: &Bytes) -> Result<Form, Refusal> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = given.and_then(|value| value.strip_prefix("Bearer ")) else {
            return Err(Refusal::new(404, "404.001.04", "Invalid Authentication Header"));
        };
        if !self.state().knows(token, self.now()) {
            return Err(api.invalid_token());
        }
        Form::read(api, headers, body)
    }

    /// Checks a URL that callbacks are wanted at.
    pub(super) fn check_url(&self, url: &str) -> bool {
        let lower = url.to_ascii_lowercase();
        let secure = lower.strip_prefix("https://");
        let host = secure.or_else(|| lower.strip_prefix("http://")).unwrap_or_default();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let public = secure.is_some() && !PRIVATE.iter().any(|start| host.starts_with(start));
        let reachable = self.setup.mode == Mode::Sandbox || public;
        !host.is_empty() && !host.starts_with('/') && reachable && !has(&WORDS) && !has(&TUNNELS)
    }
}

/// The API that a request is for; each words its refusals differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Stk,
    C2b,
    Status,
    Reversal,
    Balance,
    Pull,
    Qr,
}

impl Api {
    fn invalid_token(self) -> Refusal {
        let (status, code) = match self {
            Self::Stk | Self::Reversal | Self::Qr => (404, "404.001.03"),
            Self::C2b | Self::Status => (400, "400.003.01"),
            Self::Balance => (401, "401.002.01"),
            Self::Pull => (401, "401.001"),
        };
        Refusal::new(status, code, "Invalid Access Token")
    }

    /// A field is missing or makes no sense.
    pub(super) fn invalid(self, field: &str) -> Refusal {
        let code = match self {
            Self::C2b | Self::Status => "400.003.02",
            Self::Pull if field == "ShortCode" => "400.001",
            _ => "400.002.02",
        };
        Refusal::new(400, code, &format!("Bad Request - Invalid {field}"))
    }
}

/// A refusal, as the gateway words it (fact sheet §1.9).
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    request_id: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: &str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            message: message.to_owned(),
            request_id: "16813-1590513-1".to_owned(),
        }
    }

    /// The same under another request id.
    pub(super) fn named(self, request_id: &str) -> Self {
        Self { request_id: request_id.to_owned(), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body =
            json!({ "requestId": self.request_id, "errorCode": self.code, "errorMessage": self.message });
        (self.status, Json(body)).into_response()
    }
}

/// A request's body: fields that may be texts or numbers.
pub(super) struct Form {
    api: Api,
    fields: Map<String, Value>,
}

impl Form {
    fn read(api: Api, headers: &HeaderMap, body: &Bytes) -> Result<Self, Refusal> {
        let invalid = || Refusal::new(400, "400.002.05", "Invalid Request Payload");
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            return Err(invalid());
        }
        let fields = serde_json::from_slice(body).map_err(|_| invalid())?;
        Ok(Self { api, fields })
    }

    /// A field's text; empty where there is none.
    pub(super) fn text(&self, name: &str) -> String {
        match self.fields.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// A field that must be there and make sense.
    pub(super) fn need(&self, name: &str, makes_sense: impl Fn(&str) -> bool) -> Result<String, Refusal> {
        Some(self.text(name)).filter(|text| makes_sense(text)).ok_or_else(|| self.api.invalid(name))
    }
}

/// Whether a text is a number of so many digits.
pub(super) fn digits(range: std::ops::RangeInclusive<usize>) -> impl Fn(&str) -> bool {
    move |text| range.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a phone number has the form that is taken: twelve digits that begin with 2547 or 2541 (§2.5).
pub(super) fn is_phone(text: &str) -> bool {
    digits(12..=12)(text) && (text.starts_with("2547") || text.starts_with("2541"))
}
