//! Errors as callers see them: RFC 9457 problem details, and nothing of the inside.

use crate::StoreError;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use replica::wire::json;

/// What went wrong, for the caller. The inside of it goes to the log, not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: String,
    now: Option<Timestamp>,
}

impl Problem {
    /// A problem with a stable name and a sentence that says what to do.
    pub fn new(status: StatusCode, kind: &'static str, title: impl Into<String>) -> Self {
        Self { status, kind, title: title.into(), now: None }
    }

    /// The caller's clock is off; the answer says what time it is here.
    pub fn clock(now: Timestamp) -> Self {
        let title = "The clock is off: set it, or use the time in this answer.";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "leja:clock", title);
        Self { now: Some(now), ..problem }
    }

    /// The body makes no sense.
    pub fn bad_request(title: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "leja:bad-request", title)
    }

    /// There is no such thing, or none the caller may know of.
    pub fn not_found(title: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "leja:not-found", title)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "leja:store", "Nothing was stored. Try again in a moment.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json::Problem {
            kind: self.kind.to_owned(),
            title: self.title,
            status: self.status.as_u16(),
            now_millis: self.now.map(Timestamp::millis),
        };
        let content = [(header::CONTENT_TYPE, "application/problem+json")];
        // A struct of two strings and a number always serialises.
        (self.status, content, serde_json::to_string(&body).unwrap_or_default()).into_response()
    }
}
