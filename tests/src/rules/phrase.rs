//! Phrases with gaps, such as `{sale} of {goods} is open`, and what stands in the gaps of a clause.

use domain::{Money, Quantity};

/// What stands in each gap of a phrase, if a clause is that phrase.
pub(crate) fn gaps<'a>(phrase: &str, clause: &'a str) -> Option<Vec<&'a str>> {
    let Some((words, rest)) = phrase.split_once('{') else { return (phrase == clause).then(Vec::new) };
    let (kind, rest) = rest.split_once('}')?;
    let clause = clause.strip_prefix(words)?;
    for (at, c) in clause.char_indices() {
        let (gap, after) = clause.split_at(at + c.len_utf8());
        if is(kind, gap)
            && let Some(more) = gaps(rest, after)
        {
            return Some([vec![gap], more].concat());
        }
    }
    None
}

/// Whether a text may stand in a gap of a kind.
fn is(kind: &str, text: &str) -> bool {
    let capital = |text: &str| text.starts_with(|c: char| c.is_ascii_uppercase());
    match kind {
        "sale" => text.len() > 1 && text.len() < 5 && capital(text) && number(&text[1..]),
        "till" => text.len() == 1 && capital(text),
        "place" => is("till", text) || text == "head office",
        "who" => capital(text) && text.len() > 2 && text.chars().all(|c| c.is_ascii_alphabetic()),
        "code" => {
            let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
            text.len() > 8 && text.chars().all(plain) && text.contains(|c: char| c.is_ascii_digit())
        }
        "money" => Money::parse(text).is_ok(),
        "quantity" => Quantity::parse(text).is_ok(),
        "n" => number(text),
        "time" => seconds(text).is_some(),
        "said" => {
            text.len() > 2
                && text.starts_with('"')
                && text.find('"') != text.rfind('"')
                && text.ends_with('"')
        }
        "word" => !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)),
        "goods" | "list" => !text.contains(';') && !text.starts_with(' ') && !text.ends_with(' '),
        other => panic!("no gap is called {other}"),
    }
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.len() < 8 && text.bytes().all(|b| b.is_ascii_digit())
}

/// How long something is: `3 minutes`, `10 minutes and 1 second`.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    text.split(" and ").map(one).sum()
}

fn one(text: &str) -> Option<i64> {
    let (count, unit) = text.split_once(' ')?;
    let unit = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    number(count).then(|| count.parse::<i64>().ok()).flatten().map(|count| count * unit)
}

/// What was said, without its quotation marks.
pub(crate) fn said(text: &str) -> &str {
    text.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_fits_a_clause_or_does_not() {
        assert_eq!(gaps("{sale} of {goods} is open", "A1 of 2 x 100 is open"), Some(vec!["A1", "2 x 100"]));
        assert_eq!(gaps("{sale} of {goods} is open", "A1 of 500 is opened"), None);
        assert_eq!(gaps("{money} is due on {sale}", "500.50 is due on B12"), Some(vec!["500.50", "B12"]));
        assert_eq!(
            gaps("{who} says {said}", "Asha says \"so \"be it\"\""),
            Some(vec!["Asha", "\"so \"be it\"\""])
        );
        assert_eq!(gaps("{code} is free", "Free is free"), None);
    }

    #[test]
    fn times_are_read_as_people_say_them() {
        let read = [
            ("1 second", Some(1)),
            ("10 minutes and 1 second", Some(601)),
            ("a day", None),
            ("2 weeks", None),
        ];
        for (text, expected) in read {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
