//! A durable sale of five lines, against the same sale and line rows written by plain rusqlite with the
//! same schema and pragmas. The two take turns sale by sale, so that the machine's noise meets both.

use criterion::{Criterion, criterion_group, criterion_main};
use domain::{Line, Money, Quantity, Sale, Tender};
use rusqlite::{Connection, TransactionBehavior, params};
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tests::figures::{figure, percentile, ratio};
use tests::world::{Replica, World, asha, kes};

fn cart() -> Sale {
    let line =
        |n: i64| Line::new(&format!("Product number {n}"), Quantity::ONE, Money::from_cents(n * 1_000 + 500));
    let lines: Vec<Line> = (1..=5).map(|n| line(n).unwrap()).collect();
    Sale::new(lines, Money::from_cents(17_500), Tender::Mpesa, None).unwrap()
}

/// The sale and line rows alone, in the ledger's own schema.
struct Plain {
    connection: Connection,
    sales: i64,
}

impl Plain {
    fn open(path: &std::path::Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", "FULL").unwrap();
        connection.set_prepared_statement_cache_capacity(96);
        connection.execute_batch(include_str!("../../client-core/ledger/src/schema.sql")).unwrap();
        Self { connection, sales: 0 }
    }

    fn sell(&mut self, sale: &Sale, at: i64) {
        self.sales += 1;
        let id = format!("1-{}", self.sales);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        let total = sale.total.cents();
        transaction
            .prepare_cached(
                "INSERT INTO sales (id, shop, till, at, by, total, tender, order_no, paid, due, over, state, conflict)
                 VALUES (?, 1, 1, ?, 'Asha', ?, 'mpesa', NULL, 0, ?, 0, 'open', 0)",
            )
            .unwrap()
            .execute(params![id, at, total, total])
            .unwrap();
        for (position, line) in (0_i64..).zip(&sale.lines) {
            transaction
                .prepare_cached("INSERT INTO lines (sale, position, name, quantity, unit_price, amount) VALUES (?, ?, ?, ?, ?, ?)")
                .unwrap()
                .execute(params![id, position, line.name, line.quantity.milli(), line.unit_price.cents(), line.amount.cents()])
                .unwrap();
        }
        transaction.commit().unwrap();
    }
}

#[derive(Default)]
struct Taken {
    leja: Vec<Duration>,
    plain: Vec<Duration>,
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn durable_sale(criterion: &mut Criterion) {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till: Replica = world.till(&shop, "Front");
    let plain = RefCell::new(Plain::open(&till.path.join("plain.sqlite")));
    let (sale, taken) = (cart(), RefCell::new(Taken::default()));
    assert_eq!(sale.total, kes(175));
    let mut group = criterion.benchmark_group("durable sale of 5 lines");
    group.sample_size(20).measurement_time(Duration::from_secs(12));
    group.bench_function("Leja, taking turns with plain SQLite", |bencher| {
        bencher.iter_custom(|turns| {
            let mut total = Duration::ZERO;
            for _ in 0..turns {
                world.pass(1);
                let at = world.now();
                let leja = time(|| drop(till.sell(sale.clone(), &asha(), at, None).unwrap()));
                let rows = time(|| plain.borrow_mut().sell(&sale, at.millis()));
                taken.borrow_mut().leja.push(leja);
                taken.borrow_mut().plain.push(rows);
                total += leja;
            }
            total
        });
    });
    group.finish();
    let Taken { mut leja, mut plain } = taken.into_inner();
    println!("{} sales each", leja.len());
    for (percent, target) in [(50, "1.15"), (99, "1.35")] {
        let (one, other) = (percentile(&mut leja, percent), percentile(&mut plain, percent));
        println!("p{percent}: Leja {one:?}, plain SQLite {other:?}");
        figure(&format!("sale_p{percent}_ratio"), ratio(one, other), "times plain SQLite", target);
    }
}

criterion_group!(benches, durable_sale);
criterion_main!(benches);
