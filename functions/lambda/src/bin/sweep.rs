//! What runs every quarter of an hour. Two at once do no harm: whatever one does twice changes nothing.
//!
//! It goes on past what fails, and at the end is an error of the function if anything did: the function's
//! `Errors` is the one figure that an alarm has to watch. Repeating it at once would only press on whoever
//! is down, so the schedule asks for no retries: the next run does what is left.

use lambda::{Error, SqsQueue};
use serde_json::Value;
use service::sweep::{Sweep, SweepReport};
use std::process::ExitCode;
use std::sync::Arc;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::repeat(async |settings| {
        let (table, queue) = (settings.table()?, settings.fallback_queue()?);
        // It asks for nothing that is answered by a callback.
        let app = settings.app("")?;
        let sweep = Arc::new(Sweep {
            store: Arc::new(dynamodb::connect(&table).await),
            safaricom: Arc::new(settings.safaricom(&app)?),
            fallback: Arc::new(SqsQueue::connect(queue).await),
            app: Arc::new(app),
            clock: service::system_clock(),
        });
        Ok(move || {
            let sweep = Arc::clone(&sweep);
            async move { tell(&sweep.run().await) }
        })
    })
    .await
}

/// The report, in the log and as the answer.
fn tell(report: &SweepReport) -> Result<Value, Error> {
    let told = serde_json::to_value(report)?;
    tracing::info!(report = %told, "swept");
    if report.failed.is_empty() { Ok(told) } else { Err(report.failed.join("; ").into()) }
}
