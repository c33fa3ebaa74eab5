//! Where the sweep of a shop stands, from one run to the next: one small note, because it is written with every run.
//! What is not in it is computed from the feed. A note that is lost, or that cannot be read, makes the next sweep begin
//! anew, which repeats what was done and loses nothing.

use crate::chain::{Gap, Point, gaps};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use daraja::Zone;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The name of the note in which a shop's sweep keeps where it stands.
pub const NOTE: &str = "sweep";

/// The most rows remembered: more are only written once more.
const MAX_KEPT_ROWS: usize = 500;
/// The largest cursor remembered. A store takes notes of 400 KB; a cursor is twice as long in a note, which may have
/// to say some two thousand gaps beside it.
const MAX_CURSOR_BYTES: usize = 100_000;
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
        Self { pulled_until, gaps: standing.gaps.iter().map(ToString::to_string).collect() }
    }
}

/// Where a shop's sweep stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Until when everything was pulled, in milliseconds.
    pub(crate) pulled_until: Option<i64>,
    /// Whether this shortcode's rows are stamped in UTC, and not in Nairobi's time, once that is certain.
    pub(crate) utc: Option<bool>,
    /// How far the shop's feed was read, in hex.
    #[serde(default)]
    pub(crate) cursor: String,
    /// Up to which payment the chain of balances was followed, in milliseconds; nothing where that is to begin anew.
    #[serde(default)]
    pub(crate) followed_until: Option<i64>,
    /// Gaps in the chain of balances that nothing explains.
    #[serde(default)]
    pub(crate) gaps: Vec<Gap>,
    /// Gaps that were pulled for before.
    #[serde(default)]
    pub(crate) known_gaps: Vec<(i64, i64)>,
    /// When something new was found last: a payment, or what a till wrote.
    #[serde(default)]
    heard_at: Option<i64>,
    /// Rows that are kept, of those that the next pull brings again.
    #[serde(default)]
    pub(crate) kept_rows: KeptRows,
}

/// Rows of a listing that were filed in the feed. Who finds a row here, byte for byte, need not write it again.
///
/// Eight bytes of each row's hash are remembered. By chance two rows of an hour share them in one shop of a million in a
/// million years; and nobody can make them, because the receipt code in each is Safaricom's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct KeptRows(BTreeSet<[u8; 8]>);

impl KeptRows {
    /// Whether this very row is kept.
    pub(crate) fn has(&self, row: &[u8]) -> bool {
        self.0.contains(&mark(row))
    }

    /// This row is kept.
    pub(crate) fn add(&mut self, row: &[u8]) {
        if self.0.len() < MAX_KEPT_ROWS {
            self.0.insert(mark(row));
        }
    }
}

fn mark(row: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(row).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Their marks, one after the other, in base64.
impl From<KeptRows> for String {
    fn from(rows: KeptRows) -> Self {
        STANDARD_NO_PAD.encode(rows.0.into_iter().flatten().collect::<Vec<u8>>())
    }
}

/// What can not be read is forgotten.
impl From<String> for KeptRows {
    fn from(text: String) -> Self {
        let bytes = STANDARD_NO_PAD.decode(text).unwrap_or_default();
        Self(bytes.as_chunks().0.iter().copied().collect())
    }
}

impl Standing {
    pub(crate) fn zone(&self) -> Option<Zone> {
        self.utc.map(|utc| if utc { Zone::Utc } else { Zone::Nairobi })
    }

    /// From where the chain of balances is to be followed on: from where it was followed to, or from where something is
    /// missing in it. Nothing: it begins anew. A time that is still to come is a wrong clock's, and says nothing.
    pub(crate) fn follow_from(&self, now: Timestamp) -> Option<Timestamp> {
        let until = Timestamp::from_millis(self.followed_until?).ok().filter(|until| *until <= now)?;
        self.gaps.iter().map(|gap| gap.from).chain([until]).min()
    }

    /// The chain was followed over these, which are merged. Without a balance in it, what comes is linked to nothing
    /// before. Behind a payment that says it is still to come, others come: the chain is followed up to now only.
    pub(crate) fn follow(&mut self, points: &[Point], now: Timestamp) {
        let last = points.iter().rev().find(|point| point.balance.is_some() && point.at <= now.millis());
        self.followed_until = Some(last.map_or(now.millis(), |point| point.at));
        self.gaps = gaps(points);
    }

    /// The feed was read up to here. A cursor may remember all that arrived in minutes; where that is very much, as after a
    /// move, the one before stays, and what came since is read once more.
    pub(crate) fn read_to(&mut self, cursor: &[u8]) {
        if cursor.len() <= MAX_CURSOR_BYTES {
            self.cursor = hex::encode(cursor);
        }
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
    use crate::chain::MAX_POINTS;

    #[test]
    fn a_note_has_its_form_and_the_last_releases_note_is_read_too() {
        let mut kept_rows = KeptRows::default();
        kept_rows.add(b"a row");
        let at = |text| Timestamp::parse_daraja(text).unwrap();
        let gap = Gap {
            from: at("20261121100000"),
            to: at("20261121100500"),
            missing: domain::Money::from_cents(200),
        };
        let standing = Standing {
            pulled_until: Some(1),
            utc: Some(true),
            cursor: "0a".to_owned(),
            followed_until: Some(2),
            gaps: vec![gap],
            known_gaps: vec![gap.interval()],
            heard_at: Some(3),
            kept_rows,
        };
        let written = r#"{"pulled_until":1,"utc":true,"cursor":"0a","followed_until":2,"gaps":[[1795244400000,1795244700000,200]],"known_gaps":[[1795244400000,1795244700000]],"heard_at":3,"kept_rows":"rcN287Yy3jw"}"#;
        assert_eq!(serde_json::to_string(&standing).unwrap(), written);
        assert_eq!(serde_json::from_str::<Standing>(written).unwrap(), standing);
        assert_eq!(Swept::read(written.as_bytes()).gaps, [gap.to_string()]);
        let before = r#"{"pulled_until":1,"utc":true,"cursor":"0a","points":[[1795248000000,10050,5000,"UKL4AB12CD"]],"known_gaps":[[1795244400000,1795244700000]],"heard_at":3}"#;
        let read: Standing = serde_json::from_str(before).unwrap();
        assert_eq!(
            read,
            Standing { followed_until: None, gaps: vec![], kept_rows: KeptRows::default(), ..standing }
        );
    }

    #[test]
    fn a_note_is_never_larger_than_a_store_takes() {
        let now = Timestamp::parse_daraja("20261121100000").unwrap();
        let mut standing =
            Standing { pulled_until: Some(now.millis()), utc: Some(true), ..Standing::default() };
        let point = |minute: i64| Point {
            at: now.millis() - minute * 60_000,
            balance: Some(-minute * 99_999_999),
            amount: 1,
            receipt: minute.to_string(),
        };
        let mut points: Vec<Point> = (0..3000).map(point).collect();
        Point::merge(&mut points);
        standing.follow(&points, now);
        standing.known_gaps = standing.gaps.iter().map(Gap::interval).collect();
        assert_eq!(standing.gaps.len(), MAX_POINTS - 1);
        for number in 0..1000_u32 {
            standing.kept_rows.add(&number.to_be_bytes());
        }
        standing.read_to(&[1; 15]);
        standing.read_to(&[2; MAX_CURSOR_BYTES + 1]);
        assert_eq!(standing.cursor, "01".repeat(15), "it reads from there again");
        standing.read_to(&[3; MAX_CURSOR_BYTES]);
        assert_eq!(standing.cursor.len(), 2 * MAX_CURSOR_BYTES);
        let note = serde_json::to_vec(&standing).unwrap().len();
        assert!(note < 390_000, "{note} bytes");
    }

    #[test]
    fn the_very_row_is_known_and_no_other_and_what_is_damaged_is_forgotten() {
        let mut kept = KeptRows::default();
        for number in 0..1000_u32 {
            kept.add(&number.to_be_bytes());
        }
        let again = KeptRows::from(String::from(kept.clone()));
        assert_eq!(again, kept);
        let known = (0..1000_u32).filter(|number| again.has(&number.to_be_bytes())).count();
        assert_eq!((known, again.has(b"\0\0\0\x01 ")), (MAX_KEPT_ROWS, false));
        assert_eq!(KeptRows::from("no base64!".to_owned()), KeptRows::default());
    }

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
