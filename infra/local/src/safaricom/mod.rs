//! A simulated Safaricom: all of Daraja that a shop meets, with the rules that bite, customers who pay,
//! and everything that was seen to go wrong.
//!
//! It speaks to Leja as Safaricom does, over HTTP and through the real callback paths, and knows nothing
//! of Leja's insides. No money moves. `leja safaricom` runs it; `leja demo` has one; tests have theirs in
//! process, with a clock, a wire and a pace of their own ([`Setup`]).
//!
//! **Endpoints**: OAuth, STK push and query, C2B registration (both versions), validation, confirmation
//! and simulation, transaction status, reversal, account balance, Pull, dynamic QR. What they demand and
//! answer is the fact sheet's §1 to §6; where it names a doubt, the double is strict.
//!
//! **Customers** who are asked on the phone tell by its last digit what they do: 1 cancels, 2 has no
//! funds, 3 never answers; all others pay, or have a [`Habit`].
//!
//! **Faults** ([`Fault`]) are off until switched: `--fault callback-lost=30`, `LEJA_FAULTS`, or
//! `POST /simulator/faults` with `{"callback-lost": 30}`. A seed repeats a run: the same requests in the
//! same order meet the same chance.
//!
//! **To see and act**: the page at `/`; `POST /simulator/pay`, `/simulator/numbers`, `/simulator/habits`,
//! `/simulator/customers`; `GET /simulator/status`, and the organisation statement of what happened:
//! `GET /simulator/statement?shortcode=600638&layout=classic` (or `newer`, or `till`).

mod agenda;
mod books;
mod c2b;
mod customers;
mod delivery;
mod gateway;
mod messages;
mod numbers;
mod oauth;
mod odds;
mod page;
mod program;
mod pull;
mod qr;
mod requests;
mod setup;
mod statement;
mod stk;

pub use books::{Customer, Kind, Status, Transaction};
pub use customers::{Customers, Paid, Pay};
pub use delivery::{Delivery, Fate, Sent, What};
pub use numbers::{C2bVersion, Number, ResponseType};
pub use odds::{Chance, Fault, Faults, Habit, Habits, Named, Odds};
pub use program::{Settings, keep_paying, run};
pub use setup::{Delays, Mode, Pace, Setup};
pub use statement::Layout;

use crate::Failure;
use agenda::{Agenda, Event};
use axum::Router;
use books::Books;
use domain::Timestamp;
use oauth::Token;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use stk::Push;

/// How many lines of its log are kept.
const LOG_LINES: usize = 100;

/// One line of the log.
#[derive(Debug, Clone, Serialize)]
struct LogLine {
    at: String,
    text: String,
}

/// The simulated Safaricom.
pub struct Simulator {
    setup: Setup,
    /// Itself, for alarms that outlive a request.
    own: Weak<Self>,
    delivery: Mutex<Delivery>,
    state: Mutex<State>,
}

/// All that changes, and the settings that decide how.
struct State {
    random: fastrand::Rng,
    delays: Delays,
    initiator: Option<String>,
    skew: Option<Duration>,
    charged: u8,
    settles: u8,
    faults: Faults,
    habits: Habits,
    customers: bool,
    numbers: Vec<Number>,
    books: Books,
    pushes: Vec<Push>,
    token: Option<Token>,
    tokens: u32,
    agenda: Agenda,
    sent: BTreeMap<u64, Sent>,
    callbacks: u64,
    names: u64,
    log: VecDeque<LogLine>,
}

impl Simulator {
    /// A Safaricom of the ordinary kind that these keys open; a seed repeats its customers.
    ///
    /// # Errors
    /// No TLS could be set up.
    pub fn new(consumer_key: &str, consumer_secret: &str, seed: u64) -> Result<Arc<Self>, Failure> {
        Ok(Self::with(Setup::new(consumer_key, consumer_secret, seed)?))
    }

    /// A Safaricom as it is set up.
    pub fn with(setup: Setup) -> Arc<Self> {
        let state = State {
            random: fastrand::Rng::with_seed(setup.seed),
            delays: setup.delays,
            initiator: setup.initiator.clone(),
            skew: setup.skew,
            charged: setup.charged,
            settles: setup.settles,
            faults: setup.faults.clone(),
            habits: setup.habits.clone(),
            customers: false,
            numbers: Vec::new(),
            books: Books::default(),
            pushes: Vec::new(),
            token: None,
            tokens: 0,
            agenda: Agenda::default(),
            sent: BTreeMap::new(),
            callbacks: 0,
            names: 0,
            log: VecDeque::new(),
        };
        Arc::new_cyclic(|own| Self {
            own: Weak::clone(own),
            delivery: Mutex::new(setup.delivery.clone()),
            state: Mutex::new(state),
            setup,
        })
    }

    /// Makes a number known, or changes it. What its books hold stays.
    pub fn register(&self, number: Number) {
        self.state().put_number(number);
    }

    /// Switches the customers.
    pub fn customers(&self, customers: Customers) {
        let now = self.now();
        let mut state = self.state();
        state.customers = customers.on;
        state.log(now, format!("customers {}", if customers.on { "on" } else { "off" }));
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Sets what customers do from now on.
    pub fn set_habits(&self, habits: Habits) {
        self.state().habits = habits;
    }

    /// Sets the wire that callbacks go over, for a world in which the shop is made after its Safaricom.
    pub fn deliver_over(&self, delivery: Delivery) {
        *self.delivery.lock().unwrap_or_else(PoisonError::into_inner) = delivery;
    }

    /// How many access tokens it has given out.
    pub fn tokens_given(&self) -> u32 {
        self.state().tokens
    }

    /// What moved on a number, oldest first.
    pub fn transactions(&self, shortcode: &str) -> Vec<Transaction> {
        self.state().books.of(shortcode).cloned().collect()
    }

    /// The callbacks so far, each with its fate, oldest first.
    pub fn callbacks(&self) -> Vec<Sent> {
        self.state().sent.values().cloned().collect()
    }

    /// The shop moves all that a number holds to its bank.
    pub fn settle(&self, shortcode: &str) {
        let now = self.now();
        self.state().settle(now, shortcode);
    }

    /// Daraja's endpoints, and the page.
    pub fn router(self: &Arc<Self>) -> Router {
        router(self)
    }

    /// When something will happen next, for whoever moves the clock.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.state().agenda.next()
    }

    /// Does what is due by now, in order of time; gives how many things that were.
    pub async fn run_due(&self) -> usize {
        self.run_until(self.now()).await
    }

    async fn run_until(&self, until: Timestamp) -> usize {
        let mut count = 0_usize;
        loop {
            // What is due may bring more that is due.
            let due = self.state().agenda.due(until.max(self.now()));
            let Some((at, event)) = due else { break };
            count = count.saturating_add(1);
            match event {
                Event::Prompt(checkout, ending) => self.state().end_prompt(at, &checkout, ending),
                Event::Request(job) => self.state().answer(at, &job),
                Event::Callback(id) => self.deliver(at, id).await,
                Event::Pay(pay) => {
                    if let Err(why) = self.pay_now(at, &pay).await {
                        self.state().log(at, format!("a customer could not pay: {why}"));
                    }
                }
            }
        }
        self.wake();
        count
    }

    /// Sets an alarm for everything new on the agenda, unless somebody runs it by hand.
    fn wake(&self) {
        let times = self.state().agenda.fresh();
        if self.setup.pace == Pace::ByHand {
            return;
        }
        let now = self.now();
        for at in times {
            let wait = u64::try_from(at.millis().saturating_sub(now.millis())).unwrap_or(0);
            let own = Weak::clone(&self.own);
            // Boxed, because what is due may set alarms of its own.
            let alarm: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                if let Some(simulator) = own.upgrade() {
                    simulator.run_until(at).await;
                }
            });
            tokio::spawn(alarm);
        }
    }

    fn now(&self) -> Timestamp {
        (self.setup.clock)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn roll(&mut self, fault: Fault) -> bool {
        self.faults.roll(fault, &mut self.random)
    }

    /// Whether something that happens so many times in a hundred happens now.
    fn happens(&mut self, percent: u8) -> bool {
        match percent {
            0 => false,
            100.. => true,
            percent => self.random.u8(..100) < percent,
        }
    }

    fn number(&self, shortcode: &str) -> Option<Number> {
        self.numbers.iter().find(|number| number.answers_to(shortcode)).cloned()
    }

    fn put_number(&mut self, number: Number) {
        match self.numbers.iter_mut().find(|known| known.shortcode == number.shortcode) {
            Some(known) => *known = number,
            None => self.numbers.push(number),
        }
    }

    fn next_name(&mut self) -> u64 {
        self.names = self.names.saturating_add(1);
        self.names
    }

    /// The two ids of a request: the originator's, and Safaricom's own.
    fn conversation(&mut self, now: Timestamp) -> (String, String) {
        let date = now.to_daraja();
        let own = format!("AG_{}_{:020x}", date.get(..8).unwrap_or_default(), self.random.u64(..));
        (format!("{:04x}-4b64-97ff-{}", self.random.u16(..), self.next_name()), own)
    }

    fn log(&mut self, at: Timestamp, text: String) {
        self.log.push_front(LogLine { at: at.to_string(), text });
        self.log.truncate(LOG_LINES);
    }
}

/// Daraja's endpoints, and a page to act as a customer.
pub fn router(simulator: &Arc<Simulator>) -> Router {
    gateway::router(simulator).merge(page::router(simulator)).fallback(gateway::nowhere)
}

/// A moment after another.
fn later(at: Timestamp, wait: Duration) -> Timestamp {
    at.plus_millis(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}
