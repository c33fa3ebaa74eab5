//! What a customer pays in cash over the API, and what becomes of what was paid too much.

use crate::App;
use crate::api::{read_id, request_key};
use crate::forms::SaleForm;
use crate::openapi::values::{Amount, By, FactName, Reason, RequestKey};
use crate::problem::Problem;
use crate::shifts::amount;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::Person;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(cash))
        .routes(routes!(refund))
        .routes(routes!(tip))
        .routes(routes!(credit))
}

/// An amount of what is due, or of what was paid too much.
#[derive(Deserialize, ToSchema)]
struct HowMuch {
    /// How much; all of it where nothing is said.
    #[schema(value_type = Option<Amount>)]
    amount: Option<String>,
    /// Why, where money goes back.
    #[serde(default)]
    #[schema(value_type = Reason)]
    reason: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// Takes cash: so much of what is due, or all of it, which is then rounded to the shop's coins. Change is not part
/// of it.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/cash",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale"), RequestKey),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn cash(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<HowMuch>,
) -> Result<Json<SaleForm>, Problem> {
    let (key, some) = (request_key(&headers)?, form.amount.as_deref().map(amount).transpose()?);
    app.change(move |till, now| {
        let by = Person::named(&form.by);
        Ok(till.take_cash(read_id(&id)?, some, &by, now, key.as_deref())?.id)
    })
    .await
}

/// Gives money back in cash: so much of what was paid too much, or all of it.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/refund",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale"), RequestKey),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn refund(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<HowMuch>,
) -> Result<Json<SaleForm>, Problem> {
    let (key, some) = (request_key(&headers)?, form.amount.as_deref().map(amount).transpose()?);
    app.change(move |till, now| {
        let by = Person::named(&form.by);
        Ok(till.give_back(read_id(&id)?, some, &form.reason, &by, now, key.as_deref())?.id)
    })
    .await
}

/// Keeps as a tip what the customer left: so much of what was paid too much, or all of it. Only where the setting
/// `tips` is `on`.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/tip",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale"), RequestKey),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn tip(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<HowMuch>,
) -> Result<Json<SaleForm>, Problem> {
    let (key, some) = (request_key(&headers)?, form.amount.as_deref().map(amount).transpose()?);
    app.change(move |till, now| {
        Ok(till.tip(read_id(&id)?, some, &Person::named(&form.by), now, key.as_deref())?.id)
    })
    .await
}

/// Leaves on the payment, as credit for another sale, what was paid too much.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/credit",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale")),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn credit(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<HowMuch>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| Ok(till.leave_credit(read_id(&id)?, &Person::named(&form.by), now)?.id)).await
}
