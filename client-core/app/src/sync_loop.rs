//! The thread that talks to the cloud: soon after something was recorded or somebody looks, often while a payment is
//! awaited here, and less and less often while nothing happens or the line is down.
//!
//! Each request costs whoever runs the cloud: a till that asked every three seconds all day would cost more than
//! all that it sells (`functions/dynamodb/DESIGN.md`). So a till asks often for those alone who wait at it: what others of
//! its shop await reaches them, and here it is news for later.

use crate::Clock;
use domain::Timestamp;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use till::Till;

/// Between syncs while a customer waits at this till, at first, and then an eighth of how long nothing happened: who pays
/// within half a minute is seen within four seconds.
const AWAITING: (Duration, u32) = (Duration::from_secs(1), 8);
/// Between syncs when nothing is expected, at first, and then half of how long nothing happened.
const IDLE: (Duration, u32) = (Duration::from_secs(10), 2);
/// The longest pause while the cloud can be reached.
const SELDOM: Duration = Duration::from_secs(60);
/// Between pages of a new till's history: whoever waits for the ledger comes first.
const BETWEEN_PAGES: Duration = Duration::from_millis(20);
/// The longest pause while the cloud can not be reached.
const LONGEST: Duration = Duration::from_secs(30);

/// From so many milliseconds on, a clock that went another way than time did has jumped.
const JUMP_MILLIS: i64 = 5_000;

/// A handle on the thread.
#[derive(Clone)]
pub struct SyncLoop(Sender<Nudge>);

enum Nudge {
    Now,
    Stop,
}

impl SyncLoop {
    /// A handle on no thread, for a program that syncs at its own times.
    pub fn idle() -> Self {
        Self::by_hand().0
    }

    /// The same, for one that wants to know when there is a reason to.
    pub fn by_hand() -> (Self, Nudges) {
        let (sender, nudges) = channel();
        (Self(sender), Nudges(nudges))
    }

    /// Something was recorded, or somebody looks: sync now. Harmless when the thread has ended.
    pub fn nudge(&self) {
        let _ = self.0.send(Nudge::Now);
    }

    /// Ends the thread after what it is doing.
    pub fn stop(&self) {
        let _ = self.0.send(Nudge::Stop);
    }
}

/// What a handle on no thread was nudged for.
pub struct Nudges(Receiver<Nudge>);

impl Nudges {
    /// Whether there was a reason to sync since this was asked last.
    pub fn any(&self) -> bool {
        self.0.try_iter().count() > 0
    }
}

/// Starts the thread.
///
/// # Errors
/// No thread could be started.
pub fn keep_in_sync(till: Arc<Till>, clock: Clock) -> std::io::Result<(SyncLoop, JoinHandle<()>)> {
    let (sender, nudges) = channel();
    let run = move || run(&till, &clock, &nudges);
    let thread = std::thread::Builder::new().name("sync".to_owned()).spawn(run)?;
    Ok((SyncLoop(sender), thread))
}

fn run(till: &Till, clock: &Clock, nudges: &Receiver<Nudge>) {
    let mut failures = 0_u32;
    let mut watch = (clock(), Instant::now());
    let mut happened = Instant::now();
    loop {
        tell_of_jumps(till, clock, &mut watch);
        let synced = till.sync(clock());
        match &synced {
            Ok(report) => {
                failures = 0;
                if report.claimed > 0 {
                    happened = Instant::now();
                }
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                tracing::debug!(%error, failures, "a sync failed; selling goes on");
            }
        }
        let pause = match &synced {
            Ok(report) if report.history_left => BETWEEN_PAGES,
            Ok(_) => pause(till, clock(), happened.elapsed()),
            Err(_) => back_off(failures),
        };
        match nudges.recv_timeout(pause) {
            Ok(Nudge::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Nudge::Now) => happened = Instant::now(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        // Several nudges are one reason to sync.
        while let Ok(nudge) = nudges.try_recv() {
            if matches!(nudge, Nudge::Stop) {
                return;
            }
        }
    }
}

/// Holds the clock against one that never jumps.
fn tell_of_jumps(till: &Till, clock: &Clock, (shown, seen): &mut (Timestamp, Instant)) {
    let (shows, sees) = (clock(), Instant::now());
    let passed = i64::try_from(sees.duration_since(*seen).as_millis()).unwrap_or(i64::MAX);
    let jumped = shows.millis().saturating_sub(shown.millis()).saturating_sub(passed);
    (*shown, *seen) = (shows, sees);
    if jumped.saturating_abs() < JUMP_MILLIS {
        return;
    }
    tracing::warn!(jumped_ms = jumped, "this machine's clock jumped, or the machine slept");
    if let Err(error) = till.clock_jumped(jumped) {
        tracing::warn!(%error, "the jump was not recorded");
    }
}

/// How long a till that reached the cloud waits until it asks again, where nothing was recorded at it, and nothing that
/// came was claimed, for so long.
pub fn pause(till: &Till, now: Timestamp, quiet: Duration) -> Duration {
    rest(till.awaits_payment(now).unwrap_or(false), quiet)
}

fn rest(awaiting: bool, quiet: Duration) -> Duration {
    let (least, part) = if awaiting { AWAITING } else { IDLE };
    quiet.checked_div(part).unwrap_or(SELDOM).clamp(least, SELDOM)
}

/// Twice as long after each failure, from a second up, and a little longer by chance, so that a thousand
/// tills do not come back in step.
fn back_off(failures: u32) -> Duration {
    let seconds = 1_u64.checked_shl(failures.saturating_sub(1).min(10)).unwrap_or(1);
    let pause = Duration::from_secs(seconds).min(LONGEST);
    let chance = getrandom::u32().unwrap_or(0).checked_rem(500).unwrap_or(0);
    pause.saturating_add(Duration::from_millis(u64::from(chance)))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
mod tests {
    use super::*;

    /// When a till asks in so many seconds in which nothing happens.
    fn asks(awaiting: bool, seconds: u64) -> Vec<u64> {
        let (mut at, mut asked) = (Duration::ZERO, Vec::new());
        while at.as_secs() < seconds {
            asked.push(at.as_secs());
            at += rest(awaiting, at);
        }
        asked
    }

    #[test]
    fn a_payment_that_comes_soon_is_seen_soon() {
        let asked = asks(true, 60);
        assert_eq!(asked[..9], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(asked.windows(2).all(|pair| pair[1] - pair[0] <= 8), "{asked:?}");
    }

    #[test]
    fn a_till_where_nothing_happens_asks_once_a_minute_whatever_sale_was_left_open() {
        assert_eq!(asks(false, 70), [0, 10, 20, 30, 45, 67]);
        for awaiting in [false, true] {
            let asked = asks(awaiting, 14 * 3600);
            assert!((14 * 60..15 * 60).contains(&asked.len()), "{}", asked.len());
        }
    }
}
