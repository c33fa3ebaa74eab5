//! What must hold for any body at all, and for every way of writing a good one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test stops where product code must not"
)]

use daraja::{C2bPayment, Inbound, PulledPayment, ResultContent, StatusResult, StkOutcome};
use domain::{Money, ShortCode, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every name that some reader looks for.
const NAMES: [&str; 44] = [
    "Body",
    "stkCallback",
    "CallbackMetadata",
    "Item",
    "Name",
    "Value",
    "Key",
    "Result",
    "ResultType",
    "ResultCode",
    "ResultDesc",
    "OriginatorConversationID",
    "ConversationID",
    "TransactionID",
    "ResultParameters",
    "ResultParameter",
    "ReferenceData",
    "ReferenceItem",
    "CheckoutRequestID",
    "MerchantRequestID",
    "TransID",
    "TransAmount",
    "TransTime",
    "BusinessShortCode",
    "BillRefNumber",
    "MSISDN",
    "FirstName",
    "OrgAccountBalance",
    "ThirdPartyTransID",
    "Amount",
    "MpesaReceiptNumber",
    "ReceiptNo",
    "TransactionStatus",
    "DebitPartyName",
    "AccountBalance",
    "OriginalTransactionID",
    "Response",
    "ResponseCode",
    "transactionId",
    "trxDate",
    "msisdn",
    "transactiontype",
    "amount",
    "billreference",
];

/// A value as Safaricom might write it, or a name of the list above, which makes pairs of `Name` and `Value`.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(&NAMES[..]).prop_map(Value::from),
        prop::sample::select(&["0", "UKL4AB12CD", "350.00", "20261121101512", "2026-11-21T10:17:00Z"][..])
            .prop_map(Value::from),
        ".{0,30}".prop_map(Value::from),
        "[0-9|&.+*: -]{0,30}".prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(6, 60, 6, |inner| {
        let members = prop::collection::vec((prop::sample::select(&NAMES[..]), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            members.prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

/// An amount of cents, written in every way that means the same.
fn written_amount() -> impl Strategy<Value = (i64, String)> {
    (1..1_000_000_000_000_i64, 0..4_usize, any::<bool>()).prop_map(|(cents, zeros, quoted)| {
        let whole = cents / 100;
        let text = match cents % 100 {
            0 if zeros == 0 => whole.to_string(),
            tens if tens % 10 == 0 && zeros == 0 => format!("{whole}.{}", tens / 10),
            rest => format!("{whole}.{rest:02}{}", "0".repeat(zeros)),
        };
        (cents, if quoted { format!("\"{text}\"") } else { text })
    })
}

/// How a body may differ and still say the same.
#[derive(Debug, Clone)]
struct Variation {
    mark: bool,
    blanks: bool,
    spaced_names: bool,
    lower_names: bool,
    empty_twin: bool,
    unknown: Option<Value>,
    numbers: bool,
}

prop_compose! {
    fn variation()(
        (mark, blanks, spaced_names) in any::<(bool, bool, bool)>(),
        (lower_names, empty_twin, numbers) in any::<(bool, bool, bool)>(),
        unknown in prop::option::of(tree()),
    ) -> Variation {
        Variation { mark, blanks, spaced_names, lower_names, empty_twin, unknown, numbers }
    }
}

impl Variation {
    fn name(&self, name: &str) -> String {
        let name = if self.lower_names { name.to_lowercase() } else { name.to_owned() };
        if self.spaced_names { format!(" {} {}", &name[..3], &name[3..]) } else { name }
    }

    /// A text of digits, as a text or as a number.
    fn digits(&self, digits: &str) -> String {
        if self.numbers { digits.to_owned() } else { format!("\"{digits}\"") }
    }

    fn object(&self, members: &[(&str, String)]) -> String {
        let mut text = String::from("{");
        for (name, value) in members {
            if self.empty_twin {
                text += &format!("\"{}\":\"\",", self.name(name));
            }
            text += &format!("\"{}\":{value},", self.name(name));
        }
        text += &format!("\"Unknown\":{}}}", self.unknown.as_ref().unwrap_or(&Value::Null));
        text
    }

    fn around(&self, body: &str) -> Vec<u8> {
        let mark = if self.mark { "\u{feff}" } else { "" };
        let blanks = if self.blanks { " \r\n\t" } else { "" };
        format!("{mark}{blanks}{body}{blanks}").into_bytes()
    }
}

fn c2b(body: &[u8]) -> C2bPayment {
    match daraja::parse(body) {
        Ok(Inbound::C2b(payment)) => payment,
        other => panic!("not a payment: {other:?}: {}", String::from_utf8_lossy(body)),
    }
}

fn stk(body: &[u8]) -> StkOutcome {
    match daraja::parse(body) {
        Ok(Inbound::Stk(outcome)) => outcome,
        other => panic!("not an outcome: {other:?}: {}", String::from_utf8_lossy(body)),
    }
}

fn status(body: &[u8]) -> StatusResult {
    match daraja::parse(body).map(|inbound| match inbound {
        Inbound::Result(result) => result.content,
        other => panic!("not a result: {other:?}"),
    }) {
        Ok(ResultContent::Status(status)) => status,
        other => panic!("not a status: {other:?}: {}", String::from_utf8_lossy(body)),
    }
}

fn row(body: &[u8]) -> PulledPayment {
    let page = daraja::read_pull_page(body).unwrap();
    assert_eq!(page.rows.len(), 1);
    page.rows[0].content.clone().unwrap()
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = daraja::parse(&bytes);
        let _ = daraja::read_pull_page(&bytes);
    }

    #[test]
    fn no_tree_of_known_names_makes_a_reader_panic(body in tree(), under in prop::sample::select(&NAMES[..])) {
        for body in [json!({ under: body.clone() }), json!({"Body": {"stkCallback": body.clone()}}), body] {
            let bytes = body.to_string().into_bytes();
            let _ = format!("{:?}", daraja::parse(&bytes));
            let _ = format!("{:?}", daraja::read_pull_page(&bytes));
        }
    }

    #[test]
    fn a_body_that_lost_a_byte_is_refused_or_read_but_never_panics(
        at in 0..400_usize,
        other in any::<u8>(),
    ) {
        let whole = include_bytes!("corpus/status-completed-debit-party-twice.json");
        let mut bytes = whole.to_vec();
        let at = at % bytes.len();
        bytes[at] = other;
        let _ = daraja::parse(&bytes);
        let _ = daraja::parse(&bytes[..at]);
    }

    #[test]
    fn every_way_of_writing_an_amount_is_the_same_cents((cents, text) in written_amount()) {
        let body = format!(r#"{{"TransID":"UKL4AB12CD","TransAmount":{text},"BusinessShortCode":"600638"}}"#);
        prop_assert_eq!(c2b(body.as_bytes()).amount, Money::from_cents(cents));
        let body = format!(r#"{{"Response":[[{{"transactionId":"UKL4AB12CD","amount":{text},"transactiontype":"c2b-pay-bill-debit"}}]]}}"#);
        prop_assert_eq!(row(body.as_bytes()).amount, Money::from_cents(cents));
    }

    #[test]
    fn an_amount_that_is_not_whole_cents_is_never_rounded(whole in 0..100_000_u32, rest in 1..10_u8) {
        let body = format!(r#"{{"TransID":"UKL4AB12CD","TransAmount":{whole}.00{rest},"BusinessShortCode":"600638"}}"#);
        prop_assert!(daraja::parse(body.as_bytes()).is_err());
    }

    #[test]
    fn a_c2b_payment_is_the_same_payment_however_it_is_written(
        way in variation(), (cents, amount) in written_amount(), name in "[A-Z]{1,9}",
    ) {
        let body = way.object(&[
            ("TransID", "\"UKL4AB12CD\"".into()),
            ("TransAmount", amount),
            ("BusinessShortCode", way.digits("600638")),
            ("TransTime", way.digits("20261121101512")),
            ("MSISDN", way.digits("254700111222")),
            ("FirstName", format!("\"{name}\"")),
            ("BillRefNumber", way.digits("42")),
            ("OrgAccountBalance", way.digits("-5.50")),
        ]);
        let paid = c2b(&way.around(&body));
        prop_assert_eq!(paid.receipt.as_str(), "UKL4AB12CD");
        prop_assert_eq!((paid.amount, paid.shortcode.as_str()), (Money::from_cents(cents), "600638"));
        prop_assert_eq!(paid.paid_at, Timestamp::parse_daraja("20261121101512").ok());
        prop_assert_eq!(paid.payer.msisdn.as_ref().and_then(|number| number.plain()), Some("254700111222"));
        prop_assert_eq!((paid.payer.name, paid.account_reference), (Some(name), "42".to_owned()));
        prop_assert_eq!(paid.balance, Some(Money::from_cents(-550)));
    }

    #[test]
    fn an_stk_success_is_the_same_payment_however_it_is_written(
        way in variation(), (cents, amount) in written_amount(), order in Just([0, 1, 2, 3]).prop_shuffle(),
    ) {
        let item = |name: &str, value: String| {
            way.object(&[("Name", format!("\"{name}\"")), ("Value", value)])
        };
        let items = [
            item("Amount", amount),
            item("MpesaReceiptNumber", "\"UKL4AB12CD\"".into()),
            item("PhoneNumber", way.digits("254700111222")),
            r#"{"Name":"Balance"}"#.to_owned(),
        ];
        let items: Vec<_> = order.iter().map(|at| items[*at].clone()).collect();
        let metadata = way.object(&[("Item", format!("[{}]", items.join(",")))]);
        let callback = way.object(&[
            ("CheckoutRequestID", "\"ws_CO_x\"".into()),
            ("ResultCode", way.digits("0")),
            ("CallbackMetadata", metadata),
        ]);
        let body = way.object(&[("Body", way.object(&[("stkCallback", callback)]))]);
        let paid = stk(&way.around(&body)).paid.unwrap();
        prop_assert_eq!((paid.receipt.as_str(), paid.amount), ("UKL4AB12CD", Money::from_cents(cents)));
        prop_assert_eq!(paid.msisdn.as_ref().and_then(|number| number.plain()), Some("254700111222"));
    }

    #[test]
    fn a_status_is_the_same_status_however_it_is_written(
        way in variation(), (cents, amount) in written_amount(), z in any::<bool>(),
    ) {
        let item = |name: &str, value: String| {
            way.object(&[("Key", format!("\"{}\"", way.name(name))), ("Value", value)])
        };
        let items = [
            item("ReceiptNo", "\"UKL4AB12CD\"".into()),
            item("TransactionStatus", "\"Completed\"".into()),
            item("Amount", amount),
            item(if z { "FinalizedTime" } else { "FinalisedTime" }, way.digits("20261121101512")),
            item("DebitPartyName", "\"254700111222 - ASHA\"".into()),
            item("DebitPartyName", "\"600638 - Duka Moja\"".into()),
        ];
        let parameters = way.object(&[("ResultParameter", format!("[{}]", items.join(",")))]);
        let result = way.object(&[
            ("OriginatorConversationID", "\"o-1\"".into()),
            ("ResultCode", way.digits("0")),
            ("ResultParameters", parameters),
        ]);
        let read = status(&way.around(&way.object(&[("Result", result)])));
        prop_assert_eq!((read.receipt.as_str(), read.amount), ("UKL4AB12CD", Money::from_cents(cents)));
        prop_assert!(read.is_completed());
        prop_assert_eq!(read.finalised_at, Timestamp::parse_daraja("20261121101512").ok());
        prop_assert_eq!(read.debit_party.and_then(|party| party.payer().name), Some("ASHA".to_owned()));
        prop_assert_eq!(read.credit_party.and_then(|party| party.shortcode()), ShortCode::parse("600638").ok());
    }

    #[test]
    fn a_pulled_row_is_the_same_payment_however_it_is_written(
        way in variation(), (cents, amount) in written_amount(), lists in 0..3_usize,
    ) {
        let row_text = way.object(&[
            ("transactionId", "\"UKL4AB12CD\"".into()),
            ("amount", amount),
            ("transactiontype", "\"c2b-buy-goods-debit\"".into()),
            ("msisdn", way.digits("254700111222")),
            ("trxDate", "\"2026-11-21T10:17:00+03:00\"".into()),
        ]);
        let listed = format!("{}{row_text}{}", "[".repeat(lists), "]".repeat(lists));
        let body = way.around(&way.object(&[("Response", listed), ("ResponseCode", way.digits("1000"))]));
        let paid = row(&body);
        prop_assert_eq!((paid.receipt.as_str(), paid.amount), ("UKL4AB12CD", Money::from_cents(cents)));
        let page = daraja::read_pull_page(&body).unwrap();
        prop_assert_eq!(page.rows[0].raw.as_slice(), row_text.as_bytes());
        prop_assert_eq!(daraja::PulledRow::read(&page.rows[0].raw), page.rows[0].clone());
    }

    #[test]
    fn nothing_a_customer_types_can_turn_a_printed_line(typed in any::<String>()) {
        let typed = serde_json::to_string(&typed).unwrap();
        let body = format!(
            r#"{{"TransID":"UKL4AB12CD","TransAmount":5,"BusinessShortCode":"600638","FirstName":{typed},
                "BillRefNumber":{typed},"InvoiceNumber":{typed},"ThirdPartyTransID":{typed},"TransactionType":{typed}}}"#
        );
        let paid = c2b(body.as_bytes());
        let texts = [Some(paid.account_reference), Some(paid.transaction_type), paid.payer.name, paid.invoice];
        for text in texts.into_iter().chain([paid.third_party]).flatten() {
            prop_assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
            prop_assert!(text.chars().count() <= 80 && text.trim() == text, "{text:?}");
        }
    }
}
