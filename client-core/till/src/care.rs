//! What a till sees to by itself after an exchange: its shop's rules, what became of its pushes, large payments
//! that a second source has to confirm, and what it has open. None of it is in the way of a sale, and a
//! failure of any is no error: it is tried again.

use crate::requests::read;
use crate::{CloudError, Event, Till, TillError};
use domain::{CheckoutId, Ending, ReceiptCode, Shop, ShopId, Timestamp, Validation};
use ledger::{PushRow, SaleRow};
use replica::wire::json::{AskPush, OpenSale, OpenSales, PushEnded, ShopForm};
use std::collections::{BTreeMap, BTreeSet};

/// How often a till asks what its shop chose: each question is a request that somebody pays for, and shops choose seldom.
const LEARN_MILLIS: u64 = 5 * 60_000;
/// How long Safaricom is given before it is asked the first time, and then how often it is asked, by the age
/// of the push (fact sheet §4.2). The cloud holds it to the same.
const FIRST_QUESTION_MILLIS: u64 = 10_000;
const PAUSES: [(u64, u64); 3] = [(120_000, 10_000), (15 * 60_000, 60_000), (DAY_MILLIS, 15 * 60_000)];
/// After a day nobody asks any more; pulled payments and the statement still tell of the money.
pub(crate) const DAY_MILLIS: u64 = 24 * 3_600_000;
/// How often open sales are told when they have not changed: the cloud believes them for three minutes.
const RETELL_MILLIS: u64 = 60_000;
/// The most open sales that are told; the cloud takes no more.
const MAX_TOLD: usize = 500;

/// What a till remembers of its care while it runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Care {
    /// When the shop's rules were learnt, since the line came up.
    pub(crate) learned: Option<Timestamp>,
    /// When it is worth asking about a push again, by the cloud's clock.
    ask_at: BTreeMap<CheckoutId, Timestamp>,
    /// Until when each shop's payments were pulled, as the cloud said last.
    pub(crate) pulled: BTreeMap<ShopId, Option<Timestamp>>,
    /// Payments for which Safaricom was asked.
    checked: BTreeSet<ReceiptCode>,
    /// The open sales told last, and when.
    told: Option<(Timestamp, OpenSales)>,
}

impl Till {
    /// Sees to everything once. Gives whether another exchange would bring news.
    pub(crate) fn take_care(&self, shop: &ShopId, now: Timestamp) -> bool {
        let steps = || {
            self.learn_shop(shop, now)?;
            self.tell_open_sales(shop, now)?;
            self.check_large_payments(shop, now)?;
            self.ask_after_push(shop, now)
        };
        steps().unwrap_or(false)
    }

    /// Learns the shop's numbers and rules: after each start, each break of the line, and every five minutes.
    fn learn_shop(&self, shop: &ShopId, now: Timestamp) -> Result<(), TillError> {
        let pause = self.learn_again_after(shop, LEARN_MILLIS, now);
        if self.care().learned.is_some_and(|at| at.distance_millis(now) < pause) {
            return Ok(());
        }
        let writer = self.ledger().writer(shop)?;
        let Some(answer) = went_on(self.carry("GET", "/v1/shops", Vec::new(), writer, now))? else {
            return Ok(());
        };
        let forms: Vec<ShopForm> = read(&answer)?;
        if let Some(told) = forms.iter().find(|form| form.id == shop.as_str()) {
            self.learn_held(shop, &told.held)?;
            self.hear_pulled(told, shop);
            if let Some(licence) = &told.licence {
                self.learn_licence(shop, licence)?;
            }
        }
        let shops = forms.into_iter().map(Shop::try_from).collect::<Result<Vec<_>, _>>();
        let shops = shops.map_err(|_| TillError::Unreadable)?;
        if let Some(fresh) = shops.iter().find(|fresh| fresh.id == *shop) {
            self.know_shop(fresh, writer)?;
        }
        self.care().learned = Some(now);
        Ok(())
    }

    /// Writes what is known of a shop, if it is new.
    pub(crate) fn know_shop(&self, shop: &Shop, writer: domain::Actor) -> Result<(), TillError> {
        let mut ledger = self.ledger();
        if !ledger.shops()?.contains(shop) {
            ledger.put_shop(shop, writer)?;
            self.tell(Event::Ledger);
        }
        Ok(())
    }

    /// Whether a customer waits here for what the cloud will tell: a sale that was made here for its payment or for the
    /// second source of it, or a phone that was asked from here, whosever sale it is for.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn awaits_payment(&self, now: Timestamp) -> Result<bool, TillError> {
        let after = a_day_before(now);
        self.read(|ledger| {
            for Shop { id: shop, .. } in ledger.shops()? {
                let own = ledger.writer(&shop)?.till;
                if !ledger.open_sales(&shop, own, 1)?.is_empty()
                    || !ledger.unconfirmed(&shop, own, after)?.is_empty()
                    || !ledger.recent_pushes(&shop, after)?.iter().all(has_ended)
                {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Tells the cloud what this till has open, where the shop wants its payments validated.
    fn tell_open_sales(&self, shop: &ShopId, now: Timestamp) -> Result<(), TillError> {
        let sales = {
            let ledger = self.ledger();
            let rule = ledger.shops()?.into_iter().find(|own| own.id == *shop);
            if rule.is_none_or(|own| own.rules.validation == Validation::AcceptAll) {
                return Ok(());
            }
            let (own, letters) = (ledger.writer(shop)?.till, ledger.letters()?);
            // One more than is told shows that there are more.
            let limit = u32::try_from(MAX_TOLD.saturating_add(1)).unwrap_or(u32::MAX);
            let open = ledger.open_sales(shop, own, limit)?;
            let form = |sale: SaleRow| OpenSale {
                sale: sale.id.to_string(),
                due: sale.due.cents(),
                references: sale.references(&letters),
            };
            open.into_iter().map(form).collect()
        };
        let body = all_that_fits(sales);
        let known =
            |(at, told): &(Timestamp, OpenSales)| *told == body && at.distance_millis(now) < RETELL_MILLIS;
        if self.care().told.as_ref().is_some_and(known) {
            return Ok(());
        }
        if went_on(self.ask::<_, ()>(shop, "open-sales", &body, now))?.is_some() {
            self.care().told = Some((now, body));
        }
        Ok(())
    }

    /// Asks Safaricom once about each payment of this till's sales that needs a second source. After that the
    /// cloud's own rounds or a person ask.
    fn check_large_payments(&self, shop: &ShopId, now: Timestamp) -> Result<(), TillError> {
        let receipts = {
            let ledger = self.ledger();
            ledger.unconfirmed(shop, ledger.writer(shop)?.till, a_day_before(now))?
        };
        for receipt in receipts {
            if !self.care().checked.contains(&receipt) {
                went_on(self.check_payment(shop, &receipt, now))?;
                self.care().checked.insert(receipt);
            }
        }
        Ok(())
    }

    /// Asks what became of the push that has waited longest for a question. One at a time: Safaricom may take
    /// its time, and news wait meanwhile. The answer comes with the feed; gives whether there is one.
    fn ask_after_push(&self, shop: &ShopId, now: Timestamp) -> Result<bool, TillError> {
        let Some(checkout) = self.next_question(shop, now)? else { return Ok(false) };
        self.ledger().note_query(&checkout, now)?;
        self.care().ask_at.remove(&checkout);
        let ask = AskPush { checkout_request_id: checkout.to_string() };
        let Some(ended) = went_on(self.ask::<_, PushEnded>(shop, "push/query", &ask, now))? else {
            return Ok(false);
        };
        if let Some(at) = ended.ask_at.and_then(|at| Timestamp::from_millis(at).ok()) {
            self.care().ask_at.insert(checkout, at);
        }
        Ok(ended.code.is_some())
    }

    fn next_question(&self, shop: &ShopId, now: Timestamp) -> Result<Option<CheckoutId>, TillError> {
        let pushes = self.ledger().recent_pushes(shop, a_day_before(now))?;
        let cloud_now = self.corrected(now);
        let mut care = self.care();
        care.ask_at.retain(|checkout, _| pushes.iter().any(|push| push.checkout.as_ref() == Some(checkout)));
        let worth = |push: &&PushRow| {
            let told = push.checkout.as_ref().and_then(|checkout| care.ask_at.get(checkout));
            told.map_or_else(|| is_due(push, now), |at| *at <= cloud_now)
        };
        let open = pushes.iter().filter(|push| !has_ended(push)).filter(worth);
        let next = open.min_by_key(|push| push.queried_at.unwrap_or(push.at));
        Ok(next.and_then(|push| push.checkout.clone()))
    }
}

/// The newest open sales, as they are told, and whether they are all.
fn all_that_fits(mut sales: Vec<OpenSale>) -> OpenSales {
    let complete = sales.len() <= MAX_TOLD;
    sales.truncate(MAX_TOLD);
    OpenSales { at: 0, complete, sales }
}

/// Nothing but a dead line keeps the next step from being tried.
pub(crate) fn went_on<T>(asked: Result<T, TillError>) -> Result<Option<T>, TillError> {
    match asked {
        Err(TillError::Cloud(CloudError::Refused(_))) => Ok(None),
        asked => asked.map(Some),
    }
}

fn has_ended(push: &PushRow) -> bool {
    push.result.as_ref().is_some_and(|(code, _)| Ending::of_code(code).is_final())
}

/// Whether it is time to ask about a push, as far as this till knows.
fn is_due(push: &PushRow, now: Timestamp) -> bool {
    let age = push.at.distance_millis(now);
    let pause = PAUSES.iter().find(|(until, _)| age < *until).map(|(_, pause)| *pause);
    match (push.queried_at, pause) {
        (_, None) => false,
        (None, Some(_)) => age >= FIRST_QUESTION_MILLIS,
        (Some(last), Some(pause)) => last.distance_millis(now) >= pause,
    }
}

fn a_day_before(now: Timestamp) -> Timestamp {
    now.plus_millis(i64::try_from(DAY_MILLIS).map_or(0, i64::saturating_neg))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Money;

    #[test]
    fn a_till_says_that_it_told_all_only_when_all_fits() {
        let sale = OpenSale { sale: "7-1".to_owned(), due: 100, references: vec!["A1".to_owned()] };
        let told = |count| {
            let told = all_that_fits(vec![sale.clone(); count]);
            (told.sales.len(), told.complete)
        };
        assert_eq!((told(0), told(500), told(501)), ((0, true), (500, true), (500, false)));
    }

    #[test]
    fn questions_come_often_first_then_seldom_and_end_after_a_day() {
        let at = Timestamp::parse_daraja("20261121101500").unwrap();
        let due = |age: i64, asked: Option<i64>| {
            let push = PushRow {
                sale: "7-1".parse().unwrap(),
                attempt: 1,
                at,
                amount: Money::from_cents(100),
                checkout: None,
                refused: None,
                result: None,
                receipt: None,
                queries: 0,
                queried_at: asked.map(|asked| at.plus_millis(asked * 1000)),
            };
            is_due(&push, at.plus_millis(age * 1000))
        };
        assert_eq!((due(9, None), due(10, None)), (false, true));
        assert_eq!((due(19, Some(10)), due(20, Some(10))), (false, true));
        assert_eq!((due(170, Some(120)), due(180, Some(120))), (false, true));
        assert_eq!((due(1799, Some(900)), due(1800, Some(900))), (false, true));
        assert!(!due(24 * 3600, Some(3600)));
    }
}
