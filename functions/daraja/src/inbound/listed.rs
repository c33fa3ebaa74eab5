//! The time of a pulled row, whose zone can not be trusted (fact sheet §1.7).

use domain::Timestamp;

/// How far a callback's time and the listing's may lie apart for the same payment, and how far outside the
/// window asked for a row may lie: ten minutes, far less than the three hours between the readings.
const SLACK_MILLIS: i64 = 10 * 60_000;
/// East Africa Time is three hours ahead.
const EAT_MILLIS: i64 = 3 * 3_600_000;

/// `trxDate` as it was written. A value that ends in `Z`, or has no zone, may really be the clock in
/// Nairobi, so both readings are kept until something settles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedTime {
    /// Written with an offset such as `+03:00`: there is one reading.
    Zoned(Timestamp),
    /// Written with `Z`, with an offset of nothing, or with no zone.
    Ambiguous {
        /// Taken at its word.
        utc: Timestamp,
        /// Taken as the clock in Nairobi: three hours earlier.
        nairobi: Timestamp,
    },
}

/// The zone in which a listing really writes its ambiguous times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// `Z` means what it says.
    Utc,
    /// `Z` is put after the clock in Nairobi.
    Nairobi,
}

impl ListedTime {
    /// Reads a date and a time, with `T` or a blank between them, or fourteen digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(nairobi) = Timestamp::parse_daraja(text) {
            return Some(Self::Ambiguous { utc: nairobi.plus_millis(EAT_MILLIS), nairobi });
        }
        let (date, clock) = text.split_once(['T', 't', ' '])?;
        let (clock, offset) = split_offset(clock.trim());
        let zoned = |offset: &str| Timestamp::parse_rfc3339(&format!("{date}T{clock}{offset}")).ok();
        match offset.as_deref() {
            None | Some("+00:00" | "-00:00") => {
                let utc = zoned("Z")?;
                Some(Self::Ambiguous { utc, nairobi: utc.plus_millis(-EAT_MILLIS) })
            }
            Some(offset) => zoned(offset).map(Self::Zoned),
        }
    }

    /// The instant, and the zone where this row alone proves it (which settles other rows too).
    ///
    /// An offset that was written is believed. Otherwise the zone that is known from receipts whose time is
    /// known counts ([`Self::zone_of_receipt`]); then the reading that lies inside the window that was asked
    /// for, when only one does; then Nairobi, because that is the clock by which Safaricom writes every
    /// other time. A proof against the known zone says that the calibration is to be doubted.
    pub fn settle(self, window: (Timestamp, Timestamp), known: Option<Zone>) -> (Timestamp, Option<Zone>) {
        match self {
            Self::Zoned(instant) => (instant, None),
            Self::Ambiguous { utc, nairobi } => {
                let proven = self.zone_within(window);
                match known.or(proven).unwrap_or(Zone::Nairobi) {
                    Zone::Utc => (utc, proven),
                    Zone::Nairobi => (nairobi, proven),
                }
            }
        }
    }

    /// Calibration: the zone in which this row agrees with the time that a callback or a status gave for
    /// the same receipt. `None`: it has an offset, or agrees in neither.
    pub fn zone_of_receipt(self, paid_at: Timestamp) -> Option<Zone> {
        self.zone_within((paid_at, paid_at))
    }

    /// The zone in which this row lies inside a window, when it lies outside in the other.
    pub(super) fn zone_within(self, (from, to): (Timestamp, Timestamp)) -> Option<Zone> {
        let Self::Ambiguous { utc, nairobi } = self else { return None };
        let window = from.plus_millis(-SLACK_MILLIS)..=to.plus_millis(SLACK_MILLIS);
        match (window.contains(&utc), window.contains(&nairobi)) {
            (true, false) => Some(Zone::Utc),
            (false, true) => Some(Zone::Nairobi),
            _ => None,
        }
    }
}

/// A clock such as `10:13:00.000+0300` without its offset, and the offset as `+03:00`. `Z` is none.
fn split_offset(clock: &str) -> (&str, Option<String>) {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return (clock.trim_end(), None);
    }
    let Some((clock, digits)) = clock.find(['+', '-']).and_then(|at| clock.split_at_checked(at)) else {
        return (clock, None);
    };
    let offset = match digits.split_at_checked(3) {
        Some((hours, minutes)) if minutes.len() == 2 => format!("{hours}:{minutes}"),
        Some((hours, "")) => format!("{hours}:00"),
        _ => digits.to_owned(),
    };
    (clock.trim_end(), Some(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn listed(text: &str) -> ListedTime {
        ListedTime::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_written_offset_is_believed() {
        let instant = at("2025-01-24T10:56:11+03:00");
        let wide = (at("2025-01-01T00:00:00Z"), at("2025-02-01T00:00:00Z"));
        for text in ["2025-01-24T10:56:11+03:00", "2025-01-24 10:56:11.000+0300", "2025-01-24T10:56:11 +03"] {
            assert_eq!(listed(text), ListedTime::Zoned(instant), "{text}");
        }
        assert_eq!(listed("2025-01-24T10:56:11+03:00").settle(wide, Some(Zone::Utc)), (instant, None));
    }

    #[test]
    fn a_z_and_no_zone_at_all_leave_two_readings() {
        let both = ListedTime::Ambiguous {
            utc: at("2020-08-05T10:13:00Z"),
            nairobi: at("2020-08-05T10:13:00+03:00"),
        };
        for text in [
            "2020-08-05T10:13:00Z",
            "2020-08-05T10:13:00.000Z",
            "2020-08-05 10:13:00",
            "2020-08-05T10:13:00+00:00",
            "20200805101300",
        ] {
            assert_eq!(listed(text), both, "{text}");
        }
        for text in
            ["", "2020-08-05", "10:13:00", "2020-08-05T25:00:00Z", "T", "é 2020", "2020-08-05T1é:00+é"]
        {
            assert_eq!(ListedTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_window_asked_for_settles_what_lies_in_it_in_one_reading_only() {
        let row = listed("2026-11-21T10:17:00Z");
        let quarter = |end: &str| (at(end).plus_millis(-15 * 60_000), at(end));
        let nairobi = (at("2026-11-21T10:17:00+03:00"), Some(Zone::Nairobi));
        assert_eq!(row.settle(quarter("2026-11-21T10:20:00+03:00"), None), nairobi);
        let utc = (at("2026-11-21T10:17:00Z"), Some(Zone::Utc));
        assert_eq!(row.settle(quarter("2026-11-21T10:20:00Z"), None), utc);
        // A row at the very edge of the window is no proof of the other zone.
        let edge = (at("2026-11-21T10:17:01+03:00"), at("2026-11-21T14:00:00+03:00"));
        assert_eq!(row.settle(edge, None), (at("2026-11-21T10:17:00+03:00"), None));
    }

    #[test]
    fn where_nothing_tells_it_is_nairobi_unless_it_was_calibrated() {
        let row = listed("2026-11-21T10:17:00Z");
        for window in [
            (at("2026-11-20T00:00:00Z"), at("2026-11-22T00:00:00Z")),
            (at("2025-01-01T00:00:00Z"), at("2025-01-02T00:00:00Z")),
        ] {
            assert_eq!(row.settle(window, None), (at("2026-11-21T10:17:00+03:00"), None));
            assert_eq!(row.settle(window, Some(Zone::Utc)), (at("2026-11-21T10:17:00Z"), None));
        }
    }

    #[test]
    fn what_was_calibrated_counts_more_than_the_window_and_the_contradiction_is_told() {
        let row = listed("2026-11-21T10:17:00Z");
        let window = (at("2026-11-21T10:05:00+03:00"), at("2026-11-21T10:20:00+03:00"));
        let expected = (at("2026-11-21T10:17:00Z"), Some(Zone::Nairobi));
        assert_eq!(row.settle(window, Some(Zone::Utc)), expected);
    }

    #[test]
    fn a_receipt_whose_time_is_known_calibrates_the_listing() {
        let row = listed("2026-11-21T10:17:00Z");
        assert_eq!(row.zone_of_receipt(at("2026-11-21T10:16:58+03:00")), Some(Zone::Nairobi));
        assert_eq!(row.zone_of_receipt(at("2026-11-21T10:17:03Z")), Some(Zone::Utc));
        assert_eq!(row.zone_of_receipt(at("2026-11-21T12:00:00Z")), None);
        assert_eq!(listed("2026-11-21T10:17:00+03:00").zone_of_receipt(at("2026-11-21T10:17:00Z")), None);
    }
}
