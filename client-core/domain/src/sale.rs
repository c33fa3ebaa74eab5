//! A sale: goods at the price the customer saw, discounts with their reasons, taxes, and what coins can pay.

use crate::{Money, ProductId};
use std::collections::BTreeMap;

/// Goods sold to one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// What was sold; empty when only a total was typed (seed A's `/create-sale`).
    pub lines: Vec<Line>,
    /// What the customer owes.
    pub total: Money,
    /// How the customer means to pay.
    pub tender: Tender,
    /// The shop's own order number, if it has one (seed B's `order_reference`); at most 40 characters.
    pub order: Option<String>,
    /// What the whole of it was made cheaper by; the total is without it.
    pub discount: Option<Discount>,
    /// By how much more than the total the customer paid in cash, below nothing less, because there are no smaller
    /// coins. It is in the drawer and no part of what the sale brought.
    pub rounding: Money,
}

impl Sale {
    /// The longest list of lines one sale may have.
    pub const MAX_LINES: usize = 200;
    /// The longest order number, in characters.
    pub const MAX_ORDER_CHARS: usize = 40;

    /// A sale whose total is the sum of its lines, or a bare total.
    ///
    /// # Errors
    /// The total is not more than nothing, is not the sum of the lines, or there is too much of it.
    pub fn new(
        lines: Vec<Line>,
        total: Money,
        tender: Tender,
        order: Option<String>,
    ) -> Result<Self, SaleError> {
        let sum: Money = lines.iter().map(|line| line.amount).sum();
        if total <= Money::ZERO {
            return Err(SaleError::NothingToPay);
        }
        if !lines.is_empty() && sum != total {
            return Err(SaleError::TotalIsNotSum { total, sum });
        }
        let long_order = order.as_ref().is_some_and(|o| o.chars().count() > Self::MAX_ORDER_CHARS);
        if lines.len() > Self::MAX_LINES || long_order {
            return Err(SaleError::TooLong);
        }
        Ok(Self { lines, total, tender, order, discount: None, rounding: Money::ZERO })
    }

    /// The same, made cheaper as a whole.
    ///
    /// # Errors
    /// Nothing would be left to pay.
    pub fn less(self, discount: Discount) -> Result<Self, SaleError> {
        let total = self.total - discount.amount;
        if total <= Money::ZERO {
            return Err(SaleError::NothingToPay);
        }
        Ok(Self { total, discount: Some(discount), ..self })
    }

    /// The same; what is paid in cash is rounded to the nearest multiple of a coin, and no coin means no rounding.
    #[must_use]
    pub fn rounded_to(self, coin: Money) -> Self {
        let cash = self.tender == Tender::Cash;
        let rounding = if cash { self.total.nearest(coin) - self.total } else { Money::ZERO };
        Self { rounding, ..self }
    }

    /// The same, with a rounding that somebody else worked out.
    ///
    /// # Errors
    /// It is not to be paid in cash, or no coin is that large.
    pub fn with_rounding(self, rounding: Money) -> Result<Self, SaleError> {
        let fits = rounding == Money::ZERO || (self.tender == Tender::Cash && may_be_rounded_by(rounding));
        if fits { Ok(Self { rounding, ..self }) } else { Err(SaleError::Rounding) }
    }

    /// What it was made cheaper by, lines and whole together.
    pub fn discounts(&self) -> Money {
        let of_lines = self.lines.iter().filter_map(|line| line.discount.as_ref());
        of_lines.chain(&self.discount).map(|discount| discount.amount).sum()
    }

    /// The tax within the total, by rate in basis points. A discount on the whole makes every line cheaper in
    /// proportion, and so its tax.
    pub fn taxes(&self) -> BTreeMap<u16, Money> {
        let mut taxes: BTreeMap<u16, Money> = BTreeMap::new();
        for line in &self.lines {
            if let Some(tax) = line.tax {
                let sum = taxes.entry(tax.basis_points).or_default();
                *sum = *sum + line.tax_amount();
            }
        }
        let sum: Money = self.lines.iter().map(|line| line.amount).sum();
        let cheaper = |tax: Money| tax.share(self.total.cents(), sum.cents()).unwrap_or(tax);
        if self.discount.is_some() {
            taxes.values_mut().for_each(|tax| *tax = cheaper(*tax));
        }
        taxes
    }
}

/// Whether rounding to a coin may come to this much: no coin is worth more than ten shillings twice over.
pub fn may_be_rounded_by(rounding: Money) -> bool {
    (-1_000..=1_000).contains(&rounding.cents())
}

/// Why something is no sale.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaleError {
    /// The total is zero.
    #[error("a sale has a total above 0.00: add a product or type an amount")]
    NothingToPay,
    /// The lines say something else than the total.
    #[error("the total {total} is not the sum of the lines, {sum}: send one of the two")]
    TotalIsNotSum {
        /// What was given as the total.
        total: Money,
        /// What the lines add up to.
        sum: Money,
    },
    /// A line that makes no sense.
    #[error("a line has a name of 1 to 80 characters, a quantity above 0 and a price: {0}")]
    Line(&'static str),
    /// A discount that makes no sense.
    #[error(
        "a discount is above 0.00, at most what it is taken from, and has a reason of 1 to 80 characters"
    )]
    Discount,
    /// A tax that makes no sense.
    #[error("a tax rate is between 0 and 100 percent")]
    Tax,
    /// A rounding that makes no sense.
    #[error("only what is paid in cash is rounded, by less than a coin")]
    Rounding,
    /// Too many lines or too long an order number.
    #[error("a sale has at most 200 lines and an order number of at most 40 characters")]
    TooLong,
}

/// What something was made cheaper by, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// By how much.
    pub amount: Money,
    /// Why, in the person's words.
    pub reason: String,
}

impl Discount {
    /// A discount with a reason of 1 to 80 characters.
    ///
    /// # Errors
    /// It is nothing, or has no reason.
    pub fn new(amount: Money, reason: &str) -> Result<Self, SaleError> {
        let reason = reason.trim();
        let fits = amount > Money::ZERO && (1..=80).contains(&reason.chars().count());
        fits.then(|| Self { amount, reason: reason.to_owned() }).ok_or(SaleError::Discount)
    }
}

/// A tax on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tax {
    /// The rate: 1600 is 16 percent.
    pub basis_points: u16,
    /// The price has it in it already; else it comes on top.
    pub included: bool,
}

impl Tax {
    /// A rate of up to 100 percent.
    ///
    /// # Errors
    /// It is more.
    pub fn new(basis_points: u16, included: bool) -> Result<Self, SaleError> {
        (basis_points <= 10_000).then_some(Self { basis_points, included }).ok_or(SaleError::Tax)
    }
}

/// One product on a sale, at the price the customer saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What the receipt calls it.
    pub name: String,
    /// How much of it.
    pub quantity: Quantity,
    /// The price of one.
    pub unit_price: Money,
    /// What this line adds to the total: price times quantity, less its discount, and its tax where that comes on top.
    pub amount: Money,
    /// The product of the catalogue, if it was one: its stock is less now. What the customer saw are the
    /// name and the price above, whatever the catalogue says later.
    pub product: Option<ProductId>,
    /// What it was made cheaper by.
    pub discount: Option<Discount>,
    /// Its tax, where one is known.
    pub tax: Option<Tax>,
}

impl Line {
    /// A line whose amount is price times quantity, rounded half up to a cent.
    ///
    /// # Errors
    /// An empty or long name, a quantity of nothing, a price below nothing, an amount beyond counting.
    pub fn new(name: &str, quantity: Quantity, unit_price: Money) -> Result<Self, SaleError> {
        let name = name.trim();
        if !(1..=80).contains(&name.chars().count()) {
            return Err(SaleError::Line("the name"));
        }
        if unit_price < Money::ZERO {
            return Err(SaleError::Line("the price"));
        }
        let name = name.to_owned();
        let line = Self {
            name,
            quantity,
            unit_price,
            amount: Money::ZERO,
            product: None,
            discount: None,
            tax: None,
        };
        line.worked_out()
    }

    /// The same line, for a product of the catalogue.
    #[must_use]
    pub fn of(self, product: ProductId) -> Self {
        Self { product: Some(product), ..self }
    }

    /// The same line, cheaper.
    ///
    /// # Errors
    /// The discount is more than the line.
    pub fn less(self, discount: Discount) -> Result<Self, SaleError> {
        Self { discount: Some(discount), ..self }.worked_out()
    }

    /// The same line, with a tax.
    ///
    /// # Errors
    /// An amount beyond counting.
    pub fn taxed(self, tax: Tax) -> Result<Self, SaleError> {
        Self { tax: Some(tax), ..self }.worked_out()
    }

    /// The tax within the amount, rounded half up to a cent.
    pub fn tax_amount(&self) -> Money {
        let Some(Tax { basis_points, included }) = self.tax else { return Money::ZERO };
        let rate = i64::from(basis_points);
        if included {
            return self.amount.share(rate, rate.saturating_add(10_000)).unwrap_or_default();
        }
        self.amount - self.net().unwrap_or(self.amount)
    }

    /// Price times quantity, less the discount.
    fn net(&self) -> Result<Money, SaleError> {
        let full = self.unit_price.share(i64::from(self.quantity.milli()), 1_000);
        let full = full.ok_or(SaleError::Line("the amount"))?;
        let net = full - self.discount.as_ref().map_or(Money::ZERO, |discount| discount.amount);
        if net < Money::ZERO { Err(SaleError::Discount) } else { Ok(net) }
    }

    fn worked_out(self) -> Result<Self, SaleError> {
        let net = self.net()?;
        let on_top = match self.tax {
            Some(Tax { basis_points, included: false }) => net.share(i64::from(basis_points), 10_000),
            _ => Some(Money::ZERO),
        };
        let amount = Money::from_edge((net + on_top.ok_or(SaleError::Line("the amount"))?).cents());
        Ok(Self { amount: amount.map_err(|_| SaleError::Line("the amount"))?, ..self })
    }
}

/// A quantity in thousandths: three crates are 3000, half a kilogram is 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(u32);

impl Quantity {
    /// One piece.
    pub const ONE: Self = Self(1000);

    /// A quantity of thousandths, above nothing.
    ///
    /// # Errors
    /// Nothing at all, or more than a million.
    pub fn from_milli(milli: u32) -> Result<Self, SaleError> {
        let sensible = (1..=1_000_000_000).contains(&milli);
        sensible.then_some(Self(milli)).ok_or(SaleError::Line("the quantity"))
    }

    /// Reads `3`, `0.5` or `1.250`.
    ///
    /// # Errors
    /// Anything else, more than three decimals included.
    pub fn parse(text: &str) -> Result<Self, SaleError> {
        let error = SaleError::Line("the quantity");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 3 {
            return Err(error);
        }
        let milli = format!("{whole}{fraction:0<3}").parse().map_err(|_| error)?;
        Self::from_milli(milli)
    }

    /// In thousandths.
    pub const fn milli(self) -> u32 {
        self.0
    }
}

/// `3`, `0.5`, `1.25`.
impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, milli) = (self.0.checked_div(1000), self.0.checked_rem(1000));
        let text = format!("{}.{:03}", whole.unwrap_or(0), milli.unwrap_or(0));
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// How a customer means to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tender {
    /// Paid in cash, in full, as the sale is made.
    Cash,
    /// To be paid by M-Pesa: open until a payment is claimed for it.
    Mpesa,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kes(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn a_sale_is_the_sum_of_its_lines() {
        let bread = Line::new("Bread", Quantity::parse("2").unwrap(), kes("65")).unwrap();
        let sugar = Line::new("Sugar, loose", Quantity::parse("0.25").unwrap(), kes("190.50")).unwrap();
        assert_eq!(sugar.amount, kes("47.63"), "half a cent rounds up");
        let lines = vec![bread, sugar];
        assert!(Sale::new(lines.clone(), kes("177.63"), Tender::Mpesa, None).is_ok());
        let wrong = Sale::new(lines, kes("177.62"), Tender::Mpesa, None);
        assert!(matches!(wrong, Err(SaleError::TotalIsNotSum { .. })));
    }

    #[test]
    fn a_sale_of_nothing_is_no_sale() {
        assert_eq!(Sale::new(vec![], Money::ZERO, Tender::Cash, None), Err(SaleError::NothingToPay));
        assert!(Line::new(" ", Quantity::ONE, kes("1")).is_err());
        assert!(Quantity::parse("0").is_err());
        assert!(Quantity::parse("1.2345").is_err());
    }

    #[test]
    fn quantities_print_as_they_were_typed() {
        for text in ["3", "0.5", "1.25", "10", "0.001"] {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_line_may_be_cheaper_for_a_reason_and_never_by_more_than_it_costs() {
        let line = || Line::new("Crate", Quantity::parse("2").unwrap(), kes("700")).unwrap();
        let cheaper = line().less(Discount::new(kes("100"), "dented").unwrap()).unwrap();
        assert_eq!(cheaper.amount, kes("1300"));
        assert_eq!(line().less(Discount::new(kes("1400"), "gift").unwrap()).unwrap().amount, Money::ZERO);
        assert!(line().less(Discount::new(kes("1400.01"), "slip").unwrap()).is_err());
        assert!(Discount::new(kes("1"), " ").is_err() && Discount::new(Money::ZERO, "none").is_err());
    }

    #[test]
    fn a_tax_is_within_the_price_or_comes_on_top() {
        let line = Line::new("Soap", Quantity::ONE, kes("116")).unwrap();
        let within = line.clone().taxed(Tax::new(1600, true).unwrap()).unwrap();
        assert_eq!((within.amount, within.tax_amount()), (kes("116"), kes("16")));
        let on_top = line.taxed(Tax::new(1600, false).unwrap()).unwrap();
        assert_eq!((on_top.amount, on_top.tax_amount()), (kes("134.56"), kes("18.56")));
        assert!(Tax::new(10_001, true).is_err());
    }

    #[test]
    fn a_discount_on_the_whole_takes_its_share_of_every_tax() {
        let soap = Line::new("Soap", Quantity::ONE, kes("116")).unwrap().taxed(Tax::new(1600, true).unwrap());
        let milk = Line::new("Milk", Quantity::ONE, kes("84")).unwrap().taxed(Tax::new(0, true).unwrap());
        let sale = Sale::new(vec![soap.unwrap(), milk.unwrap()], kes("200"), Tender::Cash, None).unwrap();
        assert_eq!(sale.taxes(), BTreeMap::from([(1600, kes("16")), (0, Money::ZERO)]));
        let half = sale.less(Discount::new(kes("100"), "regular customer").unwrap()).unwrap();
        assert_eq!((half.total, half.taxes()[&1600], half.discounts()), (kes("100"), kes("8"), kes("100")));
        assert_eq!(half.less(Discount::new(kes("100"), "all").unwrap()), Err(SaleError::NothingToPay));
    }

    #[test]
    fn only_cash_is_rounded_to_coins() {
        let sale = |tender| Sale::new(vec![], kes("47.63"), tender, None).unwrap();
        let cash = sale(Tender::Cash).rounded_to(kes("1"));
        assert_eq!((cash.total, cash.rounding), (kes("47.63"), kes("0.37")));
        assert_eq!(sale(Tender::Cash).rounded_to(kes("5")).rounding, kes("2.37"));
        assert_eq!(sale(Tender::Cash).rounded_to(kes("2")).rounding, kes("0.37"));
        assert_eq!(sale(Tender::Cash).rounded_to(kes("3")).rounding, kes("0.37"));
        assert_eq!(sale(Tender::Cash).rounded_to(kes("40")).rounding, -kes("7.63"));
        assert_eq!(sale(Tender::Cash).rounded_to(Money::ZERO).rounding, Money::ZERO);
        assert_eq!(sale(Tender::Mpesa).rounded_to(kes("1")).rounding, Money::ZERO);
        assert!(sale(Tender::Mpesa).with_rounding(kes("0.37")).is_err());
        assert!(sale(Tender::Cash).with_rounding(kes("10.01")).is_err());
    }
}
