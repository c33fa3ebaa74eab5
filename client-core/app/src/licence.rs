//! The shop's licence, as the status shows it, and seed A's `POST /pay-license`.

use crate::App;
use crate::openapi::values::{Amount, Number, Time};
use crate::problem::Problem;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use domain::licence::Standing;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use till::Licence;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(pay_license))
}

/// How a shop stands with its licence.
#[derive(Serialize, ToSchema)]
pub(crate) struct LicenceForm {
    /// `free` where none is needed, `licensed`, `grace` or `expired`.
    #[schema(example = "licensed")]
    state: &'static str,
    /// Until when it is, or was, licensed.
    #[schema(value_type = Option<Time>)]
    until: Option<String>,
    /// For how many days more new sales may be made without one, today included.
    #[schema(example = 5)]
    grace_days: Option<u32>,
    /// What was paid and bought nothing yet.
    #[schema(value_type = Amount)]
    credit: String,
    /// How to pay for it.
    pay: Option<PayForm>,
}

/// How to pay for a licence.
#[derive(Serialize, ToSchema)]
struct PayForm {
    /// The platform's paybill.
    #[schema(example = "400200")]
    paybill: String,
    /// What it costs.
    #[schema(value_type = Amount)]
    amount: String,
    /// For how many days.
    #[schema(example = 30)]
    days: u32,
    /// The account number to give.
    #[schema(example = "LICENSE-mjini")]
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
#[derive(Serialize, ToSchema)]
struct PayLicense {
    /// The platform's paybill.
    #[schema(example = "400200")]
    till_number: String,
    /// What it costs, in shillings.
    #[schema(value_type = Number, example = 1000.00)]
    amount: Box<RawValue>,
    /// The account number to give.
    #[schema(example = "LICENSE-mjini")]
    reference: String,
    /// For how many days. Beyond the seed.
    #[schema(example = 30)]
    days: u32,
    /// All of it in words.
    #[schema(example = "Send KES 1000 to paybill 400200, account LICENSE-mjini, for 30 days")]
    instructions: String,
}

/// The shop that pays.
#[derive(Deserialize, ToSchema)]
struct Asked {
    /// The shop; it can only be this till's own.
    #[serde(default)]
    #[schema(example = "mjini")]
    shop_id: Option<String>,
}

/// How this shop pays for its licence. The body may name the shop, as a form or as JSON.
#[utoipa::path(
    post,
    path = "/pay-license",
    tag = "seed A",
    request_body(content = inline(Asked), description = "The shop, which may be left out"),
    responses((status = 200, body = PayLicense, description = "Where to pay, and how much"))
)]
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
