//! The chain of balances: what an organisation had after one payment, it had before the next. Where that
//! does not hold, a payment was not told (fact sheet §3.2). Pure.
//!
//! It is a hint and no proof: payments of one second have no order of their own, and money that leaves the
//! account, such as a settlement, breaks the chain downwards, which is no gap.

use domain::{FeedItem, Money, TimeError, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most payments of a chain that are looked at: each may have a gap, and a note says all of them.
pub(crate) const MAX_POINTS: usize = 2000;

/// A payment in the chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// When it was paid, in milliseconds.
    pub at: i64,
    /// What the organisation had after it, in cents, where a message says so.
    pub balance: Option<i64>,
    /// How much it was, in cents.
    pub amount: i64,
    /// Its receipt code.
    pub receipt: String,
}

/// A stretch of time in which payments came that nobody told of. It is written as from, to and how much, in milliseconds
/// and cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(i64, i64, i64)", try_from = "(i64, i64, i64)")]
pub struct Gap {
    /// The payment before.
    pub from: Timestamp,
    /// The payment after.
    pub to: Timestamp,
    /// How much came in between.
    pub missing: Money,
}

impl Point {
    /// The point of a feed item; none for what is no payment.
    pub fn of(item: &FeedItem) -> Option<Self> {
        let evidence = item.evidence()?;
        Some(Self {
            at: evidence.paid_at.unwrap_or(evidence.received_at).millis(),
            balance: evidence.balance.map(Money::cents),
            amount: evidence.amount.cents(),
            receipt: evidence.receipt.to_string(),
        })
    }

    /// Orders points and keeps one for each receipt: the one with a balance, if any has. Of very many it keeps the latest.
    pub fn merge(points: &mut Vec<Self>) {
        points.sort_by(|a, b| (&a.receipt, a.balance.is_none()).cmp(&(&b.receipt, b.balance.is_none())));
        points.dedup_by(|later, kept| later.receipt == kept.receipt);
        points.sort();
        points.drain(..points.len().saturating_sub(MAX_POINTS));
    }
}

impl Gap {
    /// From when to when, in milliseconds.
    pub const fn interval(&self) -> (i64, i64) {
        (self.from.millis(), self.to.millis())
    }
}

impl From<Gap> for (i64, i64, i64) {
    fn from(gap: Gap) -> Self {
        (gap.from.millis(), gap.to.millis(), gap.missing.cents())
    }
}

impl TryFrom<(i64, i64, i64)> for Gap {
    type Error = TimeError;
    fn try_from((from, to, missing): (i64, i64, i64)) -> Result<Self, TimeError> {
        let (from, to) = (Timestamp::from_millis(from)?, Timestamp::from_millis(to)?);
        Ok(Self { from, to, missing: Money::from_cents(missing) })
    }
}

/// From, to and how much.
impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}: KES {}", self.from, self.to, self.missing)
    }
}

/// The gaps in a chain of merged points. A payment without a balance explains its own amount, before or after
/// whatever was paid in the same second, because which came first nobody tells.
pub fn gaps(points: &[Point]) -> Vec<Gap> {
    let balanced: Vec<(&Point, i64)> =
        points.iter().filter_map(|point| point.balance.map(|balance| (point, balance))).collect();
    let between = |from: i64, to: i64| {
        let told = points.iter().filter(|point| point.balance.is_none() && (from..=to).contains(&point.at));
        told.fold(0_i64, |sum, point| sum.saturating_add(point.amount))
    };
    let gap = |pair: &[(&Point, i64)]| {
        let [(before, held), (after, balance)] = *pair else { return None };
        let missing = balance.saturating_sub(after.amount).saturating_sub(held);
        let missing = missing.saturating_sub(between(before.at, after.at));
        let (from, to) = (Timestamp::from_millis(before.at).ok()?, Timestamp::from_millis(after.at).ok()?);
        (missing > 0).then_some(Gap { from, to, missing: Money::from_cents(missing) })
    };
    balanced.windows(2).filter_map(gap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(minute: i64, receipt: &str, amount: i64, balance: Option<i64>) -> Point {
        let at = Timestamp::parse_daraja("20261121100000").unwrap().plus_millis(minute * 60_000).millis();
        Point { at, balance, amount, receipt: receipt.to_owned() }
    }

    #[test]
    fn a_payment_that_was_not_told_leaves_a_gap_of_its_amount() {
        let points = [point(0, "A", 100, Some(100)), point(5, "C", 50, Some(350))];
        let found = gaps(&points);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].missing, Money::from_cents(200));
        assert_eq!(found[0].interval(), (points[0].at, points[1].at));
    }

    #[test]
    fn a_gap_is_written_as_three_numbers() {
        let gap = gaps(&[point(0, "A", 100, Some(100)), point(5, "C", 50, Some(350))])[0];
        let written = "[1795244400000,1795244700000,200]";
        assert_eq!(serde_json::to_string(&gap).unwrap(), written);
        assert_eq!(serde_json::from_str::<Gap>(written).unwrap(), gap);
    }

    #[test]
    fn what_was_told_without_a_balance_explains_itself() {
        let points = [point(0, "A", 100, Some(100)), point(2, "B", 200, None), point(5, "C", 50, Some(350))];
        assert_eq!(gaps(&points), []);
    }

    #[test]
    fn payments_of_one_second_explain_each_other_in_any_order() {
        let points = [
            point(0, "B", 200, None),
            point(0, "C", 300, None),
            point(0, "A", 100, Some(100)),
            point(0, "D", 50, Some(650)),
        ];
        assert_eq!(gaps(&points), []);
    }

    #[test]
    fn money_that_leaves_is_no_gap() {
        assert_eq!(gaps(&[point(0, "A", 100, Some(100_000)), point(5, "C", 50, Some(50))]), []);
    }

    #[test]
    fn a_receipt_counts_once_and_with_its_balance() {
        let mut points = vec![
            point(1, "B", 200, None),
            point(0, "A", 100, Some(100)),
            point(1, "B", 200, Some(300)),
            point(1, "B", 200, None),
        ];
        Point::merge(&mut points);
        assert_eq!(points, [point(0, "A", 100, Some(100)), point(1, "B", 200, Some(300))]);
    }

    #[test]
    fn of_very_many_payments_the_latest_are_looked_at() {
        let minutes = 0..=i64::try_from(MAX_POINTS).unwrap();
        let mut points: Vec<Point> =
            minutes.map(|minute| point(minute, &format!("R{minute}"), 1, None)).rev().collect();
        Point::merge(&mut points);
        assert_eq!((points.len(), &points[0]), (MAX_POINTS, &point(1, "R1", 1, None)));
    }

    proptest! {
        #[test]
        fn a_whole_chain_has_no_gap_and_each_payment_left_out_of_it_has_one(
            amounts in prop::collection::vec(1i64..1000, 3..20), lost in 1usize..18,
        ) {
            let mut balance = 0;
            let mut points: Vec<Point> = (0..).zip(&amounts).map(|(minute, amount)| {
                balance += amount;
                point(minute, &format!("R{minute}"), *amount, Some(balance))
            }).collect();
            prop_assert_eq!(gaps(&points), []);
            let lost = lost.min(points.len() - 2);
            let missing = points.remove(lost).amount;
            let found = gaps(&points);
            prop_assert_eq!(found.iter().map(|gap| gap.missing.cents()).collect::<Vec<_>>(), [missing]);
        }
    }
}
