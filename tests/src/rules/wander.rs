//! A case that nobody wrote: clauses by chance, in the language of the table, at three tills with and without lines.
//! Whatever a till refuses, it refuses; in the end the books have to be in order all the same.

use super::play::{OFFICE, Play, told};
use super::{Fault, steps};
use crate::books::faults_of;
use domain::Money;
use fastrand::Rng;
use till::{Deed, SaleFilter};

const TILLS: [&str; 3] = ["A", "B", "C"];
/// Who works at each of them, and nowhere else.
const STAFF: [&str; 3] = ["Asha", "Juma", "Njeri"];
/// Few amounts, so that many things fit many.
const AMOUNTS: [u32; 4] = [100, 200, 300, 500];

/// What chance did, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wandered {
    /// The clauses, in the language of the table.
    pub clauses: Vec<String>,
    /// How many of them came to something: the others were refused, or made no sense where they were done.
    pub done: usize,
}

/// Plays so many clauses by chance; a seed repeats them.
///
/// # Errors
/// The books are not in order: what is wrong, and what led to it.
pub fn wander(seed: u64, clauses: usize) -> Result<Wandered, Fault> {
    let mut wanderer = Wanderer::new(seed)?;
    let outcome = wanderer.wander(clauses);
    let Wanderer { told: clauses, done, .. } = wanderer;
    match outcome {
        Ok(()) => Ok(Wandered { clauses, done }),
        Err(fault) => Err(format!("seed {seed}: {fault}\n\nafter: {}", clauses.join(";\n  "))),
    }
}

struct Wanderer {
    play: Play,
    random: Rng,
    sales: Vec<String>,
    receipts: Vec<String>,
    /// By till: what was put into its drawer beside sales, less what was taken out.
    drawers: [Money; 3],
    told: Vec<String>,
    done: usize,
}

impl Wanderer {
    fn new(seed: u64) -> Result<Self, Fault> {
        let mut random = Rng::with_seed(seed);
        let mut play = Play::new(&TILLS.map(str::to_owned), random.bool())?;
        steps::take(&mut play, "the shop sets tips to on")?;
        play.exchange(2)?;
        let none = (Vec::new(), Vec::new());
        let drawers = [Money::ZERO; 3];
        Ok(Self { play, random, sales: none.0, receipts: none.1, drawers, told: Vec::new(), done: 0 })
    }

    fn wander(&mut self, clauses: usize) -> Result<(), Fault> {
        for (till, who) in TILLS.iter().zip(STAFF) {
            self.tell(&format!("{who} opens the drawer of {till} with 1000"))?;
        }
        for _ in 0..clauses {
            let clause = self.clause();
            self.tell(&clause)?;
        }
        for place in std::mem::take(&mut self.play.offline) {
            self.play.at(&place)?.offline(false);
        }
        let mut order = self.play.order.clone();
        self.random.shuffle(&mut order);
        self.play.order = order;
        self.play.exchange(3)?;
        self.play.agree()?;
        (0..TILLS.len()).try_for_each(|till| self.drawer(till))
    }

    /// Does what a clause says, and now and then lets everybody sync; somebody's books are looked at in between.
    fn tell(&mut self, clause: &str) -> Result<(), Fault> {
        self.told.push(clause.to_owned());
        self.play.world.pass(1);
        let taken = steps::take(&mut self.play, clause);
        let refused = self.play.refused.take();
        if taken.is_ok() && refused.is_none() {
            self.done += 1;
            self.note(clause);
        }
        if self.random.bool() {
            self.play.exchange(1)?;
        }
        let place = if self.random.bool() { OFFICE } else { TILLS[self.random.usize(..3)] };
        let faults =
            if self.random.u8(..8) == 0 { faults_of(self.play.at(place)?, &self.play.shop) } else { vec![] };
        if faults.is_empty() { Ok(()) } else { Err(format!("on the way, at {place}: {}", faults.join("; "))) }
    }

    fn note(&mut self, clause: &str) {
        let words: Vec<&str> = clause.split(' ').collect();
        let till = |letter: &str| TILLS.iter().position(|it| *it == letter).unwrap();
        let amount = |text: &str| Money::parse(text).unwrap();
        match words[..] {
            [_, "opens", "the", "drawer", "of", letter, "with", float] => {
                self.drawers[till(letter)] = self.drawers[till(letter)] + amount(float);
            }
            [_, "puts", money, "into", .., letter] => {
                self.drawers[till(letter)] = self.drawers[till(letter)] + amount(money);
            }
            [_, "takes", money, "out", .., letter] => {
                self.drawers[till(letter)] = self.drawers[till(letter)] - amount(money);
            }
            [sale, "of", ..] if clause.ends_with("is open") || clause.ends_with("for cash") => {
                self.sales.push(sale.to_owned());
            }
            _ => {}
        }
    }

    /// Something that may happen.
    fn clause(&mut self) -> String {
        let at = self.random.usize(..3);
        let (till, who) = (TILLS[at], STAFF[at]);
        let amount = AMOUNTS[self.random.usize(..4)];
        let Some(sale) = self.some(&self.sales.clone()) else { return self.sale(till, amount) };
        let Some(code) = self.some(&self.receipts.clone()) else { return self.payment(amount, &sale) };
        // Each works at one till, and does there what is to be done, whosever sale it is.
        match self.random.u8(..34) {
            0..6 => self.sale(till, amount),
            6..11 => self.payment(amount, &sale),
            11..13 => format!("{who} types {code} for {sale} at {till}"),
            13..16 => format!("{who} picks {code} for {sale} at {till}"),
            16 | 17 => format!("{who} picks {amount} of {code} for {sale} at {till}"),
            18 => format!("{who} picks {code} for {sale} all the same at {till}"),
            19 | 20 => format!("{who} releases {code} from {sale} at {till}"),
            21 => format!("{who} takes cash for {sale} at {till}"),
            22 => format!("{who} takes {amount} in cash for {sale} at {till}"),
            23 => format!("{who} gives back what is over on {sale} at {till}"),
            24 => format!("{who} gives back 50 of {sale} at {till}"),
            25 => format!("{who} keeps 100 of {sale} as a tip at {till}"),
            26 => format!("{who} leaves what is over on {sale} as credit at {till}"),
            27 => format!("{who} cancels {sale} at {till}"),
            28 => format!("{who} takes back 1 of line 1 of {sale} at {till}"),
            29 => format!("Safaricom reverses {code}"),
            30 => self.drawer_clause(at),
            31 => format!("{} minutes pass", self.random.u8(1..15)),
            _ if self.play.offline.contains(till) => format!("{till} is online again"),
            _ => format!("{till} is offline"),
        }
    }

    fn sale(&mut self, till: &str, amount: u32) -> String {
        let number = 1 + self.sales.iter().filter(|sale| sale.starts_with(till)).count();
        let goods = match self.random.u8(..4) {
            0 => format!("2 x {amount}, less 50 in all"),
            1 => format!("2 x {amount} and 1 x 100 with 16 % tax on top"),
            _ => format!("1 x {amount}"),
        };
        let tender = if self.random.u8(..5) == 0 { "sold for cash" } else { "open" };
        format!("{till}{number} of {goods} is {tender}")
    }

    fn payment(&mut self, amount: u32, sale: &str) -> String {
        let code = format!("UKL4AB{:04}", 1000 + self.receipts.len());
        // Now and then the cashier has the code before the cloud does.
        self.receipts.push(code.clone());
        let amount = if self.random.u8(..4) == 0 { amount * 2 } else { amount };
        match self.random.u8(..8) {
            0 => format!("{code} of {amount} comes for \"{sale}\""),
            1 => format!("Juma types {code} for {sale} at B"),
            2 => format!("{code} of {amount} is pulled"),
            _ => format!("{code} of {amount} comes"),
        }
    }

    fn drawer_clause(&mut self, at: usize) -> String {
        let (till, who) = (TILLS[at], STAFF[at]);
        match self.random.u8(..3) {
            0 => format!("{who} puts 70 into the drawer of {till}"),
            1 => format!("{who} takes 30 out of the drawer of {till}"),
            _ => format!("{who} closes the drawer of {till} with 1000 in it"),
        }
    }

    fn some(&mut self, of: &[String]) -> Option<String> {
        let first = of.len().checked_sub(1)?;
        // What is new is more often what somebody has to do with.
        let back = self.random.usize(..=first).min(self.random.usize(..=first));
        Some(of[first - back].clone())
    }

    /// What should be in a drawer by its reports is what went into it by the histories of all sales.
    fn drawer(&self, till: usize) -> Result<(), Fault> {
        let (replica, shop) = (self.play.at(TILLS[till])?, &self.play.shop);
        let own = replica.identity().actor.till;
        let closed = replica.closings(shop, 999).map_err(told)?;
        let reports =
            closed.iter().filter(|it| it.id.actor.till == own).map(|it| it.closing.report.drawer.expected());
        let now = replica.shift(self.play.now(TILLS[till])).map_err(told)?.drawer.expected();
        let expected = reports.sum::<Money>() + now;
        let mut cash = self.drawers[till];
        for sale in replica.sales(shop, SaleFilter::All, None, 10_000).map_err(told)? {
            for it in replica.history_of_sale(sale.id).map_err(told)? {
                let amount = match it.deed {
                    Deed::Sold(domain::Tender::Cash) if sale.id.actor.till == own => sale.total,
                    Deed::CashTaken(amount) if it.by == STAFF[till] => amount,
                    Deed::GivenBack(amount, _) if it.by == STAFF[till] => -amount,
                    _ => Money::ZERO,
                };
                cash = cash + amount;
            }
        }
        let fault =
            || format!("the drawer of {} should hold {expected:?}, and {cash:?} went in", TILLS[till]);
        if expected == cash { Ok(()) } else { Err(fault()) }
    }
}
