//! The fallback queue: what waited is filed, several at once and for as long as it may take, and leaves the queue only then.

use crate::pulled_until;
use domain::{ShopId, Source};
use embedded::EmbeddedStore;
use service::fallback::{FallbackError, Waiting};
use service::sweep::{AT_ONCE, Sweep, SweepReport};
use service::{CallbackToken, Fallback, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tests::faulty::Faulty;
use tests::world::{QuietSafaricom, World, app, confirmation};
use tokio::sync::Barrier;

/// A queue that gives ten at a time.
#[derive(Default)]
struct Queue {
    waiting: Mutex<BTreeMap<String, Vec<u8>>>,
    takes: AtomicUsize,
    /// What was given is not given again, as with SQS: else it is, as from a folder.
    hidden: Option<Mutex<BTreeSet<String>>>,
    /// Half a minute goes by with each take.
    hand: Option<Arc<AtomicI64>>,
    /// So many have to be filed at once, or none is done.
    meeting: Option<Barrier>,
    /// Whoever takes this off breaks off.
    poison: Option<String>,
    /// What has to lie somewhere before it is done.
    filed_first: Option<(EmbeddedStore, ShopId)>,
}

impl Fallback for Queue {
    async fn put(&self, _: &[u8]) -> Result<(), FallbackError> {
        Err(FallbackError("nobody puts here".to_owned()))
    }

    async fn take(&self) -> Result<Vec<Waiting>, FallbackError> {
        self.takes.fetch_add(1, Ordering::SeqCst);
        if let Some(hand) = &self.hand {
            hand.fetch_add(30_000, Ordering::SeqCst);
        }
        let waiting = self.waiting.lock().unwrap();
        let mut hidden = self.hidden.as_ref().map(|hidden| hidden.lock().unwrap());
        let shown =
            waiting.iter().filter(|(ticket, _)| !hidden.as_ref().is_some_and(|it| it.contains(*ticket)));
        let given =
            shown.take(10).map(|(ticket, it)| Waiting { ticket: ticket.clone(), content: it.clone() });
        let given: Vec<Waiting> = given.collect();
        if let Some(hidden) = &mut hidden {
            hidden.extend(given.iter().map(|waiting| waiting.ticket.clone()));
        }
        Ok(given)
    }

    async fn done(&self, ticket: &str) -> Result<(), FallbackError> {
        assert!(self.poison.as_deref() != Some(ticket), "this one breaks off");
        if let Some(meeting) = &self.meeting {
            meeting.wait().await;
        }
        if let Some((store, shop)) = &self.filed_first {
            let filed = store.feed_item(shop, (Source::C2bConfirmation.name(), ticket)).await;
            assert!(filed.unwrap().is_some(), "{ticket} is taken off and was not filed");
        }
        self.waiting.lock().unwrap().remove(ticket);
        Ok(())
    }
}

/// A shop and a queue in which so many of its confirmations wait, whose tickets are their receipts.
fn waiting<S: Store + Clone>(count: usize, world: &World<S, QuietSafaricom>) -> (ShopId, Queue) {
    let shop = world.shop("kijiji", "paybill", "600638");
    let content = |number: usize| {
        let receipt = format!("UKL4AB{number:04}");
        let body = hex::encode(confirmation(&receipt, "600638", "10.00", "", world.now()));
        let at = world.now().millis();
        let spilled =
            serde_json::json!({ "token": null, "timed_out": false, "received_at": at, "body": body });
        (receipt, spilled.to_string().into_bytes())
    };
    let waiting = Mutex::new((0..count).map(content).collect());
    (shop, Queue { waiting, ..Queue::default() })
}

fn sweep<S: Store + Clone>(world: &World<S, QuietSafaricom>, queue: &Arc<Queue>) -> SweepReport {
    let sweep = Arc::new(Sweep {
        store: Arc::new(world.store.clone()),
        safaricom: Arc::new(world.safaricom.clone()),
        fallback: Arc::clone(queue),
        app: Arc::new(app()),
        clock: world.clock(),
    });
    world.wait(sweep.run())
}

fn left(queue: &Queue) -> usize {
    queue.waiting.lock().unwrap().len()
}

#[test]
fn after_a_long_outage_a_run_files_what_it_has_time_for_and_pulls_all_the_same() {
    let world = World::new();
    let (shop, queue) = waiting(100, &world);
    let filed_first = Some((world.store.clone(), shop.clone()));
    let queue = Arc::new(Queue { hand: Some(world.hand()), filed_first, ..queue });
    // Five takes of ten come into three minutes, and what is taken after them is not begun.
    let over = "fallback queue: what still waits is left to the next sweep: the time was over";
    for (filed, failed) in [(50, &[over][..]), (50, &[]), (0, &[])] {
        let before = left(&queue);
        let report = sweep(&world, &queue);
        assert_eq!((report.redriven, before - left(&queue)), (filed, usize::try_from(filed).unwrap()));
        assert_eq!(report.failed, failed);
        assert_eq!(pulled_until(&world, &shop), Some(world.now()), "nobody's payments wait for that");
        world.pass(900);
    }
    let news = world.wait(world.store.news(&shop, &[])).unwrap();
    assert_eq!(news.items.len(), 100, "each is there once");
}

#[test]
fn what_waits_is_filed_side_by_side() {
    let world = World::new();
    let (_, queue) = waiting(AT_ONCE, &world);
    let queue = Arc::new(Queue { meeting: Some(Barrier::new(AT_ONCE)), ..queue });
    let report = sweep(&world, &queue);
    assert_eq!((report.redriven, report.failed), (AT_ONCE as u64, Vec::new()));
}

#[test]
fn a_store_that_is_down_is_asked_for_some_only_and_all_wait_on() {
    let world = World::with(|store, _| (Faulty::new(store, 0, 1), QuietSafaricom::default()));
    let (_, queue) = waiting(300, &world);
    let queue = Arc::new(Queue { hidden: Some(Mutex::default()), ..queue });
    let before = world.store.asked();
    world.store.set_percent(100);
    let report = sweep(&world, &queue);
    assert_eq!((report.redriven, left(&queue)), (0, 300));
    assert!(report.failed[0].starts_with("fallback queue: "), "{:?}", report.failed);
    let asked = world.store.asked() - before;
    assert!(asked < 30, "it was asked {asked} times");
    world.store.set_percent(0);
    queue.hidden.as_ref().unwrap().lock().unwrap().clear();
    let report = sweep(&world, &queue);
    assert_eq!((report.redriven, report.failed, left(&queue)), (300, Vec::new(), 0));
}

#[test]
fn one_that_the_store_does_not_take_and_one_that_breaks_off_wait_on_and_stop_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::at(folder.path());
    let (_, queue) = waiting(40, &world);
    // The feed has something under the name of one of them that nobody can read.
    let body = confirmation("UKL4AB0007", "600638", "99.00", "", world.now());
    world.post("/mpesa/c2b/confirmation", &body);
    let file = rusqlite::Connection::open(folder.path().join("hub.sqlite")).unwrap();
    assert_eq!(file.execute("UPDATE feed SET item = x'ff'", []).unwrap(), 1);
    let queue = Arc::new(Queue { poison: Some("UKL4AB0003".to_owned()), ..queue });
    let report = sweep(&world, &queue);
    assert_eq!((report.redriven, left(&queue)), (38, 2));
    assert!(report.failed.iter().any(|failed| failed == "fallback queue: filing a callback broke off"));
    let takes = queue.takes.load(Ordering::SeqCst);
    assert!(takes < 10, "{takes} takes: nobody tries the same again and again");
}

#[test]
fn what_waited_with_one_shops_token_counts_for_no_other_shop() {
    let world = World::new();
    let (theirs, queue) = waiting(0, &world);
    let ours = world.shop("mjini", "till", "123456");
    let path = world.token_path(&ours, "");
    let token = CallbackToken::parse(path.trim_start_matches("/in/").trim_end_matches('/')).unwrap();
    for (ticket, number) in [("UKL4AB0001", "600638"), ("UKL4AB0002", "123456")] {
        let body = hex::encode(confirmation(ticket, number, "10.00", "", world.now()));
        let token = hex::encode(token.hash());
        let at = world.now().millis();
        let spilled =
            serde_json::json!({ "token": token, "timed_out": false, "received_at": at, "body": body });
        queue.waiting.lock().unwrap().insert(ticket.to_owned(), spilled.to_string().into_bytes());
    }
    let report = sweep(&world, &Arc::new(queue));
    assert_eq!((report.redriven, report.failed), (2, Vec::new()));
    let told = |shop| world.wait(world.store.news(shop, &[])).unwrap().items.len();
    assert_eq!((told(&theirs), told(&ours)), (0, 1));
    let reasons = world.wait(world.store.inbox(9)).unwrap();
    assert!(reasons.len() == 1 && reasons[0].reason.contains("mjini"), "{:?}", reasons[0].reason);
}
