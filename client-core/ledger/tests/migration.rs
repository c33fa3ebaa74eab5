//! A file of an older release opens under this one, and everything is still in it.

#![allow(clippy::unwrap_used, reason = "this is test code")]

use domain::{
    CheckoutId, Disagreement, Evidence, FeedItem, Money, Payer, PushResult, ReceiptCode, ShopId, ShortCode,
    Source, Timestamp, Validation,
};
use ledger::{Ledger, Page};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;

/// Eight in the morning of 21 November 2026.
const MORNING: i64 = 1_795_237_200_000;

/// A till of schema 1 that made two sales: one was paid, with messages that disagree; for the other the
/// customer's phone was asked, and the customer cancelled.
fn of_schema_1(path: &Path) {
    let file = Connection::open(path).unwrap();
    file.execute_batch(include_str!("schema_1.sql")).unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
    file.execute_batch(&format!(
        "INSERT INTO identity VALUES (1, 7, 0, 'till', 'A', 'Front');
         INSERT INTO shops VALUES (1, 'mjini', 'Duka', 'till', '123456', '654321', 7, 0, x'01', 2, {MORNING});
         INSERT INTO journal VALUES (1, 7, 0, 1, '2026-11-21', x'01', zeroblob(32), NULL, 'applied', NULL, NULL),
                                    (1, 7, 0, 2, '2026-11-21', x'02', zeroblob(32), NULL, 'applied', NULL, NULL);
         INSERT INTO heads VALUES (1, 7, 0, 2, zeroblob(32));
         INSERT INTO sales VALUES
           (1, '7-1', 1, 7, {MORNING}, 'Asha', 50000, 'mpesa', 'ORDER-1', 50000, 0, 0, 'paid', 0),
           (2, '7-2', 1, 7, {MORNING}, 'Asha', 30000, 'mpesa', NULL, 0, 30000, 0, 'open', 0);
         INSERT INTO claims VALUES ('7-3', 1, 'UKL4AB12CD', '7-1', 'picked', {MORNING}, 'Asha');
         INSERT INTO feed VALUES
           (1, 1, 'c2b_confirmation', 'UKL4AB12CD', 'UKL4AB12CD', 50000, '123456', {MORNING}, 'ASHA', NULL, '',
            {MORNING}, NULL, NULL, NULL),
           (2, 1, 'stk_result', 'ws_CO_0', 'UKL4AB12CD', 60000, '123456', {MORNING}, NULL, '254712345678', '',
            {MORNING}, '7-1', '0', 'ok'),
           (3, 1, 'stk_result', 'ws_CO_1', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            {MORNING}, '7-2', '1032', 'Request cancelled by user');
         INSERT INTO payments VALUES
           (1, 1, 'UKL4AB12CD', 50000, '123456', {MORNING}, {MORNING}, 'ASHA', '254712345678', '',
            'c2b_confirmation,stk_result', 1, '7-1', 0);
         INSERT INTO pushes VALUES ('7-2', 1, {MORNING}, 30000, 'ws_CO_1', NULL);
         INSERT INTO requests VALUES ('key-1', '7-1');"
    ))
    .unwrap();
}

/// The same of schema 2, which also heard a reversal and asked what became of its push.
fn of_schema_2(path: &Path) {
    let file = Connection::open(path).unwrap();
    file.execute_batch(include_str!("schema_2.sql")).unwrap();
    file.pragma_update(None, "user_version", 2).unwrap();
    file.execute_batch(&format!(
        "INSERT INTO identity VALUES (1, 7, 0, 'till', 'A', 'Front');
         INSERT INTO shops VALUES (1, 'mjini', 'Duka', 'till', '123456', '654321', NULL, 'amounts', 50000, 10000000,
           7, 0, x'01', 2, {MORNING});
         INSERT INTO journal VALUES (1, 7, 0, 1, '2026-11-21', x'01', zeroblob(32), NULL, 'applied', NULL, NULL),
                                    (1, 7, 0, 2, 'catalogue', x'02', zeroblob(32), NULL, 'applied', NULL, 1),
                                    (1, 7, 0, 3, '2026-11-21', x'03', zeroblob(32), NULL, 'refused', 'why', NULL);
         INSERT INTO heads VALUES (1, 7, 0, 3, zeroblob(32));
         INSERT INTO strands VALUES (1, 7, 0, '2026-11-21', 1, zeroblob(32), 1, 3);
         INSERT INTO sales VALUES (41, '7-1', 1, 7, {MORNING}, 'Asha', 50000, 'mpesa', 'wc_Order#12', 0, 50000, 0, 'open', 0, 1);
         INSERT INTO lines VALUES ('7-1', 0, 'Goods', 1000, 50000, 50000);
         INSERT INTO feed VALUES
           (1, 1, 'c2b_confirmation', 'UKL4AB12CD', 'UKL4AB12CD', 50000, '123456', {MORNING}, 'ASHA', NULL, '',
            {MORNING}, NULL, NULL, NULL, NULL);
         INSERT INTO payments VALUES
           (7, 1, 'UKL4AB12CD', 50000, '123456', {MORNING}, {MORNING}, 'ASHA', NULL, '', 'c2b_confirmation', '', 0, 1,
            NULL, NULL, NULL, 0);
         INSERT INTO pushes VALUES ('7-1', 1, {MORNING}, 50000, 'ws_CO_1', NULL, 3, {MORNING});
         INSERT INTO requests VALUES ('key-1', '7-1');"
    ))
    .unwrap();
}

#[test]
fn a_file_of_schema_2_opens_and_holds_all_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    of_schema_2(&path);
    let ledger = Ledger::open(&path).unwrap();
    let (shop, sale) = (ShopId::parse("mjini").unwrap(), "7-1".parse().unwrap());
    assert_eq!(ledger.shops().unwrap()[0].rules.validation, Validation::Amounts);
    assert_eq!(ledger.sale_numbered(41).unwrap(), sale, "the number that people have seen");
    let row = ledger.sale(sale).unwrap();
    assert_eq!((row.state.name(), row.reversed, row.formerly), ("open", true, None));
    let key = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let key = Connection::open(&path).unwrap().query_row("SELECT order_key FROM sales", [], key).unwrap();
    assert_eq!(key, "WC0RDER12", "as whatever is typed is compared");
    assert_eq!(ledger.payment_numbered(7).unwrap().receipt.as_str(), "UKL4AB12CD");
    assert_eq!(ledger.push_for(sale).unwrap().unwrap().queries, 3);
    assert_eq!(ledger.request("key-1").unwrap(), Some(sale));
    assert_eq!(ledger.vector(&shop).unwrap().into_values().collect::<Vec<_>>(), [3]);
    assert_eq!((ledger.days(&shop).unwrap().len(), ledger.catalogue(&shop, false).unwrap().len()), (1, 1));
    assert_eq!(ledger.set_aside().unwrap(), ["entry A3: why"]);
    assert!(ledger.doubt(&shop).unwrap().is_none(), "an older release did not say which file it wrote");
    assert_eq!(
        folder
            .path()
            .read_dir()
            .unwrap()
            .filter(|it| { it.as_ref().unwrap().file_name().to_string_lossy().contains("trial") })
            .count(),
        0
    );
}

#[test]
fn what_does_not_go_well_on_the_copy_is_not_done_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    of_schema_1(&path);
    let file = Connection::open(&path).unwrap();
    file.execute_batch("DROP TABLE payments").unwrap();
    drop(file);
    std::fs::write(folder.path().join("ledger.sqlite-trial"), "left by a till that was killed").unwrap();
    assert!(Ledger::open(&path).is_err());
    let file = Connection::open(&path).unwrap();
    let version: u32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let sales: u32 = file.query_row("SELECT count(*) FROM sales", [], |row| row.get(0)).unwrap();
    assert_eq!((version, sales), (1, 2));
    assert!(!folder.path().join("ledger.sqlite-trial").exists());
}

fn migrated() -> (tempfile::TempDir, Ledger, ShopId) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    of_schema_1(&path);
    let ledger = Ledger::open(&path).unwrap();
    (folder, ledger, ShopId::parse("mjini").unwrap())
}

#[test]
fn a_file_of_schema_1_opens_and_holds_all_it_held() {
    let (_folder, ledger, shop) = migrated();
    let home = ledger.shops().unwrap().pop().unwrap();
    assert_eq!((home.name.as_str(), home.rules.validation), ("Duka", Validation::AcceptAll));
    assert_eq!(
        (home.rules.second_source_from, home.rules.review_from),
        (None, Money::from_cents(10_000_000))
    );
    assert_eq!(ledger.cursors(&shop).unwrap(), (vec![1], 2));
    assert_eq!(ledger.request("key-1").unwrap(), Some("7-1".parse().unwrap()));

    let paid = ledger.sale("7-1".parse().unwrap()).unwrap();
    assert_eq!((paid.state.name(), paid.order.as_deref(), paid.reversed), ("paid", Some("ORDER-1"), false));
    let payment = ledger.payment(&shop, &ReceiptCode::parse("UKL4AB12CD").unwrap()).unwrap().unwrap();
    assert_eq!(payment.disagreements, [Disagreement::Amount]);
    assert_eq!((payment.sale, payment.asked_for), (Some(paid.id), Some(paid.id)));
    assert!(!payment.confirmed && !payment.reversed);

    let push = ledger.push_for("7-2".parse().unwrap()).unwrap().unwrap();
    assert_eq!(push.result, Some(("1032".to_owned(), "Request cancelled by user".to_owned())));
    assert_eq!((push.queries, push.queried_at), (0, None));
}

#[test]
fn a_success_that_comes_after_all_is_not_taken_for_the_failure_that_schema_1_kept() {
    let (_folder, mut ledger, shop) = migrated();
    let (sale, at) = ("7-2".parse().unwrap(), Timestamp::from_millis(MORNING).unwrap());
    let evidence = Evidence {
        source: Source::StkResult,
        receipt: ReceiptCode::parse("UKL4AB12CE").unwrap(),
        amount: Money::from_cents(30_000),
        shortcode: ShortCode::parse("123456").unwrap(),
        paid_at: Some(at),
        payer: Payer::default(),
        account_reference: String::new(),
        order: None,
        balance: None,
        received_at: at,
    };
    let success = FeedItem::PushResult(PushResult {
        checkout: CheckoutId::parse("ws_CO_1").unwrap(),
        sale,
        code: "0".to_owned(),
        description: "ok".to_owned(),
        received_at: at,
        evidence: Some(evidence.clone()),
    });
    ledger.take(&shop, &Page { feed: vec![success], ..Page::default() }).unwrap();
    let push = ledger.push_for(sale).unwrap().unwrap();
    assert_eq!(push.result.unwrap().0, "0");
    assert_eq!(push.receipt, Some(evidence.receipt));
}

#[test]
fn a_file_that_was_brought_up_to_date_has_the_tables_of_a_new_one() {
    let shape = |path: &Path| -> BTreeSet<String> {
        let file = Connection::open(path).unwrap();
        let sql = "SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' '
                     || coalesce(c.dflt_value, '') AS shape
                   FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'
                   UNION ALL SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
        let mut find = file.prepare(sql).unwrap();
        find.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new.sqlite");
    drop(Ledger::open(&new).unwrap());
    let (first, second) = (folder.path().join("1"), folder.path().join("2"));
    of_schema_1(&first);
    of_schema_2(&second);
    for old in [&first, &second] {
        drop(Ledger::open(old).unwrap());
        assert_eq!(shape(old), shape(&new), "from schema {}", old.display());
    }
}
