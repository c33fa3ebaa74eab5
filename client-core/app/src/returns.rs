//! Goods that come back, over the API, and the books that head office closes.

use crate::App;
use crate::api::{read_id, request_key, shop_of};
use crate::forms::SaleForm;
use crate::openapi::values::{By, Day, FactName, Measure, Reason, RequestKey, ShopName};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use domain::{BusinessDay, Person, Quantity, ShopId};
use serde::{Deserialize, Serialize};
use till::Till;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(take_back)).routes(routes!(period_closed, close_period))
}

/// Goods that come back.
#[derive(Deserialize, ToSchema)]
struct Back {
    /// What comes back, line by line of the sale.
    goods: Vec<BackLine>,
    /// It can be sold again, and is on the shelf; so unless told otherwise.
    #[serde(default = "yes")]
    restock: bool,
    /// Why.
    #[serde(default)]
    #[schema(value_type = Reason)]
    reason: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// How much of one line comes back.
#[derive(Deserialize, ToSchema)]
struct BackLine {
    /// Which line of the sale, from 0.
    #[schema(example = 0)]
    line: u16,
    /// How much of it.
    #[schema(value_type = Measure)]
    quantity: String,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Which shop. A till has only one, and needs no name.
    #[param(value_type = Option<ShopName>)]
    shop: Option<String>,
}

/// A period to be closed.
#[derive(Deserialize, ToSchema)]
struct Period {
    /// Which shop, at head office.
    #[schema(value_type = Option<ShopName>)]
    shop: Option<String>,
    /// The last day within: not today. An earlier one than before opens the days after it again.
    #[schema(value_type = Day)]
    until: String,
    /// Why, where days are opened again.
    #[serde(default)]
    #[schema(value_type = Reason)]
    reason: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// Up to when the books are closed.
#[derive(Serialize, ToSchema)]
struct Closed {
    /// The last day within; nothing where they never were.
    #[schema(value_type = Option<Day>)]
    until: Option<String>,
}

/// Takes goods of a sale back, also of an old one. What was paid for them is to be given back.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/returns",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale"), RequestKey),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn take_back(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<Back>,
) -> Result<Json<SaleForm>, Problem> {
    let key = request_key(&headers)?;
    let goods = form.goods.iter().map(|it| Ok((it.line, Quantity::parse(&it.quantity)?)));
    let goods: Vec<_> =
        goods.collect::<Result<_, domain::SaleError>>().map_err(|error| Problem::bad_request(&error))?;
    app.change(move |till, now| {
        let (by, why) = (Person::named(&form.by), (form.restock, form.reason.as_str()));
        Ok(till.take_goods_back(read_id(&id)?, &goods, why, (&by, now), key.as_deref())?.id)
    })
    .await
}

/// Up to when the books of a shop are closed: claims on sales of those days are not released, and the sales not
/// cancelled.
#[utoipa::path(
    get,
    path = "/v1/periods",
    tag = "shifts",
    params(Which),
    responses((status = 200, body = Closed, description = "Up to when"))
)]
async fn period_closed(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Closed>, Problem> {
    app.with(move |till, _| shown(till, &shop_of(till, which.shop.as_deref())?)).await
}

/// Closes the books of a shop up to a day, or opens the days after it again; head office only.
#[utoipa::path(
    post,
    path = "/v1/periods",
    tag = "shifts",
    responses((status = 200, body = Closed, description = "Up to when the books are closed now"))
)]
async fn close_period(State(app): State<App>, Json(form): Json<Period>) -> Result<Json<Closed>, Problem> {
    let until = BusinessDay::parse(&form.until).map_err(|error| Problem::bad_request(&error))?;
    app.write(move |till, now| {
        let shop = shop_of(till, form.shop.as_deref())?;
        till.close_period(&shop, until, &form.reason, (&Person::named(&form.by), now))?;
        shown(till, &shop)
    })
    .await
}

fn shown(till: &Till, shop: &ShopId) -> Result<Json<Closed>, Problem> {
    Ok(Json(Closed { until: till.period_closed(shop)?.map(|day| day.to_string()) }))
}
