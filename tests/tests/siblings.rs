//! Stories of the tills of one shop that carry each other's sales.

use domain::{Member, ShopId};
use replica::wire::{SyncAnswer, SyncRequest};
use replica::{Batch, Keypair};
use service::Store;
use tests::world::{Replica, World, exchange, sell};
use till::Folder;

/// The key of a replica, out of its folder.
fn key_of(replica: &Replica) -> Keypair {
    let seed = hex::decode(std::fs::read_to_string(replica.path.join("till.key")).unwrap()).unwrap();
    Keypair::from_seed(&seed.try_into().unwrap())
}

/// The first entries of a till, sealed by some key.
fn sealed(replica: &Replica, shop: &ShopId, key: &Keypair) -> Batch {
    let ledger = ledger::Ledger::open(&replica.path.join("ledger.sqlite")).unwrap();
    let entries = ledger.entries_after(shop, replica.identity().actor, 0, 100).unwrap();
    Batch::seal(&entries, key).unwrap()
}

/// Syncs once, by hand.
fn send(by: &Replica, shop: &ShopId, request: &SyncRequest, world: &World) -> Result<SyncAnswer, String> {
    let credentials = Folder::at(&by.path).unwrap().credentials().unwrap();
    let path = format!("/v1/shops/{shop}/sync");
    let answer = credentials.ask(&by.line, "POST", &path, request.encode(), world.now());
    answer.map(|answer| SyncAnswer::decode(&answer).unwrap()).map_err(|error| error.to_string())
}

fn revoke(world: &World, replica: &Replica) {
    let (member, home) = world.wait(world.store.member(replica.identity().actor)).unwrap().unwrap();
    world.wait(world.store.put_member(&Member { revoked: true, ..member }, home.as_ref())).unwrap();
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
    assert_eq!(office.sales(&shop, till::SaleFilter::All, None, 9).unwrap().len(), 3);
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
