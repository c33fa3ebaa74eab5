//! Writing the file: every entry that is here, whoever wrote it, as it is signed. The till goes on selling.

use super::Stick;
use crate::exchange::count;
use crate::folder::unusable;
use crate::keep::beside;
use crate::{Folder, TillError, intake};
use domain::{Actor, BusinessDay, Member, ShopId, Timestamp};
use ledger::{Base, LedgerError, Reader};
use replica::wire::stick::{End, FRAME_BYTES, Frame, MAGIC, VERSION};
use replica::{Batch, Head, Item, Keypair};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;

/// How many bytes a batch takes in a frame beside its facts.
const BATCH_BYTES: usize = 256;

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// Whose journals, and how much of each.
    pub journals: Vec<Written>,
    /// The days on which something happened.
    pub days: BTreeSet<BusinessDay>,
    /// When the first and the last of it happened.
    pub times: Option<(Timestamp, Timestamp)>,
    /// How many bytes the file has.
    pub bytes: u64,
    /// How many entries are here and can not be passed on before the next sync, because this ledger was restored
    /// or copied, and they still want a name of their own.
    pub withheld: u64,
}

/// How much of a journal is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Of which shop.
    pub shop: ShopId,
    /// Whose.
    pub actor: Actor,
    /// Who that is.
    pub letter: String,
    /// What people call it.
    pub name: String,
    /// How many entries.
    pub entries: u64,
}

impl Folder {
    /// Writes everything that the ledger in this folder holds of its shops' journals into a file, for
    /// [`import`](Folder::import) elsewhere. A till may be using the folder. No key and no payment is in the file;
    /// nothing here counts as handed over by it.
    ///
    /// An older file of the same shop is replaced if all of it is here; any other file stays.
    ///
    /// # Errors
    /// There is no such folder, or a file that is something else or holds more; or the ledger, the key or the disk can not be used.
    /// The file is not there then, or as it was.
    pub fn export(&self, to: &Path, now: Timestamp) -> Result<Exported, TillError> {
        let (key, mut reader) = (self.key()?, Reader::open(&self.ledger_path())?);
        // One moment, however long it takes; sales go on.
        reader.hold()?;
        has_folder(to)?;
        loses_nothing(&reader, to)?;
        let part = beside(to, ".part");
        let written = written(&reader, &key, &part, now);
        match written.and_then(|exported| put_in_place(&part, to).map(|()| exported)) {
            Ok(exported) => Ok(exported),
            Err(error) => {
                // A stick that was pulled out has no part any more.
                let _ = std::fs::remove_file(&part);
                Err(error)
            }
        }
    }
}

/// The folder is there in which the file shall be.
fn has_folder(to: &Path) -> Result<(), TillError> {
    let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    if folder.try_exists().map_err(|error| unusable(folder, &error))? {
        return Ok(());
    }
    let folder = folder.display();
    Err(TillError::Folder(format!(
        "there is no folder {folder}: nothing was written. Put the stick in or make the folder, then export again"
    )))
}

/// Whatever is in the file that is to be replaced is here too.
fn loses_nothing(reader: &Reader, to: &Path) -> Result<(), TillError> {
    if !to.try_exists().map_err(|error| unusable(to, &error))? {
        return Ok(());
    }
    let there = |why: &str| {
        let to = to.display();
        TillError::Refused(format!("{to} {why}: nothing was written over it. Choose another name"))
    };
    if to.is_dir() {
        return Err(there("is a folder"));
    }
    let foreign = |shop: &ShopId| there(&format!("is of another shop, {shop}"));
    let mut stick = Stick::open(to).map_err(|_| there("is something else"))?;
    while let Some((_, frame)) = stick.next() {
        let Frame::Batches(shop, batches) = frame else { continue };
        if reader.writer(&shop).is_err() {
            return Err(foreign(&shop));
        }
        for batch in batches {
            if reader.base(&shop, batch.actor)?.is_some_and(|base| batch.first <= base.number) {
                return Err(there("holds older entries than are here: import it first"));
            }
        }
    }
    let Some(End { heads, .. }) = stick.end else { return Err(there("is damaged or not whole")) };
    for (shop, heads) in heads {
        if reader.writer(&shop).is_err() {
            return Err(foreign(&shop));
        }
        for (actor, head) in heads {
            if head.number > 0 && chain_at(reader, &shop, (actor, head.number))? != Some(head.chain) {
                return Err(there("holds entries that are not here: import it first"));
            }
        }
    }
    Ok(())
}

/// The chain at an entry that is here, or at the base of its journal.
fn chain_at(
    reader: &Reader,
    shop: &ShopId,
    (actor, number): (Actor, u64),
) -> Result<Option<[u8; 32]>, TillError> {
    let base = reader.base(shop, actor)?.filter(|base| base.number == number);
    Ok(reader.chain_at(shop, actor, number)?.or(base.map(|base| base.chain)))
}

fn written(reader: &Reader, key: &Keypair, part: &Path, now: Timestamp) -> Result<Exported, TillError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // Ledgers hold what was sold, by whom.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(part).map_err(|error| unusable(part, &error))?;
    let mut export = Export { reader, key, part, file: BufWriter::new(file), exported: Exported::default() };
    export.put(&[MAGIC.as_slice(), &[VERSION]].concat())?;
    let mut heads = BTreeMap::new();
    for shop in reader.shops()? {
        heads.insert(shop.id.clone(), export.shop(&shop.id)?);
    }
    export.put(&Frame::End(End { at: now, heads }).encode())?;
    let Export { file, exported, .. } = export;
    let synced =
        file.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    synced.map_err(|error| unusable(part, &error))?;
    Ok(exported)
}

/// A file on its way out.
struct Export<'a> {
    reader: &'a Reader,
    key: &'a Keypair,
    part: &'a Path,
    file: BufWriter<File>,
    exported: Exported,
}

impl Export<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), TillError> {
        self.exported.bytes = self.exported.bytes.saturating_add(count(bytes.len()));
        self.file.write_all(bytes).map_err(|error| unusable(self.part, &error))
    }

    /// Writes a shop's journals; gives how far each goes in the file.
    fn shop(&mut self, shop: &ShopId) -> Result<BTreeMap<Actor, Head>, TillError> {
        let (members, own) = (self.reader.members()?, self.reader.writer(shop)?);
        let (mut heads, mut frame, mut room) = (BTreeMap::new(), Vec::new(), FRAME_BYTES);
        for (actor, end) in self.reader.vector(shop)? {
            let member = members.get(&actor);
            // What we wrote in a former life nobody signed for us; we still can.
            let ours = |member: &Member| member.public_key == self.key.public().to_bytes();
            let key = (actor == own || member.is_some_and(ours)).then_some(self.key);
            let start = self.reader.base(shop, actor)?.map(|Base { number, chain }| Head { number, chain });
            let start = start.unwrap_or_else(|| Head::genesis(shop, actor));
            let mut head = start;
            while let Some(batch) =
                intake::batch_after(self.reader, shop, (actor, head.number), key, FRAME_BYTES)?
            {
                let number = batch.last();
                let chain = self.reader.chain_at(shop, actor, number)?;
                let gone = || LedgerError::Damaged(format!("entry {actor}-{number} has gone"));
                let batch = Batch { before: Some(head.chain), ..batch };
                head = Head { number, chain: chain.ok_or_else(gone)? };
                self.date(&batch);
                room = room.saturating_sub(batch.size().saturating_add(BATCH_BYTES));
                frame.push(batch);
                if room == 0 {
                    self.put(&Frame::Batches(shop.clone(), std::mem::take(&mut frame)).encode())?;
                    room = FRAME_BYTES;
                }
            }
            self.exported.withheld = self.exported.withheld.saturating_add(end.saturating_sub(head.number));
            let entries = head.number.saturating_sub(start.number);
            self.note(shop, (actor, member), entries)?;
            heads.insert(actor, head);
        }
        if !frame.is_empty() {
            self.put(&Frame::Batches(shop.clone(), frame).encode())?;
        }
        Ok(heads)
    }

    /// When what is in a batch happened.
    fn date(&mut self, batch: &Batch) {
        for item in &batch.items {
            let Item::Fact(at, _) = item else { continue };
            self.exported.days.insert(at.business_day());
            let (first, last) = self.exported.times.unwrap_or((*at, *at));
            self.exported.times = Some((first.min(*at), last.max(*at)));
        }
    }

    fn note(
        &mut self,
        shop: &ShopId,
        (actor, member): (Actor, Option<&Member>),
        entries: u64,
    ) -> Result<(), TillError> {
        let (letter, name) = match member {
            Some(member) => (member.letter.clone(), member.name.clone()),
            None => {
                let identity = self.reader.identity()?.ok_or(LedgerError::NotEnrolled)?;
                (identity.letter, identity.name)
            }
        };
        self.exported.journals.push(Written { shop: shop.clone(), actor, letter, name, entries });
        Ok(())
    }
}

/// Gives a finished file its name, and puts that on the disk too.
fn put_in_place(part: &Path, to: &Path) -> Result<(), TillError> {
    std::fs::rename(part, to).map_err(|error| unusable(to, &error))?;
    // Where a folder can not be opened (Windows), the file system sees to its names itself.
    #[cfg(unix)]
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| unusable(folder, &error))?;
    }
    Ok(())
}
