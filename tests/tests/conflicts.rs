//! Stories of claims whose payments nobody has seen: how many may be made, what becomes of them, and what happens
//! where two sales want one payment.

use domain::standing::SaleState;
use domain::{
    FactId, How, Item, ItemId, LimitOf, Money, Msisdn, Person, PhoneEnding, Setting, ShopId, Staff, StaffRole,
};
use tests::world::{Replica, World, asha, code, exchange, kes, sell};
use till::{NewClaim, SaleFilter, Till, TillError};

fn juma() -> Person {
    Person::named("Juma")
}

fn shop_tills_and_office(world: &World) -> (ShopId, Replica, Replica, Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (front, back, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    exchange(world, &[&front, &back, &office]);
    (shop, front, back, office)
}

/// One code is shown at two tills that have no line; then they have one.
fn claimed_twice(world: &World, (front, back, office): (&Replica, &Replica, &Replica)) -> (FactId, FactId) {
    front.offline(true);
    back.offline(true);
    let one = sell(front, 500, world.now());
    front.claim(one, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    world.pass(60);
    let two = sell(back, 500, world.now());
    back.claim(two, (code("UKL4AB12CD"), How::Typed), &juma(), world.now()).unwrap();
    front.offline(false);
    back.offline(false);
    exchange(world, &[front, back, office]);
    (one, two)
}

fn unverified(till: &Till) -> (Money, Money) {
    let gauge = till.unverified().unwrap();
    (gauge.shift, gauge.till)
}

#[test]
fn a_code_shown_twice_is_one_card_everywhere_until_head_office_keeps_it_for_one_sale() {
    let world = World::new();
    let (shop, front, back, office) = shop_tills_and_office(&world);
    let (one, two) = claimed_twice(&world, (&front, &back, &office));
    let cards: Vec<_> = [&front, &back, &office].map(|it| it.conflicts(&shop, 9).unwrap()).into();
    assert_eq!(cards[0].len(), 1);
    assert!(cards.iter().all(|it| *it == cards[0]), "the same at both tills and at head office: {cards:?}");
    let card = &cards[0][0];
    let sales: Vec<FactId> = card.claims.iter().map(|it| it.standing.claim.sale.id).collect();
    assert_eq!((sales, card.leader), (vec![one, two], card.claims[0].standing.id));
    assert_eq!(card.why, "it was claimed first");
    assert_eq!(card.claims[1].due, Some(kes(500)), "the sale that lost owes again");

    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&front, &back, &office]);
    let seen = office.conflicts(&shop, 9).unwrap();
    assert_eq!(seen[0].payment.as_ref().unwrap().amount, kes(500), "with its evidence");

    let keep = |sale| {
        office.keep_for(
            (&shop, &code("UKL4AB12CD")),
            sale,
            "Juma's customer showed it",
            (&juma(), world.now()),
        )
    };
    let stranger = sell(&front, 70, world.now());
    exchange(&world, &[&front, &office]);
    assert!(matches!(keep(stranger), Err(TillError::Refused(_))), "it never claimed the payment");
    keep(two).unwrap();
    exchange(&world, &[&office, &front, &back]);
    for replica in [&front, &back, &office] {
        assert!(replica.conflicts(&shop, 9).unwrap().is_empty());
        assert!(replica.sales(&shop, SaleFilter::Conflict, None, 9).unwrap().is_empty());
        let states = [one, two].map(|sale| replica.sale(sale).unwrap().state);
        assert_eq!(states, [SaleState::Open, SaleState::Paid]);
        let told = format!("{:?}", replica.history_of_sale(one).unwrap());
        assert!(told.contains("kept for sale B1: Juma's customer showed it"), "nothing is deleted: {told}");
    }
    assert!(keep(two).is_err(), "there is nothing to decide any more");
}

#[test]
fn a_payment_that_is_kept_for_a_sale_which_has_its_part_stays_with_the_others_that_have_theirs() {
    let world = World::new();
    let (shop, front, back, office) = shop_tills_and_office(&world);
    let [lunch, drinks] = [400, 300].map(|shillings| sell(&front, shillings, world.now()));
    world.pass(1);
    let late = sell(&back, 500, world.now());
    world.pay("UKL4AB12CD", "123456", 1000, "");
    exchange(&world, &[&front, &back, &office]);
    front.offline(true);
    back.offline(true);
    let claim = |till: &Till, sale, shillings| {
        world.pass(1);
        let part = NewClaim { part: Some(kes(shillings)), ..NewClaim::new(code("UKL4AB12CD"), How::Picked) };
        till.claim(sale, part, &asha(), world.now()).unwrap();
    };
    claim(&front, lunch, 400);
    claim(&front, drinks, 300);
    claim(&back, late, 500);
    front.offline(false);
    back.offline(false);
    exchange(&world, &[&front, &back, &office]);
    exchange(&world, &[&front, &back, &office]);
    let receipt = code("UKL4AB12CD");
    office.keep_for((&shop, &receipt), lunch, "it is theirs", (&juma(), world.now())).unwrap();
    exchange(&world, &[&office, &front, &back]);
    for replica in [&front, &back, &office] {
        let states = [lunch, drinks, late].map(|sale| replica.sale(sale).unwrap().state);
        assert_eq!(states, [SaleState::Paid, SaleState::Paid, SaleState::Open]);
        assert!(replica.conflicts(&shop, 9).unwrap().is_empty());
    }
}

#[test]
fn the_customer_of_the_sale_that_lost_is_asked_to_pay_again() {
    let world = World::new();
    let (shop, front, back, office) = shop_tills_and_office(&world);
    let (_, two) = claimed_twice(&world, (&front, &back, &office));
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    let collect = || back.collect_again((&shop, &code("UKL4AB12CD")), two, &phone, (&juma(), world.now()));
    back.offline(true);
    assert!(collect().is_err());
    assert_eq!(back.conflicts(&shop, 9).unwrap().len(), 1, "nothing was asked, nothing is decided");
    back.offline(false);
    world.pass(61);
    let prompted = collect().unwrap();
    assert_eq!((prompted.amount, world.safaricom.pushes()), (kes(500), 1));
    exchange(&world, &[&back, &front]);
    assert!(front.conflicts(&shop, 9).unwrap().is_empty());
    assert_eq!(back.sale(two).unwrap().state, SaleState::Open);
}

#[test]
fn goods_that_went_out_on_a_code_which_another_sale_had_first_are_still_out() {
    let world = World::new();
    let (_, front, back, office) = shop_tills_and_office(&world);
    let [one, two] = [&front, &back].map(|till| {
        world.pass(1);
        sell(till, 500, world.now())
    });
    for (till, sale) in [(&front, one), (&back, two)] {
        world.pass(1);
        till.offline(true);
        till.claim(sale, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
        till.offline(false);
    }
    exchange(&world, &[&front, &back, &office]);
    exchange(&world, &[&front, &back, &office]);
    assert!(back.sale(two).unwrap().conflict);
    assert_eq!((unverified(&front).0, unverified(&back).0), (kes(500), kes(500)));
}

#[test]
fn what_nobody_has_seen_goes_out_up_to_the_limits_and_then_a_manager_is_asked() {
    let world = World::new();
    let (shop, front, _, office) = shop_tills_and_office(&world);
    for (name, value) in
        [("unverified-per-sale", "600"), ("unverified-per-phone", "700"), ("unverified-per-shift", "1000")]
    {
        let setting = Setting::new(ItemId::parse(name).unwrap(), value).unwrap();
        office.set(&shop, &Item::Setting(setting), &juma(), world.now()).unwrap();
    }
    let staff = |id: &str, role| {
        let (id, pin) = (ItemId::parse(id).unwrap(), Some(till::hash_pin("4711").unwrap()));
        Item::Staff(Staff { id, name: juma(), role, pin, active: true })
    };
    for it in [staff("juma", StaffRole::Manager), staff("otieno", StaffRole::Cashier)] {
        office.set(&shop, &it, &juma(), world.now()).unwrap();
    }
    exchange(&world, &[&office, &front]);
    front.offline(true);
    let claim = |sale, receipt: &str, ending: &str, approved: Option<Person>| {
        let phone = PhoneEnding::parse(ending).ok();
        let wanted = NewClaim { phone, approved, ..NewClaim::new(code(receipt), How::Typed) };
        front.claim(sale, wanted, &asha(), world.now())
    };
    let over = |result: Result<till::SaleRow, TillError>| match result {
        Err(TillError::OverLimit(over)) => over.of,
        other => panic!("{other:?}"),
    };
    let (large, first, second, third) = (601, 400, 301, 600);
    let [large, first, second, third] = [large, first, second, third].map(|it| sell(&front, it, world.now()));
    assert_eq!(over(claim(large, "UKL4LARGE1", "", None)), LimitOf::Sale);
    claim(first, "UKL4FIRST1", "678", None).unwrap();
    claim(first, "UKL4FIRST2", "678", None).unwrap();
    assert_eq!(
        unverified(&front),
        (kes(400), kes(400)),
        "two codes for one sale are goods that went out once"
    );
    let ending = PhoneEnding::parse("678").unwrap();
    assert_eq!(over(claim(second, "UKL4SECND1", "678", None)), LimitOf::Phone(ending));
    claim(second, "UKL4SECND1", "123", None).unwrap();
    assert_eq!(over(claim(third, "UKL4THIRD1", "", None)), LimitOf::Shift);
    assert_eq!(over(front.trust(third, "known to the owner", None, (&asha(), world.now()))), LimitOf::Shift);

    let manager = |id: &str, pin: &str| front.manager(&shop, &ItemId::parse(id).unwrap(), pin, world.now());
    assert!(manager("juma", "0000").is_err());
    assert!(manager("otieno", "4711").is_err(), "a cashier can not allow it");
    let allowed = manager("juma", "4711").unwrap();
    assert!(matches!(
        front.trust(third, " ", Some(allowed.clone()), (&asha(), world.now())),
        Err(TillError::Refused(_))
    ));
    let trusted = front.trust(third, "known to the owner", Some(allowed), (&asha(), world.now())).unwrap();
    assert!(trusted.trusted && trusted.due == kes(600), "it stays due");
    assert_eq!(unverified(&front).0, kes(1301));
    assert_eq!(front.unverified().unwrap().to_string(), "unverified M-Pesa this shift 1301.00 of 1000.00");

    // What is seen, or paid otherwise, counts no more.
    world.pay("UKL4FIRST1", "123456", 400, "");
    front.offline(false);
    exchange(&world, &[&front]);
    front.take_cash(third, None, &asha(), world.now(), None).unwrap();
    assert_eq!(unverified(&front).0, kes(301));
    front.open_shift(kes(0), &asha(), world.now(), None).unwrap();
    front.close_shift(kes(600), &asha(), world.now(), None).unwrap();
    assert_eq!(unverified(&front), (kes(0), kes(301)), "the shift is over, the till remembers");
}

#[test]
fn a_claim_is_verified_by_its_payment_and_contradicted_by_what_speaks_against_it() {
    let world = World::new();
    let (_, front, back, office) = shop_tills_and_office(&world);
    let became = |till: &Till, sale: FactId| {
        let (row, claims) = (till.sale(sale).unwrap(), till.claims(sale).unwrap());
        let found = till.verifications(&row, &claims, world.now()).unwrap();
        (found[0].name(), found[0].why().unwrap_or_default())
    };
    let (lost, used) = claimed_twice(&world, (&front, &back, &office));
    front.offline(true);
    let claimed = |shillings, receipt: &str| {
        let sale = sell(&front, shillings, world.now());
        front.claim(sale, (code(receipt), How::Typed), &asha(), world.now()).unwrap();
        sale
    };
    let (good, short, fake) =
        (claimed(300, "UKL4G00D11"), claimed(200, "UKL4SH0RT1"), claimed(100, "UKL4FAKE11"));
    for sale in [lost, good, short, fake] {
        assert_eq!(became(&front, sale).0, "claimed");
    }
    assert_eq!(became(&front, used), ("contradicted", "another sale has this payment".to_owned()));
    world.pass(5);
    world.pay("UKL4G00D11", "123456", 300, "");
    world.pay("UKL4SH0RT1", "123456", 150, "");
    front.offline(false);
    world.pass(40 * 60);
    exchange(&world, &[&front]);
    assert_eq!(became(&front, good).0, "verified");
    assert_eq!(became(&front, short).1, "only KES 150.00 arrived under this code");
    assert_eq!(became(&front, fake).0, "claimed", "nobody looked for it at Safaricom yet");
    world.wait(world.sweep.run());
    for seconds in [601, 1] {
        world.pass(seconds);
        exchange(&world, &[&front, &office]);
    }
    for replica in [&front, &office] {
        let (state, why) = became(replica, fake);
        assert!(state == "contradicted" && why.starts_with("no such payment"), "{state} {why}");
    }
    // It comes after all: what was missing is there, and nothing has to be undone.
    world.pay("UKL4FAKE11", "123456", 100, "");
    exchange(&world, &[&front]);
    assert_eq!(became(&front, fake).0, "verified");
}
