//! Asking a customer's phone for the payment (STK push), and what became of it.

use crate::{CloudError, CloudRequest, Till, TillError};
use domain::{CheckoutId, FactId, Money, Msisdn, ShopId, Timestamp};
use ledger::PushRow;
use replica::wire::json::{AskPayment, Asked};

/// After this long without a result the cashier hears of a time-out; the state stays pending, because
/// unknown is not failed (seed B; field study W17).
const PATIENCE_MILLIS: u64 = 75_000;

/// A prompt lives about a minute (Daraja fact sheet §2.6); after ten, one whose result was lost is surely
/// gone, and the customer may be asked again. Money that comes for it all the same still finds its sale.
const PROMPT_LIFE_MILLIS: u64 = 600_000;

/// Where a push stands, in seed B's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushState {
    /// Paid.
    Completed,
    /// Not known yet.
    Pending,
    /// The customer cancelled.
    Cancelled,
    /// It ended without money.
    Failed,
    /// It was never sent.
    Error,
}

impl PushState {
    /// Seed B's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Pending => "pending",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Error => "error",
        }
    }
}

/// Where a push stands, and what to tell the cashier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushStatus {
    /// The state.
    pub state: PushState,
    /// Seed B's message.
    pub message: String,
    /// When the customer was asked.
    pub at: Timestamp,
    /// Safaricom's name for the push.
    pub checkout: Option<CheckoutId>,
}

impl Till {
    /// Asks a customer's phone to pay what is due on a sale. Gives Safaricom's names for the push.
    ///
    /// # Errors
    /// Nothing is due, an earlier prompt is not over yet, the cloud is not reached, or Safaricom says no.
    pub fn ask_for_payment(&self, sale: FactId, phone: &Msisdn, now: Timestamp) -> Result<Asked, TillError> {
        let number = phone.plain().ok_or_else(|| TillError::Refused("Invalid phone number".to_owned()))?;
        let (shop, ask, attempt) = self.begin_push(sale, number, now)?;
        let said = self.send_push(&shop, &ask, now);
        self.note_push(sale, attempt, &said)?;
        self.tell(crate::Event::Ledger);
        said
    }

    /// Where the last push for a sale stands; `None` if there was none.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn push_status(&self, sale: FactId, now: Timestamp) -> Result<Option<PushStatus>, TillError> {
        Ok(self.ledger().push_for(sale)?.map(|push| status_of(&push, now)))
    }

    /// Where a push stands, by Safaricom's name for it; `None` if this till did not send it.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn push_named(&self, checkout: &CheckoutId, now: Timestamp) -> Result<Option<PushStatus>, TillError> {
        Ok(self.ledger().push_named(checkout)?.map(|push| status_of(&push, now)))
    }

    /// Notes the attempt before anybody is asked, provided that something is due and no prompt is open; an
    /// attempt whose answer was lost is gone on with.
    fn begin_push(
        &self,
        sale: FactId,
        number: &str,
        now: Timestamp,
    ) -> Result<(ShopId, AskPayment, u32), TillError> {
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        if found.due == Money::ZERO {
            return Err(TillError::Refused("nothing is due on this sale".to_owned()));
        }
        let attempt = match ledger.push_for(sale)? {
            // Its answer was lost. Under the same name the cloud sends it if it never came, and tells its
            // name if it did, but never prompts a second time.
            Some(push) if is_fresh(&push, now) && push.checkout.is_none() && push.refused.is_none() => {
                push.attempt
            }
            Some(push) if is_fresh(&push, now) && status_of(&push, now).state == PushState::Pending => {
                let wait = "the customer has been asked already: wait until that prompt has ended";
                return Err(TillError::Refused(wait.to_owned()));
            }
            _ => ledger.begin_push(sale, found.due, now)?,
        };
        let ask = AskPayment {
            sale: sale.to_string(),
            attempt: format!("{sale}/{attempt}"),
            amount: found.due.to_string(),
            phone: number.to_owned(),
            reference: found.reference(&self.letters_in(&ledger)?),
        };
        Ok((found.shop, ask, attempt))
    }

    fn send_push(&self, shop: &domain::ShopId, ask: &AskPayment, now: Timestamp) -> Result<Asked, TillError> {
        let body = serde_json::to_vec(ask).map_err(|_| TillError::Unreadable)?;
        let writer = self.ledger().writer(shop)?;
        let path = format!("/v1/shops/{shop}/push");
        let at = self.cloud_time(now);
        let answer = self.cloud.carry(&CloudRequest::signed("POST", &path, body, (writer, &self.key), at))?;
        serde_json::from_slice(&answer).map_err(|_| TillError::Unreadable)
    }

    /// A clear no is noted, so that the cashier may ask again; a lost answer leaves the push pending,
    /// because the prompt may be on the phone.
    fn note_push(
        &self,
        sale: FactId,
        attempt: u32,
        said: &Result<Asked, TillError>,
    ) -> Result<(), TillError> {
        let mut ledger = self.ledger();
        match said {
            Ok(asked) => {
                let checkout = CheckoutId::parse(&asked.checkout_request_id);
                let checkout = checkout.map_err(|_| TillError::Unreadable)?;
                ledger.end_push(sale, attempt, Ok(&checkout))?;
            }
            Err(TillError::Cloud(CloudError::Refused(problem))) if problem.kind != "leja:unknown" => {
                ledger.end_push(sale, attempt, Err(&problem.title))?;
            }
            Err(_) => {}
        }
        Ok(())
    }
}

/// Whether a prompt without a result may still be on the phone.
fn is_fresh(push: &PushRow, now: Timestamp) -> bool {
    push.at.distance_millis(now) < PROMPT_LIFE_MILLIS
}

fn status_of(push: &PushRow, now: Timestamp) -> PushStatus {
    let late = push.at.distance_millis(now) >= PATIENCE_MILLIS;
    let code = push.result.as_ref().map(|(code, _)| code.as_str());
    let (state, message) = match (code, &push.refused) {
        (Some("0"), _) => (PushState::Completed, "Payment completed"),
        (Some("1032"), _) => (PushState::Cancelled, "Payment cancelled"),
        (Some("1"), _) => (PushState::Failed, "Insufficient balance"),
        (Some("1037" | "1019"), _) => (PushState::Failed, "Payment timeout"),
        // Still being processed, and the two codes that an earlier prompt causes, leave the question open.
        (Some("4999" | "17" | "1001" | "26"), _) => {
            (PushState::Pending, "Safaricom gave no clear answer yet")
        }
        // This prompt is over; whatever money still comes, comes by confirmation and finds its sale.
        (Some(_), _) => (PushState::Failed, "Payment failed"),
        (None, Some(refused)) => (PushState::Error, refused.as_str()),
        (None, None) if late => (PushState::Pending, "Payment timeout"),
        (None, None) => (PushState::Pending, "Waiting for the customer's PIN"),
    };
    PushStatus { state, message: message.to_owned(), at: push.at, checkout: push.checkout.clone() }
}
