//! The gateway: tokens, paths, methods, payloads.

use crate::world::*;
use axum::body::Body;
use axum::http::{Request, header};
use local::safaricom::{Fault, Faults};
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_opens_the_rest_for_an_hour_and_not_longer() {
    let world = World::new().await;
    let answer = world.log_in().await;
    assert_eq!(answer["access_token"].as_str().unwrap().len(), 28);
    assert_eq!(answer["expires_in"], "3599");
    world.pass(3598).await;
    world.pushed(&world.push(PAYER, "10")).await;
    world.pass(1).await;
    let refused = world.refused(PUSH, &world.push(PAYER, "20")).await;
    assert_eq!(refused, (404, "404.001.03".into(), "Invalid Access Token".into()));
}

#[tokio::test]
async fn a_newer_token_makes_the_older_one_void() {
    let (world, other) = (World::new().await, "key:secret");
    let (status, _) = world.oauth(other, "?grant_type=client_credentials").await;
    assert_eq!(status, 200);
    assert_eq!(world.refused(PUSH, &world.push(PAYER, "10")).await.1, "404.001.03");
    assert_eq!(world.simulator.tokens_given(), 2);
}

#[tokio::test]
async fn each_api_refuses_a_bad_token_in_its_own_words() {
    let world = World::new().await;
    world.oauth("key:secret", "?grant_type=client_credentials").await;
    let codes = [
        (PUSH, 404, "404.001.03"),
        (QUERY, 404, "404.001.03"),
        (REVERSAL, 404, "404.001.03"),
        (QR, 404, "404.001.03"),
        (REGISTER, 400, "400.003.01"),
        (SIMULATE, 400, "400.003.01"),
        (STATUS, 400, "400.003.01"),
        (BALANCE, 401, "401.002.01"),
        (PULL, 401, "401.001"),
        (PULL_REGISTER, 401, "401.001"),
    ];
    for (path, status, code) in codes {
        let refused = world.refused(path, &json!({})).await;
        assert_eq!((refused.0, refused.1.as_str()), (status, code), "{path}");
    }
}

#[tokio::test]
async fn wrong_keys_get_an_empty_body_and_a_wrong_question_gets_words() {
    let world = World::new().await;
    assert_eq!(world.oauth("key:wrong", "?grant_type=client_credentials").await, (400, String::new()));
    let (status, answer) = world.oauth("key:secret", "?grant_type=password").await;
    assert!(status == 400 && answer.contains("400.008.02"), "{answer}");
    let bare = Request::get("/oauth/v1/generate?grant_type=client_credentials");
    let (status, answer) = world.send(bare.body(Body::empty()).unwrap()).await;
    assert!(status == 400 && answer.contains("400.008.01"), "{answer}");
}

#[tokio::test]
async fn expires_in_may_be_a_number_and_a_token_may_be_void_at_once() {
    let world = World::new().await;
    let odd = Faults::default().with(Fault::ExpiresInNumber, 100).with(Fault::TokenVoid, 100);
    world.simulator.set_faults(odd);
    assert_eq!(world.log_in().await["expires_in"], 3599);
    assert_eq!(world.refused(PUSH, &world.push(PAYER, "10")).await.1, "404.001.03");
    world.simulator.set_faults(Faults::default());
    world.log_in().await;
    world.pushed(&world.push(PAYER, "10")).await;
}

#[tokio::test]
async fn a_wrong_path_a_wrong_method_and_a_wrong_payload_are_told_apart() {
    let world = World::new().await;
    assert_eq!(world.refused("/mpesa/stkpush/v2/processrequest", &json!({})).await.1, "404.001.01");
    let get = Request::get(PUSH).body(Body::empty()).unwrap();
    let (status, answer) = world.send(get).await;
    assert!(status == 405 && answer.contains("405.001"), "{answer}");
    let token = world.log_in().await["access_token"].as_str().unwrap().to_owned();
    let bearer = || Request::post(PUSH).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let json = || bearer().header(header::CONTENT_TYPE, "application/json");
    let push = world.push(PAYER, "10").to_string();
    for request in [bearer().body(Body::from(push)), json().body("{".into()), json().body("[]".into())] {
        let (status, answer) = world.send(request.unwrap()).await;
        assert!(status == 400 && answer.contains("400.002.05"), "{answer}");
    }
    let without = Request::post(PUSH).header(header::CONTENT_TYPE, "application/json");
    let (status, answer) = world.send(without.body("{}".into()).unwrap()).await;
    assert!(status == 404 && answer.contains("404.001.04"), "{answer}");
}

#[tokio::test]
async fn the_gateway_has_bad_moments_in_which_nothing_is_taken() {
    for (fault, status, body) in [
        (Fault::HtmlError, 503, "<html>"),
        (Fault::Empty401, 401, ""),
        (Fault::SpikeArrest, 500, "500.003.02"),
    ] {
        let world = World::of(fault).await;
        let (told, answer) = world.raw(PUSH, &world.push(PAYER, "10")).await;
        assert_eq!(told, status, "{fault:?}");
        assert!(answer.contains(body) && answer.is_empty() == body.is_empty(), "{answer}");
        world.pass(3600).await;
        assert!(world.order().is_empty(), "nobody was asked");
    }
}

#[tokio::test]
async fn a_qr_is_a_square_picture_of_the_size_asked_for() {
    use base64::Engine;
    let world = World::new().await;
    let asked = json!({
        "MerchantName": "DUKA", "RefNo": "A42", "Amount": 350, "TrxCode": "PB", "CPI": PAYBILL, "Size": "300",
    });
    let (status, answer) = world.post(QR, &asked).await;
    assert_eq!((status, answer["ResponseCode"].as_str()), (200, Some("00")));
    let png = base64::engine::general_purpose::STANDARD.decode(answer["QRCode"].as_str().unwrap()).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!((&png[16..20], &png[20..24]), (&300_u32.to_be_bytes()[..], &300_u32.to_be_bytes()[..]));
    for (field, wrong) in [("TrxCode", "XX"), ("Amount", "1.5"), ("CPI", "abc"), ("Size", "9"), ("RefNo", "")]
    {
        assert_eq!(world.refused(QR, &but(asked.clone(), field, wrong)).await.1, "400.002.02", "{field}");
    }
    let world = World::of(Fault::QrResponseId).await;
    let (_, answer) = world.post(QR, &asked).await;
    assert!(
        answer["ResponseCode"].as_str().unwrap().starts_with("AG_20261121_") && answer["QRCode"].is_string()
    );
}

#[tokio::test]
async fn the_page_switches_faults_by_name_and_knows_no_others() {
    let world = World::new().await;
    let (status, answer) = world.post("/simulator/faults", &json!({ "query-html": 40 })).await;
    assert_eq!(status, 200);
    let percent = |answer: &Value, name: &str| {
        let faults = answer["faults"].as_array().unwrap().clone();
        faults.iter().find(|fault| fault["name"] == name).unwrap()["percent"].clone()
    };
    assert_eq!((percent(&answer, "query-html"), percent(&answer, "callback-lost")), (json!(40), json!(0)));
    let (_, answer) = world.post("/simulator/faults", &json!({ "callback-lost": 100 })).await;
    assert_eq!(percent(&answer, "query-html"), 40, "the others stay as they are");
    world.pay(PAYBILL, "10").await;
    assert!(world.heard("/c").is_empty());
    assert_eq!(world.post("/simulator/faults", &json!({ "no-such": 1 })).await.0, 400);
}
