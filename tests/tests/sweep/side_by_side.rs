//! Many shops and many pushes: several at once, as much as Safaricom bears, for as long as a run has.

use crate::due;
use daraja::{Call, Refused};
use domain::{ShopId, Timestamp};
use serde_json::Value;
use service::sweep::{AT_ONCE, Sweep};
use service::{Safaricom, SafaricomError, Store};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tests::faulty::Faulty;
use tests::world::{PUSH_QUERY, QuietSafaricom, World, app};
use tokio::sync::Barrier;

#[tokio::test]
async fn a_push_whose_record_is_damaged_keeps_no_other_from_being_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sqlite");
    let store = embedded::EmbeddedStore::open(&path).unwrap();
    let number = domain::ShortCode::parse("600638").unwrap();
    let shop = ShopId::parse("kijiji").unwrap();
    let open = domain::Shop::new(shop.clone(), "Duka", domain::Account::Paybill(number), None).unwrap();
    store.put_shop(&open, &service::store::Tokens::default()).await.unwrap();
    let now = Timestamp::parse_daraja("20261121080000").unwrap();
    for number in 1..=3 {
        due(&store, &shop, number, now).await;
    }
    let damage = "INSERT INTO feed (shop, kind, name, item, body, body_hash, received_at)
                  VALUES ('kijiji', 'stk_result', 'ws_CO_1', x'ff', x'00', x'00', 0)";
    rusqlite::Connection::open(&path).unwrap().execute(damage, []).unwrap();
    let safaricom = Arc::new(QuietSafaricom::default());
    let sweep = Arc::new(Sweep {
        store: Arc::new(store),
        safaricom: Arc::clone(&safaricom),
        fallback: Arc::new(embedded::FileQueue::open(&folder.path().join("waiting")).unwrap()),
        app: Arc::new(app()),
        clock: Arc::new(move || now),
    });
    let report = sweep.run().await;
    let about_pushes: Vec<&String> = report.failed.iter().filter(|failed| failed.contains("push")).collect();
    assert!(about_pushes.len() == 1 && about_pushes[0].contains("p-1"), "{:?}", report.failed);
    let asked = safaricom.asked(PUSH_QUERY);
    let asked: BTreeSet<&str> = asked.iter().filter_map(|body| body["CheckoutRequestID"].as_str()).collect();
    assert_eq!(asked, ["ws_CO_2", "ws_CO_3"].into());
}

/// A Safaricom to which something happens with each question: it takes its time, or is told in what way it comes.
#[derive(Clone)]
struct Pacing {
    quiet: QuietSafaricom,
    before: Arc<dyn Fn(Value) -> BoxedAnswer + Send + Sync>,
}

type BoxedAnswer = Pin<Box<dyn Future<Output = Option<Refused>> + Send>>;

impl Pacing {
    /// Before each answer this is done; a refusal takes its place.
    fn by<W>(before: impl Fn(Value) -> W + Send + Sync + 'static) -> Self
    where
        W: Future<Output = Option<Refused>> + Send + 'static,
    {
        let quiet = QuietSafaricom::default();
        Self { quiet, before: Arc::new(move |body| Box::pin(before(body))) }
    }
}

impl Safaricom for Pacing {
    async fn call<C: Call>(&self, call: &C) -> Result<C::Answer, SafaricomError> {
        let refused = (self.before)(serde_json::from_slice(&call.body().unwrap()).unwrap()).await;
        let answer = self.quiet.call(call).await;
        refused.map_or(answer, |refused| Err(SafaricomError::Refused(refused)))
    }
}

/// The number of the shop of this place.
fn number(place: usize) -> String {
    format!("{}", 700_000 + place)
}

fn many_shops<S: Store + Clone, D: Safaricom + Clone>(world: &World<S, D>, count: usize) {
    for place in 0..count {
        world.shop(&format!("shop-{place:02}"), "paybill", &number(place));
    }
}

#[test]
fn eight_shops_are_swept_at_once_and_the_report_is_that_of_one_after_the_other() {
    let eight = Arc::new(Barrier::new(AT_ONCE));
    // Eight questions meet, or none is answered. Every third number is none that Safaricom knows.
    let safaricom = Pacing::by(move |body: Value| {
        let eight = Arc::clone(&eight);
        async move {
            eight.wait().await;
            let place: usize = body["ShortCode"].as_str().unwrap().parse().unwrap();
            let message = format!("no number {place}");
            place.is_multiple_of(3).then(|| Refused { code: "400.001".to_owned(), message })
        }
    });
    let world = World::with(|store, _| (store, safaricom));
    many_shops(&world, 3 * AT_ONCE);
    let report = world.wait(world.sweep.run());
    assert_eq!(report.shops.len(), 3 * AT_ONCE, "what fails for one stops no other");
    let unknown = (0..3 * AT_ONCE).filter(|place| (700_000 + place).is_multiple_of(3));
    let expected: Vec<String> = unknown.map(|place| format!("shop shop-{place:02}: ")).collect();
    assert_eq!(report.failed.len(), expected.len(), "{:?}", report.failed);
    assert!(
        report.failed.iter().zip(&expected).all(|(told, name)| told.starts_with(name)),
        "{:?}",
        report.failed
    );
}

#[test]
fn safaricom_is_asked_less_at_once_after_it_said_that_it_is_too_much() {
    let beside = Arc::new(AtomicUsize::new(0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let safaricom = Pacing::by(move |_| {
        let (beside, told) = (Arc::clone(&beside), Arc::clone(&told));
        async move {
            beside.fetch_add(1, Ordering::SeqCst);
            // Whoever may come beside it has the time.
            for _ in 0..5000 {
                if beside.load(Ordering::SeqCst) > 1 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            told.lock().unwrap().push(beside.load(Ordering::SeqCst));
            beside.fetch_sub(1, Ordering::SeqCst);
            let (code, message) = ("500.003.02".to_owned(), "Spike arrest violation".to_owned());
            Some(Refused { code, message })
        }
    });
    let world = World::with(|store, _| (store, safaricom));
    many_shops(&world, 5 * AT_ONCE - 1);
    let shop = world.shop("kijiji", "paybill", "600638");
    for number in 1..=i64::try_from(5 * AT_ONCE).unwrap() {
        world.wait(due(&world.store, &shop, number, world.now()));
    }
    let report = world.wait(world.sweep.run());
    assert_eq!(
        (report.failed.len(), report.pushes),
        (5 * AT_ONCE, 5 * AT_ONCE as u64),
        "each is asked all the same"
    );
    let told = std::mem::take(&mut *seen.lock().unwrap());
    assert!(told[2 * AT_ONCE..].iter().all(|beside| *beside == 1), "shops, and pushes after them: {told:?}");
    // By itself each begins with as much as ever.
    world.pass(600);
    world.wait(world.sweep.ask_about_open_pushes()).unwrap();
    let pushes = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(pushes.len(), 5 * AT_ONCE);
    assert!(pushes.iter().any(|beside| *beside > 1), "{pushes:?}");
    assert!(pushes[2 * AT_ONCE..].iter().all(|beside| *beside == 1), "{pushes:?}");
}

#[test]
fn a_store_that_goes_down_ends_a_run_long_before_its_last_shop() {
    let down = Arc::new(OnceLock::<Faulty<embedded::EmbeddedStore>>::new());
    let switch = Arc::clone(&down);
    let safaricom = Pacing::by(move |_| {
        switch.get().unwrap().set_percent(100);
        async { None }
    });
    let world = World::with(|store, _| (Faulty::new(store, 0, 1), safaricom));
    many_shops(&world, 60);
    down.set(world.store.clone()).ok().unwrap();
    let before = world.store.asked();
    let report = world.wait(world.sweep.run());
    let left = |failed: &String| failed.contains("are left to the next sweep: the store does not answer");
    assert!(report.failed.iter().any(left), "{:?}", report.failed);
    let asked = world.store.asked() - before;
    assert!(asked < 150, "it was asked {asked} times for 60 shops");
    world.store.set_percent(0);
    world.wait(world.sweep.collect());
}

#[test]
fn where_a_run_does_not_come_to_all_shops_none_is_left_out_for_long() {
    let hand = Arc::new(OnceLock::<Arc<AtomicI64>>::new());
    let slow = Arc::clone(&hand);
    // Each answer takes a quarter of a minute, so that a run comes to a part of the shops.
    let safaricom = Pacing::by(move |_| {
        slow.get().unwrap().fetch_add(15_000, Ordering::SeqCst);
        async { None }
    });
    let world = World::with(|store, _| (store, safaricom));
    many_shops(&world, 60);
    hand.set(world.hand()).unwrap();
    let (mut swept, mut runs) = (BTreeSet::new(), 0);
    while swept.len() < 60 {
        let begun = world.now();
        let report = world.wait(world.sweep.run());
        let (done, took) = (report.shops.len(), world.now().distance_millis(begun));
        assert!((32..40).contains(&done), "{done} in one run");
        assert!(took < 840_000, "a function would have been cut after {took} ms");
        assert_eq!(
            report.failed,
            [format!("{} shops are left to the next sweep: the time was over", 60 - done)]
        );
        swept.extend(report.shops.into_keys());
        runs += 1;
        world.pass(900 - i64::try_from(took / 1000).unwrap());
    }
    assert!(runs < 12, "{runs} runs");
}

#[test]
fn pushes_are_asked_about_at_once_too() {
    let eight = Arc::new(Barrier::new(AT_ONCE));
    let safaricom = Pacing::by(move |body: Value| {
        let eight = Arc::clone(&eight);
        async move {
            if body["CheckoutRequestID"].is_string() {
                eight.wait().await;
            }
            None
        }
    });
    let world = World::with(|store, _| (store, safaricom));
    let shop = world.shop("kijiji", "paybill", "600638");
    for number in 1..=i64::try_from(2 * AT_ONCE).unwrap() {
        world.wait(due(&world.store, &shop, number, world.now()));
    }
    assert_eq!(world.wait(world.sweep.run()).pushes, 2 * AT_ONCE as u64);
}

#[test]
fn each_part_of_a_run_has_its_time_and_the_run_ends_before_the_function_is_cut() {
    let journals = "1 shops' journals are left to the next sweep: the time was over";
    let pushes = "1 pushes are left to the next sweep: the time was over";
    // So many minutes go by until the pull is answered.
    for (minutes, left) in [(9, &[][..]), (11, &[journals]), (13, &[journals, pushes])] {
        let hand = Arc::new(OnceLock::<Arc<AtomicI64>>::new());
        let slow = Arc::clone(&hand);
        let safaricom = Pacing::by(move |body: Value| {
            let waits = body["ShortCode"] == "600638";
            slow.get().unwrap().fetch_add(if waits { minutes * 60_000 } else { 0 }, Ordering::SeqCst);
            async { None }
        });
        let world = World::with(|store, _| (store, safaricom));
        let shop = world.shop("kijiji", "paybill", "600638");
        hand.set(world.hand()).unwrap();
        world.wait(due(&world.store, &shop, 1, world.now()));
        let report = world.wait(world.sweep.run());
        assert_eq!(report.failed, left, "after {minutes} minutes");
        assert_eq!((report.shops.len(), report.pushes), (1, u64::from(minutes < 12)));
    }
}
