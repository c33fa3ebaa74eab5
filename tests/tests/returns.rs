//! Stories of sales that are undone: goods come back, sales are cancelled, and books are closed.

use domain::standing::SaleState;
use domain::{How, Line, Money, ProductId, Quantity, Sale, ShopId, Tender};
use tests::tills::is_whole;
use tests::world::{Replica, World, asha, code, exchange, kes, of};
use till::{Deed, TillError};

fn counter(world: &World) -> (ShopId, Replica, Replica, Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    exchange(world, &[&a, &b, &office]);
    (shop, a, b, office)
}

fn refused<T: std::fmt::Debug>(done: Result<T, TillError>, why: &str) {
    assert!(matches!(&done, Err(TillError::Refused(said)) if said.contains(why)), "{done:?}");
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

fn soda() -> ProductId {
    ProductId::parse("soda").unwrap()
}

fn sodas(tender: Tender) -> Sale {
    let line = Line::new("Soda", quantity("3"), kes(100)).unwrap().of(soda());
    let bag = Line::new("Bag", Quantity::ONE, kes(10)).unwrap();
    Sale::new(vec![line, bag], kes(310), tender, None).unwrap()
}

fn level(till: &Replica, shop: &ShopId) -> String {
    let stock = till.stock(shop, false).unwrap().into_iter();
    stock.filter(|row| row.product == soda()).map(|row| row.level.to_string()).collect()
}

#[test]
fn goods_of_an_old_sale_come_back_at_another_till_and_their_money_goes_out_of_its_drawer() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let sale = a.sell(sodas(Tender::Cash), &asha(), world.now(), None).unwrap().sale;
    world.pass(3 * 86_400);
    exchange(&world, &[&a, &b, &office]);
    let two = [(0, quantity("2"))];
    let stale = (true, "stale");
    let row = b.take_goods_back(sale.id, &two, stale, (&asha(), world.now()), Some("key")).unwrap();
    assert_eq!((row.owed, row.over, row.state), (kes(110), kes(200), SaleState::Paid));
    let again = b.take_goods_back(sale.id, &two, stale, (&asha(), world.now()), Some("key")).unwrap();
    assert_eq!(again.over, kes(200), "once");
    let more = b.take_goods_back(sale.id, &two, stale, (&asha(), world.now()), None);
    refused(more, "no more came back than what was sold");
    refused(b.take_goods_back(sale.id, &two, (true, " "), (&asha(), world.now()), None), "reason");
    b.give_back(sale.id, None, "stale", &asha(), world.now(), None).unwrap();
    exchange(&world, &[&b, &a, &office]);
    for replica in [&a, &b, &office] {
        assert_eq!(level(replica, &shop), "-1", "two of three are back on the shelf");
        let row = replica.sale(sale.id).unwrap();
        assert_eq!((row.paid, row.due, row.over), (kes(110), kes(0), kes(0)));
        is_whole(&replica.path);
    }
    assert_eq!(b.shift(world.now()).unwrap().drawer.expected(), -kes(200));
    let history = office.history_of_sale(sale.id).unwrap().into_iter().map(|it| it.deed);
    assert!(history.into_iter().any(|deed| deed == Deed::CameBack(kes(200), "stale".into())));
}

#[test]
fn what_is_broken_comes_back_and_is_not_sold_again() {
    let world = World::new();
    let (shop, a, ..) = counter(&world);
    let sale = a.sell(sodas(Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    let one = [(0, quantity("1")), (1, quantity("1"))];
    let row = a.take_goods_back(sale.id, &one, (false, "broken"), (&asha(), world.now()), None).unwrap();
    assert_eq!((row.due, row.over), (kes(200), kes(0)), "nothing was paid, so less is due");
    assert_eq!(level(&a, &shop), "-3");
    assert_eq!(a.returns(&row).unwrap()[0].amount(), kes(110));
}

#[test]
fn a_sale_that_was_cancelled_after_goods_came_back_puts_each_back_once() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let sale = a.sell(sodas(Tender::Cash), &asha(), world.now(), None).unwrap().sale;
    exchange(&world, &[&a, &b, &office]);
    // One till takes a soda back while the other cancels the whole sale, each without a line.
    a.offline(true);
    b.offline(true);
    let one = [(0, quantity("1"))];
    a.take_goods_back(sale.id, &one, (true, "stale"), (&asha(), world.now()), None).unwrap();
    world.pass(1);
    b.void(sale.id, "wrong customer", &asha(), world.now()).unwrap();
    a.offline(false);
    b.offline(false);
    exchange(&world, &[&b, &a, &office]);
    exchange(&world, &[&b, &a, &office]);
    for replica in [&a, &b, &office] {
        assert_eq!(level(replica, &shop), "0", "three were sold, and three are there");
        let row = replica.sale(sale.id).unwrap();
        assert_eq!((row.state, row.owed, row.over), (SaleState::Voided, kes(0), kes(310)));
        is_whole(&replica.path);
    }
    let late = a.take_goods_back(sale.id, &one, (true, "again"), (&asha(), world.now()), None);
    refused(late, "cancelled");
}

#[test]
fn a_sale_is_cancelled_before_and_after_its_payment() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let mpesa = |shillings| a.sell(of(shillings, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    let before = mpesa(70);
    let row = a.void(before.id, "changed their mind", &asha(), world.now()).unwrap();
    assert_eq!((row.state, row.over), (SaleState::Voided, kes(0)));
    world.pass(1);
    let after = mpesa(90);
    world.pay("UKL4AB12CD", "123456", 90, "");
    exchange(&world, &[&a, &b, &office]);
    assert_eq!(a.sale(after.id).unwrap().state, SaleState::Paid);
    a.void(after.id, "wrong goods", &asha(), world.now()).unwrap();
    let payment = a.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap();
    assert_eq!((payment.sale, payment.free), (None, kes(90)), "the payment is the customer's again");
    refused(a.void(after.id, "again", &asha(), world.now()), "cancelled before");
}

#[test]
fn once_the_books_are_closed_what_was_decided_stays_and_what_comes_later_counts_today() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let sale = a.sell(of(500, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&a, &b, &office]);
    let yesterday = world.now().business_day();
    refused(office.close_period(&shop, yesterday, "", (&asha(), world.now())), "not over");
    refused(a.close_period(&shop, yesterday, "", (&asha(), world.now())), "only head office");
    world.pass(86_400);
    a.offline(true);
    office.close_period(&shop, yesterday, "", (&asha(), world.now())).unwrap();
    refused(office.close_period(&shop, yesterday, "", (&asha(), world.now())), "closed up to this day");
    exchange(&world, &[&office, &b]);
    assert_eq!(b.period_closed(&shop).unwrap(), Some(yesterday));
    let claim = b.claims(sale.id).unwrap()[0].id;
    refused(b.release(claim, "slip", &asha(), world.now()), "the books are closed up to");
    refused(b.void(sale.id, "slip", &asha(), world.now()), "the books are closed up to");
    // A till that had not heard of it releases all the same: nothing is lost, and it shows when.
    a.release(claim, "wrong customer", &asha(), world.now()).unwrap();
    a.offline(false);
    exchange(&world, &[&a, &b, &office]);
    assert_eq!(office.sale(sale.id).unwrap().due, kes(500));
    let today = b.sell(of(500, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    b.claim(today.id, (code("UKL4AB12CD"), How::Picked), &asha(), world.now()).unwrap();
    b.void(today.id, "today is open", &asha(), world.now()).unwrap();
}

#[test]
fn books_that_were_closed_by_mistake_are_opened_again_with_a_reason() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let first = world.now().business_day();
    let sale = a.sell(of(500, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    world.pass(86_400);
    let second = world.now().business_day();
    let late = a.sell(of(300, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    world.pass(86_400);
    office.close_period(&shop, second, "", (&asha(), world.now())).unwrap();
    exchange(&world, &[&a, &b, &office]);
    refused(a.void(late.id, "slip", &asha(), world.now()), "the books are closed up to");
    refused(office.close_period(&shop, first, " ", (&asha(), world.now())), "give a reason");
    world.pass(1);
    office.close_period(&shop, first, "a till was not in yet", (&asha(), world.now())).unwrap();
    exchange(&world, &[&office, &a, &b]);
    for replica in [&a, &b, &office] {
        assert_eq!(replica.period_closed(&shop).unwrap(), Some(first));
        is_whole(&replica.path);
    }
    refused(a.void(sale.id, "slip", &asha(), world.now()), "the books are closed up to");
    a.void(late.id, "slip", &asha(), world.now()).unwrap();
}

#[test]
fn a_period_that_a_till_pretends_to_close_is_not_closed() {
    let world = World::new();
    let (shop, mut a, b, office) = counter(&world);
    let sale = b.sell(of(500, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    let until = world.now().business_day();
    a.forge(&shop, domain::FactBody::PeriodClosed { until, reason: String::new() }, world.now());
    exchange(&world, &[&a, &b, &office]);
    assert_eq!(b.period_closed(&shop).unwrap(), None);
    assert_eq!(b.void(sale.id, "slip", &asha(), world.now()).unwrap().over, Money::ZERO);
}
