//! Who calls, as API Gateway saw it: the functions have no socket of their own to look at.

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderValue};
use lambda_http::request::RequestContext;
use std::net::{IpAddr, SocketAddr};

/// The header in which proxies tell whom they speak for.
const FORWARDED: &str = "x-forwarded-for";

/// Tells the router the caller's address as a server with sockets would. The port is nobody's, 0.
pub(crate) async fn introduce(mut request: Request) -> Request {
    let context = request.extensions().get::<RequestContext>();
    let Some(RequestContext::ApiGatewayV2(context)) = context else { return request };
    let caller = context.http.source_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
    if let Some(caller) = caller {
        take_back(request.headers_mut(), caller);
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(caller, 0)));
    }
    request
}

/// API Gateway appends the address it was called from, which we know already. Without it the right-most
/// entry is again what a proxy in front of API Gateway wrote.
fn take_back(headers: &mut HeaderMap, caller: IpAddr) {
    let entries: Vec<&str> = headers
        .get_all(FORWARDED)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let Some((last, before)) = entries.split_last() else { return };
    if last.parse() != Ok(caller) {
        return;
    }
    let before = HeaderValue::from_str(&before.join(", ")).ok().filter(|value| !value.is_empty());
    headers.remove(FORWARDED);
    if let Some(before) = before {
        headers.insert(FORWARDED, before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use lambda_http::request::LambdaRequest;

    /// What the router gets of an event, after we have said who calls.
    async fn introduced(forwarded: &str) -> Request {
        let event = serde_json::json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "",
            "headers": { "x-forwarded-for": forwarded },
            "requestContext": { "http": { "method": "POST", "path": "/", "sourceIp": "196.201.214.200" } },
            "isBase64Encoded": false
        });
        let event: LambdaRequest = serde_json::from_value(event).unwrap();
        introduce(lambda_http::Request::from(event).map(|_| Body::empty())).await
    }

    fn forwarded(request: &Request) -> Vec<&str> {
        request.headers().get_all(FORWARDED).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn the_caller_is_whom_api_gateway_saw_and_not_whom_the_caller_names() {
        let request = introduced("10.0.0.1, 196.201.214.200").await;
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>().unwrap();
        assert_eq!(peer.ip().to_string(), "196.201.214.200");
    }

    #[tokio::test]
    async fn what_api_gateway_appended_is_taken_off_and_the_proxys_own_word_stays() {
        assert_eq!(forwarded(&introduced("1.1.1.1, 10.0.0.1, 196.201.214.200").await), ["1.1.1.1, 10.0.0.1"]);
        assert_eq!(forwarded(&introduced("196.201.214.200").await), [""; 0]);
        assert_eq!(forwarded(&introduced("10.0.0.1").await), ["10.0.0.1"], "nothing was appended");
    }

    #[tokio::test]
    async fn who_is_not_told_stays_unknown() {
        let request = introduce(Request::new(Body::empty())).await;
        assert!(request.extensions().get::<ConnectInfo<SocketAddr>>().is_none());
    }
}
