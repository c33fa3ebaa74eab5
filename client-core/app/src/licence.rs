//! The shop's licence, as the status shows it, and seed A's `POST /pay-license`.

use crate::App;
use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use domain::licence::Standing;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use till::Licence;

pub(crate) fn router() -> Router<App> {
    Router::new().route("/pay-license", post(pay_license))
}

/// How a shop stands with its licence.
#[derive(Serialize)]
pub(crate) struct LicenceForm {
    /// `free` where none is needed, `licensed`, `grace` or `expired`.
    state: &'static str,
    /// Until when it is, or was, licensed.
    until: Option<String>,
    /// For how many days more new sales may be made without one, today included.
    grace_days: Option<u32>,
    /// What was paid and bought nothing yet.
    credit: String,
    /// How to pay for it.
    pay: Option<PayForm>,
}

#[derive(Serialize)]
struct PayForm {
    paybill: String,
    amount: String,
    days: u32,
    /// The account number to give.
    reference: String,
}

impl From<Licence> for LicenceForm {
    fn from(licence: Licence) -> Self {
        let (until, grace_days) = match licence.standing {
            Standing::Free => (None, None),
            Standing::Licensed(until) | Standing::Expired(until) => (Some(until), None),
            Standing::Grace(until, days) => (Some(until), Some(days)),
        };
        let reference = licence.reference;
        let pay = licence.offer.map(|offer| PayForm {
            paybill: offer.paybill.to_string(),
            amount: offer.price.amount.to_string(),
            days: offer.price.days,
            reference,
        });
        Self {
            state: licence.standing.name(),
            until: until.map(|until| until.to_string()),
            grace_days,
            credit: licence.credit.to_string(),
            pay,
        }
    }
}

/// Seed A's answer, and what it says in words.
#[derive(Serialize)]
struct PayLicense {
    till_number: String,
    amount: Box<RawValue>,
    reference: String,
    /// Beyond the seed.
    days: u32,
    instructions: String,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    shop_id: Option<String>,
}

/// How this shop pays for its licence. The body may name the shop, as a form or as JSON.
async fn pay_license(State(app): State<App>, body: Bytes) -> Result<Json<PayLicense>, Problem> {
    app.with(move |till, now| {
        let shop = till.only_shop()?.id;
        if named(&body).is_some_and(|named| named != shop.as_str()) {
            return Err(Problem::not_found("this till pays for its own shop's licence only"));
        }
        let Licence { offer, reference, .. } = till.licence(&shop, now)?;
        let offer =
            offer.ok_or_else(|| Problem::refused("no licence is needed here, or none was heard of yet"))?;
        let (amount, days) = (offer.price.amount.to_string(), offer.price.days);
        let shillings = amount.strip_suffix(".00").unwrap_or(&amount);
        Ok(Json(PayLicense {
            instructions: format!(
                "Send KES {shillings} to paybill {}, account {reference}, for {days} days",
                offer.paybill
            ),
            till_number: offer.paybill.to_string(),
            amount: RawValue::from_string(amount).map_err(|_| Problem::inside())?,
            reference,
            days,
        }))
    })
    .await
}

/// The shop that a body names. Ids of shops have no letter that a form would write in another way.
fn named(body: &[u8]) -> Option<String> {
    if let Ok(Asked { shop_id }) = serde_json::from_slice(body) {
        return shop_id;
    }
    let text = std::str::from_utf8(body).ok()?;
    text.split('&').find_map(|pair| pair.strip_prefix("shop_id=")).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_shop_is_named_by_a_form_or_by_json_or_not_at_all() {
        let read = |body: &str| named(body.as_bytes());
        assert_eq!(read("a=1&shop_id=duka-moja").as_deref(), Some("duka-moja"));
        assert_eq!(read(r#"{"shop_id":"duka"}"#).as_deref(), Some("duka"));
        for body in ["", "{}", "a=1", "[]", "\u{fffd}"] {
            assert_eq!(read(body), None, "{body}");
        }
    }
}
