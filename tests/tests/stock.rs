//! Stories of stock: it is what the facts add up to, whoever wrote them and in whatever order they come.

use domain::{
    Count, Counted, FactBody, FactId, Item, Level, Line, Person, Product, ProductId, Quantity, Sale, ShopId,
    StockMove, Tender, Why,
};
use std::collections::{BTreeMap, BTreeSet};
use tests::tills::is_whole;
use tests::world::{Replica, World, asha, exchange, kes};
use till::Till;

fn juma() -> Person {
    Person::named("Juma")
}

fn soda() -> ProductId {
    ProductId::parse("soda").unwrap()
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

/// What is there, as people write it; `None` where nothing ever moved.
fn level(till: &Till, shop: &ShopId) -> Option<String> {
    let rows = till.stock(shop, false).unwrap();
    rows.iter().find(|row| row.product == soda()).map(|row| row.level.to_string())
}

fn receive(till: &Till, shop: &ShopId, text: &str, world: &World) {
    let came = StockMove::moved(Why::Received, "Coast Bottlers, note 12", vec![(soda(), quantity(text))]);
    till.move_goods(shop, came.unwrap(), &juma(), world.now(), None).unwrap();
}

fn sell(till: &Till, text: &str, world: &World) -> FactId {
    let line = Line::new("Soda, crate", quantity(text), kes(700)).unwrap().of(soda());
    let sale = Sale::new(vec![line.clone()], line.amount, Tender::Cash, None).unwrap();
    till.sell(sale, &asha(), world.now(), None).unwrap().sale.id
}

fn count(till: &Till, shop: &ShopId, text: &str, world: &World) {
    let counted = BTreeMap::from([(soda(), Level::parse_counted(text).unwrap())]);
    till.count_goods(shop, &counted, "", &juma(), world.now(), None).unwrap();
}

/// Two tills of one shop and head office, which have met.
fn shop_of_two(world: &World) -> (ShopId, Replica, Replica, Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    exchange(world, &[&a, &b, &office, &a]);
    (shop, a, b, office)
}

/// Everybody hears everything, and every replica adds it up alike.
fn agree(world: &World, shop: &ShopId, replicas: &[&Replica]) -> Option<String> {
    for _ in 0..2 {
        exchange(world, replicas);
    }
    let told: Vec<_> = replicas.iter().map(|replica| level(replica, shop)).collect();
    assert!(told.iter().all(|it| *it == told[0]), "{told:?}");
    for replica in replicas {
        assert_eq!(replica.verify(shop).unwrap(), Vec::<String>::new(), "rebuilt from facts it is equal");
    }
    told[0].clone()
}

#[test]
fn two_tills_that_sell_the_last_crate_apart_lose_neither_and_the_oversell_shows() {
    let world = World::new();
    let (shop, a, b, office) = shop_of_two(&world);
    receive(&a, &shop, "1", &world);
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("1"));
    a.offline(true);
    b.offline(true);
    sell(&a, "1", &world);
    sell(&b, "1", &world);
    assert_eq!((level(&a, &shop).as_deref(), level(&b, &shop).as_deref()), (Some("0"), Some("0")));
    assert!(a.stock(&shop, true).unwrap().is_empty());
    a.offline(false);
    b.offline(false);
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("-1"));
    for replica in [&a, &b, &office] {
        let below = replica.stock(&shop, true).unwrap();
        assert_eq!((below.len(), below[0].level.milli()), (1, -1_000), "the oversell shows");
    }
}

#[test]
fn a_count_swallows_no_sale_that_its_writer_did_not_know_of() {
    let world = World::new();
    let (shop, a, b, office) = shop_of_two(&world);
    receive(&a, &shop, "10", &world);
    agree(&world, &shop, &[&a, &b, &office]);
    b.offline(true);
    sell(&b, "3", &world);
    // Nine are on the shelf at A's end when it counts; it knows of ten.
    count(&a, &shop, "9", &world);
    b.offline(false);
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("6"));
    count(&a, &shop, "6", &world);
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("6"), "what fits changes nothing");
    count(&b, &shop, "0", &world);
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("0"));
}

/// What is there of a product on one replica, and whether that is all of it.
fn told(till: &Till, shop: &ShopId) -> (String, bool) {
    let row = till.stock(shop, false).unwrap().into_iter().find(|row| row.product == soda()).unwrap();
    (row.level.to_string(), row.whole)
}

/// A shop in its fifth day, in which two hundred crates came and a hundred and twenty were sold.
fn shop_with_a_past(world: &World) -> (ShopId, Replica, Replica, Replica, FactId) {
    shop_with_a_past_and(world, |_, _, _| {})
}

/// The same, where something became of the first sale at once.
fn shop_with_a_past_and(
    world: &World,
    became: impl Fn(&Replica, &World, FactId),
) -> (ShopId, Replica, Replica, Replica, FactId) {
    let (shop, a, b, office) = shop_of_two(world);
    receive(&a, &shop, "200", world);
    let first = sell(&a, "1", world);
    became(&a, world, first);
    for day in 0..4 {
        for _ in 0..if day == 0 { 29 } else { 30 } {
            sell(&a, "1", world);
            a.sync(world.now()).unwrap();
            world.pass(60);
        }
        tests::world::sell(&b, 10, world.now());
        exchange(world, &[&a, &b, &office]);
        world.pass(86_400 - 1800);
        assert_eq!(world.wait(world.sweep.tidy()).failed, Vec::<String>::new());
    }
    (shop, a, b, office, first)
}

/// A new till that fetches two days and no more.
fn forgetful(world: &World, shop: &ShopId, name: &str) -> Replica {
    let new = world.till_with_history(shop, name, 2);
    while new.sync(world.now()).unwrap().history_left {}
    new
}

#[test]
fn a_till_that_lacks_the_past_does_not_guess_and_knows_the_stock_from_a_count_on() {
    let world = World::new();
    let (shop, a, b, office, _) = shop_with_a_past(&world);
    let (new, other) = (forgetful(&world, &shop, "New"), forgetful(&world, &shop, "Other"));
    let (level, whole) = told(&new, &shop);
    assert!(level.starts_with('-') && !whole, "{level} since it knows of it");
    assert!(new.stock(&shop, true).unwrap().is_empty(), "what is not known is not below nothing");
    assert!(new.stock_since(&shop).unwrap().is_some() && a.stock_since(&shop).unwrap().is_none());
    assert_eq!(told(&a, &shop), ("80".to_owned(), true));

    // Three crates are missing, and nobody at this till can know that.
    count(&new, &shop, "77", &world);
    assert_eq!(told(&new, &shop), ("77".to_owned(), true));
    sell(&new, "2", &world);
    b.offline(true);
    sell(&b, "3", &world);
    b.offline(false);
    let all = [&a, &b, &office, &new, &other];
    assert_eq!(agree(&world, &shop, &all).as_deref(), Some("72"));
    assert!(all.iter().all(|replica| told(replica, &shop).1), "a count of one is known to all");
    count(&office, &shop, "70", &world);
    assert_eq!(agree(&world, &shop, &all).as_deref(), Some("70"));
}

#[test]
fn a_sale_of_the_past_that_is_cancelled_leaves_nobody_believing_a_wrong_figure() {
    let world = World::new();
    let (shop, a, b, office, first) = shop_with_a_past(&world);
    let new = forgetful(&world, &shop, "New");
    count(&new, &shop, "80", &world);
    exchange(&world, &[&new, &a, &office]);
    office.void(first, "came back", &juma(), world.now()).unwrap();
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("81"), "it is back on the shelf");
    exchange(&world, &[&new]);
    assert!(!told(&new, &shop).1, "what came back is not known here");
    count(&new, &shop, "81", &world);
    assert_eq!(agree(&world, &shop, &[&a, &b, &office, &new]).as_deref(), Some("81"));
    assert!(told(&new, &shop).1);
}

#[test]
fn a_return_of_the_past_that_is_taken_back_leaves_nobody_believing_a_wrong_figure() {
    let world = World::new();
    let (shop, a, b, office, first) = shop_with_a_past_and(&world, |a, world, first| {
        let one = [(0, Quantity::ONE)];
        a.take_goods_back(first, &one, (true, "sour"), (&asha(), world.now()), None).unwrap();
    });
    let new = forgetful(&world, &shop, "New");
    count(&new, &shop, "81", &world);
    exchange(&world, &[&new, &a, &office]);
    office.undo(first, None, "it was another's", (&juma(), world.now()), None).unwrap();
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("80"), "it is not there after all");
    exchange(&world, &[&new]);
    assert!(!told(&new, &shop).1, "what came back is not known here");
}

#[test]
fn a_count_that_its_till_wrote_again_in_a_new_life_has_what_it_had_before() {
    let world = World::new();
    let (shop, a, b, office) = shop_of_two(&world);
    receive(&a, &shop, "10", &world);
    a.sync(world.now()).unwrap();
    let backup = a.path.with_extension("backup");
    a.backup(&backup).unwrap();
    sell(&a, "1", &world);
    a.sync(world.now()).unwrap();
    // The disk dies, and the backup trades before it has a line: it does not know of the last crate.
    let path = a.path.with_extension("restored");
    let folder = till::Folder::at(&path).unwrap();
    std::fs::copy(a.path.join("till.key"), path.join("till.key")).unwrap();
    folder.restore(&backup, world.now()).unwrap();
    let till = world.open(path);
    sell(&till, "2", &world);
    count(&till, &shop, "7", &world);
    sell(&till, "1", &world);
    for _ in 0..3 {
        world.pass(3600);
        exchange(&world, &[&till, &b, &office]);
    }
    assert!(till.identity().actor.incarnation > 0, "it has another name now");
    assert_eq!(agree(&world, &shop, &[&till, &b, &office]).as_deref(), Some("5"));
}

#[test]
fn two_who_count_apart_correct_the_same_loss_once() {
    let world = World::new();
    let (shop, a, b, office) = shop_of_two(&world);
    receive(&a, &shop, "10", &world);
    agree(&world, &shop, &[&a, &b, &office]);
    for till in [&a, &b] {
        till.offline(true);
        count(till, &shop, "8", &world);
        till.offline(false);
    }
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("8"));
}

#[test]
fn whatever_happens_in_whatever_order_every_replica_adds_it_up_as_the_facts_say() {
    for seed in 0..12 {
        eprintln!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new();
        let (shop, a, b, office) = shop_of_two(&world);
        let mut sales = Vec::new();
        for _ in 0..60 {
            let till = [&a, &b, &office][random.usize(..3)];
            let amount = random.u32(1..20).to_string();
            world.pass(random.i64(1..30));
            match random.u8(..8) {
                0 | 1 if till.identity().role == domain::Role::Till => {
                    sales.push(sell(till, &amount, &world))
                }
                2 => receive(till, &shop, &amount, &world),
                3 => count(till, &shop, &amount, &world),
                // Not every sale is here yet, and some were cancelled.
                4 if !sales.is_empty() => {
                    let _ = till.void(sales[random.usize(..sales.len())], "chance", &juma(), world.now());
                }
                5 => till.offline(random.bool()),
                _ => {
                    let _ = till.sync(world.now());
                }
            }
        }
        [&a, &b, &office].into_iter().for_each(|replica| replica.offline(false));
        agree(&world, &shop, &[&a, &b, &office]);
        for replica in [&a, &b, &office] {
            is_whole(&replica.path);
        }
    }
}

/// Seed 9 of the simulation found it: a ledger was called damaged when somebody counted as much as can be counted.
#[test]
fn a_liar_who_counts_as_much_as_can_be_counted_damages_no_ledger_and_the_next_count_sets_it_right() {
    let world = World::new();
    let (shop, mut a, b, office) = shop_of_two(&world);
    let most = Level::from_milli(1_000_000_000_000).unwrap();
    let counted = BTreeMap::from([(soda(), Counted { level: most, beyond: Level::NONE })]);
    let seen = BTreeMap::from([(b.identity().actor, i64::MAX.unsigned_abs())]);
    let lie = FactBody::Count(Count::new("a lie", counted, seen, BTreeSet::new()).unwrap());
    a.forge(&shop, lie, world.now());
    receive(&a, &shop, "5", &world);
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).unwrap(), "1000000000");
    count(&b, &shop, "7", &world);
    assert_eq!(agree(&world, &shop, &[&b, &a, &office]).unwrap(), "7");
}

#[test]
fn goods_go_to_another_place_and_come_back() {
    let world = World::new();
    let (shop, a, b, office) = shop_of_two(&world);
    receive(&a, &shop, "10", &world);
    let moved = |why, text| StockMove::moved(why, "Soko", vec![(soda(), quantity(text))]).unwrap();
    office.move_goods(&shop, moved(Why::TransferredOut, "4"), &juma(), world.now(), None).unwrap();
    a.move_goods(&shop, moved(Why::TransferredIn, "1.5"), &asha(), world.now(), None).unwrap();
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("7.5"));
}

#[test]
fn a_cancelled_sale_puts_its_goods_back_once() {
    let world = World::new();
    let (shop, mut a, b, office) = shop_of_two(&world);
    receive(&a, &shop, "10", &world);
    let sale = sell(&a, "4", &world);
    agree(&world, &shop, &[&a, &b, &office]);
    // Two people cancel it without knowing of each other.
    b.offline(true);
    a.void(sale, "wrong crate", &asha(), world.now()).unwrap();
    b.void(sale, "came back", &juma(), world.now()).unwrap();
    assert_eq!(level(&a, &shop).as_deref(), Some("10"));
    b.offline(false);
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("10"));
    // A till that cancels a sale before it was made, as its neighbours hear it.
    let next = FactId { actor: sale.actor, number: sale.number + 2 };
    let void = domain::FactBody::Void { sale: domain::Cited::by_name(next), reason: "early".into() };
    let mut late = world.till(&shop, "Late");
    late.forge(&shop, void, world.now());
    late.sync(world.now()).unwrap();
    a.offline(true);
    let sold = sell(&a, "2", &world);
    assert_eq!(sold, next, "the sale that was cancelled before it was made");
    assert_eq!(level(&a, &shop).as_deref(), Some("8"));
    a.offline(false);
    a.restart();
    assert_eq!(agree(&world, &shop, &[&a, &b, &office, &late]).as_deref(), Some("10"));
}

#[test]
fn a_till_that_floods_its_shop_with_counts_keeps_nobody_from_counting() {
    let world = World::new();
    let (shop, a, mut b, office) = shop_of_two(&world);
    let goods = || {
        let level = Level::parse_counted("99").unwrap();
        BTreeMap::from([(soda(), domain::Counted { level, beyond: Level::NONE })])
    };
    for _ in 0..4 {
        let count = domain::Count::new("", goods(), domain::Seen::new(), std::collections::BTreeSet::new());
        b.forge(&shop, domain::FactBody::Count(count.unwrap()), world.now().plus_millis(86_400_000));
    }
    agree(&world, &shop, &[&a, &b, &office]);
    assert_eq!(level(&a, &shop).as_deref(), Some("99"));
    count(&a, &shop, "5", &world);
    assert_eq!(agree(&world, &shop, &[&a, &b, &office]).as_deref(), Some("5"), "whatever their clocks said");
}

#[test]
fn a_request_that_is_repeated_moves_goods_once_and_a_line_of_no_product_moves_none() {
    let world = World::new();
    let (shop, a, _, _) = shop_of_two(&world);
    let came = || StockMove::moved(Why::Received, "", vec![(soda(), quantity("5"))]).unwrap();
    let first = a.move_goods(&shop, came(), &asha(), world.now(), Some("delivery-1")).unwrap();
    assert_eq!(a.move_goods(&shop, came(), &asha(), world.now(), Some("delivery-1")).unwrap(), first);
    let counted = BTreeMap::from([(soda(), Level::parse_counted("4").unwrap())]);
    let count = || a.count_goods(&shop, &counted, "", &asha(), world.now(), Some("count-1")).unwrap();
    assert_eq!(count(), count());
    // A key that made something else stands for that alone: what comes under it now would be gone.
    let reused = a.move_goods(&shop, came(), &asha(), world.now(), Some("count-1")).unwrap_err().to_string();
    assert!(reused.contains("Idempotency-Key was used for something else"), "{reused}");
    let sold = tests::world::sell(&a, 100, world.now());
    assert!(a.printed(sold, &asha(), world.now(), Some("delivery-1")).is_err());
    a.printed(sold, &asha(), world.now(), Some("receipt-1")).unwrap();
    a.printed(sold, &asha(), world.now(), Some("receipt-1")).unwrap();
    assert_eq!(level(&a, &shop).as_deref(), Some("4"));
    assert_eq!(a.stock(&shop, false).unwrap().len(), 1);
}

#[test]
fn what_is_sold_by_its_catalogue_name_is_taken_off() {
    let world = World::new();
    let (shop, a, _, _) = shop_of_two(&world);
    let product = Product::new(soda(), "Soda, crate", kes(700)).unwrap();
    a.set(&shop, &Item::Product(product), &asha(), world.now()).unwrap();
    let line = a.line(&shop, &soda(), quantity("2.5")).unwrap();
    let sale = Sale::new(vec![line.clone(), line], kes(3_500), Tender::Cash, None).unwrap();
    a.sell(sale, &asha(), world.now(), None).unwrap();
    assert_eq!(level(&a, &shop).as_deref(), Some("-5"), "two lines of one product add up");
}
