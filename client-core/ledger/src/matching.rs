//! What may fit what: the few rows that matching looks at, found by amount, time, name or code. How many sales are
//! open and how many payments are free hardly matters.

use crate::payments::FREE;
use crate::rows::{money, parsed, parsed_option, time};
use crate::{LedgerError, PaymentRow, Reader, SaleRow, reference};
use domain::matching::{Incoming, OpenSale, Reference};
use domain::standing::SaleState;
use domain::{Actor, FactId, Money, PhoneEnding, ReceiptCode, Rules, ShopId, TillId};
use rusqlite::{Params, Row, params};
use std::collections::{BTreeMap, BTreeSet};

/// So many are looked at before an instant, and as many after it.
const EACH_WAY: u32 = 15;

/// Times that are less sure than this are looked for apart.
const ADRIFT_MILLIS: i64 = 60_000;

impl Reader {
    /// A sale as matching sees it.
    ///
    /// # Errors
    /// There is none, or the file can not be read.
    pub fn open_sale(&self, id: FactId, letters: &BTreeMap<Actor, String>) -> Result<OpenSale, LedgerError> {
        let found = self.open_sales_where("s.id = ?", [id.to_string()], letters)?.pop();
        found.ok_or_else(|| LedgerError::Unknown(format!("sale {id}")))
    }

    /// The payments that may be for a sale: of what it owes, near it in time, or tied to it by a push, a name or a
    /// code. Those that a sale has already are among them; those that went back are not.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn payments_near(
        &self,
        shop: &ShopId,
        sale: &OpenSale,
        rules: &Rules,
    ) -> Result<Vec<PaymentRow>, LedgerError> {
        let (key, id) = (self.shop_key(shop)?, sale.id.to_string());
        let (at, window) = (sale.at.millis(), signed_window(rules));
        let mut found = Vec::new();
        for (side, order) in [(">= ?2", ""), ("< ?2", "DESC")] {
            let same = format!(
                "p.shop = ?1 AND p.paid_at {side} AND {FREE} AND p.free = ?3 ORDER BY p.paid_at {order} LIMIT ?4"
            );
            found.extend(self.payments_where(&same, params![key, at, sale.due.cents(), EACH_WAY])?);
            let near = format!(
                "p.shop = ?1 AND p.paid_at {side} AND abs(p.paid_at - ?2) <= ?3 AND p.paid_at BETWEEN ?2 - ?3 AND ?2 + ?3
                 AND p.reversed = 0 ORDER BY p.paid_at {order} LIMIT ?4"
            );
            found.extend(self.payments_where(&near, params![key, at, window, EACH_WAY])?);
        }
        let tied = "p.shop = ?1 AND p.reversed = 0 AND (p.asked_for = ?2 OR p.order_sale = ?2)";
        found.extend(self.payments_where(tied, params![key, id])?);
        for name in sale.references.iter().chain(&sale.order).filter(|name| !name.as_str().is_empty()) {
            let named = "p.shop = ?1 AND p.reversed = 0 AND p.named = ?2 AND p.named <> '' ORDER BY p.paid_at DESC LIMIT ?3";
            found.extend(self.payments_where(named, params![key, name.as_str(), EACH_WAY])?);
        }
        for code in &sale.codes {
            found.extend(self.payments_coded(shop, &code.near())?);
        }
        let mut seen = BTreeSet::new();
        found.retain(|row| seen.insert(row.receipt.clone()) && !row.reversed);
        Ok(found)
    }

    /// The payments with one of some codes.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn payments_coded(
        &self,
        shop: &ShopId,
        codes: &BTreeSet<ReceiptCode>,
    ) -> Result<Vec<PaymentRow>, LedgerError> {
        let key = self.shop_key(shop)?;
        let mut here =
            self.connection.prepare_cached("SELECT 1 FROM payments WHERE shop = ? AND receipt = ?")?;
        let mut found = Vec::new();
        for code in codes {
            if here.exists(params![key, code.as_str()])? {
                found.extend(self.payment(shop, code)?);
            }
        }
        Ok(found)
    }

    /// The payments whose codes end so, newest first: five characters.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn payments_ending(
        &self,
        shop: &ShopId,
        ends: &BTreeSet<String>,
    ) -> Result<Vec<PaymentRow>, LedgerError> {
        let condition = "p.shop = ? AND substr(p.receipt, -5) = ? ORDER BY p.paid_at DESC LIMIT ?";
        let key = self.shop_key(shop)?;
        let find = |end: &String| self.payments_where(condition, params![key, end, EACH_WAY]);
        Ok(ends.iter().map(find).collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The sales that a payment may be for: those that owe its amount or were made near it, and those that a push,
    /// a name or a code ties it to.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn sales_near(
        &self,
        shop: &ShopId,
        payment: &Incoming,
        rules: &Rules,
        letters: &BTreeMap<Actor, String>,
    ) -> Result<Vec<OpenSale>, LedgerError> {
        let (key, at, window) = (self.shop_key(shop)?, payment.paid_at.millis(), signed_window(rules));
        let mut found = Vec::new();
        for (side, order) in [(">= ?2", ""), ("< ?2", "DESC")] {
            let same = format!(
                "s.shop = ?1 AND s.at {side} AND s.due > 0 AND s.due = ?3 ORDER BY s.at {order} LIMIT ?4"
            );
            found.extend(self.open_sales_where(
                &same,
                params![key, at, payment.amount.cents(), EACH_WAY],
                letters,
            )?);
            let near = format!(
                "s.shop = ?1 AND s.at {side} AND s.at BETWEEN ?2 - ?3 AND ?2 + ?3 AND s.due > 0 ORDER BY s.at {order} LIMIT ?4"
            );
            found.extend(self.open_sales_where(&near, params![key, at, window, EACH_WAY], letters)?);
        }
        let mut tied: BTreeSet<FactId> = payment.asked_for.into_iter().chain(payment.order).collect();
        tied.extend(self.sales_named(shop, &payment.reference, letters)?);
        tied.extend(self.sales_of_codes(shop, &payment.receipt.near())?);
        for id in tied {
            found.extend(self.open_sales_where("s.id = ?", [id.to_string()], letters)?);
        }
        let mut seen = BTreeSet::new();
        found.retain(|sale| seen.insert(sale.id));
        Ok(found)
    }

    /// The sales that a reference names, whatever became of them: by short reference, by the one they had before,
    /// or by order number. Nearly always one or none.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn sales_named(
        &self,
        shop: &ShopId,
        reference: &Reference,
        letters: &BTreeMap<Actor, String>,
    ) -> Result<Vec<FactId>, LedgerError> {
        if reference.as_str().is_empty() {
            return Ok(Vec::new());
        }
        let key = self.shop_key(shop)?;
        let sql = "SELECT id FROM sales WHERE shop = ?1 AND order_key = ?2 ORDER BY number DESC LIMIT ?3";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| parsed(row, "id", str::parse);
        let ordered = find.query_map(params![key, reference.as_str(), EACH_WAY], read)?;
        let mut named: Vec<FactId> = ordered.collect::<Result<_, _>>()?;
        let sql = "SELECT id FROM sales WHERE shop = ?1 AND id = ?2 UNION ALL SELECT id FROM sales WHERE shop = ?1 AND formerly = ?2";
        let mut find = self.connection.prepare_cached(sql)?;
        for (actor, letter) in letters {
            let Some(number) = reference.number_behind(letter) else { continue };
            let name = FactId { actor: *actor, number };
            let short = find.query_map(params![key, name.to_string()], read)?;
            named.extend(short.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(named)
    }

    /// The sales for which one of some codes was given.
    fn sales_of_codes(
        &self,
        shop: &ShopId,
        codes: &BTreeSet<ReceiptCode>,
    ) -> Result<Vec<FactId>, LedgerError> {
        let key = self.shop_key(shop)?;
        let sql = "SELECT s.id FROM claims c JOIN sales s ON s.id = c.sale AND s.shop = c.shop
                   WHERE c.shop = ? AND c.receipt = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let mut sales = Vec::new();
        for code in codes {
            let mut rows = find.query(params![key, code.as_str()])?;
            while let Some(row) = rows.next()? {
                sales.push(parsed(row, "id", str::parse)?);
            }
        }
        Ok(sales)
    }

    /// What has to be looked at to see what leaves no doubt for a till's own sales: of each amount that one of them
    /// owes and a free payment near it has, all sales and payments near it, and the sales that those payments name.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn to_match(
        &self,
        shop: &ShopId,
        till: TillId,
        rules: &Rules,
        letters: &BTreeMap<Actor, String>,
    ) -> Result<(Vec<OpenSale>, Vec<Incoming>), LedgerError> {
        let (key, window) = (self.shop_key(shop)?, signed_window(rules));
        let sql = format!(
            "SELECT s.due, min(s.at) AS first, max(s.at) AS last FROM sales s
             WHERE s.shop = ?1 AND s.till = ?2 AND s.due > 0 AND s.state IN ('open', 'part_paid') AND s.conflict = 0
               AND EXISTS (SELECT 1 FROM payments p WHERE p.shop = ?1 AND p.free = s.due AND {FREE}
                             AND p.asked_for IS NULL AND p.paid_at BETWEEN s.at - ?3 AND s.at + ?3)
             GROUP BY s.due"
        );
        let mut find = self.connection.prepare_cached(&sql)?;
        let read = |row: &Row<'_>| Ok((money(row, "due")?, row.get("first")?, row.get("last")?));
        let met = find.query_map(params![key, till.0, window], read)?;
        let met: Vec<(Money, i64, i64)> = met.collect::<Result<_, _>>()?;
        let (mut sales, mut payments) = (Vec::new(), Vec::new());
        for (amount, first, last) in met {
            let reach = window.saturating_mul(3);
            let (first, last) = (first.saturating_sub(reach), last.saturating_add(reach));
            let range = params![key, amount.cents(), first, last];
            let near = "s.shop = ?1 AND s.due > 0 AND s.due = ?2 AND s.at BETWEEN ?3 AND ?4";
            sales.extend(self.open_sales_where(near, range, letters)?);
            let adrift = format!("s.shop = ?1 AND s.due = ?2 AND s.due > 0 AND s.unsure > {ADRIFT_MILLIS}");
            sales.extend(self.open_sales_where(&adrift, params![key, amount.cents()], letters)?);
            let free = format!("p.shop = ?1 AND p.free = ?2 AND {FREE} AND p.paid_at BETWEEN ?3 AND ?4");
            payments.extend(self.payments_where(&free, range)?.iter().map(Incoming::from));
        }
        for payment in &payments {
            let mut named: BTreeSet<FactId> = payment.order.into_iter().collect();
            named.extend(self.sales_named(shop, &payment.reference, letters)?);
            for id in named {
                sales.extend(self.open_sales_where("s.id = ?", [id.to_string()], letters)?);
            }
        }
        let mut seen = BTreeSet::new();
        sales.retain(|sale| seen.insert(sale.id));
        Ok((sales, payments))
    }

    /// The other open sales of a sale's till that owe the same, newest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn same_total(&self, sale: &SaleRow) -> Result<Vec<SaleRow>, LedgerError> {
        let condition = "s.shop = ?1 AND s.due > 0 AND s.due = ?2 AND s.till = ?3 AND s.id <> ?4
                         ORDER BY s.at DESC LIMIT ?5";
        let (key, till, id) = (self.shop_key(&sale.shop)?, sale.id.actor.till.0, sale.id.to_string());
        self.sales_where(condition, params![key, sale.due.cents(), till, id, EACH_WAY])
    }

    /// Whether a person has parted a sale and a payment: whoever released a claim knew why.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn parted(&self, shop: &ShopId, sale: FactId, receipt: &ReceiptCode) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM claims c JOIN releases r ON r.claim = c.id AND r.shop = c.shop
                   WHERE c.sale = ? AND c.shop = ? AND c.receipt = ?";
        let key = params![sale.to_string(), self.shop_key(shop)?, receipt.as_str()];
        Ok(self.connection.prepare_cached(sql)?.exists(key)?)
    }

    fn open_sales_where(
        &self,
        condition: &str,
        key: impl Params,
        letters: &BTreeMap<Actor, String>,
    ) -> Result<Vec<OpenSale>, LedgerError> {
        let sql = format!(
            "SELECT s.id, s.due, s.at, s.unsure, s.order_key, s.formerly, s.state, s.conflict,
               (SELECT group_concat(c.receipt) FROM claims c WHERE c.sale = s.id AND c.shop = s.shop
                  AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop)
                  AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.shop = c.shop AND p.receipt = c.receipt)) AS codes,
               (SELECT group_concat(q.phone) FROM pushes q WHERE q.sale = s.id) AS prompted,
               (SELECT group_concat(c.phone) FROM claims c WHERE c.sale = s.id AND c.shop = s.shop) AS phones
             FROM sales s WHERE {condition}"
        );
        let mut find = self.connection.prepare_cached(&sql)?;
        let found = find.query_map(key, |row| open_sale(row, letters))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

fn open_sale(row: &Row<'_>, letters: &BTreeMap<Actor, String>) -> rusqlite::Result<OpenSale> {
    let id: FactId = parsed(row, "id", str::parse)?;
    let formerly: Option<FactId> = parsed_option(row, "formerly", str::parse)?;
    let names = [Some(id), formerly].into_iter().flatten();
    let order: Option<String> = row.get("order_key")?;
    let listed = |column: &str| {
        let text: Option<String> = row.get(column)?;
        Ok::<_, rusqlite::Error>(text.unwrap_or_default())
    };
    let (codes, state) = (listed("codes")?, row.get::<_, String>("state")?);
    let endings = |text: &str| text.split(',').filter_map(|ending| PhoneEnding::parse(ending).ok()).collect();
    let codes: Vec<ReceiptCode> = codes.split(',').filter_map(|code| ReceiptCode::parse(code).ok()).collect();
    let open = [SaleState::Open, SaleState::PartPaid].iter().any(|open| open.name() == state);
    Ok(OpenSale {
        id,
        due: money(row, "due")?,
        at: time(row, "at")?,
        unsure_millis: row.get("unsure")?,
        references: names.map(|name| Reference::typed(&reference(name, letters))).collect(),
        order: order.map(|order| Reference::typed(&order)),
        doubtful: !open || row.get("conflict")? || !codes.is_empty(),
        codes,
        phones: endings(&listed("phones")?),
        prompted: endings(&listed("prompted")?),
    })
}

impl From<&PaymentRow> for Incoming {
    fn from(row: &PaymentRow) -> Self {
        Self {
            reference: Reference::typed(&row.account_reference),
            phone: row.payer.msisdn.as_ref().and_then(PhoneEnding::of),
            used: row.free == Money::ZERO,
            // What is left of a payment a person gives away, for it is the customer's.
            // What a person placed once, a person places again.
            doubtful: !row.disagreements.is_empty() || row.free != row.amount || row.parted,
            receipt: row.receipt.clone(),
            amount: if row.free == Money::ZERO { row.amount } else { row.free },
            paid_at: row.paid_at,
            order: row.order,
            asked_for: row.asked_for,
        }
    }
}

fn signed_window(rules: &Rules) -> i64 {
    i64::try_from(rules.window_millis()).unwrap_or(i64::MAX)
}
