//! Selling from a terminal: what was typed becomes the lines of a sale.

use super::ask::{Counter, list, text};
use super::print::print_sale;
use crate::Failure;
use clap::{ArgGroup, Args};
use domain::Money;
use serde_json::{Value, json};

/// A sale.
#[derive(Args)]
#[command(group(ArgGroup::new("off").args(["less", "less_on"]).multiple(true)))]
pub struct Sell {
    /// What is sold: a product by id, name or barcode, or NAME@PRICE for anything else; with `2x` or `0.5x`
    /// before it, that much of it.
    #[arg(required_unless_present = "total")]
    goods: Vec<String>,
    #[command(flatten)]
    tender: Tender,
    /// The total alone, without naming the goods.
    #[arg(long, value_name = "KES", conflicts_with = "goods")]
    total: Option<String>,
    /// The order it is for, in the words of another program.
    #[arg(long)]
    order: Option<String>,
    /// What is taken off the whole of it: KES, or percent like 10%.
    #[arg(long, value_name = "KES|%", requires = "because")]
    less: Option<String>,
    /// What is taken off one of the goods, by its place: `2=10%` off the second. May be said for several.
    #[arg(long, value_name = "N=KES|%", requires = "because")]
    less_on: Vec<String>,
    /// Why it is taken off.
    #[arg(long, value_name = "TEXT", requires = "off")]
    because: Option<String>,
}

/// How it is paid.
#[derive(Args)]
pub struct Tender {
    /// It is paid in cash, now.
    #[arg(long, conflicts_with = "mpesa", required_unless_present = "mpesa")]
    cash: bool,
    /// It is to be paid by M-Pesa.
    #[arg(long)]
    mpesa: bool,
    /// The cash that the customer gives, to be told the change.
    #[arg(long, value_name = "KES", requires = "cash")]
    given: Option<String>,
}

impl Tender {
    fn name(&self) -> &'static str {
        if self.cash { "cash" } else { "mpesa" }
    }
}

impl Counter {
    pub(super) fn sell(&self, sell: Sell) -> Result<(), Failure> {
        let mut lines = self.lines(&sell.goods)?;
        let because = sell.because.as_deref().unwrap_or_default();
        for said in &sell.less_on {
            let (place, less) = said.split_once('=').unwrap_or((said, ""));
            let place = place.trim().parse::<usize>().ok().and_then(|place| place.checked_sub(1));
            let line = place.and_then(|place| lines.get_mut(place));
            let line = line.filter(|line| line["discount"].is_null());
            let line =
                line.ok_or("--less-on is like 2=10%, for the second of the goods, and once for each")?;
            line["discount"] = off(less, because)?;
        }
        let mut sale = json!({ "lines": lines, "total": sell.total, "order": sell.order });
        if let Some(less) = &sell.less {
            sale["discount"] = off(less, because)?;
        }
        self.sell_it(sale, &sell.tender)
    }

    /// Sells what was put together, and tells the change.
    pub(super) fn sell_it(&self, mut sale: Value, tender: &Tender) -> Result<(), Failure> {
        let given = tender.given.as_deref().map(Money::parse).transpose()?;
        sale["tender"] = json!(tender.name());
        self.show(&self.post("/v1/sales", sale)?, |sale| {
            print_sale(sale);
            print_change(sale, given);
        })
    }

    /// The lines that were typed, each against the catalogue.
    pub(super) fn lines(&self, goods: &[String]) -> Result<Vec<Value>, Failure> {
        let typed = read(goods)?;
        let catalogue = if typed.is_empty() { Value::Null } else { self.get("/v1/products")? };
        typed.iter().map(|line| line.against(&catalogue)).collect()
    }

    /// The same with the names and prices of now, for whoever calls the cart up later.
    pub(super) fn cart_lines(&self, goods: &[String]) -> Result<Vec<Value>, Failure> {
        let catalogue = self.get("/v1/products")?;
        let mut lines = self.lines(goods)?;
        for line in lines.iter_mut().filter(|line| line["name"].is_null()) {
            let named = |it: &&Value| text(it, "id") == text(line, "product");
            if let Some(it) = list(&catalogue, "products").find(named).cloned() {
                line["name"] = it["name"].clone();
                line["unit_price"] = it["price"].clone();
            }
        }
        Ok(lines)
    }
}

/// A discount as the API takes it: `50`, or `10%`.
fn off(less: &str, because: &str) -> Result<Value, Failure> {
    Ok(match less.strip_suffix('%') {
        Some(percent) => {
            let percent: u8 =
                percent.trim().parse().map_err(|_| "a discount is in KES, or percent like 10%")?;
            json!({ "percent": percent, "reason": because })
        }
        None => json!({ "amount": less, "reason": because }),
    })
}

/// What goes back to a customer who gave more in cash than was to be paid.
fn print_change(sale: &Value, given: Option<Money>) {
    let amount = |name| {
        let said = text(sale, name);
        let size = Money::parse(said.trim_start_matches('-')).unwrap_or_default();
        if said.starts_with('-') { -size } else { size }
    };
    let Some(given) = given else { return };
    let change = given - amount("total") - amount("rounding");
    println!("change  KES {change}");
}

/// A line as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Typed<'a> {
    pub(super) quantity: &'a str,
    pub(super) what: &'a str,
    price: Option<&'a str>,
}

/// A quantity stands before its goods, in the same word or in one of its own.
pub(super) fn read(goods: &[String]) -> Result<Vec<Typed<'_>>, Failure> {
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
