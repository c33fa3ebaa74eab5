//! Whether the merged documents and the sales computed from them say the same. The system tests hold every
//! replica to it.

use crate::{Till, TillError};
use domain::{FactBody, ShopId};
use replica::DayBook;
use std::collections::BTreeMap;

impl Till {
    /// Merges every day book of a shop from its journal and compares it with the ledger: as many facts as
    /// entries, and the same sales with the same totals. Gives what differs, in words; nothing if all is well.
    ///
    /// # Errors
    /// A document does not merge, or the ledger can not be read.
    pub fn verify(&self, shop: &ShopId) -> Result<Vec<String>, TillError> {
        let ledger = self.ledger();
        let mut differences = Vec::new();
        for day in ledger.days(shop)? {
            let entries = ledger.day_book(shop, day)?;
            let book = DayBook::open(day, &entries)?;
            let facts = book.facts();
            if facts.len() != entries.len() {
                differences.push(format!("{day}: {} entries, {} facts", entries.len(), facts.len()));
            }
            for fact in facts {
                let FactBody::Sale(sale) = &fact.body else { continue };
                match ledger.sale(fact.id) {
                    Ok(row) if row.total == sale.total && row.at == fact.at => {}
                    Ok(_) => differences.push(format!("{day}: sale {} differs", fact.id)),
                    Err(_) => differences.push(format!("{day}: sale {} has no row", fact.id)),
                }
            }
        }
        Ok(differences)
    }

    /// The heads of the merged day book of each day of a shop: equal on replicas that have the same facts.
    ///
    /// # Errors
    /// A document does not merge, or the ledger can not be read.
    pub fn document_heads(&self, shop: &ShopId) -> Result<BTreeMap<String, Vec<[u8; 32]>>, TillError> {
        let ledger = self.ledger();
        let mut heads = BTreeMap::new();
        for day in ledger.days(shop)? {
            let entries = ledger.day_book(shop, day)?;
            let book = DayBook::open(day, &entries)?;
            heads.insert(day.to_string(), book.heads());
        }
        Ok(heads)
    }
}
