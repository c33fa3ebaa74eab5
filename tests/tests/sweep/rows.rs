//! What a pull lists, row by row: times of two zones, kinds, pages that fail, and what was pulled before.

use crate::{PAID, confirmed, page, pulled_until, row, shop};
use domain::{ShopId, Source, Timestamp};
use serde_json::{Value, json};
use service::Store;
use service::sweep::NOTE;
use tests::faulty::Faulty;
use tests::process::repository;
use tests::world::{PULL, QuietSafaricom, World};

/// Two hours ago, in UTC as the listing may write it.
fn listed_in_utc(world: &World) -> String {
    let text = world.now().plus_millis((-3 - 2) * 3_600_000).to_seed();
    format!("{}Z", text.replacen(' ', "T", 1))
}

fn paid_at(world: &World, shop: &ShopId, receipt: &str) -> Timestamp {
    let name = (Source::PulledRow.name(), receipt);
    let item = world.wait(world.store.feed_item(shop, name)).unwrap().unwrap();
    item.evidence().unwrap().paid_at.unwrap()
}

/// A confirmation that was posted two hours ago by the world's clock.
fn confirmed_two_hours_ago(world: &World, shop: &ShopId, receipt: &str) {
    let at = world.now().plus_millis(-2 * 3_600_000);
    let body = tests::world::confirmation(receipt, "600638", "500.00", "", at);
    assert_eq!(world.post(&world.token_path(shop, "c/confirmation"), &body).0, 200);
}

#[test]
fn a_row_that_is_neither_a_payment_nor_a_settlement_waits_for_a_person() {
    let (world, _) = shop();
    let rows = [
        row("UKL4AB12C1", "c2b-pay-bill-reversal", "2026-11-21T07:00:00+03:00"),
        row("UKL4AB12C2", "merchant-to-organization-settlement", "2026-11-21T07:00:00+03:00"),
        row("UKL4AB12C3", PAID, "2026-11-21T07:00:00+03:00"),
    ];
    world.safaricom.answer(PULL, 200, page(&rows));
    let report = world.wait(world.sweep.run());
    assert_eq!(report.failed, Vec::<String>::new());
    let pulled = &report.shops["kijiji"];
    assert_eq!((pulled.rows, pulled.new, pulled.other, pulled.inbox), (1, 1, 1, 1));
    let inbox = world.wait(world.store.inbox(9)).unwrap();
    assert_eq!(inbox.len(), 1);
    assert_eq!(inbox[0].reason, "a pulled row of another kind: c2b-pay-bill-reversal");
    assert_eq!(serde_json::from_slice::<Value>(&inbox[0].body).unwrap(), rows[0]);
    // The next pull brings it again.
    world.safaricom.answer(PULL, 200, page(&rows));
    assert_eq!(world.wait(world.sweep.run()).shops["kijiji"].inbox, 0, "it went there once");
}

#[test]
fn rows_that_come_before_the_one_that_proves_the_zone_have_the_right_time_too() {
    let (world, shop) = shop();
    confirmed_two_hours_ago(&world, &shop, "UKL4AB12C2");
    let date = listed_in_utc(&world);
    world.safaricom.answer(PULL, 200, page(&[row("UKL4AB12C1", PAID, &date)]));
    world.safaricom.answer(PULL, 200, page(&[row("UKL4AB12C2", PAID, &date)]));
    world.wait(world.sweep.run());
    for receipt in ["UKL4AB12C1", "UKL4AB12C2"] {
        assert_eq!(paid_at(&world, &shop, receipt), world.now().plus_millis(-2 * 3_600_000), "{receipt}");
    }
}

#[test]
fn a_newer_proof_of_the_zone_wins_over_the_one_that_was_remembered() {
    let (world, shop) = shop();
    world.wait(world.store.put_note(&shop, NOTE, br#"{"pulled_until":null,"utc":false}"#)).unwrap();
    let date = listed_in_utc(&world);
    world.safaricom.answer(PULL, 200, page(&[row("UKL4AB12C1", PAID, &date)]));
    world.wait(world.sweep.run());
    let mistaken = world.now().plus_millis(-5 * 3_600_000);
    assert_eq!(paid_at(&world, &shop, "UKL4AB12C1"), mistaken, "nothing says that it is not Nairobi's time");
    confirmed_two_hours_ago(&world, &shop, "UKL4AB12C3");
    let rows = [row("UKL4AB12C2", PAID, &date), row("UKL4AB12C3", PAID, &date)];
    world.safaricom.answer(PULL, 200, page(&rows));
    world.wait(world.sweep.run());
    assert_eq!(paid_at(&world, &shop, "UKL4AB12C2"), world.now().plus_millis(-2 * 3_600_000));
    let note = world.wait(world.store.notes(&shop, NOTE)).unwrap();
    assert!(String::from_utf8_lossy(&note[0].1).contains(r#""utc":true"#), "it is remembered");
}

#[test]
fn rows_of_the_pages_before_a_page_that_fails_are_kept() {
    let (world, shop) = shop();
    world.safaricom.answer(PULL, 200, page(&[row("UKL4AB12C1", PAID, "2026-11-21T07:00:00+03:00")]));
    world.safaricom.answer(PULL, 502, "<html>");
    let report = world.wait(world.sweep.run());
    assert_eq!((report.failed.len(), report.shops["kijiji"].new), (1, 1));
    assert_eq!(pulled_until(&world, &shop), None, "the window is pulled again");
}

#[test]
fn a_failure_in_words_for_nothing_is_the_end_after_rows_and_doubtful_before_any() {
    let (world, shop) = shop();
    let nothing = r#"{"errorCode":"500.001.1001","errorMessage":"failed to retrieve"}"#;
    world.safaricom.answer(PULL, 500, nothing);
    world.wait(world.sweep.run());
    assert_eq!(pulled_until(&world, &shop), None);
    world.safaricom.answer(PULL, 200, page(&[row("UKL4AB12C1", PAID, "2026-11-21T07:00:00+03:00")]));
    world.safaricom.answer(PULL, 500, nothing);
    world.wait(world.sweep.run());
    assert_eq!(pulled_until(&world, &shop), Some(world.now()));
}

#[test]
fn a_last_pull_that_is_still_to_come_says_nothing() {
    let (world, shop) = shop();
    let ahead = world.now().plus_millis(24 * 3_600_000).millis();
    let note = json!({ "pulled_until": ahead, "utc": null }).to_string();
    world.wait(world.store.put_note(&shop, NOTE, note.as_bytes())).unwrap();
    world.wait(world.sweep.run());
    let from = world.now().plus_millis(-48 * 3_600_000 + 60_000);
    assert_eq!(world.safaricom.asked(PULL)[0]["StartDate"], from.to_seed());
    assert_eq!(pulled_until(&world, &shop), Some(world.now()));
}

#[test]
fn a_row_that_was_pulled_before_is_not_written_again_and_one_that_differs_is_judged() {
    let world = World::with(|store, _| (Faulty::new(store, 0, 1), QuietSafaricom::default()));
    let shop = world.shop("kijiji", "paybill", "600638");
    let at = |minutes: i64| {
        let text = world.now().plus_millis(-60_000 * minutes).to_seed();
        format!("{}+03:00", text.replacen(' ', "T", 1))
    };
    let rows: Vec<Value> = (0..40).map(|n| row(&format!("UKL4AB12{n:02}"), PAID, &at(n))).collect();
    let sweep = |rows: &[Value]| {
        let before = world.store.asked();
        world.safaricom.answer(PULL, 200, page(rows));
        let report = world.wait(world.sweep.run());
        assert_eq!(report.failed, Vec::<String>::new());
        let pulled = &report.shops["kijiji"];
        (world.store.asked() - before, (pulled.rows, pulled.new, pulled.inbox))
    };
    let (first, told) = sweep(&rows);
    assert_eq!(told, (40, 40, 0));
    world.pass(900);
    let (second, told) = sweep(&rows);
    assert_eq!(told, (40, 0, 0), "told all the same");
    assert!(second <= first - 40, "{second} calls of the store after {first}");
    // The same receipt with another amount, and the same payment in other words.
    world.pass(900);
    let mut other = rows.clone();
    other[3]["amount"] = json!("501.0");
    other[4]["sender"] = json!("somebody");
    assert_eq!(sweep(&other).1, (40, 0, 1));
    assert_eq!(sweep(&other).1, (40, 0, 0), "it waits there already");
    let inbox = world.wait(world.store.inbox(9)).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&inbox[0].body).unwrap(), other[3]);
    // What is remembered may be lost.
    world.wait(world.store.put_note(&shop, NOTE, b"?")).unwrap();
    assert_eq!(sweep(&rows).1, (40, 0, 0));
}

#[test]
fn nobody_is_asked_about_the_number_of_the_smoke_test() {
    let deploy = std::fs::read_to_string(repository().join("infra/aws/deploy")).unwrap();
    let (_, number) = deploy.split_once("smoke_number=").unwrap();
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    let world = World::new();
    world.shop("leja-smoke", "till", &number);
    world.shop("kijiji", "paybill", "600638");
    assert_eq!(world.wait(world.sweep.run()).failed, Vec::<String>::new());
    let asked: Vec<_> = world.safaricom.asked(PULL).iter().map(|it| it["ShortCode"].clone()).collect();
    assert_eq!(asked, ["600638"]);
}

#[test]
fn of_a_long_listing_those_rows_are_remembered_that_come_again() {
    let world = World::with(|store, _| (Faulty::new(store, 0, 1), QuietSafaricom::default()));
    world.shop("kijiji", "paybill", "600638");
    let minutes_ago = |minutes: i64| {
        let text = world.now().plus_millis(-60_000 * minutes).to_seed();
        format!("{}+03:00", text.replacen(' ', "T", 1))
    };
    // More than a note remembers, and after them what an hour brings.
    let old = (0..600).map(|n| row(&format!("UKL4OLD{n:03}"), PAID, &minutes_ago(120)));
    let new: Vec<Value> = (0..20).map(|n| row(&format!("UKL4NEW{n:03}"), PAID, &minutes_ago(n))).collect();
    world.safaricom.answer(PULL, 200, page(&old.chain(new.clone()).collect::<Vec<_>>()));
    assert_eq!(world.wait(world.sweep.run()).shops["kijiji"].new, 620);
    world.pass(900);
    let asked = |rows: &[Value]| {
        let before = world.store.asked();
        world.safaricom.answer(PULL, 200, page(rows));
        assert_eq!(world.wait(world.sweep.run()).shops["kijiji"].new, 0);
        world.store.asked() - before
    };
    assert_eq!(asked(&new), asked(&[]), "not one of them is written again");
}

#[test]
fn a_note_of_another_history_keeps_no_row_from_being_filed_and_its_gaps_are_not_ours() {
    let (before, shop_before) = shop();
    confirmed(&before, &shop_before, "UKL4AB12C1", (500, 500), before.now().plus_millis(-60_000));
    confirmed(&before, &shop_before, "UKL4AB12C3", (500, 1700), before.now());
    let rows = page(&[row("UKL4AB12C4", PAID, "2026-11-21T07:59:00+03:00")]);
    before.safaricom.answer(PULL, 200, rows.clone());
    before.wait(before.sweep.run());
    before.safaricom.answer(PULL, 200, rows.clone());
    let report = before.wait(before.sweep.run());
    let pulled = &report.shops["kijiji"];
    assert_eq!((pulled.new, pulled.gaps.len()), (0, 1));
    let note = before.wait(before.store.notes(&shop_before, NOTE)).unwrap().remove(0).1;
    // The store was lost, and of it there is the note.
    for (listed, new) in [(page(&[]), 0), (rows, 1)] {
        let (world, shop) = shop();
        world.wait(world.store.put_note(&shop, NOTE, &note)).unwrap();
        world.safaricom.answer(PULL, 200, listed);
        let report = world.wait(world.sweep.run());
        let pulled = &report.shops["kijiji"];
        assert_eq!((pulled.new, pulled.gaps.len()), (new, 0));
    }
}

#[test]
fn where_a_sweep_stands_is_written_only_if_that_is_new() {
    let asked = |number: &str| {
        let world = World::with(|store, _| (Faulty::new(store, 0, 1), QuietSafaricom::default()));
        world.shop("kijiji", "till", number);
        world.wait(world.sweep.run());
        world.pass(900);
        let before = world.store.asked();
        world.wait(world.sweep.run());
        world.store.asked() - before
    };
    // Nobody can be asked about the other, so it is not known until when all was pulled.
    assert_eq!(asked("600638") - asked("9999999998"), 2, "where it stands, and until when");
}
