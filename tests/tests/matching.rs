//! Stories of which payment pays which sale: what is proposed and why, what leaves no doubt, and what a shop may
//! choose about it.

use domain::standing::SaleState;
use domain::{Item, ItemId, Setting, ShopId};
use tests::world::{Replica, World, asha, exchange, sell};

/// A shop with one till, and head office.
fn shop_and_till(world: &World) -> (ShopId, Replica, Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (till, office) = (world.till(&shop, "Front"), world.office());
    exchange(world, &[&till, &office]);
    (shop, till, office)
}

/// Head office sets something the shop may choose.
fn choose(world: &World, office: &Replica, shop: &ShopId, name: &str, value: &str) {
    let setting = Setting::new(ItemId::parse(name).unwrap(), value).unwrap();
    office.set(shop, &Item::Setting(setting), &asha(), world.now()).unwrap();
}

#[test]
fn a_shop_chooses_its_window_and_what_makes_no_sense_is_said_and_changes_nothing() {
    let world = World::new();
    let (shop, till, office) = shop_and_till(&world);
    choose(&world, &office, &shop, "matching-window", "a while");
    exchange(&world, &[&office, &till]);
    let (rules, said) = till.rules(&shop).unwrap();
    assert_eq!(rules.window_minutes, 10);
    assert!(said[0].contains("matching-window") && said[0].contains("a while"), "{said:?}");
    assert_eq!(till.status().unwrap().notices, said, "whoever works at the till sees it");

    let late = sell(&till, 500, world.now());
    world.pass(20 * 60);
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&till]);
    assert_eq!(till.sale(late).unwrap().state, SaleState::Open, "twenty minutes are too long by default");
    choose(&world, &office, &shop, "matching-window", "30");
    exchange(&world, &[&office, &till]);
    exchange(&world, &[&till]);
    assert_eq!(till.sale(late).unwrap().state, SaleState::Paid);
    assert_eq!(till.status().unwrap().notices, Vec::<String>::new());
}
