//! What status, reversal and balance have in common: an API user who asks, an acknowledgement now, and
//! the result posted later (fact sheet §1.6).

use super::{CallError, Hidden, SecurityCredential, answer};
use serde::Serialize;

/// The API user in whose name we ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Initiator {
    /// Its user name.
    #[serde(rename = "Initiator")]
    name: String,
    /// Its password, sealed.
    #[serde(rename = "SecurityCredential")]
    credential: SecurityCredential,
}

impl Initiator {
    /// The API user of this name.
    pub fn new(name: &str, credential: SecurityCredential) -> Self {
        Self { name: name.to_owned(), credential }
    }
}

/// Where Safaricom posts what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultUrls {
    #[serde(rename = "ResultURL")]
    result: Hidden,
    #[serde(rename = "QueueTimeOutURL")]
    timeout: Hidden,
}

impl ResultUrls {
    /// One URL for results and another for questions that expired in Safaricom's queue: their bodies can
    /// not be told apart (fact sheet §3.7).
    pub fn new(result: &str, timeout: &str) -> Self {
        Self { result: Hidden(result.to_owned()), timeout: Hidden(timeout.to_owned()) }
    }
}

/// Safaricom took the question; its result comes later, or never. The two ids are all that connects them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// `OriginatorConversationID`.
    pub originator: String,
    /// `ConversationID`: `AG_YYYYMMDD_` and hex digits.
    pub conversation: String,
}

/// Reads an acknowledgement. One without any id could not be connected with its result, and says too
/// little.
pub(super) fn read_acknowledgement(status: u16, body: &[u8]) -> Result<Acknowledged, CallError> {
    let answer = answer::read_taken(status, body)?;
    let id = |name: &str| answer.text(name).unwrap_or_default();
    // Register URL misspells the first of them; nobody promises that the others never do.
    let originator = answer.text("OriginatorConversationID").unwrap_or_else(|| id("OriginatorCoversationID"));
    let acknowledged = Acknowledged { originator, conversation: id("ConversationID") };
    if acknowledged.originator.is_empty() && acknowledged.conversation.is_empty() {
        return Err(CallError::Unclear);
    }
    Ok(acknowledged)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::outbound::Refused;

    /// An API user and URLs, for the tests of the three calls.
    pub(in crate::outbound) fn asker() -> (Initiator, ResultUrls) {
        let initiator = Initiator::new("testapi", SecurityCredential::from_sealed("c2VhbGVk"));
        (initiator, ResultUrls::new("https://x.test/r", "https://x.test/t"))
    }

    #[test]
    fn an_acknowledgement_gives_the_two_ids() {
        let body = br#"{"OriginatorConversationID":"o-1","ConversationID":"AG_20261121_00ff","ResponseCode":"0","ResponseDescription":"Accept the service request successfully."}"#;
        let acknowledged =
            Acknowledged { originator: "o-1".to_owned(), conversation: "AG_20261121_00ff".to_owned() };
        assert_eq!(read_acknowledgement(200, body), Ok(acknowledged));
    }

    #[test]
    fn a_code_that_is_not_zero_is_a_refusal_and_one_without_ids_is_unclear() {
        let no = br#"{"OriginatorConversationID":"o-1","ConversationID":"AG_1","ResponseCode":"21","ResponseDescription":"no role"}"#;
        let refused = Refused { code: "21".to_owned(), message: "no role".to_owned() };
        assert_eq!(read_acknowledgement(200, no), Err(CallError::Refused(refused)));
        for body in [&br#"{"ResponseCode":"0"}"#[..], b"{}", b"<html>", b""] {
            assert_eq!(read_acknowledgement(200, body), Err(CallError::Unclear));
        }
    }

    #[test]
    fn neither_password_nor_urls_are_printed() {
        let (initiator, urls) = asker();
        let printed = format!("{initiator:?}{urls:?}");
        assert!(!printed.contains("c2VhbGVk") && !printed.contains("x.test"), "{printed}");
    }
}
