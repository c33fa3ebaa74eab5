//! What went wrong at other people's tills (field study), played through at ours.

use domain::standing::SaleState;
use domain::{FactId, How, Tender};
use std::collections::BTreeSet;
use tests::faulty::Faulty;
use tests::process::until;
use tests::simulation::power::{Photo, cut};
use tests::world::{QuietSafaricom, World, asha, code, exchange, kes, of, sell};
use till::{SaleFilter, Till};

fn ids(till: &Till, shop: &domain::ShopId) -> BTreeSet<FactId> {
    till.sales(shop, SaleFilter::All, None, 10_000).unwrap().into_iter().map(|row| row.id).collect()
}

#[test]
fn receipts_that_were_printed_are_not_lost_when_the_power_goes() {
    for seed in 0..20 {
        let world = World::new();
        let shop = world.shop("mjini", "till", "123456");
        let mut till = world.till(&shop, "Front");
        till.restart();
        let printed: Vec<FactId> = (1..=10).map(|shillings| sell(&till, shillings, world.now())).collect();
        let before = Photo::of(&till.path);
        sell(&till, 99, world.now());
        // The power goes while the eleventh is written, before its receipt is.
        let (place, left) = cut(&before, &Photo::of(&till.path), &mut fastrand::Rng::with_seed(seed));
        let folder = till.path.with_extension("after");
        left.develop(&folder);
        let after = world.open(folder);
        for sale in printed {
            assert!(after.sale(sale).is_ok(), "{sale} is gone, cut {place}, seed {seed}");
        }
        after.sync(world.now()).unwrap();
        assert!(ids(&after, &shop).len() >= 10);
    }
}

#[test]
fn a_sale_that_was_paid_offline_is_not_made_a_draft_again_by_a_siblings_older_copy() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    let (cash, mpesa) = (sell(&a, 500, world.now()), sell(&a, 700, world.now()));
    exchange(&world, &[&a, &b, &office]);
    a.offline(true);
    world.pass(60);
    a.take_cash(cash, None, &asha(), world.now(), None).unwrap();
    a.claim(mpesa, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    // The sibling, which has both as open, writes later and is heard first.
    world.pass(3600);
    world.pay("UKL4AB12CD", "123456", 700, "");
    sell(&b, 1, world.now());
    exchange(&world, &[&b, &office]);
    assert_eq!(b.sale(cash).unwrap().state, SaleState::Open, "as far as it knows");
    a.offline(false);
    exchange(&world, &[&b, &a, &office]);
    exchange(&world, &[&office, &b]);
    for replica in [&a, &b, &office] {
        for sale in [cash, mpesa] {
            assert_eq!(replica.sale(sale).unwrap().state, SaleState::Paid);
        }
    }
}

#[test]
fn orders_that_are_sent_again_after_the_line_came_back_are_there_once() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    let order = |number: u32| {
        let key = format!("order-{number}");
        a.sell(of(number, Tender::Cash), &asha(), world.now(), Some(&key)).unwrap().sale.id
    };
    let first: BTreeSet<FactId> = (1..=20).map(order).collect();
    {
        // Everything arrives, and every answer is lost.
        let mut weather = a.line.weather.lock().unwrap();
        (weather.loss_percent, weather.random) = ((0, 100), Some(fastrand::Rng::with_seed(1)));
    }
    for _ in 0..3 {
        assert!(a.sync(world.now()).is_err());
    }
    assert_eq!(a.status().unwrap().waiting, 20, "nobody said that they arrived");
    // The front end does not know either, and sends its orders again.
    let again: BTreeSet<FactId> = (1..=20).map(order).collect();
    assert_eq!(again, first);
    a.line.weather.lock().unwrap().loss_percent = (0, 0);
    exchange(&world, &[&a, &b, &office]);
    for replica in [&a, &b, &office] {
        assert_eq!(ids(replica, &shop), first);
    }
    assert_eq!(a.status().unwrap().waiting, 0);
}

#[test]
fn work_is_marked_as_unsent_until_it_is_taken_however_often_the_line_drops() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    let mut made = BTreeSet::new();
    for drop in 0..4_u64 {
        made.extend((1..=50).map(|shillings| sell(&a, shillings, world.now())));
        {
            // All of it arrives, and nobody hears so; or nothing does.
            let mut weather = a.line.weather.lock().unwrap();
            (weather.loss_percent, weather.random) = ((0, 100), Some(fastrand::Rng::with_seed(drop)));
            weather.requests_left = Some(drop % 2);
        }
        assert!(a.sync(world.now()).is_err(), "the line drops");
        assert!(a.sync(world.now()).is_err(), "and drops again");
        office.sync(world.now()).unwrap();
        let waiting = a.status().unwrap().waiting;
        assert_eq!(waiting, u64::try_from(made.len()).unwrap(), "nobody said that anything was taken");
    }
    a.line.weather.lock().unwrap().loss_percent = (0, 0);
    a.line.weather.lock().unwrap().requests_left = None;
    // Nothing is sold, nothing is touched: what waits is sent all the same.
    exchange(&world, &[&a, &office]);
    assert_eq!((a.status().unwrap().waiting, ids(&office, &shop)), (0, made));
}

#[test]
fn two_tills_never_mint_one_receipt_number() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let tills = [world.till(&shop, "Front"), world.till(&shop, "Back"), world.till(&shop, "Side")];
    let office = world.office();
    for till in &tills {
        till.offline(true);
        for shillings in 1..=40 {
            sell(till, shillings, world.now());
        }
        till.offline(false);
    }
    exchange(&world, &[&tills[0], &tills[1], &tills[2], &office]);
    for replica in tills.iter().chain([&office]) {
        let rows = replica.sales(&shop, SaleFilter::All, None, 1000).unwrap();
        let letters = replica.letters().unwrap();
        let numbers: BTreeSet<String> = rows.iter().map(|row| row.reference(&letters)).collect();
        assert_eq!((rows.len(), numbers.len()), (120, 120));
    }
}

#[test]
fn a_sending_that_failed_is_tried_again_by_the_timer_and_by_nothing_else() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    a.offline(true);
    sell(&a, 500, world.now());
    let (loops, thread) = app::keep_in_sync(a.shared(), world.clock()).unwrap();
    until("the first try failed", || a.status().unwrap().offline_since);
    // From here on nobody sells, clicks or nudges.
    a.offline(false);
    until("it was sent", || (a.status().unwrap().waiting == 0).then_some(()));
    loops.stop();
    thread.join().unwrap();
}

#[test]
fn a_record_that_the_server_refuses_waits_and_stops_nothing_else() {
    let world = World::with(|store, _| (Faulty::new(store, 0, 1), QuietSafaricom::default()));
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    let from_b = sell(&b, 3, world.now());
    b.sync(world.now()).unwrap();
    let (refused, awaiting) = (sell(&a, 1, world.now()), sell(&a, 500, world.now()));
    // More than one page comes down, and in it the payment that the sale waits for.
    for number in 0..250 {
        world.pay(&format!("UKL{number:03}AB"), "123456", 1000 + number, "");
    }
    world.pay("UKL4AB12CD", "123456", 500, "");
    world.store.refuse_batches(true);
    let error = a.sync(world.now()).unwrap_err().to_string();
    assert!(error.contains("does not take our entries"), "{error}");
    let status = a.status().unwrap();
    assert!(status.online && status.problem.is_some_and(|told| told.contains("does not take")));
    assert_eq!(a.sale(from_b).unwrap().total, kes(3), "what others sold came down");
    assert_eq!(a.payments(&shop, false, 1000).unwrap().len(), 251, "and every payment");
    assert_eq!(a.sale(awaiting).unwrap().state, SaleState::Paid, "and the one that fits was claimed");
    assert_eq!(a.status().unwrap().waiting, 3, "what was refused waits");

    world.store.refuse_batches(false);
    a.sync(world.now()).unwrap();
    office.sync(world.now()).unwrap();
    assert_eq!((a.status().unwrap().waiting, a.status().unwrap().problem), (0, None));
    for sale in [refused, awaiting] {
        assert_eq!(
            office.sale(sale).unwrap(),
            till::SaleRow { number: office.sale(sale).unwrap().number, ..a.sale(sale).unwrap() }
        );
    }
}
