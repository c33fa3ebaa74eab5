//! The seven losses, each a check of its own. A check looks at one replica's ledger and says in words what
//! is wrong with it.

use super::model::{Correction, Goods, Oracle, What, Written};
use super::{Did, Facts};
use crate::simulation::desk::Desk;
use crate::simulation::plan::DAY;
use domain::{
    Actor, BusinessDay, Cited, Claim, Counted, Fact, FactBody, FactId, How, Item, Kind, Level, Line, Money,
    Person, ProductId, ReceiptCode, Register, Return, Shelves, ShopId, TillId, Timestamp, Version,
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
    /// When each moved.
    pub moved: BTreeMap<ReceiptCode, Timestamp>,
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
    /// From when on everything has to be here; all of it unless told otherwise.
    since: Option<Timestamp>,
    /// Up to where each journal is not here.
    bases: BTreeMap<Actor, u64>,
    /// What somebody decided about in what is not here: nobody here can say where it stands.
    dim: Dim,
}

/// Sales and payments about which there are facts that a till does not have.
#[derive(Default)]
struct Dim {
    sales: BTreeSet<FactId>,
    payments: BTreeSet<ReceiptCode>,
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
    fn has(&self, id: FactId) -> bool {
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
                    let total = meant.and_then(|sale| self.sales.get(&sale)).map(|made| made.sale.total);
                    let alone = !matches!(how, How::Typed | How::Picked);
                    if !alone || money.zip(total).is_none_or(|(amount, total)| *amount > total) {
                        let message =
                            format!("in {shop} the claim {id} of {receipt} for {sale} does not fit");
                        wrong.push(Violation { loss: Loss::Verdict, message });
                    }
                    let sale = meant.unwrap_or(sale.id);
                    let what = What::Claimed { sale, receipt: receipt.clone(), how: *how, part: None };
                    let (shop, cites) = (shop.clone(), BTreeMap::new());
                    self.acknowledge(Did::Wrote(Box::new(Written { id, shop, at, by, what, cites })));
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
            FactBody::Cash { sale, amount, .. } => {
                meant(sale).map(|sale| What::Cash { sale, amount: *amount })
            }
            FactBody::Claim(Claim { sale, receipt, how, part, .. }) => {
                let part = *part;
                meant(sale).map(|sale| What::Claimed { sale, receipt: receipt.clone(), how: *how, part })
            }
            FactBody::Refund { sale, amount, .. } => {
                meant(sale).map(|sale| What::GivenBack { sale, amount: *amount })
            }
            FactBody::Return(back) => {
                meant(&back.sale).map(|sale| What::TakenBack { sale, amount: back.amount() })
            }
            FactBody::Release { claim, reason } => meant(claim).and_then(|claim| {
                let sale = self.claims.get(&claim)?.sale;
                Some(What::Released { sale, claim, reason: reason.clone() })
            }),
            FactBody::Void { sale, reason } => {
                meant(sale).map(|sale| What::Voided { sale, reason: reason.clone() })
            }
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
        self.acknowledge(
            what.map_or(Did::Nothing, |what| Did::Wrote(Box::new(Written { id, shop, at, by, what, cites }))),
        );
    }

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
        let here = |id: &FactId| self.sales.get(id).is_some_and(|made| made.shop == *shop);
        for (id, (sale, amount)) in self.cash.iter().filter(|(_, (sale, _))| here(sale)) {
            let is_it = |body: &FactBody| match body {
                FactBody::Cash { sale: paid, amount: taken, .. } => {
                    facts.meant(*paid) == Some(*sale) && taken == amount
                }
                _ => false,
            };
            check(id, Loss::Money, "the cash", &is_it);
        }
        for (id, (sale, amount)) in self.refunds.iter().filter(|(_, (sale, _))| here(sale)) {
            let is_it = |body: &FactBody| match body {
                FactBody::Refund { sale: back, amount: given, .. } => {
                    facts.meant(*back) == Some(*sale) && given == amount
                }
                _ => false,
            };
            check(id, Loss::Money, "the money back", &is_it);
        }
        for (id, (sale, amount)) in self.returns.iter().filter(|(_, (sale, _))| here(sale)) {
            let is_it = |body: &FactBody| match body {
                FactBody::Return(back) => facts.meant(back.sale) == Some(*sale) && back.amount() == *amount,
                _ => false,
            };
            check(id, Loss::Money, "the goods that came back", &is_it);
        }
        for (id, _) in self.drawers.iter().filter(|(_, of)| *of == shop) {
            let is_it = |body: &FactBody| {
                matches!(
                    body,
                    FactBody::ShiftOpened { .. }
                        | FactBody::CashMoved { .. }
                        | FactBody::ShiftClosed(_)
                        | FactBody::Trusted { .. }
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
            let Some(expected) = self.expected(*id, &books.money) else { continue };
            if row.paid != expected.paid && !view.dim.sales.contains(id) {
                wrong.push(format!("{id} counts {} as paid; {} was", row.paid, expected.paid));
            }
            let cash = self.cash_of(*id);
            let cash = if row.tender == domain::Tender::Cash { cash + row.total } else { cash };
            by_mpesa = by_mpesa + (row.paid - cash);
        }
        for row in view.payments.values() {
            claimed = claimed + (row.amount - row.free);
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
            let Some(expected) = self.expected(*id, &books.money) else { continue };
            let (state, due, over, conflict) = (row.state, row.due, row.over, row.conflict);
            if (state, due, over, conflict)
                != (expected.state, expected.due, expected.over, expected.conflict)
            {
                wrong.push(format!("{id} stands at {state:?}, due {due}, over {over}, conflict {conflict}; it should be {expected:?}"));
            }
        }
        for (receipt, row) in view.payments.iter().filter(|(code, _)| !view.dim.payments.contains(*code)) {
            let owners = self.owners(&view.shop, receipt, Some(row.amount));
            let taken =
                owners.shares.values().map(|part| part.map_or(row.amount, |part| part.min(row.amount)));
            let free = row.amount - taken.sum();
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
