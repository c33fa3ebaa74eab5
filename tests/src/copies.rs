//! Tills whose file is not the only one of its kind, for stories: copies, images and backups of a disk, and whether
//! all of them agree in the end.

use crate::tills::is_whole;
use crate::world::{Replica, World, exchange, kes, verdicts};
use domain::{Money, ShopId};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use till::{Folder, SaleFilter};

/// What a till's disk holds at this moment, laid down elsewhere.
pub fn copied(till: &Replica, name: &str) -> PathBuf {
    let copy = till.path.with_extension(name);
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(&till.path).unwrap().map(|file| file.unwrap()) {
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    }
    copy
}

/// The same, by a tool that copies a disk with all that its file system knows: nothing tells the copy.
pub fn imaged(till: &Replica, name: &str) -> PathBuf {
    let copy = copied(till, name);
    let ledger = copy.join("ledger.sqlite");
    let born = std::fs::metadata(&ledger).unwrap().created().unwrap().duration_since(UNIX_EPOCH).unwrap();
    let file = rusqlite::Connection::open(&ledger).unwrap();
    let changed = file.execute("UPDATE birth SET mark = ?", [format!("made {}", born.as_nanos())]);
    assert_eq!(changed, Ok(1));
    copy
}

/// A backup restored into a folder of its own, with the till's key.
pub fn restored(world: &World, till: &Replica, backup: &Path) -> Replica {
    let path = till.path.with_extension(format!("restored-{}", fastrand::u32(..)));
    let folder = Folder::at(&path).unwrap();
    std::fs::copy(till.path.join("till.key"), path.join("till.key")).unwrap();
    assert_eq!(folder.restore(backup, world.now()).unwrap(), None);
    world.open(path)
}

/// Every replica has these sales and no others, each says the same of all of them, and each ledger is whole.
pub fn all_agree(world: &World, shop: &ShopId, replicas: &[&Replica], shillings: &[u32]) {
    for _ in 0..3 {
        // After an hour everybody compares, however quiet it was.
        world.pass(3600);
        exchange(world, replicas);
    }
    let mut expected: Vec<Money> = shillings.iter().map(|it| kes(*it)).collect();
    expected.sort();
    for replica in replicas {
        let sales = replica.sales(shop, SaleFilter::All, None, 10_000).unwrap();
        let mut totals: Vec<Money> = sales.iter().map(|sale| sale.total).collect();
        totals.sort();
        assert_eq!(totals, expected, "{}", replica.path.display());
        assert_eq!(verdicts(replica, shop), verdicts(replicas[0], shop));
        assert_eq!(replica.document_heads(shop).unwrap(), replicas[0].document_heads(shop).unwrap());
        assert_eq!(replica.verify(shop).unwrap(), Vec::<String>::new());
        assert_eq!(replica.status().unwrap().waiting, 0);
        is_whole(&replica.path);
    }
}

/// What a till tells whoever looks at it.
pub fn told(till: &Replica) -> String {
    let status = till.status().unwrap();
    [status.set_aside, status.notices].concat().join("\n")
}

/// The name under which a till writes.
pub fn name_of(till: &Replica) -> String {
    till.identity().actor.to_string()
}
