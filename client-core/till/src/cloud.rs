//! The port to the cloud: signed requests and their answers.

use domain::{Actor, Timestamp};
use replica::Keypair;
use replica::keys::request_message;
use replica::wire::json::Problem;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A request, signed and ready to be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// Headers, the signature's among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long its answer may take, where whoever asks can not wait as long as the way there usually allows.
    pub within: Option<Duration>,
}

impl CloudRequest {
    /// A request that nobody signed: only enrolment is asked so.
    pub fn unsigned(method: &'static str, path: &str, body: Vec<u8>) -> Self {
        Self::of_kind("application/json", method, path, body)
    }

    fn of_kind(kind: &str, method: &'static str, path: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self { method, path: path.to_owned(), headers, body, within: None }
    }

    /// A request by a member, signed at a time by the cloud's clock. Its body is called bytes, whatever they say: what is
    /// called JSON goes as text through API Gateway, and what is no text does not survive that.
    pub fn signed(
        method: &'static str,
        path: &str,
        body: Vec<u8>,
        (writer, key): (Actor, &Keypair),
        at: Timestamp,
    ) -> Self {
        let writer = writer.to_string();
        let message = request_message(method, path, &writer, at.millis(), &body);
        let mut request = Self::of_kind("application/octet-stream", method, path, body);
        request.headers.extend([
            ("leja-actor", writer),
            ("leja-time", at.millis().to_string()),
            ("leja-signature", hex::encode(key.sign(&message))),
        ]);
        request
    }
}

/// Why the cloud did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// It was not reached, or did not answer. What was asked may have happened all the same.
    #[error("offline: the cloud can not be reached ({0})")]
    Unreachable(String),
    /// It answered no.
    #[error("{}", .0.title)]
    Refused(Problem),
}

impl CloudError {
    /// What an answer with an error status means.
    pub fn from_answer(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => Self::Refused(problem),
            Err(_) => Self::Unreachable(format!("status {status}")),
        }
    }

    /// The cloud's time, if our clock is what was wrong.
    pub(crate) fn clock(&self) -> Option<Timestamp> {
        let Self::Refused(problem) = self else { return None };
        problem.now_millis.and_then(|millis| Timestamp::from_millis(millis).ok())
    }
}

/// Carries requests to the cloud.
///
/// The contract: an answer is the body of a successful response. A request may arrive although its answer
/// is lost; whoever asks repeats it, and the cloud takes a repetition for what it is.
pub trait Cloud: Send + Sync {
    /// Carries one request and waits for the answer, for a bounded time.
    ///
    /// # Errors
    /// The cloud was not reached, or refused.
    fn carry(&self, request: &CloudRequest) -> Result<Vec<u8>, CloudError>;

    /// A clock that never jumps, for timing the answers; when it began does not matter.
    fn elapsed(&self) -> Duration {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGAN.elapsed()
    }
}
