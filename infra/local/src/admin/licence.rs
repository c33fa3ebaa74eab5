//! Licences: what they cost, how every shop stands, and what each receipt bought.

use super::Administrator;
use crate::Failure;
use clap::{Args, Subcommand};
use domain::ShopId;
use service::licence::{GrantForm, LicencesForm, OwnerForm, SellForm, ShopLicence};

/// What to do with licences.
#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Show a shop's licence, with what each receipt bought.
    Show {
        /// The shop.
        shop: String,
    },
    /// Sell licences from now on, or change what they cost. What was paid before stays as it was bought.
    Sell {
        /// The paybill to which they are paid; needed the first time.
        #[arg(long)]
        paybill: Option<String>,
        /// What a licence costs; 1000.00 unless said.
        #[arg(long, value_name = "AMOUNT")]
        price: Option<String>,
        /// For how many days; 30 unless said.
        #[arg(long)]
        days: Option<u32>,
    },
    /// Need no licences from now on.
    Off,
    /// Set the phone that is texted when a shop's licence is paid.
    Owner {
        /// The shop.
        shop: String,
        /// The phone; `none` forgets it.
        phone: String,
    },
}

impl Administrator {
    pub(super) fn licence(&self, options: Options) -> Result<(), Failure> {
        match options.command {
            None => print_all(&self.get("/v1/admin/licences")?),
            Some(Command::Show { shop }) => {
                let licence: ShopLicence = self.get(&format!("/v1/admin/licences/{shop}"))?;
                print_shop(&licence);
                licence.grants.iter().for_each(print_grant);
            }
            Some(Command::Sell { paybill, price, days }) => {
                print_all(&self.post("/v1/admin/licences", &SellForm { paybill, price, days, off: false })?);
                let platform = ShopId::of_platform();
                eprintln!("register the paybill's addresses with `leja admin register {platform}`");
                eprintln!("tills learn it within five minutes; a shop that never paid may sell for a week");
            }
            Some(Command::Off) => {
                let off = SellForm { off: true, ..SellForm::default() };
                print_all(&self.post("/v1/admin/licences", &off)?);
            }
            Some(Command::Owner { shop, phone }) => {
                let phone = if phone == "none" { String::new() } else { phone };
                print_shop(&self.post("/v1/admin/owners", &OwnerForm { shop, phone })?);
            }
        }
        Ok(())
    }
}

fn print_all(licences: &LicencesForm) {
    match &licences.paybill {
        Some(paybill) => println!("paid to paybill {paybill}"),
        None => println!("no licences are sold: `leja admin licence sell --paybill NUMBER`"),
    }
    for price in &licences.prices {
        match &price.price {
            Some(amount) => println!("from {}  KES {amount} for {} days", price.from, price.days),
            None => println!("from {}  none needed", price.from),
        }
    }
    licences.shops.iter().for_each(print_shop);
}

fn print_shop(licence: &ShopLicence) {
    let ShopLicence { shop, name, state, until, credit, owner, .. } = licence;
    let until = until.as_deref().unwrap_or("-");
    let owner = owner.as_deref().unwrap_or("no phone");
    println!("{shop:<20}  {state:<8}  {until:<29}  kept {credit:>8}  {owner:<8}  {name}");
}

fn print_grant(grant: &GrantForm) {
    let GrantForm { receipt, paid_at, amount, days, .. } = grant;
    let bought = match (&grant.until, grant.reversed) {
        (_, true) => "went back".to_owned(),
        (Some(until), _) => format!("{days} days, until {until}"),
        (None, _) => format!("kept: {}", grant.credit),
    };
    println!("  {receipt:<12}  {paid_at}  KES {amount:>10}  {bought}");
}
