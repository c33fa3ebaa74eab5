//! How far a sale has come: printed, stored, sent, at head office, reconciled. Each is told when it is so, and not
//! before.

use domain::standing::Unsettled;
use domain::{FactId, How, Tender};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::world::{Replica, STATUS, World, asha, code, exchange, kes, of, request_result, sell};
use till::{Deed, Reach, Stages};

fn stages(till: &Replica, sale: FactId) -> Stages {
    till.stages(&till.sale(sale).unwrap(), &till.claims(sale).unwrap()).unwrap()
}

/// Five minutes pass, in which everybody hears of everybody.
fn five_minutes(world: &World, replicas: &[&Replica]) {
    exchange(world, replicas);
    world.pass(301);
    exchange(world, replicas);
}

fn prints(till: &Replica, sale: FactId) -> usize {
    till.history_of_sale(sale).unwrap().iter().filter(|happening| happening.deed == Deed::Printed).count()
}

#[test]
fn a_receipt_is_printed_when_whoever_prints_says_so_and_everybody_learns_when() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (front, back, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    let sale = front.sell(of(70, Tender::Cash), &asha(), world.now(), None).unwrap().sale.id;
    assert_eq!(stages(&front, sale).printed, None, "what is stored is not printed yet");
    world.pass(3);
    let at = world.now();
    let row = front.printed(sale, &asha(), at, Some("paper")).unwrap();
    assert_eq!(row.printed, Some(at));
    world.pass(5);
    front.printed(sale, &asha(), world.now(), Some("paper")).unwrap();
    assert_eq!(prints(&front, sale), 1, "the same word again is one word");
    front.printed(sale, &asha(), world.now(), None).unwrap();
    assert_eq!(prints(&front, sale), 2, "a copy");
    five_minutes(&world, &[&front, &back, &office]);
    for replica in [&front, &back, &office] {
        assert_eq!((stages(replica, sale).printed, prints(replica, sale)), (Some(at), 2), "the first time");
    }
    let nobody: FactId = "9-9".parse().unwrap();
    assert!(front.printed(nobody, &asha(), at, None).is_err(), "a receipt of no sale");
}

#[test]
fn a_cash_sale_is_reconciled_when_head_office_has_it() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (front, office) = (world.till(&shop, "Front"), world.office());
    exchange(&world, &[&front, &office]);
    let sale = front.sell(of(70, Tender::Cash), &asha(), world.now(), None).unwrap().sale.id;
    let told = |till: &Replica| {
        let told = stages(till, sale);
        (told.reach, told.reconciled, told.unsettled)
    };
    assert_eq!(told(&front), (Reach::Here, false, None));
    front.sync(world.now()).unwrap();
    assert_eq!(told(&front), (Reach::Cloud, false, None));
    five_minutes(&world, &[&front, &office]);
    for replica in [&front, &office] {
        assert_eq!(told(replica), (Reach::HeadOffice, true, None));
    }
}

#[test]
fn an_m_pesa_sale_is_reconciled_when_a_second_source_agrees_and_head_office_knows_who_has_the_payment() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (front, office) = (world.till(&shop, "Front"), world.office());
    let sale = sell(&front, 500, world.now());
    five_minutes(&world, &[&front, &office]);
    assert_eq!(stages(&front, sale).unsettled, Some(Unsettled::Due));
    front.claim(sale, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    assert_eq!(stages(&front, sale).unsettled, Some(Unsettled::Due), "a code alone is no money");
    world.pay("UKL4AB12CD", "123456", 500, "");
    front.sync(world.now()).unwrap();
    assert_eq!(stages(&front, sale).unsettled, Some(Unsettled::Unconfirmed), "anybody can post a callback");

    let asked = front.ask("POST", "/v1/shops/mjini/status", &json!({ "receipt": "UKL4AB12CD" }), world.now());
    assert_eq!(world.safaricom.asked(STATUS).len(), 1);
    let request = asked.unwrap()["request"].as_str().unwrap().to_owned();
    let parameters = [
        ("ReceiptNo", "UKL4AB12CD"),
        ("TransactionStatus", "Completed"),
        ("Amount", "500.00"),
        ("FinalisedTime", "20261121080010"),
    ];
    let body = request_result(&request, "0", "UKL0000000", &parameters);
    assert_eq!(world.post(&world.token_path(&shop, "r"), &body).0, 200);
    front.sync(world.now()).unwrap();
    let told = stages(&front, sale);
    assert_eq!((told.unsettled, told.reach), (None, Reach::HeadOffice));
    assert!(!told.reconciled, "head office does not know of the claim yet");
    five_minutes(&world, &[&front, &office]);
    assert!(stages(&front, sale).reconciled && stages(&office, sale).reconciled);

    // What a person takes back is not settled any more.
    let claim = front.claims(sale).unwrap()[0].id;
    office.release(claim, "slip", &asha(), world.now()).unwrap();
    five_minutes(&world, &[&office, &front]);
    for replica in [&front, &office] {
        let told = stages(replica, sale);
        assert_eq!((told.reconciled, told.unsettled), (false, Some(Unsettled::Due)));
    }
}

#[test]
fn money_that_has_to_go_back_is_not_reconciled_and_a_cancelled_sale_without_money_is() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (front, office) = (world.till(&shop, "Front"), world.office());
    let cancelled = |tender| {
        let sale = front.sell(of(70, tender), &asha(), world.now(), None).unwrap().sale.id;
        front.void(sale, "entered wrongly", &asha(), world.now()).unwrap();
        sale
    };
    let (cash, unpaid) = (cancelled(Tender::Cash), cancelled(Tender::Mpesa));
    five_minutes(&world, &[&front, &office]);
    assert_eq!(stages(&front, cash).unsettled, Some(Unsettled::Over));
    assert!(!stages(&front, cash).reconciled && stages(&front, unpaid).reconciled);
}

/// Whatever only reads has a connection of its own: while the seller waits for a disk that another program
/// holds, nobody who looks waits with him.
#[test]
fn nobody_who_looks_waits_for_the_seller() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    let sale = sell(&till, 500, world.now());
    world.pay("UKL4AB12CD", "123456", 500, "");
    world.pay("UKL4AB12CE", "123456", 500, "");
    till.sync(world.now()).unwrap();
    let other = rusqlite::Connection::open(till.path.join("ledger.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sold = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let seller = scope.spawn(|| {
            let sold_now = till.sell(of(20, Tender::Cash), &asha(), world.now(), None);
            sold.store(true, Ordering::SeqCst);
            sold_now
        });
        for _ in 0..300 {
            assert_eq!(till.candidates(sale).unwrap().len(), 2);
            assert_eq!(till.search_payments(&shop, kes(500), 10, world.now()).unwrap().len(), 2);
            assert_eq!(till.push_status(sale, world.now()).unwrap(), None);
            assert!(till.stock(&shop, false).unwrap().is_empty() && till.siblings().unwrap().is_empty());
            assert_eq!(stages(&till, sale).reach, Reach::Cloud);
            assert_eq!(till.shops().unwrap().len(), 1);
            assert_eq!((till.shift(world.now()).unwrap().number, till.shift_opened().unwrap()), (1, None));
        }
        assert!(!sold.load(Ordering::SeqCst), "the seller still waits, and nobody waited with him");
        other.execute_batch("COMMIT").unwrap();
        seller.join().unwrap().unwrap();
    });
}

#[test]
fn a_till_that_is_closed_leaves_one_file_also_after_somebody_looked() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    sell(&till, 500, world.now());
    assert!(till.stock(&shop, false).unwrap().is_empty());
    let log = till.path.join("ledger.sqlite-wal");
    assert!(log.exists());
    drop(till);
    assert!(!log.exists(), "the log was written back into the file");
}

/// The API gives each stage by itself, in the list and for one sale.
#[test]
fn the_stages_are_in_the_api() {
    use tests::process::{Running, built, http};
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let path = world.till(&shop, "Front").path.clone();
    let mut command = std::process::Command::new(built("leja"));
    command.args(["till", "--listen", "127.0.0.1:0", "--hub", "http://127.0.0.1:9", "--data"]).arg(&path);
    let till = Running::start(&mut command);
    let address = till.address();
    let sale = json!({ "lines": [{ "name": "Tea", "quantity": "1", "unit_price": "50" }], "tender": "cash", "by": "A" });
    let (_, sold) = http("POST", &format!("{address}/v1/sales"), &sale.to_string());
    let mut wanted = json!({ "printed": null, "stored": true, "sent": false, "head_office": false,
        "reconciled": false, "unsettled": null });
    assert_eq!(sold["stages"], wanted);
    let id = sold["id"].as_str().unwrap();
    let (status, said) = http("POST", &format!("{address}/v1/sales/{id}/printed"), r#"{"by":"A"}"#);
    assert_eq!(status, 200, "{said}");
    wanted["printed"] = said["stages"]["printed"].clone();
    assert!(wanted["printed"].is_string());
    let (_, listed) = http("GET", &format!("{address}/v1/sales"), "");
    let (_, one) = http("GET", &format!("{address}/v1/sales/{id}"), "");
    assert_eq!((&listed["sales"][0]["stages"], &one["stages"]), (&wanted, &wanted));
    let history = one["history"].as_array().unwrap();
    assert!(history.iter().any(|line| line["text"] == "receipt printed"), "{history:?}");
    assert_eq!(http("POST", &format!("{address}/v1/sales/9-9/printed"), "{}").0, 404);
}
