//! Stories of two tills, a hub and head office, in one process.

use domain::standing::SaleState;
use domain::{Cited, FactBody, How, Money, Person, Source, Tender};
use service::Store;
use tests::world::{Replica, World, asha, code, exchange, kes, of, sell, verdicts};
use till::{Deed, SaleFilter, TillError};

fn juma() -> Person {
    Person::named("Juma")
}

#[test]
fn sales_made_apart_are_on_both_tills_and_at_head_office_after() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    a.offline(true);
    b.offline(true);
    for shillings in 1..=30 {
        world.pass(7);
        sell(&a, shillings, world.now());
        b.sell(of(shillings * 10, Tender::Cash), &juma(), world.now(), None).unwrap();
    }
    assert!(a.sync(world.now()).is_err());
    assert_eq!(a.status().unwrap().waiting, 30);
    a.offline(false);
    b.offline(false);
    exchange(&world, &[&a, &b, &office]);

    let told = verdicts(&office, &shop);
    assert_eq!(told.len(), 60);
    assert_eq!((verdicts(&a, &shop), verdicts(&b, &shop)), (told.clone(), told));
    let heads = office.document_heads(&shop).unwrap();
    assert_eq!((a.document_heads(&shop).unwrap(), b.document_heads(&shop).unwrap()), (heads.clone(), heads));
    for replica in [&a, &b, &office] {
        assert_eq!(replica.verify(&shop).unwrap(), Vec::<String>::new());
        assert_eq!(replica.status().unwrap().waiting, 0);
    }
}

#[test]
fn nothing_is_sent_twice() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    for shillings in 1..=500 {
        sell(&a, shillings, world.now());
    }
    world.pay("UKL4AB12CD", "123456", 9999, "");
    let first = a.sync(world.now()).unwrap();
    assert_eq!((first.sent, first.received, first.payments), (500, 0, 1));
    let taken = b.sync(world.now()).unwrap();
    assert_eq!((taken.sent, taken.received, taken.payments), (0, 500, 1));
    for replica in [&a, &b] {
        let again = replica.sync(world.now()).unwrap();
        assert_eq!((again.sent, again.received, again.payments, again.rounds), (0, 0, 0, 1));
    }
}

#[test]
fn a_till_that_has_nothing_to_say_says_little() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    sell(&b, 10, world.now());
    exchange(&world, &[&a, &b]);
    let before = a.line.weather.lock().unwrap().bytes;
    a.sync(world.now()).unwrap();
    let after = a.line.weather.lock().unwrap().bytes;
    assert!(after.0 - before.0 < 40 && after.1 - before.1 < 40, "{before:?} {after:?}");
}

#[test]
fn one_payment_and_one_sale_that_fit_are_claimed_by_the_till_itself() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    let sale = sell(&a, 500, world.now());
    world.pass(60);
    world.pay("UKL4AB12CD", "123456", 500, "");
    let report = a.sync(world.now()).unwrap();
    assert_eq!(report.claimed, 1);
    exchange(&world, &[&office]);
    let settled = office.sale(sale).unwrap();
    assert_eq!((settled.state, settled.paid), (SaleState::Paid, kes(500)));
    assert_eq!(office.claims(sale).unwrap()[0].how, How::Automatic);
}

#[test]
fn two_customers_who_owe_the_same_are_left_to_a_person() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    exchange(&world, &[&a, &b]);
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&a, &b]);
    assert_eq!((a.sale(one).unwrap().state, a.sale(two).unwrap().state), (SaleState::Open, SaleState::Open));
    assert_eq!(b.candidates(two).unwrap().len(), 1, "the cashier is offered it");

    b.claim(two, (code("UKL4AB12CD"), How::Picked), &juma(), world.now()).unwrap();
    exchange(&world, &[&a, &b]);
    assert_eq!(a.sale(two).unwrap().state, SaleState::Paid);
    let taken = a.claim(one, (code("UKL4AB12CD"), How::Typed), &asha(), world.now());
    assert!(matches!(taken, Err(TillError::Taken(sale)) if sale == two), "{taken:?}");
}

#[test]
fn the_account_reference_tells_two_equal_sales_apart() {
    let world = World::new();
    let shop = world.shop("kijiji", "paybill", "600638");
    let a = world.till(&shop, "Counter");
    let (one, two) = (sell(&a, 500, world.now()), sell(&a, 500, world.now()));
    let reference = a.sale(two).unwrap().reference(&a.letters().unwrap());
    world.pay("UKL4AB12CD", "600638", 500, &format!(" {} ", reference.to_lowercase()));
    a.sync(world.now()).unwrap();
    assert_eq!(a.sale(one).unwrap().state, SaleState::Open);
    assert_eq!(a.sale(two).unwrap().state, SaleState::Paid);
    assert_eq!(a.claims(two).unwrap()[0].how, How::AccountReference);
}

#[test]
fn two_tills_that_claim_one_payment_apart_name_the_same_leader_and_show_the_conflict() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    // The payment came in the night, so that no till claims it by itself.
    world.pay("UKL4AB12CD", "123456", 500, "");
    world.pass(3600);
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    exchange(&world, &[&a, &b, &office]);
    a.offline(true);
    b.offline(true);
    world.pass(60);
    b.claim(two, (code("UKL4AB12CD"), How::Picked), &juma(), world.now()).unwrap();
    world.pass(60);
    let late = a.claim(one, (code("UKL4AB12CD"), How::Picked), &asha(), world.now()).unwrap();
    assert_eq!(late.state, SaleState::Paid, "alone, each till sees its own claim only");
    a.offline(false);
    b.offline(false);
    exchange(&world, &[&a, &b, &office]);

    for replica in [&a, &b, &office] {
        assert_eq!(replica.holder(&shop, &code("UKL4AB12CD")).unwrap(), Some(Cited::by_name(two)));
        let (lost, kept) = (replica.sale(one).unwrap(), replica.sale(two).unwrap());
        assert_eq!((lost.state, lost.due, lost.conflict), (SaleState::Open, kes(500), true));
        assert_eq!((kept.state, kept.conflict), (SaleState::Paid, false));
        assert_eq!(replica.claims(one).unwrap().len(), 1, "the losing claim is kept");
        assert_eq!(replica.sales(&shop, SaleFilter::Conflict, None, 9).unwrap().len(), 1);
    }

    // Asha gives it up; everybody sees the end of it, and who did what.
    let claim = a.claims(one).unwrap()[0].id;
    a.release(claim, "the customer paid at the back", &asha(), world.now()).unwrap();
    exchange(&world, &[&a, &b, &office]);
    for replica in [&a, &b, &office] {
        let sale = replica.sale(one).unwrap();
        assert_eq!((sale.state, sale.conflict), (SaleState::Open, false));
        let told: Vec<(String, Deed)> = replica
            .history_of_payment(&shop, &code("UKL4AB12CD"))
            .unwrap()
            .into_iter()
            .map(|happening| (happening.by, happening.deed))
            .collect();
        let receipt = code("UKL4AB12CD");
        let claimed = |sale| {
            let sale = Cited::by_name(sale);
            Deed::Claimed { receipt: receipt.clone(), sale, how: How::Picked, part: None, approved: None }
        };
        let reason = "the customer paid at the back".to_owned();
        let expected = [
            (
                "Safaricom".to_owned(),
                Deed::Received { receipt: receipt.clone(), source: Source::C2bConfirmation },
            ),
            ("Juma".to_owned(), claimed(two)),
            ("Asha".to_owned(), claimed(one)),
            (
                "Asha".to_owned(),
                Deed::Released { receipt: receipt.clone(), sale: Cited::by_name(one), reason },
            ),
        ];
        assert_eq!(told, expected);
    }
}

#[test]
fn a_release_frees_the_payment_for_its_true_owner() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    world.pay("UKL4AB12CD", "123456", 500, "");
    world.pass(3600);
    let (one, two) = (sell(&a, 500, world.now()), sell(&a, 500, world.now()));
    a.sync(world.now()).unwrap();
    a.claim(one, (code("UKL4AB12CD"), How::Picked), &asha(), world.now()).unwrap();
    exchange(&world, &[&a, &office]);
    // Head office mends the cashier's slip.
    let claim = office.claims(one).unwrap()[0].id;
    office.release(claim, "wrong customer", &Person::named("Wambui"), world.now()).unwrap();
    office.claim(two, (code("UKL4AB12CD"), How::Picked), &Person::named("Wambui"), world.now()).unwrap();
    exchange(&world, &[&office, &a]);
    assert_eq!((a.sale(one).unwrap().state, a.sale(two).unwrap().state), (SaleState::Open, SaleState::Paid));
    let again = a.release(claim, "once more", &asha(), world.now());
    assert!(again.is_err(), "what was released is released");
}

#[test]
fn what_a_person_has_parted_is_not_joined_again_by_itself() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    world.pay("UKL4AB12CD", "123456", 500, "");
    a.sync(world.now()).unwrap();
    let claim = a.claims(sale).unwrap()[0].id;
    a.release(claim, "that was another customer", &asha(), world.now()).unwrap();
    a.sync(world.now()).unwrap();
    assert_eq!(a.sale(sale).unwrap().state, SaleState::Open);
    // The cashier may still decide otherwise, and another payment may still fit by itself.
    world.pay("UKL4AB12CE", "123456", 500, "");
    a.claim(sale, (code("UKL4AB12CD"), How::Picked), &asha(), world.now()).unwrap();
    assert_eq!(a.sale(sale).unwrap().state, SaleState::Paid);
}

#[test]
fn a_typed_code_is_a_claim_until_its_payment_comes() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    a.offline(true);
    let claimed = a.claim(sale, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    assert_eq!((claimed.state, claimed.paid), (SaleState::Claimed, Money::ZERO));
    world.pay("UKL4AB12CD", "123456", 450, "");
    a.offline(false);
    a.sync(world.now()).unwrap();
    let short = a.sale(sale).unwrap();
    assert_eq!((short.state, short.due), (SaleState::PartPaid, kes(50)));
    let done = a.take_cash(sale, None, &asha(), world.now(), None).unwrap();
    assert_eq!((done.state, done.due), (SaleState::Paid, Money::ZERO));
}

#[test]
fn a_cancelled_sale_gives_its_payment_back() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    let sale = sell(&a, 500, world.now());
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&a, &office]);
    assert_eq!(a.sale(sale).unwrap().state, SaleState::Paid);
    a.void(sale, "the customer changed her mind", &asha(), world.now()).unwrap();
    exchange(&world, &[&a, &office]);
    assert_eq!(office.sale(sale).unwrap().state, SaleState::Voided);
    assert_eq!(office.payments(&shop, true, 9).unwrap().len(), 1, "the money is unclaimed, not gone");
    assert!(a.void(sale, "again", &asha(), world.now()).is_err());
}

#[test]
fn two_cashiers_at_one_moment_take_the_cash_once() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    let taken: usize = std::thread::scope(|scope| {
        let take = || a.take_cash(sale, None, &asha(), world.now(), None).is_ok();
        let cashiers: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
        cashiers.into_iter().map(|cashier| usize::from(cashier.join().unwrap())).sum()
    });
    assert_eq!(taken, 1);
    assert_eq!(a.sale(sale).unwrap().over, Money::ZERO);
}

#[test]
fn a_till_with_a_wrong_clock_still_syncs() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let three_hours_late = world.now().plus_millis(-3 * 3_600_000);
    sell(&a, 500, three_hours_late);
    assert_eq!(a.sync(three_hours_late).unwrap().sent, 1);
}

#[test]
fn a_revoked_till_is_refused_at_once_and_keeps_its_sales() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let (member, home) = world.wait(world.store.member(a.identity().actor)).unwrap().unwrap();
    let revoked = domain::Member { revoked: true, ..member };
    world.wait(world.store.put_member(&revoked, home.as_ref())).unwrap();
    let sale = sell(&a, 500, world.now());
    let refused = a.sync(world.now()).unwrap_err().to_string();
    assert!(refused.contains("revoked"), "{refused}");
    assert_eq!(a.sale(sale).unwrap().total, kes(500));
}

#[test]
fn a_till_revoked_while_it_only_asks_for_news_is_told_none() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    a.sync(world.now()).unwrap();
    a.sync(world.now()).unwrap();
    let (member, home) = world.wait(world.store.member(a.identity().actor)).unwrap().unwrap();
    let revoked = domain::Member { revoked: true, ..member };
    world.wait(world.store.put_member(&revoked, home.as_ref())).unwrap();
    let sale = sell(&b, 500, world.now());
    b.sync(world.now()).unwrap();
    let refused = a.sync(world.now()).unwrap_err().to_string();
    assert!(refused.contains("revoked"), "{refused}");
    assert!(a.sale(sale).is_err());
}

#[test]
fn a_revoked_till_hears_of_it_within_a_minute_even_if_there_is_no_news() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    a.sync(world.now()).unwrap();
    a.sync(world.now()).unwrap();
    let (member, home) = world.wait(world.store.member(a.identity().actor)).unwrap().unwrap();
    let revoked = domain::Member { revoked: true, ..member };
    world.wait(world.store.put_member(&revoked, home.as_ref())).unwrap();
    world.pass(60);
    let refused = a.sync(world.now()).unwrap_err().to_string();
    assert!(refused.contains("revoked"), "{refused}");
}

#[test]
fn revoking_head_office_reaches_it_in_every_shop() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (office, administrator) = (world.office(), world.administrator());
    office.sync(world.now()).unwrap();
    let in_shop = office.members(&shop).unwrap()[0].0.actor;
    assert_ne!(in_shop, office.identity().actor);
    let body = format!(r#"{{"actor":"{}"}}"#, office.identity().actor).into_bytes();
    let credentials = till::Folder::at(&administrator.path).unwrap().credentials().unwrap();
    credentials.ask(&administrator.line, "POST", "/v1/admin/members/revoke", body, world.now()).unwrap();
    for actor in [office.identity().actor, in_shop] {
        assert!(world.wait(world.store.member(actor)).unwrap().unwrap().0.revoked, "{actor}");
    }
    assert!(office.sync(world.now()).unwrap_err().to_string().contains("revoked"));
}

#[test]
fn a_till_can_not_read_or_write_another_shop() {
    let world = World::new();
    let (mjini, kijiji) = (world.shop("mjini", "till", "123456"), world.shop("kijiji", "paybill", "600638"));
    let (a, c) = (world.till(&mjini, "Front"), world.till(&kijiji, "Counter"));
    sell(&a, 500, world.now());
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&a, &c]);
    assert!(c.sales(&kijiji, SaleFilter::All, None, 9).unwrap().is_empty());
    assert!(c.payments(&kijiji, false, 9).unwrap().is_empty());
    let folder = till::Folder::at(&c.path).unwrap();
    let ask = folder.credentials().unwrap().ask(&c.line, "POST", "/v1/shops/mjini/sync", vec![], world.now());
    assert!(ask.unwrap_err().to_string().contains("no such shop"));
}

#[test]
fn no_till_can_take_over_what_another_sold() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, mut b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    let sale = a.sell(of(500, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    a.claim(sale.id, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    let printed = a.printed(sale.id, &asha(), world.now(), None).unwrap();
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&a, &office]);
    // As if it had been its own sale in a former life, of the very same millisecond.
    b.forge_again(&shop, FactBody::Sale(of(500, Tender::Mpesa)), Some(sale.id), sale.at);
    exchange(&world, &[&b, &a, &office]);
    for replica in [&a, &office] {
        let stands = replica.sale(sale.id).unwrap();
        assert_eq!((stands.state, stands.paid, stands.printed), (SaleState::Paid, kes(500), printed.printed));
        assert_eq!(replica.sales(&shop, SaleFilter::All, None, 9).unwrap().len(), 1);
        let told = replica.status().unwrap().set_aside.join("\n");
        assert!(told.contains("B1"), "{told}");
    }
}

#[test]
fn no_till_can_speak_about_another_shops_sales() {
    let world = World::new();
    let (mjini, kijiji) = (world.shop("mjini", "till", "123456"), world.shop("kijiji", "paybill", "600638"));
    let (a, mut c, office) = (world.till(&mjini, "Front"), world.till(&kijiji, "Counter"), world.office());
    let victim = sell(&a, 500, world.now());
    world.pay("UKL4AB12CD", "600638", 500, "");
    // A hostile till writes facts about a sale that is not its shop's: its own program would refuse.
    let claim = domain::Claim::new(code("UKL4AB12CD"), Cited::by_name(victim), How::Typed);
    let reason = "hostile".to_owned();
    for body in [
        FactBody::Claim(claim),
        FactBody::Cash { sale: Cited::by_name(victim), amount: kes(500), rounding: Money::ZERO },
        FactBody::Void { sale: Cited::by_name(victim), reason },
    ] {
        c.forge(&kijiji, body, world.now());
    }
    exchange(&world, &[&a, &c, &office]);
    let sale = office.sale(victim).unwrap();
    assert_eq!((sale.state, sale.paid, sale.conflict), (SaleState::Open, Money::ZERO, false));
    assert!(office.claims(victim).unwrap().is_empty());
    assert_eq!(office.history_of_sale(victim).unwrap().len(), 1);
}

#[test]
fn repeating_a_request_makes_one_sale() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let mut a = world.till(&shop, "Front");
    let first = a.sell(of(500, Tender::Cash), &asha(), world.now(), Some("key-1")).unwrap();
    a.restart();
    let again = a.sell(of(500, Tender::Cash), &asha(), world.now(), Some("key-1")).unwrap();
    assert!(again.repeated && !first.repeated);
    assert_eq!(again.sale.id, first.sale.id);
    assert_eq!(a.sales(&shop, SaleFilter::All, None, 9).unwrap().len(), 1);
}

#[test]
fn a_second_program_on_one_ledger_is_kept_out() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let folder = till::Folder::at(&a.path).unwrap();
    let second = till::Till::open(&folder, Box::new(a.line.clone()));
    assert!(matches!(second, Err(TillError::Folder(_))));
}

#[test]
fn a_catch_up_that_breaks_off_goes_on_where_it_broke() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    // The till has been in step before: only then does the feed alone tell it what is new.
    b.sync(world.now()).unwrap();
    let line = domain::Line::new(&"Maize flour ".repeat(6), domain::Quantity::ONE, kes(1)).unwrap();
    let large = domain::Sale::new(vec![line; 20], kes(20), Tender::Cash, None).unwrap();
    for _ in 0..500 {
        a.sell(large.clone(), &asha(), world.now(), None).unwrap();
    }
    a.sync(world.now()).unwrap();
    b.line.weather.lock().unwrap().requests_left = Some(1);
    assert!(b.sync(world.now()).is_err());
    let first_page = b.sales(&shop, SaleFilter::All, None, 9_999).unwrap().len();
    assert!(0 < first_page && first_page < 500, "{first_page}");
    b.line.weather.lock().unwrap().requests_left = None;
    b.sync(world.now()).unwrap();
    assert_eq!(b.sales(&shop, SaleFilter::All, None, 9_999).unwrap().len(), 500);
}

#[test]
fn what_is_wrong_with_one_shop_stops_no_other() {
    let world = World::new();
    let (kijiji, mjini) = (world.shop("kijiji", "paybill", "600638"), world.shop("mjini", "till", "123456"));
    let (a, mut office) = (world.till(&mjini, "Front"), world.office());
    office.sync(world.now()).unwrap();
    let own = office.members(&kijiji).unwrap()[0].0.clone();
    let revoked = domain::Member { revoked: true, ..own };
    world.wait(world.store.put_member(&revoked, Some(&kijiji))).unwrap();
    sell(&a, 500, world.now());
    a.sync(world.now()).unwrap();
    // Who starts anew compares everything; who only asks for news is told within a minute.
    office.restart();
    assert!(office.sync(world.now()).is_err(), "the fault is told");
    assert_eq!(office.sales(&mjini, SaleFilter::All, None, 9).unwrap().len(), 1);
    assert!(office.status().unwrap().problem.unwrap().contains("revoked"));
}

#[test]
fn a_sale_that_no_batch_could_carry_is_refused_before_it_is_recorded() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let long = domain::Line::new(&"\u{1F956}".repeat(80), domain::Quantity::ONE, kes(1)).unwrap();
    let long = long.of(domain::ProductId::parse(&"x".repeat(40)).unwrap());
    let sale = domain::Sale::new(vec![long; 200], kes(200), Tender::Cash, None).unwrap();
    assert!(matches!(a.sell(sale, &asha(), world.now(), None), Err(TillError::Refused(_))));
    sell(&a, 1, world.now());
    assert_eq!(a.sync(world.now()).unwrap().sent, 1);
}

#[test]
fn one_payment_claimed_twice_for_one_sale_counts_once() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    world.pay("UKL4AB12CD", "123456", 500, "");
    world.pass(3600);
    let sale = sell(&a, 500, world.now());
    exchange(&world, &[&a, &b]);
    for till in [&a, &b] {
        till.claim(sale, (code("UKL4AB12CD"), How::Picked), &asha(), world.now()).unwrap();
    }
    exchange(&world, &[&a, &b]);
    assert_eq!(a.claims(sale).unwrap().len(), 2);
    let settled = a.sale(sale).unwrap();
    assert_eq!((settled.paid, settled.over, settled.conflict), (kes(500), Money::ZERO, false));
}

#[test]
fn a_signature_is_good_for_minutes_and_roles_hold() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    let ask = |replica: &Replica, path: &str, minutes: i64| {
        let credentials = till::Folder::at(&replica.path).unwrap().credentials().unwrap();
        let at = world.now().plus_millis(minutes * 60_000);
        credentials.ask(&replica.line, "GET", path, vec![], at).map_err(|e| e.to_string())
    };
    assert!(ask(&a, "/v1/shops", 9).is_ok());
    for minutes in [-11, 11] {
        assert!(ask(&a, "/v1/shops", minutes).unwrap_err().contains("clock is off"));
    }
    for replica in [&a, &office] {
        for path in ["/v1/admin/inbox", "/v1/admin/members"] {
            assert!(ask(replica, path, 0).unwrap_err().contains("another role"), "{path}");
        }
    }
}
