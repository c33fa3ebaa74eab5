//! What a bench says, in one form, so that it can be followed over time.

use std::time::Duration;

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
