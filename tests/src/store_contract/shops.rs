//! Shops, and who may write for them.

use super::{RACERS, after, duka, number, race, shop_id};
use domain::{Account, Actor, Member, Role, Shop, ShopId, TillId};
use service::Store;
use service::store::Enrolment;
use std::sync::Arc;

fn shop(id: &str, account: Account, store_number: Option<&str>) -> Shop {
    Shop::new(shop_id(id), "Duka Moja", account, store_number.map(number)).unwrap()
}

/// A callback names the number paid to, or the store number above it, or carries a token.
pub async fn a_shop_is_found_by_its_numbers_and_tokens<S: Store>(store: S) {
    let duka = shop("duka-moja", Account::Till(number("123456")), Some("654321"));
    store.put_shop(&duka, &[[1; 32], [2; 32]]).await.unwrap();
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
    for (duka, tokens) in [(&before, [[1; 32], [2; 32]]), (&after, [[2; 32], [3; 32]])] {
        store.put_shop(duka, &tokens).await.unwrap();
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
    store.put_shop(&first, &[]).await.unwrap();
    let second = shop("duka-b", Account::Till(number("123456")), None);
    let refused = store.put_shop(&second, &[]).await;
    assert_eq!(store.shop_of_number(&number("123456")).await, Ok(Some(first.id)), "after {refused:?}");
}

/// Head office sees them all.
pub async fn every_shop_is_listed<S: Store>(store: S) {
    assert_eq!(store.shops().await, Ok(vec![]));
    let a = shop("duka-a", Account::Paybill(number("111111")), None);
    let b = shop("duka-b", Account::Till(number("222222")), Some("333333"));
    for shop in [&b, &a] {
        store.put_shop(shop, &[]).await.unwrap();
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
