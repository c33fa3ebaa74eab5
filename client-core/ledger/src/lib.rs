//! One SQLite file: journal, evidence, and everything computed from them. All client SQL is here.
//!
//! A write is one transaction (WAL, `synchronous=FULL`) that holds the journal entry and the rows computed
//! from it; when the call returns, it is on the disk. [`record`](Ledger::record) writes what this till
//! did, [`take`](Ledger::take) what others did and what Safaricom said, [`query`] answers what a person
//! asks. The documented schema is [`schema.sql`](../src/schema.sql).

mod error;
mod project;
mod rows;
mod settle;

pub mod history;
pub mod journal;
pub mod query;

pub use error::LedgerError;
pub use journal::{Content, Identity, Outcome, Page, Taken};
pub use query::{ClaimRow, Day, PaymentRow, ProductRow, PushRow, SaleFilter, SaleRow};
pub use rows::how_name;

use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

/// The number of this schema, in `user_version`.
pub const SCHEMA_VERSION: u32 = 1;
/// How many prepared statements are kept.
const STATEMENTS_KEPT: usize = 96;

/// An open ledger. It has one writer; keep it behind a lock.
pub struct Ledger {
    connection: Connection,
}

impl Ledger {
    /// Opens a ledger, or makes a new one where there is no file.
    ///
    /// # Errors
    /// The file can not be opened, is damaged, or was written by a newer release. It is never deleted,
    /// emptied or made anew: it may be the only copy of unsent sales.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            SCHEMA_VERSION => {}
            0 => {
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                transaction.execute_batch(include_str!("schema.sql"))?;
                transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
                transaction.commit()?;
            }
            newer => return Err(LedgerError::Newer(newer)),
        }
        Ok(Self { connection })
    }

    /// Runs a write in one transaction.
    fn write<T>(
        &mut self,
        write: impl FnOnce(&Connection) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = write(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}
