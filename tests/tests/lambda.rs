//! The functions as Lambda runs them: the built programs, a Lambda runtime, API Gateway's events, the
//! table, the queue, and a simulated Safaricom.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::{Account, Actor, FeedItem, Member, Role, Shop, ShopId, ShortCode, TillId, Timestamp};
use local::safaricom::{Number, Simulator};
use replica::keys::request_message;
use replica::wire::{SyncAnswer, SyncRequest};
use replica::{Batch, Head, Keypair};
use serde_json::{Value, json};
use service::auth::{ACTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER};
use service::store::Tokens;
use service::{CallbackSecret, Store};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use tests::cloud::quarter_of_an_hour;
use tests::dynamo::Dynamo;
use tests::gateway::event;
use tests::guarded::guarded;
use tests::process::{Running, built, free_port, tool};
use tests::secrets::Secret;
use tests::sqs::Sqs;
use tokio::net::{TcpListener, TcpStream};

/// A queue that a test has no use for.
const NO_QUEUE: (&str, &str) = ("LEJA_FALLBACK_QUEUE", "http://127.0.0.1:9/nobody");
/// Where Safaricom listens when it is down.
const NOBODY: &str = "http://127.0.0.1:9";
/// The deployment's secret, and what is made of it.
const SECRET: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// A function, running in a Lambda runtime of its own.
struct Function {
    invocations: String,
    http: reqwest::Client,
    function: Running,
    _runtime: Running,
    _home: TempDir,
}

impl Function {
    async fn start(name: &str, dynamo: &Dynamo, settings: &[(&str, &str)]) -> Self {
        let (address, runtime, home) = start_runtime(name).await;
        // It may do no more than the template allows it.
        let table = guarded(name, &dynamo.endpoint).await;
        let mut function = Command::new(built(name));
        function
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt/{name}"))
            .envs([("AWS_LAMBDA_FUNCTION_NAME", name), ("AWS_LAMBDA_FUNCTION_VERSION", "1")])
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .envs([("AWS_REGION", "us-east-1"), ("AWS_EC2_METADATA_DISABLED", "true")])
            .envs([("AWS_ACCESS_KEY_ID", "fake"), ("AWS_SECRET_ACCESS_KEY", "fake")])
            .envs([("AWS_ENDPOINT_URL_DYNAMODB", &table), ("LEJA_TABLE", &dynamo.table)])
            .envs(settings.iter().copied());
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            invocations: format!("http://{address}/2015-03-31/functions/{name}/invocations"),
            http: reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap(),
            function: Running::start(&mut function),
            _runtime: runtime,
            _home: home,
        }
    }

    /// What the function makes of an event.
    async fn invoke(&self, event: &Value) -> Value {
        let answer = self.http.post(&self.invocations).body(event.to_string()).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// What API Gateway gets from the function for a request.
    async fn answer(&self, method: &str, path: &str, headers: Value, body: &[u8]) -> Value {
        self.invoke(&event(method, (path, ""), &headers, body)).await
    }

    /// The next line of its log that holds some text.
    fn logged(&self, text: &str) -> Value {
        serde_json::from_str(&self.function.line_with(text)).unwrap()
    }

    async fn post(&self, path: &str, body: &str) -> Value {
        self.answer("POST", path, json!({ "content-type": "application/json" }), body.as_bytes()).await
    }
}

/// Starts what Lambda itself is to a function. It wants to stand in a Cargo package with the function's
/// name, but builds nothing.
async fn start_runtime(function: &str) -> (String, Running, TempDir) {
    let home = tempfile::tempdir().unwrap();
    let manifest = format!("[package]\nname = \"{function}\"\nedition = \"2024\"\n[workspace]\n");
    std::fs::create_dir(home.path().join("src")).unwrap();
    std::fs::write(home.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    std::fs::write(home.path().join("Cargo.toml"), manifest).unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let (host, port) = address.split_once(':').unwrap();
    let mut command = Command::new(tool("python/bin/cargo-lambda"));
    command
        .current_dir(home.path())
        .args(["lambda", "watch", "--only-lambda-apis", "-A", host, "-P", port])
        // It must not fetch a toolchain by itself.
        .envs([("RUSTUP_DIST_SERVER", "http://127.0.0.1:9"), ("RUSTUP_UPDATE_ROOT", "http://127.0.0.1:9")])
        .env("CARGO_NET_OFFLINE", "true");
    let runtime = Running::start_ready(&mut command, "starting Runtime server");
    let runtime = runtime.unwrap_or_else(|| panic!("the Lambda runtime ended at once: {command:?}"));
    // It says so a moment before it listens.
    while TcpStream::connect(&address).await.is_err() {
        tokio::task::yield_now().await;
    }
    (address, runtime, home)
}

fn shop() -> Shop {
    let number = ShortCode::parse("600638").unwrap();
    Shop::new(ShopId::parse("duka-moja").unwrap(), "Duka Moja", Account::Paybill(number), None).unwrap()
}

/// Opens the shop; gives the path of its confirmations.
async fn open_shop(store: &impl Store) -> String {
    let token = CallbackSecret::new([7; 32]).token(&shop().id, 0);
    store.put_shop(&shop(), &Tokens { newest: 0, hashes: vec![token.hash()] }).await.unwrap();
    format!("/in/{}/c/confirmation", token.as_str())
}

/// Enrols somebody of the shop, or whoever runs the cloud.
async fn enrol(store: &impl Store, role: Role) -> (Keypair, Actor) {
    let (key, actor) = (Keypair::from_seed(&[7; 32]), Actor::first(TillId(7)));
    let public_key = key.public().to_bytes();
    let (letter, name) = ("A".to_owned(), "Front counter".to_owned());
    let member = Member { actor, role, letter, name, public_key, revoked: false };
    let shop = (role != Role::Platform).then(|| shop().id);
    store.put_member(&member, shop.as_ref()).await.unwrap();
    (key, actor)
}

/// The receipts of the payments in the shop's feed.
async fn receipts(store: &impl Store) -> Vec<String> {
    let news = store.news(&shop().id, &[]).await.unwrap();
    news.items.iter().filter_map(FeedItem::evidence).map(|e| e.receipt.to_string()).collect()
}

/// Seed A's confirmation, as printed there, to our number.
fn confirmation(receipt: &str) -> String {
    format!(
        r#"{{
    "TransactionType": "Pay Bill", "TransID": "{receipt}", "TransTime": "20191122063845",
    "TransAmount": "500.00", "BusinessShortCode": "600638", "BillRefNumber": "account123",
    "InvoiceNumber": "", "MSISDN": "254708374149", "FirstName": "John", "MiddleName": "Doe",
    "LastName": "Customer"
}}"#
    )
}

/// A simulated Safaricom that knows the shop; gives where it listens.
async fn safaricom() -> (Arc<Simulator>, String) {
    let simulator = Simulator::new("key", "secret", 1).unwrap();
    simulator.register(Number {
        shortcode: "600638".to_owned(),
        business: "600638".to_owned(),
        passkey: "sesame".to_owned(),
        account: "paybill".to_owned(),
        pull: true,
        ..Number::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = simulator.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (simulator, url)
}

/// The settings of a function that reaches Safaricom.
fn app(safaricom: &str) -> [(&str, &str); 6] {
    [
        ("MPESA_ENVIRONMENT", "sandbox"),
        ("MPESA_CONSUMER_KEY", "key"),
        ("MPESA_CONSUMER_SECRET", "secret"),
        ("MPESA_SHORTCODE", "600638"),
        ("MPESA_PASSKEY", "sesame"),
        ("LEJA_SAFARICOM", safaricom),
    ]
}

/// The settings of a function that reaches the queue.
fn queue(sqs: &Sqs) -> [(&str, &str); 2] {
    [("AWS_ENDPOINT_URL_SQS", &sqs.endpoint), ("LEJA_FALLBACK_QUEUE", &sqs.url)]
}

#[tokio::test]
async fn a_callback_through_lambda_is_acknowledged_and_lies_in_the_table() {
    let dynamo = Dynamo::start().await;
    let store = dynamo.store();
    open_shop(&store).await;
    let settings = [("LEJA_SEED_PATHS", "true"), NO_QUEUE];
    let callbacks = Function::start("callbacks", &dynamo, &settings).await;

    for _ in 0..2 {
        let answer = callbacks.post("/mpesa/c2b/confirmation", &confirmation("LGR019G3J2")).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let acknowledged: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(acknowledged, json!({ "ResultCode": 0, "ResultDesc": "Accepted" }));
    }
    assert_eq!(receipts(&store).await, ["LGR019G3J2"]);
    assert_eq!(store.inbox(10).await, Ok(vec![]));

    let answer = callbacks.post("/mpesa/c2b/confirmation", "no JSON").await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let inbox = store.inbox(10).await.unwrap();
    assert_eq!(inbox.iter().map(|item| item.body.as_slice()).collect::<Vec<_>>(), [b"no JSON"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_counts_for_cloudwatch_and_names_the_request_that_it_tells_of() {
    let dynamo = Dynamo::start().await;
    open_shop(&dynamo.store()).await;
    let callbacks = Function::start("callbacks", &dynamo, &[("LEJA_SEED_PATHS", "true"), NO_QUEUE]).await;
    callbacks.post("/mpesa/c2b/confirmation", &confirmation("LGR019G3J2")).await;
    let lag = callbacks.logged("EvidenceLagMillis");
    assert_eq!(lag["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"], "Milliseconds");
    let stored = callbacks.logged("CallbacksStored");
    assert_eq!((&stored["Function"], &stored["CallbacksStored"]), (&json!("callbacks"), &json!(1)));
    assert_eq!(stored["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Leja");
    callbacks.post("/mpesa/c2b/confirmation", &confirmation("LGR019G3J2")).await;
    assert_eq!(callbacks.logged("Duplicates")["Duplicates"], 1);
    callbacks.post("/mpesa/c2b/confirmation", "no JSON").await;
    let told = callbacks.logged("a callback went to the inbox");
    assert!(told["span"]["requestId"].as_str().is_some_and(|id| !id.is_empty()), "{told}");
    assert_eq!(callbacks.logged("Orphans")["Orphans"], 1);
    assert_eq!(callbacks.logged("CallbacksStored")["CallbacksStored"], 1);
    // The same again rings nobody twice: the next figure is no orphan.
    callbacks.post("/mpesa/c2b/confirmation", "no JSON").await;
    assert_eq!(callbacks.logged("_aws")["Duplicates"], 1);
    // Where nothing else was chosen, who calls from elsewhere is believed and counted.
    let headers = json!({ "content-type": "application/json" });
    let body = confirmation("LGR019G3J3");
    let mut foreign = event("POST", ("/mpesa/c2b/confirmation", ""), &headers, body.as_bytes());
    foreign["requestContext"]["http"]["sourceIp"] = json!("10.0.0.1");
    assert_eq!(callbacks.invoke(&foreign).await["statusCode"], 200);
    assert_eq!(callbacks.logged("CallbacksStored")["CallbacksStored"], 1);
    assert_eq!(callbacks.logged("Suspects")["Suspects"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sweep_tells_of_one_shop_names_its_run_too() {
    let (dynamo, sqs) = tokio::join!(Dynamo::start(), Sqs::start());
    let path = open_shop(&dynamo.store()).await;
    let callbacks = Function::start("callbacks", &dynamo, &[NO_QUEUE]).await;
    let now = Timestamp::from_system(SystemTime::now());
    for (receipt, ago, balance) in [("LGR019G3J2", 120_000, "500.00"), ("LGR019G3J3", 60_000, "9000.00")] {
        let at = now.plus_millis(-ago);
        let body = tests::world::confirmation(receipt, "600638", "100.00", "", at);
        let mut body: Value = serde_json::from_str(&body).unwrap();
        body["OrgAccountBalance"] = json!(balance);
        assert_eq!(callbacks.post(&path, &body.to_string()).await["statusCode"], 200);
    }
    let settings: Vec<_> = queue(&sqs).into_iter().chain(app(NOBODY)).collect();
    let sweep = Function::start("sweep", &dynamo, &settings).await;
    sweep.invoke(&quarter_of_an_hour()).await;
    let told = sweep.logged("balance_gap");
    assert!(told["span"]["requestId"].as_str().is_some_and(|id| !id.is_empty()), "{told}");
}

#[tokio::test]
async fn a_secret_that_is_rotated_counts_without_a_deployment_and_one_that_makes_no_sense_changes_nothing() {
    let dynamo = Dynamo::start().await;
    let (key, actor) = enrol(&dynamo.store(), Role::Platform).await;
    let said = |byte: u8| json!({ "LEJA_CALLBACK_SECRET": hex::encode([byte; 32]) });
    let secret = Secret::start(&said(7)).await;
    let settings = [
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secret.endpoint.as_str()),
        ("LEJA_SECRETS", secret.name),
        ("LEJA_SECRETS_SECONDS", "0"),
        ("LEJA_CALLBACK_BASE", "https://pay.example.com"),
    ];
    let office = Function::start("office", &dynamo, &settings).await;
    let path = "/v1/admin/shops";
    let opened = async |id: &str, number: &str| {
        let number = Account::Paybill(ShortCode::parse(number).unwrap());
        let shop = Shop::new(ShopId::parse(id).unwrap(), id, number, None).unwrap();
        let form = serde_json::to_vec(&replica::wire::json::ShopForm::from(&shop)).unwrap();
        let answer = office.answer("POST", path, signed(&key, actor, path, &form), &form).await;
        let opened: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        opened["confirmation_url"].as_str().unwrap().to_owned()
    };
    let token = |byte: u8, id: &str| {
        let token = CallbackSecret::new([byte; 32]).token(&ShopId::parse(id).unwrap(), 0);
        format!("https://pay.example.com/in/{}/c/confirmation", token.as_str())
    };
    assert_eq!(opened("first", "600638").await, token(7, "first"));
    secret.rotate(&said(9)).await;
    assert_eq!(opened("second", "600639").await, token(9, "second"));
    secret.rotate(&json!({ "LEJA_CALLBACK_SECRET": "slip" })).await;
    assert_eq!(opened("third", "600640").await, token(9, "third"), "the one from before stays in use");
}

#[tokio::test]
async fn seed_paths_are_closed_where_nobody_opened_them() {
    let dynamo = Dynamo::start().await;
    let callbacks = Function::start("callbacks", &dynamo, &[NO_QUEUE]).await;
    let answer = callbacks.post("/mpesa/c2b/confirmation", &confirmation("LGR019G3J2")).await;
    assert_eq!(answer["statusCode"], 404, "{answer}");
    assert_eq!(dynamo.store().inbox(10).await, Ok(vec![]));
}

#[tokio::test]
async fn who_does_not_call_from_safaricom_is_not_believed_whatever_it_says_of_itself() {
    let dynamo = Dynamo::start().await;
    let store = dynamo.store();
    let path = open_shop(&store).await;
    let settings = [("LEJA_SOURCE_CHECK", "enforce"), NO_QUEUE];
    let callbacks = Function::start("callbacks", &dynamo, &settings).await;

    let headers =
        json!({ "content-type": "application/json", "x-forwarded-for": "196.201.214.200, 10.0.0.1" });
    let mut forged = event("POST", (&path, ""), &headers, confirmation("LGR019G3J2").as_bytes());
    forged["requestContext"]["http"]["sourceIp"] = json!("10.0.0.1");
    assert_eq!(callbacks.invoke(&forged).await["statusCode"], 200);
    assert_eq!(callbacks.post(&path, &confirmation("LGR019G3J3")).await["statusCode"], 200);
    assert_eq!(receipts(&store).await, ["LGR019G3J3"]);
    let inbox = store.inbox(10).await.unwrap();
    assert!(matches!(&inbox[..], [item] if item.reason.contains("address")), "{inbox:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_table_does_not_take_waits_in_the_queue_until_a_sweep_files_it() {
    let (dynamo, sqs, (_simulator, safaricom)) = tokio::join!(Dynamo::start(), Sqs::start(), safaricom());
    let store = dynamo.store();
    let path = open_shop(&store).await;
    let gone: Vec<_> = queue(&sqs).into_iter().chain([("LEJA_TABLE", "gone")]).collect();
    let callbacks = Function::start("callbacks", &dynamo, &gone).await;
    for receipt in ["LGR019G3J2", "LGR019G3J3"] {
        let answer = callbacks.post(&path, &confirmation(receipt)).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
    assert_eq!((sqs.messages().await, receipts(&store).await), (2, vec![]));

    let settings: Vec<_> = queue(&sqs).into_iter().chain(app(&safaricom)).collect();
    let sweep = Function::start("sweep", &dynamo, &settings).await;
    let report = sweep.invoke(&quarter_of_an_hour()).await;
    assert_eq!((&report["redriven"], &report["failed"]), (&json!(2), &json!([])), "{report}");
    let mut filed = receipts(&store).await;
    filed.sort();
    assert_eq!((filed, sqs.messages().await), (vec!["LGR019G3J2".to_owned(), "LGR019G3J3".to_owned()], 0));

    let again = sweep.invoke(&quarter_of_an_hour()).await;
    assert_eq!((&again["redriven"], receipts(&store).await.len()), (&json!(0), 2), "{again}");

    // What nobody understands rings although it waited.
    assert_eq!(callbacks.post(&path, "no JSON").await["statusCode"], 200);
    sweep.invoke(&quarter_of_an_hour()).await;
    assert_eq!(sweep.logged("Orphans")["Orphans"], 1);
}

#[tokio::test]
async fn a_callback_that_neither_table_nor_queue_takes_is_not_acknowledged() {
    let dynamo = Dynamo::start().await;
    let path = open_shop(&dynamo.store()).await;
    let gone = [("LEJA_TABLE", "gone"), NO_QUEUE, ("AWS_ENDPOINT_URL_SQS", NOBODY)];
    let callbacks = Function::start("callbacks", &dynamo, &gone).await;
    let answer = callbacks.post(&path, &confirmation("LGR019G3J2")).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
}

#[tokio::test]
async fn with_table_and_queue_both_silent_the_answer_comes_while_safaricom_still_waits() {
    let dynamo = Dynamo::start().await;
    let path = open_shop(&dynamo.store()).await;
    // It takes connections and never says a word.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = &*format!("http://{}", listener.local_addr().unwrap());
    let settings = [("AWS_ENDPOINT_URL_DYNAMODB", silent), ("AWS_ENDPOINT_URL_SQS", silent), NO_QUEUE];
    let callbacks = Function::start("callbacks", &dynamo, &settings).await;
    let asked = Instant::now();
    let answer = callbacks.post(&path, &confirmation("LGR019G3J2")).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_sweep_that_fails_in_part_does_the_rest_and_is_an_error_of_the_function() {
    let (dynamo, sqs) = tokio::join!(Dynamo::start(), Sqs::start());
    let store = dynamo.store();
    let path = open_shop(&store).await;
    let gone: Vec<_> = queue(&sqs).into_iter().chain([("LEJA_TABLE", "gone")]).collect();
    let callbacks = Function::start("callbacks", &dynamo, &gone).await;
    assert_eq!(callbacks.post(&path, &confirmation("LGR019G3J2")).await["statusCode"], 200);

    let settings: Vec<_> = queue(&sqs).into_iter().chain(app(NOBODY)).collect();
    let sweep = Function::start("sweep", &dynamo, &settings).await;
    let report = sweep.invoke(&quarter_of_an_hour()).await;
    let failed = report["errorMessage"].as_str().unwrap_or_default();
    assert!(failed.contains("shop duka-moja: "), "{report}");
    assert_eq!((receipts(&store).await.len(), sqs.messages().await), (1, 0));
}

#[tokio::test]
async fn a_push_goes_through_lambda_to_safaricom() {
    let (dynamo, (_simulator, safaricom)) = tokio::join!(Dynamo::start(), safaricom());
    let store = dynamo.store();
    open_shop(&store).await;
    let (key, actor) = enrol(&store, Role::Till).await;
    let ours = [("LEJA_CALLBACK_SECRET", SECRET), ("LEJA_CALLBACK_BASE", "https://pay.example.com")];
    let settings: Vec<_> = ours.into_iter().chain(app(&safaricom)).collect();
    let payments = Function::start("payments", &dynamo, &settings).await;

    let path = "/v1/shops/duka-moja/push";
    let ask = json!({
        "sale": "7-1", "attempt": "7-1-1", "amount": "500.00", "phone": "0708374149", "reference": "A1"
    });
    let ask = ask.to_string().into_bytes();
    let answer = payments.answer("POST", path, signed(&key, actor, path, &ask), &ask).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let asked: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert!(asked["checkout_request_id"].as_str().unwrap().starts_with("ws_CO_"), "{asked}");
}

#[tokio::test]
async fn a_shop_is_opened_through_lambda_and_gets_addresses_of_this_deployment() {
    let dynamo = Dynamo::start().await;
    let (key, actor) = enrol(&dynamo.store(), Role::Platform).await;
    let settings = [("LEJA_CALLBACK_SECRET", SECRET), ("LEJA_CALLBACK_BASE", "https://pay.example.com/")];
    let office = Function::start("office", &dynamo, &settings).await;

    let (path, form) = ("/v1/admin/shops", replica::wire::json::ShopForm::from(&shop()));
    let form = serde_json::to_vec(&form).unwrap();
    assert_eq!(office.answer("POST", path, json!({}), &form).await["statusCode"], 401);
    let answer = office.answer("POST", path, signed(&key, actor, path, &form), &form).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let opened: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let token = CallbackSecret::new([7; 32]).token(&shop().id, 0);
    let expected = format!("https://pay.example.com/in/{}/c/confirmation", token.as_str());
    assert_eq!(opened["confirmation_url"], expected);
    assert_eq!(dynamo.store().shop(&shop().id).await, Ok(Some(shop())));
}

#[tokio::test]
async fn a_till_syncs_through_lambda() {
    let dynamo = Dynamo::start().await;
    let store = dynamo.store();
    open_shop(&store).await;
    let (key, actor) = enrol(&store, Role::Till).await;
    let sync = Function::start("sync", &dynamo, &[]).await;

    let (path, after, request) = first_sync(&key, actor);
    let unsigned = json!({ "content-type": "application/octet-stream" });
    assert_eq!(sync.answer("POST", path, unsigned, &request).await["statusCode"], 401);
    let answer = sync.answer("POST", path, signed(&key, actor, path, &request), &request).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(answer["isBase64Encoded"], true);
    let body = BASE64_STANDARD.decode(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(SyncAnswer::decode(&body).unwrap().taken, Some(after));
    assert_eq!(store.head(&shop().id, actor).await, Ok(after));
}

/// What a till says that has one entry, where it says it, and where its journal ends with it.
fn first_sync(key: &Keypair, actor: Actor) -> (&'static str, Head, Vec<u8>) {
    let entry = Head::genesis(&shop().id, actor).change(actor, b"change".to_vec());
    let after = Head::of(&entry);
    let request = SyncRequest { batch: Batch::seal(&[entry], key), ..SyncRequest::default() };
    ("/v1/shops/duka-moja/sync", after, request.encode())
}

fn signed(key: &Keypair, actor: Actor, path: &str, body: &[u8]) -> Value {
    let (actor, at) = (actor.to_string(), Timestamp::from_system(SystemTime::now()).millis());
    let signature = key.sign(&request_message("POST", path, &actor, at, body));
    json!({
        "content-type": "application/octet-stream",
        ACTOR_HEADER: actor,
        TIME_HEADER: at.to_string(),
        SIGNATURE_HEADER: hex::encode(signature),
    })
}
