//! What callbacks lost, the sweep finds: drills against the simulated Safaricom, with its faults.

use daraja::{Call, Refused};
use domain::{Money, ShopId, Source, Timestamp};
use local::safaricom::{Fault, Faults, Kind};
use proptest::prelude::*;
use serde_json::{Value, json};
use service::store::{Purpose, Request};
use service::sweep::{AT_ONCE, NOTE, Sweep, SweepReport, Swept};
use service::{Safaricom, SafaricomError, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tests::drill::Drill;
use tests::faulty::Faulty;
use tests::process::repository;
use tests::world::{PULL, PUSH_QUERY, QuietSafaricom, World, app, kes};
use tokio::sync::Barrier;

fn amounts(arrived: BTreeMap<String, (Money, usize)>) -> BTreeMap<String, Money> {
    arrived.into_iter().map(|(receipt, (amount, _))| (receipt, amount)).collect()
}

#[tokio::test]
async fn of_confirmations_that_are_lost_by_seven_in_ten_every_payment_is_there_once_after_one_sweep() {
    let drill = Drill::new(1, Faults::default().with(Fault::ConfirmationLost, 70)).await;
    // More than one page of the listing.
    drill.customers(250, 60).await;
    let told = drill.arrived().await.len();
    assert!((40..120).contains(&told), "{told} of 250 were confirmed");
    let report = drill.sweep().await;
    assert_eq!(amounts(drill.arrived().await), drill.paid());
    assert_eq!(report.shops["kijiji"].new, 250, "each payment's row was new once");
    assert_eq!(report.shops["kijiji"].gaps, Vec::<String>::new());
    assert_eq!(drill.inbox().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_second_sweep_changes_nothing() {
    let drill = Drill::new(2, Faults::default().with(Fault::ConfirmationLost, 50)).await;
    drill.customers(30, 60).await;
    drill.sweep().await;
    let before = drill.arrived().await;
    let report = drill.sweep().await;
    assert_eq!(drill.arrived().await, before);
    assert_eq!((report.shops["kijiji"].new, report.shops["kijiji"].inbox), (0, 0));
}

#[tokio::test]
async fn what_is_lost_for_two_days_is_found_a_quarter_of_an_hour_at_a_time() {
    let drill = Drill::new(3, Faults::default().with(Fault::ConfirmationLost, 70)).await;
    for _ in 0..100 {
        drill.customers(2, 450).await;
        drill.sweep().await;
    }
    assert_eq!(amounts(drill.arrived().await), drill.paid());
}

#[tokio::test]
async fn a_gap_in_the_balances_is_noticed_and_pulled_for() {
    let drill = Drill::new(4, Faults::default()).await;
    drill.customers(3, 60).await;
    drill.sweep().await;
    // For two hours nobody asks; in it one confirmation is lost, and the money goes to the bank.
    drill.simulator.set_faults(Faults::default().with(Fault::ConfirmationLost, 100));
    drill.customers(1, 60).await;
    drill.simulator.set_faults(Faults::default());
    drill.customers(2, 60).await;
    drill.simulator.settle(tests::drill::PAYBILL);
    drill.customers(2, 60).await;
    let report = drill.sweep().await;
    assert_eq!(report.shops["kijiji"].gaps, Vec::<String>::new(), "explained by what was pulled");
    assert_eq!(amounts(drill.arrived().await), drill.paid());
    assert_eq!(drill.movements(Kind::Settlement), 1);
}

#[tokio::test]
async fn a_pull_that_fails_is_told_and_made_up_for() {
    let drill = Drill::new(5, Faults::default()).await;
    drill.customers(2, 60).await;
    drill.simulator.set_faults(Faults::default().with(Fault::ConfirmationLost, 100));
    drill.customers(1, 60).await;
    drill.simulator.set_faults(Faults::default().with(Fault::HtmlError, 100));
    drill.customers(1, 60).await;
    let report = drill.sweep_whatever_happens().await;
    assert!(report.failed[0].contains("kijiji"), "{:?}", report.failed);
    drill.simulator.set_faults(Faults::default());
    let report = drill.sweep().await;
    assert_eq!(report.shops["kijiji"].new, 4, "the rows of all four");
    assert_eq!(amounts(drill.arrived().await), drill.paid());
}

#[tokio::test]
async fn a_gap_that_nothing_explains_is_told() {
    let drill = Drill::new(8, Faults::default()).await;
    drill.customers(2, 60).await;
    let books = drill.paid().values().copied().sum::<Money>();
    // A confirmation after which the organisation has 700 shillings more than anybody told of.
    let balance = (books + Money::from_cents(70_000) + Money::from_cents(5_000)).to_string();
    let body = json!({
        "TransID": "UKL4AB12CD", "TransTime": drill.now().to_daraja(), "TransAmount": "50.00",
        "BusinessShortCode": "600638", "OrgAccountBalance": balance,
    });
    assert_eq!(drill.post("c/confirmation", &body).await, 200);
    let report = drill.sweep().await;
    assert_eq!(report.shops["kijiji"].gaps.len(), 1);
    assert!(report.shops["kijiji"].gaps[0].ends_with("KES 700.00"), "{:?}", report.shops["kijiji"].gaps);
    let again = drill.sweep().await;
    assert_eq!(
        again.shops["kijiji"].gaps, report.shops["kijiji"].gaps,
        "it stays told until it is explained"
    );
}

#[tokio::test]
async fn a_listing_that_failed_in_words_for_nothing_is_asked_again() {
    let faults = Faults::default().with(Fault::ConfirmationLost, 100).with(Fault::PullEmpty500, 100);
    let drill = Drill::new(6, faults).await;
    let quiet: SweepReport = drill.sweep().await;
    assert_eq!(quiet.shops["kijiji"].rows, 0);
    drill.customers(3, 60).await;
    drill.pass(3 * 3600).await;
    drill.sweep().await;
    assert_eq!(amounts(drill.arrived().await), drill.paid());
}

#[tokio::test]
async fn rows_that_say_utc_and_mean_nairobi_get_the_time_of_their_confirmation() {
    for fault in [Fault::PullDatesZ, Fault::PullDatesUtc] {
        let drill = Drill::new(7, Faults::default().with(fault, 100)).await;
        drill.customers(5, 60).await;
        drill.sweep().await;
        let news = drill.store.news(&drill.shop, &[]).await.unwrap();
        let mut times: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for evidence in news.items.iter().filter_map(domain::FeedItem::evidence) {
            times.entry(evidence.receipt.to_string()).or_default().push(evidence.paid_at.unwrap());
        }
        for (receipt, times) in times {
            assert_eq!(times.len(), 2, "{receipt}");
            assert!(times[0].distance_millis(times[1]) < 1000, "{fault:?} {receipt} {times:?}");
        }
    }
}

/// A row of the listing as Safaricom writes it, with a time that may be of either zone.
fn row(receipt: &str, kind: &str, date: &str) -> Value {
    json!({
        "transactionId": receipt, "trxDate": date, "msisdn": 254_712_345_678_u64, "sender": "",
        "transactiontype": kind, "billreference": "", "amount": "500.0",
    })
}

fn page(rows: &[Value]) -> String {
    json!({ "ResponseCode": "1000", "Response": [rows] }).to_string()
}

/// Two hours ago, in UTC as the listing may write it.
fn listed_in_utc(world: &World) -> String {
    let text = world.now().plus_millis((-3 - 2) * 3_600_000).to_seed();
    format!("{}Z", text.replacen(' ', "T", 1))
}

const PAID: &str = "c2b-pay-bill-debit";

fn shop() -> (World, ShopId) {
    let world = World::new();
    let shop = world.shop("kijiji", "paybill", "600638");
    (world, shop)
}

fn paid_at(world: &World, shop: &ShopId, receipt: &str) -> Timestamp {
    let name = (Source::PulledRow.name(), receipt);
    let item = world.wait(world.store.feed_item(shop, name)).unwrap().unwrap();
    item.evidence().unwrap().paid_at.unwrap()
}

fn pulled_until(world: &World, shop: &ShopId) -> Option<Timestamp> {
    let notes = world.wait(world.store.notes(shop, NOTE)).unwrap();
    notes.first().and_then(|(_, note)| Swept::read(note).pulled_until)
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
    let inbox = world.wait(world.store.inbox(9)).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&inbox[0].body).unwrap(), other[3]);
    // What is remembered may be lost.
    world.wait(world.store.put_note(&shop, NOTE, b"?")).unwrap();
    assert_eq!(sweep(&rows).1, (40, 0, 0));
}

/// A confirmation that says what the organisation has after it.
fn confirmed(world: &World, shop: &ShopId, receipt: &str, (amount, balance): (i64, i64), at: Timestamp) {
    let body = json!({
        "TransID": receipt, "TransTime": at.to_daraja(), "TransAmount": format!("{amount}.00"),
        "BusinessShortCode": "600638", "OrgAccountBalance": format!("{balance}.00"),
    });
    assert_eq!(world.post(&world.token_path(shop, "c/confirmation"), &body.to_string()).0, 200);
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

/// A push whose time to be asked about has come.
async fn due(store: &impl Store, shop: &ShopId, number: i64, now: Timestamp) {
    let checkout = domain::CheckoutId::parse(&format!("ws_CO_{number}")).unwrap();
    let request = Request {
        shop: shop.clone(),
        name: format!("p-{number}"),
        purpose: Purpose::Push("7-1".parse().unwrap()),
        amount: kes(500),
        at: now.plus_millis(-60_000),
        accepted: None,
        ask_at: None,
    };
    store.begin_request(&request).await.unwrap();
    let ask_at = Some(now.plus_millis(number - 1000));
    let accepted = Some((checkout, "m-1".to_owned()));
    store.accept_request(&Request { accepted, ask_at, ..request }).await.unwrap();
}

#[tokio::test]
async fn a_push_whose_record_is_damaged_keeps_no_other_from_being_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sqlite");
    let store = embedded::EmbeddedStore::open(&path).unwrap();
    let number = domain::ShortCode::parse("600638").unwrap();
    let shop = ShopId::parse("kijiji").unwrap();
    let open = domain::Shop::new(shop.clone(), "Duka", domain::Account::Paybill(number), None).unwrap();
    store.put_shop(&open, &service::store::Tokens::default()).await.unwrap();
    let now = Timestamp::parse_daraja("20261121080000").unwrap();
    for number in 1..=3 {
        due(&store, &shop, number, now).await;
    }
    let damage = "INSERT INTO feed (shop, kind, name, item, body, body_hash, received_at)
                  VALUES ('kijiji', 'stk_result', 'ws_CO_1', x'ff', x'00', x'00', 0)";
    rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap();
    let safaricom = Arc::new(QuietSafaricom::default());
    let sweep = Arc::new(Sweep {
        store: Arc::new(store),
        safaricom: Arc::clone(&safaricom),
        fallback: Arc::new(embedded::FileQueue::open(&folder.path().join("waiting")).unwrap()),
        app: Arc::new(app()),
        clock: Arc::new(move || now),
    });
    let report = sweep.run().await;
    let about_pushes: Vec<&String> = report.failed.iter().filter(|failed| failed.contains("push")).collect();
    assert!(about_pushes.len() == 1 && about_pushes[0].contains("p-1"), "{:?}", report.failed);
    let asked = safaricom.asked(PUSH_QUERY);
    let asked: BTreeSet<&str> = asked.iter().filter_map(|body| body["CheckoutRequestID"].as_str()).collect();
    assert_eq!(asked, ["ws_CO_2", "ws_CO_3"].into());
}

/// A Safaricom to which something happens with each question: it takes its time, or is told in what way it comes.
#[derive(Clone)]
struct Pacing {
    quiet: QuietSafaricom,
    before: Arc<dyn Fn(Value) -> BoxedAnswer + Send + Sync>,
}

type BoxedAnswer = Pin<Box<dyn Future<Output = Option<Refused>> + Send>>;

impl Pacing {
    /// Before each answer this is done; a refusal takes its place.
    fn by<W>(before: impl Fn(Value) -> W + Send + Sync + 'static) -> Self
    where
        W: Future<Output = Option<Refused>> + Send + 'static,
    {
        let quiet = QuietSafaricom::default();
        Self { quiet, before: Arc::new(move |body| Box::pin(before(body))) }
    }
}

impl Safaricom for Pacing {
    async fn call<C: Call>(&self, call: &C) -> Result<C::Answer, SafaricomError> {
        let refused = (self.before)(serde_json::from_slice(&call.body().unwrap()).unwrap()).await;
        let answer = self.quiet.call(call).await;
        refused.map_or(answer, |refused| Err(SafaricomError::Refused(refused)))
    }
}

/// The number of the shop of this place.
fn number(place: usize) -> String {
    format!("{}", 700_000 + place)
}

fn many_shops<S: Store + Clone, D: Safaricom + Clone>(world: &World<S, D>, count: usize) {
    for place in 0..count {
        world.shop(&format!("shop-{place:02}"), "paybill", &number(place));
    }
}

#[test]
fn eight_shops_are_swept_at_once_and_the_report_is_that_of_one_after_the_other() {
    let eight = Arc::new(Barrier::new(AT_ONCE));
    // Eight questions meet, or none is answered. Every third number is none that Safaricom knows.
    let safaricom = Pacing::by(move |body: Value| {
        let eight = Arc::clone(&eight);
        async move {
            eight.wait().await;
            let place: usize = body["ShortCode"].as_str().unwrap().parse().unwrap();
            let message = format!("no number {place}");
            place.is_multiple_of(3).then(|| Refused { code: "400.001".to_owned(), message })
        }
    });
    let world = World::with(|store, _| (store, safaricom));
    many_shops(&world, 3 * AT_ONCE);
    let report = world.wait(world.sweep.run());
    assert_eq!(report.shops.len(), 3 * AT_ONCE, "what fails for one stops no other");
    let unknown = (0..3 * AT_ONCE).filter(|place| (700_000 + place).is_multiple_of(3));
    let expected: Vec<String> = unknown.map(|place| format!("shop shop-{place:02}: ")).collect();
    assert_eq!(report.failed.len(), expected.len(), "{:?}", report.failed);
    assert!(
        report.failed.iter().zip(&expected).all(|(told, name)| told.starts_with(name)),
        "{:?}",
        report.failed
    );
}

#[test]
fn safaricom_is_asked_less_at_once_after_it_said_that_it_is_too_much() {
    let beside = Arc::new(AtomicUsize::new(0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let safaricom = Pacing::by(move |_| {
        let (beside, told) = (Arc::clone(&beside), Arc::clone(&told));
        async move {
            told.lock().unwrap().push(beside.fetch_add(1, Ordering::SeqCst) + 1);
            tokio::task::yield_now().await;
            beside.fetch_sub(1, Ordering::SeqCst);
            let (code, message) = ("500.003.02".to_owned(), "Spike arrest violation".to_owned());
            Some(Refused { code, message })
        }
    });
    let world = World::with(|store, _| (store, safaricom));
    let take = || std::mem::take(&mut *seen.lock().unwrap());
    many_shops(&world, 5 * AT_ONCE);
    let report = world.wait(world.sweep.collect());
    assert_eq!(report.failed.len(), 5 * AT_ONCE, "each is asked all the same");
    let shops = take();
    assert!(shops[2 * AT_ONCE..].iter().all(|beside| *beside == 1), "{shops:?}");
    let shop = world.shop("kijiji", "paybill", "600638");
    for number in 1..=i64::try_from(5 * AT_ONCE).unwrap() {
        world.wait(due(&world.store, &shop, number, world.now()));
    }
    world.wait(world.sweep.ask_about_open_pushes()).unwrap();
    let pushes = take();
    assert_eq!(pushes.len(), 5 * AT_ONCE);
    assert!(pushes[2 * AT_ONCE..].iter().all(|beside| *beside == 1), "{pushes:?}");
}

#[test]
fn a_store_that_goes_down_ends_a_run_long_before_its_last_shop() {
    let down = Arc::new(OnceLock::<Faulty<embedded::EmbeddedStore>>::new());
    let switch = Arc::clone(&down);
    let safaricom = Pacing::by(move |_| {
        switch.get().unwrap().set_percent(100);
        async { None }
    });
    let world = World::with(|store, _| (Faulty::new(store, 0, 1), safaricom));
    many_shops(&world, 60);
    down.set(world.store.clone()).ok().unwrap();
    let before = world.store.asked();
    let report = world.wait(world.sweep.run());
    let left = |failed: &String| failed.contains("are left to the next sweep: the store does not answer");
    assert!(report.failed.iter().any(left), "{:?}", report.failed);
    let asked = world.store.asked() - before;
    assert!(asked < 150, "it was asked {asked} times for 60 shops");
    world.store.set_percent(0);
    world.wait(world.sweep.collect());
}

#[test]
fn where_a_run_does_not_come_to_all_shops_none_is_left_out_for_long() {
    let hand = Arc::new(OnceLock::<Arc<AtomicI64>>::new());
    let slow = Arc::clone(&hand);
    // Each answer takes half a minute, so that a run comes to a part of the shops.
    let safaricom = Pacing::by(move |_| {
        slow.get().unwrap().fetch_add(30_000, Ordering::SeqCst);
        async { None }
    });
    let world = World::with(|store, _| (store, safaricom));
    many_shops(&world, 60);
    hand.set(world.hand()).unwrap();
    let (mut swept, mut runs) = (BTreeSet::new(), 0);
    while swept.len() < 60 {
        let begun = world.now();
        let report = world.wait(world.sweep.run());
        let (done, took) = (report.shops.len(), world.now().distance_millis(begun));
        assert!((16..40).contains(&done), "{done} in one run");
        assert!(took < 840_000, "a function would have been cut after {took} ms");
        assert_eq!(
            report.failed,
            [format!("{} shops are left to the next sweep: the time was over", 60 - done)]
        );
        swept.extend(report.shops.into_keys());
        runs += 1;
        world.pass(900 - i64::try_from(took / 1000).unwrap());
    }
    assert!(runs < 12, "{runs} runs");
}

#[test]
fn pushes_are_asked_about_at_once_too() {
    let eight = Arc::new(Barrier::new(AT_ONCE));
    let safaricom = Pacing::by(move |body: Value| {
        let eight = Arc::clone(&eight);
        async move {
            if body["CheckoutRequestID"].is_string() {
                eight.wait().await;
            }
            None
        }
    });
    let world = World::with(|store, _| (store, safaricom));
    let shop = world.shop("kijiji", "paybill", "600638");
    for number in 1..=i64::try_from(2 * AT_ONCE).unwrap() {
        world.wait(due(&world.store, &shop, number, world.now()));
    }
    assert_eq!(world.wait(world.sweep.run()).pushes, 2 * AT_ONCE as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever Safaricom's weather: after it cleared and one sweep ran, every shilling is there once, and
    /// nothing that was never paid is believed.
    #[test]
    fn whatever_the_weather_every_shilling_is_there_once(seed: u64, percents in prop::collection::vec(0u8..60, 14)) {
        let faults = [
            Fault::CallbackLost, Fault::ConfirmationLost, Fault::CallbackDoubled, Fault::CallbackDelayed,
            Fault::CallbackReordered, Fault::NamesMissing, Fault::MsisdnPlain, Fault::MsisdnHashed,
            Fault::AmountWhole, Fault::AmountOneDecimal, Fault::AmountTwoDecimals, Fault::PullKeysVariant,
            Fault::PullDatesZ, Fault::ResultCodeText,
        ];
        let faults = faults.into_iter().zip(percents).fold(Faults::default(), |odds, (fault, percent)| odds.with(fault, percent));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let drill = Drill::new(seed, faults).await;
            drill.customers(25, 97).await;
            drill.pass(600).await;
            drill.sweep().await;
            assert_eq!(amounts(drill.arrived().await), drill.paid());
            let before = drill.arrived().await;
            drill.sweep().await;
            assert_eq!(drill.arrived().await, before);
        });
    }
}
