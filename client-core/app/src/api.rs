//! The native API under `/v1`: what the pages use, and other programs may.

use crate::App;
use crate::cart::NewSale;
use crate::forms::{CandidateForm, PaymentForm, SaleForm, StatusForm, View};
use crate::problem::Problem;
use crate::siblings::{NewPlace, SiblingsForm, read_address};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use domain::{FactId, How, Person, ReceiptCode, ShopId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::convert::Infallible;
use till::{SaleFilter, Till};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt};

/// The most rows one answer lists.
const MAX_LIMIT: u32 = 200;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/sync", post(sync))
        .route("/v1/siblings", get(siblings).post(meet))
        .route("/v1/siblings/{address}", delete(part))
        .route("/v1/events", get(events))
        .route("/v1/sales", get(sales).post(sell))
        .route("/v1/sales/{id}", get(sale))
        .route("/v1/sales/{id}/candidates", get(candidates))
        .route("/v1/sales/{id}/claims", post(claim))
        .route("/v1/sales/{id}/cash", post(cash))
        .route("/v1/sales/{id}/void", post(void))
        .route("/v1/sales/{id}/printed", post(printed))
        .route("/v1/claims/{id}/release", post(release))
        .route("/v1/payments", get(payments))
        .route("/v1/payments/{receipt}", get(payment))
}

#[derive(Deserialize)]
struct Which {
    shop: Option<String>,
    state: Option<String>,
    limit: Option<u32>,
    before: Option<String>,
}

#[derive(Serialize)]
struct Sales {
    sales: Vec<SaleForm>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Payments {
    payments: Vec<PaymentForm>,
}

#[derive(Serialize)]
struct Candidates {
    candidates: Vec<CandidateForm>,
    as_of: Option<String>,
}

#[derive(Deserialize)]
struct By {
    #[serde(default)]
    by: String,
}

#[derive(Deserialize)]
struct Because {
    #[serde(default)]
    by: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct NewClaim {
    receipt: String,
    how: String,
    #[serde(default)]
    by: String,
    /// Another till was first, and whoever claims knows it.
    #[serde(default)]
    despite: bool,
}

async fn status(State(app): State<App>) -> Result<Json<StatusForm>, Problem> {
    app.with(|till, now| Ok(Json(View::of(till, now)?.status()?))).await
}

/// Syncs now. Being offline is no error here: the status says so.
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
async fn siblings(State(app): State<App>) -> Result<Json<SiblingsForm>, Problem> {
    let places = app.siblings.places();
    app.with(move |till, _| Ok(Json(SiblingsForm::of(till, places)?))).await
}

/// Tries an address that somebody typed, from now on, until it is forgotten.
async fn meet(State(app): State<App>, Json(form): Json<NewPlace>) -> Result<Json<SiblingsForm>, Problem> {
    let address = read_address(&form.address).map_err(Problem::bad_request)?;
    let kept = address.clone();
    app.with(move |till, _| Ok(till.keep_place(&kept)?)).await?;
    app.siblings.try_at(address);
    siblings(State(app)).await
}

/// Tries an address no more.
async fn part(State(app): State<App>, Path(address): Path<String>) -> Result<Json<SiblingsForm>, Problem> {
    app.siblings.forget(&address);
    app.with(move |till, _| Ok(till.forget_place(&address)?)).await?;
    siblings(State(app)).await
}

async fn events(State(app): State<App>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
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

async fn sales(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Sales>, Problem> {
    app.with(move |till, now| {
        let filter = match which.state.as_deref() {
            None | Some("all") => SaleFilter::All,
            Some("open") => SaleFilter::Open,
            Some("conflict") => SaleFilter::Conflict,
            Some(_) => return Err(Problem::bad_request("the state is open, conflict or all")),
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

async fn sale(State(app): State<App>, Path(id): Path<String>) -> Result<Json<SaleForm>, Problem> {
    app.with(move |till, now| Ok(Json(View::of(till, now)?.sale_with_history(read_id(&id)?)?))).await
}

async fn candidates(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Candidates>, Problem> {
    app.with(move |till, now| {
        let candidates = View::of(till, now)?.candidates(read_id(&id)?)?;
        let as_of = till.status()?.last_contact.map(|at| at.to_string());
        Ok(Json(Candidates { candidates, as_of }))
    })
    .await
}

async fn claim(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<NewClaim>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| {
        let how = match form.how.as_str() {
            "picked" => How::Picked,
            "typed" => How::Typed,
            _ => return Err(Problem::bad_request("a claim is picked or typed")),
        };
        let receipt = ReceiptCode::parse_typed(&form.receipt).map_err(|e| Problem::bad_request(&e))?;
        let (sale, by) = (read_id(&id)?, Person::named(&form.by));
        let claimed = match form.despite {
            true => till.claim_despite(sale, receipt, how, &by, now),
            false => till.claim(sale, receipt, how, &by, now),
        };
        Ok(claimed?.id)
    })
    .await
}

async fn cash(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<By>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| Ok(till.take_cash(read_id(&id)?, &Person::named(&form.by), now)?.id)).await
}

/// Whoever printed the receipt says so, once the paper is out.
async fn printed(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<By>,
) -> Result<Json<SaleForm>, Problem> {
    let key = request_key(&headers)?;
    app.change(move |till, now| {
        Ok(till.printed(read_id(&id)?, &Person::named(&form.by), now, key.as_deref())?.id)
    })
    .await
}

async fn void(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Because>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| Ok(till.void(read_id(&id)?, &form.reason, &Person::named(&form.by), now)?.id))
        .await
}

/// Gives the sale that the payment was claimed for; the payment, where that sale is not here.
async fn release(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Because>,
) -> Result<Response, Problem> {
    app.write(move |till, now| {
        let (claim, by) = (read_id(&id)?, Person::named(&form.by));
        let found = till.claimed(claim)?;
        let sale = till.release(claim, &form.reason, &by, now)?;
        let view = View::of(till, now)?;
        Ok(match sale {
            Some(sale) => Json(view.sale_with_history(sale.id)?).into_response(),
            None => Json(view.payment_with_history(&found.shop, &found.receipt)?).into_response(),
        })
    })
    .await
}

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
fn shops_of(till: &Till, named: Option<&str>) -> Result<Vec<ShopId>, Problem> {
    match named {
        Some(name) => Ok(vec![ShopId::parse(name).map_err(|e| Problem::bad_request(&e))?]),
        None => Ok(till.shops()?.into_iter().map(|shop| shop.id).collect()),
    }
}
