//! Stories of tenders: a customer pays in parts, too little or too much, for one sale or several; and every shilling
//! stands somewhere.

use domain::standing::SaleState;
use domain::{Discount, How, Item, ItemId, Line, Money, Quantity, Sale, Setting, ShopId, Tender};
use tests::tills::is_whole;
use tests::world::{Replica, World, asha, code, exchange, kes, of};
use till::{NewClaim, SaleFilter, TillError};

fn counter(world: &World) -> (ShopId, Replica, Replica, Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    exchange(world, &[&a, &b, &office]);
    (shop, a, b, office)
}

fn open(till: &Replica, world: &World, shillings: u32) -> till::SaleRow {
    world.pass(1);
    till.sell(of(shillings, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale
}

fn refused<T: std::fmt::Debug>(done: Result<T, TillError>, why: &str) {
    assert!(matches!(&done, Err(TillError::Refused(said)) if said.contains(why)), "{done:?}");
}

fn set(till: &Replica, world: &World, shop: &ShopId, name: &str, value: &str) {
    let setting = Setting::new(ItemId::parse(name).unwrap(), value).unwrap();
    till.set(shop, &Item::Setting(setting), &asha(), world.now()).unwrap();
}

/// All of them say the same of a payment and of the sales, and their rows are what facts make of them.
fn agree(world: &World, shop: &ShopId, replicas: &[&Replica]) {
    exchange(world, replicas);
    let told = |till: &Replica| {
        let money = |row: till::SaleRow| (row.id, row.owed, row.paid, row.due, row.over, row.conflict);
        let sales = till.sales(shop, SaleFilter::All, None, 50).unwrap().into_iter().map(money);
        let payments = till.payments(shop, false, 50).unwrap().into_iter();
        let payments: Vec<_> = payments.map(|it| (it.receipt, it.amount, it.free, it.sale)).collect();
        (sales.collect::<Vec<_>>(), payments)
    };
    let first = told(replicas[0]);
    for replica in replicas {
        assert_eq!(told(replica), first);
        is_whole(&replica.path);
    }
}

fn part(receipt: &str, shillings: u32) -> NewClaim {
    NewClaim { part: Some(kes(shillings)), ..NewClaim::new(code(receipt), How::Picked) }
}

#[test]
fn one_payment_pays_several_sales_and_what_is_left_is_credit() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let (lunch, drinks, later) = (open(&a, &world, 700), open(&b, &world, 200), open(&b, &world, 90));
    world.pay("UKL4AB12CD", "123456", 1000, "");
    exchange(&world, &[&a, &b]);
    let paid = a.claim(lunch.id, part("UKL4AB12CD", 700), &asha(), world.now()).unwrap();
    assert_eq!((paid.state, paid.over), (SaleState::Paid, kes(0)));
    exchange(&world, &[&a, &b]);
    let free = |till: &Replica| till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().free;
    assert_eq!(free(&b), kes(300));
    refused(b.claim(drinks.id, part("UKL4AB12CD", 301), &asha(), world.now()), "only KES 300.00");
    b.claim(drinks.id, part("UKL4AB12CD", 200), &asha(), world.now()).unwrap();
    refused(b.claim(drinks.id, part("UKL4AB12CD", 210), &asha(), world.now()), "release it first");
    b.claim(later.id, part("UKL4AB12CD", 90), &asha(), world.now()).unwrap();
    agree(&world, &shop, &[&a, &b, &office]);
    assert_eq!(free(&office), kes(10), "what is left waits for the customer's next sale");
    let states = [lunch.id, drinks.id, later.id].map(|sale| office.sale(sale).unwrap().state);
    assert_eq!(states, [SaleState::Paid; 3]);
}

#[test]
fn two_tills_that_promise_more_of_a_payment_than_there_is_are_told() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let (one, other) = (open(&a, &world, 700), open(&b, &world, 500));
    world.pay("UKL4AB12CD", "123456", 1000, "");
    exchange(&world, &[&a, &b]);
    a.offline(true);
    b.offline(true);
    a.claim(one.id, part("UKL4AB12CD", 700), &asha(), world.now()).unwrap();
    world.pass(1);
    b.claim(other.id, part("UKL4AB12CD", 500), &asha(), world.now()).unwrap();
    a.offline(false);
    b.offline(false);
    agree(&world, &shop, &[&a, &b, &office]);
    let (one, other) = (office.sale(one.id).unwrap(), office.sale(other.id).unwrap());
    assert_eq!((one.state, one.conflict), (SaleState::Paid, false), "the earlier has its part");
    assert_eq!((other.state, other.due, other.conflict), (SaleState::Open, kes(500), true));
    // The customer has 300 left there: the till takes the promise back, and makes one that can be kept.
    let claim = b.claims(other.id).unwrap()[0].id;
    b.release(claim, "only 300 are left", &asha(), world.now()).unwrap();
    b.claim(other.id, part("UKL4AB12CD", 300), &asha(), world.now()).unwrap();
    b.take_cash(other.id, None, &asha(), world.now(), None).unwrap();
    agree(&world, &shop, &[&a, &b, &office]);
    let other = office.sale(other.id).unwrap();
    assert_eq!((other.state, other.conflict, other.paid), (SaleState::Paid, false, kes(500)));
}

#[test]
fn several_payments_and_some_cash_pay_one_sale() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let sale = open(&a, &world, 1000);
    world.pay("UKL4AB12CD", "123456", 400, "");
    world.pay("UKL4AB12CE", "123456", 350, "");
    exchange(&world, &[&a]);
    a.claim(sale.id, (code("UKL4AB12CD"), How::Picked), &asha(), world.now()).unwrap();
    let row = a.take_cash(sale.id, Some(kes(100)), &asha(), world.now(), Some("coins")).unwrap();
    assert_eq!((row.state, row.due), (SaleState::PartPaid, kes(500)), "a balance is due");
    let again = a.take_cash(sale.id, Some(kes(100)), &asha(), world.now(), Some("coins")).unwrap();
    assert_eq!(again.due, kes(500), "the same coins twice are the same coins");
    refused(a.take_cash(sale.id, Some(kes(501)), &asha(), world.now(), None), "KES 500.00 is due");
    a.claim(sale.id, (code("UKL4AB12CE"), How::Picked), &asha(), world.now()).unwrap();
    let row = a.take_cash(sale.id, None, &asha(), world.now(), None).unwrap();
    assert_eq!((row.state, row.paid, row.over), (SaleState::Paid, kes(1000), kes(0)));
    agree(&world, &shop, &[&a, &b, &office]);
}

#[test]
fn what_is_paid_too_much_goes_back_in_cash_stays_as_credit_or_is_a_tip_where_the_shop_takes_tips() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let over = |receipt: &str| {
        let sale = open(&a, &world, 450);
        world.pay(receipt, "123456", 500, "");
        exchange(&world, &[&a]);
        a.claim(sale.id, (code(receipt), How::Picked), &asha(), world.now()).unwrap()
    };
    let change = over("UKL4AB12C1");
    assert_eq!((change.state, change.over), (SaleState::Paid, kes(50)));
    assert_eq!(a.sales(&shop, SaleFilter::Over, None, 9).unwrap().len(), 1, "it is on the list");
    let row = a.give_back(change.id, Some(kes(20)), "change", &asha(), world.now(), None).unwrap();
    assert_eq!(row.over, kes(30));
    refused(a.give_back(change.id, Some(kes(31)), "change", &asha(), world.now(), None), "KES 30.00");
    a.give_back(change.id, None, "change", &asha(), world.now(), None).unwrap();
    let kept = over("UKL4AB12C2");
    let row = a.leave_credit(kept.id, &asha(), world.now()).unwrap();
    assert_eq!((row.state, row.over), (SaleState::Paid, kes(0)));
    assert_eq!(a.payment(&shop, &code("UKL4AB12C2")).unwrap().unwrap().free, kes(50));
    let tipped = over("UKL4AB12C3");
    refused(a.tip(tipped.id, None, &asha(), world.now(), None), "takes no tips");
    set(&a, &world, &shop, "tips", "on");
    let row = a.tip(tipped.id, None, &asha(), world.now(), None).unwrap();
    assert_eq!((row.owed, row.over, row.state), (kes(500), kes(0), SaleState::Paid));
    refused(a.tip(tipped.id, None, &asha(), world.now(), None), "nothing has to go back");
    agree(&world, &shop, &[&a, &b, &office]);
    let takings = a.shift(world.now()).unwrap().takings;
    assert_eq!((takings.tips, takings.over, takings.verified), (kes(50), kes(0), kes(1400)));
    assert_eq!(a.shift(world.now()).unwrap().drawer.refunds, kes(50));
}

#[test]
fn cash_is_rounded_to_the_shops_coins_and_the_drawer_says_by_how_much() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    set(&a, &world, &shop, "cash-rounding", "1.00");
    let cents = Sale::new(Vec::new(), Money::from_cents(4_763), Tender::Mpesa, None).unwrap();
    let sale = a.sell(cents, &asha(), world.now(), None).unwrap().sale;
    let row = a.take_cash(sale.id, None, &asha(), world.now(), None).unwrap();
    assert_eq!((row.state, row.paid, row.over), (SaleState::Paid, Money::from_cents(4_763), kes(0)));
    world.pass(1);
    let made = Sale::new(Vec::new(), Money::from_cents(2_020), Tender::Cash, None).unwrap();
    a.sell(made.rounded_to(kes(1)), &asha(), world.now(), None).unwrap();
    let x = a.shift(world.now()).unwrap();
    assert_eq!(x.drawer.sales, kes(68), "48 and 20 shillings lie there");
    assert_eq!((x.takings.cash, x.takings.rounding), (Money::from_cents(6_783), Money::from_cents(17)));
    agree(&world, &shop, &[&a, &b, &office]);
    // The customer of the second brings everything back, and gets the coins that were paid.
    let back = a.sales(&shop, SaleFilter::All, None, 1).unwrap().remove(0);
    a.void(back.id, "came back", &asha(), world.now()).unwrap();
    a.give_back(back.id, None, "came back", &asha(), world.now(), None).unwrap();
    agree(&world, &shop, &[&a, &b, &office]);
    let x = a.shift(world.now()).unwrap();
    assert_eq!((x.drawer.refunds, x.drawer.expected()), (kes(20), kes(48)));
    assert_eq!(x.takings.rounding, Money::from_cents(37), "of the first sale alone");
    let z = a.close_shift(kes(48), &asha(), world.now(), None).unwrap();
    assert_eq!(z.closing.difference(), kes(0));
}

#[test]
fn a_discount_says_why_and_every_report_says_how_much() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let line = Line::new("Crate", Quantity::ONE, kes(700)).unwrap();
    let line = line.less(Discount::new(kes(100), "dented").unwrap()).unwrap();
    let sale = Sale::new(vec![line], kes(600), Tender::Cash, None).unwrap();
    let sale = sale.less(Discount::new(kes(60), "regular customer").unwrap()).unwrap();
    let sold = a.sell(sale.clone(), &asha(), world.now(), None).unwrap().sale;
    assert_eq!((sold.total, sold.discount), (kes(540), kes(160)));
    agree(&world, &shop, &[&a, &b, &office]);
    assert_eq!(office.sold(&office.sale(sold.id).unwrap()).unwrap(), sale, "with its reasons");
    let takings = a.shift(world.now()).unwrap().takings;
    assert_eq!((takings.total, takings.discounts), (kes(540), kes(160)));
}

#[test]
fn a_cart_that_is_set_aside_waits_for_one_cashier_also_after_a_restart() {
    let world = World::new();
    let (_, mut a, ..) = counter(&world);
    let number = a.park(r#"{"lines":[1]}"#, "red bag", &asha(), world.now()).unwrap();
    a.restart();
    let waiting = a.parked().unwrap();
    assert_eq!((waiting.len(), waiting[0].note.as_str()), (1, "red bag"));
    assert_eq!(a.unpark(number).unwrap().cart, r#"{"lines":[1]}"#);
    assert!(a.unpark(number).is_err(), "nobody else gets it");
    for _ in 0..100 {
        a.park("{}", "", &asha(), world.now()).unwrap();
    }
    refused(a.park("{}", "", &asha(), world.now()), "a hundred carts");
}

#[test]
fn credit_is_left_without_a_moment_in_which_the_sale_has_no_payment_and_never_where_another_sale_wants_it() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let (mine, other) = (open(&a, &world, 450), open(&b, &world, 500));
    world.pay("UKL4AB12CD", "123456", 500, "");
    a.offline(true);
    b.offline(true);
    a.claim(mine.id, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    world.pass(1);
    b.claim(other.id, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    a.offline(false);
    b.offline(false);
    agree(&world, &shop, &[&a, &b, &office]);
    refused(a.leave_credit(mine.id, &asha(), world.now()), "another sale wants this payment");
    assert_eq!(a.sale(mine.id).unwrap().over, kes(50), "and it has it as before");
    let claim = b.claims(other.id).unwrap()[0].id;
    b.release(claim, "it was A's", &asha(), world.now()).unwrap();
    agree(&world, &shop, &[&a, &b, &office]);
    a.leave_credit(mine.id, &asha(), world.now()).unwrap();
    agree(&world, &shop, &[&a, &b, &office]);
    // The rest is used by picking the payment for a sale: so much of it as is free and due.
    let next = open(&b, &world, 80);
    let row = b.claim(next.id, (code("UKL4AB12CD"), How::Picked), &asha(), world.now()).unwrap();
    assert_eq!((row.state, row.due), (SaleState::PartPaid, kes(30)));
    agree(&world, &shop, &[&a, &b, &office]);
    assert_eq!(office.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().free, kes(0));
}

#[test]
fn credit_is_left_on_a_payment_that_two_tills_claimed_for_one_sale() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let sale = open(&a, &world, 450);
    agree(&world, &shop, &[&a, &b, &office]);
    for till in [&a, &b] {
        till.offline(true);
        till.claim(sale.id, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
        till.offline(false);
        world.pass(1);
    }
    world.pay("UKL4AB12CD", "123456", 500, "");
    agree(&world, &shop, &[&a, &b, &office]);
    let row = a.leave_credit(sale.id, &asha(), world.now()).unwrap();
    assert_eq!((row.paid, row.over), (kes(450), kes(0)));
    agree(&world, &shop, &[&a, &b, &office]);
    assert_eq!(office.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().free, kes(50));
}

#[test]
fn a_payment_that_a_person_placed_once_is_given_to_no_other_sale_by_itself() {
    let world = World::new();
    let (shop, a, b, office) = counter(&world);
    let (one, other) = (open(&a, &world, 500), open(&a, &world, 500));
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&a]);
    a.claim(one.id, (code("UKL4AB12CD"), How::Picked), &asha(), world.now()).unwrap();
    a.void(one.id, "changed their mind", &asha(), world.now()).unwrap();
    agree(&world, &shop, &[&a, &b, &office]);
    exchange(&world, &[&a]);
    assert_eq!(a.sale(other.id).unwrap().state, SaleState::Open, "it is the first customer's money");
    a.claim(other.id, (code("UKL4AB12CD"), How::Picked), &asha(), world.now()).unwrap();
}

#[test]
fn what_no_other_till_could_read_is_not_sold() {
    let world = World::new();
    let (.., a, _, _) = counter(&world);
    let dear = Line::new("Gold", Quantity::ONE, kes(900_000_000)).unwrap();
    let lines = vec![dear; 200];
    let total = lines.iter().map(|line| line.amount).sum();
    let sale = Sale::new(lines, total, Tender::Cash, None).unwrap();
    refused(a.sell(sale, &asha(), world.now(), None), "beyond what a ledger can hold");
}
