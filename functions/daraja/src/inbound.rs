//! What Safaricom posts to us.

use crate::loose::Object;
use domain::{CheckoutId, Money, Msisdn, Payer, ReceiptCode, ShortCode, Timestamp};

/// A callback we understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A C2B body: a customer paid a paybill or till (fact sheet §3.2).
    C2b(C2bPayment),
    /// The result of an STK push (fact sheet §3.1).
    Stk(StkOutcome),
}

/// A C2B validation or confirmation; the two have the same body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct C2bPayment {
    /// `TransID`.
    pub receipt: ReceiptCode,
    /// `TransAmount`, exact from its literal text.
    pub amount: Money,
    /// `BusinessShortCode`; for tills mostly the till number.
    pub shortcode: ShortCode,
    /// `TransTime`, if it is a time.
    pub paid_at: Option<Timestamp>,
    /// Names and number, as far as they are sent.
    pub payer: Payer,
    /// `BillRefNumber`, typed by the customer; empty for tills.
    pub account_reference: String,
}

/// How an STK push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StkOutcome {
    /// `CheckoutRequestID`: the only link to the sale, because the body carries no reference.
    pub checkout: CheckoutId,
    /// `ResultCode` as text; not all are numbers (`SFC_IC0003`).
    pub code: String,
    /// `ResultDesc`.
    pub description: String,
    /// What was paid, when the code is `0`.
    pub paid: Option<StkPayment>,
}

/// The money of a successful STK push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StkPayment {
    /// `MpesaReceiptNumber`.
    pub receipt: ReceiptCode,
    /// `Amount`.
    pub amount: Money,
    /// `TransactionDate`, if it is a time.
    pub paid_at: Option<Timestamp>,
    /// `PhoneNumber`.
    pub msisdn: Option<Msisdn>,
}

/// Why a body is not understood. It is kept with this reason, never dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No JSON object at all.
    #[error("the body is no JSON object")]
    NotJson,
    /// Neither an STK result nor a C2B body.
    #[error("the body is neither an STK result nor a C2B payment")]
    Shape,
    /// A field that must be there is missing or makes no sense.
    #[error("{0} is missing or makes no sense")]
    Field(&'static str),
}

/// Reads a callback body and tells the kinds apart by their shape, as seed B's single endpoint needs.
///
/// # Errors
/// [`Unreadable`], with the reason a person will see.
pub fn parse(body: &[u8]) -> Result<Inbound, Unreadable> {
    let body: Object = serde_json::from_slice(body).map_err(|_| Unreadable::NotJson)?;
    if let Some(callback) = body.object("Body").and_then(|inner| inner.object("stkCallback")) {
        return stk(&callback).map(Inbound::Stk);
    }
    if body.has("TransID") || body.has("TransAmount") {
        return c2b(&body).map(Inbound::C2b);
    }
    Err(Unreadable::Shape)
}

/// The longest name kept beside the raw body; real ones have a third of it.
const MAX_NAME_CHARS: usize = 80;

fn c2b(body: &Object) -> Result<C2bPayment, Unreadable> {
    let names = ["FirstName", "MiddleName", "LastName"].iter().filter_map(|name| body.text(name));
    let name: String = names.collect::<Vec<_>>().join(" ").chars().take(MAX_NAME_CHARS).collect();
    Ok(C2bPayment {
        receipt: receipt(body.text("TransID"), "TransID")?,
        amount: amount(body.text("TransAmount"), "TransAmount")?,
        shortcode: body
            .text("BusinessShortCode")
            .and_then(|text| ShortCode::parse(&text).ok())
            .ok_or(Unreadable::Field("BusinessShortCode"))?,
        paid_at: body.text("TransTime").and_then(|text| Timestamp::parse_daraja(&text).ok()),
        payer: Payer {
            name: (!name.is_empty()).then_some(name),
            msisdn: body.text("MSISDN").map(|text| Msisdn::from_safaricom(&text)),
        },
        account_reference: body.text("BillRefNumber").unwrap_or_default().chars().take(40).collect(),
    })
}

fn stk(callback: &Object) -> Result<StkOutcome, Unreadable> {
    let checkout = callback.text("CheckoutRequestID").and_then(|text| CheckoutId::parse(&text).ok());
    let code = callback.text("ResultCode").ok_or(Unreadable::Field("ResultCode"))?;
    let paid = if code == "0" { Some(stk_payment(callback)?) } else { None };
    Ok(StkOutcome {
        checkout: checkout.ok_or(Unreadable::Field("CheckoutRequestID"))?,
        description: callback.text("ResultDesc").unwrap_or_default().chars().take(200).collect(),
        code: code.chars().take(32).collect(),
        paid,
    })
}

fn stk_payment(callback: &Object) -> Result<StkPayment, Unreadable> {
    let items = callback.object("CallbackMetadata").map(|metadata| metadata.objects("Item"));
    let items = items.ok_or(Unreadable::Field("CallbackMetadata"))?;
    // By name: neither order nor completeness is promised, and `Balance` comes without a value.
    let value = |name: &str| {
        let mut named = items.iter().filter(|item| item.text("Name").as_deref() == Some(name));
        named.find_map(|item| item.text("Value"))
    };
    Ok(StkPayment {
        receipt: receipt(value("MpesaReceiptNumber"), "MpesaReceiptNumber")?,
        amount: amount(value("Amount"), "Amount")?,
        paid_at: value("TransactionDate").and_then(|text| Timestamp::parse_daraja(&text).ok()),
        msisdn: value("PhoneNumber").map(|text| Msisdn::from_safaricom(&text)),
    })
}

fn receipt(text: Option<String>, field: &'static str) -> Result<ReceiptCode, Unreadable> {
    text.and_then(|text| ReceiptCode::parse_typed(&text).ok()).ok_or(Unreadable::Field(field))
}

/// An amount above nothing. There is no upper bound here: a large payment is a payment (field study W4).
fn amount(text: Option<String>, field: &'static str) -> Result<Money, Unreadable> {
    let money = text.and_then(|text| Money::parse(&text).ok()).filter(|money| *money > Money::ZERO);
    money.ok_or(Unreadable::Field(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn c2b_of(body: &str) -> C2bPayment {
        match parse(body.as_bytes()) {
            Ok(Inbound::C2b(payment)) => payment,
            other => panic!("not a C2B payment: {other:?}"),
        }
    }

    fn stk_of(body: &str) -> StkOutcome {
        match parse(body.as_bytes()) {
            Ok(Inbound::Stk(outcome)) => outcome,
            other => panic!("not an STK result: {other:?}"),
        }
    }

    #[test]
    fn seed_as_confirmation_is_read_as_printed() {
        let paid = c2b_of(
            r#"{ "TransactionType": "Pay Bill", "TransID": "LGR019G3J2", "TransTime": "20191122063845",
                 "TransAmount": "500.00", "BusinessShortCode": "123456", "BillRefNumber": "account123",
                 "InvoiceNumber": "", "MSISDN": "254708374149", "FirstName": "John", "MiddleName": "Doe",
                 "LastName": "Customer" }"#,
        );
        assert_eq!(paid.receipt.as_str(), "LGR019G3J2");
        assert_eq!(paid.amount, Money::from_cents(50_000));
        assert_eq!(paid.paid_at.unwrap().to_string(), "2019-11-22T06:38:45.000+03:00");
        assert_eq!(paid.payer.name.as_deref(), Some("John Doe Customer"));
        assert_eq!(paid.account_reference, "account123");
    }

    #[test]
    fn a_sparse_masked_till_payment_is_read() {
        let paid = c2b_of(
            r#"{"TransactionType":"","TransID":"ukl4ab12ce","TransTime":20261121101700,"TransAmount":120.00,
                "BusinessShortCode":7000001,"BillRefNumber":null,"MSISDN":"2547 ***** 222","FirstName":"ASHA",
                "SomethingNew":{"a":[1]}}"#,
        );
        assert_eq!((paid.amount, paid.shortcode.as_str()), (Money::from_cents(12_000), "7000001"));
        assert_eq!(paid.payer.name.as_deref(), Some("ASHA"));
        assert_eq!(paid.account_reference, "");
    }

    #[test]
    fn seed_bs_stk_result_is_read_as_printed() {
        let outcome = stk_of(
            r#"{ "Body": { "stkCallback": { "MerchantRequestID": "xxx", "CheckoutRequestID": "ws_CO_xxx",
                 "ResultCode": 0, "ResultDesc": "Success", "CallbackMetadata": { "Item": [
                   {"Name": "Amount", "Value": 100}, {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"},
                   {"Name": "TransactionDate", "Value": 20191219102115},
                   {"Name": "PhoneNumber", "Value": 254708374149} ] } } } }"#,
        );
        let paid = outcome.paid.unwrap();
        assert_eq!((paid.receipt.as_str(), paid.amount), ("NLJ7RT61SV", Money::from_cents(10_000)));
        assert_eq!(paid.msisdn.unwrap().plain(), Some("254708374149"));
    }

    #[test]
    fn a_balance_without_a_value_and_a_decimal_amount_do_no_harm() {
        let outcome = stk_of(
            r#"{"Body":{"stkCallback":{"CheckoutRequestID":"ws_CO_1","ResultCode":"0","CallbackMetadata":{"Item":[
                {"Name":"Balance"},{"Name":"Amount","Value":350.00},{"Name":"MpesaReceiptNumber","Value":"UKL4AB12CD"}]}}}}"#,
        );
        assert_eq!(outcome.paid.unwrap().amount, Money::from_cents(35_000));
    }

    #[test]
    fn a_failure_keeps_its_code_as_text() {
        let outcome = stk_of(
            r#"{"Body":{"stkCallback":{"MerchantRequestID":"m-1","CheckoutRequestID":"ws_CO_x",
                "ResultCode":"SFC_IC0003","ResultDesc":"[STK_CB - ] x"}}}"#,
        );
        assert_eq!((outcome.code.as_str(), outcome.paid), ("SFC_IC0003", None));
    }

    #[test]
    fn what_is_not_understood_says_why() {
        let check = |body: &str, reason: &str| {
            assert_eq!(parse(body.as_bytes()).unwrap_err().to_string(), reason, "{body}");
        };
        check("not json", "the body is no JSON object");
        check("[]", "the body is no JSON object");
        check("{}", "the body is neither an STK result nor a C2B payment");
        let c2b = |id: &str, amount: &str, code: &str| {
            format!(r#"{{"TransID":{id},"TransAmount":{amount},"BusinessShortCode":{code}}}"#)
        };
        check(&c2b("\"ABC123\"", "\"12,50\"", "600638"), "TransAmount is missing or makes no sense");
        check(&c2b("\"ABC123\"", "-5", "600638"), "TransAmount is missing or makes no sense");
        check(&c2b("\"ABC123\"", "0", "600638"), "TransAmount is missing or makes no sense");
        check(&c2b("\"ABC123\"", "1e2", "600638"), "TransAmount is missing or makes no sense");
        check(&c2b("null", "5", "600638"), "TransID is missing or makes no sense");
        check(&c2b("\"ABC123\"", "5", "\"\""), "BusinessShortCode is missing or makes no sense");
    }

    #[test]
    fn a_name_as_long_as_a_body_is_cut() {
        let name = "N".repeat(60_000);
        let body = format!(
            r#"{{"TransID":"ABC123","TransAmount":"5","BusinessShortCode":"600638","FirstName":"{name}"}}"#
        );
        assert_eq!(c2b_of(&body).payer.name.map(|name| name.len()), Some(MAX_NAME_CHARS));
    }

    #[test]
    fn the_first_of_two_equal_keys_that_says_something_counts() {
        let paid =
            c2b_of(r#"{"TransID":"","TransID":"ABC123","TransAmount":"5","BusinessShortCode":"600638"}"#);
        assert_eq!(paid.receipt.as_str(), "ABC123");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_field_value_makes_the_reader_panic(value in ".{0,40}") {
            let text = serde_json::to_string(&value).unwrap();
            let body = format!(r#"{{"TransID":{text},"TransAmount":{text},"BusinessShortCode":{text},"TransTime":{text},"MSISDN":{text}}}"#);
            let _ = parse(body.as_bytes());
        }
    }
}
