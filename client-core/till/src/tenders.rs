//! What a customer pays in cash, and what becomes of what was paid too much: it goes back in cash, stays on the
//! payment as credit, or is left as a tip.

use crate::rules::rules_of;
use crate::{ClaimRow, SaleRow, Till, TillError, asked_before, period, reason_of};
use domain::standing::SaleState;
use domain::{Claim, FactBody, FactId, Money, Person, Timestamp};
use ledger::Reader;

impl Till {
    /// Takes cash for a sale: this much of what is due, or all of it, which is then rounded to the shop's coins. A
    /// `request` key makes the call repeatable, here as below.
    ///
    /// # Errors
    /// Less is due, or nothing was recorded.
    pub fn take_cash(
        &self,
        sale: FactId,
        amount: Option<Money>,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<SaleRow, TillError> {
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        let same = |body: &FactBody| matches!(body, FactBody::Cash { sale, .. } if *sale == found.cited());
        if asked_before(&ledger, (&found.shop, request), same)?.is_some() {
            return Ok(found);
        }
        if found.due == Money::ZERO {
            return Err(TillError::Refused("nothing is due on this sale".to_owned()));
        }
        let amount = amount.unwrap_or(found.due);
        if amount <= Money::ZERO || amount > found.due {
            let due =
                format!("KES {} is due: take no more than that, and give the rest as change", found.due);
            return Err(TillError::Refused(due));
        }
        let rounding = in_coins(&ledger, &found, amount, found.due)?;
        let cash = FactBody::Cash { sale: found.cited(), amount, rounding };
        self.write(&mut ledger, &found.shop, (by, now), cash, request)?;
        Ok(ledger.sale(sale)?)
    }

    /// Gives back in cash, out of this till's drawer, what was paid too much for a sale, for goods that came back, or
    /// for a sale that was cancelled: this much of it, or all, which is then rounded to the shop's coins.
    ///
    /// # Errors
    /// Less has to go back, no reason, this is head office, or nothing was recorded.
    pub fn give_back(
        &self,
        sale: FactId,
        amount: Option<Money>,
        reason: &str,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<SaleRow, TillError> {
        let (shop, reason) = (self.drawer_shop()?, reason_of(reason)?);
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        let same = |body: &FactBody| matches!(body, FactBody::Refund { sale, .. } if *sale == found.cited());
        if asked_before(&ledger, (shop, request), same)?.is_some() {
            return Ok(found);
        }
        let amount = of_what_is_over(&found, amount)?;
        let rounding = in_coins(&ledger, &found, amount, found.over)?;
        let refund = FactBody::Refund { sale: found.cited(), amount, rounding, reason };
        self.write(&mut ledger, shop, (by, now), refund, request)?;
        Ok(ledger.sale(sale)?)
    }

    /// Keeps as a tip what a customer left beyond a sale: this much of it, or all. Only where the shop takes tips.
    ///
    /// # Errors
    /// The shop takes none, less was paid beyond the sale, or nothing was recorded.
    pub fn tip(
        &self,
        sale: FactId,
        amount: Option<Money>,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<SaleRow, TillError> {
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        let same = |body: &FactBody| matches!(body, FactBody::Tip { sale, .. } if *sale == found.cited());
        if asked_before(&ledger, (&found.shop, request), same)?.is_some() {
            return Ok(found);
        }
        if !rules_of(&ledger, &found.shop)?.0.tips {
            let off =
                "this shop takes no tips: give back what is too much, or set tips to on in its settings";
            return Err(TillError::Refused(off.to_owned()));
        }
        if found.state == SaleState::Voided {
            return Err(TillError::Refused("this sale was cancelled: give the money back".to_owned()));
        }
        let amount = of_what_is_over(&found, amount)?;
        let tip = FactBody::Tip { sale: found.cited(), amount };
        self.write(&mut ledger, &found.shop, (by, now), tip, request)?;
        Ok(ledger.sale(sale)?)
    }

    /// Leaves on its payment, as credit for another sale, what was paid too much for a sale: this sale claims a part of
    /// the payment, and takes back that it claimed all of it. In between it has all of it as before.
    ///
    /// # Errors
    /// Nothing is over, none of the sale's payments is that large, other sales want that payment too, the sale's
    /// period is closed, or nothing was recorded.
    pub fn leave_credit(&self, sale: FactId, by: &Person, now: Timestamp) -> Result<SaleRow, TillError> {
        let mut ledger = self.ledger();
        let found = ledger.sale(sale)?;
        period::is_open(&ledger, &found)?;
        let over = of_what_is_over(&found, None)?;
        let claims = ledger.claims(sale)?;
        let covers = |claim: &ClaimRow| {
            let share = claim.share.filter(|share| *share > over)?;
            let payment = claim.payment.as_ref().filter(|payment| !payment.reversed)?;
            Some((claim.receipt.clone(), claim.how, share - over, payment.contested))
        };
        let Some((receipt, how, part, contested)) = claims.iter().find_map(covers) else {
            let none = "no payment of this sale is larger than what is over: release a payment instead";
            return Err(TillError::Refused(none.to_owned()));
        };
        if contested {
            let wanted = "another sale wants this payment too: settle that first";
            return Err(TillError::Refused(wanted.to_owned()));
        }
        let part = Claim { part: Some(part), ..Claim::new(receipt.clone(), found.cited(), how) };
        self.write(&mut ledger, &found.shop, (by, now), FactBody::Claim(part), None)?;
        let reason = "what is over stays on the payment".to_owned();
        // Two tills may have claimed it for this sale before they heard of each other.
        for whole in claims.iter().filter(|claim| claim.receipt == receipt) {
            let (claim, reason) = (ledger.claim(whole.id)?.cited, reason.clone());
            self.write(&mut ledger, &found.shop, (by, now), FactBody::Release { claim, reason }, None)?;
        }
        Ok(ledger.sale(sale)?)
    }
}

/// By how much more than an amount changes hands, where it is all there is to pay: what is left can be paid in coins.
fn in_coins(ledger: &Reader, sale: &SaleRow, amount: Money, all: Money) -> Result<Money, TillError> {
    let coin = rules_of(ledger, &sale.shop)?.0.cash_rounding.filter(|_| amount == all);
    Ok(amount.nearest(coin.unwrap_or_default()) - amount)
}

fn of_what_is_over(sale: &SaleRow, amount: Option<Money>) -> Result<Money, TillError> {
    if sale.over == Money::ZERO {
        let none = "nothing has to go back for this sale: cancel it, or take goods back, first";
        return Err(TillError::Refused(none.to_owned()));
    }
    let amount = amount.unwrap_or(sale.over);
    if amount <= Money::ZERO || amount > sale.over {
        return Err(TillError::Refused(format!("KES {} was paid too much: no more than that", sale.over)));
    }
    Ok(amount)
}
