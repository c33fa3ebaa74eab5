//! `leja ledger reset`: a folder for another till, as long as nothing is lost by it.

use super::{Home, now};
use crate::Failure;
use clap::Args;

/// Which folder.
#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    home: Home,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let aside = options.home.folder()?.reset(now())?;
    println!("nothing was deleted: ledger and key are in {}", aside.display());
    println!(
        "enrol a new till here with a code from `leja admin till`; revoke the old one with `leja admin revoke`"
    );
    Ok(())
}
