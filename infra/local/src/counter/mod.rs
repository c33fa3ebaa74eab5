//! `leja till …`: a cashier's day from a terminal. It asks a running till over its local API and prints the answer;
//! what is allowed is decided there.

mod ask;
mod books;
mod conflicts;
mod goods;
mod held;
mod payments;
mod print;
mod sales;
mod sell;
mod shift;

use crate::Failure;
use ask::Counter;
use clap::{Args, Subcommand};
use print::print_status;

/// Which till, and who asks.
#[derive(Args)]
pub struct At {
    /// The running till to ask, or head office.
    #[arg(
        long,
        global = true,
        env = "LEJA_TILL",
        default_value = "http://127.0.0.1:8301",
        help_heading = "At a running till"
    )]
    till: String,
    /// Who does it, as others will read it.
    #[arg(long, global = true, env = "LEJA_BY", value_name = "NAME", help_heading = "At a running till")]
    by: Option<String>,
    /// Print the answer as JSON, for programs.
    #[arg(long, global = true, help_heading = "At a running till")]
    json: bool,
}

/// What a cashier may do at a running till.
#[derive(Subcommand)]
pub enum Command {
    /// Sell: `leja till sell 2x soda 0.5x sugar "Tea, special@243.50" --cash`.
    Sell(sell::Sell),
    /// Carts that are set aside.
    #[command(flatten)]
    Held(held::Command),
    /// Sales, and what becomes of one.
    #[command(flatten)]
    Sales(sales::Command),
    /// What customers paid.
    #[command(flatten)]
    Payments(payments::Command),
    /// What is not settled by itself.
    #[command(flatten)]
    Conflicts(conflicts::Command),
    /// The drawer: open it, put cash in or out, report, close it.
    #[command(subcommand)]
    Shift(shift::Command),
    /// A shop's day, and its books.
    #[command(flatten)]
    Books(books::Command),
    /// What there is to sell.
    #[command(flatten)]
    Goods(goods::Command),
    /// Show how this till is: its line, its day, what waits.
    Status,
    /// Exchange with the cloud now.
    Sync,
}

/// Does what was typed and prints the answer.
///
/// # Errors
/// What went wrong, and what to do.
pub async fn run(at: At, command: Command) -> Result<(), Failure> {
    tokio::task::spawn_blocking(move || {
        let counter = Counter::at(&at.till, at.by.unwrap_or_default(), at.json)?;
        match command {
            Command::Sell(sell) => counter.sell(sell),
            Command::Held(command) => counter.held(command),
            Command::Sales(command) => counter.sales(command),
            Command::Payments(command) => counter.payments(command),
            Command::Conflicts(command) => counter.conflicts(command),
            Command::Shift(command) => counter.shift(command),
            Command::Books(command) => counter.books(command),
            Command::Goods(command) => counter.goods(command),
            Command::Status => counter.show(&counter.get("/v1/status")?, print_status),
            Command::Sync => counter.show(&counter.post("/v1/sync", serde_json::json!({}))?, print_status),
        }
    })
    .await?
}
