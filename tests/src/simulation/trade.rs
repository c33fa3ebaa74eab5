//! What people do at a till and at head office, and what was acknowledged to them.

use super::desk::Desk;
use super::oracle::{Did, Oracle, SaleMade};
use domain::standing::SaleState;
use domain::{
    FactId, How, Item, ItemKey, Kind, Line, Money, Msisdn, Product, ProductId, Quantity, ReceiptCode,
    Register, Sale, ShopId, Tender, Timestamp, Version,
};
use fastrand::Rng;
use till::{Deed, TillError};

/// What a shop sells, in shillings. Few prices, so that sales are often alike.
const PRICES: [i64; 5] = [50, 65, 120, 350, 500];
const PRODUCTS: [&str; 4] = ["bread", "milk", "sugar", "soap"];

/// Something a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deal {
    /// Sells goods.
    Sell(Sale),
    /// Takes what is due in cash.
    TakeCash(FactId),
    /// Claims a payment for a sale.
    Claim(FactId, ReceiptCode, How),
    /// Takes a claim back.
    Release(FactId, String),
    /// Cancels a sale.
    Void(FactId, String),
    /// Changes a price.
    Edit(ShopId, Product),
    /// Asks a customer's phone.
    Prompt(FactId, Msisdn),
    /// Exchanges with the cloud.
    Sync,
}

impl Deal {
    /// A sale of one to three things.
    pub fn sale(random: &mut Rng, tender: Tender) -> Self {
        let line = |random: &mut Rng| {
            let price = *random.choice(&PRICES).unwrap();
            let quantity = Quantity::from_milli(1000 * random.u32(1..3)).unwrap();
            let product = PRODUCTS[random.usize(..PRODUCTS.len())];
            let line = Line::new(product, quantity, Money::from_cents(price * 100)).unwrap();
            line.of(ProductId::parse(product).unwrap())
        };
        let count = 1 + random.usize(..3);
        let lines: Vec<Line> = (0..count).map(|_| line(random)).collect();
        let total = lines.iter().map(|line| line.amount).sum();
        Self::Sell(Sale::new(lines, total, tender, None).unwrap())
    }

    /// A price that no other edit of the run sets.
    pub fn edit(random: &mut Rng, shop: &ShopId, place: usize) -> Self {
        let id = ProductId::parse(PRODUCTS[random.usize(..PRODUCTS.len())]).unwrap();
        let price = Money::from_cents(1_000_000 + i64::try_from(place).unwrap());
        Self::Edit(shop.clone(), Product::new(id.clone(), id.as_str(), price).unwrap())
    }

    /// Does it. What came of it is acknowledged to the person when this returns.
    ///
    /// # Errors
    /// The till's refusal.
    pub fn done(&self, desk: &Desk, now: Timestamp) -> Result<Did, TillError> {
        let (till, by) = (desk.till(), &desk.person);
        match self {
            Self::Sell(sale) => {
                let sold = till.sell(sale.clone(), by, now, None)?.sale;
                // The receipt says when by the corrected clock.
                let made = SaleMade { shop: sold.shop, sale: sale.clone(), at: sold.at, by: by.clone() };
                Ok(Did::Sold(sold.id, made))
            }
            Self::TakeCash(sale) => {
                let before = cash_of(desk, *sale)?;
                let due = till.sale(*sale)?.due;
                let row = till.take_cash(*sale, by, now)?;
                let at = till.corrected(now);
                Ok(Did::Cash { shop: row.shop, sale: *sale, amount: due, at, before })
            }
            Self::Claim(sale, receipt, how) => {
                let before = till.claims(*sale)?;
                let row = till.claim(*sale, receipt.clone(), *how, by, now)?;
                let mut claims = till.claims(*sale)?.into_iter();
                let new = claims.find(|claim| !before.iter().any(|known| known.id == claim.id));
                Ok(new.map_or(Did::Nothing, |claim| Did::Claimed(row.shop, *sale, Box::new(claim))))
            }
            Self::Release(claim, reason) => {
                let row =
                    till.release(*claim, reason, by, now)?.expect("what is released here is for a sale here");
                let (claim, reason, by) = (*claim, reason.clone(), by.clone());
                Ok(Did::Released { shop: row.shop, sale: row.id, claim, reason, by })
            }
            Self::Void(sale, reason) => {
                let row = till.void(*sale, reason, by, now)?;
                Ok(Did::Voided { shop: row.shop, sale: *sale, reason: reason.clone(), by: by.clone() })
            }
            Self::Edit(shop, product) => {
                let seen = prices(desk, shop, &product.id)?;
                till.set(shop, &Item::Product(product.clone()), by, now)?;
                Ok(Did::Edited { shop: shop.clone(), product: product.clone(), seen })
            }
            Self::Prompt(sale, phone) => till.ask_for_payment(*sale, phone, now).map(|_| Did::Nothing),
            Self::Sync => till.sync(now).map(Did::Synced),
        }
    }
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

fn cash_of(desk: &Desk, sale: FactId) -> Result<usize, TillError> {
    let told = desk.till().history_of_sale(sale)?.into_iter();
    Ok(told.filter(|happening| matches!(happening.deed, Deed::CashTaken(_))).count())
}

/// Whether what was done before the power went is there afterwards.
///
/// # Errors
/// The till can not be read.
pub fn survived(desk: &Desk, did: &Did) -> Result<bool, TillError> {
    let till = desk.till();
    let missing = |error: &TillError| matches!(error, TillError::Ledger(till::LedgerError::Unknown(_)));
    Ok(match did {
        Did::Sold(id, _) => match till.sale(*id) {
            Ok(_) => true,
            Err(error) if missing(&error) => false,
            Err(error) => return Err(error),
        },
        Did::Cash { sale, before, .. } => cash_of(desk, *sale)? > *before,
        Did::Claimed(_, sale, claim) => till.claims(*sale)?.iter().any(|known| known.id == claim.id),
        Did::Released { sale, claim, .. } => !till.claims(*sale)?.iter().any(|known| known.id == *claim),
        Did::Voided { sale, .. } => {
            let told = |happening: &till::Happening| matches!(happening.deed, Deed::Cancelled(_));
            till.sale(*sale)?.state == SaleState::Voided && till.history_of_sale(*sale)?.iter().any(told)
        }
        Did::Edited { shop, product, .. } => prices(desk, shop, &product.id)?.contains(&product.price),
        Did::Synced(_) | Did::Nothing => false,
    })
}

/// A sale that may still be paid, made in this shop: one of the latest, or any.
pub fn open_sale(oracle: &Oracle, shop: &ShopId, random: &mut Rng) -> Option<FactId> {
    let open = oracle.open_sales(shop);
    let latest = open.len().saturating_sub(4);
    let from = if random.u8(..4) == 0 { 0 } else { latest };
    random.choice(&open[from..]).copied()
}
