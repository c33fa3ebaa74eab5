//! `leja ledger`: a till's file, looked after from outside while its till sells.

use domain::{How, Tender};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tests::process::built;
use tests::world::{Replica, World, asha, code, exchange, of, sell};
use till::{Folder, SaleFilter, examine};

/// One story at a time: a program that is being started holds, for a moment, the locks that another story's till
/// has just let go.
static ONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ledger(arguments: &[&str]) -> (bool, String) {
    let ran: Output = Command::new(built("leja")).arg("ledger").args(arguments).output().unwrap();
    let text = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8(text).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A till that sold, was paid, and took back; another that claimed the same payment.
fn busy(world: &World) -> (domain::ShopId, Replica, Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    let (one, two) = (sell(&a, 500, world.now()), sell(&b, 500, world.now()));
    a.sell(of(70, Tender::Cash), &asha(), world.now(), Some("key")).unwrap();
    world.pay("UKL4AB12CD", "123456", 500, "");
    for (till, sale) in [(&a, one), (&b, two)] {
        till.claim(sale, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
    }
    exchange(world, &[&a, &b]);
    (shop, a, b)
}

/// What is wrong with a ledger, in the names of what was looked at.
fn faults(file: &Path) -> Vec<String> {
    let bad = examine(file).unwrap().into_iter().filter(|check| !check.faults.is_empty());
    bad.map(|check| format!("{}: {}", check.name, check.faults.join("; "))).collect()
}

fn changed(till: &Replica, name: &str, change: &str) -> PathBuf {
    let file = till.path.with_extension(name);
    till.backup(&file).unwrap();
    assert_eq!(rusqlite::Connection::open(&file).unwrap().execute(change, []), Ok(1), "{change}");
    file
}

#[test]
fn verify_finds_what_was_changed_and_names_it() {
    let _alone = alone();
    let world = World::new();
    let (_, a, _b) = busy(&world);
    assert_eq!(faults(&a.path.join("ledger.sqlite")), Vec::<String>::new());
    let cases = [
        ("UPDATE sales SET order_no = 'forged' WHERE number = 2", "computed rows: sales: 1 rows"),
        ("DELETE FROM payments", "computed rows: payments: 0 rows"),
        (
            "UPDATE claims SET how = 'picked' WHERE sale IN (SELECT id FROM sales WHERE number = 1)",
            "claims: 1 rows",
        ),
        ("UPDATE journal SET at = at + 1 WHERE till = 1 AND number = 1", "entry A1 is not the one"),
        (
            "UPDATE journal SET signature = zeroblob(64) WHERE signature IS NOT NULL",
            "what is not signed by its writer",
        ),
    ];
    for (number, (change, told)) in cases.into_iter().enumerate() {
        let found = faults(&changed(&a, &format!("changed-{number}"), change)).join("\n");
        assert!(found.contains(told), "{change}: {found}");
    }
    let torn = a.path.with_extension("torn");
    a.backup(&torn).unwrap();
    let mut bytes = std::fs::read(&torn).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&torn, bytes).unwrap();
    assert!(faults(&torn)[0].starts_with("pages: "), "{:?}", faults(&torn));
}

#[test]
fn a_till_sells_while_its_ledger_is_verified_copied_and_listed() {
    let _alone = alone();
    let world = World::new();
    let (shop, a, _b) = busy(&world);
    let (file, done) = (a.path.join("ledger.sqlite"), AtomicBool::new(false));
    let mut held = ledger::Reader::open(&file).unwrap();
    held.hold().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0;
            while !done.load(Ordering::SeqCst) || round == 0 {
                assert_eq!(faults(&file), Vec::<String>::new());
                a.backup(&a.path.with_extension(format!("copy-{round}"))).unwrap();
                assert!(a.sales(&shop, SaleFilter::All, None, 10_000).unwrap().len() >= 3);
                round += 1;
            }
        });
        for _ in 0..200 {
            sell(&a, 10, world.now());
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(
        held.sales(&shop, SaleFilter::All, None, 10_000).unwrap().len(),
        3,
        "one moment is one moment"
    );
    held.let_go().unwrap();
    assert_eq!(a.sales(&shop, SaleFilter::All, None, 10_000).unwrap().len(), 203);
}

#[test]
fn a_rebuild_puts_the_rows_right_and_keeps_the_numbers_that_people_have_seen() {
    let _alone = alone();
    let world = World::new();
    let (shop, mut a, b) = busy(&world);
    let before = a.sales(&shop, SaleFilter::All, None, 100).unwrap();
    let numbers: Vec<u64> = before.iter().map(|sale| sale.number).collect();
    assert!(numbers.len() == 3 && numbers.contains(&3), "{numbers:?}");
    let path = a.path.clone();
    a = {
        let copy = path.with_extension("moved");
        drop(a);
        std::fs::rename(&path, &copy).unwrap();
        let file = rusqlite::Connection::open(copy.join("ledger.sqlite")).unwrap();
        file.execute_batch(
            "UPDATE sales SET due = due + 100, paid = paid - 100; DELETE FROM voids; DELETE FROM payments",
        )
        .unwrap();
        drop(file);
        assert!(!faults(&copy.join("ledger.sqlite")).is_empty());
        let (done, said) = ledger(&["rebuild", "--data", text(&copy)]);
        assert!(done, "{said}");
        world.open(copy)
    };
    assert_eq!(a.sales(&shop, SaleFilter::All, None, 100).unwrap(), before);
    assert_eq!(a.status().unwrap().notices, Vec::<String>::new(), "a folder that was moved is no copy");
    assert_eq!(faults(&a.path.join("ledger.sqlite")), Vec::<String>::new());
    exchange(&world, &[&a, &b]);
}

#[test]
fn the_commands_say_what_they_did_and_lose_nothing() {
    let _alone = alone();
    let world = World::new();
    let (_, a, _b) = busy(&world);
    let (file, data) = (a.path.with_extension("backup"), a.path.clone());
    // The till is open all the while.
    let (done, said) = ledger(&["backup", text(&file), "--data", text(&data), "--with-key"]);
    assert!(done && said.contains("checked and on the disk") && said.contains(".key"), "{said}");
    let (done, said) = ledger(&["backup", text(&file), "--data", text(&data)]);
    assert!(!done && said.contains("there already"), "{said}");
    let (done, said) = ledger(&["verify", "--data", text(&data)]);
    assert!(done && said.contains("ok    computed rows"), "{said}");
    let (done, said) = ledger(&[
        "verify",
        text(&changed(
            &a,
            "changed",
            "DELETE FROM claims WHERE how = 'typed' AND sale IN (SELECT id FROM sales WHERE number = 1)",
        )),
    ]);
    assert!(!done && said.contains("fail  computed rows") && said.contains("leja ledger rebuild"), "{said}");
    let (done, said) = ledger(&["reset", "--data", text(&data)]);
    assert!(!done && said.contains("in use by another program"), "{said}");

    let elsewhere = a.path.with_extension("elsewhere");
    let (done, said) = ledger(&["restore", text(&file), "--data", text(&elsewhere)]);
    assert!(done && said.contains("a name and a letter of its own"), "{said}");
    let (done, said) = ledger(&["restore", text(&file), "--data", text(&elsewhere)]);
    assert!(done && said.contains("the backup holds all of it"), "again: {said}");
    {
        let till = world.open(elsewhere.clone());
        sell(&till, 99, world.now());
    }
    let (done, said) = ledger(&["restore", text(&file), "--data", text(&elsewhere)]);
    assert!(!done && said.contains("entries: 1") && said.contains("nothing was restored"), "{said}");
    let (done, said) = ledger(&["reset", "--data", text(&elsewhere)]);
    assert!(!done && said.contains("nowhere else") && said.contains("leja ledger export"), "{said}");
    world.open(elsewhere.clone()).sync(world.now()).unwrap();
    let (done, said) = ledger(&["reset", "--data", text(&elsewhere)]);
    assert!(done && said.contains("nothing was deleted"), "{said}");
    assert!(!Folder::at(&elsewhere).unwrap().is_enrolled());
    let aside: Vec<_> =
        elsewhere.read_dir().unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_dir()).collect();
    assert_eq!(aside.len(), 2, "the ledger before the second restore, and this one");
    assert!(aside.iter().all(|folder| folder.join("ledger.sqlite").exists()));
}

#[test]
fn what_one_till_exports_another_imports_and_each_says_what_it_did() {
    let _alone = alone();
    let world = World::new();
    let (shop, a, b) = busy(&world);
    a.offline(true);
    sell(&a, 90, world.now());
    let (file, of_a, of_b) = (a.path.with_extension("leja"), a.path.clone(), b.path.clone());
    // The till is open all the while.
    let (done, said) = ledger(&["export", text(&file), "--data", text(&of_a)]);
    assert!(done && said.contains("A   Front") && said.contains("4 entries"), "{said}");
    assert!(
        said.contains("1 days, from 2026-11-21T08:00:00") && said.contains("bytes, on the disk"),
        "{said}"
    );
    let (done, said) = ledger(&["import", text(&file), "--data", text(&of_b)]);
    assert!(!done && said.contains("in use by another program"), "{said}");
    drop((a, b));
    let (done, said) = ledger(&["reset", "--data", text(&of_a)]);
    assert!(
        !done && said.contains("`leja ledger export` writes them to a stick"),
        "a stick is no cloud: {said}"
    );
    let (done, said) = ledger(&["import", text(&file), "--data", text(&of_b)]);
    assert!(
        done && said.contains("1 new, 3 known before, 0 left out") && said.contains("taken in"),
        "{said}"
    );
    let (done, said) = ledger(&["import", text(&file), "--data", text(&of_b)]);
    assert!(done && said.contains("0 new, 4 known before"), "again: {said}");
    let (done, said) = ledger(&["reset", "--data", text(&of_b)]);
    assert!(!done && said.contains("1 entries that other tills gave it"), "{said}");

    let b = world.open(of_b.clone());
    assert_eq!(b.sales(&shop, SaleFilter::All, None, 9).unwrap().len(), 4);
    b.sync(world.now()).unwrap();
    world.pass(31);
    assert_eq!(b.sync(world.now()).unwrap().carried, 1);
    drop(b);
    // A torn file ends with 1, and what is whole of it was taken.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 9]).unwrap();
    let (done, said) = ledger(&["import", text(&file), "--data", text(&of_b)]);
    assert!(!done && said.contains("0 new, 4 known before") && said.contains("is not whole"), "{said}");
    // What is there already is not written over, unless all of it is here.
    let (done, said) = ledger(&["export", text(&file), "--data", text(&of_a)]);
    assert!(!done && said.contains("damaged or not whole: nothing was written over it"), "{said}");
    std::fs::write(&file, bytes).unwrap();
    let (done, said) = ledger(&["export", text(&file), "--data", text(&of_b)]);
    assert!(done && said.contains("Back"), "{said}");
    // Then the first till hears that the cloud has it all.
    world.open(of_a.clone()).sync(world.now()).unwrap();
    let (done, said) = ledger(&["reset", "--data", text(&of_a)]);
    assert!(done && said.contains("nothing was deleted"), "{said}");
}
