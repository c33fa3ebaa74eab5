//! A page to act as a customer, and to switch the customers that act by themselves.

use super::{Customers, Pay, Simulator};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn router(simulator: Arc<Simulator>) -> Router {
    Router::new()
        .route("/", get(|| async { Html(include_str!("../../pages/safaricom.html")) }))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/simulator/status", get(status))
        .route("/simulator/pay", post(pay))
        .route("/simulator/customers", post(customers))
        .with_state(simulator)
}

async fn status(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    Json(simulator.status())
}

async fn pay(State(simulator): State<Arc<Simulator>>, Json(pay): Json<Pay>) -> (StatusCode, Json<Value>) {
    match simulator.pay(&pay).await {
        Ok(receipt) => (StatusCode::OK, Json(json!({ "receipt": receipt }))),
        Err(why) => (StatusCode::BAD_REQUEST, Json(json!({ "title": why, "status": 400 }))),
    }
}

async fn customers(State(simulator): State<Arc<Simulator>>, Json(form): Json<Customers>) -> Json<Value> {
    simulator.customers(form);
    Json(simulator.status())
}

impl Simulator {
    fn status(&self) -> Value {
        let state = self.state();
        let number =
            |n: &super::Number| json!({ "shortcode": n.shortcode, "name": n.name, "account": n.account });
        let numbers: Vec<Value> = state.numbers.iter().map(number).collect();
        json!({ "customers": state.customers, "numbers": numbers, "log": state.log })
    }
}
