//! What customers paid by M-Pesa, from a terminal: which sale it may be for, and which has it.

use super::ask::{Counter, list, text, yes};
use super::conflicts::Allowed;
use super::print::{Table, minute, payer, print_history, print_sale};
use crate::Failure;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// What to do with payments.
#[derive(Subcommand)]
pub enum Command {
    /// List the latest payments.
    Payments {
        /// Which of them.
        #[arg(value_enum, default_value_t = State::Unclaimed)]
        state: State,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// List the payments that may be for a sale, the best first, with the reasons.
    Candidates {
        /// The sale, like A42.
        sale: String,
    },
    /// Say that a payment is for a sale; what speaks against it is said, and refuses nothing.
    Claim {
        /// The sale, like A42.
        sale: String,
        /// The receipt code, its last five characters, or the customer's whole message.
        #[arg(required = true)]
        code: Vec<String>,
        #[command(flatten)]
        more: More,
    },
    /// Take a claim back: its payment is free again.
    Release {
        /// The sale, like A42.
        sale: String,
        /// The receipt code; needed where the sale has more than one.
        code: Option<String>,
        /// Why, in a few words: others will read it.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// What may be said with a claim.
#[derive(Args)]
pub struct More {
    /// How much of the payment is for this sale, in KES; the rest stays free.
    #[arg(long, value_name = "KES")]
    part: Option<String>,
    /// The last three digits of the customer's phone.
    #[arg(long, value_name = "149")]
    phone: Option<String>,
    /// Another till was first, and this sale was paid all the same.
    #[arg(long)]
    despite: bool,
    #[command(flatten)]
    allowed: Allowed,
}

/// Which payments.
#[derive(Clone, Copy, ValueEnum)]
pub enum State {
    /// Those that no sale has.
    Unclaimed,
    /// All of them.
    All,
    /// Those on which Safaricom's messages disagree.
    Disagreeing,
    /// Those whose sale is not here.
    Held,
}

impl Counter {
    pub(super) fn payments(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Payments { state, limit } => self.list_payments(state, limit),
            Command::Candidates { sale } => self.candidates(&sale),
            Command::Claim { sale, code, more } => self.claim(&sale, &code.join(" "), &more),
            Command::Release { sale, code, reason } => self.release(&sale, code.as_deref(), &reason),
        }
    }

    fn list_payments(&self, state: State, limit: u32) -> Result<(), Failure> {
        let state = state.to_possible_value();
        let named = state.as_ref().map_or("all", |it| it.get_name());
        let payments = self.get(&format!("/v1/payments?state={named}&limit={limit}"))?;
        self.show(&payments, |payments| {
            let mut table = Table::new(&[2], &["code", "when", "KES", "from", "sale"]);
            for it in list(payments, "payments") {
                let sale = text(&it["sale"], "reference");
                let sale = if yes(it, "conflict") { format!("{sale}, in conflict") } else { sale.to_owned() };
                let (code, amount) = (text(it, "receipt").to_owned(), text(it, "amount").to_owned());
                table.row([code, minute(text(it, "paid_at")), amount, payer(it), sale]);
            }
            table.print("no payment is so");
        })
    }

    pub(super) fn show_payment(&self, code: &str) -> Result<(), Failure> {
        let payment = self.get(&format!("/v1/payments/{code}"))?;
        self.show(&payment, |it| {
            let sale = text(&it["sale"], "reference");
            let held =
                if sale.is_empty() { "no sale has it".to_owned() } else { format!("sale {sale} has it") };
            println!("{}  KES {}  from {}  {held}", text(it, "receipt"), text(it, "amount"), payer(it));
            print_history(it);
        })
    }

    fn candidates(&self, sale: &str) -> Result<(), Failure> {
        let id = self.sale(sale)?;
        let found = self.get(&format!("/v1/sales/{id}/candidates"))?;
        self.show(&found, |found| {
            let mut table = Table::new(&[1], &["code", "KES", "when", "from", "why"]);
            for it in list(found, "candidates").chain(list(found, "used")) {
                table.row([
                    text(it, "receipt").to_owned(),
                    text(it, "amount").to_owned(),
                    minute(text(it, "paid_at")),
                    payer(it),
                    reasons(it),
                ]);
            }
            table.print("no payment may be for this sale, as far as is known here");
        })
    }

    /// Claims the payment that is meant by a code, by the end of one, or by a message.
    fn claim(&self, sale: &str, typed: &str, more: &More) -> Result<(), Failure> {
        let said = self.post("/v1/codes", json!({ "sale": self.sale(sale)?, "text": typed }))?;
        for warning in list(&said, "warnings") {
            eprintln!("note: {}", text(warning, "text"));
        }
        let claim = |code: &str, how: &str| -> Result<(), Failure> {
            let More { part, phone, despite, allowed } = more;
            let form = json!({ "receipt": code, "how": how, "part": part, "phone": phone, "despite": despite,
                "manager": allowed.read()? });
            self.at_sale(sale, "claims", form)
        };
        if let Some(code) = said["receipt"].as_str() {
            return claim(code, "typed");
        }
        let free: Vec<&str> =
            list(&said, "found").filter(|it| it["used_by"].is_null()).map(|it| text(it, "receipt")).collect();
        match free.as_slice() {
            [code] => claim(code, "picked"),
            [] => Err("no payment is known that ends so: type all ten characters of its code".into()),
            several => Err(format!("{} end so: type all of the right one", several.join(" and ")).into()),
        }
    }

    fn release(&self, sale: &str, code: Option<&str>, reason: &str) -> Result<(), Failure> {
        let id = self.sale(sale)?;
        let found = self.get(&format!("/v1/sales/{id}"))?;
        let meant =
            |claim: &&Value| code.is_none_or(|code| text(claim, "receipt").eq_ignore_ascii_case(code));
        let claims: Vec<&Value> = list(&found, "claims").filter(meant).collect();
        let claim = match claims.as_slice() {
            [claim] => text(claim, "id"),
            [] => {
                return Err(
                    format!("sale {sale} has no such claim: `leja till show {sale}` lists them").into()
                );
            }
            _ => return Err(format!("sale {sale} has several claims: say which code to release").into()),
        };
        let released = self.post(&format!("/v1/claims/{claim}/release"), json!({ "reason": reason }))?;
        self.show(&released, print_sale)
    }
}

fn reasons(it: &Value) -> String {
    let reasons: Vec<&str> = list(it, "reasons").filter_map(Value::as_str).collect();
    let reasons = match text(&it["used_by"], "reference") {
        "" => reasons.join(", "),
        sale => format!("used for sale {sale}"),
    };
    if yes(it, "in_window") { reasons } else { format!("{reasons}; look twice: paid at another time") }
}
