//! The names of items. A shop's id has no `#`, so that no two things ever share a name.

use domain::{Actor, BusinessDay, CheckoutId, FeedItem, ShopId, ShortCode};

/// The partition key of the table.
pub(crate) const PK: &str = "pk";
/// The sort key of the table.
pub(crate) const SK: &str = "sk";
/// The partition key of the index; items without it are not in the index.
pub(crate) const GPK: &str = "gpk";
/// The sort key of the index.
pub(crate) const GSK: &str = "gsk";
/// The index that lists what is new in a shop, what waits in the inbox, all shops and all members.
pub(crate) const INDEX: &str = "listing";

/// The list of all shops in the index.
pub(crate) const SHOPS: &str = "S";
/// The list of all members in the index.
pub(crate) const MEMBERS: &str = "A";

/// The name of one item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    pub(crate) fn shop(shop: &ShopId) -> Self {
        Self::new(format!("S#{shop}"), "shop")
    }

    /// A number that leads to a shop.
    pub(crate) fn number(number: &ShortCode) -> Self {
        Self::lead(format!("N#{number}"))
    }

    /// A token that leads to a shop.
    pub(crate) fn token(hash: &[u8; 32]) -> Self {
        Self::lead(format!("T#{}", hex::encode(hash)))
    }

    /// Either of them, by its partition key.
    pub(crate) fn lead(pk: String) -> Self {
        Self::new(pk, "lead")
    }

    /// A message of the feed, under its natural name.
    pub(crate) fn message(shop: &ShopId, item: &FeedItem) -> Self {
        match item {
            FeedItem::Confirmation(evidence) => Self::new(format!("P#{shop}#{}", evidence.receipt), "c2b"),
            FeedItem::PushResult(result) => Self::new(push(&result.checkout), "result"),
        }
    }

    pub(crate) fn inbox(hash: &[u8; 32]) -> Self {
        Self::new(format!("I#{}", hex::encode(hash)), "inbox")
    }

    pub(crate) fn early_result(checkout: &CheckoutId) -> Self {
        Self::new(push(checkout), "early")
    }

    /// The attempt behind Safaricom's name for a push.
    pub(crate) fn accepted(checkout: &CheckoutId) -> Self {
        Self::new(push(checkout), "attempt")
    }

    pub(crate) fn attempt(shop: &ShopId, attempt: &str) -> Self {
        Self::new(format!("U#{shop}#{attempt}"), "attempt")
    }

    pub(crate) fn enrolment(code_hash: &[u8; 32]) -> Self {
        Self::new(format!("E#{}", hex::encode(code_hash)), "enrolment")
    }

    pub(crate) fn counter(counter: &str) -> Self {
        Self::new(format!("C#{counter}"), "counter")
    }

    pub(crate) fn member(actor: Actor) -> Self {
        Self::new(format!("A#{actor}"), "member")
    }

    pub(crate) fn head(shop: &ShopId, actor: Actor) -> Self {
        Self::new(heads(shop), actor.to_string())
    }

    pub(crate) fn batch(shop: &ShopId, actor: Actor, first: u64) -> Self {
        Self::new(batches(shop, actor), entry(first))
    }
}

/// Everything Safaricom says about one push lies together.
fn push(checkout: &CheckoutId) -> String {
    format!("K#{checkout}")
}

/// Where the heads of a shop's journals lie.
pub(crate) fn heads(shop: &ShopId) -> String {
    format!("H#{shop}")
}

/// Where the batches of one journal lie.
pub(crate) fn batches(shop: &ShopId, actor: Actor) -> String {
    format!("J#{shop}#{actor}")
}

/// The number of an entry, so that text sorts as numbers do.
pub(crate) fn entry(number: u64) -> String {
    format!("{number:020}")
}

/// What is new in a shop, in the index.
pub(crate) fn feed(shop: &ShopId) -> String {
    format!("F#{shop}")
}

/// What came into the inbox on one day, in the index.
pub(crate) fn inbox_day(day: BusinessDay) -> String {
    format!("I#{day}")
}

/// A member's place in the list of members: by number, then by life.
pub(crate) fn member_place(actor: Actor) -> String {
    format!("{:010}.{:05}", actor.till.0, actor.incarnation)
}

/// A feed item's place among those that arrived in the same microsecond.
pub(crate) fn message_name(item: &FeedItem) -> String {
    let (source, name) = item.name();
    format!("{}#{name}", source.name())
}
