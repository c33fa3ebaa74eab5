//! A real browser, driven as a person drives it: find by test id, tap, type, read, and wait for what must
//! come. It speaks WebDriver to Debian's Chromium; the calls block, so that tests read as stories.

use crate::process::{PATIENCE, Running, until};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use tokio::runtime::Runtime;

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

type Answer<T> = Result<T, CmdError>;

/// A browser with a profile of its own. It ends when the test ends, however it ends.
pub struct Browser {
    client: Client,
    runtime: Runtime,
    _driver: Running,
    _profile: tempfile::TempDir,
}

/// A page in a window of its own.
pub struct Page<'a> {
    browser: &'a Browser,
    window: WindowHandle,
    address: String,
}

impl Browser {
    /// Starts it.
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        // It begins a new profile here, and what Chromium leaves behind goes with it.
        let driver = Running::start(command.arg("--port=0").env("TMPDIR", profile.path()));
        let said = driver.line_with("started successfully on port");
        let port = said.rsplit(' ').next().unwrap().trim_end_matches('.');
        let wanted = json!({
            "goog:chromeOptions": { "args": FLAGS },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(wanted.as_object().unwrap().clone());
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(builder.connect(&format!("http://127.0.0.1:{port}"))).unwrap();
        Self { client, runtime, _driver: driver, _profile: profile }
    }

    /// Opens a page on a counter's screen.
    pub fn open(&self, address: &str) -> Page<'_> {
        let window = self.ask(self.client.new_window(false)).unwrap().handle;
        let page = Page { browser: self, window, address: address.to_owned() };
        page.on(COUNTER);
        page.go("");
        page
    }

    /// What the pages complained about since it was last asked: broken scripts, what the policy forbids.
    /// Answers with an error status are no complaint: the tests provoke them.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ask(self.client.issue_cmd(Own("se/log", json!({ "type": "browser" })))).unwrap();
        let serious = |entry: &&Value| entry["level"] == "SEVERE" && entry["source"] != "network";
        log.as_array().unwrap().iter().filter(serious).map(Value::to_string).collect()
    }

    fn ask<T>(&self, question: impl Future<Output = Answer<T>>) -> Answer<T> {
        let answer = async { tokio::time::timeout(PATIENCE, question).await };
        self.runtime.block_on(answer).unwrap_or(Err(CmdError::WaitTimeout))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Only a session that was ended takes its Chromium with it.
        let _ = self.ask(self.client.clone().close());
    }
}

impl Page<'_> {
    /// Goes to a place of the page, such as `#sale/…`.
    pub fn go(&self, place: &str) {
        self.ask(self.browser.client.goto(&format!("{}/{place}", self.address))).unwrap();
    }

    /// Taps what has a test id, once it is not busy with a tap before: the page ignores another one meanwhile.
    pub fn click(&self, testid: &str) {
        let idle = format!("{}:not([aria-busy=true], [aria-busy=true] *)", selector(testid));
        let click = async || self.find(&idle).await?.click().await;
        until(&format!("{testid} can be tapped"), || self.ask(click()).ok());
    }

    /// Replaces what an input holds.
    pub fn fill(&self, testid: &str, text: &str) {
        self.act(testid, async |element| {
            element.clear().await?;
            element.send_keys(text).await
        });
    }

    /// Chooses from a list.
    pub fn choose(&self, testid: &str, value: &str) {
        self.act(testid, async |element| element.select_by_value(value).await);
    }

    /// What a person reads there; `None` where nothing is to be seen.
    pub fn text(&self, testid: &str) -> Option<String> {
        let script = "const node = document.querySelector(arguments[0]);
                      return node?.checkVisibility() ? node.innerText.replaceAll('\\u00a0', ' ') : null;";
        self.run(script, vec![json!(selector(testid))]).as_str().map(ToOwned::to_owned)
    }

    /// An attribute of what has a test id.
    pub fn attribute(&self, testid: &str, name: &str) -> Option<String> {
        self.ask(async { self.find(&selector(testid)).await?.attr(name).await }).ok().flatten()
    }

    /// Waits until some text is to be read there; gives all that is.
    pub fn until_text(&self, testid: &str, part: &str) -> String {
        let what = format!("{testid} says {part:?}");
        until(&what, || self.text(testid).filter(|text| text.contains(part)))
    }

    /// Waits until a state is shown there.
    pub fn until_state(&self, testid: &str, state: &str) {
        let shown = || self.attribute(testid, "data-state").filter(|shown| shown == state);
        until(&format!("{testid} is {state}"), shown);
    }

    /// Waits until there is nothing to be seen there.
    pub fn until_gone(&self, testid: &str) {
        until(&format!("{testid} is gone"), || self.text(testid).is_none().then_some(()));
    }

    /// Runs a script in the page and gives what it returns.
    pub fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.ask(self.browser.client.execute(script, arguments)).unwrap()
    }

    /// Shows the page on a screen.
    pub fn on(&self, screen: Screen) {
        let (width, height) = screen;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics });
        self.ask(self.browser.client.issue_cmd(Own("goog/cdp/execute", command))).unwrap();
    }

    /// How many pixels of the page hang over the right edge.
    pub fn overhang(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth;";
        self.run(script, vec![]).as_i64().unwrap()
    }

    /// Writes what is to be seen as a PNG file.
    pub fn picture(&self, file: &Path) {
        std::fs::write(file, self.ask(self.browser.client.screenshot()).unwrap()).unwrap();
    }

    /// Tries until it succeeds: the thing may not be there yet, be covered, or be painted anew just then.
    fn act(&self, testid: &str, action: impl AsyncFn(Element) -> Answer<()>) {
        let act = async || action(self.find(&selector(testid)).await?).await;
        until(&format!("{testid} can be used"), || self.ask(act()).ok());
    }

    async fn find(&self, css: &str) -> Answer<Element> {
        self.browser.client.find(Locator::Css(css)).await
    }

    fn ask<T>(&self, question: impl Future<Output = Answer<T>>) -> Answer<T> {
        self.browser.ask(async {
            self.browser.client.switch_to_window(self.window.clone()).await?;
            question.await
        })
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        // A test that fails says what its pages showed.
        if std::thread::panicking() {
            let text = self.ask(async { self.find("body").await?.text().await });
            eprintln!("{} showed:\n{}", self.address, text.unwrap_or_default());
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

/// A command of chromedriver's own, beyond the standard: its place and what it is told.
#[derive(Debug)]
struct Own(&'static str, Value);

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/{}", session.unwrap(), self.0))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}
