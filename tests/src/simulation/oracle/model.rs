//! The oracle's own model: what was acknowledged, and what follows from it.

use domain::standing::SaleState;
use domain::{
    Actor, BusinessDay, Cited, FactId, How, Level, Money, Person, Product, ProductId, ReceiptCode, Sale,
    ShopId, StockMove, Tender, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use till::SyncReport;

/// What came of something that a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Did {
    /// Something was written, and the person was told so.
    Wrote(Box<Written>),
    /// An exchange.
    Synced(SyncReport),
    /// Nothing that would have to be kept.
    Nothing,
}

/// Something that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub id: FactId,
    /// In which shop.
    pub shop: ShopId,
    /// When, as its writer says.
    pub at: Timestamp,
    /// By whom.
    pub by: Person,
    /// What.
    pub what: What,
    /// Which facts its writer meant with the names in it.
    pub cites: BTreeMap<FactId, Cited>,
}

/// What everything is called now that was written while two files of one till wrote under one name.
pub type Names = BTreeMap<Cited, FactId>;

impl Written {
    /// The same, where what it is about is called what it is called now.
    #[must_use]
    pub fn renamed(mut self, names: &Names) -> Self {
        let now = |id: FactId| self.cites.get(&id).and_then(|cited| names.get(cited)).copied().unwrap_or(id);
        match &mut self.what {
            What::Released { sale, claim, .. } => (*sale, *claim) = (now(*sale), now(*claim)),
            What::Trusted(sale) => *sale = now(*sale),
            What::Cash { sale, .. }
            | What::Claimed { sale, .. }
            | What::Voided { sale, .. }
            | What::GivenBack { sale, .. }
            | What::TakenBack { sale, .. }
            | What::Printed { sale } => *sale = now(*sale),
            What::Sold(_)
            | What::Edited { .. }
            | What::Moved(_)
            | What::Counted(_)
            | What::Drawer
            | What::PeriodClosed(_) => {}
        }
        self
    }
}

/// What can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A receipt was printed.
    Sold(Sale),
    /// Cash was taken.
    Cash {
        /// The sale it pays.
        sale: FactId,
        /// How much.
        amount: Money,
    },
    /// A payment was claimed for a sale.
    Claimed {
        /// The sale.
        sale: FactId,
        /// The payment.
        receipt: ReceiptCode,
        /// How it was decided.
        how: How,
        /// How much of the payment is for this sale, where not all of it is.
        part: Option<Money>,
    },
    /// Cash went back to the customer.
    GivenBack {
        /// The sale.
        sale: FactId,
        /// How much.
        amount: Money,
    },
    /// Goods of a sale came back.
    TakenBack {
        /// The sale.
        sale: FactId,
        /// What the customer owes less for them.
        amount: Money,
    },
    /// Goods were handed out though no payment was found.
    Trusted(FactId),
    /// A drawer was opened or closed, or cash was moved.
    Drawer,
    /// Head office closed the books up to a day.
    PeriodClosed(BusinessDay),
    /// A claim was taken back.
    Released {
        /// The claim's sale.
        sale: FactId,
        /// The claim.
        claim: FactId,
        /// Why.
        reason: String,
    },
    /// A sale was cancelled.
    Voided {
        /// The sale.
        sale: FactId,
        /// Why.
        reason: String,
    },
    /// A price was changed.
    Edited {
        /// The new value; no two edits of a run set the same price.
        product: Product,
        /// The prices that whoever changed it saw.
        seen: Vec<Money>,
    },
    /// Goods came or went.
    Moved(StockMove),
    /// Goods were counted.
    Counted(BTreeMap<ProductId, Level>),
    /// Whoever prints said that the receipt came out.
    Printed {
        /// The sale.
        sale: FactId,
    },
}

/// A receipt that was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleMade {
    /// Where.
    pub shop: ShopId,
    /// What is on it.
    pub sale: Sale,
    /// When, as the receipt says.
    pub at: Timestamp,
    /// The cashier.
    pub by: Person,
}

/// A claim as the model knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownClaim {
    /// The shop.
    pub shop: ShopId,
    /// The payment.
    pub receipt: ReceiptCode,
    /// The sale.
    pub sale: FactId,
    /// How it was decided.
    pub how: How,
    /// How much of the payment it is about, where not all of it is.
    pub part: Option<Money>,
    /// When, by its writer's clock.
    pub at: Timestamp,
}

/// A correction: what was said, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The shop.
    pub shop: ShopId,
    /// The sale it is about.
    pub sale: FactId,
    /// The claim that was taken back, and its payment; else the sale was cancelled.
    pub claim: Option<(FactId, Option<ReceiptCode>)>,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: Person,
}

/// A price that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The shop.
    pub shop: ShopId,
    /// The product.
    pub product: ProductId,
    /// The price; no two edits of a run set the same.
    pub price: Money,
    /// The prices that whoever set it saw.
    pub seen: Vec<Money>,
}

/// Goods that moved or were counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goods {
    /// They came or went.
    Moved(StockMove),
    /// They were counted.
    Counted(BTreeMap<ProductId, Level>),
}

/// Who has a payment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners {
    /// The sale that has it, or had a part of it first.
    pub first: Option<FactId>,
    /// The sales that have it, each with how much it asked for.
    pub shares: BTreeMap<FactId, Option<Money>>,
    /// The sales that want it and have none of it.
    pub lost: BTreeSet<FactId>,
}

fn positive(amount: Money) -> Money {
    if amount > Money::ZERO { amount } else { Money::ZERO }
}

/// Where a sale has to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// In one word.
    pub state: SaleState,
    /// What was paid.
    pub paid: Money,
    /// What is due.
    pub due: Money,
    /// What goes back.
    pub over: Money,
    /// Another sale has a payment that was claimed for it.
    pub conflict: bool,
}

/// The model: everything that was acknowledged, each under its name.
#[derive(Debug, Default)]
pub struct Oracle {
    /// Every receipt that was printed.
    pub sales: BTreeMap<FactId, SaleMade>,
    /// Cash that was taken: sale and amount.
    pub cash: BTreeMap<FactId, (FactId, Money)>,
    /// Cash that was given back: sale and amount.
    pub refunds: BTreeMap<FactId, (FactId, Money)>,
    /// Goods that came back: sale and what is owed less for them.
    pub returns: BTreeMap<FactId, (FactId, Money)>,
    /// What was said about drawers, periods and goods that went out on trust: in which shop.
    pub drawers: BTreeMap<FactId, ShopId>,
    /// Claims.
    pub claims: BTreeMap<FactId, KnownClaim>,
    /// Claims that were taken back, and sales that were cancelled.
    pub corrections: BTreeMap<FactId, Correction>,
    /// Prices that were set.
    pub edits: BTreeMap<FactId, Edit>,
    /// Goods that moved or were counted.
    pub goods: BTreeMap<FactId, (ShopId, Goods)>,
    /// Sales whose receipt came out, as whoever prints said.
    pub printed: BTreeMap<FactId, (ShopId, FactId)>,
    /// All of these, as they were written.
    pub written: BTreeMap<FactId, Written>,
    /// What went with a disk that failed. A stick or a late message may still bring it.
    pub gone: BTreeMap<FactId, Written>,
    /// Names under which the till that lies tried to write, acknowledged or not.
    pub tried: BTreeSet<FactId>,
    /// Bodies that were acknowledged and belong to nobody.
    pub strays: Vec<Vec<u8>>,
    /// What customers showed: the codes on their phones, and for which sale they paid.
    pub shown: Vec<(ShopId, ReceiptCode, Option<FactId>)>,
}

impl Oracle {
    /// Something was acknowledged: from now on it has to be so.
    pub fn acknowledge(&mut self, did: Did) {
        let Did::Wrote(written) = did else { return };
        self.written.insert(written.id, (*written).clone());
        let Written { id, shop, at, by, what, .. } = *written;
        match what {
            What::Sold(sale) => drop(self.sales.insert(id, SaleMade { shop, sale, at, by })),
            What::Cash { sale, amount } => drop(self.cash.insert(id, (sale, amount))),
            What::Claimed { sale, receipt, how, part } => {
                self.claims.insert(id, KnownClaim { shop, receipt, sale, how, part, at });
            }
            What::GivenBack { sale, amount } => drop(self.refunds.insert(id, (sale, amount))),
            What::TakenBack { sale, amount } => drop(self.returns.insert(id, (sale, amount))),
            What::Drawer | What::Trusted(_) | What::PeriodClosed(_) => drop(self.drawers.insert(id, shop)),
            What::Released { sale, claim, reason } => {
                let receipt = self.claims.get(&claim).map(|claim| claim.receipt.clone());
                let claim = Some((claim, receipt));
                self.corrections.insert(id, Correction { shop, sale, claim, reason, by });
            }
            What::Voided { sale, reason } => {
                self.corrections.insert(id, Correction { shop, sale, claim: None, reason, by });
            }
            What::Edited { product: Product { id: product, price, .. }, seen } => {
                self.edits.insert(id, Edit { shop, product, price, seen });
            }
            What::Moved(moved) => drop(self.goods.insert(id, (shop, Goods::Moved(moved)))),
            What::Counted(counted) => drop(self.goods.insert(id, (shop, Goods::Counted(counted)))),
            What::Printed { sale } => drop(self.printed.insert(id, (shop, sale))),
        }
    }

    /// A disk is gone: what was written in a shop beyond what is kept elsewhere need not be there any more. Gives
    /// how much that is.
    pub fn lose(&mut self, shop: &ShopId, kept: &BTreeMap<Actor, u64>) -> usize {
        let beyond = |written: &Written| {
            let FactId { actor, number } = written.id;
            written.shop == *shop && kept.get(&actor).is_none_or(|kept| number > *kept)
        };
        let gone: Vec<Written> = self.written.values().filter(|it| beyond(it)).cloned().collect();
        for written in &gone {
            let id = &written.id;
            self.written.remove(id);
            self.sales.remove(id);
            self.cash.remove(id);
            self.refunds.remove(id);
            self.returns.remove(id);
            self.drawers.remove(id);
            self.claims.remove(id);
            self.corrections.remove(id);
            self.edits.remove(id);
            self.goods.remove(id);
            self.printed.remove(id);
        }
        let count = gone.len();
        self.gone.extend(gone.into_iter().map(|written| (written.id, written)));
        count
    }

    /// What had gone with a disk is there after all.
    pub fn comes_back(&mut self, id: FactId) -> bool {
        let Some(written) = self.gone.remove(&id) else { return false };
        self.acknowledge(Did::Wrote(Box::new(written)));
        true
    }

    /// Whether a sale was cancelled.
    pub fn is_void(&self, sale: FactId) -> bool {
        self.corrections.values().any(|told| told.sale == sale && told.claim.is_none())
    }

    /// Whether a claim was taken back.
    pub fn is_released(&self, claim: FactId) -> bool {
        let about = |told: &Correction| told.claim.as_ref().is_some_and(|(released, _)| *released == claim);
        self.corrections.values().any(about)
    }

    /// The M-Pesa sales of a shop that nobody cancelled, oldest first.
    pub fn open_sales(&self, shop: &ShopId) -> Vec<FactId> {
        let open = |(id, made): &(&FactId, &SaleMade)| {
            made.shop == *shop && made.sale.tender == Tender::Mpesa && !self.is_void(**id)
        };
        let mut open: Vec<(Timestamp, FactId)> =
            self.sales.iter().filter(open).map(|(id, made)| (made.at, *id)).collect();
        open.sort();
        open.into_iter().map(|(_, id)| id).collect()
    }

    /// Who has a payment: the strongest ground first, among equals the earliest, among those the smaller name; parts
    /// stand beside each other as long as there is enough of it, or nobody knows how much there is.
    pub fn owners(&self, shop: &ShopId, receipt: &ReceiptCode, arrived: Option<Money>) -> Owners {
        let standing = self.claims.iter().filter(|(id, claim)| {
            claim.shop == *shop
                && claim.receipt == *receipt
                && !self.is_released(**id)
                && !self.is_void(claim.sale)
        });
        let strength = |how: How| match how {
            How::StkRequest => 0,
            How::AccountReference => 1,
            How::Typed => 2,
            How::Picked => 3,
            How::Automatic => 4,
        };
        let mut standing: Vec<(&FactId, &KnownClaim)> = standing.collect();
        standing.sort_by_key(|(id, claim)| (strength(claim.how), claim.at, **id));
        let mut owners = Owners::default();
        let (mut taken, mut whole) = (Money::ZERO, false);
        for (_, claim) in standing {
            let sale = claim.sale;
            if owners.shares.contains_key(&sale) || owners.lost.contains(&sale) {
                continue;
            }
            let room = |part: Money| !whole && arrived.is_none_or(|arrived| taken + part <= arrived);
            let first = owners.shares.is_empty();
            if first || claim.part.is_some_and(room) {
                owners.first = owners.first.or(Some(sale));
                owners.shares.insert(sale, claim.part);
                taken = taken + claim.part.unwrap_or_default();
                whole |= claim.part.is_none();
            } else {
                owners.lost.insert(sale);
            }
        }
        owners
    }

    /// The cash that was taken for a sale after it was made, less what was given back.
    pub fn cash_of(&self, id: FactId) -> Money {
        let sum = |all: &BTreeMap<FactId, (FactId, Money)>| -> Money {
            all.values().filter(|(sale, _)| *sale == id).map(|(_, amount)| *amount).sum()
        };
        sum(&self.cash) - sum(&self.refunds)
    }

    /// What a customer owes for a sale.
    pub fn owed(&self, id: FactId) -> Money {
        let Some(made) = self.sales.get(&id).filter(|_| !self.is_void(id)) else { return Money::ZERO };
        let back = self.returns.values().filter(|(sale, _)| *sale == id).map(|(_, amount)| *amount);
        positive(made.sale.total - back.sum())
    }

    /// Where a sale has to stand, when the money in the books is known.
    pub fn expected(&self, id: FactId, money: &BTreeMap<(ShopId, ReceiptCode), Money>) -> Option<Expected> {
        let made = self.sales.get(&id)?;
        let mut paid = self.cash_of(id);
        if made.sale.tender == Tender::Cash {
            paid = paid + made.sale.total;
        }
        let (mut awaited, mut lost) = (false, false);
        let named: BTreeSet<&ReceiptCode> = self
            .claims
            .iter()
            .filter(|(claim, known)| known.sale == id && !self.is_released(**claim))
            .map(|(_, known)| &known.receipt)
            .collect();
        for receipt in named {
            let arrived = money.get(&(made.shop.clone(), receipt.clone())).copied();
            match (self.owners(&made.shop, receipt, arrived).shares.get(&id), arrived) {
                (Some(part), Some(arrived)) => paid = paid + part.map_or(arrived, |part| part.min(arrived)),
                (Some(_), None) => awaited = true,
                (None, _) => lost = true,
            }
        }
        let owed = self.owed(id);
        let (due, over) = (positive(owed - paid), positive(paid - owed));
        let state = match () {
            () if self.is_void(id) => SaleState::Voided,
            () if due == Money::ZERO => SaleState::Paid,
            () if awaited => SaleState::Claimed,
            () if paid > Money::ZERO => SaleState::PartPaid,
            () => SaleState::Open,
        };
        let conflict = lost && state != SaleState::Voided;
        Some(Expected { state, paid, due, over, conflict })
    }

    /// The prices that have to stand for a product: every one that nobody who set another had seen.
    pub fn standing_prices(&self, shop: &ShopId) -> BTreeMap<ProductId, BTreeSet<Money>> {
        let own = || self.edits.values().filter(|edit| edit.shop == *shop);
        let superseded: BTreeSet<Money> = own().flat_map(|edit| edit.seen.iter().copied()).collect();
        let mut standing: BTreeMap<ProductId, BTreeSet<Money>> = BTreeMap::new();
        for edit in own() {
            let prices = standing.entry(edit.product.clone()).or_default();
            prices.extend(Some(edit.price).filter(|price| !superseded.contains(price)));
        }
        standing
    }
}
