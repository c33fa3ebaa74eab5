//! What the cloud joins reads like what it was joined of.

use domain::{FactId, Money, Person, Product, ProductId, ShopId, Timestamp};
use replica::Batch;
use service::Store;
use tests::world::{Replica, World, exchange, sell, verdicts};

const DAY: i64 = 86_400;

/// Every batch that the hub has of a till's journal.
fn batches(world: &World, shop: &ShopId, till: &Replica) -> Vec<Batch> {
    world.wait(world.store.batches(shop, till.identity().actor, 0, usize::MAX)).unwrap()
}

/// So many sales, each sent by itself.
fn sell_and_send(world: &World, till: &Replica, sales: u32) -> Vec<FactId> {
    let sold = (0..sales).map(|number| {
        world.pass(7);
        let sale = sell(till, 10 + number, world.now());
        till.sync(world.now()).unwrap();
        sale
    });
    sold.collect()
}

fn bread(shillings: i64) -> Product {
    Product::new(ProductId::parse("bread").unwrap(), "Bread", Money::from_cents(shillings * 100)).unwrap()
}

fn set_price(till: &Replica, shop: &ShopId, shillings: i64, now: Timestamp) {
    till.set(shop, &domain::Item::Product(bread(shillings)), &Person::named("Juma"), now).unwrap();
}

#[test]
fn a_years_small_batches_become_few_and_every_reader_has_the_same_sales() {
    let world = World::new();
    let shop = world.shop("duka-moja", "till", "123456");
    let (front, back, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    sell_and_send(&world, &front, 50);
    exchange(&world, &[&back]);
    sell_and_send(&world, &front, 150);
    assert_eq!(batches(&world, &shop, &front).len(), 200);
    world.wait(world.sweep.tidy());
    assert_eq!(batches(&world, &shop, &front).len(), 200, "the day is open");

    world.pass(2 * DAY);
    let report = world.wait(world.sweep.tidy());
    assert_eq!((report.joined, report.failed), (2, vec![]), "two are too few to be worth it");
    let kept = batches(&world, &shop, &front);
    assert_eq!(kept.iter().map(Batch::last).collect::<Vec<_>>(), [99, 198, 199, 200]);
    assert_eq!(world.wait(world.sweep.tidy()).joined, 0, "once a day");

    // One reader stands in the middle of a joined batch, one at the beginning.
    exchange(&world, &[&back, &office]);
    for replica in [&back, &office] {
        assert_eq!(verdicts(replica, &shop), verdicts(&front, &shop));
        assert_eq!(replica.document_heads(&shop).unwrap(), front.document_heads(&shop).unwrap());
        assert_eq!(replica.status().unwrap().set_aside, Vec::<String>::new());
    }
    sell_and_send(&world, &front, 1);
    exchange(&world, &[&back, &office]);
    assert_eq!(verdicts(&back, &shop).len(), 201);
    assert_eq!(verdicts(&office, &shop).len(), 201);
}

#[test]
fn a_walk_that_is_cut_off_goes_on_and_one_that_forgot_where_it_stood_changes_nothing() {
    let world = World::new();
    let shop = world.shop("duka-moja", "till", "123456");
    let front = world.till(&shop, "Front");
    sell_and_send(&world, &front, 210);
    world.pass(2 * DAY);
    world.wait(world.sweep.tidy());
    let kept = batches(&world, &shop, &front);
    for note in ["", "{}", "not json"] {
        world.wait(world.store.put_note(&shop, "journals walked", note.as_bytes())).unwrap();
        let report = world.wait(world.sweep.tidy());
        assert_eq!((report.joined, report.failed), (0, vec![]));
        assert_eq!(batches(&world, &shop, &front), kept);
    }
    let office = world.office();
    exchange(&world, &[&office]);
    assert_eq!(verdicts(&office, &shop), verdicts(&front, &shop));
}

/// Tills sell, change prices and sync as they like, days pass, the cloud joins: at the end everybody has
/// everything, whatever the order.
#[test]
fn joined_batches_and_later_ones_are_all_batches_in_any_interleaving() {
    for seed in 0..2 {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new();
        let shop = world.shop("duka-moja", "till", "123456");
        let replicas = [world.till(&shop, "Front"), world.till(&shop, "Back"), world.office()];
        for step in 0..400 {
            let writer = &replicas[random.usize(..2)];
            match random.u8(..20) {
                0..=9 => drop(sell(writer, random.u32(1..999), world.now())),
                10 => set_price(&replicas[random.usize(..3)], &shop, random.i64(1..999), world.now()),
                11..=17 => drop(replicas[random.usize(..3)].sync(world.now()).unwrap()),
                18 => world.pass(random.i64(1..DAY / 3)),
                _ => {
                    let report = world.wait(world.sweep.tidy());
                    assert_eq!(report.failed, Vec::<String>::new(), "seed {seed}, step {step}");
                }
            }
        }
        world.pass(3 * DAY);
        exchange(&world, &[&replicas[0], &replicas[1], &replicas[2]]);
        let joined = world.wait(world.sweep.tidy()).joined;
        let late = world.office();
        exchange(&world, &[&late]);
        let [front, ..] = &replicas;
        for replica in replicas.iter().chain([&late]) {
            assert_eq!(verdicts(replica, &shop), verdicts(front, &shop), "seed {seed}");
            assert_eq!(
                replica.registers(&shop, domain::Kind::Product).unwrap(),
                front.registers(&shop, domain::Kind::Product).unwrap(),
                "seed {seed}"
            );
            let heads = (replica.document_heads(&shop).unwrap(), replica.verify(&shop).unwrap());
            assert_eq!(heads, (front.document_heads(&shop).unwrap(), vec![]), "seed {seed}");
            assert_eq!(replica.status().unwrap().set_aside, Vec::<String>::new(), "seed {seed}");
        }
        println!("seed {seed}: {joined} joined at the end, {} sales", verdicts(front, &shop).len());
    }
}

#[test]
fn what_bears_the_catalogue_is_kept_with_its_signature() {
    let world = World::new();
    let shop = world.shop("duka-moja", "till", "123456");
    let front = world.till(&shop, "Front");
    for round in 0..45 {
        sell(&front, 20, world.now());
        set_price(&front, &shop, 60 + round, world.now());
        while front.sync(world.now()).unwrap().sent > 0 {}
    }
    world.pass(2 * DAY);
    world.wait(world.sweep.tidy());
    let shelf = |after: &str, max_bytes| {
        world.wait(service::compaction::shelf(&world.store, &shop, after, max_bytes)).unwrap()
    };
    let (all, more) = shelf("", usize::MAX);
    assert_eq!(more, None);
    let walk = world.wait(service::compaction::Walk::of(&world.store, &shop)).unwrap();
    let entrance = walk.entrances[&front.identity().actor];
    let expected = entrance.head.number / 2;
    assert_eq!((all.len() as u64, expected > 40), (expected, true), "each change is alone in its batch");
    let (first, more) = shelf("", 1);
    let (rest, end) = shelf(&more.unwrap(), usize::MAX);
    assert_eq!(([first, rest].concat(), end), (all, None), "page by page");
}
