//! What Safaricom said, where it was filed.

use crate::rows::{self, damaged};
use domain::{CheckoutId, FeedItem, ShopId};
use replica::wire::{decode_feed_item, encode_feed_item};
use rusqlite::{Connection, OptionalExtension, params};
use service::store::{AnswerKind, Filing, RawCallback, Recorded};

pub(crate) fn record(c: &Connection, raw: &RawCallback, filing: &Filing) -> rusqlite::Result<Recorded> {
    match filing {
        Filing::Feed(shop, item) => record_item(c, raw, shop, item),
        Filing::Answer(request, kind) => record_answer(c, raw, request, *kind),
        Filing::Inbox(reason, request) => record_orphan(c, raw, reason, request.as_ref()),
    }
}

fn record_item(
    c: &Connection,
    raw: &RawCallback,
    shop: &ShopId,
    item: &FeedItem,
) -> rusqlite::Result<Recorded> {
    let ((kind, name), hash) = (item.name(), rows::hash(&raw.body));
    let sql = "INSERT INTO feed (shop, kind, name, item, body, body_hash, received_at)
               VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (shop, kind, name) DO NOTHING";
    let (item, at) = (encode_feed_item(item), raw.received_at.millis());
    let row = params![shop.as_str(), kind, name, item, raw.body, hash, at];
    if c.prepare_cached(sql)?.execute(row)? == 1 {
        return Ok(Recorded::New);
    }
    let sql = "SELECT item, body_hash FROM feed WHERE shop = ? AND kind = ? AND name = ?";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (kept, kept_hash): (Vec<u8>, [u8; 32]) =
        c.prepare_cached(sql)?.query_row([shop.as_str(), kind, name], read)?;
    if kept_hash == hash {
        return Ok(Recorded::Again);
    }
    decode_feed_item(&kept).map(|kept| Recorded::Differs(Some(Box::new(kept)))).map_err(damaged)
}

pub(crate) fn feed_item(
    c: &Connection,
    shop: &ShopId,
    (kind, name): (&str, &str),
) -> rusqlite::Result<Option<FeedItem>> {
    let sql = "SELECT item FROM feed WHERE shop = ? AND kind = ? AND name = ?";
    let mut find = c.prepare_cached(sql)?;
    let item: Option<Vec<u8>> = find.query_row([shop.as_str(), kind, name], |row| row.get(0)).optional()?;
    item.map(|item| decode_feed_item(&item)).transpose().map_err(damaged)
}

fn record_answer(
    c: &Connection,
    raw: &RawCallback,
    request: &CheckoutId,
    kind: AnswerKind,
) -> rusqlite::Result<Recorded> {
    let sql = "INSERT INTO answers (request, kind, body, body_hash, received_at) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (request, kind) DO NOTHING";
    let (request, kind, hash) = (request.as_str(), kind.name(), rows::hash(&raw.body));
    let row = params![request, kind, raw.body, hash, raw.received_at.millis()];
    if c.prepare_cached(sql)?.execute(row)? == 1 {
        return Ok(Recorded::New);
    }
    let sql = "SELECT body_hash FROM answers WHERE request = ? AND kind = ?";
    let kept: [u8; 32] = c.prepare_cached(sql)?.query_row([request, kind], |row| row.get(0))?;
    Ok(if kept == hash { Recorded::Again } else { Recorded::Differs(None) })
}

fn record_orphan(
    c: &Connection,
    raw: &RawCallback,
    reason: &str,
    request: Option<&CheckoutId>,
) -> rusqlite::Result<Recorded> {
    // A body that waited for a person alone waits under the request from now on.
    let sql = "INSERT INTO inbox (hash, received_at, reason, body, request) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (hash) DO UPDATE SET request = excluded.request, waiting = 1
               WHERE inbox.request IS NULL AND excluded.request IS NOT NULL";
    let (hash, at) = (rows::hash(&raw.body), raw.received_at.millis());
    // A request has one early answer; another one that says something else is no answer to it.
    let other = "SELECT 1 FROM inbox WHERE request = ? AND hash <> ?";
    if let Some(request) = request
        && c.prepare_cached(other)?.exists(params![request.as_str(), hash])?
    {
        return Ok(Recorded::Differs(None));
    }
    let row = params![hash, at, reason, raw.body, request.map(CheckoutId::as_str)];
    let new = c.prepare_cached(sql)?.execute(row)? == 1;
    Ok(if new { Recorded::New } else { Recorded::Again })
}
