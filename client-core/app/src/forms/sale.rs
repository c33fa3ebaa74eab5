//! A sale, as the API shows it.

use crate::openapi::values::{
    Amount, By, FactName, ItemName, MaskedPhone, Measure, PayerName, Reason, Receipt, Reference, ShopName,
    Time,
};
use crate::stages::StagesForm;
use serde::Serialize;
use till::SaidRow;
use utoipa::ToSchema;

/// A sale, and how it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct SaleForm {
    /// Its name.
    #[schema(value_type = FactName)]
    pub(super) id: String,
    /// The shop it was made in.
    #[schema(value_type = ShopName)]
    pub(super) shop: String,
    /// Its short name for people.
    #[schema(value_type = Reference)]
    pub(super) reference: String,
    /// When it was made.
    #[schema(value_type = Time)]
    pub(super) at: String,
    /// The number of the till that made it.
    #[schema(example = "7")]
    pub(super) till: String,
    /// What people call that till.
    #[schema(example = "Front counter")]
    pub(super) till_name: String,
    /// Who sold.
    #[schema(value_type = By)]
    pub(super) by: String,
    /// What was sold; none where only a total was typed.
    pub(super) lines: Vec<LineForm>,
    /// What it costs.
    #[schema(value_type = Amount)]
    pub(super) total: String,
    /// What it was made cheaper by, lines and whole together; the total is without it.
    #[schema(value_type = Amount)]
    pub(super) discounts: String,
    /// By how much more than the total went into the drawer, below nothing less, because there are no smaller coins.
    #[schema(value_type = Amount)]
    pub(super) rounding: String,
    /// What the customer owes in all: the total, less what came back, and tips; nothing for a cancelled sale.
    #[schema(value_type = Amount)]
    pub(super) owed: String,
    /// The tax within the total, by rate.
    pub(super) taxes: Vec<TaxForm>,
    /// What of it came back.
    pub(super) returns: Vec<ReturnForm>,
    /// How it was to be paid: `cash` or `mpesa`.
    #[schema(example = "mpesa")]
    pub(super) tender: &'static str,
    /// The order it was made for, in the words of another program.
    #[schema(example = "order-17")]
    pub(super) order: Option<String>,
    /// `open`, `claimed` (its payment was not seen yet), `part_paid`, `paid` or `voided`.
    #[schema(example = "paid")]
    pub(super) state: &'static str,
    /// What counts as paid.
    #[schema(value_type = Amount)]
    pub(super) paid: String,
    /// What is still to be paid.
    #[schema(value_type = Amount)]
    pub(super) due: String,
    /// What came in beyond what it costs, and has to go back.
    #[schema(value_type = Amount)]
    pub(super) over: String,
    /// Another sale claims the same payment.
    pub(super) conflict: bool,
    /// A payment of it went back to the customer.
    pub(super) reversed: bool,
    /// A second source has to agree before goods are handed out.
    pub(super) unconfirmed: bool,
    /// Its goods were handed out on the customer's word.
    pub(super) trusted: bool,
    /// How far it has come: `here`, on this disk; `cloud`; `head_office`.
    #[schema(example = "cloud")]
    pub(super) reach: &'static str,
    /// Printed, stored, sent, at head office, reconciled.
    pub(super) stages: StagesForm,
    /// The payments that were claimed for it.
    pub(super) claims: Vec<ClaimForm>,
    /// What M-Pesa can be asked for of what is due.
    pub(super) asks: Option<AsksForm>,
    /// The latest request on the customer's phone.
    pub(super) push: Option<PushForm>,
    /// Other open sales of the same till that owe the same: a payment of that amount could be any of theirs.
    pub(super) same_total: Vec<SameTotal>,
    /// Everything that happened to it, the oldest first; where one sale was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) history: Option<Vec<HappeningForm>>,
    /// What of that can be taken back here as a mistake, the newest first; where one sale was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mistakable: Option<Vec<SaidForm>>,
}

/// Something that was said of a sale and can be taken back.
#[derive(Serialize, ToSchema)]
pub(super) struct SaidForm {
    /// Its name.
    #[schema(value_type = FactName)]
    what: String,
    /// `cash`, `refund`, `return` or `tip`.
    #[schema(example = "cash")]
    said: &'static str,
    /// How much; what goods that came back are worth.
    #[schema(value_type = Amount)]
    amount: String,
    /// When.
    #[schema(value_type = Time)]
    at: String,
}

impl From<SaidRow> for SaidForm {
    fn from(row: SaidRow) -> Self {
        Self {
            what: row.id.to_string(),
            said: row.said.name(),
            amount: row.amount.to_string(),
            at: row.at.to_string(),
        }
    }
}

/// "This receipt code pays this sale", and what is known of that payment.
#[derive(Serialize, ToSchema)]
pub(super) struct ClaimForm {
    /// Its name, by which it is released.
    #[schema(value_type = FactName)]
    pub(super) id: String,
    /// The receipt code.
    #[schema(value_type = Receipt)]
    pub(super) receipt: String,
    /// How much was paid; nothing while the payment was not seen.
    #[schema(value_type = Option<Amount>)]
    pub(super) amount: Option<String>,
    /// How it was decided: `stk_request`, `account_reference`, `typed`, `picked` or `automatic`.
    #[schema(example = "picked")]
    pub(super) how: &'static str,
    /// This sale has the payment; else another has it.
    pub(super) leads: bool,
    /// Safaricom told of this payment.
    pub(super) verified: bool,
    /// What became of it: `claimed`, to be verified; `verified`; or `contradicted`.
    #[schema(example = "claimed")]
    pub(super) verification: &'static str,
    /// What contradicts it, in words.
    #[schema(example = "another sale has this payment")]
    pub(super) contradicted_by: Option<String>,
    /// Safaricom told of it when it was asked, besides its own callback.
    pub(super) confirmed: bool,
    /// The payment went back to the customer.
    pub(super) reversed: bool,
    /// In what Safaricom's messages on it disagree: `amount`, `number`, `time`, `shop`.
    #[schema(example = json!(["amount"]))]
    pub(super) disagreements: Vec<&'static str>,
    /// Who claimed it; `Leja` where the till did by itself.
    #[schema(value_type = By)]
    pub(super) by: String,
    /// When it was claimed.
    #[schema(value_type = Time)]
    pub(super) at: String,
    /// Who paid.
    #[schema(value_type = Option<PayerName>)]
    pub(super) payer_name: Option<String>,
    /// The phone that paid.
    #[schema(value_type = Option<MaskedPhone>)]
    pub(super) payer_phone: Option<String>,
    /// How much of the payment is for this sale, where others share it.
    #[schema(value_type = Option<Amount>)]
    pub(super) part: Option<String>,
    /// How much of the payment this sale has, once that was seen.
    #[schema(value_type = Option<Amount>)]
    pub(super) share: Option<String>,
    /// How the customer's number ends, where the cashier took that down.
    #[schema(example = "149")]
    pub(super) phone: Option<String>,
    /// The manager who allowed it, where that was needed.
    #[schema(value_type = Option<By>)]
    pub(super) approved: Option<String>,
    /// It was claimed offline: the cloud could not be asked whether somebody was first.
    pub(super) offline: bool,
    /// The sale that has the payment, where it is another one that is here.
    pub(super) leading_sale: Option<NamedSale>,
}

/// Another open sale of the same till that owes the same. Before the customer pays, ask for the reference as account
/// number; afterwards for the code or the last digits of the phone.
#[derive(Serialize, ToSchema)]
pub(super) struct SameTotal {
    /// The other sale.
    pub(super) sale: NamedSale,
    /// When it was made.
    #[schema(value_type = Time)]
    pub(super) at: String,
    /// Who made it.
    #[schema(value_type = By)]
    pub(super) by: String,
    /// What was sold, line by line.
    #[schema(example = json!(["2 × Tea, special"]))]
    pub(super) goods: Vec<String>,
}

/// What M-Pesa, which knows whole shillings, can be asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct AsksForm {
    /// What is asked for.
    #[schema(value_type = Amount)]
    pub(super) amount: String,
    /// What is left to be paid otherwise.
    #[schema(value_type = Amount)]
    pub(super) remains: String,
}

/// A sale, named for people and programs.
#[derive(Serialize, ToSchema)]
pub(crate) struct NamedSale {
    /// Its name.
    #[schema(value_type = FactName)]
    pub(super) id: String,
    /// Its short name for people.
    #[schema(value_type = Reference)]
    pub(super) reference: String,
    /// What people call the till that made it.
    #[schema(example = "Back office")]
    pub(super) till_name: String,
}

/// A request on the customer's phone (STK push).
#[derive(Serialize, ToSchema)]
pub(super) struct PushForm {
    /// `sent`, `on_phone`, `paid`, `cancelled`, `refused`, `unknown` (which is not failed) or `not_sent`.
    #[schema(example = "on_phone")]
    pub(super) state: &'static str,
    /// Seed B's word for the state.
    #[schema(example = "pending")]
    pub(super) status: &'static str,
    /// The state in words, for the cashier.
    #[schema(example = "Waiting for the PIN on the customer's phone")]
    pub(super) message: String,
    /// The same for the customer.
    #[schema(example = "Weka PIN yako ya M-PESA")]
    pub(super) swahili: &'static str,
    /// How much was asked for.
    #[schema(value_type = Amount)]
    pub(super) amount: String,
    /// When.
    #[schema(value_type = Time)]
    pub(super) at: String,
    /// The payment that came of it.
    #[schema(value_type = Option<Receipt>)]
    pub(super) receipt: Option<String>,
}

/// A line of a timeline.
#[derive(Serialize, ToSchema)]
pub(super) struct HappeningForm {
    /// When it happened.
    #[schema(value_type = Time)]
    pub(super) at: String,
    /// Who did it.
    #[schema(value_type = By)]
    pub(super) by: String,
    /// What happened, in words.
    #[schema(example = "UKL4AB12CD claimed for sale A42 (code typed)")]
    pub(super) text: String,
}

/// A line of a sale.
#[derive(Serialize, ToSchema)]
pub(crate) struct LineForm {
    /// The product, where it is one of the catalogue.
    #[schema(value_type = Option<ItemName>)]
    pub(super) product: Option<String>,
    /// What it was called when it was sold.
    #[schema(example = "Tea, special")]
    pub(super) name: String,
    /// How much of it.
    #[schema(value_type = Measure)]
    pub(super) quantity: String,
    /// What one unit cost.
    #[schema(value_type = Amount)]
    pub(super) unit_price: String,
    /// What the line costs.
    #[schema(value_type = Amount)]
    pub(super) amount: String,
    /// What it was made cheaper by.
    pub(super) discount: Option<DiscountForm>,
    /// Its tax: the rate in hundredths of a percent, and how much of the amount it is.
    pub(super) tax: Option<TaxForm>,
}

/// What something was made cheaper by, and why.
#[derive(Serialize, ToSchema)]
pub(crate) struct DiscountForm {
    /// By how much.
    #[schema(value_type = Amount)]
    pub(super) amount: String,
    /// Why.
    #[schema(value_type = Reason)]
    pub(super) reason: String,
}

/// A tax.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaxForm {
    /// The rate in hundredths of a percent.
    #[schema(example = 1600)]
    pub(super) basis_points: u16,
    /// How much it is.
    #[schema(value_type = Amount)]
    pub(super) amount: String,
}

/// Goods that came back.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReturnForm {
    /// What came back.
    pub(super) goods: Vec<ReturnedForm>,
    /// What the customer owes less.
    #[schema(value_type = Amount)]
    pub(super) amount: String,
    /// They can be sold again.
    pub(super) restock: bool,
    /// Why.
    #[schema(value_type = Reason)]
    pub(super) reason: String,
}

/// How much of one line came back.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReturnedForm {
    /// Which line of the sale, from 0.
    #[schema(example = 0)]
    pub(super) line: u16,
    /// How much of it.
    #[schema(value_type = Measure)]
    pub(super) quantity: String,
    /// What was paid for it.
    #[schema(value_type = Amount)]
    pub(super) amount: String,
}
