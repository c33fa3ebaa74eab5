//! What the seeds' endpoints answer, where they build it from parts.

#![allow(dead_code, reason = "these are described, and never made")]

use super::values::{MaskedPhone, PayerName, Receipt};
use utoipa::ToSchema;

/// How a sale stands.
#[derive(ToSchema)]
pub(crate) struct Polled {
    /// `pending`, `completed` (goods may be handed out) or `cancelled`.
    #[schema(example = "completed")]
    status: String,
    /// The receipt code of the payment, once completed.
    #[schema(value_type = Option<Receipt>)]
    mpesa_receipt: Option<String>,
    /// Who paid, once completed; empty where that is not known.
    #[schema(value_type = Option<PayerName>)]
    customer_name: Option<String>,
    /// The phone that paid, once completed.
    #[schema(value_type = Option<MaskedPhone>)]
    customer_phone: Option<String>,
}

/// Whether a request was sent to the phone.
#[derive(ToSchema)]
pub(crate) struct Pushed {
    /// It was sent.
    success: bool,
    /// In words; where it was not sent, why.
    #[schema(example = "STK Push sent successfully")]
    message: String,
    /// Safaricom's name for it.
    #[schema(example = "ws_CO_21112026101500")]
    checkout_request_id: Option<String>,
    /// Safaricom's name for our request.
    #[schema(example = "29115-34620561-1")]
    merchant_request_id: Option<String>,
    /// What the phone was asked for, where that is less than was said. Beyond the seed.
    #[schema(example = "731.00")]
    amount_asked: Option<String>,
    /// What is left to be paid otherwise. Beyond the seed.
    #[schema(example = "0.50")]
    amount_remaining: Option<String>,
}

/// What became of a request on a phone.
#[derive(ToSchema)]
pub(crate) struct PushPolled {
    /// It is known here.
    success: bool,
    /// `pending`, `completed`, `cancelled`, `failed` or `error`.
    #[schema(example = "pending")]
    status: String,
    /// In words.
    #[schema(example = "Waiting for the PIN on the customer's phone")]
    message: String,
}

/// Whether something was done.
#[derive(ToSchema)]
pub(crate) struct Answered {
    /// It was done.
    success: bool,
    /// In words; where it was not done, why.
    #[schema(example = "Callback reconciled successfully")]
    message: String,
    /// The receipt code of a payment that was given to an order.
    #[schema(value_type = Option<Receipt>)]
    receipt_number: Option<String>,
}
