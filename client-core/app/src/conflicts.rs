//! Payments that more than one sale wants, at tills and at head office: one card for each, and the ways out.

use crate::App;
use crate::api::{read_id, shop_of, shops_of};
use crate::forms::{NamedSale, PaymentForm, SaleForm, View};
use crate::openapi::values::{Amount, By, FactName, Phone, Reason, Receipt, ShopName, Time};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Query, State};
use domain::{Cited, Msisdn, Person, ReceiptCode, Timestamp};
use serde::{Deserialize, Serialize};
use till::{ClaimOn, Conflict, Till};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most cards one answer has.
const MOST: u32 = 100;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(conflicts)).routes(routes!(keep)).routes(routes!(collect))
}

/// Payments that more than one sale wants.
#[derive(Serialize, ToSchema)]
struct Conflicts {
    /// One card for each.
    conflicts: Vec<ConflictForm>,
}

/// A payment that more than one sale wants.
#[derive(Serialize, ToSchema)]
struct ConflictForm {
    /// Its code.
    #[schema(value_type = Receipt)]
    receipt: String,
    /// The shop.
    #[schema(value_type = ShopName)]
    shop: String,
    /// The payment, once it was seen: what Safaricom told of it.
    payment: Option<PaymentForm>,
    /// Every claim on it that was not released, the oldest first.
    claims: Vec<RivalForm>,
    /// Why the claim that leads does, the same at every till and at head office.
    #[schema(example = "it was claimed first")]
    why: String,
}

/// A claim in a conflict.
#[derive(Serialize, ToSchema)]
struct RivalForm {
    /// The claim, by which it is released.
    #[schema(value_type = FactName)]
    id: String,
    /// The sale it is for.
    sale: NamedSale,
    /// That sale is here.
    here: bool,
    /// When it was claimed.
    #[schema(value_type = Time)]
    at: String,
    /// Who claimed it.
    #[schema(value_type = By)]
    by: String,
    /// How it was decided.
    #[schema(example = "typed")]
    how: &'static str,
    /// It leads: its sale has the payment unless somebody decides otherwise.
    leads: bool,
    /// What its sale still owes.
    #[schema(value_type = Option<Amount>)]
    due: Option<String>,
}

impl ConflictForm {
    fn of(view: &View<'_>, till: &Till, shop: &domain::ShopId, found: &Conflict) -> Self {
        let rival = |claim: &ClaimOn| {
            let Cited { id, at } = claim.standing.claim.sale;
            RivalForm {
                id: claim.standing.id.to_string(),
                sale: view.named(id),
                here: at.is_none() && till.sale(id).is_ok(),
                at: claim.standing.at.to_string(),
                by: claim.by.clone(),
                how: till::how_name(claim.standing.claim.how),
                leads: claim.standing.id == found.leader,
                due: claim.due.map(|due| due.to_string()),
            }
        };
        Self {
            receipt: found.receipt.to_string(),
            shop: shop.to_string(),
            payment: found.payment.as_ref().map(|row| view.payment(row)),
            claims: found.claims.iter().map(rival).collect(),
            why: found.why.clone(),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Where {
    /// At head office: which shop; every one where none is named.
    #[param(value_type = Option<ShopName>)]
    shop: Option<String>,
}

/// For which sale a payment is kept.
#[derive(Deserialize, ToSchema)]
struct Kept {
    /// The sale.
    #[schema(value_type = FactName)]
    sale: String,
    /// Why, for those whose claims are released.
    #[serde(default)]
    #[schema(value_type = Reason)]
    reason: String,
    /// Who decides.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
    /// At head office: which shop. A till has only one, and needs no name.
    #[schema(value_type = Option<ShopName>)]
    shop: Option<String>,
}

/// Which customer is asked to pay again.
#[derive(Deserialize, ToSchema)]
struct Collected {
    /// The sale that lost its payment.
    #[schema(value_type = FactName)]
    sale: String,
    /// The customer's phone.
    #[schema(value_type = Phone)]
    phone: String,
    /// Who asks.
    #[serde(default)]
    #[schema(value_type = By)]
    by: String,
    /// At head office: which shop. A till has only one, and needs no name.
    #[schema(value_type = Option<ShopName>)]
    shop: Option<String>,
}

/// The payments that more than one sale wants. A claim is released by its name, as ever.
#[utoipa::path(
    get,
    path = "/v1/conflicts",
    tag = "payments",
    params(Where),
    responses((status = 200, body = Conflicts, description = "One card for each"))
)]
async fn conflicts(State(app): State<App>, Query(which): Query<Where>) -> Result<Json<Conflicts>, Problem> {
    app.with(move |till, now| Ok(Json(shown(till, which.shop.as_deref(), now)?))).await
}

/// Keeps this payment for one sale: the claims of the others are released.
#[utoipa::path(
    post,
    path = "/v1/conflicts/{receipt}/keep",
    tag = "payments",
    params(("receipt" = Receipt, Path, description = "The receipt code")),
    responses((status = 200, body = Conflicts, description = "What is left to decide"))
)]
async fn keep(
    State(app): State<App>,
    Path(receipt): Path<String>,
    Json(form): Json<Kept>,
) -> Result<Json<Conflicts>, Problem> {
    app.write(move |till, now| {
        let (shop, receipt) = (shop_of(till, form.shop.as_deref())?, read_receipt(&receipt)?);
        let by = Person::named(&form.by);
        till.keep_for((&shop, &receipt), read_id(&form.sale)?, &form.reason, (&by, now))?;
        Ok(Json(shown(till, form.shop.as_deref(), now)?))
    })
    .await
}

/// Asks the customer of a sale that lost this payment to pay again: a request for what is due goes to their phone,
/// and the claims of that sale are released. It needs a line.
#[utoipa::path(
    post,
    path = "/v1/conflicts/{receipt}/collect",
    tag = "payments",
    params(("receipt" = Receipt, Path, description = "The receipt code")),
    responses((status = 200, body = SaleForm, description = "The sale as it stands now, with its history"))
)]
async fn collect(
    State(app): State<App>,
    Path(receipt): Path<String>,
    Json(form): Json<Collected>,
) -> Result<Json<SaleForm>, Problem> {
    app.change(move |till, now| {
        let (shop, receipt) = (shop_of(till, form.shop.as_deref())?, read_receipt(&receipt)?);
        let phone = Msisdn::parse_phone(&form.phone).map_err(|e| Problem::bad_request(&e))?;
        let (sale, by) = (read_id(&form.sale)?, Person::named(&form.by));
        till.collect_again((&shop, &receipt), sale, &phone, (&by, now))?;
        Ok(sale)
    })
    .await
}

fn shown(till: &Till, shop: Option<&str>, now: Timestamp) -> Result<Conflicts, Problem> {
    let (view, mut cards) = (View::of(till, now)?, Vec::new());
    for shop in shops_of(till, shop)? {
        let found = till.conflicts(&shop, MOST)?;
        cards.extend(found.iter().map(|it| ConflictForm::of(&view, till, &shop, it)));
    }
    Ok(Conflicts { conflicts: cards })
}

fn read_receipt(typed: &str) -> Result<ReceiptCode, Problem> {
    ReceiptCode::parse_typed(typed).map_err(|e| Problem::bad_request(&e))
}
