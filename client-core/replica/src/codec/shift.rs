//! The report of a closed shift as bytes, within form 3 of a fact.

use super::{CodecError, NameForm, money};
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
        total: summed(total)?,
        cash: summed(cash)?,
        verified: summed(verified)?,
        claimed: summed(claimed)?,
        contradicted: summed(contradicted)?,
        open: summed(open)?,
        over: summed(over)?,
        voids,
        voided: summed(voided)?,
        discounts: summed(discounts)?,
        returned: summed(returned)?,
        tips: summed(tips)?,
        rounding: summed(rounding)?,
    })
}

/// A sum of what anybody said: bounded far beyond what shops take, so that nobody who writes large amounts about
/// others' sales can make their reports unreadable.
fn summed(cents: i64) -> Result<Money, CodecError> {
    const MOST: i64 = 1_000_000_000_000_000_000;
    (-MOST..=MOST).contains(&cents).then_some(Money::from_cents(cents)).ok_or(CodecError::Unreadable)
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
            float: summed(float)?,
            sales: summed(sales)?,
            paid_in: summed(paid_in)?,
            paid_out: summed(paid_out)?,
            refunds: summed(refunds)?,
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
