//! Tills of one shop for stories: that know each other, what they know, and what they wrote.

use crate::world::{Replica, World, verdicts};
use domain::{Entry, FactId, Member, ShopId};
use replica::{Batch, Keypair};
use service::Store;
use std::path::Path;
use till::{Till, examine};

/// Tills that know each other: each has synced after the last was enrolled.
pub fn acquainted<const N: usize>(world: &World, shop: &ShopId) -> [Replica; N] {
    let tills: [Replica; N] =
        std::array::from_fn(|n| world.till(shop, ["Front", "Back", "Yard", "Store"][n]));
    for till in &tills {
        till.sync(world.now()).unwrap();
    }
    tills
}

/// The cloud believes a till no more.
pub fn revoke(world: &World, replica: &Replica) {
    let (member, home) = world.wait(world.store.member(replica.identity().actor)).unwrap().unwrap();
    world.wait(world.store.put_member(&Member { revoked: true, ..member }, home.as_ref())).unwrap();
}

/// Pages, chains, signatures and computed rows of the ledger in a folder are what they should be.
pub fn is_whole(folder: &Path) {
    for check in examine(&folder.join("ledger.sqlite")).unwrap() {
        let (name, faults) = (&check.name, check.faults);
        assert_eq!(faults, Vec::<String>::new(), "{name} of {}: {}", folder.display(), check.seen);
    }
}

/// The same, and the documents merge to what the rows say.
pub fn is_sound(till: &Replica, shop: &ShopId) {
    assert_eq!(till.verify(shop).unwrap(), Vec::<String>::new());
    is_whole(&till.path);
}

/// The sales that a till knows, in the order of their names.
pub fn names(till: &Till, shop: &ShopId) -> Vec<FactId> {
    verdicts(till, shop).into_iter().map(|(id, ..)| id).collect()
}

/// The key of a replica, out of its folder.
pub fn key_of(replica: &Replica) -> Keypair {
    let seed = hex::decode(std::fs::read_to_string(replica.path.join("till.key")).unwrap()).unwrap();
    Keypair::from_seed(&seed.try_into().unwrap())
}

/// The first entries of a till, as it wrote them.
pub fn entries(replica: &Replica, shop: &ShopId) -> Vec<Entry> {
    let ledger = ledger::Reader::open(&replica.path.join("ledger.sqlite")).unwrap();
    ledger.entries_after(shop, replica.identity().actor, 0, 100).unwrap()
}

/// The first entries of a till, sealed by some key.
pub fn sealed(replica: &Replica, shop: &ShopId, key: &Keypair) -> Batch {
    Batch::seal(&entries(replica, shop), key).unwrap()
}
