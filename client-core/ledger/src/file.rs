//! The file itself: how it is opened, and what keeps its log small.

use crate::LedgerError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for another program that is writing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How many prepared statements are kept.
const STATEMENTS_KEPT: usize = 96;
/// After how many pages the log is written back into the file: 4 MB, which takes some milliseconds.
const CHECKPOINT_PAGES: u32 = 1000;
/// What the log may keep of the disk once it was written back.
const LOG_KEEPS_BYTES: u32 = 16 * 1024 * 1024;
/// A log this large means that it can not be written back: somebody has been reading for very long.
pub(crate) const SWOLLEN_BYTES: u64 = 64 * 1024 * 1024;

/// A connection that writes. A commit is on the disk before it returns.
pub(crate) fn connect_to_write(path: &Path, patience: Duration) -> Result<Connection, LedgerError> {
    let connection = Connection::open(path)?;
    prepare(&connection, patience)?;
    // SQLite opens what it may not write for reading. Said now, it is not said in the middle of a sale.
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(LedgerError::ReadOnly);
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEEPS_BYTES)?;
    Ok(connection)
}

/// A connection that can not write, beside whoever does.
pub(crate) fn connect_to_read(path: &Path) -> Result<Connection, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Unknown(format!("ledger at {}", path.display())));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection, PATIENCE)?;
    Ok(connection)
}

fn prepare(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(patience)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // A plan that looks at the values bound to it is made anew with each of them, because of the indexes
    // with a condition: half the work of a sale.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// A transaction that writes, taken back unless it is committed. Its statements are kept with the others:
/// rusqlite's own plans them anew each time.
pub(crate) struct Transaction<'a>(&'a Connection);

impl<'a> Transaction<'a> {
    /// Begins, with nobody else writing from here on.
    pub(crate) fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(connection))
    }

    /// Puts it on the disk.
    pub(crate) fn commit(self) -> rusqlite::Result<()> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // What fails here SQLite takes back by itself when the file is opened the next time.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

/// A file that belongs to a ledger: its log (`-wal`) or the index of that (`-shm`).
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// How large the log beside a ledger is, in bytes.
pub(crate) fn log_bytes(path: &Path) -> u64 {
    std::fs::metadata(beside(path, "-wal")).map_or(0, |found| found.len())
}

/// When the file system made this file: a copy was made later. `None` where it does not say; then a number
/// that a copy does not share, where there is one. It stays what it is when the file is renamed or written.
pub(crate) fn birth(path: &Path) -> Option<String> {
    let found = std::fs::metadata(path).ok()?;
    match found.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()) {
        Some(at) if !at.is_zero() => Some(format!("made {}", at.as_nanos())),
        #[cfg(unix)]
        _ => Some(format!("inode {}", std::os::unix::fs::MetadataExt::ino(&found))),
        #[cfg(not(unix))]
        _ => None,
    }
}
