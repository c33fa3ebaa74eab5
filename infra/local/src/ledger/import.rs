//! `leja ledger import`: takes in what another till exported.

use super::{Home, now};
use crate::Failure;
use clap::Args;
use std::path::PathBuf;
use till::Brought;

/// What to read, and where it goes.
#[derive(Args)]
pub(super) struct Options {
    /// The file that `leja ledger export` wrote.
    file: PathBuf,
    #[command(flatten)]
    home: Home,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let imported = options.home.folder()?.import(&options.file, now())?;
    if let Some(at) = imported.at {
        println!("{}, written {at}", options.file.display());
    }
    for Brought { shop, actor, member, new, known, left, why } in &imported.journals {
        // Without a member there is no letter, only the name that programs use.
        let stranger = || (actor.to_string(), "not known here".to_owned());
        let (letter, name) = member.as_ref().map_or_else(stranger, |it| (it.letter.clone(), it.name.clone()));
        println!("{shop}  {letter:<3} {name:<20}  {new} new, {known} known before, {left} left out");
        if let Some(why) = why {
            println!("      left out: {why}");
        }
    }
    for shop in &imported.elsewhere {
        println!("{shop}  is not here: its entries were left alone");
    }
    for reason in &imported.reasons {
        println!("refused, and kept: {reason}");
    }
    if imported.refused > 0 {
        println!("{} of the new entries were refused; the till's status shows them too", imported.refused);
    }
    if let Some(fault) = imported.fault {
        return Err(format!(
            "{} is not whole: {fault}. What is whole was taken in. Export it again, or copy it again, and take \
             the stick out only when the program has ended",
            options.file.display()
        )
        .into());
    }
    let left_out =
        !imported.journals.is_empty() && imported.journals.iter().all(|it| it.new == 0 && it.known == 0);
    if left_out {
        return Err("nothing was taken in: why, each line above says".into());
    }
    println!("taken in. What the cloud lacks of it goes there at the next start with a line.");
    Ok(())
}
