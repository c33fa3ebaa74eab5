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
mod wander;

pub use play::play;
pub use table::{Case, read};
pub use wander::{Wandered, wander};

/// The phrases that none of these clauses is.
pub fn unused(clauses: &[String]) -> Vec<&'static str> {
    let steps = steps::STEPS.iter().map(|(phrase, _)| *phrase);
    let all = steps.chain(outcomes::OUTCOMES.iter().map(|(phrase, _)| *phrase));
    let used = |phrase: &&str| {
        clauses.iter().any(|clause| play::bare(clause).any(|it| phrase::gaps(phrase, it).is_some()))
    };
    all.filter(|phrase| !used(phrase)).collect()
}

/// What is wrong with a case, in words.
pub type Fault = String;
