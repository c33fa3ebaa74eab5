//! The thread that talks to the cloud: soon after something was recorded, often while a payment is
//! awaited, seldom while the line is down.

use crate::Clock;
use domain::Timestamp;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use till::{SaleFilter, Till};

/// Between syncs while an open sale waits for its payment.
const AWAITING: Duration = Duration::from_secs(1);
/// Between syncs when nothing is expected.
const IDLE: Duration = Duration::from_secs(3);
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
        Self(channel().0)
    }

    /// Something was recorded: sync now. Harmless when the thread has ended.
    pub fn nudge(&self) {
        let _ = self.0.send(Nudge::Now);
    }

    /// Ends the thread after what it is doing.
    pub fn stop(&self) {
        let _ = self.0.send(Nudge::Stop);
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
    loop {
        tell_of_jumps(till, clock, &mut watch);
        let synced = till.sync(clock());
        match &synced {
            Ok(_) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                tracing::debug!(%error, failures, "a sync failed; selling goes on");
            }
        }
        let pause = match &synced {
            Ok(report) if report.history_left => BETWEEN_PAGES,
            Ok(_) => rest(till),
            Err(_) => back_off(failures),
        };
        match nudges.recv_timeout(pause) {
            Ok(Nudge::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Nudge::Now) | Err(RecvTimeoutError::Timeout) => {}
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

fn rest(till: &Till) -> Duration {
    let open = |shop: &domain::Shop| {
        till.sales(&shop.id, SaleFilter::Open, None, 1).is_ok_and(|sales| !sales.is_empty())
    };
    let awaiting = till.shops().is_ok_and(|shops| shops.iter().any(open));
    if awaiting { AWAITING } else { IDLE }
}

/// Twice as long after each failure, from a second up, and a little longer by chance, so that a thousand
/// tills do not come back in step.
fn back_off(failures: u32) -> Duration {
    let seconds = 1_u64.checked_shl(failures.saturating_sub(1).min(10)).unwrap_or(1);
    let pause = Duration::from_secs(seconds).min(LONGEST);
    let chance = getrandom::u32().unwrap_or(0).checked_rem(500).unwrap_or(0);
    pause.saturating_add(Duration::from_millis(u64::from(chance)))
}
