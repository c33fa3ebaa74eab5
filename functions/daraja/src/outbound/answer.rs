//! What is common to all answers: refusals in words, and answers that say nothing.

use crate::loose::Object;

/// Why a call has no answer of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Safaricom says in words that it did not take the call: nothing happened.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The answer does not say: an HTML page, an empty body, an internal error. It may have happened.
    #[error("Safaricom gave no clear answer")]
    Unclear,
}

/// Why Safaricom did not take a request. Look at the code first, the status second (fact sheet §1.9).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Safaricom refused: {message} ({code})")]
pub struct Refused {
    /// `errorCode`, `ResponseCode`, or the HTTP status where the body says nothing.
    pub code: String,
    /// `errorMessage`, or a plain word.
    pub message: String,
}

impl Refused {
    /// The token is not valid any more: fetch one and try once again. One of the codes comes with 404
    /// (fact sheet §1.2, §1.7, §1.9). `401.003.01` speaks of tokens too and means the app's products.
    pub fn is_token(&self) -> bool {
        match self.code.as_str() {
            "400.003.01" | "404.001.03" | "401" => true,
            code => code.starts_with("401.") && code != NO_PRODUCT,
        }
    }

    /// Too much was asked of Safaricom at once, or it has too much to do: try again later (fact sheet
    /// §1.9).
    pub fn is_busy(&self) -> bool {
        matches!(self.code.as_str(), SPIKE_ARREST | QUOTA | "429")
    }
}

/// The app holds no product for this call, or the other version of it.
pub(super) const NO_PRODUCT: &str = "401.003.01";
/// "Spike arrest violation", or "System is busy".
pub(super) const SPIKE_ARREST: &str = "500.003.02";
/// "Quota violation".
pub(super) const QUOTA: &str = "500.003.03";

/// What the texts say of an error inside Safaricom: it broke off at a place that we do not know.
const BROKE_OFF: [&str; 6] =
    ["internal", "system error", "timeout", "timed out", "unavailable", "unreachable"];

/// Reads an answer that is not an error: `errorCode` decides first, then the status.
pub(super) fn read(status: u16, body: &[u8]) -> Result<Object, CallError> {
    let Ok(answer) = serde_json::from_slice::<Object>(body) else { return Err(wordless(status)) };
    if let Some(code) = answer.text("errorCode") {
        return Err(refusal(code, answer.text("errorMessage").unwrap_or_default()));
    }
    if let Some(fault) = fault(&answer) {
        return Err(fault);
    }
    if matches!(status, 401 | 429) && answer.text("ResponseCode").is_none() {
        return Err(wordless(status));
    }
    Ok(answer)
}

/// Reads an answer whose `ResponseCode` says that the call was taken (`0`).
pub(super) fn read_taken(status: u16, body: &[u8]) -> Result<Object, CallError> {
    let answer = read(status, body)?;
    match answer.text("ResponseCode") {
        Some(code) if code == "0" => Ok(answer),
        Some(code) => Err(refusal(code, description(&answer))),
        None => Err(CallError::Unclear),
    }
}

/// What an answer says of itself; one API writes the key with a blank, another calls it a message (fact
/// sheet §1.7).
pub(super) fn description(answer: &Object) -> String {
    let names = ["ResponseDescription", "Response Description", "ResponseMessage"];
    names.into_iter().find_map(|name| answer.text(name)).unwrap_or_default()
}

/// A refusal, if the words are one. An internal error says not what became of the call.
pub(super) fn refusal(code: String, message: String) -> CallError {
    let refused = Refused { code, message };
    let text = refused.message.to_ascii_lowercase();
    let inside = refused.code.starts_with("500") && !refused.is_busy();
    if inside && (text.is_empty() || BROKE_OFF.iter().any(|word| text.contains(word))) {
        return CallError::Unclear;
    }
    CallError::Refused(refused)
}

/// An answer without a word. A token that is not valid any more also comes as an empty 401; nothing was
/// done then, nor after a 429.
fn wordless(status: u16) -> CallError {
    let message = format!("HTTP status {status} without a word");
    match status {
        401 | 429 => CallError::Refused(Refused { code: status.to_string(), message }),
        _ => CallError::Unclear,
    }
}

/// The two fault shapes of the gateway itself: its own, and a SOAP fault written as JSON (fact sheet
/// §1.5). It names policies and steps; those that mean "not taken" become the codes of §1.9.
fn fault(answer: &Object) -> Option<CallError> {
    let soap = || answer.object("Envelope")?.object("Body")?.object("Fault");
    let fault = answer.object("fault").or_else(soap)?;
    let message = fault.text("faultstring").unwrap_or_default();
    let text = message.to_ascii_lowercase();
    let signs = [
        ("spike arrest", SPIKE_ARREST),
        ("quota", QUOTA),
        ("apiproduct", NO_PRODUCT),
        ("access token", "401"),
        ("responsecode 409", "409"),
    ];
    let code = signs.into_iter().find(|(sign, _)| text.contains(sign));
    Some(code.map_or(CallError::Unclear, |(_, code)| refusal(code.to_owned(), message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Refused {
        match read(status, body.as_bytes()) {
            Err(CallError::Refused(refused)) => refused,
            other => panic!("{body}: {:?}", other.map(|_| ())),
        }
    }

    #[test]
    fn a_code_decides_before_the_status() {
        let token = r#"{"requestId":"r","errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#;
        for status in [404, 200, 500] {
            assert!(refused(status, token).is_token(), "{status}");
        }
        let number = r#"{"errorCode":400.002,"errorMessage":"Bad Request"}"#;
        assert_eq!(refused(200, number).code, "400.002", "a code that is a number is a code");
    }

    #[test]
    fn every_token_error_asks_for_a_new_token_and_a_missing_product_does_not() {
        for code in ["400.003.01", "401.002.01", "404.001.03", "401.001"] {
            let body = format!(r#"{{"errorCode":"{code}","errorMessage":"Invalid Access Token"}}"#);
            assert!(refused(401, &body).is_token(), "{code}");
        }
        assert!(refused(401, "").is_token());
        assert!(refused(401, "{}").is_token());
        let product = r#"{"errorCode":"401.003.01","errorMessage":"Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found"}"#;
        assert!(!refused(401, product).is_token());
    }

    #[test]
    fn spike_arrest_and_quota_are_busy() {
        for (code, text) in
            [("500.003.02", "Spike arrest violation"), ("500.003.02", "System is busy"), ("500.003.03", "")]
        {
            let body = format!(r#"{{"errorCode":"{code}","errorMessage":"{text}"}}"#);
            assert!(refused(500, &body).is_busy(), "{code} {text}");
        }
        assert!(refused(429, "<html>").is_busy());
    }

    #[test]
    fn an_internal_error_does_not_say_what_became_of_the_call() {
        for (code, text) in [
            ("500.001.1001", "Internal Server Error"),
            ("500.003.1001", "internal error"),
            ("500.002.1001", "System error"),
            ("500.001.1001", ""),
        ] {
            let body = format!(r#"{{"errorCode":"{code}","errorMessage":"{text}"}}"#);
            assert_eq!(read(500, body.as_bytes()).err(), Some(CallError::Unclear), "{code} {text}");
        }
        assert_eq!(
            refused(500, r#"{"errorCode":"500.001.1001","errorMessage":"Merchant does not exist"}"#).code,
            "500.001.1001"
        );
    }

    #[test]
    fn pages_and_empty_bodies_say_nothing() {
        for (status, body) in [(504, "<html>"), (200, ""), (500, "[]"), (403, "<html>"), (404, ""), (302, "")]
        {
            assert_eq!(read(status, body.as_bytes()).err(), Some(CallError::Unclear), "{status} {body}");
        }
    }

    #[test]
    fn the_gateways_faults_are_read_by_their_words() {
        let soap = |step: &str| {
            format!(
                r#"{{"Envelope":{{"encodingStyle":"x","Body":{{"Fault":{{"faultcode":"soap:Server","faultstring":"Execution of ServiceCallout {step} is treated as error","faultactor":{{}}}}}}}}}}"#
            )
        };
        assert_eq!(refused(500, &soap("SCO-AddURLVault failed. Reason: ResponseCode 409")).code, "409");
        let unclear = soap("SC-SearchURL failed. Reason: ResponseCode 503");
        assert_eq!(read(500, unclear.as_bytes()).err(), Some(CallError::Unclear));
        let own =
            |text: &str| format!(r#"{{"fault":{{"faultstring":"{text}","detail":{{"errorcode":"x"}}}}}}"#);
        assert!(refused(500, &own("Spike arrest violation. Allowed rate : 5ps")).is_busy());
        assert!(refused(401, &own("Invalid access token")).is_token());
        assert!(!refused(401, &own("Invalid API call as no apiproduct match found")).is_token());
        assert_eq!(read(504, own("Gateway Timeout").as_bytes()).err(), Some(CallError::Unclear));
    }
}
