//! STK push and its query (fact sheet §2, §4): what is taken, what is refused, and how a prompt ends.

use super::agenda::Event;
use super::books::{Customer, Kind};
use super::c2b::Entry;
use super::customers::name_of;
use super::delivery::What;
use super::gateway::{Api, Form, Refusal, digits, is_phone, page};
use super::messages::Prompt;
use super::odds::{Fault, Habit};
use super::{Simulator, State, later};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Money, Msisdn, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// What one payment may be at most, in shillings (§2.7).
const LARGEST: Money = Money::from_cents(25_000_000);
/// Between two pushes to one phone, and between two of the same amount (§2.6).
const SAME_PHONE_MILLIS: u64 = 60_000;
const SAME_AMOUNT_MILLIS: u64 = 120_000;
/// How long before its end a customer who is late answers a prompt.
const LATE: std::time::Duration = std::time::Duration::from_secs(5);

/// A result code with the words that come with it (§4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub(super) &'static str, pub(super) &'static str);

const PAID: Code = Code("0", "The service request is processed successfully.");
const NO_FUNDS: Code = Code("1", "The balance is insufficient for the transaction.");
const TOO_SMALL: Code = Code("2", "Declined due to limit rule: less than the minimum transaction amount.");
const TOO_LARGE: Code = Code("3", "Declined due to limit rule: greater than the maximum transaction amount.");
const SAME_AMOUNT: Code = Code("17", "Rule limited: the same amount to the same customer within 2 minutes.");
const BUSY: Code =
    Code("1001", "Unable to lock subscriber, a transaction is already in process for the current subscriber");
const NOT_SENT: Code = Code("1025", "An error occurred while sending a push request");
const CANCELLED: Code = Code("1032", "Request cancelled by user");
const NO_ANSWER: Code = Code("1037", "DS timeout user cannot be reached");
const WRONG_PIN: Code = Code("2001", "The initiator information is invalid.");
const WRONG_TYPE: Code = Code("2028", "The request is not permitted according to product assignment.");
const NO_OPERATOR: Code = Code("SFC_IC0003", "[STK_CB - ]The operator does not exist.");

/// How a prompt will end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The customer types the PIN.
    Pays,
    /// It ends without money.
    Fails(Code),
    /// It ends with 1037, and the customer pays all the same later.
    PaysAfterAll,
}

/// A push that was taken.
pub(super) struct Push {
    merchant: String,
    checkout: String,
    at: Timestamp,
    asked: Asked,
    /// Whether the phone rang; what was refused before that keeps nobody waiting.
    rang: bool,
    /// How it ended; `None`: it is on the phone.
    outcome: Option<Code>,
}

/// What a push asks for.
#[derive(Clone)]
struct Asked {
    business: String,
    till: bool,
    amount: Money,
    party_b: String,
    phone: Msisdn,
    callback_url: String,
    reference: String,
}

pub(super) async fn push(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let form = simulator.admit(Api::Stk, &headers, &body)?;
    let asked = simulator.read_push(&form)?;
    let now = simulator.now();
    let mut state = simulator.state();
    state.check_password(&form, now)?;
    state.take_push(now, asked).map(Json)
}

pub(super) async fn query(
    Shared(simulator): Shared<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let form = simulator.admit(Api::Stk, &headers, &body).map_err(IntoResponse::into_response)?;
    let now = simulator.now();
    let mut state = simulator.state();
    state.check_password(&form, now).map_err(IntoResponse::into_response)?;
    if state.roll(Fault::QueryHtml) {
        return Err(page(StatusCode::BAD_GATEWAY));
    }
    state.answer_query(&form).map(Json).map_err(IntoResponse::into_response)
}

impl Simulator {
    /// Reads the fields of a push, each under the rule that is known for it (§2.5).
    fn read_push(&self, form: &Form) -> Result<Asked, Refusal> {
        let kinds = ["CustomerPayBillOnline", "CustomerBuyGoodsOnline"];
        let kind = form.need("TransactionType", |text| kinds.contains(&text))?;
        let amount = form.need("Amount", digits(1..=9))?;
        let amount = Money::parse(&amount).map_err(|_| Api::Stk.invalid("Amount"))?;
        form.need("PartyA", is_phone)?;
        let phone = form.need("PhoneNumber", is_phone)?;
        let phone = Msisdn::parse_phone(&phone).map_err(|_| Api::Stk.invalid("PhoneNumber"))?;
        form.need("TransactionDesc", |text| text.chars().count() <= 13)?;
        Ok(Asked {
            business: form.need("BusinessShortCode", digits(5..=7))?,
            till: kind == "CustomerBuyGoodsOnline",
            amount,
            party_b: form.need("PartyB", digits(5..=7))?,
            phone,
            callback_url: form.need("CallBackURL", |url| self.check_url(url))?,
            reference: form.need("AccountReference", |text| (1..=12).contains(&text.chars().count()))?,
        })
    }
}

impl State {
    /// Checks who asks: the number that went live, and the password made with its passkey (§2.1, §2.2).
    fn check_password(&self, form: &Form, now: Timestamp) -> Result<(), Refusal> {
        let (business, stamp) = (form.text("BusinessShortCode"), form.text("Timestamp"));
        let refuse = |words| Refusal::new(500, "500.001.1001", words);
        let number = self.numbers.iter().find(|number| number.business == business);
        let number = number.ok_or_else(|| refuse("Merchant does not exist"))?;
        let expected = STANDARD.encode(format!("{business}{}{stamp}", number.passkey));
        let at = Timestamp::parse_daraja(&stamp).map_err(|_| Api::Stk.invalid("Timestamp"))?;
        let skewed = self.skew.is_some_and(|most| u128::from(at.distance_millis(now)) > most.as_millis());
        let right = form.text("Password") == expected && !skewed;
        right.then_some(()).ok_or_else(|| refuse("Wrong credentials"))
    }

    fn take_push(&mut self, now: Timestamp, asked: Asked) -> Result<Value, Refusal> {
        let busy = self.busy(&asked, now);
        if busy == Some(BUSY) && self.roll(Fault::LockRefused) {
            return Err(Refusal::new(500, "500.001.1001", BUSY.1));
        }
        let refused = self.refuses(&asked).or(busy);
        let (merchant, checkout) = self.name_push(now, &asked.phone);
        let (wait, ending) = match refused {
            Some(code) => (self.delays.result, Ending::Fails(code)),
            None => self.rings(now, &asked),
        };
        self.log(now, format!("prompt for KES {} from {}", asked.amount, asked.party_b));
        self.agenda.put(later(now, wait), Event::Prompt(checkout.clone(), ending));
        let answer = json!({
            "MerchantRequestID": merchant,
            "CheckoutRequestID": checkout,
            "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        });
        self.pushes.push(Push { merchant, checkout, at: now, asked, rang: refused.is_none(), outcome: None });
        Ok(answer)
    }

    /// Why a push that was taken ends before the phone rings.
    fn refuses(&self, asked: &Asked) -> Option<Code> {
        let mut own = self.numbers.iter().filter(|number| number.business == asked.business);
        let Some(number) = own.find(|number| number.shortcode == asked.party_b) else {
            return Some(NO_OPERATOR);
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == ' ';
        if number.is_till() != asked.till {
            Some(WRONG_TYPE)
        } else if asked.amount < Money::from_cents(100) {
            Some(TOO_SMALL)
        } else if asked.amount > LARGEST {
            Some(TOO_LARGE)
        } else {
            (!asked.reference.chars().all(plain)).then_some(NOT_SENT)
        }
    }

    /// Whether an earlier push is in the way of this one.
    fn busy(&self, asked: &Asked, now: Timestamp) -> Option<Code> {
        let mut earlier =
            self.pushes.iter().rev().filter(|push| push.rang && push.asked.phone == asked.phone);
        let within = |push: &Push, millis| push.at.distance_millis(now) < millis;
        if earlier.clone().any(|push| push.outcome.is_none() || within(push, SAME_PHONE_MILLIS)) {
            return Some(BUSY);
        }
        let same = |push: &Push| {
            let paid = push.outcome == Some(PAID) && push.asked.amount == asked.amount;
            paid && push.asked.party_b == asked.party_b && within(push, SAME_AMOUNT_MILLIS)
        };
        earlier.any(same).then_some(SAME_AMOUNT)
    }

    /// What the customer will do, and when: by the last digit of the phone, 1 cancels, 2 has no funds and
    /// 3 never answers; everybody else does what the habits say.
    fn rings(&mut self, now: Timestamp, asked: &Asked) -> (std::time::Duration, Ending) {
        let habit = match asked.phone.plain().and_then(|number| number.chars().last()) {
            Some('1') => Habit::Cancels,
            Some('2') => Habit::NoFunds,
            Some('3') => Habit::Ignores,
            _ => self.habits.pick(&mut self.random).unwrap_or(Habit::Pays),
        };
        let (thinking, life) = (self.delays.thinking, self.delays.prompt_life);
        let after_all = self.roll(Fault::LateSuccess);
        match habit {
            Habit::Cancels => (thinking, Ending::Fails(CANCELLED)),
            Habit::NoFunds => (thinking, Ending::Fails(NO_FUNDS)),
            Habit::WrongPin => (thinking, Ending::Fails(WRONG_PIN)),
            Habit::Ignores if !after_all => (life, Ending::Fails(NO_ANSWER)),
            _ if after_all => (life, Ending::PaysAfterAll),
            Habit::PaysLate => (life.saturating_sub(LATE), Ending::Pays),
            Habit::PaysTwice => {
                let again = super::Pay {
                    shortcode: asked.party_b.clone(),
                    amount: asked.amount.to_string(),
                    phone: asked.phone.plain().map(ToOwned::to_owned),
                    reference: Some(asked.reference.clone()),
                    name: Some(name_of(&asked.phone).to_owned()),
                    does: None,
                };
                self.agenda.put(later(later(now, thinking), thinking), Event::Pay(again));
                (thinking, Ending::Pays)
            }
            _ => (thinking, Ending::Pays),
        }
    }

    /// The names of a push. The second carries a piece of the phone number, as the real one does.
    fn name_push(&mut self, now: Timestamp, phone: &Msisdn) -> (String, String) {
        let count = self.next_name();
        let stamp = now.to_daraja();
        let part = |range: std::ops::Range<usize>| stamp.get(range).unwrap_or_default();
        let (year, month, rest) = (part(0..4), part(4..6), stamp.get(8..).unwrap_or_default());
        let tail = phone.plain().and_then(|number| number.get(3..)).unwrap_or_default();
        let turn = count.checked_rem(1000).unwrap_or(0);
        let checkout = format!("ws_CO_{}{month}{year}{rest}{turn:03}{tail}", part(6..8));
        (format!("29115-34620561-{count}"), checkout)
    }

    /// A prompt ends.
    pub(super) fn end_prompt(&mut self, now: Timestamp, checkout: &str, ending: Ending) {
        let Some(push) = self.pushes.iter_mut().find(|push| push.checkout == checkout) else { return };
        let code = match ending {
            Ending::Pays => PAID,
            Ending::Fails(code) => code,
            Ending::PaysAfterAll => NO_ANSWER,
        };
        push.outcome = Some(code);
        let (asked, merchant, began) = (push.asked.clone(), push.merchant.clone(), push.at);
        self.log(now, format!("prompt ended with {}", code.0));
        if ending == Ending::PaysAfterAll {
            let after = later(now, self.delays.late);
            self.agenda.put(after, Event::Prompt(checkout.to_owned(), Ending::Pays));
        }
        let prompt = Prompt { merchant: &merchant, checkout, code: code.0, description: code.1 };
        if ending != Ending::Pays {
            let body = self.stk_body(&prompt, None);
            // Not by the other id, which carries a phone number.
            return self.send(now, What::StkResult, &merchant, &asked.callback_url, body);
        }
        self.prompt_paid(now, &prompt, &asked, began);
    }

    /// A prompt was paid: the books, the result, and the C2B confirmation of the same payment (§3.3).
    fn prompt_paid(&mut self, now: Timestamp, prompt: &Prompt<'_>, asked: &Asked, began: Timestamp) {
        let Some(number) = self.number(&asked.party_b) else { return };
        let kind = if number.is_till() { Kind::BuyGoods } else { Kind::PayBillOnline };
        let customer = Customer { phone: asked.phone.clone(), name: name_of(&asked.phone).to_owned() };
        let entry = Entry {
            kind,
            amount: asked.amount,
            customer,
            reference: asked.reference.clone(),
            began,
            receipt: self.receipt(now),
        };
        let paid = self.book(now, &number, &entry);
        let body = self.stk_body(prompt, Some(&paid));
        let echoed = !self.roll(Fault::StkNotEchoed);
        let c2b_first = self.roll(Fault::StkAfterC2b);
        if echoed && c2b_first {
            self.confirm(now, &number, &paid, "");
        }
        self.send(now, What::StkResult, &paid.receipt, &asked.callback_url, body);
        if echoed && !c2b_first {
            self.confirm(now, &number, &paid, "");
        }
        self.after_payment(now, &number, &paid);
    }

    fn answer_query(&mut self, form: &Form) -> Result<Value, Refusal> {
        let (business, checkout) = (form.text("BusinessShortCode"), form.text("CheckoutRequestID"));
        let mut pushes = self.pushes.iter();
        let push = pushes.find(|push| push.checkout == checkout && push.asked.business == business);
        let push = push.ok_or_else(|| Api::Stk.invalid("CheckoutRequestID"))?;
        let (merchant, outcome) = (push.merchant.clone(), push.outcome);
        let Code(code, words) = match outcome {
            Some(code) => code,
            None if self.roll(Fault::QueryPending4999) => {
                Code("4999", "The transaction is still under processing")
            }
            None => {
                let pending = Refusal::new(500, "500.001.1001", "The transaction is being processed");
                return Err(pending.named(&checkout));
            }
        };
        let number = code.parse::<u32>().ok().filter(|_| self.roll(Fault::QueryCodeNumber));
        Ok(json!({
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successsfully",
            "MerchantRequestID": merchant,
            "CheckoutRequestID": checkout,
            "ResultCode": number.map_or_else(|| json!(code), |number| json!(number)),
            "ResultDesc": words,
        }))
    }
}
