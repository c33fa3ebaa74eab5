//! Stories of the catalogue: set at head office and at tills, chosen between, sold from.

use domain::{
    Item, ItemId, ItemKey, Kind, Named, Person, Product, ProductId, Quantity, Register, Sale, Setting,
    ShopId, Staff, StaffRole, TaxRate, Tender,
};
use tests::world::{Replica, World, asha, exchange, kes};
use till::{Till, TillError};

fn juma() -> Person {
    Person::named("Juma")
}

fn product(id: &str, shillings: u32) -> Product {
    Product::new(ProductId::parse(id).unwrap(), "Bread", kes(shillings)).unwrap()
}

fn bread(shillings: u32) -> Item {
    Item::Product(product("bread", shillings))
}

fn id(text: &str) -> ItemId {
    ItemId::parse(text).unwrap()
}

fn register(till: &Till, shop: &ShopId, key: &str) -> Register {
    till.register(shop, &key.parse().unwrap()).unwrap().unwrap()
}

fn set(till: &Till, shop: &ShopId, item: &Item, by: &Person, world: &World) {
    till.set(shop, item, by, world.now()).unwrap();
}

/// A till and head office that have met.
fn till_and_office(world: &World) -> (ShopId, Replica, Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (till, office) = (world.till(&shop, "Front"), world.office());
    exchange(world, &[&till, &office]);
    (shop, till, office)
}

#[test]
fn prices_set_apart_are_seen_as_a_conflict_until_somebody_chooses() {
    let world = World::new();
    let (shop, till, office) = till_and_office(&world);
    set(&office, &shop, &bread(60), &juma(), &world);
    exchange(&world, &[&office, &till]);
    assert_eq!(register(&till, &shop, "bread").leading.item, bread(60));

    set(&till, &shop, &bread(65), &asha(), &world);
    world.pass(60);
    set(&office, &shop, &bread(70), &juma(), &world);
    exchange(&world, &[&till, &office]);
    let seen = register(&till, &shop, "bread");
    assert_eq!(seen, register(&office, &shop, "bread"));
    let mut told: Vec<_> = seen.versions().map(|it| (it.item.clone(), it.by.clone())).collect();
    told.sort_by_key(|(_, by)| by.clone());
    assert_eq!(told, [(bread(65), asha()), (bread(70), juma())], "both values, and who set them");

    let asha_s = seen.versions().find(|version| version.by == asha()).unwrap();
    let key = "bread".parse().unwrap();
    office.choose(&shop, &key, asha_s.write, &juma(), world.now()).unwrap();
    exchange(&world, &[&till, &office]);
    let chosen = register(&till, &shop, "bread");
    assert_eq!((chosen.leading.item, chosen.leading.by, chosen.others), (bread(65), juma(), vec![]));
    let again = office.choose(&shop, &key, asha_s.write, &juma(), world.now());
    assert!(matches!(again, Err(TillError::Refused(_))), "it was chosen before: {again:?}");
}

#[test]
fn everything_a_shop_keeps_is_set_at_one_end_and_read_at_the_other() {
    let world = World::new();
    let (shop, mut till, office) = till_and_office(&world);
    let full = product("bread", 65).with_barcodes(vec!["6161100".into(), "BREAD-1".into()]).unwrap();
    let (category, tax_rate, unit) = (Some(id("food")), Some(id("vat")), Some(id("piece")));
    let items = [
        Item::Product(Product { category, tax_rate, unit, ..full }),
        Item::Category(Named::new(id("food"), "Food").unwrap()),
        Item::TaxRate(TaxRate::new(id("vat"), "VAT 16%", 1_600).unwrap()),
        Item::Unit(Named::new(id("piece"), "piece").unwrap()),
        Item::Setting(Setting::new(id("receipt-footer"), "Asante, karibu tena").unwrap()),
        Item::Staff(Staff {
            id: id("asha"),
            name: asha(),
            role: StaffRole::Manager,
            pin: Some(till::hash_pin("4711").unwrap()),
            active: true,
        }),
    ];
    for item in &items {
        set(&office, &shop, item, &juma(), &world);
    }
    exchange(&world, &[&office, &till]);
    for item in &items {
        let found = register(&till, &shop, &item.key().to_string());
        assert_eq!((&found.leading.item, found.leading.by), (item, juma()));
        assert_eq!(till.registers(&shop, item.key().kind).unwrap().len(), 1);
    }
    till.restart();
    set(&till, &shop, &bread(70), &asha(), &world);
    assert_eq!(till.verify(&shop).unwrap(), Vec::<String>::new());
    exchange(&world, &[&till, &office]);
    assert_eq!(register(&office, &shop, "bread").leading.item, bread(70));
}

#[test]
fn a_line_of_a_product_takes_name_and_price_as_they_are_shown_now_and_keeps_them() {
    let world = World::new();
    let (shop, till, _) = till_and_office(&world);
    let barcoded = product("bread", 65).with_barcodes(vec!["6161100".into()]).unwrap();
    set(&till, &shop, &Item::Product(barcoded.clone()), &asha(), &world);
    let found = till.product_with_barcode(&shop, "6161100").unwrap();
    let line = till.line(&shop, &found, Quantity::parse("2").unwrap()).unwrap();
    assert_eq!((line.name.as_str(), line.amount, line.product.clone()), ("Bread", kes(130), Some(found)));
    let sale = Sale::new(vec![line], kes(130), Tender::Cash, None).unwrap();
    let sold = till.sell(sale, &asha(), world.now(), None).unwrap().sale;

    set(&till, &shop, &Item::Product(Product { price: kes(80), ..barcoded.clone() }), &asha(), &world);
    let lines = till.lines(&till.sale(sold.id).unwrap()).unwrap();
    assert_eq!(lines[0].unit_price, kes(65), "the price that the customer saw");

    // The same barcode on a second product, and then the first not sold any more.
    let other = product("loaf", 70).with_barcodes(vec!["6161100".into()]).unwrap();
    set(&till, &shop, &Item::Product(other), &asha(), &world);
    let both = till.product_with_barcode(&shop, "6161100").unwrap_err().to_string();
    assert!(both.contains("bread, loaf"), "{both}");
    set(&till, &shop, &Item::Product(Product { sold: false, ..barcoded }), &asha(), &world);
    assert_eq!(till.product_with_barcode(&shop, "6161100").unwrap().as_str(), "loaf");
    let gone = till.line(&shop, &ProductId::parse("bread").unwrap(), Quantity::ONE);
    assert!(gone.unwrap_err().to_string().contains("not sold any more"));
}

#[test]
fn a_pin_lets_its_owner_in_at_every_till_and_nobody_by_trying() {
    let world = World::new();
    let (shop, till, office) = till_and_office(&world);
    let pin = Some(till::hash_pin("4711").unwrap());
    let staff = Staff { id: id("asha"), name: asha(), role: StaffRole::Manager, pin, active: true };
    set(&office, &shop, &Item::Staff(staff.clone()), &juma(), &world);
    exchange(&world, &[&office, &till]);
    let check = |pin: &str| till.check_pin(&shop, &id("asha"), pin, world.now());
    assert_eq!(check("4711").unwrap().role, StaffRole::Manager);
    for _ in 0..5 {
        assert!(check("0000").unwrap_err().to_string().contains("not theirs"));
    }
    assert!(check("4711").unwrap_err().to_string().contains("wait a minute"));
    world.pass(61);
    assert!(check("4711").is_ok());
    assert!(till.check_pin(&shop, &id("nobody"), "4711", world.now()).is_err());

    set(&office, &shop, &Item::Staff(Staff { active: false, ..staff }), &juma(), &world);
    exchange(&world, &[&office, &till]);
    assert!(check("4711").is_err(), "somebody who left is let in no more");
}

#[test]
fn a_catalogue_that_was_written_out_of_order_opens_again_as_it_was() {
    let world = World::new();
    let (shop, till, office) = till_and_office(&world);
    set(&office, &shop, &bread(60), &juma(), &world);
    exchange(&world, &[&office, &till]);
    set(&till, &shop, &bread(61), &asha(), &world);
    exchange(&world, &[&till, &office]);
    // A new till is told the journals one after the other, whatever builds on what.
    let mut late = world.till(&shop, "Back");
    exchange(&world, &[&late]);
    set(&till, &shop, &bread(62), &asha(), &world);
    exchange(&world, &[&till, &late]);
    late.restart();
    set(&till, &shop, &bread(63), &asha(), &world);
    exchange(&world, &[&till, &late]);
    assert_eq!(register(&late, &shop, "bread").leading.item, bread(63));
    assert_eq!(late.status().unwrap().set_aside, Vec::<String>::new());
}

#[test]
fn the_rows_of_a_catalogue_that_an_older_release_kept_otherwise_are_written_anew() {
    let world = World::new();
    let (shop, mut till, _) = till_and_office(&world);
    set(&till, &shop, &bread(65), &asha(), &world);
    let before = register(&till, &shop, "bread");
    let file = rusqlite::Connection::open(till.path.join("ledger.sqlite")).unwrap();
    file.execute_batch("DELETE FROM catalogue").unwrap();
    drop(file);
    till.restart();
    assert_eq!(register(&till, &shop, "bread"), before);
    assert_eq!(till.verify(&shop).unwrap(), Vec::<String>::new());
}

#[test]
fn a_catalogue_of_two_thousand_products_comes_and_is_edited_in_moments() {
    let world = World::new();
    let (shop, till, office) = till_and_office(&world);
    let started = std::time::Instant::now();
    for n in 0..2_000 {
        set(&office, &shop, &Item::Product(product(&format!("p-{n}"), n + 1)), &juma(), &world);
    }
    let set_all = started.elapsed();
    office.sync(world.now()).unwrap();
    let started = std::time::Instant::now();
    till.sync(world.now()).unwrap();
    println!("figure: catalogue_set_2000 {} ms", set_all.as_millis());
    println!("figure: catalogue_take_2000 {} ms", started.elapsed().as_millis());
    assert_eq!(till.registers(&shop, Kind::Product).unwrap().len(), 2_000);
    let key = ItemKey { kind: Kind::Product, id: id("p-1999") };
    let last = till.register(&shop, &key).unwrap().unwrap().leading.item;
    assert_eq!(last, Item::Product(product("p-1999", 2_000)));
}
