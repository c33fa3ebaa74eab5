//! `infra/aws/deploy`, as far as it goes without an account: what it would do, and what it does where AWS's command
//! line is one of our own and the stack is a hub.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Role;
use service::Store;
use service::sync::Sync;
use std::collections::HashMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;
use tests::dynamo::Dynamo;
use tests::process::{Running, built, repository};
use tokio::net::TcpListener;

/// Where nobody listens.
const NOBODY: &str = "http://127.0.0.1:9";

/// A copy of the script and what lies beside it, with an `aws` and a `cargo` that write down what they are asked.
struct House {
    home: TempDir,
}

impl House {
    /// With a stack that is reached at a URL.
    fn new(url: &str) -> Self {
        let house = Self { home: tempfile::tempdir().unwrap() };
        let beside = house.path("infra/aws");
        std::fs::create_dir_all(&beside).unwrap();
        for file in repository().join("infra/aws").read_dir().unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), beside.join(file.file_name())).unwrap();
        }
        let parameters = std::fs::read_to_string(beside.join("sandbox.env")).unwrap();
        std::fs::write(beside.join("sandbox.env"), parameters.replace("example.com", "duka.co.ke")).unwrap();
        house.reached_at(url);
        let asked = house.path("asked").display().to_string();
        house.program("cargo", &format!("echo \"cargo $*\" >>{asked}\n"));
        house
    }

    /// Makes an `aws` that knows a stack there.
    fn reached_at(&self, url: &str) {
        let asked = self.path("asked").display().to_string();
        let aws = format!(
            "echo \"aws $*\" >>{asked}\ncase \"$*\" in\n*\"=='Hub'\"*|*\"=='CallbackBase'\"*) echo {url} ;;\n\
             *get-caller-identity*) echo 123456789012 ;;\n*get-template*) echo before ;;\nesac\n"
        );
        self.program("aws", &aws);
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.home.path().join(inside)
    }

    fn program(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        std::fs::create_dir_all(self.path("bin")).unwrap();
        std::fs::write(&path, format!("#!/usr/bin/env bash\nset -euo pipefail\n{body}")).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    fn deploy(&self, arguments: &[&str]) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(self.path("infra/aws/deploy"));
        command.args(arguments).env("PATH", path).env("AWS_REGION", "af-south-1").env("LEJA", built("leja"));
        command.env("LEJA_ADMIN", self.path("hub/admin")).output().unwrap()
    }

    /// What `aws` and `cargo` were asked, in order, by their first words.
    fn asked(&self) -> Vec<String> {
        let asked = std::fs::read_to_string(self.path("asked")).unwrap_or_default();
        let changes =
            asked.lines().filter(|line| !line.contains("describe-stacks") && !line.contains("sts "));
        changes.map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
    }
}

fn said(output: &Output) -> String {
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{error}")
}

/// A hub in the house, whose folder has its administrator.
fn hub(house: &House) -> (Running, String) {
    let mut command = Command::new(built("leja"));
    command.args(["hub", "--listen", "127.0.0.1:0", "--data"]).arg(house.path("hub"));
    let running = Running::start(&mut command);
    let url = running.address();
    (running, url)
}

#[test]
fn a_dry_run_says_every_step_and_asks_nobody() {
    let house = House::new(NOBODY);
    let output = house.deploy(&["--dry-run", "sandbox"]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let steps: Vec<&str> = [
        "cargo lambda build --package lambda --bins --profile lambda --arm64",
        "aws s3 mb s3://leja-built-ACCOUNT-af-south-1",
        "aws cloudformation package",
        "aws cloudformation deploy",
        "CallbackDomain=pay.sandbox.duka.co.ke",
        "shop leja-smoke",
        "inbox dismiss",
    ]
    .into_iter()
    .filter(|step| !said.contains(step))
    .collect();
    assert_eq!(steps, [""; 0], "{said}");
    assert_eq!(house.asked(), [""; 0]);
    assert!(!house.path("target").exists());
}

#[test]
fn parameters_that_nobody_filled_in_are_not_deployed() {
    let house = House::new(NOBODY);
    let example = repository().join("infra/aws/sandbox.env");
    std::fs::copy(example, house.path("infra/aws/sandbox.env")).unwrap();
    let output = house.deploy(&["sandbox", "stack"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("it still says example.com"), "{}", said(&output));
    assert_eq!(house.asked(), [""; 0]);
}

#[test]
fn the_smoke_test_finds_its_confirmation_and_lays_it_aside() {
    let house = House::new(NOBODY);
    let (_hub, url) = hub(&house);
    house.reached_at(&url);
    // Two within one second, however fast the machine is: the clock stands.
    let now = Command::new("date").arg("+%s").output().unwrap();
    let now = String::from_utf8(now.stdout).unwrap();
    house.program("date", &format!("PATH=\"${{PATH#*:}}\" exec date --date @{} \"$@\"\n", now.trim()));
    for _ in 0..2 {
        let output = house.deploy(&["sandbox", "smoke"]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("was found, and was laid aside"), "{}", said(&output));
    }
    let mut inbox = Command::new(built("leja"));
    let inbox = inbox.args(["admin", "--hub", &url, "--admin"]).arg(house.path("hub/admin")).arg("inbox");
    assert_eq!(String::from_utf8_lossy(&inbox.output().unwrap().stdout), "0 in the inbox\n");
}

#[test]
fn a_deployment_that_does_not_work_is_rolled_back() {
    let house = House::new(NOBODY);
    std::fs::create_dir_all(house.path("hub/admin")).unwrap();
    let output = house.deploy(&["sandbox"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("what was there before is there again"), "{}", said(&output));
    let expected = [
        "cargo lambda build",
        "aws s3api head-bucket",
        "aws cloudformation package",
        "aws cloudformation get-template",
        "aws cloudformation deploy",
        "aws cloudformation deploy",
    ];
    assert_eq!(house.asked(), expected);
    let asked = std::fs::read_to_string(house.path("asked")).unwrap();
    let last = asked.lines().rfind(|line| line.contains("cloudformation deploy")).unwrap();
    assert!(last.contains("leja-sandbox.before.yaml"), "{last}");
    let before = std::fs::read_to_string(house.path("target/lambda/leja-sandbox.before.yaml")).unwrap();
    assert_eq!(before, "before\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_is_let_in_by_a_code_that_the_store_knows() {
    let house = House::new(NOBODY);
    let output = house.deploy(&["--dry-run", "sandbox", "administrator"]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let item = said.split("--item ").nth(1).unwrap().split(" --condition").next().unwrap();
    let item = item.trim_start_matches("$'").trim_end_matches('\'').replace("\\n", " ");
    let code = said.split(" enrol ").nth(1).unwrap().split(' ').next().unwrap();

    let dynamo = Dynamo::start().await;
    let put = dynamo.client.put_item().table_name(&dynamo.table).set_item(Some(attributes(&item)));
    put.send().await.unwrap();
    let router = service::sync::router(Sync::new(Arc::new(dynamo.store()), service::system_clock()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hub = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let admin = house.path("hub/admin").display().to_string();
    for expected in [Some(0), Some(1)] {
        let arguments = ["admin", "--hub", &hub, "--admin", &admin, "enrol", code, "--name", "Asha"];
        let mut enrol = Command::new(built("leja"));
        assert_eq!(enrol.args(arguments).output().unwrap().status.code(), expected, "a folder has one");
    }
    let members = dynamo.store().members().await.unwrap();
    let members: Vec<_> = members.iter().map(|(member, shop)| (member.role, &*member.name, shop)).collect();
    assert_eq!(members, [(Role::Platform, "Asha", &None)]);
}

/// An item as AWS's command line is given it.
fn attributes(item: &str) -> HashMap<String, AttributeValue> {
    let item: HashMap<String, HashMap<String, String>> = serde_json::from_str(item).unwrap();
    let attribute = |value: HashMap<String, String>| match value.into_iter().next().unwrap() {
        (kind, text) if kind == "S" => AttributeValue::S(text),
        (_, number) => AttributeValue::N(number),
    };
    item.into_iter().map(|(name, value)| (name, attribute(value))).collect()
}
