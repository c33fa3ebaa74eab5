//! A file that is not the only one of its kind: it was restored from a backup, or copied. Somebody else may
//! write, or have written, under its name. Here it is recognised, and here it gets the name of its new life.

use crate::rows::{self, parsed, signed, unsigned};
use crate::settle::Dirty;
use crate::{Ledger, LedgerError, Reader, catalogue, file, journal, project, settle, stock};
use domain::{Actor, Entry, Fact, FactId, Member, ReceiptCode, Register, ShopId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Why a file may share its name with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was made from a backup.
    Restored,
    /// The file system says that it is not the file that was written here before.
    Copied,
    /// The cloud has other entries under its name.
    Forked,
}

impl Why {
    const ALL: [Self; 3] = [Self::Restored, Self::Copied, Self::Forked];

    const fn name(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Copied => "copied",
            Self::Forked => "forked",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Restored => "its ledger was restored from a backup",
            Self::Copied => "its ledger was copied",
            Self::Forked => "somebody else wrote under its name",
        }
    }
}

/// That somebody else may write in a journal of this file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Why.
    pub why: Why,
    /// Up to this number the journal was written before that: whoever else has it has it too.
    pub last: u64,
    /// Stands for this doubt where there is no entry that does; random.
    pub token: [u8; 32],
}

/// A journal that goes on under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLife {
    /// The new name, and the letter of its references.
    pub actor: Actor,
    /// See there.
    pub letter: String,
    /// Who it was.
    pub former: Member,
    /// How far the former journal is what the cloud has too. What came after is written again.
    pub last: u64,
    /// The names that what came after goes by now, each with the former one first. Some of it may be here
    /// already: another copy of this file that began the same life wrote it again before.
    pub names: Vec<(FactId, FactId)>,
    /// The rest of it: entries under the new name, each with the fact in it; none for the catalogue's.
    pub again: Vec<(Entry, Option<Fact>)>,
    /// What stands in the catalogue's registers after that.
    pub registers: Vec<Register>,
    /// Why.
    pub why: Why,
    /// When.
    pub at: Timestamp,
}

impl Reader {
    /// Whether somebody else may write in this file's journal of a shop.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn doubt(&self, shop: &ShopId) -> Result<Option<Doubt>, LedgerError> {
        let read = |row: &Row<'_>| {
            let name: String = row.get("why")?;
            let why = Why::ALL.into_iter().find(|why| why.name() == name);
            let why = why.ok_or_else(|| rows::damaged("a doubt that does not exist"))?;
            Ok(Doubt { why, last: unsigned(row, "last")?, token: row.get("token")? })
        };
        let mut find = self.connection.prepare_cached("SELECT * FROM doubts WHERE shop = ?")?;
        Ok(find.query_row([self.shop_key(shop)?], read).optional()?)
    }

    /// What became of this file's writer: a line for each life that ended.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn lives(&self) -> Result<Vec<String>, LedgerError> {
        let mut find =
            self.connection.prepare_cached("SELECT * FROM lives ORDER BY at, till, incarnation")?;
        let letters = self.letters()?;
        let called = |actor: Actor| letters.get(&actor).cloned().unwrap_or_else(|| actor.to_string());
        let read = |row: &Row<'_>| {
            let (actor, became) = (called(rows::actor(row)?), called(parsed(row, "became", str::parse)?));
            let name: String = row.get("why")?;
            let why = Why::ALL.into_iter().find(|why| why.name() == name).map_or("", Why::words);
            let (again, at) = (unsigned(row, "again")?, rows::time(row, "at")?);
            Ok(format!(
                "{} till {actor} became {became}, because {why}; {again} entries that only it had were \
                 written again under that name, nothing was lost",
                at.business_day()
            ))
        };
        Ok(find.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// What is in doubt about this file, in words, until its next sync settles it.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn doubts(&self) -> Result<Vec<String>, LedgerError> {
        let mut find = self.connection.prepare_cached("SELECT DISTINCT why FROM doubts ORDER BY why")?;
        let names = find.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let words = |name: &String| Why::ALL.into_iter().find(|why| why.name() == name).map(Why::words);
        let line =
            |words| format!("this till gets another name and letter at its next sync, because {words}");
        Ok(names.iter().filter_map(words).map(line).collect())
    }

    /// The sales that were printed under a name before their till began a new life.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn formerly(&self, name: FactId) -> Result<Vec<FactId>, LedgerError> {
        let mut find =
            self.connection.prepare_cached("SELECT id FROM sales WHERE formerly = ? ORDER BY number")?;
        let found = find.query_map([name.to_string()], |row| parsed(row, "id", str::parse))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

impl Ledger {
    /// Looks whether this is the file that was written here before. Where the file system does not say when a
    /// file was made, a copy is found by the cloud, when its journal parts from the other's.
    pub(crate) fn recognise(&mut self) -> Result<(), LedgerError> {
        let Some(mark) = file::birth(&self.path) else { return Ok(()) };
        let sql = "SELECT mark FROM birth";
        let known: Option<String> = self.connection.query_row(sql, [], |row| row.get(0)).optional()?;
        if known.as_ref() == Some(&mark) {
            return Ok(());
        }
        self.write(|c| {
            c.execute("INSERT OR REPLACE INTO birth (one, mark) VALUES (1, ?)", [&mark])?;
            if known.is_some() { note(c, Why::Copied, None) } else { Ok(()) }
        })
    }

    /// Notes that this file was made from a backup.
    ///
    /// # Errors
    /// Nothing was noted.
    pub fn note_restored(&mut self) -> Result<(), LedgerError> {
        self.write(|c| {
            note(c, Why::Restored, None)?;
            Ok(c.execute("UPDATE doubts SET why = ?", [Why::Restored.name()]).map(drop)?)
        })
    }

    /// Notes that the cloud has other entries under this file's name.
    ///
    /// # Errors
    /// Nothing was noted.
    pub fn note_forked(&mut self, shop: &ShopId) -> Result<(), LedgerError> {
        let key = self.shop_key(shop)?;
        self.write(|c| note(c, Why::Forked, Some(key)))
    }

    /// Goes on under another name: what only this file has is written again under it, what refers to that
    /// refers to the new name, and the former journal ends where the cloud's goes another way. All of it, or
    /// nothing.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn begin_life(&mut self, shop: &ShopId, life: &NewLife) -> Result<(), LedgerError> {
        let (key, _) = self.home(shop)?;
        self.write(|c| {
            let mut dirty = Dirty::default();
            let names: Vec<FactId> = life.names.iter().map(|(former, _)| *former).collect();
            let numbers = forget(c, key, (life.former.actor, life.last), &names, &mut dirty)?;
            let mut before = None;
            for (entry, fact) in &life.again {
                journal::append(c, key, (before, entry), journal::APPLIED, None)?;
                before = Some(entry);
                if let Some(fact) = fact {
                    project::fact(c, key, fact, &mut dirty)?;
                }
            }
            for ((former, name), number) in life.names.iter().zip(numbers) {
                let again = life
                    .again
                    .iter()
                    .any(|(entry, _)| (entry.actor, entry.number) == (name.actor, name.number));
                rename(c, key, (*former, *name), number.filter(|_| again), &mut dirty)?;
            }
            catalogue::put(c, key, &life.registers)?;
            stock::recount(c, key)?;
            become_another(c, key, life)?;
            settle::settle(c, key, &dirty)
        })?;
        self.read_homes()
    }
}

/// One shop's journal of ours, or every shop's, is in doubt from here on; where it was before, from there on.
fn note(c: &Connection, why: Why, shop: Option<i64>) -> Result<(), LedgerError> {
    let sql = "INSERT OR IGNORE INTO doubts (shop, why, last, token)
               SELECT s.key, ?1, coalesce((SELECT max(number) FROM journal j WHERE j.shop = s.key
                 AND j.till = s.till AND j.incarnation = s.incarnation), 0), randomblob(32)
               FROM shops s WHERE ?2 IS NULL OR s.key = ?2";
    Ok(c.execute(sql, params![why.name(), shop]).map(drop)?)
}

/// Takes a journal's facts after its last that stays out again, and gives the local number that each sale among
/// them had.
pub(crate) fn forget(
    c: &Connection,
    shop: i64,
    (actor, last): (Actor, u64),
    facts: &[FactId],
    dirty: &mut Dirty,
) -> Result<Vec<Option<i64>>, LedgerError> {
    let mut numbers = Vec::new();
    for fact in facts {
        let mut find = c.prepare_cached("SELECT number FROM sales WHERE id = ?")?;
        numbers.push(find.query_row([fact.to_string()], |row| row.get(0)).optional()?);
        dirty.fact(c, shop, *fact)?;
    }
    for fact in facts {
        project::forget(c, shop, *fact, dirty)?;
    }
    let after = params![shop, actor.till.0, actor.incarnation, signed(last)?];
    for table in ["journal", "goods", "counts", "replaced", "seen", "drawers"] {
        let sql =
            format!("DELETE FROM {table} WHERE shop = ? AND till = ? AND incarnation = ? AND number > ?");
        c.execute(&sql, after)?;
    }
    let sql = "DELETE FROM runs WHERE shop = ? AND till = ? AND incarnation = ? AND first > ?";
    c.execute(sql, after)?;
    let sql = "DELETE FROM journals WHERE shop = ? AND till = ? AND incarnation = ? AND ? = 0";
    c.execute(sql, after)?;
    Ok(numbers)
}

/// Everything of ours that calls a sale by its former name calls it by the new one.
fn rename(
    c: &Connection,
    shop: i64,
    (former, name): (FactId, FactId),
    number: Option<i64>,
    dirty: &mut Dirty,
) -> Result<(), LedgerError> {
    let (old, new) = (former.to_string(), name.to_string());
    if let Some(number) = number {
        // People have seen it: what local numbers name stays what it was.
        c.prepare_cached("UPDATE sales SET number = ? WHERE id = ?")?.execute(params![number, new])?;
    }
    c.prepare_cached("UPDATE requests SET sale = ? WHERE sale = ?")?.execute([&new, &old])?;
    c.prepare_cached("UPDATE pushes SET sale = ? WHERE sale = ?")?.execute([&new, &old])?;
    // What answers our own push answers it under the new name. Another's sale may have had the old one too.
    let sql = "UPDATE feed SET sale = ?1 WHERE shop = ?2 AND sale = ?3
                 AND name IN (SELECT checkout FROM pushes WHERE sale = ?1) RETURNING receipt";
    let mut answers = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| rows::parsed_option(row, "receipt", ReceiptCode::parse);
    for receipt in answers.query_map(params![new, shop, old], read)? {
        receipt?.into_iter().for_each(|receipt| dirty.receipt(receipt));
    }
    Ok(())
}

/// The file is somebody else's from here on, who was this one.
fn become_another(c: &Connection, shop: i64, life: &NewLife) -> Result<(), LedgerError> {
    let (former, actor) = (life.former.actor, life.actor);
    let sql = "INSERT OR REPLACE INTO lives (shop, till, incarnation, became, why, again, at)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let again = i64::try_from(life.names.len()).unwrap_or(i64::MAX);
    c.execute(
        sql,
        params![
            shop,
            former.till.0,
            former.incarnation,
            actor.to_string(),
            life.why.name(),
            again,
            life.at.millis()
        ],
    )?;
    journal::put_member(c, &life.former)?;
    let sql = "UPDATE shops SET till = ?, incarnation = ?, sent = 0 WHERE key = ?";
    c.execute(sql, params![actor.till.0, actor.incarnation, shop])?;
    // Head office has another name in each shop, and stays who it is.
    let sql = "UPDATE identity SET incarnation = ?1, letter = ?2 WHERE till = ?3 AND incarnation = ?4";
    c.execute(sql, params![actor.incarnation, life.letter, former.till.0, former.incarnation])?;
    Ok(c.execute("DELETE FROM doubts WHERE shop = ?", [shop]).map(drop)?)
}
