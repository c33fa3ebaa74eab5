//! A DynamoDB table goes back to what it was, as point-in-time recovery does it: what tills and Safaricom know comes back.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use std::collections::HashMap;
use tests::dynamo::Dynamo;
use tests::world::{PULL, QuietSafaricom, World, sell};

type Items = Vec<HashMap<String, AttributeValue>>;

/// Everything in the table. Only whoever restores it ever reads it so.
async fn items(dynamo: &Dynamo) -> Items {
    let all = dynamo.client.scan().table_name(&dynamo.table).into_paginator().items().send();
    all.collect::<Result<_, _>>().await.unwrap()
}

/// Makes the table what it was.
async fn restore(dynamo: &Dynamo, before: &Items) {
    for item in items(dynamo).await {
        let name = item.into_iter().filter(|(name, _)| ["pk", "sk"].contains(&name.as_str())).collect();
        dynamo.client.delete_item().table_name(&dynamo.table).set_key(Some(name)).send().await.unwrap();
    }
    for item in before {
        let put = dynamo.client.put_item().table_name(&dynamo.table).set_item(Some(item.clone()));
        put.send().await.unwrap();
    }
}

#[test]
fn a_table_that_was_restored_is_sent_what_it_lost_and_misses_no_payment_after() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dynamo = runtime.block_on(Dynamo::start());
    let world = World::with(|_, _| (dynamo.store(), QuietSafaricom::default()));
    let shop = world.shop("kijiji", "paybill", "600638");
    let till = world.till(&shop, "Front counter");
    sell(&till, 100, world.now());
    world.pay("UKL4AB12C1", "600638", 500, "");
    till.sync(world.now()).unwrap();
    assert_eq!(world.wait(world.sweep.run()).failed, [""; 0]);
    let before = world.wait(items(&dynamo));

    world.pass(60);
    let lost = world.now();
    for shillings in [200, 300] {
        sell(&till, shillings, world.now());
        till.sync(world.now()).unwrap();
    }
    world.pay("UKL4AB12C2", "600638", 500, "");
    till.sync(world.now()).unwrap();
    world.wait(restore(&dynamo, &before));

    // The till compares; Safaricom lists; and a new till hears of all of it.
    world.pay("UKL4AB12C3", "600638", 500, "");
    world.pass(16 * 60);
    till.sync(world.now()).unwrap();
    let row = json!({
        "transactionId": "UKL4AB12C2", "trxDate": lost.to_seed(), "msisdn": 254_712_345_678_u64, "sender": "",
        "transactiontype": "c2b-pay-bill-debit", "billreference": "", "amount": "500.0",
    });
    world.safaricom.answer(PULL, 200, json!({ "ResponseCode": "1000", "Response": [[row]] }).to_string());
    assert_eq!(world.wait(world.sweep.run()).failed, [""; 0]);
    let new = world.till(&shop, "Back counter");
    for _ in 0..3 {
        new.sync(world.now()).unwrap();
    }
    assert_eq!(new.sales(&shop, till::SaleFilter::All, None, 10).unwrap().len(), 3);
    let mut paid: Vec<_> = new
        .payments(&shop, true, 9)
        .unwrap()
        .into_iter()
        .map(|payment| payment.receipt.to_string())
        .collect();
    paid.sort();
    assert_eq!(paid, ["UKL4AB12C1", "UKL4AB12C2", "UKL4AB12C3"]);
}
