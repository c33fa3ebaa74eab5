//! Where callbacks wait when the store does not take them: a second sink, from which they are filed later.

use crate::filing::{Arrived, Filed, file};
use crate::store::RawCallback;
use crate::{Store, StoreError};
use domain::{Shop, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

/// What a redrive did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Redriven {
    /// Callbacks that lie in the store now.
    pub filed: u64,
}

/// How many in a row the store may refuse before it counts as down.
const REFUSED_IN_A_ROW: u32 = 3;

/// Files what waits. One that the store does not take waits on and stops no other; several in a row mean
/// that the store is down, and everything waits on.
///
/// # Errors
/// The store or the queue does not answer, or something still waits that the store did not take.
pub async fn redrive<S: Store, F: Fallback>(
    store: &S,
    fallback: &F,
    now: Timestamp,
) -> Result<Redriven, RedriveError> {
    let mut done = Redriven::default();
    let mut refused: BTreeMap<String, StoreError> = BTreeMap::new();
    loop {
        let mut waiting = fallback.take().await?;
        waiting.retain(|waiting| !refused.contains_key(&waiting.ticket));
        if waiting.is_empty() {
            return refused.into_values().next().map_or(Ok(done), |error| Err(error.into()));
        }
        let mut in_a_row = 0_u32;
        for Waiting { ticket, content } in waiting {
            match file_one(store, content, now).await {
                Ok(_) => done.filed = done.filed.saturating_add(1),
                Err(error) => {
                    // Only a store that does not answer is down; one that can not take this one takes the next.
                    let down = matches!(error, StoreError::Unreachable(_));
                    in_a_row = if down { in_a_row.saturating_add(1) } else { 0 };
                    if in_a_row == REFUSED_IN_A_ROW {
                        return Err(error.into());
                    }
                    refused.insert(ticket, error);
                    continue;
                }
            }
            in_a_row = 0;
            fallback.done(&ticket).await?;
        }
    }
}

/// Why a redrive stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedriveError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue.
    #[error(transparent)]
    Fallback(#[from] FallbackError),
}

/// Files one. Everything here was acknowledged, so nothing is dropped: what this release can not read (a newer
/// one may have written it), and what came with a token that is nobody's now, goes to the inbox.
async fn file_one<S: Store>(store: &S, content: Vec<u8>, now: Timestamp) -> Result<Filed, StoreError> {
    let suspected = |why: &str| Arrived { suspect: Some(why.to_owned()), ..Arrived::default() };
    let Some((spilled, raw)) = read(&content) else {
        let raw = RawCallback { body: content, received_at: now };
        let arrived = suspected("it waited in the fallback queue in a form that is not understood");
        return file(store, &raw, &arrived).await;
    };
    let bound = match &spilled.token {
        None => None,
        Some(token) => match shop_of(store, token).await? {
            Some(shop) => Some(shop),
            None => {
                let arrived = suspected("it waited in the fallback queue, and its token is nobody's now");
                return file(store, &raw, &arrived).await;
            }
        },
    };
    let arrived = Arrived { bound, timed_out: spilled.timed_out, suspect: spilled.suspect };
    file(store, &raw, &arrived).await
}

async fn shop_of<S: Store>(store: &S, token: &str) -> Result<Option<Shop>, StoreError> {
    let hash = hex::decode(token).ok().and_then(|bytes| bytes.try_into().ok());
    let Some(hash) = hash else { return Ok(None) };
    match store.shop_of_token(&hash).await? {
        Some(shop) => store.shop(&shop).await,
        None => Ok(None),
    }
}

fn read(content: &[u8]) -> Option<(Spilled, RawCallback)> {
    let spilled: Spilled = serde_json::from_slice(content).ok()?;
    let (body, received_at) =
        (hex::decode(&spilled.body).ok()?, Timestamp::from_millis(spilled.received_at).ok()?);
    Some((spilled, RawCallback { body, received_at }))
}
