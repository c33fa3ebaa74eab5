//! Receipt codes as people bring them: what is nearly one, and what makes one doubtful.
//!
//! Nothing here proves or refuses anything. Safaricom never published how it makes its codes, and whoever forges
//! a message knows the scheme too (fact sheet §10).

use crate::matching::as_digit;
use crate::{BusinessDay, ReceiptCode, Timestamp};
use std::collections::BTreeSet;
use std::fmt;

/// How long before and after an instant the day of a code may be: who pays just before midnight shows the code
/// just after it.
const AROUND_MIDNIGHT_MILLIS: i64 = 3_600_000;

/// How many letters of one code may each be a digit that was read wrongly.
const MAX_MISTAKABLE: usize = 6;

/// Why a code is doubtful, as far as the code itself tells. A warning, never a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeDoubt {
    /// It does not look like the codes of today: ten letters and digits that begin with a date.
    Form,
    /// Its first three characters stand for another day.
    Day(BusinessDay),
}

impl fmt::Display for CodeDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("this does not look like an M-Pesa code: compare it letter by letter"),
            Self::Day(day) => {
                write!(
                    f,
                    "by its first three characters this code is of {day}: look at the date of the message"
                )
            }
        }
    }
}

impl ReceiptCode {
    /// The day that the first three characters stand for, where they stand for one: year (A is 2006), month (A to
    /// L) and day (1 to 9, then A to V).
    pub fn day(&self) -> Option<BusinessDay> {
        let [year, month, day, ..] = *self.as_str().as_bytes() else { return None };
        let letter = |byte: u8, last: u8| (b'A'..=last).contains(&byte).then(|| byte.wrapping_sub(b'A'));
        let day = match day {
            b'1'..=b'9' => day.wrapping_sub(b'0'),
            _ => letter(day, b'V')?.saturating_add(10),
        };
        let year = u16::from(letter(year, b'Z')?).saturating_add(2006);
        let month = letter(month, b'L')?.saturating_add(1);
        BusinessDay::parse(&format!("{year}-{month:02}-{day:02}")).ok()
    }

    /// What makes this code doubtful for a payment that was made at one of these instants.
    pub fn doubt(&self, paid_about: &[Timestamp]) -> Option<CodeDoubt> {
        let Some(day) = self.day().filter(|_| self.as_str().len() == 10) else {
            return Some(CodeDoubt::Form);
        };
        let around = [-AROUND_MIDNIGHT_MILLIS, 0, AROUND_MIDNIGHT_MILLIS];
        let days = |at: &Timestamp| around.map(|millis| at.plus_millis(millis).business_day());
        let fits = paid_about.iter().flat_map(days).any(|it| it == day);
        (!fits).then_some(CodeDoubt::Day(day))
    }

    /// Whether two codes differ by what happens when people type: O for 0 and I for 1 anywhere, or one wrong
    /// character, or two that changed places.
    pub fn is_nearly(&self, other: &Self) -> bool {
        self != other && (alike(self) == alike(other) || differ_little(self.as_str(), other.as_str()))
    }

    /// Every code that is nearly this one, to look them up: some hundreds.
    pub fn near(&self) -> BTreeSet<Self> {
        let own: Vec<char> = self.as_str().chars().collect();
        let mut near: BTreeSet<String> = misread(&own);
        for (place, c) in own.iter().enumerate() {
            for other in ('A'..='Z').chain('0'..='9').filter(|other| other != c) {
                near.insert(replaced(&own, &[(place, other)]));
            }
        }
        for (place, pair) in own.windows(2).enumerate() {
            if let [one, two] = *pair {
                near.insert(replaced(&own, &[(place, two), (place.saturating_add(1), one)]));
            }
        }
        near.remove(self.as_str());
        near.iter().filter_map(|text| Self::parse(text).ok()).collect()
    }
}

/// The ends of codes that may be meant by one: O for 0 and I for 1 are forgiven.
pub fn ends_like(end: &str) -> BTreeSet<String> {
    misread(&end.chars().map(|c| c.to_ascii_uppercase()).collect::<Vec<_>>())
}

/// A text in every reading of its letters that look like digits.
fn misread(own: &[char]) -> BTreeSet<String> {
    let mistaken = |c: char| match c {
        '0' => Some('O'),
        '1' => Some('I'),
        _ => as_digit(c),
    };
    let mut readings = BTreeSet::from([own.iter().collect::<String>()]);
    let places = own.iter().enumerate().filter_map(|(place, c)| Some((place, mistaken(*c)?)));
    for change in places.take(MAX_MISTAKABLE) {
        let read: Vec<String> =
            readings.iter().map(|text| replaced(&text.chars().collect::<Vec<_>>(), &[change])).collect();
        readings.extend(read);
    }
    readings
}

fn replaced(own: &[char], changes: &[(usize, char)]) -> String {
    let changed = |place: usize| changes.iter().find(|(at, _)| *at == place).map(|(_, to)| *to);
    own.iter().enumerate().map(|(place, c)| changed(place).unwrap_or(*c)).collect()
}

fn alike(code: &ReceiptCode) -> String {
    code.as_str().chars().map(|c| as_digit(c).unwrap_or(c)).collect()
}

/// One character, or two neighbours that changed places.
fn differ_little(one: &str, two: &str) -> bool {
    if one.len() != two.len() {
        return false;
    }
    let pairs: Vec<(u8, u8)> = one.bytes().zip(two.bytes()).collect();
    let wrong: Vec<usize> = pairs.iter().enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect();
    match wrong[..] {
        [_] => true,
        [first, second] => {
            let swapped =
                pairs.get(first).zip(pairs.get(second)).is_some_and(|(x, y)| x.0 == y.1 && x.1 == y.0);
            second == first.saturating_add(1) && swapped
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(text: &str) -> ReceiptCode {
        ReceiptCode::parse(text).unwrap()
    }

    fn at(daraja: &str) -> Timestamp {
        Timestamp::parse_daraja(daraja).unwrap()
    }

    #[test]
    fn the_first_three_characters_are_a_day() {
        for (text, day) in
            [("NLJ7RT61SV", "2019-12-19"), ("RKL51ZDR4F", "2023-11-21"), ("UKL4AB12CD", "2026-11-21")]
        {
            assert_eq!(code(text).day().unwrap().to_string(), day, "{text}");
        }
        for text in ["UML4AB12CD", "UKW4AB12CD", "UK04AB12CD", "1KL4AB12CD", "UBV4AB12CD", "UK"] {
            assert_eq!(ReceiptCode::parse(text).ok().and_then(|it| it.day()), None, "{text}");
        }
    }

    #[test]
    fn yesterdays_code_is_doubtful_but_not_around_midnight() {
        let doubt = |text, paid: &str| code(text).doubt(&[at(paid)]);
        assert_eq!(doubt("UKL4AB12CD", "20261121120000"), None);
        let day = BusinessDay::parse("2026-11-20").unwrap();
        assert_eq!(doubt("UKK4AB12CD", "20261121120000"), Some(CodeDoubt::Day(day)));
        assert_eq!(doubt("UKK4AB12CD", "20261121003000"), None, "half past midnight");
        assert_eq!(doubt("UKM4AB12CD", "20261121233000"), None, "the till's clock may be slow");
        assert_eq!(
            code("UKK4AB12CD").doubt(&[at("20261121120000"), at("20261120150000")]),
            None,
            "an old sale"
        );
        for text in ["UKL4AB12C", "UKL4AB12CDE", "TE0T1234AB"] {
            assert_eq!(doubt(text, "20261121120000"), Some(CodeDoubt::Form), "{text}");
        }
        assert!(doubt("UKK4AB12CD", "20261121120000").unwrap().to_string().contains("2026-11-20"));
    }

    #[test]
    fn what_people_mistype_is_nearly_the_code() {
        let meant = code("UKO4IB12CD");
        for typed in ["UK041B12CD", "UKO41B12CD", "UKO4IB12CX", "UKO4IB12DC", "KUO4IB12CD"] {
            assert!(meant.is_nearly(&code(typed)) && code(typed).is_nearly(&meant), "{typed}");
        }
        for typed in ["UKO4IB12CD", "UKO4IB12XY", "UKO4IB12C", "DKO4IB12CU", "UXO4YB12CD"] {
            assert!(!meant.is_nearly(&code(typed)), "{typed}");
        }
        assert!(ends_like("b1oxy").contains("BI0XY"));
    }

    proptest! {
        #[test]
        fn what_is_looked_up_is_what_is_nearly_the_code(text in "[A-Z0-9]{10}", place in 0usize..9, to in "[A-Z0-9]") {
            let meant = code(&text);
            prop_assert!(meant.near().iter().all(|near| meant.is_nearly(near)));
            let mut typed = text.clone();
            typed.replace_range(place..=place, &to);
            prop_assert!(typed == text || meant.near().contains(&code(&typed)));
            let mut swapped = text.into_bytes();
            swapped.swap(place, place + 1);
            let swapped = code(std::str::from_utf8(&swapped).unwrap());
            prop_assert!(swapped == meant || meant.near().contains(&swapped));
        }
    }
}
