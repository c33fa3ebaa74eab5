//! Goods that came back from a customer, line by line of the sale they were on.

use crate::{Cited, Money, ProductId, Quantity, Sale};

/// Goods of a sale came back. The customer owes less by what was paid for them; what was paid already is to be given
/// back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// The sale.
    pub sale: Cited,
    /// What came back.
    pub goods: Vec<Returned>,
    /// They can be sold again, and are on the shelf.
    pub restock: bool,
    /// Why, in the person's words.
    pub reason: String,
}

/// What came back of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Which line of the sale, from 0.
    pub line: u16,
    /// How much of it.
    pub quantity: Quantity,
    /// The product of the catalogue, if it was one.
    pub product: Option<ProductId>,
    /// What the customer owes less for it: its share of the line, and of a discount on the whole.
    pub amount: Money,
}

/// Why something is no return.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReturnError {
    /// The sale has no lines.
    #[error("this sale has no lines: cancel it instead, and sell again what stays with the customer")]
    NoLines,
    /// Nothing came back, or too much of it.
    #[error("name 1 to 200 lines of the sale, each once, and how much of each came back")]
    Size,
    /// More than was sold.
    #[error("of line {0} no more came back than what was sold, less what came back before")]
    TooMuch(u16),
}

impl Return {
    /// What came back of a sale, given what came back before.
    ///
    /// # Errors
    /// See [`ReturnError`].
    pub fn of(
        (cited, sale): (Cited, &Sale),
        before: &[Self],
        goods: &[(u16, Quantity)],
        (restock, reason): (bool, &str),
    ) -> Result<Self, ReturnError> {
        if sale.lines.is_empty() {
            return Err(ReturnError::NoLines);
        }
        let earlier: Vec<&Returned> = before.iter().flat_map(|it| &it.goods).collect();
        let twice = |line: &u16| goods.iter().filter(|(other, _)| other == line).count() > 1;
        if goods.is_empty() || goods.iter().any(|(line, _)| twice(line)) {
            return Err(ReturnError::Size);
        }
        let back = goods.iter().map(|(line, quantity)| returned(sale, &earlier, *line, *quantity));
        let mut back = back.collect::<Result<Vec<_>, _>>()?;
        // What no share says, because cents do not divide, goes with what comes back last.
        let quantity = |goods: &mut dyn Iterator<Item = &Returned>| -> u64 {
            goods.map(|it| u64::from(it.quantity.milli())).fold(0, u64::saturating_add)
        };
        let sold: u64 =
            sale.lines.iter().map(|line| u64::from(line.quantity.milli())).fold(0, u64::saturating_add);
        if quantity(&mut earlier.iter().copied().chain(&back)) == sold {
            let told: Money = earlier.iter().copied().chain(&back).map(|it| it.amount).sum();
            if let Some(last) = back.last_mut() {
                last.amount = (last.amount + sale.total - told).or_zero();
            }
        }
        Ok(Self { sale: cited, goods: back, restock, reason: reason.to_owned() })
    }

    /// What the customer owes less.
    pub fn amount(&self) -> Money {
        self.goods.iter().map(|it| it.amount).sum()
    }
}

fn returned(
    sale: &Sale,
    earlier: &[&Returned],
    number: u16,
    quantity: Quantity,
) -> Result<Returned, ReturnError> {
    let line = sale.lines.get(usize::from(number)).ok_or(ReturnError::TooMuch(number))?;
    let before: u64 = earlier
        .iter()
        .filter(|it| it.line == number)
        .map(|it| u64::from(it.quantity.milli()))
        .fold(0, u64::saturating_add);
    let (all, wanted) = (u64::from(line.quantity.milli()), u64::from(quantity.milli()));
    if before.saturating_add(wanted) > all {
        return Err(ReturnError::TooMuch(number));
    }
    let sum: Money = sale.lines.iter().map(|line| line.amount).sum();
    let paid = line.amount.share(sale.total.cents(), sum.cents()).unwrap_or(line.amount);
    // From what is paid for all that came back up to now goes what came back before: no cent is lost between them.
    let upto = |milli: u64| i64::try_from(milli).ok().and_then(|milli| paid.share(milli, whole(all)));
    let share = upto(before.saturating_add(wanted)).zip(upto(before)).map(|(now, before)| now - before);
    let amount = share.unwrap_or_default().or_zero();
    Ok(Returned { line: number, quantity, product: line.product.clone(), amount })
}

fn whole(milli: u64) -> i64 {
    i64::try_from(milli).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Discount, Line, Tender};
    use proptest::prelude::*;

    fn cited() -> Cited {
        "7-42@1763712000000".parse().unwrap()
    }

    fn kes(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    fn three_sodas_and_a_crate() -> Sale {
        let sodas = Line::new("Soda", Quantity::parse("3").unwrap(), kes("33.33")).unwrap();
        let sale = Sale::new(
            vec![sodas, Line::new("Crate", Quantity::ONE, kes("700")).unwrap()],
            kes("799.99"),
            Tender::Cash,
            None,
        );
        sale.unwrap()
    }

    fn back(sale: &Sale, before: &[Return], goods: &[(u16, &str)]) -> Result<Return, ReturnError> {
        let goods: Vec<_> =
            goods.iter().map(|(line, text)| (*line, Quantity::parse(text).unwrap())).collect();
        Return::of((cited(), sale), before, &goods, (true, "stale"))
    }

    #[test]
    fn what_comes_back_is_worth_what_was_paid_for_it() {
        let sale = three_sodas_and_a_crate();
        assert_eq!(back(&sale, &[], &[(0, "1")]).unwrap().amount(), kes("33.33"));
        let cheaper = sale.less(Discount::new(kes("399.99"), "regular customer").unwrap()).unwrap();
        assert_eq!(back(&cheaper, &[], &[(1, "1")]).unwrap().amount(), kes("350.00"));
    }

    #[test]
    fn no_more_comes_back_than_was_sold() {
        let sale = three_sodas_and_a_crate();
        let first = back(&sale, &[], &[(0, "2")]).unwrap();
        assert_eq!(back(&sale, std::slice::from_ref(&first), &[(0, "2")]), Err(ReturnError::TooMuch(0)));
        assert!(back(&sale, &[first], &[(0, "1"), (1, "1")]).is_ok());
        assert_eq!(back(&sale, &[], &[(2, "1")]), Err(ReturnError::TooMuch(2)));
        assert_eq!(back(&sale, &[], &[(0, "1"), (0, "1")]), Err(ReturnError::Size));
        assert_eq!(back(&sale, &[], &[]), Err(ReturnError::Size));
        let bare = Sale::new(vec![], kes("50"), Tender::Cash, None).unwrap();
        assert_eq!(back(&bare, &[], &[(0, "1")]), Err(ReturnError::NoLines));
    }

    proptest! {
        #[test]
        fn whoever_brings_everything_back_bit_by_bit_owes_nothing(
            prices in prop::collection::vec((1i64..100_000, 1u32..6), 1..5), percent in 0i64..100,
        ) {
            let line = |(price, pieces): &(i64, u32)| {
                Line::new("Goods", Quantity::from_milli(pieces * 1000).unwrap(), Money::from_cents(*price)).unwrap()
            };
            let lines: Vec<Line> = prices.iter().map(line).collect();
            let total: Money = lines.iter().map(|line| line.amount).sum();
            let off = Money::from_cents(total.cents() * percent / 100);
            let mut sale = Sale::new(lines, total, Tender::Mpesa, None).unwrap();
            if off > Money::ZERO && off < total {
                sale = sale.less(Discount::new(off, "sale").unwrap()).unwrap();
            }
            let mut before: Vec<Return> = Vec::new();
            for (number, (_, pieces)) in prices.iter().enumerate() {
                for _ in 0..*pieces {
                    let next = back(&sale, &before, &[(number as u16, "1")]).unwrap();
                    before.push(next);
                }
            }
            prop_assert_eq!(before.iter().map(Return::amount).sum::<Money>(), sale.total);
        }
    }
}
