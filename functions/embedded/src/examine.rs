//! A look at a hub's files from outside: it changes nothing, and a hub may run beside it.

use crate::file::SCHEMA_VERSION;
use crate::queue::ENDING;
use crate::rows::{damaged, shop_of};
use domain::{Shop, Source, Timestamp};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use service::StoreError;
use service::sweep::{NOTE, Swept};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long to wait for a hub that is writing.
const BUSY: Duration = Duration::from_secs(5);

/// What a store's file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Examined {
    /// What this release works with.
    Present(Contents),
    /// A schema of an older release, with its number: the next start of a hub brings it up to date.
    Older(u32),
}

/// What whoever looks after a hub wants to know of its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// How many callbacks wait for a person.
    pub inbox: u32,
    /// The shops.
    pub shops: Vec<ExaminedShop>,
}

/// A shop, and how its payments come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExaminedShop {
    /// The shop.
    pub shop: Shop,
    /// Which of its callback tokens was made last.
    pub newest_token: u32,
    /// When the last C2B confirmation came.
    pub last_confirmation: Option<Timestamp>,
    /// How many payments were pulled lately that no pull had told of before.
    pub pulled: u32,
    /// How many of these no confirmation told of.
    pub unconfirmed: u32,
    /// Where its sweep stands.
    pub swept: Swept,
}

/// Checks a store's file and reads what is in it; `since` is what counts as lately.
///
/// # Errors
/// It can not be opened, it is damaged, or a newer release wrote it.
pub fn examine(path: &Path, since: Timestamp) -> Result<Examined, StoreError> {
    let connection = open(path).map_err(|e| unusable(&e))?;
    // The words of the first fault; one word if there is none.
    let check: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|e| unusable(&e))?;
    if check != "ok" {
        return Err(StoreError::Damaged(check));
    }
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    match version.map_err(|e| unusable(&e))? {
        SCHEMA_VERSION => contents(&connection, since).map(Examined::Present).map_err(|e| unusable(&e)),
        0 => Err(StoreError::Damaged("there is nothing in it".to_owned())),
        older @ 1..SCHEMA_VERSION => Ok(Examined::Older(older)),
        newer => Err(StoreError::Damaged(format!(
            "the file has schema {newer}, this release knows {SCHEMA_VERSION}: use the newer release"
        ))),
    }
}

/// Opens the file to read. One that no hub has open, and none left in a crash, is read as it lies: SQLite
/// would leave its two companions beside it otherwise.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let still = if PathBuf::from(log).exists() { "" } else { "?immutable=1" };
    let name = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(format!("file:{name}{still}"), flags | OpenFlags::SQLITE_OPEN_URI)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn contents(c: &Connection, since: Timestamp) -> rusqlite::Result<Contents> {
    let inbox = c.query_row("SELECT count(*) FROM inbox WHERE waiting = 1", [], |row| row.get(0))?;
    let shops = c
        .prepare("SELECT * FROM shops ORDER BY id")?
        .query_map([], |row| Ok((shop_of(row)?, row.get("newest_token")?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let shops = shops.into_iter().map(|(shop, newest_token)| examine_shop(c, shop, newest_token, since));
    Ok(Contents { inbox, shops: shops.collect::<Result<_, _>>()? })
}

fn examine_shop(
    c: &Connection,
    shop: Shop,
    newest_token: u32,
    since: Timestamp,
) -> rusqlite::Result<ExaminedShop> {
    let (confirmation, pulled) = (Source::C2bConfirmation.name(), Source::PulledRow.name());
    let last = "SELECT max(received_at) FROM feed WHERE shop = ? AND kind = ?";
    let last: Option<i64> = c.query_row(last, [shop.id.as_str(), confirmation], |row| row.get(0))?;
    let lately = "SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
                      SELECT 1 FROM feed AS told WHERE told.shop = feed.shop AND told.kind = ?2
                        AND told.name = feed.name))
                  FROM feed WHERE shop = ?1 AND kind = ?3 AND received_at >= ?4";
    let asked = params![shop.id.as_str(), confirmation, pulled, since.millis()];
    let (pulled, unconfirmed) = c.query_row(lately, asked, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let note = "SELECT content FROM notes WHERE shop = ? AND name = ?";
    let note = c.query_row(note, [shop.id.as_str(), NOTE], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(ExaminedShop {
        newest_token,
        last_confirmation: last.map(|at| Timestamp::from_millis(at).map_err(damaged)).transpose()?,
        pulled,
        unconfirmed,
        swept: note.map(|note| Swept::read(&note)).unwrap_or_default(),
        shop,
    })
}

fn unusable(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => {
            StoreError::Damaged(error.to_string())
        }
        Some(_) => StoreError::Unreachable(error.to_string()),
    }
}

/// How many callbacks wait in a hub's fallback folder, and since when the oldest does.
///
/// # Errors
/// The folder can not be read.
pub fn waiting(folder: &Path) -> std::io::Result<(u64, Option<SystemTime>)> {
    let (mut count, mut oldest) = (0_u64, None);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|ending| ending == ENDING) {
            let at = entry.metadata()?.modified()?;
            count = count.saturating_add(1);
            oldest = Some(oldest.map_or(at, |oldest: SystemTime| oldest.min(at)));
        }
    }
    Ok((count, oldest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmbeddedStore, FileQueue};
    use domain::{Account, Evidence, FeedItem, Money, Payer, ReceiptCode, ShopId, ShortCode};
    use service::Fallback;
    use service::store::{Filing, RawCallback, Store, Tokens};

    fn at(second: u32) -> Timestamp {
        Timestamp::parse_daraja(&format!("202611211015{second:02}")).unwrap()
    }

    fn duka() -> Shop {
        let account = Account::Paybill(ShortCode::parse("600638").unwrap());
        Shop::new(ShopId::parse("duka").unwrap(), "Duka", account, None).unwrap()
    }

    async fn told(store: &EmbeddedStore, source: Source, receipt: &str, second: u32) {
        let evidence = Evidence {
            source,
            receipt: ReceiptCode::parse(receipt).unwrap(),
            amount: Money::from_cents(100),
            shortcode: ShortCode::parse("600638").unwrap(),
            paid_at: None,
            payer: Payer::default(),
            account_reference: String::new(),
            order: None,
            balance: None,
            received_at: at(second),
        };
        let filing = Filing::Feed(duka().id, Box::new(FeedItem::Arrival(evidence)));
        let raw = RawCallback { body: receipt.into(), received_at: at(second) };
        store.record(&raw, &filing).await.unwrap();
    }

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    fn present(path: &Path, since: Timestamp) -> Contents {
        match examine(path, since).unwrap() {
            Examined::Present(contents) => contents,
            other @ Examined::Older(_) => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_running_hubs_shops_are_seen_with_how_their_payments_come_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("what? a 100% #hub.sqlite");
        let store = EmbeddedStore::open(&path).unwrap();
        store.put_shop(&duka(), &Tokens { newest: 3, hashes: vec![[1; 32]] }).await.unwrap();
        let until = format!(r#"{{"pulled_until":{}}}"#, at(9).millis());
        store.put_note(&duka().id, NOTE, until.as_bytes()).await.unwrap();
        told(&store, Source::C2bConfirmation, "UKL4AB12C1", 1).await;
        told(&store, Source::PulledRow, "UKL4AB12C1", 2).await;
        told(&store, Source::PulledRow, "UKL4AB12C2", 3).await;
        told(&store, Source::C2bConfirmation, "UKL4AB12C3", 4).await;
        let filing = Filing::Inbox("unreadable".to_owned(), None);
        store.record(&RawCallback { body: b"?".to_vec(), received_at: at(5) }, &filing).await.unwrap();
        let before = names(folder.path());
        let contents = present(&path, at(0));
        assert_eq!((contents.inbox, contents.shops.len()), (1, 1));
        let shop = &contents.shops[0];
        assert_eq!((&shop.shop, shop.newest_token), (&duka(), 3));
        assert_eq!((shop.last_confirmation, shop.pulled, shop.unconfirmed), (Some(at(4)), 2, 1));
        assert_eq!(shop.swept, Swept { pulled_until: Some(at(9)), gaps: Vec::new() });
        assert_eq!(present(&path, at(3)).shops[0].pulled, 1, "what was pulled before does not count");
        assert_eq!(names(folder.path()), before);
    }

    #[test]
    fn a_file_that_nobody_has_open_is_left_as_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch(include_str!("schema.sql")).unwrap();
        connection.pragma_update(None, "user_version", SCHEMA_VERSION).unwrap();
        connection.close().unwrap();
        assert_eq!(present(&path, at(0)), Contents { inbox: 0, shops: Vec::new() });
        assert_eq!(names(folder.path()), ["hub.sqlite"]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[3 * 4096..4 * 4096].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(examine(&path, at(0)), Err(StoreError::Damaged(_))), "one page is damaged");
    }

    #[test]
    fn damage_and_other_releases_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sqlite");
        assert!(matches!(examine(&path, at(0)), Err(StoreError::Unreachable(_))), "there is none");
        assert!(!path.exists(), "none was made");
        std::fs::write(&path, "this is no database, and long enough to be looked at by whoever reads it")
            .unwrap();
        assert!(matches!(examine(&path, at(0)), Err(StoreError::Damaged(_))));
        std::fs::remove_file(&path).unwrap();
        let versioned = |version: u32| {
            let connection = Connection::open(&path).unwrap();
            connection.pragma_update(None, "user_version", version).unwrap();
        };
        versioned(0);
        assert!(matches!(examine(&path, at(0)), Err(StoreError::Damaged(_))), "it lost all it had");
        versioned(1);
        assert_eq!(examine(&path, at(0)), Ok(Examined::Older(1)));
        versioned(SCHEMA_VERSION + 1);
        let newer = examine(&path, at(0)).unwrap_err().to_string();
        assert!(newer.contains("use the newer release"), "{newer}");
    }

    #[tokio::test]
    async fn what_waits_is_counted_with_the_age_of_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let queue = FileQueue::open(folder.path()).unwrap();
        assert_eq!(waiting(folder.path()).unwrap(), (0, None));
        queue.put(b"one").await.unwrap();
        queue.put(b"two").await.unwrap();
        std::fs::write(folder.path().join("half-written.callback.new"), b"x").unwrap();
        let first = names(folder.path())[0].clone();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        std::fs::File::open(folder.path().join(first)).unwrap().set_modified(old).unwrap();
        assert_eq!(waiting(folder.path()).unwrap(), (2, Some(old)));
        assert!(waiting(&folder.path().join("nowhere")).is_err());
    }
}
