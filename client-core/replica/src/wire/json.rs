//! The JSON bodies that tills, head office and administrators exchange with the cloud besides syncing.

use domain::{Account, IdError, Shop, ShopId, ShortCode};
use serde::{Deserialize, Serialize};

/// `POST /v1/enrol`: a till or head office introduces itself with a one-time code.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Enrol {
    /// The code the administrator handed over.
    pub code: String,
    /// What people call it: "Front counter".
    pub name: String,
    /// Its Ed25519 public key, 64 hex digits.
    pub public_key: String,
}

/// The answer to [`Enrol`]: who the new member is.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Enrolled {
    /// Its actor, like `7`.
    pub actor: String,
    /// `till`, `office` or `platform`.
    pub role: String,
    /// The letter of its short sale references.
    pub letter: String,
    /// Its shop; every shop for head office.
    pub shops: Vec<ShopForm>,
}

/// The answer to `POST /v1/shops/{shop}/join`: the name under which head office writes in that shop.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Joined {
    /// Its actor there.
    pub actor: String,
}

/// A shop, in every JSON body.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct ShopForm {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `paybill` or `till`.
    pub account: String,
    /// The number customers pay to.
    pub shortcode: String,
    /// The number it went live with, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_number: Option<String>,
}

impl From<&Shop> for ShopForm {
    fn from(shop: &Shop) -> Self {
        Self {
            id: shop.id.to_string(),
            name: shop.name.clone(),
            account: shop.account.kind().to_owned(),
            shortcode: shop.account.shortcode().to_string(),
            store_number: shop.store_number.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<ShopForm> for Shop {
    type Error = IdError;
    fn try_from(form: ShopForm) -> Result<Self, IdError> {
        let account = Account::of_kind(&form.account, ShortCode::parse(&form.shortcode)?);
        Self::new(
            ShopId::parse(&form.id)?,
            &form.name,
            account.ok_or(IdError("an account is paybill or till"))?,
            form.store_number.as_deref().map(ShortCode::parse).transpose()?,
        )
    }
}

/// `POST /v1/push`: ask a customer's phone for a payment.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct AskPayment {
    /// The sale it is for, like `7-42`.
    pub sale: String,
    /// The till's own name for this attempt: repeating a request never sends a second prompt.
    pub attempt: String,
    /// Whole shillings, like `500.00`.
    pub amount: String,
    /// The customer's phone.
    pub phone: String,
    /// What the prompt shows, at most 12 letters and digits.
    pub reference: String,
}

/// The answer to [`AskPayment`]: Safaricom took the request; the customer has not paid yet.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Asked {
    /// Safaricom's name for the push.
    pub checkout_request_id: String,
    /// Safaricom's name for our request.
    pub merchant_request_id: String,
}

/// RFC 9457 problem details, as every error of the cloud is sent.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Problem {
    /// A stable name, like `leja:unknown-code`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What went wrong and what to do, for a person.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The cloud's time, where the caller's clock is what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now_millis: Option<i64>,
}
