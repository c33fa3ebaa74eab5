//! What the native API asks of Safaricom: a customer's phone, a code to scan, whether a payment is real, and at
//! head office that one goes back. All of it needs the network; a sale never does.

use crate::App;
use crate::api::{read_id, shop_of};
use crate::forms::SaleForm;
use crate::openapi::values::{By, FactName, Phone, Reason, Receipt, ShopName};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::{Disagreement, Msisdn, Person, ReceiptCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes(sells: bool) -> OpenApiRouter<App> {
    let router = OpenApiRouter::default()
        .routes(routes!(push))
        .routes(routes!(qr))
        .routes(routes!(check))
        .routes(routes!(request));
    if sells {
        return router;
    }
    // Money goes back only by the hand of head office.
    router.routes(routes!(reverse))
}

/// Whose phone to ask.
#[derive(Deserialize, ToSchema)]
struct Asked {
    /// The customer's phone.
    #[schema(value_type = Phone)]
    phone: String,
}

/// In which shop.
#[derive(Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
struct InShop {
    /// Which shop. A till has only one, and needs no name.
    #[schema(value_type = Option<ShopName>)]
    shop: Option<String>,
}

/// A payment that shall go back.
#[derive(Deserialize, ToSchema)]
struct NewReversal {
    /// Which shop. A till has only one, and needs no name.
    #[schema(value_type = Option<ShopName>)]
    shop: Option<String>,
    /// Why.
    #[serde(default)]
    #[schema(value_type = Reason)]
    reason: String,
    /// Who asks.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// A request whose answer comes later.
#[derive(Serialize, ToSchema)]
struct RequestForm {
    /// Its name.
    #[schema(example = "AG_20261121_2010")]
    request: String,
}

/// What became of a request.
#[derive(Serialize, ToSchema)]
struct RequestStateForm {
    /// What was asked.
    #[schema(example = "status UKL4AB12CD")]
    purpose: String,
    /// `waiting`, `done`, `refused` or `timed_out`; timed out is unknown, not failed.
    #[schema(example = "done")]
    state: String,
    /// What Safaricom said, and what to do about it.
    #[schema(example = "The payment is real.")]
    words: String,
}

/// Asks the customer's phone for what is due (STK push). One phone is asked once a minute at most, one sale by
/// one till at a time.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/push",
    tag = "safaricom",
    params(("id" = FactName, Path, description = "The sale")),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn push(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Asked>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| {
        let id = read_id(&id)?;
        let phone = Msisdn::parse_phone(&form.phone).map_err(|e| Problem::bad_request(&e))?;
        till.ask_for_payment(id, &phone, now)?;
        Ok(id)
    })
    .await
}

/// A code that the M-PESA app can scan to pay this sale.
#[utoipa::path(
    get,
    path = "/v1/sales/{id}/qr",
    tag = "safaricom",
    params(("id" = FactName, Path, description = "The sale")),
    responses((status = 200, content_type = "image/png", description = "A PNG"))
)]
async fn qr(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let png = app.with(move |till, now| Ok(till.qr(read_id(&id)?, now)?)).await?;
    let headers = [(header::CONTENT_TYPE, "image/png"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, png).into_response())
}

/// Has Safaricom asked whether this payment is real. The answer comes later, as evidence.
#[utoipa::path(
    post,
    path = "/v1/payments/{receipt}/check",
    tag = "safaricom",
    params(("receipt" = Receipt, Path, description = "Its code")),
    responses((status = 200, body = RequestForm, description = "The request"))
)]
async fn check(
    State(app): State<App>,
    Path(receipt): Path<String>,
    Json(form): Json<InShop>,
) -> Result<Json<RequestForm>, Problem> {
    app.write(move |till, now| {
        let shop = shop_of(till, form.shop.as_deref())?;
        let request = till.check_payment(&shop, &read_receipt(&receipt)?, now)?;
        Ok(Json(RequestForm { request }))
    })
    .await
}

/// Asks that a payment goes back, whole. Asking again while it is under way finds the same request.
#[utoipa::path(
    post,
    path = "/v1/payments/{receipt}/reverse",
    tag = "safaricom",
    params(("receipt" = Receipt, Path, description = "Its code")),
    responses((status = 200, body = RequestForm, description = "The request"))
)]
async fn reverse(
    State(app): State<App>,
    Path(receipt): Path<String>,
    Json(form): Json<NewReversal>,
) -> Result<Json<RequestForm>, Problem> {
    app.write(move |till, now| {
        let (shop, receipt) = (shop_of(till, form.shop.as_deref())?, read_receipt(&receipt)?);
        let unknown = || Problem::not_found(&format!("there is no payment {receipt}"));
        let payment = till.payment(&shop, &receipt)?.ok_or_else(unknown)?;
        if payment.reversed {
            return Err(Problem::refused("this payment went back to the customer already"));
        }
        if payment.disagreements.contains(&Disagreement::Amount) {
            let why = "Safaricom's messages disagree on the amount: reverse it in Safaricom's portal";
            return Err(Problem::refused(why));
        }
        let request =
            till.reverse(&shop, &receipt, payment.amount, (&Person::named(&form.by), &form.reason), now)?;
        Ok(Json(RequestForm { request }))
    })
    .await
}

/// What became of a request.
#[utoipa::path(
    get,
    path = "/v1/requests/{request}",
    tag = "safaricom",
    params(("request" = String, Path, description = "Its name", example = "AG_20261121_2010")),
    responses((status = 200, body = RequestStateForm, description = "How it stands"))
)]
async fn request(
    State(app): State<App>,
    Path(request): Path<String>,
    Query(which): Query<InShop>,
) -> Result<Json<RequestStateForm>, Problem> {
    app.with(move |till, now| {
        let shop = shop_of(till, which.shop.as_deref())?;
        let it = till.request_state(&shop, &request, now)?;
        Ok(Json(RequestStateForm { purpose: it.purpose, state: it.state, words: it.words }))
    })
    .await
}

fn read_receipt(text: &str) -> Result<ReceiptCode, Problem> {
    ReceiptCode::parse_typed(text).map_err(|e| Problem::bad_request(&e))
}
