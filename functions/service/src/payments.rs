//! What tills and head office ask of Safaricom. This function and the sweep alone hold the Daraja
//! credentials.

use crate::auth::{Caller, Signed, authenticate};
use crate::openapi::described;
use crate::pushes;
use crate::store;
use crate::{CallbackSecret, Clock, Problem, Safaricom, SafaricomError, Store};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use daraja::outbound::{C2bVersion, Initiator, ResponseType};
use domain::{CheckoutId, Role, Shop, ShopId, ShortCode, Timestamp};
use replica::wire::json::{
    AskPayment, AskPullRegistration, AskPush, AskQr, AskReversal, AskSimulation, AskStatus, Asked, PushEnded,
    RequestState, Requested, Said,
};
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// What the payments function works with.
pub struct Payments<S, D> {
    /// Where requests are kept.
    pub store: Arc<S>,
    /// The way to Safaricom.
    pub safaricom: Arc<D>,
    /// The app at Safaricom.
    pub app: Arc<App>,
    /// From which callback tokens are derived.
    pub secret: CallbackSecret,
    /// The time.
    pub clock: Clock,
}

/// What an organisation has at Safaricom, and where Safaricom reaches us.
#[derive(Debug, Clone)]
pub struct App {
    /// Real money. In the sandbox customers can be simulated.
    pub production: bool,
    /// The Lipa na M-Pesa passkey of each number that went live.
    pub passkeys: Passkeys,
    /// Where Safaricom reaches our callbacks, like `https://pay.example.com`.
    pub callback_base: String,
    /// Which version of C2B the app has. They are different products at Safaricom (fact sheet §1.5).
    pub c2b_version: C2bVersion,
    /// What happens to a payment when our validation does not answer.
    pub response_type: ResponseType,
    /// How Pull Transactions is asked (fact sheet §1.7); not at all by an app that does not hold it.
    pub pull_method: Option<daraja::outbound::Method>,
    /// How many questions a sweep has on their way at once, as [`crate::sweep::AT_ONCE`] unless they have to come in
    /// one order.
    pub at_once: usize,
    /// The API user that asks for status, reversals and balances, if there is one.
    pub initiator: Option<Initiator>,
}

/// Passkeys by number. They are secrets, and never printed.
#[derive(Clone, Default)]
pub struct Passkeys(BTreeMap<ShortCode, String>);

impl Passkeys {
    /// The passkey of a number.
    pub fn of(&self, number: &ShortCode) -> Option<&str> {
        self.0.get(number).map(String::as_str)
    }
}

impl FromIterator<(ShortCode, String)> for Passkeys {
    fn from_iter<I: IntoIterator<Item = (ShortCode, String)>>(passkeys: I) -> Self {
        Self(passkeys.into_iter().collect())
    }
}

/// The numbers only.
impl std::fmt::Debug for Passkeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// The routes tills and head office call to reach Safaricom.
pub fn router<S: Store, D: Safaricom>(payments: Payments<S, D>) -> Router {
    let router = Router::from(routes::<S, D>()).layer(DefaultBodyLimit::max(16 * 1024));
    router.with_state(Arc::new(payments))
}

pub(crate) fn routes<S: Store, D: Safaricom>() -> OpenApiRouter<Arc<Payments<S, D>>> {
    OpenApiRouter::default()
        .merge(described!(push => post(push::<S, D>)))
        .merge(described!(query => post(query::<S, D>)))
        .merge(described!(status => post(status::<S, D>)))
        .merge(described!(reversal => post(reversal::<S, D>)))
        .merge(described!(balance => post(balance::<S, D>)))
        .merge(described!(request => get(request::<S, D>)))
        .merge(described!(qr => post(qr::<S, D>)))
        .merge(described!(register => post(register::<S, D>)))
        .merge(described!(simulate => post(simulate::<S, D>)))
        .merge(described!(register_pull => post(register_pull::<S, D>)))
}

type Shared<S, D> = State<Arc<Payments<S, D>>>;

/// What a member asks for a shop, once it is known who it is and that it may.
struct Asking<T> {
    caller: Caller,
    shop: Shop,
    ask: T,
}

impl<S: Store, D: Safaricom, T: DeserializeOwned> FromRequest<Arc<Payments<S, D>>> for Asking<T> {
    type Rejection = Response;
    async fn from_request(request: Request, payments: &Arc<Payments<S, D>>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let path = Path::<BTreeMap<String, String>>::from_request_parts(&mut parts, &()).await;
        let Path(path) = path.map_err(IntoResponse::into_response)?;
        let request = Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(request, &()).await.map_err(IntoResponse::into_response)?;
        let shop = path.get("shop").map(String::as_str).unwrap_or_default();
        payments.asking(&parts, shop, &body).await.map_err(IntoResponse::into_response)
    }
}

impl<S: Store, D: Safaricom> Payments<S, D> {
    /// Who asks what, and for which shop: a member of it, or whoever runs the cloud.
    async fn asking<T: DeserializeOwned>(
        &self,
        Parts { method, uri, headers, .. }: &Parts,
        shop: &str,
        body: &[u8],
    ) -> Result<Asking<T>, Problem> {
        let signed = Signed { method: method.as_str(), path: uri.path(), headers, body };
        let caller = authenticate(&*self.store, &signed, (self.clock)()).await?;
        let id = ShopId::parse(shop).map_err(|e| Problem::bad_request(e.to_string()))?;
        caller.may_run(&id)?;
        let shop = self.store.shop(&id).await?;
        let shop = shop.ok_or_else(|| Problem::not_found("There is no such shop: open it first."))?;
        let body = if body.is_empty() { b"null" } else { body };
        let ask = serde_json::from_slice(body).map_err(|e| Problem::bad_request(e.to_string()))?;
        Ok(Asking { caller, shop, ask })
    }

    /// The passkey under which a shop's pushes are sent.
    pub(crate) fn passkey(&self, shop: &Shop) -> Result<&str, Problem> {
        let title = "M-Pesa not configured: the shop's number has no passkey.";
        let missing = || Problem::new(StatusCode::CONFLICT, "leja:not-configured", title);
        self.app.passkeys.of(shop.business_shortcode()).ok_or_else(missing)
    }

    /// Where Safaricom posts something about a shop.
    pub(crate) async fn callback_url(&self, shop: &Shop, end: &str) -> Result<String, Problem> {
        let newest = self.store.tokens(&shop.id).await?.unwrap_or_default().newest;
        let token = self.secret.token(&shop.id, newest);
        Ok(format!("{}/in/{}/{end}", self.app.callback_base, token.as_str()))
    }
}

/// Asks a customer's phone for a payment (STK push). Repeating a request sends no second prompt.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/push",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body = AskPayment,
    responses((status = 200, body = Asked, description = "Safaricom took the request"))
)]
async fn push<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Asking { shop, ask, .. }: Asking<AskPayment>,
) -> Result<Json<Asked>, Problem> {
    // In a task of its own: a till that hangs up must not stop us between Safaricom's answer and our note.
    let asking = tokio::spawn(async move { payments.push(&shop, &ask).await });
    let asked = asking.await.map_err(|_| refuse(&SafaricomError::Unknown))??;
    Ok(Json(Asked { checkout_request_id: asked.checkout.to_string(), merchant_request_id: asked.merchant }))
}

/// What became of a push.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/push/query",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    operation_id = "query_push",
    request_body = AskPush,
    responses((status = 200, body = PushEnded, description = "How it ended, if it is known"))
)]
async fn query<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Asking { shop, ask, .. }: Asking<AskPush>,
) -> Result<Json<PushEnded>, Problem> {
    let request = payments.request(&shop, &ask.checkout_request_id).await?;
    let passkey = payments.passkey(&shop)?;
    let (store, safaricom) = (&*payments.store, &*payments.safaricom);
    let known = pushes::query((store, safaricom), (&shop, passkey), &request, (payments.clock)()).await?;
    Ok(Json(PushEnded { code: known.code, ask_at: known.ask_at.map(Timestamp::millis) }))
}

/// Asks whether a payment is real. The answer comes into the feed.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/status",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body = AskStatus,
    responses((status = 200, body = Requested, description = "The request"))
)]
async fn status<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Asking { shop, ask, .. }: Asking<AskStatus>,
) -> Result<Json<Requested>, Problem> {
    payments.status(&shop, &ask).await.map(Json)
}

/// Asks that a payment goes back, whole. Head office alone may.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/reversal",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body = AskReversal,
    responses((status = 200, body = Requested, description = "The request"))
)]
async fn reversal<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Asking { caller, shop, ask }: Asking<AskReversal>,
) -> Result<Json<Requested>, Problem> {
    // Money goes back only by the hand of head office.
    caller.is_one_of(&[Role::Office, Role::Platform])?;
    let asking = tokio::spawn(async move { payments.reversal(&shop, &ask).await });
    asking.await.map_err(|_| refuse(&SafaricomError::Unknown))?.map(Json)
}

/// Asks what the shop's accounts hold. The answer stands in the request.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/balance",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    responses((status = 200, body = Requested, description = "The request"))
)]
async fn balance<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Asking { caller, shop, .. }: Asking<IgnoredAny>,
) -> Result<Json<Requested>, Problem> {
    caller.is_one_of(&[Role::Office, Role::Platform])?;
    payments.balance(&shop).await.map(Json)
}

/// What became of a request.
#[utoipa::path(
    get,
    path = "/v1/shops/{shop}/requests/{request}",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini"), ("request" = String, Path, description = "Its name", example = "AG_20261121_2010")),
    responses((status = 200, body = RequestState, description = "How it stands"))
)]
async fn request<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Path(path): Path<(String, String)>,
    Asking { shop, .. }: Asking<IgnoredAny>,
) -> Result<Json<RequestState>, Problem> {
    let request = payments.request(&shop, &path.1).await?;
    payments.state_of(&request).await.map(Json)
}

/// A code that the M-PESA app can scan.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/qr",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body = AskQr,
    responses((status = 200, body = Vec<u8>, content_type = "image/png", description = "A PNG"))
)]
async fn qr<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Asking { shop, ask, .. }: Asking<AskQr>,
) -> Result<Response, Problem> {
    let png = payments.qr(&shop, &ask).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

/// Registers the shop's callback addresses with Safaricom. In production that works once for a number.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/c2b/register",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    responses((status = 200, body = Said, description = "What Safaricom said"))
)]
async fn register<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Asking { shop, .. }: Asking<IgnoredAny>,
) -> Result<Json<Said>, Problem> {
    payments.register(&shop).await.map(said)
}

/// Has a customer of Safaricom's sandbox pay.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/c2b/simulate",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body = AskSimulation,
    responses((status = 200, body = Said, description = "What Safaricom said"))
)]
async fn simulate<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Asking { shop, ask, .. }: Asking<AskSimulation>,
) -> Result<Json<Said>, Problem> {
    payments.simulate(&shop, &ask).await.map(said)
}

/// Registers the shop for Pull Transactions.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/pull/register",
    tag = "safaricom",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body = AskPullRegistration,
    responses((status = 200, body = Said, description = "What Safaricom said"))
)]
async fn register_pull<S: Store, D: Safaricom>(
    State(payments): Shared<S, D>,
    Asking { caller, shop, ask }: Asking<AskPullRegistration>,
) -> Result<Json<Said>, Problem> {
    caller.is_one_of(&[Role::Office, Role::Platform])?;
    payments.register_pull(&shop, &ask).await.map(said)
}

impl<S: Store, D: Safaricom> Payments<S, D> {
    /// A request of a shop, by Safaricom's name for it.
    async fn request(&self, shop: &Shop, name: &str) -> Result<store::Request, Problem> {
        let name = CheckoutId::parse(name).map_err(|e| Problem::bad_request(e.to_string()))?;
        let found = self.store.request_of(&name).await?.filter(|request| request.shop == shop.id);
        found.ok_or_else(|| Problem::not_found("There is no such request."))
    }
}

/// What went wrong with a question to Safaricom, in words for a person, with what to do about it.
pub(crate) fn refuse(error: &SafaricomError) -> Problem {
    match error {
        SafaricomError::Refused(refused) => {
            tracing::warn!(code = refused.code, "Safaricom refused a request");
            let advice = refused.advice();
            let title = format!("{refused}. {} {}", advice.meaning, advice.remedy);
            Problem::new(StatusCode::BAD_GATEWAY, "leja:refused", title)
        }
        SafaricomError::Unknown => {
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "leja:unknown", error.to_string())
        }
    }
}

fn said(message: String) -> Json<Said> {
    Json(Said { message })
}
