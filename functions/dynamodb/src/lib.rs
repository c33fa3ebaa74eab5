//! The store on one DynamoDB table.
//!
//! `DESIGN.md` beside this crate shows every kind of item, what it costs, and why the feed's cursor looks
//! back in time. In the code: [`DynamoStore`] speaks the port, `items` turns values into items and back,
//! `keys` names them, `feed` orders a shop's news, `request` talks to DynamoDB,
//! `records` tells all there is to whoever moves it.

mod connection;
mod feed;
mod items;
mod keys;
mod records;
mod request;
mod store;
mod throttled;

pub use connection::{connect, http_client, timeouts};

use aws_sdk_dynamodb::Client;
use feed::Arrival;
use std::sync::Arc;
use std::time::SystemTime;
use throttled::CancelledWhileBusy;

/// Everything the functions keep, in one table.
#[derive(Clone)]
pub struct DynamoStore {
    client: Client,
    table: String,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl DynamoStore {
    /// The store on a table that `infra/aws/table.yaml` made.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let config = client.config().to_builder().retry_classifier(CancelledWhileBusy).build();
        Self { client: Client::from_conf(config), table: table.into(), clock: Arc::new(SystemTime::now) }
    }

    /// The same, where things arrive by another clock than this machine's.
    #[must_use]
    pub fn by_clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// When what comes now arrives.
    fn now(&self) -> Arrival {
        Arrival::at((self.clock)())
    }
}
