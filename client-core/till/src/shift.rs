//! Shifts at a till: opening the drawer, cash in and out, money back, the X report, and closing with a Z report
//! that never changes. All of it works without a line.

use crate::rules::rules_of;
use crate::{Till, TillError, asked_before, reason_of};
use domain::shift::{late, told};
use domain::verified::silent_before;
use domain::{
    Actor, BusinessDay, Closing, Drawer, Entry, FactBody, FactId, Money, Person, Report, ShopId, Span,
    Takings, TillId, Timestamp,
};
use ledger::{DrawerKind, LedgerError, Reader};
use replica::day_book;
use std::collections::BTreeMap;

/// How far back a report looks for what became known of earlier shifts. Safaricom reverses within days.
const LATE_DAYS: i64 = 90;

/// A shift that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The fact.
    pub id: FactId,
    /// When.
    pub at: Timestamp,
    /// Who closed it.
    pub by: Person,
    /// Its report and what was counted.
    pub closing: Closing,
    /// Stands for the report and everything its till wrote before it, as 64 hex digits.
    pub seal: String,
}

impl Till {
    /// Opens this till's drawer for a shift. A `request` key makes the call repeatable, here as below.
    ///
    /// # Errors
    /// It is open, this is head office, or nothing was recorded.
    pub fn open_shift(
        &self,
        float: Money,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<FactId, TillError> {
        let shop = self.drawer_shop()?;
        let mut ledger = self.ledger();
        if let Some(made) =
            asked_before(&ledger, (shop, request), |body| matches!(body, FactBody::ShiftOpened { .. }))?
        {
            return Ok(made);
        }
        if opened(&ledger, shop, &spans(&ledger, shop)?)?.is_some() {
            return Err(TillError::Refused("this drawer is open: close its shift first".to_owned()));
        }
        Ok(self.write(&mut ledger, shop, (by, now), FactBody::ShiftOpened { float }, request)?.0)
    }

    /// Records that cash was put into this till's drawer, or taken out of it where the amount is below nothing.
    ///
    /// # Errors
    /// No amount, no reason, this is head office, or nothing was recorded.
    pub fn move_cash(
        &self,
        amount: Money,
        reason: &str,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<FactId, TillError> {
        let (shop, reason) = (self.drawer_shop()?, reason_of(reason)?);
        if amount == Money::ZERO {
            return Err(TillError::Refused("say how much was put in or taken out".to_owned()));
        }
        let mut ledger = self.ledger();
        let moved = FactBody::CashMoved { amount, reason };
        if let Some(made) = asked_before(&ledger, (shop, request), |body| *body == moved)? {
            return Ok(made);
        }
        Ok(self.write(&mut ledger, shop, (by, now), moved, request)?.0)
    }

    /// The X report: what is known of the shift that goes on at this till.
    ///
    /// # Errors
    /// This is head office, or the ledger can not be read.
    pub fn shift(&self, now: Timestamp) -> Result<Report, TillError> {
        let (shop, now) = (self.drawer_shop()?, self.corrected(now));
        self.beside(|ledger| report(ledger, shop, earlier(ledger, shop, now)?))
    }

    /// When this till's drawer was opened for the shift that goes on; `None` if nobody said so.
    ///
    /// # Errors
    /// This is head office, or the ledger can not be read.
    pub fn shift_opened(&self) -> Result<Option<Timestamp>, TillError> {
        let shop = self.drawer_shop()?;
        self.beside(|ledger| opened(ledger, shop, &spans(ledger, shop)?))
    }

    /// Closes the shift of this till with what somebody counted, and gives its Z report.
    ///
    /// # Errors
    /// There is nothing to close, what was closed is not known here yet, this is head office, or nothing was
    /// recorded.
    pub fn close_shift(
        &self,
        counted: Money,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<Closed, TillError> {
        let (shop, at) = (self.drawer_shop()?, self.corrected(now));
        // What became known of earlier shifts takes long to add up; nobody waits for it. What comes meanwhile stands
        // in the next report.
        let earlier = self.beside(|ledger| earlier(ledger, shop, at))?;
        let mut ledger = self.ledger();
        let same = |body: &FactBody| matches!(body, FactBody::ShiftClosed(it) if it.counted == counted);
        let id = match asked_before(&ledger, (shop, request), same)? {
            Some(made) => made,
            None => {
                let report = to_close(&ledger, shop, earlier)?;
                let closing = FactBody::ShiftClosed(Box::new(Closing { report, counted }));
                self.write(&mut ledger, shop, (by, now), closing, request)?.0
            }
        };
        closed(&ledger.entry(shop, id)?).ok_or(TillError::Unreadable)
    }

    /// The shifts of a shop's tills that were closed, newest first.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn closings(&self, shop: &ShopId, limit: u32) -> Result<Vec<Closed>, TillError> {
        let entries = self.read(|ledger| ledger.closings(shop, limit))?;
        Ok(entries.iter().filter_map(closed).collect())
    }

    /// What each till of a shop sold on a day and what went through its drawer, as far as is known now: with all
    /// that became of those sales since. A till's lives are one till.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn day_report(
        &self,
        shop: &ShopId,
        day: BusinessDay,
        now: Timestamp,
    ) -> Result<BTreeMap<TillId, (Takings, Drawer)>, TillError> {
        self.beside(|ledger| {
            let silent = silent(ledger, shop, self.corrected(now))?;
            let mut tills: BTreeMap<TillId, (Takings, Drawer)> = BTreeMap::new();
            for span in ledger.spans_of_day(shop, day)? {
                let (takings, drawer) = tills.entry(span.actor.till).or_default();
                *takings = *takings + ledger.takings(shop, span, silent)?;
                *drawer = *drawer + ledger.drawer(shop, span)?;
            }
            Ok(tills)
        })
    }

    pub(crate) fn drawer_shop(&self) -> Result<&ShopId, TillError> {
        let no_till = || TillError::Refused("head office has no drawer: use a till".to_owned());
        self.home.as_ref().ok_or_else(no_till)
    }
}

/// What this till wrote since its last closing, a life that ended with a restored backup included: nobody else
/// will close that.
pub(crate) fn spans(ledger: &Reader, shop: &ShopId) -> Result<Vec<Span>, TillError> {
    let (vector, lives) = (ledger.vector(shop)?, lives(ledger, shop)?);
    let mut spans = Vec::new();
    for actor in &lives {
        let actor = *actor;
        let (_, after) = ledger.last_closing(shop, actor)?;
        let upto = vector.get(&actor).copied().unwrap_or(0);
        spans.extend((after < upto).then_some(Span { actor, after, upto }));
        if after > 0 {
            break;
        }
    }
    // Where nobody ever closed a shift, shifts begin when a drawer is opened first. A life that another became has
    // written before, and opens nothing first.
    if let ([Actor { incarnation: 0, .. }], [only @ Span { after: 0, .. }]) = (&lives[..], &mut spans[..]) {
        let rows = ledger.drawer_rows(shop, *only)?;
        let first = rows.iter().find(|row| row.kind == DrawerKind::Opened);
        only.after = first.map_or(0, |row| row.id.number.saturating_sub(1));
    }
    spans.reverse();
    Ok(spans)
}

/// This till's present life, and those before it that ended with a restored backup.
pub(crate) fn lives(ledger: &Reader, shop: &ShopId) -> Result<Vec<Actor>, LedgerError> {
    let own = ledger.writer(shop)?;
    Ok([own].into_iter().chain(ledger.restored_from(shop, own)?).collect())
}

fn opened(ledger: &Reader, shop: &ShopId, spans: &[Span]) -> Result<Option<Timestamp>, TillError> {
    for span in spans {
        let rows = ledger.drawer_rows(shop, *span)?;
        if let Some(row) = rows.iter().find(|row| row.kind == DrawerKind::Opened) {
            return Ok(Some(row.at));
        }
    }
    Ok(None)
}

/// The report of a shift that may be closed now.
fn to_close(ledger: &Reader, shop: &ShopId, earlier: Earlier) -> Result<Report, TillError> {
    let refused = |why: &str| Err(TillError::Refused(why.to_owned()));
    if ledger.doubt(shop)?.is_some() {
        return refused(
            "this ledger was restored or copied, and what was closed since is not known here: let this till reach \
             the cloud once, then close",
        );
    }
    if number_of_next(ledger, shop)? != earlier.number {
        return refused("somebody closed this shift just now");
    }
    let report = report(ledger, shop, earlier)?;
    if report.spans.is_empty() && report.late.is_empty() {
        return refused("nothing happened since the last shift was closed");
    }
    report.checked().map_err(|error| TillError::Refused(error.to_string()))
}

/// What the next report has to say of the shifts before it.
struct Earlier {
    /// The number of the next report.
    number: u64,
    late: BTreeMap<u64, Takings>,
    /// See [`silent_before`].
    silent: Option<Timestamp>,
}

/// Up to when a claim had to be made for a payment that is not here not to exist.
fn silent(ledger: &Reader, shop: &ShopId, now: Timestamp) -> Result<Option<Timestamp>, TillError> {
    Ok(silent_before(&rules_of(ledger, shop)?.0, ledger.pulled_until(shop)?, now))
}

fn number_of_next(ledger: &Reader, shop: &ShopId) -> Result<u64, TillError> {
    let mut number = 1_u64;
    for actor in lives(ledger, shop)? {
        number = number.saturating_add(ledger.last_closing(shop, actor)?.0);
    }
    Ok(number)
}

fn earlier(ledger: &Reader, shop: &ShopId, now: Timestamp) -> Result<Earlier, TillError> {
    let mut reports = Vec::new();
    let since = now.plus_millis(LATE_DAYS.saturating_mul(-86_400_000));
    for actor in lives(ledger, shop)? {
        let entries = ledger.closings_of(shop, actor, since)?;
        reports.extend(entries.iter().filter_map(closed).map(|closed| closed.closing.report));
    }
    let silent = silent(ledger, shop, now)?;
    let mut known = BTreeMap::new();
    for report in &reports {
        known.insert(report.number, takings(ledger, shop, &report.spans, silent)?);
    }
    Ok(Earlier { number: number_of_next(ledger, shop)?, late: late(&told(&reports), &known), silent })
}

fn report(ledger: &Reader, shop: &ShopId, earlier: Earlier) -> Result<Report, TillError> {
    let Earlier { number, late, silent } = earlier;
    let spans = spans(ledger, shop)?;
    let mut drawer = Drawer::default();
    for span in &spans {
        drawer = drawer + ledger.drawer(shop, *span)?;
    }
    Ok(Report {
        number,
        opened: opened(ledger, shop, &spans)?,
        takings: takings(ledger, shop, &spans, silent)?,
        spans,
        drawer,
        // What finds no room here stands in the next report.
        late: late.into_iter().take(Report::MAX_PARTS).collect(),
        unsent: ledger.waiting_to_send()?,
    })
}

fn takings(
    ledger: &Reader,
    shop: &ShopId,
    spans: &[Span],
    silent: Option<Timestamp>,
) -> Result<Takings, TillError> {
    let mut sum = Takings::default();
    for span in spans {
        sum = sum + ledger.takings(shop, *span, silent)?;
    }
    Ok(sum)
}

fn closed(entry: &Entry) -> Option<Closed> {
    let fact = day_book::fact(entry)?;
    match fact.body {
        FactBody::ShiftClosed(closing) => Some(Closed {
            id: fact.id,
            at: fact.at,
            by: fact.by,
            closing: *closing,
            seal: hex::encode(entry.chain),
        }),
        _ => None,
    }
}
