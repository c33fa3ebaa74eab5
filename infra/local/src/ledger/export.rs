//! `leja ledger export`: everything the shop's tills sold, as far as it is known here, in one file for a stick.

use super::{Home, now};
use crate::Failure;
use clap::Args;
use std::path::PathBuf;

/// What to write, and where to.
#[derive(Args)]
pub(super) struct Options {
    /// The file, such as /mnt/stick/shop.leja. An older one of this shop is replaced if all of it is here.
    file: PathBuf,
    #[command(flatten)]
    home: Home,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let exported = options.home.folder()?.export(&options.file, now())?;
    for till::Written { shop, letter, name, entries, .. } in &exported.journals {
        println!("{shop}  {letter:<3} {name:<20}  {entries} entries");
    }
    if let Some((first, last)) = exported.times {
        println!("{} days, from {first} to {last}", exported.days.len());
    }
    println!("{}  {} bytes, on the disk", options.file.display(), exported.bytes);
    if exported.withheld > 0 {
        println!(
            "{} entries are not in it: this ledger was restored or copied, and they get another name at its next \
             sync. Export again after that",
            exported.withheld
        );
    }
    println!(
        "Whoever has the file can read what the shop sold, and can change nothing. No key and no payment is in it. \
         Take it in with `leja ledger import` at another till of the shop, or at head office."
    );
    Ok(())
}
