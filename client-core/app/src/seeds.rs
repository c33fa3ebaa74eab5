//! The endpoints of the seed documents, so that a till front end written for either works unchanged.
//!
//! Ids are the ledger's local numbers, amounts are JSON numbers, and what seed B answers with `success:
//! false` stays a 200 as there. Where a seed would lose money, the domain's rules hold instead.

use crate::App;
use crate::problem::Problem;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::standing::SaleState;
use domain::{
    Account, CheckoutId, FactId, How, Line, Money, Msisdn, Person, Quantity, Sale, Tender, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use till::{PaymentRow, PushState, Till};

/// Seed B's window.
const MAX_AGE_MINUTES: u32 = 10;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/create-sale", post(create_sale))
        .route("/check-payment-status/{sale_id}", get(check_payment_status))
        .route("/mpesa/stk_push", post(stk_push))
        .route("/mpesa/check_status", post(check_status))
        .route("/mpesa/register_c2b_urls", post(register_c2b_urls))
        .route("/mpesa/search_unreconciled_callbacks", post(search_callbacks))
        .route("/mpesa/reconcile_callback", post(reconcile_callback))
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

#[derive(Deserialize)]
struct CreateSale {
    #[serde(alias = "total_amount", alias = "total")]
    amount: Option<Text>,
    #[serde(default, alias = "items")]
    lines: Vec<SeedLine>,
    payment_method: Option<String>,
    order_reference: Option<String>,
}

#[derive(Deserialize)]
struct SeedLine {
    name: String,
    quantity: Text,
    #[serde(alias = "price")]
    unit_price: Text,
}

#[derive(Serialize)]
struct Created {
    sale_id: u64,
    till_number: String,
    amount: Box<RawValue>,
    instructions: String,
}

async fn create_sale(State(app): State<App>, Json(form): Json<CreateSale>) -> Result<Json<Created>, Problem> {
    app.write(move |till, now| {
        let sold = till.sell(form.read()?, &Person::named(""), now, None)?.sale;
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
    fn read(&self) -> Result<Sale, Problem> {
        let lines = self.lines.iter().map(SeedLine::read).collect::<Result<Vec<_>, _>>()?;
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
    fn read(&self) -> Result<Line, Problem> {
        let quantity = Quantity::parse(&self.quantity.read()).map_err(|e| Problem::bad_request(&e))?;
        Line::new(&self.name, quantity, self.unit_price.money()?).map_err(|e| Problem::bad_request(&e))
    }
}

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

#[derive(Deserialize)]
struct StkPush {
    phone_number: Text,
    amount: Text,
    order_reference: Text,
}

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

#[derive(Deserialize)]
struct CheckStatus {
    checkout_request_id: String,
}

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
async fn register_c2b_urls(State(app): State<App>) -> Json<Value> {
    let registered = app.with(|till, now| {
        till.register_callbacks(&till.only_shop()?.id, now)?;
        Ok(json!({ "success": true, "message": "C2B URLs registered successfully" }))
    });
    said(registered.await)
}

#[derive(Deserialize)]
struct Search {
    amount: Text,
    max_age_minutes: Option<u32>,
}

#[derive(Serialize)]
struct Found {
    success: bool,
    count: usize,
    callbacks: Vec<Callback>,
    /// Beyond the seed: how fresh the list is, because it also works offline.
    as_of: Option<String>,
}

#[derive(Serialize)]
struct Callback {
    id: u64,
    trans_id: String,
    mpesa_receipt_number: String,
    phone_number: Option<String>,
    customer_name: Option<String>,
    amount: Box<RawValue>,
    transaction_date: String,
    create_date: String,
}

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

#[derive(Deserialize)]
struct Reconcile {
    callback_id: Text,
    order_id: Text,
}

async fn reconcile_callback(State(app): State<App>, Json(form): Json<Reconcile>) -> Json<Value> {
    let done = app.with(move |till, now| {
        let id =
            form.callback_id.read().parse().map_err(|_| Problem::not_found("there is no such callback"))?;
        let payment = till.payment_numbered(id)?;
        if let Some(sale) = payment.sale {
            return Err(till::TillError::Taken(sale).into());
        }
        let sale = sale_of_order(till, &form.order_id.read(), payment.amount, now)?;
        till.claim(sale, payment.receipt.clone(), How::Picked, &Person::named(""), now)?;
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
