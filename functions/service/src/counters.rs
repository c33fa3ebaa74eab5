//! What is counted, by name: whoever copies a store asks for these.

use domain::{ShopId, TillId};

/// The numbers of members.
pub(crate) const TILLS: &str = "tills";

/// The letters of a shop's tills.
pub(crate) fn letters_of(shop: &ShopId) -> String {
    format!("letters of {shop}")
}

/// The lives of a till.
pub(crate) fn lives_of(till: TillId) -> String {
    format!("lives of {till}")
}
