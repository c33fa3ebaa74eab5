//! `leja ledger verify`: whether a ledger is what it says it is.

use super::Home;
use crate::Failure;
use clap::Args;
use std::path::PathBuf;

/// What to look at.
#[derive(Args)]
pub(super) struct Options {
    /// A backup, instead of the ledger in the folder.
    #[arg(conflicts_with = "data", required_unless_present = "data")]
    file: Option<PathBuf>,
    /// The folder of the till or head office.
    #[arg(long, env = "LEJA_DATA")]
    data: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let file = match (&options.file, &options.data) {
        (Some(file), _) => file.clone(),
        (None, Some(data)) => Home { data: data.clone() }.folder()?.ledger_path(),
        (None, None) => return Err("name a backup, or the till's folder with --data".into()),
    };
    let checks = till::examine(&file)?;
    for check in &checks {
        let word = if check.faults.is_empty() { "ok  " } else { "fail" };
        println!("{word}  {:<22}  {}", check.name, check.seen);
        for fault in &check.faults {
            println!("      {fault}");
        }
    }
    if checks.iter().all(|check| check.faults.is_empty()) {
        return Ok(());
    }
    Err("this ledger is not what it should be: stop the till, keep a copy of its whole folder, and never delete \
         it. If only computed rows differ, `leja ledger rebuild` puts them right; else restore the newest backup \
         into a new folder: what was sold since comes back from the cloud"
        .into())
}
