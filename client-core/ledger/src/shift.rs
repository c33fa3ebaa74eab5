//! Shifts as rows: what a till wrote in a piece of its journal, and what that brought. The rules are the domain's.

use crate::journal;
use crate::rows::{self, money, signed, time, unsigned};
use crate::{LedgerError, Reader};
use domain::standing::SaleState;
use domain::{
    Actor, BusinessDay, Drawer, Entry, FactId, Money, ShopId, Span, Taken, Takings, Tender, Timestamp,
};
use rusqlite::{Row, params};

/// The facts of a piece of a journal: their names as the tables of facts have them.
const WRITTEN: &str = "SELECT till || iif(incarnation = 0, '', '.' || incarnation) || '-' || number AS id
   FROM journal WHERE shop = ?1 AND till = ?2 AND incarnation = ?3
     AND number > ?4 AND number <= ?5 AND document <> 0 AND state = 0";

/// What of a table was taken back as a mistake in the piece of a journal; what two took back, by the first.
fn taken_back(table: &str) -> String {
    format!(
        "(SELECT coalesce(sum(t.amount + t.rounding), 0) FROM written w JOIN undone u USING (id)
          CROSS JOIN {table} t ON t.sale = u.sale AND t.shop = u.shop
            AND u.what = t.said
          WHERE u.shop = ?1 AND NOT EXISTS (SELECT 1 FROM undone o WHERE o.sale = u.sale AND o.shop = u.shop
            AND o.what = u.what AND (o.at, o.id) < (u.at, u.id)))"
    )
}

/// What was done with a drawer beside selling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawerRow {
    /// The fact.
    pub id: FactId,
    /// What was done.
    pub kind: DrawerKind,
    /// The float; what was put in, below nothing where it was taken out; what was counted.
    pub amount: Money,
    /// Why it was put in or taken out.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// What can be done with a drawer beside selling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawerKind {
    /// It was opened for a shift.
    Opened,
    /// Cash was put in or taken out.
    Moved,
    /// Its shift was closed.
    Closed,
}

impl Reader {
    /// The closings of all tills of a shop, newest first, as the entries that carry their reports.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn closings(&self, shop: &ShopId, limit: u32) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT j.* FROM drawers d JOIN journal j USING (shop, till, incarnation, number)
                   WHERE d.shop = ? AND d.kind = 'closed' ORDER BY d.at DESC, till, incarnation, number DESC LIMIT ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let found = find.query_map(params![self.shop_key(shop)?, limit], journal::entry)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The closings of one till since an instant, oldest first, as the entries that carry their reports.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn closings_of(
        &self,
        shop: &ShopId,
        actor: Actor,
        since: Timestamp,
    ) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT j.* FROM drawers d JOIN journal j USING (shop, till, incarnation, number)
                   WHERE d.shop = ? AND d.till = ? AND d.incarnation = ? AND d.kind = 'closed' AND d.at >= ?
                   ORDER BY number";
        let mut find = self.connection.prepare_cached(sql)?;
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation, since.millis()];
        let found = find.query_map(key, journal::entry)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// How often a till closed a shift under a name, and the number of the last closing's entry; 0 where it never
    /// did.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn last_closing(&self, shop: &ShopId, actor: Actor) -> Result<(u64, u64), LedgerError> {
        let sql = "SELECT count(*) AS n, coalesce(max(number), 0) AS last FROM drawers
                   WHERE shop = ? AND till = ? AND incarnation = ? AND kind = 'closed'";
        let mut find = self.connection.prepare_cached(sql)?;
        let key = params![self.shop_key(shop)?, actor.till.0, actor.incarnation];
        Ok(find.query_row(key, |row| Ok((unsigned(row, "n")?, unsigned(row, "last")?)))?)
    }

    /// What was done with a drawer in a piece of its till's journal, oldest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn drawer_rows(&self, shop: &ShopId, span: Span) -> Result<Vec<DrawerRow>, LedgerError> {
        let sql = "SELECT * FROM drawers WHERE shop = ? AND till = ? AND incarnation = ? AND number > ?
                     AND number <= ? ORDER BY number";
        let mut find = self.connection.prepare_cached(sql)?;
        let (Actor { till, incarnation }, shop) = (span.actor, self.shop_key(shop)?);
        let key = params![shop, till.0, incarnation, signed(span.after)?, signed(span.upto)?];
        Ok(find.query_map(key, drawer_row)?.collect::<Result<_, _>>()?)
    }

    /// What went through a drawer in a piece of its till's journal.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn drawer(&self, shop: &ShopId, span: Span) -> Result<Drawer, LedgerError> {
        let sql = format!(
            "WITH written AS ({WRITTEN}) SELECT
               (SELECT coalesce(sum(s.total + s.rounding), 0) FROM written w JOIN sales s USING (id)
                WHERE s.shop = ?1 AND s.tender = 'cash')
               + (SELECT coalesce(sum(c.amount + c.rounding), 0) FROM written w JOIN cash c USING (id)
                  WHERE c.shop = ?1)
               - {} AS sales,
               (SELECT coalesce(sum(r.amount + r.rounding), 0) FROM written w JOIN refunds r USING (id)
                WHERE r.shop = ?1)
               - {} AS refunds",
            taken_back("cash"),
            taken_back("refunds")
        );
        let mut find = self.connection.prepare_cached(&sql)?;
        let read = |row: &Row<'_>| Ok((money(row, "sales")?, money(row, "refunds")?));
        let (sales, refunds) = find.query_row(key(self.shop_key(shop)?, span)?, read)?;
        let mut drawer = Drawer { sales, refunds, ..Drawer::default() };
        for row in self.drawer_rows(shop, span)? {
            match row.kind {
                DrawerKind::Opened => drawer.float = drawer.float + row.amount,
                DrawerKind::Moved => {
                    drawer.paid_in = drawer.paid_in + row.amount.or_zero();
                    drawer.paid_out = drawer.paid_out + (-row.amount).or_zero();
                }
                DrawerKind::Closed => {}
            }
        }
        Ok(drawer)
    }

    /// What the sales in a piece of a till's journal brought, as far as it is known here. Of claims that were made up to
    /// `silent` it is known that there is no such payment, where it is not here.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn takings(
        &self,
        shop: &ShopId,
        span: Span,
        silent: Option<Timestamp>,
    ) -> Result<Takings, LedgerError> {
        let sql = format!(
            "WITH written AS ({WRITTEN}) SELECT s.*,
               (SELECT coalesce(sum(amount), 0) FROM cash_standing c WHERE c.sale = s.id AND c.shop = s.shop)
               - (SELECT coalesce(sum(amount), 0) FROM refunds_standing r WHERE r.sale = s.id AND r.shop = s.shop) AS cash,
               (SELECT coalesce(sum(rounding), 0) FROM cash_standing c WHERE c.sale = s.id AND c.shop = s.shop)
               - (SELECT coalesce(sum(rounding), 0) FROM refunds_standing r WHERE r.sale = s.id AND r.shop = s.shop) AS coins,
               (SELECT coalesce(sum(amount), 0) FROM returns_standing r WHERE r.sale = s.id AND r.shop = s.shop) AS returned,
               (SELECT coalesce(sum(amount), 0) FROM tips_standing t WHERE t.sale = s.id AND t.shop = s.shop) AS tips,
               iif(s.state = 'claimed', (SELECT max(c.at) FROM claims c WHERE c.sale = s.id AND c.shop = s.shop
                 AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop)
                 AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.shop = c.shop AND p.receipt = c.receipt)), NULL)
               AS claimed_at
             FROM written w JOIN sales s USING (id) WHERE s.shop = ?1"
        );
        let mut find = self.connection.prepare_cached(&sql)?;
        let mut takings = Takings::default();
        let mut rows = find.query(key(self.shop_key(shop)?, span)?)?;
        while let Some(row) = rows.next()? {
            takings = takings.with(&taken(row, silent)?);
        }
        Ok(takings)
    }

    /// What each till of a shop wrote on a day, as far as it is here.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn spans_of_day(&self, shop: &ShopId, day: BusinessDay) -> Result<Vec<Span>, LedgerError> {
        let sql = "SELECT till, incarnation, first, coalesce(
                     (SELECT min(n.first) - 1 FROM runs n WHERE n.shop = r.shop AND n.till = r.till
                        AND n.incarnation = r.incarnation AND n.first > r.first),
                     (SELECT max(number) FROM journal j WHERE j.shop = r.shop AND j.till = r.till
                        AND j.incarnation = r.incarnation)) AS upto
                   FROM runs r WHERE shop = ? AND document = ? ORDER BY till, incarnation, first";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            let after = unsigned(row, "first")?.saturating_sub(1);
            Ok(Span { actor: rows::actor(row)?, after, upto: unsigned(row, "upto")? })
        };
        let found = find.query_map(params![self.shop_key(shop)?, day.number()], read)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The lives that a file's writer of a shop had, newest first, each with the one it became: those that ended
    /// because the file was restored from a backup, up to the first that did not.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn restored_from(&self, shop: &ShopId, actor: Actor) -> Result<Vec<Actor>, LedgerError> {
        let sql = "SELECT till, incarnation FROM lives WHERE shop = ? AND became = ? AND why = 'restored'";
        let mut find = self.connection.prepare_cached(sql)?;
        let (shop, mut found, mut became) = (self.shop_key(shop)?, Vec::new(), actor);
        while let Some(former) =
            find.query_map(params![shop, became.to_string()], rows::actor)?.next().transpose()?
        {
            if found.contains(&former) {
                break;
            }
            found.push(former);
            became = former;
        }
        Ok(found)
    }
}

fn key(shop: i64, span: Span) -> rusqlite::Result<[i64; 5]> {
    let Actor { till, incarnation } = span.actor;
    Ok([shop, till.0.into(), incarnation.into(), signed(span.after)?, signed(span.upto)?])
}

fn taken(row: &Row<'_>, silent: Option<Timestamp>) -> rusqlite::Result<Taken> {
    let (total, cash, state) = (money(row, "total")?, money(row, "cash")?, row.get::<_, String>("state")?);
    let conflict: bool = row.get("conflict")?;
    Ok(Taken {
        total,
        owed: money(row, "owed")?,
        discounts: money(row, "discount")?,
        returned: money(row, "returned")?,
        tips: money(row, "tips")?,
        rounding: money(row, "rounding")? + money(row, "coins")?,
        cash: if rows::tender(row)? == Tender::Cash { total + cash } else { cash },
        paid: money(row, "paid")?,
        due: money(row, "due")?,
        over: money(row, "over")?,
        state: SaleState::named(&state).ok_or_else(|| rows::damaged("a state that does not exist"))?,
        lost: conflict || row.get("reversed")?,
        silent: rows::time_option(row, "claimed_at")?.zip(silent).is_some_and(|(at, before)| at <= before),
    })
}

fn drawer_row(row: &Row<'_>) -> rusqlite::Result<DrawerRow> {
    let kind = match row.get::<_, String>("kind")?.as_str() {
        "opened" => DrawerKind::Opened,
        "moved" => DrawerKind::Moved,
        _ => DrawerKind::Closed,
    };
    Ok(DrawerRow {
        id: FactId { actor: rows::actor(row)?, number: unsigned(row, "number")? },
        kind,
        amount: money(row, "amount")?,
        reason: row.get("reason")?,
        at: time(row, "at")?,
        by: row.get("by")?,
    })
}
