//! Stories of asking a customer's phone, and of the answers that come late, early, twice, wrong or never.

use domain::standing::SaleState;
use domain::{How, Msisdn};
use service::Store;
use tests::world::{World, code, kes, sell};

fn stk_result(checkout: &str, shillings: u32) -> String {
    format!(
        r#"{{"Body":{{"stkCallback":{{"MerchantRequestID":"m","CheckoutRequestID":"{checkout}","ResultCode":0,
        "ResultDesc":"ok","CallbackMetadata":{{"Item":[{{"Name":"Amount","Value":{shillings}}},
        {{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"}},{{"Name":"TransactionDate","Value":20261121080110}},
        {{"Name":"PhoneNumber","Value":254708374149}}]}}}}}}}}"#
    )
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
    assert_eq!((waiting.state.name(), waiting.message.as_str()), ("pending", "Payment timeout"));

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
fn an_unknown_answer_keeps_the_prompt_locked_and_the_late_success_still_lands() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let a = world.till(&shop, "Front");
    let sale = sell(&a, 500, world.now());
    let phone = Msisdn::parse_phone("0712345678").unwrap();
    world.safaricom.silent.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(a.ask_for_payment(sale, &phone, world.now()).is_err());
    let pending = a.push_status(sale, world.now()).unwrap().unwrap();
    assert_eq!(pending.state.name(), "pending", "the prompt may be on the phone");
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
    assert!(a.payment(&shop, &code("NLJ7RT61SV")).unwrap().unwrap().disagreement);
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
    assert_eq!(a.push_status(sale, world.now()).unwrap().unwrap().state.name(), "completed");
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
    assert_eq!(a.push_status(sale, world.now()).unwrap().unwrap().state.name(), "failed");
    assert!(a.ask_for_payment(sale, &phone, world.now()).is_ok());
}
