//! What Safaricom says about payments, in whatever order it says it, and what the sales make of it.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "this is test code")]

use domain::standing::SaleState;
use domain::{
    Account, Actor, Body, CheckoutId, Cited, Claim, Disagreement, Document, Entry, Evidence, Fact, FactBody,
    FactId, FeedItem, How, Money, Payer, Person, PushQuery, PushResult, ReceiptCode, Retraction, Reversal,
    Role, Rules, Sale, Shop, ShopId, ShopRules, ShortCode, Source, Tender, TillId, Timestamp,
};
use ledger::history::Deed;
use ledger::{Identity, Ledger, Page, SaleFilter, SaleRow};
use std::collections::BTreeMap;

const RECEIPT: &str = "UKL4AB12CD";
const ME: Actor = Actor::first(TillId(7));

/// A till's ledger, and the minute of the day.
struct Counter {
    ledger: Ledger,
    shop: ShopId,
    _folder: tempfile::TempDir,
}

fn at(minute: i64) -> Timestamp {
    Timestamp::parse_daraja("20261121080000").unwrap().plus_millis(minute * 60_000)
}

fn kes(shillings: i64) -> Money {
    Money::from_cents(shillings * 100)
}

fn receipt(code: &str) -> ReceiptCode {
    ReceiptCode::parse(code).unwrap()
}

fn checkout() -> CheckoutId {
    CheckoutId::parse("ws_CO_1").unwrap()
}

fn evidence(source: Source, code: &str, shillings: i64) -> Evidence {
    Evidence {
        source,
        receipt: receipt(code),
        amount: kes(shillings),
        shortcode: ShortCode::parse("123456").unwrap(),
        paid_at: Some(at(1)),
        payer: Payer::default(),
        account_reference: String::new(),
        order: None,
        balance: None,
        received_at: at(1),
    }
}

fn arrival(source: Source, code: &str, shillings: i64) -> FeedItem {
    FeedItem::Arrival(evidence(source, code, shillings))
}

fn reversal(code: &str, shillings: i64) -> FeedItem {
    FeedItem::Reversal(Reversal {
        receipt: receipt(code),
        reversal: None,
        amount: kes(shillings),
        reversed_at: Some(at(5)),
        received_at: at(5),
    })
}

fn retraction(source: Source, code: &str) -> FeedItem {
    let reason = "another shop's (by 9)".to_owned();
    FeedItem::Retraction(Retraction { source, receipt: receipt(code), reason, received_at: at(6) })
}

fn pushed(sale: FactId, code: &str, money: Option<Evidence>) -> FeedItem {
    let (code, description) = (code.to_owned(), "words".to_owned());
    let received_at = at(2);
    FeedItem::PushResult(PushResult {
        checkout: checkout(),
        sale,
        code,
        description,
        received_at,
        evidence: money,
    })
}

fn answered(sale: FactId, code: &str) -> FeedItem {
    let (code, description) = (code.to_owned(), "words".to_owned());
    FeedItem::PushQuery(PushQuery { checkout: checkout(), sale, code, description, received_at: at(2) })
}

impl Counter {
    fn open() -> Self {
        Self::with(ShopRules::default())
    }

    fn with(rules: ShopRules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let shop = ShopId::parse("mjini").unwrap();
        let account = Account::Till(ShortCode::parse("123456").unwrap());
        let home = Shop { rules, ..Shop::new(shop.clone(), "Duka", account, None).unwrap() };
        let (letter, name) = ("A".to_owned(), "Front".to_owned());
        ledger.enrol(&Identity { actor: ME, role: Role::Till, letter, name }, &[home]).unwrap();
        Self { ledger, shop, _folder: folder }
    }

    /// Records a fact, as a till would.
    fn record(&mut self, body: FactBody) -> FactId {
        let number = self.ledger.tip(&self.shop, ME).unwrap().map_or(0, |entry| entry.number) + 1;
        let (id, by) = (FactId { actor: ME, number }, Person::named("Asha"));
        let fact = Fact { id, at: at(0), clock: None, formerly: None, by, body };
        let document = Document::DayBook(at(0).business_day());
        let body = Body::Fact { at: at(0), value: vec![1], place: None };
        let entry = Entry { actor: ME, number, document, body, chain: [0; 32], signature: None };
        self.ledger.record(&self.shop, (&entry, (number, [0; 32])), &fact, None).unwrap();
        fact.id
    }

    fn sell(&mut self, shillings: i64) -> FactId {
        self.record(FactBody::Sale(Sale::new(Vec::new(), kes(shillings), Tender::Mpesa, None).unwrap()))
    }

    fn claim(&mut self, sale: FactId, code: &str) -> FactId {
        let sale = Cited::by_name(sale);
        self.record(FactBody::Claim(Claim::new(receipt(code), sale, How::Picked)))
    }

    /// Takes what the cloud tells, each item in an answer of its own.
    fn hear(&mut self, items: &[FeedItem]) {
        for item in items {
            let page = Page { feed: vec![item.clone()], at: Some(at(9)), ..Page::default() };
            self.ledger.take(&self.shop, &page).unwrap();
        }
    }

    fn sale(&self, id: FactId) -> SaleRow {
        self.ledger.sale(id).unwrap()
    }

    fn in_doubt(&self) -> Vec<FactId> {
        let rows = self.ledger.sales(&self.shop, SaleFilter::Conflict, None, 99).unwrap();
        rows.into_iter().map(|row| row.id).collect()
    }

    /// A push for a sale that Safaricom took.
    fn push(&mut self, sale: FactId) {
        let attempt = self.ledger.begin_push(sale, kes(500), None, at(0)).unwrap();
        self.ledger.end_push(sale, attempt, Ok(&checkout())).unwrap();
    }

    fn pushed(&self) -> (Option<String>, Option<ReceiptCode>) {
        let push = self.ledger.push_named(&checkout()).unwrap().unwrap();
        (push.result.map(|(code, _)| code), push.receipt)
    }
}

#[test]
fn a_reversal_reopens_its_sale_whether_it_comes_before_its_payment_or_after() {
    for before in [false, true] {
        let mut counter = Counter::open();
        let sale = counter.sell(500);
        counter.claim(sale, RECEIPT);
        let paid = arrival(Source::C2bConfirmation, RECEIPT, 500);
        if before {
            counter.hear(&[reversal(RECEIPT, 500), paid]);
        } else {
            counter.hear(&[paid]);
            assert_eq!(counter.sale(sale).state, SaleState::Paid);
            counter.hear(&[reversal(RECEIPT, 500)]);
        }
        let row = counter.sale(sale);
        assert_eq!((row.state, row.due, row.reversed), (SaleState::Open, kes(500), true), "before: {before}");
        assert_eq!(counter.in_doubt(), [sale]);
        let day = counter.ledger.day(&counter.shop, at(0).business_day()).unwrap();
        assert_eq!((day.conflicts, day.reversed, day.unclaimed), (1, 1, 0));
        let payment = counter.ledger.payment(&counter.shop, &receipt(RECEIPT)).unwrap().unwrap();
        assert!(payment.reversed && payment.disagreements.is_empty());
        let told = counter.ledger.history_of_sale(sale).unwrap();
        assert!(told.iter().any(|it| it.deed == Deed::Reversed { receipt: receipt(RECEIPT) }), "{told:?}");
    }
}

#[test]
fn a_payment_that_was_taken_back_is_gone_and_its_sale_owes_again() {
    for before in [false, true] {
        let mut counter = Counter::open();
        let sale = counter.sell(500);
        counter.claim(sale, RECEIPT);
        let given = arrival(Source::C2bConfirmation, RECEIPT, 500);
        let back = retraction(Source::C2bConfirmation, RECEIPT);
        counter.hear(&if before { [back, given] } else { [given, back] });
        let row = counter.sale(sale);
        assert_eq!((row.state, row.due), (SaleState::Claimed, kes(500)), "before: {before}");
        assert_eq!(counter.ledger.payment(&counter.shop, &receipt(RECEIPT)).unwrap(), None);
        assert!(counter.ledger.unclaimed_of(&counter.shop, kes(500)).unwrap().is_empty());
        let told = counter.ledger.history_of_sale(sale).unwrap();
        let last = told.last().unwrap();
        let reason = "another shop's (by 9)".to_owned();
        let (receipt, source) = (receipt(RECEIPT), Source::C2bConfirmation);
        assert_eq!(last.deed, Deed::Retracted { receipt, source, reason });
        assert_eq!((last.by.as_str(), last.at), ("the platform", at(6)));
    }
}

#[test]
fn what_another_source_says_outlives_what_was_taken_back() {
    let mut counter = Counter::open();
    let sale = counter.sell(500);
    counter.claim(sale, RECEIPT);
    counter.hear(&[
        arrival(Source::C2bConfirmation, RECEIPT, 500),
        retraction(Source::C2bConfirmation, RECEIPT),
        arrival(Source::PulledRow, RECEIPT, 500),
    ]);
    assert_eq!(counter.sale(sale).state, SaleState::Paid);
    let payment = counter.ledger.payment(&counter.shop, &receipt(RECEIPT)).unwrap().unwrap();
    assert_eq!(payment.sources, ["pulled_row"]);
    counter.hear(&[retraction(Source::PulledRow, RECEIPT)]);
    assert_eq!(counter.sale(sale).due, kes(500), "each source is taken back by itself");
}

#[test]
fn the_answer_to_a_push_of_our_own_is_not_taken_back_with_what_a_person_gave() {
    let mut counter = Counter::open();
    let sale = counter.sell(500);
    counter.push(sale);
    counter.hear(&[
        arrival(Source::StkResult, RECEIPT, 500),
        retraction(Source::StkResult, RECEIPT),
        pushed(sale, "0", Some(evidence(Source::StkResult, RECEIPT, 500))),
    ]);
    assert!(counter.ledger.payment(&counter.shop, &receipt(RECEIPT)).unwrap().is_some());
}

#[test]
fn a_reversed_payment_is_offered_to_no_sale() {
    let mut counter = Counter::open();
    counter.hear(&[arrival(Source::C2bConfirmation, RECEIPT, 500), reversal(RECEIPT, 500)]);
    counter.sell(500);
    let (sales, payments) =
        counter.ledger.to_match(&counter.shop, ME.till, &Rules::default(), &BTreeMap::new()).unwrap();
    assert!(payments.is_empty(), "{sales:?} {payments:?}");
    assert!(counter.ledger.unclaimed_of(&counter.shop, kes(500)).unwrap().is_empty());
    assert!(counter.ledger.payments(&counter.shop, true, 9).unwrap().is_empty());
    assert_eq!(counter.ledger.payments(&counter.shop, false, 9).unwrap().len(), 1, "it is kept all the same");
}

#[test]
fn a_sale_that_was_paid_otherwise_after_a_reversal_is_no_trouble_any_more() {
    let mut counter = Counter::open();
    let sale = counter.sell(500);
    counter.claim(sale, RECEIPT);
    counter.hear(&[arrival(Source::C2bConfirmation, RECEIPT, 500), reversal(RECEIPT, 500)]);
    counter.record(FactBody::Cash { sale: Cited::by_name(sale), amount: kes(500), rounding: Money::ZERO });
    assert_eq!((counter.sale(sale).state, counter.sale(sale).reversed), (SaleState::Paid, true));
    assert!(counter.in_doubt().is_empty());
}

#[test]
fn a_query_never_overturns_what_was_posted_and_a_success_leads_whoever_tells_of_it() {
    let money = || Some(evidence(Source::StkResult, RECEIPT, 500));
    let paid = (Some("0".to_owned()), Some(receipt(RECEIPT)));
    let refused = (Some("1032".to_owned()), None);
    let told = (Some("0".to_owned()), None);
    let cases = [
        (vec![("posted", "0"), ("asked", "1032")], &paid),
        (vec![("asked", "1032"), ("posted", "0")], &paid),
        (vec![("asked", "0"), ("posted", "0")], &paid),
        (vec![("posted", "1032"), ("posted", "0")], &paid),
        (vec![("posted", "1032"), ("asked", "1037")], &refused),
        (vec![("asked", "1037"), ("posted", "1032")], &refused),
        // Safaricom says it was paid, and names no payment: the receipt is still to come.
        (vec![("posted", "1032"), ("asked", "0")], &told),
    ];
    for (messages, expected) in cases {
        let mut counter = Counter::open();
        let sale = counter.sell(500);
        counter.push(sale);
        for (how, code) in &messages {
            let item = match (*how, *code) {
                ("posted", "0") => pushed(sale, "0", money()),
                ("posted", code) => pushed(sale, code, None),
                (_, code) => answered(sale, code),
            };
            counter.hear(&[item]);
        }
        assert_eq!(&counter.pushed(), expected, "{messages:?}");
        let owed = counter.ledger.paid_pushes(&counter.shop, ME.till).unwrap();
        let expected: Vec<_> = expected.1.iter().map(|code| (sale, code.clone())).collect();
        assert_eq!(owed, expected, "{messages:?}");
    }
}

#[test]
fn a_payment_that_answers_a_push_is_never_given_to_another_sale_by_itself() {
    let mut counter = Counter::open();
    let (asked, other) = (counter.sell(400), counter.sell(500));
    counter.push(asked);
    counter.hear(&[pushed(asked, "0", Some(evidence(Source::StkResult, RECEIPT, 500)))]);
    assert_eq!(counter.sale(other).due, kes(500));
    let (_, payments) =
        counter.ledger.to_match(&counter.shop, ME.till, &Rules::default(), &BTreeMap::new()).unwrap();
    assert!(payments.is_empty(), "{payments:?}");
    let offered = counter.ledger.unclaimed_of(&counter.shop, kes(500)).unwrap();
    assert_eq!(offered[0].asked_for, Some(asked), "a person may still choose it, and is told");
}

#[test]
fn a_large_payment_is_unconfirmed_until_a_source_that_was_asked_for_agrees() {
    let rules = ShopRules { second_source_from: Some(kes(20_000)), ..ShopRules::default() };
    let mut counter = Counter::with(rules);
    let (large, small) = (counter.sell(20_000), counter.sell(19_999));
    counter.claim(large, RECEIPT);
    counter.claim(small, "UKL4AB12CE");
    assert!(!counter.sale(large).unconfirmed, "nothing was paid yet");
    counter.hear(&[
        arrival(Source::C2bConfirmation, RECEIPT, 20_000),
        arrival(Source::StkResult, RECEIPT, 20_000),
        arrival(Source::C2bConfirmation, "UKL4AB12CE", 19_999),
    ]);
    let (doubtful, sure) = (counter.sale(large), counter.sale(small));
    assert_eq!((doubtful.state, doubtful.unconfirmed), (SaleState::Paid, true), "two posts are one source");
    assert_eq!((sure.state, sure.unconfirmed), (SaleState::Paid, false));
    assert_eq!(counter.in_doubt(), [large]);
    assert_eq!(counter.ledger.day(&counter.shop, at(0).business_day()).unwrap().unconfirmed, 1);
    let asks = |counter: &Counter, after| counter.ledger.unconfirmed(&counter.shop, ME.till, after).unwrap();
    assert_eq!(asks(&counter, at(0)), [receipt(RECEIPT)]);
    assert!(asks(&counter, at(2)).is_empty(), "what is old is asked by nobody");
    counter.hear(&[arrival(Source::StatusResult, RECEIPT, 20_000)]);
    assert!(!counter.sale(large).unconfirmed && asks(&counter, at(0)).is_empty());
    assert!(counter.in_doubt().is_empty());
}

#[test]
fn a_sale_that_would_be_paid_without_its_large_payment_needs_no_second_source() {
    let rules = ShopRules { second_source_from: Some(kes(300)), ..ShopRules::default() };
    let mut counter = Counter::with(rules);
    let sale = counter.sell(500);
    counter.record(FactBody::Cash { sale: Cited::by_name(sale), amount: kes(500), rounding: Money::ZERO });
    counter.claim(sale, RECEIPT);
    counter.hear(&[arrival(Source::C2bConfirmation, RECEIPT, 500)]);
    let row = counter.sale(sale);
    assert_eq!((row.state, row.over, row.unconfirmed), (SaleState::Paid, kes(500), false));
    assert!(counter.in_doubt().is_empty());
}

#[test]
fn a_payment_is_flagged_for_review_from_the_amount_the_shop_chose() {
    let mut counter = Counter::with(ShopRules { review_from: kes(1_000), ..ShopRules::default() });
    counter.hear(&[
        arrival(Source::C2bConfirmation, RECEIPT, 999),
        arrival(Source::C2bConfirmation, "UKL4AB12CE", 1_000),
    ]);
    let review = |code| counter.ledger.payment(&counter.shop, &receipt(code)).unwrap().unwrap().review;
    assert_eq!((review(RECEIPT), review("UKL4AB12CE")), (false, true));
}

#[test]
fn messages_that_disagree_are_listed() {
    let mut counter = Counter::open();
    counter.hear(&[
        arrival(Source::C2bConfirmation, RECEIPT, 500),
        arrival(Source::PulledRow, RECEIPT, 400),
        arrival(Source::C2bConfirmation, "UKL4AB12CE", 500),
    ]);
    let listed = counter.ledger.disagreeing(&counter.shop, 9).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].amount, listed[0].disagreements.as_slice()),
        (kes(400), &[Disagreement::Amount][..])
    );
    assert!(listed[0].confirmed);
}

#[test]
fn a_till_tells_of_its_own_open_sales() {
    let mut counter = Counter::open();
    let (open, paid) = (counter.sell(500), counter.sell(300));
    counter.record(FactBody::Cash { sale: Cited::by_name(paid), amount: kes(300), rounding: Money::ZERO });
    let letters = BTreeMap::from([(ME, "A".to_owned())]);
    let told = counter.ledger.open_sales(&counter.shop, ME.till, 9).unwrap();
    let told: Vec<_> = told.iter().map(|sale| (sale.id, sale.due, sale.references(&letters))).collect();
    assert_eq!(told, [(open, kes(500), vec!["A1".to_owned()])]);
    assert!(counter.ledger.open_sales(&counter.shop, TillId(8), 9).unwrap().is_empty());
}
