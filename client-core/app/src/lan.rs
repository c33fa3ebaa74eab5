//! What other tills of the shop reach over the shop's own network: one address, one route, sealed messages
//! only. Whoever else is on that network can neither read nor say anything here.

use crate::Clock;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use std::sync::Arc;
use std::time::Duration;
use till::{MAX_SEALED_BYTES, SIBLING_PATH, SiblingError, Till, TillError};
use tokio::sync::Semaphore;

/// How many requests are read and answered at a time: a shop has a handful of tills, and a flood must not
/// cost the seller memory or disk.
const TURNS: usize = 8;
/// How long a request may take to arrive: a page of entries, over a bad wifi.
const ARRIVAL: Duration = Duration::from_secs(10);

struct Lan {
    till: Arc<Till>,
    clock: Clock,
    turns: Semaphore,
}

/// What siblings call. It is served on an address of its own, because the local API is for this machine only.
pub fn lan_router(till: Arc<Till>, clock: Clock) -> Router {
    let lan = Lan { till, clock, turns: Semaphore::new(TURNS) };
    Router::new().route(SIBLING_PATH, post(hear)).with_state(Arc::new(lan))
}

async fn hear(State(lan): State<Arc<Lan>>, body: Body) -> Response {
    let plain = |status: StatusCode, words: &str| (status, words.to_owned()).into_response();
    let Ok(_turn) = lan.turns.try_acquire() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "this till is busy: try again soon");
    };
    let sealed = match tokio::time::timeout(ARRIVAL, to_bytes(body, MAX_SEALED_BYTES)).await {
        Ok(Ok(sealed)) => sealed,
        Ok(Err(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "this is more than a till says at once"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "this took too long to arrive"),
    };
    let (till, now) = (Arc::clone(&lan.till), (lan.clock)());
    let answered = tokio::task::spawn_blocking(move || till.answer_sibling(&sealed, now)).await;
    match answered {
        Ok(Ok(answer)) => ([(header::CONTENT_TYPE, "application/octet-stream")], answer).into_response(),
        Ok(Err(TillError::Sibling(SiblingError::Another(tag)))) => {
            plain(StatusCode::MISDIRECTED_REQUEST, &tag.to_string())
        }
        Ok(Err(TillError::Sibling(error))) => plain(StatusCode::FORBIDDEN, &error.to_string()),
        Ok(Err(error)) => {
            tracing::error!(%error, "what another till said was not taken in");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "something failed here: try again")
        }
        Err(error) => {
            tracing::error!(%error, "a request of another till failed inside");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "something failed here: try again")
        }
    }
}
