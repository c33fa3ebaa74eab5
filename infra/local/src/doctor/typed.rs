//! What can be seen in the settings themselves, before anybody is asked. Pure.

use super::finding::{Finding, spoken};
use crate::daraja::Daraja;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daraja::outbound::CertificateOwner;
use domain::Timestamp;

/// What Safaricom publishes for everybody's sandbox (fact sheet §8): it opens nothing in production.
const SANDBOX_NUMBER: &str = "174379";
const SANDBOX_PASSKEY: &str = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919";
const SANDBOX_INITIATOR: &str = "testapi";
/// The smallest sealed password: a key of 1024 bits.
const SEALED_BYTES: usize = 128;

/// Whether consumer key and secret can be what they should; nothing if they may be.
pub(super) fn judge_keys(daraja: &Daraja) -> Option<Finding> {
    const NAME: &str = "credentials";
    let keys = [
        ("MPESA_CONSUMER_KEY", &daraja.mpesa_consumer_key),
        ("MPESA_CONSUMER_SECRET", &daraja.mpesa_consumer_secret),
    ];
    if keys.iter().all(|(_, key)| key.is_empty()) {
        let says = "no app at Safaricom: callbacks are kept, and nothing can be asked or pulled; set \
                    MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET";
        let level = if daraja.production() { Finding::fail } else { Finding::warn };
        return Some(level(NAME, says));
    }
    for (name, key) in keys {
        if key.is_empty() {
            return Some(Finding::fail(
                NAME,
                format!("{name} is not set: copy it from the developer portal"),
            ));
        }
        if key.contains(char::is_whitespace) {
            let says = format!("{name} has a blank or a line break in it: copy it again without");
            return Some(Finding::fail(NAME, says));
        }
    }
    let same = daraja.mpesa_consumer_key == daraja.mpesa_consumer_secret;
    let says = "MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET are the same: copy both again";
    same.then(|| Finding::fail(NAME, says))
}

/// Whether everything belongs to one environment.
pub(super) fn judge_environment(daraja: &Daraja, seed_paths: bool) -> Vec<Finding> {
    let mut wrong = Vec::new();
    let elsewhere = daraja.safaricom.as_deref().unwrap_or_default();
    if daraja.production() {
        let has = |said: &Option<String>, what: &str| said.as_ref().is_some_and(|said| said.contains(what));
        let numbers = [&daraja.mpesa_shortcode, &daraja.mpesa_passkeys];
        if numbers.into_iter().any(|said| has(said, SANDBOX_NUMBER)) {
            wrong.push(format!("{SANDBOX_NUMBER} is the sandbox's number: set the number that went live"));
        }
        let passkeys = [&daraja.mpesa_passkey, &daraja.mpesa_passkeys];
        if passkeys.into_iter().any(|said| has(said, SANDBOX_PASSKEY)) {
            let says = "a passkey is the sandbox's: set the one Safaricom mailed when the number went live";
            wrong.push(says.to_owned());
        }
        if daraja.mpesa_initiator.as_deref().map(str::trim) == Some(SANDBOX_INITIATOR) {
            wrong.push("MPESA_INITIATOR is the sandbox's: set the API user of your organisation".to_owned());
        }
        if !elsewhere.is_empty() {
            let says = format!("it is production, and LEJA_SAFARICOM asks {elsewhere}: leave that out");
            wrong.push(says);
        }
        if seed_paths {
            let says = "the seeds' callback paths carry no token: leave LEJA_SEED_PATHS out in production";
            wrong.push(says.to_owned());
        }
    } else if elsewhere.contains("//api.safaricom.co.ke") {
        let says =
            "LEJA_SAFARICOM is production's address: leave it out, and set MPESA_ENVIRONMENT=production";
        wrong.push(says.to_owned());
    }
    if wrong.is_empty() {
        let simulated = if elsewhere.is_empty() { String::new() } else { format!(", at {elsewhere}") };
        return vec![Finding::ok("environment", format!("{}{simulated}", daraja.mpesa_environment))];
    }
    wrong.into_iter().map(|says| Finding::fail("environment", says)).collect()
}

/// Whether a passkey looks like one: Safaricom's are 64 hex digits.
pub(super) fn is_passkey(passkey: &str) -> bool {
    passkey.len() == 64 && passkey.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The API user for status, reversal and balance. It is not tried out: a few wrong passwords lock it.
pub(super) fn judge_initiator(
    daraja: &Daraja,
    certificate: Option<&CertificateOwner>,
    now: Timestamp,
) -> Finding {
    const NAME: &str = "api user";
    let Some(name) = &daraja.mpesa_initiator else {
        let says = "none: status, reversal and balance can not be asked; set MPESA_INITIATOR, its password \
                    and MPESA_CERTIFICATE";
        return Finding::warn(NAME, says);
    };
    let Some(certificate) = certificate else {
        let sealed = daraja.mpesa_security_credential.as_deref().unwrap_or_default();
        let bytes = STANDARD.decode(sealed.trim()).map_or(0, |bytes| bytes.len());
        if bytes < SEALED_BYTES {
            let says = "MPESA_SECURITY_CREDENTIAL is no sealed password: seal it on the developer portal, or \
                        set MPESA_INITIATOR_PASSWORD and MPESA_CERTIFICATE";
            return Finding::fail(NAME, says);
        }
        return Finding::ok(NAME, format!("{name}, sealed elsewhere; passwords expire after 90 days"));
    };
    let subject = certificate.subject.to_ascii_lowercase();
    let until = Timestamp::from_system(certificate.until);
    if daraja.production() && subject.contains("sandbox") {
        let says = format!(
            "MPESA_CERTIFICATE is the sandbox's ({}): download production's from the developer portal",
            certificate.subject
        );
        return Finding::fail(NAME, says);
    }
    // Results with the wrong certificate are 2001, as with a wrong password: worth a word, no proof.
    if daraja.safaricom.is_none() && !subject.contains("safaricom") {
        let says = format!(
            "MPESA_CERTIFICATE does not look like Safaricom's ({}): download the environment's from the \
             developer portal",
            certificate.subject
        );
        return Finding::warn(NAME, says);
    }
    // The sandbox's ran out years ago, and is in use for its key.
    if daraja.production() && until < now {
        let ago = spoken(now.distance_millis(until));
        let says =
            format!("MPESA_CERTIFICATE ran out {ago} ago: see whether the developer portal has a newer one");
        return Finding::warn(NAME, says);
    }
    Finding::ok(NAME, format!("{name}, sealed for {}; passwords expire after 90 days", certificate.subject))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level::{Fail, Ok, Warn};
    use super::super::finding::tests::check;
    use super::*;
    use std::time::{Duration, SystemTime};

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn in_environment(name: &str) -> Daraja {
        Daraja { mpesa_environment: name.to_owned(), ..Daraja::default() }
    }

    fn keys(key: &str, secret: &str) -> Option<Finding> {
        judge_keys(&Daraja {
            mpesa_consumer_key: key.to_owned(),
            mpesa_consumer_secret: secret.to_owned(),
            ..in_environment("sandbox")
        })
    }

    #[test]
    fn keys_are_both_there_whole_and_different() {
        assert_eq!(keys("abc", "def"), None);
        check(&keys("", "").unwrap(), Warn, "MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET");
        check(&judge_keys(&in_environment("production")).unwrap(), Fail, "no app");
        check(&keys("abc", "").unwrap(), Fail, "MPESA_CONSUMER_SECRET is not set");
        for (key, secret) in [("abc ", "def"), ("abc", "\ndef"), ("abc", "d ef")] {
            let finding = keys(key, secret).unwrap();
            check(&finding, Fail, "copy it again");
            assert!(!finding.says.contains("abc") && !finding.says.contains("ef:"), "{finding}");
        }
        check(&keys("abc", "abc").unwrap(), Fail, "the same");
    }

    #[test]
    fn what_is_the_sandboxs_opens_nothing_in_production() {
        let live = in_environment("production");
        check(&judge_environment(&live, false)[0], Ok, "production");
        check(&judge_environment(&live, true)[0], Fail, "LEJA_SEED_PATHS");
        let pairs = format!("600638={SANDBOX_PASSKEY}");
        for (daraja, words) in [
            (Daraja { mpesa_shortcode: some("174379"), ..live.clone() }, "174379"),
            (Daraja { mpesa_passkey: some(SANDBOX_PASSKEY), ..live.clone() }, "mailed"),
            (Daraja { mpesa_passkeys: some(&pairs), ..live.clone() }, "mailed"),
            (Daraja { mpesa_initiator: some("testapi"), ..live.clone() }, "API user"),
            (Daraja { safaricom: some("http://127.0.0.1:8310"), ..live }, "LEJA_SAFARICOM"),
        ] {
            let findings = judge_environment(&daraja, false);
            assert_eq!(findings.len(), 1);
            check(&findings[0], Fail, words);
            assert!(!findings[0].says.contains(SANDBOX_PASSKEY));
            let sandbox = Daraja { mpesa_environment: "sandbox".to_owned(), ..daraja };
            check(&judge_environment(&sandbox, true)[0], Ok, "sandbox");
        }
    }

    #[test]
    fn productions_address_is_not_the_sandboxs() {
        let daraja = Daraja { safaricom: some("https://api.safaricom.co.ke"), ..in_environment("sandbox") };
        check(&judge_environment(&daraja, false)[0], Fail, "MPESA_ENVIRONMENT=production");
    }

    #[test]
    fn a_passkey_is_64_hex_digits() {
        assert!(is_passkey(SANDBOX_PASSKEY));
        for wrong in ["", "demo-passkey", &SANDBOX_PASSKEY[1..], &SANDBOX_PASSKEY.replace('b', "g")] {
            assert!(!is_passkey(wrong), "{wrong}");
        }
    }

    fn initiator(environment: &str, subject: &str, until: u64) -> Finding {
        let daraja = Daraja { mpesa_initiator: some("api"), ..in_environment(environment) };
        let until = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(until)).unwrap();
        let owner = CertificateOwner { subject: subject.to_owned(), until };
        let now = Timestamp::parse_daraja("20261121101500").unwrap();
        judge_initiator(&daraja, Some(&owner), now)
    }

    #[test]
    fn a_certificate_is_safaricoms_and_of_this_environment() {
        const LATER: u64 = 2_000_000_000;
        const EARLIER: u64 = 1_700_000_000;
        let own = "CN=apicrypt.safaricom.co.ke";
        check(&initiator("production", own, LATER), Ok, "api, sealed for CN=apicrypt");
        check(&initiator("production", own, EARLIER), Warn, "ran out");
        check(&initiator("sandbox", own, EARLIER), Ok, "sealed");
        check(&initiator("production", "CN=sandbox.safaricom.co.ke", LATER), Fail, "the sandbox's");
        check(&initiator("production", "CN=pay.example.com", LATER), Warn, "does not look like");
    }

    #[test]
    fn a_sealed_password_has_the_size_of_one() {
        let now = Timestamp::parse_daraja("20261121101500").unwrap();
        let with = |sealed: &str| {
            let daraja = Daraja {
                mpesa_initiator: some("api"),
                mpesa_security_credential: some(sealed),
                ..in_environment("sandbox")
            };
            judge_initiator(&daraja, None, now)
        };
        check(&with(&STANDARD.encode([7; 256])), Ok, "sealed elsewhere");
        check(&with("sesame"), Fail, "no sealed password");
        assert!(!with("sesame").says.contains("sesame"));
        check(&judge_initiator(&in_environment("sandbox"), None, now), Warn, "none");
    }
}
