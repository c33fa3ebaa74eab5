//! Daraja's endpoints, with the rules that bite: tokens, passwords, fields.

use super::{Number, Pay, Simulator, now};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long a simulated customer looks at the prompt.
const THINKING: Duration = Duration::from_millis(1500);

pub(super) fn router(simulator: Arc<Simulator>) -> Router {
    Router::new()
        .route("/oauth/v1/generate", get(token))
        .route("/mpesa/stkpush/v1/processrequest", post(stk_push))
        .route("/mpesa/c2b/v1/registerurl", post(register))
        .route("/mpesa/c2b/v2/registerurl", post(register))
        .with_state(simulator)
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "PascalCase")]
struct Push {
    business_short_code: String,
    password: String,
    timestamp: String,
    amount: String,
    party_b: String,
    phone_number: String,
    #[serde(rename = "CallBackURL")]
    callback_url: String,
    account_reference: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Register {
    short_code: String,
    response_type: String,
    #[serde(rename = "ConfirmationURL")]
    confirmation_url: String,
}

type Answer = (StatusCode, Json<Value>);

async fn token(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let expected = STANDARD.encode(format!("{}:{}", simulator.consumer_key, simulator.consumer_secret));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(&format!("Basic {expected}")) {
        // Wrong keys get an empty body, as from the real one.
        return Err(StatusCode::BAD_REQUEST);
    }
    let mut state = simulator.state();
    let token = format!("{:028x}", state.random.u128(..) >> 16);
    state.token = Some(token.clone());
    state.tokens = state.tokens.saturating_add(1);
    Ok(Json(json!({ "access_token": token, "expires_in": "3599" })))
}

async fn stk_push(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
    body: Result<Json<Push>, axum::extract::rejection::JsonRejection>,
) -> Answer {
    if !simulator.knows(&headers) {
        return error(StatusCode::NOT_FOUND, "404.001.03", "Invalid Access Token");
    }
    let Ok(Json(push)) = body else {
        return error(StatusCode::BAD_REQUEST, "400.002.02", "Bad Request - Invalid body");
    };
    let number = match simulator.accepts(&push) {
        Ok(number) => number,
        Err((code, message)) => return error(StatusCode::BAD_REQUEST, code, message),
    };
    let (merchant, checkout) = simulator.name_push();
    simulator.log(format!("prompt for KES {} from {}", push.amount, number.shortcode));
    let answer = json!({
        "MerchantRequestID": merchant,
        "CheckoutRequestID": checkout,
        "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing",
        "CustomerMessage": "Success. Request accepted for processing",
    });
    tokio::spawn(async move { simulator.prompt(push, number, merchant, checkout).await });
    (StatusCode::OK, Json(answer))
}

async fn register(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
    Json(form): Json<Register>,
) -> Answer {
    if !simulator.knows(&headers) {
        return error(StatusCode::BAD_REQUEST, "400.003.01", "Invalid Access Token");
    }
    if !matches!(form.response_type.as_str(), "Completed" | "Cancelled") {
        return error(StatusCode::BAD_REQUEST, "400.003.02", "Bad Request - Invalid ResponseType");
    }
    let unknown = || Number {
        business: form.short_code.clone(),
        passkey: "demo-passkey".to_owned(),
        name: form.short_code.clone(),
        account: "paybill".to_owned(),
        shortcode: form.short_code.clone(),
        confirmation_url: String::new(),
    };
    let number = simulator.number(&form.short_code).unwrap_or_else(unknown);
    simulator.register(Number { confirmation_url: form.confirmation_url, ..number });
    let answer = json!({
        "OriginatorCoversationID": "sim", "ResponseCode": "0", "ResponseDescription": "Success",
    });
    (StatusCode::OK, Json(answer))
}

impl Simulator {
    fn knows(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        given.is_some() && given == self.state().token.as_deref()
    }

    fn accepts(&self, push: &Push) -> Result<Number, (&'static str, &'static str)> {
        let number =
            self.number(&push.business_short_code).filter(|n| n.business == push.business_short_code);
        let number = number.ok_or(("500.001.1001", "Merchant does not exist"))?;
        let password = format!("{}{}{}", number.business, number.passkey, push.timestamp);
        if push.password != STANDARD.encode(password) {
            return Err(("500.001.1001", "Wrong credentials"));
        }
        if push.amount.parse::<u32>().map_or(true, |amount| amount == 0) {
            return Err(("400.002.02", "Bad Request - Invalid Amount"));
        }
        if push.party_b != number.shortcode || push.account_reference.len() > 12 {
            return Err(("400.002.02", "Bad Request - Invalid PartyB or AccountReference"));
        }
        Ok(number)
    }

    fn name_push(&self) -> (String, String) {
        let mut state = self.state();
        state.pushes = state.pushes.saturating_add(1);
        let random = state.random.u64(..);
        let stamp = now().to_daraja();
        (format!("29115-{}-1", state.pushes), format!("ws_CO_{stamp}{random:016x}"))
    }

    /// What the customer does with the prompt: by the last digit of the phone, 1 cancels, 2 has no funds,
    /// 3 never answers; everybody else pays, and the payment is confirmed over C2B as well.
    async fn prompt(&self, push: Push, number: Number, merchant: String, checkout: String) {
        tokio::time::sleep(THINKING).await;
        let (code, words) = match push.phone_number.chars().last() {
            Some('1') => (1032, "Request cancelled by user"),
            Some('2') => (1, "The balance is insufficient for the transaction"),
            Some('3') => return self.log("the customer does not answer the prompt".to_owned()),
            _ => (0, "The service request is processed successfully."),
        };
        let receipt = self.receipt(now());
        let mut callback = json!({
            "MerchantRequestID": merchant, "CheckoutRequestID": checkout, "ResultCode": code, "ResultDesc": words,
        });
        if code == 0 {
            let amount: u32 = push.amount.parse().unwrap_or(0);
            let phone: u64 = push.phone_number.parse().unwrap_or(0);
            let date: u64 = now().to_daraja().parse().unwrap_or(0);
            callback["CallbackMetadata"] = json!({ "Item": [
                { "Name": "Amount", "Value": amount },
                { "Name": "MpesaReceiptNumber", "Value": receipt },
                { "Name": "Balance" },
                { "Name": "TransactionDate", "Value": date },
                { "Name": "PhoneNumber", "Value": phone },
            ]});
        }
        self.log(format!("prompt ended with {code}"));
        self.post(&push.callback_url, &json!({ "Body": { "stkCallback": callback } })).await;
        if code == 0 {
            let pay = Pay {
                shortcode: number.shortcode.clone(),
                amount: push.amount,
                phone: Some(push.phone_number),
                name: None,
                reference: Some(push.account_reference),
            };
            self.confirm(&number, &pay, &receipt).await;
        }
    }
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    (status, Json(json!({ "requestId": "sim", "errorCode": code, "errorMessage": message })))
}
