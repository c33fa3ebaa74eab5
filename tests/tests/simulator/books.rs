//! The books, the statement of them, and runs that repeat.

use crate::world::*;
use domain::Money;
use local::safaricom::{Customers, Fault, Faults, Habit, Habits, Kind, Layout, Number, Setup, Status};
use serde_json::json;

/// The fields of a line; a quoted one may hold commas.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields.last_mut().unwrap().push(letter),
        }
    }
    fields
}

/// Signed cents of a cell; nothing where it is empty.
fn cents(cell: &str) -> i64 {
    let plain = cell.replace(',', "");
    let (sign, digits) = plain.strip_prefix('-').map_or((1, plain.as_str()), |digits| (-1, digits));
    if digits.is_empty() { 0 } else { sign * Money::parse(digits).unwrap().cents() }
}

/// A day of trade with everything in it: refusals, charges, reversals, moves to the bank.
async fn day(seed: u64) -> World {
    let world = World::with(|setup| Setup { seed, charged: 40, ..setup }).await;
    let asking = Number { external_validation: true, ..number(PAYBILL, PAYBILL, "paybill") };
    world.simulator.register(asking);
    world.simulator.customers(Customers { on: true });
    let habits =
        Habits::default().with(Habit::PaysTwice, 10).with(Habit::PaysLate, 10).with(Habit::PaysTooLittle, 5);
    world.simulator.set_habits(habits.with(Habit::Cancels, 5).with(Habit::WrongAccount, 10));
    let faults = Faults::default().with(Fault::CallbackLost, 30).with(Fault::CallbackDoubled, 10);
    world.simulator.set_faults(faults.with(Fault::CallbackReordered, 20).with(Fault::NamesMissing, 20));
    for turn in 0..120 {
        if turn == 40 {
            world.answers(Answer::Json(json!({ "ResultCode": "C2B00016" })));
        } else if turn == 50 {
            world.answers(Answer::Json(json!({ "ResultCode": "0" })));
        }
        if turn == 60 {
            world.simulator.settle(PAYBILL);
            world.simulator.settle(TILL);
        }
        world.simulator.somebody_pays().await;
        world.pass(30).await;
    }
    let lines = world.simulator.transactions(PAYBILL);
    let held = lines.last().unwrap().balance;
    let mut paid = lines.iter().filter(|line| line.kind.is_payment() && line.status == Status::Completed);
    let paid = paid.find(|line| line.amount <= held).unwrap();
    world.log_in().await;
    let asked = json!({
        "Initiator": "testapi", "SecurityCredential": "c2VjcmV0", "CommandID": "TransactionReversal", "Remarks": "back",
        "ResultURL": "https://pay.example.com/r", "QueueTimeOutURL": "https://pay.example.com/t",
        "TransactionID": paid.receipt, "Amount": paid.amount.to_string(), "ReceiverParty": PAYBILL,
        "RecieverIdentifierType": "11",
    });
    assert_eq!(world.post(REVERSAL, &asked).await.0, 200);
    world.pass(300).await;
    world
}

#[tokio::test]
async fn a_seed_repeats_a_run_and_another_one_does_not() {
    let told = |world: &World| {
        let sent = world.simulator.callbacks();
        sent.into_iter().map(|sent| (sent.url, sent.body, sent.fate, sent.at)).collect::<Vec<_>>()
    };
    let (one, again, other) = (day(1).await, day(1).await, day(2).await);
    assert!(told(&one).len() > 100);
    assert_eq!(told(&one), told(&again));
    for shortcode in [PAYBILL, TILL] {
        assert_eq!(one.simulator.transactions(shortcode), again.simulator.transactions(shortcode));
    }
    assert_ne!(told(&one), told(&other));
}

#[tokio::test]
async fn every_balance_is_the_one_before_and_what_moved() {
    let world = day(3).await;
    for shortcode in [PAYBILL, TILL] {
        let mut balance = Money::ZERO;
        let lines = world.simulator.transactions(shortcode);
        for line in &lines {
            balance = balance + line.moved();
            assert_eq!(line.balance, balance, "{line:?}");
            assert!(balance >= Money::ZERO);
        }
        assert!(lines.iter().any(|line| line.kind == Kind::Settlement));
        assert!(lines.iter().any(|line| line.kind == Kind::Charge));
    }
    let lines = world.simulator.transactions(PAYBILL);
    assert!(lines.iter().any(|line| line.status == Status::Cancelled));
    assert!(lines.iter().any(|line| line.kind == Kind::Reversal));
}

#[tokio::test]
async fn each_layout_of_the_statement_adds_up_to_the_books() {
    let world = day(4).await;
    for shortcode in [PAYBILL, TILL] {
        let lines = world.simulator.transactions(shortcode);
        let moved: Money = lines.iter().map(local::safaricom::Transaction::moved).sum();
        for (layout, state, paid_in) in [(Layout::Classic, 4, 5), (Layout::Newer, 3, 4), (Layout::Till, 3, 4)]
        {
            let text = world.simulator.statement(shortcode, layout).unwrap();
            let rows: Vec<_> = text.lines().map(fields).filter(|row| row.len() > paid_in + 2).collect();
            let rows: Vec<_> = rows.into_iter().filter(|row| row[0].starts_with("UKL")).collect();
            assert_eq!(rows.len(), lines.len(), "{layout:?}");
            let counted = rows.iter().filter(|row| row[state] == "Completed");
            let sum: i64 = counted.map(|row| cents(&row[paid_in]) + cents(&row[paid_in + 1])).sum();
            assert_eq!(sum, moved.cents(), "{layout:?}");
            assert_eq!(cents(&rows[0][paid_in + 2]), lines.last().unwrap().balance.cents(), "newest first");
        }
    }
    assert!(world.simulator.statement("999999", Layout::Till).is_none());
}

#[tokio::test]
async fn each_layout_looks_as_the_portal_writes_it() {
    let world = World::new().await;
    let by = local::safaricom::Pay {
        phone: Some("0712345678".into()),
        name: Some("ASHA, WANJIRU".into()),
        reference: Some("A42".into()),
        ..pay(PAYBILL, "1500")
    };
    let receipt = world.simulator.pay(&by).await.unwrap().receipt.unwrap();
    let classic = world.simulator.statement(PAYBILL, Layout::Classic).unwrap();
    let lines: Vec<&str> = classic.lines().collect();
    assert_eq!((lines[0], lines[1]), ("Account Holder:,DUKA", "Short Code:,600638"));
    assert!(
        lines[6]
            .starts_with("Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,")
    );
    let row = format!(
        "{receipt},21-11-2026 10:15:00,21-11-2026 10:15:00,\"Pay Bill from 2547****678 - ASHA, WANJIRU Acc. A42\",\
         Completed,1500.00,,1500.00,true,Pay Utility,\"2547******678 - ASHA, W******\",,A42"
    );
    assert_eq!(lines[7], row);
    assert_eq!(lines[8], ",,,,Total,1500.00,0.00");
    let newer = world.simulator.statement(PAYBILL, Layout::Newer).unwrap();
    assert!(newer.starts_with("Receipt No,Completion Time,Details,Transaction Status,Paid In (KSHs),"));
    let row = format!(
        "{receipt},21/11/2026 10:15:00,\"Pay Bill from 2547****678 - ASHA, WANJIRU Acc. A42\",Completed,\
         \"1,500.00\",,\"1,500.00\"\r\n"
    );
    assert!(newer.ends_with(&row), "{newer}");
    let receipt = world.pay(TILL, "1500").await;
    let till = world.simulator.statement(TILL, Layout::Till).unwrap();
    let row = format!(
        "{receipt},2026-11-21 10:15:00,Merchant Payment from 254708***149 - JOHN DOE,Completed,1500.00,,1500.00\n"
    );
    assert!(till.ends_with(&row), "{till}");
}

#[tokio::test]
async fn a_charge_bears_the_receipt_of_its_payment_in_every_layout() {
    let world = World::with(|setup| Setup { charged: 100, ..setup }).await;
    let receipt = world.pay(TILL, "1000").await;
    let till = world.simulator.statement(TILL, Layout::Till).unwrap();
    let row = format!("{receipt},2026-11-21 10:15:00,Pay merchant Charge,Completed,,-5.00,995.00");
    assert!(till.contains(&row), "{till}");
    let receipt = world.pay(PAYBILL, "1000").await;
    let classic = world.simulator.statement(PAYBILL, Layout::Classic).unwrap();
    let row = format!(
        "{receipt},21-11-2026 10:15:00,21-11-2026 10:15:00,Pay Bill Charge,Completed,,-5.00,995.00,true,Pay Bill Charge,SP,,"
    );
    assert!(classic.contains(&row), "{classic}");
}

#[tokio::test]
async fn a_shop_may_move_its_balance_to_its_bank_after_a_payment() {
    let world = World::with(|setup| Setup { settles: 100, ..setup }).await;
    world.pay(TILL, "1000").await;
    assert_eq!(world.heard("/c")[0]["OrgAccountBalance"], "1000.00");
    world.pay(TILL, "50").await;
    assert_eq!(world.heard("/c")[1]["OrgAccountBalance"], "50.00", "the balance fell in between");
    let kinds: Vec<Kind> = world.simulator.transactions(TILL).iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [Kind::BuyGoods, Kind::Settlement, Kind::BuyGoods, Kind::Settlement]);
}

#[tokio::test]
async fn the_statement_is_fetched_by_number_and_layout() {
    let world = World::new().await;
    world.pay(PAYBILL, "10").await;
    let get = |query: &str| {
        let uri = format!("/simulator/statement{query}");
        world.send(axum::http::Request::get(uri).body(axum::body::Body::empty()).unwrap())
    };
    let (status, text) = get("?shortcode=600638&layout=newer").await;
    assert!(status == 200 && text.starts_with("Receipt No,"), "{text}");
    assert_eq!(get("?shortcode=999999&layout=newer").await.0, 400);
    assert_eq!(get("?shortcode=600638&layout=pdf").await.0, 400);
}

#[tokio::test]
async fn nobody_pays_by_themselves_while_customers_are_switched_off() {
    let world = World::new().await;
    assert!(world.simulator.somebody_pays().await.is_none());
    world.simulator.customers(Customers { on: true });
    assert!(world.simulator.somebody_pays().await.unwrap().receipt.is_some());
    assert_eq!(world.simulator.next_due(), None, "nothing is left to happen");
}
