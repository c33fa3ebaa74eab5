//! What Safaricom calls. Public: it may only append evidence, and it matches nothing.
//!
//! The rule is *store, then acknowledge*: `200` goes out when the body lies in the store, else in the
//! fallback queue, and only then; with both down the answer is a 503. A validation alone may be refused,
//! and is answered in time whatever the store does.

use crate::fallback::{Fallback, Spilled};
use crate::filing::{Arrived, Filed, file};
use crate::guard::{Counts, KnownTokens, SourceRule, Sources};
use crate::store::RawCallback;
use crate::validation::{self, Decision, decide};
use crate::{CallbackToken, Clock, METRICS, Problem, Store, StoreError};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use daraja::{Inbound, ack};
use domain::{Shop, Validation};
use replica::wire::json::OpenSales;
use std::sync::Arc;
use std::time::Duration;
use tracing::trace;

/// The largest body taken; real ones have a few hundred bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How long a validation may think. Safaricom waits about eight seconds, the network included (fact sheet
/// §5.3); then the registered default decides, which is to take the money.
const VALIDATION_PATIENCE: Duration = Duration::from_secs(2);
/// How long the store may take before the fallback queue is asked, which is given two seconds more.
const STORE_PATIENCE: Duration = Duration::from_secs(4);

/// What whoever has no token is told.
const NOTHING_HERE: &str = "There is nothing here.";

/// What the callbacks function works with.
pub struct Callbacks<S, F> {
    /// Where callbacks are kept.
    pub store: Arc<S>,
    /// Where they wait while the store is down.
    pub fallback: Arc<F>,
    /// The time.
    pub clock: Clock,
    /// Serve the seeds' paths, which carry no token. Never in production.
    pub seed_paths: bool,
    /// Who may call.
    pub sources: Sources,
    /// Whose tokens are remembered.
    pub tokens: KnownTokens,
    /// What came in.
    pub counts: Arc<Counts>,
}

/// The routes Safaricom calls.
pub fn router<S: Store, F: Fallback>(callbacks: Callbacks<S, F>) -> Router {
    let knock = format!("/in/{}/c/confirmation", CallbackToken::nobodys().as_str());
    let mut router = Router::new()
        .route(&knock, post(nothing_here))
        .route("/in/{token}/c/validation", post(validate_with_token::<S, F>))
        .route("/in/{token}/c/confirmation", post(take_with_token::<S, F>))
        .route("/in/{token}/s", post(take_with_token::<S, F>))
        .route("/in/{token}/r", post(take_with_token::<S, F>))
        .route("/in/{token}/t", post(take_timed_out::<S, F>));
    if callbacks.seed_paths {
        router = router
            .route("/mpesa/c2b/validation", post(validate_without_token))
            .route("/mpesa/c2b/confirmation", post(take_without_token::<S, F>))
            .route("/mpesa/license/confirmation", post(take_without_token::<S, F>))
            .route("/mpesa/callback", post(take_without_token::<S, F>));
    }
    router.layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(Arc::new(callbacks))
}

/// A callback on its way in: the body, and whether the caller's address is not on the list.
struct Incoming {
    body: Bytes,
    foreign: bool,
}

impl<S: Store, F: Fallback> FromRequest<Arc<Callbacks<S, F>>> for Incoming {
    type Rejection = Response;
    async fn from_request(request: Request, callbacks: &Arc<Callbacks<S, F>>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let foreign = callbacks.is_foreign(&parts);
        let request = Request::from_parts(parts, body);
        let body = Bytes::from_request(request, &()).await.map_err(IntoResponse::into_response)?;
        Ok(Self { body, foreign })
    }
}

async fn validate_without_token(_: Body) -> Response {
    acknowledge(ack::VALIDATED)
}

async fn validate_with_token<S: Store, F: Fallback>(
    State(callbacks): State<Arc<Callbacks<S, F>>>,
    Path(token): Path<String>,
    // Whoever asks is told nothing and believed nothing, so its address is not looked at.
    body: Bytes,
) -> Response {
    let deciding = tokio::time::timeout(VALIDATION_PATIENCE, callbacks.validate(&token, &body)).await;
    match deciding {
        Ok(Ok(Some(answer))) => answer,
        Ok(Ok(None)) => callbacks.wrong_token(),
        Ok(Err(error)) => {
            tracing::error!(alarm = "validation", %error, "accepted without asking the store");
            acknowledge(ack::VALIDATED)
        }
        Err(_) => {
            tracing::error!(alarm = "validation", "accepted because the store takes too long");
            acknowledge(ack::VALIDATED)
        }
    }
}

async fn take_with_token<S: Store, F: Fallback>(
    State(callbacks): State<Arc<Callbacks<S, F>>>,
    Path(token): Path<String>,
    incoming: Incoming,
) -> Response {
    callbacks.take(Some(&token), incoming, false).await
}

async fn take_timed_out<S: Store, F: Fallback>(
    State(callbacks): State<Arc<Callbacks<S, F>>>,
    Path(token): Path<String>,
    incoming: Incoming,
) -> Response {
    callbacks.take(Some(&token), incoming, true).await
}

async fn take_without_token<S: Store, F: Fallback>(
    State(callbacks): State<Arc<Callbacks<S, F>>>,
    incoming: Incoming,
) -> Response {
    callbacks.take(None, incoming, false).await
}

impl<S: Store, F: Fallback> Callbacks<S, F> {
    /// Keeps one callback and acknowledges it, or does not.
    async fn take(&self, token: Option<&str>, incoming: Incoming, timed_out: bool) -> Response {
        let Ok(token) = token.map(|text| CallbackToken::parse(text).ok_or(())).transpose() else {
            return self.wrong_token();
        };
        let raw = RawCallback { body: incoming.body.into(), received_at: (self.clock)() };
        let doubted = incoming.foreign && self.sources.rule == SourceRule::Enforce;
        let suspect = doubted.then_some("it came from an address that is not on the list of Safaricom's");
        let keeping = self.keep(token.as_ref(), &raw, suspect, timed_out);
        match tokio::time::timeout(STORE_PATIENCE, keeping).await {
            Ok(Ok(Some(filed))) => {
                self.counted(&filed, incoming.foreign);
                acknowledge(ack::ACCEPTED)
            }
            Ok(Ok(None)) => self.wrong_token(),
            Ok(Err(error)) => {
                self.spill(token.as_ref(), &raw, (timed_out, suspect), &error.to_string()).await
            }
            Err(_) => self.spill(token.as_ref(), &raw, (timed_out, suspect), "it takes too long").await,
        }
    }

    /// `None`: the token is nobody's.
    async fn keep(
        &self,
        token: Option<&CallbackToken>,
        raw: &RawCallback,
        suspect: Option<&'static str>,
        timed_out: bool,
    ) -> Result<Option<Filed>, StoreError> {
        let bound = match token {
            None => None,
            Some(token) => match self.tokens.shop(&*self.store, token).await? {
                None => return Ok(None),
                known => known,
            },
        };
        let suspect = suspect.map(ToOwned::to_owned);
        file(&*self.store, raw, &Arrived { bound, timed_out, suspect }).await.map(Some)
    }

    /// Who calls from elsewhere and has a token that is good is told of, believed or not.
    fn counted(&self, filed: &Filed, foreign: bool) {
        Counts::count(match filed {
            Filed::New => &self.counts.kept,
            Filed::Again | Filed::Inbox { again: true, .. } => &self.counts.repeated,
            Filed::Inbox { .. } => &self.counts.inbox,
        });
        match filed {
            Filed::Again | Filed::Inbox { again: true, .. } => trace!(target: METRICS, Duplicates = 1),
            Filed::New | Filed::Inbox { .. } => trace!(target: METRICS, CallbacksStored = 1),
        }
        if foreign {
            trace!(target: METRICS, Suspects = 1);
        }
    }

    /// The store did not take it: the fallback queue may.
    async fn spill(
        &self,
        token: Option<&CallbackToken>,
        raw: &RawCallback,
        (timed_out, suspect): (bool, Option<&'static str>),
        why: &str,
    ) -> Response {
        let spilled = Spilled {
            token: token.map(|token| hex::encode(token.hash())),
            timed_out,
            suspect: suspect.map(ToOwned::to_owned),
            received_at: raw.received_at.millis(),
            body: hex::encode(&raw.body),
        };
        // A struct of texts and a number always serialises.
        let content = serde_json::to_vec(&spilled).unwrap_or_default();
        match self.fallback.put(&content).await {
            Ok(()) => {
                Counts::count(&self.counts.spilled);
                trace!(target: METRICS, Spilled = 1);
                tracing::error!(alarm = "spilled", why, "the store took no callback; the fallback queue did");
                acknowledge(ack::ACCEPTED)
            }
            Err(error) => {
                Counts::count(&self.counts.refused);
                trace!(target: METRICS, Refused = 1);
                tracing::error!(alarm = "refused", why, %error, "a callback was not kept and not acknowledged");
                Problem::from(StoreError::Unreachable(error.to_string())).into_response()
            }
        }
    }

    /// What to say to a validation; `None`: the token is nobody's.
    async fn validate(&self, token: &str, body: &[u8]) -> Result<Option<Response>, StoreError> {
        let Some(token) = CallbackToken::parse(token) else { return Ok(None) };
        let Some(shop) = self.tokens.shop(&*self.store, &token).await? else { return Ok(None) };
        if shop.rules.validation == Validation::AcceptAll {
            return Ok(Some(acknowledge(ack::VALIDATED)));
        }
        Ok(Some(match self.decide(&shop, body).await? {
            Decision::Accept(None) => acknowledge(ack::VALIDATED),
            Decision::Accept(Some(order)) => acknowledge(ack::validated_for(order)),
            Decision::Refuse(refusal) => {
                Counts::count(&self.counts.refused_validations);
                tracing::info!(shop = %shop.id, code = refusal.code(), "a validation was refused");
                acknowledge(refusal.answer())
            }
        }))
    }

    async fn decide(&self, shop: &Shop, body: &[u8]) -> Result<Decision, StoreError> {
        let Ok(Inbound::C2b(payment)) = daraja::parse(body) else { return Ok(Decision::Accept(None)) };
        let told = self.store.notes(&shop.id, validation::NOTES).await?;
        let told: Vec<OpenSales> =
            told.iter().filter_map(|(_, content)| serde_json::from_slice(content).ok()).collect();
        Ok(decide(shop, &payment, &told, (self.clock)()))
    }

    /// Whether the caller has an address that is not on the list, where that is looked at.
    fn is_foreign(&self, parts: &axum::http::request::Parts) -> bool {
        let foreign = self.sources.rule != SourceRule::Off && !self.sources.know(parts);
        if foreign {
            Counts::count(&self.counts.foreign_addresses);
            tracing::warn!(
                alarm = "foreign_address",
                "a callback came from an address that is not on the list"
            );
        }
        foreign
    }

    fn wrong_token(&self) -> Response {
        Counts::count(&self.counts.wrong_tokens);
        trace!(target: METRICS, WrongTokens = 1);
        tracing::warn!(alarm = "wrong_token", "a callback came with a wrong token");
        Problem::not_found(NOTHING_HERE).into_response()
    }
}

/// To `leja doctor`, which knocks to see whether Safaricom would get here: the answer to a wrong token,
/// without the alarm.
async fn nothing_here() -> Problem {
    Problem::not_found(NOTHING_HERE)
}

fn acknowledge(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}
