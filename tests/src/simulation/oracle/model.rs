//! The oracle's own model: what was acknowledged, and what follows from it.

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
    Wrote(Vec<Written>),
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
            What::Undone { sale, what, .. } => (*sale, *what) = (now(*sale), now(*what)),
            What::Cash { sale, .. }
            | What::Tipped { sale, .. }
            | What::Trusted { sale, .. }
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
            | What::AskedBack { .. }
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
        /// By how much more went into the drawer.
        rounding: Money,
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
        /// Who allowed it beyond a limit.
        approved: Option<Person>,
    },
    /// Cash went back to the customer.
    GivenBack {
        /// The sale.
        sale: FactId,
        /// How much.
        amount: Money,
        /// By how much more went out of the drawer.
        rounding: Money,
    },
    /// What was paid too much was kept as a tip.
    Tipped {
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
        /// They can be sold again.
        restock: bool,
    },
    /// Goods were handed out though no payment was found.
    Trusted {
        /// The sale.
        sale: FactId,
        /// Who allowed it.
        approved: Option<Person>,
    },
    /// A drawer was opened or closed, or cash was moved.
    Drawer,
    /// Head office closed the books up to a day.
    PeriodClosed(BusinessDay),
    /// What was said of a sale was a mistake.
    Undone {
        /// The sale.
        sale: FactId,
        /// What was said.
        what: FactId,
        /// Why.
        reason: String,
    },
    /// Safaricom was asked to give a payment back.
    AskedBack {
        /// The payment.
        receipt: ReceiptCode,
        /// How much of it.
        amount: Money,
        /// Why.
        reason: String,
    },
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
    /// Who allowed it beyond a limit.
    pub approved: Option<Person>,
    /// When, by its writer's clock.
    pub at: Timestamp,
}

/// Cash that changed hands for a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tendered {
    /// The sale.
    pub sale: FactId,
    /// How much.
    pub amount: Money,
    /// By how much more there was of it in coins.
    pub rounding: Money,
}

/// Goods of a sale that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CameBack {
    /// The sale.
    pub sale: FactId,
    /// What is owed less for them.
    pub amount: Money,
    /// They can be sold again.
    pub restock: bool,
}

/// What was said of a sale by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The shop.
    pub shop: ShopId,
    /// The sale.
    pub sale: FactId,
    /// What counts no more.
    pub what: FactId,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: Person,
}

/// A payment that Safaricom was asked to give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedBack {
    /// The shop.
    pub shop: ShopId,
    /// The payment.
    pub receipt: ReceiptCode,
    /// How much of it.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: Person,
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

/// The model: everything that was acknowledged, each under its name.
#[derive(Debug, Default)]
pub struct Oracle {
    /// Every receipt that was printed.
    pub sales: BTreeMap<FactId, SaleMade>,
    /// Cash that was taken.
    pub cash: BTreeMap<FactId, Tendered>,
    /// Cash that was given back.
    pub refunds: BTreeMap<FactId, Tendered>,
    /// What was kept as a tip: sale and amount.
    pub tips: BTreeMap<FactId, (FactId, Money)>,
    /// Goods that came back.
    pub returns: BTreeMap<FactId, CameBack>,
    /// Goods that went out on trust: the shop, the sale, and who allowed it.
    pub trusts: BTreeMap<FactId, (ShopId, FactId, Option<Person>)>,
    /// What was said about drawers and periods: in which shop.
    pub drawers: BTreeMap<FactId, ShopId>,
    /// What was said of sales by mistake.
    pub undone: BTreeMap<FactId, Undone>,
    /// Payments that Safaricom was asked to give back.
    pub asked: BTreeMap<FactId, AskedBack>,
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
        if let Did::Wrote(all) = did {
            all.into_iter().for_each(|written| self.keep(written));
        }
    }

    /// This was written.
    pub fn keep(&mut self, written: Written) {
        self.written.insert(written.id, written.clone());
        let Written { id, shop, at, by, what, .. } = written;
        match what {
            What::Sold(sale) => drop(self.sales.insert(id, SaleMade { shop, sale, at, by })),
            What::Cash { sale, amount, rounding } => {
                self.cash.insert(id, Tendered { sale, amount, rounding });
            }
            What::Claimed { sale, receipt, how, part, approved } => {
                self.claims.insert(id, KnownClaim { shop, receipt, sale, how, part, approved, at });
            }
            What::GivenBack { sale, amount, rounding } => {
                self.refunds.insert(id, Tendered { sale, amount, rounding });
            }
            What::Tipped { sale, amount } => drop(self.tips.insert(id, (sale, amount))),
            What::TakenBack { sale, amount, restock } => {
                self.returns.insert(id, CameBack { sale, amount, restock });
            }
            What::Trusted { sale, approved } => drop(self.trusts.insert(id, (shop, sale, approved))),
            What::Drawer | What::PeriodClosed(_) => drop(self.drawers.insert(id, shop)),
            What::Undone { sale, what, reason } => {
                self.undone.insert(id, Undone { shop, sale, what, reason, by });
            }
            What::AskedBack { receipt, amount, reason } => {
                self.asked.insert(id, AskedBack { shop, receipt, amount, reason, by });
            }
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
            self.tips.remove(id);
            self.returns.remove(id);
            self.trusts.remove(id);
            self.drawers.remove(id);
            self.undone.remove(id);
            self.asked.remove(id);
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
        self.keep(written);
        true
    }

    /// Whether a sale was cancelled.
    pub fn is_void(&self, sale: FactId) -> bool {
        self.corrections.values().any(|told| told.sale == sale && told.claim.is_none())
    }

    /// Whether what was said of a sale was taken back as a mistake.
    pub fn is_undone(&self, said: FactId, sale: FactId) -> bool {
        self.undone.values().any(|undone| (undone.what, undone.sale) == (said, sale))
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
