//! Claims, secured before they are written: who was first to say that a payment pays a sale.
//!
//! Two tills that are online hear of each other's claims some seconds later. Until then a lock on the payment's
//! receipt code says who was first. It is a hint and no money: the facts decide, and after a day, by which the
//! claim itself has come, the lock is gone.

use crate::history::{READERS, caller};
use crate::sync::Sync;
use crate::{Problem, Store, StoreError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::{Actor, FactId, IdError, ReceiptCode, ShopId, Timestamp};
use replica::wire::json::{AskClaims, ClaimForm, ClaimsSecured, FirstClaim};
use std::sync::Arc;

/// The most claims of one request.
const MOST: usize = 100;
/// How long a claim is secured.
const SECURED_MILLIS: i64 = 24 * 3_600_000;

/// A claim that is secured, or to be.
struct Secured {
    receipt: ReceiptCode,
    sale: FactId,
    by: Actor,
}

/// Secures claims before they are written: says for each who was first, if somebody was.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/claims",
    tag = "tills",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    operation_id = "secure_claims",
    request_body = AskClaims,
    responses((status = 200, body = ClaimsSecured, description = "Who was first"))
)]
pub(crate) async fn secure<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ClaimsSecured>, Problem> {
    let (caller, shop, now) = caller(&sync, &shop, "claims", &READERS, (&headers, &body)).await?;
    let asked: AskClaims = serde_json::from_slice(&body).map_err(|e| Problem::bad_request(e.to_string()))?;
    if asked.claims.len().max(asked.released.len()) > MOST {
        return Err(Problem::bad_request("At most a hundred claims are taken at once."));
    }
    let by = caller.member.actor;
    let read = |forms: &[ClaimForm]| forms.iter().map(|form| Secured::read(form, by)).collect();
    let wrong = |error: IdError| Problem::bad_request(error.to_string());
    let released: Vec<Secured> = Result::map_err(read(&asked.released), wrong)?;
    let claims: Vec<Secured> = Result::map_err(read(&asked.claims), wrong)?;
    for released in &released {
        sync.store.let_go(&released.lock(&shop), &released.holder()).await?;
    }
    let mut first = Vec::with_capacity(claims.len());
    for claim in &claims {
        first.push(claim.secure(&*sync.store, &shop, now).await?);
    }
    Ok(Json(ClaimsSecured { first }))
}

impl Secured {
    fn read(form: &ClaimForm, caller: Actor) -> Result<Self, IdError> {
        Ok(Self {
            receipt: ReceiptCode::parse(&form.receipt)?,
            sale: form.sale.parse()?,
            by: form.by.as_deref().map_or(Ok(caller), str::parse)?,
        })
    }

    fn lock(&self, shop: &ShopId) -> String {
        format!("claim {shop} {}", self.receipt)
    }

    fn holder(&self) -> String {
        format!("{} {}", self.by, self.sale)
    }

    /// Secures it, or says who was first. What a till knows of its own claims the cloud need not tell it.
    async fn secure<S: Store>(
        &self,
        store: &S,
        shop: &ShopId,
        now: Timestamp,
    ) -> Result<Option<FirstClaim>, StoreError> {
        let until = now.plus_millis(SECURED_MILLIS);
        let Some((holder, until)) = store.hold(&self.lock(shop), &self.holder(), now, until).await? else {
            return Ok(None);
        };
        let unreadable = || StoreError::Damaged("the holder of a claim".to_owned());
        let (by, sale) = holder.split_once(' ').ok_or_else(unreadable)?;
        let by: Actor = by.parse().map_err(|_| unreadable())?;
        let sale: FactId = sale.parse().map_err(|_| unreadable())?;
        if by.till == self.by.till || sale == self.sale {
            return Ok(None);
        }
        let named = async |actor| Ok::<_, StoreError>(store.member(actor).await?.map(|(member, _)| member));
        let (till, seller) = (named(by).await?, named(sale.actor).await?);
        let letter = seller.map(|member| member.letter).unwrap_or_default();
        Ok(Some(FirstClaim {
            till: till.map(|member| member.name).unwrap_or_default(),
            reference: if letter.is_empty() { sale.to_string() } else { format!("{letter}{}", sale.number) },
            sale: sale.to_string(),
            at: until.plus_millis(SECURED_MILLIS.saturating_neg()).millis(),
        }))
    }
}
