//! Phone numbers: what a cashier types, and what Safaricom lets us see.

use crate::IdError;
use std::fmt;

/// A customer's phone number as an opaque label. Version 1 of the C2B API sends a hash, version 2 a
/// masked form, older ones the number (Daraja fact sheet §3.4); never use it as a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Msisdn {
    /// The whole number, `2547XXXXXXXX` or `2541XXXXXXXX`.
    Plain(String),
    /// 64 hex digits: SHA-256 of the number.
    Hashed(String),
    /// Anything else Safaricom sent, such as `2547 ***** 126`.
    Masked(String),
}

/// A typed number that is no Kenyan mobile number. It does not repeat what was typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid phone number")]
pub struct PhoneError;

impl Msisdn {
    /// Longest label kept from a callback; real ones have at most 64 characters.
    const LABEL_CHARS: usize = 64;

    /// Reads a number typed at the till: `07…`, `01…`, `2547…`, `2541…`, `+254 7…`, with blanks,
    /// dashes, dots and brackets anywhere (seed B; contract §4).
    ///
    /// # Errors
    /// Anything that is not a Kenyan mobile number.
    pub fn parse_phone(typed: &str) -> Result<Self, PhoneError> {
        let digits: String =
            typed.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '[' | ']' | '.')).collect();
        let digits = digits.strip_prefix('+').unwrap_or(&digits);
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(PhoneError);
        }
        let national = match digits.len() {
            12 => digits.strip_prefix("254"),
            10 => digits.strip_prefix('0'),
            9 => Some(digits),
            _ => None,
        };
        let national = national.filter(|n| n.starts_with('7') || n.starts_with('1')).ok_or(PhoneError)?;
        Ok(Self::Plain(format!("254{national}")))
    }

    /// Takes whatever Safaricom sent; there is always a kind that fits.
    pub fn from_safaricom(text: &str) -> Self {
        let text: String = text.trim().chars().take(Self::LABEL_CHARS).collect();
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Self::Hashed(text.to_ascii_lowercase());
        }
        Self::parse_phone(&text).unwrap_or(Self::Masked(text))
    }

    /// The whole number, where it is known.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Plain(number) => Some(number),
            Self::Hashed(_) | Self::Masked(_) => None,
        }
    }

    /// The text as stored.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Hashed(text) | Self::Masked(text) => text,
        }
    }

    /// What may be shown and logged: at most the last three digits.
    pub fn masked(&self) -> String {
        match self {
            Self::Hashed(_) => "hidden".to_owned(),
            Self::Plain(text) | Self::Masked(text) => {
                let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
                let start = digits.len().saturating_sub(3);
                let last: String = digits.iter().skip(start).collect();
                format!("***{last}")
            }
        }
    }
}

/// The last three digits of a customer's number: what a cashier may take down, and what Safaricom still shows of
/// it. It tells customers apart, and leads to nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PhoneEnding([u8; 3]);

impl PhoneEnding {
    /// Reads the three digits, or a whole number that a cashier typed, of which only the ending is kept.
    ///
    /// # Errors
    /// Neither three digits nor a Kenyan mobile number. It does not repeat what was typed.
    pub fn parse(typed: &str) -> Result<Self, IdError> {
        let expected = IdError("type the last three digits of the customer's number, such as 678");
        let of_number = || Msisdn::parse_phone(typed).ok().and_then(|number| Self::of(&number));
        Self::of_digits(typed.trim()).or_else(of_number).ok_or(expected)
    }

    /// The last three digits of a number, as far as Safaricom lets us see them.
    pub fn of(number: &Msisdn) -> Option<Self> {
        let (Msisdn::Plain(text) | Msisdn::Masked(text)) = number else { return None };
        text.get(text.len().checked_sub(3)?..).and_then(Self::of_digits)
    }

    fn of_digits(text: &str) -> Option<Self> {
        <[u8; 3]>::try_from(text.as_bytes()).ok().filter(|it| it.iter().all(u8::is_ascii_digit)).map(Self)
    }
}

/// `678`.
impl fmt::Display for PhoneEnding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
    }
}

/// Masked, so that no log line and no panic message carries a number.
impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_a_cashier_writes_a_number_is_the_same_number() {
        for typed in
            ["0712345678", "0712 345 678", "(0712) 345-678", "254712345678", "+254 712 345678", "712345678"]
        {
            assert_eq!(Msisdn::parse_phone(typed), Ok(Msisdn::Plain("254712345678".into())), "{typed}");
        }
        assert!(Msisdn::parse_phone("0112345678").is_ok());
    }

    #[test]
    fn what_is_no_kenyan_mobile_number_is_refused_without_repeating_it() {
        for typed in ["", "0812345678", "07123", "+255712345678", "07123456ab", "2540712345678"] {
            assert_eq!(Msisdn::parse_phone(typed), Err(PhoneError), "{typed}");
        }
    }

    #[test]
    fn safaricoms_three_forms_are_told_apart() {
        assert_eq!(Msisdn::from_safaricom("254708374149").plain(), Some("254708374149"));
        assert!(matches!(Msisdn::from_safaricom("2547 ***** 126"), Msisdn::Masked(_)));
        assert!(matches!(Msisdn::from_safaricom(&"aB".repeat(32)), Msisdn::Hashed(_)));
    }

    #[test]
    fn an_ending_is_three_digits_of_a_number_that_can_be_seen() {
        for typed in ["126", " 126 ", "0708 374 126", "+254708374126"] {
            assert_eq!(PhoneEnding::parse(typed).unwrap().to_string(), "126", "{typed}");
        }
        for typed in ["", "12", "1264", "12a", "0812345678", "1 2 6", "\u{663}\u{663}\u{663}"] {
            let error = PhoneEnding::parse(typed).unwrap_err();
            assert!(typed.is_empty() || !error.to_string().contains(typed), "{typed}");
        }
        let ending = |text: &str| PhoneEnding::of(&Msisdn::from_safaricom(text)).map(|it| it.to_string());
        assert_eq!(ending("2547 ***** 126").as_deref(), Some("126"));
        assert_eq!(ending("254708374149").as_deref(), Some("149"));
        assert_eq!(ending(&"a1".repeat(32)), None);
        assert_eq!(ending("25470837****"), None);
    }

    #[test]
    fn no_number_is_ever_printed_whole() {
        let number = Msisdn::from_safaricom("254708374149");
        assert_eq!(format!("{number:?}"), "***149");
        assert_eq!(Msisdn::from_safaricom("2547 ***** 126").masked(), "***126");
        assert_eq!(Msisdn::from_safaricom(&"a1".repeat(32)).masked(), "hidden");
    }
}
