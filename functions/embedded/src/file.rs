//! The SQLite file: one writer that commits many callers' writes together, readers beside it.

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use service::StoreError;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The number of this file's schema, in `user_version`.
const SCHEMA_VERSION: u32 = 1;
/// How many writes wait at most; more callers wait for a place.
const QUEUE: usize = 1024;
/// How many writes one commit carries at most, so that the first never waits long for the last.
const COMMIT_TOGETHER: usize = 256;
/// How many idle readers are kept.
const READERS_KEPT: usize = 4;

/// A write: it does its part of a transaction and gives back what to say when the commit is known.
type Job = Box<dyn FnOnce(&Connection) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// An open file.
#[derive(Clone)]
pub(crate) struct File {
    path: PathBuf,
    writer: SyncSender<Job>,
    readers: Arc<Mutex<Vec<Connection>>>,
}

impl File {
    /// Opens the file or makes it, with every commit on the disk before it is answered.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path).map_err(|e| unreachable(&e))?;
        prepare(&connection).map_err(|e| unreachable(&e))?;
        migrate(&mut connection)?;
        let (writer, jobs) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("store writer".to_owned())
            .spawn(move || write_all(&mut connection, &jobs))
            .map_err(|e| StoreError::Unreachable(e.to_string()))?;
        Ok(Self { path: path.to_owned(), writer, readers: Arc::default() })
    }

    /// Does a write and answers when it is on the disk. Each write stands alone: one that fails takes
    /// nothing else of the same commit with it.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (say, hear) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, write);
            Box::new(move |committed: Result<(), StoreError>| {
                // A caller that went away does not need the answer.
                let _ = say.send(committed.and(result));
            })
        });
        let writer = self.writer.clone();
        let stopped = || StoreError::Unreachable("the writer stopped".to_owned());
        if let Err(full) = writer.try_send(job) {
            let std::sync::mpsc::TrySendError::Full(job) = full else { return Err(stopped()) };
            let sent = tokio::task::spawn_blocking(move || writer.send(job)).await;
            sent.map_err(|_| stopped())?.map_err(|_| stopped())?;
        }
        hear.await.map_err(|_| stopped())?
    }

    /// Reads on a connection of its own, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let file = self.clone();
        let result = tokio::task::spawn_blocking(move || {
            let connection = file.reader()?;
            let result = read(&connection).map_err(|e| failed(&e));
            let mut idle = file.readers.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < READERS_KEPT {
                idle.push(connection);
            }
            result
        });
        result.await.map_err(|e| StoreError::Unreachable(e.to_string()))?
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        if let Some(idle) = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(idle);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(|e| unreachable(&e))?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(|e| unreachable(&e))?;
        Ok(connection)
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Makes the schema where there is none. Looks inside the transaction: another program may be making it at
/// the same moment.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let make = |connection: &mut Connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            transaction.execute_batch(include_str!("schema.sql"))?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            transaction.commit()?;
        }
        Ok(version)
    };
    match make(connection).map_err(|e| failed(&e))? {
        0 | SCHEMA_VERSION => Ok(()),
        other => Err(StoreError::Damaged(format!(
            "the file has schema {other}, this release knows {SCHEMA_VERSION}: use the newer release"
        ))),
    }
}

/// Runs until the last sender is gone. Whatever waits is written in one transaction, because the price
/// of a durable write is the commit.
fn write_all(connection: &mut Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut replies = Vec::new();
        let committed = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let waiting = std::iter::once(first).chain(jobs.try_iter().take(COMMIT_TOGETHER));
            for job in waiting {
                replies.push(job(&transaction));
            }
            transaction.commit()
        })();
        if let Err(error) = &committed {
            tracing::error!(%error, "a commit failed");
        }
        for reply in replies {
            reply(committed.as_ref().map(|&()| ()).map_err(failed));
        }
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    let run = || {
        connection.execute_batch("SAVEPOINT job")?;
        match write(connection) {
            Ok(value) => connection.execute_batch("RELEASE job").map(|()| value),
            Err(error) => {
                connection.execute_batch("ROLLBACK TO job; RELEASE job")?;
                Err(error)
            }
        }
    };
    run().map_err(|e| failed(&e))
}

fn unreachable(error: &rusqlite::Error) -> StoreError {
    StoreError::Unreachable(error.to_string())
}

fn failed(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
            StoreError::Damaged(error.to_string())
        }
        other => StoreError::Unreachable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_on_the_disk_before_it_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("hub.sqlite")).unwrap();
        prepare(&connection).unwrap();
        let full: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!(full, 2, "FULL");
    }

    #[tokio::test]
    async fn a_write_that_fails_leaves_nothing_and_takes_nothing_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::open(&folder.path().join("hub.sqlite")).unwrap();
        let count =
            |c: &Connection| c.query_row("SELECT count(*) FROM counters", [], |row| row.get::<_, i64>(0));
        let put = "INSERT INTO counters (name, value) VALUES (?, 1)";
        let good = file.write(move |c| c.execute(put, ["good"]));
        let bad = file.write(move |c| {
            c.execute(put, ["half"])?;
            c.execute(put, ["half"])
        });
        let (good, bad) = tokio::join!(good, bad);
        assert!(good.is_ok() && bad.is_err());
        assert_eq!(file.read(count).await, Ok(1));
    }
}
