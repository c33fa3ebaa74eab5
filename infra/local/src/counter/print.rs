//! Answers as people read them.

use super::ask::{list, text, yes};
use serde_json::Value;

/// A table: columns as wide as they have to be, those of numbers flush right.
pub(super) struct Table {
    right: &'static [usize],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(right: &'static [usize], head: &[&str]) -> Self {
        Self { right, rows: vec![head.iter().map(|name| (*name).to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Prints it, or says that there is nothing.
    pub(super) fn print(&self, nothing: &str) {
        if self.rows.len() < 2 {
            println!("{nothing}");
            return;
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let cell = |(column, (cell, width)): (usize, (&String, &usize))| {
                if self.right.contains(&column) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            };
            let cells: Vec<String> = row.iter().zip(&widths).enumerate().map(cell).collect();
            println!("{}", cells.join("  ").trim_end());
        }
    }
}

/// `2026-11-21 10:15` of an instant.
pub(super) fn minute(instant: &str) -> String {
    instant.get(..16).unwrap_or(instant).replace('T', " ")
}

/// A state in words.
pub(super) fn state(sale: &Value) -> String {
    let mut words = match text(sale, "state") {
        "claimed" => "claimed, to be verified".to_owned(),
        "part_paid" => "part paid".to_owned(),
        other => other.to_owned(),
    };
    for (name, told) in [
        ("conflict", "in conflict"),
        ("reversed", "a payment went back"),
        ("unconfirmed", "wait for a second source"),
    ] {
        if yes(sale, name) {
            words = format!("{words}, {told}");
        }
    }
    words
}

/// A payment's payer, in one cell.
pub(super) fn payer(it: &Value) -> String {
    [text(it, "payer_name"), text(it, "payer_phone")].join(" ").trim().to_owned()
}

/// A sale in two lines, and what a cashier does next.
pub(super) fn print_sale(sale: &Value) {
    println!("{}  KES {}  {}", text(sale, "reference"), text(sale, "total"), state(sale));
    if text(sale, "due") != "0.00" && text(sale, "state") != "voided" {
        println!("due    KES {}", text(sale, "due"));
    }
    for (name, shown) in [("discounts", "off"), ("rounding", "rounded by")] {
        if text(sale, name) != "0.00" {
            println!("{shown}  KES {}", text(sale, name));
        }
    }
    if text(sale, "over") != "0.00" {
        println!("to go back  KES {}", text(sale, "over"));
    }
    for claim in list(sale, "claims") {
        let seen = match (yes(claim, "leads"), yes(claim, "verified")) {
            (false, _) => format!("another sale has it: {}", text(&claim["leading_sale"], "reference")),
            (true, false) if !text(claim, "contradicted_by").is_empty() => {
                format!("contradicted: {}", text(claim, "contradicted_by"))
            }
            (true, false) if yes(claim, "offline") => "claimed offline, to be verified".to_owned(),
            (true, false) => "to be verified".to_owned(),
            (true, true) => format!("KES {} from {}", text(claim, "amount"), payer(claim)),
        };
        println!("paid by {}  {seen}  (claim {})", text(claim, "receipt"), text(claim, "id"));
    }
    for other in list(sale, "same_total") {
        let (sale, by) = (text(&other["sale"], "reference"), text(other, "by"));
        println!(
            "note: sale {sale} by {by} also waits for this amount: have the customer give the account number"
        );
    }
    if yes(sale, "trusted") {
        println!("note: its goods were handed out on the customer's word");
    }
    if let Some(push) = sale.get("push").filter(|push| !push.is_null()) {
        println!("phone  {}", text(push, "message"));
    }
}

/// A sale with its lines and its history.
pub(super) fn print_whole_sale(sale: &Value) {
    print_sale(sale);
    let mut lines = Table::new(&[1, 2, 3], &["goods", "quantity", "each", "KES"]);
    for line in list(sale, "lines") {
        lines.row([
            text(line, "name"),
            text(line, "quantity"),
            text(line, "unit_price"),
            text(line, "amount"),
        ]);
    }
    lines.print("only a total was typed");
    for back in list(sale, "returns") {
        println!("came back: KES {}, {}", text(back, "amount"), text(back, "reason"));
    }
    for it in list(sale, "mistakable") {
        let [said, amount, name] = ["said", "amount", "what"].map(|of| text(it, of));
        println!("can be taken back: {said} of KES {amount}, --what {name}");
    }
    print_history(sale);
}

/// What happened, line by line.
pub(super) fn print_history(it: &Value) {
    let mut history = Table::new(&[], &["when", "who", "what"]);
    for line in list(it, "history") {
        history.row([minute(text(line, "at")), text(line, "by").to_owned(), text(line, "text").to_owned()]);
    }
    history.print("nothing happened to it");
}

/// How a till is.
pub(super) fn print_status(status: &Value) {
    let me = &status["me"];
    let line = if yes(status, "online") {
        "online".to_owned()
    } else {
        match text(status, "offline_since") {
            "" => "offline".to_owned(),
            since => format!("offline since {}", minute(since)),
        }
    };
    println!(
        "{} ({})  {line}  {} waiting to be sent",
        text(me, "name"),
        text(me, "letter"),
        status["waiting"]
    );
    for shop in list(status, "shops") {
        let (today, free) = (&shop["today"], &shop["unclaimed"]);
        println!(
            "{}  today {} sales, KES {}: cash {}, M-Pesa {}; {} open, {} in conflict",
            text(shop, "name"),
            today["sales"],
            text(today, "total"),
            text(today, "cash"),
            text(today, "mpesa"),
            today["open"],
            today["conflicts"],
        );
        println!("{} payments that no sale has, KES {}", free["count"], text(free, "total"));
        if matches!(text(&shop["licence"], "state"), "grace" | "expired") {
            println!(
                "licence: {}, until {}",
                text(&shop["licence"], "state"),
                text(&shop["licence"], "until")
            );
        }
    }
    for said in list(status, "notices").chain(list(status, "set_aside")).chain([&status["problem"]]) {
        if let Some(said) = said.as_str() {
            println!("note: {said}");
        }
    }
}
