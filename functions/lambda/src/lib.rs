//! What the functions have in common when they start in Lambda: settings from the environment, the log,
//! and the loop that hands requests to a router.

mod settings;

pub use settings::{SettingError, Settings};

use axum::Router;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Serves the router that `make` builds from the settings until Lambda ends the process. A setting that
/// is missing or wrong ends it at once and says so.
pub async fn serve<F>(make: impl FnOnce(Settings) -> F) -> ExitCode
where
    F: Future<Output = Result<Router, SettingError>>,
{
    log();
    let router = match make(Settings::from_environment()).await {
        Ok(router) => router,
        Err(error) => {
            tracing::error!(%error, "the function does not start");
            return ExitCode::FAILURE;
        }
    };
    match lambda_http::run(router).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "Lambda does not answer");
            ExitCode::FAILURE
        }
    }
}

/// One JSON object a line, as CloudWatch reads it. `LEJA_LOG` says how much, like `info` or `service=debug`.
fn log() {
    let asked = std::env::var("LEJA_LOG").ok().and_then(|text| text.parse().ok());
    let filter: Targets = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    tracing_subscriber::registry().with(fmt::layer().json()).with(filter).init();
}
