//! C2B confirmations through the router on the embedded store, every one durable before its answer, against
//! the commits a second of plain SQLite on the same disk.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use domain::Timestamp;
use embedded::{EmbeddedStore, FileQueue};
use service::Store;
use service::callbacks::{Callbacks, router};
use service::guard::{KnownTokens, SourceRule, Sources};
use service::store::Tokens;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tests::figures::figure;
use tests::world::confirmation;
use tower::ServiceExt;

const AT_ONCE: u64 = 16;
const EACH: u64 = 200;

/// Every confirmation has a code of its own.
static NEXT: AtomicU64 = AtomicU64::new(0);

async fn confirm(router: Router, at: Timestamp) {
    for _ in 0..EACH {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let body = confirmation(&format!("UKL{number:07}"), "123456", "500.00", "", at);
        let request = Request::post("/mpesa/callback").body(Body::from(body)).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

async fn round(router: &Router, at: Timestamp) -> Duration {
    let start = Instant::now();
    let callers = (0..AT_ONCE).map(|_| tokio::spawn(confirm(router.clone(), at)));
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    start.elapsed()
}

/// How many single-row commits a second this disk takes.
fn commits_per_second(path: &std::path::Path) -> f64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.execute("CREATE TABLE t (body BLOB)", []).unwrap();
    let start = Instant::now();
    let count = 2_000;
    for _ in 0..count {
        connection.execute("INSERT INTO t VALUES (randomblob(500))", []).unwrap();
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn confirmations(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = Arc::new(EmbeddedStore::open(&folder.path().join("hub.sqlite")).unwrap());
    let number = domain::ShortCode::parse("123456").unwrap();
    let id = domain::ShopId::parse("mjini").unwrap();
    let shop = domain::Shop::new(id, "Duka", domain::Account::Till(number), None).unwrap();
    runtime.block_on(store.put_shop(&shop, &Tokens::default())).unwrap();
    let at = Timestamp::parse_daraja("20261121080000").unwrap();
    let queue = FileQueue::open(&folder.path().join("waiting")).unwrap();
    let router = router(Callbacks {
        store,
        fallback: Arc::new(queue),
        clock: Arc::new(move || at),
        seed_paths: true,
        sources: Sources { rule: SourceRule::Off, ..Sources::default() },
        tokens: KnownTokens::for_time(Duration::from_secs(30)),
        counts: Arc::default(),
    });

    let mut group = criterion.benchmark_group("confirmations");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10))
        .throughput(Throughput::Elements(AT_ONCE * EACH));
    group.bench_function(format!("{AT_ONCE} callers at once"), |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| runtime.block_on(round(&router, at))).sum());
    });
    group.finish();
    let mut rounds: Vec<Duration> = (0..5).map(|_| runtime.block_on(round(&router, at))).collect();
    let commits = commits_per_second(&folder.path().join("plain.sqlite"));
    let per_second = (AT_ONCE * EACH) as f64 / tests::figures::percentile(&mut rounds, 50).as_secs_f64();
    println!("plain SQLite, one row a commit: {commits:.0} commits a second");
    figure("confirmations_per_s", per_second, "confirmations a second", &format!("{commits:.0}"));
}

criterion_group!(benches, confirmations);
criterion_main!(benches);
