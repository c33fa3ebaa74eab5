//! What tills and head office call to exchange journals and payments, and to enrol.

use service::sync::{Sync, router};
use std::process::ExitCode;
use std::sync::Arc;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve(async |settings| {
        let table = settings.table()?;
        let store = Arc::new(dynamodb::connect(&table).await);
        Ok(router(Sync::new(store, service::system_clock())))
    })
    .await
}
