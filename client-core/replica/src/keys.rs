//! The Ed25519 key of a till, and what it signs.

use domain::Signature;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// A till's own key. It never leaves the till; the cloud knows the public half.
pub struct Keypair(SigningKey);

/// The public half of a till's key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A till's name among strangers; see [`PublicKey::tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag([u8; 8]);

impl Tag {
    /// The tag of whoever has the key of these 32 bytes.
    pub fn of(public_key: &[u8; 32]) -> Self {
        let digest = Sha256::new().chain_update("leja sibling tag 1\n").chain_update(public_key).finalize();
        let digest: [u8; 32] = digest.into();
        let mut tag = [0; 8];
        tag.copy_from_slice(digest.first_chunk::<8>().unwrap_or(&[0; 8]));
        Self(tag)
    }
}

/// Sixteen hex digits.
impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for Tag {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
        let mut tag = [0; 8];
        hex::decode_to_slice(text, &mut tag)?;
        Ok(Self(tag))
    }
}

impl Keypair {
    /// The key made from 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The same key for agreeing on secrets (X25519). One key for both is sound for these two curves, and
    /// spares a till a second key that the cloud would have to vouch for.
    pub(crate) fn agreement_key(&self) -> [u8; 32] {
        self.0.to_scalar_bytes()
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message).to_bytes()
    }
}

/// Says nothing: a key is a secret.
impl std::fmt::Debug for Keypair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keypair")
    }
}

impl PublicKey {
    /// The key of 32 bytes; `None` if they are no point of the curve.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().map(Self)
    }

    /// The 32 bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half for agreeing on secrets (X25519).
    pub(crate) fn agreement_key(self) -> [u8; 32] {
        self.0.to_montgomery().to_bytes()
    }

    /// What a till calls itself where strangers listen: whoever knows the key knows the tag, and nobody
    /// learns shop, name or key from it.
    pub fn tag(self) -> Tag {
        Tag::of(&self.to_bytes())
    }

    /// Whether this key's owner signed the message. Strict: a signature has one form only.
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

/// What a request to the cloud signs: who asks, for what, when, and the digest of the body. The method
/// and path keep a signature from being used elsewhere, the time from being used later.
pub fn request_message(method: &str, path: &str, writer: &str, at_millis: i64, body: &[u8]) -> Vec<u8> {
    let digest = hex::encode(Sha256::digest(body));
    format!("leja request 1\n{method}\n{path}\n{writer}\n{at_millis}\n{digest}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_and_key_only() {
        let (asha, juma) = (Keypair::from_seed(&[1; 32]), Keypair::from_seed(&[2; 32]));
        let signature = asha.sign(b"sold");
        assert!(asha.public().verifies(b"sold", &signature));
        assert!(!asha.public().verifies(b"told", &signature));
        assert!(!juma.public().verifies(b"sold", &signature));
    }

    #[test]
    fn a_request_signature_covers_every_part() {
        let base = request_message("POST", "/v1/sync", "duka/7", 1, b"x");
        for other in [
            request_message("GET", "/v1/sync", "duka/7", 1, b"x"),
            request_message("POST", "/v1/push", "duka/7", 1, b"x"),
            request_message("POST", "/v1/sync", "duka/8", 1, b"x"),
            request_message("POST", "/v1/sync", "duka/7", 2, b"x"),
            request_message("POST", "/v1/sync", "duka/7", 1, b"y"),
        ] {
            assert_ne!(base, other);
        }
    }
}
