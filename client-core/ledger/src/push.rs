//! STK pushes: what this till asked for, and what it heard of it.

use crate::rows::{self, money, parsed, parsed_option, time};
use crate::{Ledger, LedgerError, Reader};
use domain::{CheckoutId, FactId, Money, PhoneEnding, ReceiptCode, ShopId, TillId, Timestamp};
use rusqlite::{OptionalExtension, Row, params};

/// The last STK push for a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRow {
    /// The sale.
    pub sale: FactId,
    /// Which attempt for it, from 1.
    pub attempt: u32,
    /// When the customer was asked.
    pub at: Timestamp,
    /// How much the customer was asked for.
    pub amount: Money,
    /// Safaricom's name for it; none if the answer was lost or it was not sent.
    pub checkout: Option<CheckoutId>,
    /// Why it was not sent.
    pub refused: Option<String>,
    /// Safaricom's result code and words. A success leads, whoever told of it; then what was posted to us,
    /// then what was answered when we asked.
    pub result: Option<(String, String)>,
    /// The payment, once its receipt is known: an answer to our asking tells of money and names none.
    pub receipt: Option<ReceiptCode>,
    /// How often Safaricom was asked what became of it.
    pub queries: u32,
    /// When last.
    pub queried_at: Option<Timestamp>,
}

impl Ledger {
    /// Notes that the cloud was asked to push, before it is asked. Gives the attempt's number.
    ///
    /// # Errors
    /// Nothing was noted.
    pub fn begin_push(
        &mut self,
        sale: FactId,
        amount: Money,
        phone: Option<PhoneEnding>,
        at: Timestamp,
    ) -> Result<u32, LedgerError> {
        let sql = "INSERT INTO pushes (sale, attempt, at, amount, phone)
                   SELECT ?1, coalesce(max(attempt), 0) + 1, ?2, ?3, ?4 FROM pushes WHERE sale = ?1
                   RETURNING attempt";
        let row = params![sale.to_string(), at.millis(), amount.cents(), phone.map(|it| it.to_string())];
        self.write(|c| Ok(c.query_row(sql, row, |row| row.get(0))?))
    }

    /// Notes what Safaricom said to a push: its name for it, or why it was not sent.
    ///
    /// # Errors
    /// Nothing was noted.
    pub fn end_push(
        &mut self,
        sale: FactId,
        attempt: u32,
        said: Result<&CheckoutId, &str>,
    ) -> Result<(), LedgerError> {
        let sql = "UPDATE pushes SET checkout = ?, refused = ? WHERE sale = ? AND attempt = ?";
        let (checkout, refused) = (said.ok().map(CheckoutId::as_str), said.err());
        self.write(|c| Ok(c.execute(sql, params![checkout, refused, sale.to_string(), attempt]).map(drop)?))
    }

    /// Notes that Safaricom is being asked what became of a push.
    ///
    /// # Errors
    /// Nothing was noted.
    pub fn note_query(&mut self, checkout: &CheckoutId, at: Timestamp) -> Result<(), LedgerError> {
        let sql = "UPDATE pushes SET queries = queries + 1, queried_at = ? WHERE checkout = ?";
        self.write(|c| Ok(c.execute(sql, params![at.millis(), checkout.as_str()]).map(drop)?))
    }
}

impl Reader {
    /// The pushes of a shop that were begun after an instant, have a name, and were not answered with money or
    /// when we asked, newest first: those whose end may still be asked for.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn recent_pushes(&self, shop: &ShopId, after: Timestamp) -> Result<Vec<PushRow>, LedgerError> {
        // In this order: a day has few pushes, and a year many sales.
        let sql = "SELECT checkout FROM pushes p CROSS JOIN sales s ON s.id = p.sale
                   WHERE s.shop = ? AND p.at > ? AND p.checkout IS NOT NULL
                     AND NOT EXISTS (SELECT 1 FROM feed f WHERE f.sale = p.sale AND f.name = p.checkout
                                       AND (f.receipt IS NOT NULL OR f.source = 'stk_query'))
                   ORDER BY p.at DESC";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| parsed(row, "checkout", CheckoutId::parse);
        let names = find.query_map(params![self.shop_key(shop)?, after.millis()], read)?;
        let names = names.collect::<Result<Vec<_>, _>>()?;
        names.iter().filter_map(|name| self.push_named(name).transpose()).collect()
    }

    /// Payments that answer a till's pushes and that their sale does not have, unless a person parted them:
    /// sale and receipt.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn paid_pushes(
        &self,
        shop: &ShopId,
        till: TillId,
    ) -> Result<Vec<(FactId, ReceiptCode)>, LedgerError> {
        let sql = "SELECT p.asked_for, p.receipt FROM payments p
                   JOIN sales s ON s.id = p.asked_for AND s.shop = p.shop
                   WHERE p.shop = ? AND p.sale IS NOT p.asked_for AND p.asked_for IS NOT NULL AND s.till = ?
                     AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.sale = p.asked_for AND c.shop = p.shop
                                       AND c.receipt = p.receipt)
                     -- Two sales may have this name, one of them in a copy of its till's file. Which was asked
                     -- for knows only who asked.
                     AND EXISTS (SELECT 1 FROM feed f JOIN pushes q ON q.checkout = f.name AND q.sale = f.sale
                                 WHERE f.shop = p.shop AND f.receipt = p.receipt AND f.sale = p.asked_for)
                   ORDER BY p.number";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            Ok((parsed(row, "asked_for", str::parse)?, parsed(row, "receipt", ReceiptCode::parse)?))
        };
        let found = find.query_map(params![self.shop_key(shop)?, till.0], read)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The last push for a sale.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn push_for(&self, sale: FactId) -> Result<Option<PushRow>, LedgerError> {
        self.push_where("p.sale = ? ORDER BY p.attempt DESC LIMIT 1", &sale.to_string())
    }

    /// A push by Safaricom's name for it.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn push_named(&self, checkout: &CheckoutId) -> Result<Option<PushRow>, LedgerError> {
        self.push_where("p.checkout = ?", checkout.as_str())
    }

    fn push_where(&self, condition: &str, key: &str) -> Result<Option<PushRow>, LedgerError> {
        let sql = format!(
            "SELECT p.*, f.code, f.description, f.receipt FROM pushes p
             LEFT JOIN feed f ON f.position = (
               SELECT position FROM feed WHERE feed.sale = p.sale AND feed.name = p.checkout
               ORDER BY (code = '0') DESC, (source = 'stk_query') ASC, position LIMIT 1)
             WHERE {condition}"
        );
        let read = |row: &Row<'_>| {
            let code: Option<String> = row.get("code")?;
            let description: Option<String> = row.get("description")?;
            Ok(PushRow {
                sale: parsed(row, "sale", str::parse)?,
                attempt: row.get("attempt")?,
                at: time(row, "at")?,
                checkout: parsed_option(row, "checkout", CheckoutId::parse)?,
                amount: money(row, "amount")?,
                refused: row.get("refused")?,
                queries: row.get("queries")?,
                queried_at: rows::time_option(row, "queried_at")?,
                result: code.map(|code| (code, description.unwrap_or_default())),
                receipt: parsed_option(row, "receipt", ReceiptCode::parse)?,
            })
        };
        Ok(self.connection.prepare_cached(&sql)?.query_row([key], read).optional()?)
    }
}
