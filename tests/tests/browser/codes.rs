//! What a customer shows: a code, its end, or a whole message; and the list of payments to choose from.

use serde_json::json;
use tests::browser::{Browser, COUNTER, PHONE};
use tests::counter::{Shop, assert_calm, fits, fits_at, sell};
use tests::process::http;

#[test]
fn one_field_takes_a_code_its_end_or_the_whole_message_and_says_what_speaks_against_it() {
    let mut shop = Shop::open();
    let till = shop.till("till-a", "Front counter");
    let browser = Browser::start();
    let page = browser.open(&till);
    page.fill("cashier", "Wanjiru");
    shop.pay("UKL7AB2C3D", "310.00", "GRACE");
    page.until_text("unclaimed-UKL7AB2C3D", "GRACE");
    sell(&page, "300.00");

    // A message about another amount: it is said before anything is claimed.
    page.click("type-code");
    page.fill("code-input", "UKL7AB2C3D Confirmed. Ksh310.00 paid to DUKA LA MJINI. on 22/11/26 at 8:15 AM.");
    page.until_text("warning-amount", "310.00");
    page.until_text("code-told", "Safaricom told of this payment");
    fits(&page, "till-message");

    // One letter wrong: the payment that is nearly so is offered.
    page.fill("code-input", "UKL7AB2C3E");
    page.until_text("code-told", "Nearly this code");
    page.until_text("candidate-UKL7AB2C3D", "GRACE");

    // The end is enough where one payment ends so.
    page.fill("code-input", "b2c3d");
    page.until_text("code-told", "Payments that end so");
    fits(&page, "till-ending");
    page.click("code-submit");
    page.until_state("sale-state", "paid");
    page.until_text("over", "KES 10.00 has to go back");

    // Who shows it again hears that it was used, and the list shows by whom.
    page.click("back");
    sell(&page, "310.00");
    page.click("type-code");
    page.fill("code-input", "UKL7AB2C3D");
    page.until_text("warning-used", "used for sale");
    fits(&page, "till-used");
    page.click("choose-payment");
    page.click("used-payments");
    page.until_text("used-UKL7AB2C3D", "used for sale");
    for screen in [PHONE, COUNTER] {
        page.on(screen);
        assert_eq!(page.overhang(), 0);
    }
    assert_calm(&browser);
}

#[test]
fn of_two_sales_of_one_total_the_page_says_before_the_customer_pays_what_tells_them_apart() {
    let mut shop = Shop::open();
    let till = shop.till("till-a", "Front counter");
    let browser = Browser::start();
    let page = browser.open(&till);
    page.fill("cashier", "Wanjiru");
    let first = sell(&page, "200.00");
    page.click("back");
    sell(&page, "200.00");
    let said = page.until_text("same-amount", "also waits for KES 200.00");
    assert!(said.contains("Wanjiru") && said.contains("Ask for the code"), "{said} of {first}");
    fits(&page, "till-same-amount");
    shop.pay("UKL8AB2C3D", "200.00", "HASSAN");
    page.until_text("choose-payment", "(1)");
    page.click("unclaimed-UKL8AB2C3D");
    page.until_text(&format!("use-{first}"), "Use for sale");
    fits(&page, "till-payment");
    page.click(&format!("use-{first}"));
    page.until_state("sale-state", "paid");
    assert_calm(&browser);
}

#[test]
fn above_a_limit_of_what_nobody_has_seen_a_manager_types_their_pin() {
    let mut shop = Shop::open();
    let till = shop.till("till-a", "Front counter");
    let set = |kind: &str, form: serde_json::Value| {
        assert_eq!(http("PUT", &format!("{till}/v1/catalogue/{kind}"), &form.to_string()).0, 200);
    };
    set("setting/unverified-per-sale", json!({ "value": "800" }));
    set("staff/mama-njeri", json!({ "name": "Mama Njeri", "role": "manager", "pin": "4711" }));
    let browser = Browser::start();
    let page = browser.open(&till);
    page.fill("cashier", "Wanjiru");
    sell(&page, "950.00");
    page.click("type-code");
    page.fill("phone-end", "149");
    page.fill("code-input", "UKL9AB2C3D");
    page.until_text("code-told", "Not seen yet");
    page.click("code-submit");
    page.fill("manager-pin", "4711");
    fits(&page, "till-manager");
    page.click("decide");
    page.until_state("sale-state", "claimed");
    page.until_text("sale-state", "to be verified");
    page.until_text("history", "Mama Njeri");
    page.until_text("unverified", "950.00");
    fits_at(&page, "drawer", "till-gauge");

    // Below it a cashier decides alone, with a reason that is kept.
    page.click("back");
    sell(&page, "80.00");
    page.click("trust");
    page.fill("reason-input", "M-Pesa is slow");
    page.click("reason-confirm");
    page.until_text("trusted", "KES 80.00 is still due");
    page.until_text("history", "M-Pesa is slow");
    fits(&page, "till-trusted");
    assert_calm(&browser);
}
