//! What to say when Safaricom asks whether a customer may pay. Pure.
//!
//! Refusing is for certain cases only: the customer stands at the counter with the phone in hand, and what
//! is accepted by mistake can be put right. So a shop's open sales count only while every till of it has
//! told of all its own a moment ago (fact sheet §5.3, field study W29).
//!
//! Which tills a shop still has would cost a read for each while the customer waits. Instead what a till
//! told expires: after three minutes of silence it may have sales that nobody told of, so everything is
//! accepted; after a day it was taken out of service or revoked, and is not waited for any more.

use daraja::C2bPayment;
use daraja::ack::Refusal;
use domain::matching::Reference;
use domain::{FactId, Money, Shop, Timestamp, Validation};
use replica::wire::json::{OpenSale, OpenSales};

/// How old what a till told may be.
const FRESH_MILLIS: u64 = 3 * 60 * 1000;
/// How long a till that fell silent is waited for.
const EXPIRES_MILLIS: i64 = 24 * 3_600_000;

/// How the notes of a shop's tills begin.
pub(crate) const NOTES: &str = "open/";

/// What to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Take the money; it is for this sale, if that is certain.
    Accept(Option<FactId>),
    /// Do not.
    Refuse(Refusal),
}

/// Decides by a shop's rule and what its tills told.
pub(crate) fn decide(shop: &Shop, payment: &C2bPayment, told: &[OpenSales], now: Timestamp) -> Decision {
    // One from a time to come is no old one: a clock was wrong, and the till may well be there.
    let expired = |told: &&OpenSales| told.at < now.plus_millis(-EXPIRES_MILLIS).millis();
    let told: Vec<&OpenSales> = told.iter().filter(|told| !expired(told)).collect();
    let certain = |told: &&OpenSales| {
        let fresh = Timestamp::from_millis(told.at).is_ok_and(|at| at.distance_millis(now) <= FRESH_MILLIS);
        told.complete && fresh
    };
    if shop.rules.validation == Validation::AcceptAll || told.is_empty() || !told.iter().all(certain) {
        return Decision::Accept(None);
    }
    if !shop.has_number(&payment.shortcode) {
        return Decision::Refuse(Refusal::ShortCode);
    }
    let open: Vec<&OpenSale> = told.iter().flat_map(|told| &told.sales).collect();
    let reference = Reference::typed(&payment.account_reference);
    let named = |sale: &&&OpenSale| sale.references.iter().any(|own| Reference::typed(own) == reference);
    let named: Vec<&&OpenSale> =
        open.iter().filter(|_| !reference.as_str().is_empty()).filter(named).collect();
    let owes = |sale: &OpenSale| Money::from_cents(sale.due) == payment.amount;
    match shop.rules.validation {
        Validation::AcceptAll => Decision::Accept(None),
        Validation::References if named.is_empty() => Decision::Refuse(Refusal::Account),
        Validation::References => Decision::Accept(only(named.into_iter().copied())),
        Validation::Amounts if !named.is_empty() => {
            if named.iter().any(|sale| owes(sale)) {
                Decision::Accept(only(named.into_iter().copied()))
            } else {
                Decision::Refuse(Refusal::Amount)
            }
        }
        Validation::Amounts => {
            let owing: Vec<&OpenSale> = open.into_iter().filter(|sale| owes(sale)).collect();
            if owing.is_empty() { Decision::Refuse(Refusal::Amount) } else { Decision::Accept(only(owing)) }
        }
    }
}

/// The name of the one sale there is; none where a person would have to choose.
fn only<'a>(sales: impl IntoIterator<Item = &'a OpenSale>) -> Option<FactId> {
    let mut sales = sales.into_iter();
    let first = sales.next()?;
    if sales.next().is_some() { None } else { first.sale.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Account, ShopId, ShortCode};

    fn shop(validation: Validation) -> Shop {
        let account = Account::Paybill(ShortCode::parse("600638").unwrap());
        let mut shop = Shop::new(ShopId::parse("duka").unwrap(), "Duka", account, None).unwrap();
        shop.rules.validation = validation;
        shop
    }

    fn payment(amount: &str, reference: &str, number: &str) -> C2bPayment {
        let body = format!(
            r#"{{"TransID":"UKL4AB12CD","TransAmount":"{amount}","BusinessShortCode":"{number}","BillRefNumber":"{reference}"}}"#
        );
        match daraja::parse(body.as_bytes()) {
            Ok(daraja::Inbound::C2b(payment)) => payment,
            other => panic!("{other:?}"),
        }
    }

    fn now() -> Timestamp {
        Timestamp::parse_daraja("20261121101500").unwrap()
    }

    fn told(age_millis: i64, sales: &[(&str, i64, &str)]) -> OpenSales {
        let sale = |(sale, due, reference): &(&str, i64, &str)| OpenSale {
            sale: (*sale).to_owned(),
            due: due * 100,
            references: vec![(*reference).to_owned()],
        };
        OpenSales { at: now().millis() - age_millis, complete: true, sales: sales.iter().map(sale).collect() }
    }

    fn check(rule: Validation, (amount, reference): (&str, &str), told: &[OpenSales], expected: Decision) {
        let decided = decide(&shop(rule), &payment(amount, reference, "600638"), told, now());
        assert_eq!(decided, expected, "{rule:?} {amount} {reference}");
    }

    fn accept(sale: &str) -> Decision {
        Decision::Accept(Some(sale.parse().unwrap()))
    }

    #[test]
    fn a_reference_must_name_an_open_sale_where_the_shop_says_so() {
        let open = [told(0, &[("1-1", 500, "A1")]), told(60_000, &[("2-1", 500, "B1")])];
        check(Validation::References, ("500", "a-1"), &open, accept("1-1"));
        check(Validation::References, ("10", "B1"), &open, accept("2-1"));
        check(Validation::References, ("500", "A2"), &open, Decision::Refuse(Refusal::Account));
        check(Validation::References, ("500", ""), &open, Decision::Refuse(Refusal::Account));
        check(Validation::AcceptAll, ("500", "A2"), &open, Decision::Accept(None));
    }

    #[test]
    fn an_amount_must_be_owed_and_binds_only_where_one_sale_owes_it() {
        let open = [told(0, &[("1-1", 500, "A1"), ("1-2", 500, "A2"), ("1-3", 70, "A3")])];
        check(Validation::Amounts, ("70.00", ""), &open, accept("1-3"));
        check(Validation::Amounts, ("500", ""), &open, Decision::Accept(None));
        check(Validation::Amounts, ("500", "A2"), &open, accept("1-2"));
        check(Validation::Amounts, ("70", "A2"), &open, Decision::Refuse(Refusal::Amount));
        check(Validation::Amounts, ("71", ""), &open, Decision::Refuse(Refusal::Amount));
    }

    #[test]
    fn a_till_that_was_not_heard_of_lately_makes_every_payment_welcome() {
        let stale = [told(0, &[("1-1", 500, "A1")]), told(181_000, &[])];
        check(Validation::References, ("10", "X"), &stale, Decision::Accept(None));
        check(Validation::Amounts, ("10", ""), &[], Decision::Accept(None));
    }

    #[test]
    fn a_till_that_did_not_tell_of_all_its_sales_makes_every_payment_welcome() {
        let part = OpenSales { complete: false, ..told(0, &[("2-1", 70, "B1")]) };
        let open = [told(0, &[("1-1", 500, "A1")]), part];
        check(Validation::References, ("10", "X"), &open, Decision::Accept(None));
        check(Validation::Amounts, ("10", ""), &open, Decision::Accept(None));
        let old: OpenSales = serde_json::from_str(r#"{"at":0,"sales":[]}"#).unwrap();
        assert!(!old.complete, "an older till does not know whether it told of all");
    }

    #[test]
    fn a_till_that_was_silent_for_a_day_is_not_waited_for_any_more() {
        let day = 24 * 3_600_000;
        let beside = |age| [told(0, &[("1-1", 500, "A1")]), told(age, &[("2-1", 70, "B1")])];
        check(Validation::References, ("10", "X"), &beside(day), Decision::Accept(None));
        check(Validation::References, ("10", "X"), &beside(day + 1), Decision::Refuse(Refusal::Account));
        check(Validation::References, ("70", "B1"), &beside(day + 1), Decision::Refuse(Refusal::Account));
        check(Validation::References, ("10", "X"), &beside(-2 * day), Decision::Accept(None));
        check(Validation::References, ("10", "X"), &[told(day + 1, &[])], Decision::Accept(None));
    }

    #[test]
    fn a_foreign_number_is_refused_by_its_own_code() {
        let open = [told(0, &[("1-1", 500, "A1")])];
        let foreign = payment("500", "A1", "600999");
        let decided = decide(&shop(Validation::References), &foreign, &open, now());
        assert_eq!(decided, Decision::Refuse(Refusal::ShortCode));
    }
}
