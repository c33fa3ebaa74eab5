//! What whoever runs the cloud calls: open shops, rotate callback tokens, hand out enrolment codes.

use crate::auth::{Caller, Signed, authenticate};
use crate::guard::{Counts, KnownTokens};
use crate::inbox;
use crate::openapi::described;
use crate::store::{Enrolment, Tokens};
use crate::{CallbackSecret, Clock, Problem, Store, licence, records};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::{Actor, Member, Role, Shop, ShopId, Timestamp};
use replica::wire::json::ShopForm;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

/// How long an enrolment code is good.
const CODE_LIFE_MILLIS: i64 = 24 * 3600 * 1000;

/// What the office function works with.
pub struct Office<S> {
    /// Where shops and members are kept.
    pub store: Arc<S>,
    /// From which callback tokens are derived.
    pub secret: CallbackSecret,
    /// Where Safaricom reaches our callbacks.
    pub callback_base: String,
    /// The time.
    pub clock: Clock,
    /// The tokens that callbacks remember, where they run in this process: what changes here holds there at
    /// once. Elsewhere it holds within a minute.
    pub known: Option<KnownTokens>,
    /// What came in since the start, where this is the process that counts it.
    pub counts: Option<Arc<Counts>>,
}

/// `POST /v1/admin/enrolments`: whom a new code is for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentForm {
    /// `till`, `office` or `platform`.
    #[schema(example = "till")]
    pub role: String,
    /// The shop of a till.
    #[serde(default)]
    #[schema(example = "mjini")]
    pub shop: Option<String>,
}

/// The answer: the code, shown once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentCode {
    /// The code to hand over.
    #[schema(example = "4f1c2a9be07d33aa51c0")]
    pub code: String,
    /// Until when it is good, RFC 3339.
    #[schema(example = "2026-11-22T10:15:00.000+03:00")]
    pub expires_at: String,
}

/// A shop and the URLs to register with Safaricom: the answer to `POST /v1/admin/shops`, and what
/// `GET /v1/admin/shops` lists.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenedShop {
    /// The shop.
    pub shop: ShopForm,
    /// The confirmation URL. Secret: it carries the shop's token.
    #[schema(example = "https://pay.example.com/in/secret/c/confirmation")]
    pub confirmation_url: String,
    /// The validation URL. Secret as well.
    #[schema(example = "https://pay.example.com/in/secret/c/validation")]
    pub validation_url: String,
}

/// A member, as lists show it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MemberForm {
    /// Its actor, like `7`.
    #[schema(example = "7.1")]
    pub actor: String,
    /// Its role.
    #[schema(example = "till")]
    pub role: String,
    /// Its letter.
    #[schema(example = "A")]
    pub letter: String,
    /// Its name.
    #[schema(example = "Front counter")]
    pub name: String,
    /// Its shop, unless it belongs to all.
    #[schema(example = "mjini")]
    pub shop: Option<String>,
    /// It was revoked.
    pub revoked: bool,
}

/// `POST /v1/admin/tokens`: what to do with a shop's callback tokens.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenForm {
    /// The shop.
    #[schema(example = "mjini")]
    pub shop: String,
    /// `rotate`: make a new one; the one before stays good. `retire`: only the newest stays good.
    #[schema(example = "rotate")]
    pub what: String,
}

/// `POST /v1/admin/members/revoke`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevokeForm {
    /// Whom.
    #[schema(example = "7.1")]
    pub actor: String,
}

/// The routes of whoever runs the cloud.
pub fn router<S: Store>(office: Office<S>) -> Router {
    let router = Router::from(routes::<S>()).layer(DefaultBodyLimit::max(16 * 1024));
    router.with_state(Arc::new(office))
}

pub(crate) fn routes<S: Store>() -> OpenApiRouter<Arc<Office<S>>> {
    OpenApiRouter::default()
        .merge(described!(shops, open_shop => get(shops::<S>).post(open_shop::<S>)))
        .merge(described!(change_tokens => post(change_tokens::<S>)))
        .merge(described!(counts => get(counts::<S>)))
        .merge(described!(make_code => post(make_code::<S>)))
        .merge(described!(members => get(members::<S>)))
        .merge(described!(revoke => post(revoke::<S>)))
        .merge(inbox::routes())
        .merge(licence::routes())
        .merge(records::routes())
}

impl<S: Store> Office<S> {
    pub(crate) async fn platform(
        &self,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        body: &[u8],
    ) -> Result<Caller, Problem> {
        let signed = Signed { method: method.as_str(), path: uri.path(), headers, body };
        let caller = authenticate(&*self.store, &signed, (self.clock)()).await?;
        caller.is_one_of(&[Role::Platform])?;
        Ok(caller)
    }
}

/// Every shop, so that whoever changes one can start from what it is.
#[utoipa::path(
    get,
    path = "/v1/admin/shops",
    tag = "administrators",
    operation_id = "admin_shops",
    responses((status = 200, body = Vec<OpenedShop>, description = "The shops"))
)]
async fn shops<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
) -> Result<Json<Vec<OpenedShop>>, Problem> {
    office.platform((&method, &uri, &headers), &[]).await?;
    let mut opened = Vec::new();
    for shop in office.store.shops().await? {
        let tokens = office.store.tokens(&shop.id).await?.unwrap_or_default();
        opened.push(office.opened(&shop, &tokens));
    }
    Ok(Json(opened))
}

/// Opens a shop, or makes it what the form says.
#[utoipa::path(
    post,
    path = "/v1/admin/shops",
    tag = "administrators",
    request_body = ShopForm,
    responses((status = 200, body = OpenedShop, description = "The shop"))
)]
async fn open_shop<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Result<Json<OpenedShop>, Problem> {
    office.platform((&method, &uri, &headers), &body).await?;
    let form: ShopForm = read(&body)?;
    let shop = Shop::try_from(form).map_err(|e| Problem::bad_request(e.to_string()))?;
    if shop.id.is_platform() {
        return Err(Problem::bad_request(
            "This is the platform's own name: say with `licence` what it sells.",
        ));
    }
    for number in shop.own_numbers() {
        let holder = office.store.shop_of_number(number).await?;
        if holder.is_some_and(|holder| holder != shop.id) {
            return Err(Problem::bad_request(format!("Another shop has the number {number}.")));
        }
    }
    let first = || Tokens { newest: 0, hashes: vec![office.secret.token(&shop.id, 0).hash()] };
    let tokens = office.store.tokens(&shop.id).await?.unwrap_or_else(first);
    office.store.put_shop(&shop, &tokens).await?;
    office.forget_tokens();
    Ok(Json(office.opened(&shop, &tokens)))
}

impl<S: Store> Office<S> {
    pub(crate) fn forget_tokens(&self) {
        if let Some(known) = &self.known {
            known.forget();
        }
    }

    /// A shop with the addresses of its newest token.
    fn opened(&self, shop: &Shop, tokens: &Tokens) -> OpenedShop {
        let token = self.secret.token(&shop.id, tokens.newest);
        let url = |end: &str| format!("{}/in/{}/c/{end}", self.callback_base, token.as_str());
        OpenedShop {
            shop: ShopForm::from(shop),
            confirmation_url: url("confirmation"),
            validation_url: url("validation"),
        }
    }
}

/// Makes a new token while the old one stays good, or ends that: in between the new addresses are
/// registered with Safaricom.
#[utoipa::path(
    post,
    path = "/v1/admin/tokens",
    tag = "administrators",
    request_body = TokenForm,
    responses((status = 200, body = OpenedShop, description = "The shop"))
)]
async fn change_tokens<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Result<Json<OpenedShop>, Problem> {
    office.platform((&method, &uri, &headers), &body).await?;
    let form: TokenForm = read(&body)?;
    let id = ShopId::parse(&form.shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    let unknown = || Problem::not_found("There is no such shop: open it first.");
    let shop = office.store.shop(&id).await?.ok_or_else(unknown)?;
    let before = office.store.tokens(&id).await?.ok_or_else(unknown)?;
    let hash = |number| office.secret.token(&id, number).hash();
    let tokens = match form.what.as_str() {
        // A third token would end the one that Safaricom has.
        "rotate" if before.hashes.len() > 1 => {
            let title =
                "Two tokens are good already: register the newer addresses, then retire the older ones.";
            return Err(Problem::new(StatusCode::CONFLICT, "leja:token", title));
        }
        "rotate" => {
            let newest = before.newest.saturating_add(1);
            Tokens { newest, hashes: vec![hash(before.newest), hash(newest)] }
        }
        "retire" => Tokens { newest: before.newest, hashes: vec![hash(before.newest)] },
        _ => return Err(Problem::bad_request("Tokens can be rotated or retired.")),
    };
    office.store.put_shop(&shop, &tokens).await?;
    office.forget_tokens();
    tracing::info!(shop = %id, what = form.what, "callback tokens were changed");
    Ok(Json(office.opened(&shop, &tokens)))
}

/// What came in since this process started, by name.
#[utoipa::path(
    get,
    path = "/v1/admin/counts",
    tag = "administrators",
    responses((status = 200, body = BTreeMap<String, u64>, description = "The counts"))
)]
async fn counts<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
) -> Result<Json<BTreeMap<&'static str, u64>>, Problem> {
    office.platform((&method, &uri, &headers), &[]).await?;
    let elsewhere = || Problem::not_found("This deployment counts in its logs: look at its dashboard.");
    let counts = office.counts.as_ref().ok_or_else(elsewhere)?;
    Ok(Json(counts.list().into_iter().collect()))
}

/// Makes a one-time code for a new member.
#[utoipa::path(
    post,
    path = "/v1/admin/enrolments",
    tag = "administrators",
    request_body = EnrolmentForm,
    responses((status = 200, body = EnrolmentCode, description = "The code, shown once"))
)]
async fn make_code<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Result<Json<EnrolmentCode>, Problem> {
    office.platform((&method, &uri, &headers), &body).await?;
    let form: EnrolmentForm = read(&body)?;
    let role = Role::named(&form.role).ok_or_else(|| Problem::bad_request("There is no such role."))?;
    let shop = form.shop.as_deref().map(ShopId::parse).transpose();
    let shop = shop.map_err(|e| Problem::bad_request(e.to_string()))?;
    if (role == Role::Till) != shop.is_some() {
        return Err(Problem::bad_request("A till belongs to a shop; head office and platform to none."));
    }
    if let Some(shop) = &shop
        && (shop.is_platform() || office.store.shop(shop).await?.is_none())
    {
        return Err(Problem::not_found("There is no such shop: open it first."));
    }
    let (code, expires_at) = new_code(&*office.store, role, shop, (office.clock)()).await?;
    Ok(Json(EnrolmentCode { code, expires_at: expires_at.to_string() }))
}

/// Makes a one-time code: 80 random bits in hex.
///
/// # Errors
/// The store kept nothing, or the machine has no randomness.
pub async fn new_code<S: Store>(
    store: &S,
    role: Role,
    shop: Option<ShopId>,
    now: Timestamp,
) -> Result<(String, Timestamp), Problem> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random).map_err(|e| {
        tracing::error!(error = %e, "no randomness");
        Problem::from(crate::StoreError::Unreachable("no randomness".to_owned()))
    })?;
    let code = hex::encode(random);
    let expires_at = now.plus_millis(CODE_LIFE_MILLIS);
    let code_hash = Sha256::digest(code.as_bytes()).into();
    store.put_enrolment(&Enrolment { code_hash, shop, role, expires_at }).await?;
    Ok((code, expires_at))
}

/// Tills, head offices and administrators, by their numbers.
#[utoipa::path(
    get,
    path = "/v1/admin/members",
    tag = "administrators",
    responses((status = 200, body = Vec<MemberForm>, description = "The members"))
)]
async fn members<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
) -> Result<Json<Vec<MemberForm>>, Problem> {
    office.platform((&method, &uri, &headers), &[]).await?;
    let form = |(member, shop): (Member, Option<ShopId>)| MemberForm {
        actor: member.actor.to_string(),
        role: member.role.name().to_owned(),
        letter: member.letter,
        name: member.name,
        shop: shop.map(|shop| shop.to_string()),
        revoked: member.revoked,
    };
    let mut members = office.store.members().await?;
    // Each store lists them in an order of its own.
    members.sort_by_key(|(member, _)| member.actor);
    Ok(Json(members.into_iter().map(form).collect()))
}

/// Keeps a member out from now on.
#[utoipa::path(
    post,
    path = "/v1/admin/members/revoke",
    tag = "administrators",
    request_body = RevokeForm,
    responses((status = 200, description = "Done"))
)]
async fn revoke<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Result<Json<()>, Problem> {
    let caller = office.platform((&method, &uri, &headers), &body).await?;
    let form: RevokeForm = read(&body)?;
    let actor: Actor =
        form.actor.parse().map_err(|e: domain::IdError| Problem::bad_request(e.to_string()))?;
    if caller.member.actor == actor {
        return Err(Problem::bad_request("Nobody can revoke themselves: nobody could undo it."));
    }
    let unknown = || Problem::not_found("There is no such member.");
    let (member, _) = office.store.member(actor).await?.ok_or_else(unknown)?;
    // Whoever holds the key: head office is a member of each shop under another number, with one key.
    let same_key = |(other, _): &(Member, Option<ShopId>)| other.public_key == member.public_key;
    for (other, shop) in office.store.members().await?.into_iter().filter(same_key) {
        tracing::info!(actor = %other.actor, "a member was revoked");
        office.store.put_member(&Member { revoked: true, ..other }, shop.as_ref()).await?;
    }
    Ok(Json(()))
}

pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|e| Problem::bad_request(e.to_string()))
}
