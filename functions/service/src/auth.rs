//! Who is asking: a request signed by an enrolled member's own key.

use crate::{Problem, Store};
use axum::http::{HeaderMap, StatusCode};
use domain::{Actor, Member, Role, ShopId, Timestamp};
use replica::PublicKey;
use replica::keys::request_message;

/// The header that names the caller, like `7`.
pub const ACTOR_HEADER: &str = "leja-actor";
/// The header that says when the request was signed, in milliseconds since 1970.
pub const TIME_HEADER: &str = "leja-time";
/// The header that carries the signature, 128 hex digits.
pub const SIGNATURE_HEADER: &str = "leja-signature";

/// How far a caller's clock may be off. A till corrects its clock by the time in the refusal.
const MAX_SKEW_MILLIS: u64 = 10 * 60 * 1000;

/// A request as it is signed.
pub struct Signed<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path, without a query.
    pub path: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
}

/// A caller we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The member.
    pub member: Member,
    /// Its shop, unless it belongs to all.
    pub shop: Option<ShopId>,
}

impl Caller {
    /// Whether this caller may act for a shop: only for its own. Head office joins each shop as a member.
    ///
    /// # Errors
    /// It may not; the answer does not say whether the shop exists.
    pub fn may_act_for(&self, shop: &ShopId) -> Result<(), Problem> {
        let own = self.shop.as_ref() == Some(shop);
        if own { Ok(()) } else { Err(Problem::not_found("There is no such shop here.")) }
    }

    /// Whether this caller may act for a shop, or for all of them as whoever runs the cloud.
    ///
    /// # Errors
    /// It may not; the answer does not say whether the shop exists.
    pub fn may_run(&self, shop: &ShopId) -> Result<(), Problem> {
        if self.member.role == Role::Platform { Ok(()) } else { self.may_act_for(shop) }
    }

    /// Whether this caller has one of some roles.
    ///
    /// # Errors
    /// It has none of them.
    pub fn is_one_of(&self, roles: &[Role]) -> Result<(), Problem> {
        let title = "This needs another role: ask whoever runs the cloud.";
        let refused = || Problem::new(StatusCode::FORBIDDEN, "leja:forbidden", title);
        roles.contains(&self.member.role).then_some(()).ok_or_else(refused)
    }
}

/// Finds out who signed a request.
///
/// # Errors
/// 401 when the signature is missing, wrong or too old (with the cloud's time, so that a till with a wrong
/// clock can correct itself), 403 when the member was revoked.
pub async fn authenticate<S: Store>(
    store: &S,
    request: &Signed<'_>,
    now: Timestamp,
) -> Result<Caller, Problem> {
    let unsigned = || Problem::new(StatusCode::UNAUTHORIZED, "leja:unsigned", "Sign the request.");
    let text = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let actor: Actor = text(ACTOR_HEADER).and_then(|t| t.parse().ok()).ok_or_else(unsigned)?;
    let millis: i64 = text(TIME_HEADER).and_then(|t| t.parse().ok()).ok_or_else(unsigned)?;
    let signature = text(SIGNATURE_HEADER).and_then(|t| hex::decode(t).ok()).unwrap_or_default();
    let signature = signature.try_into().map_err(|_| unsigned())?;

    let Some((member, shop)) = store.member(actor).await? else { return Err(unsigned()) };
    let message = request_message(request.method, request.path, &actor.to_string(), millis, request.body);
    let key = PublicKey::from_bytes(&member.public_key).ok_or_else(unsigned)?;
    if !key.verifies(&message, &signature) {
        return Err(unsigned());
    }
    if member.revoked {
        let title = "This till was revoked: ask head office.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "leja:revoked", title));
    }
    let at = Timestamp::from_millis(millis).map_err(|_| unsigned())?;
    if at.distance_millis(now) > MAX_SKEW_MILLIS {
        return Err(Problem::clock(now));
    }
    Ok(Caller { member, shop })
}
