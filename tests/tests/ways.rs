//! The cloud, the shop's own network and a stick bring the same entries. Tills trade and exchange at random, by
//! every way, in any order, again and again, with torn files and old files that are read late; mixing ways and
//! repeating any of them changes nothing.
//!
//! `LEJA_WAYS_SEED` repeats a run, `LEJA_WAYS_RUNS` asks for more of them. A failing run is made short.

use domain::{
    FactId, How, Item, Kind, Level, Line, Product, ProductId, Quantity, Sale, ShopId, StockMove, Tender,
    Timestamp, Why,
};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use tests::tills::is_whole;
use tests::world::{Replica, World, asha, code, exchange, kes, verdicts};
use till::Folder;

/// Three tills that use every way, and the last, which uses the cloud alone.
const TILLS: usize = 4;
const MANY_WAYS: usize = TILLS - 1;
const STEPS: usize = 90;

/// What happens at a till.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trade {
    Sell(u32),
    /// One of its own sales, and a receipt code that others may take too.
    Claim(usize, u8),
    Cash(usize),
    Void(usize),
    Price(u8, u32),
    Receive(u32),
    Count(u32),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Trade(usize, Trade),
    /// A customer pays more than any sale: nobody claims it but who was told its code.
    Pay(u8),
    Pass(i64),
    Sync(usize),
    Meet(usize, usize),
    Export(usize),
    /// A till reads one of all the files there ever were, perhaps only so many thousandths of it.
    Import(usize, usize, Option<usize>),
}

fn step(random: &mut fastrand::Rng) -> Step {
    let (till, other) = (random.usize(..TILLS), random.usize(1..MANY_WAYS));
    let any = till % MANY_WAYS;
    match random.u32(..100) {
        0..25 => Step::Trade(till, Trade::Sell(random.u32(1..500))),
        25..33 => Step::Trade(till, Trade::Claim(random.usize(..99), random.u8(..6))),
        33..37 => Step::Trade(till, Trade::Cash(random.usize(..99))),
        37..41 => Step::Trade(till, Trade::Void(random.usize(..99))),
        41..44 => Step::Trade(till, Trade::Price(random.u8(..3), random.u32(1..99))),
        44 => Step::Trade(till, Trade::Receive(random.u32(1..50))),
        45 => Step::Trade(till, Trade::Count(random.u32(..50))),
        46..49 => Step::Pay(random.u8(..6)),
        49..56 => Step::Pass(random.i64(1..40_000)),
        56..64 => Step::Sync(till),
        64..74 => Step::Meet(any, (any + other) % MANY_WAYS),
        74..82 => Step::Export(any),
        _ => {
            let cut = (random.u8(..3) == 0).then(|| random.usize(..1000));
            Step::Import(any, random.usize(..99), cut)
        }
    }
}

/// A shop in which the steps are made.
struct Run {
    world: World,
    shop: ShopId,
    tills: Vec<Replica>,
    sales: Vec<Vec<FactId>>,
    /// Sales for which somebody gave a code, and sales that were paid in cash: none is both, because how much
    /// is due on it hangs on what is known of its payment.
    coded: BTreeSet<FactId>,
    cashed: BTreeSet<FactId>,
    files: Vec<PathBuf>,
    paid: BTreeSet<u8>,
    /// What was written, and when.
    done: Vec<(Timestamp, Step)>,
}

impl Run {
    fn new() -> Self {
        let world = World::new();
        let shop = world.shop("mjini", "till", "123456");
        let tills: Vec<Replica> = (0..TILLS).map(|n| world.till(&shop, &format!("Till {n}"))).collect();
        exchange(&world, &tills.iter().collect::<Vec<_>>());
        Self {
            world,
            shop,
            tills,
            sales: vec![Vec::new(); TILLS],
            coded: BTreeSet::new(),
            cashed: BTreeSet::new(),
            files: Vec::new(),
            paid: BTreeSet::new(),
            done: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        let now = self.world.now();
        match step {
            Step::Trade(till, trade) => {
                if self.trade(till, trade) {
                    self.done.push((now, step));
                }
            }
            Step::Pay(number) => {
                if self.paid.insert(number) {
                    self.world.pay(&receipt(number), "123456", 10_000 + u32::from(number), "");
                    self.done.push((now, step));
                }
            }
            Step::Pass(seconds) => self.world.pass(seconds),
            Step::Sync(till) => drop(self.tills[till].sync(now).unwrap()),
            Step::Meet(one, other) => {
                let wifi = self.world.wifi(&self.tills[other]);
                *wifi.left.lock().unwrap() = Some(now.millis().unsigned_abs() % 3);
                // It may break off anywhere.
                let _ = self.tills[one].meet(&wifi, Some(self.tills[other].tag()), now);
            }
            Step::Export(till) => {
                let file = self.tills[0].path.with_file_name(format!("stick-{}.leja", self.files.len()));
                export(&self.tills[till], &file, now);
                self.files.push(file);
            }
            Step::Import(till, file, cut) => {
                let Some(file) = self.files.get(file % self.files.len().max(1)) else { return };
                match cut {
                    Some(thousandths) => torn(&self.tills[till], file, thousandths, now),
                    None => assert_eq!(self.tills[till].import(file, now).unwrap().fault, None),
                }
            }
        }
    }

    /// Does something at a till; whether it wrote a fact.
    fn trade(&mut self, till: usize, trade: Trade) -> bool {
        let (now, who, own) = (self.world.now(), &self.tills[till], &self.sales[till]);
        let one = |number: usize| own.get(number % own.len().max(1)).copied();
        let before = written(who, &self.shop);
        match trade {
            Trade::Sell(shillings) => {
                let line = Line::new("Crate", Quantity::ONE, kes(shillings)).unwrap().of(crates());
                let sale = Sale::new(vec![line], kes(shillings), Tender::Mpesa, None).unwrap();
                let sale = who.sell(sale, &asha(), now, None).unwrap().sale.id;
                self.sales[till].push(sale);
            }
            Trade::Claim(sale, number) => {
                let Some(sale) = one(sale).filter(|sale| !self.cashed.contains(sale)) else { return false };
                // Refused where it is known that another has it.
                let _ = who.claim(sale, (code(&receipt(number)), How::Typed), &asha(), now);
                self.coded.insert(sale);
            }
            Trade::Cash(sale) => {
                let Some(sale) = one(sale).filter(|sale| !self.coded.contains(sale)) else { return false };
                let _ = who.take_cash(sale, None, &asha(), now, None);
                self.cashed.insert(sale);
            }
            Trade::Void(sale) => {
                let Some(sale) = one(sale) else { return false };
                let _ = who.void(sale, "slip", &asha(), now);
            }
            Trade::Price(product, shillings) => {
                let id = ProductId::parse(&format!("thing-{product}")).unwrap();
                let product = Product::new(id, "Thing", kes(shillings)).unwrap();
                who.set(&self.shop, &Item::Product(product), &asha(), now).unwrap();
            }
            Trade::Receive(pieces) => {
                let goods = vec![(crates(), Quantity::parse(&pieces.to_string()).unwrap())];
                let came = StockMove::moved(Why::Received, "note", goods).unwrap();
                who.move_goods(&self.shop, came, &asha(), now, None).unwrap();
            }
            Trade::Count(pieces) => {
                let counted = [(crates(), Level::parse_counted(&pieces.to_string()).unwrap())].into();
                who.count_goods(&self.shop, &counted, "", &asha(), now, None).unwrap();
            }
        }
        written(&self.tills[till], &self.shop) > before
    }

    fn is_sound(&self) {
        for till in &self.tills {
            assert_eq!(till.verify(&self.shop).unwrap(), Vec::<String>::new());
            assert_eq!(till.status().unwrap().set_aside, Vec::<String>::new());
            is_whole(&till.path);
        }
    }

    /// Everybody syncs until nobody has more.
    fn settle(&self, others: &[&Replica]) {
        let all: Vec<&Replica> = self.tills.iter().chain(others.iter().copied()).collect();
        for _ in 0..2 {
            self.world.pass(3600);
            exchange(&self.world, &all);
        }
    }
}

/// What every sale takes off the shelf.
fn crates() -> ProductId {
    ProductId::parse("crate").unwrap()
}

fn receipt(number: u8) -> String {
    format!("UKL4WAYS{number:02}")
}

/// How many entries a till wrote itself.
fn written(till: &Replica, shop: &ShopId) -> u64 {
    let own = till.identity().actor;
    let members = till.members(shop).unwrap().into_iter();
    members.filter(|(member, _)| member.actor == own).map(|(_, number)| number).sum()
}

fn export(from: &Replica, file: &Path, now: Timestamp) {
    Folder::at(&from.path).unwrap().export(file, now).unwrap();
}

/// Reads the beginning of a file, as a stick leaves it that was pulled out.
fn torn(by: &Replica, file: &Path, thousandths: usize, now: Timestamp) {
    let bytes = std::fs::read(file).unwrap();
    let part = file.with_extension("torn");
    std::fs::write(&part, &bytes[..bytes.len() * thousandths / 1000]).unwrap();
    // Too short to be told from any other file, or told to be cut off.
    if let Ok(came) = by.import(&part, now) {
        assert!(came.fault.is_some(), "{thousandths} of 1000 bytes are not all");
    }
}

fn books(till: &Replica, shop: &ShopId) -> BTreeMap<String, Vec<[u8; 32]>> {
    till.document_heads(shop).unwrap()
}

/// A stick from each to each, and nobody asks the cloud: they have the same facts, and build the same books. Gives
/// the files.
fn by_sticks_alone(run: &Run) -> Vec<PathBuf> {
    let (now, tills) = (run.world.now(), &run.tills[..MANY_WAYS]);
    let files: Vec<PathBuf> = tills.iter().map(|till| till.path.with_extension("last")).collect();
    for _ in 0..2 {
        for (till, file) in tills.iter().zip(&files) {
            export(till, file, now);
            tills.iter().for_each(|to| drop(to.import(file, now).unwrap()));
        }
    }
    for till in tills {
        assert_eq!(books(till, &run.shop), books(&tills[0], &run.shop), "by sticks alone");
    }
    files
}

/// What must hold after the steps, whatever they were, be it that sticks bring what is missing, or the cloud.
fn holds(steps: &[Step], sticks_first: bool) {
    let mut run = Run::new();
    steps.iter().for_each(|step| run.step(*step));

    let files = if sticks_first { by_sticks_alone(&run) } else { Vec::new() };

    // Then the line is there. Who used the cloud alone and who used every way say the same.
    let office = run.world.office();
    run.settle(&[&office]);
    run.is_sound();
    let only_cloud = &run.tills[MANY_WAYS];
    for till in run.tills.iter().chain([&office]) {
        assert_eq!(verdicts(till, &run.shop), verdicts(only_cloud, &run.shop));
        assert_eq!(books(till, &run.shop), books(only_cloud, &run.shop));
        assert_eq!(till.stock(&run.shop, false).unwrap(), only_cloud.stock(&run.shop, false).unwrap());
        assert_eq!(
            till.registers(&run.shop, Kind::Product).unwrap(),
            only_cloud.registers(&run.shop, Kind::Product).unwrap()
        );
    }
    for till in &run.tills {
        assert_eq!(till.status().unwrap().waiting, 0);
    }
    // Old files, once more, change nothing.
    let before = verdicts(&run.tills[0], &run.shop);
    for file in run.files.iter().chain(&files) {
        run.tills[0].import(file, run.world.now()).unwrap();
    }
    assert_eq!(verdicts(&run.tills[0], &run.shop), before);

    // The same trade in a shop that has nothing but the cloud ends the same. (Stock but for its counts: whoever
    // counts says what is known, and that is another thing there.)
    let mut plain = Run::new();
    for (at, step) in &run.done {
        plain.world.pass(i64::try_from(plain.world.now().distance_millis(*at)).unwrap() / 1000);
        plain.step(*step);
    }
    assert_eq!(plain.done, run.done);
    plain.settle(&[]);
    assert_eq!(verdicts(&plain.tills[0], &plain.shop), before);
}

/// Why steps fail, if they do.
fn failure(steps: &[Step], sticks_first: bool) -> Option<String> {
    let told = catch_unwind(AssertUnwindSafe(|| holds(steps, sticks_first))).err()?;
    let text = told.downcast_ref::<String>().cloned();
    Some(text.or_else(|| told.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
}

/// The fewest steps that still fail, as far as leaving out ever smaller pieces finds them.
fn shortest(mut steps: Vec<Step>, sticks_first: bool) -> Vec<Step> {
    let mut piece = steps.len() / 2;
    while piece > 0 {
        let mut start = 0;
        while start < steps.len() {
            let without = [&steps[..start], &steps[(start + piece).min(steps.len())..]].concat();
            if failure(&without, sticks_first).is_some() { steps = without } else { start += piece }
        }
        piece /= 2;
    }
    steps
}

#[test]
fn mixing_ways_and_repeating_any_of_them_changes_nothing() {
    let asked = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let first = asked("LEJA_WAYS_SEED");
    let runs = asked("LEJA_WAYS_RUNS").unwrap_or(if first.is_some() { 1 } else { 4 });
    let first = first.unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("LEJA_WAYS_SEED={first} LEJA_WAYS_RUNS={runs}");
    for seed in first..first + runs {
        let mut random = fastrand::Rng::with_seed(seed);
        let steps: Vec<Step> = (0..STEPS).map(|_| step(&mut random)).collect();
        let sticks_first = seed % 2 == 0;
        if let Some(told) = failure(&steps, sticks_first) {
            let short = shortest(steps, sticks_first);
            panic!("LEJA_WAYS_SEED={seed}: {told}\n\nthe shortest: {short:#?}");
        }
    }
}
