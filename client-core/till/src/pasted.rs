//! What a customer shows at the counter: a code, the end of one, or the whole message on their phone. Its wording
//! changes without notice, so everything but the code may be missing; and whoever forges one words it well, so
//! nothing of it proves anything (fact sheet §10.2, §10.3).

use domain::{Money, ReceiptCode, Timestamp};
use regex_lite::Regex;

/// The longest text that is looked at, in bytes. Messages have at most a few hundred.
const MAX_BYTES: usize = 2_000;
/// So many characters of a code's end are enough to look for it.
const ENDING: usize = 5;
/// So many characters a code has today.
const WHOLE: usize = 10;

/// What a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pasted {
    /// A code alone.
    Code(ReceiptCode),
    /// The last five characters of a code.
    Ending(String),
    /// M-Pesa's message to the customer or to the shop.
    Message(Message),
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The code of the payment; of a reversal's message, of the payment that was reversed.
    pub code: ReceiptCode,
    /// How much.
    pub amount: Option<Money>,
    /// When.
    pub at: Option<Timestamp>,
    /// Whom it was paid to, or who paid: the message has one of the two.
    pub name: Option<String>,
    /// What the customer typed as account number.
    pub account: Option<String>,
    /// It says that the payment went back.
    pub reversed: bool,
}

impl Pasted {
    /// Reads a text; `None` where there is nothing in it that may be a code.
    pub fn read(text: &str) -> Option<Self> {
        let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= MAX_BYTES);
        let text = end.and_then(|end| text.get(..end)).unwrap_or(text);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(message) = Message::read(&words) {
            return Some(Self::Message(message));
        }
        let code: String = words.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | ',')).collect();
        let code = ReceiptCode::parse_typed(&code).ok()?;
        // Words are no code; one that is typed in groups is a whole one.
        let grouped = words.contains(' ');
        Some(match code.as_str().len() {
            length if grouped && length != WHOLE => return None,
            ENDING => Self::Ending(code.as_str().to_owned()),
            _ => Self::Code(code),
        })
    }

    /// The code, where there is a whole one.
    pub const fn code(&self) -> Option<&ReceiptCode> {
        match self {
            Self::Code(code) | Self::Message(Message { code, .. }) => Some(code),
            Self::Ending(_) => None,
        }
    }

    /// The message, if it is one.
    pub const fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Code(_) | Self::Ending(_) => None,
        }
    }
}

impl Message {
    /// Reads a text whose blanks are single ones. A message has an amount, a date or the word "confirmed" beside
    /// its code.
    fn read(text: &str) -> Option<Self> {
        let of_reversal = first(text, r"(?i)reversal of transaction ([A-Z0-9]{3,20})");
        let confirmed = first(text, r"(?i)\b([A-Z0-9]{3,20}) ?confirmed");
        let (amount, at) = (amount_in(text), time_in(text));
        let reversed = of_reversal.is_some();
        let told = confirmed.is_some() || reversed || amount.is_some() || at.is_some();
        let code =
            of_reversal.or(confirmed).or_else(|| first(text, r"\b([A-Z0-9]{10})\b").filter(|_| told))?;
        Some(Self {
            code: ReceiptCode::parse_typed(&code).ok()?,
            amount,
            at,
            name: name_in(text),
            account: first(text, r"(?i) for account (.{1,40}?) on \d"),
            reversed,
        })
    }
}

/// The first amount that is no balance, cost or limit.
fn amount_in(text: &str) -> Option<Money> {
    let amounts = pattern(r"(?i)ksh ?\.? ?([0-9][0-9,]*(?:\.[0-9]{1,2})?)")?;
    let other = pattern(r"(?i)(?:balance(?: is|:| was)?|cost,?|within the day is) ?$")?;
    let found = amounts.captures_iter(text).find_map(|it| {
        let (whole, digits) = (it.get(0)?, it.get(1)?);
        (!other.is_match(text.get(..whole.start())?)).then(|| digits.as_str().replace(',', ""))
    });
    Money::parse(&found?).ok()
}

/// `on 21/11/26 at 8:15 AM`, in East Africa Time, with any blanks.
fn time_in(text: &str) -> Option<Timestamp> {
    let when = r"(?i)on ?(\d{1,2})/(\d{1,2})/(\d{2,4}) ?at ?(\d{1,2}):(\d{2}) ?([AP])\.?M";
    let found = pattern(when)?.captures(text)?;
    let part = |index: usize| found.get(index).and_then(|it| it.as_str().parse::<u16>().ok());
    let (day, month, minute) = (part(1)?, part(2)?, part(5)?);
    let year = part(3).map(|year| if year < 100 { year.saturating_add(2000) } else { year })?;
    let hour = part(4).filter(|hour| (1..=12).contains(hour))?.checked_rem(12)?;
    let hour = if found.get(6)?.as_str().eq_ignore_ascii_case("p") { hour.saturating_add(12) } else { hour };
    Timestamp::parse_daraja(&format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}00")).ok()
}

/// Who stands in the message: whom it was paid to, or who paid.
fn name_in(text: &str) -> Option<String> {
    let wordings = [
        r"(?i)(?:sent|paid) to (.{1,80}?)(?: for account|\.? ?on ?\d)",
        r"(?i)received from [0-9*+ ]*(.{1,80}?)(?:\.| ?new | on ?\d|$)",
    ];
    let name = wordings.into_iter().find_map(|wording| first(text, wording))?;
    let name = name.trim_matches([' ', '.', ',']);
    (!name.is_empty()).then(|| name.to_owned())
}

fn first(text: &str, wording: &str) -> Option<String> {
    Some(pattern(wording)?.captures(text)?.get(1)?.as_str().to_owned())
}

/// A pattern of ours; that each of them is one, the tests see.
fn pattern(wording: &str) -> Option<Regex> {
    Regex::new(wording).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        match Pasted::read(text) {
            Some(Pasted::Message(message)) => message,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn check(text: &str, amount: &str, at: &str, name: &str, account: Option<&str>) {
        let it = message(text);
        assert_eq!(it.code.as_str(), "UKL4AB12CD", "{text}");
        assert_eq!(it.amount, Some(Money::parse(amount).unwrap()), "{text}");
        assert_eq!(it.at, Some(Timestamp::parse_daraja(at).unwrap()), "{text}");
        assert_eq!(it.name.as_deref(), Some(name), "{text}");
        assert_eq!((it.account.as_deref(), it.reversed), (account, false), "{text}");
    }

    #[test]
    fn every_wording_of_mpesas_messages_is_read() {
        check(
            "UKL4AB12CD Confirmed. Ksh1,500.00 sent to DUKA LA MAMA for account A42 on 21/11/26 at 8:15 AM New M-PESA \
             balance is Ksh2,034.50. Transaction cost, Ksh0.00. Amount you can transact within the day is 498,500.00. \
             Save frequent paybills for quick payment on M-PESA app https://bit.ly/mpesalnk",
            "1500.00",
            "20261121081500",
            "DUKA LA MAMA",
            Some("A42"),
        );
        check(
            "UKL4AB12CD Confirmed. Ksh487.00 paid to DUKA LA MAMA 2. on 1/2/26 at 12:05 PM.New M-PESA balance is \
             Ksh20.00. Transaction cost, Ksh0.00.",
            "487.00",
            "20260201120500",
            "DUKA LA MAMA 2",
            None,
        );
        check(
            "UKL4AB12CD Confirmed.on 21/11/26 at 9:30 PMKSH60.50 received from 254708***126 ASHA WANJIRU. New Account \
             balance is KSH9,000.00. Transaction cost, KSH0.33",
            "60.50",
            "20261121213000",
            "ASHA WANJIRU",
            None,
        );
        check(
            "  ukl4ab12cd\n confirmed.Ksh 1,000 paid to  Mama   Njeri.on 21/11/2026 at 12:00 am.",
            "1000.00",
            "20261121000000",
            "Mama Njeri",
            None,
        );
        let reversal = message(
            "UKM9ZZ88YY confirmed. Reversal of transaction UKL4AB12CD has been successfully reversed on 22/11/26 at 9:00 \
             AM and Ksh500.00 is credited to your M-PESA account. New M-PESA account balance is Ksh620.00.",
        );
        assert_eq!((reversal.code.as_str(), reversal.reversed), ("UKL4AB12CD", true));
        assert_eq!(reversal.amount, Some(Money::from_cents(50_000)));
    }

    #[test]
    fn what_is_missing_in_a_message_is_missing_and_no_more() {
        let it = message("UKL4AB12CD Confirmed.");
        assert_eq!((it.amount, it.at, it.name), (None, None, None));
        let it = message("New M-PESA balance is Ksh20.00. UKL4AB12CD Confirmed. on 31/2/26 at 8:15 AM");
        assert_eq!((it.amount, it.at), (None, None), "a balance is no amount, and that is no day");
        let it = message("I paid Ksh500 and the code is UKL4AB12CD");
        assert_eq!((it.code.as_str(), it.amount), ("UKL4AB12CD", Some(Money::from_cents(50_000))));
    }

    #[test]
    fn a_code_is_read_however_it_is_typed_and_five_characters_are_its_end() {
        for typed in ["UKL4AB12CD", " ukl4 ab12 cd ", "ukl4-ab12-cd."] {
            assert_eq!(Pasted::read(typed).unwrap().code().unwrap().as_str(), "UKL4AB12CD", "{typed}");
        }
        assert_eq!(Pasted::read(" b12cd"), Some(Pasted::Ending("B12CD".to_owned())));
    }

    #[test]
    fn what_holds_no_code_is_nothing() {
        for text in [
            "",
            "  ",
            "hello there, where is my change?",
            "ab",
            "good morning",
            "Ksh500 on 21/11/26 at 8:15 AM",
            "é".repeat(4000).as_str(),
        ] {
            assert_eq!(Pasted::read(text), None, "{text}");
        }
        let long = format!("UKL4AB12CD Confirmed. Ksh500.00 {}", "🦒".repeat(3000));
        assert_eq!(message(&long).amount, Some(Money::from_cents(50_000)));
    }
}
