//! A quiet moment: everything gets through, everybody exchanges until there is nothing more, and the oracle looks.

use super::{Run, stopped};
use crate::simulation::desk::Desk;
use crate::simulation::oracle::{Books, Facts, Loss, Oracle, View, Violation};
use crate::simulation::tally::Thing;
use crate::simulation::trade::Deal;
use domain::{Actor, Level, ProductId, ReceiptCode, ShopId};
use fastrand::Rng;
use service::Store;
use std::collections::BTreeMap;
use till::TillError;

/// Where somebody counted, and what.
type Counts = (ShopId, BTreeMap<ProductId, Level>);

/// So many rounds of exchange bring everything everywhere, or something is stuck.
const ROUNDS: usize = 12;

impl Run {
    /// Everything gets through, everybody exchanges until there is nothing more, and the oracle looks.
    pub(super) fn quiet(&mut self, random: &mut Rng, wrong: &mut Vec<Violation>) -> String {
        self.town.calm();
        for failed in self.sweep() {
            wrong.push(Violation { loss: Loss::Stopped, message: format!("the sweep: {failed}") });
        }
        let mut rounds = self.exchange(wrong);
        if self.read_statement(random, wrong) > 0 || self.cloud_lacks_something() {
            // What only siblings still have they bring when nobody else did for a while.
            self.town.world.pass(60);
            rounds += self.exchange(wrong);
        }
        let counted = if random.bool() { self.counts(random, wrong) } else { None };
        if counted.is_some() {
            rounds += self.exchange(wrong);
        }
        if wrong.is_empty() {
            match self.look(counted.as_ref()) {
                Ok((found, digest)) => {
                    wrong.extend(found);
                    return format!("after {rounds} rounds: {digest}");
                }
                Err(error) => wrong.push(Violation { loss: Loss::Stopped, message: error.to_string() }),
            }
        }
        format!("after {rounds} rounds")
    }

    /// Somebody at head office holds Safaricom's statement against the payments: of what went back untold they ask
    /// for it too, and hear that it was done. Gives how much that was.
    fn read_statement(&mut self, random: &mut Rng, wrong: &mut Vec<Violation>) -> usize {
        let at = self.town.desks.len() - 1;
        let untold = |(shop, receipt): (ShopId, ReceiptCode)| {
            let row = self.town.desks[at].till().payment(&shop, &receipt).ok()??;
            (!row.reversed).then_some(Deal::AskBack(shop, receipt, row.amount, "in the statement".to_owned()))
        };
        let untold: Vec<Deal> = self.town.books().back.into_iter().filter_map(untold).collect();
        for deal in &untold {
            self.tally.count_if(true, Thing::FoundInStatement);
            self.deals(at, deal, false, random, wrong);
        }
        self.town.world.pass(2);
        self.town.world.wait(self.town.safaricom.run_due());
        untold.len()
    }

    fn cloud_lacks_something(&self) -> bool {
        self.town.shops.iter().any(|shop| {
            let heads = self.town.world.wait(self.town.world.store.inner().heads(&shop.id)).unwrap();
            let beyond = |(actor, number): (&Actor, &u64)| {
                heads.iter().all(|(of, head)| of != actor || head.number < *number)
            };
            let here = |desk: &&Desk| desk.shop.as_ref().is_none_or(|own| *own == shop.id);
            let vector = |desk: &Desk| desk.reader().and_then(|reader| Ok(reader.vector(&shop.id)?));
            let lacks = |desk| vector(desk).is_ok_and(|vector| vector.iter().any(beyond));
            self.town.desks.iter().filter(here).any(lacks)
        })
    }

    pub(super) fn exchange(&mut self, wrong: &mut Vec<Violation>) -> usize {
        for round in 1..=ROUNDS {
            let mut moved = false;
            for desk in &mut self.town.desks {
                let now = desk.clock.shows(self.town.world.now());
                match desk.till().sync(now) {
                    Ok(report) => {
                        desk.heard.is_settled = true;
                        desk.heard.time(self.town.world.now());
                        let came = report.received + report.payments + report.older + report.carried;
                        moved |= report.sent + came > 0 || report.claimed > 0
                    }
                    Err(error) => wrong.push(stopped(desk, &error)),
                }
            }
            if !wrong.is_empty() || !moved {
                return round;
            }
        }
        let message = format!("after {ROUNDS} rounds there is still something to say");
        wrong.push(Violation { loss: Loss::Stopped, message });
        ROUNDS
    }

    /// Somebody who has heard of everything counts. Gives where, and what.
    fn counts(&mut self, random: &mut Rng, wrong: &mut Vec<Violation>) -> Option<Counts> {
        let shop = random.choice(&self.town.shops)?.id.clone();
        let who = |desk: &Desk| desk.shop.as_ref().is_none_or(|own| *own == shop);
        let all = (0..self.town.desks.len()).filter(|at| who(&self.town.desks[*at]));
        let at = random.choice(all.collect::<Vec<_>>())?;
        let deal = Deal::count(random, &shop);
        let Deal::Count(_, counted) = &deal else { return None };
        self.deals(at, &deal, false, random, wrong);
        Some((shop, counted.clone()))
    }

    pub(super) fn look(&mut self, counted: Option<&Counts>) -> Result<(Vec<Violation>, String), TillError> {
        let books = self.town.books();
        let mut wrong = self.oracle.strays_are_kept(&books);
        let (mut digests, now) = (Vec::new(), self.town.world.now());
        for shop in &self.town.shops {
            // Head office is the last, and has every shop.
            let Some(office) = self.town.desks.last() else { continue };
            let facts = Facts::of(office.facts(&shop.id)?);
            for edit in office.edits(&shop.id)? {
                self.oracle.comes_back(edit);
            }
            wrong.extend(self.oracle.learn(&shop.id, &facts, &books));
            wrong.extend(self.oracle.facts_are_kept(&shop.id, &facts));
            let views =
                self.town.desks.iter().filter(|desk| desk.shop.as_ref().is_none_or(|own| *own == shop.id));
            let views = views.map(|desk| View::of(desk, &shop.id, &facts, now));
            let views = views.collect::<Result<Vec<_>, _>>()?;
            let Some((office, tills)) = views.split_last() else { continue };
            for view in &views {
                wrong.extend(check(&self.oracle, view, &books)?);
                wrong.extend(self.oracle.stock_is_the_sum(view, &facts));
                wrong.extend(self.oracle.history_is_kept(view, &facts));
                wrong.extend(self.oracle.drawers_add_up(view, &facts, &books, now)?);
                if let Some((_, counted)) = counted.filter(|(of, _)| *of == shop.id) {
                    wrong.extend(self.oracle.counts_set_it_right(view, counted));
                }
                wrong.extend(self.oracle.nothing_is_foreign(view, &shop.tills));
            }
            for till in tills {
                wrong.extend(self.oracle.replicas_agree(office, till));
            }
            digests.push(office.digest());
        }
        wrong.extend(self.look_at_licences()?);
        for desk in &self.town.desks {
            wrong.extend(self.documents(desk)?);
        }
        Ok((wrong, digests.join(" | ")))
    }

    /// A till has its own shop and no other; its documents and its rows say the same; nothing waits.
    fn documents(&self, desk: &Desk) -> Result<Vec<Violation>, TillError> {
        let mut wrong = Vec::new();
        for shop in desk.till().shops()? {
            if desk.shop.as_ref().is_some_and(|own| *own != shop.id) {
                let message = format!("{} has {}", desk.name, shop.id);
                wrong.push(Violation { loss: Loss::Foreign, message });
            }
            let differ = desk.till().verify(&shop.id)?.into_iter();
            wrong.extend(differ.map(|message| Violation { loss: Loss::Verdict, message }));
        }
        let waiting = desk.till().status()?.waiting;
        if waiting > 0 {
            let message = format!("{}: {waiting} entries still wait", desk.name);
            wrong.push(Violation { loss: Loss::Stopped, message });
        }
        Ok(wrong)
    }
}

fn check(oracle: &Oracle, view: &View<'_>, books: &Books) -> Result<Vec<Violation>, TillError> {
    let mut wrong = oracle.receipts_are_kept(view);
    wrong.extend(oracle.confirmations_are_kept(view, books));
    wrong.extend(oracle.money_is_counted_once(view, books));
    wrong.extend(oracle.verdicts_are_right(view, books));
    wrong.extend(oracle.corrections_are_told(view)?);
    Ok(wrong)
}
