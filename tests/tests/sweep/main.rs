//! What callbacks lost, the sweep finds: drills against the simulated Safaricom, with its faults, and stories of each part
//! of a sweep.

mod balances;
mod drills;
mod rows;
mod side_by_side;
mod waiting;

use domain::{ShopId, Timestamp};
use serde_json::{Value, json};
use service::Store;
use service::store::{Purpose, Request};
use service::sweep::{NOTE, Swept};
use tests::world::{World, kes};

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

const PAID: &str = "c2b-pay-bill-debit";

fn shop() -> (World, ShopId) {
    let world = World::new();
    let shop = world.shop("kijiji", "paybill", "600638");
    (world, shop)
}

fn pulled_until(world: &World, shop: &ShopId) -> Option<Timestamp> {
    let notes = world.wait(world.store.notes(shop, NOTE)).unwrap();
    notes.first().and_then(|(_, note)| Swept::read(note).pulled_until)
}

/// A confirmation that says what the organisation has after it.
fn confirmed<S: Store + Clone>(
    world: &World<S>,
    shop: &ShopId,
    receipt: &str,
    (amount, balance): (i64, i64),
    at: Timestamp,
) {
    let body = json!({
        "TransID": receipt, "TransTime": at.to_daraja(), "TransAmount": format!("{amount}.00"),
        "BusinessShortCode": "600638", "OrgAccountBalance": format!("{balance}.00"),
    });
    assert_eq!(world.post(&world.token_path(shop, "c/confirmation"), &body.to_string()).0, 200);
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
