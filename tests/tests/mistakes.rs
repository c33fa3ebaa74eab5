//! Stories of what was said of a sale by mistake: it is taken back with a reason, it counts no more, and everybody can
//! read who said it and who took it back.

use domain::standing::SaleState;
use domain::{Item, ItemId, Line, ProductId, Quantity, Sale, Setting, ShopId, Tender};
use tests::copies::{all_agree, copied, restored};
use tests::tills::is_whole;
use tests::world::{Replica, World, asha, code, exchange, kes, of, sell};
use till::{Deed, Said, SaleFilter, TillError};

fn counter(world: &World) -> (ShopId, Replica, Replica, Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    exchange(world, &[&a, &b, &office]);
    (shop, a, b, office)
}

fn refused<T: std::fmt::Debug>(done: Result<T, TillError>, why: &str) {
    assert!(matches!(&done, Err(TillError::Refused(said)) if said.contains(why)), "{done:?}");
}

fn three_sodas(till: &Replica, world: &World) -> till::SaleRow {
    let soda = ProductId::parse("soda").unwrap();
    let line = Line::new("Soda", Quantity::parse("3").unwrap(), kes(100)).unwrap().of(soda);
    let sale = Sale::new(vec![line], kes(300), Tender::Cash, None).unwrap();
    till.sell(sale, &asha(), world.now(), None).unwrap().sale
}

fn level(till: &Replica, shop: &ShopId) -> String {
    till.stock(shop, false).unwrap().iter().map(|row| row.level.to_string()).collect()
}

/// All of them say this of a sale, their rows are what facts make of them, and every shilling is somewhere.
fn say(replicas: &[&Replica], shop: &ShopId, sale: domain::FactId, [paid, due, over]: [u32; 3]) {
    for replica in replicas {
        let row = replica.sale(sale).unwrap();
        assert_eq!((row.paid, row.due, row.over), (kes(paid), kes(due), kes(over)));
        assert_eq!(tests::books::faults_of(replica, shop), [""; 0]);
        is_whole(&replica.path);
    }
}

#[test]
fn cash_that_was_recorded_for_the_wrong_sale_is_taken_back_and_leaves_the_drawer_it_was_counted_in() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let sale = a.sell(of(500, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale.id;
    a.take_cash(sale, Some(kes(200)), &asha(), world.now(), None).unwrap();
    let closed = a.close_shift(kes(200), &asha(), world.now(), None).unwrap();
    exchange(&world, &[&a, &b, &office]);
    refused(b.undo(sale, None, "slip", (&asha(), world.now()), None), "another till's drawer");
    refused(office.undo(sale, None, "slip", (&asha(), world.now()), None), "another till's drawer");
    assert!(b.said_of(&b.sale(sale).unwrap()).unwrap().is_empty(), "it is not offered there either");
    refused(a.undo(sale, None, " ", (&asha(), world.now()), None), "give a reason");
    world.pass(60);
    let undo = || a.undo(sale, None, "other customer's", (&asha(), world.now()), Some("key"));
    assert_eq!(undo().unwrap().state, SaleState::Open);
    assert_eq!(undo().unwrap().due, kes(500), "once");
    refused(a.undo(sale, None, "again", (&asha(), world.now()), None), "nothing that was said of this sale");
    exchange(&world, &[&a, &b, &office]);
    say(&[&a, &b, &office], &shop, sale, [0, 500, 0]);
    // The closed report stays; the drawer that goes on is short of what the closed one had too much of.
    assert_eq!(closed.closing.report.drawer.sales, kes(200));
    let report = a.shift(world.now()).unwrap();
    assert_eq!(report.drawer.sales, -kes(200));
    assert_eq!(report.late[&closed.closing.report.number].cash, -kes(200), "and it names the shift");
    let told: Vec<Deed> = office.history_of_sale(sale).unwrap().into_iter().map(|it| it.deed).collect();
    assert!(told.contains(&Deed::CashTaken(kes(200))), "nothing is deleted: {told:?}");
    let back = told.iter().any(|deed| {
        matches!(deed, Deed::Undone { what: Some((Said::Cash, amount)), reason, .. }
            if *amount == kes(200) && reason == "other customer's")
    });
    assert!(back, "{told:?}");
}

#[test]
fn goods_that_did_not_come_back_after_all_are_off_the_shelf_again_and_the_money_is_due() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let sale = three_sodas(&a, &world).id;
    exchange(&world, &[&a, &b, &office]);
    let one = [(0, Quantity::ONE)];
    a.take_goods_back(sale, &one, (true, "stale"), (&asha(), world.now()), None).unwrap();
    world.pass(1);
    a.give_back(sale, None, "stale", &asha(), world.now(), None).unwrap();
    assert_eq!(level(&a, &shop), "-2");
    exchange(&world, &[&a, &b, &office]);
    // The money is said last, so it is taken back first; the goods by any till.
    world.pass(1);
    let row = a.undo(sale, None, "wrong sale", (&asha(), world.now()), None).unwrap();
    assert_eq!((row.over, row.state), (kes(100), SaleState::Paid));
    exchange(&world, &[&a, &b]);
    let said = b.said_of(&b.sale(sale).unwrap()).unwrap();
    assert_eq!(said.iter().map(|it| it.said).collect::<Vec<_>>(), [Said::Return]);
    b.undo(sale, Some(said[0].id), "wrong sale", (&asha(), world.now()), None).unwrap();
    exchange(&world, &[&b, &a, &office]);
    say(&[&a, &b, &office], &shop, sale, [300, 0, 0]);
    for replica in [&a, &b, &office] {
        assert_eq!(level(replica, &shop), "-3");
        assert_eq!(replica.verify(&shop).unwrap(), Vec::<String>::new(), "the day books say the same");
        assert!(replica.returns(&replica.sale(sale).unwrap()).unwrap().is_empty());
    }
    let all = [(0, Quantity::parse("3").unwrap())];
    b.take_goods_back(sale, &all, (true, "now really"), (&asha(), world.now()), None).unwrap();
    assert_eq!(level(&b, &shop), "0", "what was taken back by mistake leaves room for all of them");
}

#[test]
fn a_return_that_two_tills_take_back_without_a_line_and_a_third_cancels_counts_once() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let sale = three_sodas(&a, &world).id;
    let one = [(0, Quantity::ONE)];
    a.take_goods_back(sale, &one, (true, "stale"), (&asha(), world.now()), None).unwrap();
    exchange(&world, &[&a, &b, &office]);
    for till in [&a, &b] {
        world.pass(1);
        till.offline(true);
        till.undo(sale, None, "slip", (&asha(), world.now()), None).unwrap();
        till.offline(false);
    }
    exchange(&world, &[&b, &a, &office]);
    exchange(&world, &[&b, &a, &office]);
    say(&[&a, &b, &office], &shop, sale, [300, 0, 0]);
    assert_eq!(level(&office, &shop), "-3");
    office.void(sale, "wrong customer", &asha(), world.now()).unwrap();
    exchange(&world, &[&office, &a, &b]);
    say(&[&a, &b, &office], &shop, sale, [300, 0, 300]);
    assert_eq!(level(&a, &shop), "0");
}

#[test]
fn a_tip_that_was_none_goes_back_to_the_customer() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let tips = Setting::new(ItemId::parse("tips").unwrap(), "on").unwrap();
    office.set(&shop, &Item::Setting(tips), &asha(), world.now()).unwrap();
    exchange(&world, &[&office, &a, &b]);
    let sale = sell(&a, 450, world.now());
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&a, &b, &office]);
    a.claim(sale, (code("UKL4AB12CD"), domain::How::Picked), &asha(), world.now()).unwrap();
    let row = a.tip(sale, None, &asha(), world.now(), None).unwrap();
    assert_eq!((row.owed, row.over), (kes(500), kes(0)));
    exchange(&world, &[&a, &b, &office]);
    world.pass(1);
    office.undo(sale, None, "the customer came back for it", (&asha(), world.now()), None).unwrap();
    exchange(&world, &[&office, &a, &b]);
    say(&[&a, &b, &office], &shop, sale, [500, 0, 50]);
}

#[test]
fn what_a_till_writes_again_in_a_new_life_stays_taken_back() {
    let world = World::new();
    let (shop, a, office) = {
        let (shop, a, _, office) = counter(&world);
        (shop, a, office)
    };
    let sale = sell(&a, 500, world.now());
    exchange(&world, &[&a, &office]);
    let backup = a.path.with_extension("backup");
    a.backup(&backup).unwrap();
    // The till sells on and tells the cloud; its backup takes cash and takes it back, without a line.
    sell(&a, 7, world.now());
    exchange(&world, &[&a, &office]);
    let till = restored(&world, &a, &backup);
    till.take_cash(sale, Some(kes(300)), &asha(), world.now(), None).unwrap();
    world.pass(1);
    till.take_cash(sale, Some(kes(100)), &asha(), world.now(), None).unwrap();
    world.pass(1);
    let first = till.said_of(&till.sale(sale).unwrap()).unwrap()[1].id;
    till.undo(sale, Some(first), "slip", (&asha(), world.now()), None).unwrap();
    exchange(&world, &[&till, &office]);
    exchange(&world, &[&till, &office]);
    all_agree(&world, &shop, &[&till, &office], &[7, 500]);
    say(&[&till, &office], &shop, sale, [100, 400, 0]);
    assert_eq!(till.shift(world.now()).unwrap().drawer.sales, kes(100));
    assert_eq!(till.sales(&shop, SaleFilter::Open, None, 9).unwrap().len(), 2);
}

#[test]
fn once_its_books_are_closed_nothing_of_a_sale_is_taken_back() {
    let world = World::new();
    let (shop, a, _, office) = counter(&world);
    let sale = sell(&a, 500, world.now());
    a.take_cash(sale, None, &asha(), world.now(), None).unwrap();
    let day = world.now().business_day();
    world.pass(86_400);
    office.close_period(&shop, day, "", (&asha(), world.now())).unwrap();
    exchange(&world, &[&office, &a]);
    refused(a.undo(sale, None, "slip", (&asha(), world.now()), None), "the books are closed up to");
    assert!(a.said_of(&a.sale(sale).unwrap()).unwrap().is_empty(), "and nothing is offered");
}

#[test]
fn what_is_said_today_of_a_sale_of_closed_books_is_taken_back_today() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let sale = sell(&a, 500, world.now());
    let day = world.now().business_day();
    world.pass(86_400);
    office.close_period(&shop, day, "", (&asha(), world.now())).unwrap();
    exchange(&world, &[&office, &a, &b]);
    a.take_cash(sale, None, &asha(), world.now(), None).unwrap();
    a.undo(sale, None, "other customer's", (&asha(), world.now()), None).unwrap();
    exchange(&world, &[&a, &b, &office]);
    say(&[&a, &b, &office], &shop, sale, [0, 500, 0]);
}

#[test]
fn of_two_drawers_that_had_one_name_each_takes_back_what_it_took() {
    let world = World::new();
    let (shop, a, _, office) = counter(&world);
    let sale = sell(&a, 900, world.now());
    exchange(&world, &[&a, &office]);
    let copy = world.open(copied(&a, "copy"));
    a.offline(true);
    copy.offline(true);
    a.take_cash(sale, Some(kes(200)), &asha(), world.now(), None).unwrap();
    world.pass(1);
    copy.take_cash(sale, Some(kes(300)), &asha(), world.now(), None).unwrap();
    a.offline(false);
    copy.offline(false);
    for _ in 0..3 {
        world.pass(60);
        exchange(&world, &[&a, &copy, &office]);
    }
    let row = a.sale(sale).unwrap();
    assert_eq!(row.paid, kes(500));
    let said = a.said_of(&row).unwrap();
    assert_eq!(
        said.iter().map(|it| it.amount).collect::<Vec<_>>(),
        [kes(200)],
        "the other is another drawer's"
    );
    a.undo(sale, Some(said[0].id), "slip", (&asha(), world.now()), None).unwrap();
    exchange(&world, &[&a, &copy, &office]);
    say(&[&a, &copy, &office], &shop, sale, [300, 600, 0]);
    assert_eq!(a.shift(world.now()).unwrap().drawer.sales, kes(0));
    assert_eq!(copy.shift(world.now()).unwrap().drawer.sales, kes(300));
}

#[test]
fn a_mistake_that_is_taken_back_before_and_after_a_disk_died_leaves_the_drawer_once() {
    let world = World::new();
    let (shop, a, _, office) = counter(&world);
    let sale = sell(&a, 500, world.now());
    a.take_cash(sale, None, &asha(), world.now(), None).unwrap();
    exchange(&world, &[&a, &office]);
    let backup = a.path.with_extension("backup");
    a.backup(&backup).unwrap();
    world.pass(60);
    a.undo(sale, None, "slip", (&asha(), world.now()), None).unwrap();
    exchange(&world, &[&a, &office]);
    let till = restored(&world, &a, &backup);
    world.pass(60);
    till.undo(sale, None, "slip", (&asha(), world.now()), None).unwrap();
    for _ in 0..2 {
        world.pass(60);
        exchange(&world, &[&till, &office]);
    }
    say(&[&till, &office], &shop, sale, [0, 500, 0]);
    assert_eq!(till.shift(world.now()).unwrap().drawer.expected(), kes(0));
}
