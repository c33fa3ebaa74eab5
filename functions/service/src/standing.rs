//! Where the sweep of a shop stands, from one run to the next.

use crate::chain::{Point, gaps};
use daraja::Zone;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// The name of the note in which a shop's sweep keeps where it stands.
pub const NOTE: &str = "sweep";

const DAY_MILLIS: i64 = 24 * 3_600_000;
/// When shops are open, in milliseconds after midnight in Nairobi: from eight to eight.
const OPEN_MILLIS: std::ops::Range<i64> = (8 * 3_600_000)..(20 * 3_600_000);

/// Where a shop's sweep stands, for whoever looks after a hub.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Until when everything was pulled.
    pub pulled_until: Option<Timestamp>,
    /// Gaps in the chain of balances that nothing explains: from, to and the missing amount.
    pub gaps: Vec<String>,
}

impl Swept {
    /// Reads the note named [`NOTE`]; one that can not be read says nothing, and the next sweep begins anew.
    pub fn read(note: &[u8]) -> Self {
        let standing: Standing = serde_json::from_slice(note).unwrap_or_default();
        let pulled_until = standing.pulled_until.and_then(|millis| Timestamp::from_millis(millis).ok());
        Self { pulled_until, gaps: gaps(&standing.points).iter().map(ToString::to_string).collect() }
    }
}

/// Where a shop's sweep stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Until when everything was pulled, in milliseconds.
    pub(crate) pulled_until: Option<i64>,
    /// Whether this shortcode's rows are stamped in UTC, and not in Nairobi's time, once that is certain.
    pub(crate) utc: Option<bool>,
    /// How far the shop's feed was read, in hex.
    #[serde(default)]
    pub(crate) cursor: String,
    /// The latest payments of the last two days, for the chain of balances.
    #[serde(default)]
    pub(crate) points: Vec<Point>,
    /// Gaps that were pulled for before.
    #[serde(default)]
    pub(crate) known_gaps: Vec<(i64, i64)>,
    /// When something new was found last: a payment, or what a till wrote.
    #[serde(default)]
    heard_at: Option<i64>,
}

impl Standing {
    pub(crate) fn zone(&self) -> Option<Zone> {
        self.utc.map(|utc| if utc { Zone::Utc } else { Zone::Nairobi })
    }

    /// Something new was found.
    pub(crate) fn hear(&mut self, now: Timestamp) {
        self.heard_at = Some(now.millis());
    }

    /// Whether nothing was heard of the shop for a day, and this is an hour in which shops are open. A shop that was
    /// never heard of has not begun.
    pub(crate) fn is_silent(&self, now: Timestamp) -> bool {
        let midnight = now.business_day().at(0).unwrap_or(now);
        let since_midnight = now.millis().saturating_sub(midnight.millis());
        let heard = self.heard_at.is_none_or(|heard| now.millis().saturating_sub(heard) < DAY_MILLIS);
        OPEN_MILLIS.contains(&since_midnight) && !heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_is_silent_after_a_day_without_news_and_only_while_shops_are_open() {
        let at = |text| Timestamp::parse_daraja(text).unwrap();
        let mut standing = Standing::default();
        assert!(!standing.is_silent(at("20261122120000")), "it has not begun");
        standing.hear(at("20261121090000"));
        for (now, silent) in [
            ("20261122085900", false),
            ("20261122090000", true),
            ("20261122195959", true),
            ("20261122200000", false),
            ("20261123075959", false),
            ("20261123080000", true),
        ] {
            assert_eq!(standing.is_silent(at(now)), silent, "{now}");
        }
        standing.hear(at("20261123100000"));
        assert!(!standing.is_silent(at("20261123110000")));
    }
}
