//! The table as a person wrote it: headings, prose, and one case to each item of a list.

use super::Fault;

/// One case of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The heading that it stands under.
    pub section: String,
    /// The line on which it begins.
    pub line: usize,
    /// What happens.
    pub steps: Vec<String>,
    /// What comes of it.
    pub outcomes: Vec<String>,
}

/// The cases of a table. An item goes on in lines that are indented; all else is prose.
///
/// # Errors
/// An item that is no sentence of a case, with its line.
pub fn read(table: &str) -> Result<Vec<Case>, Fault> {
    let (mut section, mut items) = (String::new(), Vec::<(String, usize, String)>::new());
    let mut goes_on = false;
    for (at, line) in table.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.trim().to_owned();
        }
        if let Some(item) = line.strip_prefix("- ") {
            items.push((section.clone(), at + 1, item.trim().to_owned()));
            goes_on = true;
        } else if goes_on && line.starts_with("  ") {
            let (.., text) = items.last_mut().ok_or("an indented line outside a list")?;
            *text = format!("{text} {}", line.trim());
        } else {
            goes_on = false;
        }
    }
    items.into_iter().map(|(section, line, text)| case(section, line, &text)).collect()
}

fn case(section: String, line: usize, text: &str) -> Result<Case, Fault> {
    let told = |why: &str| format!("line {line}: {why}: {text}");
    let sentence = text.strip_suffix('.').ok_or_else(|| told("a case ends with a full stop"))?;
    let halves = parts(sentence, ": ");
    let [steps, outcomes] = &halves[..] else {
        return Err(told("a case has one colon, between what happens and what comes of it"));
    };
    let clauses = |half: &str| parts(half, "; ").iter().map(|it| (*it).to_owned()).collect();
    Ok(Case { section, line, steps: clauses(steps), outcomes: clauses(outcomes) })
}

/// A text in parts; what stands in quotation marks stays whole.
fn parts<'a>(text: &'a str, between: &str) -> Vec<&'a str> {
    let (mut parts, mut from, mut quoted) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        quoted ^= c == '"';
        if !quoted && at >= from && text[at..].starts_with(between) {
            parts.push(text[from..at].trim());
            from = at + between.len();
        }
    }
    parts.push(text[from..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_a_case_and_everything_else_is_prose() {
        let table = "# Money\n\nSome prose.\n\n## One\n\n- it rains; it pours\n  all day: the \"old; man\" snores; he\n  sleeps.\n";
        let cases = read(table).unwrap();
        let [Case { section, line, steps, outcomes }] = &cases[..] else { panic!("{cases:?}") };
        assert_eq!((section.as_str(), *line), ("One", 7));
        assert_eq!(*steps, ["it rains", "it pours all day"]);
        assert_eq!(*outcomes, ["the \"old; man\" snores", "he sleeps"]);
    }

    #[test]
    fn what_is_no_sentence_is_said_with_its_line() {
        for wrong in ["- no colon.", "- no: stop", "- two: of: them."] {
            assert!(read(&format!("\n{wrong}\n")).unwrap_err().starts_with("line 2: "), "{wrong}");
        }
    }
}
