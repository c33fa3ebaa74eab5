//! Callbacks on their way: what became of each, and the wire they go over.

use super::agenda::Event;
use super::odds::Fault;
use super::{Simulator, State};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use domain::Timestamp;
use std::time::Duration;
use tower::ServiceExt;

/// How many callbacks are remembered.
const REMEMBERED: usize = 10_000;
/// How long a callback waits for its acknowledgement.
const DEADLINE: Duration = Duration::from_secs(8);
/// The largest answer that is read.
const MAX_ANSWER: usize = 64 * 1024;
/// A callback that is overtaken waits one to five seconds.
const OVERTAKEN: std::ops::RangeInclusive<i64> = 1_000..=5_000;

/// The wire that callbacks go over.
#[derive(Clone)]
pub enum Delivery {
    /// Sockets.
    Http(reqwest::Client),
    /// A router in this process; the host of a URL is ignored.
    Router(Router),
    /// None: nobody ever answers.
    Nowhere,
}

/// What a callback says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// May this customer pay?
    Validation,
    /// A customer has paid.
    Confirmation,
    /// As [`What::Confirmation`], but by somebody else, of a payment that never was.
    Forgery,
    /// How a prompt ended.
    StkResult,
    /// The result of a status, reversal or balance.
    Result,
    /// The same, to the other URL: it says that nothing is known.
    TimeOut,
}

/// What became of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It has not gone out yet.
    Waiting,
    /// It never will.
    Lost,
    /// It was answered with this HTTP status.
    Answered(u16),
    /// Nobody answered in time.
    Unanswered,
}

/// A callback and its fate.
#[derive(Clone)]
pub struct Sent {
    /// What it says.
    pub what: What,
    /// What it is about: a receipt code, or the id that the request was given.
    pub about: String,
    /// Where it goes.
    pub url: String,
    /// What is posted.
    pub body: String,
    /// Whether it is the second of two.
    pub again: bool,
    /// What became of it.
    pub fate: Fate,
    /// When it goes out.
    pub at: Timestamp,
}

impl State {
    /// Puts a callback on its way; what the faults do to it is decided here.
    pub(super) fn send(&mut self, now: Timestamp, what: What, about: &str, url: &str, body: String) {
        if url.is_empty() {
            return;
        }
        let lost = self.is_lost(what);
        let mut at = now;
        if self.roll(Fault::CallbackDelayed) {
            at = super::later(at, self.delays.callback);
        }
        if self.roll(Fault::CallbackReordered) {
            at = at.plus_millis(self.random.i64(OVERTAKEN));
        }
        let fate = if lost { Fate::Lost } else { Fate::Waiting };
        let (about, url) = (about.to_owned(), url.to_owned());
        let sent = Sent { what, about, url, body, again: false, fate, at };
        if lost {
            self.log(now, format!("{}: {} is lost", sent.about, what.words()));
            self.remember(sent);
            return;
        }
        let doubled = self.roll(Fault::CallbackDoubled).then(|| Sent { again: true, ..sent.clone() });
        for sent in [Some(sent), doubled].into_iter().flatten() {
            let id = self.remember(sent);
            self.agenda.put(at, Event::Callback(id));
        }
    }

    fn is_lost(&mut self, what: What) -> bool {
        let own = match what {
            What::Confirmation => self.roll(Fault::ConfirmationLost),
            What::StkResult => self.roll(Fault::StkResultLost),
            _ => false,
        };
        let any = what != What::Forgery && self.roll(Fault::CallbackLost);
        own || any
    }

    fn remember(&mut self, sent: Sent) -> u64 {
        self.callbacks = self.callbacks.saturating_add(1);
        self.sent.insert(self.callbacks, sent);
        while self.sent.len() > REMEMBERED {
            self.sent.pop_first();
        }
        self.callbacks
    }

    fn became(&mut self, now: Timestamp, id: u64, answer: Option<&Answer>) {
        let fate = answer.map_or(Fate::Unanswered, |answer| Fate::Answered(answer.status));
        let Some(sent) = self.sent.get_mut(&id) else { return };
        sent.fate = fate;
        let again = if sent.again { " again" } else { "" };
        let line = format!("{}: {}{again} {}", sent.about, sent.what.words(), fate.words());
        self.log(now, line);
    }
}

impl Simulator {
    /// Posts a callback, once: what does not get through is lost, as with the real one.
    pub(super) async fn deliver(&self, at: Timestamp, id: u64) {
        let Some((url, body)) = self.state().sent.get(&id).map(|sent| (sent.url.clone(), sent.body.clone()))
        else {
            return;
        };
        let answer = self.post(&url, body, DEADLINE).await;
        self.state().became(at, id, answer.as_ref());
    }

    /// Asks the shop something while the customer waits; `None`: no answer in time.
    pub(super) async fn ask(&self, at: Timestamp, about: &str, url: &str, body: String) -> Option<Answer> {
        let (what, fate) = (What::Validation, Fate::Waiting);
        let (about, to) = (about.to_owned(), url.to_owned());
        let sent = Sent { what, about, url: to, body: body.clone(), again: false, fate, at };
        let id = self.state().remember(sent);
        let answer = self.post(url, body, self.setup.delays.validation).await;
        self.state().became(at, id, answer.as_ref());
        answer
    }

    async fn post(&self, url: &str, body: String, deadline: Duration) -> Option<Answer> {
        let delivery = self.delivery.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        tokio::time::timeout(deadline, delivery.post(url, body)).await.ok().flatten()
    }
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Delivery {
    async fn post(&self, url: &str, body: String) -> Option<Answer> {
        match self {
            Self::Http(client) => {
                let request = client.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
                let answer = request.send().await.ok()?;
                let status = answer.status().as_u16();
                Some(Answer { status, body: answer.bytes().await.ok()?.to_vec() })
            }
            Self::Router(router) => {
                let request = Request::builder().method(Method::POST).uri(path(url));
                let request = request.header(header::CONTENT_TYPE, "application/json");
                let request = request.body(Body::from(body)).ok()?;
                let answer = router.clone().oneshot(request).await.ok()?;
                let status = answer.status().as_u16();
                let body = axum::body::to_bytes(answer.into_body(), MAX_ANSWER).await.ok()?;
                Some(Answer { status, body: body.to_vec() })
            }
            Self::Nowhere => None,
        }
    }
}

/// A URL without its scheme and host.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|start| rest.get(start..)).unwrap_or("/")
}

impl What {
    /// What it is called in the log and on the page.
    pub fn words(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Confirmation => "confirmation",
            Self::Forgery => "forged confirmation",
            Self::StkResult => "prompt's result",
            Self::Result => "result",
            Self::TimeOut => "queue time-out",
        }
    }
}

impl Fate {
    /// What it is called in the log and on the page.
    pub fn words(self) -> String {
        match self {
            Self::Waiting => "waits".to_owned(),
            Self::Lost => "lost".to_owned(),
            Self::Answered(status) => format!("answered {status}"),
            Self::Unanswered => "lost: nobody answered".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_router_gets_the_path_of_a_url() {
        for (url, path) in
            [("https://pay.example.com:1/in/a/s?b=c", "/in/a/s?b=c"), ("http://h", "/"), ("/x", "/x")]
        {
            assert_eq!(super::path(url), path);
        }
    }
}
