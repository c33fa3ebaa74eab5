//! Giving a payment back (fact sheet §1.6).

use super::initiator::read_acknowledgement;
use super::{Acknowledged, Call, CallError, Initiator, ResultUrls, remarks};
use domain::{Money, ReceiptCode, ShortCode};
use serde::Serialize;

/// Asks Safaricom to give a customer's payment back, all of it: no part is documented anywhere. It moves
/// money, so it is never sent again by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reversal {
    #[serde(flatten)]
    initiator: Initiator,
    #[serde(rename = "CommandID")]
    command: &'static str,
    #[serde(rename = "TransactionID")]
    transaction: String,
    amount: String,
    receiver_party: String,
    // Misspelt by Safaricom, and required so.
    #[serde(rename = "RecieverIdentifierType")]
    receiver_identifier_type: &'static str,
    #[serde(flatten)]
    urls: ResultUrls,
    remarks: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    occasion: Option<String>,
}

impl Reversal {
    /// A reversal of this payment, received by this shortcode. Remarks are cut to what Safaricom takes.
    pub fn new(
        initiator: &Initiator,
        shortcode: &ShortCode,
        payment: (&ReceiptCode, Money),
        urls: &ResultUrls,
        why: &str,
    ) -> Self {
        let (receipt, amount) = payment;
        Self {
            initiator: initiator.clone(),
            command: "TransactionReversal",
            transaction: receipt.to_string(),
            amount: amount.whole_shillings().map_or_else(|| amount.to_string(), |whole| whole.to_string()),
            receiver_party: shortcode.to_string(),
            receiver_identifier_type: "11",
            urls: urls.clone(),
            remarks: remarks(why),
            occasion: None,
        }
    }

    /// The same with an occasion.
    #[must_use]
    pub fn with_occasion(self, occasion: &str) -> Self {
        Self { occasion: Some(remarks(occasion)), ..self }
    }
}

impl Call for Reversal {
    type Answer = Acknowledged;
    const REPEATABLE: bool = false;

    fn path(&self) -> &'static str {
        "/mpesa/reversal/v1/request"
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

    fn reversal(cents: i64) -> Reversal {
        let (initiator, urls) = asker();
        let receipt = ReceiptCode::parse("UKL4AB12CD").unwrap();
        let number = ShortCode::parse("600638").unwrap();
        Reversal::new(&initiator, &number, (&receipt, Money::from_cents(cents)), &urls, "paid twice")
    }

    #[test]
    fn a_reversal_names_the_payment_its_amount_and_who_got_it() {
        let expected = json!({
            "Initiator": "testapi", "SecurityCredential": "c2VhbGVk", "CommandID": "TransactionReversal",
            "TransactionID": "UKL4AB12CD", "Amount": "350", "ReceiverParty": "600638",
            "RecieverIdentifierType": "11", "ResultURL": "https://x.test/r",
            "QueueTimeOutURL": "https://x.test/t", "Remarks": "paid twice",
        });
        assert_eq!(serde_json::to_value(reversal(35_000)).unwrap(), expected);
        let with = serde_json::to_value(reversal(35_000).with_occasion("A42")).unwrap();
        assert_eq!(with["Occasion"], "A42");
    }

    #[test]
    fn cents_go_back_too() {
        assert_eq!(serde_json::to_value(reversal(23_380)).unwrap()["Amount"], "233.80");
    }

    #[test]
    fn a_reversal_is_never_sent_again_by_itself() {
        const { assert!(!Reversal::REPEATABLE) };
    }
}
