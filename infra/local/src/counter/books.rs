//! A shop's day over all its tills, and its books, which head office closes.

use super::ask::{Counter, list, text};
use super::print::Table;
use super::shift::{print_drawer, print_takings};
use crate::Failure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What to do with days that are over, or nearly.
#[derive(Subcommand)]
pub enum Command {
    /// Show a shop's day over all its tills, with all that became known of it since.
    Day {
        /// Which day, like 2026-11-22; today unless told otherwise.
        day: Option<String>,
        #[command(flatten)]
        of: Shop,
    },
    /// Show up to which day the books are closed.
    Books(Shop),
    /// Close the books up to a day that is over: `leja till close-books 2026-11-21 --till http://127.0.0.1:8309`.
    /// Head office alone does. An earlier day than before opens the days after it again.
    CloseBooks {
        /// The last day within, like 2026-11-21.
        until: String,
        /// Why, where days are opened again.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        #[command(flatten)]
        of: Shop,
    },
}

/// Which shop.
#[derive(Args)]
pub struct Shop {
    /// Which shop, at head office; a till has only one.
    #[arg(long, value_name = "ID")]
    shop: Option<String>,
}

impl Shop {
    /// As the end of an address.
    fn query(&self) -> String {
        self.shop.as_ref().map_or_else(String::new, |shop| format!("?shop={shop}"))
    }
}

impl Counter {
    pub(super) fn books(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Day { day, of } => {
                let today = || Ok::<_, Failure>(text(&self.get("/v1/status")?, "day").to_owned());
                let day = day.map_or_else(today, Ok)?;
                self.show(&self.get(&format!("/v1/days/{day}{}", of.query()))?, print_day)
            }
            Command::Books(of) => self.show(&self.get(&format!("/v1/periods{}", of.query()))?, print_books),
            Command::CloseBooks { until, reason, of } => {
                let form = json!({ "until": until, "reason": reason, "shop": of.shop });
                self.show(&self.post("/v1/periods", form)?, print_books)
            }
        }
    }
}

fn print_books(books: &Value) {
    match text(books, "until") {
        "" => println!("the books were never closed"),
        until => println!("the books are closed up to {until}"),
    }
}

fn print_day(day: &Value) {
    println!("day {}, as far as is known now", text(day, "day"));
    let mut table = Table::new(&[1], &["", "KES"]);
    print_drawer(&mut table, &day["drawer"]);
    print_takings(&mut table, &day["takings"]);
    table.print("");
    println!("{} sales, {} cancelled", day["takings"]["sales"], day["takings"]["voids"]);
    let mut tills = Table::new(&[1, 2, 3, 4, 5], &["till", "sales", "sold", "cash", "M-Pesa, seen", "open"]);
    for it in list(day, "tills") {
        let takings = &it["takings"];
        let figure = |name| text(takings, name).to_owned();
        tills.row([
            text(it, "till_name").to_owned(),
            takings["sales"].to_string(),
            figure("total"),
            figure("cash"),
            figure("verified"),
            figure("open"),
        ]);
    }
    tills.print("no till sold anything that day");
}
