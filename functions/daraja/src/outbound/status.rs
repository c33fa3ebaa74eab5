//! What became of one transaction (fact sheet §1.6).

use super::initiator::read_acknowledgement;
use super::{Acknowledged, Call, CallError, Initiator, ResultUrls, remarks};
use domain::{ReceiptCode, ShortCode};
use serde::Serialize;

/// Which transaction is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusOf {
    /// The one with this receipt code.
    Receipt(ReceiptCode),
    /// The one that was asked for under this originator conversation id.
    Conversation(String),
}

/// Asks what became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StatusQuery {
    #[serde(flatten)]
    initiator: Initiator,
    #[serde(rename = "CommandID")]
    command: &'static str,
    #[serde(rename = "TransactionID", skip_serializing_if = "Option::is_none")]
    transaction: Option<String>,
    #[serde(rename = "OriginalConversationID", skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    party_a: String,
    identifier_type: &'static str,
    #[serde(flatten)]
    urls: ResultUrls,
    remarks: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    occasion: Option<String>,
}

impl StatusQuery {
    /// A question about a transaction of this shortcode. Remarks are cut to what Safaricom takes.
    pub fn new(
        initiator: &Initiator,
        shortcode: &ShortCode,
        of: StatusOf,
        urls: &ResultUrls,
        why: &str,
    ) -> Self {
        let (transaction, conversation) = match of {
            StatusOf::Receipt(receipt) => (Some(receipt.to_string()), None),
            StatusOf::Conversation(id) => (None, Some(id)),
        };
        Self {
            initiator: initiator.clone(),
            command: "TransactionStatusQuery",
            transaction,
            conversation,
            party_a: shortcode.to_string(),
            identifier_type: "4",
            urls: urls.clone(),
            remarks: remarks(why),
            occasion: None,
        }
    }

    /// The same with an occasion, which the result repeats.
    #[must_use]
    pub fn with_occasion(self, occasion: &str) -> Self {
        Self { occasion: Some(remarks(occasion)), ..self }
    }
}

impl Call for StatusQuery {
    type Answer = Acknowledged;
    const REPEATABLE: bool = true;

    fn path(&self) -> &'static str {
        "/mpesa/transactionstatus/v1/query"
    }

    fn read(status: u16, body: &[u8]) -> Result<Acknowledged, CallError> {
        read_acknowledgement(status, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::initiator::tests::asker;
    use serde_json::json;

    #[test]
    fn a_transaction_is_named_by_its_receipt_or_by_its_conversation() {
        let (initiator, urls) = asker();
        let number = ShortCode::parse("600638").unwrap();
        let ask = |of| StatusQuery::new(&initiator, &number, of, &urls, "late, not seen");
        let by_receipt = ask(StatusOf::Receipt(ReceiptCode::parse("UKL4AB12CD").unwrap()));
        let expected = json!({
            "Initiator": "testapi", "SecurityCredential": "c2VhbGVk", "CommandID": "TransactionStatusQuery",
            "TransactionID": "UKL4AB12CD", "PartyA": "600638", "IdentifierType": "4",
            "ResultURL": "https://x.test/r", "QueueTimeOutURL": "https://x.test/t",
            "Remarks": "late not seen",
        });
        assert_eq!(serde_json::to_value(&by_receipt).unwrap(), expected);
        let by_conversation = ask(StatusOf::Conversation("o-1".to_owned())).with_occasion("A42");
        let body = serde_json::to_value(&by_conversation).unwrap();
        assert_eq!((&body["OriginalConversationID"], &body["Occasion"]), (&json!("o-1"), &json!("A42")));
        assert!(body.get("TransactionID").is_none());
        assert_eq!(by_receipt.path(), "/mpesa/transactionstatus/v1/query");
    }
}
