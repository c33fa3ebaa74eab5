//! Reading beside the seller: a connection of its own, on which nothing can be written and which nobody who
//! writes waits for.

use crate::rows::{self, parsed};
use crate::{LedgerError, file};
use domain::{Actor, ShopId};
use rusqlite::{Connection, Row};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What can be asked of a ledger. [`Ledger`](crate::Ledger) answers the same on the connection it writes on.
pub struct Reader {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    /// Each shop's short key in this file, and under which name this file writes in its journal.
    pub(crate) homes: BTreeMap<ShopId, (i64, Actor)>,
}

impl Reader {
    /// Opens a ledger, or a backup of one, for reading only. A till may be using it.
    ///
    /// # Errors
    /// There is no file, it is no ledger, or another release wrote it: only the till's own program brings a
    /// ledger up to date.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let connection = file::connect_to_read(path)?;
        let mut reader = Self { connection, path: path.to_owned(), homes: BTreeMap::new() };
        match crate::version(&reader.connection)? {
            crate::SCHEMA_VERSION => reader.read_homes()?,
            0 => return Err(LedgerError::NotEnrolled),
            older if older < crate::SCHEMA_VERSION => return Err(LedgerError::Older(older)),
            newer => return Err(LedgerError::Newer(newer)),
        }
        Ok(reader)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything asked from here on sees the ledger as it is now, until [`let_go`](Self::let_go). Sales go on
    /// meanwhile, and the log beside the file grows with them: do not hold it for hours.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn hold(&mut self) -> Result<(), LedgerError> {
        self.let_go()?;
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        // The transaction begins with the first look at the file.
        self.read_homes()
    }

    /// Ends what [`hold`](Self::hold) began; nothing where nothing is held.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn let_go(&mut self) -> Result<(), LedgerError> {
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }

    /// The letters of all tills known here, in each of their lives: what people call them.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn letters(&self) -> Result<BTreeMap<Actor, String>, LedgerError> {
        let others = self.members()?.into_values().map(|member| (member.actor, member.letter));
        let mut letters: BTreeMap<Actor, String> = others.collect();
        if let Some(identity) = self.identity()? {
            // Head office has a name of its own in each shop.
            let own = self.homes.values().map(|(_, writer)| *writer).chain([identity.actor]);
            letters.extend(own.map(|actor| (actor, identity.letter.clone())));
        }
        Ok(letters)
    }

    /// How large the log beside the file is, in bytes, if it is so large that something is wrong: somebody
    /// has been reading for so long that it can not be written back into the file.
    pub fn swollen_log(&self) -> Option<u64> {
        Some(file::log_bytes(&self.path)).filter(|bytes| *bytes > file::SWOLLEN_BYTES)
    }

    /// The short key of a shop in this file.
    pub(crate) fn shop_key(&self, shop: &ShopId) -> Result<i64, LedgerError> {
        self.home(shop).map(|(key, _)| key)
    }

    pub(crate) fn home(&self, shop: &ShopId) -> Result<(i64, Actor), LedgerError> {
        let unknown = || LedgerError::Unknown(format!("shop {shop} in this ledger"));
        self.homes.get(shop).copied().ok_or_else(unknown)
    }

    /// Reads the shops' keys and writers, which every call needs and which hardly ever change.
    pub(crate) fn read_homes(&mut self) -> Result<(), LedgerError> {
        let mut find = self.connection.prepare_cached("SELECT id, key, till, incarnation FROM shops")?;
        let read =
            |row: &Row<'_>| Ok((parsed(row, "id", ShopId::parse)?, (row.get("key")?, rows::actor(row)?)));
        let homes = find.query_map([], read)?.collect::<Result<_, _>>()?;
        drop(find);
        self.homes = homes;
        Ok(())
    }
}
