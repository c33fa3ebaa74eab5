//! Sticks for stories: tills that know each other and have no line, files that they write, and files that a
//! story makes.

use crate::world::{Replica, World, kes, verdicts};
use domain::{Entry, FactId, Line, Quantity, Sale, ShopId, Tender};
use replica::wire::stick::{Frame, FrameHead, HEAD_BYTES, MAGIC, VERSION};
use replica::{Batch, Keypair};
use std::path::{Path, PathBuf};
use till::{Exported, Folder, Imported, Till, examine};

/// Tills that know each other: each has synced after the last was enrolled, and then the line went.
pub fn acquainted<const N: usize>(world: &World, shop: &ShopId) -> [Replica; N] {
    let tills: [Replica; N] =
        std::array::from_fn(|n| world.till(shop, ["Front", "Back", "Yard", "Store"][n]));
    for till in &tills {
        till.sync(world.now()).unwrap();
        till.offline(true);
    }
    tills
}

/// A file on the stick of this story.
pub fn stick(world: &Replica, name: &str) -> PathBuf {
    world.path.with_file_name(format!("{name}.leja"))
}

/// Writes what a till has into a file.
pub fn export(from: &Replica, to: &Path, world: &World) -> Exported {
    Folder::at(&from.path).unwrap().export(to, world.now()).unwrap()
}

/// What came of each journal: new, known before, left out.
pub fn counts(imported: &Imported) -> Vec<(u64, u64, u64)> {
    imported.journals.iter().map(|it| (it.new, it.known, it.left)).collect()
}

/// Why something was left out.
pub fn why(imported: &Imported) -> String {
    imported.journals.iter().filter_map(|it| it.why.clone()).collect::<Vec<_>>().join("; ")
}

/// The sales that a till knows.
pub fn names(till: &Till, shop: &ShopId) -> Vec<FactId> {
    verdicts(till, shop).into_iter().map(|(id, ..)| id).collect()
}

/// How many entries of its own a till still has to send.
pub fn waiting(till: &Till) -> u64 {
    till.status().unwrap().waiting
}

/// Every check of a till's file passes.
pub fn is_sound(till: &Replica, shop: &ShopId) {
    assert_eq!(till.verify(shop).unwrap(), Vec::<String>::new());
    for check in examine(&till.path.join("ledger.sqlite")).unwrap() {
        assert_eq!(check.faults, Vec::<String>::new(), "{}: {}", check.name, check.seen);
    }
}

/// A sale of which a hundred fill a frame.
pub fn large(random: &mut fastrand::Rng) -> Sale {
    let line = |_| {
        let name: String = std::iter::repeat_with(|| random.alphanumeric()).take(60).collect();
        Line::new(&name, Quantity::ONE, kes(1)).unwrap()
    };
    Sale::new((0..10).map(line).collect(), kes(10), Tender::Cash, None).unwrap()
}

/// Where the frames of a file begin.
pub fn frames(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut places) = (MAGIC.len() + 1, Vec::new());
    while at < bytes.len() {
        places.push(at);
        at += HEAD_BYTES + FrameHead::read(bytes[at..].first_chunk().unwrap()).unwrap().length;
    }
    places
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

/// A file of these frames.
pub fn made(beside: &Replica, name: &str, frames: &[Frame]) -> PathBuf {
    let file = stick(beside, name);
    let frames = frames.iter().flat_map(Frame::encode);
    let bytes: Vec<u8> = MAGIC.iter().copied().chain([VERSION]).chain(frames).collect();
    std::fs::write(&file, bytes).unwrap();
    file
}
