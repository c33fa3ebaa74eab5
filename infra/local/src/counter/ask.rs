//! The way to a running till, and names that people use.

use crate::Failure;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use service::safaricom::http_client;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a till may take. What asks the cloud waits for it no longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running till, asked by somebody.
pub(super) struct Counter {
    http: Client,
    runtime: Handle,
    till: String,
    pub(super) by: String,
    json: bool,
}

impl Counter {
    pub(super) fn at(till: &str, by: String, json: bool) -> Result<Self, Failure> {
        let (http, runtime) = (http_client()?, Handle::current());
        Ok(Self { http, runtime, till: till.trim_end_matches('/').to_owned(), by, json })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer(self.request(Method::GET, path))
    }

    pub(super) fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        let asked =
            self.request(Method::POST, path).header("idempotency-key", new_key()?).json(&self.signed(body));
        // The till does the same request once, however often it comes: an answer that was lost is asked for again.
        match asked.try_clone() {
            Some(again) => self.answer(asked).or_else(|failed| match failed.is::<Lost>() {
                true => self.answer(again),
                false => Err(failed),
            }),
            None => self.answer(asked),
        }
    }

    /// Prints an answer: as it came, for programs, or as people read it.
    pub(super) fn show(&self, answer: &Value, print: impl FnOnce(&Value)) -> Result<(), Failure> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(answer)?);
        } else {
            print(answer);
        }
        Ok(())
    }

    /// The sale that people call `A42`, as the API names it; that name is taken as well.
    pub(super) fn sale(&self, named: &str) -> Result<String, Failure> {
        let typed = named.trim();
        let digits = typed.find(|c: char| c.is_ascii_digit()).unwrap_or_default();
        let (letter, number) = typed.split_at(digits);
        if letter.is_empty() && typed.contains('-') {
            return Ok(typed.to_owned());
        }
        if letter.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{typed} names no sale: type what its receipt says, such as A42").into());
        }
        let status = self.get("/v1/status")?;
        let shops = status["shops"].as_array().into_iter().flatten();
        let mut members = shops.flat_map(|shop| shop["members"].as_array().into_iter().flatten());
        let named_so = |it: &&Value| text(it, "letter").eq_ignore_ascii_case(letter);
        let till = members.find(named_so).ok_or_else(|| {
            format!("no till of this shop has the letter {letter}: `leja till sales` lists the sales")
        })?;
        Ok(format!("{}-{number}", text(till, "actor")))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.till)).timeout(PATIENCE)
    }

    fn signed(&self, mut body: Value) -> Value {
        if !self.by.is_empty() && body["by"].is_null() {
            body["by"] = json!(self.by);
        }
        body
    }

    fn answer(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let answer = self.runtime.block_on(request.send()).map_err(|error| -> Failure {
            let till = &self.till;
            if error.is_connect() || error.is_builder() {
                let what = "start it with `leja till --data FOLDER`, or name another with --till";
                return format!("no till answers at {till}: {what}").into();
            }
            Lost(till.clone()).into()
        })?;
        let status = answer.status();
        let body = self.runtime.block_on(answer.text()).map_err(|_| Lost(self.till.clone()))?;
        let read = serde_json::from_str::<Value>(&body);
        if !status.is_success() {
            let title = read.as_ref().ok().and_then(|problem| problem["title"].as_str());
            return Err(title.unwrap_or("the till refused, and did not say why").to_owned().into());
        }
        read.map_err(|_| format!("what answers at {} is no till", self.till).into())
    }
}

/// The till took the request, perhaps, and the answer was lost.
#[derive(Debug)]
struct Lost(String);

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the till at {} did not answer in time: look what it did before you ask again", self.0)
    }
}

impl std::error::Error for Lost {}

fn new_key() -> Result<String, Failure> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| format!("no randomness: {error}"))?;
    Ok(hex::encode(random))
}

/// A text of an answer; empty where there is none.
pub(super) fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_default()
}

/// A list of an answer.
pub(super) fn list<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer[name].as_array().into_iter().flatten()
}

/// Whether an answer says yes.
pub(super) fn yes(answer: &Value, name: &str) -> bool {
    answer[name].as_bool().unwrap_or_default()
}
