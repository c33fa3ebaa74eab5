//! A copy of a ledger in one file, made while the till sells, and the way back.

use crate::{LedgerError, Reader, version};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

impl Reader {
    /// Copies the ledger as it is at this moment into a new file. When this returns, the copy was read again
    /// from end to end, found whole, and is on the disk. Sales go on meanwhile: use a reader of its own.
    ///
    /// # Errors
    /// There is a file of that name, there is no room, or the ledger is damaged. What was written so far is
    /// taken away again.
    pub fn backup(&self, to: &Path) -> Result<(), LedgerError> {
        if to.exists() {
            return Err(LedgerError::Exists(to.display().to_string()));
        }
        // Only a whole backup gets the name of one.
        let part = crate::file::beside(to, ".part");
        let made = copy(&self.connection, &part).and_then(|copy| {
            check(&copy)?;
            let same = version(&copy)? == version(&self.connection)?;
            drop(copy);
            let whole = || LedgerError::Damaged("the copy is not what was copied".to_owned());
            if same { Ok(()) } else { Err(whole()) }
        });
        match made.and_then(|()| name_it(&part, to)) {
            Ok(()) => Ok(()),
            // Somebody else is writing it, or was stopped while writing it: not ours to take away.
            Err(error @ LedgerError::Exists(_)) => Err(error),
            Err(error) => remove(&part).and(Err(error)),
        }
    }
}

impl Reader {
    /// What this ledger holds and another does not, in words; nothing if the other holds all of it.
    ///
    /// # Errors
    /// One of them can not be read.
    pub fn holds_beyond(&self, other: &Path) -> Result<Vec<String>, LedgerError> {
        // By what makes each row the row it is; the same file, older or newer, numbers its shops alike.
        const TRUTH: [(&str, &str, &str); 5] = [
            ("who it is", "identity", "till, role"),
            ("entries", "journal", "shop, till, incarnation, number, chain"),
            ("messages of Safaricom's", "feed", "shop, source, name"),
            ("prompts", "pushes", "sale, attempt"),
            ("requests", "requests", "key"),
        ];
        let name = other.to_str().ok_or_else(|| LedgerError::File(format!("{}", other.display())))?;
        self.connection.execute("ATTACH ? AS other", [name])?;
        let count = |(what, table, columns): &(&str, &str, &str)| -> Result<Option<String>, LedgerError> {
            let sql = format!(
                "SELECT count(*) FROM (SELECT {columns} FROM main.{table} EXCEPT SELECT {columns} FROM other.{table})"
            );
            let count: i64 = self.connection.query_row(&sql, [], |row| row.get(0))?;
            Ok(Some(format!("{what}: {count}")).filter(|_| count > 0))
        };
        let found: Result<Vec<_>, LedgerError> = TRUTH.iter().map(count).collect();
        self.connection.execute("DETACH other", [])?;
        Ok(found?.into_iter().flatten().collect())
    }
}

/// Copies a backup to where a ledger belongs. It is checked before and after, and knows from then on that it
/// was restored: another file may have gone on from where it was made.
///
/// # Errors
/// The backup is damaged or no ledger, or there is a file already.
pub fn restore(from: &Path, to: &Path) -> Result<(), LedgerError> {
    if to.exists() {
        return Err(LedgerError::Exists(to.display().to_string()));
    }
    let part = crate::file::beside(to, ".part");
    remove(&part)?;
    let made = crate::file::connect_to_read(from).and_then(|backup| {
        check(&backup)?;
        check(&copy(&backup, &part)?)?;
        let mut ledger = crate::Ledger::open(&part)?;
        ledger.note_restored()
    });
    match made.and_then(|()| name_it(&part, to)) {
        Ok(()) => Ok(()),
        Err(error) => remove(&part).and(Err(error)),
    }
}

/// Copies a database into a new file that needs no log beside it. One look at the source: what is written
/// there meanwhile is not in the copy and does not disturb it.
pub(crate) fn copy(from: &Connection, to: &Path) -> Result<Connection, LedgerError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Ledgers hold customers' names.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(to).map_err(|error| LedgerError::file(to, &error))?;
    let mut copy = Connection::open(to)?;
    let done = Backup::new(from, &mut copy)?.step(-1)?;
    if !matches!(done, StepResult::Done) {
        return Err(LedgerError::Locked);
    }
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    Ok(copy)
}

/// Whether a database is whole: every page is read.
pub(crate) fn check(connection: &Connection) -> Result<(), LedgerError> {
    match faults(connection)?.as_slice() {
        [] => Ok(()),
        faults => Err(LedgerError::Damaged(faults.join("; "))),
    }
}

/// What SQLite finds wrong with a database: at most ten faults, in its words.
pub(crate) fn faults(connection: &Connection) -> Result<Vec<String>, LedgerError> {
    let mut check = connection.prepare("PRAGMA integrity_check(10)")?;
    let said = check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}

/// Puts a finished file on the disk, then gives it its name, then puts the name on the disk.
fn name_it(part: &Path, to: &Path) -> Result<(), LedgerError> {
    let sync = |path: &Path, error: std::io::Error| LedgerError::file(path, &error);
    File::open(part).and_then(|file| file.sync_all()).map_err(|e| sync(part, e))?;
    if to.exists() {
        return Err(LedgerError::Exists(to.display().to_string()));
    }
    std::fs::rename(part, to).map_err(|e| sync(to, e))?;
    // Where a folder can not be opened (Windows), the file system sees to its names itself.
    #[cfg(unix)]
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| sync(folder, e))?;
    }
    Ok(())
}

/// Takes away a copy of ours; nothing where there is none.
pub(crate) fn remove(copy: &Path) -> Result<(), LedgerError> {
    match std::fs::remove_file(copy) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(LedgerError::file(copy, &error)),
        _ => Ok(()),
    }
}
