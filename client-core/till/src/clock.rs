//! This machine's clock, held against the cloud's. Cheap tills run hours wrong; what they record is dated by
//! the cloud's time, as far as it is known.
//!
//! Each sync measures the offset: the cloud's time in the answer, against our own in the middle of the
//! question. The measurement with the least uncertainty of the recent ones counts. It is kept in the ledger,
//! so that a restart without a network still knows it, and stands in every fact.

use crate::{Till, TillError, lock};
use domain::{Clock, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

/// How many measurements count as recent, and for how long: a bad quartz drifts a third of a second in an hour.
const RECENT: usize = 8;
const RECENT_MILLIS: u64 = 3_600_000;
/// By how much two measurements may differ beyond their uncertainties before the clock must have been set.
const DRIFT_MILLIS: u64 = 500;
/// A clock that shows an earlier time than the last fact by more than this has been set back.
const BACK_MILLIS: i64 = 60_000;

/// What is known of this machine's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClockStatus {
    /// How it stands to the cloud's; `None` before they ever met.
    pub clock: Option<Clock>,
    /// By how much it jumped, in milliseconds, since it was last measured.
    pub jumped_millis: Option<i64>,
}

/// The measurements, and what was noticed since.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    status: ClockStatus,
    /// By our own time.
    recent: VecDeque<(Timestamp, Clock)>,
    /// The cloud's time, when it told it last.
    told: Option<Timestamp>,
    /// It told it since the last fact was made.
    fresh: bool,
    /// The latest time of a fact that was made here since.
    latest: Option<Timestamp>,
}

impl Watch {
    pub(crate) fn knowing(clock: Option<Clock>, told: Option<Timestamp>) -> Self {
        Self { status: ClockStatus { clock, jumped_millis: None }, told, ..Self::default() }
    }

    /// A question went out at `asked` by our clock, took so long, and came back with the cloud's time.
    fn note(&mut self, asked: Timestamp, took: Duration, cloud: Timestamp) {
        (self.told, self.fresh, self.latest) = (Some(cloud), true, None);
        let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        let half = took.saturating_add(1).checked_div(2).unwrap_or(0);
        let middle = asked.plus_millis(half);
        let measured = cloud.millis().saturating_sub(middle.millis());
        let uncertainty_millis = u32::try_from(half).unwrap_or(u32::MAX);
        // An offset below its own uncertainty says nothing.
        let says = measured.unsigned_abs() > u64::from(uncertainty_millis);
        let fresh = Clock { offset_millis: if says { measured } else { 0 }, uncertainty_millis };
        if self.recent.iter().any(|(_, clock)| !agree(*clock, fresh)) {
            self.recent.clear();
        }
        self.recent.retain(|(at, _)| at.distance_millis(middle) < RECENT_MILLIS);
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((middle, fresh));
        let best = self.recent.iter().map(|(_, clock)| *clock).min_by_key(|clock| clock.uncertainty_millis);
        self.status = ClockStatus { clock: best, jumped_millis: None };
    }

    /// Our clock went another way than time did. Back, it was set: the offset follows. Forward, it was set or
    /// the machine slept, and nobody can tell: the offset stays, and is as uncertain as the jump is wide.
    fn jump(&mut self, millis: i64) {
        self.recent.clear();
        self.status.jumped_millis = Some(self.status.jumped_millis.unwrap_or(0).saturating_add(millis));
        if let Some(clock) = &mut self.status.clock {
            if millis < 0 {
                clock.offset_millis = clock.offset_millis.saturating_sub(millis);
            } else {
                let wide = u32::try_from(millis).unwrap_or(u32::MAX);
                clock.uncertainty_millis = clock.uncertainty_millis.saturating_add(wide);
            }
        }
    }

    /// The time of a fact made now, after one made at `last`: a clock that lost its battery starts years ago,
    /// and no fact of one till comes before its last, unless the cloud has told the time since.
    fn stamp(&mut self, now: Timestamp, last: Option<Timestamp>) -> (Timestamp, Option<Clock>) {
        self.fresh = false;
        let corrected = self.correct(now);
        let behind = last.map_or(0, |last| last.millis().saturating_sub(corrected.millis()));
        if self.recent.is_empty() && behind > BACK_MILLIS {
            let clock = self.status.clock.get_or_insert(Clock { offset_millis: 0, uncertainty_millis: 0 });
            clock.offset_millis = clock.offset_millis.saturating_add(behind);
            clock.uncertainty_millis = u32::MAX;
            self.status.jumped_millis = Some(behind.saturating_neg());
        }
        let at = self.correct(now);
        self.latest = self.latest.max(Some(at));
        (at, self.status.clock)
    }

    /// The latest instant that is known to have been: a clock that is set back does not bring it back, whatever is
    /// written by it then. A fact that was made at `last` by a clock that ran ahead counts until the cloud has told
    /// the time.
    fn seen(&self, now: Timestamp, last: Option<Timestamp>) -> Timestamp {
        let last = last.filter(|_| !self.fresh);
        [self.told, self.latest, last].into_iter().flatten().fold(self.correct(now), Timestamp::max)
    }

    fn correct(&self, own: Timestamp) -> Timestamp {
        self.status.clock.map_or(own, |clock| clock.correct(own))
    }
}

fn agree(one: Clock, other: Clock) -> bool {
    let doubt = u64::from(one.uncertainty_millis).saturating_add(u64::from(other.uncertainty_millis));
    one.offset_millis.abs_diff(other.offset_millis) <= doubt.saturating_add(DRIFT_MILLIS)
}

impl Till {
    /// The cloud's time when our own clock shows `now`, as far as it is known.
    pub fn corrected(&self, now: Timestamp) -> Timestamp {
        lock(&self.watch).correct(now)
    }

    /// Tells that this machine's clock went another way than time did, by so many milliseconds, as whoever
    /// can see both has noticed.
    ///
    /// # Errors
    /// It could not be recorded.
    pub fn clock_jumped(&self, millis: i64) -> Result<(), TillError> {
        let clock = {
            let mut watch = lock(&self.watch);
            watch.jump(millis);
            watch.status.clock
        };
        match clock {
            Some(clock) => Ok(self.ledger().put_clock(clock)?),
            None => Ok(()),
        }
    }

    /// What is known of this machine's clock.
    pub(crate) fn clock_status(&self) -> ClockStatus {
        lock(&self.watch).status.clone()
    }

    pub(crate) fn note_time(&self, asked: Timestamp, took: Duration, cloud: Timestamp) {
        lock(&self.watch).note(asked, took, cloud);
    }

    /// When a fact that is made now happened, and what is known of the clock.
    pub(crate) fn stamp(&self, now: Timestamp, last: Option<Timestamp>) -> (Timestamp, Option<Clock>) {
        lock(&self.watch).stamp(now, last)
    }

    /// The latest instant that is known to have been, after a fact made at `last`.
    pub(crate) fn seen(&self, now: Timestamp, last: Option<Timestamp>) -> Timestamp {
        lock(&self.watch).seen(now, last)
    }

    /// What our own clock shows, so long after it showed `now` as the time since `start`.
    pub(crate) fn since(&self, now: Timestamp, start: Duration) -> Timestamp {
        let passed = self.cloud.elapsed().saturating_sub(start).as_millis();
        now.plus_millis(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::parse_daraja("20261121080000").unwrap().plus_millis(millis)
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn known(watch: &Watch) -> (i64, u32) {
        let clock = watch.status.clock.unwrap();
        (clock.offset_millis, clock.uncertainty_millis)
    }

    #[test]
    fn the_quickest_of_the_recent_answers_counts() {
        let mut watch = Watch::default();
        watch.note(at(0), ms(400), at(7_200_300));
        assert_eq!(known(&watch), (7_200_100, 200));
        watch.note(at(1_000), ms(40), at(7_201_020));
        assert_eq!(known(&watch), (7_200_000, 20));
        watch.note(at(2_000), ms(900), at(7_202_800));
        assert_eq!(known(&watch), (7_200_000, 20), "a slow answer knows less");
        watch.note(at(4_000_000), ms(900), at(11_200_450));
        assert_eq!(known(&watch), (7_200_000, 450), "what is an hour old has drifted");
    }

    #[test]
    fn what_lies_within_the_uncertainty_is_no_offset() {
        let mut watch = Watch::default();
        watch.note(at(0), ms(400), at(390));
        assert_eq!(known(&watch), (0, 200));
        assert_eq!(watch.correct(at(5)), at(5));
    }

    #[test]
    fn a_measurement_that_contradicts_the_others_means_that_the_clock_was_set() {
        let mut watch = Watch::default();
        watch.note(at(0), ms(2), at(7_200_001));
        watch.note(at(7_200_500), ms(800), at(7_200_900));
        assert_eq!(known(&watch), (0, 400), "the old one counts no more, however sure it was");
    }

    #[test]
    fn a_clock_set_back_is_followed_and_a_leap_forward_is_doubted() {
        let mut watch = Watch::default();
        watch.note(at(0), ms(2), at(1));
        watch.jump(-3_600_000);
        assert_eq!(known(&watch), (3_600_000, 1));
        watch.jump(60_000);
        assert_eq!(known(&watch), (3_600_000, 60_001));
        assert_eq!(watch.status.jumped_millis, Some(-3_540_000));
        watch.note(at(0), ms(2), at(3_540_001));
        assert_eq!((known(&watch), watch.status.jumped_millis), ((3_540_000, 1), None));
    }

    #[test]
    fn a_till_whose_battery_died_does_not_sell_before_its_last_sale() {
        let mut watch = Watch::knowing(Some(Clock { offset_millis: 100, uncertainty_millis: 5 }), None);
        let year_2000 = Timestamp::from_millis(946_684_800_000).unwrap();
        let (stamped, clock) = watch.stamp(year_2000, Some(at(0)));
        assert_eq!((stamped, clock.unwrap().uncertainty_millis), (at(0), u32::MAX));
        assert!(watch.status.jumped_millis.unwrap() < 0);
        let (later, _) = watch.stamp(year_2000.plus_millis(5_000), Some(at(0)));
        assert_eq!(later, at(5_000));
        // The cloud knows better, also when it says that the last sale was in the future.
        watch.note(year_2000, ms(2), at(-9_000_000));
        assert_eq!(watch.stamp(year_2000, Some(at(5_000))).0, at(-9_000_001));
    }

    #[test]
    fn the_latest_instant_goes_back_only_where_the_cloud_says_so() {
        let at =
            |minutes: i64| Timestamp::parse_daraja("20261121080000").unwrap().plus_millis(minutes * 60_000);
        let mut watch = Watch::knowing(None, Some(at(5)));
        assert_eq!(watch.seen(at(0), None), at(5), "the cloud was there later than this clock shows");
        assert_eq!(watch.seen(at(0), Some(at(9))), at(9), "a sale was made later than this clock shows");
        // A clock that runs a year ahead dates a sale; the cloud tells the time, and that sale stops nothing.
        let ahead = at(500_000);
        watch.stamp(ahead, None);
        assert_eq!(watch.seen(at(10), Some(ahead)), ahead);
        watch.note(at(10), Duration::ZERO, at(10));
        assert_eq!(watch.seen(at(11), Some(ahead)), at(11));
        assert_eq!(watch.seen(at(3), Some(ahead)), at(10));
        watch.stamp(at(12), Some(at(12)));
        assert_eq!(watch.seen(at(3), Some(at(12))), at(12));
    }
}
