//! The names of items. A shop's id has no `#`, so that no two things ever share a name.

use domain::{Actor, BusinessDay, CheckoutId, ShopId, ShortCode, Timestamp};
use service::store::AnswerKind;
use sha2::{Digest, Sha256};

/// The partition key of the table.
pub(crate) const PK: &str = "pk";
/// The sort key of the table.
pub(crate) const SK: &str = "sk";
/// The partition key of the index; items without it are not in the index.
pub(crate) const GPK: &str = "gpk";
/// The sort key of the index.
pub(crate) const GSK: &str = "gsk";
/// The index that lists what is new in a shop, what waits in the inbox, which requests are due, all shops
/// and all members.
pub(crate) const INDEX: &str = "listing";

/// The list of all shops in the index.
pub(crate) const SHOPS: &str = "S";
/// The list of all members in the index.
pub(crate) const MEMBERS: &str = "A";

/// The list of enrolment codes in the index.
pub(crate) const ENROLMENTS: &str = "E";
/// The list of what people decided about in the inbox, in the index.
pub(crate) const DECIDED: &str = "Z";
/// What begins the lists of what waits in the inbox, in the index.
pub(crate) const WAITING: &str = "I#";

/// Among how many lists the due requests are spread: each takes the writes of one partition.
pub(crate) const DUE_LISTS: u8 = 8;

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

    /// The hash of the token that this is, if it is one.
    pub(crate) fn token_in(&self) -> Option<[u8; 32]> {
        hex::decode(self.pk.strip_prefix("T#")?).ok()?.try_into().ok()
    }

    /// Either of them, by its partition key.
    pub(crate) fn lead(pk: String) -> Self {
        Self::new(pk, "lead")
    }

    /// A message of the feed, under its natural name.
    pub(crate) fn message(shop: &ShopId, (kind, name): (&str, &str)) -> Self {
        let pk = match kind {
            "stk_result" | "stk_failure" | "stk_query" => about(name),
            _ => format!("P#{shop}#{name}"),
        };
        // As the first release named its two kinds.
        let sk = match kind {
            "c2b_confirmation" => "c2b",
            "stk_result" => "result",
            kind => kind,
        };
        Self::new(pk, sk)
    }

    /// Where a message lies whose place is taken by one of another name: the first release kept a push
    /// that failed where its late success belongs.
    pub(crate) fn beside(self, kind: &str) -> Self {
        Self::new(self.pk, kind)
    }

    pub(crate) fn inbox(hash: &[u8; 32]) -> Self {
        Self::new(format!("I#{}", hex::encode(hash)), "inbox")
    }

    /// The way from the hash of a body to the request under which it waited, once a person settled it.
    pub(crate) fn early_inbox(hash: &[u8; 32]) -> Self {
        Self::new(format!("I#{}", hex::encode(hash)), "early")
    }

    pub(crate) fn early_answer(request: &CheckoutId) -> Self {
        Self::new(about(request), "early")
    }

    pub(crate) fn answer(request: &CheckoutId, kind: AnswerKind) -> Self {
        Self::new(about(request), format!("answer_{}", kind.name()))
    }

    /// The request behind Safaricom's name for it.
    pub(crate) fn accepted(request: &CheckoutId) -> Self {
        Self::new(about(request), "attempt")
    }

    /// The request behind the caller's name for it.
    pub(crate) fn request(shop: &ShopId, name: &str) -> Self {
        Self::new(format!("U#{shop}#{name}"), "attempt")
    }

    pub(crate) fn lock(lock: &str) -> Self {
        Self::new(format!("L#{lock}"), "lock")
    }

    pub(crate) fn note(shop: &ShopId, name: &str) -> Self {
        Self::new(notes(shop), name)
    }

    pub(crate) fn enrolment(code_hash: &[u8; 32]) -> Self {
        Self::new(format!("E#{}", hex::encode(code_hash)), "enrolment")
    }

    /// The hash of the code that this is the name of.
    pub(crate) fn code_hash(&self) -> Option<[u8; 32]> {
        hex::decode(self.pk.strip_prefix("E#")?).ok()?.try_into().ok()
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

/// What begins the name of everything Safaricom says about one request.
const ABOUT: &str = "K#";

/// Everything Safaricom says about one request lies together.
pub(crate) fn about(request: impl std::fmt::Display) -> String {
    format!("{ABOUT}{request}")
}

/// The request that an item is about, by its partition key.
pub(crate) fn request_in(pk: &str) -> Option<&str> {
    pk.strip_prefix(ABOUT)
}

/// Where the notes of a shop lie.
pub(crate) fn notes(shop: &ShopId) -> String {
    format!("M#{shop}")
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

/// The requests of a shop, in the index.
pub(crate) fn requests(shop: &ShopId) -> String {
    format!("U#{shop}")
}

/// What came into the inbox on one day, in the index.
pub(crate) fn inbox_day(day: BusinessDay) -> String {
    format!("{WAITING}{day}")
}

/// Where the members of a shop lie in the list of members; or those of no shop.
pub(crate) fn members_of(shop: Option<&ShopId>) -> String {
    format!("{}#", shop.map_or("", ShopId::as_str))
}

/// A member's place in the list of members: by shop, then by number, then by life. The first release left
/// the shop out; such a member is moved when it is written again, and found by its name until then.
pub(crate) fn member_place(actor: Actor, shop: Option<&ShopId>) -> String {
    format!("{}{:010}.{:05}", members_of(shop), actor.till.0, actor.incarnation)
}

/// A feed item's place among those that arrived in the same microsecond.
pub(crate) fn message_name((kind, name): (&str, &str)) -> String {
    format!("{kind}#{name}")
}

/// The list in the index in which a request is due.
pub(crate) fn due(request: &CheckoutId) -> String {
    let digest: [u8; 32] = Sha256::digest(request.as_str()).into();
    due_list(digest.first().map_or(0, |byte| byte % DUE_LISTS))
}

/// One of the lists of due requests.
pub(crate) fn due_list(number: u8) -> String {
    format!("D#{number}")
}

/// The place in that list: by time. Sixteen digits of milliseconds.
pub(crate) fn due_place(at: Timestamp, request: &CheckoutId) -> String {
    format!("{:016}#{request}", at.millis())
}

/// After everything that is due by then.
pub(crate) fn due_end(now: Timestamp) -> String {
    format!("{:016}$", now.millis())
}
