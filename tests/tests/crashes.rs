//! Tills that are killed in the middle of selling and sending: as often as a minute allows, or as often as
//! `LEJA_CRASHES` says.

use domain::{FactId, Money, ShopId, Timestamp};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use tests::process::built;
use tests::world::{World, exchange};
use till::{SaleFilter, Till};

/// How long tills are killed where nobody says how often.
const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// A receipt as it was printed: what it was for, and whether cash was taken after.
type Receipts = BTreeMap<FactId, (Money, bool)>;

/// Runs the seller on a folder until some receipts are printed and a moment more, and kills it.
fn sell_and_die(folder: &std::path::Path, hub: &str, random: &mut fastrand::Rng) -> Receipts {
    let mut command = Command::new(built("seller"));
    let mut seller = command.arg(folder).arg(hub).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(seller.stdout.take().unwrap()).lines();
    let mut printed: Vec<String> = Vec::new();
    let enough = random.usize(0..25);
    while printed.len() < enough {
        printed.push(lines.next().expect("the seller ended by itself").unwrap());
    }
    // Any moment within the next sale, or its exchange.
    std::thread::park_timeout(Duration::from_micros(random.u64(0..8_000)));
    seller.kill().unwrap();
    seller.wait().unwrap();
    // What it printed before it died was handed out; a line without an end was not.
    printed.extend(lines.map_while(Result::ok).filter(|line| line.split(' ').count() == 4));
    let receipt = |line: &String| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[1].parse().unwrap(), (Money::parse(words[2]).unwrap(), words[3] == "cash"))
    };
    printed.iter().map(receipt).collect()
}

fn holds(till: &Till, receipts: &Receipts, after: &str) {
    for (id, (total, cash)) in receipts {
        let row = till.sale(*id).unwrap_or_else(|error| panic!("{after}: the receipt {id} is gone: {error}"));
        assert_eq!(row.total, *total, "{after}: {id}");
        assert!(!cash || row.due == Money::ZERO, "{after}: the cash for {id} is gone");
    }
}

/// The hub of a world on a socket, by the clock of this machine.
fn served(world: &World) -> String {
    let now = Timestamp::from_system(SystemTime::now());
    world.pass((now.millis() - world.now().millis()) / 1000);
    let router = world.router();
    let address = world.wait(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    });
    format!("http://{address}")
}

#[test]
fn a_till_that_is_killed_at_any_moment_keeps_every_receipt_it_printed() {
    let asked: Option<u32> = std::env::var("LEJA_CRASHES").ok().map(|count| count.parse().unwrap());
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let hub = served(&world);
    let (till, office) = (world.till(&shop, "Front"), world.office());
    let path = till.path.clone();
    drop(till);
    let (begun, mut count, mut all) = (Instant::now(), 0, Receipts::new());
    let is_sound = |till: &Till, all: &Receipts, count: u32| {
        holds(till, all, &format!("seed {seed}, after {count} crashes"));
        assert_eq!(till.verify(&shop).unwrap(), Vec::<String>::new());
    };
    while asked.map_or_else(|| begun.elapsed() < LONG_ENOUGH, |asked| count < asked) {
        let printed = sell_and_die(&path, &hub, &mut random);
        count += 1;
        let till = world.open(path.clone());
        holds(&till, &printed, &format!("seed {seed}, crash {count}"));
        all.extend(printed);
        if count % 100 == 0 {
            is_sound(&till, &all, count);
        }
    }
    let till = world.open(path);
    is_sound(&till, &all, count);
    exchange(&world, &[&till, &office]);
    holds(&office, &all, &format!("seed {seed}, at head office"));
    assert_eq!(till.status().unwrap().waiting, 0);
    assert_eq!(sales(&office, &shop), sales(&till, &shop), "no more and no less");
    println!("figure: crashes {count} kills, {} receipts, {} s", all.len(), begun.elapsed().as_secs());
}

fn sales(till: &Till, shop: &ShopId) -> usize {
    till.sales(shop, SaleFilter::All, None, u32::MAX).unwrap().len()
}
