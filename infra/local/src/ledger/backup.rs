//! `leja ledger backup`: one file that holds everything a till knows.

use super::Home;
use crate::Failure;
use clap::Args;
use std::path::PathBuf;

/// What to copy, and where to.
#[derive(Args)]
pub(super) struct Options {
    /// The new file. Best on another disk; nothing is written over a file that is there.
    file: PathBuf,
    #[command(flatten)]
    home: Home,
    /// Copy the till's key too, as FILE.key. Whoever has both files can sell in this till's name.
    #[arg(long)]
    with_key: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let folder = options.home.folder()?;
    folder.backup(&options.file)?;
    let bytes = std::fs::metadata(&options.file)?.len();
    println!("{}  {bytes} bytes, checked and on the disk", options.file.display());
    if options.with_key {
        let key = folder.backup_key(&options.file)?;
        println!("{}  the till's key: keep it where nobody else can read it", key.display());
    } else {
        println!(
            "The till's key is not in it. To restore without this folder you need the key as well: copy \
             till.key once to a safe place, or repeat with --with-key."
        );
    }
    Ok(())
}
