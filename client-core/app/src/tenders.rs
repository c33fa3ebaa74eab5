//! What a customer pays in cash over the API, and what becomes of what was paid too much.

use crate::App;
use crate::api::{read_id, request_key};
use crate::forms::SaleForm;
use crate::openapi::values::{Amount, By, FactName, Reason, RequestKey};
use crate::problem::Problem;
use crate::shifts::amount as read_amount;
use axum::Json;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use domain::{FactId, Money, Person};
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

/// What is to be done with money of a sale, in every request here.
struct Asked {
    sale: FactId,
    /// How much; all of it where nothing is said.
    amount: Option<Money>,
    reason: String,
    by: Person,
    /// Makes it repeatable.
    key: Option<String>,
}

impl FromRequest<App> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (Path(id), headers, Json(form)) =
            <(Path<String>, HeaderMap, Json<HowMuch>)>::from_request(request, app).await?;
        Self::read(&id, &headers, form).map_err(IntoResponse::into_response)
    }
}

impl Asked {
    fn read(id: &str, headers: &HeaderMap, form: HowMuch) -> Result<Self, Problem> {
        let HowMuch { amount, reason, by } = form;
        let amount = amount.as_deref().map(read_amount).transpose()?;
        let key = request_key(headers)?;
        Ok(Self { sale: read_id(id)?, amount, reason, by: Person::named(&by), key })
    }
}

/// Takes cash: so much of what is due, or all of it, which is then rounded to the shop's coins. Change is not part
/// of it.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/cash",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale"), RequestKey),
    request_body = HowMuch,
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn cash(State(app): State<App>, it: Asked) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| Ok(till.take_cash(it.sale, it.amount, &it.by, now, it.key.as_deref())?.id))
        .await
}

/// Gives money back in cash: so much of what was paid too much, or all of it.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/refund",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale"), RequestKey),
    request_body = HowMuch,
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn refund(State(app): State<App>, it: Asked) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| {
        Ok(till.give_back(it.sale, it.amount, &it.reason, &it.by, now, it.key.as_deref())?.id)
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
    request_body = HowMuch,
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn tip(State(app): State<App>, it: Asked) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| Ok(till.tip(it.sale, it.amount, &it.by, now, it.key.as_deref())?.id)).await
}

/// Leaves on the payment, as credit for another sale, what was paid too much.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/credit",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale")),
    request_body = HowMuch,
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn credit(State(app): State<App>, it: Asked) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| Ok(till.leave_credit(it.sale, &it.by, now)?.id)).await
}
