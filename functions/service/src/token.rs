//! The token in a shop's callback paths.
//!
//! Callbacks are unsigned, so the path carries a secret: 128 bits, hex, because base64 could spell a word
//! that Safaricom forbids in URLs (fact sheet §6, §7). It is derived from the deployment's secret and the
//! shop, so the store keeps only hashes of it and nobody has to carry it anywhere.

use domain::ShopId;
use sha2::{Digest, Sha256};

/// The deployment's secret from which callback tokens are derived: 32 random bytes.
#[derive(Clone)]
pub struct CallbackSecret([u8; 32]);

/// Says nothing: it is a secret.
impl std::fmt::Debug for CallbackSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackSecret")
    }
}

/// 32 hex digits that speak for one shop.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackToken(String);

/// Says nothing: it is a secret.
impl std::fmt::Debug for CallbackToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackToken")
    }
}

impl CallbackSecret {
    /// A secret of 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A token of a shop: its first is number 0, and each rotation makes the next.
    pub fn token(&self, shop: &ShopId, number: u32) -> CallbackToken {
        let number = if number == 0 { String::new() } else { format!("\n{number}") };
        CallbackToken(self.derive(b"leja callback token 1\n", &[shop.as_str(), &number]))
    }

    /// A name for something that must not be written down, such as a phone number, so that two of them can
    /// be told apart and neither be guessed.
    pub(crate) fn pseudonym(&self, of: &str) -> String {
        self.derive(b"leja pseudonym 1\n", &[of])
    }

    /// The secret has a fixed length and the digest is cut in half, so that plain SHA-256 with the secret
    /// in front can not be extended.
    fn derive(&self, what: &[u8], parts: &[&str]) -> String {
        let digest = Sha256::new().chain_update(self.0).chain_update(what);
        let digest = parts.iter().fold(digest, |digest, part| digest.chain_update(part)).finalize();
        hex::encode(digest.get(..16).unwrap_or_default())
    }
}

impl CallbackToken {
    /// A token from a path; `None` unless it looks like one.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        hex.then(|| Self(text.to_owned()))
    }

    /// The token of nobody, with which `leja doctor` knocks at a confirmation path from outside. It opens
    /// nothing, and is not counted as a wrong one there: who looks after a hub must not raise its alarm.
    pub fn nobodys() -> Self {
        Self(format!("{:0<32}", "d0c70"))
    }

    /// The text for a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is stored of it. Tokens are looked up by this hash, so that no comparison of secrets takes a
    /// time that tells how much was right.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_hex_differs_by_shop_and_is_never_printed() {
        let secret = CallbackSecret::new([1; 32]);
        let (a, b) = (ShopId::parse("duka-a").unwrap(), ShopId::parse("duka-b").unwrap());
        let token = secret.token(&a, 0);
        assert_eq!(CallbackToken::parse(token.as_str()), Some(token.clone()));
        assert_ne!(token, secret.token(&b, 0));
        assert_ne!(token, secret.token(&a, 1), "a rotation makes another");
        assert_ne!(token, CallbackSecret::new([2; 32]).token(&a, 0));
        assert!(!format!("{token:?}{secret:?}").contains(token.as_str()));
    }

    /// Frozen: a release that derived another token would lose every callback to the registered address.
    #[test]
    fn tokens_never_change() {
        let shop = ShopId::parse("duka-a").unwrap();
        let token = |number| CallbackSecret::new([1; 32]).token(&shop, number).as_str().to_owned();
        let frozen = ("a76118029b7a59bb76ce8d9ac4b14fec", "a3ae58e1eb80d7e870bf31c6f0b6e931");
        assert_eq!((token(0).as_str(), token(1).as_str()), frozen);
    }

    #[test]
    fn the_token_of_nobody_looks_like_one() {
        let nobodys = CallbackToken::nobodys();
        assert_eq!(CallbackToken::parse(nobodys.as_str()), Some(nobodys));
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        for text in ["", "abc", &"G".repeat(32), &"A".repeat(32), &"a".repeat(33)] {
            assert_eq!(CallbackToken::parse(text), None, "{text}");
        }
    }
}
