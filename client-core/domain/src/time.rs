//! Instants, and the business day in which a shop counts them.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, TimeZone, Timelike, Utc};
use std::fmt;

/// East Africa Time has been UTC+3 without daylight saving since 1960.
const EAT_SECONDS: i32 = 3 * 3600;

/// An instant, in milliseconds since 1970 UTC. It is always shown with its zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text or number that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time: {expected}")]
pub struct TimeError {
    expected: &'static str,
}

impl Timestamp {
    /// Years 2000 to 2100: outside it a time is a mistake, and inside it all arithmetic is safe.
    const RANGE_MILLIS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

    /// An instant between the years 2000 and 2100.
    ///
    /// # Errors
    /// Anything outside.
    pub fn from_millis(millis: i64) -> Result<Self, TimeError> {
        let expected = "milliseconds between the years 2000 and 2100";
        Self::RANGE_MILLIS.contains(&millis).then_some(Self(millis)).ok_or(TimeError { expected })
    }

    /// Milliseconds since 1970 UTC.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The clock of this machine, clamped into the years 2000 to 2100.
    pub fn from_system(time: std::time::SystemTime) -> Self {
        let millis = DateTime::<Utc>::from(time).timestamp_millis();
        Self(millis.clamp(Self::RANGE_MILLIS.start, Self::RANGE_MILLIS.end.saturating_sub(1)))
    }

    /// Safaricom's `YYYYMMDDHHmmss`, which is East Africa Time (Daraja fact sheet §2.2, §3.2).
    ///
    /// # Errors
    /// Anything but fourteen digits that name an instant.
    pub fn parse_daraja(text: &str) -> Result<Self, TimeError> {
        let error = TimeError { expected: "fourteen digits, YYYYMMDDHHmmss" };
        if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error);
        }
        let naive = NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S").map_err(|_| error.clone())?;
        let instant = eat().from_local_datetime(&naive).single().ok_or(error)?;
        Self::from_millis(instant.timestamp_millis())
    }

    /// Safaricom's `YYYYMMDDHHmmss` in East Africa Time.
    pub fn to_daraja(self) -> String {
        self.eat().format("%Y%m%d%H%M%S").to_string()
    }

    /// Reads RFC 3339, as our own API writes it.
    ///
    /// # Errors
    /// Anything else, a time without a zone included.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        let error = TimeError { expected: "RFC 3339, like 2026-11-21T10:15:00+03:00" };
        let instant = DateTime::parse_from_rfc3339(text).map_err(|_| error)?;
        Self::from_millis(instant.timestamp_millis())
    }

    /// The business day of this instant in East Africa Time.
    pub fn business_day(self) -> BusinessDay {
        BusinessDay(self.eat().date_naive())
    }

    /// Milliseconds since the business day began.
    pub fn millis_of_day(self) -> u32 {
        let time = self.eat().time();
        let seconds = time.num_seconds_from_midnight().saturating_mul(1000);
        seconds.saturating_add(time.nanosecond().checked_div(1_000_000).unwrap_or(0).min(999))
    }

    /// How far apart two instants are, in milliseconds.
    pub fn distance_millis(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    /// This instant moved by some milliseconds.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        let range = Self::RANGE_MILLIS;
        Self(self.0.saturating_add(millis).clamp(range.start, range.end.saturating_sub(1)))
    }

    /// `2023-11-13 15:01:00`, East Africa Time: how seed B writes a time.
    pub fn to_seed(self) -> String {
        self.eat().format("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn eat(self) -> DateTime<FixedOffset> {
        let utc = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or_default();
        utc.with_timezone(&eat())
    }
}

/// RFC 3339 with East Africa's offset.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.eat().to_rfc3339_opts(chrono::SecondsFormat::Millis, false).fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A shop's day: midnight to midnight in East Africa Time. One day book holds one of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BusinessDay(NaiveDate);

impl BusinessDay {
    /// Reads `2026-11-21`.
    ///
    /// # Errors
    /// Anything that is not a date written so.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
        date.map(Self).ok_or(TimeError { expected: "a date, like 2026-11-21" })
    }

    /// The day's number: days since 1 January of the year 1, as chrono counts them.
    pub fn number(self) -> i32 {
        self.0.num_days_from_ce()
    }

    /// The day of a number.
    ///
    /// # Errors
    /// The day lies outside the years 2000 to 2100.
    pub fn from_number(number: i32) -> Result<Self, TimeError> {
        let day = NaiveDate::from_num_days_from_ce_opt(number).filter(|d| (2000..2100).contains(&d.year()));
        day.map(Self).ok_or(TimeError { expected: "a day between the years 2000 and 2100" })
    }

    /// The instant some milliseconds after this day began.
    ///
    /// # Errors
    /// More milliseconds than a day has.
    pub fn at(self, millis_of_day: u32) -> Result<Timestamp, TimeError> {
        let expected = "milliseconds within one day";
        let midnight = eat().from_local_datetime(&self.0.and_time(chrono::NaiveTime::MIN)).single();
        let midnight = midnight.filter(|_| millis_of_day < 86_400_000).ok_or(TimeError { expected })?;
        Timestamp::from_millis(midnight.timestamp_millis().saturating_add(i64::from(millis_of_day)))
    }
}

impl fmt::Display for BusinessDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

fn eat() -> FixedOffset {
    // The offset is a constant well inside chrono's range; UTC would be the answer if it were not.
    FixedOffset::east_opt(EAT_SECONDS).unwrap_or(chrono::offset::Offset::fix(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safaricoms_times_are_east_africas() {
        let paid = Timestamp::parse_daraja("20191122063845").unwrap();
        assert_eq!(paid.to_string(), "2019-11-22T06:38:45.000+03:00");
        assert_eq!(paid.to_daraja(), "20191122063845");
        assert_eq!(paid, Timestamp::parse_rfc3339("2019-11-22T03:38:45Z").unwrap());
    }

    #[test]
    fn a_sale_after_midnight_in_nairobi_belongs_to_the_new_day() {
        let late = Timestamp::parse_rfc3339("2026-11-20T21:00:00Z").unwrap();
        assert_eq!(late.business_day(), BusinessDay::parse("2026-11-21").unwrap());
        assert_eq!(late.millis_of_day(), 0);
        assert_eq!(late.plus_millis(-1).business_day().to_string(), "2026-11-20");
        assert_eq!(late.plus_millis(-1).millis_of_day(), 86_399_999);
    }

    #[test]
    fn an_instant_is_its_day_and_the_milliseconds_of_it() {
        let paid = Timestamp::parse_daraja("20191122063845").unwrap();
        assert_eq!(paid.business_day().at(paid.millis_of_day()), Ok(paid));
        assert_eq!(BusinessDay::from_number(paid.business_day().number()), Ok(paid.business_day()));
        assert!(paid.business_day().at(86_400_000).is_err());
        assert!(BusinessDay::from_number(1).is_err());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "2019112206384", "20191322063845", "20191122 63845", "99991122063845"] {
            assert!(Timestamp::parse_daraja(text).is_err(), "{text}");
        }
        assert!(Timestamp::parse_rfc3339("2026-11-21T10:15:00").is_err(), "a time needs its zone");
    }
}
