//! Callbacks that are lost, doubled, late, early, forged, or in another form.

use crate::world::*;
use local::safaricom::{Delivery, Fate, Fault, Faults, What};
use serde_json::{Value, json};

async fn asked(fault: Fault) -> World {
    let world = World::of(fault).await;
    world.pushed(&world.push(PAYER, "350")).await;
    world.pass(2).await;
    world
}

#[tokio::test]
async fn the_money_moves_though_the_callback_is_lost() {
    for (fault, heard) in [
        (Fault::CallbackLost, vec![]),
        (Fault::ConfirmationLost, vec!["/s"]),
        (Fault::StkResultLost, vec!["/c"]),
        (Fault::StkNotEchoed, vec!["/s"]),
        (Fault::StkAfterC2b, vec!["/c", "/s"]),
    ] {
        let world = asked(fault).await;
        assert_eq!(world.order(), heard, "{fault:?}");
        assert_eq!(world.simulator.transactions(PAYBILL).len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn every_callback_has_a_fate() {
    let world = World::of(Fault::ConfirmationLost).await;
    world.pay(PAYBILL, "1").await;
    world.simulator.set_faults(Faults::default());
    world.pay(PAYBILL, "2").await;
    world.simulator.deliver_over(Delivery::Nowhere);
    world.pay(PAYBILL, "3").await;
    let fates: Vec<Fate> = world.simulator.callbacks().into_iter().map(|sent| sent.fate).collect();
    assert_eq!(fates, [Fate::Lost, Fate::Answered(200), Fate::Unanswered]);
}

#[tokio::test]
async fn a_callback_may_come_twice_and_is_the_same_to_the_letter() {
    let world = World::of(Fault::CallbackDoubled).await;
    world.pay(PAYBILL, "350").await;
    let told = world.texts("/c");
    assert!(told.len() == 2 && told[0] == told[1]);
    assert!(world.simulator.callbacks()[1].again);
}

#[tokio::test]
async fn a_callback_may_be_late() {
    let world = World::of(Fault::CallbackDelayed).await;
    world.pay(PAYBILL, "350").await;
    world.pass(29).await;
    assert!(world.order().is_empty());
    world.pass(1).await;
    assert_eq!(world.heard("/c")[0]["TransTime"], "20261121101500", "it tells when it was paid");
}

#[tokio::test]
async fn a_later_callback_may_overtake_an_earlier_one() {
    let world = World::of(Fault::CallbackReordered).await;
    let first = world.pay(PAYBILL, "1").await;
    world.simulator.set_faults(Faults::default());
    let second = world.pay(PAYBILL, "2").await;
    world.pass(5).await;
    let told: Vec<Value> = world.heard("/c").iter().map(|body| body["TransID"].clone()).collect();
    assert_eq!(told, [json!(second), json!(first)]);
}

#[tokio::test]
async fn somebody_may_confirm_a_payment_that_never_was() {
    let world = World::of(Fault::ConfirmationForged).await;
    let receipt = world.pay(PAYBILL, "350").await;
    let told = world.heard("/c");
    assert_eq!((told.len(), told[0]["TransID"].as_str()), (2, Some(receipt.as_str())));
    let forged = told[1]["TransID"].as_str().unwrap();
    assert!(world.simulator.transactions(PAYBILL).iter().all(|known| known.receipt != forged));
    let fields = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&told[0]), fields(&told[1]));
    assert_eq!(world.simulator.callbacks()[1].what, What::Forgery);
}

#[tokio::test]
async fn amounts_come_with_none_one_or_two_decimals_to_the_letter() {
    for (fault, stk, c2b) in [
        (Fault::AmountWhole, "\"Value\":350}", "\"TransAmount\":\"350\""),
        (Fault::AmountOneDecimal, "\"Value\":350.0}", "\"TransAmount\":\"350.0\""),
        (Fault::AmountTwoDecimals, "\"Value\":350.00}", "\"TransAmount\":\"350.00\""),
    ] {
        let world = asked(fault).await;
        assert!(world.texts("/s")[0].contains(stk), "{}", world.texts("/s")[0]);
        assert!(world.texts("/c")[0].contains(c2b), "{}", world.texts("/c")[0]);
    }
}

#[tokio::test]
async fn phone_numbers_come_whole_masked_or_hashed_everywhere() {
    let phone = |world: &World| {
        let items = world.heard("/s")[0]["Body"]["stkCallback"]["CallbackMetadata"]["Item"].clone();
        let items = items.as_array().unwrap().clone();
        (items.last().unwrap()["Value"].clone(), world.heard("/c")[0]["MSISDN"].as_str().unwrap().to_owned())
    };
    assert_eq!(phone(&asked(Fault::MsisdnPlain).await), (json!(254_712_345_678_u64), PAYER.to_owned()));
    assert_eq!(
        phone(&asked(Fault::MsisdnMasked).await),
        (json!("2547 ***** 678"), "2547 ***** 678".to_owned())
    );
    let (stk, c2b) = phone(&asked(Fault::MsisdnHashed).await);
    assert!(stk == json!(c2b) && c2b.len() == 64, "{c2b}");
}

#[tokio::test]
async fn codes_come_as_text_names_go_missing_and_a_balance_has_no_value() {
    assert_eq!(asked(Fault::ResultCodeText).await.results(), ["\"0\""]);
    let told = asked(Fault::NamesMissing).await.heard("/c").remove(0);
    assert!(told.get("MiddleName").is_none() && told.get("LastName").is_none() && told["MSISDN"].is_string());
    let told = asked(Fault::BalanceWithoutValue).await.texts("/s").remove(0);
    assert!(told.contains(r#"{"Name":"Balance"}"#), "{told}");
}
