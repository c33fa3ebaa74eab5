//! Tills whose file is not the only one of its kind: restored from a backup, copied, copied again. No sale is
//! lost, none counts twice, nobody has to do anything, and every replica says the same.

use domain::{Cited, FactId, How, Money, ShopId, Tender, Timestamp};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use tests::world::{Replica, World, asha, code, exchange, kes, of, sell, verdicts};
use till::{Deed, Folder, SaleFilter, TillError, examine};

/// What a till's disk holds at this moment, laid down elsewhere.
fn copied(till: &Replica, name: &str) -> PathBuf {
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
fn imaged(till: &Replica, name: &str) -> PathBuf {
    let copy = copied(till, name);
    let ledger = copy.join("ledger.sqlite");
    let born = std::fs::metadata(&ledger).unwrap().created().unwrap().duration_since(UNIX_EPOCH).unwrap();
    let file = rusqlite::Connection::open(&ledger).unwrap();
    let changed = file.execute("UPDATE birth SET mark = ?", [format!("made {}", born.as_nanos())]);
    assert_eq!(changed, Ok(1));
    copy
}

/// A backup restored into a folder of its own, with the till's key.
fn restored(world: &World, till: &Replica, backup: &Path) -> Replica {
    let path = till.path.with_extension(format!("restored-{}", fastrand::u32(..)));
    let folder = Folder::at(&path).unwrap();
    std::fs::copy(till.path.join("till.key"), path.join("till.key")).unwrap();
    assert_eq!(folder.restore(backup, world.now()).unwrap(), None);
    world.open(path)
}

/// Every replica has these sales and no others, each says the same of all of them, and each ledger is whole.
fn all_agree(world: &World, shop: &ShopId, replicas: &[&Replica], shillings: &[u32]) {
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
        whole(replica);
    }
}

/// Pages, chains, signatures, and every computed row.
fn whole(replica: &Replica) {
    for check in examine(&replica.path.join("ledger.sqlite")).unwrap() {
        assert_eq!(check.faults, Vec::<String>::new(), "{} of {}", check.name, replica.path.display());
    }
}

fn told(till: &Replica) -> String {
    let status = till.status().unwrap();
    [status.set_aside, status.notices].concat().join("\n")
}

fn name_of(till: &Replica) -> String {
    till.identity().actor.to_string()
}

#[test]
fn one_parting_gets_one_life_however_often_it_is_asked_for() {
    let world = World::new();
    let (shop, other) = (world.shop("mjini", "till", "123456"), world.shop("pwani", "paybill", "600638"));
    let a = world.till(&shop, "Front");
    let _b = world.till(&shop, "Back");
    let ask = |shop: &ShopId, parted: &str| {
        a.ask("POST", &format!("/v1/shops/{shop}/new-life"), &json!({ "parted": parted }), world.now())
    };
    let (one, two) = ("11".repeat(32), "22".repeat(32));
    let first = ask(&shop, &one).unwrap();
    assert_eq!(first, json!({ "actor": format!("{}.1", name_of(&a)), "letter": "C" }));
    assert_eq!(ask(&shop, &one).unwrap(), first);
    assert_eq!(ask(&shop, &two).unwrap()["letter"], json!("D"));
    assert_eq!(ask(&shop, &one).unwrap(), first);
    assert!(ask(&other, &one).is_err(), "another shop's names are its own");
    for nonsense in ["", "11", "zz"] {
        assert!(ask(&shop, nonsense).is_err(), "{nonsense}");
    }
    assert!(matches!(first["actor"], Value::String(_)));
}

#[test]
fn a_backup_that_lags_behind_gets_back_what_it_sold_since_and_sells_on() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    let first = sell(&a, 1, world.now());
    a.sync(world.now()).unwrap();
    let backup = a.path.with_extension("backup");
    a.backup(&backup).unwrap();
    let lost = sell(&a, 2, world.now());
    sell(&a, 3, world.now());
    exchange(&world, &[&a, &b, &office]);
    // The disk dies. The backup sells before it has a line.
    let till = restored(&world, &a, &backup);
    assert!(told(&till).contains("restored from a backup"), "{}", told(&till));
    let offline = sell(&till, 4, world.now());
    assert_eq!((first.number, offline.number), (1, lost.number), "two sales have one name for now");
    all_agree(&world, &shop, &[&till, &b, &office], &[1, 2, 3, 4]);
    assert_eq!(name_of(&till), format!("{}.1", name_of(&a)));
    assert!(told(&till).contains("nothing was lost"), "{}", told(&till));
    assert_eq!(till.sale(lost).unwrap().total, kes(2), "the name is the one's that the cloud knows");
    sell(&till, 5, world.now());
    all_agree(&world, &shop, &[&office, &till, &b], &[1, 2, 3, 4, 5]);
}

#[test]
fn a_backup_with_unsent_sales_that_were_sent_after_all_counts_none_twice() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    sell(&a, 1, world.now());
    a.sync(world.now()).unwrap();
    sell(&a, 2, world.now());
    sell(&a, 3, world.now());
    let backup = a.path.with_extension("backup");
    a.backup(&backup).unwrap();
    sell(&a, 4, world.now());
    exchange(&world, &[&a, &office]);
    let till = restored(&world, &a, &backup);
    sell(&till, 5, world.now());
    all_agree(&world, &shop, &[&till, &office], &[1, 2, 3, 4, 5]);
}

#[test]
fn a_backup_with_unsent_sales_brings_them_when_nobody_else_has_them() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    let kept = sell(&a, 1, world.now());
    let backup = a.path.with_extension("backup");
    a.backup(&backup).unwrap();
    let till = restored(&world, &a, &backup);
    all_agree(&world, &shop, &[&till, &office], &[1]);
    assert_eq!(office.sale(kept).unwrap().total, kes(1), "under the name that its receipt has");
}

#[test]
fn a_copied_disk_becomes_another_till_and_the_true_till_stays_who_it_is() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    sell(&a, 1, world.now());
    a.sync(world.now()).unwrap();
    sell(&a, 2, world.now());
    let clone = world.open(copied(&a, "copy"));
    assert!(told(&clone).contains("copied"), "{}", told(&clone));
    sell(&a, 3, world.now());
    sell(&clone, 4, world.now());
    // The copy is quicker, and still the true till keeps its name.
    all_agree(&world, &shop, &[&clone, &a, &office], &[1, 2, 3, 4]);
    sell(&a, 5, world.now());
    sell(&clone, 6, world.now());
    all_agree(&world, &shop, &[&a, &clone, &office], &[1, 2, 3, 4, 5, 6]);
    assert_eq!(name_of(&clone), format!("{}.1", name_of(&a)));
    assert!(told(&clone).contains("till A became B, because"), "{}", told(&clone));
    assert_eq!(told(&a), "");
    let letters: Vec<String> = office.letters().unwrap().into_values().collect();
    assert!(letters.contains(&"A".to_owned()) && letters.contains(&"B".to_owned()), "{letters:?}");
}

#[test]
fn a_disk_image_that_nothing_tells_from_its_original_is_found_by_the_cloud() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    sell(&a, 1, world.now());
    a.sync(world.now()).unwrap();
    sell(&a, 2, world.now());
    let image = world.open(imaged(&a, "image"));
    assert_eq!(told(&image), "");
    for shillings in [3, 4] {
        sell(&a, shillings, world.now());
        sell(&image, shillings + 10, world.now());
    }
    all_agree(&world, &shop, &[&image, &a, &office], &[1, 2, 3, 4, 13, 14]);
    assert!(told(&a).contains("somebody else wrote under its name"), "{}", told(&a));
    sell(&a, 5, world.now());
    sell(&image, 15, world.now());
    all_agree(&world, &shop, &[&a, &image, &office], &[1, 2, 3, 4, 5, 13, 14, 15]);
}

#[test]
fn copies_of_copies_part_where_they_parted_and_count_nothing_twice() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new();
        let shop = world.shop("mjini", "till", "123456");
        let office = world.office();
        let mut tills = vec![world.till(&shop, "Front")];
        let (mut sold, mut next) = (Vec::new(), 1);
        for round in 0..14 {
            let which = random.usize(..tills.len());
            match random.u8(..6) {
                0 if tills.len() < 5 => {
                    let copy = if random.bool() { copied } else { imaged };
                    let path = copy(&tills[which], &format!("{round}"));
                    tills.push(world.open(path));
                }
                1 => drop(tills[which].sync(world.now()).unwrap()),
                _ => {
                    sell(&tills[which], next, world.now());
                    sold.push(next);
                    next += 1;
                }
            }
            world.pass(1);
        }
        let all: Vec<&Replica> = tills.iter().chain([&office]).collect();
        println!("seed {seed}: {} tills, {} sales", tills.len(), sold.len());
        all_agree(&world, &shop, &all, &sold);
    }
}

#[test]
fn a_new_life_that_is_cut_off_anywhere_begins_again_and_counts_nothing_twice() {
    for reached in 0..9 {
        for lost_answer in [false, true] {
            let world = World::new();
            let shop = world.shop("mjini", "till", "123456");
            let (a, office) = (world.till(&shop, "Front"), world.office());
            sell(&a, 1, world.now());
            a.sync(world.now()).unwrap();
            sell(&a, 2, world.now());
            let mut image = world.open(imaged(&a, "image"));
            sell(&a, 3, world.now());
            a.sync(world.now()).unwrap();
            sell(&image, 4, world.now());
            sell(&image, 5, world.now());
            {
                let mut weather = image.line.weather.lock().unwrap();
                weather.requests_left = Some(reached);
                if lost_answer {
                    weather.random = Some(fastrand::Rng::with_seed(reached));
                    weather.loss_percent = (0, 50);
                }
            }
            let cut = image.sync(world.now());
            *image.line.weather.lock().unwrap() = tests::world::Weather::default();
            if cut.is_err() {
                sell(&image, 6, world.now());
            } else {
                sell(&a, 6, world.now());
            }
            image.restart();
            all_agree(&world, &shop, &[&image, &a, &office], &[1, 2, 3, 4, 5, 6]);
        }
    }
}

#[test]
fn what_was_said_about_a_renamed_sale_is_said_about_it_still() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    sell(&a, 1, world.now());
    exchange(&world, &[&a, &b]);
    let clone = world.open(copied(&a, "copy"));
    let sold = |till: &Replica, shillings, request| {
        till.sell(of(shillings, Tender::Mpesa), &asha(), world.now(), Some(request)).unwrap().sale
    };
    let theirs = sold(&a, 700, "theirs");
    world.pass(1);
    // Without a line, the copy sells four times: one is paid in cash, one claimed, released and claimed again,
    // one cancelled.
    let (cash, claimed, void, open) = (
        sold(&clone, 10, "cash"),
        sold(&clone, 20, "claimed"),
        sold(&clone, 30, "void"),
        sold(&clone, 40, "open"),
    );
    assert_eq!(theirs.id, cash.id, "two sales with one name");
    clone.take_cash(cash.id, &asha(), world.now()).unwrap();
    let receipt = code("UKL4AB12CD");
    clone.claim(claimed.id, receipt.clone(), How::Typed, &asha(), world.now()).unwrap();
    let claim = clone.claims(claimed.id).unwrap().remove(0).id;
    clone.release(claim, "typed wrong", &asha(), world.now()).unwrap();
    clone.claim(claimed.id, receipt.clone(), How::Typed, &asha(), world.now()).unwrap();
    clone.void(void.id, "changed their mind", &asha(), world.now()).unwrap();
    let numbers = |till: &Replica, sale: FactId| till.sale(sale).unwrap().number;
    let seen = numbers(&clone, claimed.id);
    let printed = claimed.reference(&clone.letters().unwrap());
    world.pay("UKL4AB12CD", "123456", 20, "");
    all_agree(&world, &shop, &[&a, &clone, &b, &office], &[1, 700, 10, 20, 30, 40]);

    let letters = clone.letters().unwrap();
    let now = clone.find_sale(&claimed.id.to_string()).unwrap();
    assert_eq!((now.formerly, now.total, now.number), (Some(claimed.id), kes(20), seen));
    assert_eq!(now.reference(&letters), format!("C{}", now.id.number));
    assert_eq!(now.former_reference(&letters), Some(printed.clone()));
    for till in [&clone, &b, &office] {
        assert_eq!(till.find_sale(&printed).unwrap().id, now.id, "the receipt that was printed");
        let history = till.history_of_sale(now.id).unwrap();
        assert!(history.iter().any(|it| it.deed == Deed::FormerlyCalled(claimed.id)), "{history:?}");
        assert_eq!(till.sale(now.id).unwrap().state.name(), "paid");
        assert_eq!(till.holder(&shop, &receipt).unwrap(), Some(Cited::by_name(now.id)));
        let of = |sale: FactId| {
            let renamed = till.sales(&shop, SaleFilter::All, None, 100).unwrap().into_iter();
            renamed.filter(|row| row.formerly == Some(sale)).map(|row| row.state.name()).collect::<Vec<_>>()
        };
        assert_eq!((of(cash.id), of(void.id), of(open.id)), (vec!["paid"], vec!["voided"], vec!["open"]));
        assert_eq!(till.sale(theirs.id).unwrap().total, kes(700));
    }
    let again = clone.sell(of(20, Tender::Mpesa), &asha(), world.now(), Some("claimed")).unwrap();
    assert!(again.repeated && again.sale.id == now.id, "the request finds its sale under the new name");
}

#[test]
fn a_push_for_a_renamed_sale_is_answered_under_its_new_name() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    let image = world.open(imaged(&a, "image"));
    let phone = domain::Msisdn::parse_phone("0712345678").unwrap();
    let wanted = sell(&image, 250, world.now());
    let prompted = image.ask_for_payment(wanted, &phone, world.now()).unwrap();
    world.pass(1);
    let theirs = sell(&a, 250, world.now());
    assert_eq!(wanted, theirs);
    a.sync(world.now()).unwrap();
    let result = json!({ "Body": { "stkCallback": {
        "MerchantRequestID": prompted.merchant_request_id, "CheckoutRequestID": prompted.checkout_request_id,
        "ResultCode": 0, "ResultDesc": "ok", "CallbackMetadata": { "Item": [
            { "Name": "Amount", "Value": 250 }, { "Name": "MpesaReceiptNumber", "Value": "UKL4PUSHED" },
            { "Name": "TransactionDate", "Value": 20261121080010_i64 },
            { "Name": "PhoneNumber", "Value": 254712345678_i64 } ] } } } });
    image.sync(world.now()).unwrap();
    assert_eq!(world.post("/mpesa/callback", &result.to_string()).0, 200);
    all_agree(&world, &shop, &[&image, &a, &office], &[250, 250]);
    let renamed = image.find_sale("B1").unwrap();
    assert_eq!((renamed.formerly, renamed.state.name()), (Some(wanted), "paid"));
    assert_eq!(image.holder(&shop, &code("UKL4PUSHED")).unwrap(), Some(Cited::by_name(renamed.id)));
    assert_eq!(a.sale(theirs).unwrap().state.name(), "open", "another's money settles nothing here");
}

#[test]
fn a_copy_asks_no_phone_before_it_has_its_own_name() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let clone = world.open(copied(&a, "copy"));
    let sale = sell(&clone, 250, world.now());
    let phone = domain::Msisdn::parse_phone("0712345678").unwrap();
    let refused = clone.ask_for_payment(sale, &phone, world.now());
    assert!(matches!(&refused, Err(TillError::Refused(why)) if why.contains("another name")), "{refused:?}");
    clone.sync(world.now()).unwrap();
    let sale = clone.find_sale(&sale.to_string()).unwrap().id;
    assert!(clone.ask_for_payment(sale, &phone, world.now()).is_ok());
}

#[test]
fn head_office_that_was_restored_goes_on_as_well() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    let sale = sell(&a, 100, world.now());
    exchange(&world, &[&a, &office]);
    let copy = world.open(copied(&office, "copy"));
    let pay = |till: &Replica, receipt: &str, now: Timestamp| {
        till.claim(sale, code(receipt), How::Picked, &asha(), now).unwrap();
    };
    pay(&office, "UKL4AB12CD", world.now());
    world.pass(60);
    pay(&copy, "UKL4AB12CE", world.now());
    for receipt in ["UKL4AB12CD", "UKL4AB12CE"] {
        world.pay(receipt, "123456", 100, "");
    }
    all_agree(&world, &shop, &[&copy, &office, &a], &[100]);
    assert_eq!(office.claims(sale).unwrap().len(), 2, "both decided, and both are seen");
}

#[test]
fn what_a_copy_set_in_the_catalogue_is_set_again() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, office) = (world.till(&shop, "Front"), world.office());
    let set = |till: &Replica, id: &str, shillings| {
        let id = domain::ProductId::parse(id).unwrap();
        let product = domain::Product::new(id, "Bread", kes(shillings)).unwrap();
        till.set(&shop, &domain::Item::Product(product), &asha(), world.now()).unwrap();
    };
    set(&a, "bread", 60);
    exchange(&world, &[&a, &office]);
    let clone = world.open(copied(&a, "copy"));
    set(&clone, "bread", 65);
    set(&clone, "milk", 55);
    sell(&clone, 1, world.now());
    set(&a, "tea", 30);
    all_agree(&world, &shop, &[&clone, &a, &office], &[1]);
    for till in [&a, &clone, &office] {
        let price = |id: &str| till.product(&shop, &domain::ProductId::parse(id).unwrap()).unwrap().price;
        let prices = ["bread", "milk", "tea"].map(price);
        assert_eq!(prices, [kes(65), kes(55), kes(30)]);
    }
}

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
    whole(&b);
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
    b.claim(sold.id, receipt.clone(), How::Typed, &asha(), world.now()).unwrap();
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
        let taken = till.claim(theirs.id, receipt.clone(), How::Picked, &asha(), world.now());
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
    b.claim(sold.id, receipt.clone(), How::Typed, &asha(), world.now()).unwrap();
    world.pass(60);
    let theirs = a.sell(of(250, Tender::Mpesa), &asha(), world.now(), None).unwrap().sale;
    a.sync(world.now()).unwrap();
    world.pay("UKL4AB12CD", "123456", 250, "");
    exchange(&world, &[&b, &a, &office]);
    let (_, claim) = office.payment(&shop, &receipt).unwrap().unwrap().held_for.unwrap();
    assert_eq!(office.release(claim, "that till was stolen", &asha(), world.now()).unwrap(), None);
    exchange(&world, &[&office, &a, &b]);
    a.claim(theirs.id, receipt, How::Picked, &asha(), world.now()).unwrap();
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
    b.take_cash(paid, &asha(), world.now()).unwrap();
    b.void(gone, "changed her mind", &asha(), world.now()).unwrap();
    b.printed(paid, &asha(), world.now(), None).unwrap();
    world.pass(60);
    for _ in 0..2 {
        a.sell(of(300, Tender::Mpesa), &asha(), world.now(), None).unwrap();
    }
    a.take_cash(gone, &asha(), world.now()).unwrap();
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
                        one.take_cash(open[random.usize(..open.len())].id, &asha(), world.now()).unwrap();
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
