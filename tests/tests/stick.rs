//! Stories of shops where no network reaches: what the tills sold goes to the others and to head office in a
//! file on a stick.

use domain::{How, Item, Product, ProductId, Tender};
use replica::wire::stick::{Frame, FrameHead, HEAD_BYTES};
use std::fs::File;
use std::io::Read;
use std::process::Command;
use tests::stick::{counts, cut_off, export, frames, large, stick, waiting, why};
use tests::tills::{is_sound, names};
use tests::world::{Replica, World, asha, code, exchange, kes, of, sell, verdicts};
use till::{Folder, SaleFilter};

#[test]
fn two_tills_without_a_line_have_each_others_sales_by_a_stick() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = cut_off(&world, &shop);
    let first = world.now();
    for shillings in 1..=30 {
        world.pass(3600);
        sell(&a, shillings, world.now());
        sell(&b, shillings, world.now());
    }
    // Both take one code for their own sale; a price is set.
    for till in [&a, &b] {
        let sale = sell(till, 500, world.now());
        till.claim(sale, (code("UKL4AB12CD"), How::Typed), &asha(), world.now()).unwrap();
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
    let [a, b, c] = cut_off(&world, &shop);
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
    let [a] = cut_off(&world, &shop);
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
fn a_till_that_was_restored_gets_what_it_lost_from_a_stick_after_its_next_sync() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = cut_off(&world, &shop);
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
    let [d] = cut_off(&world, &shop);
    export(&again, &stick(&again, "all"), &world);
    let came = d.import(&stick(&again, "all"), world.now()).unwrap();
    assert_eq!((verdicts(&d, &shop), came.fault), (verdicts(&again, &shop), None));
    is_sound(&d, &shop);
}

#[test]
fn a_till_sells_while_it_exports_and_every_file_is_whole() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = cut_off(&world, &shop);
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

/// A disk as slow as the story wants: what is written waits in a pipe until somebody reads it.
#[test]
fn an_export_is_of_one_moment_however_long_it_takes() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a] = cut_off(&world, &shop);
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..250 {
        a.sell(large(&mut random), &asha(), world.now(), None).unwrap();
    }
    let (file, part) = (stick(&a, "front"), stick(&a, "front").with_extension("leja.part"));
    assert!(Command::new("mkfifo").arg(&part).status().unwrap().success());
    let mut written = Vec::new();
    std::thread::scope(|scope| {
        let exporting = scope.spawn(|| Folder::at(&a.path).unwrap().export(&file, world.now()));
        // It opens when the export has begun, and holds less than the export writes.
        let mut pipe = File::open(&part).unwrap();
        sell(&a, 1, world.now());
        pipe.read_to_end(&mut written).unwrap();
        let told = exporting.join().unwrap().unwrap_err().to_string();
        assert!(told.contains("can not be used"), "a pipe is no disk: {told}");
    });
    let (head, body) = written[*frames(&written).last().unwrap()..].split_at(HEAD_BYTES);
    let end = FrameHead::read(head.first_chunk().unwrap()).unwrap().open(body).unwrap();
    let Frame::End(end) = end else { panic!("{end:?}") };
    assert_eq!(end.heads[&shop][&a.identity().actor].number, 250, "what was sold meanwhile is not in it");
    assert_eq!(names(&a, &shop).len(), 251);
}
