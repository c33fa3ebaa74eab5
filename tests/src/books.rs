//! Whether every shilling is somewhere: what a replica says of its sales and payments, added up again.

use domain::{Money, ShopId, Tender};
use std::collections::{BTreeMap, BTreeSet};
use till::{Deed, Said, SaleFilter, SaleRow, Till};

/// What does not add up at a replica, in words. Its own sums are taken from what it says of single sales and payments,
/// and from their histories.
pub fn faults_of(till: &Till, shop: &ShopId) -> Vec<String> {
    let mut faults = Vec::new();
    let sales = till.sales(shop, SaleFilter::All, None, 100_000).unwrap();
    let payments = till.payments(shop, false, 100_000).unwrap();
    let mut given: BTreeMap<&str, Money> = BTreeMap::new();
    let (mut cash_in, mut applied) = (Money::ZERO, Money::ZERO);
    let mut check = |is: bool, fault: String| faults.extend((!is).then_some(fault));
    for sale in &sales {
        let (cash, returned, tips) = told(till, sale);
        let voided = sale.state.name() == "voided";
        let owed = if voided { Money::ZERO } else { (sale.total - returned).or_zero() + tips };
        check(sale.owed == owed, format!("{}: {owed:?} is owed, and it says {:?}", sale.id, sale.owed));
        let (left, right) = (sale.paid + sale.due, sale.owed + sale.over);
        check(left == right, format!("{}: paid + due = {left:?}, owed + over = {right:?}", sale.id));
        check(sale.due == Money::ZERO || sale.over == Money::ZERO, format!("{}: due and over", sale.id));
        let mut paid = cash;
        let mut seen = Vec::new();
        for claim in till.claims(sale.id).unwrap() {
            // Two claims of one sale on one payment are one.
            if seen.contains(&claim.receipt) {
                continue;
            }
            seen.push(claim.receipt.clone());
            let Some(payment) = payments.iter().find(|it| it.receipt == claim.receipt) else { continue };
            let share = claim.share.unwrap_or_default();
            if !payment.reversed {
                paid = paid + share;
                let sum = given.entry(payment.receipt.as_str()).or_default();
                *sum = *sum + share;
            }
        }
        check(sale.paid == paid, format!("{}: {paid:?} was paid, and it says {:?}", sale.id, sale.paid));
        cash_in = cash_in + cash;
        applied = applied + sale.owed - sale.due + sale.over;
    }
    let (mut arrived, mut free) = (Money::ZERO, Money::ZERO);
    // What a sale has that is not here can not be added up here.
    for payment in payments.iter().filter(|it| it.held_for.is_none()) {
        let given = given.get(payment.receipt.as_str()).copied().unwrap_or_default();
        let whole = if payment.reversed { Money::ZERO } else { payment.amount };
        let sum = given + payment.free;
        check(sum == whole, format!("{}: {sum:?} of {whole:?} is somewhere", payment.receipt));
        (arrived, free) = (arrived + given + payment.free, free + payment.free);
    }
    if payments.iter().all(|it| it.held_for.is_none()) {
        let (left, right) = (arrived + cash_in, applied + free);
        check(left == right, format!("{left:?} came in, and {right:?} is accounted for"));
    }
    faults
}

/// What its history tells of a sale: the cash that stayed, the goods that came back, and tips.
fn told(till: &Till, sale: &SaleRow) -> (Money, Money, Money) {
    let (mut cash, mut returned, mut tips) = (Money::ZERO, Money::ZERO, Money::ZERO);
    // Whoever takes something back that another took back too takes it back once.
    let mut undone = BTreeSet::new();
    for happening in till.history_of_sale(sale.id).unwrap() {
        match happening.deed {
            Deed::Sold(Tender::Cash) => cash = cash + sale.total,
            Deed::CashTaken(amount) => cash = cash + amount,
            Deed::GivenBack(amount, _) => cash = cash - amount,
            Deed::CameBack(amount, _) => returned = returned + amount,
            Deed::Tipped(amount) => tips = tips + amount,
            Deed::Undone { fact, what: Some((said, amount)), .. } if undone.insert(fact) => match said {
                Said::Cash => cash = cash - amount,
                Said::Refund => cash = cash + amount,
                Said::Return => returned = returned - amount,
                Said::Tip => tips = tips - amount,
            },
            _ => {}
        }
    }
    (cash, returned, tips)
}
