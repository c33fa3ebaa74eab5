//! What Safaricom asks of the URLs it calls (fact sheet §6).

use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// What is wrong with a callback URL, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// It can not be read.
    #[error("this is no URL: write it like https://pay.example.com")]
    Unreadable,
    /// Safaricom does not call hosts with this word in them.
    #[error(
        "the host contains {0:?}, which Safaricom does not call: use a domain name of your own without it"
    )]
    WordInHost(&'static str),
    /// Safaricom does not call paths with this word in them.
    #[error("the path contains {0:?}, which Safaricom does not call: use a neutral path and hex tokens")]
    WordInPath(&'static str),
    /// A tunnel or a request bin.
    #[error("Safaricom blocks {0}: use a public server of your own")]
    Tunnel(&'static str),
    /// Safaricom reaches public hosts only.
    #[error("Safaricom can not reach this host: use a public domain name or address")]
    Private,
    /// Production asks for TLS.
    #[error("production needs https with a publicly trusted certificate")]
    Plain,
    /// Payments got lost behind query strings.
    #[error("leave out everything from the '?' or '#' on: put tokens into the path")]
    Query,
    /// Only the usual port is sure.
    #[error("port {0} may be blocked: serve it on port 443")]
    Port(u16),
}

/// Safaricom's words, in any letter case. `exec` before `exe`, which it contains: one is told. The name of
/// AWS's API hosts, `execute-api`, holds it.
const WORDS: [&str; 10] =
    ["mpesa", "m-pesa", "m_pesa", "m.pesa", "safaricom", "exec", "exe", "cmd", "sql", "query"];
/// Names of tunnels and request bins.
const TUNNELS: [&str; 3] = ["ngrok", "mockbin", "requestbin"];
/// Names that lead nowhere outside a house (RFC 2606, RFC 6761, RFC 6762).
const HOME_NAMES: [&str; 7] =
    ["localhost", ".localhost", ".local", ".internal", ".test", ".invalid", ".home.arpa"];

/// Everything that is wrong with a URL that Safaricom shall call; nothing if it will do.
pub fn lint_callback_url(url: &str, production: bool) -> Vec<UrlFault> {
    let Ok(parsed) = Url::parse(url.trim()) else { return vec![UrlFault::Unreadable] };
    let Some(host) = parsed.host().filter(|_| matches!(parsed.scheme(), "http" | "https")) else {
        return vec![UrlFault::Unreadable];
    };
    let name = host.to_string();
    let mut faults: Vec<UrlFault> = words_in(&name).map(UrlFault::WordInHost).collect();
    faults.extend(words_in(&unescaped(parsed.path())).map(UrlFault::WordInPath));
    faults.extend(TUNNELS.into_iter().filter(|word| name.contains(word)).map(UrlFault::Tunnel));
    if parsed.query().is_some() || parsed.fragment().is_some() {
        faults.push(UrlFault::Query);
    }
    if production {
        if is_private(&host) {
            faults.push(UrlFault::Private);
        }
        if parsed.scheme() == "http" {
            faults.push(UrlFault::Plain);
        }
        faults.extend(parsed.port().map(UrlFault::Port));
    }
    faults
}

fn words_in(text: &str) -> impl Iterator<Item = &'static str> {
    let text = text.to_ascii_lowercase();
    let without_exec = text.replace("exec", "");
    WORDS.into_iter().filter(move |word| match *word {
        "exe" => without_exec.contains(word),
        word => text.contains(word),
    })
}

/// A path with its `%65` read as what they stand for, as whoever checks it may do.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('%');
    let mut read = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte.filter(u8::is_ascii), part.get(2..)) {
            (Some(byte), Some(rest)) => read.extend([char::from(byte)].into_iter().chain(rest.chars())),
            _ => read.extend(['%'].into_iter().chain(part.chars())),
        }
    }
    read
}

fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            !name.contains('.') || HOME_NAMES.iter().any(|ending| name.ends_with(ending))
        }
        Host::Ipv4(address) => is_private_v4(*address),
        Host::Ipv6(address) => is_private_v6(*address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let carrier = first == 100 && (64..128).contains(&second);
    let nowhere = address.is_unspecified() || address.is_broadcast() || address.is_documentation();
    address.is_private() || address.is_loopback() || address.is_link_local() || carrier || nowhere
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let home = address.is_unique_local() || address.is_unicast_link_local();
    let mapped = address.to_ipv4_mapped().is_some_and(is_private_v4);
    address.is_loopback() || address.is_unspecified() || home || mapped
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn live(url: &str) -> Vec<UrlFault> {
        lint_callback_url(url, true)
    }

    #[test]
    fn a_neutral_path_with_a_hex_token_on_a_domain_of_ones_own_will_do() {
        for url in ["https://pay.example.com/in", "https://pay.example.com:443/in", "https://41.90.1.2/in"] {
            assert_eq!(live(&format!("{url}/{TOKEN}/c/confirmation")), [], "{url}");
        }
    }

    #[test]
    fn every_forbidden_word_is_found_in_any_case_in_host_and_path() {
        for word in ["mpesa", "m-pesa", "safaricom", "exe", "exec", "cmd", "sql", "query"] {
            let title = word.replace('e', "E").replace('s', "S").replace('m', "M");
            let host = live(&format!("https://my{title}shop.example.com/in"));
            assert_eq!(host, [UrlFault::WordInHost(word)], "{title}");
            let path = live(&format!("https://pay.example.com/my{title}/in"));
            assert_eq!(path, [UrlFault::WordInPath(word)], "{title}");
        }
        assert_eq!(live("https://pay.example.com/%65xe/in"), [UrlFault::WordInPath("exe")]);
        assert_eq!(live("https://pay.example.com/100%"), []);
    }

    #[test]
    fn the_default_host_of_an_api_gateway_will_not_do() {
        let faults = live("https://abc123.execute-api.eu-west-1.amazonaws.com/in");
        assert_eq!(faults, [UrlFault::WordInHost("exec")]);
        assert!(faults[0].to_string().contains("domain name of your own"));
    }

    #[test]
    fn tunnels_and_request_bins_are_blocked_in_the_sandbox_too() {
        let url = "https://ab12.NGROK-free.app/in";
        assert_eq!(lint_callback_url(url, false), [UrlFault::Tunnel("ngrok")]);
    }

    #[test]
    fn production_is_public_and_has_tls_on_its_usual_port() {
        for host in [
            "localhost",
            "shop",
            "till.local",
            "hub.localhost.",
            "127.0.0.1",
            "10.0.0.5",
            "172.16.1.1",
            "192.168.1.9",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
        ] {
            let url = format!("https://{host}/in");
            assert_eq!(live(&url), [UrlFault::Private], "{url}");
            assert_eq!(lint_callback_url(&url, false), [], "the sandbox may be simulated: {url}");
        }
        assert_eq!(live("http://pay.example.com/in"), [UrlFault::Plain]);
        assert_eq!(live("https://pay.example.com:8443/in"), [UrlFault::Port(8443)]);
        assert_eq!(lint_callback_url("http://127.0.0.1:8300/in", false), []);
    }

    #[test]
    fn tokens_belong_in_the_path() {
        assert_eq!(live("https://pay.example.com/in?token=1"), [UrlFault::Query]);
        assert_eq!(live("https://pay.example.com/in#token"), [UrlFault::Query]);
    }

    #[test]
    fn what_is_no_url_is_said_to_be_none() {
        for text in ["", "pay.example.com", "ftp://pay.example.com", "https://", "mailto:a@example.com"] {
            assert_eq!(live(text), [UrlFault::Unreadable], "{text}");
        }
    }
}
