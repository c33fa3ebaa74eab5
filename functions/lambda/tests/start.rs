//! How the functions start. That these tests name the programs also makes every `cargo test` build them,
//! which the system tests rely on.

#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::process::Command;

#[test]
fn a_function_without_its_settings_ends_and_says_what_is_missing() {
    for program in [
        env!("CARGO_BIN_EXE_callbacks"),
        env!("CARGO_BIN_EXE_sync"),
        env!("CARGO_BIN_EXE_payments"),
        env!("CARGO_BIN_EXE_office"),
        env!("CARGO_BIN_EXE_sweep"),
    ] {
        let ended = Command::new(program).env_clear().output().unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{program}");
        assert!(said.contains("LEJA_TABLE is not set: give the name"), "{program}: {said}");
    }
}
