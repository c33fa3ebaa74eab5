//! One shop's part of a sweep: what the feed and the balances say is missing, and everything that was paid since
//! the last time, pulled and filed.

use crate::chain::{Gap, Point, gaps};
use crate::filing::{Filed, keep};
use crate::safaricom::{Safaricom, SafaricomError};
use crate::side_by_side::Heard;
use crate::standing::{NOTE, Standing};
use crate::store::{Filing, RawCallback};
use crate::sweep::{Pulled, Sweep};
use crate::{Fallback, Store, StoreError, history, licence};
use daraja::outbound::{PullAnswer, PullQuery};
use daraja::{ListedTime, PullPage, PulledPayment, PulledRow, RowKind, Zone, read_pull_page};
use domain::{Evidence, FeedItem, Payer, Shop, ShopId, Source, Timestamp};

/// How far back Safaricom tells of payments (fact sheet §1.7), less a little for the way there.
const REACH_MILLIS: i64 = 48 * 3_600_000 - 60_000;
/// How much of what was pulled before is pulled again: payments show up late.
const OVERLAP_MILLIS: i64 = 3_600_000;
/// The most pages of one window; at a hundred rows each, more than any shop sells in two days.
const MAX_PAGES: u32 = 1000;
/// The most payments in the chain of balances: the note stays well under what one item of a store holds.
const MAX_POINTS: usize = 2000;
/// The most confirmations looked up in one window only to see whether the remembered zone still holds.
const MAX_DOUBTS: usize = 25;

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
        let mut failures = Vec::new();
        match self.try_shop(shop, &mut failures).await {
            Ok((pulled, silent)) => ShopSwept { pulled: Some(pulled), silent, failures },
            Err(error) => {
                failures.push(error.into());
                ShopSwept { pulled: None, silent: false, failures }
            }
        }
    }

    async fn try_shop(
        &self,
        shop: &Shop,
        failures: &mut Vec<SweepError>,
    ) -> Result<(Pulled, bool), StoreError> {
        let now = (self.clock)();
        let mut standing = self.standing(&shop.id).await?;
        let mut pulled = Pulled::default();
        if let Err(error) = self.read_feed(shop, &mut standing).await {
            failures.push(error.into());
        }
        // First exactly what the balances say is missing, then everything since the last time.
        if let Err(error) = self.fill_gaps(shop, &mut standing, &mut pulled, failures).await {
            failures.push(error);
        }
        let reach = now.plus_millis(-REACH_MILLIS);
        let from = self.begin(shop, &standing, now);
        // What may have been an outage is pulled again by the next sweep, with what came since.
        match self.pull(shop, (from, now), &mut standing, &mut pulled).await {
            Ok(true) => standing.pulled_until = Some(now.millis()),
            Ok(false) => {}
            Err(error) => failures.push(error),
        }
        if let Err(error) = self.read_feed(shop, &mut standing).await {
            failures.push(error.into());
        }
        pulled.gaps = gaps(&standing.points).iter().map(ToString::to_string).collect();
        standing.known_gaps.retain(|(from, _)| *from >= reach.millis());
        let content = serde_json::to_vec(&standing).map_err(|e| StoreError::Damaged(e.to_string()))?;
        if let Err(error) = self.store.put_note(&shop.id, NOTE, &content).await {
            failures.push(error.into());
        }
        if standing.pulled_until == Some(now.millis())
            && let Err(error) = history::keep_pulled(&*self.store, &shop.id, now).await
        {
            failures.push(error.into());
        }
        Ok((pulled, standing.is_silent(now)))
    }

    /// From when everything is pulled: a little before the last time, as far as Safaricom looks back.
    fn begin(&self, shop: &Shop, standing: &Standing, now: Timestamp) -> Timestamp {
        let reach = now.plus_millis(-REACH_MILLIS);
        let before = standing.pulled_until.and_then(|millis| Timestamp::from_millis(millis).ok());
        // A last time that is still to come is a clock's that was wrong, and says nothing.
        let before = before.filter(|before| *before <= now);
        if self.app.pull_method.is_some() && before.is_some_and(|before| before < reach) {
            tracing::error!(alarm = "pull_gap", shop = %shop.id, "nothing was pulled for two days: import the statement");
        }
        before.map_or(reach, |before| before.plus_millis(-OVERLAP_MILLIS).max(reach))
    }

    /// Pulls for the gaps in the balances that nobody pulled for yet. Whoever does not answer for one gap is
    /// not asked for the next; a page that makes no sense is its own gap's trouble only.
    async fn fill_gaps(
        &self,
        shop: &Shop,
        standing: &mut Standing,
        pulled: &mut Pulled,
        failures: &mut Vec<SweepError>,
    ) -> Result<(), SweepError> {
        for gap in gaps(&standing.points) {
            if standing.known_gaps.contains(&gap.interval()) {
                continue;
            }
            let Gap { from, to, missing } = gap;
            tracing::warn!(alarm = "balance_gap", shop = %shop.id, %from, %to, %missing, "payments were not told");
            let window = (from.plus_millis(-1000), to.plus_millis(1000));
            match self.pull(shop, window, standing, pulled).await {
                Ok(true) => standing.known_gaps.push(gap.interval()),
                Ok(false) => {}
                Err(error @ SweepError::Page(_)) => failures.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn standing(&self, shop: &ShopId) -> Result<Standing, StoreError> {
        let notes = self.store.notes(shop, NOTE).await?;
        // One that can not be read is begun anew, which repeats what was done and loses nothing.
        let read = |(name, content): &(String, Vec<u8>)| {
            (name == NOTE).then(|| serde_json::from_slice(content).unwrap_or_default())
        };
        Ok(notes.iter().find_map(read).unwrap_or_default())
    }

    /// Reads what is new in the feed into the chain of balances, all of it or, on an error, nothing: half a
    /// chain would show gaps that are none.
    async fn read_feed(&self, shop: &Shop, standing: &mut Standing) -> Result<(), StoreError> {
        let mut cursor = hex::decode(&standing.cursor).unwrap_or_default();
        let mut points = standing.points.clone();
        loop {
            let news = self.store.news(&shop.id, &cursor).await?;
            if news.restarted && !cursor.is_empty() {
                points.clear();
            }
            if !news.items.is_empty() || !news.journals.is_empty() {
                standing.hear((self.clock)());
            }
            points.extend(news.items.iter().filter_map(Point::of));
            cursor = news.cursor;
            if !news.more {
                break;
            }
        }
        standing.cursor = hex::encode(cursor);
        let reach = (self.clock)().plus_millis(-REACH_MILLIS).millis();
        points.retain(|point| point.at >= reach);
        Point::merge(&mut points);
        let beyond = points.len().saturating_sub(MAX_POINTS);
        points.drain(..beyond);
        standing.points = points;
        Ok(())
    }

    /// Pulls a window. Whether it is certain that this was all.
    ///
    /// First every page, then the zone of their times, then the rows: a row is kept once, so one that is
    /// kept before the zone is known keeps a wrong time for ever. Where a page fails, what the others
    /// brought is kept all the same: that money arrived counts more than its hour.
    async fn pull(
        &self,
        shop: &Shop,
        window: (Timestamp, Timestamp),
        standing: &mut Standing,
        pulled: &mut Pulled,
    ) -> Result<bool, SweepError> {
        let mut pages = Vec::new();
        let all = self.read_pages(shop, window, &mut pages).await;
        self.settle_zone(shop, &pages, window, standing).await?;
        for row in pages.into_iter().flat_map(|page| page.rows) {
            self.file_row(shop, row, (window, standing.zone()), pulled).await?;
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
        let mut row = 0_u32;
        for _ in 0..MAX_PAGES {
            let number = shop.account.shortcode();
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
        shop: &Shop,
        row: PulledRow,
        times: ((Timestamp, Timestamp), Option<Zone>),
        pulled: &mut Pulled,
    ) -> Result<(), StoreError> {
        let mut raw = RawCallback { body: row.raw, received_at: (self.clock)() };
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
                let evidence = self.evidence(shop, payment, times);
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
            Filed::Inbox(_) => pulled.inbox = pulled.inbox.saturating_add(1),
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
