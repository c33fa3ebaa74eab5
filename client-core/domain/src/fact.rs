//! The facts that tills and head office write. A fact is written once and never changed; a correction
//! is another fact.

use crate::{Cited, Clock, Closing, Count, FactId, Money, ProductId, ReceiptCode, StockMove, Timestamp};

/// One thing that happened, under its natural name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Who wrote it, and under which number.
    pub id: FactId,
    /// When. The writer corrected its own clock by `clock`, so that days, windows and orders need no second
    /// look at whose clock was wrong; [`Self::own_time`] is what the writer's clock showed.
    pub at: Timestamp,
    /// How the writer's clock stood to the cloud's; `None` if it had never met the cloud, or wrote with a
    /// release that did not measure it. Then `at` is the writer's own time.
    pub clock: Option<Clock>,
    /// The name it was printed under, if its writer had to write it again in a new life.
    pub formerly: Option<FactId>,
    /// The person at the till or at head office; what a till does by itself it does as `Leja`.
    pub by: Person,
    /// What happened.
    pub body: FactBody,
}

impl Fact {
    /// What the writer's own clock showed.
    pub fn own_time(&self) -> Timestamp {
        self.clock.map_or(self.at, |clock| clock.uncorrect(self.at))
    }

    /// How others refer to it: by the name it had first, which is the one on its receipt, and its instant.
    pub fn cited(&self) -> Cited {
        Cited::new(self.formerly.unwrap_or(self.id), self.at)
    }
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactBody {
    /// Goods were sold. The fact's name is the sale's name.
    Sale(Sale),
    /// Cash was taken for a sale that was to be paid otherwise.
    Cash {
        /// The sale it pays.
        sale: Cited,
        /// How much of it counts towards the sale; change is not in it.
        amount: Money,
    },
    /// "This receipt code pays this sale."
    Claim(Claim),
    /// A claim is taken back; the payment is free again.
    Release {
        /// The claim.
        claim: Cited,
        /// Why, in the person's words.
        reason: String,
    },
    /// A sale is cancelled; what was claimed for it is free again.
    Void {
        /// The sale.
        sale: Cited,
        /// Why, in the person's words.
        reason: String,
    },
    /// Goods came or went; before counts were facts of their own, they were counted too.
    Stock(StockMove),
    /// Somebody counted what is there.
    Count(Count),
    /// The receipt of a sale was printed: whoever prints says so once the paper is out. Again for a copy.
    Printed {
        /// The sale.
        sale: Cited,
    },
    /// Cash went back to the customer of a sale.
    Refund {
        /// The sale.
        sale: Cited,
        /// How much.
        amount: Money,
        /// Why, in the person's words.
        reason: String,
    },
    /// A drawer was opened for a shift.
    ShiftOpened {
        /// What lay in it.
        float: Money,
    },
    /// Cash was put into a drawer or taken out of it for another reason than a sale.
    CashMoved {
        /// How much; below nothing, it was taken out.
        amount: Money,
        /// Why, in the person's words.
        reason: String,
    },
    /// A shift was closed.
    ShiftClosed(Box<Closing>),
}

impl FactBody {
    /// The same, where what it refers to by name alone goes by another name now.
    #[must_use]
    pub fn renamed(self, name: impl Fn(FactId) -> FactId) -> Self {
        let now = |cited: Cited| match cited.at {
            Some(_) => cited,
            None => Cited { id: name(cited.id), at: None },
        };
        match self {
            Self::Cash { sale, amount } => Self::Cash { sale: now(sale), amount },
            Self::Claim(claim) => Self::Claim(Claim { sale: now(claim.sale), ..claim }),
            Self::Release { claim, reason } => Self::Release { claim: now(claim), reason },
            Self::Void { sale, reason } => Self::Void { sale: now(sale), reason },
            Self::Printed { sale } => Self::Printed { sale: now(sale) },
            Self::Refund { sale, amount, reason } => Self::Refund { sale: now(sale), amount, reason },
            Self::Sale(_)
            | Self::Stock(_)
            | Self::Count(_)
            | Self::ShiftOpened { .. }
            | Self::CashMoved { .. }
            | Self::ShiftClosed(_) => self,
        }
    }
}

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
        Ok(Self { lines, total, tender, order })
    }
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
    /// Too many lines or too long an order number.
    #[error("a sale has at most 200 lines and an order number of at most 40 characters")]
    TooLong,
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
    /// What this line adds to the total.
    pub amount: Money,
    /// The product of the catalogue, if it was one: its stock is less now. What the customer saw are the
    /// name and the price above, whatever the catalogue says later.
    pub product: Option<ProductId>,
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
        let amount = quantity.times(unit_price).ok_or(SaleError::Line("the amount"))?;
        Ok(Self { name: name.to_owned(), quantity, unit_price, amount, product: None })
    }

    /// The same line, for a product of the catalogue.
    #[must_use]
    pub fn of(self, product: ProductId) -> Self {
        Self { product: Some(product), ..self }
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

    fn times(self, price: Money) -> Option<Money> {
        let product = i128::from(price.cents()).checked_mul(i128::from(self.0))?.checked_add(500)?;
        Money::from_edge(i64::try_from(product.checked_div(1000)?).ok()?).ok()
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

/// "This receipt code pays this sale", and how that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The payment.
    pub receipt: ReceiptCode,
    /// The sale.
    pub sale: Cited,
    /// How it was decided.
    pub how: How,
}

/// How a claim came about, strongest first: the order decides who leads when two claim one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// The payment answers an STK push that was sent for this very sale.
    StkRequest,
    /// The customer's account reference names this sale.
    AccountReference,
    /// The cashier typed the code the customer showed.
    Typed,
    /// The cashier picked the payment from the list.
    Picked,
    /// The only payment and the only sale that fit each other.
    Automatic,
}

/// Who did it: a cashier's name as the shop writes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Person(String);

impl Person {
    /// The longest name kept, in characters.
    pub const MAX_CHARS: usize = 40;

    /// A name as typed; what is too long is cut, what is empty is `Cashier`.
    pub fn named(typed: &str) -> Self {
        let name: String = typed.trim().chars().take(Self::MAX_CHARS).collect();
        Self(if name.is_empty() { "Cashier".to_owned() } else { name })
    }

    /// What a till does by itself.
    pub fn leja() -> Self {
        Self("Leja".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
}
