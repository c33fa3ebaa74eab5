//! Pull Transactions: what a shop was not told.

use crate::world::*;
use axum::body::Body;
use axum::http::{Request, header};
use local::safaricom::{Fault, Faults, Number};
use serde_json::{Value, json};

fn window(world: &World, offset: &str) -> Value {
    let from = world.now().plus_millis(-47 * 3_600_000).to_seed();
    json!({ "ShortCode": PAYBILL, "StartDate": from, "EndDate": world.now().to_seed(), "OffSetValue": offset })
}

async fn rows(world: &World, body: &Value) -> Vec<Value> {
    let (status, answer) = world.post(PULL, body).await;
    assert_eq!(status, 200, "{answer}");
    answer["Response"][0].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_was_paid_is_there_whether_or_not_it_was_confirmed() {
    let world = World::of(Fault::ConfirmationLost).await;
    let receipt = world.pay(PAYBILL, "350").await;
    world.pay(TILL, "99").await;
    assert!(world.heard("/c").is_empty());
    let expected = json!([{
        "transactionId": receipt, "trxDate": "2026-11-21T10:15:00+03:00", "msisdn": 254_708_374_149_u64, "sender": "",
        "transactiontype": "c2b-pay-bill-debit", "billreference": "", "amount": "350.00", "organizationname": "DUKA",
    }]);
    assert_eq!(json!(rows(&world, &window(&world, "0")).await), expected);
}

#[tokio::test]
async fn pages_hold_a_hundred_rows_and_the_offset_counts_rows() {
    let world = World::new().await;
    let mut receipts = Vec::new();
    for number in 1..=230 {
        receipts.push(world.pay(PAYBILL, &number.to_string()).await);
    }
    let mut pulled = Vec::new();
    for (offset, expected) in [("0", 100), ("100", 100), ("200", 30), ("230", 0)] {
        let page = rows(&world, &window(&world, offset)).await;
        assert_eq!(page.len(), expected, "from {offset}");
        pulled.extend(page.into_iter().map(|row| row["transactionId"].as_str().unwrap().to_owned()));
    }
    assert_eq!(pulled, receipts);
    assert_eq!(rows(&world, &window(&world, "228")).await.len(), 2);
}

#[tokio::test]
async fn nothing_is_told_in_one_of_two_ways() {
    let world = World::new().await;
    let (status, answer) = world.post(PULL, &window(&world, "0")).await;
    assert_eq!((status, &answer["ResponseCode"], &answer["Response"]), (200, &json!("1001"), &json!([[]])));
    world.simulator.set_faults(Faults::default().with(Fault::PullEmpty500, 100));
    let told = world.refused(PULL, &window(&world, "0")).await;
    assert_eq!((told.0, told.2.as_str()), (500, "failed to retrieve"));
    world.pay(PAYBILL, "1").await;
    assert_eq!(rows(&world, &window(&world, "0")).await.len(), 1);
}

#[tokio::test]
async fn nobody_sees_beyond_two_days_or_outside_the_window() {
    let world = World::new().await;
    let first = world.pay(PAYBILL, "1").await;
    world.pass(3600).await;
    world.log_in().await;
    world.pay(PAYBILL, "2").await;
    let seed = |seconds: i64| world.now().plus_millis(seconds * 1000).to_seed();
    let narrow = but(window(&world, "0"), "EndDate", seed(-1));
    let seen = rows(&world, &narrow).await;
    assert_eq!((seen.len(), seen[0]["transactionId"].as_str()), (1, Some(first.as_str())));
    let short = but(but(window(&world, "0"), "StartDate", "2026-11-21 10:15"), "EndDate", "2026-11-21 10:15");
    assert_eq!(rows(&world, &short).await.len(), 1, "both ends belong to it, and seconds are optional");
    world.pass(47 * 3600 + 1).await;
    world.log_in().await;
    let wide = but(window(&world, "0"), "StartDate", seed(-100 * 3600));
    assert_eq!(rows(&world, &wide).await.len(), 1, "the first is older than 48 hours now");
}

#[tokio::test]
async fn get_does_as_well_as_post() {
    let world = World::new().await;
    world.pay(PAYBILL, "1").await;
    let token = world.log_in().await["access_token"].as_str().unwrap().to_owned();
    let bearer = |uri: &str| Request::get(uri).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let body = window(&world, "0").to_string();
    let with_body =
        bearer(PULL).header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
    let query = format!(
        "{PULL}?ShortCode={PAYBILL}&StartDate=2026-11-21%2000:00:00&EndDate=2026-11-22%2000:00:00&OffSetValue=0"
    );
    for request in [with_body, bearer(&query).body(Body::empty()).unwrap()] {
        let (status, answer) = world.send(request).await;
        assert!(status == 200 && answer.contains("c2b-pay-bill-debit"), "{answer}");
    }
}

#[tokio::test]
async fn dates_come_in_three_ways_of_which_one_lies() {
    let world = World::new().await;
    world.pay(PAYBILL, "350").await;
    for (fault, date) in
        [(Fault::PullDatesZ, "2026-11-21T10:15:00Z"), (Fault::PullDatesUtc, "2026-11-21T07:15:00Z")]
    {
        world.simulator.set_faults(Faults::default().with(fault, 100));
        assert_eq!(rows(&world, &window(&world, "0")).await[0]["trxDate"], date);
    }
}

#[tokio::test]
async fn a_move_to_the_bank_is_a_row_that_is_no_payment() {
    let world = World::new().await;
    world.pay(PAYBILL, "350").await;
    world.simulator.settle(PAYBILL);
    let seen = rows(&world, &window(&world, "0")).await;
    assert_eq!(seen[1]["transactiontype"], "merchant-to-organization-settlement");
    assert_eq!((&seen[1]["msisdn"], &seen[1]["amount"]), (&json!(""), &json!("350.00")));
}

#[tokio::test]
async fn a_number_registers_for_it_once() {
    let world = World::new().await;
    world.simulator.register(Number { pull: false, ..number(PAYBILL, PAYBILL, "paybill") });
    assert_eq!(world.refused(PULL, &window(&world, "0")).await.1, "400.001");
    let asked = json!({
        "ShortCode": PAYBILL, "RequestType": "Pull", "NominatedNumber": "0722000000",
        "CallBackURL": "https://pay.example.com/p",
    });
    assert_eq!(world.post(PULL_REGISTER, &asked).await.1["ResponseStatus"], "1000");
    assert_eq!(world.post(PULL_REGISTER, &asked).await.1["ResponseStatus"], "1001");
    assert_eq!(world.post(PULL, &window(&world, "0")).await.0, 200);
    for (field, wrong) in [("RequestType", "pull"), ("NominatedNumber", "1"), ("CallBackURL", "x")] {
        assert_eq!(world.refused(PULL_REGISTER, &but(asked.clone(), field, wrong)).await.1, "400.002.02");
    }
    assert_eq!(world.refused(PULL_REGISTER, &but(asked, "ShortCode", "600000")).await.1, "400.001");
    for (field, wrong) in [("StartDate", "2026-11-21"), ("EndDate", "x"), ("OffSetValue", "-1")] {
        assert_eq!(world.refused(PULL, &but(window(&world, "0"), field, wrong)).await.1, "400.002.02");
    }
}

#[tokio::test]
async fn the_portals_keys_come_on_demand() {
    let world = World::of(Fault::PullKeysVariant).await;
    let (_, empty) = world.post(PULL, &window(&world, "0")).await;
    assert_eq!((&empty["Transaction"], empty.get("Response")), (&json!([[]]), None));
    world.pay(PAYBILL, "350").await;
    let (_, text) = world.raw(PULL, &window(&world, "0")).await;
    assert!(text.contains("\"amount\":350.00,"), "{text}");
    let asked = json!({
        "ShortCode": PAYBILL, "RequestType": "Pull", "NominatedNumber": "254722000000",
        "CallBackURL": "https://pay.example.com/p",
    });
    assert_eq!(world.post(PULL_REGISTER, &asked).await.1["Response Status"], "1001");
}
