//! What tills ask of Safaricom. This function alone holds the Daraja credentials.

use crate::auth::{Signed, authenticate};
use crate::callbacks;
use crate::store::PushAttempt;
use crate::{CallbackSecret, Clock, Problem, Safaricom, SafaricomError, Store, StoreError};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use daraja::outbound::PushTerms;
use daraja::{StkAccepted, StkPush};
use domain::{Money, Msisdn, Shop, ShopId, ShortCode};
use replica::wire::json::{AskPayment, Asked};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the payments function works with.
pub struct Payments<S, D> {
    /// Where attempts are kept.
    pub store: Arc<S>,
    /// The way to Safaricom.
    pub safaricom: D,
    /// The Lipa na M-Pesa passkey of each number that went live.
    pub passkeys: BTreeMap<ShortCode, String>,
    /// Where Safaricom reaches our callbacks, like `https://pay.example.com`.
    pub callback_base: String,
    /// From which callback tokens are derived.
    pub secret: CallbackSecret,
    /// The time.
    pub clock: Clock,
}

/// The routes tills call to reach Safaricom.
pub fn router<S: Store, D: Safaricom>(payments: Payments<S, D>) -> Router {
    Router::new()
        .route("/v1/shops/{shop}/push", post(push::<S, D>))
        .layer(DefaultBodyLimit::max(16 * 1024))
        .with_state(Arc::new(payments))
}

async fn push<S: Store, D: Safaricom>(
    State(payments): State<Arc<Payments<S, D>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Asked>, Problem> {
    let path = format!("/v1/shops/{shop}/push");
    let signed = Signed { method: "POST", path: &path, headers: &headers, body: &body };
    let caller = authenticate(&*payments.store, &signed, (payments.clock)()).await?;
    let id = ShopId::parse(&shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    caller.may_act_for(&id)?;
    let shop = payments.store.shop(&id).await?.ok_or_else(|| Problem::not_found("There is no such shop."))?;
    let ask: AskPayment = serde_json::from_slice(&body).map_err(|e| Problem::bad_request(e.to_string()))?;
    // In a task of its own: a till that hangs up must not stop us between Safaricom's answer and our note.
    let asking = tokio::spawn(async move { payments.ask(&shop, &ask).await });
    let asked = asking.await.map_err(|_| refuse(&SafaricomError::Unknown))??;
    Ok(Json(Asked { checkout_request_id: asked.checkout.to_string(), merchant_request_id: asked.merchant }))
}

impl<S: Store, D: Safaricom> Payments<S, D> {
    /// Records the attempt, then asks, then records the name Safaricom gave it. Repeating a request finds
    /// the attempt and never prompts a second time.
    async fn ask(&self, shop: &Shop, ask: &AskPayment) -> Result<StkAccepted, Problem> {
        let (attempt, push) = self.read(shop, ask)?;
        match self.store.begin_push(&attempt).await? {
            None => {}
            Some(PushAttempt { accepted: Some((checkout, merchant)), .. }) => {
                return Ok(StkAccepted { checkout, merchant });
            }
            Some(_) => return Err(refuse(&SafaricomError::Unknown)),
        }
        let accepted = self.safaricom.stk_push(&push).await.map_err(|error| refuse(&error))?;
        let named = (accepted.checkout.clone(), accepted.merchant.clone());
        let accepted_attempt = PushAttempt { accepted: Some(named), ..attempt };
        let noted = self.note(&shop.id, &accepted_attempt, &accepted).await;
        // The prompt is on the phone, whatever became of our note: never a clear no from here on.
        noted.map_err(|error| {
            tracing::error!(%error, "a push was accepted and could not be noted");
            refuse(&SafaricomError::Unknown)
        })?;
        Ok(accepted)
    }

    fn read(&self, shop: &Shop, ask: &AskPayment) -> Result<(PushAttempt, StkPush), Problem> {
        let bad = |error: &dyn std::fmt::Display| Problem::bad_request(error.to_string());
        let phone = Msisdn::parse_phone(&ask.phone).map_err(|e| bad(&e))?;
        let amount = Money::parse(&ask.amount).map_err(|e| bad(&e))?;
        let sale = ask.sale.parse().map_err(|e| bad(&e))?;
        if ask.attempt.is_empty() || ask.attempt.len() > 64 {
            return Err(Problem::bad_request("An attempt has a name of 1 to 64 characters."));
        }
        let title = "M-Pesa not configured: the shop's number has no passkey.";
        let not_configured = || Problem::new(StatusCode::CONFLICT, "leja:not-configured", title);
        let passkey = self.passkeys.get(shop.business_shortcode()).ok_or_else(not_configured)?;
        let (now, token) = ((self.clock)(), self.secret.token(&shop.id));
        let callback_url = format!("{}/in/{}/s", self.callback_base, token.as_str());
        let terms =
            PushTerms { amount, phone: &phone, reference: &ask.reference, callback_url: &callback_url, now };
        let push = StkPush::new(shop, passkey, &terms).map_err(|e| bad(&e))?;
        let (shop, attempt) = (shop.id.clone(), ask.attempt.clone());
        Ok((PushAttempt { shop, attempt, sale, amount, at: now, accepted: None }, push))
    }

    /// Notes the name of an accepted push. Its result may have come before we knew the name; then it waits
    /// in the inbox, and is filed anew.
    async fn note(
        &self,
        shop: &ShopId,
        attempt: &PushAttempt,
        accepted: &StkAccepted,
    ) -> Result<(), StoreError> {
        self.store.accept_push(attempt).await?;
        match self.store.early_result(&accepted.checkout).await? {
            Some(raw) => callbacks::file_again(&*self.store, &raw, &accepted.checkout, Some(shop)).await,
            None => Ok(()),
        }
    }
}

fn refuse(error: &SafaricomError) -> Problem {
    match error {
        SafaricomError::Refused(refused) => {
            tracing::warn!(code = refused.code, "Safaricom refused a push");
            Problem::new(StatusCode::BAD_GATEWAY, "leja:refused", refused.to_string())
        }
        SafaricomError::Unknown => {
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "leja:unknown", error.to_string())
        }
    }
}
