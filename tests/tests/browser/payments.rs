//! A payment and its sale, as cashiers and head office see them: by itself, by choice, twice, and not sure yet.

use serde_json::json;
use tests::browser::{Browser, Page};
use tests::counter::{Shop, assert_calm, fits, sell, show_sale, shown_sale, stock, sync};
use tests::process::http;

#[test]
fn a_sale_made_offline_settles_by_itself_when_the_line_and_the_payment_are_there() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    stock(&till, "bread", "Bread 400g", "65.00");
    stock(&till, "milk", "Milk 500ml", "60.00");
    let browser = Browser::start();
    let page = browser.open(&till);
    page.until_state("status-pill", "online");
    page.fill("cashier", "Wanjiru");

    shop.cut_the_line();
    page.click("status-pill");
    page.until_state("status-pill", "offline");
    page.click("product-bread");
    page.click("product-milk");
    page.until_text("cart-total", "125.00");
    page.click("pay-mpesa");
    page.until_state("sale-state", "open");
    page.until_text("sale-state", "NOT PAID YET");
    page.until_text("status-pill", "waiting");
    let sale = shown_sale(&page);
    fits(&page, "till-offline");

    page.run("window.notReloaded = true;", vec![]);
    shop.mend_the_line();
    shop.pay("UKL1AB2C3D", "125.00", "ASHA");
    page.until_state("sale-state", "paid");
    page.until_text("sale-state", "PAID");
    page.until_state("status-pill", "online");
    assert_eq!(page.run("return window.notReloaded;", vec![]), true, "the page learned it by itself");
    page.until_state(&format!("latest-sale-{sale}"), "paid");

    head_office_sees_it(&browser.open(&office), &sale);
    assert_calm(&browser);
}

/// The sale above, as head office shows it: the shop's day, the sale, the payment, and who did what.
fn head_office_sees_it(page: &Page<'_>, sale: &str) {
    page.until_state(&format!("office-sale-{sale}"), "paid");
    page.until_text("office-shop-mjini", "Duka la Mjini");
    page.until_text("office-shop-mjini", "125.00");
    page.until_text("today-total", "125.00");
    page.choose("payment-filter", "all");
    page.until_text("office-payment-UKL1AB2C3D", "125.00");
    page.click(&format!("office-sale-{sale}"));
    page.until_state("sale-state", "paid");
    let history = page.until_text("history", "claimed");
    for part in ["sold", "Wanjiru", "UKL1AB2C3D confirmed", "Safaricom", "Leja"] {
        assert!(history.contains(part), "{part:?} in the history:\n{history}");
    }
    fits(page, "office-paid");
}

#[test]
fn of_two_sales_with_one_amount_the_cashier_chooses_and_may_think_again() {
    let mut shop = Shop::open();
    let till = shop.till("till-a", "Front counter");
    let browser = Browser::start();
    let page = browser.open(&till);
    page.fill("cashier", "Wanjiru");
    let other = sell(&page, "200.00");
    page.click("back");
    let sale = sell(&page, "200.00");
    page.until_text("same-amount", "also waits for KES 200.00");

    shop.pay("UKL2AB2C3D", "200.00", "BRIAN");
    page.until_text("choose-payment", "(1)");
    // A whole sync later, the till itself has still not chosen.
    sync(&till);
    page.until_state("sale-state", "open");
    page.click("choose-payment");
    assert!(page.until_text("candidate-UKL2AB2C3D", "BRIAN").contains("149"), "the digits to compare");
    fits(&page, "till-candidates");
    page.click("candidate-UKL2AB2C3D");
    page.until_state("sale-state", "paid");
    page.until_state(&format!("open-sale-{other}"), "open");
    fits(&page, "till-picked");

    page.click("undo");
    page.until_state("sale-state", "open");
    page.until_text("unclaimed-UKL2AB2C3D", "200.00");
    let history = page.until_text("history", "released");
    assert!(history.contains("claimed for sale") && history.contains("Wanjiru"), "{history}");
    show_sale(&page, &sale);
    assert_calm(&browser);
}

#[test]
fn what_a_person_released_is_not_taken_again_by_itself() {
    let mut shop = Shop::open();
    let till = shop.till("till-a", "Front counter");
    let browser = Browser::start();
    let page = browser.open(&till);
    sell(&page, "250.00");
    shop.pay("UKL4AB2C3D", "250.00", "DAVID");
    page.until_state("sale-state", "paid");

    page.click("release-*");
    page.fill("reason-input", "Other customer's payment");
    page.click("reason-confirm");
    page.until_state("sale-state", "open");
    page.until_text("history", "Other customer's payment");
    // A whole sync later it is still as the person left it.
    sync(&till);
    let answer = http("GET", &format!("{till}/v1/sales?state=open"), "").1;
    assert_eq!(answer["sales"].as_array().unwrap().len(), 1, "the sale is open: {answer}");
    page.until_text("choose-payment", "(1)");
    assert_calm(&browser);
}

#[test]
fn a_code_used_at_two_tills_is_a_conflict_that_everybody_sees_until_one_gives_way() {
    let mut shop = Shop::open();
    let (till_a, till_b) = (shop.till("till-a", "Front counter"), shop.till("till-b", "Back counter"));
    let office = shop.office();
    let browser = Browser::start();
    let (front, back) = (browser.open(&till_a), browser.open(&till_b));

    shop.cut_the_line();
    let (won, lost) = (sell_with_code(&front), sell_with_code(&back));
    shop.mend_the_line();
    shop.pay("UKL3AB2C3D", "300.00", "CAROL");
    // Both send before both receive.
    for till in [&till_a, &till_b, &till_a] {
        sync(till);
    }

    front.until_state("sale-state", "paid");
    front.until_text("conflict-card", "at Back counter claims the same payment");
    back.until_state("sale-state", "open");
    back.until_text("conflict-card", "Code UKL3AB2C3D is already used for sale");
    let head_office = browser.open(&office);
    head_office.until_text(&format!("office-sale-{lost}"), "Conflict");
    head_office.until_state(&format!("office-sale-{won}"), "paid");
    head_office.click(&format!("office-sale-{lost}"));
    head_office.until_text("conflict-card", "at Front counter");

    for (name, page) in [("till-won", &front), ("till-lost", &back), ("office-conflict", &head_office)] {
        fits(page, name);
    }

    // The card says why, with the evidence, the same everywhere; and the customer was at the other till.
    for page in [&front, &back, &head_office] {
        page.until_text("conflict-card", "has it: it was claimed first");
        page.until_text("conflict-card", "from CAROL");
    }
    back.click("release-*");
    back.fill("reason-input", "Code typed wrongly");
    fits(&back, "till-reason");
    back.click("reason-confirm");
    for page in [&front, &back, &head_office] {
        page.until_gone("conflict-card");
    }
    front.until_state("sale-state", "paid");
    back.until_text("history", "Code typed wrongly");
    head_office.until_text(&format!("office-sale-{lost}"), "NOT PAID YET");
    assert_calm(&browser);
}

#[test]
fn head_office_keeps_a_payment_for_the_sale_that_was_paid() {
    let mut shop = Shop::open();
    let (till_a, till_b) = (shop.till("till-a", "Front counter"), shop.till("till-b", "Back counter"));
    let office = shop.office();
    let browser = Browser::start();
    let (front, back) = (browser.open(&till_a), browser.open(&till_b));
    shop.cut_the_line();
    let (won, lost) = (sell_with_code(&front), sell_with_code(&back));
    shop.mend_the_line();
    shop.pay("UKL3AB2C3D", "300.00", "CAROL");
    for till in [&till_a, &till_b, &till_a] {
        sync(till);
    }
    let head_office = browser.open(&office);
    head_office.until_text(&format!("office-sale-{lost}"), "Conflict");
    head_office.click(&format!("office-sale-{lost}"));
    head_office.click(&format!("keep-{lost}"));
    head_office.fill("reason-input", "CAROL stood at the back counter");
    head_office.click("reason-confirm");
    head_office.until_gone("conflict-card");
    head_office.until_state("sale-state", "paid");
    back.until_state("sale-state", "paid");
    front.until_state("sale-state", "open");
    front.until_text("history", "CAROL stood at the back counter");
    assert!(won != lost);
    assert_calm(&browser);
}

/// Sells, and types the code of the customer's message; gives the sale's id.
fn sell_with_code(page: &Page<'_>) -> String {
    let sale = sell(page, "300.00");
    page.click("type-code");
    page.fill("code-input", "ukl3ab2c3d");
    page.click("code-submit");
    page.until_state("sale-state", "claimed");
    sale
}

#[test]
fn goods_of_a_large_payment_wait_for_a_second_word_from_safaricom() {
    let mut shop = Shop::open();
    shop.choose(json!({ "second_source_from": "500.00", "review_from": "500.00" }));
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    let browser = Browser::start();
    let page = browser.open(&till);
    let sale = sell(&page, "500.00");
    shop.pay("UKL5AB2C3D", "500.00", "EVE");
    page.until_state("sale-state", "unconfirmed");
    page.until_text("sale-state", "do not hand out goods yet");
    let alarm = page.until_text("unconfirmed-alarm", "until Safaricom confirms it");
    assert!(alarm.contains("Usitoe bidhaa bado"), "{alarm}");
    page.until_text(&format!("open-sale-{sale}"), "Not confirmed");
    fits(&page, "till-unconfirmed");
    // This shop has no API user at Safaricom, and the cashier hears just that.
    page.click("check-UKL5AB2C3D");
    page.until_text("notice", "No API user is configured");

    let head_office = browser.open(&office);
    head_office.until_text(&format!("office-sale-{sale}"), "Not confirmed");
    head_office.go("#payment/mjini/UKL5AB2C3D");
    head_office.until_text("review", "somebody should look at it");
    head_office.until_text("payment-facts", "Not confirmed");
    fits(&head_office, "office-large");
    assert_calm(&browser);
}
