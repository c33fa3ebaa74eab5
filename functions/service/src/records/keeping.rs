//! Taking in what another store kept.

use super::{Page, Part, Record};
use crate::counters::{TILLS, letters_of, lives_of};
use crate::store::{AnswerKind, Filing, RawCallback, Recorded, Request, Tokens};
use crate::{Store, StoreError};
use domain::{Actor, CheckoutId, Entry, FeedItem, Member, Role, Shop, ShopId, Timestamp};
use replica::{Batch, Head, PublicKey};
use std::collections::BTreeSet;

/// A page of a part after a place.
///
/// # Errors
/// The store does not answer.
pub(super) async fn page<S: Store>(
    store: &S,
    part: &Part,
    after: &[u8],
    now: Timestamp,
) -> Result<Page, StoreError> {
    match part {
        Part::Listed(listing) => {
            let mut page = store.records(listing, after).await?;
            page.records.retain(|record| moves(record, now));
            Ok(page)
        }
        Part::Shop(id) => {
            let found = (store.shop(id).await?, store.tokens(id).await?);
            let records = match found {
                (Some(shop), Some(tokens)) => vec![Record::Shop(shop, tokens)],
                _ => Vec::new(),
            };
            Ok(Page { records, ..Page::default() })
        }
        Part::MembersOf(shop) => {
            let members = store.members_of(shop).await?.into_iter();
            let records = members.map(|member| Record::Member(member, Some(shop.clone())));
            Ok(Page { records: records.collect(), ..Page::default() })
        }
        Part::Counters(shop) => counters(store, shop.as_ref()).await,
        Part::Journal(shop, actor) => {
            let after = u64::from_be_bytes(after.try_into().unwrap_or_default());
            let batches = store.batches(shop, *actor, after, super::PAGE_BYTES).await?;
            let end = batches.last().map(|batch| batch.last().to_be_bytes().to_vec());
            let records = batches.into_iter().map(|batch| Record::Batch(shop.clone(), batch)).collect();
            Ok(Page { records, after: end, ..Page::default() })
        }
    }
}

/// Administrators stay with their deployment, and what is good for nothing any more where it is.
fn moves(record: &Record, now: Timestamp) -> bool {
    match record {
        Record::Member(member, _) => member.role != Role::Platform,
        Record::Enrolment(enrolment) => enrolment.expires_at > now,
        _ => true,
    }
}

async fn counters<S: Store>(store: &S, shop: Option<&ShopId>) -> Result<Page, StoreError> {
    let names = match shop {
        None => BTreeSet::from([TILLS.to_owned()]),
        Some(shop) => {
            let members = store.members_of(shop).await?;
            let lives = members.iter().map(|member| lives_of(member.actor.till));
            lives.chain([letters_of(shop)]).collect()
        }
    };
    let mut page = Page::default();
    for name in names {
        let reached = store.counter(&name).await?;
        page.records.extend((reached > 0).then_some(Record::Counter(name, reached)));
    }
    Ok(page)
}

/// Keeps a record of another store. One that is kept already changes nothing; why one can not be kept is said.
///
/// # Errors
/// The store does not answer.
pub async fn keep<S: Store>(
    store: &S,
    record: &Record,
    now: Timestamp,
) -> Result<Result<(), String>, StoreError> {
    if record.bytes() > super::MOST_BYTES {
        return Ok(Err(format!("{}: it is larger than any store takes", record.name())));
    }
    match record {
        Record::Shop(shop, tokens) => keep_shop(store, shop, tokens).await,
        Record::Member(member, shop) => keep_member(store, member, shop.as_ref()).await,
        Record::Counter(name, reached) => done(store.raise_counter(name, *reached).await),
        Record::Enrolment(enrolment) => done(store.put_enrolment(enrolment).await),
        Record::Orphan(orphan) => done(store.put_orphan(orphan).await),
        Record::Note(shop, name, content) => done(store.put_note(shop, name, content).await),
        Record::Request(request) => done(keep_request(store, request).await),
        Record::Answer(request, kind, raw) => keep_answer(store, request, *kind, raw).await,
        Record::Message(shop, item, raw) => keep_message(store, shop, item, raw).await,
        Record::Batch(shop, batch) => keep_batch(store, shop, batch, now).await,
    }
}

fn done(kept: Result<(), StoreError>) -> Result<Result<(), String>, StoreError> {
    kept.map(Ok)
}

async fn keep_shop<S: Store>(
    store: &S,
    shop: &Shop,
    tokens: &Tokens,
) -> Result<Result<(), String>, StoreError> {
    for number in shop.own_numbers() {
        if store.shop_of_number(number).await?.is_some_and(|holder| holder != shop.id) {
            return Ok(Err(format!("shop {}: another shop here has the number {number}", shop.id)));
        }
    }
    done(store.put_shop(shop, tokens).await)
}

async fn keep_member<S: Store>(
    store: &S,
    member: &Member,
    shop: Option<&ShopId>,
) -> Result<Result<(), String>, StoreError> {
    let kept = store.member(member.actor).await?;
    if let Some((kept, _)) = &kept
        && kept.public_key != member.public_key
    {
        return Ok(Err(format!("member {}: here that number is {}'s", member.actor, kept.name)));
    }
    // Nobody who was kept out comes back.
    let revoked = member.revoked || kept.is_some_and(|(kept, _)| kept.revoked);
    done(store.put_member(&Member { revoked, ..member.clone() }, shop).await)
}

async fn keep_request<S: Store>(store: &S, request: &Request) -> Result<(), StoreError> {
    if request.accepted.is_some() {
        return store.accept_request(request).await;
    }
    store.begin_request(request).await.map(drop)
}

async fn keep_answer<S: Store>(
    store: &S,
    request: &CheckoutId,
    kind: AnswerKind,
    raw: &RawCallback,
) -> Result<Result<(), String>, StoreError> {
    let recorded = store.record(raw, &Filing::Answer(request.clone(), kind)).await?;
    let other = || format!("{} of {request}: here it says something else", kind.name());
    Ok(if matches!(recorded, Recorded::Differs(_)) { Err(other()) } else { Ok(()) })
}

async fn keep_message<S: Store>(
    store: &S,
    shop: &ShopId,
    item: &FeedItem,
    raw: &RawCallback,
) -> Result<Result<(), String>, StoreError> {
    let recorded = store.record(raw, &Filing::Feed(shop.clone(), Box::new(item.clone()))).await?;
    let (kind, name) = item.name();
    let other = || format!("{kind} {name} of {shop}: here it says something else");
    Ok(if matches!(recorded, Recorded::Differs(_)) { Err(other()) } else { Ok(()) })
}

/// Appends a batch that follows the journal's end by its writer's hand; of one that was joined since a part of it
/// came here, the rest.
async fn keep_batch<S: Store>(
    store: &S,
    shop: &ShopId,
    batch: &Batch,
    now: Timestamp,
) -> Result<Result<(), String>, StoreError> {
    let journal = |why: &dyn std::fmt::Display| Ok(Err(format!("journal {} of {shop}: {why}", batch.actor)));
    let before = store.head(shop, batch.actor).await?;
    if batch.last() <= before.number {
        return Ok(Ok(()));
    }
    let Some(key) = writer(store, batch.actor).await? else {
        return journal(&"nobody here writes it: copy the members first");
    };
    let entries: Vec<Entry> = match batch.open(before, &key) {
        Ok(opened) => opened.into_iter().map(|opened| opened.entry).collect(),
        Err(why) => return journal(&why),
    };
    let whole = before.number.checked_add(1) == Some(batch.first);
    let rest = if whole { Some(batch.clone()) } else { Batch::signed(&entries) };
    let (Some(rest), Some(last)) = (rest, entries.last()) else { return journal(&"an empty batch") };
    if store.append(shop, &rest, before, Head::of(last), now).await? {
        return Ok(Ok(()));
    }
    journal(&"somebody else writes it here: is this cloud in use?")
}

async fn writer<S: Store>(store: &S, actor: Actor) -> Result<Option<PublicKey>, StoreError> {
    let member = store.member(actor).await?;
    Ok(member.and_then(|(member, _)| PublicKey::from_bytes(&member.public_key)))
}
