//! A day of a shop and of those who run the cloud, where each function may do what the template allows it and nothing more:
//! what a function needs and was not given fails here, and not in somebody's account.

use axum::Router;
use domain::{How, Msisdn, ShopId};
use embedded::FileQueue;
use serde_json::{Value, json};
use service::callbacks::Callbacks;
use service::fallback::Fallback;
use service::guard::{KnownTokens, SourceRule, Sources};
use service::licence::{Owners, TextError, Texts};
use service::office::Office;
use service::payments::Payments;
use service::sweep::{Sweep, SweepReport};
use service::sync::Sync;
use service::{CallbackSecret, callbacks, office, payments, sync};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tests::dynamo::Dynamo;
use tests::world::{
    Line2Hub, QuietSafaricom, World, app, asha, code, confirmation, kes, request_result, sell,
};
use till::{CloudRequest, Folder, Till, enrol};
use tokio::runtime::Runtime;

const SECRET: [u8; 32] = [7; 32];
const PAYBILL: &str = "400200";

/// Phones that take every message.
struct Phones;

impl Texts for Phones {
    async fn send(&self, _: &Msisdn, _: &str) -> Result<(), TextError> {
        Ok(())
    }
}

/// The functions, each with a store of its own, behind the guard.
struct Cloud {
    world: World<dynamodb::DynamoStore, QuietSafaricom>,
    line: Line2Hub,
    sweep: Arc<Sweep<dynamodb::DynamoStore, QuietSafaricom, FileQueue>>,
    owners: Owners<dynamodb::DynamoStore, Phones>,
    queue: FileQueue,
    home: TempDir,
    _dynamo: Dynamo,
    _runtime: Runtime,
}

impl Cloud {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let dynamo = runtime.block_on(Dynamo::start());
        let home = tempfile::tempdir().unwrap();
        let world = World::with(|_, _| (dynamo.store(), QuietSafaricom::default()));
        let store = |function| Arc::new(runtime.block_on(dynamo.store_of(function)));
        let (clock, safaricom) = (world.clock(), Arc::new(world.safaricom.clone()));
        let secret = || CallbackSecret::new(SECRET);
        let queue = FileQueue::open(&home.path().join("waiting")).unwrap();
        let callbacks = callbacks::router(Callbacks {
            store: store("callbacks"),
            fallback: Arc::new(queue.clone()),
            clock: clock.clone(),
            seed_paths: true,
            sources: Sources { rule: SourceRule::Off, ..Sources::default() },
            tokens: KnownTokens::for_time(Duration::ZERO),
            counts: Arc::default(),
        });
        let key = replica::Keypair::from_seed(&[5; 32]);
        let sync = sync::router(Sync::new(store("sync"), clock.clone()).signing(key));
        let payments = payments::router(Payments {
            store: store("payments"),
            safaricom: Arc::clone(&safaricom),
            app: Arc::new(app()),
            secret: secret(),
            clock: clock.clone(),
        });
        let office = office::router(Office {
            store: store("office"),
            secret: secret(),
            callback_base: "https://pay.example.com".to_owned(),
            clock: clock.clone(),
            known: None,
            counts: None,
        });
        let sweep = Arc::new(Sweep {
            store: store("sweep"),
            safaricom,
            fallback: Arc::new(queue.clone()),
            app: Arc::new(app()),
            clock: clock.clone(),
        });
        let owners = Owners { store: store("sweep"), texts: Arc::new(Phones), clock };
        let line = world.line_to(Router::new().merge(callbacks).merge(sync).merge(payments).merge(office));
        Self { world, line, sweep, owners, queue, home, _dynamo: dynamo, _runtime: runtime }
    }

    /// A new member, in a folder of its own.
    fn enrolled(&self, code: &str, name: &str) -> (Folder, Till) {
        let folder = Folder::at(&self.home.path().join(name)).unwrap();
        enrol(&folder, &self.line, code, name).unwrap();
        let till = Till::open(&folder, Box::new(self.line.clone())).unwrap();
        (folder, till)
    }

    /// What a member is answered.
    fn ask(&self, who: &Folder, method: &'static str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let answer = who.credentials().unwrap().ask(&self.line, method, path, body, self.world.now());
        serde_json::from_slice(&answer.unwrap_or_else(|e| panic!("{method} {path}: {e}"))).unwrap()
    }

    /// Safaricom posts something, and it is acknowledged.
    fn posts(&self, path: &str, body: &str) {
        let request = CloudRequest::unsigned("POST", path, body.as_bytes().to_vec());
        self.line.deliver(&request).unwrap_or_else(|e| panic!("{path}: {e}"));
    }

    fn sweep(&self) -> SweepReport {
        let report = self.world.wait(self.sweep.run());
        assert_eq!(report.failed, [""; 0]);
        self.world.wait(self.owners.tell()).unwrap();
        report
    }

    /// The hash of the only callback in the inbox.
    fn waiting(&self, admin: &Folder) -> String {
        let inbox = self.ask(admin, "GET", "/v1/admin/inbox", &Value::Null);
        assert_eq!(inbox.as_array().unwrap().len(), 1, "{inbox}");
        inbox[0]["hash"].as_str().unwrap().to_owned()
    }
}

fn shop() -> ShopId {
    ShopId::parse("kijiji").unwrap()
}

/// An administrator opened the shop and let a till in.
fn morning() -> (Cloud, Folder, Till) {
    let cloud = Cloud::new();
    let code = cloud.world.code(domain::Role::Platform, None);
    let (admin, _) = cloud.enrolled(&code, "Administrator");
    let form = json!({ "id": "kijiji", "name": "Duka", "account": "paybill", "shortcode": "600638" });
    cloud.ask(&admin, "POST", "/v1/admin/shops", &form);
    let code =
        cloud.ask(&admin, "POST", "/v1/admin/enrolments", &json!({ "role": "till", "shop": "kijiji" }));
    let (_, till) = cloud.enrolled(code["code"].as_str().unwrap(), "Front");
    (cloud, admin, till)
}

#[test]
fn a_shops_day_needs_no_more_than_the_template_allows() {
    let (cloud, _, till) = morning();
    let now = || cloud.world.now();
    // Paid without a prompt, and claimed by somebody.
    let sale = sell(&till, 500, now());
    cloud.posts("/mpesa/c2b/confirmation", &confirmation("UKL4AB12C1", "600638", "700.00", "", now()));
    till.sync(now()).unwrap();
    cloud.world.pass(60);
    let other = sell(&till, 700, now());
    till.claim(other, (code("UKL4AB12C1"), How::Picked), &asha(), now()).unwrap();
    // Prompted, and the result comes before anybody knows of the prompt, and once more.
    let result = |checkout: &str, receipt: &str| {
        json!({ "Body": { "stkCallback": {
            "MerchantRequestID": "m", "CheckoutRequestID": checkout, "ResultCode": 0, "ResultDesc": "ok",
            "CallbackMetadata": { "Item": [{ "Name": "Amount", "Value": 500 },
                { "Name": "MpesaReceiptNumber", "Value": receipt }, { "Name": "TransactionDate", "Value": 20261121080110_u64 },
                { "Name": "PhoneNumber", "Value": 254_708_374_149_u64 }] }
        }}})
        .to_string()
    };
    cloud.posts("/mpesa/callback", &result("ws_CO_1", "UKL4AB12C2"));
    till.ask_for_payment(sale, &Msisdn::parse_phone("0712345678").unwrap(), now()).unwrap();
    cloud.posts("/mpesa/callback", &result("ws_CO_1", "UKL4AB12C2"));
    till.sync(now()).unwrap();
    assert_eq!([sale, other].map(|sale| till.sale(sale).unwrap().due), [kes(0); 2]);
    // What else is asked of Safaricom, and what it answers.
    let asked = till.check_payment(&shop(), &code("UKL4AB12C1"), now()).unwrap();
    assert!(till.request_state(&shop(), &asked, now()).is_ok());
    let completed = [
        ("ReceiptNo", "UKL4AB12C1"),
        ("TransactionStatus", "Completed"),
        ("Amount", "700.0"),
        ("CreditPartyName", "600638 - Duka"),
    ];
    cloud.posts("/mpesa/callback", &request_result("o-2", "0", "UKL4AB12CX", &completed));
    // A prompt that nobody answered, and the next sweeps; then the joining of an old day.
    let open = sell(&till, 300, now());
    till.ask_for_payment(open, &Msisdn::parse_phone("0722000000").unwrap(), now()).unwrap();
    till.sync(now()).unwrap();
    for _ in 0..30 {
        sell(&till, 10, now());
        till.sync(now()).unwrap();
    }
    cloud.world.pass(16 * 60);
    let row = json!({
        "transactionId": "UKL4AB12C4", "trxDate": now().to_seed(), "msisdn": 254_712_345_678_u64, "sender": "",
        "transactiontype": "c2b-pay-bill-debit", "billreference": "", "amount": "500.0",
    });
    let page = json!({ "ResponseCode": "1000", "Response": [[row]] }).to_string();
    cloud.world.safaricom.answer_pull("600638", page);
    let report = cloud.sweep();
    assert_eq!((report.pushes, report.shops["kijiji"].new), (2, 1), "{report:?}");
    cloud.world.pass(3 * 24 * 3600);
    assert_eq!(cloud.sweep().joined, 1);
    till.sync(now()).unwrap();
    assert_eq!(till.payments(&shop(), false, 9).unwrap().len(), 3);
}

#[test]
fn those_who_run_the_cloud_need_no_more_than_the_template_allows() {
    let (cloud, admin, till) = morning();
    let ask = |method, path: &str, body: Value| cloud.ask(&admin, method, path, &body);
    // A number is changed, tokens are.
    let form = json!({ "id": "kijiji", "name": "Duka", "account": "paybill", "shortcode": "600638", "store_number": "7000123" });
    ask("POST", "/v1/admin/shops", form.clone());
    for what in ["rotate", "retire"] {
        ask("POST", "/v1/admin/tokens", json!({ "shop": "kijiji", "what": what }));
    }
    // Orphans are given to a shop, taken back, and laid aside.
    cloud.posts("/mpesa/callback", &confirmation("UKL4AB12C5", "999999", "500.00", "", cloud.world.now()));
    let hash = cloud.waiting(&admin);
    ask("GET", &format!("/v1/admin/inbox/{hash}"), Value::Null);
    ask("POST", "/v1/admin/inbox/assign", json!({ "hash": hash, "shop": "kijiji" }));
    ask("POST", "/v1/admin/inbox/reopen", json!({ "hash": hash, "reason": "it is another's" }));
    ask("POST", "/v1/admin/inbox/dismiss", json!({ "hash": hash, "reason": "a test" }));
    // So is an answer to a request that nobody made.
    cloud.posts("/mpesa/callback", &request_result("o-9", "0", "UKL4AB12C1", &[]));
    let hash = cloud.waiting(&admin);
    ask("POST", "/v1/admin/inbox/dismiss", json!({ "hash": hash, "reason": "a test" }));
    ask("POST", "/v1/admin/inbox/reopen", json!({ "hash": hash, "reason": "a test" }));
    ask("POST", "/v1/admin/inbox/dismiss", json!({ "hash": hash, "reason": "a test" }));
    // Licences are sold, bought, taken back, and their owners told.
    ask("POST", "/v1/admin/licences", json!({ "paybill": PAYBILL, "price": "1000.00", "days": 30 }));
    ask("POST", "/v1/admin/owners", json!({ "shop": "kijiji", "phone": "0712345678" }));
    cloud.posts(
        "/mpesa/callback",
        &confirmation("UKL4AB12C6", PAYBILL, "1000.00", "LICENSE-kijiji", cloud.world.now()),
    );
    cloud.sweep();
    till.sync(cloud.world.now()).unwrap();
    cloud.posts(
        "/mpesa/callback",
        &confirmation("UKL4AB12C7", PAYBILL, "1000.00", "nobody", cloud.world.now()),
    );
    let hash = cloud.waiting(&admin);
    ask("POST", "/v1/admin/inbox/assign", json!({ "hash": hash, "shop": "kijiji" }));
    ask("POST", "/v1/admin/inbox/reopen", json!({ "hash": hash, "reason": "it is another's" }));
    ask("GET", "/v1/admin/licences", Value::Null);
    ask("GET", "/v1/admin/licences/kijiji", Value::Null);
    // What waited in the queue is filed, wherever it belongs.
    let waited = |receipt: &str, number: &str| {
        let body = hex::encode(confirmation(receipt, number, "500.00", "", cloud.world.now()));
        json!({ "token": null, "timed_out": false, "received_at": cloud.world.now().millis(), "body": body })
            .to_string()
    };
    for content in [waited("UKL4AB12C8", "600638"), waited("UKL4AB12C9", PAYBILL), "what is this".to_owned()]
    {
        cloud.world.wait(cloud.queue.put(content.as_bytes())).unwrap();
    }
    assert_eq!(cloud.sweep().redriven, 3);
    // Head office comes, and somebody is kept out.
    let code = ask("POST", "/v1/admin/enrolments", json!({ "role": "office" }));
    let (_, office) = cloud.enrolled(code["code"].as_str().unwrap(), "Office");
    for _ in 0..2 {
        sell(&till, 100, cloud.world.now());
        till.sync(cloud.world.now()).unwrap();
        office.sync(cloud.world.now()).unwrap();
        cloud.world.pass(16 * 60);
    }
    assert_eq!(office.sales(&shop(), till::SaleFilter::All, None, 9).unwrap().len(), 2);
    let members = ask("GET", "/v1/admin/members", Value::Null);
    let front = members.as_array().unwrap().iter().find(|member| member["name"] == "Front").unwrap();
    ask("POST", "/v1/admin/members/revoke", json!({ "actor": front["actor"] }));
    assert!(till.sync(cloud.world.now()).is_err());
}
