//! The bodies of callbacks, in every form that was seen (fact sheet §3).

use super::State;
use super::books::{Customer, Transaction};
use super::numbers::{C2bVersion, Number};
use super::odds::Fault;
use domain::{Money, Msisdn};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// A piece of JSON whose text is kept: 350.00 stays 350.00.
pub(super) type Raw = Box<RawValue>;

/// A literal, such as a number; what is none becomes null.
pub(super) fn raw(literal: &str) -> Raw {
    RawValue::from_string(literal.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A text.
pub(super) fn text(text: &str) -> Raw {
    to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// How many decimals an amount is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// 350, where there are no cents.
    None,
    /// 350.0, where that says it all.
    One,
    /// 350.00.
    Two,
}

/// How a phone number is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Plain,
    Masked,
    Hashed,
}

impl Places {
    pub(super) fn write(self, amount: Money) -> String {
        let two = amount.to_string();
        let short = match self {
            Self::None => two.strip_suffix(".00"),
            Self::One => two.strip_suffix('0'),
            Self::Two => None,
        };
        short.map(ToOwned::to_owned).unwrap_or(two)
    }
}

impl Shown {
    pub(super) fn write(self, phone: &Msisdn) -> String {
        let number = phone.plain().unwrap_or_default();
        let part = |range: std::ops::RangeFrom<usize>| number.get(range).unwrap_or_default();
        match self {
            Self::Plain => number.to_owned(),
            // As version 2 of the C2B API does: `2547 ***** 149`.
            Self::Masked => format!("{} ***** {}", number.get(..4).unwrap_or_default(), part(9..)),
            Self::Hashed => hex::encode(Sha256::digest(number.as_bytes())),
        }
    }
}

impl State {
    /// An amount's text: in the form a fault demands, or in the usual one.
    pub(super) fn amount(&mut self, amount: Money, usual: Places) -> String {
        let forms = [
            (Fault::AmountWhole, Places::None),
            (Fault::AmountOneDecimal, Places::One),
            (Fault::AmountTwoDecimals, Places::Two),
        ];
        let places =
            forms.into_iter().find(|(fault, _)| self.roll(*fault)).map_or(usual, |(_, places)| places);
        places.write(amount)
    }

    /// How a phone number is shown: as a fault demands, or as usual.
    pub(super) fn shown(&mut self, usual: Shown) -> Shown {
        let forms = [
            (Fault::MsisdnPlain, Shown::Plain),
            (Fault::MsisdnMasked, Shown::Masked),
            (Fault::MsisdnHashed, Shown::Hashed),
        ];
        forms.into_iter().find(|(fault, _)| self.roll(*fault)).map_or(usual, |(_, shown)| shown)
    }

    /// A phone number where usually the whole of it stands, as a number.
    pub(super) fn phone(&mut self, phone: &Msisdn) -> Raw {
        match self.shown(Shown::Plain) {
            Shown::Plain => raw(&Shown::Plain.write(phone)),
            other => text(&other.write(phone)),
        }
    }

    /// A result code: a number where it can be one.
    pub(super) fn code(&mut self, code: &str) -> Raw {
        let number = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
        if number && !self.roll(Fault::ResultCodeText) { raw(code) } else { text(code) }
    }

    /// The body of a validation, which has no balance, or of a confirmation, which has.
    pub(super) fn c2b_body(&mut self, number: &Number, paid: &Paid<'_>) -> String {
        let kind = if number.is_till() { "Customer Merchant Payment" } else { "Pay Bill" };
        let usual = match number.version {
            C2bVersion::V1 => Shown::Hashed,
            C2bVersion::V2 => Shown::Masked,
        };
        let fields = [
            ("TransactionType", kind.to_owned()),
            ("TransID", paid.receipt.to_owned()),
            ("TransTime", paid.at.to_daraja()),
            ("TransAmount", self.amount(paid.amount, Places::Two)),
            ("BusinessShortCode", number.shortcode.clone()),
            ("BillRefNumber", paid.reference.to_owned()),
            ("InvoiceNumber", String::new()),
            ("OrgAccountBalance", paid.balance.map(|balance| balance.to_string()).unwrap_or_default()),
            ("ThirdPartyTransID", paid.third_party.to_owned()),
            ("MSISDN", self.shown(usual).write(&paid.customer.phone)),
        ];
        let mut names = paid.customer.name.split_whitespace();
        let mut next = || names.next().unwrap_or_default().to_owned();
        let (first, last) = (next(), next());
        let names = [("FirstName", first), ("MiddleName", String::new()), ("LastName", last)];
        let kept = if self.roll(Fault::NamesMissing) { self.random.usize(..2) } else { names.len() };
        let fields = fields.into_iter().chain(names.into_iter().take(kept));
        let body: Map<String, Value> = fields.map(|(key, value)| (key.to_owned(), value.into())).collect();
        Value::Object(body).to_string()
    }

    /// The body of a prompt's result; metadata only where a payment was made.
    pub(super) fn stk_body(&mut self, prompt: &Prompt<'_>, paid: Option<&Transaction>) -> String {
        let items = paid.map(|paid| Items { item: self.stk_items(paid) });
        let callback = StkCallback {
            merchant: prompt.merchant,
            checkout: prompt.checkout,
            code: self.code(prompt.code),
            description: prompt.description,
            items,
        };
        write(&StkBody { body: StkInner { callback } })
    }

    fn stk_items(&mut self, paid: &Transaction) -> Vec<Item> {
        let item = |name, value| Item { name, value: Some(value) };
        let amount = self.amount(paid.amount, Places::None);
        let mut items = vec![item("Amount", raw(&amount)), item("MpesaReceiptNumber", text(&paid.receipt))];
        if self.roll(Fault::BalanceWithoutValue) {
            items.push(Item { name: "Balance", value: None });
        }
        items.push(item("TransactionDate", raw(&paid.completed.to_daraja())));
        if let Some(customer) = &paid.customer {
            items.push(item("PhoneNumber", self.phone(&customer.phone)));
        }
        items
    }
}

/// A payment as C2B tells of it.
pub(super) struct Paid<'a> {
    pub(super) receipt: &'a str,
    pub(super) at: domain::Timestamp,
    pub(super) amount: Money,
    pub(super) reference: &'a str,
    pub(super) customer: &'a Customer,
    pub(super) third_party: &'a str,
    /// The number's balance afterwards.
    pub(super) balance: Option<Money>,
}

/// A prompt that ended.
pub(super) struct Prompt<'a> {
    pub(super) merchant: &'a str,
    pub(super) checkout: &'a str,
    pub(super) code: &'a str,
    pub(super) description: &'a str,
}

#[derive(Serialize)]
struct StkBody<'a> {
    #[serde(rename = "Body")]
    body: StkInner<'a>,
}

#[derive(Serialize)]
struct StkInner<'a> {
    #[serde(rename = "stkCallback")]
    callback: StkCallback<'a>,
}

#[derive(Serialize)]
struct StkCallback<'a> {
    #[serde(rename = "MerchantRequestID")]
    merchant: &'a str,
    #[serde(rename = "CheckoutRequestID")]
    checkout: &'a str,
    #[serde(rename = "ResultCode")]
    code: Raw,
    #[serde(rename = "ResultDesc")]
    description: &'a str,
    #[serde(rename = "CallbackMetadata", skip_serializing_if = "Option::is_none")]
    items: Option<Items>,
}

#[derive(Serialize)]
struct Items {
    #[serde(rename = "Item")]
    item: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    #[serde(rename = "Name")]
    name: &'static str,
    #[serde(rename = "Value", skip_serializing_if = "Option::is_none")]
    value: Option<Raw>,
}

/// A parameter of a status, reversal or balance result.
#[derive(Serialize)]
pub(super) struct Parameter {
    #[serde(rename = "Key")]
    pub(super) key: &'static str,
    #[serde(rename = "Value", skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Raw>,
}

/// The result of a status, reversal or balance.
#[derive(Serialize)]
pub(super) struct Outcome<'a> {
    #[serde(rename = "ResultType")]
    pub(super) kind: Raw,
    #[serde(rename = "ResultCode")]
    pub(super) code: Raw,
    #[serde(rename = "ResultDesc")]
    pub(super) description: &'a str,
    #[serde(rename = "OriginatorConversationID")]
    pub(super) originator: &'a str,
    #[serde(rename = "ConversationID")]
    pub(super) conversation: &'a str,
    #[serde(rename = "TransactionID")]
    pub(super) transaction: &'a str,
    #[serde(rename = "ResultParameters", skip_serializing_if = "Option::is_none")]
    pub(super) parameters: Option<Parameters>,
    #[serde(rename = "ReferenceData")]
    pub(super) reference: ReferenceData,
}

#[derive(Serialize)]
pub(super) struct Parameters {
    #[serde(rename = "ResultParameter")]
    pub(super) list: Vec<Parameter>,
}

#[derive(Serialize)]
pub(super) struct ReferenceData {
    #[serde(rename = "ReferenceItem")]
    pub(super) item: Parameter,
}

/// The body of a result.
pub(super) fn result_body(outcome: Outcome<'_>) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(rename = "Result")]
        result: Outcome<'a>,
    }
    write(&Body { result: outcome })
}

/// These shapes have only text for keys, so writing them can not fail.
pub(super) fn write(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_with_as_many_decimals_as_it_needs_at_least() {
        let all = |cents| [Places::None, Places::One, Places::Two].map(|p| p.write(Money::from_cents(cents)));
        assert_eq!(all(35_000), ["350", "350.0", "350.00"]);
        assert_eq!(all(23_380), ["233.80", "233.8", "233.80"]);
        assert_eq!(all(23_385), ["233.85", "233.85", "233.85"]);
    }

    #[test]
    fn a_phone_number_is_shown_in_three_ways() {
        let phone = Msisdn::parse_phone("0708374149").unwrap();
        assert_eq!(Shown::Masked.write(&phone), "2547 ***** 149");
        assert_eq!(Shown::Plain.write(&phone), "254708374149");
        assert_eq!(Shown::Hashed.write(&phone), hex::encode(Sha256::digest("254708374149")));
    }
}
