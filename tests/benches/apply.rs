//! Ten thousand sales of another till: what it takes to decode, guard, log and show them, page by page, against
//! plain inserts of the same rows in one transaction, and against those with an opaque blob beside each sale.
//! Processor time of the till's own thread; what the cloud behind its line takes is not in it.

use domain::{Role, Sale, ShopId};
use tests::figures::{Taken, figure, median, ratio};
use tests::metered::Metered;
use tests::plain::Plain;
use tests::world::{Line2Hub, World, asha};
use tests::year::{cart, some_tender};
use till::{Folder, Till, enrol};

const SALES: usize = 10_000;
const ROUNDS: usize = 5;
/// What a fact of five lines has, more or less.
const BLOB_BYTES: usize = 150;

/// A sale as a plain program names it.
type Named = (String, u32, i64, Sale);

/// A till that came to know the shop before the sales were made.
struct Reader {
    till: Till,
    meter: Metered<Line2Hub>,
}

impl Reader {
    fn of(world: &World, shop: &ShopId, line: &Line2Hub, home: &std::path::Path) -> Self {
        let code = service::office::new_code(&world.store, Role::Till, Some(shop.clone()), world.now());
        let (folder, (code, _)) = (Folder::at(home).unwrap(), world.wait(code).unwrap());
        enrol(&folder, line, &code, "Reader").unwrap();
        let meter = Metered::on(line.clone());
        let till = Till::open(&folder, Box::new(meter.clone())).unwrap();
        till.sync(world.now()).unwrap();
        Self { till, meter }
    }

    /// What it takes to take them all in.
    fn catch_up(&self, world: &World, expected: usize) -> Taken {
        self.meter.read();
        let mut report = None;
        let taken = Taken::by(|| report = Some(self.till.sync(world.now()).unwrap()));
        assert_eq!(report.unwrap().received, expected as u64);
        taken.without(self.meter.read().behind)
    }
}

fn rows(path: &std::path::Path, sales: &[Named], blob: Option<usize>) -> Taken {
    let mut plain = Plain::open(path);
    Taken::by(|| plain.load(sales.iter().map(|(id, till, at, sale)| (id.as_str(), *till, *at, sale)), blob))
}

fn main() {
    let wanted = std::env::var("LEJA_BENCH_SALES").map_or(SALES, |text| text.parse().unwrap()).min(SALES);
    let (world, home) = (World::new(), tempfile::tempdir().unwrap());
    let shop = world.shop("mjini", "till", "123456");
    let (front, mut random) = (world.till(&shop, "Front"), fastrand::Rng::with_seed(3));
    let mut sell = || {
        world.pass(10);
        let tender = some_tender(&mut random);
        let sale = cart(&mut random, tender);
        let made = front.sell(sale.clone(), &asha(), world.now(), None).unwrap().sale;
        (made.id.to_string(), made.id.actor.till.0, made.at.millis(), sale)
    };
    sell();
    front.sync(world.now()).unwrap();
    let reader = |n: usize| Reader::of(&world, &shop, &front.line, &home.path().join(format!("reader-{n}")));
    let readers: Vec<Reader> = (0..ROUNDS).map(reader).collect();
    let sales: Vec<Named> = (0..wanted).map(|_| sell()).collect();
    front.sync(world.now()).unwrap();

    let (mut to_rows, mut to_blobs, mut walls) = (Vec::new(), Vec::new(), Vec::new());
    for (round, reader) in readers.iter().enumerate() {
        let path = |kind: &str| home.path().join(format!("{kind}-{round}.sqlite"));
        let plain = rows(&path("rows"), &sales, None);
        let leja = reader.catch_up(&world, wanted);
        let blobs = rows(&path("blobs"), &sales, Some(BLOB_BYTES));
        println!(
            "processor time: Leja {:?}, rows {:?}, rows and blobs {:?}",
            leja.thread, plain.thread, blobs.thread
        );
        to_rows.push(ratio(leja.thread, plain.thread));
        to_blobs.push(ratio(leja.thread, blobs.thread));
        walls.push(ratio(leja.wall, plain.wall));
    }
    figure("apply_ratio", median(&mut to_rows), "times plain rows, processor time", "3.0");
    figure("apply_ratio_blob", median(&mut to_blobs), "times rows and blobs, processor time", "2.0");
    figure("apply_wall_ratio", median(&mut walls), "times plain rows, on the wall's clock", "none");
}
