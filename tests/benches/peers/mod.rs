//! The peers of the benches: what somebody would have built instead.

use crate::wrk;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tests::process::{Running, free_port, http, repository, tool, try_http, until};

/// The ways to run a Flask program that are tried: as the seed's `localhost:5000` is, and as its host
/// (`onrender.com`) and Flask's documentation recommend. `MANY` is what gunicorn's documentation advises.
const SERVERS: [(&str, &str); 4] = [
    ("Flask's own server, threaded", "seed_a.py flask PORT"),
    ("gunicorn, a worker a core", "-m gunicorn --workers CORES --bind 127.0.0.1:PORT seed_a:app"),
    ("gunicorn, two workers a core and one", "-m gunicorn --workers MANY --bind 127.0.0.1:PORT seed_a:app"),
    ("waitress, 8 threads", "seed_a.py waitress PORT"),
];

/// Seed A's handler, running.
pub struct SeedA {
    running: Running,
    database: PathBuf,
    /// How many it acknowledged a second when it was tried.
    pub tried: f64,
    /// What serves it.
    pub server: &'static str,
    /// Where confirmations go.
    pub url: String,
}

impl SeedA {
    /// Under the server that answers most at so many connections.
    pub fn under_the_best_server(home: &Path, connections: u32, trial: Duration) -> Self {
        let rate = |number: usize| {
            let seed_a = Self::start(number, &home.join(format!("trial-{number}.sqlite")));
            let rate = wrk::run(&seed_a.url, connections, trial).per_second();
            println!("seed A under {}: {rate:.0}/s at {connections} connections", seed_a.server);
            seed_a.running.end();
            (rate, number)
        };
        let best = (0..SERVERS.len()).map(rate).max_by(|one, other| one.0.total_cmp(&other.0));
        let (tried, number) = best.unwrap();
        Self { tried, ..Self::start(number, &home.join("seed_a.sqlite")) }
    }

    fn start(number: usize, database: &Path) -> Self {
        let (server, line) = SERVERS[number];
        assert!(python(database).args(["seed_a.py", "prepare"]).status().unwrap().success());
        let (port, cores) = (free_port().to_string(), std::thread::available_parallelism().unwrap().get());
        let line = line.replace("PORT", &port).replace("CORES", &cores.to_string());
        let line = line.replace("MANY", &(2 * cores + 1).to_string());
        let running = Running::start(python(database).args(line.split(' ')));
        let home = format!("http://127.0.0.1:{port}/");
        until("seed A answers", || try_http("GET", &home, "").ok());
        let url = format!("{home}mpesa/c2b/confirmation");
        Self { running, database: database.to_owned(), tried: 0.0, server, url }
    }

    /// Waits until it has worked off what callers who went away had asked.
    pub fn rest(&self) {
        http("POST", &self.url, "{}");
    }

    /// Ends it; gives how many payments it kept.
    pub fn end(self) -> u64 {
        self.running.end();
        let connection = rusqlite::Connection::open(self.database).unwrap();
        let sql = "SELECT count(*) FROM mpesa_transaction";
        connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap().into()
    }
}

fn python(database: &Path) -> Command {
    let folder = repository().join("tests/benches/peers");
    let path = std::env::join_paths([tool("peers"), folder.clone()]).unwrap();
    let mut command = Command::new("python3");
    let settings = command.current_dir(folder).env("SEED_A_DATABASE", database).env("PYTHONPATH", path);
    settings.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
