//! The names of things. Each is a type that can not be wrong once it exists.

use std::fmt;
use std::str::FromStr;

/// A text that is no such name, and what the name looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdError(pub &'static str);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $rule:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// The text does not follow the rule of this name.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let rule: fn(&str) -> bool = $rule;
                rule(text).then(|| Self(text.to_owned())).ok_or(IdError($expected))
            }

            /// The text of the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn slug(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

text_id! {
    /// A shop, named by whoever opened it: `duka-moja`.
    ShopId, |text| slug(text, 32), "a shop id is 1 to 32 of a-z, 0-9 and -"
}

impl ShopId {
    /// The platform as a shop: whoever runs the cloud sells licences, and is paid at a number of its own. It has
    /// no tills, and no other shop may be called so.
    pub fn of_platform() -> Self {
        Self("leja-licences".to_owned())
    }

    /// Whether this is the platform.
    pub fn is_platform(&self) -> bool {
        *self == Self::of_platform()
    }
}

text_id! {
    /// A product of a shop's catalogue.
    ProductId, |text| slug(text, 40), "a product id is 1 to 40 of a-z, 0-9 and -"
}

text_id! {
    /// A thing of a shop's catalogue, among the things of its kind.
    ItemId, |text| slug(text, 40), "an id is 1 to 40 of a-z, 0-9 and -"
}

impl From<&ProductId> for ItemId {
    fn from(id: &ProductId) -> Self {
        Self(id.0.clone())
    }
}

impl From<&ItemId> for ProductId {
    fn from(id: &ItemId) -> Self {
        Self(id.0.clone())
    }
}

text_id! {
    /// A number that customers pay to, or that stands above one: paybill, till, store or head office
    /// (Daraja fact sheet §2.4). Seed A uses one of ten digits.
    ShortCode,
    |text| (4..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
    "a shortcode is 4 to 10 digits"
}

text_id! {
    /// Safaricom's name for one STK push. Opaque; it may end in part of a phone number, so keep it out
    /// of links and logs (Daraja fact sheet §1.3).
    CheckoutId,
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
    "a CheckoutRequestID is 1 to 64 visible characters"
}

text_id! {
    /// M-Pesa's receipt code: the identity of the money. Ten characters today; older and sample codes
    /// differ, so 3 to 20 are taken (Daraja fact sheet §10.1).
    ReceiptCode,
    |text| (3..=20).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
    "a receipt code is 3 to 20 letters and digits"
}

impl ReceiptCode {
    /// Reads a code as people type it: blanks around it and lower case are forgiven.
    ///
    /// # Errors
    /// What is left is no code.
    pub fn parse_typed(typed: &str) -> Result<Self, IdError> {
        Self::parse(&typed.trim().to_ascii_uppercase())
    }
}

/// A till, or a head office that writes as one: a number that the cloud gives out once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TillId(pub u32);

impl fmt::Display for TillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who writes one journal: a till in one life. A till whose file was restored from a backup starts a new
/// incarnation, so that two histories never share a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// The till.
    pub till: TillId,
    /// Its life: 0 at enrolment, one more after each restore.
    pub incarnation: u16,
}

impl Actor {
    /// The first life of a till.
    pub const fn first(till: TillId) -> Self {
        Self { till, incarnation: 0 }
    }

    /// Six bytes, big end first: the actor id in every Automerge change.
    pub fn to_bytes(self) -> [u8; 6] {
        let ([a, b, c, d], [e, f]) = (self.till.0.to_be_bytes(), self.incarnation.to_be_bytes());
        [a, b, c, d, e, f]
    }

    /// The actor named by six bytes; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, d, e, f] = *bytes else { return None };
        let till = TillId(u32::from_be_bytes([a, b, c, d]));
        Some(Self { till, incarnation: u16::from_be_bytes([e, f]) })
    }
}

/// `7`, or `7.2` for the second life after the first.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.incarnation {
            0 => write!(f, "{}", self.till),
            life => write!(f, "{}.{life}", self.till),
        }
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Actor {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError("an actor is a till's number, like 7, or a till and a life, like 7.2");
        let (till, life) = text.split_once('.').unwrap_or((text, "0"));
        let till = TillId(digits(till).and_then(|d| d.parse().ok()).ok_or_else(|| error.clone())?);
        Ok(Self { till, incarnation: digits(life).and_then(|d| d.parse().ok()).ok_or(error)? })
    }
}

/// The natural name of a fact: who wrote it, and under which number of that journal. The fact of a sale
/// names the sale. `7-42` is the 42nd entry of till 7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId {
    /// Who wrote it.
    pub actor: Actor,
    /// The number of the journal entry that carries it, from 1.
    pub number: u64,
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.actor, self.number)
    }
}

impl fmt::Debug for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FactId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError("an id is a till and a number, like 7-42");
        let (actor, number) = text.split_once('-').ok_or_else(|| error.clone())?;
        let number = digits(number).and_then(|d| d.parse().ok()).ok_or_else(|| error.clone())?;
        Ok(Self { actor: actor.parse().map_err(|_| error)?, number })
    }
}

/// Only the one way of writing a number that we print ourselves: no sign, no leading zero.
fn digits(text: &str) -> Option<&str> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
    (plain && (text == "0" || !text.starts_with('0'))).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_checked_at_the_edge() {
        assert!(ShopId::parse("duka-moja").is_ok());
        for text in ["", "Duka", "duka moja", "a/b", "ä"] {
            assert!(ShopId::parse(text).is_err(), "{text}");
        }
        assert!(ShortCode::parse("0797237383").is_ok(), "seed A's personal till number");
        assert!(ShortCode::parse("12345a").is_err());
        assert_eq!(ReceiptCode::parse_typed(" lgr019g3j2 ").unwrap().as_str(), "LGR019G3J2");
        assert!(ReceiptCode::parse("LGR-019").is_err());
    }

    #[test]
    fn an_id_has_one_spelling() {
        for text in ["7-42", "7.2-42", "0-1"] {
            assert_eq!(text.parse::<FactId>().unwrap().to_string(), text);
        }
        for text in ["07-42", "7-+42", "7.0", "7", "-", "7--42", "7-042", "4294967296-1"] {
            assert!(text.parse::<FactId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_actor_survives_bytes_and_text(till: u32, incarnation: u16) {
            let actor = Actor { till: TillId(till), incarnation };
            prop_assert_eq!(Actor::from_bytes(&actor.to_bytes()), Some(actor));
            prop_assert_eq!(actor.to_string().parse::<Actor>(), Ok(actor));
        }
    }
}
