//! The app at Safaricom, as it is typed.

use crate::Failure;
use clap::Args;
use service::HttpSafaricom;
use service::payments::App;
use service::settings::AppSettings;
use std::path::PathBuf;

/// What an organisation has at Safaricom.
#[derive(Args, Clone, Default)]
pub struct Daraja {
    /// Which Safaricom: `sandbox` or `production`. Address, keys and callbacks switch together.
    #[arg(long, env = "MPESA_ENVIRONMENT", default_value = "sandbox", value_parser = ["sandbox", "production"])]
    pub mpesa_environment: String,
    /// Another Safaricom, such as a simulated one.
    #[arg(long, env = "LEJA_SAFARICOM")]
    pub safaricom: Option<String>,
    /// The app's consumer key.
    #[arg(long, env = "MPESA_CONSUMER_KEY", default_value = "", hide_env_values = true)]
    pub mpesa_consumer_key: String,
    /// The app's consumer secret.
    #[arg(long, env = "MPESA_CONSUMER_SECRET", default_value = "", hide_env_values = true)]
    pub mpesa_consumer_secret: String,
    /// The number that went live: paybill, or a till's store or head office.
    #[arg(long, env = "MPESA_SHORTCODE")]
    pub mpesa_shortcode: Option<String>,
    /// That number's Lipa na M-Pesa passkey.
    #[arg(long, env = "MPESA_PASSKEY", hide_env_values = true)]
    pub mpesa_passkey: Option<String>,
    /// More numbers with their passkeys, like `600638=abc,600639=def`.
    #[arg(long, env = "MPESA_PASSKEYS", hide_env_values = true)]
    pub mpesa_passkeys: Option<String>,
    /// Which C2B product the app holds: `v1` or `v2`.
    #[arg(long, env = "MPESA_C2B_VERSION", default_value = "v2", value_parser = ["v1", "v2"])]
    pub mpesa_c2b_version: String,
    /// What becomes of a payment whose validation does not answer: `Completed` or `Cancelled`.
    #[arg(long, env = "MPESA_RESPONSE_TYPE", default_value = "Completed", value_parser = ["Completed", "Cancelled"])]
    pub mpesa_response_type: String,
    /// How Pull Transactions is asked: `post`, `get`, or `off` for an app without it.
    #[arg(long, env = "MPESA_PULL_METHOD", default_value = "post", value_parser = ["post", "get", "off"])]
    pub mpesa_pull_method: String,
    /// The API user for status, reversal and balance.
    #[arg(long, env = "MPESA_INITIATOR")]
    pub mpesa_initiator: Option<String>,
    /// The API user's password; it is sealed under the certificate.
    #[arg(long, env = "MPESA_INITIATOR_PASSWORD", hide_env_values = true)]
    pub mpesa_initiator_password: Option<String>,
    /// The environment's certificate from the developer portal: a PEM or DER file.
    #[arg(long, env = "MPESA_CERTIFICATE")]
    pub mpesa_certificate: Option<PathBuf>,
    /// In place of password and certificate: the password as the developer portal sealed it.
    #[arg(long, env = "MPESA_SECURITY_CREDENTIAL", hide_env_values = true)]
    pub mpesa_security_credential: Option<String>,
}

impl Daraja {
    /// Real money.
    pub fn production(&self) -> bool {
        self.mpesa_environment == "production"
    }

    /// Whether there are keys to ask with.
    pub fn is_configured(&self) -> bool {
        !self.mpesa_consumer_key.is_empty() && !self.mpesa_consumer_secret.is_empty()
    }

    /// The app, reached at an address of ours.
    ///
    /// # Errors
    /// A setting is missing or makes no sense.
    pub fn app(&self, callback_base: &str) -> Result<App, Failure> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|e| format!("{} can not be read: {e}", path.display()))
        };
        let settings = AppSettings {
            environment: Some(self.mpesa_environment.clone()),
            shortcode: self.mpesa_shortcode.clone(),
            passkey: self.mpesa_passkey.clone(),
            passkeys: self.mpesa_passkeys.clone(),
            c2b_version: Some(self.mpesa_c2b_version.clone()),
            response_type: Some(self.mpesa_response_type.clone()),
            pull_method: Some(self.mpesa_pull_method.clone()),
            initiator: self.mpesa_initiator.clone(),
            security_credential: self.mpesa_security_credential.clone(),
            initiator_password: self.mpesa_initiator_password.clone(),
            certificate: self.mpesa_certificate.as_ref().map(read).transpose()?,
        };
        Ok(settings.read(callback_base)?)
    }

    /// The way there.
    ///
    /// # Errors
    /// A setting makes no sense, or no TLS could be set up.
    pub fn safaricom(&self) -> Result<HttpSafaricom, Failure> {
        let base_url = self.safaricom.as_deref().unwrap_or(App::base_url_of(self.production()));
        Ok(HttpSafaricom::new(base_url, &self.mpesa_consumer_key, &self.mpesa_consumer_secret)?)
    }
}
