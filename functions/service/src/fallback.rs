//! Where callbacks wait when the store does not take them: a second sink, from which they are filed later.

use serde::{Deserialize, Serialize};
use std::future::Future;

/// A fallback that can not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fallback queue does not answer: {0}")]
pub struct FallbackError(pub String);

/// A callback that waits, and the ticket with which it is taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Names it to [`Fallback::done`].
    pub ticket: String,
    /// What was put.
    pub content: Vec<u8>,
}

/// A queue that is not the store: SQS in AWS, a folder of files at a hub. What `put` accepted is durable
/// and is given by `take` until `done`; it may be given twice, and in any order.
pub trait Fallback: Send + Sync + 'static {
    /// Keeps something, durably.
    fn put(&self, content: &[u8]) -> impl Future<Output = Result<(), FallbackError>> + Send;

    /// Some of what waits.
    fn take(&self) -> impl Future<Output = Result<Vec<Waiting>, FallbackError>> + Send;

    /// Forgets what was filed.
    fn done(&self, ticket: &str) -> impl Future<Output = Result<(), FallbackError>> + Send;
}

/// A callback as it waits. The token could not be checked when it came, so its hash waits with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spilled {
    /// SHA-256 of the token in the path, in hex; none on a path without one.
    pub(crate) token: Option<String>,
    /// It came where time-outs are told of.
    pub(crate) timed_out: bool,
    /// Why it is not believed, whatever it says.
    #[serde(default)]
    pub(crate) suspect: Option<String>,
    /// When it came, in milliseconds.
    pub(crate) received_at: i64,
    /// The body, in hex: queues carry text.
    pub(crate) body: String,
}
