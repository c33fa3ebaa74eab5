//! Sticks that are carried from till to till and to head office: read late, twice, in any order, by whom they are
//! not for, and pulled out too early.

use super::{Run, stopped};
use crate::simulation::oracle::{Loss, Violation};
use crate::simulation::trade::is_ordinary;
use crate::simulation::world::Stick;
use fastrand::Rng;
use replica::wire::stick::{FrameHead, HEAD_BYTES, MAGIC};
use std::ops::Range;
use std::path::{Path, PathBuf};
use till::Imported;

/// What becomes of a stick on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Whole,
    /// It was pulled out while it was copied: so many pieces of it are there, and half of the next.
    Torn(usize),
    /// A byte at the start of a piece is another one, or one in its middle.
    Damaged(usize, bool),
}

impl Run {
    /// A till writes a stick, or head office does.
    pub(super) fn export(&mut self, at: usize, random: &mut Rng, wrong: &mut Vec<Violation>) -> String {
        let shop = self.shop_of(at);
        let desk = &self.town.desks[self.somebody(at, random)];
        let now = desk.clock.shows(self.town.world.now());
        let file = self.town.folder.path().join(format!("stick-{}.leja", self.town.sticks.len()));
        match desk.export(&file, now) {
            Ok(exported) => {
                let entries: u64 = exported.journals.iter().map(|written| written.entries).sum();
                let told = format!("{} writes {entries} entries", desk.name);
                let of = exported.journals.into_iter().map(|written| written.shop).collect();
                self.town.sticks.push(Stick { shop, of, file });
                // Most are carried to somebody at once, the others lie about.
                match random.u8(..3) {
                    0 => told,
                    _ => format!("{told}; {}", self.import(at, random, wrong)),
                }
            }
            Err(error) => {
                wrong.push(stopped(desk, &error));
                error.to_string()
            }
        }
    }

    /// Somebody reads a stick, in the end twice.
    pub(super) fn import(&mut self, at: usize, random: &mut Rng, wrong: &mut Vec<Violation>) -> String {
        let (shop, anywhere) = (self.shop_of(at), random.u8(..10) == 0);
        let sticks = &self.town.sticks;
        let here = |(_, stick): &(usize, &Stick)| anywhere || stick.shop == shop;
        // The latest, mostly, and any that lie about.
        let mut lie: Vec<usize> = sticks.iter().enumerate().filter(here).map(|(place, _)| place).collect();
        if random.u8(..3) > 0 {
            lie.drain(..lie.len().saturating_sub(2));
        }
        let Some(place) = random.choice(lie) else { return "no stick".to_owned() };
        let file = sticks[place].file.clone();
        let way = match random.u8(..6) {
            0 => Way::Torn(random.usize(..9)),
            1 => Way::Damaged(random.usize(..9), random.bool()),
            _ => Way::Whole,
        };
        let read = carried(&file, way);
        let desk = self.somebody(at, random);
        let there = self.town.desks[desk].till().shops().unwrap_or_default();
        // Head office has no shop before it has a line.
        let meant = there.iter().any(|shop| sticks[place].of.contains(&shop.id));
        let cut = random.u8(..8) == 0;
        let mut told = format!("{} reads stick {place}, {way:?}", self.town.desks[desk].name);
        // Where it lies differs from run to run.
        let folder = self.town.folder.path().display().to_string();
        if cut {
            told += &self.reads_in_the_dark(desk, &read, random, wrong);
        }
        let desk = &self.town.desks[desk];
        let now = desk.clock.shows(self.town.world.now());
        for again in [false, true] {
            match desk.till().import(&read, now) {
                Ok(imported) => {
                    let new: u64 = imported.journals.iter().map(|brought| brought.new).sum();
                    wrong.extend(unfit(&desk.name, &imported, way, meant, again.then_some(new)));
                    self.carried += new;
                    told += &format!(", {new} new");
                }
                Err(error) if is_ordinary(&error) && (way != Way::Whole || !meant) => {
                    told += &format!(": {}", error.to_string().replace(&folder, ""));
                }
                Err(error) => wrong.push(stopped(desk, &error)),
            }
        }
        told
    }

    /// Who works with a stick: one of a till's place, or head office.
    fn somebody(&self, at: usize, random: &mut Rng) -> usize {
        let beside = self.town.desks.iter().position(|desk| desk.beside == Some(at));
        match random.u8(..4) {
            0 => self.town.desks.len() - 1,
            1 | 2 => beside.unwrap_or(at),
            _ => at,
        }
    }

    fn reads_in_the_dark(
        &mut self,
        at: usize,
        file: &Path,
        random: &mut Rng,
        wrong: &mut Vec<Violation>,
    ) -> String {
        self.cuts += 1;
        let now = self.town.desks[at].clock.shows(self.town.world.now());
        let desk = &mut self.town.desks[at];
        match desk.power_cut(None, random, |desk| drop(desk.till().import(file, now))) {
            Ok(((), place)) => {
                wrong.extend(self.own_receipts(at));
                format!(", the power goes {place}")
            }
            Err(error) => {
                wrong.push(stopped(desk, &error));
                " and does not start any more".to_owned()
            }
        }
    }
}

/// The file as it is when it gets there. Packed signatures differ in size from run to run, so places are told by
/// pieces.
fn carried(file: &Path, way: Way) -> PathBuf {
    let mut bytes = std::fs::read(file).unwrap();
    let pieces = pieces(&bytes);
    match way {
        Way::Whole => return file.to_owned(),
        Way::Torn(piece) => {
            let piece = &pieces[piece % pieces.len()];
            bytes.truncate(piece.start.midpoint(piece.end));
        }
        Way::Damaged(piece, start) => {
            let piece = &pieces[piece % pieces.len()];
            bytes[if start { piece.start } else { piece.start.midpoint(piece.end) }] ^= 0x55;
        }
    }
    let carried = file.with_extension("carried");
    std::fs::write(&carried, bytes).unwrap();
    carried
}

/// Where the pieces of a file lie: what it begins with, and its frames.
fn pieces(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let mut end = MAGIC.len() + 1;
    loop {
        pieces.push(start..end);
        let Some(head) = bytes.get(end..).and_then(|rest| rest.first_chunk()) else { return pieces };
        (start, end) = (end, end + HEAD_BYTES + FrameHead::read(head).unwrap().length);
    }
}

/// What must not be when a stick was read: `again`, so much was new the second time.
fn unfit(who: &str, imported: &Imported, way: Way, meant: bool, again: Option<u64>) -> Option<Violation> {
    let says = |loss: Loss, what: String| Some(Violation { loss, message: format!("{who}: {what}") });
    match (way, &imported.fault) {
        _ if !meant && imported.journals.is_empty() => None,
        _ if !meant => says(Loss::Foreign, "took in another shop's stick".to_owned()),
        _ if again.is_some_and(|new| new > 0) => {
            says(Loss::Stopped, format!("a stick that was read has {again:?} more when it is read again"))
        }
        (Way::Whole, Some(fault)) => says(Loss::Stopped, format!("a whole stick is said to be bad: {fault}")),
        (Way::Torn(_) | Way::Damaged(..), None) => {
            says(Loss::Stopped, format!("a stick that came {way:?} is said to be whole"))
        }
        _ => None,
    }
}
