//! Carrying other tills' entries to the cloud: a till without a line gets its sales to head office through
//! any other that has one, and a stick's sales go on from where it was read.

use crate::exchange::SyncReport;
use crate::{Till, TillError, intake, lock};
use domain::{Actor, ShopId, Timestamp};
use ledger::Reader;
use replica::journal::MAX_BATCH_BYTES;
use replica::wire::SyncRequest;
use std::collections::BTreeMap;

/// How long the cloud may lack something before we bring it: a till that has a line brings its own within
/// seconds, and everything would be sent twice otherwise.
const GRACE_MILLIS: u64 = 30 * 1000;
/// How long what the cloud does not take is left alone.
const REFUSED_MILLIS: u64 = 15 * 60 * 1000;
/// How many batches of one till a sync carries at most; the next goes on from there.
const MAX_BATCHES: u32 = 1000;

/// What waits to be carried. It is not kept: the ledger says what the cloud has.
#[derive(Debug, Default)]
pub(crate) struct Carrying {
    /// Since when the cloud lacks something of a journal.
    since: BTreeMap<(ShopId, Actor), Timestamp>,
    /// What the cloud did not take: when, and why.
    refused: BTreeMap<(ShopId, Actor), (Timestamp, String)>,
}

impl Carrying {
    /// What the cloud does not take from us, in words, with the letters that people know tills by.
    pub(crate) fn refusals(&self, letters: &BTreeMap<Actor, String>) -> Vec<String> {
        let say = |((_, actor), (_, why)): (&(ShopId, Actor), &(Timestamp, String))| {
            let till = letters.get(actor).cloned().unwrap_or_else(|| actor.to_string());
            format!("entries of till {till} wait here, the cloud does not take them: {why}")
        };
        self.refused.iter().map(say).collect()
    }

    /// What was known of a journal is not so any more.
    pub(crate) fn forget(&mut self, shop: &ShopId, actor: Actor) {
        let key = (shop.clone(), actor);
        self.since.remove(&key);
        self.refused.remove(&key);
    }

    /// Whether something that the cloud lacks is to be brought now.
    fn is_due(&mut self, key: &(ShopId, Actor), now: Timestamp) -> bool {
        if self.refused.get(key).is_some_and(|(at, _)| at.distance_millis(now) < REFUSED_MILLIS) {
            return false;
        }
        now.distance_millis(*self.since.entry(key.clone()).or_insert(now)) >= GRACE_MILLIS
    }
}

impl Till {
    /// Brings the cloud what it lacks of other tills' journals. What is wrong with one till's entries stops
    /// nobody else's.
    pub(crate) fn carry_for_others(
        &self,
        shop: &ShopId,
        now: Timestamp,
        report: &mut SyncReport,
    ) -> Result<(), TillError> {
        for (actor, mut there) in self.to_carry(shop, now)? {
            for _ in 0..MAX_BATCHES {
                let (end, refused) = match self.carry_next(shop, (actor, there), now, report) {
                    Ok(Some(done)) => done,
                    Ok(None) => break,
                    Err(TillError::Refused(why)) => (there, Some(why)),
                    Err(error) => return Err(error),
                };
                // Where the cloud says that the journal ends, we go on, be it before or after.
                if end == there {
                    let why = refused.unwrap_or_default();
                    lock(&self.carrying).refused.insert((shop.clone(), actor), (now, why));
                    break;
                }
                lock(&self.carrying).refused.remove(&(shop.clone(), actor));
                there = end;
            }
        }
        Ok(())
    }

    /// The journals of which the cloud has lacked something for a while, and how far it has them.
    fn to_carry(&self, shop: &ShopId, now: Timestamp) -> Result<Vec<(Actor, u64)>, TillError> {
        let (own, here, at_cloud) = {
            let ledger = self.ledger();
            (ledger.writer(shop)?, ledger.vector(shop)?, ledger.at_cloud(shop)?)
        };
        let mut due = Vec::new();
        for (actor, number) in here.into_iter().filter(|(actor, _)| *actor != own) {
            let told = lock(&self.siblings).sent_by(actor);
            let there = at_cloud.get(&actor).copied().unwrap_or(0).max(told);
            let (key, mut carrying) = ((shop.clone(), actor), lock(&self.carrying));
            if number <= there {
                carrying.since.remove(&key);
                carrying.refused.remove(&key);
            } else if carrying.is_due(&key, now) {
                due.push((actor, there));
            }
        }
        Ok(due)
    }

    /// Sends the next batch of a journal; gives where the journal ends in the cloud after that, and why the
    /// batch was not taken if it was not. `None` if there is nothing that can be sent.
    fn carry_next(
        &self,
        shop: &ShopId,
        place: (Actor, u64),
        now: Timestamp,
        report: &mut SyncReport,
    ) -> Result<Option<(u64, Option<String>)>, TillError> {
        let next = |reader: &Reader| {
            let batch = intake::batch_after(reader, shop, place, None, MAX_BATCH_BYTES)?;
            Ok((batch, reader.vector(shop)?, reader.cursors(shop)?.0))
        };
        let (batch, have, cursor) = self.beside(next)?;
        if batch.is_none() {
            return Ok(None);
        }
        let request = SyncRequest { have, cursor, behind: false, batch };
        let answer = self.ask_sync(shop, &request, now)?;
        report.rounds = report.rounds.saturating_add(1);
        self.take(shop, &request, &answer, now, report)?;
        if answer.more {
            // The feed's cursor has moved on: only comparing everything finds what this page left out.
            self.link().compared.remove(shop);
        }
        match (answer.taken, answer.refused) {
            (Some(head), refused) => Ok(Some((head.number, refused))),
            (None, refused) => Err(TillError::Refused(refused.unwrap_or_default())),
        }
    }
}
