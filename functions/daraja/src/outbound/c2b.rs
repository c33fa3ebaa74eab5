//! Telling Safaricom where payments are announced, and paying in the sandbox (fact sheet §1.5, §5, §6).

use super::stk::transaction_type;
use super::{Call, CallError, Hidden, PushError, answer, shillings};
use domain::{Account, Money, Msisdn, ShortCode};
use serde::Serialize;

/// Which of the two C2B products the app holds. The other one is refused with `401.003.01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum C2bVersion {
    /// Older apps: phone numbers come hashed.
    V1,
    /// The present one: phone numbers come masked.
    V2,
}

/// What becomes of a payment whose validation URL does not answer within about eight seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum ResponseType {
    /// It is paid, and the confirmation tried.
    #[default]
    Completed,
    /// It is refused.
    Cancelled,
}

/// Registers a shortcode's URLs: once in production, freely in the sandbox. A second call after an unclear
/// first would hear "already registered" and hide that the first was taken, so a person repeats it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisterUrls {
    short_code: String,
    response_type: ResponseType,
    #[serde(rename = "ConfirmationURL")]
    confirmation_url: Hidden,
    #[serde(rename = "ValidationURL")]
    validation_url: Hidden,
    #[serde(skip)]
    version: C2bVersion,
}

impl RegisterUrls {
    /// URLs for the payments to this shortcode.
    pub fn new(
        version: C2bVersion,
        shortcode: &ShortCode,
        response_type: ResponseType,
        confirmation_url: &str,
        validation_url: &str,
    ) -> Self {
        Self {
            short_code: shortcode.to_string(),
            response_type,
            confirmation_url: Hidden(confirmation_url.to_owned()),
            validation_url: Hidden(validation_url.to_owned()),
            version,
        }
    }
}

/// Safaricom took the URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// `OriginatorCoversationID` (so they spell it); older answers leave it empty.
    pub originator: String,
}

impl Call for RegisterUrls {
    type Answer = Registered;
    const REPEATABLE: bool = false;

    fn path(&self) -> &'static str {
        match self.version {
            C2bVersion::V1 => "/mpesa/c2b/v1/registerurl",
            C2bVersion::V2 => "/mpesa/c2b/v2/registerurl",
        }
    }

    /// `ResponseCode` is `0` or `00000000`; older answers have none and say in words what became of it.
    fn read(status: u16, body: &[u8]) -> Result<Registered, CallError> {
        let answer = answer::read(status, body)?;
        let description = answer::description(&answer);
        let words = description.to_ascii_lowercase();
        match answer.text("ResponseCode") {
            Some(code) if !code.trim_matches('0').is_empty() => {
                return Err(answer::refusal(code, description));
            }
            None if words.contains("already registered") => {
                return Err(answer::refusal("already registered".to_owned(), description));
            }
            None if words != "success" => return Err(CallError::Unclear),
            _ => {}
        }
        let names = ["OriginatorCoversationID", "OriginatorConversationID"];
        let originator = names.into_iter().find_map(|name| answer.text(name));
        Ok(Registered { originator: originator.unwrap_or_default() })
    }
}

/// Pays as a customer, in the sandbox only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Simulate {
    short_code: String,
    #[serde(rename = "CommandID")]
    command: &'static str,
    amount: String,
    msisdn: Hidden,
    bill_ref_number: Option<String>,
    #[serde(skip)]
    version: C2bVersion,
}

impl Simulate {
    /// A payment to this account; for a paybill with the account reference the customer types.
    ///
    /// # Errors
    /// The amount has cents or is nothing, or the phone number is not known whole.
    pub fn new(
        version: C2bVersion,
        account: &Account,
        amount: Money,
        phone: &Msisdn,
        reference: &str,
    ) -> Result<Self, PushError> {
        Ok(Self {
            short_code: account.shortcode().to_string(),
            command: transaction_type(account),
            amount: shillings(amount)?.to_string(),
            msisdn: Hidden(phone.plain().ok_or(PushError::Phone)?.to_owned()),
            bill_ref_number: match account {
                Account::Paybill(_) => Some(reference.to_owned()),
                Account::Till(_) => None,
            },
            version,
        })
    }
}

impl Call for Simulate {
    type Answer = Registered;
    const REPEATABLE: bool = false;

    fn path(&self) -> &'static str {
        match self.version {
            C2bVersion::V1 => "/mpesa/c2b/v1/simulate",
            C2bVersion::V2 => "/mpesa/c2b/v2/simulate",
        }
    }

    fn read(status: u16, body: &[u8]) -> Result<Registered, CallError> {
        RegisterUrls::read(status, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Refused;
    use serde_json::json;

    fn number() -> ShortCode {
        ShortCode::parse("600638").unwrap()
    }

    #[test]
    fn urls_are_registered_with_the_version_the_app_holds() {
        let register = |version, response_type| {
            RegisterUrls::new(version, &number(), response_type, "https://x.test/c", "https://x.test/v")
        };
        let expected = json!({
            "ShortCode": "600638", "ResponseType": "Completed", "ConfirmationURL": "https://x.test/c",
            "ValidationURL": "https://x.test/v",
        });
        let v2 = register(C2bVersion::V2, ResponseType::default());
        assert_eq!(serde_json::to_value(&v2).unwrap(), expected);
        let v1 = register(C2bVersion::V1, ResponseType::Cancelled);
        assert_eq!(serde_json::to_value(&v1).unwrap()["ResponseType"], "Cancelled");
        assert_eq!((v1.path(), v2.path()), ("/mpesa/c2b/v1/registerurl", "/mpesa/c2b/v2/registerurl"));
        assert!(!format!("{v1:?}").contains("x.test"));
    }

    #[test]
    fn registered_is_said_in_four_ways() {
        for (body, originator) in [
            (
                r#"{"OriginatorCoversationID":"o-1","ResponseCode":"0","ResponseDescription":"success"}"#,
                "o-1",
            ),
            (
                r#"{"OriginatorConversationID":"o-2","ResponseCode":"00000000","ResponseDescription":"x"}"#,
                "o-2",
            ),
            (r#"{"ResponseCode":0}"#, ""),
            (r#"{"ConversationID":"","OriginatorCoversationID":"","ResponseDescription":"Success"}"#, ""),
        ] {
            let registered = Registered { originator: originator.to_owned() };
            assert_eq!(RegisterUrls::read(200, body.as_bytes()), Ok(registered), "{body}");
        }
    }

    #[test]
    fn a_second_registration_is_refused_in_the_old_words_and_the_new() {
        let old = r#"{"ConversationID":"","OriginatorCoversationID":"","ResponseDescription":"Validation and Confirmation URLs are already registered"}"#;
        let new =
            r#"{"requestId":"r","errorCode":"500.003.1001","errorMessage":"Urls are already registered"}"#;
        for (status, body) in [(200, old), (500, new)] {
            let Err(CallError::Refused(refused)) = RegisterUrls::read(status, body.as_bytes()) else {
                panic!("{body}")
            };
            assert!(refused.advice().remedy.contains("URL Management"), "{refused}");
        }
        let no = RegisterUrls::read(200, br#"{"ResponseCode":"1","ResponseDescription":"no"}"#);
        assert_eq!(no, Err(CallError::Refused(Refused { code: "1".to_owned(), message: "no".to_owned() })));
        for body in ["{}", "", r#"{"ResponseDescription":"perhaps"}"#] {
            assert_eq!(RegisterUrls::read(200, body.as_bytes()), Err(CallError::Unclear), "{body}");
        }
    }

    #[test]
    fn a_simulated_payment_to_a_till_has_no_reference() {
        let phone = Msisdn::parse_phone("254708374149").unwrap();
        let pay = |account: &Account| {
            let amount = Money::from_cents(10_000);
            let pay = Simulate::new(C2bVersion::V2, account, amount, &phone, "A42").unwrap();
            serde_json::to_value(pay).unwrap()
        };
        let expected = json!({
            "ShortCode": "600638", "CommandID": "CustomerPayBillOnline", "Amount": "100",
            "Msisdn": "254708374149", "BillRefNumber": "A42",
        });
        assert_eq!(pay(&Account::Paybill(number())), expected);
        let till = pay(&Account::Till(number()));
        assert_eq!(till["CommandID"], "CustomerBuyGoodsOnline");
        assert!(till["BillRefNumber"].is_null() && till.get("BillRefNumber").is_some());
    }
}
