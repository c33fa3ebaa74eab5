//! What runs by itself every quarter of an hour: pulled payments, open pushes, the fallback queue, the chain
//! of balances, and once a day the joining of old batches.
//!
//! Callbacks get lost: one operator counted 34 confirmations of 137 payments (fact sheet §5.4). So nothing
//! rests on them alone. Running this twice changes nothing.

use crate::auth::{Signed, authenticate};
use crate::chain::{Gap, Point, gaps};
use crate::compaction::compact;
use crate::fallback::{Fallback, RedriveError, Redriven, redrive};
use crate::filing::{Filed, keep};
use crate::openapi::described;
use crate::payments::App;
use crate::pushes;
use crate::safaricom::{Safaricom, SafaricomError};
use crate::standing::Standing;
pub use crate::standing::{NOTE, Swept};
use crate::store::{Filing, RawCallback, Request};
use crate::{Clock, METRICS, Problem, Store, StoreError, history, licence};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use daraja::outbound::{PullAnswer, PullQuery};
use daraja::{ListedTime, PullPage, PulledPayment, PulledRow, RowKind, Zone, read_pull_page};
use domain::{Evidence, FeedItem, Payer, Role, Shop, ShopId, Source, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::trace;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

/// How far back Safaricom tells of payments (fact sheet §1.7), less a little for the way there.
const REACH_MILLIS: i64 = 48 * 3_600_000 - 60_000;
/// How much of what was pulled before is pulled again: payments show up late.
const OVERLAP_MILLIS: i64 = 3_600_000;
/// The most pages of one window; at a hundred rows each, more than any shop sells in two days.
const MAX_PAGES: u32 = 1000;
/// The most payments in the chain of balances: the note stays well under what one item of a store holds.
const MAX_POINTS: usize = 2000;
/// The most open pushes looked at in one run.
const MAX_PUSHES: usize = 500;
/// So many pushes in a row that the store does not answer for mean that it is down.
const STORE_IS_DOWN: usize = 10;
/// The most confirmations looked up in one window only to see whether the remembered zone still holds.
const MAX_DOUBTS: usize = 25;

/// What a sweep works with.
pub struct Sweep<S, D, F> {
    /// Where everything is kept.
    pub store: Arc<S>,
    /// The way to Safaricom.
    pub safaricom: Arc<D>,
    /// What waits to be filed.
    pub fallback: Arc<F>,
    /// The app at Safaricom.
    pub app: Arc<App>,
    /// The time.
    pub clock: Clock,
}

/// The route by which whoever runs the cloud asks for a sweep out of turn.
pub fn router<S: Store, D: Safaricom, F: Fallback>(sweep: Arc<Sweep<S, D, F>>) -> Router {
    Router::from(routes::<S, D, F>()).with_state(sweep)
}

pub(crate) fn routes<S: Store, D: Safaricom, F: Fallback>() -> OpenApiRouter<Arc<Sweep<S, D, F>>> {
    OpenApiRouter::default().merge(described!(now => post(now::<S, D, F>)))
}

/// Sweeps now, out of turn: pulls payments, asks about open prompts, files what waits.
#[utoipa::path(
    post,
    path = "/v1/admin/sweep",
    tag = "administrators",
    operation_id = "sweep_now",
    responses((status = 200, body = SweepReport, description = "What it did"))
)]
async fn now<S: Store, D: Safaricom, F: Fallback>(
    State(sweep): State<Arc<Sweep<S, D, F>>>,
    headers: HeaderMap,
) -> Result<Json<SweepReport>, Problem> {
    let signed = Signed { method: "POST", path: "/v1/admin/sweep", headers: &headers, body: &[] };
    let caller = authenticate(&*sweep.store, &signed, (sweep.clock)()).await?;
    caller.is_one_of(&[Role::Platform])?;
    // In a task of its own: whoever asked may hang up long before everything is swept.
    let sweeping = tokio::spawn(async move { sweep.run().await });
    Ok(Json(sweeping.await.map_err(|_| StoreError::Unreachable("the sweep broke off".to_owned()))?))
}

/// What a sweep did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct SweepReport {
    /// Callbacks from the fallback queue that lie in the store now.
    #[schema(example = 0)]
    pub redriven: u64,
    /// Pushes asked about.
    #[schema(example = 2)]
    pub pushes: u64,
    /// Pushes that turned out to have ended.
    #[schema(example = 1)]
    pub ended: u64,
    /// What was done for each shop.
    pub shops: BTreeMap<String, Pulled>,
    /// Batches of journals that old ones were joined into.
    #[serde(default)]
    #[schema(example = 0)]
    pub joined: u64,
    /// Shops of which nothing was heard for a day, where this is an hour in which shops are open.
    #[serde(default)]
    #[schema(example = json!(["mjini"]))]
    pub silent: Vec<String>,
    /// What failed, in words; the rest went on.
    #[schema(example = json!(["mjini: Safaricom did not answer"]))]
    pub failed: Vec<String>,
}

impl SweepReport {
    fn tell(&self) {
        for failed in &self.failed {
            tracing::error!(alarm = "sweep", failed, "a part of the sweep failed");
        }
    }
}

/// What was pulled for one shop.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Pulled {
    /// Rows that told of a customer's payment.
    #[schema(example = 12)]
    pub rows: u64,
    /// Those that no pull had told of before.
    #[schema(example = 1)]
    pub new: u64,
    /// Settlements: the shop's own money on its way to its bank.
    #[schema(example = 0)]
    pub other: u64,
    /// Rows that went to the inbox.
    #[schema(example = 0)]
    pub inbox: u64,
    /// Gaps in the chain of balances that nothing explains: from, to and the missing amount.
    #[schema(example = json!(["between UKL4AB12CD and UKL4AB12CE: 77.00"]))]
    pub gaps: Vec<String>,
}

impl<S: Store, D: Safaricom, F: Fallback> Sweep<S, D, F> {
    /// Does everything once. What fails for one shop stops no other. The questions about pushes come last:
    /// Safaricom may be slow to answer each, and lost payments do not wait for that.
    pub async fn run(&self) -> SweepReport {
        let mut report = self.collect().await;
        if let Err(error) = self.ask(&mut report).await {
            tracing::error!(alarm = "sweep", %error, "open pushes were not asked about");
            report.failed.push(format!("pushes: {error}"));
        }
        report
    }

    /// Everything but the questions about pushes, for whoever asks those beside it.
    pub async fn collect(&self) -> SweepReport {
        let mut report = SweepReport::default();
        match self.redrive().await {
            Ok(Redriven { filed, .. }) => report.redriven = filed,
            Err(error) => report.failed.push(format!("fallback queue: {error}")),
        }
        let shops = match self.store.shops().await {
            Ok(shops) => shops,
            Err(error) => {
                report.failed.push(format!("shops: {error}"));
                return report;
            }
        };
        for shop in &shops {
            let mut failures = Vec::new();
            match self.shop(shop, &mut failures).await {
                Ok((pulled, silent)) => {
                    report.silent.extend(silent.then(|| shop.id.to_string()));
                    report.shops.insert(shop.id.to_string(), pulled);
                }
                Err(error) => failures.push(error.into()),
            }
            report.failed.extend(failures.iter().map(|error| format!("shop {}: {error}", shop.id)));
        }
        self.join_batches(&shops, &mut report).await;
        report.tell();
        let gaps: usize = report.shops.values().map(|pulled| pulled.gaps.len()).sum();
        trace!(target: METRICS, Gaps = gaps, SilentShops = report.silent.len(), Redriven = report.redriven);
        report
    }

    /// What needs nobody at Safaricom: files what waits, and joins what is old.
    pub async fn tidy(&self) -> SweepReport {
        let mut report = SweepReport::default();
        match self.redrive().await {
            Ok(Redriven { filed, .. }) => report.redriven = filed,
            Err(error) => report.failed.push(format!("fallback queue: {error}")),
        }
        match self.store.shops().await {
            Ok(shops) => self.join_batches(&shops, &mut report).await,
            Err(error) => report.failed.push(format!("shops: {error}")),
        }
        report.tell();
        report
    }

    /// What fails for one shop stops no other.
    async fn join_batches(&self, shops: &[Shop], report: &mut SweepReport) {
        for shop in shops {
            match compact(&*self.store, &shop.id, (self.clock)()).await {
                Ok(joined) => report.joined = report.joined.saturating_add(joined),
                Err(error) => report.failed.push(format!("journals of shop {}: {error}", shop.id)),
            }
        }
    }

    /// Files what waits in the fallback queue.
    ///
    /// # Errors
    /// The store or the queue does not answer.
    pub async fn redrive(&self) -> Result<Redriven, RedriveError> {
        redrive(&*self.store, &*self.fallback, (self.clock)()).await
    }

    /// Asks about every push whose time has come. A push that can not be asked about is told to whoever
    /// watches and stops no other.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn ask_about_open_pushes(&self) -> Result<(), StoreError> {
        self.ask(&mut SweepReport::default()).await
    }

    async fn ask(&self, report: &mut SweepReport) -> Result<(), StoreError> {
        let shops = self.store.shops().await?;
        let by_id: BTreeMap<&ShopId, &Shop> = shops.iter().map(|shop| (&shop.id, shop)).collect();
        let mut unanswered = 0_usize;
        for request in self.store.due_requests((self.clock)(), MAX_PUSHES).await? {
            let Err(error) = self.ask_about(&request, &by_id, report).await else {
                unanswered = 0;
                continue;
            };
            // The longest due comes first, so one bad record would be in the way of all others for ever.
            tracing::error!(alarm = "sweep", push = request.name, shop = %request.shop, %error, "a push was not asked about");
            report.failed.push(format!("push {} of shop {}: {error}", request.name, request.shop));
            unanswered = unanswered.saturating_add(1);
            if unanswered >= STORE_IS_DOWN && matches!(error, StoreError::Unreachable(_)) {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn ask_about(
        &self,
        request: &Request,
        shops: &BTreeMap<&ShopId, &Shop>,
        report: &mut SweepReport,
    ) -> Result<(), StoreError> {
        let shop = shops.get(&request.shop);
        let asking = shop.and_then(|shop| Some((*shop, self.app.passkeys.of(shop.business_shortcode())?)));
        let Some(asking) = asking else {
            // Nobody can ask: the shop is gone, or its number has no passkey any more.
            return self.store.ask_again(request, None).await;
        };
        report.pushes = report.pushes.saturating_add(1);
        let known = pushes::query((&*self.store, &*self.safaricom), asking, request, (self.clock)()).await?;
        report.ended = report.ended.saturating_add(u64::from(known.code.is_some()));
        Ok(())
    }

    /// Sweeps one shop. What fails on the way is told beside, and the rest goes on.
    async fn shop(&self, shop: &Shop, failures: &mut Vec<SweepError>) -> Result<(Pulled, bool), StoreError> {
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
enum SweepError {
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
