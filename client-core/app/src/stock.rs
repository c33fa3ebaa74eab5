//! Stock over the API: what there is, and what came, went or was counted.

use crate::App;
use crate::api::{request_key, shop_of};
use crate::openapi::values::{By, FactName, ItemName, Measure, RequestKey, ShopName, Time};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use domain::{FactId, Kind, Level, Person, ProductId, Quantity, ShopId, StockMove, Timestamp, Why};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use till::Till;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(stock))
        .routes(routes!(received))
        .routes(routes!(transferred))
        .routes(routes!(counted))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Which shop. A till has only one, and needs no name.
    #[param(value_type = Option<ShopName>)]
    shop: Option<String>,
    /// `below` for what is below nothing alone, `low` for what has to be bought; else `all`.
    #[param(example = "below")]
    state: Option<String>,
}

/// Stock.
#[derive(Serialize, ToSchema)]
struct Stock {
    /// Each product of which something is known.
    stock: Vec<StockForm>,
    /// From when on everything is here, on a till that has not all of the history; what there was before of a
    /// product is known where somebody counted it since.
    #[schema(value_type = Option<Time>)]
    since: Option<String>,
}

/// What there is of a product.
#[derive(Serialize, ToSchema)]
struct StockForm {
    /// The product.
    #[schema(value_type = ItemName)]
    product: String,
    /// What the catalogue calls it; its id, if it is not there.
    #[schema(example = "Soda, crate")]
    name: String,
    /// How much, in its unit; below nothing where more was sold than was known to be there.
    #[schema(value_type = Measure)]
    level: String,
    /// More was sold than was known to be there.
    below: bool,
    /// More of it has to be bought.
    low: bool,
    /// At which level, or below it, that is said.
    #[schema(value_type = Option<Measure>)]
    low_at: Option<String>,
    /// This is what there is. Else it is by how much it changed since the history here begins.
    whole: bool,
}

/// Goods that moved.
#[derive(Deserialize, ToSchema)]
struct Move {
    /// Which shop. A till has only one, and needs no name.
    #[schema(value_type = Option<ShopName>)]
    shop: Option<String>,
    /// What moved: at least one.
    goods: Vec<MovedForm>,
    /// `in` or `out`, of a transfer.
    #[schema(example = "in")]
    direction: Option<String>,
    /// From or to whom, or what for.
    #[serde(default)]
    #[schema(example = "Coast Bottlers")]
    note: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// How much of one product.
#[derive(Deserialize, ToSchema)]
struct MovedForm {
    /// The product.
    #[schema(value_type = ItemName)]
    product: String,
    /// How much came, went, or is there.
    #[schema(value_type = Measure)]
    quantity: String,
}

/// What was recorded.
#[derive(Serialize, ToSchema)]
struct Recorded {
    /// Its name.
    #[schema(value_type = FactName)]
    id: String,
    /// The stock of the goods that were named, as it is now.
    stock: Vec<StockForm>,
}

/// What there is of each product.
#[utoipa::path(
    get,
    path = "/v1/stock",
    tag = "stock",
    responses((status = 200, body = Stock, description = "The stock"))
)]
async fn stock(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Stock>, Problem> {
    app.with(move |till, _| {
        let (below, low) = match which.state.as_deref() {
            None | Some("all") => (false, false),
            Some("below") => (true, false),
            Some("low") => (false, true),
            Some(_) => return Err(Problem::bad_request("the state is below, low or all")),
        };
        let shop = shop_of(till, which.shop.as_deref())?;
        let since = till.stock_since(&shop)?.map(|at| at.to_string());
        let mut stock = listed(till, &shop, below)?;
        stock.retain(|it| it.low || !low);
        Ok(Json(Stock { stock, since }))
    })
    .await
}

fn listed(till: &Till, shop: &ShopId, below: bool) -> Result<Vec<StockForm>, Problem> {
    let products = till.registers(shop, Kind::Product)?.into_iter();
    let known = |register: domain::Register| match register.leading.item {
        domain::Item::Product(product) => Some((product.id, (product.name, product.low_at))),
        _ => None,
    };
    let known: BTreeMap<ProductId, (String, Option<Quantity>)> = products.filter_map(known).collect();
    let rows = till.stock(shop, below)?.into_iter();
    Ok(rows
        .map(|row| {
            let (name, low_at) =
                known.get(&row.product).cloned().unwrap_or_else(|| (row.product.to_string(), None));
            StockForm {
                name,
                product: row.product.to_string(),
                level: row.level.to_string(),
                below: row.whole && row.level < Level::NONE,
                low: row.whole && low_at.is_some_and(|low| row.level <= low.into()),
                low_at: low_at.map(|low| low.to_string()),
                whole: row.whole,
            }
        })
        .collect())
}

/// Goods came from a supplier.
#[utoipa::path(
    post,
    path = "/v1/stock/received",
    tag = "stock",
    params(RequestKey),
    responses((status = 201, body = Recorded, description = "What was recorded, and the stock of those goods now"))
)]
async fn received(
    State(app): State<App>,
    headers: HeaderMap,
    Json(form): Json<Move>,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    record(&app, &headers, form, |till, shop, form, now, key| {
        moved(till, shop, form, Why::Received, now, key)
    })
    .await
}

/// Goods came from, or went to, another shop.
#[utoipa::path(
    post,
    path = "/v1/stock/transferred",
    tag = "stock",
    params(RequestKey),
    responses((status = 201, body = Recorded, description = "What was recorded, and the stock of those goods now"))
)]
async fn transferred(
    State(app): State<App>,
    headers: HeaderMap,
    Json(form): Json<Move>,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    let why = match form.direction.as_deref() {
        Some("in") => Why::TransferredIn,
        Some("out") => Why::TransferredOut,
        _ => return Err(Problem::bad_request("the direction is in or out")),
    };
    record(&app, &headers, form, move |till, shop, form, now, key| moved(till, shop, form, why, now, key))
        .await
}

/// Somebody counted goods: that is what there is, whatever was reckoned.
#[utoipa::path(
    post,
    path = "/v1/stock/counted",
    tag = "stock",
    params(RequestKey),
    responses((status = 201, body = Recorded, description = "What was recorded, and the stock of those goods now"))
)]
async fn counted(
    State(app): State<App>,
    headers: HeaderMap,
    Json(form): Json<Move>,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    record(&app, &headers, form, |till, shop, form, now, key| {
        let level = |it: &MovedForm| -> Result<_, Problem> {
            let level = Level::parse_counted(&it.quantity).map_err(|e| Problem::bad_request(&e))?;
            Ok((read_product(&it.product)?, level))
        };
        let counted = form.goods.iter().map(level).collect::<Result<BTreeMap<_, _>, _>>()?;
        if counted.len() != form.goods.len() {
            return Err(Problem::bad_request("count each product once"));
        }
        Ok(till.count_goods(shop, &counted, &form.note, &Person::named(&form.by), now, key)?)
    })
    .await
}

fn moved(
    till: &Till,
    shop: &ShopId,
    form: &Move,
    why: Why,
    now: Timestamp,
    key: Option<&str>,
) -> Result<FactId, Problem> {
    let quantity = |it: &MovedForm| -> Result<_, Problem> {
        let quantity = Quantity::parse(&it.quantity).map_err(|e| Problem::bad_request(&e))?;
        Ok((read_product(&it.product)?, quantity))
    };
    let goods = form.goods.iter().map(quantity).collect::<Result<Vec<_>, _>>()?;
    let moved = StockMove::moved(why, &form.note, goods).map_err(|e| Problem::bad_request(&e))?;
    Ok(till.move_goods(shop, moved, &Person::named(&form.by), now, key)?)
}

/// Records what moved, and shows the stock of what it moved.
async fn record(
    app: &App,
    headers: &HeaderMap,
    form: Move,
    write: impl FnOnce(&Till, &ShopId, &Move, Timestamp, Option<&str>) -> Result<FactId, Problem> + Send + 'static,
) -> Result<(StatusCode, Json<Recorded>), Problem> {
    let key = request_key(headers)?;
    app.write(move |till, now| {
        let shop = shop_of(till, form.shop.as_deref())?;
        let id = write(till, &shop, &form, now, key.as_deref())?;
        let touched: BTreeSet<&str> = form.goods.iter().map(|it| it.product.as_str()).collect();
        let mut stock = listed(till, &shop, false)?;
        stock.retain(|row| touched.contains(row.product.as_str()));
        Ok((StatusCode::CREATED, Json(Recorded { id: id.to_string(), stock })))
    })
    .await
}

fn read_product(id: &str) -> Result<ProductId, Problem> {
    ProductId::parse(id).map_err(|e| Problem::bad_request(&e))
}
