//! The catalogue: one Automerge document per shop whose registers may be edited concurrently. Concurrent
//! edits stay visible, both values, until a later edit that has seen them chooses one.

use crate::codec;
use crate::day_book::{MergeError, Written, merged};
use crate::guard::{Admitted, Content, Refusal, decode, single_put};
use automerge::legacy::OpId;
use automerge::transaction::Transactable;
use automerge::{Automerge, Change, ExpandedChange, ReadDoc, ScalarValue};
use domain::{Actor, Body, Entry, Person, Product, ProductId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A shop's catalogue, opened from changes that passed the guard.
#[derive(Default)]
pub struct Catalogue {
    document: Automerge,
    /// Per actor: how many changes, and the hash of the last.
    strands: BTreeMap<Actor, (u64, [u8; 32])>,
    /// Every change known, and the last operation it counts.
    max_ops: BTreeMap<[u8; 32], u64>,
    /// Which key each operation wrote, so that a foreign change can only supersede what is there.
    written: BTreeMap<(u64, Actor), String>,
}

/// A product and every value that stands for it: one, or several set without knowing of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The value that leads on every replica.
    pub leading: Product,
    /// The others, until somebody chooses.
    pub others: Vec<Product>,
}

impl Catalogue {
    /// Merges entries in the order in which they were admitted.
    ///
    /// # Errors
    /// Automerge refuses one of them.
    pub fn open<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Self, MergeError> {
        let changes: Vec<&[u8]> = entries.into_iter().filter_map(bytes_of).collect();
        let mut catalogue =
            Self { document: merged(changes.iter().map(|change| change.to_vec()))?, ..Self::default() };
        for bytes in changes {
            if let Ok((change, hash)) = decode(bytes) {
                catalogue.index(&change, hash);
            }
        }
        Ok(catalogue)
    }

    /// Sets a product, superseding every value this replica has seen, and gives the change.
    ///
    /// # Errors
    /// Automerge made no change of it.
    pub fn set(
        &mut self,
        actor: Actor,
        product: &Product,
        by: &Person,
        at: Timestamp,
    ) -> Result<Written, MergeError> {
        self.document.set_actor(actor.to_bytes().as_slice().into());
        let value = ScalarValue::Bytes(codec::encode_product(product, by, at.millis()));
        let mut transaction = self.document.transaction();
        let put = transaction.put(automerge::ROOT, product.id.as_str(), value);
        put.map_err(|e| MergeError::new(&e))?;
        // The hash that commit returns, not the last local change: an equal value makes no change at all.
        let (hash, _) = transaction.commit();
        let change = hash.and_then(|hash| self.document.get_change_by_hash(&hash));
        let change = change.ok_or_else(|| MergeError::new(&"nothing changed"))?;
        self.index(&change.decode(), change.hash().0);
        Ok(Written::of(&change))
    }

    /// Checks a foreign entry and, when it passes, merges it.
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::Waiting`] when it builds on changes that have not come.
    pub fn admit(&mut self, entry: &Entry) -> Result<Admitted, Refusal> {
        let bytes = bytes_of(entry).ok_or(Refusal::Shape("no change of a catalogue"))?;
        let (change, hash) = decode(bytes)?;
        let key = self.check(&change, (entry.actor, bytes))?;
        let (_, value) = single_put(&change)?;
        let content = match codec::decode_product(key, value) {
            Ok(product) => Content::Product(product),
            Err(error) => Content::Unreadable(error),
        };
        let seq = change.seq;
        let merge = || -> Result<Automerge, Refusal> {
            let mut document = self.document.clone();
            let change = Change::from_bytes(bytes.to_vec()).map_err(|_| Refusal::Undecodable)?;
            document.apply_changes([change]).map_err(|_| Refusal::Sequence)?;
            Ok(document)
        };
        // A panic throws away the copy; the document itself was never touched.
        let merged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(merge));
        self.document = merged.unwrap_or(Err(Refusal::Undecodable))?;
        self.index(&change, hash);
        Ok(Admitted { strand: (seq, hash), content })
    }

    /// All products, by id.
    pub fn products(&self) -> BTreeMap<ProductId, Register> {
        let keys = self.document.keys(automerge::ROOT);
        keys.filter_map(|key| Some((ProductId::parse(&key).ok()?, self.register(&key)?))).collect()
    }

    fn register(&self, key: &str) -> Option<Register> {
        let id = ProductId::parse(key).ok()?;
        let read = |value: &automerge::Value<'_>| codec::decode_product(id.clone(), value.as_bytes()?).ok();
        let (value, winner) = self.document.get(automerge::ROOT, key).ok()??;
        let leading = read(&value)?;
        let all = self.document.get_all(automerge::ROOT, key).ok()?;
        let others = all.iter().filter(|(_, op)| *op != winner).filter_map(|(value, _)| read(value));
        // Two people who set the same thing do not disagree: compare values, not counts (lab §4).
        let others = others.filter(|other| *other != leading).collect();
        Some(Register { leading, others })
    }

    fn check(&self, change: &ExpandedChange, (actor, bytes): (Actor, &[u8])) -> Result<ProductId, Refusal> {
        if change.actor_id.to_bytes() != actor.to_bytes() {
            return Err(Refusal::Shape("its actor is not the journal's"));
        }
        if Change::from(change.clone()).raw_bytes() != bytes {
            return Err(Refusal::Shape("its bytes are not what we would write"));
        }
        if change.message.is_some() || !change.extra_bytes.is_empty() || change.time != 0 {
            return Err(Refusal::Shape("it carries more than a product"));
        }
        let (key, _) = single_put(change)?;
        let id = ProductId::parse(key).map_err(|_| Refusal::Shape("its key is no product's"))?;
        self.check_place(change, actor)?;
        let pred = change.operations.iter().flat_map(|op| op.pred.iter());
        let supersedes = |op: &OpId| {
            let actor = Actor::from_bytes(op.actor().to_bytes());
            actor.and_then(|actor| self.written.get(&(op.counter(), actor))).is_some_and(|k| k == key)
        };
        if !pred.into_iter().all(supersedes) {
            return Err(Refusal::Shape("it supersedes what is not there"));
        }
        Ok(id)
    }

    /// In sequence, on known changes, its own last among them, counting on from the highest of them.
    fn check_place(&self, change: &ExpandedChange, actor: Actor) -> Result<(), Refusal> {
        let deps: BTreeSet<[u8; 32]> = change.deps.iter().map(|dep| dep.0).collect();
        let own = self.strands.get(&actor);
        let expected = own.map_or(0, |(seq, _)| *seq).saturating_add(1);
        if change.seq > expected || deps.iter().any(|dep| !self.max_ops.contains_key(dep)) {
            return Err(Refusal::Waiting);
        }
        let highest = deps.iter().filter_map(|dep| self.max_ops.get(dep)).max().copied().unwrap_or(0);
        let follows_own = own.is_none_or(|(_, hash)| self.covers(&deps, *hash));
        let counts_on = change.start_op.get() == highest.saturating_add(1);
        if change.seq != expected || !follows_own || !counts_on || deps.len() != change.deps.len() {
            return Err(Refusal::Sequence);
        }
        Ok(())
    }

    /// Whether a change stands among the dependencies or behind them.
    fn covers(&self, deps: &BTreeSet<[u8; 32]>, hash: [u8; 32]) -> bool {
        let wanted = automerge::ChangeHash(hash);
        let heads: Vec<_> = deps.iter().map(|dep| automerge::ChangeHash(*dep)).collect();
        heads.contains(&wanted) || {
            let missing = self.document.get_changes_meta(&heads);
            !missing.iter().any(|meta| meta.hash == wanted)
        }
    }

    fn index(&mut self, change: &ExpandedChange, hash: [u8; 32]) {
        let Some(actor) = Actor::from_bytes(change.actor_id.to_bytes()) else { return };
        self.strands.insert(actor, (change.seq, hash));
        self.max_ops.insert(hash, change.start_op.get());
        if let Ok((key, _)) = single_put(change) {
            self.written.insert((change.start_op.get(), actor), key.to_owned());
        }
    }
}

fn bytes_of(entry: &Entry) -> Option<&[u8]> {
    let Body::Change(bytes) = &entry.body else { return None };
    Some(bytes)
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.products()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Document, Money, TillId};

    fn at(second: i64) -> Timestamp {
        Timestamp::parse_daraja("20261121080000").unwrap().plus_millis(second * 1000)
    }

    fn bread(cents: i64) -> Product {
        Product::new(ProductId::parse("bread").unwrap(), "Bread", Money::from_cents(cents)).unwrap()
    }

    /// A replica of the catalogue that writes as one till.
    struct Writer {
        actor: Actor,
        catalogue: Catalogue,
        number: u64,
    }

    impl Writer {
        fn new(till: u32) -> Self {
            Self { actor: Actor::first(TillId(till)), catalogue: Catalogue::default(), number: 0 }
        }

        fn set(&mut self, cents: i64, second: i64) -> Entry {
            let by = Person::named("Asha");
            let change = self.catalogue.set(self.actor, &bread(cents), &by, at(second)).unwrap().change;
            self.number += 1;
            Entry {
                actor: self.actor,
                number: self.number,
                document: Document::Catalogue,
                body: Body::Change(change),
                chain: [0; 32],
                signature: None,
            }
        }

        fn prices(&self) -> (i64, Vec<i64>) {
            let register = &self.catalogue.products()[&bread(1).id];
            (register.leading.price.cents(), register.others.iter().map(|p| p.price.cents()).collect())
        }
    }

    #[test]
    fn prices_set_apart_are_both_seen_until_somebody_chooses() {
        let (mut office, mut till) = (Writer::new(1), Writer::new(2));
        let first = office.set(6_000, 0);
        till.catalogue.admit(&first).unwrap();
        let (a, b) = (office.set(6_500, 1), till.set(7_000, 2));
        office.catalogue.admit(&b).unwrap();
        till.catalogue.admit(&a).unwrap();
        assert_eq!(office.prices(), till.prices(), "every replica names the same leader");
        assert_eq!(office.prices().1.len(), 1, "and shows the other value");

        let leading = office.prices().0;
        let chosen = office.set(leading, 3);
        till.catalogue.admit(&chosen).unwrap();
        assert_eq!((office.prices(), till.prices()), ((leading, vec![]), (leading, vec![])));
    }

    #[test]
    fn a_catalogue_opens_again_from_its_changes() {
        let mut office = Writer::new(1);
        let entries = [office.set(6_000, 0), office.set(6_500, 1)];
        let mut again = Catalogue::open(&entries).unwrap();
        assert_eq!(again.products(), office.catalogue.products());
        let by = Person::named("Juma");
        assert!(again.set(office.actor, &bread(1), &by, at(9)).is_ok());
    }

    #[test]
    fn what_builds_on_changes_that_have_not_come_waits_for_them() {
        let (mut office, mut till, mut late) = (Writer::new(1), Writer::new(2), Writer::new(3));
        let first = office.set(6_000, 0);
        till.catalogue.admit(&first).unwrap();
        let second = till.set(6_500, 1);
        assert_eq!(late.catalogue.admit(&second), Err(Refusal::Waiting));
        late.catalogue.admit(&first).unwrap();
        assert!(late.catalogue.admit(&second).is_ok());
        assert_eq!(late.prices(), till.prices());
    }

    /// Edits an honest change that supersedes another, and makes its checksum good again.
    fn forged(edit: impl Fn(&mut ExpandedChange)) -> Result<Admitted, Refusal> {
        let (mut office, mut victim) = (Writer::new(1), Writer::new(2));
        victim.catalogue.admit(&office.set(6_000, 0)).unwrap();
        let mut second = office.set(6_500, 1);
        let (mut forged, _) = decode(bytes_of(&second).unwrap()).unwrap();
        edit(&mut forged);
        second.body = Body::Change(Change::from(forged).raw_bytes().to_vec());
        victim.catalogue.admit(&second)
    }

    #[test]
    fn forged_changes_are_refused() {
        assert!(forged(|_| ()).is_ok(), "the honest one passes");
        assert!(forged(|c| c.start_op = std::num::NonZeroU64::new(9).unwrap()).is_err());
        assert!(forged(|c| c.start_op = std::num::NonZeroU64::MIN).is_err());
        assert!(forged(|c| c.deps.clear()).is_err());
        assert!(forged(|c| c.deps.push(automerge::ChangeHash([9; 32]))).is_err());
        assert!(forged(|c| c.seq = 1).is_err());
        assert!(forged(|c| c.seq = 3).is_err());
        assert!(forged(|c| c.actor_id = Actor::first(TillId(9)).to_bytes().as_slice().into()).is_err());
        let nowhere = || OpId::new(7, &Actor::first(TillId(1)).to_bytes().as_slice().into());
        assert!(forged(|c| c.operations[0].pred = vec![nowhere()].into()).is_err());
        assert!(forged(|c| c.operations[0].action = automerge::legacy::OpType::Delete).is_err());
        assert!(forged(|c| c.message = Some("x".into())).is_err());
    }
}
