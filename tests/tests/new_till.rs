//! A new till in a shop with a history: it sells at once, and the history comes while it sells.

use domain::{
    FactId, How, Line, Money, Person, Product, ProductId, Quantity, Sale, ShopId, Tender, Timestamp,
};
use service::Store;
use std::sync::atomic::Ordering;
use tests::simulation::hostile::Mallory;
use tests::tills::is_whole;
use tests::world::{Replica, World, asha, code, exchange, kes, of, sell, verdicts};
use till::{Folder, Reach, SaleFilter, SyncReport};

const DAY: i64 = 86_400;

fn set_price(till: &Replica, shop: &ShopId, id: &str, shillings: i64, now: Timestamp) {
    let product =
        Product::new(ProductId::parse(id).unwrap(), id, Money::from_cents(shillings * 100)).unwrap();
    till.set(shop, &domain::Item::Product(product.clone()), &Person::named("Juma"), now).unwrap();
}

/// A shop that has traded for four days: two tills, head office that sets prices, payments and claims. What is
/// closed was joined, and the last day is open.
struct Shop {
    world: World,
    shop: ShopId,
    front: Replica,
    back: Replica,
    office: Replica,
}

fn old_shop() -> Shop {
    let world = World::new();
    let shop = world.shop("duka-moja", "till", "123456");
    let (front, back, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    exchange(&world, &[&office]);
    for day in 0..4 {
        set_price(&office, &shop, "bread", 60 + day, world.now());
        set_price(&front, &shop, &format!("thing-{day}"), 5, world.now());
        for number in 0..30_u32 {
            let till = if number % 6 == 0 { &back } else { &front };
            let sale = sell(till, 100 + number, world.now());
            if number % 10 == 0 {
                let receipt = format!("UK{day}NUM{number:03}");
                world.pay(&receipt, "123456", 100 + number, "");
                till.sync(world.now()).unwrap();
                if till.sale(sale).unwrap().due > Money::ZERO {
                    let how = domain::How::Picked;
                    till.claim(sale, (code(&receipt), how), &asha(), world.now()).unwrap();
                }
            }
            till.sync(world.now()).unwrap();
            world.pass(60);
        }
        exchange(&world, &[&front, &back, &office]);
        world.pass(DAY - 3600);
        assert_eq!(world.wait(world.sweep.tidy()).failed, Vec::<String>::new());
    }
    Shop { world, shop, front, back, office }
}

/// Syncs until all of the history is here; gives how many syncs that took.
fn fill(till: &Replica, now: Timestamp) -> u32 {
    let syncs = (1..1000).find(|_| !till.sync(now).unwrap().history_left);
    syncs.expect("the history has an end")
}

fn says_the_same(one: &Replica, other: &Replica, shop: &ShopId) {
    assert_eq!(verdicts(one, shop), verdicts(other, shop));
    assert_eq!(
        one.registers(shop, domain::Kind::Product).unwrap(),
        other.registers(shop, domain::Kind::Product).unwrap()
    );
    assert_eq!(one.document_heads(shop).unwrap(), other.document_heads(shop).unwrap());
    let payments = |till: &Replica| {
        let mut all: Vec<_> =
            till.payments(shop, false, 1000).unwrap().into_iter().map(|p| (p.receipt, p.sale)).collect();
        all.sort();
        all
    };
    assert_eq!(payments(one), payments(other));
    for till in [one, other] {
        assert_eq!(till.verify(shop).unwrap(), Vec::<String>::new());
        assert_eq!(till.status().unwrap().set_aside, Vec::<String>::new());
        is_whole(&till.path);
    }
}

#[test]
fn a_new_till_has_the_catalogue_and_the_open_days_first_and_everything_in_the_end() {
    let Shop { world, shop, front, office, .. } = old_shop();
    let new = world.till(&shop, "New");
    // The requests of a first sync, and then the line is down.
    new.line.weather.lock().unwrap().requests_left = Some(2);
    new.sync(world.now()).unwrap_err();
    let (sold, all) = (verdicts(&new, &shop).len(), verdicts(&front, &shop).len());
    assert!((30..all - 40).contains(&sold), "{sold} of {all} sales came with the open days");
    assert_eq!(
        new.registers(&shop, domain::Kind::Product).unwrap(),
        front.registers(&shop, domain::Kind::Product).unwrap(),
        "all of the catalogue"
    );
    is_whole(&new.path);
    let told = new.history(world.now()).unwrap().unwrap();
    assert!(told.have > 0 && told.have < told.of, "{told:?}");
    let sale = sell(&new, 350, world.now());
    assert_eq!(new.sale(sale).unwrap().due, Money::from_cents(35_000));

    new.line.weather.lock().unwrap().requests_left = None;
    assert!(fill(&new, world.now()) >= 1);
    assert_eq!(new.history(world.now()).unwrap(), None, "all of it is here");
    exchange(&world, &[&front, &office, &new]);
    says_the_same(&new, &front, &shop);
    says_the_same(&new, &office, &shop);
}

/// It signs with its own good key that it goes on from what it never wrote. A replica that has only what came
/// after could not know; so nothing hangs on what came before.
#[test]
fn a_till_that_breaks_its_own_strand_is_judged_alike_by_a_new_till_and_by_those_who_have_all_of_it() {
    let Shop { world, shop, front, office, .. } = old_shop();
    let (code, folder) = (world.code(domain::Role::Till, Some(&shop)), tempfile::tempdir().unwrap());
    let mut mallory = Mallory::new(world.line(), folder.path(), &shop, &code);
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..3 {
        for number in 0..20 {
            let day = world.now().business_day();
            // The first goes on from the truth, the third from a strand that is not there, or begins it again.
            let place = match number % 7 {
                3 => Some((1, [9; 32])),
                5 => None,
                _ => mallory.strand(day),
            };
            mallory.sell(place, world.now(), &mut random).unwrap();
            world.pass(60);
        }
        exchange(&world, &[&front, &office]);
        world.pass(DAY - 1200);
        assert_eq!(world.wait(world.sweep.tidy()).failed, Vec::<String>::new());
    }
    let place = mallory.strand(world.now().business_day());
    mallory.sell(place, world.now(), &mut random).unwrap();
    exchange(&world, &[&front, &office]);
    assert_eq!(mallory.sold.len(), 61, "the cloud took all of it");

    let new = world.till(&shop, "New");
    new.line.weather.lock().unwrap().requests_left = Some(2);
    new.sync(world.now()).unwrap_err();
    assert!(new.history(world.now()).unwrap().is_some(), "it says that there is more to come");
    is_whole(&new.path);
    new.line.weather.lock().unwrap().requests_left = None;
    fill(&new, world.now());
    exchange(&world, &[&front, &office, &new]);
    says_the_same(&new, &front, &shop);
    says_the_same(&office, &front, &shop);
    let by_mallory = front.sales(&shop, SaleFilter::All, None, 1000).unwrap();
    assert_eq!(by_mallory.iter().filter(|sale| sale.by == "Mallory").count(), 61);
}

#[test]
fn a_till_that_is_killed_while_its_history_comes_goes_on_where_it_was() {
    let Shop { world, shop, front, .. } = old_shop();
    let mut new = world.till(&shop, "New");
    for left in 0.. {
        new.line.weather.lock().unwrap().requests_left = Some(left % 4);
        let synced = new.sync(world.now());
        sell(&new, 20, world.now());
        new.restart();
        if synced.is_ok_and(|report| !report.history_left) {
            break;
        }
        assert!(left < 200, "it gets on");
    }
    new.line.weather.lock().unwrap().requests_left = None;
    fill(&new, world.now());
    exchange(&world, &[&front, &new]);
    says_the_same(&new, &front, &shop);
}

#[test]
fn what_is_said_about_old_sales_counts_when_they_come() {
    let Shop { world, shop, front, back, .. } = old_shop();
    let old: Vec<FactId> =
        front.sales(&shop, SaleFilter::Open, None, 1000).unwrap().iter().rev().map(|row| row.id).collect();
    let own: Vec<FactId> = old.iter().copied().filter(|id| id.actor == front.identity().actor).collect();
    // Today somebody cancels one, takes cash for one, and two tills claim one payment for two.
    front.void(own[0], "never fetched", &asha(), world.now()).unwrap();
    front.take_cash(own[1], None, &asha(), world.now(), None).unwrap();
    front.offline(true);
    world.pay("UKLATE0001", "123456", 777, "");
    front.claim(own[2], (code("UKLATE0001"), domain::How::Typed), &asha(), world.now()).unwrap();
    front.offline(false);
    let of_back = old.iter().find(|id| id.actor == back.identity().actor).unwrap();
    back.claim(*of_back, (code("UKLATE0001"), domain::How::Typed), &asha(), world.now()).unwrap();
    exchange(&world, &[&front, &back]);

    let new = world.till(&shop, "New");
    new.line.weather.lock().unwrap().requests_left = Some(2);
    new.sync(world.now()).unwrap_err();
    assert!(new.sale(own[0]).is_err(), "it is not here yet");
    let late = new.payment(&shop, &code("UKLATE0001")).unwrap().unwrap();
    let leads = front.payment(&shop, &late.receipt).unwrap().unwrap().sale;
    assert_eq!((late.sale, late.held_for.map(|(sale, _)| sale.id)), (None, leads), "the same claim leads");
    new.line.weather.lock().unwrap().requests_left = None;
    fill(&new, world.now());
    exchange(&world, &[&front, &back, &new]);
    says_the_same(&new, &front, &shop);
}

#[test]
fn a_till_that_keeps_a_few_days_fetches_no_more() {
    let Shop { world, shop, front, .. } = old_shop();
    let new = world.till_with_history(&shop, "New", 3);
    fill(&new, world.now());
    let rows = new.sales(&shop, SaleFilter::All, None, 10_000).unwrap();
    let oldest = rows.iter().map(|row| row.at).min().unwrap();
    let all = verdicts(&front, &shop).len();
    assert!((60..all).contains(&rows.len()), "{} of {all}", rows.len());
    assert!(oldest.distance_millis(world.now()) > 2 * DAY.unsigned_abs() * 1000);
    assert_eq!(
        new.registers(&shop, domain::Kind::Product).unwrap(),
        front.registers(&shop, domain::Kind::Product).unwrap()
    );
    assert_eq!(new.verify(&shop).unwrap(), Vec::<String>::new());
    is_whole(&new.path);
    let again: SyncReport = new.sync(world.now()).unwrap();
    assert_eq!((again.older, again.history_left), (0, false));
    // And trade goes on, both ways.
    sell(&front, 30, world.now());
    let sale = new.sell(of(40, Tender::Cash), &asha(), world.now(), None).unwrap().sale.id;
    exchange(&world, &[&front, &new]);
    assert_eq!((front.sale(sale).is_ok(), verdicts(&new, &shop).len()), (true, rows.len() + 2));
    // A payment of a sale that is older than what is kept here waits for nothing.
    let open = front.sales(&shop, SaleFilter::Open, None, 10_000).unwrap();
    let old = open.iter().min_by_key(|sale| sale.at).unwrap();
    assert!(new.sale(old.id).is_err());
    front.claim(old.id, (code("UKL4OLDONE"), How::Typed), &asha(), world.now()).unwrap();
    world.pay("UKL4OLDONE", "123456", u32::try_from(old.due.cents() / 100).unwrap(), "");
    exchange(&world, &[&front, &new]);
    assert_eq!(front.payment(&shop, &code("UKL4OLDONE")).unwrap().unwrap().sale, Some(old.id));
    assert!(new.payment(&shop, &code("UKL4OLDONE")).unwrap().unwrap().held_for.is_some());
    assert_eq!(new.held_payments(&shop, 9).unwrap(), []);
}

/// A cloud that lies about where a journal may be entered is not believed, and neither is what leads there.
#[test]
fn a_forged_entrance_is_not_believed() {
    let Shop { world, shop, front, .. } = old_shop();
    let notes = world.wait(world.store.notes(&shop, "journals walked")).unwrap();
    let honest = String::from_utf8(notes[0].1.clone()).unwrap();
    let mut walk: serde_json::Value = serde_json::from_str(&honest).unwrap();
    for journal in walk["journals"].as_array_mut().unwrap() {
        journal[1] = (journal[1].as_u64().unwrap() + 1).into();
    }
    world.wait(world.store.put_note(&shop, "journals walked", walk.to_string().as_bytes())).unwrap();
    let new = world.till(&shop, "New");
    fill(&new, world.now());
    let told = new.status().unwrap().set_aside;
    assert!(told.iter().any(|told| told.contains("not signed by its writer")), "{told:?}");
    exchange(&world, &[&front, &new]);
    assert_eq!(verdicts(&new, &shop), verdicts(&front, &shop), "every journal was read from its beginning");
    assert_eq!(
        new.registers(&shop, domain::Kind::Product).unwrap(),
        front.registers(&shop, domain::Kind::Product).unwrap()
    );
}

/// History that does not end in what is known is set aside, and the till goes on.
#[test]
fn forged_history_is_set_aside() {
    let Shop { world, shop, front, .. } = old_shop();
    let new = world.till(&shop, "New");
    new.line.weather.lock().unwrap().requests_left = Some(2);
    new.sync(world.now()).unwrap_err();
    let known =
        |till: &Replica| -> Vec<FactId> { verdicts(till, &shop).into_iter().map(|sale| sale.0).collect() };
    let before = known(&new);
    new.line.weather.lock().unwrap().requests_left = None;
    new.line.tamper.store(true, Ordering::SeqCst);
    let reports = [new.sync(world.now()).unwrap(), new.sync(world.now()).unwrap()];
    assert_eq!((reports[1].older, reports[1].history_left), (0, false), "it does not ask again at once");
    assert_eq!(known(&new), before);
    assert_eq!(new.status().unwrap().set_aside.len(), 1);
    new.line.tamper.store(false, Ordering::SeqCst);
    fill(&new, world.now());
    exchange(&world, &[&front, &new]);
    assert_eq!(verdicts(&new, &shop), verdicts(&front, &shop));
}

/// Each sale says how far it has come, on the till that made it and on its siblings.
#[test]
fn a_sale_is_here_then_in_the_cloud_then_at_head_office() {
    let world = World::new();
    let shop = world.shop("duka-moja", "till", "123456");
    let (front, back, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    exchange(&world, &[&front, &back, &office]);
    let sale = sell(&front, 350, world.now());
    let reach = |till: &Replica| till.reach(&till.sale(sale).unwrap()).unwrap();
    assert_eq!(reach(&front), Reach::Here);
    front.sync(world.now()).unwrap();
    back.sync(world.now()).unwrap();
    assert_eq!((reach(&front), reach(&back)), (Reach::Cloud, Reach::Cloud));
    office.sync(world.now()).unwrap();
    assert_eq!(
        (reach(&front), reach(&office)),
        (Reach::Cloud, Reach::HeadOffice),
        "a till learns it every five minutes"
    );
    world.pass(301);
    exchange(&world, &[&front, &back]);
    assert_eq!((reach(&front), reach(&back)), (Reach::HeadOffice, Reach::HeadOffice));
    let later = sell(&front, 20, world.now());
    assert_eq!(front.reach(&front.sale(later).unwrap()).unwrap(), Reach::Here);
}

/// A till that comes back after a long time takes what it missed in parts, says how far it is, and sells
/// meanwhile.
#[test]
fn a_till_that_was_away_says_how_far_it_is_while_it_catches_up() {
    let world = World::new();
    let shop = world.shop("duka-moja", "till", "123456");
    let (front, back) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    exchange(&world, &[&front, &back]);
    let line = Line::new(&"x".repeat(60), Quantity::ONE, kes(10)).unwrap();
    let long = Sale::new(vec![line; 100], kes(1000), Tender::Cash, None).unwrap();
    for _ in 0..260 {
        front.sell(long.clone(), &asha(), world.now(), None).unwrap();
    }
    while front.sync(world.now()).unwrap().sent > 0 {}
    // Two pages, and then the line is down.
    back.line.weather.lock().unwrap().requests_left = Some(2);
    back.sync(world.now()).unwrap_err();
    let told = back.catching_up().unwrap();
    assert!(told.have > 0 && told.have < told.of && told.of < 260, "{told:?}");
    sell(&back, 20, world.now());
    back.line.weather.lock().unwrap().requests_left = None;
    back.sync(world.now()).unwrap();
    assert_eq!((back.catching_up(), verdicts(&back, &shop).len()), (None, 261));
}

/// A till that entered the shop's journals yesterday, and whose line is down before the history has come, gets it
/// from a stick; and what it passes on begins where its own begins.
#[test]
fn the_history_of_a_new_till_comes_from_a_stick_too() {
    let Shop { world, shop, front, office, .. } = old_shop();
    let [new, other] = ["New", "Other"].map(|name| {
        let till = world.till(&shop, name);
        till.line.weather.lock().unwrap().requests_left = Some(2);
        till.sync(world.now()).unwrap_err();
        till
    });
    let (of_new, of_front) = (new.path.with_extension("leja"), front.path.with_extension("leja"));
    let export = |till: &Replica, to| Folder::at(&till.path).unwrap().export(to, world.now()).unwrap();
    let before = verdicts(&new, &shop).len();

    // Who knows only the newest days brings only those, and says so where more is missing.
    sell(&new, 350, world.now());
    export(&new, &of_new);
    other.offline(true);
    assert!(other.import(&of_new, world.now()).unwrap().journals.iter().all(|it| it.left == 0));
    let empty = world.till(&shop, "Empty");
    let came = empty.import(&of_new, world.now()).unwrap();
    assert!(came.journals.iter().all(|it| it.new == 0 && it.member.is_none()), "{came:?}");

    // The newest first, torn in the middle, then whole, then once more.
    export(&front, &of_front);
    let bytes = std::fs::read(&of_front).unwrap();
    let torn = front.path.with_extension("torn");
    std::fs::write(&torn, &bytes[..bytes.len() * 3 / 4]).unwrap();
    assert!(new.import(&torn, world.now()).unwrap().fault.is_some());
    is_whole(&new.path);
    let came = new.import(&of_front, world.now()).unwrap();
    assert_eq!((came.fault, came.journals.iter().map(|it| it.left).sum::<u64>()), (None, 0));
    assert!(verdicts(&new, &shop).len() > before + 40);
    is_whole(&new.path);
    let again = new.import(&of_front, world.now()).unwrap();
    assert_eq!(again.journals.iter().map(|it| it.new + it.left).sum::<u64>(), 0, "{again:?}");

    // With a line again, the hub has nothing to add but payments, and everybody says the same.
    new.line.weather.lock().unwrap().requests_left = None;
    fill(&new, world.now());
    exchange(&world, &[&front, &office, &new]);
    says_the_same(&new, &front, &shop);
    says_the_same(&new, &office, &shop);
}

#[test]
fn a_till_with_a_few_days_of_history_writes_nothing_over_a_file_that_has_more() {
    let Shop { world, shop, front, .. } = old_shop();
    let new = world.till_with_history(&shop, "New", 3);
    fill(&new, world.now());
    let file = front.path.with_extension("leja");
    let export = |till: &Folder| till.export(&file, world.now());
    let all = export(&Folder::at(&front.path).unwrap()).unwrap();
    let before = std::fs::read(&file).unwrap();
    let folder = Folder::at(&new.path).unwrap();
    let refused = export(&folder).unwrap_err().to_string();
    assert!(refused.contains("holds older entries than are here: import it first"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    // What it says to do helps.
    drop(new);
    assert_eq!(folder.import(&file, world.now()).unwrap().fault, None);
    let written = |exported: till::Exported| -> Vec<_> {
        exported.journals.into_iter().filter(|it| it.entries > 0).map(|it| (it.actor, it.entries)).collect()
    };
    assert_eq!(written(export(&folder).unwrap()), written(all));
}
