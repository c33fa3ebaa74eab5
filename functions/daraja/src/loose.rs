//! Loosely typed JSON: pairs in the order they came, values as their literal text (fact sheet §14).

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The most pairs read of one list; the longest known one has thirteen.
const MAX_ITEMS: usize = 200;
/// How deep lists may stand in lists: pulled rows stand in two (fact sheet §1.7).
const MAX_LISTS: usize = 3;

/// An object whose keys may repeat and whose values are read only when asked for. Blanks and case in a
/// key say nothing: Safaricom's own texts write `Conversation ID` and `ConversationID`.
#[derive(Default)]
pub(crate) struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    /// Reads a body. A byte order mark, blanks around it, a name in Latin-1 and a raw line break in what
    /// a customer typed must not cost a payment.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\0'));
        serde_json::from_str(text).ok().or_else(|| {
            // JSON allows no control character within a string, and between values they are blanks.
            serde_json::from_str(&text.replace(|c: char| c.is_ascii_control(), " ")).ok()
        })
    }

    /// The literal text of a value: a string's content, a number's digits as they were written, so that
    /// `1.00` stays exact. Absent, null and empty are the same; the first that says something counts.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.values(name).find_map(text_of)
    }

    /// Whether a key is there more than once and says different things: then nobody knows which counts.
    pub(crate) fn contradicts(&self, name: &str) -> bool {
        let mut said = self.values(name).filter_map(text_of);
        said.next().is_some_and(|first| said.any(|other| other != first))
    }

    /// A value that is an object itself.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        self.values(name).find_map(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// What stands in a list, in the lists within it, or alone where a list of one is meant; at most so
    /// many. `None`: there is no list and no object.
    pub(crate) fn elements(&self, name: &str, most: usize) -> Option<Vec<Box<RawValue>>> {
        let mut values = self.values(name).filter(|raw| raw.get().starts_with(['[', '{']));
        let mut found = Vec::new();
        flatten(values.next()?.to_owned(), MAX_LISTS, most, &mut found);
        Some(found)
    }

    /// A list of names and values.
    pub(crate) fn pairs(&self, name: &str) -> Pairs {
        let elements = self.elements(name, MAX_ITEMS).unwrap_or_default();
        let objects = elements.iter().filter_map(|raw| serde_json::from_str::<Self>(raw.get()).ok());
        let pair = |item: Self| Some((item.text("Name").or_else(|| item.text("Key"))?, item.text("Value")));
        Pairs(objects.filter_map(pair).collect())
    }

    /// Whether there is such a key at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a RawValue> {
        self.0.iter().filter(move |(key, _)| same(key, name)).map(|(_, raw)| raw.as_ref())
    }
}

/// The names and values of `CallbackMetadata`, `ResultParameters` and `ReferenceData`, in their order. A
/// name may repeat, and a value may be absent (fact sheet §3.1, §3.5).
#[derive(Default)]
pub(crate) struct Pairs(Vec<(String, Option<String>)>);

impl Pairs {
    /// The first value of this name that says something.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.all(name).find_map(Clone::clone)
    }

    /// What stands beside this name where it occurs for the n-th time, from 0.
    pub(crate) fn nth(&self, name: &str, n: usize) -> Option<String> {
        self.all(name).nth(n).and_then(Clone::clone)
    }

    /// Whether any of these names occurs.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.all(name).next().is_some())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Option<String>> {
        self.0.iter().filter(move |(key, _)| same(key, name)).map(|(_, value)| value)
    }
}

fn same(key: &str, name: &str) -> bool {
    let letters = key.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase());
    letters.eq(name.chars().map(|c| c.to_ascii_lowercase()))
}

fn flatten(raw: Box<RawValue>, lists: usize, most: usize, found: &mut Vec<Box<RawValue>>) {
    let inner = lists.checked_sub(1).filter(|_| raw.get().starts_with('['));
    match inner.and_then(|left| Some((left, serde_json::from_str::<Vec<_>>(raw.get()).ok()?))) {
        Some((left, list)) => list.into_iter().for_each(|item| flatten(item, left, most, found)),
        None if raw.get() != "null" && found.len() < most => found.push(raw),
        None => {}
    }
}

fn text_of(raw: &RawValue) -> Option<String> {
    let literal = raw.get().trim();
    let text = match literal.chars().next()? {
        '"' => serde_json::from_str::<String>(literal).ok()?,
        '-' | '0'..='9' => literal.to_owned(),
        _ => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
