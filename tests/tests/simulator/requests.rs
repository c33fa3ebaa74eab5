//! Status, reversal, balance: acknowledged now, told later.

use crate::world::*;
use local::safaricom::{Fault, Faults, Kind, Setup};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn common(command: &str) -> Value {
    json!({
        "Initiator": "testapi", "SecurityCredential": "c2VjcmV0", "CommandID": command, "Remarks": "asked",
        "ResultURL": "https://pay.example.com/r", "QueueTimeOutURL": "https://pay.example.com/t",
    })
}

fn status(receipt: &str) -> Value {
    let asked = but(common("TransactionStatusQuery"), "TransactionID", receipt);
    but(but(asked, "PartyA", PAYBILL), "IdentifierType", "4")
}

fn reversal(receipt: &str, amount: &str) -> Value {
    let asked = but(common("TransactionReversal"), "TransactionID", receipt);
    let asked = but(but(asked, "Amount", amount), "ReceiverParty", PAYBILL);
    but(asked, "RecieverIdentifierType", "11")
}

fn balance() -> Value {
    but(but(common("AccountBalance"), "PartyA", PAYBILL), "IdentifierType", "4")
}

/// Asks, waits, and gives the result, whose ids must be those of the acknowledgement.
async fn result(world: &World, path: &str, body: &Value) -> Value {
    let (status, answer) = world.post(path, body).await;
    assert_eq!((status, answer["ResponseCode"].as_str()), (200, Some("0")), "{answer}");
    assert!(answer["ConversationID"].as_str().unwrap().starts_with("AG_20261121_"));
    let before = world.heard("/r").len();
    world.pass(1).await;
    let result = world.heard("/r").remove(before)["Result"].clone();
    for id in ["OriginatorConversationID", "ConversationID"] {
        assert_eq!(result[id], answer[id]);
    }
    result
}

fn parameters(result: &Value) -> BTreeMap<String, Value> {
    let list = result["ResultParameters"]["ResultParameter"].as_array().unwrap();
    list.iter().map(|p| (p["Key"].as_str().unwrap().to_owned(), p["Value"].clone())).collect()
}

#[tokio::test]
async fn the_status_of_a_payment_is_what_the_books_say() {
    let world = World::new().await;
    let receipt = world.pay(PAYBILL, "350").await;
    let told = result(&world, STATUS, &status(&receipt)).await;
    assert_eq!((&told["ResultCode"], &told["TransactionID"]), (&json!(0), &json!("UKL0000000")));
    let found = parameters(&told);
    assert_eq!(found["ReceiptNo"], json!(receipt));
    assert_eq!((&found["TransactionStatus"], &found["Amount"]), (&json!("Completed"), &json!(350)));
    assert_eq!(found["DebitPartyName"], "254708374149 - JOHN DOE");
    assert_eq!(found["FinalisedTime"], 20_261_121_101_500_u64);
    let conversation = found["OriginatorConversationID"].clone();
    let asked = but(but(status(""), "TransactionID", Value::Null), "OriginalConversationID", conversation);
    let told = result(&world, STATUS, &asked).await;
    assert_eq!(parameters(&told)["ReceiptNo"], json!(receipt));
}

#[tokio::test]
async fn a_receipt_of_another_number_is_unknown_to_this_one() {
    let world = World::new().await;
    let receipt = world.pay(TILL, "350").await;
    for unknown in [receipt.as_str(), "UKL0000001"] {
        let told = result(&world, STATUS, &status(unknown)).await;
        assert_eq!(told["ResultCode"], "R000002");
        assert!(told.get("ResultParameters").is_none());
        assert_eq!(result(&world, REVERSAL, &reversal(unknown, "350")).await["ResultCode"], "R000002");
    }
}

#[tokio::test]
async fn a_payment_is_given_back_once_and_whole() {
    let world = World::new().await;
    let receipt = world.pay(PAYBILL, "350").await;
    assert_eq!(result(&world, REVERSAL, &reversal(&receipt, "100")).await["ResultCode"], 2006);
    let told = result(&world, REVERSAL, &reversal(&receipt, "350")).await;
    assert_eq!(told["ResultCode"], 0);
    let back = world.simulator.transactions(PAYBILL).pop().unwrap();
    assert_eq!((back.kind, back.linked.as_deref()), (Kind::Reversal, Some(receipt.as_str())));
    assert_eq!(told["TransactionID"], json!(back.receipt), "the receipt of the reversal itself");
    let found = parameters(&told);
    assert_eq!(found["OriginalTransactionID"], json!(receipt));
    assert_eq!(found["DebitAccountBalance"], "Utility Account|KES|0.00|0.00|0.00|0.00");
    assert_eq!(result(&world, REVERSAL, &reversal(&receipt, "350")).await["ResultCode"], "R000001");
    assert_eq!(result(&world, REVERSAL, &reversal(&back.receipt, "350")).await["ResultCode"], "R000002");
}

#[tokio::test]
async fn what_went_to_the_bank_can_not_be_given_back() {
    let world = World::new().await;
    let receipt = world.pay(PAYBILL, "350").await;
    world.simulator.settle(PAYBILL);
    assert_eq!(result(&world, REVERSAL, &reversal(&receipt, "350")).await["ResultCode"], 1);
}

#[tokio::test]
async fn the_balance_is_a_text_of_accounts_and_its_code_a_text() {
    let world = World::new().await;
    world.pay(PAYBILL, "350").await;
    let told = result(&world, BALANCE, &balance()).await;
    assert_eq!((&told["ResultCode"], &told["ResultType"]), (&json!("0"), &json!("0")));
    let accounts = parameters(&told)["AccountBalance"].as_str().unwrap().to_owned();
    assert!(accounts.starts_with("Utility Account|KES|350.00|350.00|0.00|0.00&"), "{accounts}");
}

#[tokio::test]
async fn who_asks_is_checked_when_it_is_done() {
    let world = World::with(|setup| Setup { initiator: Some("duka".into()), ..setup }).await;
    let receipt = world.pay(PAYBILL, "350").await;
    assert_eq!(result(&world, STATUS, &status(&receipt)).await["ResultCode"], 2001);
    let own = but(status(&receipt), "Initiator", "duka");
    assert_eq!(result(&world, STATUS, &own).await["ResultCode"], 0);
    world.simulator.set_faults(Faults::default().with(Fault::RoleMissing, 100));
    let own = but(reversal(&receipt, "350"), "Initiator", "duka");
    assert_eq!(result(&world, REVERSAL, &own).await["ResultCode"], 21);
    assert_eq!(world.simulator.transactions(PAYBILL).len(), 1, "nothing was given back");
}

#[tokio::test]
async fn each_field_has_its_rule() {
    let world = World::new().await;
    let cases = [
        (STATUS, status("UKL1"), "CommandID", json!("TransactionStatus"), "400.003.02"),
        (STATUS, status("UKL1"), "IdentifierType", json!("1"), "400.003.02"),
        (STATUS, status("UKL1"), "TransactionID", Value::Null, "400.003.02"),
        (STATUS, status("UKL1"), "ResultURL", json!("https://pay.example.com/query"), "400.003.02"),
        (STATUS, status("UKL1"), "Remarks", json!("x".repeat(101)), "400.003.02"),
        (REVERSAL, reversal("UKL1", "1"), "RecieverIdentifierType", json!("4"), "400.002.02"),
        (REVERSAL, reversal("UKL1", "1"), "RecieverIdentifierType", Value::Null, "400.002.02"),
        (REVERSAL, reversal("UKL1", "1"), "Remarks", json!("x"), "400.002.02"),
        (REVERSAL, reversal("UKL1", "1"), "Amount", json!("0"), "400.002.02"),
        (REVERSAL, reversal("UKL1", "1"), "SecurityCredential", Value::Null, "400.002.02"),
        (BALANCE, balance(), "Initiator", Value::Null, "400.002.02"),
        (BALANCE, balance(), "QueueTimeOutURL", Value::Null, "400.002.02"),
        (BALANCE, balance(), "IdentifierType", json!("11"), "400.002.02"),
    ];
    for (path, body, field, wrong, code) in cases {
        let told = world.refused(path, &but(body, field, wrong)).await;
        assert_eq!((told.1.as_str(), told.2), (code, format!("Bad Request - Invalid {field}")), "{path}");
    }
}

#[tokio::test]
async fn a_queue_that_times_out_says_nothing_about_the_money() {
    let world = World::of(Fault::QueueTimeOut).await;
    let receipt = world.pay(PAYBILL, "350").await;
    world.post(REVERSAL, &reversal(&receipt, "350")).await;
    world.pass(1).await;
    assert!(world.heard("/r").is_empty());
    let told = &world.heard("/t")[0]["Result"];
    assert_ne!(told["ResultCode"], 0);
    assert!(told.get("ResultParameters").is_none());
    assert_eq!(world.simulator.transactions(PAYBILL).pop().unwrap().kind, Kind::Reversal);
}

#[tokio::test]
async fn the_portals_misprints_come_on_demand() {
    let world = World::of(Fault::ResultKeysVariant).await;
    let receipt = world.pay(PAYBILL, "350").await;
    let told = result(&world, STATUS, &status(&receipt)).await;
    let list = told["ResultParameters"]["ResultParameter"].as_array().unwrap();
    let keys: Vec<_> = list.iter().map(|p| p["Key"].as_str().unwrap()).collect();
    assert_eq!(keys.iter().filter(|key| **key == "DebitPartyName").count(), 2);
    assert!(keys.contains(&"FinalizedTime") && keys.contains(&"Conversation ID"));
    assert_eq!(parameters(&told)["FinalizedTime"], "20261121101500");
}
