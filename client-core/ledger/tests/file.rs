//! What happens to a file that is not what it should be: a clear error, and never a changed byte.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is test code")]

use ledger::{Ledger, LedgerError};
use rusqlite::Connection;
use std::path::Path;

fn refused(path: &Path) -> LedgerError {
    let before = std::fs::read(path).unwrap();
    let error = Ledger::open(path).err().expect("it opened");
    assert_eq!(std::fs::read(path).unwrap(), before, "the file was changed");
    error
}

#[test]
fn a_new_file_gets_the_schema_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    assert_eq!(Ledger::identity_at(&path).unwrap(), None);
    assert!(!path.exists(), "asking for a name makes no file");
    drop(Ledger::open(&path).unwrap());
    assert!(Ledger::open(&path).unwrap().identity().unwrap().is_none());
    let sqlite = Connection::open(&path).unwrap();
    let check: String = sqlite.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let mode: String = sqlite.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!((check.as_str(), mode.as_str()), ("ok", "wal"));
}

#[test]
fn a_name_may_be_asked_for_while_the_file_is_being_made() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        std::thread::scope(|scope| {
            let made = scope.spawn(|| Ledger::open(&path).map(drop));
            while !made.is_finished() {
                assert_eq!(Ledger::identity_at(&path).unwrap(), None);
            }
            made.join().unwrap().unwrap();
        });
    }
}

#[test]
fn a_file_of_a_newer_release_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(Ledger::open(&path).unwrap());
    let sqlite = Connection::open(&path).unwrap();
    sqlite.pragma_update(None, "user_version", 99).unwrap();
    drop(sqlite);
    assert!(matches!(refused(&path), LedgerError::Newer(99)));
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    std::fs::write(&path, b"this was a ledger once, until the disk failed; do not make it anew").unwrap();
    let error = refused(&path);
    assert!(matches!(error, LedgerError::Damaged(_)), "{error:?}");
    assert!(error.to_string().contains("Do not delete it"));
}
