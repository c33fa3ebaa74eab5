//! What a copied till told its siblings before anybody knew that it was a copy: the cloud's journal is the one of a
//! name, what the other wrote is kept until it comes back under its own, and what was said about it goes with it.

use domain::{FactId, How, Money, ShopId, Tender, Timestamp};
use tests::copies::{all_agree, imaged, name_of, told};
use tests::tills::is_whole;
use tests::world::{Replica, World, asha, code, exchange, kes, of, sell};
use till::{Folder, SaleFilter, TillError};
fn meet(world: &World, one: &Replica, other: &Replica) {
    one.meet(&world.wifi(other), None, world.now()).unwrap();
}

/// A till, the image of its disk that knows of nothing, a sibling and head office; all know each other.
fn imaged_shop(world: &World) -> (ShopId, [Replica; 3], Replica) {
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    sell(&a, 1, world.now());
    exchange(world, &[&a, &b, &office]);
    let image = world.open(imaged(&a, "image"));
    (shop, [a, image, b], office)
}

fn totals(till: &Replica, shop: &ShopId) -> Vec<Money> {
    let sales = till.sales(shop, SaleFilter::All, None, 100).unwrap();
    let mut totals: Vec<Money> = sales.into_iter().map(|sale| sale.total).collect();
    totals.sort();
    totals
}

#[test]
fn what_a_copy_told_a_sibling_before_it_knew_counts_once() {
    let world = World::new();
    let (shop, [a, image, b], office) = imaged_shop(&world);
    let receipt = sell(&image, 10, world.now());
    sell(&image, 20, world.now());
    meet(&world, &image, &b);
    world.pass(60);
    // As many entries, so that no number tells.
    sell(&a, 700, world.now());
    sell(&a, 800, world.now());
    a.sync(world.now()).unwrap();
    assert_eq!(totals(&b, &shop), [kes(1), kes(10), kes(20)]);
    world.pass(3600);
    b.sync(world.now()).unwrap();
    assert_eq!(
        totals(&b, &shop),
        [kes(1), kes(700), kes(800)],
        "the cloud's journal is the one of that name"
    );
    let aside = told(&b);
    assert!(aside.contains("the sale A2 of 10.00") && aside.contains("make the sale again"));
    assert_eq!(b.verify(&shop).unwrap(), Vec::<String>::new());
    is_whole(&b.path);
    // Its copy is told it once more, and takes none of it back.
    meet(&world, &image, &b);
    assert_eq!(totals(&b, &shop), [kes(1), kes(700), kes(800)]);
    image.sync(world.now()).unwrap();
    all_agree(&world, &shop, &[&a, &image, &b, &office], &[1, 10, 20, 700, 800]);
    assert!(!told(&b).contains("make the sale again"), "{}", told(&b));
    let now = b.find_sale(&format!("{}-1", name_of(&image))).unwrap();
    assert_eq!((now.formerly, now.total), (Some(receipt), kes(10)));
}

#[test]
fn a_new_life_is_a_stranger_until_the_cloud_tells_of_it_and_then_counts_nothing_twice() {
    let world = World::new();
    let (shop, [a, image, b], office) = imaged_shop(&world);
    sell(&image, 10, world.now());
    meet(&world, &image, &b);
    world.pass(60);
    sell(&a, 700, world.now());
    a.sync(world.now()).unwrap();
    image.sync(world.now()).unwrap();
    // Who is a sibling the cloud says, so a new life is a stranger until it did.
    assert!(image.meet(&world.wifi(&b), None, world.now()).is_err());
    assert_eq!(totals(&b, &shop), [kes(1), kes(10)]);
    all_agree(&world, &shop, &[&b, &a, &image, &office], &[1, 10, 700]);
    assert!(!told(&b).contains("make the sale again"), "{}", told(&b));
}

#[test]
fn a_sibling_that_brings_the_cloud_what_a_copy_sold_makes_the_other_begin_a_new_life() {
    let world = World::new();
    let (shop, [a, image, b], office) = imaged_shop(&world);
    sell(&image, 10, world.now());
    meet(&world, &image, &b);
    world.pass(60);
    sell(&a, 700, world.now());
    b.sync(world.now()).unwrap();
    world.pass(60);
    assert_eq!(b.sync(world.now()).unwrap().carried, 1);
    a.sync(world.now()).unwrap();
    assert_eq!(name_of(&a), format!("{}.1", name_of(&image)));
    all_agree(&world, &shop, &[&a, &image, &b, &office], &[1, 10, 700]);
}

#[test]
fn what_only_a_sibling_has_of_a_till_that_never_comes_back_is_kept_and_told() {
    let world = World::new();
    let (shop, [a, image, b], office) = imaged_shop(&world);
    sell(&image, 10, world.now());
    meet(&world, &image, &b);
    drop(image);
    world.pass(60);
    sell(&a, 700, world.now());
    all_agree(&world, &shop, &[&a, &b, &office], &[1, 700]);
    let lost = "the sale A2 of 10.00 that Asha made";
    assert!(told(&b).contains(lost), "{}", told(&b));
    let path = b.path.clone();
    drop(b);
    let reset = Folder::at(&path).unwrap().reset(world.now());
    assert!(matches!(&reset, Err(TillError::Refused(why)) if why.contains("nowhere else")), "{reset:?}");
    assert!(told(&world.open(path)).contains(lost));
}

/// The sale that was printed under this name by a till that wrote it again.
fn again(till: &Replica, former: FactId) -> till::SaleRow {
    let mut sales = till.sales(&till.shops().unwrap()[0].id, SaleFilter::All, None, 99).unwrap();
    sales.retain(|sale| sale.formerly == Some(former));
    assert_eq!(sales.len(), 1, "{former} came back once");
    sales.remove(0)
}

#[test]
fn what_a_sibling_claimed_for_a_copys_sale_settles_that_sale_under_its_new_name_and_no_other() {
    let world = World::new();
    let (shop, [a, image, b], office) = imaged_shop(&world);
    let sold = image.sell(of(250, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    for shillings in [10, 20] {
        sell(&image, shillings, world.now());
    }
    meet(&world, &image, &b);
    let receipt = code("UKL4AB12CD");
    b.claim(sold.id, (receipt.clone(), How::Typed), &asha(), world.now()).unwrap();
    world.pass(60);
    let theirs = a.sell(of(300, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    assert_eq!(theirs.id, sold.id);
    a.sync(world.now()).unwrap();
    world.pay("UKL4AB12CD", "123456", 250, "");
    world.pass(3600);
    // One sync, and the till that typed the code is heard of no more.
    b.sync(world.now()).unwrap();
    let lost = b.path.clone();
    drop(b);
    for till in [&office, &a] {
        till.sync(world.now()).unwrap();
        assert_eq!(till.sale(theirs.id).unwrap().state.name(), "open", "nobody paid for it");
        let held = till.payment(&shop, &receipt).unwrap().unwrap();
        assert_eq!((held.sale, held.held_for.map(|(sale, _)| sale)), (None, Some(sold.cited())));
        assert_eq!(till.held_payments(&shop, 9).unwrap(), [held]);
        let taken = till.claim(theirs.id, (receipt.clone(), How::Picked), &asha(), world.now());
        assert!(
            matches!(taken, Err(TillError::Held(name, at)) if (name, at) == (sold.id, sold.at)),
            "{taken:?}"
        );
    }
    image.sync(world.now()).unwrap();
    let b = world.open(lost);
    all_agree(&world, &shop, &[&image, &a, &b, &office], &[1, 10, 20, 250, 300]);
    for till in [&image, &a, &b, &office] {
        let again = again(till, sold.id);
        assert_eq!((again.state.name(), again.paid), ("paid", kes(250)));
        assert_eq!(till.payment(&shop, &receipt).unwrap().unwrap().sale, Some(again.id));
        assert_eq!(till.sale(theirs.id).unwrap().state.name(), "open");
        assert!(till.held_payments(&shop, 9).unwrap().is_empty());
    }
}

#[test]
fn a_claim_for_a_sale_that_never_comes_back_can_be_released() {
    let world = World::new();
    let (shop, [a, image, b], office) = imaged_shop(&world);
    let sold = image.sell(of(250, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    meet(&world, &image, &b);
    drop(image);
    let receipt = code("UKL4AB12CD");
    b.claim(sold.id, (receipt.clone(), How::Typed), &asha(), world.now()).unwrap();
    world.pass(60);
    let theirs = a.sell(of(250, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    a.sync(world.now()).unwrap();
    world.pay("UKL4AB12CD", "123456", 250, "");
    exchange(&world, &[&b, &a, &office]);
    let (_, claim) = office.payment(&shop, &receipt).unwrap().unwrap().held_for.unwrap();
    assert_eq!(office.release(claim, "that till was stolen", &asha(), world.now()).unwrap(), None);
    exchange(&world, &[&office, &a, &b]);
    a.claim(theirs.id, (receipt, How::Picked), &asha(), world.now()).unwrap();
    all_agree(&world, &shop, &[&a, &b, &office], &[1, 250]);
    assert_eq!(office.sale(theirs.id).unwrap().state.name(), "paid");
}

#[test]
fn cash_taken_and_a_cancellation_for_a_copys_sales_go_with_them_to_their_new_names() {
    let world = World::new();
    let (shop, [a, image, b], office) = imaged_shop(&world);
    let [paid, gone] =
        [(); 2].map(|()| image.sell(of(250, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale.id);
    meet(&world, &image, &b);
    b.take_cash(paid, None, &asha(), world.now(), None).unwrap();
    b.void(gone, "changed her mind", &asha(), world.now()).unwrap();
    b.printed(paid, &asha(), world.now(), None).unwrap();
    world.pass(60);
    for _ in 0..2 {
        a.sell(of(300, Tender::Mpesa), &asha(), world.now(), None).unwrap();
    }
    a.take_cash(gone, None, &asha(), world.now(), None).unwrap();
    a.sync(world.now()).unwrap();
    world.pass(60);
    for till in [&b, &office] {
        till.sync(world.now()).unwrap();
        let stands = [paid, gone].map(|sale| till.sale(sale).unwrap().state.name());
        assert_eq!(
            stands,
            ["open", "paid"],
            "nothing was said about the cloud's sales but by their own till"
        );
        assert_eq!(till.sale(paid).unwrap().printed, None);
    }
    all_agree(&world, &shop, &[&image, &a, &b, &office], &[1, 250, 250, 300, 300]);
    for till in [&image, &a, &b, &office] {
        let (paid, gone) = (again(till, paid), again(till, gone));
        assert_eq!((paid.state.name(), gone.state.name()), ("paid", "voided"));
        assert!(paid.printed.is_some() && gone.printed.is_none());
    }
}

fn sugar() -> domain::ProductId {
    domain::ProductId::parse("sugar").unwrap()
}

fn sell_sugar(till: &Replica, kilos: &str, now: Timestamp) {
    let quantity = domain::Quantity::parse(kilos).unwrap();
    let line = domain::Line::new("Sugar", quantity, kes(100)).unwrap().of(sugar());
    let sale = domain::Sale::new(vec![line.clone()], line.amount, Tender::Cash, None).unwrap();
    till.sell(sale, &asha(), now, None).unwrap();
}

fn count_sugar(till: &Replica, shop: &ShopId, kilos: &str, now: Timestamp) {
    let counted = [(sugar(), domain::Level::parse_counted(kilos).unwrap())].into();
    till.count_goods(shop, &counted, "", &asha(), now, None).unwrap();
}

fn levels(tills: &[&Replica], shop: &ShopId) -> Vec<String> {
    let level = |till: &&Replica| till.stock(shop, false).unwrap()[0].level.to_string();
    tills.iter().map(level).collect()
}

#[test]
fn a_count_that_knew_of_a_copys_sales_has_them_once_under_whatever_name_they_come() {
    let world = World::new();
    let (shop, [a, image, b], office) = imaged_shop(&world);
    let twenty = vec![(sugar(), domain::Quantity::parse("20").unwrap())];
    let came = domain::StockMove::moved(domain::Why::Received, "", twenty).unwrap();
    b.move_goods(&shop, came, &asha(), world.now(), None).unwrap();
    exchange(&world, &[&b, &office]);
    sell_sugar(&image, "4", world.now());
    sell_sugar(&image, "3", world.now());
    meet(&world, &image, &b);
    assert_eq!(levels(&[&b], &shop), ["13"]);
    count_sugar(&b, &shop, "12", world.now());
    world.pass(60);
    sell_sugar(&a, "1", world.now());
    for till in [&a, &b, &office, &a] {
        till.sync(world.now()).unwrap();
    }
    // Nobody but their till can bring them again; what was counted without them is there until then.
    assert_eq!(levels(&[&a, &b, &office], &shop), ["18"; 3]);
    image.sync(world.now()).unwrap();
    exchange(&world, &[&a, &b, &image, &office]);
    assert_eq!(levels(&[&a, &b, &image, &office], &shop), ["11"; 4]);
    let all: Vec<Money> = totals(&office, &shop);
    let all: Vec<u32> = all.iter().map(|total| u32::try_from(total.cents() / 100).unwrap()).collect();
    all_agree(&world, &shop, &[&a, &b, &image, &office], &all);
}

#[test]
fn a_count_of_a_copys_own_stands_and_is_replaced_under_its_new_name() {
    let world = World::new();
    let (shop, [a, image, b], office) = imaged_shop(&world);
    count_sugar(&image, &shop, "30", world.now());
    sell_sugar(&image, "2", world.now());
    world.pass(60);
    count_sugar(&image, &shop, "27", world.now());
    meet(&world, &image, &b);
    world.pass(60);
    // It has heard of the copy's counts, and its clock is behind theirs.
    count_sugar(&b, &shop, "26", world.now().plus_millis(-7_200_000));
    sell_sugar(&b, "1", world.now());
    for shillings in [10, 20, 30] {
        sell(&a, shillings, world.now());
    }
    a.sync(world.now()).unwrap();
    all_agree(&world, &shop, &[&a, &b, &image, &office], &[1, 10, 20, 30, 100, 200]);
    assert_eq!(levels(&[&a, &b, &image, &office], &shop), ["25"; 4]);
}

/// In which order tills meet, and reach the cloud, decides nothing.
#[test]
fn however_a_till_its_image_and_their_siblings_meet_all_of_them_end_with_the_same() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new();
        let (shop, [a, image, b], office) = imaged_shop(&world);
        let c = world.till(&shop, "Yard");
        exchange(&world, &[&c, &b, &a]);
        let tills = [&a, &image, &b, &c];
        let set = |till: &Replica, shillings: u32| {
            let id = domain::ProductId::parse(["bread", "milk"][shillings as usize % 2]).unwrap();
            let product = domain::Product::new(id, "Bread", kes(shillings)).unwrap();
            till.set(&shop, &domain::Item::Product(product), &asha(), world.now()).unwrap();
        };
        let mut sold = vec![1];
        for step in 2..40 {
            world.pass(random.i64(1..100));
            let one = tills[random.usize(..4)];
            match random.u8(..10) {
                0 | 1 => {
                    let tender = [Tender::Cash, Tender::Mpesa][random.usize(..2)];
                    one.sell(of(step, tender), &asha(), world.now(), None).unwrap();
                    sold.push(step);
                }
                2 => set(one, step),
                // Anybody takes cash for what anybody sold: what is owed for just that sale.
                8 | 9 => {
                    let open = one.sales(&shop, SaleFilter::Open, None, 9).unwrap();
                    if !open.is_empty() {
                        one.take_cash(open[random.usize(..open.len())].id, None, &asha(), world.now(), None)
                            .unwrap();
                    }
                }
                3 | 4 => drop(one.sync(world.now()).unwrap()),
                // Strangers, or the other of the two that are one: nobody to meet.
                _ => drop(one.meet(&world.wifi(tills[random.usize(..4)]), None, world.now())),
            }
        }
        println!("seed {seed}");
        all_agree(&world, &shop, &[&a, &image, &b, &c, &office], &sold);
        for till in [&a, &image, &b, &c] {
            assert!(!told(till).contains("make the sale again"), "{}", told(till));
            for sale in till.sales(&shop, SaleFilter::All, None, 99).unwrap() {
                let whole = sale.paid == Money::ZERO || sale.paid.cents() % sale.total.cents() == 0;
                assert!(whole, "{} has cash of another sale: {}", sale.id, sale.paid);
            }
        }
    }
}
