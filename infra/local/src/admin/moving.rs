//! Reading all that a deployment keeps, part by part, several parts at once.

use super::Administrator;
use crate::Failure;
use domain::{Actor, Member, ShopId};
use replica::Head;
use serde::Serialize;
use serde::de::DeserializeOwned;
use service::records::{
    Follower, Inventory, JournalForm, Listing, PageForm, Part, PartForm, ReadForm, Record, RecordForm,
};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use till::{CloudError, TillError};

/// How many parts are read at once: each is a partition of the table, or a few.
const AT_ONCE: usize = 8;

/// How many milliseconds are waited before the same is asked again.
const PAUSES: [u64; 4] = [50, 500, 2_000, 5_000];

fn may_pass(error: &CloudError) -> bool {
    match error {
        CloudError::Unreachable(_) => true,
        CloudError::Refused(problem) => problem.status >= 500,
    }
}

/// The keys of members, to follow their journals.
pub(super) type Keys = BTreeMap<Actor, [u8; 32]>;

impl Administrator {
    /// Asks what may be asked again, and does where no answer came or the store was overloaded.
    pub(super) fn patiently<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &impl Serialize,
    ) -> Result<T, Failure> {
        let mut pauses = PAUSES.into_iter().map(Duration::from_millis);
        loop {
            match (self.ask("POST", path, serde_json::to_vec(form)?), pauses.next()) {
                (Ok(answer), _) => return Ok(serde_json::from_slice(&answer)?),
                (Err(TillError::Cloud(error)), Some(pause)) if may_pass(&error) => std::thread::sleep(pause),
                (Err(error), _) => return Err(self.told(error)),
            }
        }
    }

    /// Reads a part from a place on, page by page.
    pub(super) fn read_part(
        &self,
        part: &Part,
        mut after: Option<String>,
        mut page: impl FnMut(Vec<RecordForm>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        loop {
            let form = ReadForm { part: PartForm::from(part), after };
            let answer: PageForm = self.patiently("/v1/admin/records/read", &form)?;
            if !answer.records.is_empty() {
                page(answer.records)?;
            }
            after = answer.after;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// All of a part that is short.
    pub(super) fn all_of(&self, part: &Part) -> Result<Vec<Record>, Failure> {
        let mut all = Vec::new();
        self.read_part(part, None, |records| {
            for record in records {
                all.push(Record::try_from(record)?);
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// Every shop.
    pub(super) fn shop_ids(&self) -> Result<Vec<ShopId>, Failure> {
        let shops = self.all_of(&Part::Listed(Listing::Shops))?;
        let id = |record: Record| if let Record::Shop(shop, _) = record { Some(shop.id) } else { None };
        Ok(shops.into_iter().filter_map(id).collect())
    }

    /// Where the journals of a shop end.
    pub(super) fn journals(&self, shop: &ShopId) -> Result<BTreeMap<Actor, Head>, Failure> {
        let forms: Vec<JournalForm> = self.get(&format!("/v1/admin/shops/{shop}/journals"))?;
        let head = |form: JournalForm| -> Result<(Actor, Head), Failure> {
            let chain = hex::decode(&form.chain)?.try_into().map_err(|_| "a chain has 32 bytes")?;
            Ok((form.actor.parse::<Actor>()?, Head { number: form.number, chain }))
        };
        forms.into_iter().map(head).collect()
    }

    /// What a part holds, page by page told to somebody else as well. A journal is followed, entry by entry, to
    /// where it is said to end.
    pub(super) fn inventory(
        &self,
        part: &Part,
        keys: &Keys,
        mut page: impl FnMut(&[RecordForm]) -> Result<(), Failure>,
    ) -> Result<Inventory, Failure> {
        let mut inventory = Inventory::default();
        let Part::Journal(shop, actor) = part else {
            self.read_part(part, None, |records| {
                page(&records)?;
                records.into_iter().try_for_each(|record| {
                    inventory.add(&Record::try_from(record)?);
                    Ok(())
                })
            })?;
            return Ok(inventory);
        };
        let journal =
            |why: &dyn std::fmt::Display| format!("journal {actor} of {shop} at {}: {why}", self.hub);
        let Some(said) = self.journals(shop)?.remove(actor) else { return Ok(inventory) };
        let key = keys.get(actor).ok_or_else(|| journal(&"nobody writes it"))?;
        let mut follower =
            Follower::new(shop, *actor, key).ok_or_else(|| journal(&"its writer has no key"))?;
        self.read_part(part, None, |records| {
            page(&records)?;
            for record in records {
                if let Record::Batch(_, batch) = Record::try_from(record)? {
                    follower.follow(&batch).map_err(|why| journal(&why))?;
                }
            }
            Ok(())
        })?;
        let end = follower.head;
        if end.number < said.number || (end.number == said.number && end.chain != said.chain) {
            let why = format!("its end is said to be at {}, and it goes to {}", said.number, end.number);
            return Err(journal(&why).into());
        }
        inventory.add_journal(shop, *actor, end);
        Ok(inventory)
    }
}

/// The keys of members among records.
pub(super) fn keys_of(records: &[Record]) -> Keys {
    let member = |record: &Record| match record {
        Record::Member(Member { actor, public_key, .. }, _) => Some((*actor, *public_key)),
        _ => None,
    };
    records.iter().filter_map(member).collect()
}

/// The parts of a shop, its journals last.
pub(super) fn parts_of(shop: &ShopId, journals: impl IntoIterator<Item = Actor>) -> Vec<Part> {
    let journals = journals.into_iter().map(|actor| Part::Journal(shop.clone(), actor));
    let parts = [
        Part::Counters(Some(shop.clone())),
        Part::Listed(Listing::Notes(shop.clone())),
        Part::Listed(Listing::Requests(shop.clone())),
        Part::Listed(Listing::Feed(shop.clone())),
    ];
    parts.into_iter().chain(journals).collect()
}

/// Does the work on all of them, some at once; the first failure ends it.
pub(super) fn at_once<T: Sync>(
    parts: &[T],
    work: impl Fn(&T) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(parts.len()) {
            scope.spawn(|| {
                while let Some(part) = parts.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(failure) = work(part) {
                        next.store(parts.len(), Ordering::SeqCst);
                        lock(&failed).get_or_insert(failure);
                    }
                }
            });
        }
    });
    lock(&failed).take().map_or(Ok(()), Err)
}

/// What several threads share. One that panicked left it whole.
pub(super) fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
