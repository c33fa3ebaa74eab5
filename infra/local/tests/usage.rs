//! What the program says to whoever types it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is test code")]

use clap::CommandFactory;
use local::cli::Cli;
use std::process::{Command, Output, Stdio};

fn leja(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leja")).args(arguments).output().unwrap()
}

/// Every command that can be typed, each with the words before it.
fn commands(command: &clap::Command, before: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for inner in command.get_subcommands() {
        let path: Vec<&str> = before.iter().copied().chain([inner.get_name()]).collect();
        all.push(path.iter().map(ToString::to_string).collect());
        all.extend(commands(inner, &path));
    }
    all
}

#[test]
fn help_names_every_command_and_every_level_has_help() {
    let all = commands(&Cli::command(), &[]);
    for typed in [
        "demo",
        "doctor",
        "admin shop",
        "admin inbox assign",
        "admin token rotate",
        "admin qr",
        "ledger backup",
    ] {
        assert!(all.iter().any(|path| path.join(" ") == typed), "{typed}");
    }
    for path in all {
        let (last, above) = path.split_last().unwrap();
        let above: Vec<&str> = above.iter().map(String::as_str).chain(["--help"]).collect();
        let help = leja(&above);
        assert!(help.status.success(), "{above:?}");
        assert!(String::from_utf8(help.stdout).unwrap().contains(last.as_str()), "{above:?}: {last}");
        let own: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        assert!(leja(&own).status.success(), "{own:?}");
    }
    assert!(leja(&["--version"]).status.success());
    assert!(!leja(&["completions", "bash"]).stdout.is_empty());
}

#[test]
fn a_reader_that_goes_away_early_breaks_nothing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leja"));
    command.args(["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // As `leja … | head -0` does it.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn wrong_usage_ends_with_2() {
    assert_eq!(leja(&["sell"]).status.code(), Some(2));
    assert_eq!(leja(&["demo", "--customers", "perhaps"]).status.code(), Some(2));
    assert_eq!(leja(&["admin", "shop", "duka", "--validation", "perhaps"]).status.code(), Some(2));
    for undecided in ["dismiss", "reopen"] {
        let decided = leja(&["admin", "inbox", undecided, "00000000"]);
        assert_eq!(decided.status.code(), Some(2), "{undecided} without a reason");
    }
}

/// One line on standard error, and 1.
fn failed(arguments: &[&str]) -> String {
    let output = leja(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("error: "), "{said}");
    said
}

#[test]
fn what_fails_ends_with_1_and_one_line_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (till, nowhere) = (folder.path().join("till"), folder.path().join("nowhere"));
    let till = failed(&["till", "--listen", "127.0.0.1:0", "--data", till.to_str().unwrap()]);
    assert!(till.contains("--enrol"), "{till}");
    let admin = failed(&["admin", "--admin", nowhere.to_str().unwrap(), "shops"]);
    assert!(admin.contains("--admin") && !nowhere.exists(), "{admin}");
}

#[test]
fn a_doctor_tells_of_a_hub_that_is_not_there_and_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("hub");
    // Nobody listens on port 9 (discard).
    let output =
        leja(&["doctor", "--listen", "127.0.0.1:9", "--data", data.to_str().unwrap(), "--backup", "nowhere"]);
    let said = String::from_utf8(output.stdout).unwrap();
    for line in ["warn  credentials", "warn  hub  ", "warn  reachable", "fail  store", "fail  backup"] {
        assert!(said.lines().any(|said| said.starts_with(line)), "{line}: {said}");
    }
    assert_eq!(output.status.code(), Some(1));
    assert!(!data.exists());
}
