//! What becomes of a sale, from a terminal.

use super::ask::{Counter, list, text};
use super::print::{Table, minute, print_sale, print_whole_sale, state};
use super::sell::{Typed, read};
use crate::Failure;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// What to do with sales.
#[derive(Subcommand)]
pub enum Command {
    /// List the latest sales.
    Sales(Which),
    /// Show a sale, or a payment, with everything that happened to it.
    Show {
        /// A sale's reference, like A42, or a receipt code.
        what: String,
    },
    /// Ask the customer's phone for what is due.
    Ask {
        /// The sale, like A42.
        sale: String,
        /// The customer's phone, like 0712345678.
        phone: String,
    },
    /// Take cash: so much of what is due, or all of it.
    Cash {
        /// The sale, like A42.
        sale: String,
        /// How much, in KES; all that is due, unless told otherwise.
        amount: Option<String>,
    },
    /// Cancel a sale; what was claimed for it is free again.
    Void(Why),
    /// Give back in cash what was paid too much: so much of it, or all.
    Refund {
        #[command(flatten)]
        why: Why,
        /// How much, in KES; all that is too much, unless told otherwise.
        #[arg(long, value_name = "KES")]
        amount: Option<String>,
    },
    /// Leave on its payment, as credit for another sale, what was paid too much.
    Credit {
        /// The sale, like A42.
        sale: String,
    },
    /// Keep as a tip what the customer left, where the shop takes tips.
    Tip {
        /// The sale, like A42.
        sale: String,
        /// How much, in KES; all that is too much, unless told otherwise.
        amount: Option<String>,
    },
    /// Take back what was said of a sale by mistake: the last cash, refund, return or tip; or another of them.
    Undo {
        #[command(flatten)]
        why: Why,
        /// Which, by its name, as `show` tells it.
        #[arg(long, value_name = "NAME")]
        what: Option<String>,
    },
    /// Take goods of a sale back, also of an old one: `leja till return A42 2x milk --reason "sour"`.
    Return {
        /// The sale, like A42.
        sale: String,
        /// What comes back, by the names on the receipt; with `2x` before it, so much of it.
        #[arg(required = true)]
        goods: Vec<String>,
        /// Why, in a few words: others will read it.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// It can not be sold again.
        #[arg(long)]
        spoilt: bool,
    },
}

/// Which sales.
#[derive(Args)]
pub struct Which {
    /// Which of them.
    #[arg(value_enum, default_value_t = State::All)]
    state: State,
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    /// All of them.
    All,
    /// Those that are not paid whole.
    Open,
    /// Those of which something has to go back.
    Over,
    /// Those that claim a payment that another sale has.
    Conflict,
}

/// A sale, and why.
#[derive(Args)]
pub struct Why {
    /// The sale, like A42.
    sale: String,
    /// Why, in a few words: others will read it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Counter {
    pub(super) fn sales(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Sales(which) => self.list_sales(&which),
            Command::Show { what } => self.show_any(&what),
            Command::Ask { sale, phone } => self.at_sale(&sale, "push", json!({ "phone": phone })),
            Command::Cash { sale, amount } => self.at_sale(&sale, "cash", json!({ "amount": amount })),
            Command::Void(why) => self.at_sale(&why.sale, "void", json!({ "reason": why.reason })),
            Command::Refund { why, amount } => {
                self.at_sale(&why.sale, "refund", json!({ "reason": why.reason, "amount": amount }))
            }
            Command::Credit { sale } => self.at_sale(&sale, "credit", json!({})),
            Command::Undo { why, what } => {
                self.at_sale(&why.sale, "undo", json!({ "reason": why.reason, "what": what }))
            }
            Command::Tip { sale, amount } => self.at_sale(&sale, "tip", json!({ "amount": amount })),
            Command::Return { sale, goods, reason, spoilt } => {
                let goods = self.lines_of(&sale, &goods)?;
                self.at_sale(
                    &sale,
                    "returns",
                    json!({ "goods": goods, "reason": reason, "restock": !spoilt }),
                )
            }
        }
    }

    /// Does something to a sale, and shows how it stands then.
    pub(super) fn at_sale(&self, named: &str, what: &str, body: Value) -> Result<(), Failure> {
        let id = self.sale(named)?;
        self.show(&self.post(&format!("/v1/sales/{id}/{what}"), body)?, print_sale)
    }

    fn list_sales(&self, which: &Which) -> Result<(), Failure> {
        let (state_name, limit) = (which.state.to_possible_value(), which.limit);
        let named = state_name.as_ref().map_or("all", |it| it.get_name());
        let sales = self.get(&format!("/v1/sales?state={named}&limit={limit}"))?;
        self.show(&sales, |sales| {
            let mut table = Table::new(&[2, 3], &["sale", "when", "KES", "due", "tender", "by", "state"]);
            for sale in list(sales, "sales") {
                table.row([
                    text(sale, "reference").to_owned(),
                    minute(text(sale, "at")),
                    text(sale, "total").to_owned(),
                    text(sale, "due").to_owned(),
                    text(sale, "tender").to_owned(),
                    text(sale, "by").to_owned(),
                    state(sale),
                ]);
            }
            table.print("no sale is so");
        })
    }

    /// The lines of a sale that are meant, by the names on its receipt, and how much of each.
    fn lines_of(&self, sale: &str, goods: &[String]) -> Result<Vec<Value>, Failure> {
        let sold = self.get(&format!("/v1/sales/{}", self.sale(sale)?))?;
        let line = |typed: &Typed<'_>| {
            let what = typed.what.to_lowercase();
            let meant = |(_, line): &(usize, &Value)| {
                text(line, "product") == what || text(line, "name").to_lowercase().starts_with(&what)
            };
            let (line, _) = list(&sold, "lines").enumerate().find(meant).ok_or_else(|| {
                format!("sale {sale} has no {}: `leja till show {sale}` lists its goods", typed.what)
            })?;
            Ok(json!({ "line": line, "quantity": typed.quantity }))
        };
        read(goods)?.iter().map(line).collect()
    }

    fn show_any(&self, what: &str) -> Result<(), Failure> {
        let code = what.len() == 10 && what.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if code {
            return self.show_payment(what);
        }
        let id = self.sale(what)?;
        self.show(&self.get(&format!("/v1/sales/{id}"))?, print_whole_sale)
    }
}
