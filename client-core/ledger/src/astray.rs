//! Entries that went astray: what a till signed under a name whose journal goes another way in the cloud. Its
//! file had been copied or restored, the other file reached the cloud first, and a sibling had heard this one
//! before. For everybody the cloud's journal is the one of that name, so these entries count no more; they are
//! kept, and told of until their till has written them again in a new life.

use crate::journal::{self, Taken};
use crate::rows::{signed, unsigned};
use crate::settle::{self, Dirty};
use crate::{Ledger, LedgerError, Reader, catalogue, renew, stock};
use domain::{Actor, Entry, Fact, FactId, Register, ShopId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// A journal that goes another way in the cloud than here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parting {
    /// Whose journal.
    pub actor: Actor,
    /// The number of the last entry that both have.
    pub last: u64,
    /// What of the rest is here already under the names of a new life: former name, new name.
    pub became: BTreeMap<FactId, FactId>,
    /// The catalogue without it; nothing where none of it is the catalogue's.
    pub catalogue: Option<Remaining>,
    /// Why, in words.
    pub reason: String,
    /// When it was found.
    pub at: Timestamp,
}

/// What is left of a catalogue from which something was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// What becomes of its other entries, in the order in which they merge.
    pub entries: Vec<Taken>,
    /// What this file's own writer had set after having seen it, and sets again: others can not take in what builds
    /// on what went out.
    pub again: Vec<Entry>,
    /// What stands in its registers after that.
    pub registers: Vec<Register>,
}

impl Reader {
    /// The entries of a shop that went astray and have not come back under another name. What was set in the
    /// catalogue has no name; it comes back with its till.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn astray(&self, shop: &ShopId) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT * FROM astray a WHERE shop = ? AND became IS NULL
                     AND (document <> 0 OR NOT EXISTS (SELECT 1 FROM journals j WHERE j.shop = a.shop
                       AND j.till = a.till AND j.incarnation > a.incarnation))
                   ORDER BY till, incarnation, number";
        let mut find = self.connection.prepare_cached(sql)?;
        let found = find.query_map([self.shop_key(shop)?], journal::entry)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Whether this entry went astray.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn is_astray(&self, shop: &ShopId, entry: &Entry) -> Result<bool, LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM astray WHERE shop = ? AND till = ? AND incarnation = ?
                     AND number = ? AND chain = ?)";
        let (actor, number) = (entry.actor, signed(entry.number)?);
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation, number, entry.chain];
        Ok(self.connection.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
    }

    /// What a till wrote in its other lives since an instant.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn other_lives(
        &self,
        shop: &ShopId,
        actor: Actor,
        since: Timestamp,
    ) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT * FROM journal WHERE shop = ? AND till = ? AND incarnation <> ? AND at >= ? AND state = 0";
        let mut find = self.connection.prepare_cached(sql)?;
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation, since.millis()];
        Ok(find.query_map(key, journal::entry)?.collect::<Result<_, _>>()?)
    }

    /// Every entry of a catalogue, whatever became of it, in the order in which they came or were merged.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn whole_catalogue(&self, shop: &ShopId) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT * FROM journal WHERE shop = ? AND document = 0 ORDER BY merged";
        let mut find = self.connection.prepare_cached(sql)?;
        let found = find.query_map([self.shop_key(shop)?], journal::entry)?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

impl Ledger {
    /// Takes out what only we have of a journal of somebody else's, and keeps it aside. All of it, or nothing.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn set_astray(&mut self, shop: &ShopId, parting: &Parting) -> Result<(), LedgerError> {
        let key = self.shop_key(shop)?;
        self.write(|c| {
            let mut dirty = Dirty::default();
            let names = keep_aside(c, key, parting)?;
            renew::forget(c, key, (parting.actor, parting.last), &names, &mut dirty)?;
            for (former, name) in &parting.became {
                came_back(c, key, *former, *name, None)?;
            }
            if let Some(Remaining { entries, again, registers }) = &parting.catalogue {
                entries.iter().try_for_each(|taken| journal::wake(c, key, taken))?;
                let append = |entry| journal::append(c, key, (None, entry), journal::APPLIED, None);
                again.iter().try_for_each(append)?;
                catalogue::replace(c, key, registers)?;
            }
            stock::recount(c, key)?;
            let Actor { till, incarnation } = parting.actor;
            let after = params![key, till.0, incarnation, signed(parting.last)?];
            let sql = "DELETE FROM strangers WHERE shop = ? AND till = ? AND incarnation = ? AND first > ?";
            c.execute(sql, after)?;
            let sql =
                "UPDATE at_cloud SET same = min(same, ?4) WHERE shop = ?1 AND till = ?2 AND incarnation = ?3";
            c.execute(sql, after)?;
            settle::settle(c, key, &dirty)
        })
    }
}

/// Copies what comes out of the journal; gives the names of the facts among it.
fn keep_aside(c: &Connection, shop: i64, parting: &Parting) -> Result<Vec<FactId>, LedgerError> {
    let Parting { actor, last, reason, at, .. } = parting;
    let sql = "INSERT OR IGNORE INTO astray (shop, till, incarnation, number, document, at, value, seq, before,
                 change, chain, signature, reason, found)
               SELECT shop, till, incarnation, number, document, at, value, seq, before, change, chain, signature,
                 ?5, ?6 FROM journal WHERE shop = ?1 AND till = ?2 AND incarnation = ?3 AND number > ?4";
    let place = (shop, actor.till.0, actor.incarnation, signed(*last)?);
    c.execute(sql, params![place.0, place.1, place.2, place.3, reason, at.millis()])?;
    let sql = "SELECT number FROM journal WHERE shop = ? AND till = ? AND incarnation = ? AND number > ?
                 AND document <> 0";
    let mut find = c.prepare(sql)?;
    let name = |row: &rusqlite::Row<'_>| Ok(FactId { actor: *actor, number: unsigned(row, "number")? });
    Ok(find.query_map(place, name)?.collect::<Result<_, _>>()?)
}

/// A fact that was written again in a new life: what went astray under its former name is here again.
pub(crate) fn written_again(c: &Connection, shop: i64, fact: &Fact) -> Result<(), LedgerError> {
    match fact.formerly {
        Some(former) => came_back(c, shop, former, fact.id, Some(fact.at)),
        None => Ok(()),
    }
}

/// Where its till began several lives, the former name is still the first: then the instant tells.
fn came_back(
    c: &Connection,
    shop: i64,
    former: FactId,
    name: FactId,
    at: Option<Timestamp>,
) -> Result<(), LedgerError> {
    let sql = "UPDATE astray SET became = ?5 WHERE shop = ?1 AND till = ?2 AND became IS NULL
                 AND (incarnation = ?3 AND number = ?4 AND at = coalesce(?6, at) OR incarnation > ?3 AND at = ?6)";
    let (Actor { till, incarnation }, number) = (former.actor, signed(former.number)?);
    let at = at.map(Timestamp::millis);
    c.prepare_cached(sql)?.execute(params![shop, till.0, incarnation, number, name.to_string(), at])?;
    Ok(())
}

/// What the cloud has is not astray, whatever was thought of it before.
pub(crate) fn found_again(c: &Connection, shop: i64, entries: &[Taken]) -> Result<(), LedgerError> {
    let mut any = c.prepare_cached("SELECT 1 FROM astray WHERE shop = ? LIMIT 1")?;
    if entries.is_empty() || any.query_row([shop], |_| Ok(())).optional()?.is_none() {
        return Ok(());
    }
    let sql =
        "DELETE FROM astray WHERE shop = ? AND till = ? AND incarnation = ? AND number = ? AND chain = ?";
    for Taken { entry, .. } in entries {
        let (Actor { till, incarnation }, number) = (entry.actor, signed(entry.number)?);
        c.prepare_cached(sql)?.execute(params![shop, till.0, incarnation, number, entry.chain])?;
    }
    Ok(())
}
