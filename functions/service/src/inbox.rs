//! The callbacks that wait for a person: look at them, give them to a shop, lay them aside, or take either
//! back: who decides makes mistakes.

use crate::auth::Caller;
use crate::filing::{Filed, assign, keep};
use crate::office::{Office, read};
use crate::openapi::described;
use crate::store::{Filing, InboxItem, RawCallback};
use crate::{Problem, Store, licence};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::{get, post};
use daraja::inbound::{RequestResult, ResultContent};
use daraja::{Inbound, StkOutcome};
use domain::{FeedItem, ReceiptCode, Retraction, ShopId, Source, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

/// The most items one answer lists.
const PAGE: usize = 200;
/// The most items that are looked through for one.
const SEARCHED: usize = 100_000;
/// How long one who gives an item to a shop keeps others from giving it to another: longer than any request takes.
const GIVING_MILLIS: i64 = 30_000;

/// An item, as lists show it: no body, because bodies carry names and numbers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InboxForm {
    /// SHA-256 of the body.
    #[schema(example = "9f2c6b1e…")]
    pub hash: String,
    /// When it arrived, RFC 3339.
    #[schema(example = "2026-11-21T10:15:00.000+03:00")]
    pub received_at: String,
    /// Why it is here.
    #[schema(example = "paid twice")]
    pub reason: String,
    /// The size of the body.
    #[schema(example = 412)]
    pub bytes: usize,
}

/// An item with its body.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InboxBody {
    /// The item.
    #[serde(flatten)]
    pub item: InboxForm,
    /// The body as text, with the middle of phone numbers hidden.
    #[schema(example = "{\"TransID\": …}")]
    pub body: String,
    /// What was decided about it, a line each, if it waits no more.
    #[serde(default)]
    #[schema(example = "given to mjini")]
    pub decided: Option<String>,
}

/// `POST /v1/admin/inbox/assign`: this callback is that shop's.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AssignForm {
    /// The item's hash, or how it begins.
    #[schema(example = "9f2c6b1e…")]
    pub hash: String,
    /// The shop.
    #[schema(example = "mjini")]
    pub shop: String,
}

/// `POST /v1/admin/inbox/dismiss`: this callback is nobody's.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DismissForm {
    /// The item's hash, or how it begins.
    #[schema(example = "9f2c6b1e…")]
    pub hash: String,
    /// Why.
    #[schema(example = "paid twice")]
    pub reason: String,
}

/// `POST /v1/admin/inbox/reopen`: what was decided about this callback was wrong; it waits again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReopenForm {
    /// The item's whole hash: what waits no more is in no list.
    #[schema(example = "9f2c6b1e…")]
    pub hash: String,
    /// Why.
    #[schema(example = "paid twice")]
    pub reason: String,
}

/// One decision about an item, as a line of its outcome. Written and read here alone.
#[derive(Debug, Serialize, Deserialize)]
struct Decision {
    what: What,
    /// The shop it was given to, or taken back from.
    shop: Option<String>,
    by: String,
    at: String,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Given,
    Dismissed,
    Reopened,
}

impl Decision {
    fn new(what: What, by: &Caller, at: Timestamp) -> Self {
        let (by, at) = (by.member.actor.to_string(), at.to_string());
        Self { what, shop: None, by, at, reason: None }
    }

    /// Its line in an outcome.
    fn line(&self) -> String {
        // A struct of texts always serialises.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The shop that an outcome says the item is with now. Releases before this one wrote words.
    fn shop_of(outcome: &str) -> Option<ShopId> {
        let last = outcome.lines().last().unwrap_or_default();
        let shop = match serde_json::from_str::<Self>(last) {
            Ok(it) => it.shop.filter(|_| it.what == What::Given),
            Err(_) => {
                last.strip_prefix("given to ").and_then(|rest| rest.split(' ').next()).map(str::to_owned)
            }
        };
        ShopId::parse(&shop?).ok()
    }

    /// Whether the last decision was to let it wait again: if it does not, nobody decided that.
    fn was_reopened(outcome: &str) -> bool {
        let last = outcome.lines().last().unwrap_or_default();
        serde_json::from_str::<Self>(last).is_ok_and(|it| it.what == What::Reopened)
    }

    /// An outcome in words.
    fn told(outcome: &str) -> String {
        let told =
            |line: &str| serde_json::from_str::<Self>(line).map_or(line.to_owned(), |it| it.to_string());
        outcome.lines().map(told).collect::<Vec<_>>().join("\n")
    }
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shop = self.shop.as_deref().unwrap_or("a shop");
        match self.what {
            What::Given => write!(f, "given to {shop}")?,
            What::Dismissed => f.write_str("dismissed")?,
            What::Reopened if self.shop.is_some() => write!(f, "taken back from {shop}")?,
            What::Reopened => f.write_str("put back")?,
        }
        write!(f, " by {} at {}", self.by, self.at)?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

/// The routes of the inbox.
pub(crate) fn routes<S: Store>() -> OpenApiRouter<Arc<Office<S>>> {
    OpenApiRouter::default()
        .merge(described!(list => get(list::<S>)))
        .merge(described!(show => get(show::<S>)))
        .merge(described!(give => post(give::<S>)))
        .merge(described!(dismiss => post(dismiss::<S>)))
        .merge(described!(reopen => post(reopen::<S>)))
}

type Head = (Method, Uri, HeaderMap);

/// The callbacks that wait for a person, the newest first.
#[utoipa::path(
    get,
    path = "/v1/admin/inbox",
    tag = "administrators",
    operation_id = "inbox",
    responses((status = 200, body = Vec<InboxForm>, description = "The items"))
)]
async fn list<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): Head,
) -> Result<Json<Vec<InboxForm>>, Problem> {
    office.platform((&method, &uri, &headers), &[]).await?;
    let mut waiting = office.store.inbox(PAGE).await?;
    // What was taken back waits where it came in, and not where a store lists it now.
    waiting.sort_by(|a, b| (b.received_at, &a.hash).cmp(&(a.received_at, &b.hash)));
    Ok(Json(waiting.iter().map(form).collect()))
}

/// One callback, with its body.
#[utoipa::path(
    get,
    path = "/v1/admin/inbox/{hash}",
    tag = "administrators",
    params(("hash" = String, Path, description = "The item's hash, or how it begins", example = "9f2c6b1e")),
    operation_id = "inbox_item",
    responses((status = 200, body = InboxBody, description = "The item"))
)]
async fn show<S: Store>(
    State(office): State<Arc<Office<S>>>,
    Path(hash): Path<String>,
    (method, uri, headers): Head,
) -> Result<Json<InboxBody>, Problem> {
    office.platform((&method, &uri, &headers), &[]).await?;
    let (item, outcome) = find(&*office.store, &hash).await?;
    let body = hide_numbers(&String::from_utf8_lossy(&item.body));
    let decided = outcome.as_deref().map(Decision::told);
    Ok(Json(InboxBody { item: form(&item), body, decided }))
}

/// Gives a callback to the shop it belongs to.
#[utoipa::path(
    post,
    path = "/v1/admin/inbox/assign",
    tag = "administrators",
    operation_id = "assign",
    request_body = AssignForm,
    responses((status = 200, body = InboxForm, description = "The item"))
)]
async fn give<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): Head,
    body: Bytes,
) -> Result<Json<InboxForm>, Problem> {
    let caller = office.platform((&method, &uri, &headers), &body).await?;
    let ask: AssignForm = read(&body)?;
    let id = ShopId::parse(&ask.shop).map_err(|e| Problem::bad_request(e.to_string()))?;
    if id.is_platform() {
        return Err(Problem::bad_request("Name the shop whose licence this pays."));
    }
    let shop = office
        .store
        .shop(&id)
        .await?
        .ok_or_else(|| Problem::not_found("There is no such shop: open it first."))?;
    let item = find_waiting(&*office.store, &ask.hash).await?;
    refuse_retracted(&*office.store, &item, &id).await?;
    keep_others_out(&*office.store, &item, &id, (office.clock)()).await?;
    let raw = RawCallback { body: item.body.clone(), received_at: item.received_at };
    let nothing = "Nothing in it says that money arrived, so it can be no shop's payment: dismiss it.";
    let filed = assign(&*office.store, &raw, &shop).await?.ok_or_else(|| Problem::bad_request(nothing))?;
    if let Filed::Inbox { reason, .. } = filed {
        let title = format!("It stays in the inbox: {reason}. Look at the payment first.");
        return Err(Problem::bad_request(title));
    }
    let shop = Some(id.to_string());
    let decision = Decision { shop, ..Decision::new(What::Given, &caller, (office.clock)()) };
    office.store.settle_inbox(&item, &decision.line()).await?;
    tracing::info!(shop = %id, by = %caller.member.actor, "a callback was given to a shop");
    Ok(Json(form(&item)))
}

/// Lays a callback aside that is nobody's.
#[utoipa::path(
    post,
    path = "/v1/admin/inbox/dismiss",
    tag = "administrators",
    request_body = DismissForm,
    responses((status = 200, body = InboxForm, description = "The item"))
)]
async fn dismiss<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): Head,
    body: Bytes,
) -> Result<Json<InboxForm>, Problem> {
    let caller = office.platform((&method, &uri, &headers), &body).await?;
    let ask: DismissForm = read(&body)?;
    let reason = Some(because(&ask.reason)?);
    let item = find_waiting(&*office.store, &ask.hash).await?;
    let decision = Decision { reason, ..Decision::new(What::Dismissed, &caller, (office.clock)()) };
    office.store.settle_inbox(&item, &decision.line()).await?;
    tracing::info!(by = %caller.member.actor, "a callback was dismissed");
    Ok(Json(form(&item)))
}

/// Takes back what was decided about a callback: it waits again.
#[utoipa::path(
    post,
    path = "/v1/admin/inbox/reopen",
    tag = "administrators",
    request_body = ReopenForm,
    responses((status = 200, body = InboxForm, description = "The item"))
)]
async fn reopen<S: Store>(
    State(office): State<Arc<Office<S>>>,
    (method, uri, headers): Head,
    body: Bytes,
) -> Result<Json<InboxForm>, Problem> {
    let caller = office.platform((&method, &uri, &headers), &body).await?;
    let ask: ReopenForm = read(&body)?;
    let reason = because(&ask.reason)?;
    if whole(&ask.hash).is_none() {
        return Err(Problem::bad_request("Give the whole hash: what was decided is in no list any more."));
    }
    let (item, outcome) = find(&*office.store, &ask.hash).await?;
    let outcome = outcome.ok_or_else(|| Problem::bad_request("It waits: there is nothing to take back."))?;
    if Decision::was_reopened(&outcome) {
        return Err(Problem::bad_request("It was reopened before, and went to its place by itself."));
    }
    let shop = Decision::shop_of(&outcome);
    let decision = Decision::new(What::Reopened, &caller, (office.clock)());
    if let Some(shop) = &shop {
        // First the shop, so that a failure in between leaves it to be reopened again.
        let reason = format!("{reason} (by {})", caller.member.name);
        retract(&*office.store, &item, shop, reason, (office.clock)()).await?;
    }
    let decision = Decision { shop: shop.map(|id| id.to_string()), reason: Some(reason), ..decision };
    office.store.reopen_inbox(&item, &decision.line()).await?;
    tracing::info!(by = %caller.member.actor, "a decision about a callback was taken back");
    Ok(Json(form(&item)))
}

/// Tells a shop that the payment in an item is not its own after all.
async fn retract<S: Store>(
    store: &S,
    item: &InboxItem,
    shop: &ShopId,
    reason: String,
    now: Timestamp,
) -> Result<(), Problem> {
    let platform = store.shop(&ShopId::of_platform()).await?;
    if let Some(paid) = licence::payment_in(platform.as_ref(), &item.body, item.received_at) {
        if licence::whose(store, &paid.receipt).await?.as_ref() == Some(shop) {
            licence::take_back(store, (paid.source, paid.receipt), shop, reason, now).await?;
        }
        return Ok(());
    }
    let Some((source, receipt)) = money_in(&item.body) else { return Ok(()) };
    let kept = store.feed_item(shop, (source.name(), receipt.as_str())).await?;
    // The shop may have heard the same from Safaricom itself: then nothing came to it from here, and what
    // it has stays its own.
    if kept.is_none_or(|kept| kept.received_at() != item.received_at) {
        return Ok(());
    }
    let said = serde_json::json!({
        "retracted": source.name(), "receipt": receipt.as_str(), "reason": &reason,
        "inbox": hex::encode(item.hash), "at": now.to_string(),
    });
    let raw = RawCallback { body: said.to_string().into_bytes(), received_at: now };
    let retraction = FeedItem::Retraction(Retraction { source, receipt, reason, received_at: now });
    keep(store, &raw, &Filing::Feed(shop.clone(), Box::new(retraction))).await?;
    Ok(())
}

/// Two who give one payment to two shops at once would both find it waiting, and it would count in both.
async fn keep_others_out<S: Store>(
    store: &S,
    item: &InboxItem,
    shop: &ShopId,
    now: Timestamp,
) -> Result<(), Problem> {
    let lock = format!("giving {}", hex::encode(item.hash));
    match store.hold(&lock, shop.as_str(), now, now.plus_millis(GIVING_MILLIS)).await? {
        None => Ok(()),
        Some((other, _)) => Err(Problem::bad_request(format!(
            "Somebody is just giving it to {other}, or did a moment ago: look again in half a minute."
        ))),
    }
}

/// What was taken back from a shop can not be given to it again: its tills leave this message out for good.
async fn refuse_retracted<S: Store>(store: &S, item: &InboxItem, shop: &ShopId) -> Result<(), Problem> {
    let Some((source, receipt)) = money_in(&item.body) else { return Ok(()) };
    match store.feed_item(shop, Retraction::name_of(source, &receipt)).await? {
        Some(FeedItem::Retraction(it)) => Err(Problem::bad_request(format!(
            "This message was taken back from {shop} before: {}. If {receipt} is this shop's after all, ask \
             Safaricom about it: the answer counts.",
            it.reason
        ))),
        _ => Ok(()),
    }
}

/// As which kind of evidence, on which receipt, [`assign`] files a body.
fn money_in(body: &[u8]) -> Option<(Source, ReceiptCode)> {
    match daraja::parse(body).ok()? {
        Inbound::C2b(payment) => Some((Source::C2bConfirmation, payment.receipt)),
        Inbound::Stk(StkOutcome { paid, .. }) => paid.map(|paid| (Source::StkResult, paid.receipt)),
        Inbound::Result(RequestResult { content: ResultContent::Status(status), .. }) => {
            status.is_completed().then_some((Source::StatusResult, status.receipt))
        }
        Inbound::Result(_) => None,
    }
}

/// A reason that was given, of a size to be kept.
fn because(reason: &str) -> Result<String, Problem> {
    let reason: String = reason.trim().chars().take(200).collect();
    if reason.is_empty() {
        return Err(Problem::bad_request("Say why: somebody will want to know."));
    }
    Ok(reason)
}

/// The one item whose hash begins so and that waits.
async fn find_waiting<S: Store>(store: &S, hash: &str) -> Result<InboxItem, Problem> {
    match find(store, hash).await? {
        (item, None) => Ok(item),
        (_, Some(outcome)) => {
            let title = format!("It was decided: {}. Reopen it to decide anew.", Decision::told(&outcome));
            Err(Problem::bad_request(title))
        }
    }
}

/// A hash, if this is all of it.
fn whole(hash: &str) -> Option<[u8; 32]> {
    hex::decode(hash).ok()?.try_into().ok()
}

/// The one item whose hash begins so, and what was decided about it. Of what waits no more only the whole
/// hash is known.
async fn find<S: Store>(store: &S, hash: &str) -> Result<(InboxItem, Option<String>), Problem> {
    if hash.len() < 8 {
        return Err(Problem::bad_request("Give at least the first 8 digits of the hash."));
    }
    if let Some(hash) = whole(hash)
        && let Some(found) = store.inbox_item(&hash).await?
    {
        return Ok(found);
    }
    let hash = hash.to_ascii_lowercase();
    let items = store.inbox(SEARCHED).await?.into_iter();
    let mut found = items.filter(|item| hex::encode(item.hash).starts_with(&hash));
    let first = found.next().ok_or_else(|| Problem::not_found("Nothing in the inbox has this hash."))?;
    match found.next() {
        None => Ok((first, None)),
        Some(_) => Err(Problem::bad_request("More than one hash begins so: give more of it.")),
    }
}

fn form(item: &InboxItem) -> InboxForm {
    InboxForm {
        hash: hex::encode(item.hash),
        received_at: item.received_at.to_string(),
        reason: item.reason.clone(),
        bytes: item.body.len(),
    }
}

/// A text in which every run of digits that may be a phone number shows its last three only.
fn hide_numbers(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().map(Some).chain([None]) {
        match c.filter(char::is_ascii_digit) {
            Some(digit) => run.push(digit),
            None => {
                shown.push_str(&hidden(&run));
                run.clear();
                shown.extend(c);
            }
        }
    }
    shown
}

fn hidden(run: &str) -> String {
    let national = run.strip_prefix("254").or_else(|| run.strip_prefix('0')).unwrap_or_default();
    let phone = national.len() == 9 && national.starts_with(['7', '1']);
    let last = run.len().saturating_sub(3);
    if phone { format!("***{}", run.get(last..).unwrap_or_default()) } else { run.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_decision_says_which_shop_has_it_now() {
        let decided = |what, shop: Option<&str>| {
            let (by, at) = ("9".to_owned(), "now".to_owned());
            Decision { what, shop: shop.map(str::to_owned), by, at, reason: Some("so".into()) }.line()
        };
        let (given, dismissed) = (decided(What::Given, Some("mjini")), decided(What::Dismissed, None));
        let reopened = decided(What::Reopened, Some("mjini"));
        let shop_of = |lines: &[&str]| Decision::shop_of(&lines.join("\n")).map(|id| id.to_string());
        assert_eq!(shop_of(&[&given]).as_deref(), Some("mjini"));
        assert_eq!(shop_of(&[&dismissed, &reopened, &given]).as_deref(), Some("mjini"));
        assert_eq!((shop_of(&[&given, &reopened]), shop_of(&[&dismissed])), (None, None));
        assert!(Decision::was_reopened(&reopened) && !Decision::was_reopened(&given));
        assert_eq!(shop_of(&["given to mjini by 9 at noon"]).as_deref(), Some("mjini"), "as it was written");
        assert_eq!(shop_of(&["dismissed by 9 at noon: no"]), None);
        let told = Decision::told(&[dismissed, reopened].join("\n"));
        assert_eq!(told, "dismissed by 9 at now: so\ntaken back from mjini by 9 at now: so");
    }

    #[test]
    fn phone_numbers_are_hidden_and_amounts_and_times_are_not() {
        let body =
            r#"{"MSISDN":"254708374149","TransAmount":"500.00","TransTime":20261121101500,"a":"0712345678"}"#;
        let shown = r#"{"MSISDN":"***149","TransAmount":"500.00","TransTime":20261121101500,"a":"***678"}"#;
        assert_eq!(hide_numbers(body), shown);
    }
}
