//! A Secrets Manager of one's own.

use crate::process::{PATIENCE, Running};
use crate::sqs::start_server;
use serde_json::{Value, json};

/// One secret, and the server that keeps it.
pub struct Secret {
    /// Where the server listens.
    pub endpoint: String,
    /// What the secret is called.
    pub name: &'static str,
    http: reqwest::Client,
    _server: Running,
}

impl Secret {
    /// Starts a server with a secret that says these settings.
    pub async fn start(settings: &Value) -> Self {
        let (endpoint, server) = start_server("secretsmanager");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let secret = Self { endpoint, name: "leja", http, _server: server };
        secret.ask("CreateSecret", json!({ "Name": "leja", "SecretString": settings.to_string() })).await;
        secret
    }

    /// From now on it says these.
    pub async fn rotate(&self, settings: &Value) {
        self.ask("PutSecretValue", json!({ "SecretId": "leja", "SecretString": settings.to_string() })).await;
    }

    async fn ask(&self, what: &str, body: Value) {
        let request = self.http.post(&self.endpoint).header("x-amz-target", format!("secretsmanager.{what}"));
        let request = request.header("content-type", "application/x-amz-json-1.1").body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{what}: {}", answer.text().await.unwrap());
    }
}
