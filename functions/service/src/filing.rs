//! Where a callback belongs: the feed of a shop, beside the request it answers, or the inbox.
//!
//! Nothing is refused here and nothing is matched. What is not understood, belongs to nobody or is not
//! believed goes to the inbox with its reason: the money has already moved (field study W1, W3).

use crate::store::{AnswerKind, Filing, Purpose, RawCallback, Recorded, Request};
use crate::{METRICS, Store, StoreError, licence};
use daraja::inbound::{RequestResult, ResultContent, StatusResult};
use daraja::{C2bPayment, Inbound, Party, StkOutcome};
use domain::{
    CheckoutId, Evidence, FeedItem, Payer, PushResult, Reversal, Shop, ShopId, ShortCode, Source, Timestamp,
};
use sha2::{Digest, Sha256};

/// How a callback came in.
#[derive(Debug, Clone, Default)]
pub struct Arrived {
    /// The shop whose token the caller used. A body that speaks of another shop is not believed.
    pub bound: Option<Shop>,
    /// It came where requests that ran out of time are told of: nothing in the body says so.
    pub timed_out: bool,
    /// Why it is not believed, whatever it says.
    pub suspect: Option<String>,
}

/// What became of a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filed {
    /// It is where it belongs now.
    New,
    /// It was there before.
    Again,
    /// It waits for a person.
    Inbox {
        /// For this reason.
        reason: String,
        /// It waited there before.
        again: bool,
    },
}

/// Keeps one callback.
///
/// # Errors
/// The store kept nothing; the caller must not acknowledge.
pub async fn file<S: Store>(store: &S, raw: &RawCallback, arrived: &Arrived) -> Result<Filed, StoreError> {
    if let Some(reason) = &arrived.suspect {
        // No orphan: whoever took it tells of it as a suspect.
        return record(store, raw, &inbox(reason.as_str())).await;
    }
    let filing = filing(store, raw, arrived).await?;
    let filed = keep(store, raw, &filing).await?;
    // The request may have become known between our look and our note that it is not: whoever made it known
    // looked before the note was there, so we look once more.
    if let (Filing::Inbox(_, Some(waiting)), Some(request)) = (&filing, named(&raw.body))
        && store.request_of(&request).await?.is_some()
    {
        file_again(store, raw, waiting, arrived).await?;
    }
    Ok(filed)
}

/// The request that a body answers, as Safaricom calls it.
fn named(body: &[u8]) -> Option<CheckoutId> {
    match daraja::parse(body) {
        Ok(Inbound::Stk(outcome)) => Some(outcome.checkout),
        Ok(Inbound::Result(result)) => CheckoutId::parse(&result.originator).ok(),
        _ => None,
    }
}

/// Under which name an answer waits that came before its request was known: who brought it and where is
/// part of it, so that another shop's token neither answers for this shop nor stands in the way.
pub(crate) fn waiting_name(
    request: &CheckoutId,
    shop: Option<&ShopId>,
    timed_out: bool,
) -> Option<CheckoutId> {
    let shop = shop.map_or("", ShopId::as_str);
    let digest = Sha256::digest(format!("{shop}\n{timed_out}\n{request}"));
    CheckoutId::parse(&hex::encode(digest)).ok()
}

/// Files the answer to a request that was not known when it came. It leaves the inbox only for its place;
/// what is still not believed stays there, to be looked at.
pub(crate) async fn file_again<S: Store>(
    store: &S,
    raw: &RawCallback,
    waiting: &CheckoutId,
    arrived: &Arrived,
) -> Result<(), StoreError> {
    let filing = filing(store, raw, arrived).await?;
    if matches!(filing, Filing::Inbox(..)) {
        return Ok(());
    }
    match keep(store, raw, &filing).await? {
        Filed::New | Filed::Again => store.settle_early_answer(waiting).await,
        Filed::Inbox { .. } => Ok(()),
    }
}

/// Files a body for a shop because a person says so, whatever number or request it names. What was paid to the
/// platform pays the shop's licence, and is no payment of its customers.
///
/// # Errors
/// `Ok(None)`: nothing in it says that money arrived. Otherwise the store kept nothing.
pub async fn assign<S: Store>(
    store: &S,
    raw: &RawCallback,
    shop: &Shop,
) -> Result<Option<Filed>, StoreError> {
    let platform = store.shop(&ShopId::of_platform()).await?;
    if let Some(evidence) = licence::payment_in(platform.as_ref(), &raw.body, raw.received_at) {
        return licence::give(store, raw, evidence, &shop.id).await.map(Some);
    }
    let evidence = match daraja::parse(&raw.body) {
        Ok(Inbound::C2b(payment)) => Some(confirmation(payment, shop, raw.received_at)),
        Ok(Inbound::Stk(StkOutcome { paid: Some(paid), .. })) => {
            Some(push_money(paid, shop, raw.received_at))
        }
        Ok(Inbound::Result(RequestResult { content: ResultContent::Status(status), .. })) => {
            status.is_completed().then(|| status_money(status, shop, raw.received_at))
        }
        _ => None,
    };
    let Some(evidence) = evidence else { return Ok(None) };
    let filing = Filing::Feed(shop.id.clone(), Box::new(FeedItem::Arrival(evidence)));
    keep(store, raw, &filing).await.map(Some)
}

/// Records a filing. What differs from what is kept under the same name goes to the inbox; what only says
/// the same in other words does not. Whatever is new in the inbox is counted, whoever brings it. What is paid to the
/// platform is noted with the shop whose licence it is, each time anew: the last time may have been interrupted before.
pub(crate) async fn keep<S: Store>(
    store: &S,
    raw: &RawCallback,
    filing: &Filing,
) -> Result<Filed, StoreError> {
    let filed = record(store, raw, filing).await?;
    match (filing, &filed) {
        (Filing::Feed(shop, item), Filed::New | Filed::Again) if shop.is_platform() => {
            licence::note(store, item).await?;
        }
        (_, Filed::Inbox { again: false, .. }) => tracing::trace!(target: METRICS, Orphans = 1),
        _ => {}
    }
    Ok(filed)
}

async fn record<S: Store>(store: &S, raw: &RawCallback, filing: &Filing) -> Result<Filed, StoreError> {
    let kept = store.record(raw, filing).await?;
    match (&kept, filing) {
        (Recorded::New | Recorded::Again, Filing::Inbox(reason, _)) => Ok(waits(reason, &kept)),
        (Recorded::New, _) => {
            if let Filing::Feed(_, item) = filing
                && let Some(paid_at) = item.evidence().and_then(|evidence| evidence.paid_at)
            {
                let lag = raw.received_at.millis().saturating_sub(paid_at.millis());
                tracing::trace!(target: METRICS, EvidenceLagMillis = lag);
            }
            Ok(Filed::New)
        }
        (Recorded::Again, _) => Ok(Filed::Again),
        (Recorded::Differs(Some(kept)), Filing::Feed(_, item)) if kept.says_the_same(item) => {
            Ok(Filed::Again)
        }
        (Recorded::Differs(_), _) => {
            let reason = "another message under the same name came before and says something else";
            Ok(waits(reason, &store.record(raw, &inbox(reason)).await?))
        }
    }
}

/// It lies in the inbox: now, or before.
fn waits(reason: &str, kept: &Recorded) -> Filed {
    let again = *kept != Recorded::New;
    if !again {
        tracing::warn!(alarm = "inbox", reason, "a callback went to the inbox");
    }
    Filed::Inbox { reason: reason.to_owned(), again }
}

async fn filing<S: Store>(store: &S, raw: &RawCallback, arrived: &Arrived) -> Result<Filing, StoreError> {
    match daraja::parse(&raw.body) {
        Ok(Inbound::C2b(payment)) => file_c2b(store, payment, raw.received_at, arrived).await,
        Ok(Inbound::Stk(outcome)) => file_stk(store, outcome, raw.received_at, arrived).await,
        Ok(Inbound::Result(result)) => file_result(store, result, raw.received_at, arrived).await,
        Err(unreadable) => Ok(inbox(unreadable.to_string())),
    }
}

async fn file_c2b<S: Store>(
    store: &S,
    payment: C2bPayment,
    received_at: Timestamp,
    arrived: &Arrived,
) -> Result<Filing, StoreError> {
    let shop = match &arrived.bound {
        Some(shop) if shop.has_number(&payment.shortcode) => shop.clone(),
        Some(shop) => {
            let (shop, number) = (&shop.id, &payment.shortcode);
            return Ok(inbox(format!(
                "it came with the token of {shop}, which does not have the number {number}"
            )));
        }
        None => match shop_of(store, &payment.shortcode).await? {
            Some(shop) => shop,
            None => return Ok(inbox(format!("no shop has the number {}", payment.shortcode))),
        },
    };
    let evidence = confirmation(payment, &shop, received_at);
    if shop.id.is_platform() {
        return licence::filing(store, evidence).await;
    }
    Ok(Filing::Feed(shop.id, Box::new(FeedItem::Arrival(evidence))))
}

/// The one shop that a number leads to. A head-office number leads to a shop only if no other has it.
async fn shop_of<S: Store>(store: &S, number: &ShortCode) -> Result<Option<Shop>, StoreError> {
    if let Some(id) = store.shop_of_number(number).await? {
        return store.shop(&id).await;
    }
    let mut above = store.shops().await?.into_iter().filter(|shop| shop.has_number(number));
    let only = above.next();
    Ok(only.filter(|_| above.next().is_none()))
}

async fn file_stk<S: Store>(
    store: &S,
    outcome: StkOutcome,
    received_at: Timestamp,
    arrived: &Arrived,
) -> Result<Filing, StoreError> {
    let reason = "it answers a push that we did not send";
    let (request, shop) = match asked(store, &outcome.checkout, reason, arrived).await? {
        Ok(found) => found,
        Err(filing) => return Ok(filing),
    };
    let Purpose::Push(sale) = request.purpose else {
        return Ok(inbox("it answers a request that was no push"));
    };
    if outcome.paid.as_ref().is_some_and(|paid| paid.amount != request.amount) {
        return Ok(inbox(format!("it says another amount than the {} we asked for", request.amount)));
    }
    let result = PushResult {
        checkout: outcome.checkout,
        sale,
        code: outcome.code,
        description: outcome.description,
        received_at,
        evidence: outcome.paid.map(|paid| push_money(paid, &shop, received_at)),
    };
    Ok(Filing::Feed(shop.id, Box::new(FeedItem::PushResult(result))))
}

async fn file_result<S: Store>(
    store: &S,
    result: RequestResult,
    received_at: Timestamp,
    arrived: &Arrived,
) -> Result<Filing, StoreError> {
    let Ok(name) = CheckoutId::parse(&result.originator) else {
        return Ok(inbox("OriginatorConversationID is missing or makes no sense"));
    };
    let (request, shop) =
        match asked(store, &name, "it answers a request that we did not make", arrived).await? {
            Ok(found) => found,
            Err(filing) => return Ok(filing),
        };
    if arrived.timed_out {
        return Ok(Filing::Answer(name, AnswerKind::TimedOut));
    }
    Ok(match (&request.purpose, result.content) {
        (Purpose::Status(receipt), ResultContent::Status(status)) if status.is_completed() => {
            if status.receipt != *receipt {
                return Ok(inbox(format!(
                    "it tells of another payment than {receipt}, which we asked about"
                )));
            }
            if !is_paid_to(&status, &shop) {
                return Ok(inbox(format!(
                    "it says that {receipt} was paid to another number than this shop's"
                )));
            }
            let evidence = status_money(status, &shop, received_at);
            Filing::Feed(shop.id, Box::new(FeedItem::Arrival(evidence)))
        }
        (Purpose::Reversal(receipt), ResultContent::Reversal(done)) => {
            if done.original != *receipt {
                return Ok(inbox(format!("it reverses another payment than {receipt}, which we asked for")));
            }
            reversed(
                shop.id,
                Reversal {
                    receipt: done.original,
                    reversal: done.reversal,
                    amount: done.amount,
                    reversed_at: done.completed_at,
                    received_at,
                },
            )
        }
        // Done, without a word of what; or done before, by the portal, or by us with the answer lost.
        (Purpose::Reversal(receipt), _) if ["0", ALREADY_REVERSED].contains(&result.code.as_str()) => {
            let (receipt, amount) = (receipt.clone(), request.amount);
            reversed(shop.id, Reversal { receipt, reversal: None, amount, reversed_at: None, received_at })
        }
        _ => Filing::Answer(name, AnswerKind::Result),
    })
}

/// Fact sheet §3.6.
const ALREADY_REVERSED: &str = "R000001";

fn reversed(shop: ShopId, reversal: Reversal) -> Filing {
    Filing::Feed(shop, Box::new(FeedItem::Reversal(reversal)))
}

/// The request of ours that an answer names, and its shop; or where the answer goes without one. An answer
/// may overtake the answer to our own request, so an unknown one waits under its name.
async fn asked<S: Store>(
    store: &S,
    name: &CheckoutId,
    unknown: &str,
    arrived: &Arrived,
) -> Result<Result<(Request, Shop), Filing>, StoreError> {
    let Some(request) = store.request_of(name).await? else {
        let bound = arrived.bound.as_ref().map(|shop| &shop.id);
        return Ok(Err(Filing::Inbox(unknown.to_owned(), waiting_name(name, bound, arrived.timed_out))));
    };
    if arrived.bound.as_ref().is_some_and(|bound| bound.id != request.shop) {
        return Ok(Err(inbox("it came with another shop's token")));
    }
    Ok(match store.shop(&request.shop).await? {
        Some(shop) => Ok((request, shop)),
        None => Err(inbox(format!("there is no shop {} any more", request.shop))),
    })
}

/// Whether a status tells of money that came to this shop: Safaricom answers about any receipt, and several
/// shops may ask under one head office. Where no party names a number, whoever asked is believed.
fn is_paid_to(status: &StatusResult, shop: &Shop) -> bool {
    let number = |party: &Option<Party>| party.as_ref().and_then(Party::shortcode);
    let credited = number(&status.credit_party).is_none_or(|number| shop.has_number(&number));
    let debited = number(&status.debit_party).is_some_and(|number| shop.has_number(&number));
    credited && !debited
}

pub(crate) fn confirmation(payment: C2bPayment, shop: &Shop, received_at: Timestamp) -> Evidence {
    Evidence {
        source: Source::C2bConfirmation,
        receipt: payment.receipt,
        amount: payment.amount,
        shortcode: canonical(shop, payment.shortcode),
        paid_at: payment.paid_at,
        payer: payment.payer,
        account_reference: payment.account_reference,
        order: payment.third_party.and_then(|text| text.parse().ok()),
        balance: payment.balance,
        received_at,
    }
}

fn push_money(paid: daraja::StkPayment, shop: &Shop, received_at: Timestamp) -> Evidence {
    Evidence {
        payer: Payer { name: None, msisdn: paid.msisdn },
        ..bare(Source::StkResult, paid.receipt, (paid.amount, paid.paid_at), shop, received_at)
    }
}

fn status_money(status: StatusResult, shop: &Shop, received_at: Timestamp) -> Evidence {
    bare(Source::StatusResult, status.receipt, (status.amount, status.finalised_at), shop, received_at)
}

/// Evidence that names the money and nothing else.
pub(crate) fn bare(
    source: Source,
    receipt: domain::ReceiptCode,
    (amount, paid_at): (domain::Money, Option<Timestamp>),
    shop: &Shop,
    received_at: Timestamp,
) -> Evidence {
    Evidence {
        source,
        receipt,
        amount,
        shortcode: shop.account.shortcode().clone(),
        paid_at,
        payer: Payer::default(),
        account_reference: String::new(),
        order: None,
        balance: None,
        received_at,
    }
}

/// One spelling for all numbers of a shop, so that messages that name different ones do not disagree.
fn canonical(shop: &Shop, number: ShortCode) -> ShortCode {
    if shop.has_number(&number) { shop.account.shortcode().clone() } else { number }
}

fn inbox(reason: impl Into<String>) -> Filing {
    Filing::Inbox(reason.into(), None)
}
