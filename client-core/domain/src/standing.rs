//! What a sale still owes: a fold over its tender, its cash and the claims made for it.

use crate::{Money, Tender};

/// What one claim means to the sale it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimWeight {
    /// It has the payment or a part of it, and this is how much of it arrived.
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
    /// What was paid beyond what is owed, to be given back; all of it when voided.
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

/// What is known of a sale beside its claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What was sold.
    pub total: Money,
    /// How the customer meant to pay.
    pub tender: Tender,
    /// The cash that was taken for it beside its tender, less what was given back.
    pub cash: Money,
    /// What of it came back.
    pub returned: Money,
    /// What the customer left beyond it.
    pub tips: Money,
    /// It was cancelled.
    pub voided: bool,
}

impl Known {
    /// A sale about which nothing has been said yet.
    pub const fn new(total: Money, tender: Tender) -> Self {
        Self { total, tender, cash: Money::ZERO, returned: Money::ZERO, tips: Money::ZERO, voided: false }
    }

    /// What the customer owes in all: nothing for what came back, and for a cancelled sale.
    pub fn owed(&self) -> Money {
        if self.voided { Money::ZERO } else { (self.total - self.returned).or_zero() + self.tips }
    }
}

impl Standing {
    /// Where a sale stands about which nothing has been said yet.
    pub fn of_new(total: Money, tender: Tender) -> Self {
        standing(&Known::new(total, tender), &[])
    }
}

/// Folds what is known about one sale.
pub fn standing(known: &Known, claims: &[ClaimWeight]) -> Standing {
    let Known { total, tender, cash, voided, .. } = *known;
    let cash = if tender == Tender::Cash { cash + total } else { cash };
    let arrived: Money = claims
        .iter()
        .map(|weight| if let ClaimWeight::Leads(amount) = weight { *amount } else { Money::ZERO })
        .sum();
    let (paid, owed) = (cash + arrived, known.owed());
    let (due, over) = ((owed - paid).or_zero(), (paid - owed).or_zero());
    if voided {
        let (state, conflict, reversed) = (SaleState::Voided, false, false);
        return Standing { paid, due, over, state, conflict, reversed };
    }
    let state = if due == Money::ZERO {
        SaleState::Paid
    } else if claims.contains(&ClaimWeight::Unverified) {
        SaleState::Claimed
    } else if paid > Money::ZERO {
        SaleState::PartPaid
    } else {
        SaleState::Open
    };
    let (conflict, reversed) = (claims.contains(&ClaimWeight::Lost), claims.contains(&ClaimWeight::Reversed));
    Standing { paid, due, over, state, conflict, reversed }
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

    fn sale(total: i64, tender: Tender, cash: Money, voided: bool, claims: &[ClaimWeight]) -> Standing {
        standing(&Known { cash, voided, ..Known::new(kes(total), tender) }, claims)
    }

    #[test]
    fn what_came_back_is_owed_no_more_and_a_tip_is_owed_too() {
        let known = Known { returned: kes(200), ..Known::new(kes(500), Tender::Cash) };
        let it = standing(&known, &[]);
        assert_eq!((it.state, it.over), (SaleState::Paid, kes(200)));
        let it = standing(&Known { cash: -kes(200), ..known }, &[]);
        assert_eq!((it.state, it.over, it.due), (SaleState::Paid, kes(0), kes(0)), "it was given back");
        let unpaid = Known { returned: kes(500), ..Known::new(kes(500), Tender::Mpesa) };
        assert_eq!(standing(&unpaid, &[]).state, SaleState::Paid, "nothing is owed for what is back");
        let tipped = Known { tips: kes(50), ..Known::new(kes(500), Tender::Mpesa) };
        let it = standing(&tipped, &[ClaimWeight::Leads(kes(550))]);
        assert_eq!((it.state, it.over), (SaleState::Paid, kes(0)));
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
        let it = sale(500, Tender::Cash, Money::ZERO, false, &[]);
        assert_eq!((it.state, it.due, it.over), (SaleState::Paid, kes(0), kes(0)));
    }

    #[test]
    fn a_sale_that_lost_its_payment_is_open_again_and_in_conflict() {
        let it = sale(500, Tender::Mpesa, Money::ZERO, false, &[ClaimWeight::Lost]);
        assert_eq!((it.state, it.due, it.conflict), (SaleState::Open, kes(500), true));
    }

    #[test]
    fn a_sale_whose_payment_was_reversed_is_open_again_and_says_so() {
        let it = sale(500, Tender::Mpesa, Money::ZERO, false, &[ClaimWeight::Reversed]);
        assert_eq!((it.state, it.due, it.reversed), (SaleState::Open, kes(500), true));
    }

    #[test]
    fn too_little_leaves_a_balance_and_too_much_is_owed_back() {
        let short = sale(500, Tender::Mpesa, Money::ZERO, false, &[ClaimWeight::Leads(kes(450))]);
        assert_eq!((short.state, short.due), (SaleState::PartPaid, kes(50)));
        let over = sale(500, Tender::Mpesa, kes(50), false, &[ClaimWeight::Leads(kes(500))]);
        assert_eq!((over.state, over.over), (SaleState::Paid, kes(50)));
    }

    #[test]
    fn what_is_given_back_is_owed_back_no_more_and_too_much_of_it_is_due() {
        let gone = |cash| sale(500, Tender::Cash, kes(cash), true, &[]);
        assert_eq!((gone(0).over, gone(0).due), (kes(500), kes(0)));
        assert_eq!((gone(-500).over, gone(-500).due), (kes(0), kes(0)));
        assert_eq!((gone(-1000).over, gone(-1000).due), (kes(0), kes(500)), "two tills gave it back");
        let twice = sale(500, Tender::Mpesa, kes(-500), false, &[ClaimWeight::Leads(kes(1000))]);
        assert_eq!((twice.state, twice.over, twice.due), (SaleState::Paid, kes(0), kes(0)));
    }

    #[test]
    fn a_code_without_its_payment_is_a_claim_and_not_a_payment() {
        let it = sale(500, Tender::Mpesa, Money::ZERO, false, &[ClaimWeight::Unverified]);
        assert_eq!((it.state, it.paid), (SaleState::Claimed, kes(0)));
    }

    proptest! {
        #[test]
        fn no_shilling_appears_or_vanishes(
            total in 1i64..1000, cash in -1000i64..1000, arrived in prop::collection::vec(0i64..1000, 0..4),
            returned in 0i64..1500, tips in 0i64..10, voided: bool,
        ) {
            let claims: Vec<_> = arrived.iter().map(|a| ClaimWeight::Leads(kes(*a))).collect();
            let (cash_left, returned, tips) = (kes(cash), kes(returned), kes(tips));
            let known = Known { cash: cash_left, returned, tips, voided, ..Known::new(kes(total), Tender::Mpesa) };
            let it = standing(&known, &claims);
            let came_in = kes(cash + arrived.iter().sum::<i64>());
            prop_assert_eq!(it.paid, came_in);
            prop_assert_eq!(it.paid + it.due, known.owed() + it.over, "what came in is what was owed, less what is due, plus what goes back");
        }
    }
}
