//! Keeping a till's file: copies of it, and where its key goes.

use crate::folder::unusable;
use crate::{Folder, Till, TillError};
use ledger::{LedgerError, Reader};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

impl Till {
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

/// Where the key of a backup lies, if it was copied too.
fn key_beside(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".key");
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
