//! Shifts over the API: opening a drawer, cash in and out, the X report, closing, and the Z reports of
//! a shop.

use crate::App;
use crate::api::{request_key, shop_of};
use crate::forms::View;
use crate::openapi::values::{Amount, By, Day, FactName, Reason, RequestKey, ShopName, Time};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use domain::{BusinessDay, Drawer, Money, Person, Report, Takings, TillId};
use serde::{Deserialize, Serialize};
use till::{Closed, Gauge, Till};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most closings that one answer lists.
const MAX_LISTED: u32 = 100;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(shift))
        .routes(routes!(open))
        .routes(routes!(move_cash))
        .routes(routes!(report))
        .routes(routes!(close))
        .routes(routes!(shifts))
        .routes(routes!(day))
}

/// A shift to be opened.
#[derive(Deserialize, ToSchema)]
struct Open {
    /// What lies in the drawer.
    #[schema(value_type = Amount)]
    float: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// Cash put `in` or taken `out`.
#[derive(Deserialize, ToSchema)]
struct Cash {
    /// How much; above nothing.
    #[schema(value_type = Amount)]
    amount: String,
    /// `in` or `out`.
    #[schema(example = "out")]
    direction: String,
    /// Why.
    #[serde(default)]
    #[schema(value_type = Reason)]
    reason: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

/// A shift to be closed.
#[derive(Deserialize, ToSchema)]
struct Close {
    /// What somebody counted in the drawer, before anybody told what should be there.
    #[schema(value_type = Amount)]
    counted: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Which shop. A till has only one, and needs no name.
    #[param(value_type = Option<ShopName>)]
    shop: Option<String>,
}

/// What a cashier may see before counting.
#[derive(Serialize, ToSchema)]
struct ShiftForm {
    /// Since when the drawer is open, if it is.
    #[schema(value_type = Option<Time>)]
    opened: Option<String>,
    /// What went out at this till on payments that nobody has seen.
    unverified: GaugeForm,
}

/// What went out at this till on codes whose payments nobody has seen, and on customers' words.
#[derive(Serialize, ToSchema)]
struct GaugeForm {
    /// In the shift that goes on.
    #[schema(value_type = Amount)]
    shift: String,
    /// What a shift may have before a manager is asked; nothing where there is no limit.
    #[schema(value_type = Option<Amount>)]
    shift_limit: Option<String>,
    /// In all shifts of this till.
    #[schema(value_type = Amount)]
    till: String,
    /// What a till may have.
    #[schema(value_type = Option<Amount>)]
    till_limit: Option<String>,
    /// The same in words.
    #[schema(example = "unverified M-Pesa this shift 3400.00 of 10000.00")]
    text: String,
}

impl From<Gauge> for GaugeForm {
    fn from(gauge: Gauge) -> Self {
        Self {
            shift: gauge.shift.to_string(),
            shift_limit: gauge.shift_limit.map(|limit| limit.to_string()),
            till: gauge.till.to_string(),
            till_limit: gauge.till_limit.map(|limit| limit.to_string()),
            text: gauge.to_string(),
        }
    }
}

/// Closed shifts.
#[derive(Serialize, ToSchema)]
struct Shifts {
    /// The shifts, the newest first.
    shifts: Vec<ClosedForm>,
}

/// A Z report.
#[derive(Serialize, ToSchema)]
struct ClosedForm {
    /// Its name.
    #[schema(value_type = FactName)]
    id: String,
    /// The till's letter and the report's number.
    #[schema(example = "A7")]
    name: String,
    /// What people call the till.
    #[schema(example = "Front counter")]
    till_name: String,
    /// When it was closed.
    #[schema(value_type = Time)]
    at: String,
    /// Who counted.
    #[schema(value_type = By)]
    by: String,
    /// What was counted.
    #[schema(value_type = Amount)]
    counted: String,
    /// What was counted beyond what should have been there; below nothing, it was short.
    #[schema(value_type = Amount)]
    difference: String,
    /// What the shift was.
    report: ReportForm,
    /// Stands for this document and everything its till wrote before it.
    #[schema(example = "9f2c6b1e…")]
    seal: String,
}

/// An X or Z report.
#[derive(Serialize, ToSchema)]
struct ReportForm {
    /// Its number at this till.
    #[schema(example = 7)]
    number: u64,
    /// When the drawer was opened, if somebody did.
    #[schema(value_type = Option<Time>)]
    opened: Option<String>,
    /// Cash.
    drawer: DrawerForm,
    /// Sales.
    takings: TakingsForm,
    /// What became known of earlier shifts, by the number of their report.
    late: Vec<LateForm>,
    /// How many entries the cloud did not have when it was closed.
    #[schema(example = 0)]
    unsent: u64,
}

/// What should be in the drawer, and why.
#[derive(Serialize, ToSchema)]
struct DrawerForm {
    /// What was in it at the start.
    #[schema(value_type = Amount)]
    float: String,
    /// Cash taken for sales.
    #[schema(value_type = Amount)]
    sales: String,
    /// Cash put in.
    #[schema(value_type = Amount)]
    paid_in: String,
    /// Cash taken out.
    #[schema(value_type = Amount)]
    paid_out: String,
    /// Cash given back.
    #[schema(value_type = Amount)]
    refunds: String,
    /// What should be in it.
    #[schema(value_type = Amount)]
    expected: String,
}

/// A shop's day, as far as is known now.
#[derive(Serialize, ToSchema)]
struct DayReport {
    /// The day.
    #[schema(value_type = Day)]
    day: String,
    /// What its sales brought, with all that became of them since.
    takings: TakingsForm,
    /// What went through its drawers.
    drawer: DrawerForm,
    /// The same of each till.
    tills: Vec<TillDay>,
    /// How fresh this is: when the cloud answered last.
    #[schema(value_type = Option<Time>)]
    as_of: Option<String>,
}

/// A till's part of a day.
#[derive(Serialize, ToSchema)]
struct TillDay {
    /// The number of the till.
    #[schema(example = "7")]
    till: String,
    /// What people call it.
    #[schema(example = "Front counter")]
    till_name: String,
    /// What its sales brought.
    takings: TakingsForm,
    /// What went through its drawer.
    drawer: DrawerForm,
}

/// What became known of an earlier shift.
#[derive(Serialize, ToSchema)]
struct LateForm {
    /// The number of that shift's report.
    #[schema(example = 6)]
    number: u64,
    #[serde(flatten)]
    takings: TakingsForm,
}

/// What was sold, and how it was paid. In what came late, each is by how much it changed.
#[derive(Serialize, ToSchema)]
struct TakingsForm {
    /// How many sales.
    #[schema(example = 57)]
    sales: i64,
    /// What they cost.
    #[schema(value_type = Amount)]
    total: String,
    /// Paid in cash.
    #[schema(value_type = Amount)]
    cash: String,
    /// Paid by M-Pesa, and seen.
    #[schema(value_type = Amount)]
    verified: String,
    /// Claimed to be paid by M-Pesa, and not seen yet.
    #[schema(value_type = Amount)]
    claimed: String,
    /// Claimed, and shown to be wrong.
    #[schema(value_type = Amount)]
    contradicted: String,
    /// Not paid yet.
    #[schema(value_type = Amount)]
    open: String,
    /// Paid beyond what was due, to go back.
    #[schema(value_type = Amount)]
    over: String,
    /// How many sales were cancelled.
    #[schema(example = 1)]
    voids: i64,
    /// What those had cost.
    #[schema(value_type = Amount)]
    voided: String,
    /// What the sales were made cheaper by; the total is without it.
    #[schema(value_type = Amount)]
    discounts: String,
    /// What of them came back; the total is without it.
    #[schema(value_type = Amount)]
    returned: String,
    /// What customers left beyond the sales; it is in the total.
    #[schema(value_type = Amount)]
    tips: String,
    /// By how much more than the cash went into drawers, because there are no smaller coins.
    #[schema(value_type = Amount)]
    rounding: String,
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
            discounts: it.discounts.to_string(),
            returned: it.returned.to_string(),
            tips: it.tips.to_string(),
            rounding: it.rounding.to_string(),
        }
    }
}

impl From<&Drawer> for DrawerForm {
    fn from(it: &Drawer) -> Self {
        Self {
            float: it.float.to_string(),
            sales: it.sales.to_string(),
            paid_in: it.paid_in.to_string(),
            paid_out: it.paid_out.to_string(),
            refunds: it.refunds.to_string(),
            expected: it.expected().to_string(),
        }
    }
}

impl From<&Report> for ReportForm {
    fn from(report: &Report) -> Self {
        Self {
            number: report.number,
            opened: report.opened.map(|at| at.to_string()),
            drawer: (&report.drawer).into(),
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

/// What a cashier may see before counting.
#[utoipa::path(
    get,
    path = "/v1/shift",
    tag = "shifts",
    responses((status = 200, body = ShiftForm, description = "The shift"))
)]
async fn shift(State(app): State<App>) -> Result<Json<ShiftForm>, Problem> {
    app.with(|till, _| Ok(Json(shown(till)?))).await
}

fn shown(till: &Till) -> Result<ShiftForm, Problem> {
    let opened = till.shift_opened()?.map(|at| at.to_string());
    Ok(ShiftForm { opened, unverified: till.unverified()?.into() })
}

/// Opens a shift with what lies in the drawer.
#[utoipa::path(
    post,
    path = "/v1/shift/open",
    tag = "shifts",
    params(RequestKey),
    responses((status = 201, body = ShiftForm, description = "The shift"))
)]
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

/// Puts cash into the drawer, or takes some out, that is no sale's.
#[utoipa::path(
    post,
    path = "/v1/shift/cash",
    tag = "shifts",
    params(RequestKey),
    responses((status = 201, body = ShiftForm, description = "The shift"))
)]
async fn move_cash(
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

/// The X report: what the shift is so far. It also tells what should be in the drawer.
#[utoipa::path(
    get,
    path = "/v1/shift/report",
    tag = "shifts",
    responses((status = 200, body = ReportForm, description = "The report"))
)]
async fn report(State(app): State<App>) -> Result<Json<ReportForm>, Problem> {
    app.with(|till, now| Ok(Json((&till.shift(now)?).into()))).await
}

/// Closes the shift with what somebody counted, and gives the Z report. It never changes after that.
#[utoipa::path(
    post,
    path = "/v1/shift/close",
    tag = "shifts",
    params(RequestKey),
    responses((status = 201, body = ClosedForm, description = "The Z report"))
)]
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

/// The shifts that were closed, the newest first: at most 100.
#[utoipa::path(
    get,
    path = "/v1/shifts",
    tag = "shifts",
    responses((status = 200, body = Shifts, description = "The shifts"))
)]
async fn shifts(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Shifts>, Problem> {
    app.with(move |till, now| {
        let shop = shop_of(till, which.shop.as_deref())?;
        let (view, closings) = (View::of(till, now)?, till.closings(&shop, MAX_LISTED)?);
        Ok(Json(Shifts { shifts: closings.iter().map(|closed| closed_form(&view, closed)).collect() }))
    })
    .await
}

/// A shop's day over all its tills: the same figures as a Z report, with all that became known since. No till closes
/// it, so it has no seal.
#[utoipa::path(
    get,
    path = "/v1/days/{day}",
    tag = "shifts",
    params(("day" = Day, Path, description = "The day"), Which),
    responses((status = 200, body = DayReport, description = "The day, as far as is known now"))
)]
async fn day(
    State(app): State<App>,
    Path(day): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<DayReport>, Problem> {
    let day = BusinessDay::parse(&day).map_err(|error| Problem::bad_request(&error))?;
    app.with(move |till, now| {
        let shop = shop_of(till, which.shop.as_deref())?;
        let (view, tills) = (View::of(till, now)?, till.day_report(&shop, day, now)?);
        let (takings, drawer) =
            tills.values().fold(<(Takings, Drawer)>::default(), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let till_day = |(id, (takings, drawer)): (&TillId, &(Takings, Drawer))| TillDay {
            till: id.to_string(),
            till_name: view.name(*id),
            takings: takings.into(),
            drawer: drawer.into(),
        };
        Ok(Json(DayReport {
            day: day.to_string(),
            takings: (&takings).into(),
            drawer: (&drawer).into(),
            tills: tills.iter().map(till_day).collect(),
            as_of: till.status()?.last_contact.map(|at| at.to_string()),
        }))
    })
    .await
}

pub(crate) fn amount(text: &str) -> Result<Money, Problem> {
    Money::parse(text.trim()).map_err(|error| Problem::bad_request(&error))
}
