//! What tills and head office ask of Safaricom. This function and the sweep alone are given the Daraja
//! credentials.

use service::payments::{Payments, router};
use std::process::ExitCode;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::serve(async |settings, aws| {
        let (table, secret) = (settings.table()?, settings.callback_secret()?);
        let app = settings.app(&settings.callback_base()?)?;
        Ok(router(Payments {
            store: Arc::new(dynamodb::connect(&aws, &table)),
            safaricom: Arc::new(settings.safaricom(&app)?),
            app: Arc::new(app),
            secret,
            clock: service::system_clock(),
        }))
    })
    .await
}
