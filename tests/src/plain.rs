//! What a plain shop program writes, as the floor of every bench: a row a sale and a row a line, under the
//! indexes that such a program needs (its own name for a sale, and the time), with the ledger's pragmas.

use domain::Sale;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::path::Path;

const SCHEMA: &str = "
    CREATE TABLE sales (
        number INTEGER PRIMARY KEY,
        id     TEXT NOT NULL UNIQUE,
        till   INTEGER NOT NULL,
        at     INTEGER NOT NULL,
        by     TEXT NOT NULL,
        total  INTEGER NOT NULL,
        tender TEXT NOT NULL,
        state  TEXT NOT NULL
    ) STRICT;
    CREATE INDEX sales_by_time ON sales (at);
    CREATE TABLE lines (
        sale       INTEGER NOT NULL,
        position   INTEGER NOT NULL,
        name       TEXT NOT NULL,
        quantity   INTEGER NOT NULL,
        unit_price INTEGER NOT NULL,
        amount     INTEGER NOT NULL,
        PRIMARY KEY (sale, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE blobs (
        sale INTEGER PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;";

/// A plain shop program's file.
pub struct Plain {
    connection: Connection,
}

/// A sale as it is written: its name, its till, its time in milliseconds, and what was sold.
pub type Written<'a> = (&'a str, u32, i64, &'a Sale);

impl Plain {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Self {
        let new = !path.exists();
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", "FULL").unwrap();
        if new {
            connection.execute_batch(SCHEMA).unwrap();
        }
        Self { connection }
    }

    /// Writes one sale, durably.
    pub fn sell(&mut self, sale: Written<'_>) {
        let transaction = self.begin();
        insert(&transaction, sale, None);
        transaction.commit().unwrap();
    }

    /// Writes many sales in one transaction, each with an opaque blob of so many bytes beside its rows, if any.
    pub fn load<'a>(&mut self, sales: impl Iterator<Item = Written<'a>>, blob: Option<usize>) {
        let transaction = self.begin();
        let blob = blob.map(|bytes| vec![0xa5; bytes]);
        for sale in sales {
            insert(&transaction, sale, blob.as_deref());
        }
        transaction.commit().unwrap();
    }

    fn begin(&mut self) -> Transaction<'_> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap()
    }
}

fn insert(transaction: &Transaction<'_>, (id, till, at, sale): Written<'_>, blob: Option<&[u8]>) {
    let sql = "INSERT INTO sales (id, till, at, by, total, tender, state) VALUES (?, ?, ?, 'Asha', ?, ?, ?)";
    let (tender, state) = match sale.tender {
        domain::Tender::Cash => ("cash", "paid"),
        domain::Tender::Mpesa => ("mpesa", "open"),
    };
    let mut insert = transaction.prepare_cached(sql).unwrap();
    let number = insert.insert(params![id, till, at, sale.total.cents(), tender, state]).unwrap();
    let sql =
        "INSERT INTO lines (sale, position, name, quantity, unit_price, amount) VALUES (?, ?, ?, ?, ?, ?)";
    let mut insert = transaction.prepare_cached(sql).unwrap();
    for (position, line) in (0_i64..).zip(&sale.lines) {
        let (price, amount) = (line.unit_price.cents(), line.amount.cents());
        insert.execute(params![number, position, line.name, line.quantity.milli(), price, amount]).unwrap();
    }
    if let Some(blob) = blob {
        let sql = "INSERT INTO blobs (sale, body) VALUES (?, ?)";
        transaction.prepare_cached(sql).unwrap().execute(params![number, blob]).unwrap();
    }
}
