//! A file that an older or a newer release wrote.

#![allow(clippy::unwrap_used, reason = "this is test code")]

use domain::{Account, Actor, CheckoutId, FeedItem, Money, Role, Shop, ShopId, ShortCode, TillId, Timestamp};
use embedded::EmbeddedStore;
use rusqlite::Connection;
use service::store::{Filing, Purpose, RawCallback, Recorded, Request, Tokens};
use service::{Store, StoreError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A file with schema 1 and what the release with that schema wrote into it.
fn first_release() -> (PathBuf, TempDir) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("hub.sqlite");
    let sqlite = Connection::open(&path).unwrap();
    sqlite.pragma_update(None, "journal_mode", "WAL").unwrap();
    sqlite.execute_batch(include_str!("schema_1.sql")).unwrap();
    (path, home)
}

fn duka() -> ShopId {
    ShopId::parse("duka-moja").unwrap()
}

fn checkout(name: &str) -> CheckoutId {
    CheckoutId::parse(name).unwrap()
}

fn noon() -> Timestamp {
    Timestamp::parse_daraja("20261121120000").unwrap()
}

fn raw(body: &str) -> RawCallback {
    RawCallback { body: body.into(), received_at: noon() }
}

#[tokio::test]
async fn shops_and_who_may_write_for_them_outlive_their_release() {
    let (path, _home) = first_release();
    let store = EmbeddedStore::open(&path).unwrap();
    let number = |digits| ShortCode::parse(digits).unwrap();
    let shop = Shop::new(duka(), "Duka Moja", Account::Till(number("123456")), Some(number("654321")));
    let shop = shop.unwrap();
    assert_eq!(store.shop(&duka()).await, Ok(Some(shop.clone())), "with the rules of who chose none");
    assert_eq!(store.shops().await, Ok(vec![shop.clone()]));
    for digits in ["123456", "654321"] {
        assert_eq!(store.shop_of_number(&number(digits)).await, Ok(Some(duka())));
    }
    let tokens = Tokens { newest: 0, hashes: vec![[1; 32]] };
    assert_eq!(store.tokens(&duka()).await, Ok(Some(tokens)));
    let rotated = Tokens { newest: 1, hashes: vec![[1; 32], [0; 32]] };
    store.put_shop(&shop, &rotated).await.unwrap();
    assert_eq!(store.tokens(&duka()).await, Ok(Some(rotated)));
    let (member, home) = store.member(Actor::first(TillId(7))).await.unwrap().unwrap();
    assert_eq!((member.role, member.letter.as_str(), home), (Role::Till, "A", Some(duka())));
    assert_eq!(store.take_enrolment(&[9; 32], noon()).await.unwrap().unwrap().role, Role::Office);
    assert_eq!(store.next_number("tills").await, Ok(2));
}

#[tokio::test]
async fn what_safaricom_said_outlives_its_release() {
    let (path, _home) = first_release();
    let store = EmbeddedStore::open(&path).unwrap();
    let news = store.news(&duka(), &[]).await.unwrap();
    let names: Vec<_> = news.items.iter().map(FeedItem::name).collect();
    let expected = [("c2b_confirmation", "UKL1"), ("stk_result", "ws_CO_1"), ("stk_failure", "ws_CO_2")];
    assert_eq!(names, expected);
    for item in &news.items {
        assert_eq!(store.feed_item(&duka(), item.name()).await, Ok(Some(item.clone())));
    }
    for (item, body) in news.items.iter().zip(["confirmed", "paid", "cancelled"]) {
        let filing = Filing::Feed(duka(), Box::new(item.clone()));
        assert_eq!(store.record(&raw(body), &filing).await, Ok(Recorded::Again));
    }
    let inbox = store.inbox(10).await.unwrap();
    let waiting: BTreeSet<_> = inbox.iter().map(|item| (&item.reason[..], item.request.clone())).collect();
    assert_eq!(waiting, BTreeSet::from([("nobody's", None), ("early", Some(checkout("ws_CO_3")))]));
    assert_eq!(store.early_answer(&checkout("ws_CO_3")).await, Ok(Some(raw("early"))));
}

/// The first release kept both ends of a push under one name.
#[tokio::test]
async fn a_push_that_failed_before_may_be_paid_after_all() {
    let (path, _home) = first_release();
    let store = EmbeddedStore::open(&path).unwrap();
    let failed = store.feed_item(&duka(), ("stk_failure", "ws_CO_2")).await.unwrap();
    let paid = store.feed_item(&duka(), ("stk_result", "ws_CO_1")).await.unwrap();
    let (Some(FeedItem::PushResult(failed)), Some(FeedItem::PushResult(mut paid))) = (failed, paid) else {
        panic!("both are there");
    };
    paid.checkout = failed.checkout;
    let filing = Filing::Feed(duka(), Box::new(FeedItem::PushResult(paid)));
    assert_eq!(store.record(&raw("late"), &filing).await, Ok(Recorded::New));
}

#[tokio::test]
async fn pushes_and_journals_outlive_their_release() {
    let (path, _home) = first_release();
    let store = EmbeddedStore::open(&path).unwrap();
    let push = |name: &str, sale: &str| Request {
        shop: duka(),
        name: name.to_owned(),
        purpose: Purpose::Push(sale.parse().unwrap()),
        amount: Money::from_cents(35_000),
        at: noon(),
        accepted: None,
        ask_at: None,
    };
    let accepted = Some((checkout("ws_CO_1"), "29115-1".to_owned()));
    let taken = Request { accepted, ..push("7-42 once", "7-42") };
    assert_eq!(store.request_of(&checkout("ws_CO_1")).await, Ok(Some(taken.clone())));
    assert_eq!(store.begin_request(&push("7-42 once", "7-42")).await, Ok(Some(taken.clone())));
    let open = push("7-43 once", "7-43");
    assert_eq!(store.begin_request(&open).await, Ok(Some(open)));
    store.ask_again(&taken, Some(noon())).await.unwrap();
    assert_eq!(store.due_requests(noon(), 10).await.unwrap().len(), 1);
    let till = Actor::first(TillId(7));
    assert_eq!(store.head(&duka(), till).await.unwrap().number, 1);
    assert_eq!(store.batches(&duka(), till, 0, 1000).await.unwrap().len(), 1);
    assert_eq!(store.news(&duka(), &[]).await.unwrap().journals, [till]);
}

/// Every table with its columns, and every index.
fn shape(path: &Path) -> BTreeSet<String> {
    let sqlite = Connection::open(path).unwrap();
    let sql = "SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' ||
                      ifnull(c.dflt_value, '') || ' ' || c.pk
               FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'
               UNION ALL
               SELECT i.tbl_name || ' ' || i.name || ' ' || group_concat(c.name) || substr(i.sql, instr(i.sql, 'WHERE'))
               FROM sqlite_master i, pragma_index_info(i.name) c
               WHERE i.type = 'index' AND i.sql IS NOT NULL GROUP BY i.name";
    let mut find = sqlite.prepare(sql).unwrap();
    find.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_file_brought_up_to_date_has_the_shape_of_a_new_one() {
    let (path, home) = first_release();
    drop(EmbeddedStore::open(&path).unwrap());
    drop(EmbeddedStore::open(&path).unwrap());
    let new = home.path().join("new.sqlite");
    drop(EmbeddedStore::open(&new).unwrap());
    assert!(shape(&new).len() > 70, "{:?}", shape(&new));
    assert_eq!(shape(&path), shape(&new));
    let sqlite = Connection::open(&path).unwrap();
    let check: String = sqlite.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn a_file_that_can_not_be_brought_up_to_date_stays_as_it_was() {
    let (path, _home) = first_release();
    // In the way of what is to be made last.
    Connection::open(&path).unwrap().execute("CREATE TABLE notes (x TEXT)", []).unwrap();
    let before = shape(&path);
    assert!(matches!(EmbeddedStore::open(&path), Err(StoreError::Unreachable(_))));
    assert_eq!(shape(&path), before);
}

#[test]
fn a_file_of_a_newer_release_is_left_alone() {
    let (path, _home) = first_release();
    drop(EmbeddedStore::open(&path).unwrap());
    let sqlite = Connection::open(&path).unwrap();
    sqlite.pragma_update(None, "user_version", 3).unwrap();
    let Err(StoreError::Damaged(why)) = EmbeddedStore::open(&path) else { panic!("it opened") };
    assert!(why.contains("schema 3"), "{why}");
}

#[tokio::test]
async fn what_a_person_made_of_an_inbox_item_stays_with_it() {
    let (path, _home) = first_release();
    let store = EmbeddedStore::open(&path).unwrap();
    let items = store.inbox(10).await.unwrap();
    let orphan = items.iter().find(|item| item.request.is_none()).unwrap();
    for outcome in ["first", "second"] {
        store.settle_inbox(orphan, outcome).await.unwrap();
    }
    let sqlite = Connection::open(&path).unwrap();
    let sql = "SELECT outcome FROM inbox WHERE waiting = 0";
    let outcome: String = sqlite.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(outcome, "first", "who comes second changes nothing");
}
