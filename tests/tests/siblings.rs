//! Stories of the tills of one shop that carry each other's sales.

use domain::{Item, Product, ProductId, ShopId};
use replica::wire::sibling::SiblingMessage;
use replica::wire::{SyncAnswer, SyncRequest};
use replica::{Batch, Keypair, noise};
use std::net::SocketAddr;
use tests::tills::{acquainted, key_of, names, revoke, sealed};
use tests::world::{Replica, World, asha, exchange, kes, sell};
use till::{Folder, HttpSiblings, Met, SaleFilter, SiblingError, SiblingLine, TillError};

/// Syncs once, by hand.
fn send(by: &Replica, shop: &ShopId, request: &SyncRequest, world: &World) -> Result<SyncAnswer, String> {
    let credentials = Folder::at(&by.path).unwrap().credentials().unwrap();
    let path = format!("/v1/shops/{shop}/sync");
    let answer = credentials.ask(&by.line, "POST", &path, request.encode(), world.now());
    answer.map(|answer| SyncAnswer::decode(&answer).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn any_till_of_the_shop_brings_what_another_sold_and_nobody_else_does() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    let elsewhere = world.shop("kijiji", "paybill", "600638");
    let c = world.till(&elsewhere, "Counter");
    for shillings in 1..=3 {
        sell(&a, shillings, world.now());
    }
    let request = |key: &Keypair| SyncRequest { batch: Some(sealed(&a, &shop, key)), ..Default::default() };
    let honest = request(&key_of(&a));

    assert!(send(&c, &shop, &honest, &world).unwrap_err().contains("no such shop"));
    let refused = send(&c, &elsewhere, &honest, &world).unwrap();
    assert!(refused.refused.unwrap().contains("nobody in this shop"));
    let forged = send(&b, &shop, &request(&key_of(&b)), &world).unwrap();
    assert!(forged.refused.unwrap().contains("not signed"));
    assert_eq!(forged.taken.unwrap().number, 0);

    let brought = send(&b, &shop, &honest, &world).unwrap();
    assert_eq!((brought.taken.unwrap().number, brought.refused), (3, None));
    let again = send(&b, &shop, &honest, &world).unwrap();
    assert_eq!(
        again.taken.unwrap().number,
        3,
        "once more changes nothing, and the answer says where it ends"
    );
    exchange(&world, &[&office]);
    assert_eq!(office.sales(&shop, SaleFilter::All, None, 9).unwrap().len(), 3);
    // The till itself learns that all of it is there.
    a.sync(world.now()).unwrap();
    assert_eq!(a.status().unwrap().waiting, 0);
}

#[test]
fn what_a_revoked_till_wrote_is_taken_from_nobody() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    sell(&a, 1, world.now());
    revoke(&world, &a);
    let request = SyncRequest { batch: Some(sealed(&a, &shop, &key_of(&a))), ..Default::default() };
    let answer = send(&b, &shop, &request, &world).unwrap();
    assert!(answer.refused.unwrap().contains("revoked"));
}

#[test]
fn a_till_that_compares_everything_is_told_who_is_in_the_shop() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (a, b) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    world.till(&world.shop("kijiji", "paybill", "600638"), "Counter");
    sell(&a, 1, world.now());
    a.sync(world.now()).unwrap();
    revoke(&world, &a);
    let compare = SyncRequest { behind: true, ..SyncRequest::default() };
    let told = send(&b, &shop, &compare, &world).unwrap();
    let names: Vec<_> = told.members.iter().map(|member| (member.name.as_str(), member.revoked)).collect();
    assert_eq!(names, [("Front", true), ("Back", false)]);
    assert_eq!(told.ends.into_iter().collect::<Vec<_>>(), [(a.identity().actor, 1)]);

    let idle = SyncRequest { cursor: told.cursor, have: [(a.identity().actor, 1)].into(), ..compare };
    let told = send(&b, &shop, &SyncRequest { behind: false, ..idle }, &world).unwrap();
    assert_eq!((told.members, told.ends), (vec![], [].into()), "only then");
}

fn meet(world: &World, from: &Replica, to: &Replica) -> Met {
    from.meet(&world.wifi(to), None, world.now()).unwrap()
}

#[test]
fn tills_that_meet_have_each_others_sales_with_no_cloud_at_all() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = acquainted(&world, &shop);
    for till in [&a, &b] {
        till.offline(true);
    }
    for shillings in 1..=30 {
        world.pass(7);
        sell(&a, shillings, world.now());
        sell(&b, shillings, world.now());
    }
    let bread = Product::new(ProductId::parse("bread").unwrap(), "Bread", kes(60)).unwrap();
    b.set(&shop, &Item::Product(bread.clone()), &asha(), world.now()).unwrap();
    assert_eq!(b.siblings().unwrap()[0].last_contact, None);

    let met = meet(&world, &a, &b);
    assert_eq!((met.sibling.name.as_str(), met.sent, met.received), ("Back", 30, 31));
    assert_eq!((names(&a, &shop).len(), names(&a, &shop)), (60, names(&b, &shop)));
    assert_eq!(a.product(&shop, &bread.id).unwrap(), bread);
    for till in [&a, &b] {
        assert_eq!(till.verify(&shop).unwrap(), Vec::<String>::new());
        let told = &till.siblings().unwrap()[0];
        assert_eq!((told.last_contact, told.waiting), (Some(world.now()), 0));
        assert_eq!(
            till.status().unwrap().waiting,
            if std::ptr::eq(till, &a) { 30 } else { 31 },
            "not at the cloud"
        );
    }
    // Once more, either way, is one request and changes nothing.
    for (from, to) in [(&a, &b), (&b, &a)] {
        let again = meet(&world, from, to);
        assert_eq!((again.sent, again.received, again.rounds), (0, 0, 1));
    }
    sell(&a, 31, world.now());
    assert_eq!(a.siblings().unwrap()[0].waiting, 1);
}

#[test]
fn of_three_tills_in_a_row_the_last_one_brings_everything_to_head_office() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b, c] = acquainted(&world, &shop);
    let office = world.office();
    a.offline(true);
    b.offline(true);
    for shillings in 1..=5 {
        sell(&a, shillings, world.now());
    }
    sell(&b, 6, world.now());
    meet(&world, &a, &b);
    meet(&world, &b, &c);
    assert_eq!(names(&c, &shop).len(), 6);
    assert_eq!(c.sync(world.now()).unwrap().carried, 0, "a till with a line brings its own within seconds");
    world.pass(31);
    assert_eq!(c.sync(world.now()).unwrap().carried, 6);
    assert_eq!(c.sync(world.now()).unwrap().carried, 0);
    exchange(&world, &[&office]);
    assert_eq!(names(&office, &shop), names(&a, &shop));

    // When the others have a line again, nothing of it is sent once more.
    a.offline(false);
    let before = a.line.weather.lock().unwrap().bytes.0;
    a.sync(world.now()).unwrap();
    assert_eq!(a.status().unwrap().waiting, 0);
    assert!(a.line.weather.lock().unwrap().bytes.0 > before);
    // And a sibling that is told so carries nothing more for it.
    sell(&a, 7, world.now());
    a.sync(world.now()).unwrap();
    meet(&world, &a, &c);
    world.pass(60);
    assert_eq!(c.sync(world.now()).unwrap().carried, 0);
}

#[test]
fn what_the_cloud_does_not_take_from_one_till_is_told_and_stops_nobody_else() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b, c] = acquainted(&world, &shop);
    sell(&a, 1, world.now());
    sell(&b, 2, world.now());
    meet(&world, &a, &c);
    meet(&world, &b, &c);
    // The first is revoked before anybody brought what it sold.
    revoke(&world, &a);
    c.sync(world.now()).unwrap();
    world.pass(31);
    assert_eq!(c.sync(world.now()).unwrap().carried, 1);
    let told = c.status().unwrap().set_aside;
    assert!(told.len() == 1 && told[0].starts_with("entries of till A wait here"), "{told:?}");
    assert!(told[0].contains("revoked"), "{told:?}");
    assert_eq!(names(&c, &shop).len(), 2, "and it is kept");
    let before = c.line.weather.lock().unwrap().arrived;
    c.sync(world.now()).unwrap();
    assert_eq!(c.line.weather.lock().unwrap().arrived, before + 1, "it is not tried at every sync");
    // Nobody else has it: it is not put aside with this till, which knows by now that nobody will take it.
    world.pass(16 * 60);
    c.sync(world.now()).unwrap();
    let path = c.path.clone();
    drop(c);
    let refused = Folder::at(&path).unwrap().reset(world.now()).unwrap_err().to_string();
    assert!(refused.contains("1 entries of till A Front are nowhere else: nothing was moved"), "{refused}");
    assert!(refused.contains("revoked") && refused.contains("never delete it"), "{refused}");
}

#[test]
fn a_till_that_was_away_for_a_month_catches_up_page_by_page_and_goes_on_where_it_broke() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = acquainted(&world, &shop);
    let line = domain::Line::new(&"Maize flour ".repeat(6), domain::Quantity::ONE, kes(1)).unwrap();
    let large = domain::Sale::new(vec![line; 5], kes(5), domain::Tender::Cash, None).unwrap();
    for n in 0..600 {
        world.pass(3600);
        b.sell(large.clone(), &asha(), world.now(), None).unwrap();
        if n % 50 == 0 {
            b.sync(world.now()).unwrap();
        }
    }
    a.offline(true);
    let wifi = world.wifi(&b);
    *wifi.left.lock().unwrap() = Some(2);
    assert!(a.meet(&wifi, None, world.now()).is_err());
    let first = names(&a, &shop).len();
    assert!(0 < first && first < 600, "{first}");
    sell(&a, 9, world.now());
    *wifi.left.lock().unwrap() = None;
    let met = a.meet(&wifi, None, world.now()).unwrap();
    assert_eq!((met.sent, met.received as usize), (1, 600 - first));
    assert!(met.rounds > 5, "{}", met.rounds);
    let largest = wifi.heard.lock().unwrap().iter().map(Vec::len).max().unwrap();
    assert!(largest < 100_000, "{largest}");
    assert_eq!(names(&a, &shop), names(&b, &shop));
    assert_eq!(a.verify(&shop).unwrap(), Vec::<String>::new());
}

#[test]
fn a_till_of_another_shop_a_revoked_one_and_a_stranger_are_refused() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = acquainted(&world, &shop);
    let c = world.till(&world.shop("kijiji", "paybill", "600638"), "Counter");
    sell(&b, 1, world.now());
    let refused = |from: &Replica| from.meet(&world.wifi(&b), None, world.now()).unwrap_err().to_string();
    assert!(refused(&c).contains("no till of this shop"));
    // It knows our keys from somewhere and asks all the same: nothing of it opens here.
    let theirs = ShopId::parse("kijiji").unwrap();
    let (sealed, _) = noise::ask(&key_of(&c), key_of(&b).public(), &theirs, [1; 32], b"hello").unwrap();
    assert!(matches!(
        b.answer_sibling(&sealed, world.now()),
        Err(TillError::Sibling(SiblingError::Another(_)))
    ));
    // Enrolled, but after our last sync: only the cloud vouches for it.
    let late = world.till(&shop, "Late");
    late.sync(world.now()).unwrap();
    assert!(refused(&late).contains("not known here"));
    world.pass(16 * 60);
    b.sync(world.now()).unwrap();
    assert_eq!(meet(&world, &late, &b).received, 1);

    revoke(&world, &a);
    assert_eq!(meet(&world, &a, &b).received, 1, "nobody has told yet");
    world.pass(16 * 60);
    b.sync(world.now()).unwrap();
    assert!(refused(&a).contains("revoked"));
    assert!(b.meet(&world.wifi(&a), Some(a.tag()), world.now()).is_err(), "nor is it asked");
    assert!(b.siblings().unwrap().iter().all(|told| told.sibling.name != "Front"));
}

/// What a till says, made by hand and sealed with its key.
fn said(from: &Replica, to: &Replica, shop: &ShopId, message: &SiblingMessage, seed: u8) -> Vec<u8> {
    noise::ask(&key_of(from), key_of(to).public(), shop, [seed; 32], &message.encode()).unwrap().0
}

fn saying(from: &Replica, batches: Vec<Batch>, world: &World) -> SiblingMessage {
    let from = from.identity().actor;
    SiblingMessage { from, at: world.now(), have: [].into(), sent: 0, batches, more: false }
}

#[test]
fn a_forged_batch_is_set_aside_and_what_comes_with_it_goes_on() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b, c] = acquainted(&world, &shop);
    sell(&a, 1, world.now());
    sell(&c, 2, world.now());
    let forged = sealed(&a, &shop, &key_of(&c));
    let message = saying(&c, vec![forged.clone(), sealed(&c, &shop, &key_of(&c))], &world);
    b.answer_sibling(&said(&c, &b, &shop, &message, 1), world.now()).unwrap();
    assert_eq!(names(&b, &shop).len(), 1);
    let aside = b.status().unwrap().set_aside;
    assert!(aside.len() == 1 && aside[0].contains("not signed"), "{aside:?}");
    // The same lie again, and a thousand like it, take no more room; the truth is taken all the same.
    for seed in 2..20 {
        let message = saying(&c, vec![Batch { signature: [seed; 64], ..forged.clone() }; 10], &world);
        b.answer_sibling(&said(&c, &b, &shop, &message, seed), world.now()).unwrap();
    }
    assert_eq!(b.status().unwrap().set_aside.len(), 1);
    meet(&world, &a, &b);
    assert_eq!(names(&b, &shop).len(), 2);

    // In another's name nobody speaks, and our own entries nobody tells us.
    let stolen = SiblingMessage { from: a.identity().actor, ..saying(&c, vec![], &world) };
    let refused = b.answer_sibling(&said(&c, &b, &shop, &stolen, 30), world.now()).unwrap_err();
    assert!(refused.to_string().contains("not known here"), "{refused}");
    let ours = saying(&c, vec![sealed(&a, &shop, &key_of(&a))], &world);
    a.answer_sibling(&said(&c, &a, &shop, &ours, 31), world.now()).unwrap();
    assert_eq!(a.verify(&shop).unwrap(), Vec::<String>::new());
}

#[test]
fn what_was_recorded_on_the_wifi_says_nothing_and_does_nothing() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b] = acquainted(&world, &shop);
    sell(&a, 1, world.now());
    sell(&b, 2, world.now());
    let wifi = world.wifi(&b);
    a.meet(&wifi, None, world.now()).unwrap();
    let heard = wifi.heard.lock().unwrap().clone();
    for message in &heard {
        assert!(!message.windows(5).any(|part| part == b"Goods" || part == b"mjini"), "it is sealed");
    }
    let before = (names(&b, &shop), b.siblings().unwrap());
    world.pass(3600);
    let said_before = b.answer_sibling(&heard[0], world.now()).unwrap_err();
    assert!(said_before.to_string().contains("said before"), "{said_before}");
    // After a restart it opens once more, brings what is known, and is no sign of life.
    let mut b = b;
    drop(wifi);
    b.restart();
    meet(&world, &a, &b);
    world.pass(3600);
    let _ = b.answer_sibling(&heard[0], world.now());
    assert_eq!((names(&b, &shop), b.siblings().unwrap()[0].waiting), (before.0, before.1[0].waiting));
    assert_eq!(b.siblings().unwrap()[0].last_contact, Some(world.now().plus_millis(-3_600_000)));
}

/// A till as its siblings reach it: over a socket.
fn served(world: &World, till: &Replica) -> SocketAddr {
    let router = app::lan_router(till.shared(), world.clock());
    world.wait(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    })
}

#[test]
fn over_a_real_socket_tills_meet_and_nonsense_is_turned_away() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let [a, b, c] = acquainted(&world, &shop);
    sell(&a, 1, world.now());
    let address = served(&world, &b);
    let http = HttpSiblings::new();
    let line = http.at(&address.to_string());
    // Whoever is thought to be there, the till that is there says who it is.
    for tag in [None, Some(c.tag()), Some(b.tag())] {
        assert_eq!(a.meet(&line, tag, world.now()).unwrap().tag, b.tag());
    }
    assert_eq!(names(&b, &shop).len(), 1);

    assert_eq!(line.carry(b"garbage"), Err(SiblingError::Another(b.tag())));
    assert_eq!(line.carry(&[]), Err(SiblingError::Another(b.tag())));
    assert_eq!(line.carry(&[1; 5000]), Err(SiblingError::Another(b.tag())));
    let too_much = line.carry(&vec![1; till::MAX_SEALED_BYTES + 1]);
    assert!(matches!(too_much, Err(SiblingError::Unreachable(_))), "{too_much:?}");
    let nobody = http.at("127.0.0.1:1").carry(b"hello");
    assert!(matches!(nobody, Err(SiblingError::Unreachable(_))), "{nobody:?}");
    // The address is for siblings only: nothing of the local API is there.
    let (status, _) = tests::process::http("GET", &format!("http://{address}/v1/status"), "");
    assert_eq!(status, 404);
    assert_eq!(names(&b, &shop).len(), 1);
}
