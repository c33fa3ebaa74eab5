//! Shifts over the API: opening a drawer, cash in and out, money back, the X report, closing, and the Z reports of
//! a shop.

use crate::App;
use crate::api::{read_id, request_key, shop_of};
use crate::forms::{SaleForm, View};
use crate::problem::Problem;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::{Money, Person, Report, Takings};
use serde::{Deserialize, Serialize};
use till::{Closed, Till};

/// The most closings that one answer lists.
const MAX_LISTED: u32 = 100;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/shift", get(shift))
        .route("/v1/shift/open", post(open))
        .route("/v1/shift/cash", post(cash))
        .route("/v1/shift/report", get(report))
        .route("/v1/shift/close", post(close))
        .route("/v1/shifts", get(shifts))
        .route("/v1/sales/{id}/refund", post(refund))
}

#[derive(Deserialize)]
struct Open {
    float: String,
    #[serde(default)]
    by: String,
}

/// Cash put `in` or taken `out`.
#[derive(Deserialize)]
struct Cash {
    amount: String,
    direction: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    by: String,
}

#[derive(Deserialize)]
struct Close {
    counted: String,
    #[serde(default)]
    by: String,
}

#[derive(Deserialize)]
struct Refund {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    by: String,
}

#[derive(Deserialize)]
struct Which {
    shop: Option<String>,
}

/// What a cashier may see before counting.
#[derive(Serialize)]
struct ShiftForm {
    opened: Option<String>,
}

#[derive(Serialize)]
struct Shifts {
    shifts: Vec<ClosedForm>,
}

#[derive(Serialize)]
struct ClosedForm {
    id: String,
    /// The till's letter and the report's number.
    name: String,
    till_name: String,
    at: String,
    by: String,
    counted: String,
    /// What was counted beyond what should have been there; below nothing, it was short.
    difference: String,
    report: ReportForm,
    /// Stands for this document and everything its till wrote before it.
    seal: String,
}

#[derive(Serialize)]
struct ReportForm {
    number: u64,
    opened: Option<String>,
    drawer: DrawerForm,
    takings: TakingsForm,
    /// What became known of earlier shifts, by the number of their report.
    late: Vec<LateForm>,
    unsent: u64,
}

#[derive(Serialize)]
struct DrawerForm {
    float: String,
    sales: String,
    paid_in: String,
    paid_out: String,
    refunds: String,
    expected: String,
}

#[derive(Serialize)]
struct LateForm {
    number: u64,
    #[serde(flatten)]
    takings: TakingsForm,
}

#[derive(Serialize)]
struct TakingsForm {
    sales: i64,
    total: String,
    cash: String,
    verified: String,
    claimed: String,
    contradicted: String,
    open: String,
    over: String,
    voids: i64,
    voided: String,
}

impl From<&Takings> for TakingsForm {
    fn from(it: &Takings) -> Self {
        Self {
            sales: it.sales,
            total: it.total.to_string(),
            cash: it.cash.to_string(),
            verified: it.verified.to_string(),
            claimed: it.claimed.to_string(),
            contradicted: it.contradicted.to_string(),
            open: it.open.to_string(),
            over: it.over.to_string(),
            voids: it.voids,
            voided: it.voided.to_string(),
        }
    }
}

impl From<&Report> for ReportForm {
    fn from(report: &Report) -> Self {
        let drawer = &report.drawer;
        Self {
            number: report.number,
            opened: report.opened.map(|at| at.to_string()),
            drawer: DrawerForm {
                float: drawer.float.to_string(),
                sales: drawer.sales.to_string(),
                paid_in: drawer.paid_in.to_string(),
                paid_out: drawer.paid_out.to_string(),
                refunds: drawer.refunds.to_string(),
                expected: drawer.expected().to_string(),
            },
            takings: (&report.takings).into(),
            late: report
                .late
                .iter()
                .map(|(number, takings)| LateForm { number: *number, takings: takings.into() })
                .collect(),
            unsent: report.unsent,
        }
    }
}

fn closed_form(view: &View<'_>, closed: &Closed) -> ClosedForm {
    let Closed { id, at, by, closing, seal } = closed;
    ClosedForm {
        id: id.to_string(),
        name: format!("{}{}", view.letter(id.actor), closing.report.number),
        till_name: view.name(id.actor.till),
        at: at.to_string(),
        by: by.as_str().to_owned(),
        counted: closing.counted.to_string(),
        difference: closing.difference().to_string(),
        report: (&closing.report).into(),
        seal: seal.clone(),
    }
}

async fn shift(State(app): State<App>) -> Result<Json<ShiftForm>, Problem> {
    app.with(|till, _| Ok(Json(shown(till)?))).await
}

fn shown(till: &Till) -> Result<ShiftForm, Problem> {
    Ok(ShiftForm { opened: till.shift_opened()?.map(|at| at.to_string()) })
}

async fn open(
    State(app): State<App>,
    headers: HeaderMap,
    Json(form): Json<Open>,
) -> Result<(StatusCode, Json<ShiftForm>), Problem> {
    let key = request_key(&headers)?;
    let float = amount(&form.float)?;
    app.write(move |till, now| {
        till.open_shift(float, &Person::named(&form.by), now, key.as_deref())?;
        Ok((StatusCode::CREATED, Json(shown(till)?)))
    })
    .await
}

async fn cash(
    State(app): State<App>,
    headers: HeaderMap,
    Json(form): Json<Cash>,
) -> Result<(StatusCode, Json<ShiftForm>), Problem> {
    let key = request_key(&headers)?;
    let size = amount(&form.amount)?;
    let amount = match form.direction.as_str() {
        "in" => size,
        "out" => -size,
        _ => return Err(Problem::bad_request("the direction is in or out")),
    };
    app.write(move |till, now| {
        till.move_cash(amount, &form.reason, &Person::named(&form.by), now, key.as_deref())?;
        Ok((StatusCode::CREATED, Json(shown(till)?)))
    })
    .await
}

/// The X report.
async fn report(State(app): State<App>) -> Result<Json<ReportForm>, Problem> {
    app.with(|till, now| Ok(Json((&till.shift(now)?).into()))).await
}

/// Gives the Z report.
async fn close(
    State(app): State<App>,
    headers: HeaderMap,
    Json(form): Json<Close>,
) -> Result<(StatusCode, Json<ClosedForm>), Problem> {
    let key = request_key(&headers)?;
    let counted = amount(&form.counted)?;
    app.write(move |till, now| {
        let closed = till.close_shift(counted, &Person::named(&form.by), now, key.as_deref())?;
        Ok((StatusCode::CREATED, Json(closed_form(&View::of(till, now)?, &closed))))
    })
    .await
}

async fn shifts(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Shifts>, Problem> {
    app.with(move |till, now| {
        let shop = shop_of(till, which.shop.as_deref())?;
        let (view, closings) = (View::of(till, now)?, till.closings(&shop, MAX_LISTED)?);
        Ok(Json(Shifts { shifts: closings.iter().map(|closed| closed_form(&view, closed)).collect() }))
    })
    .await
}

async fn refund(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<Refund>,
) -> Result<Json<SaleForm>, Problem> {
    let key = request_key(&headers)?;
    app.change(move |till, now| {
        let by = Person::named(&form.by);
        Ok(till.give_back(read_id(&id)?, &form.reason, &by, now, key.as_deref())?.id)
    })
    .await
}

fn amount(text: &str) -> Result<Money, Problem> {
    Money::parse(text.trim()).map_err(|error| Problem::bad_request(&error))
}
