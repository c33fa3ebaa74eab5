//! A shop with a year behind it: three tills, 365 days, a thousand sales of five lines a day, all of them in
//! the hub and in every till. It is made once, through the library itself, and kept in the target folder;
//! whoever goes on with it gets a copy.
//!
//! `LEJA_BENCH_SALES` asks for fewer sales, to see that a bench runs at all.

use crate::plain::Plain;
use crate::process::repository;
use crate::world::{Replica, World, asha};
use domain::{Line, Money, Quantity, Sale, ShopId, Tender};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

const SALES: u32 = 365_000;
const DAYS: u32 = 365;
const DAY_SECONDS: i64 = 86_400;
const TILLS: [&str; 3] = ["front", "back", "side"];
/// What decides how the files of a year look: when any of it changes, the year is made anew.
const FORMS: [&str; 4] = [
    "client-core/ledger/src/schema.sql",
    "client-core/replica/src/codec",
    "client-core/replica/src/wire",
    "functions/embedded/src/schema.sql",
];

/// A year that lies ready.
pub struct Year {
    kept: PathBuf,
    /// How many sales it has.
    pub sales: u32,
}

/// A copy of the year that goes on, at eight in the morning of the day after.
pub struct Morning {
    /// The hub, the clock and the network.
    pub world: World,
    /// The shop.
    pub shop: ShopId,
    /// Two of its tills.
    pub front: Replica,
    /// The other one.
    pub back: Replica,
    /// Where they live.
    pub folder: tempfile::TempDir,
}

/// Five lines out of five thousand products, as busy small shops sell them.
pub fn cart(random: &mut fastrand::Rng, tender: Tender) -> Sale {
    let line = |_| {
        let name = format!("SKU-{:05}", random.u32(..5_000));
        let quantity = Quantity::from_milli(1_000 * random.u32(1..=6)).unwrap();
        Line::new(&name, quantity, Money::from_cents(1_000 + 50 * random.i64(0..900))).unwrap()
    };
    let lines: Vec<Line> = (0..5).map(line).collect();
    let total = lines.iter().map(|line| line.amount.cents()).sum();
    Sale::new(lines, Money::from_cents(total), tender, None).unwrap()
}

/// One sale in three is to be paid by M-Pesa.
pub fn some_tender(random: &mut fastrand::Rng) -> Tender {
    if random.u8(..3) == 0 { Tender::Mpesa } else { Tender::Cash }
}

impl Year {
    /// The year, made now if it is not there yet.
    pub fn ready() -> Self {
        let sales = std::env::var("LEJA_BENCH_SALES").map_or(SALES, |text| text.parse().unwrap());
        let mut forms = DefaultHasher::new();
        FORMS.iter().for_each(|path| hash(&repository().join(path), &mut forms));
        let kept = repository().join(format!("target/year-{sales}-{:016x}", forms.finish()));
        if !kept.exists() {
            println!("making a year of {sales} sales, once");
            make(sales, &kept);
        }
        Self { kept, sales }
    }

    /// A copy that goes on.
    pub fn morning(&self) -> Morning {
        let folder = tempfile::tempdir().unwrap();
        copy(&self.kept, folder.path());
        let world = World::at(folder.path());
        let open = |name| world.open(folder.path().join(name));
        let (front, back) = (open(TILLS[0]), open(TILLS[1]));
        let shop = front.only_shop().unwrap().id;
        Morning { world, shop, front, back, folder }
    }

    /// The hub's store.
    pub fn hub(&self) -> PathBuf {
        self.kept.join("hub.sqlite")
    }

    /// The folder of a till that has the whole year. Not to be written in: copy it.
    pub fn till(&self) -> PathBuf {
        self.kept.join(TILLS[0])
    }

    /// The folder of a second one. Not to be written in: copy it.
    pub fn second_till(&self) -> PathBuf {
        self.kept.join(TILLS[1])
    }

    /// The same sales in a plain shop program's file. Not to be written in: copy it.
    pub fn plain(&self) -> PathBuf {
        self.kept.join("plain.sqlite")
    }
}

impl Morning {
    /// The same sales in a plain shop program's file, on the same disk.
    pub fn plain(&self) -> Plain {
        Plain::open(&self.folder.path().join("plain.sqlite"))
    }
}

/// A file, or all that is in a folder.
fn hash(path: &Path, hasher: &mut DefaultHasher) {
    if path.is_dir() {
        let mut paths: Vec<PathBuf> = path.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().for_each(|path| hash(path, hasher));
    } else {
        std::fs::read(path).unwrap().hash(hasher);
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if here.is_dir() {
            copy(&here, &there);
        } else {
            std::fs::copy(here, there).unwrap();
        }
    }
}

/// Makes the year where commits cost nothing, if there is such a place, and moves it to where it is kept.
fn make(sales: u32, kept: &Path) {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.unwrap();
    let replicas = trade(sales, folder.path());
    // Whole or not at all: a half copy has another name.
    let half = kept.with_extension("half");
    let _ = std::fs::remove_dir_all(&half);
    for (path, name) in replicas.iter().zip(TILLS).take(2) {
        copy(path, &half.join(name));
    }
    for name in ["hub.sqlite", "plain.sqlite"] {
        close(&folder.path().join(name));
        std::fs::copy(folder.path().join(name), half.join(name)).unwrap();
    }
    std::fs::rename(half, kept).unwrap();
}

/// A year of trade; gives the tills' folders.
fn trade(sales: u32, folder: &Path) -> Vec<PathBuf> {
    let a_day = sales.div_ceil(DAYS);
    let world = World::at(folder);
    let (today, mut plain) = (world.now(), Plain::open(&folder.join("plain.sqlite")));
    world.pass(-DAY_SECONDS * i64::from(DAYS));
    let shop = world.shop("mjini", "till", "123456");
    let tills = TILLS.map(|name| world.till(&shop, name));
    let mut random = fastrand::Rng::with_seed(7);
    let mut left = sales;
    while left > 0 {
        let morning = world.now();
        let mut sold = Vec::new();
        for till in tills.iter().cycle().take(a_day.min(left) as usize) {
            world.pass(40);
            let sale = cart(&mut random, Tender::Cash);
            let made = till.sell(sale.clone(), &asha(), world.now(), None).unwrap().sale;
            sold.push((made.id.to_string(), made.id.actor.till.0, made.at.millis(), sale));
        }
        plain.load(sold.iter().map(|(id, till, at, sale)| (id.as_str(), *till, *at, sale)), None);
        for till in &tills {
            till.sync(world.now()).unwrap();
        }
        left = left.saturating_sub(a_day);
        world.pass(DAY_SECONDS - (world.now().millis() - morning.millis()) / 1000);
    }
    world.pass((today.millis() - world.now().millis()) / 1000);
    // What the hub does every quarter of an hour: the batches of closed days are joined.
    while world.wait(world.sweep.tidy()).joined > 0 {}
    for till in &tills {
        till.sync(world.now()).unwrap();
    }
    tills.iter().map(|till| till.path.clone()).collect()
}

/// Brings what lies in a write-ahead log into its file.
fn close(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}
