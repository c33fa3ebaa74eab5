//! Stories of which payment pays which sale: what is proposed and why, what leaves no doubt, and what a shop may
//! choose about it.

use domain::standing::SaleState;
use domain::{FactId, How, Item, ItemId, Msisdn, Setting, ShopId};
use tests::world::{Replica, World, asha, code, exchange, sell};
use till::Till;

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

/// The words that come with the payments offered for a sale, and with the sales offered for a payment.
fn offered(till: &Till, sale: FactId) -> Vec<(String, String)> {
    let found = till.candidates(sale).unwrap();
    found.iter().map(|(fit, row)| (row.receipt.to_string(), fit.reasons().join("; "))).collect()
}

#[test]
fn what_may_fit_is_offered_with_reasons_the_best_first_and_what_is_used_last() {
    let world = World::new();
    let (shop, till, _) = shop_and_till(&world);
    let sale = sell(&till, 500, world.now());
    let twin = sell(&till, 500, world.now());
    let reference = till.sale(sale).unwrap().reference(&till.letters().unwrap());
    world.pass(120);
    world.pay("UKL1SH0RTX", "123456", 450, "");
    world.pay("UKL2SAME1X", "123456", 500, "");
    world.pay("UKL3SAME2X", "123456", 500, "");
    world.pay("UKL4NAMEDX", "123456", 20, &format!(" {} ", reference.to_lowercase().replace('1', "i")));
    world.pass(3_600);
    world.pay("UKL5LATERX", "123456", 500, "");
    exchange(&world, &[&till]);
    till.claim(twin, (code("UKL3SAME2X"), How::Picked), &asha(), world.now()).unwrap();
    let expected = [
        ("UKL4NAMEDX", "the customer typed this sale's reference; short by 480.00; 2 minutes apart"),
        ("UKL2SAME1X", "same amount; 2 minutes apart"),
        ("UKL5LATERX", "same amount; 62 minutes apart; outside the usual time window"),
        ("UKL1SH0RTX", "short by 50.00; 2 minutes apart"),
        ("UKL3SAME2X", "same amount; 2 minutes apart"),
    ];
    let expected = expected.map(|(receipt, why)| (receipt.to_owned(), why.to_owned()));
    assert_eq!(offered(&till, sale), expected);
    let last = till.candidates(sale).unwrap().pop().unwrap();
    assert!(last.0.used && last.1.sale == Some(twin), "it says who has it: {last:?}");

    let sales = till.sales_for(&shop, &code("UKL4NAMEDX")).unwrap();
    assert_eq!(sales[0].1.id, sale);
    assert_eq!(sales[0].0.reasons()[0], "the customer typed this sale's reference");
    assert!(till.sales_for(&shop, &code("UKL9N0B0DY")).is_err());
}

#[test]
fn a_sale_whose_code_was_mistyped_is_offered_its_payment_and_nobody_else_gets_it_by_itself() {
    let world = World::new();
    let (shop, till, _) = shop_and_till(&world);
    till.offline(true);
    let sale = sell(&till, 500, world.now());
    till.claim(sale, (code("UKL4ABI2CD"), How::Typed), &asha(), world.now()).unwrap();
    let other = sell(&till, 500, world.now());
    world.pass(60);
    world.pay("UKL4AB12CD", "123456", 500, "");
    till.offline(false);
    exchange(&world, &[&till]);
    assert_eq!(till.sale(other).unwrap().state, SaleState::Open, "it may well be the first sale's");
    assert_eq!(
        offered(&till, sale)[0].1,
        "nearly the code that was typed for this sale; same amount; 1 minute apart"
    );
    let sales = till.sales_for(&shop, &code("UKL4AB12CD")).unwrap();
    assert_eq!(sales.iter().map(|(_, row)| row.id).collect::<Vec<_>>(), [sale, other]);
}

#[test]
fn what_a_customer_shows_is_read_looked_up_and_doubted_but_never_refused() {
    let world = World::new();
    let (_, till, _) = shop_and_till(&world);
    let (sale, other) = (sell(&till, 500, world.now()), sell(&till, 700, world.now()));
    world.pay("UKL4AB12CD", "123456", 450, "");
    exchange(&world, &[&till]);
    let kinds = |sale, text: &str| {
        let shown = till.look_at(sale, text, world.now()).unwrap();
        let found: Vec<String> = shown.found.iter().map(|(_, row)| row.receipt.to_string()).collect();
        (found.join(","), shown.warnings.iter().map(|it| it.kind).collect::<Vec<_>>())
    };
    let here = "UKL4AB12CD".to_owned();
    assert_eq!(kinds(sale, "ukl4 ab12 cd"), (here.clone(), vec![]));
    assert_eq!(kinds(sale, "b12cd"), (here.clone(), vec![]), "the last five characters do");
    assert_eq!(
        kinds(sale, "UKL4ABI2CD"),
        (here.clone(), vec![]),
        "an I for a 1 is near enough to be offered"
    );
    assert_eq!(kinds(sale, "UKK4QQ77QQ"), (String::new(), vec!["code"]), "yesterday's code");
    assert_eq!(kinds(sale, "good morning"), (String::new(), vec!["no-code"]));
    let message = |amount: &str, when: &str| {
        format!("UKL4AB12CD Confirmed. Ksh{amount} paid to DUKA. on {when}.New M-PESA balance is Ksh1.00.")
    };
    assert_eq!(kinds(sale, &message("500.00", "21/11/26 at 8:00 AM")), (here.clone(), vec![]));
    let wrong = kinds(sale, &message("450.00", "20/11/26 at 8:00 AM"));
    assert_eq!(wrong, (here.clone(), vec!["amount", "time"]));

    till.claim(sale, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    let shown = till.look_at(other, "UKL4AB12CD", world.now()).unwrap();
    assert!(shown.found[0].0.used, "{shown:?}");
    assert!(shown.warnings[0].text.contains("UKL4AB12CD was used for sale A1 by Asha"), "{shown:?}");
    let claim = till.claims(sale).unwrap()[0].id;
    till.release(claim, "another customer's", &asha(), world.now()).unwrap();
    let shown = till.look_at(other, "UKL4AB12CD", world.now()).unwrap();
    assert!(shown.warnings[0].text.contains("released: another customer's"), "{shown:?}");
    till.claim(other, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
}

#[test]
fn two_open_sales_of_one_total_know_of_each_other_until_one_is_settled() {
    let world = World::new();
    let (shop, till, _) = shop_and_till(&world);
    let back = world.till(&shop, "Back");
    let (first, other) = (sell(&till, 500, world.now()), sell(&back, 500, world.now()));
    exchange(&world, &[&till, &back]);
    let twins = |sale| {
        let found = till.same_total(&till.sale(sale).unwrap()).unwrap();
        found.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(twins(first), [], "what another till sold, another cashier asks for");
    let second = sell(&till, 500, world.now());
    assert_eq!((twins(first), twins(second)), (vec![second], vec![first]));
    assert_eq!(till.sale(other).unwrap().state, SaleState::Open);
    till.take_cash(first, None, &asha(), world.now(), None).unwrap();
    assert_eq!((twins(first), twins(second)), (vec![], vec![]));
}

#[test]
fn the_number_that_was_prompted_tells_a_payment_from_its_twin() {
    let world = World::new();
    let (_, till, _) = shop_and_till(&world);
    let sale = sell(&till, 500, world.now());
    // What the customer pays by hand comes from the number that was asked.
    till.ask_for_payment(sale, &Msisdn::parse_phone("0712345149").unwrap(), world.now()).unwrap();
    world.pay("UKL4AB12CD", "123456", 500, "");
    world.pay("UKL5AB12CD", "123456", 500, "");
    exchange(&world, &[&till]);
    let why = &offered(&till, sale)[0].1;
    assert!(why.starts_with("paid from a number that ends in 149, as was noted"), "{why}");
}
