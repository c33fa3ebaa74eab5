//! The cloud over HTTP(S).

use crate::{Cloud, CloudError, CloudRequest};
use std::io::Read;
use std::time::Duration;

/// How long a connection may take; a till on a bad line should notice soon and sell on.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const MAX_ANSWER_BYTES: u64 = replica::wire::MAX_BODY_BYTES as u64;

/// The cloud at an address.
pub struct HttpCloud {
    http: reqwest::blocking::Client,
    base_url: String,
}

impl HttpCloud {
    /// The cloud at a base URL, like `https://leja.example.com`. Nothing is asked yet.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn new(base_url: &str) -> Result<Self, CloudError> {
        // A second installation fails because the first one stands, which is what we want.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::blocking::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|e| CloudError::Unreachable(e.without_url().to_string()))?;
        Ok(Self { http, base_url: base_url.trim_end_matches('/').to_owned() })
    }
}

impl Cloud for HttpCloud {
    fn carry(&self, request: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        let url = format!("{}{}", self.base_url, request.path);
        let mut carried = match request.method {
            "GET" => self.http.get(url),
            _ => self.http.post(url),
        };
        for (name, value) in &request.headers {
            carried = carried.header(*name, value);
        }
        let answer = carried.body(request.body.clone()).send();
        let answer = answer.map_err(|e| CloudError::Unreachable(e.without_url().to_string()))?;
        let status = answer.status();
        let mut body = Vec::new();
        let read = answer.take(MAX_ANSWER_BYTES).read_to_end(&mut body);
        read.map_err(|e| CloudError::Unreachable(e.to_string()))?;
        if status.is_success() { Ok(body) } else { Err(CloudError::from_answer(status.as_u16(), &body)) }
    }
}
