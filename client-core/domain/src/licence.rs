//! A shop's licence: what its payments to the platform buy, and what follows from that at a till.
//!
//! A licence is no state that is switched on; it is folded from the set of messages about payments, in one
//! order, so that what comes twice or late changes nothing twice. Nobody is locked out by surprise: a licence
//! that ran out is followed by days of grace, and after them only new sales stop.

use crate::{
    Evidence, FeedItem, Money, Payment, ReceiptCode, Retraction, Reversal, ShopId, ShortCode, Timestamp,
};
use std::collections::BTreeMap;

/// How many days a shop goes on selling after its licence ran out, while every page says so.
pub const GRACE_DAYS: u32 = 7;
/// What stands before a shop's id in the account number of a licence payment (seed A).
const PREFIX: &str = "LICENSE-";
/// How the word is spelt where people type it, without what is forgiven.
const SPELT: [&str; 2] = ["license", "licence"];
/// Safaricom takes so many characters as account number; what is longer is cut off on the phone.
const REFERENCE_CHARS: usize = 20;
const DAY_MILLIS: i64 = 24 * 3_600_000;

/// What a licence costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// So much …
    pub amount: Money,
    /// … buys so many days.
    pub days: u32,
}

impl Default for Price {
    /// Seed A: KES 1,000 for 30 days.
    fn default() -> Self {
        Self { amount: Money::from_cents(100_000), days: 30 }
    }
}

/// Where a licence is paid, and what it costs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The platform's paybill.
    pub paybill: ShortCode,
    /// The price.
    pub price: Price,
}

/// The prices of a licence, each from an instant on; without one, no licence is needed from then on. A price
/// that changes leaves what was paid before as it was bought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tariff(Vec<(Timestamp, Option<Price>)>);

impl Tariff {
    /// The prices in whatever order.
    pub fn new(mut prices: Vec<(Timestamp, Option<Price>)>) -> Self {
        prices.sort_by_key(|(from, _)| *from);
        Self(prices)
    }

    /// Every price with the instant from which it holds, the oldest first.
    pub fn prices(&self) -> &[(Timestamp, Option<Price>)] {
        &self.0
    }

    /// The price at an instant; none where no licence was needed.
    pub fn at(&self, at: Timestamp) -> Option<Price> {
        self.0.iter().rev().find(|(from, _)| *from <= at).and_then(|(_, price)| *price)
    }

    /// Since when a licence is needed without a break, where it is at this instant.
    fn needed_since(&self, at: Timestamp) -> Option<Timestamp> {
        let so_far = self.0.iter().rev().skip_while(|(from, _)| *from > at);
        so_far.take_while(|(_, price)| price.is_some()).last().map(|(from, _)| *from)
    }

    /// The price for what was paid at an instant: where there was none, that of the first day on which there
    /// was one, because somebody paid early.
    fn of_payment(&self, at: Timestamp) -> Option<Price> {
        self.at(at).or_else(|| self.0.iter().filter(|(from, _)| *from >= at).find_map(|(_, price)| *price))
    }
}

/// What one receipt did to a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The receipt: one grant each.
    pub receipt: ReceiptCode,
    /// When it was paid.
    pub paid_at: Timestamp,
    /// How much.
    pub amount: Money,
    /// How many days it bought, with what was kept from payments before.
    pub days: u32,
    /// What is less than a price, and kept for the next payment.
    pub credit: Money,
    /// Until when the shop was licensed with it; nothing as long as nothing was bought.
    pub until: Option<Timestamp>,
    /// The money went back: it bought nothing.
    pub reversed: bool,
}

/// All that a shop's payments bought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// What each receipt did, in the order in which they count.
    pub grants: Vec<Grant>,
    /// Until when the shop is licensed; nothing where it neither began nor bought anything.
    pub until: Option<Timestamp>,
    /// What is kept for the next payment.
    pub credit: Money,
}

impl Account {
    /// Folds everything that is known of a shop's licence: `began` is when it first needed one, from which its
    /// days of grace run. The order of the messages does not matter, nor how often one is told.
    pub fn fold(began: Option<Timestamp>, messages: &[FeedItem], tariff: &Tariff) -> Self {
        let mut payments = payments(messages);
        payments.sort_by(|one, other| (one.paid_at, &one.receipt).cmp(&(other.paid_at, &other.receipt)));
        let mut account = Self { until: began, ..Self::default() };
        for payment in &payments {
            account.take(payment, tariff);
        }
        account
    }

    /// Until when the shop is licensed, as a token says it at an instant; nothing where no licence is needed. Who
    /// was there before licences were has its days of grace from the day on which they came.
    pub fn licensed_until(&self, tariff: &Tariff, at: Timestamp) -> Option<Timestamp> {
        let since = tariff.needed_since(at)?;
        Some(self.until.map_or(since, |until| until.max(since)))
    }

    fn take(&mut self, payment: &Payment, tariff: &Tariff) {
        let reversed = payment.reversed.is_some();
        let price =
            tariff.of_payment(payment.paid_at).filter(|price| price.amount > Money::ZERO && !reversed);
        let mut days = 0;
        if !reversed {
            self.credit = self.credit + payment.amount;
        }
        if let Some(Price { amount, days: each }) = price {
            let (credit, cents) = (self.credit.cents(), amount.cents());
            let times = u32::try_from(credit.checked_div(cents).unwrap_or(0)).unwrap_or(u32::MAX);
            self.credit = Money::from_cents(credit.checked_rem(cents).unwrap_or(credit));
            days = times.saturating_mul(each);
        }
        if days > 0 {
            // From the later of the two, so that nobody who pays early loses a day, or late gains one.
            let from = self.until.map_or(payment.paid_at, |until| until.max(payment.paid_at));
            self.until = Some(days_after(from, days));
        }
        self.grants.push(Grant {
            receipt: payment.receipt.clone(),
            paid_at: payment.paid_at,
            amount: payment.amount,
            days,
            credit: self.credit,
            until: self.until.filter(|_| days > 0),
            reversed,
        });
    }
}

/// What the messages say together, one payment a receipt.
fn payments(messages: &[FeedItem]) -> Vec<Payment> {
    let mut said: BTreeMap<&ReceiptCode, (Vec<Evidence>, Vec<Reversal>)> = BTreeMap::new();
    let mut taken_back: Vec<Retraction> = Vec::new();
    for message in messages {
        match message {
            FeedItem::Reversal(reversal) => {
                said.entry(&reversal.receipt).or_default().1.push(reversal.clone())
            }
            FeedItem::Retraction(retraction) => taken_back.push(retraction.clone()),
            FeedItem::Arrival(_) | FeedItem::PushResult(_) | FeedItem::PushQuery(_) => {
                if let Some(evidence) = message.evidence() {
                    said.entry(&evidence.receipt).or_default().0.push(evidence.clone());
                }
            }
        }
    }
    let folded = |(evidence, reversals): (Vec<Evidence>, Vec<Reversal>)| {
        Payment::fold(&Retraction::leave_out(&taken_back, evidence), &reversals)
    };
    said.into_values().filter_map(folded).collect()
}

fn days_after(at: Timestamp, days: u32) -> Timestamp {
    at.plus_millis(i64::from(days).saturating_mul(DAY_MILLIS))
}

/// How a shop stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It needs no licence.
    Free,
    /// It is licensed until then.
    Licensed(Timestamp),
    /// The licence ran out then; it sells on for so many days more, today included.
    Grace(Timestamp, u32),
    /// The licence ran out then, and the grace after it: no new sales.
    Expired(Timestamp),
}

impl Standing {
    /// Of a shop licensed until then, at the latest instant that was ever seen: whoever gives the time sees to
    /// it that a clock that is set back does not bring days back.
    pub fn at(until: Option<Timestamp>, seen: Timestamp) -> Self {
        let Some(until) = until else { return Self::Free };
        let left = days_after(until, GRACE_DAYS).millis().saturating_sub(seen.millis());
        if seen < until {
            Self::Licensed(until)
        } else if left > 0 {
            let begun =
                left.saturating_add(DAY_MILLIS.saturating_sub(1)).checked_div(DAY_MILLIS).unwrap_or(0);
            Self::Grace(until, u32::try_from(begun).unwrap_or(0))
        } else {
            Self::Expired(until)
        }
    }

    /// Whether new sales may be made. All else may always be done: what is open is finished, sent and kept.
    pub const fn may_sell(self) -> bool {
        !matches!(self, Self::Expired(_))
    }

    /// The stable name, in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Licensed(_) => "licensed",
            Self::Grace(..) => "grace",
            Self::Expired(_) => "expired",
        }
    }
}

/// What a shop gives as account number when it pays for its licence.
pub fn reference(shop: &ShopId) -> String {
    format!("{PREFIX}{shop}")
}

/// An account number that was typed for a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What stands for the shop, as it was typed.
    typed: String,
    /// The phone may have cut its end off.
    cut: bool,
}

/// Whom a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// One shop.
    Shop(ShopId),
    /// No shop.
    Nobody,
    /// It could be any of these.
    Several(Vec<ShopId>),
}

impl Reference {
    /// Reads what was typed: case, blanks and dashes are forgiven, and both spellings of the word. `None`: it
    /// does not say that it is for a licence.
    pub fn parse(typed: &str) -> Option<Self> {
        let typed = typed.trim().to_ascii_lowercase();
        let rest = SPELT.iter().find_map(|word| typed.strip_prefix(word))?;
        let (rest, cut) = (rest.trim_matches(['-', ' ']), typed.chars().count() >= REFERENCE_CHARS);
        (!squeeze(rest).is_empty()).then(|| Self { typed: rest.to_owned(), cut })
    }

    /// The shop that it names letter by letter, if there is one of that name, and no other can be meant.
    pub fn literal(&self) -> Option<ShopId> {
        ShopId::parse(&self.typed).ok().filter(|shop| !self.cut && !shop.is_platform())
    }

    /// Which of these shops it names.
    pub fn among<'a>(&self, shops: impl IntoIterator<Item = &'a ShopId>) -> Named {
        let (literal, wanted) = (self.literal(), squeeze(&self.typed));
        let mut fitting = Vec::new();
        for shop in shops.into_iter().filter(|shop| !shop.is_platform()) {
            if literal.as_ref() == Some(shop) {
                return Named::Shop(shop.clone());
            }
            let name = squeeze(shop.as_str());
            if name == wanted || (self.cut && name.starts_with(&wanted)) {
                fitting.push(shop.clone());
            }
        }
        match <[ShopId; 1]>::try_from(fitting) {
            Ok([shop]) => Named::Shop(shop),
            Err(none) if none.is_empty() => Named::Nobody,
            Err(several) => Named::Several(several),
        }
    }
}

/// Letters and digits alone, in lower case.
fn squeeze(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Payer, Source};
    use proptest::prelude::*;

    fn day(number: i64) -> Timestamp {
        Timestamp::parse_daraja("20261101080000").unwrap().plus_millis(number * DAY_MILLIS)
    }

    fn tariff() -> Tariff {
        Tariff::new(vec![(day(0), Some(Price::default()))])
    }

    fn paid(receipt: &str, shillings: i64, at: Timestamp) -> FeedItem {
        FeedItem::Arrival(Evidence {
            source: Source::C2bConfirmation,
            receipt: ReceiptCode::parse(receipt).unwrap(),
            amount: Money::from_cents(shillings * 100),
            shortcode: ShortCode::parse("400200").unwrap(),
            paid_at: Some(at),
            payer: Payer::default(),
            account_reference: "LICENSE-duka".into(),
            order: None,
            balance: None,
            received_at: at.plus_millis(1000),
        })
    }

    fn reversed(receipt: &str, at: Timestamp) -> FeedItem {
        FeedItem::Reversal(Reversal {
            receipt: ReceiptCode::parse(receipt).unwrap(),
            reversal: None,
            amount: Money::from_cents(100_000),
            reversed_at: None,
            received_at: at,
        })
    }

    fn of(messages: &[FeedItem]) -> Account {
        Account::fold(Some(day(0)), messages, &tariff())
    }

    #[test]
    fn a_price_buys_thirty_days_and_three_prices_ninety() {
        assert_eq!(of(&[paid("UKL1", 1000, day(2))]).until, Some(day(32)));
        assert_eq!(of(&[paid("UKL1", 3000, day(2))]).until, Some(day(92)));
    }

    #[test]
    fn who_pays_early_loses_no_day_and_who_pays_late_gains_none() {
        let early = [paid("UKL1", 1000, day(1)), paid("UKL2", 1000, day(5))];
        assert_eq!(of(&early).until, Some(day(61)));
        let late = [paid("UKL1", 1000, day(1)), paid("UKL2", 1000, day(40))];
        assert_eq!(of(&late).until, Some(day(70)));
    }

    #[test]
    fn what_is_less_than_a_price_is_kept_and_adds_to_the_next_payment() {
        let first = of(&[paid("UKL1", 400, day(1))]);
        assert_eq!(
            (first.until, first.credit),
            (Some(day(0)), Money::from_cents(40_000)),
            "KES 1 buys no month"
        );
        let both = of(&[paid("UKL1", 400, day(1)), paid("UKL2", 700, day(3))]);
        assert_eq!((both.until, both.credit), (Some(day(33)), Money::from_cents(10_000)));
        let days: Vec<u32> = both.grants.iter().map(|grant| grant.days).collect();
        assert_eq!(days, [0, 30]);
    }

    #[test]
    fn one_receipt_is_one_grant_however_often_and_by_whomever_it_is_told() {
        let mut pulled = paid("UKL1", 1000, day(1));
        if let FeedItem::Arrival(evidence) = &mut pulled {
            evidence.source = Source::PulledRow;
        }
        let told = [paid("UKL1", 1000, day(1)), pulled, paid("UKL1", 1000, day(1))];
        assert_eq!((of(&told).until, of(&told).grants.len()), (Some(day(31)), 1));
    }

    #[test]
    fn a_payment_that_went_back_takes_its_days_back() {
        let messages = [paid("UKL1", 1000, day(1)), paid("UKL2", 1000, day(2)), reversed("UKL1", day(9))];
        let account = of(&messages);
        assert_eq!(account.until, Some(day(32)), "the second counts from its own day");
        assert_eq!(account.grants.iter().map(|grant| grant.reversed).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_price_that_changes_leaves_what_was_bought_before() {
        let dearer = Price { amount: Money::from_cents(200_000), days: 30 };
        let tariff =
            Tariff::new(vec![(day(10), Some(dearer)), (day(0), Some(Price::default())), (day(90), None)]);
        let messages = [paid("UKL1", 1000, day(1)), paid("UKL2", 1000, day(11))];
        let account = Account::fold(Some(day(0)), &messages, &tariff);
        assert_eq!((account.until, account.credit), (Some(day(31)), Money::from_cents(100_000)));
        assert_eq!((tariff.at(day(-1)), tariff.at(day(50)), tariff.at(day(99))), (None, Some(dearer), None));
        let early = Account::fold(None, &[paid("UKL1", 1000, day(-5))], &tariff);
        assert_eq!(early.until, Some(day(25)), "who paid before there was a price pays the first one");
    }

    #[test]
    fn grace_runs_from_the_day_on_which_licences_came() {
        let price = Some(Price::default());
        let tariff = Tariff::new(vec![(day(0), price), (day(20), None), (day(90), price), (day(95), price)]);
        let paid = Account::fold(Some(day(-400)), &[paid("UKL1", 1000, day(1))], &tariff);
        let until = |at: i64| paid.licensed_until(&tariff, day(at));
        assert_eq!((until(-1), until(5), until(50)), (None, Some(day(31)), None));
        assert_eq!(
            (until(90), until(99)),
            (Some(day(90)), Some(day(90))),
            "what ran out meanwhile begins anew"
        );
        let never = Account::fold(Some(day(97)), &[], &tariff);
        assert_eq!(never.licensed_until(&tariff, day(99)), Some(day(97)), "a shop that came later");
    }

    #[test]
    fn a_shop_is_licensed_then_in_grace_then_expired() {
        let until = Some(day(30));
        let at = |number: i64, millis: i64| Standing::at(until, day(number).plus_millis(millis));
        assert_eq!(at(30, -1), Standing::Licensed(day(30)));
        assert_eq!(at(30, 0), Standing::Grace(day(30), 7));
        assert_eq!(at(36, 1), Standing::Grace(day(30), 1));
        assert_eq!(at(37, -1), Standing::Grace(day(30), 1));
        assert_eq!(at(37, 0), Standing::Expired(day(30)));
        assert!(at(37, -1).may_sell() && !at(37, 0).may_sell());
        assert!(Standing::at(None, day(99)).may_sell(), "who needs no licence");
    }

    #[test]
    fn an_account_number_is_read_as_people_type_it() {
        let shops = ["duka-moja", "duka-mojawapo-ya-mjini", "kijiji", "a-b", "ab", "leja-licences"];
        let shops = shops.map(|shop| ShopId::parse(shop).unwrap());
        let named = |typed: &str| Reference::parse(typed).map(|reference| reference.among(&shops));
        for typed in [
            "LICENSE-duka-moja",
            " license duka moja",
            "Licence-DUKAMOJA",
            "LICENSEduka-moja",
            "LICENSE--duka-moja",
        ] {
            assert_eq!(named(typed), Some(Named::Shop(shops[0].clone())), "{typed}");
        }
        assert_eq!(
            named("LICENSE-duka-mojawapo"),
            Some(Named::Shop(shops[1].clone())),
            "the phone cut it off"
        );
        assert_eq!(named("LICENSE-kij"), Some(Named::Nobody), "nobody cut this");
        assert_eq!(named("LICENSE-duka-moja-wa"), Some(Named::Shop(shops[1].clone())), "and this");
        assert_eq!(named("LICENSE-ab"), Some(Named::Shop(shops[4].clone())), "letter by letter");
        assert_eq!(named("LICENSE-a b"), Some(Named::Several(vec![shops[3].clone(), shops[4].clone()])));
        assert_eq!(named("LICENSE-leja-licences"), Some(Named::Nobody));
        for typed in ["duka-moja", "LICENSE-", "", "A42"] {
            assert_eq!(named(typed), None, "{typed}");
        }
        assert_eq!(reference(&shops[0]), "LICENSE-duka-moja");
        let literal = |typed: &str| Reference::parse(typed).unwrap().literal();
        assert_eq!(
            (literal("license kijiji"), literal("LICENSE-duka-mojawapo")),
            (Some(shops[2].clone()), None)
        );
    }

    proptest! {
        #[test]
        fn order_and_repetition_of_messages_change_nothing(
            payments in prop::collection::vec((0_usize..8, 1_i64..40, 0_i64..200, any::<bool>()), 0..12),
            seed: u64,
        ) {
            let mut messages = Vec::new();
            let mut receipts = std::collections::BTreeSet::new();
            for (receipt, hundreds, at, goes_back) in payments {
                if receipts.insert(receipt) {
                    let receipt = format!("UKL{receipt}");
                    messages.push(paid(&receipt, hundreds * 100, day(at)));
                    messages.extend(goes_back.then(|| reversed(&receipt, day(at + 1))));
                }
            }
            let straight = of(&messages);
            let mut other = messages.clone();
            other.extend(messages.clone());
            // Any order will do: by a number that has nothing to do with them.
            let mut key = seed;
            other.sort_by_cached_key(|_| { key = key.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); key });
            prop_assert_eq!(&of(&other), &straight);
            // Every shilling that stayed bought days or is kept.
            let stayed: i64 = straight.grants.iter().filter(|g| !g.reversed).map(|g| g.amount.cents()).sum();
            let days: u32 = straight.grants.iter().map(|grant| grant.days).sum();
            prop_assert_eq!(stayed, i64::from(days) / 30 * 100_000 + straight.credit.cents());
            // Paying more never takes days away.
            let mut more = messages;
            more.push(paid("UKL9", 1000, day(250)));
            prop_assert!(of(&more).until >= straight.until);
        }
    }
}
