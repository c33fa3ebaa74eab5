//! Tills that are killed in the middle of selling and sending: a hundred, or as many as `LEJA_CRASHES` says.

use domain::{FactId, Money, ShopId, Timestamp};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use tests::process::built;
use tests::world::{World, exchange};
use till::{SaleFilter, Till};

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
    let count = std::env::var("LEJA_CRASHES").map_or(100, |count| count.parse().unwrap());
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let hub = served(&world);
    let (till, office) = (world.till(&shop, "Front"), world.office());
    let path = till.path.clone();
    drop(till);
    let mut all = Receipts::new();
    for round in 0..count {
        let printed = sell_and_die(&path, &hub, &mut random);
        let till = world.open(path.clone());
        holds(&till, &printed, &format!("seed {seed}, crash {round}"));
        all.extend(printed);
        if round % 100 == 99 || round + 1 == count {
            holds(&till, &all, &format!("seed {seed}, after {round} crashes"));
            assert_eq!(till.verify(&shop).unwrap(), Vec::<String>::new());
        }
    }
    let till = world.open(path);
    exchange(&world, &[&till, &office]);
    holds(&office, &all, &format!("seed {seed}, at head office"));
    assert_eq!(till.status().unwrap().waiting, 0);
    assert_eq!(sales(&office, &shop), sales(&till, &shop), "no more and no less");
    println!("figure: crashes {count} kills, {} receipts", all.len());
}

fn sales(till: &Till, shop: &ShopId) -> usize {
    till.sales(shop, SaleFilter::All, None, u32::MAX).unwrap().len()
}
