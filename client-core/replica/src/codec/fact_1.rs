//! Form 1 of a fact: what releases wrote before clocks, products and stock. It is read for ever, by turning
//! it into the form that came after, and never written again.

use super::fact::{BodyForm as Later, FactForm as LaterFact, HowForm};
use super::sale::{Goods, LineForm as LaterLine, TenderForm};
use super::{CodecError, NameForm};
use domain::{Line, Quantity};
use serde::{Deserialize, Serialize};

/// Who and what.
#[derive(Serialize, Deserialize)]
pub(super) struct FactForm {
    pub(super) by: String,
    pub(super) body: BodyForm,
}

#[derive(Serialize, Deserialize)]
pub(super) enum BodyForm {
    Sale { lines: Vec<LineForm>, total: i64, tender: TenderForm, order: Option<String> },
    Cash { sale: NameForm, amount: i64 },
    Claim { receipt: String, sale: NameForm, how: HowForm },
    Release { claim: NameForm, reason: String },
    Void { sale: NameForm, reason: String },
}

/// It says the amount, which follows from quantity and price.
#[derive(Serialize, Deserialize)]
pub(super) struct LineForm {
    name: String,
    quantity_milli: u32,
    unit_price: i64,
    amount: i64,
}

impl TryFrom<FactForm> for LaterFact {
    type Error = CodecError;
    fn try_from(form: FactForm) -> Result<Self, CodecError> {
        let body = match form.body {
            BodyForm::Sale { lines, total, tender, order } => {
                Later::Sale { goods: goods(lines, total)?, tender, order }
            }
            BodyForm::Cash { sale, amount } => Later::Cash { sale, amount },
            BodyForm::Claim { receipt, sale, how } => Later::Claim { receipt, sale, how },
            BodyForm::Release { claim, reason } => Later::Release { claim, reason },
            BodyForm::Void { sale, reason } => Later::Void { sale, reason },
        };
        Ok(Self { by: form.by, clock: None, formerly: None, body })
    }
}

/// Lines whose amounts and total are what follows from them; a bare total has no lines.
fn goods(lines: Vec<LineForm>, total: i64) -> Result<Goods, CodecError> {
    if lines.is_empty() {
        return Ok(Goods::Total(total));
    }
    let mut sum = 0_i64;
    let mut later = Vec::with_capacity(lines.len());
    for LineForm { name, quantity_milli, unit_price, amount } in lines {
        let quantity = Quantity::from_milli(quantity_milli)?;
        let line = Line::new(&name, quantity, super::money(unit_price)?)?;
        sum = sum.checked_add(amount).ok_or(CodecError::Unreadable)?;
        if line.amount.cents() != amount {
            return Err(CodecError::Unreadable);
        }
        later.push(LaterLine { name, quantity_milli, unit_price, product: None });
    }
    if sum == total { Ok(Goods::Lines(later)) } else { Err(CodecError::Unreadable) }
}
