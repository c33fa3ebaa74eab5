//! Transaction status, reversal and account balance: an acknowledgement now, a result later (fact sheet
//! §1.6, §3.5 to §3.7).

use super::agenda::Event;
use super::books::{Kind, Status, Transaction};
use super::customers::date_letters;
use super::delivery::What;
use super::gateway::{Api, Form, Refusal, digits, is_phone};
use super::messages::{Outcome, Parameter, Parameters, Places, Raw, ReferenceData, raw, result_body, text};
use super::numbers::Number;
use super::odds::Fault;
use super::{Simulator, State, later};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use domain::{Money, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

const DONE: (&str, &str) = ("0", "The service request is processed successfully.");
const NOT_ENOUGH: (&str, &str) = ("1", "The balance is insufficient for the transaction.");
const NO_ROLE: (&str, &str) = ("21", "The initiator is not allowed to initiate this request.");
const WRONG_INITIATOR: (&str, &str) = ("2001", "The initiator information is invalid.");
/// That only the whole of a payment is given back is not documented; nothing says that a part is.
const NOT_THE_WHOLE: (&str, &str) = ("2006", "The amount is not that of the original transaction.");
const REVERSED: (&str, &str) = ("R000001", "The transaction has already been reversed.");
const UNKNOWN: (&str, &str) = ("R000002", "The OriginalTransactionID is invalid.");

/// Something that was asked for and acknowledged.
pub(super) struct Job {
    what: Wanted,
    initiator: String,
    originator: String,
    conversation: String,
    result_url: String,
    timeout_url: String,
}

/// What was asked for.
enum Wanted {
    /// What became of a payment to a number: by receipt code, or by originator conversation id.
    Status { party: String, receipt: String, original: String },
    /// A payment back to its payer.
    Reversal { party: String, receipt: String, amount: Money },
    /// What a number holds.
    Balance { party: String },
}

/// What came of it: a code with words, an outer transaction id, parameters.
struct Done {
    code: (&'static str, &'static str),
    transaction: Option<String>,
    parameters: Vec<Parameter>,
}

impl Done {
    fn refused(code: (&'static str, &'static str)) -> Self {
        Self { code, transaction: None, parameters: Vec::new() }
    }
}

pub(super) async fn status(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let form = simulator.admit(Api::Status, &headers, &body)?;
    form.need("CommandID", |text| text == "TransactionStatusQuery")?;
    form.need("IdentifierType", |text| text == "4")?;
    let original = form.text("OriginalConversationID");
    let receipt = form.need("TransactionID", |text| !text.is_empty() || !original.is_empty())?;
    let party = form.need("PartyA", |text| digits(5..=9)(text) || is_phone(text))?;
    simulator.acknowledge(&form, Wanted::Status { party, receipt, original })
}

pub(super) async fn reversal(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let form = simulator.admit(Api::Reversal, &headers, &body)?;
    form.need("CommandID", |text| text == "TransactionReversal")?;
    // Spelt so by Safaricom.
    form.need("RecieverIdentifierType", |text| text == "11")?;
    form.need("Remarks", |text| text.chars().count() >= 2)?;
    let amount = form.need("Amount", |text| Money::parse(text).is_ok_and(|amount| amount > Money::ZERO))?;
    let amount = Money::parse(&amount).map_err(|_| Api::Reversal.invalid("Amount"))?;
    let receipt = form.need("TransactionID", |text| !text.is_empty())?;
    let party = form.need("ReceiverParty", digits(5..=7))?;
    simulator.acknowledge(&form, Wanted::Reversal { party, receipt, amount })
}

pub(super) async fn balance(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let form = simulator.admit(Api::Balance, &headers, &body)?;
    form.need("CommandID", |text| text == "AccountBalance")?;
    form.need("IdentifierType", |text| text == "4")?;
    let party = form.need("PartyA", digits(5..=7))?;
    simulator.acknowledge(&form, Wanted::Balance { party })
}

impl Simulator {
    fn acknowledge(&self, form: &Form, what: Wanted) -> Result<Json<Value>, Refusal> {
        let filled = |text: &str| !text.is_empty();
        form.need("SecurityCredential", filled)?;
        form.need("Remarks", |text| text.chars().count() <= 100)?;
        let url = |text: &str| self.check_url(text);
        let (initiator, result_url) = (form.need("Initiator", filled)?, form.need("ResultURL", url)?);
        let timeout_url = form.need("QueueTimeOutURL", url)?;
        let now = self.now();
        let mut state = self.state();
        let (originator, conversation) = state.conversation(now);
        let answer = json!({
            "OriginatorConversationID": originator,
            "ConversationID": conversation,
            "ResponseCode": "0",
            "ResponseDescription": "Accept the service request successfully.",
        });
        let job = Job { what, initiator, originator, conversation, result_url, timeout_url };
        let at = later(now, state.delays.result);
        state.agenda.put(at, Event::Request(Box::new(job)));
        Ok(Json(answer))
    }
}

impl State {
    /// Does what was asked for, and sends the result. A queue that timed out does it all the same: its
    /// message means that nothing is known.
    pub(super) fn answer(&mut self, at: Timestamp, job: &Job) {
        let done = self.perform(at, job);
        self.log(at, format!("{} ended with {}", job.what.words(), done.code.0));
        let timed_out = self.roll(Fault::QueueTimeOut);
        let done = if timed_out { Done::refused(("1", "The request timed out in the queue.")) } else { done };
        // Balance results carry their type and code as texts.
        let texts = matches!(job.what, Wanted::Balance { .. });
        let code = if texts { text(done.code.0) } else { self.code(done.code.0) };
        let dummy = format!("{}0000000", date_letters(at));
        let body = result_body(Outcome {
            kind: if texts { text("0") } else { raw("0") },
            code,
            description: done.code.1,
            originator: &job.originator,
            conversation: &job.conversation,
            transaction: done.transaction.as_deref().unwrap_or(&dummy),
            parameters: (!done.parameters.is_empty()).then_some(Parameters { list: done.parameters }),
            reference: ReferenceData { item: Parameter { key: "Occasion", value: None } },
        });
        let (what, url) =
            if timed_out { (What::TimeOut, &job.timeout_url) } else { (What::Result, &job.result_url) };
        self.send(at, what, &job.originator, url, body);
    }

    fn perform(&mut self, at: Timestamp, job: &Job) -> Done {
        if self.initiator.as_ref().is_some_and(|known| *known != job.initiator) {
            return Done::refused(WRONG_INITIATOR);
        }
        if self.roll(Fault::RoleMissing) {
            return Done::refused(NO_ROLE);
        }
        match &job.what {
            Wanted::Status { party, receipt, original } => self.tell_status(party, receipt, original),
            Wanted::Reversal { party, receipt, amount } => self.reverse(at, party, receipt, *amount),
            Wanted::Balance { party } => self.tell_balance(at, party),
        }
    }

    fn tell_status(&mut self, party: &str, receipt: &str, original: &str) -> Done {
        let found = match receipt {
            "" => self.books.find_conversation(original),
            receipt => self.books.find(receipt),
        };
        // Which code an unknown receipt gets is not documented; any but 0 says no.
        let Some(found) = found.cloned() else { return Done::refused(UNKNOWN) };
        let Some(number) = self.number(party).filter(|number| number.shortcode == found.shortcode) else {
            return Done::refused(UNKNOWN);
        };
        Done { code: DONE, transaction: None, parameters: self.status_parameters(&number, &found) }
    }

    fn status_parameters(&mut self, number: &Number, found: &Transaction) -> Vec<Parameter> {
        let own = format!("{} - {}", number.shortcode, number.name);
        let customer = found.customer.as_ref().map(|customer| {
            let shown = self.shown(super::messages::Shown::Plain).write(&customer.phone);
            format!("{shown} - {}", customer.name)
        });
        let customer = customer.unwrap_or_else(|| own.clone());
        let (debit, credit) = if found.kind.is_payment() { (customer, own) } else { (own, customer) };
        // The portal's sample names the payer twice, and other keys in other ways.
        let variant = self.roll(Fault::ResultKeysVariant);
        let either = |usual, other| if variant { other } else { usual };
        let state = match found.status {
            Status::Completed => "Completed",
            Status::Cancelled => "Cancelled",
        };
        let reason = match found.kind {
            Kind::PayBill => "Pay Utility",
            Kind::PayBillOnline => "Pay Utility via STK",
            Kind::BuyGoods => "Customer Merchant Payment",
            Kind::Charge => "Pay Merchant Charge",
            Kind::Settlement => "Organization Settlement",
            Kind::Reversal => "Transaction Reversal",
        };
        let amount = raw(&self.amount(found.amount, Places::None));
        let time = |at: Timestamp| if variant { text(&at.to_daraja()) } else { raw(&at.to_daraja()) };
        let with = |key, value: Raw| Parameter { key, value: Some(value) };
        vec![
            with("DebitPartyName", text(&debit)),
            with(either("CreditPartyName", "DebitPartyName"), text(&credit)),
            with("OriginatorConversationID", text(&found.conversation)),
            with(either("ConversationID", "Conversation ID"), text(&format!("AG_{}", found.conversation))),
            with("InitiatedTime", time(found.initiated)),
            with(either("FinalisedTime", "FinalizedTime"), time(found.completed)),
            with("DebitAccountType", text("MMF Account For Customer")),
            Parameter { key: "DebitPartyCharges", value: None },
            Parameter { key: "TransactionReason", value: None },
            with("ReasonType", text(reason)),
            with("TransactionStatus", text(state)),
            with("Amount", amount),
            with("ReceiptNo", text(&found.receipt)),
        ]
    }

    fn reverse(&mut self, at: Timestamp, party: &str, receipt: &str, amount: Money) -> Done {
        let number = self.number(party);
        let known = self.books.find(receipt).filter(|found| {
            let own = number.as_ref().is_some_and(|number| number.shortcode == found.shortcode);
            own && found.kind.is_payment() && found.status == Status::Completed
        });
        let (Some(number), Some(paid)) = (number, known.cloned()) else { return Done::refused(UNKNOWN) };
        if self.books.is_reversed(receipt) {
            return Done::refused(REVERSED);
        }
        if amount != paid.amount {
            return Done::refused(NOT_THE_WHOLE);
        }
        if self.books.balance(&paid.shortcode) < amount {
            return Done::refused(NOT_ENOUGH);
        }
        let back = Transaction {
            receipt: self.receipt(at),
            kind: Kind::Reversal,
            initiated: at,
            completed: at,
            conversation: self.conversation(at).0,
            linked: Some(paid.receipt.clone()),
            ..paid
        };
        let back = self.books.enter(back);
        self.log(at, format!("{}: KES {amount} of {receipt} go back", back.receipt));
        let parameters = self.reversal_parameters(&number, &back);
        Done { code: DONE, transaction: Some(back.receipt), parameters }
    }

    fn reversal_parameters(&mut self, number: &Number, back: &Transaction) -> Vec<Parameter> {
        let with = |key, value: Raw| Parameter { key, value: Some(value) };
        let customer = back.customer.as_ref();
        let name = customer.map(|customer| {
            let phone = customer.phone.plain().unwrap_or_default();
            format!("{phone} - {}", customer.name)
        });
        let balance = format!("Utility Account|KES|{0}|{0}|0.00|0.00", back.balance);
        vec![
            with("DebitAccountBalance", text(&balance)),
            with("Amount", raw(&self.amount(back.amount, Places::Two))),
            with("TransCompletedTime", raw(&back.completed.to_daraja())),
            with("OriginalTransactionID", text(back.linked.as_deref().unwrap_or_default())),
            with("Charge", raw("0")),
            with("CreditPartyPublicName", text(&name.unwrap_or_default())),
            with("DebitPartyPublicName", text(&format!("{} - {}", number.shortcode, number.name))),
        ]
    }

    fn tell_balance(&mut self, at: Timestamp, party: &str) -> Done {
        let Some(number) = self.number(party) else { return Done::refused(WRONG_INITIATOR) };
        let held = self.books.balance(&number.shortcode);
        let name = if number.is_till() { "Merchant Account" } else { "Utility Account" };
        let accounts =
            format!("{name}|KES|{held}|{held}|0.00|0.00&Charges Paid Account|KES|0.00|0.00|0.00|0.00");
        let parameters = vec![
            Parameter { key: "AccountBalance", value: Some(text(&accounts)) },
            Parameter { key: "BOCompletedTime", value: Some(raw(&at.to_daraja())) },
        ];
        Done { code: DONE, transaction: None, parameters }
    }
}

impl Wanted {
    fn words(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status query",
            Self::Reversal { .. } => "reversal",
            Self::Balance { .. } => "balance query",
        }
    }
}
