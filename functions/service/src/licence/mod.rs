//! Licences: payments to the platform's own number, and what they buy for which shop.
//!
//! The platform is a shop like any other ([`ShopId::of_platform`]): its paybill has callback addresses, is
//! pulled, and keeps what it is told in its own feed, once for each receipt. Beside that, each shop has notes
//! of the messages that concern its own licence, from which the licence is folded in one read. The notes are
//! written after the feed and before the acknowledgement, as often as a message comes.

mod admin;
mod owners;
mod signer;

pub(crate) use admin::routes;
pub use admin::{GrantForm, LicencesForm, OwnerForm, PriceForm, SellForm, ShopLicence};
pub use owners::{Owners, TextError, Texts};
pub(crate) use signer::Signer;

use crate::filing::{Filed, bare, confirmation, keep};
use crate::store::{Filing, RawCallback};
use crate::{Store, StoreError};
use daraja::{Inbound, PulledRow};
use domain::licence::{Account, Named, Offer, Price, Reference, Tariff};
use domain::{Evidence, FeedItem, Money, Msisdn, ReceiptCode, Retraction, Shop, ShopId, Source, Timestamp};
use replica::wire::{decode_feed_item, encode_feed_item};
use serde::{Deserialize, Serialize};

/// How the notes begin that a shop's licence is folded from.
const NOTES: &str = "licence/";
/// The note in which stands when the shop first needed a licence.
const BEGAN: &str = "licence/began";
/// How the platform's notes begin that say whose licence a receipt pays.
const RECEIPTS: &str = "receipt/";
/// The note in which a shop's owner's phone stands, apart from all else of the shop.
const OWNER: &str = "owner";
/// The platform's note of its prices.
const TARIFF: &str = "tariff";

/// One price, as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptPrice {
    from: i64,
    cents: Option<i64>,
    days: u32,
}

/// The prices of licences; none where nobody sells them.
pub(crate) async fn tariff<S: Store>(store: &S) -> Result<Tariff, StoreError> {
    let notes = store.notes(&ShopId::of_platform(), TARIFF).await?;
    let Some((_, content)) = notes.iter().find(|(name, _)| name == TARIFF) else {
        return Ok(Tariff::default());
    };
    let damaged = |_| StoreError::Damaged("the prices of licences".to_owned());
    let forms: Vec<KeptPrice> = serde_json::from_slice(content).map_err(|_| damaged(()))?;
    let read = |form: KeptPrice| {
        let price = form.cents.map(|cents| Price { amount: Money::from_cents(cents), days: form.days });
        Some((Timestamp::from_millis(form.from).ok()?, price))
    };
    Ok(Tariff::new(forms.into_iter().filter_map(read).collect()))
}

/// Keeps the prices.
pub(crate) async fn put_tariff<S: Store>(store: &S, tariff: &Tariff) -> Result<(), StoreError> {
    let form = |(from, price): &(Timestamp, Option<Price>)| KeptPrice {
        from: from.millis(),
        cents: price.map(|price| price.amount.cents()),
        days: price.map_or(0, |price| price.days),
    };
    let forms: Vec<KeptPrice> = tariff.prices().iter().map(form).collect();
    let content = serde_json::to_vec(&forms).map_err(|e| StoreError::Damaged(e.to_string()))?;
    store.put_note(&ShopId::of_platform(), TARIFF, &content).await
}

/// What is sold now, and for how much; nothing where no licence is needed.
pub(crate) async fn offer<S: Store>(
    store: &S,
    tariff: &Tariff,
    now: Timestamp,
) -> Result<Option<Offer>, StoreError> {
    let Some(price) = tariff.at(now) else { return Ok(None) };
    let platform = store.shop(&ShopId::of_platform()).await?;
    Ok(platform.map(|platform| Offer { paybill: platform.account.shortcode().clone(), price }))
}

/// All that a shop's payments bought. `begin` says that it needs a licence from now on, if it did not before.
pub(crate) async fn account<S: Store>(
    store: &S,
    shop: &ShopId,
    tariff: &Tariff,
    begin: Option<Timestamp>,
) -> Result<Account, StoreError> {
    let (mut began, mut messages) = (None, Vec::new());
    for (name, content) in store.notes(shop, NOTES).await? {
        if name == BEGAN {
            began = std::str::from_utf8(&content).ok().and_then(|text| text.parse().ok());
        } else if !content.is_empty() {
            let damaged = |_| StoreError::Damaged(format!("the note {name} of shop {shop}"));
            messages.push(decode_feed_item(&content).map_err(damaged)?);
        }
    }
    let began = began.and_then(|millis: i64| Timestamp::from_millis(millis).ok());
    if let (None, Some(now)) = (began, begin) {
        store.put_note(shop, BEGAN, now.millis().to_string().as_bytes()).await?;
    }
    Ok(Account::fold(began.or(begin), &messages, tariff))
}

/// Where a payment to the platform's number belongs: with the platform, if it names a shop; else a person says
/// whose it is.
pub(crate) async fn filing<S: Store>(store: &S, evidence: Evidence) -> Result<Filing, StoreError> {
    let whose = match whose(store, &evidence.receipt).await? {
        Some(shop) => Ok(shop),
        None => named(store, &evidence.account_reference).await?,
    };
    Ok(match whose {
        Ok(_) => Filing::Feed(ShopId::of_platform(), Box::new(FeedItem::Arrival(evidence))),
        Err(reason) => Filing::Inbox(reason, None),
    })
}

/// The shop that a reference names, or why it names none.
async fn named<S: Store>(store: &S, typed: &str) -> Result<Result<ShopId, String>, StoreError> {
    let Some(reference) = Reference::parse(typed) else {
        return Ok(Err("a payment for a licence whose account number is not LICENSE- and a shop".to_owned()));
    };
    // Nearly always it is typed as it is shown.
    if let Some(literal) = reference.literal()
        && let Some(shop) = store.shop(&literal).await?
    {
        return Ok(Ok(shop.id));
    }
    let shops = store.shops().await?;
    Ok(match reference.among(shops.iter().map(|shop| &shop.id)) {
        Named::Shop(shop) => Ok(shop),
        Named::Nobody => Err("a payment for the licence of a shop that does not exist".to_owned()),
        Named::Several(several) => {
            let several: Vec<&str> = several.iter().map(ShopId::as_str).collect();
            Err(format!("a payment for the licence of one of these shops: {}", several.join(", ")))
        }
    })
}

/// Whose licence a receipt pays, where that was found out before or a person said so.
pub(crate) async fn whose<S: Store>(store: &S, receipt: &ReceiptCode) -> Result<Option<ShopId>, StoreError> {
    let name = format!("{RECEIPTS}{receipt}");
    let notes = store.notes(&ShopId::of_platform(), &name).await?;
    let found = notes.iter().find(|(found, _)| *found == name).map(|(_, shop)| shop);
    Ok(found.and_then(|shop| ShopId::parse(std::str::from_utf8(shop).ok()?).ok()))
}

async fn bind<S: Store>(store: &S, receipt: &ReceiptCode, shop: Option<&ShopId>) -> Result<(), StoreError> {
    let (name, shop) = (format!("{RECEIPTS}{receipt}"), shop.map_or("", ShopId::as_str));
    store.put_note(&ShopId::of_platform(), &name, shop.as_bytes()).await
}

/// Notes a message that is in the platform's feed with the shop whose licence it concerns.
pub(crate) async fn note<S: Store>(store: &S, item: &FeedItem) -> Result<(), StoreError> {
    let (receipt, reference) = match item {
        FeedItem::Arrival(evidence) => (&evidence.receipt, evidence.account_reference.as_str()),
        FeedItem::Reversal(reversal) => (&reversal.receipt, ""),
        FeedItem::PushResult(_) | FeedItem::PushQuery(_) | FeedItem::Retraction(_) => return Ok(()),
    };
    let shop = match whose(store, receipt).await? {
        Some(shop) => shop,
        None => match named(store, reference).await? {
            Ok(shop) => shop,
            Err(_) => return Ok(()),
        },
    };
    bind(store, receipt, Some(&shop)).await?;
    put(store, &shop, item).await?;
    // A message that came before anybody knew whose it is.
    let reversal = ("reversal", receipt.as_str());
    match store.feed_item(&ShopId::of_platform(), reversal).await? {
        Some(reversal) => put(store, &shop, &reversal).await,
        None => Ok(()),
    }
}

async fn put<S: Store>(store: &S, shop: &ShopId, item: &FeedItem) -> Result<(), StoreError> {
    store.put_note(shop, &note_name(item.name()), &encode_feed_item(item)).await
}

fn note_name((kind, receipt): (&str, &str)) -> String {
    format!("{NOTES}{kind}/{receipt}")
}

/// A person gives a payment for a licence to a shop; in the inbox it stays where another has it.
pub(crate) async fn give<S: Store>(
    store: &S,
    raw: &RawCallback,
    evidence: Evidence,
    shop: &ShopId,
) -> Result<Filed, StoreError> {
    if let Some(other) = whose(store, &evidence.receipt).await?.filter(|other| other != shop) {
        let reason = format!("{} pays the licence of {other}", evidence.receipt);
        return Ok(Filed::Inbox { reason, again: true });
    }
    bind(store, &evidence.receipt, Some(shop)).await?;
    // What was taken back from this shop before counts again.
    let taken_back = Retraction::name_of(evidence.source, &evidence.receipt);
    store.put_note(shop, &note_name(taken_back), &[]).await?;
    let filing = Filing::Feed(ShopId::of_platform(), Box::new(FeedItem::Arrival(evidence)));
    keep(store, raw, &filing).await
}

/// A person takes a payment back from the shop to whose licence it was given.
pub(crate) async fn take_back<S: Store>(
    store: &S,
    (source, receipt): (Source, ReceiptCode),
    shop: &ShopId,
    reason: String,
    now: Timestamp,
) -> Result<(), StoreError> {
    let retraction = Retraction { source, receipt: receipt.clone(), reason, received_at: now };
    put(store, shop, &FeedItem::Retraction(retraction)).await?;
    bind(store, &receipt, None).await
}

/// The phone of a shop's owner.
pub(crate) async fn owner<S: Store>(store: &S, shop: &ShopId) -> Result<Option<Msisdn>, StoreError> {
    let notes = store.notes(shop, OWNER).await?;
    let phone = notes.iter().find(|(name, _)| name == OWNER).map(|(_, phone)| phone);
    Ok(phone.and_then(|phone| Msisdn::parse_phone(std::str::from_utf8(phone).ok()?).ok()))
}

/// Keeps the phone of a shop's owner, or forgets it.
pub(crate) async fn put_owner<S: Store>(
    store: &S,
    shop: &ShopId,
    phone: Option<&Msisdn>,
) -> Result<(), StoreError> {
    store.put_note(shop, OWNER, phone.map_or("", Msisdn::as_str).as_bytes()).await
}

/// A pulled row of the platform's that names no shop, as it waits in the inbox: the row alone does not say to
/// which number it was paid.
#[derive(Serialize, Deserialize)]
struct PulledOrphan {
    licence_payment: String,
}

/// The body under which such a row waits.
pub(crate) fn orphaned_row(row: &[u8]) -> Vec<u8> {
    let orphan = PulledOrphan { licence_payment: String::from_utf8_lossy(row).into_owned() };
    serde_json::to_vec(&orphan).unwrap_or_default()
}

/// The payment to the platform's number that a body in the inbox tells of, if it does.
pub(crate) fn payment_in(platform: Option<&Shop>, body: &[u8], received_at: Timestamp) -> Option<Evidence> {
    let platform = platform?;
    if let Ok(PulledOrphan { licence_payment }) = serde_json::from_slice(body) {
        let row = PulledRow::read(licence_payment.as_bytes()).content.ok()?;
        return Some(Evidence {
            source: Source::PulledRow,
            account_reference: row.account_reference,
            ..bare(Source::PulledRow, row.receipt, (row.amount, None), platform, received_at)
        });
    }
    match daraja::parse(body) {
        Ok(Inbound::C2b(payment)) if platform.has_number(&payment.shortcode) => {
            Some(confirmation(payment, platform, received_at))
        }
        _ => None,
    }
}
