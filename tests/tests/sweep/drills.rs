//! Drills: a hub and the simulated Safaricom, which loses and spoils what it can.

use domain::Money;
use local::safaricom::{Fault, Faults, Kind};
use proptest::prelude::*;
use serde_json::json;
use service::Store;
use service::sweep::SweepReport;
use std::collections::BTreeMap;
use tests::drill::Drill;

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
