//! The journal of one actor: what it wrote, numbered and chained.

use crate::{Actor, BusinessDay};

/// Which Automerge document of a shop a change belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// The facts of one business day.
    DayBook(BusinessDay),
    /// Products, prices and settings.
    Catalogue,
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

/// One entry of a journal: one Automerge change, under the next number, chained to the entry before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who wrote it.
    pub actor: Actor,
    /// 1, 2, 3 … without gaps, across all documents of one shop.
    pub number: u64,
    /// The document the change belongs to.
    pub document: Document,
    /// The change, as Automerge writes it without compression.
    pub change: Vec<u8>,
    /// SHA-256 over the entry before and everything above: one value stands for the whole journal.
    pub chain: [u8; 32],
    /// The writer's signature over `chain`, on the last entry of each batch that was sent.
    pub signature: Option<Signature>,
}

/// An Ed25519 signature over the head of a journal's chain.
pub type Signature = [u8; 64];
