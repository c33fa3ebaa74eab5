//! The oracle itself: a world in which all is well, then one thing that is not.

use super::*;
use crate::simulation::oracle::{Correction, Facts, SaleMade, Tendered, View};
use crate::simulation::plan::{Kept, plan};
use domain::{Money, Person, Tender};

/// A day on which nothing was lost, and everything was done that these tests meddle with.
fn a_good_day() -> Run {
    let busy = |run: &Run| {
        let Oracle { corrections, claims, goods, .. } = &run.oracle;
        let claimed = claims.values().any(|claim| !run.oracle.is_void(claim.sale));
        claimed && !corrections.is_empty() && !goods.is_empty()
    };
    (5..50).map(day).find(busy).unwrap()
}

fn day(seed: u64) -> Run {
    let scale = Scale { days: 1, shops: 2, tills: 1 };
    let mut run = Run::new(seed, scale);
    for event in plan(seed, scale, &Kept::default()) {
        assert_eq!(run.event(&event), []);
    }
    run
}

/// What the oracle says about a good day after somebody meddled with what it knows.
fn after(meddle: impl FnOnce(&mut Oracle)) -> Vec<Loss> {
    let mut run = a_good_day();
    meddle(&mut run.oracle);
    let (found, _) = run.look(None).unwrap();
    let mut losses: Vec<Loss> = found.into_iter().map(|violation| violation.loss).collect();
    losses.sort();
    losses.dedup();
    losses
}

fn a_sale(oracle: &Oracle) -> FactId {
    *oracle.sales.iter().find(|(_, made)| made.sale.tender == Tender::Mpesa).unwrap().0
}

#[test]
fn a_good_day_is_good() {
    assert_eq!(after(|_| {}), []);
}

#[test]
fn a_receipt_that_is_gone_or_says_something_else_is_noticed() {
    let gone = after(|oracle| {
        let made = oracle.sales[&a_sale(oracle)].clone();
        oracle.sales.insert("1-9999".parse().unwrap(), made);
    });
    assert_eq!(gone, [Loss::Receipt]);
    let changed = after(|oracle| {
        let sale = a_sale(oracle);
        oracle.sales.get_mut(&sale).unwrap().by = Person::named("Somebody else");
    });
    assert_eq!(changed, [Loss::Receipt]);
}

#[test]
fn a_body_that_was_acknowledged_and_is_gone_is_noticed() {
    assert_eq!(after(|oracle| oracle.strays.push(b"never kept".to_vec())), [Loss::Confirmation]);
}

#[test]
fn money_that_counts_otherwise_is_noticed() {
    let found = after(|oracle| {
        let sale = a_sale(oracle);
        let (amount, rounding) = (Money::from_cents(100), Money::ZERO);
        oracle.cash.insert("1-9999".parse().unwrap(), Tendered { sale, amount, rounding });
    });
    assert!(found.contains(&Loss::Money), "{found:?}");
}

#[test]
fn a_tip_that_nobody_knows_of_is_noticed() {
    let found = after(|oracle| {
        let sale = a_sale(oracle);
        oracle.tips.insert("1-9999".parse().unwrap(), (sale, Money::from_cents(100)));
    });
    assert!(found.contains(&Loss::Money), "{found:?}");
}

#[test]
fn a_manager_who_allowed_a_claim_and_is_forgotten_is_noticed() {
    let found = after(|oracle| {
        let claim = oracle.claims.values_mut().next().unwrap();
        claim.approved = Some(Person::named("Somebody else"));
    });
    assert_eq!(found, [Loss::Correction]);
}

#[test]
fn a_payment_that_went_back_and_counts_all_the_same_is_noticed() {
    let run = a_good_day();
    let (shop, office) = (&run.town.shops[0], run.town.desks.last().unwrap());
    let facts = Facts::of(office.facts(&shop.id).unwrap());
    let mut books = run.town.books();
    let (key, _) = books.money.iter().find(|((of, _), _)| *of == shop.id).unwrap();
    books.back.insert(key.clone());
    let view = View::of(office, &shop.id, &facts, run.town.world.now()).unwrap();
    let found = run.oracle.money_is_counted_once(&view, &books);
    assert!(!found.is_empty());
}

#[test]
fn a_verdict_that_differs_is_noticed() {
    let found = after(|oracle| {
        let claimed = oracle.claims.values().find(|claim| !oracle.is_void(claim.sale)).unwrap();
        let (shop, sale, by) = (claimed.shop.clone(), claimed.sale, Person::named("till-0a"));
        let told = Correction { shop, sale, claim: None, reason: "nobody said this".to_owned(), by };
        oracle.corrections.insert("1-9999".parse().unwrap(), told);
    });
    assert!(found.contains(&Loss::Verdict), "{found:?}");
}

#[test]
fn a_correction_that_nobody_tells_of_is_noticed() {
    let found = after(|oracle| {
        let told = oracle.corrections.values_mut().next().unwrap();
        told.reason = "nobody said this".to_owned();
    });
    assert_eq!(found, [Loss::Correction]);
}

#[test]
fn goods_that_were_written_down_and_are_gone_are_noticed() {
    let gone = after(|oracle| {
        let (_, goods) = oracle.goods.pop_first().unwrap();
        oracle.goods.insert("1-9999".parse().unwrap(), goods);
    });
    assert_eq!(gone, [Loss::Correction]);
}

#[test]
fn a_print_that_nobody_knows_of_is_noticed() {
    let gone = after(|oracle| {
        let (sale, made) = oracle.sales.first_key_value().unwrap();
        oracle.printed.insert("1-9999".parse().unwrap(), (made.shop.clone(), *sale));
    });
    assert_eq!(gone, [Loss::Receipt]);
}

#[test]
fn a_sale_that_nobody_made_is_noticed() {
    let found = after(|oracle| {
        let cash = |made: &SaleMade| made.sale.tender == Tender::Cash;
        let sale = *oracle.sales.iter().find(|(_, made)| cash(made)).unwrap().0;
        oracle.sales.remove(&sale);
        oracle.written.remove(&sale);
    });
    assert!(found.contains(&Loss::Foreign), "{found:?}");
}

#[test]
fn whatever_stops_somebody_is_noticed() {
    let losses = |found: &[Violation]| found.iter().map(|it| it.loss).collect::<Vec<_>>();
    let mut run = a_good_day();
    let (now, desk) = (run.town.world.now(), &run.town.desks[0]);
    Deal::sale(&mut Rng::with_seed(1), Tender::Cash).done(desk, now).unwrap();
    let (found, _) = run.look(None).unwrap();
    assert!(losses(&found).contains(&Loss::Stopped), "what waits at a till and goes nowhere: {found:?}");

    run.town.desks[0].line.down_until(i64::MAX);
    let mut wrong = Vec::new();
    run.exchange(&mut wrong);
    assert_eq!(losses(&wrong), [Loss::Stopped], "a till that gets no answer: {wrong:?}");
}
