//! Disks that fail and are copied: what a till sells while another file may write under its name.

use super::{Run, is_ordinary, stopped};
use crate::simulation::network::{Lan, Weather};
use crate::simulation::oracle::{Did, Loss, SaleMade, Violation};
use crate::simulation::trade::Deal;
use domain::{FactId, Tender};
use fastrand::Rng;
use till::{SaleFilter, SaleRow};

impl Run {
    /// A till whose disk failed just after it had sent everything: the copy gets back what was sold since, and
    /// what it sells before it knows keeps, under another name. As an error, why nothing was done.
    pub(super) fn restore(
        &mut self,
        at: usize,
        random: &mut Rng,
        wrong: &mut Vec<Violation>,
    ) -> Result<String, String> {
        if !self.town.desks[at].is_backed_up() || !self.has_sent_all(at) {
            return Err("not now".to_owned());
        }
        let now = self.town.world.now();
        if let Err(error) = self.town.desks[at].restore(now) {
            wrong.push(stopped(&self.town.desks[at], &error));
            return Err(error.to_string());
        }
        self.copies += 1;
        let held = self.sells_in_doubt(at, 0, random);
        self.settles_doubt(at, held, wrong);
        Ok(format!("{}, now {}", self.town.desks[at].name, self.town.desks[at].till().identity().actor))
    }

    /// A till and a copy of its disk sell under one name, may tell siblings what they sold, and exchange.
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
        let mut held = both.map(|desk| (desk, self.sells_in_doubt(desk, least, random)));
        random.shuffle(&mut held);
        self.gossips(both, random, wrong);
        random.shuffle(&mut both);
        for desk in both {
            let (_, held) = held.iter().find(|(of, _)| *of == desk).unwrap();
            self.settles_doubt(desk, held.clone(), wrong);
        }
        let names = both.map(|desk| self.town.desks[desk].till().identity().actor.to_string());
        Ok(format!("{} and its copy, now {names:?}", self.town.desks[at].name))
    }

    /// Siblings meet either of two files of one name, before those know of each other, and may bring the cloud what
    /// they heard.
    fn gossips(&mut self, both: [usize; 2], random: &mut Rng, wrong: &mut Vec<Violation>) {
        let shop = self.town.desks[both[0]].shop.clone();
        let siblings: Vec<usize> = (0..self.town.desks.len())
            .filter(|it| self.town.desks[*it].shop == shop && !both.contains(it))
            .collect();
        for _ in 0..random.usize(..4) {
            let (desk, sibling) = (*random.choice(&both).unwrap(), random.choice(&siblings).copied());
            let Some(sibling) = sibling else { return };
            let (desk, sibling) = (&self.town.desks[desk], &self.town.desks[sibling]);
            let truth = self.town.world.now();
            let (now, there) = (desk.clock.shows(truth), sibling.clock.shows(truth));
            let lan = Lan::new(sibling.till(), there, self.town.world.hand(), random);
            let met = desk.till().meet(&lan, Some(sibling.till().tag()), now);
            wrong.extend(met.err().filter(|error| !is_ordinary(error)).map(|error| stopped(desk, &error)));
            // Long enough, now and then, that a sibling brings what its till does not.
            self.town.world.pass(random.i64(1..60));
            if random.bool() {
                let now = sibling.clock.shows(self.town.world.now());
                let synced = sibling.till().sync(now).err().filter(|error| !is_ordinary(error));
                wrong.extend(synced.map(|error| stopped(sibling, &error)));
            }
        }
    }

    /// A new till begins beside one that has traded.
    pub(super) fn join(&mut self, at: usize) -> String {
        if self.town.desks.iter().any(|desk| desk.beside == Some(at)) {
            return "not now".to_owned();
        }
        self.town.world.store.set_percent(0);
        self.town.join(at)
    }

    /// In fair weather, whether the cloud has everything that a till wrote.
    fn has_sent_all(&self, at: usize) -> bool {
        self.town.world.store.set_percent(0);
        let desk = &self.town.desks[at];
        desk.line.set_weather(Weather::default());
        desk.line.down_until(0);
        let synced = desk.till().sync(desk.clock.shows(self.town.world.now()));
        synced.is_ok() && desk.till().status().is_ok_and(|status| status.waiting == 0)
    }

    /// Sells under a name that another file may use too.
    fn sells_in_doubt(&self, at: usize, least: usize, random: &mut Rng) -> Vec<(FactId, SaleMade)> {
        let desk = &self.town.desks[at];
        let now = desk.clock.shows(self.town.world.now());
        let sell = |random: &mut Rng| match Deal::sale(random, Tender::Cash).done(desk, now) {
            Ok(Did::Sold(id, made)) => Some((id, made)),
            _ => None,
        };
        (0..random.usize(least..3)).filter_map(|_| sell(random)).collect()
    }

    /// Exchanges; then what was sold in doubt is there, under the name on its receipt or with that as its
    /// former name.
    fn settles_doubt(&mut self, at: usize, held: Vec<(FactId, SaleMade)>, wrong: &mut Vec<Violation>) {
        let desk = &self.town.desks[at];
        let now = desk.clock.shows(self.town.world.now());
        let rows = desk.till().sync(now).and_then(|_| {
            let shop = desk.till().only_shop()?;
            desk.till().sales(&shop.id, SaleFilter::All, None, u32::MAX)
        });
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => return wrong.push(stopped(desk, &error)),
        };
        for (id, made) in held {
            let same = |row: &&SaleRow| {
                let named = row.formerly == Some(id) || (row.formerly.is_none() && row.id == id);
                named && row.at == made.at && row.by == made.by.as_str() && row.total == made.sale.total
            };
            match rows.iter().find(same) {
                Some(row) => self.oracle.acknowledge(&Did::Sold(row.id, made)),
                None => {
                    let message = format!("{}: the receipt {id}, sold in doubt, is gone", desk.name);
                    wrong.push(Violation { loss: Loss::Receipt, message });
                }
            }
        }
    }
}
