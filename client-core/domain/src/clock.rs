//! How a writer's clock stands to the cloud's.

use crate::Timestamp;

/// How far a writer's clock was from the cloud's, as it was last measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The cloud's clock less the writer's, in milliseconds.
    pub offset_millis: i64,
    /// By how much that may be wrong either way, in milliseconds: half the round trip of the question, and
    /// what a jump of the writer's clock made doubtful since.
    pub uncertainty_millis: u32,
}

impl Clock {
    /// The cloud's time at an instant that the writer's own clock shows.
    pub fn correct(self, own: Timestamp) -> Timestamp {
        own.plus_millis(self.offset_millis)
    }

    /// What the writer's own clock showed at an instant of the cloud's time.
    pub fn uncorrect(self, corrected: Timestamp) -> Timestamp {
        corrected.plus_millis(self.offset_millis.saturating_neg())
    }
}
