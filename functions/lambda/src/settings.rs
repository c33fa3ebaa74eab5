//! Settings from the environment. Each function is given only those it needs, and reads only those.

use domain::ShortCode;
use service::CallbackSecret;

/// A setting without which a function does not start. It never repeats a value: some are secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It is not there.
    #[error("{name} is not set: give the function {expected}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it holds.
        expected: &'static str,
    },
    /// It makes no sense.
    #[error("{name} is wrong: give the function {expected}")]
    Wrong {
        /// The variable.
        name: &'static str,
        /// What it holds.
        expected: &'static str,
    },
    /// HTTPS to Safaricom could not be set up.
    #[error("no HTTPS: {0}")]
    Https(String),
}

/// The settings of one function.
pub struct Settings {
    find: Find,
}

/// Looks a variable up.
type Find = Box<dyn Fn(&str) -> Option<String> + Send>;

/// How Safaricom knows an app, and where.
pub struct Daraja {
    /// Where Daraja answers: follows from the environment, so that keys and addresses switch together.
    pub base_url: &'static str,
    /// The app's consumer key.
    pub consumer_key: String,
    /// The app's consumer secret.
    pub consumer_secret: String,
    /// The number that went live.
    pub shortcode: ShortCode,
    /// That number's Lipa na M-Pesa passkey.
    pub passkey: String,
}

impl Settings {
    /// The settings in this process's environment.
    pub fn from_environment() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// Settings from anywhere.
    pub fn new(find: impl Fn(&str) -> Option<String> + Send + 'static) -> Self {
        Self { find: Box::new(find) }
    }

    /// `LEJA_TABLE`: the table of the store.
    ///
    /// # Errors
    /// It is missing.
    pub fn table(&self) -> Result<String, SettingError> {
        self.text("LEJA_TABLE", "the name of the DynamoDB table, the stack's output TableName")
    }

    /// `LEJA_SEED_PATHS`: whether the seeds' paths, which carry no token, are served.
    ///
    /// # Errors
    /// It is neither `true` nor `false`.
    pub fn seed_paths(&self) -> Result<bool, SettingError> {
        let expected = "true or false; never true where real money is paid";
        match self.find("LEJA_SEED_PATHS").as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(SettingError::Wrong { name: "LEJA_SEED_PATHS", expected }),
        }
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

    /// `MPESA_ENVIRONMENT`, `MPESA_CONSUMER_KEY`, `MPESA_CONSUMER_SECRET`, `MPESA_SHORTCODE` and
    /// `MPESA_PASSKEY`, as in the seeds.
    ///
    /// # Errors
    /// One of them is missing or makes no sense.
    pub fn daraja(&self) -> Result<Daraja, SettingError> {
        let (name, expected) = ("MPESA_SHORTCODE", "the number that went live, 4 to 10 digits");
        let shortcode = ShortCode::parse(&self.text(name, expected)?);
        Ok(Daraja {
            base_url: self.base_url()?,
            consumer_key: self.text("MPESA_CONSUMER_KEY", "the consumer key of the Daraja app")?,
            consumer_secret: self.text("MPESA_CONSUMER_SECRET", "the consumer secret of the Daraja app")?,
            shortcode: shortcode.map_err(|_| SettingError::Wrong { name, expected })?,
            passkey: self.text("MPESA_PASSKEY", "the Lipa na M-Pesa passkey of MPESA_SHORTCODE")?,
        })
    }

    fn base_url(&self) -> Result<&'static str, SettingError> {
        let (name, expected) = ("MPESA_ENVIRONMENT", "sandbox or production");
        match self.text(name, expected)?.as_str() {
            "sandbox" => Ok("https://sandbox.safaricom.co.ke"),
            "production" => Ok("https://api.safaricom.co.ke"),
            _ => Err(SettingError::Wrong { name, expected }),
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
            "LEJA_TABLE is not set: give the function the name of the DynamoDB table, the stack's output TableName"
        );
    }

    #[test]
    fn a_secret_that_is_wrong_is_not_repeated() {
        let error = settings(&[("LEJA_CALLBACK_SECRET", "abc123")]).callback_secret().unwrap_err();
        assert_eq!(
            error.to_string(),
            "LEJA_CALLBACK_SECRET is wrong: give the function 32 random bytes as 64 hex digits"
        );
    }

    #[test]
    fn seed_paths_are_closed_unless_opened_in_so_many_words() {
        assert_eq!(settings(&[]).seed_paths(), Ok(false));
        assert_eq!(settings(&[("LEJA_SEED_PATHS", "false")]).seed_paths(), Ok(false));
        assert_eq!(settings(&[("LEJA_SEED_PATHS", "true")]).seed_paths(), Ok(true));
        assert!(settings(&[("LEJA_SEED_PATHS", "1")]).seed_paths().is_err());
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
    fn the_environment_chooses_the_address() {
        const KEYS: [(&str, &str); 4] = [
            ("MPESA_CONSUMER_KEY", "key"),
            ("MPESA_CONSUMER_SECRET", "secret"),
            ("MPESA_SHORTCODE", "174379"),
            ("MPESA_PASSKEY", "passkey\n"),
        ];
        let daraja = |environment: &'static str| {
            let find = move |name: &str| match name {
                "MPESA_ENVIRONMENT" => Some(environment.to_owned()),
                _ => KEYS.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()),
            };
            Settings::new(find).daraja()
        };
        let sandbox = daraja("sandbox").unwrap();
        assert_eq!(
            (sandbox.base_url, sandbox.passkey.as_str()),
            ("https://sandbox.safaricom.co.ke", "passkey")
        );
        assert_eq!(daraja("production").unwrap().base_url, "https://api.safaricom.co.ke");
        assert!(daraja("live").is_err());
    }
}
