//! Many things, several of them at once, while there is time and whoever is asked answers.

use crate::{Clock, StoreError};
use domain::Timestamp;
use std::future::Future;
use tokio::task::JoinSet;
use tracing::Instrument;

/// So many things in a row that the store does not answer for mean that it is down.
const STORE_IS_DOWN: usize = 10;

/// What one of many things says about the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Whatever became of it, it was its own matter.
    Answer,
    /// Safaricom says that too much is asked of it.
    Busy,
    /// The store did not answer.
    Nothing,
}

impl Heard {
    pub(crate) const fn from_store<T>(result: &Result<T, StoreError>) -> Self {
        match result {
            Err(StoreError::Unreachable(_)) => Self::Nothing,
            Ok(_) | Err(StoreError::Damaged(_)) => Self::Answer,
        }
    }
}

/// How many things are done at once, and until when another is begun.
pub(crate) struct Pace {
    at_once: usize,
    clock: Clock,
    until: Timestamp,
    unanswered: usize,
}

impl Pace {
    /// So many at once, at least one, and none is begun at that time or later.
    pub(crate) fn new(at_once: usize, clock: &Clock, until: Timestamp) -> Self {
        Self { at_once: at_once.max(1), clock: Clock::clone(clock), until, unanswered: 0 }
    }

    /// Whether the store is down: nothing more is begun.
    pub(crate) const fn is_down(&self) -> bool {
        self.unanswered >= STORE_IS_DOWN
    }

    /// Whether the time is over: nothing more is begun.
    pub(crate) fn is_over(&self) -> bool {
        (self.clock)() >= self.until
    }

    /// How many things are done at once by now.
    pub(crate) const fn at_once(&self) -> usize {
        self.at_once
    }

    fn begins(&self, running: usize) -> bool {
        running < self.at_once && !self.is_down() && !self.is_over()
    }

    /// Each that hears that it is too much leaves one fewer at once for the rest.
    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Answer => self.unanswered = 0,
            Heard::Busy => {
                self.unanswered = 0;
                self.at_once = self.at_once.saturating_sub(1).max(1);
            }
            Heard::Nothing => self.unanswered = self.unanswered.saturating_add(1),
        }
    }

    /// Does the work with each thing, begun in their order. Gives what came of each, in their order whichever was ready
    /// first; nothing of those that were not begun or broke off. Dropping it ends all of them.
    pub(crate) async fn each<T, R, W>(
        &mut self,
        things: impl IntoIterator<Item = T>,
        work: impl Fn(T) -> W,
        heard: impl Fn(&R) -> Heard,
    ) -> Vec<Option<R>>
    where
        R: Send + 'static,
        W: Future<Output = R> + Send + 'static,
    {
        let (mut done, mut running) = (Vec::new(), JoinSet::new());
        for thing in things {
            while !running.is_empty() && !self.begins(running.len()) {
                self.take_one(&mut running, &mut done, &heard).await;
            }
            if self.begins(running.len()) {
                let (place, work) = (done.len(), work(thing));
                // Within the span that it was begun in, so that the log names the run.
                running.spawn(async move { (place, work.await) }.in_current_span());
            }
            done.push(None);
        }
        while !running.is_empty() {
            self.take_one(&mut running, &mut done, &heard).await;
        }
        done
    }

    async fn take_one<R: 'static>(
        &mut self,
        running: &mut JoinSet<(usize, R)>,
        done: &mut [Option<R>],
        heard: impl Fn(&R) -> Heard,
    ) {
        match running.join_next().await {
            Some(Ok((place, result))) => {
                self.hear(heard(&result));
                if let Some(done) = done.get_mut(place) {
                    *done = Some(result);
                }
            }
            Some(Err(broken)) => tracing::error!(alarm = "sweep", %broken, "a part of the sweep broke off"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
    use tokio::sync::Barrier;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_763_712_000_000 + millis).unwrap()
    }

    fn pace(at_once: usize) -> Pace {
        let clock: Clock = Arc::new(|| at(0));
        Pace::new(at_once, &clock, at(1))
    }

    #[tokio::test]
    async fn as_many_as_may_run_at_once_and_what_came_of_them_has_their_order() {
        // Four at a time meet here: with fewer none would go on, with more the count below would tell.
        let (four, running) = (Arc::new(Barrier::new(4)), Arc::new(AtomicUsize::new(0)));
        let work = |number: usize| {
            let (four, running) = (Arc::clone(&four), Arc::clone(&running));
            async move {
                let beside = running.fetch_add(1, Ordering::SeqCst);
                four.wait().await;
                running.fetch_sub(1, Ordering::SeqCst);
                (number, beside)
            }
        };
        let done = pace(4).each(0..12, work, |_| Heard::Answer).await;
        assert_eq!(
            done.iter().flatten().map(|(number, _)| *number).collect::<Vec<_>>(),
            (0..12).collect::<Vec<_>>()
        );
        assert!(done.iter().flatten().all(|(_, beside)| *beside < 4));
    }

    #[tokio::test]
    async fn a_store_that_is_down_ends_the_run_and_one_that_failed_ten_times_apart_does_not() {
        let work = |number: usize| async move { number };
        let mut down = pace(4);
        let done = down.each(0..100, work, |_| Heard::Nothing).await;
        assert!(down.is_down() && (10..=13).contains(&done.iter().flatten().count()));
        let mut shaky = pace(1);
        let hear = |number: &usize| if number.is_multiple_of(10) { Heard::Answer } else { Heard::Nothing };
        assert_eq!(shaky.each(0..100, work, hear).await.iter().flatten().count(), 100);
    }

    #[tokio::test]
    async fn who_hears_that_it_is_too_much_goes_on_with_fewer_and_at_least_one() {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = |number: usize| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                let beside = running.fetch_add(1, Ordering::SeqCst) + 1;
                if number >= 12 {
                    most.fetch_max(beside, Ordering::SeqCst);
                }
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
            }
        };
        let done = pace(4).each(0..40, work, |()| Heard::Busy).await;
        assert_eq!((done.iter().flatten().count(), most.load(Ordering::SeqCst)), (40, 1));
    }

    #[tokio::test]
    async fn nothing_is_begun_once_its_time_is_over_and_what_breaks_off_stops_no_other() {
        let now = Arc::new(AtomicI64::new(0));
        let ticking = Arc::clone(&now);
        let clock: Clock = Arc::new(move || at(ticking.load(Ordering::SeqCst)));
        let work = |number: i64| {
            let now = Arc::clone(&now);
            async move {
                now.fetch_add(10, Ordering::SeqCst);
                assert!(number != 1, "this one breaks off");
                number
            }
        };
        let done = Pace::new(1, &clock, at(40)).each(0..9, work, |_| Heard::Answer).await;
        assert_eq!(done, [Some(0), None, Some(2), Some(3), None, None, None, None, None]);
    }
}
