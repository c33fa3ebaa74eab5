//! A shop with a year behind it: what a new till needs until it sells and until it has everything, what a restart
//! costs, how much memory the program of a till takes while it sells and syncs, and how large its file is.
//!
//! Linux only: it reads `/proc`. It runs the program `leja`, which `cargo build --release` makes.

use domain::{Role, Sale, Tender};
use std::process::Command;
use std::time::Duration;
use tests::figures::{Taken, figure, percentile, ratio};
use tests::metered::Metered;
use tests::plain::Plain;
use tests::process::{Running, built, http};
use tests::world::asha;
use tests::year::{Year, cart, copy};
use till::{Cloud, CloudError, CloudRequest, Folder, SaleFilter, Till, enrol};

const RESTARTS: usize = 15;
/// How many sales each of two tills makes while memory is watched.
const WATCHED: u32 = 300;

/// No line at all.
struct Nowhere;

impl Cloud for Nowhere {
    fn carry(&self, _: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        Err(CloudError::Unreachable("there is no line".to_owned()))
    }
}

fn a_new_till(year: &Year) {
    let morning = year.morning();
    let world = &morning.world;
    let code = service::office::new_code(&world.store, Role::Till, Some(morning.shop.clone()), world.now());
    let (code, _) = world.wait(code).unwrap();
    let folder = Folder::at(&morning.folder.path().join("new")).unwrap();
    let line = Metered::on(morning.front.line.clone());
    let (mut random, mut till) = (fastrand::Rng::with_seed(5), None);
    let ready = Taken::by(|| {
        enrol(&folder, &line, &code, "New").unwrap();
        let new = Till::open(&folder, Box::new(line.clone())).unwrap();
        new.sync(world.now()).unwrap();
        new.sell(cart(&mut random, Tender::Cash), &asha(), world.now(), None).unwrap();
        till = Some(new);
    });
    println!("a new till sells after {ready:?}, with the open days and a page of history");
    figure("new_till_ready_s", ready.wall.as_secs_f64(), "seconds", "1");
    let till = till.unwrap();
    let all = Taken::by(|| while till.sync(world.now()).unwrap().history_left {});
    let over = line.read();
    let sales = till.sales(&morning.shop, SaleFilter::All, None, u32::MAX).unwrap().len();
    assert_eq!(sales, year.sales as usize + 1);
    println!("the rest: {all:?}; behind the line, {:?} in {} requests", over.behind, over.requests);
    println!("{} bytes came", over.received);
    let whole = ready.wall + all.wall;
    figure("new_till_all_s", whole.as_secs_f64(), "seconds, the hub's work with it", "60");

    let mut random = fastrand::Rng::with_seed(7);
    let sale = |n| (format!("1-{n}"), i64::from(n) * 86_400, cart(&mut random, Tender::Cash));
    let sales: Vec<(String, i64, Sale)> = (1..=year.sales).map(sale).collect();
    let mut plain = Plain::open(&morning.folder.path().join("rows.sqlite"));
    let rows = Taken::by(|| plain.load(sales.iter().map(|(id, at, sale)| (id.as_str(), 1, *at, sale)), None));
    let own = (ready.thread + all.thread).saturating_sub(over.behind.thread);
    println!("the till's own work: {own:?}; plain rows of the same: {rows:?}");
    figure("catch_up_ratio", ratio(own, rows.thread), "times plain rows, processor time", "3.0");
}

fn a_restart(year: &Year) {
    let (home, mut random) = (tempfile::tempdir().unwrap(), fastrand::Rng::with_seed(6));
    copy(&year.till(), home.path());
    let folder = Folder::at(home.path()).unwrap();
    let now = tests::world::World::new().now();
    let mut restart = |_| {
        let sale = cart(&mut random, Tender::Mpesa);
        let mut till = None;
        let taken = Taken::by(|| {
            let opened = Till::open(&folder, Box::new(Nowhere)).unwrap();
            opened.sell(sale, &asha(), now, None).unwrap();
            till = Some(opened);
        });
        drop(till);
        taken.wall
    };
    let mut taken: Vec<Duration> = (0..RESTARTS).map(&mut restart).collect();
    println!("open and first sale: the first time {:?}", taken[0]);
    figure("open_ms", percentile(&mut taken, 50).as_secs_f64() * 1e3, "milliseconds, p50 of restarts", "50");
}

fn the_file(year: &Year) {
    let bytes = |path: std::path::PathBuf| path.metadata().unwrap().len();
    let (leja, plain) = (bytes(Folder::at(&year.till()).unwrap().ledger_path()), bytes(year.plain()));
    let each = |bytes: u64| bytes as f64 / f64::from(year.sales);
    println!("bytes a sale: Leja {:.0}, plain rows {:.0}", each(leja), each(plain));
    figure("file_ratio", each(leja) / each(plain), "times plain rows", "1.8");
}

/// A program of a till that goes on with the year.
struct Program {
    running: Running,
    url: String,
}

impl Program {
    fn of(home: &std::path::Path, hub: &str) -> Self {
        let mut command = Command::new(built("leja"));
        command.args(["till", "--listen", "127.0.0.1:0", "--hub", hub, "--data"]).arg(home);
        let running = Running::start(&mut command);
        let url = running.address();
        Self { running, url }
    }

    fn sell(&self, random: &mut fastrand::Rng) {
        let sale = cart(random, Tender::Cash);
        let line = |line: &domain::Line| {
            serde_json::json!({
                "name": line.name, "quantity": line.quantity.to_string(), "unit_price": line.unit_price.to_string(),
            })
        };
        let lines: Vec<_> = sale.lines.iter().map(line).collect();
        let body = serde_json::json!({ "lines": lines, "tender": "cash", "by": "Asha" });
        let (status, answer) = http("POST", &format!("{}/v1/sales", self.url), &body.to_string());
        assert!(status < 300, "{status} {answer}");
    }

    fn sync(&self) {
        let (status, answer) = http("POST", &format!("{}/v1/sync", self.url), "");
        assert!(status < 300, "{status} {answer}");
    }
}

fn the_memory(year: &Year) {
    let home = tempfile::tempdir().unwrap();
    let hub = home.path().join("hub");
    std::fs::create_dir_all(&hub).unwrap();
    std::fs::copy(year.hub(), hub.join("hub.sqlite")).unwrap();
    let mut command = Command::new(built("leja"));
    let running = Running::start(command.args(["hub", "--listen", "127.0.0.1:0", "--data"]).arg(&hub));
    let url = running.address();
    let program = |(name, from): (&str, std::path::PathBuf)| {
        copy(&from, &home.path().join(name));
        Program::of(&home.path().join(name), &url)
    };
    let tills = [("front", year.till()), ("back", year.second_till())].map(program);
    let mut random = fastrand::Rng::with_seed(8);
    for number in 0..WATCHED {
        tills.iter().for_each(|till| till.sell(&mut random));
        if number % 10 == 9 {
            tills.iter().for_each(Program::sync);
        }
    }
    let (peak, now) = (tills[0].running.memory_mb("VmHWM:"), tills[0].running.memory_mb("VmRSS:"));
    println!(
        "the program of a till: {now:.1} MB, {peak:.1} MB at most; the hub {:.1} MB at most",
        running.memory_mb("VmHWM:")
    );
    figure("till_rss_mb", peak, "MB resident, at most", "40");
}

fn main() {
    let year = Year::ready();
    the_file(&year);
    a_restart(&year);
    the_memory(&year);
    a_new_till(&year);
}
