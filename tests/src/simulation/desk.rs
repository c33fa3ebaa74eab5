//! A till or head office in the simulation: its folder, its line, its clock, and how it dies.

use super::network::Line;
use super::power::{Photo, cut};
use domain::{Actor, Fact, FactId, Person, ShopId, Timestamp};
use fastrand::Rng;
use ledger::{LedgerError, Reader};
use replica::day_book;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use till::{Exported, Folder, Till, TillError, enrol};

/// A clock that is wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WrongClock {
    /// How far it was off when it was last set, in milliseconds.
    pub off: i64,
    /// How much it gains in a day, in milliseconds.
    pub gains: i64,
    /// When it was last set.
    pub since: i64,
}

impl WrongClock {
    /// What it shows when it is so late in truth.
    pub fn shows(self, truth: Timestamp) -> Timestamp {
        let gained = (truth.millis() - self.since) * self.gains / super::plan::DAY;
        truth.plus_millis(self.off + gained)
    }

    /// One that somebody or something has just set.
    pub fn set(random: &mut Rng, truth: Timestamp) -> Self {
        const HOUR: i64 = 3_600_000;
        let off = match random.u8(..4) {
            0 => 0,
            1 => random.i64(-90_000..90_000),
            // Another zone, or daylight saving.
            2 => *random.choice(&[-3 * HOUR, -HOUR, HOUR, 3 * HOUR, 8 * HOUR]).unwrap(),
            _ => random.i64(-2 * super::plan::DAY..2 * super::plan::DAY),
        };
        Self { off, gains: random.i64(-20_000..20_000), since: truth.millis() }
    }
}

/// What a desk has heard for certain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// When the cloud told it the time last.
    pub told: Option<Timestamp>,
    /// The latest instant that it knows to have been.
    pub seen: Option<Timestamp>,
    /// Until when its shop is licensed, at least.
    pub licensed_until: Option<Timestamp>,
    /// What its shop chose about money.
    pub is_settled: bool,
}

impl Heard {
    /// The cloud told the time.
    pub fn time(&mut self, truth: Timestamp) {
        (self.told, self.seen) = (Some(truth), Some(truth));
    }

    /// Another file is in its place, or it broke off: what it heard last is not certain any more.
    pub fn nothing_certain(&mut self) {
        *self = Self { is_settled: self.is_settled, ..Self::default() };
    }

    /// What it wrote at these instants tells it that it is so late. Where it asked the cloud, that may have told the
    /// time even where nothing came of it.
    pub fn wrote(&mut self, asked: bool, at: impl Iterator<Item = Timestamp>) {
        let before = if asked { self.told } else { self.seen };
        self.seen = at.chain(before).max();
    }
}

/// A till, or head office.
pub struct Desk {
    /// What it is called in the trace.
    pub name: String,
    /// The shop of a till.
    pub shop: Option<ShopId>,
    /// Who works there.
    pub person: Person,
    /// Its line to the cloud.
    pub line: Line,
    /// Until when nobody reaches it over the shop's own network, and it nobody.
    pub alone_until: i64,
    /// Its clock.
    pub clock: WrongClock,
    /// The desk beside which it began, as a copy of its disk or as a new till.
    pub beside: Option<usize>,
    /// How many days of history it keeps; all of it unless told otherwise.
    pub history: Option<u32>,
    /// What it heard.
    pub heard: Heard,
    folder: PathBuf,
    till: Option<Till>,
}

impl Desk {
    /// Enrols a till or head office and opens it.
    pub fn new(name: &str, shop: Option<ShopId>, line: Line, folder: PathBuf, code: &str) -> Self {
        enrol(&Folder::at(&folder).unwrap(), &line, code, name).unwrap();
        let clock = WrongClock::default();
        let (name, person) = (name.to_owned(), Person::named(name));
        let mut desk = Self {
            name,
            shop,
            person,
            line,
            alone_until: 0,
            clock,
            beside: None,
            history: None,
            heard: Heard::default(),
            folder,
            till: None,
        };
        desk.open().unwrap();
        desk
    }

    /// The till itself.
    ///
    /// # Panics
    /// It did not open after a crash; the run ends there.
    pub fn till(&self) -> &Till {
        self.till.as_ref().expect("it did not open")
    }

    fn open(&mut self) -> Result<(), TillError> {
        let folder = Folder::at(&self.folder)?;
        let till = Till::open(&folder, Box::new(self.line.clone()))?;
        self.till = Some(till.with_history(self.history));
        Ok(())
    }

    /// Looks into its ledger beside it.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn reader(&self) -> Result<Reader, TillError> {
        Ok(Reader::open(&self.folder.join("ledger.sqlite"))?)
    }

    /// Every fact of a shop that is here, whoever wrote it.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn facts(&self, shop: &ShopId) -> Result<Vec<Fact>, TillError> {
        let (reader, mut facts) = (self.reader()?, Vec::new());
        for day in reader.days(shop)? {
            facts.extend(reader.day_book(shop, day)?.iter().filter_map(day_book::fact));
        }
        Ok(facts)
    }

    /// The names of the catalogue's changes of a shop that are here.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn edits(&self, shop: &ShopId) -> Result<Vec<FactId>, TillError> {
        let entries = self.reader()?.catalogue(shop, false)?.into_iter();
        Ok(entries.map(|entry| FactId { actor: entry.actor, number: entry.number }).collect())
    }

    /// Whether something is written here under a name.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn has(&self, shop: &ShopId, id: FactId) -> Result<bool, TillError> {
        match self.reader()?.entry(shop, id) {
            Ok(_) => Ok(true),
            Err(LedgerError::Unknown(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// A fact that is here.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn fact(&self, shop: &ShopId, id: FactId) -> Result<Option<Fact>, TillError> {
        match self.reader()?.entry(shop, id) {
            Ok(entry) => Ok(day_book::fact(&entry)),
            Err(LedgerError::Unknown(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The name of what it wrote last.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn newest(&self, shop: &ShopId) -> Result<FactId, TillError> {
        let actor = match self.shop {
            Some(_) => self.till().identity().actor,
            // Head office has a name of its own in each shop.
            None => self.reader()?.writer(shop)?,
        };
        let journals = self.till().members(shop)?.into_iter();
        let own = journals.filter(|(member, _)| member.actor == actor).map(|(_, number)| number);
        Ok(FactId { actor, number: own.max().unwrap_or(0) })
    }

    /// Writes everything that is here into a file for a stick, while it goes on.
    ///
    /// # Errors
    /// The file can not be written.
    pub fn export(&self, to: &Path, now: Timestamp) -> Result<Exported, TillError> {
        Folder::at(&self.folder)?.export(to, now)
    }

    /// From now on it keeps so many days of history.
    ///
    /// # Errors
    /// It does not start.
    pub fn keep_days(&mut self, days: Option<u32>) -> Result<(), TillError> {
        self.history = days;
        self.restart()
    }

    /// Ends the program and starts it again.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> Result<(), TillError> {
        self.till = None;
        self.open()
    }

    /// Cuts the power while something is done: what comes after is a till that never heard that it was.
    /// With `requests`, the line dies after so many more, because what the till writes later must be
    /// known to nobody. Gives what was done, and where the cut was.
    ///
    /// # Errors
    /// It does not start any more.
    pub fn power_cut<T>(
        &mut self,
        requests: Option<u32>,
        random: &mut Rng,
        work: impl FnOnce(&Self) -> T,
    ) -> Result<(T, &'static str), TillError> {
        let mut before = Some(Photo::of(&self.folder));
        if let Some(requests) = requests {
            self.line.cut_after(requests, self.folder.clone());
        }
        let done = work(self);
        let after = Photo::of(&self.folder);
        if requests.is_some() {
            before = self.line.after_cut();
        }
        self.till = None;
        // With fewer requests than that, nothing is known of the moments between: it ends after the work.
        let (place, left) = match &before {
            Some(before) => cut(before, &after, random),
            None => ("after it", after),
        };
        left.develop(&self.folder);
        self.open()?;
        Ok((done, place))
    }

    /// Copies the ledger aside, in place of the copy before.
    ///
    /// # Errors
    /// It can not be copied.
    pub fn back_up(&self) -> Result<(), TillError> {
        // There is none the first time.
        let _ = std::fs::remove_file(self.backup());
        self.till().backup(&self.backup())
    }

    /// How far each journal of a shop goes in the copy.
    ///
    /// # Errors
    /// It can not be read.
    pub fn backed_up(&self, shop: &ShopId) -> Result<BTreeMap<Actor, u64>, TillError> {
        Ok(Reader::open(&self.backup())?.vector(shop)?)
    }

    /// Whether there is a copy.
    pub fn is_backed_up(&self) -> bool {
        self.backup().exists()
    }

    /// The disk fails, and the copy is put in the place of what was on it.
    ///
    /// # Errors
    /// It can not be restored, or does not start.
    pub fn restore(&mut self, now: Timestamp) -> Result<(), TillError> {
        self.till = None;
        for ending in ["", "-wal", "-shm"] {
            // Not all of them are always there.
            let _ = std::fs::remove_file(self.folder.join(format!("ledger.sqlite{ending}")));
        }
        Folder::at(&self.folder)?.restore(&self.backup(), now)?;
        self.open()
    }

    /// A copy of the disk starts beside it. Of an image, made with all that the file system knows, not even the
    /// copy itself can tell.
    ///
    /// # Errors
    /// It does not start.
    pub fn copy(&self, place: usize, image: bool, line: Line) -> Result<Self, TillError> {
        let name = format!("{}-copy", self.name);
        let folder = self.folder.with_extension("copy");
        Photo::of(&self.folder).develop(&folder);
        if image {
            born_there(&folder.join("ledger.sqlite"));
        }
        let (shop, person) = (self.shop.clone(), Person::named(&name));
        let (clock, beside, history) = (self.clock, Some(place), self.history);
        let heard = Heard { is_settled: self.heard.is_settled, ..Heard::default() };
        let (alone_until, till) = (0, None);
        let mut copy =
            Self { name, shop, person, line, alone_until, clock, beside, history, heard, folder, till };
        copy.open()?;
        Ok(copy)
    }

    fn backup(&self) -> PathBuf {
        self.folder.with_extension("backup")
    }
}

/// Makes a ledger believe that it was always where it is.
fn born_there(ledger: &Path) {
    let found = std::fs::metadata(ledger).unwrap();
    let made = found.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let mark = match made {
        Some(at) => format!("made {}", at.as_nanos()),
        None => format!("inode {}", std::os::unix::fs::MetadataExt::ino(&found)),
    };
    let file = rusqlite::Connection::open(ledger).unwrap();
    assert_eq!(file.execute("UPDATE birth SET mark = ?", [mark]), Ok(1));
}
