//! The password of an API user, sealed for Safaricom (fact sheet §1.6).

use super::Hidden;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePublicKey;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PaddingScheme;
use rsa::{Pkcs1v15Encrypt, RsaPublicKey};
use serde::Serialize;
use std::time::SystemTime;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

/// The password of an API user under the certificate of an environment: RSA with PKCS#1 v1.5 padding, in
/// base64. It is never printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SecurityCredential(Hidden);

/// Why a password can not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The certificate is none.
    #[error("this is no X.509 certificate: download the environment's .cer file from the developer portal")]
    Certificate,
    /// The certificate holds another kind of key.
    #[error("the certificate holds no RSA key: is it the one from the developer portal?")]
    Key,
    /// The password is empty or too long for the key.
    #[error("the API user's password is empty or too long")]
    Password,
    /// There is no randomness.
    #[error("this machine gives no random numbers")]
    Randomness,
}

impl SecurityCredential {
    /// Seals a password under a certificate in PEM or DER. Sandbox and production have different ones; the
    /// wrong one gives result 2001. `random` fills a slice with random bytes.
    ///
    /// # Errors
    /// The certificate holds no RSA key, the password does not fit, or there is no randomness.
    pub fn seal<E>(
        password: &str,
        certificate: &[u8],
        random: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, CredentialError> {
        let certificate = read(certificate)?;
        let key = certificate.tbs_certificate().subject_public_key_info().to_der();
        let key = key.map_err(|_| CredentialError::Certificate)?;
        let key = RsaPublicKey::from_public_key_der(&key).map_err(|_| CredentialError::Key)?;
        if password.is_empty() {
            return Err(CredentialError::Password);
        }
        let sealed = Pkcs1v15Encrypt.encrypt(&mut Random(random), &key, password.as_bytes());
        let sealed = sealed.map_err(|error| match error {
            rsa::Error::MessageTooLong => CredentialError::Password,
            _ => CredentialError::Randomness,
        })?;
        Ok(Self(Hidden(STANDARD.encode(sealed))))
    }

    /// A credential that was sealed elsewhere, as the portal's own page does it.
    pub fn from_sealed(base64: &str) -> Self {
        Self(Hidden(base64.trim().to_owned()))
    }
}

/// What a certificate says of itself. Nothing of it is needed to seal: the sandbox certificate on the
/// developer portal ran out years ago and is in use, for its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateOwner {
    /// Whose it is, like `CN=apicrypt.safaricom.co.ke`.
    pub subject: String,
    /// Until when it is good.
    pub until: SystemTime,
}

impl CertificateOwner {
    /// Reads a certificate in PEM or DER.
    ///
    /// # Errors
    /// It is none.
    pub fn read(certificate: &[u8]) -> Result<Self, CredentialError> {
        let certificate = read(certificate)?;
        let certificate = certificate.tbs_certificate();
        let until = SystemTime::UNIX_EPOCH.checked_add(certificate.validity().not_after.to_unix_duration());
        let until = until.ok_or(CredentialError::Certificate)?;
        Ok(Self { subject: certificate.subject().to_string(), until })
    }
}

fn read(certificate: &[u8]) -> Result<Certificate, CredentialError> {
    let der = der_of(certificate).ok_or(CredentialError::Certificate)?;
    Certificate::from_der(&der).map_err(|_| CredentialError::Certificate)
}

/// The DER of a certificate: what lies between the first PEM lines, however they are broken, or the bytes
/// as they are.
fn der_of(certificate: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(certificate).unwrap_or_default();
    let Some((_, rest)) = text.split_once("-----BEGIN CERTIFICATE-----") else {
        return Some(certificate.to_vec());
    };
    let (base64, _) = rest.split_once("-----END")?;
    STANDARD.decode(base64.split_ascii_whitespace().collect::<String>()).ok()
}

/// Randomness from outside, as the RSA room wants it.
struct Random<F>(F);

/// There was none.
#[derive(Debug, thiserror::Error)]
#[error("no randomness")]
struct NoRandomness;

impl<E, F: FnMut(&mut [u8]) -> Result<(), E>> TryRng for Random<F> {
    type Error = NoRandomness;

    fn try_next_u32(&mut self) -> Result<u32, NoRandomness> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, NoRandomness> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        (self.0)(bytes).map_err(|_| NoRandomness)
    }
}

impl<E, F: FnMut(&mut [u8]) -> Result<(), E>> TryCryptoRng for Random<F> {}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::RsaPrivateKey;
    use rsa::pkcs8::EncodePublicKey;
    use rsa::rand_core::UnwrapErr;

    /// Certificates of keys that nobody holds.
    const PEM: &[u8] = include_bytes!("fixtures/certificate.pem");
    const ELLIPTIC: &[u8] = include_bytes!("fixtures/elliptic.pem");

    /// Bytes that differ and are no secret.
    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), ()> {
        let mut next = 0_u8;
        move |bytes| {
            for byte in bytes {
                next = next.wrapping_mul(5).wrapping_add(113);
                *byte = next;
            }
            Ok(())
        }
    }

    /// The fixture's certificate with another key of the same size in it. Its signature is wrong then,
    /// which nobody looks at: the certificate is only how the key travels.
    fn certificate_of(key: &RsaPrivateKey) -> Vec<u8> {
        let der = der_of(PEM).unwrap();
        let old = Certificate::from_der(&der).unwrap().tbs_certificate().subject_public_key_info().to_der();
        let (old, new) = (old.unwrap(), key.to_public_key().to_public_key_der().unwrap().into_vec());
        assert_eq!(old.len(), new.len());
        let at = der.windows(old.len()).position(|window| window == old).unwrap();
        [&der[..at], &new, &der[at + new.len()..]].concat()
    }

    #[test]
    fn only_the_holder_of_the_key_reads_the_password() {
        let key = RsaPrivateKey::new(&mut UnwrapErr(Random(counting())), 2048).unwrap();
        let certificate = certificate_of(&key);
        let wrapped = STANDARD.encode(&certificate);
        let (first, second) = wrapped.split_at(50);
        let pem = format!(
            "\u{feff}Bag\r\n-----BEGIN CERTIFICATE-----\r\n{first}\r\n{second}\r\n-----END CERTIFICATE-----\r\n"
        );
        for form in [certificate.as_slice(), pem.as_bytes()] {
            let sealed = SecurityCredential::seal("Safaricom999#%", form, counting()).unwrap();
            let json = serde_json::to_value(&sealed).unwrap();
            let bytes = STANDARD.decode(json.as_str().unwrap()).unwrap();
            assert_eq!(key.decrypt(Pkcs1v15Encrypt, &bytes).unwrap(), b"Safaricom999#%");
        }
    }

    #[test]
    fn the_padding_is_random_and_without_randomness_nothing_is_sealed() {
        let mut random = counting();
        let first = SecurityCredential::seal("secret", PEM, &mut random).unwrap();
        assert_ne!(first, SecurityCredential::seal("secret", PEM, &mut random).unwrap());
        let none = SecurityCredential::seal("secret", PEM, |_: &mut [u8]| Err(()));
        assert_eq!(none, Err(CredentialError::Randomness));
    }

    #[test]
    fn what_can_not_be_sealed_says_why() {
        let seal = |password: &str, certificate: &[u8]| {
            SecurityCredential::seal(password, certificate, counting()).unwrap_err()
        };
        assert_eq!(seal("secret", b""), CredentialError::Certificate);
        assert_eq!(
            seal("secret", b"-----BEGIN CERTIFICATE-----\n%%%\n-----END"),
            CredentialError::Certificate
        );
        assert_eq!(seal("secret", ELLIPTIC), CredentialError::Key);
        assert_eq!(seal("", PEM), CredentialError::Password);
        assert_eq!(seal(&"x".repeat(246), PEM), CredentialError::Password);
    }

    #[test]
    fn a_certificate_says_whose_it_is_and_until_when() {
        let owner = CertificateOwner::read(PEM).unwrap();
        assert_eq!(owner.subject, "CN=Leja test certificate");
        let seconds = owner.until.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(seconds, 4_948_901_269, "28 October 2126");
        assert_eq!(CertificateOwner::read(b"sesame"), Err(CredentialError::Certificate));
    }

    #[test]
    fn a_credential_is_never_printed() {
        assert!(!format!("{:?}", SecurityCredential::from_sealed("c2VhbGVk")).contains("c2VhbGVk"));
    }
}
