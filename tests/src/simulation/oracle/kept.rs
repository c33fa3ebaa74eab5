//! What somebody was told is written down is there, and says what it said.

use super::Facts;
use super::losses::{Loss, Violation};
use super::model::{Goods, Oracle};
use domain::{Cited, FactBody, FactId, ShopId};

impl Oracle {
    /// Losses 1 and 5: whatever else somebody was told is written down is there, and says what it said.
    pub fn facts_are_kept(&self, shop: &ShopId, facts: &Facts) -> Vec<Violation> {
        let mut wrong = Vec::new();
        let mut check = |id: &FactId, loss: Loss, what: &str, is_it: &dyn Fn(&FactBody) -> bool| {
            if !facts.get(*id).is_some_and(|fact| is_it(&fact.body)) {
                let said = facts.get(*id).map(|fact| &fact.body);
                let message = format!("in {shop} {what} {id} is gone, or says {said:?}");
                wrong.push(Violation { loss, message });
            }
        };
        let is = |cited: Cited, sale: FactId| facts.meant(cited) == Some(sale);
        let here = |id: &FactId| self.sales.get(id).is_some_and(|made| made.shop == *shop);
        for (id, made) in self.sales.iter().filter(|(_, made)| made.shop == *shop) {
            let is_it = |body: &FactBody| matches!(body, FactBody::Sale(sale) if *sale == made.sale);
            check(id, Loss::Receipt, "the sale", &is_it);
        }
        for (id, told) in self.cash.iter().filter(|(_, it)| here(&it.sale)) {
            let is_it = |body: &FactBody| match body {
                FactBody::Cash { sale, amount, rounding } => {
                    is(*sale, told.sale) && (*amount, *rounding) == (told.amount, told.rounding)
                }
                _ => false,
            };
            check(id, Loss::Money, "the cash", &is_it);
        }
        for (id, told) in self.refunds.iter().filter(|(_, it)| here(&it.sale)) {
            let is_it = |body: &FactBody| match body {
                FactBody::Refund { sale, amount, rounding, .. } => {
                    is(*sale, told.sale) && (*amount, *rounding) == (told.amount, told.rounding)
                }
                _ => false,
            };
            check(id, Loss::Money, "the money back", &is_it);
        }
        for (id, (of, left)) in self.tips.iter().filter(|(_, (sale, _))| here(sale)) {
            let is_it = |body: &FactBody| matches!(body, FactBody::Tip { sale, amount } if is(*sale, *of) && amount == left);
            check(id, Loss::Money, "the tip", &is_it);
        }
        for (id, told) in self.returns.iter().filter(|(_, it)| here(&it.sale)) {
            let is_it = |body: &FactBody| match body {
                FactBody::Return(back) => {
                    is(back.sale, told.sale) && (back.amount(), back.restock) == (told.amount, told.restock)
                }
                _ => false,
            };
            check(id, Loss::Money, "the goods that came back", &is_it);
        }
        for (id, (_, of, manager)) in self.trusts.iter().filter(|(_, (of, ..))| of == shop) {
            let is_it = |body: &FactBody| matches!(body, FactBody::Trusted { sale, approved, .. } if is(*sale, *of) && approved == manager);
            check(id, Loss::Correction, "the trust", &is_it);
        }
        for (id, told) in self.undone.iter().filter(|(_, undone)| undone.shop == *shop) {
            let is_it = |body: &FactBody| match body {
                FactBody::Undone { sale, what, reason } => {
                    is(*sale, told.sale) && is(*what, told.what) && *reason == told.reason
                }
                _ => false,
            };
            check(id, Loss::Correction, "the mistake", &is_it);
        }
        for (id, told) in self.asked.iter().filter(|(_, asked)| asked.shop == *shop) {
            let is_it = |body: &FactBody| match body {
                FactBody::ReversalAsked { receipt, amount, reason } => {
                    (receipt, *amount, reason) == (&told.receipt, told.amount, &told.reason)
                }
                _ => false,
            };
            check(id, Loss::Correction, "the question for money back", &is_it);
        }
        for (id, told) in self.claims.iter().filter(|(_, claim)| claim.shop == *shop) {
            let is_it = |body: &FactBody| match body {
                FactBody::Claim(claim) => {
                    is(claim.sale, told.sale)
                        && (&claim.receipt, claim.part, &claim.approved)
                            == (&told.receipt, told.part, &told.approved)
                }
                _ => false,
            };
            check(id, Loss::Correction, "the claim", &is_it);
        }
        for (id, _) in self.drawers.iter().filter(|(_, of)| *of == shop) {
            let is_it = |body: &FactBody| {
                matches!(
                    body,
                    FactBody::ShiftOpened { .. }
                        | FactBody::CashMoved { .. }
                        | FactBody::ShiftClosed(_)
                        | FactBody::PeriodClosed { .. }
                )
            };
            check(id, Loss::Money, "what was said about a drawer or a period", &is_it);
        }
        for (id, (_, sale)) in self.printed.iter().filter(|(_, (of, _))| of == shop) {
            let is_it = |body: &FactBody| match body {
                FactBody::Printed { sale: printed } => facts.meant(*printed) == Some(*sale),
                _ => false,
            };
            check(id, Loss::Receipt, "the print", &is_it);
        }
        for (id, (_, goods)) in self.goods.iter().filter(|(_, (of, _))| of == shop) {
            let is_it = |body: &FactBody| match (body, goods) {
                (FactBody::Stock(kept), Goods::Moved(moved)) => kept == moved,
                (FactBody::Count(kept), Goods::Counted(counted)) => {
                    let levels = kept.goods().iter().map(|(product, counted)| (product, &counted.level));
                    levels.eq(counted)
                }
                _ => false,
            };
            check(id, Loss::Correction, "the goods", &is_it);
        }
        wrong
    }
}
