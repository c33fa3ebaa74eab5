//! A new till: it enters the journals of its shop shortly before today, so that it can sell within a second of
//! work, and fetches what lies before while it sells, the newest first.
//!
//! Nothing is believed that a signature does not cover. An entrance is a head that its writer signed. The
//! catalogue's changes from before it come in the batches they were signed in. Everything older leads back from
//! a chain that is known: bytes that end in it are the journal's own.

use crate::exchange::count;
use crate::intake::Intake;
use crate::{SyncReport, Till, TillError};
use domain::{Actor, Document, Member, Role, ShopId, Timestamp};
use ledger::{Backlog, Base, Page, Taken};
use replica::journal::Opened;
use replica::wire::history::{EnterAnswer, EnterRequest, Entrance, HistoryAnswer, HistoryRequest};
use replica::{Batch, Head, PublicKey, day_book};
use std::collections::BTreeMap;

/// How many entries are written in one transaction: a sale waits for no more.
const SLICE: usize = 250;
/// The most pages a catalogue has.
const MAX_PAGES: u32 = 1000;
const DAY_MILLIS: i64 = 24 * 3_600_000;

impl Till {
    /// Keeps so many days of history and no more, instead of all of it. What is here already stays.
    #[must_use]
    pub fn with_history(mut self, days: Option<u32>) -> Self {
        self.history_days = days;
        self
    }

    /// Enters the journals of a shop that this till knows nothing of yet. Head office takes everything from
    /// the beginning.
    pub(crate) fn enter(&self, shop: &ShopId, now: Timestamp) -> Result<(), TillError> {
        let new = self.identity().role == Role::Till && self.ledger().cursors(shop)?.0.is_empty();
        if !new {
            return Ok(());
        }
        let first = self.ask_to_enter(shop, String::new(), now)?;
        let (mut catalogue, mut after) = (first.catalogue.clone(), first.after.clone());
        for _ in 0..MAX_PAGES {
            let Some(from) = after else { break };
            let page = self.ask_to_enter(shop, from, now)?;
            catalogue.extend(page.catalogue);
            after = page.after;
        }
        self.take_entrances(shop, &first, &catalogue, now)
    }

    fn ask_to_enter(&self, shop: &ShopId, after: String, now: Timestamp) -> Result<EnterAnswer, TillError> {
        let writer = self.ledger().writer(shop)?;
        let request = EnterRequest { after, days: self.history_days };
        let path = format!("/v1/shops/{shop}/enter");
        let answer = self.carry("POST", &path, request.encode(), writer, now)?;
        EnterAnswer::decode(&answer).map_err(|_| TillError::Unreadable)
    }

    fn take_entrances(
        &self,
        shop: &ShopId,
        answer: &EnterAnswer,
        catalogue: &[Batch],
        now: Timestamp,
    ) -> Result<(), TillError> {
        let mut catalogues = self.catalogues();
        let mut ledger = self.ledger();
        let (known, own) = (ledger.vector(shop)?, ledger.writer(shop)?);
        let page = Page {
            members: answer.members.clone(),
            cursor: Some(answer.cursor.clone()),
            at: Some(now),
            ..Page::default()
        };
        let mut intake = Intake::new(shop, &ledger, page, now)?;
        let mut bases = BTreeMap::new();
        for entrance in &answer.entrances {
            // What came another way is here from its beginning, and goes on from its end.
            let new = entrance.actor != own && !known.contains_key(&entrance.actor);
            if new && let Some(base) = believed(entrance, &mut intake) {
                bases.insert(entrance.actor, base);
            }
        }
        for batch in catalogue {
            if bases.get(&batch.actor).is_some_and(|base| batch.last() <= base.number) {
                for opened in shelved(batch, &mut intake) {
                    let outcome = intake.judge(&opened, &mut catalogues)?;
                    intake.page.entries.push(Taken { entry: opened.entry, outcome });
                }
            }
        }
        let page = intake.finish(&mut catalogues)?;
        let bases: Vec<_> = bases.into_iter().collect();
        if let Err(error) = ledger.enter(shop, &page, &bases, &answer.older) {
            // The catalogue in memory is ahead of the file now: forget it, the file is the truth.
            catalogues.forget(shop);
            return Err(error.into());
        }
        Ok(())
    }

    /// Fetches a page of what lies before what is here. Says in the report whether there is more.
    pub(crate) fn fill(
        &self,
        shop: &ShopId,
        now: Timestamp,
        report: &mut SyncReport,
    ) -> Result<(), TillError> {
        if self.identity().role != Role::Till {
            return Ok(());
        }
        let backlog = self.ledger().backlog(shop)?;
        let wanted = self.next_wanted(&backlog, now);
        if wanted.is_none() && backlog.feed.is_none() {
            return Ok(());
        }
        let writer = self.ledger().writer(shop)?;
        let journal = wanted.map(|(actor, base)| (actor, base.number));
        let request = HistoryRequest { journal, feed: backlog.feed };
        let path = format!("/v1/shops/{shop}/history");
        let answer = self.carry("POST", &path, request.encode(), writer, now)?;
        let answer = HistoryAnswer::decode(&answer).map_err(|_| TillError::Unreadable)?;
        report.rounds = report.rounds.saturating_add(1);
        if request.feed.is_some() {
            self.ledger().take_older_feed(shop, &answer.feed, answer.cursor.as_deref())?;
            report.older = report.older.saturating_add(count(answer.feed.len()));
        }
        if let Some((actor, base)) = wanted {
            let head = Head { number: base.number, chain: base.chain };
            let taken = self.take_back(shop, (actor, head), &answer.batches, now)?;
            report.older = report.older.saturating_add(taken);
        }
        let left = self.ledger().backlog(shop)?;
        // Where the cloud had nothing, there is no hurry to ask again.
        report.history_left =
            report.older > 0 && (left.feed.is_some() || self.next_wanted(&left, now).is_some());
        Ok(())
    }

    /// The journal of which the newest is missing, unless that is older than what is kept.
    pub(crate) fn next_wanted(&self, backlog: &Backlog, now: Timestamp) -> Option<(Actor, Base)> {
        let kept = self.kept_from(now);
        let wanted = backlog.journals.iter().filter(|(_, _, oldest)| match (oldest, kept) {
            (Some(oldest), Some(kept)) => *oldest >= kept,
            _ => true,
        });
        let newest = wanted.max_by_key(|(_, _, oldest)| oldest.map_or(i64::MAX, Timestamp::millis));
        newest.map(|(actor, base, _)| (*actor, *base))
    }

    /// From when on history is kept, if not all of it is.
    fn kept_from(&self, now: Timestamp) -> Option<Timestamp> {
        let millis = |days| DAY_MILLIS.saturating_mul(i64::from(days)).saturating_neg();
        self.history_days.map(|days| now.plus_millis(millis(days)))
    }

    /// Takes batches that lead back from a base, the newest first, in slices that no sale waits for. Gives how
    /// many entries came.
    pub(crate) fn take_back(
        &self,
        shop: &ShopId,
        (actor, mut base): (Actor, Head),
        batches: &[Batch],
        now: Timestamp,
    ) -> Result<u64, TillError> {
        let (mut taken, kept) = (0_u64, self.kept_from(now));
        for batch in batches {
            let opened = if batch.actor == actor { batch.open_back(base) } else { continue };
            let (opened, start) = match (opened, batch.start()) {
                (Ok(opened), Some(start)) => (opened, start),
                (Err(error), _) => {
                    let page = Page {
                        at: Some(now),
                        strangers: vec![(actor, batch.first, error.to_string())],
                        ..Page::default()
                    };
                    let unmoved = Base { number: base.number, chain: base.chain };
                    self.ledger().take_back(shop, &page, (actor, unmoved))?;
                    return Ok(taken);
                }
                (Ok(_), None) => return Ok(taken),
            };
            // What is older than is kept stays where it is.
            let old = |opened: &Opened| {
                day_book::fact(&opened.entry).zip(kept).is_some_and(|(fact, kept)| fact.at < kept)
            };
            let first = opened.iter().rposition(old).map_or(0, |last| last.saturating_add(1));
            for slice in opened.get(first..).unwrap_or_default().rchunks(SLICE) {
                let before = slice.first().map_or(0, |first| first.entry.number.saturating_sub(1));
                let chain = opened.iter().find(|opened| opened.entry.number == before);
                base = chain.map_or(start, |before| Head::of(&before.entry));
                self.take_slice(shop, (actor, base), slice, now)?;
                taken = taken.saturating_add(count(slice.len()));
            }
            if first > 0 {
                break;
            }
        }
        Ok(taken)
    }

    fn take_slice(
        &self,
        shop: &ShopId,
        (actor, base): (Actor, Head),
        slice: &[Opened],
        now: Timestamp,
    ) -> Result<(), TillError> {
        let mut catalogues = self.catalogues();
        let mut ledger = self.ledger();
        let mut intake = Intake::new(shop, &ledger, Page { at: Some(now), ..Page::default() }, now)?;
        for opened in slice {
            let entry = &opened.entry;
            if entry.document == Document::Catalogue {
                match ledger.chain_at(shop, actor, entry.number)? {
                    Some(chain) if chain == entry.chain => continue,
                    Some(_) => {
                        let reason =
                            "another change of the catalogue was signed under this number".to_owned();
                        intake.page.strangers.push((actor, entry.number, reason));
                        continue;
                    }
                    None => {}
                }
            }
            let outcome = intake.judge(opened, &mut catalogues)?;
            intake.page.entries.push(Taken { entry: entry.clone(), outcome });
        }
        let page = intake.finish(&mut catalogues)?;
        let base = Base { number: base.number, chain: base.chain };
        if let Err(error) = ledger.take_back(shop, &page, (actor, base)) {
            catalogues.forget(shop);
            return Err(error.into());
        }
        Ok(())
    }
}

/// An entrance whose head its writer signed. Any other is set aside, and the journal is read from its
/// beginning.
fn believed(entrance: &Entrance, intake: &mut Intake<'_>) -> Option<Base> {
    let Entrance { actor, head, signature } = entrance;
    let signed = intake.key(*actor).is_some_and(|key| head.is_signed(signature, &key));
    if !signed {
        let reason = "the place where this journal was to be entered is not signed by its writer".to_owned();
        intake.page.strangers.push((*actor, head.number, reason));
    }
    signed.then_some(Base { number: head.number, chain: head.chain })
}

/// What a shelved batch says of the catalogue, if its writer signed it.
fn shelved(batch: &Batch, intake: &mut Intake<'_>) -> Vec<Opened> {
    let key: Option<PublicKey> = intake.key(batch.actor);
    let opened = match (batch.start(), key) {
        (Some(start), Some(key)) => batch.open(start, &key).map_err(|error| error.to_string()),
        _ => Err("it does not say where it starts, or nobody knows who wrote it".to_owned()),
    };
    match opened {
        Ok(mut opened) => {
            opened.retain(|opened| opened.entry.document == Document::Catalogue);
            opened
        }
        Err(reason) => {
            intake.page.strangers.push((batch.actor, batch.first, reason));
            Vec::new()
        }
    }
}

impl Intake<'_> {
    /// The key of a writer, if somebody told of it.
    fn key(&self, actor: Actor) -> Option<PublicKey> {
        self.members.get(&actor).and_then(|member: &Member| PublicKey::from_bytes(&member.public_key))
    }
}
