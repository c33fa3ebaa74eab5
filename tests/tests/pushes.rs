//! Stories of asking a customer's phone, and of the answers that come late, early, twice, wrong or never.

use domain::standing::SaleState;
use domain::{Disagreement, FactId, How, Money, Msisdn, Sale, ShopId, Tender};
use serde_json::json;
use service::Store;
use std::time::Duration;
use tests::world::{PUSH, PUSH_QUERY, Replica, World, asha, code, exchange, kes, sell};
use till::{PushState, SaleFilter};

fn stk_result(checkout: &str, shillings: u32) -> String {
    format!(
        r#"{{"Body":{{"stkCallback":{{"MerchantRequestID":"m","CheckoutRequestID":"{checkout}","ResultCode":0,
        "ResultDesc":"ok","CallbackMetadata":{{"Item":[{{"Name":"Amount","Value":{shillings}}},
        {{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"}},{{"Name":"TransactionDate","Value":20261121080110}},
        {{"Name":"PhoneNumber","Value":254708374149}}]}}}}}}}}"#
    )
}

fn phone() -> Msisdn {
    Msisdn::parse_phone("0712345678").unwrap()
}

/// A till that sold for 500 and asked the customer's phone; the push is called `ws_CO_1`.
fn asked() -> (World, ShopId, Replica, FactId) {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    let sale = sell(&till, 500, world.now());
    till.ask_for_payment(sale, &phone(), world.now()).unwrap();
    till.sync(world.now()).unwrap();
    (world, shop, till, sale)
}

/// The customer paid on the phone: Safaricom posts it, and the till hears of it.
fn pays(world: &World, shop: &ShopId, till: &Replica) {
    world.post(&world.token_path(shop, "s"), &stk_result("ws_CO_1", 500));
    till.sync(world.now()).unwrap();
}

/// The customer did not pay, for a reason.
fn refuses(world: &World, shop: &ShopId, till: &Replica, code: &str) {
    let result = stk_result("ws_CO_1", 500).replace(r#""ResultCode":0"#, &format!(r#""ResultCode":{code}"#));
    world.post(&world.token_path(shop, "s"), &result);
    till.sync(world.now()).unwrap();
}

fn state(world: &World, till: &Replica, sale: FactId) -> PushState {
    till.push_status(sale, world.now()).unwrap().unwrap().state
}

fn queries(world: &World) -> usize {
    world.safaricom.asked(PUSH_QUERY).len()
}

#[test]
fn a_push_that_was_paid_settles_its_own_sale_even_among_equals() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let (one, two) = (sell(&a, 500, world.now()), sell(&a, 500, world.now()));
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    let asked = a.ask_for_payment(two, &phone, world.now()).unwrap();
    assert!(a.ask_for_payment(two, &phone, world.now()).is_err(), "one prompt at a time");
    world.pass(80);
    let waiting = a.push_status(two, world.now()).unwrap().unwrap();
    assert_eq!((waiting.state, waiting.message.as_str()), (PushState::Unknown, "Payment timeout"));

    let result = stk_result(&asked.checkout_request_id, 500);
    world.post(&world.token_path(&shop, "s"), &result);
    a.sync(world.now()).unwrap();
    assert_eq!((a.sale(one).unwrap().state, a.sale(two).unwrap().state), (SaleState::Open, SaleState::Paid));
    assert_eq!(a.claims(two).unwrap()[0].how, How::StkRequest);
    // The same payment comes over C2B as well: one payment, two sources.
    world.pay("NLJ7RT61SV", "123456", 500, "");
    a.sync(world.now()).unwrap();
    let payment = a.payment(&shop, &code("NLJ7RT61SV")).unwrap().unwrap();
    assert_eq!(payment.sources, ["c2b_confirmation", "stk_result"]);
    assert_eq!(a.sale(one).unwrap().state, SaleState::Open, "it does not pay the other sale too");
}

#[test]
fn who_asked_a_phone_for_the_next_tills_sale_hears_soon_what_came_of_it() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (front, back) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    let sale = sell(&front, 500, world.now());
    exchange(&world, &[&front, &back]);
    let asks_after = || app::pause(&back, world.now(), Duration::from_secs(8)).as_secs();
    assert_eq!(asks_after(), 10);
    back.ask_for_payment(sale, &phone(), world.now()).unwrap();
    assert_eq!(asks_after(), 1);
    pays(&world, &shop, &back);
    assert_eq!(asks_after(), 10);
}

#[test]
fn an_unknown_answer_keeps_the_prompt_locked_and_the_late_success_still_lands() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    world.safaricom.silent.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(a.ask_for_payment(sale, &phone, world.now()).is_err());
    let pending = a.push_status(sale, world.now()).unwrap().unwrap();
    assert_eq!(pending.state, PushState::Sent, "the prompt may be on the phone");
    assert!(a.ask_for_payment(sale, &phone, world.now()).is_err());
    assert_eq!(world.safaricom.pushes(), 1, "and is not sent to it a second time");
    // The money comes by confirmation.
    world.pay("UKL4AB12CD", "123456", 500, "");
    a.sync(world.now()).unwrap();
    assert_eq!(a.sale(sale).unwrap().state, SaleState::Paid);
}

#[test]
fn a_push_that_never_left_the_shop_can_be_sent_when_the_line_is_back() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    a.offline(true);
    assert!(a.ask_for_payment(sale, &phone, world.now()).is_err());
    a.offline(false);
    a.ask_for_payment(sale, &phone, world.now()).unwrap();
    assert_eq!(world.safaricom.pushes(), 1);
}

#[test]
fn a_push_whose_answer_was_lost_is_asked_after_and_not_sent_again() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    let weather = |percent| {
        let mut weather = a.line.weather.lock().unwrap();
        (weather.loss_percent, weather.random) = ((0, percent), Some(fastrand::Rng::with_seed(1)));
    };
    weather(100);
    assert!(a.ask_for_payment(sale, &phone, world.now()).is_err());
    weather(0);
    let asked = a.ask_for_payment(sale, &phone, world.now()).unwrap();
    assert_eq!((asked.checkout_request_id.as_str(), world.safaricom.pushes()), ("ws_CO_1", 1));
}

#[test]
fn a_result_that_overtakes_the_answer_to_the_push_is_not_lost() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    // The first push of this world will be called ws_CO_1.
    let (status, _) = world.post(&world.token_path(&shop, "s"), &stk_result("ws_CO_1", 500));
    assert_eq!(status, 200);
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    a.ask_for_payment(sale, &phone, world.now()).unwrap();
    a.sync(world.now()).unwrap();
    assert_eq!(a.sale(sale).unwrap().state, SaleState::Paid);
    assert_eq!(world.wait(world.store.inbox(9)).unwrap(), [], "it waits no more");
}

#[test]
fn messages_that_disagree_are_left_to_a_person() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let asked = sell(&a, 500, world.now());
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    let push = a.ask_for_payment(asked, &phone, world.now()).unwrap();
    // A confirmation with the same code says 400, and somebody owes just that.
    world.pay("NLJ7RT61SV", "123456", 400, "");
    world.post(&world.token_path(&shop, "s"), &stk_result(&push.checkout_request_id, 500));
    let other = sell(&a, 400, world.now());
    a.sync(world.now()).unwrap();
    assert_eq!(a.sale(other).unwrap().state, SaleState::Open);
    assert!(a.payment(&shop, &code("NLJ7RT61SV")).unwrap().unwrap().disagreements == [Disagreement::Amount]);
    assert_eq!(a.sale(asked).unwrap().paid, kes(400), "no more is counted than all agree on");
}

#[test]
fn a_push_result_of_another_amount_is_not_believed_whenever_it_comes() {
    for early in [false, true] {
        let world = World::new();
        let shop = world.shop("mjini", "till", "123456");
        let a = world.till(&shop, "Front");
        let sale = sell(&a, 500, world.now());
        let phone = Msisdn::parse_phone("0712345678").unwrap();
        let result = || world.post(&world.token_path(&shop, "s"), &stk_result("ws_CO_1", 5));
        if early {
            result();
        }
        a.ask_for_payment(sale, &phone, world.now()).unwrap();
        if !early {
            result();
        }
        a.sync(world.now()).unwrap();
        assert_eq!(a.sale(sale).unwrap().state, SaleState::Open);
        assert_eq!(
            world.wait(world.store.inbox(9)).unwrap().len(),
            1,
            "it waits for a person (early: {early})"
        );
    }
}

#[test]
fn a_push_whose_answer_was_lost_learns_its_end_from_its_result() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    {
        let mut weather = a.line.weather.lock().unwrap();
        (weather.loss_percent, weather.random) = ((0, 100), Some(fastrand::Rng::with_seed(1)));
    }
    assert!(a.ask_for_payment(sale, &phone, world.now()).is_err());
    a.line.weather.lock().unwrap().random = None;
    world.post(&world.token_path(&shop, "s"), &stk_result("ws_CO_1", 500));
    a.sync(world.now()).unwrap();
    assert_eq!(a.push_status(sale, world.now()).unwrap().unwrap().state, PushState::Paid);
    assert_eq!(a.sale(sale).unwrap().state, SaleState::Paid);
}

#[test]
fn a_prompt_without_a_result_does_not_lock_its_sale_for_ever() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    a.ask_for_payment(sale, &phone, world.now()).unwrap();
    world.pass(599);
    assert!(a.ask_for_payment(sale, &phone, world.now()).is_err());
    world.pass(1);
    assert_eq!(a.ask_for_payment(sale, &phone, world.now()).unwrap().checkout_request_id, "ws_CO_2");
    // A wrong PIN ends a prompt as well.
    let wrong_pin = stk_result("ws_CO_2", 500).replace(r#""ResultCode":0"#, r#""ResultCode":2001"#);
    world.post(&world.token_path(&shop, "s"), &wrong_pin);
    a.sync(world.now()).unwrap();
    let refused = a.push_status(sale, world.now()).unwrap().unwrap();
    assert_eq!((refused.state, refused.swahili), (PushState::Refused, "PIN ya M-Pesa si sahihi"));
    // Safaricom takes the same amount from the same customer again after two minutes.
    world.pass(120);
    assert!(a.ask_for_payment(sale, &phone, world.now()).is_ok());
}

#[test]
fn the_phone_is_asked_for_whole_shillings_and_the_cents_remain_due() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    let total = Money::parse("500.50").unwrap();
    let sale = Sale::new(Vec::new(), total, Tender::Mpesa, None).unwrap();
    let sale = till.sell(sale, &asha(), world.now(), None).unwrap().sale.id;
    let prompted = till.ask_for_payment(sale, &phone(), world.now()).unwrap();
    assert_eq!((prompted.amount, prompted.remains), (kes(500), Money::parse("0.50").unwrap()));
    assert_eq!(world.safaricom.asked(PUSH)[0]["Amount"], "500");
    assert_eq!(till.push_status(sale, world.now()).unwrap().unwrap().amount, kes(500));
    pays(&world, &shop, &till);
    let row = till.sale(sale).unwrap();
    assert_eq!((row.state, row.due), (SaleState::PartPaid, prompted.remains));
    let refused = till.ask_for_payment(sale, &phone(), world.now()).unwrap_err().to_string();
    assert!(refused.contains("one shilling at least") && refused.contains("0.50"), "{refused}");
    assert_eq!(till.take_cash(sale, None, &asha(), world.now(), None).unwrap().state, SaleState::Paid);
}

#[test]
fn a_phone_that_has_a_prompt_is_not_asked_for_another_sale_and_the_cashier_hears_why() {
    let (world, shop, till, _) = asked();
    let other = sell(&till, 300, world.now());
    let refused = till.ask_for_payment(other, &phone(), world.now()).unwrap_err().to_string();
    assert!(refused.contains("asks this phone again in"), "{refused}");
    let told = till.push_status(other, world.now()).unwrap().unwrap();
    assert_eq!((told.state, told.state.seed_name(), told.message), (PushState::NotSent, "error", refused));
    assert_eq!(world.safaricom.pushes(), 1, "it was not sent");
    world.pass(60);
    till.ask_for_payment(other, &phone(), world.now()).unwrap();
    assert_eq!(state(&world, &till, other), PushState::OnPhone);
    assert_eq!(till.payments(&shop, false, 9).unwrap(), []);
}

#[test]
fn a_till_asks_what_became_of_its_push_often_first_and_no_more_once_it_knows() {
    let (world, _, till, sale) = asked();
    let mut asked_at = Vec::new();
    for second in 1..=200 {
        world.pass(1);
        let before = queries(&world);
        till.sync(world.now()).unwrap();
        asked_at.extend((queries(&world) > before).then_some(second));
    }
    assert_eq!(asked_at, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 180]);
    assert_eq!(state(&world, &till, sale), PushState::Unknown);
    let cancelled =
        json!({ "ResponseCode": "0", "ResultCode": "1032", "ResultDesc": "Request cancelled by user" });
    world.safaricom.answer(PUSH_QUERY, 200, cancelled.to_string());
    world.pass(40);
    till.sync(world.now()).unwrap();
    assert_eq!(state(&world, &till, sale), PushState::Cancelled, "the answer is there with the same sync");
    let known = queries(&world);
    for _ in 0..3 {
        world.pass(900);
        till.sync(world.now()).unwrap();
    }
    assert_eq!(queries(&world), known);
    assert!(till.ask_for_payment(sale, &phone(), world.now()).is_ok());
}

#[test]
fn no_question_is_asked_while_the_line_is_down_and_selling_goes_on() {
    let (world, _, till, sale) = asked();
    till.offline(true);
    world.pass(30);
    assert!(till.sync(world.now()).is_err());
    sell(&till, 100, world.now());
    assert_eq!((queries(&world), state(&world, &till, sale)), (0, PushState::OnPhone));
}

#[test]
fn a_question_that_gets_no_answer_is_no_error_and_is_asked_again() {
    let (world, _, till, sale) = asked();
    world.pass(10);
    world.safaricom.silent.store(true, std::sync::atomic::Ordering::SeqCst);
    till.sync(world.now()).unwrap();
    world.safaricom.answer(
        PUSH_QUERY,
        500,
        r#"{"requestId":"1","errorCode":"500.001.1001","errorMessage":"The transaction is being processed"}"#,
    );
    world.pass(10);
    till.sync(world.now()).unwrap();
    assert_eq!((queries(&world), state(&world, &till, sale)), (2, PushState::OnPhone));
}

#[test]
fn a_customer_of_whom_safaricom_says_that_she_paid_is_not_asked_again_before_the_receipt_is_there() {
    let (world, shop, till, sale) = asked();
    world.safaricom.answer(PUSH_QUERY, 200, json!({ "ResponseCode": "0", "ResultCode": "0" }).to_string());
    world.pass(700);
    till.sync(world.now()).unwrap();
    assert_eq!(
        (state(&world, &till, sale), till.sale(sale).unwrap().state),
        (PushState::Paid, SaleState::Open)
    );
    let refused = till.ask_for_payment(sale, &phone(), world.now()).unwrap_err().to_string();
    assert!(refused.contains("the customer has paid"), "{refused}");
    pays(&world, &shop, &till);
    assert_eq!(till.sale(sale).unwrap().state, SaleState::Paid);
}

#[test]
fn a_success_that_comes_after_a_refusal_lands_on_its_sale() {
    let (world, shop, till, sale) = asked();
    refuses(&world, &shop, &till, "1037");
    let refused = till.push_status(sale, world.now()).unwrap().unwrap();
    assert_eq!((refused.state, refused.message.as_str()), (PushState::Refused, "Payment timeout"));
    assert_eq!(refused.swahili, "Simu haipatikani au mteja hakujibu");
    pays(&world, &shop, &till);
    assert_eq!(
        (state(&world, &till, sale), till.sale(sale).unwrap().state),
        (PushState::Paid, SaleState::Paid)
    );
}

#[test]
fn a_success_that_comes_after_cash_was_taken_shows_as_to_be_given_back() {
    let (world, shop, till, sale) = asked();
    refuses(&world, &shop, &till, "1032");
    till.take_cash(sale, None, &asha(), world.now(), None).unwrap();
    let other = sell(&till, 500, world.now());
    pays(&world, &shop, &till);
    let row = till.sale(sale).unwrap();
    assert_eq!((row.state, row.paid, row.over), (SaleState::Paid, kes(1000), kes(500)));
    assert_eq!(till.sale(other).unwrap().state, SaleState::Open, "it settles no other sale");
    let office = world.office();
    till.sync(world.now()).unwrap();
    office.sync(world.now()).unwrap();
    assert_eq!(office.sale(sale).unwrap().over, kes(500));
}

#[test]
fn a_success_that_comes_after_the_sale_was_cancelled_stays_unclaimed_and_says_whose_it_was() {
    let (world, shop, till, sale) = asked();
    till.void(sale, "the customer left", &asha(), world.now()).unwrap();
    // Somebody else owes just as much at the same time.
    let other = sell(&till, 500, world.now());
    pays(&world, &shop, &till);
    till.sync(world.now()).unwrap();
    assert_eq!(
        (till.sale(sale).unwrap().state, till.sale(other).unwrap().state),
        (SaleState::Voided, SaleState::Open)
    );
    let free = till.payments(&shop, true, 9).unwrap();
    assert_eq!((free.len(), free[0].asked_for), (1, Some(sale)));
    let claims = till.claims(sale).unwrap();
    assert_eq!(claims.len(), 1, "the cancelled sale tells of it, once");
    assert_eq!(claims[0].payment.as_ref().unwrap().sale, None);
    // A person may still decide that it is the other sale's.
    till.claim(other, (code("NLJ7RT61SV"), How::Picked), &asha(), world.now()).unwrap();
    assert_eq!(till.sale(other).unwrap().state, SaleState::Paid);
}

#[test]
fn money_that_somebody_took_for_another_sale_goes_to_the_sale_that_asked_for_it_and_both_are_told() {
    let (world, shop, till, sale) = asked();
    let other = sell(&till, 500, world.now());
    // The confirmation is here first, and the cashier mistakes it.
    world.pay("NLJ7RT61SV", "123456", 500, "");
    till.sync(world.now()).unwrap();
    till.claim(other, (code("NLJ7RT61SV"), How::Picked), &asha(), world.now()).unwrap();
    pays(&world, &shop, &till);
    let (mine, theirs) = (till.sale(sale).unwrap(), till.sale(other).unwrap());
    assert_eq!((mine.state, mine.conflict), (SaleState::Paid, false));
    assert_eq!((theirs.state, theirs.conflict), (SaleState::Open, true));
    let shown = till.sales(&shop, SaleFilter::Conflict, None, 9).unwrap();
    assert_eq!(shown.iter().map(|row| row.id).collect::<Vec<_>>(), [other]);
}

#[test]
fn a_push_is_sent_though_the_clock_of_the_till_is_wrong() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    let late = world.now().plus_millis(-3 * 3_600_000);
    let sale = sell(&till, 500, late);
    till.ask_for_payment(sale, &phone(), late).unwrap();
    assert_eq!(world.safaricom.pushes(), 1);
}
