//! What there is to sell, from a terminal.

use super::ask::{Counter, list, text, yes};
use super::print::Table;
use crate::Failure;
use clap::Subcommand;
use serde_json::Value;

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
        }
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
