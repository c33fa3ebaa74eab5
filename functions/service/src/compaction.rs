//! Joining what is old: of a journal's small batches whose entries all belong to closed days, the cloud
//! makes large ones, so that a new till reads pages and not years of single sales.
//!
//! A walk goes along each journal, from its beginning up to the open days, and does two things. It **joins**
//! consecutive batches; the last signature covers what the others signed, and the joined batch says where it
//! starts. And it **shelves** the batches that bear catalogue entries, each as it came, with its own
//! signature: a new till needs all of those, and the sales between them later. Where the walk ended is a
//! signed head; there a new till enters the journal. So shelf and entries after the entrance are everything a
//! till needs to sell, and what lies before the entrance can be read backwards.
//!
//! The walk is kept in one note of the shop. Losing it, or walking twice, does no harm.

use crate::store::MAX_JOINED;
use crate::{Store, StoreError};
use domain::{Actor, Document, ShopId, Timestamp};
use replica::wire::{decode_batch, encode_batch};
use replica::{Batch, Head};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the note in which a shop's walk is kept.
const NOTE: &str = "journals walked";
/// What the names of shelved batches begin with.
const SHELF: &str = "catalogue ";
/// The fewest batches that are worth joining: fewer wait for more.
const FEWEST: usize = 24;
/// How many days are open: yesterday's tills may still be on their way home.
const OPEN_DAYS: i32 = 2;
/// The largest joined batch, in bytes: a page holds several.
const JOINED_BYTES: usize = 128 * 1024;
/// The most entries in one: what a till writes in one transaction while it sells.
const JOINED_ENTRIES: usize = 1000;
/// How much of a journal is read at once.
const READ_BYTES: usize = 512 * 1024;
/// The most batches joined in one run for one shop; the next run goes on from there.
const MAX_JOINS: u64 = 500;
/// A walk has a lock, and an end after which another may begin.
const LOCK_MILLIS: i64 = 15 * 60_000;

/// How far a journal was walked: a head that its writer signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrance {
    /// The head.
    pub head: Head,
    /// The writer's signature over it.
    pub signature: [u8; 64],
}

/// How far each journal of a shop was walked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walk {
    /// On which day, counted from 1970, everything was walked that could be; the rest waits for tomorrow.
    done: i32,
    /// Where each journal can be entered.
    pub entrances: BTreeMap<Actor, Entrance>,
}

#[derive(Serialize, Deserialize)]
struct WalkForm {
    done: i32,
    /// Actor, number, chain and signature, in hex.
    journals: Vec<(String, u64, String, String)>,
}

impl Walk {
    /// How far a shop's journals were walked. One that can not be read begins anew.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn of<S: Store>(store: &S, shop: &ShopId) -> Result<Self, StoreError> {
        let notes = store.notes(shop, NOTE).await?;
        let note = notes.into_iter().find(|(name, _)| name == NOTE);
        Ok(note.and_then(|(_, content)| Self::read(&content)).unwrap_or_default())
    }

    fn read(content: &[u8]) -> Option<Self> {
        let form: WalkForm = serde_json::from_slice(content).ok()?;
        let entrance = |(actor, number, chain, signature): (String, u64, String, String)| {
            let chain = hex::decode(chain).ok()?.try_into().ok()?;
            let signature = hex::decode(signature).ok()?.try_into().ok()?;
            Some((actor.parse().ok()?, Entrance { head: Head { number, chain }, signature }))
        };
        let entrances = form.journals.into_iter().map(entrance).collect::<Option<_>>()?;
        Some(Self { done: form.done, entrances })
    }

    async fn keep<S: Store>(&self, store: &S, shop: &ShopId) -> Result<(), StoreError> {
        let journal = |(actor, entrance): (&Actor, &Entrance)| {
            let Entrance { head, signature } = entrance;
            (actor.to_string(), head.number, hex::encode(head.chain), hex::encode(signature))
        };
        let form = WalkForm { done: self.done, journals: self.entrances.iter().map(journal).collect() };
        let content = serde_json::to_vec(&form).map_err(|e| StoreError::Damaged(e.to_string()))?;
        store.put_note(shop, NOTE, &content).await
    }
}

/// The batches before every entrance that bear catalogue entries, after one of a name, as many as fit but at
/// least one; and the name after which there are more.
///
/// # Errors
/// The store does not answer.
pub async fn shelf<S: Store>(
    store: &S,
    shop: &ShopId,
    after: &str,
    max_bytes: usize,
) -> Result<(Vec<Batch>, Option<String>), StoreError> {
    let mut bytes = 0_usize;
    let (mut page, mut last) = (Vec::new(), None);
    let all = store.notes(shop, SHELF).await?;
    for (name, content) in all.into_iter().filter(|(name, _)| name.as_str() > after) {
        let batch = decode_batch(&content).map_err(|e| StoreError::Damaged(e.to_string()))?;
        bytes = bytes.saturating_add(batch.size());
        if bytes > max_bytes && !page.is_empty() {
            return Ok((page, last));
        }
        page.push(batch);
        last = Some(name);
    }
    Ok((page, None))
}

/// Walks on along every journal of a shop, once a day at most. Gives how many batches became fewer.
///
/// # Errors
/// The store does not answer; what was done stays done.
pub async fn compact<S: Store>(store: &S, shop: &ShopId, now: Timestamp) -> Result<u64, StoreError> {
    let mut walk = Walk::of(store, shop).await?;
    let today = now.business_day().number();
    if walk.done == today {
        return Ok(0);
    }
    let (lock, until) = (format!("walk of {shop}"), now.plus_millis(LOCK_MILLIS));
    let holder = format!("{}", now.millis());
    if store.hold(&lock, &holder, now, until).await?.is_some() {
        return Ok(0);
    }
    let mut joined = 0_u64;
    let walked = walk_all(store, shop, today, &mut walk, &mut joined).await;
    if matches!(walked, Ok(true)) {
        walk.done = today;
    }
    // Whatever happened: what was walked is walked.
    let kept = walk.keep(store, shop).await;
    store.let_go(&lock, &holder).await?;
    walked.and(kept).map(|()| joined)
}

/// Whether all that can be walked was.
async fn walk_all<S: Store>(
    store: &S,
    shop: &ShopId,
    today: i32,
    walk: &mut Walk,
    joined: &mut u64,
) -> Result<bool, StoreError> {
    for (actor, end) in store.heads(shop).await? {
        let mut step = Step { store, shop, actor, today, walk, joined };
        while step.head().number < end.number {
            if !step.walk_on().await? {
                break;
            }
            if *step.joined >= MAX_JOINS {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// A walk along one journal.
struct Step<'a, S> {
    store: &'a S,
    shop: &'a ShopId,
    actor: Actor,
    today: i32,
    walk: &'a mut Walk,
    joined: &'a mut u64,
}

impl<S: Store> Step<'_, S> {
    fn head(&self) -> Head {
        let entrance = self.walk.entrances.get(&self.actor);
        entrance.map_or_else(|| Head::genesis(self.shop, self.actor), |entrance| entrance.head)
    }

    /// Walks over one page of the journal. Whether it came any further.
    async fn walk_on(&mut self) -> Result<bool, StoreError> {
        let start = self.head();
        let page = self.store.batches(self.shop, self.actor, start.number, READ_BYTES).await?;
        let mut closed = page.as_slice();
        let open = page.iter().position(|batch| is_open(batch, self.today));
        closed = closed.get(..open.unwrap_or(closed.len())).unwrap_or_default();
        while let Some(run) = run(closed) {
            if !self.pass(run).await? {
                break;
            }
            closed = closed.get(run.len()..).unwrap_or_default();
        }
        Ok(self.head() != start)
    }

    /// Joins a run, shelves what it bears of the catalogue, and stands behind it. Whether it could.
    async fn pass(&mut self, run: &[Batch]) -> Result<bool, StoreError> {
        let before = self.head();
        let (Some((member, _)), Some(last)) = (self.store.member(self.actor).await?, run.last()) else {
            return Ok(false);
        };
        let Some(key) = replica::PublicKey::from_bytes(&member.public_key) else { return Ok(false) };
        let (mut head, mut starts) = (before, Vec::new());
        for part in run {
            starts.push((part, head.chain));
            // Each was opened when it came; what does not open now must not be joined with anything.
            let Ok(opened) = part.open(head, &key) else {
                tracing::error!(alarm = "compaction", shop = %self.shop, actor = %self.actor, first = part.first, "a batch does not follow the one before it");
                return Ok(false);
            };
            if part.bears_catalogue() {
                self.shelve(part, head).await?;
            }
            head = opened.last().map_or(head, |last| Head::of(&last.entry));
        }
        let joined_before = run.iter().any(|part| part.before.is_some());
        let ends = |joined: &Batch| joined.open(before, &key).ok()?.last().map(|last| Head::of(&last.entry));
        let whole = Batch::join(run, before.chain).filter(|joined| ends(joined) == Some(head));
        // A till that lies about where its own strand goes on can be told batch by batch only.
        let alone =
            || starts.iter().filter_map(|(part, chain)| Batch::join(std::slice::from_ref(*part), *chain));
        let joined: Vec<Batch> = match whole {
            _ if joined_before => Vec::new(),
            Some(whole) => vec![whole],
            None => alone().collect(),
        };
        for joined in joined {
            let parts: Vec<Batch> =
                run.iter().filter(|it| (joined.first..=joined.last()).contains(&it.first)).cloned().collect();
            // Who was quicker joined them, too.
            self.store.join_batches(self.shop, &joined, &parts).await?;
            *self.joined = self.joined.saturating_add(1);
        }
        self.walk.entrances.insert(self.actor, Entrance { head, signature: last.signature });
        Ok(true)
    }

    async fn shelve(&self, part: &Batch, before: Head) -> Result<(), StoreError> {
        let name = format!("{SHELF}{} {:020}", self.actor, part.first);
        let shelved = Batch { before: Some(before.chain), ..part.clone() };
        self.store.put_note(self.shop, &name, &encode_batch(&shelved)).await
    }
}

/// Whether somebody may still be writing what a batch is about. The catalogue has no days, and days far off
/// are a wrong clock's.
fn is_open(batch: &Batch, today: i32) -> bool {
    let open = today.saturating_sub(OPEN_DAYS).saturating_add(1)..=today.saturating_add(1);
    batch.documents().filter_map(Document::day).any(|day| open.contains(&day.number()))
}

/// The first batches that become one: as many as fit, and where more would, enough to be worth it. What was
/// joined before stands alone. `None` where more have to come first.
fn run(closed: &[Batch]) -> Option<&[Batch]> {
    let mut bytes = 0_usize;
    let mut entries = 0_usize;
    for (index, batch) in closed.iter().enumerate() {
        bytes = bytes.saturating_add(batch.size());
        entries = entries.saturating_add(batch.items.len());
        let too_much = bytes > JOINED_BYTES || entries > JOINED_ENTRIES;
        let full = index >= MAX_JOINED || too_much || batch.before.is_some();
        if index > 0 && full {
            return closed.get(..index);
        }
        if batch.before.is_some() {
            return closed.get(..1);
        }
    }
    (closed.len() >= FEWEST || bytes > JOINED_BYTES).then_some(closed)
}
