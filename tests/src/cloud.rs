//! The cloud that tills, head office and administrators talk to, as real processes: a hub, or the functions of an
//! account around a table, a queue and a gateway. What is told of it is told of both.

use crate::dynamo::Dynamo;
use crate::gateway::Gateway;
use crate::guarded::guarded;
use crate::process::{Running, built};
use crate::sqs::Sqs;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::{Role, ShopId, Timestamp};
use serde_json::{Value, json};
use service::CallbackSecret;
use service::office::new_code;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Where Safaricom is told to find us. No name server knows it: `way_to` stands in for one.
pub const CALLBACK_BASE: &str = "https://pay.example.com";
/// The deployment's secret, and the platform's key.
const SECRET: [u8; 32] = [7; 32];
const LICENCE_KEY: [u8; 32] = [9; 32];
/// Nothing listens there.
const NOBODY: &str = "http://127.0.0.1:9";
/// The app at Safaricom; the simulated one takes these.
pub const APP: [(&str, &str); 6] = [
    ("MPESA_ENVIRONMENT", "sandbox"),
    ("MPESA_CONSUMER_KEY", "key"),
    ("MPESA_CONSUMER_SECRET", "secret"),
    ("MPESA_PASSKEYS", "600638=sesame,7000123=sesame"),
    ("MPESA_INITIATOR", "testapi"),
    ("MPESA_SECURITY_CREDENTIAL", "c2VhbGVk"),
];

/// Where everything of a shop group goes. Its processes end with it.
pub struct Cloud {
    /// Where it listens.
    pub url: String,
    kind: Kind,
    home: TempDir,
    runtime: Runtime,
}

enum Kind {
    Hub { _hub: Running },
    Account(Box<Account>),
}

struct Account {
    gateway: Gateway,
    _functions: Vec<Running>,
    dynamo: Dynamo,
    _sqs: Sqs,
}

impl Cloud {
    /// A hub, with Safaricom there.
    pub fn hub(safaricom: &str) -> Self {
        let (home, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
        let found = Arc::new(OnceLock::new());
        let safaricom = runtime.block_on(way_to(safaricom, Arc::clone(&found)));
        let data = home.path().join("hub");
        std::fs::create_dir(&data).unwrap();
        for (name, secret) in [("callback.secret", SECRET), ("licence.key", LICENCE_KEY)] {
            std::fs::write(data.join(name), hex::encode(secret)).unwrap();
        }
        let mut command = Command::new(built("leja"));
        command.args(["hub", "--seed-paths", "--listen", "127.0.0.1:0", "--callback-base", CALLBACK_BASE]);
        command.arg("--data").arg(data).envs(APP).env("LEJA_SAFARICOM", safaricom);
        let hub = Running::start(&mut command);
        let url = hub.address();
        found.set(url.clone()).unwrap();
        Self { url, kind: Kind::Hub { _hub: hub }, home, runtime }
    }

    /// An account, with Safaricom there. Each function may do what the template allows it, and no more.
    pub fn account(safaricom: &str) -> Self {
        let (home, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
        let account = runtime.block_on(Account::start(safaricom));
        let url = account.gateway.url.clone();
        let cloud = Self { url, kind: Kind::Account(Box::new(account)), home, runtime };
        cloud.make_administrator();
        cloud
    }

    /// The administrator's folder.
    pub fn admin_folder(&self) -> PathBuf {
        self.home.path().join("hub/admin")
    }

    /// A folder for one of the processes around it.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs `leja admin` to its end; gives what it printed.
    pub fn admin(&self, arguments: &[&str]) -> String {
        let folder = self.admin_folder();
        let settings = ["admin", "--hub", &self.url, "--admin", folder.to_str().unwrap()];
        crate::process::leja(&[&settings[..], arguments].concat())
    }

    /// A one-time code for somebody who belongs to no shop: head office, or another administrator.
    pub fn code(&self, role: &str) -> String {
        let administrator = local::admin::Administrator::of(&self.admin_folder(), &self.url).unwrap();
        administrator.code(role, None).unwrap().code
    }

    /// Sweeps now: asked for at a hub, by the schedule's event in an account.
    pub fn sweep(&self) {
        match &self.kind {
            Kind::Hub { .. } => {
                self.admin(&["sweep"]);
            }
            Kind::Account(account) => {
                let swept = self.runtime.block_on(account.gateway.invoke("sweep", quarter_of_an_hour()));
                assert!(swept.is_ok(), "{swept:?}");
            }
        }
    }

    /// The path of a shop's first callback token, such as `c/confirmation`.
    pub fn token_path(shop: &str, end: &str) -> String {
        format!("/in/{}/{end}", Self::token(shop, 0))
    }

    /// A shop's callback token of a number; both kinds of cloud are set up with one secret.
    pub fn token(shop: &str, number: u32) -> String {
        CallbackSecret::new(SECRET).token(&ShopId::parse(shop).unwrap(), number).as_str().to_owned()
    }

    /// Nobody can let the first administrator in, so whoever may write the table writes a one-time code into it, as
    /// `infra/aws/deploy` does.
    fn make_administrator(&self) {
        let Kind::Account(account) = &self.kind else { return };
        let (store, now) = (account.dynamo.store(), Timestamp::from_system(SystemTime::now()));
        let code = self.runtime.block_on(new_code(&store, Role::Platform, None, now));
        self.admin(&["enrol", &code.unwrap().0, "--name", "Administrator"]);
    }
}

impl Account {
    async fn start(safaricom: &str) -> Self {
        let (dynamo, sqs, gateway) = tokio::join!(Dynamo::start(), Sqs::start(), Gateway::start());
        let found = Arc::new(OnceLock::from(gateway.url.clone()));
        let safaricom = way_to(safaricom, found).await;
        let (secret, licence_key) = (hex::encode(SECRET), hex::encode(LICENCE_KEY));
        let queue = [("AWS_ENDPOINT_URL_SQS", &*sqs.endpoint), ("LEJA_FALLBACK_QUEUE", &*sqs.url)];
        let ours = [("LEJA_CALLBACK_SECRET", &*secret), ("LEJA_CALLBACK_BASE", CALLBACK_BASE)];
        let app = APP.into_iter().chain([("LEJA_SAFARICOM", &*safaricom)]).collect::<Vec<_>>();
        let given = [
            (
                "callbacks",
                [&queue[..], &[("LEJA_SEED_PATHS", "true"), ("LEJA_SOURCE_CHECK", "off")]].concat(),
            ),
            ("sync", vec![("LEJA_LICENCE_KEY", &*licence_key)]),
            ("payments", [&ours[..], &app].concat()),
            ("office", ours.to_vec()),
            ("sweep", [&queue[..], &app, &[("AWS_ENDPOINT_URL_SNS", NOBODY)]].concat()),
        ];
        let mut functions = Vec::new();
        for (function, settings) in given {
            let table = guarded(function, &dynamo.endpoint).await;
            let store = [("AWS_ENDPOINT_URL_DYNAMODB", &*table), ("LEJA_TABLE", &*dynamo.table)];
            functions.push(gateway.run(function, store.into_iter().chain(settings)));
        }
        Self { gateway, _functions: functions, dynamo, _sqs: sqs }
    }
}

/// What EventBridge sends when the time has come.
pub fn quarter_of_an_hour() -> Value {
    json!({
        "version": "0", "id": "e1", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "time": "2026-11-21T09:15:00Z", "region": "af-south-1",
        "resources": ["arn:aws:events:af-south-1:123456789012:rule/sweep"], "detail": {}
    })
}

/// The way to Safaricom, for somebody who calls himself [`CALLBACK_BASE`]: Safaricom is told where that really is, which
/// outside of a test a name server does.
async fn way_to(safaricom: &str, base: Arc<OnceLock<String>>) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let way = Way { safaricom: safaricom.to_owned(), base, http: reqwest::Client::new() };
    let router = Router::new().fallback(go).with_state(Arc::new(way));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

struct Way {
    safaricom: String,
    base: Arc<OnceLock<String>>,
    http: reqwest::Client,
}

async fn go(State(way): State<Arc<Way>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let base = way.base.get().map_or(NOBODY, String::as_str);
    let body = String::from_utf8(body.into()).unwrap().replace(CALLBACK_BASE, base);
    for name in ["host", "content-length"] {
        parts.headers.remove(name);
    }
    let url = format!("{}{}", way.safaricom, parts.uri);
    let answer = way.http.request(parts.method, url).headers(parts.headers).body(body).send().await;
    // As a connection that is cut.
    let Ok(answer) = answer else { return StatusCode::BAD_GATEWAY.into_response() };
    let kind = answer.headers().get("content-type").cloned();
    let mut response = (answer.status(), answer.bytes().await.unwrap()).into_response();
    if let Some(kind) = kind {
        response.headers_mut().insert("content-type", kind);
    }
    response
}
