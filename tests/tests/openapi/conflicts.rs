//! A payment that two sales want, over the API of two tills and of head office: keep it for one, release a claim, or
//! collect again, with every answer and every refusal. What is answered is what the description says.

use crate::day::faults;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::sync::Arc;
use tests::world::{PUSH, Replica, World};
use tower::ServiceExt;

const CODE: &str = "UKL4AB12CD";

/// A till or head office, and what it serves.
struct Desk {
    replica: Arc<Replica>,
    router: Router,
    document: Value,
    answered: RefCell<Vec<Value>>,
}

/// A shop with two tills and head office; one code was given for a sale at each till.
struct Shop {
    world: World,
    front: Desk,
    back: Desk,
    office: Desk,
    /// The sale that has the payment, and the one that lost it.
    won: String,
    lost: String,
}

impl Desk {
    fn of(world: &World, replica: Replica) -> Self {
        let (open, clock) = (replica.shared(), world.clock());
        let router = app::router(open, clock, app::SyncLoop::idle(), app::SiblingLoop::idle()).unwrap();
        let mut desk =
            Self { replica: Arc::new(replica), router, document: Value::Null, answered: RefCell::default() };
        desk.document = desk.ask(world, "GET", "/openapi.json", &Value::Null).1;
        desk.answered.borrow_mut().clear();
        desk
    }

    /// Asks, and notes it down.
    fn ask(&self, world: &World, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let (status, answer): (u16, Value) = world.wait(async {
            let answer = self.router.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            (
                status,
                serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await.unwrap()).unwrap(),
            )
        });
        let asked =
            json!({ "method": method, "path": path, "status": status, "asked": body, "answer": answer });
        self.answered.borrow_mut().push(asked);
        (status, answer)
    }
}

impl Shop {
    fn with_a_code_shown_twice() -> Self {
        let world = World::new();
        let shop = world.shop("mjini", "till", "123456");
        let desk = |replica| Desk::of(&world, replica);
        let (front, back) = (desk(world.till(&shop, "Front")), desk(world.till(&shop, "Back")));
        let office = desk(world.office());
        let mut it = Self { front, back, office, won: String::new(), lost: String::new(), world };
        it.sync();
        it.won = it.sell(&it.front);
        it.sync();
        it.lost = it.sell(&it.back);
        let typed = json!({ "receipt": CODE, "how": "typed", "by": "Juma" });
        let claims = |sale: &str| format!("/v1/sales/{sale}/claims");
        assert_eq!(it.post(&it.front, &claims(&it.won), &typed).0, 200);
        it.world.pass(1);
        // The cloud knows who was first, before the claim itself is at the other till.
        it.refused(&it.back, &claims(&it.lost), &typed, (409, "leja:claimed-first", "Front"));
        let despite = json!({ "receipt": CODE, "how": "typed", "by": "Juma", "despite": true });
        assert_eq!(it.post(&it.back, &claims(&it.lost), &despite).0, 200);
        it.sync();
        it
    }

    fn desks(&self) -> [&Desk; 3] {
        [&self.front, &self.back, &self.office]
    }

    fn sync(&self) {
        for _ in 0..2 {
            self.world.pass(1);
            for desk in self.desks() {
                let _ = desk.replica.sync(self.world.now());
            }
        }
    }

    fn post(&self, desk: &Desk, path: &str, body: &Value) -> (u16, Value) {
        desk.ask(&self.world, "POST", path, body)
    }

    fn get(&self, desk: &Desk, path: &str) -> Value {
        let (status, answer) = desk.ask(&self.world, "GET", path, &Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    fn sell(&self, desk: &Desk) -> String {
        let sale = json!({ "total": "500", "tender": "mpesa", "by": "Asha" });
        self.post(desk, "/v1/sales", &sale).1["id"].as_str().unwrap().to_owned()
    }

    fn refused(&self, desk: &Desk, path: &str, body: &Value, (expected, kind, why): (u16, &str, &str)) {
        let (status, problem) = self.post(desk, path, body);
        assert_eq!((status, problem["type"].as_str()), (expected, Some(kind)), "{path} {body}: {problem}");
        let title = problem["title"].as_str().unwrap();
        assert!(title.contains(why), "{path} {body}: {title}");
    }

    fn sale(&self, desk: &Desk, sale: &str) -> Value {
        self.get(desk, &format!("/v1/sales/{sale}"))
    }

    /// The one card there is, the same everywhere.
    fn card(&self) -> Value {
        let cards = self.desks().map(|desk| self.get(desk, "/v1/conflicts"));
        assert_eq!(cards[0]["conflicts"].as_array().unwrap().len(), 1, "{}", cards[0]);
        assert!(cards.iter().all(|it| *it == cards[0]), "{cards:#?}");
        cards[0]["conflicts"][0].clone()
    }

    /// Nobody has anything to decide any more.
    fn is_settled(&self) {
        self.sync();
        for desk in self.desks() {
            assert_eq!(self.get(desk, "/v1/conflicts"), json!({ "conflicts": [] }));
        }
    }

    /// The claim of a sale on the card.
    fn claim(&self, sale: &str) -> String {
        let card = self.card();
        let claim = card["claims"].as_array().unwrap().iter().find(|it| it["sale"]["id"] == *sale).unwrap();
        claim["id"].as_str().unwrap().to_owned()
    }

    /// The phone that was asked for the sale that lost answers.
    fn phone_answers(&self, result: &Value) {
        let push =
            self.back.replica.push_status(self.lost.parse().unwrap(), self.world.now()).unwrap().unwrap();
        let mut body = json!({
            "MerchantRequestID": "m", "CheckoutRequestID": push.checkout.unwrap().as_str(), "ResultDesc": "so",
        });
        body.as_object_mut().unwrap().extend(result.as_object().unwrap().clone());
        let shop = domain::ShopId::parse("mjini").unwrap();
        let body = json!({ "Body": { "stkCallback": body } }).to_string();
        assert_eq!(self.world.post(&self.world.token_path(&shop, "s"), &body).0, 200);
        self.sync();
    }

    fn is_as_described(&self) {
        for desk in self.desks() {
            assert_eq!(faults(&desk.document, &desk.answered.borrow()), Vec::<String>::new());
        }
    }
}

fn keep() -> String {
    format!("/v1/conflicts/{CODE}/keep")
}

fn collect() -> String {
    format!("/v1/conflicts/{CODE}/collect")
}

#[test]
fn a_payment_is_kept_for_one_sale_and_whoever_asks_nonsense_hears_what_is_wrong() {
    let shop = Shop::with_a_code_shown_twice();
    let card = shop.card();
    assert_eq!((&card["receipt"], &card["why"]), (&json!(CODE), &json!("it was claimed first")));
    assert_eq!(card["payment"], Value::Null, "nobody has seen it yet");
    shop.world.pay(CODE, "123456", 500, "");
    shop.sync();
    assert_eq!(shop.card()["payment"]["amount"], "500.00");

    let stranger = shop.sell(&shop.front);
    let office =
        |sale: &str| json!({ "sale": sale, "shop": "mjini", "reason": "her message", "by": "Wanjiku" });
    let unseen = "/v1/conflicts/UKL4AB99ZZ/keep";
    for (path, body, expected) in [
        (keep().as_str(), office(&stranger), (409, "leja:refused", "does not claim the payment")),
        (&keep(), office("7-4711"), (409, "leja:refused", "does not claim the payment")),
        (&keep(), office("the red one"), (404, "leja:not-found", "")),
        (&keep(), json!({ "sale": shop.won, "shop": "kijiji" }), (404, "leja:not-found", "")),
        (&keep(), json!({ "sale": shop.won, "shop": "no shop!" }), (400, "leja:bad-request", "")),
        (&keep(), json!({ "shop": "mjini" }), (422, "leja:bad-request", "sale")),
        (unseen, office(&shop.won), (404, "leja:not-found", "conflict about UKL4AB99ZZ")),
        ("/v1/conflicts/no-code-at-all/keep", office(&shop.won), (400, "leja:bad-request", "")),
    ] {
        shop.refused(&shop.office, path, &body, expected);
    }
    shop.card();

    let (status, left) = shop.post(&shop.office, &keep(), &office(&shop.lost));
    assert_eq!((status, left), (200, json!({ "conflicts": [] })));
    shop.is_settled();
    let sales = [&shop.won, &shop.lost].map(|sale| shop.sale(&shop.back, sale));
    assert_eq!([&sales[0]["state"], &sales[1]["state"]], ["open", "paid"]);
    assert!(sales[0]["history"].to_string().contains("her message"), "{}", sales[0]["history"]);
    shop.refused(&shop.office, &keep(), &office(&shop.lost), (404, "leja:not-found", "conflict about"));
    shop.is_as_described();
}

#[test]
fn a_claim_is_released_once_with_a_reason_and_what_closed_books_hold_stays() {
    let shop = Shop::with_a_code_shown_twice();
    let release = |claim: &str| format!("/v1/claims/{claim}/release");
    let why = json!({ "reason": "typed wrongly", "by": "Juma" });
    let (won, lost) = (shop.claim(&shop.won), shop.claim(&shop.lost));
    shop.refused(
        &shop.back,
        &release(&lost),
        &json!({ "by": "Juma" }),
        (409, "leja:refused", "give a reason"),
    );
    shop.refused(&shop.back, &release("7-4711"), &why, (404, "leja:not-found", ""));
    shop.refused(&shop.back, &release("mine"), &why, (404, "leja:not-found", ""));

    shop.world.pay(CODE, "123456", 500, "");
    shop.world.pass(86_400);
    shop.sync();
    let until = shop.world.now().plus_millis(-86_400_000).business_day().to_string();
    let (status, closed) =
        shop.post(&shop.office, "/v1/periods", &json!({ "shop": "mjini", "until": until, "by": "Wanjiku" }));
    assert_eq!((status, closed), (200, json!({ "until": until })));
    shop.sync();
    shop.refused(&shop.front, &release(&won), &why, (409, "leja:refused", "the books are closed"));
    let kept = json!({ "sale": shop.lost, "shop": "mjini", "reason": "hers", "by": "Wanjiku" });
    shop.refused(&shop.office, &keep(), &kept, (409, "leja:refused", "the books are closed"));
    shop.card();
    // What a sale does not have it may give up at any time: else a conflict could never end.
    let (status, sale) = shop.post(&shop.back, &release(&lost), &why);
    assert_eq!((status, &sale["state"], &sale["conflict"]), (200, &json!("open"), &json!(false)));
    shop.refused(&shop.back, &release(&lost), &why, (409, "leja:refused", "released before"));
    shop.is_settled();
    assert_eq!(shop.sale(&shop.office, &shop.won)["state"], "paid");
    shop.is_as_described();
}

#[test]
fn the_customer_of_the_sale_that_lost_pays_again_and_the_first_payment_stays_where_it_is() {
    let shop = Shop::with_a_code_shown_twice();
    shop.world.pay(CODE, "123456", 500, "");
    shop.sync();
    let form = |sale: &str| json!({ "sale": sale, "phone": "0712 345 678", "by": "Juma" });
    let (back, stranger) = (&shop.back, shop.sell(&shop.back));
    let phone = |phone: &str| json!({ "sale": shop.lost, "phone": phone });
    for (body, expected) in [
        (form(&stranger), (409, "leja:refused", "does not claim the payment")),
        (form(&shop.won), (409, "leja:refused", "this sale has the payment")),
        (phone("no phone"), (400, "leja:bad-request", "")),
        (phone("***678"), (400, "leja:bad-request", "")),
        (json!({ "sale": shop.lost }), (422, "leja:bad-request", "phone")),
    ] {
        shop.refused(back, &collect(), &body, expected);
    }
    let unseen = "/v1/conflicts/UKL4AB99ZZ/collect";
    shop.refused(back, unseen, &form(&shop.lost), (404, "leja:not-found", "conflict about"));
    shop.world.safaricom.answer(PUSH, 500, "<html>");
    assert!(
        shop.post(back, &collect(), &form(&shop.lost)).0 >= 500,
        "nobody knows whether the phone was asked"
    );
    shop.world.pass(61);
    back.replica.offline(true);
    shop.refused(back, &collect(), &form(&shop.lost), (503, "leja:offline", ""));
    back.replica.offline(false);
    assert_eq!(shop.world.safaricom.pushes(), 1);
    shop.card();

    shop.world.pass(601);
    let (status, asked) = shop.post(back, &collect(), &form(&shop.lost));
    assert_eq!((status, &asked["state"], &asked["due"]), (200, &json!("open"), &json!("500.00")), "{asked}");
    assert_eq!((&asked["push"]["state"], &asked["push"]["amount"]), (&json!("on_phone"), &json!("500.00")));
    shop.is_settled();
    let items = json!([
        { "Name": "Amount", "Value": 500 }, { "Name": "MpesaReceiptNumber", "Value": "UKL4AB12CE" },
        { "Name": "TransactionDate", "Value": 20_261_121_081_500_u64 }, { "Name": "PhoneNumber", "Value": 254_712_345_678_u64 },
    ]);
    shop.phone_answers(&json!({ "ResultCode": 0, "CallbackMetadata": { "Item": items } }));
    for desk in shop.desks() {
        for (sale, code) in [(&shop.won, CODE), (&shop.lost, "UKL4AB12CE")] {
            let sale = shop.sale(desk, sale);
            assert_eq!((&sale["state"], &sale["over"]), (&json!("paid"), &json!("0.00")), "{sale}");
            assert_eq!(sale["claims"][0]["receipt"], code);
        }
    }
    shop.is_as_described();
}

#[test]
fn a_customer_who_does_not_pay_again_owes_and_may_be_given_what_the_other_sale_gives_up() {
    let shop = Shop::with_a_code_shown_twice();
    shop.world.pay(CODE, "123456", 500, "");
    shop.sync();
    let form = json!({ "sale": shop.lost, "phone": "0712 345 678", "by": "Juma" });
    assert_eq!(shop.post(&shop.back, &collect(), &form).0, 200);
    shop.phone_answers(&json!({ "ResultCode": 1032 }));
    let sale = shop.sale(&shop.front, &shop.lost);
    assert_eq!((&sale["state"], &sale["due"]), (&json!("open"), &json!("500.00")), "{sale}");
    let said = shop.sale(&shop.back, &shop.lost)["push"]["state"].clone();
    assert_eq!(said, "cancelled");

    let void = json!({ "reason": "the goods were put back", "by": "Asha" });
    assert_eq!(shop.post(&shop.front, &format!("/v1/sales/{}/void", shop.won), &void).0, 200);
    shop.sync();
    let free = shop.get(&shop.back, &format!("/v1/payments/{CODE}"));
    assert_eq!((&free["free"], &free["sale"]), (&json!("500.00"), &Value::Null));
    assert_eq!(
        shop.sale(&shop.back, &shop.lost)["state"],
        "open",
        "a person parted them, and a person decides"
    );
    let found = shop.get(&shop.back, &format!("/v1/sales/{}/candidates", shop.lost));
    assert_eq!(found["candidates"][0]["receipt"], CODE);
    let picked = json!({ "receipt": CODE, "how": "picked", "by": "Juma" });
    let (status, paid) = shop.post(&shop.back, &format!("/v1/sales/{}/claims", shop.lost), &picked);
    assert_eq!((status, &paid["state"]), (200, &json!("paid")));
    shop.is_settled();
    shop.is_as_described();
}
