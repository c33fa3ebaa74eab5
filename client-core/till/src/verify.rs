//! Whether a ledger is what it says it is: its pages, its journals and signatures, the rows computed from
//! them, and the merged documents.

use crate::{Folder, Till, TillError};
use domain::{
    Actor, Body, BusinessDay, Entry, FactBody, FactId, Level, ProductId, Register, Shelves, ShopId,
};
use ledger::{Base, Ledger, Meaning, Reader, Scratch, reference};
use replica::{Batch, Catalogue, DayBook, Head, PublicKey, day_book};
use std::collections::BTreeMap;
use std::path::Path;

/// How many entries are looked at together.
const PAGE: usize = 500;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: String,
    /// What was seen, in words.
    pub seen: String,
    /// What is wrong with it; nothing if all is well.
    pub faults: Vec<String>,
}

/// Looks at a ledger or a backup of one. It works on a copy: a till may be using the file, and nothing in it
/// is changed.
///
/// # Errors
/// There is no ledger, or no room for the copy.
pub fn examine(path: &Path) -> Result<Vec<Check>, TillError> {
    let mut scratch = Scratch::of(path)?;
    let faults = scratch.faults().to_vec();
    let mut checks =
        vec![Check { name: "pages".to_owned(), seen: "read from end to end".to_owned(), faults }];
    let Some(reader) = scratch.reader() else { return Ok(checks) };
    for shop in reader.shops()? {
        checks.push(journals(reader, &shop.id)?);
    }
    let faults = with_meaning(|meaning| scratch.differences(meaning))?;
    let seen = "computed anew from journals and messages, and compared".to_owned();
    checks.push(Check { name: "computed rows".to_owned(), seen, faults });
    Ok(checks)
}

impl Folder {
    /// Computes everything anew that is computed from what was written once, in one transaction.
    ///
    /// # Errors
    /// A till is using the folder, or the ledger can not be read or written. Nothing was changed.
    pub fn rebuild(&self) -> Result<(), TillError> {
        let _lock = self.lock()?;
        let mut ledger = Ledger::open(&self.ledger_path())?;
        Ok(with_meaning(|meaning| ledger.rebuild(meaning))?)
    }
}

/// What the bytes that a ledger keeps mean.
fn with_meaning<T>(work: impl FnOnce(&Meaning<'_>) -> T) -> T {
    let registers = |entries: &[Entry]| -> Result<Vec<Register>, String> {
        let catalogue = Catalogue::open(entries).map_err(|e| e.to_string())?;
        Ok(catalogue.registers().map(|(_, register)| register).collect())
    };
    work(&Meaning { fact: &day_book::fact, registers: &registers })
}

/// Follows every journal of a shop from its first entry that is here: chain and signatures.
fn journals(reader: &Reader, shop: &ShopId) -> Result<Check, TillError> {
    let (members, own, vector) = (reader.members()?, reader.writer(shop)?, reader.vector(shop)?);
    let (letters, mut faults) = (reader.letters()?, Vec::new());
    for actor in vector.keys() {
        let key = members.get(actor).and_then(|member| PublicKey::from_bytes(&member.public_key));
        // Ours is signed when it is sent.
        let key = key.filter(|_| *actor != own);
        let fault = followed(reader, shop, *actor, key.as_ref())?;
        faults.extend(fault.map(|(name, why)| format!("entry {} {why}", reference(name, &letters))));
    }
    let entries: u64 = vector.values().fold(0, |sum, last| sum.saturating_add(*last));
    let seen = format!("{} journals, {entries} entries, followed from the first that is here", vector.len());
    Ok(Check { name: format!("journals of {shop}"), seen, faults })
}

/// Where something is wrong with one journal, and what: nothing after the first fault can be believed.
fn followed(
    reader: &Reader,
    shop: &ShopId,
    actor: Actor,
    key: Option<&PublicKey>,
) -> Result<Option<(FactId, &'static str)>, TillError> {
    // A journal that is not all here is followed from the end of what is missing.
    let base = reader.base(shop, actor)?.map(|Base { number, chain }| Head { number, chain });
    let mut head = base.unwrap_or_else(|| Head::genesis(shop, actor));
    let (mut start, mut unsigned) = (head, Vec::new());
    loop {
        let entries = reader.entries_after(shop, actor, head.number, PAGE)?;
        if entries.is_empty() {
            return Ok(None);
        }
        for entry in entries {
            let (number, signed) = (entry.number, entry.signature.is_some());
            let next = match &entry.body {
                Body::Fact { .. } => head.next(entry.document, &day_book::change(&entry).change),
                Body::Change(change) => head.next(entry.document, change),
            };
            let name = FactId { actor, number };
            if next != Head::of(&entry) {
                return Ok(Some((name, "is not the one that its journal's chain names")));
            }
            head = next;
            let Some(key) = key else { continue };
            unsigned.push(entry);
            if signed {
                let batch = Batch::signed(&unsigned);
                if batch.is_none_or(|batch| batch.open(start, key).is_err()) {
                    return Ok(Some((name, "ends what is not signed by its writer")));
                }
                start = head;
                unsigned.clear();
            }
        }
    }
}

/// In what a shop's documents and its rows differ, in words.
fn differences(ledger: &Reader, shop: &ShopId) -> Result<Vec<String>, TillError> {
    let (letters, mut differences) = (ledger.letters()?, Vec::new());
    let mut stock = Shelves::default();
    for day in ledger.days(shop)? {
        let entries = ledger.day_book(shop, day)?;
        entries.iter().filter_map(day_book::fact).for_each(|fact| stock.take(&fact));
        let entries = day_book::whole(entries);
        let book = DayBook::open(day, &entries)?;
        let facts = book.facts();
        let readable = entries.iter().filter(|entry| day_book::fact(entry).is_some()).count();
        if facts.len() != readable {
            differences.push(format!("{day}: {readable} entries, {} facts", facts.len()));
        }
        for fact in facts {
            let FactBody::Sale(sale) = &fact.body else { continue };
            let differs = match ledger.sale(fact.id) {
                Ok(row) if row.total == sale.total && row.at == fact.at => continue,
                Ok(_) => "differs",
                Err(_) => "has no row",
            };
            differences.push(format!("{day}: sale {} {differs}", reference(fact.id, &letters)));
        }
    }
    let catalogue = Catalogue::open(&ledger.catalogue(shop, false)?)?;
    for (key, register) in catalogue.registers() {
        if ledger.register(shop, &key)? != Some(register) {
            differences.push(format!("catalogue: {key} differs"));
        }
    }
    let rows = ledger.stock(shop, false)?.into_iter();
    let rows: BTreeMap<ProductId, Level> = rows.map(|row| (row.product, row.level)).collect();
    // A row tells no more than what is counted.
    let levels = stock.levels().into_iter().map(|(product, milli)| (product, Level::sum(milli)));
    if rows != levels.collect() {
        differences.push("the stock is not what the facts add up to".to_owned());
    }
    Ok(differences)
}

impl Till {
    /// Merges every day book of a shop from its journal and compares it with the ledger: as many facts as
    /// entries that this release can read, and the same sales with the same totals; also the catalogue and the
    /// stock. Gives what differs, in
    /// words; nothing if all is well.
    ///
    /// # Errors
    /// A document does not merge, or the ledger can not be read.
    pub fn verify(&self, shop: &ShopId) -> Result<Vec<String>, TillError> {
        self.beside(|ledger| differences(ledger, shop))
    }

    /// The heads of the merged day book of each day of a shop: equal on replicas that have the same facts.
    ///
    /// # Errors
    /// A document does not merge, or the ledger can not be read.
    pub fn document_heads(&self, shop: &ShopId) -> Result<BTreeMap<String, Vec<[u8; 32]>>, TillError> {
        self.beside(|ledger| {
            let heads = |day| {
                let entries = day_book::whole(ledger.day_book(shop, day)?);
                Ok((BusinessDay::to_string(&day), DayBook::open(day, &entries)?.heads()))
            };
            ledger.days(shop)?.into_iter().map(heads).collect()
        })
    }
}
