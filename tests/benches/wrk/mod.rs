//! The load generator: `wrk`, which sends seed A's confirmation as fast as it is answered.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tests::process::repository;

/// No two runs send the same receipt code.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// What wrk saw in one run. Its percentiles count the time that requests would have waited behind a slow
/// one, had they been sent on time ("coordinated omission").
pub struct Run {
    /// Answers of every kind.
    pub answers: u64,
    /// Answers that were no `200`.
    pub refused: u64,
    /// Broken connections.
    pub broken: u64,
    /// How long it ran.
    pub took: Duration,
    /// Half were answered in this time.
    pub p50: Duration,
    /// All but one of a hundred were.
    pub p99: Duration,
}

impl Run {
    /// The confirmations that were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.answers - self.refused
    }

    /// Acknowledged confirmations a second.
    pub fn per_second(&self) -> f64 {
        self.acknowledged() as f64 / self.took.as_secs_f64()
    }
}

/// Sends confirmations to a URL over so many connections for so long.
pub fn run(url: &str, connections: u32, long: Duration) -> Run {
    let script = repository().join("tests/benches/wrk/confirmation.lua");
    let letters = format!("U{:02}", RUNS.fetch_add(1, Ordering::Relaxed));
    assert_eq!(letters.len(), 3, "too many runs for their letters");
    let output = Command::new("wrk")
        .args(["--threads", "1", "--timeout", "30s", "--connections", &connections.to_string()])
        .args(["--duration", &format!("{}s", long.as_secs()), "--script"])
        .arg(script)
        .args([url, "--", &letters])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = printed.lines().find_map(|line| line.strip_prefix("done: "));
    let said = said.unwrap_or_else(|| panic!("{printed}{}", String::from_utf8_lossy(&output.stderr)));
    let numbers = said.split(' ').filter_map(|pair| pair.split_once('='));
    let numbers: BTreeMap<&str, u64> = numbers.map(|(name, n)| (name, n.parse().unwrap())).collect();
    let time = |name| Duration::from_micros(numbers[name]);
    Run {
        answers: numbers["answers"],
        refused: numbers["refused"],
        broken: numbers["broken"],
        took: time("took_us"),
        p50: time("p50_us"),
        p99: time("p99_us"),
    }
}
