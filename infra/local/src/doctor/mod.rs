//! `leja doctor`: the seeds' checklists as checks. It looks from outside, at a hub that runs or stands
//! still, and changes nothing.
//!
//! Each file looks at one side and says what it means: `typed` at the settings, `asked` at what
//! Safaricom answers, `knocked` at the way to the hub, `kept` at the hub's store, `machine` at the
//! machine, `cloud` at functions that run elsewhere in place of those three. What means what is decided by pure functions, `judge_…`, and tested beside them.

mod asked;
mod cloud;
mod finding;
mod kept;
mod knocked;
mod machine;
mod typed;

use crate::admin::{Administrator, folder_of};
use crate::{Failure, hub};
use asked::Token;
use clap::Args;
use daraja::outbound::CertificateOwner;
use domain::Timestamp;
use embedded::{Examined, ExaminedShop};
use finding::{Finding, Report};
use knocked::Knock;
use service::HttpSafaricom;
use service::payments::App;
use service::safaricom::http_client;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::SystemTime;

/// An address without a fault, to read the other settings with: the real one has a check of its own.
const ANY_ADDRESS: &str = "https://pay.example.com";

/// What to look at: the settings the hub is started with, and where its backups are.
#[derive(Args)]
#[group(skip)]
pub struct Settings {
    #[command(flatten)]
    hub: hub::Settings,
    /// Where backups are put: the newest must not be older than two days.
    #[arg(long, env = "LEJA_BACKUP", value_name = "FOLDER")]
    backup: Option<PathBuf>,
    /// The functions, where they run in AWS and not on a hub. Nothing on this machine is looked at then.
    #[arg(long, env = "LEJA_CLOUD", value_name = "URL", requires = "admin")]
    cloud: Option<String>,
    /// The folder of their administrator.
    #[arg(long, env = "LEJA_ADMIN", value_name = "FOLDER")]
    admin: Option<PathBuf>,
    /// Print one JSON object, for machines.
    #[arg(long, env = "LEJA_JSON")]
    json: bool,
}

/// Looks at everything and prints a line for each check.
///
/// # Errors
/// A check failed, or there is no TLS to check with.
pub async fn run(settings: Settings) -> Result<(), Failure> {
    let doctor = Doctor::new(settings.hub)?;
    let mut findings = doctor.look_at_settings();
    let (asked, safaricom) = doctor.look_at_safaricom().await;
    findings.extend(asked);
    if let (Some(cloud), Some(admin)) = (&settings.cloud, settings.admin) {
        findings.extend(cloud::look_at(&doctor.http, cloud, admin, &doctor.base).await?);
        return Report::new(findings).print(settings.json);
    }
    findings.extend(doctor.look_at_hub(safaricom.as_ref()).await?);
    findings.extend(machine::look_at_rights(&doctor.hub.data));
    findings.push(machine::look_at_disk(&doctor.hub.data));
    findings.push(machine::look_at_queue(&doctor.hub.data, SystemTime::now()));
    findings.push(machine::look_at_backup(settings.backup.as_ref(), SystemTime::now()));
    Report::new(findings).print(settings.json)
}

/// Whoever looks.
struct Doctor {
    hub: hub::Settings,
    http: reqwest::Client,
    /// Where Safaricom shall reach the hub.
    base: String,
    /// Where the hub listens on this machine.
    local: String,
    now: Timestamp,
}

impl Doctor {
    fn new(hub: hub::Settings) -> Result<Self, Failure> {
        let mut listen = hub.listen;
        match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let base = hub.callback_base.clone().unwrap_or_else(|| format!("http://{}", hub.listen));
        let (local, now) = (format!("http://{listen}"), Timestamp::from_system(SystemTime::now()));
        Ok(Self { base, local, http: http_client()?, now, hub })
    }

    /// What can be seen in the settings themselves.
    fn look_at_settings(&self) -> Vec<Finding> {
        let daraja = &self.hub.daraja;
        let mut findings = typed::judge_environment(daraja, self.hub.seed_paths);
        findings.push(match daraja.app(ANY_ADDRESS) {
            Ok(_) => Finding::ok("settings", "they make sense"),
            Err(error) => Finding::fail("settings", error.to_string()),
        });
        let certificate = daraja.mpesa_certificate.as_ref().and_then(|path| std::fs::read(path).ok());
        let owner = certificate.and_then(|certificate| CertificateOwner::read(&certificate).ok());
        findings.push(typed::judge_initiator(daraja, owner.as_ref(), self.now));
        let real = daraja.safaricom.is_none() && daraja.is_configured();
        findings.extend(knocked::judge_address(&self.base, daraja.production(), real));
        findings
    }

    /// Consumer key and secret, and the clock of whoever answers; the way to Safaricom, if it is open.
    async fn look_at_safaricom(&self) -> ([Finding; 2], Option<HttpSafaricom>) {
        let daraja = &self.hub.daraja;
        if let Some(wrong) = typed::judge_keys(daraja) {
            return ([wrong, asked::judge_clock(self.now, None)], None);
        }
        let (token, date) = asked::ask_token(&self.http, &self.safaricom_url(), daraja).await;
        let here = Timestamp::from_system(SystemTime::now());
        let clock = asked::judge_clock(here, date.map(|date| (date, "Safaricom's")));
        let mut other = None;
        if matches!(token, Token::Refused(_)) && daraja.safaricom.is_none() {
            let url = App::base_url_of(!daraja.production());
            other = Some(asked::ask_token(&self.http, url, daraja).await.0);
        }
        let safaricom = if token == Token::Given { daraja.safaricom().ok() } else { None };
        ([asked::judge_token(&token, other.as_ref(), &daraja.mpesa_environment), clock], safaricom)
    }

    fn safaricom_url(&self) -> String {
        let daraja = &self.hub.daraja;
        daraja.safaricom.clone().unwrap_or_else(|| App::base_url_of(daraja.production()).to_owned())
    }

    /// The hub: the way to it, what it keeps, and each of its shops.
    async fn look_at_hub(&self, safaricom: Option<&HttpSafaricom>) -> Result<Vec<Finding>, Failure> {
        let (path, since) = (self.hub.data.join("hub.sqlite"), self.now.plus_millis(-kept::REACH_MILLIS));
        let examined = tokio::task::spawn_blocking(move || embedded::examine(&path, since)).await?;
        let shops = match &examined {
            Ok(Examined::Present(contents)) => contents.shops.as_slice(),
            Ok(Examined::Older(_)) | Err(_) => &[],
        };
        let local = knocked::knock(&self.http, &self.local).await;
        let public = knocked::knock(&self.http, &self.base).await;
        let mut findings =
            vec![knocked::judge_hub(&local, &self.local), knocked::judge_way(&public, &local, &self.base)];
        if public == Knock::Leja {
            findings.extend(self.look_at_validation(shops).await);
        }
        findings.extend(kept::judge_store(&examined));
        findings.extend(self.look_at_shops(shops, safaricom, local == Knock::Leja).await);
        if local == Knock::Leja {
            findings.push(self.look_at_counts().await?);
        }
        Ok(findings)
    }

    /// Whether a shop's own address leads to this hub, and how fast it answers.
    async fn look_at_validation(&self, shops: &[ExaminedShop]) -> Option<Finding> {
        let seen = shops.first()?;
        let secret = match hub::read_secret(&self.hub.data.join("callback.secret")) {
            Ok(secret) => secret,
            Err(error) => return Some(Finding::warn("validation", format!("not checked: {error}"))),
        };
        let token = secret.token(&seen.shop.id, seen.newest_token);
        Some(knocked::judge_validation(&knocked::validate(&self.http, &self.base, &token).await))
    }

    /// How each shop's payments come in, and what Safaricom says about its numbers.
    async fn look_at_shops(
        &self,
        shops: &[ExaminedShop],
        safaricom: Option<&HttpSafaricom>,
        running: bool,
    ) -> Vec<Finding> {
        let daraja = &self.hub.daraja;
        let app = daraja.app(ANY_ADDRESS).ok();
        let mut findings = Vec::new();
        for seen in shops {
            let (shop, now) = (&seen.shop, Timestamp::from_system(SystemTime::now()));
            findings.push(kept::judge_confirmations(seen, &self.base, self.now));
            let Some(app) = &app else { continue };
            findings.push(asked::try_passkey(safaricom, app, shop, now).await);
            if daraja.is_configured() {
                findings.push(asked::try_pull(safaricom, app, shop, now).await);
            }
            if daraja.is_configured() && app.pull_method.is_some() {
                findings.push(kept::judge_sweep(seen, running, self.now));
            }
        }
        findings
    }

    /// What the hub counted since it started.
    async fn look_at_counts(&self) -> Result<Finding, Failure> {
        let (folder, hub) = (folder_of(&self.hub.data), self.local.clone());
        let count = move || Administrator::of(&folder, &hub)?.counts();
        Ok(match tokio::task::spawn_blocking(count).await? {
            Ok(counts) => kept::judge_counts(&counts),
            Err(error) => Finding::warn("counts", format!("not checked: {error}")),
        })
    }
}
