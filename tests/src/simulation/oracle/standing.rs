//! Where every sale and every payment has to stand, by rules that are written down here a second time.

use super::books::Books;
use super::model::{KnownClaim, Oracle, Tendered};
use domain::standing::SaleState;
use domain::{FactId, How, Money, ReceiptCode, ShopId, Tender};
use std::collections::{BTreeMap, BTreeSet};

/// Who has a payment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners {
    /// The sale that has it, or had a part of it first.
    pub first: Option<FactId>,
    /// The sales that have it, each with how much it asked for.
    pub shares: BTreeMap<FactId, Option<Money>>,
    /// The sales that want it and have none of it.
    pub lost: BTreeSet<FactId>,
}

fn positive(amount: Money) -> Money {
    if amount > Money::ZERO { amount } else { Money::ZERO }
}

/// Where a sale has to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// In one word.
    pub state: SaleState,
    /// What was paid.
    pub paid: Money,
    /// What is due.
    pub due: Money,
    /// What goes back.
    pub over: Money,
    /// Another sale has a payment that was claimed for it.
    pub conflict: bool,
    /// A payment of it went back to the customer.
    pub reversed: bool,
}

impl Oracle {
    /// Who has a payment: the strongest ground first, among equals the earliest, among those the smaller name; parts
    /// stand beside each other as long as there is enough of it, or nobody knows how much there is.
    pub fn owners(&self, shop: &ShopId, receipt: &ReceiptCode, arrived: Option<Money>) -> Owners {
        let standing = self.claims.iter().filter(|(id, claim)| {
            claim.shop == *shop
                && claim.receipt == *receipt
                && !self.is_released(**id)
                && !self.is_void(claim.sale)
        });
        let strength = |how: How| match how {
            How::StkRequest => 0,
            How::AccountReference => 1,
            How::Typed => 2,
            How::Picked => 3,
            How::Automatic => 4,
        };
        let mut standing: Vec<(&FactId, &KnownClaim)> = standing.collect();
        standing.sort_by_key(|(id, claim)| (strength(claim.how), claim.at, **id));
        let mut owners = Owners::default();
        let (mut taken, mut whole) = (Money::ZERO, false);
        for (_, claim) in standing {
            let sale = claim.sale;
            if owners.shares.contains_key(&sale) || owners.lost.contains(&sale) {
                continue;
            }
            let room = |part: Money| !whole && arrived.is_none_or(|arrived| taken + part <= arrived);
            let first = owners.shares.is_empty();
            if first || claim.part.is_some_and(room) {
                owners.first = owners.first.or(Some(sale));
                owners.shares.insert(sale, claim.part);
                taken = taken + claim.part.unwrap_or_default();
                whole |= claim.part.is_none();
            } else {
                owners.lost.insert(sale);
            }
        }
        owners
    }

    /// The cash that was taken for a sale after it was made, less what was given back.
    pub fn cash_of(&self, id: FactId) -> Money {
        let sum = |all: &BTreeMap<FactId, Tendered>| -> Money {
            self.stand(all, id, |it| it.sale).map(|it| it.amount).sum()
        };
        sum(&self.cash) - sum(&self.refunds)
    }

    /// What was said of a sale and was no mistake.
    fn stand<'a, T>(
        &'a self,
        all: &'a BTreeMap<FactId, T>,
        sale: FactId,
        of: impl Fn(&T) -> FactId + 'a,
    ) -> impl Iterator<Item = &'a T> {
        let stands = move |(id, it): &(&FactId, &T)| of(it) == sale && !self.is_undone(**id, sale);
        all.iter().filter(stands).map(|(_, it)| it)
    }

    /// What of a sale came back.
    pub fn returned(&self, id: FactId) -> Money {
        self.stand(&self.returns, id, |it| it.sale).map(|it| it.amount).sum()
    }

    /// What a customer left beyond a sale.
    pub fn tips_of(&self, id: FactId) -> Money {
        self.stand(&self.tips, id, |(sale, _)| *sale).map(|(_, amount)| *amount).sum()
    }

    /// By how much more than the sums went into drawers for a sale, because there are no smaller coins.
    pub fn rounding_of(&self, id: FactId) -> Money {
        let sum = |all: &BTreeMap<FactId, Tendered>| -> Money {
            self.stand(all, id, |it| it.sale).map(|it| it.rounding).sum()
        };
        let made = self.sales.get(&id).map_or(Money::ZERO, |made| made.sale.rounding);
        made + sum(&self.cash) - sum(&self.refunds)
    }

    /// What a customer owes for a sale: nothing for what came back, and what they left beyond it.
    pub fn owed(&self, id: FactId) -> Money {
        let Some(made) = self.sales.get(&id).filter(|_| !self.is_void(id)) else { return Money::ZERO };
        positive(made.sale.total - self.returned(id)) + self.tips_of(id)
    }

    /// Where a sale has to stand, when the money in the books is known.
    pub fn expected(&self, id: FactId, books: &Books) -> Option<Expected> {
        let made = self.sales.get(&id)?;
        let mut paid = self.cash_of(id);
        if made.sale.tender == Tender::Cash {
            paid = paid + made.sale.total;
        }
        let (mut awaited, mut lost, mut reversed) = (false, false, false);
        let named: BTreeSet<&ReceiptCode> = self
            .claims
            .iter()
            .filter(|(claim, known)| known.sale == id && !self.is_released(**claim))
            .map(|(_, known)| &known.receipt)
            .collect();
        for receipt in named {
            let key = (made.shop.clone(), receipt.clone());
            let arrived = books.money.get(&key).copied();
            match (self.owners(&made.shop, receipt, arrived).shares.get(&id), arrived) {
                (Some(_), Some(_)) if books.back.contains(&key) => reversed = true,
                (Some(part), Some(arrived)) => paid = paid + part.map_or(arrived, |part| part.min(arrived)),
                (Some(_), None) => awaited = true,
                (None, _) => lost = true,
            }
        }
        let owed = self.owed(id);
        let (due, over) = (positive(owed - paid), positive(paid - owed));
        let state = match () {
            () if self.is_void(id) => SaleState::Voided,
            () if due == Money::ZERO => SaleState::Paid,
            () if awaited => SaleState::Claimed,
            () if paid > Money::ZERO => SaleState::PartPaid,
            () => SaleState::Open,
        };
        let stands = state != SaleState::Voided;
        let (conflict, reversed) = (lost && stands, reversed && stands);
        Some(Expected { state, paid, due, over, conflict, reversed })
    }
}
