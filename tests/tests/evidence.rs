//! What all messages on a payment say together, at the hub and at the till: statuses, reversals,
//! disagreements; and which messages are believed at all.

use domain::standing::SaleState;
use domain::{Disagreement, How, Money, ShopId, ShortCode, Validation};
use serde_json::{Value, json};
use service::Store;
use service::office::{OpenedShop, TokenForm};
use service::store::AnswerKind;
use tests::world::{REVERSAL, Replica, STATUS, World, code, confirmation, kes, request_result, sell};

/// Asks the hub as somebody with a folder of their own does; words on refusal.
fn ask(
    caller: &Replica,
    method: &'static str,
    path: &str,
    body: &Value,
    world: &World,
) -> Result<Value, String> {
    caller.ask(method, path, body, world.now())
}

fn reasons(world: &World) -> Vec<String> {
    world.wait(world.store.inbox(99)).unwrap().into_iter().map(|item| item.reason).collect()
}

/// A shop with a till, a sale of 500 and its payment, claimed by the till itself.
fn paid_sale() -> (World, ShopId, Replica, domain::FactId) {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    let sale = sell(&till, 500, world.now());
    world.pay("UKL4AB12CD", "123456", 500, "");
    till.sync(world.now()).unwrap();
    assert_eq!(till.sale(sale).unwrap().state, SaleState::Paid);
    (world, shop, till, sale)
}

fn status_result(originator: &str, receipt: &str, amount: &str, status: &str) -> String {
    let parameters = [
        ("ReceiptNo", receipt),
        ("TransactionStatus", status),
        ("Amount", amount),
        ("FinalisedTime", "20261121080010"),
    ];
    request_result(originator, "0", "UKL0000000", &parameters)
}

fn status_asked(world: &World, till: &Replica, receipt: &str) -> String {
    let asked = ask(till, "POST", "/v1/shops/mjini/status", &json!({ "receipt": receipt }), world).unwrap();
    asked["request"].as_str().unwrap().to_owned()
}

#[test]
fn a_status_that_was_asked_for_confirms_a_payment() {
    let (world, shop, till, _) = paid_sale();
    assert!(!till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().confirmed);
    let request = status_asked(&world, &till, "UKL4AB12CD");
    let asked = &world.safaricom.asked(STATUS)[0];
    assert_eq!((&asked["TransactionID"], &asked["IdentifierType"]), (&json!("UKL4AB12CD"), &json!("4")));
    let body = status_result(&request, "UKL4AB12CD", "500.00", "Completed");
    assert_eq!(world.post(&world.token_path(&shop, "r"), &body).0, 200);
    till.sync(world.now()).unwrap();
    let payment = till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap();
    assert_eq!(payment.sources, ["c2b_confirmation", "status_result"]);
    assert!(payment.confirmed);
    let state =
        ask(&till, "GET", &format!("/v1/shops/mjini/requests/{request}"), &Value::Null, &world).unwrap();
    assert_eq!(state["state"], "done");
}

#[test]
fn a_status_of_another_payment_or_of_nobodys_asking_is_not_believed() {
    let (world, shop, till, _) = paid_sale();
    let request = status_asked(&world, &till, "UKL4AB12CD");
    let path = world.token_path(&shop, "r");
    world.post(&path, &status_result(&request, "UKL9999999", "500.00", "Completed"));
    world.post(&path, &status_result("o-forged", "UKL4AB12CD", "500.00", "Completed"));
    till.sync(world.now()).unwrap();
    assert!(!till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().confirmed);
    let mut reasons = reasons(&world);
    reasons.sort();
    assert!(reasons[0].contains("a request that we did not make"), "{reasons:?}");
    assert!(reasons[1].contains("another payment than UKL4AB12CD"), "{reasons:?}");
}

#[test]
fn a_status_that_is_not_completed_is_an_answer_and_no_evidence() {
    let (world, shop, till, _) = paid_sale();
    let request = status_asked(&world, &till, "UKL4AB12CD");
    world.post(&world.token_path(&shop, "r"), &status_result(&request, "UKL4AB12CD", "500.00", "Declined"));
    let state =
        ask(&till, "GET", &format!("/v1/shops/mjini/requests/{request}"), &Value::Null, &world).unwrap();
    assert_eq!((&state["state"], &state["words"]), (&json!("done"), &json!("Declined")));
    till.sync(world.now()).unwrap();
    assert!(!till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().confirmed);
    assert_eq!(reasons(&world), Vec::<String>::new());
}

#[test]
fn a_request_that_timed_out_is_unknown_and_not_failed() {
    let (world, shop, till, _) = paid_sale();
    let request = status_asked(&world, &till, "UKL4AB12CD");
    let timed_out = request_result(&request, "0", "UKL0000000", &[]);
    assert_eq!(world.post(&world.token_path(&shop, "t"), &timed_out).0, 200);
    let path = format!("/v1/shops/mjini/requests/{request}");
    assert_eq!(ask(&till, "GET", &path, &Value::Null, &world).unwrap()["state"], "timed_out");
    let name = domain::CheckoutId::parse(&request).unwrap();
    assert!(world.wait(world.store.answer(&name, AnswerKind::TimedOut)).unwrap().is_some(), "it is kept");
    // The result comes after all.
    world.post(&world.token_path(&shop, "r"), &status_result(&request, "UKL4AB12CD", "500.00", "Completed"));
    assert_eq!(ask(&till, "GET", &path, &Value::Null, &world).unwrap()["state"], "done");
}

#[test]
fn a_result_that_overtakes_the_acknowledgement_is_not_lost() {
    let (world, shop, till, _) = paid_sale();
    // The first status query of this world will be called o-1.
    world.post(&world.token_path(&shop, "r"), &status_result("o-1", "UKL4AB12CD", "500.00", "Completed"));
    assert_eq!(reasons(&world).len(), 1);
    status_asked(&world, &till, "UKL4AB12CD");
    assert_eq!(reasons(&world), Vec::<String>::new());
    till.sync(world.now()).unwrap();
    assert!(till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().confirmed);
}

#[test]
fn a_reversal_reopens_the_sale_and_tells_the_till_that_took_it() {
    let (world, shop, till, sale) = paid_sale();
    let office = world.administrator();
    let body = json!({ "receipt": "UKL4AB12CD", "amount": "500.00", "reason": "goods came back" });
    let refused = ask(&till, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap_err();
    assert!(refused.contains("another role"), "{refused}");
    let asked = ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap();
    let again = ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap();
    assert_eq!((asked, world.safaricom.asked(REVERSAL).len()), (again.clone(), 1), "money goes back once");
    let request = again["request"].as_str().unwrap();
    let done = [
        ("OriginalTransactionID", "UKL4AB12CD"),
        ("Amount", "500.00"),
        ("TransCompletedTime", "20261121081000"),
    ];
    world.post(&world.token_path(&shop, "r"), &request_result(request, "0", "UKL4REV001", &done));
    till.sync(world.now()).unwrap();
    let row = till.sale(sale).unwrap();
    assert_eq!((row.state, row.due, row.reversed), (SaleState::Open, kes(500), true));
    let payment = till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap();
    assert!(payment.reversed);
    // Nothing claims it for another sale.
    let other = sell(&till, 500, world.now());
    till.sync(world.now()).unwrap();
    assert_eq!(till.sale(other).unwrap().state, SaleState::Open);
}

#[test]
fn a_reversal_that_failed_says_why_and_can_be_asked_again() {
    let (world, shop, ..) = paid_sale();
    let office = world.administrator();
    let body = json!({ "receipt": "UKL4AB12CD", "amount": "500.00", "reason": "goods came back" });
    let request = ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap();
    let request = request["request"].as_str().unwrap().to_owned();
    world.post(&world.token_path(&shop, "r"), &request_result(&request, "21", "UKL0000000", &[]));
    let path = format!("/v1/shops/mjini/requests/{request}");
    let state = ask(&office, "GET", &path, &Value::Null, &world).unwrap();
    assert_eq!(state["state"], "refused");
    assert!(state["words"].as_str().unwrap().contains("Org Reversals Initiator"), "{state}");
    world.pass(1);
    let second = ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap();
    assert_ne!(second["request"], json!(request));
    assert_eq!(world.safaricom.asked(REVERSAL).len(), 2);
}

#[test]
fn a_reversal_whose_answer_was_lost_is_not_sent_twice() {
    let (world, shop, till, sale) = paid_sale();
    let office = world.administrator();
    let body = json!({ "receipt": "UKL4AB12CD", "amount": "500.00", "reason": "goods came back" });
    world.safaricom.silent.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).is_err());
    let refused = ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap_err();
    assert!(refused.contains("answer was lost"), "{refused}");
    assert_eq!(world.safaricom.asked(REVERSAL).len(), 1);
    // After a while it may be asked again: Safaricom says that it was reversed before, which settles it.
    world.pass(601);
    let asked = ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap();
    let request = asked["request"].as_str().unwrap();
    world.post(&world.token_path(&shop, "r"), &request_result(request, "R000001", "UKL0000000", &[]));
    till.sync(world.now()).unwrap();
    assert!(till.sale(sale).unwrap().reversed);
}

#[test]
fn a_reversal_that_is_done_without_a_word_of_what_is_done() {
    let (world, shop, till, sale) = paid_sale();
    let office = world.administrator();
    let body = json!({ "receipt": "UKL4AB12CD", "amount": "500.00", "reason": "goods came back" });
    let asked = ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap();
    world.post(
        &world.token_path(&shop, "r"),
        &request_result(asked["request"].as_str().unwrap(), "0", "UKL4REV001", &[]),
    );
    till.sync(world.now()).unwrap();
    assert!(till.sale(sale).unwrap().reversed);
    assert_eq!(ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap(), asked);
    assert_eq!(world.safaricom.asked(REVERSAL).len(), 1);
}

#[test]
fn a_result_that_reverses_another_payment_is_not_believed() {
    let (world, shop, till, sale) = paid_sale();
    let office = world.administrator();
    let body = json!({ "receipt": "UKL9999999", "amount": "500.00", "reason": "goods came back" });
    let asked = ask(&office, "POST", "/v1/shops/mjini/reversal", &body, &world).unwrap();
    let done = [("OriginalTransactionID", "UKL4AB12CD"), ("Amount", "500.00")];
    world.post(
        &world.token_path(&shop, "r"),
        &request_result(asked["request"].as_str().unwrap(), "0", "UKL4REV001", &done),
    );
    till.sync(world.now()).unwrap();
    assert!(!till.sale(sale).unwrap().reversed);
    assert!(reasons(&world)[0].contains("another payment than UKL9999999"));
}

#[test]
fn of_reversals_asked_at_once_one_is_sent() {
    let (world, ..) = paid_sale();
    let offices = [world.administrator(), world.administrator(), world.administrator()];
    let body = json!({ "receipt": "UKL4AB12CD", "amount": "500.00", "reason": "goods came back" });
    for _ in 0..20 {
        world.pass(700);
        let before = world.safaricom.asked(REVERSAL).len();
        std::thread::scope(|scope| {
            for office in &offices {
                scope.spawn(|| ask(office, "POST", "/v1/shops/mjini/reversal", &body, &world));
            }
        });
        assert_eq!(world.safaricom.asked(REVERSAL).len(), before + 1);
    }
}

#[test]
fn what_the_organisation_has_and_may_be_told_is_head_offices_matter() {
    let (world, _, till, _) = paid_sale();
    for (path, body) in [
        ("/v1/shops/mjini/balance", Value::Null),
        ("/v1/shops/mjini/pull/register", json!({ "phone": "0722000000" })),
    ] {
        let refused = ask(&till, "POST", path, &body, &world).unwrap_err();
        assert!(refused.contains("another role"), "{path}: {refused}");
        ask(&world.administrator(), "POST", path, &body, &world).unwrap();
    }
}

#[test]
fn a_status_of_money_that_went_to_another_number_is_no_shops_payment() {
    let (world, shop, till, _) = paid_sale();
    for (minute, party) in ["CreditPartyName", "DebitPartyName"].into_iter().enumerate() {
        world.pass(60);
        let receipt = format!("UKL900000{minute}");
        let request = status_asked(&world, &till, &receipt);
        let other = if party == "CreditPartyName" { "654321 - Kijiji" } else { "123456 - Duka" };
        let parameters = [
            ("ReceiptNo", receipt.as_str()),
            ("TransactionStatus", "Completed"),
            ("Amount", "500.00"),
            (party, other),
        ];
        world.post(&world.token_path(&shop, "r"), &request_result(&request, "0", "UKL0000000", &parameters));
        assert_eq!(till.sync(world.now()).unwrap().payments, 0, "{party}");
        assert!(reasons(&world)[0].contains("another number"), "{:?}", reasons(&world));
    }
}

#[test]
fn another_shops_token_answers_nothing_of_ours_not_even_early() {
    let (world, shop, till, _) = paid_sale();
    let kijiji = world.shop("kijiji", "paybill", "600638");
    let forged = |request: &str| status_result(request, "UKL4AB12CD", "500.00", "Completed");
    // Before we asked: the first status query of this world will be called o-1.
    world.post(&world.token_path(&kijiji, "r"), &forged("o-1"));
    assert_eq!(status_asked(&world, &till, "UKL4AB12CD"), "o-1");
    till.sync(world.now()).unwrap();
    assert!(!till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().confirmed);
    // And after; the true answer still gets through.
    world.post(&world.token_path(&kijiji, "r"), &forged("o-1").replace("as asked", "again"));
    till.sync(world.now()).unwrap();
    assert!(!till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().confirmed);
    assert_eq!(reasons(&world).len(), 2);
    world.post(&world.token_path(&shop, "r"), &forged("o-1"));
    till.sync(world.now()).unwrap();
    assert!(till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().confirmed);
}

#[test]
fn messages_that_disagree_on_the_time_are_shown_and_the_one_we_asked_for_is_believed() {
    let (world, shop, till, _) = paid_sale();
    let request = status_asked(&world, &till, "UKL4AB12CD");
    let body = status_result(&request, "UKL4AB12CD", "500.00", "Completed")
        .replace("20261121080010", "20261121093000");
    world.post(&world.token_path(&shop, "r"), &body);
    till.sync(world.now()).unwrap();
    let payment = till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap();
    assert_eq!(payment.disagreements, [Disagreement::Time]);
    assert_eq!(payment.paid_at.to_string(), "2026-11-21T09:30:00.000+03:00");
}

#[test]
fn the_same_message_in_other_words_changes_nothing() {
    let (world, _, till, _) = paid_sale();
    let again = confirmation("UKL4AB12CD", "123456", "500.0", "", world.now()).replace("WANJIRU", "");
    assert_eq!(world.post("/mpesa/callback", &again).0, 200);
    assert_eq!(till.sync(world.now()).unwrap().payments, 0);
    assert_eq!(reasons(&world), Vec::<String>::new());
}

#[test]
fn any_number_of_a_shop_leads_to_it_and_a_shared_head_office_to_none() {
    let world = World::new();
    let number = |text: &str| ShortCode::parse(text).unwrap();
    let shop = |id: &str, till: &str, store: &str| {
        let id = world.shop(id, "till", till);
        let mut shop = world.wait(world.store.shop(&id)).unwrap().unwrap();
        shop.store_number = Some(number(store));
        shop.head_office = Some(number("900900"));
        world.put_shop(&shop);
        id
    };
    let mjini = shop("mjini", "123456", "700001");
    let till = world.till(&mjini, "Front");
    for (receipt, to) in [("UKL0000001", "123456"), ("UKL0000002", "700001"), ("UKL0000003", "900900")] {
        world.pay(receipt, to, 10, "");
    }
    assert_eq!(till.sync(world.now()).unwrap().payments, 3);
    assert_eq!(reasons(&world), Vec::<String>::new());
    // Another shop under the same head office: now only a token tells whose it is.
    let kijiji = shop("kijiji", "654321", "700002");
    world.pay("UKL0000004", "900900", 10, "");
    assert_eq!(reasons(&world), ["no shop has the number 900900"]);
    let body = confirmation("UKL0000005", "900900", "10.00", "", world.now());
    world.post(&world.token_path(&kijiji, "c/confirmation"), &body);
    assert_eq!(world.till(&kijiji, "Counter").sync(world.now()).unwrap().payments, 1);
}

#[test]
fn an_orphan_is_given_to_its_shop_by_a_person_and_another_is_laid_aside() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (till, platform) = (world.till(&shop, "Front"), world.administrator());
    let sale = sell(&till, 500, world.now());
    world.pay("UKL4AB12CD", "999999", 500, "");
    world.post("/mpesa/callback", "this is no payment");
    let inbox = ask(&platform, "GET", "/v1/admin/inbox", &Value::Null, &world).unwrap();
    let hash = |reason: &str| {
        let items = inbox.as_array().unwrap().iter();
        let item = items.clone().find(|item| item["reason"].as_str().unwrap().contains(reason)).unwrap();
        item["hash"].as_str().unwrap()[..12].to_owned()
    };
    let (orphan, rubbish) = (hash("999999"), hash("no JSON object"));
    let shown = ask(&platform, "GET", &format!("/v1/admin/inbox/{orphan}"), &Value::Null, &world).unwrap();
    assert!(shown["body"].as_str().unwrap().contains("UKL4AB12CD"), "{shown}");
    assert!(ask(&till, "GET", "/v1/admin/inbox", &Value::Null, &world).is_err(), "not for tills");

    let assign = |hash: &str| {
        ask(&platform, "POST", "/v1/admin/inbox/assign", &json!({ "hash": hash, "shop": "mjini" }), &world)
    };
    assert!(assign(&rubbish).unwrap_err().contains("dismiss it"));
    assign(&orphan).unwrap();
    till.sync(world.now()).unwrap();
    assert_eq!(till.sale(sale).unwrap().state, SaleState::Paid);
    let dismiss = json!({ "hash": rubbish, "reason": "somebody tried the door" });
    ask(&platform, "POST", "/v1/admin/inbox/dismiss", &dismiss, &world).unwrap();
    assert_eq!(reasons(&world), Vec::<String>::new());
    assert!(assign(&orphan).is_err(), "it was given away before");
}

#[test]
fn an_orphan_that_was_given_to_the_wrong_shop_is_taken_back_and_given_to_the_right_one() {
    let world = World::new();
    let (mjini, kijiji) = (world.shop("mjini", "till", "123456"), world.shop("kijiji", "till", "654321"));
    let (wrong, right) = (world.till(&mjini, "Front"), world.till(&kijiji, "Counter"));
    let platform = world.administrator();
    let (owing, paid) = (sell(&wrong, 500, world.now()), sell(&right, 500, world.now()));
    world.pay("UKL4AB12CD", "999999", 500, "");
    let waiting = ask(&platform, "GET", "/v1/admin/inbox", &Value::Null, &world).unwrap();
    let hash = waiting[0]["hash"].as_str().unwrap();
    let decide = |what: &str, body: Value| {
        world.pass(1);
        ask(&platform, "POST", &format!("/v1/admin/inbox/{what}"), &body, &world)
    };
    let assign = |shop: &str| decide("assign", json!({ "hash": hash, "shop": shop }));
    let reopen = |reason: &str| decide("reopen", json!({ "hash": hash, "reason": reason }));
    assert!(reopen("early").unwrap_err().contains("nothing to take back"));
    assert_eq!(assign("mjini").unwrap()["hash"], hash);
    wrong.sync(world.now()).unwrap();
    assert_eq!(wrong.sale(owing).unwrap().state, SaleState::Paid);
    assert!(assign("kijiji").unwrap_err().contains("given to mjini by"), "one receipt is in one shop");

    assert!(reopen(" ").unwrap_err().contains("Say why"));
    let short = decide("reopen", json!({ "hash": hash[..12], "reason": "no" })).unwrap_err();
    assert!(short.contains("whole hash"), "{short}");
    reopen("it is kijiji's").unwrap();
    wrong.sync(world.now()).unwrap();
    let row = wrong.sale(owing).unwrap();
    assert_eq!((row.state, row.due), (SaleState::Claimed, kes(500)), "it owes again");
    assert_eq!(wrong.payment(&mjini, &code("UKL4AB12CD")).unwrap(), None);
    let refused = assign("mjini").unwrap_err();
    assert!(refused.contains("it is kijiji's (by ") && refused.contains("ask Safaricom"), "{refused}");

    let early = assign("kijiji").unwrap_err();
    assert!(early.contains("just giving it to mjini"), "two who decide at once do not both: {early}");
    world.pass(30);
    assign("kijiji").unwrap();
    right.sync(world.now()).unwrap();
    assert_eq!(right.sale(paid).unwrap().state, SaleState::Paid);
    let shown = ask(&platform, "GET", &format!("/v1/admin/inbox/{hash}"), &Value::Null, &world).unwrap();
    let decided: Vec<&str> = shown["decided"].as_str().unwrap().lines().collect();
    assert!(decided[0].starts_with("given to mjini by "), "{decided:?}");
    assert!(decided[1].starts_with("taken back from mjini by ") && decided[1].ends_with(": it is kijiji's"));
    assert!(decided[2].starts_with("given to kijiji by ") && decided.len() == 3, "{decided:?}");
}

#[test]
fn an_orphan_that_was_dismissed_by_mistake_is_put_back_and_given_to_its_shop() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (till, platform) = (world.till(&shop, "Front"), world.administrator());
    let sale = sell(&till, 500, world.now());
    world.pay("UKL4AB12CD", "999999", 500, "");
    let waiting = ask(&platform, "GET", "/v1/admin/inbox", &Value::Null, &world).unwrap();
    let hash = waiting[0]["hash"].as_str().unwrap();
    let decide = |what: &str, body: Value| {
        ask(&platform, "POST", &format!("/v1/admin/inbox/{what}"), &body, &world).unwrap()
    };
    decide("dismiss", json!({ "hash": hash, "reason": "nobody's" }));
    assert_eq!(reasons(&world), Vec::<String>::new());
    decide("reopen", json!({ "hash": hash, "reason": "Asha asked for it" }));
    assert_eq!(reasons(&world), ["no shop has the number 999999"]);
    decide("assign", json!({ "hash": hash, "shop": "mjini" }));
    till.sync(world.now()).unwrap();
    assert_eq!(till.sale(sale).unwrap().state, SaleState::Paid);
}

#[test]
fn what_a_shop_heard_from_safaricom_itself_is_not_taken_from_it() {
    let (world, shop, till, sale) = paid_sale();
    let platform = world.administrator();
    world.pass(1);
    // The same payment once more, with a token of another shop: it waits, and a person gives it to the shop.
    let other = world.shop("kijiji", "till", "654321");
    let again = confirmation("UKL4AB12CD", "123456", "500.00", "", world.now());
    let mut again: Value = serde_json::from_str(&again).unwrap();
    again["TransTime"] = json!("20261121080000");
    world.post(&world.token_path(&other, "c/confirmation"), &again.to_string());
    let waiting = ask(&platform, "GET", "/v1/admin/inbox", &Value::Null, &world).unwrap();
    let hash = waiting[0]["hash"].as_str().unwrap();
    for (what, body) in [
        ("assign", json!({ "hash": hash, "shop": "mjini" })),
        ("reopen", json!({ "hash": hash, "reason": "a mistake" })),
    ] {
        ask(&platform, "POST", &format!("/v1/admin/inbox/{what}"), &body, &world).unwrap();
    }
    till.sync(world.now()).unwrap();
    assert_eq!(till.sale(sale).unwrap().state, SaleState::Paid);
    assert!(till.payment(&shop, &code("UKL4AB12CD")).unwrap().is_some());
}

#[test]
fn two_tokens_are_good_while_the_address_changes_and_then_one() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (till, platform) = (world.till(&shop, "Front"), world.administrator());
    let change = |what: &str| -> OpenedShop {
        let form = serde_json::to_value(TokenForm { shop: "mjini".into(), what: what.into() }).unwrap();
        serde_json::from_value(ask(&platform, "POST", "/v1/admin/tokens", &form, &world).unwrap()).unwrap()
    };
    let old = world.token_path(&shop, "c/confirmation");
    let new = change("rotate").confirmation_url.replace("https://pay.example.com", "");
    assert_ne!(old, new);
    let body = |receipt: &str| confirmation(receipt, "123456", "10.00", "", world.now());
    let form = serde_json::to_value(TokenForm { shop: "mjini".into(), what: "rotate".into() }).unwrap();
    let third = ask(&platform, "POST", "/v1/admin/tokens", &form, &world).unwrap_err();
    assert!(third.contains("retire"), "a second rotation would end the registered address: {third}");
    assert_eq!(world.post(&old, &body("UKL0000001")).0, 200);
    assert_eq!(world.post(&new, &body("UKL0000002")).0, 200);
    let kept = change("retire").confirmation_url.replace("https://pay.example.com", "");
    assert_eq!(kept, new);
    assert_eq!(world.post(&old, &body("UKL0000003")).0, 404);
    assert_eq!(world.post(&new, &body("UKL0000004")).0, 200);
    assert_eq!(till.sync(world.now()).unwrap().payments, 3);
    // Opening the shop again to change its name brings no withdrawn token back.
    let form = json!({ "id": "mjini", "name": "New name", "account": "till", "shortcode": "123456" });
    ask(&platform, "POST", "/v1/admin/shops", &form, &world).unwrap();
    assert_eq!(world.post(&old, &body("UKL0000005")).0, 404);
    assert_eq!(world.post(&new, &body("UKL0000006")).0, 200);
    let counts = ask(&platform, "GET", "/v1/admin/counts", &Value::Null, &world).unwrap();
    assert_eq!((&counts["kept"], &counts["wrong_tokens"]), (&json!(4), &json!(2)));
}

#[test]
fn a_validation_refuses_only_what_no_till_that_was_just_heard_of_is_waiting_for() {
    let world = World::new();
    let shop = world.shop("kijiji", "paybill", "600638");
    let mut chosen = world.wait(world.store.shop(&shop)).unwrap().unwrap();
    chosen.rules.validation = Validation::References;
    world.put_shop(&chosen);
    let till = world.till(&shop, "Counter");
    let sale = sell(&till, 500, world.now());
    till.sync(world.now()).unwrap();
    let path = world.token_path(&shop, "c/validation");
    let reference = till.sale(sale).unwrap().reference(&till.letters().unwrap());
    let validate = |amount: &str, reference: &str| {
        world.post(&path, &confirmation("UKL4AB12CD", "600638", amount, reference, world.now())).1
    };
    let yes = format!(r#"{{"ResultCode":"0","ResultDesc":"Accepted","ThirdPartyTransID":"{sale}"}}"#);
    assert_eq!(validate("500.00", &reference.to_lowercase()), yes);
    assert_eq!(validate("500.00", "rent"), r#"{"ResultCode":"C2B00012","ResultDesc":"Rejected"}"#);
    // The confirmation repeats the sale, and is its payment even among equals.
    let _twin = sell(&till, 500, world.now());
    let mut body: Value =
        serde_json::from_str(&confirmation("UKL4AB12CD", "600638", "500.00", "typo", world.now())).unwrap();
    body["ThirdPartyTransID"] = json!(sale.to_string());
    world.post(&world.token_path(&shop, "c/confirmation"), &body.to_string());
    till.sync(world.now()).unwrap();
    assert_eq!(till.claims(sale).unwrap()[0].how, How::AccountReference);
    // A till that was not heard of for minutes: nobody is turned away.
    world.pass(600);
    assert_eq!(validate("500.00", "rent"), r#"{"ResultCode":"0","ResultDesc":"Accepted"}"#);
}

#[test]
fn a_large_payment_is_good_for_goods_only_when_a_second_source_agrees() {
    let (world, shop, till, sale) = paid_sale();
    let mut chosen = world.wait(world.store.shop(&shop)).unwrap().unwrap();
    chosen.rules.second_source_from = Some(kes(500));
    chosen.rules.review_from = Money::from_cents(40_000);
    world.put_shop(&chosen);
    world.pass(301);
    till.sync(world.now()).unwrap();
    assert!(till.sale(sale).unwrap().unconfirmed, "a callback alone does not suffice");
    assert!(till.payment(&shop, &code("UKL4AB12CD")).unwrap().unwrap().review);
    let asked = world.safaricom.asked(STATUS);
    let request = if asked.is_empty() { status_asked(&world, &till, "UKL4AB12CD") } else { "o-1".to_owned() };
    world.post(&world.token_path(&shop, "r"), &status_result(&request, "UKL4AB12CD", "500.00", "Completed"));
    till.sync(world.now()).unwrap();
    assert!(!till.sale(sale).unwrap().unconfirmed);
}

#[test]
fn one_receipt_in_two_shops_is_told_at_head_office() {
    let world = World::new();
    let (mjini, kijiji) = (world.shop("mjini", "till", "123456"), world.shop("kijiji", "paybill", "600638"));
    let office = world.office();
    world.pay("UKL4AB12CD", "123456", 500, "");
    world.pay("UKL4AB12CD", "600638", 500, "");
    world.pay("UKL4AB12CE", "600638", 500, "");
    office.sync(world.now()).unwrap();
    let told = |shop: &ShopId, receipt| office.payment(shop, &code(receipt)).unwrap().unwrap().disagreements;
    for shop in [&mjini, &kijiji] {
        assert_eq!(told(shop, "UKL4AB12CD"), [Disagreement::Shop]);
        assert_eq!(office.disagreeing_payments(shop, 9).unwrap().len(), 1);
    }
    assert_eq!(told(&kijiji, "UKL4AB12CE"), []);
}
