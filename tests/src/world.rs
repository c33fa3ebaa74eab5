//! A world in one process: a hub on the embedded store, tills and head office with their own ledgers,
//! a clock that the test moves, and a network whose weather the test makes.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use daraja::Call;
use daraja::outbound::{C2bVersion, Initiator, Method, ResponseType, SecurityCredential};
use domain::{
    Account, Cited, Document, Fact, FactBody, FactId, Line, Money, Person, Quantity, ReceiptCode, Role, Sale,
    Shop, ShopId, ShortCode, Tender, Timestamp,
};
use embedded::{EmbeddedStore, FileQueue};
use ledger::Ledger;
use local::hub::Parts;
use replica::wire::history::HistoryAnswer;
use replica::{Head, day_book};
use serde_json::{Value, json};
use service::guard::{SourceRule, Sources};
use service::payments::App;
use service::store::Tokens;
use service::sweep::{AT_ONCE, Sweep};
use service::{CallbackSecret, Clock, Safaricom, SafaricomError, Store};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use till::{
    Cloud, CloudError, CloudRequest, Folder, SaleRow, SiblingError, SiblingLine, Till, TillError, enrol,
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The secret of every world's callback tokens.
const SECRET: [u8; 32] = [7; 32];
/// The passkey of every shop.
const PASSKEY: &str = "world-passkey";

/// A Safaricom that takes everything and says nothing more, unless a story tells it what to answer.
#[derive(Clone, Default)]
pub struct QuietSafaricom {
    asked: Arc<Mutex<Vec<(&'static str, Value)>>>,
    answers: Arc<Mutex<Answers>>,
    /// What was paid to a number, told when that number is pulled the next time.
    pages: Arc<Mutex<BTreeMap<String, VecDeque<String>>>>,
    /// The next call gets no answer.
    pub silent: Arc<std::sync::atomic::AtomicBool>,
}

/// What to answer next on each path: status and body.
type Answers = BTreeMap<&'static str, VecDeque<(u16, String)>>;

/// Where pushes are sent.
pub const PUSH: &str = "/mpesa/stkpush/v1/processrequest";
/// Where it is asked what became of them.
pub const PUSH_QUERY: &str = "/mpesa/stkpushquery/v1/query";
/// Where the status of a payment is asked.
pub const STATUS: &str = "/mpesa/transactionstatus/v1/query";
/// Where reversals are asked.
pub const REVERSAL: &str = "/mpesa/reversal/v1/request";
/// Where payments are pulled.
pub const PULL: &str = "/pulltransactions/v1/query";

impl QuietSafaricom {
    /// How many prompts were asked of it.
    pub fn pushes(&self) -> usize {
        self.asked(PUSH).len()
    }

    /// What was asked on a path.
    pub fn asked(&self, path: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(where_to, _)| *where_to == path).map(|(_, body)| body.clone()).collect()
    }

    /// Answers the next call on a path so.
    pub fn answer(&self, path: &'static str, status: u16, body: impl Into<String>) {
        self.answers.lock().unwrap().entry(path).or_default().push_back((status, body.into()));
    }

    /// Answers the next pull of a number so, whoever is pulled beside it.
    pub fn answer_pull(&self, number: &str, body: impl Into<String>) {
        self.pages.lock().unwrap().entry(number.to_owned()).or_default().push_back(body.into());
    }
}

impl Safaricom for QuietSafaricom {
    async fn call<C: Call>(&self, call: &C) -> Result<C::Answer, SafaricomError> {
        let body: Value = serde_json::from_slice(&call.body().unwrap()).unwrap();
        let pulled =
            body["ShortCode"].as_str().filter(|_| call.path() == PULL).unwrap_or_default().to_owned();
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((call.path(), body));
            asked.iter().filter(|(path, _)| *path == call.path()).count()
        };
        if self.silent.swap(false, Ordering::SeqCst) {
            return Err(SafaricomError::Unknown);
        }
        let page = self.pages.lock().unwrap().get_mut(&pulled).and_then(VecDeque::pop_front);
        let told = page.map(|page| (200, page));
        let told =
            told.or_else(|| self.answers.lock().unwrap().get_mut(call.path()).and_then(VecDeque::pop_front));
        let (status, body) = told.unwrap_or_else(|| match call.path() {
            PUSH_QUERY => (200, json!({ "ResponseCode": "0", "ResultCode": "4999" }).to_string()),
            PULL => (200, json!({ "ResponseCode": "1001", "Response": [[]] }).to_string()),
            _ => {
                let answer = json!({
                    "ResponseCode": "0", "CheckoutRequestID": format!("ws_CO_{number}"),
                    "MerchantRequestID": format!("m-{number}"), "ResponseDescription": "Success",
                    "ResponseStatus": "1000",
                    "OriginatorConversationID": format!("o-{number}"), "ConversationID": format!("AG_{number}"),
                });
                (200, answer.to_string())
            }
        });
        Ok(C::read(status, body.as_bytes())?)
    }
}

/// The world; a story's has the plain store and a Safaricom that is quiet, a simulation's worse ones.
pub struct World<S = EmbeddedStore, D = QuietSafaricom> {
    runtime: Runtime,
    router: Router,
    /// The hub's store.
    pub store: S,
    now: Arc<AtomicI64>,
    home: PathBuf,
    /// What a world that keeps nothing takes with it when it ends.
    _folder: Option<tempfile::TempDir>,
    /// The Safaricom behind the hub.
    pub safaricom: D,
    /// Where callbacks wait while the store is down.
    pub queue: FileQueue,
    /// What runs every quarter of an hour, run by the story.
    pub sweep: Arc<Sweep<S, D, FileQueue>>,
}

/// What the network between one till and the hub does.
#[derive(Default)]
pub struct Weather {
    /// Nothing gets through.
    pub offline: bool,
    /// How many of a hundred requests are lost on the way there, and answers on the way back.
    pub loss_percent: (u8, u8),
    /// Where chance comes from.
    pub random: Option<fastrand::Rng>,
    /// After so many more requests the line goes down; `None`: it does not.
    pub requests_left: Option<u64>,
    /// How many requests arrived.
    pub arrived: u64,
    /// Bytes of bodies, there and back.
    pub bytes: (u64, u64),
}

/// A replica's line to the hub.
#[derive(Clone)]
pub struct Line2Hub {
    router: Router,
    runtime: tokio::runtime::Handle,
    /// Its weather.
    pub weather: Arc<Mutex<Weather>>,
    /// Whether somebody on the way changes the history that comes.
    pub tamper: Arc<AtomicBool>,
}

impl Line2Hub {
    /// Brings a request to the hub whatever the weather, and the answer back.
    ///
    /// # Errors
    /// The hub refused.
    pub fn deliver(&self, request: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        self.runtime.block_on(hand_over(&self.router, request))
    }
}

/// Hands what a replica asks to functions, as a server would, and gives what they answer.
///
/// # Errors
/// They refused.
pub async fn hand_over(router: &Router, request: &CloudRequest) -> Result<Vec<u8>, CloudError> {
    let mut builder = Request::builder().method(request.method).uri(&request.path);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let carried = builder.body(Body::from(request.body.clone())).unwrap();
    let answer = router.clone().oneshot(carried).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    if status.is_success() { Ok(body.to_vec()) } else { Err(CloudError::from_answer(status.as_u16(), &body)) }
}

impl Cloud for Line2Hub {
    fn carry(&self, request: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        let lost = || Err(CloudError::Unreachable("lost on the way".to_owned()));
        {
            let mut weather = self.weather.lock().unwrap();
            let (there, _) = weather.loss_percent;
            let unlucky = weather.random.as_mut().is_some_and(|r| r.u8(..100) < there);
            if weather.offline || unlucky || weather.requests_left == Some(0) {
                return lost();
            }
            weather.requests_left = weather.requests_left.map(|left| left - 1);
            weather.arrived += 1;
            weather.bytes.0 += request.body.len() as u64;
        }
        let answer = self.deliver(request);
        let mut weather = self.weather.lock().unwrap();
        let (_, back) = weather.loss_percent;
        if weather.random.as_mut().is_some_and(|r| r.u8(..100) < back) {
            return lost();
        }
        weather.bytes.1 += answer.as_ref().map_or(0, |body| body.len() as u64);
        if self.tamper.load(Ordering::SeqCst) && request.path.ends_with("/history") {
            let mut history = HistoryAnswer::decode(&answer?).unwrap();
            history.batches.iter_mut().for_each(|batch| batch.before = Some([7; 32]));
            return Ok(history.encode());
        }
        answer
    }

    /// In a story time passes when the story says so, and no question takes any.
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// A till or head office with its folder and its line.
pub struct Replica {
    till: Option<Arc<Till>>,
    folder: Folder,
    /// Where it lives.
    pub path: PathBuf,
    /// Its line to the hub.
    pub line: Line2Hub,
}

impl std::ops::Deref for Replica {
    type Target = Till;
    fn deref(&self) -> &Till {
        self.till.as_ref().unwrap()
    }
}

impl Replica {
    /// Ends the program as a power cut would, and starts it again on the same folder.
    pub fn restart(&mut self) {
        self.till = None;
        self.till = Some(Arc::new(Till::open(&self.folder, Box::new(self.line.clone())).unwrap()));
    }

    /// Writes a fact that the till's own program would refuse to write, as a hostile one might.
    pub fn forge(&mut self, shop: &ShopId, body: FactBody, now: Timestamp) {
        self.forge_again(shop, body, None, now);
    }

    /// The same, as if it had been written before under another name.
    pub fn forge_again(&mut self, shop: &ShopId, body: FactBody, formerly: Option<FactId>, now: Timestamp) {
        self.till = None;
        let mut ledger = Ledger::open(&self.folder.ledger_path()).unwrap();
        let actor = ledger.writer(shop).unwrap();
        let tip = ledger.tip(shop, actor).unwrap();
        let head = tip.as_ref().map_or_else(|| Head::genesis(shop, actor), Head::of);
        let (id, by) = (FactId { actor, number: head.number + 1 }, Person::named("Mallory"));
        let fact = Fact { id, at: now, clock: None, formerly, by, body };
        let end = ledger.strand_end(shop, actor, Document::DayBook(now.business_day())).unwrap();
        let opened = head.fact(&fact, end.map(|end| day_book::change(&end).strand));
        ledger.record(shop, (&opened.entry, opened.strand), &fact, None).unwrap();
        drop(ledger);
        self.restart();
    }

    /// The till itself, to be served.
    pub fn shared(&self) -> Arc<Till> {
        Arc::clone(self.till.as_ref().unwrap())
    }

    /// Asks the hub something under the folder's own name, as a program of its own would; words on refusal.
    pub fn ask(
        &self,
        method: &'static str,
        path: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<Value, String> {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let credentials = self.folder.credentials().unwrap();
        let answer = credentials.ask(&self.line, method, path, body, now).map_err(|e| e.to_string())?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    /// Pulls the network, or plugs it in.
    pub fn offline(&self, offline: bool) {
        self.line.weather.lock().unwrap().offline = offline;
    }
}

/// The shop's own network between two tills, without the cloud.
pub struct Wifi {
    there: Arc<Till>,
    clock: Clock,
    /// After so many more requests it goes down; `None`: it does not.
    pub left: Mutex<Option<u64>>,
    /// What went over it: requests and answers.
    pub heard: Mutex<Vec<Vec<u8>>>,
}

impl SiblingLine for Wifi {
    fn carry(&self, sealed: &[u8]) -> Result<Vec<u8>, SiblingError> {
        let mut left = self.left.lock().unwrap();
        if *left == Some(0) {
            return Err(SiblingError::Unreachable("out of reach".to_owned()));
        }
        *left = left.map(|left| left - 1);
        let answer = self.there.answer_sibling(sealed, (self.clock)()).map_err(|error| match error {
            TillError::Sibling(error) => error,
            error => SiblingError::Unreachable(error.to_string()),
        })?;
        self.heard.lock().unwrap().extend([sealed.to_vec(), answer.clone()]);
        Ok(answer)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// An app at Safaricom that may do everything, for every shop of a world.
pub fn app() -> App {
    let numbers = ["123456", "600638"].map(|n| (ShortCode::parse(n).unwrap(), PASSKEY.to_owned()));
    App {
        production: false,
        passkeys: numbers.into_iter().collect(),
        callback_base: "https://pay.example.com".to_owned(),
        c2b_version: C2bVersion::V2,
        response_type: ResponseType::Completed,
        pull_method: Some(Method::Post),
        at_once: AT_ONCE,
        initiator: Some(Initiator::new("testapi", SecurityCredential::from_sealed("c2VhbGVk"))),
    }
}

impl World {
    /// A hub that nobody knows yet, at eight in the morning.
    pub fn new() -> Self {
        Self::with(|store, _| (store, QuietSafaricom::default()))
    }

    /// The hub that lies in a folder, or a new one there, at the same time of the same day.
    pub fn at(home: &Path) -> Self {
        Self::made(home.to_owned(), None, app(), |store, _| (store, QuietSafaricom::default()))
    }
}

impl<S: Store + Clone, D: Safaricom + Clone> World<S, D> {
    /// A hub as it is made of the plain store and the world's clock.
    pub fn with(make: impl FnOnce(EmbeddedStore, Clock) -> (S, D)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::made(folder.path().to_owned(), Some(folder), app(), make)
    }

    /// The same, in a folder of its own that goes away with it, and so that it repeats exactly: a sweep asks one thing
    /// after the other.
    pub fn within(folder: tempfile::TempDir, make: impl FnOnce(EmbeddedStore, Clock) -> (S, D)) -> Self {
        Self::made(folder.path().to_owned(), Some(folder), App { at_once: 1, ..app() }, make)
    }

    fn made(
        home: PathBuf,
        folder: Option<tempfile::TempDir>,
        app: App,
        make: impl FnOnce(EmbeddedStore, Clock) -> (S, D),
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let store = EmbeddedStore::open(&home.join("hub.sqlite")).unwrap();
        let now = Arc::new(AtomicI64::new(Timestamp::parse_daraja("20261121080000").unwrap().millis()));
        let ticking = Arc::clone(&now);
        let clock: Clock = Arc::new(move || Timestamp::from_millis(ticking.load(Ordering::SeqCst)).unwrap());
        let queue = FileQueue::open(&home.join("waiting")).unwrap();
        let (store, safaricom) = make(store, Arc::clone(&clock));
        let parts = Parts {
            store: Arc::new(store.clone()),
            fallback: Arc::new(queue.clone()),
            safaricom: Arc::new(safaricom.clone()),
            app: Arc::new(app),
            secret: CallbackSecret::new(SECRET),
            licence_key: replica::Keypair::from_seed(&[5; 32]),
            sources: Sources { rule: SourceRule::Off, ..Sources::default() },
            remember: Duration::ZERO,
            seed_paths: true,
            clock,
        };
        let (router, sweep) = parts.assemble();
        Self { runtime, router, store, now, home, _folder: folder, safaricom, queue, sweep }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst)).unwrap()
    }

    /// The hub, for whoever calls it by itself.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The hand of the world's clock, in milliseconds, for whoever moves it on the way.
    pub fn hand(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.now)
    }

    /// The world's clock, for whoever serves in it.
    pub fn clock(&self) -> Clock {
        let ticking = Arc::clone(&self.now);
        Arc::new(move || Timestamp::from_millis(ticking.load(Ordering::SeqCst)).unwrap())
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// A network over which a till can be reached by its siblings.
    pub fn wifi(&self, to: &Replica) -> Wifi {
        Wifi { there: to.shared(), clock: self.clock(), left: Mutex::default(), heard: Mutex::default() }
    }

    /// Runs something of the hub's.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Opens a shop with a till number (`123456`) or a paybill (`600638`).
    pub fn shop(&self, id: &str, account: &str, shortcode: &str) -> ShopId {
        let id = ShopId::parse(id).unwrap();
        let account = Account::of_kind(account, ShortCode::parse(shortcode).unwrap()).unwrap();
        let shop = Shop::new(id.clone(), "Duka", account, None).unwrap();
        self.put_shop(&shop);
        id
    }

    /// Opens a shop with everything it chose, or changes it.
    pub fn put_shop(&self, shop: &Shop) {
        let hashes = vec![CallbackSecret::new(SECRET).token(&shop.id, 0).hash()];
        self.wait(self.store.put_shop(shop, &Tokens { newest: 0, hashes })).unwrap();
    }

    /// The path under which Safaricom calls for a shop.
    pub fn token_path(&self, shop: &ShopId, end: &str) -> String {
        format!("/in/{}/{end}", CallbackSecret::new(SECRET).token(shop, 0).as_str())
    }

    /// A new till of a shop, enrolled and open.
    pub fn till(&self, shop: &ShopId, name: &str) -> Replica {
        self.enrolled(Role::Till, Some(shop), name)
    }

    /// A new till of a shop that keeps so many days of history.
    pub fn till_with_history(&self, shop: &ShopId, name: &str, days: u32) -> Replica {
        let mut replica = self.till(shop, name);
        let till = Arc::into_inner(replica.till.take().unwrap()).unwrap();
        replica.till = Some(Arc::new(till.with_history(Some(days))));
        replica
    }

    /// Head office, enrolled and open.
    pub fn office(&self) -> Replica {
        self.enrolled(Role::Office, None, "Head office")
    }

    /// Whoever runs the cloud.
    pub fn administrator(&self) -> Replica {
        self.enrolled(Role::Platform, None, "Administrator")
    }

    /// A permission to enrol once.
    pub fn code(&self, role: Role, shop: Option<&ShopId>) -> String {
        let code = service::office::new_code(&self.store, role, shop.cloned(), self.now());
        self.wait(code).unwrap().0
    }

    fn enrolled(&self, role: Role, shop: Option<&ShopId>, name: &str) -> Replica {
        let code = self.code(role, shop);
        let path = self.home.join(format!("{}-{}", name.replace(' ', "-"), fastrand::u32(..)));
        let line = self.line();
        let folder = Folder::at(&path).unwrap();
        enrol(&folder, &line, &code, name).unwrap();
        let till = Till::open(&folder, Box::new(line.clone())).unwrap();
        Replica { till: Some(Arc::new(till)), folder, path, line }
    }

    /// Opens a replica on another folder, such as a copy.
    pub fn open(&self, path: PathBuf) -> Replica {
        let (line, folder) = (self.line(), Folder::at(&path).unwrap());
        let till = Till::open(&folder, Box::new(line.clone())).unwrap();
        Replica { till: Some(Arc::new(till)), folder, path, line }
    }

    /// The same, if a till lives in that folder.
    pub fn open_if_there(&self, path: &Path) -> Option<Replica> {
        Folder::at(path).unwrap().is_enrolled().then(|| self.open(path.to_owned()))
    }

    /// A line to the hub, in fair weather.
    pub fn line(&self) -> Line2Hub {
        self.line_to(self.router.clone())
    }

    /// A line to other functions than this world's own hub.
    pub fn line_to(&self, router: Router) -> Line2Hub {
        Line2Hub {
            router,
            runtime: self.runtime.handle().clone(),
            weather: Arc::default(),
            tamper: Arc::default(),
        }
    }

    /// Posts a body to the hub; gives status and answer.
    pub fn post(&self, path: &str, body: &str) -> (u16, String) {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.wait(async {
            let answer = self.router.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        })
    }

    /// A customer pays some shillings to a number, and Safaricom confirms it.
    pub fn pay(&self, receipt: &str, shortcode: &str, shillings: u32, reference: &str) {
        let body = confirmation(receipt, shortcode, &format!("{shillings}.00"), reference, self.now());
        let (status, answer) = self.post("/mpesa/callback", &body);
        assert_eq!((status, answer.as_str()), (200, r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#));
    }
}

/// A C2B confirmation as Safaricom sends it today.
pub fn confirmation(receipt: &str, shortcode: &str, amount: &str, reference: &str, at: Timestamp) -> String {
    serde_json::json!({
        "TransactionType": "Customer Merchant Payment", "TransID": receipt, "TransTime": at.to_daraja(),
        "TransAmount": amount, "BusinessShortCode": shortcode, "BillRefNumber": reference,
        "InvoiceNumber": "", "OrgAccountBalance": "", "ThirdPartyTransID": "",
        "MSISDN": "2547 ***** 149", "FirstName": "ASHA", "MiddleName": "", "LastName": "WANJIRU",
    })
    .to_string()
}

/// The result of a status query, reversal or balance, as Safaricom posts it.
pub fn request_result(originator: &str, code: &str, outer: &str, parameters: &[(&str, &str)]) -> String {
    let parameter = |(key, value): &(&str, &str)| json!({ "Key": key, "Value": value });
    let parameters: Vec<Value> = parameters.iter().map(parameter).collect();
    json!({ "Result": {
        "ResultType": 0, "ResultCode": code, "ResultDesc": "as asked", "OriginatorConversationID": originator,
        "ConversationID": "AG_1", "TransactionID": outer,
        "ResultParameters": { "ResultParameter": parameters },
    }})
    .to_string()
}

/// Everybody says everything to everybody.
pub fn exchange<S: Store + Clone, D: Safaricom + Clone>(world: &World<S, D>, replicas: &[&Replica]) {
    for _ in 0..2 {
        for replica in replicas {
            replica.sync(world.now()).unwrap();
        }
    }
}

/// The cashier of most stories.
pub fn asha() -> Person {
    Person::named("Asha")
}

/// An amount of shillings.
pub fn kes(shillings: u32) -> Money {
    Money::from_cents(i64::from(shillings) * 100)
}

/// A receipt code.
pub fn code(text: &str) -> ReceiptCode {
    ReceiptCode::parse(text).unwrap()
}

/// A sale of one thing.
pub fn of(shillings: u32, tender: Tender) -> Sale {
    let line = Line::new("Goods", Quantity::ONE, kes(shillings)).unwrap();
    Sale::new(vec![line], kes(shillings), tender, None).unwrap()
}

/// Sells one thing for M-Pesa.
pub fn sell(till: &Till, shillings: u32, now: Timestamp) -> FactId {
    till.sell(of(shillings, Tender::Mpesa), &asha(), now, None).unwrap().sale.id
}

/// What a replica says about every sale of a shop: comparable between replicas.
pub fn verdicts(till: &Till, shop: &ShopId) -> Vec<(FactId, String, Money, bool, Vec<String>)> {
    let rows: Vec<SaleRow> = till.sales(shop, till::SaleFilter::All, None, 10_000).unwrap();
    let mut all: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let claims = till.claims(row.id).unwrap();
            let leads =
                |receipt: &ReceiptCode| till.holder(shop, receipt).unwrap() == Some(Cited::by_name(row.id));
            let told = claims.iter().map(|c| format!("{} {} {}", c.id, c.receipt, leads(&c.receipt)));
            (row.id, row.state.name().to_owned(), row.due, row.conflict, told.collect())
        })
        .collect();
    all.sort_by_key(|(id, ..)| *id);
    all
}
