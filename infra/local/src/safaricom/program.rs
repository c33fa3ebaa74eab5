//! `leja safaricom`, and the customers who pay by themselves.

use super::odds::{Chance, Fault, Habit, Named};
use super::{Customers, Mode, Number, Setup, Simulator, router};
use crate::Failure;
use crate::serve::{Stop, bind, serve, stopped};
use clap::Args;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Between two customers who pay by themselves.
const PAUSE: Duration = Duration::from_secs(12);
/// How far the time in a push's password may be off: less than a clock in another zone is.
const SKEW: Duration = Duration::from_secs(3600);

/// How a simulated Safaricom is set up.
#[derive(Args)]
pub struct Settings {
    /// Where to listen.
    #[arg(long, env = "LEJA_LISTEN", default_value = "127.0.0.1:8310")]
    listen: SocketAddr,
    /// The consumer key that opens it.
    #[arg(long, env = "MPESA_CONSUMER_KEY", default_value = "demo-key")]
    consumer_key: String,
    /// The consumer secret that opens it.
    #[arg(long, env = "MPESA_CONSUMER_SECRET", default_value = "demo-secret", hide_env_values = true)]
    consumer_secret: String,
    /// The passkey of numbers that are made known by registering their URLs.
    #[arg(long, env = "MPESA_PASSKEY", default_value = "demo-passkey", hide_env_values = true)]
    passkey: String,
    /// A till number that customers can pay to, so that registering its URLs does not make it a paybill;
    /// `123456=7000123` where it went live under a store or head-office number. May be repeated.
    #[arg(long = "till", value_name = "NUMBER[=STORE]")]
    tills: Vec<String>,
    /// The only initiator that may ask for a status, reversal or balance; without one, anybody may.
    #[arg(long, env = "MPESA_INITIATOR")]
    initiator: Option<String>,
    /// The same seed makes the same customers and faults; without one every start is another day.
    #[arg(long)]
    seed: Option<u64>,
    /// Customers that keep paying to every known number: on or off.
    #[arg(long, default_value = "on", value_parser = ["on", "off"])]
    customers: String,
    /// What goes wrong, and how often in percent: `callback-lost=30`; see --help.
    #[arg(long = "fault", env = "LEJA_FAULTS", value_name = "NAME[=PERCENT]", value_delimiter = ',',
          long_help = list::<Fault>("What goes wrong, and how often in percent: `callback-lost=30`"))]
    faults: Vec<Chance<Fault>>,
    /// What customers do instead of simply paying, and how often in percent: `pays-twice=5`; see --help.
    #[arg(long = "habit", env = "LEJA_HABITS", value_name = "NAME[=PERCENT]", value_delimiter = ',',
          long_help = list::<Habit>("What customers do, and how often in percent: `pays-twice=5`"))]
    habits: Vec<Chance<Habit>>,
    /// How many payments in a hundred bear a charge.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(..=100))]
    charges: u8,
    /// After how many payments in a hundred the shop moves its balance to its bank.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(..=100))]
    settlements: u8,
    /// Production's rules: URLs are registered once, with https and a public host; no simulated C2B.
    #[arg(long)]
    production: bool,
}

/// All that can be named, for the help.
fn list<K: Named>(intro: &str) -> String {
    let lines = K::ALL.iter().map(|known| format!("\n  {}: {}", known.name(), known.means()));
    format!("{intro}. May be repeated.{}", lines.collect::<String>())
}

/// Runs a simulated Safaricom until told to stop.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(settings: Settings, stop: Stop) -> Result<(), Failure> {
    let listener = bind(settings.listen).await?;
    let customers = Customers { on: settings.customers == "on" };
    let tills: Vec<Number> = settings.tills.iter().map(|typed| till(typed, &settings.passkey)).collect();
    let simulator = Simulator::with(settings.setup()?);
    tills.into_iter().for_each(|till| simulator.register(till));
    simulator.customers(customers);
    let generator = tokio::spawn(keep_paying(Arc::clone(&simulator), stop.clone()));
    serve(listener, router(&simulator), stop).await?;
    generator.await?;
    Ok(())
}

/// A till number nobody has registered URLs for yet.
fn till(typed: &str, passkey: &str) -> Number {
    let (number, business) = typed.split_once('=').unwrap_or((typed, typed));
    Number {
        shortcode: number.to_owned(),
        business: business.to_owned(),
        passkey: passkey.to_owned(),
        name: format!("Till {number}"),
        account: "till".to_owned(),
        ..Number::default()
    }
}

impl Settings {
    fn setup(self) -> Result<Setup, Failure> {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..));
        let setup = Setup::new(&self.consumer_key, &self.consumer_secret, seed)?;
        Ok(Setup {
            passkey: self.passkey,
            initiator: self.initiator,
            faults: self.faults.into_iter().collect(),
            habits: self.habits.into_iter().collect(),
            charged: self.charges,
            settles: self.settlements,
            skew: Some(SKEW),
            mode: if self.production { Mode::Production } else { Mode::Sandbox },
            ..setup
        })
    }
}

/// Lets a customer pay every few seconds while they are switched on, until told to stop.
pub async fn keep_paying(simulator: Arc<Simulator>, stop: Stop) {
    loop {
        tokio::select! {
            () = stopped(stop.clone()) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        simulator.somebody_pays().await;
    }
}
