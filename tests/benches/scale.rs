//! Two hundred shops' tills at once on the functions and a table of DynamoDB, see `tests::scale`: how many requests of
//! which kind, what each costs in capacity units as the server's answers say, and how that grows with shops and with
//! history. At the end nothing is lost, doubled or mixed up, and nothing costs more than `functions/dynamodb/DESIGN.md` says.
//!
//! Times are those of the local server with everything else on one machine, and no more than information.
//! `LEJA_BENCH_SHOPS` asks for fewer shops, `LEJA_BENCH_SALES` for fewer sales of the day, to see that it runs at all.

use std::time::Duration;
use tests::dynamo::Units;
use tests::figures::{figure, percentile};
use tests::scale::operation::Operation;
use tests::scale::{Asked, Load, Outcome, Sum};

const SHOPS: usize = 200;
/// Ten minutes in which a shop sells thrice what it does on average: 500 sales in 14 hours.
const RUSH: Load = Load { shops: SHOPS, sales: 18, minutes: 10 };
/// A busy shop's day.
const DAY: Load = Load { shops: 2, sales: 500, minutes: 14 * 60 };
/// How many sales at the beginning and at the end of a day are compared.
const SOME: usize = 100;
/// What is too seldom says nothing of an average.
const ENOUGH: u32 = 200;

fn from_environment<T: std::str::FromStr>(name: &str, or: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A table of what was asked; gives all of it together.
fn print(title: &str, outcome: &Outcome) -> Sum {
    println!("\n{title}: {} sales, {} payments", outcome.sold.len(), outcome.paid);
    println!(
        "{:15} {:>8} {:>7} {:>7} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "", "requests", "WRU", "RRU", "most WRU", "most RRU", "refused", "p50 ms", "p99 ms"
    );
    for operation in Operation::ALL {
        let mut sum = Sum::of(outcome.of(operation));
        let (each, dearest) = (sum.each(), sum.dearest);
        let [half, most] = [50, 99].map(|percent| milliseconds(percentile(&mut sum.took, percent)));
        println!(
            "{:15} {:>8} {:>7.2} {:>7.2} {:>9.1} {:>9.1} {:>8} {half:>8.1} {most:>8.1}",
            operation.name(),
            sum.count,
            each.written,
            each.read,
            dearest.written,
            dearest.read,
            sum.refused,
        );
    }
    let all = Sum::of(&outcome.asked);
    println!(
        "together        {:>8}, {:.0} WRU, {:.0} RRU, {} requests to DynamoDB",
        all.count, all.units.written, all.units.read, all.requests
    );
    all
}

/// How many times more some units cost: one that is written costs as much as five that are read.
fn grown(few: Units, many: Units) -> f64 {
    let price = |units: Units| 5.0 * units.written + units.read;
    price(many) / price(few)
}

/// The most that any kind of request grew, where there are enough of it, and which.
fn growth<'a>(
    few: impl Fn(&Asked) -> bool,
    (before, after): (&'a Outcome, &'a Outcome),
    many: impl Fn(&Asked) -> bool,
) -> (f64, &'static str) {
    let mut most = (0.0, "");
    for operation in Operation::ALL {
        let few = Sum::of(before.of(operation).filter(|asked| few(asked)));
        let many = Sum::of(after.of(operation).filter(|asked| many(asked)));
        if few.count.min(many.count) >= ENOUGH {
            let times = grown(few.each(), many.each());
            println!("{:15} {:?} before, {:?} after: {times:.3}", operation.name(), few.each(), many.each());
            most = if times > most.0 { (times, operation.name()) } else { most };
        }
    }
    most
}

/// Many shops at once, and twice and four times as few.
fn many_shops() {
    let shops = from_environment("LEJA_BENCH_SHOPS", SHOPS);
    let outcomes = [shops / 4, shops / 2, shops].map(|shops| {
        let outcome = Load { shops, ..RUSH }.run();
        let all = print(&format!("{shops} shops, ten minutes at thrice the usual"), &outcome);
        let rate = f64::from(all.count) / outcome.took.as_secs_f64();
        println!("{rate:.0} requests a second, in {:.1} s", outcome.took.as_secs_f64());
        figure(&format!("scale_{shops}_requests"), f64::from(all.count) / shops as f64, "a shop", "none");
        figure(&format!("scale_{shops}_per_s"), rate, "requests a second, information", "none");
        outcome
    });
    let [few, _, many] = &outcomes;
    for operation in Operation::ALL {
        let each = Sum::of(many.of(operation)).each();
        figure(&format!("scale_{shops}_{}_wru", operation.name()), each.written, "WRU each", "none");
        figure(&format!("scale_{shops}_{}_rru", operation.name()), each.read, "RRU each", "none");
    }
    println!("\nfrom {} shops to {shops}:", shops / 4);
    let (times, which) = growth(|_| true, (few, many), |_| true);
    println!("the most grew {which}");
    figure("scale_growth_ratio", times, "times the units, four times the shops", "1.05");
    outcomes.iter().for_each(Outcome::is_as_calculated);
}

/// A shop whose history grows.
fn a_day() {
    let sales = from_environment("LEJA_BENCH_SALES", DAY.sales);
    let day = Load { sales, ..DAY };
    let outcome = day.run();
    let all = print(&format!("a day of {} shops", day.shops), &outcome);
    let each = |units: f64| units / day.shops as f64;
    figure("scale_day_requests", each(f64::from(all.count)), "a shop", "none");
    figure("scale_day_wru", each(all.units.written), "WRU a shop", "none");
    figure("scale_day_rru", each(all.units.read), "RRU a shop", "none");
    let some = (SOME * day.shops).min(outcome.sold.len() / 2);
    let (first, last) = (outcome.sold[some - 1], outcome.sold[outcome.sold.len() - some]);
    println!("\nfrom the first {some} sales to the last:");
    let (times, which) =
        growth(|asked| asked.second <= first, (&outcome, &outcome), |asked| asked.second >= last);
    println!("the most grew {which}");
    figure("scale_history_ratio", times, "times the units, last sales against first", "1.05");
    outcome.is_as_calculated();
}

fn main() {
    many_shops();
    a_day();
}
