//! The callbacks that wait for a person.

use super::Administrator;
use crate::Failure;
use clap::{Args, Subcommand};
use service::{AssignForm, DismissForm, InboxBody, InboxForm, ReopenForm};

/// What to do with the inbox.
#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// List what waits, newest first, with the reasons.
    List,
    /// Show a callback, with the middle of phone numbers hidden.
    Show {
        /// Its hash, or at least 8 digits of how it begins.
        hash: String,
    },
    /// Give a callback to the shop it belongs to: its payment counts there from then on.
    Assign {
        /// Its hash, or at least 8 digits of how it begins.
        hash: String,
        /// The shop.
        shop: String,
    },
    /// Lay a callback aside. It stays kept, with the reason.
    Dismiss {
        /// Its hash, or at least 8 digits of how it begins.
        hash: String,
        /// Why it is nobody's payment.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take back an `assign` or a `dismiss`: the callback waits again, and counts in no shop.
    Reopen {
        /// Its whole hash, as `assign`, `dismiss` and `show` say it.
        hash: String,
        /// Why the decision was wrong.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

impl Administrator {
    pub(super) fn inbox(&self, options: Options) -> Result<(), Failure> {
        match options.command.unwrap_or(Command::List) {
            Command::List => {
                let items: Vec<InboxForm> = self.get("/v1/admin/inbox")?;
                items.iter().for_each(print_item);
                println!("{} in the inbox", items.len());
            }
            Command::Show { hash } => {
                let hash = digits(&hash)?;
                let InboxBody { item, body, decided } = self.get(&format!("/v1/admin/inbox/{hash}"))?;
                print_item(&item);
                println!("{}", item.hash);
                decided.iter().for_each(|decided| println!("{decided}"));
                println!("{body}");
            }
            Command::Assign { hash, shop } => {
                let form = AssignForm { hash: digits(&hash)?, shop: shop.clone() };
                let item: InboxForm = self.post("/v1/admin/inbox/assign", &form)?;
                println!("given to {shop}");
                print_way_back(&item);
            }
            Command::Dismiss { hash, reason } => {
                let form = DismissForm { hash: digits(&hash)?, reason };
                let item: InboxForm = self.post("/v1/admin/inbox/dismiss", &form)?;
                println!("dismissed");
                print_way_back(&item);
            }
            Command::Reopen { hash, reason } => {
                let form = ReopenForm { hash: digits(&hash)?, reason };
                let item: InboxForm = self.post("/v1/admin/inbox/reopen", &form)?;
                println!("it waits again");
                print_item(&item);
            }
        }
        Ok(())
    }
}

fn print_item(item: &InboxForm) {
    let InboxForm { hash, received_at, reason, bytes } = item;
    let short = hash.get(..12).unwrap_or(hash);
    println!("{received_at}  {short}  {bytes:>6} bytes  {reason}");
}

/// How to undo a decision: what was decided is in no list, so its whole name is said now.
fn print_way_back(item: &InboxForm) {
    println!("to undo it: leja admin inbox reopen {} --reason ...", item.hash);
}

/// A hash as it was typed, which goes into a path.
fn digits(hash: &str) -> Result<String, Failure> {
    if hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(hash.to_owned());
    }
    Err("this is no hash: copy it from `leja admin inbox`".into())
}
