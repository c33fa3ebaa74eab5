//! One payment among ten thousand open sales and ten thousand payments that no sale has, all of one shop: what it
//! takes to rank the sales that it may be for, and to see whether one leaves no doubt, through the ledger and
//! without one. Sales and payments lie apart in time, so that they stay as they are.

use domain::matching::{Incoming, OpenSale, proposals, sales_for};
use domain::{ReceiptCode, Rules, Tender};
use ledger::Reader;
use std::time::Instant;
use tests::figures::{figure, median};
use tests::world::{World, asha, exchange, of};

const EACH: u32 = 10_000;
/// So many totals there are: each stands on many sales and payments.
const AMOUNTS: u32 = 400;
const ROUNDS: u32 = 200;

fn receipt(number: u32) -> ReceiptCode {
    ReceiptCode::parse(&format!("UKM{number:05}XY")).unwrap()
}

/// What a round takes, in the middle of all rounds, in milliseconds.
fn measured<T>(rounds: u32, mut work: impl FnMut(u32) -> T) -> f64 {
    let mut round = |number| {
        let start = Instant::now();
        std::hint::black_box(work(number));
        start.elapsed().as_secs_f64() * 1_000.0
    };
    let mut taken: Vec<f64> = (0..rounds).map(&mut round).collect();
    median(&mut taken)
}

fn main() {
    let each = std::env::var("LEJA_BENCH_SALES").map_or(EACH, |text| text.parse().unwrap()).clamp(100, EACH);
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let front = world.till(&shop, "Front");
    let amount = |number: u32| 100 + number % AMOUNTS;
    for number in 0..each {
        world.pass(40);
        front.sell(of(amount(number), Tender::Mpesa), &asha(), world.now(), None).unwrap();
    }
    world.pass(3_600);
    for number in 0..each {
        world.pass(40);
        world.pay(receipt(number).as_str(), "123456", amount(number), "");
    }
    // So many come in pages.
    while front.payments(&shop, true, each).unwrap().len() < each as usize {
        world.pass(1);
        exchange(&world, &[&front]);
    }

    let ledger = Reader::open(&front.path.join("ledger.sqlite")).unwrap();
    let (rules, letters) = (Rules::default(), ledger.letters().unwrap());
    let own = front.identity().actor.till;
    let rows = ledger.sales(&shop, till::SaleFilter::Open, None, each).unwrap();
    let sales: Vec<OpenSale> = rows.iter().map(|row| ledger.open_sale(row.id, &letters).unwrap()).collect();
    let payments: Vec<Incoming> =
        ledger.payments(&shop, true, each).unwrap().iter().map(Incoming::from).collect();
    assert_eq!((sales.len(), payments.len()), (each as usize, each as usize), "nothing fits yet");
    let nth = |round: u32| (round * 7_919 % each) as usize;

    let ranked = measured(ROUNDS, |round| front.sales_for(&shop, &payments[nth(round)].receipt).unwrap());
    let offered = measured(ROUNDS, |round| front.candidates(sales[nth(round)].id).unwrap());
    let sweep = measured(ROUNDS / 10, |_| {
        let (sales, payments) = ledger.to_match(&shop, own, &rules, &letters).unwrap();
        proposals(&sales, &payments, &rules)
    });
    let pure = measured(ROUNDS, |round| sales_for(&payments[nth(round)], &sales, &rules));
    let all_pure = measured(ROUNDS / 10, |_| proposals(&sales, &payments, &rules));
    figure("match_among_10000_ms", ranked, "ms", "1");
    figure("match_sale_among_10000_ms", offered, "ms", "1");
    figure("match_among_10000_sweep_ms", sweep, "ms", "none");
    figure("match_among_10000_pure_ms", pure, "ms", "none");
    figure("match_all_10000_pure_ms", all_pure, "ms", "none");
}
