//! What people do at a till and at head office, and what was acknowledged to them.

use super::desk::Desk;
use super::oracle::{Did, Oracle, What, Written};
use domain::{
    Cited, FactBody, FactId, How, Item, ItemKey, Kind, Level, Line, Money, Msisdn, Person, Product,
    ProductId, Quantity, ReceiptCode, Register, Sale, ShopId, StockMove, Tender, Timestamp, Version, Why,
};
use fastrand::Rng;
use std::collections::BTreeMap;
use till::{NewClaim, TillError};

/// What a shop sells, in shillings. Few prices, so that sales are often alike.
const PRICES: [i64; 5] = [50, 65, 120, 350, 500];
const PRODUCTS: [&str; 4] = ["bread", "milk", "sugar", "soap"];

/// Something a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deal {
    /// Sells goods.
    Sell(Sale),
    /// Says that the receipt of a sale came out.
    Print(FactId),
    /// Takes what is due in cash, or so many hundredths of it.
    TakeCash(FactId, i64),
    /// Claims a payment for a sale, or only so much of it as is due; whoever was first, if `despite`.
    Claim {
        /// The sale.
        sale: FactId,
        /// The payment.
        receipt: ReceiptCode,
        /// How it was decided.
        how: How,
        /// Only as much of it as is due.
        part: bool,
        /// Whoever was first.
        despite: bool,
    },
    /// Gives so many hundredths of what was paid too much back in cash.
    GiveBack(FactId, i64, String),
    /// Takes back so much of the first lines of a sale.
    TakeBack(FactId, Vec<Quantity>, String),
    /// Opens a drawer, or closes it if it is open; sums of cents.
    Drawer(Money, Money),
    /// Puts cash into a drawer, or takes some out.
    MoveCash(Money, String),
    /// Hands out goods though no payment was found; a manager allows it, or nobody does.
    Trust(FactId, bool, String),
    /// Closes the books up to yesterday.
    ClosePeriod(ShopId),
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

/// One of the things a shop sells.
fn a_product(random: &mut Rng) -> ProductId {
    ProductId::parse(PRODUCTS[random.usize(..PRODUCTS.len())]).unwrap()
}

impl Deal {
    /// A sale of one to three things.
    pub fn sale(random: &mut Rng, tender: Tender) -> Self {
        let line = |random: &mut Rng| {
            let price = *random.choice(&PRICES).unwrap();
            let quantity = Quantity::from_milli(1000 * random.u32(1..3)).unwrap();
            let product = a_product(random);
            let line = Line::new(product.as_str(), quantity, Money::from_cents(price * 100)).unwrap();
            line.of(product)
        };
        let count = 1 + random.usize(..3);
        let lines: Vec<Line> = (0..count).map(|_| line(random)).collect();
        let total = lines.iter().map(|line| line.amount).sum();
        Self::Sell(Sale::new(lines, total, tender, None).unwrap())
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

    /// Does it. What came of it is acknowledged to the person when this returns.
    ///
    /// # Errors
    /// The till's refusal.
    pub fn done(&self, desk: &Desk, now: Timestamp) -> Result<Did, TillError> {
        let (till, by) = (desk.till(), &desk.person);
        // What is meant with a name is what is here under it when it is done.
        let cites = self.cites(desk)?;
        let wrote_as = |id: FactId, shop: &ShopId, at: Timestamp, what: What| {
            let (shop, by, cites) = (shop.clone(), by.clone(), cites.clone());
            Did::Wrote(Box::new(Written { id, shop, at, by, what, cites }))
        };
        let wrote =
            |shop: &ShopId, what: What| Ok(wrote_as(desk.newest(shop)?, shop, till.corrected(now), what));
        match self {
            Self::Sell(sale) => {
                let sold = till.sell(sale.clone(), by, now, None)?.sale;
                // The receipt says when by the corrected clock.
                Ok(wrote_as(sold.id, &sold.shop, sold.at, What::Sold(sale.clone())))
            }
            Self::Print(sale) => {
                let row = till.printed(*sale, by, now, None)?;
                wrote(&row.shop, What::Printed { sale: *sale })
            }
            Self::TakeCash(sale, hundredths) => {
                let amount = share(till.sale(*sale)?.due, *hundredths);
                let row = till.take_cash(*sale, (*hundredths < 100).then_some(amount), by, now, None)?;
                wrote(&row.shop, What::Cash { sale: *sale, amount })
            }
            Self::GiveBack(sale, hundredths, reason) => {
                let amount = share(till.sale(*sale)?.over, *hundredths);
                let row = till.give_back(*sale, Some(amount), reason, by, now, None)?;
                wrote(&row.shop, What::GivenBack { sale: *sale, amount })
            }
            Self::TakeBack(sale, quantities, reason) => {
                let goods: Vec<(u16, Quantity)> = (0..).zip(quantities.iter().copied()).collect();
                let before = desk.newest(&till.sale(*sale)?.shop)?;
                let row = till.take_goods_back(*sale, &goods, (true, reason), (by, now), None)?;
                let id = desk.newest(&row.shop)?;
                match desk.fact(&row.shop, id)?.filter(|_| id != before).map(|fact| fact.body) {
                    Some(FactBody::Return(back)) => {
                        wrote(&row.shop, What::TakenBack { sale: *sale, amount: back.amount() })
                    }
                    _ => Ok(Did::Nothing),
                }
            }
            Self::Drawer(float, counted) => {
                let shop = till.only_shop()?.id;
                let id = match till.shift_opened()? {
                    None => till.open_shift(*float, by, now, None)?,
                    Some(_) => till.close_shift(*counted, by, now, None)?.id,
                };
                Ok(wrote_as(id, &shop, till.corrected(now), What::Drawer))
            }
            Self::MoveCash(amount, reason) => {
                let id = till.move_cash(*amount, reason, by, now, None)?;
                Ok(wrote_as(id, &till.only_shop()?.id, till.corrected(now), What::Drawer))
            }
            Self::Trust(sale, allowed, reason) => {
                let manager = allowed.then(|| Person::named("Mary"));
                let row = till.trust(*sale, reason, manager, (by, now))?;
                wrote(&row.shop, What::Trusted(*sale))
            }
            Self::ClosePeriod(shop) => {
                let yesterday = till.corrected(now).plus_millis(-super::plan::DAY).business_day();
                till.close_period(shop, yesterday, "", (by, now))?;
                wrote(shop, What::PeriodClosed(yesterday))
            }
            Self::Claim { sale, receipt, how, part, despite } => {
                let before = till.claims(*sale)?;
                let part = part.then_some(till.sale(*sale)?.due).filter(|due| *due > Money::ZERO);
                let wanted = NewClaim { part, ..NewClaim::new(receipt.clone(), *how) };
                let row = match till.claim(*sale, wanted.clone(), by, now) {
                    Err(TillError::First(_)) if *despite => till.claim_despite(*sale, wanted, by, now)?,
                    claimed => claimed?,
                };
                let mut claims = till.claims(*sale)?.into_iter();
                let new = claims.find(|claim| !before.iter().any(|known| known.id == claim.id));
                let Some(claim) = new else { return Ok(Did::Nothing) };
                // Of a payment that others share, whoever says nothing gets what is free: the claim says how much.
                assert!(part.is_none() || claim.part == part, "asked for {part:?}, wrote {:?}", claim.part);
                let (receipt, how, part) = (receipt.clone(), *how, claim.part);
                let what = What::Claimed { sale: *sale, receipt, how, part };
                Ok(wrote_as(claim.id, &row.shop, claim.at, what))
            }
            Self::Release(claim, reason) => {
                let row = till.release(*claim, reason, by, now)?;
                let row = row.expect("what is released here is for a sale here");
                wrote(&row.shop, What::Released { sale: row.id, claim: *claim, reason: reason.clone() })
            }
            Self::Void(sale, reason) => {
                let row = till.void(*sale, reason, by, now)?;
                wrote(&row.shop, What::Voided { sale: *sale, reason: reason.clone() })
            }
            Self::Edit(shop, product) => {
                let seen = prices(desk, shop, &product.id)?;
                till.set(shop, &Item::Product(product.clone()), by, now)?;
                wrote(shop, What::Edited { product: product.clone(), seen })
            }
            Self::Move(shop, moved) => {
                till.move_goods(shop, moved.clone(), by, now, None)?;
                wrote(shop, What::Moved(moved.clone()))
            }
            Self::Count(shop, counted) => {
                till.count_goods(shop, counted, "", by, now, None)?;
                wrote(shop, What::Counted(counted.clone()))
            }
            Self::Prompt(sale, phone) => till.ask_for_payment(*sale, phone, now).map(|_| Did::Nothing),
            Self::Sync => till.sync(now).map(Did::Synced),
        }
    }
}

impl Deal {
    /// What it is about, as it is known here.
    fn cites(&self, desk: &Desk) -> Result<BTreeMap<FactId, Cited>, TillError> {
        let sale = |id: FactId| desk.till().sale(id).map(|row| (id, row.cited()));
        Ok(match self {
            Self::Print(id)
            | Self::TakeCash(id, _)
            | Self::Claim { sale: id, .. }
            | Self::GiveBack(id, ..)
            | Self::TakeBack(id, ..)
            | Self::Trust(id, ..)
            | Self::Void(id, _) => BTreeMap::from([sale(*id)?]),
            Self::Release(id, _) => {
                let claimed = desk.till().claimed(*id)?;
                BTreeMap::from([(*id, claimed.cited), sale(claimed.sale.id)?])
            }
            _ => BTreeMap::new(),
        })
    }
}

/// So many hundredths of an amount, one cent at least.
fn share(amount: Money, hundredths: i64) -> Money {
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
