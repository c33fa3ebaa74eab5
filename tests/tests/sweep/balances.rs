//! The chain of balances: what it says is missing is told, pulled for, and explained.

use crate::{confirmed, pulled_until, shop};
use domain::Timestamp;
use serde_json::{Value, json};
use service::Store;
use service::sweep::NOTE;
use tests::faulty::Faulty;
use tests::world::{PULL, QuietSafaricom, World};

#[test]
fn a_gap_that_can_not_be_pulled_for_does_not_keep_the_rest_from_being_pulled() {
    let (world, shop) = shop();
    for (receipt, balance) in [("UKL4AB12C1", "500.00"), ("UKL4AB12C3", "1700.00")] {
        let body = json!({
            "TransID": receipt, "TransTime": world.now().to_daraja(), "TransAmount": "500.00",
            "BusinessShortCode": "600638", "OrgAccountBalance": balance,
        });
        world.post(&world.token_path(&shop, "c/confirmation"), &body.to_string());
        world.pass(60);
    }
    for unusable in ["<html>", r#"{"ResponseCode":"1000","Response":7}"#] {
        world.pass(3600);
        let before = world.safaricom.asked(PULL).len();
        world.safaricom.answer(PULL, 200, unusable);
        let report = world.wait(world.sweep.run());
        assert_eq!(report.failed.len(), 1, "{:?}", report.failed);
        assert_eq!(report.shops["kijiji"].gaps.len(), 1);
        assert_eq!(world.safaricom.asked(PULL).len() - before, 2, "for the gap, and for everything");
        assert_eq!(pulled_until(&world, &shop), Some(world.now()));
    }
    let before = world.safaricom.asked(PULL).len();
    world.wait(world.sweep.run());
    assert_eq!(world.safaricom.asked(PULL).len() - before, 2, "the gap was not forgotten");
}

#[test]
fn the_last_releases_note_is_read_and_what_it_said_of_the_chain_is_found_in_the_feed() {
    let (world, shop) = shop();
    confirmed(&world, &shop, "UKL4AB12C1", (500, 500), world.now());
    // As it was written after the first payment was read: with all points of the chain.
    let (at, news) = (world.now().millis(), world.wait(world.store.news(&shop, &[])).unwrap());
    let note = json!({
        "pulled_until": at, "utc": false, "cursor": hex::encode(news.cursor), "known_gaps": [], "heard_at": at,
        "points": [[at, 50_000, 50_000, "UKL4AB12C1"]],
    });
    world.wait(world.store.put_note(&shop, NOTE, note.to_string().as_bytes())).unwrap();
    world.pass(60);
    confirmed(&world, &shop, "UKL4AB12C3", (500, 1700), world.now());
    let report = world.wait(world.sweep.run());
    let gaps = &report.shops["kijiji"].gaps;
    assert!(gaps.len() == 1 && gaps[0].ends_with("KES 700.00"), "{gaps:?}");
    let asked = world.safaricom.asked(PULL);
    assert_eq!(asked.len(), 2, "for the gap, and for everything since the last time");
    assert_eq!(asked[1]["StartDate"], Timestamp::from_millis(at - 3_600_000).unwrap().to_seed());
}

#[test]
fn a_gap_over_a_night_is_noticed_and_stays_told_until_it_is_explained() {
    let (world, shop) = shop();
    let sweep = || world.wait(world.sweep.run()).shops["kijiji"].gaps.clone();
    let evening = world.now();
    confirmed(&world, &shop, "UKL4AB12C1", (500, 500), evening);
    for _ in 0..14 {
        assert_eq!(sweep(), Vec::<String>::new());
        world.pass(3600);
    }
    confirmed(&world, &shop, "UKL4AB12C3", (100, 900), world.now());
    assert!(sweep()[0].ends_with("KES 300.00"));
    for hour in 0..20 {
        world.pass(3600);
        confirmed(&world, &shop, &format!("UKL4AB13{hour:02}"), (10, 910 + hour * 10), world.now());
        assert_eq!(sweep().len(), 1, "hour {hour}");
    }
    // The lost one is told of after all.
    confirmed(&world, &shop, "UKL4AB12C2", (300, 800), evening.plus_millis(60_000));
    assert_eq!(sweep(), Vec::<String>::new());
}

#[test]
fn a_payment_that_says_it_is_still_to_come_hides_no_gap() {
    let (world, shop) = shop();
    let sweep = || world.wait(world.sweep.run()).shops["kijiji"].gaps.clone();
    confirmed(&world, &shop, "UKL4AB12C1", (500, 500), world.now());
    confirmed(&world, &shop, "UKL4AB12C2", (10, 510), world.now().plus_millis(1000 * 24 * 3_600_000));
    assert_eq!(sweep(), Vec::<String>::new());
    world.pass(60);
    confirmed(&world, &shop, "UKL4AB12C3", (500, 1700), world.now());
    assert!(sweep().iter().any(|gap| gap.ends_with("KES 700.00")));
    // And what a run noted whose clock was ahead is not believed.
    let ahead = world.now().plus_millis(24 * 3_600_000).millis();
    let note = json!({ "pulled_until": null, "utc": null, "followed_until": ahead }).to_string();
    world.wait(world.store.put_note(&shop, NOTE, note.as_bytes())).unwrap();
    assert!(sweep().iter().any(|gap| gap.ends_with("KES 700.00")));
}

#[test]
fn a_payment_that_is_told_late_shows_that_another_is_missing_beside_it() {
    // Before what was told late, and after it: 30 shillings nobody told of came in between.
    for (late, lost, lost_ago) in [((50, 1080), (30, 1030), 200), ((50, 120), (30, 150), 100)] {
        let (world, shop) = shop();
        let sweep = || world.wait(world.sweep.run()).shops["kijiji"].gaps.clone();
        let minutes_ago = |minutes: i64| world.now().plus_millis(-60_000 * minutes);
        confirmed(&world, &shop, "UKL4AB12C1", (1000, 1000), minutes_ago(300));
        // Most of it went to the bank, so nobody can say whether something is missing.
        confirmed(&world, &shop, "UKL4AB12C4", (20, 170), minutes_ago(10));
        assert_eq!(sweep(), Vec::<String>::new());
        confirmed(&world, &shop, "UKL4AB12C2", late, minutes_ago(180));
        let gaps = sweep();
        assert!(gaps.len() == 1 && gaps[0].ends_with("KES 30.00"), "{late:?}: {gaps:?}");
        confirmed(&world, &shop, "UKL4AB12C3", lost, minutes_ago(lost_ago));
        assert_eq!(sweep(), Vec::<String>::new(), "{late:?}");
    }
}

#[test]
fn a_gap_is_pulled_for_once_and_forgotten_when_it_is_explained_or_out_of_reach() {
    for explained in [true, false] {
        let (world, shop) = shop();
        let asked = || {
            let before = world.safaricom.asked(PULL).len();
            let gaps = world.wait(world.sweep.run()).shops["kijiji"].gaps.len();
            (gaps, world.safaricom.asked(PULL).len() - before)
        };
        let noon = world.now();
        confirmed(&world, &shop, "UKL4AB12C1", (500, 500), noon);
        confirmed(&world, &shop, "UKL4AB12C3", (500, 1700), noon.plus_millis(60_000));
        world.pass(120);
        assert_eq!(asked(), (1, 2), "for the gap, and for everything");
        world.pass(900);
        assert_eq!(asked(), (1, 1));
        let known = || {
            let note = world.wait(world.store.notes(&shop, NOTE)).unwrap().remove(0).1;
            serde_json::from_slice::<Value>(&note).unwrap()["known_gaps"].as_array().unwrap().len()
        };
        assert_eq!(known(), 1);
        if explained {
            confirmed(&world, &shop, "UKL4AB12C2", (700, 1200), noon.plus_millis(30_000));
        } else {
            // Safaricom tells of it no more.
            world.pass(48 * 3600);
        }
        assert_eq!((asked(), known()), ((0, 1), 0), "explained: {explained}");
    }
}

#[test]
fn a_payment_that_comes_a_little_late_is_looked_at_beside_those_of_its_hour_alone() {
    let world = World::with(|store, _| (Faulty::new(store, 0, 1), QuietSafaricom::default()));
    let shop = world.shop("kijiji", "paybill", "600638");
    // More than one read of a feed gives.
    for number in 0..300 {
        confirmed(&world, &shop, &format!("UKL4AB1{number:03}"), (1, number + 1), world.now());
    }
    world.wait(world.sweep.run());
    world.pass(5 * 3600);
    // Money goes to the bank between them, so that nothing seems to be missing.
    let sweep = |receipt: &str, balance: i64, minutes_ago: i64| {
        world.pass(60);
        let at = world.now().plus_millis(-60_000 * minutes_ago);
        confirmed(&world, &shop, receipt, (1, balance), at);
        let before = world.store.asked();
        assert_eq!(world.wait(world.sweep.run()).shops["kijiji"].gaps, Vec::<String>::new());
        world.store.asked() - before
    };
    sweep("UKL4AB12C3", 20, 0);
    let in_order = sweep("UKL4AB12C4", 10, 0);
    assert_eq!(sweep("UKL4AB12C2", 30, 30), in_order, "within the hour");
    assert!(sweep("UKL4AB12C1", 40, 90) > in_order, "before it, where all of it is looked at");
}
