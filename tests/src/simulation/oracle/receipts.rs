//! What stands on a receipt, reckoned a second time, by hand.

use crate::simulation::customs::{Customs, TAX};
use crate::simulation::trade::Basket;
use domain::{Line, Money, Sale, Tender};
use std::collections::BTreeMap;

/// So many parts of so many, half up.
fn part(cents: i128, parts: i128, of: i128) -> i128 {
    (2 * cents * parts + of).div_euclid(2 * of)
}

fn money(cents: i128) -> Money {
    Money::from_cents(i64::try_from(cents).unwrap())
}

/// By how much more than a sum changes hands where there is no smaller coin.
pub fn in_coins(sum: Money, coin: Option<Money>) -> Money {
    let Some(coin) = coin else { return Money::ZERO };
    let (cents, coin) = (i128::from(sum.cents()), i128::from(coin.cents()));
    money(part(cents, 1, coin) * coin - cents)
}

/// What a sale was made cheaper by.
pub fn cheaper(sale: &Sale) -> Money {
    let of = |line: &Line| line.discount.as_ref().map_or(0, |it| it.amount.cents());
    let lines: i64 = sale.lines.iter().map(of).sum();
    Money::from_cents(lines + sale.discount.as_ref().map_or(0, |it| it.amount.cents()))
}

/// What is wrong with the sale that a till made of a basket, in a shop with these customs.
pub fn adds_up(basket: &Basket, customs: &Customs, sale: &Sale) -> Option<String> {
    let (mut sum, mut taxes, mut less) = (0, 0, 0);
    let rate = i128::from(TAX);
    for goods in &basket.goods {
        let price = part(i128::from(goods.price.cents()), goods.quantity.milli().into(), 1000);
        let cheaper = i128::from(goods.less.map_or(0, Money::cents));
        let (net, taxed) = (price - cheaper, goods.taxed);
        let on_top = if taxed && !customs.included { part(net, rate, 10_000) } else { 0 };
        let within = if taxed && customs.included { part(net, rate, 10_000 + rate) } else { 0 };
        (sum, taxes, less) = (sum + net + on_top, taxes + on_top + within, less + cheaper);
    }
    let mut total = sum;
    if let Some(whole) = basket.less {
        let whole = i128::from(whole.cents());
        (total, less) = (sum - whole, less + whole);
        taxes = part(taxes, total, sum);
    }
    let coin = customs.coin.filter(|_| basket.tender == Tender::Cash);
    let should = (money(total), in_coins(money(total), coin), money(less));
    let is = (sale.total, sale.rounding, sale.discounts());
    if is != should {
        return Some(format!("{basket:?} was sold for {is:?}; it should be {should:?}"));
    }
    let taxed = basket.goods.iter().any(|goods| goods.taxed);
    let should = if taxed { BTreeMap::from([(TAX, money(taxes))]) } else { BTreeMap::new() };
    let is = sale.taxes();
    (is != should).then(|| format!("{basket:?} was taxed by {is:?}; it should be {should:?}"))
}
