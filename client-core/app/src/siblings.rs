//! The thread that meets the other tills of the shop: soon after something was recorded, every so often, and
//! seldom while one can not be reached. Where they are is typed in, or heard on the network.

use crate::Clock;
use crate::discovery::Discovery;
use crate::openapi::values::{ActorName, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use till::{HttpSiblings, SiblingError, SiblingStatus, Tag, Till, TillError};
use utoipa::ToSchema;

/// Between meetings when nothing happens.
const IDLE: Duration = Duration::from_secs(15);
/// After something was recorded: what is recorded in one go travels together.
const SOON: Duration = Duration::from_millis(200);
/// The longest pause for a till that can not be reached.
const LONGEST: Duration = Duration::from_secs(120);
/// The most announced addresses that are kept: a network full of them is not a shop. Typed ones have room besides.
const MAX_ANNOUNCED: usize = 64;

/// Said where they are more.
const CROWDED: &str = "more addresses are announced on this network than a shop has tills: somebody may be \
                       flooding it. A till that is not found by itself still is where you type the address";

/// A handle on the thread, and what it knows.
#[derive(Clone)]
pub struct SiblingLoop {
    say: SyncSender<Nudge>,
    places: Arc<Mutex<Places>>,
}

/// A handle that the program holds until it ends.
pub struct InTouch {
    /// What the thread is told.
    pub siblings: SiblingLoop,
    thread: JoinHandle<()>,
    // Announced as long as it is held.
    _discovery: Option<Discovery>,
}

/// How a till that meets its siblings is set up.
#[derive(Debug, Clone, Default)]
pub struct Meeting {
    /// Addresses that somebody typed, as `host:port`.
    pub typed: Vec<String>,
    /// Where this till listens for its siblings, if it does.
    pub lan: Option<SocketAddr>,
}

enum Nudge {
    /// There is a place to be tried.
    Due,
    Stop,
}

/// Where tills may be.
#[derive(Debug, Default)]
struct Places {
    at: BTreeMap<String, Place>,
    /// Whether somebody announced an address for which there was no room.
    crowded: bool,
}

/// A place where a till may be.
#[derive(Debug, Clone)]
struct Place {
    /// What was typed stays, whatever is announced.
    typed: bool,
    /// The name under which it was announced, if it was.
    announced: Option<String>,
    tag: Option<Tag>,
    next: Instant,
    failures: u32,
    problem: Option<String>,
}

/// A place where a till may be, for whoever shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct PlaceForm {
    /// A host and a port.
    #[schema(example = "192.168.1.20:8311")]
    address: String,
    /// Somebody typed it; else a till announces itself there.
    typed: bool,
    /// Why the last attempt failed, if it did.
    #[schema(example = "nobody answers there")]
    problem: Option<String>,
    #[serde(skip)]
    tag: Option<Tag>,
}

/// Every place that is tried.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlacesForm {
    /// The places.
    places: Vec<PlaceForm>,
    /// What a person should know of this network, if there is something.
    #[schema(example = "more addresses are announced on this network than a shop has tills")]
    notice: Option<String>,
}

/// An address that somebody typed.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewPlace {
    /// A host and a port.
    #[schema(example = "192.168.1.20:8311")]
    pub(crate) address: String,
}

/// The other tills of the shop.
#[derive(Serialize, ToSchema)]
pub(crate) struct SiblingsForm {
    /// Our own name where strangers listen.
    #[schema(example = "9f2c6b1e00a1b2c3")]
    tag: String,
    /// The tills that the cloud told of.
    siblings: Vec<SiblingForm>,
    #[serde(flatten)]
    around: PlacesForm,
}

/// Another till of the shop.
#[derive(Serialize, ToSchema)]
struct SiblingForm {
    /// Its name as a writer of facts.
    #[schema(value_type = ActorName)]
    actor: String,
    /// The letter of its short sale references.
    #[schema(example = "B")]
    letter: String,
    /// What people call it.
    #[schema(example = "Back office")]
    name: String,
    /// Where it was met, if it was.
    #[schema(example = "192.168.1.20:8311")]
    address: Option<String>,
    /// When it was met last.
    #[schema(value_type = Option<Time>)]
    last_contact: Option<String>,
    /// How many entries it lacked then.
    #[schema(example = 3)]
    waiting: u64,
    /// How many of its entries we have and the cloud lacks.
    #[schema(example = 0)]
    carried: u64,
}

impl SiblingsForm {
    /// The tills that the cloud told of, and the places that are tried.
    pub(crate) fn of(till: &Till, around: PlacesForm) -> Result<Self, TillError> {
        let form = |status: SiblingStatus| {
            let at = |place: &&PlaceForm| place.tag.is_some() && place.tag == status.tag;
            SiblingForm {
                address: around.places.iter().find(at).map(|place| place.address.clone()),
                actor: status.sibling.actor.to_string(),
                letter: status.sibling.letter,
                name: status.sibling.name,
                last_contact: status.last_contact.map(|at| at.to_string()),
                waiting: status.waiting,
                carried: status.carried,
            }
        };
        let siblings = till.siblings()?.into_iter().map(form).collect();
        Ok(Self { tag: till.tag().to_string(), siblings, around })
    }
}

impl SiblingLoop {
    /// A handle on no thread, for a program that meets nobody.
    pub fn idle() -> Self {
        Self::new().0
    }

    fn new() -> (Self, Receiver<Nudge>) {
        // One nudge that waits is as good as many.
        let (say, nudges) = sync_channel(1);
        (Self { say, places: Arc::default() }, nudges)
    }

    /// Has the thread look which place is due. Whether it runs.
    fn nudge(&self) -> bool {
        !matches!(self.say.try_send(Nudge::Due), Err(TrySendError::Disconnected(_)))
    }

    /// An address that somebody typed: try it now. Harmless when the thread has ended.
    pub(crate) fn try_at(&self, address: String) {
        self.lock().at.entry(address).or_insert_with(Place::new).try_now().typed = true;
        self.nudge();
    }

    /// An address is not to be tried any more, unless a till is heard to announce itself there.
    pub(crate) fn forget(&self, address: &str) {
        self.lock().at.remove(address);
    }

    /// A till announced itself, under a name. Whether anybody listens still.
    pub(crate) fn found(&self, name: &str, address: String, tag: Tag) -> bool {
        let mut places = self.lock();
        if !places.has_room(&address) {
            if !std::mem::replace(&mut places.crowded, true) {
                tracing::warn!("{CROWDED}");
            }
            return true;
        }
        let place = places.at.entry(address).or_insert_with(Place::new).try_now();
        (place.announced, place.tag) = (Some(name.to_owned()), Some(tag));
        drop(places);
        self.nudge()
    }

    /// Who announced itself under this name said that it leaves.
    pub(crate) fn lost(&self, name: &str) {
        let mut places = self.lock();
        places.at.retain(|_, place| place.typed || place.announced.as_deref() != Some(name));
        places.crowded &= places.announced() >= MAX_ANNOUNCED;
    }

    /// Every place that is tried, and what came of it; and what a person should know of this network.
    pub(crate) fn places(&self) -> PlacesForm {
        let form = |(address, place): (&String, &Place)| PlaceForm {
            address: address.clone(),
            typed: place.typed,
            problem: place.problem.clone(),
            tag: place.tag,
        };
        let known = self.lock();
        let notice = known.crowded.then(|| CROWDED.to_owned());
        PlacesForm { places: known.at.iter().map(form).collect(), notice }
    }

    /// Something was recorded: whoever could be met last is met soon. Whether anybody listens still.
    fn recorded(&self) -> bool {
        let soon = after(SOON);
        // A till that can not be reached is not asked more often because we sell more.
        for place in self.lock().at.values_mut().filter(|place| place.failures == 0) {
            place.next = place.next.min(soon);
        }
        self.nudge()
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn announced(&self) -> usize {
        self.at.values().filter(|place| !place.typed).count()
    }

    /// Whether an announced address may be kept. Where there are too many, one at which nobody could be met
    /// gives way.
    fn has_room(&mut self, address: &str) -> bool {
        if self.at.contains_key(address) || self.announced() < MAX_ANNOUNCED {
            return true;
        }
        let in_vain = self.at.iter().filter(|(_, place)| !place.typed && place.failures > 0);
        let worst = in_vain.max_by_key(|(_, place)| place.failures).map(|(at, _)| at.clone());
        worst.is_some_and(|worst| self.at.remove(&worst).is_some())
    }

    /// The next place whose turn it is: what a person typed goes before what anybody may announce.
    fn due(&self, now: Instant) -> Option<(String, Option<Tag>)> {
        let due = self.at.iter().filter(|(_, place)| place.next <= now);
        let first = due.min_by_key(|(_, place)| (!place.typed, place.next));
        first.map(|(address, place)| (address.clone(), place.tag))
    }
}

impl Place {
    fn new() -> Self {
        let next = Instant::now();
        Self { typed: false, announced: None, tag: None, next, failures: 0, problem: None }
    }

    fn try_now(&mut self) -> &mut Self {
        self.next = Instant::now();
        self
    }
}

impl InTouch {
    /// Ends the thread after what it is doing.
    ///
    /// # Errors
    /// It failed before.
    pub fn end(self) -> Result<(), String> {
        let _ = self.siblings.say.send(Nudge::Stop);
        self.thread.join().map_err(|_| "the thread that meets other tills failed".to_owned())
    }
}

/// Starts the thread; with a LAN address that others can reach, this till is announced there and listens for
/// announcements of others.
///
/// # Errors
/// A typed address is none, or no thread could be started.
pub fn keep_in_touch(till: Arc<Till>, clock: Clock, meeting: &Meeting) -> std::io::Result<InTouch> {
    let (siblings, nudges) = SiblingLoop::new();
    let kept = till.places().map_err(std::io::Error::other)?;
    for address in &meeting.typed {
        siblings.try_at(read_address(address).map_err(std::io::Error::other)?);
    }
    kept.iter().filter_map(|address| read_address(address).ok()).for_each(|address| siblings.try_at(address));
    let events = till.events();
    let told = siblings.clone();
    let carry =
        move || while events.recv().is_ok_and(|event| event != till::Event::Ledger || told.recorded()) {};
    std::thread::Builder::new().name("recorded".to_owned()).spawn(carry)?;
    // Without multicast, tills meet by typed addresses; nobody has to do anything about it.
    let reachable = meeting.lan.filter(|lan| !lan.ip().is_loopback());
    let discovery = reachable.and_then(|lan| {
        let started = Discovery::start(till.tag(), lan.port(), siblings.clone());
        started.inspect_err(|error| tracing::warn!(%error, "tills are not found by themselves here")).ok()
    });
    let shared = siblings.clone();
    let run = move || run(&till, &clock, &shared, &nudges);
    let thread = std::thread::Builder::new().name("siblings".to_owned()).spawn(run)?;
    Ok(InTouch { siblings, thread, _discovery: discovery })
}

fn run(till: &Till, clock: &Clock, siblings: &SiblingLoop, nudges: &Receiver<Nudge>) {
    let http = HttpSiblings::new();
    loop {
        let now = Instant::now();
        let due = siblings.lock().due(now);
        if let Some((address, tag)) = due {
            meet(till, clock, siblings, (&http, &address), tag);
        }
        let next = siblings.lock().at.values().map(|place| place.next).min();
        let pause = next.map_or(IDLE, |next| next.saturating_duration_since(Instant::now()));
        match nudges.recv_timeout(pause) {
            Ok(Nudge::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Nudge::Due) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn meet(
    till: &Till,
    clock: &Clock,
    siblings: &SiblingLoop,
    (http, address): (&HttpSiblings, &str),
    tag: Option<Tag>,
) {
    let met = till.meet(&http.at(address), tag, clock());
    let mut places = siblings.lock();
    let Some(place) = places.at.get_mut(address) else { return };
    let before = (place.tag, place.problem.clone());
    match met {
        Ok(met) => {
            let pause = IDLE.saturating_add(chance());
            (place.tag, place.failures, place.problem) = (Some(met.tag), 0, None);
            place.next = after(pause);
        }
        Err(error) => {
            tracing::debug!(%address, %error, "a till was not met; selling goes on");
            if let TillError::Sibling(SiblingError::Another(_) | SiblingError::Refused(_)) = error {
                place.tag = None;
            }
            place.failures = place.failures.saturating_add(1);
            place.problem = Some(error.to_string());
            place.next = after(back_off(place.failures));
        }
    }
    if before != (place.tag, place.problem.clone()) {
        till.tell_of_siblings();
    }
}

/// `host:port`, and nothing else of a URL.
pub(crate) fn read_address(typed: &str) -> Result<String, &'static str> {
    let wrong = "type the address of a till as host:port, such as 192.168.1.20:8311";
    let (host, port) = typed.trim().rsplit_once(':').ok_or(wrong)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(wrong)?;
    let named = !host.is_empty() && host.len() <= 200 && host.chars().all(fits);
    if named { Ok(format!("{host}:{port}")) } else { Err(wrong) }
}

fn after(pause: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(pause).unwrap_or(now)
}

/// Twice as long after each failure, from a second up, and a little longer by chance.
fn back_off(failures: u32) -> Duration {
    let seconds = 1_u64.checked_shl(failures.saturating_sub(1).min(10)).unwrap_or(1);
    Duration::from_secs(seconds).min(LONGEST).saturating_add(chance())
}

/// Up to two seconds, so that the tills of a shop do not all ask at once.
fn chance() -> Duration {
    let millis = getrandom::u32().unwrap_or(0).checked_rem(2000).unwrap_or(0);
    Duration::from_millis(u64::from(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A till that somebody pretends to be.
    fn pretend(siblings: &SiblingLoop, n: usize) {
        let tag = format!("{n:016x}").parse().unwrap();
        assert!(siblings.found(&format!("{n}._leja"), format!("10.0.0.1:{n}"), tag));
    }

    /// As if each place had been tried, and had failed so often.
    fn tried(siblings: &SiblingLoop, failures: impl Fn(&str) -> u32) {
        for (address, place) in &mut siblings.lock().at {
            (place.failures, place.next) = (failures(address), after(LONGEST));
        }
    }

    #[test]
    fn whatever_is_announced_what_was_typed_has_room_and_the_first_turn() {
        let (siblings, _nudges) = SiblingLoop::new();
        let typed: Vec<String> = (0..100).map(|n| format!("192.168.1.20:{}", 8000 + n)).collect();
        typed.iter().for_each(|address| siblings.try_at(address.clone()));
        (0..1000).for_each(|n| pretend(&siblings, n));
        siblings.try_at("192.168.1.21:8311".to_owned());
        let PlacesForm { places, notice } = siblings.places();
        assert_eq!(places.iter().filter(|place| !place.typed).count(), MAX_ANNOUNCED);
        assert!(typed.iter().all(|address| places.iter().any(|place| place.address == *address)));
        assert!(notice.unwrap().contains("type the address"), "and it is told");
        tried(&siblings, |_| 1);
        let later = after(LONGEST + LONGEST);
        assert!(siblings.lock().due(later).unwrap().0.starts_with("192.168"));
        // What was typed and is announced as well stays when that till leaves.
        assert!(siblings.found("typed", typed[0].clone(), "00000000000000ff".parse().unwrap()));
        siblings.lost("typed");
        assert!(siblings.places().places.iter().any(|place| place.address == typed[0]));
    }

    #[test]
    fn a_flood_of_announcements_is_bounded_and_a_till_that_was_met_stays() {
        let (siblings, _nudges) = SiblingLoop::new();
        pretend(&siblings, 7);
        tried(&siblings, |_| 0);
        (100..1100).for_each(|n| pretend(&siblings, n));
        assert_eq!(
            (siblings.places().places.len(), siblings.places().notice.is_some()),
            (MAX_ANNOUNCED, true)
        );
        // Nobody is there: they give way to who comes later, and only they.
        tried(&siblings, |address| u32::from(address != "10.0.0.1:7"));
        (2000..2100).for_each(|n| pretend(&siblings, n));
        let here = |address: &str| siblings.places().places.iter().any(|place| place.address == address);
        assert!(here("10.0.0.1:7") && here("10.0.0.1:2000") && !here("10.0.0.1:2099"));
        assert_eq!(siblings.places().places.len(), MAX_ANNOUNCED);
        siblings.lost("2000._leja");
        assert_eq!(siblings.places().notice, None, "there is room again");
    }

    #[test]
    fn selling_wakes_only_who_was_met() {
        let (siblings, _nudges) = SiblingLoop::new();
        (0..60).for_each(|n| pretend(&siblings, n));
        tried(&siblings, |address| u32::from(address == "10.0.0.1:8"));
        siblings.recorded();
        let soon = after(IDLE);
        assert_eq!(siblings.lock().at.values().filter(|place| place.next > soon).count(), 1);
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (typed, read) in [(" 192.168.1.20:8311 ", "192.168.1.20:8311"), ("[::1]:80", "[::1]:80")] {
            assert_eq!(read_address(typed).as_deref(), Ok(read));
        }
        for wrong in
            ["", "till", "till:", "till:0", "till:99999", "http://till:80", "till:80/x", "a b:80", ":80"]
        {
            assert!(read_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        assert!(back_off(1) >= Duration::from_secs(1) && back_off(1) < Duration::from_secs(4));
        assert!(back_off(30) >= LONGEST && back_off(30) < LONGEST + Duration::from_secs(3));
    }
}
