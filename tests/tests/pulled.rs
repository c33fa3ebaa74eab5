//! Until when every payment was pulled from Safaricom, as tills and head office know it.

use domain::standing::SaleState;
use domain::{How, ShopId, Takings};
use serde_json::json;
use service::Store;
use service::sweep::SweepReport;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tests::world::{Line2Hub, PULL, Replica, World, asha, code, exchange, kes, sell};
use till::{Cloud, CloudError, CloudRequest, Folder, Till};

fn sweep(world: &World) -> SweepReport {
    world.wait(world.sweep.run())
}

/// What the next pull lists.
fn listed(world: &World, receipt: &str, amount: &str) {
    let row = json!({
        "transactionId": receipt, "trxDate": world.now().to_daraja(), "msisdn": "254722000000", "sender": "MPESA",
        "transactiontype": "c2b-pay-bill-debit", "billreference": "", "amount": amount,
        "organizationname": "Duka",
    });
    let page = json!({ "ResponseCode": "1000", "Response": [[row]] });
    world.safaricom.answer(PULL, 200, page.to_string());
}

/// A minute later everybody asks what the shop's standing is, and another second later what is new.
fn learn(world: &World, replicas: &[&Replica]) {
    for seconds in [601, 1] {
        world.pass(seconds);
        exchange(world, replicas);
    }
}

fn shop(world: &World) -> ShopId {
    world.shop("mjini", "till", "123456")
}

#[test]
fn a_claim_that_was_made_without_a_line_and_that_nobody_paid_stays_unseen_past_the_watermark() {
    let world = World::new();
    let shop = shop(&world);
    let (a, office) = (world.till(&shop, "Front"), world.office());
    exchange(&world, &[&a, &office]);
    assert_eq!(a.pulled_until(&shop).unwrap(), None, "nothing was pulled yet");

    a.offline(true);
    assert!(a.sync(world.now()).is_err());
    let (true_one, fake) = (sell(&a, 500, world.now()), sell(&a, 700, world.now()));
    a.claim(true_one, (code("UKL4TRUE01"), How::Typed), &asha(), world.now()).unwrap();
    let claimed = a.claim(fake, (code("UKL4FAKE01"), How::Typed), &asha(), world.now()).unwrap();
    assert_eq!(claimed.state, SaleState::Claimed);
    let claimed_at = world.now();
    let (day, till) = (claimed_at.business_day(), a.identity().actor.till);
    let z = a.close_shift(kes(0), &asha(), world.now(), None).unwrap();
    assert_eq!(z.closing.report.takings.claimed, kes(1200));
    // The confirmation of the true one is lost; the sweep finds it.
    world.pass(1800);
    listed(&world, "UKL4TRUE01", "500.00");
    assert_eq!(sweep(&world).failed, Vec::<String>::new());
    let swept = world.now();
    a.offline(false);
    learn(&world, &[&a, &office]);

    for replica in [&a, &office] {
        assert_eq!(replica.pulled_until(&shop).unwrap(), Some(swept));
        assert!(replica.pulled_until(&shop).unwrap() > Some(claimed_at));
        assert_eq!(replica.payment(&shop, &code("UKL4TRUE01")).unwrap().unwrap().sale, Some(true_one));
        assert_eq!(replica.payment(&shop, &code("UKL4FAKE01")).unwrap(), None, "still unseen");
        assert_eq!(replica.sale(true_one).unwrap().state, SaleState::Paid);
        assert_eq!(replica.sale(fake).unwrap().state, SaleState::Claimed);
        let (takings, _) = replica.day_report(&shop, day, world.now()).unwrap()[&till];
        assert_eq!((takings.verified, takings.claimed, takings.contradicted), (kes(500), kes(0), kes(700)));
    }
    let (verified, claimed, contradicted) = (kes(500), -kes(1200), kes(700));
    let late = Takings { verified, claimed, contradicted, ..Takings::default() };
    let next = a.shift(world.now()).unwrap();
    assert_eq!(
        next.late,
        [(1, late)].into(),
        "the report of that shift stays, and the next one says what became"
    );
}

/// A line on which a sweep finds a payment just before the cloud is asked how the shop stands: what is new was
/// asked for already.
struct SweptBetween {
    world: Arc<World>,
    line: Line2Hub,
    found: AtomicU32,
}

impl Cloud for SweptBetween {
    fn carry(&self, request: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        if request.path == "/v1/shops" {
            listed(&self.world, &receipt(self.found.fetch_add(1, Ordering::SeqCst)), "50.00");
            assert_eq!(sweep(&self.world).failed, Vec::<String>::new());
        }
        self.line.carry(request)
    }
}

fn receipt(n: u32) -> String {
    format!("UKL4PULL{:02}", n + 10)
}

/// What a till says of a payment that is not here would else be wrong for a moment.
#[test]
fn the_watermark_never_comes_before_the_payments_that_it_stands_for() {
    let world = Arc::new(World::new());
    let shop = shop(&world);
    let path = world.till(&shop, "Front").path.clone();
    let found = AtomicU32::new(0);
    let cloud = SweptBetween { world: Arc::clone(&world), line: world.line(), found };
    let weather = Arc::clone(&cloud.line.weather);
    let till = Till::open(&Folder::at(&path).unwrap(), Box::new(cloud)).unwrap();
    let mut swept = BTreeMap::new();
    for n in 0..20 {
        world.pass(301);
        swept.insert(world.now(), receipt(n));
        till.sync(world.now()).unwrap();
        // The next exchange breaks off at once, or does not.
        weather.lock().unwrap().offline = n % 2 == 0;
        let _ = till.sync(world.now());
        weather.lock().unwrap().offline = false;
        let until = till.pulled_until(&shop).unwrap();
        for (_, receipt) in swept.iter().filter(|(at, _)| Some(**at) <= until) {
            let here = till.payment(&shop, &code(receipt)).unwrap();
            assert!(here.is_some(), "{receipt} is not here, and pulled until {until:?}");
        }
    }
    assert_eq!(till.pulled_until(&shop).unwrap(), Some(world.now()));
}

#[test]
fn a_pull_that_did_not_come_to_its_end_moves_nothing() {
    let world = World::new();
    let shop = shop(&world);
    let till = world.till(&shop, "Front");
    sweep(&world);
    let first = world.now();
    learn(&world, &[&till]);
    assert_eq!(till.pulled_until(&shop).unwrap(), Some(first));
    world.safaricom.answer(PULL, 500, "<html>");
    world.pass(900);
    assert!(!sweep(&world).failed.is_empty());
    learn(&world, &[&till]);
    assert_eq!(till.pulled_until(&shop).unwrap(), Some(first));
}

#[test]
fn a_rebuilt_a_restored_and_a_new_till_know_it_and_the_clouds_last_word_counts() {
    let world = World::new();
    let shop = shop(&world);
    let till = world.till(&shop, "Front");
    sweep(&world);
    let swept = world.now();
    learn(&world, &[&till]);
    let path = till.path.clone();
    drop(till);
    Folder::at(&path).unwrap().rebuild().unwrap();
    let till = world.open(path);
    assert_eq!(till.pulled_until(&shop).unwrap(), Some(swept));
    let backup = till.path.with_extension("backup");
    till.backup(&backup).unwrap();
    let kept: Option<i64> = rusqlite::Connection::open(&backup)
        .unwrap()
        .query_row("SELECT pulled_until FROM shops", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, Some(swept.millis()));
    let new = world.till_with_history(&shop, "Back", 1);
    learn(&world, &[&new]);
    assert_eq!(new.pulled_until(&shop).unwrap(), Some(swept));
    // A store that was restored, or whose clock was wrong, tells of an earlier time: so it is.
    let earlier = swept.plus_millis(-3_600_000);
    let note = earlier.millis().to_string();
    world.wait(world.store.put_note(&shop, "told/pulled", note.as_bytes())).unwrap();
    learn(&world, &[&till, &new]);
    let known = [&till, &new].map(|till| till.pulled_until(&shop).unwrap());
    assert_eq!(known, [Some(earlier); 2]);
}

#[test]
fn a_till_that_is_told_nothing_asks_no_more_for_it() {
    let world = World::new();
    let shop = shop(&world);
    let till = world.till(&shop, "Front");
    sweep(&world);
    learn(&world, &[&till]);
    let before = till.line.weather.lock().unwrap().bytes;
    till.sync(world.now()).unwrap();
    let after = till.line.weather.lock().unwrap().bytes;
    assert!(after.0 - before.0 < 40 && after.1 - before.1 < 40, "{before:?} {after:?}");
}
