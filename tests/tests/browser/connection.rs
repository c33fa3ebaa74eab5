//! How a till stands with the rest of the world, and the other tills of its shop.

use serde_json::json;
use tests::browser::{Browser, Page};
use tests::counter::{Shop, assert_calm, fits_at, pretend_at, sell, sync};

#[test]
fn the_connection_is_told_in_words_that_a_person_understands() {
    let mut shop = Shop::open();
    let (till, office) = (shop.till("till-a", "Front counter"), shop.office());
    let browser = Browser::start();
    let (page, head_office) = (browser.open(&till), browser.open(&office));
    page.until_text("line", "Online");
    page.until_text("line", "Everything is sent");
    shop.cut_the_line();
    page.click("status-pill");
    page.until_text("line", "Offline since ");
    page.until_text("line", "Selling goes on");
    sell(&page, "200.00");
    page.until_text("line-facts", "1 entry made here waits to be sent");
    fits_at(&page, "connection", "till-connection-offline");
    shop.mend_the_line();
    page.click("status-pill");
    page.until_text("line", "Everything is sent");

    pretend(&page, json!({ "history": { "have": 1200, "of": 5000 } }));
    page.until_text("history-progress", "1200 of 5000");
    let drawn = "return document.querySelector('[data-testid=history-progress] progress').position;";
    assert_eq!(page.run(drawn, vec![]).as_f64(), Some(0.24));
    fits_at(&page, "connection", "till-history");
    pretend(&page, json!({ "syncing": { "have": 40, "of": 120 } }));
    page.until_text("line", "Syncing 40 of 120");
    page.until_text("status-pill", "Syncing 40 of 120");
    let reason = "entry C7: not a change that Leja writes: no fact as we would write it";
    let notice = "2026-11-22 till A became B, because its ledger was copied";
    for (name, page) in [("till", &page), ("office", &head_office)] {
        pretend(page, json!({ "refused": 60, "set_aside": [reason], "notices": [notice] }));
        page.until_text("set-aside", "60 things were refused");
        page.click("set-aside-open");
        let told = page.until_text("set-aside", reason);
        assert!(told.contains("and 59 more"), "{told}");
        page.until_text("notices", "because its ledger was copied");
        page.until_text("status-pill", "60 refused");
        fits_at(page, "connection", &format!("{name}-refused"));
    }
    pretend_at(
        &page,
        "/v1/siblings",
        json!({ "notice": "more addresses are announced than a shop has tills" }),
    );
    page.until_text("siblings-notice", "more addresses");
    assert_calm(&browser);
}

#[test]
fn another_till_is_added_by_its_address_and_is_known_after_a_restart() {
    let mut shop = Shop::open();
    shop.till("till-a", "Front counter");
    shop.till("till-b", "Back counter");
    shop.members.clear();
    let members: Vec<String> = ["till-a", "till-b"].map(|folder| shop.on_the_lan(folder)).into();
    // Both have to hear from the cloud once that the other is of their shop.
    for address in members.iter().chain(&members) {
        sync(address);
    }
    shop.cut_the_line();
    let lan = shop.members.last().unwrap().line_with(" for other tills");
    let lan = lan.split_whitespace().find_map(|word| word.strip_prefix("http://")).unwrap().to_owned();
    let browser = Browser::start();
    let page = browser.open(&members[0]);
    page.until_text("sibling-B", "not met yet");
    page.click("add-sibling");
    page.fill("sibling-address", "the till over there");
    page.click("sibling-add");
    page.until_text("notice", "host:port");
    page.fill("sibling-address", "127.0.0.1:9");
    page.click("sibling-add");
    page.until_text("place-127.0.0.1:9", "can not be reached");
    fits_at(&page, "connection", "till-siblings");
    page.click("forget-127.0.0.1:9");
    page.until_gone("place-127.0.0.1:9");
    page.fill("sibling-address", &lan);
    page.click("sibling-add");
    page.until_text("sibling-B", "met ");
    page.until_text("sibling-B", &lan);
    page.until_text(&format!("place-{lan}"), "Back counter is there");
    fits_at(&page, "connection", "till-sibling-met");
    assert_calm(&browser);

    // The first till starts anew, and nobody types anything.
    let first = shop.members.len() - 2;
    shop.members.remove(first).kill();
    let again = shop.on_the_lan("till-a");
    let page = browser.open(&again);
    page.until_text("sibling-B", "met ");
    assert_calm(&browser);
}

fn pretend(page: &Page<'_>, status: serde_json::Value) {
    pretend_at(page, "/v1/status", status);
}
