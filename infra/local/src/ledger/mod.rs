//! `leja ledger`: a till's file, looked after by its owner. Every command says what it did, and none
//! deletes anything.

mod backup;

use crate::Failure;
use clap::{Args, Subcommand};
use std::path::PathBuf;
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
}

/// Does what was typed and prints what came of it.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(settings: Settings) -> Result<(), Failure> {
    let work = move || match settings.command {
        Command::Backup(options) => backup::run(&options),
    };
    tokio::task::spawn_blocking(work).await?
}
