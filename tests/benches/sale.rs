//! A durable sale of five lines against the same sale in a plain shop program's rows, with little history and
//! with a year of it. The two take turns sale by sale, so that the machine's noise meets both.

use std::time::Duration;
use tests::figures::{Taken, figure, percentile, ratio};
use tests::plain::Plain;
use tests::world::{Replica, World, asha};
use tests::year::{Year, cart, some_tender};

const LITTLE: usize = 1_000;
/// How many sales each side makes for one figure.
const TURNS: usize = 3_000;

/// A till and a plain program that sell the same.
struct Rivals<'a> {
    world: &'a World,
    till: &'a Replica,
    plain: Plain,
    random: fastrand::Rng,
}

impl Rivals<'_> {
    /// One sale each.
    fn turn(&mut self) -> (Taken, Taken) {
        self.world.pass(10);
        let (now, tender) = (self.world.now(), some_tender(&mut self.random));
        let (sale, mut made) = (cart(&mut self.random, tender), None);
        let (ours, by) = (sale.clone(), asha());
        let leja = Taken::by(|| made = Some(self.till.sell(ours, &by, now, None).unwrap()));
        let id = made.unwrap().sale.id.to_string();
        let plain = Taken::by(|| self.plain.sell((&id, 1, now.millis(), &sale)));
        (leja, plain)
    }

    fn compare(&mut self, turns: usize, history: &str, end: &str) {
        let (leja, plain): (Vec<Taken>, Vec<Taken>) = (0..turns).map(|_| self.turn()).unzip();
        let of = |all: &[Taken], part: fn(&Taken) -> Duration| all.iter().map(part).collect::<Vec<_>>();
        println!("{turns} sales each, on {history} sales of history");
        for (percent, target) in [(50, "1.15"), (99, "1.35")] {
            let one = percentile(&mut of(&leja, |taken| taken.wall), percent);
            let other = percentile(&mut of(&plain, |taken| taken.wall), percent);
            println!("p{percent}: Leja {one:?}, plain SQLite {other:?}");
            let name = format!("sale_p{percent}_ratio{end}");
            figure(&name, ratio(one, other), "times plain SQLite", target);
        }
        let one = percentile(&mut of(&leja, |taken| taken.thread), 50);
        let other = percentile(&mut of(&plain, |taken| taken.thread), 50);
        println!("processor time, p50: Leja {one:?}, plain SQLite {other:?}");
        figure(&format!("sale_cpu_ratio{end}"), ratio(one, other), "times plain SQLite", "none");
    }
}

fn main() {
    let year = Year::ready();
    let turns = TURNS.min(year.sales as usize);

    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    let plain = Plain::open(&till.path.join("plain.sqlite"));
    let mut rivals = Rivals { world: &world, till: &till, plain, random: fastrand::Rng::with_seed(1) };
    for _ in 0..LITTLE.min(turns) {
        rivals.turn();
    }
    rivals.compare(turns, &LITTLE.to_string(), "");

    let morning = year.morning();
    let (world, till, random) = (&morning.world, &morning.front, fastrand::Rng::with_seed(2));
    let mut rivals = Rivals { world, till, plain: morning.plain(), random };
    rivals.compare(turns, &year.sales.to_string(), "_300k");
}
