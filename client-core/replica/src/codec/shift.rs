//! The report of a closed shift as bytes, within form 3 of a fact.

use super::{CodecError, NameForm, money, signed_money};
use domain::{Closing, Drawer, FactId, Report, Span, Takings, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
pub(super) struct ClosingForm {
    number: u64,
    opened: Option<i64>,
    spans: Vec<(NameForm, u64)>,
    drawer: [i64; 5],
    takings: TakingsForm,
    late: Vec<(u64, TakingsForm)>,
    unsent: u64,
    counted: i64,
}

/// Sales, total, cash, verified, claimed, contradicted, open, over, voids, voided.
type TakingsForm = [i64; 10];

fn takings_form(it: &Takings) -> TakingsForm {
    let Takings { sales, total, cash, verified, claimed, contradicted, open, over, voids, voided } = *it;
    let [total, cash, verified, claimed, contradicted, open, over, voided] =
        [total, cash, verified, claimed, contradicted, open, over, voided].map(|money| money.cents());
    [sales, total, cash, verified, claimed, contradicted, open, over, voids, voided]
}

fn takings(form: TakingsForm) -> Result<Takings, CodecError> {
    let [sales, total, cash, verified, claimed, contradicted, open, over, voids, voided] = form;
    Ok(Takings {
        sales,
        total: signed_money(total)?,
        cash: signed_money(cash)?,
        verified: signed_money(verified)?,
        claimed: signed_money(claimed)?,
        contradicted: signed_money(contradicted)?,
        open: signed_money(open)?,
        over: signed_money(over)?,
        voids,
        voided: signed_money(voided)?,
    })
}

impl From<&Closing> for ClosingForm {
    fn from(Closing { report, counted }: &Closing) -> Self {
        let span = |span: &Span| (FactId { actor: span.actor, number: span.upto }.into(), span.after);
        let Drawer { float, sales, paid_in, paid_out, refunds } = report.drawer;
        Self {
            number: report.number,
            opened: report.opened.map(Timestamp::millis),
            spans: report.spans.iter().map(span).collect(),
            drawer: [float, sales, paid_in, paid_out, refunds].map(|money| money.cents()),
            takings: takings_form(&report.takings),
            late: report.late.iter().map(|(number, it)| (*number, takings_form(it))).collect(),
            unsent: report.unsent,
            counted: counted.cents(),
        }
    }
}

impl TryFrom<ClosingForm> for Closing {
    type Error = CodecError;
    fn try_from(form: ClosingForm) -> Result<Self, CodecError> {
        let span = |(name, after): (NameForm, u64)| {
            let FactId { actor, number } = name.into();
            Span { actor, after, upto: number }
        };
        let opened =
            form.opened.map(Timestamp::from_millis).transpose().map_err(|_| CodecError::Unreadable)?;
        let [float, sales, paid_in, paid_out, refunds] = form.drawer;
        let drawer = Drawer {
            float: money(float)?,
            sales: money(sales)?,
            paid_in: money(paid_in)?,
            paid_out: money(paid_out)?,
            refunds: money(refunds)?,
        };
        let many = form.late.len();
        let late = form.late.into_iter().map(|(number, it)| Ok((number, takings(it)?)));
        let late = late.collect::<Result<BTreeMap<_, _>, CodecError>>()?;
        if late.len() != many {
            return Err(CodecError::Unreadable);
        }
        let report = Report {
            number: form.number,
            opened,
            spans: form.spans.into_iter().map(span).collect(),
            drawer,
            takings: takings(form.takings)?,
            late,
            unsent: form.unsent,
        };
        let report = report.checked().map_err(|_| CodecError::Unreadable)?;
        Ok(Self { report, counted: money(form.counted)? })
    }
}
