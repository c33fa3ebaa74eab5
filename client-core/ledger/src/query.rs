//! What people ask: sales, payments, figures.

use crate::rows::{self, money, parsed, parsed_option, time, unsigned};
use crate::{LedgerError, PaymentRow, Reader};
use domain::standing::{SaleState, Standing};
use domain::verdict::Verdict;
use domain::{
    Actor, BusinessDay, Cited, Fact, FactId, How, Money, Payment, PhoneEnding, ReceiptCode, Role, Sale,
    ShopId, Tender, TillId, Timestamp,
};
use rusqlite::{OptionalExtension, Params, Row, params};
use std::collections::BTreeMap;

/// A sale and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleRow {
    /// Its local number, for the seeds' endpoints.
    pub number: u64,
    /// Its name.
    pub id: FactId,
    /// Its shop.
    pub shop: ShopId,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it.
    pub by: String,
    /// What was sold.
    pub total: Money,
    /// What the customer owes in all: the total, less what came back, and tips; nothing when cancelled.
    pub owed: Money,
    /// What it was made cheaper by; the total is without it.
    pub discount: Money,
    /// By how much more than the total went into the drawer, because there are no smaller coins.
    pub rounding: Money,
    /// How the customer meant to pay.
    pub tender: Tender,
    /// The shop's own order number.
    pub order: Option<String>,
    /// What has been paid.
    pub paid: Money,
    /// What is still due.
    pub due: Money,
    /// What has to go back.
    pub over: Money,
    /// The one word for it.
    pub state: SaleState,
    /// The name it was printed under, if its till had to write it again in a new life.
    pub formerly: Option<FactId>,
    /// A payment of this sale went to another sale.
    pub conflict: bool,
    /// A payment of this sale went back to the customer.
    pub reversed: bool,
    /// The shop hands out goods for a payment this large only when a source that was asked for agrees, and
    /// none has yet.
    pub unconfirmed: bool,
    /// Its goods were handed out on the customer's word.
    pub trusted: bool,
    /// When its receipt was first printed, if whoever prints has said so.
    pub printed: Option<Timestamp>,
}

/// A claim on a sale that was not released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// Its name.
    pub id: FactId,
    /// The payment it claims.
    pub receipt: ReceiptCode,
    /// How it was decided.
    pub how: How,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// How much of the payment is for this sale, where others share it.
    pub part: Option<Money>,
    /// How the customer's phone number ends, where the cashier took that down.
    pub phone: Option<PhoneEnding>,
    /// The manager who allowed it, where that was needed.
    pub approved: Option<String>,
    /// The cloud could not be asked whether somebody was first.
    pub offline: bool,
    /// How much of the payment the sale has, once that has been seen; nothing if another sale has it.
    pub share: Option<Money>,
    /// The payment, once it has been seen.
    pub payment: Option<PaymentRow>,
}

/// What a claim says, and whether it was released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The shop whose journal says it.
    pub shop: ShopId,
    /// How others refer to it.
    pub cited: Cited,
    /// The sale that it is for; how that is cited, where it is not here.
    pub sale: Cited,
    /// The payment.
    pub receipt: ReceiptCode,
    /// It was taken back.
    pub released: bool,
}

/// A shop's figures for a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Day {
    /// How many sales, voided ones left out.
    pub sales: u64,
    /// What they add up to.
    pub total: Money,
    /// What was paid in cash, over-payments left out.
    pub cash: Money,
    /// What was paid by M-Pesa.
    pub mpesa: Money,
    /// How many sales of any day still owe something.
    pub open: u64,
    /// How many sales of any day a person has to look at.
    pub conflicts: u64,
    /// How many of them owe again because their payment went back to the customer.
    pub reversed: u64,
    /// How many of them were paid so much that a second source has to agree first.
    pub unconfirmed: u64,
    /// How many payments are free, all of them or a part.
    pub unclaimed: u64,
    /// What those add up to.
    pub unclaimed_total: Money,
    /// What has to go back to the customers of sales of any day.
    pub over: Money,
}

/// Which sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleFilter {
    /// All of them.
    All,
    /// Those that still owe something.
    Open,
    /// Those of which something has to go back to the customer.
    Over,
    /// Those a person has to look at: in conflict, owing again because a payment was reversed, or waiting for
    /// a second source.
    Conflict,
}

/// Every sale with what is asked for besides its own row.
pub(crate) const SALES: &str = "SELECT s.*, shops.id AS shop_id, EXISTS (
       SELECT 1 FROM shares h JOIN payments p USING (shop, receipt) WHERE h.shop = s.shop AND h.sale = s.id
         AND p.confirmed = 0 AND p.reversed = 0 AND p.amount >= shops.second_source_from
       GROUP BY h.sale HAVING s.paid - sum(h.amount) < s.owed) AS unconfirmed,
       EXISTS (SELECT 1 FROM trusts t WHERE t.sale = s.id AND t.shop = s.shop) AS trusted,
       (SELECT min(at) FROM prints r WHERE r.sale = s.id AND r.shop = s.shop) AS printed
     FROM sales s JOIN shops ON shops.key = s.shop";
/// Sales of shop `?1` whose goods are not to be handed out yet: without the large payments that no second
/// source has confirmed, they would not be paid.
const UNCONFIRMED: &str = "SELECT h.sale FROM payments p JOIN shares h USING (shop, receipt)
     JOIN sales q ON q.id = h.sale AND q.shop = h.shop
     WHERE p.shop = ?1 AND p.confirmed = 0 AND p.reversed = 0 AND p.sale IS NOT NULL
       AND p.amount >= (SELECT second_source_from FROM shops WHERE key = ?1)
     GROUP BY h.sale HAVING q.paid - sum(h.amount) < q.owed";
/// Sales of shop `?1` that have to be looked at for another reason. A reversed payment of a sale that was paid
/// otherwise is no trouble any more.
const TROUBLED: &str = "SELECT t.id FROM sales t WHERE t.shop = ?1 AND (t.conflict = 1 OR t.reversed = 1)
     AND (t.conflict = 1 OR t.due > 0)";

impl Reader {
    /// A sale by its name.
    ///
    /// # Errors
    /// There is none, or the file can not be read.
    pub fn sale(&self, id: FactId) -> Result<SaleRow, LedgerError> {
        let found = self.sales_where("s.id = ?", [id.to_string()])?.pop();
        found.ok_or_else(|| LedgerError::Unknown(format!("sale {id}")))
    }

    /// The name of the sale with a local number.
    ///
    /// # Errors
    /// There is none, or the file can not be read.
    pub fn sale_numbered(&self, number: u64) -> Result<FactId, LedgerError> {
        let mut find = self.connection.prepare_cached("SELECT id FROM sales WHERE number = ?")?;
        let id = find.query_row([rows::signed(number)?], |row| parsed(row, "id", str::parse)).optional()?;
        id.ok_or_else(|| LedgerError::Unknown(format!("sale {number}")))
    }

    /// The last sale with the shop's own order number.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn sale_of_order(&self, order: &str) -> Result<Option<FactId>, LedgerError> {
        let sql = "SELECT id FROM sales WHERE order_no = ? ORDER BY number DESC LIMIT 1";
        let read = |row: &Row<'_>| parsed(row, "id", str::parse);
        Ok(self.connection.prepare_cached(sql)?.query_row([order], read).optional()?)
    }

    /// Sales of a shop, newest first by when they were made, older than `before`.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn sales(
        &self,
        shop: &ShopId,
        filter: SaleFilter,
        before: Option<FactId>,
        limit: u32,
    ) -> Result<Vec<SaleRow>, LedgerError> {
        let filter = match filter {
            SaleFilter::All => "s.shop = ?1".to_owned(),
            SaleFilter::Open => "s.shop = ?1 AND s.due > 0".to_owned(),
            SaleFilter::Over => "s.shop = ?1 AND s.over > 0".to_owned(),
            SaleFilter::Conflict => format!("s.id IN ({TROUBLED} UNION {UNCONFIRMED})"),
        };
        let condition = format!(
            "{filter}
             AND (?2 IS NULL OR (s.at, s.number) < (SELECT at, number FROM sales WHERE id = ?2))
             ORDER BY s.at DESC, s.number DESC LIMIT ?3"
        );
        let before = before.map(|id| id.to_string());
        self.sales_where(&condition, params![self.shop_key(shop)?, before, limit])
    }

    pub(crate) fn sales_where(&self, condition: &str, key: impl Params) -> Result<Vec<SaleRow>, LedgerError> {
        let sql = format!("{SALES} WHERE {condition}");
        let mut find = self.connection.prepare_cached(&sql)?;
        Ok(find.query_map(key, sale_row)?.collect::<Result<_, _>>()?)
    }

    /// The claims on a sale that were not released, oldest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn claims(&self, sale: FactId) -> Result<Vec<ClaimRow>, LedgerError> {
        let sql = "SELECT c.*, shops.id AS shop_id,
                     (SELECT amount FROM shares h WHERE h.shop = c.shop AND h.sale = c.sale AND h.receipt = c.receipt)
                     AS share
                   FROM claims c JOIN sales s ON s.id = c.sale AND s.shop = c.shop JOIN shops ON shops.key = c.shop
                   WHERE c.sale = ?
                     AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop)
                   ORDER BY c.at, c.id";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            let claim = ClaimRow {
                id: parsed(row, "id", str::parse)?,
                receipt: parsed(row, "receipt", ReceiptCode::parse)?,
                how: rows::how(row)?,
                at: time(row, "at")?,
                by: row.get("by")?,
                part: row.get::<_, Option<i64>>("part")?.map(Money::from_cents),
                phone: parsed_option(row, "phone", PhoneEnding::parse)?,
                approved: row.get("approved")?,
                offline: row.get("offline")?,
                share: row.get::<_, Option<i64>>("share")?.map(Money::from_cents),
                payment: None,
            };
            Ok((claim, parsed(row, "shop_id", ShopId::parse)?))
        };
        let found = find.query_map([sale.to_string()], read)?.collect::<Result<Vec<_>, _>>()?;
        let fill = |(mut claim, shop): (ClaimRow, ShopId)| {
            claim.payment = self.payment(&shop, &claim.receipt)?;
            Ok(claim)
        };
        found.into_iter().map(fill).collect()
    }

    /// A claim by its name.
    ///
    /// # Errors
    /// There is no such claim, or the file can not be read.
    pub fn claim(&self, id: FactId) -> Result<Claimed, LedgerError> {
        let sql = "SELECT c.*, shops.id AS shop_id,
                     EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop) AS released
                   FROM claims c JOIN shops ON shops.key = c.shop WHERE c.id = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            let first = parsed_option(row, "formerly", str::parse)?.unwrap_or(id);
            Ok(Claimed {
                shop: parsed(row, "shop_id", ShopId::parse)?,
                cited: Cited::new(first, time(row, "at")?),
                sale: parsed(row, "sale", str::parse)?,
                receipt: parsed(row, "receipt", ReceiptCode::parse)?,
                released: row.get("released")?,
            })
        };
        let found = find.query_row([id.to_string()], read).optional()?;
        found.ok_or_else(|| LedgerError::Unknown(format!("claim {id}")))
    }

    /// The sale that leads on a receipt, whether or not its payment has been seen; how it is cited, where it is
    /// not here.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn holder(&self, shop: &ShopId, receipt: &ReceiptCode) -> Result<Option<Cited>, LedgerError> {
        crate::settle::leading_sale(&self.connection, self.shop_key(shop)?, receipt)
    }

    /// The facts that say what came back of a sale, oldest first; without those that were taken back as a mistake.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn returns(&self, sale: &SaleRow) -> Result<Vec<FactId>, LedgerError> {
        let sql = "SELECT id FROM returns_standing WHERE sale = ? AND shop = ? ORDER BY at, id";
        let mut find = self.connection.prepare_cached(sql)?;
        let key = params![sale.id.to_string(), self.shop_key(&sale.shop)?];
        let found = find.query_map(key, |row| parsed(row, "id", str::parse))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Up to which day head office closed the books of a shop, by its latest word. A till can not, whatever it writes.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn period_closed(&self, shop: &ShopId) -> Result<Option<BusinessDay>, LedgerError> {
        let sql = "SELECT id, until FROM periods WHERE shop = ? ORDER BY at DESC, id DESC";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| Ok((parsed::<FactId>(row, "id", str::parse)?, row.get("until")?));
        let closings = find.query_map([self.shop_key(shop)?], read)?.collect::<Result<Vec<_>, _>>()?;
        let (members, own) = (self.members()?, self.identity()?);
        let office = |actor: &Actor| match members.get(actor) {
            Some(member) => member.role == Role::Office,
            None => own.as_ref().is_some_and(|own| own.role == Role::Office),
        };
        let last = closings.into_iter().find(|(id, _)| office(&id.actor)).map(|(_, until)| until);
        Ok(last.map(BusinessDay::from_number).transpose().map_err(rows::damaged)?)
    }

    /// Who has a receipt code, and how much of the payment has been seen.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn verdict(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
    ) -> Result<(Verdict, Option<Payment>), LedgerError> {
        crate::settle::verdict(&self.connection, self.shop_key(shop)?, receipt)
    }

    /// A shop's figures for a day.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn day(&self, shop: &ShopId, day: BusinessDay) -> Result<Day, LedgerError> {
        let sql = format!("SELECT
            count(*) AS sales, coalesce(sum(owed), 0) AS total, coalesce(sum(min(paid, owed)), 0) AS paid,
            coalesce(sum(CASE tender WHEN 'cash' THEN total ELSE 0 END
              + (SELECT coalesce(sum(amount), 0) FROM cash_standing c WHERE c.sale = sales.id AND c.shop = sales.shop)
              - (SELECT coalesce(sum(amount), 0) FROM refunds_standing r WHERE r.sale = sales.id AND r.shop = sales.shop)), 0)
              AS cash,
            (SELECT count(*) FROM sales WHERE shop = ?1 AND due > 0) AS open,
            (SELECT count(*) FROM ({TROUBLED} UNION {UNCONFIRMED})) AS conflicts,
            (SELECT count(*) FROM sales s WHERE s.shop = ?1 AND s.reversed = 1 AND s.due > 0) AS reversed,
            (SELECT count(*) FROM ({UNCONFIRMED})) AS unconfirmed,
            (SELECT count(*) FROM payments WHERE shop = ?1 AND free > 0) AS unclaimed,
            (SELECT coalesce(sum(free), 0) FROM payments WHERE shop = ?1 AND free > 0) AS unclaimed_total,
            (SELECT coalesce(sum(over), 0) FROM sales WHERE shop = ?1 AND over > 0) AS over
            FROM sales WHERE shop = ?1 AND at BETWEEN ?2 AND ?3 AND state <> 'voided'");
        let read = |row: &Row<'_>| {
            let (paid, cash) = (money(row, "paid")?, money(row, "cash")?);
            Ok(Day {
                sales: unsigned(row, "sales")?,
                total: money(row, "total")?,
                cash,
                mpesa: (paid - cash).or_zero(),
                open: unsigned(row, "open")?,
                conflicts: unsigned(row, "conflicts")?,
                reversed: unsigned(row, "reversed")?,
                unconfirmed: unsigned(row, "unconfirmed")?,
                unclaimed: unsigned(row, "unclaimed")?,
                unclaimed_total: money(row, "unclaimed_total")?,
                over: money(row, "over")?,
            })
        };
        let (first, last) = (day.at(0).map_err(rows::damaged)?, day.at(86_399_999).map_err(rows::damaged)?);
        let key = params![self.shop_key(shop)?, first.millis(), last.millis()];
        Ok(self.connection.prepare_cached(&sql)?.query_row(key, read)?)
    }

    /// How many of our own entries the cloud does not have yet, over all shops.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn waiting_to_send(&self) -> Result<u64, LedgerError> {
        let sql =
            "SELECT coalesce(sum((SELECT max(number) FROM journal j WHERE j.shop = s.key AND j.till = s.till
                     AND j.incarnation = s.incarnation) - s.sent), 0) AS n FROM shops s";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| unsigned(row, "n"))?)
    }

    /// What a person should know of this file: what became of its name, and a log that can not be written back.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn notices(&self) -> Result<Vec<String>, LedgerError> {
        let mut told = self.lives()?;
        told.extend(self.doubts()?);
        told.extend(self.swollen_log().map(|bytes| {
            format!(
                "the ledger's log has grown to {} MB, because a program has been reading the ledger for very \
                 long: close that program",
                bytes.checked_div(1_000_000).unwrap_or(0)
            )
        }));
        Ok(told)
    }

    /// What was set aside: refused entries and strangers' batches, with their reasons.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn set_aside(&self) -> Result<Vec<String>, LedgerError> {
        let letters = self.letters()?;
        let sql = "SELECT till, incarnation, number, reason, 'entry' AS what FROM journal WHERE reason IS NOT NULL
                   UNION ALL SELECT till, incarnation, first, reason, 'what begins with entry' FROM strangers";
        let mut find = self.connection.prepare_cached(sql)?;
        let told = |row: &Row<'_>| {
            let name = FactId { actor: rows::actor(row)?, number: unsigned(row, "number")? };
            let (what, reason): (String, String) = (row.get("what")?, row.get("reason")?);
            Ok(format!("{what} {}: {reason}", reference(name, &letters)))
        };
        Ok(find.query_map([], told)?.collect::<Result<_, _>>()?)
    }

    /// When a till made its last sale that is known here.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn last_sale_at(&self, shop: &ShopId, till: TillId) -> Result<Option<Timestamp>, LedgerError> {
        let sql = "SELECT at FROM sales WHERE shop = ? AND till = ? ORDER BY at DESC LIMIT 1";
        let mut find = self.connection.prepare_cached(sql)?;
        Ok(find.query_row(params![self.shop_key(shop)?, till.0], |row| time(row, "at")).optional()?)
    }
}

impl SaleRow {
    /// A sale that nothing has been said about yet.
    pub(crate) fn new(number: u64, shop: &ShopId, fact: &Fact, sale: &Sale) -> Self {
        let Standing { paid, due, over, state, conflict, reversed } =
            Standing::of_new(sale.total, sale.tender);
        Self {
            number,
            id: fact.id,
            shop: shop.clone(),
            at: fact.at,
            by: fact.by.as_str().to_owned(),
            total: sale.total,
            owed: sale.total,
            discount: sale.discounts(),
            rounding: sale.rounding,
            tender: sale.tender,
            order: sale.order.clone(),
            paid,
            due,
            over,
            state,
            conflict,
            reversed,
            unconfirmed: false,
            trusted: false,
            formerly: fact.formerly,
            printed: None,
        }
    }

    /// How facts refer to it.
    pub fn cited(&self) -> Cited {
        Cited::new(self.formerly.unwrap_or(self.id), self.at)
    }

    /// The short reference that customers and cashiers use: the letter of the till's life and the sale's number.
    pub fn reference(&self, letters: &BTreeMap<Actor, String>) -> String {
        reference(self.id, letters)
    }

    /// The reference on its receipt, if that was printed before its till began a new life.
    pub fn former_reference(&self, letters: &BTreeMap<Actor, String>) -> Option<String> {
        self.formerly.map(|name| reference(name, letters))
    }

    /// Every name that a customer may type for it: its reference, the one on its receipt, and its order number.
    pub fn references(&self, letters: &BTreeMap<Actor, String>) -> Vec<String> {
        let printed = [Some(self.reference(letters)), self.former_reference(letters)];
        printed.into_iter().flatten().chain(self.order.clone()).collect()
    }
}

/// What people call a sale or any other entry: the letter of its writer and its number; its name, where nobody told
/// of the letter yet.
pub fn reference(name: FactId, letters: &BTreeMap<Actor, String>) -> String {
    letters.get(&name.actor).map_or_else(|| name.to_string(), |letter| format!("{letter}{}", name.number))
}

pub(crate) fn sale_row(row: &Row<'_>) -> rusqlite::Result<SaleRow> {
    let state: String = row.get("state")?;
    Ok(SaleRow {
        number: unsigned(row, "number")?,
        id: parsed(row, "id", str::parse)?,
        shop: parsed(row, "shop_id", ShopId::parse)?,
        at: time(row, "at")?,
        by: row.get("by")?,
        total: money(row, "total")?,
        owed: money(row, "owed")?,
        discount: money(row, "discount")?,
        rounding: money(row, "rounding")?,
        tender: rows::tender(row)?,
        order: row.get("order_no")?,
        paid: money(row, "paid")?,
        due: money(row, "due")?,
        over: money(row, "over")?,
        state: SaleState::named(&state).ok_or_else(|| rows::damaged("a state that does not exist"))?,
        conflict: row.get("conflict")?,
        reversed: row.get("reversed")?,
        unconfirmed: row.get("unconfirmed")?,
        trusted: row.get("trusted")?,
        formerly: parsed_option(row, "formerly", str::parse)?,
        printed: rows::time_option(row, "printed")?,
    })
}
