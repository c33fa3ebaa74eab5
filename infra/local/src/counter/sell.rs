//! Selling from a terminal: what was typed becomes the lines of a sale.

use super::ask::{Counter, list, text};
use super::print::print_sale;
use crate::Failure;
use clap::Args;
use serde_json::{Value, json};

/// A sale.
#[derive(Args)]
pub struct Sell {
    /// What is sold: a product by id, name or barcode, or NAME@PRICE for anything else; with `2x` or `0.5x`
    /// before it, that much of it.
    #[arg(required_unless_present = "total")]
    goods: Vec<String>,
    /// It is paid in cash, now.
    #[arg(long, conflicts_with = "mpesa", required_unless_present = "mpesa")]
    cash: bool,
    /// It is to be paid by M-Pesa.
    #[arg(long)]
    mpesa: bool,
    /// The total alone, without naming the goods.
    #[arg(long, value_name = "KES", conflicts_with = "goods")]
    total: Option<String>,
    /// The order it is for, in the words of another program.
    #[arg(long)]
    order: Option<String>,
}

impl Counter {
    pub(super) fn sell(&self, sell: Sell) -> Result<(), Failure> {
        let lines = self.lines(&sell.goods)?;
        let tender = if sell.cash { "cash" } else { "mpesa" };
        let sale = json!({ "lines": lines, "total": sell.total, "tender": tender, "order": sell.order });
        self.show(&self.post("/v1/sales", sale)?, print_sale)
    }

    /// The lines that were typed, each against the catalogue.
    fn lines(&self, goods: &[String]) -> Result<Vec<Value>, Failure> {
        let typed = read(goods)?;
        let catalogue = if typed.is_empty() { Value::Null } else { self.get("/v1/products")? };
        typed.iter().map(|line| line.against(&catalogue)).collect()
    }
}

/// A line as it was typed.
#[derive(Debug, PartialEq, Eq)]
struct Typed<'a> {
    quantity: &'a str,
    what: &'a str,
    price: Option<&'a str>,
}

/// A quantity stands before its goods, in the same word or in one of its own.
fn read(goods: &[String]) -> Result<Vec<Typed<'_>>, Failure> {
    let (mut lines, mut quantity) = (Vec::new(), None);
    for word in goods {
        let (much, rest) = split_quantity(word.trim());
        match (quantity.take().or(much), rest.trim()) {
            (None, "") => {}
            (Some(much), "") => quantity = Some(much),
            (much, named) => {
                let (what, price) = match named.rsplit_once('@') {
                    Some((what, price)) => (what.trim(), Some(price.trim())),
                    None => (named, None),
                };
                lines.push(Typed { quantity: much.unwrap_or("1"), what, price });
            }
        }
    }
    match quantity {
        Some(much) => Err(format!("{much}x of what? Name the goods after it").into()),
        None => Ok(lines),
    }
}

/// `2x` or `0.5x` at the start of a word.
fn split_quantity(word: &str) -> (Option<&str>, &str) {
    let end = word.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(word.len());
    let (number, rest) = word.split_at(end);
    let rest = rest.strip_prefix(['x', 'X', '×']);
    match rest.filter(|rest| !number.is_empty() && (rest.is_empty() || rest.starts_with(' '))) {
        Some(rest) => (Some(number), rest),
        None => (None, word),
    }
}

impl Typed<'_> {
    fn against(&self, catalogue: &Value) -> Result<Value, Failure> {
        let Self { quantity, what, price } = self;
        Ok(match (self.product(catalogue)?, price) {
            (Some(id), None) => json!({ "product": id, "quantity": quantity }),
            (Some(id), Some(price)) => {
                json!({ "product": id, "name": what, "quantity": quantity, "unit_price": price })
            }
            (None, Some(price)) => json!({ "name": what, "quantity": quantity, "unit_price": price }),
            (None, None) => {
                let how = "`leja till products` lists what there is; anything else needs a price";
                return Err(format!("nothing here is called {what}: {how}, as in \"{what}@50\"").into());
            }
        })
    }

    /// The product that is meant: by its id, its barcode or its name, or by how its name begins, if only one does.
    fn product(&self, catalogue: &Value) -> Result<Option<String>, Failure> {
        let what = self.what.to_lowercase();
        let sold = || list(catalogue, "products").filter(|it| it["sold"] != json!(false));
        let exact = |it: &&Value| {
            let barcode = list(it, "barcodes").any(|code| code.as_str() == Some(self.what));
            barcode || text(it, "id") == what || text(it, "name").to_lowercase() == what
        };
        if let Some(it) = sold().find(exact) {
            return Ok(Some(text(it, "id").to_owned()));
        }
        let begins: Vec<&Value> =
            sold().filter(|it| text(it, "name").to_lowercase().starts_with(&what)).collect();
        match begins.as_slice() {
            // With a price it may be something that only begins so.
            _ if self.price.is_some() => Ok(None),
            [] => Ok(None),
            [it] => Ok(Some(text(it, "id").to_owned())),
            several => {
                let names: Vec<&str> = several.iter().map(|it| text(it, "name")).collect();
                Err(format!("{} may be {}: type more of it", self.what, names.join(" or ")).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &[&str], expected: &[(&str, &str, Option<&str>)]) {
        let words: Vec<String> = typed.iter().map(|word| (*word).to_owned()).collect();
        let expected: Vec<Typed<'_>> =
            expected.iter().map(|&(quantity, what, price)| Typed { quantity, what, price }).collect();
        assert_eq!(read(&words).unwrap(), expected, "{typed:?}");
    }

    #[test]
    fn lines_are_typed_as_people_say_them() {
        check(&["soda"], &[("1", "soda", None)]);
        check(&["2x", "soda", "0.5x", "sugar"], &[("2", "soda", None), ("0.5", "sugar", None)]);
        check(&["2x soda", "milk"], &[("2", "soda", None), ("1", "milk", None)]);
        check(&["6161100"], &[("1", "6161100", None)]);
        check(&["3x", "Tea, special@243.50"], &[("3", "Tea, special", Some("243.50"))]);
        check(&["2xl shirt@500"], &[("1", "2xl shirt", Some("500"))]);
        assert!(read(&["2x".to_owned()]).is_err());
    }

    #[test]
    fn a_product_is_meant_by_id_barcode_name_or_how_its_name_begins() {
        let product =
            |id: &str, name: &str| json!({ "id": id, "name": name, "barcodes": [format!("616{id}")] });
        let catalogue = json!({ "products": [product("milk", "Milk 500ml"), product("milo", "Milo 50g")] });
        let meant = |what| Typed { quantity: "1", what, price: None }.product(&catalogue);
        for what in ["milk", "MILK", "616milk", "Milk 500ml", "milk 5"] {
            assert_eq!(meant(what).unwrap().as_deref(), Some("milk"), "{what}");
        }
        assert_eq!(
            meant("mil").unwrap_err().to_string(),
            "mil may be Milk 500ml or Milo 50g: type more of it"
        );
        assert_eq!(meant("soda").unwrap(), None);
    }
}
