//! What Safaricom posts to us or lists for us.

mod c2b;
mod field;
mod listed;
mod party;
mod pull;
mod result;
mod stk;

pub use c2b::C2bPayment;
pub use listed::{ListedTime, Zone};
pub use party::Party;
pub use pull::{PullPage, PulledPayment, PulledRow, RowKind, read_pull_page};
pub use result::{AccountBalance, RequestResult, ResultContent, ReversalResult, StatusResult};
pub use stk::{StkOutcome, StkPayment};

use crate::loose::Object;
use domain::MoneyError;

/// A callback we understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A C2B body: a customer paid a paybill or till (fact sheet §3.2).
    C2b(C2bPayment),
    /// The result of an STK push (fact sheet §3.1).
    Stk(StkOutcome),
    /// The result of another request of ours, or its time-out (fact sheet §3.5 to §3.7).
    Result(RequestResult),
}

/// Why a body is not understood. It is kept with this reason, never dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No JSON object at all.
    #[error("the body is no JSON object")]
    NotJson,
    /// Of no kind we know.
    #[error("the body is neither an STK result nor a C2B payment nor the result of a request")]
    Shape,
    /// A field that must be there is missing or makes no sense.
    #[error("{0} is missing or makes no sense")]
    Field(&'static str),
    /// An amount that can not be read exactly.
    #[error("{0} makes no sense: {1}")]
    Amount(&'static str, MoneyError),
    /// A field that is there twice and says two things.
    #[error("{0} is there twice and says different things")]
    Twice(&'static str),
}

/// Reads a callback body and tells the kinds apart by their shape, as seed B's single endpoint needs.
///
/// # Errors
/// [`Unreadable`], with the reason a person will see.
pub fn parse(body: &[u8]) -> Result<Inbound, Unreadable> {
    let body = Object::read(body).ok_or(Unreadable::NotJson)?;
    if let Some(callback) = body.object("Body").and_then(|inner| inner.object("stkCallback")) {
        return stk::read(&callback).map(Inbound::Stk);
    }
    if let Some(result) = body.object("Result") {
        return result::read(&result).map(Inbound::Result);
    }
    if c2b::is_c2b(&body) {
        return c2b::read(&body).map(Inbound::C2b);
    }
    Err(Unreadable::Shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Money;

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
        let shape = "the body is neither an STK result nor a C2B payment nor the result of a request";
        check("{}", shape);
        check(r#"{"Body":{"stkCallback":7},"Result":"x"}"#, shape);
        let c2b = |id: &str, amount: &str, code: &str| {
            format!(r#"{{"TransID":{id},"TransAmount":{amount},"BusinessShortCode":{code}}}"#)
        };
        for (amount, reason) in [
            (
                "\"12,50\"",
                " makes no sense: an amount is digits with at most two decimals, like 500 or 500.00",
            ),
            ("-5", " makes no sense: an amount is digits with at most two decimals, like 500 or 500.00"),
            ("1e2", " makes no sense: an amount is digits with at most two decimals, like 500 or 500.00"),
            ("5.005", " makes no sense: an amount has at most two decimals"),
            ("0", " is missing or makes no sense"),
            ("null", " is missing or makes no sense"),
        ] {
            check(&c2b("\"ABC123\"", amount, "600638"), &format!("TransAmount{reason}"));
        }
        check(&c2b("null", "5", "600638"), "TransID is missing or makes no sense");
        check(&c2b("\"ABC123\"", "5", "\"\""), "BusinessShortCode is missing or makes no sense");
    }

    #[test]
    fn a_name_as_long_as_a_body_is_cut() {
        let name = "N".repeat(60_000);
        let body = format!(
            r#"{{"TransID":"ABC123","TransAmount":"5","BusinessShortCode":"600638","FirstName":"{name}"}}"#
        );
        assert_eq!(c2b_of(&body).payer.name.map(|name| name.len()), Some(field::NAME_CHARS));
    }

    #[test]
    fn the_first_of_two_equal_keys_that_says_something_counts() {
        let paid =
            c2b_of(r#"{"TransID":"","TransID":"ABC123","TransAmount":"5","BusinessShortCode":"600638"}"#);
        assert_eq!(paid.receipt.as_str(), "ABC123");
    }

    #[test]
    fn what_surrounds_a_body_and_how_its_keys_are_blanked_says_nothing() {
        let plain = r#"{"TransID":"ABC123","TransAmount":"5","BusinessShortCode":"600638"}"#;
        let expected = c2b_of(plain);
        for body in [
            format!("\u{feff}\r\n {plain}\n\0"),
            plain.replace("TransID", " Trans ID "),
            plain.replace("TransID", "transid"),
            plain.replace(r#""5""#, "5.000"),
        ] {
            assert_eq!(c2b_of(&body), expected, "{body:?}");
        }
    }

    #[test]
    fn neither_a_raw_line_break_nor_latin_1_in_a_name_costs_the_payment() {
        let body = b"{\"TransID\":\"ABC123\",\"TransAmount\":\"5\",\"BusinessShortCode\":\"600638\",\n
            \"BillRefNumber\":\"A\n42\",\"FirstName\":\"JOS\xc9\"}";
        let Ok(Inbound::C2b(paid)) = parse(body) else { panic!("not a payment") };
        assert_eq!(paid.account_reference, "A 42");
        assert_eq!(paid.payer.name.as_deref(), Some("JOS\u{fffd}"));
    }

    #[test]
    fn a_balance_that_is_owed_or_unclear_costs_no_payment() {
        let balance = |text: &str| {
            let plain = r#"{"TransID":"ABC123","TransAmount":"5","BusinessShortCode":"600638","OrgAccountBalance":X}"#;
            c2b_of(&plain.replace('X', text)).balance
        };
        assert_eq!(balance("\"-5120.50\""), Some(Money::from_cents(-512_050)));
        assert_eq!(balance("-3"), Some(Money::from_cents(-300)));
        assert_eq!(balance("\"5120.00\""), Some(Money::from_cents(512_000)));
        assert_eq!((balance("\"\""), balance("\"n/a\""), balance("{}")), (None, None, None));
    }
}
