//! What people do at a till and at head office, and what was acknowledged to them.

mod basket;
mod claims;
mod tenders;

pub use basket::{Basket, Goods};

use super::customs::tax_rate;
use super::desk::Desk;
use super::oracle::{Did, Oracle, What, Written};
use domain::{
    Cited, FactBody, FactId, How, Item, ItemKey, Kind, Level, Money, Msisdn, PhoneEnding, Product, ProductId,
    Quantity, ReceiptCode, Register, ShopId, StockMove, Tender, Timestamp, Version, Why,
};
use fastrand::Rng;
use std::collections::BTreeMap;
use till::{CloudError, TillError};

const PRODUCTS: [&str; 4] = ["bread", "milk", "sugar", "soap"];

/// Something a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deal {
    /// Sells goods.
    Sell(Basket),
    /// Says that the receipt of a sale came out.
    Print(FactId),
    /// Takes what is due in cash, or so many hundredths of it.
    TakeCash(FactId, i64),
    /// Claims a payment for a sale.
    Claim(Claiming),
    /// Gives so many hundredths of what was paid too much back in cash.
    GiveBack(FactId, i64, String),
    /// Keeps so many hundredths of what was paid too much as a tip.
    Tip(FactId, i64),
    /// Leaves what was paid too much on its payment.
    LeaveCredit(FactId),
    /// Takes back as a mistake what was said of a sale: this, or the last that stands.
    Undo(FactId, Option<FactId>, String),
    /// Asks Safaricom to give so much of a payment back.
    AskBack(ShopId, ReceiptCode, Money, String),
    /// Takes back so much of the first lines of a sale; whether it can be sold again.
    TakeBack(FactId, Vec<Quantity>, bool, String),
    /// Opens a drawer, or closes it if it is open; sums of cents.
    Drawer(Money, Money),
    /// Puts cash into a drawer, or takes some out.
    MoveCash(Money, String),
    /// Hands out goods though no payment was found; a manager allows it, or nobody does.
    Trust(FactId, bool, String),
    /// Closes the books up to so many days ago, or opens them again after that day.
    ClosePeriod(ShopId, i64, String),
    /// Takes a claim back.
    Release(FactId, String),
    /// Cancels a sale.
    Void(FactId, String),
    /// Changes a price.
    Edit(ShopId, Product),
    /// Takes in goods, or sends some away.
    Move(ShopId, StockMove),
    /// Counts goods.
    Count(ShopId, BTreeMap<ProductId, Level>),
    /// Asks a customer's phone.
    Prompt(FactId, Msisdn),
    /// Exchanges with the cloud.
    Sync,
}

/// A payment that is claimed for a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claiming {
    /// The sale.
    pub sale: FactId,
    /// The payment.
    pub receipt: ReceiptCode,
    /// How it was decided.
    pub how: How,
    /// Only so many hundredths of what is due.
    pub part: Option<i64>,
    /// How the customer's phone number ends, where somebody takes that down.
    pub phone: Option<PhoneEnding>,
    /// A manager is there, who allows it where that is needed.
    pub manager: bool,
    /// Whoever was first.
    pub despite: bool,
}

/// One of the things a shop sells.
fn a_product(random: &mut Rng) -> ProductId {
    ProductId::parse(PRODUCTS[random.usize(..PRODUCTS.len())]).unwrap()
}

impl Deal {
    /// A sale of one to three things.
    pub fn sale(random: &mut Rng, tender: Tender) -> Self {
        Self::Sell(Basket::of(random, tender))
    }

    /// A price that no other edit of the run sets.
    pub fn edit(random: &mut Rng, shop: &ShopId, place: usize) -> Self {
        let id = a_product(random);
        let price = Money::from_cents(1_000_000 + i64::try_from(place).unwrap());
        Self::Edit(shop.clone(), Product::new(id.clone(), id.as_str(), price).unwrap())
    }

    /// A delivery, or goods that come from another shop or go there.
    pub fn goods(random: &mut Rng, shop: &ShopId) -> Self {
        let why = *random.choice(&[Why::Received, Why::TransferredIn, Why::TransferredOut]).unwrap();
        let quantity = |random: &mut Rng| Quantity::from_milli(500 * random.u32(1..60)).unwrap();
        let goods = (0..random.usize(1..4)).map(|_| (a_product(random), quantity(random))).collect();
        Self::Move(shop.clone(), StockMove::moved(why, "note", goods).unwrap())
    }

    /// Some of the shelves are counted.
    pub fn count(random: &mut Rng, shop: &ShopId) -> Self {
        let level = |random: &mut Rng| Level::from_milli(500 * random.i64(0..80)).unwrap();
        let counted = (0..random.usize(1..4)).map(|_| (a_product(random), level(random))).collect();
        Self::Count(shop.clone(), counted)
    }

    /// The sale it is about, if it is about one that was made before.
    pub fn sale_of(&self) -> Option<FactId> {
        match self {
            Self::Print(sale)
            | Self::TakeCash(sale, _)
            | Self::Claim(Claiming { sale, .. })
            | Self::GiveBack(sale, ..)
            | Self::Tip(sale, _)
            | Self::LeaveCredit(sale)
            | Self::TakeBack(sale, ..)
            | Self::Undo(sale, ..)
            | Self::Trust(sale, ..)
            | Self::Void(sale, _) => Some(*sale),
            _ => None,
        }
    }

    /// Does it. What came of it is acknowledged to the person when this returns.
    ///
    /// # Errors
    /// The till's refusal.
    pub fn done(&self, desk: &Desk, now: Timestamp) -> Result<Did, TillError> {
        // What is meant with a name is what is here under it when it is done.
        let work = Work { desk, now, cites: self.cites(desk)? };
        let (till, by) = (desk.till(), &desk.person);
        match self {
            Self::Sell(basket) => {
                let shop = till.only_shop()?.id;
                let tax = till.tax(&shop, Some(tax_rate()))?;
                let sale = basket.sale(tax, till.rules(&shop)?.0.cash_rounding);
                let sold = till.sell(sale.clone(), by, now, None)?.sale;
                // The receipt says when by the corrected clock.
                Ok(Did::Wrote(vec![work.as_of(sold.id, &sold.shop, sold.at, What::Sold(sale))]))
            }
            Self::Print(sale) => {
                let row = till.printed(*sale, by, now, None)?;
                work.wrote(&row.shop, What::Printed { sale: *sale })
            }
            Self::TakeCash(sale, hundredths) => work.take_cash(*sale, *hundredths),
            Self::GiveBack(sale, hundredths, reason) => work.give_back(*sale, *hundredths, reason),
            Self::Tip(sale, hundredths) => work.tip(*sale, *hundredths),
            Self::LeaveCredit(sale) => work.leave_credit(*sale),
            Self::TakeBack(sale, quantities, restock, reason) => {
                work.take_back(*sale, quantities, *restock, reason)
            }
            Self::Undo(sale, what, reason) => work.undo(*sale, *what, reason),
            Self::AskBack(shop, receipt, amount, reason) => work.ask_back(shop, receipt, *amount, reason),
            Self::Drawer(float, counted) => {
                let shop = till.only_shop()?.id;
                let id = match till.shift_opened()? {
                    None => till.open_shift(*float, by, now, None)?,
                    Some(_) => till.close_shift(*counted, by, now, None)?.id,
                };
                Ok(Did::Wrote(vec![work.as_of(id, &shop, till.corrected(now), What::Drawer)]))
            }
            Self::MoveCash(amount, reason) => {
                let id = till.move_cash(*amount, reason, by, now, None)?;
                let shop = till.only_shop()?.id;
                Ok(Did::Wrote(vec![work.as_of(id, &shop, till.corrected(now), What::Drawer)]))
            }
            Self::Trust(sale, allowed, reason) => work.trust(*sale, *allowed, reason),
            Self::ClosePeriod(shop, days, reason) => {
                let until = till.corrected(now).plus_millis(-days * super::plan::DAY).business_day();
                till.close_period(shop, until, reason, (by, now))?;
                work.wrote(shop, What::PeriodClosed(until))
            }
            Self::Claim(claiming) => work.claim(claiming),
            Self::Release(claim, reason) => work.release(*claim, reason),
            Self::Void(sale, reason) => {
                let row = till.void(*sale, reason, by, now)?;
                work.wrote(&row.shop, What::Voided { sale: *sale, reason: reason.clone() })
            }
            Self::Edit(shop, product) => {
                let seen = prices(desk, shop, &product.id)?;
                till.set(shop, &Item::Product(product.clone()), by, now)?;
                work.wrote(shop, What::Edited { product: product.clone(), seen })
            }
            Self::Move(shop, moved) => {
                till.move_goods(shop, moved.clone(), by, now, None)?;
                work.wrote(shop, What::Moved(moved.clone()))
            }
            Self::Count(shop, counted) => {
                till.count_goods(shop, counted, "", by, now, None)?;
                work.wrote(shop, What::Counted(counted.clone()))
            }
            Self::Prompt(sale, phone) => till.ask_for_payment(*sale, phone, now).map(|_| Did::Nothing),
            Self::Sync => till.sync(now).map(Did::Synced),
        }
    }

    /// What it is about, as it is known here.
    fn cites(&self, desk: &Desk) -> Result<BTreeMap<FactId, Cited>, TillError> {
        let sale = |id: FactId| desk.till().sale(id).map(|row| (id, row.cited()));
        match self {
            Self::Release(id, _) => {
                let claimed = desk.till().claimed(*id)?;
                Ok(BTreeMap::from([(*id, claimed.cited), sale(claimed.sale.id)?]))
            }
            _ => self.sale_of().map(sale).into_iter().collect(),
        }
    }
}

/// A deal under way.
struct Work<'a> {
    desk: &'a Desk,
    now: Timestamp,
    cites: BTreeMap<FactId, Cited>,
}

impl Work<'_> {
    fn as_of(&self, id: FactId, shop: &ShopId, at: Timestamp, what: What) -> Written {
        let (shop, by, cites) = (shop.clone(), self.desk.person.clone(), self.cites.clone());
        Written { id, shop, at, by, what, cites }
    }

    /// What was written last says this.
    fn wrote(&self, shop: &ShopId, what: What) -> Result<Did, TillError> {
        let (id, at) = (self.desk.newest(shop)?, self.desk.till().corrected(self.now));
        Ok(Did::Wrote(vec![self.as_of(id, shop, at, what)]))
    }

    /// What was written last, where it was written after `before`.
    fn fact_after(&self, shop: &ShopId, before: FactId) -> Result<Option<FactBody>, TillError> {
        let id = self.desk.newest(shop)?;
        Ok(self.desk.fact(shop, id)?.filter(|_| id != before).map(|fact| fact.body))
    }
}

/// What a till may say to a person or when its line is bad; anything else stops it.
pub fn is_ordinary(error: &TillError) -> bool {
    matches!(
        error,
        TillError::Refused(_)
            | TillError::Taken(_)
            | TillError::Held(..)
            | TillError::First(_)
            | TillError::OverLimit(_)
            | TillError::Sibling(_)
            | TillError::Cloud(CloudError::Unreachable(_) | CloudError::Refused(_))
            | TillError::Ledger(till::LedgerError::Unknown(_))
    )
}

/// So many hundredths of an amount, one cent at least.
pub fn share(amount: Money, hundredths: i64) -> Money {
    Money::from_cents((amount.cents() * hundredths / 100).max(i64::from(amount > Money::ZERO)))
}

/// Every price that stands for a product here.
fn prices(desk: &Desk, shop: &ShopId, product: &ProductId) -> Result<Vec<Money>, TillError> {
    let key = ItemKey { kind: Kind::Product, id: product.into() };
    let register = desk.till().register(shop, &key)?;
    let price = |version: &Version| match &version.item {
        Item::Product(product) => Some(product.price),
        _ => None,
    };
    Ok(register.iter().flat_map(Register::versions).filter_map(price).collect())
}

/// A sale that may still be paid, made in this shop: one of the latest, or any.
pub fn open_sale(oracle: &Oracle, shop: &ShopId, random: &mut Rng) -> Option<FactId> {
    let open = oracle.open_sales(shop);
    let latest = open.len().saturating_sub(4);
    let from = if random.u8(..4) == 0 { 0 } else { latest };
    random.choice(&open[from..]).copied()
}

/// One of the latest sales of a shop.
pub fn latest_sale(oracle: &Oracle, shop: &ShopId, random: &mut Rng) -> Option<FactId> {
    let own = oracle.sales.iter().filter(|(_, made)| made.shop == *shop);
    let mut own: Vec<(Timestamp, FactId)> = own.map(|(id, made)| (made.at, *id)).collect();
    own.sort();
    random.choice(own.into_iter().rev().take(6)).map(|(_, id)| id)
}
