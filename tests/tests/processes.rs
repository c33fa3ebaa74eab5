//! Real processes and real sockets: started as the README says, stopped at any moment, started again.

use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tests::process::{Running, built, http, leja, repository, try_http, until};
use tests::world::confirmation;

/// A hub with one shop, and where it lives.
struct Hub {
    home: TempDir,
    running: Option<Running>,
    url: String,
}

impl Hub {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut hub = Self { home, running: None, url: "http://127.0.0.1:0".to_owned() };
        hub.start_again();
        let arguments = ["shop", "duka", "--name", "Duka", "--account", "till", "--shortcode", "123456"];
        hub.try_admin(&arguments).unwrap();
        hub
    }

    /// On the port it had, so that tills find it.
    fn start_again(&mut self) {
        let listen = self.url.trim_start_matches("http://").to_owned();
        let data = self.path("hub");
        let mut command = Command::new(built("leja"));
        command.args(["hub", "--seed-paths", "--listen", &listen, "--data"]).arg(data);
        let running = Running::start(&mut command);
        self.url = running.address();
        self.running = Some(running);
    }

    fn kill(&mut self) {
        self.running.take().unwrap().kill();
    }

    fn path(&self, inside: &str) -> std::path::PathBuf {
        self.home.path().join(inside)
    }

    fn try_admin(&self, arguments: &[&str]) -> Option<String> {
        let admin = self.path("hub/admin");
        let settings = ["admin", "--hub", &self.url, "--admin", admin.to_str().unwrap()];
        let all: Vec<&str> = settings.iter().chain(arguments).copied().collect();
        let output = Command::new(built("leja")).args(all).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Starts a till of the shop; enrols it at its first start.
    fn till(&self, name: &str) -> (Running, String) {
        self.till_with(name, &[])
    }

    /// The same, with more options.
    fn till_with(&self, name: &str, more: &[&str]) -> (Running, String) {
        let data = self.path(name);
        let mut command = Command::new(built("leja"));
        command.args(["till", "--listen", "127.0.0.1:0", "--name", name, "--hub", &self.url, "--data"]);
        command.arg(&data).args(more);
        if !data.exists() {
            let code = self.try_admin(&["till", "duka"]).unwrap();
            command.args(["--enrol", code.trim()]);
        }
        let till = Running::start(&mut command);
        let url = till.address();
        (till, url)
    }
}

/// A hub with a simulated Safaricom, one paybill shop and an API user.
struct Connected {
    hub: Hub,
    _safaricom: Running,
}

impl Connected {
    fn start() -> Self {
        let keys = [("MPESA_CONSUMER_KEY", "key"), ("MPESA_CONSUMER_SECRET", "secret")];
        let mut command = Command::new(built("leja"));
        command.args(["safaricom", "--listen", "127.0.0.1:0", "--customers", "off", "--charges", "0"]);
        let safaricom = Running::start(command.envs(keys));
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(built("leja"));
        command
            .args(["hub", "--seed-paths", "--listen", "127.0.0.1:0", "--data"])
            .arg(home.path().join("hub"));
        command.envs(keys).env("LEJA_SAFARICOM", safaricom.address());
        command.envs([("MPESA_INITIATOR", "api"), ("MPESA_SECURITY_CREDENTIAL", "c2VhbGVk")]);
        let running = Running::start(&mut command);
        let hub = Hub { home, url: running.address(), running: Some(running) };
        let connected = Self { hub, _safaricom: safaricom };
        let shop = ["shop", "duka", "--name", "Duka", "--account", "paybill", "--shortcode", "600638"];
        connected.admin(&shop);
        connected
    }

    fn admin(&self, arguments: &[&str]) -> String {
        self.hub.try_admin(arguments).unwrap_or_else(|| panic!("leja admin {arguments:?} failed"))
    }

    /// The count of a name.
    fn count(&self, name: &str) -> u64 {
        let counts = self.admin(&["counts"]);
        let line = counts.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

#[test]
fn what_a_shop_chose_stays_until_it_is_named_again() {
    let connected = Connected::start();
    let rules = ["--validation", "amounts", "--second-source-from", "20000.00", "--review-from", "50000"];
    connected.admin(&[&["shop", "duka", "--head-office", "600100"][..], &rules].concat());
    let urls = connected.admin(&["shop", "duka", "--name", "Duka la Mjini"]);
    let chosen = "head office 600100; validation amounts; second source from 20000.00; review from 50000.00";
    let shops = connected.admin(&["shops"]);
    assert!(shops.contains("Duka la Mjini") && shops.contains(chosen), "{shops}");
    assert_eq!(connected.admin(&["shop", "duka"]), urls, "with nothing named it is shown");
    connected.admin(&["shop", "duka", "--second-source-from", "none"]);
    assert!(!connected.admin(&["shops"]).contains("second source"));
    assert!(connected.hub.try_admin(&["shop", "other", "--name", "Other"]).is_none(), "a new shop needs all");
}

#[test]
fn a_new_address_is_good_beside_the_old_one_until_that_is_retired() {
    let connected = Connected::start();
    let confirmation =
        |said: String| said.lines().find_map(|line| line.strip_prefix("confirmation  ")).unwrap().to_owned();
    let old = confirmation(connected.admin(&["shop", "duka"]));
    let new = confirmation(connected.admin(&["token", "rotate", "duka"]));
    assert_ne!(old, new);
    let at = domain::Timestamp::from_system(std::time::SystemTime::now());
    for (url, receipt) in [(&old, "UKL4AB12C1"), (&new, "UKL4AB12C2")] {
        let body = tests::world::confirmation(receipt, "600638", "10.00", "", at);
        assert_eq!(http("POST", url, &body).0, 200);
    }
    assert_eq!(confirmation(connected.admin(&["token", "retire", "duka"])), new);
    assert_eq!(confirmation(connected.admin(&["shop", "duka"])), new);
}

#[test]
fn what_nobody_understood_is_shown_given_to_a_shop_or_dismissed_by_a_person() {
    let connected = Connected::start();
    let at = domain::Timestamp::from_system(std::time::SystemTime::now());
    let foreign = confirmation("UKL4AB12CD", "999999", "10.00", "", at);
    for body in [foreign.as_str(), r#"{"what":"254708374149"}"#] {
        assert_eq!(http("POST", &format!("{}/mpesa/callback", connected.hub.url), body).0, 200);
    }
    let listed = connected.admin(&["inbox"]);
    assert!(listed.ends_with("2 in the inbox\n"), "{listed}");
    let hashes = listed.lines().take(2).map(|line| line.split_whitespace().nth(1).unwrap());
    let (payments, others): (Vec<&str>, Vec<&str>) =
        hashes.partition(|hash| connected.admin(&["inbox", "show", hash]).contains("UKL4AB12CD"));
    let (payment, other) = (payments[0], others[0]);
    let shown = connected.admin(&["inbox", "show", other]);
    assert!(shown.contains("***149") && !shown.contains("254708374149"), "{shown}");
    assert!(connected.hub.try_admin(&["inbox", "assign", other, "duka"]).is_none(), "it is no payment");
    connected.admin(&["inbox", "assign", payment, "duka"]);
    connected.admin(&["inbox", "dismiss", other, "--reason", "a test of ours"]);
    assert_eq!(connected.admin(&["inbox", "list"]), "0 in the inbox\n");
    let (_till, url) = connected.hub.till("front");
    until("the till hears of the payment", || {
        let (_, all) = http("GET", &format!("{url}/v1/payments"), "");
        (all["payments"][0]["receipt"] == "UKL4AB12CD").then_some(())
    });
}

#[test]
fn whatever_safaricom_is_asked_it_answers_in_words() {
    let connected = Connected::start();
    let said = |arguments: &[&str], words: &str| {
        let printed = connected.admin(arguments);
        assert!(printed.contains(words), "{arguments:?}: {printed}");
    };
    said(&["register", "duka"], "addresses are registered for 600638");
    said(&["pull-register", "duka", "0722 000 000"], "Pull Transactions is registered");
    said(&["simulate", "duka", "50", "0708374149", "--reference", "A1"], "the confirmation follows");
    until("the confirmation came", || (connected.count("kept") == 1).then_some(()));
    said(&["sweep"], "1 payments pulled, 1 new");
    said(&["sweep"], "1 payments pulled, 0 new");
    let (_till, url) = connected.hub.till("front");
    let receipt = until("the till hears of the payment", || {
        let (_, all) = http("GET", &format!("{url}/v1/payments"), "");
        all["payments"][0]["receipt"].as_str().map(str::to_owned)
    });
    said(&["status", "duka", &receipt], "Completed");
    said(&["balance", "duka"], "KES 50.00");
    said(&["reverse", "duka", &receipt, "50.00", "--reason", "the wrong shop"], "Completed");
    let unknown = ["reverse", "duka", "UKL4AB12CD", "50.00", "--reason", "a mistake"];
    assert!(connected.hub.try_admin(&unknown).is_none(), "nobody paid with this receipt");
    let png = connected.hub.path("pay.png");
    connected.admin(&["qr", "duka", "500", "--reference", "A1", "--out", png.to_str().unwrap()]);
    assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG"));
}

fn sell(url: &str, shillings: u32) -> Value {
    let line = json!({ "name": "Goods", "quantity": "1", "unit_price": format!("{shillings}.00") });
    let body = json!({ "lines": [line], "tender": "mpesa", "by": "Asha" });
    let (status, sale) = http("POST", &format!("{url}/v1/sales"), &body.to_string());
    assert_eq!(status, 201, "{sale}");
    sale
}

fn sales(url: &str) -> Vec<Value> {
    let (status, answer) = http("GET", &format!("{url}/v1/sales?limit=200"), "");
    assert_eq!(status, 200);
    answer["sales"].as_array().unwrap().clone()
}

#[test]
fn an_enrolled_till_starts_sells_and_restarts_with_no_hub_at_all() {
    let mut hub = Hub::start();
    let (till, _) = hub.till("front");
    till.kill();
    hub.kill();

    let (till, url) = hub.till("front");
    let sold = sell(&url, 487);
    assert_eq!(sold["state"], "open");
    let (_, status) = http("GET", &format!("{url}/v1/status"), "");
    assert_eq!((&status["online"], &status["waiting"]), (&json!(false), &json!(1)));
    till.kill();
    let (_till, url) = hub.till("front");
    assert_eq!(sales(&url)[0]["id"], sold["id"]);

    hub.start_again();
    let at = domain::Timestamp::from_system(std::time::SystemTime::now());
    let body = confirmation("UKL4AB12CD", "123456", "487.00", "", at);
    assert_eq!(http("POST", &format!("{}/mpesa/callback", hub.url), &body).0, 200);
    until("the sale is paid", || (sales(&url)[0]["state"] == "paid").then_some(()));
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
}

fn all_sent(url: &str) {
    until("everything is sent", || {
        let (_, status) = http("POST", &format!("{url}/v1/sync"), "");
        (status["waiting"] == 0).then_some(())
    });
}

#[test]
fn a_hub_restored_from_a_backup_is_sent_again_what_it_lost_and_misses_no_payment_after() {
    let mut hub = Hub::start();
    let (_till, url) = hub.till("front");
    let confirm = |hub: &Hub, receipt: &str| {
        let at = domain::Timestamp::from_system(std::time::SystemTime::now());
        let body = confirmation(receipt, "123456", "10.00", "", at);
        assert_eq!(http("POST", &format!("{}/mpesa/callback", hub.url), &body).0, 200);
    };
    sell(&url, 1);
    all_sent(&url);
    hub.kill();
    copy(&hub.path("hub"), &hub.path("backup"));
    hub.start_again();
    for shillings in 2..=4 {
        sell(&url, shillings);
        confirm(&hub, &format!("UKLBEFORE{shillings}"));
    }
    all_sent(&url);
    hub.kill();

    std::fs::remove_dir_all(hub.path("hub")).unwrap();
    copy(&hub.path("backup"), &hub.path("hub"));
    hub.start_again();
    confirm(&hub, "UKLAFTER01");
    until("the payment after the restore is at the till", || {
        let (_, all) = http("GET", &format!("{url}/v1/payments"), "");
        (all["payments"].as_array()?.len() == 4).then_some(())
    });
    let (_back, back) = hub.till("back");
    until("a new till has every sale", || (sales(&back).len() == 4).then_some(()));
}

#[test]
fn a_till_killed_while_it_sells_has_every_sale_it_answered_for() {
    let hub = Hub::start();
    let mut answered = Vec::new();
    for round in 0..8_u64 {
        let (till, url) = hub.till("front");
        for id in &answered {
            let (status, _) = http("GET", &format!("{url}/v1/sales/{id}"), "");
            assert_eq!(status, 200, "round {round}: sale {id} was answered for and is gone");
        }
        let killer = std::thread::spawn(move || {
            std::thread::park_timeout(std::time::Duration::from_millis(40 + 35 * round));
            till.kill();
        });
        // Until the connection breaks; a sale without an answer may be there or not.
        while let Some(id) = try_to_sell(&url) {
            answered.push(id);
        }
        killer.join().unwrap();
    }
    assert!(answered.len() > 8, "it sold only {}", answered.len());
}

fn try_to_sell(url: &str) -> Option<String> {
    let body = json!({ "total": "5.00", "tender": "cash" }).to_string();
    let (status, sale) = try_http("POST", &format!("{url}/v1/sales"), &body).ok()?;
    (status == 201).then(|| sale["id"].as_str().unwrap().to_owned())
}

#[test]
fn a_hub_killed_while_callbacks_come_has_every_one_it_acknowledged() {
    let mut hub = Hub::start();
    let mut acknowledged = 0;
    for round in 0..5_u64 {
        let url = format!("{}/mpesa/callback", hub.url);
        let running = hub.running.take().unwrap();
        let killer = std::thread::spawn(move || {
            std::thread::park_timeout(std::time::Duration::from_millis(60 + 40 * round));
            running.kill();
        });
        for number in 0.. {
            let at = domain::Timestamp::parse_daraja("20261121101500").unwrap();
            let body = confirmation(&format!("UKL{round}{number:06}"), "123456", "10.00", "", at);
            match try_http("POST", &url, &body) {
                Ok((200, _)) => acknowledged += 1,
                _ => break,
            }
        }
        killer.join().unwrap();
        hub.start_again();
    }
    let (_till, url) = hub.till("front");
    until("all that was acknowledged is at the till", || {
        let (_, status) = http("GET", &format!("{url}/v1/status"), "");
        let count = status["shops"][0]["unclaimed"]["count"].as_u64()?;
        (count >= acknowledged && acknowledged > 0).then_some(())
    });
}

#[test]
fn the_demo_goes_on_where_it_stopped_and_ends_when_asked() {
    let home = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = Command::new(built("leja"));
        command.args(["demo", "--port", "0", "--customers", "off", "--data"]).arg(home.path());
        let demo = Running::start(&mut command);
        let line = demo.line_with("Front counter");
        let url = line.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned();
        (demo, url)
    };
    let (demo, url) = start();
    let sold = sell(&url, 65);
    assert_eq!(demo.end(), Some(0));
    let (demo, url) = start();
    assert_eq!(sales(&url)[0]["id"], sold["id"]);
    demo.kill();
    let (_demo, url) = start();
    assert_eq!(sales(&url).len(), 1, "killed, it goes on as well");
}

/// The commands of the README's section "On your own", as they stand there.
fn own_commands() -> Vec<String> {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let section = readme.split("\n## On your own").nth(1).unwrap().split("\n## ").next().unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    block.lines().map(str::to_owned).collect()
}

/// A command line as a shell splits it, with the free port and the code that a person would fill in.
fn typed(line: &str, home: &Path, hub: &str, code: &str) -> Command {
    let line = line.replace("127.0.0.1:8309", "127.0.0.1:0").replace("CODE", code);
    let line = line.replacen("leja", &format!("exec {}", built("leja").display()), 1);
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(home).env("LEJA_HUB", hub);
    command
}

#[test]
fn the_readmes_commands_make_a_shop() {
    let home = tempfile::tempdir().unwrap();
    let (mut hub, mut code, mut servers) = (String::new(), String::new(), Vec::new());
    let commands = own_commands();
    assert_eq!(commands.len(), 6, "{commands:?}");
    for line in commands {
        let mut command = typed(&line, home.path(), &hub, code.trim());
        if line.starts_with("leja admin") {
            let output = until(&line, || command.output().ok().filter(|output| output.status.success()));
            code = String::from_utf8(output.stdout).unwrap();
        } else {
            let server = Running::start(command.env("LEJA_LISTEN", "127.0.0.1:0"));
            let url = server.address();
            if hub.is_empty() {
                hub.clone_from(&url);
            }
            servers.push((server, url));
        }
    }
    let (till, office) = (&servers[1].1, &servers[2].1);
    let sold = sell(till, 500);
    until("head office sees the sale", || {
        sales(office).iter().any(|sale| sale["id"] == sold["id"]).then_some(())
    });
}

#[test]
fn every_command_has_a_help_that_ends_well() {
    assert!(leja(&["till", "--help"]).contains("--enrol"));
}

#[test]
fn two_tills_meet_at_a_typed_address_while_the_hub_is_gone() {
    let mut hub = Hub::start();
    for name in ["front", "back"] {
        hub.till(name).0.end();
    }
    let (front, front_url) = hub.till_with("front", &["--lan", "127.0.0.1:0"]);
    let meets = front.line_with("for other tills");
    let meets = meets.split(' ').find_map(|word| word.strip_prefix("http://")).unwrap();
    let (_back, back_url) = hub.till_with("back", &["--lan", "127.0.0.1:0", "--sibling", meets]);
    for url in [&front_url, &back_url] {
        let knows = || http("GET", &format!("{url}/v1/siblings"), "").1["siblings"][0]["actor"].is_string();
        until("each till knows the other", || knows().then_some(()));
    }
    hub.kill();
    let sell = |url: &str, amount: u32| {
        let line = json!({ "name": "Tea", "quantity": "1", "unit_price": amount.to_string() });
        let body = json!({ "lines": [line], "tender": "cash" });
        assert_eq!(http("POST", &format!("{url}/v1/sales"), &body.to_string()).0, 201);
    };
    let sales = |url: &str| http("GET", &format!("{url}/v1/sales"), "").1["sales"].as_array().unwrap().len();
    // The back knows where the front is: what it sells goes there at once, and brings back what is there.
    sell(&back_url, 10);
    until("the front has the sale of the back", || (sales(&front_url) == 1).then_some(()));
    sell(&front_url, 20);
    sell(&back_url, 30);
    until("both have all three", || (sales(&front_url) == 3 && sales(&back_url) == 3).then_some(()));
    let told = http("GET", &format!("{back_url}/v1/siblings"), "").1;
    assert_eq!(told["siblings"][0]["address"], json!(meets));
    assert!(told["siblings"][0]["last_contact"].is_string() && told["places"][0]["problem"].is_null());
    let (status, _) = http("POST", &format!("{front_url}/v1/siblings"), r#"{"address":"nonsense"}"#);
    assert_eq!(status, 400);
}
