//! What cashiers and head office see: the built program, its pages, and a real browser.

use domain::Timestamp;
use serde_json::json;
use std::process::Command;
use std::time::SystemTime;
use tempfile::TempDir;
use tests::browser::{Browser, COUNTER, PHONE, Page};
use tests::process::{Running, built, http, leja, until};

const TILL_NUMBER: &str = "123456";
const NOWHERE: &str = "127.0.0.1:0";

/// A shop with its hub, tills and head office, each a process of its own.
struct Shop {
    data: TempDir,
    /// Where the hub listens, also after it was away.
    address: String,
    hub: Option<Running>,
    members: Vec<Running>,
}

impl Shop {
    /// A shop that sells bread and milk.
    fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let hub = start_hub(&data, NOWHERE);
        let address = hub.address().replace("http://", "");
        let shop = Self { data, address, hub: Some(hub), members: Vec::new() };
        // The hub enrols its administrator after it began to listen.
        let admin = till::Folder::at(&shop.data.path().join("hub/admin")).unwrap();
        until("the hub has its administrator", || admin.is_enrolled().then_some(()));
        let number = ["--account", "till", "--shortcode", TILL_NUMBER];
        shop.admin(&[&["shop", "mjini", "--name", "Duka la Mjini"], &number[..]].concat());
        shop
    }

    /// Changes what the shop chose about its payments.
    fn choose(&self, rules: serde_json::Value) {
        let mut form = json!({
            "id": "mjini", "name": "Duka la Mjini", "account": "till", "shortcode": TILL_NUMBER,
        });
        form.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
        let admin = till::Folder::at(&self.data.path().join("hub/admin")).unwrap().credentials().unwrap();
        let hub = till::HttpCloud::new(&format!("http://{}", self.address)).unwrap();
        let now = Timestamp::from_system(SystemTime::now());
        admin.ask(&hub, "POST", "/v1/admin/shops", form.to_string().into_bytes(), now).unwrap();
    }

    /// Enrols a till; gives its address.
    fn till(&mut self, folder: &str, name: &str) -> String {
        let code = self.admin(&["till", "mjini"]);
        self.member("till", folder, name, &code)
    }

    /// Enrols head office; gives its address.
    fn office(&mut self) -> String {
        let code = self.admin(&["office"]);
        self.member("office", "office", "Head office", &code)
    }

    fn member(&mut self, role: &str, folder: &str, name: &str, code: &str) -> String {
        let mut command = Command::new(built("leja"));
        command.args([role, "--listen", NOWHERE, "--enrol", code.trim(), "--name", name]);
        command.arg("--data").arg(self.data.path().join(folder));
        command.args(["--hub", &format!("http://{}", self.address)]);
        let member = Running::start(&mut command);
        let address = member.address();
        self.members.push(member);
        address
    }

    /// Starts a till anew, with an address for other tills.
    fn on_the_lan(&mut self, folder: &str) -> String {
        let mut command = Command::new(built("leja"));
        command.args(["till", "--listen", NOWHERE, "--lan", NOWHERE]);
        command.arg("--data").arg(self.data.path().join(folder));
        command.args(["--hub", &format!("http://{}", self.address)]);
        let member = Running::start(&mut command);
        let address = member.address();
        self.members.push(member);
        address
    }

    fn admin(&self, arguments: &[&str]) -> String {
        let hub = format!("http://{}", self.address);
        let folder = self.data.path().join("hub/admin");
        let whom = ["admin", "--hub", &hub, "--admin", folder.to_str().unwrap()];
        leja(&[&whom, arguments].concat())
    }

    /// The line goes down, as seen from the tills.
    fn cut_the_line(&mut self) {
        self.hub.take().unwrap().kill();
    }

    /// The line comes back.
    fn mend_the_line(&mut self) {
        let hub = start_hub(&self.data, &self.address);
        hub.address();
        self.hub = Some(hub);
    }

    /// A customer pays, and Safaricom confirms it.
    fn pay(&self, receipt: &str, amount: &str, name: &str) {
        let confirmation = json!({
            "TransactionType": "Customer Merchant Payment", "TransID": receipt,
            "TransTime": Timestamp::from_system(SystemTime::now()).to_daraja(),
            "TransAmount": amount, "BusinessShortCode": TILL_NUMBER, "BillRefNumber": "",
            "MSISDN": "2547 ***** 149", "FirstName": name, "MiddleName": "", "LastName": "",
        });
        let url = format!("http://{}/mpesa/callback", self.address);
        assert_eq!(http("POST", &url, &confirmation.to_string()).0, 200, "Safaricom is answered");
    }
}

fn start_hub(data: &TempDir, listen: &str) -> Running {
    let mut command = Command::new(built("leja"));
    Running::start(
        command.args(["hub", "--seed-paths", "--listen", listen]).arg("--data").arg(data.path().join("hub")),
    )
}

/// Sets a price, as a program of the shop would.
fn stock(till: &str, id: &str, name: &str, price: &str) {
    let product = json!({ "name": name, "price": price, "by": "Owner" });
    let (status, _) = http("PUT", &format!("{till}/v1/products/{id}"), &product.to_string());
    assert_eq!(status, 200);
}

/// Asks a till or head office to sync now, and waits until it has.
fn sync(member: &str) {
    assert_eq!(http("POST", &format!("{member}/v1/sync"), "{}").0, 200);
}

/// Sells some amount for M-Pesa and gives the sale's id.
fn sell(page: &Page<'_>, amount: &str) -> String {
    page.fill("other-amount", amount);
    page.click("add-amount");
    page.until_text("cart-total", amount);
    page.click("pay-mpesa");
    shown_sale(page)
}

/// The id of the sale that a page shows.
fn shown_sale(page: &Page<'_>) -> String {
    page.until_text("sale-reference", "");
    let id = page.run("return decodeURIComponent(location.hash.slice('#sale/'.length));", vec![]);
    id.as_str().unwrap().to_owned()
}

fn show_sale(page: &Page<'_>, id: &str) {
    page.go(&format!("#sale/{id}"));
    page.until_text("history", "sold");
}

fn assert_calm(browser: &Browser) {
    assert_eq!(browser.complaints(), Vec::<String>::new(), "the browser's console");
}

#[test]
fn a_sale_made_offline_settles_by_itself_when_the_line_and_the_payment_are_there() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    stock(&till, "bread", "Bread 400g", "65.00");
    stock(&till, "milk", "Milk 500ml", "60.00");
    let browser = Browser::start();
    let page = browser.open(&till);
    page.until_state("status-pill", "online");
    page.fill("cashier", "Wanjiru");

    shop.cut_the_line();
    page.click("status-pill");
    page.until_state("status-pill", "offline");
    page.click("product-bread");
    page.click("product-milk");
    page.until_text("cart-total", "125.00");
    page.click("pay-mpesa");
    page.until_state("sale-state", "open");
    page.until_text("sale-state", "NOT PAID YET");
    page.until_text("status-pill", "waiting");
    let sale = shown_sale(&page);
    fits(&page, "till-offline");

    page.run("window.notReloaded = true;", vec![]);
    shop.mend_the_line();
    shop.pay("UKL1AB2C3D", "125.00", "ASHA");
    page.until_state("sale-state", "paid");
    page.until_text("sale-state", "PAID");
    page.until_state("status-pill", "online");
    assert_eq!(page.run("return window.notReloaded;", vec![]), true, "the page learned it by itself");
    page.until_state(&format!("latest-sale-{sale}"), "paid");

    head_office_sees_it(&browser.open(&office), &sale);
    assert_calm(&browser);
}

#[test]
fn a_scanned_crate_is_sold_and_what_was_sold_beyond_the_stock_shows_until_somebody_counts() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    let soda = json!({ "name": "Soda, crate", "price": "700.00", "barcodes": ["6161100"], "by": "Owner" });
    assert_eq!(http("PUT", &format!("{till}/v1/products/soda"), &soda.to_string()).0, 200);
    let browser = Browser::start();
    let page = browser.open(&till);
    page.until_text("product-soda", "700.00");
    page.fill("find-product", "6161100");
    page.run("document.getElementById('find').requestSubmit();", vec![]);
    page.until_text("cart-total", "700.00");
    page.click("pay-cash");
    let sale = shown_sale(&page);
    page.until_text("below-soda", "Soda, crate: -1");
    fits(&page, "till-oversold");

    page.choose("stock-product", "soda");
    page.fill("stock-quantity", "12");
    page.fill("stock-note", "Coast Bottlers, note 12");
    page.click("stock-save");
    page.until_text("stock-level", "11 in stock");
    page.until_gone("below-soda");
    page.choose("stock-move", "3");
    page.fill("stock-quantity", "9.5");
    page.click("stock-save");
    page.until_text("stock-level", "9.5 in stock");

    sync(&till);
    sync(&office);
    let (_, answer) = http("GET", &format!("{office}/v1/sales/{sale}"), "");
    assert_eq!(answer["lines"][0]["product"], "soda");
    let page = browser.open(&office);
    page.until_text("stock-level", "9.5 in stock");
    fits(&page, "office-stock");
    assert_calm(&browser);
}

/// What a till hears that keeps a few days of history: tests/stock.rs has such tills, and here is what they show.
#[test]
fn a_till_that_lacks_the_past_shows_by_how_much_the_stock_changed_and_asks_for_a_count() {
    let mut shop = Shop::open();
    let till = shop.till("till-a", "Front counter");
    stock(&till, "soda", "Soda, crate", "700.00");
    let browser = Browser::start();
    let page = browser.open(&till);
    let row = |level: &str, whole: bool| {
        let soda = json!({ "product": "soda", "name": "Soda, crate", "level": level, "below": false, "whole": whole });
        json!({ "stock": [soda], "since": "2026-11-14T06:00:00+03:00" })
    };
    for (heard, words) in [
        (row("-5", false), "5 fewer than on 2026-11-14"),
        (row("7", false), "7 more than on 2026-11-14"),
        (row("12", true), "12 in stock, as far as is known"),
    ] {
        pretend_at(&page, "/v1/stock?shop=mjini", heard);
        let told = page.until_text("stock-level", words);
        assert_eq!(told.contains("count it"), words.contains("than on"), "{told}");
        page.until_gone("below-soda");
        fits_at(&page, "stock", &format!("till-stock-{}", words.contains("than on")));
    }
    assert_calm(&browser);
}

#[test]
fn prices_set_apart_are_shown_with_who_set_them_and_head_office_chooses() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    stock(&till, "bread", "Bread 400g", "60.00");
    sync(&till);
    sync(&office);
    shop.cut_the_line();
    stock(&till, "bread", "Bread 400g", "65.00");
    let juma = json!({ "shop": "mjini", "name": "Bread 400g", "price": "70.00", "by": "Juma" });
    assert_eq!(http("PUT", &format!("{office}/v1/products/bread"), &juma.to_string()).0, 200);
    shop.mend_the_line();
    sync(&till);
    sync(&office);
    sync(&till);

    let browser = Browser::start();
    let counter = browser.open(&till);
    counter.until_text("product-bread", "or ");
    let page = browser.open(&office);
    let row = page.until_text("office-product-bread", " or ");
    for part in ["65.00", "70.00", "Owner", "Juma"] {
        assert!(row.contains(part), "{part} in {row}");
    }
    fits(&page, "office-conflict");
    page.click("choose-bread-1");
    page.until_gone("choose-bread-1");
    sync(&office);
    sync(&till);
    let (_, answer) = http("GET", &format!("{till}/v1/products"), "");
    assert_eq!(answer["products"][0]["others"], json!([]));
    assert_calm(&browser);
}

/// Each stage of a sale as a page shows it: `done` or `open`.
fn stages(page: &Page<'_>) -> Vec<String> {
    let names = ["printed", "stored", "sent", "head-office", "reconciled"];
    let state = |name| page.attribute(&format!("stage-{name}"), "data-state").unwrap_or_default();
    names.into_iter().map(state).collect()
}

fn until_stages(page: &Page<'_>, wanted: [&str; 5]) {
    until(&format!("the stages are {wanted:?}"), || (stages(page) == wanted).then_some(()));
}

#[test]
fn a_sale_shows_how_far_it_has_come_and_is_printed_when_the_paper_is_out() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    stock(&till, "bread", "Bread 400g", "65.00");
    let browser = Browser::start();
    let page = browser.open(&till);
    page.until_state("status-pill", "online");
    shop.cut_the_line();
    page.click("product-bread");
    page.click("pay-cash");
    let sale = shown_sale(&page);
    until_stages(&page, ["open", "done", "open", "open", "open"]);
    page.until_text("reach", "not in the cloud yet");
    page.until_text(&format!("latest-sale-{sale}"), "not sent yet");

    // The browser's own window for printers is no part of this.
    page.run("window.print = () => { window.paper = document.querySelector('.slip').innerText; };", vec![]);
    page.click("print-receipt");
    let paper = page.run("return window.paper;", vec![]);
    let paper = paper.as_str().unwrap();
    for part in ["Duka la Mjini", "Bread 400g", "65.00", "PAID"] {
        assert!(paper.contains(part), "{part} on the receipt: {paper}");
    }
    assert_eq!(stages(&page)[0], "open", "nobody knows yet whether it came out");
    fits(&page, "till-printing");
    page.click("receipt-out");
    until_stages(&page, ["done", "done", "open", "open", "open"]);
    page.until_text("history", "receipt printed");

    shop.mend_the_line();
    page.click("status-pill");
    until_stages(&page, ["done", "done", "done", "open", "open"]);
    page.until_text("reach", "Head office has not fetched it yet");
    sync(&office);
    let head_office = browser.open(&office);
    head_office.until_text(&format!("office-sale-{sale}"), "reconciled");
    show_sale(&head_office, &sale);
    until_stages(&head_office, ["done"; 5]);
    fits(&head_office, "office-stages");
    assert_calm(&browser);
}

/// Changes what a page hears from an address of its till, as if it were so.
fn pretend_at(page: &Page<'_>, address: &str, instead: serde_json::Value) {
    let script = "const heard = window.heard ??= window.fetch;
        const [address, instead] = arguments;
        window.fetch = async (path, init) => {
          const answer = await heard(path, init);
          if (path !== address) return answer;
          return new Response(JSON.stringify({ ...await answer.json(), ...instead }));
        };";
    page.run(script, vec![json!(address), instead]);
    page.click("status-pill");
}

fn pretend(page: &Page<'_>, status: serde_json::Value) {
    pretend_at(page, "/v1/status", status);
}

#[test]
fn the_connection_is_told_in_words_that_a_person_understands() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    let browser = Browser::start();
    let (page, head_office) = (browser.open(&till), browser.open(&office));
    page.until_text("line", "Online");
    page.until_text("line", "Everything is sent");
    shop.cut_the_line();
    page.click("status-pill");
    page.until_text("line", "Offline since ");
    page.until_text("line", "Selling goes on");
    sell(&page, "200.00");
    page.until_text("line-facts", "1 entry made here waits to be sent");
    fits_at(&page, "connection", "till-connection-offline");
    shop.mend_the_line();
    page.click("status-pill");
    page.until_text("line", "Everything is sent");

    pretend(&page, json!({ "history": { "have": 1200, "of": 5000 } }));
    page.until_text("history-progress", "1200 of 5000");
    let drawn = "return document.querySelector('[data-testid=history-progress] progress').position;";
    assert_eq!(page.run(drawn, vec![]).as_f64(), Some(0.24));
    fits_at(&page, "connection", "till-history");
    pretend(&page, json!({ "syncing": { "have": 40, "of": 120 } }));
    page.until_text("line", "Syncing 40 of 120");
    page.until_text("status-pill", "Syncing 40 of 120");
    let reason = "entry 3-7: not a change that Leja writes: no fact as we would write it";
    let notice = "2026-11-22 till 1 became 1.1, because its ledger was copied";
    for (name, page) in [("till", &page), ("office", &head_office)] {
        pretend(page, json!({ "refused": 60, "set_aside": [reason], "notices": [notice] }));
        page.until_text("set-aside", "60 things were refused");
        page.click("set-aside-open");
        let told = page.until_text("set-aside", reason);
        assert!(told.contains("and 59 more"), "{told}");
        page.until_text("notices", "because its ledger was copied");
        page.until_text("status-pill", "60 refused");
        fits_at(page, "connection", &format!("{name}-refused"));
    }
    assert_calm(&browser);
}

#[test]
fn another_till_is_added_by_its_address_and_is_known_after_a_restart() {
    let mut shop = Shop::open();
    shop.till("till-a", "Front counter");
    shop.till("till-b", "Back counter");
    shop.members.clear();
    let members: Vec<String> = ["till-a", "till-b"].map(|folder| shop.on_the_lan(folder)).into();
    // Both have to hear from the cloud once that the other is of their shop.
    for address in members.iter().chain(&members) {
        sync(address);
    }
    shop.cut_the_line();
    let lan = shop.members.last().unwrap().line_with(" for other tills");
    let lan = lan.split_whitespace().find_map(|word| word.strip_prefix("http://")).unwrap().to_owned();
    let browser = Browser::start();
    let page = browser.open(&members[0]);
    page.until_text("sibling-B", "not met yet");
    page.click("add-sibling");
    page.fill("sibling-address", "the till over there");
    page.click("sibling-add");
    page.until_text("notice", "host:port");
    page.fill("sibling-address", "127.0.0.1:9");
    page.click("sibling-add");
    page.until_text("place-127.0.0.1:9", "can not be reached");
    fits_at(&page, "connection", "till-siblings");
    page.click("forget-127.0.0.1:9");
    page.until_gone("place-127.0.0.1:9");
    page.fill("sibling-address", &lan);
    page.click("sibling-add");
    page.until_text("sibling-B", "met ");
    page.until_text("sibling-B", &lan);
    page.until_text(&format!("place-{lan}"), "Back counter is there");
    fits_at(&page, "connection", "till-sibling-met");
    assert_calm(&browser);

    // The first till starts anew, and nobody types anything.
    let first = shop.members.len() - 2;
    shop.members.remove(first).kill();
    let again = shop.on_the_lan("till-a");
    let page = browser.open(&again);
    page.until_text("sibling-B", "met ");
    assert_calm(&browser);
}

/// The sale above, as head office shows it: the shop's day, the sale, the payment, and who did what.
fn head_office_sees_it(page: &Page<'_>, sale: &str) {
    page.until_state(&format!("office-sale-{sale}"), "paid");
    page.until_text("office-shop-mjini", "Duka la Mjini");
    page.until_text("office-shop-mjini", "125.00");
    page.until_text("today-total", "125.00");
    page.choose("payment-filter", "all");
    page.until_text("office-payment-UKL1AB2C3D", "125.00");
    page.click(&format!("office-sale-{sale}"));
    page.until_state("sale-state", "paid");
    let history = page.until_text("history", "claimed");
    for part in ["sold", "Wanjiru", "UKL1AB2C3D confirmed", "Safaricom", "Leja"] {
        assert!(history.contains(part), "{part:?} in the history:\n{history}");
    }
    fits(page, "office-paid");
}

#[test]
fn of_two_sales_with_one_amount_the_cashier_chooses_and_may_think_again() {
    let mut shop = Shop::open();
    let till = shop.till("till-a", "Front counter");
    let browser = Browser::start();
    let page = browser.open(&till);
    page.fill("cashier", "Wanjiru");
    let other = sell(&page, "200.00");
    page.click("back");
    let sale = sell(&page, "200.00");
    page.until_text("same-amount", "also waits for KES 200.00");

    shop.pay("UKL2AB2C3D", "200.00", "BRIAN");
    page.until_text("choose-payment", "(1)");
    // A whole sync later, the till itself has still not chosen.
    sync(&till);
    page.until_state("sale-state", "open");
    page.click("choose-payment");
    assert!(page.until_text("candidate-UKL2AB2C3D", "BRIAN").contains("149"), "the digits to compare");
    fits(&page, "till-candidates");
    page.click("candidate-UKL2AB2C3D");
    page.until_state("sale-state", "paid");
    page.until_state(&format!("open-sale-{other}"), "open");
    fits(&page, "till-picked");

    page.click("undo");
    page.until_state("sale-state", "open");
    page.until_text("unclaimed-UKL2AB2C3D", "200.00");
    let history = page.until_text("history", "released");
    assert!(history.contains("claimed for sale") && history.contains("Wanjiru"), "{history}");
    show_sale(&page, &sale);
    assert_calm(&browser);
}

#[test]
fn what_a_person_released_is_not_taken_again_by_itself() {
    let mut shop = Shop::open();
    let till = shop.till("till-a", "Front counter");
    let browser = Browser::start();
    let page = browser.open(&till);
    sell(&page, "250.00");
    shop.pay("UKL4AB2C3D", "250.00", "DAVID");
    page.until_state("sale-state", "paid");

    page.click("release-*");
    page.fill("reason-input", "Other customer's payment");
    page.click("reason-confirm");
    page.until_state("sale-state", "open");
    page.until_text("history", "Other customer's payment");
    // A whole sync later it is still as the person left it.
    sync(&till);
    let answer = http("GET", &format!("{till}/v1/sales?state=open"), "").1;
    assert_eq!(answer["sales"].as_array().unwrap().len(), 1, "the sale is open: {answer}");
    page.until_text("choose-payment", "(1)");
    assert_calm(&browser);
}

#[test]
fn a_code_used_at_two_tills_is_a_conflict_that_everybody_sees_until_one_gives_way() {
    let mut shop = Shop::open();
    let (till_a, till_b) = (shop.till("till-a", "Front counter"), shop.till("till-b", "Back counter"));
    let office = shop.office();
    let browser = Browser::start();
    let (front, back) = (browser.open(&till_a), browser.open(&till_b));

    shop.cut_the_line();
    let (won, lost) = (sell_with_code(&front), sell_with_code(&back));
    shop.mend_the_line();
    shop.pay("UKL3AB2C3D", "300.00", "CAROL");
    // Both send before both receive.
    for till in [&till_a, &till_b, &till_a] {
        sync(till);
    }

    front.until_state("sale-state", "paid");
    front.until_text("conflict-card", "at Back counter claims the same payment");
    back.until_state("sale-state", "open");
    back.until_text("conflict-card", "Code UKL3AB2C3D is already used for sale");
    let head_office = browser.open(&office);
    head_office.until_text(&format!("office-sale-{lost}"), "Conflict");
    head_office.until_state(&format!("office-sale-{won}"), "paid");
    head_office.click(&format!("office-sale-{lost}"));
    head_office.until_text("conflict-card", "at Front counter");

    for (name, page) in [("till-won", &front), ("till-lost", &back), ("office-conflict", &head_office)] {
        fits(page, name);
    }

    back.click("release-*");
    back.fill("reason-input", "Code typed wrongly");
    fits(&back, "till-reason");
    back.click("reason-confirm");
    for page in [&front, &back, &head_office] {
        page.until_gone("conflict-card");
    }
    front.until_state("sale-state", "paid");
    back.until_text("history", "Code typed wrongly");
    head_office.until_text(&format!("office-sale-{lost}"), "NOT PAID YET");
    assert_calm(&browser);
}

/// Sells, and types the code of the customer's message; gives the sale's id.
fn sell_with_code(page: &Page<'_>) -> String {
    let sale = sell(page, "300.00");
    page.click("type-code");
    page.fill("code-input", "ukl3ab2c3d");
    page.click("code-submit");
    page.until_state("sale-state", "claimed");
    sale
}

#[test]
fn the_simulated_safaricom_takes_payments_and_its_customers_can_be_stopped() {
    let demo = Demo::start();
    let browser = Browser::start();
    let (safaricom, till) = (browser.open(&demo.safaricom), browser.open(&demo.till));
    until_switched(&safaricom, "true");
    safaricom.click("customers");
    until_switched(&safaricom, "false");

    safaricom.choose("pay-shortcode", TILL_NUMBER);
    safaricom.fill("pay-amount", "77");
    safaricom.fill("pay-name", "HALIMA ALI");
    safaricom.click("pay-send");
    let answer = safaricom.until_text("pay-answer", "Paid");
    let receipt = answer.trim_end_matches('.').rsplit(' ').next().unwrap();
    safaricom.until_text("log", receipt);
    fits(&safaricom, "safaricom-paid");
    till.until_text(&format!("unclaimed-{receipt}"), "HALIMA ALI");
    assert_calm(&browser);
}

#[test]
fn a_customer_who_is_asked_on_the_phone_may_refuse_and_then_pay() {
    let demo = Demo::start();
    let browser = Browser::start();
    let page = browser.open(&demo.till);
    page.click("product-eggs");
    page.click("pay-mpesa");
    // The simulated customers tell by their last digit what they will do.
    page.fill("push-phone", "0712 345 671");
    page.click("push-send");
    page.until_state("push-message", "cancelled");
    page.until_text("push-message", "Payment cancelled");
    page.until_text("push-message", "Mteja ameghairi malipo");
    page.until_state("sale-state", "open");
    page.fill("push-phone", "0712 345 678");
    page.click("push-send");
    page.until_state("sale-state", "paid");
    page.until_text("history", "request on the phone");
    fits(&page, "till-asked");
    assert_calm(&browser);
}

#[test]
fn a_customer_scans_a_code_and_hears_what_m_pesa_does_not_ask_for() {
    let demo = Demo::start();
    let browser = Browser::start();
    let page = browser.open(&demo.till);
    sell(&page, "450.50");
    let asks = page.until_text("push-asks", "KES 450.00 now");
    assert!(asks.contains("KES 0.50 remains"), "{asks}");
    page.click("show-qr");
    let picture = "return document.querySelector('[data-testid=qr] img')?.naturalWidth > 0 || null;";
    until("the code is drawn", || page.run(picture, vec![]).as_bool());
    fits(&page, "till-qr");
    page.fill("push-phone", "0712 345 678");
    page.click("push-send");
    page.until_state("sale-state", "part_paid");
    page.until_text("push-asks", "take KES 0.50 in cash");
    page.click("take-cash");
    page.until_state("sale-state", "paid");
    assert_calm(&browser);
}

#[test]
fn head_office_gives_a_payment_back_and_the_till_that_took_it_is_told() {
    let demo = Demo::start();
    let browser = Browser::start();
    // The organisation can give back only what it has.
    let safaricom = browser.open(&demo.safaricom);
    safaricom.choose("pay-shortcode", TILL_NUMBER);
    safaricom.fill("pay-amount", "5000");
    safaricom.click("pay-send");
    safaricom.until_text("pay-answer", "Paid");
    let (till, office) = (browser.open(&demo.till), browser.open(&demo.office));
    till.click("product-eggs");
    till.click("pay-mpesa");
    let sale = shown_sale(&till);
    till.fill("push-phone", "0712 345 678");
    till.click("push-send");
    till.until_state("sale-state", "paid");
    let (_, told) = http("GET", &format!("{}/v1/sales/{sale}", demo.till), "");
    let receipt = told["claims"][0]["receipt"].as_str().unwrap();

    office.until_state(&format!("office-sale-{sale}"), "paid");
    office.go(&format!("#payment/mjini/{receipt}"));
    office.click("give-back");
    office.fill("reason-input", "Goods came back");
    fits(&office, "office-give-back");
    office.click("reason-confirm");
    office.until_text("reversed-alarm", "went back to the customer");
    office.until_text(&format!("office-sale-{sale}"), "Payment went back");
    fits(&office, "office-reversed");

    let alarm = till.until_text("reversed-alarm", "do not hand out goods");
    assert!(alarm.contains(receipt) && alarm.contains("usitoe bidhaa"), "{alarm}");
    till.until_state("sale-state", "open");
    till.until_text(&format!("open-sale-{sale}"), "Payment went back");
    till.until_text("history", "went back to the customer");
    fits(&till, "till-reversed");
    assert_calm(&browser);
}

#[test]
fn goods_of_a_large_payment_wait_for_a_second_word_from_safaricom() {
    let mut shop = Shop::open();
    shop.choose(json!({ "second_source_from": "500.00", "review_from": "500.00" }));
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    let browser = Browser::start();
    let page = browser.open(&till);
    let sale = sell(&page, "500.00");
    shop.pay("UKL5AB2C3D", "500.00", "EVE");
    page.until_state("sale-state", "unconfirmed");
    page.until_text("sale-state", "do not hand out goods yet");
    let alarm = page.until_text("unconfirmed-alarm", "until Safaricom confirms it");
    assert!(alarm.contains("Usitoe bidhaa bado"), "{alarm}");
    page.until_text(&format!("open-sale-{sale}"), "Not confirmed");
    fits(&page, "till-unconfirmed");
    // This shop has no API user at Safaricom, and the cashier hears just that.
    page.click("check-UKL5AB2C3D");
    page.until_text("notice", "No API user is configured");

    let head_office = browser.open(&office);
    head_office.until_text(&format!("office-sale-{sale}"), "Not confirmed");
    head_office.go("#payment/mjini/UKL5AB2C3D");
    head_office.until_text("review", "somebody should look at it");
    head_office.until_text("payment-facts", "Not confirmed");
    fits(&head_office, "office-large");
    assert_calm(&browser);
}

fn until_switched(page: &Page<'_>, on: &str) {
    until("the switch says so", || page.attribute("customers", "aria-checked").filter(|shown| shown == on));
}

#[test]
fn every_page_fits_a_counter_screen_and_a_phone() {
    let demo = Demo::start();
    let browser = Browser::start();
    let (till, office) = (browser.open(&demo.till), browser.open(&demo.office));
    let sale = sell(&till, "140.00");
    office.until_text(&format!("office-sale-{sale}"), "NOT PAID YET");
    let safaricom = browser.open(&demo.safaricom);
    till.click("product-bread");
    till.click("product-unga");
    till.click("product-unga");
    for (name, page) in [("till", &till), ("office", &office), ("safaricom", &safaricom)] {
        fits(page, name);
    }
    for (name, page) in [("till-sale", &till), ("office-sale", &office)] {
        show_sale(page, &sale);
        fits(page, name);
    }
    assert_calm(&browser);
}

/// Nothing hangs over the edge. With `LEJA_PICTURES`, a folder, it also leaves pictures for people there.
fn fits(page: &Page<'_>, name: &str) {
    fits_at(page, "notice", name);
}

/// The same, with a part of the page in view.
fn fits_at(page: &Page<'_>, part: &str, name: &str) {
    for screen in [PHONE, COUNTER] {
        page.on(screen);
        page.run("document.getElementById(arguments[0])?.scrollIntoView();", vec![json!(part)]);
        assert_eq!(page.overhang(), 0, "{name} on {screen:?}");
        if let Some(folder) = std::env::var_os("LEJA_PICTURES") {
            page.picture(&std::path::Path::new(&folder).join(format!("{name}-{}.png", screen.0)));
        }
    }
}

/// `leja demo` on free ports, with the addresses that it printed.
struct Demo {
    till: String,
    office: String,
    safaricom: String,
    _demo: Running,
    _data: TempDir,
}

impl Demo {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(built("leja"));
        let demo = Running::start(command.args(["demo", "--port", "0"]).arg("--data").arg(data.path()));
        let address = |line: &str| {
            let printed = demo.line_with(line);
            let word = printed.split_whitespace().find(|word| word.starts_with("http://"));
            word.unwrap().to_owned()
        };
        let (till, office) = (address("Front counter"), address("head office"));
        let safaricom = address("Safaricom");
        Self { till, office, safaricom, _demo: demo, _data: data }
    }
}
