//! What the native API asks of Safaricom: a customer's phone, a code to scan, whether a payment is real, and at
//! head office that one goes back. All of it needs the network; a sale never does.

use crate::App;
use crate::api::{read_id, shop_of};
use crate::forms::SaleForm;
use crate::problem::Problem;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::{Disagreement, Msisdn, ReceiptCode};
use serde::{Deserialize, Serialize};

pub(crate) fn router(sells: bool) -> Router<App> {
    let router = Router::new()
        .route("/v1/sales/{id}/push", post(push))
        .route("/v1/sales/{id}/qr", get(qr))
        .route("/v1/payments/{receipt}/check", post(check))
        .route("/v1/requests/{request}", get(request));
    if sells {
        return router;
    }
    // Money goes back only by the hand of head office.
    router.route("/v1/payments/{receipt}/reverse", post(reverse))
}

#[derive(Deserialize)]
struct Phone {
    phone: String,
}

#[derive(Deserialize)]
struct InShop {
    shop: Option<String>,
}

#[derive(Deserialize)]
struct NewReversal {
    shop: Option<String>,
    #[serde(default)]
    reason: String,
}

/// A request whose answer comes later.
#[derive(Serialize)]
struct RequestForm {
    request: String,
}

/// What became of a request.
#[derive(Serialize)]
struct RequestStateForm {
    purpose: String,
    /// `waiting`, `done`, `refused` or `timed_out`; timed out is unknown, not failed.
    state: String,
    words: String,
}

async fn push(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Phone>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| {
        let id = read_id(&id)?;
        let phone = Msisdn::parse_phone(&form.phone).map_err(|e| Problem::bad_request(&e))?;
        till.ask_for_payment(id, &phone, now)?;
        Ok(id)
    })
    .await
}

async fn qr(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let png = app.with(move |till, now| Ok(till.qr(read_id(&id)?, now)?)).await?;
    let headers = [(header::CONTENT_TYPE, "image/png"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, png).into_response())
}

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
        let request = till.reverse(&shop, &receipt, payment.amount, &form.reason, now)?;
        Ok(Json(RequestForm { request }))
    })
    .await
}

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
