//! What a customer brings to a till: goods, what is cheaper for a reason, and what of it is taxed.

use super::a_product;
use domain::{Discount, Line, Money, ProductId, Quantity, Sale, Tax, Tender};
use fastrand::Rng;

/// What a shop asks for its goods, in shillings. Few prices, so that sales are often alike.
const PRICES: [i64; 5] = [50, 65, 120, 350, 500];

/// What is sold to one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// What is in it.
    pub goods: Vec<Goods>,
    /// What the whole of it is made cheaper by.
    pub less: Option<Money>,
    /// How it is to be paid.
    pub tender: Tender,
}

/// One of the things in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goods {
    /// Which.
    pub product: ProductId,
    /// The price of one.
    pub price: Money,
    /// How much.
    pub quantity: Quantity,
    /// What it is made cheaper by.
    pub less: Option<Money>,
    /// The state takes its share.
    pub taxed: bool,
}

impl Basket {
    /// One to three things.
    pub fn of(random: &mut Rng, tender: Tender) -> Self {
        let goods: Vec<Goods> = (0..random.usize(1..4)).map(|_| Goods::of(random)).collect();
        let cents = goods.iter().map(|it| it.price.cents() * i64::from(it.quantity.milli()) / 1000);
        let tenth = cents.sum::<i64>() / 10;
        let less = (random.u8(..8) == 0).then(|| Money::from_cents(random.i64(1..=tenth)));
        Self { goods, less, tender }
    }

    /// The sale that a till makes of it, with the tax and the smallest coin that it knows of.
    pub fn sale(&self, tax: Option<Tax>, coin: Option<Money>) -> Sale {
        let lines: Vec<Line> = self.goods.iter().map(|it| it.line(tax)).collect();
        let sum = lines.iter().map(|line| line.amount).sum();
        let sale = Sale::new(lines, sum, self.tender, None).unwrap();
        let sale = match self.less {
            Some(less) => sale.less(Discount::new(less, "a good customer").unwrap()).unwrap(),
            None => sale,
        };
        sale.rounded_to(coin.unwrap_or_default())
    }
}

impl Goods {
    fn of(random: &mut Rng) -> Self {
        let price = Money::from_cents(random.choice(PRICES).unwrap() * 100);
        let milli = if random.u8(..6) == 0 { 250 * random.u32(1..8) } else { 1000 * random.u32(1..3) };
        let quantity = Quantity::from_milli(milli).unwrap();
        let product = a_product(random);
        let percent = [0, 0, 0, 0, 7, 50][random.usize(..6)];
        let less = Money::from_cents(price.cents() * i64::from(milli) / 1000 * percent / 100);
        let less = Some(less).filter(|less| *less > Money::ZERO);
        Self { product, price, quantity, less, taxed: random.u8(..4) == 0 }
    }

    fn line(&self, tax: Option<Tax>) -> Line {
        let line = Line::new(self.product.as_str(), self.quantity, self.price).unwrap();
        let line = line.of(self.product.clone());
        let line = match self.less {
            Some(less) => line.less(Discount::new(less, "dented").unwrap()).unwrap(),
            None => line,
        };
        match tax.filter(|_| self.taxed) {
            Some(tax) => line.taxed(tax).unwrap(),
            None => line,
        }
    }
}
