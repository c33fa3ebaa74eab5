//! What is sold and how far a sale has come: products, prices, stock, receipts.

use serde_json::json;
use tests::browser::{Browser, Page};
use tests::counter::{
    Shop, assert_calm, fits, fits_at, has_on_paper, pretend_at, show_sale, shown_sale, stock, sync,
};
use tests::process::{http, until};

#[test]
fn a_scanned_crate_is_sold_and_what_was_sold_beyond_the_stock_shows_until_somebody_counts() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    let soda = json!({ "name": "Soda, crate", "price": "700.00", "barcodes": ["6161100"], "by": "Owner" });
    assert_eq!(http("PUT", &format!("{till}/v1/products/soda"), &soda.to_string()).0, 200);
    let browser = Browser::start();
    let page = browser.open(&till);
    page.until_text("product-soda", "700.00");
    page.fill("find-product", "6161100");
    page.run("document.getElementById('find').requestSubmit();", vec![]);
    page.until_text("cart-total", "700.00");
    page.click("pay-cash");
    let sale = shown_sale(&page);
    page.until_text("below-soda", "Soda, crate: -1");
    fits(&page, "till-oversold");

    page.choose("stock-product", "soda");
    page.fill("stock-quantity", "12");
    page.fill("stock-note", "Coast Bottlers, note 12");
    page.click("stock-save");
    page.until_text("stock-level", "11 in stock");
    page.until_gone("below-soda");
    page.choose("stock-move", "3");
    page.fill("stock-quantity", "9.5");
    page.click("stock-save");
    page.until_text("stock-level", "9.5 in stock");

    sync(&till);
    sync(&office);
    let (_, answer) = http("GET", &format!("{office}/v1/sales/{sale}"), "");
    assert_eq!(answer["lines"][0]["product"], "soda");
    let page = browser.open(&office);
    page.until_text("stock-level", "9.5 in stock");
    fits(&page, "office-stock");
    assert_calm(&browser);
}

/// What a till hears that keeps a few days of history: tests/stock.rs has such tills, and here is what they show.
#[test]
fn a_till_that_lacks_the_past_shows_by_how_much_the_stock_changed_and_asks_for_a_count() {
    let mut shop = Shop::open();
    let till = shop.till("till-a", "Front counter");
    stock(&till, "soda", "Soda, crate", "700.00");
    let browser = Browser::start();
    let page = browser.open(&till);
    let row = |level: &str, whole: bool| {
        let soda = json!({ "product": "soda", "name": "Soda, crate", "level": level, "below": false, "whole": whole });
        json!({ "stock": [soda], "since": "2026-11-14T06:00:00+03:00" })
    };
    for (heard, words) in [
        (row("-5", false), "5 fewer than on 2026-11-14"),
        (row("7", false), "7 more than on 2026-11-14"),
        (row("12", true), "12 in stock, as far as is known"),
    ] {
        pretend_at(&page, "/v1/stock?shop=mjini", heard);
        let told = page.until_text("stock-level", words);
        assert_eq!(told.contains("count it"), words.contains("than on"), "{told}");
        page.until_gone("below-soda");
        fits_at(&page, "stock", &format!("till-stock-{}", words.contains("than on")));
    }
    assert_calm(&browser);
}

#[test]
fn prices_set_apart_are_shown_with_who_set_them_and_head_office_chooses() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    stock(&till, "bread", "Bread 400g", "60.00");
    sync(&till);
    sync(&office);
    shop.cut_the_line();
    stock(&till, "bread", "Bread 400g", "65.00");
    let juma = json!({ "shop": "mjini", "name": "Bread 400g", "price": "70.00", "by": "Juma" });
    assert_eq!(http("PUT", &format!("{office}/v1/products/bread"), &juma.to_string()).0, 200);
    shop.mend_the_line();
    sync(&till);
    sync(&office);
    sync(&till);

    let browser = Browser::start();
    let counter = browser.open(&till);
    counter.until_text("product-bread", "or ");
    let page = browser.open(&office);
    let row = page.until_text("office-product-bread", " or ");
    for part in ["65.00", "70.00", "Owner", "Juma"] {
        assert!(row.contains(part), "{part} in {row}");
    }
    fits(&page, "office-conflict");
    page.click("choose-bread-1");
    page.until_gone("choose-bread-1");
    sync(&office);
    sync(&till);
    let (_, answer) = http("GET", &format!("{till}/v1/products"), "");
    assert_eq!(answer["products"][0]["others"], json!([]));
    assert_calm(&browser);
}

#[test]
fn a_sale_shows_how_far_it_has_come_and_is_printed_when_the_paper_is_out() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    stock(&till, "bread", "Bread 400g", "65.00");
    let browser = Browser::start();
    let page = browser.open(&till);
    page.until_state("status-pill", "online");
    shop.cut_the_line();
    page.click("product-bread");
    page.click("pay-cash");
    let sale = shown_sale(&page);
    until_stages(&page, ["open", "done", "open", "open", "open"]);
    page.until_text("reach", "not in the cloud yet");
    page.until_text(&format!("latest-sale-{sale}"), "not sent yet");

    has_on_paper(&page, &["Duka la Mjini", "Bread 400g", "65.00", "PAID"]);
    assert_eq!(stages(&page)[0], "open", "nobody knows yet whether it came out");
    fits(&page, "till-printing");
    page.click("receipt-out");
    until_stages(&page, ["done", "done", "open", "open", "open"]);
    page.until_text("history", "receipt printed");

    shop.mend_the_line();
    page.click("status-pill");
    until_stages(&page, ["done", "done", "done", "open", "open"]);
    page.until_text("reach", "Head office has not fetched it yet");
    sync(&office);
    let head_office = browser.open(&office);
    head_office.until_text(&format!("office-sale-{sale}"), "reconciled");
    show_sale(&head_office, &sale);
    until_stages(&head_office, ["done"; 5]);
    fits(&head_office, "office-stages");
    assert_calm(&browser);
}

/// Each stage of a sale as a page shows it: `done` or `open`.
fn stages(page: &Page<'_>) -> Vec<String> {
    let names = ["printed", "stored", "sent", "head-office", "reconciled"];
    let state = |name| page.attribute(&format!("stage-{name}"), "data-state").unwrap_or_default();
    names.into_iter().map(state).collect()
}

fn until_stages(page: &Page<'_>, wanted: [&str; 5]) {
    until(&format!("the stages are {wanted:?}"), || (stages(page) == wanted).then_some(()));
}
