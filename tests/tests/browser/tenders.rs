//! Cash and change, discounts, carts that wait, money beyond a sale, and goods that come back, as a cashier does them.

use serde_json::json;
use tests::browser::{Browser, Page};
use tests::counter::{Shop, assert_calm, fits, fits_at, has_on_paper, sell, show_sale, shown_sale, stock};
use tests::process::http;

fn counter(shop: &mut Shop) -> String {
    let till = shop.till("till-a", "Front counter");
    stock(&till, "milk", "Milk 500ml", "60.00");
    stock(&till, "bread", "Bread 400g", "65.00");
    till
}

fn because(page: &Page<'_>, reason: &str) {
    page.fill("reason-input", reason);
    page.click("reason-confirm");
}

#[test]
fn a_cashier_takes_something_off_gives_change_and_later_takes_a_packet_back() {
    let mut shop = Shop::open();
    let till = counter(&mut shop);
    let browser = Browser::start();
    let page = browser.open(&till);
    for product in ["product-milk", "product-milk", "product-bread"] {
        page.click(product);
    }
    page.until_text("cart-total", "185.00");
    page.click("discount");
    page.fill("discount-amount", "10%");
    page.fill("discount-reason", "regular customer");
    fits(&page, "till-discount");
    page.click("discount-confirm");
    page.until_text("cart-total", "166.50");
    page.fill("given", "200");
    page.until_text("change", "33.50");
    fits(&page, "till-change");
    page.click("pay-cash");
    page.until_state("sale-state", "paid");
    page.until_text("notice", "Change: KES 33.50");
    let sale = shown_sale(&page);

    page.click("back");
    show_sale(&page, &sale);
    page.click("take-back");
    page.fill("return-0", "1");
    fits_at(&page, "detail", "till-take-back");
    page.click("return-goods");
    because(&page, "sour");
    page.until_text("over", "KES 54.00 has to go back");
    page.until_text("sale-facts", "1 × Milk 500ml came back");
    fits(&page, "till-returned");
    page.click("refund");
    because(&page, "sour");
    page.until_gone("over");
    page.until_text("history", "KES 54.00 given back in cash");
    assert_calm(&browser);
}

#[test]
fn a_cart_waits_while_its_customer_fetches_something() {
    let mut shop = Shop::open();
    let till = counter(&mut shop);
    let browser = Browser::start();
    let page = browser.open(&till);
    page.click("product-milk");
    page.click("hold");
    page.until_text("cart-total", "0.00");
    page.until_text("recall-*", "Milk 500ml");
    page.click("product-bread");
    page.click("pay-cash");
    page.until_state("sale-state", "paid");
    // It waits at the till, not in the page.
    let page = browser.open(&till);
    page.until_text("recall-*", "Milk 500ml");
    fits(&page, "till-held");
    page.click("recall-*");
    page.until_text("cart-total", "60.00");
    page.until_gone("recall-*");
    page.click("pay-cash");
    page.until_state("sale-state", "paid");
    assert_calm(&browser);
}

#[test]
fn a_sale_is_paid_in_parts_and_what_was_paid_too_much_stays_for_the_next_one() {
    let mut shop = Shop::open();
    let till = counter(&mut shop);
    let browser = Browser::start();
    let page = browser.open(&till);
    sell(&page, "700.00");
    page.fill("cash-given", "200");
    page.click("take-cash");
    page.until_state("sale-state", "part_paid");
    page.until_text("sale-state", "500.00 still due");
    fits(&page, "till-part-paid");
    page.fill("cash-given", "1000");
    page.click("take-cash");
    page.until_state("sale-state", "paid");
    page.until_text("notice", "Change: KES 500.00");

    page.click("back");
    sell(&page, "450.00");
    shop.pay("UKL6AB2C3D", "500.00", "FATUMA");
    page.until_text("unclaimed-UKL6AB2C3D", "FATUMA");
    page.click("type-code");
    page.fill("code-input", "UKL6AB2C3D");
    page.click("code-submit");
    page.until_text("over", "KES 50.00 has to go back");
    fits(&page, "till-over");
    page.click("leave-credit");
    page.until_gone("over");
    page.go("#payment/mjini/UKL6AB2C3D");
    page.until_text("free", "KES 50.00 of it is free for another sale");
    fits(&page, "till-credit");
    assert_calm(&browser);
}

fn set(till: &str, what: &str, form: serde_json::Value) {
    let (status, answer) = http("PUT", &format!("{till}/v1/{what}"), &form.to_string());
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn what_a_cart_costs_with_taxes_on_top_and_without_small_coins_is_shown_before_it_is_sold() {
    let mut shop = Shop::open();
    let till = counter(&mut shop);
    set(&till, "catalogue/tax-rate/vat", json!({ "name": "VAT", "basis_points": 1600 }));
    set(&till, "catalogue/setting/prices-include-tax", json!({ "value": "off" }));
    set(&till, "catalogue/setting/cash-rounding", json!({ "value": "1.00" }));
    set(&till, "products/milk", json!({ "tax_rate": "vat" }));
    let browser = Browser::start();
    let page = browser.open(&till);
    page.click("product-milk");
    page.click("product-bread");
    page.until_text("cart-total", "134.60");
    page.until_text("tax-on-top", "9.60");
    page.until_text("in-coins", "In cash KES 135.00");
    page.fill("given", "200");
    page.until_text("change", "65.00");
    fits(&page, "till-tax-on-top");
    page.click("discount");
    page.fill("discount-amount", "10%");
    page.fill("discount-reason", "regular customer");
    page.click("discount-confirm");
    page.until_text("cart-total", "121.14");
    page.until_text("change", "79.00");
    fits(&page, "till-tax-and-discount");
    // A cart that waits comes back as it was.
    page.click("hold");
    page.until_text("cart-total", "0.00");
    page.click("recall-*");
    page.until_text("cart-total", "121.14");
    page.fill("given", "121");
    page.click("pay-cash");
    page.until_state("sale-state", "paid");
    page.until_text("sale-facts", "16% tax");
    let sale = http("GET", &format!("{till}/v1/sales/{}", shown_sale(&page)), "").1;
    assert_eq!((&sale["total"], &sale["rounding"]), (&json!("121.14"), &json!("-0.14")));
    let off = "Off the whole sale−13.46";
    has_on_paper(&page, &["Milk 500ml", off, "121.14", "16% tax in it8.64", "Rounded", "-0.14"]);
    assert_calm(&browser);
}

#[test]
fn where_the_shop_takes_tips_what_is_left_is_kept_and_of_a_payment_only_a_part_is_taken() {
    let mut shop = Shop::open();
    let till = counter(&mut shop);
    let browser = Browser::start();
    let page = browser.open(&till);
    let sale = sell(&page, "450.00");
    shop.pay("UKL6AB2C3D", "700.00", "FATUMA");
    page.until_text("unclaimed-UKL6AB2C3D", "FATUMA");
    // She pays for her friend, too: this sale takes its part of it, and something for the waiter.
    page.click("type-code");
    page.fill("code-input", "UKL6AB2C3D");
    page.fill("code-part", "much");
    page.click("code-submit");
    page.until_text("notice", "how much of the payment is for this sale");
    page.fill("code-part", "500");
    fits_at(&page, "detail", "till-part-of-a-payment");
    page.click("code-submit");
    page.until_text("over", "KES 50.00 has to go back");
    page.until_text("payment-panel", "KES 500.00 of KES 700.00");
    page.until_gone("keep-tip");
    set(&till, "catalogue/setting/tips", json!({ "value": "on" }));
    page.click("status-pill");
    page.until_text("keep-tip", "Keep as tip");
    page.fill("tip-amount", "20");
    fits(&page, "till-tip");
    page.click("keep-tip");
    page.until_text("over", "KES 30.00 has to go back");
    page.until_text("history", "KES 20.00 kept as a tip");
    page.fill("tip-amount", "31");
    page.click("keep-tip");
    page.until_text("notice", "no more than that");
    page.fill("tip-amount", "");
    page.click("keep-tip");
    page.until_gone("over");
    page.until_text("sale-state", "PAID");
    page.go("#payment/mjini/UKL6AB2C3D");
    page.until_text("free", "KES 200.00 of it is free for another sale");
    show_sale(&page, &sale);
    page.click("back");
    // Her friend's sale is offered what is left.
    page.until_text("unclaimed-UKL6AB2C3D", "KES 200.00 of KES 700.00");
    sell(&page, "200.00");
    page.click("choose-payment");
    page.until_text("candidate-UKL6AB2C3D", "KES 200.00 of KES 700.00");
    fits(&page, "till-rest-of-a-payment");
    page.click("candidate-UKL6AB2C3D");
    page.until_state("sale-state", "paid");
    assert_calm(&browser);
}
