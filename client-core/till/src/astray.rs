//! Other tills' journals that went another way in the cloud than here. A copied or restored till tells a sibling
//! what it sold before it knows that it is a copy; the other file reaches the cloud first, with other entries
//! under the same name and numbers. For a name the cloud's journal is the one: what only we have of it is taken
//! out from where the two part, as its own till takes it out (see [`new_life`](crate::new_life)), and kept aside
//! until that till has written it again under another name.

use crate::intake::outcome;
use crate::{Event, Till, TillError, head, lock};
use domain::{Actor, Document, Entry, Fact, FactBody, FactId, Register, ShopId, Timestamp, Version};
use ledger::{Content, Ledger, Outcome, Page, Parting, Reader, Remaining, Taken, reference};
use replica::wire::SyncRequest;
use replica::{Batch, Catalogue, ChainError, Head, PublicKey, day_book};
use std::collections::{BTreeMap, BTreeSet};

/// How many pages are read to find where two journals part.
const MAX_PAGES: u32 = 10_000;

/// How a batch of the cloud's compares with what is here.
enum Seen {
    /// It does not lead on from anything here: the two part before it.
    Beyond,
    /// All of it is here, or nothing after the number is.
    Same(u64),
    /// After this number it says something else.
    Parts(u64),
}

impl Till {
    /// Notes that the cloud seems to have something else under a name than we have.
    pub(crate) fn suspect(&self, shop: &ShopId, actors: impl IntoIterator<Item = Actor>) {
        self.link().elsewhere.extend(actors.into_iter().map(|actor| (shop.clone(), actor)));
    }

    /// Looks into the journals in which the cloud seems to have something else, and follows it where it has.
    pub(crate) fn follow_cloud(&self, shop: &ShopId, now: Timestamp) -> Result<(), TillError> {
        let suspected: Vec<_> = self.link().elsewhere.iter().filter(|(of, _)| of == shop).cloned().collect();
        for place in suspected {
            // Our own journal is ours to mend.
            let others = place.1 != self.ledger().writer(shop)?;
            if others && let Some(last) = self.shared_with_cloud(shop, place.1, now)? {
                let reason = "the cloud has other entries under this name: a copy of its till wrote them";
                self.set_astray(shop, (place.1, last), reason, now)?;
            }
            self.link().elsewhere.remove(&place);
        }
        Ok(())
    }

    /// The last entry that we and the cloud both have of another's journal, if its writer signed something else
    /// after it there. It is looked for from our end, ever farther back.
    fn shared_with_cloud(
        &self,
        shop: &ShopId,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Option<u64>, TillError> {
        let (vector, base, member) = {
            let ledger = self.ledger();
            let base = ledger.base(shop, actor)?.map_or(0, |base| base.number);
            (ledger.vector(shop)?, base, ledger.members()?.remove(&actor))
        };
        let key = member.and_then(|member| PublicKey::from_bytes(&member.public_key));
        let (Some(end), Some(key)) = (vector.get(&actor).copied(), key) else { return Ok(None) };
        let mut have: BTreeMap<Actor, u64> = vector.into_keys().map(|actor| (actor, u64::MAX)).collect();
        let (mut back, mut at, mut moved) = (1, end.saturating_sub(1).max(base), false);
        for _ in 0..MAX_PAGES {
            have.insert(actor, at);
            let cursor = self.ledger().cursors(shop)?.0;
            let request = SyncRequest { have: have.clone(), cursor, behind: true, batch: None };
            let answer = self.ask_sync(shop, &request, now)?;
            have.extend(answer.batches.iter().map(|batch| (batch.actor, u64::MAX)));
            let mut led_on = false;
            for batch in answer.batches.iter().filter(|batch| batch.actor == actor) {
                match compare(&self.ledger(), shop, batch, &key)? {
                    Seen::Parts(last) => return Ok(Some(last)),
                    Seen::Same(last) if last > at => (at, led_on) = (last, true),
                    Seen::Same(_) | Seen::Beyond => break,
                }
            }
            moved |= led_on;
            if moved && !led_on || at >= end || !moved && at == base {
                return Ok(None);
            }
            if !moved {
                back = u64::saturating_mul(back, 2);
                at = end.saturating_sub(back).max(base);
            }
        }
        Ok(None)
    }

    /// Takes out what we have of another's journal after a number.
    fn set_astray(
        &self,
        shop: &ShopId,
        (actor, last): (Actor, u64),
        reason: &str,
        now: Timestamp,
    ) -> Result<(), TillError> {
        let mut catalogues = self.catalogues();
        let mut ledger = self.ledger();
        let tail = ledger.entries_after(shop, actor, last, usize::MAX)?;
        let at = self.corrected(now);
        let parting = Parting {
            actor,
            last,
            became: became(&ledger, shop, actor, &tail)?,
            catalogue: without(&ledger, shop, &tail, at)?,
            reason: reason.to_owned(),
            at,
        };
        ledger.set_astray(shop, &parting)?;
        catalogues.forget(shop);
        drop((ledger, catalogues));
        self.link().turned.insert(shop.clone());
        lock(&self.carrying).forget(shop, actor);
        self.tell(Event::Ledger);
        Ok(())
    }

    /// Where a till that began a new life wrote something again, what stands here under the former name comes
    /// out: it would count twice.
    pub(crate) fn take_out_former(
        &self,
        shop: &ShopId,
        again: &[Fact],
        now: Timestamp,
    ) -> Result<(), TillError> {
        let mut parted: BTreeMap<Actor, u64> = BTreeMap::new();
        {
            let ledger = self.ledger();
            let own = ledger.writer(shop)?;
            for fact in again {
                for name in former_names(&ledger, shop, fact)?.into_iter().filter(|name| name.actor != own) {
                    let last = name.number.saturating_sub(1);
                    parted.entry(name.actor).and_modify(|known| *known = last.min(*known)).or_insert(last);
                }
            }
        }
        for place in parted {
            self.set_astray(shop, place, "its till wrote it again under another name", now)?;
        }
        Ok(())
    }

    /// What went astray and has not come back, in words.
    pub(crate) fn told_astray(ledger: &Reader) -> Result<Vec<String>, ledger::LedgerError> {
        let (letters, mut told) = (ledger.letters()?, Vec::new());
        for shop in ledger.shops()? {
            told.extend(ledger.astray(&shop.id)?.iter().map(|entry| in_words(entry, &letters)));
        }
        Ok(told)
    }
}

/// The facts of a page that were written again in a new life.
pub(crate) fn written_again(page: &Page) -> Vec<Fact> {
    let fact = |taken: &Taken| match &taken.outcome {
        Outcome::Applied(Content::Fact(fact)) if fact.formerly.is_some() => Some(fact.clone()),
        _ => None,
    };
    page.entries.iter().filter_map(fact).collect()
}

/// Under which names the same fact stands here as well. The former name of a fact that was written again twice is
/// its first; then its rows tell the one between.
fn former_names(ledger: &Ledger, shop: &ShopId, fact: &Fact) -> Result<Vec<FactId>, TillError> {
    let Some(former) = fact.formerly else { return Ok(Vec::new()) };
    let mut names = ledger.formerly(former)?;
    names.push(former);
    names.retain(|name| name.actor.till == fact.id.actor.till && name.actor != fact.id.actor);
    let mut same = Vec::new();
    for name in names {
        let known = ledger.entry(shop, name).ok().as_ref().and_then(day_book::fact);
        same.extend(known.filter(|known| is_same(known, fact)).map(|known| known.id));
    }
    Ok(same)
}

/// Whether two facts of different names tell of one thing. What one refers to may have another name in the other.
fn is_same(one: &Fact, other: &Fact) -> bool {
    let alike = match (&one.body, &other.body) {
        (FactBody::Sale(one), FactBody::Sale(other)) => one == other,
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    };
    alike && (one.at, &one.by) == (other.at, &other.by)
}

/// What of these entries is here already under other names.
fn became(
    ledger: &Ledger,
    shop: &ShopId,
    actor: Actor,
    tail: &[Entry],
) -> Result<BTreeMap<FactId, FactId>, TillError> {
    let facts: Vec<Fact> = tail.iter().filter_map(day_book::fact).collect();
    let Some(since) = facts.iter().map(|fact| fact.at).min() else { return Ok(BTreeMap::new()) };
    let again: Vec<Fact> =
        ledger.other_lives(shop, actor, since)?.iter().filter_map(day_book::fact).collect();
    let mut became = BTreeMap::new();
    for fact in facts {
        let first = fact.formerly.unwrap_or(fact.id);
        let other = again.iter().find(|other| other.formerly == Some(first) && is_same(&fact, other));
        became.extend(other.map(|other| (fact.id, other.id)));
    }
    Ok(became)
}

/// The catalogue as it is without some entries, if any of them is the catalogue's. What our own writer set after
/// having seen them goes with them, and is set again.
fn without(
    ledger: &Ledger,
    shop: &ShopId,
    tail: &[Entry],
    now: Timestamp,
) -> Result<Option<Remaining>, TillError> {
    if tail.iter().all(|entry| entry.document != Document::Catalogue) {
        return Ok(None);
    }
    let gone: BTreeSet<FactId> = tail.iter().map(name_of).collect();
    let mut left = ledger.whole_catalogue(shop)?;
    left.retain(|entry| !gone.contains(&name_of(entry)));
    let (mut catalogue, mut entries) = (Catalogue::default(), Vec::new());
    loop {
        let before = left.len();
        left.retain(|entry| {
            let outcome = outcome(catalogue.admit(entry));
            let waits = outcome == Outcome::Waiting;
            if !waits {
                entries.push(Taken { entry: entry.clone(), outcome });
            }
            waits
        });
        if left.len() == before {
            break;
        }
    }
    entries.extend(left.into_iter().map(|entry| Taken { entry, outcome: Outcome::Waiting }));
    let again = set_again(ledger, shop, &mut catalogue, now)?;
    let registers = catalogue.registers().map(|(_, register)| register).collect();
    Ok(Some(Remaining { entries, again, registers }))
}

/// Sets again in a catalogue what our own writer leads with in the ledger's.
fn set_again(
    ledger: &Ledger,
    shop: &ShopId,
    catalogue: &mut Catalogue,
    now: Timestamp,
) -> Result<Vec<Entry>, TillError> {
    let own = ledger.writer(shop)?;
    let mut head = head(ledger, shop, own)?;
    let mut again = Vec::new();
    for (key, Register { leading, .. }) in Catalogue::open(&ledger.catalogue(shop, false)?)?.registers() {
        let Version { write, item, by, .. } = leading;
        let stands = catalogue.register(&key).is_some_and(|left| left.versions().any(|it| it.write == write));
        if write.actor == own && !stands {
            let entry = head.change(own, catalogue.set(own, &item, &by, now).change);
            head = Head::of(&entry);
            again.push(entry);
        }
    }
    Ok(again)
}

/// How a batch of the cloud's compares with our copy of its journal.
fn compare(ledger: &Ledger, shop: &ShopId, batch: &Batch, key: &PublicKey) -> Result<Seen, TillError> {
    let actor = batch.actor;
    let before = batch.first.saturating_sub(1);
    let here = match before {
        0 => Some(Head::genesis(shop, actor).chain),
        number => match ledger.base(shop, actor)?.filter(|base| base.number == number) {
            Some(base) => Some(base.chain),
            None => ledger.chain_at(shop, actor, number)?,
        },
    };
    let Some(chain) = here.filter(|chain| batch.before.is_none_or(|before| before == *chain)) else {
        return Ok(Seen::Beyond);
    };
    let entries = match batch.open(Head { number: before, chain }, key) {
        Ok(entries) => entries,
        Err(ChainError::Foreign { .. } | ChainError::NotNext { .. } | ChainError::Size { .. }) => {
            return Ok(Seen::Beyond);
        }
    };
    let mut same = before;
    for entry in entries.into_iter().map(|opened| opened.entry) {
        match ledger.chain_at(shop, actor, entry.number)? {
            Some(chain) if chain != entry.chain => return Ok(Seen::Parts(same)),
            Some(_) => same = entry.number,
            None => break,
        }
    }
    Ok(Seen::Same(same))
}

const fn name_of(entry: &Entry) -> FactId {
    FactId { actor: entry.actor, number: entry.number }
}

fn in_words(entry: &Entry, letters: &BTreeMap<Actor, String>) -> String {
    let name = reference(name_of(entry), letters);
    let what = match day_book::fact(entry) {
        Some(Fact { body: FactBody::Sale(sale), by, at, .. }) => {
            format!("the sale {name} of {} that {} made at {at}", sale.total, by.as_str())
        }
        _ => format!("entry {name}"),
    };
    format!(
        "{what} came from its till and not from the cloud, which has another entry under that name: a copy of that \
         till wrote it. It does not count here. When its till has a line it comes again under another name; if \
         that till is lost, only this one has it: make the sale again, and keep this till's ledger"
    )
}
