//! What can go wrong, by what the caller can do about it.

use crate::{CloudError, First, SiblingError};
use domain::{FactId, OverLimit, Timestamp};
use ledger::LedgerError;
use replica::day_book::MergeError;

/// A till could not do what was asked. Nothing was half done.
#[derive(Debug, thiserror::Error)]
pub enum TillError {
    /// The ledger could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The cloud did not answer or did not agree.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// Another till did not answer or did not agree.
    #[error(transparent)]
    Sibling(#[from] SiblingError),
    /// It makes no sense; the message says what would.
    #[error("{0}")]
    Refused(String),
    /// The shop's licence ran out, and the days of grace after it. All but new sales goes on.
    #[error(
        "there is no licence since {}, and no new sales until one is paid: {pay}. What is open can be finished, \
         and everything is sent and kept as ever", .until.business_day()
    )]
    Unlicensed {
        /// When it ran out.
        until: Timestamp,
        /// How to pay, in words.
        pay: String,
    },
    /// Too much would go out on payments that nobody has seen.
    #[error("{0}")]
    OverLimit(Box<OverLimit>),
    /// Another sale has this payment.
    #[error("this payment is already used for sale {0}: release it there first")]
    Taken(FactId),
    /// A sale that is not here has this payment.
    #[error(
        "this payment is held for the sale {0} of {1}, which is not here: it has not come yet, or a copy of its \
         till wrote it; wait for it, or release the payment first"
    )]
    Held(FactId, Timestamp),
    /// Another till is about to claim this payment, and its claim is not here yet.
    #[error(
        "{} claimed this payment at {} for its sale {}: ask there first, or claim it all the same, and both \
         sales show the conflict", .0.till, .0.at, .0.reference
    )]
    First(Box<First>),
    /// The folder can not be used.
    #[error("{0}")]
    Folder(String),
    /// The documents do not merge.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// What the cloud said can not be read.
    #[error("the cloud said something unreadable: update this program, or ask whoever runs the cloud")]
    Unreadable,
    /// The cloud has another history under this till's name.
    #[error(
        "the cloud has other sales under this till's name, because this ledger was restored or copied, and \
         gives it no new one: everything sold here is kept; update the cloud, or ask whoever runs it"
    )]
    Forked,
}
