//! Shops, and who may write for them.

use super::{RACERS, after, duka, number, race, shop_id};
use domain::{Account, Actor, Member, Money, Role, Shop, ShopId, ShopRules, TillId, Validation};
use service::Store;
use service::store::{Enrolment, Tokens};
use std::sync::Arc;

fn shop(id: &str, account: Account, store_number: Option<&str>) -> Shop {
    Shop::new(shop_id(id), "Duka Moja", account, store_number.map(number)).unwrap()
}

fn tokens(hashes: &[u8]) -> Tokens {
    Tokens { newest: 0, hashes: hashes.iter().map(|byte| [*byte; 32]).collect() }
}

/// A callback names the number paid to, or the store number above it, or carries a token.
pub async fn a_shop_is_found_by_its_numbers_and_tokens<S: Store>(store: S) {
    let duka = shop("duka-moja", Account::Till(number("123456")), Some("654321"));
    store.put_shop(&duka, &tokens(&[1, 2])).await.unwrap();
    assert_eq!(store.shop(&duka.id).await, Ok(Some(duka.clone())));
    for digits in ["123456", "654321"] {
        assert_eq!(store.shop_of_number(&number(digits)).await, Ok(Some(duka.id.clone())));
    }
    for hash in [[1; 32], [2; 32]] {
        assert_eq!(store.shop_of_token(&hash).await, Ok(Some(duka.id.clone())));
    }
    assert_eq!(store.shop(&shop_id("none")).await, Ok(None));
    assert_eq!(store.shop_of_number(&number("999999")).await, Ok(None));
    assert_eq!(store.shop_of_token(&[3; 32]).await, Ok(None));
}

/// A shop gets a new name, and numbers, one of which it may have twice. What led to it before leads
/// nowhere: a token that leaked must be worthless once it is replaced.
pub async fn a_changed_shop_reads_back_changed<S: Store>(store: S) {
    let before = shop("duka-moja", Account::Paybill(number("123456")), Some("654321"));
    let after = shop("duka-moja", Account::Till(number("654321")), Some("654321"));
    let after = Shop { name: "Duka Mpya".to_owned(), ..after };
    for (duka, hashes) in [(&before, [1, 2]), (&after, [2, 3])] {
        store.put_shop(duka, &tokens(&hashes)).await.unwrap();
        assert_eq!(store.shop(&duka.id).await, Ok(Some(duka.clone())));
    }
    assert_eq!(store.shops().await, Ok(vec![after]));
    assert_eq!(store.shop_of_number(&number("654321")).await, Ok(Some(duka())));
    assert_eq!(store.shop_of_number(&number("123456")).await, Ok(None));
    for (hash, leads_to) in [([1; 32], None), ([2; 32], Some(duka())), ([3; 32], Some(duka()))] {
        assert_eq!(store.shop_of_token(&hash).await, Ok(leads_to));
    }
}

/// Money must not change hands because somebody opened a shop with another's number.
pub async fn a_number_stays_with_the_shop_that_has_it<S: Store>(store: S) {
    let first = shop("duka-a", Account::Paybill(number("123456")), None);
    store.put_shop(&first, &tokens(&[1])).await.unwrap();
    let same_number = shop("duka-b", Account::Till(number("123456")), None);
    let same_store = shop("duka-b", Account::Till(number("222222")), Some("123456"));
    let same_token = shop("duka-b", Account::Till(number("222222")), None);
    for (second, hashes) in [(same_number, 2), (same_store, 2), (same_token, 1)] {
        assert!(store.put_shop(&second, &tokens(&[hashes])).await.is_err());
        assert_eq!(store.shop_of_number(&number("123456")).await, Ok(Some(first.id.clone())));
        assert_eq!(store.shop_of_token(&[1; 32]).await, Ok(Some(first.id.clone())));
        // Nothing of the other is there.
        assert_eq!(store.shop_of_number(&number("222222")).await, Ok(None));
        assert_eq!(store.shop_of_token(&[2; 32]).await, Ok(None));
        assert_eq!(store.shops().await, Ok(vec![first.clone()]));
    }
}

/// Two clerks open two shops with one number at the same moment.
pub async fn of_shops_that_race_for_a_number_one_gets_it<S: Store>(store: S) {
    let opened = race(store, async |store: Arc<S>, racer| {
        let shop = shop(&format!("duka-{racer}"), Account::Till(number("123456")), None);
        let opened = store.put_shop(&shop, &Tokens::default()).await.is_ok();
        (opened, shop.id, store)
    });
    let opened = opened.await;
    let winners: Vec<_> = opened.iter().filter(|(opened, ..)| *opened).collect();
    let [(_, winner, store)] = winners[..] else { unreachable!("{} got it", winners.len()) };
    assert_eq!(store.shop_of_number(&number("123456")).await, Ok(Some(winner.clone())));
    let shops = store.shops().await.unwrap();
    assert_eq!(shops.iter().map(|shop| &shop.id).collect::<Vec<_>>(), [winner]);
}

/// One organisation, many shops: its number belongs to all of them and leads to none.
pub async fn shops_may_have_one_head_office<S: Store>(store: S) {
    let office = number("500000");
    let mut opened = Vec::new();
    for (id, digits) in [("duka-a", "111111"), ("duka-b", "222222")] {
        let shop = shop(id, Account::Till(number(digits)), None);
        let shop = Shop { head_office: Some(office.clone()), ..shop };
        assert_eq!(store.put_shop(&shop, &Tokens::default()).await, Ok(()));
        assert_eq!(store.shop(&shop.id).await, Ok(Some(shop.clone())));
        opened.push(shop);
    }
    assert_eq!(store.shop_of_number(&office).await, Ok(None));
    // The organisation's own shop may have it as its own number.
    let own = shop("duka-c", Account::Paybill(office.clone()), None);
    assert_eq!(store.put_shop(&own, &Tokens::default()).await, Ok(()));
    assert_eq!(store.shop_of_number(&office).await, Ok(Some(own.id)));
    let without = Shop { head_office: None, ..opened[0].clone() };
    store.put_shop(&without, &Tokens::default()).await.unwrap();
    assert_eq!(store.shop(&without.id).await, Ok(Some(without)));
}

/// Validation is answered by these rules, and goods are handed out by them.
pub async fn what_a_shop_chose_reads_back<S: Store>(store: S) {
    let duka = shop("duka-moja", Account::Paybill(number("123456")), None);
    let rules = |validation, second_source_from: Option<i64>| ShopRules {
        validation,
        second_source_from: second_source_from.map(Money::from_cents),
        review_from: Money::from_cents(7_000_000),
    };
    for rules in [
        ShopRules::default(),
        rules(Validation::References, Some(0)),
        rules(Validation::Amounts, Some(500_000)),
        rules(Validation::AcceptAll, None),
    ] {
        let duka = Shop { rules, ..duka.clone() };
        store.put_shop(&duka, &Tokens::default()).await.unwrap();
        assert_eq!(store.shop(&duka.id).await, Ok(Some(duka.clone())));
        assert_eq!(store.shops().await, Ok(vec![duka]));
    }
}

/// Two tokens are valid while Safaricom learns a new address; then the old one goes.
pub async fn tokens_read_back_in_their_order<S: Store>(store: S) {
    let duka = shop("duka-moja", Account::Till(number("123456")), None);
    assert_eq!(store.tokens(&duka.id).await, Ok(None));
    for (newest, hashes) in [(0, &[9][..]), (1, &[9, 1]), (1, &[1]), (2, &[1, 5]), (3, &[])] {
        let tokens = Tokens { newest, ..tokens(hashes) };
        store.put_shop(&duka, &tokens).await.unwrap();
        assert_eq!(store.tokens(&duka.id).await, Ok(Some(tokens)));
        for hash in [9, 1, 5] {
            let leads_to = hashes.contains(&hash).then(|| duka.id.clone());
            assert_eq!(store.shop_of_token(&[hash; 32]).await, Ok(leads_to));
        }
    }
    assert_eq!(store.tokens(&shop_id("none")).await, Ok(None));
}

/// Head office sees them all.
pub async fn every_shop_is_listed<S: Store>(store: S) {
    assert_eq!(store.shops().await, Ok(vec![]));
    let a = shop("duka-a", Account::Paybill(number("111111")), None);
    let b = shop("duka-b", Account::Till(number("222222")), Some("333333"));
    for shop in [&b, &a] {
        store.put_shop(shop, &Tokens::default()).await.unwrap();
    }
    let mut shops = store.shops().await.unwrap();
    shops.sort_by_key(|shop| shop.id.clone());
    assert_eq!(shops, [a, b]);
}

fn enrolment(shop: Option<ShopId>) -> Enrolment {
    let role = if shop.is_some() { Role::Till } else { Role::Office };
    Enrolment { code_hash: [9; 32], shop, role, expires_at: after(60) }
}

/// A code that was used says nothing to the next who has it.
pub async fn a_code_enrols_once<S: Store>(store: S) {
    for enrolment in [enrolment(Some(duka())), enrolment(None)] {
        store.put_enrolment(&enrolment).await.unwrap();
        assert_eq!(store.take_enrolment(&[8; 32], after(0)).await, Ok(None));
        assert_eq!(store.take_enrolment(&[9; 32], after(59)).await, Ok(Some(enrolment)));
        assert_eq!(store.take_enrolment(&[9; 32], after(59)).await, Ok(None));
    }
}

/// A slip of paper that was forgotten opens nothing.
pub async fn a_code_is_not_good_after_it_expired<S: Store>(store: S) {
    store.put_enrolment(&enrolment(None)).await.unwrap();
    assert_eq!(store.take_enrolment(&[9; 32], after(61)).await, Ok(None));
}

/// Two people with one code: one of them enrols.
pub async fn of_callers_that_race_for_a_code_one_gets_it<S: Store>(store: S) {
    store.put_enrolment(&enrolment(Some(duka()))).await.unwrap();
    let taken = race(store, async |store: Arc<S>, _| store.take_enrolment(&[9; 32], after(0)).await.unwrap());
    assert_eq!(taken.await.iter().flatten().count(), 1);
}

/// Tills are numbered by it: 1, 2, 3 …, each counter for itself.
pub async fn a_counter_gives_every_number_once<S: Store>(store: S) {
    assert_eq!(store.next_number("letters of duka-moja").await, Ok(1));
    assert_eq!(store.next_number("letters of duka-moja").await, Ok(2));
    let numbers = race(store, async |store: Arc<S>, _| store.next_number("tills").await.unwrap());
    let mut numbers = numbers.await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=RACERS).collect::<Vec<_>>());
}

fn member(actor: Actor) -> Member {
    Member {
        actor,
        role: Role::Till,
        letter: "A".to_owned(),
        name: "Front counter".to_owned(),
        public_key: [7; 32],
        revoked: false,
    }
}

/// Every request of a till is judged by this.
pub async fn a_member_reads_back_and_can_be_revoked<S: Store>(store: S) {
    let till = member(Actor::first(TillId(7)));
    assert_eq!(store.member(till.actor).await, Ok(None));
    for till in [till.clone(), Member { revoked: true, ..till }] {
        store.put_member(&till, Some(&duka())).await.unwrap();
        assert_eq!(store.member(till.actor).await, Ok(Some((till, Some(duka())))));
    }
    let office = Member { role: Role::Office, letter: "HQ".to_owned(), ..member(Actor::first(TillId(8))) };
    store.put_member(&office, None).await.unwrap();
    assert_eq!(store.member(office.actor).await, Ok(Some((office, None))));
}

/// Another life of a till is another member.
pub async fn every_member_is_listed<S: Store>(store: S) {
    assert_eq!(store.members().await, Ok(vec![]));
    let actors = ["2", "2.1", "10"].map(|actor| actor.parse().unwrap());
    for actor in actors {
        store.put_member(&member(actor), Some(&duka())).await.unwrap();
        store.put_member(&member(actor), Some(&duka())).await.unwrap();
    }
    let mut members = store.members().await.unwrap();
    members.sort_by_key(|(member, _)| member.actor);
    assert_eq!(members, actors.map(|actor| (member(actor), Some(duka()))));
}

/// A till has to know its siblings, and nobody else's.
pub async fn the_members_of_a_shop_are_listed<S: Store>(store: S) {
    let of = async |shop: &str| {
        let mut found = store.members_of(&shop_id(shop)).await.unwrap();
        found.sort_by_key(|member| member.actor);
        found
    };
    assert_eq!(of("duka").await, []);
    let (one, two) = (member("2".parse().unwrap()), member("10.1".parse().unwrap()));
    // A shop whose name begins like another's is another shop.
    for (till, shop) in [(&two, "duka"), (&one, "duka"), (&member("3".parse().unwrap()), "duka-moja")] {
        store.put_member(till, Some(&shop_id(shop))).await.unwrap();
    }
    let office = Member { role: Role::Office, ..member("4".parse().unwrap()) };
    store.put_member(&office, None).await.unwrap();
    assert_eq!(of("duka").await, [one.clone(), two.clone()]);
    let revoked = Member { revoked: true, ..one };
    store.put_member(&revoked, Some(&shop_id("duka"))).await.unwrap();
    assert_eq!(of("duka").await, [revoked, two]);
    assert_eq!(store.members().await.unwrap().len(), 4);
}
