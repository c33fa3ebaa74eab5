//! The day of the demo's shops, told of a cloud: sales, callbacks, syncing, claims, a sweep, head office. It is told once
//! of a hub and once of an account's functions, with the same words.

use domain::Timestamp;
use serde_json::{Value, json};
use std::process::Command;
use std::time::SystemTime;
use tests::cloud::{APP, Cloud};
use tests::process::{Running, built, http, until};
use tests::world::confirmation;

/// Where nobody listens: a till that looks for its hub there has no line.
const NO_LINE: &str = "http://127.0.0.1:9";

#[test]
fn the_day_goes_well_on_a_hub() {
    let (_safaricom, url) = safaricom();
    the_day(&Cloud::hub(&url), &url);
}

#[test]
fn the_day_goes_as_well_on_functions_and_a_table() {
    let (_safaricom, url) = safaricom();
    the_day(&Cloud::account(&url), &url);
}

/// A simulated Safaricom that knows the number of the shop in town.
fn safaricom() -> (Running, String) {
    let mut command = Command::new(built("leja"));
    command.args(["safaricom", "--listen", "127.0.0.1:0", "--customers", "off"]);
    command
        .args(["--charges", "0", "--settlements", "0", "--till", "123456=7000123"])
        .envs(APP)
        .env("MPESA_PASSKEY", "sesame");
    let safaricom = Running::start(&mut command);
    let url = safaricom.address();
    (safaricom, url)
}

/// What happens in a day, and what has to come of it.
fn the_day(cloud: &Cloud, safaricom: &str) {
    open_shops(cloud);
    let (_front, front) = till(cloud, "Front counter", "mjini");
    let (back, _) = till(cloud, "Back counter", "mjini");
    let (_counter, counter) = till(cloud, "Counter", "kijiji");
    let (_office, office) = head_office(cloud);

    let in_cash = sell(&front, 130, "cash");
    assert_eq!(in_cash["state"], "paid");
    a_customer_pays(&front, safaricom);
    a_phone_is_asked(&front);
    back.end();
    let _back = a_code_is_taken_without_a_line(cloud, safaricom);
    one_of_two_alike_is_claimed_by_its_code(&counter, safaricom);
    what_is_told_three_times_counts_once(cloud, &counter);
    what_is_nobodys_is_given_to_its_shop(cloud, &front);
    what_was_never_told_is_found(cloud, safaricom, &front);
    head_office_sees_what_the_tills_see(&office, &front, &counter);
}

fn open_shops(cloud: &Cloud) {
    let mjini = ["shop", "mjini", "--name", "Duka la Mjini", "--account", "till", "--shortcode", "123456"];
    cloud.admin(&[&mjini[..], &["--store-number", "7000123"]].concat());
    cloud.admin(&[
        "shop",
        "kijiji",
        "--name",
        "Duka la Kijiji",
        "--account",
        "paybill",
        "--shortcode",
        "600638",
    ]);
    for shop in ["mjini", "kijiji"] {
        assert!(cloud.admin(&["register", shop]).contains("registered"));
        assert!(cloud.admin(&["pull-register", shop, "0722 000 000"]).contains("registered"));
    }
}

fn till(cloud: &Cloud, name: &str, shop: &str) -> (Running, String) {
    let code = cloud.admin(&["till", shop]);
    node(cloud, "till", name, &["--hub", &cloud.url, "--enrol", code.trim()])
}

fn head_office(cloud: &Cloud) -> (Running, String) {
    let code = cloud.admin(&["office"]);
    node(cloud, "office", "Head office", &["--hub", &cloud.url, "--enrol", code.trim()])
}

/// A till or head office as a process, and where it listens.
fn node(cloud: &Cloud, what: &str, name: &str, more: &[&str]) -> (Running, String) {
    let mut command = Command::new(built("leja"));
    command.args([what, "--listen", "127.0.0.1:0", "--name", name]).args(more);
    let running = Running::start(command.arg("--data").arg(cloud.folder(name)));
    let url = running.address();
    (running, url)
}

fn get(url: &str, path: &str) -> Value {
    let (status, answer) = http("GET", &format!("{url}{path}"), "");
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn post(url: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = http("POST", &format!("{url}{path}"), &body.to_string());
    assert!([200, 201].contains(&status), "{path}: {status} {answer}");
    answer
}

fn sell(till: &str, shillings: u32, tender: &str) -> Value {
    let line = json!({ "name": "Goods", "quantity": "1", "unit_price": format!("{shillings}.00") });
    post(till, "/v1/sales", &json!({ "lines": [line], "tender": tender, "by": "Asha" }))
}

/// A customer pays at Safaricom; gives the receipt.
fn pay(safaricom: &str, number: &str, shillings: u32) -> String {
    let form = json!({ "shortcode": number, "amount": format!("{shillings}.00"), "name": "ASHA WANJIRU" });
    post(safaricom, "/simulator/pay", &form)["receipt"].as_str().unwrap().to_owned()
}

/// Waits until a sale stands so at a till.
fn stands(till: &str, sale: &Value, state: &str) {
    let path = format!("/v1/sales/{}", sale["id"].as_str().unwrap());
    until(&format!("sale {path} is {state}"), || (get(till, &path)["state"] == state).then_some(()));
}

/// Waits until a payment is at a till.
fn arrives(till: &str, receipt: &str, amount: &str) {
    until(&format!("{receipt} over {amount} is at the till"), || {
        post(till, "/v1/sync", &json!({}));
        let all = get(till, "/v1/payments?state=all&limit=200");
        let found = all["payments"].as_array()?.iter().find(|payment| payment["receipt"] == receipt)?;
        assert_eq!(found["amount"], amount);
        Some(())
    });
}

fn a_customer_pays(front: &str, safaricom: &str) {
    let sale = sell(front, 487, "mpesa");
    assert_eq!(sale["state"], "open");
    pay(safaricom, "123456", 487);
    stands(front, &sale, "paid");
}

fn a_phone_is_asked(front: &str) {
    post(front, "/create-sale", &json!({ "amount": 731 }));
    let ask = json!({ "phone_number": "0712 345 678", "amount": 731, "order_reference": "3" });
    let asked = post(front, "/mpesa/stk_push", &ask);
    assert_eq!(asked["success"], true, "{asked}");
    until("the prompt is paid", || {
        let polled = get(front, "/check-payment-status/3");
        (polled["status"] == "completed").then_some(())
    });
}

/// The back counter sells with no line, on the code that a customer shows; when the line is there again, the payment is
/// seen.
fn a_code_is_taken_without_a_line(cloud: &Cloud, safaricom: &str) -> Running {
    let (alone, back) = node(cloud, "till", "Back counter", &["--hub", NO_LINE]);
    let sale = sell(&back, 250, "mpesa");
    let receipt = pay(safaricom, "123456", 250);
    let path = format!("/v1/sales/{}/claims", sale["id"].as_str().unwrap());
    let claimed = post(&back, &path, &json!({ "receipt": receipt, "how": "typed", "by": "Juma" }));
    assert_eq!(claimed["state"], "claimed", "{claimed}");
    assert_eq!(get(&back, "/v1/status")["online"], false);
    assert_eq!(alone.end(), Some(0));

    let (running, back) = node(cloud, "till", "Back counter", &["--hub", &cloud.url]);
    stands(&back, &sale, "paid");
    running
}

/// Two sales of one total: which of them was paid, the customer's message says.
fn one_of_two_alike_is_claimed_by_its_code(counter: &str, safaricom: &str) {
    let (paid, open) = (sell(counter, 300, "mpesa"), sell(counter, 300, "mpesa"));
    let receipt = pay(safaricom, "600638", 300);
    arrives(counter, &receipt, "300.00");
    let id = paid["id"].as_str().unwrap();
    let message = format!("{receipt} Confirmed. Ksh300.00 paid to KIJIJI.");
    let said = post(counter, "/v1/codes", &json!({ "sale": id, "text": message }));
    assert!(said.to_string().contains(&receipt), "{said}");
    let claim = json!({ "receipt": receipt, "how": "picked", "by": "Asha" });
    post(counter, &format!("/v1/sales/{id}/claims"), &claim);
    stands(counter, &paid, "paid");
    stands(counter, &open, "open");
}

fn what_is_told_three_times_counts_once(cloud: &Cloud, counter: &str) {
    let at = Timestamp::from_system(SystemTime::now());
    let body = confirmation("UKL4THRICE", "600638", "45.00", "", at);
    for path in [Cloud::token_path("kijiji", "c/confirmation"), "/mpesa/callback".to_owned()] {
        for _ in 0..2 {
            let (status, answer) = http("POST", &format!("{}{path}", cloud.url), &body);
            assert_eq!((status, &answer["ResultCode"]), (200, &json!(0)), "{answer}");
        }
    }
    arrives(counter, "UKL4THRICE", "45.00");
    assert_eq!(cloud.admin(&["inbox"]), "0 in the inbox\n");
}

fn what_is_nobodys_is_given_to_its_shop(cloud: &Cloud, front: &str) {
    let body = r#"{"TransID":"UKL4ORPHAN","TransAmount":"60.00","BusinessShortCode":"999999"}"#;
    assert_eq!(http("POST", &format!("{}/mpesa/c2b/confirmation", cloud.url), body).0, 200);
    let listed = cloud.admin(&["inbox"]);
    assert!(listed.contains("no shop has the number 999999"), "{listed}");
    let hash = listed.split_whitespace().nth(1).unwrap();
    cloud.admin(&["inbox", "assign", hash, "mjini"]);
    assert_eq!(cloud.admin(&["inbox"]), "0 in the inbox\n");
    arrives(front, "UKL4ORPHAN", "60.00");
}

fn what_was_never_told_is_found(cloud: &Cloud, safaricom: &str, front: &str) {
    post(safaricom, "/simulator/faults", &json!({ "confirmation-lost": 100 }));
    let lost = pay(safaricom, "123456", 77);
    post(safaricom, "/simulator/faults", &json!({ "confirmation-lost": 0 }));
    for _ in 0..2 {
        cloud.sweep();
    }
    arrives(front, &lost, "77.00");
}

fn head_office_sees_what_the_tills_see(office: &str, front: &str, counter: &str) {
    let day = Timestamp::from_system(SystemTime::now()).to_daraja();
    let day = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..8]);
    let figures = |url: &str, shop: &str| {
        post(url, "/v1/sync", &json!({}));
        let day = get(url, &format!("/v1/days/{day}?shop={shop}"));
        json!([day["takings"], day["drawer"], day["tills"], payments(url, shop)])
    };
    // Sales, total, cash, seen, open; and the payments.
    let expected = [
        ("mjini", front, json!([4, "1598.00", "130.00", "1468.00", "0.00"]), 5),
        ("kijiji", counter, json!([2, "600.00", "0.00", "300.00", "300.00"]), 2),
    ];
    for (shop, till, takings, count) in expected {
        until(&format!("head office and the till of {shop} have the same"), || {
            let (here, there) = (figures(office, shop), figures(till, shop));
            let names = ["sales", "total", "cash", "verified", "open"];
            let brought = json!(names.map(|name| here[0][name].clone()));
            (here == there && brought == takings && here[3].as_array()?.len() == count).then_some(())
        });
    }
}

/// The receipts of a shop's payments with their amounts, each as often as it is there.
fn payments(url: &str, shop: &str) -> Value {
    let all = get(url, &format!("/v1/payments?state=all&limit=200&shop={shop}"));
    let all = all["payments"].as_array().unwrap().iter();
    let mut known: Vec<_> = all.map(|it| format!("{} {}", it["receipt"], it["amount"])).collect();
    known.sort();
    json!(known)
}
