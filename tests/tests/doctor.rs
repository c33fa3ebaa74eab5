//! `leja doctor` beside a real hub and a simulated Safaricom: all is well, and then one thing is not.

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tests::process::{Running, built, http, until};

const PASSKEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const PHONE: &str = "254708374149";

/// A hub with a shop that takes payments, its Safaricom, and a backup of today.
struct Place {
    home: TempDir,
    safaricom: String,
    hub: String,
    running: Option<Running>,
    _safaricom: Running,
}

impl Place {
    /// Everything that a checklist asks for, done with the commands a person would type.
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(built("leja"));
        command.args(["safaricom", "--listen", "127.0.0.1:0", "--customers", "off", "--passkey", PASSKEY]);
        command.args(["--consumer-key", "the-key", "--consumer-secret", "the-secret", "--charges", "0"]);
        let simulator = Running::start(&mut command);
        let safaricom = simulator.address();
        let hub = "http://127.0.0.1:0".to_owned();
        let mut place = Self { home, safaricom, hub, running: None, _safaricom: simulator };
        place.start();
        place.admin(&["shop", "duka", "--name", "Duka", "--account", "paybill", "--shortcode", "600638"]);
        place.admin(&["register", "duka"]);
        place.admin(&["pull-register", "duka", "0722000000"]);
        place.admin(&["simulate", "duka", "50", PHONE, "--reference", "A1"]);
        until("the payment is confirmed", || {
            place.admin(&["counts"]).contains("kept                  1").then_some(())
        });
        place.admin(&["sweep"]);
        std::fs::create_dir(place.path("backup")).unwrap();
        std::fs::write(place.path("backup/hub.tar"), "x").unwrap();
        place
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.home.path().join(inside)
    }

    fn listen(&self) -> &str {
        self.hub.trim_start_matches("http://")
    }

    /// A command with the settings that a hub and its doctor share.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(built("leja"));
        command.args([name, "--listen", self.listen(), "--data"]).arg(self.path("hub"));
        let sealed = "c2Vh".repeat(86);
        for (name, value) in [
            ("LEJA_SAFARICOM", self.safaricom.as_str()),
            ("MPESA_CONSUMER_KEY", "the-key"),
            ("MPESA_CONSUMER_SECRET", "the-secret"),
            ("MPESA_SHORTCODE", "600638"),
            ("MPESA_PASSKEY", PASSKEY),
            ("MPESA_INITIATOR", "api"),
            ("MPESA_SECURITY_CREDENTIAL", &sealed),
        ] {
            command.env(name, value);
        }
        command
    }

    fn start(&mut self) {
        let running = Running::start(&mut self.command("hub"));
        self.hub = running.address();
        self.running = Some(running);
    }

    fn stop(&mut self) {
        assert_eq!(self.running.take().unwrap().end(), Some(0));
    }

    fn admin(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(built("leja"));
        command.args(["admin", "--hub", &self.hub, "--admin"]).arg(self.path("hub/admin")).args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the doctor says, with some settings changed.
    fn doctor(&self, changed: &[(&str, &str)]) -> Said {
        let mut command = self.command("doctor");
        command.arg("--backup").arg(self.path("backup")).envs(changed.iter().copied());
        Said(command.output().unwrap())
    }
}

/// What a doctor said.
struct Said(Output);

impl Said {
    fn text(&self) -> String {
        let said = String::from_utf8(self.0.stdout.clone()).unwrap();
        for secret in ["the-key", "the-secret", PASSKEY, "c2Vhc2Vh", "the-wrong-secret"] {
            assert!(!said.contains(secret), "a secret is told: {said}");
        }
        said
    }

    /// The lines that are not ok, without the summary.
    fn bad(&self) -> Vec<String> {
        let said = self.text();
        let bad = |line: &&str| line.starts_with("warn") || line.starts_with("fail");
        said.lines().filter(bad).map(str::to_owned).collect()
    }

    /// That exactly these lines are bad, each given by how it begins and something in it, and the exit code
    /// that follows.
    fn tells(&self, expected: &[(&str, &str)]) {
        let bad = self.bad();
        assert_eq!(bad.len(), expected.len(), "{bad:#?}");
        for (line, (begins, holds)) in bad.iter().zip(expected) {
            assert!(line.starts_with(begins) && line.contains(holds), "{line}: {begins} … {holds}");
        }
        let fails = expected.iter().any(|(begins, _)| begins.starts_with("fail"));
        assert_eq!(self.0.status.code(), Some(i32::from(fails)), "{bad:#?}");
    }
}

#[test]
fn a_hub_with_everything_in_order_is_all_ok_however_often_it_is_looked_at() {
    let place = Place::new();
    for _ in 0..2 {
        place.doctor(&[]).tells(&[]);
    }
    let said = place.doctor(&[]).text();
    for name in [
        "environment",
        "settings",
        "credentials",
        "clock",
        "api user",
        "callback address",
        "hub",
        "reachable",
        "validation",
        "store",
        "inbox",
        "c2b duka",
        "sweep duka",
        "passkey duka",
        "pull duka",
        "counts",
        "rights",
        "disk",
        "queue",
        "backup",
    ] {
        assert!(said.lines().any(|line| line.starts_with(&format!("ok    {name}"))), "{name}: {said}");
    }
    assert!(said.ends_with("20 checks: 20 ok, 0 to look at, 0 failed\n"), "{said}");
    let mut command = place.command("doctor");
    let output = command.arg("--json").output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["ok"], &json["findings"][0]["level"]), (&json!(true), &json!("ok")));
}

#[test]
fn of_functions_elsewhere_the_way_and_an_administrators_word_are_looked_at_and_nothing_here() {
    let place = Place::new();
    let admin = place.path("hub/admin").display().to_string();
    let there = [("LEJA_CLOUD", place.hub.as_str()), ("LEJA_ADMIN", &admin)];
    let said = place.doctor(&there);
    said.tells(&[]);
    for name in ["environment", "credentials", "reachable", "cloud", "validation"] {
        let ok = format!("ok    {name}");
        assert!(said.text().lines().any(|line| line.starts_with(&ok)), "{name}: {}", said.text());
    }
    assert!(!said.text().contains("ok    store"), "{}", said.text());
    let nobody = place.path("nobody").display().to_string();
    place.doctor(&[there[0], ("LEJA_ADMIN", &nobody)]).tells(&[("fail  cloud", "is not there")]);
}

#[test]
fn what_is_wrong_with_the_keys_is_told_apart() {
    let place = Place::new();
    let wrong = place.doctor(&[("MPESA_CONSUMER_SECRET", "the-wrong-secret")]);
    let no_token = ("warn  pull duka", "there is no token");
    wrong.tells(&[("fail  credentials", "wrong consumer key or secret"), no_token]);
    let blank = place.doctor(&[("MPESA_CONSUMER_SECRET", "the-secret\n")]);
    blank.tells(&[
        ("fail  credentials", "MPESA_CONSUMER_SECRET has a blank"),
        ("warn  clock", "not checked"),
        no_token,
    ]);
    let nobody = place.doctor(&[("LEJA_SAFARICOM", "http://127.0.0.1:9")]);
    nobody.tells(&[("fail  credentials", "can not be reached"), ("warn  clock", "not checked"), no_token]);
    let other = "fedcba98".repeat(8);
    let passkey = place.doctor(&[("MPESA_PASSKEY", &other)]);
    passkey.tells(&[("fail  passkey duka", "Wrong credentials")]);
    assert!(!passkey.text().contains(&other));
    let without = place.doctor(&[("MPESA_SHORTCODE", "600999")]);
    without.tells(&[("warn  passkey duka", "600638=")]);
    place.doctor(&[("MPESA_PULL_METHOD", "off")]).tells(&[("warn  pull duka", "switched off")]);
}

#[test]
fn an_address_that_safaricom_would_not_call_is_told_with_every_fault() {
    let place = Place::new();
    let base = format!("{}/mpesa/sql", place.hub);
    place.doctor(&[("LEJA_CALLBACK_BASE", &base)]).tells(&[
        ("fail  callback address", "mpesa"),
        ("fail  callback address", "sql"),
        ("fail  reachable", "status 404"),
    ]);
    place.doctor(&[("MPESA_ENVIRONMENT", "production")]).tells(&[
        ("fail  environment", "LEJA_SAFARICOM"),
        ("fail  callback address", "public"),
        ("fail  callback address", "https"),
        ("warn  callback address", "port"),
    ]);
}

#[test]
fn a_hub_that_stands_still_is_looked_at_and_nothing_of_it_changes() {
    let mut place = Place::new();
    place.stop();
    // The index of the log (-shm) holds nothing: whoever opens the log first writes it anew.
    let look = r#"ls -AR --ignore='*-shm' hub; find hub -type f ! -name "*-shm" -exec sha256sum {} +"#;
    let list =
        || Command::new("sh").args(["-c", look]).current_dir(place.home.path()).output().unwrap().stdout;
    let before = list();
    place.doctor(&[]).tells(&[("warn  hub", "start it"), ("warn  reachable", "can not be reached")]);
    assert_eq!(list(), before);
}

#[test]
fn a_damaged_store_a_stuck_queue_and_open_doors_fail() {
    use std::os::unix::fs::PermissionsExt;
    let mut place = Place::new();
    place.stop();
    let open = |path: &str, mode| {
        std::fs::set_permissions(place.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open("hub", 0o755);
    open("hub/callback.secret", 0o644);
    let waits = place.path("hub/waiting/1.callback");
    std::fs::write(&waits, "{}").unwrap();
    let file = std::fs::File::options().write(true).open(&waits).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    let backup = std::fs::File::options().write(true).open(place.path("backup/hub.tar")).unwrap();
    backup.set_modified(SystemTime::now() - Duration::from_secs(3 * 24 * 3600)).unwrap();
    place.doctor(&[]).tells(&[
        ("warn  hub", ""),
        ("warn  reachable", ""),
        ("fail  rights", "chmod 700"),
        ("fail  rights", "chmod 600"),
        ("fail  queue", "1 callbacks wait"),
        ("fail  backup", "3 d old"),
    ]);
    let store = place.path("hub/hub.sqlite");
    for companion in ["hub/hub.sqlite-wal", "hub/hub.sqlite-shm"] {
        let _ = std::fs::remove_file(place.path(companion));
    }
    std::fs::write(&store, vec![0xa5; 8192]).unwrap();
    let bad = place.doctor(&[]).bad();
    assert!(bad.iter().any(|line| line.starts_with("fail  store") && line.contains("backup")), "{bad:#?}");
}

#[test]
fn a_hub_with_another_secret_and_somebody_who_guesses_are_found() {
    let mut place = Place::new();
    place.stop();
    let secret = place.path("hub/callback.secret");
    std::fs::write(&secret, "00".repeat(32)).unwrap();
    place.start();
    // Somebody guesses.
    assert_eq!(http("POST", &format!("{}/in/{}/s", place.hub, "1".repeat(32)), "{}").0, 404);
    place.doctor(&[]).tells(&[("fail  validation", "another hub"), ("warn  counts", "wrong token")]);
}
