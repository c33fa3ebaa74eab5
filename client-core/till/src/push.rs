//! Asking a customer's phone for the payment (STK push), and what became of it.

use crate::care::DAY_MILLIS;
use crate::{CloudError, Event, Till, TillError};
use domain::{CheckoutId, Ending, FactId, Money, Msisdn, PhoneEnding, ReceiptCode, ShopId, Timestamp, Words};
use ledger::PushRow;
use replica::wire::json::{AskPayment, Asked};

/// After this long without a result the cashier hears of a time-out; the state is unknown, because unknown
/// is not failed (seed B; field study W17).
const PATIENCE_MILLIS: u64 = 75_000;

/// A prompt lives about a minute (Daraja fact sheet §2.6); after ten, one whose result was lost is surely
/// gone, and the customer may be asked again. Money that comes for it all the same still finds its sale.
const PROMPT_LIFE_MILLIS: u64 = 600_000;

/// What is said while a prompt is on the phone, and when it has been there too long.
const ON_PHONE: Words =
    Words { english: "Waiting for the customer's PIN", swahili: "Inasubiri PIN ya mteja" };
const TIMED_OUT: Words =
    Words { english: "Payment timeout", swahili: "Bado haijulikani: mteja anaweza bado kulipa" };
const NOT_SENT: &str = "Ombi halikutumwa";

/// Where a push stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushState {
    /// Safaricom was asked to prompt the customer, and has not said that it will.
    Sent,
    /// Safaricom took it: the customer sees a prompt, or soon will.
    OnPhone,
    /// The customer paid.
    Paid,
    /// The customer cancelled.
    Cancelled,
    /// It ended without money.
    Refused,
    /// Nobody knows: the customer may still pay.
    Unknown,
    /// It was never sent.
    NotSent,
}

impl PushState {
    /// The stable name, in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::OnPhone => "on_phone",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::NotSent => "not_sent",
        }
    }

    /// Seed B's word for it: unknown is pending there.
    pub const fn seed_name(self) -> &'static str {
        match self {
            Self::Paid => "completed",
            Self::Sent | Self::OnPhone | Self::Unknown => "pending",
            Self::Cancelled => "cancelled",
            Self::Refused => "failed",
            Self::NotSent => "error",
        }
    }

    /// Whether the customer may still be asked, or still pay.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Sent | Self::OnPhone | Self::Unknown)
    }
}

/// Where a push stands, and what to tell the cashier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushStatus {
    /// The sale.
    pub sale: FactId,
    /// The state.
    pub state: PushState,
    /// English, and seed B's message where seed B has one.
    pub message: String,
    /// The same in Swahili.
    pub swahili: &'static str,
    /// When the customer was asked.
    pub at: Timestamp,
    /// For how much.
    pub amount: Money,
    /// Safaricom's name for the push.
    pub checkout: Option<CheckoutId>,
    /// The payment, once its receipt is known: it may still be on its way when the customer has paid.
    pub receipt: Option<ReceiptCode>,
}

/// A prompt that Safaricom took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompted {
    /// Safaricom's name for the push.
    pub checkout_request_id: String,
    /// Safaricom's name for our request.
    pub merchant_request_id: String,
    /// What the customer is asked for: whole shillings.
    pub amount: Money,
    /// What remains due besides, because M-Pesa asks for no cents.
    pub remains: Money,
}

/// The whole shillings that M-Pesa can be asked for of an amount due, and the cents that remain.
///
/// # Errors
/// Nothing is due, or less than a shilling.
pub fn in_shillings(due: Money) -> Result<(Money, Money), TillError> {
    let remains = Money::from_cents(due.cents().checked_rem(100).unwrap_or(0));
    match due - remains {
        Money::ZERO if due == Money::ZERO => {
            Err(TillError::Refused("nothing is due on this sale".to_owned()))
        }
        Money::ZERO => {
            let least = format!("M-Pesa asks for one shilling at least: take the {due} that is due in cash");
            Err(TillError::Refused(least))
        }
        whole => Ok((whole, remains)),
    }
}

impl Till {
    /// Asks a customer's phone to pay the whole shillings due on a sale.
    ///
    /// # Errors
    /// Less than a shilling is due, an earlier prompt is not over yet, the cloud is not reached, or Safaricom
    /// says no.
    pub fn ask_for_payment(
        &self,
        sale: FactId,
        phone: &Msisdn,
        now: Timestamp,
    ) -> Result<Prompted, TillError> {
        let number = phone.plain().ok_or_else(|| TillError::Refused("Invalid phone number".to_owned()))?;
        let prompt = self.begin_push(sale, (number, PhoneEnding::of(phone)), now)?;
        let said = self.ask::<_, Asked>(&prompt.shop, "push", &prompt.ask, now);
        self.note_push(sale, prompt.attempt, &said)?;
        self.tell(Event::Ledger);
        let Asked { checkout_request_id, merchant_request_id } = said?;
        let (amount, remains) = (prompt.amount, prompt.remains);
        Ok(Prompted { checkout_request_id, merchant_request_id, amount, remains })
    }

    /// Where the last push for a sale stands; `None` if there was none.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn push_status(&self, sale: FactId, now: Timestamp) -> Result<Option<PushStatus>, TillError> {
        Ok(self.read(|ledger| ledger.push_for(sale))?.map(|push| status_of(&push, now)))
    }

    /// Where a push stands, by Safaricom's name for it; `None` if this till did not send it.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn push_named(&self, checkout: &CheckoutId, now: Timestamp) -> Result<Option<PushStatus>, TillError> {
        Ok(self.read(|ledger| ledger.push_named(checkout))?.map(|push| status_of(&push, now)))
    }

    /// Notes the attempt before anybody is asked, provided that something is due and no prompt is open; an
    /// attempt whose answer was lost is gone on with.
    fn begin_push(
        &self,
        sale: FactId,
        (number, ending): (&str, Option<PhoneEnding>),
        now: Timestamp,
    ) -> Result<Prompt, TillError> {
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        if ledger.doubt(&found.shop)?.is_some() {
            // Two sales may have this name until then, and the money would answer both.
            let wait = "this till gets another name first, at its next sync: ask again when it has synced";
            return Err(TillError::Refused(wait.to_owned()));
        }
        let (amount, remains) = in_shillings(found.due)?;
        let attempt = match ledger.push_for(sale)? {
            // Its answer was lost. Under the same name the cloud sends it if it never came, and tells its
            // name if it did, but never prompts a second time.
            Some(push) if is_lost(&push, now) && push.amount == amount => push.attempt,
            Some(push) => match hindrance(&push, now) {
                Some(wait) => return Err(TillError::Refused(wait.to_owned())),
                None => ledger.begin_push(sale, amount, ending, now)?,
            },
            None => ledger.begin_push(sale, amount, ending, now)?,
        };
        let ask = AskPayment {
            sale: sale.to_string(),
            // Each till counts its own attempts, and any till of the shop may ask for a sale.
            attempt: format!("{}/{sale}/{attempt}", ledger.writer(&found.shop)?),
            amount: amount.to_string(),
            phone: number.to_owned(),
            reference: found.reference(&ledger.letters()?),
        };
        Ok(Prompt { shop: found.shop, attempt, amount, remains, ask })
    }

    /// A clear no is noted, so that the cashier may ask again; a lost answer leaves the push open, because
    /// the prompt may be on the phone. So does a cloud whose store failed: it may have asked before.
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
            Err(TillError::Cloud(CloudError::Refused(problem)))
                if !["leja:unknown", "leja:store"].contains(&problem.kind.as_str()) =>
            {
                ledger.end_push(sale, attempt, Err(&problem.title))?;
            }
            Err(_) => {}
        }
        Ok(())
    }
}

/// A prompt on its way.
struct Prompt {
    shop: ShopId,
    attempt: u32,
    amount: Money,
    remains: Money,
    ask: AskPayment,
}

/// Whether a prompt may still be on the phone.
fn is_fresh(push: &PushRow, now: Timestamp) -> bool {
    push.at.distance_millis(now) < PROMPT_LIFE_MILLIS
}

/// Whether nobody said what became of a prompt, not even that it was taken.
fn is_lost(push: &PushRow, now: Timestamp) -> bool {
    is_fresh(push, now) && push.checkout.is_none() && push.refused.is_none()
}

/// Why the customer is not asked a second time yet, if that is so.
fn hindrance(push: &PushRow, now: Timestamp) -> Option<&'static str> {
    let state = status_of(push, now).state;
    if state.is_open() && is_fresh(push, now) {
        return Some("the customer has been asked already: wait until that prompt has ended");
    }
    // Told by an answer to our asking, which names no receipt.
    let unseen = state == PushState::Paid && push.receipt.is_none();
    (unseen && push.at.distance_millis(now) < DAY_MILLIS)
        .then_some("Safaricom says that the customer has paid: wait for the receipt, or type its code")
}

fn status_of(push: &PushRow, now: Timestamp) -> PushStatus {
    let late = push.at.distance_millis(now) >= PATIENCE_MILLIS;
    let code = push.result.as_ref().map(|(code, _)| code.as_str());
    let ended = code.filter(|code| Ending::of_code(code) != Ending::Pending);
    let (state, words) = match (ended, &push.refused) {
        (Some(code), _) => (state_of(code), Words::of_code(code)),
        (None, Some(_)) => (PushState::NotSent, Words { english: "", swahili: NOT_SENT }),
        (None, None) if late => (PushState::Unknown, TIMED_OUT),
        (None, None) if push.checkout.is_some() => (PushState::OnPhone, ON_PHONE),
        (None, None) => (PushState::Sent, ON_PHONE),
    };
    let message = match (state, &push.refused) {
        (PushState::NotSent, Some(refused)) => refused.clone(),
        _ => words.english.to_owned(),
    };
    let (sale, at, amount) = (push.sale, push.at, push.amount);
    let (checkout, receipt) = (push.checkout.clone(), push.receipt.clone());
    PushStatus { sale, state, message, swahili: words.swahili, at, amount, checkout, receipt }
}

fn state_of(code: &str) -> PushState {
    match Ending::of_code(code) {
        Ending::Paid => PushState::Paid,
        Ending::Cancelled => PushState::Cancelled,
        Ending::Refused => PushState::Refused,
        Ending::Pending | Ending::Unknown => PushState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kes(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn m_pesa_is_asked_for_whole_shillings_and_the_rest_remains() {
        assert_eq!(in_shillings(kes("402.50")).unwrap(), (kes("402"), kes("0.50")));
        assert_eq!(in_shillings(kes("402")).unwrap(), (kes("402"), Money::ZERO));
        assert!(in_shillings(kes("0.99")).unwrap_err().to_string().contains("0.99"));
        assert!(in_shillings(Money::ZERO).is_err());
    }

    fn status(code: Option<&str>, refused: Option<&str>, seconds: i64) -> PushStatus {
        let at = Timestamp::parse_daraja("20261121101500").unwrap();
        let push = PushRow {
            sale: "7-1".parse().unwrap(),
            attempt: 1,
            at,
            amount: kes("100"),
            checkout: (refused.is_none()).then(|| CheckoutId::parse("ws_CO_1").unwrap()),
            refused: refused.map(ToOwned::to_owned),
            result: code.map(|code| (code.to_owned(), "Safaricom's words".to_owned())),
            receipt: None,
            queries: 0,
            queried_at: None,
        };
        status_of(&push, at.plus_millis(seconds.saturating_mul(1000)))
    }

    #[test]
    fn a_push_says_where_it_stands_in_seed_bs_words_and_in_both_languages() {
        let cases = [
            (None, 74, PushState::OnPhone, "pending", "Waiting for the customer's PIN"),
            (None, 75, PushState::Unknown, "pending", "Payment timeout"),
            (Some("4999"), 9, PushState::OnPhone, "pending", "Waiting for the customer's PIN"),
            (Some("4999"), 80, PushState::Unknown, "pending", "Payment timeout"),
            (Some("0"), 80, PushState::Paid, "completed", "Payment completed"),
            (Some("1032"), 9, PushState::Cancelled, "cancelled", "Payment cancelled"),
            (Some("1"), 9, PushState::Refused, "failed", "Insufficient balance"),
            (Some("1037"), 9, PushState::Refused, "failed", "Payment timeout"),
            (Some("2001"), 9, PushState::Refused, "failed", "Wrong M-Pesa PIN"),
            (
                Some("1001"),
                9,
                PushState::Unknown,
                "pending",
                "Another prompt is open on this phone: wait for it",
            ),
        ];
        for (code, age, state, seed, message) in cases {
            let it = status(code, None, age);
            assert_eq!((it.state, it.state.seed_name(), it.message.as_str()), (state, seed, message));
            assert!(!it.swahili.is_empty() && it.swahili != it.message, "{code:?}");
        }
        let unsent = status(None, Some("The shop's number has no passkey."), 9);
        assert_eq!((unsent.state.seed_name(), unsent.swahili), ("error", NOT_SENT));
        assert_eq!(unsent.message, "The shop's number has no passkey.");
    }
}
