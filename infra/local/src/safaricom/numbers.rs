//! The numbers that customers can pay to.

use serde::Deserialize;
use std::fmt;

/// A number that customers can pay to.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Number {
    /// What customers type.
    pub shortcode: String,
    /// The number that went live, which STK pushes name: the paybill itself, or a till's store or head office.
    pub business: String,
    /// Its passkey.
    pub passkey: String,
    /// Whose it is.
    pub name: String,
    /// `till` or `paybill`.
    pub account: String,
    /// Where confirmations are posted; empty: nowhere.
    pub confirmation_url: String,
    /// Where the shop is asked before money moves; empty: nowhere.
    pub validation_url: String,
    /// What happens when the shop does not answer in time.
    pub response_type: ResponseType,
    /// Whether Safaricom has switched external validation on; it is off until the owner asks for it.
    pub external_validation: bool,
    /// Which C2B product it has, which decides how phone numbers come.
    pub version: C2bVersion,
    /// Whether its payments can be pulled: a registration of its own.
    pub pull: bool,
}

/// What happens to a payment when the validation URL does not answer (fact sheet §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum ResponseType {
    /// It is paid, and confirmed.
    #[default]
    Completed,
    /// It is refused, and nothing is sent.
    Cancelled,
}

/// The two C2B products. An app holds one of them; their bodies differ in the phone number only (§1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum C2bVersion {
    /// Phone numbers as SHA-256.
    #[serde(rename = "v1")]
    V1,
    /// Phone numbers masked.
    #[default]
    #[serde(rename = "v2")]
    V2,
}

impl Number {
    pub(super) fn is_till(&self) -> bool {
        self.account == "till"
    }

    /// Whether a shortcode or a number that went live is this one.
    pub(super) fn answers_to(&self, number: &str) -> bool {
        self.shortcode == number || self.business == number
    }
}

/// Without its passkey and its URLs, which carry secrets.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Number");
        shown.field("shortcode", &self.shortcode).field("name", &self.name).finish_non_exhaustive()
    }
}
