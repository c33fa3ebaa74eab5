//! What can come of a case.

use super::Fault;
use super::phrase::{gaps, said};
use super::play::{Play, told};
use crate::world::code;
use domain::standing::SaleState;
use domain::verified::Verification;
use domain::{Cited, How, Money, Person, Takings};
use till::{ClaimRow, Deed, PaymentRow};

type Outcome = fn(&Play, &str, &[&str]) -> Result<(), Fault>;

/// The phrases for what is so. `at B,` before one says where; else it is so wherever there is a line, in the end
/// everywhere.
pub(crate) const OUTCOMES: &[(&str, Outcome)] = &[
    ("{sale} is open", |play, at, gaps| state(play, at, gaps, SaleState::Open)),
    ("{sale} is claimed", |play, at, gaps| state(play, at, gaps, SaleState::Claimed)),
    ("{sale} is part paid", |play, at, gaps| state(play, at, gaps, SaleState::PartPaid)),
    ("{sale} is paid", |play, at, gaps| state(play, at, gaps, SaleState::Paid)),
    ("{sale} is cancelled", |play, at, gaps| state(play, at, gaps, SaleState::Voided)),
    ("{sale} is paid by itself, because nothing else fits", |play, at, gaps| {
        by_itself(play, at, gaps, How::Automatic)
    }),
    ("{sale} is paid by itself, because the customer named it", |play, at, gaps| {
        by_itself(play, at, gaps, How::AccountReference)
    }),
    ("{sale} is paid by itself, because its phone was asked", |play, at, gaps| {
        by_itself(play, at, gaps, How::StkRequest)
    }),
    ("{money} is due on {sale}", |play, at, gaps| figure(play, at, gaps, "due")),
    ("{money} is over on {sale}", |play, at, gaps| figure(play, at, gaps, "over")),
    ("{money} was paid for {sale}", |play, at, gaps| figure(play, at, gaps, "paid")),
    ("{money} is owed for {sale}", |play, at, gaps| figure(play, at, gaps, "owed")),
    ("{money} is the total of {sale}", |play, at, gaps| figure(play, at, gaps, "total")),
    ("{money} was taken off {sale}", |play, at, gaps| figure(play, at, gaps, "discount")),
    ("nothing is owed for {sale}", |play, at, gaps| figure(play, at, &["0", gaps[0]], "owed")),
    ("nothing is due on {sale}", |play, at, gaps| figure(play, at, &["0", gaps[0]], "due")),
    ("nothing is over on {sale}", |play, at, gaps| figure(play, at, &["0", gaps[0]], "over")),
    ("{code} is free", |play, at, gaps| {
        let payment = payment(play, at, gaps[0])?;
        same(payment.free, payment.amount)
    }),
    ("{money} of {code} is free", |play, at, gaps| same(payment(play, at, gaps[1])?.free, money(gaps[0])?)),
    ("nothing of {code} is free", |play, at, gaps| same(payment(play, at, gaps[0])?.free, Money::ZERO)),
    ("{code} is for {sale}", is_for),
    ("{money} of {code} is for {sale}", part_is_for),
    ("{code} is for {sale}, because it was claimed first", first),
    ("{code} is for {sale}, because its phone was asked", |play, at, gaps| {
        leads(play, at, gaps, How::StkRequest)
    }),
    ("{code} is for {sale}, because the customer named it", |play, at, gaps| {
        leads(play, at, gaps, How::AccountReference)
    }),
    ("{code} is for {sale}, because the code was typed", |play, at, gaps| leads(play, at, gaps, How::Typed)),
    ("{code} is for {sale}, because somebody picked it", |play, at, gaps| leads(play, at, gaps, How::Picked)),
    ("{code} was never seen", |play, at, gaps| {
        let seen = play.at(at)?.payment(&play.shop, &code(gaps[0])).map_err(told)?;
        same(seen.map(|it| it.receipt), None)
    }),
    ("{code} for {sale} is verified", |play, at, gaps| same(became(play, at, gaps)?.name(), "verified")),
    ("{code} for {sale} waits to be seen", |play, at, gaps| same(became(play, at, gaps)?.name(), "claimed")),
    ("{code} for {sale} is contradicted, because {said}", |play, at, gaps| {
        let why = became(play, at, gaps)?.why();
        let so = why.as_ref().is_some_and(|why| why.contains(said(gaps[2])));
        so.then_some(()).ok_or_else(|| format!("it is so because {why:?}"))
    }),
    ("{code} for {sale} was claimed with a line", |play, at, gaps| {
        same(claims(play, at, gaps[0], gaps[1])?[0].offline, false)
    }),
    ("{code} for {sale} was claimed without a line", |play, at, gaps| {
        same(claims(play, at, gaps[0], gaps[1])?[0].offline, true)
    }),
    ("{who} allowed {code} for {sale}", |play, at, gaps| {
        same(claims(play, at, gaps[1], gaps[2])?[0].approved.as_deref(), Some(gaps[0]))
    }),
    ("{sale} went out on trust", |play, at, gaps| same(play.sale(at, gaps[0])?.trusted, true)),
    ("{money} went out unseen in the shift of {till}", |play, at, gaps| {
        at_till(play, at, gaps[1], |till| same(till.unverified().map_err(told)?.shift, money(gaps[0])?))
    }),
    ("{money} went out unseen at {till}", |play, at, gaps| {
        at_till(play, at, gaps[1], |till| same(till.unverified().map_err(told)?.till, money(gaps[0])?))
    }),
    ("{code} went back", |play, at, gaps| same(payment(play, at, gaps[0])?.reversed, true)),
    ("{code} is confirmed", |play, at, gaps| same(payment(play, at, gaps[0])?.confirmed, true)),
    ("{code} is not confirmed", |play, at, gaps| same(payment(play, at, gaps[0])?.confirmed, false)),
    ("the messages about {code} disagree", |play, at, gaps| {
        same(payment(play, at, gaps[0])?.disagreements.is_empty(), false)
    }),
    ("{sale} shows a conflict", |play, at, gaps| same(play.sale(at, gaps[0])?.conflict, true)),
    ("{sale} shows no conflict", |play, at, gaps| same(play.sale(at, gaps[0])?.conflict, false)),
    ("{sale} shows that its money went back", |play, at, gaps| same(play.sale(at, gaps[0])?.reversed, true)),
    ("{code} is offered for {sale}", |play, at, gaps| offered(play, at, gaps).map(drop)),
    ("{code} is offered first for {sale}", |play, at, gaps| same(offered(play, at, gaps)?.0, 0)),
    ("{code} is offered for {sale} and says {said}", |play, at, gaps| {
        let (_, reasons) = offered(play, at, gaps)?;
        reasons
            .iter()
            .any(|it| it == said(gaps[2]))
            .then_some(())
            .ok_or_else(|| format!("it says {reasons:?}"))
    }),
    ("{code} is not offered for {sale}", |play, at, gaps| same(offered(play, at, gaps).is_err(), true)),
    ("{sale} is offered for {code}", |play, at, gaps| {
        let offered = play.at(at)?.sales_for(&play.shop, &code(gaps[1])).map_err(told)?;
        let sale = play.id(at, gaps[0])?;
        same(offered.iter().any(|(_, row)| row.id == sale), true)
    }),
    ("{sale} owes the same as {sale}", |play, at, gaps| {
        let others = play.at(at)?.same_total(&play.sale(at, gaps[0])?).map_err(told)?;
        let other = play.id(at, gaps[1])?;
        same(others.iter().any(|row| row.id == other), true)
    }),
    ("{sale} owes the same as no other", |play, at, gaps| {
        same(play.at(at)?.same_total(&play.sale(at, gaps[0])?).map_err(told)?, vec![])
    }),
    ("{said} shown for {sale} finds {code}", |play, at, gaps| {
        let found = shown(play, at, gaps)?.found;
        same(found.first().map(|(_, row)| row.receipt.clone()), Some(code(gaps[2])))
    }),
    ("{said} shown for {sale} finds nothing", |play, at, gaps| same(shown(play, at, gaps)?.found.len(), 0)),
    ("{said} shown for {sale} warns {said}", |play, at, gaps| {
        let warnings = shown(play, at, gaps)?.warnings;
        let warns = warnings.iter().any(|it| it.text.contains(said(gaps[2])));
        warns.then_some(()).ok_or_else(|| format!("it warns {warnings:?}"))
    }),
    ("{sale} is reconciled", |play, at, gaps| same(stages(play, at, gaps)?, None)),
    ("{sale} is not reconciled, because it is {word}", |play, at, gaps| {
        same(stages(play, at, gaps)?.as_deref(), Some(gaps[1]))
    }),
    ("the story of {sale} is {said}", |play, at, gaps| {
        let story = play.at(at)?.history_of_sale(play.id(at, gaps[0])?).map_err(told)?;
        let words: Vec<_> = story.iter().map(|it| word(&it.deed)).collect();
        same(words.join(", ").as_str(), said(gaps[1]))
    }),
    ("{money} should be in the drawer of {till}", |play, at, gaps| {
        at_till(play, at, gaps[1], |till| {
            let report = till.shift(play.now(at)).map_err(told)?;
            same(report.drawer.expected(), money(gaps[0])?)
        })
    }),
    ("the shift of {till} shows {list}", |play, at, gaps| {
        at_till(play, at, gaps[0], |till| takings(&till.shift(play.now(at)).map_err(told)?.takings, gaps[1]))
    }),
    ("report {n} of {till} shows {list}", |play, at, gaps| {
        takings(&report(play, at, gaps)?.report.takings, gaps[2])
    }),
    ("report {n} of {till} tells of shift {n} {list}", |play, at, gaps| {
        let shift: u64 = gaps[2].parse().map_err(told)?;
        let report = report(play, at, gaps)?.report;
        takings(
            report.late.get(&shift).ok_or_else(|| format!("it tells only of {:?}", report.late))?,
            gaps[3],
        )
    }),
    ("report {n} of {till} tells of no earlier shift", |play, at, gaps| {
        same(report(play, at, gaps)?.report.late, [].into())
    }),
    ("report {n} of {till} is {money} short", |play, at, gaps| {
        same(report(play, at, gaps)?.difference(), -money(gaps[2])?)
    }),
    ("report {n} of {till} is {money} over", |play, at, gaps| {
        same(report(play, at, gaps)?.difference(), money(gaps[2])?)
    }),
    ("report {n} of {till} is exact", |play, at, gaps| {
        same(report(play, at, gaps)?.difference(), Money::ZERO)
    }),
    ("report {n} of {till} says that {n} entries were not sent", |play, at, gaps| {
        same(report(play, at, gaps)?.report.unsent.to_string().as_str(), gaps[2])
    }),
    ("{money} of {sale} is tax at {n} %", |play, at, gaps| {
        let sold = play.at(at)?.sold(&play.sale(at, gaps[1])?).map_err(told)?;
        let rate: u16 = gaps[2].parse::<u16>().map_err(told)? * 100;
        same(sold.taxes().get(&rate).copied(), Some(money(gaps[0])?))
    }),
];

/// Whether a clause says that something is so, and is no step.
pub(crate) fn known(clause: &str) -> bool {
    let clause = gaps("at {place}, {list}", clause).map_or(clause, |gaps| gaps[1]);
    clause.starts_with("that is refused") || OUTCOMES.iter().any(|(phrase, _)| gaps(phrase, clause).is_some())
}

/// Looks whether something is so at a place.
pub(crate) fn check(play: &Play, at: &str, clause: &str) -> Result<(), Fault> {
    let mut fits = OUTCOMES.iter().filter_map(|(phrase, check)| Some((check, gaps(phrase, clause)?)));
    match fits.next() {
        Some((check, gaps)) => check(play, at, &gaps),
        None => Err("no phrase is like this: see tests/src/rules/outcomes.rs".to_owned()),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(is: T, told: T) -> Result<(), Fault> {
    if is == told { Ok(()) } else { Err(format!("it is {is:?}")) }
}

fn money(text: &str) -> Result<Money, Fault> {
    Money::parse(text).map_err(told)
}

fn state(play: &Play, at: &str, gaps: &[&str], state: SaleState) -> Result<(), Fault> {
    same(play.sale(at, gaps[0])?.state, state)
}

/// A till claimed a payment for the sale that is paid, and no person did anything.
fn by_itself(play: &Play, at: &str, gaps: &[&str], how: How) -> Result<(), Fault> {
    state(play, at, gaps, SaleState::Paid)?;
    let claims = play.at(at)?.claims(play.id(at, gaps[0])?).map_err(told)?;
    let told: Vec<_> = claims.iter().map(|it| (it.how, it.by.as_str())).collect();
    same(told, vec![(how, Person::leja().as_str())])
}

fn figure(play: &Play, at: &str, gaps: &[&str], which: &str) -> Result<(), Fault> {
    let row = play.sale(at, gaps[1])?;
    let figures = [
        ("due", row.due),
        ("over", row.over),
        ("paid", row.paid),
        ("owed", row.owed),
        ("total", row.total),
        ("discount", row.discount),
    ];
    let found = figures.iter().find(|(name, _)| *name == which).ok_or("no such figure")?;
    same(found.1, money(gaps[0])?)
}

fn payment(play: &Play, at: &str, receipt: &str) -> Result<PaymentRow, Fault> {
    let found = play.at(at)?.payment(&play.shop, &code(receipt)).map_err(told)?;
    found.ok_or_else(|| "nobody saw this payment".to_owned())
}

/// The claims that are made on a payment for a sale.
fn claims(play: &Play, at: &str, receipt: &str, sale: &str) -> Result<Vec<ClaimRow>, Fault> {
    let mut claims = play.at(at)?.claims(play.id(at, sale)?).map_err(told)?;
    claims.retain(|claim| claim.receipt == code(receipt));
    if claims.is_empty() { Err(format!("{sale} does not claim it")) } else { Ok(claims) }
}

/// What became of what was claimed.
fn became(play: &Play, at: &str, gaps: &[&str]) -> Result<Verification, Fault> {
    let (claims, row) = (claims(play, at, gaps[0], gaps[1])?, play.sale(at, gaps[1])?);
    let mut found = play.at(at)?.verifications(&row, &claims, play.now(at)).map_err(told)?;
    found.pop().ok_or_else(|| "nothing became of it".to_owned())
}

fn is_for(play: &Play, at: &str, gaps: &[&str]) -> Result<(), Fault> {
    let holder = play.at(at)?.holder(&play.shop, &code(gaps[0])).map_err(told)?;
    same(holder, Some(Cited::by_name(play.id(at, gaps[1])?)))
}

fn part_is_for(play: &Play, at: &str, gaps: &[&str]) -> Result<(), Fault> {
    let claims = claims(play, at, gaps[1], gaps[2])?;
    same(claims[0].share, Some(money(gaps[0])?))
}

fn leads(play: &Play, at: &str, gaps: &[&str], how: How) -> Result<(), Fault> {
    is_for(play, at, gaps)?;
    let claims = claims(play, at, gaps[0], gaps[1])?;
    same(claims.iter().map(|it| it.how).min(), Some(how))
}

fn first(play: &Play, at: &str, gaps: &[&str]) -> Result<(), Fault> {
    is_for(play, at, gaps)?;
    let own = claims(play, at, gaps[0], gaps[1])?;
    let rest = play.sales.keys().filter(|sale| *sale != gaps[1]);
    let others: Vec<ClaimRow> =
        rest.filter_map(|sale| claims(play, at, gaps[0], sale).ok()).flatten().collect();
    let earliest = others.iter().all(|other| own[0].at <= other.at && own[0].how == other.how);
    same(!others.is_empty() && earliest, true)
}

/// Where among those offered for a sale a payment stands, and what is said of it.
fn offered(play: &Play, at: &str, gaps: &[&str]) -> Result<(usize, Vec<String>), Fault> {
    let offered = play.at(at)?.candidates(play.id(at, gaps[1])?).map_err(told)?;
    let place = offered.iter().position(|(it, _)| it.receipt == code(gaps[0]));
    let place = place.ok_or_else(|| format!("{} others are offered", offered.len()))?;
    Ok((place, offered[place].0.reasons()))
}

/// What a cashier hears of what a customer shows.
fn shown(play: &Play, at: &str, gaps: &[&str]) -> Result<till::Shown, Fault> {
    play.at(at)?.look_at(play.id(at, gaps[1])?, said(gaps[0]), play.now(at)).map_err(told)
}

/// Why a sale is not reconciled, if it is not.
fn stages(play: &Play, at: &str, gaps: &[&str]) -> Result<Option<String>, Fault> {
    let (till, row) = (play.at(at)?, play.sale(at, gaps[0])?);
    let stages = till.stages(&row, &till.claims(row.id).map_err(told)?).map_err(told)?;
    let why = stages.unsettled.map(|why| why.name().to_owned());
    Ok(why.or_else(|| (!stages.reconciled).then(|| "not at head office".to_owned())))
}

/// What a deed is called in a story.
fn word(deed: &Deed) -> &'static str {
    match deed {
        Deed::Sold(_) => "sold",
        Deed::FormerlyCalled(_) => "called otherwise",
        Deed::CashTaken(_) => "cash taken",
        Deed::GivenBack(..) => "cash given back",
        Deed::CameBack(..) => "goods came back",
        Deed::Tipped(_) => "tip left",
        Deed::Undone { .. } => "taken back",
        Deed::Trusted { .. } => "trusted",
        Deed::Printed => "printed",
        Deed::Cancelled(_) => "cancelled",
        Deed::RequestEnded { .. } => "not paid on the phone",
        Deed::Received { .. } => "seen",
        Deed::AskedBack { .. } => "asked back",
        Deed::Reversed { .. } => "went back",
        Deed::Retracted { .. } => "retracted",
        Deed::Claimed { .. } => "claimed",
        Deed::Released { .. } => "released",
    }
}

/// Only the till itself knows of a shift that goes on.
fn at_till(
    play: &Play,
    at: &str,
    till: &str,
    look: impl Fn(&crate::world::Replica) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if at == till { look(play.at(till)?) } else { Ok(()) }
}

/// A report of a till, once it was closed.
fn report(play: &Play, at: &str, gaps: &[&str]) -> Result<domain::Closing, Fault> {
    let (number, letter): (u64, &str) = (gaps[0].parse().map_err(told)?, gaps[1]);
    let till = play.at(letter)?.identity().actor.till;
    let closings = play.at(at)?.closings(&play.shop, 99).map_err(told)?.into_iter();
    let mut found = closings.filter(|it| it.id.actor.till == till && it.closing.report.number == number);
    found.next().map(|it| it.closing).ok_or_else(|| "there is no such report".to_owned())
}

/// `500 in cash and 20 over`; `200 verified and 200 less claimed`. What is not named is not looked at.
fn takings(takings: &Takings, told: &str) -> Result<(), Fault> {
    let count = |count: i64| Money::from_cents(count * 100);
    let figures = [
        ("sold", takings.total),
        ("in cash", takings.cash),
        ("verified", takings.verified),
        ("claimed", takings.claimed),
        ("contradicted", takings.contradicted),
        ("open", takings.open),
        ("over", takings.over),
        ("cancelled", takings.voided),
        ("discounted", takings.discounts),
        ("returned", takings.returned),
        ("tipped", takings.tips),
        ("rounded up", takings.rounding),
        ("sales", count(takings.sales)),
    ];
    for part in told.split(" and ") {
        let (amount, name) = part.split_once(' ').ok_or("say how much of what")?;
        let (sign, name) = name.strip_prefix("less ").map_or((1, name), |name| (-1, name));
        let figure = figures.iter().find(|(figure, _)| *figure == name);
        let (_, is) = figure.ok_or_else(|| format!("a report has no {name}"))?;
        let wanted = Money::from_cents(money(amount)?.cents() * sign);
        if *is != wanted {
            return Err(format!("{name} is {is:?}"));
        }
    }
    Ok(())
}
