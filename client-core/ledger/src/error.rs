//! What can go wrong with the file, by what a person can do about it.

use std::io::ErrorKind;
use std::path::Path;

/// The ledger could not do what was asked. Nothing was half done.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no room left.
    #[error(
        "the disk is full and nothing was recorded: make room on it, then try again; the till goes on by itself"
    )]
    Full,
    /// There is no room for the copy on which an older ledger is brought up to date.
    #[error(
        "this ledger has to be brought up to date, which is tried on a copy first, and the disk has no room \
         for that: make as much room as the ledger takes, then start again; nothing was changed"
    )]
    NoRoomToTry,
    /// The disk, the folder or the file may not be written.
    #[error(
        "the ledger can not be written: its disk, its folder or the file itself is read-only, or belongs to \
         somebody else. Nothing was recorded: give this user the right to write there, then start again"
    )]
    ReadOnly,
    /// The disk fails.
    #[error("the ledger's disk failed ({0}). Nothing was recorded: check the disk, and make a backup soon")]
    Disk(#[source] rusqlite::Error),
    /// Another program holds the file.
    #[error("another program is using this ledger: close it, then start again")]
    Locked,
    /// What is in the file breaks a rule.
    #[error(
        "the ledger holds something that can not be: {0}. Do not delete it: make a copy, run `leja ledger \
         verify` on that, and ask for help"
    )]
    Damaged(String),
    /// A newer release wrote the file.
    #[error("this ledger was written by a newer release (schema {0}): install that release or a later one")]
    Newer(u32),
    /// An older release wrote the file, and only whoever writes in it brings it up to date.
    #[error("this ledger was written by an older release (schema {0}): start its till once with this one")]
    Older(u32),
    /// The till has not been enrolled.
    #[error("this till is not enrolled yet: run it once with an enrolment code")]
    NotEnrolled,
    /// There is no such thing here.
    #[error("there is no {0}")]
    Unknown(String),
    /// There is a file where a new one was to be made.
    #[error("{0} is there already, and nothing is written over it: choose another name, or move it away")]
    Exists(String),
    /// A file beside the ledger can not be used.
    #[error("{0}: check the name, its rights and the disk")]
    File(String),
}

impl LedgerError {
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::AlreadyExists => Self::Exists(path.display().to_string()),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::File(format!("{} can not be used ({error})", path.display())),
        }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType};
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
            PermissionDenied, ReadOnly,
        };
        match (&error, error.sqlite_error_code()) {
            (_, Some(DatabaseBusy | DatabaseLocked)) => Self::Locked,
            (_, Some(DatabaseCorrupt | NotADatabase)) => Self::Damaged(error.to_string()),
            (_, Some(DiskFull)) => Self::Full,
            (_, Some(ReadOnly | PermissionDenied | CannotOpen)) => Self::ReadOnly,
            (FromSqlConversionFailure(..) | InvalidColumnType(..), _) => Self::Damaged(error.to_string()),
            _ => Self::Disk(error),
        }
    }
}
