//! How one fact refers to another.

use crate::{Fact, FactId, IdError, Timestamp};
use std::fmt;
use std::str::FromStr;

/// What a fact refers to: another fact, by its name and its instant.
///
/// A till whose file was copied may write two facts under one name before anybody knows, and a sibling may hear
/// either. The instant says which was meant, and stays the same where its till writes it again under another
/// name. So what was said about the one never counts for the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cited {
    /// The name that the fact had first, which is the one on its receipt.
    pub id: FactId,
    /// When it was. `None` where the writer's release named facts by name alone.
    pub at: Option<Timestamp>,
}

impl Cited {
    /// The fact that had this name first, and this instant.
    pub const fn new(id: FactId, at: Timestamp) -> Self {
        Self { id, at: Some(at) }
    }

    /// Whatever fact has this name.
    pub const fn by_name(id: FactId) -> Self {
        Self { id, at: None }
    }

    /// Whether a fact is the one that is meant.
    pub fn means(&self, fact: &Fact) -> bool {
        match self.at {
            Some(_) => *self == fact.cited(),
            None => self.id == fact.id,
        }
    }
}

/// `7-42@1763712000000`; without an instant, `7-42`.
impl fmt::Display for Cited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{}@{}", self.id, at.millis()),
            None => self.id.fmt(f),
        }
    }
}

impl fmt::Debug for Cited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cited {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let Some((id, at)) = text.split_once('@') else { return Ok(Self::by_name(text.parse()?)) };
        let at = at.parse().ok().and_then(|millis| Timestamp::from_millis(millis).ok());
        let error = IdError("what a fact refers to is a name and milliseconds, like 7-42@1763712000000");
        Ok(Self::new(id.parse()?, at.ok_or(error)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FactBody, Money, Person, Sale, Tender};

    fn fact(id: &str, minute: i64, formerly: Option<&str>) -> Fact {
        let sale = Sale::new(vec![], Money::from_cents(100), Tender::Cash, None).unwrap();
        Fact {
            id: id.parse().unwrap(),
            at: Timestamp::from_millis(1_763_712_000_000).unwrap().plus_millis(minute * 60_000),
            clock: None,
            formerly: formerly.map(|name| name.parse().unwrap()),
            by: Person::named("Asha"),
            body: FactBody::Sale(sale),
        }
    }

    #[test]
    fn of_two_facts_of_one_name_the_one_of_that_instant_is_meant_wherever_it_was_written_again() {
        let (meant, other) = (fact("7-42", 0, None), fact("7-42", 1, None));
        let (again, twice) = (fact("7.1-3", 0, Some("7-42")), fact("7.2-1", 0, Some("7-42")));
        for cited in [meant.cited(), again.cited(), twice.cited()] {
            assert!([&meant, &again, &twice].into_iter().all(|fact| cited.means(fact)), "{cited}");
            assert!(!cited.means(&other), "{cited}");
        }
        let named = Cited::by_name(meant.id);
        assert!(named.means(&meant) && named.means(&other) && !named.means(&again));
    }

    #[test]
    fn it_has_one_spelling() {
        for text in ["7-42", "7.2-42@1763712000000"] {
            assert_eq!(text.parse::<Cited>().unwrap().to_string(), text);
        }
        for text in ["7", "7-42@", "7-42@soon", "7-42@1", "@1763712000000"] {
            assert!(text.parse::<Cited>().is_err(), "{text}");
        }
    }
}
