//! Every fact of a shop, as a replica that has all of them holds them. What they say is the oracle's own model's to
//! judge; what they add up to is worked out from them.

use domain::{Cited, Claim, Fact, FactBody, FactId};
use std::collections::BTreeMap;

/// Facts, by name.
#[derive(Debug, Default)]
pub struct Facts {
    all: BTreeMap<FactId, Fact>,
    /// What others call them.
    cited: BTreeMap<Cited, FactId>,
}

impl Facts {
    /// These.
    pub fn of(facts: Vec<Fact>) -> Self {
        let cited = facts.iter().map(|fact| (fact.cited(), fact.id)).collect();
        Self { all: facts.into_iter().map(|fact| (fact.id, fact)).collect(), cited }
    }

    /// All of them, writer by writer.
    pub fn all(&self) -> impl Iterator<Item = &Fact> {
        self.all.values()
    }

    /// One.
    pub fn get(&self, id: FactId) -> Option<&Fact> {
        self.all.get(&id)
    }

    /// The one that somebody meant, if it is here.
    pub fn meant(&self, cited: Cited) -> Option<FactId> {
        self.cited.get(&cited).copied()
    }

    /// The claims among them.
    pub fn claims(&self) -> impl Iterator<Item = (FactId, &Claim)> {
        self.all().filter_map(|fact| match &fact.body {
            FactBody::Claim(claim) => Some((fact.id, claim)),
            _ => None,
        })
    }
}
