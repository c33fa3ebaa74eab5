//! A real browser, driven as a person drives it: find by test id, tap, type, read, and wait for what must
//! come. It speaks WebDriver to Debian's Chromium; the calls block, so that tests read as stories.

use crate::process::{PATIENCE, Running, until};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// As small and quiet as it gets; pages in the background must live on as those in front do.
const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
];

/// A screen: width and height.
pub type Screen = (u32, u32);
/// A screen on a counter.
pub const COUNTER: Screen = (1280, 800);
/// A phone.
pub const PHONE: Screen = (390, 844);

/// A browser with a profile of its own. It ends when the test ends, however it ends.
pub struct Browser {
    session: String,
    driver: Driver,
    _profile: tempfile::TempDir,
}

/// What carries commands to the browser.
struct Driver {
    http: Client,
    _program: Running,
}

/// A page in a window of its own.
pub struct Page<'a> {
    browser: &'a Browser,
    window: String,
    address: String,
}

impl Browser {
    /// Starts it.
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        // What Chromium leaves behind goes with the profile.
        let program = Running::start(command.arg("--port=0").env("TMPDIR", profile.path()));
        let said = program.line_with("started successfully on port");
        let port = said.rsplit(' ').next().unwrap().trim_end_matches('.');
        let sessions = format!("http://127.0.0.1:{port}/session");
        let driver = Driver::to(program);
        let mut flags = FLAGS.map(ToOwned::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let begun = driver.ask("POST", &sessions, &wanted).unwrap();
        let session = format!("{sessions}/{}", begun["sessionId"].as_str().unwrap());
        Self { driver, session, _profile: profile }
    }

    /// Opens a page on a counter's screen.
    pub fn open(&self, address: &str) -> Page<'_> {
        let window = self.ask("POST", "window/new", &json!({ "type": "window" })).unwrap();
        let window = window["handle"].as_str().unwrap().to_owned();
        let page = Page { browser: self, window, address: address.to_owned() };
        page.on(COUNTER);
        page.go("");
        page
    }

    /// What the pages complained about since it was last asked: broken scripts, what the policy forbids.
    /// Answers with an error status are no complaint: the tests provoke them.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ask("POST", "se/log", &json!({ "type": "browser" })).unwrap();
        let serious = |entry: &&Value| entry["level"] == "SEVERE" && entry["source"] != "network";
        log.as_array().unwrap().iter().filter(serious).map(Value::to_string).collect()
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        self.driver.ask(method, &format!("{}/{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Only a session that was ended takes its Chromium with it.
        let _ = self.driver.ask("DELETE", &self.session, &Value::Null);
    }
}

impl Page<'_> {
    /// Goes to a place of the page, such as `#sale/…`.
    pub fn go(&self, place: &str) {
        let url = format!("{}/{place}", self.address);
        self.ask("POST", "url", &json!({ "url": url })).unwrap();
    }

    /// Taps what has a test id.
    pub fn click(&self, testid: &str) {
        until(&format!("{testid} can be tapped"), || self.try_click(testid).ok());
    }

    /// Replaces what an input holds.
    pub fn fill(&self, testid: &str, text: &str) {
        until(&format!("{testid} can be filled"), || self.try_fill(testid, text).ok());
    }

    /// Chooses from a list.
    pub fn choose(&self, testid: &str, value: &str) {
        let option = format!("{} option[value=\"{value}\"]", selector(testid));
        until(&format!("{value} can be chosen"), || self.act_on(&option, "click", &json!({})).ok());
    }

    /// What a person reads there; `None` where nothing is to be seen.
    pub fn text(&self, testid: &str) -> Option<String> {
        let script = "const node = document.querySelector(arguments[0]);
                      return node?.checkVisibility() ? node.innerText.replaceAll('\\u00a0', ' ') : null;";
        self.run(script, &json!([selector(testid)])).as_str().map(ToOwned::to_owned)
    }

    /// An attribute of what has a test id.
    pub fn attribute(&self, testid: &str, name: &str) -> Option<String> {
        let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null;";
        self.run(script, &json!([selector(testid), name])).as_str().map(ToOwned::to_owned)
    }

    /// Waits until some text is to be read there; gives all that is.
    pub fn until_text(&self, testid: &str, part: &str) -> String {
        let what = format!("{testid} says {part:?}");
        self.until(&what, || self.text(testid).filter(|text| text.contains(part)))
    }

    /// Waits until a state is shown there.
    pub fn until_state(&self, testid: &str, state: &str) {
        let shown = || self.attribute(testid, "data-state").filter(|shown| shown == state);
        self.until(&format!("{testid} is {state}"), shown);
    }

    /// Waits until there is nothing to be seen there.
    pub fn until_gone(&self, testid: &str) {
        self.until(&format!("{testid} is gone"), || self.text(testid).is_none().then_some(()));
    }

    /// Runs a script in the page and gives what it returns.
    pub fn run(&self, script: &str, arguments: &Value) -> Value {
        self.ask("POST", "execute/sync", &json!({ "script": script, "args": arguments })).unwrap()
    }

    /// Shows the page on a screen.
    pub fn on(&self, screen: Screen) {
        let (width, height) = screen;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics });
        self.ask("POST", "goog/cdp/execute", &command).unwrap();
    }

    /// How many pixels of the page hang over the right edge.
    pub fn overhang(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth;";
        self.run(script, &json!([])).as_i64().unwrap()
    }

    /// Writes what is to be seen as a PNG file.
    pub fn picture(&self, file: &Path) {
        let picture = self.ask("GET", "screenshot", &Value::Null).unwrap();
        std::fs::write(file, BASE64_STANDARD.decode(picture.as_str().unwrap()).unwrap()).unwrap();
    }

    /// Waits for the page; when nothing comes, the test says what the page showed instead.
    fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        let _told_on_failure = Shows(self);
        until(what, look)
    }

    fn try_click(&self, testid: &str) -> Result<(), String> {
        self.act_on(&selector(testid), "click", &json!({}))
    }

    fn try_fill(&self, testid: &str, text: &str) -> Result<(), String> {
        self.act_on(&selector(testid), "clear", &json!({}))?;
        self.act_on(&selector(testid), "value", &json!({ "text": text }))
    }

    /// Fails where the thing is not there, is covered, or was just painted anew; nothing has happened then.
    fn act_on(&self, css: &str, action: &str, body: &Value) -> Result<(), String> {
        let found = self.ask("POST", "element", &json!({ "using": "css selector", "value": css }))?;
        let element = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        let path = format!("element/{}/{action}", element.ok_or("no element")?);
        self.ask("POST", &path, body).map(drop)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        self.browser.ask("POST", "window", &json!({ "handle": self.window }))?;
        self.browser.ask(method, path, body)
    }
}

/// Says what a page shows when a test fails while waiting for it.
struct Shows<'a>(&'a Page<'a>);

impl Drop for Shows<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let script = json!({ "script": "return document.body.innerText;", "args": [] });
            let text = self.0.ask("POST", "execute/sync", &script).unwrap_or_default();
            eprintln!("{} showed:\n{}", self.0.address, text.as_str().unwrap_or_default());
        }
    }
}

/// A test id as CSS; with a `*` at its end, the first that begins so.
fn selector(testid: &str) -> String {
    match testid.strip_suffix('*') {
        Some(start) => format!("[data-testid^=\"{start}\"]"),
        None => format!("[data-testid=\"{testid}\"]"),
    }
}

impl Driver {
    fn to(program: Running) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: Client::builder().timeout(PATIENCE).build().unwrap(), _program: program }
    }

    /// Asks something; an error as the driver names it.
    fn ask(&self, method: &str, url: &str, body: &Value) -> Result<Value, String> {
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer: Value = request.send().and_then(|answer| answer.json()).map_err(|e| e.to_string())?;
        let value = answer["value"].clone();
        // Only an error carries this.
        if value["stacktrace"].is_null() { Ok(value) } else { Err(value["message"].to_string()) }
    }
}
