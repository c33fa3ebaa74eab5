//! Many shops at once on the functions and a table: real tills with ledgers of their own sell, customers pay and
//! Safaricom confirms it, tills sync as often as the program of a till does, secure what they claim, and take in what the
//! others did. Each request tells what it cost, as DynamoDB's answers say.
//!
//! The functions are the routers that the programs of `functions/lambda` serve, made as those make them, on a store that
//! asks a real server; API Gateway and Lambda's runtime around them are left out, because they cost no unit. One of each
//! stands for the few processes that so many shops keep busy. Nobody remembers whose a token is, as in a process
//! that started just now.
//!
//! Time is a clock that all of them share, tills, functions and table. It goes on when all that falls into a second was
//! done, by many threads at once. So a day takes minutes, and yet each till asks as often as on any day, and the ten
//! minutes for which a cursor looks back hold what ten minutes bring.

pub mod operation;
mod truth;

use crate::dynamo::{Bill, Dynamo, Units, billed};
use crate::world::{asha, confirmation, hand_over};
use crate::year::cart;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use domain::{Account, FactId, Money, ReceiptCode, Role, Sale, Shop, ShopId, ShortCode, Tender, Timestamp};
use dynamodb::DynamoStore;
use embedded::FileQueue;
use operation::{CONFIRMATION, Operation, judge};
use replica::Keypair;
use service::callbacks::Callbacks;
use service::guard::{KnownTokens, SourceRule, Sources};
use service::office::new_code;
use service::store::Tokens;
use service::sync::Sync;
use service::{CallbackSecret, Clock, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use till::{Cloud, CloudError, CloudRequest, Folder, Till, enrol};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// How many threads do what falls into a second.
const AT_ONCE: usize = 16;
/// How long a request to the table may take: this machine does the work of hundreds, and of the table.
const PATIENCE: Duration = Duration::from_secs(60);
/// The tills of a shop.
const TILLS: [&str; 3] = ["Front", "Back", "Yard"];
/// When customers who pay by phone do so, in seconds after the sale: half a minute on average.
const PAYING: std::ops::RangeInclusive<i64> = 5..=55;
/// Of five sales so many are paid by phone.
const BY_PHONE_OF_FIVE: u8 = 3;
/// How long after the last sale everything is told to everybody.
const SETTLING_SECONDS: i64 = 180;
/// For how long `sync` remembers whom it met.
const ACQUAINTED_SECONDS: i64 = 60;
/// The deployment's secret.
const SECRET: [u8; 32] = [7; 32];
/// From where Safaricom calls.
const SAFARICOM: ([u8; 4], u16) = ([196, 201, 214, 200], 443);

/// What is asked of the functions.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many shops, with three tills each.
    pub shops: usize,
    /// How many sales each shop makes.
    pub sales: u32,
    /// In how many minutes, by chance.
    pub minutes: u32,
}

/// One request, and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// What was asked.
    pub operation: Operation,
    /// When, in seconds since the shops opened.
    pub second: i64,
    /// What it cost.
    pub bill: Bill,
    /// What it may cost at most.
    pub may: Units,
    /// How long its answer took, on this machine's own clock.
    pub took: Duration,
}

/// What came of a load.
pub struct Outcome {
    /// Every request, in the order of the answers.
    pub asked: Vec<Asked>,
    /// When each sale was made, in seconds since the shops opened, in order.
    pub sold: Vec<i64>,
    /// How many payments were confirmed.
    pub paid: usize,
    /// How long all of it took, on this machine's own clock, without opening shops and looking after.
    pub took: Duration,
}

/// What the requests of one kind cost together.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    /// How many there were.
    pub count: u32,
    /// What they cost.
    pub units: Units,
    /// The dearest one, each kind of unit by itself.
    pub dearest: Units,
    /// Requests to DynamoDB.
    pub requests: u32,
    /// Writes that were refused.
    pub refused: u32,
    /// How long each took.
    pub took: Vec<Duration>,
}

impl Sum {
    /// Of some requests.
    pub fn of<'a>(asked: impl IntoIterator<Item = &'a Asked>) -> Self {
        let mut sum = Self::default();
        for Asked { bill, took, .. } in asked {
            sum.count += 1;
            sum.units += bill.units;
            sum.dearest.written = sum.dearest.written.max(bill.units.written);
            sum.dearest.read = sum.dearest.read.max(bill.units.read);
            sum.requests += bill.requests;
            sum.refused += bill.refused;
            sum.took.push(*took);
        }
        sum
    }

    /// What one of them cost on average.
    pub fn each(&self) -> Units {
        let count = f64::from(self.count.max(1));
        Units { written: self.units.written / count, read: self.units.read / count }
    }
}

impl Outcome {
    /// The requests of a kind.
    pub fn of(&self, operation: Operation) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(move |asked| asked.operation == operation)
    }

    /// Nothing cost more than it may, and DynamoDB failed nobody. A single request may be told twice that other tills
    /// wrote in the same moment; among all of them that must be seldom.
    ///
    /// # Panics
    /// It is not so.
    pub fn is_as_calculated(&self) {
        let twice = operation::IN_VAIN * (TILLS.len() - 1) as f64;
        let dear = |Asked { bill: Bill { units, failed, .. }, may, .. }: &&Asked| {
            units.written > may.written || units.read > may.read + twice || *failed > 0
        };
        let dear: Vec<&Asked> = self.asked.iter().filter(dear).collect();
        assert!(dear.is_empty(), "{} cost more than DESIGN.md says: {:?}", dear.len(), &dear[..1]);
        for operation in Operation::ALL {
            let read: f64 = self.of(operation).map(|asked| asked.bill.units.read).sum();
            let may: f64 = self.of(operation).map(|asked| asked.may.read).sum();
            let name = operation.name();
            assert!(read <= may * 1.05, "{name}: {read} RRU were read, and {may} is what DESIGN.md says");
        }
    }
}

impl Load {
    /// Does all of it, and looks whether everything is where it should be.
    ///
    /// # Panics
    /// It is not.
    pub fn run(self) -> Outcome {
        let mut group = Group::open(self);
        let begun = Instant::now();
        group.trade();
        let took = begun.elapsed();
        let asked = std::mem::take(&mut *group.functions.asked.lock().unwrap());
        truth::check(&group);
        let all = |counter: &Counter| counter.sold.iter().map(|(_, second)| *second).collect::<Vec<_>>();
        let mut sold: Vec<i64> = group.counters.iter().flat_map(all).collect();
        sold.sort_unstable();
        let paid = group.counters.iter().map(|counter| counter.paid.len()).sum();
        Outcome { asked, sold, paid, took }
    }
}

/// The functions of an account, and what they are asked.
struct Functions {
    callbacks: Router,
    sync: Router,
    store: DynamoStore,
    fallback: FileQueue,
    /// The hand of the clock, in milliseconds.
    hand: Arc<AtomicI64>,
    opened: Timestamp,
    asked: Mutex<Vec<Asked>>,
    receipts: AtomicU64,
    runtime: Runtime,
}

impl Functions {
    fn made(runtime: Runtime, table: &Dynamo, home: &Path) -> Self {
        let opened = Timestamp::parse_daraja("20261121080000").unwrap();
        let hand = Arc::new(AtomicI64::new(opened.millis()));
        let ticking = Arc::clone(&hand);
        let clock: Clock = Arc::new(move || Timestamp::from_millis(ticking.load(Ordering::SeqCst)).unwrap());
        let patient = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
        let patient = table.client.config().to_builder().timeout_config(patient).build();
        let store = DynamoStore::new(Client::from_conf(patient), &table.table);
        let store = store.by_clock(finer(Arc::clone(&hand)));
        let fallback = FileQueue::open(&home.join("waiting")).unwrap();
        let callbacks = service::callbacks::router(Callbacks {
            store: Arc::new(store.clone()),
            fallback: Arc::new(fallback.clone()),
            clock: Arc::clone(&clock),
            seed_paths: false,
            sources: Sources { rule: SourceRule::Enforce, ..Sources::default() },
            tokens: KnownTokens::for_time(Duration::ZERO),
            counts: Arc::default(),
        });
        let sync = Sync::new(Arc::new(store.clone()), clock).signing(Keypair::from_seed(&[5; 32]));
        Self {
            callbacks,
            sync: service::sync::router(sync),
            store,
            fallback,
            hand,
            opened,
            asked: Mutex::default(),
            receipts: AtomicU64::new(0),
            runtime,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.hand.load(Ordering::SeqCst)).unwrap()
    }

    /// Seconds since the shops opened.
    fn second(&self) -> i64 {
        (self.now().millis() - self.opened.millis()) / 1000
    }

    fn note(&self, (operation, may): (Operation, Units), bill: Bill, took: Duration) {
        let second = self.second();
        self.asked.lock().unwrap().push(Asked { operation, second, bill, may, took });
    }

    /// Opens a shop; gives codes for its tills.
    async fn open(&self, shop: &Shop) -> Vec<String> {
        let hashes = vec![CallbackSecret::new(SECRET).token(&shop.id, 0).hash()];
        self.store.put_shop(shop, &Tokens { newest: 0, hashes }).await.unwrap();
        let mut codes = Vec::new();
        for _ in TILLS {
            let code = new_code(&self.store, Role::Till, Some(shop.id.clone()), self.now()).await;
            codes.push(code.unwrap().0);
        }
        codes
    }

    /// Safaricom confirms a payment to a shop; gives its receipt code.
    fn confirm(&self, shop: &Shop, amount: Money) -> ReceiptCode {
        let receipt = format!("UKL{:07}", self.receipts.fetch_add(1, Ordering::Relaxed));
        let number = shop.own_numbers().next().unwrap().to_string();
        let body = confirmation(&receipt, &number, &amount.to_string(), "", self.now());
        let token = CallbackSecret::new(SECRET).token(&shop.id, 0);
        let request = Request::post(format!("/in/{}/c/confirmation", token.as_str()));
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(SAFARICOM)));
        let begun = Instant::now();
        let (answer, bill) =
            self.runtime.block_on(billed(async { self.callbacks.clone().oneshot(request).await.unwrap() }));
        let took = begun.elapsed();
        assert_eq!(answer.status(), 200, "a confirmation is acknowledged");
        let said = self.runtime.block_on(to_bytes(answer.into_body(), usize::MAX)).unwrap();
        assert_eq!(said, daraja::ack::ACCEPTED);
        self.note((Operation::Confirmation, CONFIRMATION), bill, took);
        ReceiptCode::parse(&receipt).unwrap()
    }
}

/// A clock that tells two moments of one second apart, as clocks do.
fn finer(hand: Arc<AtomicI64>) -> impl Fn() -> SystemTime + Send + std::marker::Sync + 'static {
    let told = AtomicU64::new(0);
    move || {
        let millis = u64::try_from(hand.load(Ordering::SeqCst)).unwrap();
        let more = told.fetch_add(1, Ordering::SeqCst) % 1_000_000;
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis) + Duration::from_micros(more)
    }
}

/// A till's line to the functions, on which every request is billed.
struct Line {
    functions: Arc<Functions>,
    /// When the functions last read who syncs here, in seconds since the shops opened.
    met: Mutex<Option<i64>>,
}

impl Line {
    fn to(functions: &Arc<Functions>) -> Self {
        Self { functions: Arc::clone(functions), met: Mutex::default() }
    }

    /// What a request was and may cost.
    fn judge(&self, request: &CloudRequest, answer: &[u8]) -> (Operation, Units) {
        let (mut met, second) = (self.met.lock().unwrap(), self.functions.second());
        let lately = met.is_some_and(|at| second - at < ACQUAINTED_SECONDS);
        let (operation, may) = judge(request, answer, lately);
        let asks = matches!(operation, Operation::Batch | Operation::News | Operation::Comparing);
        if asks || (operation == Operation::Idle && !lately) {
            *met = Some(second);
        }
        (operation, may)
    }
}

impl Cloud for Line {
    fn carry(&self, request: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        let functions = &self.functions;
        let begun = Instant::now();
        let asking = billed(hand_over(&functions.sync, request));
        let (answer, bill) = functions.runtime.block_on(asking);
        let took = begun.elapsed();
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", request.path));
        functions.note(self.judge(request, &answer), bill, took);
        Ok(answer)
    }

    /// Time stands still while somebody asks.
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// A till, whoever sells at it, and the customers before it. Times are seconds since the shops opened.
struct Counter {
    shop: Arc<Shop>,
    till: Till,
    functions: Arc<Functions>,
    /// When it still has to sell, the next last.
    plan: Vec<i64>,
    /// Who will pay by phone: when, and how much.
    customers: BTreeMap<i64, Money>,
    /// When it asks the cloud again.
    ask_at: i64,
    /// When something was recorded here, or a payment was claimed.
    happened: i64,
    /// Totals that no other sale of the shop may have: each payment fits one sale alone.
    totals: BTreeSet<i64>,
    place: usize,
    random: fastrand::Rng,
    sold: Vec<(FactId, i64)>,
    paid: BTreeSet<ReceiptCode>,
}

impl Counter {
    /// Whether anything falls into this second.
    fn is_due(&self, second: i64) -> bool {
        let sells = self.plan.last().is_some_and(|at| *at <= second);
        sells
            || self.ask_at <= second
            || self.customers.first_key_value().is_some_and(|(at, _)| *at <= second)
    }

    /// Does what falls into this second.
    fn act(&mut self, second: i64) {
        while let Some(customer) = self.customers.first_entry().filter(|it| *it.key() <= second) {
            let amount = customer.remove();
            self.paid.insert(self.functions.confirm(&self.shop, amount));
        }
        while self.plan.pop_if(|at| *at <= second).is_some() {
            self.sell(second);
        }
        if self.ask_at <= second {
            self.sync(second);
        }
    }

    fn sell(&mut self, second: i64) {
        let by_phone = self.random.u8(..5) < BY_PHONE_OF_FIVE;
        let sale = self.cart(if by_phone { Tender::Mpesa } else { Tender::Cash });
        let total = sale.total;
        let sold = self.till.sell(sale, &asha(), self.functions.now(), None).unwrap().sale;
        self.sold.push((sold.id, second));
        if by_phone {
            let mut at = second + self.random.i64(PAYING);
            while self.customers.contains_key(&at) {
                at += 1;
            }
            self.customers.insert(at, total);
        }
        // Whoever sells nudges whoever syncs.
        (self.happened, self.ask_at) = (second, second);
    }

    fn cart(&mut self, tender: Tender) -> Sale {
        loop {
            let sale = cart(&mut self.random, tender);
            let total = sale.total.cents();
            let own = total / 50 % TILLS.len() as i64 == self.place as i64;
            if own && self.totals.insert(total) {
                return sale;
            }
        }
    }

    fn sync(&mut self, second: i64) {
        let report = self.till.sync(self.functions.now()).unwrap();
        if report.claimed > 0 {
            self.happened = second;
        }
        let quiet = u64::try_from(second - self.happened).unwrap();
        let pause = app::pause(&self.till, self.functions.now(), Duration::from_secs(quiet));
        self.ask_at = second + i64::try_from(pause.as_secs()).unwrap();
    }
}

/// All shops and their tills.
struct Group {
    functions: Arc<Functions>,
    counters: Vec<Counter>,
    last: i64,
    _table: Dynamo,
    _home: TempDir,
}

impl Group {
    /// Opens the shops and enrols their tills, at eight in the morning.
    fn open(load: Load) -> Self {
        // Where commits cost nothing, if there is such a place: what a disk takes is not what is measured.
        let memory = Path::new("/dev/shm");
        let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let runtime = Runtime::new().unwrap();
        let table = runtime.block_on(Dynamo::start());
        let functions = Arc::new(Functions::made(runtime, &table, home.path()));
        let last = i64::from(load.minutes) * 60;
        let mut random = fastrand::Rng::with_seed(7);
        let mut ready = Vec::new();
        for number in 0..load.shops {
            let shop = Arc::new(shop(number));
            let codes = functions.runtime.block_on(functions.open(&shop));
            let mut plans = vec![Vec::new(); TILLS.len()];
            (0..load.sales).for_each(|_| plans[random.usize(..TILLS.len())].push(random.i64(0..last)));
            for (place, (code, mut plan)) in codes.into_iter().zip(plans).enumerate() {
                plan.sort_unstable_by(|one, other| other.cmp(one));
                ready.push((Arc::clone(&shop), place, code, plan, random.fork()));
            }
        }
        let enrolled = at_once(ready, |(shop, place, code, plan, random)| {
            let folder = Folder::at(&home.path().join(format!("{}-{place}", shop.id))).unwrap();
            let line = Line::to(&functions);
            enrol(&folder, &line, &code, TILLS[place]).unwrap();
            Counter {
                shop,
                till: Till::open(&folder, Box::new(line)).unwrap(),
                functions: Arc::clone(&functions),
                plan,
                customers: BTreeMap::new(),
                ask_at: 0,
                happened: 0,
                totals: BTreeSet::new(),
                place,
                random,
                sold: Vec::new(),
                paid: BTreeSet::new(),
            }
        });
        Self { functions, counters: enrolled, last, _table: table, _home: home }
    }

    /// Lets time pass until everything was sold, paid and told.
    fn trade(&mut self) {
        let last = self.last + SETTLING_SECONDS;
        for second in 0..=last {
            let now = self.functions.opened.millis() + second * 1000;
            self.functions.hand.store(now, Ordering::SeqCst);
            let due: Vec<&mut Counter> = self.counters.iter_mut().filter(|it| it.is_due(second)).collect();
            at_once(due, |counter| counter.act(second));
        }
        let idle = |counter: &Counter| counter.plan.is_empty() && counter.customers.is_empty();
        assert!(self.counters.iter().all(idle), "everybody sold and paid");
    }

    /// The shops, each with its tills.
    fn shops(&self) -> Vec<&[Counter]> {
        self.counters.chunk_by(|one, other| one.shop.id == other.shop.id).collect()
    }
}

fn shop(number: usize) -> Shop {
    let shortcode = ShortCode::parse(&(100_000 + number).to_string()).unwrap();
    let id = ShopId::parse(&format!("duka-{number}")).unwrap();
    Shop::new(id, &format!("Duka {number}"), Account::Till(shortcode), None).unwrap()
}

/// Does something with each by many threads, and gives what came of it, in order.
fn at_once<T: Send, R: Send>(all: Vec<T>, act: impl Fn(T) -> R + std::marker::Sync) -> Vec<R> {
    let each = all.len().div_ceil(AT_ONCE).max(1);
    let (mut rest, mut parts) = (all, Vec::new());
    while !rest.is_empty() {
        let after = rest.split_off(each.min(rest.len()));
        parts.push(std::mem::replace(&mut rest, after));
    }
    std::thread::scope(|scope| {
        let run = |part: Vec<T>| scope.spawn(|| part.into_iter().map(&act).collect::<Vec<R>>());
        let running: Vec<_> = parts.into_iter().map(run).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
