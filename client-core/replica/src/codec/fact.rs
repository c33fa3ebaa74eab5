//! A fact as bytes: forms 2 and 3, which are what this release writes, and the way in for form 1.
//!
//! Every new fact is written in form 2, also where form 1 could say it: one way of writing is one way to
//! test, and an absent clock, product or former name costs one byte. What follows from the rest is not
//! written: a line's amount, and the total of a sale that has lines.
//!
//! Form 3 is form 2 with more that can happen, and with the instant of what a fact refers to. Only that is
//! written in it, so that a till of an older release goes on reading everything else.

use super::sale::{
    DiscountForm, Goods, Priced, ReturnedForm, TenderForm, product, read_plain, read_priced, read_return,
};
use super::shift::ClosingForm;
use super::{CodecError, NameForm, above_nothing, fact_1, in_version, money, signed_money, whole};
use domain::sale::may_be_rounded_by;
use domain::{
    Actor, BusinessDay, Cited, Claim, Clock, Count, Counted, Fact, FactBody, FactId, How, Level, Money,
    Moved, Person, PhoneEnding, ProductId, ReceiptCode, Seen, StockError, StockMove, Timestamp, Why,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What this release writes wherever it can, and what it writes the rest in.
const VERSION: u8 = 2;
const LATEST: u8 = 3;

/// A fact's value: what does not stand in the key, which holds its name and its time.
#[derive(Serialize, Deserialize)]
pub(super) struct FactForm {
    pub(super) by: String,
    pub(super) clock: Option<ClockForm>,
    pub(super) formerly: Option<NameForm>,
    pub(super) body: BodyForm,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ClockForm {
    offset_millis: i64,
    uncertainty_millis: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) enum BodyForm {
    Sale {
        goods: Goods,
        tender: TenderForm,
        order: Option<String>,
    },
    Cash {
        sale: NameForm,
        amount: i64,
    },
    Claim {
        receipt: String,
        sale: NameForm,
        how: HowForm,
    },
    Release {
        claim: NameForm,
        reason: String,
    },
    Void {
        sale: NameForm,
        reason: String,
    },
    Stock {
        why: WhyForm,
        note: String,
        goods: Vec<MovedForm>,
    },
    // From here on form 3.
    Printed {
        sale: CitedForm,
    },
    Count {
        note: String,
        goods: Vec<CountedForm>,
        seen: Vec<NameForm>,
        replaces: Vec<CitedForm>,
    },
    CashFor {
        sale: CitedForm,
        amount: i64,
    },
    ClaimFor {
        receipt: String,
        sale: CitedForm,
        how: HowForm,
    },
    ReleaseOf {
        claim: CitedForm,
        reason: String,
    },
    VoidOf {
        sale: CitedForm,
        reason: String,
    },
    Refund {
        sale: CitedForm,
        amount: i64,
        rounding: i64,
        reason: String,
    },
    ShiftOpened {
        float: i64,
    },
    CashMoved {
        amount: i64,
        reason: String,
    },
    ShiftClosed(ClosingForm),
    CashIn {
        sale: CitedForm,
        amount: i64,
        rounding: i64,
    },
    ClaimOf {
        receipt: String,
        sale: CitedForm,
        how: HowForm,
        part: Option<i64>,
        phone: Option<String>,
        approved: Option<String>,
        offline: bool,
    },
    SaleOf {
        goods: Priced,
        tender: TenderForm,
        order: Option<String>,
        discount: Option<DiscountForm>,
        rounding: i64,
    },
    Return {
        sale: CitedForm,
        goods: Vec<ReturnedForm>,
        restock: bool,
        reason: String,
    },
    Trusted {
        sale: CitedForm,
        reason: String,
        approved: Option<String>,
    },
    Tip {
        sale: CitedForm,
        amount: i64,
    },
    ReversalAsked {
        receipt: String,
        amount: i64,
        reason: String,
    },
    /// The last day within, as days since 1 January of the year 1.
    PeriodClosed {
        until: i32,
        reason: String,
    },
    Undone {
        sale: CitedForm,
        what: CitedForm,
        reason: String,
    },
}

impl BodyForm {
    /// The form in which this is said, and in no other: one fact has one way of writing it.
    const fn version(&self) -> u8 {
        match self {
            Self::Sale { .. }
            | Self::Cash { .. }
            | Self::Claim { .. }
            | Self::Release { .. }
            | Self::Void { .. }
            | Self::Stock { .. } => VERSION,
            _ => LATEST,
        }
    }
}

/// A name, and the instant in milliseconds where the writer's release gave one.
#[derive(Serialize, Deserialize)]
pub(super) struct CitedForm {
    name: NameForm,
    at: Option<i64>,
}

/// A product, what was counted of it, and by how much of that was known beyond what was seen; in thousandths.
#[derive(Serialize, Deserialize)]
pub(super) struct CountedForm {
    product: String,
    level: i64,
    beyond: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) enum HowForm {
    StkRequest,
    AccountReference,
    Typed,
    Picked,
    Automatic,
}

#[derive(Serialize, Deserialize)]
pub(super) enum WhyForm {
    Received,
    TransferredIn,
    TransferredOut,
    Counted,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MovedForm {
    product: String,
    change: i64,
    counted: Option<i64>,
}

/// The bytes of a fact's value.
pub(crate) fn encode_fact(fact: &Fact) -> Vec<u8> {
    let clock = fact
        .clock
        .map(|Clock { offset_millis, uncertainty_millis }| ClockForm { offset_millis, uncertainty_millis });
    let by = fact.by.as_str().to_owned();
    let form = FactForm { by, clock, formerly: fact.formerly.map(Into::into), body: (&fact.body).into() };
    in_version(form.body.version(), &form)
}

/// Reads the value of the fact that has this name and time; every rule of the domain is checked again.
pub(crate) fn decode_fact(id: FactId, at: Timestamp, bytes: &[u8]) -> Result<Fact, CodecError> {
    let form: FactForm = match bytes.split_first() {
        Some((1, body)) => whole::<fact_1::FactForm>(body)?.try_into()?,
        Some((version @ (&VERSION | &LATEST), body)) => {
            let form: FactForm = whole(body)?;
            if form.body.version() != *version {
                return Err(CodecError::Unreadable);
            }
            form
        }
        Some((&newer, _)) if newer > LATEST => return Err(CodecError::Newer(newer)),
        _ => return Err(CodecError::Unreadable),
    };
    let clock = form
        .clock
        .map(|ClockForm { offset_millis, uncertainty_millis }| Clock { offset_millis, uncertainty_millis });
    let (by, formerly) = (Person::named(&form.by), form.formerly.map(FactId::from));
    // Only what a till wrote itself it can have written again: else it could take others' sales over.
    if formerly.is_some_and(|former| former.actor.till != id.actor.till) {
        return Err(CodecError::Unreadable);
    }
    Ok(Fact { id, at, clock, formerly, by, body: form.body.try_into()? })
}

impl From<&FactBody> for BodyForm {
    fn from(body: &FactBody) -> Self {
        match body {
            FactBody::Sale(sale) => sale.into(),
            FactBody::Cash { sale, amount, rounding } => cash_form(sale, amount.cents(), rounding.cents()),
            FactBody::Claim(claim) => claim.into(),
            FactBody::Release { claim, reason } => release_form(claim, reason.clone()),
            FactBody::Void { sale, reason } => void_form(sale, reason.clone()),
            FactBody::Stock(stock) => Self::Stock {
                why: stock.why.into(),
                note: stock.note.clone(),
                goods: stock.goods.iter().map(Into::into).collect(),
            },
            FactBody::Printed { sale } => Self::Printed { sale: sale.into() },
            FactBody::Count(count) => count.into(),
            FactBody::Refund { sale, amount, rounding, reason } => {
                let (amount, rounding) = (amount.cents(), rounding.cents());
                Self::Refund { sale: sale.into(), amount, rounding, reason: reason.clone() }
            }
            FactBody::Return(back) => Self::Return {
                sale: (&back.sale).into(),
                goods: back.goods.iter().map(Into::into).collect(),
                restock: back.restock,
                reason: back.reason.clone(),
            },
            FactBody::Trusted { sale, reason, approved } => {
                let approved = approved.as_ref().map(|person| person.as_str().to_owned());
                Self::Trusted { sale: sale.into(), reason: reason.clone(), approved }
            }
            FactBody::Tip { sale, amount } => Self::Tip { sale: sale.into(), amount: amount.cents() },
            FactBody::ReversalAsked { receipt, amount, reason } => Self::ReversalAsked {
                receipt: receipt.as_str().to_owned(),
                amount: amount.cents(),
                reason: reason.clone(),
            },
            FactBody::PeriodClosed { until, reason } => {
                Self::PeriodClosed { until: until.number(), reason: reason.clone() }
            }
            FactBody::Undone { sale, what, reason } => {
                Self::Undone { sale: sale.into(), what: what.into(), reason: reason.clone() }
            }
            FactBody::ShiftOpened { float } => Self::ShiftOpened { float: float.cents() },
            FactBody::CashMoved { amount, reason } => {
                Self::CashMoved { amount: amount.cents(), reason: reason.clone() }
            }
            FactBody::ShiftClosed(closing) => Self::ShiftClosed((&**closing).into()),
        }
    }
}

/// In the older form, where that can say it; so below.
fn cash_form(sale: &Cited, amount: i64, rounding: i64) -> BodyForm {
    match (sale.at, rounding) {
        (Some(_), 0) => BodyForm::CashFor { sale: sale.into(), amount },
        (None, 0) => BodyForm::Cash { sale: sale.id.into(), amount },
        _ => BodyForm::CashIn { sale: sale.into(), amount, rounding },
    }
}

fn release_form(claim: &Cited, reason: String) -> BodyForm {
    match claim.at {
        Some(_) => BodyForm::ReleaseOf { claim: claim.into(), reason },
        None => BodyForm::Release { claim: claim.id.into(), reason },
    }
}

fn void_form(sale: &Cited, reason: String) -> BodyForm {
    match sale.at {
        Some(_) => BodyForm::VoidOf { sale: sale.into(), reason },
        None => BodyForm::Void { sale: sale.id.into(), reason },
    }
}

impl From<&Claim> for BodyForm {
    fn from(claim: &Claim) -> Self {
        let Claim { receipt, sale, how, part, phone, approved, offline } = claim;
        let (receipt, how) = (receipt.as_str().to_owned(), (*how).into());
        match (sale.at, part, phone, approved, offline) {
            (Some(_), None, None, None, false) => Self::ClaimFor { receipt, sale: sale.into(), how },
            (None, None, None, None, false) => Self::Claim { receipt, sale: sale.id.into(), how },
            _ => Self::ClaimOf {
                receipt,
                sale: sale.into(),
                how,
                part: part.map(Money::cents),
                phone: phone.map(|phone| phone.to_string()),
                approved: approved.as_ref().map(|person| person.as_str().to_owned()),
                offline: *offline,
            },
        }
    }
}

impl From<&Count> for BodyForm {
    fn from(count: &Count) -> Self {
        let good = |(id, counted): (&ProductId, &Counted)| CountedForm {
            product: id.as_str().to_owned(),
            level: counted.level.milli(),
            beyond: counted.beyond.milli(),
        };
        let name = |(actor, number): (&Actor, &u64)| FactId { actor: *actor, number: *number }.into();
        Self::Count {
            note: count.note().to_owned(),
            goods: count.goods().iter().map(good).collect(),
            seen: count.seen().iter().map(name).collect(),
            replaces: count.replaces().iter().map(Into::into).collect(),
        }
    }
}

impl From<&Cited> for CitedForm {
    fn from(cited: &Cited) -> Self {
        Self { name: cited.id.into(), at: cited.at.map(Timestamp::millis) }
    }
}

impl TryFrom<CitedForm> for Cited {
    type Error = CodecError;
    fn try_from(form: CitedForm) -> Result<Self, CodecError> {
        let at = form.at.map(Timestamp::from_millis).transpose().map_err(|_| CodecError::Unreadable)?;
        Ok(Self { id: form.name.into(), at })
    }
}

/// What this form is for: without an instant, form 2 says it, where it can be said.
fn of_instant(form: CitedForm) -> Result<Cited, CodecError> {
    Cited::try_from(form).and_then(|cited| cited.at.map(|_| cited).ok_or(CodecError::Unreadable))
}

impl TryFrom<BodyForm> for FactBody {
    type Error = CodecError;
    fn try_from(form: BodyForm) -> Result<Self, CodecError> {
        Ok(match form {
            BodyForm::Sale { goods, tender, order } => Self::Sale(read_plain(goods, tender, order)?),
            BodyForm::SaleOf { goods, tender, order, discount, rounding } => {
                Self::Sale(read_priced(goods, (tender, order), discount, rounding)?)
            }
            BodyForm::Cash { sale, amount } => cash(Cited::by_name(sale.into()), amount)?,
            BodyForm::CashFor { sale, amount } => cash(of_instant(sale)?, amount)?,
            BodyForm::CashIn { sale, amount, rounding } => cash_in(of_instant(sale)?, amount, rounding)?,
            BodyForm::Claim { receipt, sale, how } => claim(&receipt, Cited::by_name(sale.into()), how)?,
            BodyForm::ClaimFor { receipt, sale, how } => claim(&receipt, of_instant(sale)?, how)?,
            BodyForm::ClaimOf { receipt, sale, how, part, phone, approved, offline } => {
                let said = (phone.as_deref(), approved.as_deref(), offline);
                Self::Claim(claim_of((&receipt, sale, how), part, said)?)
            }
            BodyForm::Release { claim, reason } => {
                Self::Release { claim: Cited::by_name(claim.into()), reason }
            }
            BodyForm::ReleaseOf { claim, reason } => Self::Release { claim: of_instant(claim)?, reason },
            BodyForm::Void { sale, reason } => Self::Void { sale: Cited::by_name(sale.into()), reason },
            BodyForm::VoidOf { sale, reason } => Self::Void { sale: of_instant(sale)?, reason },
            BodyForm::Stock { why, note, goods } => {
                let goods = goods.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
                Self::Stock(StockMove::checked(why.into(), &note, goods)?)
            }
            BodyForm::Printed { sale } => Self::Printed { sale: of_instant(sale)? },
            BodyForm::Count { note, goods, seen, replaces } => {
                Self::Count(counted(&note, goods, seen, replaces)?)
            }
            BodyForm::Refund { sale, amount, rounding, reason } => {
                refund(of_instant(sale)?, amount, rounding, reason)?
            }
            BodyForm::Return { sale, goods, restock, reason } => {
                Self::Return(read_return(of_instant(sale)?, goods, restock, reason)?)
            }
            BodyForm::Trusted { sale, reason, approved } => Self::Trusted {
                sale: of_instant(sale)?,
                reason,
                approved: approved.as_deref().map(Person::named),
            },
            BodyForm::Tip { sale, amount } => {
                Self::Tip { sale: of_instant(sale)?, amount: above_nothing(amount)? }
            }
            BodyForm::ReversalAsked { receipt, amount, reason } => {
                Self::ReversalAsked { receipt: code(&receipt)?, amount: above_nothing(amount)?, reason }
            }
            BodyForm::PeriodClosed { until, reason } => {
                let until = BusinessDay::from_number(until).map_err(|_| CodecError::Unreadable)?;
                Self::PeriodClosed { until, reason }
            }
            BodyForm::Undone { sale, what, reason } => {
                Self::Undone { sale: of_instant(sale)?, what: of_instant(what)?, reason }
            }
            BodyForm::ShiftOpened { float } => Self::ShiftOpened { float: money(float)? },
            BodyForm::CashMoved { amount, reason } if amount != 0 => {
                Self::CashMoved { amount: signed_money(amount)?, reason }
            }
            BodyForm::CashMoved { .. } => return Err(CodecError::Unreadable),
            BodyForm::ShiftClosed(closing) => Self::ShiftClosed(Box::new(closing.try_into()?)),
        })
    }
}

fn cash(sale: Cited, amount: i64) -> Result<FactBody, CodecError> {
    Ok(FactBody::Cash { sale, amount: above_nothing(amount)?, rounding: Money::ZERO })
}

fn cash_in(sale: Cited, amount: i64, rounding: i64) -> Result<FactBody, CodecError> {
    let rounding = signed_money(rounding)?;
    if rounding == Money::ZERO || !may_be_rounded_by(rounding) {
        return Err(CodecError::Unreadable);
    }
    Ok(FactBody::Cash { sale, amount: above_nothing(amount)?, rounding })
}

fn refund(sale: Cited, amount: i64, rounding: i64, reason: String) -> Result<FactBody, CodecError> {
    let (amount, rounding) = (above_nothing(amount)?, signed_money(rounding)?);
    if !may_be_rounded_by(rounding) {
        return Err(CodecError::Unreadable);
    }
    Ok(FactBody::Refund { sale, amount, rounding, reason })
}

fn claim(receipt: &str, sale: Cited, how: HowForm) -> Result<FactBody, CodecError> {
    Ok(FactBody::Claim(Claim::new(code(receipt)?, sale, how.into())))
}

fn claim_of(
    (receipt, sale, how): (&str, CitedForm, HowForm),
    part: Option<i64>,
    (phone, approved, offline): (Option<&str>, Option<&str>, bool),
) -> Result<Claim, CodecError> {
    if part.is_none() && phone.is_none() && approved.is_none() && !offline {
        return Err(CodecError::Unreadable);
    }
    let phone = phone.map(PhoneEnding::parse).transpose().map_err(|_| CodecError::Unreadable)?;
    Ok(Claim {
        part: part.map(above_nothing).transpose()?,
        phone,
        approved: approved.map(Person::named),
        offline,
        ..Claim::new(code(receipt)?, of_instant(sale)?, how.into())
    })
}

fn code(receipt: &str) -> Result<ReceiptCode, CodecError> {
    ReceiptCode::parse(receipt).map_err(|_| CodecError::Unreadable)
}

impl From<&Moved> for MovedForm {
    fn from(moved: &Moved) -> Self {
        Self {
            product: moved.product.as_str().to_owned(),
            change: moved.change.milli(),
            counted: moved.counted.map(Level::milli),
        }
    }
}

impl TryFrom<MovedForm> for Moved {
    type Error = CodecError;
    fn try_from(form: MovedForm) -> Result<Self, CodecError> {
        let counted = form.counted.map(Level::from_milli).transpose()?;
        Ok(Self { product: product(&form.product)?, change: Level::from_milli(form.change)?, counted })
    }
}

/// Each product, each journal and each count once, in their order.
fn counted(
    note: &str,
    goods: Vec<CountedForm>,
    seen: Vec<NameForm>,
    replaces: Vec<CitedForm>,
) -> Result<Count, CodecError> {
    let many = (goods.len(), seen.len(), replaces.len());
    let good = |CountedForm { product: id, level, beyond }: CountedForm| {
        let (level, beyond) = (Level::from_milli(level)?, Level::from_milli(beyond)?);
        Ok((product(&id)?, Counted { level, beyond }))
    };
    let goods = goods.into_iter().map(good).collect::<Result<BTreeMap<_, _>, CodecError>>()?;
    let name = |name: NameForm| FactId::from(name);
    let seen: Seen = seen.into_iter().map(name).map(|name| (name.actor, name.number)).collect();
    let replaces = replaces.into_iter().map(of_instant).collect::<Result<BTreeSet<_>, _>>()?;
    if (goods.len(), seen.len(), replaces.len()) != many {
        return Err(CodecError::Unreadable);
    }
    Ok(Count::new(note, goods, seen, replaces)?)
}

impl From<StockError> for CodecError {
    fn from(_: StockError) -> Self {
        Self::Unreadable
    }
}

impl From<Why> for WhyForm {
    fn from(why: Why) -> Self {
        match why {
            Why::Received => Self::Received,
            Why::TransferredIn => Self::TransferredIn,
            Why::TransferredOut => Self::TransferredOut,
            Why::Counted => Self::Counted,
        }
    }
}

impl From<WhyForm> for Why {
    fn from(form: WhyForm) -> Self {
        match form {
            WhyForm::Received => Self::Received,
            WhyForm::TransferredIn => Self::TransferredIn,
            WhyForm::TransferredOut => Self::TransferredOut,
            WhyForm::Counted => Self::Counted,
        }
    }
}

impl From<How> for HowForm {
    fn from(how: How) -> Self {
        match how {
            How::StkRequest => Self::StkRequest,
            How::AccountReference => Self::AccountReference,
            How::Typed => Self::Typed,
            How::Picked => Self::Picked,
            How::Automatic => Self::Automatic,
        }
    }
}

impl From<HowForm> for How {
    fn from(form: HowForm) -> Self {
        match form {
            HowForm::StkRequest => Self::StkRequest,
            HowForm::AccountReference => Self::AccountReference,
            HowForm::Typed => Self::Typed,
            HowForm::Picked => Self::Picked,
            HowForm::Automatic => Self::Automatic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::versioned;
    use domain::{
        Closing, Discount, Drawer, Line, Quantity, Report, Return, Returned, Sale, Span, Takings, Tax, Tender,
    };
    use proptest::prelude::*;

    fn name() -> FactId {
        "7-42".parse().unwrap()
    }

    /// A fact as a release wrote it that knew of no clock.
    fn plain(body: FactBody) -> Fact {
        let at = Timestamp::parse_daraja("20261121080000").unwrap();
        Fact { id: name(), at, clock: None, formerly: None, by: Person::named("Asha"), body }
    }

    fn read(bytes: &[u8]) -> Result<Fact, CodecError> {
        decode_fact(name(), plain(sale()).at, bytes)
    }

    fn lines() -> Vec<Line> {
        vec![
            Line::new("Maize flour 2kg", Quantity::ONE, Money::from_cents(21_000)).unwrap(),
            Line::new("Sugar", Quantity::parse("0.5").unwrap(), Money::from_cents(19_000)).unwrap(),
        ]
    }

    fn sale() -> FactBody {
        let order = Some("ORDER-001".to_owned());
        FactBody::Sale(Sale::new(lines(), Money::from_cents(30_500), Tender::Mpesa, order).unwrap())
    }

    fn bare() -> FactBody {
        FactBody::Sale(Sale::new(vec![], Money::from_cents(48_700), Tender::Cash, None).unwrap())
    }

    fn named() -> Cited {
        Cited::by_name(name())
    }

    fn cited() -> Cited {
        Cited::new(name(), plain(sale()).at)
    }

    fn cash(sale: Cited, amount: i64, rounding: i64) -> FactBody {
        let (amount, rounding) = (Money::from_cents(amount), Money::from_cents(rounding));
        FactBody::Cash { sale, amount, rounding }
    }

    fn given_back(amount: i64, rounding: i64) -> FactBody {
        let (amount, rounding) = (Money::from_cents(amount), Money::from_cents(rounding));
        FactBody::Refund { sale: cited(), amount, rounding, reason: "slip".into() }
    }

    fn claim(sale: Cited) -> FactBody {
        let receipt = ReceiptCode::parse("UKL4AB12CD").unwrap();
        FactBody::Claim(Claim::new(receipt, sale, How::Picked))
    }

    fn closing() -> Closing {
        let kes = Money::from_cents;
        let takings = Takings {
            sales: 1,
            total: kes(5),
            cash: kes(1),
            verified: kes(1),
            claimed: kes(1),
            contradicted: kes(1),
            open: kes(1),
            over: kes(6),
            voids: 1,
            voided: kes(7),
            discounts: kes(9),
            returned: kes(10),
            tips: kes(11),
            rounding: kes(-12),
        };
        let late =
            Takings { sales: -1, total: kes(-1), cash: kes(-1), claimed: kes(-1), ..Takings::default() };
        let report = Report {
            number: 2,
            opened: cited().at,
            spans: vec![Span { actor: name().actor, after: 40, upto: 42 }],
            drawer: Drawer {
                float: kes(1000),
                sales: kes(1),
                paid_in: kes(2),
                paid_out: kes(3),
                refunds: kes(4),
            },
            takings,
            late: BTreeMap::from([(1, late)]),
            unsent: 3,
        };
        Closing { report, counted: kes(8) }
    }

    #[test]
    fn nobody_writes_again_what_another_till_wrote() {
        let again = |former: &str| Fact { formerly: Some(former.parse().unwrap()), ..plain(bare()) };
        assert_eq!(read(&encode_fact(&again("7.3-1"))), Ok(again("7.3-1")));
        assert_eq!(read(&encode_fact(&again("6-1"))), Err(CodecError::Unreadable));
    }

    #[test]
    fn a_report_whose_parts_do_not_add_up_is_unreadable() {
        let written = |closing| encode_fact(&plain(FactBody::ShiftClosed(Box::new(closing))));
        let mut wrong = closing();
        wrong.report.takings.cash = Money::from_cents(2);
        assert_eq!(read(&written(wrong)), Err(CodecError::Unreadable));
        let mut ahead = closing();
        ahead.report.late.insert(2, Takings::default());
        assert_eq!(read(&written(ahead)), Err(CodecError::Unreadable));
    }

    /// Frozen: what the first releases wrote must be readable for ever.
    #[test]
    fn facts_of_form_1_are_read_for_ever() {
        let cases = [
            (
                sale(),
                "01044173686100020f4d61697a6520666c6f757220326b67e80790c80290c802055375676172f403f0a802b89401c8dc030101094f524445522d303031",
            ),
            (cash(named(), 500, 0), "0104417368610107002ae807"),
            (claim(named()), "010441736861020a554b4c3441423132434407002a03"),
            (FactBody::Release { claim: named(), reason: "slip".into() }, "0104417368610307002a04736c6970"),
            (FactBody::Void { sale: named(), reason: "slip".into() }, "0104417368610407002a04736c6970"),
        ];
        for (body, golden) in cases {
            assert_eq!(read(&hex::decode(golden).unwrap()), Ok(plain(body)));
        }
    }

    /// Frozen as well. A changed form gets a new version.
    #[test]
    fn facts_of_form_2_keep_their_bytes() {
        let sugar = ProductId::parse("sugar").unwrap();
        let of_products = lines().into_iter().map(|line| line.of(sugar.clone())).collect();
        let total = Money::from_cents(30_500);
        let of_products = FactBody::Sale(Sale::new(of_products, total, Tender::Mpesa, None).unwrap());
        let ten = vec![(sugar.clone(), Quantity::parse("10").unwrap())];
        let moved = |why| FactBody::Stock(StockMove::moved(why, "Soko", ten.clone()).unwrap());
        let level = |milli| Level::from_milli(milli).unwrap();
        let counted = Moved { product: sugar.clone(), change: level(-2_500), counted: Some(level(7_000)) };
        let counted = FactBody::Stock(StockMove::checked(Why::Counted, "", vec![counted]).unwrap());
        let clock = Some(Clock { offset_millis: -7_200_000, uncertainty_millis: 180 });
        let cases = [
            (
                plain(sale()),
                "02044173686100000000020f4d61697a6520666c6f757220326b67e80790c80200055375676172f403f0a802000101094f524445522d303031",
            ),
            (
                plain(of_products),
                "02044173686100000000020f4d61697a6520666c6f757220326b67e80790c80201057375676172055375676172f403f0a802010573756761720100",
            ),
            (plain(bare()), "02044173686100000001f8f8050000"),
            (plain(cash(named(), 500, 0)), "02044173686100000107002ae807"),
            (plain(claim(named())), "0204417368610000020a554b4c3441423132434407002a03"),
            (
                plain(FactBody::Release { claim: named(), reason: "slip".into() }),
                "02044173686100000307002a04736c6970",
            ),
            (
                plain(FactBody::Void { sale: named(), reason: "slip".into() }),
                "02044173686100000407002a04736c6970",
            ),
            (plain(moved(Why::Received)), "0204417368610000050004536f6b6f01057375676172a09c0100"),
            (plain(moved(Why::TransferredIn)), "0204417368610000050104536f6b6f01057375676172a09c0100"),
            (plain(moved(Why::TransferredOut)), "0204417368610000050204536f6b6f010573756761729f9c0100"),
            (plain(counted), "020441736861000005030001057375676172872701b06d"),
            (Fact { clock, ..plain(bare()) }, "02044173686101fff3ee06b401000001f8f8050000"),
            (
                Fact { formerly: Some("7.1-9".parse().unwrap()), ..plain(bare()) },
                "02044173686100010701090001f8f8050000",
            ),
        ];
        for (fact, golden) in cases {
            let bytes = encode_fact(&fact);
            assert_eq!(hex::encode(&bytes), golden, "{fact:?}");
            assert_eq!(read(&bytes), Ok(fact));
        }
    }

    /// What only form 3 can say of sales, and of what became of them.
    fn said_of_sales() -> [FactBody; 12] {
        let off = |cents| Discount::new(Money::from_cents(cents), "dented").unwrap();
        let [flour, sugar] = <[Line; 2]>::try_from(lines()).unwrap();
        let flour = flour.taxed(Tax::new(1600, true).unwrap()).unwrap();
        let sugar = sugar.less(off(500)).unwrap();
        let cheaper = Sale::new(vec![flour, sugar], Money::from_cents(30_000), Tender::Cash, None).unwrap();
        let bare = Sale::new(vec![], Money::from_cents(4_763), Tender::Cash, None).unwrap();
        let receipt = ReceiptCode::parse("UKL4AB12CD").unwrap();
        let claim = Claim::new(receipt.clone(), cited(), How::Typed);
        let back = Returned {
            line: 1,
            quantity: Quantity::ONE,
            product: Some(ProductId::parse("sugar").unwrap()),
            amount: Money::from_cents(500),
        };
        let reason = || "stale".to_owned();
        [
            FactBody::Sale(cheaper.less(off(1_000)).unwrap()),
            FactBody::Sale(bare.clone().less(off(1_000)).unwrap()),
            FactBody::Sale(bare.rounded_to(Money::from_cents(100))),
            cash(cited(), 500, -12),
            FactBody::Claim(Claim {
                part: Some(Money::from_cents(500)),
                phone: Some(PhoneEnding::parse("678").unwrap()),
                approved: Some(Person::named("Mary")),
                ..claim.clone()
            }),
            FactBody::Claim(Claim { offline: true, ..claim }),
            FactBody::Return(Return { sale: cited(), goods: vec![back], restock: true, reason: reason() }),
            FactBody::Trusted { sale: cited(), reason: reason(), approved: Some(Person::named("Mary")) },
            FactBody::Tip { sale: cited(), amount: Money::from_cents(500) },
            FactBody::ReversalAsked { receipt, amount: Money::from_cents(500), reason: reason() },
            FactBody::PeriodClosed { until: cited().at.unwrap().business_day(), reason: reason() },
            FactBody::Undone { sale: cited(), what: cited(), reason: reason() },
        ]
    }

    /// Frozen as well.
    #[test]
    fn what_form_3_says_of_sales_keeps_its_bytes() {
        let golden = [
            "0304417368610000 12 00020f4d61697a6520666c6f757220326b67e80790c802000001c00c01055375676172f403f0a8020001e8070664656e74656400000001d00f0664656e74656400",
            "0304417368610000 12 01b64a 00 00 01 d00f 0664656e746564 00",
            "0304417368610000 12 01b64a 00 00 00 4a",
            "0304417368610000 10 07002a 01 8082cec7bf68 e807 17",
            "0304417368610000 11 0a554b4c34414231324344 07002a 01 8082cec7bf68 02 01e807 0103363738 01044d617279 00",
            "0304417368610000 11 0a554b4c34414231324344 07002a 01 8082cec7bf68 02 00 00 00 01",
            "0304417368610000 13 07002a 01 8082cec7bf68 01 01 e807 01057375676172 e807 01 057374616c65",
            "0304417368610000 14 07002a 01 8082cec7bf68 057374616c65 01044d617279",
            "0304417368610000 15 07002a 01 8082cec7bf68 e807",
            "0304417368610000 16 0a554b4c34414231324344 e807 057374616c65",
            "0304417368610000 17 caa95a 057374616c65",
            "0304417368610000 18 07002a 01 8082cec7bf68 07002a 01 8082cec7bf68 057374616c65",
        ];
        for (body, golden) in said_of_sales().into_iter().zip(golden) {
            let mut bytes = encode_fact(&plain(body.clone()));
            assert_eq!(hex::encode(&bytes), golden.replace(' ', ""), "{body:?}");
            assert_eq!(read(&bytes), Ok(plain(body)));
            bytes[0] = VERSION;
            assert_eq!(read(&bytes), Err(CodecError::Unreadable));
        }
    }

    #[test]
    fn what_an_older_form_can_say_is_not_said_in_a_newer_one() {
        let form =
            |body| in_version(LATEST, &FactForm { by: "Asha".into(), clock: None, formerly: None, body });
        let (tender, order, discount) = (TenderForm::Cash, None, None);
        let plain_sale = BodyForm::SaleOf { goods: Priced::Total(500), tender, order, discount, rounding: 0 };
        let sale = || (&cited()).into();
        let (receipt, how) = ("UKL4AB12CD".to_owned(), HowForm::Typed);
        let (part, phone, approved, offline) = (None, None, None, false);
        let plain_claim = BodyForm::ClaimOf { receipt, sale: sale(), how, part, phone, approved, offline };
        let no_goods = BodyForm::Return { sale: sale(), goods: vec![], restock: true, reason: String::new() };
        let far = BodyForm::CashIn { sale: sale(), amount: 500, rounding: 1_001 };
        let exact = BodyForm::CashIn { sale: sale(), amount: 500, rounding: 0 };
        for body in [plain_sale, plain_claim, no_goods, far, exact] {
            assert_eq!(read(&form(body)), Err(CodecError::Unreadable));
        }
    }

    /// Frozen as well.
    #[test]
    fn facts_of_form_3_keep_their_bytes_and_are_said_in_no_other_form() {
        let level = |milli| Level::from_milli(milli).unwrap();
        let goods = [("salt", 0, 0), ("sugar", 7_000, -500)];
        let goods = goods.map(|(id, milli, beyond)| {
            (ProductId::parse(id).unwrap(), Counted { level: level(milli), beyond: level(beyond) })
        });
        let seen = ["7-41", "7.1-3"].map(|name| name.parse::<FactId>().unwrap());
        let seen = seen.into_iter().map(|name| (name.actor, name.number)).collect();
        let replaces = BTreeSet::from([cited()]);
        let count = Count::new("Juma", goods.into_iter().collect(), seen, replaces).unwrap();
        let cases = [
            (FactBody::Printed { sale: cited() }, "0304417368610000 06 07002a 01 8082cec7bf68"),
            (
                FactBody::Count(count),
                "0304417368610000 07 044a756d61 02 0473616c74 00 00 057375676172 b06d e707 02 070029 070103 01 07002a 01 8082cec7bf68",
            ),
            (cash(cited(), 500, 0), "0304417368610000 08 07002a 01 8082cec7bf68 e807"),
            (claim(cited()), "0304417368610000 09 0a554b4c34414231324344 07002a 01 8082cec7bf68 03"),
            (
                FactBody::Release { claim: cited(), reason: "slip".into() },
                "0304417368610000 0a 07002a 01 8082cec7bf68 04736c6970",
            ),
            (
                FactBody::Void { sale: cited(), reason: "slip".into() },
                "0304417368610000 0b 07002a 01 8082cec7bf68 04736c6970",
            ),
            (given_back(500, -12), "0304417368610000 0c 07002a 01 8082cec7bf68 e807 17 04736c6970"),
            (FactBody::ShiftOpened { float: Money::from_cents(500) }, "0304417368610000 0d e807"),
            (
                FactBody::CashMoved { amount: Money::from_cents(-500), reason: "bank".into() },
                "0304417368610000 0e e707 0462616e6b",
            ),
            (
                FactBody::ShiftClosed(Box::new(closing())),
                "0304417368610000 0f 02 01 8082cec7bf68 01 07002a 28 d00f 02 04 06 08 02 0a 02 02 02 02 02 0c 02 0e 12 14 16 17 01 01 01 01 01 00 01 00 00 00 00 00 00 00 00 00 03 10",
            ),
        ];
        for (body, golden) in cases {
            let mut bytes = encode_fact(&plain(body.clone()));
            assert_eq!(hex::encode(&bytes), golden.replace(' ', ""), "{body:?}");
            assert_eq!(read(&bytes), Ok(plain(body)));
            bytes[0] = VERSION;
            assert_eq!(read(&bytes), Err(CodecError::Unreadable));
        }
        let mut older = encode_fact(&plain(claim(named())));
        older[0] = LATEST;
        assert_eq!(read(&older), Err(CodecError::Unreadable));
        let by_name = "0304417368610000 08 07002a 00 e807".replace(' ', "");
        assert_eq!(read(&hex::decode(by_name).unwrap()), Err(CodecError::Unreadable), "form 2 says that");
        for by_name in
            ["06 07002a 00", "0c 07002a 00 e807 00 04736c6970", "07 00 01 0473616c74 00 00 00 01 07002a 00"]
        {
            let by_name = format!("0304417368610000 {by_name}").replace(' ', "");
            assert_eq!(read(&hex::decode(by_name).unwrap()), Err(CodecError::Unreadable));
        }
    }

    #[test]
    fn a_fact_says_both_its_corrected_time_and_its_writers_own() {
        let clock = Clock { offset_millis: -7_200_000, uncertainty_millis: 180 };
        let fact = Fact { clock: Some(clock), ..plain(bare()) };
        assert_eq!(fact.own_time(), fact.at.plus_millis(7_200_000));
        assert_eq!(clock.correct(fact.own_time()), fact.at);
    }

    #[test]
    fn what_a_newer_release_wrote_says_so() {
        assert_eq!(read(&[4, 1, 2, 3]), Err(CodecError::Newer(4)));
        assert_eq!(read(&[]), Err(CodecError::Unreadable));
    }

    #[test]
    fn a_sale_of_form_1_whose_sum_was_tampered_with_is_unreadable() {
        let golden = "01044173686100020f4d61697a6520666c6f757220326b67e80790c80290c802055375676172f403f0a802b89401c8dc030101094f524445522d303031";
        let honest = hex::decode(golden).unwrap();
        for from_the_end in [14, 17] {
            let mut bytes = honest.clone();
            let amount = bytes.len() - from_the_end;
            bytes[amount] ^= 2;
            assert_eq!(read(&bytes), Err(CodecError::Unreadable));
        }
    }

    #[test]
    fn an_amount_beyond_counting_is_unreadable() {
        let form = |body| FactForm { by: "Asha".into(), clock: None, formerly: None, body };
        for amount in [i64::MAX, i64::MIN, -1, 0] {
            let old = fact_1::BodyForm::Cash { sale: name().into(), amount };
            let old = versioned(&fact_1::FactForm { by: "Asha".into(), body: old });
            assert_eq!(read(&old), Err(CodecError::Unreadable), "{amount}");
            let cash = form(BodyForm::Cash { sale: name().into(), amount });
            assert_eq!(read(&in_version(VERSION, &cash)), Err(CodecError::Unreadable), "{amount}");
            let cash = form(BodyForm::CashFor { sale: (&cited()).into(), amount });
            assert_eq!(read(&in_version(LATEST, &cash)), Err(CodecError::Unreadable), "{amount}");
            let (tender, order) = (TenderForm::Cash, None);
            let bare = form(BodyForm::Sale { goods: Goods::Total(amount), tender, order });
            assert_eq!(read(&in_version(VERSION, &bare)), Err(CodecError::Unreadable), "{amount}");
        }
        for change in [i64::MAX, i64::MIN, 0, -1] {
            let goods = vec![MovedForm { product: "sugar".into(), change, counted: None }];
            let stock = form(BodyForm::Stock { why: WhyForm::Received, note: String::new(), goods });
            assert_eq!(read(&in_version(VERSION, &stock)), Err(CodecError::Unreadable), "{change}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn damaged_facts_never_make_the_reader_panic(at in 0usize..80, with: u8) {
            let mut bytes = encode_fact(&plain(sale()));
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = read(&bytes);
        }
    }
}
