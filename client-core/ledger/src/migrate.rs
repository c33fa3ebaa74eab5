//! Bringing a ledger of an older release up to date: tried on a copy first, then done in one transaction.

use crate::{LedgerError, SCHEMA_VERSION, backup, file, version};
use domain::matching::Reference;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;

/// What brings a schema to the one above it, the oldest first.
const STEPS: [(u32, &str); 2] = [(1, include_str!("from_1.sql")), (2, include_str!("from_2.sql"))];

/// Makes the schema where there is none, or brings an older one up to date. A till that is killed here finds
/// the schema as it was or as it should be.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    if (1..SCHEMA_VERSION).contains(&version(connection)?) {
        try_on_a_copy(connection, path)?;
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    bring_up(&transaction)?;
    Ok(transaction.commit()?)
}

/// Migrates a copy and looks whether it is whole. What fails here has not touched the file. The copy goes
/// away in the end; what an interrupted trial left behind is overwritten by the next.
fn try_on_a_copy(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let trial = file::beside(path, "-trial");
    backup::remove(&trial)?;
    let tried = backup::copy(connection, &trial).and_then(|mut copy| {
        let transaction = copy.transaction()?;
        bring_up(&transaction)?;
        transaction.commit()?;
        backup::check(&copy)
    });
    backup::remove(&trial)?;
    tried.map_err(|error| match error {
        LedgerError::Full => LedgerError::NoRoomToTry,
        other => other,
    })
}

fn bring_up(transaction: &Transaction<'_>) -> Result<(), LedgerError> {
    let before = version(transaction)?;
    let mut at = before;
    if at == 0 {
        transaction.execute_batch(include_str!("schema.sql"))?;
        at = SCHEMA_VERSION;
    }
    for (from, change) in STEPS {
        if at == from {
            transaction.execute_batch(change)?;
            at = at.saturating_add(1);
            if at == SCHEMA_VERSION {
                read_what_was_typed(transaction)?;
            }
        }
    }
    if at != SCHEMA_VERSION {
        return Err(LedgerError::Newer(at));
    }
    // What is up to date is not written: a start would wait for the disk, and need room on it.
    if at == before { Ok(()) } else { Ok(transaction.pragma_update(None, "user_version", at)?) }
}

/// What people typed to name a sale, as it is compared: only the domain knows how that is.
fn read_what_was_typed(transaction: &Transaction<'_>) -> Result<(), LedgerError> {
    for (table, typed, read) in
        [("sales", "order_no", "order_key"), ("payments", "account_reference", "named")]
    {
        let sql = format!("SELECT number, {typed} FROM {table} WHERE {typed} IS NOT NULL");
        let mut find = transaction.prepare(&sql)?;
        let rows = find.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        let mut put = transaction.prepare(&format!("UPDATE {table} SET {read} = ? WHERE number = ?"))?;
        for row in rows.collect::<Result<Vec<_>, _>>()? {
            put.execute((Reference::typed(&row.1).as_str(), row.0))?;
        }
    }
    Ok(())
}
