//! What tills and head office call to exchange journals and payments, and to enrol. Of all functions this one
//! alone has the platform's key, which signs licences.

use service::sync::{Sync, router};
use std::process::ExitCode;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::serve(async |settings, aws| {
        let table = settings.table()?;
        let store = Arc::new(dynamodb::connect(&aws, &table));
        let sync = Sync::new(store, service::system_clock());
        Ok(router(match settings.licence_key()? {
            Some(key) => sync.signing(key),
            None => sync,
        }))
    })
    .await
}
