//! A till's folder: its ledger, its key, and the lock that keeps a second program out.

use crate::{Cloud, CloudRequest, TillError, licence};
use domain::{Actor, Role, Shop, ShopId, Timestamp};
use ledger::{Identity, Ledger};
use replica::Keypair;
use replica::wire::json::{Enrol, Enrolled, LicenceForm};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Where a till lives.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// A folder that nobody else can open meanwhile.
#[derive(Debug)]
pub(crate) struct Lock(File);

/// Closing the file would not be enough: a program that is just being started has a copy of it for a moment, and with it
/// the lock.
impl Drop for Lock {
    fn drop(&mut self) {
        // What fails to be given back goes with the file.
        let _ = self.0.unlock();
    }
}

impl Folder {
    /// A folder, made if it is not there: for its owner only, because ledgers hold customers' names.
    ///
    /// # Errors
    /// It can not be made, or what is in it belongs to somebody else: said now, nobody takes it for an empty one.
    pub fn at(path: &Path) -> Result<Self, TillError> {
        let mut make = std::fs::DirBuilder::new();
        make.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
        make.create(path).map_err(|e| unusable(path, &e))?;
        let folder = Self(path.to_owned());
        match File::open(folder.ledger_path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(unusable(&folder.ledger_path(), &error)),
            _ => Ok(folder),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The ledger's file.
    pub fn ledger_path(&self) -> PathBuf {
        self.0.join("ledger.sqlite")
    }

    /// Whether a till was enrolled here, as far as can be read.
    pub fn is_enrolled(&self) -> bool {
        matches!(self.is_new(), Ok(false))
    }

    /// Whether nobody was enrolled here yet.
    ///
    /// # Errors
    /// There is a ledger, and it can not be read: nobody may take it for none.
    pub fn is_new(&self) -> Result<bool, TillError> {
        Ok(Ledger::identity_at(&self.ledger_path())?.is_none())
    }

    /// Who lives here, and the key to sign with: for programs that ask the cloud without a till.
    ///
    /// # Errors
    /// Nobody was enrolled here, or the folder can not be read.
    pub fn credentials(&self) -> Result<Credentials, TillError> {
        let identity = Ledger::identity_at(&self.ledger_path())?;
        let identity = identity.ok_or(ledger::LedgerError::NotEnrolled)?;
        Ok(Credentials { actor: identity.actor, key: self.key()? })
    }

    /// Keeps other programs out as long as it is held.
    pub(crate) fn lock(&self) -> Result<Lock, TillError> {
        let path = self.0.join("till.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| unusable(&path, &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(_) => {
                let path = self.0.display();
                Err(TillError::Folder(format!("{path} is in use by another program: close that one first")))
            }
        }
    }

    /// The till's key.
    pub(crate) fn key(&self) -> Result<Keypair, TillError> {
        let path = self.key_path();
        let mut text = String::new();
        let read = File::open(&path).and_then(|mut file| file.read_to_string(&mut text));
        read.map_err(|e| unusable(&path, &e))?;
        let seed = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        let seed: [u8; 32] =
            seed.ok_or_else(|| TillError::Folder(format!("{} holds no key", path.display())))?;
        Ok(Keypair::from_seed(&seed))
    }

    /// A new key, readable by its owner only; the one that is there, if there is one.
    fn make_key(&self) -> Result<Keypair, TillError> {
        let path = self.key_path();
        if path.exists() {
            return self.key();
        }
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|e| TillError::Folder(format!("no randomness: {e}")))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(|e| unusable(&path, &e))?;
        let written = file.write_all(hex::encode(seed).as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|e| unusable(&path, &e))?;
        Ok(Keypair::from_seed(&seed))
    }

    pub(crate) fn key_path(&self) -> PathBuf {
        self.0.join("till.key")
    }
}

/// A member's name and key.
#[derive(Debug)]
pub struct Credentials {
    actor: Actor,
    key: Keypair,
}

impl Credentials {
    /// Asks the cloud something in this member's name.
    ///
    /// # Errors
    /// The cloud was not reached or refused.
    pub fn ask(
        &self,
        cloud: &dyn Cloud,
        method: &'static str,
        path: &str,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<Vec<u8>, TillError> {
        Ok(cloud.carry(&CloudRequest::signed(method, path, body, (self.actor, &self.key), now))?)
    }
}

/// Makes a folder the home of a new member, with a one-time code. The only thing a till ever needs the
/// network for before it sells.
///
/// # Errors
/// The cloud was not reached or did not like the code, or the folder can not be written.
pub fn enrol(folder: &Folder, cloud: &dyn Cloud, code: &str, name: &str) -> Result<Identity, TillError> {
    let _lock = folder.lock()?;
    let key = folder.make_key()?;
    let public_key = hex::encode(key.public().to_bytes());
    let enrol = Enrol { code: code.to_owned(), name: name.to_owned(), public_key };
    let body = serde_json::to_vec(&enrol).map_err(|_| TillError::Unreadable)?;
    let answer = cloud.carry(&CloudRequest::unsigned("POST", "/v1/enrol", body))?;
    let enrolled: Enrolled = serde_json::from_slice(&answer).map_err(|_| TillError::Unreadable)?;
    let actor: Actor = enrolled.actor.parse().map_err(|_| TillError::Unreadable)?;
    let role = Role::named(&enrolled.role).ok_or(TillError::Unreadable)?;
    let identity = Identity { actor, role, letter: enrolled.letter, name: name.trim().to_owned() };
    // Head office joins its shops one by one at its first sync, with a name of its own in each.
    let shops = if role == Role::Till { enrolled.shops } else { Vec::new() };
    let told = shops.iter().filter_map(|form| form.licence.clone().zip(ShopId::parse(&form.id).ok()));
    let told: Vec<(LicenceForm, ShopId)> = told.collect();
    let shops = shops.into_iter().map(Shop::try_from).collect::<Result<Vec<_>, _>>();
    let mut ledger = Ledger::open(&folder.ledger_path())?;
    ledger.enrol(&identity, &shops.map_err(|_| TillError::Unreadable)?)?;
    // The platform's key that is heard now is the only one this till believes.
    for (form, shop) in told {
        let (row, ..) = licence::read(&shop, &form, None).map_err(|_| TillError::Unreadable)?;
        ledger.put_licence(&row)?;
    }
    Ok(identity)
}

pub(crate) fn unusable(path: &Path, error: &std::io::Error) -> TillError {
    TillError::Folder(format!("{} can not be used: {error}. Check its rights and the disk", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_free_as_soon_as_it_is_closed_even_while_a_program_is_started() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(home.path()).unwrap();
        let lock = folder.lock().unwrap();
        // As a program that was forked off has it, until it becomes another one.
        let _copy = lock.0.try_clone().unwrap();
        assert!(folder.lock().is_err(), "one at a time");
        drop(lock);
        assert!(folder.lock().is_ok());
    }
}
