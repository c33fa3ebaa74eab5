//! How this machine's clock stands to the cloud's, kept for a start without a network.

use crate::{Ledger, LedgerError, Reader};
use domain::Clock;
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(crate) fn put(c: &Connection, clock: Clock) -> Result<(), LedgerError> {
    let sql = "INSERT OR REPLACE INTO clock (one, offset, uncertainty) VALUES (1, ?, ?)";
    c.prepare_cached(sql)?.execute(params![clock.offset_millis, clock.uncertainty_millis])?;
    Ok(())
}

impl Reader {
    /// What was last known; `None` if this machine never met the cloud.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn clock(&self) -> Result<Option<Clock>, LedgerError> {
        let read = |row: &Row<'_>| {
            let (offset_millis, uncertainty_millis) = (row.get("offset")?, row.get("uncertainty")?);
            Ok(Clock { offset_millis, uncertainty_millis })
        };
        let mut find = self.connection.prepare_cached("SELECT offset, uncertainty FROM clock")?;
        Ok(find.query_row([], read).optional()?)
    }
}

impl Ledger {
    /// Keeps what is known now.
    ///
    /// # Errors
    /// The file can not be written.
    pub fn put_clock(&mut self, clock: Clock) -> Result<(), LedgerError> {
        self.write(|c| put(c, clock))
    }
}
