//! What the functions have in common when they start in Lambda: settings from the environment, the log,
//! the fallback queue, and the loop that hands requests to a router or events to a job.

mod caller;
mod queue;
mod settings;
mod texts;

pub use lambda_http::Error;
pub use queue::SqsQueue;
pub use settings::Settings;
pub use texts::SnsTexts;

use axum::Router;
use axum::middleware::map_request;
use lambda_http::{LambdaEvent, service_fn};
use serde_json::Value;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Serves the router that `make` builds from the settings until Lambda ends the process. A setting that
/// is missing or wrong ends it at once and says so.
pub async fn serve<F>(make: impl FnOnce(Settings) -> F) -> ExitCode
where
    F: Future<Output = Result<Router, Error>>,
{
    run(make, async |router| lambda_http::run(router.layer(map_request(caller::introduce))).await).await
}

/// Does the job that `make` builds from the settings for each event, whatever the event says, until Lambda
/// ends the process. A job that fails is an error of the function, which an alarm sees.
pub async fn repeat<F, J, R>(make: impl FnOnce(Settings) -> F) -> ExitCode
where
    F: Future<Output = Result<J, Error>>,
    J: Fn() -> R,
    R: Future<Output = Result<Value, Error>>,
{
    run(make, async |job| {
        // Boxed, or the job and all that it awaits would be laid out within the runtime's own future.
        let answer = |_: LambdaEvent<Value>| Box::pin(job());
        lambda_http::lambda_runtime::run(service_fn(answer)).await
    })
    .await
}

/// Makes something of the settings, and runs it.
async fn run<T, F>(
    make: impl FnOnce(Settings) -> F,
    run: impl AsyncFnOnce(T) -> Result<(), Error>,
) -> ExitCode
where
    F: Future<Output = Result<T, Error>>,
{
    log();
    let made = match make(Settings::from_environment()).await {
        Ok(made) => made,
        Err(error) => {
            tracing::error!(error, "the function does not start");
            return ExitCode::FAILURE;
        }
    };
    match run(made).await {
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
