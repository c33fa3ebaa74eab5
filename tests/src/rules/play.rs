//! A case on its way: the tills and head office, who has a line, and what the sales are called.

use super::phrase::{gaps, seconds};
use super::{Case, Fault, outcomes, steps};
use crate::books::faults_of;
use crate::world::{Replica, World};
use domain::{Cited, FactId, ShopId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use till::{CloudError, SaleFilter, SaleRow, TillError, examine};

/// The number that customers pay to.
pub(crate) const NUMBER: &str = "600638";
/// Where head office is among the places.
pub(crate) const OFFICE: &str = "head office";

/// A case on its way.
pub(crate) struct Play {
    pub(crate) world: World,
    pub(crate) shop: ShopId,
    /// The tills by their letters, and head office.
    pub(crate) places: BTreeMap<String, Replica>,
    /// In which order they sync.
    pub(crate) order: Vec<String>,
    backwards: bool,
    pub(crate) offline: BTreeSet<String>,
    /// By how many milliseconds somebody's clock is ahead.
    pub(crate) ahead: BTreeMap<String, i64>,
    /// Sales by what the case calls them.
    pub(crate) sales: BTreeMap<String, Cited>,
    /// What Safaricom calls the request for a sale.
    pub(crate) prompts: BTreeMap<String, String>,
    /// Why the last step was refused, if it was.
    pub(crate) refused: Option<String>,
}

/// Plays a case, once for each order in which things may arrive.
///
/// # Errors
/// What is not as the case says, with its line.
pub fn play(case: &Case) -> Result<(), Fault> {
    let tills = tills(case);
    let orders = if tills.len() > 1 { &[false, true][..] } else { &[false] };
    for backwards in orders {
        let told = |fault: Fault| {
            let order = if *backwards { ", arriving the other way round" } else { "" };
            format!("line {}, under \"{}\"{order}: {fault}", case.line, case.section)
        };
        Play::new(&tills, *backwards).and_then(|mut play| play.run(case)).map_err(told)?;
    }
    Ok(())
}

/// The tills that a case speaks of, by their letters; there is always one.
fn tills(case: &Case) -> Vec<String> {
    let clauses = case.steps.iter().chain(&case.outcomes);
    let words = clauses.flat_map(|clause| clause.split(|c: char| !c.is_ascii_alphanumeric()));
    let named = words.filter(|word| gaps("{sale}", word).is_some() || gaps("{till}", word).is_some());
    let last = named.filter_map(|word| word.bytes().next()).filter(|letter| *letter <= b'D').max();
    (b'A'..=last.unwrap_or(b'A')).map(|letter| char::from(letter).to_string()).collect()
}

impl Play {
    pub(crate) fn new(tills: &[String], backwards: bool) -> Result<Self, Fault> {
        let world = World::new();
        let shop = world.shop("kijiji", "paybill", NUMBER);
        let mut places = BTreeMap::new();
        for letter in tills {
            places.insert(letter.clone(), world.till(&shop, &format!("Till {letter}")));
        }
        places.insert(OFFICE.to_owned(), world.office());
        let mut order: Vec<String> = places.keys().cloned().collect();
        if backwards {
            order.reverse();
        }
        let mut play = Self {
            world,
            shop,
            places,
            order,
            backwards,
            offline: BTreeSet::new(),
            ahead: BTreeMap::new(),
            sales: BTreeMap::new(),
            prompts: BTreeMap::new(),
            refused: None,
        };
        play.exchange(2)?;
        Ok(play)
    }

    fn run(&mut self, case: &Case) -> Result<(), Fault> {
        for clause in &case.steps {
            self.clause(clause).map_err(|fault| format!("{clause}: {fault}"))?;
        }
        let refused = self.refused.take();
        for place in std::mem::take(&mut self.offline) {
            self.places[&place].offline(false);
        }
        self.exchange(3)?;
        self.refused = refused;
        for clause in &case.outcomes {
            self.outcome(clause).map_err(|fault| format!("{clause}: {fault}"))?;
        }
        if let Some(why) = &self.refused {
            return Err(format!("the last of it was refused, and the case does not say so: {why}"));
        }
        self.agree()
    }

    /// A clause of what happens: a step, or something that is so by then for whoever has a line.
    fn clause(&mut self, clause: &str) -> Result<(), Fault> {
        if outcomes::known(clause) {
            return self.outcome(clause);
        }
        if let Some(why) = self.refused.take() {
            return Err(format!("what came before was refused: {why}"));
        }
        let (after, clause) = later(clause);
        self.world.pass(after.unwrap_or(1));
        steps::take(self, clause)?;
        self.exchange(2)
    }

    /// Something that has to be so at one place, or wherever there is a line.
    fn outcome(&mut self, clause: &str) -> Result<(), Fault> {
        if let Some(said) = clause.strip_prefix("that is refused") {
            let why = self.refused.take().ok_or("nothing was refused")?;
            let because = gaps(", because {said}", said).map(|gaps| super::phrase::said(gaps[0]));
            return match because {
                Some(because) if why.contains(because) => Ok(()),
                None if said.is_empty() => Ok(()),
                _ => Err(format!("it was refused otherwise: {why}")),
            };
        }
        let at = gaps("at {place}, {list}", clause);
        let (places, clause) = match &at {
            Some(gaps) => (vec![gaps[0].to_owned()], gaps[1]),
            None => {
                let here = self.order.iter().filter(|place| !self.offline.contains(*place));
                (here.cloned().collect(), clause)
            }
        };
        places.iter().try_for_each(|place| {
            outcomes::check(self, place, clause).map_err(|fault| format!("at {place}: {fault}"))
        })
    }

    /// Whoever has a line says everything; who has none finds that out.
    pub(crate) fn exchange(&mut self, rounds: u32) -> Result<(), Fault> {
        for _ in 0..rounds {
            for place in &self.order {
                let synced = self.places[place].sync(self.now(place));
                if !self.offline.contains(place) {
                    synced.map_err(|error| format!("{place} does not sync: {error}"))?;
                }
            }
        }
        Ok(())
    }

    /// In the end all say the same, no shilling is lost, and every file is whole.
    pub(crate) fn agree(&self) -> Result<(), Fault> {
        let first = self.seen(&self.order[0]);
        for place in &self.order {
            let seen = self.seen(place);
            if seen != first {
                return Err(format!("{place} says {seen:#?}, and {} says {first:#?}", self.order[0]));
            }
            let replica = &self.places[place];
            let mut faults = faults_of(replica, &self.shop);
            // Each file says the same whatever came first, so it is examined once.
            if self.backwards && faults.is_empty() {
                continue;
            }
            faults.extend(replica.verify(&self.shop).map_err(told)?);
            let checks = examine(&replica.path.join("ledger.sqlite")).map_err(told)?;
            faults.extend(checks.into_iter().flat_map(|check| check.faults));
            if !faults.is_empty() {
                return Err(format!("at {place}: {}", faults.join("; ")));
            }
        }
        Ok(())
    }

    /// What somebody says of every sale and every payment: comparable.
    fn seen(&self, place: &str) -> Vec<String> {
        let replica = &self.places[place];
        let mut seen: Vec<String> = Vec::new();
        for row in replica.sales(&self.shop, SaleFilter::All, None, 10_000).unwrap() {
            let claims = replica.claims(row.id).unwrap();
            let claims: Vec<_> =
                claims.iter().map(|it| (it.id, &it.receipt, it.how, it.part, it.share)).collect();
            let figures = (row.total, row.owed, row.paid, row.due, row.over, row.state);
            let flags = (row.conflict, row.reversed, row.trusted, row.unconfirmed);
            seen.push(format!("{} {figures:?} {flags:?} {claims:?}", row.id));
        }
        for row in replica.payments(&self.shop, false, 10_000).unwrap() {
            let figures = (row.amount, row.free, row.sale, row.contested, row.reversed, row.confirmed);
            seen.push(format!("{} {figures:?} {:?}", row.receipt, row.disagreements));
        }
        seen.sort();
        seen
    }

    /// What somebody's own clock shows.
    pub(crate) fn now(&self, place: &str) -> Timestamp {
        self.world.now().plus_millis(self.ahead.get(place).copied().unwrap_or(0))
    }

    /// A till by its letter, or head office.
    pub(crate) fn at(&self, place: &str) -> Result<&Replica, Fault> {
        self.places.get(place).ok_or_else(|| format!("there is no {place}"))
    }

    /// A sale as somebody knows it, under whatever name.
    pub(crate) fn sale(&self, place: &str, sale: &str) -> Result<SaleRow, Fault> {
        let cited = self.sales.get(sale).ok_or_else(|| format!("nobody sold {sale}"))?;
        let rows = self.at(place)?.sales(&self.shop, SaleFilter::All, None, 10_000).map_err(told)?;
        let is = |row: &SaleRow| Cited::new(row.formerly.unwrap_or(row.id), row.at) == *cited;
        rows.into_iter().find(is).ok_or_else(|| format!("{sale} is not here"))
    }

    /// The name of a sale at a place.
    pub(crate) fn id(&self, place: &str, sale: &str) -> Result<FactId, Fault> {
        Ok(self.sale(place, sale)?.id)
    }

    /// What a step came to: a till may refuse it, and then the case has to say so.
    pub(crate) fn done<T>(&mut self, done: Result<T, TillError>) -> Result<(), Fault> {
        match done {
            Ok(_) => Ok(()),
            Err(error @ (TillError::Ledger(_) | TillError::Cloud(CloudError::Refused(_)))) => {
                Err(told(error))
            }
            Err(error) => {
                self.refused = Some(error.to_string());
                Ok(())
            }
        }
    }

    /// Somebody who takes part from now on: a copy of a till.
    pub(crate) fn joins(&mut self, place: &str, replica: Replica) {
        self.places.insert(place.to_owned(), replica);
        self.order.push(place.to_owned());
    }
}

/// `… 3 minutes later`: how long after what came before, and what.
fn later(clause: &str) -> (Option<i64>, &str) {
    let Some(rest) = clause.strip_suffix(" later") else { return (None, clause) };
    let ends = rest.match_indices(' ').map(|(at, _)| rest.split_at(at));
    let mut fits = ends.filter_map(|(clause, time)| Some((seconds(time.trim())?, clause)));
    fits.next().map_or((None, clause), |(after, clause)| (Some(after), clause))
}

/// A clause in each way in which a phrase may be meant by it: without where it is done, and without when.
pub(crate) fn bare(clause: &str) -> impl Iterator<Item = &str> {
    let clause = later(clause).1;
    let place = gaps("{list} at {place}", clause).map(|gaps| gaps[0]);
    let before = gaps("at {place}, {list}", clause).map(|gaps| gaps[1]);
    [Some(clause), place, before].into_iter().flatten()
}

/// An error in words.
pub(crate) fn told(error: impl std::fmt::Display) -> Fault {
    error.to_string()
}
