//! The hub: all functions in one process on the embedded store.

use crate::serve::{Stop, bind, serve_quietly};
use crate::{Failure, admin};
use axum::Router;
use clap::Args;
use domain::{Role, ShortCode};
use embedded::EmbeddedStore;
use service::callbacks::{self, Callbacks};
use service::office::{self, Office, new_code};
use service::payments::{self, Payments};
use service::sync::{self, Sync};
use service::{CallbackSecret, Clock, HttpSafaricom, Safaricom, Store, system_clock};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use till::{Folder, HttpCloud, enrol};
use tokio::net::TcpListener;

const SANDBOX: &str = "https://sandbox.safaricom.co.ke";
const PRODUCTION: &str = "https://api.safaricom.co.ke";

/// How a hub is set up.
#[derive(Args, Clone)]
pub struct Settings {
    /// Where the hub keeps its store, its secret and the administrator's key.
    #[arg(long, env = "LEJA_DATA", default_value = "leja-data/hub")]
    pub data: PathBuf,
    /// Where to listen.
    #[arg(long, env = "LEJA_LISTEN", default_value = "127.0.0.1:8300")]
    pub listen: SocketAddr,
    /// Where Safaricom reaches this hub, like `https://pay.example.com`; the address it listens on, unless
    /// told otherwise.
    #[arg(long, env = "LEJA_CALLBACK_BASE")]
    pub callback_base: Option<String>,
    /// Serve the seed documents' callback paths, which carry no token. Not in production.
    #[arg(long, env = "LEJA_SEED_PATHS")]
    pub seed_paths: bool,
    /// Which Safaricom: `sandbox` or `production`.
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
    /// The number that went live: paybill, or a till's store number.
    #[arg(long, env = "MPESA_SHORTCODE")]
    pub mpesa_shortcode: Option<String>,
    /// That number's Lipa na M-Pesa passkey.
    #[arg(long, env = "MPESA_PASSKEY", hide_env_values = true)]
    pub mpesa_passkey: Option<String>,
}

/// What the functions of a hub are made of.
pub struct Parts<S, D> {
    /// Where everything is kept.
    pub store: Arc<S>,
    /// The way to Safaricom.
    pub safaricom: D,
    /// The passkey of each number that went live.
    pub passkeys: BTreeMap<ShortCode, String>,
    /// Where Safaricom reaches us.
    pub callback_base: String,
    /// From which callback tokens are derived.
    pub secret: CallbackSecret,
    /// Serve the seeds' paths.
    pub seed_paths: bool,
    /// The time.
    pub clock: Clock,
}

impl<S: Store, D: Safaricom> Parts<S, D> {
    /// All functions as one router.
    pub fn router(self) -> Router {
        let Self { store, safaricom, passkeys, callback_base, secret, seed_paths, clock } = self;
        let (callback, sync_store, pay) = (Arc::clone(&store), Arc::clone(&store), Arc::clone(&store));
        callbacks::router(Callbacks { store: callback, clock: Arc::clone(&clock), seed_paths })
            .merge(sync::router(Sync { store: sync_store, clock: Arc::clone(&clock) }))
            .merge(payments::router(Payments {
                store: pay,
                safaricom,
                passkeys,
                callback_base: callback_base.clone(),
                secret: secret.clone(),
                clock: Arc::clone(&clock),
            }))
            .merge(office::router(Office { store, secret, callback_base, clock }))
    }
}

/// Runs a hub until told to stop.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(settings: Settings, stop: Stop) -> Result<(), Failure> {
    let listener = bind(settings.listen).await?;
    let mut passkeys = BTreeMap::new();
    if let (Some(number), Some(passkey)) = (&settings.mpesa_shortcode, &settings.mpesa_passkey) {
        passkeys.insert(ShortCode::parse(number)?, passkey.clone());
    }
    start(&settings, passkeys, listener, stop).await
}

/// Runs a hub with these passkeys on this listener.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn start(
    settings: &Settings,
    passkeys: BTreeMap<ShortCode, String>,
    listener: TcpListener,
    stop: Stop,
) -> Result<(), Failure> {
    // For its owner only: the store holds customers' names, the secret opens the callback paths.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.data)?;
    let environment = if settings.mpesa_environment == "production" { PRODUCTION } else { SANDBOX };
    if settings.mpesa_environment == "production" && settings.seed_paths {
        return Err("the seeds' callback paths carry no token: do not serve them in production".into());
    }
    let base_url = settings.safaricom.as_deref().unwrap_or(environment);
    let store = Arc::new(EmbeddedStore::open(&settings.data.join("hub.sqlite"))?);
    let address = listener.local_addr()?;
    let callback_base = settings.callback_base.clone().unwrap_or_else(|| format!("http://{address}"));
    let parts = Parts {
        store: Arc::clone(&store),
        safaricom: HttpSafaricom::new(
            base_url,
            &settings.mpesa_consumer_key,
            &settings.mpesa_consumer_secret,
        )?,
        passkeys,
        callback_base: callback_base.trim_end_matches('/').to_owned(),
        secret: secret(&settings.data.join("callback.secret"))?,
        seed_paths: settings.seed_paths,
        clock: system_clock(),
    };
    let first_start = async {
        enrol_administrator(store, settings.data.clone(), address).await?;
        println!("listening on http://{address}");
        Ok(())
    };
    let ((), ()) = tokio::try_join!(serve_quietly(listener, parts.router(), stop), first_start)?;
    Ok(())
}

/// At the first start, makes the administrator a member whose key lies beside the store.
async fn enrol_administrator(
    store: Arc<EmbeddedStore>,
    data: PathBuf,
    address: SocketAddr,
) -> Result<(), Failure> {
    let folder = Folder::at(&admin::folder_of(&data))?;
    if folder.is_enrolled() {
        return Ok(());
    }
    let now = (system_clock())();
    let code = new_code(&*store, Role::Platform, None, now).await;
    let (code, _) = code.map_err(|_| "the hub's store can not be written: check its folder")?;
    let enrol = move || -> Result<(), Failure> {
        enrol(&folder, &HttpCloud::new(&format!("http://{address}"))?, &code, "Administrator")?;
        Ok(())
    };
    tokio::task::spawn_blocking(enrol).await?
}

/// The deployment's secret; made at the first start, readable by its owner only.
fn secret(path: &Path) -> Result<CallbackSecret, Failure> {
    use std::io::Write;
    if !path.exists() {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|e| format!("no randomness: {e}"))?;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(hex::encode(bytes).as_bytes())?;
        file.sync_all()?;
    }
    let bytes = hex::decode(std::fs::read_to_string(path)?.trim())?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| format!("{} holds no secret", path.display()))?;
    Ok(CallbackSecret::new(bytes))
}
