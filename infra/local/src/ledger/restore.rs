//! `leja ledger restore`: a till goes on from a backup.

use super::{Home, now};
use crate::Failure;
use clap::Args;
use std::path::PathBuf;

/// Which backup, and where to.
#[derive(Args)]
pub(super) struct Options {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    home: Home,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let aside = options.home.made()?.restore(&options.file, now())?;
    if let Some(aside) = aside {
        println!("the ledger that was there is in {} now: the backup holds all of it", aside.display());
    }
    println!(
        "restored. The till sells at once. At its next sync it gets a name and a letter of its own, because \
         another file may have gone on under the old one; what was sold since the backup comes back from the \
         cloud."
    );
    Ok(())
}
