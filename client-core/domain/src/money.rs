//! Money as whole cents.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

/// The largest amount accepted at an edge: KES 10,000,000,000.00. It leaves room for nine million such
/// amounts in one sum, so the saturating arithmetic below never saturates on money that came in here.
const MAX_CENTS: i64 = 1_000_000_000_000;

/// An amount of Kenyan shillings in integer cents. Never a float: equality of amounts is what matching
/// does all day (field study W5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most one point: signs, blanks, exponents and separators are refused.
    #[error("an amount is digits with at most two decimals, like 500 or 500.00")]
    Shape,
    /// A fraction of a cent.
    #[error("an amount has at most two decimals")]
    Fraction,
    /// Below nothing or beyond ten billion shillings.
    #[error("an amount is at least 0.00 and at most 10000000000.00")]
    TooLarge,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of whole cents.
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents)
    }

    /// An amount of cents as an edge accepts it: from nothing up to ten billion shillings.
    ///
    /// # Errors
    /// Less than nothing, or more.
    pub fn from_edge(cents: i64) -> Result<Self, MoneyError> {
        (0..=MAX_CENTS).contains(&cents).then_some(Self(cents)).ok_or(MoneyError::TooLarge)
    }

    /// The amount in cents.
    pub const fn cents(self) -> i64 {
        self.0
    }

    /// Reads the literal text of an amount, exactly: `500`, `500.0`, `500.00`.
    ///
    /// # Errors
    /// Anything else, an exponent or a sign included; more than two decimals unless they are zeros.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(MoneyError::Shape);
        }
        let (cents, rest) = fraction.split_at(fraction.len().min(2));
        if rest.bytes().any(|b| b != b'0') {
            return Err(MoneyError::Fraction);
        }
        let whole: i64 = whole.parse().map_err(|_| MoneyError::TooLarge)?;
        let cents: i64 = format!("{cents:0<2}").parse().map_err(|_| MoneyError::Shape)?;
        whole
            .checked_mul(100)
            .and_then(|total| total.checked_add(cents))
            .filter(|total| *total <= MAX_CENTS)
            .map(Self)
            .ok_or(MoneyError::TooLarge)
    }

    /// Whole shillings only, as the STK push asks for them; `None` when there are cents.
    pub fn whole_shillings(self) -> Option<i64> {
        (self.0.checked_rem(100) == Some(0)).then(|| self.0.checked_div(100)).flatten()
    }

    /// This many parts of so many, rounded half up to a cent; `None` of no parts, or beyond counting.
    pub fn share(self, parts: i64, of: i64) -> Option<Self> {
        let (product, of) = (i128::from(self.0).checked_mul(i128::from(parts))?, i128::from(of));
        let doubled = product.checked_mul(2)?.checked_add(of)?;
        Some(Self(i64::try_from(doubled.checked_div_euclid(of.checked_mul(2)?)?).ok()?))
    }

    /// The nearest multiple of a coin, half up; itself where there is no such coin.
    #[must_use]
    pub fn nearest(self, coin: Self) -> Self {
        let coins = Self(1).share(self.0, coin.0);
        coins.and_then(|coins| coins.0.checked_mul(coin.0)).map_or(self, Self)
    }

    /// The larger of this and nothing: what is due can not be less than nothing.
    #[must_use]
    pub fn or_zero(self) -> Self {
        self.max(Self::ZERO)
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// `500.00`: the decimal string of the API.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        let (whole, rest) = (cents.checked_div(100).unwrap_or(0), cents.checked_rem(100).unwrap_or(0));
        write!(f, "{sign}{whole}.{rest:02}")
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KES {self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_exactly_as_safaricom_writes_them() {
        for (text, cents) in
            [("500.00", 50_000), ("1", 100), ("1.0", 100), ("233.8", 23_380), ("5.0000", 500)]
        {
            assert_eq!(Money::parse(text), Ok(Money::from_cents(cents)), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "-1", "+1", "1e3", "1,000.00", " 1", "1.", ".5", "1.2.3", "٥"] {
            assert_eq!(Money::parse(text), Err(MoneyError::Shape), "{text}");
        }
        assert_eq!(Money::parse("1.005"), Err(MoneyError::Fraction));
        assert_eq!(Money::parse("99999999999999999999"), Err(MoneyError::TooLarge));
        assert_eq!(Money::from_edge(-1), Err(MoneyError::TooLarge));
        assert_eq!(Money::from_edge(i64::MAX), Err(MoneyError::TooLarge));
    }

    proptest! {
        #[test]
        fn printing_and_reading_an_amount_gives_it_back(cents in 0..=MAX_CENTS) {
            let money = Money::from_cents(cents);
            prop_assert_eq!(Money::parse(&money.to_string()), Ok(money));
        }
    }
}
