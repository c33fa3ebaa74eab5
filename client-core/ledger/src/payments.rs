//! Payments: what came in, and which sale has it.

use crate::rows::{self, money, parsed, parsed_option, time, unsigned};
use crate::{LedgerError, Reader};
use domain::{Cited, Disagreement, FactId, Money, Payer, ReceiptCode, ShopId, Timestamp};
use rusqlite::{Params, Row, params};

/// A payment and which sale has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// Its local number, for seed B's endpoints.
    pub number: u64,
    /// Its shop.
    pub shop: ShopId,
    /// The receipt code.
    pub receipt: ReceiptCode,
    /// How much.
    pub amount: Money,
    /// When it was paid.
    pub paid_at: Timestamp,
    /// When we first heard of it.
    pub received_at: Timestamp,
    /// Who paid.
    pub payer: Payer,
    /// What the customer typed as account number.
    pub account_reference: String,
    /// Which kinds of message tell of it.
    pub sources: Vec<String>,
    /// In what the messages disagree.
    pub disagreements: Vec<Disagreement>,
    /// A source that was asked for says so too, and not only a message posted to us.
    pub confirmed: bool,
    /// The money went back to the customer.
    pub reversed: bool,
    /// So large that somebody should look at it.
    pub review: bool,
    /// The sale that was named when the payment was validated.
    pub order: Option<FactId>,
    /// The sale for which the customer's phone was asked, where the payment answers a push.
    pub asked_for: Option<FactId>,
    /// How much of it no sale has; nothing of what went back.
    pub free: Money,
    /// The sale that has it, the first of them where several have a part.
    pub sale: Option<FactId>,
    /// How the sale that has it is cited, where it is not here, because it has not come yet or a copy of its till
    /// wrote it; and the claim.
    pub held_for: Option<(Cited, FactId)>,
    /// Somebody said before which sale it is for, and that was taken back or the sale was cancelled.
    pub parted: bool,
    /// Other sales want it too.
    pub contested: bool,
}

/// Payments of which something can still be had.
pub(crate) const FREE: &str = "p.free > 0";

impl Reader {
    /// A payment by its receipt code.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn payment(&self, shop: &ShopId, receipt: &ReceiptCode) -> Result<Option<PaymentRow>, LedgerError> {
        let key = params![self.shop_key(shop)?, receipt.as_str()];
        Ok(self.payments_where("p.shop = ? AND p.receipt = ?", key)?.pop())
    }

    /// A payment by its local number.
    ///
    /// # Errors
    /// There is none, or the file can not be read.
    pub fn payment_numbered(&self, number: u64) -> Result<PaymentRow, LedgerError> {
        let found = self.payments_where("p.number = ?", [rows::signed(number)?])?.pop();
        found.ok_or_else(|| LedgerError::Unknown(format!("payment {number}")))
    }

    /// Payments of a shop, newest first: all of them, or those of which something is free.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn payments(
        &self,
        shop: &ShopId,
        unclaimed: bool,
        limit: u32,
    ) -> Result<Vec<PaymentRow>, LedgerError> {
        let filter = if unclaimed { FREE } else { "1" };
        let condition = format!("p.shop = ? AND {filter} ORDER BY p.paid_at DESC, p.receipt LIMIT ?");
        self.payments_where(&condition, params![self.shop_key(shop)?, limit])
    }

    /// The payments of which exactly an amount is free, newest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn unclaimed_of(&self, shop: &ShopId, amount: Money) -> Result<Vec<PaymentRow>, LedgerError> {
        let condition = format!("p.shop = ? AND p.free = ? AND {FREE} ORDER BY p.paid_at DESC, p.receipt");
        self.payments_where(&condition, params![self.shop_key(shop)?, amount.cents()])
    }

    /// The payments that a sale has which is not here, newest first. Those of sales that are older than what is kept
    /// here wait for nothing, and are left out.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn held_payments(&self, shop: &ShopId, limit: u32) -> Result<Vec<PaymentRow>, LedgerError> {
        let condition = "p.shop = ? AND p.sale IN (SELECT cited FROM claims WHERE sale = cited)
                         ORDER BY p.paid_at DESC, p.receipt LIMIT ?";
        let mut rows = self.payments_where(condition, params![self.shop_key(shop)?, limit])?;
        let bases = self.backlog(shop)?.journals;
        let kept = |sale: FactId| {
            !bases.iter().any(|(actor, base, _)| *actor == sale.actor && sale.number <= base.number)
        };
        rows.retain(|row| row.held_for.is_some_and(|(sale, _)| kept(sale.id)));
        Ok(rows)
    }

    /// Whether a payment was ever claimed for a sale, as far as is known here; the claim may be released.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn was_claimed(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
        sale: FactId,
    ) -> Result<bool, LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM claims c WHERE c.shop = ?1 AND c.receipt = ?2
                     AND (c.sale = ?3 OR c.sale IN (SELECT id FROM sales WHERE formerly = ?3)))";
        let key = params![self.shop_key(shop)?, receipt.as_str(), sale.to_string()];
        Ok(self.connection.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
    }

    pub(crate) fn payments_where(
        &self,
        condition: &str,
        key: impl Params,
    ) -> Result<Vec<PaymentRow>, LedgerError> {
        let sql = format!(
            "SELECT p.*, shops.id AS shop_id, p.amount >= shops.review_from AS review,
               EXISTS (SELECT 1 FROM payments o WHERE o.receipt = p.receipt AND o.shop <> p.shop) AS elsewhere,
               p.sale IS NULL AND EXISTS (SELECT 1 FROM claims c WHERE c.receipt = p.receipt AND c.shop = p.shop)
               AS parted,
               (SELECT id FROM claims c WHERE c.sale = c.cited AND c.sale = p.sale AND c.receipt = p.receipt
                  AND c.shop = p.shop ORDER BY id LIMIT 1) AS held_by
             FROM payments p JOIN shops ON shops.key = p.shop WHERE {condition}"
        );
        let mut find = self.connection.prepare_cached(&sql)?;
        Ok(find.query_map(key, payment_row)?.collect::<Result<_, _>>()?)
    }
}

fn payment_row(row: &Row<'_>) -> rusqlite::Result<PaymentRow> {
    let (sources, disagreements): (String, String) = (row.get("sources")?, row.get("disagreements")?);
    let named = disagreements.split(',').filter_map(Disagreement::named);
    // Seen where the ledgers of several shops lie together, at head office.
    let elsewhere = row.get::<_, bool>("elsewhere")?.then_some(Disagreement::Shop);
    let has_it: Option<Cited> = parsed_option(row, "sale", str::parse)?;
    Ok(PaymentRow {
        number: unsigned(row, "number")?,
        shop: parsed(row, "shop_id", ShopId::parse)?,
        receipt: parsed(row, "receipt", ReceiptCode::parse)?,
        amount: money(row, "amount")?,
        paid_at: time(row, "paid_at")?,
        received_at: time(row, "received_at")?,
        payer: rows::payer(row)?,
        account_reference: row.get("account_reference")?,
        sources: sources.split(',').map(ToOwned::to_owned).collect(),
        disagreements: named.chain(elsewhere).collect(),
        confirmed: row.get("confirmed")?,
        reversed: row.get("reversed")?,
        review: row.get("review")?,
        order: parsed_option(row, "order_sale", str::parse)?,
        asked_for: parsed_option(row, "asked_for", str::parse)?,
        free: money(row, "free")?,
        sale: has_it.filter(|sale| sale.at.is_none()).map(|sale| sale.id),
        held_for: has_it.filter(|sale| sale.at.is_some()).zip(parsed_option(row, "held_by", str::parse)?),
        parted: row.get("parted")?,
        contested: row.get("contested")?,
    })
}
