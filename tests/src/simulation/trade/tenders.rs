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

    /// Two facts: a claim on a part, and the release of the whole.
    pub(super) fn leave_credit(&self, sale: FactId) -> Result<Did, TillError> {
        let (till, by) = (self.desk.till(), &self.desk.person);
        let before = till.claims(sale)?;
        let row = till.leave_credit(sale, by, self.now)?;
        let now = till.claims(sale)?;
        let new = now.iter().find(|claim| !before.iter().any(|known| known.id == claim.id));
        let gone = before.iter().find(|claim| !now.iter().any(|known| known.id == claim.id));
        let (Some(new), Some(gone)) = (new, gone) else {
            panic!("left credit, and {before:?} became {now:?}")
        };
        let (receipt, how, part) = (new.receipt.clone(), new.how, new.part);
        let part = What::Claimed { sale, receipt, how, part, approved: None };
        let part = self.as_of(new.id, &row.shop, new.at, part);
        let reason = "what is over stays on the payment".to_owned();
        let at = till.corrected(self.now);
        let mut release = self.as_of(
            self.desk.newest(&row.shop)?,
            &row.shop,
            at,
            What::Released { sale, claim: gone.id, reason },
        );
        release.cites.insert(gone.id, till.claimed(gone.id)?.cited);
        Ok(Did::Wrote(vec![part, release]))
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
