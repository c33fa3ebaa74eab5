//! Programs that tests start.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not start its world stops")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a program may take to be ready; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs until this is dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program. What it says on standard error goes where the test's does.
pub fn run(command: &mut Command) -> Running {
    Running(spawn(command.stdout(Stdio::null())))
}

/// Starts a program and waits until it says on standard output or error that it is ready; `None` if it
/// ends before.
pub fn start(command: &mut Command, ready: &'static str) -> Option<Running> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let (said, hears) = mpsc::channel();
    watch(child.stdout.take().unwrap(), ready, said.clone());
    watch(child.stderr.take().unwrap(), ready, said);
    let running = Running(child);
    match hears.recv_timeout(PATIENCE) {
        Ok(()) => Some(running),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{command:?} is not ready after {PATIENCE:?}"),
    }
}

fn spawn(command: &mut Command) -> Child {
    let spawned = command.stdin(Stdio::null()).spawn();
    spawned.unwrap_or_else(|error| panic!("{:?}: {error}; run tests/tools.sh", command.get_program()))
}

/// Reads all that a program says, so that it never waits for a reader.
fn watch(output: impl Read + Send + 'static, ready: &'static str, said: mpsc::Sender<()>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains(ready) {
                let _ = said.send(());
            }
        }
    });
}

/// A port that is free now. Whoever starts a program on it tries another one if it was taken meanwhile.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The folder of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A program of this workspace, as Cargo built it beside the running test.
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join(name);
    assert!(program.exists(), "{} is not built: run the tests of the whole workspace", program.display());
    program
}

/// A program that `tests/tools.sh` installed.
pub fn tool(path: &str) -> PathBuf {
    repository().join("tests/.tools").join(path)
}
