//! `leja ledger rebuild`: everything that is computed, computed anew from what was written once.

use super::Home;
use crate::Failure;
use clap::Args;

/// Which folder.
#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    home: Home,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    options.home.folder()?.rebuild()?;
    println!("rebuilt. Look again with `leja ledger verify`.");
    Ok(())
}
