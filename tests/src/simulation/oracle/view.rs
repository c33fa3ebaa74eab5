//! What one replica says about one shop, and what of it nobody there can know.

use super::Facts;
use super::losses::{Loss, Violation};
use crate::simulation::desk::Desk;
use crate::simulation::plan::DAY;
use domain::{
    Actor, BusinessDay, Claim, FactBody, FactId, Kind, Line, ReceiptCode, Register, Return, ShopId, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use till::{Day, PaymentRow, SaleFilter, SaleRow, StockRow, TillError};

/// More rows than any run makes.
const ALL: u32 = 1_000_000;

/// What one replica says about one shop.
pub struct View<'a> {
    pub(super) desk: &'a Desk,
    pub(super) shop: ShopId,
    pub(super) sales: BTreeMap<FactId, SaleRow>,
    pub(super) lines: BTreeMap<FactId, Vec<Line>>,
    pub(super) payments: BTreeMap<ReceiptCode, PaymentRow>,
    pub(super) products: Vec<Register>,
    pub(super) stock: Vec<StockRow>,
    pub(super) days: BTreeMap<BusinessDay, Day>,
    /// From when on everything has to be here; all of it unless told otherwise.
    pub(super) since: Option<Timestamp>,
    /// Up to where each journal is not here.
    pub(super) bases: BTreeMap<Actor, u64>,
    /// What somebody decided about in what is not here: nobody here can say where it stands.
    pub(super) dim: Dim,
}

/// Sales and payments about which there are facts that a till does not have.
#[derive(Default)]
pub(super) struct Dim {
    pub(super) sales: BTreeSet<FactId>,
    pub(super) payments: BTreeSet<ReceiptCode>,
}

impl Dim {
    /// What is dim at a till that has the facts beyond these bases, and of these payments what was told since.
    fn of(
        facts: &Facts,
        bases: &BTreeMap<Actor, u64>,
        payments: &BTreeMap<ReceiptCode, PaymentRow>,
        since: Timestamp,
    ) -> Self {
        let claims: BTreeMap<FactId, &Claim> = facts.claims().collect();
        let all = claims.values().map(|claim| &claim.receipt).chain(payments.keys());
        // Of an older payment some of what was told of it may be here.
        let whole = |code: &ReceiptCode| payments.get(code).is_some_and(|row| row.paid_at >= since);
        let payments = all.filter(|code| !whole(code)).cloned().collect();
        let mut dim = Self { sales: BTreeSet::new(), payments };
        for fact in facts.all().filter(|fact| !is_here(bases, fact.id)) {
            match &fact.body {
                FactBody::Sale(_) => drop(dim.sales.insert(fact.id)),
                FactBody::Claim(Claim { sale, receipt, .. }) => {
                    dim.sales.extend(facts.meant(*sale));
                    dim.payments.insert(receipt.clone());
                }
                FactBody::Cash { sale, .. }
                | FactBody::Refund { sale, .. }
                | FactBody::Return(Return { sale, .. })
                | FactBody::Tip { sale, .. }
                | FactBody::Undone { sale, .. }
                | FactBody::Trusted { sale, .. }
                | FactBody::Void { sale, .. }
                | FactBody::Printed { sale } => {
                    dim.sales.extend(facts.meant(*sale));
                }
                FactBody::Release { claim, .. } => {
                    let about = facts.meant(*claim).and_then(|claim| claims.get(&claim));
                    dim.sales.extend(about.and_then(|claim| facts.meant(claim.sale)));
                    dim.payments.extend(about.map(|claim| claim.receipt.clone()));
                }
                FactBody::ReversalAsked { receipt, .. } => drop(dim.payments.insert(receipt.clone())),
                FactBody::Stock(_)
                | FactBody::Count(_)
                | FactBody::PeriodClosed { .. }
                | FactBody::ShiftOpened { .. }
                | FactBody::CashMoved { .. }
                | FactBody::ShiftClosed(_) => {}
            }
        }
        // Who has a payment hangs on every sale that wants it, and where a sale stands on every such payment.
        loop {
            let before = (dim.sales.len(), dim.payments.len());
            for claim in claims.values() {
                let sale = facts.meant(claim.sale);
                if sale.is_some_and(|sale| dim.sales.contains(&sale)) || dim.payments.contains(&claim.receipt)
                {
                    dim.sales.extend(sale);
                    dim.payments.insert(claim.receipt.clone());
                }
            }
            if (dim.sales.len(), dim.payments.len()) == before {
                return dim;
            }
        }
    }
}

fn is_here(bases: &BTreeMap<Actor, u64>, id: FactId) -> bool {
    bases.get(&id.actor).is_none_or(|base| id.number > *base)
}

impl<'a> View<'a> {
    /// Looks. `facts` are all there are, wherever they are.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn of(desk: &'a Desk, shop: &ShopId, facts: &Facts, now: Timestamp) -> Result<Self, TillError> {
        let till = desk.till();
        // Local numbers are a file's own.
        let sales = till.sales(shop, SaleFilter::All, None, ALL)?;
        let sales = sales.into_iter().map(|row| (row.id, SaleRow { number: 0, ..row }));
        let payments = till.payments(shop, false, ALL)?;
        let payments = payments.into_iter().map(|row| (row.receipt.clone(), PaymentRow { number: 0, ..row }));
        let payments = payments.collect();
        let sales: BTreeMap<FactId, SaleRow> = sales.collect();
        let lines = sales.values().map(|row| Ok((row.id, till.lines(row)?)));
        let lines = lines.collect::<Result<_, TillError>>()?;
        let days: BTreeSet<BusinessDay> = sales.values().map(|row| row.at.business_day()).collect();
        let days = days.into_iter().map(|day| Ok((day, till.day(shop, day)?)));
        let journals = desk.reader()?.backlog(shop)?.journals.into_iter();
        let bases = journals.map(|(actor, base, _)| (actor, base.number)).collect();
        let since = desk.history.map(|days| now.plus_millis(-i64::from(days) * DAY));
        let dim = since.map(|since| Dim::of(facts, &bases, &payments, since)).unwrap_or_default();
        Ok(Self {
            since,
            dim,
            bases,
            desk,
            shop: shop.clone(),
            payments,
            products: till.registers(shop, Kind::Product)?,
            stock: till.stock(shop, false)?,
            days: days.collect::<Result<_, TillError>>()?,
            sales,
            lines,
        })
    }

    /// Whether a fact is here, as far as history goes here.
    pub(super) fn has(&self, id: FactId) -> bool {
        is_here(&self.bases, id)
    }

    /// At which desk it was taken.
    pub fn desk(&self) -> &Desk {
        self.desk
    }

    /// Of which shop.
    pub fn shop(&self) -> &ShopId {
        &self.shop
    }

    /// Whether all of the shop's history is here.
    pub fn is_whole(&self) -> bool {
        self.since.is_none()
    }

    /// Something that is wrong with it.
    pub fn says(&self, loss: Loss, what: impl std::fmt::Display) -> Violation {
        Violation { loss, message: format!("{} in {}: {what}", self.desk.name, self.shop) }
    }

    /// One value that stands for everything it says.
    pub fn digest(&self) -> String {
        let states = self
            .sales
            .values()
            .map(|row| format!("{} {} {} {}", row.id, row.state.name(), row.due, row.conflict));
        let owners =
            self.payments.values().map(|row| format!("{} {} {:?}", row.receipt, row.amount, row.sale));
        states.chain(owners).collect::<Vec<_>>().join("; ")
    }
}
