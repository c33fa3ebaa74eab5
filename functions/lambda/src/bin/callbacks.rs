//! What Safaricom calls. Public; of all rights it has only those to look shops and requests up, to put
//! evidence, and to put into the fallback queue.

use lambda::SqsQueue;
use service::callbacks::{Callbacks, router};
use service::guard::KnownTokens;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long a shop and its token are remembered: a token that was withdrawn is good for so long after.
const REMEMBERED: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::serve(async |settings, aws| {
        let (table, queue) = (settings.table()?, settings.fallback_queue()?);
        let (seed_paths, sources) = (settings.seed_paths()?, settings.sources()?);
        Ok(router(Callbacks {
            store: Arc::new(dynamodb::connect(&aws, &table)),
            fallback: Arc::new(SqsQueue::connect(&aws, queue)),
            clock: service::system_clock(),
            seed_paths,
            sources,
            tokens: KnownTokens::for_time(REMEMBERED),
            counts: Arc::default(),
        }))
    })
    .await
}
