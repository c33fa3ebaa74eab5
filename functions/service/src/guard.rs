//! Whom to believe at the door: the token in the path, and where the caller sits.

use crate::store::StoreError;
use crate::{CallbackToken, Store};
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use domain::Shop;
use moka::sync::Cache;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many shops' tokens are remembered at most.
const REMEMBERED: u64 = 10_000;

/// The shops that tokens speak for, remembered for a while: a callback then costs no read. A token that
/// was withdrawn is good for that long in every process that knew it. Clones share what they remember.
#[derive(Clone)]
pub struct KnownTokens(Cache<[u8; 32], Shop>);

impl KnownTokens {
    /// Remembers for some time.
    pub fn for_time(time: Duration) -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(time).build())
    }

    /// Forgets everything: a shop or its tokens changed.
    pub fn forget(&self) {
        self.0.invalidate_all();
    }

    /// The shop that a token speaks for; `None` for a token of nobody.
    ///
    /// # Errors
    /// It is not remembered, and the store does not answer.
    pub async fn shop<S: Store>(&self, store: &S, token: &CallbackToken) -> Result<Option<Shop>, StoreError> {
        let hash = token.hash();
        if let Some(shop) = self.0.get(&hash) {
            return Ok(Some(shop));
        }
        let Some(id) = store.shop_of_token(&hash).await? else { return Ok(None) };
        let shop = store.shop(&id).await?;
        if let Some(shop) = &shop {
            self.0.insert(hash, shop.clone());
        }
        Ok(shop)
    }
}

/// From where Safaricom is known to call: the union of the lists in circulation (fact sheet §7).
/// Published lists disagree, so this is a second gate and never the only one.
pub const SAFARICOM_ADDRESSES: [&str; 14] = [
    "196.201.214.200",
    "196.201.214.206",
    "196.201.213.114",
    "196.201.214.207",
    "196.201.214.208",
    "196.201.213.44",
    "196.201.212.127",
    "196.201.212.138",
    "196.201.212.129",
    "196.201.212.136",
    "196.201.212.74",
    "196.201.212.69",
    "196.201.212.128",
    "196.201.212.132",
];

/// What to do about a caller that is not on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceRule {
    /// Nothing.
    Off,
    /// Count and log it.
    #[default]
    Log,
    /// Believe nothing it says: it goes to the inbox. It is not turned away, because the lists are wrong at
    /// times and the money has moved.
    Enforce,
}

impl SourceRule {
    /// The rule of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "off" => Some(Self::Off),
            "log" => Some(Self::Log),
            "enforce" => Some(Self::Enforce),
            _ => None,
        }
    }
}

/// Who may call.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// What to do about others.
    pub rule: SourceRule,
    /// The list; empty for [`SAFARICOM_ADDRESSES`].
    pub addresses: Vec<IpAddr>,
    /// A proxy of ours stands in front and appends the caller's address to `X-Forwarded-For`. Only its own,
    /// the right-most entry, is believed.
    pub behind_proxy: bool,
}

impl Sources {
    /// Whether a request comes from the list.
    pub(crate) fn know(&self, parts: &Parts) -> bool {
        let Some(caller) = self.caller(parts) else { return false };
        if self.addresses.is_empty() {
            let caller = caller.to_string();
            return SAFARICOM_ADDRESSES.contains(&caller.as_str());
        }
        self.addresses.contains(&caller)
    }

    fn caller(&self, parts: &Parts) -> Option<IpAddr> {
        if self.behind_proxy {
            let last = parts.headers.get_all("x-forwarded-for").iter().next_back()?;
            return last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
        }
        let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(peer.ip().to_canonical())
    }
}

/// What came in since the start. In AWS the log lines of the same names are counted instead.
#[derive(Debug, Default)]
pub struct Counts {
    /// Kept where they belong.
    pub kept: AtomicU64,
    /// Kept before.
    pub repeated: AtomicU64,
    /// Put into the inbox.
    pub inbox: AtomicU64,
    /// Put into the fallback queue.
    pub spilled: AtomicU64,
    /// Not acknowledged, because nothing took them.
    pub refused: AtomicU64,
    /// With a token of nobody.
    pub wrong_tokens: AtomicU64,
    /// From an address that is not on the list.
    pub foreign_addresses: AtomicU64,
    /// Validations answered with no.
    pub refused_validations: AtomicU64,
}

impl Counts {
    /// One more.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Every count with its name.
    pub fn list(&self) -> [(&'static str, u64); 8] {
        [
            ("kept", &self.kept),
            ("repeated", &self.repeated),
            ("inbox", &self.inbox),
            ("spilled", &self.spilled),
            ("refused", &self.refused),
            ("wrong_tokens", &self.wrong_tokens),
            ("foreign_addresses", &self.foreign_addresses),
            ("refused_validations", &self.refused_validations),
        ]
        .map(|(name, counter)| (name, counter.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parts(forwarded: &[&str], peer: Option<&str>) -> Parts {
        let mut request = Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(peer) = peer {
            parts.extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        }
        parts
    }

    #[test]
    fn only_what_our_own_proxy_appended_is_believed() {
        let sources = Sources { behind_proxy: true, ..Sources::default() };
        assert!(sources.know(&parts(&["10.0.0.1, 196.201.214.200"], None)));
        assert!(
            !sources.know(&parts(&["196.201.214.200, 10.0.0.1"], None)),
            "the first entry is the caller's own"
        );
        assert!(!sources.know(&parts(&["196.201.214.200", "10.0.0.1"], None)));
        assert!(!sources.know(&parts(&[], Some("196.201.214.200:443"))), "the peer is the proxy");
    }

    #[test]
    fn without_a_proxy_the_header_is_not_believed() {
        let sources = Sources::default();
        assert!(sources.know(&parts(&[], Some("196.201.214.200:443"))));
        assert!(sources.know(&parts(&[], Some("[::ffff:196.201.214.200]:443"))));
        assert!(!sources.know(&parts(&["196.201.214.200"], Some("10.0.0.1:443"))));
        assert!(!sources.know(&parts(&["196.201.214.200"], None)), "nobody knows who calls");
        let own = Sources { addresses: vec!["10.0.0.1".parse().unwrap()], ..Sources::default() };
        assert!(own.know(&parts(&[], Some("10.0.0.1:443"))));
    }
}
