//! One run: event after event, each acknowledged to the oracle as it was to a person.

mod chosen;
mod copies;
mod held;
mod licences;
mod outside;
mod quiet;
mod sticks;

pub use licences::shop_named;

use super::desk::{Desk, WrongClock};
use super::network::{Lan, Weather};
use super::oracle::{Did, Loss, Names, Oracle, Violation, What, Written};
use super::plan::{Event, Kind, Scale};
use super::tally::{Tally, Thing};
use super::trade::{Deal, is_ordinary};
use super::world::Town;
use domain::{FactId, ReceiptCode, ShopId};
use fastrand::Rng;
use held::Before;
use licences::hears;
use std::collections::BTreeMap;
use till::TillError;

/// A run.
pub struct Run {
    town: Town,
    oracle: Oracle,
    /// What is called otherwise now.
    names: Names,
    began: i64,
    /// What happened, a line each.
    pub trace: Vec<String>,
    /// How often the power was cut.
    pub cuts: usize,
    /// How many disks failed or were copied.
    pub copies: usize,
    /// How many entries went with a disk that nobody else had.
    pub gone: usize,
    /// How many entries came by stick.
    pub carried: u64,
    /// What came about.
    pub tally: Tally,
    /// Payments on which somebody left what was over, and for which sale.
    credits: BTreeMap<ReceiptCode, FactId>,
}

impl Run {
    /// A town before anything happened.
    pub fn new(seed: u64, scale: Scale) -> Self {
        let town = Town::new(seed, scale);
        let began = town.world.now().millis();
        Self {
            town,
            oracle: Oracle::default(),
            names: Names::new(),
            began,
            trace: Vec::new(),
            cuts: 0,
            copies: 0,
            gone: 0,
            carried: 0,
            tally: Tally::default(),
            credits: BTreeMap::new(),
        }
    }

    /// How many receipts were printed.
    pub fn sales(&self) -> usize {
        self.oracle.sales.len()
    }

    /// It is over: what only Safaricom's own records tell is counted.
    pub fn ends(&mut self) {
        self.tally.count(Thing::WentBack, self.town.heard(&["0"]));
        self.tally.count(Thing::BackRefused, self.town.heard(&["21", "2006"]));
    }

    /// Lets one event happen; gives what it lost.
    pub fn event(&mut self, event: &Event) -> Vec<Violation> {
        let mut random = Rng::with_seed(event.dice);
        self.pass_until(self.began + event.at);
        self.town.world.store.reseed(random.u64(..));
        for desk in &self.town.desks {
            desk.line.reseed(random.u64(..));
            desk.line.bring_late(false);
        }
        self.town.world.wait(self.town.safaricom.run_due());
        let mut wrong = Vec::new();
        let told = self.happens(event, &mut random, &mut wrong);
        let line = format!("{:>5} {} {:?} {told}", event.index, self.town.world.now(), event.kind);
        self.trace.push(line);
        wrong
    }

    /// Time never goes back: an exchange may have taken longer than the pause to the next event.
    fn pass_until(&self, at: i64) {
        let left = at - self.town.world.now().millis();
        self.town.world.pass((left / 1000).max(0));
    }

    fn happens(&mut self, event: &Event, random: &mut Rng, wrong: &mut Vec<Violation>) -> String {
        let who = event.who;
        match event.kind {
            Kind::Pay => return self.pay(event, random),
            Kind::Renew => return self.renew(who, random),
            Kind::GoesBack => return self.goes_back(who, random),
            Kind::Partition => {
                let (long, which) = (random.i64(60_000..6 * 3_600_000), random.u8(..4));
                let (until, desk) = (self.town.world.now().millis() + long, &mut self.town.desks[who]);
                if which < 3 {
                    desk.line.down_until(until);
                }
                if which > 1 {
                    desk.alone_until = until;
                }
                let what = ["line", "line", "line and network", "network"][usize::from(which)];
                return format!("{}: no {what} for {} s", desk.name, long / 1000);
            }
            Kind::Weather => {
                let weather = Weather::of(random);
                self.town.desks[who].line.set_weather(weather);
                return format!("{} {weather:?}", self.town.desks[who].name);
            }
            Kind::Clock => {
                let (truth, desk) = (self.town.world.now(), &mut self.town.desks[who]);
                let before = desk.clock.shows(truth).millis();
                desk.clock = WrongClock::set(random, truth);
                let jump = desk.clock.shows(truth).millis() - before;
                // A program that runs notices; else the machine was off.
                let runs = random.bool();
                let done = if runs { desk.till().clock_jumped(jump) } else { desk.restart() };
                wrong.extend(done.err().map(|error| stopped(desk, &error)));
                return format!("{} {:?}, noticed {runs}", desk.name, desk.clock);
            }
            Kind::Store => {
                let percent = *random.choice(&[0, 0, 5, 20, 100]).unwrap();
                let late = *random.choice(&[0, 20, 60]).unwrap();
                self.town.world.store.set_percent(percent);
                self.town.world.store.set_late_percent(late);
                return format!("fails {percent} of 100, late {late} of 100");
            }
            Kind::Safaricom => return self.trouble_safaricom(random),
            Kind::Sweep => return format!("{} told", self.sweep().len()),
            Kind::Stray => return self.stray(random, event.index),
            Kind::Hostile => return self.hostile(who, random),
            Kind::Meet => return self.meet(who, random, wrong),
            Kind::Restart => {
                let desk = &mut self.town.desks[who];
                if let Err(error) = desk.restart() {
                    wrong.push(stopped(desk, &error));
                }
                return self.town.desks[who].name.clone();
            }
            Kind::Quiet => return self.quiet(random, wrong),
            Kind::Backup => {
                let desk = &self.town.desks[who];
                if let Err(error) = desk.back_up() {
                    wrong.push(stopped(desk, &error));
                }
                return desk.name.clone();
            }
            Kind::Restore => return self.restore(who, random, wrong).unwrap_or_else(|why| why),
            Kind::Clone => return self.copy(who, random, wrong).unwrap_or_else(|why| why),
            Kind::Join => return self.join(who, random, wrong).unwrap_or_else(|why| why),
            Kind::Export => return self.export(who, random, wrong),
            Kind::Import => return self.import(who, random, wrong),
            _ => {}
        }
        let beside = self.town.desks.iter().position(|desk| desk.beside == Some(who));
        let desk = match beside {
            _ if [Kind::Office, Kind::AskBack].contains(&event.kind) => self.town.desks.len() - 1,
            Some(beside) if random.bool() => beside,
            _ => who,
        };
        let Some(deal) = self.deal(event, desk, random) else { return "nothing to do".to_owned() };
        let cut = event.kind == Kind::PowerCut;
        let told = self.deals(desk, &deal, cut, random, wrong);
        // Most of what is recorded is sent soon.
        if !cut && deal != Deal::Sync && random.u8(..3) == 0 {
            let synced = self.deals(desk, &Deal::Sync, false, random, wrong);
            return format!("{told}; {synced}");
        }
        told
    }

    fn shop_of(&self, who: usize) -> ShopId {
        let shop = self.town.desks[who].shop.clone();
        shop.unwrap_or_else(|| self.town.shops[0].id.clone())
    }

    /// Does something at a desk, with or without the power going; the oracle learns what was acknowledged.
    fn deals(
        &mut self,
        at: usize,
        deal: &Deal,
        cut: bool,
        random: &mut Rng,
        wrong: &mut Vec<Violation>,
    ) -> String {
        let truth = self.town.world.now();
        let desk = &mut self.town.desks[at];
        let now = desk.clock.shows(truth);
        if !cut {
            let before = Before::of(desk, deal);
            let did = deal.done(desk, now);
            let told = told(desk, deal, &did);
            wrong.extend(self.hold_licence(at, deal, &did));
            hears(&mut self.town.desks[at], deal, &did, truth);
            match self.hold(at, deal, &before, &did) {
                Ok(found) => wrong.extend(found),
                Err(error) => wrong.push(stopped(&self.town.desks[at], &error)),
            }
            return match did {
                Ok(did) => {
                    self.acknowledge(did);
                    told
                }
                Err(error) => {
                    // Where a licence stops what it should not, that was said.
                    if !is_ordinary(&error) && !matches!(error, TillError::Unlicensed { .. }) {
                        wrong.push(stopped(&self.town.desks[at], &error));
                    }
                    told
                }
            };
        }
        self.cuts += 1;
        desk.heard.nothing_certain();
        let requests = (*deal == Deal::Sync).then(|| random.u32(..3));
        let (did, place) = match desk.power_cut(requests, random, |desk| deal.done(desk, now)) {
            Ok(done) => done,
            Err(error) => {
                wrong.push(stopped(desk, &error));
                return format!("{} does not start any more", desk.name);
            }
        };
        let told = told(desk, deal, &did);
        let kept = match survived(desk, did.unwrap_or(Did::Nothing)) {
            Ok(kept) => kept,
            Err(error) => {
                wrong.push(stopped(desk, &error));
                Vec::new()
            }
        };
        let there = !kept.is_empty();
        self.acknowledge(Did::Wrote(kept));
        wrong.extend(self.own_receipts(at));
        format!("{told}; the power goes {place}, kept {there}")
    }

    /// From now on it has to be so. Whoever still has what a copy wrote means that with its name.
    fn acknowledge(&mut self, did: Did) {
        let Did::Wrote(all) = did else { return };
        all.into_iter().for_each(|written| self.oracle.keep(written.renamed(&self.names)));
    }

    /// Two tills of a shop meet, one of them under a power cut now and then.
    fn meet(&mut self, at: usize, random: &mut Rng, wrong: &mut Vec<Violation>) -> String {
        let (truth, hand) = (self.town.world.now(), self.town.world.hand());
        let shop = self.town.desks[at].shop.clone();
        let there = |(place, desk): (usize, &Desk)| (place != at && desk.shop == shop).then_some(place);
        let others: Vec<usize> = self.town.desks.iter().enumerate().filter_map(there).collect();
        let Some(other) = random.choice(others) else { return "nobody to meet".to_owned() };
        let [desk, other] = self.town.desks.get_disjoint_mut([at, other]).unwrap();
        let names = format!("{} and {}", desk.name, other.name);
        if desk.alone_until.max(other.alone_until) > truth.millis() {
            return format!("{names}: out of reach");
        }
        let (now, tag) = (desk.clock.shows(truth), random.bool().then(|| other.till().tag()));
        let lan = Lan::new(other.till(), other.clock.shows(truth), hand, random);
        let met = if random.u8(..8) == 0 {
            self.cuts += 1;
            match desk.power_cut(None, random, |desk| desk.till().meet(&lan, tag, now)) {
                Ok((met, _)) => met,
                Err(error) => {
                    wrong.push(stopped(desk, &error));
                    return format!("{} does not start any more", desk.name);
                }
            }
        } else {
            desk.till().meet(&lan, tag, now)
        };
        match met {
            Ok(met) => {
                format!("{names}: {} there, {} back, {} requests", met.sent, met.received, met.rounds)
            }
            Err(error) => {
                if !is_ordinary(&error) {
                    wrong.push(stopped(desk, &error));
                }
                format!("{names}: {error}")
            }
        }
    }

    /// After a power cut: what this till printed today is on its own disk.
    fn own_receipts(&self, at: usize) -> Vec<Violation> {
        let desk = &self.town.desks[at];
        let own = desk.till().identity().actor;
        let printed = self.oracle.sales.iter().filter(|(id, _)| id.actor == own);
        let kept = |id: &FactId| {
            let row = desk.till().sale(*id)?;
            Ok::<_, TillError>((desk.till().lines(&row)?, row.total))
        };
        let gone = printed.rev().take(12).filter(|(id, made)| {
            !kept(id).is_ok_and(|(lines, total)| lines == made.sale.lines && total == made.sale.total)
        });
        let told = |(id, _)| {
            let message = format!("{}: the receipt {id} is gone after a power cut", desk.name);
            Violation { loss: Loss::Receipt, message }
        };
        gone.map(told).collect()
    }
}

fn stopped(desk: &Desk, error: &TillError) -> Violation {
    Violation { loss: Loss::Stopped, message: format!("{}: {error}", desk.name) }
}

/// What of that which was done before the power went is there afterwards.
fn survived(desk: &Desk, did: Did) -> Result<Vec<Written>, TillError> {
    let Did::Wrote(all) = did else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    for written in all {
        if desk.has(&written.shop, written.id)? {
            kept.push(written);
        }
    }
    Ok(kept)
}

fn told(desk: &Desk, deal: &Deal, did: &Result<Did, TillError>) -> String {
    let came = match did {
        Ok(Did::Wrote(all)) => {
            let name = |written: &Written| match &written.what {
                What::Sold(sale) => format!("{} of {}", written.id, sale.total),
                _ => written.id.to_string(),
            };
            all.iter().map(name).collect::<Vec<_>>().join(" and ")
        }
        Ok(Did::Synced(report)) => format!("{report:?}"),
        Ok(Did::Nothing) => "done".to_owned(),
        Err(error) => format!("refused: {error}"),
    };
    let what = match deal {
        Deal::Sell(_) => "sells".to_owned(),
        other => format!("{other:?}"),
    };
    format!("{} {what}: {came}", desk.name)
}

#[cfg(test)]
mod tests;
