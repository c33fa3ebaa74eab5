//! The shops' licences, reckoned a second time from what was paid to the platform: until when a shop may sell, and what
//! is held against a till that sells longer, or not long enough.

use super::books::Books;
use domain::licence::Standing;
use domain::{Money, ReceiptCode, ShopId, Timestamp};
use till::Licence;

const DAY: i64 = 24 * 3_600_000;
/// A shop sells on for so long after its licence ran out.
const GRACE: i64 = 7 * DAY;
/// Nobody is held to the minute: clocks drift, and a world's time passes while somebody asks.
const TOLERANCE: i64 = 3 * 60_000;

/// What licences cost, and since when they are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Licences {
    /// When every shop began its days of grace.
    pub began: Timestamp,
    /// So much …
    pub price: Money,
    /// … buys so many days.
    pub days: i64,
}

/// One payment for a shop's licence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LicencePaid {
    /// When.
    pub at: Timestamp,
    /// Its receipt.
    pub receipt: ReceiptCode,
    /// How much.
    pub amount: Money,
}

impl Licences {
    /// Until when what a shop paid lasts, and what of it bought nothing.
    pub fn until(&self, shop: &ShopId, books: &Books) -> (Timestamp, Money) {
        let (mut until, mut kept) = (self.began.millis(), 0);
        let mut paid = books.licences.get(shop).cloned().unwrap_or_default();
        paid.sort();
        for LicencePaid { at, amount, .. } in paid {
            kept += amount.cents();
            let times = kept / self.price.cents();
            kept %= self.price.cents();
            if times > 0 {
                until = until.max(at.millis()) + times * self.days * DAY;
            }
        }
        (Timestamp::from_millis(until).unwrap(), Money::from_cents(kept))
    }

    /// Whether nobody may sell any more who knows that it is so late, with a licence until then.
    pub fn is_over(until: Timestamp, seen: Timestamp) -> bool {
        seen.millis() > until.millis() + GRACE + TOLERANCE
    }

    /// Whether everybody may sell who knows of a licence until then, at a clock that shows about this.
    pub fn is_safe(until: Timestamp, now: Timestamp) -> bool {
        now.millis() < until.millis() + GRACE - TOLERANCE
    }

    /// Whether a licence until then has run out, and its grace goes on.
    pub fn is_grace(until: Timestamp, now: Timestamp) -> bool {
        now > until && !Self::is_over(until, now)
    }

    /// What is wrong with what a till or head office tells of a shop's licence, after everybody heard everything.
    pub fn differs(&self, shop: &ShopId, books: &Books, told: &Licence, now: Timestamp) -> Option<String> {
        let (until, kept) = self.until(shop, books);
        let near = |one: i64, other: i64| (one - other).abs() <= TOLERANCE;
        let at = |it: Timestamp| near(it.millis(), until.millis());
        let (now, end) = (now.millis(), until.millis());
        let fits = match told.standing {
            Standing::Free => false,
            Standing::Licensed(it) => at(it) && now < end + TOLERANCE,
            Standing::Grace(it, left) => {
                // Days begun count.
                let begun = |now: i64| (end + GRACE - now + DAY - 1) / DAY;
                let days = begun(now + TOLERANCE)..=begun(now - TOLERANCE);
                at(it) && now > end - TOLERANCE && days.contains(&i64::from(left))
            }
            Standing::Expired(it) => at(it) && now > end + GRACE - TOLERANCE,
        };
        let should = || format!("licensed until {until}, {kept} kept");
        (!fits || told.credit != kept).then(|| {
            format!(
                "the licence is told as {:?}, {} kept; it should be {}",
                told.standing,
                told.credit,
                should()
            )
        })
    }
}
