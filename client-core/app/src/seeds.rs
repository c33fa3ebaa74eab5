//! The endpoints of the seed documents, so that a till front end written for either works unchanged.
//!
//! Ids are the ledger's local numbers, amounts are JSON numbers, and what seed B answers with `success:
//! false` stays a 200 as there. Where a seed would lose money, the domain's rules hold instead.

use crate::App;
use crate::cart::NewLine;
use crate::openapi::seeds as openapi;
use crate::openapi::values::{ItemName, MaskedPhone, Number, PayerName, Phone, Receipt, Time};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use domain::standing::SaleState;
use domain::{Account, CheckoutId, FactId, How, Line, Money, Msisdn, Person, Sale, Tender, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use till::{PaymentRow, PushState, Till};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Seed B's window.
const MAX_AGE_MINUTES: u32 = 10;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(create_sale))
        .routes(routes!(check_payment_status))
        .routes(routes!(stk_push))
        .routes(routes!(check_status))
        .routes(routes!(register_c2b_urls))
        .routes(routes!(search_callbacks))
        .routes(routes!(reconcile_callback))
}

/// A JSON number or string, as its literal text.
#[derive(Deserialize)]
struct Text(Box<RawValue>);

impl Text {
    fn read(&self) -> String {
        let literal = self.0.get();
        serde_json::from_str::<String>(literal).unwrap_or_else(|_| literal.to_owned())
    }

    fn money(&self) -> Result<Money, Problem> {
        Money::parse(&self.read()).map_err(|e| Problem::bad_request(&e))
    }
}

/// An amount as a JSON number, written from its cents and never from a float.
fn number(money: Money) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(money.to_string()).map_err(|_| Problem::inside())
}

/// A sale of seed A's.
#[derive(Deserialize, ToSchema)]
struct CreateSale {
    /// What it costs; the sum of the lines, unless told otherwise. A number or a text.
    #[serde(alias = "total_amount", alias = "total")]
    #[schema(value_type = Option<Option<Number>>)]
    amount: Option<Text>,
    /// What is sold.
    #[serde(default, alias = "items")]
    lines: Vec<SeedLine>,
    /// `mpesa`, unless told otherwise, or `cash`.
    #[schema(example = "mpesa")]
    payment_method: Option<String>,
    /// The order it is for.
    #[schema(example = "order-17")]
    order_reference: Option<String>,
}

/// A line of a sale of seed A's.
#[derive(Deserialize, ToSchema)]
struct SeedLine {
    /// A product of the catalogue, whose stock is less then; called and priced as it is shown, unless told otherwise.
    #[serde(alias = "product_id")]
    #[schema(value_type = Option<ItemName>)]
    product: Option<Text>,
    /// What the customer sees.
    #[schema(example = "Tea, special")]
    name: Option<String>,
    /// How much. A number or a text.
    #[schema(value_type = Number)]
    quantity: Text,
    /// What one unit costs. A number or a text.
    #[serde(alias = "price")]
    #[schema(value_type = Option<Number>)]
    unit_price: Option<Text>,
}

/// A sale, and how to pay it.
#[derive(Serialize, ToSchema)]
struct Created {
    /// The sale's number here.
    #[schema(example = 17)]
    sale_id: u64,
    /// The number to pay to.
    #[schema(example = "123456")]
    till_number: String,
    /// What it costs.
    #[schema(value_type = Number)]
    amount: Box<RawValue>,
    /// How to pay, in words.
    #[schema(example = "Send KES 731 to till number 123456")]
    instructions: String,
}

/// Makes a sale, and says how to pay it.
#[utoipa::path(
    post,
    path = "/create-sale",
    tag = "seed A",
    responses((status = 200, body = Created, description = "The sale"))
)]
async fn create_sale(State(app): State<App>, Json(form): Json<CreateSale>) -> Result<Json<Created>, Problem> {
    app.write(move |till, now| {
        let sold = till.sell(form.read(till)?, &Person::named(""), now, None)?.sale;
        let account = till.only_shop()?.account;
        let number_to_pay = account.shortcode().to_string();
        let amount = sold.total.to_string();
        let shillings = amount.strip_suffix(".00").unwrap_or(&amount);
        let instructions = match account {
            Account::Till(_) => format!("Send KES {shillings} to till number {number_to_pay}"),
            Account::Paybill(_) => {
                let reference = sold.reference(&till.letters()?);
                format!("Send KES {shillings} to paybill {number_to_pay}, account {reference}")
            }
        };
        let amount = number(sold.total)?;
        Ok(Json(Created { sale_id: sold.number, till_number: number_to_pay, amount, instructions }))
    })
    .await
}

impl CreateSale {
    fn read(&self, till: &Till) -> Result<Sale, Problem> {
        let lines = self.lines.iter().map(|line| line.read(till)).collect::<Result<Vec<_>, _>>()?;
        let total = match &self.amount {
            Some(amount) => amount.money()?,
            None => lines.iter().map(|line| line.amount).sum(),
        };
        let tender = match self.payment_method.as_deref() {
            None | Some("mpesa") => Tender::Mpesa,
            Some("cash") => Tender::Cash,
            Some(_) => return Err(Problem::bad_request("the payment method is mpesa or cash")),
        };
        Sale::new(lines, total, tender, self.order_reference.clone()).map_err(|e| Problem::bad_request(&e))
    }
}

impl SeedLine {
    fn read(&self, till: &Till) -> Result<Line, Problem> {
        let (product, price) =
            (self.product.as_ref().map(Text::read), self.unit_price.as_ref().map(Text::read));
        NewLine::seeds(product, self.name.clone(), self.quantity.read(), price).read(till)
    }
}

/// How a sale stands; a front end polls this.
#[utoipa::path(
    get,
    path = "/check-payment-status/{sale_id}",
    tag = "seed A",
    params(("sale_id" = String, Path, description = "The sale's number here", example = "17")),
    responses((status = 200, body = openapi::Polled, description = "How it stands"))
)]
async fn check_payment_status(
    State(app): State<App>,
    Path(sale_id): Path<String>,
) -> Result<Json<Value>, Problem> {
    app.with(move |till, _| {
        let sale = till.find_sale(&sale_id)?;
        let status = match sale.state {
            // Whoever polls hands out goods: not before the shop's own rule allows it.
            SaleState::Paid if !sale.unconfirmed => "completed",
            SaleState::Voided => "cancelled",
            SaleState::Open | SaleState::Claimed | SaleState::PartPaid | SaleState::Paid => "pending",
        };
        let mut answer = json!({ "status": status });
        let claims = till.claims(sale.id)?;
        let counts = |payment: &&PaymentRow| payment.sale == Some(sale.id) && !payment.reversed;
        let paid = claims.iter().filter_map(|claim| claim.payment.as_ref()).find(counts);
        if let Some(payment) = paid.filter(|_| status == "completed") {
            answer["mpesa_receipt"] = json!(payment.receipt.as_str());
            answer["customer_name"] = json!(payment.payer.name.as_deref().unwrap_or_default());
            answer["customer_phone"] = json!(payment.payer.msisdn.as_ref().map(Msisdn::masked));
        }
        Ok(Json(answer))
    })
    .await
}

/// A request of seed B's.
#[derive(Deserialize, ToSchema)]
struct StkPush {
    /// The customer's phone. A number or a text.
    #[schema(value_type = Phone)]
    phone_number: Text,
    /// What is due. A number or a text.
    #[schema(value_type = Number)]
    amount: Text,
    /// The order. A number or a text.
    #[schema(value_type = String, example = "order-17")]
    order_reference: Text,
}

/// Asks the customer's phone for an order.
#[utoipa::path(
    post,
    path = "/mpesa/stk_push",
    tag = "seed B",
    responses((status = 200, body = openapi::Pushed, description = "Whether it was sent, and why not"))
)]
async fn stk_push(State(app): State<App>, Json(form): Json<StkPush>) -> Json<Value> {
    let pushed = app.with(move |till, now| {
        let phone = Msisdn::parse_phone(&form.phone_number.read()).map_err(|e| Problem::bad_request(&e))?;
        let (order, amount) = (form.order_reference.read(), form.amount.money()?);
        let sale = sale_of_order(till, &order, due_of(till, &order, amount)?, now)?;
        let asked = till.ask_for_payment(sale, &phone, now)?;
        let mut answer = json!({
            "success": true,
            "message": "STK Push sent successfully",
            "checkout_request_id": asked.checkout_request_id,
            "merchant_request_id": asked.merchant_request_id,
        });
        // Beyond the seed, where the phone is asked for less than was said.
        if asked.remains > Money::ZERO {
            answer["amount_asked"] = json!(asked.amount.to_string());
            answer["amount_remaining"] = json!(asked.remains.to_string());
        }
        Ok(answer)
    });
    let pushed = pushed.await;
    app.nudge.nudge();
    said(pushed)
}

/// What a front end means that rounds to the shillings M-Pesa asks for: all that is due.
fn due_of(till: &Till, order: &str, amount: Money) -> Result<Money, Problem> {
    let due = till.find_order(order)?.map(|found| found.due);
    let rounded = |due: &Money| till::in_shillings(*due).is_ok_and(|(whole, _)| whole == amount);
    Ok(due.filter(rounded).unwrap_or(amount))
}

/// The sale of an order, of which exactly `amount` is due. Seed B's front end keeps its orders itself, so an
/// order that is not known here is a new sale.
fn sale_of_order(till: &Till, order: &str, amount: Money, now: Timestamp) -> Result<FactId, Problem> {
    let Some(found) = till.find_order(order)? else {
        let sale = Sale::new(Vec::new(), amount, Tender::Mpesa, Some(order.to_owned()));
        let sale = sale.map_err(|e| Problem::bad_request(&e))?;
        return Ok(till.sell(sale, &Person::named(""), now, None)?.sale.id);
    };
    if found.due != amount {
        let due = found.due;
        return Err(Problem::bad_request(&format!("{due} is due on this order, not {amount}")));
    }
    Ok(found.id)
}

/// A request of seed B's, by Safaricom's name for it.
#[derive(Deserialize, ToSchema)]
struct CheckStatus {
    /// Safaricom's name for it.
    #[schema(example = "ws_CO_21112026101500")]
    checkout_request_id: String,
}

/// What became of a request on a phone.
#[utoipa::path(
    post,
    path = "/mpesa/check_status",
    tag = "seed B",
    responses((status = 200, body = openapi::PushPolled, description = "How it stands"))
)]
async fn check_status(State(app): State<App>, Json(form): Json<CheckStatus>) -> Json<Value> {
    let status = app.with(move |till, now| {
        let checkout = CheckoutId::parse(&form.checkout_request_id).map_err(|e| Problem::bad_request(&e))?;
        let unknown = || Problem::not_found("this till sent no such request");
        let push = till.push_named(&checkout, now)?.ok_or_else(unknown)?;
        let (status, message) = match push.state {
            // Whoever polls hands out goods: not before the shop's own rule allows it.
            PushState::Paid if till.sale(push.sale)?.unconfirmed => {
                (PushState::Unknown.seed_name(), "Payment received, not confirmed yet".to_owned())
            }
            state => (state.seed_name(), push.message),
        };
        Ok(json!({ "success": true, "status": status, "message": message }))
    });
    match status.await {
        Ok(answer) => Json(answer),
        Err(problem) => Json(json!({ "success": false, "status": "error", "message": problem.title() })),
    }
}

/// Has the shop's callback addresses registered, as seed B's settings do. In production that works once.
#[utoipa::path(
    post,
    path = "/mpesa/register_c2b_urls",
    tag = "seed B",
    responses((status = 200, body = openapi::Answered, description = "Whether it was done, and why not"))
)]
async fn register_c2b_urls(State(app): State<App>) -> Json<Value> {
    let registered = app.with(|till, now| {
        till.register_callbacks(&till.only_shop()?.id, now)?;
        Ok(json!({ "success": true, "message": "C2B URLs registered successfully" }))
    });
    said(registered.await)
}

/// Which payments are looked for.
#[derive(Deserialize, ToSchema)]
struct Search {
    /// How much was paid. A number or a text.
    #[schema(value_type = Number)]
    amount: Text,
    /// How long ago at most, in minutes: 10, unless told otherwise.
    #[schema(example = 10)]
    max_age_minutes: Option<u32>,
}

/// Payments that no sale has.
#[derive(Serialize, ToSchema)]
struct Found {
    /// They could be looked for.
    success: bool,
    /// How many.
    #[schema(example = 1)]
    count: usize,
    /// The payments.
    callbacks: Vec<Callback>,
    /// Beyond the seed: how fresh the list is, because it also works offline.
    #[schema(value_type = Option<Time>)]
    as_of: Option<String>,
}

/// A payment, as seed B shows it.
#[derive(Serialize, ToSchema)]
struct Callback {
    /// Its number here.
    #[schema(example = 5)]
    id: u64,
    /// Its receipt code.
    #[schema(value_type = Receipt)]
    trans_id: String,
    /// The same.
    #[schema(value_type = Receipt)]
    mpesa_receipt_number: String,
    /// The phone that paid.
    #[schema(value_type = Option<MaskedPhone>)]
    phone_number: Option<String>,
    /// Who paid.
    #[schema(value_type = Option<PayerName>)]
    customer_name: Option<String>,
    /// How much was paid.
    #[schema(value_type = Number)]
    amount: Box<RawValue>,
    /// When, as Safaricom writes it.
    #[schema(example = "20261121101500")]
    transaction_date: String,
    /// When it came here.
    #[schema(example = "2026-11-21 10:15:02")]
    create_date: String,
}

/// Payments of this amount that no sale has.
#[utoipa::path(
    post,
    path = "/mpesa/search_unreconciled_callbacks",
    tag = "seed B",
    responses((status = 200, body = Found, description = "The payments"))
)]
async fn search_callbacks(State(app): State<App>, Json(form): Json<Search>) -> Result<Json<Found>, Problem> {
    app.with(move |till, now| {
        let (amount, age) = (form.amount.money()?, form.max_age_minutes.unwrap_or(MAX_AGE_MINUTES));
        let found = till.search_payments(&till.only_shop()?.id, amount, age, now)?;
        let callbacks = found.iter().map(Callback::of).collect::<Result<Vec<_>, _>>()?;
        let as_of = till.status()?.last_contact.map(|at| at.to_string());
        Ok(Json(Found { success: true, count: callbacks.len(), callbacks, as_of }))
    })
    .await
}

impl Callback {
    fn of(row: &PaymentRow) -> Result<Self, Problem> {
        Ok(Self {
            id: row.number,
            trans_id: row.receipt.to_string(),
            mpesa_receipt_number: row.receipt.to_string(),
            phone_number: row.payer.msisdn.as_ref().map(Msisdn::masked),
            customer_name: row.payer.name.clone(),
            amount: number(row.amount)?,
            transaction_date: row.paid_at.to_daraja(),
            create_date: row.received_at.to_seed(),
        })
    }
}

/// A payment, and the order it is for.
#[derive(Deserialize, ToSchema)]
struct Reconcile {
    /// Its number here. A number or a text.
    #[schema(value_type = Number)]
    callback_id: Text,
    /// The order. A number or a text.
    #[schema(value_type = String, example = "order-17")]
    order_id: Text,
}

/// Gives a payment to an order.
#[utoipa::path(
    post,
    path = "/mpesa/reconcile_callback",
    tag = "seed B",
    responses((status = 200, body = openapi::Answered, description = "Whether it was done, and why not"))
)]
async fn reconcile_callback(State(app): State<App>, Json(form): Json<Reconcile>) -> Json<Value> {
    let done = app.with(move |till, now| {
        let id =
            form.callback_id.read().parse().map_err(|_| Problem::not_found("there is no such callback"))?;
        let payment = till.payment_numbered(id)?;
        if let Some(sale) = payment.sale {
            return Err(till::TillError::Taken(sale).into());
        }
        let sale = sale_of_order(till, &form.order_id.read(), payment.amount, now)?;
        till.claim(sale, (payment.receipt.clone(), How::Picked), &Person::named(""), now)?;
        Ok(json!({
            "success": true,
            "message": "Callback reconciled successfully",
            "receipt_number": payment.receipt.as_str(),
        }))
    });
    let done = done.await;
    app.nudge.nudge();
    said(done)
}

/// Seed B answers refusals with `success: false` and a message.
fn said(result: Result<Value, Problem>) -> Json<Value> {
    Json(result.unwrap_or_else(|problem| json!({ "success": false, "message": problem.title() })))
}
