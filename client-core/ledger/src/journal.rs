//! The truth of the file: identity, journals, feed and cursors, written in one transaction with what is
//! computed from them.

use crate::rows::{self, damaged, signed, unsigned};
use crate::settle::Dirty;
use crate::{Ledger, LedgerError, Reader, astray, catalogue, clock, cloud, project, settle};
use domain::{
    Actor, Body, BusinessDay, Clock, Document, Entry, Fact, FactId, FeedItem, ItemKey, Member, Money,
    Register, Role, Shop, ShopId, TillId, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// Who writes in this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The writer.
    pub actor: Actor,
    /// A till, or head office.
    pub role: Role,
    /// The letter of its short sale references.
    pub letter: String,
    /// What people call it.
    pub name: String,
}

/// What an entry says, as far as rows are computed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A fact.
    Fact(Fact),
    /// A register of the catalogue was set; what stands in it now is given beside the page.
    Item(ItemKey),
    /// Ours in shape, but written by a newer release: kept and shown.
    Unreadable(String),
}

/// What became of an entry at the guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It passed, and says this.
    Applied(Content),
    /// It builds on changes that have not come.
    Waiting,
    /// It did not pass; kept with the reason.
    Refused(String),
}

/// An entry and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The entry.
    pub entry: Entry,
    /// What became of it.
    pub outcome: Outcome,
}

/// What one answer of the cloud brought, to be written in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Members met for the first time, or changed.
    pub members: Vec<Member>,
    /// Entries of other journals, each journal in order.
    pub entries: Vec<Taken>,
    /// Entries that waited here and have passed now.
    pub woken: Vec<Taken>,
    /// What stands now in the registers of the catalogue that were set.
    pub registers: Vec<Register>,
    /// New items of the payment feed.
    pub feed: Vec<FeedItem>,
    /// Where the feed goes on; none if the page did not come from the cloud.
    pub cursor: Option<Vec<u8>>,
    /// How far the cloud has our own journal.
    pub sent: Option<u64>,
    /// How far the cloud has the journals of others, as far as the page tells.
    pub at_cloud: BTreeMap<Actor, u64>,
    /// Up to where the journals of others are here as the cloud has them, as far as the page shows.
    pub same: BTreeMap<Actor, u64>,
    /// Batches that do not continue their journal: writer, first number, reason.
    pub strangers: Vec<(Actor, u64, String)>,
    /// When the answer came.
    pub at: Option<Timestamp>,
    /// What the answer taught of this machine's clock, if that is new.
    pub clock: Option<Clock>,
}

impl Reader {
    /// Who writes here; `None` before enrolment.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn identity(&self) -> Result<Option<Identity>, LedgerError> {
        let read = |row: &Row<'_>| {
            Ok(Identity {
                actor: rows::actor(row)?,
                role: Role::named(&row.get::<_, String>("role")?).ok_or_else(|| damaged("a role"))?,
                letter: row.get("letter")?,
                name: row.get("name")?,
            })
        };
        Ok(self.connection.query_row("SELECT * FROM identity", [], read).optional()?)
    }
}

impl Ledger {
    /// Makes this file the ledger of a member that writes in some shops under its own name.
    ///
    /// # Errors
    /// It already is somebody's, or can not be written.
    pub fn enrol(&mut self, identity: &Identity, shops: &[Shop]) -> Result<(), LedgerError> {
        let sql =
            "INSERT INTO identity (one, till, incarnation, role, letter, name) VALUES (1, ?, ?, ?, ?, ?)";
        let (actor, role) = (identity.actor, identity.role.name());
        self.write(|c| {
            c.execute(sql, params![actor.till.0, actor.incarnation, role, identity.letter, identity.name])?;
            shops.iter().try_for_each(|shop| put_shop(c, shop, actor))
        })?;
        self.read_homes()
    }

    /// Adds a shop in which this file writes as `writer`, or changes what is known of it.
    ///
    /// # Errors
    /// The file can not be written.
    pub fn put_shop(&mut self, shop: &Shop, writer: Actor) -> Result<(), LedgerError> {
        self.write(|c| put_shop(c, shop, writer))?;
        self.read_homes()
    }

    /// Keeps until when all of a shop's payments were pulled from Safaricom, and are here.
    ///
    /// # Errors
    /// Nothing was kept.
    pub fn put_pulled_until(&mut self, shop: &ShopId, until: Option<Timestamp>) -> Result<(), LedgerError> {
        let row = params![until.map(Timestamp::millis), self.shop_key(shop)?];
        let sql = "UPDATE shops SET pulled_until = ? WHERE key = ?";
        self.write(|c| Ok(c.prepare_cached(sql)?.execute(row).map(drop)?))
    }
}

impl Reader {
    /// Under which name this file writes in a shop's journal.
    ///
    /// # Errors
    /// The shop is not here, or the file can not be read.
    pub fn writer(&self, shop: &ShopId) -> Result<Actor, LedgerError> {
        self.home(shop).map(|(_, writer)| writer)
    }

    /// The shops of this ledger.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn shops(&self) -> Result<Vec<Shop>, LedgerError> {
        let mut find = self.connection.prepare_cached("SELECT * FROM shops ORDER BY id")?;
        Ok(find.query_map([], rows::shop)?.collect::<Result<_, _>>()?)
    }

    /// Every member met so far.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn members(&self) -> Result<BTreeMap<Actor, Member>, LedgerError> {
        let mut find = self.connection.prepare_cached("SELECT * FROM members")?;
        let members = find.query_map([], rows::member)?.map(|m| m.map(|m| (m.actor, m)));
        Ok(members.collect::<Result<_, _>>()?)
    }

    /// The last entry of a journal; `None` before its first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn tip(&self, shop: &ShopId, actor: Actor) -> Result<Option<Entry>, LedgerError> {
        let sql = "SELECT * FROM journal WHERE shop = ? AND till = ? AND incarnation = ?
                   ORDER BY number DESC LIMIT 1";
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation];
        Ok(self.connection.prepare_cached(sql)?.query_row(key, entry).optional()?)
    }

    /// When the last fact of a journal was written, whatever its writer changed in the catalogue since.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn last_fact_at(&self, shop: &ShopId, actor: Actor) -> Result<Option<Timestamp>, LedgerError> {
        let sql = "SELECT * FROM journal WHERE shop = ? AND till = ? AND incarnation = ? AND document <> 0
                   ORDER BY number DESC LIMIT 1";
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation];
        let last: Option<Entry> = self.connection.prepare_cached(sql)?.query_row(key, entry).optional()?;
        Ok(last.and_then(|last| match last.body {
            Body::Fact { at, .. } => Some(at),
            Body::Change(_) => None,
        }))
    }

    /// An entry by its name.
    ///
    /// # Errors
    /// There is none, or the file can not be read.
    pub fn entry(&self, shop: &ShopId, id: FactId) -> Result<Entry, LedgerError> {
        let sql = "SELECT * FROM journal WHERE shop = ? AND till = ? AND incarnation = ? AND number = ?";
        let key = params![self.shop_key(shop)?, id.actor.till.0, id.actor.incarnation, signed(id.number)?];
        let found = self.connection.prepare_cached(sql)?.query_row(key, entry).optional()?;
        found.ok_or_else(|| LedgerError::Unknown(format!("entry {id}")))
    }

    /// The chain at one entry of a journal; `None` if the entry is not here.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn chain_at(
        &self,
        shop: &ShopId,
        actor: Actor,
        number: u64,
    ) -> Result<Option<[u8; 32]>, LedgerError> {
        let sql = "SELECT chain FROM journal WHERE shop = ? AND till = ? AND incarnation = ? AND number = ?";
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation, signed(number)?];
        Ok(self.connection.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?)
    }

    /// How far each journal of a shop goes here.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn vector(&self, shop: &ShopId) -> Result<BTreeMap<Actor, u64>, LedgerError> {
        // One that was entered ends at its base at least.
        let sql = "SELECT till, incarnation, max(
                     coalesce((SELECT max(e.number) FROM journal e WHERE e.shop = j.shop AND e.till = j.till
                       AND e.incarnation = j.incarnation), 0),
                     coalesce((SELECT b.number FROM bases b WHERE b.shop = j.shop AND b.till = j.till
                       AND b.incarnation = j.incarnation), 0)) AS number
                   FROM journals j WHERE shop = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| Ok((rows::actor(row)?, unsigned(row, "number")?));
        let vector = find.query_map([self.shop_key(shop)?], read)?;
        Ok(vector.collect::<Result<_, _>>()?)
    }

    /// The entry with which an actor's strand in a document ends.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn strand_end(
        &self,
        shop: &ShopId,
        actor: Actor,
        document: Document,
    ) -> Result<Option<Entry>, LedgerError> {
        // Nearly always the last entry of all; the strand's first run says where looking back may stop.
        let sql = "SELECT * FROM journal WHERE shop = ?1 AND till = ?2 AND incarnation = ?3 AND number >=
                     (SELECT min(first) FROM runs WHERE shop = ?1 AND document = ?4 AND till = ?2 AND incarnation = ?3)
                     AND document = ?4 AND state = 0
                   ORDER BY number DESC LIMIT 1";
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation, document_number(document)];
        Ok(self.connection.prepare_cached(sql)?.query_row(key, entry).optional()?)
    }

    /// Where a sync of a shop goes on: the feed's cursor, and how far the cloud has our own journal.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn cursors(&self, shop: &ShopId) -> Result<(Vec<u8>, u64), LedgerError> {
        let sql = "SELECT cursor, sent FROM shops WHERE id = ?";
        let read = |row: &Row<'_>| Ok((row.get("cursor")?, unsigned(row, "sent")?));
        Ok(self.connection.prepare_cached(sql)?.query_row([shop.as_str()], read)?)
    }

    /// Until when all of a shop's payments were pulled from Safaricom, and are here.
    ///
    /// # Errors
    /// The shop is not here, or the file can not be read.
    pub fn pulled_until(&self, shop: &ShopId) -> Result<Option<Timestamp>, LedgerError> {
        let sql = "SELECT pulled_until FROM shops WHERE key = ?";
        let read = |row: &Row<'_>| rows::time_option(row, "pulled_until");
        Ok(self.connection.prepare_cached(sql)?.query_row([self.shop_key(shop)?], read)?)
    }

    /// When the cloud was last heard of, for any shop.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn last_contact(&self) -> Result<Option<Timestamp>, LedgerError> {
        let sql = "SELECT max(last_contact) AS at FROM shops";
        let at: Option<i64> = self.connection.query_row(sql, [], |row| row.get("at"))?;
        Ok(at.map(Timestamp::from_millis).transpose().map_err(damaged)?)
    }

    /// An actor's entries after a number, in order and without a gap, at most `limit`; none where the next is
    /// not here.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn entries_after(
        &self,
        shop: &ShopId,
        actor: Actor,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT * FROM journal WHERE shop = ? AND till = ? AND incarnation = ? AND number > ?
                   ORDER BY number LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation, signed(after)?, limit];
        let mut find = self.connection.prepare_cached(sql)?;
        let found: Vec<Entry> = find.query_map(key, entry)?.collect::<Result<_, _>>()?;
        // Of a journal with a base, single entries of the catalogue may lie before it.
        let in_place = |(entry, number): &(Entry, u64)| entry.number == *number;
        Ok(found.into_iter().zip(after.saturating_add(1)..).take_while(in_place).map(|(e, _)| e).collect())
    }

    /// The entries of a day book that passed the guard, strand by strand.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn day_book(&self, shop: &ShopId, day: BusinessDay) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT j.* FROM runs r JOIN journal j
                   ON j.shop = r.shop AND j.till = r.till AND j.incarnation = r.incarnation
                     AND j.number >= r.first AND j.number < coalesce((
                       SELECT min(n.first) FROM runs n WHERE n.shop = r.shop AND n.till = r.till
                         AND n.incarnation = r.incarnation AND n.first > r.first), 9223372036854775807)
                   WHERE r.shop = ? AND r.document = ? AND j.state = 0
                   ORDER BY r.till, r.incarnation, r.first, j.number";
        let mut find = self.connection.prepare_cached(sql)?;
        let found = find.query_map(params![self.shop_key(shop)?, day.number()], entry)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The catalogue's entries that passed the guard, in the order in which they were merged; or those that
    /// wait for others.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn catalogue(&self, shop: &ShopId, waiting: bool) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT * FROM journal WHERE shop = ? AND document = 0 AND state = ? ORDER BY merged";
        let state = if waiting { WAITING } else { APPLIED };
        let mut find = self.connection.prepare_cached(sql)?;
        let found = find.query_map(params![self.shop_key(shop)?, state], entry)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The days of a shop that have a day book here, the newest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn days(&self, shop: &ShopId) -> Result<Vec<BusinessDay>, LedgerError> {
        let sql = "SELECT DISTINCT document FROM runs WHERE shop = ? AND document > 0 ORDER BY document DESC";
        let mut find = self.connection.prepare_cached(sql)?;
        let day = |row: &Row<'_>| BusinessDay::from_number(row.get("document")?).map_err(damaged);
        Ok(find.query_map([self.shop_key(shop)?], day)?.collect::<Result<_, _>>()?)
    }
}

impl Ledger {
    /// Writes what an answer of the cloud brought: all of it, or nothing.
    ///
    /// # Errors
    /// Nothing was written; asking again brings the same.
    pub fn take(&mut self, shop: &ShopId, page: &Page) -> Result<(), LedgerError> {
        let key = self.shop_key(shop)?;
        self.write(|c| {
            let mut dirty = Dirty::default();
            page.members.iter().try_for_each(|member| put_member(c, member))?;
            let mut before = None;
            for taken in &page.entries {
                let (state, reason) = state_of(&taken.outcome);
                append(c, key, (before, &taken.entry), state, reason)?;
                apply(c, key, taken, &mut dirty)?;
                before = Some(&taken.entry);
            }
            for taken in &page.woken {
                wake(c, key, taken)?;
                apply(c, key, taken, &mut dirty)?;
            }
            catalogue::put(c, key, &page.registers)?;
            for item in &page.feed {
                project::feed_item(c, key, item, &mut dirty)?;
            }
            page.clock.map_or(Ok(()), |it| clock::put(c, it))?;
            astray::found_again(c, key, &page.entries)?;
            put_strangers(c, key, page)?;
            put_cursors(c, key, page)?;
            cloud::put_same(c, key, &page.same)?;
            settle::settle(c, key, &dirty)
        })
    }
}

fn put_shop(c: &Connection, shop: &Shop, writer: Actor) -> Result<(), LedgerError> {
    let sql = "INSERT INTO shops (id, name, account, shortcode, store_number, head_office, validation,
                 second_source_from, review_from, till, incarnation)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, account = excluded.account,
                 shortcode = excluded.shortcode, store_number = excluded.store_number,
                 head_office = excluded.head_office, validation = excluded.validation,
                 second_source_from = excluded.second_source_from, review_from = excluded.review_from";
    c.execute(
        sql,
        params![
            shop.id.as_str(),
            shop.name,
            shop.account.kind(),
            shop.account.shortcode().as_str(),
            shop.store_number.as_ref().map(domain::ShortCode::as_str),
            shop.head_office.as_ref().map(domain::ShortCode::as_str),
            shop.rules.validation.name(),
            shop.rules.second_source_from.map(Money::cents),
            shop.rules.review_from.cents(),
            writer.till.0,
            writer.incarnation
        ],
    )?;
    Ok(())
}

pub(crate) fn put_member(c: &Connection, m: &Member) -> Result<(), LedgerError> {
    let sql = "INSERT OR REPLACE INTO members (till, incarnation, role, letter, name, public_key, revoked)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let TillId(till) = m.actor.till;
    let (life, role) = (m.actor.incarnation, m.role.name());
    c.execute(sql, params![till, life, role, m.letter, m.name, m.public_key, m.revoked])?;
    Ok(())
}

/// An entry counts.
pub(crate) const APPLIED: i64 = 0;
/// It builds on changes that have not come.
const WAITING: i64 = 1;
/// It did not pass the guard.
const REFUSED: i64 = 2;
/// The number of the catalogue among documents; a day book has its day's.
const CATALOGUE: i32 = 0;

fn document_number(document: Document) -> i32 {
    match document {
        Document::DayBook(day) => day.number(),
        Document::Catalogue => CATALOGUE,
    }
}

pub(crate) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let document = match row.get("document")? {
        CATALOGUE => Document::Catalogue,
        day => Document::DayBook(BusinessDay::from_number(day).map_err(damaged)?),
    };
    let body = match row.get("value")? {
        Some(value) => {
            let before: Option<[u8; 32]> = row.get("before")?;
            let place =
                before.map(|hash| Ok::<_, rusqlite::Error>((unsigned(row, "seq")?, hash))).transpose()?;
            Body::Fact { at: rows::time(row, "at")?, value, place }
        }
        None => Body::Change(row.get("change")?),
    };
    let (chain, signature) = (row.get("chain")?, row.get("signature")?);
    Ok(Entry { actor: rows::actor(row)?, number: unsigned(row, "number")?, document, body, chain, signature })
}

/// Adds an entry to its journal; `before` is the one before it, where it is at hand.
pub(crate) fn append(
    c: &Connection,
    shop: i64,
    (before, entry): (Option<&Entry>, &Entry),
    state: i64,
    reason: Option<&str>,
) -> Result<(), LedgerError> {
    let goes_on = before.is_some_and(|before| {
        (before.actor, before.number.checked_add(1), before.document)
            == (entry.actor, Some(entry.number), entry.document)
    });
    let (till, life, number) = (entry.actor.till.0, entry.actor.incarnation, signed(entry.number)?);
    let document = document_number(entry.document);
    let merged = if document == CATALOGUE { Some(next_merged(c, shop)?) } else { None };
    let (at, value, place, change) = match &entry.body {
        Body::Fact { at, value, place } => (Some(at.millis()), Some(value), *place, None),
        Body::Change(change) => (None, None, None, Some(change)),
    };
    let seq = place.map(|(seq, _)| signed(seq)).transpose()?;
    let before = place.map(|(_, hash)| hash);
    let sql =
        "INSERT INTO journal (shop, till, incarnation, number, document, at, value, seq, before, change,
                 chain, signature, state, reason, merged)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        shop,
        till,
        life,
        number,
        document,
        at,
        value,
        seq,
        before,
        change,
        entry.chain,
        entry.signature,
        state,
        reason,
        merged
    ])?;
    if goes_on {
        return Ok(());
    }
    let sql = "INSERT INTO runs (shop, till, incarnation, first, document)
               SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM journal
                 WHERE shop = ?1 AND till = ?2 AND incarnation = ?3 AND number = ?4 - 1 AND document = ?5)";
    let begins = c.prepare_cached(sql)?.execute(params![shop, till, life, number, document])? == 1;
    if begins {
        let sql = "INSERT OR IGNORE INTO journals (shop, till, incarnation) VALUES (?, ?, ?)";
        c.prepare_cached(sql)?.execute(params![shop, till, life])?;
    }
    Ok(())
}

/// The next place in the order of the catalogue's changes.
fn next_merged(c: &Connection, shop: i64) -> Result<i64, LedgerError> {
    let sql = "SELECT coalesce(max(merged), 0) + 1 FROM journal WHERE shop = ? AND document = 0";
    Ok(c.prepare_cached(sql)?.query_row([shop], |row| row.get(0))?)
}

pub(crate) fn state_of(outcome: &Outcome) -> (i64, Option<&str>) {
    match outcome {
        Outcome::Applied(Content::Unreadable(reason)) => (APPLIED, Some(reason)),
        Outcome::Applied(_) => (APPLIED, None),
        Outcome::Waiting => (WAITING, None),
        Outcome::Refused(reason) => (REFUSED, Some(reason)),
    }
}

pub(crate) fn apply(c: &Connection, shop: i64, taken: &Taken, dirty: &mut Dirty) -> Result<(), LedgerError> {
    match &taken.outcome {
        Outcome::Applied(Content::Fact(fact)) => {
            project::fact(c, shop, fact, dirty)?;
            astray::written_again(c, shop, fact)
        }
        _ => Ok(()),
    }
}

/// An entry that waited has an outcome now, and its place in the order is where it was merged.
pub(crate) fn wake(c: &Connection, shop: i64, taken: &Taken) -> Result<(), LedgerError> {
    let (state, reason) = state_of(&taken.outcome);
    let sql = "UPDATE journal SET state = ?, reason = ?, merged = ?
               WHERE shop = ? AND till = ? AND incarnation = ? AND number = ?";
    let (actor, number, merged) = (taken.entry.actor, signed(taken.entry.number)?, next_merged(c, shop)?);
    let key = params![state, reason, merged, shop, actor.till.0, actor.incarnation, number];
    c.prepare_cached(sql)?.execute(key)?;
    Ok(())
}

pub(crate) fn put_strangers(c: &Connection, shop: i64, page: &Page) -> Result<(), LedgerError> {
    let sql = "INSERT OR IGNORE INTO strangers (shop, till, incarnation, first, reason, at) VALUES (?, ?, ?, ?, ?, ?)";
    for (actor, first, reason) in &page.strangers {
        let at = page.at.map_or(0, Timestamp::millis);
        c.execute(sql, params![shop, actor.till.0, actor.incarnation, signed(*first)?, reason, at])?;
    }
    Ok(())
}

/// What the cloud says it has is what counts, even if it is less than before: a cloud that was restored from
/// a backup is sent again what it lost.
fn put_cursors(c: &Connection, shop: i64, page: &Page) -> Result<(), LedgerError> {
    let Some(cursor) = &page.cursor else { return Ok(()) };
    let sql =
        "UPDATE shops SET cursor = ?, sent = coalesce(?, sent), last_contact = coalesce(?, last_contact)
               WHERE key = ?";
    let sent = page.sent.map(signed).transpose()?;
    c.prepare_cached(sql)?.execute(params![cursor, sent, page.at.map(Timestamp::millis), shop])?;
    cloud::put(c, shop, &page.at_cloud)
}
