//! Until when everything that customers paid is here: what is not among it by then was not paid.

use crate::{Event, Till, TillError};
use domain::{ShopId, Timestamp};
use replica::wire::json::ShopForm;

impl Till {
    /// Until when the cloud pulled all of a shop's payments from Safaricom, and all of them are here. Nothing, as
    /// long as none were pulled. A payment from before that is not here does not exist, but for rows that Safaricom
    /// lists late.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn pulled_until(&self, shop: &ShopId) -> Result<Option<Timestamp>, TillError> {
        self.read(|ledger| ledger.pulled_until(shop))
    }

    /// Remembers what the cloud says. It counts when all that the cloud had by then has come.
    pub(crate) fn hear_pulled(&self, form: &ShopForm, shop: &ShopId) {
        let told = form.pulled_until.and_then(|millis| Timestamp::from_millis(millis).ok());
        self.care().pulled.insert(shop.clone(), told);
    }

    /// Everything was exchanged since the cloud said `heard`: it holds here as well. The cloud's last word counts,
    /// also where it is an earlier time: its clock may have been wrong, or its store restored.
    pub(crate) fn note_pulled(
        &self,
        shop: &ShopId,
        heard: Option<Option<Timestamp>>,
    ) -> Result<(), TillError> {
        let Some(until) = heard else { return Ok(()) };
        if self.read(|ledger| ledger.pulled_until(shop))? != until {
            self.ledger().put_pulled_until(shop, until)?;
            self.tell(Event::Ledger);
        }
        Ok(())
    }

    /// What the cloud said before an exchange begins.
    pub(crate) fn heard_pulled(&self, shop: &ShopId) -> Option<Option<Timestamp>> {
        self.care().pulled.get(shop).copied()
    }
}
