//! One shop's part of a sweep: what the feed and the balances say is missing, and everything that was paid since
//! the last time, pulled and filed.

use crate::chain::{Gap, Point};
use crate::filing::{Filed, keep};
use crate::safaricom::{Safaricom, SafaricomError};
use crate::side_by_side::Heard;
use crate::standing::{KeptRows, NOTE, Standing};
use crate::store::{Filing, RawCallback};
use crate::sweep::{Pulled, Sweep};
use crate::{Fallback, Store, StoreError, history, licence};
use daraja::outbound::{PullAnswer, PullQuery};
use daraja::{ListedTime, PullPage, PulledPayment, PulledRow, RowKind, Zone, read_pull_page};
use domain::{Evidence, FeedItem, Payer, Shop, Source, Timestamp};

/// How far back Safaricom tells of payments (fact sheet §1.7), less a little for the way there.
const REACH_MILLIS: i64 = 48 * 3_600_000 - 60_000;
/// How much of what was pulled before is pulled again: payments show up late.
const OVERLAP_MILLIS: i64 = 3_600_000;
/// The most pages of one window; at a hundred rows each, more than any shop sells in two days.
const MAX_PAGES: u32 = 1000;
/// The most digits of a number at Safaricom (fact sheet §1.3). With more it is a test's, such as that of
/// `infra/aws/deploy`: about it nobody is asked.
const MAX_DIGITS: usize = 9;
/// The most confirmations looked up in one window only to see whether the remembered zone still holds.
const MAX_DOUBTS: usize = 25;

/// One shop in one run.
struct Visit<'a> {
    shop: &'a Shop,
    now: Timestamp,
    standing: Standing,
    /// The note as it was read.
    note: Vec<u8>,
    /// Since when the chain of balances is looked at in this run.
    since: Timestamp,
    /// The chain since then, once it was read.
    points: Option<Vec<Point>>,
    /// Rows that came in this run, will come again with the next, and are kept.
    kept_rows: KeptRows,
    pulled: Pulled,
    failures: Vec<SweepError>,
}

/// What was read of a feed.
#[derive(Default)]
struct Feed {
    points: Vec<Point>,
    cursor: Vec<u8>,
    /// There was something.
    heard: bool,
    /// The cursor was of another history.
    restarted: bool,
}

/// What became of one shop's part.
pub(crate) struct ShopSwept {
    /// What was pulled; nothing if it could not begin.
    pub(crate) pulled: Option<Pulled>,
    /// Nothing was heard of the shop for a day in which it is open.
    pub(crate) silent: bool,
    /// What failed; the rest went on.
    pub(crate) failures: Vec<SweepError>,
}

impl ShopSwept {
    /// What it says about the shops after it.
    pub(crate) fn heard(&self) -> Heard {
        let mut heard = Heard::Answer;
        for failure in &self.failures {
            match failure {
                SweepError::Store(StoreError::Unreachable(_)) => return Heard::Nothing,
                SweepError::Safaricom(SafaricomError::Refused(refused)) if refused.is_busy() => {
                    heard = Heard::Busy
                }
                _ => {}
            }
        }
        heard
    }
}

impl<S: Store, D: Safaricom, F: Fallback> Sweep<S, D, F> {
    /// Sweeps one shop. What fails on the way is told beside, and the rest goes on.
    pub(crate) async fn shop(&self, shop: &Shop) -> ShopSwept {
        let now = (self.clock)();
        let mut visit = match self.begin(shop, now).await {
            Ok(visit) => visit,
            Err(error) => return ShopSwept { pulled: None, silent: false, failures: vec![error.into()] },
        };
        if let Err(error) = self.read_feed(&mut visit).await {
            visit.failures.push(error.into());
        }
        // First exactly what the balances say is missing, then everything since the last time.
        if let Err(error) = self.fill_gaps(&mut visit).await {
            visit.failures.push(error);
        }
        let from = self.pull_from(&visit);
        // What may have been an outage is pulled again by the next sweep, with what came since.
        match self.pull(&mut visit, (from, now)).await {
            Ok(true) => visit.standing.pulled_until = Some(now.millis()),
            Ok(false) => {}
            Err(error) => visit.failures.push(error),
        }
        if let Err(error) = self.read_feed(&mut visit).await {
            visit.failures.push(error.into());
        }
        if let Err(error) = self.end(&mut visit).await {
            visit.failures.push(error.into());
        }
        visit.pulled.gaps = visit.standing.gaps.iter().map(ToString::to_string).collect();
        let silent = visit.standing.is_silent(now);
        ShopSwept { pulled: Some(visit.pulled), silent, failures: visit.failures }
    }

    /// Where the shop's sweep stands. A note that can not be read is begun anew.
    async fn begin<'a>(&self, shop: &'a Shop, now: Timestamp) -> Result<Visit<'a>, StoreError> {
        let notes = self.store.notes(&shop.id, NOTE).await?.into_iter();
        let note = notes.filter(|(name, _)| name == NOTE).map(|(_, note)| note).next().unwrap_or_default();
        let standing: Standing = serde_json::from_slice(&note).unwrap_or_default();
        let reach = now.plus_millis(-REACH_MILLIS);
        let since = standing.follow_from(now).map_or(reach, |at| at.plus_millis(-OVERLAP_MILLIS).max(reach));
        let (pulled, kept_rows, failures) = (Pulled::default(), KeptRows::default(), Vec::new());
        Ok(Visit { shop, now, standing, note, since, points: None, kept_rows, pulled, failures })
    }

    /// Keeps where the sweep stands, unless that says nothing new, and until when all was pulled.
    async fn end(&self, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let (shop, now, standing) = (&visit.shop.id, visit.now, &mut visit.standing);
        let reach = now.plus_millis(-REACH_MILLIS);
        standing.gaps.retain(|gap| gap.from >= reach);
        standing.known_gaps.retain(|known| standing.gaps.iter().any(|gap| gap.interval() == *known));
        standing.kept_rows = std::mem::take(&mut visit.kept_rows);
        let note = serde_json::to_vec(standing).map_err(|e| StoreError::Damaged(e.to_string()))?;
        if note != visit.note {
            self.store.put_note(shop, NOTE, &note).await?;
        }
        if standing.pulled_until == Some(now.millis()) {
            history::keep_pulled(&*self.store, shop, now).await?;
        }
        Ok(())
    }

    /// From when everything is pulled: a little before the last time, as far as Safaricom looks back.
    fn pull_from(&self, visit: &Visit<'_>) -> Timestamp {
        let Visit { shop, now, standing, .. } = visit;
        let reach = now.plus_millis(-REACH_MILLIS);
        let before = standing.pulled_until.and_then(|millis| Timestamp::from_millis(millis).ok());
        // A last time that is still to come is a clock's that was wrong, and says nothing.
        let before = before.filter(|before| before <= now);
        if self.app.pull_method.is_some() && before.is_some_and(|before| before < reach) {
            tracing::error!(alarm = "pull_gap", shop = %shop.id, "nothing was pulled for two days: import the statement");
        }
        before.map_or(reach, |before| before.plus_millis(-OVERLAP_MILLIS).max(reach))
    }

    /// Pulls for the gaps in the balances that nobody pulled for yet. Whoever does not answer for one gap is
    /// not asked for the next; a page that makes no sense is its own gap's trouble only.
    async fn fill_gaps(&self, visit: &mut Visit<'_>) -> Result<(), SweepError> {
        for gap in visit.standing.gaps.clone() {
            if visit.standing.known_gaps.contains(&gap.interval()) {
                continue;
            }
            let (Gap { from, to, missing }, shop) = (gap, &visit.shop.id);
            tracing::warn!(alarm = "balance_gap", %shop, %from, %to, %missing, "payments were not told");
            let window = (from.plus_millis(-1000), to.plus_millis(1000));
            match self.pull(visit, window).await {
                Ok(true) => visit.standing.known_gaps.push(gap.interval()),
                Ok(false) => {}
                Err(error @ SweepError::Page(_)) => visit.failures.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is new in the feed and, where that tells of payments, follows the chain of balances over them; all of
    /// it or, on an error, nothing: half a chain would show gaps that are none.
    ///
    /// The chain lies in the feed. It is read again from a little before the payment to which it was followed, or from
    /// where something is missing in it; and all of it where a payment is told so late that it belongs before that: it may
    /// show that something is missing beside it.
    async fn read_feed(&self, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let cursor = hex::decode(&visit.standing.cursor).unwrap_or_default();
        let reach = visit.now.plus_millis(-REACH_MILLIS);
        let new = self.news_since(visit.shop, cursor, reach).await?;
        if new.restarted {
            // Another history: what the note remembers of it is not there.
            visit.standing.kept_rows = KeptRows::default();
            visit.standing.followed_until = None;
        }
        if new.points.iter().any(|point| point.at < visit.since.millis()) {
            (visit.since, visit.points) = (reach, None);
        }
        let follow = !new.points.is_empty() || visit.standing.followed_until.is_none();
        if visit.points.is_none() && follow {
            let cursor = self.store.cursor_at(&visit.shop.id, visit.since).await?;
            visit.points = Some(self.news_since(visit.shop, cursor, visit.since).await?.points);
        }
        if let Some(points) = visit.points.as_mut().filter(|_| follow) {
            points.extend(new.points);
            Point::merge(points);
            visit.standing.follow(points, visit.now);
        }
        if new.heard {
            visit.standing.hear((self.clock)());
        }
        visit.standing.read_to(&new.cursor);
        Ok(())
    }

    /// What is new in a feed since a cursor, of payments those that were paid since a time.
    async fn news_since(&self, shop: &Shop, cursor: Vec<u8>, since: Timestamp) -> Result<Feed, StoreError> {
        let begun = !cursor.is_empty();
        let mut feed = Feed { cursor, ..Feed::default() };
        loop {
            let news = self.store.news(&shop.id, &feed.cursor).await?;
            feed.restarted |= news.restarted && begun;
            feed.heard |= !news.items.is_empty() || !news.journals.is_empty();
            let points = news.items.iter().filter_map(Point::of);
            feed.points.extend(points.filter(|point| point.at >= since.millis()));
            feed.cursor = news.cursor;
            if !news.more {
                return Ok(feed);
            }
        }
    }

    /// Pulls a window. Whether it is certain that this was all.
    ///
    /// First every page, then the zone of their times, then the rows: a row is kept once, so one that is
    /// kept before the zone is known keeps a wrong time for ever. Where a page fails, what the others
    /// brought is kept all the same: that money arrived counts more than its hour.
    async fn pull(&self, visit: &mut Visit<'_>, window: (Timestamp, Timestamp)) -> Result<bool, SweepError> {
        let mut pages = Vec::new();
        let all = self.read_pages(visit.shop, window, &mut pages).await;
        self.settle_zone(visit.shop, &pages, window, &mut visit.standing).await?;
        for row in pages.into_iter().flat_map(|page| page.rows) {
            self.file_row(visit, row, window).await?;
        }
        all
    }

    /// Reads a window page by page until an empty one: a short page is not the end (fact sheet §1.7).
    /// Whether it is certain that this was all.
    async fn read_pages(
        &self,
        shop: &Shop,
        window: (Timestamp, Timestamp),
        pages: &mut Vec<PullPage>,
    ) -> Result<bool, SweepError> {
        let Some(method) = self.app.pull_method else { return Ok(false) };
        let number = shop.account.shortcode();
        if number.as_str().len() > MAX_DIGITS {
            return Ok(false);
        }
        let mut row = 0_u32;
        for _ in 0..MAX_PAGES {
            let query = PullQuery::new(method, number, window.0, window.1, row);
            let body = match self.safaricom.call(&query).await? {
                PullAnswer::Page(body) => body,
                PullAnswer::Empty => return Ok(true),
                // After rows these words are the end of the listing; as the first they may be an outage.
                PullAnswer::Failed => return Ok(row > 0),
            };
            let page =
                read_pull_page(&body).map_err(|unreadable| SweepError::Page(unreadable.to_string()))?;
            if page.rows.is_empty() {
                return Ok(true);
            }
            row = row.saturating_add(u32::try_from(page.rows.len()).unwrap_or(u32::MAX));
            pages.push(page);
        }
        Err(SweepError::Page("it does not end".to_owned()))
    }

    /// Learns in which zone this number's rows are written. What was learnt before holds until something
    /// proves otherwise; then the newer proof counts, and somebody should look at what was kept before.
    async fn settle_zone(
        &self,
        shop: &Shop,
        pages: &[PullPage],
        window: (Timestamp, Timestamp),
        standing: &mut Standing,
    ) -> Result<(), StoreError> {
        let known = standing.zone();
        let mut told = pages.iter().filter_map(|page| page.zone(window));
        let first = told.next();
        let by_window = first.filter(|first| told.all(|zone| zone == *first));
        if by_window.is_some() && by_window == known {
            return Ok(());
        }
        // A confirmation's time is Safaricom's own clock in Nairobi, which counts more than our window.
        let doubts = if known.is_some() { MAX_DOUBTS } else { usize::MAX };
        let by_receipt = self.zone_by_receipts(shop, pages, doubts).await?;
        let Some(proven) = by_receipt.or(by_window) else { return Ok(()) };
        if known.is_some_and(|known| known != proven) {
            tracing::warn!(alarm = "pull_zone", shop = %shop.id, ?known, ?proven, "pulled rows are written in another zone than before: times kept before may be three hours off");
        }
        standing.utc = Some(proven == Zone::Utc);
        Ok(())
    }

    /// The zone that the first of so many rows proves whose payment was confirmed too.
    async fn zone_by_receipts(
        &self,
        shop: &Shop,
        pages: &[PullPage],
        limit: usize,
    ) -> Result<Option<Zone>, StoreError> {
        let payments = pages.iter().flat_map(|page| &page.rows).filter_map(|row| row.content.as_ref().ok());
        let paid = payments.filter(|payment| payment.kind == RowKind::CustomerPayment);
        let ambiguous = paid.filter_map(|payment| match payment.listed_at {
            Some(listed @ ListedTime::Ambiguous { .. }) => Some((listed, &payment.receipt)),
            _ => None,
        });
        for (listed, receipt) in ambiguous.take(limit) {
            let name = (Source::C2bConfirmation.name(), receipt.as_str());
            let confirmation = self.store.feed_item(&shop.id, name).await?;
            let paid_at = confirmation.as_ref().and_then(FeedItem::evidence).and_then(|e| e.paid_at);
            let proven = paid_at.and_then(|at| listed.zone_of_receipt(at));
            if proven.is_some() {
                return Ok(proven);
            }
        }
        Ok(None)
    }

    async fn file_row(
        &self,
        visit: &mut Visit<'_>,
        row: PulledRow,
        window: (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        let Visit { shop, pulled, .. } = visit;
        let mut raw = RawCallback { body: row.raw, received_at: (self.clock)() };
        if visit.standing.kept_rows.has(&raw.body) {
            pulled.rows = pulled.rows.saturating_add(1);
            visit.kept_rows.add(&raw.body);
            return Ok(());
        }
        let filing = match row.content {
            Ok(PulledPayment { kind, .. }) if kind.is_settlement() => {
                pulled.other = pulled.other.saturating_add(1);
                return Ok(());
            }
            // It may be money all the same, or money that went back: a person looks at it.
            Ok(PulledPayment { kind: RowKind::Other(kind), .. }) => {
                Filing::Inbox(format!("a pulled row of another kind: {kind}"), None)
            }
            Ok(payment) => {
                pulled.rows = pulled.rows.saturating_add(1);
                let evidence = self.evidence(shop, payment, (window, visit.standing.zone()));
                if shop.id.is_platform() {
                    licence::filing(&*self.store, evidence).await?
                } else {
                    Filing::Feed(shop.id.clone(), Box::new(FeedItem::Arrival(evidence)))
                }
            }
            Err(unreadable) => Filing::Inbox(format!("a pulled row: {unreadable}"), None),
        };
        if shop.id.is_platform() && matches!(filing, Filing::Inbox(..)) {
            raw.body = licence::orphaned_row(&raw.body);
        }
        match keep(&*self.store, &raw, &filing).await? {
            Filed::New => pulled.new = pulled.new.saturating_add(1),
            Filed::Again => {}
            Filed::Inbox { again, .. } => {
                pulled.inbox = pulled.inbox.saturating_add(u64::from(!again));
                return Ok(());
            }
        }
        if comes_again(&filing, visit.now) {
            visit.kept_rows.add(&raw.body);
        }
        Ok(())
    }

    /// A row as evidence, its time read in the zone that is known for its number.
    fn evidence(
        &self,
        shop: &Shop,
        payment: PulledPayment,
        (window, zone): ((Timestamp, Timestamp), Option<Zone>),
    ) -> Evidence {
        Evidence {
            source: Source::PulledRow,
            receipt: payment.receipt,
            amount: payment.amount,
            shortcode: shop.account.shortcode().clone(),
            paid_at: payment.listed_at.map(|listed| listed.settle(window, zone).0),
            payer: Payer { name: None, msisdn: payment.msisdn },
            account_reference: payment.account_reference,
            order: None,
            balance: None,
            received_at: (self.clock)(),
        }
    }
}

/// Whether the next pull brings the row again from which this came.
fn comes_again(filing: &Filing, now: Timestamp) -> bool {
    let Filing::Feed(_, item) = filing else { return false };
    let paid_at = item.evidence().and_then(|evidence| evidence.paid_at);
    paid_at.is_none_or(|at| at >= now.plus_millis(-OVERLAP_MILLIS))
}

/// Why a part of the sweep of a shop stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SweepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}", explained(.0))]
    Safaricom(#[from] SafaricomError),
    #[error("a page of pulled payments makes no sense: {0}")]
    Page(String),
}

/// What Safaricom said, and what to do about it where it said no.
fn explained(error: &SafaricomError) -> String {
    match error {
        SafaricomError::Refused(refused) => {
            let advice = refused.advice();
            format!("{refused}. {} {} Or set MPESA_PULL_METHOD to off.", advice.meaning, advice.remedy)
        }
        SafaricomError::Unknown => error.to_string(),
    }
}
