//! Shops for the stories of the pages: hub, tills and head office as processes of their own, or the whole demo, and
//! what their stories do on a page again and again.

use crate::browser::{Browser, COUNTER, PHONE, Page};
use crate::process::{Running, built, http, leja, until};
use domain::Timestamp;
use serde_json::json;
use std::process::Command;
use std::time::SystemTime;
use tempfile::TempDir;

/// The number that every shop's customers pay to.
pub const TILL_NUMBER: &str = "123456";
const NOWHERE: &str = "127.0.0.1:0";

/// A shop with its hub, tills and head office, each a process of its own.
pub struct Shop {
    data: TempDir,
    /// Where the hub listens, also after it was away.
    address: String,
    hub: Option<Running>,
    /// Its tills and head office, in the order in which they were started.
    pub members: Vec<Running>,
}

impl Shop {
    /// A shop that sells bread and milk.
    pub fn open() -> Self {
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
    pub fn choose(&self, rules: serde_json::Value) {
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
    pub fn till(&mut self, folder: &str, name: &str) -> String {
        let code = self.admin(&["till", "mjini"]);
        self.member("till", folder, name, &code)
    }

    /// Enrols head office; gives its address.
    pub fn office(&mut self) -> String {
        let code = self.admin(&["office"]);
        self.member("office", "office", "Head office", &code)
    }

    fn member(&mut self, role: &str, folder: &str, name: &str, code: &str) -> String {
        self.start(role, folder, &["--enrol", code.trim(), "--name", name])
    }

    /// Starts a till anew, with an address for other tills.
    pub fn on_the_lan(&mut self, folder: &str) -> String {
        self.start("till", folder, &["--lan", NOWHERE])
    }

    fn start(&mut self, role: &str, folder: &str, more: &[&str]) -> String {
        let mut command = Command::new(built("leja"));
        command.args([role, "--listen", NOWHERE, "--hub", &format!("http://{}", self.address)]);
        command.arg("--data").arg(self.data.path().join(folder)).args(more);
        let member = Running::start(&mut command);
        let address = member.address();
        self.members.push(member);
        address
    }

    /// Asks the hub something as whoever runs it; gives what was printed.
    pub fn admin(&self, arguments: &[&str]) -> String {
        let hub = format!("http://{}", self.address);
        let folder = self.data.path().join("hub/admin");
        let whom = ["admin", "--hub", &hub, "--admin", folder.to_str().unwrap()];
        leja(&[&whom, arguments].concat())
    }

    /// The line goes down, as seen from the tills.
    pub fn cut_the_line(&mut self) {
        self.hub.take().unwrap().kill();
    }

    /// The line comes back.
    pub fn mend_the_line(&mut self) {
        let hub = start_hub(&self.data, &self.address);
        hub.address();
        self.hub = Some(hub);
    }

    /// Somebody pays for the shop's licence.
    pub fn pay_licence(&self, receipt: &str, paybill: &str) {
        let confirmation = json!({
            "TransID": receipt, "TransAmount": "1000.00", "BusinessShortCode": paybill,
            "BillRefNumber": "License Mjini",
        });
        let url = format!("http://{}/mpesa/license/confirmation", self.address);
        assert_eq!(http("POST", &url, &confirmation.to_string()).0, 200);
    }

    /// A customer pays, and Safaricom confirms it.
    pub fn pay(&self, receipt: &str, amount: &str, name: &str) {
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

/// `leja demo` on free ports, with the addresses that it printed.
pub struct Demo {
    /// The address of its front counter.
    pub till: String,
    /// Of head office.
    pub office: String,
    /// Of the simulated Safaricom.
    pub safaricom: String,
    /// Of the hub.
    pub hub: String,
    _demo: Running,
    _data: TempDir,
}

impl Demo {
    /// Starts it, with a new folder.
    pub fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(built("leja"));
        let demo = Running::start(command.args(["demo", "--port", "0"]).arg("--data").arg(data.path()));
        let address = |line: &str| {
            let printed = demo.line_with(line);
            let word = printed.split_whitespace().find(|word| word.starts_with("http://"));
            word.unwrap().to_owned()
        };
        let (till, office) = (address("Front counter"), address("head office"));
        let (safaricom, hub) = (address("Safaricom"), address("hub "));
        Self { till, office, safaricom, hub, _demo: demo, _data: data }
    }
}

fn start_hub(data: &TempDir, listen: &str) -> Running {
    let mut command = Command::new(built("leja"));
    Running::start(
        command.args(["hub", "--seed-paths", "--listen", listen]).arg("--data").arg(data.path().join("hub")),
    )
}

/// Sets a price, as a program of the shop would.
pub fn stock(till: &str, id: &str, name: &str, price: &str) {
    let product = json!({ "name": name, "price": price, "by": "Owner" });
    let (status, _) = http("PUT", &format!("{till}/v1/products/{id}"), &product.to_string());
    assert_eq!(status, 200);
}

/// Asks a till or head office to sync now, and waits until it has.
pub fn sync(member: &str) {
    assert_eq!(http("POST", &format!("{member}/v1/sync"), "{}").0, 200);
}

/// Sells some amount for M-Pesa and gives the sale's id.
pub fn sell(page: &Page<'_>, amount: &str) -> String {
    page.fill("other-amount", amount);
    page.click("add-amount");
    page.until_text("cart-total", amount);
    page.click("pay-mpesa");
    shown_sale(page)
}

/// Prints the receipt of the sale that a page shows, which has all of this on it. The browser's own window for printers is
/// no part of it.
pub fn has_on_paper(page: &Page<'_>, parts: &[&str]) {
    page.run("window.print = () => { window.paper = document.querySelector('.slip').innerText; };", vec![]);
    page.click("print-receipt");
    let paper = page.run("return window.paper;", vec![]);
    let paper = paper.as_str().unwrap();
    for part in parts {
        assert!(paper.contains(part), "{part} on the receipt: {paper}");
    }
}

/// The id of the sale that a page shows.
pub fn shown_sale(page: &Page<'_>) -> String {
    page.until_text("sale-reference", "");
    let id = page.run("return decodeURIComponent(location.hash.slice('#sale/'.length));", vec![]);
    id.as_str().unwrap().to_owned()
}

/// Shows a sale of which the page knows.
pub fn show_sale(page: &Page<'_>, id: &str) {
    page.go(&format!("#sale/{id}"));
    page.until_text("history", "sold");
}

/// No page broke anything.
pub fn assert_calm(browser: &Browser) {
    assert_eq!(browser.complaints(), Vec::<String>::new(), "the browser's console");
}

/// Changes what a page hears from an address of its till, as if it were so.
pub fn pretend_at(page: &Page<'_>, address: &str, instead: serde_json::Value) {
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

/// Nothing hangs over the edge. With `LEJA_PICTURES`, a folder, it also leaves pictures for people there.
pub fn fits(page: &Page<'_>, name: &str) {
    fits_at(page, "notice", name);
}

/// The same, with a part of the page in view.
pub fn fits_at(page: &Page<'_>, part: &str, name: &str) {
    for screen in [PHONE, COUNTER] {
        page.on(screen);
        page.run("document.getElementById(arguments[0])?.scrollIntoView();", vec![json!(part)]);
        assert_eq!(page.overhang(), 0, "{name} on {screen:?}");
        if let Some(folder) = std::env::var_os("LEJA_PICTURES") {
            page.picture(&std::path::Path::new(&folder).join(format!("{name}-{}.png", screen.0)));
        }
    }
}
