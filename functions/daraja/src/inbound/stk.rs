//! STK: how a push ended (fact sheet §3.1).

use super::Unreadable;
use super::field::{amount, code, description, id, msisdn, receipt, time};
use crate::loose::Object;
use domain::{CheckoutId, Money, Msisdn, ReceiptCode, Timestamp};

/// How an STK push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StkOutcome {
    /// `CheckoutRequestID`: the only link to the sale, because the body carries no reference.
    pub checkout: CheckoutId,
    /// `MerchantRequestID`, the second name that Safaricom gave the push.
    pub merchant: Option<String>,
    /// `ResultCode` as text; not all are numbers (`SFC_IC0003`).
    pub code: String,
    /// `ResultDesc`, without the tag of the system that wrote it.
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

pub(super) fn read(callback: &Object) -> Result<StkOutcome, Unreadable> {
    let checkout = callback.text("CheckoutRequestID").and_then(|text| CheckoutId::parse(&text).ok());
    let code = code(callback.text("ResultCode"))?;
    let paid = if code == "0" { Some(payment(callback)?) } else { None };
    Ok(StkOutcome {
        checkout: checkout.ok_or(Unreadable::Field("CheckoutRequestID"))?,
        merchant: id(callback.text("MerchantRequestID")),
        description: description(callback.text("ResultDesc")),
        code,
        paid,
    })
}

fn payment(callback: &Object) -> Result<StkPayment, Unreadable> {
    let metadata = callback.object("CallbackMetadata").ok_or(Unreadable::Field("CallbackMetadata"))?;
    // By name: neither order nor completeness is promised, and `Balance` comes without a value.
    let items = metadata.pairs("Item");
    Ok(StkPayment {
        receipt: receipt(items.text("MpesaReceiptNumber"), "MpesaReceiptNumber")?,
        amount: amount(items.text("Amount"), "Amount")?,
        paid_at: time(items.text("TransactionDate")),
        msisdn: msisdn(items.text("PhoneNumber")),
    })
}
