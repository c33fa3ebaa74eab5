//! The demo, as somebody sees it who tries Leja: its simulated Safaricom and customers, and every page on every screen.

use tests::browser::{Browser, Page};
use tests::counter::{Demo, TILL_NUMBER, assert_calm, fits, sell, show_sale, shown_sale};
use tests::process::{http, until};

#[test]
fn the_simulated_safaricom_takes_payments_and_its_customers_can_be_stopped() {
    let demo = Demo::start();
    let browser = Browser::start();
    let (safaricom, till) = (browser.open(&demo.safaricom), browser.open(&demo.till));
    until_switched(&safaricom, "true");
    safaricom.click("customers");
    until_switched(&safaricom, "false");

    safaricom.choose("pay-shortcode", TILL_NUMBER);
    safaricom.fill("pay-amount", "77");
    safaricom.fill("pay-name", "HALIMA ALI");
    safaricom.click("pay-send");
    let answer = safaricom.until_text("pay-answer", "Paid");
    let receipt = answer.trim_end_matches('.').rsplit(' ').next().unwrap();
    safaricom.until_text("log", receipt);
    fits(&safaricom, "safaricom-paid");
    till.until_text(&format!("unclaimed-{receipt}"), "HALIMA ALI");
    assert_calm(&browser);
}

fn until_switched(page: &Page<'_>, on: &str) {
    until("the switch says so", || page.attribute("customers", "aria-checked").filter(|shown| shown == on));
}

#[test]
fn a_customer_who_is_asked_on_the_phone_may_refuse_and_then_pay() {
    let demo = Demo::start();
    let browser = Browser::start();
    let page = browser.open(&demo.till);
    page.click("product-eggs");
    page.click("pay-mpesa");
    // The simulated customers tell by their last digit what they will do.
    page.fill("push-phone", "0712 345 671");
    page.click("push-send");
    page.until_state("push-message", "cancelled");
    page.until_text("push-message", "Payment cancelled");
    page.until_text("push-message", "Mteja ameghairi malipo");
    page.until_state("sale-state", "open");
    page.fill("push-phone", "0712 345 678");
    page.click("push-send");
    page.until_state("sale-state", "paid");
    page.until_text("history", "request on the phone");
    fits(&page, "till-asked");
    assert_calm(&browser);
}

#[test]
fn a_customer_scans_a_code_and_hears_what_m_pesa_does_not_ask_for() {
    let demo = Demo::start();
    let browser = Browser::start();
    let page = browser.open(&demo.till);
    sell(&page, "450.50");
    let asks = page.until_text("push-asks", "KES 450.00 now");
    assert!(asks.contains("KES 0.50 remains"), "{asks}");
    page.click("show-qr");
    let picture = "return document.querySelector('[data-testid=qr] img')?.naturalWidth > 0 || null;";
    until("the code is drawn", || page.run(picture, vec![]).as_bool());
    fits(&page, "till-qr");
    page.fill("push-phone", "0712 345 678");
    page.click("push-send");
    page.until_state("sale-state", "part_paid");
    page.until_text("push-asks", "take KES 0.50 in cash");
    page.click("take-cash");
    page.until_state("sale-state", "paid");
    assert_calm(&browser);
}

#[test]
fn head_office_gives_a_payment_back_and_the_till_that_took_it_is_told() {
    let demo = Demo::start();
    let browser = Browser::start();
    // The organisation can give back only what it has.
    let safaricom = browser.open(&demo.safaricom);
    safaricom.choose("pay-shortcode", TILL_NUMBER);
    safaricom.fill("pay-amount", "5000");
    safaricom.click("pay-send");
    safaricom.until_text("pay-answer", "Paid");
    let (till, office) = (browser.open(&demo.till), browser.open(&demo.office));
    till.click("product-eggs");
    till.click("pay-mpesa");
    let sale = shown_sale(&till);
    till.fill("push-phone", "0712 345 678");
    till.click("push-send");
    till.until_state("sale-state", "paid");
    let (_, told) = http("GET", &format!("{}/v1/sales/{sale}", demo.till), "");
    let receipt = told["claims"][0]["receipt"].as_str().unwrap();

    office.until_state(&format!("office-sale-{sale}"), "paid");
    office.go(&format!("#payment/mjini/{receipt}"));
    office.click("give-back");
    office.fill("reason-input", "Goods came back");
    fits(&office, "office-give-back");
    office.click("reason-confirm");
    office.until_text("reversed-alarm", "went back to the customer");
    office.until_text(&format!("office-sale-{sale}"), "Payment went back");
    fits(&office, "office-reversed");

    let alarm = till.until_text("reversed-alarm", "do not hand out goods");
    assert!(alarm.contains(receipt) && alarm.contains("usitoe bidhaa"), "{alarm}");
    till.until_state("sale-state", "open");
    till.until_text(&format!("open-sale-{sale}"), "Payment went back");
    till.until_text("history", "went back to the customer");
    fits(&till, "till-reversed");
    assert_calm(&browser);
}

#[test]
fn every_page_fits_a_counter_screen_and_a_phone() {
    let demo = Demo::start();
    let browser = Browser::start();
    let (till, office) = (browser.open(&demo.till), browser.open(&demo.office));
    let sale = sell(&till, "140.00");
    office.until_text(&format!("office-sale-{sale}"), "NOT PAID YET");
    let safaricom = browser.open(&demo.safaricom);
    till.click("product-bread");
    till.click("product-unga");
    till.click("product-unga");
    for (name, page) in [("till", &till), ("office", &office), ("safaricom", &safaricom)] {
        fits(page, name);
    }
    for (name, page) in [("till-sale", &till), ("office-sale", &office)] {
        show_sale(page, &sale);
        fits(page, name);
    }
    assert_calm(&browser);
}
