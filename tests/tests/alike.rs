//! A hub and an account's functions answer alike: the requests in `tests/recorded/requests.txt`, played in their order
//! against both, get the same status, the same headers and the same body, byte for byte, but for what [`Masks`] says can
//! not be the same and [`KNOWN`] says is not.

use domain::{Actor, FeedItem, ShopId, Timestamp};
use local::safaricom::{Number, Setup, Simulator};
use regex_lite::Regex;
use replica::keys::request_message;
use replica::wire::history::{EnterAnswer, EnterRequest, HistoryAnswer, HistoryRequest};
use replica::wire::{SyncAnswer, SyncRequest};
use replica::{Batch, Head, Keypair};
use reqwest::Client;
use serde_json::Value;
use service::CallbackToken;
use service::auth::{ACTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;
use tests::cloud::Cloud;
use tests::process::{PATIENCE, repository};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// How many requests have to be compared at least.
const COMPARED: usize = 200;
/// Where a hub and an account differ, and are meant to: the request, what the hub says, what the account says, and why.
const KNOWN: [(&str, u16, u16, &str); 7] = [
    ("GET /v1/admin/counts", 200, 404, "functions count in their logs"),
    ("POST /v1/admin/sweep", 200, 404, "an account sweeps by its schedule"),
    ("POST /v1/admin/sweep", 401, 404, "and nobody else can have it sweep"),
    ("GET /openapi.json", 200, 404, "the description is the hub's, which serves all of it"),
    ("GET /nothing", 404, 404, "API Gateway answers by itself where no route takes a request"),
    ("GET /in/<token of kijiji>/c/confirmation", 405, 404, "the same: its route takes POST alone"),
    (
        "GET /v1/shops/mjini/push",
        405,
        404,
        "the method decides which function is asked, and that one has no such path",
    ),
];
/// What a connection has of its own, and no program reads.
const OF_THE_CONNECTION: [&str; 3] = ["date", "content-length", "connection"];

/// One line of the recording.
struct Line {
    who: String,
    method: String,
    path: String,
    body: String,
    /// What later lines need of the answer: its name, and where it stands.
    keep: Option<(String, String)>,
}

fn recorded() -> Vec<Line> {
    let text = std::fs::read_to_string(repository().join("tests/recorded/requests.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Line::read).collect()
}

impl Line {
    fn read(line: &str) -> Self {
        let mut parts = line.split(" | ").map(str::trim);
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (who, what, body, keep) = (next(), next(), next(), next());
        let (method, path) = what.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        let keep = keep.split_once(" = ").map(|(name, at)| (name.to_owned(), at.to_owned()));
        Self { who, method: method.to_owned(), path: path.to_owned(), body, keep }
    }

    /// What it asks, as it is named where answers differ.
    fn what(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What was answered.
#[derive(Clone, PartialEq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}\n    {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

/// One of the two, and what was heard from it.
struct Side {
    cloud: Cloud,
    http: Client,
    _simulator: Arc<Simulator>,
    /// What lines kept of answers, and what they can name from the start.
    kept: BTreeMap<String, String>,
    /// Where each member's feed goes on.
    cursors: BTreeMap<String, Vec<u8>>,
}

impl Side {
    fn start(runtime: &Runtime, start: impl FnOnce(&str) -> Cloud) -> Self {
        let (simulator, safaricom) = runtime.block_on(safaricom());
        let cloud = start(&safaricom);
        let mut kept = BTreeMap::from([("code of platform".to_owned(), cloud.code("platform"))]);
        for who in ["platform", "front", "back", "kiosk", "gone", "office", "stranger"] {
            kept.insert(format!("key of {who}"), hex::encode(key_of(who).public().to_bytes()));
        }
        for shop in ["mjini", "kijiji", "soko"] {
            kept.insert(format!("token of {shop}"), Cloud::token(shop, 0));
            kept.insert(format!("token 1 of {shop}"), Cloud::token(shop, 1));
        }
        kept.insert("wrong token".to_owned(), "0".repeat(32));
        kept.insert("nobody's token".to_owned(), CallbackToken::nobodys().as_str().to_owned());
        kept.insert("stranger".to_owned(), "99".to_owned());
        let http = Client::builder().timeout(PATIENCE).build().unwrap();
        Self { cloud, http, _simulator: simulator, kept, cursors: BTreeMap::new() }
    }

    /// A text with what stands in `< >` filled in.
    fn filled(&self, text: &str) -> String {
        self.kept
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
    }

    fn actor(&self, who: &str) -> Actor {
        self.kept.get(who).unwrap_or_else(|| panic!("{who} is nobody yet")).parse().unwrap()
    }

    /// The body of a request. One that begins with `@` is made: so many bytes, something that is no message, a callback
    /// of the parser's tests, or what replicas say.
    fn body(&self, line: &Line) -> Vec<u8> {
        let Some(made) = line.body.strip_prefix('@') else { return self.filled(&line.body).into() };
        let (what, which) = made.split_once(' ').unwrap_or((made, ""));
        match what {
            "bytes" => vec![b'x'; which.parse().unwrap()],
            "garbage" => (0..200_u8).map(|byte| byte.wrapping_mul(37) ^ 0xa5).collect(),
            "corpus" => {
                let corpus = repository().join("functions/daraja/tests/corpus");
                std::fs::read(corpus.join(which).with_extension("json")).unwrap()
            }
            "sync" => self.sync(&line.who, which),
            "enter" => EnterRequest { days: Some(3), ..EnterRequest::default() }.encode(),
            "history" => self.history(which),
            _ => panic!("no body is made by {made}"),
        }
    }

    /// What a replica asks, which has nothing yet but where its feed was left.
    fn sync(&self, who: &str, which: &str) -> Vec<u8> {
        let cursor = self.cursors.get(who).cloned().unwrap_or_default();
        let writer = which.strip_prefix("of ").unwrap_or(member(who));
        let batch = match which {
            "" | "behind" => None,
            _ => self.batch(writer, which),
        };
        SyncRequest { cursor, behind: which == "behind", batch, ..SyncRequest::default() }.encode()
    }

    /// The first entry of a journal; another one in its place, one that follows nothing, or one that somebody else signed.
    fn batch(&self, who: &str, which: &str) -> Option<Batch> {
        let start = Head::genesis(&ShopId::parse("mjini").unwrap(), self.actor(who));
        let entry = |head: Head, words: &str| head.change(self.actor(who), words.as_bytes().to_vec());
        let first = entry(start, "change");
        match which {
            "fork" => Batch::seal(&[entry(start, "another change")], &key_of(who)),
            "gap" => {
                let second = entry(Head::of(&first), "second");
                Batch::seal(&[entry(Head::of(&second), "third")], &key_of(who))
            }
            "forged" => Batch::seal(&[entry(Head::of(&first), "second")], &key_of("stranger")),
            _ => Batch::seal(&[first], &key_of(who)),
        }
    }

    fn history(&self, which: &str) -> Vec<u8> {
        match which.strip_prefix("of ") {
            Some("payments") => HistoryRequest { feed: Some(Vec::new()), ..HistoryRequest::default() },
            Some(who) => HistoryRequest { journal: Some((self.actor(who), 1)), ..HistoryRequest::default() },
            None => HistoryRequest::default(),
        }
        .encode()
    }

    async fn ask(&mut self, line: &Line) -> Answer {
        let (path, body) = (self.filled(&line.path), self.body(line));
        let json =
            ['{', '['].iter().any(|start| line.body.starts_with(*start)) || line.body.starts_with("@corpus");
        let kind = if json { "application/json" } else { "application/octet-stream" };
        let method = line.method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.cloud.url));
        if !body.is_empty() {
            request = request.header("content-type", kind);
        }
        let signed = path.split('?').next().unwrap_or_default();
        for (name, value) in self.signature(&line.who, (&line.method, signed), &body) {
            request = request.header(name, value);
        }
        let answer = request.body(body).send().await.unwrap();
        let headers = answer.headers().iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
        let text = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let (status, headers) = (answer.status().as_u16(), headers.map(text).collect());
        let answer = Answer { status, headers, body: answer.bytes().await.unwrap().into() };
        self.keep(line, &answer);
        answer
    }

    /// Who asks: a member, as itself or with something wrong, or nobody.
    fn signature(&self, who: &str, (method, path): (&str, &str), body: &[u8]) -> Vec<(&'static str, String)> {
        if who == "nobody" {
            return Vec::new();
        }
        let name = member(who);
        let wrong = who.strip_prefix(name).unwrap_or_default().trim();
        let key = if wrong == "with another key" { key_of("stranger") } else { key_of(name) };
        let actor = self.actor(name).to_string();
        let late = if wrong == "with a wrong clock" { 3_600_000 } else { 0 };
        let at = now().millis() - late;
        let mut signature = hex::encode(key.sign(&request_message(method, path, &actor, at, body)));
        if wrong == "with half a signature" {
            signature.truncate(64);
        }
        let mut headers = vec![(ACTOR_HEADER, actor), (SIGNATURE_HEADER, signature)];
        if wrong != "without a time" {
            headers.push((TIME_HEADER, at.to_string()));
        }
        headers
    }

    fn keep(&mut self, line: &Line, answer: &Answer) {
        if let Some((name, at)) = &line.keep {
            let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let said = said.pointer(at).and_then(Value::as_str);
            let said = said.unwrap_or_else(|| panic!("{} {}: no {at} in {answer:?}", line.who, line.what()));
            self.kept.insert(name.clone(), said.to_owned());
        }
        if line.path.ends_with("/sync")
            && answer.status == 200
            && let Ok(answer) = SyncAnswer::decode(&answer.body)
        {
            self.cursors.insert(line.who.clone(), answer.cursor);
        }
    }
}

/// Whoever is meant by `front with another key`.
fn member(who: &str) -> &str {
    who.split(" with").next().unwrap()
}

/// Everybody has a key of their own; head office has one in all shops.
fn key_of(who: &str) -> Keypair {
    let name = who.split(" at ").next().unwrap();
    let mut seed = [b'.'; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    Keypair::from_seed(&seed)
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// A simulated Safaricom at which time stands still, so that it gives both the same names.
async fn safaricom() -> (Arc<Simulator>, String) {
    let at = Timestamp::parse_daraja("20261121101500").unwrap();
    let simulator = Simulator::with(Setup::by_hand("key", "secret", 7, Arc::new(move || at)));
    simulator.register(Number {
        shortcode: "600638".to_owned(),
        business: "600638".to_owned(),
        passkey: "sesame".to_owned(),
        account: "paybill".to_owned(),
        ..Number::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = simulator.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (simulator, url)
}

/// What can not be the same twice, and what stands in its place when answers are compared.
struct Masks {
    since: Timestamp,
    rules: [(Regex, &'static str); 5],
}

impl Masks {
    fn new() -> Self {
        let rule = |pattern: &str, instead| (Regex::new(pattern).unwrap(), instead);
        let rules = [
            // One-time codes are random.
            rule(r#""code":"[0-9a-f]{20}""#, r#""code":"(code)""#),
            // A licence says when it was signed, and its signature covers that.
            rule(r#""token":"[0-9a-f]{100,}""#, r#""token":"(signed)""#),
            // Seconds until a phone may be asked again.
            rule(r"again in \d+ seconds", "again in (some) seconds"),
            // Instants, where they are no older than this run: what came before it, callbacks above all, says its own.
            rule(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+03:00", "(instant)"),
            rule(r"\b\d{13}\b", "(instant)"),
        ];
        Self { since: now(), rules }
    }

    fn is_of_this_run(&self, text: &str) -> bool {
        match text.parse::<i64>() {
            Ok(millis) => millis >= self.since.millis(),
            // All are written in one way and in one zone: their order is time's.
            Err(_) => !text.contains('T') || text >= self.since.to_string().as_str(),
        }
    }

    /// The answer with its masks on, and how many bytes those took.
    fn on(&self, answer: &Answer, path: &str) -> (Answer, usize) {
        if let Some(body) = self.on_binary(&answer.body, path).filter(|_| answer.status == 200) {
            return (Answer { body, ..answer.clone() }, 0);
        }
        let Ok(text) = std::str::from_utf8(&answer.body) else { return (answer.clone(), 0) };
        let (mut text, mut taken) = (text.to_owned(), 0);
        for (pattern, instead) in &self.rules {
            let masked = pattern.replace_all(&text, |found: &regex_lite::Captures| {
                if !self.is_of_this_run(&found[0]) {
                    return found[0].to_owned();
                }
                taken += found[0].len();
                (*instead).to_owned()
            });
            text = masked.into_owned();
        }
        (Answer { body: text.into(), ..answer.clone() }, taken)
    }

    /// What replicas hear: the cloud's clock, when it received what it tells, and cursors, which only a store can read.
    fn on_binary(&self, body: &[u8], path: &str) -> Option<Vec<u8>> {
        let blank = |cursor: &[u8]| if cursor.is_empty() { Vec::new() } else { b"cursor".to_vec() };
        match path.rsplit('/').next()? {
            "sync" => {
                let it = SyncAnswer::decode(body).ok()?;
                assert_eq!(it.encode(), body, "what is masked is the whole answer");
                let (cursor, feed) = (blank(&it.cursor), self.feed(it.feed));
                Some(SyncAnswer { now: self.since, cursor, feed, ..it }.encode())
            }
            "enter" => {
                // Its cursors stand at instants, which before the first payment need not be told.
                let it = EnterAnswer::decode(body).ok()?;
                Some(EnterAnswer { now: self.since, cursor: Vec::new(), older: Vec::new(), ..it }.encode())
            }
            "history" => {
                let it = HistoryAnswer::decode(body).ok()?;
                let (cursor, feed) = (it.cursor.as_deref().map(blank), self.feed(it.feed));
                Some(HistoryAnswer { cursor, feed, ..it }.encode())
            }
            _ => None,
        }
    }

    fn feed(&self, mut feed: Vec<FeedItem>) -> Vec<FeedItem> {
        for item in &mut feed {
            assert!(item.received_at() >= self.since, "{item:?}");
            let evidence = match item {
                FeedItem::Arrival(evidence) => Some(evidence),
                FeedItem::PushResult(result) => {
                    result.received_at = self.since;
                    result.evidence.as_mut()
                }
                FeedItem::PushQuery(query) => {
                    query.received_at = self.since;
                    None
                }
                FeedItem::Reversal(reversal) => {
                    reversal.received_at = self.since;
                    None
                }
                FeedItem::Retraction(retraction) => {
                    retraction.received_at = self.since;
                    None
                }
            };
            if let Some(evidence) = evidence {
                evidence.received_at = self.since;
            }
        }
        feed
    }
}

/// What the two said, all in all.
#[derive(Default)]
struct Tally {
    alike: usize,
    untouched: usize,
    known: BTreeSet<usize>,
    different: Vec<String>,
    /// What was asked, with the status that came.
    asked: BTreeSet<(String, String, u16)>,
}

impl Tally {
    fn compare(&mut self, masks: &Masks, line: &Line, hub: &Answer, account: &Answer) {
        self.asked.insert((line.method.clone(), line.path.clone(), hub.status));
        let known = KNOWN.iter().position(|(what, ours, theirs, _)| {
            (*what, *ours, *theirs) == (line.what().as_str(), hub.status, account.status)
        });
        if let Some(known) = known {
            self.known.insert(known);
            return;
        }
        let ((one, taken), (other, _)) = (masks.on(hub, &line.path), masks.on(account, &line.path));
        if one != other {
            let what = format!("{} | {} | {}", line.who, line.what(), line.body);
            self.different.push(format!("{what}\n  hub {one:?}\n  account {other:?}\n"));
            return;
        }
        let all = hub.body.len();
        assert!(taken * 5 <= all * 4, "{}: masks take {taken} of {all} bytes", line.what());
        self.alike += 1;
        self.untouched += usize::from(one.body == hub.body && hub.body == account.body);
    }
}

#[test]
fn a_hub_and_an_account_answer_the_recorded_requests_byte_for_byte_alike() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = Runtime::new().unwrap();
    let (masks, lines) = (Masks::new(), recorded());
    let (mut hub, mut account) = (Side::start(&runtime, Cloud::hub), Side::start(&runtime, Cloud::account));
    let mut tally = Tally::default();
    for line in &lines {
        let answers = runtime.block_on(async { (hub.ask(line).await, account.ask(line).await) });
        tally.compare(&masks, line, &answers.0, &answers.1);
    }
    let described = Line::read("nobody | GET /openapi.json");
    let described = runtime.block_on(hub.ask(&described)).body;

    let different = tally.different.join("\n");
    assert!(tally.different.is_empty(), "{} of {} differ:\n{different}", tally.different.len(), lines.len());
    assert!(tally.alike >= COMPARED, "only {} were compared", tally.alike);
    assert!(
        tally.untouched * 4 >= tally.alike * 3,
        "only {} of {} without a mask",
        tally.untouched,
        tally.alike
    );
    let unused: Vec<_> =
        (0..KNOWN.len()).filter(|known| !tally.known.contains(known)).map(|it| KNOWN[it]).collect();
    assert!(unused.is_empty(), "these differ no more: {unused:?}");
    let described = serde_json::from_slice(&described).unwrap();
    assert_eq!(not_asked(&described, &tally.asked), [""; 0]);
}

/// What of the described API nobody asked, with good input and with bad.
fn not_asked(described: &Value, asked: &BTreeSet<(String, String, u16)>) -> Vec<String> {
    let mut missing = Vec::new();
    for (template, methods) in described["paths"].as_object().unwrap() {
        let fits = |path: &str| {
            let path = path.split('?').next().unwrap_or_default();
            let as_long = template.split('/').count() == path.split('/').count();
            as_long
                && template.split('/').zip(path.split('/')).all(|(own, it)| own == it || own.starts_with('{'))
        };
        for method in methods.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            let statuses: Vec<u16> =
                asked.iter().filter(|it| it.0 == method && fits(&it.1)).map(|it| it.2).collect();
            let (good, bad) = (statuses.contains(&200), statuses.iter().any(|status| *status >= 400));
            if !good || !bad {
                missing.push(format!("{method} {template}: {statuses:?}"));
            }
        }
    }
    missing
}
