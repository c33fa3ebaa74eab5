//! The cloud over HTTP(S), and other tills over the shop's own network.

use crate::{Cloud, CloudError, CloudRequest, SiblingError, SiblingLine};
use std::io::Read;
use std::time::Duration;

/// How long a connection may take; a till on a bad line should notice soon and sell on.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const MAX_ANSWER_BYTES: u64 = replica::wire::MAX_BODY_BYTES as u64;

/// Where a till hears its siblings.
pub const SIBLING_PATH: &str = "/v1/sibling";
/// The largest sealed message.
pub const MAX_SEALED_BYTES: usize = replica::wire::MAX_BODY_BYTES + replica::noise::OVERHEAD;
/// How long a connection to another till may take: it is in the same house or not there.
const SIBLING_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long its answer may take.
const SIBLING_TIMEOUT: Duration = Duration::from_secs(15);
/// The most words of a refusal that are read.
const MAX_WORDS: u64 = 500;

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
        if let Some(within) = request.within {
            carried = carried.timeout(within);
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

/// The way to other tills. What goes over it is sealed, so the connection need not be.
pub struct HttpSiblings(Result<reqwest::blocking::Client, String>);

/// Another till at an address.
pub struct HttpSibling {
    way: Result<reqwest::blocking::Client, String>,
    url: String,
}

impl Default for HttpSiblings {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpSiblings {
    /// Sets it up; if that fails, every attempt says why.
    pub fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder()
            .connect_timeout(SIBLING_CONNECT_TIMEOUT)
            .timeout(SIBLING_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        Self(client.map_err(|error| error.to_string()))
    }

    /// The till at an address like `192.168.1.20:8311`. Nothing is asked yet.
    pub fn at(&self, address: &str) -> HttpSibling {
        HttpSibling { way: self.0.clone(), url: format!("http://{address}{SIBLING_PATH}") }
    }
}

impl SiblingLine for HttpSibling {
    fn carry(&self, sealed: &[u8]) -> Result<Vec<u8>, SiblingError> {
        let unreachable = |error: reqwest::Error| SiblingError::Unreachable(error.without_url().to_string());
        let client = self.way.as_ref().map_err(|error| SiblingError::Unreachable(error.clone()))?;
        let answer = client.post(&self.url).body(sealed.to_vec()).send().map_err(unreachable)?;
        let status = answer.status();
        let most =
            if status.is_success() { u64::try_from(MAX_SEALED_BYTES).unwrap_or(u64::MAX) } else { MAX_WORDS };
        let mut body = Vec::new();
        let read = answer.take(most).read_to_end(&mut body);
        read.map_err(|error| SiblingError::Unreachable(error.to_string()))?;
        if status.is_success() {
            return Ok(body);
        }
        let words = String::from_utf8_lossy(&body);
        Err(match (status.as_u16(), words.trim().parse()) {
            (421, Ok(tag)) => SiblingError::Another(tag),
            (403, _) => SiblingError::Refused(words.into_owned()),
            _ => SiblingError::Unreachable(format!("status {status}")),
        })
    }
}
