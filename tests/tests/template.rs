//! The templates of `infra/aws` against the code: what each function may do, finds in its environment, and is asked.

use embedded::{EmbeddedStore, FileQueue};
use serde_json::Value;
use service::HttpSafaricom;
use std::collections::BTreeSet;
use tests::process::repository;
use tests::template::{Template, list, text};

/// What each function may do, all of it. The letters are how the names of items begin: `functions/dynamodb/src/keys.rs`.
const RIGHTS: [(&str, &[&str]); 5] = [
    (
        "Callbacks",
        &[
            "dynamodb:GetItem on Store.Outputs.Arn: K N S T",
            "dynamodb:PutItem on Store.Outputs.Arn: I K M P",
            "dynamodb:Query on ${Store.Outputs.Arn}/index/listing",
            "dynamodb:Query on Store.Outputs.Arn: M P",
            "dynamodb:UpdateItem on Store.Outputs.Arn: K",
            "logs:CreateLogStream on CallbacksLog.Arn",
            "logs:PutLogEvents on CallbacksLog.Arn",
            "sqs:SendMessage on FallbackQueue.Arn",
        ],
    ),
    (
        "Sync",
        &[
            "dynamodb:DeleteItem on Store.Outputs.Arn: E L",
            "dynamodb:GetItem on Store.Outputs.Arn: A H S",
            "dynamodb:PutItem on Store.Outputs.Arn: A H J L M",
            "dynamodb:Query on ${Store.Outputs.Arn}/index/listing",
            "dynamodb:Query on Store.Outputs.Arn: H J M",
            "dynamodb:UpdateItem on Store.Outputs.Arn: C",
            "logs:CreateLogStream on SyncLog.Arn",
            "logs:PutLogEvents on SyncLog.Arn",
            "secretsmanager:GetSecretValue on LicenceKey",
        ],
    ),
    (
        "Payments",
        &[
            "dynamodb:DeleteItem on Store.Outputs.Arn: L",
            "dynamodb:GetItem on Store.Outputs.Arn: A K S U",
            "dynamodb:PutItem on Store.Outputs.Arn: I K L M P U",
            "dynamodb:Query on ${Store.Outputs.Arn}/index/listing",
            "dynamodb:Query on Store.Outputs.Arn: K M P",
            "dynamodb:UpdateItem on Store.Outputs.Arn: K",
            "logs:CreateLogStream on PaymentsLog.Arn",
            "logs:PutLogEvents on PaymentsLog.Arn",
            "secretsmanager:GetSecretValue on CallbackSecret",
            "secretsmanager:GetSecretValue on DarajaApp",
        ],
    ),
    (
        "Office",
        &[
            "dynamodb:DeleteItem on Store.Outputs.Arn: N T",
            "dynamodb:GetItem on Store.Outputs.Arn: A C E H I K N P S U",
            "dynamodb:PutItem on Store.Outputs.Arn: A E H I J K L M N P S T U",
            "dynamodb:Query on ${Store.Outputs.Arn}/index/listing",
            "dynamodb:Query on Store.Outputs.Arn: H J K M P",
            "dynamodb:UpdateItem on Store.Outputs.Arn: C I K",
            "logs:CreateLogStream on OfficeLog.Arn",
            "logs:PutLogEvents on OfficeLog.Arn",
            "secretsmanager:GetSecretValue on CallbackSecret",
        ],
    ),
    (
        "Sweep",
        &[
            "dynamodb:DeleteItem on Store.Outputs.Arn: J L",
            "dynamodb:GetItem on Store.Outputs.Arn: A H K N S T",
            "dynamodb:PutItem on Store.Outputs.Arn: I J K L M P",
            "dynamodb:Query on ${Store.Outputs.Arn}/index/listing",
            "dynamodb:Query on Store.Outputs.Arn: H J K M P",
            "dynamodb:UpdateItem on Store.Outputs.Arn: K",
            "logs:CreateLogStream on SweepLog.Arn",
            "logs:PutLogEvents on SweepLog.Arn",
            "secretsmanager:GetSecretValue on DarajaApp",
            "sns:Publish on anything but arn:${AWS::Partition}:sns:*:*:*",
            "sqs:DeleteMessage on FallbackQueue.Arn",
            "sqs:ReceiveMessage on FallbackQueue.Arn",
        ],
    ),
];

/// Settings that a function reads and the template leaves out, and why.
const LEFT_OUT: [(&str, &str); 2] = [
    ("LEJA_BEHIND_PROXY", "nothing of ours stands before API Gateway"),
    ("LEJA_SAFARICOM", "another Safaricom than the environment's is a simulated one"),
];

/// Names of the secrets of a function: JSON objects of further settings.
const SECRETS: &str = "LEJA_SECRETS";
/// What the TLS library reads by itself.
const TRUSTED: &str = "SSL_CERT_FILE";

const FUNCTION: &str = "AWS::Serverless::Function";

fn template() -> Template {
    Template::read("template")
}

#[test]
fn a_function_may_do_what_its_list_says_and_nothing_more() {
    let template = template();
    for (function, expected) in RIGHTS {
        let rights = template.rights_of(function);
        assert_eq!(rights.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{function}");
        let wild = |right: &&String| right.split(" on ").any(|part| part.contains('*'));
        let wild: Vec<_> =
            rights.iter().filter(wild).filter(|right| !right.starts_with("sns:Publish on any")).collect();
        assert!(wild.is_empty(), "{function}: {wild:?}");
    }
    let roles: Vec<_> = template.resources("AWS::IAM::Role").into_keys().collect();
    let own: BTreeSet<String> = RIGHTS.iter().map(|(function, _)| format!("{function}Role")).collect();
    assert_eq!(roles, own.iter().collect::<Vec<_>>(), "one role for each function");
}

#[test]
fn every_function_of_the_code_is_in_the_template() {
    let bins = repository().join("functions/lambda/src/bin").read_dir().unwrap();
    let bins: BTreeSet<String> =
        bins.map(|bin| bin.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let template = template();
    let functions = template.resources(FUNCTION);
    let built = functions.iter().map(|(name, function)| {
        let code =
            text(&function["CodeUri"]).strip_prefix("../../target/lambda/").unwrap().trim_end_matches('/');
        assert_eq!(code, name.to_lowercase());
        assert_eq!(function["Role"], format!("{name}Role.Arn"), "{name} has another's role");
        assert_eq!(function["LoggingConfig"]["LogGroup"], format!("{name}Log"));
        code.to_owned()
    });
    assert_eq!(built.collect::<BTreeSet<_>>(), bins);
}

#[test]
fn a_function_finds_the_settings_it_reads_and_no_others() {
    let template = template();
    for (name, function) in RIGHTS.map(|(name, _)| (name, name.to_lowercase())) {
        let reads = settings_of(&function);
        let environment = template.environment_of(name);
        let secrets = environment.get(SECRETS).map_or("", |secrets| text(secrets));
        let secrets = secrets.split_whitespace().map(|secret| secret.trim_matches(|c| "${}".contains(c)));
        let mut given: BTreeSet<String> = secrets.flat_map(|secret| settings_in(&template, secret)).collect();
        let plain = environment.keys().filter(|name| ![SECRETS, TRUSTED].contains(name));
        given.extend(plain.map(|name| (*name).to_owned()));
        let missing: Vec<_> = reads.difference(&given).filter(|name| left_out(name).is_none()).collect();
        assert!(missing.is_empty(), "{name} reads {missing:?}, and the template does not say it");
        let unread: Vec<_> = given.difference(&reads).collect();
        assert!(unread.is_empty(), "{name} is given {unread:?} and does not read it");
    }
}

fn left_out(setting: &str) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(name, _)| *name == setting).map(|(_, why)| *why)
}

/// The settings that a function reads: its program names methods of `Settings`, and these name variables.
fn settings_of(function: &str) -> BTreeSet<String> {
    let read =
        |path: String| std::fs::read_to_string(repository().join("functions/lambda/src").join(path)).unwrap();
    let (program, settings) = (read(format!("bin/{function}.rs")), read("settings.rs".to_owned()));
    let asked =
        program.split("settings.").skip(1).filter_map(|rest| rest.split_once('(')).map(|(name, _)| name);
    let bodies = asked.map(|method| {
        let (_, body) =
            settings.split_once(&format!("pub fn {method}(")).unwrap_or_else(|| panic!("{method}"));
        body.split_once("\n    }\n").unwrap().0
    });
    bodies.flat_map(variables).collect()
}

/// The variables that a piece of code names.
fn variables(code: &str) -> Vec<String> {
    let words = code.split('"').skip(1).step_by(2);
    words.filter(|word| word.starts_with("LEJA_") || word.starts_with("MPESA_")).map(str::to_owned).collect()
}

/// The settings that a secret of the template holds.
fn settings_in(template: &Template, secret: &str) -> Vec<String> {
    let secret = template.resource(secret);
    match &secret["GenerateSecretString"] {
        Value::Null => {
            let held: Value = serde_json::from_str(text(&secret["SecretString"])).unwrap();
            held.as_object().unwrap().keys().cloned().collect()
        }
        generated => vec![text(&generated["GenerateStringKey"]).to_owned()],
    }
}

#[test]
fn what_a_router_serves_api_gateway_sends_to_it() {
    let template = template();
    let mut routes: Vec<(&str, &str, &str)> = Vec::new();
    for (name, function) in template.resources(FUNCTION) {
        let events = function["Events"].as_object().unwrap().values().map(|event| &event["Properties"]);
        for event in events.filter(|event| event["ApiId"] == "Api") {
            routes.push((text(&event["Method"]), text(&event["Path"]), name));
        }
    }
    let document = service::openapi::document::<EmbeddedStore, HttpSafaricom, FileQueue>();
    let document = serde_json::to_value(document).unwrap();
    let mut sent = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(_, o)| o["tags"].is_array()) {
            let serves = match text(list(&operation["tags"])[0]) {
                "tills" => "Sync",
                "safaricom" => "Payments",
                "administrators" => "Office",
                other => panic!("{path}: whose is {other}?"),
            };
            let route = routes.iter().filter(|(by, at, _)| leads(by, at, &method.to_uppercase(), path));
            let route =
                route.max_by_key(|(by, at, _)| (at.matches('/').count(), !at.contains('+'), *by != "ANY"));
            let (.., function) = route.unwrap_or_else(|| panic!("nothing leads to {method} {path}"));
            assert_eq!(*function, serves, "{method} {path}");
            sent.insert(*function);
        }
    }
    assert_eq!(sent, BTreeSet::from(["Office", "Payments", "Sync"]));
}

/// Whether API Gateway takes a request for a route: `{x}` is one part of a path, `{x+}` all that is left of it.
fn leads(by: &str, at: &str, method: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let way = at.split('/').all(|asked| match parts.next() {
        None => false,
        Some(_) if asked.ends_with("+}") => parts.by_ref().count() < usize::MAX,
        Some(part) => asked == part || asked.starts_with('{'),
    });
    way && parts.next().is_none() && (by == "ANY" || by == method)
}

#[test]
fn a_function_ends_before_its_caller_gives_up() {
    // Safaricom waits eight seconds; a till and API Gateway thirty; the sweep comes every quarter of an hour.
    let patience = [("Callbacks", 8), ("Sync", 30), ("Payments", 30), ("Office", 30), ("Sweep", 900)];
    let template = template();
    for (function, seconds) in patience {
        let timeout = template.resource(function)["Timeout"].as_u64().unwrap();
        assert!(timeout < seconds, "{function}: {timeout} s");
    }
    // What is done within it ends before: the store's time and then the queue's.
    let seconds = |file: &str, name: &str| -> u64 {
        let code = std::fs::read_to_string(repository().join("functions").join(file)).unwrap();
        let said = code.split_once(&format!("const {name}: Duration = Duration::from_secs(")).unwrap().1;
        said.split_once(')').unwrap().0.parse().unwrap()
    };
    let within =
        seconds("service/src/callbacks.rs", "STORE_PATIENCE") + seconds("lambda/src/queue.rs", "PUT_TIMEOUT");
    assert!(within < template.resource("Callbacks")["Timeout"].as_u64().unwrap(), "{within} s");
}

#[test]
fn what_alarms_listen_for_the_functions_count() {
    let source = |room: &str| repository().join("functions").join(room).join("src").read_dir().unwrap();
    let files = source("service").chain(source("lambda")).map(|file| file.unwrap().path());
    let code: String = files.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    for (name, alarm) in Template::read("watch").resources("AWS::CloudWatch::Alarm") {
        if alarm["Namespace"] == "Leja" {
            let metric = text(&alarm["MetricName"]);
            assert!(code.contains(&format!("{metric} = ")), "{name}: nothing counts {metric}");
        }
    }
}

#[test]
fn an_alarm_on_what_a_sweep_says_waits_for_the_next_before_it_is_over() {
    let every = 15 * 60;
    assert_eq!(
        template().resource("Sweep")["Events"]["EveryQuarter"]["Properties"]["ScheduleExpression"],
        "rate(15 minutes)"
    );
    for (name, alarm) in Template::read("watch").resources("AWS::CloudWatch::Alarm") {
        if alarm["Namespace"] == "Leja" && list(&alarm["Dimensions"])[0]["Value"] == "Sweep" {
            let period = alarm["Period"].as_u64().unwrap();
            assert!(
                period >= 2 * every,
                "{name}: one sweep may end late in its quarter of an hour, and the next early"
            );
        }
    }
}

#[test]
fn what_goes_to_the_inbox_rings_whoever_files_it() {
    let watch = Template::read("watch");
    let alarms = watch.resources("AWS::CloudWatch::Alarm").into_values();
    let orphans = alarms.filter(|alarm| alarm["MetricName"] == "Orphans");
    let of: BTreeSet<&str> = orphans.map(|alarm| text(&list(&alarm["Dimensions"])[0]["Value"])).collect();
    assert_eq!(of, BTreeSet::from(["Callbacks", "Sweep"]));
}

#[test]
fn a_sweep_that_failed_is_repeated_by_the_next_one_and_by_nobody_else() {
    let template = template();
    let sweep = template.resource("Sweep");
    let invoked = &sweep["EventInvokeConfig"];
    // A schedule hands its event over, and Lambda repeats what failed twice unless it is told otherwise.
    assert_eq!(invoked["MaximumRetryAttempts"], 0);
    let events =
        template.resources(FUNCTION).into_iter().filter(|(_, it)| it["Events"]["EveryQuarter"].is_object());
    assert_eq!(events.map(|(name, _)| name).collect::<Vec<_>>(), ["Sweep"]);
}

#[test]
fn every_alarm_has_its_heading_in_the_runbook_and_says_so() {
    let runbook = std::fs::read_to_string(repository().join("infra/aws/README.md")).unwrap();
    let (_, alarms) = runbook.split_once("\n## At each alarm\n").unwrap();
    let alarms = alarms.split("\n## ").next().unwrap();
    let headings: BTreeSet<&str> = alarms.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let watch = Template::read("watch");
    let alarms = watch.resources("AWS::CloudWatch::Alarm");
    assert_eq!(alarms.keys().copied().collect::<BTreeSet<_>>(), headings);
    for (name, alarm) in alarms {
        let said = text(&alarm["AlarmDescription"]);
        assert!(said.ends_with(&format!("See {name} in infra/aws/README.md.")), "{name}: {said}");
    }
}
