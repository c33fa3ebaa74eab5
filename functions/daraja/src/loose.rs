//! Loosely typed JSON objects: pairs in the order they came, values as their literal text.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// An object whose keys may repeat and whose values are read only when asked for.
#[derive(Debug, Default)]
pub(crate) struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    /// The literal text of a value: a string's content, a number's digits as they were written, so that
    /// `1.00` stays exact. Absent, null and empty are the same; the first that says something counts.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.values(name).find_map(text_of)
    }

    /// A value that is an object itself.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        self.values(name).find_map(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// A value that is a list of objects, or one object where a list of one is meant.
    pub(crate) fn objects(&self, name: &str) -> Vec<Self> {
        let read = |raw: &RawValue| match serde_json::from_str::<Vec<Self>>(raw.get()) {
            Ok(list) => Some(list),
            Err(_) => serde_json::from_str(raw.get()).ok().map(|one| vec![one]),
        };
        self.values(name).find_map(read).unwrap_or_default()
    }

    /// Whether there is such a key at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a RawValue> {
        self.0.iter().filter(move |(key, _)| key.trim() == name).map(|(_, raw)| raw.as_ref())
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
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
