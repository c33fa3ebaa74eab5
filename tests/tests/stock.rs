//! Stories of stock: it is what the facts add up to, whoever wrote them and in whatever order they come.

use domain::{
    FactId, Item, Level, Line, Person, Product, ProductId, Quantity, Sale, ShopId, StockMove, Tender, Why,
};
use std::collections::BTreeMap;
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
    let void = domain::FactBody::Void { sale: next, reason: "early".into() };
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
fn a_request_that_is_repeated_moves_goods_once_and_a_line_of_no_product_moves_none() {
    let world = World::new();
    let (shop, a, _, _) = shop_of_two(&world);
    let came = || StockMove::moved(Why::Received, "", vec![(soda(), quantity("5"))]).unwrap();
    let first = a.move_goods(&shop, came(), &asha(), world.now(), Some("delivery-1")).unwrap();
    assert_eq!(a.move_goods(&shop, came(), &asha(), world.now(), Some("delivery-1")).unwrap(), first);
    let counted = BTreeMap::from([(soda(), Level::parse_counted("4").unwrap())]);
    let count = || a.count_goods(&shop, &counted, "", &asha(), world.now(), Some("count-1")).unwrap();
    assert_eq!(count(), count());
    tests::world::sell(&a, 100, world.now());
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
