//! What the functions have in common when they start in Lambda: settings from the environment and from secrets, the
//! log and the metrics in it, the fallback queue, and the loop that hands requests to a router or events to a job.
//!
//! A start is what the first customer after a quiet hour waits for (`cargo bench -p tests --bench cold`), so these were
//! left out: a second TLS library (ring alone, as everywhere in the house), what the SDK brings for other ways to
//! credentials and for its default client, more than one store of connections and certificates, the folders of
//! certificates beside the one file (`SSL_CERT_FILE` in the template: half of a start), threads beside the one that takes
//! events, and, by the profile `lambda`, code that is quick only where it runs often. The allocator is the system's: another
//! one would be larger, and a start makes little.
//!
//! Measured on a quiet machine of two cores, the median of 20 starts: `callbacks` acknowledges its first confirmation 5 ms
//! after the process began (6 to 12 beside other work), with 8.6 MB of memory and 3.2 MB packed; `sync`, `payments` and
//! `office` answer after 4 to 5 ms with 9 to 10 MB; `sweep` after a second, which is SQS's own wait. A warm confirmation
//! takes 0.3 to 0.8 ms of a processor.

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

use aws_config::{BehaviorVersion, SdkConfig};
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

/// Serves the router that `make` builds from the settings, and from how AWS is reached, until Lambda ends the process. A setting that
/// is missing or wrong ends it at once and says so.
pub async fn serve<M, F>(make: M) -> ExitCode
where
    M: Fn(Settings, SdkConfig) -> F + Send + Sync,
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
    M: Fn(Settings, SdkConfig) -> F + Send + Sync,
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
    M: Fn(Settings, SdkConfig) -> F,
    F: Future<Output = Result<T, Error>>,
{
    log();
    let current = match Current::start(make, aws().await).await {
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

/// How AWS is reached: as the environment says, whose variables name the region, the credentials and, for tests, other
/// endpoints. Loaded once, with one store of connections and of trusted certificates: each more of them took a start
/// as long as everything else in it.
async fn aws() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(dynamodb::http_client())
        .timeout_config(dynamodb::timeouts())
        .load()
        .await
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
