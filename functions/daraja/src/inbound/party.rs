//! One side of a transaction, as results name it.

use super::field::said;
use domain::{Msisdn, Payer, ShortCode};
use std::fmt;

/// Who paid or was paid: `254708374149 - JOHN DOE`, `600610 - Duka Moja`, or a name alone (fact sheet §3.5,
/// §3.6). It may hold a whole phone number, so it prints itself without.
#[derive(Clone, PartialEq, Eq)]
pub struct Party(String);

impl Party {
    /// Room for a hash of 64 characters and a name.
    const LABEL_CHARS: usize = 160;

    pub(super) fn read(text: Option<String>) -> Option<Self> {
        said(text, Self::LABEL_CHARS).map(Self)
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The organisation's number, if this is an organisation.
    pub fn shortcode(&self) -> Option<ShortCode> {
        self.number().and_then(|number| ShortCode::parse(number).ok())
    }

    /// The customer's number and name, if this is a customer.
    pub fn payer(&self) -> Payer {
        let number = self.number();
        let rest = number.map_or(self.as_str(), |number| self.0.get(number.len()..).unwrap_or_default());
        let name = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '-');
        Payer {
            name: (!name.is_empty()).then(|| name.to_owned()),
            msisdn: number.map(Msisdn::from_safaricom),
        }
    }

    /// What stands before the dash, where it is a number: whole, masked or hashed.
    fn number(&self) -> Option<&str> {
        let head = self.0.split('-').next().unwrap_or_default().trim_end();
        let dialled = |c: char| c.is_ascii_digit() || matches!(c, '+' | '*' | ' ');
        let hashed = head.len() == 64 && head.bytes().all(|b| b.is_ascii_hexdigit());
        let number = head.contains(|c: char| c.is_ascii_digit()) && head.chars().all(dialled);
        (hashed || number).then_some(head)
    }
}

/// The name, and at most the last three digits of a phone number.
impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = self.number().filter(|_| self.shortcode().is_none()) else {
            return write!(f, "{:?}", veiled(&self.0));
        };
        let rest = self.0.get(number.len()..).unwrap_or_default();
        write!(f, "{:?}", format!("{}{}", Msisdn::from_safaricom(number).masked(), veiled(rest)))
    }
}

/// A text in which no number is long enough to be called.
pub(super) fn veiled(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        if digits.len() < 9 {
            shown.push_str(part);
        } else {
            shown.push_str(&Msisdn::from_safaricom(digits).masked());
            shown.push_str(part.get(digits.len()..).unwrap_or_default());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(text: &str) -> Party {
        Party::read(Some(text.to_owned())).unwrap()
    }

    #[test]
    fn a_customer_is_a_number_and_a_name() {
        let payer = party("254708374149 - JOHN DOE-SMITH").payer();
        assert_eq!(payer.name.as_deref(), Some("JOHN DOE-SMITH"));
        assert_eq!(payer.msisdn.unwrap().plain(), Some("254708374149"));
        let masked = party("2547 ***** 126 - JOHN").payer();
        assert_eq!(
            (masked.name.as_deref(), masked.msisdn.unwrap().masked().as_str()),
            (Some("JOHN"), "***126")
        );
        let hashed = party(&format!("{} - JOHN", "a1".repeat(32))).payer();
        assert_eq!(
            (hashed.name.as_deref(), hashed.msisdn.unwrap().masked().as_str()),
            (Some("JOHN"), "hidden")
        );
        let named = party("ANNE-MARIE").payer();
        assert_eq!((named.name.as_deref(), named.msisdn), (Some("ANNE-MARIE"), None));
    }

    #[test]
    fn an_organisation_is_a_shortcode() {
        assert_eq!(party("600610 - Duka Moja").shortcode(), ShortCode::parse("600610").ok());
        assert_eq!(party("254708374149 - JOHN").shortcode(), None);
        assert_eq!(party("Duka Moja").shortcode(), None);
    }

    #[test]
    fn no_phone_number_is_printed() {
        assert_eq!(format!("{:?}", party("254708374149 - JOHN")), "\"***149 - JOHN\"");
        assert_eq!(format!("{:?}", party("JOHN 0708374149")), "\"JOHN ***149\"");
        assert_eq!(format!("{:?}", party("2547 12345 126 - J")), "\"***126 - J\"");
        assert_eq!(format!("{:?}", party(&format!("{} - J", "a1".repeat(32)))), "\"hidden - J\"");
        assert_eq!(format!("{:?}", party("600610 - Duka Moja")), "\"600610 - Duka Moja\"");
    }
}
