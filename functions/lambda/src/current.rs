//! What a function works with: made when it starts, and anew when one of its secrets was rotated, so that a rotation
//! needs no deployment.

use crate::secrets::{Said, Secrets};
use crate::{Error, Settings};
use aws_config::SdkConfig;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What `make` makes of the settings.
pub(crate) struct Current<T, M> {
    make: M,
    aws: SdkConfig,
    secrets: Option<Secrets>,
    remembered: Duration,
    made: Mutex<Made<T>>,
}

struct Made<T> {
    it: T,
    said: Said,
    looked: Instant,
}

impl<T, M, F> Current<T, M>
where
    T: Clone,
    M: Fn(Settings, SdkConfig) -> F,
    F: Future<Output = Result<T, Error>>,
{
    /// Made for the first time.
    ///
    /// # Errors
    /// A setting is missing or wrong, or a secret can not be read.
    pub(crate) async fn start(make: M, aws: SdkConfig) -> Result<Self, Error> {
        let settings = Settings::from_environment();
        let (secrets, remembered) =
            (Secrets::connect(&aws, &settings.secrets()), settings.secrets_remembered()?);
        let said = match &secrets {
            Some(secrets) => secrets.read().await?,
            None => Said::default(),
        };
        let it = make(Settings::beside(said.settings.clone()), aws.clone()).await?;
        let made = Mutex::new(Made { it, said, looked: Instant::now() });
        Ok(Self { make, aws, secrets, remembered, made })
    }

    /// What there is now. Secrets that can not be read again, or make no sense, leave it as it was.
    pub(crate) async fn get(&self) -> T {
        let mut made = self.made.lock().await;
        if let Some(secrets) = &self.secrets
            && made.looked.elapsed() >= self.remembered
        {
            made.looked = Instant::now();
            match self.renewed(secrets, &made.said).await {
                Ok(Some((it, said))) => {
                    tracing::info!("a secret was rotated");
                    (made.it, made.said) = (it, said);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(alarm = "secrets", %error, "the secrets from before stay in use")
                }
            }
        }
        made.it.clone()
    }

    async fn renewed(&self, secrets: &Secrets, before: &Said) -> Result<Option<(T, Said)>, Error> {
        let said = secrets.read().await?;
        if said == *before {
            return Ok(None);
        }
        let it = (self.make)(Settings::beside(said.settings.clone()), self.aws.clone()).await?;
        Ok(Some((it, said)))
    }
}
