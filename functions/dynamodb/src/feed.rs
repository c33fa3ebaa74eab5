//! The order of a shop's news, and the cursor that remembers how far a reader came.
//!
//! News lie in the index in the order of their arrival time, which each Lambda takes from its own clock
//! just before it writes, and an item shows up in the index a moment after it was written. So an item may
//! appear *behind* what a reader has seen already. A cursor that was only a position would lose it; this
//! one goes back [`OVERLAP_MICROS`] and remembers which items of that time were given.

use domain::{BusinessDay, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::SystemTime;

/// How late an item may show up and still be found: ten minutes. Requests end after ten seconds, the
/// index usually follows within one and the clocks of Lambda are set by AWS. The price is six bytes in
/// the cursor for each item of the last ten minutes, and reading those items again, which for a shop with
/// a sale a minute stays within the one read unit a query costs anyway.
const OVERLAP_MICROS: u64 = 10 * 60 * 1_000_000;

/// The form of a cursor's bytes.
const VERSION: u8 = 1;

/// When something arrived here, in microseconds since 1970: fine enough that two writes after each other
/// keep their order. It is the store's own time and not what is said in the thing: an early result is
/// filed long after it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Arrival(u64);

impl Arrival {
    /// At a time of the store's clock.
    pub(crate) fn at(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// At a time.
    pub(crate) fn of(at: Timestamp) -> Self {
        Self(u64::try_from(at.millis()).unwrap_or(0).saturating_mul(1000))
    }

    /// The business day it falls on.
    pub(crate) fn day(self) -> BusinessDay {
        let since = std::time::Duration::from_micros(self.0);
        let time = SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH);
        Timestamp::from_system(time).business_day()
    }

    /// The sort key in the index of something that arrived then; sixteen digits last until the year 2286.
    pub(crate) fn place(self, name: &str) -> String {
        format!("{:016}#{name}", self.0)
    }

    /// The arrival in a sort key.
    fn of_place(place: &str) -> Option<Self> {
        place.split_once('#').and_then(|(micros, _)| micros.parse().ok()).map(Self)
    }
}

/// The first bytes of a place's hash: enough to tell the news of ten minutes apart.
type Mark = [u8; 6];

/// How far a reader came in a shop's news.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cursor {
    /// Everything that arrived before was given.
    from: Arrival,
    /// What was given of the rest.
    given: BTreeSet<Mark>,
}

impl Cursor {
    /// From a time on, and from a little before: what came late may lie there.
    pub(crate) fn at(arrival: Arrival) -> Self {
        Self { from: Arrival(arrival.0.saturating_sub(OVERLAP_MICROS)), given: BTreeSet::new() }
    }

    /// Reads a cursor. One that we can not read, another store's for example, starts from the beginning:
    /// to be told again is harmless, to be refused for ever is not.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let Some((&VERSION, rest)) = bytes.split_first() else { return Self::default() };
        let Some((from, marks)) = rest.split_first_chunk::<8>() else { return Self::default() };
        let (marks, []) = marks.as_chunks() else { return Self::default() };
        Self { from: Arrival(u64::from_be_bytes(*from)), given: marks.iter().copied().collect() }
    }

    /// The bytes of a cursor.
    pub(crate) fn write(&self) -> Vec<u8> {
        let marks = self.given.iter().flatten().copied();
        std::iter::once(VERSION).chain(self.from.0.to_be_bytes()).chain(marks).collect()
    }

    /// The sort key from which to read on.
    pub(crate) fn start(&self) -> String {
        format!("{:016}", self.from.0)
    }

    /// How many items a read may find that were given before.
    pub(crate) fn remembered(&self) -> usize {
        self.given.len()
    }

    /// Whether an item was given before.
    pub(crate) fn has_given(&self, place: &str) -> bool {
        self.given.contains(&mark(place))
    }

    /// The cursor after a read from [`Self::start`] found these places, in order. With `more`, the read
    /// stopped there. What arrived more than the overlap ago is settled.
    pub(crate) fn after(&self, places: &[&str], more: bool, now: Arrival) -> Self {
        let arrival = |place: &&str| Arrival::of_place(place).unwrap_or(self.from);
        let settled = Arrival(now.0.saturating_sub(OVERLAP_MICROS));
        let from = places.last().map_or(self.from, arrival).min(settled).max(self.from);
        let open = places.iter().filter(|place| arrival(place) >= from).map(|place| mark(place));
        let mut given: BTreeSet<Mark> = open.collect();
        if more {
            // What was given before and not found now lies beyond the end of this read.
            let found: BTreeSet<Mark> = places.iter().map(|place| mark(place)).collect();
            given.extend(self.given.difference(&found));
        }
        Self { from, given }
    }
}

fn mark(place: &str) -> Mark {
    let digest: [u8; 32] = Sha256::digest(place).into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;
    const NOON: u64 = 1_795_000_000 * SECOND;

    fn place(second: u64, name: &str) -> String {
        Arrival(NOON + second * SECOND).place(name)
    }

    /// A reader that reads `limit` new items at most from an index, as the store does.
    fn read(
        index: &BTreeSet<String>,
        cursor: &Cursor,
        second: u64,
        limit: usize,
    ) -> (Vec<String>, Cursor, bool) {
        let limit = limit + cursor.remembered();
        let after: Vec<&str> = index.range(cursor.start()..).map(String::as_str).collect();
        let more = after.len() > limit;
        let page = &after[..after.len().min(limit)];
        let new = page.iter().filter(|p| !cursor.has_given(p)).map(|p| (*p).to_owned()).collect();
        let next = cursor.after(page, more, Arrival(NOON + second * SECOND));
        (new, Cursor::read(&next.write()), more)
    }

    #[test]
    fn an_item_that_shows_up_late_is_given_and_none_is_given_twice() {
        let mut index = BTreeSet::from([place(0, "a"), place(30, "c")]);
        let (new, cursor, _) = read(&index, &Cursor::default(), 31, 100);
        assert_eq!(new, [place(0, "a"), place(30, "c")]);
        index.insert(place(1, "b"));
        let (new, cursor, _) = read(&index, &cursor, 500, 100);
        assert_eq!(new, [place(1, "b")]);
        let (new, ..) = read(&index, &cursor, 501, 100);
        assert!(new.is_empty());
    }

    #[test]
    fn what_shows_up_in_the_middle_of_a_longer_read_is_given_once() {
        let mut index: BTreeSet<String> = (0..10).map(|n| place(n, "a")).collect();
        let (mut given, mut cursor, mut more) = read(&index, &Cursor::default(), 10, 3);
        index.extend((0..10).map(|n| place(n, "late")));
        while more {
            let (new, next, again) = read(&index, &cursor, 10, 3);
            assert!(!new.is_empty(), "every read goes on");
            given.extend(new);
            (cursor, more) = (next, again);
        }
        given.sort();
        assert_eq!(given, index.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_quiet_shop_has_a_tiny_cursor() {
        let index: BTreeSet<String> = (0..500).map(|n| place(n, "a")).collect();
        let (new, cursor, _) = read(&index, &Cursor::default(), 24 * 3600, 1000);
        assert_eq!((new.len(), cursor.write().len()), (500, 15));
    }

    #[test]
    fn a_clock_that_runs_ahead_hides_nothing() {
        let mut index = BTreeSet::from([place(3600, "ahead")]);
        let (_, cursor, _) = read(&index, &Cursor::default(), 0, 100);
        index.insert(place(5, "true"));
        let (new, cursor, _) = read(&index, &cursor, 6, 100);
        assert_eq!(new, [place(5, "true")]);
        let (new, ..) = read(&index, &cursor, 7200, 100);
        assert!(new.is_empty());
    }

    #[test]
    fn a_cursor_we_can_not_read_starts_from_the_beginning() {
        for bytes in [&[][..], &[1, 2], &[9; 30], &[1; 16]] {
            assert_eq!(Cursor::read(bytes), Cursor::default(), "{bytes:?}");
        }
    }
}
