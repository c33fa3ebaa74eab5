//! Store on one SQLite file: the hub without AWS.
//!
//! The rows are those of [`schema.sql`](../src/schema.sql). One thread writes and commits whatever waits
//! together, so that many callbacks share one fsync; reads go beside it (WAL). What is looked up by its key
//! is looked up at once, longer reads take turns on a few threads.

mod callbacks;
mod examine;
mod file;
mod journals;
mod queue;
mod records;
mod requests;
mod rows;
mod shops;

pub use examine::{Contents, Examined, ExaminedShop, examine, waiting};
pub use queue::FileQueue;

use domain::{Actor, CheckoutId, FeedItem, Member, Shop, ShopId, ShortCode, Timestamp};
use file::File;
use replica::{Batch, Head};
use rows::{actor_of, head_of, member_of, shop_of};
use rusqlite::{OptionalExtension, params};
use service::records::{Listing, Orphan, Page};
use service::store::{
    AnswerKind, Enrolment, Filing, InboxItem, News, RawCallback, Recorded, Request, Store, StoreError, Tokens,
};
use std::path::Path;

/// The store of a hub. Clones share the file.
#[derive(Clone)]
pub struct EmbeddedStore(File);

impl EmbeddedStore {
    /// Opens the file, or makes a new one. One that an older release wrote is brought up to date.
    ///
    /// # Errors
    /// It can not be opened, or a newer release wrote it. Nothing is ever deleted or made anew.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        File::open(path).map(Self)
    }
}

impl Store for EmbeddedStore {
    async fn put_shop(&self, shop: &Shop, tokens: &Tokens) -> Result<(), StoreError> {
        let (shop, tokens) = (shop.clone(), tokens.clone());
        self.0.write(move |c| shops::put_shop(c, &shop, &tokens)).await
    }

    async fn tokens(&self, shop: &ShopId) -> Result<Option<Tokens>, StoreError> {
        self.0.look_up(|c| shops::tokens(c, shop))
    }

    async fn shops(&self) -> Result<Vec<Shop>, StoreError> {
        self.0
            .read(|c| c.prepare_cached("SELECT * FROM shops ORDER BY id")?.query_map([], shop_of)?.collect())
            .await
    }

    async fn shop(&self, id: &ShopId) -> Result<Option<Shop>, StoreError> {
        let sql = "SELECT * FROM shops WHERE id = ?";
        self.0.look_up(|c| c.prepare_cached(sql)?.query_row([id.as_str()], shop_of).optional())
    }

    async fn shop_of_number(&self, number: &ShortCode) -> Result<Option<ShopId>, StoreError> {
        let sql = "SELECT shop FROM numbers WHERE number = ?";
        self.0.look_up(|c| rows::shop_id(c, sql, [number.as_str()]))
    }

    async fn shop_of_token(&self, hash: &[u8; 32]) -> Result<Option<ShopId>, StoreError> {
        self.0.look_up(|c| rows::shop_id(c, "SELECT shop FROM tokens WHERE hash = ?", [hash]))
    }

    async fn record(&self, raw: &RawCallback, filing: &Filing) -> Result<Recorded, StoreError> {
        let (raw, filing) = (raw.clone(), filing.clone());
        self.0.write(move |c| callbacks::record(c, &raw, &filing)).await
    }

    async fn inbox(&self, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
        let sql = "SELECT hash, received_at, reason, body, request FROM inbox WHERE waiting = 1
                   ORDER BY received_at DESC, hash LIMIT ?";
        let limit = rows::limit(limit);
        self.0.read(move |c| c.prepare_cached(sql)?.query_map([limit], rows::inbox_item)?.collect()).await
    }

    async fn settle_inbox(&self, item: &InboxItem, outcome: &str) -> Result<(), StoreError> {
        let (hash, outcome) = (item.hash, outcome.to_owned());
        let sql = "UPDATE inbox SET waiting = 0, outcome = coalesce(outcome || char(10), '') || ?
                   WHERE hash = ? AND waiting = 1";
        self.0.write(move |c| c.prepare_cached(sql)?.execute(params![outcome, hash]).map(drop)).await
    }

    async fn inbox_item(&self, hash: &[u8; 32]) -> Result<Option<(InboxItem, Option<String>)>, StoreError> {
        // What left the inbox for its place by itself was decided by nobody, and is not found here.
        let sql = "SELECT hash, received_at, reason, body, request, iif(waiting, NULL, outcome) AS outcome
                   FROM inbox WHERE hash = ? AND (waiting = 1 OR outcome IS NOT NULL)";
        let read = |row: &rusqlite::Row<'_>| Ok((rows::inbox_item(row)?, row.get("outcome")?));
        self.0.look_up(|c| c.prepare_cached(sql)?.query_row([hash], read).optional())
    }

    async fn reopen_inbox(&self, item: &InboxItem, note: &str) -> Result<(), StoreError> {
        let (hash, note) = (item.hash, note.to_owned());
        let sql = "UPDATE inbox SET waiting = 1, outcome = outcome || char(10) || ?
                   WHERE hash = ? AND waiting = 0 AND outcome IS NOT NULL";
        self.0.write(move |c| c.prepare_cached(sql)?.execute(params![note, hash]).map(drop)).await
    }

    async fn early_answer(&self, request: &CheckoutId) -> Result<Option<RawCallback>, StoreError> {
        let sql = "SELECT body, received_at FROM inbox WHERE request = ? AND waiting = 1";
        self.0
            .look_up(|c| c.prepare_cached(sql)?.query_row([request.as_str()], rows::raw_callback).optional())
    }

    async fn settle_early_answer(&self, request: &CheckoutId) -> Result<(), StoreError> {
        let request = request.clone();
        let sql = "UPDATE inbox SET waiting = 0 WHERE request = ?";
        self.0.write(move |c| c.prepare_cached(sql)?.execute([request.as_str()]).map(drop)).await
    }

    async fn feed_item(&self, shop: &ShopId, name: (&str, &str)) -> Result<Option<FeedItem>, StoreError> {
        self.0.look_up(|c| callbacks::feed_item(c, shop, name))
    }

    async fn answer(
        &self,
        request: &CheckoutId,
        kind: AnswerKind,
    ) -> Result<Option<RawCallback>, StoreError> {
        let sql = "SELECT body, received_at FROM answers WHERE request = ? AND kind = ?";
        let key = [request.as_str(), kind.name()];
        self.0.look_up(|c| c.prepare_cached(sql)?.query_row(key, rows::raw_callback).optional())
    }

    async fn begin_request(&self, request: &Request) -> Result<Option<Request>, StoreError> {
        let request = request.clone();
        self.0.write(move |c| requests::begin(c, &request)).await
    }

    async fn request_named(&self, shop: &ShopId, name: &str) -> Result<Option<Request>, StoreError> {
        self.0.look_up(|c| requests::named(c, shop, name))
    }

    async fn accept_request(&self, request: &Request) -> Result<(), StoreError> {
        let request = request.clone();
        self.0.write(move |c| requests::accept(c, &request)).await
    }

    async fn request_of(&self, request: &CheckoutId) -> Result<Option<Request>, StoreError> {
        let sql = "SELECT * FROM requests WHERE checkout = ?";
        self.0.look_up(|c| c.prepare_cached(sql)?.query_row([request.as_str()], rows::request_of).optional())
    }

    async fn due_requests(&self, now: Timestamp, limit: usize) -> Result<Vec<Request>, StoreError> {
        self.0.read(move |c| requests::due(c, now, limit)).await
    }

    async fn ask_again(&self, request: &Request, at: Option<Timestamp>) -> Result<(), StoreError> {
        let Some((checkout, _)) = request.accepted.clone() else { return Ok(()) };
        let (sql, at) = ("UPDATE requests SET ask_at = ? WHERE checkout = ?", at.map(Timestamp::millis));
        self.0.write(move |c| c.prepare_cached(sql)?.execute(params![at, checkout.as_str()]).map(drop)).await
    }

    async fn hold(
        &self,
        lock: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(String, Timestamp)>, StoreError> {
        let (lock, holder) = (lock.to_owned(), holder.to_owned());
        self.0.write(move |c| requests::hold(c, &lock, &holder, now, until)).await
    }

    async fn let_go(&self, lock: &str, holder: &str) -> Result<(), StoreError> {
        let (lock, holder) = (lock.to_owned(), holder.to_owned());
        let sql = "DELETE FROM locks WHERE name = ? AND holder = ?";
        self.0.write(move |c| c.prepare_cached(sql)?.execute([lock, holder]).map(drop)).await
    }

    async fn put_note(&self, shop: &ShopId, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let (shop, name, content) = (shop.clone(), name.to_owned(), content.to_vec());
        let sql = "INSERT INTO notes (shop, name, content) VALUES (?, ?, ?)
                   ON CONFLICT (shop, name) DO UPDATE SET content = excluded.content";
        self.0
            .write(move |c| c.prepare_cached(sql)?.execute(params![shop.as_str(), name, content]).map(drop))
            .await
    }

    async fn notes(&self, shop: &ShopId, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        // From the prefix to the last text that begins so.
        let sql =
            "SELECT name, content FROM notes WHERE shop = ?1 AND name BETWEEN ?2 AND ?2 || char(1114111)
                   ORDER BY name";
        let note = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        self.0.look_up(|c| c.prepare_cached(sql)?.query_map([shop.as_str(), prefix], note)?.collect())
    }

    async fn put_enrolment(&self, enrolment: &Enrolment) -> Result<(), StoreError> {
        let e = enrolment.clone();
        let sql = "INSERT INTO enrolments (code_hash, shop, role, expires_at) VALUES (?, ?, ?, ?)
                   ON CONFLICT (code_hash) DO NOTHING";
        self.0
            .write(move |c| {
                let shop = e.shop.as_ref().map(ShopId::as_str);
                c.execute(sql, params![e.code_hash, shop, e.role.name(), e.expires_at.millis()]).map(drop)
            })
            .await
    }

    async fn take_enrolment(
        &self,
        code_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Enrolment>, StoreError> {
        let code_hash = *code_hash;
        let sql =
            "DELETE FROM enrolments WHERE code_hash = ? AND expires_at > ? RETURNING shop, role, expires_at";
        self.0
            .write(move |c| {
                let read = |row: &rusqlite::Row<'_>| rows::enrolment(row, code_hash);
                c.query_row(sql, params![code_hash, now.millis()], read).optional()
            })
            .await
    }

    async fn next_number(&self, counter: &str) -> Result<u32, StoreError> {
        let counter = counter.to_owned();
        let sql = "INSERT INTO counters (name, value) VALUES (?, 1)
                   ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value";
        self.0.write(move |c| c.query_row(sql, [counter], |row| row.get(0))).await
    }

    async fn counter(&self, counter: &str) -> Result<u32, StoreError> {
        let sql = "SELECT value FROM counters WHERE name = ?";
        let found = self.0.look_up(|c| c.query_row(sql, [counter], |row| row.get(0)).optional())?;
        Ok(found.unwrap_or_default())
    }

    async fn raise_counter(&self, counter: &str, to: u32) -> Result<(), StoreError> {
        let counter = counter.to_owned();
        let sql = "INSERT INTO counters (name, value) VALUES (?, ?)
                   ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
        self.0.write(move |c| c.execute(sql, params![counter, to]).map(drop)).await
    }

    async fn put_member(&self, member: &Member, shop: Option<&ShopId>) -> Result<(), StoreError> {
        let (member, shop) = (member.clone(), shop.cloned());
        self.0.write(move |c| shops::put_member(c, &member, shop.as_ref())).await
    }

    async fn member(&self, actor: Actor) -> Result<Option<(Member, Option<ShopId>)>, StoreError> {
        let sql = "SELECT * FROM members WHERE till = ? AND incarnation = ?";
        let key = params![actor.till.0, actor.incarnation];
        self.0.look_up(|c| c.prepare_cached(sql)?.query_row(key, member_of).optional())
    }

    async fn members(&self) -> Result<Vec<(Member, Option<ShopId>)>, StoreError> {
        let sql = "SELECT * FROM members ORDER BY till, incarnation";
        self.0.read(move |c| c.prepare_cached(sql)?.query_map([], member_of)?.collect()).await
    }

    async fn members_of(&self, shop: &ShopId) -> Result<Vec<Member>, StoreError> {
        let shop = shop.clone();
        let sql = "SELECT * FROM members WHERE shop = ? ORDER BY till, incarnation";
        let read = |row: &rusqlite::Row<'_>| member_of(row).map(|(member, _)| member);
        self.0.read(move |c| c.prepare_cached(sql)?.query_map([shop.as_str()], read)?.collect()).await
    }

    async fn heads(&self, shop: &ShopId) -> Result<Vec<(Actor, Head)>, StoreError> {
        let shop = shop.clone();
        let sql =
            "SELECT till, incarnation, number, chain FROM heads WHERE shop = ? ORDER BY till, incarnation";
        let read = |row: &rusqlite::Row<'_>| Ok((actor_of(row)?, head_of(row)?));
        self.0.read(move |c| c.prepare_cached(sql)?.query_map([shop.as_str()], read)?.collect()).await
    }

    async fn head(&self, shop: &ShopId, actor: Actor) -> Result<Head, StoreError> {
        self.0.look_up(|c| journals::head(c, shop, actor))
    }

    async fn append(
        &self,
        shop: &ShopId,
        batch: &Batch,
        before: Head,
        after: Head,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (shop, batch) = (shop.clone(), batch.clone());
        self.0
            .write(move |c| {
                if journals::head(c, &shop, batch.actor)? != before {
                    return Ok(false);
                }
                journals::append(c, &shop, &batch, after, at).map(|()| true)
            })
            .await
    }

    async fn batches(
        &self,
        shop: &ShopId,
        actor: Actor,
        after: u64,
        max_bytes: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        let shop = shop.clone();
        self.0.read(move |c| journals::batches(c, &shop, actor, after, max_bytes)).await
    }

    async fn batches_before(
        &self,
        shop: &ShopId,
        actor: Actor,
        before: u64,
        max_bytes: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        let shop = shop.clone();
        self.0.read(move |c| journals::batches_before(c, &shop, actor, before, max_bytes)).await
    }

    async fn join_batches(&self, shop: &ShopId, joined: &Batch, parts: &[Batch]) -> Result<bool, StoreError> {
        let (shop, joined, parts) = (shop.clone(), joined.clone(), parts.to_vec());
        self.0.write(move |c| journals::join(c, &shop, &joined, &parts)).await
    }

    async fn cursor_at(&self, shop: &ShopId, at: Timestamp) -> Result<Vec<u8>, StoreError> {
        let shop = shop.clone();
        self.0.read(move |c| journals::cursor_at(c, &shop, at)).await
    }

    async fn news(&self, shop: &ShopId, cursor: &[u8]) -> Result<News, StoreError> {
        let (shop, cursor) = (shop.clone(), cursor.to_vec());
        self.0.read(move |c| journals::news(c, &shop, &cursor)).await
    }

    async fn records(&self, listing: &Listing, after: &[u8]) -> Result<Page, StoreError> {
        let (listing, after) = (listing.clone(), after.to_vec());
        self.0.read(move |c| records::page(c, &listing, &after)).await
    }

    async fn put_orphan(&self, orphan: &Orphan) -> Result<(), StoreError> {
        let orphan = orphan.clone();
        self.0.write(move |c| records::put_orphan(c, &orphan)).await
    }
}
