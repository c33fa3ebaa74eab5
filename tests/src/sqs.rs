//! An SQS of one's own, with the queues made from the template that makes the real ones.

use crate::process::{PATIENCE, Running, free_port, tool};
use crate::template::Template;
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
        let (endpoint, server) = start_server("sqs");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let mut sqs = Self { endpoint, url: String::new(), http, _server: server };
        let template = Template::read("template");
        let letters = sqs.make("dead-letters", &template, "FallbackDeadLetters", "").await;
        let asked = json!({ "QueueUrl": letters, "AttributeNames": ["QueueArn"] });
        let answer = sqs.ask("GetQueueAttributes", asked).await;
        let letters = answer["Attributes"]["QueueArn"].as_str().unwrap();
        sqs.url = sqs.make("fallback", &template, "FallbackQueue", letters).await;
        sqs
    }

    /// Makes a queue of the template, and gives its URL.
    async fn make(&self, name: &str, template: &Template, resource: &str, letters: &str) -> String {
        let properties = template.resource(resource).as_object().unwrap().clone();
        // SQS takes texts, and the template names the other queue, which has an address only now.
        let text = |value: Value| value.to_string().replace("FallbackDeadLetters.Arn", letters);
        let attributes: BTreeMap<_, _> =
            properties.into_iter().map(|(name, value)| (name, text(value))).collect();
        let queue = json!({ "QueueName": name, "Attributes": attributes });
        self.ask("CreateQueue", queue).await["QueueUrl"].as_str().unwrap().to_owned()
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

/// A server of one's own that speaks this service's language, and where it listens.
pub(crate) fn start_server(service: &str) -> (String, Running) {
    loop {
        let port = free_port().to_string();
        let mut server = Command::new("python3");
        server
            .args(["-m", "ministack"])
            .env("PYTHONPATH", tool("ministack"))
            // Nothing but this, and nobody but this machine.
            .envs([("BIND_HOST", "127.0.0.1"), ("GATEWAY_PORT", &port), ("SERVICES", service)])
            .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")]);
        if let Some(server) = Running::start_ready(&mut server, "Running on http") {
            return (format!("http://127.0.0.1:{port}"), server);
        }
    }
}
