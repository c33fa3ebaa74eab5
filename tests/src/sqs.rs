//! An SQS of one's own, with a queue made from the template that makes the real one.

use crate::process::{PATIENCE, Running, free_port, repository, tool};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// An empty queue. The server it lies on ends with it.
pub struct Sqs {
    /// Where the server listens.
    pub endpoint: String,
    /// The queue's URL.
    pub url: String,
    http: reqwest::Client,
    _server: Running,
}

impl Sqs {
    /// Starts a server and makes the queue.
    pub async fn start() -> Self {
        let (endpoint, server) = start_server();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let mut sqs = Self { endpoint, url: String::new(), http, _server: server };
        let queue = json!({ "QueueName": "fallback", "Attributes": attributes() });
        sqs.url = sqs.ask("CreateQueue", queue).await["QueueUrl"].as_str().unwrap().to_owned();
        sqs
    }

    /// How many messages it holds, whether or not somebody looks at them just now.
    pub async fn messages(&self) -> u32 {
        let asked = json!({ "QueueUrl": self.url, "AttributeNames": ["All"] });
        let answer = self.ask("GetQueueAttributes", asked).await;
        let count = |name: &str| answer["Attributes"][name].as_str().unwrap().parse::<u32>().unwrap();
        count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
    }

    async fn ask(&self, what: &str, body: Value) -> Value {
        let request = self.http.post(&self.endpoint).header("x-amz-target", format!("AmazonSQS.{what}"));
        let request = request.header("content-type", "application/x-amz-json-1.0").body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{what}: {}", answer.text().await.unwrap());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    }
}

fn start_server() -> (String, Running) {
    loop {
        let port = free_port().to_string();
        let mut server = Command::new("python3");
        server
            .args(["-m", "ministack"])
            .env("PYTHONPATH", tool("ministack"))
            // Nothing but SQS, and nobody but this machine.
            .envs([("BIND_HOST", "127.0.0.1"), ("GATEWAY_PORT", &port), ("SERVICES", "sqs")])
            .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")]);
        if let Some(server) = Running::start_ready(&mut server, "Running on http") {
            return (format!("http://127.0.0.1:{port}"), server);
        }
    }
}

/// What the template says of the queue.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    resources: Resources,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resources {
    fallback_queue: Queue,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Queue {
    properties: BTreeMap<String, Value>,
}

/// The queue's attributes, as SQS takes them: texts.
fn attributes() -> BTreeMap<String, String> {
    let template = std::fs::read_to_string(repository().join("infra/aws/template.yaml")).unwrap();
    let template: Template = serde_saphyr::from_str(&template).expect("a template with a queue");
    let properties = template.resources.fallback_queue.properties.into_iter();
    properties.map(|(name, value)| (name, value.to_string())).collect()
}
