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
use tests::template::Template;
use tokio::net::TcpListener;

/// Where nobody listens.
const NOBODY: &str = "http://127.0.0.1:9";

/// AWS's command line, as far as the script goes: an account with one stack, whose template and parameters are what the
/// last deployment said, and a bucket. As in AWS's own, a parameter that is not named stays as it was.
const AWS: &str = r#"
echo "aws $*" >>"$asked"
words=("$@")
option() { for i in "${!words[@]}"; do [ "${words[i]}" != "$1" ] || echo "${words[i + 1]}"; done; }
case "$1 $2" in
"sts get-caller-identity") echo 123456789012 ;;
"s3 cp")
    from="${words[-2]/#s3:/$account}" to="${words[-1]/#s3:/$account}"
    [ ! -e "$from" ] || { mkdir -p "$to" && cp -r "$from/." "$to"; }
    ;;
"cloudformation package") cp "$(option --template-file)" "$(option --output-template-file)" ;;
"cloudformation deploy")
    [ "$(option --stack-name)" = leja-sandbox ] || exit 0
    touch "$account/parameters"
    printf '%s\n' "$@" | sed '1,/--parameter-overrides/d' | cat "$account/parameters" - |
        awk -F= '{ said[$1] = $0 } END { for (name in said) print said[name] }' >"$account/new"
    mv "$account/new" "$account/parameters"
    cp "$(option --template-file)" "$account/template"
    ;;
"cloudformation get-template") cat "$account/template" ;;
"cloudformation describe-stacks")
    [ -e "$account/template" ] || exit 254
    case "$(option --query)" in
    *StackStatus) cat "$account/status" ;;
    *StackId) echo "arn:aws:cloudformation:af-south-1:123456789012:stack/leja-sandbox/$(cat "$account/identity")" ;;
    *Parameters*) cat "$account/parameters" ;;
    *"=='Hub'"* | *"=='CallbackBase'"*) echo "$url" ;;
    esac
    ;;
esac
"#;

/// A copy of the script and what lies beside it, with an `aws` and a `cargo` that write down what they are asked.
struct House {
    home: TempDir,
}

impl House {
    /// With a stack that is reached at a URL.
    fn new(url: &str) -> Self {
        let house = Self { home: tempfile::tempdir().unwrap() };
        std::fs::create_dir(house.path("account")).unwrap();
        house.say("status", "CREATE_COMPLETE");
        house.say("identity", "one");
        let beside = house.path("infra/aws");
        std::fs::create_dir_all(&beside).unwrap();
        for file in repository().join("infra/aws").read_dir().unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), beside.join(file.file_name())).unwrap();
        }
        house.write("sandbox.env", |parameters| parameters.replace("example.com", "duka.co.ke"));
        house.reached_at(url);
        let asked = house.path("asked").display().to_string();
        house.program("cargo", &format!("echo \"cargo $*\" >>{asked}\n"));
        house
    }

    /// Makes an `aws` whose stack is reached there.
    fn reached_at(&self, url: &str) {
        let home = self.home.path().display();
        self.program("aws", &format!("url={url}\nasked={home}/asked\naccount={home}/account\n{AWS}"));
    }

    /// Changes a file beside the script.
    fn write(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path = self.path("infra/aws").join(file);
        std::fs::write(&path, change(std::fs::read_to_string(&path).unwrap())).unwrap();
    }

    /// Something of the account, such as the stack's `template` and its `parameters`.
    fn account(&self, what: &str) -> String {
        std::fs::read_to_string(self.path("account").join(what)).unwrap()
    }

    /// Sets what the account says of the stack: its `status`, its `identity`.
    fn say(&self, what: &str, said: &str) {
        std::fs::write(self.path("account").join(what), said).unwrap();
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
fn hub(house: &House, source_check: &str) -> (Running, String) {
    let mut command = Command::new(built("leja"));
    command.env("LEJA_SOURCE_CHECK", source_check);
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
        "--stack-name leja-sandbox-budget",
    ]
    .into_iter()
    .filter(|step| !said.contains(step))
    .collect();
    assert_eq!(steps, [""; 0], "{said}");
    assert_eq!(house.asked(), [""; 0]);
    assert!(!house.path("target").exists());
}

#[test]
fn the_one_command_does_every_step() {
    let house = House::new(NOBODY);
    let (_hub, url) = hub(&house, "off");
    house.reached_at(&url);
    let output = house.deploy(&["sandbox"]);
    assert!(output.status.success(), "{}", said(&output));
    let expected = [
        "cargo lambda build",
        "aws s3api head-bucket",
        "aws cloudformation package",
        "aws cloudformation deploy",
        "aws cloudformation deploy",
    ];
    assert_eq!(house.asked(), expected);
    let asked = std::fs::read_to_string(house.path("asked")).unwrap();
    let last = asked.lines().last().unwrap();
    assert!(last.contains("--stack-name leja-sandbox-budget") && last.ends_with("Usd=50"), "{last}");
    // Whoever may not see bills goes without.
    house.write("sandbox.env", |parameters| parameters.replace("BudgetUsd=50", "BudgetUsd="));
    assert!(house.deploy(&["sandbox", "budget"]).status.success());
    assert_eq!(house.asked(), expected);
}

#[test]
fn every_parameter_is_as_the_files_say_at_each_deployment() {
    let house = House::new(NOBODY);
    house.write("sandbox.env", |parameters| parameters + "RestoredTable=leja-restored\nLogDays=7\n");
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    assert!(house.account("parameters").contains("RestoredTable=leja-restored\n"));
    // A line that is taken out is as if it had never been there.
    house.write("sandbox.env", |it| {
        it.replace("RestoredTable=leja-restored\n", "").replace("LogDays=7\n", "")
    });
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    let parameters = house.account("parameters");
    let mut names: Vec<&str> = parameters.lines().map(|line| line.split_once('=').unwrap().0).collect();
    names.sort_unstable();
    assert_eq!(names, Template::read("template").parameters());
    for expected in
        ["RestoredTable=", "LogDays=30", "ReservedCallbacks=0", "ApiDomain=leja.sandbox.duka.co.ke"]
    {
        assert!(parameters.lines().any(|line| line == expected), "{expected}: {parameters}");
    }
    house.write("sandbox.env", |parameters| parameters + "SourcCheck=enforce\n");
    let output = house.deploy(&["sandbox", "stack"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("no parameter of template.yaml: SourcCheck"), "{}", said(&output));
    assert_eq!(house.account("parameters"), parameters);
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
    for source_check in ["off", "log", "enforce"] {
        finds_and_lays_aside(source_check);
    }
}

fn finds_and_lays_aside(source_check: &str) {
    let house = House::new(NOBODY);
    let (_hub, url) = hub(&house, source_check);
    house.reached_at(&url);
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
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

/// As by somebody who changed a piece of the house, and a parameter.
fn changed(house: &House) {
    house.write("template.yaml", |template| template + "# and more\n");
    house.write("sandbox.env", |parameters| parameters + "LogDays=7\n");
}

/// As in a checkout that deployed nothing, with the parameters of another day.
fn elsewhere(house: &House) {
    std::fs::remove_dir_all(house.path("target")).unwrap();
    house.write("sandbox.env", |parameters| parameters + "LogDays=365\n");
}

#[test]
fn what_a_deployment_took_the_place_of_is_brought_back_from_any_checkout() {
    let house = House::new(NOBODY);
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    let before = [house.account("template"), house.account("parameters")];
    elsewhere(&house);
    let output = house.deploy(&["sandbox", "rollback"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("nothing was deployed before"), "{}", said(&output));

    changed(&house);
    // The second time nothing is other, and what was there before stays what it was.
    for _ in 0..2 {
        assert!(house.deploy(&["sandbox", "stack"]).status.success());
        assert_ne!([house.account("template"), house.account("parameters")], before);
    }
    elsewhere(&house);
    for _ in 0..2 {
        let output = house.deploy(&["sandbox", "rollback"]);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!([house.account("template"), house.account("parameters")], before);
    }
}

#[test]
fn parameters_alone_are_brought_back_too() {
    let house = House::new(NOBODY);
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    let before = house.account("parameters");
    house.write("sandbox.env", |parameters| parameters + "SourceCheck=enforce\n");
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    assert!(house.account("parameters").contains("SourceCheck=enforce\n"));
    assert!(house.deploy(&["sandbox", "rollback"]).status.success());
    assert_eq!(house.account("parameters"), before);
}

#[test]
fn a_deployment_that_is_not_over_is_not_what_the_next_goes_back_to() {
    let house = House::new(NOBODY);
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    let before = house.account("template");
    changed(&house);
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    house.say("status", "UPDATE_IN_PROGRESS");
    house.write("template.yaml", |template| template + "# and more\n");
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    house.say("status", "UPDATE_COMPLETE");
    assert!(house.deploy(&["sandbox", "rollback"]).status.success());
    assert_eq!(house.account("template"), before);
}

#[test]
fn there_is_no_way_back_to_another_stack_of_the_same_name() {
    let house = House::new(NOBODY);
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    changed(&house);
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    // Deleted, and made anew.
    house.say("identity", "two");
    let output = house.deploy(&["sandbox", "rollback"]);
    assert!(said(&output).contains("nothing was deployed before"), "{}", said(&output));
    // One whose first deployment failed is none, whatever its template says.
    house.say("status", "ROLLBACK_COMPLETE");
    house.write("template.yaml", |template| template + "# and more\n");
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    let output = house.deploy(&["sandbox", "rollback"]);
    assert!(
        said(&output).contains("no stack leja-sandbox to roll back: ROLLBACK_COMPLETE"),
        "{}",
        said(&output)
    );
    house.say("status", "CREATE_COMPLETE");
    let output = house.deploy(&["sandbox", "rollback"]);
    assert!(said(&output).contains("nothing was deployed before"), "{}", said(&output));
}

#[test]
fn a_deployment_that_does_not_work_is_rolled_back() {
    let house = House::new(NOBODY);
    std::fs::create_dir_all(house.path("hub/admin")).unwrap();
    std::fs::write(house.path("hub/admin/ledger.sqlite"), "").unwrap();
    let first = house.deploy(&["sandbox"]);
    assert_eq!(first.status.code(), Some(1));
    assert!(said(&first).contains("there is nothing to go back to"), "{}", said(&first));
    let before = [house.account("template"), house.account("parameters")];

    changed(&house);
    let output = house.deploy(&["sandbox"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("what was there before is there again"), "{}", said(&output));
    assert_eq!([house.account("template"), house.account("parameters")], before);

    // One that changes nothing did not break what does not work.
    house.write("template.yaml", |template| template.replace("# and more\n", ""));
    house.write("sandbox.env", |parameters| parameters.replace("LogDays=7\n", ""));
    let output = house.deploy(&["sandbox"]);
    assert!(said(&output).contains("there is nothing to go back to"), "{}", said(&output));
    assert_eq!([house.account("template"), house.account("parameters")], before);
}

#[test]
fn an_administrator_whose_enrolment_failed_is_enrolled_the_next_time() {
    let house = House::new(NOBODY);
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    for tries in 1..=2 {
        assert_eq!(house.deploy(&["sandbox", "administrator"]).status.code(), Some(1));
        let asked = house.asked();
        assert_eq!(asked.iter().filter(|asked| *asked == "aws dynamodb put-item").count(), tries);
    }
}

#[test]
fn nobody_is_let_in_by_a_code_that_everybody_knows() {
    let house = House::new(NOBODY);
    assert!(house.deploy(&["sandbox", "stack"]).status.success());
    house.program("openssl", "exit 1\n");
    for step in [&["sandbox"][..], &["sandbox", "administrator"]] {
        let output = house.deploy(step);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("openssl gave no code"), "{}", said(&output));
    }
    assert!(!house.asked().iter().any(|asked| asked.contains("put-item")), "{:?}", house.asked());
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
