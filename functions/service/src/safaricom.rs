//! The port to Safaricom, and its adapter over HTTPS.

use backon::{ExponentialBuilder, Retryable};
use daraja::outbound::{AccessToken, Method, TOKEN_PATH, read_token_answer};
use daraja::{Call, CallError, Refused};
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A token lives an hour; we ask for the next after fifty minutes (seed B), or earlier if it lives less.
const TOKEN_LIFE: Duration = Duration::from_secs(50 * 60);
/// The largest answer taken. A page of pulled payments has some tens of kilobytes.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Why Safaricom did not take a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafaricomError {
    /// It said no: nothing happened.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It did not answer, or its answer does not say. It may have happened all the same: a prompt may be
    /// on the phone.
    #[error("Safaricom gave no clear answer; what was asked may have happened all the same")]
    Unknown,
}

impl From<CallError> for SafaricomError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refused) => Self::Refused(refused),
            CallError::Unclear => Self::Unknown,
        }
    }
}

impl SafaricomError {
    /// Whether the same may go well a little later.
    fn passes(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_busy(),
            Self::Unknown => true,
        }
    }
}

/// What is asked of Safaricom.
pub trait Safaricom: Send + Sync + 'static {
    /// Carries a call. One that is not [`Call::REPEATABLE`] is sent once: after
    /// [`SafaricomError::Unknown`] nobody knows what became of it until a callback or a query says so.
    fn call<C: Call>(&self, call: &C) -> impl Future<Output = Result<C::Answer, SafaricomError>> + Send;
}

/// How long the adapter waits, and how often it asks again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For one whole answer, connection included.
    pub answer: Duration,
    /// Before the second try; each later pause is twice as long, and each has as much again added by
    /// chance.
    pub pause: Duration,
    /// How often a repeatable call is sent at most.
    pub tries: usize,
    /// No try begins later than this after the first.
    pub last_try: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(20),
            pause: Duration::from_millis(400),
            tries: 3,
            last_try: Duration::from_secs(15),
        }
    }
}

/// Daraja over HTTPS.
pub struct HttpSafaricom {
    http: reqwest::Client,
    base_url: String,
    consumer_key: String,
    consumer_secret: String,
    patience: Patience,
    /// One owner of the token, because a new one may make the old one void (fact sheet §1.2). Whoever
    /// holds the lock fetches; the others wait and find what was fetched, or why it was not.
    token: Mutex<Held>,
}

/// What is known of the token, and since when.
enum Held {
    Nothing,
    Token(AccessToken, Instant),
    Failed(Refused, Instant),
}

impl HttpSafaricom {
    /// An adapter for an environment's base URL and an app's keys.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn new(base_url: &str, consumer_key: &str, consumer_secret: &str) -> Result<Self, reqwest::Error> {
        Self::with_patience(base_url, consumer_key, consumer_secret, Patience::default())
    }

    /// The same with a patience of its own.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn with_patience(
        base_url: &str,
        consumer_key: &str,
        consumer_secret: &str,
        patience: Patience,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: client(&patience)?,
            base_url: base_url.trim_end_matches('/').to_owned(),
            consumer_key: consumer_key.to_owned(),
            consumer_secret: consumer_secret.to_owned(),
            patience,
            token: Mutex::new(Held::Nothing),
        })
    }

    /// Does something, and does it again after a pause while it may pass.
    async fn patiently<T, W, F>(&self, again: bool, work: W) -> Result<T, SafaricomError>
    where
        W: FnMut() -> F + Send,
        F: Future<Output = Result<T, SafaricomError>> + Send,
        T: Send,
    {
        let (patience, begun) = (&self.patience, Instant::now());
        let pauses = ExponentialBuilder::default()
            .with_min_delay(patience.pause)
            .with_max_times(patience.tries.saturating_sub(1))
            .with_jitter();
        work.retry(pauses)
            .when(|error: &SafaricomError| again && error.passes() && begun.elapsed() < patience.last_try)
            .await
    }

    /// The token in use; a new one if it is old, or if it is the one that was just refused.
    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, Refused> {
        let asked = Instant::now();
        let mut held = self.token.lock().await;
        match &*held {
            Held::Token(token, since) if refused != Some(token) && since.elapsed() < use_for(token) => {
                return Ok(token.clone());
            }
            // It failed while we waited for it: the next who asks tries again, we do not.
            Held::Failed(why, since) if *since >= asked => return Err(why.clone()),
            _ => {}
        }
        let fetched = self.patiently(true, || self.fetch_token()).await.map_err(|error| match error {
            SafaricomError::Refused(refused) => refused,
            // Without a token nothing was asked of anybody, so this is a clear no.
            SafaricomError::Unknown => {
                Refused { code: "no token".to_owned(), message: "Safaricom does not answer".to_owned() }
            }
        });
        *held = match &fetched {
            Ok(token) => Held::Token(token.clone(), Instant::now()),
            Err(why) => Held::Failed(why.clone(), Instant::now()),
        };
        fetched
    }

    async fn fetch_token(&self) -> Result<AccessToken, SafaricomError> {
        let url = format!("{}{TOKEN_PATH}", self.base_url);
        let request = self.http.get(url).basic_auth(&self.consumer_key, Some(&self.consumer_secret));
        let (status, body) = answer(request).await?;
        Ok(read_token_answer(status, &body)?)
    }

    /// Sends a call. A refused token means that nothing happened, so once more with a new one is safe
    /// whatever the call.
    async fn send<C: Call>(&self, call: &C, body: &[u8]) -> Result<C::Answer, SafaricomError> {
        let token = self.token(None).await?;
        match self.send_with::<C>(call, body, &token).await {
            Err(SafaricomError::Refused(refused)) if refused.is_token() => {
                let token = self.token(Some(&token)).await?;
                self.send_with::<C>(call, body, &token).await
            }
            other => other,
        }
    }

    async fn send_with<C: Call>(
        &self,
        call: &C,
        body: &[u8],
        token: &AccessToken,
    ) -> Result<C::Answer, SafaricomError> {
        let method = match call.method() {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let request = self.http.request(method, format!("{}{}", self.base_url, call.path()));
        let request = request.bearer_auth(token.as_str()).header("content-type", "application/json");
        let (status, answer) = answer(request.body(body.to_vec())).await?;
        let read = C::read(status, &answer);
        if matches!(read, Err(CallError::Unclear)) {
            tracing::warn!(path = call.path(), status, "Safaricom gave no clear answer");
        }
        Ok(read?)
    }
}

impl Safaricom for HttpSafaricom {
    async fn call<C: Call>(&self, call: &C) -> Result<C::Answer, SafaricomError> {
        let unsaid = |_| Refused { code: "body".to_owned(), message: "it can not be written".to_owned() };
        let body = call.body().map_err(unsaid)?;
        self.patiently(C::REPEATABLE, || self.send(call, &body)).await
    }
}

/// How long a token is used: a tenth of its life is kept in hand.
fn use_for(token: &AccessToken) -> Duration {
    let life = token.life();
    life.saturating_sub(life.checked_div(10).unwrap_or_default()).min(TOKEN_LIFE)
}

/// A client for HTTPS with the one TLS provider of this workspace.
///
/// # Errors
/// No TLS could be set up.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    client(&Patience::default())
}

/// It follows no redirect: nobody sends a token, or a push, to where it was not meant to go.
fn client(patience: &Patience) -> Result<reqwest::Client, reqwest::Error> {
    // A second installation fails because the first one stands, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().connect_timeout(patience.connect).timeout(patience.answer);
    builder.redirect(reqwest::redirect::Policy::none()).build()
}

/// Sends a request; gives status and body, as far as we take bodies.
async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), SafaricomError> {
    let unknown = |error: reqwest::Error| {
        // Without the URL: it may hold more than a log should.
        tracing::warn!(error = %error.without_url(), "Safaricom did not answer");
        SafaricomError::Unknown
    };
    let mut response = request.send().await.map_err(unknown)?;
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(unknown)? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
            tracing::warn!(status, "Safaricom's answer is too long");
            return Err(SafaricomError::Unknown);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body))
}
