//! What we ask of Safaricom, and how it answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Account, CheckoutId, Money, Msisdn, Shop, Timestamp};
use serde::{Deserialize, Serialize};

/// Where the access token is fetched.
pub const TOKEN_PATH: &str = "/oauth/v1/generate?grant_type=client_credentials";
/// Where an STK push is sent.
pub const STK_PUSH_PATH: &str = "/mpesa/stkpush/v1/processrequest";

/// The body of an STK push (fact sheet §1.3, §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StkPush {
    business_short_code: String,
    #[serde(serialize_with = "secret")]
    password: Password,
    timestamp: String,
    transaction_type: &'static str,
    amount: String,
    party_a: String,
    party_b: String,
    phone_number: String,
    #[serde(rename = "CallBackURL")]
    callback_url: String,
    account_reference: String,
    transaction_desc: &'static str,
}

/// Shortcode, passkey and time, in base64. No digest: whoever sees it has the passkey.
#[derive(Clone, PartialEq, Eq)]
struct Password(String);

/// Says nothing, so that no log line carries the passkey.
impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn secret<S: serde::Serializer>(password: &Password, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&password.0)
}

/// Why no push can be sent for this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Safaricom asks for whole shillings only.
    #[error("M-Pesa prompts ask for whole shillings: {0} has cents")]
    Cents(Money),
    /// A masked or hashed number can not be prompted.
    #[error("Invalid phone number")]
    Phone,
}

/// What a push asks for.
#[derive(Debug, Clone, Copy)]
pub struct PushTerms<'a> {
    /// How much; whole shillings.
    pub amount: Money,
    /// Whose phone.
    pub phone: &'a Msisdn,
    /// What the prompt shows; all but letters and digits is dropped, and what is beyond twelve.
    pub reference: &'a str,
    /// Where the result is posted.
    pub callback_url: &'a str,
    /// The time of asking, which goes into the password.
    pub now: Timestamp,
}

impl StkPush {
    /// A push that asks a customer to pay a shop.
    ///
    /// # Errors
    /// The amount has cents, or the phone number is not known whole.
    pub fn new(shop: &Shop, passkey: &str, terms: &PushTerms<'_>) -> Result<Self, PushError> {
        let shillings = terms.amount.whole_shillings().ok_or(PushError::Cents(terms.amount))?;
        let phone = terms.phone.plain().ok_or(PushError::Phone)?;
        let business = shop.business_shortcode();
        let timestamp = terms.now.to_daraja();
        Ok(Self {
            business_short_code: business.to_string(),
            password: Password(STANDARD.encode(format!("{business}{passkey}{timestamp}"))),
            timestamp,
            transaction_type: match shop.account {
                Account::Paybill(_) => "CustomerPayBillOnline",
                Account::Till(_) => "CustomerBuyGoodsOnline",
            },
            amount: shillings.to_string(),
            party_a: phone.to_owned(),
            party_b: shop.account.shortcode().to_string(),
            phone_number: phone.to_owned(),
            callback_url: terms.callback_url.to_owned(),
            account_reference: terms.reference.chars().filter(char::is_ascii_alphanumeric).take(12).collect(),
            transaction_desc: "Sale",
        })
    }
}

/// Safaricom took the push; the customer has not paid yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StkAccepted {
    /// `CheckoutRequestID`.
    pub checkout: CheckoutId,
    /// `MerchantRequestID`.
    pub merchant: String,
}

/// Why Safaricom did not take a request. Look at the code first, the status second (fact sheet §1.9).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Safaricom refused: {message} ({code})")]
pub struct Refused {
    /// `errorCode`, or the HTTP status where the body says nothing.
    pub code: String,
    /// `errorMessage`, or a plain word.
    pub message: String,
}

impl Refused {
    /// The token is not valid any more: fetch one and try once again. One of the codes comes with 404.
    pub fn is_token(&self) -> bool {
        matches!(self.code.as_str(), "400.003.01" | "401.002.01" | "404.001.03" | "401")
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "errorCode")]
    error_code: Option<String>,
    #[serde(rename = "errorMessage")]
    error_message: Option<String>,
    #[serde(rename = "ResponseCode")]
    response_code: Option<String>,
    #[serde(rename = "ResponseDescription")]
    response_description: Option<String>,
    #[serde(rename = "CheckoutRequestID")]
    checkout: Option<String>,
    #[serde(rename = "MerchantRequestID")]
    merchant: Option<String>,
    access_token: Option<String>,
}

/// Reads the answer to an STK push, whatever its status; bodies may be empty or HTML. `None`: the answer
/// does not say what became of the push, and the prompt may be on the phone.
///
/// # Errors
/// [`Refused`], when Safaricom says in words that it did not take the push.
pub fn read_stk_answer(status: u16, body: &[u8]) -> Result<Option<StkAccepted>, Refused> {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        // A token that is not valid any more also comes as an empty 401; nothing was sent then.
        return if status == 401 { Err(wordless(status)) } else { Ok(None) };
    };
    if let Some(code) = answer.error_code {
        return Err(Refused { code, message: answer.error_message.unwrap_or_default() });
    }
    let checkout = answer.checkout.and_then(|text| CheckoutId::parse(&text).ok());
    match (answer.response_code, checkout) {
        (Some(code), Some(checkout)) if code == "0" => {
            Ok(Some(StkAccepted { checkout, merchant: answer.merchant.unwrap_or_default() }))
        }
        (Some(code), _) if code != "0" => {
            Err(Refused { code, message: answer.response_description.unwrap_or_default() })
        }
        _ => Ok(None),
    }
}

/// Reads the answer to a token request.
///
/// # Errors
/// [`Refused`]; wrong keys come with an empty body.
pub fn read_token_answer(status: u16, body: &[u8]) -> Result<String, Refused> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| wordless(status))?;
    if let Some(code) = answer.error_code {
        return Err(Refused { code, message: answer.error_message.unwrap_or_default() });
    }
    answer.access_token.filter(|token| !token.is_empty()).ok_or_else(|| wordless(status))
}

fn wordless(status: u16) -> Refused {
    Refused { code: status.to_string(), message: format!("HTTP status {status} without a word") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ShopId, ShortCode};

    fn shop(account: Account) -> Shop {
        let store = matches!(account, Account::Till(_)).then(|| ShortCode::parse("5000001").unwrap());
        Shop::new(ShopId::parse("duka").unwrap(), "Duka", account, store).unwrap()
    }

    fn terms(amount: Money, phone: &Msisdn) -> PushTerms<'_> {
        let now = Timestamp::parse_daraja("20261121101500").unwrap();
        PushTerms { amount, phone, reference: "A-42", callback_url: "https://x.test/in/t/s", now }
    }

    fn push(account: Account, cents: i64) -> Result<serde_json::Value, PushError> {
        let phone = Msisdn::parse_phone("0708374149").unwrap();
        let money = Money::from_cents(cents);
        let push = StkPush::new(&shop(account), "pass", &terms(money, &phone))?;
        Ok(serde_json::to_value(push).unwrap())
    }

    #[test]
    fn a_paybill_is_asked_in_its_own_name() {
        let body = push(Account::Paybill(ShortCode::parse("600638").unwrap()), 35_000).unwrap();
        let expected = serde_json::json!({
            "BusinessShortCode": "600638", "Password": STANDARD.encode("600638pass20261121101500"),
            "Timestamp": "20261121101500", "TransactionType": "CustomerPayBillOnline", "Amount": "350",
            "PartyA": "254708374149", "PartyB": "600638", "PhoneNumber": "254708374149",
            "CallBackURL": "https://x.test/in/t/s", "AccountReference": "A42", "TransactionDesc": "Sale",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_till_is_asked_through_its_store_number() {
        let body = push(Account::Till(ShortCode::parse("123456").unwrap()), 100).unwrap();
        assert_eq!(
            (body["BusinessShortCode"].as_str(), body["PartyB"].as_str()),
            (Some("5000001"), Some("123456"))
        );
        assert_eq!(body["TransactionType"], "CustomerBuyGoodsOnline");
    }

    #[test]
    fn cents_can_not_be_asked_for() {
        let refused = push(Account::Paybill(ShortCode::parse("600638").unwrap()), 35_050);
        assert_eq!(refused, Err(PushError::Cents(Money::from_cents(35_050))));
    }

    #[test]
    fn the_passkey_is_never_printed() {
        let phone = Msisdn::parse_phone("0708374149").unwrap();
        let account = Account::Paybill(ShortCode::parse("600638").unwrap());
        let money = Money::from_cents(100);
        let push = StkPush::new(&shop(account), "sesame", &terms(money, &phone)).unwrap();
        assert!(!format!("{push:?}").contains(&STANDARD.encode("600638sesame20261121101500")));
    }

    #[test]
    fn answers_are_read_by_code_first_and_status_second() {
        let ok = br#"{"MerchantRequestID":"m","CheckoutRequestID":"ws_CO_1","ResponseCode":"0"}"#;
        assert_eq!(read_stk_answer(200, ok).unwrap().unwrap().checkout.as_str(), "ws_CO_1");
        let token = br#"{"requestId":"r","errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#;
        assert!(read_stk_answer(404, token).unwrap_err().is_token());
        assert!(read_stk_answer(200, token).is_err(), "an error body under a 200 is an error");
        for (status, body) in [(504, &b"<html>"[..]), (200, b""), (200, b"{}"), (500, b"{\"x\":1}")] {
            assert_eq!(read_stk_answer(status, body), Ok(None), "unclear is not refused: {status}");
        }
        assert!(read_stk_answer(401, b"").unwrap_err().is_token());
        let no = br#"{"ResponseCode":"1","ResponseDescription":"no"}"#;
        assert_eq!(read_stk_answer(200, no).unwrap_err().message, "no");
        assert!(read_token_answer(401, b"").unwrap_err().is_token());
        assert_eq!(read_token_answer(200, br#"{"access_token":"abc","expires_in":3599}"#).unwrap(), "abc");
        assert_eq!(read_token_answer(200, br#"{"access_token":"abc","expires_in":"3599"}"#).unwrap(), "abc");
    }
}
