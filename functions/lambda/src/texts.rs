//! Text messages: SNS.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Builder;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use domain::Msisdn;
use service::licence::{TextError, Texts};

/// Amazon SNS, which texts phones in Kenya where the account was let out of its sandbox.
#[derive(Debug, Clone)]
pub struct SnsTexts(Client);

impl SnsTexts {
    /// The service. It repeats nothing by itself: what may have gone out must not go out twice.
    pub fn connect(aws: &SdkConfig) -> Self {
        Self(Client::from_conf(Builder::from(aws).retry_config(RetryConfig::disabled()).build()))
    }
}

impl Texts for SnsTexts {
    async fn send(&self, to: &Msisdn, words: &str) -> Result<(), TextError> {
        let number = to.plain().ok_or_else(|| TextError::Refused("the phone is no number".to_owned()))?;
        let message = self.0.publish().phone_number(format!("+{number}")).message(words);
        message.send().await.map(|_| ()).map_err(failed)
    }
}

/// The kind of a failure: SNS's own words may repeat the number.
fn failed<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> TextError {
    match &error {
        SdkError::ServiceError(refused) => {
            TextError::Refused(format!("SNS: {}", refused.err().code().unwrap_or("an unknown answer")))
        }
        SdkError::ConstructionFailure(_) => TextError::Refused("SNS: it could not be built".to_owned()),
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            TextError::Refused("SNS: no connection".to_owned())
        }
        _ => TextError::Unknown("SNS: no whole answer".to_owned()),
    }
}
