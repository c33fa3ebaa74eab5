//! What there is to sell, from a terminal.

use super::ask::{Counter, list, text, yes};
use super::print::Table;
use crate::Failure;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// What to look at.
#[derive(Subcommand)]
pub enum Command {
    /// List what the shop sells.
    Products {
        /// Only those with this in their name.
        part: Option<String>,
    },
    /// List what there is of each product.
    Stock,
    /// List what has to be bought, and what more was sold of than was known to be there.
    Low,
    /// Goods came from a supplier: `leja till receive 24x soda --note "Coast Bottlers"`.
    Receive(Goods),
    /// Goods came from another shop, or went there: `leja till transfer out 6x soda --note "to Pwani"`.
    Transfer {
        /// Whether they came or went.
        direction: Direction,
        #[command(flatten)]
        goods: Goods,
    },
    /// This much is there now, whatever was known: `leja till count 17x soda`.
    Count(Goods),
}

/// Goods, and how much of each.
#[derive(Args)]
pub struct Goods {
    /// By id, barcode or how the name begins; with `24x` before it, so much of it.
    #[arg(required = true)]
    goods: Vec<String>,
    /// From or to whom, or what for.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Direction {
    /// They came.
    In,
    /// They went.
    Out,
}

impl Counter {
    pub(super) fn goods(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Products { part } => self.show(&self.get("/v1/products")?, |products| {
                print_products(products, &part.unwrap_or_default().to_lowercase());
            }),
            Command::Stock => self.show(&self.get("/v1/stock")?, print_stock),
            Command::Low => {
                let mut stock = self.get("/v1/stock")?;
                if let Some(rows) = stock["stock"].as_array_mut() {
                    rows.retain(|it| yes(it, "low") || yes(it, "below"));
                }
                self.show(&stock, print_stock)
            }
            Command::Receive(it) => self.move_goods("received", &it, None),
            Command::Transfer { direction, goods } => {
                let direction = match direction {
                    Direction::In => "in",
                    Direction::Out => "out",
                };
                self.move_goods("transferred", &goods, Some(direction))
            }
            Command::Count(it) => self.move_goods("counted", &it, None),
        }
    }

    /// Records what became of goods of the catalogue, and shows what there is of them then.
    fn move_goods(&self, what: &str, moved: &Goods, direction: Option<&str>) -> Result<(), Failure> {
        let lines = self.lines(&moved.goods)?;
        let unknown = lines.iter().find(|line| line["product"].is_null());
        if let Some(line) = unknown {
            return Err(format!(
                "the shop sells no {}: `leja till products` lists what it does",
                text(line, "name")
            )
            .into());
        }
        let good = |line: &Value| json!({ "product": line["product"], "quantity": line["quantity"] });
        let goods: Vec<Value> = lines.iter().map(good).collect();
        let body = json!({ "goods": goods, "note": moved.note, "direction": direction });
        self.show(&self.post(&format!("/v1/stock/{what}"), body)?, print_stock)
    }
}

fn print_products(products: &Value, part: &str) {
    let mut table = Table::new(&[2], &["product", "name", "KES", "barcodes"]);
    let sold = list(products, "products").filter(|it| yes(it, "sold"));
    for it in sold.filter(|it| text(it, "name").to_lowercase().contains(part)) {
        let codes: Vec<&str> = list(it, "barcodes").filter_map(Value::as_str).collect();
        table.row([text(it, "id"), text(it, "name"), text(it, "price"), &codes.join(" ")]);
    }
    table.print("nothing is called so");
}

fn print_stock(stock: &Value) {
    let mut table = Table::new(&[2], &["product", "name", "there", ""]);
    for it in list(stock, "stock") {
        let note = match (yes(it, "whole"), yes(it, "below"), yes(it, "low")) {
            (false, ..) => "changed by so much; never counted here",
            (true, true, _) => "oversold: count it",
            (true, false, true) => "buy more",
            (true, false, false) => "",
        };
        table.row([text(it, "product"), text(it, "name"), text(it, "level"), note]);
    }
    table.print("nothing is so");
}
