//! Carts that were set aside while somebody looks for a purse. They are no facts: nothing was sold.

use crate::rows::{self, time, unsigned};
use crate::{Ledger, LedgerError, Reader};
use domain::{Person, Timestamp};
use rusqlite::{OptionalExtension, Row, params};

/// A cart that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Its number at this till.
    pub number: u64,
    /// Whose it is, or where it stands, in the cashier's words.
    pub note: String,
    /// The cart, in the words of whoever set it aside.
    pub cart: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

impl Reader {
    /// The carts that were set aside, the oldest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn parked(&self) -> Result<Vec<Parked>, LedgerError> {
        let mut find = self.connection.prepare_cached("SELECT * FROM parked ORDER BY number")?;
        Ok(find.query_map([], parked)?.collect::<Result<_, _>>()?)
    }
}

impl Ledger {
    /// Sets a cart aside. Gives its number.
    ///
    /// # Errors
    /// The file can not be written.
    pub fn park(&self, cart: &str, note: &str, by: &Person, at: Timestamp) -> Result<u64, LedgerError> {
        let sql = "INSERT INTO parked (note, cart, at, by) VALUES (?, ?, ?, ?) RETURNING number";
        let mut put = self.connection.prepare_cached(sql)?;
        Ok(put.query_row(params![note, cart, at.millis(), by.as_str()], |row| unsigned(row, "number"))?)
    }

    /// Takes a cart out of what was set aside: once.
    ///
    /// # Errors
    /// There is none, or the file can not be written.
    pub fn unpark(&self, number: u64) -> Result<Parked, LedgerError> {
        let mut take = self.connection.prepare_cached("DELETE FROM parked WHERE number = ? RETURNING *")?;
        let found = take.query_row([rows::signed(number)?], parked).optional()?;
        found.ok_or_else(|| LedgerError::Unknown(format!("cart {number} that was set aside")))
    }
}

fn parked(row: &Row<'_>) -> rusqlite::Result<Parked> {
    Ok(Parked {
        number: unsigned(row, "number")?,
        note: row.get("note")?,
        cart: row.get("cart")?,
        at: time(row, "at")?,
        by: row.get("by")?,
    })
}
