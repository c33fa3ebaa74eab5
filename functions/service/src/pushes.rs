//! STK pushes: asking a phone once, and asking Safaricom what became of it.

use crate::filing::{Arrived, file_again, keep, waiting_name};
use crate::payments::Payments;
use crate::safaricom::{Safaricom, SafaricomError};
use crate::store::{Filing, Purpose, RawCallback, Request};
use crate::{Problem, Store, StoreError};
use axum::http::StatusCode;
use daraja::outbound::{PushTerms, StkQuery, StkQueryAnswer};
use daraja::{StkAccepted, StkPush};
use domain::stk::Ending;
use domain::{CheckoutId, FactId, FeedItem, Money, Msisdn, PushQuery, Shop, Timestamp};
use replica::wire::json::AskPayment;

/// Safaricom opens one prompt a minute on a phone, and refuses the same amount from the same customer for
/// two (fact sheet §2.6).
const SAME_PHONE_MILLIS: i64 = 60_000;
const SAME_AMOUNT_MILLIS: i64 = 120_000;
/// A sale stays with the push that asked for it, until that ended without money. Once it is paid, nobody asks
/// for the sale again while its receipt is on the way.
const SAME_SALE_MILLIS: i64 = 24 * 3_600_000;
/// A prompt lives about a minute; a sale whose push was never heard of can be asked again after ten.
const LOST_PUSH_MILLIS: u64 = 600_000;

/// When to ask the first time, and then how often, by the age of the push (fact sheet §4.2). After a day
/// nobody asks any more; pulled payments and the statement still tell of the money.
const FIRST_QUESTION_MILLIS: i64 = 10_000;
const QUESTIONS: [(u64, i64); 3] = [(120_000, 10_000), (15 * 60_000, 60_000), (24 * 3_600_000, 15 * 60_000)];

/// What is known of a push.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Known {
    /// Its result code, once it ended.
    pub(crate) code: Option<String>,
    /// When it is worth asking again.
    pub(crate) ask_at: Option<Timestamp>,
    /// Safaricom said that too much is asked of it.
    pub(crate) busy: bool,
}

impl<S: Store, D: Safaricom> Payments<S, D> {
    /// Records the attempt, then asks, then records the name Safaricom gave it. Repeating a request finds
    /// the attempt and never prompts a second time.
    pub(crate) async fn push(&self, shop: &Shop, ask: &AskPayment) -> Result<StkAccepted, Problem> {
        let (request, push, locks) = self.read_push(shop, ask).await?;
        if let Some(begun) = self.store.request_named(&shop.id, &request.name).await? {
            return match begun.accepted {
                Some((checkout, merchant)) => Ok(StkAccepted { checkout, merchant }),
                None => Err(unknown()),
            };
        }
        self.lock(shop, &request, &locks).await?;
        match self.store.begin_request(&request).await? {
            None => {}
            Some(Request { accepted: Some((checkout, merchant)), .. }) => {
                return Ok(StkAccepted { checkout, merchant });
            }
            Some(_) => return Err(unknown()),
        }
        let accepted = match self.safaricom.call(&push).await {
            Ok(accepted) => accepted,
            Err(error @ SafaricomError::Refused(_)) => {
                // Nothing was sent: the next attempt need not wait.
                self.unlock(&request.name, &locks).await?;
                return Err(crate::payments::refuse(&error));
            }
            Err(SafaricomError::Unknown) => return Err(unknown()),
        };
        let named = (accepted.checkout.clone(), accepted.merchant.clone());
        let ask_at = Some((self.clock)().plus_millis(FIRST_QUESTION_MILLIS));
        let request = Request { accepted: Some(named), ask_at, ..request };
        // The prompt is on the phone, whatever became of our note: never a clear no from here on.
        self.note(shop, &request).await.map_err(|error| {
            tracing::error!(alarm = "push_not_noted", %error, "a push was accepted and could not be noted");
            unknown()
        })?;
        Ok(accepted)
    }

    async fn read_push(
        &self,
        shop: &Shop,
        ask: &AskPayment,
    ) -> Result<(Request, StkPush, Vec<(String, i64)>), Problem> {
        let bad = |error: &dyn std::fmt::Display| Problem::bad_request(error.to_string());
        let phone = Msisdn::parse_phone(&ask.phone).map_err(|e| bad(&e))?;
        let amount = Money::parse(&ask.amount).map_err(|e| bad(&e))?;
        let sale: FactId = ask.sale.parse().map_err(|e| bad(&e))?;
        if ask.attempt.is_empty() || ask.attempt.len() > 64 {
            return Err(Problem::bad_request("An attempt has a name of 1 to 64 characters."));
        }
        let (now, passkey) = ((self.clock)(), self.passkey(shop)?);
        let callback_url = self.callback_url(shop, "s").await?;
        let (phone, reference, callback_url) = (&phone, ask.reference.as_str(), callback_url.as_str());
        let terms = PushTerms { amount, phone, reference, callback_url, now };
        let push = StkPush::new(shop, passkey, &terms).map_err(|e| bad(&e))?;
        let whose = self.secret.pseudonym(phone.as_str());
        let locks = vec![
            (format!("sale/{}/{sale}", shop.id), SAME_SALE_MILLIS),
            (format!("phone/{whose}"), SAME_PHONE_MILLIS),
            (format!("phone/{whose}/{}/{}", shop.id, amount.cents()), SAME_AMOUNT_MILLIS),
        ];
        let (shop, name, purpose) = (shop.id.clone(), ask.attempt.clone(), Purpose::Push(sale));
        let request = Request { shop, name, purpose, amount, at: now, accepted: None, ask_at: None };
        Ok((request, push, locks))
    }

    /// Takes every lock or none.
    async fn lock(&self, shop: &Shop, request: &Request, locks: &[(String, i64)]) -> Result<(), Problem> {
        let now = (self.clock)();
        for (lock, life) in locks {
            let until = now.plus_millis(*life);
            let mut held = self.store.hold(lock, &request.name, now, until).await?;
            if let Some((other, _)) = &held
                && lock.starts_with("sale/")
                && self.is_over(shop, other, now).await?
            {
                self.store.let_go(lock, other).await?;
                held = self.store.hold(lock, &request.name, now, until).await?;
            }
            if let Some((_, until)) = held {
                self.unlock(&request.name, locks).await?;
                let title = if lock.starts_with("sale/") {
                    "The customer was asked for this sale already: wait until that prompt has ended. If it was \
                     paid, its receipt is on the way."
                        .to_owned()
                } else {
                    let seconds = now.distance_millis(until).div_ceil(1000);
                    format!(
                        "M-Pesa asks this phone again in {seconds} seconds at the earliest: wait that long."
                    )
                };
                return Err(Problem::new(StatusCode::CONFLICT, "leja:prompt-open", title));
            }
        }
        Ok(())
    }

    async fn unlock(&self, holder: &str, locks: &[(String, i64)]) -> Result<(), StoreError> {
        for (lock, _) in locks {
            self.store.let_go(lock, holder).await?;
        }
        Ok(())
    }

    /// Whether the push under a name has ended without money, or nothing was heard of it for so long that it
    /// is surely gone.
    async fn is_over(&self, shop: &Shop, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let Some(request) = self.store.request_named(&shop.id, name).await? else { return Ok(true) };
        let lost = request.at.distance_millis(now) >= LOST_PUSH_MILLIS;
        let Some((checkout, _)) = &request.accepted else { return Ok(lost) };
        let code = result_of(&*self.store, shop, checkout).await?;
        Ok(code.map_or(lost, |code| Ending::of_code(&code) != Ending::Paid))
    }

    /// Notes the name of an accepted request. Its answer may have come before we knew the name; then it
    /// waits in the inbox, and is filed anew.
    pub(crate) async fn note(&self, shop: &Shop, request: &Request) -> Result<(), StoreError> {
        self.store.accept_request(request).await?;
        let Some((name, _)) = &request.accepted else { return Ok(()) };
        // On the shop's own paths, or on the seeds', which carry no token.
        for (bound, timed_out) in [(Some(shop), false), (Some(shop), true), (None, false)] {
            let Some(waiting) = waiting_name(name, bound.map(|shop| &shop.id), timed_out) else { continue };
            if let Some(raw) = self.store.early_answer(&waiting).await? {
                let arrived = Arrived { bound: bound.cloned(), timed_out, suspect: None };
                file_again(&*self.store, &raw, &waiting, &arrived).await?;
            }
        }
        Ok(())
    }
}

/// Finds out what became of a push: from what came, else from Safaricom, not more often than is polite. An
/// answer that ends it is kept; it never takes the place of what was posted to us.
///
/// # Errors
/// The store does not answer. That Safaricom does not is no error: the question stays open.
pub(crate) async fn query<S: Store, D: Safaricom>(
    (store, safaricom): (&S, &D),
    (shop, passkey): (&Shop, &str),
    request: &Request,
    now: Timestamp,
) -> Result<Known, StoreError> {
    let Some((checkout, _)) = &request.accepted else { return Ok(Known::default()) };
    if let Some(code) = result_of(store, shop, checkout).await? {
        if request.ask_at.is_some() {
            store.ask_again(request, None).await?;
        }
        return Ok(Known { code: Some(code), ..Known::default() });
    }
    let open = |ask_at| Known { ask_at, ..Known::default() };
    match request.ask_at {
        Some(at) if at <= now => {}
        ask_at => return Ok(open(ask_at)),
    }
    // First the next question: of two who ask at once, or after a crash, nobody asks too often.
    let next = next_question(request.at, now);
    store.ask_again(request, next).await?;
    let answer = match safaricom.call(&StkQuery::new(shop, passkey, checkout, now)).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::info!(%error, "what became of a push is not known yet");
            let busy = matches!(&error, SafaricomError::Refused(refused) if refused.is_busy());
            return Ok(Known { busy, ..open(next) });
        }
    };
    let StkQueryAnswer::Ended { code, description } = answer else { return Ok(open(next)) };
    let Purpose::Push(sale) = request.purpose else { return Ok(open(None)) };
    if !Ending::of_code(&code).is_final() {
        return Ok(open(next));
    }
    let body = serde_json::json!({ "CheckoutRequestID": checkout.as_str(), "ResultCode": code, "ResultDesc": description });
    let raw = RawCallback { body: body.to_string().into_bytes(), received_at: now };
    let item =
        PushQuery { checkout: checkout.clone(), sale, code: code.clone(), description, received_at: now };
    keep(store, &raw, &Filing::Feed(shop.id.clone(), Box::new(FeedItem::PushQuery(item)))).await?;
    store.ask_again(request, None).await?;
    Ok(Known { code: Some(code), ..Known::default() })
}

/// The result code of a push, whoever told of it. A success leads.
async fn result_of<S: Store>(
    store: &S,
    shop: &Shop,
    checkout: &CheckoutId,
) -> Result<Option<String>, StoreError> {
    for kind in ["stk_result", "stk_failure", "stk_query"] {
        let code = match store.feed_item(&shop.id, (kind, checkout.as_str())).await? {
            Some(FeedItem::PushResult(result)) => result.code,
            Some(FeedItem::PushQuery(query)) => query.code,
            _ => continue,
        };
        if Ending::of_code(&code).is_final() {
            return Ok(Some(code));
        }
    }
    Ok(None)
}

fn next_question(begun: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let age = begun.distance_millis(now);
    let (_, pause) = QUESTIONS.iter().find(|(until, _)| age < *until)?;
    Some(now.plus_millis(*pause))
}

fn unknown() -> Problem {
    crate::payments::refuse(&SafaricomError::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_come_often_first_then_seldom_and_end_after_a_day() {
        let begun = Timestamp::parse_daraja("20261121101500").unwrap();
        let pause = |age: i64| {
            let now = begun.plus_millis(age);
            next_question(begun, now).map(|at| at.distance_millis(now))
        };
        assert_eq!(pause(10_000), Some(10_000));
        assert_eq!(pause(119_999), Some(10_000));
        assert_eq!(pause(120_000), Some(60_000));
        assert_eq!(pause(15 * 60_000), Some(900_000));
        assert_eq!(pause(24 * 3_600_000), None);
    }
}
