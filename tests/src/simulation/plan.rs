//! What will happen in a run: a list of events made from the seed before anything happens, so that a
//! failing run can be shortened by leaving events out. Each event has dice of its own; what is left out
//! changes nothing in the others.

use std::collections::BTreeSet;

/// A day in milliseconds.
pub const DAY: i64 = 24 * 3_600_000;
/// Shops are open for so long.
const OPEN_MILLIS: i64 = 12 * 3_600_000;

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Days of trade.
    pub days: u32,
    /// Shops.
    pub shops: u32,
    /// Honest tills in each shop.
    pub tills: u32,
}

impl Scale {
    /// So many tills trading for a day.
    pub fn till_days(&self) -> u64 {
        u64::from(self.days) * u64::from(self.shops) * u64::from(self.tills)
    }
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Goods for cash.
    CashSale,
    /// Goods to be paid by M-Pesa.
    MpesaSale,
    /// A customer pays for a sale: the amount or another, naming the sale or not, now or before.
    Pay,
    /// A customer's phone is asked for the payment.
    Prompt,
    /// A cashier types the code a customer shows.
    Type,
    /// A cashier picks a payment from the list.
    Pick,
    /// A customer shows a code that paid another sale, at another till.
    ShowTwice,
    /// A claim is taken back.
    Release,
    /// A sale is cancelled.
    Void,
    /// What is due is taken in cash.
    TakeCash,
    /// Cash goes back to a customer.
    GiveBack,
    /// What was paid too much is kept as a tip.
    Tip,
    /// What was paid too much stays on its payment.
    Credit,
    /// Goods of a sale come back.
    TakeBack,
    /// A drawer is opened for a shift, or counted and closed.
    Drawer,
    /// Cash is put into a drawer, or taken out.
    MoveCash,
    /// What somebody said of a sale by mistake is taken back.
    Undo,
    /// Head office asks Safaricom to give a payment back.
    AskBack,
    /// Safaricom gives a payment back, and tells nobody.
    GoesBack,
    /// A shop pays for its licence.
    Renew,
    /// One payment is for several sales.
    Share,
    /// A code is typed that nobody paid.
    Invent,
    /// Goods are handed out though no payment was found.
    Trust,
    /// Head office closes the books.
    ClosePeriod,
    /// A price is changed.
    Edit,
    /// The receipt of a sale comes out of a printer.
    Print,
    /// Goods come or go.
    Goods,
    /// Goods are counted.
    Count,
    /// Somebody exchanges with the cloud.
    Sync,
    /// Two tills of one shop meet over its own network.
    Meet,
    /// Somebody writes a stick.
    Export,
    /// Somebody reads a stick, an old one perhaps, or one that was pulled out too early.
    Import,
    /// Head office mends something.
    Office,
    /// A till's line is down for a while, or the shop's own network, or both.
    Partition,
    /// Lines get worse or better.
    Weather,
    /// A clock is set, runs too fast, or gets into another zone.
    Clock,
    /// A till's program ends and starts again.
    Restart,
    /// Power goes while a till writes.
    PowerCut,
    /// The store throttles, is down, or comes back.
    Store,
    /// Safaricom loses, doubles and delays.
    Safaricom,
    /// The quarter of an hour in which the cloud pulls.
    Sweep,
    /// Somebody posts what is no callback, or what belongs to nobody.
    Stray,
    /// An enrolled till says what it must not.
    Hostile,
    /// A till's folder is copied aside.
    Backup,
    /// A till's disk fails, and the copy is put in its place.
    Restore,
    /// A copy of a till's disk starts beside it.
    Clone,
    /// A new till begins in a shop that has traded.
    Join,
    /// Everything gets through for a while, and everything is checked.
    Quiet,
}

/// How often each kind happens in a till's day, in hundredths; a kind that is missing does not happen.
pub const ENABLED: &[(Kind, u32)] = &[
    (Kind::CashSale, 350),
    (Kind::MpesaSale, 450),
    (Kind::Pay, 450),
    (Kind::Prompt, 60),
    (Kind::Type, 180),
    (Kind::Pick, 130),
    (Kind::ShowTwice, 60),
    (Kind::Release, 60),
    (Kind::Void, 50),
    (Kind::TakeCash, 80),
    (Kind::GiveBack, 60),
    (Kind::Tip, 70),
    (Kind::Credit, 90),
    (Kind::TakeBack, 60),
    (Kind::Undo, 100),
    (Kind::AskBack, 30),
    (Kind::GoesBack, 15),
    (Kind::Renew, 60),
    (Kind::Drawer, 200),
    (Kind::MoveCash, 60),
    (Kind::Share, 60),
    (Kind::Invent, 40),
    (Kind::Trust, 40),
    (Kind::Edit, 60),
    (Kind::Print, 150),
    (Kind::Goods, 60),
    (Kind::Count, 50),
    (Kind::Sync, 600),
    (Kind::Meet, 250),
    (Kind::Export, 40),
    (Kind::Import, 60),
    (Kind::Office, 60),
    (Kind::Partition, 40),
    (Kind::Weather, 40),
    (Kind::Clock, 25),
    (Kind::Restart, 25),
    (Kind::PowerCut, 120),
    (Kind::Store, 30),
    (Kind::Safaricom, 25),
    (Kind::Sweep, 50),
    (Kind::Stray, 20),
    (Kind::Hostile, 60),
    (Kind::Backup, 40),
    (Kind::Restore, 20),
    (Kind::Clone, 8),
    (Kind::Join, 8),
];

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Its place in the whole plan, by which it can be kept or left out.
    pub index: usize,
    /// When, in milliseconds since the world began.
    pub at: i64,
    /// What.
    pub kind: Kind,
    /// At which till, or for which shop.
    pub who: usize,
    /// What chance decides about it.
    pub dice: u64,
}

/// Which events of a plan happen; all of them unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept(pub Option<BTreeSet<usize>>);

impl Kept {
    /// These only.
    pub fn only(indexes: impl IntoIterator<Item = usize>) -> Self {
        Self(Some(indexes.into_iter().collect()))
    }

    fn has(&self, event: &Event) -> bool {
        self.0.as_ref().is_none_or(|kept| kept.contains(&event.index))
    }
}

/// What happens in a world of this scale.
pub fn plan(seed: u64, scale: Scale, kept: &Kept) -> Vec<Event> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x1e7a_0001);
    let tills = (scale.shops * scale.tills) as usize;
    let (mut events, mut quiet) = (Vec::new(), true);
    for day in 0..i64::from(scale.days) {
        for who in 0..tills {
            for (kind, often) in ENABLED {
                let count = often / 100 + u32::from(random.u32(..100) < often % 100);
                for _ in 0..count {
                    let at = day * DAY + random.i64(0..OPEN_MILLIS);
                    events.push(Event { index: 0, at, kind: *kind, who, dice: random.u64(..) });
                }
            }
        }
        // Most evenings are quiet, the last always is, and never are two in a row not: Safaricom's lists
        // reach back two days.
        quiet = !quiet || day + 1 == i64::from(scale.days) || random.u8(..100) < 60;
        if quiet {
            let at = day * DAY + OPEN_MILLIS + 1;
            events.push(Event { index: 0, at, kind: Kind::Quiet, who: 0, dice: random.u64(..) });
        }
    }
    events.sort_by_key(|event| (event.at, event.dice));
    events.iter_mut().enumerate().for_each(|(index, event)| event.index = index);
    // Looks are always taken.
    events.retain(|event| kept.has(event) || event.kind == Kind::Quiet);
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale { days: 2, shops: 2, tills: 2 };

    #[test]
    fn what_is_left_out_changes_nothing_else() {
        let all = plan(7, SCALE, &Kept::default());
        let some = plan(7, SCALE, &Kept::only([3, 8, 11]));
        assert_eq!(some[..3], [all[3], all[8], all[11]]);
        let looks = |events: &[Event]| events.iter().filter(|event| event.kind == Kind::Quiet).count();
        assert_eq!(looks(&some), looks(&all), "every look is taken");
        assert_eq!(some.len(), 3 + looks(&all));
    }

    #[test]
    fn a_day_is_twelve_hours_long() {
        let all = plan(7, SCALE, &Kept::default());
        let hour = |event: &Event| event.at % DAY / 3_600_000;
        assert!((0..=12).all(|it| all.iter().any(|event| hour(event) == it)));
        assert!(all.iter().all(|event| (0..2 * DAY).contains(&event.at)));
    }

    #[test]
    fn another_seed_is_another_day() {
        assert_ne!(plan(1, SCALE, &Kept::default()), plan(2, SCALE, &Kept::default()));
    }
}
