//! Periods: head office closes the books up to a day, and what was decided about sales up to then stays, until it opens
//! them again.

use crate::{SaleRow, Till, TillError, reason_of};
use domain::{BusinessDay, FactBody, Person, Role, ShopId, Timestamp};
use ledger::Reader;

impl Till {
    /// Closes the books of a shop up to a day that is over; head office only. Up to an earlier day than before, it
    /// opens the days after that again, with a reason. Corrections that a till made before it heard of this still
    /// count, and show when they were made.
    ///
    /// # Errors
    /// This is a till, the day is not over, the books are closed up to then, they are opened again without a reason, or
    /// nothing was recorded.
    pub fn close_period(
        &self,
        shop: &ShopId,
        until: BusinessDay,
        reason: &str,
        (by, now): (&Person, Timestamp),
    ) -> Result<(), TillError> {
        let refused = |why: &str| Err(TillError::Refused(why.to_owned()));
        if self.identity().role != Role::Office {
            return refused("only head office closes a period");
        }
        if until >= self.corrected(now).business_day() {
            return refused("this day is not over: close the books up to yesterday at the latest");
        }
        let mut ledger = self.ledger();
        let reason = match ledger.period_closed(shop)? {
            Some(closed) if closed == until => return refused("the books are closed up to this day already"),
            Some(closed) if closed > until => reason_of(reason)?,
            _ => String::new(),
        };
        self.write(&mut ledger, shop, (by, now), FactBody::PeriodClosed { until, reason }, None)?;
        Ok(())
    }

    /// Up to which day the books of a shop are closed.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn period_closed(&self, shop: &ShopId) -> Result<Option<BusinessDay>, TillError> {
        self.read(|ledger| ledger.period_closed(shop))
    }
}

/// Whether what was decided about a sale may still be undone.
///
/// # Errors
/// Its books are closed, or the ledger can not be read.
pub(crate) fn is_open(ledger: &Reader, sale: &SaleRow) -> Result<(), TillError> {
    match ledger.period_closed(&sale.shop)? {
        closed @ Some(until) if sale.at.business_day() <= until => {
            Err(TillError::Refused(closed_words(closed)))
        }
        _ => Ok(()),
    }
}

/// What is said where something belongs to closed books.
pub(crate) fn closed_words(until: Option<BusinessDay>) -> String {
    let until = until.map(|until| format!(" up to {until}")).unwrap_or_default();
    format!(
        "the books are closed{until}: take the goods back or give the money back instead, which counts today"
    )
}
