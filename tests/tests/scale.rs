//! Many shops at once on the functions and a table: nothing is lost or mixed up, and nothing costs more than
//! `functions/dynamodb/DESIGN.md` says. The bench `scale` does the same with two hundred.

use tests::scale::operation::Operation;
use tests::scale::{Load, Sum};

#[test]
fn shops_that_trade_at_once_lose_nothing_and_pay_what_was_calculated() {
    let outcome = Load { shops: 3, sales: 6, minutes: 5 }.run();
    for operation in Operation::ALL {
        let sum = Sum::of(outcome.of(operation));
        println!("{}: {} requests, {:?} each", operation.name(), sum.count, sum.each());
        assert!(sum.count > 0, "{} is among them", operation.name());
    }
    outcome.is_as_calculated();
}
