//! A simulated Safaricom: OAuth, STK push and C2B confirmations, with customers who pay.
//!
//! It speaks to Leja as Safaricom does, over HTTP and through the real callback paths, and knows nothing
//! of Leja's insides. No money moves.

mod customers;
mod daraja_api;
mod page;

pub use customers::keep_paying;

use crate::Failure;
use crate::serve::{Stop, bind, serve};
use axum::Router;
use clap::Args;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use service::safaricom::http_client;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many lines of its log are kept.
const LOG_LINES: usize = 100;

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
    /// The same seed makes the same customers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Customers that keep paying to every registered number: on or off.
    #[arg(long, default_value = "on", value_parser = ["on", "off"])]
    customers: String,
}

/// A number that customers can pay to.
#[derive(Debug, Clone)]
pub struct Number {
    /// What customers type.
    pub shortcode: String,
    /// The number that went live, which STK pushes name.
    pub business: String,
    /// Its passkey.
    pub passkey: String,
    /// Whose it is.
    pub name: String,
    /// `till` or `paybill`.
    pub account: String,
    /// Where confirmations are posted.
    pub confirmation_url: String,
}

/// Whether customers keep paying by themselves.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Customers {
    /// They do.
    pub on: bool,
}

/// A payment by a customer.
#[derive(Debug, Clone, Deserialize)]
pub struct Pay {
    /// The number that is paid to.
    pub shortcode: String,
    /// How much, like `130.00`.
    pub amount: String,
    /// The customer's phone.
    pub phone: Option<String>,
    /// The customer's name.
    pub name: Option<String>,
    /// The account number typed, for a paybill.
    pub reference: Option<String>,
}

/// One line of the log.
#[derive(Debug, Clone, Serialize)]
struct LogLine {
    at: String,
    text: String,
}

/// The simulated Safaricom.
pub struct Simulator {
    consumer_key: String,
    consumer_secret: String,
    http: reqwest::Client,
    state: Mutex<State>,
}

struct State {
    random: fastrand::Rng,
    numbers: Vec<Number>,
    customers: bool,
    /// A new token makes the one before void.
    token: Option<String>,
    tokens: u32,
    pushes: u64,
    log: VecDeque<LogLine>,
}

impl Simulator {
    /// A Safaricom that these keys open; a seed repeats its customers.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn new(consumer_key: &str, consumer_secret: &str, seed: u64) -> Result<Arc<Self>, Failure> {
        let random = fastrand::Rng::with_seed(seed);
        let (numbers, log) = (Vec::new(), VecDeque::new());
        Ok(Arc::new(Self {
            consumer_key: consumer_key.to_owned(),
            consumer_secret: consumer_secret.to_owned(),
            http: http_client()?,
            state: Mutex::new(State {
                random,
                numbers,
                customers: false,
                token: None,
                tokens: 0,
                pushes: 0,
                log,
            }),
        }))
    }

    /// Makes a number known, or changes where its confirmations go.
    pub fn register(&self, number: Number) {
        let mut state = self.state();
        state.numbers.retain(|known| known.shortcode != number.shortcode);
        state.numbers.push(number);
    }

    /// Switches the customers.
    pub fn customers(&self, customers: Customers) {
        self.state().customers = customers.on;
        self.log(format!("customers {}", if customers.on { "on" } else { "off" }));
    }

    /// How many access tokens it has given out.
    pub fn tokens_given(&self) -> u32 {
        self.state().tokens
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, text: String) {
        let mut state = self.state();
        state.log.push_front(LogLine { at: now().to_string(), text });
        state.log.truncate(LOG_LINES);
    }

    fn number(&self, shortcode: &str) -> Option<Number> {
        self.state().numbers.iter().find(|n| n.shortcode == shortcode || n.business == shortcode).cloned()
    }
}

/// Daraja's endpoints, and a page to act as a customer.
pub fn router(simulator: &Arc<Simulator>) -> Router {
    daraja_api::router(Arc::clone(simulator)).merge(page::router(Arc::clone(simulator)))
}

/// Runs a simulated Safaricom until told to stop.
///
/// # Errors
/// What went wrong, why, and what to do.
pub async fn run(settings: Settings, stop: Stop) -> Result<(), Failure> {
    let listener = bind(settings.listen).await?;
    let simulator = Simulator::new(&settings.consumer_key, &settings.consumer_secret, settings.seed)?;
    simulator.customers(Customers { on: settings.customers == "on" });
    let generator = tokio::spawn(keep_paying(Arc::clone(&simulator), stop.clone()));
    serve(listener, router(&simulator), stop).await?;
    generator.await?;
    Ok(())
}

fn now() -> Timestamp {
    Timestamp::from_system(std::time::SystemTime::now())
}
