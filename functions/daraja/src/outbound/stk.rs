//! Prompts on customers' phones, and the question what became of one (fact sheet §1.3, §1.4, §2, §4.2).

use super::{Call, CallError, Hidden, Refused, answer, letters_and_digits, shillings};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Account, CheckoutId, Money, Msisdn, Shop, ShortCode, Timestamp};
use serde::Serialize;

/// An STK push: asks a customer's phone for a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StkPush {
    business_short_code: String,
    password: Hidden,
    timestamp: String,
    transaction_type: &'static str,
    amount: String,
    party_a: Hidden,
    party_b: String,
    phone_number: Hidden,
    #[serde(rename = "CallBackURL")]
    callback_url: Hidden,
    account_reference: String,
    transaction_desc: String,
}

/// Why a customer can not be asked for this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Safaricom asks for whole shillings only.
    #[error("M-Pesa prompts ask for whole shillings: {0} has cents")]
    Cents(Money),
    /// One shilling is the least there is.
    #[error("M-Pesa prompts ask for one shilling at least")]
    Nothing,
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
    /// The sale's short reference, which the prompt shows; all but letters and digits is dropped, and what
    /// is beyond twelve.
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
    /// The amount has cents or is nothing, or the phone number is not known whole.
    pub fn new(shop: &Shop, passkey: &str, terms: &PushTerms<'_>) -> Result<Self, PushError> {
        let amount = shillings(terms.amount)?.to_string();
        let phone = terms.phone.plain().ok_or(PushError::Phone)?;
        let business = shop.business_shortcode();
        // The sale's own word stands in for a reference that has no letter or digit.
        let reference = letters_and_digits(terms.reference, 12);
        Ok(Self {
            business_short_code: business.to_string(),
            password: password(business, passkey, terms.now),
            timestamp: terms.now.to_daraja(),
            transaction_type: transaction_type(&shop.account),
            amount,
            party_a: Hidden(phone.to_owned()),
            party_b: shop.account.shortcode().to_string(),
            phone_number: Hidden(phone.to_owned()),
            callback_url: Hidden(terms.callback_url.to_owned()),
            transaction_desc: letters_and_digits(&format!("Sale{reference}"), 13),
            account_reference: if reference.is_empty() { "Sale".to_owned() } else { reference },
        })
    }
}

impl Call for StkPush {
    type Answer = StkAccepted;
    const REPEATABLE: bool = false;

    fn path(&self) -> &'static str {
        "/mpesa/stkpush/v1/processrequest"
    }

    fn read(status: u16, body: &[u8]) -> Result<StkAccepted, CallError> {
        let answer = answer::read_taken(status, body)?;
        let checkout = answer.text("CheckoutRequestID").and_then(|text| CheckoutId::parse(&text).ok());
        let checkout = checkout.ok_or(CallError::Unclear)?;
        Ok(StkAccepted { checkout, merchant: answer.text("MerchantRequestID").unwrap_or_default() })
    }
}

/// What a payment to this account is called.
pub(super) const fn transaction_type(account: &Account) -> &'static str {
    match account {
        Account::Paybill(_) => "CustomerPayBillOnline",
        Account::Till(_) => "CustomerBuyGoodsOnline",
    }
}

/// Shortcode, passkey and time, in base64. No digest: whoever sees it has the passkey.
fn password(business: &ShortCode, passkey: &str, now: Timestamp) -> Hidden {
    Hidden(STANDARD.encode(format!("{business}{passkey}{}", now.to_daraja())))
}

/// Safaricom took the push; the customer has not paid yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StkAccepted {
    /// `CheckoutRequestID`.
    pub checkout: CheckoutId,
    /// `MerchantRequestID`.
    pub merchant: String,
}

/// Asks what became of a push. It gives no receipt and no amount, and must never overturn what a callback
/// said; a refusal speaks of the question, not of the push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StkQuery {
    business_short_code: String,
    password: Hidden,
    timestamp: String,
    #[serde(rename = "CheckoutRequestID")]
    checkout: Hidden,
}

impl StkQuery {
    /// A question about a push that this shop sent.
    pub fn new(shop: &Shop, passkey: &str, checkout: &CheckoutId, now: Timestamp) -> Self {
        let business = shop.business_shortcode();
        Self {
            business_short_code: business.to_string(),
            password: password(business, passkey, now),
            timestamp: now.to_daraja(),
            checkout: Hidden(checkout.to_string()),
        }
    }
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StkQueryAnswer {
    /// Safaricom gives a result. Whether it is final, its code says (fact sheet §4.1).
    Ended {
        /// `ResultCode`, as its literal text: `0`, `1032`, `SFC_IC0003`.
        code: String,
        /// `ResultDesc`.
        description: String,
    },
    /// The prompt is on the phone, or on its way.
    Pending,
}

/// A result that is none.
const STILL_PROCESSING: &str = "4999";
/// The code of "is being processed", and of three refusals: the text decides.
const MANY_MEANINGS: &str = "500.001.1001";

impl Call for StkQuery {
    type Answer = StkQueryAnswer;
    const REPEATABLE: bool = true;

    fn path(&self) -> &'static str {
        "/mpesa/stkpushquery/v1/query"
    }

    fn read(status: u16, body: &[u8]) -> Result<StkQueryAnswer, CallError> {
        let answer = match answer::read_taken(status, body) {
            Err(CallError::Refused(Refused { code, message }))
                if code == MANY_MEANINGS && says_pending(&message) =>
            {
                return Ok(StkQueryAnswer::Pending);
            }
            other => other?,
        };
        let code = answer.text("ResultCode").ok_or(CallError::Unclear)?;
        let description = answer.text("ResultDesc").unwrap_or_default();
        if code == STILL_PROCESSING || (code != "0" && says_pending(&description)) {
            return Ok(StkQueryAnswer::Pending);
        }
        Ok(StkQueryAnswer::Ended { code, description })
    }
}

fn says_pending(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["being processed", "is processing", "under processing"].iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ShopId;

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
            "CallBackURL": "https://x.test/in/t/s", "AccountReference": "A42", "TransactionDesc": "SaleA42",
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
        let nothing = push(Account::Paybill(ShortCode::parse("600638").unwrap()), 0);
        assert_eq!(nothing, Err(PushError::Nothing));
    }

    #[test]
    fn the_reference_is_short_plain_and_never_empty() {
        let phone = Msisdn::parse_phone("0708374149").unwrap();
        let shop = shop(Account::Paybill(ShortCode::parse("600638").unwrap()));
        let told = |reference: &str| {
            let terms = PushTerms { reference, ..terms(Money::from_cents(100), &phone) };
            let push = StkPush::new(&shop, "pass", &terms).unwrap();
            (push.account_reference, push.transaction_desc)
        };
        assert_eq!(told("ORDER #0001/2026"), ("ORDER0001202".to_owned(), "SaleORDER0001".to_owned()));
        assert_eq!(told("#&@ é"), ("Sale".to_owned(), "Sale".to_owned()));
    }

    #[test]
    fn a_hidden_phone_can_not_be_asked() {
        let shop = shop(Account::Paybill(ShortCode::parse("600638").unwrap()));
        let masked = Msisdn::from_safaricom("2547 ***** 126");
        let refused = StkPush::new(&shop, "pass", &terms(Money::from_cents(100), &masked));
        assert_eq!(refused, Err(PushError::Phone));
    }

    #[test]
    fn passkey_phone_and_token_are_never_printed() {
        let phone = Msisdn::parse_phone("0708374149").unwrap();
        let account = Account::Paybill(ShortCode::parse("600638").unwrap());
        let shop = shop(account);
        let push = StkPush::new(&shop, "sesame", &terms(Money::from_cents(100), &phone)).unwrap();
        let checkout = CheckoutId::parse("ws_CO_21112026101500123708374149").unwrap();
        let query = StkQuery::new(&shop, "sesame", &checkout, terms(Money::ZERO, &phone).now);
        let printed = format!("{push:?}{query:?}");
        for secret in [STANDARD.encode("600638sesame20261121101500").as_str(), "708374149", "x.test"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }

    #[test]
    fn a_query_has_a_password_of_its_own_time() {
        let now = Timestamp::parse_daraja("20261121101700").unwrap();
        let checkout = CheckoutId::parse("ws_CO_1").unwrap();
        let till = shop(Account::Till(ShortCode::parse("123456").unwrap()));
        let query = StkQuery::new(&till, "pass", &checkout, now);
        let expected = serde_json::json!({
            "BusinessShortCode": "5000001", "Password": STANDARD.encode("5000001pass20261121101700"),
            "Timestamp": "20261121101700", "CheckoutRequestID": "ws_CO_1",
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&query.body().unwrap()).unwrap(), expected);
        assert_eq!(query.path(), "/mpesa/stkpushquery/v1/query");
    }

    #[test]
    fn a_push_is_accepted_refused_or_nobody_knows() {
        let ok = br#"{"MerchantRequestID":"m","CheckoutRequestID":"ws_CO_1","ResponseCode":"0"}"#;
        let accepted =
            StkAccepted { checkout: CheckoutId::parse("ws_CO_1").unwrap(), merchant: "m".to_owned() };
        assert_eq!(StkPush::read(200, ok), Ok(accepted));
        let number = br#"{"MerchantRequestID":"m","CheckoutRequestID":"ws_CO_1","ResponseCode":0}"#;
        assert!(StkPush::read(200, number).is_ok());
        let no = br#"{"ResponseCode":"1","ResponseDescription":"no"}"#;
        let refused = Refused { code: "1".to_owned(), message: "no".to_owned() };
        assert_eq!(StkPush::read(200, no), Err(CallError::Refused(refused)));
        let nameless = br#"{"ResponseCode":"0","ResponseDescription":"accepted"}"#;
        for (status, body) in
            [(504, &b"<html>"[..]), (200, b""), (200, b"{}"), (500, b"{\"x\":1}"), (200, nameless)]
        {
            assert_eq!(
                StkPush::read(status, body),
                Err(CallError::Unclear),
                "unclear is not refused: {status}"
            );
        }
    }

    fn asked(status: u16, body: &str) -> Result<StkQueryAnswer, CallError> {
        StkQuery::read(status, body.as_bytes())
    }

    #[test]
    fn a_push_that_still_runs_answers_in_two_ways_and_neither_is_a_failure() {
        let error = r#"{"requestId":"ws_CO_x","errorCode":"500.001.1001","errorMessage":"The transaction is being processed"}"#;
        let result = r#"{"ResponseCode":"0","ResponseDescription":"accepted","MerchantRequestID":"m-1","CheckoutRequestID":"ws_CO_x","ResultCode":"4999","ResultDesc":"... still under processing"}"#;
        let number = r#"{"ResponseCode":"0","ResultCode":4999}"#;
        let other = result.replace("4999", "5000");
        for (status, body) in [(500, error), (200, error), (200, result), (200, number), (200, &other)] {
            assert_eq!(asked(status, body), Ok(StkQueryAnswer::Pending), "{body}");
        }
    }

    #[test]
    fn a_result_is_text_or_number_and_its_code_is_kept_as_it_came() {
        for (code, kept) in [("\"0\"", "0"), ("0", "0"), ("1032", "1032"), ("\"SFC_IC0003\"", "SFC_IC0003")] {
            let body = format!(r#"{{"ResponseCode":"0","ResultCode":{code},"ResultDesc":"words"}}"#);
            let ended = StkQueryAnswer::Ended { code: kept.to_owned(), description: "words".to_owned() };
            assert_eq!(asked(200, &body), Ok(ended));
        }
    }

    #[test]
    fn the_other_meanings_of_the_code_are_refusals_and_silence_is_unclear() {
        for text in ["Wrong credentials", "Merchant does not exist", "The transaction does not Exist"] {
            let body = format!(r#"{{"errorCode":"500.001.1001","errorMessage":"{text}"}}"#);
            assert!(matches!(asked(500, &body), Err(CallError::Refused(_))), "{text}");
        }
        let internal = r#"{"errorCode":"500.001.1001","errorMessage":"Internal Server Error"}"#;
        let resultless = r#"{"ResponseCode":"0","ResponseDescription":"accepted"}"#;
        let empty = r#"{"ResponseCode":"0","ResultCode":""}"#;
        for (status, body) in [(500, internal), (200, resultless), (200, empty), (500, "<html>"), (200, "")] {
            assert_eq!(asked(status, body), Err(CallError::Unclear), "{body}");
        }
    }
}
