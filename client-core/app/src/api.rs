//! The native API under `/v1`: what the pages use, and other programs may.

use crate::App;
use crate::cart::NewSale;
use crate::forms::{PaymentForm, SaleForm, StatusForm, View};
use crate::openapi::values::{By, FactName, Reason, Receipt, RequestKey, ShopName};
use crate::problem::Problem;
use crate::siblings::{NewPlace, SiblingsForm, read_address};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use domain::{FactId, Person, ReceiptCode, ShopId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::convert::Infallible;
use till::{SaleFilter, Till};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most rows one answer lists.
const MAX_LIMIT: u32 = 200;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(status))
        .routes(routes!(sync))
        .routes(routes!(siblings, meet))
        .routes(routes!(part))
        .routes(routes!(events))
        .routes(routes!(sales, sell))
        .routes(routes!(sale))
        .routes(routes!(void))
        .routes(routes!(printed))
        .routes(routes!(release))
        .routes(routes!(payments))
        .routes(routes!(payment))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// At head office: which shop; every one where none is named.
    #[param(value_type = Option<ShopName>)]
    shop: Option<String>,
    /// Which of them. Sales: `open`, `over` (something has to go back),
    /// `conflict` or `all`. Payments: `unclaimed`, `disagreeing`, `held` or `all`.
    #[param(example = "open")]
    state: Option<String>,
    /// At most so many: 1 to 200, 50 unless told otherwise.
    #[param(example = 50)]
    limit: Option<u32>,
    /// Only sales before this one: the `next` of the answer before.
    #[param(value_type = Option<FactName>)]
    before: Option<String>,
}

/// A page of sales.
#[derive(Serialize, ToSchema)]
struct Sales {
    /// The sales, the newest first.
    sales: Vec<SaleForm>,
    /// Says `before` which sale the next page begins; nothing on the last one.
    #[schema(value_type = Option<FactName>)]
    next: Option<String>,
}

/// Payments.
#[derive(Serialize, ToSchema)]
struct Payments {
    /// The payments, the newest first.
    payments: Vec<PaymentForm>,
}

/// What a release gives.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Freed {
    /// The sale that the payment was claimed for.
    Sale(Box<SaleForm>),
    /// The payment, where that sale is not here.
    Payment(Box<PaymentForm>),
}

/// Who does it.
#[derive(Deserialize, ToSchema)]
struct Doer {
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// Who does it, and why.
#[derive(Deserialize, ToSchema)]
struct Because {
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
    /// Why.
    #[serde(default)]
    #[schema(value_type = Reason)]
    reason: String,
}

/// How this till or head office is: the line, the shop, the day.
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "till",
    responses((status = 200, body = StatusForm, description = "How it is"))
)]
async fn status(State(app): State<App>) -> Result<Json<StatusForm>, Problem> {
    app.with(|till, now| Ok(Json(View::of(till, now)?.status()?))).await
}

/// Syncs now. Being offline is no error here: the status says so.
#[utoipa::path(
    post,
    path = "/v1/sync",
    tag = "till",
    responses((status = 200, body = StatusForm, description = "How it is after that"))
)]
async fn sync(State(app): State<App>) -> Result<Json<StatusForm>, Problem> {
    let synced = app.with(|till, now| {
        if let Err(error) = till.sync(now) {
            tracing::info!(%error, "a sync was asked for and failed");
        }
        Ok(Json(View::of(till, now)?.status()?))
    });
    let synced = synced.await;
    // If the line is back, the thread should not sit out its pause.
    app.nudge.nudge();
    synced
}

/// The other tills of the shop, when we met last, and what waits for them.
#[utoipa::path(
    get,
    path = "/v1/siblings",
    tag = "till",
    responses((status = 200, body = SiblingsForm, description = "The tills, and the places that are tried"))
)]
async fn siblings(State(app): State<App>) -> Result<Json<SiblingsForm>, Problem> {
    let places = app.siblings.places();
    app.with(move |till, _| Ok(Json(SiblingsForm::of(till, places)?))).await
}

/// Tries an address that somebody typed, from now on, until it is forgotten.
#[utoipa::path(
    post,
    path = "/v1/siblings",
    tag = "till",
    responses((status = 200, body = SiblingsForm, description = "The tills, and the places that are tried"))
)]
async fn meet(State(app): State<App>, Json(form): Json<NewPlace>) -> Result<Json<SiblingsForm>, Problem> {
    let address = read_address(&form.address).map_err(Problem::bad_request)?;
    let kept = address.clone();
    app.with(move |till, _| Ok(till.keep_place(&kept)?)).await?;
    app.siblings.try_at(address);
    siblings(State(app)).await
}

/// Tries an address no more.
#[utoipa::path(
    delete,
    path = "/v1/siblings/{address}",
    tag = "till",
    params(("address" = String, Path, description = "The address, as it was typed", example = "192.168.1.20:8311")),
    responses((status = 200, body = SiblingsForm, description = "The tills, and the places that are tried"))
)]
async fn part(State(app): State<App>, Path(address): Path<String>) -> Result<Json<SiblingsForm>, Problem> {
    app.siblings.forget(&address);
    app.with(move |till, _| Ok(till.forget_place(&address)?)).await?;
    siblings(State(app)).await
}

/// Tells, as server-sent events, that something changed: `change` with nothing in it, and `reversed` with the sale
/// of which a payment went back.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "till",
    responses((status = 200, body = String, content_type = "text/event-stream", description = "Events, until the listener leaves"))
)]
async fn events(State(app): State<App>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // Somebody opened a page, and wants to see how things are now.
    app.nudge.nudge();
    let changes = BroadcastStream::new(app.events.subscribe());
    // A listener that was too slow has missed changes, which is a change.
    let events = changes.map(|change| {
        Ok(match change {
            Ok(till::Event::Reversed(sale)) => {
                Event::default().event("reversed").data(json!({ "sale": sale.to_string() }).to_string())
            }
            _ => Event::default().event("change").data("{}"),
        })
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Sells: once this is answered, the sale is on the disk. Needs no network.
#[utoipa::path(
    post,
    path = "/v1/sales",
    tag = "sales",
    params(RequestKey),
    responses((status = 201, body = SaleForm, description = "The sale"), (status = 200, body = SaleForm, description = "The same request was answered before, with this sale"))
)]
async fn sell(
    State(app): State<App>,
    headers: HeaderMap,
    Json(form): Json<NewSale>,
) -> Result<impl IntoResponse, Problem> {
    let key = request_key(&headers)?;
    app.write(move |till, now| {
        let (sale, by) = form.read(till)?;
        let sold = till.sell(sale, &by, now, key.as_deref())?;
        let status = if sold.repeated { StatusCode::OK } else { StatusCode::CREATED };
        Ok((status, Json(View::of(till, now)?.sale(&sold.sale)?)))
    })
    .await
}

/// Sales, the newest first.
#[utoipa::path(
    get,
    path = "/v1/sales",
    tag = "sales",
    responses((status = 200, body = Sales, description = "The sales"))
)]
async fn sales(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Sales>, Problem> {
    app.with(move |till, now| {
        let filter = match which.state.as_deref() {
            None | Some("all") => SaleFilter::All,
            Some("open") => SaleFilter::Open,
            Some("conflict") => SaleFilter::Conflict,
            Some("over") => SaleFilter::Over,
            Some(_) => return Err(Problem::bad_request("the state is open, over, conflict or all")),
        };
        let before = which.before.as_deref().map(read_id).transpose()?;
        let limit = which.limit.unwrap_or(50).clamp(1, MAX_LIMIT);
        let view = View::of(till, now)?;
        let mut rows = Vec::new();
        for shop in shops_of(till, which.shop.as_deref())? {
            rows.extend(till.sales(&shop, filter, before, limit)?);
        }
        rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.number)));
        let length = usize::try_from(limit).unwrap_or(usize::MAX);
        rows.truncate(length);
        let next = rows.last().filter(|_| rows.len() == length).map(|row| row.id.to_string());
        let sales = rows.iter().map(|row| view.sale(row)).collect::<Result<_, _>>()?;
        Ok(Json(Sales { sales, next }))
    })
    .await
}

/// One sale, with its history.
#[utoipa::path(
    get,
    path = "/v1/sales/{id}",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale")),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn sale(State(app): State<App>, Path(id): Path<String>) -> Result<Json<SaleForm>, Problem> {
    app.with(move |till, now| Ok(Json(View::of(till, now)?.sale_with_history(read_id(&id)?)?))).await
}

/// Says that the receipt came out: whoever printed it does, once the paper is out.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/printed",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale"), RequestKey),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn printed(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<Doer>,
) -> Result<Json<SaleForm>, Problem> {
    let key = request_key(&headers)?;
    app.change(move |till, now| {
        Ok(till.printed(read_id(&id)?, &Person::named(&form.by), now, key.as_deref())?.id)
    })
    .await
}

/// Cancels a sale; what was claimed for it is free again.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/void",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale")),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn void(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Because>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| Ok(till.void(read_id(&id)?, &form.reason, &Person::named(&form.by), now)?.id))
        .await
}

/// Takes a claim back, so that the payment is free for another sale.
/// Gives the sale that the payment was claimed for; the payment, where that sale is not here.
#[utoipa::path(
    post,
    path = "/v1/claims/{id}/release",
    tag = "payments",
    params(("id" = FactName, Path, description = "The claim")),
    responses((status = 200, body = Freed, description = "The sale, or the payment"))
)]
async fn release(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Because>,
) -> Result<Json<Freed>, Problem> {
    app.write(move |till, now| {
        let (claim, by) = (read_id(&id)?, Person::named(&form.by));
        let found = till.claimed(claim)?;
        let sale = till.release(claim, &form.reason, &by, now)?;
        let view = View::of(till, now)?;
        Ok(Json(match sale {
            Some(sale) => Freed::Sale(Box::new(view.sale_with_history(sale.id)?)),
            None => Freed::Payment(Box::new(view.payment_with_history(&found.shop, &found.receipt)?)),
        }))
    })
    .await
}

/// Payments, the newest first.
#[utoipa::path(
    get,
    path = "/v1/payments",
    tag = "payments",
    responses((status = 200, body = Payments, description = "The payments"))
)]
async fn payments(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Payments>, Problem> {
    app.with(move |till, now| {
        let limit = which.limit.unwrap_or(50).clamp(1, MAX_LIMIT);
        let view = View::of(till, now)?;
        let mut rows = Vec::new();
        for shop in shops_of(till, which.shop.as_deref())? {
            rows.extend(match which.state.as_deref() {
                None | Some("all") => till.payments(&shop, false, limit)?,
                Some("unclaimed") => till.payments(&shop, true, limit)?,
                Some("disagreeing") => till.disagreeing_payments(&shop, limit)?,
                Some("held") => till.held_payments(&shop, limit)?,
                Some(_) => return Err(Problem::bad_request("the state is unclaimed, disagreeing or all")),
            });
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.paid_at));
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Json(Payments { payments: rows.iter().map(|row| view.payment(row)).collect() }))
    })
    .await
}

/// One payment, with its history.
#[utoipa::path(
    get,
    path = "/v1/payments/{receipt}",
    tag = "payments",
    params(("receipt" = Receipt, Path, description = "Its code")),
    responses((status = 200, body = PaymentForm, description = "The payment"))
)]
async fn payment(
    State(app): State<App>,
    Path(receipt): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<PaymentForm>, Problem> {
    app.with(move |till, now| {
        let shop = shop_of(till, which.shop.as_deref())?;
        let receipt = ReceiptCode::parse_typed(&receipt).map_err(|e| Problem::bad_request(&e))?;
        Ok(Json(View::of(till, now)?.payment_with_history(&shop, &receipt)?))
    })
    .await
}

impl App {
    /// Does something to a sale, shows the sale, and lets the cloud know soon.
    pub(crate) async fn change(
        &self,
        work: impl FnOnce(&Till, domain::Timestamp) -> Result<FactId, Problem> + Send + 'static,
    ) -> Result<Json<SaleForm>, Problem> {
        self.write(move |till, now| {
            let id = work(till, now)?;
            Ok(Json(View::of(till, now)?.sale_with_history(id)?))
        })
        .await
    }

    /// Does something that the cloud should hear of, and lets it know soon.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Till, domain::Timestamp) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let done = self.with(work).await;
        self.nudge.nudge();
        done
    }
}

/// The key that makes a request repeatable.
pub(crate) fn request_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 200) {
        return Err(Problem::bad_request("an Idempotency-Key has 1 to 200 characters"));
    }
    Ok(key)
}

pub(crate) fn read_id(text: &str) -> Result<FactId, Problem> {
    text.parse().map_err(|e: domain::IdError| Problem::not_found(&e))
}

/// The shop that was named; at a till, its only one.
pub(crate) fn shop_of(till: &Till, named: Option<&str>) -> Result<ShopId, Problem> {
    match named {
        Some(name) => ShopId::parse(name).map_err(|e| Problem::bad_request(&e)),
        None => Ok(till.only_shop()?.id),
    }
}

/// The shop that was named, or every one.
pub(crate) fn shops_of(till: &Till, named: Option<&str>) -> Result<Vec<ShopId>, Problem> {
    match named {
        Some(name) => Ok(vec![ShopId::parse(name).map_err(|e| Problem::bad_request(&e))?]),
        None => Ok(till.shops()?.into_iter().map(|shop| shop.id).collect()),
    }
}
