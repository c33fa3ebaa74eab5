//! Tills whose file is not the only one of its kind: restored from a backup, copied, copied again. No sale is
//! lost, none counts twice, nobody has to do anything, and every replica says the same.

use domain::{Cited, FactId, How, ShopId, Tender, Timestamp};
use serde_json::{Value, json};
use tests::copies::{all_agree, copied, imaged, name_of, restored, told};
use tests::world::{Replica, World, asha, code, exchange, kes, of, sell};
use till::{Deed, SaleFilter, TillError};
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
fn a_till_that_asks_for_lives_without_end_gets_so_many() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let ask = |life: u32| {
        let parted = hex::encode([life.to_be_bytes(); 8].concat());
        a.ask("POST", &format!("/v1/shops/{shop}/new-life"), &json!({ "parted": parted }), world.now())
    };
    assert!((1..=100).all(|life| ask(life).is_ok()));
    let spent = ask(101).unwrap_err().to_string();
    assert!(spent.contains("enrol a new one"), "{spent}");
    assert!(ask(7).is_ok(), "what was given stays given");
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
    clone.take_cash(cash.id, None, &asha(), world.now(), None).unwrap();
    let receipt = code("UKL4AB12CD");
    clone.claim(claimed.id, (receipt.clone(), How::Typed), &asha(), world.now()).unwrap();
    let claim = clone.claims(claimed.id).unwrap().remove(0).id;
    clone.release(claim, "typed wrong", &asha(), world.now()).unwrap();
    clone.claim(claimed.id, (receipt.clone(), How::Typed), &asha(), world.now()).unwrap();
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
        till.claim(sale, (code(receipt), How::Picked), &asha(), now).unwrap();
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
