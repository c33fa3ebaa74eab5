//! What the program says to whoever types it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is test code")]

use std::process::{Command, Output};

fn leja(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leja")).args(arguments).output().unwrap()
}

#[test]
fn help_names_every_command_and_every_level_has_help() {
    let help = String::from_utf8(leja(&["--help"]).stdout).unwrap();
    for command in ["demo", "hub", "till", "office", "safaricom", "admin", "completions"] {
        assert!(help.contains(command), "{command}");
        assert!(leja(&[command, "--help"]).status.success(), "{command}");
    }
    assert!(leja(&["--version"]).status.success());
    assert!(!leja(&["completions", "bash"]).stdout.is_empty());
}

#[test]
fn wrong_usage_ends_with_2() {
    assert_eq!(leja(&["sell"]).status.code(), Some(2));
    assert_eq!(leja(&["demo", "--customers", "perhaps"]).status.code(), Some(2));
}

#[test]
fn what_fails_ends_with_1_and_one_line_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("till");
    let output = leja(&["till", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("error: ") && said.contains("--enrol"), "{said}");
}
