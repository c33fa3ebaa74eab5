//! Which payment pays which sale: what may fit, with reasons, and what a customer shows.

use crate::App;
use crate::api::{read_id, shop_of};
use crate::forms::{CandidateForm, NamedSale, SaleForm, View};
use crate::openapi::values::{Amount, By, FactName, ItemName, PayerName, Reason, Receipt, ShopName, Time};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Query, State};
use domain::matching::Candidate;
use domain::{How, ItemId, Money, Person, PhoneEnding, ReceiptCode, ShopId, Timestamp};
use serde::{Deserialize, Serialize};
use till::{NewClaim, Pasted, SaleRow, Shown, Till, Warning};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(payments_for_sale))
        .routes(routes!(sales_for_payment))
        .routes(routes!(look_at))
        .routes(routes!(claim))
        .routes(routes!(trust))
}

/// The payments that may be a sale's.
#[derive(Serialize, ToSchema)]
struct Candidates {
    /// Those that can be had, the best first.
    candidates: Vec<CandidateForm>,
    /// Those that other sales have.
    used: Vec<CandidateForm>,
    /// How fresh this is: when the cloud answered last.
    #[schema(value_type = Option<Time>)]
    as_of: Option<String>,
}

/// The sales that a payment may be for.
#[derive(Serialize, ToSchema)]
struct FittingSales {
    /// The sales, the best first.
    candidates: Vec<FittingSale>,
}

/// A sale that a payment may be for, and why.
#[derive(Serialize, ToSchema)]
struct FittingSale {
    /// The sale.
    sale: NamedSale,
    /// When it was made.
    #[schema(value_type = Time)]
    at: String,
    /// Who made it.
    #[schema(value_type = By)]
    by: String,
    /// What the customer owed.
    #[schema(value_type = Amount)]
    total: String,
    /// What is still due.
    #[schema(value_type = Amount)]
    due: String,
    /// Where it stands, in a word.
    #[schema(example = "open")]
    state: &'static str,
    /// Why the payment may be for it, in words, the best reason first.
    #[schema(example = json!(["same amount", "2 minutes apart"]))]
    reasons: Vec<String>,
    /// It was made about when the payment was; else look twice.
    in_window: bool,
}

impl FittingSale {
    fn of(view: &View<'_>, (fit, row): &(Candidate, SaleRow)) -> Self {
        Self {
            sale: view.named(row.id),
            at: row.at.to_string(),
            by: row.by.clone(),
            total: row.total.to_string(),
            due: row.due.to_string(),
            state: row.state.name(),
            reasons: fit.reasons(),
            in_window: fit.in_window,
        }
    }
}

/// What a customer shows for a sale.
#[derive(Deserialize, ToSchema)]
struct Text {
    /// The sale.
    #[schema(value_type = FactName)]
    sale: String,
    /// A code, the last five characters of one, or a whole M-Pesa message.
    #[schema(example = "UKL4AB12CD Confirmed. Ksh500.00 paid to DUKA LA MAMA. on 21/11/26 at 8:15 AM.")]
    text: String,
}

/// What there is to say about what a customer shows. Nothing of it proves anything, and nothing refuses it.
#[derive(Serialize, ToSchema)]
struct Said {
    /// What the text is: `code`, `ending`, `message`, or `nothing`.
    #[schema(example = "message")]
    what: &'static str,
    /// The code in it, to be claimed as typed.
    #[schema(value_type = Option<Receipt>)]
    receipt: Option<String>,
    /// How much the message says.
    #[schema(value_type = Option<Amount>)]
    amount: Option<String>,
    /// When, as the message says.
    #[schema(value_type = Option<Time>)]
    at: Option<String>,
    /// Who stands in the message: whom it was paid to, or who paid.
    #[schema(value_type = Option<PayerName>)]
    name: Option<String>,
    /// The payments it may be, the best first: the one with that code, or those with nearly that code or that end.
    found: Vec<CandidateForm>,
    /// What speaks against it.
    warnings: Vec<WarningForm>,
}

/// Something that speaks against a code.
#[derive(Serialize, ToSchema)]
struct WarningForm {
    /// A stable name: `no-code`, `code`, `amount`, `time`, `used`, `released` or `reversed`.
    #[schema(example = "used")]
    kind: &'static str,
    /// The same for a person.
    #[schema(example = "UKL4AB12CD was used for sale A42 by Asha on 2026-11-21 08:15:00")]
    text: String,
}

impl Said {
    fn of(view: &View<'_>, shown: Shown) -> Self {
        let what = match &shown.pasted {
            None => "nothing",
            Some(Pasted::Code(_)) => "code",
            Some(Pasted::Ending(_)) => "ending",
            Some(Pasted::Message(_)) => "message",
        };
        let pasted = shown.pasted.as_ref();
        let message = pasted.and_then(Pasted::message);
        let warning = |Warning { kind, text }: Warning| WarningForm { kind, text };
        Self {
            what,
            receipt: pasted.and_then(Pasted::code).map(ToString::to_string),
            amount: message.and_then(|it| it.amount).map(|amount| amount.to_string()),
            at: message.and_then(|it| it.at).map(|at| at.to_string()),
            name: message.and_then(|it| it.name.clone()),
            found: shown.found.iter().map(|it| view.candidate(it)).collect(),
            warnings: shown.warnings.into_iter().map(warning).collect(),
        }
    }
}

/// A claim.
#[derive(Deserialize, ToSchema)]
struct NewClaimForm {
    /// The code, as it was typed.
    #[schema(value_type = Receipt)]
    receipt: String,
    /// `picked` from the list, or `typed`.
    #[schema(example = "picked")]
    how: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
    /// Another till was first, and whoever claims knows it.
    #[serde(default)]
    despite: bool,
    /// How much of the payment is for this sale, where the rest is for others or stays free; else all of it.
    #[serde(default)]
    #[schema(value_type = Option<Amount>)]
    part: Option<String>,
    /// The last three digits of the customer's number, where somebody took them down. No more is kept.
    #[serde(default)]
    #[schema(example = "678")]
    phone: Option<String>,
    /// The manager who allows it beyond the limits of what nobody has seen, and their PIN.
    #[serde(default)]
    manager: Option<Manager>,
}

/// A manager, and their PIN.
#[derive(Deserialize, ToSchema)]
struct Manager {
    /// Who, as the catalogue names them.
    #[schema(value_type = ItemName)]
    id: String,
    /// Their PIN. It is never kept or shown.
    #[schema(example = "4711")]
    pin: String,
}

impl Manager {
    fn allows(&self, till: &Till, shop: &ShopId, now: Timestamp) -> Result<Person, Problem> {
        let id = ItemId::parse(&self.id).map_err(|e| Problem::bad_request(&e))?;
        Ok(till.manager(shop, &id, &self.pin, now)?)
    }
}

/// Why goods are handed out though no payment was found.
#[derive(Deserialize, ToSchema)]
struct Trusting {
    /// Why, in words that others will read.
    #[serde(default)]
    #[schema(value_type = Reason)]
    reason: String,
    /// Who does it.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
    /// The manager who allows it beyond the limits, and their PIN.
    #[serde(default)]
    manager: Option<Manager>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Where {
    /// At head office: which shop. A till has only one, and needs no name.
    #[param(value_type = Option<ShopName>)]
    shop: Option<String>,
}

/// The payments that may be this sale's, the best first, with the reasons.
#[utoipa::path(
    get,
    path = "/v1/sales/{id}/candidates",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale")),
    responses((status = 200, body = Candidates, description = "The payments"))
)]
async fn payments_for_sale(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Candidates>, Problem> {
    app.with(move |till, now| {
        let (view, found) = (View::of(till, now)?, till.candidates(read_id(&id)?)?);
        let (used, free): (Vec<_>, Vec<_>) = found.iter().partition(|(fit, _)| fit.used);
        let forms = |found: Vec<_>| found.into_iter().map(|it| view.candidate(it)).collect();
        let as_of = till.status()?.last_contact.map(|at| at.to_string());
        Ok(Json(Candidates { candidates: forms(free), used: forms(used), as_of }))
    })
    .await
}

/// The sales that this payment may be for, the best first, with the reasons.
#[utoipa::path(
    get,
    path = "/v1/payments/{receipt}/candidates",
    tag = "payments",
    params(("receipt" = Receipt, Path, description = "The receipt code"), Where),
    responses((status = 200, body = FittingSales, description = "The sales"))
)]
async fn sales_for_payment(
    State(app): State<App>,
    Path(receipt): Path<String>,
    Query(which): Query<Where>,
) -> Result<Json<FittingSales>, Problem> {
    app.with(move |till, now| {
        let shop = shop_of(till, which.shop.as_deref())?;
        let receipt = ReceiptCode::parse_typed(&receipt).map_err(|e| Problem::bad_request(&e))?;
        let (view, found) = (View::of(till, now)?, till.sales_for(&shop, &receipt)?);
        Ok(Json(FittingSales { candidates: found.iter().map(|it| FittingSale::of(&view, it)).collect() }))
    })
    .await
}

/// Looks at a code or a message that a customer shows for a sale, and claims nothing.
#[utoipa::path(
    post,
    path = "/v1/codes",
    tag = "sales",
    responses((status = 200, body = Said, description = "What there is to say about it"))
)]
async fn look_at(State(app): State<App>, Json(form): Json<Text>) -> Result<Json<Said>, Problem> {
    let nudge = app.nudge.clone();
    app.with(move |till, now| {
        let shown = till.look_at(read_id(&form.sale)?, &form.text, now)?;
        if shown.found.is_empty() {
            // The customer says that it was paid: the cloud may know already.
            nudge.nudge();
        }
        Ok(Json(Said::of(&View::of(till, now)?, shown)))
    })
    .await
}

/// Says that a payment pays this sale. The payment need not have been seen yet; then limits hold, above which a
/// manager is asked.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/claims",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale")),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn claim(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<NewClaimForm>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| {
        let how = match form.how.as_str() {
            "picked" => How::Picked,
            "typed" => How::Typed,
            _ => return Err(Problem::bad_request("a claim is picked or typed")),
        };
        let receipt = ReceiptCode::parse_typed(&form.receipt).map_err(|e| Problem::bad_request(&e))?;
        let part =
            form.part.as_deref().map(Money::parse).transpose().map_err(|e| Problem::bad_request(&e))?;
        let phone = form.phone.as_deref().filter(|typed| !typed.is_empty()).map(PhoneEnding::parse);
        let phone = phone.transpose().map_err(|e| Problem::bad_request(&e))?;
        let (sale, by) = (read_id(&id)?, Person::named(&form.by));
        let approved = allowed(till, form.manager.as_ref(), sale, now)?;
        let wanted = NewClaim { part, phone, approved, ..NewClaim::new(receipt, how) };
        let claimed = match form.despite {
            true => till.claim_despite(sale, wanted, &by, now),
            false => till.claim(sale, wanted, &by, now),
        };
        Ok(claimed?.id)
    })
    .await
}

/// Hands out the goods of this sale though no payment was found for it. It stays due, and counts in the limits of
/// what nobody has seen.
#[utoipa::path(
    post,
    path = "/v1/sales/{id}/trust",
    tag = "sales",
    params(("id" = FactName, Path, description = "The sale")),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn trust(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Trusting>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| {
        let sale = read_id(&id)?;
        let approved = allowed(till, form.manager.as_ref(), sale, now)?;
        Ok(till.trust(sale, &form.reason, approved, (&Person::named(&form.by), now))?.id)
    })
    .await
}

/// The manager who allows something about a sale, if one was asked.
fn allowed(
    till: &Till,
    manager: Option<&Manager>,
    sale: domain::FactId,
    now: Timestamp,
) -> Result<Option<Person>, Problem> {
    let Some(manager) = manager else { return Ok(None) };
    manager.allows(till, &till.sale(sale)?.shop, now).map(Some)
}
