//! What waited in the fallback queue, filed: the first part of a sweep.

use crate::fallback::{Fallback, FallbackError, Spilled, Waiting};
use crate::filing::{Arrived, file, keep};
use crate::safaricom::Safaricom;
use crate::side_by_side::{Heard, Pace};
use crate::store::{Filing, RawCallback};
use crate::sweep::{Sweep, SweepReport};
use crate::{Store, StoreError};
use domain::{Shop, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why something waits on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum RedriveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Fallback(#[from] FallbackError),
    #[error("filing a callback broke off")]
    BrokeOff,
    #[error("what still waits is left to the next sweep: the time was over")]
    Late,
}

impl RedriveError {
    /// What it says about the others.
    const fn heard(filed: &Result<(), Self>) -> Heard {
        match filed {
            Err(Self::Store(StoreError::Unreachable(_))) => Heard::Nothing,
            _ => Heard::Answer,
        }
    }
}

impl<S: Store, D: Safaricom, F: Fallback> Sweep<S, D, F> {
    /// Files what waits, several at once. One that can not be filed waits on and stops no other; many in a row that the
    /// store does not answer for mean that it is down, and everything waits on.
    pub(crate) async fn redrive(&self, mut pace: Pace, report: &mut SweepReport) {
        let mut refused = BTreeMap::new();
        let ended = self.file_all(&mut pace, &mut refused, &mut report.redriven).await;
        // One of those that were refused stands for all.
        let failed = refused.into_values().next().into_iter().chain(ended.err());
        report.failed.extend(failed.map(|error| format!("fallback queue: {error}")));
    }

    async fn file_all(
        &self,
        pace: &mut Pace,
        refused: &mut BTreeMap<String, RedriveError>,
        redriven: &mut u64,
    ) -> Result<(), RedriveError> {
        while !pace.is_down() {
            if pace.is_over() {
                return Err(RedriveError::Late);
            }
            let mut waiting = self.fallback.take().await?;
            waiting.retain(|waiting| !refused.contains_key(&waiting.ticket));
            if waiting.is_empty() {
                return Ok(());
            }
            let tickets: Vec<String> = waiting.iter().map(|waiting| waiting.ticket.clone()).collect();
            let file = |Waiting { ticket, content }: Waiting| {
                let (store, fallback) = (Arc::clone(&self.store), Arc::clone(&self.fallback));
                let now = (self.clock)();
                async move {
                    file_one(&*store, content, now).await?;
                    Ok(fallback.done(&ticket).await?)
                }
            };
            let filed = pace.each(waiting, file, RedriveError::heard).await;
            for (ticket, filed) in tickets.into_iter().zip(filed) {
                match filed {
                    Some(Ok(())) => *redriven = redriven.saturating_add(1),
                    Some(Err(error @ RedriveError::Fallback(_))) => return Err(error),
                    Some(Err(error)) => _ = refused.insert(ticket, error),
                    // It was not begun.
                    None if pace.is_down() || pace.is_over() => {}
                    None => _ = refused.insert(ticket, RedriveError::BrokeOff),
                }
            }
        }
        Ok(())
    }
}

/// Files one. Everything here was acknowledged, so nothing is dropped: what is not believed, what this release can not
/// read (a newer one may have written it), and what came with a token that is nobody's now, goes to the inbox.
async fn file_one<S: Store>(store: &S, content: Vec<u8>, now: Timestamp) -> Result<(), StoreError> {
    let Some((spilled, raw)) = read(&content) else {
        let raw = RawCallback { body: content, received_at: now };
        return orphan(store, &raw, "it waited in the fallback queue in a form that is not understood").await;
    };
    let bound = match &spilled.token {
        None => None,
        Some(token) => match shop_of(store, token).await? {
            Some(shop) => Some(shop),
            None => {
                let reason = "it waited in the fallback queue, and its token is nobody's now";
                return orphan(store, &raw, reason).await;
            }
        },
    };
    if let Some(reason) = &spilled.suspect {
        return orphan(store, &raw, reason).await;
    }
    let arrived = Arrived { bound, timed_out: spilled.timed_out, suspect: None };
    file(store, &raw, &arrived).await.map(drop)
}

/// Nobody was told of it when it came, whatever the reason.
async fn orphan<S: Store>(store: &S, raw: &RawCallback, reason: &str) -> Result<(), StoreError> {
    keep(store, raw, &Filing::Inbox(reason.to_owned(), None)).await.map(drop)
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
