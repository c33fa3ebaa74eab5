//! The seven losses, each a check of its own. A check looks at one replica's ledger and says in words what
//! is wrong with it.

use super::model::{Correction, Oracle};
use crate::simulation::desk::Desk;
use domain::{
    BusinessDay, Cited, FactId, How, Item, Kind, Line, Money, ReceiptCode, Register, ShopId, TillId, Version,
};
use std::collections::{BTreeMap, BTreeSet};
use till::{Day, Deed, PaymentRow, SaleFilter, SaleRow, StockRow, TillError};

/// More rows than any run makes.
const ALL: u32 = 1_000_000;

/// The losses we refuse, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// A sale whose receipt was printed is gone.
    Receipt,
    /// A confirmation that was acknowledged is gone, or a payment dropped.
    Confirmation,
    /// One payment counts for more than it is.
    Money,
    /// A payment settles the wrong sale, or two replicas disagree.
    Verdict,
    /// A correction is not in the history.
    Correction,
    /// One bad record, till or message stops somebody else.
    Stopped,
    /// A shop has what is not its own.
    Foreign,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which loss it is.
    pub loss: Loss,
    /// What is wrong, and where.
    pub message: String,
}

/// What Safaricom's books say, and what it was acknowledged.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Every payment to a shop.
    pub money: BTreeMap<(ShopId, ReceiptCode), Money>,
    /// Those whose confirmation was answered with 200.
    pub acknowledged: BTreeSet<ReceiptCode>,
    /// The bodies that wait in the inbox.
    pub inbox: Vec<Vec<u8>>,
}

/// What one replica says about one shop.
pub struct View<'a> {
    desk: &'a Desk,
    shop: ShopId,
    sales: BTreeMap<FactId, SaleRow>,
    lines: BTreeMap<FactId, Vec<Line>>,
    payments: BTreeMap<ReceiptCode, PaymentRow>,
    products: Vec<Register>,
    stock: Vec<StockRow>,
    days: BTreeMap<BusinessDay, Day>,
}

impl<'a> View<'a> {
    /// Looks.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn of(desk: &'a Desk, shop: &ShopId) -> Result<Self, TillError> {
        let till = desk.till();
        // Local numbers are a file's own.
        let sales = till.sales(shop, SaleFilter::All, None, ALL)?;
        let sales = sales.into_iter().map(|row| (row.id, SaleRow { number: 0, ..row }));
        let payments = till.payments(shop, false, ALL)?;
        let payments = payments.into_iter().map(|row| (row.receipt.clone(), PaymentRow { number: 0, ..row }));
        let sales: BTreeMap<FactId, SaleRow> = sales.collect();
        let lines = sales.values().map(|row| Ok((row.id, till.lines(row)?)));
        let lines = lines.collect::<Result<_, TillError>>()?;
        let days: BTreeSet<BusinessDay> = sales.values().map(|row| row.at.business_day()).collect();
        let days = days.into_iter().map(|day| Ok((day, till.day(shop, day)?)));
        Ok(Self {
            desk,
            shop: shop.clone(),
            payments: payments.collect(),
            products: till.registers(shop, Kind::Product)?,
            stock: till.stock(shop, false)?,
            days: days.collect::<Result<_, TillError>>()?,
            sales,
            lines,
        })
    }

    fn says(&self, loss: Loss, what: impl std::fmt::Display) -> Violation {
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

impl Oracle {
    /// Learns what tills claimed by themselves, as a replica that has everything shows it. A claim that
    /// nobody made, or that no till may make by itself, is a loss.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn learn(&mut self, view: &View<'_>, books: &Books) -> Result<Vec<Violation>, TillError> {
        let mut wrong = Vec::new();
        for sale in self
            .sales
            .iter()
            .filter(|(_, made)| made.shop == view.shop)
            .map(|(id, _)| *id)
            .collect::<Vec<_>>()
        {
            if self.sales[&sale].sale.tender == domain::Tender::Cash {
                continue;
            }
            for claim in view.desk.till().claims(sale)? {
                if self.claims.contains_key(&claim.id) {
                    continue;
                }
                let money = books.money.get(&(view.shop.clone(), claim.receipt.clone()));
                let alone = !matches!(claim.how, How::Typed | How::Picked) && claim.by == "Leja";
                let fits = money.is_some_and(|amount| *amount <= self.sales[&sale].sale.total);
                if !alone || !fits {
                    let what = format!(
                        "the claim {} of {} for {sale} by {} was made by nobody, or does not fit",
                        claim.id, claim.receipt, claim.by
                    );
                    wrong.push(view.says(Loss::Verdict, what));
                }
                self.learn_claim(view.shop.clone(), sale, &claim);
            }
        }
        Ok(wrong)
    }

    /// Loss 1: every receipt that was printed is there, with its lines and its total.
    pub fn receipts_are_kept(&self, view: &View<'_>) -> Vec<Violation> {
        let own = self.sales.iter().filter(|(_, made)| made.shop == view.shop);
        let wrong = own.filter_map(|(id, made)| match view.sales.get(id) {
            None => Some(format!("the receipt {id} of {} is gone", made.sale.total)),
            Some(row) => {
                let printed =
                    (&made.sale.lines, made.sale.total, made.sale.tender, made.at, made.by.as_str());
                let kept = (&view.lines[id], row.total, row.tender, row.at, row.by.as_str());
                (printed != kept).then(|| format!("the receipt {id} said {printed:?} and says {kept:?} now"))
            }
        });
        wrong.map(|what| view.says(Loss::Receipt, what)).collect()
    }

    /// Loss 2: every confirmation that was acknowledged is there, and so is every payment in Safaricom's
    /// books, because what was not confirmed was pulled.
    pub fn confirmations_are_kept(&self, view: &View<'_>, books: &Books) -> Vec<Violation> {
        let own = books.money.keys().filter(|(shop, _)| *shop == view.shop);
        let wrong = own.filter(|(_, receipt)| !view.payments.contains_key(receipt)).map(|(_, receipt)| {
            let heard = if books.acknowledged.contains(receipt) { "was acknowledged" } else { "was pulled" };
            format!("the payment {receipt} {heard} and is not there")
        });
        wrong.map(|what| view.says(Loss::Confirmation, what)).collect()
    }

    /// Loss 2, for what belongs to nobody: it waits in the inbox.
    pub fn strays_are_kept(&self, books: &Books) -> Vec<Violation> {
        let gone = self.strays.iter().filter(|stray| !books.inbox.contains(stray));
        let told = |stray: &Vec<u8>| {
            let message = format!("acknowledged, and not in the inbox: {}", String::from_utf8_lossy(stray));
            Violation { loss: Loss::Confirmation, message }
        };
        gone.map(told).collect()
    }

    /// Loss 3: as much money as in the books, each payment once, and every sale got what it has to have.
    pub fn money_is_counted_once(&self, view: &View<'_>, books: &Books) -> Vec<Violation> {
        let mut wrong = Vec::new();
        let own: BTreeMap<&ReceiptCode, Money> = books
            .money
            .iter()
            .filter(|((shop, _), _)| *shop == view.shop)
            .map(|((_, code), money)| (code, *money))
            .collect();
        for (receipt, row) in &view.payments {
            match own.get(receipt) {
                None => wrong.push(format!("the payment {receipt} of {} is in nobody's books", row.amount)),
                Some(amount) if *amount != row.amount => {
                    wrong.push(format!("the payment {receipt} of {amount} counts {}", row.amount));
                }
                Some(_) => {}
            }
        }
        let (mut by_mpesa, mut claimed) = (Money::ZERO, Money::ZERO);
        for (id, row) in &view.sales {
            let Some(expected) = self.expected(*id, &books.money) else { continue };
            if row.paid != expected.paid {
                wrong.push(format!("{id} counts {} as paid; {} was", row.paid, expected.paid));
            }
            let cash: Money =
                self.cash.iter().filter(|(sale, _)| sale == id).map(|(_, amount)| *amount).sum();
            let cash = if row.tender == domain::Tender::Cash { cash + row.total } else { cash };
            by_mpesa = by_mpesa + (row.paid - cash);
        }
        for row in view.payments.values().filter(|row| row.sale.is_some()) {
            claimed = claimed + row.amount;
        }
        if by_mpesa != claimed {
            wrong.push(format!("sales count {by_mpesa} by M-Pesa, and the payments they have are {claimed}"));
        }
        wrong.into_iter().map(|what| view.says(Loss::Money, what)).collect()
    }

    /// Loss 4: every sale stands where the facts put it, every payment has the sale that the claims give
    /// it, and the prices are those that stand.
    pub fn verdicts_are_right(&self, view: &View<'_>, books: &Books) -> Vec<Violation> {
        let mut wrong = Vec::new();
        for (id, row) in &view.sales {
            let Some(expected) = self.expected(*id, &books.money) else { continue };
            let (state, due, over, conflict) = (row.state, row.due, row.over, row.conflict);
            if (state, due, over, conflict)
                != (expected.state, expected.due, expected.over, expected.conflict)
            {
                wrong.push(format!("{id} stands at {state:?}, due {due}, over {over}, conflict {conflict}; it should be {expected:?}"));
            }
        }
        for (receipt, row) in &view.payments {
            let owner = self.owner(&view.shop, receipt);
            if row.sale != owner.map(|(sale, _)| sale)
                || row.contested != owner.is_some_and(|(_, wanted)| wanted)
            {
                wrong.push(format!(
                    "the payment {receipt} is with {:?} (contested {}); it should be {owner:?}",
                    row.sale, row.contested
                ));
            }
        }
        let value = |version: &Version| match &version.item {
            Item::Product(product) => Some((product.id.clone(), product.price)),
            _ => None,
        };
        let mut shown: BTreeMap<_, BTreeSet<Money>> = BTreeMap::new();
        for (id, price) in view.products.iter().flat_map(Register::versions).filter_map(value) {
            shown.entry(id).or_default().insert(price);
        }
        let standing = self.standing_prices(&view.shop);
        if shown != standing {
            wrong.push(format!("prices are {shown:?}; they should be {standing:?}"));
        }
        wrong.into_iter().map(|what| view.says(Loss::Verdict, what)).collect()
    }

    /// Loss 4 between two replicas that have the same facts: they say the same about everything.
    pub fn replicas_agree(&self, one: &View<'_>, other: &View<'_>) -> Vec<Violation> {
        let who = &one.desk.name;
        let mut wrong = Vec::new();
        for id in one.sales.keys().chain(other.sales.keys()).collect::<BTreeSet<_>>() {
            let (there, here) = (one.sales.get(id), other.sales.get(id));
            if there != here {
                wrong.push(format!("{id} is {there:?} at {who} and {here:?} here"));
            }
        }
        for (receipt, row) in &one.payments {
            if other.payments.get(receipt) != Some(row) {
                wrong.push(format!(
                    "{receipt} is {row:?} at {who} and {:?} here",
                    other.payments.get(receipt)
                ));
            }
        }
        if one.products != other.products {
            wrong.push(format!("prices are {:?} at {who} and {:?} here", one.products, other.products));
        }
        if one.stock != other.stock {
            wrong.push(format!("the stock is {:?} at {who} and {:?} here", one.stock, other.stock));
        }
        if one.days != other.days {
            wrong.push(format!("figures are {:?} at {who} and {:?} here", one.days, other.days));
        }
        wrong.into_iter().map(|what| other.says(Loss::Verdict, what)).collect()
    }

    /// Loss 5: what a person corrected is in the history, with the reason and the name.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn corrections_are_told(&self, view: &View<'_>) -> Result<Vec<Violation>, TillError> {
        let mut wrong = Vec::new();
        for (_, correction) in self.corrections.iter().filter(|(shop, _)| *shop == view.shop) {
            let Correction { sale, cancelled, receipt, reason, by } = correction;
            let till = view.desk.till();
            let told = match receipt {
                Some(receipt) => till.history_of_payment(&view.shop, receipt)?,
                None => till.history_of_sale(*sale)?,
            };
            let is_it = |deed: &Deed| match deed {
                Deed::Cancelled(told) => *cancelled && told == reason,
                Deed::Released { reason: told, sale: of, .. } => {
                    !*cancelled && told == reason && *of == Cited::by_name(*sale)
                }
                _ => false,
            };
            if !told.iter().any(|happening| is_it(&happening.deed) && happening.by == *by) {
                wrong.push(view.says(
                    Loss::Correction,
                    format!("{by} said {reason:?} about {sale}, and the history does not tell"),
                ));
            }
        }
        Ok(wrong)
    }

    /// Loss 7: here are this shop's tills' sales only, and no sale that nobody made.
    pub fn nothing_is_foreign(&self, view: &View<'_>, tills: &BTreeSet<TillId>) -> Vec<Violation> {
        let strange = view.sales.keys().filter(|id| {
            let made = self.sales.get(id).map_or(self.tried.contains(id), |made| made.shop == view.shop);
            !tills.contains(&id.actor.till) || !made
        });
        strange.map(|id| view.says(Loss::Foreign, format!("{id} was made by nobody in this shop"))).collect()
    }
}
