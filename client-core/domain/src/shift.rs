//! Shifts: what one drawer took between two closings, and the document that says so and never changes.
//!
//! A closing covers everything its till wrote since the one before, so nothing falls between two of them, however
//! the clocks stood and whether or not anybody opened the drawer. The first covers what was written since somebody
//! opened the drawer for the first time: what was sold before there were shifts was banked long ago. What becomes known afterwards (a payment that is
//! seen at last, one that goes back) does not change the document: the next one tells it, and names the shift it
//! belongs to. So the documents of a till always add up to what is known of its sales.

use crate::standing::SaleState;
use crate::{Actor, FactId, Money, Timestamp};
use std::collections::BTreeMap;
use std::ops::{Add, Sub};

/// What the sales of a shift brought, as far as it is known. Of two of these the difference is what changed, so
/// amounts and numbers may be below nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Takings {
    /// How many sales, cancelled ones left out.
    pub sales: i64,
    /// What is owed for them, less what came back: cash, verified, claimed, contradicted and open together.
    pub total: Money,
    /// Of that, in cash.
    pub cash: Money,
    /// By M-Pesa payments that arrived.
    pub verified: Money,
    /// By codes that were given and whose payments have not been seen.
    pub claimed: Money,
    /// Owed again: another sale has the payment, it went back to the customer, or there is none.
    pub contradicted: Money,
    /// Owed otherwise.
    pub open: Money,
    /// To be given back: what was paid beyond the totals, and for cancelled sales.
    pub over: Money,
    /// How many sales were cancelled.
    pub voids: i64,
    /// What those added up to.
    pub voided: Money,
    /// What the sales were made cheaper by; the total is without it.
    pub discounts: Money,
    /// What of them came back; the total is without it.
    pub returned: Money,
    /// What customers left beyond the sales; it is in the total.
    pub tips: Money,
    /// By how much more than the cash above went into drawers for them, because there are no smaller coins.
    pub rounding: Money,
}

/// Where one sale stands, as its shift sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What was sold.
    pub total: Money,
    /// What the customer owes in all.
    pub owed: Money,
    /// What it was made cheaper by.
    pub discounts: Money,
    /// What of it came back.
    pub returned: Money,
    /// What the customer left beyond it.
    pub tips: Money,
    /// By how much more than the cash below went into drawers.
    pub rounding: Money,
    /// The cash that was taken for it, less what was given back.
    pub cash: Money,
    /// Everything that was paid for it, less what was given back.
    pub paid: Money,
    /// What is due.
    pub due: Money,
    /// What has to go back.
    pub over: Money,
    /// The one word for it.
    pub state: SaleState,
    /// A payment of it is another sale's, or went back.
    pub lost: bool,
    /// Codes were given for it, and there is no such payment.
    pub silent: bool,
}

impl Takings {
    /// With one more sale.
    #[must_use]
    pub fn with(self, sale: &Taken) -> Self {
        let it = Self { over: self.over + sale.over, rounding: self.rounding + sale.rounding, ..self };
        if sale.state == SaleState::Voided {
            let (voids, voided) = (it.voids.saturating_add(1), it.voided + sale.total);
            return Self { voids, voided, ..it };
        }
        let cash = sale.cash.or_zero().min(sale.owed);
        // Where more was given back than was paid, more is due than the sale brings.
        let due = |is: bool| if is { sale.due.min(sale.owed) } else { Money::ZERO };
        let claimed = sale.state == SaleState::Claimed && !sale.silent;
        let contradicted = !claimed && (sale.lost || sale.silent);
        Self {
            sales: it.sales.saturating_add(1),
            total: it.total + sale.owed,
            cash: it.cash + cash,
            verified: it.verified + (sale.paid.min(sale.owed) - cash).or_zero(),
            claimed: it.claimed + due(claimed),
            contradicted: it.contradicted + due(contradicted),
            open: it.open + due(!claimed && !contradicted),
            discounts: it.discounts + sale.discounts,
            returned: it.returned + sale.returned,
            tips: it.tips + sale.tips,
            ..it
        }
    }

    /// Every figure of two of them together.
    fn zip(self, other: Self, money: fn(Money, Money) -> Money, number: fn(i64, i64) -> i64) -> Self {
        Self {
            sales: number(self.sales, other.sales),
            total: money(self.total, other.total),
            cash: money(self.cash, other.cash),
            verified: money(self.verified, other.verified),
            claimed: money(self.claimed, other.claimed),
            contradicted: money(self.contradicted, other.contradicted),
            open: money(self.open, other.open),
            over: money(self.over, other.over),
            voids: number(self.voids, other.voids),
            voided: money(self.voided, other.voided),
            discounts: money(self.discounts, other.discounts),
            returned: money(self.returned, other.returned),
            tips: money(self.tips, other.tips),
            rounding: money(self.rounding, other.rounding),
        }
    }
}

impl Add for Takings {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.zip(other, Money::add, i64::saturating_add)
    }
}

impl Sub for Takings {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.zip(other, Money::sub, i64::saturating_sub)
    }
}

/// What went through the drawer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drawer {
    /// What lay in it when the shift was opened; all of it together, if somebody opened it again.
    pub float: Money,
    /// Cash taken for sales, of this shift or an earlier one.
    pub sales: Money,
    /// Put in for another reason.
    pub paid_in: Money,
    /// Taken out for another reason: to the bank, to a supplier.
    pub paid_out: Money,
    /// Given back to customers.
    pub refunds: Money,
}

impl Drawer {
    /// What should lie in it now.
    pub fn expected(&self) -> Money {
        self.float + self.sales + self.paid_in - self.paid_out - self.refunds
    }
}

impl Add for Drawer {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            float: self.float + other.float,
            sales: self.sales + other.sales,
            paid_in: self.paid_in + other.paid_in,
            paid_out: self.paid_out + other.paid_out,
            refunds: self.refunds + other.refunds,
        }
    }
}

/// A piece of a journal: the entries after one number, up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Whose journal.
    pub actor: Actor,
    /// The number before its first entry.
    pub after: u64,
    /// The number of its last.
    pub upto: u64,
}

impl Span {
    /// Whether an entry lies in it.
    pub fn holds(&self, id: FactId) -> bool {
        self.actor == id.actor && (self.after.saturating_add(1)..=self.upto).contains(&id.number)
    }
}

/// What is known of a shift: an X report while it goes on, a Z report once it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The first closing of a till is 1.
    pub number: u64,
    /// When the drawer was opened; `None` if nobody said so.
    pub opened: Option<Timestamp>,
    /// What its till wrote in it: nearly always one piece of one journal, and another where the till's ledger was
    /// restored from a backup meanwhile.
    pub spans: Vec<Span>,
    /// What went through the drawer.
    pub drawer: Drawer,
    /// What its sales brought, as far as was known.
    pub takings: Takings,
    /// What became known of earlier shifts since the reports before this one, by the number of their report.
    pub late: BTreeMap<u64, Takings>,
    /// How much of what its till wrote the cloud did not have yet.
    pub unsent: u64,
}

/// A shift that was closed: its Z report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// What was known.
    pub report: Report,
    /// What the cashier counted, before being told what should be there.
    pub counted: Money,
}

impl Closing {
    /// By how much more was counted than should have been there; below nothing, it was short.
    pub fn difference(&self) -> Money {
        self.counted - self.report.drawer.expected()
    }
}

impl Report {
    /// The most pieces of journals, and the most earlier shifts.
    pub const MAX_PARTS: usize = 400;

    /// Checks what somebody else wrote.
    ///
    /// # Errors
    /// Its parts do not add up, or there are too many of them.
    pub fn checked(self) -> Result<Self, ShiftError> {
        let Takings { total, cash, verified, claimed, contradicted, open, .. } = self.takings;
        let adds_up = total == cash + verified + claimed + contradicted + open;
        let bounded = self.spans.len().max(self.late.len()) <= Self::MAX_PARTS;
        let ahead = self.late.keys().any(|number| *number >= self.number);
        if adds_up && bounded && !ahead { Ok(self) } else { Err(ShiftError::Sum) }
    }
}

/// What was told of each shift by its own report and those after it.
pub fn told<'a>(reports: impl IntoIterator<Item = &'a Report>) -> BTreeMap<u64, Takings> {
    let mut told: BTreeMap<u64, Takings> = BTreeMap::new();
    for report in reports {
        let of = report.late.iter().map(|(number, takings)| (*number, *takings));
        for (number, takings) in of.chain([(report.number, report.takings)]) {
            let sum = told.entry(number).or_default();
            *sum = *sum + takings;
        }
    }
    told
}

/// What is known now of earlier shifts beyond what was told; nothing for those where nothing changed.
pub fn late(told: &BTreeMap<u64, Takings>, now: &BTreeMap<u64, Takings>) -> BTreeMap<u64, Takings> {
    let changed = now
        .iter()
        .map(|(number, takings)| (*number, *takings - told.get(number).copied().unwrap_or_default()));
    changed.filter(|(_, takings)| *takings != Takings::default()).collect()
}

/// Why something is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShiftError {
    /// See there.
    #[error("the parts of this report do not add up")]
    Sum,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tender;
    use crate::TillId;
    use crate::standing::{ClaimWeight, Known, Standing, standing};
    use proptest::prelude::*;

    fn kes(shillings: i64) -> Money {
        Money::from_cents(shillings * 100)
    }

    fn sale(total: i64, cash: i64, claims: &[ClaimWeight], voided: bool) -> Taken {
        taken(Known { cash: kes(cash), voided, ..Known::new(kes(total), Tender::Mpesa) }, claims)
    }

    fn taken(known: Known, claims: &[ClaimWeight]) -> Taken {
        let Standing { paid, due, over, state, conflict, reversed } = standing(&known, claims);
        let Known { total, cash, returned, tips, .. } = known;
        let (lost, none) = (conflict || reversed, Money::ZERO);
        let (owed, discounts, rounding) = (known.owed(), none, none);
        let silent = false;
        Taken { total, owed, discounts, returned, tips, rounding, cash, paid, due, over, state, lost, silent }
    }

    #[test]
    fn a_code_without_a_payment_is_claimed_until_it_is_known_that_there_is_none() {
        let claimed = sale(250, 0, &[ClaimWeight::Unverified], false);
        assert_eq!(takings(&[claimed]).claimed, kes(250));
        let all = takings(&[Taken { silent: true, ..claimed }]);
        assert_eq!((all.claimed, all.contradicted, all.open), (kes(0), kes(250), kes(0)));
    }

    fn takings(sales: &[Taken]) -> Takings {
        sales.iter().fold(Takings::default(), Takings::with)
    }

    #[test]
    fn every_shilling_of_a_shift_stands_at_one_place() {
        let all = takings(&[
            sale(500, 500, &[], false),
            sale(300, 100, &[ClaimWeight::Leads(kes(150))], false),
            sale(250, 0, &[ClaimWeight::Unverified], false),
            sale(200, 0, &[ClaimWeight::Lost], false),
            sale(100, 0, &[ClaimWeight::Reversed], false),
            sale(80, 0, &[ClaimWeight::Leads(kes(90))], false),
            sale(70, 70, &[], true),
        ]);
        assert_eq!((all.sales, all.total), (6, kes(1430)));
        assert_eq!((all.cash, all.verified), (kes(600), kes(230)));
        assert_eq!((all.claimed, all.contradicted, all.open), (kes(250), kes(300), kes(50)));
        assert_eq!((all.over, all.voids, all.voided), (kes(80), 1, kes(70)));
    }

    #[test]
    fn a_drawer_should_hold_what_went_in_less_what_went_out() {
        let drawer = Drawer {
            float: kes(2000),
            sales: kes(5400),
            paid_in: kes(100),
            paid_out: kes(3000),
            refunds: kes(70),
        };
        assert_eq!(drawer.expected(), kes(4430));
    }

    #[test]
    fn a_span_holds_what_its_till_wrote_in_it() {
        let actor = Actor::first(TillId(7));
        let span = Span { actor, after: 4, upto: 6 };
        let held = (1..9).filter(|number| span.holds(FactId { actor, number: *number }));
        assert_eq!(held.collect::<Vec<_>>(), [5, 6]);
        assert!(!span.holds(FactId { actor: Actor::first(TillId(8)), number: 5 }));
    }

    fn any_sale() -> impl Strategy<Value = Taken> {
        let weight = prop_oneof![
            (1i64..500).prop_map(|amount| ClaimWeight::Leads(kes(amount))),
            Just(ClaimWeight::Unverified),
            Just(ClaimWeight::Lost),
            Just(ClaimWeight::Reversed),
        ];
        let known = (1i64..500, -500i64..500, 0i64..600, 0i64..20, any::<bool>());
        (known, prop::collection::vec(weight, 0..3)).prop_map(
            |((total, cash, returned, tips, voided), claims)| {
                let (cash, returned, tips) = (kes(cash), kes(returned), kes(tips));
                taken(
                    Known { cash, returned, tips, voided, ..Known::new(kes(total), Tender::Mpesa) },
                    &claims,
                )
            },
        )
    }

    fn report(number: u64, takings: Takings, late: BTreeMap<u64, Takings>) -> Report {
        let (opened, spans, drawer, unsent) = (None, Vec::new(), Drawer::default(), 0);
        Report { number, opened, spans, drawer, takings, late, unsent }
    }

    proptest! {
        #[test]
        fn what_was_sold_is_paid_claimed_contradicted_or_open(sales in prop::collection::vec(any_sale(), 0..9)) {
            let all = takings(&sales);
            prop_assert!(report(1, all, BTreeMap::new()).checked().is_ok());
            let mut less = all;
            less.open = less.open + kes(1);
            prop_assert!(report(1, less, BTreeMap::new()).checked().is_err());
        }

        /// Shifts of sales that change from one closing to the next.
        #[test]
        fn the_reports_of_a_till_add_up_to_what_is_known(
            shifts in prop::collection::vec(prop::collection::vec(any_sale(), 6), 1..6)
        ) {
            let mut reports: Vec<Report> = Vec::new();
            let known = |upto: usize, number: usize| takings(&shifts[upto][..=number]);
            for closing in 0..shifts.len() {
                // What is known at this closing of the shifts before it: whatever their sales are now.
                let now = (0..closing).map(|shift| (shift as u64 + 1, known(closing, shift))).collect();
                let late = late(&told(&reports), &now);
                reports.push(report(closing as u64 + 1, known(closing, closing), late));
                let told = told(&reports);
                for shift in 0..=closing {
                    prop_assert_eq!(told[&(shift as u64 + 1)], known(closing, shift));
                }
            }
        }
    }
}
