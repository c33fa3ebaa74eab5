//! What we answer. The validation code is a string and the others are numbers, as Safaricom documents
//! them (fact sheet §5.2).

/// Confirmation, STK result, duplicates included: stored, do not send again.
pub const ACCEPTED: &str = r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#;

/// Validation: take the customer's money.
pub const VALIDATED: &str = r#"{"ResultCode":"0","ResultDesc":"Accepted"}"#;
