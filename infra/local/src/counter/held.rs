//! Carts that are set aside at a till, from a terminal.

use super::ask::{Counter, list, text};
use super::print::{Table, minute};
use super::sell::Tender;
use crate::Failure;
use clap::Subcommand;
use serde_json::json;

/// What to do with carts.
#[derive(Subcommand)]
pub enum Command {
    /// Set goods aside at this till: nothing is sold yet.
    Hold {
        /// What the customer takes, as `sell` reads it.
        #[arg(required = true)]
        goods: Vec<String>,
        /// Whose it is, such as "the red bag".
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// List what was set aside.
    Held,
    /// Sell what was set aside.
    Recall {
        /// Its number, as `held` lists it.
        number: u64,
        #[command(flatten)]
        tender: Tender,
    },
}

impl Counter {
    pub(super) fn held(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Hold { goods, note } => {
                let cart = json!({ "lines": self.cart_lines(&goods)? });
                self.show(&self.post("/v1/parked", json!({ "cart": cart, "note": note }))?, print_held)
            }
            Command::Held => self.show(&self.get("/v1/parked")?, print_held),
            Command::Recall { number, tender } => {
                let held = self.post(&format!("/v1/parked/{number}/recall"), json!({}))?;
                self.sell_it(held["cart"].clone(), &tender).inspect_err(|_| {
                    // It was not sold, so it waits on.
                    let again = json!({ "cart": held["cart"], "note": held["note"], "by": held["by"] });
                    let _ = self.post("/v1/parked", again);
                })
            }
        }
    }
}

fn print_held(held: &serde_json::Value) {
    let mut table = Table::new(&[0], &["cart", "since", "by", "whose"]);
    for it in list(held, "parked") {
        table.row([
            it["number"].to_string(),
            minute(text(it, "at")),
            text(it, "by").to_owned(),
            text(it, "note").to_owned(),
        ]);
    }
    table.print("nothing was set aside");
}
