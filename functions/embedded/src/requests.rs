//! What we ask of Safaricom, and the locks that keep two from asking at once.

use crate::rows;
use domain::{ShopId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use service::store::Request;

pub(crate) fn begin(c: &Connection, request: &Request) -> rusqlite::Result<Option<Request>> {
    let sql = "INSERT INTO requests (shop, name, purpose, amount, at, ask_at) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT (shop, name) DO NOTHING";
    let (shop, ask_at) = (request.shop.as_str(), request.ask_at.map(Timestamp::millis));
    let (purpose, amount) = (request.purpose.to_string(), request.amount.cents());
    let row = params![shop, request.name, purpose, amount, request.at.millis(), ask_at];
    if c.prepare_cached(sql)?.execute(row)? == 1 {
        return Ok(None);
    }
    named(c, &request.shop, &request.name)
}

pub(crate) fn named(c: &Connection, shop: &ShopId, name: &str) -> rusqlite::Result<Option<Request>> {
    let sql = "SELECT * FROM requests WHERE shop = ? AND name = ?";
    c.prepare_cached(sql)?.query_row(params![shop.as_str(), name], rows::request_of).optional()
}

/// Notes Safaricom's names; and the request itself, if it is not known here.
pub(crate) fn accept(c: &Connection, request: &Request) -> rusqlite::Result<()> {
    let Some((checkout, merchant)) = &request.accepted else { return Ok(()) };
    begin(c, request)?;
    let sql = "UPDATE requests SET checkout = ?, merchant = ?, ask_at = ? WHERE shop = ? AND name = ?";
    let ask_at = request.ask_at.map(Timestamp::millis);
    let row = params![checkout.as_str(), merchant, ask_at, request.shop.as_str(), request.name];
    c.prepare_cached(sql)?.execute(row).map(drop)
}

pub(crate) fn due(c: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<Request>> {
    let sql = "SELECT * FROM requests WHERE ask_at <= ? AND checkout IS NOT NULL
               ORDER BY ask_at, checkout LIMIT ?";
    let bounds = params![now.millis(), rows::limit(limit)];
    c.prepare_cached(sql)?.query_map(bounds, rows::request_of)?.collect()
}

pub(crate) fn hold(
    c: &Connection,
    lock: &str,
    holder: &str,
    now: Timestamp,
    until: Timestamp,
) -> rusqlite::Result<Option<(String, Timestamp)>> {
    c.prepare_cached("DELETE FROM locks WHERE until <= ?")?.execute([now.millis()])?;
    let sql = "INSERT INTO locks (name, holder, until) VALUES (?, ?, ?)
               ON CONFLICT (name) DO UPDATE SET until = excluded.until WHERE locks.holder = excluded.holder";
    if c.prepare_cached(sql)?.execute(params![lock, holder, until.millis()])? == 1 {
        return Ok(None);
    }
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, rows::time(row, "until")?));
    c.prepare_cached("SELECT holder, until FROM locks WHERE name = ?")?.query_row([lock], read).map(Some)
}
