//! C2B confirmations over loopback into a running hub, every one durable before its answer: how many a
//! second, how late, in how much memory; in turns with seed A's own handler on the same disk. Then the same
//! where the store fails one time in ten. Each time the hub is killed without a word, and what it had
//! acknowledged is counted in its file.
//!
//! Linux only: it reads `/proc`. `LEJA_PROGRAM` names another `leja` to measure than the one built here.

mod peers;
mod wrk;

use domain::{Account, FeedItem, Shop, ShopId, ShortCode, Timestamp};
use embedded::{EmbeddedStore, FileQueue};
use peers::SeedA;
use service::Store;
use service::callbacks::{Callbacks, router};
use service::guard::{KnownTokens, SourceRule, Sources};
use service::store::Tokens;
use service::sweep::Sweep;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tests::faulty::Faulty;
use tests::figures::{figure, percentile};
use tests::process::{Running, built, repository};
use tests::world::{QuietSafaricom, app, confirmation};

const CONNECTIONS: [u32; 3] = [1, 16, 128];
const TURNS: usize = 3;
const LONG: Duration = Duration::from_secs(3);
const SHORT: Duration = Duration::from_secs(2);
/// How many of a hundred calls of the failing store fail.
const FAILING_PERCENT: u8 = 10;
/// The argument with which this program is started again, as the hub whose store fails.
const FAILING_HUB: &str = "failing-hub";

/// A hub with one shop.
struct Hub {
    running: Running,
    database: PathBuf,
    /// The path that carries no token.
    open: String,
    /// The shop's own path.
    secret: String,
    /// What it acknowledged.
    acknowledged: u64,
    /// How many requests may have been under way when a run ended: kept perhaps, but answered to nobody.
    unheard: u64,
    /// The codes whose `200` was seen one by one.
    seen: Vec<String>,
}

impl Hub {
    /// The real program.
    fn start(program: &Path, home: &Path) -> Self {
        let data = home.join("hub");
        let mut command = Command::new(program);
        command.args(["hub", "--seed-paths", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        let running = Running::start(&mut command);
        let url = running.address();
        let mut admin = Command::new(program);
        admin.args(["admin", "--hub", &url, "--admin"]).arg(data.join("admin"));
        admin.args(["shop", "duka", "--name", "Duka", "--account", "till", "--shortcode", "123456"]);
        let opened = admin.output().unwrap();
        assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
        let opened = String::from_utf8(opened.stdout).unwrap();
        let secret = opened.lines().find_map(|line| line.strip_prefix("confirmation"));
        Self::at(running, data.join("hub.sqlite"), &url, secret.unwrap().trim())
    }

    /// The callbacks function alone on a store that fails, in a process of its own.
    fn failing(home: &Path) -> Self {
        let database = home.join("failing.sqlite");
        let mut command = Command::new(std::env::current_exe().unwrap());
        let running = Running::start(command.arg(FAILING_HUB).arg(&database));
        let url = running.address();
        Self::at(running, database, &url, "")
    }

    fn at(running: Running, database: PathBuf, url: &str, secret: &str) -> Self {
        let (open, secret) = (format!("{url}/mpesa/c2b/confirmation"), secret.to_owned());
        Self { running, database, open, secret, acknowledged: 0, unheard: 0, seen: Vec::new() }
    }

    fn wrk(&mut self, url: &str, connections: u32, long: Duration) -> wrk::Run {
        let run = wrk::run(url, connections, long);
        assert_eq!(run.broken, 0, "connections broke at {connections} connections");
        self.acknowledged += run.acknowledged();
        self.unheard += u64::from(connections);
        run
    }

    /// Sends confirmations and notes which were acknowledged; gives how many were not.
    fn note(&mut self, url: &str, callers: u32, long: Duration) -> u64 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let until = Instant::now() + long;
        let told = runtime.block_on(async {
            let tasks = (0..callers).map(|_| tokio::spawn(call(url.to_owned(), until)));
            let mut told = Vec::new();
            for task in tasks.collect::<Vec<_>>() {
                told.push(task.await.unwrap());
            }
            told
        });
        let before = self.seen.len();
        self.seen.extend(told.iter().flat_map(|(kept, _)| kept.clone()));
        self.acknowledged += (self.seen.len() - before) as u64;
        told.iter().map(|(_, refused)| refused).sum()
    }

    /// Kills it and counts what it kept against what it acknowledged.
    fn count(self, name: &str) -> u64 {
        self.running.kill();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (filed, kept) = runtime.block_on(async {
            let store = EmbeddedStore::open(&self.database).unwrap();
            // What waits in the fallback queue is acknowledged as well: it is filed as the sweep does it.
            let queue = FileQueue::open(&queue_of(&self.database)).unwrap();
            let sweep = Arc::new(Sweep {
                store: Arc::new(store.clone()),
                safaricom: Arc::new(QuietSafaricom::default()),
                fallback: Arc::new(queue),
                app: Arc::new(app()),
                clock: service::system_clock(),
            });
            let report = sweep.tidy().await;
            assert_eq!(report.failed, Vec::<String>::new());
            (report.redriven, kept(&store).await)
        });
        println!("{name}: {filed} of them waited in the fallback queue");
        let rows = kept.len() as u64;
        let (heard, unheard) = (self.acknowledged, self.unheard);
        let absent = self.seen.iter().filter(|code| !kept.contains(*code)).count() as u64;
        let missing = absent.max(heard.saturating_sub(rows));
        println!("{name}: {heard} acknowledged, {} of them noted by code; {rows} kept", self.seen.len());
        figure(&format!("{name}_acknowledged"), heard as f64, "confirmations", "none");
        figure(&format!("{name}_missing"), missing as f64, "acknowledged but not kept", "0");
        assert_eq!(missing, 0, "acknowledged but not kept");
        assert!(rows <= heard + unheard, "{rows} kept, of {heard} acknowledged and {unheard} under way");
        filed
    }
}

/// One caller that sends the next confirmation when the last was answered; gives the codes that were
/// acknowledged and how many were refused.
async fn call(url: String, until: Instant) -> (Vec<String>, u64) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let at = Timestamp::parse_daraja("20261121080000").unwrap();
    let (mut kept, mut refused) = (Vec::new(), 0);
    while Instant::now() < until {
        let code = format!("N{:09}", NEXT.fetch_add(1, Ordering::Relaxed));
        let body = confirmation(&code, "123456", "500.00", "account123", at);
        let answer = client.post(&url).body(body).send().await.unwrap();
        match answer.status().as_u16() {
            200 => kept.push(code),
            503 => refused += 1,
            other => panic!("{other} is no answer to a confirmation"),
        }
        answer.bytes().await.unwrap();
    }
    (kept, refused)
}

/// What the hub whose store fails does, until it is killed.
#[tokio::main]
async fn be_the_failing_hub(database: &Path) {
    let store = EmbeddedStore::open(database).unwrap();
    let till = Account::Till(ShortCode::parse("123456").unwrap());
    let shop = Shop::new(ShopId::parse("duka").unwrap(), "Duka", till, None).unwrap();
    store.put_shop(&shop, &Tokens::default()).await.unwrap();
    let router = router(Callbacks {
        store: Arc::new(Faulty::new(store, FAILING_PERCENT, fastrand::u64(..))),
        fallback: Arc::new(FileQueue::open(&queue_of(database)).unwrap()),
        clock: service::system_clock(),
        seed_paths: true,
        sources: Sources { rule: SourceRule::Off, ..Sources::default() },
        tokens: KnownTokens::for_time(Duration::from_secs(30)),
        counts: Arc::default(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

/// The receipt codes in the shop's feed.
async fn kept(store: &EmbeddedStore) -> BTreeSet<String> {
    let (mut cursor, mut kept) = (Vec::new(), BTreeSet::new());
    loop {
        let news = store.news(&ShopId::parse("duka").unwrap(), &cursor).await.unwrap();
        let receipts = news.items.iter().filter_map(FeedItem::evidence).map(|e| e.receipt.to_string());
        kept.extend(receipts);
        cursor = news.cursor;
        if !news.more {
            return kept;
        }
    }
}

/// Where callbacks wait that the store beside it did not take: where a hub has them, too.
fn queue_of(database: &Path) -> PathBuf {
    database.with_file_name("waiting")
}

/// The program to measure, built as people run it.
fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("LEJA_PROGRAM") {
        return program.into();
    }
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--locked", "--package", "local"]).current_dir(repository());
    assert!(build.status().unwrap().success());
    built("leja")
}

/// Runs by the number of connections.
type Runs = BTreeMap<u32, Vec<wrk::Run>>;

/// The middle, the least and the most of some runs.
fn spread(runs: &[wrk::Run], of: impl Fn(&wrk::Run) -> f64) -> (f64, f64, f64) {
    let mut all: Vec<f64> = runs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[0], all[all.len() - 1])
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Prints the figures of some runs.
fn report(name: &str, all: &Runs) {
    for (connections, runs) in all {
        let (rate, slowest, fastest) = spread(runs, wrk::Run::per_second);
        let (p50, low50, high50) = spread(runs, |run| milliseconds(run.p50));
        let (p99, low99, high99) = spread(runs, |run| milliseconds(run.p99));
        let refused: u64 = runs.iter().map(|run| run.refused).sum();
        let broken: u64 = runs.iter().map(|run| run.broken).sum();
        println!(
            "{name} at {connections} connections, {} runs: {rate:.0}/s ({slowest:.0} to {fastest:.0}), \
             p50 {p50:.2} ms ({low50:.2} to {high50:.2}), p99 {p99:.2} ms ({low99:.2} to {high99:.2}), \
             {refused} refused, {broken} broken",
            runs.len()
        );
        let target = if (name, *connections) == ("callbacks", 16) { "20" } else { "none" };
        figure(&format!("{name}_per_s_{connections}"), rate, "acknowledged a second", "none");
        figure(&format!("{name}_p50_ms_{connections}"), p50, "ms", "none");
        figure(&format!("{name}_p99_ms_{connections}"), p99, "ms", target);
    }
}

/// The hub and seed A in turns, so that the machine's noise meets both.
fn beside_seed_a(program: &Path, home: &Path) {
    let seed_a = SeedA::under_the_best_server(home, 16, SHORT);
    println!("seed A runs under {}", seed_a.server);
    let mut hub = Hub::start(program, home);
    println!("memory at rest: {:.1} MB", hub.running.memory_mb("VmRSS:"));
    let (open, secret) = (hub.open.clone(), hub.secret.clone());
    let (mut ours, mut theirs, mut with_token) = (Runs::new(), Runs::new(), Runs::new());
    for _ in 0..TURNS {
        print_noise(home);
        for connections in CONNECTIONS {
            ours.entry(connections).or_default().push(hub.wrk(&open, connections, LONG));
            println!("memory after {connections} connections: {:.1} MB", hub.running.memory_mb("VmRSS:"));
        }
        with_token.entry(16).or_default().push(hub.wrk(&secret, 16, LONG));
        for connections in CONNECTIONS {
            theirs.entry(connections).or_default().push(wrk::run(&seed_a.url, connections, LONG));
            seed_a.rest();
        }
    }
    let refused: u64 = ours.values().chain(with_token.values()).flatten().map(|run| run.refused).sum();
    assert_eq!(refused, 0, "a sound hub refuses nothing");
    report("callbacks", &ours);
    report("callbacks_with_token", &with_token);
    report("seed_a", &theirs);
    // A disk that is lent by the second slows whoever comes late: of ours the middle run counts, of theirs
    // the best there was.
    for connections in CONNECTIONS {
        let rate = spread(&ours[&connections], wrk::Run::per_second).0;
        let best = spread(&theirs[&connections], wrk::Run::per_second).2;
        let best = if connections == 16 { best.max(seed_a.tried) } else { best };
        println!("at {connections} connections: {:.1} times the best of seed A, {best:.0}/s", rate / best);
        if connections == 16 {
            figure("callbacks_vs_seed_a_ratio", rate / best, "times seed A at 16", "20");
        }
    }
    figure("callbacks_resident_mb", hub.running.memory_mb("VmHWM:"), "MB at most", "32");
    let refused: u64 = CONNECTIONS.map(|callers| hub.note(&secret, callers, SHORT)).iter().sum();
    assert_eq!(refused, 0, "a sound hub refuses nothing");
    hub.count("callbacks");
    let heard: u64 = theirs.values().flatten().map(wrk::Run::acknowledged).sum();
    println!("seed A: {heard} acknowledged, {} kept", seed_a.end());
}

fn with_a_failing_store(home: &Path) {
    let mut hub = Hub::failing(home);
    let (open, mut runs) = (hub.open.clone(), Runs::new());
    for _ in 0..TURNS {
        for connections in CONNECTIONS {
            runs.entry(connections).or_default().push(hub.wrk(&open, connections, SHORT));
        }
    }
    report("callbacks_failing", &runs);
    figure("callbacks_failing_resident_mb", hub.running.memory_mb("VmHWM:"), "MB at most", "32");
    let refused: u64 = CONNECTIONS.map(|callers| hub.note(&open, callers, SHORT)).iter().sum();
    assert_eq!(refused, 0, "what the store does not take, the fallback queue does");
    let waited = hub.count("callbacks_failing");
    assert!(waited > 0, "a store that fails is no use if nobody notices");
}

/// How busy the machine is with other things: its load, and what one durable write costs on this disk.
fn print_noise(home: &Path) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let mut file = std::fs::File::create(home.join("noise")).unwrap();
    let write = |_| {
        let start = Instant::now();
        file.write_all(&[1; 4096]).unwrap();
        file.sync_data().unwrap();
        start.elapsed()
    };
    let mut writes: Vec<Duration> = (0..50).map(write).collect();
    let half = milliseconds(percentile(&mut writes, 50));
    println!("load average {}, one durable write {half:.2} ms", load.split(' ').next().unwrap_or_default());
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, database] = arguments.as_slice()
        && role == FAILING_HUB
    {
        return be_the_failing_hub(Path::new(database));
    }
    let tools = Command::new(repository().join("tests/benches/tools.sh")).status().unwrap();
    assert!(tools.success(), "tests/benches/tools.sh could not install what this bench needs");
    let program = program();
    // Where builds lie: on a disk, which the system's folder for such things need not be.
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    print_noise(home.path());
    beside_seed_a(&program, home.path());
    with_a_failing_store(home.path());
    print_noise(home.path());
}
