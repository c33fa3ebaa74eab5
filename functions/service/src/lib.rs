//! The functions as axum routers, and the ports they need.
//!
//! One router per caller, because rights differ: [`callbacks`] (public: may only append evidence),
//! [`sync`] (tills), [`payments`] (tills; holds the Daraja credentials) and [`office`] (whoever opens
//! shops and reads the inbox). Each is taken alike by Lambda, by a hub and by a test. What they keep goes
//! through [`Store`]; what they ask of Safaricom goes through [`Safaricom`].

#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "numbers in tests are small and known"
    )
)]

pub mod auth;
pub mod callbacks;
pub mod chain;
pub mod compaction;
pub mod fallback;
pub mod filing;
pub mod guard;
pub mod licence;
pub mod office;
pub mod openapi;
pub mod payments;
pub mod problem;
pub mod records;
pub mod safaricom;
pub mod settings;
pub mod store;
pub mod sweep;
pub mod sync;
pub mod token;

mod claims;
mod counters;
mod history;
mod inbox;
mod new_life;
mod pull;
mod pushes;
mod redrive;
mod requests;
mod side_by_side;
mod standing;
mod validation;

pub use fallback::Fallback;
pub use inbox::{AssignForm, DismissForm, InboxBody, InboxForm, ReopenForm};
pub use problem::Problem;
pub use safaricom::{HttpSafaricom, Patience, Safaricom, SafaricomError};
pub use settings::{AppSettings, SettingError};
pub use store::{Store, StoreError};
pub use token::{CallbackSecret, CallbackToken};

pub use replica::Keypair;

use domain::Timestamp;
use std::sync::Arc;

/// The target of events that carry figures: whole numbers, named like `CallbacksStored`. In Lambda each becomes a metric;
/// whoever does not ask for them hears nothing of them.
pub const METRICS: &str = "leja::metrics";

/// What tells a function the time. An argument like any other: a test or a simulation gives its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clock of this machine.
pub fn system_clock() -> Clock {
    Arc::new(|| Timestamp::from_system(std::time::SystemTime::now()))
}
