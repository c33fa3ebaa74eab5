//! A hub on the embedded store with the simulated Safaricom on its other side, in one process and by one
//! clock: what Safaricom posts goes through the hub's router, what the hub asks goes through Safaricom's.

use crate::world::app;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use daraja::{Call, outbound};
use domain::{Account, Money, Shop, ShopId, ShortCode, Timestamp};
use embedded::{EmbeddedStore, FileQueue};
use local::hub::Parts;
use local::safaricom::{Delivery, Faults, Kind, Number, Pay, Setup, Simulator, Status};
use service::guard::{SourceRule, Sources};
use service::store::Tokens;
use service::sweep::{Sweep, SweepReport};
use service::{CallbackSecret, Clock, Safaricom, SafaricomError, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tower::ServiceExt;

const SECRET: [u8; 32] = [7; 32];
/// The paybill of every drill.
pub const PAYBILL: &str = "600638";

/// The way to a simulated Safaricom in this process, with a token for each call.
#[derive(Clone)]
pub struct Near(Router);

impl Near {
    /// The way to this one.
    pub fn to(simulator: &Arc<Simulator>) -> Self {
        Self(simulator.router())
    }

    async fn ask(&self, request: Request<Body>) -> (u16, Vec<u8>) {
        let answer = self.0.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        (status, to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec())
    }
}

impl Safaricom for Near {
    async fn call<C: Call>(&self, call: &C) -> Result<C::Answer, SafaricomError> {
        let keys = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "key:secret");
        let token = Request::get(outbound::TOKEN_PATH).header(header::AUTHORIZATION, format!("Basic {keys}"));
        let (status, body) = self.ask(token.body(Body::empty()).unwrap()).await;
        let token = outbound::read_token_answer(status, &body)?;
        let method = if call.method() == outbound::Method::Get { Method::GET } else { Method::POST };
        let request = Request::builder()
            .method(method)
            .uri(call.path())
            .header(header::AUTHORIZATION, format!("Bearer {}", token.as_str()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(call.body().unwrap()))
            .unwrap();
        let (status, body) = self.ask(request).await;
        Ok(C::read(status, &body)?)
    }
}

/// The drill.
pub struct Drill {
    /// Safaricom.
    pub simulator: Arc<Simulator>,
    /// The hub's store.
    pub store: EmbeddedStore,
    /// The hub.
    pub router: Router,
    /// The shop.
    pub shop: ShopId,
    sweep: Arc<Sweep<EmbeddedStore, Near, FileQueue>>,
    now: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

impl Drill {
    /// A paybill whose addresses are registered, with these faults; a seed repeats everything.
    pub async fn new(seed: u64, faults: Faults) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(&folder.path().join("hub.sqlite")).unwrap();
        let now = Arc::new(AtomicI64::new(Timestamp::parse_daraja("20261121080000").unwrap().millis()));
        let ticking = Arc::clone(&now);
        let clock: Clock = Arc::new(move || Timestamp::from_millis(ticking.load(Ordering::SeqCst)).unwrap());
        let setup = Setup { faults, ..Setup::by_hand("key", "secret", seed, Arc::clone(&clock)) };
        let simulator = Simulator::with(setup);
        let parts = Parts {
            store: Arc::new(store.clone()),
            fallback: Arc::new(FileQueue::open(&folder.path().join("waiting")).unwrap()),
            safaricom: Arc::new(Near::to(&simulator)),
            app: Arc::new(app()),
            secret: CallbackSecret::new(SECRET),
            licence_key: replica::Keypair::from_seed(&[5; 32]),
            sources: Sources { rule: SourceRule::Off, ..Sources::default() },
            remember: Duration::ZERO,
            seed_paths: false,
            clock,
        };
        let (router, sweep) = parts.assemble();
        simulator.deliver_over(Delivery::Router(router.clone()));
        let number = ShortCode::parse(PAYBILL).unwrap();
        let id = ShopId::parse("kijiji").unwrap();
        let shop = Shop::new(id.clone(), "Duka", Account::Paybill(number), None).unwrap();
        let token = CallbackSecret::new(SECRET).token(&id, 0);
        let tokens = Tokens { newest: 0, hashes: vec![token.hash()] };
        store.put_shop(&shop, &tokens).await.unwrap();
        simulator.register(Number {
            shortcode: PAYBILL.into(),
            business: PAYBILL.into(),
            passkey: "world-passkey".into(),
            name: "Duka".into(),
            account: "paybill".into(),
            confirmation_url: format!("https://pay.example.com/in/{}/c/confirmation", token.as_str()),
            pull: true,
            ..Number::default()
        });
        Self { simulator, store, router, shop: id, sweep, now, _folder: folder }
    }

    /// Lets time pass, and Safaricom do what falls into it.
    pub async fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
        self.simulator.run_due().await;
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst)).unwrap()
    }

    /// Somebody posts a body to the shop's address; gives the status.
    pub async fn post(&self, end: &str, body: &serde_json::Value) -> u16 {
        let token = CallbackSecret::new(SECRET).token(&self.shop, 0);
        let request = Request::post(format!("/in/{}/{end}", token.as_str()));
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.router.clone().oneshot(request).await.unwrap().status().as_u16()
    }

    /// Customers come, one every so many seconds, each with an amount of their own.
    pub async fn customers(&self, count: u32, seconds: i64) {
        for number in 0..count {
            let pay = Pay {
                shortcode: PAYBILL.into(),
                amount: format!("{}.00", 10 + number % 40),
                phone: Some(format!("2547{number:08}")),
                reference: Some(format!("A{number}")),
                ..Pay::default()
            };
            self.simulator.pay(&pay).await.unwrap();
            self.pass(seconds).await;
        }
    }

    /// One sweep; nothing in it may fail.
    pub async fn sweep(&self) -> SweepReport {
        let report = self.sweep_whatever_happens().await;
        assert_eq!(report.failed, Vec::<String>::new());
        report
    }

    /// One sweep.
    pub async fn sweep_whatever_happens(&self) -> SweepReport {
        self.sweep.run().await
    }

    /// What the shop's feed says arrived: each receipt with its amount, and how many messages tell of it.
    pub async fn arrived(&self) -> BTreeMap<String, (Money, usize)> {
        let (mut cursor, mut arrived) = (Vec::new(), BTreeMap::new());
        loop {
            let news = self.store.news(&self.shop, &cursor).await.unwrap();
            for evidence in news.items.iter().filter_map(domain::FeedItem::evidence) {
                let (amount, messages) =
                    arrived.entry(evidence.receipt.to_string()).or_insert((evidence.amount, 0));
                assert_eq!(*amount, evidence.amount, "{}", evidence.receipt);
                *messages += 1;
            }
            cursor = news.cursor;
            if !news.more {
                return arrived;
            }
        }
    }

    /// What Safaricom's books say customers paid.
    pub fn paid(&self) -> BTreeMap<String, Money> {
        let books = self.simulator.transactions(PAYBILL).into_iter();
        let paid = books.filter(|entry| entry.kind.is_payment() && entry.status == Status::Completed);
        paid.map(|entry| (entry.receipt, entry.amount)).collect()
    }

    /// How many movements of a kind the books have.
    pub fn movements(&self, kind: Kind) -> usize {
        self.simulator.transactions(PAYBILL).iter().filter(|entry| entry.kind == kind).count()
    }

    /// The reasons in the inbox.
    pub async fn inbox(&self) -> Vec<String> {
        self.store.inbox(999).await.unwrap().into_iter().map(|item| item.reason).collect()
    }
}
