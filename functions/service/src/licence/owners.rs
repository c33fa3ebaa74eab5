//! Owners are told by text message what a payment did to their licence: once for each receipt.
//!
//! The platform's feed is the list of what there is to tell. That an attempt is made is noted before it is made,
//! so that nobody is told twice: what was refused is tried again, and what may have gone out is not.

use super::{account, owner, tariff, whose};
use crate::{Clock, Store, StoreError};
use domain::licence::{Grant, Tariff};
use domain::{FeedItem, Msisdn, ReceiptCode, Shop, ShopId};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::sync::Arc;

/// The platform's note of where this stands.
const NOTE: &str = "owners";
/// How a shop's notes begin that say what became of the message about a receipt.
const TEXTS: &str = "text/";
/// While one does this no other does.
const LOCK: &str = "licence owners";
const LOCKED_MILLIS: i64 = 5 * 60_000;
/// The most pages of the feed read at once.
const MAX_PAGES: usize = 50;
/// The most messages that wait: more than a day of a hundred thousand shops.
const MAX_WAITING: usize = 5_000;
/// How often a message is tried that was refused.
const MAX_TRIES: u32 = 20;

/// Sends text messages.
///
/// The contract: `Ok` and [`TextError::Refused`] are certain, all else is [`TextError::Unknown`]. Whoever sends
/// repeats nothing by itself.
pub trait Texts: Send + Sync + 'static {
    /// Sends one message.
    fn send(&self, to: &Msisdn, words: &str) -> impl Future<Output = Result<(), TextError>> + Send;
}

/// A message that did not go out for certain. It never repeats a phone number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It did not go out: later it may.
    #[error("the message was refused: {0}")]
    Refused(String),
    /// It may have gone out.
    #[error("nobody knows whether the message went out: {0}")]
    Unknown(String),
}

/// What it works with.
pub struct Owners<S, T> {
    /// Where payments and phones are kept.
    pub store: Arc<S>,
    /// The way to the phones.
    pub texts: Arc<T>,
    /// The time.
    pub clock: Clock,
}

/// Where this stands.
#[derive(Default, Serialize, Deserialize)]
struct Standing {
    /// How far the platform's feed was read, in hex.
    cursor: String,
    /// What is still to be told: receipts, and how often it was tried.
    waiting: Vec<(String, u32)>,
}

impl<S: Store, T: Texts> Owners<S, T> {
    /// Tells what is new and tries again what was refused. Gives how many messages went out.
    ///
    /// # Errors
    /// The store does not answer; the next time goes on from there.
    pub async fn tell(&self) -> Result<u64, StoreError> {
        let now = (self.clock)();
        // Nearly always there is nothing to tell, and then nothing is written.
        if !self.has_news().await? {
            return Ok(0);
        }
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(|e| StoreError::Unreachable(format!("no randomness: {e}")))?;
        let holder = hex::encode(random);
        if self.store.hold(LOCK, &holder, now, now.plus_millis(LOCKED_MILLIS)).await?.is_some() {
            return Ok(0);
        }
        let told = self.tell_all().await;
        self.store.let_go(LOCK, &holder).await?;
        told
    }

    async fn has_news(&self) -> Result<bool, StoreError> {
        let standing = self.standing().await?;
        let cursor = hex::decode(&standing.cursor).unwrap_or_default();
        let news = self.store.news(&ShopId::of_platform(), &cursor).await?;
        Ok(!standing.waiting.is_empty() || !news.items.is_empty() || news.more)
    }

    /// Where this stands. What can not be read is begun anew: the notes of the shops keep anybody from being told
    /// twice.
    async fn standing(&self) -> Result<Standing, StoreError> {
        let notes = self.store.notes(&ShopId::of_platform(), NOTE).await?;
        let note = notes.iter().find(|(name, _)| name == NOTE).map(|(_, content)| content.as_slice());
        Ok(serde_json::from_slice(note.unwrap_or_default()).unwrap_or_default())
    }

    async fn tell_all(&self) -> Result<u64, StoreError> {
        let mut standing = self.standing().await?;
        self.read_feed(&mut standing).await?;
        let mut told = 0_u64;
        if !standing.waiting.is_empty() {
            let tariff = tariff(&*self.store).await?;
            for (receipt, tries) in std::mem::take(&mut standing.waiting) {
                match self.tell_one(&receipt, &tariff).await? {
                    Told::Now => told = told.saturating_add(1),
                    Told::NotYet if tries < MAX_TRIES => {
                        standing.waiting.push((receipt, tries.saturating_add(1)));
                    }
                    Told::NotYet => tracing::error!(alarm = "text", receipt, "an owner was not told"),
                    Told::Never => {}
                }
            }
        }
        let content = serde_json::to_vec(&standing).map_err(|e| StoreError::Damaged(e.to_string()))?;
        self.store.put_note(&ShopId::of_platform(), NOTE, &content).await?;
        Ok(told)
    }

    async fn read_feed(&self, standing: &mut Standing) -> Result<(), StoreError> {
        for _ in 0..MAX_PAGES {
            if standing.waiting.len() >= MAX_WAITING {
                return Ok(());
            }
            let cursor = hex::decode(&standing.cursor).unwrap_or_default();
            let news = self.store.news(&ShopId::of_platform(), &cursor).await?;
            for receipt in news.items.iter().filter_map(FeedItem::evidence).map(|e| e.receipt.to_string()) {
                if !standing.waiting.iter().any(|(waiting, _)| *waiting == receipt) {
                    standing.waiting.push((receipt, 0));
                }
            }
            standing.cursor = hex::encode(news.cursor);
            if !news.more {
                break;
            }
        }
        Ok(())
    }

    async fn tell_one(&self, receipt: &str, tariff: &Tariff) -> Result<Told, StoreError> {
        let Ok(receipt) = ReceiptCode::parse(receipt) else { return Ok(Told::Never) };
        let Some(id) = whose(&*self.store, &receipt).await? else { return Ok(Told::Never) };
        let Some(shop) = self.store.shop(&id).await? else { return Ok(Told::Never) };
        let name = format!("{TEXTS}{receipt}");
        let notes = self.store.notes(&id, &name).await?;
        let state = notes.iter().find(|(found, _)| *found == name).map(|(_, state)| state.as_slice());
        // An attempt that was begun and of which nothing more is known may have gone out.
        if state.is_some_and(|state| state != REFUSED) {
            return Ok(Told::Never);
        }
        let Some(phone) = owner(&*self.store, &id).await? else { return Ok(Told::Never) };
        let account = account(&*self.store, &id, tariff, None).await?;
        let grant = account.grants.iter().find(|grant| grant.receipt == receipt && !grant.reversed);
        let Some(grant) = grant else { return Ok(Told::Never) };
        self.store.put_note(&id, &name, BEGUN).await?;
        let sent = self.texts.send(&phone, &words(&shop, grant, tariff)).await;
        let (state, told) = match &sent {
            Ok(()) => (SENT, Told::Now),
            Err(TextError::Refused(_)) => (REFUSED, Told::NotYet),
            Err(TextError::Unknown(_)) => (BEGUN, Told::Never),
        };
        if let Err(error) = sent {
            tracing::warn!(shop = %id, %receipt, to = %phone.masked(), %error, "an owner was not told of a licence");
        }
        self.store.put_note(&id, &name, state).await?;
        Ok(told)
    }
}

const BEGUN: &[u8] = b"begun";
const REFUSED: &[u8] = b"refused";
const SENT: &[u8] = b"sent";

/// What became of one message.
enum Told {
    /// It went out.
    Now,
    /// It is tried again.
    NotYet,
    /// There is nothing to tell, nobody to tell it to, or it was told before.
    Never,
}

/// What an owner reads. The first sentence is seed A's.
fn words(shop: &Shop, grant: &Grant, tariff: &Tariff) -> String {
    let (name, Grant { receipt, amount, credit, .. }) = (&shop.name, grant);
    if let Some(until) = grant.until {
        return format!("License activated for {name}. Valid until {} ({receipt}).", until.business_day());
    }
    let more = tariff.at(grant.paid_at).map(|price| (price.amount - *credit, price.days));
    let more = more.map_or(String::new(), |(more, days)| format!(" KES {more} more buys {days} days."));
    format!("KES {amount} was received for the licence of {name} ({receipt}) and is kept.{more}")
}
