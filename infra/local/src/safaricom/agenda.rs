//! What will happen, in order of time. Chance is asked when something is put here, so that the order in
//! which tasks run decides nothing.

use super::customers::Pay;
use super::requests::Job;
use super::stk::Ending;
use domain::Timestamp;
use std::collections::BTreeMap;

/// Something that will happen.
pub(super) enum Event {
    /// A prompt ends.
    Prompt(String, Ending),
    /// A customer pays.
    Pay(Pay),
    /// A callback goes out.
    Callback(u64),
    /// A status, reversal or balance that was asked for is done.
    Request(Box<Job>),
}

/// The agenda: by time, then in the order of being put there.
#[derive(Default)]
pub(super) struct Agenda {
    events: BTreeMap<(Timestamp, u64), Event>,
    count: u64,
    /// Times for which nobody has set an alarm yet.
    fresh: Vec<Timestamp>,
}

impl Agenda {
    pub(super) fn put(&mut self, at: Timestamp, event: Event) {
        self.count = self.count.saturating_add(1);
        self.events.insert((at, self.count), event);
        self.fresh.push(at);
    }

    /// Takes the next event that is due.
    pub(super) fn due(&mut self, until: Timestamp) -> Option<(Timestamp, Event)> {
        let first = self.events.first_entry().filter(|entry| entry.key().0 <= until)?;
        let ((at, _), event) = first.remove_entry();
        Some((at, event))
    }

    /// When the next event is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    /// The times that need an alarm, each given once.
    pub(super) fn fresh(&mut self) -> Vec<Timestamp> {
        std::mem::take(&mut self.fresh)
    }
}
