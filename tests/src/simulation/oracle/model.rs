//! The oracle's own model: what was acknowledged, and what follows from it.

use domain::standing::SaleState;
use domain::{FactId, How, Money, Person, Product, ProductId, ReceiptCode, Sale, ShopId, Tender, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use till::{ClaimRow, SyncReport};

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

/// What came of something that a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Did {
    /// A receipt was printed.
    Sold(FactId, SaleMade),
    /// Cash was taken.
    Cash {
        /// The shop.
        shop: ShopId,
        /// The sale it pays.
        sale: FactId,
        /// How much.
        amount: Money,
        /// When, by the till's clock.
        at: Timestamp,
        /// How often cash had been taken for it before, as far as this till knew.
        before: usize,
    },
    /// A payment was claimed for a sale.
    Claimed(ShopId, FactId, Box<ClaimRow>),
    /// A claim was taken back.
    Released {
        /// The shop.
        shop: ShopId,
        /// The claim's sale.
        sale: FactId,
        /// The claim.
        claim: FactId,
        /// Why.
        reason: String,
        /// By whom.
        by: Person,
    },
    /// A sale was cancelled.
    Voided {
        /// The shop.
        shop: ShopId,
        /// The sale.
        sale: FactId,
        /// Why.
        reason: String,
        /// By whom.
        by: Person,
    },
    /// A price was changed.
    Edited {
        /// The shop.
        shop: ShopId,
        /// The new value; no two edits of a run set the same price.
        product: Product,
        /// The prices that whoever changed it saw.
        seen: Vec<Money>,
    },
    /// An exchange.
    Synced(SyncReport),
    /// Nothing that would have to be kept.
    Nothing,
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
    /// When, by its writer's clock.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// A correction: what was said, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The sale it is about.
    pub sale: FactId,
    /// Whether the sale was cancelled; else a claim was taken back.
    pub cancelled: bool,
    /// The payment, for a claim that was taken back.
    pub receipt: Option<ReceiptCode>,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
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

/// The model.
#[derive(Debug, Default)]
pub struct Oracle {
    /// Every receipt that was printed.
    pub sales: BTreeMap<FactId, SaleMade>,
    /// Cash that was taken: sale and amount.
    pub cash: Vec<(FactId, Money)>,
    /// Claims, by name.
    pub claims: BTreeMap<FactId, KnownClaim>,
    /// Claims that were taken back.
    pub released: BTreeSet<FactId>,
    /// Sales that were cancelled.
    pub voided: BTreeSet<FactId>,
    /// Corrections, with their reasons.
    pub corrections: Vec<(ShopId, Correction)>,
    /// Prices that were set.
    pub edits: BTreeMap<(ShopId, ProductId), BTreeSet<Money>>,
    /// Prices that a later edit had seen.
    pub superseded: BTreeSet<Money>,
    /// Names under which the till that lies tried to sell, acknowledged or not.
    pub tried: BTreeSet<FactId>,
    /// Bodies that were acknowledged and belong to nobody.
    pub strays: Vec<Vec<u8>>,
    /// What customers showed: the codes on their phones, and for which sale they paid.
    pub shown: Vec<(ShopId, ReceiptCode, Option<FactId>)>,
}

impl Oracle {
    /// Something was acknowledged: from now on it has to be so.
    pub fn acknowledge(&mut self, did: &Did) {
        match did.clone() {
            Did::Sold(id, made) => drop(self.sales.insert(id, made)),
            Did::Cash { sale, amount, .. } => self.cash.push((sale, amount)),
            Did::Claimed(shop, sale, claim) => self.learn_claim(shop, sale, &claim),
            Did::Released { shop, sale, claim, reason, by } => {
                let receipt = self.claims.get(&claim).map(|claim| claim.receipt.clone());
                let by = by.as_str().to_owned();
                self.corrections.push((shop, Correction { sale, cancelled: false, receipt, reason, by }));
                self.released.insert(claim);
            }
            Did::Voided { shop, sale, reason, by } => {
                let by = by.as_str().to_owned();
                self.corrections
                    .push((shop, Correction { sale, cancelled: true, receipt: None, reason, by }));
                self.voided.insert(sale);
            }
            Did::Edited { shop, product, seen } => {
                self.superseded.extend(seen);
                self.edits.entry((shop, product.id)).or_default().insert(product.price);
            }
            Did::Synced(_) | Did::Nothing => {}
        }
    }

    /// A claim that somebody made, or a till by itself.
    pub fn learn_claim(&mut self, shop: ShopId, sale: FactId, claim: &ClaimRow) {
        let ClaimRow { id, receipt, how, at, by, .. } = claim.clone();
        self.claims.entry(id).or_insert(KnownClaim { shop, receipt, sale, how, at, by });
    }

    /// The M-Pesa sales of a shop that nobody cancelled, oldest first.
    pub fn open_sales(&self, shop: &ShopId) -> Vec<FactId> {
        let open = |(id, made): &(&FactId, &SaleMade)| {
            made.shop == *shop && made.sale.tender == Tender::Mpesa && !self.voided.contains(id)
        };
        let mut open: Vec<(Timestamp, FactId)> =
            self.sales.iter().filter(open).map(|(id, made)| (made.at, *id)).collect();
        open.sort();
        open.into_iter().map(|(_, id)| id).collect()
    }

    /// Which sale has a payment: the strongest ground, among equals the earliest, among those the smaller
    /// name; and whether any other sale wants it.
    pub fn owner(&self, shop: &ShopId, receipt: &ReceiptCode) -> Option<(FactId, bool)> {
        let standing = self.claims.iter().filter(|(id, claim)| {
            claim.shop == *shop
                && claim.receipt == *receipt
                && !self.released.contains(id)
                && !self.voided.contains(&claim.sale)
        });
        let standing: Vec<(&FactId, &KnownClaim)> = standing.collect();
        let strength = |how: How| match how {
            How::StkRequest => 0,
            How::AccountReference => 1,
            How::Typed => 2,
            How::Picked => 3,
            How::Automatic => 4,
        };
        let first = standing.iter().min_by_key(|(id, claim)| (strength(claim.how), claim.at, **id))?;
        let sale = first.1.sale;
        Some((sale, standing.iter().any(|(_, claim)| claim.sale != sale)))
    }

    /// Where a sale has to stand, when the money in the books is known.
    pub fn expected(&self, id: FactId, money: &BTreeMap<(ShopId, ReceiptCode), Money>) -> Option<Expected> {
        let made = self.sales.get(&id)?;
        let total = made.sale.total;
        let mut paid: Money =
            self.cash.iter().filter(|(sale, _)| *sale == id).map(|(_, amount)| *amount).sum();
        if made.sale.tender == Tender::Cash {
            paid = paid + total;
        }
        let (mut awaited, mut lost) = (false, false);
        let named: BTreeSet<&ReceiptCode> = self
            .claims
            .iter()
            .filter(|(claim, known)| known.sale == id && !self.released.contains(claim))
            .map(|(_, known)| &known.receipt)
            .collect();
        for receipt in named {
            match (self.owner(&made.shop, receipt), money.get(&(made.shop.clone(), receipt.clone()))) {
                (Some((owner, _)), Some(amount)) if owner == id => paid = paid + *amount,
                (Some((owner, _)), None) if owner == id => awaited = true,
                _ => lost = true,
            }
        }
        if self.voided.contains(&id) {
            let (due, over, conflict) = (Money::ZERO, paid, false);
            return Some(Expected { state: SaleState::Voided, paid, due, over, conflict });
        }
        let state = match () {
            () if paid >= total => SaleState::Paid,
            () if awaited => SaleState::Claimed,
            () if paid > Money::ZERO => SaleState::PartPaid,
            () => SaleState::Open,
        };
        let positive = |amount: Money| if amount > Money::ZERO { amount } else { Money::ZERO };
        let (due, over) = (positive(total - paid), positive(paid - total));
        Some(Expected { state, paid, due, over, conflict: lost })
    }

    /// The prices that have to stand for a product: every one that nobody who set another had seen.
    pub fn standing_prices(&self, shop: &ShopId) -> BTreeMap<ProductId, BTreeSet<Money>> {
        let own = self.edits.iter().filter(|((edited, _), _)| edited == shop);
        let left = |prices: &BTreeSet<Money>| prices.difference(&self.superseded).copied().collect();
        own.map(|((_, product), prices)| (product.clone(), left(prices))).collect()
    }
}
