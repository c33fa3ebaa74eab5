//! Journals that are not held from their beginning: a new till enters each at a head shortly before today, and
//! what lies before comes backwards, newest first. The base of a journal is the head of what is not here yet.

use crate::journal::{append, apply, put_member, put_strangers, state_of, wake};
use crate::rows::{self, signed, time_option, unsigned};
use crate::settle::Dirty;
use crate::{Ledger, LedgerError, Page, Reader, Taken, catalogue, cloud, project, settle};
use domain::{Actor, FeedItem, ShopId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Up to where a journal is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// The number of the last entry that is not here.
    pub number: u64,
    /// The chain at that entry.
    pub chain: [u8; 32],
}

/// What is still to come of a shop's history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// The journals that are not all here, each with the time of its first entry that is, where that is known.
    pub journals: Vec<(Actor, Base, Option<Timestamp>)>,
    /// Where the older part of the payment feed was left; nothing when all of it is here.
    pub feed: Option<Vec<u8>>,
    /// How many entries of others' journals there are, up to where each is known.
    pub of: u64,
}

impl Backlog {
    /// How many entries are not here.
    pub fn missing(&self) -> u64 {
        self.journals.iter().map(|(_, base, _)| base.number).fold(0, u64::saturating_add)
    }
}

impl Reader {
    /// Up to where a journal is not here; `None` where it is here from its beginning.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn base(&self, shop: &ShopId, actor: Actor) -> Result<Option<Base>, LedgerError> {
        let sql = "SELECT number, chain FROM bases WHERE shop = ? AND till = ? AND incarnation = ?";
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation];
        Ok(self.connection.prepare_cached(sql)?.query_row(key, base).optional()?)
    }

    /// How far head office has a journal, as it told the cloud; 0 where nothing is known.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn held(&self, shop: &ShopId, actor: Actor) -> Result<u64, LedgerError> {
        let sql = "SELECT number FROM held WHERE shop = ? AND till = ? AND incarnation = ?";
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation];
        let read = |row: &Row<'_>| unsigned(row, "number");
        Ok(self.connection.prepare_cached(sql)?.query_row(key, read).optional()?.unwrap_or(0))
    }

    /// What is still to come of a shop's history.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn backlog(&self, shop: &ShopId) -> Result<Backlog, LedgerError> {
        let (key, own) = self.home(shop)?;
        let sql = "SELECT b.*, j.at FROM bases b LEFT JOIN journal j ON j.shop = b.shop AND j.till = b.till
                     AND j.incarnation = b.incarnation AND j.number = b.number + 1
                   WHERE b.shop = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| Ok((rows::actor(row)?, base(row)?, time_option(row, "at")?));
        let journals = find.query_map([key], read)?.collect::<Result<_, _>>()?;
        let mut find = self.connection.prepare_cached("SELECT feed FROM backlog WHERE shop = ?")?;
        let feed = find.query_row([key], |row| row.get("feed")).optional()?;
        let others = self.vector(shop)?.into_iter().filter(|(actor, _)| *actor != own);
        Ok(Backlog { journals, feed, of: others.map(|(_, number)| number).fold(0, u64::saturating_add) })
    }
}

impl Ledger {
    /// Writes how far head office has the journals of a shop. Whether that is news.
    ///
    /// # Errors
    /// The file can not be written.
    pub fn put_held(&mut self, shop: &ShopId, held: &[(Actor, u64)]) -> Result<bool, LedgerError> {
        let mut news = Vec::new();
        for (actor, number) in held {
            if self.held(shop, *actor)? != *number {
                news.push((*actor, signed(*number)?));
            }
        }
        if news.is_empty() {
            return Ok(false);
        }
        let key = self.shop_key(shop)?;
        let sql = "INSERT OR REPLACE INTO held (shop, till, incarnation, number) VALUES (?, ?, ?, ?)";
        self.write(|c| {
            for (actor, number) in &news {
                c.prepare_cached(sql)?.execute(params![key, actor.till.0, actor.incarnation, number])?;
            }
            Ok(true)
        })
    }

    /// Enters the journals of a shop at their bases, with what is known of its catalogue before them: all of
    /// it, or nothing. The page's cursor is where the payment feed begins; its older part goes on from
    /// `older`.
    ///
    /// # Errors
    /// Nothing was written; entering again does the same.
    pub fn enter(
        &mut self,
        shop: &ShopId,
        page: &Page,
        bases: &[(Actor, Base)],
        older: &[u8],
    ) -> Result<(), LedgerError> {
        let key = self.shop_key(shop)?;
        self.write(|c| {
            page.members.iter().try_for_each(|member| put_member(c, member))?;
            put_entries(c, key, page, &mut Dirty::default())?;
            for (actor, base) in bases {
                let sql = "INSERT OR IGNORE INTO journals (shop, till, incarnation) VALUES (?, ?, ?)";
                c.prepare_cached(sql)?.execute(params![key, actor.till.0, actor.incarnation])?;
                put_base(c, key, *actor, *base)?;
            }
            let same = bases.iter().map(|(actor, base)| (*actor, base.number)).collect();
            cloud::put_same(c, key, &same)?;
            put_strangers(c, key, page)?;
            // A feed that begins at its beginning has no older part.
            if page.cursor.as_deref().is_some_and(|cursor| !cursor.is_empty() && cursor != older) {
                let sql = "INSERT OR REPLACE INTO backlog (shop, feed) VALUES (?, ?)";
                c.prepare_cached(sql)?.execute(params![key, older])?;
            }
            let sql = "UPDATE shops SET cursor = ? WHERE key = ?";
            c.prepare_cached(sql)?.execute(params![page.cursor, key])?;
            Ok(())
        })
    }

    /// Writes entries that lead back from a journal's base, in order, and where it is now.
    ///
    /// # Errors
    /// Nothing was written; asking again brings the same.
    pub fn take_back(
        &mut self,
        shop: &ShopId,
        page: &Page,
        (actor, base): (Actor, Base),
    ) -> Result<(), LedgerError> {
        let key = self.shop_key(shop)?;
        self.write(|c| {
            let mut dirty = Dirty::default();
            put_entries(c, key, page, &mut dirty)?;
            join_runs(c, key, page)?;
            put_base(c, key, actor, base)?;
            put_strangers(c, key, page)?;
            settle::settle(c, key, &dirty)
        })
    }

    /// Writes items of the older part of the payment feed, and where it goes on; nothing at its end.
    ///
    /// # Errors
    /// Nothing was written; asking again brings the same.
    pub fn take_older_feed(
        &mut self,
        shop: &ShopId,
        feed: &[FeedItem],
        cursor: Option<&[u8]>,
    ) -> Result<(), LedgerError> {
        let key = self.shop_key(shop)?;
        self.write(|c| {
            let mut dirty = Dirty::default();
            for item in feed {
                project::feed_item(c, key, item, &mut dirty)?;
            }
            match cursor {
                Some(cursor) => {
                    let sql = "UPDATE backlog SET feed = ? WHERE shop = ?";
                    c.prepare_cached(sql)?.execute(params![cursor, key])?
                }
                None => c.prepare_cached("DELETE FROM backlog WHERE shop = ?")?.execute([key])?,
            };
            settle::settle(c, key, &dirty)
        })
    }
}

fn put_entries(c: &Connection, shop: i64, page: &Page, dirty: &mut Dirty) -> Result<(), LedgerError> {
    let mut before = None;
    for taken @ Taken { entry, outcome } in &page.entries {
        let (state, reason) = state_of(outcome);
        append(c, shop, (before, entry), state, reason)?;
        apply(c, shop, taken, dirty)?;
        before = Some(entry);
    }
    for taken in &page.woken {
        wake(c, shop, taken)?;
        apply(c, shop, taken, dirty)?;
    }
    catalogue::put(c, shop, &page.registers)
}

/// What began a run here until now goes on with what came before it.
fn join_runs(c: &Connection, shop: i64, page: &Page) -> Result<(), LedgerError> {
    let sql = "DELETE FROM runs WHERE shop = ?1 AND till = ?2 AND incarnation = ?3 AND first = ?4 + 1
                 AND document = (SELECT document FROM journal
                   WHERE shop = ?1 AND till = ?2 AND incarnation = ?3 AND number = ?4)";
    let Some(Taken { entry, .. }) = page.entries.last() else { return Ok(()) };
    let (till, life, number) = (entry.actor.till.0, entry.actor.incarnation, signed(entry.number)?);
    c.prepare_cached(sql)?.execute(params![shop, till, life, number])?;
    Ok(())
}

fn put_base(c: &Connection, shop: i64, actor: Actor, base: Base) -> Result<(), LedgerError> {
    let (till, life) = (actor.till.0, actor.incarnation);
    if base.number == 0 {
        let sql = "DELETE FROM bases WHERE shop = ? AND till = ? AND incarnation = ?";
        c.prepare_cached(sql)?.execute(params![shop, till, life])?;
        return Ok(());
    }
    let sql = "INSERT OR REPLACE INTO bases (shop, till, incarnation, number, chain) VALUES (?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![shop, till, life, signed(base.number)?, base.chain])?;
    Ok(())
}

fn base(row: &Row<'_>) -> rusqlite::Result<Base> {
    Ok(Base { number: unsigned(row, "number")?, chain: row.get("chain")? })
}
