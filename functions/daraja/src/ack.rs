//! What we answer. The validation code is a string and the others are numbers, as Safaricom documents
//! them (fact sheet §5.2).

/// Confirmation, results, time-outs, duplicates included: stored, do not send again.
pub const ACCEPTED: &str = r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#;

/// Validation: take the customer's money.
pub const VALIDATED: &str = r#"{"ResultCode":"0","ResultDesc":"Accepted"}"#;

/// Validation: take the money; the confirmation will repeat `order` as `ThirdPartyTransID`.
pub fn validated_for(order: domain::FactId) -> String {
    format!(r#"{{"ResultCode":"0","ResultDesc":"Accepted","ThirdPartyTransID":"{order}"}}"#)
}

/// Why the customer's money is not taken; it chooses the words of the SMS the customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Invalid MSISDN.
    Msisdn,
    /// Invalid account number.
    Account,
    /// Invalid amount.
    Amount,
    /// Invalid KYC details.
    Kyc,
    /// Invalid shortcode.
    ShortCode,
    /// Any other reason.
    Other,
}

impl Refusal {
    /// Safaricom's code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Msisdn => "C2B00011",
            Self::Account => "C2B00012",
            Self::Amount => "C2B00013",
            Self::Kyc => "C2B00014",
            Self::ShortCode => "C2B00015",
            Self::Other => "C2B00016",
        }
    }

    /// The answer.
    pub fn answer(self) -> String {
        format!(r#"{{"ResultCode":"{}","ResultDesc":"Rejected"}}"#, self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_spelled_as_safaricom_documents_them() {
        let order = "7-42".parse().unwrap();
        let expected = r#"{"ResultCode":"0","ResultDesc":"Accepted","ThirdPartyTransID":"7-42"}"#;
        assert_eq!(validated_for(order), expected);
        let refused = r#"{"ResultCode":"C2B00012","ResultDesc":"Rejected"}"#;
        assert_eq!(Refusal::Account.answer(), refused);
    }
}
