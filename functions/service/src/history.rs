//! What a new till asks: where to enter the journals of its shop, and, while it sells, what lay before.

use crate::auth::{Caller, Signed, authenticate};
use crate::compaction::{Walk, shelf};
use crate::sync::Sync;
use crate::{Problem, Store, StoreError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use domain::{Role, ShopId, Timestamp};
use replica::wire::history::{EnterAnswer, EnterRequest, Entrance, HistoryAnswer, HistoryRequest};
use replica::wire::json::Held;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many bytes of batches one answer carries; it is packed for the way.
const PAGE_BYTES: usize = 512 * 1024;
/// How far back the payments go that a new till has at once: yesterday's may still be asked for.
const RECENT_MILLIS: i64 = 2 * 24 * 3_600_000;
/// Who may read a shop's journals.
pub(crate) const READERS: [Role; 2] = [Role::Till, Role::Office];
/// What begins the names of the notes that a shop's members are told: one read brings them all.
const TOLD: &str = "told/";
/// The note in which head office says how far it has each journal.
const HELD: &str = "told/held";
/// The note that says until when a shop's payments were pulled, in milliseconds since 1970.
const PULLED: &str = "told/pulled";
const DAY_MILLIS: i64 = 24 * 3_600_000;

/// Where a new till enters the journals of its shop, and what it needs to sell at once. Binary.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/enter",
    tag = "tills",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "As `replica::wire` writes it"),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream", description = "Entrances, members, catalogue"))
)]
pub(crate) async fn enter<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (_, shop, now) = caller(&sync, &shop, "enter", &READERS, (&headers, &body)).await?;
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

/// What lay before a till entered, going backwards, while it sells. Binary.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/history",
    tag = "tills",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "As `replica::wire` writes it"),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream", description = "Batches and payments"))
)]
pub(crate) async fn history<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (_, shop, _) = caller(&sync, &shop, "history", &READERS, (&headers, &body)).await?;
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

/// Head office says how far it has each journal, for the tills to show.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/held",
    tag = "tills",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body = Held,
    responses((status = 200, description = "Kept"))
)]
pub(crate) async fn held<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<()>, Problem> {
    let (_, shop, _) = caller(&sync, &shop, "held", &[Role::Office], (&headers, &body)).await?;
    let told: Held = serde_json::from_slice(&body).map_err(|e| Problem::bad_request(e.to_string()))?;
    let content = serde_json::to_vec(&told).map_err(|e| Problem::bad_request(e.to_string()))?;
    sync.store.put_note(&shop, HELD, &content).await?;
    Ok(Json(()))
}

/// Keeps until when a shop's payments were pulled.
pub(crate) async fn keep_pulled<S: Store>(
    store: &S,
    shop: &ShopId,
    until: Timestamp,
) -> Result<(), StoreError> {
    store.put_note(shop, PULLED, until.millis().to_string().as_bytes()).await
}

/// How far head office has each journal of a shop, as it told last, and until when its payments were pulled.
pub(crate) async fn told_of<S: Store>(
    store: &S,
    shop: &ShopId,
) -> Result<(BTreeMap<String, u64>, Option<i64>), StoreError> {
    let notes: BTreeMap<_, _> = store.notes(shop, TOLD).await?.into_iter().collect();
    let held = notes.get(HELD).and_then(|content| serde_json::from_slice::<Held>(content).ok());
    let pulled = notes.get(PULLED).and_then(|content| std::str::from_utf8(content).ok()?.parse().ok());
    Ok((held.unwrap_or_default().journals, pulled))
}

/// Who asks, the shop that it asks about and may ask about, and the time.
pub(crate) async fn caller<S: Store>(
    sync: &Sync<S>,
    shop: &str,
    end: &str,
    roles: &[Role],
    (headers, body): (&HeaderMap, &Bytes),
) -> Result<(Caller, ShopId, Timestamp), Problem> {
    let (path, now) = (format!("/v1/shops/{shop}/{end}"), (sync.clock)());
    let signed = Signed { method: "POST", path: &path, headers, body };
    let caller = authenticate(&*sync.store, &signed, now).await?;
    caller.is_one_of(roles)?;
    let shop = ShopId::parse(shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    caller.may_act_for(&shop)?;
    Ok((caller, shop, now))
}

fn binary(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response()
}
