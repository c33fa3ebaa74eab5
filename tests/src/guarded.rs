//! A DynamoDB that lets a function do what the template allows it, and refuses all else as AWS would. What a test calls
//! through it proves that a function's rights suffice.

use crate::template::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Stands before a server for a function; gives where it listens.
pub async fn guarded(function: &str, endpoint: &str) -> String {
    let (first, rest) = function.split_at(1);
    let rights = Template::read("template").rights_of(&format!("{}{rest}", first.to_uppercase()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let guard = Guard { rights, behind: endpoint.to_owned(), http: reqwest::Client::new() };
    let router = Router::new().fallback(pass).with_state(Arc::new(guard));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

struct Guard {
    rights: BTreeSet<String>,
    behind: String,
    http: reqwest::Client,
}

async fn pass(State(guard): State<Arc<Guard>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let refused =
        needs(target.rsplit('.').next().unwrap(), &request).into_iter().find(|need| !guard.allows(need));
    if let Some(need) = refused {
        let message = format!("the template does not allow {need:?}");
        let error = json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "message": message });
        return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
    }
    let onward = guard.http.post(&guard.behind).headers(headers).body(body).send().await;
    // As a connection that is cut: the function's client knows what to do.
    let Ok(answer) = onward else { return StatusCode::BAD_GATEWAY.into_response() };
    (answer.status(), answer.bytes().await.unwrap()).into_response()
}

/// What a request needs the right to: an action, and an item of the table or its index.
#[derive(Debug)]
struct Need {
    action: &'static str,
    on: On,
}

#[derive(Debug)]
enum On {
    /// The item, or those items, in whose names stands this before the first `#`.
    Items(String),
    Index,
}

/// What DynamoDB asks a request's rights for; of a transaction for each of its parts.
fn needs(what: &str, request: &Value) -> Vec<Need> {
    let item = |action, name: &Value| {
        let name = name["pk"]["S"].as_str().unwrap();
        Need { action, on: On::Items(name.split('#').next().unwrap().to_owned()) }
    };
    match what {
        "GetItem" => vec![item("dynamodb:GetItem", &request["Key"])],
        "PutItem" => vec![item("dynamodb:PutItem", &request["Item"])],
        "UpdateItem" => vec![item("dynamodb:UpdateItem", &request["Key"])],
        "DeleteItem" => vec![item("dynamodb:DeleteItem", &request["Key"])],
        "Query" if request["IndexName"].is_string() => vec![Need { action: "dynamodb:Query", on: On::Index }],
        "Query" => {
            let name = json!({ "pk": request["ExpressionAttributeValues"][":partition"] });
            vec![item("dynamodb:Query", &name)]
        }
        "TransactWriteItems" => {
            let parts = request["TransactItems"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|part| part.as_object().unwrap());
            parts.flat_map(|(part, content)| needs(&format!("{part}Item"), content)).collect()
        }
        other => panic!("no function sends {other}: say here what right it needs"),
    }
}

impl Guard {
    fn allows(&self, need: &Need) -> bool {
        match &need.on {
            On::Index => {
                self.rights.contains(&format!("{} on ${{Store.Outputs.Arn}}/index/listing", need.action))
            }
            On::Items(name) => {
                let prefix = format!("{} on Store.Outputs.Arn: ", need.action);
                let mut names = self.rights.iter().filter_map(|right| right.strip_prefix(&prefix));
                names.any(|names| names.split(' ').any(|allowed| allowed == name))
            }
        }
    }
}
