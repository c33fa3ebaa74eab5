//! What stands around the functions in an account: API Gateway, which makes an event of each request for the function
//! whose route it is, and Lambda's runtime interface, from which functions take events, one at a time.
//!
//! The routes are the template's. (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>)

use crate::process::{Running, built};
use crate::template::{Template, text};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// The largest body that API Gateway hands on.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// Whom API Gateway sees calling.
const CALLER: &str = "196.201.214.200";

/// An account's gateway. What runs in it ends with it.
pub struct Gateway {
    /// Where it listens, like `http://127.0.0.1:8300`.
    pub url: String,
    functions: Arc<Functions>,
}

/// The functions, by their names in lower case.
#[derive(Default)]
struct Functions {
    routes: Vec<Route>,
    queues: BTreeMap<String, Queue>,
    asked: AtomicU64,
}

/// Which requests are a function's.
struct Route {
    function: String,
    /// Any, where none is said.
    method: Option<String>,
    path: Vec<Part>,
}

/// A part of a route's path. The order is by how much each says.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Just this.
    Just(String),
    /// Anything.
    Any,
    /// Anything, and whatever follows.
    Rest,
}

impl Route {
    fn takes(&self, method: &str, path: &str) -> bool {
        let mut asked = path.split('/').skip(1);
        for part in &self.path {
            match (part, asked.next()) {
                (Part::Rest, Some(_)) => return self.method.as_deref().is_none_or(|own| own == method),
                (Part::Just(own), Some(it)) if own == it => {}
                (Part::Any, Some(it)) if !it.is_empty() => {}
                _ => return false,
            }
        }
        asked.next().is_none() && self.method.as_deref().is_none_or(|own| own == method)
    }
}

/// What one function is asked.
struct Queue {
    ask: UnboundedSender<Asked>,
    next: Mutex<UnboundedReceiver<Asked>>,
    answers: std::sync::Mutex<HashMap<String, oneshot::Sender<Result<Value, Value>>>>,
}

struct Asked {
    name: String,
    event: Value,
    answer: oneshot::Sender<Result<Value, Value>>,
}

impl Gateway {
    /// Starts it, with no function running yet.
    pub async fn start() -> Self {
        let template = Template::read("template");
        let mut all = Functions { routes: routes(&template), ..Functions::default() };
        for (name, _) in functions(&template) {
            let (ask, next) = unbounded_channel();
            let queue = Queue { ask, next: Mutex::new(next), answers: std::sync::Mutex::default() };
            all.queues.insert(name, queue);
        }
        let runtime = Router::new()
            .route("/{function}/2018-06-01/runtime/invocation/next", get(next))
            .route("/{function}/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/{function}/2018-06-01/runtime/invocation/{id}/error", post(failed));
        let router = Router::new().nest("/.runtime", runtime).fallback(hand_on);
        let functions = Arc::new(all);
        let router = router.with_state(Arc::clone(&functions));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, functions }
    }

    /// A function's program, as Lambda starts it.
    pub fn command(&self, function: &str) -> Command {
        self.command_of(function, &built(function))
    }

    /// The same, of another program.
    pub fn command_of(&self, function: &str, program: &std::path::Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("{}/.runtime/{function}", self.url))
            .envs([("AWS_LAMBDA_FUNCTION_NAME", function), ("AWS_LAMBDA_FUNCTION_VERSION", "1")])
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .envs([("AWS_REGION", "us-east-1"), ("AWS_EC2_METADATA_DISABLED", "true")])
            .envs([("AWS_ACCESS_KEY_ID", "fake"), ("AWS_SECRET_ACCESS_KEY", "fake")]);
        command
    }

    /// A function that runs, with these settings.
    pub fn run<'a>(&self, function: &str, settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Running {
        Running::start(self.command(function).envs(settings))
    }

    /// What a function makes of an event; an error where the function says that it failed.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, Value> {
        self.functions.invoke(function, event).await
    }

    /// Waits until nobody asks for a function's events: one that was killed still seems to, until its end is noticed.
    pub async fn nobody_asks(&self, function: &str) {
        drop(self.functions.queues[function].next.lock().await);
    }
}

impl Functions {
    async fn invoke(&self, function: &str, event: Value) -> Result<Value, Value> {
        let (answer, answered) = oneshot::channel();
        let name = format!("request-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        let asked = Asked { name, event, answer };
        assert!(self.queues[function].ask.send(asked).is_ok(), "the queue lives as long as the gateway");
        answered.await.expect("whoever took the event answers it")
    }
}

/// Gives the next event to a function that asks for it.
async fn next(State(all): State<Arc<Functions>>, Path(function): Path<String>) -> Response {
    let queue = &all.queues[&function];
    let asked = queue.next.lock().await.recv().await.expect("the gateway lives");
    queue.answers.lock().unwrap().insert(asked.name.clone(), asked.answer);
    let deadline = SystemTime::now() + Duration::from_secs(30);
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", asked.name),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:us-east-1:123456789012:function:{function}"),
        ),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ];
    let mut response = asked.event.to_string().into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
    }
    response
}

async fn answered(
    State(all): State<Arc<Functions>>,
    Path((function, id)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    all.answer(&function, &id, Ok(serde_json::from_slice(&body).unwrap()))
}

async fn failed(
    State(all): State<Arc<Functions>>,
    Path((function, id)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    all.answer(&function, &id, Err(serde_json::from_slice(&body).unwrap_or_default()))
}

impl Functions {
    fn answer(&self, function: &str, id: &str, answer: Result<Value, Value>) -> StatusCode {
        if let Some(waiting) = self.queues[function].answers.lock().unwrap().remove(id) {
            // Whoever asked may have hung up.
            let _ = waiting.send(answer);
        }
        StatusCode::ACCEPTED
    }
}

/// Makes an event of a request, and a response of what the function says.
async fn hand_on(State(all): State<Arc<Functions>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let takes = |route: &&Route| route.takes(parts.method.as_str(), parts.uri.path());
    let Some(Route { function, .. }) = all.routes.iter().find(takes) else {
        return (StatusCode::NOT_FOUND, r#"{"message":"Not Found"}"#).into_response();
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let event = event(parts.method.as_str(), (path, query), &headers_of(&parts.headers), &body);
    match all.invoke(function, event).await {
        Ok(said) => response(&said),
        Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, r#"{"message":"Internal Server Error"}"#).into_response()
        }
    }
}

fn headers_of(headers: &HeaderMap) -> Value {
    let text = |name: &HeaderName| {
        let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
        (name.to_string(), json!(values.collect::<Vec<_>>().join(",")))
    };
    Value::Object(headers.keys().map(text).collect())
}

fn response(said: &Value) -> Response {
    let body = said["body"].as_str().unwrap_or_default();
    let body = match said["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(body).unwrap(),
        _ => body.as_bytes().to_vec(),
    };
    let status = said["statusCode"].as_u64().and_then(|code| u16::try_from(code).ok());
    let mut response = body.into_response();
    *response.status_mut() = status.and_then(|code| StatusCode::from_u16(code).ok()).expect("a status");
    response.headers_mut().clear();
    for (name, value) in said["headers"].as_object().into_iter().flatten() {
        let name: HeaderName = name.parse().unwrap();
        response.headers_mut().insert(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    response
}

/// An event of an API Gateway HTTP API, payload format 2.0. API Gateway sends a body in base64 unless its
/// content type is known to be text.
pub fn event(method: &str, (path, query): (&str, &str), headers: &Value, body: &[u8]) -> Value {
    let kind = headers["content-type"].as_str().unwrap_or_default();
    let text = kind.starts_with("application/json") || kind.starts_with("text/");
    let plain = String::from_utf8_lossy(body).into_owned();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "leja",
            "domainName": "leja.execute-api.af-south-1.amazonaws.com",
            "domainPrefix": "leja",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": CALLER, "userAgent": "test" },
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

/// The functions of the template by their names in lower case, and what calls them.
fn functions(template: &Template) -> impl Iterator<Item = (String, &Value)> {
    let functions = template.resources("AWS::Serverless::Function").into_iter();
    functions.map(|(name, function)| (name.to_lowercase(), &function["Events"]))
}

/// Every route of an HTTP API, those first that say most.
fn routes(template: &Template) -> Vec<Route> {
    let mut routes = Vec::new();
    for (function, events) in functions(template) {
        for event in events.as_object().into_iter().flat_map(|events| events.values()) {
            if event["Type"] != "HttpApi" {
                continue;
            }
            let [method, path] = ["Method", "Path"].map(|name| text(&event["Properties"][name]));
            let part = |part: &str| match part {
                "{proxy+}" => Part::Rest,
                _ if part.starts_with('{') => Part::Any,
                _ => Part::Just(part.to_owned()),
            };
            let path = path.split('/').skip(1).map(part).collect();
            let method = (method != "ANY").then(|| method.to_owned());
            routes.push(Route { function: function.clone(), method, path });
        }
    }
    routes.sort_by(|a, b| (&a.path, a.method.is_none()).cmp(&(&b.path, b.method.is_none())));
    routes
}
