//! `leja`: the program. It wires every room into one process, with a simulated Safaricom.
//!
//! Wiring only: what is decided is decided in the rooms. [`cli`] is what can be typed, [`hub`], [`node`]
//! and [`safaricom`] are the servers, [`demo`] starts all of them, [`admin`] talks to a hub, [`counter`] to
//! a till, and [`doctor`] looks at a hub.

/// Prints a line, as the standard one does, but for a reader that has gone (`leja … | head`): what nobody reads is
/// no fault, and what was begun is done to its end. It stands before the rooms, so that it is theirs.
macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

pub mod admin;
pub mod cli;
pub mod counter;
pub mod daraja;
pub mod demo;
pub mod doctor;
pub mod hub;
pub mod ledger;
pub mod node;
pub mod safaricom;
pub mod serve;

/// Whatever goes wrong ends up as one line for a person.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
