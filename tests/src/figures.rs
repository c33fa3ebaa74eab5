//! What a bench says, in one form, so that it can be followed over time.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Prints `figure: NAME VALUE UNIT (target T)`.
pub fn figure(name: &str, value: f64, unit: &str, target: &str) {
    println!("figure: {name} {value:.3} {unit} (target {target})");
}

/// The duration below which so many of a hundred lie.
pub fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort_unstable();
    durations[(durations.len() - 1) * percent / 100]
}

/// How many times longer one duration is than another.
pub fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// The value in the middle.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What some work took: on the wall's clock, and of processor time, which other programs hardly change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// From its start to its end.
    pub wall: Duration,
    /// Of the thread that did it.
    pub thread: Duration,
    /// Of all threads of this process.
    pub process: Duration,
}

impl Taken {
    /// What some work takes.
    pub fn by(work: impl FnOnce()) -> Self {
        let (start, before) = (Instant::now(), Self::until_now());
        work();
        let after = Self { wall: start.elapsed(), ..Self::until_now() };
        after.without(before)
    }

    /// This, less what a part of it took.
    #[must_use]
    pub fn without(self, part: Self) -> Self {
        Self {
            wall: self.wall.saturating_sub(part.wall),
            thread: self.thread.saturating_sub(part.thread),
            process: self.process.saturating_sub(part.process),
        }
    }

    fn until_now() -> Self {
        let cpu = |clock| clock_gettime(clock).try_into().unwrap_or_default();
        let (thread, process) = (cpu(ClockId::ThreadCPUTime), cpu(ClockId::ProcessCPUTime));
        Self { wall: Duration::ZERO, thread, process }
    }
}

impl std::ops::AddAssign for Taken {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.thread += other.thread;
        self.process += other.process;
    }
}
