//! Single fields, from literal text to types that can not be wrong.

use super::Unreadable;
use domain::{Money, Msisdn, ReceiptCode, ShortCode, Timestamp};

/// The longest name kept beside the raw body; real ones have a third of it.
pub(super) const NAME_CHARS: usize = 80;
/// The longest reference kept; Safaricom takes twenty characters (fact sheet §3.2).
pub(super) const REFERENCE_CHARS: usize = 40;
/// The longest code kept: `SFC_IC0003` has ten characters.
const CODE_CHARS: usize = 32;
/// The longest description kept.
const WORDS_CHARS: usize = 200;
/// The longest id of a request; real ones have at most forty characters.
const ID_CHARS: usize = 100;

pub(super) fn receipt(text: Option<String>, field: &'static str) -> Result<ReceiptCode, Unreadable> {
    text.and_then(|text| ReceiptCode::parse_typed(&text).ok()).ok_or(Unreadable::Field(field))
}

/// An amount above nothing. There is no upper bound here: a large payment is a payment (field study W4).
pub(super) fn amount(text: Option<String>, field: &'static str) -> Result<Money, Unreadable> {
    let text = text.ok_or(Unreadable::Field(field))?;
    let money = Money::parse(&text).map_err(|reason| Unreadable::Amount(field, reason))?;
    Some(money).filter(|money| *money > Money::ZERO).ok_or(Unreadable::Field(field))
}

/// A balance or a charge: it may be less than nothing, and nothing depends on it.
pub(super) fn signed(text: &str) -> Option<Money> {
    match text.trim().strip_prefix('-') {
        Some(owed) => Money::parse(owed).ok().map(|money| -money),
        None => Money::parse(text.trim()).ok(),
    }
}

pub(super) fn shortcode(text: Option<String>, field: &'static str) -> Result<ShortCode, Unreadable> {
    text.and_then(|text| ShortCode::parse(&text).ok()).ok_or(Unreadable::Field(field))
}

/// Fourteen digits, or no time at all: no payment is refused for its time.
pub(super) fn time(text: Option<String>) -> Option<Timestamp> {
    text.and_then(|text| Timestamp::parse_daraja(&text).ok())
}

pub(super) fn msisdn(text: Option<String>) -> Option<Msisdn> {
    said(text, NAME_CHARS).map(|text| Msisdn::from_safaricom(&text))
}

/// A result code as text: not all are numbers (fact sheet §4.1).
pub(super) fn code(text: Option<String>) -> Result<String, Unreadable> {
    said(text, CODE_CHARS).ok_or(Unreadable::Field("ResultCode"))
}

/// The id of a request: visible characters. A longer one is not cut, because a cut id names something else.
pub(super) fn id(text: Option<String>) -> Option<String> {
    let visible = |text: &String| text.len() <= ID_CHARS && text.bytes().all(|b| b.is_ascii_graphic());
    text.filter(visible)
}

/// A text for people, if it says anything.
pub(super) fn said(text: Option<String>, longest: usize) -> Option<String> {
    text.map(|text| printable(&text, longest)).filter(|text| !text.is_empty())
}

/// A text for people, which customers may have typed and which will be printed: no control character and
/// none that turns the direction of writing; a line break is a blank.
pub(super) fn printable(text: &str, longest: usize) -> String {
    let visible = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => None,
        c => (!c.is_control()).then_some(c),
    };
    let visible: String = text.chars().filter_map(visible).collect();
    visible.trim().chars().take(longest).collect::<String>().trim_end().to_owned()
}

/// `ResultDesc` without the tag of the system that wrote it: `[STK_CB - ]` (fact sheet §3.1).
pub(super) fn description(text: Option<String>) -> String {
    let text = printable(&text.unwrap_or_default(), WORDS_CHARS);
    let tagged = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let untagged = tagged.and_then(|(tag, rest)| {
        let (system, words) = tag.split_once('-')?;
        system.trim().ends_with("CB").then(|| format!("{} {}", words.trim(), rest.trim()).trim().to_owned())
    });
    untagged.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_before_the_words_goes_and_no_word_is_lost() {
        let words = |text: &str| description(Some(text.to_owned()));
        assert_eq!(words("[STK_CB - ]Request cancelled by user"), "Request cancelled by user");
        assert_eq!(words("[STK_CB - ] x"), "x");
        assert_eq!(words("[STK_CB - DS timeout.] again"), "DS timeout. again");
        for plain in ["[not a tag] x", "[STK_CB - ", "a [STK_CB - ] b", ""] {
            assert_eq!(words(plain), plain.trim());
        }
    }

    #[test]
    fn what_a_customer_typed_can_be_printed() {
        assert_eq!(printable(" A\u{7}SHA\u{202e}\u{1b}[31m ", 80), "ASHA[31m");
        assert_eq!(printable("line\none", 80), "line one");
        assert_eq!(printable("NJERI WANJIKŨ 😀", 80), "NJERI WANJIKŨ 😀");
        assert_eq!(printable("ab cd", 3), "ab");
    }

    #[test]
    fn a_balance_may_be_less_than_nothing() {
        assert_eq!(signed("-12.50"), Some(Money::from_cents(-1_250)));
        assert_eq!(signed("--1"), None);
        assert_eq!(signed("1e3"), None);
    }

    #[test]
    fn an_id_is_taken_whole_or_not_at_all() {
        assert_eq!(id(Some("AG_20261121_00ff".into())).as_deref(), Some("AG_20261121_00ff"));
        assert_eq!(id(Some("a b".into())), None);
        assert_eq!(id(Some("x".repeat(ID_CHARS + 1))), None);
    }
}
