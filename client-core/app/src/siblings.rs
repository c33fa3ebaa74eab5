//! The thread that meets the other tills of the shop: soon after something was recorded, every so often, and
//! seldom while one can not be reached. Where they are is typed in, or heard on the network.

use crate::Clock;
use crate::discovery::Discovery;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use till::{HttpSiblings, SiblingError, SiblingStatus, Tag, Till, TillError};

/// Between meetings when nothing happens.
const IDLE: Duration = Duration::from_secs(15);
/// After something was recorded: what is recorded in one go travels together.
const SOON: Duration = Duration::from_millis(200);
/// The longest pause for a till that can not be reached.
const LONGEST: Duration = Duration::from_secs(120);
/// The most addresses that are kept: a network full of them is not a shop.
const MAX_ADDRESSES: usize = 64;

/// A handle on the thread, and what it knows.
#[derive(Clone)]
pub struct SiblingLoop {
    say: Sender<Nudge>,
    places: Arc<Mutex<BTreeMap<String, Place>>>,
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

pub(crate) enum Nudge {
    /// Something was recorded.
    Recorded,
    /// There is a place to be tried.
    Due,
    /// A till announced itself.
    Found(String, Tag),
    /// It said that it leaves.
    Lost(String),
    Stop,
}

/// A place where a till may be.
#[derive(Debug, Clone)]
struct Place {
    /// What was typed stays, whatever is announced.
    typed: bool,
    tag: Option<Tag>,
    next: Instant,
    failures: u32,
    problem: Option<String>,
}

/// A place, for whoever shows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PlaceForm {
    address: String,
    /// Somebody typed it; else a till announces itself there.
    typed: bool,
    /// Why the last attempt failed, if it did.
    problem: Option<String>,
    #[serde(skip)]
    tag: Option<Tag>,
}

/// An address that somebody typed.
#[derive(Deserialize)]
pub(crate) struct NewPlace {
    pub(crate) address: String,
}

#[derive(Serialize)]
pub(crate) struct SiblingsForm {
    /// Our own name where strangers listen.
    tag: String,
    siblings: Vec<SiblingForm>,
    places: Vec<PlaceForm>,
}

#[derive(Serialize)]
struct SiblingForm {
    actor: String,
    letter: String,
    name: String,
    /// Where it was met, if it was.
    address: Option<String>,
    last_contact: Option<String>,
    /// How many entries it lacked then.
    waiting: u64,
    /// How many of its entries we have and the cloud lacks.
    carried: u64,
}

impl SiblingsForm {
    /// The tills that the cloud told of, and the places that are tried.
    pub(crate) fn of(till: &Till, places: Vec<PlaceForm>) -> Result<Self, TillError> {
        let form = |status: SiblingStatus| {
            let at = |place: &&PlaceForm| place.tag.is_some() && place.tag == status.tag;
            SiblingForm {
                address: places.iter().find(at).map(|place| place.address.clone()),
                actor: status.sibling.actor.to_string(),
                letter: status.sibling.letter,
                name: status.sibling.name,
                last_contact: status.last_contact.map(|at| at.to_string()),
                waiting: status.waiting,
                carried: status.carried,
            }
        };
        let siblings = till.siblings()?.into_iter().map(form).collect();
        Ok(Self { tag: till.tag().to_string(), siblings, places })
    }
}

impl SiblingLoop {
    /// A handle on no thread, for a program that meets nobody.
    pub fn idle() -> Self {
        Self { say: channel().0, places: Arc::default() }
    }

    /// An address that somebody typed: try it now. Harmless when the thread has ended.
    pub(crate) fn try_at(&self, address: String) {
        put(&mut self.lock(), address, None);
        let _ = self.say.send(Nudge::Due);
    }

    /// An address is not to be tried any more, unless a till is heard to announce itself there.
    pub(crate) fn forget(&self, address: &str) {
        self.lock().remove(address);
    }

    /// Every place that is tried, and what came of it.
    pub(crate) fn places(&self) -> Vec<PlaceForm> {
        let form = |(address, place): (&String, &Place)| PlaceForm {
            address: address.clone(),
            typed: place.typed,
            problem: place.problem.clone(),
            tag: place.tag,
        };
        self.lock().iter().map(form).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
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
    let (say, nudges) = channel();
    let siblings = SiblingLoop { say: say.clone(), places: Arc::default() };
    let kept = till.places().map_err(std::io::Error::other)?;
    for address in &meeting.typed {
        siblings.try_at(read_address(address).map_err(std::io::Error::other)?);
    }
    kept.iter().filter_map(|address| read_address(address).ok()).for_each(|address| siblings.try_at(address));
    let events = till.events();
    let recorded = say.clone();
    let carry = move || {
        while events
            .recv()
            .is_ok_and(|event| event != till::Event::Ledger || recorded.send(Nudge::Recorded).is_ok())
        {
        }
    };
    std::thread::Builder::new().name("recorded".to_owned()).spawn(carry)?;
    // Without multicast, tills meet by typed addresses; nobody has to do anything about it.
    let reachable = meeting.lan.filter(|lan| !lan.ip().is_loopback());
    let discovery = reachable.and_then(|lan| {
        let started = Discovery::start(till.tag(), lan.port(), say);
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
        let due =
            siblings.lock().iter().find(|(_, place)| place.next <= now).map(|(a, p)| (a.clone(), p.tag));
        if let Some((address, tag)) = due {
            meet(till, clock, siblings, (&http, &address), tag);
        }
        let next = siblings.lock().values().map(|place| place.next).min();
        let pause = next.map_or(IDLE, |next| next.saturating_duration_since(Instant::now()));
        match nudges.recv_timeout(pause) {
            Ok(Nudge::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(nudge) => siblings.heed(nudge),
            Err(RecvTimeoutError::Timeout) => {}
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
    let Some(place) = places.get_mut(address) else { return };
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

impl SiblingLoop {
    fn heed(&self, nudge: Nudge) {
        let mut places = self.lock();
        match nudge {
            Nudge::Recorded => {
                let soon = after(SOON);
                // A till that can not be reached is not asked more often because we sell more.
                for place in places.values_mut().filter(|place| place.failures == 0) {
                    place.next = place.next.min(soon);
                }
            }
            Nudge::Found(address, tag) => put(&mut places, address, Some(tag)),
            Nudge::Lost(address) => places.retain(|at, place| place.typed || *at != address),
            Nudge::Due | Nudge::Stop => {}
        }
    }
}

/// Notes where a till may be; it is tried at once.
fn put(places: &mut BTreeMap<String, Place>, address: String, tag: Option<Tag>) {
    if places.len() >= MAX_ADDRESSES && !places.contains_key(&address) {
        // What a person typed goes before what anybody on the network may announce.
        let announced = places.iter().find(|(_, place)| !place.typed).map(|(at, _)| at.clone());
        match announced.filter(|_| tag.is_none()) {
            Some(announced) => drop(places.remove(&announced)),
            None => return,
        }
    }
    let now = Instant::now();
    let new = Place { typed: false, tag: None, next: now, failures: 0, problem: None };
    let place = places.entry(address).or_insert(new);
    (place.typed, place.tag, place.next) = (place.typed || tag.is_none(), tag.or(place.tag), now);
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

    #[test]
    fn whatever_is_announced_a_typed_address_has_room() {
        let mut places = BTreeMap::new();
        let tag: Tag = "0123456789abcdef".parse().unwrap();
        (0..MAX_ADDRESSES + 5).for_each(|n| put(&mut places, format!("10.0.0.{n}:1"), Some(tag)));
        put(&mut places, "192.168.1.20:8311".to_owned(), None);
        put(&mut places, "10.0.1.1:1".to_owned(), Some(tag));
        assert_eq!(places.len(), MAX_ADDRESSES);
        assert!(places["192.168.1.20:8311"].typed && !places.contains_key("10.0.1.1:1"));
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
    fn a_flood_of_announcements_is_bounded_and_selling_wakes_only_who_was_met() {
        let siblings = SiblingLoop::idle();
        for n in 0..1000 {
            siblings.try_at(format!("10.0.0.1:{}", n + 1));
        }
        assert_eq!(siblings.places().len(), MAX_ADDRESSES);
        let later = after(LONGEST);
        for (n, place) in siblings.lock().values_mut().enumerate() {
            (place.next, place.failures) = (later, u32::from(n == 0));
        }
        siblings.heed(Nudge::Recorded);
        assert_eq!(siblings.lock().values().filter(|place| place.next == later).count(), 1);
    }

    #[test]
    fn pauses_grow_and_end() {
        assert!(back_off(1) >= Duration::from_secs(1) && back_off(1) < Duration::from_secs(4));
        assert!(back_off(30) >= LONGEST && back_off(30) < LONGEST + Duration::from_secs(3));
    }
}
