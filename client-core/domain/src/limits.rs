//! How much goes out on codes whose payments nobody has seen, and how much may.

use crate::{FactId, Limits, Money, PhoneEnding};
use std::collections::BTreeSet;
use std::fmt;

/// A sale whose goods went out on codes whose payments nobody has seen, or on the customer's word. Money that was
/// seen, or that answers a request on the phone, is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    /// The sale.
    pub sale: FactId,
    /// For how much of it.
    pub amount: Money,
    /// The endings of the customer's number, where somebody took them down.
    pub phones: BTreeSet<PhoneEnding>,
    /// It was decided at this till.
    pub here: bool,
    /// It was decided in the shift that goes on at this till.
    pub in_shift: bool,
}

/// What a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitOf {
    /// One sale.
    Sale,
    /// The customers whose number ends so.
    Phone(PhoneEnding),
    /// The shift of this till.
    Shift,
    /// This till.
    Till,
}

/// A limit that would be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverLimit {
    /// Which.
    pub of: LimitOf,
    /// What it allows.
    pub limit: Money,
    /// What it would come to.
    pub would_be: Money,
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.of {
            LimitOf::Sale => "for this sale".to_owned(),
            LimitOf::Phone(ending) => format!("for customers whose number ends in {ending}"),
            LimitOf::Shift => "in this shift".to_owned(),
            LimitOf::Till => "at this till".to_owned(),
        };
        write!(
            f,
            "KES {} of payments that nobody has seen {whose} would be above the limit of KES {}: wait until the \
             payment is seen, take cash, or let a manager allow it with their PIN",
            self.would_be, self.limit
        )
    }
}

impl Limits {
    /// The first limit that one more would pass; `others` may have the same sale, which counts once.
    pub fn passed_by(&self, new: &Unverified, others: &[Unverified]) -> Option<OverLimit> {
        let rest = || others.iter().filter(|it| it.sale != new.sale);
        let sum = |keep: &dyn Fn(&Unverified) -> bool| -> Money {
            rest().filter(|it| keep(it)).map(|it| it.amount).sum::<Money>() + new.amount
        };
        let over = |of: LimitOf, limit: Option<Money>, would_be: Money| {
            limit.filter(|limit| would_be > *limit).map(|limit| OverLimit { of, limit, would_be })
        };
        let of_phone = |ending: &PhoneEnding| {
            over(LimitOf::Phone(*ending), self.per_phone, sum(&|it| it.phones.contains(ending)))
        };
        over(LimitOf::Sale, self.per_sale, new.amount)
            .or_else(|| new.phones.iter().find_map(of_phone))
            .or_else(|| over(LimitOf::Shift, self.per_shift, sum(&|it| it.in_shift)))
            .or_else(|| over(LimitOf::Till, self.per_till, sum(&|it| it.here)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, TillId};

    fn unverified(sale: u64, shillings: i64, ending: &str) -> Unverified {
        Unverified {
            sale: FactId { actor: Actor::first(TillId(1)), number: sale },
            amount: Money::from_cents(shillings * 100),
            phones: PhoneEnding::parse(ending).into_iter().collect(),
            here: true,
            in_shift: true,
        }
    }

    fn limits() -> Limits {
        let kes = |shillings: i64| Some(Money::from_cents(shillings * 100));
        Limits { per_sale: kes(500), per_shift: kes(800), per_phone: kes(600), per_till: kes(1_000) }
    }

    #[test]
    fn what_is_at_a_limit_passes_and_what_is_above_it_does_not() {
        let passed = |new, others: &[Unverified]| limits().passed_by(&new, others).map(|over| over.of);
        assert_eq!(passed(unverified(1, 500, ""), &[]), None);
        assert_eq!(passed(unverified(1, 501, ""), &[]), Some(LimitOf::Sale));
        let before = [unverified(1, 400, "678")];
        let ending = PhoneEnding::parse("678").unwrap();
        assert_eq!(passed(unverified(2, 200, "678"), &before), None);
        assert_eq!(passed(unverified(2, 201, "678"), &before), Some(LimitOf::Phone(ending)));
        assert_eq!(passed(unverified(2, 400, "123"), &before), None);
        assert_eq!(passed(unverified(2, 401, "123"), &before), Some(LimitOf::Shift));
        let yesterday = Unverified { in_shift: false, ..unverified(3, 300, "") };
        let elsewhere = Unverified { here: false, in_shift: false, ..unverified(4, 900, "") };
        let all = [before[0].clone(), yesterday, elsewhere];
        assert_eq!(passed(unverified(2, 300, ""), &all), None);
        assert_eq!(passed(unverified(2, 301, ""), &all), Some(LimitOf::Till));
    }

    #[test]
    fn a_sale_counts_once_and_a_limit_that_is_off_stops_nothing() {
        let before = [unverified(1, 450, "")];
        assert_eq!(
            limits().passed_by(&unverified(1, 500, ""), &before),
            None,
            "a second code for the same goods"
        );
        let off = Limits { per_sale: None, per_shift: None, per_phone: None, per_till: None };
        assert_eq!(off.passed_by(&unverified(2, 100_000, "678"), &before), None);
        let said = limits().passed_by(&unverified(2, 501, ""), &before).unwrap().to_string();
        assert!(
            said.starts_with("KES 501.00 of payments that nobody has seen for this sale would be above"),
            "{said}"
        );
        assert!(said.contains("manager"), "it says what to do");
    }
}
