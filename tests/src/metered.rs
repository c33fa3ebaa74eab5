//! A till's line to the hub with a meter on it: how often it was used, how many bytes of bodies went each way,
//! and what the work behind it took, so that a bench can tell a till's own work from the cloud's.

use crate::figures::Taken;
use std::sync::{Arc, Mutex};
use till::{Cloud, CloudError, CloudRequest};

/// A line with a meter. Clones share it.
#[derive(Clone)]
pub struct Metered<C> {
    line: C,
    count: Arc<Mutex<Count>>,
}

/// What went over a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Requests that were answered or lost.
    pub requests: u64,
    /// Bytes of bodies on the way there.
    pub sent: u64,
    /// Bytes of bodies on the way back.
    pub received: u64,
    /// What everything behind the line took.
    pub behind: Taken,
}

impl<C> Metered<C> {
    /// Puts a meter on a line.
    pub fn on(line: C) -> Self {
        Self { line, count: Arc::default() }
    }

    /// What went over it since this was asked last.
    pub fn read(&self) -> Count {
        std::mem::take(&mut self.count.lock().unwrap())
    }
}

impl<C: Cloud> Cloud for Metered<C> {
    fn carry(&self, request: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        let mut answer = None;
        let behind = Taken::by(|| answer = Some(self.line.carry(request)));
        let answer = answer.unwrap();
        let mut count = self.count.lock().unwrap();
        count.requests += 1;
        count.sent += request.body.len() as u64;
        count.received += answer.as_ref().map_or(0, Vec::len) as u64;
        count.behind += behind;
        answer
    }
}
