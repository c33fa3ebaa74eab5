//! Disks that fail and are copied: what a till writes while another file may write under its name.

use super::{Run, stopped};
use crate::simulation::network::{Lan, Weather};
use crate::simulation::oracle::{Did, Loss, Violation, What, Written};
use crate::simulation::trade::{Claiming, Deal, is_ordinary, open_sale};
use domain::{Actor, Cited, Fact, FactId, How, Money, Tender};
use fastrand::Rng;
use service::Store;
use std::collections::BTreeMap;
use till::TillError;

impl Run {
    /// A till whose disk failed, with what it had not sent or just after it had sent everything. What only that
    /// disk had may be gone; the copy gets back all else, and what it sells before it knows keeps, under another
    /// name. As an error, why nothing was done.
    pub(super) fn restore(
        &mut self,
        at: usize,
        random: &mut Rng,
        wrong: &mut Vec<Violation>,
    ) -> Result<String, String> {
        let suddenly = random.bool();
        if !self.town.desks[at].is_backed_up() || !(suddenly || self.has_sent_all(at)) {
            return Err("not now".to_owned());
        }
        let now = self.town.world.now();
        let (shop, had) = (self.shop_of(at), self.kept_elsewhere(at).map_err(|error| error.to_string())?);
        if let Err(error) = self.town.desks[at].restore(now) {
            wrong.push(stopped(&self.town.desks[at], &error));
            return Err(error.to_string());
        }
        self.copies += 1;
        self.town.desks[at].heard.nothing_certain();
        let gone = self.oracle.lose(&shop, &had);
        self.gone += gone;
        let held = self.writes_in_doubt(at, 0, random);
        self.is_fair(at);
        self.settles_doubt(at, held, wrong);
        let desk = &self.town.desks[at];
        Ok(format!("{}, now {}, {gone} facts gone with the disk", desk.name, desk.till().identity().actor))
    }

    /// A till and a copy of its disk write under one name, may tell siblings, and exchange.
    pub(super) fn copy(
        &mut self,
        at: usize,
        random: &mut Rng,
        wrong: &mut Vec<Violation>,
    ) -> Result<String, String> {
        if self.town.desks.iter().any(|desk| desk.beside == Some(at)) || !self.has_sent_all(at) {
            return Err("not now".to_owned());
        }
        let office = self.town.desks.len() - 1;
        let line = self.town.line();
        let image = random.bool();
        let copy = self.town.desks[at].copy(at, image, line).map_err(|error| error.to_string());
        match copy {
            Ok(copy) => self.town.desks.insert(office, copy),
            Err(message) => {
                wrong.push(Violation { loss: Loss::Stopped, message: message.clone() });
                return Err(message);
            }
        }
        self.copies += 1;
        let mut both = [at, office];
        // Nobody can tell an image from its original until both have written something.
        let least = usize::from(image);
        let mut held = both.map(|desk| (desk, self.writes_in_doubt(desk, least, random)));
        random.shuffle(&mut held);
        let by_others = self.gossips(both, &held, random, wrong);
        random.shuffle(&mut both);
        for desk in both {
            let (_, held) = held.iter().find(|(of, _)| *of == desk).unwrap();
            self.settles_doubt(desk, held.clone(), wrong);
        }
        let meanwhile = by_others.len();
        self.acknowledge(Did::Wrote(by_others));
        let names = both.map(|desk| self.town.desks[desk].till().identity().actor.to_string());
        let name = &self.town.desks[at].name;
        Ok(format!("{name} and its copy, now {names:?}; siblings wrote {meanwhile} facts meanwhile"))
    }

    /// Siblings meet either of two files of one name, before those know of each other, and may bring the cloud what
    /// they heard. Gives what they did meanwhile.
    fn gossips(
        &mut self,
        both: [usize; 2],
        heard: &[(usize, Vec<Written>)],
        random: &mut Rng,
        wrong: &mut Vec<Violation>,
    ) -> Vec<Written> {
        let shop = self.town.desks[both[0]].shop.clone();
        let siblings: Vec<usize> = (0..self.town.desks.len())
            .filter(|it| self.town.desks[*it].shop == shop && !both.contains(it))
            .collect();
        let mut did = Vec::new();
        for _ in 0..random.usize(..6) {
            let (at, sibling) = (*random.choice(&both).unwrap(), random.choice(&siblings).copied());
            let Some(beside) = sibling else { return did };
            let (desk, sibling) = (&self.town.desks[at], &self.town.desks[beside]);
            let truth = self.town.world.now();
            let (now, there) = (desk.clock.shows(truth), sibling.clock.shows(truth));
            let lan = Lan::new(sibling.till(), there, self.town.world.hand(), random);
            let met = desk.till().meet(&lan, Some(sibling.till().tag()), now);
            wrong.extend(met.err().filter(|error| !is_ordinary(error)).map(|error| stopped(desk, &error)));
            for _ in 0..random.usize(..4) {
                let named: Vec<&Written> = heard.iter().flat_map(|(_, held)| held).collect();
                did.extend(self.writes(beside, &named, random, wrong));
            }
            let sibling = &self.town.desks[beside];
            // Long enough, now and then, that a sibling brings what its till does not.
            self.town.world.pass(random.i64(1..60));
            if random.bool() {
                let now = sibling.clock.shows(self.town.world.now());
                let synced = sibling.till().sync(now).err().filter(|error| !is_ordinary(error));
                wrong.extend(synced.map(|error| stopped(sibling, &error)));
            }
        }
        did
    }

    /// A new till begins beside one that has traded.
    pub(super) fn join(
        &mut self,
        at: usize,
        random: &mut Rng,
        wrong: &mut Vec<Violation>,
    ) -> Result<String, String> {
        if self.town.desks.iter().any(|desk| desk.beside == Some(at)) {
            return Err("not now".to_owned());
        }
        self.town.world.store.set_percent(0);
        let days = random.bool().then(|| random.u32(1..3));
        match self.town.join(at, days) {
            Ok(name) => Ok(format!("{name}, keeps {days:?} days")),
            Err(error) => {
                wrong.push(stopped(&self.town.desks[at], &error));
                Err(error.to_string())
            }
        }
    }

    fn is_fair(&self, at: usize) {
        self.town.world.store.set_percent(0);
        let line = &self.town.desks[at].line;
        line.set_weather(Weather::default());
        line.down_until(0);
    }

    /// In fair weather, whether the cloud has everything that a till wrote.
    fn has_sent_all(&self, at: usize) -> bool {
        self.is_fair(at);
        let desk = &self.town.desks[at];
        let synced = desk.till().sync(desk.clock.shows(self.town.world.now()));
        synced.is_ok() && desk.till().status().is_ok_and(|status| status.waiting == 0)
    }

    /// How far each journal of a shop is kept when a disk is gone: in its backup, in the cloud, at anybody else.
    fn kept_elsewhere(&self, at: usize) -> Result<BTreeMap<Actor, u64>, till::TillError> {
        let (shop, store) = (self.shop_of(at), self.town.world.store.inner());
        let mut kept = self.town.desks[at].backed_up(&shop)?;
        let heads = self.town.world.wait(store.heads(&shop)).unwrap();
        let mut known: Vec<(Actor, u64)> = heads.iter().map(|(actor, head)| (*actor, head.number)).collect();
        for (place, desk) in self.town.desks.iter().enumerate() {
            if place != at && desk.till().shops()?.iter().any(|there| there.id == shop) {
                known.extend(desk.reader()?.vector(&shop)?);
            }
        }
        for (actor, number) in known {
            let most = kept.entry(actor).or_default();
            *most = number.max(*most);
        }
        Ok(kept)
    }

    /// Writes under a name that another file may use too.
    fn writes_in_doubt(&mut self, at: usize, least: usize, random: &mut Rng) -> Vec<Written> {
        let mut held: Vec<Written> = Vec::new();
        for _ in 0..random.usize(least..3) {
            // No two files of one name write within one millisecond.
            self.town.world.pass(1);
            let tender = if random.bool() { Tender::Mpesa } else { Tender::Cash };
            let sale = Deal::sale(random, tender);
            // Where there is no licence, something else is written.
            let cash = Deal::MoveCash(Money::from_cents(random.i64(1..1_000)), "in doubt".to_owned());
            let wrote = self.does(at, &sale, &mut Vec::new());
            held.extend(wrote.or_else(|| self.does(at, &cash, &mut Vec::new())));
        }
        if random.bool() {
            let named: Vec<&Written> = held.iter().collect();
            let own = self.writes(at, &named, random, &mut Vec::new());
            held.extend(own);
        }
        held
    }

    /// Does something that may be about a sale of those that were made in doubt.
    fn writes(
        &mut self,
        at: usize,
        named: &[&Written],
        random: &mut Rng,
        wrong: &mut Vec<Violation>,
    ) -> Option<Written> {
        self.town.world.pass(1);
        let (shop, desk) = (self.shop_of(at), &self.town.desks[at]);
        let heard =
            |held: &&&Written| matches!(held.what, What::Sold(_)) && desk.till().sale(held.id).is_ok();
        let sales: Vec<FactId> = named.iter().filter(heard).map(|held| held.id).collect();
        let meant = if random.u8(..4) > 0 { random.choice(sales) } else { None };
        let sale = meant.or_else(|| open_sale(&self.oracle, &shop, random));
        let place = usize::try_from(self.town.world.now().millis()).unwrap();
        let deal = match (random.u8(..8), sale) {
            (0, Some(sale)) => Deal::TakeCash(sale, 100),
            (1, Some(sale)) => Deal::Void(sale, format!("in doubt {place}")),
            (2, Some(sale)) => Deal::Print(sale),
            (3, Some(sale)) => {
                let (_, receipt) = self.shown(&shop, false, random)?;
                let (how, part, phone, manager, despite) = (How::Typed, None, None, true, true);
                Deal::Claim(Claiming { sale, receipt, how, part, phone, manager, despite })
            }
            (4, Some(sale)) => {
                let claims = desk.till().claims(sale).ok()?;
                Deal::Release(random.choice(claims)?.id, format!("in doubt {place}"))
            }
            (5, _) => Deal::count(random, &shop),
            (6, _) => Deal::goods(random, &shop),
            _ => Deal::sale(random, Tender::Mpesa),
        };
        self.does(at, &deal, wrong)
    }

    fn does(&self, at: usize, deal: &Deal, wrong: &mut Vec<Violation>) -> Option<Written> {
        let desk = &self.town.desks[at];
        match deal.done(desk, desk.clock.shows(self.town.world.now())) {
            Ok(Did::Wrote(all)) => {
                // Nothing that is done in doubt writes two facts.
                let mut written = all.into_iter().next()?;
                written.at = desk.fact(&written.shop, written.id).ok()??.at;
                Some(written)
            }
            Ok(Did::Synced(_) | Did::Nothing) => None,
            Err(error) => {
                let stops = !is_ordinary(&error) && !matches!(error, TillError::Unlicensed { .. });
                wrong.extend(Some(stopped(desk, &error)).filter(|_| stops));
                None
            }
        }
    }

    /// Exchanges; then what was written in doubt is there, under its name or with that as its former name.
    fn settles_doubt(&mut self, at: usize, held: Vec<Written>, wrong: &mut Vec<Violation>) {
        let (desk, shop) = (&self.town.desks[at], self.shop_of(at));
        let now = desk.clock.shows(self.town.world.now());
        let facts = match desk.till().sync(now).and_then(|_| desk.facts(&shop)) {
            Ok(facts) => facts,
            Err(error) => return wrong.push(stopped(desk, &error)),
        };
        let mut settled = Vec::new();
        for written in held {
            let meant = Cited::new(written.id, written.at);
            let same = |fact: &&Fact| fact.cited() == meant && fact.by == written.by;
            match facts.iter().find(same) {
                Some(fact) => {
                    self.names.insert(meant, fact.id);
                    settled.push(Written { id: fact.id, ..written });
                }
                None => {
                    let message = format!("{}: {}, written in doubt, is gone", desk.name, written.id);
                    wrong.push(Violation { loss: Loss::Receipt, message });
                }
            }
        }
        self.acknowledge(Did::Wrote(settled));
    }
}
