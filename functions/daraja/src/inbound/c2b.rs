//! C2B: a customer paid a paybill or till (fact sheet §3.2).

use super::Unreadable;
use super::field::{
    NAME_CHARS, REFERENCE_CHARS, amount, msisdn, printable, receipt, said, shortcode, signed, time,
};
use crate::loose::Object;
use domain::{Money, Payer, ReceiptCode, ShortCode, Timestamp};

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
    /// `TransactionType` as it was sent: `Pay Bill`, `Customer Merchant Payment`, often empty. Nothing
    /// may depend on it.
    pub transaction_type: String,
    /// `OrgAccountBalance`: the organisation's balance after this payment, which may be less than
    /// nothing. Absent in a validation.
    pub balance: Option<Money>,
    /// `ThirdPartyTransID`: what we answered to the validation, said again in the confirmation (fact
    /// sheet §5.2).
    pub third_party: Option<String>,
    /// `InvoiceNumber`; normally empty.
    pub invoice: Option<String>,
}

/// What says which money it is, how much, and whose.
const MONEY: [&str; 3] = ["TransID", "TransAmount", "BusinessShortCode"];

/// Whether this is meant to be a C2B body.
pub(super) fn is_c2b(body: &Object) -> bool {
    body.has("TransID") || body.has("TransAmount")
}

pub(super) fn read(body: &Object) -> Result<C2bPayment, Unreadable> {
    if let Some(field) = MONEY.into_iter().find(|name| body.contradicts(name)) {
        return Err(Unreadable::Twice(field));
    }
    let names = ["FirstName", "MiddleName", "LastName"];
    let names = names.iter().filter_map(|name| said(body.text(name), NAME_CHARS));
    Ok(C2bPayment {
        receipt: receipt(body.text("TransID"), "TransID")?,
        amount: amount(body.text("TransAmount"), "TransAmount")?,
        shortcode: shortcode(body.text("BusinessShortCode"), "BusinessShortCode")?,
        paid_at: time(body.text("TransTime")),
        payer: Payer {
            name: said(Some(names.collect::<Vec<_>>().join(" ")), NAME_CHARS),
            msisdn: msisdn(body.text("MSISDN")),
        },
        account_reference: printable(&body.text("BillRefNumber").unwrap_or_default(), REFERENCE_CHARS),
        transaction_type: printable(&body.text("TransactionType").unwrap_or_default(), REFERENCE_CHARS),
        balance: body.text("OrgAccountBalance").and_then(|text| signed(&text)),
        third_party: said(body.text("ThirdPartyTransID"), REFERENCE_CHARS),
        invoice: said(body.text("InvoiceNumber"), REFERENCE_CHARS),
    })
}
