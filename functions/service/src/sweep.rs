//! What runs by itself every quarter of an hour: pulled payments, open pushes, the fallback queue, the chain
//! of balances, and once a day the joining of old batches.
//!
//! Callbacks get lost: one operator counted 34 confirmations of 137 payments (fact sheet §5.4). So nothing
//! rests on them alone. Running this twice changes nothing.

use crate::auth::{Signed, authenticate};
use crate::compaction::compact;
use crate::fallback::Fallback;
use crate::openapi::described;
use crate::payments::App;
use crate::pull::ShopSwept;
use crate::pushes;
use crate::safaricom::Safaricom;
use crate::side_by_side::{Heard, Pace};
pub use crate::standing::{NOTE, Swept};
use crate::store::Request;
use crate::{Clock, METRICS, Problem, Store, StoreError};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use domain::{Role, Shop, ShopId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::trace;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

/// How many shops are asked about at once, and how many pushes. Nobody publishes how much an app may ask (fact sheet
/// §1.9); a question takes a third of a second and a shop two of them, so this is some twenty a second. Where Safaricom
/// says that it is too much, the rest of the shops, or of the pushes, goes on with fewer.
pub const AT_ONCE: usize = 8;
/// In how many shops batches are joined at once. Each transaction writes a hundred items: more would take from
/// callbacks what a table can write in a second.
const JOINED_AT_ONCE: usize = 2;
/// The most open pushes looked at in one run.
const MAX_PUSHES: usize = 500;
/// After so long in a run no callback that waited is filed any more, no shop is begun, no joining, and no question about a
/// push: a function has 14 minutes (`infra/aws/template.yaml`), each of the four has its part of them, and what was begun
/// comes to its end.
const REDRIVING_MILLIS: i64 = 3 * 60_000;
const PULLING_MILLIS: i64 = 8 * 60_000;
const JOINING_MILLIS: i64 = 10 * 60_000;
const ASKING_MILLIS: i64 = 12 * 60_000;
/// How often a sweep runs.
const EVERY_MILLIS: i64 = 15 * 60_000;
/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

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

/// One run.
struct Run {
    begun: Timestamp,
    /// How much is asked of Safaricom at once: less, once it said that it is too much.
    at_once: usize,
    report: SweepReport,
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
    /// So many were not begun, or broke off.
    fn left(&mut self, left: usize, what: &str, pace: &Pace) {
        if left > 0 {
            let why = if pace.is_down() { "the store does not answer" } else { "the time was over" };
            self.failed.push(format!("{left} {what} are left to the next sweep: {why}"));
        }
    }

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
    pub async fn run(self: &Arc<Self>) -> SweepReport {
        let mut run = self.begin_run();
        self.collect_in(&mut run).await;
        if let Err(error) = self.ask(&mut run).await {
            tracing::error!(alarm = "sweep", %error, "open pushes were not asked about");
            run.report.failed.push(format!("pushes: {error}"));
        }
        run.report
    }

    /// Everything but the questions about pushes, for whoever asks those beside it.
    pub async fn collect(self: &Arc<Self>) -> SweepReport {
        let mut run = self.begin_run();
        self.collect_in(&mut run).await;
        run.report
    }

    /// What needs nobody at Safaricom: files what waits, and joins what is old.
    pub async fn tidy(self: &Arc<Self>) -> SweepReport {
        let mut run = self.begin_run();
        if let Some(shops) = self.redrive_and_list(&mut run).await {
            self.join_batches(in_turn(shops, run.begun), &mut run).await;
        }
        run.report.tell();
        run.report
    }

    fn begin_run(&self) -> Run {
        Run { begun: (self.clock)(), at_once: self.app.at_once, report: SweepReport::default() }
    }

    /// A part of a run, for as long as it has.
    fn pace(&self, run: &Run, until_millis: i64) -> Pace {
        Pace::new(run.at_once, &self.clock, run.begun.plus_millis(until_millis))
    }

    async fn collect_in(self: &Arc<Self>, run: &mut Run) {
        if let Some(shops) = self.redrive_and_list(run).await {
            let shops = in_turn(shops, run.begun);
            self.pull_all(&shops, run).await;
            self.join_batches(shops, run).await;
        }
        let report = &run.report;
        report.tell();
        let gaps: usize = report.shops.values().map(|pulled| pulled.gaps.len()).sum();
        trace!(target: METRICS, Gaps = gaps, SilentShops = report.silent.len(), Redriven = report.redriven);
    }

    async fn redrive_and_list(&self, run: &mut Run) -> Option<Vec<Shop>> {
        self.redrive(self.pace(run, REDRIVING_MILLIS), &mut run.report).await;
        let failed = &mut run.report.failed;
        self.store.shops().await.map_err(|error| failed.push(format!("shops: {error}"))).ok()
    }

    /// Sweeps the shops, several at once. The report has them by their names, whichever was ready first.
    async fn pull_all(self: &Arc<Self>, shops: &[Shop], run: &mut Run) {
        let mut pace = self.pace(run, PULLING_MILLIS);
        let pull = |shop: Shop| {
            let sweep = Arc::clone(self);
            async move { sweep.shop(&shop).await }
        };
        let done = pace.each(shops.iter().cloned(), pull, ShopSwept::heard).await;
        run.at_once = pace.at_once();
        let report = &mut run.report;
        let by_name: BTreeMap<&ShopId, Option<ShopSwept>> =
            shops.iter().map(|shop| &shop.id).zip(done).collect();
        let left = by_name.values().filter(|done| done.is_none()).count();
        for (shop, done) in by_name {
            let Some(ShopSwept { pulled, silent, failures }) = done else { continue };
            report.silent.extend(silent.then(|| shop.to_string()));
            report.shops.extend(pulled.map(|pulled| (shop.to_string(), pulled)));
            report.failed.extend(failures.iter().map(|error| format!("shop {shop}: {error}")));
        }
        report.left(left, "shops", &pace);
    }

    /// What fails for one shop stops no other.
    async fn join_batches(self: &Arc<Self>, shops: Vec<Shop>, run: &mut Run) {
        let until = run.begun.plus_millis(JOINING_MILLIS);
        let mut pace = Pace::new(self.app.at_once.min(JOINED_AT_ONCE), &self.clock, until);
        let report = &mut run.report;
        let join = |shop: Shop| {
            let sweep = Arc::clone(self);
            async move {
                let joined = compact(&*sweep.store, &shop.id, (sweep.clock)()).await;
                (shop.id, joined)
            }
        };
        let mut done = pace.each(shops, join, |(_, joined)| Heard::from_store(joined)).await;
        done.sort_by(|a, b| a.as_ref().map(|(shop, _)| shop).cmp(&b.as_ref().map(|(shop, _)| shop)));
        let left = done.iter().filter(|done| done.is_none()).count();
        for (shop, joined) in done.into_iter().flatten() {
            match joined {
                Ok(joined) => report.joined = report.joined.saturating_add(joined),
                Err(error) => report.failed.push(format!("journals of shop {shop}: {error}")),
            }
        }
        report.left(left, "shops' journals", &pace);
    }

    /// Asks about every push whose time has come. A push that can not be asked about is told to whoever
    /// watches and stops no other.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn ask_about_open_pushes(self: &Arc<Self>) -> Result<(), StoreError> {
        self.ask(&mut self.begin_run()).await
    }

    /// Several at once, the longest due first: one bad record would be in the way of all others for ever.
    async fn ask(self: &Arc<Self>, run: &mut Run) -> Result<(), StoreError> {
        let shops = self.store.shops().await?.into_iter().map(|shop| (shop.id.clone(), shop));
        let shops: Arc<BTreeMap<ShopId, Shop>> = Arc::new(shops.collect());
        let due = self.store.due_requests((self.clock)(), MAX_PUSHES).await?;
        let (mut pace, report) = (self.pace(run, ASKING_MILLIS), &mut run.report);
        let ask = |request: Request| {
            let (sweep, shops) = (Arc::clone(self), Arc::clone(&shops));
            async move {
                let asked = sweep.ask_about(&request, shops.get(&request.shop)).await;
                (request, asked)
            }
        };
        let heard = |(_, asked): &(Request, Result<Asked, StoreError>)| match asked {
            Ok(Asked { busy: true, .. }) => Heard::Busy,
            asked => Heard::from_store(asked),
        };
        let done = pace.each(due, ask, heard).await;
        let (left, mut last) = (done.iter().filter(|done| done.is_none()).count(), None);
        for (Request { name, shop, .. }, asked) in done.into_iter().flatten() {
            match asked {
                Ok(Asked { asked, ended, .. }) => {
                    report.pushes = report.pushes.saturating_add(u64::from(asked));
                    report.ended = report.ended.saturating_add(u64::from(ended));
                }
                Err(error) => {
                    tracing::error!(alarm = "sweep", push = name, %shop, %error, "a push was not asked about");
                    report.failed.push(format!("push {name} of shop {shop}: {error}"));
                    last = Some(error);
                }
            }
        }
        report.left(left, "pushes", &pace);
        last.filter(|_| pace.is_down()).map_or(Ok(()), Err)
    }

    async fn ask_about(&self, request: &Request, shop: Option<&Shop>) -> Result<Asked, StoreError> {
        let asking = shop.and_then(|shop| Some((shop, self.app.passkeys.of(shop.business_shortcode())?)));
        let Some(asking) = asking else {
            // Nobody can ask: the shop is gone, or its number has no passkey any more.
            self.store.ask_again(request, None).await?;
            return Ok(Asked { asked: false, ended: false, busy: false });
        };
        let known = pushes::query((&*self.store, &*self.safaricom), asking, request, (self.clock)()).await?;
        Ok(Asked { asked: true, ended: known.code.is_some(), busy: known.busy })
    }
}

/// The shops in the order in which they have their turn. Where they are more than one run comes to, each run begins
/// elsewhere: by steps of the golden ratio, which come near every place soon, so that a run that takes one of `n` leaves
/// no shop out for more than `2 n` runs. Nothing has to be read or remembered for it.
fn in_turn(mut shops: Vec<Shop>, now: Timestamp) -> Vec<Shop> {
    shops.sort_by(|a, b| a.id.cmp(&b.id));
    let run = now.millis().checked_div(EVERY_MILLIS).unwrap_or_default().cast_unsigned();
    // A fraction of 2^64, times how many there are.
    let place = u128::from(run.wrapping_mul(GOLDEN)).saturating_mul(shops.len() as u128) >> 64;
    shops.rotate_left(usize::try_from(place).unwrap_or_default());
    shops
}

/// What came of a push whose time to be asked about had come.
struct Asked {
    asked: bool,
    ended: bool,
    busy: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Account, ShortCode};
    use proptest::prelude::*;

    fn shop(number: usize) -> Shop {
        let account = Account::Paybill(ShortCode::parse("600638").unwrap());
        Shop::new(ShopId::parse(&format!("shop-{number:04}")).unwrap(), "Duka", account, None).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn however_few_shops_a_run_comes_to_each_has_its_turn_soon(
            all in 1usize..400, part in 1usize..20, first in 1_950_000i64..2_900_000,
        ) {
            let taken = all.div_ceil(part);
            let (shops, mut left): (Vec<Shop>, _) = ((0..all).map(shop).collect(), vec![0_usize; all]);
            let mut longest = 0;
            for run in first..first + 100 {
                let now = Timestamp::from_millis(run * EVERY_MILLIS).unwrap();
                let turn: Vec<Shop> = in_turn(shops.clone(), now).into_iter().take(taken).collect();
                for (number, left) in left.iter_mut().enumerate() {
                    *left = if turn.contains(&shop(number)) { 0 } else { *left + 1 };
                    longest = longest.max(*left);
                }
            }
            prop_assert!(longest <= 2 * part, "{longest} runs without a turn");
        }
    }
}
