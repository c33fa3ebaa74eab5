//! Keeping a till's file: who reads it beside the seller, copies of it, and where its key goes.

use crate::folder::unusable;
use crate::{Folder, Till, TillError, lock};
use domain::{Member, Timestamp};
use ledger::{Ledger, LedgerError, Reader};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How many readers are kept open for the next look.
const READERS_KEPT: usize = 2;

impl Till {
    /// Looks into the ledger as it is at this moment, on a connection of its own: no sale waits for it, and it
    /// waits for none.
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&Reader) -> Result<T, LedgerError>,
    ) -> Result<T, TillError> {
        self.beside(|reader| Ok(look(reader)?))
    }

    /// The same, for what takes more than the ledger's own words.
    pub(crate) fn beside<T>(
        &self,
        look: impl FnOnce(&Reader) -> Result<T, TillError>,
    ) -> Result<T, TillError> {
        let idle = lock(&self.readers).pop();
        let mut reader = idle.map_or_else(|| Reader::open(&self.file), Ok)?;
        reader.hold()?;
        let found = look(&reader);
        reader.let_go()?;
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_KEPT {
            readers.push(reader);
        }
        found
    }

    /// Copies the ledger as it is at this moment into a new file, while the till goes on selling. When this
    /// returns, the copy was checked from end to end and is on the disk. The till's key is not in it: see
    /// [`Folder::backup_key`].
    ///
    /// # Errors
    /// There is a file of that name, there is no room, or the ledger is damaged.
    pub fn backup(&self, to: &Path) -> Result<(), TillError> {
        Ok(Reader::open(self.ledger().path())?.backup(to)?)
    }
}

impl Folder {
    /// Copies the ledger in this folder into a new file; a till may be using it. See [`Till::backup`].
    ///
    /// # Errors
    /// There is no ledger, there is a file of that name, there is no room, or the ledger is damaged.
    pub fn backup(&self, to: &Path) -> Result<(), TillError> {
        Ok(Reader::open(&self.ledger_path())?.backup(to)?)
    }

    /// Copies the till's key beside a backup, under its name and `.key`, readable by its owner only. Whoever
    /// has both can sell in this till's name, so the key is never copied unless it is asked for.
    ///
    /// # Errors
    /// There is no key, or a file of that name.
    pub fn backup_key(&self, backup: &Path) -> Result<PathBuf, TillError> {
        let to = key_beside(backup);
        let key = std::fs::read(self.key_path()).map_err(|e| unusable(&self.key_path(), &e))?;
        write_key(&to, &key)?;
        Ok(to)
    }
}

impl Folder {
    /// Puts a backup where the ledger belongs. A ledger that is there is moved aside, and only if the backup
    /// holds all that it holds. Gives the folder to which it was moved.
    ///
    /// # Errors
    /// The backup is damaged; the ledger that is there holds more, or can not be read; there is no key, here
    /// or beside the backup; a till is using the folder.
    pub fn restore(&self, backup: &Path, now: Timestamp) -> Result<Option<PathBuf>, TillError> {
        let _lock = self.lock()?;
        // Whether it can be read at all is asked before anything is moved.
        Ledger::identity_at(backup)?.ok_or(LedgerError::NotEnrolled)?;
        self.key_for(backup)?;
        let ledger = self.ledger_path();
        let aside = if ledger.exists() {
            let beyond = Reader::open(&ledger).and_then(|reader| reader.holds_beyond(backup));
            let beyond = beyond.map_err(|error| {
                let there = ledger.display();
                TillError::Refused(format!(
                    "what {there} holds beyond the backup can not be told ({error}): move it away, never delete \
                     it, then restore again"
                ))
            })?;
            if !beyond.is_empty() {
                return Err(TillError::Refused(format!(
                    "the ledger that is there holds what the backup does not ({}): nothing was restored. Use it \
                     as it is, or move it away, never delete it, and restore again",
                    beyond.join(", ")
                )));
            }
            Some(self.set_aside(now, false)?)
        } else {
            None
        };
        ledger::restore(backup, &ledger)?;
        Ok(aside)
    }

    /// Makes the folder ready for another till: moves ledger and key aside, and deletes nothing. Gives the
    /// folder to which they were moved.
    ///
    /// # Errors
    /// The ledger holds what the cloud does not have, or can not be read; a till is using the folder.
    pub fn reset(&self, now: Timestamp) -> Result<PathBuf, TillError> {
        let _lock = self.lock()?;
        let reader = Reader::open(&self.ledger_path())?;
        let OnlyHere { own, others, of_revoked } = OnlyHere::of(&reader)?;
        let astray = Till::told_astray(&reader)?.len();
        drop(reader);
        if own > 0 || others > 0 {
            let whose = match (own, others) {
                (own, 0) => format!("{own} entries of its own"),
                (0, others) => format!("{others} entries that other tills gave it"),
                (own, others) => format!("{own} entries of its own, and {others} that other tills gave it"),
            };
            return Err(TillError::Refused(format!(
                "{whose} are nowhere else as far as it knows: nothing was moved. Start it once with a line to its \
                 hub, which takes them or says that it has them. Without a line, carry them out: `leja ledger \
                 export` writes them to a stick, and `leja ledger import` takes them in at another till of the \
                 shop, which brings them to the hub. This till still has to hear of that: until then keep its \
                 folder, moved away whole if the machine is needed"
            )));
        }
        if !of_revoked.is_empty() {
            return Err(TillError::Refused(format!(
                "{} are nowhere else: nothing was moved. Their till was revoked, so the hub takes them from nobody. \
                 Look at its sales on this till's page, make again what counts, and move this folder away by hand, \
                 never delete it",
                of_revoked.join(", and ")
            )));
        }
        if astray > 0 {
            return Err(TillError::Refused(format!(
                "{astray} entries of another till are nowhere else: nothing was moved. Start this till once that \
                 one is back; if it is lost, make the sales again that the page names, and move this folder away \
                 by hand, never delete it"
            )));
        }
        self.set_aside(now, true)
    }

    /// Moves the ledger's files, and the key if asked for, into a folder of their own.
    fn set_aside(&self, now: Timestamp, with_key: bool) -> Result<PathBuf, TillError> {
        let millis = now.millis().checked_rem(1000).unwrap_or(0);
        let aside = self.path().join(format!("aside-{}-{millis:03}", now.to_daraja()));
        std::fs::create_dir(&aside).map_err(|e| unusable(&aside, &e))?;
        let ledger = self.ledger_path();
        let mut files: Vec<PathBuf> = ["-wal", "-shm", ""].map(|ending| beside(&ledger, ending)).into();
        files.extend(with_key.then(|| self.key_path()));
        for file in files.into_iter().filter(|file| file.exists()) {
            let name = file.file_name().unwrap_or_default();
            std::fs::rename(&file, aside.join(name)).map_err(|e| unusable(&file, &e))?;
        }
        Ok(aside)
    }

    /// The folder has a key, or gets the one beside the backup.
    fn key_for(&self, backup: &Path) -> Result<(), TillError> {
        if self.key_path().exists() {
            return Ok(());
        }
        let beside = key_beside(backup);
        let key = std::fs::read(&beside).map_err(|_| {
            TillError::Refused(format!(
                "the till's key is neither in {} nor at {}: put till.key into the folder first; without it \
                 nobody can speak for this till",
                self.path().display(),
                beside.display()
            ))
        })?;
        write_key(&self.key_path(), &key)
    }
}

/// What is not known to be in the cloud. A stick that was written and a sibling that was met are no cloud: whoever
/// has them may be lost too.
struct OnlyHere {
    /// How many entries of our own.
    own: u64,
    /// How many that others gave us, and that the cloud takes from whoever brings them.
    others: u64,
    /// What revoked tills wrote, in words: that the cloud takes from nobody.
    of_revoked: Vec<String>,
}

impl OnlyHere {
    fn of(reader: &Reader) -> Result<Self, TillError> {
        let members = reader.members()?;
        let mut here = Self { own: reader.waiting_to_send()?, others: 0, of_revoked: Vec::new() };
        for shop in reader.shops()? {
            let (own, at_cloud) = (reader.writer(&shop.id)?, reader.at_cloud(&shop.id)?);
            for (actor, number) in reader.vector(&shop.id)?.into_iter().filter(|(actor, _)| *actor != own) {
                let missing = number.saturating_sub(at_cloud.get(&actor).copied().unwrap_or(0));
                match members.get(&actor).filter(|member| member.revoked && missing > 0) {
                    Some(member) => {
                        let Member { letter, name, .. } = member;
                        here.of_revoked.push(format!("{missing} entries of till {letter} {name}"));
                    }
                    None => here.others = here.others.saturating_add(missing),
                }
            }
        }
        Ok(here)
    }
}

/// Where the key of a backup lies, if it was copied too.
fn key_beside(backup: &Path) -> PathBuf {
    beside(backup, ".key")
}

pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn write_key(to: &Path, key: &[u8]) -> Result<(), TillError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = |mut file: File| file.write_all(key).and_then(|()| file.sync_all());
    match options.open(to).and_then(write) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(LedgerError::Exists(to.display().to_string()).into())
        }
        written => written.map_err(|error| unusable(to, &error)),
    }
}
