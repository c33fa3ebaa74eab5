//! What happened to a sale or a payment, and who did it.

use crate::mistakes::{SAID, Said};
use crate::rows::{self, money, parsed, time};
use crate::{LedgerError, Reader, SaleRow};
use domain::{Cited, FactId, How, Money, ReceiptCode, ShopId, Source, Tender, Timestamp};
use rusqlite::{Params, Row, params};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// Who did it; `Safaricom` for what Safaricom said, `the platform` for what whoever runs it decided.
    pub by: String,
    /// What.
    pub deed: Deed,
}

/// What can happen to a sale or a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The sale was made.
    Sold(Tender),
    /// Its till wrote it again in a new life; its receipt was printed under this name.
    FormerlyCalled(FactId),
    /// Cash was taken for it.
    CashTaken(Money),
    /// Cash went back to the customer, with a reason.
    GivenBack(Money, String),
    /// Goods of it came back, worth this much, with a reason.
    CameBack(Money, String),
    /// The customer left this beyond it.
    Tipped(Money),
    /// Something of the above was a mistake and counts no more.
    Undone {
        /// The fact.
        fact: Cited,
        /// What it was, and how much; nothing where it is not here.
        what: Option<(Said, Money)>,
        /// Why.
        reason: String,
    },
    /// Its goods were handed out on the customer's word.
    Trusted {
        /// Why.
        reason: String,
        /// The manager who allowed it, where that was needed.
        approved: Option<String>,
    },
    /// Its receipt was printed.
    Printed,
    /// It was cancelled, with a reason.
    Cancelled(String),
    /// Safaricom told how a request on the customer's phone ended, and named no payment.
    RequestEnded {
        /// Its result code.
        code: String,
        /// It told because it was asked.
        asked: bool,
    },
    /// A message told of the payment.
    Received {
        /// The payment.
        receipt: ReceiptCode,
        /// Which kind of message.
        source: Source,
    },
    /// Safaricom was asked to give the money back, with a reason.
    AskedBack {
        /// The payment.
        receipt: ReceiptCode,
        /// Why.
        reason: String,
    },
    /// The money went back to the customer.
    Reversed {
        /// The payment.
        receipt: ReceiptCode,
    },
    /// A person took back that a message on the payment belongs to this shop, with a reason.
    Retracted {
        /// The payment.
        receipt: ReceiptCode,
        /// Which kind of message.
        source: Source,
        /// Why, and who said so.
        reason: String,
    },
    /// The payment was claimed for a sale.
    Claimed {
        /// The payment.
        receipt: ReceiptCode,
        /// The sale; how it is cited, where it is not here.
        sale: Cited,
        /// How that was decided.
        how: How,
        /// How much of it, where others have a share.
        part: Option<Money>,
        /// The manager who allowed it, where that was needed.
        approved: Option<String>,
    },
    /// A claim was taken back, with a reason.
    Released {
        /// The payment.
        receipt: ReceiptCode,
        /// The sale it was claimed for; how it is cited, where it is not here.
        sale: Cited,
        /// Why.
        reason: String,
    },
}

impl Reader {
    /// The timeline of a sale, oldest first.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn history_of_sale(&self, sale: FactId) -> Result<Vec<Happening>, LedgerError> {
        let name = sale.to_string();
        let id = params![name];
        let said = |table: &str| {
            format!(
                "SELECT t.* FROM {table} t JOIN sales s ON s.id = t.sale AND s.shop = t.shop WHERE s.id = ?"
            )
        };
        let mut all = self.happenings("SELECT at, by, tender FROM sales WHERE id = ?", id, |row| {
            Ok(Deed::Sold(rows::tender(row)?))
        })?;
        all.extend(self.happenings(
            "SELECT at, 'Leja' AS by, formerly FROM sales WHERE id = ? AND formerly IS NOT NULL",
            id,
            |row| Ok(Deed::FormerlyCalled(parsed(row, "formerly", str::parse)?)),
        )?);
        all.extend(self.happenings(&said("cash"), id, |row| Ok(Deed::CashTaken(money(row, "amount")?)))?);
        all.extend(self.happenings(&said("refunds"), id, |row| {
            Ok(Deed::GivenBack(money(row, "amount")?, row.get("reason")?))
        })?);
        all.extend(self.happenings(&said("returns"), id, |row| {
            Ok(Deed::CameBack(money(row, "amount")?, row.get("reason")?))
        })?);
        all.extend(self.happenings(&said("tips"), id, |row| Ok(Deed::Tipped(money(row, "amount")?)))?);
        let undone = format!(
            "SELECT u.at, u.by, u.what, u.reason, t.kind, t.amount FROM undone u
             JOIN sales s ON s.id = u.sale AND s.shop = u.shop
             LEFT JOIN ({SAID}) t ON t.sale = u.sale AND t.shop = u.shop AND t.said = u.what WHERE s.id = ?1"
        );
        all.extend(self.happenings(&undone, id, |row| {
            let said = row.get::<_, Option<String>>("kind")?.as_deref().and_then(Said::named);
            let what =
                said.map(|said| Ok::<_, rusqlite::Error>((said, money(row, "amount")?))).transpose()?;
            Ok(Deed::Undone { fact: parsed(row, "what", str::parse)?, what, reason: row.get("reason")? })
        })?);
        all.extend(self.happenings(&said("trusts"), id, |row| {
            Ok(Deed::Trusted { reason: row.get("reason")?, approved: row.get("approved")? })
        })?);
        all.extend(self.happenings(&said("prints"), id, |_| Ok(Deed::Printed))?);
        all.extend(self.happenings(
            "SELECT received_at AS at, 'Safaricom' AS by, code, source = 'stk_query' AS asked FROM feed
             WHERE sale = ? AND receipt IS NULL",
            id,
            |row| Ok(Deed::RequestEnded { code: row.get("code")?, asked: row.get("asked")? }),
        )?);
        for (shop, receipt) in self.receipts_claimed(sale)? {
            all.extend(self.history_of_payment(&shop, &receipt)?);
        }
        all.extend(self.happenings(&said("voids"), id, |row| Ok(Deed::Cancelled(row.get("reason")?)))?);
        all.sort_by_key(|happening| happening.at);
        Ok(all)
    }

    /// The timeline of a receipt code, oldest first: every message, every claim, every release.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn history_of_payment(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
    ) -> Result<Vec<Happening>, LedgerError> {
        let key = params![self.shop_key(shop)?, receipt.as_str()];
        let mut all = self.happenings(
            "SELECT received_at AS at, iif(source LIKE 'retracted_%', 'the platform', 'Safaricom') AS by,
               source, description
             FROM feed WHERE shop = ? AND receipt = ?",
            key,
            |row| {
                let (kind, receipt) = (row.get::<_, String>("source")?, receipt.clone());
                Ok(match (Source::named(&kind), Source::retracted_as(&kind)) {
                    (Some(source), _) => Deed::Received { receipt, source },
                    (None, Some(source)) => {
                        Deed::Retracted { receipt, source, reason: row.get("description")? }
                    }
                    (None, None) => Deed::Reversed { receipt },
                })
            },
        )?;
        all.extend(self.happenings(
            "SELECT at, by, sale, how, part, approved FROM claims WHERE shop = ? AND receipt = ?",
            key,
            |row| {
                let (sale, how) = (parsed(row, "sale", str::parse)?, rows::how(row)?);
                let part = row.get::<_, Option<i64>>("part")?.map(Money::from_cents);
                Ok(Deed::Claimed {
                    receipt: receipt.clone(),
                    sale,
                    how,
                    part,
                    approved: row.get("approved")?,
                })
            },
        )?);
        all.extend(self.happenings(
            "SELECT r.at, r.by, r.reason, c.sale FROM releases r
             JOIN claims c ON c.id = r.claim AND c.shop = r.shop WHERE c.shop = ? AND c.receipt = ?",
            key,
            |row| {
                let (sale, reason) = (parsed(row, "sale", str::parse)?, row.get("reason")?);
                Ok(Deed::Released { receipt: receipt.clone(), sale, reason })
            },
        )?);
        all.extend(self.happenings(
            "SELECT at, by, reason FROM asked_back WHERE shop = ? AND receipt = ?",
            key,
            |row| Ok(Deed::AskedBack { receipt: receipt.clone(), reason: row.get("reason")? }),
        )?);
        // A stable order: what happened in one instant stays in the order of its kinds.
        all.sort_by_key(|happening| happening.at);
        Ok(all)
    }

    /// The names of the facts that decide what a sale owes, beside the sale itself.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn decided_by(&self, sale: &SaleRow) -> Result<Vec<FactId>, LedgerError> {
        let sql = "SELECT id FROM cash WHERE sale = ?1 AND shop = ?2
                   UNION ALL SELECT id FROM claims WHERE sale = ?1 AND shop = ?2
                   UNION ALL SELECT r.id FROM releases r JOIN claims c ON c.id = r.claim AND c.shop = r.shop
                     WHERE c.sale = ?1 AND c.shop = ?2
                   UNION ALL SELECT id FROM voids WHERE sale = ?1 AND shop = ?2
                   UNION ALL SELECT id FROM refunds WHERE sale = ?1 AND shop = ?2
                   UNION ALL SELECT id FROM returns WHERE sale = ?1 AND shop = ?2
                   UNION ALL SELECT id FROM tips WHERE sale = ?1 AND shop = ?2
                   UNION ALL SELECT id FROM undone WHERE sale = ?1 AND shop = ?2";
        let mut find = self.connection.prepare_cached(sql)?;
        let key = params![sale.id.to_string(), self.shop_key(&sale.shop)?];
        let found = find.query_map(key, |row| parsed(row, "id", str::parse))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Every receipt that was ever claimed for a sale, by its own shop.
    fn receipts_claimed(&self, sale: FactId) -> Result<Vec<(ShopId, ReceiptCode)>, LedgerError> {
        let sql = "SELECT DISTINCT shops.id AS shop, c.receipt FROM claims c
                   JOIN sales s ON s.id = c.sale AND s.shop = c.shop JOIN shops ON shops.key = c.shop
                   WHERE c.sale = ?";
        let mut find = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| {
            Ok((parsed(row, "shop", ShopId::parse)?, parsed(row, "receipt", ReceiptCode::parse)?))
        };
        Ok(find.query_map([sale.to_string()], read)?.collect::<Result<_, _>>()?)
    }

    fn happenings<P: Params>(
        &self,
        sql: &str,
        key: P,
        deed: impl Fn(&Row<'_>) -> rusqlite::Result<Deed>,
    ) -> Result<Vec<Happening>, LedgerError> {
        let mut find = self.connection.prepare_cached(sql)?;
        let read =
            |row: &Row<'_>| Ok(Happening { at: time(row, "at")?, by: row.get("by")?, deed: deed(row)? });
        Ok(find.query_map(key, read)?.collect::<Result<_, _>>()?)
    }
}
