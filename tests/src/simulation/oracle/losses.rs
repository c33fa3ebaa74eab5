//! The seven losses, each a check of its own. A check looks at one replica's ledger and says in words what
//! is wrong with it.

use super::Facts;
use super::books::Books;
use super::model::{Correction, Oracle, SaleMade};
use super::receipts::cheaper;
use super::standing::Expected;
use super::view::View;
use domain::{
    Cited, Fact, FactId, Item, Level, Money, ProductId, ReceiptCode, Register, Shelves, TillId, Version,
};
use std::collections::{BTreeMap, BTreeSet};
use till::{Deed, SaleRow, StockRow, TillError};

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

impl Oracle {
    /// Loss 4: there is of every product what the facts add up to, wherever enough of them is here to say so.
    pub fn stock_is_the_sum(&self, view: &View<'_>, facts: &Facts) -> Vec<Violation> {
        let mut shelves = Shelves::default();
        facts.all().for_each(|fact| shelves.take(fact));
        let levels = shelves.levels();
        let told: BTreeMap<&ProductId, &StockRow> =
            view.stock.iter().map(|row| (&row.product, row)).collect();
        let all = view.since.is_none();
        let mut wrong = Vec::new();
        for (product, level) in &levels {
            let right = match told.get(product) {
                Some(row) if all || row.whole => row.whole && row.level == Level::sum(*level),
                // Who has not all of it does not say.
                _ => !all,
            };
            if !right {
                wrong.push(format!("there is {level} of {product}, and it tells {:?}", told.get(product)));
            }
        }
        wrong.extend(
            told.keys()
                .filter(|product| !levels.contains_key(**product))
                .map(|product| format!("it tells of {product}, of which no fact does")),
        );
        wrong.into_iter().map(|what| view.says(Loss::Verdict, what)).collect()
    }

    /// Loss 5: after everybody heard of a count, there is what was counted, whoever lied before.
    pub fn counts_set_it_right(
        &self,
        view: &View<'_>,
        counted: &BTreeMap<ProductId, Level>,
    ) -> Vec<Violation> {
        let told = |product: &ProductId| view.stock.iter().find(|row| row.product == *product);
        let right = |product: &ProductId, level: &Level| {
            told(product).is_some_and(|row| row.level == *level && row.whole)
        };
        let wrong = counted.iter().filter(|(product, level)| !right(product, level));
        wrong
            .map(|(product, level)| {
                let what = format!("{level} of {product} were counted, and it tells {:?}", told(product));
                view.says(Loss::Correction, what)
            })
            .collect()
    }

    /// Loss 1 at a till that keeps some days: those days are all there; at any other, all there is.
    pub fn history_is_kept(&self, view: &View<'_>, facts: &Facts) -> Vec<Violation> {
        let wanted = |fact: &&Fact| view.since.is_none_or(|since| fact.at >= since);
        let gone = facts.all().filter(wanted).find(|fact| !view.has(fact.id));
        let told = |fact: &Fact| view.says(Loss::Receipt, format!("{} of {} did not come", fact.id, fact.at));
        gone.map(told).into_iter().collect()
    }

    /// Loss 1: every receipt that was printed is there, with its lines and its total.
    pub fn receipts_are_kept(&self, view: &View<'_>) -> Vec<Violation> {
        let own = self.sales.iter().filter(|(id, made)| made.shop == view.shop && view.has(**id));
        let prints: BTreeSet<FactId> =
            self.printed.iter().filter(|(id, _)| view.has(**id)).map(|(_, (_, sale))| *sale).collect();
        let wrong = own.filter_map(|(id, made)| match view.sales.get(id) {
            Some(row) if row.printed.is_none() && prints.contains(id) => {
                Some(format!("the receipt {id} came out, and nobody knows of it"))
            }
            None => Some(format!("the receipt {id} of {} is gone", made.sale.total)),
            Some(row) => {
                let SaleMade { sale, at, by, .. } = made;
                let sums = (sale.total, cheaper(sale), sale.rounding);
                let printed = (&sale.lines, sums, sale.tender, *at, by.as_str());
                let sums = (row.total, row.discount, row.rounding);
                let kept = (&view.lines[id], sums, row.tender, row.at, row.by.as_str());
                (printed != kept).then(|| format!("the receipt {id} said {printed:?} and says {kept:?} now"))
            }
        });
        wrong.map(|what| view.says(Loss::Receipt, what)).collect()
    }

    /// Loss 2: every confirmation that was acknowledged is there, and so is every payment in Safaricom's
    /// books, because what was not confirmed was pulled.
    pub fn confirmations_are_kept(&self, view: &View<'_>, books: &Books) -> Vec<Violation> {
        let kept = |code| view.since.is_none_or(|since| books.moved.get(code).is_some_and(|at| *at >= since));
        let own = books.money.keys().filter(|(shop, code)| *shop == view.shop && kept(code));
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
            let Some(expected) = self.expected(*id, books) else { continue };
            if row.owed != self.owed(*id) && !view.dim.sales.contains(id) {
                wrong.push(format!("{id} owes {}; it should be {}", row.owed, self.owed(*id)));
            }
            // What came in is applied, or goes back.
            if row.paid != row.owed - row.due + row.over {
                wrong.push(format!(
                    "{id}: {} came in for {}, due {}, over {}",
                    row.paid, row.owed, row.due, row.over
                ));
            }
            if row.paid != expected.paid && !view.dim.sales.contains(id) {
                wrong.push(format!("{id} counts {} as paid; {} was", row.paid, expected.paid));
            }
            let cash = self.cash_of(*id);
            let cash = if row.tender == domain::Tender::Cash { cash + row.total } else { cash };
            by_mpesa = by_mpesa + (row.paid - cash);
        }
        for row in view.payments.values() {
            // What went back to the customer is in no sale, whoever claims it.
            let went_back = books.back.contains(&(view.shop.clone(), row.receipt.clone()));
            if row.reversed != went_back {
                wrong.push(format!(
                    "the payment {} went back: {went_back}, and it tells {}",
                    row.receipt, row.reversed
                ));
            }
            if !went_back {
                claimed = claimed + (row.amount - row.free);
            }
            if row.free < Money::ZERO || row.free > row.amount {
                wrong.push(format!("of the payment {} of {} {} is free", row.receipt, row.amount, row.free));
            }
        }
        // Where a sale is not here, what it has of its payments is not either.
        if by_mpesa != claimed && view.since.is_none() {
            wrong.push(format!("sales count {by_mpesa} by M-Pesa, and the payments they have are {claimed}"));
        }
        wrong.into_iter().map(|what| view.says(Loss::Money, what)).collect()
    }

    /// Loss 4: every sale stands where the facts put it, every payment has the sale that the claims give
    /// it, and the prices are those that stand.
    pub fn verdicts_are_right(&self, view: &View<'_>, books: &Books) -> Vec<Violation> {
        let mut wrong = Vec::new();
        for (id, row) in view.sales.iter().filter(|(id, _)| !view.dim.sales.contains(id)) {
            let Some(expected) = self.expected(*id, books) else { continue };
            let SaleRow { state, paid, due, over, conflict, reversed, .. } = *row;
            let stands = Expected { state, paid, due, over, conflict, reversed };
            if stands != expected {
                wrong.push(format!("{id} stands at {stands:?}; it should be {expected:?}"));
            }
        }
        for (receipt, row) in view.payments.iter().filter(|(code, _)| !view.dim.payments.contains(*code)) {
            let owners = self.owners(&view.shop, receipt, Some(row.amount));
            let taken =
                owners.shares.values().map(|part| part.map_or(row.amount, |part| part.min(row.amount)));
            let went_back = books.back.contains(&(view.shop.clone(), receipt.clone()));
            let free = if went_back { Money::ZERO } else { row.amount - taken.sum() };
            if (row.sale, row.contested, row.free) != (owners.first, !owners.lost.is_empty(), free) {
                wrong.push(format!(
                    "the payment {receipt} of {} is with {:?} (contested {}, free {}); it should be {owners:?}",
                    row.amount, row.sale, row.contested, row.free
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
            if there != here && !other.dim.sales.contains(id) {
                wrong.push(format!("{id} is {there:?} at {who} and {here:?} here"));
            }
        }
        for (receipt, row) in &one.payments {
            let older = other.since.is_some_and(|since| row.paid_at < since);
            if other.payments.get(receipt) != Some(row) && !older && !other.dim.payments.contains(receipt) {
                wrong.push(format!(
                    "{receipt} is {row:?} at {who} and {:?} here",
                    other.payments.get(receipt)
                ));
            }
        }
        if one.products != other.products {
            wrong.push(format!("prices are {:?} at {who} and {:?} here", one.products, other.products));
        }
        if one.days != other.days && other.since.is_none() {
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
        let own = self.corrections.iter().filter(|(id, told)| told.shop == view.shop && view.has(**id));
        for (_, correction) in own.filter(|(_, told)| !view.dim.sales.contains(&told.sale)) {
            let Correction { sale, claim, reason, by, .. } = correction;
            let till = view.desk.till();
            let told = match claim {
                Some((_, Some(receipt))) => till.history_of_payment(&view.shop, receipt)?,
                _ => till.history_of_sale(*sale)?,
            };
            let is_it = |deed: &Deed| match deed {
                Deed::Cancelled(told) => claim.is_none() && told == reason,
                Deed::Released { reason: told, sale: of, .. } => {
                    claim.is_some() && told == reason && *of == Cited::by_name(*sale)
                }
                _ => false,
            };
            if !told.iter().any(|happening| is_it(&happening.deed) && happening.by == by.as_str()) {
                let what = format!("{by:?} said {reason:?} about {sale}, and the history does not tell");
                wrong.push(view.says(Loss::Correction, what));
            }
        }
        let undone = self.undone.iter().filter(|(id, told)| told.shop == view.shop && view.has(**id));
        for (_, told) in undone.filter(|(_, told)| !view.dim.sales.contains(&told.sale)) {
            let is_it = |deed: &Deed| matches!(deed, Deed::Undone { reason, .. } if *reason == told.reason);
            let history = view.desk().till().history_of_sale(told.sale)?;
            if !history.iter().any(|happening| is_it(&happening.deed) && happening.by == told.by.as_str()) {
                let what = format!("{:?} took {} back, and the history does not tell", told.by, told.what);
                wrong.push(view.says(Loss::Correction, what));
            }
        }
        let asked = self.asked.iter().filter(|(id, told)| told.shop == view.shop && view.has(**id));
        for (_, told) in asked {
            let is_it =
                |deed: &Deed| matches!(deed, Deed::AskedBack { reason, .. } if *reason == told.reason);
            let history = view.desk.till().history_of_payment(&view.shop, &told.receipt)?;
            if !history.iter().any(|happening| is_it(&happening.deed) && happening.by == told.by.as_str()) {
                let what =
                    format!("{:?} asked for {} back, and the history does not tell", told.by, told.receipt);
                wrong.push(view.says(Loss::Correction, what));
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
