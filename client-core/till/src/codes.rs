//! What a cashier hears of a code or a message that a customer shows: the payments it may be, and what speaks
//! against it. None of it is proof, and nothing is refused for it; a claim is verified when the payment is seen.

use crate::matching::ranked;
use crate::pasted::{Message, Pasted};
use crate::rules::rules_of;
use crate::{Till, TillError};
use domain::code::ends_like;
use domain::matching::{Candidate, OpenSale};
use domain::{Actor, Cited, FactId, Money, ReceiptCode, Rules, Timestamp};
use ledger::history::{Deed, Happening};
use ledger::{PaymentRow, Reader, SaleRow, reference};
use std::collections::BTreeMap;

/// What there is to say about what a customer shows for a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What the text is; `None` where there is no code in it.
    pub pasted: Option<Pasted>,
    /// The payments it may be, best first: the one with that code or, where that is not here, those with nearly
    /// that code or that end.
    pub found: Vec<(Candidate, PaymentRow)>,
    /// What speaks against it.
    pub warnings: Vec<Warning>,
}

/// Something that speaks against a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// A stable name, for programs.
    pub kind: &'static str,
    /// A sentence for the cashier.
    pub text: String,
}

impl Warning {
    fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl Till {
    /// Looks at a code, the last five characters of one or a whole message, which a customer shows for a sale.
    ///
    /// # Errors
    /// There is no such sale, or the ledger can not be read.
    pub fn look_at(&self, sale: FactId, text: &str, now: Timestamp) -> Result<Shown, TillError> {
        let (pasted, now) = (Pasted::read(text), self.corrected(now));
        self.read(|ledger| {
            let row = ledger.sale(sale)?;
            let ((rules, _), letters) = (rules_of(ledger, &row.shop)?, ledger.letters()?);
            let mut open = ledger.open_sale(sale, &letters)?;
            let rows = match &pasted {
                None => Vec::new(),
                Some(Pasted::Ending(end)) => ledger.payments_ending(&row.shop, &ends_like(end))?,
                Some(Pasted::Code(code) | Pasted::Message(Message { code, .. })) => {
                    open.codes.push(code.clone());
                    match ledger.payment(&row.shop, code)? {
                        Some(payment) => vec![payment],
                        None => ledger.payments_coded(&row.shop, &code.near())?,
                    }
                }
            };
            let mut warnings = of_text(pasted.as_ref(), &row, &open, (&rules, now));
            if let Some(code) = pasted.as_ref().and_then(Pasted::code) {
                let history = ledger.history_of_payment(&row.shop, code)?;
                warnings.extend(of_history(&history, &row, &letters));
            }
            let found = ranked(&open, rows, &rules);
            Ok(Shown { pasted, found, warnings })
        })
    }

    /// The other open sales of the same till that owe the same: a payment of that amount could be any of theirs.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn same_total(&self, sale: &SaleRow) -> Result<Vec<SaleRow>, TillError> {
        if sale.due == Money::ZERO {
            return Ok(Vec::new());
        }
        self.read(|ledger: &Reader| ledger.same_total(sale))
    }
}

/// What the text itself tells.
fn of_text(
    pasted: Option<&Pasted>,
    sale: &SaleRow,
    open: &OpenSale,
    (rules, now): (&Rules, Timestamp),
) -> Vec<Warning> {
    let Some(pasted) = pasted else {
        let none = "there is no M-Pesa code in this: type its ten characters, or the last five";
        return vec![Warning::new("no-code", none)];
    };
    let doubt = pasted.code().and_then(|code: &ReceiptCode| code.doubt(&[sale.at, now]));
    let mut warnings: Vec<Warning> =
        doubt.map(|doubt| Warning::new("code", doubt.to_string())).into_iter().collect();
    let Some(message) = pasted.message() else { return warnings };
    if message.reversed {
        let back = "this message says that the payment went back to the customer";
        warnings.push(Warning::new("reversed", back));
    }
    if let Some(said) = message.amount.filter(|said| *said != sale.due) {
        let other = format!("the message says {said}, and this sale owes {}", sale.due);
        warnings.push(Warning::new("amount", other));
    }
    let reach = rules.window_millis().saturating_add(open.unsure_millis.map_or(0, u64::from));
    // A message tells the minute and no seconds.
    let far = |at: &Timestamp| at.distance_millis(sale.at) > reach.saturating_add(60_000);
    if let Some(at) = message.at.filter(|at| far(at) && at.distance_millis(now) > reach) {
        let other = format!("the message is of {}, and this sale of {}", at.to_seed(), sale.at.to_seed());
        warnings.push(Warning::new("time", other));
    }
    warnings
}

/// What is known here of the code: for which sales it was given, and whether the money went back.
fn of_history(history: &[Happening], sale: &SaleRow, letters: &BTreeMap<Actor, String>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for it in history {
        match &it.deed {
            Deed::Claimed { receipt, sale: other, .. } if other.id != sale.id => {
                let released = history.iter().find_map(|later| match &later.deed {
                    Deed::Released { sale, reason, .. } if sale == other => Some(reason),
                    _ => None,
                });
                let (name, when) = (named(other, letters), it.at.to_seed());
                warnings.push(match released {
                    None => Warning::new(
                        "used",
                        format!("{receipt} was used for sale {name} by {} on {when}", it.by),
                    ),
                    Some(reason) => {
                        let text =
                            format!("{receipt} was given for sale {name} on {when}, and released: {reason}");
                        Warning::new("released", text)
                    }
                });
            }
            Deed::Reversed { receipt } => {
                let text = format!("the payment {receipt} went back to the customer on {}", it.at.to_seed());
                warnings.push(Warning::new("reversed", text));
            }
            _ => {}
        }
    }
    warnings
}

fn named(sale: &Cited, letters: &BTreeMap<Actor, String>) -> String {
    reference(sale.id, letters)
}
