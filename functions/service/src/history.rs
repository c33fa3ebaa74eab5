//! What a new till asks: where to enter the journals of its shop, and, while it sells, what lay before.

use crate::auth::{Signed, authenticate};
use crate::compaction::{Walk, shelf};
use crate::sync::Sync;
use crate::{Problem, Store};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use domain::{ShopId, Timestamp};
use replica::wire::history::{EnterAnswer, EnterRequest, Entrance, HistoryAnswer, HistoryRequest};
use std::sync::Arc;

/// How many bytes of batches one answer carries; it is packed for the way.
const PAGE_BYTES: usize = 512 * 1024;
/// How far back the payments go that a new till has at once: yesterday's may still be asked for.
const RECENT_MILLIS: i64 = 2 * 24 * 3_600_000;
const DAY_MILLIS: i64 = 24 * 3_600_000;

/// `POST /v1/shops/{shop}/enter`
pub(crate) async fn enter<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (shop, now) = caller(&sync, &shop, "enter", (&headers, &body)).await?;
    let request = EnterRequest::decode(&body).map_err(|e| Problem::bad_request(e.to_string()))?;
    let walk = Walk::of(&*sync.store, &shop).await?;
    let (catalogue, after) = shelf(&*sync.store, &shop, &request.after, PAGE_BYTES).await?;
    let since = |millis: i64| sync.store.cursor_at(&shop, now.plus_millis(millis.saturating_neg()));
    let older = match request.days {
        Some(days) => since(DAY_MILLIS.saturating_mul(i64::from(days))).await?,
        None => Vec::new(),
    };
    let entrance = |(actor, entrance): (&_, &crate::compaction::Entrance)| Entrance {
        actor: *actor,
        head: entrance.head,
        signature: entrance.signature,
    };
    let answer = EnterAnswer {
        now,
        entrances: walk.entrances.iter().map(entrance).collect(),
        members: sync.store.members_of(&shop).await?,
        catalogue,
        after,
        cursor: since(RECENT_MILLIS).await?,
        older,
    };
    Ok(binary(answer.encode()))
}

/// `POST /v1/shops/{shop}/history`
pub(crate) async fn history<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (shop, _) = caller(&sync, &shop, "history", (&headers, &body)).await?;
    let request = HistoryRequest::decode(&body).map_err(|e| Problem::bad_request(e.to_string()))?;
    let mut answer = HistoryAnswer::default();
    if let Some((actor, number)) = request.journal {
        let before = number.saturating_add(1);
        answer.batches = sync.store.batches_before(&shop, actor, before, PAGE_BYTES).await?;
    }
    if let Some(cursor) = request.feed {
        let news = sync.store.news(&shop, &cursor).await?;
        answer.feed = news.items;
        answer.cursor = news.more.then_some(news.cursor);
    }
    Ok(binary(answer.encode()))
}

/// The shop that a caller asks about and may ask about, and the time.
async fn caller<S: Store>(
    sync: &Sync<S>,
    shop: &str,
    end: &str,
    (headers, body): (&HeaderMap, &Bytes),
) -> Result<(ShopId, Timestamp), Problem> {
    let (path, now) = (format!("/v1/shops/{shop}/{end}"), (sync.clock)());
    let signed = Signed { method: "POST", path: &path, headers, body };
    let caller = authenticate(&*sync.store, &signed, now).await?;
    let shop = ShopId::parse(shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    caller.may_act_for(&shop)?;
    Ok((shop, now))
}

fn binary(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response()
}
