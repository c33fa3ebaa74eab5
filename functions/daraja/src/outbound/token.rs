//! The access token that every call carries (fact sheet §1.2).

use super::answer;
use super::{CallError, Hidden, Refused};
use std::time::Duration;

/// Where the access token is fetched, with the consumer key and secret as HTTP Basic.
pub const TOKEN_PATH: &str = "/oauth/v1/generate?grant_type=client_credentials";

/// What Safaricom says where it says nothing of a token's life.
const USUAL_LIFE: Duration = Duration::from_secs(3599);

/// An access token and how long it is good. It is never printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    text: Hidden,
    life: Duration,
}

impl AccessToken {
    /// The text that goes into the header.
    pub fn as_str(&self) -> &str {
        &self.text.0
    }

    /// How long it is good from when it was given; a newer one may end it before.
    pub const fn life(&self) -> Duration {
        self.life
    }
}

/// Reads the answer to a token request. `expires_in` comes as a number or as text.
///
/// # Errors
/// Refused: wrong keys come as 400 or 401 with an empty body. Unclear: anything that holds no token.
pub fn read_token_answer(status: u16, body: &[u8]) -> Result<AccessToken, CallError> {
    let wrong_keys = || {
        let message = "wrong consumer key or secret".to_owned();
        CallError::Refused(Refused { code: status.to_string(), message })
    };
    if body.trim_ascii().is_empty() && matches!(status, 400 | 401) {
        return Err(wrong_keys());
    }
    let answer = answer::read(status, body)?;
    let text = answer.text("access_token").ok_or(CallError::Unclear)?;
    let seconds = answer.text("expires_in").and_then(|text| text.parse().ok());
    Ok(AccessToken { text: Hidden(text), life: seconds.map_or(USUAL_LIFE, Duration::from_secs) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokens_life_is_a_number_or_a_text_or_not_said() {
        for (life, seconds) in [("3599", 3599), ("\"3600\"", 3600), ("null", 3599), ("\"soon\"", 3599)] {
            let body = format!(r#"{{"access_token":"abc","expires_in":{life}}}"#);
            let token = read_token_answer(200, body.as_bytes()).unwrap();
            assert_eq!((token.as_str(), token.life().as_secs()), ("abc", seconds));
        }
    }

    #[test]
    fn wrong_keys_are_refused_and_other_answers_without_a_token_say_nothing() {
        for status in [400, 401] {
            let Err(CallError::Refused(refused)) = read_token_answer(status, b" ") else {
                panic!("{status}")
            };
            assert!(refused.advice().remedy.contains("environment"), "{refused}");
        }
        let grant = br#"{"requestId":"r","errorCode":"400.008.02","errorMessage":"Invalid grant type"}"#;
        assert!(matches!(read_token_answer(400, grant), Err(CallError::Refused(_))));
        for (status, body) in
            [(503, &b"<html>"[..]), (200, b""), (200, b"{}"), (200, b"{\"access_token\":\"\"}")]
        {
            assert_eq!(read_token_answer(status, body), Err(CallError::Unclear), "{status}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = read_token_answer(200, br#"{"access_token":"sesame"}"#).unwrap();
        assert!(!format!("{token:?}").contains("sesame"));
    }
}
