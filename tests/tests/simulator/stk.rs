//! STK push and query: what is taken, what is refused, how prompts end.

use crate::world::*;
use domain::Money;
use local::safaricom::{Fault, Faults, Habit, Habits, Kind};
use serde_json::{Value, json};

#[tokio::test]
async fn a_prompt_is_answered_told_and_confirmed_under_one_receipt() {
    let world = World::new().await;
    let checkout = world.pushed(&world.push(PAYER, "350")).await;
    assert_eq!(checkout, "ws_CO_21112026101500001712345678");
    world.pass(1).await;
    assert!(world.order().is_empty(), "the customer looks at it first");
    world.pass(1).await;
    assert_eq!(world.order(), ["/s", "/c"]);
    let result = &world.heard("/s")[0]["Body"]["stkCallback"];
    assert_eq!((&result["ResultCode"], &result["CheckoutRequestID"]), (&json!(0), &json!(checkout)));
    let items = result["CallbackMetadata"]["Item"].as_array().unwrap();
    let receipt = items[1]["Value"].as_str().unwrap();
    let expected = json!([
        { "Name": "Amount", "Value": 350 },
        { "Name": "MpesaReceiptNumber", "Value": receipt },
        { "Name": "TransactionDate", "Value": 20_261_121_101_501_u64 },
        { "Name": "PhoneNumber", "Value": 254_712_345_678_u64 },
    ]);
    assert_eq!(json!(items), expected);
    let c2b = &world.heard("/c")[0];
    assert_eq!((c2b["TransID"].as_str(), c2b["BillRefNumber"].as_str()), (Some(receipt), Some("A42")));
    let booked = world.simulator.transactions(PAYBILL);
    assert_eq!((booked.len(), booked[0].kind), (1, Kind::PayBillOnline));
}

#[tokio::test]
async fn customers_tell_by_their_last_digit_what_they_do() {
    let world = World::new().await;
    for (phone, after, code) in
        [(CANCELLER, 2, "1032"), (POOR, 2, "1"), (ABSENT, 60, "1037"), (PAYER, 2, "0")]
    {
        let checkout = world.pushed(&world.push(phone, "10")).await;
        world.pass(after).await;
        assert_eq!(world.results().last().unwrap(), code, "{phone}");
        let (status, told) = world.post(QUERY, &world.query(&checkout)).await;
        assert_eq!((status, told["ResultCode"].as_str()), (200, Some(code)), "the query says it as a text");
    }
    assert_eq!(world.simulator.transactions(PAYBILL).len(), 1);
    assert!(world.heard("/s")[0]["Body"]["stkCallback"].get("CallbackMetadata").is_none());
}

#[tokio::test]
async fn no_log_carries_a_phone_number() {
    let world = World::new().await;
    for phone in [PAYER, CANCELLER] {
        world.pushed(&world.push(phone, "10")).await;
    }
    world.pass(2).await;
    let page = axum::http::Request::get("/simulator/status").body(axum::body::Body::empty()).unwrap();
    let (status, text) = world.send(page).await;
    assert!(status == 200 && text.contains("prompt ended with 1032"), "{text}");
    assert!(!text.contains("71234567"), "{text}");
}

#[tokio::test]
async fn while_it_is_on_the_phone_a_query_says_so_in_one_of_two_ways() {
    let world = World::new().await;
    let checkout = world.pushed(&world.push(PAYER, "10")).await;
    let (status, told) = world.post(QUERY, &world.query(&checkout)).await;
    assert_eq!((status, told["errorCode"].as_str()), (500, Some("500.001.1001")));
    assert_eq!(told["errorMessage"], "The transaction is being processed");
    assert_eq!(told["requestId"], json!(checkout));
    world.simulator.set_faults(Faults::default().with(Fault::QueryPending4999, 100));
    let (status, told) = world.post(QUERY, &world.query(&checkout)).await;
    assert_eq!((status, told["ResultCode"].as_str()), (200, Some("4999")));
    world.simulator.set_faults(Faults::default().with(Fault::QueryHtml, 100));
    let (status, page) = world.raw(QUERY, &world.query(&checkout)).await;
    assert!(status == 502 && page.starts_with("<html>"));
    world.pass(2).await;
    world.simulator.set_faults(Faults::default().with(Fault::QueryCodeNumber, 100));
    assert_eq!(world.post(QUERY, &world.query(&checkout)).await.1["ResultCode"], 0);
    assert_eq!(world.refused(QUERY, &world.query("ws_CO_1")).await.1, "400.002.02");
}

#[tokio::test]
async fn who_does_not_know_the_passkey_asks_nobody() {
    let world = World::new().await;
    let push = world.push(PAYER, "10");
    let unknown = but(push.clone(), "BusinessShortCode", "600000");
    let told = world.refused(PUSH, &unknown).await;
    assert_eq!(told, (500, "500.001.1001".into(), "Merchant does not exist".into()));
    let later = but(push.clone(), "Timestamp", "20261121101501");
    let other = but(push.clone(), "Password", world.password(STORE));
    for wrong in [later, other] {
        let told = world.refused(PUSH, &wrong).await;
        assert_eq!(told, (500, "500.001.1001".into(), "Wrong credentials".into()));
    }
    assert_eq!(
        world.refused(PUSH, &but(push, "Timestamp", "2026")).await.2,
        "Bad Request - Invalid Timestamp"
    );
    assert_eq!(world.refused(QUERY, &but(world.query("x"), "Password", "y")).await.2, "Wrong credentials");
}

#[tokio::test]
async fn a_clock_in_another_zone_has_wrong_credentials_where_the_time_is_checked() {
    let hour = std::time::Duration::from_secs(3600);
    let world = World::with(|setup| local::safaricom::Setup { skew: Some(hour), ..setup }).await;
    let push = world.push(PAYER, "10");
    world.pass(3600).await;
    world.log_in().await;
    world.pushed(&push).await;
    world.pass(1).await;
    assert_eq!(world.refused(PUSH, &push).await.2, "Wrong credentials");
}

#[tokio::test]
async fn a_field_that_makes_no_sense_is_named() {
    let world = World::new().await;
    let cases: [(&str, Value); 17] = [
        ("Amount", json!("10.50")),
        ("Amount", json!("-1")),
        ("Amount", json!(10.0)),
        ("Amount", Value::Null),
        ("PhoneNumber", json!("0712345678")),
        ("PhoneNumber", json!("+254712345678")),
        ("PartyA", json!("254812345678")),
        ("PartyB", json!("")),
        ("TransactionType", json!("CustomerPayBill")),
        ("AccountReference", json!("")),
        ("AccountReference", json!("1234567890123")),
        ("TransactionDesc", json!("12345678901234")),
        ("CallBackURL", json!("pay.example.com/s")),
        ("CallBackURL", json!("https://pay.example.com/mPeSa/s")),
        ("CallBackURL", json!("https://x.execute-api.example.com/s")),
        ("CallBackURL", json!("https://abc.ngrok.io/s")),
        ("BusinessShortCode", json!("12")),
    ];
    for (field, wrong) in cases {
        let (status, code, message) = world.refused(PUSH, &but(world.push(PAYER, "10"), field, wrong)).await;
        assert_eq!((status, code.as_str()), (400, "400.002.02"), "{message}");
        assert_eq!(message, format!("Bad Request - Invalid {field}"));
    }
    let numbers = but(but(world.push(PAYER, "10"), "Amount", 10), "PhoneNumber", 254_712_345_678_u64);
    world.pushed(&but(numbers, "TransactionDesc", Value::Null)).await;
}

#[tokio::test]
async fn what_is_set_up_wrong_is_taken_and_ends_with_a_code() {
    let world = World::new().await;
    let push = |amount| world.push(PAYER, amount);
    let cases = [
        (push("0"), "2"),
        (push("250001"), "3"),
        (but(push("10"), "PartyB", TILL), "\"SFC_IC0003\""),
        (but(push("10"), "TransactionType", "CustomerBuyGoodsOnline"), "2028"),
        (but(push("10"), "AccountReference", "A#42"), "1025"),
        (push("250000"), "0"),
    ];
    for (body, code) in cases {
        world.pushed(&body).await;
        world.pass(2).await;
        assert_eq!(world.results().last().unwrap(), code, "{body}");
    }
}

#[tokio::test]
async fn a_till_is_asked_through_its_store_number() {
    let world = World::new().await;
    let push = but(world.push(PAYER, "10"), "TransactionType", "CustomerBuyGoodsOnline");
    let push = but(but(push, "PartyB", TILL), "Password", world.password(STORE));
    assert_eq!(
        world.refused(PUSH, &but(push.clone(), "BusinessShortCode", TILL)).await.2,
        "Merchant does not exist"
    );
    world.pushed(&but(push, "BusinessShortCode", STORE)).await;
    world.pass(2).await;
    let c2b = &world.heard("/c")[0];
    assert_eq!(c2b["BusinessShortCode"], TILL, "C2B speaks of the till and not of the store");
    assert_eq!(world.simulator.transactions(TILL)[0].kind, Kind::BuyGoods);
}

#[tokio::test]
async fn a_phone_is_locked_for_a_minute_and_for_the_same_amount_for_two() {
    let world = World::new().await;
    let push = |amount| world.push(PAYER, amount);
    world.pushed(&push("10")).await;
    world.pushed(&push("20")).await;
    world.pass(59).await;
    world.pushed(&push("30")).await;
    world.pass(1).await;
    assert_eq!(world.results(), ["1001", "0", "1001"]);
    world.pushed(&push("10")).await;
    world.pass(2).await;
    assert_eq!(world.results().last().unwrap(), "17");
    world.pass(57).await;
    world.pushed(&push("11")).await;
    world.pass(61).await;
    world.pushed(&push("10")).await;
    world.pass(2).await;
    assert_eq!(world.results()[4..], ["0", "0"]);
    assert_eq!(world.simulator.transactions(PAYBILL).len(), 3);
}

#[tokio::test]
async fn the_lock_may_also_refuse_at_once() {
    let world = World::of(Fault::LockRefused).await;
    world.pushed(&world.push(PAYER, "10")).await;
    let (status, code, words) = world.refused(PUSH, &world.push(PAYER, "20")).await;
    assert_eq!((status, code.as_str()), (500, "500.001.1001"));
    assert!(words.starts_with("Unable to lock subscriber"));
    world.pushed(&world.push("254712345679", "20")).await;
}

#[tokio::test]
async fn a_success_may_come_after_all() {
    let world = World::of(Fault::LateSuccess).await;
    let checkout = world.pushed(&world.push(PAYER, "10")).await;
    world.pass(60).await;
    assert_eq!(world.results(), ["1037"]);
    assert!(world.simulator.transactions(PAYBILL).is_empty());
    world.pass(180).await;
    assert_eq!(world.results(), ["1037", "0"]);
    let names: Vec<Value> =
        world.heard("/s").iter().map(|b| b["Body"]["stkCallback"]["CheckoutRequestID"].clone()).collect();
    assert_eq!(names, [json!(checkout), json!(checkout)]);
    assert_eq!(world.simulator.transactions(PAYBILL)[0].amount, Money::from_cents(1000));
}

#[tokio::test]
async fn the_money_may_move_though_the_answer_is_lost() {
    for fault in [Fault::Answer504, Fault::AnswerSilent] {
        let world = World::of(fault).await;
        let (status, page) = world.raw(PUSH, &world.push(PAYER, "10")).await;
        assert!(status == 504 && page.starts_with("<html>"), "{fault:?}: {status} {page}");
        world.pass(2).await;
        assert_eq!(world.results(), ["0"]);
    }
}

#[tokio::test]
async fn customers_without_a_telling_digit_do_what_their_habit_says() {
    for (habit, after, codes, payments) in [
        (Habit::Cancels, 2, ["1032"], 0),
        (Habit::NoFunds, 2, ["1"], 0),
        (Habit::WrongPin, 2, ["2001"], 0),
        (Habit::Ignores, 60, ["1037"], 0),
        (Habit::PaysLate, 55, ["0"], 1),
        (Habit::PaysTwice, 3, ["0"], 2),
    ] {
        let world = World::new().await;
        world.simulator.set_habits(Habits::default().with(habit, 100));
        world.pushed(&world.push(PAYER, "10")).await;
        world.pass(after - 1).await;
        assert!(world.results().len() < codes.len() || habit == Habit::PaysTwice, "{habit:?} is too early");
        world.pass(1).await;
        assert_eq!(world.results(), codes, "{habit:?}");
        assert_eq!(world.simulator.transactions(PAYBILL).len(), payments, "{habit:?}");
    }
}
