//! What a sale still owes: a fold over its tender, its cash and the claims made for it.

use crate::{Money, Tender};

/// What one claim means to the sale it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimWeight {
    /// It has the payment, and this is how much arrived.
    Leads(Money),
    /// It has the code, but no evidence of the payment has come yet.
    Unverified,
    /// Another sale has the payment.
    Lost,
    /// It had the payment, and the money went back to the customer.
    Reversed,
}

/// Where a sale stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What has been paid: cash, and payments that arrived and are claimed, less the cash that was given back.
    pub paid: Money,
    /// What is still to be paid; when voided, what was given back beyond what had been paid.
    pub due: Money,
    /// What was paid beyond the total, to be given back; all of it when voided.
    pub over: Money,
    /// The one word for it.
    pub state: SaleState,
    /// A claim of this sale lost its payment to another sale: a person has to look.
    pub conflict: bool,
    /// A payment of this sale was reversed: the goods may be gone, and the money is.
    pub reversed: bool,
}

/// The one word for where a sale stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SaleState {
    /// Nothing has been paid.
    Open,
    /// A code was given for it, and its payment has not been seen yet.
    Claimed,
    /// Some of it has been paid.
    PartPaid,
    /// All of it has been paid.
    Paid,
    /// It was cancelled.
    Voided,
}

impl SaleState {
    const ALL: [Self; 5] = [Self::Open, Self::Claimed, Self::PartPaid, Self::Paid, Self::Voided];

    /// The stable name, in ledgers and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::PartPaid => "part_paid",
            Self::Paid => "paid",
            Self::Voided => "voided",
        }
    }

    /// The state of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl Standing {
    /// Where a sale stands about which nothing has been said yet.
    pub fn of_new(total: Money, tender: Tender) -> Self {
        standing(total, tender, Money::ZERO, &[], false)
    }
}

/// Folds what is known about one sale; `cash` is what was taken for it beside its tender, less what was given back.
pub fn standing(total: Money, tender: Tender, cash: Money, claims: &[ClaimWeight], voided: bool) -> Standing {
    let cash = if tender == Tender::Cash { cash + total } else { cash };
    let arrived: Money = claims
        .iter()
        .map(|weight| if let ClaimWeight::Leads(amount) = weight { *amount } else { Money::ZERO })
        .sum();
    let paid = cash + arrived;
    let (conflict, reversed) = (claims.contains(&ClaimWeight::Lost), claims.contains(&ClaimWeight::Reversed));
    if voided {
        let (state, conflict, reversed) = (SaleState::Voided, false, false);
        return Standing { paid, due: (-paid).or_zero(), over: paid.or_zero(), state, conflict, reversed };
    }
    let state = if paid >= total {
        SaleState::Paid
    } else if claims.contains(&ClaimWeight::Unverified) {
        SaleState::Claimed
    } else if paid > Money::ZERO {
        SaleState::PartPaid
    } else {
        SaleState::Open
    };
    Standing {
        paid,
        due: (total - paid).or_zero(),
        over: (paid - total).or_zero(),
        state,
        conflict,
        reversed,
    }
}

/// What is known of a payment that a sale has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A source that was asked says so too.
    Confirmed,
    /// Only a message that was posted to us tells of it.
    Reported,
    /// Safaricom's messages disagree about it.
    Disputed,
    /// Its code was given, and nothing has been heard of it.
    Unseen,
}

/// Why a sale's money is not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unsettled {
    /// Some of it is still due.
    Due,
    /// Another sale has a payment that was claimed for it.
    Conflict,
    /// Safaricom's messages about a payment disagree.
    Disputed,
    /// Something has to go back to the customer.
    Over,
    /// A code was given, and its payment has not been seen.
    Unseen,
    /// No second source has confirmed a payment.
    Unconfirmed,
}

impl Unsettled {
    /// The stable name, in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Conflict => "conflict",
            Self::Disputed => "disputed",
            Self::Over => "over",
            Self::Unseen => "unseen",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// Why a sale's money is not settled yet, the worst first; `None` when every shilling of it is cash or a payment
/// that a second source confirmed, and nothing has to go back. No callback alone settles: anybody could post one.
pub fn unsettled(due: Money, over: Money, conflict: bool, payments: &[Proof]) -> Option<Unsettled> {
    let any = |proof| payments.contains(&proof);
    [
        (due > Money::ZERO, Unsettled::Due),
        (conflict, Unsettled::Conflict),
        (any(Proof::Disputed), Unsettled::Disputed),
        (over > Money::ZERO, Unsettled::Over),
        (any(Proof::Unseen), Unsettled::Unseen),
        (any(Proof::Reported), Unsettled::Unconfirmed),
    ]
    .into_iter()
    .find_map(|(is, why)| is.then_some(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kes(shillings: i64) -> Money {
        Money::from_cents(shillings * 100)
    }

    #[test]
    fn money_is_settled_when_it_is_cash_or_confirmed_and_the_worst_reason_against_it_is_told() {
        let (none, some) = (Money::ZERO, kes(1));
        let cases = [
            (none, none, false, &[][..], None),
            (none, none, false, &[Proof::Confirmed, Proof::Confirmed], None),
            (none, none, false, &[Proof::Confirmed, Proof::Reported], Some(Unsettled::Unconfirmed)),
            (none, none, false, &[Proof::Reported, Proof::Unseen], Some(Unsettled::Unseen)),
            (none, some, false, &[Proof::Unseen], Some(Unsettled::Over)),
            (none, some, false, &[Proof::Disputed], Some(Unsettled::Disputed)),
            (none, some, true, &[Proof::Disputed], Some(Unsettled::Conflict)),
            (some, none, true, &[Proof::Unseen], Some(Unsettled::Due)),
        ];
        for (due, over, conflict, payments, why) in cases {
            assert_eq!(unsettled(due, over, conflict, payments), why, "{payments:?}");
        }
    }

    #[test]
    fn a_cash_sale_is_paid_as_it_is_made() {
        let it = standing(kes(500), Tender::Cash, Money::ZERO, &[], false);
        assert_eq!((it.state, it.due, it.over), (SaleState::Paid, kes(0), kes(0)));
    }

    #[test]
    fn a_sale_that_lost_its_payment_is_open_again_and_in_conflict() {
        let it = standing(kes(500), Tender::Mpesa, Money::ZERO, &[ClaimWeight::Lost], false);
        assert_eq!((it.state, it.due, it.conflict), (SaleState::Open, kes(500), true));
    }

    #[test]
    fn a_sale_whose_payment_was_reversed_is_open_again_and_says_so() {
        let it = standing(kes(500), Tender::Mpesa, Money::ZERO, &[ClaimWeight::Reversed], false);
        assert_eq!((it.state, it.due, it.reversed), (SaleState::Open, kes(500), true));
    }

    #[test]
    fn too_little_leaves_a_balance_and_too_much_is_owed_back() {
        let short = standing(kes(500), Tender::Mpesa, Money::ZERO, &[ClaimWeight::Leads(kes(450))], false);
        assert_eq!((short.state, short.due), (SaleState::PartPaid, kes(50)));
        let over = standing(kes(500), Tender::Mpesa, kes(50), &[ClaimWeight::Leads(kes(500))], false);
        assert_eq!((over.state, over.over), (SaleState::Paid, kes(50)));
    }

    #[test]
    fn what_is_given_back_is_owed_back_no_more_and_too_much_of_it_is_due() {
        let gone = |cash| standing(kes(500), Tender::Cash, kes(cash), &[], true);
        assert_eq!((gone(0).over, gone(0).due), (kes(500), kes(0)));
        assert_eq!((gone(-500).over, gone(-500).due), (kes(0), kes(0)));
        assert_eq!((gone(-1000).over, gone(-1000).due), (kes(0), kes(500)), "two tills gave it back");
        let twice = standing(kes(500), Tender::Mpesa, kes(-500), &[ClaimWeight::Leads(kes(1000))], false);
        assert_eq!((twice.state, twice.over, twice.due), (SaleState::Paid, kes(0), kes(0)));
    }

    #[test]
    fn a_code_without_its_payment_is_a_claim_and_not_a_payment() {
        let it = standing(kes(500), Tender::Mpesa, Money::ZERO, &[ClaimWeight::Unverified], false);
        assert_eq!((it.state, it.paid), (SaleState::Claimed, kes(0)));
    }

    proptest! {
        #[test]
        fn no_shilling_appears_or_vanishes(
            total in 1i64..1000, cash in -1000i64..1000, arrived in prop::collection::vec(0i64..1000, 0..4),
            voided: bool,
        ) {
            let claims: Vec<_> = arrived.iter().map(|a| ClaimWeight::Leads(kes(*a))).collect();
            let it = standing(kes(total), Tender::Mpesa, kes(cash), &claims, voided);
            let came_in = kes(cash + arrived.iter().sum::<i64>());
            prop_assert_eq!(it.paid, came_in);
            let owed = if voided { kes(0) } else { kes(total) };
            prop_assert_eq!(it.paid + it.due, owed + it.over, "what came in is what was owed, less what is due, plus what goes back");
        }
    }
}
