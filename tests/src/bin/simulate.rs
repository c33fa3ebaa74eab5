//! Runs simulated worlds: `cargo run -p tests --bin simulate -- --seed 7 --days 3 --tills 2 --seeds 100`.

use clap::Parser;
use std::process::ExitCode;
use std::sync::Mutex;
use tests::simulation::minimise::minimise;
use tests::simulation::{Failed, Kept, Passed, Scale, Tally, simulate, simulate_all};

/// Simulated shops in which everything goes wrong, and an oracle that looks for losses.
#[derive(Parser)]
struct Arguments {
    /// The seed, or the first of several.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of trade.
    #[arg(long, default_value_t = 2)]
    days: u32,
    /// Tills in each shop.
    #[arg(long, default_value_t = 2)]
    tills: u32,
    /// Shops, four at most.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=4))]
    shops: u32,
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// How many at once: as many as there are processors, unless told otherwise.
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    jobs: usize,
    /// Only these events happen, as a failure's last line names them.
    #[arg(long, value_delimiter = ',')]
    keep: Option<Vec<usize>>,
    /// Make a failing run as short as so many tries can.
    #[arg(long, default_value_t = 0)]
    minimise: usize,
    /// Print what happens.
    #[arg(long)]
    trace: bool,
}

/// What many runs came to.
#[derive(Default)]
struct Sum {
    runs: u64,
    sales: usize,
    cuts: usize,
    copies: usize,
    gone: usize,
    carried: u64,
    tally: Tally,
    failed: Vec<Failed>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let scale = Scale { days: arguments.days, shops: arguments.shops, tills: arguments.tills };
    let sum = Mutex::new(Sum::default());
    let begun = std::time::Instant::now();
    let tell = |seed: u64, ended: Result<Passed, Box<Failed>>| {
        let mut sum = sum.lock().unwrap();
        sum.runs += 1;
        match ended {
            Ok(passed) => {
                sum.sales += passed.sales;
                sum.cuts += passed.cuts;
                sum.copies += passed.copies;
                sum.gone += passed.gone;
                sum.carried += passed.carried;
                sum.tally.add(&passed.tally);
                if arguments.trace {
                    passed.trace.iter().for_each(|line| println!("{line}"));
                }
                if arguments.seeds == 1 {
                    println!(
                        "seed {seed}: nothing was lost in {} events; {:x}",
                        passed.events, passed.digest
                    );
                }
            }
            Err(failed) => {
                println!("{failed:?}");
                sum.failed.push(*failed);
            }
        }
    };
    match arguments.keep {
        Some(kept) => tell(arguments.seed, simulate(arguments.seed, scale, &Kept::only(kept))),
        None => simulate_all(arguments.seed..arguments.seed + arguments.seeds, scale, arguments.jobs, tell),
    }
    let mut sum = sum.into_inner().unwrap();
    sum.failed.sort_by_key(|failed| failed.seed);
    for failed in sum.failed.iter_mut().filter(|_| arguments.minimise > 0) {
        let short = minimise(failed.clone(), arguments.minimise);
        println!("made short:\n{short:?}");
        *failed = short;
    }
    for failed in sum.failed.iter().filter(|_| arguments.trace) {
        failed.trace.iter().for_each(|line| println!("{line}"));
    }
    println!(
        "{} runs, {} till-days, {} receipts, {} power cuts, {} disks failed or copied and {} entries gone with them, \
         {} entries by stick, {} s; {} failed",
        sum.runs,
        sum.runs * scale.till_days(),
        sum.sales,
        sum.cuts,
        sum.copies,
        sum.gone,
        sum.carried,
        begun.elapsed().as_secs(),
        sum.failed.len()
    );
    println!("{}", sum.tally);
    if sum.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
