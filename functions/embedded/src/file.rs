//! The SQLite file: one writer that commits many callers' writes together, readers beside it.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use service::StoreError;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// The number of this file's schema, in `user_version`.
pub(crate) const SCHEMA_VERSION: u32 = 2;
/// How many writes wait at most; more callers wait for a place.
const QUEUE: usize = 1024;
/// How many writes one commit carries at most, so that the first never waits long for the last.
const COMMIT_TOGETHER: usize = 256;
/// How many longer reads run at once; more callers wait. Each takes a thread and a connection.
const READERS: usize = 4;
/// How many prepared statements a connection keeps: all there are.
const STATEMENTS_KEPT: usize = 64;
/// The most memory the writer keeps pages in, in KiB; its own reads are of a few pages at the end.
const WRITER_CACHE_KIB: i64 = 1024;
/// The same for each reader. What is not there comes out of the system's cache, and that is shared.
const READER_CACHE_KIB: i64 = 256;
/// How long the writer waits for another program that is writing.
const BUSY: Duration = Duration::from_secs(5);
/// How long a reader waits. With a write-ahead log readers do not wait for writers; only a recovery or a
/// clean-up of the log locks them out, and briefly. They read on the async threads too ([`File::look_up`]),
/// where no deadline of a caller can fire while SQLite sleeps: a validation has two seconds in all.
const READER_BUSY: Duration = Duration::from_millis(200);

/// A write: it does its part of a transaction and gives back what to say when the commit is known.
type Job = Box<dyn FnOnce(&Connection) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// An open file.
#[derive(Clone)]
pub(crate) struct File {
    path: PathBuf,
    writer: SyncSender<Job>,
    /// Places for longer reads.
    readers: Arc<Semaphore>,
    /// Connections that nobody reads on just now.
    idle: Arc<Mutex<Vec<Connection>>>,
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
        let (readers, idle) = (Arc::new(Semaphore::new(READERS)), Arc::default());
        Ok(Self { path: path.to_owned(), writer, readers, idle })
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

    /// Looks something up by its key, where it is called: that takes some microseconds, which is less than
    /// to change threads and back.
    pub(crate) fn look_up<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = self.reader()?;
        let result = read(&connection).map_err(|e| failed(&e));
        self.idle().push(connection);
        result
    }

    /// Reads what may be long, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = |why: &dyn std::fmt::Display| StoreError::Unreachable(why.to_string());
        let place = self.readers.clone().acquire_owned().await.map_err(|e| stopped(&e))?;
        let file = self.clone();
        let result = tokio::task::spawn_blocking(move || {
            let result = file.look_up(read);
            drop(place);
            result
        });
        result.await.map_err(|e| stopped(&e))?
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        if let Some(idle) = self.idle().pop() {
            return Ok(idle);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(|e| unreachable(&e))?;
        furnish(&connection, READER_CACHE_KIB, READER_BUSY).map_err(|e| unreachable(&e))?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What holds for every connection. A negative size of the cache counts KiB instead of pages.
fn furnish(connection: &Connection, cache_kib: i64, busy: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(busy)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // A plan that looks at the values bound to it is made anew with each of them, because of the indexes
    // with a condition.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", cache_kib.saturating_neg())
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    furnish(connection, WRITER_CACHE_KIB, BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Makes the schema where there is none, or brings an older one up to date, in one transaction. Looks
/// inside the transaction: another program may be doing it at the same moment.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let make = |connection: &mut Connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let change = match version {
            0 => include_str!("schema.sql"),
            1 => include_str!("from_1.sql"),
            other => return Ok(other),
        };
        transaction.execute_batch(change)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        transaction.commit().map(|()| SCHEMA_VERSION)
    };
    match make(connection).map_err(|e| failed(&e))? {
        SCHEMA_VERSION => Ok(()),
        newer => Err(StoreError::Damaged(format!(
            "the file has schema {newer}, this release knows {SCHEMA_VERSION}: use the newer release"
        ))),
    }
}

/// Runs until the last sender is gone. Whatever waits is written in one transaction, because the price
/// of a durable write is the commit.
fn write_all(connection: &mut Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        // Those who were just answered may be about to write again.
        std::thread::yield_now();
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
    let say = |sql: &str| connection.prepare_cached(sql)?.execute([]);
    let run = || {
        say("SAVEPOINT job")?;
        match write(connection) {
            Ok(value) => say("RELEASE job").map(|_| value),
            Err(error) => {
                say("ROLLBACK TO job").and_then(|_| say("RELEASE job"))?;
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

    #[tokio::test]
    async fn a_reader_gives_up_long_before_a_validation_has_to_be_answered_and_the_writer_waits() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::open(&folder.path().join("hub.sqlite")).unwrap();
        let busy = |c: &Connection| c.pragma_query_value(None, "busy_timeout", |row| row.get::<_, i64>(0));
        assert_eq!((file.look_up(busy), file.write(busy).await), (Ok(200), Ok(5000)));
    }

    /// Each of them would take a thread and a connection: memory that a hub has better uses for.
    #[tokio::test]
    async fn many_long_reads_at_once_take_few_connections() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::open(&folder.path().join("hub.sqlite")).unwrap();
        let together = Arc::new(std::sync::Barrier::new(READERS));
        let reads = (0..READERS * 8).map(|_| {
            let (file, together) = (file.clone(), together.clone());
            tokio::spawn(async move { file.read(move |_| Ok(together.wait().is_leader())).await })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await.unwrap().unwrap();
        }
        assert_eq!(file.idle().len(), READERS);
    }
}
