//! The drawer, from a terminal.

use super::ask::{Counter, list, text};
use super::print::{Table, minute};
use crate::Failure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What to do with the drawer.
#[derive(Subcommand)]
pub enum Command {
    /// Open a shift with what lies in the drawer.
    Open {
        /// How much, in KES.
        float: String,
    },
    /// Put cash into the drawer that is no sale's.
    In(Moved),
    /// Take cash out of the drawer.
    Out(Moved),
    /// Show what the shift is so far (X report).
    Report,
    /// Show whether it is open, and what went out on payments that nobody has seen.
    Status,
    /// Close the shift with what was counted, before anybody told what should be there (Z report).
    Close {
        /// How much was counted, in KES.
        counted: String,
    },
    /// List the shifts that were closed.
    List,
}

/// Cash, and why.
#[derive(Args)]
pub struct Moved {
    /// How much, in KES.
    amount: String,
    /// Why, in a few words.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Counter {
    pub(super) fn shift(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Open { float } => {
                self.show(&self.post("/v1/shift/open", json!({ "float": float }))?, print_opened)
            }
            Command::In(moved) => self.move_cash(&moved, "in"),
            Command::Out(moved) => self.move_cash(&moved, "out"),
            Command::Status => self.show(&self.get("/v1/shift")?, |shift| {
                match text(shift, "opened") {
                    "" => println!("nobody has said what lay in the drawer"),
                    _ => print_opened(shift),
                }
                println!("{}", text(&shift["unverified"], "text"));
            }),
            Command::Report => self.show(&self.get("/v1/shift/report")?, |report| {
                println!("X report {}", report["number"]);
                print_report(report);
            }),
            Command::Close { counted } => {
                self.show(&self.post("/v1/shift/close", json!({ "counted": counted }))?, print_closed)
            }
            Command::List => self.list_shifts(),
        }
    }

    fn move_cash(&self, moved: &Moved, direction: &str) -> Result<(), Failure> {
        let body = json!({ "amount": moved.amount, "direction": direction, "reason": moved.reason });
        let done = self.post("/v1/shift/cash", body)?;
        self.show(&done, |_| println!("KES {} {direction}: {}", moved.amount, moved.reason))
    }

    fn list_shifts(&self) -> Result<(), Failure> {
        self.show(&self.get("/v1/shifts")?, |shifts| {
            let mut table = Table::new(&[3, 4], &["shift", "closed", "by", "counted", "over or short"]);
            for it in list(shifts, "shifts") {
                table.row([
                    text(it, "name").to_owned(),
                    minute(text(it, "at")),
                    text(it, "by").to_owned(),
                    text(it, "counted").to_owned(),
                    text(it, "difference").to_owned(),
                ]);
            }
            table.print("no shift was closed yet");
        })
    }
}

fn print_opened(shift: &Value) {
    println!("the drawer is open since {}", minute(text(shift, "opened")));
}

fn print_closed(closed: &Value) {
    println!(
        "Z report {}, closed {} by {}",
        text(closed, "name"),
        minute(text(closed, "at")),
        text(closed, "by")
    );
    print_report(&closed["report"]);
    println!("counted {}, over or short {}", text(closed, "counted"), text(closed, "difference"));
    println!("seal {}", text(closed, "seal"));
}

fn print_report(report: &Value) {
    let takings = &report["takings"];
    let mut table = Table::new(&[1], &["", "KES"]);
    print_drawer(&mut table, &report["drawer"]);
    print_takings(&mut table, takings);
    table.print("");
    println!(
        "{} sales, {} cancelled; {} entries not sent yet",
        takings["sales"], takings["voids"], report["unsent"]
    );
    for late in list(report, "late") {
        println!(
            "of shift {}: verified {}, claimed {}, contradicted {}",
            late["number"],
            text(late, "verified"),
            text(late, "claimed"),
            text(late, "contradicted")
        );
    }
}

/// What went through a drawer, or several, line by line.
pub(super) fn print_drawer(table: &mut Table, drawer: &Value) {
    for (name, shown) in [
        ("float", "float"),
        ("sales", "cash for sales"),
        ("paid_in", "put in"),
        ("paid_out", "taken out"),
        ("refunds", "given back"),
        ("expected", "should be in the drawer"),
    ] {
        table.row([shown, text(drawer, name)]);
    }
}

/// What was sold and how it was paid, line by line.
pub(super) fn print_takings(table: &mut Table, takings: &Value) {
    for (name, shown) in [
        ("total", "sold"),
        ("cash", "  paid in cash"),
        ("verified", "  M-Pesa, seen"),
        ("claimed", "  M-Pesa, to be verified"),
        ("contradicted", "  M-Pesa, contradicted"),
        ("open", "  not paid"),
        ("over", "to go back"),
        ("voided", "cancelled"),
    ] {
        table.row([shown, text(takings, name)]);
    }
}
