//! Real processes of the real program.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up; tests wait for conditions, not for time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A built program of this workspace, found beside the test's own.
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.parent().and_then(Path::parent).unwrap();
    let program = profile.join(name);
    assert!(
        program.exists(),
        "{} is not built: run tests/run, or cargo build --workspace",
        program.display()
    );
    program
}

/// The folder of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A program that `tests/tools.sh` installed.
pub fn tool(path: &str) -> PathBuf {
    repository().join("tests/.tools").join(path)
}

/// A port that is free now. Whoever starts a program on it tries another one if it was taken meanwhile.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running program. It is killed when the test ends, however it ends.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts the program.
    pub fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = piped.spawn();
        let mut child = spawned.unwrap_or_else(|e| panic!("{command:?}: {e}; run tests/tools.sh"));
        let (say, lines) = channel();
        watch(child.stdout.take().unwrap(), say.clone());
        watch(child.stderr.take().unwrap(), say);
        Self { child, lines }
    }

    /// Starts the program and waits for a line that holds some text; `None` if it ends before.
    pub fn start_ready(command: &mut Command, ready: &str) -> Option<Self> {
        let running = Self::start(command);
        running.find_line(ready).map(|_| running)
    }

    /// Waits for a line that holds some text, and gives it.
    pub fn line_with(&self, text: &str) -> String {
        self.find_line(text).unwrap_or_else(|| panic!("it ended without saying {text:?}"))
    }

    fn find_line(&self, text: &str) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return Some(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("it did not say {text:?} in {PATIENCE:?}"),
            }
        }
    }

    /// The address in the next `listening on` line.
    pub fn address(&self) -> String {
        self.line_with("listening on ").replace("listening on ", "")
    }

    /// The number the system knows it by.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A line of its `/proc/PID/status`, in millions of bytes. Linux only.
    pub fn memory_mb(&self, line: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let value = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        let kib: u32 = value.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        f64::from(kib) * 1024.0 / 1e6
    }

    /// Kills it without a word, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end (SIGTERM) and waits; gives its exit code.
    pub fn end(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

/// Reads all that a program says, so that it never waits for a reader.
fn watch(output: impl Read + Send + 'static, say: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // A test that has heard enough listens no more; the program goes on.
            let _ = say.send(line);
        }
    });
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `leja` to its end; gives what it printed, and fails the test when it failed.
pub fn leja(arguments: &[&str]) -> String {
    let output = Command::new(built("leja")).args(arguments).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "leja {arguments:?}: {said}");
    printed
}

/// Waits until something is so.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never happened: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Asks an HTTP server that is there; gives status and JSON.
pub fn http(method: &str, url: &str, body: &str) -> (u16, serde_json::Value) {
    try_http(method, url, body).unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

/// Asks an HTTP server that may go away; gives status and JSON.
pub fn try_http(method: &str, url: &str, body: &str) -> std::io::Result<(u16, serde_json::Value)> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = std::net::TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    // A picture is no text; its status is.
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, serde_json::from_str(body).unwrap_or(serde_json::Value::Null)))
}
