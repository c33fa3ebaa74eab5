//! What fits what, as this ledger knows it: offered to people with reasons, and found where nothing leaves a doubt.

use crate::rules::rules_of;
use crate::{Till, TillError};
use domain::matching::{Candidate, Incoming, OpenSale, payments_for, proposals, sales_for};
use domain::{FactId, How, ReceiptCode, Rules, ShopId};
use ledger::{LedgerError, PaymentRow, SaleRow};

impl Till {
    /// The payments that may be for a sale, best first, each with its reasons; those that a sale has already come
    /// last.
    ///
    /// # Errors
    /// There is no such sale, or the ledger can not be read.
    pub fn candidates(&self, sale: FactId) -> Result<Vec<(Candidate, PaymentRow)>, TillError> {
        self.read(|ledger| {
            let row = ledger.sale(sale)?;
            let (rules, _) = rules_of(ledger, &row.shop)?;
            let open = ledger.open_sale(sale, &ledger.letters()?)?;
            let mut rows = ledger.payments_near(&row.shop, &open, &rules)?;
            rows.retain(|payment| payment.sale != Some(sale));
            Ok(ranked(&open, rows, &rules))
        })
    }

    /// The sales that a payment may be for, best first, each with its reasons.
    ///
    /// # Errors
    /// There is no such payment, or the ledger can not be read.
    pub fn sales_for(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
    ) -> Result<Vec<(Candidate, SaleRow)>, TillError> {
        self.read(|ledger| {
            let unknown = || LedgerError::Unknown(format!("payment {receipt}"));
            let payment = Incoming::from(&ledger.payment(shop, receipt)?.ok_or_else(unknown)?);
            let (rules, _) = rules_of(ledger, shop)?;
            let sales = ledger.sales_near(shop, &payment, &rules, &ledger.letters()?)?;
            let found = sales_for(&payment, &sales, &rules).into_iter();
            found.map(|it| Ok((ledger.sale(it.sale)?, it))).map(|it| it.map(|(row, it)| (it, row))).collect()
        })
    }

    /// What leaves no doubt, for this till's own sales: payments that answer its own STK pushes, and payments that
    /// alone fit a sale that alone fits them. What a person has parted stays parted.
    pub(crate) fn beyond_doubt(&self, shop: &ShopId) -> Result<Vec<(FactId, ReceiptCode, How)>, TillError> {
        let ledger = self.ledger();
        let own = ledger.writer(shop)?.till;
        let asked = ledger.paid_pushes(shop, own)?.into_iter();
        let mut found: Vec<_> = asked.map(|(sale, receipt)| (sale, receipt, How::StkRequest)).collect();
        let (rules, _) = rules_of(&ledger, shop)?;
        let (sales, payments) = ledger.to_match(shop, own, &rules, &ledger.letters()?)?;
        for it in proposals(&sales, &payments, &rules) {
            let how = if it.named() { How::AccountReference } else { How::Automatic };
            if it.sale.actor.till == own && !ledger.parted(shop, it.sale, &it.receipt)? {
                found.push((it.sale, it.receipt, how));
            }
        }
        Ok(found)
    }
}

/// Payments with what ties them to a sale, best first.
pub(crate) fn ranked(open: &OpenSale, rows: Vec<PaymentRow>, rules: &Rules) -> Vec<(Candidate, PaymentRow)> {
    let payments: Vec<Incoming> = rows.iter().map(Incoming::from).collect();
    let with_row = |it: Candidate| {
        let row = rows.iter().find(|row| row.receipt == it.receipt)?.clone();
        Some((it, row))
    };
    payments_for(open, &payments, rules).into_iter().filter_map(with_row).collect()
}
