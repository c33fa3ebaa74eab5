//! The simulation: shops, tills, head office, a hub and a Safaricom in one process and by one virtual
//! clock, in which everything goes wrong that can: lines, stores, clocks, power, sticks, people, and an
//! enrolled till that lies. At quiet moments and at the end an [`oracle`] looks for the seven losses.
//!
//! ```text
//! cargo run -p tests --bin simulate -- --seed 7 --days 3 --tills 2
//! ```
//!
//! A seed repeats a run exactly: all chance comes from it. Two things do not, and nothing that is decided
//! hangs on them: the tills' keys and the enrolment codes, which the product takes from the machine. Names
//! of tills and facts are counted, chains name the writer and not its key, and signatures have one size.

pub mod customs;
pub mod desk;
pub mod hostile;
pub mod minimise;
pub mod network;
pub mod oracle;
pub mod plan;
pub mod power;
mod run;
pub mod tally;
pub mod trade;
mod world;

pub use oracle::{Loss, Violation};
pub use plan::{Kept, Kind, Scale};
pub use tally::{Tally, Thing};

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A run in which nothing was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// How many events happened.
    pub events: usize,
    /// How many receipts were printed.
    pub sales: usize,
    /// How often the power was cut.
    pub cuts: usize,
    /// How many disks failed or were copied.
    pub copies: usize,
    /// How many entries went with a disk that nobody else had.
    pub gone: usize,
    /// How many entries came by stick.
    pub carried: u64,
    /// What came about, and how often.
    pub tally: tally::Tally,
    /// One value that stands for everything that happened and everything that was shown.
    pub digest: u64,
    /// What happened, a line each.
    pub trace: Vec<String>,
}

/// A run in which something was lost.
#[derive(Clone, PartialEq, Eq)]
pub struct Failed {
    /// The seed.
    pub seed: u64,
    /// The world's size.
    pub scale: Scale,
    /// The events that happened.
    pub kept: Kept,
    /// At which event it was found.
    pub at: usize,
    /// What was lost.
    pub violations: Vec<Violation>,
    /// What happened, a line each.
    pub trace: Vec<String>,
}

impl Failed {
    /// The command that repeats it.
    pub fn command(&self) -> String {
        let Scale { days, shops, tills } = self.scale;
        let mut line = format!(
            "cargo run -p tests --bin simulate -- --seed {} --days {days} --shops {shops} --tills {tills}",
            self.seed
        );
        if let Kept(Some(kept)) = &self.kept {
            let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
            let _ = write!(line, " --keep {}", kept.join(","));
        }
        line
    }

    /// The first loss that was found.
    pub fn loss(&self) -> Loss {
        self.violations.iter().map(|violation| violation.loss).min().unwrap_or(Loss::Stopped)
    }
}

impl std::fmt::Debug for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seed {}: found at event {}", self.seed, self.at)?;
        for Violation { loss, message } in self.violations.iter().take(6) {
            writeln!(f, "  {loss:?}: {message}")?;
        }
        writeln!(f, "  and {} more; what happened last:", self.violations.len().saturating_sub(6))?;
        for line in self.trace.iter().rev().take(20).rev() {
            writeln!(f, "    {line}")?;
        }
        writeln!(f, "again: {}", self.command())
    }
}

/// Runs a world to its end.
///
/// # Errors
/// Something was lost.
pub fn simulate(seed: u64, scale: Scale, kept: &Kept) -> Result<Passed, Box<Failed>> {
    let mut run = run::Run::new(seed, scale);
    let plan = plan::plan(seed, scale, kept);
    for event in &plan {
        let happened = catch_unwind(AssertUnwindSafe(|| run.event(event)));
        let violations = happened.unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
            let message = format!("a panic: {}", said.unwrap_or_default());
            vec![Violation { loss: Loss::Stopped, message }]
        });
        if !violations.is_empty() {
            let (kept, trace) = (kept.clone(), run.trace);
            return Err(Box::new(Failed { seed, scale, kept, at: event.index, violations, trace }));
        }
    }
    run.ends();
    let mut hasher = DefaultHasher::new();
    run.trace.hash(&mut hasher);
    Ok(Passed {
        events: plan.len(),
        sales: run.sales(),
        cuts: run.cuts,
        copies: run.copies,
        gone: run.gone,
        carried: run.carried,
        tally: run.tally,
        digest: hasher.finish(),
        trace: run.trace,
    })
}

/// Runs many seeds on some threads, in no certain order; tells each end to `told`.
pub fn simulate_all(
    seeds: std::ops::Range<u64>,
    scale: Scale,
    threads: usize,
    told: impl Fn(u64, Result<Passed, Box<Failed>>) + Sync,
) {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    if seed >= seeds.end {
                        return;
                    }
                    told(seed, simulate(seed, scale, &Kept::default()));
                }
            });
        }
    });
}
