//! Locks, and the small records that change.

use super::{after, duka, race, shop_id};
use service::Store;
use std::sync::Arc;

fn taken_by(holder: &str, until: i64) -> Option<(String, domain::Timestamp)> {
    Some((holder.to_owned(), after(until)))
}

/// A second prompt on one phone waits for the first.
pub async fn a_lock_is_held_by_one_until_it_is_let_go<S: Store>(store: S) {
    assert_eq!(store.hold("phone", "a", after(0), after(60)).await, Ok(None));
    assert_eq!(store.hold("phone", "b", after(1), after(61)).await, Ok(taken_by("a", 60)));
    assert_eq!(store.hold("sale", "b", after(1), after(61)).await, Ok(None), "another lock");
    assert_eq!(store.hold("phone", "a", after(2), after(90)).await, Ok(None), "its holder, again");
    assert_eq!(store.hold("phone", "b", after(70), after(130)).await, Ok(taken_by("a", 90)));
    assert_eq!(store.let_go("phone", "b").await, Ok(()), "it is not b's to give");
    assert_eq!(store.hold("phone", "b", after(71), after(131)).await, Ok(taken_by("a", 90)));
    for _ in 0..2 {
        assert_eq!(store.let_go("phone", "a").await, Ok(()));
    }
    assert_eq!(store.hold("phone", "b", after(72), after(132)).await, Ok(None));
    assert_eq!(store.let_go("phone", "a").await, Ok(()), "a has it no more");
    assert_eq!(store.hold("phone", "a", after(73), after(133)).await, Ok(taken_by("b", 132)));
}

/// Whoever was killed with a lock in hand stops nobody for long.
pub async fn a_lock_that_expired_is_free<S: Store>(store: S) {
    assert_eq!(store.hold("phone", "a", after(0), after(60)).await, Ok(None));
    assert_eq!(store.hold("phone", "b", after(59), after(119)).await, Ok(taken_by("a", 60)));
    assert_eq!(store.hold("phone", "b", after(60), after(120)).await, Ok(None), "held until then");
    assert_eq!(store.hold("phone", "a", after(61), after(121)).await, Ok(taken_by("b", 120)));
    assert_eq!(store.let_go("phone", "a").await, Ok(()), "it lost it");
    assert_eq!(store.hold("phone", "c", after(62), after(122)).await, Ok(taken_by("b", 120)));
}

/// Two tills, one customer: one prompt. The others hear who was quicker.
pub async fn of_callers_that_race_for_a_lock_one_gets_it<S: Store>(store: S) {
    race_for_a_lock(store, 0).await;
}

/// The same for a lock that somebody left behind.
pub async fn of_callers_that_race_for_an_expired_lock_one_gets_it<S: Store>(store: S) {
    store.hold("phone", "somebody", after(0), after(60)).await.unwrap();
    race_for_a_lock(store, 60).await;
}

async fn race_for_a_lock<S: Store>(store: S, now: i64) {
    let held = race(store, move |store: Arc<S>, racer| async move {
        let holder = racer.to_string();
        (store.hold("phone", &holder, after(now), after(now + 60)).await.unwrap(), holder)
    });
    let (winners, losers): (Vec<_>, Vec<_>) = held.await.into_iter().partition(|(held, _)| held.is_none());
    let [(_, winner)] = &winners[..] else { unreachable!("{winners:?} have it") };
    assert!(losers.iter().all(|(held, _)| *held == taken_by(winner, now + 60)), "{losers:?}");
}

/// How far something came, such as a pull: the last word counts.
pub async fn a_note_is_replaced_by_the_next_of_its_name<S: Store>(store: S) {
    assert_eq!(store.notes(&duka(), "").await, Ok(vec![]));
    for content in [&b"first"[..], b"", b"\x00\xff"] {
        assert_eq!(store.put_note(&duka(), "pulled", content).await, Ok(()));
        assert_eq!(store.notes(&duka(), "pulled").await, Ok(vec![("pulled".to_owned(), content.to_vec())]));
    }
}

/// Names are taken as they are: no character in them means anything.
pub async fn notes_are_listed_by_the_beginning_of_their_names<S: Store>(store: S) {
    let names = ["sale 7-2", "sale 7-10", "sale_7", "sal", "Sale 7", "sale 7%", "sale \u{1F600}", "t"];
    for name in names {
        store.put_note(&duka(), name, name.as_bytes()).await.unwrap();
    }
    store.put_note(&shop_id("duka-mbili"), "sale 7-1", b"").await.unwrap();
    let named = async |prefix: &str| {
        let notes = store.notes(&duka(), prefix).await.unwrap();
        assert!(notes.iter().all(|(name, content)| name.as_bytes() == content));
        notes.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(named("sale 7-").await, ["sale 7-10", "sale 7-2"]);
    assert_eq!(named("sale ").await, ["sale 7%", "sale 7-10", "sale 7-2", "sale \u{1F600}"]);
    assert_eq!(named("sale_").await, ["sale_7"]);
    assert_eq!(named("sale%").await, [""; 0]);
    let mut all = names.to_vec();
    all.sort_unstable();
    assert_eq!(named("").await, all);
}
