//! The port to Safaricom, and its adapter over HTTPS.

use daraja::outbound::{Refused, STK_PUSH_PATH, TOKEN_PATH, read_stk_answer, read_token_answer};
use daraja::{StkAccepted, StkPush};
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A token lives an hour; we ask for the next after fifty minutes (seed B).
const TOKEN_LIFE: Duration = Duration::from_secs(50 * 60);
/// How long we wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why Safaricom did not take a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafaricomError {
    /// It said no: nothing was sent to the customer.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It did not answer. The prompt may be on the phone all the same: never send it again by itself.
    #[error("Safaricom did not answer; the customer may have been asked all the same")]
    Unknown,
}

/// What is asked of Safaricom.
pub trait Safaricom: Send + Sync + 'static {
    /// Asks a customer's phone for a payment. Sent once: after [`SafaricomError::Unknown`] the result, if
    /// there is one, comes as a callback.
    fn stk_push(&self, push: &StkPush) -> impl Future<Output = Result<StkAccepted, SafaricomError>> + Send;
}

/// Daraja over HTTPS.
pub struct HttpSafaricom {
    http: reqwest::Client,
    base_url: String,
    consumer_key: String,
    consumer_secret: String,
    /// One owner of the token, because a new one may make the old one void (fact sheet §1.2). Whoever
    /// holds the lock fetches; the others wait and find it fetched.
    token: Mutex<Option<(String, Instant)>>,
}

impl HttpSafaricom {
    /// An adapter for an environment's base URL and an app's keys.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn new(base_url: &str, consumer_key: &str, consumer_secret: &str) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: http_client()?,
            base_url: base_url.trim_end_matches('/').to_owned(),
            consumer_key: consumer_key.to_owned(),
            consumer_secret: consumer_secret.to_owned(),
            token: Mutex::new(None),
        })
    }

    /// The token in use; a new one if it is old, or if it is the one that was just refused.
    async fn token(&self, refused: Option<&str>) -> Result<String, SafaricomError> {
        let mut held = self.token.lock().await;
        if let Some((token, fetched)) = held.as_ref()
            && fetched.elapsed() < TOKEN_LIFE
            && refused != Some(token.as_str())
        {
            return Ok(token.clone());
        }
        let url = format!("{}{TOKEN_PATH}", self.base_url);
        let request = self.http.get(url).basic_auth(&self.consumer_key, Some(&self.consumer_secret));
        // Without a token nothing was asked of anybody, so this is a clear no.
        let silent =
            || Refused { code: "no token".to_owned(), message: "Safaricom does not answer".to_owned() };
        let (status, body) = answer(request).await.map_err(|_| silent())?;
        let token = read_token_answer(status, &body)?;
        *held = Some((token.clone(), Instant::now()));
        Ok(token)
    }

    async fn post(&self, path: &str, body: &StkPush, token: &str) -> Result<(u16, Vec<u8>), SafaricomError> {
        answer(self.http.post(format!("{}{path}", self.base_url)).bearer_auth(token).json(body)).await
    }
}

impl Safaricom for HttpSafaricom {
    async fn stk_push(&self, push: &StkPush) -> Result<StkAccepted, SafaricomError> {
        let token = self.token(None).await?;
        let (status, body) = self.post(STK_PUSH_PATH, push, &token).await?;
        match read_stk_answer(status, &body) {
            // A refused token means that nothing was sent; once more with a new one is safe.
            Err(refused) if refused.is_token() => {
                let token = self.token(Some(&token)).await?;
                let (status, body) = self.post(STK_PUSH_PATH, push, &token).await?;
                read_stk_answer(status, &body)?.ok_or(SafaricomError::Unknown)
            }
            other => other?.ok_or(SafaricomError::Unknown),
        }
    }
}

/// A client for HTTPS with the one TLS provider of this workspace.
///
/// # Errors
/// No TLS could be set up.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // A second installation fails because the first one stands, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(TIMEOUT).build()
}

async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), SafaricomError> {
    let unknown = |error: reqwest::Error| {
        // Without the URL: it may hold more than a log should.
        tracing::warn!(error = %error.without_url(), "Safaricom did not answer");
        SafaricomError::Unknown
    };
    let response = request.send().await.map_err(unknown)?;
    let status = response.status().as_u16();
    Ok((status, response.bytes().await.map_err(unknown)?.to_vec()))
}
