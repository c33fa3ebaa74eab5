//! What the books outside say: the oracle's measure for money.

use super::licences::LicencePaid;
use domain::{Money, ReceiptCode, ShopId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What Safaricom's books say, and what it was acknowledged.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Every payment to a shop.
    pub money: BTreeMap<(ShopId, ReceiptCode), Money>,
    /// Those that Safaricom gave back, whoever asked.
    pub back: BTreeSet<(ShopId, ReceiptCode)>,
    /// When each moved.
    pub moved: BTreeMap<ReceiptCode, Timestamp>,
    /// Those whose confirmation was answered with 200.
    pub acknowledged: BTreeSet<ReceiptCode>,
    /// What was paid for licences, shop by shop.
    pub licences: BTreeMap<ShopId, Vec<LicencePaid>>,
    /// The bodies that wait in the inbox.
    pub inbox: Vec<Vec<u8>>,
}
