//! An incremental sync of one new sale from one till to another through the hub, with little history and
//! with much. The two worlds take turns.

use criterion::{Criterion, criterion_group, criterion_main};
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tests::figures::{figure, percentile, ratio};
use tests::world::{Replica, World, sell};

const LITTLE: u32 = 100;
const MUCH: u32 = 50_000;

/// Two tills of one shop that have so many sales in common.
struct Pair {
    world: World,
    front: Replica,
    back: Replica,
    taken: Vec<Duration>,
}

impl Pair {
    fn with(history: u32) -> Self {
        let world = World::new();
        let shop = world.shop("mjini", "till", "123456");
        let (front, back) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
        for number in 0..history {
            // A thousand sales a day.
            world.pass(if number % 1000 == 0 { 40_000 } else { 43 });
            sell(&front, 100, world.now());
        }
        let mut pair = Self { world, front, back, taken: Vec::new() };
        let start = Instant::now();
        pair.sync();
        println!("{history} sales synced to a new till in {:?}", start.elapsed());
        pair
    }

    fn sync(&mut self) -> Duration {
        let start = Instant::now();
        self.front.sync(self.world.now()).unwrap();
        self.back.sync(self.world.now()).unwrap();
        start.elapsed()
    }

    fn one_sale(&mut self) -> Duration {
        self.world.pass(43);
        sell(&self.front, 100, self.world.now());
        let taken = self.sync();
        self.taken.push(taken);
        taken
    }

    /// Bytes of bodies, there and back, of one replica's line.
    fn bytes(replica: &Replica) -> u64 {
        let (there, back) = replica.line.weather.lock().unwrap().bytes;
        there + back
    }
}

fn one_new_sale(criterion: &mut Criterion) {
    let pairs = RefCell::new((Pair::with(LITTLE), Pair::with(MUCH)));
    let mut group = criterion.benchmark_group("sync of one new sale");
    group.sample_size(20).measurement_time(Duration::from_secs(10));
    group.bench_function(format!("{LITTLE} and {MUCH} sales of history, taking turns"), |bencher| {
        bencher.iter_custom(|turns| {
            let mut pairs = pairs.borrow_mut();
            (0..turns).map(|_| pairs.0.one_sale() + pairs.1.one_sale()).sum()
        });
    });
    group.finish();
    let (mut little, mut much) = pairs.into_inner();
    let (few, many) = (percentile(&mut little.taken, 50), percentile(&mut much.taken, 50));
    println!("p50 over {} syncs: {few:?} at {LITTLE}, {many:?} at {MUCH}", little.taken.len());
    figure("sync_one_growth_ratio", ratio(many, few), "times the cost at 100", "1.1");
    let before = (Pair::bytes(&much.front), Pair::bytes(&much.back));
    much.one_sale();
    let (sent, taken) = (Pair::bytes(&much.front) - before.0, Pair::bytes(&much.back) - before.1);
    figure("sync_one_sent_bytes", sent as f64, "bytes, both bodies", "450");
    figure("sync_one_taken_bytes", taken as f64, "bytes, both bodies", "450");
}

criterion_group!(benches, one_new_sale);
criterion_main!(benches);
