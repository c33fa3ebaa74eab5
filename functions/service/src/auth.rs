//! Who is asking: a request signed by an enrolled member's own key.

use crate::{Problem, Store};
use axum::http::{HeaderMap, StatusCode};
use domain::{Actor, Member, Role, ShopId, Timestamp};
use moka::sync::Cache;
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

/// How many callers are remembered at most.
const REMEMBERED: u64 = 10_000;
/// How long a caller is remembered, by the cloud's clock.
const ACQUAINTED_MILLIS: u64 = 60_000;

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
    let caller = named(store, request).await?;
    request.check(&caller, now)?;
    Ok(caller)
}

/// Who a request says that it is from.
async fn named<S: Store>(store: &S, request: &Signed<'_>) -> Result<Caller, Problem> {
    let actor = request.actor().ok_or_else(unsigned)?;
    let Some((member, shop)) = store.member(actor).await? else { return Err(unsigned()) };
    Ok(Caller { member, shop })
}

/// Callers that were met lately. A member's key and shop never change, so that who signed a request can be
/// said without a read; whether a member was revoked since then can not. Who asks whether there is anything
/// new may be answered "no" for that long; nothing is taken from them and nothing told.
pub struct Acquaintances(Cache<Actor, (Timestamp, Caller)>);

impl Default for Acquaintances {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Acquaintances {
    /// Finds out who signed a request, by reading. What was checked when the caller was
    /// [recalled](Self::recall), and is still so, is not checked again.
    ///
    /// # Errors
    /// Those of [`authenticate`].
    pub async fn ask<S: Store>(
        &self,
        store: &S,
        request: &Signed<'_>,
        recalled: Option<&Caller>,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let caller = named(store, request).await?;
        if recalled != Some(&caller) {
            request.check(&caller, now)?;
        }
        self.0.insert(caller.member.actor, (now, caller.clone()));
        Ok(caller)
    }

    /// Who signed a request, if that can be said without a read.
    pub fn recall(&self, request: &Signed<'_>, now: Timestamp) -> Option<Caller> {
        let (met, caller) = self.0.get(&request.actor()?)?;
        let lately = met.distance_millis(now) < ACQUAINTED_MILLIS;
        (lately && request.check(&caller, now).is_ok()).then_some(caller)
    }
}

impl Signed<'_> {
    /// Who says to have signed it.
    fn actor(&self) -> Option<Actor> {
        self.header(ACTOR_HEADER)?.parse().ok()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether this caller signed it, lately, and may still.
    fn check(&self, Caller { member, .. }: &Caller, now: Timestamp) -> Result<(), Problem> {
        let millis: i64 = self.header(TIME_HEADER).and_then(|t| t.parse().ok()).ok_or_else(unsigned)?;
        let signature = self.header(SIGNATURE_HEADER).and_then(|t| hex::decode(t).ok()).unwrap_or_default();
        let signature = signature.try_into().map_err(|_| unsigned())?;
        let message = request_message(self.method, self.path, &member.actor.to_string(), millis, self.body);
        let key = PublicKey::from_bytes(&member.public_key).ok_or_else(unsigned)?;
        if !key.verifies(&message, &signature) {
            return Err(unsigned());
        }
        if member.revoked {
            let title = "This till was revoked: ask head office.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "leja:revoked", title));
        }
        let at = Timestamp::from_millis(millis).map_err(|_| unsigned())?;
        if at.distance_millis(now) > MAX_SKEW_MILLIS { Err(Problem::clock(now)) } else { Ok(()) }
    }
}

fn unsigned() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "leja:unsigned", "Sign the request.")
}
