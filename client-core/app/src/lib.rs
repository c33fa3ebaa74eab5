//! The reference till and head-office programs: a local API and pages over one [`Till`].
//!
//! [`router`] serves the native API under `/v1`, the seeds' endpoints at a till, the description of both at
//! `/openapi.json`, and the pages, which use only that API. [`keep_in_sync`] is the thread that talks to the cloud,
//! [`keep_in_touch`] the one that meets the other tills of the shop, which reach this one through [`lan_router`].

mod api;
mod cart;
mod catalogue;
mod claims;
mod conflicts;
mod discovery;
mod forms;
mod lan;
mod licence;
mod mistakes;
mod openapi;
mod pages;
mod parked;
mod problem;
mod returns;
mod safaricom;
mod seeds;
mod shifts;
mod siblings;
mod stages;
mod stock;
mod sync_loop;
mod tenders;

pub use lan::lan_router;
pub use siblings::{InTouch, Meeting, SiblingLoop, keep_in_touch};
pub use sync_loop::{Nudges, SyncLoop, keep_in_sync, pause};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use domain::{Role, Timestamp};
use problem::Problem;
use std::net::IpAddr;
use std::sync::Arc;
use till::Till;
use tokio::sync::broadcast;
use utoipa_axum::router::OpenApiRouter;

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct App {
    till: Arc<Till>,
    clock: Clock,
    events: broadcast::Sender<till::Event>,
    nudge: SyncLoop,
    siblings: SiblingLoop,
}

/// What tells the program the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clock of this machine.
pub fn system_clock() -> Clock {
    Arc::new(|| Timestamp::from_system(std::time::SystemTime::now()))
}

/// Everything a till or head office serves.
///
/// # Errors
/// The thread that carries events could not be started.
pub fn router(
    till: Arc<Till>,
    clock: Clock,
    nudge: SyncLoop,
    siblings: SiblingLoop,
) -> std::io::Result<Router> {
    let (events, _) = broadcast::channel(16);
    carry_events(&till, events.clone())?;
    let sells = till.identity().role == Role::Till;
    let (described, document) = routes(sells).split_for_parts();
    let router = described.route("/openapi.json", openapi::served(document)).merge(pages::router(sells));
    let app = App { till, clock, events, nudge, siblings };
    let router = router.layer(from_fn(own_pages_only)).layer(from_fn(always_problems));
    Ok(router.layer(DefaultBodyLimit::max(256 * 1024)).with_state(app))
}

/// The API: what a till serves, or head office. Nothing is mounted here that is not described.
fn routes(sells: bool) -> OpenApiRouter<App> {
    let routes = api::routes()
        .merge(catalogue::routes())
        .merge(claims::routes())
        .merge(conflicts::routes())
        .merge(shifts::routes())
        .merge(stock::routes())
        .merge(tenders::routes())
        .merge(returns::routes())
        .merge(mistakes::routes())
        .merge(safaricom::routes(sells));
    if sells {
        routes.merge(seeds::routes()).merge(licence::routes()).merge(parked::routes()).merge(cart::routes())
    } else {
        routes
    }
}

/// Whatever refuses a request, a reader of JSON or the lack of a route, refuses it as problem details.
async fn always_problems(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || kind == Some(problem::CONTENT_TYPE) {
        return response;
    }
    let said = to_bytes(response.into_body(), 4096).await.unwrap_or_default();
    Problem::plain(status, &String::from_utf8_lossy(&said)).into_response()
}

/// From the till's threads to the pages that listen.
fn carry_events(till: &Till, to: broadcast::Sender<till::Event>) -> std::io::Result<()> {
    let events = till.events();
    let carry = move || {
        while let Ok(event) = events.recv() {
            // Nobody listening is no error.
            let _ = to.send(event);
        }
    };
    std::thread::Builder::new().name("events".to_owned()).spawn(carry).map(drop)
}

/// Refuses requests that another site's page sends through the shop's browser: a foreign `Origin`, or a
/// host name that somebody made point here.
async fn own_pages_only(request: Request, next: Next) -> Response {
    if is_own(request.headers()) {
        return next.run(request).await;
    }
    Problem::forbidden("This address serves its own pages only.").into_response()
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST) else { return true };
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name).trim_matches(['[', ']']);
    let named_by_address = name == "localhost" || name.parse::<IpAddr>().is_ok();
    let same_origin = text(header::ORIGIN).is_none_or(|origin| {
        origin.split_once("://").is_some_and(|(scheme, authority)| scheme == "http" && authority == host)
    });
    named_by_address && same_origin
}

impl App {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Runs something that may wait for the disk or the network, off the async threads.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Till, Timestamp) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (till, now) = (Arc::clone(&self.till), self.now());
        let done = tokio::task::spawn_blocking(move || work(&till, now)).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "a request failed inside");
            Err(Problem::inside())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(is_own(&headers), expected, "{host} {origin:?}");
    }

    #[test]
    fn only_our_own_pages_may_ask() {
        check("127.0.0.1:8301", None, true);
        check("127.0.0.1:8301", Some("http://127.0.0.1:8301"), true);
        check("localhost:8301", Some("http://localhost:8301"), true);
        check("[::1]:8301", None, true);
        check("127.0.0.1:8301", Some("https://evil.example"), false);
        check("127.0.0.1:8301", Some("http://127.0.0.1:9999"), false);
        check("127.0.0.1:8301", Some("null"), false);
        check("evil.example:8301", None, false);
    }
}
