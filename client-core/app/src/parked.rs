//! Carts that are set aside and called up again, over the API. A cart is whatever the page made of it.

use crate::App;
use crate::openapi::values::{By, Time};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::Person;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(parked, park)).routes(routes!(recall))
}

/// A cart to be set aside.
#[derive(Deserialize, ToSchema)]
struct NewParked {
    /// The cart, as it is to come back.
    #[schema(value_type = Object)]
    cart: Box<RawValue>,
    /// Whose it is, in the cashier's words.
    #[serde(default)]
    #[schema(example = "the lady with the red bag")]
    note: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// A cart that was set aside.
#[derive(Serialize, ToSchema)]
struct ParkedForm {
    /// Its number at this till.
    #[schema(example = 3)]
    number: u64,
    /// Whose it is, in the cashier's words.
    #[schema(example = "the lady with the red bag")]
    note: String,
    /// The cart.
    #[schema(value_type = Object)]
    cart: Box<RawValue>,
    /// When it was set aside.
    #[schema(value_type = Time)]
    at: String,
    /// By whom.
    #[schema(value_type = By)]
    by: String,
}

/// Carts that were set aside.
#[derive(Serialize, ToSchema)]
struct ParkedList {
    /// The carts, the oldest first.
    parked: Vec<ParkedForm>,
}

/// The carts that were set aside at this till.
#[utoipa::path(
    get,
    path = "/v1/parked",
    tag = "sales",
    responses((status = 200, body = ParkedList, description = "The carts"))
)]
async fn parked(State(app): State<App>) -> Result<Json<ParkedList>, Problem> {
    app.with(|till, _| {
        let parked = till.parked()?.into_iter().map(shown).collect::<Result<_, _>>()?;
        Ok(Json(ParkedList { parked }))
    })
    .await
}

/// Sets a cart aside. Nothing is sold; it waits at this till, also when that is started anew.
#[utoipa::path(
    post,
    path = "/v1/parked",
    tag = "sales",
    responses((status = 201, body = ParkedList, description = "The carts that wait now"))
)]
async fn park(
    State(app): State<App>,
    Json(form): Json<NewParked>,
) -> Result<(StatusCode, Json<ParkedList>), Problem> {
    app.with(move |till, now| {
        till.park(form.cart.get(), &form.note, &Person::named(&form.by), now)?;
        let parked = till.parked()?.into_iter().map(shown).collect::<Result<_, _>>()?;
        Ok((StatusCode::CREATED, Json(ParkedList { parked })))
    })
    .await
}

/// Calls a cart up again, or drops it: it waits no more, and nobody else gets it.
#[utoipa::path(
    post,
    path = "/v1/parked/{number}/recall",
    tag = "sales",
    params(("number" = u64, Path, description = "The cart")),
    responses((status = 200, body = ParkedForm, description = "The cart"))
)]
async fn recall(State(app): State<App>, Path(number): Path<u64>) -> Result<Json<ParkedForm>, Problem> {
    app.with(move |till, _| shown(till.unpark(number)?).map(Json)).await
}

fn shown(it: till::Parked) -> Result<ParkedForm, Problem> {
    let cart = RawValue::from_string(it.cart).map_err(|_| Problem::inside())?;
    Ok(ParkedForm { number: it.number, note: it.note, cart, at: it.at.to_string(), by: it.by })
}
