//! What a power cut leaves of a till's folder.
//!
//! SQLite with `synchronous=FULL` syncs its write-ahead log with every commit, and copies pages into the
//! main file only from a synced log. So whatever was acknowledged is whole; of what was written since, any
//! part may be there: a prefix, or some sectors and not others, or zeros where the file had grown.

use fastrand::Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A disk writes this much or nothing.
const SECTOR: usize = 512;
/// The page of every ledger.
const PAGE: usize = 4096;
/// Where the log's salts lie: other salts, another log.
const SALTS: std::ops::Range<usize> = 16..24;
/// The files whose loss would be a loss. The shared memory beside them is never on a disk for certain.
const FILES: [&str; 3] = ["ledger.sqlite", "ledger.sqlite-wal", "till.key"];

/// A till's folder at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo {
    files: BTreeMap<&'static str, Arc<Vec<u8>>>,
}

impl Photo {
    /// The folder as it is now.
    pub fn of(folder: &Path) -> Self {
        let read = |name| Some((name, Arc::new(std::fs::read(folder.join(name)).ok()?)));
        let files = FILES.into_iter().filter_map(read);
        Self { files: files.collect() }
    }

    /// Makes the folder what it was.
    pub fn develop(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        for name in FILES.into_iter().chain(["ledger.sqlite-shm"]) {
            match self.files.get(name) {
                Some(content) => std::fs::write(folder.join(name), content.as_slice()).unwrap(),
                // It may not be there.
                None => drop(std::fs::remove_file(folder.join(name))),
            }
        }
    }

    /// The write-ahead log.
    pub fn log(&self) -> &[u8] {
        self.files.get("ledger.sqlite-wal").map_or(&[], |log| log.as_slice())
    }

    fn main(&self) -> &[u8] {
        self.files.get("ledger.sqlite").map_or(&[], |main| main.as_slice())
    }

    /// The same folder with another log.
    #[must_use]
    pub fn with_log(&self, log: Vec<u8>) -> Self {
        let mut files = self.files.clone();
        files.insert("ledger.sqlite-wal", Arc::new(log));
        Self { files }
    }
}

/// What a cut leaves between two moments, in words for the trace, and the folder. Everything before the
/// first had been acknowledged; of what was written until the second, nothing had.
pub fn cut(before: &Photo, after: &Photo, random: &mut Rng) -> (&'static str, Photo) {
    let same_log = before.log().get(SALTS) == after.log().get(SALTS);
    if !same_log && !before.log().is_empty() {
        // The log began anew, so all of the old one is in the main file: what is there is whole.
        return ("after it", after.clone());
    }
    if before.main() != after.main() && random.bool() {
        return ("within a checkpoint", after.with_main(mixed(before.main(), after.main(), PAGE, random)));
    }
    let (old, new) = (before.log(), after.log());
    let at = random.usize(old.len().min(new.len())..=new.len());
    match random.u8(..3) {
        0 => ("within a write", before.with_log(new[..at].to_vec())),
        1 => ("between sectors", before.with_log(mixed(old, new, SECTOR, random))),
        _ => {
            let zeros = std::iter::repeat_n(0, new.len() - at);
            ("before a write", before.with_log(new[..at].iter().copied().chain(zeros).collect()))
        }
    }
}

impl Photo {
    fn with_main(&self, main: Vec<u8>) -> Self {
        let mut files = self.files.clone();
        files.insert("ledger.sqlite", Arc::new(main));
        Self { files }
    }
}

/// Some pieces of the new, the rest old; zeros where there was nothing.
fn mixed(old: &[u8], new: &[u8], piece: usize, random: &mut Rng) -> Vec<u8> {
    let mut mixed = Vec::with_capacity(new.len());
    for (number, sector) in new.chunks(piece).enumerate() {
        let before = old.iter().skip(number * piece).chain(std::iter::repeat(&0)).take(sector.len());
        if random.bool() {
            mixed.extend(before);
        } else {
            mixed.extend_from_slice(sector);
        }
    }
    mixed
}
