//! After facts or evidence came in: judge the receipts they touch, and fold the sales behind them. The
//! rules are the domain's; here are only the rows they work on.

use crate::cited::{SALES, relink};
use crate::rows::{self, money, parsed, parsed_option, time};
use crate::{LedgerError, stock};
use domain::matching::Reference;
use domain::standing::{ClaimWeight, Known, standing};
use domain::verdict::{StandingClaim, Verdict, judge};
use domain::{
    Cited, Claim, Evidence, Fact, FactId, Money, Payment, ReceiptCode, Retraction, Reversal, ShortCode,
    Source,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeSet;

/// What has to be settled anew at the end of a transaction.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    receipts: BTreeSet<ReceiptCode>,
    sales: BTreeSet<FactId>,
}

impl Dirty {
    pub(crate) fn receipt(&mut self, receipt: ReceiptCode) {
        self.receipts.insert(receipt);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.sales.is_empty()
    }

    /// What is not here stands nowhere.
    pub(crate) fn sale(&mut self, sale: Cited) {
        self.sales.extend(sale.at.is_none().then_some(sale.id));
    }

    /// How much there is to settle.
    pub(crate) fn len(&self) -> usize {
        self.receipts.len().saturating_add(self.sales.len())
    }

    pub(crate) fn claim(&mut self, c: &Connection, shop: i64, claim: FactId) -> Result<(), LedgerError> {
        let mut find = c.prepare_cached("SELECT receipt FROM claims WHERE id = ? AND shop = ?")?;
        let read = |row: &Row<'_>| parsed(row, "receipt", ReceiptCode::parse);
        self.receipts.extend(find.query_row(params![claim.to_string(), shop], read).optional()?);
        Ok(())
    }

    pub(crate) fn sale_and_its_receipts(
        &mut self,
        c: &Connection,
        shop: i64,
        sale: FactId,
    ) -> Result<(), LedgerError> {
        self.sales.insert(sale);
        let mut find = c.prepare_cached("SELECT receipt FROM claims WHERE sale = ? AND shop = ?")?;
        let read = |row: &Row<'_>| parsed(row, "receipt", ReceiptCode::parse);
        for receipt in find.query_map(params![sale.to_string(), shop], read)? {
            self.receipts.insert(receipt?);
        }
        Ok(())
    }

    /// What hangs on a fact of any kind that is about to be taken out.
    pub(crate) fn fact(&mut self, c: &Connection, shop: i64, fact: FactId) -> Result<(), LedgerError> {
        self.sale_and_its_receipts(c, shop, fact)?;
        self.claim(c, shop, fact)?;
        let key = params![fact.to_string(), shop];
        for table in ["cash", "claims", "voids", "refunds", "returns", "tips", "undone"] {
            let sql = format!("SELECT sale FROM {table} WHERE id = ? AND shop = ?");
            let read = |row: &Row<'_>| parsed(row, "sale", str::parse);
            if let Some(Cited { id, at: None }) = c.prepare_cached(&sql)?.query_row(key, read).optional()? {
                self.sale_and_its_receipts(c, shop, id)?;
            }
        }
        let mut find = c.prepare_cached("SELECT claim FROM releases WHERE id = ? AND shop = ?")?;
        match find.query_row(key, |row| parsed(row, "claim", str::parse)).optional()? {
            Some(Cited { id, at: None }) => self.claim(c, shop, id),
            _ => Ok(()),
        }
    }

    /// A new sale that nothing has been said about stands as it was written.
    pub(crate) fn if_mentioned(&mut self, c: &Connection, shop: i64, sale: &Fact) -> Result<(), LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM claims WHERE sale = ?1 AND shop = ?2)
                       OR EXISTS (SELECT 1 FROM cash WHERE sale = ?1 AND shop = ?2)
                       OR EXISTS (SELECT 1 FROM voids WHERE sale = ?1 AND shop = ?2)
                       OR EXISTS (SELECT 1 FROM claims WHERE sale = cited)
                       OR EXISTS (SELECT 1 FROM cash WHERE sale = cited)
                       OR EXISTS (SELECT 1 FROM voids WHERE sale = cited)
                       OR EXISTS (SELECT 1 FROM prints WHERE sale = cited)
                       OR EXISTS (SELECT 1 FROM refunds WHERE sale = cited)
                       OR EXISTS (SELECT 1 FROM returns WHERE sale = cited)
                       OR EXISTS (SELECT 1 FROM tips WHERE sale = cited)
                       OR EXISTS (SELECT 1 FROM undone WHERE sale = cited)
                       OR EXISTS (SELECT 1 FROM trusts WHERE sale = cited)
                       OR EXISTS (SELECT 1 FROM sales WHERE formerly = ?1)";
        let mut find = c.prepare_cached(sql)?;
        let mentioned: bool = find.query_row(params![sale.id.to_string(), shop], |row| row.get(0))?;
        if !mentioned && sale.formerly.is_none() {
            return Ok(());
        }
        let same = relink(c, shop, &SALES, sale.cited(), None)?;
        if same.len() > 1 {
            same.iter().try_for_each(|sale| stock::recount_of(c, shop, *sale))?;
        }
        for sale in &same {
            stock::returns_of(c, shop, Cited::by_name(*sale))?
                .into_iter()
                .try_for_each(|back| stock::recount_of(c, shop, back))?;
        }
        same.into_iter().chain([sale.id]).try_for_each(|sale| self.sale_and_its_receipts(c, shop, sale))
    }
}

/// Settles what is dirty.
pub(crate) fn settle(c: &Connection, shop: i64, dirty: &Dirty) -> Result<(), LedgerError> {
    let mut sales = dirty.sales.clone();
    for receipt in &dirty.receipts {
        let claims = claims_of_receipt(c, shop, receipt)?;
        put_payment(c, shop, receipt, &claims)?;
        let here = claims.iter().map(|claim| claim.claim.sale).filter(|sale| sale.at.is_none());
        sales.extend(here.map(|sale| sale.id));
    }
    sales.iter().try_for_each(|sale| fold_sale(c, shop, *sale))
}

fn claims_of_receipt(
    c: &Connection,
    shop: i64,
    receipt: &ReceiptCode,
) -> Result<Vec<StandingClaim>, LedgerError> {
    let sql = "SELECT c.*, EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop)
                        OR EXISTS (SELECT 1 FROM voids v WHERE v.sale = c.sale AND v.shop = c.shop) AS withdrawn
               FROM claims c WHERE c.shop = ? AND c.receipt = ?";
    let mut find = c.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        let sale = parsed(row, "sale", str::parse)?;
        Ok(StandingClaim {
            id: parsed(row, "id", str::parse)?,
            at: time(row, "at")?,
            claim: Claim {
                part: row.get::<_, Option<i64>>("part")?.map(Money::from_cents),
                ..Claim::new(receipt.clone(), sale, rows::how(row)?)
            },
            withdrawn: row.get("withdrawn")?,
        })
    };
    Ok(find.query_map(params![shop, receipt.as_str()], read)?.collect::<Result<_, _>>()?)
}

/// What all messages on a receipt say together, and the sale for which the customer's phone was asked.
fn payment_of(
    c: &Connection,
    shop: i64,
    receipt: &ReceiptCode,
) -> Result<Option<(Payment, Option<FactId>)>, LedgerError> {
    let mut find = c.prepare_cached("SELECT * FROM feed WHERE shop = ? AND receipt = ?")?;
    let (mut given, mut answers, mut asked_for) = (Vec::new(), Vec::new(), None);
    let (mut reversals, mut retractions) = (Vec::new(), Vec::new());
    let mut rows = find.query(params![shop, receipt.as_str()])?;
    while let Some(row) = rows.next()? {
        let sale = parsed_option(row, "sale", str::parse)?;
        asked_for = asked_for.or(sale);
        let kind: String = row.get("source")?;
        match (Source::named(&kind), Source::retracted_as(&kind)) {
            (Some(source), _) if sale.is_some() => answers.push(evidence_of(row, source, receipt)?),
            (Some(source), _) => given.push(evidence_of(row, source, receipt)?),
            (None, Some(source)) => retractions.push(retraction_of(row, source, receipt)?),
            (None, None) => reversals.push(reversal_of(row, receipt)?),
        }
    }
    answers.extend(Retraction::leave_out(&retractions, given));
    Ok(Payment::fold(&answers, &reversals).map(|payment| (payment, asked_for)))
}

fn evidence_of(row: &Row<'_>, source: Source, receipt: &ReceiptCode) -> rusqlite::Result<Evidence> {
    Ok(Evidence {
        source,
        receipt: receipt.clone(),
        amount: money(row, "amount")?,
        shortcode: parsed(row, "shortcode", ShortCode::parse)?,
        paid_at: rows::time_option(row, "paid_at")?,
        payer: rows::payer(row)?,
        account_reference: row.get("account_reference")?,
        order: parsed_option(row, "order_sale", str::parse)?,
        // The cloud watches the chain of balances; a till has no use for it.
        balance: None,
        received_at: time(row, "received_at")?,
    })
}

fn reversal_of(row: &Row<'_>, receipt: &ReceiptCode) -> rusqlite::Result<Reversal> {
    Ok(Reversal {
        receipt: receipt.clone(),
        reversal: parsed_option(row, "description", ReceiptCode::parse)?,
        amount: money(row, "amount")?,
        reversed_at: rows::time_option(row, "paid_at")?,
        received_at: time(row, "received_at")?,
    })
}

fn retraction_of(row: &Row<'_>, source: Source, receipt: &ReceiptCode) -> rusqlite::Result<Retraction> {
    let (reason, received_at) = (row.get("description")?, time(row, "received_at")?);
    Ok(Retraction { source, receipt: receipt.clone(), reason, received_at })
}

/// Writes what is known of a payment, and who has it. Where nothing is left of it, because all of it was taken
/// back, there is no payment any more.
fn put_payment(
    c: &Connection,
    shop: i64,
    receipt: &ReceiptCode,
    claims: &[StandingClaim],
) -> Result<(), LedgerError> {
    let key = params![shop, receipt.as_str()];
    c.prepare_cached("DELETE FROM shares WHERE shop = ? AND receipt = ?")?.execute(key)?;
    let Some((payment, asked_for)) = payment_of(c, shop, receipt)? else {
        let sql = "DELETE FROM payments WHERE shop = ? AND receipt = ?";
        return Ok(c.prepare_cached(sql)?.execute(key).map(drop)?);
    };
    let verdict = judge(claims, Some(payment.amount));
    let sql = "INSERT INTO shares (shop, sale, receipt, amount) VALUES (?, ?, ?, ?)";
    for sale in verdict.shares.keys() {
        let amount = verdict.share(*sale, payment.amount).unwrap_or_default();
        let row = params![shop, sale.to_string(), receipt.as_str(), amount.cents()];
        c.prepare_cached(sql)?.execute(row)?;
    }
    let free = if payment.reversed.is_some() { Money::ZERO } else { verdict.free(payment.amount) };
    let sale = claims.iter().find(|claim| Some(claim.id) == verdict.leader).map(|claim| claim.claim.sale);
    let sources: Vec<&str> = payment.sources.iter().map(|source| source.name()).collect();
    let disagreements: Vec<&str> = payment.disagreements.iter().map(|it| it.name()).collect();
    let sql = "INSERT INTO payments (shop, receipt, amount, shortcode, paid_at, received_at, payer_name,
                 payer_msisdn, account_reference, named, sources, disagreements, confirmed, reversed,
                 order_sale, asked_for, sale, free, contested)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (shop, receipt) DO UPDATE SET amount = excluded.amount,
                 shortcode = excluded.shortcode, paid_at = excluded.paid_at,
                 received_at = excluded.received_at, payer_name = excluded.payer_name,
                 payer_msisdn = excluded.payer_msisdn, account_reference = excluded.account_reference,
                 named = excluded.named, sources = excluded.sources, disagreements = excluded.disagreements,
                 confirmed = excluded.confirmed, reversed = excluded.reversed,
                 order_sale = excluded.order_sale, asked_for = excluded.asked_for, sale = excluded.sale,
                 free = excluded.free, contested = excluded.contested";
    c.prepare_cached(sql)?.execute(params![
        shop,
        receipt.as_str(),
        payment.amount.cents(),
        payment.shortcode.as_str(),
        payment.paid_at.millis(),
        payment.received_at.millis(),
        payment.payer.name,
        payment.payer.msisdn.as_ref().map(|msisdn| msisdn.as_str().to_owned()),
        payment.account_reference,
        Reference::typed(&payment.account_reference).as_str(),
        sources.join(","),
        disagreements.join(","),
        payment.is_confirmed(),
        payment.reversed.is_some(),
        payment.order.map(|sale| sale.to_string()),
        asked_for.map(|sale| sale.to_string()),
        sale.map(|sale| sale.to_string()),
        free.cents(),
        !verdict.losers.is_empty()
    ])?;
    Ok(())
}

/// The sale whose claim leads on a receipt; how it is cited, where it is not here.
pub(crate) fn leading_sale(
    c: &Connection,
    shop: i64,
    receipt: &ReceiptCode,
) -> Result<Option<Cited>, LedgerError> {
    let claims = claims_of_receipt(c, shop, receipt)?;
    let leader = judge(&claims, None).leader;
    Ok(claims.iter().find(|claim| Some(claim.id) == leader).map(|claim| claim.claim.sale))
}

/// Who has a receipt, as far as it is known here, and how much of it has been seen.
pub(crate) fn verdict(
    c: &Connection,
    shop: i64,
    receipt: &ReceiptCode,
) -> Result<(Verdict, Option<Payment>), LedgerError> {
    let payment = payment_of(c, shop, receipt)?.map(|(payment, _)| payment);
    let claims = claims_of_receipt(c, shop, receipt)?;
    Ok((judge(&claims, payment.as_ref().map(|payment| payment.amount)), payment))
}

/// What one claim means to its sale: who leads, and whether the payment has been seen.
fn weigh(c: &Connection, shop: i64, receipt: &ReceiptCode, sale: FactId) -> Result<ClaimWeight, LedgerError> {
    let (verdict, payment) = verdict(c, shop, receipt)?;
    let sale = Cited::by_name(sale);
    Ok(match payment {
        _ if !verdict.shares.contains_key(&sale) => ClaimWeight::Lost,
        None => ClaimWeight::Unverified,
        Some(payment) if payment.reversed.is_some() => ClaimWeight::Reversed,
        Some(payment) => ClaimWeight::Leads(verdict.share(sale, payment.amount).unwrap_or_default()),
    })
}

fn fold_sale(c: &Connection, shop: i64, sale: FactId) -> Result<(), LedgerError> {
    let id = sale.to_string();
    // A claim may name a sale that has not come yet, or that is not this shop's.
    let Some(known) = known(c, shop, &id)? else { return Ok(()) };
    // One weight a receipt: two claims of one sale on one payment count its money once.
    let sql = "SELECT DISTINCT receipt FROM claims c
               WHERE sale = ? AND shop = ?
                 AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.claim = c.id AND r.shop = c.shop)";
    let mut find = c.prepare_cached(sql)?;
    let receipts =
        find.query_map(params![id, shop], |row| parsed_option(row, "receipt", ReceiptCode::parse))?;
    let mut weights = Vec::new();
    for receipt in receipts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        weights.push(weigh(c, shop, &receipt, sale)?);
    }
    let it = standing(&known, &weights);
    let sql = "UPDATE sales SET owed = ?, paid = ?, due = ?, over = ?, state = ?, conflict = ?, reversed = ?
               WHERE id = ?";
    let [owed, paid, due, over] = [known.owed(), it.paid, it.due, it.over].map(Money::cents);
    let row = params![owed, paid, due, over, it.state.name(), it.conflict, it.reversed, id];
    c.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// What is known of a sale beside its claims; nothing where it is not here.
fn known(c: &Connection, shop: i64, id: &str) -> Result<Option<Known>, LedgerError> {
    let sum = |table| {
        format!(
            "(SELECT coalesce(sum(amount), 0) FROM {table}_standing t WHERE t.sale = sales.id AND t.shop = sales.shop)"
        )
    };
    let sql = format!(
        "SELECT total, tender, {} - {} AS cash, {} AS returned, {} AS tips,
           EXISTS (SELECT 1 FROM voids WHERE voids.sale = sales.id AND voids.shop = sales.shop) AS voided
         FROM sales WHERE id = ? AND shop = ?",
        sum("cash"),
        sum("refunds"),
        sum("returns"),
        sum("tips")
    );
    let read = |row: &Row<'_>| {
        Ok(Known {
            total: money(row, "total")?,
            tender: rows::tender(row)?,
            cash: money(row, "cash")?,
            returned: money(row, "returned")?,
            tips: money(row, "tips")?,
            voided: row.get("voided")?,
        })
    };
    Ok(c.prepare_cached(&sql)?.query_row(params![id, shop], read).optional()?)
}
