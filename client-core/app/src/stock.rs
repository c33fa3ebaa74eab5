//! Stock over the API: what there is, and what came, went or was counted.

use crate::App;
use crate::api::{request_key, shop_of};
use crate::problem::Problem;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::{FactId, Kind, Level, Person, ProductId, Quantity, ShopId, StockMove, Timestamp, Why};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use till::Till;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/stock", get(stock))
        .route("/v1/stock/received", post(received))
        .route("/v1/stock/transferred", post(transferred))
        .route("/v1/stock/counted", post(counted))
}

#[derive(Deserialize)]
struct Which {
    shop: Option<String>,
    state: Option<String>,
}

#[derive(Serialize)]
struct Stock {
    stock: Vec<StockForm>,
    /// From when on everything is here, on a till that has not all of the history; what there was before of a
    /// product is known where somebody counted it since.
    since: Option<String>,
}

#[derive(Serialize)]
struct StockForm {
    product: String,
    /// What the catalogue calls it; its id, if it is not there.
    name: String,
    level: String,
    /// More was sold than was known to be there.
    below: bool,
    /// This is what there is. Else it is by how much it changed since the history here begins.
    whole: bool,
}

/// Goods that moved.
#[derive(Deserialize)]
struct Move {
    shop: Option<String>,
    goods: Vec<MovedForm>,
    /// `in` or `out`, of a transfer.
    direction: Option<String>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    by: String,
}

#[derive(Deserialize)]
struct MovedForm {
    product: String,
    /// How much came, went, or is there.
    quantity: String,
}

#[derive(Serialize)]
struct Recorded {
    id: String,
    stock: Vec<StockForm>,
}

async fn stock(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Stock>, Problem> {
    app.with(move |till, _| {
        let below = match which.state.as_deref() {
            None | Some("all") => false,
            Some("below") => true,
            Some(_) => return Err(Problem::bad_request("the state is below or all")),
        };
        let shop = shop_of(till, which.shop.as_deref())?;
        let since = till.stock_since(&shop)?.map(|at| at.to_string());
        Ok(Json(Stock { stock: listed(till, &shop, below)?, since }))
    })
    .await
}

fn listed(till: &Till, shop: &ShopId, below: bool) -> Result<Vec<StockForm>, Problem> {
    let products = till.registers(shop, Kind::Product)?.into_iter();
    let name = |register: domain::Register| match register.leading.item {
        domain::Item::Product(product) => Some((product.id, product.name)),
        _ => None,
    };
    let names: BTreeMap<ProductId, String> = products.filter_map(name).collect();
    let rows = till.stock(shop, below)?.into_iter();
    Ok(rows
        .map(|row| StockForm {
            name: names.get(&row.product).cloned().unwrap_or_else(|| row.product.to_string()),
            product: row.product.to_string(),
            level: row.level.to_string(),
            below: row.whole && row.level < Level::NONE,
            whole: row.whole,
        })
        .collect())
}

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
