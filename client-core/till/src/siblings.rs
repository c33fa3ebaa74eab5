//! The other tills of the shop, without the cloud: what two of them say to each other when they meet, and
//! what is known of each.
//!
//! A meeting is symmetric and can be repeated and broken off anywhere: each message says what the speaker has
//! and brings what the other lacks, and what comes in passes the same [`Intake`](crate::intake::Intake) as what
//! the cloud sends. Who is a sibling the cloud alone decides: a till that only another till knows is not
//! believed, and a revoked one is heard no more.

use crate::exchange::count;
use crate::{Event, Till, TillError, intake, lock};
use domain::{Actor, Member, Role, ShopId, Timestamp};
use ledger::Reader;
use replica::keys::Tag;
use replica::wire::sibling::{PAGE_BYTES, SiblingMessage};
use replica::{PublicKey, noise};
use std::collections::{BTreeMap, VecDeque};

/// How many messages go to and fro at one meeting at most; the next meeting goes on from there.
const MAX_ROUNDS: u32 = 10_000;
/// How many typed addresses are kept.
const MAX_PLACES: usize = 64;
/// How many requests are remembered, so that a repetition is thrown away unread.
const SEEN: usize = 1024;

/// Carries sealed messages to one other till.
pub trait SiblingLine: Send + Sync {
    /// Carries one sealed request and waits for the sealed answer, for a bounded time.
    ///
    /// # Errors
    /// The other till was not reached, is another one, or refused.
    fn carry(&self, sealed: &[u8]) -> Result<Vec<u8>, SiblingError>;
}

/// Why another till did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiblingError {
    /// It was not reached, or did not answer.
    #[error("the other till can not be reached: {0}")]
    Unreachable(String),
    /// The message was sealed for somebody else; this is who is there.
    #[error("another till is at this address")]
    Another(Tag),
    /// It answered no.
    #[error("{0}")]
    Refused(String),
}

/// What a meeting did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// Whom we met.
    pub sibling: Member,
    /// Its name where strangers listen.
    pub tag: Tag,
    /// Entries that it lacked.
    pub sent: u64,
    /// Entries that came.
    pub received: u64,
    /// Requests it took.
    pub rounds: u32,
}

/// Where this till stands with another one of its shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiblingStatus {
    /// The other till.
    pub sibling: Member,
    /// Its name where strangers listen; none if its key is no key.
    pub tag: Option<Tag>,
    /// When the two last met without the cloud, since this program started.
    pub last_contact: Option<Timestamp>,
    /// How many entries it did not have then, as far as it may have them.
    pub waiting: u64,
    /// How many of its entries the cloud lacks, as far as is known here.
    pub carried: u64,
}

/// What is known of meetings. It is not kept: the ledger says what was exchanged.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    met: BTreeMap<Actor, Heard>,
    seen: VecDeque<[u8; 32]>,
}

/// What a sibling said last.
#[derive(Debug, Clone)]
struct Heard {
    at: Timestamp,
    said_at: Timestamp,
    have: BTreeMap<Actor, u64>,
    sent: u64,
}

impl Siblings {
    /// How far the cloud has the journal of a till, by that till's own word.
    pub(crate) fn sent_by(&self, actor: Actor) -> u64 {
        self.met.get(&actor).map_or(0, |heard| heard.sent)
    }

    /// Keeps what was said.
    fn hear(&mut self, message: &SiblingMessage, now: Timestamp) {
        let (have, sent) = (message.have.clone(), message.sent);
        self.met.insert(message.from, Heard { at: now, said_at: message.at, have, sent });
    }

    /// The same for a question. Anybody may have recorded an old one and send it now: it is no sign of life.
    fn hear_question(&mut self, message: &SiblingMessage, now: Timestamp) {
        match self.met.get(&message.from).map(|heard| (heard.said_at, heard.at)) {
            Some((said_at, _)) if said_at > message.at => {}
            Some((said_at, at)) if said_at == message.at => self.hear(message, at),
            _ => self.hear(message, now),
        }
    }

    fn remember(&mut self, ephemeral: [u8; 32]) {
        if self.seen.len() >= SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(ephemeral);
    }
}

impl Till {
    /// Meets the till at the other end of a line: says what we have and they lack, takes what they have and we
    /// lack, until neither has more. Selling goes on meanwhile. `tag` is who is thought to be there, if known.
    ///
    /// # Errors
    /// The other till was not reached, is no sibling, or refused; what had come until then is kept.
    pub fn meet(&self, line: &dyn SiblingLine, tag: Option<Tag>, now: Timestamp) -> Result<Met, TillError> {
        let shop = self.own_shop()?;
        let (mut sibling, mut key) = self.sibling_tagged(tag)?;
        let mut met = Met { tag: key.tag(), sibling: sibling.clone(), sent: 0, received: 0, rounds: 0 };
        let known = lock(&self.siblings).met.get(&sibling.actor).map(|heard| heard.have.clone());
        let mut have = known.unwrap_or_default();
        let mut told = self.say(&shop, sibling.actor, &have, now)?;
        for _ in 0..MAX_ROUNDS {
            met.rounds = met.rounds.saturating_add(1);
            let answer = match self.ask_sibling(&shop, key, &told, line) {
                Err(TillError::Sibling(SiblingError::Another(there))) if met.rounds == 1 => {
                    (sibling, key) = self.sibling_tagged(Some(there))?;
                    (met.tag, met.sibling) = (there, sibling.clone());
                    have.clear();
                    told = self.say(&shop, sibling.actor, &have, now)?;
                    continue;
                }
                answer => answer?,
            };
            if answer.from != sibling.actor {
                return Err(
                    SiblingError::Refused("the other till answers under another name".to_owned()).into()
                );
            }
            let received = count(self.take_batches(&shop, &answer.batches, now)?.entries.len());
            met.received = met.received.saturating_add(received);
            met.sent = met.sent.saturating_add(gained(&told, &answer.have));
            let moved = received > 0 || answer.have != have;
            lock(&self.siblings).hear(&answer, now);
            have = answer.have;
            told = self.say(&shop, sibling.actor, &have, now)?;
            if !moved || (!answer.more && told.batches.is_empty()) {
                break;
            }
        }
        Ok(met)
    }

    /// Answers a sibling's sealed request.
    ///
    /// # Errors
    /// It is not for us, was said before, comes from nobody we know, or could not be written. The error may be
    /// told to whoever asks: it gives away no more than our [`Tag`].
    pub fn answer_sibling(&self, sealed: &[u8], now: Timestamp) -> Result<Vec<u8>, TillError> {
        let shop = self.own_shop()?;
        let refused = |why: &str| TillError::from(SiblingError::Refused(why.to_owned()));
        let another = || SiblingError::Another(self.key.public().tag());
        let ephemeral = noise::ephemeral(sealed).ok_or_else(another)?;
        if lock(&self.siblings).seen.contains(&ephemeral) {
            return Err(refused("this was said before"));
        }
        let asked = noise::open(&self.key, &shop, seed()?, sealed).map_err(|_| another())?;
        lock(&self.siblings).remember(asked.ephemeral);
        let unreadable = || refused("this can not be read here: update the older of the two tills");
        let message = SiblingMessage::decode(&asked.body).map_err(|_| unreadable())?;
        let sibling = self.siblings_known()?.into_iter().find(|member| member.actor == message.from);
        if !sibling.and_then(|member| key_of(&member)).is_some_and(|key| asked.is_from(key)) {
            return Err(refused(
                "this till is not known here, or was revoked: both have to sync with the cloud once",
            ));
        }
        self.take_batches(&shop, &message.batches, now)?;
        // Anybody may have recorded an old request and send it now: it is no sign of life.
        lock(&self.siblings).hear_question(&message, now);
        let answer = self.say(&shop, message.from, &message.have, now)?;
        asked.answer(seed()?, &answer.encode()).map_err(|_| another().into())
    }

    /// Every other till of the shop, and where we stand with it.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn siblings(&self) -> Result<Vec<SiblingStatus>, TillError> {
        let Some(shop) = &self.home else { return Ok(Vec::new()) };
        let (vector, at_cloud, members, own) = self.read(|ledger| {
            Ok((ledger.vector(shop)?, ledger.at_cloud(shop)?, ledger.members()?, ledger.writer(shop)?))
        })?;
        let known = lock(&self.siblings);
        let status = |sibling: Member| {
            let heard = known.met.get(&sibling.actor);
            let lacking = |heard: &Heard| {
                let them = |(actor, number): (&Actor, &u64)| {
                    let wanted = *actor != sibling.actor && heard.have.contains_key(actor);
                    let there = heard.have.get(actor).copied().unwrap_or(0);
                    if wanted { number.saturating_sub(there) } else { 0 }
                };
                vector.iter().map(them).fold(0, u64::saturating_add)
            };
            let here = vector.get(&sibling.actor).copied().unwrap_or(0);
            let cloud = at_cloud.get(&sibling.actor).copied().unwrap_or(0).max(known.sent_by(sibling.actor));
            SiblingStatus {
                tag: PublicKey::from_bytes(&sibling.public_key).map(PublicKey::tag),
                last_contact: heard.map(|heard| heard.at),
                waiting: heard.map_or(0, lacking),
                carried: here.saturating_sub(cloud),
                sibling,
            }
        };
        let tills = members.into_values().filter(|m| m.role == Role::Till && !m.revoked && m.actor != own);
        Ok(tills.map(status).collect())
    }

    /// Where other tills are, as it was typed at this till.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn places(&self) -> Result<Vec<String>, TillError> {
        self.read(Reader::places)
    }

    /// Keeps where another till is; it is known again when the program starts anew.
    ///
    /// # Errors
    /// This is no till, too many are kept, or nothing was kept.
    pub fn keep_place(&self, address: &str) -> Result<(), TillError> {
        self.own_shop()?;
        let mut ledger = self.ledger();
        if ledger.places()?.len() >= MAX_PLACES {
            let many =
                format!("{MAX_PLACES} addresses are kept, and a shop has fewer tills: forget one first");
            return Err(TillError::Refused(many));
        }
        Ok(ledger.put_place(address)?)
    }

    /// Forgets where another till is.
    ///
    /// # Errors
    /// It is still kept.
    pub fn forget_place(&self, address: &str) -> Result<(), TillError> {
        Ok(self.ledger().forget_place(address)?)
    }

    /// Says to whoever shows it that something about other tills changed.
    pub fn tell_of_siblings(&self) {
        self.tell(Event::Sync);
    }

    /// Our name where strangers listen.
    pub fn tag(&self) -> Tag {
        self.key.public().tag()
    }

    /// The members that the cloud vouches for, but for ourselves and the revoked.
    fn siblings_known(&self) -> Result<Vec<Member>, TillError> {
        let (own, members) = (self.key.public().to_bytes(), self.ledger().members()?.into_values());
        Ok(members.filter(|member| !member.revoked && member.public_key != own).collect())
    }

    /// The sibling of a tag, in its newest life; without a tag, any: whoever is there says who it is.
    fn sibling_tagged(&self, tag: Option<Tag>) -> Result<(Member, PublicKey), TillError> {
        let fits = |member: &Member| tag.is_none_or(|tag| Tag::of(&member.public_key) == tag);
        let fitting = self.siblings_known()?.into_iter().rev().filter(fits);
        let found = fitting.filter_map(|member| key_of(&member).map(|key| (member, key))).next();
        let stranger = "no till of this shop that is known here: let both sync with the cloud once";
        found.ok_or_else(|| SiblingError::Refused(stranger.to_owned()).into())
    }

    fn own_shop(&self) -> Result<ShopId, TillError> {
        let office = || TillError::Refused("only tills of a shop have siblings".to_owned());
        self.home.clone().ok_or_else(office)
    }

    fn ask_sibling(
        &self,
        shop: &ShopId,
        key: PublicKey,
        told: &SiblingMessage,
        line: &dyn SiblingLine,
    ) -> Result<SiblingMessage, TillError> {
        let unreadable = || SiblingError::Refused("what the other till says can not be read".to_owned());
        let (sealed, pending) =
            noise::ask(&self.key, key, shop, seed()?, &told.encode()).map_err(|_| unreadable())?;
        let answer = pending.open(&line.carry(&sealed)?).map_err(|_| unreadable())?;
        Ok(SiblingMessage::decode(&answer).map_err(|_| unreadable())?)
    }

    /// What to say to a sibling that has so much: what we have, and a page of what it lacks. Read beside the
    /// seller.
    fn say(
        &self,
        shop: &ShopId,
        to: Actor,
        have: &BTreeMap<Actor, u64>,
        now: Timestamp,
    ) -> Result<SiblingMessage, TillError> {
        self.beside(|reader| {
            let (own, vector) = (reader.writer(shop)?, reader.vector(shop)?);
            let known = reader.members()?.into_values().filter(|member| !member.revoked).map(|m| m.actor);
            let here = |actor: Actor| (actor, vector.get(&actor).copied().unwrap_or(0));
            let mut message = SiblingMessage {
                from: own,
                at: now,
                have: known.chain([own]).map(here).collect(),
                sent: reader.cursors(shop)?.1,
                batches: Vec::new(),
                more: false,
            };
            // What we can not be sure to have written alone is not told of, and not sent.
            let ours = reader.doubt(shop)?.map_or(u64::MAX, |doubt| doubt.last);
            let own_end = message.have.entry(own).or_default();
            *own_end = ours.min(*own_end);
            self.add_page(&mut message, reader, shop, (to, have))?;
            Ok(message)
        })
    }

    /// Adds a page of what a sibling lacks to what it is told.
    fn add_page(
        &self,
        message: &mut SiblingMessage,
        reader: &Reader,
        shop: &ShopId,
        (to, have): (Actor, &BTreeMap<Actor, u64>),
    ) -> Result<(), TillError> {
        let mut room = PAGE_BYTES;
        for (actor, here) in message.have.iter().filter(|(actor, _)| **actor != to) {
            let Some(mut there) = have.get(actor).copied() else { continue };
            while there < *here {
                if room == 0 {
                    message.more = true;
                    return Ok(());
                }
                let key = (*actor == message.from).then_some(&self.key);
                let Some(batch) = intake::batch_after(reader, shop, (*actor, there), key, room)? else {
                    break;
                };
                there = batch.last();
                room = room.saturating_sub(batch.size().max(1));
                message.batches.push(batch);
            }
        }
        Ok(())
    }
}

/// The key of a member; none if it is no key.
fn key_of(member: &Member) -> Option<PublicKey> {
    PublicKey::from_bytes(&member.public_key)
}

/// How many of the entries that were sent the other has now.
fn gained(told: &SiblingMessage, have: &BTreeMap<Actor, u64>) -> u64 {
    let taken = |batch: &replica::Batch| {
        let there = have.get(&batch.actor).copied().unwrap_or(0);
        there.min(batch.last()).saturating_sub(batch.first.saturating_sub(1))
    };
    told.batches.iter().map(taken).fold(0, u64::saturating_add)
}

/// Thirty-two random bytes.
fn seed() -> Result<[u8; 32], TillError> {
    let mut seed = [0; 32];
    let none = |error| TillError::Folder(format!("no randomness: {error}"));
    getrandom::fill(&mut seed).map_err(none)?;
    Ok(seed)
}
