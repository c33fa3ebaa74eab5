//! How a simulated Safaricom is set up.

use super::delivery::Delivery;
use super::odds::{Faults, Habits};
use crate::Failure;
use service::safaricom::http_client;
use service::{Clock, system_clock};
use std::time::Duration;

/// Whose rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// URLs may change at any time, and any number is known that somebody registers URLs for.
    Sandbox,
    /// URLs are registered once, must be https and public; nothing is simulated.
    Production,
}

/// Who sees to it that what is due happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It happens by itself.
    Live,
    /// Whoever holds the simulator calls `run_due`; nothing happens meanwhile, so a run repeats exactly.
    ByHand,
}

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Delays {
    /// A customer looks at a prompt.
    pub thinking: Duration,
    /// A prompt stays on the phone.
    pub prompt_life: Duration,
    /// A customer who is late pays; a success that comes after all comes.
    pub late: Duration,
    /// A callback that is delayed waits.
    pub callback: Duration,
    /// A status, reversal or balance takes.
    pub result: Duration,
    /// An answer that never comes keeps the line open.
    pub silence: Duration,
    /// The shop has to answer a validation.
    pub validation: Duration,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            thinking: Duration::from_millis(1500),
            prompt_life: Duration::from_secs(60),
            late: Duration::from_secs(180),
            callback: Duration::from_secs(30),
            result: Duration::from_millis(500),
            silence: Duration::from_secs(60),
            validation: Duration::from_secs(8),
        }
    }
}

/// How a simulated Safaricom is set up.
pub struct Setup {
    /// The consumer key that opens it.
    pub consumer_key: String,
    /// The consumer secret that opens it.
    pub consumer_secret: String,
    /// The passkey of numbers that are made known by registering their URLs.
    pub passkey: String,
    /// The same seed makes the same customers and faults.
    pub seed: u64,
    /// The time.
    pub clock: Clock,
    /// Who sees to it that what is due happens.
    pub pace: Pace,
    /// The wire that callbacks go over.
    pub delivery: Delivery,
    /// Whose rules hold.
    pub mode: Mode,
    /// How long things take.
    pub delays: Delays,
    /// What goes wrong.
    pub faults: Faults,
    /// What customers do instead of simply paying.
    pub habits: Habits,
    /// The only initiator that may ask for a status, reversal or balance; `None`: anybody may.
    pub initiator: Option<String>,
    /// How far the time in a push's password may be off; it is not published. `None`: any.
    pub skew: Option<Duration>,
    /// How many payments in a hundred bear a charge.
    pub charged: u8,
    /// After how many payments in a hundred the shop moves its balance to its bank.
    pub settles: u8,
}

impl Setup {
    /// The ordinary sandbox, over sockets and by the clock of this machine, in which nothing goes wrong
    /// and a balance falls now and then: by a charge, or by a move to the bank.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn new(consumer_key: &str, consumer_secret: &str, seed: u64) -> Result<Self, Failure> {
        let wire = Delivery::Http(http_client()?);
        let ordinary = Self::by_hand(consumer_key, consumer_secret, seed, system_clock());
        let delays = Delays::default();
        Ok(Self { pace: Pace::Live, delivery: wire, delays, charged: 10, settles: 1, ..ordinary })
    }

    /// A sandbox for tests: by their clock, run by hand, with no wire yet, nothing by chance, and no
    /// real time spent on an answer that never comes.
    pub fn by_hand(consumer_key: &str, consumer_secret: &str, seed: u64, clock: Clock) -> Self {
        Self {
            consumer_key: consumer_key.to_owned(),
            consumer_secret: consumer_secret.to_owned(),
            passkey: "demo-passkey".to_owned(),
            seed,
            clock,
            pace: Pace::ByHand,
            delivery: Delivery::Nowhere,
            mode: Mode::Sandbox,
            delays: Delays { silence: Duration::ZERO, ..Delays::default() },
            faults: Faults::default(),
            habits: Habits::default(),
            initiator: None,
            skew: None,
            charged: 0,
            settles: 0,
        }
    }
}
