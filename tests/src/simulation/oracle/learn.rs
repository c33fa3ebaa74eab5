//! What the oracle learns by looking: what tills did by themselves, and what the till that lies wrote well.

use super::Facts;
use super::books::Books;
use super::losses::{Loss, Violation};
use super::model::{Oracle, What, Written};
use domain::{Cited, Claim, Counted, Fact, FactBody, How, Person, ProductId, ShopId};
use std::collections::BTreeMap;

impl Oracle {
    /// Learns what tills did by themselves. A claim that nobody made, or that no till may make by itself, is a
    /// loss, and so is anything else that nobody wrote.
    pub fn learn(&mut self, shop: &ShopId, facts: &Facts, books: &Books) -> Vec<Violation> {
        let mut wrong = Vec::new();
        for fact in facts.all() {
            let id = fact.id;
            if self.written.contains_key(&id) || self.comes_back(id) {
                continue;
            }
            if self.tried.contains(&id) {
                self.believe(shop, fact, facts);
                continue;
            }
            let (at, by) = (fact.at, fact.by.clone());
            match &fact.body {
                FactBody::Claim(Claim { sale, receipt, how, part: None, .. }) if by == Person::leja() => {
                    let money = books.money.get(&(shop.clone(), receipt.clone()));
                    let meant = facts.meant(*sale);
                    // What a customer left beyond a sale is owed as the rest of it is.
                    let total =
                        meant.and_then(|sale| Some(self.sales.get(&sale)?.sale.total + self.tips_of(sale)));
                    let alone = !matches!(how, How::Typed | How::Picked);
                    if !alone || money.zip(total).is_none_or(|(amount, total)| *amount > total) {
                        let message =
                            format!("in {shop} the claim {id} of {receipt} for {sale} does not fit");
                        wrong.push(Violation { loss: Loss::Verdict, message });
                    }
                    let sale = meant.unwrap_or(sale.id);
                    let (receipt, how) = (receipt.clone(), *how);
                    let what = What::Claimed { sale, receipt, how, part: None, approved: None };
                    let (shop, cites) = (shop.clone(), BTreeMap::new());
                    self.keep(Written { id, shop, at, by, what, cites });
                }
                body => {
                    let message = format!("in {shop} nobody wrote {id}, which says {body:?}");
                    wrong.push(Violation { loss: Loss::Foreign, message });
                }
            }
        }
        wrong
    }

    /// What the till that lies wrote well counts, as if anybody had said it: all have to draw the same from it.
    fn believe(&mut self, shop: &ShopId, fact: &Fact, facts: &Facts) {
        let meant = |cited: &Cited| facts.meant(*cited);
        let what = match &fact.body {
            FactBody::Sale(sale) => Some(What::Sold(sale.clone())),
            FactBody::Cash { sale, amount, rounding } => {
                let (amount, rounding) = (*amount, *rounding);
                meant(sale).map(|sale| What::Cash { sale, amount, rounding })
            }
            FactBody::Claim(Claim { sale, receipt, how, part, approved, .. }) => {
                let (receipt, how, part, approved) = (receipt.clone(), *how, *part, approved.clone());
                meant(sale).map(|sale| What::Claimed { sale, receipt, how, part, approved })
            }
            FactBody::Refund { sale, amount, rounding, .. } => {
                let (amount, rounding) = (*amount, *rounding);
                meant(sale).map(|sale| What::GivenBack { sale, amount, rounding })
            }
            FactBody::Tip { sale, amount } => meant(sale).map(|sale| What::Tipped { sale, amount: *amount }),
            FactBody::Return(back) => meant(&back.sale).map(|sale| {
                let (amount, restock) = (back.amount(), back.restock);
                What::TakenBack { sale, amount, restock }
            }),
            FactBody::Release { claim, reason } => meant(claim).and_then(|claim| {
                let sale = self.claims.get(&claim)?.sale;
                Some(What::Released { sale, claim, reason: reason.clone() })
            }),
            FactBody::Void { sale, reason } => {
                meant(sale).map(|sale| What::Voided { sale, reason: reason.clone() })
            }
            FactBody::Undone { sale, what, reason } => meant(sale).zip(meant(what)).map(|(sale, what)| {
                let reason = reason.clone();
                What::Undone { sale, what, reason }
            }),
            FactBody::Printed { sale } => meant(sale).map(|sale| What::Printed { sale }),
            FactBody::Stock(moved) => Some(What::Moved(moved.clone())),
            FactBody::Count(count) => {
                let level = |(product, counted): (&ProductId, &Counted)| (product.clone(), counted.level);
                Some(What::Counted(count.goods().iter().map(level).collect()))
            }
            // Of these it says nothing.
            _ => None,
        };
        let (id, shop, at, by) = (fact.id, shop.clone(), fact.at, fact.by.clone());
        let cites = BTreeMap::new();
        if let Some(what) = what {
            self.keep(Written { id, shop, at, by, what, cites });
        }
    }
}
