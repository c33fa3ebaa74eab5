//! The pages. They use only the API, and nothing from anywhere else.

use crate::App;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Nothing but our own files, no inline script, never inside somebody else's frame; pictures also from what a
/// page has fetched itself, which is how it shows a code to scan.
const POLICY: &str = "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; \
                      form-action 'self'";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(crate) fn router(sells: bool) -> Router<App> {
    let (page, name, script) = if sells {
        (include_str!("../pages/till.html"), "/till.js", include_str!("../pages/till.js"))
    } else {
        (include_str!("../pages/office.html"), "/office.js", include_str!("../pages/office.js"))
    };
    Router::new()
        .route("/", get(move || async move { file(HTML, page) }))
        .route(name, get(move || async move { file(SCRIPT, script) }))
        .route("/api.js", get(|| async { file(SCRIPT, include_str!("../pages/api.js")) }))
        .route("/cart.js", get(|| async { file(SCRIPT, include_str!("../pages/cart.js")) }))
        .route("/conflicts.js", get(|| async { file(SCRIPT, include_str!("../pages/conflicts.js")) }))
        .route("/match.js", get(|| async { file(SCRIPT, include_str!("../pages/match.js")) }))
        .route("/settle.js", get(|| async { file(SCRIPT, include_str!("../pages/settle.js")) }))
        .route("/connection.js", get(|| async { file(SCRIPT, include_str!("../pages/connection.js")) }))
        .route("/licence.js", get(|| async { file(SCRIPT, include_str!("../pages/licence.js")) }))
        .route("/stages.js", get(|| async { file(SCRIPT, include_str!("../pages/stages.js")) }))
        .route("/shift.js", get(|| async { file(SCRIPT, include_str!("../pages/shift.js")) }))
        .route("/stock.js", get(|| async { file(SCRIPT, include_str!("../pages/stock.js")) }))
        .route("/style.css", get(|| async { file(CSS, include_str!("../pages/style.css")) }))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
}

fn file(content: &'static str, body: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, body).into_response()
}
