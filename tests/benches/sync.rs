//! What goes between tills and hub: one new sale from one till to another, with little history and with a year
//! of it, taking turns; a poll that finds nothing; and a bulk of a thousand sales. Processor time is that of
//! both tills and the hub together; bytes are those of the bodies.

use axum::Router;
use embedded::EmbeddedStore;
use std::sync::Arc;
use std::time::Duration;
use tests::faulty::Faulty;
use tests::figures::{Taken, figure, median, percentile, ratio};
use tests::world::{Replica, World, asha, exchange};
use tests::year::{Morning, Year, cart, some_tender};
use till::{Folder, Till};

const LITTLE: u32 = 100;
const TURNS: usize = 500;
const BULK: u32 = 1_000;

/// Two tills of one shop that have the same history.
struct Pair<'a> {
    world: &'a World,
    front: &'a Replica,
    back: &'a Replica,
    random: fastrand::Rng,
    taken: Vec<Duration>,
    seen: Vec<(Traffic, Traffic)>,
}

/// What went over a till's line.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    requests: u64,
    sent: u64,
    received: u64,
}

/// Syncs and tells what went over the line.
fn sync(replica: &Replica, world: &World) -> Traffic {
    let look = || {
        let weather = replica.line.weather.lock().unwrap();
        (weather.arrived, weather.bytes)
    };
    let (arrived, (there, back)) = look();
    replica.sync(world.now()).unwrap();
    let (now_arrived, (now_there, now_back)) = look();
    Traffic { requests: now_arrived - arrived, sent: now_there - there, received: now_back - back }
}

impl<'a> Pair<'a> {
    fn of(world: &'a World, front: &'a Replica, back: &'a Replica) -> Self {
        exchange(world, &[front, back]);
        let random = fastrand::Rng::with_seed(4);
        Self { world, front, back, random, taken: Vec::new(), seen: Vec::new() }
    }

    fn sell(&mut self) {
        self.world.pass(10);
        let tender = some_tender(&mut self.random);
        let sale = cart(&mut self.random, tender);
        self.front.sell(sale, &asha(), self.world.now(), None).unwrap();
    }

    /// One sale that goes from till to till.
    fn turn(&mut self) {
        self.sell();
        let (mut up, mut down) = (None, None);
        let taken = Taken::by(|| {
            up = Some(sync(self.front, self.world));
            down = Some(sync(self.back, self.world));
        });
        self.taken.push(taken.process);
        self.seen.push((up.unwrap(), down.unwrap()));
    }

    /// What is seen as often as not: once a minute a till also asks what its shop chose.
    fn usual(&self, of: fn(&(Traffic, Traffic)) -> u64) -> f64 {
        median(&mut self.seen.iter().map(|seen| of(seen) as f64).collect::<Vec<_>>())
    }

    fn bulk(&mut self) -> (Traffic, Traffic) {
        (0..BULK).for_each(|_| self.sell());
        (sync(self.front, self.world), sync(self.back, self.world))
    }
}

fn one_new_sale(little: &mut Pair<'_>, much: &mut Pair<'_>, turns: usize) {
    for _ in 0..turns {
        little.turn();
        much.turn();
    }
    let (few, many) = (percentile(&mut little.taken, 50), percentile(&mut much.taken, 50));
    println!(
        "one new sale, processor time, p50 of {turns}: {few:?} with little history, {many:?} with a year"
    );
    figure("sync_one_growth_ratio", ratio(many, few), "times the cost at 100", "1.1");
    let (sent, taken) = (much.usual(|(up, _)| up.sent), much.usual(|(up, _)| up.received));
    println!("the sender: {sent} bytes there, {taken} back");
    figure("sync_one_bytes", sent + taken, "bytes, both bodies of the sender", "450");
    let (asked, taken) = (much.usual(|(_, down)| down.sent), much.usual(|(_, down)| down.received));
    println!("the receiver: {asked} bytes there, {taken} back");
    figure("sync_one_taken_bytes", asked + taken, "bytes, both bodies of the receiver", "450");
    let trips = much.usual(|(up, down)| up.requests.max(down.requests));
    figure("sync_one_round_trips", trips, "requests of one till", "1");
}

/// The hub's sync function on a store that counts how often it is asked.
fn counting(world: &World) -> (Router, Arc<Faulty<EmbeddedStore>>) {
    let (store, now) = (Arc::new(Faulty::new(world.store.clone(), 0, 1)), world.clock());
    (service::sync::router(service::sync::Sync::new(Arc::clone(&store), now)), store)
}

fn a_poll(morning: Morning) {
    let Morning { world, back, .. } = &morning;
    let quiet: Vec<Traffic> = (0..15).map(|_| sync(back, world)).collect();
    let bytes = |traffic: &Traffic| (traffic.sent + traffic.received) as f64;
    let usual = median(&mut quiet.iter().map(bytes).collect::<Vec<_>>());
    figure("poll_bytes", usual, "bytes, both bodies", "150");

    let Morning { world, back, folder: _kept, .. } = morning;
    let folder = Folder::at(&back.path).unwrap();
    drop(back);
    let (router, store) = counting(&world);
    let back = Till::open(&folder, Box::new(world.line_to(router))).unwrap();
    // The first after a start compares journals, and asks what the shop chose.
    for _ in 0..2 {
        back.sync(world.now()).unwrap();
    }
    let before = store.asked();
    back.sync(world.now()).unwrap();
    figure("poll_reads", (store.asked() - before) as f64, "calls of the store", "1");
}

fn a_bulk(pair: &mut Pair<'_>) {
    let (up, down) = pair.bulk();
    let each = |bytes: u64| bytes as f64 / f64::from(BULK);
    println!("{BULK} sales: {} requests up, {} down", up.requests, down.requests);
    figure("bulk_up_bytes_per_sale", each(up.sent + up.received), "bytes, both bodies", "65");
    figure("bulk_down_bytes_per_sale", each(down.sent + down.received), "bytes, both bodies", "65");
    let larger = (up.sent + up.received).max(down.sent + down.received);
    figure("bulk_bytes_per_sale", each(larger), "bytes, the larger way", "65");
}

fn main() {
    let year = Year::ready();
    let turns = TURNS.min(year.sales as usize);
    let (world, morning) = (World::new(), year.morning());
    let shop = world.shop("mjini", "till", "123456");
    let (front, back) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    let mut little = Pair::of(&world, &front, &back);
    (0..LITTLE).for_each(|_| little.sell());
    exchange(&world, &[&front, &back]);
    let mut much = Pair::of(&morning.world, &morning.front, &morning.back);
    one_new_sale(&mut little, &mut much, turns);
    a_bulk(&mut much);
    drop(much);
    a_poll(morning);
}
