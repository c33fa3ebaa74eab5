//! What can go wrong with the file, by what a person can do about it.

/// The ledger could not do what was asked. Nothing was half done.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The disk or the file refuses.
    #[error("the ledger could not be written: {0}. Nothing was recorded: check the disk's space and rights")]
    Disk(#[source] rusqlite::Error),
    /// Another program holds the file.
    #[error("another program is using this ledger: close it, then start again")]
    Locked,
    /// What is in the file breaks a rule.
    #[error(
        "the ledger holds something that can not be: {0}. Do not delete it: make a copy and ask for help"
    )]
    Damaged(String),
    /// A newer release wrote the file.
    #[error("this ledger was written by a newer release (schema {0}): install that release or a later one")]
    Newer(u32),
    /// The till has not been enrolled.
    #[error("this till is not enrolled yet: run it once with an enrolment code")]
    NotEnrolled,
    /// There is no such thing here.
    #[error("there is no {0}")]
    Unknown(String),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType};
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
        match (&error, error.sqlite_error_code()) {
            (_, Some(DatabaseBusy | DatabaseLocked)) => Self::Locked,
            (_, Some(DatabaseCorrupt | NotADatabase)) => Self::Damaged(error.to_string()),
            (FromSqlConversionFailure(..) | InvalidColumnType(..), _) => Self::Damaged(error.to_string()),
            _ => Self::Disk(error),
        }
    }
}
