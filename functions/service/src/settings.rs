//! An app's settings as people write them, read in one place: for Lambda from its environment, for a hub
//! from its command line.

use crate::payments::App;
use daraja::outbound::{
    C2bVersion, CredentialError, Initiator, Method, ResponseType, SecurityCredential, UrlFault,
    lint_callback_url,
};
use domain::ShortCode;
use std::collections::BTreeMap;

/// A setting without which a function does not start. It never repeats a value: some are secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It is not there.
    #[error("{name} is not set: give {expected}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it holds.
        expected: &'static str,
    },
    /// It makes no sense.
    #[error("{name} is wrong: give {expected}")]
    Wrong {
        /// The variable.
        name: &'static str,
        /// What it holds.
        expected: &'static str,
    },
    /// Safaricom would refuse the callback addresses, or never reach them.
    #[error("LEJA_CALLBACK_BASE is wrong: {0}")]
    CallbackBase(UrlFault),
    /// The API user's password can not be sealed under the certificate.
    #[error("MPESA_INITIATOR_PASSWORD can not be sealed under MPESA_CERTIFICATE: {0}")]
    Credential(#[from] CredentialError),
}

/// An app at Safaricom as its settings are written: each field holds the text of the variable it names.
/// Blanks around a text do not count, and an empty one is as good as none. It holds secrets, and can not
/// be printed.
#[derive(Clone, Default)]
pub struct AppSettings {
    /// `MPESA_ENVIRONMENT`: `sandbox` or `production`.
    pub environment: Option<String>,
    /// `MPESA_SHORTCODE`: the number that went live: paybill, or a till's store or head office.
    pub shortcode: Option<String>,
    /// `MPESA_PASSKEY`: that number's Lipa na M-Pesa passkey.
    pub passkey: Option<String>,
    /// `MPESA_PASSKEYS`: more numbers, each with its passkey, like `600638=abc,600639=def`. Passkeys are
    /// hex digits, so that commas divide them.
    pub passkeys: Option<String>,
    /// `MPESA_C2B_VERSION`: which C2B product the app holds, `v1` or `v2`; `v2` unless said.
    pub c2b_version: Option<String>,
    /// `MPESA_RESPONSE_TYPE`: what becomes of a payment whose validation does not answer, `Completed` or
    /// `Cancelled`; `Completed` unless said.
    pub response_type: Option<String>,
    /// `MPESA_PULL_METHOD`: how Pull Transactions is asked, `post` or `get`, or `off` for an app that does
    /// not hold that product; `post` unless said.
    pub pull_method: Option<String>,
    /// `MPESA_INITIATOR`: the name of the API user for status, reversal and balance, if there is one.
    pub initiator: Option<String>,
    /// `MPESA_SECURITY_CREDENTIAL`: the API user's password, sealed before, as the developer portal's page
    /// does it. In its place the next two.
    pub security_credential: Option<String>,
    /// `MPESA_INITIATOR_PASSWORD`: the API user's password.
    pub initiator_password: Option<String>,
    /// `MPESA_CERTIFICATE`: the environment's certificate from the developer portal, in PEM or DER. Whoever
    /// is given a path reads the file first.
    pub certificate: Option<Vec<u8>>,
}

impl AppSettings {
    /// The app. `callback_base` is where Safaricom reaches us, like `https://pay.example.com`. Passkeys and
    /// API user may be missing: an app for C2B alone has neither, and a push then says so.
    ///
    /// # Errors
    /// A setting makes no sense, or another that it needs is missing.
    pub fn read(&self, callback_base: &str) -> Result<App, SettingError> {
        let c2b_version = choose(
            ("MPESA_C2B_VERSION", "v1 or v2, the C2B product that the Daraja app holds"),
            text(self.c2b_version.as_ref()).unwrap_or("v2"),
            &[("v1", C2bVersion::V1), ("v2", C2bVersion::V2)],
        )?;
        let response_type = choose(
            ("MPESA_RESPONSE_TYPE", "Completed or Cancelled"),
            text(self.response_type.as_ref()).unwrap_or("Completed"),
            &[("Completed", ResponseType::Completed), ("Cancelled", ResponseType::Cancelled)],
        )?;
        let pull_method = choose(
            ("MPESA_PULL_METHOD", "post, get or off"),
            text(self.pull_method.as_ref()).unwrap_or("post"),
            &[("post", Some(Method::Post)), ("get", Some(Method::Get)), ("off", None)],
        )?;
        let production = self.is_production()?;
        let faults = if production { lint_callback_url(callback_base, true) } else { Vec::new() };
        // Another port than 443 is a doubt, and all else a certainty.
        if let Some(fault) = faults.into_iter().find(|fault| !matches!(fault, UrlFault::Port(_))) {
            return Err(SettingError::CallbackBase(fault));
        }
        Ok(App {
            production,
            passkeys: self.all_passkeys()?.into_iter().collect(),
            callback_base: callback_base.trim_end_matches('/').to_owned(),
            c2b_version,
            response_type,
            pull_method,
            at_once: crate::sweep::AT_ONCE,
            initiator: self.api_user()?,
        })
    }

    fn is_production(&self) -> Result<bool, SettingError> {
        let (name, expected) = ("MPESA_ENVIRONMENT", "sandbox or production");
        let environment = text(self.environment.as_ref()).ok_or(SettingError::Missing { name, expected })?;
        choose((name, expected), environment, &[("sandbox", false), ("production", true)])
    }

    fn all_passkeys(&self) -> Result<BTreeMap<ShortCode, String>, SettingError> {
        let (one, several) = ("MPESA_SHORTCODE", "MPESA_PASSKEYS");
        let (number, key) = ("the number that went live, 4 to 10 digits", "the passkey of MPESA_SHORTCODE");
        let pairs = "number=passkey pairs with commas between them, each number once";
        let mut passkeys = BTreeMap::new();
        match (text(self.shortcode.as_ref()), text(self.passkey.as_ref())) {
            (None, None) => {}
            (None, Some(_)) => return Err(SettingError::Missing { name: one, expected: number }),
            (Some(_), None) => return Err(SettingError::Missing { name: "MPESA_PASSKEY", expected: key }),
            (Some(shortcode), Some(passkey)) => {
                let wrong = |_| SettingError::Wrong { name: one, expected: number };
                passkeys.insert(ShortCode::parse(shortcode).map_err(wrong)?, passkey.to_owned());
            }
        }
        for pair in text(self.passkeys.as_ref()).into_iter().flat_map(|pairs| pairs.split(',')) {
            let wrong = SettingError::Wrong { name: several, expected: pairs };
            let Some((number, passkey)) = pair.split_once('=') else { return Err(wrong) };
            let (Ok(number), passkey) = (ShortCode::parse(number.trim()), passkey.trim()) else {
                return Err(wrong);
            };
            if passkey.is_empty() || passkeys.insert(number, passkey.to_owned()).is_some() {
                return Err(wrong);
            }
        }
        Ok(passkeys)
    }

    fn api_user(&self) -> Result<Option<Initiator>, SettingError> {
        let sealed = text(self.security_credential.as_ref());
        let password = text(self.initiator_password.as_ref());
        let certificate = self.certificate.as_deref().filter(|bytes| !bytes.trim_ascii().is_empty());
        let Some(name) = text(self.initiator.as_ref()) else {
            let (name, expected) = ("MPESA_INITIATOR", "the name of the API user whose password is set");
            let alone = sealed.is_some() || password.is_some();
            return if alone { Err(SettingError::Missing { name, expected }) } else { Ok(None) };
        };
        let credential = match (sealed, password, certificate) {
            (Some(sealed), None, _) => SecurityCredential::from_sealed(sealed),
            (None, Some(password), Some(certificate)) => {
                SecurityCredential::seal(password, certificate, getrandom::fill)?
            }
            (None, Some(_), None) => {
                let expected = "the environment's certificate from the developer portal, in PEM";
                return Err(SettingError::Missing { name: "MPESA_CERTIFICATE", expected });
            }
            (None, None, _) => {
                let expected = "the password of MPESA_INITIATOR, or in its place MPESA_SECURITY_CREDENTIAL";
                return Err(SettingError::Missing { name: "MPESA_INITIATOR_PASSWORD", expected });
            }
            (Some(_), Some(_), _) => {
                let expected = "either the sealed password or MPESA_INITIATOR_PASSWORD, not both";
                return Err(SettingError::Wrong { name: "MPESA_SECURITY_CREDENTIAL", expected });
            }
        };
        Ok(Some(Initiator::new(name, credential)))
    }
}

impl App {
    /// Where Daraja answers: it follows from the environment, so that addresses and keys switch together.
    pub const fn base_url(&self) -> &'static str {
        Self::base_url_of(self.production)
    }

    /// The same, of an environment.
    pub const fn base_url_of(production: bool) -> &'static str {
        if production { "https://api.safaricom.co.ke" } else { "https://sandbox.safaricom.co.ke" }
    }
}

/// What a text names.
fn choose<T: Copy>(
    (name, expected): (&'static str, &'static str),
    said: &str,
    choices: &[(&str, T)],
) -> Result<T, SettingError> {
    let choice = choices.iter().find(|(choice, _)| *choice == said);
    choice.map(|(_, meaning)| *meaning).ok_or(SettingError::Wrong { name, expected })
}

/// A text without the blanks that creep in around copied secrets.
fn text(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of a key that nobody holds.
    const CERTIFICATE: &[u8] = include_bytes!("../../daraja/src/outbound/fixtures/certificate.pem");

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn sandbox() -> AppSettings {
        AppSettings { environment: some("sandbox"), ..AppSettings::default() }
    }

    fn refused(settings: &AppSettings) -> String {
        settings.read("https://x.test").unwrap_err().to_string()
    }

    #[test]
    fn an_app_needs_no_more_than_its_environment() {
        let app = sandbox().read("https://pay.example.com/").unwrap();
        assert_eq!((app.production, app.callback_base.as_str()), (false, "https://pay.example.com"));
        assert_eq!((app.c2b_version, app.response_type), (C2bVersion::V2, ResponseType::Completed));
        assert_eq!((app.pull_method, app.initiator), (Some(Method::Post), None));
        assert_eq!(
            refused(&AppSettings::default()),
            "MPESA_ENVIRONMENT is not set: give sandbox or production"
        );
    }

    #[test]
    fn the_environment_chooses_the_address() {
        let base_url = |name| {
            let settings = AppSettings { environment: some(name), ..AppSettings::default() };
            settings.read("https://pay.example.com").map(|app| app.base_url())
        };
        assert_eq!(base_url("sandbox"), Ok("https://sandbox.safaricom.co.ke"));
        assert_eq!(base_url(" production\n"), Ok("https://api.safaricom.co.ke"));
        assert!(base_url("live").is_err());
    }

    #[test]
    fn an_address_that_safaricom_would_refuse_ends_a_production_app_before_it_starts() {
        let read = |environment, base: &str| {
            let settings = AppSettings { environment: some(environment), ..AppSettings::default() };
            settings.read(base).map(|_| ())
        };
        for base in [
            "https://mpesa.example.com",
            "http://pay.example.com",
            "https://10.0.0.1",
            "https://abc.ngrok.io",
        ] {
            assert!(matches!(read("production", base), Err(SettingError::CallbackBase(_))), "{base}");
            assert_eq!(read("sandbox", base), Ok(()), "{base}");
        }
        assert_eq!(read("production", "https://pay.example.com:8443"), Ok(()));
    }

    #[test]
    fn every_number_has_its_own_passkey() {
        let settings = AppSettings {
            shortcode: some("174379"),
            passkey: some("first\n"),
            passkeys: some("600638=second, 600639 = third"),
            ..sandbox()
        };
        let app = settings.read("https://x.test").unwrap();
        let of = |number: &str| app.passkeys.of(&ShortCode::parse(number).unwrap());
        assert_eq!((of("174379"), of("600638")), (Some("first"), Some("second")));
        assert_eq!((of("600639"), of("600640")), (Some("third"), None));
        assert!(!format!("{app:?}").contains("second"));
    }

    #[test]
    fn passkeys_that_make_no_sense_are_refused_without_a_word_of_them() {
        for pairs in ["600638", "600638=", "x=sesame", "600638=sesame,", "600638=sesame,600638=sesame"] {
            let said = refused(&AppSettings { passkeys: some(pairs), ..sandbox() });
            assert!(said.starts_with("MPESA_PASSKEYS is wrong: give number=passkey pairs"), "{said}");
            assert!(!said.contains("sesame"), "{said}");
        }
        let said = refused(&AppSettings { shortcode: some("174379"), ..sandbox() });
        assert!(said.starts_with("MPESA_PASSKEY is not set"), "{said}");
        let said = refused(&AppSettings { passkey: some("sesame"), ..sandbox() });
        assert!(said.starts_with("MPESA_SHORTCODE is not set"), "{said}");
        let said = refused(&AppSettings { shortcode: some("12"), passkey: some("sesame"), ..sandbox() });
        assert!(said.starts_with("MPESA_SHORTCODE is wrong"), "{said}");
    }

    #[test]
    fn what_differs_between_apps_is_chosen_by_name() {
        let settings = AppSettings {
            c2b_version: some("v1"),
            response_type: some("Cancelled"),
            pull_method: some("get"),
            ..sandbox()
        };
        let app = settings.read("https://x.test").unwrap();
        assert_eq!((app.c2b_version, app.response_type), (C2bVersion::V1, ResponseType::Cancelled));
        assert_eq!(app.pull_method, Some(Method::Get));
        for wrong in [
            AppSettings { c2b_version: some("2"), ..sandbox() },
            AppSettings { response_type: some("Canceled"), ..sandbox() },
            AppSettings { pull_method: some("PUT"), ..sandbox() },
        ] {
            assert!(refused(&wrong).contains(" is wrong: give "));
        }
    }

    #[test]
    fn an_api_user_comes_sealed_or_is_sealed_here() {
        let user = AppSettings { initiator: some("testapi"), ..sandbox() };
        let sealed = AppSettings { security_credential: some("c2VhbGVk"), ..user.clone() };
        let expected = Initiator::new("testapi", SecurityCredential::from_sealed("c2VhbGVk"));
        assert_eq!(sealed.read("https://x.test").unwrap().initiator, Some(expected));
        let password = AppSettings { initiator_password: some("sesame#1"), ..user.clone() };
        let here = AppSettings { certificate: Some(CERTIFICATE.to_vec()), ..password.clone() };
        let app = here.read("https://x.test").unwrap();
        assert!(app.initiator.is_some() && !format!("{app:?}").contains("sesame"));
        for (settings, said) in [
            (user, "MPESA_INITIATOR_PASSWORD is not set"),
            (password.clone(), "MPESA_CERTIFICATE is not set"),
            (AppSettings { initiator: None, ..password.clone() }, "MPESA_INITIATOR is not set"),
            (AppSettings { initiator: None, ..sealed.clone() }, "MPESA_INITIATOR is not set"),
            (
                AppSettings { initiator_password: some("sesame#1"), ..sealed },
                "MPESA_SECURITY_CREDENTIAL is wrong",
            ),
            (
                AppSettings { certificate: Some(b"sesame".to_vec()), ..password },
                "MPESA_INITIATOR_PASSWORD can not",
            ),
        ] {
            let refused = refused(&settings);
            assert!(refused.starts_with(said) && !refused.contains("sesame"), "{refused}");
        }
    }
}
