//! The JSON bodies that tills, head office and administrators exchange with the cloud besides syncing.

use domain::{Account, IdError, Money, Shop, ShopId, ShopRules, ShortCode, Validation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `POST /v1/enrol`: a till or head office introduces itself with a one-time code.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct Enrol {
    /// The code the administrator handed over.
    #[schema(example = "4f1c2a9be07d33aa51c0")]
    pub code: String,
    /// What people call it: "Front counter".
    #[schema(example = "Front counter")]
    pub name: String,
    /// Its Ed25519 public key, 64 hex digits.
    #[schema(example = "9f2c6b1e…")]
    pub public_key: String,
}

/// The answer to [`Enrol`]: who the new member is.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct Enrolled {
    /// Its actor, like `7`.
    #[schema(example = "7.1")]
    pub actor: String,
    /// `till`, `office` or `platform`.
    #[schema(example = "till")]
    pub role: String,
    /// The letter of its short sale references.
    #[schema(example = "A")]
    pub letter: String,
    /// Its shop; every shop for head office.
    pub shops: Vec<ShopForm>,
}

/// The answer to `POST /v1/shops/{shop}/join`: the name under which head office writes in that shop.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct Joined {
    /// Its actor there.
    #[schema(example = "7.1")]
    pub actor: String,
}

/// `POST /v1/shops/{shop}/new-life`: a till asks for another name to write under.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct AskLife {
    /// Where its journal parts from the cloud's, 64 hex digits: the chain at the first entry that only it has.
    /// Asked again about the same parting, the cloud gives the same life.
    #[schema(example = "9f2c6b1e…")]
    pub parted: String,
}

/// The answer: the name and the letter of the new life.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct NewLife {
    /// Its actor, like `7.1`.
    #[schema(example = "7.1")]
    pub actor: String,
    /// The letter of its short sale references.
    #[schema(example = "A")]
    pub letter: String,
}

/// A shop, in every JSON body.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct ShopForm {
    /// Its id.
    #[schema(example = "mjini")]
    pub id: String,
    /// Its name.
    #[schema(example = "Front counter")]
    pub name: String,
    /// `paybill` or `till`.
    #[schema(example = "till")]
    pub account: String,
    /// The number customers pay to.
    #[schema(example = "123456")]
    pub shortcode: String,
    /// Its store number, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "7000123")]
    pub store_number: Option<String>,
    /// The head-office number above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "600000")]
    pub head_office: Option<String>,
    /// Which payments it refuses when Safaricom asks: `accept_all` (unless told otherwise), `references` or
    /// `amounts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "amounts")]
    pub validation: Option<String>,
    /// From which amount on a payment needs a second source, like `20000.00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "20000.00")]
    pub second_source_from: Option<String>,
    /// From which amount on a payment is shown to be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "50000.00")]
    pub review_from: Option<String>,
    /// How far head office has each journal, by its actor; said to the shop's own members.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"7": 812}))]
    pub held: BTreeMap<String, u64>,
    /// Until when all its payments were pulled from Safaricom, in milliseconds since 1970 UTC; said to its own
    /// members. They have them all once they asked for news after they heard it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_763_712_000_000_i64)]
    pub pulled_until: Option<i64>,
    /// Its licence; said to the shop's own members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<LicenceForm>,
}

/// A shop's licence, in the answers to its tills, and to head office.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct LicenceForm {
    /// The platform's Ed25519 public key, 64 hex digits; a till keeps the one it heard first.
    #[schema(example = "9f2c6b1e…")]
    pub key: String,
    /// The token of [`crate::licence`], in hex; nothing as long as no licence was ever sold here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "01a2b3…")]
    pub token: Option<String>,
}

/// `POST /v1/shops/{shop}/held`: head office says how far it has each journal, by its actor.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct Held {
    /// The numbers.
    #[schema(example = json!({"7": 812}))]
    pub journals: BTreeMap<String, u64>,
}

impl From<&Shop> for ShopForm {
    fn from(shop: &Shop) -> Self {
        Self {
            id: shop.id.to_string(),
            name: shop.name.clone(),
            account: shop.account.kind().to_owned(),
            shortcode: shop.account.shortcode().to_string(),
            store_number: shop.store_number.as_ref().map(ToString::to_string),
            head_office: shop.head_office.as_ref().map(ToString::to_string),
            validation: Some(shop.rules.validation.name().to_owned()),
            second_source_from: shop.rules.second_source_from.map(|amount| amount.to_string()),
            review_from: Some(shop.rules.review_from.to_string()),
            held: BTreeMap::new(),
            pulled_until: None,
            licence: None,
        }
    }
}

impl TryFrom<ShopForm> for Shop {
    type Error = IdError;
    fn try_from(form: ShopForm) -> Result<Self, IdError> {
        let account = Account::of_kind(&form.account, ShortCode::parse(&form.shortcode)?);
        let number = |text: Option<&str>| text.map(ShortCode::parse).transpose();
        let shop = Self::new(
            ShopId::parse(&form.id)?,
            &form.name,
            account.ok_or(IdError("an account is paybill or till"))?,
            number(form.store_number.as_deref())?,
        )?;
        Ok(Self { head_office: number(form.head_office.as_deref())?, rules: rules(&form)?, ..shop })
    }
}

fn rules(form: &ShopForm) -> Result<ShopRules, IdError> {
    let usual = ShopRules::default();
    let amount = |text: &Option<String>| match text {
        Some(text) => Money::parse(text).map(Some).map_err(|_| IdError("an amount is like 20000.00")),
        None => Ok(None),
    };
    let validation = match form.validation.as_deref() {
        Some(name) => Validation::named(name),
        None => Some(usual.validation),
    };
    Ok(ShopRules {
        validation: validation.ok_or(IdError("a validation is accept_all, references or amounts"))?,
        second_source_from: amount(&form.second_source_from)?,
        review_from: amount(&form.review_from)?.unwrap_or(usual.review_from),
    })
}

/// `POST /v1/shops/{shop}/open-sales`: what a till has open, so that a validation can be answered. It
/// replaces what the till told before.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct OpenSales {
    /// When the cloud heard it, in milliseconds since 1970 UTC; what a till puts here does not count.
    #[serde(default)]
    #[schema(example = 1_763_712_000_000_i64)]
    pub at: i64,
    /// These are all it has open. A till that does not say so (an older one, or one with more than a
    /// message takes) may have the sale that a customer pays: then nothing is refused.
    #[serde(default)]
    pub complete: bool,
    /// The sales.
    pub sales: Vec<OpenSale>,
}

/// A sale that waits for a payment.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct OpenSale {
    /// Its name, like `7-42`.
    #[schema(example = "7-42")]
    pub sale: String,
    /// What it still owes, in cents.
    #[schema(example = 50_000)]
    pub due: i64,
    /// What a customer may type as account number for it.
    #[schema(example = json!(["A42"]))]
    pub references: Vec<String>,
}

/// `POST /v1/shops/{shop}/claims`: a till is about to claim payments for its sales, and wants to know whether
/// somebody was first; and what was claimed and released is free for others. At most a hundred of each.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct AskClaims {
    /// What it is about to claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimForm>,
    /// What was claimed and is not any more; done before the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<ClaimForm>,
}

/// A claim, as far as others have to know of it before it reaches them.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
pub struct ClaimForm {
    /// The receipt code.
    #[schema(example = "UKL4AB12CD")]
    pub receipt: String,
    /// The sale, like `7-42`.
    #[schema(example = "7-42")]
    pub sale: String,
    /// Who claimed it, like `7`; the caller, where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "7")]
    pub by: Option<String>,
}

/// The answer to [`AskClaims`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct ClaimsSecured {
    /// For each claim, in their order, who was first; none where it is secured.
    pub first: Vec<Option<FirstClaim>>,
}

/// A claim that somebody else was about to make before.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct FirstClaim {
    /// What people call that till.
    #[schema(example = "Front counter")]
    pub till: String,
    /// The sale it is for, like `7-42`.
    #[schema(example = "7-42")]
    pub sale: String,
    /// What people call the sale, like `A42`.
    #[schema(example = "A42")]
    pub reference: String,
    /// When, by the cloud's clock, in milliseconds since 1970 UTC.
    #[schema(example = 1_763_712_000_000_i64)]
    pub at: i64,
}

/// `POST /v1/shops/{shop}/push/query`: what became of a push.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct AskPush {
    /// Safaricom's name for it.
    #[schema(example = "ws_CO_21112026101500")]
    pub checkout_request_id: String,
}

/// The answer to [`AskPush`].
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct PushEnded {
    /// Safaricom's result code; none while it is not known.
    #[schema(example = "4f1c2a9be07d33aa51c0")]
    pub code: Option<String>,
    /// When it is worth asking again, in milliseconds since 1970 UTC; never, where there is none.
    #[schema(example = 1_763_712_000_000_i64)]
    pub ask_at: Option<i64>,
}

/// `POST /v1/shops/{shop}/status`: whether a payment is real. The answer comes into the feed.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct AskStatus {
    /// The receipt code.
    #[schema(example = "UKL4AB12CD")]
    pub receipt: String,
}

/// `POST /v1/shops/{shop}/reversal`: that a payment goes back to the customer, whole.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct AskReversal {
    /// The receipt code.
    #[schema(example = "UKL4AB12CD")]
    pub receipt: String,
    /// How much it was, like `500.00`.
    #[schema(example = "500.00")]
    pub amount: String,
    /// Why, in a few words.
    #[schema(example = "paid twice")]
    pub reason: String,
}

/// Safaricom took a request whose result comes later.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct Requested {
    /// Its name, for `GET /v1/shops/{shop}/requests/{request}`.
    #[schema(example = "AG_20261121_2010")]
    pub request: String,
}

/// What became of a request.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct RequestState {
    /// What was asked: `status UKL4AB12CD`, `balance` …
    #[schema(example = "status UKL4AB12CD")]
    pub purpose: String,
    /// `waiting`, `done`, `refused` or `timed_out`. Timed out is unknown, not failed.
    #[schema(example = "done")]
    pub state: String,
    /// What Safaricom said, and what to do about it.
    #[schema(example = "The payment is real.")]
    pub words: String,
    /// What the accounts hold, for a balance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["Working Account: KES 500.00"]))]
    pub balances: Vec<String>,
}

/// `POST /v1/shops/{shop}/qr`: a code to be scanned with the M-PESA app. The answer is a PNG.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct AskQr {
    /// Whole shillings, like `500.00`.
    #[schema(example = "500.00")]
    pub amount: String,
    /// The account reference, for a paybill.
    #[schema(example = "A42")]
    pub reference: String,
}

/// `POST /v1/shops/{shop}/simulate`: a customer of Safaricom's sandbox pays.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct AskSimulation {
    /// Whole shillings, like `500.00`.
    #[schema(example = "500.00")]
    pub amount: String,
    /// The customer's phone.
    #[schema(example = "0712345678")]
    pub phone: String,
    /// The account number typed, for a paybill.
    #[schema(example = "A42")]
    pub reference: String,
}

/// `POST /v1/shops/{shop}/pull/register`: who may be told of pulled payments.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct AskPullRegistration {
    /// A phone that belongs to the organisation in Safaricom's portal.
    #[schema(example = "0712345678")]
    pub phone: String,
}

/// An answer that is a sentence for a person.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct Said {
    /// The sentence.
    #[schema(example = "success")]
    pub message: String,
}

/// `POST /v1/push`: ask a customer's phone for a payment.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct AskPayment {
    /// The sale it is for, like `7-42`.
    #[schema(example = "7-42")]
    pub sale: String,
    /// The till's own name for this attempt: repeating a request never sends a second prompt.
    #[schema(example = "7-42/1")]
    pub attempt: String,
    /// Whole shillings, like `500.00`.
    #[schema(example = "500.00")]
    pub amount: String,
    /// The customer's phone.
    #[schema(example = "0712345678")]
    pub phone: String,
    /// What the prompt shows, at most 12 letters and digits.
    #[schema(example = "A42")]
    pub reference: String,
}

/// The answer to [`AskPayment`]: Safaricom took the request; the customer has not paid yet.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct Asked {
    /// Safaricom's name for the push.
    #[schema(example = "ws_CO_21112026101500")]
    pub checkout_request_id: String,
    /// Safaricom's name for our request.
    #[schema(example = "29115-34620561-1")]
    pub merchant_request_id: String,
}

/// RFC 9457 problem details, as every error of the cloud is sent.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct Problem {
    /// A stable name, like `leja:unknown-code`.
    #[serde(rename = "type")]
    #[schema(example = "leja:bad-request")]
    pub kind: String,
    /// What went wrong and what to do, for a person.
    #[schema(example = "There is no such shop here.")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// The cloud's time, where the caller's clock is what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_763_712_000_000_i64)]
    pub now_millis: Option<i64>,
}
