//! What became of a claim: it waits for its payment, the payment verifies it, or something contradicts it.

use crate::{Money, Rules, Timestamp};

/// A claim that was not released, and what is known of its payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// When it was made.
    pub at: Timestamp,
    /// Its sale has the payment, seen or not, and no other.
    pub has_it: bool,
    /// What its sale still owes.
    pub due: Money,
    /// The payment, if it was seen.
    pub seen: Option<SeenPayment>,
    /// A payment with this code was made to another shop.
    pub elsewhere: bool,
}

/// What is known of a payment that was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenPayment {
    /// How much arrived.
    pub amount: Money,
    /// When it was first heard of: whoever claimed it before knew no amount.
    pub since: Timestamp,
    /// It went back to the customer.
    pub reversed: bool,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Nobody has seen the payment, and nothing speaks against it.
    Claimed,
    /// The payment was seen.
    Verified,
    /// Something speaks against it: the goods may be gone without money.
    Contradicted(Contradiction),
}

/// What speaks against a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// All that was paid by then is here, and this is not among it.
    NotFound,
    /// Less arrived than was due when only the code was known.
    OtherAmount(Money),
    /// It was paid to another shop.
    OtherShop,
    /// It went back to the customer.
    Reversed,
    /// Another sale has it.
    Used,
}

impl Verification {
    /// The stable name, in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Verified => "verified",
            Self::Contradicted(_) => "contradicted",
        }
    }

    /// Why it is contradicted, in words.
    pub fn why(self) -> Option<String> {
        let Self::Contradicted(why) = self else { return None };
        Some(match why {
            Contradiction::NotFound => {
                "no such payment: everything that was paid by then is here, and this is not among it"
                    .to_owned()
            }
            Contradiction::OtherAmount(arrived) => format!("only KES {arrived} arrived under this code"),
            Contradiction::OtherShop => "this was paid to another shop".to_owned(),
            Contradiction::Reversed => "the payment went back to the customer".to_owned(),
            Contradiction::Used => "another sale has this payment".to_owned(),
        })
    }
}

/// Up to when a claim had to be made for a payment that is not here not to exist.
pub fn silent_before(rules: &Rules, pulled_until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let window = i64::try_from(rules.window_millis()).unwrap_or(i64::MAX);
    let over = now.plus_millis(rules.grace_millis().saturating_neg());
    pulled_until.map(|until| until.plus_millis(window.saturating_neg()).min(over))
}

/// What became of a claim, as far as is known: `pulled_until` is until when all payments were pulled and are here.
///
/// A claim is only contradicted by what is missing after the grace time, and after a pull that reached past it by
/// the matching window: clocks differ.
pub fn verification(
    claim: &Claimed,
    rules: &Rules,
    pulled_until: Option<Timestamp>,
    now: Timestamp,
) -> Verification {
    let contradicted = Verification::Contradicted;
    match claim.seen {
        Some(seen) if seen.reversed => contradicted(Contradiction::Reversed),
        _ if !claim.has_it => contradicted(Contradiction::Used),
        Some(seen) if claim.due > Money::ZERO && seen.since > claim.at => {
            contradicted(Contradiction::OtherAmount(seen.amount))
        }
        Some(_) => Verification::Verified,
        None if claim.elsewhere => contradicted(Contradiction::OtherShop),
        None => {
            let silent = silent_before(rules, pulled_until, now).is_some_and(|before| claim.at <= before);
            if silent { contradicted(Contradiction::NotFound) } else { Verification::Claimed }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::parse_daraja("20261121080000").unwrap().plus_millis(minute * 60_000)
    }

    fn claim() -> Claimed {
        let (has_it, due, seen) = (true, Money::from_cents(50_000), None);
        Claimed { at: at(0), has_it, due, seen, elsewhere: false }
    }

    fn seen(shillings: i64, minute: i64) -> Option<SeenPayment> {
        Some(SeenPayment { amount: Money::from_cents(shillings * 100), since: at(minute), reversed: false })
    }

    fn check(claim: Claimed, pulled: Option<i64>, now: i64) -> Verification {
        verification(&claim, &Rules::default(), pulled.map(at), at(now))
    }

    #[test]
    fn a_payment_that_did_not_come_contradicts_only_after_the_grace_time_and_a_pull_past_it() {
        let gone = Verification::Contradicted(Contradiction::NotFound);
        assert_eq!(check(claim(), None, 999), Verification::Claimed, "nobody pulled");
        assert_eq!(check(claim(), Some(9), 999), Verification::Claimed, "the pull may have missed it");
        assert_eq!(check(claim(), Some(29), 29), Verification::Claimed, "it may still come");
        assert_eq!(check(claim(), Some(10), 30), gone);
        assert!(gone.why().unwrap().contains("no such payment"));
    }

    #[test]
    fn evidence_verifies_or_contradicts_at_once() {
        let settled = Claimed { due: Money::ZERO, seen: seen(500, 5), ..claim() };
        assert_eq!(check(settled, None, 5), Verification::Verified);
        let short = Claimed { due: Money::from_cents(5_000), seen: seen(450, 5), ..claim() };
        let other = Contradiction::OtherAmount(Money::from_cents(45_000));
        assert_eq!(check(short, None, 5), Verification::Contradicted(other));
        let known = Claimed { seen: seen(450, -1), ..short };
        assert_eq!(check(known, None, 5), Verification::Verified, "whoever claimed it knew how much it was");
        let back = settled.seen.map(|seen| SeenPayment { reversed: true, ..seen });
        let reversed = Verification::Contradicted(Contradiction::Reversed);
        assert_eq!(check(Claimed { seen: back, ..settled }, None, 5), reversed);
        let used = Verification::Contradicted(Contradiction::Used);
        assert_eq!(check(Claimed { has_it: false, ..claim() }, None, 5), used);
        assert_eq!(check(Claimed { has_it: false, seen: seen(500, 5), ..claim() }, None, 5), used);
        let elsewhere = Verification::Contradicted(Contradiction::OtherShop);
        assert_eq!(check(Claimed { elsewhere: true, ..claim() }, None, 5), elsewhere);
    }
}
