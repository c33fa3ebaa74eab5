//! The journals of tills.

use super::{RACERS, Step, Writer, append, duka, shop_id};
use domain::{Actor, TillId};
use replica::{Batch, Head};
use service::Store;
use service::store::MAX_JOINED;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The cloud's copy of a journal grows batch by batch.
pub async fn a_journal_starts_at_its_genesis_and_moves_with_each_batch<S: Store>(store: S) {
    let mut till = Writer::new(&duka(), "7");
    assert_eq!(store.head(&duka(), till.actor).await, Ok(till.head));
    for changes in [3, 1, 2] {
        let step = till.write(changes, 40);
        assert!(append(&store, &duka(), &step).await);
        assert_eq!(store.head(&duka(), till.actor).await, Ok(step.after));
        assert!(!append(&store, &duka(), &step).await, "the same batch again");
    }
    assert_eq!(till.head.number, 6);
}

/// A gap or a fork changes nothing.
pub async fn a_batch_that_does_not_follow_the_end_is_not_taken<S: Store>(store: S) {
    let mut till = Writer::new(&duka(), "7");
    let mut forked = till.fork();
    let (first, second, third) = (till.write(1, 40), till.write(1, 40), till.write(1, 40));
    assert!(!append(&store, &duka(), &second).await, "a gap at the start");
    assert!(append(&store, &duka(), &first).await);
    assert!(!append(&store, &duka(), &third).await, "a gap");
    let (_, fork) = (forked.write(1, 41), forked.write(1, 41));
    assert_eq!(fork.before.number, second.before.number);
    assert!(!append(&store, &duka(), &fork).await, "a fork");
    assert!(append(&store, &duka(), &second).await);
    assert!(append(&store, &duka(), &third).await);
    let kept = store.batches(&duka(), till.actor, 0, 1_000_000).await.unwrap();
    assert_eq!(kept, [first.batch, second.batch, third.batch]);
}

/// A till that is cut off asks again while its first request is still on the way.
pub async fn of_batches_that_race_for_a_place_one_is_taken<S: Store>(store: S) {
    let mut till = Writer::new(&duka(), "7");
    assert!(append(&store, &duka(), &till.write(1, 40)).await);
    let forks: Vec<Step> = (0..RACERS).map(|racer| till.fork().write(1, 40 + racer as usize)).collect();
    let (store, raced) = (Arc::new(store), Arc::new(forks.clone()));
    let mut racers = JoinSet::new();
    for racer in 0..forks.len() {
        let (store, steps) = (store.clone(), raced.clone());
        racers.spawn(async move { (append(&*store, &duka(), &steps[racer]).await, racer) });
    }
    let winners: Vec<usize> = racers.join_all().await.into_iter().filter(|r| r.0).map(|r| r.1).collect();
    let [winner] = winners[..] else { unreachable!("{winners:?} were taken") };
    assert_eq!(store.head(&duka(), till.actor).await, Ok(forks[winner].after));
    let kept = store.batches(&duka(), till.actor, 1, 1_000_000).await.unwrap();
    assert_eq!(kept, [forks[winner].batch.clone()]);
}

/// A page has as much as fits, but goes on even where nothing fits.
pub async fn batches_come_in_order_and_in_pages_of_bytes<S: Store>(store: S) {
    let mut till = Writer::new(&duka(), "7");
    let mut batches = Vec::new();
    for changes in 1..=12 {
        let step = till.write(changes, 100);
        assert!(append(&store, &duka(), &step).await);
        batches.push(step.batch);
    }
    let large = till.write(4, 60_000);
    assert!(append(&store, &duka(), &large).await);
    batches.push(large.batch);
    let read = async |after, max_bytes| store.batches(&duka(), till.actor, after, max_bytes).await.unwrap();
    assert_eq!(read(0, 10_000_000).await, batches);
    assert_eq!(read(6, 10_000_000).await, batches[3..], "after the third batch, which ends in 6");
    assert_eq!(read(4, 10_000_000).await, batches[2..], "from the middle of the third batch");
    assert_eq!(read(80, 1).await, batches[12..], "from the middle of the last");
    assert_eq!(read(0, 600).await, batches[..3], "100, 200 and 300 bytes fit");
    assert_eq!(read(0, 599).await, batches[..2]);
    assert_eq!(read(78, 1).await, batches[12..], "one at least");
    assert_eq!(read(82, 10_000_000).await, []);
    let stranger = Actor::first(TillId(70));
    assert_eq!(store.batches(&duka(), stranger, 0, 1000).await, Ok(vec![]));
}

/// One actor may write in several shops: one journal each.
pub async fn heads_are_those_of_one_shop<S: Store>(store: S) {
    assert_eq!(store.heads(&duka()).await, Ok(vec![]));
    let (here, there) = (duka(), shop_id("duka-mbili"));
    let mut heads: BTreeMap<Actor, Head> = BTreeMap::new();
    for actor in ["7", "7.1", "10"] {
        let mut till = Writer::new(&here, actor);
        for _ in 0..2 {
            assert!(append(&store, &here, &till.write(2, 40)).await);
        }
        heads.insert(till.actor, till.head);
    }
    let mut office = Writer::new(&there, "10");
    assert!(append(&store, &there, &office.write(1, 40)).await);
    assert_eq!(store.heads(&here).await.unwrap().into_iter().collect::<BTreeMap<_, _>>(), heads);
    assert_eq!(store.heads(&there).await, Ok(vec![(office.actor, office.head)]));
}

/// A joined batch takes the place of its parts, for readers at their end, in the middle and at the start.
pub async fn joined_batches_take_the_place_of_their_parts<S: Store>(store: S) {
    let mut till = Writer::new(&duka(), "7");
    let start = till.head;
    let steps: Vec<Step> = [1, 2, 1, 3, 1].map(|changes| till.write(changes, 40)).into();
    for step in &steps {
        assert!(append(&store, &duka(), step).await);
    }
    let parts: Vec<Batch> = steps[..4].iter().map(|step| step.batch.clone()).collect();
    let joined = Batch::join(&parts, start.chain).unwrap();
    assert_eq!(store.join_batches(&duka(), &joined, &parts).await, Ok(true));
    let last = steps[4].batch.clone();
    let actor = till.actor;
    let read = async |after| store.batches(&duka(), actor, after, 1_000_000).await.unwrap();
    for inside in 0..7 {
        assert_eq!(read(inside).await, [joined.clone(), last.clone()], "after {inside}");
    }
    assert_eq!(read(7).await, std::slice::from_ref(&last));
    assert_eq!(read(8).await, []);
    assert_eq!(store.head(&duka(), till.actor).await, Ok(till.head), "the journal ends where it did");
    let next = till.write(1, 40);
    assert!(append(&store, &duka(), &next).await);
    assert_eq!(read(7).await, [last, next.batch]);
}

/// What is not there any more, or was joined before, is not joined again: somebody else was quicker.
pub async fn a_batch_is_joined_once<S: Store>(store: S) {
    let mut till = Writer::new(&duka(), "7");
    let start = till.head;
    let steps: Vec<Step> = (0..4).map(|_| till.write(1, 40)).collect();
    for step in &steps {
        assert!(append(&store, &duka(), step).await);
    }
    let parts: Vec<Batch> = steps.iter().map(|step| step.batch.clone()).collect();
    let joined = Batch::join(&parts[..3], start.chain).unwrap();
    assert_eq!(store.join_batches(&duka(), &joined, &parts[..3]).await, Ok(true));
    let alone = Batch::join(&parts[..1], start.chain).unwrap();
    let later = Batch::join(&parts[1..], steps[0].after.chain).unwrap();
    let again = Batch::join(&[joined.clone(), parts[3].clone()], start.chain).unwrap();
    assert_eq!(store.join_batches(&duka(), &joined, &parts[..3]).await, Ok(false), "again");
    assert_eq!(store.join_batches(&duka(), &alone, &parts[..1]).await, Ok(false), "a part of it");
    assert_eq!(store.join_batches(&duka(), &later, &parts[1..]).await, Ok(false), "parts that are gone");
    let with_joined = [joined.clone(), parts[3].clone()];
    assert_eq!(store.join_batches(&duka(), &again, &with_joined).await, Ok(false), "with a joined one");
    let kept = store.batches(&duka(), till.actor, 0, 1_000_000).await.unwrap();
    assert_eq!(kept, [joined, parts[3].clone()]);
}

/// As many as one transaction takes.
pub async fn many_batches_are_joined_at_once<S: Store>(store: S) {
    let mut till = Writer::new(&duka(), "7");
    let start = till.head;
    let mut parts = Vec::new();
    for _ in 0..MAX_JOINED {
        let step = till.write(1, 1000);
        assert!(append(&store, &duka(), &step).await);
        parts.push(step.batch);
    }
    let joined = Batch::join(&parts, start.chain).unwrap();
    assert_eq!(store.join_batches(&duka(), &joined, &parts).await, Ok(true));
    assert_eq!(store.batches(&duka(), till.actor, 50, 1).await, Ok(vec![joined]));
}

/// Two sweeps may run at once.
pub async fn of_joiners_that_race_one_joins<S: Store>(store: S) {
    let mut till = Writer::new(&duka(), "7");
    let start = till.head;
    let steps: Vec<Step> = (0..10).map(|_| till.write(1, 40)).collect();
    for step in &steps {
        assert!(append(&store, &duka(), step).await);
    }
    let parts: Arc<Vec<Batch>> = Arc::new(steps.iter().map(|step| step.batch.clone()).collect());
    let store = Arc::new(store);
    let mut racers = JoinSet::new();
    for racer in 0..RACERS as usize {
        let (store, parts) = (store.clone(), parts.clone());
        racers.spawn(async move {
            let mine = &parts[..=racer + 1];
            let joined = Batch::join(mine, start.chain).unwrap();
            store.join_batches(&duka(), &joined, mine).await.unwrap()
        });
    }
    let winners = racers.join_all().await.into_iter().filter(|joined| *joined).count();
    assert!(winners <= 1, "{winners} joined");
    let kept = store.batches(&duka(), till.actor, 0, 1_000_000).await.unwrap();
    let entries: usize = kept.iter().map(|batch| batch.items.len()).sum();
    assert_eq!((entries, kept[0].first, kept.last().unwrap().last()), (10, 1, 10), "nothing lost or doubled");
}

/// Who goes back through a journal.
pub async fn batches_before_a_number_come_newest_first_and_in_pages_of_bytes<S: Store>(store: S) {
    let mut till = Writer::new(&duka(), "7");
    let mut batches = Vec::new();
    for changes in 1..=4 {
        let step = till.write(changes, 100);
        assert!(append(&store, &duka(), &step).await);
        batches.insert(0, step.batch);
    }
    let read =
        async |before, max_bytes| store.batches_before(&duka(), till.actor, before, max_bytes).await.unwrap();
    assert_eq!(read(11, 1_000_000).await, batches);
    assert_eq!(read(u64::MAX >> 1, 1_000_000).await, batches);
    assert_eq!(read(7, 1_000_000).await, batches[1..], "the fourth begins with 7");
    assert_eq!(read(8, 700).await, batches[..2], "400 and 300 bytes fit");
    assert_eq!(read(8, 699).await, batches[..1]);
    assert_eq!(read(4, 1).await, batches[2..3], "one at least");
    assert_eq!(read(1, 1_000_000).await, []);
    assert_eq!(read(0, 1_000_000).await, []);
}
