//! What moves goods without selling them: deliveries, transfers and counts.
//!
//! Stock is never written down as a number that somebody could overwrite. It is the sum of what facts say
//! was sold, received, moved and found missing, so two tills that sell the last crate apart lose neither.

use crate::{Fact, FactBody, ProductId, Quantity};
use std::collections::BTreeMap;
use std::fmt;

/// How much of a product there is, or by how much that changed, in thousandths: it may be below nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Level(i64);

impl Level {
    /// The most that is counted, either way: a billion pieces.
    const BOUND: i64 = 1_000_000_000_000;

    /// Nothing there.
    pub const NONE: Self = Self(0);

    /// What changes add up to, kept within what is counted.
    pub fn sum(milli: i64) -> Self {
        Self(milli.clamp(-Self::BOUND, Self::BOUND))
    }

    /// A level of thousandths.
    ///
    /// # Errors
    /// More than a billion pieces, either way.
    pub fn from_milli(milli: i64) -> Result<Self, StockError> {
        let sensible = (-Self::BOUND..=Self::BOUND).contains(&milli);
        sensible.then_some(Self(milli)).ok_or(StockError::Level)
    }

    /// Reads what somebody counted: `0`, `12` or `1.250`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse_counted(text: &str) -> Result<Self, StockError> {
        let nothing = text.parse() == Ok(0_u32);
        let counted = if nothing { Ok(0) } else { Quantity::parse(text).map(|q| i64::from(q.milli())) };
        counted.map(Self).map_err(|_| StockError::Level)
    }

    /// In thousandths.
    pub const fn milli(self) -> i64 {
        self.0
    }

    /// By how much this is more than another level.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).clamp(-Self::BOUND, Self::BOUND))
    }

    /// The change the other way.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::NONE.less(self)
    }
}

impl From<Quantity> for Level {
    fn from(quantity: Quantity) -> Self {
        Self(i64::from(quantity.milli()))
    }
}

/// `3`, `0.5`, `-1.25`.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, sign) = (self.0.unsigned_abs(), if self.0 < 0 { "-" } else { "" });
        let (whole, milli) = (size.checked_div(1000), size.checked_rem(1000));
        let text = format!("{sign}{}.{:03}", whole.unwrap_or(0), milli.unwrap_or(0));
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Goods that moved, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockMove {
    /// Why they moved.
    pub why: Why,
    /// The other end: supplier and delivery note, the other shop or place, who counted where.
    pub note: String,
    /// What moved, in the order in which it was written down.
    pub goods: Vec<Moved>,
}

/// Why goods moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A delivery came.
    Received,
    /// They came from another shop or place of ours.
    TransferredIn,
    /// They went to another shop or place of ours.
    TransferredOut,
    /// Somebody counted what is there.
    Counted,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Received, Self::TransferredIn, Self::TransferredOut, Self::Counted];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::TransferredIn => "transferred_in",
            Self::TransferredOut => "transferred_out",
            Self::Counted => "counted",
        }
    }
}

/// One product of a [`StockMove`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The product.
    pub product: ProductId,
    /// By how much its stock changes. After a count this is what was counted less what the writer knew of:
    /// a sale that the writer did not know of is then still taken off, whichever order the two come in.
    pub change: Level,
    /// What was counted, if this is a count.
    pub counted: Option<Level>,
}

impl StockMove {
    /// The longest note, in characters.
    pub const MAX_NOTE_CHARS: usize = 80;
    /// The most products in one fact.
    pub const MAX_GOODS: usize = 200;

    /// Goods that came or went, as quantities; their sign follows from the reason.
    ///
    /// # Errors
    /// See [`StockError`]; a count is made by [`Self::counted`].
    pub fn moved(why: Why, note: &str, goods: Vec<(ProductId, Quantity)>) -> Result<Self, StockError> {
        let signed = |(product, quantity): (ProductId, Quantity)| {
            let change = Level::from(quantity);
            let change = if why == Why::TransferredOut { change.reversed() } else { change };
            Moved { product, change, counted: None }
        };
        Self::checked(why, note, goods.into_iter().map(signed).collect())
    }

    /// What was counted, beside what was known to be there.
    ///
    /// # Errors
    /// See [`StockError`].
    pub fn counted(note: &str, goods: Vec<(ProductId, Level, Level)>) -> Result<Self, StockError> {
        let difference = |(product, counted, known): (ProductId, Level, Level)| Moved {
            product,
            change: counted.less(known),
            counted: Some(counted),
        };
        Self::checked(Why::Counted, note, goods.into_iter().map(difference).collect())
    }

    /// A move whose signs, counts and lengths fit together.
    ///
    /// # Errors
    /// See [`StockError`].
    pub fn checked(why: Why, note: &str, goods: Vec<Moved>) -> Result<Self, StockError> {
        let note = note.trim();
        if goods.is_empty() || goods.len() > Self::MAX_GOODS || note.chars().count() > Self::MAX_NOTE_CHARS {
            return Err(StockError::Size);
        }
        let fits = |moved: &Moved| match (why, moved.counted) {
            (Why::Counted, Some(counted)) => counted >= Level::NONE,
            (Why::Received | Why::TransferredIn, None) => moved.change > Level::NONE,
            (Why::TransferredOut, None) => moved.change < Level::NONE,
            _ => false,
        };
        if !goods.iter().all(fits) {
            return Err(StockError::Level);
        }
        Ok(Self { why, note: note.to_owned(), goods })
    }
}

/// By how much one fact changes the stock of one product, in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockChange {
    /// The product.
    pub product: ProductId,
    /// By how much.
    pub change: i64,
}

/// What a fact does to the stock, one change a product, by product. A void does nothing by itself: what it
/// cancels does not count.
pub fn changes(fact: &Fact) -> Vec<StockChange> {
    let mut sums: BTreeMap<&ProductId, i64> = BTreeMap::new();
    let mut add = |product, change: i64| {
        let sum = sums.entry(product).or_default();
        *sum = sum.saturating_add(change);
    };
    match &fact.body {
        FactBody::Sale(sale) => {
            for line in &sale.lines {
                let sold = i64::from(line.quantity.milli()).saturating_neg();
                line.product.iter().for_each(|product| add(product, sold));
            }
        }
        FactBody::Stock(moved) => {
            moved.goods.iter().for_each(|moved| add(&moved.product, moved.change.milli()));
        }
        _ => {}
    }
    sums.into_iter().map(|(product, change)| StockChange { product: product.clone(), change }).collect()
}

/// Why something is no movement of goods.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StockError {
    /// A quantity that makes no sense.
    #[error("a quantity of goods is a number like 12 or 1.5; only a count may be 0")]
    Level,
    /// Nothing, too much, or too long a note.
    #[error("name 1 to 200 products, and a note of at most 80 characters")]
    Size,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sugar() -> ProductId {
        ProductId::parse("sugar").unwrap()
    }

    #[test]
    fn levels_print_as_people_write_them() {
        for (milli, text) in [(0, "0"), (3_000, "3"), (-1_250, "-1.25"), (500, "0.5"), (-10_000, "-10")] {
            assert_eq!(Level::from_milli(milli).unwrap().to_string(), text);
        }
        assert_eq!(Level::parse_counted("0"), Ok(Level::NONE));
        assert_eq!(Level::parse_counted("1.5"), Level::from_milli(1_500));
        for text in ["-1", "", "1.2345", "many"] {
            assert!(Level::parse_counted(text).is_err(), "{text}");
        }
        assert!(Level::from_milli(i64::MIN).is_err());
    }

    #[test]
    fn what_goes_out_is_taken_off_and_a_count_changes_by_what_was_not_known() {
        let ten = Quantity::parse("10").unwrap();
        let out = StockMove::moved(Why::TransferredOut, "to Soko", vec![(sugar(), ten)]).unwrap();
        assert_eq!(out.goods[0].change.milli(), -10_000);
        let (counted, known) = (Level::from_milli(7_000).unwrap(), Level::from_milli(9_500).unwrap());
        let count = StockMove::counted("", vec![(sugar(), counted, known)]).unwrap();
        assert_eq!((count.goods[0].change.milli(), count.goods[0].counted), (-2_500, Some(counted)));
    }

    #[test]
    fn a_move_that_contradicts_itself_is_none() {
        let moved = |change, counted: Option<i64>| {
            let level = |milli| Level::from_milli(milli).unwrap();
            vec![Moved { product: sugar(), change: level(change), counted: counted.map(level) }]
        };
        assert!(StockMove::checked(Why::Received, "", moved(-1, None)).is_err());
        assert!(StockMove::checked(Why::Received, "", moved(1, Some(1))).is_err());
        assert!(StockMove::checked(Why::TransferredOut, "", moved(1, None)).is_err());
        assert!(StockMove::checked(Why::Counted, "", moved(1, None)).is_err());
        assert!(StockMove::checked(Why::Counted, "", moved(1, Some(-1))).is_err());
        assert!(StockMove::checked(Why::Counted, "", vec![]).is_err());
        assert!(StockMove::checked(Why::Counted, &"x".repeat(81), moved(0, Some(0))).is_err());
        assert!(StockMove::checked(Why::Counted, "", moved(-3_000, Some(0))).is_ok());
    }
}
