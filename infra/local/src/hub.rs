//! The hub: all functions in one process on the embedded store.

use crate::daraja::Daraja;
use crate::serve::{Stop, bind, serve_quietly, stopped};
use crate::{Failure, admin};
use axum::routing::get;
use axum::{Json, Router};
use clap::Args;
use domain::{Msisdn, Role};
use embedded::{EmbeddedStore, FileQueue};
use replica::Keypair;
use service::callbacks::{self, Callbacks};
use service::guard::{Counts, KnownTokens, SourceRule, Sources};
use service::licence::{Owners, TextError, Texts};
use service::office::{self, Office, new_code};
use service::payments::{self, App, Payments};
use service::sweep::{self, Sweep};
use service::sync::{self, Sync};
use service::{CallbackSecret, Clock, Fallback, Safaricom, Store, system_clock};
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use till::{Folder, HttpCloud, enrol};
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

/// How long a callback token is remembered, and so good after it was withdrawn.
const REMEMBER: Duration = Duration::from_secs(30);
/// How often everything is swept.
const SWEEP: Duration = Duration::from_secs(15 * 60);
/// How often open pushes are looked at in between; how often Safaricom is asked about one is decided there.
const PUSHES: Duration = Duration::from_secs(10);

/// How often it is looked whether an owner has to be told of a licence.
const OWNERS: Duration = Duration::from_secs(10);

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
    /// What to do about a callback from an address that is not on the list: `off`, `log` or `enforce`,
    /// which believes none of it and puts it into the inbox. Unless told otherwise: `log` in production.
    #[arg(long, env = "LEJA_SOURCE_CHECK", value_parser = ["off", "log", "enforce"])]
    pub source_check: Option<String>,
    /// The list, instead of the addresses Safaricom is known to call from.
    #[arg(long, env = "LEJA_SOURCE_ADDRESSES", value_delimiter = ',')]
    pub source_addresses: Vec<IpAddr>,
    /// A proxy of yours stands in front and appends the caller's address to X-Forwarded-For.
    #[arg(long, env = "LEJA_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// The app at Safaricom.
    #[command(flatten)]
    pub daraja: Daraja,
}

impl Settings {
    fn sources(&self) -> Result<Sources, Failure> {
        let usual = if self.daraja.production() { "log" } else { "off" };
        let rule = self.source_check.as_deref().unwrap_or(usual);
        let rule = SourceRule::named(rule).ok_or("a source check is off, log or enforce")?;
        Ok(Sources { rule, addresses: self.source_addresses.clone(), behind_proxy: self.behind_proxy })
    }
}

/// What the functions of a hub are made of.
pub struct Parts<S, D, F> {
    /// Where everything is kept.
    pub store: Arc<S>,
    /// Where callbacks wait while the store is down.
    pub fallback: Arc<F>,
    /// The way to Safaricom.
    pub safaricom: Arc<D>,
    /// The app at Safaricom.
    pub app: Arc<App>,
    /// From which callback tokens are derived.
    pub secret: CallbackSecret,
    /// The platform's key, which signs licences.
    pub licence_key: Keypair,
    /// Who may call.
    pub sources: Sources,
    /// How long a token is remembered.
    pub remember: Duration,
    /// Serve the seeds' paths.
    pub seed_paths: bool,
    /// The time.
    pub clock: Clock,
}

impl<S: Store, D: Safaricom, F: Fallback> Parts<S, D, F> {
    /// All functions as one router, and the sweep that runs beside it.
    pub fn assemble(self) -> (Router, Arc<Sweep<S, D, F>>) {
        let Self { store, fallback, safaricom, app, secret, licence_key, .. } = self;
        let Self { sources, remember, seed_paths, clock, .. } = self;
        let (counts, tokens) = (Arc::new(Counts::default()), KnownTokens::for_time(remember));
        let sweep = Arc::new(Sweep {
            store: Arc::clone(&store),
            safaricom: Arc::clone(&safaricom),
            fallback: Arc::clone(&fallback),
            app: Arc::clone(&app),
            clock: Arc::clone(&clock),
        });
        let callbacks = callbacks::router(Callbacks {
            store: Arc::clone(&store),
            fallback,
            clock: Arc::clone(&clock),
            seed_paths,
            sources,
            tokens: tokens.clone(),
            counts: Arc::clone(&counts),
        });
        let sync = sync::router(Sync::new(Arc::clone(&store), Arc::clone(&clock)).signing(licence_key));
        let callback_base = app.callback_base.clone();
        let payments = payments::router(Payments {
            store: Arc::clone(&store),
            safaricom,
            app,
            secret: secret.clone(),
            clock: Arc::clone(&clock),
        });
        let office = office::router(Office {
            store,
            secret,
            callback_base,
            clock,
            known: Some(tokens),
            counts: Some(counts),
        });
        let router = callbacks.merge(sync).merge(payments).merge(office);
        let described = get(async || Json(service::openapi::document::<S, D, F>()));
        let router = router.route("/openapi.json", described);
        (router.merge(sweep::router(Arc::clone(&sweep))), sweep)
    }
}

/// Runs a hub until told to stop.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(settings: Settings, stop: Stop) -> Result<(), Failure> {
    let listener = bind(settings.listen).await?;
    start(&settings, listener, stop).await
}

/// Runs a hub on this listener.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn start(settings: &Settings, listener: TcpListener, stop: Stop) -> Result<(), Failure> {
    // For its owner only: the store holds customers' names, the secret opens the callback paths.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.data)?;
    if settings.daraja.production() && settings.seed_paths {
        return Err("the seeds' callback paths carry no token: do not serve them in production".into());
    }
    let _only_one = only_one(&settings.data)?;
    let store = Arc::new(EmbeddedStore::open(&settings.data.join("hub.sqlite"))?);
    let address = listener.local_addr()?;
    let base = settings.callback_base.clone().unwrap_or_else(|| format!("http://{address}"));
    let parts = Parts {
        store: Arc::clone(&store),
        fallback: Arc::new(FileQueue::open(&settings.data.join("waiting"))?),
        safaricom: Arc::new(settings.daraja.safaricom()?),
        app: Arc::new(settings.daraja.app(&base)?),
        secret: CallbackSecret::new(secret(&settings.data.join("callback.secret"))?),
        licence_key: Keypair::from_seed(&secret(&settings.data.join("licence.key"))?),
        sources: settings.sources()?,
        remember: REMEMBER,
        seed_paths: settings.seed_paths,
        clock: system_clock(),
    };
    let (router, sweep) = parts.assemble();
    let owners = Owners { store: Arc::clone(&store), texts: Arc::new(PrintedTexts), clock: system_clock() };
    let first_start = async {
        enrol_administrator(store, settings.data.clone(), address).await?;
        println!("listening on http://{address}");
        Ok(())
    };
    let sweeping = tokio::spawn(keep_sweeping(sweep, settings.daraja.is_configured(), stop.clone()));
    let telling = tokio::spawn(keep_telling(owners, stop.clone()));
    let ((), ()) = tokio::try_join!(serve_quietly(listener, router, stop), first_start)?;
    telling.await?;
    Ok(sweeping.await?)
}

/// A hub has no way to a phone of its own: what owners are told is printed, for whoever looks after it.
struct PrintedTexts;

impl Texts for PrintedTexts {
    async fn send(&self, to: &Msisdn, words: &str) -> Result<(), TextError> {
        println!("SMS to {}: {words}", to.masked());
        Ok(())
    }
}

/// Tells owners what became of their licences.
async fn keep_telling<S: Store, T: Texts>(owners: Owners<S, T>, stop: Stop) {
    let telling = async {
        let mut ticks = ticks(OWNERS);
        loop {
            ticks.tick().await;
            if let Err(error) = owners.tell().await {
                tracing::error!(alarm = "text", %error, "owners were not told of their licences");
            }
        }
    };
    tokio::select! {
        () = stopped(stop) => {}
        () = telling => {}
    }
}

/// Sweeps at the start and every quarter of an hour, and asks about open pushes beside it: Safaricom may be
/// slow to answer each question, and neither lost payments nor waiting callbacks may wait for that. Both can
/// be ended anywhere: what was not done is done by the next.
async fn keep_sweeping<S: Store, D: Safaricom, F: Fallback>(
    sweep: Arc<Sweep<S, D, F>>,
    configured: bool,
    stop: Stop,
) {
    let both = async { tokio::join!(keep_collecting(&sweep, configured), keep_asking(&sweep, configured)) };
    tokio::select! {
        () = stopped(stop) => {}
        _ = both => {}
    }
}

async fn keep_collecting<S: Store, D: Safaricom, F: Fallback>(sweep: &Arc<Sweep<S, D, F>>, configured: bool) {
    let mut ticks = ticks(SWEEP);
    loop {
        ticks.tick().await;
        if configured {
            sweep.collect().await;
        } else {
            // Without an app at Safaricom there is nobody to ask, but callbacks may wait all the same.
            sweep.tidy().await;
        }
    }
}

async fn keep_asking<S: Store, D: Safaricom, F: Fallback>(sweep: &Arc<Sweep<S, D, F>>, configured: bool) {
    if !configured {
        return;
    }
    let mut ticks = ticks(PUSHES);
    loop {
        ticks.tick().await;
        if let Err(error) = sweep.ask_about_open_pushes().await {
            tracing::error!(alarm = "sweep", %error, "open pushes were not asked about");
        }
    }
}

/// How long the work takes is part of the period; what took longer than one is done again at once.
fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Keeps a second hub out of a folder: two would sweep twice, and each make the other's token void.
fn only_one(data: &Path) -> Result<File, Failure> {
    let lock = File::create(data.join("hub.lock"))?;
    let taken = |_| format!("another hub runs in {}: end it, or choose another --data", data.display());
    lock.try_lock().map_err(taken)?;
    Ok(lock)
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

/// A secret of the deployment; made at the first start, readable by its owner only.
fn secret(path: &Path) -> Result<[u8; 32], Failure> {
    use std::io::Write;
    if !path.exists() {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|e| format!("no randomness: {e}"))?;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(hex::encode(bytes).as_bytes())?;
        file.sync_all()?;
    }
    read_bytes(path)
}

/// The secret from which callback tokens are derived, where there is one.
///
/// # Errors
/// There is none, or the file holds something else.
pub fn read_secret(path: &Path) -> Result<CallbackSecret, Failure> {
    read_bytes(path).map(CallbackSecret::new)
}

fn read_bytes(path: &Path) -> Result<[u8; 32], Failure> {
    let unusable = |why: &dyn std::fmt::Display| format!("{} holds no secret: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| unusable(&e))?;
    let bytes = hex::decode(text.trim()).map_err(|e| unusable(&e))?;
    bytes.try_into().map_err(|_| unusable(&"it has another length").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::daraja::{Call, outbound};
    use domain::{Account, CheckoutId, Money, Shop, ShopId, ShortCode};
    use service::SafaricomError;
    use service::store::{Purpose, Request, Tokens};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::watch;
    use tokio::time::{Instant, sleep, timeout};

    /// Answers no question about a push, ever; tells whoever pulls that there is nothing.
    #[derive(Default)]
    struct Hanging {
        asked: AtomicUsize,
        pulled: AtomicUsize,
    }

    impl Safaricom for Hanging {
        async fn call<C: Call>(&self, call: &C) -> Result<C::Answer, SafaricomError> {
            if !call.path().contains("pulltransactions") {
                self.asked.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            self.pulled.fetch_add(1, Ordering::SeqCst);
            Ok(C::read(200, br#"{"ResponseCode":"1001","Response":[[]]}"#)?)
        }
    }

    /// A shop with a push whose time to be asked about has come.
    async fn due(store: &EmbeddedStore) {
        let number = ShortCode::parse("600638").unwrap();
        let id = ShopId::parse("kijiji").unwrap();
        let shop = Shop::new(id.clone(), "Duka", Account::Paybill(number), None).unwrap();
        store.put_shop(&shop, &Tokens::default()).await.unwrap();
        let now = (system_clock())();
        let request = Request {
            shop: id,
            name: "p-1".into(),
            purpose: Purpose::Push("7-1".parse().unwrap()),
            amount: Money::from_cents(100),
            at: now.plus_millis(-60_000),
            accepted: None,
            ask_at: None,
        };
        store.begin_request(&request).await.unwrap();
        let accepted = Some((CheckoutId::parse("ws_CO_1").unwrap(), "m-1".into()));
        let ask_at = Some(now.plus_millis(-50_000));
        store.accept_request(&Request { accepted, ask_at, ..request }).await.unwrap();
    }

    #[tokio::test]
    async fn a_question_that_hangs_delays_no_pull() {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(&folder.path().join("hub.sqlite")).unwrap();
        due(&store).await;
        let passkey = (ShortCode::parse("600638").unwrap(), "passkey".to_owned());
        let safaricom = Arc::new(Hanging::default());
        let app = App {
            production: false,
            passkeys: [passkey].into_iter().collect(),
            callback_base: "https://pay.example.com".into(),
            c2b_version: outbound::C2bVersion::V2,
            response_type: outbound::ResponseType::Completed,
            pull_method: Some(outbound::Method::Post),
            at_once: sweep::AT_ONCE,
            initiator: None,
        };
        let sweep = Arc::new(Sweep {
            store: Arc::new(store),
            safaricom: Arc::clone(&safaricom),
            fallback: Arc::new(FileQueue::open(&folder.path().join("waiting")).unwrap()),
            app: Arc::new(app),
            clock: system_clock(),
        });
        let (_say, stop) = watch::channel(false);
        let sweeping = tokio::spawn(keep_sweeping(sweep, true, stop));
        let both = async {
            while safaricom.asked.load(Ordering::SeqCst) == 0 || safaricom.pulled.load(Ordering::SeqCst) == 0
            {
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(Duration::from_secs(20), both).await.is_ok(), "nothing was pulled");
        sweeping.abort();
    }

    #[tokio::test]
    async fn the_time_that_work_takes_is_part_of_its_period() {
        let begun = Instant::now();
        let mut ticks = ticks(Duration::from_millis(220));
        for _ in 0..5 {
            ticks.tick().await;
            sleep(Duration::from_millis(200)).await;
        }
        // Four periods and the last work; with pauses of a whole period in between it were 1880 ms.
        assert!(begun.elapsed() < Duration::from_millis(1700), "{:?}", begun.elapsed());
    }
}
