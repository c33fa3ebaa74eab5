//! M-Pesa's messages as values, in both directions, as Daraja really sends and takes them.
//!
//! [`inbound`] reads what Safaricom posts to us; [`outbound`] writes what we post and reads the answers;
//! [`ack`] holds our acknowledgements. Bodies are unsigned, loosely typed text from outside: every field
//! may be a number or a string, absent, null or empty (fact sheet §3, §14).

#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "numbers in tests are small and known"
    )
)]

pub mod ack;
pub mod inbound;
pub mod outbound;

mod loose;

pub use inbound::{
    AccountBalance, C2bPayment, Inbound, ListedTime, Party, PullPage, PulledPayment, PulledRow,
    RequestResult, ResultContent, ReversalResult, RowKind, StatusResult, StkOutcome, StkPayment, Unreadable,
    Zone, parse, read_pull_page,
};
pub use outbound::{Call, CallError, Refused, StkAccepted, StkPush};
