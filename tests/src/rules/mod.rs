//! The table of cases in `tests/rules/money.md`, played. Each case is one sentence: what happens, clause by clause,
//! then a colon, and what comes of it. Clauses end with semicolons. Each is one of the phrases of `steps` and
//! `outcomes`; a clause that is none of them fails, with its line.
//!
//! What is played against are tills and head office themselves, with their files, the cloud in memory, and a clock
//! that the sentence moves. After each clause whoever has a line syncs. In the end everybody does, and what comes
//! of it has to be so at every till and at head office. Where two tills take part, it is played once more with
//! everything arriving in the other order.

mod outcomes;
mod phrase;
mod play;
mod steps;
mod table;

pub use play::play;
pub use table::{Case, read};

/// Every phrase that a case may use: the steps, then the outcomes.
pub fn phrases() -> Vec<&'static str> {
    let steps = steps::STEPS.iter().map(|(phrase, _)| *phrase);
    steps.chain(outcomes::OUTCOMES.iter().map(|(phrase, _)| *phrase)).collect()
}

/// What is wrong with a case, in words.
pub type Fault = String;
