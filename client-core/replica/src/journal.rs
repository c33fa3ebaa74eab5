//! The journal: entries numbered without gaps, chained by hash, signed batch by batch.
//!
//! One value, the chain at an entry, stands for the whole journal up to it. Two journals of one actor
//! that differ anywhere differ in every chain value after, so a gap, a fork (a restored backup, a cloned
//! disk) and a foreign hand are all found on arrival.

use crate::keys::{Keypair, PublicKey};
use domain::{Actor, Document, Entry, ShopId, Signature};
use sha2::{Digest, Sha256};

/// The most entries in one batch.
pub const MAX_BATCH_ENTRIES: usize = 200;
/// The most bytes of changes in one batch: well under DynamoDB's 400 KB an item.
pub const MAX_BATCH_BYTES: usize = 256 * 1024;
/// The largest single change.
pub const MAX_CHANGE_BYTES: usize = 64 * 1024;

/// How far a journal goes, and the value that stands for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; 0 before the first.
    pub number: u64,
    /// The chain at that entry.
    pub chain: [u8; 32],
}

impl Head {
    /// The head of a journal that has no entries. It names the shop and the actor, so that no entry can
    /// be carried into another journal.
    pub fn genesis(shop: &ShopId, actor: Actor) -> Self {
        let digest = Sha256::digest(format!("leja journal 1\n{shop}\n{actor}"));
        Self { number: 0, chain: digest.into() }
    }

    /// The head after one more change.
    #[must_use]
    pub fn next(self, document: Document, change: &[u8]) -> Self {
        let number = self.number.saturating_add(1);
        let digest = Sha256::new()
            .chain_update(self.chain)
            .chain_update(number.to_be_bytes())
            .chain_update(document.to_string())
            .chain_update([0])
            .chain_update(Sha256::digest(change))
            .finalize();
        Self { number, chain: digest.into() }
    }

    /// The bytes a writer signs for everything up to this head.
    fn message(self) -> Vec<u8> {
        [b"leja head 1\n".as_slice(), &self.number.to_be_bytes(), &self.chain].concat()
    }
}

/// Consecutive entries of one journal, signed at the last. It is sent, stored and passed on whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose journal.
    pub actor: Actor,
    /// The number of the first entry.
    pub first: u64,
    /// The changes, and the documents they belong to.
    pub changes: Vec<(Document, Vec<u8>)>,
    /// The writer's signature over the head after the last entry.
    pub signature: Signature,
}

/// Why a batch does not continue a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It does not start where the journal ends. Harmless: ask again from the end.
    #[error("the journal of {actor} goes to {have}, the batch starts at {first}")]
    NotNext {
        /// Whose journal.
        actor: Actor,
        /// Where it ends here.
        have: u64,
        /// Where the batch starts.
        first: u64,
    },
    /// The signature does not fit: another history, another key, or damage on the way.
    #[error(
        "the batch of {actor} up to {last} is not signed for this journal: a restored backup or a cloned disk writes under the same name, or somebody else does"
    )]
    Foreign {
        /// Whose journal.
        actor: Actor,
        /// The last number of the batch.
        last: u64,
    },
    /// Empty, or larger than any honest batch.
    #[error("the batch of {actor} is empty or too large")]
    Size {
        /// Whose journal.
        actor: Actor,
    },
}

impl Batch {
    /// Seals the start of a run of consecutive entries, as many as one batch may hold; `None` for none.
    pub fn seal(entries: &[Entry], key: &Keypair) -> Option<Self> {
        let first = entries.first()?;
        let mut bytes = 0_usize;
        let fits = |entry: &&Entry| {
            bytes = bytes.saturating_add(entry.change.len());
            bytes <= MAX_BATCH_BYTES
        };
        let taken: Vec<&Entry> = entries.iter().take(MAX_BATCH_ENTRIES).take_while(fits).collect();
        let last = taken.last()?;
        let head = Head { number: last.number, chain: last.chain };
        Some(Self {
            actor: first.actor,
            first: first.number,
            signature: key.sign(&head.message()),
            changes: taken.into_iter().map(|entry| (entry.document, entry.change.clone())).collect(),
        })
    }

    /// The number of the last entry.
    pub fn last(&self) -> u64 {
        let more = u64::try_from(self.changes.len()).unwrap_or(u64::MAX).saturating_sub(1);
        self.first.saturating_add(more)
    }

    /// The bytes of all its changes.
    pub fn size(&self) -> usize {
        self.changes.iter().map(|(_, change)| change.len()).sum()
    }

    /// Checks that this batch continues the journal that ends at `head`, by the hand of `key`, and gives
    /// its entries, the last with the signature.
    ///
    /// # Errors
    /// It does not; see [`ChainError`].
    pub fn open(&self, head: Head, key: &PublicKey) -> Result<Vec<Entry>, ChainError> {
        let actor = self.actor;
        let largest = self.changes.iter().map(|(_, change)| change.len()).max().unwrap_or(0);
        let too_large = self.changes.len() > MAX_BATCH_ENTRIES || self.size() > MAX_BATCH_BYTES;
        if self.changes.is_empty() || too_large || largest > MAX_CHANGE_BYTES {
            return Err(ChainError::Size { actor });
        }
        if head.number.checked_add(1) != Some(self.first) {
            return Err(ChainError::NotNext { actor, have: head.number, first: self.first });
        }
        let mut head = head;
        let mut entries = Vec::with_capacity(self.changes.len());
        for (document, change) in &self.changes {
            head = head.next(*document, change);
            let (number, chain) = (head.number, head.chain);
            entries.push(Entry {
                actor,
                number,
                document: *document,
                change: change.clone(),
                chain,
                signature: None,
            });
        }
        if !key.verifies(&head.message(), &self.signature) {
            return Err(ChainError::Foreign { actor, last: self.last() });
        }
        if let Some(last) = entries.last_mut() {
            last.signature = Some(self.signature);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::TillId;

    fn shop() -> ShopId {
        ShopId::parse("duka-moja").unwrap()
    }

    fn journal(changes: &[&[u8]]) -> Vec<Entry> {
        let actor = Actor::first(TillId(7));
        let mut head = Head::genesis(&shop(), actor);
        let write = |change: &&[u8]| {
            head = head.next(Document::Catalogue, change);
            let (number, chain) = (head.number, head.chain);
            Entry {
                actor,
                number,
                document: Document::Catalogue,
                change: change.to_vec(),
                chain,
                signature: None,
            }
        };
        changes.iter().map(write).collect()
    }

    fn key() -> Keypair {
        Keypair::from_seed(&[7; 32])
    }

    #[test]
    fn a_sealed_batch_opens_where_the_journal_ends_and_nowhere_else() {
        let entries = journal(&[b"one", b"two", b"three"]);
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        let all = Batch::seal(&entries, &key()).unwrap();
        let opened = all.open(genesis, &key().public()).unwrap();
        assert_eq!(opened[2].chain, entries[2].chain);
        assert!(opened[2].signature.is_some() && opened[1].signature.is_none());

        let rest = Batch::seal(&entries[1..], &key()).unwrap();
        assert!(matches!(
            rest.open(genesis, &key().public()),
            Err(ChainError::NotNext { have: 0, first: 2, .. })
        ));
        let head = Head { number: 1, chain: entries[0].chain };
        assert_eq!(rest.open(head, &key().public()).unwrap().len(), 2);
    }

    #[test]
    fn a_fork_a_foreign_key_and_a_foreign_shop_are_found() {
        let batch = Batch::seal(&journal(&[b"one", b"two"])[1..], &key()).unwrap();
        let other = journal(&[b"other", b"two"]);
        let forked = Head { number: 1, chain: other[0].chain };
        assert!(matches!(batch.open(forked, &key().public()), Err(ChainError::Foreign { last: 2, .. })));

        let first = Batch::seal(&journal(&[b"one"]), &key()).unwrap();
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        let stranger = Keypair::from_seed(&[8; 32]).public();
        assert!(matches!(first.open(genesis, &stranger), Err(ChainError::Foreign { .. })));
        let elsewhere = Head::genesis(&ShopId::parse("duka-mbili").unwrap(), Actor::first(TillId(7)));
        assert!(matches!(first.open(elsewhere, &key().public()), Err(ChainError::Foreign { .. })));
    }

    #[test]
    fn the_chain_keeps_its_bytes() {
        assert_eq!(
            hex::encode(journal(&[b"one"])[0].chain),
            "4e97e48bdfb928ba31c3839cd392490871422e0614bcaf4390d2558f9bd07777"
        );
    }

    #[test]
    fn batches_are_bounded_and_nothing_is_left_behind() {
        let large = vec![7_u8; 60 * 1024];
        let entries = journal(&[large.as_slice(); 9]);
        let batch = Batch::seal(&entries, &key()).unwrap();
        assert_eq!((batch.first, batch.last()), (1, 4));
        let rest = Batch::seal(&entries[4..], &key()).unwrap();
        assert_eq!((rest.first, rest.last()), (5, 8));
        let bomb = Batch { changes: vec![(Document::Catalogue, vec![0; MAX_CHANGE_BYTES + 1])], ..batch };
        let genesis = Head::genesis(&shop(), Actor::first(TillId(7)));
        assert!(matches!(bomb.open(genesis, &key().public()), Err(ChainError::Size { .. })));
    }
}
