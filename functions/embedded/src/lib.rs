//! Store on one SQLite file: the hub without AWS.
//!
//! The rows are those of [`schema.sql`](../src/schema.sql). One thread writes and commits whatever waits
//! together, so that many callbacks share one fsync; reads go beside it (WAL).

mod file;
mod rows;

use domain::{Actor, CheckoutId, FeedItem, Member, Role, Shop, ShopId, ShortCode, Timestamp};
use file::File;
use replica::wire::{decode_batch, decode_feed_item, encode_batch, encode_feed_item};
use replica::{Batch, Head};
use rows::{actor_of, damaged, head_of, member_of, number, push_of, shop_of};
use rusqlite::{Connection, OptionalExtension, params};
use service::store::{
    Enrolment, Filing, InboxItem, News, PushAttempt, RawCallback, Recorded, Store, StoreError,
};
use std::path::Path;

/// How many items one look at the feed gives.
const FEED_PAGE: usize = 200;

/// The store of a hub. Clones share the file.
#[derive(Clone)]
pub struct EmbeddedStore(File);

impl EmbeddedStore {
    /// Opens the file, or makes a new one.
    ///
    /// # Errors
    /// It can not be opened, or a newer release wrote it. Nothing is ever deleted or made anew.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        File::open(path).map(Self)
    }
}

impl Store for EmbeddedStore {
    async fn put_shop(&self, shop: &Shop, tokens: &[[u8; 32]]) -> Result<(), StoreError> {
        let (shop, tokens) = (shop.clone(), tokens.to_vec());
        self.0.write(move |c| put_shop(c, &shop, &tokens)).await
    }

    async fn shops(&self) -> Result<Vec<Shop>, StoreError> {
        self.0
            .read(|c| c.prepare_cached("SELECT * FROM shops ORDER BY id")?.query_map([], shop_of)?.collect())
            .await
    }

    async fn shop(&self, id: &ShopId) -> Result<Option<Shop>, StoreError> {
        let id = id.clone();
        let find = move |c: &Connection| {
            c.prepare_cached("SELECT * FROM shops WHERE id = ?")?.query_row([id.as_str()], shop_of).optional()
        };
        self.0.read(find).await
    }

    async fn shop_of_number(&self, number: &ShortCode) -> Result<Option<ShopId>, StoreError> {
        let number = number.clone();
        let sql = "SELECT shop FROM numbers WHERE number = ?";
        self.0.read(move |c| rows::shop_id(c, sql, [number.as_str()])).await
    }

    async fn shop_of_token(&self, hash: &[u8; 32]) -> Result<Option<ShopId>, StoreError> {
        let hash = *hash;
        self.0.read(move |c| rows::shop_id(c, "SELECT shop FROM tokens WHERE hash = ?", [hash])).await
    }

    async fn record(&self, raw: &RawCallback, filing: &Filing) -> Result<Recorded, StoreError> {
        let (raw, filing) = (raw.clone(), filing.clone());
        self.0
            .write(move |c| match &filing {
                Filing::Feed(shop, item) => record_item(c, &raw, shop, item),
                Filing::Inbox(reason, checkout) => record_orphan(c, &raw, reason, checkout.as_ref()),
            })
            .await
    }

    async fn inbox(&self, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
        let sql = "SELECT hash, received_at, reason, body FROM inbox WHERE waiting = 1
                   ORDER BY received_at DESC, hash LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.0.read(move |c| c.prepare_cached(sql)?.query_map([limit], rows::inbox_item)?.collect()).await
    }

    async fn early_result(&self, checkout: &CheckoutId) -> Result<Option<RawCallback>, StoreError> {
        let checkout = checkout.clone();
        let sql = "SELECT body, received_at FROM inbox WHERE checkout = ? AND waiting = 1";
        let find = move |c: &Connection| {
            c.prepare_cached(sql)?.query_row([checkout.as_str()], rows::raw_callback).optional()
        };
        self.0.read(find).await
    }

    async fn settle_early_result(&self, checkout: &CheckoutId) -> Result<(), StoreError> {
        let checkout = checkout.clone();
        let sql = "UPDATE inbox SET waiting = 0 WHERE checkout = ?";
        self.0.write(move |c| c.prepare_cached(sql)?.execute([checkout.as_str()]).map(drop)).await
    }

    async fn begin_push(&self, attempt: &PushAttempt) -> Result<Option<PushAttempt>, StoreError> {
        let attempt = attempt.clone();
        self.0.write(move |c| begin_push(c, &attempt)).await
    }

    async fn accept_push(&self, attempt: &PushAttempt) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        let sql = "UPDATE pushes SET checkout = ?, merchant = ? WHERE shop = ? AND attempt = ?";
        self.0
            .write(move |c| {
                let Some((checkout, merchant)) = &attempt.accepted else { return Ok(()) };
                let named = params![checkout.as_str(), merchant, attempt.shop.as_str(), attempt.attempt];
                c.prepare_cached(sql)?.execute(named).map(drop)
            })
            .await
    }

    async fn push_of(&self, checkout: &CheckoutId) -> Result<Option<PushAttempt>, StoreError> {
        let checkout = checkout.clone();
        let find = move |c: &Connection| {
            let mut find = c.prepare_cached("SELECT * FROM pushes WHERE checkout = ?")?;
            find.query_row([checkout.as_str()], push_of).optional()
        };
        self.0.read(find).await
    }

    async fn put_enrolment(&self, enrolment: &Enrolment) -> Result<(), StoreError> {
        let e = enrolment.clone();
        let sql = "INSERT INTO enrolments (code_hash, shop, role, expires_at) VALUES (?, ?, ?, ?)";
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

    async fn put_member(&self, member: &Member, shop: Option<&ShopId>) -> Result<(), StoreError> {
        let (m, shop) = (member.clone(), shop.cloned());
        let sql = "INSERT INTO members (till, incarnation, shop, role, letter, name, public_key, revoked)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                   ON CONFLICT (till, incarnation) DO UPDATE SET name = excluded.name, revoked = excluded.revoked";
        self.0
            .write(move |c| {
                let (till, shop) = (m.actor.till.0, shop.as_ref().map(ShopId::as_str));
                let (role, key) = (m.role.name(), m.public_key);
                c.execute(
                    sql,
                    params![till, m.actor.incarnation, shop, role, m.letter, m.name, key, m.revoked],
                )
                .map(drop)
            })
            .await
    }

    async fn member(&self, actor: Actor) -> Result<Option<(Member, Option<ShopId>)>, StoreError> {
        let sql = "SELECT * FROM members WHERE till = ? AND incarnation = ?";
        let find = move |c: &Connection| {
            let key = params![actor.till.0, actor.incarnation];
            c.prepare_cached(sql)?.query_row(key, member_of).optional()
        };
        self.0.read(find).await
    }

    async fn members(&self) -> Result<Vec<(Member, Option<ShopId>)>, StoreError> {
        let sql = "SELECT * FROM members ORDER BY till, incarnation";
        self.0.read(move |c| c.prepare_cached(sql)?.query_map([], member_of)?.collect()).await
    }

    async fn heads(&self, shop: &ShopId) -> Result<Vec<(Actor, Head)>, StoreError> {
        let shop = shop.clone();
        let sql =
            "SELECT till, incarnation, number, chain FROM heads WHERE shop = ? ORDER BY till, incarnation";
        let read = |row: &rusqlite::Row<'_>| Ok((actor_of(row)?, head_of(row)?));
        self.0.read(move |c| c.prepare_cached(sql)?.query_map([shop.as_str()], read)?.collect()).await
    }

    async fn head(&self, shop: &ShopId, actor: Actor) -> Result<Head, StoreError> {
        let shop = shop.clone();
        self.0.read(move |c| head(c, &shop, actor)).await
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
                if head(c, &shop, batch.actor)? != before {
                    return Ok(false);
                }
                append(c, &shop, &batch, after, at).map(|()| true)
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
        self.0.read(move |c| batches(c, &shop, actor, after, max_bytes)).await
    }

    async fn news(&self, shop: &ShopId, cursor: &[u8]) -> Result<News, StoreError> {
        let (shop, cursor) = (shop.clone(), cursor.to_vec());
        self.0.read(move |c| news(c, &shop, &cursor)).await
    }
}

fn put_shop(c: &Connection, shop: &Shop, tokens: &[[u8; 32]]) -> rusqlite::Result<()> {
    let id = shop.id.as_str();
    c.execute(
        "INSERT INTO shops (id, name, account, shortcode, store_number) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, account = excluded.account,
           shortcode = excluded.shortcode, store_number = excluded.store_number",
        params![
            id,
            shop.name,
            shop.account.kind(),
            shop.account.shortcode().as_str(),
            shop.store_number.as_ref().map(ShortCode::as_str)
        ],
    )?;
    c.execute("DELETE FROM numbers WHERE shop = ?", [id])?;
    for number in shop.numbers() {
        c.execute("INSERT OR IGNORE INTO numbers (number, shop) VALUES (?, ?)", [number.as_str(), id])?;
    }
    c.execute("DELETE FROM tokens WHERE shop = ?", [id])?;
    for hash in tokens {
        c.execute("INSERT INTO tokens (hash, shop) VALUES (?, ?)", params![hash, id])?;
    }
    Ok(())
}

fn record_item(
    c: &Connection,
    raw: &RawCallback,
    shop: &ShopId,
    item: &FeedItem,
) -> rusqlite::Result<Recorded> {
    let (source, name) = item.name();
    let hash = rows::hash(&raw.body);
    let sql = "INSERT INTO feed (shop, source, name, item, body, body_hash, received_at)
               VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (shop, source, name) DO NOTHING";
    let (item, at) = (encode_feed_item(item), raw.received_at.millis());
    let row = params![shop.as_str(), source.name(), name, item, raw.body, hash, at];
    if c.prepare_cached(sql)?.execute(row)? == 1 {
        return Ok(Recorded::New);
    }
    let sql = "SELECT body_hash FROM feed WHERE shop = ? AND source = ? AND name = ?";
    let key = [shop.as_str(), source.name(), name];
    let kept: [u8; 32] = c.prepare_cached(sql)?.query_row(key, |row| row.get(0))?;
    Ok(if kept == hash { Recorded::Again } else { Recorded::Differs })
}

fn record_orphan(
    c: &Connection,
    raw: &RawCallback,
    reason: &str,
    checkout: Option<&CheckoutId>,
) -> rusqlite::Result<Recorded> {
    let sql = "INSERT INTO inbox (hash, received_at, reason, body, checkout) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (hash) DO NOTHING";
    let (hash, at) = (rows::hash(&raw.body), raw.received_at.millis());
    // A push has one early result; another one that says something else is no answer to it.
    let other = "SELECT 1 FROM inbox WHERE checkout = ? AND hash <> ?";
    if let Some(checkout) = checkout
        && c.prepare_cached(other)?.exists(params![checkout.as_str(), hash])?
    {
        return Ok(Recorded::Differs);
    }
    let row = params![hash, at, reason, raw.body, checkout.map(CheckoutId::as_str)];
    let new = c.prepare_cached(sql)?.execute(row)? == 1;
    Ok(if new { Recorded::New } else { Recorded::Again })
}

fn begin_push(c: &Connection, attempt: &PushAttempt) -> rusqlite::Result<Option<PushAttempt>> {
    let sql = "INSERT INTO pushes (shop, attempt, sale, amount, at) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (shop, attempt) DO NOTHING";
    let (shop, sale) = (attempt.shop.as_str(), attempt.sale.to_string());
    let row = params![shop, attempt.attempt, sale, attempt.amount.cents(), attempt.at.millis()];
    if c.execute(sql, row)? == 1 {
        return Ok(None);
    }
    let sql = "SELECT * FROM pushes WHERE shop = ? AND attempt = ?";
    c.query_row(sql, params![shop, attempt.attempt], push_of).map(Some)
}

fn head(c: &Connection, shop: &ShopId, actor: Actor) -> rusqlite::Result<Head> {
    let sql = "SELECT number, chain FROM heads WHERE shop = ? AND till = ? AND incarnation = ?";
    let key = params![shop.as_str(), actor.till.0, actor.incarnation];
    let found = c.prepare_cached(sql)?.query_row(key, head_of).optional()?;
    Ok(found.unwrap_or_else(|| Head::genesis(shop, actor)))
}

fn append(c: &Connection, shop: &ShopId, batch: &Batch, after: Head, at: Timestamp) -> rusqlite::Result<()> {
    let (shop, till, life) = (shop.as_str(), batch.actor.till.0, batch.actor.incarnation);
    let sql = "INSERT INTO batches (shop, till, incarnation, first, payload) VALUES (?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![shop, till, life, number(batch.first)?, encode_batch(batch)])?;
    let sql = "INSERT INTO heads (shop, till, incarnation, number, chain) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (shop, till, incarnation) DO UPDATE SET number = excluded.number, chain = excluded.chain";
    c.prepare_cached(sql)?.execute(params![shop, till, life, number(after.number)?, after.chain])?;
    let sql = "INSERT INTO feed (shop, received_at, till, incarnation) VALUES (?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![shop, at.millis(), till, life]).map(drop)
}

fn batches(
    c: &Connection,
    shop: &ShopId,
    actor: Actor,
    after: u64,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Batch>> {
    let sql = "SELECT payload FROM batches WHERE shop = ? AND till = ? AND incarnation = ? AND first > ?
               ORDER BY first";
    let mut find = c.prepare_cached(sql)?;
    let mut rows = find.query(params![shop.as_str(), actor.till.0, actor.incarnation, number(after)?])?;
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let payload: Vec<u8> = row.get(0)?;
        let batch = decode_batch(&payload).map_err(damaged)?;
        bytes = bytes.saturating_add(batch.size());
        if bytes > max_bytes && !found.is_empty() {
            break;
        }
        found.push(batch);
    }
    Ok(found)
}

fn news(c: &Connection, shop: &ShopId, cursor: &[u8]) -> rusqlite::Result<News> {
    let known = Cursor::read(c, cursor)?;
    let mut at = known.unwrap_or_default();
    let sql =
        "SELECT position, received_at, item, till, incarnation FROM feed WHERE shop = ? AND position > ?
               ORDER BY position LIMIT ?";
    let mut find = c.prepare_cached(sql)?;
    let limit = i64::try_from(FEED_PAGE).unwrap_or(i64::MAX);
    let mut rows = find.query(params![shop.as_str(), at.position, limit])?;
    let mut news = News { restarted: known.is_none(), ..News::default() };
    let mut seen = 0_usize;
    while let Some(row) = rows.next()? {
        at = Cursor { position: row.get("position")?, received_at: row.get("received_at")? };
        seen = seen.saturating_add(1);
        match row.get::<_, Option<Vec<u8>>>("item")? {
            Some(item) => news.items.push(decode_feed_item(&item).map_err(damaged)?),
            None => news.journals.push(actor_of(row)?),
        }
    }
    news.journals.sort_unstable();
    news.journals.dedup();
    news.cursor = at.write();
    news.more = seen == FEED_PAGE;
    Ok(news)
}

/// Where a reader left the feed: the last row it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cursor {
    position: i64,
    received_at: i64,
}

impl Cursor {
    /// `None` for a cursor whose row is not here (any more): it belongs to another history, because this
    /// file was restored from a backup. The reader then starts anew, which repeats what it knows and loses
    /// nothing.
    fn read(c: &Connection, bytes: &[u8]) -> rusqlite::Result<Option<Self>> {
        let Some((position, rest)) = bytes.split_first_chunk::<8>() else { return Ok(Some(Self::default())) };
        let position = i64::from_be_bytes(*position);
        let received_at = i64::from_be_bytes(rest.try_into().unwrap_or_default());
        let mut find = c.prepare_cached("SELECT 1 FROM feed WHERE position = ? AND received_at = ?")?;
        let known = position == 0 || find.exists([position, received_at])?;
        Ok(known.then_some(Self { position, received_at }))
    }

    fn write(self) -> Vec<u8> {
        [self.position.to_be_bytes(), self.received_at.to_be_bytes()].concat()
    }
}

/// The role of a stored name.
fn role(name: &str) -> rusqlite::Result<Role> {
    Role::named(name).ok_or_else(|| damaged("a role that does not exist"))
}
