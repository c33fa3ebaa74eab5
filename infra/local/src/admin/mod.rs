//! `leja admin`: open shops, enrol tills, read the inbox of a hub, and ask Safaricom through it.

mod export;
mod inbox;
mod licence;
mod migrate;
mod moving;
mod requests;
mod shops;

pub use migrate::{compare, copy};

use crate::Failure;
use clap::{Args, Subcommand};
use replica::wire::json::ShopForm;
use serde::Serialize;
use serde::de::DeserializeOwned;
use service::Clock;
use service::office::{EnrolmentCode, EnrolmentForm, MemberForm, OpenedShop, RevokeForm};
use service::sweep::SweepReport;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use till::{Cloud, CloudError, Credentials, Folder, HttpCloud, TillError, enrol};

/// Which hub, and what to do there.
#[derive(Args)]
pub struct Settings {
    /// The hub.
    #[arg(long, env = "LEJA_HUB", default_value = "http://127.0.0.1:8300")]
    hub: String,
    /// The administrator's folder, which the hub made at its first start.
    #[arg(long, env = "LEJA_ADMIN", default_value = "leja-data/hub/admin")]
    admin: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Open a shop, or change it: what is not named stays as it is. With nothing named, show it.
    Shop(shops::Changes),
    /// List the shops and what they chose.
    Shops,
    /// Change the secret in a shop's callback addresses.
    #[command(subcommand)]
    Token(shops::Token),
    /// Make a one-time code for a till of a shop.
    Till {
        /// The shop.
        shop: String,
    },
    /// Make a one-time code for head office.
    Office,
    /// List tills, head offices and administrators.
    Members,
    /// Keep a member out from now on.
    Revoke {
        /// Its number, as `members` lists it.
        actor: String,
    },
    /// The callbacks that wait for a person; without a command, list them with the reasons.
    Inbox(inbox::Options),
    /// Licences that shops pay to the platform; without a command, show prices and how every shop stands.
    Licence(licence::Options),
    /// Count what came in since the hub started.
    Counts,
    /// Sweep now: pull payments, ask about open prompts, file what waits.
    Sweep,
    /// Become an administrator with a one-time code, in a new folder. A hub does this by itself.
    Enrol {
        /// The code.
        code: String,
        /// What to be called.
        #[arg(long, value_name = "NAME")]
        name: String,
    },
    /// Copy all that this deployment keeps to another, and hold one against the other: from a hub to AWS, or back.
    ///
    /// What is there already stays, so what broke off is run again. Administrators are not copied, nor are the
    /// secrets: give the other deployment the callback secret and the licence key of this one first. The last run
    /// needs both without tills; Safaricom may call there already.
    Migrate(migrate::Destination),
    /// Write all that is kept of a shop into a file.
    Export(export::Export),
    #[command(flatten)]
    Request(requests::Command),
}

/// The administrator's folder of a hub.
pub fn folder_of(hub: &Path) -> PathBuf {
    hub.join("admin")
}

/// Does what was typed and prints the answer.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(settings: Settings) -> Result<(), Failure> {
    tokio::task::spawn_blocking(move || {
        if let Command::Enrol { code, name } = &settings.command {
            return become_one(&settings, code, name);
        }
        let administrator = Administrator::of(&settings.admin, &settings.hub)?;
        administrator.run(settings.command)
    })
    .await?
}

/// Makes whoever has the code an administrator, whose folder this is from then on.
fn become_one(settings: &Settings, code: &str, name: &str) -> Result<(), Failure> {
    let folder = Folder::at(&settings.admin)?;
    if folder.is_enrolled() {
        let folder = settings.admin.display();
        return Err(format!("{folder} is an administrator's already: name another with --admin").into());
    }
    let identity = enrol(&folder, &HttpCloud::new(&settings.hub)?, code, name)?;
    println!("{} is an administrator, number {}", identity.name, identity.actor);
    eprintln!("keep {}: it holds the key", settings.admin.display());
    Ok(())
}

/// Somebody who may ask the hub everything.
pub struct Administrator {
    credentials: Credentials,
    cloud: Box<dyn Cloud>,
    hub: String,
    clock: Clock,
}

impl Administrator {
    /// The administrator whose folder this is.
    ///
    /// # Errors
    /// The folder holds no administrator.
    pub fn of(folder: &Path, hub: &str) -> Result<Self, Failure> {
        if !folder.exists() {
            let folder = folder.display();
            return Err(format!("{folder} is not there: name the hub's admin folder with --admin").into());
        }
        Self::by(folder, hub, Box::new(HttpCloud::new(hub)?), service::system_clock())
    }

    /// The same over any line and by any clock.
    ///
    /// # Errors
    /// The folder holds no administrator.
    pub fn by(folder: &Path, hub: &str, cloud: Box<dyn Cloud>, clock: Clock) -> Result<Self, Failure> {
        let credentials = Folder::at(folder)?.credentials()?;
        Ok(Self { credentials, cloud, hub: hub.to_owned(), clock })
    }

    /// Opens a shop, or makes it what the form says; gives it back with the URLs to register.
    ///
    /// # Errors
    /// The hub did not agree.
    pub fn open_shop(&self, shop: &ShopForm) -> Result<OpenedShop, Failure> {
        self.post("/v1/admin/shops", shop)
    }

    /// Every shop with its URLs.
    ///
    /// # Errors
    /// The hub did not agree.
    pub fn shops(&self) -> Result<Vec<OpenedShop>, Failure> {
        self.get("/v1/admin/shops")
    }

    /// A shop with its URLs, if there is one of this id.
    ///
    /// # Errors
    /// The hub did not agree.
    pub fn shop(&self, id: &str) -> Result<Option<OpenedShop>, Failure> {
        Ok(self.shops()?.into_iter().find(|opened| opened.shop.id == id))
    }

    /// Makes a one-time code.
    ///
    /// # Errors
    /// The hub did not agree.
    pub fn code(&self, role: &str, shop: Option<&str>) -> Result<EnrolmentCode, Failure> {
        let form = EnrolmentForm { role: role.to_owned(), shop: shop.map(ToOwned::to_owned) };
        self.post("/v1/admin/enrolments", &form)
    }

    /// What came in since the hub started, by name.
    ///
    /// # Errors
    /// The hub did not agree.
    pub fn counts(&self) -> Result<BTreeMap<String, u64>, Failure> {
        self.get("/v1/admin/counts")
    }

    fn run(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Shop(changes) => self.change_shop(changes),
            Command::Shops => self.print_shops(),
            Command::Token(token) => self.change_token(&token),
            Command::Till { shop } => self.print_code("till", Some(&shop)),
            Command::Office => self.print_code("office", None),
            Command::Members => self.print_members(),
            Command::Revoke { actor } => {
                self.post::<()>("/v1/admin/members/revoke", &RevokeForm { actor })?;
                println!("revoked");
                Ok(())
            }
            Command::Inbox(options) => self.inbox(options),
            Command::Licence(options) => self.licence(options),
            Command::Counts => {
                for (name, count) in self.counts()? {
                    println!("{name:<20}  {count}");
                }
                Ok(())
            }
            Command::Sweep => {
                let report = self.carry("POST", "/v1/admin/sweep", Vec::new())?;
                print_sweep(&serde_json::from_slice(&report)?)
            }
            Command::Enrol { .. } => Err("whoever is an administrator can not become one".into()),
            Command::Migrate(destination) => self.move_to(&destination),
            Command::Export(export) => self.print_export(&export),
            Command::Request(command) => self.request(command),
        }
    }

    fn print_code(&self, role: &str, shop: Option<&str>) -> Result<(), Failure> {
        let code = self.code(role, shop)?;
        println!("{}", code.code);
        eprintln!("good once, until {}", code.expires_at);
        Ok(())
    }

    fn print_members(&self) -> Result<(), Failure> {
        for member in self.get::<Vec<MemberForm>>("/v1/admin/members")? {
            let shop = member.shop.as_deref().unwrap_or("all shops");
            let revoked = if member.revoked { "  revoked" } else { "" };
            let MemberForm { actor, role, letter, name, .. } = &member;
            println!("{actor:>4}  {role:<8}  {letter:<3}  {shop:<20}  {name}{revoked}");
        }
        Ok(())
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        Ok(serde_json::from_slice(&self.carry("GET", path, Vec::new())?)?)
    }

    fn post<T: DeserializeOwned>(&self, path: &str, form: &impl Serialize) -> Result<T, Failure> {
        Ok(serde_json::from_slice(&self.carry("POST", path, serde_json::to_vec(form)?)?)?)
    }

    fn carry(&self, method: &'static str, path: &str, body: Vec<u8>) -> Result<Vec<u8>, Failure> {
        self.ask(method, path, body).map_err(|error| self.told(error))
    }

    fn ask(&self, method: &'static str, path: &str, body: Vec<u8>) -> Result<Vec<u8>, TillError> {
        self.credentials.ask(&*self.cloud, method, path, body, (self.clock)())
    }

    /// What a person is told of a failure.
    fn told(&self, error: TillError) -> Failure {
        match error {
            TillError::Cloud(CloudError::Unreachable(why)) => {
                let hub = &self.hub;
                format!("the hub at {hub} does not answer ({why}): start it, or name another with --hub")
                    .into()
            }
            other => other.into(),
        }
    }
}

/// Says what a sweep did; fails if a part of it failed.
fn print_sweep(report: &SweepReport) -> Result<(), Failure> {
    println!("callbacks that waited   {} filed", report.redriven);
    println!("open prompts            {} asked about, {} ended", report.pushes, report.ended);
    for (shop, pulled) in &report.shops {
        let (rows, new, other, inbox) = (pulled.rows, pulled.new, pulled.other, pulled.inbox);
        println!("{shop:<22}  {rows} payments pulled, {new} new; {other} other rows; {inbox} to the inbox");
        for gap in &pulled.gaps {
            println!("{:<22}  a gap in the balances that nothing explains: {gap}", "");
        }
    }
    if report.failed.is_empty() {
        return Ok(());
    }
    let failed = report.failed.join("; ");
    Err(format!("a part of the sweep failed ({failed}): the rest went on; run `leja doctor`").into())
}
