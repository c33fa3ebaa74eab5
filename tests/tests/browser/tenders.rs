//! Cash and change, discounts, carts that wait, money beyond a sale, and goods that come back, as a cashier does them.

use tests::browser::{Browser, Page};
use tests::counter::{Shop, assert_calm, fits, fits_at, sell, show_sale, shown_sale, stock};

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
