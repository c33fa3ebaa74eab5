//! What whoever runs the cloud calls: open shops, hand out enrolment codes, read the inbox.

use service::office::{Office, router};
use std::process::ExitCode;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::serve(async |settings, aws| {
        let (table, callback_base) = (settings.table()?, settings.callback_base()?);
        let secret = settings.callback_secret()?;
        let store = Arc::new(dynamodb::connect(&aws, &table));
        // Callbacks are counted where they come in, which is another function: its log tells.
        Ok(router(Office {
            store,
            secret,
            callback_base,
            clock: service::system_clock(),
            known: None,
            counts: None,
        }))
    })
    .await
}
