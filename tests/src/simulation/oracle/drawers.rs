//! What is held against a till's drawer and its Z reports: each entry is in one of them at most, what went through the
//! drawer is what the facts say, and the documents of a till add up to what is known of its sales.

use super::Facts;
use super::books::Books;
use super::losses::{Loss, Violation};
use super::model::Oracle;
use super::receipts::cheaper;
use super::standing::Expected;
use super::view::View;
use domain::shift::{Drawer, Report, Span, Takings, told};
use domain::standing::SaleState;
use domain::{Fact, FactBody, Money, Tender, Timestamp};
use till::{Closed, TillError};

/// More than any run closes.
const ALL: u32 = 100_000;

/// The figures of a report that follow from where its sales stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Figures {
    sales: i64,
    total: Money,
    due: Money,
    over: Money,
    voids: i64,
    voided: Money,
    discounts: Money,
    returned: Money,
    tips: Money,
    rounding: Money,
}

/// What is known of a sale beside where it stands.
#[derive(Debug, Clone, Copy)]
struct Known {
    total: Money,
    owed: Money,
    discounts: Money,
    returned: Money,
    tips: Money,
    rounding: Money,
}

impl Figures {
    fn told(takings: &Takings) -> Self {
        let Takings { sales, total, claimed, contradicted, open, over, voids, voided, .. } = *takings;
        let Takings { discounts, returned, tips, rounding, .. } = *takings;
        let due = claimed + contradicted + open;
        Self { sales, total, due, over, voids, voided, discounts, returned, tips, rounding }
    }

    fn with(self, sale: &Expected, known: &Known) -> Self {
        let it = Self { over: self.over + sale.over, rounding: self.rounding + known.rounding, ..self };
        if sale.state == SaleState::Voided {
            return Self { voids: it.voids + 1, voided: it.voided + known.total, ..it };
        }
        Self {
            sales: it.sales + 1,
            total: it.total + known.owed,
            due: it.due + sale.due.min(known.owed),
            discounts: it.discounts + known.discounts,
            returned: it.returned + known.returned,
            tips: it.tips + known.tips,
            ..it
        }
    }
}

impl Oracle {
    /// Loss 3 at a till's drawer. What was closed by whoever lies is nobody's drawer.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn drawers_add_up(
        &self,
        view: &View<'_>,
        facts: &Facts,
        books: &Books,
        now: Timestamp,
    ) -> Result<Vec<Violation>, TillError> {
        let till = view.desk().till();
        let own = till.identity().actor;
        if view.desk().shop.is_none() || !view.is_whole() {
            return Ok(Vec::new());
        }
        let closings = till.closings(view.shop(), ALL)?;
        let x = till.shift(view.desk().clock.shows(now))?;
        let honest = |closed: &&Closed| !self.tried.contains(&closed.id);
        let reports: Vec<&Report> = closings.iter().filter(honest).map(|it| &it.closing.report).collect();
        let mut wrong = Vec::new();
        // Where a till was restored while a copy of its disk went on under its old name, either closes what both wrote
        // until then: neither can know of the other.
        let goes_on =
            |span: &Span| facts.all().any(|it| it.id.actor == span.actor && it.id.number > span.upto);
        let closed = closings.iter().filter(honest).flat_map(|it| {
            let foreign = |span: &&Span| span.actor != it.id.actor && goes_on(span);
            it.closing.report.spans.iter().filter(move |span| !foreign(span)).copied()
        });
        let mut spans: Vec<Span> = closed.collect();
        spans.sort();
        for pair in spans.windows(2) {
            if pair[0].actor == pair[1].actor && pair[1].after < pair[0].upto {
                wrong.push(format!("{:?} and {:?} are in two reports", pair[0], pair[1]));
            }
        }
        for report in reports.iter().copied().chain([&x]) {
            let there = drawer(facts, &report.spans);
            if there != report.drawer {
                wrong.push(format!("report {}: {:?}; it should be {there:?}", report.number, report.drawer));
            }
        }
        // Whoever began another life goes on from reports of the one before; here are those who did not.
        if own.incarnation == 0 {
            let mine = closings.iter().filter(|closed| closed.id.actor == own);
            let mine: Vec<&Report> = mine.map(|closed| &closed.closing.report).collect();
            let told = told(mine.iter().copied().chain([&x]));
            for report in mine.into_iter().chain([&x]) {
                let (is, there) =
                    (Figures::told(&told[&report.number]), self.figures(facts, &report.spans, books));
                if is != there {
                    wrong.push(format!("shift {} was told as {is:?}; it is {there:?}", report.number));
                }
            }
        }
        Ok(wrong.into_iter().map(|what| view.says(Loss::Money, what)).collect())
    }

    fn figures(&self, facts: &Facts, spans: &[Span], books: &Books) -> Figures {
        let sales = self.sales.iter().filter(|(id, _)| spans.iter().any(|span| span.holds(**id)));
        let sales = sales.filter(|(id, _)| facts.get(**id).is_some());
        sales.fold(Figures::default(), |sum, (id, made)| match self.expected(*id, books) {
            Some(stands) => {
                let (total, owed) = (made.sale.total, self.owed(*id));
                let (discounts, returned, tips) =
                    (cheaper(&made.sale), self.returned(*id), self.tips_of(*id));
                let rounding = self.rounding_of(*id);
                sum.with(&stands, &Known { total, owed, discounts, returned, tips, rounding })
            }
            None => sum,
        })
    }
}

/// Whether nobody took the same back before.
fn is_first(facts: &Facts, undone: &Fact) -> bool {
    let of = |fact: &Fact| match &fact.body {
        FactBody::Undone { sale, what, .. } => Some((facts.meant(*sale), facts.meant(*what))),
        _ => None,
    };
    let key = |fact: &Fact| (fact.at, fact.id.to_string());
    facts.all().all(|other| of(other) != of(undone) || key(other) >= key(undone))
}

/// What went through a drawer by the facts of these pieces of journals.
fn drawer(facts: &Facts, spans: &[Span]) -> Drawer {
    let mut sum = Drawer::default();
    for fact in facts.all().filter(|fact| spans.iter().any(|span| span.holds(fact.id))) {
        match &fact.body {
            FactBody::Sale(sale) if sale.tender == Tender::Cash => {
                sum.sales = sum.sales + sale.total + sale.rounding
            }
            FactBody::Cash { amount, rounding, .. } => sum.sales = sum.sales + *amount + *rounding,
            FactBody::Refund { amount, rounding, .. } => sum.refunds = sum.refunds + *amount + *rounding,
            // What was a mistake goes back into the drawer, or out of it again, in the shift that goes on.
            FactBody::Undone { sale, what, .. } if is_first(facts, fact) => {
                match facts.meant(*what).and_then(|what| facts.get(what)) {
                    Some(Fact { body: FactBody::Cash { sale: of, amount, rounding }, .. })
                        if facts.meant(*of) == facts.meant(*sale) =>
                    {
                        sum.sales = sum.sales - *amount - *rounding;
                    }
                    Some(Fact { body: FactBody::Refund { sale: of, amount, rounding, .. }, .. })
                        if facts.meant(*of) == facts.meant(*sale) =>
                    {
                        sum.refunds = sum.refunds - *amount - *rounding;
                    }
                    _ => {}
                }
            }
            FactBody::ShiftOpened { float } => sum.float = sum.float + *float,
            FactBody::CashMoved { amount, .. } if *amount > Money::ZERO => {
                sum.paid_in = sum.paid_in + *amount
            }
            FactBody::CashMoved { amount, .. } => sum.paid_out = sum.paid_out - *amount,
            _ => {}
        }
    }
    sum
}
