//! What Safaricom calls. Public; of all rights it has only those to look shops up and to put evidence.

use service::callbacks::{Callbacks, router};
use std::process::ExitCode;
use std::sync::Arc;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve(async |settings| {
        let (table, seed_paths) = (settings.table()?, settings.seed_paths()?);
        let store = Arc::new(dynamodb::connect(&table).await);
        Ok(router(Callbacks { store, clock: service::system_clock(), seed_paths }))
    })
    .await
}
