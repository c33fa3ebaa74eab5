//! What we ask of Safaricom, and how it answers.
//!
//! Each question is a [`Call`]: its body, its path, and how its answer is read. Nothing here talks to
//! anybody; the adapter in the functions carries a call.

mod advice;
mod answer;
mod balance;
mod c2b;
mod credential;
mod initiator;
mod pull;
mod qr;
mod reversal;
mod status;
mod stk;
mod token;
mod urls;

pub use advice::Advice;
pub use answer::{CallError, Refused};
pub use balance::Balance;
pub use c2b::{C2bVersion, RegisterUrls, Registered, ResponseType, Simulate};
pub use credential::{CertificateOwner, CredentialError, SecurityCredential};
pub use initiator::{Acknowledged, Initiator, ResultUrls};
pub use pull::{PullAnswer, PullQuery, PullRegister, PullRegistered};
pub use qr::DynamicQr;
pub use reversal::Reversal;
pub use status::{StatusOf, StatusQuery};
pub use stk::{PushError, PushTerms, StkAccepted, StkPush, StkQuery, StkQueryAnswer};
pub use token::{AccessToken, TOKEN_PATH, read_token_answer};
pub use urls::{UrlFault, lint_callback_url};

use domain::Money;
use serde::Serialize;

/// How a call is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// With a body all the same, where the portal says GET and shows one (fact sheet §1.7).
    Get,
    /// What all calls but one use.
    Post,
}

/// One request of Daraja's. What it serializes to is its JSON body.
pub trait Call: Serialize + Send + Sync {
    /// What Safaricom says when it took the call.
    type Answer: Send;

    /// Whether sending it twice does no harm. A push and a reversal are never sent again by themselves.
    const REPEATABLE: bool;

    /// How it is sent.
    fn method(&self) -> Method {
        Method::Post
    }

    /// Where it is sent, below the environment's base URL.
    fn path(&self) -> &'static str;

    /// Its JSON body.
    ///
    /// # Errors
    /// None for the calls of this room, whose fields are all text and numbers.
    fn body(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads an answer, whatever its status; bodies may be empty or HTML (fact sheet §1.9).
    ///
    /// # Errors
    /// Safaricom says that it did not take the call, or the answer does not say what became of it.
    fn read(status: u16, body: &[u8]) -> Result<Self::Answer, CallError>;
}

/// A text that no log line may show: it opens something, or it is somebody's phone number.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct Hidden(String);

/// Says nothing.
impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The letters and digits of a text, so many at most: other characters made pushes fail without a clear
/// error (fact sheet §2.5).
fn letters_and_digits(text: &str, most: usize) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(most).collect()
}

/// Remarks as every API takes them: letters, digits and single blanks, 2 to 100 characters (fact sheet
/// §1.6). What is left of too little becomes our name.
fn remarks(text: &str) -> String {
    let text = text.replace(|c: char| !c.is_ascii_alphanumeric(), " ");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let words: String = words.chars().take(100).collect();
    let words = words.trim_end();
    if words.len() < 2 { "Leja".to_owned() } else { words.to_owned() }
}

/// Whole shillings, at least one: what prompts, codes and the sandbox take (fact sheet §2.5, §2.7).
fn shillings(amount: Money) -> Result<i64, PushError> {
    let shillings = amount.whole_shillings().ok_or(PushError::Cents(amount))?;
    if shillings < 1 { Err(PushError::Nothing) } else { Ok(shillings) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads an answer as every call would.
    fn read_all(status: u16, body: &[u8]) {
        let _ = (StkPush::read(status, body), StkQuery::read(status, body), DynamicQr::read(status, body));
        let _ = (RegisterUrls::read(status, body), Simulate::read(status, body));
        let _ = (StatusQuery::read(status, body), Reversal::read(status, body), Balance::read(status, body));
        let _ = (PullRegister::read(status, body), PullQuery::read(status, body));
        let _ = read_token_answer(status, body);
    }

    proptest! {
        #[test]
        fn no_answer_and_no_url_stops_us(status: u16, body: Vec<u8>, text: String, production: bool) {
            read_all(status, &body);
            let quoted = serde_json::to_string(&text).unwrap();
            for key in ["errorCode", "errorMessage", "ResponseCode", "ResultCode", "QRCode", "fault"] {
                read_all(status, format!("{{\"ResponseCode\":0,\"{key}\":{quoted}}}").as_bytes());
                read_all(status, format!("{{\"{key}\":{quoted},\"fault\":{{\"faultstring\":{quoted}}}}}").as_bytes());
            }
            lint_callback_url(&text, production);
            lint_callback_url(&format!("https://{text}/{text}"), production);
            lint_callback_url(&format!("https://a.example.com/%{text}"), production);
            prop_assert!((2..=100).contains(&remarks(&text).len()));
        }
    }

    #[test]
    fn remarks_are_plain_words_and_never_too_short_or_too_long() {
        assert_eq!(remarks("wrong  sale, #42 (refund)"), "wrong sale 42 refund");
        assert_eq!((remarks(""), remarks("é!")), ("Leja".to_owned(), "Leja".to_owned()));
        assert_eq!(remarks(&"ab ".repeat(60)).len(), 98 + 1 + 1);
    }
}
