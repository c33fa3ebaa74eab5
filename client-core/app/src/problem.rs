//! Errors as the local API shows them: RFC 9457 problem details.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use till::{CloudError, LedgerError, TillError};

/// The media type of problem details.
pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

/// The stable names of everything that goes wrong, and what each means.
pub(crate) const KINDS: [(&str, &str); 13] = [
    ("leja:bad-request", "the request makes no sense; its title says what is missing"),
    ("leja:forbidden", "this is served to this machine's own pages and programs only"),
    ("leja:not-found", "there is no such thing here"),
    ("leja:refused", "the rules do not allow it as things stand"),
    ("leja:payment-taken", "another sale has this payment"),
    ("leja:claimed-first", "the cloud knows another sale that claimed this payment first"),
    ("leja:over-limit", "too much would go out on payments that nobody has seen: a manager may allow it"),
    ("leja:licence", "the shop's licence ran out: no new sales, everything else goes on"),
    ("leja:prompt-open", "a request on a phone is under way: wait for it"),
    ("leja:offline", "this needs the cloud, and the cloud can not be reached"),
    ("leja:cloud", "the cloud refused"),
    ("leja:forked", "this till's file was copied or restored: it gets another name at its next sync"),
    ("leja:inside", "something failed inside; nothing was recorded"),
];

/// What went wrong, for a person, with a stable name for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: String,
}

impl Problem {
    const fn new(status: StatusCode, kind: &'static str, title: String) -> Self {
        Self { status, kind, title }
    }

    pub(crate) fn bad_request(title: &(impl ToString + ?Sized)) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "leja:bad-request", title.to_string())
    }

    pub(crate) fn forbidden(title: &(impl ToString + ?Sized)) -> Self {
        Self::new(StatusCode::FORBIDDEN, "leja:forbidden", title.to_string())
    }

    pub(crate) fn refused(title: &(impl ToString + ?Sized)) -> Self {
        Self::new(StatusCode::CONFLICT, "leja:refused", title.to_string())
    }

    pub(crate) fn not_found(title: &(impl ToString + ?Sized)) -> Self {
        Self::new(StatusCode::NOT_FOUND, "leja:not-found", title.to_string())
    }

    pub(crate) fn inside() -> Self {
        let title = "Something failed inside. Nothing was recorded; try again.".to_owned();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "leja:inside", title)
    }

    /// A refusal of the web framework's, in its own words, or in the status's where it has none.
    pub(crate) fn plain(status: StatusCode, said: &str) -> Self {
        let words = if said.is_empty() { status.canonical_reason().unwrap_or_default() } else { said };
        Self::new(status, "leja:bad-request", words.to_owned())
    }

    /// What to tell the person.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }
}

impl From<TillError> for Problem {
    fn from(error: TillError) -> Self {
        let (status, kind) = match &error {
            TillError::Refused(_) | TillError::Sibling(_) => (StatusCode::CONFLICT, "leja:refused"),
            TillError::Unlicensed { .. } => (StatusCode::PAYMENT_REQUIRED, "leja:licence"),
            TillError::Taken(_) | TillError::Held(..) => (StatusCode::CONFLICT, "leja:payment-taken"),
            TillError::OverLimit(_) => (StatusCode::CONFLICT, "leja:over-limit"),
            TillError::First(_) => (StatusCode::CONFLICT, "leja:claimed-first"),
            TillError::Ledger(LedgerError::Unknown(_)) => (StatusCode::NOT_FOUND, "leja:not-found"),
            TillError::Cloud(CloudError::Unreachable(_)) => (StatusCode::SERVICE_UNAVAILABLE, "leja:offline"),
            TillError::Cloud(CloudError::Refused(problem)) if problem.kind == "leja:prompt-open" => {
                (StatusCode::CONFLICT, "leja:prompt-open")
            }
            TillError::Cloud(CloudError::Refused(_)) => (StatusCode::BAD_GATEWAY, "leja:cloud"),
            TillError::Forked => (StatusCode::CONFLICT, "leja:forked"),
            TillError::Ledger(_) | TillError::Folder(_) | TillError::Merge(_) | TillError::Unreadable => {
                tracing::error!(%error, "the till failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "leja:inside")
            }
        };
        Self::new(status, kind, error.to_string())
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        TillError::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "type": self.kind, "title": self.title, "status": self.status.as_u16() });
        (self.status, [(header::CONTENT_TYPE, CONTENT_TYPE)], Json(body)).into_response()
    }
}
