//! Stories of licences: what a payment to the platform buys, how a till keeps it, and what stops without it.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use domain::licence::Standing;
use domain::{Item, Msisdn, Product, ProductId, ShopId, Tender, Timestamp};
use serde_json::{Value, json};
use service::Store;
use service::licence::{Owners, TextError, Texts};
use service::sweep::SweepReport;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tests::faulty::Faulty;
use tests::world::{
    QuietSafaricom, REVERSAL, Replica, World, asha, code, confirmation, kes, of, request_result, sell,
};
use till::{SaleFilter, TillError};
use tower::ServiceExt;

const PAYBILL: &str = "400200";
const DAY: i64 = 24 * 3600;
/// How often a till asks what its shop chose, and a little more.
const FIVE_MINUTES: i64 = 301;

/// A world in which licences are sold, its administrator, a shop, and a till of it.
struct Story {
    world: World,
    admin: Replica,
    shop: ShopId,
    till: Replica,
}

impl Story {
    fn new() -> Self {
        let world = World::new();
        let admin = world.administrator();
        admin.ask("POST", "/v1/admin/licences", &json!({ "paybill": PAYBILL }), world.now()).unwrap();
        let shop = world.shop("duka-moja", "till", "123456");
        let till = world.till(&shop, "Counter");
        Self { world, admin, shop, till }
    }

    /// Somebody pays for a licence.
    fn pay(&self, receipt: &str, shillings: u32, reference: &str) {
        self.world.pay(receipt, PAYBILL, shillings, reference);
    }

    /// The sweep pulls what was paid to the platform: a payment of 1,000.
    fn pull(&self, receipt: &str, reference: &str) -> SweepReport {
        let row = json!({
            "transactionId": receipt, "trxDate": "2026-11-21T08:00:00+03:00", "msisdn": 722_000_000,
            "sender": "MPESA", "transactiontype": "c2b-pay-bill-debit", "billreference": reference,
            "amount": "1000.0", "organizationname": "Licences",
        });
        // Its number is pulled like any other.
        let page = json!({ "ResponseCode": "1000", "Response": [[row]] });
        self.world.safaricom.answer_pull(PAYBILL, page.to_string());
        self.world.wait(self.world.sweep.run())
    }

    /// Time passes with a sync at its end.
    fn pass(&self, seconds: i64) {
        self.world.pass(seconds);
        self.till.sync(self.world.now()).unwrap();
    }

    fn standing(&self) -> Standing {
        self.till.licence(&self.shop, self.world.now()).unwrap().standing
    }

    fn sell(&self) -> Result<(), TillError> {
        self.till.sell(of(100, Tender::Cash), &asha(), self.world.now(), None).map(drop)
    }

    fn ask(&self, method: &'static str, path: &str, body: &Value) -> Result<Value, String> {
        self.admin.ask(method, path, body, self.world.now())
    }

    /// What the administrator sees of a shop: its state, and how many days each receipt bought.
    fn bought(&self, shop: &str) -> (String, Vec<u64>) {
        let told = self.ask("GET", &format!("/v1/admin/licences/{shop}"), &Value::Null).unwrap();
        let grants = told["grants"].as_array().cloned().unwrap_or_default();
        let days = grants.iter().map(|grant| grant["days"].as_u64().unwrap()).collect();
        (told["state"].as_str().unwrap().to_owned(), days)
    }

    fn inbox(&self) -> Vec<(String, String)> {
        let items = self.world.wait(self.world.store.inbox(9)).unwrap();
        items.into_iter().map(|item| (hex::encode(item.hash), item.reason)).collect()
    }
}

fn days(from: Timestamp, days: i64) -> Timestamp {
    from.plus_millis(days * DAY * 1000)
}

#[test]
fn a_new_till_has_its_licence_before_its_first_sync_and_a_payment_buys_a_month() {
    let story = Story::new();
    let opened = story.world.now();
    assert_eq!(story.standing(), Standing::Grace(opened, 7), "a new shop may try for a week");
    let licence = story.till.licence(&story.shop, opened).unwrap();
    let offer = licence.offer.unwrap();
    assert_eq!((offer.paybill.as_str(), offer.price.amount, offer.price.days), (PAYBILL, kes(1000), 30));
    assert_eq!(licence.reference, "LICENSE-duka-moja");
    story.sell().unwrap();
    story.world.pass(DAY);
    let paid = story.world.now();
    story.pay("UKL4LIC001", 1000, "LICENSE-duka-moja");
    story.pass(10);
    assert_eq!(story.standing(), Standing::Licensed(days(paid, 30)));
    story.pay("UKL4LIC002", 2500, "license DUKA MOJA");
    story.pass(FIVE_MINUTES);
    assert_eq!(story.standing(), Standing::Licensed(days(paid, 90)), "from the expiry, and twice");
    assert_eq!(story.till.licence(&story.shop, story.world.now()).unwrap().credit, kes(500));
    story.pay("UKL4LIC003", 500, "LICENSE-duka-moja");
    story.pass(FIVE_MINUTES);
    assert_eq!(story.standing(), Standing::Licensed(days(paid, 120)), "what was kept adds to the next");
    assert_eq!(story.bought("duka-moja"), ("licensed".to_owned(), vec![30, 60, 30]));
}

#[test]
fn without_a_licence_only_new_sales_stop() {
    let mut story = Story::new();
    let (open, claimed, voided) = {
        let sell = |shillings| sell(&story.till, shillings, story.world.now());
        (sell(500), sell(600), sell(700))
    };
    story.pass(8 * DAY);
    let refused = story.sell().unwrap_err();
    assert!(matches!(refused, TillError::Unlicensed { .. }));
    let words = "there is no licence since 2026-11-21, and no new sales until one is paid: pay KES 1000.00 to \
                 paybill 400200, account LICENSE-duka-moja.";
    assert!(refused.to_string().starts_with(words), "{refused}");
    // All that is open is finished, and all that was made goes on.
    let now = story.world.now();
    story.till.take_cash(open, None, &asha(), now, None).unwrap();
    story.world.pay("UKL4AB12CD", "123456", 600, "");
    story.pass(1);
    story.till.claim(claimed, (code("UKL4AB12CD"), domain::How::Typed), &asha(), now).unwrap();
    story.till.void(voided, "changed their mind", &asha(), now).unwrap();
    story.till.printed(open, &asha(), now, None).unwrap();
    let synced = story.till.sync(now).unwrap();
    assert!(synced.sent >= 2, "{synced:?}");
    assert_eq!(story.till.status().unwrap().waiting, 0);
    let backup = story.till.path.join("backup");
    story.till.backup(&backup).unwrap();
    assert!(story.till.sales(&story.shop, SaleFilter::Open, None, 9).unwrap().is_empty());
    // It survives a restart without a line, and ends with a payment, which is heard of within seconds.
    story.till.offline(true);
    story.till.restart();
    assert!(story.sell().is_err());
    story.till.offline(false);
    story.pay("UKL4LIC001", 1000, "LICENSE-duka-moja");
    story.pass(10);
    story.sell().unwrap();
}

#[test]
fn a_request_that_was_made_before_finds_its_sale_whatever_became_of_the_licence() {
    let story = Story::new();
    let sell = || story.till.sell(of(100, Tender::Cash), &asha(), story.world.now(), Some("key-1"));
    let first = sell().unwrap();
    story.pass(8 * DAY);
    let again = sell().unwrap();
    assert!(again.repeated && again.sale.id == first.sale.id);
}

#[test]
fn a_clock_that_is_set_back_brings_no_day_back() {
    let mut story = Story::new();
    story.pass(8 * DAY);
    assert!(story.sell().is_err());
    story.till.offline(true);
    let yesterday = days(story.world.now(), -5);
    let sold = |till: &Replica| till.sell(of(100, Tender::Cash), &asha(), yesterday, None);
    assert!(sold(&story.till).is_err());
    story.till.restart();
    assert!(sold(&story.till).is_err(), "the ledger knows when the cloud was heard of");
    assert_eq!(story.till.licence(&story.shop, yesterday).unwrap().standing.name(), "expired");
}

#[test]
fn time_that_only_sales_tell_of_counts_as_well() {
    let mut story = Story::new();
    story.pass(1);
    story.till.offline(true);
    // Offline, it sells to the end of its grace; then somebody sets the clock back.
    story.world.pass(7 * DAY - 60);
    story.sell().unwrap();
    let (late, early) = (days(story.world.now(), 1), days(story.world.now(), -3));
    let sold = |till: &Replica, at| till.sell(of(100, Tender::Cash), &asha(), at, None);
    assert!(sold(&story.till, late).is_err());
    story.till.restart();
    assert_eq!(story.till.licence(&story.shop, early).unwrap().standing, story.standing());
    assert!(matches!(story.standing(), Standing::Grace(_, 1)));
}

#[test]
fn what_is_written_by_a_clock_that_was_set_back_does_not_hide_how_late_it_was() {
    let story = Story::new();
    let (open, other) =
        (sell(&story.till, 500, story.world.now()), sell(&story.till, 600, story.world.now()));
    story.pass(1);
    story.till.offline(true);
    story.world.pass(8 * DAY);
    story.till.take_cash(open, None, &asha(), story.world.now(), None).unwrap();
    let early = days(story.world.now(), -5);
    story.till.void(other, "changed their mind", &asha(), early).unwrap();
    assert!(story.till.sell(of(100, Tender::Cash), &asha(), early, None).is_err());
    assert_eq!(story.till.licence(&story.shop, early).unwrap().standing.name(), "expired");
}

#[test]
fn a_price_that_is_changed_does_not_hide_how_late_it_was() {
    let mut story = Story::new();
    let open = sell(&story.till, 500, story.world.now());
    story.pass(1);
    story.till.offline(true);
    // Without a line it finishes what is open, long after its days of grace.
    story.world.pass(8 * DAY);
    assert!(story.sell().is_err());
    story.till.take_cash(open, None, &asha(), story.world.now(), None).unwrap();
    // Then its clock is set back, and somebody changes a price.
    let early = days(story.world.now(), -5);
    story.till.restart();
    let sold = |till: &Replica| till.sell(of(100, Tender::Cash), &asha(), early, None);
    assert!(sold(&story.till).is_err());
    let soda = Product::new(ProductId::parse("soda").unwrap(), "Soda", kes(50)).unwrap();
    story.till.set(&story.shop, &Item::Product(soda), &asha(), early).unwrap();
    assert!(sold(&story.till).is_err(), "the ledger knows what was written before the price");
    story.till.restart();
    assert!(sold(&story.till).is_err());
    assert_eq!(story.till.licence(&story.shop, early).unwrap().standing.name(), "expired");
}

#[test]
fn a_clock_that_ran_ahead_locks_nobody_out_once_the_cloud_tells_the_time() {
    let story = Story::new();
    story.pay("UKL4LIC001", 1000, "LICENSE-duka-moja");
    story.pass(10);
    story.till.clock_jumped(0).unwrap();
    let ahead = days(story.world.now(), 36);
    story.till.sell(of(100, Tender::Cash), &asha(), ahead, None).unwrap();
    assert!(matches!(story.standing(), Standing::Grace(..)));
    story.pass(1);
    assert!(matches!(story.standing(), Standing::Licensed(_)));
    story.sell().unwrap();
}

#[test]
fn where_no_licences_are_sold_every_till_sells_for_ever() {
    let world = World::new();
    let shop = world.shop("duka", "till", "123456");
    let mut till = world.till(&shop, "Counter");
    till.offline(true);
    till.restart();
    let far = days(world.now(), 4000);
    till.sell(of(100, Tender::Cash), &asha(), far, None).unwrap();
    assert_eq!(till.licence(&shop, far).unwrap().standing, Standing::Free);
    till.offline(false);
    world.pass(120);
    till.sync(world.now()).unwrap();
    assert_eq!(till.licence(&shop, far).unwrap().standing, Standing::Free);
}

#[test]
fn licences_that_come_later_leave_a_week_and_go_again_when_they_are_switched_off() {
    let world = World::new();
    let (admin, shop) = (world.administrator(), world.shop("duka", "till", "123456"));
    let till = world.till(&shop, "Counter");
    world.pass(100 * DAY);
    admin
        .ask("POST", "/v1/admin/licences", &json!({ "paybill": PAYBILL, "price": "500" }), world.now())
        .unwrap();
    world.pass(60);
    till.sync(world.now()).unwrap();
    let heard = world.now();
    assert_eq!(till.licence(&shop, heard).unwrap().standing, Standing::Grace(heard, 7));
    world.pass(9 * DAY);
    assert!(till.sell(of(1, Tender::Cash), &asha(), world.now(), None).is_err());
    admin.ask("POST", "/v1/admin/licences", &json!({ "off": true }), world.now()).unwrap();
    world.pass(60);
    till.sync(world.now()).unwrap();
    till.sell(of(1, Tender::Cash), &asha(), world.now(), None).unwrap();
    let told = admin.ask("GET", "/v1/admin/licences", &Value::Null, world.now()).unwrap();
    let prices: Vec<&Value> = told["prices"].as_array().unwrap().iter().map(|it| &it["price"]).collect();
    assert_eq!(prices, [&json!("500.00"), &Value::Null]);
}

#[test]
fn what_comes_twice_late_or_by_another_way_changes_nothing_twice() {
    let story = Story::new();
    let paid = story.world.now();
    let body = confirmation("UKL4LIC001", PAYBILL, "1000.00", "LICENSE-duka-moja", paid);
    let platform = ShopId::of_platform();
    for path in [
        "/mpesa/license/confirmation".to_owned(),
        "/mpesa/callback".to_owned(),
        story.world.token_path(&platform, "c/confirmation"),
    ] {
        assert_eq!(story.world.post(&path, &body).0, 200, "{path}");
    }
    let report = story.pull("UKL4LIC001", "LICENSE-duka-moja");
    assert_eq!((report.failed.clone(), report.shops["leja-licences"].new), (vec![], 1));
    assert_eq!(story.bought("duka-moja"), ("licensed".to_owned(), vec![30]));
    let other = confirmation("UKL4LIC001", PAYBILL, "9000.00", "LICENSE-duka-moja", paid);
    story.world.post("/mpesa/callback", &other);
    assert_eq!(story.bought("duka-moja").1, [30], "one receipt is one grant");
    assert_eq!(story.inbox().len(), 1, "what says something else waits for a person");
    // None of it is a payment of the shop's customers.
    story.pass(FIVE_MINUTES);
    assert!(story.till.payments(&story.shop, false, 9).unwrap().is_empty());
}

#[test]
fn a_licence_payment_that_went_back_takes_its_days_back() {
    let story = Story::new();
    let opened = story.world.now();
    story.pay("UKL4LIC001", 1000, "LICENSE-duka-moja");
    story.pass(10);
    assert_eq!(story.standing(), Standing::Licensed(days(opened, 30)));
    let ask = json!({ "receipt": "UKL4LIC001", "amount": "1000.00", "reason": "paid by mistake" });
    let asked = story.ask("POST", "/v1/shops/leja-licences/reversal", &ask).unwrap();
    assert_eq!(story.world.safaricom.asked(REVERSAL).len(), 1);
    let done = [("OriginalTransactionID", "UKL4LIC001"), ("Amount", "1000.00")];
    let result = request_result(asked["request"].as_str().unwrap(), "0", "UKL4REV001", &done);
    story.world.post(&story.world.token_path(&ShopId::of_platform(), "r"), &result);
    story.pass(FIVE_MINUTES);
    assert_eq!(story.standing(), Standing::Grace(opened, 7));
    assert_eq!(story.bought("duka-moja"), ("grace".to_owned(), vec![0]));
}

#[test]
fn a_payment_for_a_shop_that_does_not_exist_waits_until_a_person_says_whose_it_is() {
    let story = Story::new();
    story.world.shop("kijiji", "paybill", "600638");
    story.pay("UKL4LIC001", 1000, "LICENSE-dukani");
    story.pay("UKL4LIC002", 1000, "0712345678");
    let reasons: Vec<String> = story.inbox().into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons.len(), 2);
    assert!(
        reasons.contains(&"a payment for the licence of a shop that does not exist".to_owned()),
        "{reasons:?}"
    );
    let not = "a payment for a licence whose account number is not LICENSE- and a shop".to_owned();
    assert!(reasons.contains(&not), "{reasons:?}");
    let (hash, _) = story.inbox().into_iter().find(|(_, reason)| reason.contains("does not exist")).unwrap();
    let give =
        |shop: &str| story.ask("POST", "/v1/admin/inbox/assign", &json!({ "hash": hash, "shop": shop }));
    give("leja-licences").unwrap_err();
    give("kijiji").unwrap();
    assert_eq!((story.bought("kijiji").1, story.bought("duka-moja").1), (vec![30], vec![]));
    // It was the other shop's after all.
    let reopen =
        || story.ask("POST", "/v1/admin/inbox/reopen", &json!({ "hash": hash, "reason": "mistaken" }));
    reopen().unwrap();
    assert_eq!(story.bought("kijiji").1, Vec::<u64>::new());
    story.pass(30);
    give("duka-moja").unwrap();
    assert_eq!((story.bought("kijiji").1, story.bought("duka-moja").1), (vec![], vec![30]));
    // And back once more.
    reopen().unwrap();
    story.pass(30);
    give("kijiji").unwrap();
    assert_eq!((story.bought("kijiji").1, story.bought("duka-moja").1), (vec![30], vec![]));
    story.pass(FIVE_MINUTES);
    assert!(story.till.payments(&story.shop, false, 9).unwrap().is_empty());
}

#[test]
fn a_pulled_payment_that_names_no_shop_is_given_by_a_person_too() {
    let story = Story::new();
    story.pull("UKL4LIC001", "licence");
    let (hash, _) = story.inbox().pop().unwrap();
    story.ask("POST", "/v1/admin/inbox/assign", &json!({ "hash": hash, "shop": "duka-moja" })).unwrap();
    assert_eq!(story.bought("duka-moja").1, [30]);
}

#[test]
fn the_platform_is_no_shop_that_others_may_take_or_see() {
    let story = Story::new();
    let office = story.world.office();
    story.pay("UKL4LIC001", 1000, "LICENSE-duka-moja");
    office.sync(story.world.now()).unwrap();
    let shops: Vec<String> = office.shops().unwrap().iter().map(|shop| shop.id.to_string()).collect();
    assert_eq!(shops, ["duka-moja"]);
    let licence = office.licence(&story.shop, story.world.now()).unwrap();
    assert!(matches!(licence.standing, Standing::Licensed(_)), "head office knows how its shops stand");
    let form = json!({ "id": "leja-licences", "name": "Me", "account": "paybill", "shortcode": "999888" });
    assert!(story.ask("POST", "/v1/admin/shops", &form).unwrap_err().contains("platform's own name"));
    let till = json!({ "role": "till", "shop": "leja-licences" });
    story.ask("POST", "/v1/admin/enrolments", &till).unwrap_err();
    let taken = story.ask("POST", "/v1/admin/licences", &json!({ "paybill": "123456" })).unwrap_err();
    assert_eq!(taken, "A shop has the number 123456.");
    // A till asks for nobody's licence but its own.
    let path = "/v1/shops/kijiji";
    story.till.ask("GET", path, &Value::Null, story.world.now()).unwrap_err();
    story.till.ask("GET", "/v1/admin/licences", &Value::Null, story.world.now()).unwrap_err();
}

#[test]
fn a_licence_that_another_key_signed_or_that_somebody_changed_does_not_count() {
    let mut story = Story::new();
    let ledger = story.till.path.join("ledger.sqlite");
    let change = |sql: &str| rusqlite::Connection::open(&ledger).unwrap().execute(sql, []).unwrap();
    // Somebody puts another till's bytes, or another key, into the file: the licence is asked for again.
    assert_eq!(change("UPDATE licences SET token = zeroblob(120)"), 1);
    story.till.restart();
    let notices = story.till.status().unwrap().notices;
    assert_eq!(story.standing(), Standing::Free, "who paid is not locked out by a bad disk");
    assert!(notices.iter().any(|notice| notice.contains("not as the platform signed it")), "{notices:?}");
    story.pass(FIVE_MINUTES);
    assert_eq!(story.standing().name(), "grace");
    assert!(story.till.status().unwrap().notices.is_empty());
}

#[test]
fn a_store_that_fails_in_between_loses_no_licence() {
    for seed in 0..20 {
        let world = World::with(|store, _| (Faulty::new(store, 0, seed), QuietSafaricom::default()));
        let admin = world.administrator();
        admin.ask("POST", "/v1/admin/licences", &json!({ "paybill": PAYBILL }), world.now()).unwrap();
        world.shop("duka", "till", "123456");
        world.store.set_percent(25);
        world.store.reseed(seed);
        let body = confirmation("UKL4LIC001", PAYBILL, "1000.00", "LICENSE-duka", world.now());
        assert_eq!(
            world.post("/mpesa/license/confirmation", &body).0,
            200,
            "the queue takes it, seed {seed}"
        );
        world.store.set_percent(0);
        assert_eq!(world.wait(world.sweep.tidy()).failed, Vec::<String>::new());
        let told = admin.ask("GET", "/v1/admin/licences/duka", &Value::Null, world.now()).unwrap();
        assert_eq!(told["grants"][0]["days"], 30, "seed {seed}: {told}");
    }
}

/// Phones that answer as the story says.
#[derive(Default)]
struct Phones {
    sent: Mutex<Vec<(String, String)>>,
    answers: Mutex<VecDeque<Result<(), TextError>>>,
}

impl Texts for Phones {
    async fn send(&self, to: &Msisdn, words: &str) -> Result<(), TextError> {
        self.sent.lock().unwrap().push((to.as_str().to_owned(), words.to_owned()));
        self.answers.lock().unwrap().pop_front().unwrap_or(Ok(()))
    }
}

#[test]
fn an_owner_is_told_once_by_text_what_a_payment_bought() {
    let story = Story::new();
    let set = json!({ "shop": "duka-moja", "phone": "0712 345 678" });
    let told = story.ask("POST", "/v1/admin/owners", &set).unwrap();
    assert_eq!(told["owner"], "***678", "nobody is shown a whole number");
    let phones = Arc::new(Phones::default());
    let store = Arc::new(story.world.store.clone());
    let owners = Owners { store, texts: Arc::clone(&phones), clock: story.world.clock() };
    let tell = || story.world.wait(owners.tell()).unwrap();
    assert_eq!(tell(), 0);
    story.pay("UKL4LIC001", 1000, "LICENSE-duka-moja");
    let no = TextError::Refused("throttled".to_owned());
    phones.answers.lock().unwrap().extend([Err(no.clone()), Err(no)]);
    assert_eq!((tell(), tell(), tell(), tell()), (0, 0, 1, 0), "tried until it went out, and no more");
    let valid = "License activated for Duka. Valid until 2026-12-21 (UKL4LIC001).";
    let sent = phones.sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[2], ("254712345678".to_owned(), valid.to_owned()));
    // The same payment once more, and a pull of it, say nothing new.
    story.pay("UKL4LIC001", 1000, "LICENSE-duka-moja");
    assert_eq!(story.pull("UKL4LIC001", "LICENSE-duka-moja").shops["leja-licences"].new, 1);
    assert_eq!(tell(), 0);
    // Nor does an attempt that broke off in the middle.
    let begun = story.world.store.put_note(&story.shop, "text/UKL4LIC009", b"begun");
    story.world.wait(begun).unwrap();
    story.pay("UKL4LIC009", 1000, "LICENSE-duka-moja");
    assert_eq!(tell(), 0);
    // What may have gone out is not sent again.
    story.pay("UKL4LIC002", 400, "LICENSE-duka-moja");
    phones.answers.lock().unwrap().push_back(Err(TextError::Unknown("no answer".to_owned())));
    assert_eq!((tell(), tell()), (0, 0));
    let sent = phones.sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 4);
    let kept = "KES 400.00 was received for the licence of Duka (UKL4LIC002) and is kept. KES 600.00 more buys 30 days.";
    assert_eq!(sent[3].1, kept);
    // Nobody is told where no phone is known.
    story.ask("POST", "/v1/admin/owners", &json!({ "shop": "duka-moja", "phone": "" })).unwrap();
    story.pay("UKL4LIC003", 1000, "LICENSE-duka-moja");
    assert_eq!((tell(), phones.sent.lock().unwrap().len()), (0, 4));
}

#[test]
fn a_till_says_how_to_pay_and_what_stops_without() {
    let story = Story::new();
    let (till, now) = (story.till.shared(), story.world.clock());
    let router = app::router(till, now, app::SyncLoop::idle(), app::SiblingLoop::idle()).unwrap();
    let ask = |method: &str, path: &str, body: &str| {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        story.world.wait(async {
            let answer = router.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            (status, serde_json::from_slice::<Value>(&body).unwrap())
        })
    };
    let (status, how) = ask("POST", "/pay-license", "shop_id=duka-moja");
    let expected = json!({
        "till_number": PAYBILL, "amount": 1000.00, "reference": "LICENSE-duka-moja", "days": 30,
        "instructions": "Send KES 1000 to paybill 400200, account LICENSE-duka-moja, for 30 days",
    });
    assert_eq!((status, how), (200, expected));
    assert_eq!(ask("POST", "/pay-license", r#"{"shop_id":"kijiji"}"#).0, 404);
    let licence = |told: &Value| told["shops"][0]["licence"].clone();
    let told = licence(&ask("GET", "/v1/status", "").1);
    assert_eq!((&told["state"], &told["grace_days"]), (&json!("grace"), &json!(7)));
    assert_eq!(told["pay"]["reference"], "LICENSE-duka-moja");
    story.pass(8 * DAY);
    assert_eq!(licence(&ask("GET", "/v1/status", "").1)["state"], "expired");
    let (status, problem) = ask("POST", "/create-sale", r#"{"amount":500}"#);
    assert_eq!((status, &problem["type"]), (402, &json!("leja:licence")));
    story.pay("UKL4LIC001", 1000, "LICENSE-duka-moja");
    story.pass(10);
    let told = licence(&ask("GET", "/v1/status", "").1);
    assert_eq!((&told["state"], &told["credit"]), (&json!("licensed"), &json!("0.00")));
    assert_eq!(ask("POST", "/create-sale", r#"{"amount":500}"#).0, 200);
}

#[test]
fn a_till_believes_the_platform_it_met_first_and_no_other() {
    let world = World::new();
    let shop = world.shop("duka", "till", "123456");
    // It is enrolled while no licences are sold, and learns the key all the same.
    let mut till = world.till(&shop, "Counter");
    let other = replica::Keypair::from_seed(&[9; 32]);
    let key = |sql: &str| {
        let connection = rusqlite::Connection::open(till.path.join("ledger.sqlite")).unwrap();
        connection.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0)).unwrap()
    };
    let learnt = key("SELECT key FROM licences");
    assert_eq!(learnt, replica::Keypair::from_seed(&[5; 32]).public().to_bytes());
    // Another hub answers on the same store, with a key of its own, and sells licences that ran out.
    let admin = world.administrator();
    admin.ask("POST", "/v1/admin/licences", &json!({ "paybill": PAYBILL }), world.now()).unwrap();
    let sync = service::sync::Sync::new(Arc::new(world.store.clone()), world.clock()).signing(other);
    till.line = world.line_to(service::sync::router(sync));
    till.restart();
    world.pass(FIVE_MINUTES);
    till.sync(world.now()).unwrap();
    assert_eq!(till.licence(&shop, world.now()).unwrap().standing, Standing::Free);
    let notices = till.status().unwrap().notices;
    assert!(notices.iter().any(|notice| notice.contains("another platform")), "{notices:?}");
}
