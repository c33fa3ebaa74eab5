//! The way to DynamoDB.

use crate::DynamoStore;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::time::Duration;

/// How long one request may take, its repetitions included. It bounds how late an item can become
/// visible after its arrival time was taken, and so stays far below the feed's overlap.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one try may take before the next: DynamoDB answers within tens of milliseconds.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);

/// The store on a table, in an account that is reached so.
pub fn connect(aws: &SdkConfig, table: &str) -> DynamoStore {
    DynamoStore::new(Client::new(aws), table)
}

/// HTTPS with ring, as everywhere else in the house: the SDK's own choice would bring a second crypto
/// library along.
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// How long requests may take.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_timeout(REQUEST_TIMEOUT).operation_attempt_timeout(TRY_TIMEOUT).build()
}
