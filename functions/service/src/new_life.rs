//! A new life for a till whose journal parted from what the cloud has of it: its file was restored or copied,
//! and somebody else writes, or wrote, under its name. It gets a name that nobody had, and a letter of its
//! own, so that no two receipts have one reference.

use crate::auth::{Caller, Signed, authenticate};
use crate::counters::lives_of;
use crate::sync::{Sync, letter};
use crate::{Problem, Store, StoreError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use domain::{Actor, Member, ShopId};
use replica::wire::json::{AskLife, NewLife};
use std::sync::Arc;

/// How long one request may take; after that another may try.
const LOCK_MILLIS: i64 = 30_000;

/// Gives a till whose journal parted from the cloud's another name to write under.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/new-life",
    tag = "tills",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body = AskLife,
    responses((status = 200, body = NewLife, description = "The name"))
)]
pub(crate) async fn new_life<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<NewLife>, Problem> {
    let path = format!("/v1/shops/{shop}/new-life");
    let now = (sync.clock)();
    let signed = Signed { method: "POST", path: &path, headers: &headers, body: &body };
    let caller = authenticate(&*sync.store, &signed, now).await?;
    let shop = ShopId::parse(&shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    caller.may_act_for(&shop)?;
    let ask: AskLife = serde_json::from_slice(&body).map_err(|e| Problem::bad_request(e.to_string()))?;
    let parted: Option<[u8; 32]> = hex::decode(&ask.parted).ok().and_then(|bytes| bytes.try_into().ok());
    let parted =
        parted.ok_or_else(|| Problem::bad_request("Say where the journal parted: 64 hex digits."))?;

    // One at a time: two requests about one parting, the second a repetition, must not make two lives of it.
    let lock = format!("lives of {}", caller.member.actor.till);
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|_| StoreError::Unreachable("no randomness".to_owned()))?;
    let holder = hex::encode(random);
    if sync.store.hold(&lock, &holder, now, now.plus_millis(LOCK_MILLIS)).await?.is_some() {
        let title = "Another request for a new life is under way: ask again.";
        return Err(Problem::new(StatusCode::CONFLICT, "leja:busy", title));
    }
    let life = life_of(&*sync.store, &shop, &caller, &parted).await;
    sync.store.let_go(&lock, &holder).await?;
    Ok(Json(life?))
}

/// How many lives a till has at most. Everybody in its shop knows all of them, and a till that asked without end
/// would stop the others, who say with each exchange how far they know each.
const MAX_LIVES: u16 = 100;

/// The life that begins where the journal parted: the one that was given before, or the next one.
async fn life_of<S: Store>(
    store: &S,
    shop: &ShopId,
    caller: &Caller,
    parted: &[u8; 32],
) -> Result<NewLife, Problem> {
    let till = caller.member.actor.till;
    let name = format!("life/{till}/{}", hex::encode(parted));
    let given = store.notes(shop, &name).await?.into_iter().find(|(known, _)| *known == name);
    if let Some(life) = given.and_then(|(_, content)| serde_json::from_slice(&content).ok()) {
        return Ok(life);
    }
    let spent = || Problem::bad_request("This till has had all its lives: enrol a new one.");
    let incarnation = store.next_number(&lives_of(till)).await?;
    let incarnation = u16::try_from(incarnation).ok().filter(|life| *life <= MAX_LIVES).ok_or_else(spent)?;
    let actor = Actor { till, incarnation };
    let letter = letter(store, caller.member.role, Some(shop)).await?;
    let life = NewLife { actor: actor.to_string(), letter: letter.clone() };
    store.put_member(&Member { actor, letter, ..caller.member.clone() }, Some(shop)).await?;
    // Last: what is not noted is not given, and a life that nobody lives harms nobody.
    let content = serde_json::to_vec(&life).map_err(|e| Problem::bad_request(e.to_string()))?;
    store.put_note(shop, &name, &content).await?;
    tracing::warn!(%shop, before = %caller.member.actor, %actor, "a till begins a new life");
    Ok(life)
}
