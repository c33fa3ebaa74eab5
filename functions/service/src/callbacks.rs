//! What Safaricom calls. Public: it may only append evidence, and it matches nothing.
//!
//! The rule is *store, then acknowledge*: `200` goes out when the body lies in the store, and only then.
//! What is not understood, or belongs to nobody, is kept in the inbox with its reason and acknowledged
//! too: the money has already moved (field study W1, W3).

use crate::store::{Filing, RawCallback, Recorded};
use crate::{CallbackToken, Clock, Problem, Store, StoreError};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use daraja::{C2bPayment, Inbound, StkOutcome, ack};
use domain::{CheckoutId, Evidence, FeedItem, PushResult, ShopId, Source, Timestamp};
use std::sync::Arc;

/// The largest body taken; real ones have a few hundred bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What the callbacks function works with.
pub struct Callbacks<S> {
    /// Where callbacks are kept.
    pub store: Arc<S>,
    /// The time.
    pub clock: Clock,
    /// Serve the seeds' paths, which carry no token. Never in production.
    pub seed_paths: bool,
}

/// The routes Safaricom calls.
pub fn router<S: Store>(callbacks: Callbacks<S>) -> Router {
    let mut router = Router::new()
        .route("/in/{token}/c/validation", post(validate_with_token::<S>))
        .route("/in/{token}/c/confirmation", post(take_with_token::<S>))
        .route("/in/{token}/s", post(take_with_token::<S>));
    if callbacks.seed_paths {
        router = router
            .route("/mpesa/c2b/validation", post(|| async { acknowledge(ack::VALIDATED) }))
            .route("/mpesa/c2b/confirmation", post(take::<S>))
            .route("/mpesa/callback", post(take::<S>));
    }
    router.layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(Arc::new(callbacks))
}

async fn validate_with_token<S: Store>(
    State(callbacks): State<Arc<Callbacks<S>>>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    shop_of(&*callbacks.store, &token).await?;
    Ok(acknowledge(ack::VALIDATED))
}

async fn take_with_token<S: Store>(
    State(callbacks): State<Arc<Callbacks<S>>>,
    Path(token): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let shop = shop_of(&*callbacks.store, &token).await?;
    keep(&callbacks, body, Some(&shop)).await
}

async fn take<S: Store>(
    State(callbacks): State<Arc<Callbacks<S>>>,
    body: Bytes,
) -> Result<Response, Problem> {
    keep(&callbacks, body, None).await
}

async fn keep<S: Store>(
    callbacks: &Callbacks<S>,
    body: Bytes,
    shop: Option<&ShopId>,
) -> Result<Response, Problem> {
    let raw = RawCallback { body: body.into(), received_at: (callbacks.clock)() };
    file(&*callbacks.store, &raw, shop).await?;
    Ok(acknowledge(ack::ACCEPTED))
}

/// Keeps one callback: in the feed of the shop it belongs to, else in the inbox. `bound` is the shop whose
/// token the caller used; a body that speaks of another shop is not believed.
///
/// # Errors
/// The store kept nothing; the caller must not acknowledge.
pub async fn file<S: Store>(store: &S, raw: &RawCallback, bound: Option<&ShopId>) -> Result<(), StoreError> {
    let filing = filing(store, raw, bound).await?;
    if let Filing::Inbox(reason, _) = &filing {
        tracing::warn!(reason, "a callback went to the inbox");
    }
    if store.record(raw, &filing).await? == Recorded::Differs {
        let reason = "another message with this receipt code or push came before and says something else";
        tracing::warn!(reason, "a callback went to the inbox");
        store.record(raw, &inbox(reason.to_owned())).await?;
    }
    // The push may have become known between our look and our note that it is not: whoever made it known
    // looked before the note was there, so we look once more.
    match &filing {
        Filing::Inbox(_, Some(checkout)) if store.push_of(checkout).await?.is_some() => {
            file_again(store, raw, checkout, bound).await
        }
        _ => Ok(()),
    }
}

/// Files the result of a push that was not known when it came. It leaves the inbox only for a feed; what is
/// still not believed stays there, to be looked at.
pub(crate) async fn file_again<S: Store>(
    store: &S,
    raw: &RawCallback,
    checkout: &CheckoutId,
    bound: Option<&ShopId>,
) -> Result<(), StoreError> {
    let filing = filing(store, raw, bound).await?;
    if matches!(filing, Filing::Feed(..)) && store.record(raw, &filing).await? != Recorded::Differs {
        store.settle_early_result(checkout).await?;
    }
    Ok(())
}

/// Where a callback belongs.
async fn filing<S: Store>(
    store: &S,
    raw: &RawCallback,
    bound: Option<&ShopId>,
) -> Result<Filing, StoreError> {
    match daraja::parse(&raw.body) {
        Ok(Inbound::C2b(payment)) => file_c2b(store, payment, raw.received_at, bound).await,
        Ok(Inbound::Stk(outcome)) => file_stk(store, outcome, raw.received_at, bound).await,
        Err(unreadable) => Ok(inbox(unreadable.to_string())),
    }
}

async fn file_c2b<S: Store>(
    store: &S,
    payment: C2bPayment,
    received_at: Timestamp,
    bound: Option<&ShopId>,
) -> Result<Filing, StoreError> {
    let Some(shop) = store.shop_of_number(&payment.shortcode).await? else {
        return Ok(inbox(format!("no shop has the number {}", payment.shortcode)));
    };
    if bound.is_some_and(|bound| *bound != shop) {
        return Ok(inbox(format!("it came with another shop's token, for the number {}", payment.shortcode)));
    }
    let evidence = Evidence {
        source: Source::C2bConfirmation,
        receipt: payment.receipt,
        amount: payment.amount,
        shortcode: payment.shortcode,
        paid_at: payment.paid_at,
        payer: payment.payer,
        account_reference: payment.account_reference,
        received_at,
    };
    Ok(Filing::Feed(shop, Box::new(FeedItem::Confirmation(evidence))))
}

async fn file_stk<S: Store>(
    store: &S,
    outcome: StkOutcome,
    received_at: Timestamp,
    bound: Option<&ShopId>,
) -> Result<Filing, StoreError> {
    // The result may overtake the answer to our own request, so an unknown push waits for its name.
    let Some(attempt) = store.push_of(&outcome.checkout).await? else {
        return Ok(Filing::Inbox(
            "it answers a push that we did not send".to_owned(),
            Some(outcome.checkout),
        ));
    };
    if bound.is_some_and(|bound| *bound != attempt.shop) {
        return Ok(inbox("it came with another shop's token".to_owned()));
    }
    let Some(shop) = store.shop(&attempt.shop).await? else {
        return Ok(inbox(format!("there is no shop {} any more", attempt.shop)));
    };
    if outcome.paid.as_ref().is_some_and(|paid| paid.amount != attempt.amount) {
        return Ok(inbox(format!("it says another amount than the {} we asked for", attempt.amount)));
    }
    let evidence = outcome.paid.map(|paid| Evidence {
        source: Source::StkResult,
        receipt: paid.receipt,
        amount: paid.amount,
        shortcode: shop.account.shortcode().clone(),
        paid_at: paid.paid_at,
        payer: domain::Payer { name: None, msisdn: paid.msisdn },
        account_reference: String::new(),
        received_at,
    });
    let result = PushResult {
        checkout: outcome.checkout,
        sale: attempt.sale,
        code: outcome.code,
        description: outcome.description,
        received_at,
        evidence,
    };
    Ok(Filing::Feed(attempt.shop, Box::new(FeedItem::PushResult(result))))
}

async fn shop_of<S: Store>(store: &S, token: &str) -> Result<ShopId, Problem> {
    let token = CallbackToken::parse(token);
    let shop = match token {
        Some(token) => store.shop_of_token(&token.hash()).await?,
        None => None,
    };
    if shop.is_none() {
        tracing::warn!("a callback came with a wrong token");
    }
    shop.ok_or_else(|| Problem::not_found("There is nothing here."))
}

const fn inbox(reason: String) -> Filing {
    Filing::Inbox(reason, None)
}

fn acknowledge(body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
