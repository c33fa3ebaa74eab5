//! A day's work over every operation there is: what is asked and answered is what the description says.

use crate::document::{left_unsaid, operations, problems_in};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use tests::counter::Demo;
use tests::process::{http, tool, until};

/// A program that was asked, and what it answered.
struct Asked {
    address: String,
    document: Value,
    answered: RefCell<Vec<Value>>,
}

impl Asked {
    fn at(address: &str) -> Self {
        let (status, document) = http("GET", &format!("{address}/openapi.json"), "");
        assert_eq!(status, 200);
        Self { address: address.to_owned(), document, answered: RefCell::default() }
    }

    /// Asks, and notes it down.
    fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = http(method, &format!("{}{path}", self.address), &text);
        let asked =
            json!({ "method": method, "path": path, "status": status, "asked": body, "answer": answer });
        self.answered.borrow_mut().push(asked);
        answer
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Value::Null)
    }

    fn post(&self, path: &str, body: Value) -> Value {
        self.ask("POST", path, body)
    }

    fn put(&self, path: &str, body: Value) -> Value {
        self.ask("PUT", path, body)
    }

    /// Sells something for M-Pesa.
    fn sell(&self, amount: &str) -> String {
        let sale = json!({
            "lines": [{ "name": "Tea, special", "quantity": "1", "unit_price": amount }],
            "tender": "mpesa", "by": "Asha",
        });
        self.post("/v1/sales", sale)["id"].as_str().unwrap().to_owned()
    }

    /// Holds the description against OpenAPI, and what was answered against the description.
    fn check(&self, never_done: &[&str]) {
        assert_eq!(left_unsaid(&self.document), Vec::<String>::new());
        assert_eq!(faults(&self.document, &self.answered.borrow()), Vec::<String>::new());
        let answered = self.answered.borrow();
        let done = answered.iter().filter(|it| it["status"].as_u64().unwrap() < 300);
        let done: BTreeSet<String> = done.map(|it| template(&self.document, it)).collect();
        let all = operations(&self.document).into_iter().map(|(name, _)| name);
        let never: Vec<String> = all.filter(|name| !done.contains(name)).collect();
        let refused = answered.iter().filter(|it| it["status"].as_u64().unwrap() >= 400);
        let refused: Vec<_> = refused.map(|it| format!("{} {}", it["path"], it["answer"]["title"])).collect();
        assert_eq!(never, never_done, "a day's work does each of them; refused were {refused:#?}");
        let problem = &self.document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
        let described: BTreeSet<String> = serde_json::from_value(problem.clone()).unwrap();
        assert_eq!(problems_in("client-core/app/src"), described, "every problem is described");
    }
}

/// The operation that was asked, as the description names it.
fn template(document: &Value, asked: &Value) -> String {
    let (method, path) = (asked["method"].as_str().unwrap(), asked["path"].as_str().unwrap());
    let path: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
    let fits = |name: &str| {
        let (known, template) = name.split_once(' ').unwrap();
        let template: Vec<&str> = template.split('/').collect();
        let part = |(there, here): (&&str, &&str)| there.starts_with('{') || there == here;
        known == method && template.len() == path.len() && template.iter().zip(&path).all(part)
    };
    let mut found: Vec<String> =
        operations(document).into_iter().map(|(name, _)| name).filter(|name| fits(name)).collect();
    found.sort_by_key(|name| name.matches('{').count());
    found.into_iter().next().unwrap_or_else(|| panic!("{method} {path:?} is not described"))
}

/// What a validator that knows OpenAPI finds wrong.
pub(crate) fn faults(document: &Value, answered: &[Value]) -> Vec<String> {
    let script = tests::process::repository().join("tests/tests/openapi/check.py");
    let mut command = Command::new("python3");
    let piped = command.arg(script).env("PYTHONPATH", tool("openapi")).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut checking = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let given = json!({ "document": document, "answered": answered }).to_string();
    checking.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let output = checking.wait_with_output().unwrap();
    assert!(output.status.success(), "the check failed: run tests/tools.sh");
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_validator_that_is_given_nonsense_says_so() {
    let mut document = json!({ "openapi": "3.1.0", "info": { "title": "x", "version": "1" }, "paths": {
        "/a": { "get": { "responses": { "200": { "description": "it", "content": {
            "application/json": { "schema": { "type": "string" } },
        } } } } },
    } });
    let answered = json!({ "method": "GET", "path": "/a", "status": 200, "asked": null, "answer": 7 });
    assert_eq!(faults(&document, &[answered]), ["GET /a 200, answer $: 7 is not of type 'string'"]);
    document["paths"]["/a"]["get"] = json!({ "responses": { "200": { "description": 7 } } });
    assert!(!faults(&document, &[]).is_empty());
}

#[test]
fn a_hub_describes_what_it_serves_and_serves_what_it_describes() {
    let demo = Demo::start();
    let hub = Asked::at(&demo.hub);
    assert_eq!(left_unsaid(&hub.document), Vec::<String>::new());
    let described = operations(&hub.document);
    for (name, operation) in &described {
        let (method, template) = name.split_once(' ').unwrap();
        let path =
            template.replace("{shop}", "mjini").replace("{request}", "ws_CO_1").replace("{hash}", "9f2c6b1e");
        let answer = hub.ask(method, &path, Value::Null);
        // Nobody signed this: whoever is asked says so, in the form of every error.
        let kind = if operation["operationId"] == "enrol" { "leja:bad-request" } else { "leja:unsigned" };
        assert!(answer["type"] == kind || operation["operationId"] == "enrol", "{name}: {answer}");
    }
    assert_eq!(faults(&hub.document, &hub.answered.borrow()), Vec::<String>::new());
    let said = hub.document["components"]["responses"]["Problem"]["description"].as_str().unwrap();
    let unsaid: Vec<String> = problems_in("functions/service/src")
        .into_iter()
        .filter(|kind| !said.contains(&format!("`{kind}`")))
        .collect();
    assert_eq!(unsaid, Vec::<String>::new(), "every problem is described");
}

/// A customer pays at the simulated Safaricom; gives the receipt code.
fn pay(demo: &Demo, amount: &str) -> String {
    let form = json!({ "shortcode": "123456", "amount": amount, "name": "ASHA WANJIRU" });
    let (_, paid) = http("POST", &format!("{}/simulator/pay", demo.safaricom), &form.to_string());
    paid["receipt"].as_str().unwrap_or_else(|| panic!("{paid}")).to_owned()
}

fn until_seen(till: &Asked, receipt: &str) {
    until("the till hears of the payment", || {
        let (_, seen) = http("GET", &format!("{}/v1/payments?limit=200", till.address), "");
        seen["payments"].as_array()?.iter().any(|it| it["receipt"] == receipt).then_some(())
    });
}

#[test]
fn what_a_till_answers_in_a_day_is_what_it_describes() {
    let demo = Demo::start();
    let till = Asked::at(&demo.till);
    the_drawer(&till);
    sales(&till, &demo);
    goods(&till);
    the_till_itself(&till);
    seeds(&till, &demo);
    // Somebody who asks for what is not there, or asks nonsense, hears it in one form.
    for (path, body) in [("/v1/sales/7-4711/void", json!({})), ("/v1/sales", json!({ "tender": 7 }))] {
        till.post(path, body);
    }
    // No licence is sold here, events have no end, head office closes books, and no two tills want one payment: stories
    // of their own ask for them.
    till.post("/pay-license", json!({ "shop_id": "mjini" }));
    let conflicts = ["POST /v1/conflicts/{receipt}/collect", "POST /v1/conflicts/{receipt}/keep"];
    till.check(&["POST /pay-license", conflicts[0], conflicts[1], "GET /v1/events", "POST /v1/periods"]);
}

fn the_drawer(till: &Asked) {
    till.post("/v1/shift/open", json!({ "float": "2000", "by": "Asha" }));
    till.post(
        "/v1/shift/cash",
        json!({ "amount": "500", "direction": "out", "reason": "bank", "by": "Asha" }),
    );
    till.get("/v1/shift");
    till.get("/v1/shift/report");
    let sale = till.sell("70");
    till.post(&format!("/v1/sales/{sale}/cash"), json!({ "by": "Asha" }));
    till.post(&format!("/v1/sales/{sale}/void"), json!({ "reason": "wrong crate", "by": "Asha" }));
    till.post(&format!("/v1/sales/{sale}/refund"), json!({ "reason": "wrong crate", "by": "Asha" }));
    let beyond = till.sell("80");
    till.post(&format!("/v1/sales/{beyond}/cash"), json!({ "amount": "30", "by": "Asha" }));
    let back = json!({ "goods": [{ "line": 0, "quantity": "1" }], "reason": "sour", "by": "Asha" });
    till.post(&format!("/v1/sales/{beyond}/returns"), back);
    till.put("/v1/catalogue/setting/tips", json!({ "value": "on" }));
    till.post(&format!("/v1/sales/{beyond}/tip"), json!({ "amount": "5", "by": "Asha" }));
    till.post(&format!("/v1/sales/{beyond}/undo"), json!({ "reason": "a slip", "by": "Asha" }));
    till.post("/v1/shift/close", json!({ "counted": "1500", "by": "Asha" }));
    till.get("/v1/shifts");
    till.get("/v1/days/2026-11-21");
}

fn sales(till: &Asked, demo: &Demo) {
    let (receipt, sale) = (pay(demo, "313.00"), till.sell("415"));
    until_seen(till, &receipt);
    till.get(&format!("/v1/sales/{sale}/candidates"));
    till.get(&format!("/v1/payments/{receipt}/candidates"));
    let message = format!("{receipt} Confirmed. Ksh313.00 paid to MJINI. on 20/11/26 at 8:15 AM.");
    till.post("/v1/codes", json!({ "sale": sale, "text": message }));
    let trusted = till.sell("99");
    let typed = json!({ "receipt": "UKL4N0TY3T", "how": "typed", "phone": "678", "by": "Asha" });
    till.post(&format!("/v1/sales/{trusted}/claims"), typed);
    till.post(&format!("/v1/sales/{trusted}/trust"), json!({ "reason": "a neighbour", "by": "Asha" }));
    till.get("/v1/conflicts");
    let claimed =
        till.post(&format!("/v1/sales/{sale}/claims"), json!({ "receipt": receipt, "how": "picked" }));
    let claim = claimed["claims"][0]["id"].as_str().unwrap().to_owned();
    till.post(&format!("/v1/sales/{sale}/printed"), json!({ "by": "Asha" }));
    till.get(&format!("/v1/payments/{receipt}"));
    let checked = till.post(&format!("/v1/payments/{receipt}/check"), json!({}));
    till.get(&format!("/v1/requests/{}", checked["request"].as_str().unwrap_or("none")));
    till.post(&format!("/v1/claims/{claim}/release"), json!({ "reason": "wrong customer", "by": "Asha" }));
    till.post(&format!("/v1/sales/{sale}/push"), json!({ "phone": "0712 345 678" }));
    till.get(&format!("/v1/sales/{sale}/qr"));
    till.get(&format!("/v1/sales/{sale}"));
    let small = till.sell("300");
    till.post(&format!("/v1/sales/{small}/claims"), json!({ "receipt": receipt, "how": "picked" }));
    till.post(&format!("/v1/sales/{small}/credit"), json!({ "by": "Asha" }));
    till.get("/v1/periods");
    let tea = json!([{ "name": "Tea", "quantity": "1", "unit_price": "50" }]);
    let off = json!({ "percent": 10, "reason": "regular customer" });
    till.post("/v1/price", json!({ "lines": tea, "discount": off, "tender": "cash" }));
    let cart = json!({ "lines": tea });
    let parked = till.post("/v1/parked", json!({ "cart": cart, "note": "the red bag", "by": "Asha" }));
    till.get("/v1/parked");
    till.post(&format!("/v1/parked/{}/recall", parked["parked"][0]["number"]), json!({}));
    for path in ["/v1/sales?limit=2", "/v1/sales?state=open", "/v1/payments", "/v1/payments?state=unclaimed"]
    {
        till.get(path);
    }
}

fn goods(till: &Asked) {
    let crate_of_soda = json!({ "name": "Soda, crate", "price": "700.00", "barcodes": ["6161100"] });
    let set = till.put("/v1/products/crate", crate_of_soda);
    till.get("/v1/products");
    till.post("/v1/products/crate/choose", json!({ "version": set["version"], "by": "Asha" }));
    let moved = json!({ "goods": [{ "product": "crate", "quantity": "12" }], "note": "Coast", "by": "Asha" });
    till.post("/v1/stock/received", moved.clone());
    till.post("/v1/stock/counted", moved.clone());
    let mut out = moved;
    out["direction"] = json!("out");
    till.post("/v1/stock/transferred", out);
    till.get("/v1/stock?state=all");
    let asha =
        till.put("/v1/catalogue/staff/asha", json!({ "name": "Asha", "role": "manager", "pin": "4711" }));
    till.post("/v1/catalogue/staff/asha/choose", json!({ "version": asha["version"], "by": "Asha" }));
    till.post("/v1/staff/asha/check", json!({ "pin": "4711" }));
    till.get("/v1/catalogue/staff");
    till.put("/v1/catalogue/tax-rate/vat", json!({ "name": "VAT", "basis_points": 1600 }));
    till.put("/v1/catalogue/setting/footer", json!({ "value": "Karibu" }));
    till.get("/v1/catalogue/setting");
}

fn the_till_itself(till: &Asked) {
    till.get("/v1/status");
    till.post("/v1/sync", Value::Null);
    till.post("/v1/siblings", json!({ "address": "127.0.0.1:9" }));
    till.get("/v1/siblings");
    till.ask("DELETE", "/v1/siblings/127.0.0.1:9", Value::Null);
}

fn seeds(till: &Asked, demo: &Demo) {
    let sale = till.post("/create-sale", json!({ "amount": 731 }));
    till.get(&format!("/check-payment-status/{}", sale["sale_id"]));
    let order = json!({ "phone_number": "0712345679", "amount": 731, "order_reference": "order-17" });
    let pushed = till.post("/mpesa/stk_push", order);
    till.post("/mpesa/check_status", json!({ "checkout_request_id": pushed["checkout_request_id"] }));
    let receipt = pay(demo, "82.00");
    until_seen(till, &receipt);
    let found = till.post("/mpesa/search_unreconciled_callbacks", json!({ "amount": 82 }));
    let callback = found["callbacks"][0]["id"].clone();
    till.post("/mpesa/reconcile_callback", json!({ "callback_id": callback, "order_id": "order-18" }));
    till.post("/mpesa/register_c2b_urls", Value::Null);
}

#[test]
fn what_head_office_answers_is_what_it_describes() {
    let demo = Demo::start();
    let (till, office) = (Asked::at(&demo.till), Asked::at(&demo.office));
    let paths: Vec<String> = operations(&till.document).into_iter().map(|(name, _)| name).collect();
    let here: Vec<String> = operations(&office.document).into_iter().map(|(name, _)| name).collect();
    assert!(paths.iter().any(|name| name == "POST /create-sale"));
    assert!(!here.iter().any(|name| name == "POST /create-sale"), "head office sells nothing");
    let receipt = pay(&demo, "64.00");
    until_seen(&office, &receipt);
    for path in ["/v1/status", "/v1/sales", "/v1/payments", "/v1/shifts?shop=mjini", "/v1/stock?shop=mjini"] {
        office.get(path);
    }
    office
        .post(&format!("/v1/payments/{receipt}/reverse"), json!({ "shop": "mjini", "reason": "wrong shop" }));
    assert_eq!(left_unsaid(&office.document), Vec::<String>::new());
    assert_eq!(faults(&office.document, &office.answered.borrow()), Vec::<String>::new());
}
