//! Sticks that were pulled out too early, lay in the rain, belong to somebody else, or lie: what is whole and
//! believed is taken in, what is not is told, and nothing is written over that would be lost.

use domain::{Actor, Body, Document, Entry, FactId, ShopId};
use replica::wire::stick::{End, FRAME_BYTES, Frame, HEAD_BYTES, MAGIC, VERSION};
use replica::{Batch, Head};
use std::path::PathBuf;
use tests::stick::{counts, cut_off, export, frames, large, made, stick, why};
use tests::tills::{entries, is_sound, key_of, names, revoke, sealed};
use tests::world::{Replica, World, asha, exchange, sell, verdicts};
use till::Folder;

#[test]
fn a_stick_that_was_pulled_out_too_early_gives_what_is_whole_and_says_so() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b, c] = cut_off(&world, &shop);
    sell(&c, 9, world.now());
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..400 {
        world.pass(60);
        a.sell(large(&mut random), &asha(), world.now(), None).unwrap();
    }
    let (file, torn) = (stick(&a, "front"), stick(&a, "torn"));
    export(&a, &file, &world);
    let whole = std::fs::read(&file).unwrap();
    let places = frames(&whole);
    assert!(places.len() >= 4, "{places:?}");
    let (mut last, mut seen) = (0, 0);
    let edges = places.iter().flat_map(|at| [at - 1, *at, at + 1, at + HEAD_BYTES]);
    let mut cuts: Vec<usize> = edges.filter(|at| *at < whole.len()).chain([9, 100]).collect();
    cuts.sort_unstable();
    for cut in cuts {
        std::fs::write(&torn, &whole[..cut]).unwrap();
        if cut < MAGIC.len() + 1 {
            assert!(b.import(&torn, world.now()).is_err());
            continue;
        }
        let fault = b.import(&torn, world.now()).unwrap().fault.unwrap();
        assert!(fault.contains("not written or copied to its end"), "byte {cut}: {fault}");
        let here = names(&b, &shop).len();
        assert!(here >= last);
        (seen, last) = (seen + usize::from(here > last), here);
    }
    assert!(seen >= 3 && last == 400, "{seen} pieces, {last} sales");
    is_sound(&b, &shop);

    // Damage inside costs what it damaged and what leans on it, and no other till's entries.
    b.import(&file, world.now()).unwrap();
    let both = stick(&a, "both");
    c.import(&file, world.now()).unwrap();
    export(&c, &both, &world);
    let mut damaged = std::fs::read(&both).unwrap();
    damaged[places[1] + HEAD_BYTES + 100] ^= 1;
    std::fs::write(&torn, &damaged).unwrap();
    let [d] = cut_off(&world, &shop);
    let came = d.import(&torn, world.now()).unwrap();
    let told = format!("damaged from byte {} to {}, which was left out", places[1], places[2]);
    assert_eq!(came.fault, Some(format!("it is {told}")));
    assert!(why(&came).contains("neither here nor in the file"), "{came:?}");
    let taken = names(&d, &shop);
    assert!(taken.iter().any(|id| id.actor == c.identity().actor), "the other till's came");
    assert!((50..300).contains(&taken.len()), "{}", taken.len());
    is_sound(&d, &shop);
    assert_eq!(d.import(&both, world.now()).unwrap().fault, None);
    assert_eq!(verdicts(&d, &shop), verdicts(&c, &shop));
}

#[test]
fn a_damaged_length_costs_its_own_frame_and_it_is_told_which() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, c] = cut_off(&world, &shop);
    sell(&c, 9, world.now());
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..400 {
        world.pass(60);
        a.sell(large(&mut random), &asha(), world.now(), None).unwrap();
    }
    let (of_a, both, torn) = (stick(&a, "front"), stick(&a, "both"), stick(&a, "torn"));
    export(&a, &of_a, &world);
    c.import(&of_a, world.now()).unwrap();
    export(&c, &both, &world);
    let whole = std::fs::read(&both).unwrap();
    let places = frames(&whole);
    let second = places[1];
    // The mark, the kind, lengths beyond the bound, beyond the file, too long and too short, and the check.
    for (byte, bit) in [(0, 1), (4, 1), (5, 128), (6, 8), (7, 1), (8, 1), (9, 1)] {
        let mut damaged = whole.clone();
        damaged[second + byte] ^= bit;
        std::fs::write(&torn, &damaged).unwrap();
        let [d] = cut_off(&world, &shop);
        let came = d.import(&torn, world.now()).unwrap();
        let told = format!("it is damaged from byte {second} to {}, which was left out", places[2]);
        assert_eq!((came.fault.clone(), came.at), (Some(told), Some(world.now())), "byte {byte}");
        assert!(why(&came).contains("neither here nor in the file"), "{came:?}");
        let taken = names(&d, &shop);
        assert!(taken.iter().any(|id| id.actor == c.identity().actor), "byte {byte}: the other till's came");
        assert!((50..300).contains(&taken.len()), "byte {byte}: {}", taken.len());
        assert_eq!(d.import(&both, world.now()).unwrap().fault, None);
        assert_eq!(verdicts(&d, &shop), verdicts(&c, &shop));
    }
}

#[test]
fn a_stick_of_another_shop_and_a_file_that_is_none_are_left_alone() {
    let world = World::new();
    let (shop, other) = (world.shop("mjini", "till", "123456"), world.shop("kijiji", "paybill", "600638"));
    let ([a, b], [c]) = (cut_off(&world, &shop), cut_off(&world, &other));
    sell(&a, 1, world.now());
    sell(&c, 2, world.now());
    let (of_a, of_c, file) = (stick(&a, "front"), stick(&a, "counter"), stick(&a, "file"));
    export(&a, &of_a, &world);
    export(&c, &of_c, &world);
    let refused = |file: &PathBuf| b.import(file, world.now()).unwrap_err().to_string();
    assert!(refused(&of_c).contains("is of another shop, kijiji; this is mjini: nothing was taken in"));
    assert!(refused(&stick(&a, "nowhere")).contains("nowhere.leja can not be used"));
    assert!(refused(&a.path).contains("no file of `leja ledger export`"));
    let newer = [MAGIC.as_slice(), &[VERSION + 1]].concat();
    for (bytes, told) in [
        (b"".as_slice(), "no file of"),
        (b"LEJA", "no file of"),
        (b"Date,Total\n2026-11-21,500.00\n", "no file of"),
        (&newer, "newer release"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        assert!(refused(&file).contains(told), "{}", refused(&file));
    }
    assert_eq!((names(&b, &shop), b.status().unwrap().set_aside), (vec![], vec![]));

    // Nothing of somebody else's is written over, and nothing that is not here.
    let over = |by: &Replica, file: &PathBuf| {
        let before = std::fs::read(file).unwrap();
        let refused = Folder::at(&by.path).unwrap().export(file, world.now()).unwrap_err().to_string();
        assert_eq!(std::fs::read(file).unwrap(), before);
        refused
    };
    assert!(over(&a, &of_c).contains("is of another shop, kijiji"));
    let folder = Folder::at(&a.path).unwrap().export(&b.path, world.now()).unwrap_err().to_string();
    assert!(folder.contains("is a folder: nothing was written over it. Choose another name"), "{folder}");
    assert!(over(&b, &of_a).contains("holds entries that are not here: import it first"));
    let gone = a.path.with_file_name("pulled");
    let refused = Folder::at(&a.path).unwrap().export(&gone.join("shop.leja"), world.now()).unwrap_err();
    let told = format!("there is no folder {}: nothing was written", gone.display());
    assert!(refused.to_string().starts_with(&told), "{refused}");
    std::fs::write(&file, b"Date,Total\n").unwrap();
    assert!(over(&a, &file).contains("is something else"));
    std::fs::write(&file, &std::fs::read(&of_a).unwrap()[..60]).unwrap();
    assert!(over(&a, &file).contains("damaged or not whole"));
    b.import(&of_a, world.now()).unwrap();
    assert_eq!(export(&b, &of_a, &world).journals.len(), 1, "it is all here now");
    sell(&a, 3, world.now());
    export(&a, &of_a, &world);
}

#[test]
fn who_writes_in_a_shop_the_cloud_alone_says() {
    let world = World::new();
    let (shop, other) = (world.shop("mjini", "till", "123456"), world.shop("kijiji", "paybill", "600638"));
    let [a, b, gone] = cut_off(&world, &shop);
    let file = stick(&a, "file");
    // Enrolled after our last sync.
    let [new] = cut_off(&world, &shop);
    sell(&new, 1, world.now());
    export(&new, &file, &world);
    let came = a.import(&file, world.now()).unwrap();
    assert_eq!((counts(&came), came.journals[0].member.clone()), (vec![(0, 0, 1)], None));
    assert!(why(&came).contains("let this till sync with its hub once, then import again"));
    // Revoked, as we know since our last sync.
    sell(&gone, 2, world.now());
    revoke(&world, &gone);
    a.offline(false);
    world.pass(16 * 60);
    a.sync(world.now()).unwrap();
    assert_eq!(counts(&a.import(&file, world.now()).unwrap()), [(1, 0, 0)], "now it is known");
    let revoked = stick(&a, "revoked");
    export(&gone, &revoked, &world);
    let came = a.import(&revoked, world.now()).unwrap();
    assert_eq!(counts(&came), [(0, 0, 1)]);
    assert!(why(&came).contains("revoked"), "{came:?}");
    // A known name under a foreign hand.
    sell(&b, 3, world.now());
    let forged = Frame::Batches(shop.clone(), vec![sealed(&b, &shop, &key_of(&new))]);
    let came = a.import(&made(&a, "forged", &[forged]), world.now()).unwrap();
    assert_eq!(counts(&came), [(0, 0, 1)]);
    assert!(why(&came).contains("not signed for this journal"), "{came:?}");
    let shown = a.status().unwrap().set_aside;
    assert!(
        shown.len() == 1 && shown[0].starts_with("what begins with entry B1: "),
        "it is shown: {shown:?}"
    );
    assert_eq!(names(&a, &shop).len(), 1);
    // A copied ledger goes on under the name that the other goes on under: what is not the same is not known.
    let known = made(&a, "known", &[Frame::Batches(shop.clone(), vec![sealed(&b, &shop, &key_of(&b))])]);
    assert_eq!(counts(&a.import(&known, world.now()).unwrap()), [(1, 0, 0)]);
    let mut fact = replica::day_book::fact(&entries(&b, &shop)[0]).unwrap();
    fact.by = domain::Person::named("Juma");
    let twin = Head::genesis(&shop, b.identity().actor).fact(&fact, None).entry;
    let heads = [(shop.clone(), [(b.identity().actor, Head::of(&twin))].into())].into();
    let frames = [
        Frame::Batches(shop.clone(), vec![Batch::seal(&[twin], &key_of(&b)).unwrap()]),
        Frame::End(End { at: world.now(), heads }),
    ];
    let came = a.import(&made(&a, "twin", &frames), world.now()).unwrap();
    assert_eq!((counts(&came), came.fault.clone()), (vec![(0, 0, 1)], None));
    assert!(why(&came).contains("restored or copied ledger"), "{came:?}");

    // A till of one shop writes in its own name in the journals of another. Head office knows it, and knows better.
    let (mallory, office) = (world.till(&other, "Counter"), world.office());
    sell(&mallory, 4, world.now());
    exchange(&world, &[&mallory, &office]);
    let entries = in_another_shop(&mallory, &other, &shop);
    let frame = Frame::Batches(shop.clone(), vec![Batch::seal(&entries, &key_of(&mallory)).unwrap()]);
    let before = names(&office, &shop);
    let came = office.import(&made(&a, "mallory", &[frame]), world.now()).unwrap();
    assert_eq!((counts(&came), names(&office, &shop)), (vec![(0, 0, 1)], before));
    assert!(why(&came).contains("nobody of that name is known here"), "{came:?}");
}

/// What a till wrote in its own shop, written as if it had been in another.
fn in_another_shop(replica: &Replica, own: &ShopId, other: &ShopId) -> Vec<Entry> {
    let (mut head, mut strand) = (Head::genesis(other, replica.identity().actor), None);
    let again = |entry: Entry| {
        let fact = replica::day_book::fact(&entry).unwrap();
        let opened = head.fact(&fact, strand);
        head = Head::of(&opened.entry);
        strand = Some(opened.strand);
        opened.entry
    };
    entries(replica, own).into_iter().map(again).collect()
}

#[test]
fn what_does_not_pass_the_guard_is_kept_with_its_reason_and_the_rest_goes_on() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = cut_off(&world, &shop);
    sell(&a, 1, world.now());
    let mut all = entries(&a, &shop);
    let end = Some(replica::day_book::change(&all[0]).strand);
    // A change that Leja does not write, well chained and signed, and a sale after it.
    let actor = a.identity().actor;
    let bad = Head::of(&all[0]).change(actor, b"no change at all".to_vec());
    let fact = replica::day_book::fact(&all[0]).unwrap();
    let fact = domain::Fact { id: FactId { actor, number: 3 }, ..fact };
    let after = Head::of(&bad).fact(&fact, end).entry;
    assert!(matches!((&bad.document, &bad.body), (Document::Catalogue, Body::Change(_))));
    all.extend([bad, after]);
    let key = key_of(&a);
    let batches = vec![
        Batch::seal(&all[..1], &key).unwrap(),
        Batch::seal(&all[1..2], &key).unwrap(),
        Batch::seal(&all[2..], &key).unwrap(),
    ];
    let came = b.import(&made(&a, "file", &[Frame::Batches(shop.clone(), batches)]), world.now()).unwrap();
    assert_eq!((counts(&came), came.refused), (vec![(3, 0, 0)], 1));
    assert!(came.reasons[0].starts_with("A2: ") && came.reasons[0].contains("change"), "{:?}", came.reasons);
    assert_eq!(names(&b, &shop).len(), 2);
    assert!(
        b.status().unwrap().set_aside[0].starts_with("entry A2: "),
        "{:?}",
        b.status().unwrap().set_aside
    );
    is_sound(&b, &shop);
}

#[test]
fn a_bomb_and_a_file_of_nonsense_take_no_memory_and_stop_nothing() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = cut_off(&world, &shop);
    sell(&a, 1, world.now());
    let honest = Frame::Batches(shop.clone(), vec![sealed(&a, &shop, &key_of(&a))]);
    let actor = Actor::first(domain::TillId(9));
    let zeros = Batch {
        actor,
        first: 1,
        before: None,
        strands: [].into(),
        items: vec![replica::Item::Fact(world.now(), vec![0; 50_000_000])],
        signature: [0; 64],
    };
    let bomb = Frame::Batches(shop.clone(), vec![zeros]);
    assert!(bomb.encode().len() < FRAME_BYTES);
    let crowd = |till: u32| Batch {
        actor: Actor::first(domain::TillId(till)),
        first: u64::MAX,
        before: Some([1; 32]),
        strands: [].into(),
        items: vec![replica::Item::Fact(world.now(), vec![]); 2],
        signature: [2; 64],
    };
    let crowd = Frame::Batches(shop.clone(), (100..5_000).map(crowd).collect());
    let came = b.import(&made(&a, "bomb", &[bomb, crowd, honest]), world.now()).unwrap();
    assert!(came.fault.unwrap().starts_with("it is damaged from byte 8 to "));
    assert!(came.journals.len() <= 1000, "{}", came.journals.len());
    assert_eq!((names(&b, &shop).len(), b.status().unwrap().set_aside), (1, vec![]));
    // A head that promises four gigabytes.
    let file = made(&a, "endless", &[]);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(b"\xf7LJF\x01\xff\xff\xff\xff12345678");
    bytes.extend([7; 5000]);
    std::fs::write(&file, bytes).unwrap();
    let fault = b.import(&file, world.now()).unwrap().fault.unwrap();
    assert!(fault.starts_with("it is damaged from byte 8 to 5025, which was left out"), "{fault}");
    // Nothing but marks, each of which promises a frame as large as the file.
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.truncate(MAGIC.len() + 1);
    bytes.extend(b"\xf7LJF\x01\x00\x0f\xff\xff".repeat(100_000));
    std::fs::write(&file, bytes).unwrap();
    let fault = b.import(&file, world.now()).unwrap().fault.unwrap();
    assert!(fault.starts_with("it is damaged in too many places, and was not read from byte"), "{fault}");
}
