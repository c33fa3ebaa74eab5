//! One SQLite file: journal, evidence, and everything computed from them. All client SQL is here.
//!
//! A write is one transaction (WAL, `synchronous=FULL`) that holds the journal entry and the rows computed
//! from it; when the call returns, it is on the disk. [`record`](Ledger::record) writes what this till
//! did, [`take`](Ledger::take) what others did and what Safaricom said, [`query`] answers what a person
//! asks. The documented schema is [`schema.sql`](../src/schema.sql).

mod doubt;
mod error;
mod project;
mod rows;
mod settle;

pub mod history;
pub mod journal;
pub mod push;
pub mod query;

pub use error::LedgerError;
pub use journal::{Content, Identity, Outcome, Page, Taken};
pub use push::PushRow;
pub use query::{ClaimRow, Day, PaymentRow, ProductRow, SaleFilter, SaleRow};
pub use rows::how_name;

use domain::{Actor, ShopId};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The number of this schema, in `user_version`.
pub const SCHEMA_VERSION: u32 = 2;
/// How many prepared statements are kept.
const STATEMENTS_KEPT: usize = 96;

/// How long to wait for another program that is writing.
const BUSY: Duration = Duration::from_secs(5);

/// An open ledger. It has one writer; keep it behind a lock.
pub struct Ledger {
    connection: Connection,
    /// Each shop's short key in this file, and under which name this file writes in its journal.
    homes: BTreeMap<ShopId, (i64, Actor)>,
}

impl Ledger {
    /// Opens a ledger, or makes a new one where there is no file.
    ///
    /// # Errors
    /// The file can not be opened, is damaged, or was written by a newer release. It is never deleted,
    /// emptied or made anew: it may be the only copy of unsent sales.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let mut ledger = Self { connection, homes: BTreeMap::new() };
        ledger.migrate()?;
        ledger.read_homes()?;
        Ok(ledger)
    }

    /// Whose ledger a file is, without touching it: for programs that only need a name. `None` where there
    /// is no ledger, or nobody's yet.
    ///
    /// # Errors
    /// There is a file, and it can not be read.
    pub fn identity_at(path: &Path) -> Result<Option<Identity>, LedgerError> {
        if !path.exists() {
            return Ok(None);
        }
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(BUSY)?;
        match version(&connection)? {
            0 => Ok(None),
            _ => Self { connection, homes: BTreeMap::new() }.identity(),
        }
    }

    /// Makes the schema where there is none, or brings an older one up to date, in one transaction: a till
    /// that is killed here finds the schema as it was or as it should be.
    fn migrate(&mut self) -> Result<(), LedgerError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let change = match version(&transaction)? {
            SCHEMA_VERSION => return Ok(()),
            0 => include_str!("schema.sql"),
            1 => include_str!("from_1.sql"),
            newer => return Err(LedgerError::Newer(newer)),
        };
        transaction.execute_batch(change)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        Ok(transaction.commit()?)
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

fn version(connection: &Connection) -> Result<u32, LedgerError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_on_the_disk_before_it_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let pragma =
            |name| ledger.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(pragma("synchronous"), 2, "FULL");
        let mode = ledger.connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
        assert_eq!(mode.unwrap(), "wal");
    }
}
