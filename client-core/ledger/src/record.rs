//! What this file's own writer records: a fact or a change to the catalogue, with what is computed from it, in
//! one transaction.

use crate::journal::{APPLIED, append};
use crate::settle::Dirty;
use crate::{Ledger, LedgerError, Reader, SaleRow, catalogue, project, rows, settle};
use domain::{Entry, Fact, FactBody, FactId, Register, ShopId};
use rusqlite::{OptionalExtension, params};

/// The fact recorded last, if nothing was written since: the next one goes on from it, and need not read it
/// back.
#[derive(Debug, Clone)]
pub struct Last {
    shop: ShopId,
    /// Its entry.
    pub entry: Entry,
    /// How many changes its writer's strand in its day book has with it, and the hash of its change.
    pub strand: (u64, [u8; 32]),
}

impl Ledger {
    /// The fact recorded last, if it is the shop's and nothing was written since.
    pub fn last(&self, shop: &ShopId) -> Option<&Last> {
        self.last.as_ref().filter(|last| last.shop == *shop)
    }

    /// Records a fact of our own: entry, rows and, if the caller gave one, the request's key; `strand` is where
    /// its strand in the day book ends with it. Gives the row of a sale.
    ///
    /// # Errors
    /// Nothing was recorded.
    pub fn record(
        &mut self,
        shop: &ShopId,
        (entry, strand): (&Entry, (u64, [u8; 32])),
        fact: &Fact,
        request: Option<&str>,
    ) -> Result<Option<SaleRow>, LedgerError> {
        let key = self.shop_key(shop)?;
        let before = self.last(shop).map(|last| last.entry.clone());
        let (number, settled) = self.write(|c| {
            append(c, key, (before.as_ref(), entry), APPLIED, None)?;
            let mut dirty = Dirty::default();
            let number = project::fact(c, key, fact, &mut dirty)?;
            if let Some(request) = request {
                let sql = "INSERT INTO requests (key, sale) VALUES (?, ?)";
                c.prepare_cached(sql)?.execute(params![request, fact.id.to_string()])?;
            }
            settle::settle(c, key, &dirty)?;
            Ok((number, !dirty.is_empty()))
        })?;
        self.last = Some(Last { shop: shop.clone(), entry: entry.clone(), strand });
        match (number, &fact.body) {
            // What was said about it before it was made has settled it already.
            (Some(_), _) if settled => self.sale(fact.id).map(Some),
            (Some(number), FactBody::Sale(sale)) => Ok(Some(SaleRow::new(number, shop, fact, sale))),
            _ => Ok(None),
        }
    }

    /// Records a change of our own to the catalogue, and what stands in its register now.
    ///
    /// # Errors
    /// Nothing was recorded.
    pub fn record_register(
        &mut self,
        shop: &ShopId,
        entry: &Entry,
        register: &Register,
    ) -> Result<(), LedgerError> {
        let shop = self.shop_key(shop)?;
        self.write(|c| {
            append(c, shop, (None, entry), APPLIED, None)?;
            catalogue::put(c, shop, std::slice::from_ref(register))
        })
    }

    /// Writes what stands in registers, in the place of what stood there.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn put_registers(&mut self, shop: &ShopId, registers: &[Register]) -> Result<(), LedgerError> {
        let shop = self.shop_key(shop)?;
        self.write(|c| catalogue::put(c, shop, registers))
    }
}

impl Reader {
    /// The fact that a request with this key recorded.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn request(&self, key: &str) -> Result<Option<FactId>, LedgerError> {
        let mut find = self.connection.prepare_cached("SELECT sale FROM requests WHERE key = ?")?;
        Ok(find.query_row([key], |row| rows::parsed(row, "sale", str::parse)).optional()?)
    }
}
