//! A drawer from float to report, at the counter and at head office.

use tests::browser::Browser;
use tests::counter::{Shop, assert_calm, fits, fits_at, sell, sync};
use tests::process::http;

#[test]
fn a_drawer_is_opened_counted_short_and_its_report_is_seen_at_head_office() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    let browser = Browser::start();
    let page = browser.open(&till);
    page.fill("shift-float", "2000");
    page.click("shift-open");
    page.until_text("shift-state", "Open since");
    let sale = sell(&page, "340");
    page.click("take-cash");
    page.until_text("sale-state", "PAID");
    page.click("void-sale");
    page.fill("reason-input", "Goods returned");
    page.click("reason-confirm");
    page.until_text("sale-state", "CANCELLED");
    page.click("refund");
    page.fill("reason-input", "Goods came back");
    page.click("reason-confirm");
    page.until_gone("over");
    page.fill("cash-amount", "1500");
    page.fill("cash-reason", "to the bank");
    page.click("cash-save");
    page.click("shift-x");
    page.until_text("shift-expected", "500.00");
    fits(&page, "till-drawer");
    page.fill("shift-counted-input", "480");
    page.click("shift-close");
    page.until_text("shift-A1", "20.00 short");
    page.until_text("shift-state", "Nobody has said");
    fits(&page, "till-shift-closed");
    sync(&till);
    sync(&office);
    let page = browser.open(&office);
    page.until_text("shift-A1", "20.00 short");
    fits(&page, "office-shifts");
    assert!(!sale.is_empty());
    assert_calm(&browser);
}

#[test]
fn head_office_closes_the_books_of_days_that_are_over_and_is_asked_first() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    let browser = Browser::start();
    let page = browser.open(&office);
    page.until_text("books-state", "The books of Duka la Mjini were never closed.");
    let yesterday = page.attribute("books-until", "max").unwrap();
    page.click("books-close");
    page.until_text("question", &format!("Close the books of Duka la Mjini up to {yesterday}?"));
    fits(&page, "office-books-asked");
    page.click("decide");
    page.until_text("books-state", &format!("are closed up to {yesterday}."));
    fits_at(&page, "books", "office-books");
    page.click("books-close");
    page.click("decide");
    page.until_text("notice", "closed up to this day already");
    sync(&till);
    let (_, told) = http("GET", &format!("{till}/v1/periods"), "");
    assert_eq!(told["until"].as_str(), Some(yesterday.as_str()));
    // It was too early.
    page.run("document.querySelector('[data-testid=books-until]').value = '2020-01-31';", vec![]);
    page.click("books-close");
    page.fill("reason-input", "A till was not in yet");
    page.click("reason-confirm");
    page.until_text("books-state", "are closed up to 2020-01-31.");
    assert_calm(&browser);
}
