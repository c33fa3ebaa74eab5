//! What the world does to a file: a clear error, nothing half done, and on it goes when the world is well.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "this is test code")]

use domain::{
    Account, Actor, Evidence, FeedItem, Money, Payer, ReceiptCode, Role, Shop, ShopId, ShortCode, Source,
    TillId, Timestamp,
};
use ledger::{Identity, Ledger, LedgerError, Page, Reader};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(20);

struct Place {
    folder: tempfile::TempDir,
    shop: ShopId,
}

impl Place {
    fn new() -> (Self, Ledger) {
        let place = Self { folder: tempfile::tempdir().unwrap(), shop: ShopId::parse("mjini").unwrap() };
        let mut ledger = Ledger::open_within(&place.path(), SOON).unwrap();
        let account = Account::of_kind("till", ShortCode::parse("123456").unwrap()).unwrap();
        let shop = Shop::new(place.shop.clone(), "Duka", account, None).unwrap();
        let actor = Actor::first(TillId(7));
        let me = Identity { actor, role: Role::Till, letter: "A".into(), name: "Front".into() };
        ledger.enrol(&me, &[shop]).unwrap();
        (place, ledger)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.sqlite")
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Safaricom tells of one more payment.
    fn told(&self, ledger: &mut Ledger, number: usize) -> Result<(), LedgerError> {
        let at = Timestamp::parse_daraja("20261121080000").unwrap();
        let evidence = Evidence {
            source: Source::C2bConfirmation,
            receipt: ReceiptCode::parse(&format!("UKL4{number:06}")).unwrap(),
            amount: Money::from_cents(50_000),
            shortcode: ShortCode::parse("123456").unwrap(),
            paid_at: Some(at),
            payer: Payer::default(),
            account_reference: String::new(),
            order: None,
            balance: None,
            received_at: at,
        };
        ledger.take(&self.shop, &Page { feed: vec![FeedItem::Arrival(evidence)], ..Page::default() })
    }

    fn count(&self, reader: &Reader) -> usize {
        reader.payments(&self.shop, false, 10_000).unwrap().len()
    }
}

#[test]
fn what_is_read_slowly_stops_no_sale_and_sees_one_moment() {
    let (place, mut ledger) = Place::new();
    place.told(&mut ledger, 1).unwrap();
    let mut slow = Reader::open(&place.path()).unwrap();
    slow.hold().unwrap();
    assert_eq!(place.count(&slow), 1);
    // In the middle of its reading the till sells, a backup is made, and a second reader looks.
    for number in 2..50 {
        place.told(&mut ledger, number).unwrap();
    }
    Reader::open(&place.path()).unwrap().backup(&place.beside("backup.sqlite")).unwrap();
    assert_eq!(place.count(&slow), 1, "one moment is one moment");
    assert_eq!(place.count(&Reader::open(&place.path()).unwrap()), 49);
    assert_eq!(ledger.swollen_log(), None);
    slow.let_go().unwrap();
    assert_eq!(place.count(&slow), 49);
}

#[test]
fn a_reader_can_not_write() {
    let (place, _ledger) = Place::new();
    let reader = Reader::open(&place.path()).unwrap();
    assert_eq!(reader.path(), place.path());
    assert!(matches!(Reader::open(&place.beside("nothing")), Err(LedgerError::Unknown(_))));
    assert!(!place.beside("nothing").exists());
}

#[test]
fn a_backup_is_one_file_that_opens_by_itself_and_is_never_written_over() {
    let (place, mut ledger) = Place::new();
    place.told(&mut ledger, 1).unwrap();
    let backup = place.beside("backup.sqlite");
    ledger.backup(&backup).unwrap();
    place.told(&mut ledger, 2).unwrap();
    assert_eq!(place.count(&Reader::open(&backup).unwrap()), 1);
    let names: Vec<_> = place.folder.path().read_dir().unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(
        names.iter().filter(|name| name.to_string_lossy().starts_with("backup")).count(),
        1,
        "{names:?}"
    );

    let before = std::fs::read(&backup).unwrap();
    assert!(matches!(ledger.backup(&backup), Err(LedgerError::Exists(_))));
    assert_eq!(std::fs::read(&backup).unwrap(), before);
    // Somebody else's half-made backup is not ours to take away.
    std::fs::write(place.beside("other.sqlite.part"), "half").unwrap();
    assert!(matches!(ledger.backup(&place.beside("other.sqlite")), Err(LedgerError::Exists(_))));
    assert!(place.beside("other.sqlite.part").exists() && !place.beside("other.sqlite").exists());
    let nowhere = ledger.backup(&place.beside("no/such/folder")).unwrap_err();
    assert!(nowhere.to_string().contains("check the name"), "{nowhere}");
}

#[test]
fn another_program_that_writes_is_waited_for_and_then_named() {
    let (place, mut ledger) = Place::new();
    let other = Connection::open(place.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = place.told(&mut ledger, 1).unwrap_err();
    assert!(matches!(error, LedgerError::Locked) && error.to_string().contains("close it"), "{error}");
    assert!(matches!(Ledger::open_within(&place.path(), SOON), Err(LedgerError::Locked)));
    other.execute_batch("COMMIT").unwrap();
    place.told(&mut ledger, 1).unwrap();
    assert_eq!(place.count(&ledger), 1);
}

#[test]
fn a_disk_where_nothing_can_be_made_is_told_of_at_the_start() {
    let (place, ledger) = Place::new();
    drop(ledger);
    // SQLite can not make its log, as in a folder that may not be written.
    std::fs::create_dir(place.beside("ledger.sqlite-wal")).unwrap();
    let error = Ledger::open(&place.path()).err().unwrap();
    assert!(matches!(error, LedgerError::ReadOnly), "{error:?}");
    assert!(error.to_string().contains("right to write"), "{error}");
}

/// A ledger's files as a power cut leaves them: what is in the log is not in the file yet.
fn cut_off(place: &Place) -> (Vec<u8>, Vec<u8>) {
    (std::fs::read(place.path()).unwrap(), std::fs::read(place.beside("ledger.sqlite-wal")).unwrap())
}

fn laid_down(files: &(Vec<u8>, Vec<u8>), at: &Path) {
    std::fs::write(at, &files.0).unwrap();
    let mut log = at.as_os_str().to_owned();
    log.push("-wal");
    std::fs::write(PathBuf::from(log), &files.1).unwrap();
}

#[test]
fn a_log_that_was_torn_in_its_last_commit_keeps_every_commit_before_it() {
    let (place, mut ledger) = Place::new();
    place.told(&mut ledger, 1).unwrap();
    let kept = cut_off(&place).1.len();
    place.told(&mut ledger, 2).unwrap();
    let (file, log) = cut_off(&place);
    // Every length between the two commits, in steps that hit frame headers, page middles and the last byte.
    let cuts = (kept..log.len()).step_by(509).chain([log.len() - 1, log.len()]);
    for (round, cut) in cuts.enumerate() {
        let torn = place.beside(&format!("torn-{round}"));
        laid_down(&(file.clone(), log[..cut].to_vec()), &torn);
        let torn = Ledger::open(&torn).unwrap();
        assert_eq!(place.count(&torn), if cut == log.len() { 2 } else { 1 }, "cut at {cut}");
    }
}

#[test]
fn a_damaged_page_is_told_of_and_nothing_is_made_anew() {
    let (place, mut ledger) = Place::new();
    for number in 0..200 {
        place.told(&mut ledger, number).unwrap();
    }
    drop(ledger);
    let mut bytes = std::fs::read(place.path()).unwrap();
    let page = 4096;
    assert!(bytes.len() > 30 * page);
    for at in bytes.iter_mut().skip(3 * page).take(20 * page) {
        *at ^= 0x5a;
    }
    std::fs::write(place.path(), &bytes).unwrap();
    let found = Ledger::open(&place.path()).and_then(|mut ledger| {
        place.told(&mut ledger, 1000)?;
        ledger.payments(&place.shop, false, 1000)
    });
    let error = found.unwrap_err();
    assert!(matches!(error, LedgerError::Damaged(_)), "{error:?}");
    assert!(error.to_string().contains("Do not delete it"), "{error}");
    let damaged = Reader::open(&place.path()).and_then(|reader| reader.backup(&place.beside("copy.sqlite")));
    assert!(matches!(damaged, Err(LedgerError::Damaged(_))), "{damaged:?}");
    assert!(!place.beside("copy.sqlite").exists() && !place.beside("copy.sqlite.part").exists());
    assert_eq!(std::fs::read(place.path()).unwrap().len(), bytes.len());
}
