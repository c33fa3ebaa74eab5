//! How far the cloud has each journal: what it lacks of other tills' entries, any till with a line may bring.

use crate::rows::{self, signed, unsigned};
use crate::{LedgerError, Reader};
use domain::{Actor, ShopId};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;

impl Reader {
    /// How far the cloud is known to have the journals of others. Of our own [`cursors`](Self::cursors) tells.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn at_cloud(&self, shop: &ShopId) -> Result<BTreeMap<Actor, u64>, LedgerError> {
        let sql = "SELECT till, incarnation, number FROM at_cloud WHERE shop = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| Ok((rows::actor(row)?, unsigned(row, "number")?));
        Ok(find.query_map([self.shop_key(shop)?], read)?.collect::<Result<_, _>>()?)
    }
}

impl Reader {
    /// Up to where each journal of others is known to be here as the cloud has it.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn same_as_cloud(&self, shop: &ShopId) -> Result<BTreeMap<Actor, u64>, LedgerError> {
        let sql = "SELECT till, incarnation, same FROM at_cloud WHERE shop = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| Ok((rows::actor(row)?, unsigned(row, "same")?));
        Ok(find.query_map([self.shop_key(shop)?], read)?.collect::<Result<_, _>>()?)
    }
}

/// What came from the cloud, or was compared with what it has.
pub(crate) fn put_same(c: &Connection, shop: i64, same: &BTreeMap<Actor, u64>) -> Result<(), LedgerError> {
    let sql = "INSERT INTO at_cloud (shop, till, incarnation, number, same) VALUES (?1, ?2, ?3, ?4, ?4)
               ON CONFLICT (shop, till, incarnation) DO UPDATE SET same = excluded.same
               WHERE same < excluded.same";
    for (actor, number) in same {
        let row = params![shop, actor.till.0, actor.incarnation, signed(*number)?];
        c.prepare_cached(sql)?.execute(row)?;
    }
    Ok(())
}

/// What the cloud says counts, even if it is less than before.
pub(crate) fn put(c: &Connection, shop: i64, told: &BTreeMap<Actor, u64>) -> Result<(), LedgerError> {
    let sql = "INSERT INTO at_cloud (shop, till, incarnation, number) VALUES (?, ?, ?, ?)
               ON CONFLICT (shop, till, incarnation) DO UPDATE SET number = excluded.number
               WHERE number <> excluded.number";
    for (actor, number) in told {
        let row = params![shop, actor.till.0, actor.incarnation, signed(*number)?];
        c.prepare_cached(sql)?.execute(row)?;
    }
    Ok(())
}
