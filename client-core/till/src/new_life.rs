//! A till whose journal parted from the cloud's. Its file was restored from a backup, or copied, and two
//! histories have one name. It asks the cloud for another name, writes again under it what only this file has,
//! takes back from the cloud what was written under the old one, and goes on. Nobody has to do anything.
//!
//! Nothing is counted twice, because the name of the new life follows from the history: it belongs to the first
//! entry that the cloud does not share. Two copies that hold the same unsent sales get the same life for them,
//! and write the same entries; where they part again, they part again. So it may be killed anywhere and
//! repeated: until the one transaction at the end nothing here has changed.

use crate::exchange::SyncReport;
use crate::{Event, Till, TillError, lock};
use domain::{
    Actor, Document, Entry, Fact, FactBody, FactId, ItemKey, Member, Register, ShopId, Span, Timestamp,
    Version,
};
use ledger::{Ledger, NewLife};
use replica::wire::SyncRequest;
use replica::wire::json::{AskLife, NewLife as Given};
use replica::{Catalogue, ChainError, Head, Opened, day_book};
use std::collections::BTreeMap;

/// How many lives one sync begins at most, and how many pages it reads for one.
const MAX_LIVES: u32 = 20;
const MAX_PAGES: u32 = 10_000;

/// What to do next.
enum Step {
    /// Ask for the life that begins here.
    Ask([u8; 32]),
    /// Begin it.
    Live(NewLife),
}

/// What only this file has of its journal.
struct Own {
    /// Facts, under the names they were written under.
    facts: Vec<(FactId, Fact)>,
    /// Whether the catalogue was set too.
    catalogue: bool,
}

impl Till {
    /// Exchanges everything, under a new name where the old one is somebody else's too. Gives why, if the cloud
    /// refused something.
    pub(crate) fn drain_in_own_name(
        &self,
        shop: &ShopId,
        now: Timestamp,
        report: &mut SyncReport,
    ) -> Result<Option<String>, TillError> {
        for _ in 0..MAX_LIVES {
            let last = match self.drain(shop, now, report) {
                Ok(refused) if refused.is_some() || self.ledger().doubt(shop)?.is_none() => {
                    return Ok(refused);
                }
                // What was written before the file was copied went out under the old name, as the other's did.
                Ok(_) => self.ledger().cursors(shop)?.1,
                Err(TillError::Forked) => self.parting(shop, now)?,
                Err(error) => return Err(error),
            };
            self.begin_life(shop, last, now)?;
        }
        Err(TillError::Forked)
    }

    /// How far our journal is the same as the cloud's under our name.
    fn parting(&self, shop: &ShopId, now: Timestamp) -> Result<u64, TillError> {
        let (writer, mut at, cursor, vector) = {
            let ledger = self.ledger();
            let (cursor, sent) = ledger.cursors(shop)?;
            (ledger.writer(shop)?, sent, cursor, ledger.vector(shop)?)
        };
        // Only our own journal is asked for.
        let mut have: BTreeMap<Actor, u64> = vector.into_keys().map(|actor| (actor, u64::MAX)).collect();
        for _ in 0..MAX_PAGES {
            have.insert(writer, at);
            let request =
                SyncRequest { have: have.clone(), cursor: cursor.clone(), behind: true, batch: None };
            let answer = self.ask_sync(shop, &request, now)?;
            have.extend(answer.batches.iter().map(|batch| (batch.actor, u64::MAX)));
            let ledger = self.ledger();
            let mut moved = false;
            for batch in answer.batches.iter().filter(|batch| batch.actor == writer) {
                let head = match at {
                    0 => Head::genesis(shop, writer),
                    number => {
                        Head { number, chain: ledger.chain_at(shop, writer, number)?.unwrap_or_default() }
                    }
                };
                let entries = match batch.open(head, &self.key.public()) {
                    Ok(entries) => entries,
                    // What the cloud agreed to once is not there any more: it was restored itself.
                    Err(ChainError::Foreign { .. }) if at > 0 => break,
                    Err(_) => return Ok(at),
                };
                for entry in entries.into_iter().map(|opened| opened.entry) {
                    if ledger.chain_at(shop, writer, entry.number)? != Some(entry.chain) {
                        return Ok(at);
                    }
                    (at, moved) = (entry.number, true);
                }
            }
            if moved || answer.more {
                continue;
            }
            let agrees = match answer.taken {
                Some(head) if head.number > 0 => {
                    ledger.chain_at(shop, writer, head.number)? == Some(head.chain)
                }
                _ => true,
            };
            match answer.taken {
                Some(head) if agrees => return Ok(head.number),
                _ if at == 0 => return Ok(0),
                _ => at = 0,
            }
        }
        Ok(at)
    }

    /// Goes on under another name from a number of the journal on.
    fn begin_life(&self, shop: &ShopId, last: u64, now: Timestamp) -> Result<(), TillError> {
        let mut lives: Vec<(Actor, String)> = Vec::new();
        for _ in 0..MAX_LIVES {
            // What is sold while the cloud is asked is written again as well; what is sold after this is sold
            // under the new name.
            let parted = match self.step(shop, last, &lives, now)? {
                Some(parted) => parted,
                None => return Ok(()),
            };
            let given: Given = self.ask(shop, "new-life", &AskLife { parted: hex::encode(parted) }, now)?;
            lives.push((given.actor.parse().map_err(|_| TillError::Unreadable)?, given.letter));
        }
        Err(TillError::Forked)
    }

    /// Begins a life if one was given that nobody else lives; else says where the next one begins.
    fn step(
        &self,
        shop: &ShopId,
        last: u64,
        lives: &[(Actor, String)],
        now: Timestamp,
    ) -> Result<Option<[u8; 32]>, TillError> {
        let mut catalogues = self.catalogues();
        let mut ledger = self.ledger();
        if ledger.doubt(shop)?.is_none() {
            ledger.note_forked(shop)?;
        }
        let former = self.as_member(ledger.writer(shop)?);
        let own = Own::of(&ledger, shop, former.actor, last)?;
        let mut life = match next_step(&ledger, shop, (&former, last), &own, lives, now)? {
            Step::Ask(parted) => return Ok(Some(parted)),
            Step::Live(life) => life,
        };
        if own.catalogue {
            set_again(&ledger, shop, &mut life)?;
        }
        ledger.begin_life(shop, &life)?;
        catalogues.forget(shop);
        if let Some(identity) = ledger.identity()? {
            *lock(&self.identity) = identity;
        }
        drop((ledger, catalogues));
        self.link().compared.remove(shop);
        self.tell(Event::Ledger);
        self.tell(Event::Sync);
        Ok(None)
    }
}

impl Own {
    fn of(ledger: &Ledger, shop: &ShopId, writer: Actor, last: u64) -> Result<Self, TillError> {
        let mut own = Self { facts: Vec::new(), catalogue: false };
        for entry in ledger.entries_after(shop, writer, last, usize::MAX)? {
            if entry.document == Document::Catalogue {
                own.catalogue = true;
                continue;
            }
            // What an older program can not read it can not write again: it waits for the newer one.
            let fact = day_book::fact(&entry).ok_or(TillError::Unreadable)?;
            own.facts.push((fact.id, fact));
        }
        Ok(own)
    }
}

/// Places what only this file has: what another copy of it wrote again before stands as that copy wrote it, the
/// rest begins a life of its own.
fn next_step(
    ledger: &Ledger,
    shop: &ShopId,
    (former, last): (&Member, u64),
    own: &Own,
    lives: &[(Actor, String)],
    now: Timestamp,
) -> Result<Step, TillError> {
    let doubt = ledger.doubt(shop)?.ok_or(TillError::Forked)?;
    let mut names: BTreeMap<FactId, FactId> = BTreeMap::new();
    let mut rest = own.facts.as_slice();
    let token = |asked: usize| {
        let mut token = doubt.token;
        // Where the life for the token is another copy's, the next one is asked for.
        if let (Some(first), Ok(asked)) = (token.first_mut(), u8::try_from(asked)) {
            *first ^= asked;
        }
        token
    };
    let mut parted = match rest.first() {
        Some((first, _)) => ledger.chain_at(shop, former.actor, first.number)?.unwrap_or_default(),
        None => token(0),
    };
    // The catalogue's entries do not name a life: what is set twice is set.
    for (asked, (actor, letter)) in lives.iter().enumerate() {
        let again = written_again(shop, *actor, rest, &names);
        let theirs = ledger.tip(shop, *actor)?.is_some();
        let mut shared = 0_usize;
        for (entry, _) in &again {
            if ledger.chain_at(shop, *actor, entry.number)? != Some(entry.chain) {
                break;
            }
            shared = shared.saturating_add(1);
        }
        let placed = if theirs { shared } else { again.len() };
        names.extend(rest.iter().zip(&again).take(placed).map(|((former, _), (_, fact))| (*former, fact.id)));
        if !theirs {
            let again = again.into_iter().map(|(entry, fact)| (entry, Some(fact))).collect();
            return Ok(Step::Live(NewLife {
                actor: *actor,
                letter: letter.clone(),
                former: former.clone(),
                last,
                names: names.into_iter().collect(),
                again,
                registers: Vec::new(),
                why: doubt.why,
                at: now,
            }));
        }
        parted = again.get(shared).map_or_else(|| token(asked.saturating_add(1)), |(entry, _)| entry.chain);
        rest = rest.get(shared..).unwrap_or_default();
    }
    Ok(Step::Ask(parted))
}

/// Facts as the first entries of another journal.
fn written_again(
    shop: &ShopId,
    actor: Actor,
    facts: &[(FactId, Fact)],
    names: &BTreeMap<FactId, FactId>,
) -> Vec<(Entry, Fact)> {
    let numbered = (1_u64..).map(|number| FactId { actor, number });
    let mut names = names.clone();
    names.extend(facts.iter().map(|(former, _)| *former).zip(numbered.clone()));
    let now = |name: FactId| names.get(&name).copied().unwrap_or(name);
    let mut head = Head::genesis(shop, actor);
    let mut strands = BTreeMap::new();
    let mut written = Vec::with_capacity(facts.len());
    for ((former, fact), id) in facts.iter().zip(numbered) {
        // The name on the receipt is the first it had.
        let formerly = fact.formerly.or(Some(*former));
        let body = match fact.body.clone().renamed(now) {
            FactBody::ShiftClosed(mut closing) => {
                closing.report.spans = spans_again(&closing.report.spans, former.actor, &names);
                FactBody::ShiftClosed(closing)
            }
            body => body,
        };
        let fact = Fact { id, formerly, body, ..fact.clone() };
        let Opened { entry, strand } = head.fact(&fact, strands.get(&fact.at.business_day()).copied());
        strands.insert(fact.at.business_day(), strand);
        head = Head::of(&entry);
        written.push((entry, fact));
    }
    written
}

/// The pieces of journals that a shift covers, where some of what it covers goes by other names now.
fn spans_again(spans: &[Span], former: Actor, names: &BTreeMap<FactId, FactId>) -> Vec<Span> {
    let mut again = Vec::new();
    let parted = names.keys().find(|name| name.actor == former).map_or(u64::MAX, |name| name.number);
    for span in spans {
        let shared = Span { upto: span.upto.min(parted.saturating_sub(1)), ..*span };
        let (kept, renamed) = if span.actor == former { (shared, true) } else { (*span, false) };
        again.extend((kept.after < kept.upto).then_some(kept));
        let mut pieces: BTreeMap<Actor, Span> = BTreeMap::new();
        for (_, FactId { actor, number }) in names.iter().filter(|(name, _)| renamed && span.holds(**name)) {
            let before = number.saturating_sub(1);
            let piece = pieces.entry(*actor).or_insert(Span { actor: *actor, after: before, upto: *number });
            (piece.after, piece.upto) = (piece.after.min(before), piece.upto.max(*number));
        }
        again.extend(pieces.into_values());
    }
    again
}

/// Sets again, under the new name, what only this file set in the catalogue.
fn set_again(ledger: &Ledger, shop: &ShopId, life: &mut NewLife) -> Result<(), TillError> {
    let all = ledger.catalogue(shop, false)?;
    let stays = |entry: &&Entry| entry.actor != life.former.actor || entry.number <= life.last;
    let mut catalogue = Catalogue::open(all.iter().filter(stays))?;
    let before: BTreeMap<ItemKey, Register> = catalogue.registers().collect();
    let mut head =
        life.again.last().map_or_else(|| Head::genesis(shop, life.actor), |(entry, _)| Head::of(entry));
    for (key, register) in Catalogue::open(&all)?.registers() {
        let Version { item, by, at, .. } = &register.leading;
        if before.get(&key).is_some_and(|known| known.leading.item == *item) {
            continue;
        }
        let written = catalogue.set(life.actor, item, by, *at);
        let entry = head.change(life.actor, written.change);
        head = Head::of(&entry);
        life.again.push((entry, None));
    }
    life.registers = catalogue.registers().map(|(_, register)| register).collect();
    Ok(())
}
