//! What the functions have in common when they start in Lambda: settings from the environment and from secrets, the
//! log and the metrics in it, the fallback queue, and the loop that hands requests to a router or events to a job.

mod caller;
mod current;
mod emf;
mod queue;
mod secrets;
mod settings;
mod texts;

pub use lambda_http::Error;
pub use queue::SqsQueue;
pub use settings::Settings;
pub use texts::SnsTexts;

use axum::Router;
use axum::middleware::map_request;
use current::Current;
use emf::Emf;
use lambda_http::tower::ServiceExt;
use lambda_http::{LambdaEvent, Request, service_fn};
use serde_json::Value;
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Serves the router that `make` builds from the settings until Lambda ends the process. A setting that
/// is missing or wrong ends it at once and says so.
pub async fn serve<M, F>(make: M) -> ExitCode
where
    M: Fn(Settings) -> F + Send + Sync,
    F: Future<Output = Result<Router, Error>> + Send,
{
    run(make, async |current| {
        let answer = |request: Request| {
            let current = Arc::clone(&current);
            // Boxed, or the router and all that it awaits would be laid out within the runtime's own future.
            Box::pin(async move {
                let router = current.get().await.layer(map_request(caller::introduce));
                router.oneshot(request).await
            })
        };
        lambda_http::run(service_fn(answer)).await
    })
    .await
}

/// Does the job that `make` builds from the settings for each event, whatever the event says, until Lambda
/// ends the process. A job that fails is an error of the function, which an alarm sees.
pub async fn repeat<M, F, J, R>(make: M) -> ExitCode
where
    M: Fn(Settings) -> F + Send + Sync,
    F: Future<Output = Result<J, Error>> + Send,
    J: Fn() -> R + Clone + Send + Sync,
    R: Future<Output = Result<Value, Error>> + Send,
{
    run(make, async |current| {
        let answer = |_: LambdaEvent<Value>| {
            let current = Arc::clone(&current);
            Box::pin(async move { (current.get().await)().await })
        };
        lambda_http::lambda_runtime::run(service_fn(answer)).await
    })
    .await
}

/// Makes something of the settings, and runs it.
async fn run<T, M, F>(make: M, run: impl AsyncFnOnce(Arc<Current<T, M>>) -> Result<(), Error>) -> ExitCode
where
    T: Clone,
    M: Fn(Settings) -> F,
    F: Future<Output = Result<T, Error>>,
{
    log();
    let current = match Current::start(make).await {
        Ok(current) => Arc::new(current),
        Err(error) => {
            tracing::error!(error, "the function does not start");
            return ExitCode::FAILURE;
        }
    };
    match run(current).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "Lambda does not answer");
            ExitCode::FAILURE
        }
    }
}

/// One JSON object a line, as CloudWatch reads it: what happened, within the request that Lambda names, and metrics.
/// `LEJA_LOG` says how much of the first, like `info` or `service=debug`.
fn log() {
    let asked = std::env::var("LEJA_LOG").ok().and_then(|text| text.parse().ok());
    let filter: Targets = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let metrics = Targets::new().with_target(service::METRICS, LevelFilter::TRACE);
    tracing_subscriber::registry()
        .with(fmt::layer().json().with_filter(filter.with_target(service::METRICS, LevelFilter::OFF)))
        .with(Emf::of(function).with_filter(metrics))
        .init();
}
