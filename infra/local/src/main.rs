//! Starts what was typed, and ends with an exit code: 0 done, 1 failed, 2 wrong usage.

use clap::Parser;
use local::cli::{self, Cli};
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::registry().with(fmt::layer().with_writer(std::io::stderr)).with(log_filter()).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(cli::run(cli)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is logged: warnings, or what `LEJA_LOG` says, like `info` or `till=debug`.
fn log_filter() -> Targets {
    let asked = std::env::var("LEJA_LOG").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN))
}
