//! Access tokens (fact sheet §1.2).

use super::gateway::Refusal;
use super::odds::Fault;
use super::{Simulator, State};
use axum::Json;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a token lives, in seconds.
const LIFE: u16 = 3599;

/// The token that opens the rest. A newer one makes it void.
pub(super) struct Token {
    text: String,
    until: Timestamp,
}

pub(super) async fn token(
    Shared(simulator): Shared<Arc<Simulator>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Response> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(given) = given.and_then(|value| value.strip_prefix("Basic ")) else {
        return Err(Refusal::new(400, "400.008.01", "Invalid Authentication passed").into_response());
    };
    if query.get("grant_type").map(String::as_str) != Some("client_credentials") {
        return Err(Refusal::new(400, "400.008.02", "Invalid grant type passed").into_response());
    }
    let setup = &simulator.setup;
    if given != STANDARD.encode(format!("{}:{}", setup.consumer_key, setup.consumer_secret)) {
        // Wrong keys get an empty body, as from the real one.
        return Err(StatusCode::BAD_REQUEST.into_response());
    }
    let now = simulator.now();
    Ok(Json(simulator.state().give_token(now)))
}

impl State {
    fn give_token(&mut self, now: Timestamp) -> Value {
        let text = format!("{:028x}", self.random.u128(..) >> 16);
        let life = if self.roll(Fault::TokenVoid) { 0 } else { i64::from(LIFE) };
        let until = now.plus_millis(life.saturating_mul(1000));
        self.token = Some(Token { text: text.clone(), until });
        self.tokens = self.tokens.saturating_add(1);
        let life = if self.roll(Fault::ExpiresInNumber) { json!(LIFE) } else { json!(LIFE.to_string()) };
        json!({ "access_token": text, "expires_in": life })
    }

    /// Whether a request carries the newest token, and that still lives.
    pub(super) fn knows(&self, token: &str, now: Timestamp) -> bool {
        self.token.as_ref().is_some_and(|known| known.text == token && now < known.until)
    }
}
