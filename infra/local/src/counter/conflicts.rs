//! What is not settled by itself: payments that more than one sale wants, and goods that go out unpaid.

use super::ask::{Counter, list, text, yes};
use super::print::{minute, payer};
use crate::Failure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write;

/// What to decide.
#[derive(Subcommand)]
pub enum Command {
    /// List the payments that more than one sale wants, with the evidence.
    Conflicts,
    /// Keep such a payment for one sale: the claims of the others are released.
    Keep {
        /// The sale that was paid, like A42.
        sale: String,
        /// The payment's code.
        code: String,
        /// Why, in a few words: others will read it.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Ask the customer of a sale that lost its payment to pay again.
    Collect {
        /// The sale that lost it, like A42.
        sale: String,
        /// The payment's code.
        code: String,
        /// The customer's phone, like 0712345678.
        phone: String,
    },
    /// Hand out the goods of a sale though no payment was found: it stays due.
    Trust {
        /// The sale, like A42.
        sale: String,
        /// Why, in a few words: others will read it.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        allowed: Allowed,
    },
}

/// Who allows it, above the limits of what nobody has seen.
#[derive(Args)]
pub struct Allowed {
    /// The manager, as the catalogue names them; the PIN is asked for.
    #[arg(long, value_name = "ID")]
    manager: Option<String>,
}

impl Allowed {
    /// The manager with the PIN that they type, as the API takes it.
    pub(super) fn read(&self) -> Result<Value, Failure> {
        let Some(id) = &self.manager else { return Ok(Value::Null) };
        // To the error output: what a program reads is the answer alone.
        let mut prompt = std::io::stderr();
        write!(prompt, "PIN of {id}: ")?;
        prompt.flush()?;
        let mut pin = String::new();
        std::io::stdin().read_line(&mut pin)?;
        Ok(json!({ "id": id, "pin": pin.trim() }))
    }
}

impl Counter {
    pub(super) fn conflicts(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Conflicts => self.show(&self.get("/v1/conflicts")?, print_conflicts),
            Command::Keep { sale, code, reason } => {
                let form = json!({ "sale": self.sale(&sale)?, "reason": reason });
                self.show(&self.post(&format!("/v1/conflicts/{code}/keep"), form)?, print_conflicts)
            }
            Command::Collect { sale, code, phone } => {
                let form = json!({ "sale": self.sale(&sale)?, "phone": phone });
                let asked = self.post(&format!("/v1/conflicts/{code}/collect"), form)?;
                self.show(&asked, super::print::print_sale)
            }
            Command::Trust { sale, reason, allowed } => {
                self.at_sale(&sale, "trust", json!({ "reason": reason, "manager": allowed.read()? }))
            }
        }
    }
}

fn print_conflicts(conflicts: &Value) {
    if list(conflicts, "conflicts").next().is_none() {
        println!("no payment is wanted by more than one sale");
    }
    for it in list(conflicts, "conflicts") {
        let payment = &it["payment"];
        let seen = match text(payment, "amount") {
            "" => "not seen yet".to_owned(),
            amount => format!("KES {amount} from {}, {}", payer(payment), minute(text(payment, "paid_at"))),
        };
        println!("{}  {seen}", text(it, "receipt"));
        for claim in list(it, "claims") {
            let sale = text(&claim["sale"], "reference");
            let (at, by) = (text(&claim["sale"], "till_name"), text(claim, "by"));
            let has =
                if yes(claim, "leads") { format!(", has it: {}", text(it, "why")) } else { String::new() };
            println!("  {sale} at {at}, {by}, {}{has}", minute(text(claim, "at")));
        }
    }
}
