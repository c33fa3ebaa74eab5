//! How much lies in a shortcode's accounts (fact sheet §1.6).

use super::initiator::read_acknowledgement;
use super::{Acknowledged, Call, CallError, Initiator, ResultUrls, remarks};
use domain::ShortCode;
use serde::Serialize;

/// Asks for a shortcode's balances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Balance {
    #[serde(flatten)]
    initiator: Initiator,
    #[serde(rename = "CommandID")]
    command: &'static str,
    party_a: String,
    identifier_type: &'static str,
    remarks: String,
    #[serde(flatten)]
    urls: ResultUrls,
}

impl Balance {
    /// A question about this shortcode. Remarks are cut to what Safaricom takes.
    pub fn new(initiator: &Initiator, shortcode: &ShortCode, urls: &ResultUrls, why: &str) -> Self {
        Self {
            initiator: initiator.clone(),
            command: "AccountBalance",
            party_a: shortcode.to_string(),
            identifier_type: "4",
            remarks: remarks(why),
            urls: urls.clone(),
        }
    }
}

impl Call for Balance {
    type Answer = Acknowledged;
    const REPEATABLE: bool = true;

    fn path(&self) -> &'static str {
        "/mpesa/accountbalance/v1/query"
    }

    fn read(status: u16, body: &[u8]) -> Result<Acknowledged, CallError> {
        read_acknowledgement(status, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::initiator::tests::asker;

    #[test]
    fn a_balance_is_asked_of_a_shortcode() {
        let (initiator, urls) = asker();
        let number = ShortCode::parse("600638").unwrap();
        let expected = serde_json::json!({
            "Initiator": "testapi", "SecurityCredential": "c2VhbGVk", "CommandID": "AccountBalance",
            "PartyA": "600638", "IdentifierType": "4", "Remarks": "doctor",
            "ResultURL": "https://x.test/r", "QueueTimeOutURL": "https://x.test/t",
        });
        let ask = Balance::new(&initiator, &number, &urls, "doctor");
        assert_eq!(serde_json::to_value(ask).unwrap(), expected);
    }
}
