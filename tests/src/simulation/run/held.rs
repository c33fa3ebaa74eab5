//! What is held against a deal as soon as it is done: sums, coins, shelves, limits, and what has to be refused.

use super::Run;
use crate::simulation::customs::Customs;
use crate::simulation::desk::Desk;
use crate::simulation::oracle::{Asked, Did, Loss, Violation, What, Written, adds_up, in_coins};
use crate::simulation::tally::Thing;
use crate::simulation::trade::{Claiming, Deal};
use domain::{How, Level, Line, Money, ProductId, ShopId, Tax};
use std::collections::BTreeMap;
use till::{SaleRow, StockRow, TillError};

/// What is known at a desk just before a deal.
pub(super) struct Before {
    sale: Option<SaleRow>,
    /// What there is of each product of which all is known.
    shelves: BTreeMap<ProductId, Level>,
    sealed: bool,
}

impl Before {
    pub(super) fn of(desk: &Desk, deal: &Deal) -> Self {
        let sale = deal.sale_of().and_then(|sale| desk.till().sale(sale).ok());
        let shelves = match (deal, &sale) {
            (Deal::TakeBack(..), Some(sale)) => shelves(desk, &sale.shop),
            _ => BTreeMap::new(),
        };
        Self { sale, shelves, sealed: is_sealed(desk, deal) }
    }
}

fn shelves(desk: &Desk, shop: &ShopId) -> BTreeMap<ProductId, Level> {
    let rows = desk.till().stock(shop, false).unwrap_or_default().into_iter();
    rows.filter(|row: &StockRow| row.whole).map(|row| (row.product, row.level)).collect()
}

/// Whether a deal undoes what was decided about a sale whose books are closed, as is known at the desk.
fn is_sealed(desk: &Desk, deal: &Deal) -> bool {
    let till = desk.till();
    let sale = match deal {
        Deal::Void(sale, _) | Deal::LeaveCredit(sale) | Deal::Trust(sale, ..) | Deal::Undo(sale, ..) => *sale,
        Deal::Release(claim, _) => match till.claimed(*claim) {
            Ok(claimed) => claimed.sale.id,
            Err(_) => return false,
        },
        _ => return false,
    };
    let Ok(sale) = till.sale(sale) else { return false };
    let closed = till.period_closed(&sale.shop).ok().flatten();
    closed.is_some_and(|until| sale.at.business_day() <= until)
}

impl Run {
    /// What is wrong with what came of a deal; and what came about is counted.
    pub(super) fn hold(
        &mut self,
        at: usize,
        deal: &Deal,
        before: &Before,
        did: &Result<Did, TillError>,
    ) -> Result<Vec<Violation>, TillError> {
        self.count(deal, before, did);
        let desk = &self.town.desks[at];
        let shop = match (&before.sale, &desk.shop) {
            (Some(sale), _) => sale.shop.clone(),
            (None, Some(shop)) => shop.clone(),
            (None, None) => return Ok(Vec::new()),
        };
        // Whoever has not heard yet what its shop chose goes by what everybody has.
        let customs = self.town.customs_of(&shop).filter(|_| desk.heard.is_settled);
        let mut wrong = Vec::new();
        let mut says = |loss, what: String| {
            wrong.push(Violation { loss, message: format!("{}: {what}", desk.name) });
        };
        match did {
            Ok(Did::Wrote(all)) => {
                if before.sealed {
                    says(Loss::Correction, format!("{deal:?}, though its books are closed"));
                }
                for written in all {
                    for what in objections(desk, deal, before, written, customs.as_ref())? {
                        says(Loss::Money, what);
                    }
                }
            }
            Err(TillError::OverLimit(_)) => {
                let asked = match deal {
                    Deal::Claim(Claiming { sale, part, phone, .. }) => {
                        let due = before.sale.as_ref().map_or(Money::ZERO, |sale| sale.due);
                        let part = part.map(|hundredths| crate::simulation::trade::share(due, hundredths));
                        Asked { sale: *sale, part, phone: *phone }
                    }
                    Deal::Trust(sale, ..) => Asked { sale: *sale, part: None, phone: None },
                    other => panic!("{other:?} has no limit"),
                };
                if let Some(customs) = customs
                    && customs.allow(desk, &shop, asked)?
                {
                    says(Loss::Stopped, format!("{deal:?} was refused, and is below every limit"));
                }
            }
            _ => {}
        }
        Ok(wrong)
    }

    fn count(&mut self, deal: &Deal, before: &Before, did: &Result<Did, TillError>) {
        let tally = &mut self.tally;
        match (deal, did) {
            (Deal::Claim(_), Err(TillError::OverLimit(_))) => tally.count_if(true, Thing::OverLimit),
            (Deal::Trust(..), Err(TillError::OverLimit(_))) => tally.count_if(true, Thing::TrustRefused),
            (Deal::Tip(..), Err(TillError::Refused(_))) => {
                let over = before.sale.as_ref().filter(|sale| sale.over > Money::ZERO);
                let shop = over.and_then(|sale| self.town.customs_of(&sale.shop));
                tally.count_if(shop.is_some_and(|shop| !shop.tips), Thing::TipRefused);
            }
            _ => {}
        }
        let Ok(Did::Wrote(all)) = did else { return };
        for Written { id, what, .. } in all {
            match what {
                What::Sold(sale) => {
                    let line = sale.lines.iter().any(|line| line.discount.is_some());
                    tally.count_if(line, Thing::CheaperLine);
                    tally.count_if(sale.discount.is_some(), Thing::CheaperSale);
                    let taxed = |within| {
                        let is_so = move |tax: &Tax| tax.included == within;
                        sale.lines.iter().any(|line| line.tax.as_ref().is_some_and(is_so))
                    };
                    tally.count_if(taxed(true), Thing::TaxWithin);
                    tally.count_if(taxed(false), Thing::TaxOnTop);
                    tally.count_if(sale.rounding != Money::ZERO, Thing::SaleInCoins);
                }
                What::Cash { rounding, .. } => tally.count_if(*rounding != Money::ZERO, Thing::CashInCoins),
                What::GivenBack { rounding, .. } => {
                    tally.count_if(*rounding != Money::ZERO, Thing::RefundInCoins);
                }
                What::Undone { what, .. } => {
                    let thing = match () {
                        () if self.oracle.cash.contains_key(what) => Thing::CashUndone,
                        () if self.oracle.refunds.contains_key(what) => Thing::RefundUndone,
                        () if self.oracle.tips.contains_key(what) => Thing::TipUndone,
                        () => Thing::ReturnUndone,
                    };
                    tally.count_if(true, thing);
                }
                What::PeriodClosed(_) => {
                    tally.count_if(matches!(deal, Deal::ClosePeriod(_, 3, _)), Thing::BooksReopened);
                }
                What::AskedBack { .. } => tally.count_if(true, Thing::AskedBack),
                What::Tipped { .. } => tally.count_if(true, Thing::Tip),
                What::TakenBack { sale, restock, .. } => {
                    tally.count_if(!restock, Thing::Broken);
                    tally.count_if(sale.actor.till != id.actor.till, Thing::ReturnedElsewhere);
                }
                What::Claimed { sale, receipt, part, approved, .. } => {
                    let typed = matches!(deal, Deal::Claim(Claiming { part: Some(..100), .. }));
                    tally.count_if(typed && part.is_some(), Thing::PartTyped);
                    tally.count_if(approved.is_some(), Thing::ClaimAllowed);
                    tally.count_if(*deal == Deal::LeaveCredit(*sale), Thing::Credit);
                    let of_credit = self.credits.get(receipt).is_some_and(|left| left != sale);
                    tally.count_if(of_credit && part.is_some(), Thing::CreditUsed);
                    if *deal == Deal::LeaveCredit(*sale) {
                        self.credits.insert(receipt.clone(), *sale);
                    }
                }
                _ => {}
            }
        }
    }
}

/// No more of a line comes back than was sold, and what is owed less for it is its share of the sale.
fn came_back(
    desk: &Desk,
    (sold, lines): (&[Line], usize),
    before: &Before,
) -> Result<Option<String>, TillError> {
    let Some(row) = &before.sale else { return Ok(None) };
    let (mut quantities, mut amount) = (vec![0; sold.len()], Money::ZERO);
    for goods in desk.till().returns(row)?.iter().flat_map(|back| &back.goods) {
        quantities[usize::from(goods.line)] += i128::from(goods.quantity.milli());
        amount = amount + goods.amount;
    }
    let sum: i128 = sold.iter().map(|line| i128::from(line.amount.cents())).sum();
    let share = |(line, quantity): (&Line, &i128)| {
        i128::from(line.amount.cents()) * quantity / i128::from(line.quantity.milli())
    };
    let should = sold.iter().zip(&quantities).map(share).sum::<i128>() * i128::from(row.total.cents()) / sum;
    let whole = sold.iter().zip(&quantities).all(|(line, back)| i128::from(line.quantity.milli()) == *back);
    let over = |place: usize| i128::from(sold[place].quantity.milli()) < quantities[place];
    // Two tills that do not know of each other may take back one thing twice.
    if (lines..sold.len()).any(over) {
        return Ok(None);
    }
    let more = (0..lines).any(over);
    // Cents do not divide; what is left over goes with what comes back last.
    let off = (i128::from(amount.cents()) - should).abs() > i128::try_from(2 * sold.len()).unwrap();
    let rest = whole && amount != row.total;
    Ok((more || off || rest).then(|| {
        format!("of {} {quantities:?} came back for {amount} of {}, about {should} cents", row.id, row.total)
    }))
}

/// What is wrong with what was written.
fn objections(
    desk: &Desk,
    deal: &Deal,
    before: &Before,
    written: &Written,
    customs: Option<&Customs>,
) -> Result<Vec<String>, TillError> {
    let mut wrong = Vec::new();
    if let (Deal::LeaveCredit(sale), Some(before)) = (deal, &before.sale) {
        let after = desk.till().sale(*sale)?;
        if (after.paid, after.over, after.due) != (before.paid - before.over, Money::ZERO, Money::ZERO) {
            wrong.push(format!("{deal:?}: of {before:?} became {after:?}"));
        }
    }
    let coins = |all: Money, amount: Money, rounding: Money| {
        let customs = customs?;
        let should = if amount == all { in_coins(amount, customs.coin) } else { Money::ZERO };
        (rounding != should).then(|| format!("{deal:?} was rounded by {rounding}; it should be {should}"))
    };
    match (&written.what, deal, &before.sale) {
        (What::Sold(sale), Deal::Sell(basket), _) => {
            wrong.extend(customs.and_then(|customs| adds_up(basket, customs, sale)));
        }
        (What::Cash { amount, rounding, .. }, _, Some(sale)) => {
            wrong.extend(coins(sale.due, *amount, *rounding));
        }
        (What::GivenBack { amount, rounding, .. }, _, Some(sale)) => {
            wrong.extend(coins(sale.over, *amount, *rounding));
        }
        (What::Tipped { .. }, ..) => {
            let none = customs.is_some_and(|customs| !customs.tips);
            wrong.extend(none.then(|| format!("{deal:?}, and the shop takes no tips")));
        }
        (What::TakenBack { restock, .. }, Deal::TakeBack(sale, quantities, ..), _) => {
            let sold = desk.till().lines(&desk.till().sale(*sale)?)?;
            let mut should = before.shelves.clone();
            for (line, quantity) in sold.iter().zip(quantities).filter(|_| *restock) {
                let Some(level) = line.product.as_ref().and_then(|it| should.get_mut(it)) else { continue };
                *level = Level::sum(level.milli() + i64::from(quantity.milli()));
            }
            wrong.extend(came_back(desk, (&sold, quantities.len()), before)?);
            let is = shelves(desk, &written.shop);
            wrong.extend((is != should).then(|| format!("{deal:?} left {is:?}; it should be {should:?}")));
        }
        (What::Claimed { how: How::Typed | How::Picked, approved: None, sale, receipt, .. }, ..)
            if desk.shop.is_some() && *deal != Deal::LeaveCredit(*sale) =>
        {
            let unseen = desk.till().payment(&written.shop, receipt)?.is_none();
            if let Some(customs) = customs.filter(|_| unseen) {
                let passed = customs.passed(desk, &written.shop, *sale)?;
                wrong.extend(passed.map(|what| format!("{deal:?}, and nobody allowed it: {what}")));
            }
        }
        (What::Trusted { sale, approved: None }, ..) if desk.shop.is_some() => {
            if let Some(customs) = customs {
                let passed = customs.passed(desk, &written.shop, *sale)?;
                wrong.extend(passed.map(|what| format!("{deal:?}, and nobody allowed it: {what}")));
            }
        }
        _ => {}
    }
    Ok(wrong)
}
