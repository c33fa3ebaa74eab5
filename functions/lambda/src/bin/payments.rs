//! What tills ask of Safaricom. The only function that is given the Daraja credentials.

use lambda::SettingError;
use service::HttpSafaricom;
use service::payments::{Payments, router};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

#[tokio::main]
async fn main() -> ExitCode {
    lambda::serve(async |settings| {
        let (table, callback_base) = (settings.table()?, settings.callback_base()?);
        let (secret, daraja) = (settings.callback_secret()?, settings.daraja()?);
        let safaricom = HttpSafaricom::new(daraja.base_url, &daraja.consumer_key, &daraja.consumer_secret)
            .map_err(|error| SettingError::Https(error.to_string()))?;
        Ok(router(Payments {
            store: Arc::new(dynamodb::connect(&table).await),
            safaricom,
            passkeys: BTreeMap::from([(daraja.shortcode, daraja.passkey)]),
            callback_base,
            secret,
            clock: service::system_clock(),
        }))
    })
    .await
}
