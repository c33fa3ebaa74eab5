//! The report of a closed shift as bytes, within form 3 of a fact.

use super::{CodecError, NameForm, money, signed_money};
use domain::{Closing, Drawer, FactId, Money, Report, Span, Takings, Timestamp};
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

/// Sales, total, cash, verified, claimed, contradicted, open, over, voids, voided, discounts, returned, tips, rounding.
type TakingsForm = [i64; 14];

fn takings_form(it: &Takings) -> TakingsForm {
    let money = [
        it.total,
        it.cash,
        it.verified,
        it.claimed,
        it.contradicted,
        it.open,
        it.over,
        it.voided,
        it.discounts,
        it.returned,
        it.tips,
        it.rounding,
    ];
    let [total, cash, verified, claimed, contradicted, open, over, voided, rest @ ..] =
        money.map(Money::cents);
    let [discounts, returned, tips, rounding] = rest;
    let (sales, voids) = (it.sales, it.voids);
    [
        sales,
        total,
        cash,
        verified,
        claimed,
        contradicted,
        open,
        over,
        voids,
        voided,
        discounts,
        returned,
        tips,
        rounding,
    ]
}

fn takings(form: TakingsForm) -> Result<Takings, CodecError> {
    let [sales, total, cash, verified, claimed, contradicted, open, over, voids, voided, rest @ ..] = form;
    let [discounts, returned, tips, rounding] = rest;
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
        discounts: signed_money(discounts)?,
        returned: signed_money(returned)?,
        tips: signed_money(tips)?,
        rounding: signed_money(rounding)?,
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
