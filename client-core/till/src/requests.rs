//! What else is asked of Safaricom, through the cloud: whether a payment is real, that one goes back, codes to
//! scan, and where callbacks go.

use crate::push::in_shillings;
use crate::{Deed, Happening, Till, TillError, reason_of};
use domain::{FactBody, FactId, Money, Msisdn, Person, ReceiptCode, Role, ShopId, Timestamp};
use replica::wire::json::{AskQr, AskReversal, AskSimulation, AskStatus, RequestState, Requested, Said};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// For so long the cloud takes a reversal that is asked again for the one under way.
const ASKED_MILLIS: u64 = 10 * 60_000;

impl Till {
    /// Asks Safaricom whether a payment is real. The answer comes with a later sync, as one more source of the
    /// payment. Gives the request's name, for [`request_state`](Till::request_state).
    ///
    /// # Errors
    /// The cloud is not reached, or Safaricom does not take the question.
    pub fn check_payment(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
        now: Timestamp,
    ) -> Result<String, TillError> {
        let ask = AskStatus { receipt: receipt.to_string() };
        Ok(self.ask::<_, Requested>(shop, "status", &ask, now)?.request)
    }

    /// Asks Safaricom to give a payment back to the customer, whole; head office only. Who asked and why is written
    /// before it is asked, and stays in the payment's history whatever comes of it. The sale owes again once Safaricom
    /// says that it is done, which a later sync brings. Gives the request's name, for
    /// [`request_state`](Till::request_state).
    ///
    /// # Errors
    /// There is no reason given, this is a till, the cloud is not reached, or Safaricom does not take it.
    pub fn reverse(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
        amount: Money,
        (by, reason): (&Person, &str),
        now: Timestamp,
    ) -> Result<String, TillError> {
        if self.identity().role != Role::Office {
            let why = "giving money back by M-Pesa needs another role: ask head office";
            return Err(TillError::Refused(why.to_owned()));
        }
        let reason = reason_of(reason)?;
        self.note_reversal(shop, (receipt, amount), (by, &reason), now)?;
        let (receipt, amount) = (receipt.to_string(), amount.to_string());
        let ask = AskReversal { receipt, amount, reason };
        Ok(self.ask::<_, Requested>(shop, "reversal", &ask, now)?.request)
    }

    /// Writes who asks for a reversal, and why. Somebody who asks again soon, because no answer came, asks the same.
    fn note_reversal(
        &self,
        shop: &ShopId,
        (receipt, amount): (&ReceiptCode, Money),
        (by, reason): (&Person, &str),
        now: Timestamp,
    ) -> Result<(), TillError> {
        let at = self.corrected(now);
        let asked = |it: &Happening| {
            let same = matches!(&it.deed, Deed::AskedBack { reason: told, .. } if told == reason);
            same && it.by == by.as_str() && it.at.distance_millis(at) < ASKED_MILLIS
        };
        let mut ledger = self.ledger();
        if ledger.history_of_payment(shop, receipt)?.iter().any(asked) {
            return Ok(());
        }
        let reason = reason.to_owned();
        let body = FactBody::ReversalAsked { receipt: receipt.clone(), amount, reason };
        self.write(&mut ledger, shop, (by, now), body, None).map(drop)
    }

    /// What became of a request, by the name it was given.
    ///
    /// # Errors
    /// The cloud is not reached, or knows of no such request.
    pub fn request_state(
        &self,
        shop: &ShopId,
        request: &str,
        now: Timestamp,
    ) -> Result<RequestState, TillError> {
        let path = format!("/v1/shops/{shop}/requests/{}", in_path(request));
        let writer = self.ledger().writer(shop)?;
        read(&self.carry("GET", &path, Vec::new(), writer, now)?)
    }

    /// A code that a customer scans with the M-PESA app to pay the whole shillings due on a sale, as a PNG.
    ///
    /// # Errors
    /// Less than a shilling is due, the cloud is not reached, or Safaricom says no.
    pub fn qr(&self, sale: FactId, now: Timestamp) -> Result<Vec<u8>, TillError> {
        let (shop, ask) = {
            let ledger = self.ledger();
            let found = ledger.sale(sale)?;
            let (amount, _) = in_shillings(found.due)?;
            let reference = found.reference(&ledger.letters()?);
            (found.shop, AskQr { amount: amount.to_string(), reference })
        };
        self.post(None, &shop, "qr", &ask, now)
    }

    /// Registers a shop's callback addresses with Safaricom. Gives a sentence for a person.
    ///
    /// # Errors
    /// The cloud is not reached, or Safaricom says no; in production it says yes once for a number.
    pub fn register_callbacks(&self, shop: &ShopId, now: Timestamp) -> Result<String, TillError> {
        Ok(self.ask::<_, Said>(shop, "c2b/register", &(), now)?.message)
    }

    /// Lets a customer of Safaricom's sandbox pay whole shillings. Gives a sentence for a person.
    ///
    /// # Errors
    /// This is not the sandbox, the cloud is not reached, or Safaricom says no.
    pub fn simulate(
        &self,
        shop: &ShopId,
        amount: Money,
        phone: &Msisdn,
        reference: &str,
        now: Timestamp,
    ) -> Result<String, TillError> {
        let phone = phone.plain().ok_or_else(|| TillError::Refused("Invalid phone number".to_owned()))?;
        let (phone, reference) = (phone.to_owned(), reference.to_owned());
        let ask = AskSimulation { amount: amount.to_string(), phone, reference };
        Ok(self.ask::<_, Said>(shop, "c2b/simulate", &ask, now)?.message)
    }

    /// Asks something of the cloud for a shop, and reads the answer.
    pub(crate) fn ask<B: Serialize, T: DeserializeOwned>(
        &self,
        shop: &ShopId,
        what: &str,
        body: &B,
        now: Timestamp,
    ) -> Result<T, TillError> {
        self.ask_within(None, shop, what, body, now)
    }

    /// The same, where nobody can wait longer.
    pub(crate) fn ask_within<B: Serialize, T: DeserializeOwned>(
        &self,
        within: Option<Duration>,
        shop: &ShopId,
        what: &str,
        body: &B,
        now: Timestamp,
    ) -> Result<T, TillError> {
        read(&self.post(within, shop, what, body, now)?)
    }

    fn post<B: Serialize>(
        &self,
        within: Option<Duration>,
        shop: &ShopId,
        what: &str,
        body: &B,
        now: Timestamp,
    ) -> Result<Vec<u8>, TillError> {
        let body = serde_json::to_vec(body).map_err(|_| TillError::Unreadable)?;
        let writer = self.read(|ledger| ledger.writer(shop))?;
        let path = format!("/v1/shops/{shop}/{what}");
        self.carry_within(within, ("POST", &path), body, writer, now)
    }
}

pub(crate) fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, TillError> {
    serde_json::from_slice(answer).map_err(|_| TillError::Unreadable)
}

/// A name as one part of a path: Safaricom's names may hold any visible character.
fn in_path(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let part = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::in_path;

    #[test]
    fn a_name_stays_one_part_of_its_path() {
        assert_eq!(in_path("AG_20261121-1.a~"), "AG_20261121-1.a~");
        assert_eq!(in_path("a/../b?c#d%"), "a%2F..%2Fb%3Fc%23d%25");
    }
}
