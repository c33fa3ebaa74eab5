//! The fallback queue: SQS.

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use service::Fallback;
use service::fallback::{FallbackError, Waiting};
use std::time::Duration;

/// How long keeping a callback may take, and one try of it. The store had four seconds before; Safaricom
/// waits about eight, the network included (fact sheet §5.3).
const PUT_TIMEOUT: Duration = Duration::from_secs(2);
const PUT_TRY_TIMEOUT: Duration = Duration::from_millis(900);
/// The same for whoever has time.
const TAKE_TIMEOUT: Duration = Duration::from_secs(20);
const TAKE_TRY_TIMEOUT: Duration = Duration::from_secs(6);

/// The most messages SQS gives at once.
const BATCH: i32 = 10;
/// How long SQS waits for messages, in seconds. Any wait at all makes it ask all of its servers; without,
/// it may say that there is nothing.
const WAIT_SECONDS: i32 = 1;
/// How long what was taken is hidden from others, in seconds: long enough to file a batch, and over before
/// the next sweep, which tries again what this one did not finish.
const HIDDEN_SECONDS: i32 = 180;

/// A queue of `infra/aws/template.yaml`, which keeps what waits for fourteen days.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue with this URL.
    pub fn connect(aws: &SdkConfig, url: String) -> Self {
        let config = Builder::from(aws).timeout_config(timeouts(PUT_TIMEOUT, PUT_TRY_TIMEOUT));
        Self { client: Client::from_conf(config.build()), url }
    }
}

impl Fallback for SqsQueue {
    async fn put(&self, content: &[u8]) -> Result<(), FallbackError> {
        let text = str::from_utf8(content).map_err(|_| FallbackError("SQS takes text only".to_owned()))?;
        let message = self.client.send_message().queue_url(&self.url).message_body(text);
        message.send().await.map(|_| ()).map_err(failed)
    }

    async fn take(&self) -> Result<Vec<Waiting>, FallbackError> {
        let messages = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(WAIT_SECONDS)
            .visibility_timeout(HIDDEN_SECONDS)
            .customize()
            .config_override(patiently())
            .send()
            .await
            .map_err(failed)?;
        // SQS writes both with every message.
        let waiting = messages.messages.unwrap_or_default().into_iter().filter_map(|message| {
            Some(Waiting { ticket: message.receipt_handle?, content: message.body?.into_bytes() })
        });
        Ok(waiting.collect())
    }

    async fn done(&self, ticket: &str) -> Result<(), FallbackError> {
        let message = self.client.delete_message().queue_url(&self.url).receipt_handle(ticket);
        message.customize().config_override(patiently()).send().await.map(|_| ()).map_err(failed)
    }
}

fn patiently() -> Builder {
    aws_sdk_sqs::Config::builder().timeout_config(timeouts(TAKE_TIMEOUT, TAKE_TRY_TIMEOUT))
}

fn timeouts(whole: Duration, one_try: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_timeout(whole).operation_attempt_timeout(one_try).build()
}

/// The kind of a failure: SQS's own words may repeat what we sent.
fn failed<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> FallbackError {
    FallbackError(match &error {
        SdkError::ServiceError(refused) => {
            format!("SQS: {}", refused.err().code().unwrap_or("an unknown answer"))
        }
        SdkError::TimeoutError(_) => "SQS: no answer in time".to_owned(),
        SdkError::DispatchFailure(_) => "SQS: no connection".to_owned(),
        SdkError::ConstructionFailure(_) => "SQS: a request could not be built".to_owned(),
        _ => "SQS: no whole answer".to_owned(),
    })
}
