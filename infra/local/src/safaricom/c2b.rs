//! C2B: where a shop hears of payments, what it may refuse, and what it is told (fact sheet §5).

use super::agenda::Event;
use super::books::{Customer, Kind, Status, Transaction};
use super::delivery::{Answer, What};
use super::gateway::{Api, Form, Refusal, digits, is_phone};
use super::messages::Paid;
use super::numbers::{C2bVersion, Number, ResponseType};
use super::odds::Fault;
use super::{Mode, Pay, Simulator, State};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use domain::{Money, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// A charge is one two-hundredth of the payment.
const CHARGE_PART: i64 = 200;

/// A payment about to be booked.
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) amount: Money,
    pub(super) customer: Customer,
    pub(super) reference: String,
    pub(super) began: Timestamp,
    pub(super) receipt: String,
}

/// What the shop's validation decides.
enum Verdict {
    /// The customer may pay; a text to be repeated in the confirmation.
    Accepted(String),
    /// Not, for this reason.
    Refused(String),
}

pub(super) async fn register_v1(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    simulator.register_urls(C2bVersion::V1, &simulator.admit(Api::C2b, &headers, &body)?).map(Json)
}

pub(super) async fn register_v2(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    simulator.register_urls(C2bVersion::V2, &simulator.admit(Api::C2b, &headers, &body)?).map(Json)
}

/// A payment by the test customer, which only the sandbox offers.
pub(super) async fn simulate(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    if simulator.setup.mode == Mode::Production {
        return Err(super::gateway::nowhere().await);
    }
    let form = simulator.admit(Api::C2b, &headers, &body)?;
    let shortcode = form.need("ShortCode", digits(5..=7))?;
    let number = simulator.state().number(&shortcode).ok_or_else(|| Api::C2b.invalid("ShortCode"))?;
    let command = if number.is_till() { "CustomerBuyGoodsOnline" } else { "CustomerPayBillOnline" };
    form.need("CommandID", |text| text == command)?;
    let pay = Pay {
        shortcode,
        amount: form.need("Amount", |text| digits(1..=9)(text) && text != "0")?,
        phone: Some(form.need("Msisdn", is_phone)?),
        reference: Some(form.text("BillRefNumber").chars().take(20).collect()),
        ..Pay::default()
    };
    let now = simulator.now();
    let mut state = simulator.state();
    state.agenda.put(now, Event::Pay(pay));
    let id = state.conversation(now).0;
    Ok(Json(json!({
        "OriginatorCoversationID": id,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    })))
}

impl Simulator {
    fn register_urls(&self, version: C2bVersion, form: &Form) -> Result<Value, Refusal> {
        let shortcode = form.need("ShortCode", digits(5..=7))?;
        // Sentence case, and nothing else.
        let kind = form.need("ResponseType", |text| matches!(text, "Completed" | "Cancelled"))?;
        let url = |text: &str| self.check_url(text);
        let confirmation_url = form.need("ConfirmationURL", url)?;
        let validation_url = form.need("ValidationURL", |text| text.is_empty() || url(text))?;
        let production = self.setup.mode == Mode::Production;
        let now = self.now();
        let mut state = self.state();
        // Shortcodes of the real sandbox exist before anybody registers them; so do ours.
        let unknown = || Number {
            business: shortcode.clone(),
            passkey: self.setup.passkey.clone(),
            name: shortcode.clone(),
            account: "paybill".to_owned(),
            shortcode: shortcode.clone(),
            ..Number::default()
        };
        let known = state.number(&shortcode).or_else(|| (!production).then(unknown));
        let number = known.ok_or_else(|| Api::C2b.invalid("ShortCode"))?;
        if production && !number.confirmation_url.is_empty() {
            return Err(Refusal::new(500, "500.003.1001", "Urls are already registered."));
        }
        let response_type =
            if kind == "Cancelled" { ResponseType::Cancelled } else { ResponseType::Completed };
        state.put_number(Number { confirmation_url, validation_url, response_type, version, ..number });
        let id = state.conversation(now).0;
        state.log(now, format!("{shortcode} registered its URLs"));
        Ok(json!({ "OriginatorCoversationID": id, "ResponseCode": "0", "ResponseDescription": "success" }))
    }

    /// A customer pays from the menu: the shop may be asked, the money moves, the shop is told. `None`:
    /// the shop refused it.
    pub(super) async fn pay_now(&self, at: Timestamp, pay: &Pay) -> Result<Option<String>, &'static str> {
        let (number, entry) = {
            let mut state = self.state();
            let (number, entry) = state.order(at, pay)?;
            (number, Entry { receipt: state.receipt(at), ..entry })
        };
        let verdict = match self.question(at, &number, &entry) {
            Some(body) => {
                let answer = self.ask(at, &entry.receipt, &number.validation_url, body).await;
                verdict(&number, answer)
            }
            None => Verdict::Accepted(String::new()),
        };
        let mut state = self.state();
        match verdict {
            Verdict::Accepted(third_party) => {
                let paid = state.book(at, &number, &entry);
                state.confirm(at, &number, &paid, &third_party);
                state.after_payment(at, &number, &paid);
                Ok(Some(paid.receipt))
            }
            Verdict::Refused(code) => {
                state.log(at, format!("{}: the shop refused it with {code}", entry.receipt));
                let mut cancelled = line(at, &number, &entry, state.conversation(at).0);
                cancelled.status = Status::Cancelled;
                state.books.enter(cancelled);
                Ok(None)
            }
        }
    }

    /// What the shop is asked before the money moves, where it wants to be and Safaricom has agreed.
    fn question(&self, at: Timestamp, number: &Number, entry: &Entry) -> Option<String> {
        let asked = number.external_validation && !number.validation_url.is_empty();
        asked.then(|| self.state().c2b_body(number, &entry.told(at, "", None)))
    }
}

impl Entry {
    fn told<'a>(&'a self, at: Timestamp, third_party: &'a str, balance: Option<Money>) -> Paid<'a> {
        let (receipt, reference, customer) = (&self.receipt, &self.reference, &self.customer);
        Paid { receipt, at, amount: self.amount, reference, customer, third_party, balance }
    }
}

/// What an answer to a validation means. Only a readable one decides; else the registered default does.
fn verdict(number: &Number, answer: Option<Answer>) -> Verdict {
    let answer = answer.filter(|answer| (200..300).contains(&answer.status));
    let body: Option<Value> = answer.and_then(|answer| serde_json::from_slice(&answer.body).ok());
    let text = |name: &str| match body.as_ref().and_then(|body| body.get(name)) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    match (text("ResultCode").as_str(), number.response_type) {
        ("0", _) | ("", ResponseType::Completed) => Verdict::Accepted(text("ThirdPartyTransID")),
        ("", ResponseType::Cancelled) => Verdict::Refused("no answer".to_owned()),
        (code, _) => Verdict::Refused(code.to_owned()),
    }
}

fn line(at: Timestamp, number: &Number, entry: &Entry, conversation: String) -> Transaction {
    Transaction {
        receipt: entry.receipt.clone(),
        shortcode: number.shortcode.clone(),
        kind: entry.kind,
        status: Status::Completed,
        amount: entry.amount,
        balance: Money::ZERO,
        initiated: entry.began,
        completed: at,
        customer: Some(entry.customer.clone()),
        reference: entry.reference.clone(),
        conversation,
        linked: None,
    }
}

impl State {
    /// Moves a customer's money.
    pub(super) fn book(&mut self, at: Timestamp, number: &Number, entry: &Entry) -> Transaction {
        let to = &number.shortcode;
        let by = entry.customer.phone.masked();
        self.log(at, format!("{}: KES {} to {to} by {by}", entry.receipt, entry.amount));
        let conversation = self.conversation(at).0;
        self.books.enter(line(at, number, entry, conversation))
    }

    /// Tells the shop of a payment, if it has said where.
    pub(super) fn confirm(&mut self, at: Timestamp, number: &Number, paid: &Transaction, third_party: &str) {
        let Some(customer) = &paid.customer else { return };
        let told = Paid {
            receipt: &paid.receipt,
            at: paid.completed,
            amount: paid.amount,
            reference: &paid.reference,
            customer,
            third_party,
            balance: Some(paid.balance),
        };
        let body = self.c2b_body(number, &told);
        let url = &number.confirmation_url;
        self.send(at, What::Confirmation, &paid.receipt, url, body);
        if self.roll(Fault::ConfirmationForged) {
            let receipt = self.receipt(at);
            let body = self.c2b_body(number, &Paid { receipt: &receipt, ..told });
            self.send(at, What::Forgery, &receipt, url, body);
        }
    }

    /// What follows a payment now and then: a charge, and the shop's move of its balance to its bank.
    pub(super) fn after_payment(&mut self, at: Timestamp, number: &Number, paid: &Transaction) {
        let charge = Money::from_cents(paid.amount.cents().checked_div(CHARGE_PART).unwrap_or(0));
        if charge > Money::ZERO && self.happens(self.charged) {
            let charge = Transaction {
                kind: Kind::Charge,
                amount: charge,
                customer: None,
                reference: String::new(),
                ..paid.clone()
            };
            self.books.enter(charge);
        }
        if self.happens(self.settles) {
            self.settle(at, &number.shortcode);
        }
    }

    /// The shop moves all it has to its bank.
    pub(super) fn settle(&mut self, at: Timestamp, shortcode: &str) {
        let amount = self.books.balance(shortcode);
        if amount <= Money::ZERO {
            return;
        }
        let settlement = Transaction {
            receipt: self.receipt(at),
            shortcode: shortcode.to_owned(),
            kind: Kind::Settlement,
            status: Status::Completed,
            amount,
            balance: Money::ZERO,
            initiated: at,
            completed: at,
            customer: None,
            reference: String::new(),
            conversation: self.conversation(at).0,
            linked: None,
        };
        self.log(at, format!("{}: {shortcode} moves KES {amount} to its bank", settlement.receipt));
        self.books.enter(settlement);
    }
}
