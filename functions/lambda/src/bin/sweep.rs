//! What runs every quarter of an hour. Two at once do no harm: whatever one does twice changes nothing.
//!
//! It goes on past what fails, and at the end is an error of the function if anything did: the function's
//! `Errors` is the one figure that an alarm has to watch. Repeating it at once would only press on whoever
//! is down, so the template asks Lambda for no retries: the next run does what is left.

use lambda::{Error, SnsTexts, SqsQueue};
use serde_json::Value;
use service::licence::Owners;
use service::sweep::{Sweep, SweepReport};
use std::process::ExitCode;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::repeat(async |settings, aws| {
        let (table, queue) = (settings.table()?, settings.fallback_queue()?);
        // It asks for nothing that is answered by a callback.
        let app = settings.app("")?;
        let store = Arc::new(dynamodb::connect(&aws, &table));
        let owners = Arc::new(Owners {
            store: Arc::clone(&store),
            texts: Arc::new(SnsTexts::connect(&aws)),
            clock: service::system_clock(),
        });
        let sweep = Arc::new(Sweep {
            store,
            safaricom: Arc::new(settings.safaricom(&app)?),
            fallback: Arc::new(SqsQueue::connect(&aws, queue)),
            app: Arc::new(app),
            clock: service::system_clock(),
        });
        Ok(move || {
            let (sweep, owners) = (Arc::clone(&sweep), Arc::clone(&owners));
            async move {
                let mut report = sweep.run().await;
                if let Err(error) = owners.tell().await {
                    report.failed.push(format!("owners were not told of their licences: {error}"));
                }
                tell(&report)
            }
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
