//! `leja admin`: open shops, enrol tills, read the inbox of a hub.

use crate::Failure;
use clap::{Args, Subcommand};
use domain::Timestamp;
use replica::wire::json::ShopForm;
use serde::de::DeserializeOwned;
use service::office::{EnrolmentCode, EnrolmentForm, InboxForm, MemberForm, OpenedShop, RevokeForm};
use std::path::{Path, PathBuf};
use till::{Credentials, Folder, HttpCloud};

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
    /// Open a shop, or change it.
    Shop {
        /// Its id: a-z, 0-9 and -.
        id: String,
        /// Its name, as receipts show it.
        #[arg(long)]
        name: String,
        /// How customers pay: `till` or `paybill`.
        #[arg(long, value_parser = ["till", "paybill"])]
        account: String,
        /// The number customers pay to.
        #[arg(long)]
        shortcode: String,
        /// The number it went live with, where that differs: a till's store number.
        #[arg(long)]
        store_number: Option<String>,
    },
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
    /// List the callbacks that wait for a person, with the reasons.
    Inbox,
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
        let administrator = Administrator::of(&settings.admin, &settings.hub)?;
        administrator.run(settings.command)
    })
    .await?
}

/// Somebody who may ask the hub everything.
pub struct Administrator {
    credentials: Credentials,
    cloud: HttpCloud,
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
        Ok(Self { credentials: Folder::at(folder)?.credentials()?, cloud: HttpCloud::new(hub)? })
    }

    /// Opens a shop; gives it back with the URLs to register.
    ///
    /// # Errors
    /// The hub did not agree.
    pub fn open_shop(&self, shop: &ShopForm) -> Result<OpenedShop, Failure> {
        self.ask("POST", "/v1/admin/shops", serde_json::to_vec(shop)?)
    }

    /// Makes a one-time code.
    ///
    /// # Errors
    /// The hub did not agree.
    pub fn code(&self, role: &str, shop: Option<&str>) -> Result<EnrolmentCode, Failure> {
        let form = EnrolmentForm { role: role.to_owned(), shop: shop.map(ToOwned::to_owned) };
        self.ask("POST", "/v1/admin/enrolments", serde_json::to_vec(&form)?)
    }

    fn run(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Shop { id, name, account, shortcode, store_number } => {
                let opened = self.open_shop(&ShopForm { id, name, account, shortcode, store_number })?;
                println!("shop {} is open; register these with Safaricom:", opened.shop.id);
                println!("confirmation  {}", opened.confirmation_url);
                println!("validation    {}", opened.validation_url);
            }
            Command::Till { shop } => print_code(&self.code("till", Some(&shop))?),
            Command::Office => print_code(&self.code("office", None)?),
            Command::Members => self.print_members()?,
            Command::Revoke { actor } => {
                self.ask::<()>(
                    "POST",
                    "/v1/admin/members/revoke",
                    serde_json::to_vec(&RevokeForm { actor })?,
                )?;
                println!("revoked");
            }
            Command::Inbox => self.print_inbox()?,
        }
        Ok(())
    }

    fn print_members(&self) -> Result<(), Failure> {
        for member in self.ask::<Vec<MemberForm>>("GET", "/v1/admin/members", Vec::new())? {
            let shop = member.shop.as_deref().unwrap_or("all shops");
            let revoked = if member.revoked { "  revoked" } else { "" };
            let MemberForm { actor, role, letter, name, .. } = &member;
            println!("{actor:>4}  {role:<8}  {letter:<3}  {shop:<20}  {name}{revoked}");
        }
        Ok(())
    }

    fn print_inbox(&self) -> Result<(), Failure> {
        let items: Vec<InboxForm> = self.ask("GET", "/v1/admin/inbox", Vec::new())?;
        for InboxForm { hash, received_at, reason, bytes } in &items {
            let short = hash.get(..12).unwrap_or(hash);
            println!("{received_at}  {short}  {bytes:>6} bytes  {reason}");
        }
        println!("{} in the inbox", items.len());
        Ok(())
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, Failure> {
        let now = Timestamp::from_system(std::time::SystemTime::now());
        let answer = self.credentials.ask(&self.cloud, method, path, body, now)?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

fn print_code(code: &EnrolmentCode) {
    println!("{}", code.code);
    eprintln!("good once, until {}", code.expires_at);
}
