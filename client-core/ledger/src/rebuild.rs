//! Everything that is computed, computed anew from what was written once: journals, feed, pushes, requests.
//!
//! The ledger keeps bytes; whoever calls says what they mean ([`Meaning`]). What comes out is, row for row,
//! what stood there before, if that was right: `leja ledger verify` compares the two on a copy.
//!
//! The local numbers of sales and payments, which people have seen, are the one thing that can not be computed:
//! they say in which order things came to this file, and nothing else needs that order. A table of their own
//! would cost every sale a row for what only a damaged page can lose, and a sale keeps its name whatever
//! happens. So a rebuild carries them over by name, and gives what has none the next ones, oldest first.

use crate::backup::{copy, faults, remove};
use crate::settle::Dirty;
use crate::{Ledger, LedgerError, Reader, catalogue, file, journal, project, settle};
use domain::{Entry, Fact, ReceiptCode, Register, ShopId};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The tables that are computed.
const COMPUTED: [&str; 25] = [
    "journals",
    "runs",
    "sales",
    "cash",
    "claims",
    "releases",
    "voids",
    "prints",
    "refunds",
    "returns",
    "tips",
    "undone",
    "trusts",
    "asked_back",
    "periods",
    "drawers",
    "payments",
    "shares",
    "catalogue",
    "barcodes",
    "goods",
    "counts",
    "replaced",
    "seen",
    "stock",
];
/// After how much that is to be settled it is settled, so that memory stays bounded.
const SETTLE_AT: usize = 10_000;
/// How many differing rows of a table are named.
const NAMED: usize = 5;

/// What stands in the registers of a catalogue, from its entries in their order; or why that can not be said.
pub type ReadCatalogue = dyn Fn(&[Entry]) -> Result<Vec<Register>, String>;

/// What entries mean.
pub struct Meaning<'a> {
    /// The fact of a day book's entry; `None` for what this release can not read.
    pub fact: &'a dyn Fn(&Entry) -> Option<Fact>,
    /// The registers that a catalogue's entries make, in the order in which they were merged. Words if they do
    /// not merge.
    pub registers: &'a ReadCatalogue,
}

impl Ledger {
    /// Computes everything anew, in one transaction.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn rebuild(&mut self, meaning: &Meaning<'_>) -> Result<(), LedgerError> {
        let shops: Vec<(i64, ShopId)> = self.homes.iter().map(|(id, (key, _))| (*key, id.clone())).collect();
        let catalogues = shops.iter().map(|(_, shop)| self.catalogue(shop, false));
        let catalogues = catalogues.collect::<Result<Vec<_>, _>>()?;
        self.write(|c| {
            clear(c)?;
            for ((shop, _), entries) in shops.iter().zip(&catalogues) {
                facts(c, *shop, meaning)?;
                let registers = (meaning.registers)(entries).map_err(LedgerError::Damaged)?;
                catalogue::put(c, *shop, &registers)?;
            }
            give_numbers_back(c)
        })
    }
}

/// Empties what is computed, and remembers the local numbers.
fn clear(c: &Connection) -> Result<(), LedgerError> {
    c.execute_batch(
        "CREATE TEMP TABLE kept_sales (id TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
         CREATE TEMP TABLE kept_payments (shop INTEGER, receipt TEXT, number INTEGER NOT NULL,
           PRIMARY KEY (shop, receipt)) WITHOUT ROWID;
         INSERT OR IGNORE INTO kept_sales SELECT id, number FROM sales;
         INSERT OR IGNORE INTO kept_payments SELECT shop, receipt, number FROM payments;",
    )?;
    for table in COMPUTED {
        c.execute(&format!("DELETE FROM {table}"), [])?;
    }
    c.execute_batch(
        "INSERT INTO journals SELECT shop, till, incarnation FROM journal
           UNION SELECT shop, till, incarnation FROM bases;
         INSERT INTO runs SELECT shop, till, incarnation, number, document FROM (
           SELECT *, lag(document) OVER w AS last, lag(number) OVER w AS previous FROM journal
           WINDOW w AS (PARTITION BY shop, till, incarnation ORDER BY number))
         WHERE last IS NOT document OR previous IS NOT number - 1;",
    )?;
    Ok(())
}

/// Projects the facts of a shop and settles them with what Safaricom said.
fn facts(c: &Connection, shop: i64, meaning: &Meaning<'_>) -> Result<(), LedgerError> {
    let mut dirty = Dirty::default();
    let mut find = c.prepare(
        "SELECT * FROM journal WHERE shop = ? AND document <> 0 AND state = 0 ORDER BY till, incarnation, number",
    )?;
    let mut rows = find.query([shop])?;
    while let Some(row) = rows.next()? {
        if let Some(fact) = (meaning.fact)(&journal::entry(row)?) {
            project::fact(c, shop, &fact, &mut dirty)?;
        }
        if dirty.len() >= SETTLE_AT {
            settle::settle(c, shop, &std::mem::take(&mut dirty))?;
        }
    }
    let mut find = c.prepare("SELECT DISTINCT receipt FROM feed WHERE shop = ? AND receipt IS NOT NULL")?;
    let mut rows = find.query([shop])?;
    while let Some(row) = rows.next()? {
        dirty.receipt(crate::rows::parsed(row, "receipt", ReceiptCode::parse)?);
        if dirty.len() >= SETTLE_AT {
            settle::settle(c, shop, &std::mem::take(&mut dirty))?;
        }
    }
    settle::settle(c, shop, &dirty)
}

/// Gives sales and payments the local numbers they had; those that had none the next ones.
fn give_numbers_back(c: &Connection) -> Result<(), LedgerError> {
    c.execute_batch(
        "UPDATE sales SET number = -number;
         UPDATE sales SET number = k.number FROM kept_sales k WHERE k.id = sales.id;
         UPDATE payments SET number = -number;
         UPDATE payments SET number = k.number FROM kept_payments k
           WHERE k.shop = payments.shop AND k.receipt = payments.receipt;",
    )?;
    for (table, order) in [("sales", "at, id"), ("payments", "received_at, shop, receipt")] {
        let next = format!("SELECT max(0, coalesce(max(number), 0)) + 1 FROM {table}");
        let mut number: i64 = c.query_row(&next, [], |row| row.get(0))?;
        let mut find = c.prepare(&format!("SELECT number FROM {table} WHERE number < 0 ORDER BY {order}"))?;
        let unnumbered = find.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        let mut give = c.prepare(&format!("UPDATE {table} SET number = ? WHERE number = ?"))?;
        for old in unnumbered {
            give.execute(params![number, old])?;
            number = number.saturating_add(1);
        }
    }
    c.execute_batch("DROP TABLE kept_sales; DROP TABLE kept_payments;")?;
    Ok(())
}

/// A copy of a ledger to try things on. It goes away with this value; the ledger itself is never written.
pub struct Scratch {
    ledger: Option<Ledger>,
    faults: Vec<String>,
    path: PathBuf,
}

impl Scratch {
    /// Copies a ledger, or a backup of one, as it is at this moment; a till may be using it. A copy of an older
    /// ledger is brought up to date.
    ///
    /// # Errors
    /// There is no ledger, it can not be copied, or there is no room for a copy in the system's folder for
    /// such files.
    pub fn of(path: &Path) -> Result<Self, LedgerError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("leja-scratch-{}-{number}.sqlite", std::process::id());
        let mut scratch = Self { ledger: None, faults: Vec::new(), path: std::env::temp_dir().join(name) };
        let source = file::connect_to_read(path)?;
        let looked = copy(&source, &scratch.path).and_then(|copy| faults(&copy));
        // What is too damaged to be looked through is damaged: that is what was asked.
        scratch.faults = match looked {
            Err(LedgerError::Damaged(why)) => vec![why],
            looked => looked?,
        };
        if scratch.faults.is_empty() {
            scratch.ledger = Some(Ledger::open(&scratch.path)?);
        }
        Ok(scratch)
    }

    /// What SQLite finds wrong with the file, in its words.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// The copy; `None` if SQLite can not read all of it.
    pub fn reader(&self) -> Option<&Reader> {
        self.ledger.as_deref()
    }

    /// In what the computed rows differ from what is written: one line a table.
    ///
    /// # Errors
    /// The copy can not be read or written.
    pub fn differences(&mut self, meaning: &Meaning<'_>) -> Result<Vec<String>, LedgerError> {
        let Some(ledger) = &mut self.ledger else { return Ok(self.faults.clone()) };
        for table in COMPUTED {
            let keep = format!("CREATE TEMP TABLE was_{table} AS SELECT * FROM {table}");
            ledger.connection.execute_batch(&keep)?;
        }
        ledger.rebuild(meaning)?;
        let mut differences = Vec::new();
        for table in COMPUTED {
            let was = only_in(&ledger.connection, &format!("was_{table}"), table)?;
            let is = only_in(&ledger.connection, table, &format!("was_{table}"))?;
            if !was.is_empty() || !is.is_empty() {
                differences.push(format!(
                    "{table}: {} rows are not what the facts say ({}); they should be {} ({})",
                    was.len(),
                    named(&was),
                    is.len(),
                    named(&is)
                ));
            }
        }
        Ok(differences)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.ledger = None;
        for ending in ["", "-wal", "-shm", "-journal"] {
            // A copy that stays behind is in the way of nobody.
            let _ = remove(&file::beside(&self.path, ending));
        }
    }
}

/// The rows of one table that another has not, as text.
fn only_in(c: &Connection, table: &str, other: &str) -> Result<Vec<String>, LedgerError> {
    let mut find = c.prepare(&format!("SELECT * FROM {table} EXCEPT SELECT * FROM {other}"))?;
    let columns = find.column_count();
    let mut rows = find.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut values = Vec::new();
        for column in 0..columns {
            values.push(text(row.get_ref(column)?));
        }
        found.push(values.join(" "));
    }
    Ok(found)
}

fn text(value: rusqlite::types::ValueRef<'_>) -> String {
    use rusqlite::types::ValueRef::{Blob, Integer, Null, Real, Text};
    match value {
        Null => "-".to_owned(),
        Integer(number) => number.to_string(),
        Real(number) => number.to_string(),
        Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// The first rows, by what tells them apart: names and phone numbers have no place in a report.
fn named(rows: &[String]) -> String {
    let short = |row: &String| row.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let more = if rows.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", rows.iter().take(NAMED).map(short).collect::<Vec<_>>().join(", "))
}
