//! Secrets: AWS Secrets Manager. Each is a JSON object of settings and their values.

use crate::Error;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use std::collections::BTreeMap;

/// The secrets of one function, which `LEJA_SECRETS` names, with blanks between them.
pub(crate) struct Secrets {
    client: Client,
    names: Vec<String>,
}

/// What secrets say, and which versions of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Said {
    pub(crate) settings: BTreeMap<String, String>,
    versions: Vec<String>,
}

impl Secrets {
    /// Those with these names; `None` where none is named.
    pub(crate) fn connect(aws: &SdkConfig, names: &str) -> Option<Self> {
        let names: Vec<String> = names.split_whitespace().map(ToOwned::to_owned).collect();
        if names.is_empty() {
            return None;
        }
        Some(Self { client: Client::new(aws), names })
    }

    /// What they say now. Where two say the same setting, the later named counts.
    ///
    /// # Errors
    /// One of them is not there, may not be read, or is no such object. Nothing of it is repeated.
    pub(crate) async fn read(&self) -> Result<Said, Error> {
        let mut said = Said::default();
        for name in &self.names {
            let secret = self.client.get_secret_value().secret_id(name).send().await;
            let secret = secret.map_err(|error| failed(name, error))?;
            let text = secret.secret_string.unwrap_or_default();
            let settings: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|_| {
                format!("secret {name} is wrong: give a JSON object of settings, all of them text")
            })?;
            said.settings.extend(settings);
            said.versions.push(secret.version_id.unwrap_or_default());
        }
        Ok(said)
    }
}

/// The kind of a failure.
fn failed<E: ProvideErrorMetadata, R>(name: &str, error: SdkError<E, R>) -> Error {
    let kind = match &error {
        SdkError::ServiceError(refused) => refused.err().code().unwrap_or("an unknown answer"),
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ConstructionFailure(_) => "a request could not be built",
        _ => "no whole answer",
    };
    format!("secret {name}: {kind}").into()
}
