//! Cash that is taken and given back, tips, credit, and goods that come back.

use super::{Work, is_ordinary, share};
use crate::simulation::oracle::{Did, What};
use domain::{FactBody, FactId, Money, Quantity, ReceiptCode, ShopId};
use till::TillError;

impl Work<'_> {
    pub(super) fn take_cash(&self, sale: FactId, hundredths: i64) -> Result<Did, TillError> {
        let (till, by) = (self.desk.till(), &self.desk.person);
        let due = till.sale(sale)?.due;
        let amount = share(due, hundredths);
        let row = till.take_cash(sale, (hundredths < 100).then_some(amount), by, self.now, None)?;
        let rounding = match self.desk.fact(&row.shop, self.desk.newest(&row.shop)?)?.map(|fact| fact.body) {
            Some(FactBody::Cash { rounding, .. }) => rounding,
            other => panic!("took cash, and wrote {other:?}"),
        };
        self.wrote(&row.shop, What::Cash { sale, amount, rounding })
    }

    pub(super) fn give_back(&self, sale: FactId, hundredths: i64, reason: &str) -> Result<Did, TillError> {
        let (till, by) = (self.desk.till(), &self.desk.person);
        let amount = share(till.sale(sale)?.over, hundredths);
        let row = till.give_back(sale, Some(amount), reason, by, self.now, None)?;
        let rounding = match self.desk.fact(&row.shop, self.desk.newest(&row.shop)?)?.map(|fact| fact.body) {
            Some(FactBody::Refund { rounding, .. }) => rounding,
            other => panic!("gave money back, and wrote {other:?}"),
        };
        self.wrote(&row.shop, What::GivenBack { sale, amount, rounding })
    }

    pub(super) fn tip(&self, sale: FactId, hundredths: i64) -> Result<Did, TillError> {
        let (till, by) = (self.desk.till(), &self.desk.person);
        let amount = share(till.sale(sale)?.over, hundredths);
        let row = till.tip(sale, Some(amount), by, self.now, None)?;
        self.wrote(&row.shop, What::Tipped { sale, amount })
    }

    /// A claim on a part, and the release of every claim on the whole.
    pub(super) fn leave_credit(&self, sale: FactId) -> Result<Did, TillError> {
        let (till, by) = (self.desk.till(), &self.desk.person);
        let before = till.claims(sale)?;
        let row = till.leave_credit(sale, by, self.now)?;
        let now = till.claims(sale)?;
        let new = now.iter().find(|claim| !before.iter().any(|known| known.id == claim.id));
        let gone: Vec<_> =
            before.iter().filter(|claim| !now.iter().any(|known| known.id == claim.id)).collect();
        let Some(new) = new else { panic!("left credit, and {before:?} became {now:?}") };
        let (receipt, how, part) = (new.receipt.clone(), new.how, new.part);
        let part = What::Claimed { sale, receipt, how, part, approved: None };
        let mut all = vec![self.as_of(new.id, &row.shop, new.at, part)];
        for (gone, number) in gone.into_iter().zip(new.id.number + 1..) {
            let (id, reason) = (FactId { number, ..new.id }, "what is over stays on the payment".to_owned());
            let what = What::Released { sale, claim: gone.id, reason };
            let mut release = self.as_of(id, &row.shop, till.corrected(self.now), what);
            release.cites.insert(gone.id, till.claimed(gone.id)?.cited);
            all.push(release);
        }
        Ok(Did::Wrote(all))
    }

    pub(super) fn undo(&self, sale: FactId, what: Option<FactId>, reason: &str) -> Result<Did, TillError> {
        let (till, by) = (self.desk.till(), &self.desk.person);
        let row = till.sale(sale)?;
        let said = till.said_of(&row)?;
        let meant = said.iter().find(|it| what.is_none_or(|what| it.id == what)).cloned();
        till.undo(sale, what, reason, (by, self.now), None)?;
        let Some(meant) = meant else { panic!("took back {what:?}, of {said:?}") };
        let id = self.desk.newest(&row.shop)?;
        let what = What::Undone { sale, what: meant.id, reason: reason.to_owned() };
        let mut undone = self.as_of(id, &row.shop, till.corrected(self.now), what);
        undone.cites.insert(meant.id, meant.cited);
        Ok(Did::Wrote(vec![undone]))
    }

    /// Who asked stands in the payment's history, whatever Safaricom or the line to it makes of the question.
    pub(super) fn ask_back(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
        amount: Money,
        reason: &str,
    ) -> Result<Did, TillError> {
        let before = self.desk.newest(shop)?;
        let by = (&self.desk.person, reason);
        let asked = self.desk.till().reverse(shop, receipt, amount, by, self.now);
        match self.fact_after(shop, before)? {
            Some(FactBody::ReversalAsked { .. }) if asked.as_ref().err().is_none_or(is_ordinary) => {
                let (receipt, reason) = (receipt.clone(), reason.to_owned());
                self.wrote(shop, What::AskedBack { receipt, amount, reason })
            }
            _ => asked.map(|_| Did::Nothing),
        }
    }

    pub(super) fn take_back(
        &self,
        sale: FactId,
        quantities: &[Quantity],
        restock: bool,
        reason: &str,
    ) -> Result<Did, TillError> {
        let (till, by) = (self.desk.till(), &self.desk.person);
        let goods: Vec<(u16, Quantity)> = (0..).zip(quantities.iter().copied()).collect();
        let before = self.desk.newest(&till.sale(sale)?.shop)?;
        let row = till.take_goods_back(sale, &goods, (restock, reason), (by, self.now), None)?;
        match self.fact_after(&row.shop, before)? {
            Some(FactBody::Return(back)) => {
                self.wrote(&row.shop, What::TakenBack { sale, amount: back.amount(), restock })
            }
            _ => Ok(Did::Nothing),
        }
    }
}
