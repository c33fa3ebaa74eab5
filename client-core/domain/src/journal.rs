//! The journal of one actor: what it wrote, numbered and chained.

use crate::{Actor, BusinessDay, Timestamp};

/// Which Automerge document of a shop a change belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// The facts of one business day.
    DayBook(BusinessDay),
    /// Products, prices and settings.
    Catalogue,
}

impl Document {
    /// The day of a day book.
    pub const fn day(self) -> Option<BusinessDay> {
        match self {
            Self::DayBook(day) => Some(day),
            Self::Catalogue => None,
        }
    }
}

/// `2026-11-21` or `catalogue`.
impl std::fmt::Display for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DayBook(day) => day.fmt(f),
            Self::Catalogue => f.write_str("catalogue"),
        }
    }
}

impl std::str::FromStr for Document {
    type Err = crate::TimeError;
    fn from_str(text: &str) -> Result<Self, crate::TimeError> {
        if text == "catalogue" {
            return Ok(Self::Catalogue);
        }
        BusinessDay::parse(text).map(Self::DayBook)
    }
}

/// How far one actor's changes to one document go: how many, and the hash of the last. `None` before the first.
pub type Strand = Option<(u64, [u8; 32])>;

/// One entry of a journal: one Automerge change, under the next number, chained to the entry before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who wrote it.
    pub actor: Actor,
    /// 1, 2, 3 … without gaps, across all documents of one shop.
    pub number: u64,
    /// The document the change belongs to.
    pub document: Document,
    /// What it says.
    pub body: Body,
    /// SHA-256 over the entry before and the change: one value stands for the whole journal.
    pub chain: [u8; 32],
    /// The writer's signature over `chain`, on the last entry of each batch that was sent.
    pub signature: Option<Signature>,
}

/// What an entry carries: all that its change is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A fact of a day book. Its change is a function of the fact and its place, and is built from them again
    /// wherever it is needed; it is neither sent nor kept.
    Fact {
        /// When, by the writer's clock.
        at: Timestamp,
        /// The fact's own bytes.
        value: Vec<u8>,
        /// Where its writer's strand in the day book ends before it.
        place: Strand,
    },
    /// A change, as Automerge writes it without compression.
    Change(Vec<u8>),
}

impl Body {
    /// The bytes it carries, which is what bounds count.
    pub fn size(&self) -> usize {
        match self {
            Self::Fact { value, .. } => value.len(),
            Self::Change(change) => change.len(),
        }
    }
}

/// An Ed25519 signature over the head of a journal's chain.
pub type Signature = [u8; 64];
