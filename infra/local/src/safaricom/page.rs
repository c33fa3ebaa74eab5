//! A page to act as a customer, to switch faults and customers, and to see what became of everything.

use super::books::Transaction;
use super::numbers::Number;
use super::odds::{Fault, Habit, Named, Odds};
use super::statement::Layout;
use super::{Customers, Pay, Simulator, State};
use axum::extract::{Query, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many transactions the page shows.
const SHOWN: usize = 40;

pub(super) fn router(simulator: &Arc<Simulator>) -> Router {
    Router::new()
        .route("/", get(|| async { Html(include_str!("../../pages/safaricom.html")) }))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/simulator/status", get(status))
        .route("/simulator/pay", post(pay))
        .route("/simulator/customers", post(customers))
        .route("/simulator/faults", post(faults))
        .route("/simulator/habits", post(habits))
        .route("/simulator/numbers", post(numbers))
        .route("/simulator/statement", get(statement))
        .with_state(Arc::clone(simulator))
}

async fn status(Shared(simulator): Shared<Arc<Simulator>>) -> Json<Value> {
    Json(simulator.state().status())
}

async fn pay(Shared(simulator): Shared<Arc<Simulator>>, Json(pay): Json<Pay>) -> Response {
    match simulator.pay(&pay).await {
        Ok(paid) => Json(json!({ "receipt": paid.receipt, "outcome": paid.outcome })).into_response(),
        Err(why) => refuse(why),
    }
}

async fn customers(Shared(simulator): Shared<Arc<Simulator>>, Json(form): Json<Customers>) -> Json<Value> {
    simulator.customers(form);
    Json(simulator.state().status())
}

/// Sets the faults that are named; the others stay as they are.
async fn faults(
    Shared(simulator): Shared<Arc<Simulator>>,
    Json(form): Json<BTreeMap<String, u8>>,
) -> Response {
    let mut state = simulator.state();
    set(&mut state.faults, &form).map_or_else(refuse, |()| Json(state.status()).into_response())
}

async fn habits(
    Shared(simulator): Shared<Arc<Simulator>>,
    Json(form): Json<BTreeMap<String, u8>>,
) -> Response {
    let mut state = simulator.state();
    set(&mut state.habits, &form).map_or_else(refuse, |()| Json(state.status()).into_response())
}

fn set<K: Named>(odds: &mut Odds<K>, form: &BTreeMap<String, u8>) -> Result<(), &'static str> {
    let named = form.iter().map(|(name, percent)| K::of(name).map(|what| (what, *percent)));
    let named: Option<Vec<_>> = named.collect();
    for (what, percent) in named.ok_or("one of these names is unknown")? {
        odds.set(what, percent);
    }
    Ok(())
}

/// Makes a number known, or changes it.
async fn numbers(Shared(simulator): Shared<Arc<Simulator>>, Json(mut number): Json<Number>) -> Json<Value> {
    if number.business.is_empty() {
        number.business.clone_from(&number.shortcode);
    }
    simulator.register(number);
    Json(simulator.state().status())
}

#[derive(Deserialize)]
struct Wanted {
    shortcode: String,
    layout: Layout,
}

async fn statement(Shared(simulator): Shared<Arc<Simulator>>, Query(wanted): Query<Wanted>) -> Response {
    let Some(text) = simulator.statement(&wanted.shortcode, wanted.layout) else {
        return refuse("nobody has this number");
    };
    let file = format!("attachment; filename=\"ORG_{}_Utility.csv\"", wanted.shortcode);
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, file)];
    (headers, text).into_response()
}

fn refuse(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "title": why, "status": 400 }))).into_response()
}

impl State {
    fn status(&self) -> Value {
        let number = |n: &Number| json!({ "shortcode": n.shortcode, "name": n.name, "account": n.account });
        let numbers: Vec<Value> = self.numbers.iter().map(number).collect();
        let transactions: Vec<Value> = self.books.newest().take(SHOWN).map(|t| self.shown_line(t)).collect();
        json!({
            "customers": self.customers,
            "numbers": numbers,
            "faults": switches(&self.faults, Fault::ALL),
            "habits": switches(&self.habits, Habit::ALL),
            "transactions": transactions,
            "log": self.log,
        })
    }

    fn shown_line(&self, line: &Transaction) -> Value {
        let about = self.sent.values().filter(|sent| sent.about == line.receipt);
        let callbacks: Vec<Value> = about
            .map(|sent| json!({ "what": sent.what.words(), "again": sent.again, "fate": sent.fate.words() }))
            .collect();
        json!({
            "receipt": line.receipt,
            "at": line.completed.to_string(),
            "shortcode": line.shortcode,
            "kind": line.kind.words(),
            "status": format!("{:?}", line.status),
            "moved": line.moved().to_string(),
            "balance": line.balance.to_string(),
            "reversed": self.books.is_reversed(&line.receipt),
            "callbacks": callbacks,
        })
    }
}

fn switches<K: Named>(odds: &Odds<K>, all: &[K]) -> Vec<Value> {
    let one =
        |what: &K| json!({ "name": what.name(), "means": what.means(), "percent": odds.percent(*what) });
    all.iter().map(one).collect()
}
