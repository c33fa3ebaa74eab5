//! `leja ledger`: a till's file, looked after by its owner. Every command says what it did, and none
//! deletes anything.

mod backup;
mod export;
mod import;
mod rebuild;
mod reset;
mod restore;
mod verify;

use crate::Failure;
use clap::{Args, Subcommand};
use domain::Timestamp;
use std::path::PathBuf;
use std::time::SystemTime;
use till::Folder;

/// What to do with a till's file.
#[derive(Args)]
pub struct Settings {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Copy a till's ledger into one new file. The till may go on selling.
    Backup(backup::Options),
    /// Check a ledger or a backup: pages, journals and signatures, and whether the sums are what the facts say.
    ///
    /// It reads a copy and changes nothing; the till may go on selling. It ends with 1 if a check failed.
    Verify(verify::Options),
    /// Go on from a backup. A ledger that is there is moved aside, if the backup holds all of it.
    Restore(restore::Options),
    /// Compute everything anew that is computed from what was written once. The till must be stopped.
    Rebuild(rebuild::Options),
    /// Make a folder ready for another till: ledger and key are moved aside, unless they hold what nobody else
    /// has.
    Reset(reset::Options),
    /// Write what the shop's tills sold to a stick, for where there is no network. The till may go on selling.
    ///
    /// Everything that is here is written, whichever till sold it. Nothing counts as handed over by it.
    Export(export::Options),
    /// Take in what another till exported. The till must be stopped; doing it again changes nothing.
    ///
    /// It takes entries of this shop's tills, in their order and as they signed them. It ends with 1 if the file
    /// is not whole; what is whole was taken in.
    Import(import::Options),
}

/// The folder of a till.
#[derive(Args)]
struct Home {
    /// The folder of the till or head office: its ledger and its key.
    #[arg(long, env = "LEJA_DATA")]
    data: PathBuf,
}

impl Home {
    fn folder(&self) -> Result<Folder, Failure> {
        if self.data.is_dir() {
            return Ok(Folder::at(&self.data)?);
        }
        Err(format!("{} is no folder: name the till's folder with --data", self.data.display()).into())
    }

    /// The same, made where there is none.
    fn made(&self) -> Result<Folder, Failure> {
        Ok(Folder::at(&self.data)?)
    }
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// Does what was typed and prints what came of it.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(settings: Settings) -> Result<(), Failure> {
    let work = move || match settings.command {
        Command::Backup(options) => backup::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::Restore(options) => restore::run(&options),
        Command::Rebuild(options) => rebuild::run(&options),
        Command::Reset(options) => reset::run(&options),
        Command::Export(options) => export::run(&options),
        Command::Import(options) => import::run(&options),
    };
    tokio::task::spawn_blocking(work).await?
}
