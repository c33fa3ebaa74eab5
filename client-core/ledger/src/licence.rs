//! What the platform says about each shop's licence, as it was signed. This room reads none of it.

use crate::rows::parsed;
use crate::{Ledger, LedgerError, Reader};
use domain::ShopId;
use rusqlite::{Row, params};

/// A shop's licence: the platform's key that was learnt first, and the token that it signed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenceRow {
    /// The shop.
    pub shop: ShopId,
    /// The platform's public key.
    pub key: [u8; 32],
    /// The token; empty as long as no licence was sold.
    pub token: Vec<u8>,
}

impl Reader {
    /// The licences of all shops that have one.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn licences(&self) -> Result<Vec<LicenceRow>, LedgerError> {
        let sql = "SELECT s.id, l.key, l.token FROM licences l JOIN shops s ON s.key = l.shop";
        let read = |row: &Row<'_>| {
            Ok(LicenceRow {
                shop: parsed(row, "id", ShopId::parse)?,
                key: row.get("key")?,
                token: row.get("token")?,
            })
        };
        let mut find = self.connection.prepare(sql)?;
        Ok(find.query_map([], read)?.collect::<Result<_, _>>()?)
    }
}

impl Ledger {
    /// Keeps a shop's licence in the place of the one before.
    ///
    /// # Errors
    /// Nothing was kept.
    pub fn put_licence(&mut self, row: &LicenceRow) -> Result<(), LedgerError> {
        let shop = self.shop_key(&row.shop)?;
        let sql = "INSERT OR REPLACE INTO licences (shop, key, token) VALUES (?, ?, ?)";
        self.write(|c| Ok(c.execute(sql, params![shop, row.key, row.token]).map(drop)?))
    }
}
