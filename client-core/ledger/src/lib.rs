//! One SQLite file: journal, evidence, and everything computed from them. All client SQL is here.
//!
//! A write is one transaction (WAL, `synchronous=FULL`) that holds the journal entry and the rows computed
//! from it; when the call returns, it is on the disk. [`record`](Ledger::record) writes what this till
//! did, [`take`](Ledger::take) what others did and what Safaricom said, [`query`] answers what a person
//! asks. The documented schema is [`schema.sql`](../src/schema.sql).

mod astray;
mod backup;
mod base;
mod catalogue;
mod cited;
mod clock;
mod cloud;
mod conflicts;
mod doubt;
mod error;
mod file;
mod licence;
mod migrate;
mod mistakes;
mod parked;
mod payments;
mod places;
mod project;
mod reader;
mod rebuild;
mod record;
mod renew;
mod rows;
mod settle;
mod shift;
mod stock;
mod unverified;

pub mod history;
pub mod journal;
mod matching;
pub mod push;
pub mod query;

pub use astray::{Parting, Remaining};
pub use backup::restore;
pub use base::{Backlog, Base};
pub use conflicts::ClaimOn;
pub use error::LedgerError;
pub use journal::{Content, Identity, Outcome, Page, Taken};
pub use licence::LicenceRow;
pub use mistakes::{Said, SaidRow};
pub use parked::Parked;
pub use payments::PaymentRow;
pub use push::PushRow;
pub use query::{ClaimRow, Claimed, Day, SaleFilter, SaleRow, reference};
pub use reader::Reader;
pub use rebuild::{Meaning, ReadCatalogue, Scratch};
pub use record::Last;
pub use renew::{Doubt, NewLife, Why};
pub use rows::how_name;
pub use shift::{DrawerKind, DrawerRow};
pub use stock::{BeforeCount, StockRow};
pub use unverified::UnverifiedRow;

use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The number of this schema, in `user_version`.
pub const SCHEMA_VERSION: u32 = 3;

/// An open ledger. It has one writer; keep it behind a lock. What takes long to read is read with a
/// [`Reader`] of its own, and no sale waits for it.
pub struct Ledger {
    reader: Reader,
    last: Option<record::Last>,
}

impl std::ops::Deref for Ledger {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Ledger {
    /// Opens a ledger, or makes a new one where there is no file. One that an older release wrote is brought
    /// up to date, first on a copy and then in one transaction.
    ///
    /// # Errors
    /// The file can not be opened or written, is damaged, or was written by a newer release. It is never
    /// deleted, emptied or made anew: it may be the only copy of unsent sales.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_within(path, file::PATIENCE)
    }

    /// The same, waiting so long and no longer for another program that is writing.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub fn open_within(path: &Path, patience: Duration) -> Result<Self, LedgerError> {
        let mut connection = file::connect_to_write(path, patience)?;
        migrate::migrate(&mut connection, path)?;
        let mut reader = Reader { connection, path: path.to_owned(), homes: BTreeMap::new() };
        reader.read_homes()?;
        let mut ledger = Self { reader, last: None };
        ledger.recognise()?;
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
        let connection = file::connect_to_read(path)?;
        match version(&connection)? {
            0 => Ok(None),
            _ => Reader { connection, path: path.to_owned(), homes: BTreeMap::new() }.identity(),
        }
    }

    /// Runs a write in one transaction.
    fn write<T>(
        &mut self,
        write: impl FnOnce(&Connection) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.last = None;
        let transaction = file::Transaction::begin(&self.reader.connection)?;
        let value = write(&self.reader.connection)?;
        transaction.commit()?;
        Ok(value)
    }

    fn read_homes(&mut self) -> Result<(), LedgerError> {
        self.reader.read_homes()
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

    #[test]
    fn a_start_writes_nothing_to_a_ledger_that_is_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        drop(Ledger::open(&path).unwrap());
        let _again = Ledger::open(&path).unwrap();
        assert_eq!(file::log_bytes(&path), 0);
    }

    #[test]
    fn a_write_that_fails_or_panics_leaves_nothing_and_the_next_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let half = |c: &Connection| Ok(c.execute_batch("CREATE TABLE half (x)")?);
        let failed = ledger.write(|c| half(c).and(Err::<(), _>(LedgerError::Full)));
        assert!(matches!(failed, Err(LedgerError::Full)));
        let panics =
            || ledger.write(|c| half(c).map(|()| assert!(c.is_autocommit(), "in the middle of a write")));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
        ledger.write(half).unwrap();
        assert!(ledger.write(half).is_err(), "the one that was committed is there");
    }

    #[test]
    fn a_statement_is_planned_once_however_often_it_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let sql = "SELECT number FROM sales WHERE shop = ? AND conflict = ?";
        let mut find = ledger.connection.prepare(sql).unwrap();
        for conflict in [0, 1, 0] {
            assert!(!find.exists([1, conflict]).unwrap());
        }
        assert_eq!(find.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }

    #[test]
    fn a_sale_builds_no_table_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        for table in ["journal", "sales"] {
            // A constraint that names three values or more makes SQLite build a table of them for every row.
            let mut explain =
                ledger.connection.prepare(&format!("EXPLAIN INSERT INTO {table} DEFAULT VALUES")).unwrap();
            let steps = explain.query_map([], |row| row.get::<_, String>("opcode")).unwrap();
            assert!(steps.map(Result::unwrap).all(|step| step != "OpenEphemeral"), "{table}");
        }
    }

    #[test]
    fn a_full_disk_is_told_of_and_the_ledger_goes_on_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        ledger.write(|c| Ok(c.execute_batch("CREATE TABLE crates (bytes BLOB)")?)).unwrap();
        let fill = |ledger: &mut Ledger| {
            ledger.write(|c| {
                c.execute("INSERT INTO crates VALUES (zeroblob(1000))", [])?;
                Ok(c.execute("INSERT INTO crates VALUES (zeroblob(100000))", []).map(drop)?)
            })
        };
        let count = |ledger: &Ledger| -> i64 {
            ledger.connection.query_row("SELECT count(*) FROM crates", [], |row| row.get(0)).unwrap()
        };
        fill(&mut ledger).unwrap();
        let pages: i64 = ledger.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        ledger.connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
        for _ in 0..3 {
            let error = fill(&mut ledger).unwrap_err();
            assert!(matches!(error, LedgerError::Full) && error.to_string().contains("make room"), "{error}");
            assert_eq!(count(&ledger), 2, "nothing half done");
        }
        ledger.connection.pragma_update(None, "max_page_count", pages + 1000).unwrap();
        fill(&mut ledger).unwrap();
        assert_eq!(count(&ledger), 4);
        backup::check(&ledger.connection).unwrap();
    }
}
