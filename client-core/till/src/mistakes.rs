//! What was said of a sale by mistake is taken back. The fact stays, and so does who took it back and why.

use crate::{SaidRow, SaleRow, Till, TillError, asked_before, period, reason_of};
use domain::{Cited, FactBody, FactId, Person, Timestamp};

impl Till {
    /// What was said of a sale and can be taken back here as a mistake, newest first: cash that went through this
    /// till's drawer, goods that came back, tips.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn said_of(&self, sale: &SaleRow) -> Result<Vec<SaidRow>, TillError> {
        self.read(|ledger| {
            let own = ledger.writer(&sale.shop)?.till;
            let mut said = ledger.said_of(sale)?;
            said.retain(|it| !it.said.in_cash() || it.id.actor.till == own);
            Ok(said)
        })
    }

    /// Takes back as a mistake what was said of a sale: this, or the last that stands. It counts no more; cash, in the
    /// shift that goes on. A `request` key makes the call repeatable.
    ///
    /// # Errors
    /// Nothing of the kind stands, the cash went through another till's drawer, the sale's period is closed, no
    /// reason, or nothing was recorded.
    pub fn undo(
        &self,
        sale: FactId,
        what: Option<FactId>,
        reason: &str,
        (by, now): (&Person, Timestamp),
        request: Option<&str>,
    ) -> Result<SaleRow, TillError> {
        let reason = reason_of(reason)?;
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        let same = |body: &FactBody| matches!(body, FactBody::Undone { sale, .. } if *sale == found.cited());
        if asked_before(&ledger, (&found.shop, request), same)?.is_some() {
            return Ok(found);
        }
        period::is_open(&ledger, &found)?;
        let said = ledger.said_of(&found)?;
        let meant = |it: &&SaidRow| what.is_none_or(|what| it.id == what || it.cited.id == what);
        let Some(SaidRow { id, cited, said, .. }) = said.iter().find(meant) else {
            let none = "nothing that was said of this sale can be taken back here: release a claim, or cancel the sale";
            return Err(TillError::Refused(none.to_owned()));
        };
        let own = ledger.writer(&found.shop)?.till;
        if said.in_cash() && id.actor.till != own {
            let drawer = "this cash went through another till's drawer: take it back at that till";
            return Err(TillError::Refused(drawer.to_owned()));
        }
        let what: Cited = *cited;
        let undone = FactBody::Undone { sale: found.cited(), what, reason };
        self.write(&mut ledger, &found.shop, (by, now), undone, request)?;
        Ok(ledger.sale(sale)?)
    }
}
