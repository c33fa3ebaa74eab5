//! What was said of a sale by mistake is taken back. The fact stays, and so does who took it back and why.

use crate::{SaidRow, SaleRow, Till, TillError, asked_before, period, reason_of, shift};
use domain::{Actor, BusinessDay, FactBody, FactId, Person, Timestamp};

impl Till {
    /// What was said of a sale and can be taken back here as a mistake, newest first: cash that went through this
    /// till's drawer, goods that came back, tips.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn said_of(&self, sale: &SaleRow) -> Result<Vec<SaidRow>, TillError> {
        self.read(|ledger| {
            let mut said = ledger.said_of(sale)?;
            let (lives, closed) = (shift::lives(ledger, &sale.shop)?, ledger.period_closed(&sale.shop)?);
            said.retain(|it| is_of_drawer(it, &lives) && is_open(it, closed));
            Ok(said)
        })
    }

    /// Takes back as a mistake what was said of a sale: this, or the last that stands. It counts no more; cash, in the
    /// shift that goes on. A `request` key makes the call repeatable.
    ///
    /// # Errors
    /// Nothing of the kind stands, the cash went through another till's drawer, the period in which it was said is
    /// closed, no reason, or nothing was recorded.
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
        let said = ledger.said_of(&found)?;
        let Some(it) = meant(&said, what) else {
            let none = "nothing that was said of this sale can be taken back here: release a claim, or cancel the sale";
            return Err(TillError::Refused(none.to_owned()));
        };
        if !is_of_drawer(it, &shift::lives(&ledger, &found.shop)?) {
            let drawer = "this cash went through another till's drawer: take it back at that till";
            return Err(TillError::Refused(drawer.to_owned()));
        }
        let closed = ledger.period_closed(&found.shop)?;
        if !is_open(it, closed) {
            return Err(TillError::Refused(period::closed_words(closed)));
        }
        let undone = FactBody::Undone { sale: found.cited(), what: it.cited, reason };
        self.write(&mut ledger, &found.shop, (by, now), undone, request)?;
        Ok(ledger.sale(sale)?)
    }
}

/// What somebody means by a name: what is called so here before what was called so first, and nothing where that is
/// said of two; the last where no name is given.
fn meant(said: &[SaidRow], what: Option<FactId>) -> Option<&SaidRow> {
    let Some(what) = what else { return said.first() };
    let mut first = said.iter().filter(|it| it.cited.id == what);
    said.iter().find(|it| it.id == what).or_else(|| first.next().filter(|_| first.next().is_none()))
}

/// Whether it went through no drawer but that of these lives of a till.
fn is_of_drawer(it: &SaidRow, lives: &[Actor]) -> bool {
    !it.said.in_cash() || lives.contains(&it.id.actor)
}

/// Whether the books of the day on which it was said are open: what is said later of an old sale counts later.
fn is_open(it: &SaidRow, closed: Option<BusinessDay>) -> bool {
    closed.is_none_or(|until| it.at.business_day() > until)
}
