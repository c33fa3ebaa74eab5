//! Where other tills of the shop are, as a person typed it: a setting of this machine and no fact, because another
//! till's network is another one.

use crate::{Ledger, LedgerError, Reader};

impl Reader {
    /// Every address that was typed.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn places(&self) -> Result<Vec<String>, LedgerError> {
        let mut find = self.connection.prepare_cached("SELECT address FROM places ORDER BY address")?;
        Ok(find.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

impl Ledger {
    /// Keeps an address, once.
    ///
    /// # Errors
    /// Nothing was kept.
    pub fn put_place(&mut self, address: &str) -> Result<(), LedgerError> {
        self.write(|c| Ok(c.execute("INSERT OR IGNORE INTO places VALUES (?)", [address]).map(drop)?))
    }

    /// Forgets an address.
    ///
    /// # Errors
    /// It is still kept.
    pub fn forget_place(&mut self, address: &str) -> Result<(), LedgerError> {
        self.write(|c| Ok(c.execute("DELETE FROM places WHERE address = ?", [address]).map(drop)?))
    }
}
