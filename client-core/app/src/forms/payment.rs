//! A payment, as the API shows it.

use super::sale::{HappeningForm, NamedSale};
use crate::openapi::values::{Amount, FactName, MaskedPhone, PayerName, Receipt, Reference, ShopName, Time};
use serde::Serialize;
use utoipa::ToSchema;

/// What all of Safaricom's messages on one receipt code say together.
#[derive(Serialize, ToSchema)]
pub(crate) struct PaymentForm {
    /// Its receipt code.
    #[schema(value_type = Receipt)]
    pub(super) receipt: String,
    /// The shop it was paid to.
    #[schema(value_type = ShopName)]
    pub(super) shop: String,
    /// How much was paid.
    #[schema(value_type = Amount)]
    pub(super) amount: String,
    /// How much of it no sale has: all of it, what was left as credit, or nothing. What went back is not free.
    #[schema(value_type = Amount)]
    pub(super) free: String,
    /// When, by Safaricom's clock.
    #[schema(value_type = Time)]
    pub(super) paid_at: String,
    /// Who paid.
    #[schema(value_type = Option<PayerName>)]
    pub(super) payer_name: Option<String>,
    /// The phone that paid.
    #[schema(value_type = Option<MaskedPhone>)]
    pub(super) payer_phone: Option<String>,
    /// What the customer typed as account number; empty at a till number.
    #[schema(example = "A42")]
    pub(super) account_reference: String,
    /// Who told of it: `c2b_confirmation`, `stk_result`, `pulled_row`, `status_result`, `statement_row`.
    #[schema(example = json!(["c2b_confirmation", "pulled_row"]))]
    pub(super) sources: Vec<String>,
    /// The sale that was named when the payment was validated.
    pub(super) order: Option<NamedSale>,
    /// The sale for which the customer's phone was asked.
    pub(super) asked_for: Option<NamedSale>,
    /// The sale that has it, if one has; the first of them, where several have a part.
    pub(super) sale: Option<NamedSale>,
    /// Where the sale that has it is not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<HeldForm>,
    /// More than one sale claims it.
    pub(super) conflict: bool,
    /// In what Safaricom's messages on it disagree: `amount`, `number`, `time`, `shop`.
    #[schema(example = json!(["amount"]))]
    pub(super) disagreements: Vec<&'static str>,
    /// Safaricom told of it when it was asked, besides its own callback.
    pub(super) confirmed: bool,
    /// It went back to the customer.
    pub(super) reversed: bool,
    /// It is so large that a person should look at it.
    pub(super) review: bool,
    /// Everything that happened to it, the oldest first; where one payment was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) history: Option<Vec<HappeningForm>>,
}

/// The sale that a payment waits for, and the claim to release if it waits in vain.
#[derive(Serialize, ToSchema)]
pub(super) struct HeldForm {
    /// The sale's short name.
    #[schema(value_type = Reference)]
    pub(super) reference: String,
    /// When that sale was made, where two have its name.
    #[schema(value_type = Option<Time>)]
    pub(super) at: Option<String>,
    /// The claim.
    #[schema(value_type = FactName)]
    pub(super) claim: String,
}

/// A payment that may be a sale's, and why.
#[derive(Serialize, ToSchema)]
pub(crate) struct CandidateForm {
    /// Its receipt code.
    #[schema(value_type = Receipt)]
    pub(super) receipt: String,
    /// How much was paid.
    #[schema(value_type = Amount)]
    pub(super) amount: String,
    /// How much of it no sale has.
    #[schema(value_type = Amount)]
    pub(super) free: String,
    /// When, by Safaricom's clock.
    #[schema(value_type = Time)]
    pub(super) paid_at: String,
    /// Who paid.
    #[schema(value_type = Option<PayerName>)]
    pub(super) payer_name: Option<String>,
    /// The phone that paid.
    #[schema(value_type = Option<MaskedPhone>)]
    pub(super) payer_phone: Option<String>,
    /// What the customer typed as account number; empty at a till number.
    #[schema(example = "A42")]
    pub(super) account_reference: String,
    /// Why it may be this sale's, in words, the best reason first.
    #[schema(example = json!(["same amount", "2 minutes apart"]))]
    pub(super) reasons: Vec<String>,
    /// It was paid about when the sale was made; else look twice.
    pub(super) in_window: bool,
    /// The sale that has it already.
    pub(super) used_by: Option<NamedSale>,
}
