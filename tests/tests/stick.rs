//! Stories of shops where no network reaches: what the tills sold goes to the others and to head office in a
//! file on a stick.

use domain::{
    Actor, Body, Document, Entry, FactId, How, Item, Line, Member, Product, ProductId, Quantity, Sale,
    ShopId, Tender,
};
use replica::wire::stick::{End, FRAME_BYTES, Frame, FrameHead, HEAD_BYTES, MAGIC, VERSION};
use replica::{Batch, Head, Keypair};
use service::Store;
use std::path::{Path, PathBuf};
use tests::world::{Replica, World, asha, code, exchange, kes, of, sell, verdicts};
use till::{Exported, Folder, Imported, SaleFilter, Till, examine};

/// Tills that know each other: each has synced after the last was enrolled, and then the line went.
fn acquainted<const N: usize>(world: &World, shop: &ShopId) -> [Replica; N] {
    let tills: [Replica; N] =
        std::array::from_fn(|n| world.till(shop, ["Front", "Back", "Yard", "Store"][n]));
    for till in &tills {
        till.sync(world.now()).unwrap();
        till.offline(true);
    }
    tills
}

/// A file on the stick of this story.
fn stick(world: &Replica, name: &str) -> PathBuf {
    world.path.with_file_name(format!("{name}.leja"))
}

fn export(from: &Replica, to: &Path, world: &World) -> Exported {
    Folder::at(&from.path).unwrap().export(to, world.now()).unwrap()
}

/// What came of each journal: new, known before, left out.
fn counts(imported: &Imported) -> Vec<(u64, u64, u64)> {
    imported.journals.iter().map(|it| (it.new, it.known, it.left)).collect()
}

/// Why something was left out.
fn why(imported: &Imported) -> String {
    imported.journals.iter().filter_map(|it| it.why.clone()).collect::<Vec<_>>().join("; ")
}

fn names(till: &Till, shop: &ShopId) -> Vec<FactId> {
    verdicts(till, shop).into_iter().map(|(id, ..)| id).collect()
}

fn waiting(till: &Till) -> u64 {
    till.status().unwrap().waiting
}

fn is_sound(till: &Replica, shop: &ShopId) {
    assert_eq!(till.verify(shop).unwrap(), Vec::<String>::new());
    for check in examine(&till.path.join("ledger.sqlite")).unwrap() {
        assert_eq!(check.faults, Vec::<String>::new(), "{}: {}", check.name, check.seen);
    }
}

fn revoke(world: &World, replica: &Replica) {
    let (member, home) = world.wait(world.store.member(replica.identity().actor)).unwrap().unwrap();
    world.wait(world.store.put_member(&Member { revoked: true, ..member }, home.as_ref())).unwrap();
}

/// A sale of which a hundred fill a frame.
fn large(random: &mut fastrand::Rng) -> Sale {
    let line = |_| {
        let name: String = std::iter::repeat_with(|| random.alphanumeric()).take(60).collect();
        Line::new(&name, Quantity::ONE, kes(1)).unwrap()
    };
    Sale::new((0..10).map(line).collect(), kes(10), Tender::Cash, None).unwrap()
}

#[test]
fn two_tills_without_a_line_have_each_others_sales_by_a_stick() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = acquainted(&world, &shop);
    let first = world.now();
    for shillings in 1..=30 {
        world.pass(3600);
        sell(&a, shillings, world.now());
        sell(&b, shillings, world.now());
    }
    // Both take one code for their own sale; a price is set.
    for till in [&a, &b] {
        let sale = sell(till, 500, world.now());
        till.claim(sale, code("UKL4AB12CD"), How::Typed, &asha(), world.now()).unwrap();
    }
    let bread = Product::new(ProductId::parse("bread").unwrap(), "Bread", kes(60)).unwrap();
    b.set(&shop, &Item::Product(bread.clone()), &asha(), world.now()).unwrap();

    let (of_a, of_b) = (stick(&a, "front"), stick(&a, "back"));
    let written = export(&a, &of_a, &world);
    assert_eq!(
        written.journals.iter().map(|it| (it.letter.as_str(), it.entries)).collect::<Vec<_>>(),
        [("A", 32)]
    );
    assert_eq!((written.days.len(), written.withheld), (2, 0));
    let (from, to) = written.times.unwrap();
    assert!(first < from && to == world.now());
    assert_eq!(written.bytes, std::fs::metadata(&of_a).unwrap().len());
    assert!(!of_a.with_extension("leja.part").exists());

    let came = b.import(&of_a, world.now()).unwrap();
    assert_eq!((counts(&came), came.fault, came.at), (vec![(32, 0, 0)], None, Some(world.now())));
    // Its own file brings back what the first gave it, and changes nothing of it.
    export(&b, &of_b, &world);
    assert_eq!(counts(&a.import(&of_b, world.now()).unwrap()), [(0, 32, 0), (33, 0, 0)]);
    assert_eq!((names(&a, &shop).len(), verdicts(&a, &shop)), (62, verdicts(&b, &shop)));
    assert_eq!(a.document_heads(&shop).unwrap(), b.document_heads(&shop).unwrap());
    assert_eq!(a.product(&shop, &bread.id).unwrap(), bread);
    for (till, own) in [(&a, 32), (&b, 33)] {
        is_sound(till, &shop);
        assert_eq!(waiting(till), own, "a stick is no cloud");
        assert_eq!(till.status().unwrap().set_aside, Vec::<String>::new());
    }
    // A stick that is read twice, and an old one that is read late, change nothing.
    for till in [&a, &b] {
        let before = verdicts(till, &shop);
        for file in [&of_b, &of_a, &of_b] {
            let again = till.import(file, world.now()).unwrap();
            assert!(counts(&again).iter().all(|(new, _, left)| (*new, *left) == (0, 0)), "{again:?}");
        }
        assert_eq!(verdicts(till, &shop), before);
    }
}

#[test]
fn at_a_third_till_that_has_the_line_everything_goes_on_to_head_office() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b, c] = acquainted(&world, &shop);
    let office = world.office();
    office.sync(world.now()).unwrap();
    for shillings in 1..=5 {
        sell(&a, shillings, world.now());
    }
    sell(&b, 6, world.now());
    let (of_a, of_b) = (stick(&a, "front"), stick(&a, "back"));
    export(&a, &of_a, &world);
    b.import(&of_a, world.now()).unwrap();
    export(&b, &of_b, &world);
    assert_eq!(counts(&c.import(&of_b, world.now()).unwrap()), [(5, 0, 0), (1, 0, 0)]);

    // Nobody may be reset: what is on a stick, or on another till that has no line, may be lost with it.
    let reset = |till: Replica| {
        let path = till.path.clone();
        drop(till);
        let done = Folder::at(&path).unwrap().reset(world.now());
        (world.open_if_there(&path), done.map_err(|error| error.to_string()))
    };
    let (a, refused) = reset(a);
    let refused = refused.unwrap_err();
    assert!(refused.contains("5 entries of its own are nowhere else"), "{refused}");
    let (b, refused) = reset(b);
    assert!(refused.unwrap_err().contains("1 entries of its own, and 5 that other tills gave it"));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((waiting(&a), waiting(&b)), (5, 1));

    c.offline(false);
    assert_eq!(c.sync(world.now()).unwrap().carried, 0, "a till with a line brings its own within seconds");
    world.pass(31);
    assert_eq!(c.sync(world.now()).unwrap().carried, 6);
    exchange(&world, &[&office]);
    assert_eq!(verdicts(&office, &shop), verdicts(&c, &shop));
    assert_eq!(names(&office, &shop).len(), 6);

    // Once they hear of it, they may.
    for till in [&a, &b] {
        till.offline(false);
        till.sync(world.now()).unwrap();
        assert_eq!(waiting(till), 0);
    }
    for till in [a, b] {
        let (nobody, done) = reset(till);
        assert!(nobody.is_none() && done.is_ok(), "{done:?}");
    }
}

#[test]
fn head_office_takes_a_stick_and_answers_with_one() {
    let world = World::new();
    let (shop, other) = (world.shop("mjini", "till", "123456"), world.shop("kijiji", "paybill", "600638"));
    let (c, office) = (world.till(&other, "Counter"), world.office());
    exchange(&world, &[&c, &office]);
    let [a] = acquainted(&world, &shop);
    world.pass(16 * 60);
    exchange(&world, &[&office]);
    let sale = sell(&a, 70, world.now());
    let elsewhere = sell(&c, 80, world.now());
    let (of_a, of_c, back) = (stick(&a, "front"), stick(&a, "counter"), stick(&a, "office"));
    export(&a, &of_a, &world);
    export(&c, &of_c, &world);
    office.import(&of_a, world.now()).unwrap();
    office.import(&of_c, world.now()).unwrap();
    office.void(sale, "agreed on the phone", &asha(), world.now()).unwrap();
    // Its own file has both shops; a till takes what is its shop's.
    let written = export(&office, &back, &world);
    assert_eq!(written.journals.len(), 3);
    let came = a.import(&back, world.now()).unwrap();
    assert_eq!((counts(&came), came.elsewhere.len()), (vec![(1, 0, 0), (0, 1, 0)], 1));
    assert_eq!(a.sale(sale).unwrap().state.name(), "voided");
    assert!(a.sale(elsewhere).is_err());
}

#[test]
fn a_stick_that_was_pulled_out_too_early_gives_what_is_whole_and_says_so() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b, c] = acquainted(&world, &shop);
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
    let [d] = late(&world, &shop);
    let came = d.import(&torn, world.now()).unwrap();
    assert!(came.fault.clone().unwrap().contains("1 parts of it are damaged"), "{came:?}");
    assert!(why(&came).contains("neither here nor in the file"), "{came:?}");
    let taken = names(&d, &shop);
    assert!(taken.iter().any(|id| id.actor == c.identity().actor), "the other till's came");
    assert!((50..300).contains(&taken.len()), "{}", taken.len());
    is_sound(&d, &shop);
    assert_eq!(d.import(&both, world.now()).unwrap().fault, None);
    assert_eq!(verdicts(&d, &shop), verdicts(&c, &shop));
}

/// One more till, which knows the others, and has nothing of theirs.
fn late(world: &World, shop: &ShopId) -> [Replica; 1] {
    acquainted(world, shop)
}

/// Where the frames of a file begin.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut places) = (MAGIC.len() + 1, Vec::new());
    while at < bytes.len() {
        places.push(at);
        at += HEAD_BYTES + FrameHead::read(bytes[at..].first_chunk().unwrap()).unwrap().length;
    }
    places
}

#[test]
fn a_stick_of_another_shop_and_a_file_that_is_none_are_left_alone() {
    let world = World::new();
    let (shop, other) = (world.shop("mjini", "till", "123456"), world.shop("kijiji", "paybill", "600638"));
    let ([a, b], [c]) = (acquainted(&world, &shop), acquainted(&world, &other));
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
    let [a, b, gone] = acquainted(&world, &shop);
    let file = stick(&a, "file");
    // Enrolled after our last sync.
    let [new] = late(&world, &shop);
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
    assert_eq!(a.status().unwrap().set_aside.len(), 1, "and it is shown");
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

/// The key of a replica, out of its folder.
fn key_of(replica: &Replica) -> Keypair {
    let seed = hex::decode(std::fs::read_to_string(replica.path.join("till.key")).unwrap()).unwrap();
    Keypair::from_seed(&seed.try_into().unwrap())
}

fn entries(replica: &Replica, shop: &ShopId) -> Vec<Entry> {
    let ledger = ledger::Reader::open(&replica.path.join("ledger.sqlite")).unwrap();
    ledger.entries_after(shop, replica.identity().actor, 0, 100).unwrap()
}

/// The first entries of a till, sealed by some key.
fn sealed(replica: &Replica, shop: &ShopId, key: &Keypair) -> Batch {
    Batch::seal(&entries(replica, shop), key).unwrap()
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

/// A file of these frames.
fn made(beside: &Replica, name: &str, frames: &[Frame]) -> PathBuf {
    let file = stick(beside, name);
    let frames = frames.iter().flat_map(Frame::encode);
    let bytes: Vec<u8> = MAGIC.iter().copied().chain([VERSION]).chain(frames).collect();
    std::fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn what_does_not_pass_the_guard_is_kept_with_its_reason_and_the_rest_goes_on() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = acquainted(&world, &shop);
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
    assert!(came.reasons[0].starts_with("1-2: ") && came.reasons[0].contains("change"), "{:?}", came.reasons);
    assert_eq!(names(&b, &shop).len(), 2);
    assert!(b.status().unwrap().set_aside[0].contains("1-2"), "{:?}", b.status().unwrap().set_aside);
    is_sound(&b, &shop);
}

#[test]
fn no_key_and_no_payment_is_on_a_stick() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    exchange(&world, &[&a, &b]);
    b.offline(true);
    let sale = sell(&a, 500, world.now());
    world.pay("UKL4AB12CD", "123456", 500, "");
    exchange(&world, &[&a]);
    assert_eq!(a.sale(sale).unwrap().state.name(), "paid");
    let file = stick(&a, "front");
    export(&a, &file, &world);
    let bytes = std::fs::read(&file).unwrap();
    let seed = std::fs::read_to_string(a.path.join("till.key")).unwrap();
    let seed = seed.trim();
    for secret in [seed.as_bytes(), &hex::decode(seed).unwrap(), b"WANJIRU"] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    }
    b.import(&file, world.now()).unwrap();
    // The claim came, and waits for the money that it names.
    assert_eq!(b.claims(sale).unwrap().len(), 1);
    assert_eq!(b.payment(&shop, &code("UKL4AB12CD")).unwrap().map(|it| it.confirmed), None);
    assert_ne!(b.sale(sale).unwrap().state.name(), "paid");
    b.offline(false);
    b.sync(world.now()).unwrap();
    assert_eq!(verdicts(&b, &shop), verdicts(&a, &shop));
}

#[test]
fn a_bomb_and_a_file_of_nonsense_take_no_memory_and_stop_nothing() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = acquainted(&world, &shop);
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
    assert!(came.fault.unwrap().contains("1 parts of it are damaged"));
    assert!(came.journals.len() <= 1000, "{}", came.journals.len());
    assert_eq!((names(&b, &shop).len(), b.status().unwrap().set_aside), (1, vec![]));
    // A head that promises four gigabytes.
    let file = made(&a, "endless", &[]);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(b"\xf7LJF\x01\xff\xff\xff\xff12345678");
    bytes.extend([7; 5000]);
    std::fs::write(&file, bytes).unwrap();
    let came = b.import(&file, world.now()).unwrap();
    assert!(came.fault.unwrap().contains("unreadable from byte"));
}

#[test]
fn a_till_that_was_restored_gets_what_it_lost_from_a_stick_after_its_next_sync() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = acquainted(&world, &shop);
    let office = world.office();
    sell(&a, 1, world.now());
    let backup = a.path.with_extension("backup");
    a.backup(&backup).unwrap();
    sell(&a, 2, world.now());
    sell(&a, 3, world.now());
    let file = stick(&a, "front");
    export(&a, &file, &world);
    // The machine burns. Its key lay in the safe.
    let path = a.path.with_extension("restored");
    let folder = Folder::at(&path).unwrap();
    std::fs::copy(a.path.join("till.key"), path.join("till.key")).unwrap();
    drop(a);
    folder.restore(&backup, world.now()).unwrap();
    let again = world.open(path);
    let own = sell(&again, 4, world.now());
    let came = again.import(&file, world.now()).unwrap();
    assert_eq!(counts(&came), [(0, 1, 2)]);
    assert!(why(&came).contains("sync with its hub once, then import again"), "{came:?}");
    // What it sold since may get another name: it is not carried out under this one.
    let unsure = stick(&again, "unsure");
    assert_eq!(export(&again, &unsure, &world).withheld, 1);

    again.sync(world.now()).unwrap();
    assert!(again.sale(own).is_err(), "it has a name of its own now");
    // What it wrote in its former life is its own to pass on, though nobody else ever signed it for it; who it is
    // now the other till has not heard yet.
    let former = stick(&again, "former");
    export(&again, &former, &world);
    assert_eq!(counts(&b.import(&former, world.now()).unwrap()), [(1, 0, 0), (0, 0, 1)]);
    assert_eq!(counts(&again.import(&file, world.now()).unwrap()), [(2, 1, 0)]);
    again.sync(world.now()).unwrap();
    world.pass(31);
    assert_eq!(again.sync(world.now()).unwrap().carried, 2);
    b.offline(false);
    exchange(&world, &[&again, &b, &office]);
    let mut totals: Vec<_> =
        office.sales(&shop, SaleFilter::All, None, 9).unwrap().iter().map(|sale| sale.total).collect();
    totals.sort();
    assert_eq!(totals, [1, 2, 3, 4].map(kes));
    assert_eq!(verdicts(&office, &shop), verdicts(&again, &shop));
    assert_eq!(verdicts(&office, &shop), verdicts(&b, &shop));
    let [d] = late(&world, &shop);
    export(&again, &stick(&again, "all"), &world);
    let came = d.import(&stick(&again, "all"), world.now()).unwrap();
    assert_eq!((verdicts(&d, &shop), came.fault), (verdicts(&again, &shop), None));
    is_sound(&d, &shop);
}

#[test]
fn a_till_sells_while_it_exports_and_every_file_is_whole() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = acquainted(&world, &shop);
    for _ in 0..50 {
        a.sell(of(5, Tender::Cash), &asha(), world.now(), None).unwrap();
    }
    let file = stick(&a, "front");
    let mut lengths = Vec::new();
    std::thread::scope(|scope| {
        let selling = scope.spawn(|| {
            for _ in 0..200 {
                a.sell(of(5, Tender::Cash), &asha(), world.now(), None).unwrap();
            }
        });
        while !selling.is_finished() {
            lengths.push(export(&a, &file, &world).journals[0].entries);
        }
    });
    lengths.push(export(&a, &file, &world).journals[0].entries);
    assert!(lengths.is_sorted() && lengths.last() == Some(&250), "{lengths:?}");
    assert_eq!(b.import(&file, world.now()).unwrap().fault, None);
    assert_eq!(verdicts(&b, &shop), verdicts(&a, &shop));
}
