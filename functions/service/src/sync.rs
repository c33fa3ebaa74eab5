//! What tills and head office call to exchange journals and payments, and to enrol.

use crate::auth::{Acquaintances, Caller, Signed, authenticate};
use crate::counters::{TILLS, letters_of};
use crate::licence::Signer;
use crate::new_life::new_life;
use crate::openapi::described;
use crate::store::{News, StoreError};
use crate::{Clock, METRICS, Problem, Store, claims, history};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::{Actor, Member, Role, ShopId, TillId};
use replica::wire::json::{Enrol, Enrolled, Joined, LicenceForm, OpenSales, ShopForm};
use replica::wire::{MAX_BODY_BYTES, SyncAnswer, SyncRequest};
use replica::{Batch, Head, Keypair, PublicKey};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// How many bytes of batches one answer carries; with the feed it stays under [`MAX_BODY_BYTES`].
const PAGE_BYTES: usize = 512 * 1024;
/// The most open sales a till tells of.
const MAX_OPEN_SALES: usize = 500;

/// What the sync function works with.
pub struct Sync<S> {
    pub(crate) store: Arc<S>,
    pub(crate) clock: Clock,
    acquaintances: Acquaintances,
    signer: Option<Signer>,
}

impl<S> Sync<S> {
    /// Journals and feeds are kept in `store`; the time is the clock's.
    pub fn new(store: Arc<S>, clock: Clock) -> Self {
        Self { store, clock, acquaintances: Acquaintances::default(), signer: None }
    }

    /// Signs licences with the platform's key. Without it tills hear of none, and none needs one.
    #[must_use]
    pub fn signing(self, key: Keypair) -> Self {
        Self { signer: Some(Signer::new(key)), ..self }
    }
}

/// The routes replicas call.
pub fn router<S: Store>(sync: Sync<S>) -> Router {
    let router = Router::from(routes::<S>()).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    router.with_state(Arc::new(sync))
}

pub(crate) fn routes<S: Store>() -> OpenApiRouter<Arc<Sync<S>>> {
    OpenApiRouter::default()
        .merge(described!(exchange => post(exchange::<S>)))
        .merge(described!(history::enter => post(history::enter::<S>)))
        .merge(described!(history::history => post(history::history::<S>)))
        .merge(described!(history::held => post(history::held::<S>)))
        .merge(described!(claims::secure => post(claims::secure::<S>)))
        .merge(described!(shops => get(shops::<S>)))
        .merge(described!(join => post(join::<S>)))
        .merge(described!(shop => get(shop::<S>)))
        .merge(described!(open_sales => post(open_sales::<S>)))
        .merge(described!(crate::new_life::new_life => post(new_life::<S>)))
        .merge(described!(enrol => post(enrol::<S>)))
}

/// Exchanges journals and payments: a batch and what the caller has, for what it lacks. Binary.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/sync",
    tag = "tills",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "As `replica::wire` writes it"),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream", description = "What the caller lacks"))
)]
async fn exchange<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let path = format!("/v1/shops/{shop}/sync");
    let signed = Signed { method: "POST", path: &path, headers: &headers, body: &body };
    let (shop, now) = (ShopId::parse(&shop), (sync.clock)());
    let shop = shop.map_err(|e| Problem::bad_request(e.to_string()))?;
    let recalled = sync.acquaintances.recall(&signed, now);
    let answer = match sync.look(&shop, recalled.as_ref(), &body).await? {
        Some(news) if recalled.as_ref().is_some_and(|caller| !tells(&news, caller)) => {
            SyncAnswer { cursor: news.cursor, ..SyncAnswer::nothing(now) }
        }
        news => {
            let caller = sync.acquaintances.ask(&*sync.store, &signed, recalled.as_ref(), now).await?;
            caller.may_act_for(&shop)?;
            let request = SyncRequest::decode(&body).map_err(|e| Problem::bad_request(e.to_string()))?;
            sync.answer(&shop, &caller.member, &request, news).await?
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], answer.encode()).into_response())
}

/// Whether there is anything in the news for a caller. That its own journal has grown is nothing new to it.
fn tells(news: &News, caller: &Caller) -> bool {
    let grown = news.journals.iter().any(|actor| *actor != caller.member.actor);
    grown || !news.items.is_empty() || news.more || news.restarted
}

impl<S: Store> Sync<S> {
    /// What is new, for a caller we know who asks for nothing else. Nearly always it is nothing: then that is the answer,
    /// and costs one read.
    async fn look(
        &self,
        shop: &ShopId,
        caller: Option<&Caller>,
        body: &[u8],
    ) -> Result<Option<News>, Problem> {
        if caller.is_none_or(|caller| caller.may_act_for(shop).is_err()) {
            return Ok(None);
        }
        let asks = SyncRequest::decode(body).ok().filter(|r| r.batch.is_none() && !r.behind);
        let Some(request) = asks else { return Ok(None) };
        Ok(Some(self.store.news(shop, &request.cursor).await?))
    }

    async fn answer(
        &self,
        shop: &ShopId,
        member: &Member,
        request: &SyncRequest,
        news: Option<News>,
    ) -> Result<SyncAnswer, Problem> {
        let news = match news {
            Some(news) => news,
            None => self.store.news(shop, &request.cursor).await?,
        };
        let behind = request.behind || news.restarted;
        let (taken, refused) = self.take(shop, member, request, behind).await?;
        let (grown, listed): (Vec<(Actor, Option<Head>)>, _) = if behind {
            let heads = self.store.heads(shop).await?.into_iter();
            (heads.map(|(actor, head)| (actor, Some(head))).collect(), self.store.members_of(shop).await?)
        } else {
            (news.journals.iter().map(|actor| (*actor, None)).collect(), Vec::new())
        };
        let (batches, cut) = self.lacking(shop, member.actor, request, &grown).await?;
        Ok(SyncAnswer {
            now: (self.clock)(),
            taken,
            refused,
            members: self.members(request, listed, &batches).await?,
            ends: grown.iter().filter_map(|(actor, head)| Some((*actor, head.as_ref()?.number))).collect(),
            batches,
            feed: news.items,
            cursor: news.cursor,
            more: news.more || cut,
        })
    }

    /// Takes the batch that was sent, if it continues its journal here, and says where that journal ends.
    /// Any member of the shop may bring the batch of any other, because its till may have no line of its
    /// own: the signature decides.
    async fn take(
        &self,
        shop: &ShopId,
        member: &Member,
        request: &SyncRequest,
        behind: bool,
    ) -> Result<(Option<Head>, Option<String>), Problem> {
        let Some(batch) = &request.batch else {
            let head = if behind { Some(self.store.head(shop, member.actor).await?) } else { None };
            return Ok((head, None));
        };
        let writer = match self.writer(shop, member, batch.actor).await? {
            Ok(writer) => writer,
            Err(reason) => {
                tracing::trace!(target: METRICS, RefusedEntries = batch.items.len());
                return Ok((None, Some(reason.to_owned())));
            }
        };
        let head = self.store.head(shop, writer.actor).await?;
        match self.append(shop, &writer, batch, head).await? {
            Ok(head) => {
                tracing::trace!(target: METRICS, Entries = batch.items.len());
                Ok((Some(head), None))
            }
            Err(reason) => {
                tracing::trace!(target: METRICS, RefusedEntries = batch.items.len());
                tracing::warn!(%shop, actor = %writer.actor, by = %member.actor, reason, "a batch was not taken");
                // Where it was overtaken, the answer's head tells the sender where to go on.
                Ok((Some(self.store.head(shop, writer.actor).await?), Some(reason)))
            }
        }
    }

    /// Who wrote a batch: the sender, or another member of the shop, as long as it is one.
    async fn writer(
        &self,
        shop: &ShopId,
        sender: &Member,
        actor: Actor,
    ) -> Result<Result<Member, &'static str>, StoreError> {
        if actor == sender.actor {
            return Ok(Ok(sender.clone()));
        }
        Ok(match self.store.member(actor).await? {
            Some((member, home)) if home.as_ref() == Some(shop) && !member.revoked => Ok(member),
            Some((member, home)) if home.as_ref() == Some(shop) && member.revoked => {
                Err("the till that wrote this was revoked: ask head office")
            }
            _ => Err("nobody in this shop writes under that name"),
        })
    }

    async fn append(
        &self,
        shop: &ShopId,
        member: &Member,
        batch: &Batch,
        head: Head,
    ) -> Result<Result<Head, String>, StoreError> {
        let Some(key) = PublicKey::from_bytes(&member.public_key) else {
            return Ok(Err("the member's key is no key".to_owned()));
        };
        let last = match batch.open(head, &key) {
            Ok(entries) => entries.last().map(|last| Head::of(&last.entry)),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let Some(after) = last else { return Ok(Err("an empty batch".to_owned())) };
        let appended = self.store.append(shop, batch, head, after, (self.clock)()).await?;
        Ok(if appended { Ok(after) } else { Err("another request was quicker".to_owned()) })
    }

    /// The batches of journals that the sender lacks, within one page, and whether some were left.
    async fn lacking(
        &self,
        shop: &ShopId,
        sender: Actor,
        request: &SyncRequest,
        grown: &[(Actor, Option<Head>)],
    ) -> Result<(Vec<Batch>, bool), Problem> {
        let (mut page, mut room) = (Vec::new(), PAGE_BYTES);
        // A sender that is behind may lack its own: its file was restored from a backup.
        for (actor, head) in grown.iter().filter(|(actor, head)| *actor != sender || head.is_some()) {
            let have = request.have.get(actor).copied().unwrap_or(0);
            if head.is_some_and(|head| head.number <= have) {
                continue;
            }
            if room == 0 {
                return Ok((page, true));
            }
            let batches = self.store.batches(shop, *actor, have, room).await?;
            let bytes: usize = batches.iter().map(Batch::size).sum();
            room = room.saturating_sub(bytes);
            page.extend(batches);
        }
        let cut = room == 0 || page.iter().map(Batch::size).sum::<usize>() >= PAGE_BYTES / 2;
        Ok((page, cut))
    }

    /// Those listed, and who else writes the journals that the sender has nothing of yet.
    async fn members(
        &self,
        request: &SyncRequest,
        listed: Vec<Member>,
        batches: &[Batch],
    ) -> Result<Vec<Member>, Problem> {
        let new = batches.iter().map(|batch| batch.actor).filter(|actor| !request.have.contains_key(actor));
        let listed_actors: BTreeSet<Actor> = listed.iter().map(|member| member.actor).collect();
        let new: BTreeSet<Actor> = new.filter(|actor| !listed_actors.contains(actor)).collect();
        let mut members = listed;
        for actor in new {
            members.extend(self.store.member(actor).await?.map(|(member, _)| member));
        }
        Ok(members)
    }
}

/// Makes head office a member of a shop, with a number of its own there and its own key: names of facts
/// never collide between shops, and its journal in one shop says nothing about another.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/join",
    tag = "tills",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body(content = (), description = "Nothing"),
    responses((status = 200, body = Joined, description = "Its name in that shop"))
)]
async fn join<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Joined>, Problem> {
    let path = format!("/v1/shops/{shop}/join");
    let signed = Signed { method: "POST", path: &path, headers: &headers, body: &body };
    let caller = authenticate(&*sync.store, &signed, (sync.clock)()).await?;
    caller.is_one_of(&[Role::Office])?;
    let shop = ShopId::parse(&shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    if caller.shop.is_some() || shop.is_platform() || sync.store.shop(&shop).await?.is_none() {
        return Err(Problem::not_found("There is no such shop here."));
    }
    let actor = Actor::first(TillId(sync.store.next_number(TILLS).await?));
    sync.store.put_member(&Member { actor, ..caller.member }, Some(&shop)).await?;
    Ok(Json(Joined { actor: actor.to_string() }))
}

/// Keeps what a till has open, so that a validation can be answered while the customer waits.
#[utoipa::path(
    post,
    path = "/v1/shops/{shop}/open-sales",
    tag = "tills",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    request_body = OpenSales,
    responses((status = 200, description = "Kept"))
)]
async fn open_sales<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<()>, Problem> {
    let path = format!("/v1/shops/{shop}/open-sales");
    let now = (sync.clock)();
    let signed = Signed { method: "POST", path: &path, headers: &headers, body: &body };
    let caller = authenticate(&*sync.store, &signed, now).await?;
    let shop = ShopId::parse(&shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    caller.may_act_for(&shop)?;
    let told: OpenSales = serde_json::from_slice(&body).map_err(|e| Problem::bad_request(e.to_string()))?;
    if told.sales.len() > MAX_OPEN_SALES {
        return Err(Problem::bad_request("At most 500 open sales are taken."));
    }
    // By our own clock: a till's may be off, and freshness is what counts.
    let told = OpenSales { at: now.millis(), ..told };
    let content = serde_json::to_vec(&told).map_err(|e| Problem::bad_request(e.to_string()))?;
    let name = format!("{}{}", crate::validation::NOTES, caller.member.actor);
    sync.store.put_note(&shop, &name, &content).await?;
    Ok(Json(()))
}

/// The shops a caller may sync: a till's own, every one for head office.
#[utoipa::path(
    get,
    path = "/v1/shops",
    tag = "tills",
    responses((status = 200, body = Vec<ShopForm>, description = "The shops"))
)]
async fn shops<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    headers: HeaderMap,
) -> Result<Json<Vec<ShopForm>>, Problem> {
    let signed = Signed { method: "GET", path: "/v1/shops", headers: &headers, body: &[] };
    let caller = authenticate(&*sync.store, &signed, (sync.clock)()).await?;
    let mut shops = shops_of(&*sync.store, caller.shop.as_ref()).await?;
    if let (Some(shop), [form]) = (&caller.shop, shops.as_mut_slice()) {
        sync.tell(shop, form).await?;
    }
    Ok(Json(shops))
}

/// How a shop stands, for head office, which has many shops and asks for each now and then.
#[utoipa::path(
    get,
    path = "/v1/shops/{shop}",
    tag = "tills",
    params(("shop" = String, Path, description = "The shop", example = "mjini")),
    responses((status = 200, body = ShopForm, description = "The shop"))
)]
async fn shop<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
) -> Result<Json<ShopForm>, Problem> {
    let path = format!("/v1/shops/{shop}");
    let signed = Signed { method: "GET", path: &path, headers: &headers, body: &[] };
    let caller = authenticate(&*sync.store, &signed, (sync.clock)()).await?;
    let shop = ShopId::parse(&shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    caller.may_act_for(&shop)?;
    let mut shops = shops_of(&*sync.store, Some(&shop)).await?;
    let mut form = shops.pop().ok_or_else(|| Problem::not_found("There is no such shop here."))?;
    sync.tell(&shop, &mut form).await?;
    Ok(Json(form))
}

impl<S: Store> Sync<S> {
    /// Adds to a shop what its own members are told.
    async fn tell(&self, shop: &ShopId, form: &mut ShopForm) -> Result<(), StoreError> {
        (form.held, form.pulled_until) = history::told_of(&*self.store, shop).await?;
        form.licence = self.licence_of(shop).await?;
        Ok(())
    }

    async fn licence_of(&self, shop: &ShopId) -> Result<Option<LicenceForm>, StoreError> {
        match &self.signer {
            Some(signer) => signer.licence(&*self.store, shop, (self.clock)()).await.map(Some),
            None => Ok(None),
        }
    }
}

async fn shops_of<S: Store>(store: &S, shop: Option<&ShopId>) -> Result<Vec<ShopForm>, StoreError> {
    let shops = match shop {
        Some(shop) => store.shop(shop).await?.into_iter().collect(),
        None => store.shops().await?,
    };
    let shops = shops.iter().filter(|shop| !shop.id.is_platform());
    Ok(shops.map(ShopForm::from).collect())
}

/// Makes a caller with a good code a member. A code that was used up or never existed gets one answer.
#[utoipa::path(
    post,
    path = "/v1/enrol",
    tag = "tills",
    responses((status = 200, body = Enrolled, description = "The new member"))
)]
async fn enrol<S: Store>(
    State(sync): State<Arc<Sync<S>>>,
    Json(enrol): Json<Enrol>,
) -> Result<Json<Enrolled>, Problem> {
    let key = hex::decode(&enrol.public_key).ok().and_then(|bytes| bytes.try_into().ok());
    let key = key.filter(|bytes| PublicKey::from_bytes(bytes).is_some());
    let public_key = key.ok_or_else(|| Problem::bad_request("The public key is no Ed25519 key."))?;
    let code_hash = Sha256::digest(enrol.code.trim().as_bytes()).into();
    let enrolment = sync.store.take_enrolment(&code_hash, (sync.clock)()).await?;
    let title = "This code is not good (any more): ask for a new one.";
    let used = || Problem::new(StatusCode::FORBIDDEN, "leja:unknown-code", title);
    let enrolment = enrolment.ok_or_else(used)?;
    let letter = letter(&*sync.store, enrolment.role, enrolment.shop.as_ref()).await?;
    let member = Member {
        actor: Actor::first(TillId(sync.store.next_number(TILLS).await?)),
        role: enrolment.role,
        letter,
        name: enrol.name.trim().chars().take(40).collect(),
        public_key,
        revoked: false,
    };
    sync.store.put_member(&member, enrolment.shop.as_ref()).await?;
    tracing::info!(actor = %member.actor, role = member.role.name(), "a new member");
    let mut shops = shops_of(&*sync.store, enrolment.shop.as_ref()).await?;
    if let (Some(shop), [form]) = (&enrolment.shop, shops.as_mut_slice()) {
        form.licence = sync.licence_of(shop).await?;
    }
    Ok(Json(Enrolled {
        actor: member.actor.to_string(),
        role: member.role.name().to_owned(),
        letter: member.letter,
        shops,
    }))
}

/// A, B … Z, AA, AB …: unique in the shop. Head office and platform sell nothing.
pub(crate) async fn letter<S: Store>(
    store: &S,
    role: Role,
    shop: Option<&ShopId>,
) -> Result<String, StoreError> {
    let (Role::Till, Some(shop)) = (role, shop) else { return Ok("HQ".to_owned()) };
    let number = store.next_number(&letters_of(shop)).await?;
    Ok(letters(number))
}

fn letters(number: u32) -> String {
    let mut rest = number;
    let mut letters = Vec::new();
    while let Some(above) = rest.checked_sub(1) {
        let digit = above.checked_rem(26).and_then(|d| u8::try_from(d).ok()).unwrap_or(0);
        letters.push(char::from(b'A'.saturating_add(digit)));
        rest = above.checked_div(26).unwrap_or(0);
    }
    letters.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn tills_are_lettered_as_columns_are() {
        let expected = [(1, "A"), (2, "B"), (26, "Z"), (27, "AA"), (52, "AZ"), (703, "AAA")];
        for (number, letter) in expected {
            assert_eq!(letters(number), letter);
        }
    }
}
