//! What facts refer to: whatever comes first, the rows say the same.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "this is test code")]

use domain::{
    Account, Actor, Body, Claim, Count, Counted, Document, Entry, Fact, FactBody, FactId, How, Level, Money,
    Person, ProductId, ReceiptCode, Role, Sale, Seen, Shop, ShopId, ShortCode, Tender, TillId, Timestamp,
};
use ledger::{Identity, Ledger, SaleRow};
use std::collections::BTreeSet;

fn actor(text: &str) -> Actor {
    text.parse().unwrap()
}

fn fact(name: &str, formerly: Option<&str>, body: FactBody) -> Fact {
    let at = Timestamp::parse_daraja("20261121080000").unwrap();
    let named = |text: &str| text.parse::<FactId>().unwrap();
    Fact { id: named(name), at, clock: None, formerly: formerly.map(named), by: Person::named("Asha"), body }
}

fn kes(shillings: i64) -> Money {
    Money::from_cents(shillings * 100)
}

/// A ledger that heard these facts in this order.
fn heard(facts: &[&Fact]) -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    let shop = ShopId::parse("mjini").unwrap();
    let account = Account::Till(ShortCode::parse("123456").unwrap());
    let home = Shop::new(shop.clone(), "Duka", account, None).unwrap();
    let (actor, letter, name) = (Actor::first(TillId(99)), "Z".to_owned(), "Back".to_owned());
    ledger.enrol(&Identity { actor, role: Role::Till, letter, name }, &[home]).unwrap();
    for fact in facts {
        let document = Document::DayBook(fact.at.business_day());
        let body = Body::Fact { at: fact.at, value: vec![1], place: None };
        let (actor, number) = (fact.id.actor, fact.id.number);
        let entry = Entry { actor, number, document, body, chain: [0; 32], signature: None };
        ledger.record(&shop, (&entry, (number, [0; 32])), fact, None).unwrap();
    }
    (folder, ledger)
}

fn orders<'a>(facts: &[&'a Fact]) -> Vec<Vec<&'a Fact>> {
    let [first, rest @ ..] = facts else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in orders(rest) {
        for place in 0..=order.len() {
            let mut order = order.clone();
            order.insert(place, first);
            all.push(order);
        }
    }
    all
}

/// A till floods its shop with counts that replace nothing.
#[test]
fn a_count_replaces_as_many_as_it_has_room_for_and_the_latest_first() {
    let sugar = ProductId::parse("sugar").unwrap();
    let goods = || [(sugar.clone(), Counted { level: Level::NONE, beyond: Level::NONE })].into();
    let counts: Vec<Fact> = (1..=i64::try_from(Count::MAX_KNOWN).unwrap() + 3)
        .map(|number| {
            let count = Count::new("", goods(), Seen::new(), BTreeSet::new()).unwrap();
            let fact = fact(&format!("8-{number}"), None, FactBody::Count(count));
            Fact { at: fact.at.plus_millis(number), ..fact }
        })
        .collect();
    let (_folder, ledger) = heard(&counts.iter().collect::<Vec<_>>());
    let before = ledger.before_count(&ShopId::parse("mjini").unwrap(), [&sugar].into_iter()).unwrap();
    assert_eq!(before.replaces.len(), Count::MAX_KNOWN);
    assert!(before.replaces.contains(&counts.last().unwrap().cited()), "the one that stands");
    assert!(Count::new("", goods(), before.seen, before.replaces).is_ok());
}

/// A sale, the same as its till wrote it again, another till's of the same instant, and what was said about the
/// first, before and after any of them.
#[test]
fn in_whatever_order_facts_come_what_was_said_stands_at_the_same_sale() {
    let sale = || FactBody::Sale(Sale::new(Vec::new(), kes(100), Tender::Mpesa, None).unwrap());
    let (first, again, other) =
        (fact("7-4", None, sale()), fact("7.1-2", Some("7-4"), sale()), fact("8-4", None, sale()));
    let receipt = ReceiptCode::parse("UKL4AB12CD").unwrap();
    let cash =
        fact("8-5", None, FactBody::Cash { sale: first.cited(), amount: kes(100), rounding: Money::ZERO });
    let claim = FactBody::Claim(Claim::new(receipt.clone(), first.cited(), How::Typed));
    let (claim, back) = (fact("7-5", None, claim), "typed wrong".to_owned());
    let release = fact("8-6", None, FactBody::Release { claim: claim.cited(), reason: back });
    let refund = FactBody::Refund {
        sale: first.cited(),
        amount: kes(30),
        rounding: Money::ZERO,
        reason: "slip".to_owned(),
    };
    let refund = fact("8-7", None, refund);
    // Its till wrote the claim again, and lies about the receipt: what stands must still hang on the facts alone.
    let code = ReceiptCode::parse("UKL4AB12CE").unwrap();
    let moved = FactBody::Claim(Claim::new(code, other.cited(), How::Typed));
    let moved = fact("7.1-3", Some("7-5"), moved);
    for facts in [
        &[&first, &again, &other, &cash, &refund][..],
        &[&first, &other, &claim, &release, &cash],
        &[&first, &other, &claim, &moved, &release, &cash],
        &[&again, &other, &claim, &cash, &refund],
    ] {
        let rows = |order: &[&Fact]| -> Vec<(FactId, SaleRow, usize)> {
            let (_folder, ledger) = heard(order);
            let names = [&first, &again, &other].map(|fact| fact.id);
            let here = names.into_iter().filter_map(|name| ledger.sale(name).ok());
            here.map(|row| {
                let row = SaleRow { number: 0, ..row };
                (row.id, row.clone(), ledger.claims(row.id).unwrap().len())
            })
            .collect()
        };
        let told = rows(facts);
        for order in orders(facts) {
            assert_eq!(rows(&order), told, "{:?}", order.iter().map(|fact| fact.id).collect::<Vec<_>>());
        }
        assert!(told.iter().all(|(id, row, _)| id.actor != actor("8") || row.paid == Money::ZERO));
        assert!(told.iter().any(|(_, row, _)| row.paid > Money::ZERO));
    }
}
