//! The functions as Lambda runs them: the built programs, a Lambda runtime, API Gateway's events, and the
//! table.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::{Account, Actor, Document, Member, Role, Shop, ShopId, ShortCode, TillId, Timestamp};
use replica::keys::request_message;
use replica::wire::{SyncAnswer, SyncRequest};
use replica::{Batch, Head, Keypair};
use serde_json::{Value, json};
use service::Store;
use service::auth::{ACTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER};
use std::process::Command;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tests::dynamo::Dynamo;
use tests::process::{Running, built, free_port, tool};
use tokio::net::TcpStream;

/// A function, running in a Lambda runtime of its own.
struct Function {
    invocations: String,
    http: reqwest::Client,
    _function: Running,
    _runtime: Running,
    _home: TempDir,
}

impl Function {
    async fn start(name: &str, dynamo: &Dynamo, settings: &[(&str, &str)]) -> Self {
        let (address, runtime, home) = start_runtime(name).await;
        let mut function = Command::new(built(name));
        function
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt/{name}"))
            .envs([("AWS_LAMBDA_FUNCTION_NAME", name), ("AWS_LAMBDA_FUNCTION_VERSION", "1")])
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .envs([("AWS_REGION", "us-east-1"), ("AWS_EC2_METADATA_DISABLED", "true")])
            .envs([("AWS_ACCESS_KEY_ID", "fake"), ("AWS_SECRET_ACCESS_KEY", "fake")])
            .envs([("AWS_ENDPOINT_URL_DYNAMODB", &dynamo.endpoint), ("LEJA_TABLE", &dynamo.table)])
            .envs(settings.iter().copied());
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            invocations: format!("http://{address}/2015-03-31/functions/{name}/invocations"),
            http: reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap(),
            _function: Running::start(&mut function),
            _runtime: runtime,
            _home: home,
        }
    }

    /// What API Gateway gets from the function for a request.
    async fn answer(&self, method: &str, path: &str, headers: Value, body: &[u8]) -> Value {
        let event = event(method, path, headers, body);
        let answer = self.http.post(&self.invocations).body(event.to_string()).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
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

/// An event of an API Gateway HTTP API, payload format 2.0. API Gateway sends a body in base64 unless its
/// content type is known to be text.
fn event(method: &str, path: &str, headers: Value, body: &[u8]) -> Value {
    let text = headers["content-type"] == "application/json";
    let plain = String::from_utf8_lossy(body).into_owned();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "leja",
            "domainName": "leja.execute-api.af-south-1.amazonaws.com",
            "domainPrefix": "leja",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "196.201.214.200", "userAgent": "test"
            },
            "requestId": "r1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:09:00:00 +0000",
            "timeEpoch": 1_795_251_600_000_i64
        },
        "body": if text { plain } else { BASE64_STANDARD.encode(body) },
        "isBase64Encoded": !text
    })
}

fn shop() -> Shop {
    let number = ShortCode::parse("123456").unwrap();
    Shop::new(ShopId::parse("duka-moja").unwrap(), "Duka Moja", Account::Paybill(number), None).unwrap()
}

/// Seed A's confirmation, as printed there.
const CONFIRMATION: &str = r#"{
    "TransactionType": "Pay Bill", "TransID": "LGR019G3J2", "TransTime": "20191122063845",
    "TransAmount": "500.00", "BusinessShortCode": "123456", "BillRefNumber": "account123",
    "InvoiceNumber": "", "MSISDN": "254708374149", "FirstName": "John", "MiddleName": "Doe",
    "LastName": "Customer"
}"#;

#[tokio::test]
async fn a_callback_through_lambda_is_acknowledged_and_lies_in_the_table() {
    let dynamo = Dynamo::start().await;
    let store = dynamo.store();
    store.put_shop(&shop(), &[]).await.unwrap();
    let callbacks = Function::start("callbacks", &dynamo, &[("LEJA_SEED_PATHS", "true")]).await;

    for _ in 0..2 {
        let answer = callbacks.post("/mpesa/c2b/confirmation", CONFIRMATION).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let acknowledged: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(acknowledged, json!({ "ResultCode": 0, "ResultDesc": "Accepted" }));
    }
    let news = store.news(&shop().id, &[]).await.unwrap();
    let evidence: Vec<_> = news.items.iter().filter_map(|item| item.evidence()).collect();
    assert_eq!(evidence.iter().map(|e| e.receipt.as_str()).collect::<Vec<_>>(), ["LGR019G3J2"]);
    assert_eq!(store.inbox(10).await, Ok(vec![]));

    let answer = callbacks.post("/mpesa/c2b/confirmation", "no JSON").await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let inbox = store.inbox(10).await.unwrap();
    assert_eq!(inbox.iter().map(|item| item.body.as_slice()).collect::<Vec<_>>(), [b"no JSON"]);
}

#[tokio::test]
async fn seed_paths_are_closed_where_nobody_opened_them() {
    let dynamo = Dynamo::start().await;
    let callbacks = Function::start("callbacks", &dynamo, &[]).await;
    let answer = callbacks.post("/mpesa/c2b/confirmation", CONFIRMATION).await;
    assert_eq!(answer["statusCode"], 404, "{answer}");
    assert_eq!(dynamo.store().inbox(10).await, Ok(vec![]));
}

#[tokio::test]
async fn a_till_syncs_through_lambda() {
    let dynamo = Dynamo::start().await;
    let (store, key, actor) = (dynamo.store(), Keypair::from_seed(&[7; 32]), Actor::first(TillId(7)));
    let public_key = key.public().to_bytes();
    let (letter, name) = ("A".to_owned(), "Front counter".to_owned());
    let till = Member { actor, role: Role::Till, letter, name, public_key, revoked: false };
    store.put_shop(&shop(), &[]).await.unwrap();
    store.put_member(&till, Some(&shop().id)).await.unwrap();
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
    let (document, change) = (Document::Catalogue, b"change".to_vec());
    let after = Head::genesis(&shop().id, actor).next(document, &change);
    let Head { number, chain } = after;
    let entry = domain::Entry { actor, number, document, change, chain, signature: None };
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
