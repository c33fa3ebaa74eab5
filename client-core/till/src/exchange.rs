//! The exchange with the cloud: send what it lacks, take what we lack, guard everything on the way in.

use crate::intake::{Intake, OpenToWrite};
use crate::{CloudError, CloudRequest, Event, Till, TillError, lock};
use domain::{Actor, FactId, Member, Role, Shop, ShopId, Timestamp};
use ledger::{Ledger, Page};
use replica::wire::json::{Joined, ShopForm};
use replica::wire::{SyncAnswer, SyncRequest};
use replica::{Batch, Head};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many rounds one sync makes at most for one shop; the next sync goes on from there.
const MAX_ROUNDS: u32 = 10_000;

/// How often every journal and every member is compared with the cloud's, however quiet it is: a copy of this
/// file may write under our name, and news do not tell us of ourselves; and a till that was revoked must not be
/// taken for a sibling for longer.
const COMPARE_MILLIS: u64 = 15 * 60 * 1000;

/// About how many entries are written in one transaction: a sale waits for no more.
const SLICE: usize = 400;

/// What a sync did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncReport {
    /// Entries of our own that the cloud took.
    pub sent: u64,
    /// Entries of others that came.
    pub received: u64,
    /// Payment messages that came.
    pub payments: u64,
    /// Entries of other tills that the cloud took from us.
    pub carried: u64,
    /// Payments that were claimed because they left no doubt.
    pub claimed: u32,
    /// Entries and payment messages that came from before what was here.
    pub older: u64,
    /// There is more of those: sync again soon.
    pub history_left: bool,
    /// Requests it took.
    pub rounds: u32,
}

impl Till {
    /// Exchanges everything with the cloud, page by page, then claims what leaves no doubt. It can be
    /// stopped anywhere and repeated; selling goes on meanwhile.
    ///
    /// # Errors
    /// The cloud was not reached or refused; what had come until then is kept.
    pub fn sync(&self, now: Timestamp) -> Result<SyncReport, TillError> {
        let _one_at_a_time = lock(&self.syncing);
        let result = self.sync_all(now);
        let mut link = self.link();
        let before = (link.online, link.problem.clone());
        match &result {
            Ok(_) => (link.online, link.offline_since, link.problem) = (true, None, None),
            Err(TillError::Cloud(CloudError::Unreachable(_))) => {
                link.online = false;
                link.offline_since = link.offline_since.or(Some(self.corrected(now)));
                // What the shop chose may have changed when the line comes back.
                self.care().learned = None;
            }
            Err(error) => {
                // Whoever refuses was reached.
                if matches!(error, TillError::Refused(_) | TillError::Cloud(CloudError::Refused(_))) {
                    (link.online, link.offline_since) = (true, None);
                }
                link.problem = Some(error.to_string());
            }
        }
        let changed = before != (link.online, link.problem.clone());
        drop(link);
        if result.as_ref().is_ok_and(|report| {
            report.received > 0 || report.payments > 0 || report.claimed > 0 || report.older > 0
        }) {
            self.tell(Event::Ledger);
        }
        if changed || result.as_ref().is_ok_and(|report| report.sent > 0) {
            self.tell(Event::Sync);
        }
        result
    }

    fn sync_all(&self, now: Timestamp) -> Result<SyncReport, TillError> {
        if self.identity().role == Role::Office {
            self.join_shops(now)?;
        }
        let start = self.cloud.elapsed();
        let mut report = SyncReport::default();
        let mut failed = None;
        for shop in self.shops()? {
            match self.sync_shop(&shop.id, self.since(now, start), &mut report) {
                Ok(()) => {}
                // Without a line no other shop can be reached either.
                Err(offline @ TillError::Cloud(CloudError::Unreachable(_))) => return Err(offline),
                // What is wrong with one shop stops no other.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(report), Err)
    }

    fn sync_shop(&self, shop: &ShopId, now: Timestamp, report: &mut SyncReport) -> Result<(), TillError> {
        if self.identity().role != Role::Till {
            let heard = self.heard_pulled(shop);
            let refused = self.drain_in_own_name(shop, now, report);
            let refused = refused.and_then(|refused| self.note_pulled(shop, heard).map(|()| refused));
            self.tell_released(shop, now);
            let own =
                self.tell_held(shop, now).and(self.ask_standing(shop, now)).and(refused).and_then(all_taken);
            return self.then_carry(own, shop, now, report);
        }
        self.enter(shop, now)?;
        let before = self.gone_back(shop)?;
        let result = match self.exchange(shop, now, report) {
            Err(offline @ TillError::Cloud(CloudError::Unreachable(_))) => Err(offline),
            // What the cloud does not take is no reason not to fetch.
            exchanged => self.fill(shop, now, report).and(exchanged),
        };
        let result = self.then_carry(result, shop, now, report);
        for sale in self.gone_back(shop)?.difference(&before) {
            self.tell(Event::Reversed(*sale));
        }
        result
    }

    /// Whatever became of our own, others' entries are carried, unless the cloud is out of reach.
    fn then_carry(
        &self,
        own: Result<(), TillError>,
        shop: &ShopId,
        now: Timestamp,
        report: &mut SyncReport,
    ) -> Result<(), TillError> {
        if matches!(own, Err(TillError::Cloud(_))) {
            return own;
        }
        let mut carried = self.carry_for_others(shop, now, report);
        if carried.is_ok() && self.link().elsewhere.iter().any(|(of, _)| of == shop) {
            carried = self.drain(shop, now, report).map(drop);
        }
        own.and(carried)
    }

    /// What a till exchanges: everything, then claims that leave no doubt, then what it sees to by itself.
    fn exchange(&self, shop: &ShopId, now: Timestamp, report: &mut SyncReport) -> Result<(), TillError> {
        let heard = self.heard_pulled(shop);
        let mut refused = self.drain_in_own_name(shop, now, report)?;
        self.note_pulled(shop, heard)?;
        self.tell_released(shop, now);
        let claimed = self.claim_what_fits(shop, now)?;
        report.claimed = report.claimed.saturating_add(claimed);
        if claimed > 0 {
            refused = self.drain(shop, now, report)?;
        }
        if self.take_care(shop, now) {
            refused = self.drain(shop, now, report)?;
        }
        all_taken(refused)
    }

    /// The sales of this till of which a payment went back to the customer.
    fn gone_back(&self, shop: &ShopId) -> Result<BTreeSet<FactId>, TillError> {
        let ledger = self.ledger();
        Ok(ledger.reversed_sales(shop, ledger.writer(shop)?.till)?)
    }

    /// Exchanges until neither side has more; where the cloud has something else under another's name than we
    /// have, its word counts, and there is more to fetch. Gives why, if something of ours was refused.
    pub(crate) fn drain(
        &self,
        shop: &ShopId,
        now: Timestamp,
        report: &mut SyncReport,
    ) -> Result<Option<String>, TillError> {
        let refused = self.rounds(shop, now, report)?;
        self.follow_cloud(shop, now)?;
        // What stands in the place of what was taken out was passed over by the rounds before.
        let turned = self.link().turned.remove(shop);
        if !turned {
            return Ok(refused);
        }
        self.link().compared.remove(shop);
        self.rounds(shop, now, report)
    }

    /// Rounds until neither side has more. What the cloud refuses stays here and is tried again by the next
    /// exchange; it stops nothing that comes down. Gives why, if something was refused.
    fn rounds(
        &self,
        shop: &ShopId,
        now: Timestamp,
        report: &mut SyncReport,
    ) -> Result<Option<String>, TillError> {
        // Until the last page is in, nobody may believe that there is nothing more: the feed's cursor has
        // moved on with the first page, and does not tell of the journals again.
        let compared = self.link().compared.remove(shop);
        let compared = compared.filter(|at| at.distance_millis(now) < COMPARE_MILLIS);
        // What we say of a sale that only a sibling told us of is another sale's where a copy of its till wrote that:
        // when we say something, the cloud is asked at once.
        let heard = !to_compare(&self.ledger(), shop)?.is_empty();
        let says_of_others = heard && self.own_after(shop)?.is_some();
        let mut behind = compared.is_none() || says_of_others;
        let start = self.cloud.elapsed();
        let mut refused = None;
        for _ in 0..MAX_ROUNDS {
            report.rounds = report.rounds.saturating_add(1);
            let batch = if refused.is_some() { None } else { self.own_after(shop)? };
            let request = self.request(shop, behind, batch)?;
            let (now, asked) = (self.since(now, start), self.cloud.elapsed());
            let answer = self.ask_sync(shop, &request, now)?;
            self.note_time(now, self.cloud.elapsed().saturating_sub(asked), answer.now);
            let sent = self.take(shop, &request, &answer, now, report)?;
            self.note_progress(shop, &request, &answer)?;
            // Overtaken by our own earlier request whose answer was lost: the head says where to go on.
            refused = refused.or(answer.refused.filter(|_| !sent));
            // Without a batch there may be one now: the cloud may have lost what it had, or a sale was made.
            let may_send = refused.is_none() && (sent || request.batch.is_none());
            let own_left = may_send && self.own_after(shop)?.is_some();
            if !answer.more && !own_left && !self.asked_too_far(shop, &request)? {
                let at = compared.filter(|_| !behind).unwrap_or(now);
                self.link().compared.insert(shop.clone(), at);
                break;
            }
            behind = true;
        }
        Ok(refused)
    }

    fn request(&self, shop: &ShopId, behind: bool, batch: Option<Batch>) -> Result<SyncRequest, TillError> {
        let ledger = self.ledger();
        let ((cursor, _), mut have) = (ledger.cursors(shop)?, ledger.vector(shop)?);
        if behind {
            have.extend(to_compare(&ledger, shop)?);
        }
        Ok(SyncRequest { have, cursor, behind, batch })
    }

    /// Whether the cloud turned out to have less of a journal than we thought, so that what both have is still to
    /// be compared.
    fn asked_too_far(&self, shop: &ShopId, asked: &SyncRequest) -> Result<bool, TillError> {
        if !asked.behind {
            return Ok(false);
        }
        let next = self.request(shop, true, None)?;
        let earlier =
            |(actor, number): (&Actor, &u64)| asked.have.get(actor).is_some_and(|asked| number < asked);
        Ok(next.have.iter().any(earlier))
    }

    /// The next batch of our own that the cloud does not have.
    fn own_after(&self, shop: &ShopId) -> Result<Option<Batch>, TillError> {
        let ledger = self.ledger();
        let (writer, (_, sent)) = (ledger.writer(shop)?, ledger.cursors(shop)?);
        let entries = ledger.entries_after(shop, writer, sent, replica::journal::MAX_BATCH_ENTRIES)?;
        // Where somebody else may write under our name, only what both have goes out under it.
        let ours = ledger.doubt(shop)?.map_or(u64::MAX, |doubt| doubt.last);
        let sure = entries.iter().take_while(|entry| entry.number <= ours).count();
        Ok(Batch::seal(entries.get(..sure).unwrap_or_default(), &self.key))
    }

    pub(crate) fn ask_sync(
        &self,
        shop: &ShopId,
        request: &SyncRequest,
        now: Timestamp,
    ) -> Result<SyncAnswer, TillError> {
        let writer = self.ledger().writer(shop)?;
        let path = format!("/v1/shops/{shop}/sync");
        let answer = self.carry("POST", &path, request.encode(), writer, now)?;
        SyncAnswer::decode(&answer).map_err(|_| TillError::Unreadable)
    }

    /// Carries a signed request; if our clock is what the cloud minds, once more by the cloud's.
    pub(crate) fn carry(
        &self,
        method: &'static str,
        path: &str,
        body: Vec<u8>,
        writer: Actor,
        now: Timestamp,
    ) -> Result<Vec<u8>, TillError> {
        self.carry_within(None, (method, path), body, writer, now)
    }

    /// The same, where nobody can wait longer than so for each answer.
    pub(crate) fn carry_within(
        &self,
        within: Option<Duration>,
        (method, path): (&'static str, &str),
        body: Vec<u8>,
        writer: Actor,
        now: Timestamp,
    ) -> Result<Vec<u8>, TillError> {
        let sign = |body, at| {
            let signed = CloudRequest::signed(method, path, body, (writer, &self.key), at);
            CloudRequest { within, ..signed }
        };
        let asked = self.cloud.elapsed();
        let first = self.cloud.carry(&sign(body.clone(), self.corrected(now)));
        let Some(cloud_now) = first.as_ref().err().and_then(CloudError::clock) else { return Ok(first?) };
        self.note_time(now, self.cloud.elapsed().saturating_sub(asked), cloud_now);
        Ok(self.cloud.carry(&sign(body, cloud_now))?)
    }

    /// Head office becomes a member of each shop that it does not know yet.
    fn join_shops(&self, now: Timestamp) -> Result<(), TillError> {
        let writer = self.identity().actor;
        let answer = self.carry("GET", "/v1/shops", Vec::new(), writer, now)?;
        let forms: Vec<ShopForm> = serde_json::from_slice(&answer).map_err(|_| TillError::Unreadable)?;
        for form in forms {
            let shop = Shop::try_from(form).map_err(|_| TillError::Unreadable)?;
            let known = self.ledger().writer(&shop.id).ok();
            let writer = match known {
                Some(writer) => writer,
                None => self.join(&shop.id, now)?,
            };
            self.know_shop(&shop, writer)?;
        }
        Ok(())
    }

    fn join(&self, shop: &ShopId, now: Timestamp) -> Result<Actor, TillError> {
        let path = format!("/v1/shops/{shop}/join");
        let answer = self.carry("POST", &path, Vec::new(), self.identity().actor, now)?;
        let joined: Joined = serde_json::from_slice(&answer).map_err(|_| TillError::Unreadable)?;
        joined.actor.parse().map_err(|_| TillError::Unreadable)
    }

    /// Writes what an answer brought. Gives whether the cloud took what was sent.
    pub(crate) fn take(
        &self,
        shop: &ShopId,
        request: &SyncRequest,
        answer: &SyncAnswer,
        now: Timestamp,
        report: &mut SyncReport,
    ) -> Result<bool, TillError> {
        let (slices, rest) = slices(&answer.batches);
        for slice in slices {
            // So that no sale waits for all of it. Where the feed was left stays as it is until the last.
            let at = Some(self.corrected(now));
            let page = Page { members: answer.members.clone(), at, ..Page::default() };
            let page = self.take_page(self.open_to_write(), shop, slice, page, now)?;
            report.received = report.received.saturating_add(count(page.entries.len()));
        }
        let (mut catalogues, ledger) = self.open_to_write();
        let (writer, known) = (ledger.writer(shop)?, ledger.clock()?);
        catalogues.tidy(now);
        let foreign = request.batch.as_ref().map(|batch| batch.actor).filter(|actor| *actor != writer);
        let (sent, carried) = match (answer.taken, foreign) {
            (Some(taken), None) => (Some(agreed(&ledger, shop, writer, taken)?), None),
            (Some(taken), Some(actor)) => (
                None,
                Some((
                    actor,
                    agreed(&ledger, shop, actor, taken).map_err(|error| self.others(shop, actor, error))?,
                )),
            ),
            (None, _) => (None, None),
        };
        let page = Page {
            members: changed(&ledger, answer)?,
            feed: answer.feed.clone(),
            cursor: Some(answer.cursor.clone()),
            sent,
            at_cloud: at_cloud(request, answer, carried),
            at: Some(self.corrected(now)),
            clock: self.clock_status().clock.filter(|clock| known != Some(*clock)),
            same: carried.into_iter().collect(),
            ..Page::default()
        };
        let page = self.take_page((catalogues, ledger), shop, rest, page, now)?;
        let before = request.batch.as_ref().map_or(0, |batch| batch.first.saturating_sub(1));
        let gained = sent.filter(|_| request.batch.is_some()).map_or(0, |sent| sent.saturating_sub(before));
        report.sent = report.sent.saturating_add(gained);
        report.received = report.received.saturating_add(count(page.entries.len()));
        report.payments = report.payments.saturating_add(count(page.feed.len()));
        if foreign.is_some() {
            let end = carried.filter(|_| answer.refused.is_none()).map_or(0, |(_, end)| end);
            report.carried = report.carried.saturating_add(end.saturating_sub(before));
        }
        Ok(gained > 0)
    }

    /// A fork of another till's journal is that till's to mend; we follow the cloud.
    fn others(&self, shop: &ShopId, actor: Actor, error: TillError) -> TillError {
        match error {
            TillError::Forked => {
                self.suspect(shop, [actor]);
                TillError::Refused("it has other entries under that till's name".to_owned())
            }
            error => error,
        }
    }

    /// Takes in what the cloud says: batches, with the page they come with. Gives the page as it was written.
    fn take_page(
        &self,
        (mut catalogues, ledger): OpenToWrite<'_>,
        shop: &ShopId,
        batches: &[Batch],
        page: Page,
        now: Timestamp,
    ) -> Result<Page, TillError> {
        let mut intake = Intake::new(shop, &ledger, page, now)?.of_cloud();
        for batch in batches {
            intake.batch(batch, &mut catalogues)?;
        }
        self.suspect(shop, std::mem::take(&mut intake.elsewhere));
        let page = intake.finish(&mut catalogues)?;
        self.write_page((catalogues, ledger), shop, &page, now)?;
        Ok(page)
    }
}

/// The journals of others of which more is here than is known to be the cloud's, because a sibling or a stick
/// brought it, and from where each is asked for: a number does not tell whether the cloud has the same under it,
/// so the last entry that both have comes once more.
fn to_compare(ledger: &Ledger, shop: &ShopId) -> Result<BTreeMap<Actor, u64>, TillError> {
    let (own, same, there) = (ledger.writer(shop)?, ledger.same_as_cloud(shop)?, ledger.at_cloud(shop)?);
    let mut from = BTreeMap::new();
    for (actor, here) in ledger.vector(shop)?.into_iter().filter(|(actor, _)| *actor != own) {
        let known = same.get(&actor).copied().unwrap_or(0);
        let both = there.get(&actor).map_or(here, |there| here.min(*there));
        if known < here {
            from.insert(actor, if known < both { both.saturating_sub(1) } else { here });
        }
    }
    Ok(from)
}

/// Batches in parts of some hundred entries, and what is left for the last.
fn slices(batches: &[Batch]) -> (Vec<&[Batch]>, &[Batch]) {
    let (mut parts, mut rest) = (Vec::new(), batches);
    loop {
        let mut entries = 0_usize;
        let full = rest.iter().position(|batch| {
            entries = entries.saturating_add(batch.items.len());
            entries >= SLICE
        });
        match full.and_then(|last| rest.split_at_checked(last.saturating_add(1))) {
            Some((part, left)) if !left.is_empty() => {
                parts.push(part);
                rest = left;
            }
            _ => return (parts, rest),
        }
    }
}

/// Everything else was exchanged; what the cloud refused is told now.
fn all_taken(refused: Option<String>) -> Result<(), TillError> {
    let told = |reason| TillError::Refused(format!("the cloud does not take our entries: {reason}"));
    refused.map_or(Ok(()), |reason| Err(told(reason)))
}

/// How far the cloud's journal of ours agrees with our own; a different history is a fork.
fn agreed(ledger: &Ledger, shop: &ShopId, writer: Actor, taken: Head) -> Result<u64, TillError> {
    let own = match taken.number {
        0 => Some(Head::genesis(shop, writer).chain),
        number => ledger.chain_at(shop, writer, number)?,
    };
    if own == Some(taken.chain) { Ok(taken.number) } else { Err(TillError::Forked) }
}

/// The members who are new or not as they were.
fn changed(ledger: &Ledger, answer: &SyncAnswer) -> Result<Vec<Member>, TillError> {
    if answer.members.is_empty() {
        return Ok(Vec::new());
    }
    let known = ledger.members()?;
    let new = |member: &&Member| known.get(&member.actor) != Some(*member);
    Ok(answer.members.iter().filter(new).cloned().collect())
}

/// How far the cloud has the journals of others, as far as an answer tells. When everything was compared, what
/// it says counts even if it is less than before: what a restored cloud lost is carried to it again.
fn at_cloud(
    request: &SyncRequest,
    answer: &SyncAnswer,
    carried: Option<(Actor, u64)>,
) -> BTreeMap<Actor, u64> {
    let members = answer.members.iter().filter(|_| request.behind).map(|member| member.actor);
    let ends = members.map(|actor| (actor, answer.ends.get(&actor).copied().unwrap_or(0)));
    let mut told: BTreeMap<Actor, u64> = ends.chain(carried).collect();
    for batch in &answer.batches {
        let end = told.entry(batch.actor).or_default();
        *end = batch.last().max(*end);
    }
    told
}

pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
