//! Stories of shifts: a drawer is opened, counted and closed, with or without a line; the document that says so
//! never changes, and what becomes known later stands in the next one.

use domain::{How, Money, Sale, ShopId, Takings, Tender};
use tests::copies::{imaged, restored};
use tests::tills::is_whole;
use tests::world::{Replica, World, asha, code, exchange, kes, of};
use till::{Deed, TillError};

fn counter(world: &World) -> (ShopId, Replica, Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (till, office) = (world.till(&shop, "Front"), world.office());
    exchange(world, &[&till, &office]);
    (shop, till, office)
}

fn sell(till: &Replica, world: &World, shillings: u32, tender: Tender) -> till::SaleRow {
    world.pass(1);
    till.sell(of(shillings, tender), &asha(), world.now(), None).unwrap().sale
}

fn refused<T: std::fmt::Debug>(done: Result<T, TillError>, why: &str) {
    assert!(matches!(&done, Err(TillError::Refused(said)) if said.contains(why)), "{done:?}");
}

#[test]
fn a_shift_is_opened_counted_and_closed_without_a_line_and_its_report_never_changes() {
    let world = World::new();
    let (shop, till, office) = counter(&world);
    till.offline(true);
    till.open_shift(kes(2000), &asha(), world.now(), Some("open")).unwrap();
    till.open_shift(kes(2000), &asha(), world.now(), Some("open")).unwrap();
    refused(till.open_shift(kes(1), &asha(), world.now(), None), "close its shift first");
    sell(&till, &world, 500, Tender::Cash);
    let wrong = sell(&till, &world, 70, Tender::Cash);
    let (claimed, open) = (sell(&till, &world, 250, Tender::Mpesa), sell(&till, &world, 200, Tender::Mpesa));
    till.claim(claimed.id, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    till.void(wrong.id, "wrong crate", &asha(), world.now()).unwrap();
    till.give_back(wrong.id, None, "wrong crate", &asha(), world.now(), None).unwrap();
    till.move_cash(kes(100), "change", &asha(), world.now(), None).unwrap();
    till.move_cash(-kes(1000), "to the bank", &asha(), world.now(), Some("bank")).unwrap();
    till.move_cash(-kes(1000), "to the bank", &asha(), world.now(), Some("bank")).unwrap();
    let x = till.shift(world.now()).unwrap();
    assert_eq!((x.number, x.opened.is_some()), (1, true));
    assert_eq!((x.drawer.float, x.drawer.sales), (kes(2000), kes(570)));
    assert_eq!((x.drawer.paid_in, x.drawer.paid_out, x.drawer.refunds), (kes(100), kes(1000), kes(70)));
    assert_eq!(x.drawer.expected(), kes(1600));
    assert_eq!((x.takings.sales, x.takings.total, x.takings.cash), (3, kes(950), kes(500)));
    assert_eq!((x.takings.claimed, x.takings.open, x.takings.verified), (kes(250), kes(200), kes(0)));
    assert_eq!((x.takings.voids, x.takings.voided, x.takings.over), (1, kes(70), kes(0)));
    assert!(x.unsent > 8, "it says that the cloud does not have it yet");
    let z = till.close_shift(kes(1590), &asha(), world.now(), Some("close")).unwrap();
    assert_eq!(till.close_shift(kes(1590), &asha(), world.now(), Some("close")).unwrap(), z, "once");
    assert_eq!((&z.closing.report, z.closing.difference()), (&x, -kes(10)));
    refused(till.close_shift(kes(1590), &asha(), world.now(), None), "nothing happened");
    assert_eq!(till.shift_opened().unwrap(), None);
    // The next day the payment is seen, and the other customer comes back with cash.
    world.pass(86_400);
    world.pay("UKL4AB12CD", "123456", 250, "");
    till.offline(false);
    exchange(&world, &[&till, &office]);
    till.open_shift(kes(500), &asha(), world.now(), None).unwrap();
    till.take_cash(open.id, None, &asha(), world.now(), None).unwrap();
    let next = till.close_shift(kes(700), &asha(), world.now(), None).unwrap();
    assert_eq!(next.closing.difference(), kes(0), "the cash is this drawer's, the sale the other's");
    assert_eq!((next.closing.report.number, next.closing.report.takings), (2, Takings::default()));
    let (verified, cash) = (kes(250), kes(200));
    let late = Takings { verified, cash, claimed: -verified, open: -cash, ..Takings::default() };
    assert_eq!(next.closing.report.late, [(1, late)].into());
    exchange(&world, &[&till, &office]);
    for replica in [&till, &office] {
        assert_eq!(
            replica.closings(&shop, 9).unwrap(),
            [next.clone(), z.clone()],
            "for ever, and everywhere"
        );
        is_whole(&replica.path);
    }
    refused(office.close_shift(kes(0), &asha(), world.now(), None), "head office has no drawer");
}

#[test]
fn nothing_falls_between_two_closings() {
    let world = World::new();
    let (_, till, _) = counter(&world);
    sell(&till, &world, 10, Tender::Cash);
    let first = till.close_shift(kes(10), &asha(), world.now(), None).unwrap().closing;
    assert_eq!(
        (first.report.opened, first.difference()),
        (None, kes(0)),
        "nobody said what lay in the drawer"
    );
    sell(&till, &world, 20, Tender::Cash);
    // The clock of the machine falls back by a day; what belongs to a shift does not hang on it.
    let back = world.now().plus_millis(-86_400_000);
    till.open_shift(kes(5), &asha(), back, None).unwrap();
    till.sell(of(30, Tender::Cash), &asha(), back, None).unwrap();
    let second = till.close_shift(kes(55), &asha(), world.now(), None).unwrap().closing;
    assert_eq!((second.report.takings.total, second.difference()), (kes(50), kes(0)));
    assert!(second.report.late.is_empty());
}

#[test]
fn where_no_shift_was_ever_closed_the_first_begins_as_the_drawer_is_opened() {
    let world = World::new();
    let (_, till, _) = counter(&world);
    sell(&till, &world, 900, Tender::Cash);
    till.open_shift(kes(100), &asha(), world.now(), None).unwrap();
    sell(&till, &world, 10, Tender::Cash);
    let first = till.close_shift(kes(110), &asha(), world.now(), None).unwrap().closing;
    assert_eq!(
        (first.difference(), first.report.takings.sales),
        (kes(0), 1),
        "what went before was banked long ago"
    );
}

#[test]
fn what_a_copied_till_sold_before_it_had_its_own_name_is_in_its_drawer_when_that_is_opened() {
    let world = World::new();
    let (_, till, office) = counter(&world);
    sell(&till, &world, 10, Tender::Cash);
    exchange(&world, &[&till, &office]);
    let copy = world.open(tests::copies::copied(&till, "copy"));
    copy.offline(true);
    sell(&copy, &world, 300, Tender::Cash);
    copy.offline(false);
    sell(&till, &world, 20, Tender::Cash);
    for _ in 0..3 {
        world.pass(60);
        exchange(&world, &[&till, &copy, &office]);
    }
    assert!(copy.identity().actor.incarnation > 0, "it has a name of its own");
    copy.open_shift(kes(0), &asha(), world.now(), None).unwrap();
    let closed = copy.close_shift(kes(300), &asha(), world.now(), None).unwrap().closing;
    assert_eq!((closed.report.drawer.sales, closed.difference()), (kes(300), kes(0)));
}

#[test]
fn the_day_and_the_shift_say_the_same_of_what_was_given_back() {
    let world = World::new();
    let (shop, till, _) = counter(&world);
    let sale = sell(&till, &world, 60, Tender::Mpesa);
    till.claim(sale.id, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    till.take_cash(sale.id, None, &asha(), world.now(), None).unwrap();
    world.pay("UKL4AB12CD", "123456", 60, "");
    till.sync(world.now()).unwrap();
    till.give_back(sale.id, None, "paid twice", &asha(), world.now(), None).unwrap();
    let (day, x) = (till.day(&shop, world.now().business_day()).unwrap(), till.shift(world.now()).unwrap());
    assert_eq!((day.cash, day.mpesa), (kes(0), kes(60)));
    assert_eq!((x.takings.cash, x.takings.verified), (day.cash, day.mpesa));
}

#[test]
fn what_a_cancelled_sale_was_paid_is_owed_back_until_it_is_given_back_once() {
    let world = World::new();
    let (shop, a, office) = counter(&world);
    let b = world.till(&shop, "Back");
    let sale = sell(&a, &world, 70, Tender::Cash);
    refused(a.give_back(sale.id, None, "why not", &asha(), world.now(), None), "nothing has to go back");
    a.void(sale.id, "came back", &asha(), world.now()).unwrap();
    exchange(&world, &[&a, &b, &office, &a]);
    assert_eq!(b.sale(sale.id).unwrap().over, kes(70));
    refused(a.give_back(sale.id, None, " ", &asha(), world.now(), None), "reason");
    let given = a.give_back(sale.id, None, "came back", &asha(), world.now(), Some("key")).unwrap();
    assert_eq!((given.over, given.due, given.paid), (kes(0), kes(0), kes(0)));
    assert_eq!(
        a.give_back(sale.id, None, "came back", &asha(), world.now(), Some("key")).unwrap(),
        given,
        "once"
    );
    // Another till that has not heard of it gives it back again: that shows.
    b.give_back(sale.id, None, "came back", &asha(), world.now(), None).unwrap();
    exchange(&world, &[&a, &b, &office, &a]);
    for replica in [&a, &b, &office] {
        let sale = replica.sale(sale.id).unwrap();
        assert_eq!((sale.over, sale.due), (kes(0), kes(70)), "too much went back");
        let told = replica.history_of_sale(sale.id).unwrap();
        let refunds =
            told.iter().filter(|it| matches!(it.deed, Deed::GivenBack(amount, _) if amount == kes(70)));
        assert_eq!(refunds.count(), 2);
        is_whole(&replica.path);
    }
    let drawers = [&a, &b].map(|till| till.shift(world.now()).unwrap().drawer);
    assert_eq!(drawers.map(|drawer| drawer.expected()), [kes(0), -kes(70)]);
}

fn backup_of(till: &Replica) -> std::path::PathBuf {
    let path = till.path.with_extension("backup");
    till.backup(&path).unwrap();
    path
}

#[test]
fn a_restored_till_closes_the_shift_that_its_former_life_began() {
    let world = World::new();
    let (shop, till, office) = counter(&world);
    till.open_shift(kes(100), &asha(), world.now(), None).unwrap();
    sell(&till, &world, 10, Tender::Cash);
    till.close_shift(kes(110), &asha(), world.now(), None).unwrap();
    till.open_shift(kes(100), &asha(), world.now(), None).unwrap();
    sell(&till, &world, 20, Tender::Cash);
    let backup = backup_of(&till);
    sell(&till, &world, 30, Tender::Cash);
    till.sync(world.now()).unwrap();
    let again = restored(&world, &till, &backup);
    drop(till);
    // Offline and in doubt, it sells on, and can not know what it closed; then it hears what it had sent, and goes on
    // under another name.
    sell(&again, &world, 40, Tender::Cash);
    refused(again.close_shift(kes(160), &asha(), world.now(), None), "reach the cloud once");
    exchange(&world, &[&again, &office, &again]);
    sell(&again, &world, 50, Tender::Cash);
    let z = again.close_shift(kes(240), &asha(), world.now(), None).unwrap().closing;
    assert_eq!((z.report.number, z.report.takings.total, z.difference()), (2, kes(140), kes(0)));
    assert_eq!(z.report.spans.len(), 2);
    sell(&again, &world, 60, Tender::Cash);
    let z = again.close_shift(kes(60), &asha(), world.now(), None).unwrap().closing;
    assert_eq!((z.report.number, z.report.takings.total, z.report.late.len()), (3, kes(60), 0));
    exchange(&world, &[&again, &office]);
    assert_eq!(office.closings(&shop, 9).unwrap().len(), 3);
    is_whole(&again.path);
}

#[test]
fn a_closing_that_a_copy_writes_again_covers_what_it_covered() {
    let world = World::new();
    let (shop, till, office) = counter(&world);
    sell(&till, &world, 10, Tender::Cash);
    till.sync(world.now()).unwrap();
    let copy = world.open(imaged(&till, "image"));
    for replica in [&till, &copy] {
        replica.offline(true);
    }
    let late = sell(&copy, &world, 20, Tender::Mpesa);
    let z = copy.close_shift(kes(10), &asha(), world.now(), None).unwrap();
    sell(&till, &world, 700, Tender::Cash);
    for replica in [&till, &copy] {
        replica.offline(false);
    }
    exchange(&world, &[&till, &copy, &office, &copy]);
    let kept: Vec<_> = copy.closings(&shop, 9).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].closing.counted, kept[0].closing.report.takings),
        (kes(10), z.closing.report.takings)
    );
    let renamed = copy.find_sale(&late.id.to_string());
    let sales = copy.sales(&shop, till::SaleFilter::Open, None, 9).unwrap();
    assert_eq!(sales.len(), 1, "{renamed:?}");
    copy.take_cash(sales[0].id, None, &asha(), world.now(), None).unwrap();
    let next = copy.close_shift(kes(20), &asha(), world.now(), None).unwrap().closing;
    let change = Takings { cash: kes(20), open: -kes(20), ..Takings::default() };
    assert_eq!(next.report.late, [(1, change)].into(), "the other till's 700.00 are not in it");
    assert_eq!(next.difference(), kes(0));
    assert_eq!(till.shift(world.now()).unwrap().takings.total, kes(710));
}

#[test]
fn the_reports_of_a_till_add_up_to_what_is_known_of_its_sales() {
    for seed in 0..8 {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new();
        let (shop, till, office) = counter(&world);
        let mut receipts = 0;
        let mut reports = Vec::new();
        for step in 1..60_u32 {
            world.pass(random.i64(1..600));
            let open = till.sales(&shop, till::SaleFilter::Open, None, 99).unwrap();
            let one = (!open.is_empty()).then(|| open[random.usize(..open.len())].clone());
            match (random.u8(..9), one) {
                (0, _) => drop(sell(&till, &world, step, Tender::Cash)),
                (1 | 2, _) => drop(sell(&till, &world, step, Tender::Mpesa)),
                (3, Some(sale)) => drop(till.take_cash(sale.id, None, &asha(), world.now(), None).unwrap()),
                (4, Some(sale)) => {
                    receipts += 1;
                    let receipt = format!("UKL4AB{receipts:04}");
                    // Sometimes the payment never comes, sometimes it is too much.
                    if random.bool() {
                        let more = random.u32(0..2);
                        world.pay(
                            &receipt,
                            "123456",
                            u32::try_from(sale.total.cents() / 100).unwrap() + more,
                            "",
                        );
                    }
                    let _ = till.claim(sale.id, (code(&receipt), How::Typed), &asha(), world.now());
                }
                (5, Some(sale)) => drop(till.void(sale.id, "slip", &asha(), world.now()).unwrap()),
                (6, _) => {
                    let all = till.sales(&shop, till::SaleFilter::All, None, 99).unwrap();
                    for sale in all.iter().filter(|sale| sale.over > Money::ZERO).take(1) {
                        till.give_back(sale.id, None, "over", &asha(), world.now(), None).unwrap();
                    }
                }
                (7, _) => drop(till.sync(world.now()).unwrap()),
                _ => reports.extend(till.close_shift(kes(0), &asha(), world.now(), None).ok()),
            }
        }
        println!("seed {seed}");
        reports.extend(till.close_shift(kes(0), &asha(), world.now(), None).ok());
        let told = domain::shift::told(reports.iter().map(|closed| &closed.closing.report));
        let sum = told.into_values().fold(Takings::default(), |sum, takings| sum + takings);
        let sales = till.sales(&shop, till::SaleFilter::All, None, 999).unwrap();
        let (voided, stand): (Vec<_>, Vec<_>) = sales.iter().partition(|sale| sale.state.name() == "voided");
        let total = |of: &[&till::SaleRow]| of.iter().map(|sale| sale.total).sum::<Money>();
        assert_eq!((sum.sales, sum.total), (i64::try_from(stand.len()).unwrap(), total(&stand)));
        assert_eq!((sum.voids, sum.voided), (i64::try_from(voided.len()).unwrap(), total(&voided)));
        let owed: Money = stand.iter().map(|sale| sale.due).sum();
        assert_eq!(sum.claimed + sum.contradicted + sum.open, owed);
        assert_eq!(sum.over, sales.iter().map(|sale| sale.over).sum());
        // What went through the drawer is what was paid in cash and not given back.
        let drawer: Money = reports.iter().map(|closed| closed.closing.report.drawer.expected()).sum();
        let cash: Money = sales.iter().map(|sale| in_cash(&till, sale)).sum();
        assert_eq!(drawer, cash);
        exchange(&world, &[&till, &office]);
        assert_eq!(office.closings(&shop, 99).unwrap().len(), reports.len());
        is_whole(&till.path);
    }
}

/// What its history says was taken in cash and stayed.
fn in_cash(till: &Replica, sale: &till::SaleRow) -> Money {
    let cash = |happening: till::Happening| match happening.deed {
        Deed::Sold(Tender::Cash) => sale.total,
        Deed::CashTaken(amount) => amount,
        Deed::GivenBack(amount, _) => -amount,
        _ => Money::ZERO,
    };
    till.history_of_sale(sale.id).unwrap().into_iter().map(cash).sum()
}

#[test]
fn a_sale_of_nothing_but_a_total_is_in_its_shift() {
    let world = World::new();
    let (_, till, _) = counter(&world);
    let bare = Sale::new(Vec::new(), kes(40), Tender::Cash, None).unwrap();
    till.sell(bare, &asha(), world.now(), None).unwrap();
    assert_eq!(till.shift(world.now()).unwrap().takings.total, kes(40));
}

#[test]
fn a_shops_day_adds_its_tills_up_with_all_that_became_of_its_sales_since() {
    let world = World::new();
    let (shop, a, office) = counter(&world);
    let b = world.till(&shop, "Back");
    let day = world.now().business_day();
    a.open_shift(kes(100), &asha(), world.now(), None).unwrap();
    sell(&a, &world, 500, Tender::Cash);
    let open = sell(&b, &world, 200, Tender::Mpesa);
    exchange(&world, &[&a, &b, &office]);
    let total = |till: &Replica| {
        let tills = till.day_report(&shop, day, world.now()).unwrap();
        let sum = tills.values().fold(Takings::default(), |sum, (takings, _)| sum + *takings);
        (tills.len(), sum.total, sum.cash, sum.open)
    };
    assert_eq!(total(&office), (2, kes(700), kes(500), kes(200)));
    let drawer = office.day_report(&shop, day, world.now()).unwrap()[&a.identity().actor.till].1;
    assert_eq!((drawer.float, drawer.sales), (kes(100), kes(500)));
    // The next day the other customer comes back with cash: the sale is yesterday's, the cash today's.
    world.pass(86_400);
    b.take_cash(open.id, None, &asha(), world.now(), None).unwrap();
    exchange(&world, &[&a, &b, &office]);
    for replica in [&a, &b, &office] {
        assert_eq!(total(replica), (2, kes(700), kes(700), kes(0)));
    }
    let today = office.day_report(&shop, world.now().business_day(), world.now()).unwrap();
    let (takings, drawer) = today[&b.identity().actor.till];
    assert_eq!((takings, drawer.sales), (Takings::default(), kes(200)));
}
