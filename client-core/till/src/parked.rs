//! Carts that are set aside and called up again, at this till.

use crate::{Event, Till, TillError};
use domain::{Person, Timestamp};
use ledger::Parked;

impl Till {
    /// The most carts that wait at one till.
    pub const MAX_PARKED: usize = 100;
    /// The longest cart, in bytes, as whoever sets it aside writes it.
    pub const MAX_CART_BYTES: usize = 64 * 1024;

    /// Sets a cart aside; nothing is sold, and no other till hears of it. Gives its number.
    ///
    /// # Errors
    /// Too many wait, the cart is too long, or nothing was recorded.
    pub fn park(&self, cart: &str, note: &str, by: &Person, now: Timestamp) -> Result<u64, TillError> {
        let ledger = self.ledger();
        if cart.len() > Self::MAX_CART_BYTES {
            return Err(TillError::Refused("this cart is too long to be set aside: sell it".to_owned()));
        }
        if ledger.parked()?.len() >= Self::MAX_PARKED {
            let full = "a hundred carts were set aside: call some up, or drop them";
            return Err(TillError::Refused(full.to_owned()));
        }
        let note: String = note.trim().chars().take(80).collect();
        let number = ledger.park(cart, &note, by, self.corrected(now))?;
        self.tell(Event::Ledger);
        Ok(number)
    }

    /// The carts that were set aside, the oldest first.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn parked(&self) -> Result<Vec<Parked>, TillError> {
        self.read(|ledger| ledger.parked())
    }

    /// Calls a cart up again, or drops it: it waits no more. Two cashiers do not get the same one.
    ///
    /// # Errors
    /// There is none, or nothing was recorded.
    pub fn unpark(&self, number: u64) -> Result<Parked, TillError> {
        let cart = self.ledger().unpark(number)?;
        self.tell(Event::Ledger);
        Ok(cart)
    }
}
