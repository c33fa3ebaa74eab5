//! Settings from the environment. Each function is given only those it needs, and reads only those.

use crate::Error;
use service::Keypair;
use service::guard::{SourceRule, Sources};
use service::payments::App;
use service::{AppSettings, CallbackSecret, HttpSafaricom, SettingError};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// For how long what secrets say is remembered: each of Secrets Manager's answers costs money, and a rotation can wait
/// so long.
const REMEMBERED: Duration = Duration::from_secs(300);

/// The settings of one function.
pub struct Settings {
    find: Find,
}

/// Looks a variable up.
type Find = Box<dyn Fn(&str) -> Option<String> + Send>;

impl Settings {
    /// The settings in this process's environment.
    pub fn from_environment() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// The same, with those that secrets say in front.
    pub(crate) fn beside(secrets: BTreeMap<String, String>) -> Self {
        Self::new(move |name| secrets.get(name).cloned().or_else(|| std::env::var(name).ok()))
    }

    /// Settings from anywhere.
    pub fn new(find: impl Fn(&str) -> Option<String> + Send + 'static) -> Self {
        Self { find: Box::new(find) }
    }

    /// `LEJA_SECRETS`: the secrets in Secrets Manager that say more settings, by name or ARN, with blanks between
    /// them. What they say stands before what the environment says.
    pub(crate) fn secrets(&self) -> String {
        self.find("LEJA_SECRETS").unwrap_or_default()
    }

    /// `LEJA_SECRETS_SECONDS`: for how long what secrets say is remembered; five minutes unless said.
    ///
    /// # Errors
    /// It is no whole number.
    pub(crate) fn secrets_remembered(&self) -> Result<Duration, SettingError> {
        let (name, expected) = ("LEJA_SECRETS_SECONDS", "a whole number of seconds");
        let Some(text) = self.find(name) else { return Ok(REMEMBERED) };
        text.parse().map(Duration::from_secs).map_err(|_| SettingError::Wrong { name, expected })
    }

    /// `LEJA_TABLE`: the table of the store.
    ///
    /// # Errors
    /// It is missing.
    pub fn table(&self) -> Result<String, SettingError> {
        self.text("LEJA_TABLE", "the name of the DynamoDB table, the stack's output TableName")
    }

    /// `LEJA_FALLBACK_QUEUE`: the SQS queue for callbacks that the store does not take.
    ///
    /// # Errors
    /// It is missing, or no URL.
    pub fn fallback_queue(&self) -> Result<String, SettingError> {
        let (name, expected) =
            ("LEJA_FALLBACK_QUEUE", "the URL of the SQS queue, the stack's output FallbackQueueUrl");
        let url = self.text(name, expected)?;
        let known = url.starts_with("https://") || url.starts_with("http://");
        if known { Ok(url) } else { Err(SettingError::Wrong { name, expected }) }
    }

    /// `LEJA_SEED_PATHS`: whether the seeds' paths, which carry no token, are served.
    ///
    /// # Errors
    /// It is neither `true` nor `false`.
    pub fn seed_paths(&self) -> Result<bool, SettingError> {
        self.flag("LEJA_SEED_PATHS", "true or false; never true where real money is paid")
    }

    /// Who may post callbacks. `LEJA_SOURCE_CHECK`: what to do about others, `off`, `log` or `enforce`;
    /// `log` unless said. `LEJA_SOURCE_ADDRESSES`: the list, with commas; Safaricom's known addresses
    /// unless said. `LEJA_BEHIND_PROXY`: whether a proxy of ours, such as a CDN, stands before API Gateway
    /// and nobody else can reach it.
    ///
    /// # Errors
    /// One of them makes no sense.
    pub fn sources(&self) -> Result<Sources, SettingError> {
        let wrong = |name, expected| SettingError::Wrong { name, expected };
        let rule = match self.find("LEJA_SOURCE_CHECK") {
            None => SourceRule::default(),
            Some(rule) => {
                SourceRule::named(&rule).ok_or_else(|| wrong("LEJA_SOURCE_CHECK", "off, log or enforce"))?
            }
        };
        let addresses = self.find("LEJA_SOURCE_ADDRESSES").unwrap_or_default();
        let addresses = addresses.split(',').map(str::trim).filter(|address| !address.is_empty());
        let addresses = addresses.map(str::parse::<IpAddr>).collect::<Result<_, _>>();
        let addresses =
            addresses.map_err(|_| wrong("LEJA_SOURCE_ADDRESSES", "IP addresses with commas between them"))?;
        let behind_proxy = self.flag("LEJA_BEHIND_PROXY", "true or false")?;
        Ok(Sources { rule, addresses, behind_proxy })
    }

    /// `LEJA_CALLBACK_BASE`: where Safaricom reaches our callbacks, without a slash at the end.
    ///
    /// # Errors
    /// It is missing, or no HTTPS address: callbacks carry a secret in their path.
    pub fn callback_base(&self) -> Result<String, SettingError> {
        let (name, expected) =
            ("LEJA_CALLBACK_BASE", "the address of the callbacks, like https://pay.example.com");
        let base = self.text(name, expected)?;
        let base = base.trim_end_matches('/');
        let host = base.strip_prefix("https://").filter(|host| !host.is_empty());
        host.map(|_| base.to_owned()).ok_or(SettingError::Wrong { name, expected })
    }

    /// `LEJA_CALLBACK_SECRET`: from which callback tokens are derived.
    ///
    /// # Errors
    /// It is missing, or not 32 bytes in hex.
    pub fn callback_secret(&self) -> Result<CallbackSecret, SettingError> {
        let (name, expected) = ("LEJA_CALLBACK_SECRET", "32 random bytes as 64 hex digits");
        let bytes = hex::decode(self.text(name, expected)?).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(CallbackSecret::new).ok_or(SettingError::Wrong { name, expected })
    }

    /// `LEJA_LICENCE_KEY`: the platform's key, which signs licences. Tills keep the public half for good, so it is
    /// made once. Without it no licence is sold.
    ///
    /// # Errors
    /// It is not 32 bytes in hex.
    pub fn licence_key(&self) -> Result<Option<Keypair>, SettingError> {
        let (name, expected) = ("LEJA_LICENCE_KEY", "32 random bytes as 64 hex digits");
        let Some(text) = self.find(name) else { return Ok(None) };
        let seed = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        seed.map(|seed| Some(Keypair::from_seed(&seed))).ok_or(SettingError::Wrong { name, expected })
    }

    /// The app at Safaricom, from the variables that [`AppSettings`] names; the certificate is PEM text.
    ///
    /// # Errors
    /// One of them is missing or makes no sense.
    pub fn app(&self, callback_base: &str) -> Result<App, SettingError> {
        let settings = AppSettings {
            environment: self.find("MPESA_ENVIRONMENT"),
            shortcode: self.find("MPESA_SHORTCODE"),
            passkey: self.find("MPESA_PASSKEY"),
            passkeys: self.find("MPESA_PASSKEYS"),
            c2b_version: self.find("MPESA_C2B_VERSION"),
            response_type: self.find("MPESA_RESPONSE_TYPE"),
            pull_method: self.find("MPESA_PULL_METHOD"),
            initiator: self.find("MPESA_INITIATOR"),
            security_credential: self.find("MPESA_SECURITY_CREDENTIAL"),
            initiator_password: self.find("MPESA_INITIATOR_PASSWORD"),
            certificate: self.find("MPESA_CERTIFICATE").map(String::into_bytes),
        };
        settings.read(callback_base)
    }

    /// The way to Safaricom, with `MPESA_CONSUMER_KEY` and `MPESA_CONSUMER_SECRET`. `LEJA_SAFARICOM` names
    /// another Safaricom than the environment's, such as a simulated one.
    ///
    /// # Errors
    /// A key is missing, or no HTTPS could be set up.
    pub fn safaricom(&self, app: &App) -> Result<HttpSafaricom, Error> {
        let key = self.text("MPESA_CONSUMER_KEY", "the consumer key of the Daraja app")?;
        let secret = self.text("MPESA_CONSUMER_SECRET", "the consumer secret of the Daraja app")?;
        let other = self.find("LEJA_SAFARICOM");
        Ok(HttpSafaricom::new(other.as_deref().unwrap_or(app.base_url()), &key, &secret)?)
    }

    fn flag(&self, name: &'static str, expected: &'static str) -> Result<bool, SettingError> {
        match self.find(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(SettingError::Wrong { name, expected }),
        }
    }

    fn text(&self, name: &'static str, expected: &'static str) -> Result<String, SettingError> {
        self.find(name).ok_or(SettingError::Missing { name, expected })
    }

    /// A setting without the blanks that creep in around copied secrets; an empty one counts as missing.
    fn find(&self, name: &str) -> Option<String> {
        (self.find)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &'static [(&str, &str)]) -> Settings {
        Settings::new(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_is_missing_is_named_and_explained() {
        let error = settings(&[("LEJA_TABLE", " ")]).table().unwrap_err().to_string();
        assert_eq!(
            error,
            "LEJA_TABLE is not set: give the name of the DynamoDB table, the stack's output TableName"
        );
    }

    #[test]
    fn a_secret_that_is_wrong_is_not_repeated() {
        let error = settings(&[("LEJA_CALLBACK_SECRET", "abc123")]).callback_secret().unwrap_err();
        assert_eq!(error.to_string(), "LEJA_CALLBACK_SECRET is wrong: give 32 random bytes as 64 hex digits");
    }

    #[test]
    fn seed_paths_are_closed_unless_opened_in_so_many_words() {
        assert_eq!(settings(&[]).seed_paths(), Ok(false));
        assert_eq!(settings(&[("LEJA_SEED_PATHS", "false")]).seed_paths(), Ok(false));
        assert_eq!(settings(&[("LEJA_SEED_PATHS", "true")]).seed_paths(), Ok(true));
        assert!(settings(&[("LEJA_SEED_PATHS", "1")]).seed_paths().is_err());
    }

    #[test]
    fn the_fallback_queue_is_a_url_and_not_a_name() {
        let url = "https://sqs.af-south-1.amazonaws.com/123456789012/leja";
        let queue = |value| Settings::new(move |_| Some(String::from(value))).fallback_queue();
        assert_eq!(queue(url).unwrap(), url);
        assert!(queue("leja-fallback").is_err());
        assert!(settings(&[]).fallback_queue().is_err());
    }

    #[test]
    fn foreign_callers_are_logged_unless_said_otherwise() {
        let sources = settings(&[]).sources().unwrap();
        assert_eq!((sources.rule, sources.behind_proxy), (SourceRule::Log, false));
        assert!(sources.addresses.is_empty());
        let sources = settings(&[
            ("LEJA_SOURCE_CHECK", "enforce"),
            ("LEJA_SOURCE_ADDRESSES", "196.201.214.200, 2001:db8::1,"),
            ("LEJA_BEHIND_PROXY", "true"),
        ]);
        let sources = sources.sources().unwrap();
        assert_eq!((sources.rule, sources.behind_proxy), (SourceRule::Enforce, true));
        let addresses: Vec<String> = sources.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["196.201.214.200", "2001:db8::1"]);
    }

    #[test]
    fn a_source_check_that_is_misspelled_is_not_taken_for_none() {
        for (wrong, name) in [
            (settings(&[("LEJA_SOURCE_CHECK", "on")]), "LEJA_SOURCE_CHECK"),
            (settings(&[("LEJA_SOURCE_ADDRESSES", "196.201.214.0/24")]), "LEJA_SOURCE_ADDRESSES"),
            (settings(&[("LEJA_BEHIND_PROXY", "yes")]), "LEJA_BEHIND_PROXY"),
        ] {
            let error = wrong.sources().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name} is wrong: give ")), "{error}");
        }
    }

    #[test]
    fn callbacks_come_over_https() {
        let base = |value| Settings::new(move |_| Some(String::from(value))).callback_base();
        assert_eq!(base("https://pay.example.com/").unwrap(), "https://pay.example.com");
        for wrong in ["http://pay.example.com", "https://", "pay.example.com"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_setting_of_an_app_has_a_variable() {
        let app = settings(&[
            ("MPESA_ENVIRONMENT", "production"),
            ("MPESA_SHORTCODE", "174379"),
            ("MPESA_PASSKEY", "first\n"),
            ("MPESA_PASSKEYS", "600638=second"),
            ("MPESA_C2B_VERSION", "v1"),
            ("MPESA_RESPONSE_TYPE", "Cancelled"),
            ("MPESA_PULL_METHOD", "get"),
            ("MPESA_INITIATOR", "testapi"),
            ("MPESA_SECURITY_CREDENTIAL", "c2VhbGVk"),
        ]);
        let app = format!("{:?}", app.app("https://pay.example.com").unwrap());
        for said in [
            "production: true",
            "174379",
            "600638",
            "V1",
            "Cancelled",
            "pull_method: Some(Get)",
            "testapi",
            "pay.",
        ] {
            assert!(app.contains(said), "{said} in {app}");
        }
        assert!(!app.contains("first") && !app.contains("second") && !app.contains("c2VhbGVk"), "{app}");
    }

    #[test]
    fn the_password_of_an_api_user_and_its_certificate_have_variables_too() {
        let user = settings(&[
            ("MPESA_ENVIRONMENT", "sandbox"),
            ("MPESA_INITIATOR", "testapi"),
            ("MPESA_INITIATOR_PASSWORD", "sesame"),
            ("MPESA_CERTIFICATE", "no certificate"),
        ]);
        let error = user.app("https://x.test").unwrap_err().to_string();
        assert!(error.contains("this is no X.509 certificate") && !error.contains("sesame"), "{error}");
    }

    #[test]
    fn safaricom_is_reached_with_both_keys() {
        let app = settings(&[("MPESA_ENVIRONMENT", "sandbox")]).app("").unwrap();
        let error = settings(&[("MPESA_CONSUMER_KEY", "key")]).safaricom(&app).err().unwrap();
        assert!(error.to_string().starts_with("MPESA_CONSUMER_SECRET is not set"), "{error}");
        let keys = settings(&[("MPESA_CONSUMER_KEY", "key"), ("MPESA_CONSUMER_SECRET", "secret")]);
        assert!(keys.safaricom(&app).is_ok());
    }
}
