//! What both pages say of a licence, and of how to pay it.

use tests::browser::Browser;
use tests::counter::{Shop, assert_calm, fits, sync};

#[test]
fn both_pages_say_until_when_a_shop_is_licensed_and_how_to_pay() {
    let mut shop = Shop::open();
    shop.admin(&["licence", "sell", "--paybill", "400200"]);
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    let browser = Browser::start();
    let page = browser.open(&till);
    let told = page.until_text("licence", "No licence since");
    assert!(told.contains("Selling goes on for 7 days"), "{told}");
    assert!(told.contains("paybill 400200, account LICENSE-mjini, for 30 days"), "{told}");
    fits(&page, "till-licence");
    // It is heard of within seconds, because somebody waits for it.
    shop.pay_licence("UKL4LIC001", "400200");
    page.until_text("licence", "Licensed until");
    let listed = shop.admin(&["licence", "show", "mjini"]);
    assert!(listed.contains("UKL4LIC001") && listed.contains("30 days, until"), "{listed}");
    sync(&office);
    let page = browser.open(&office);
    page.until_text("office-licence-mjini", "Licensed until");
    fits(&page, "office-licence");
    assert_calm(&browser);
}
