//! C2B: registration, validation, confirmation.

use crate::world::*;
use domain::Money;
use local::safaricom::{Delivery, Fault, Faults, Habit, Mode, Number, Pay, ResponseType, Setup, Status};
use serde_json::{Value, json};

fn registration(shortcode: &str) -> Value {
    json!({
        "ShortCode": shortcode,
        "ResponseType": "Completed",
        "ConfirmationURL": "https://pay.example.com/c2",
        "ValidationURL": "https://pay.example.com/v",
    })
}

/// A world in which the paybill asks before it takes money.
async fn asking(response_type: ResponseType) -> World {
    let world = World::with(|mut setup| {
        setup.delays.validation = std::time::Duration::from_millis(20);
        setup
    })
    .await;
    let paybill = number(PAYBILL, PAYBILL, "paybill");
    world.simulator.register(Number { external_validation: true, response_type, ..paybill });
    world
}

async fn tried(world: &World) -> Option<String> {
    world.simulator.pay(&Pay { reference: Some("A42".into()), ..pay(PAYBILL, "100") }).await.unwrap().receipt
}

#[tokio::test]
async fn a_payment_is_confirmed_with_the_balance_after_it() {
    let world = World::new().await;
    world.pay(TILL, "5000").await;
    let by =
        Pay { phone: Some("0712 345 678".into()), name: Some("ASHA WANJIRU".into()), ..pay(TILL, "120.00") };
    let receipt = world.simulator.pay(&by).await.unwrap().receipt.unwrap();
    assert!(receipt.starts_with("UKL"), "2026, November, 21st: {receipt}");
    let expected = json!({
        "TransactionType": "Customer Merchant Payment", "TransID": receipt, "TransTime": "20261121101500",
        "TransAmount": "120.00", "BusinessShortCode": TILL, "BillRefNumber": "", "InvoiceNumber": "",
        "OrgAccountBalance": "5120.00", "ThirdPartyTransID": "", "MSISDN": "2547 ***** 678",
        "FirstName": "ASHA", "MiddleName": "", "LastName": "WANJIRU",
    });
    assert_eq!(world.heard("/c")[1], expected);
    assert!(world.heard("/v").is_empty(), "external validation is off until Safaricom switches it on");
}

#[tokio::test]
async fn urls_are_registered_under_strict_rules() {
    let world = World::new().await;
    for (field, wrong) in [
        ("ResponseType", "completed"),
        ("ResponseType", "Canceled"),
        ("ConfirmationURL", "https://pay.example.com/Query/c"),
        ("ConfirmationURL", "https://safaricom.example.com/c"),
        ("ValidationURL", "https://pay.example.com/mysql"),
        ("ValidationURL", "ftp://pay.example.com/v"),
        ("ShortCode", "abc"),
    ] {
        let (status, code, message) =
            world.refused(REGISTER, &but(registration(PAYBILL), field, wrong)).await;
        assert_eq!((status, code.as_str()), (400, "400.003.02"), "{message}");
        assert_eq!(message, format!("Bad Request - Invalid {field}"));
    }
    let (status, answer) = world.post(REGISTER, &registration(PAYBILL)).await;
    assert_eq!((status, answer["ResponseCode"].as_str()), (200, Some("0")));
    assert!(answer["OriginatorCoversationID"].is_string(), "spelt as Safaricom does: {answer}");
    world.pay(PAYBILL, "10").await;
    assert_eq!(world.order(), ["/c2"]);
}

#[tokio::test]
async fn version_1_hashes_phone_numbers_and_version_2_masks_them() {
    let world = World::new().await;
    // `printf 254708374149 | sha256sum`
    let hash = "bbff37cea44ac0b2d964ee0dfb8d2df8513dc7ba1b36129a929fc3fbd6dd4af4";
    for (path, shown) in [("/mpesa/c2b/v1/registerurl", hash), (REGISTER, "2547 ***** 149")] {
        world.post(path, &registration(PAYBILL)).await;
        world.pay(PAYBILL, "10").await;
        assert_eq!(world.heard("/c2").pop().unwrap()["MSISDN"], shown);
    }
}

#[tokio::test]
async fn the_sandbox_lets_urls_change_and_knows_any_number_that_registers() {
    let world = World::new().await;
    assert_eq!(world.post(REGISTER, &registration("600999")).await.0, 200);
    assert_eq!(world.post(REGISTER, &registration("600999")).await.0, 200);
    world.pay("600999", "10").await;
    assert_eq!(world.order(), ["/c2"]);
}

#[tokio::test]
async fn production_registers_once_and_only_what_the_world_can_reach() {
    let world = World::with(|setup| Setup { mode: Mode::Production, ..setup }).await;
    let told = world.refused(REGISTER, &registration(PAYBILL)).await;
    assert_eq!(told, (500, "500.003.1001".into(), "Urls are already registered.".into()));
    let fresh = Number { confirmation_url: String::new(), ..number("555000", "555000", "paybill") };
    world.simulator.register(fresh);
    for wrong in [
        "http://pay.example.com/c",
        "https://127.0.0.1/c",
        "https://localhost:8300/c",
        "https://192.168.1.4/c",
    ] {
        let told = world.refused(REGISTER, &but(registration("555000"), "ConfirmationURL", wrong)).await;
        assert_eq!(told.1, "400.003.02", "{wrong}");
    }
    assert_eq!(world.refused(REGISTER, &registration("555001")).await.2, "Bad Request - Invalid ShortCode");
    assert_eq!(world.post(REGISTER, &registration("555000")).await.0, 200);
    assert_eq!(world.refused(REGISTER, &registration("555000")).await.1, "500.003.1001");
    assert_eq!(world.refused(SIMULATE, &json!({})).await.1, "404.001.01");
}

#[tokio::test]
async fn the_sandbox_simulates_a_customer() {
    let world = World::new().await;
    let asked = json!({
        "ShortCode": PAYBILL, "CommandID": "CustomerPayBillOnline", "Amount": 10, "Msisdn": "254708374149",
        "BillRefNumber": "A42",
    });
    let (status, answer) = world.post(SIMULATE, &asked).await;
    assert_eq!((status, answer["ResponseCode"].as_str()), (200, Some("0")));
    world.pass(0).await;
    assert_eq!(world.heard("/c")[0]["BillRefNumber"], "A42");
    for (field, wrong) in
        [("CommandID", "CustomerBuyGoodsOnline"), ("Amount", "0"), ("Msisdn", "07"), ("ShortCode", "600000")]
    {
        assert_eq!(
            world.refused(SIMULATE, &but(asked.clone(), field, wrong)).await.1,
            "400.003.02",
            "{field}"
        );
    }
}

#[tokio::test]
async fn the_shop_is_asked_before_the_money_moves_and_its_order_comes_back() {
    let world = asking(ResponseType::Completed).await;
    world.answers(Answer::Json(
        json!({ "ResultCode": 0, "ResultDesc": "Accepted", "ThirdPartyTransID": "order-7" }),
    ));
    let receipt = tried(&world).await.unwrap();
    assert_eq!(world.order(), ["/v", "/c"]);
    let (asked, told) = (&world.heard("/v")[0], &world.heard("/c")[0]);
    assert_eq!(
        (asked["TransID"].as_str(), told["TransID"].as_str()),
        (Some(receipt.as_str()), Some(receipt.as_str()))
    );
    assert_eq!(
        (asked["OrgAccountBalance"].as_str(), told["OrgAccountBalance"].as_str()),
        (Some(""), Some("100.00"))
    );
    assert_eq!(
        (asked["ThirdPartyTransID"].as_str(), told["ThirdPartyTransID"].as_str()),
        (Some(""), Some("order-7"))
    );
}

#[tokio::test]
async fn a_shop_that_refuses_gets_no_money_and_hears_no_more() {
    let world = asking(ResponseType::Completed).await;
    world.answers(Answer::Json(json!({ "ResultCode": "C2B00012", "ResultDesc": "Rejected" })));
    assert_eq!(tried(&world).await, None);
    assert_eq!(world.order(), ["/v"]);
    let booked = world.simulator.transactions(PAYBILL);
    assert_eq!((booked[0].status, booked[0].balance), (Status::Cancelled, Money::ZERO));
}

#[tokio::test]
async fn without_an_answer_in_time_the_registered_default_decides() {
    let world = asking(ResponseType::Completed).await;
    world.answers(Answer::Never);
    assert!(tried(&world).await.is_some());
    assert_eq!(world.order(), ["/v", "/c"]);
    let world = asking(ResponseType::Cancelled).await;
    world.answers(Answer::Never);
    assert_eq!(tried(&world).await, None);
    world.simulator.deliver_over(Delivery::Nowhere);
    assert_eq!(tried(&world).await, None);
    assert_eq!(world.order(), ["/v"]);
}

#[tokio::test]
async fn an_answer_without_sense_is_no_answer() {
    let world = asking(ResponseType::Cancelled).await;
    for nonsense in [json!({}), json!("accepted"), json!({ "ResultDesc": "Accepted" })] {
        world.answers(Answer::Json(nonsense));
        assert_eq!(tried(&world).await, None);
    }
    world.answers(Answer::Json(json!({ "ResultCode": "0" })));
    assert!(tried(&world).await.is_some());
}

#[tokio::test]
async fn customers_go_wrong_in_every_way() {
    let world = World::new().await;
    let does = |habit| Pay { does: Some(habit), reference: Some("INV12".into()), ..pay(PAYBILL, "350") };
    for habit in [Habit::Cancels, Habit::NoFunds, Habit::WrongPin, Habit::Ignores] {
        assert_eq!(world.simulator.pay(&does(habit)).await.unwrap().receipt, None, "{habit:?}");
    }
    assert!(world.order().is_empty());
    world.simulator.pay(&does(Habit::PaysTooLittle)).await.unwrap();
    world.simulator.pay(&does(Habit::WrongAccount)).await.unwrap();
    world.simulator.pay(&does(Habit::PaysTwice)).await.unwrap();
    world.pass(2).await;
    assert_eq!(world.simulator.pay(&does(Habit::PaysLate)).await.unwrap().receipt, None);
    world.pass(179).await;
    assert_eq!(world.heard("/c").len(), 4);
    world.pass(1).await;
    let told: Vec<_> = world.heard("/c");
    let amounts: Vec<_> = told.iter().map(|body| body["TransAmount"].as_str().unwrap()).collect();
    assert_eq!(amounts, ["175.00", "350.00", "350.00", "350.00", "350.00"]);
    assert_ne!(told[1]["BillRefNumber"], "INV12");
    assert_ne!(told[2]["TransID"], told[3]["TransID"]);
}

#[tokio::test]
async fn what_is_no_payment_moves_nothing() {
    let world = World::new().await;
    for wrong in ["0", "-5", "1e3", "250000.01", ""] {
        assert!(world.simulator.pay(&pay(PAYBILL, wrong)).await.is_err(), "{wrong}");
    }
    assert!(world.simulator.pay(&pay("999999", "10")).await.is_err());
    let phone = Pay { phone: Some("12".into()), ..pay(PAYBILL, "10") };
    assert!(world.simulator.pay(&phone).await.is_err());
    world.simulator.set_faults(Faults::default().with(Fault::CallbackDoubled, 100));
    assert!(world.simulator.transactions(PAYBILL).is_empty() && world.order().is_empty());
}
