//! A till's line to the cloud, with everything a line can do to a request: lose it, lose its answer, bring
//! it late when nobody waits any more, bring it twice, and in another order. And the shop's own network between
//! two tills, which does most of that too, and goes down in the middle of a meeting.

use super::power::Photo;
use crate::world::Line2Hub;
use domain::Timestamp;
use fastrand::Rng;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use till::{Cloud, CloudError, CloudRequest, SiblingError, SiblingLine, Till, TillError};

/// What a line does to so many of a hundred requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// Lost on the way there.
    pub lost: u8,
    /// It arrives; its answer is lost.
    pub unheard: u8,
    /// It arrives late, when the till has given up.
    pub late: u8,
    /// It arrives, and once more later.
    pub twice: u8,
}

impl Weather {
    /// A bad day's.
    pub fn of(random: &mut Rng) -> Self {
        let mut percent = || if random.bool() { 0 } else { random.u8(1..25) };
        Self { lost: percent(), unheard: percent(), late: percent(), twice: percent() }
    }
}

/// A line.
#[derive(Clone)]
pub struct Line {
    hub: Line2Hub,
    /// The world's time, which passes while a request is under way.
    hand: Arc<AtomicI64>,
    state: Arc<Mutex<State>>,
}

struct State {
    random: Rng,
    weather: Weather,
    down_until: i64,
    /// What will arrive later.
    under_way: Vec<(i64, CloudRequest)>,
    /// A power cut that is about to happen.
    cut: Option<Cut>,
}

/// The power goes after some more requests.
struct Cut {
    requests_left: u32,
    folder: PathBuf,
    /// The folder as it was when the last request left.
    photo: Option<Photo>,
}

impl Line {
    /// A line in fair weather.
    pub fn new(hub: Line2Hub, hand: Arc<AtomicI64>) -> Self {
        let state = State {
            random: Rng::with_seed(0),
            weather: Weather::default(),
            down_until: 0,
            under_way: Vec::new(),
            cut: None,
        };
        Self { hub, hand, state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn now(&self) -> i64 {
        self.hand.load(Ordering::SeqCst)
    }

    /// Chance begins anew with each event.
    pub fn reseed(&self, seed: u64) {
        self.state().random = Rng::with_seed(seed);
    }

    /// The weather changes.
    pub fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Nothing gets through until then.
    pub fn down_until(&self, at: i64) {
        self.state().down_until = at;
    }

    /// The power will go after some more requests: one more gets through and is answered, then none.
    pub fn cut_after(&self, requests: u32, folder: PathBuf) {
        self.state().cut = Some(Cut { requests_left: requests, folder, photo: None });
    }

    /// The power is back: the folder as it was when the last request left, if so many were made.
    pub fn after_cut(&self) -> Option<Photo> {
        self.state().cut.take().and_then(|cut| cut.photo)
    }

    /// Brings what has been under way long enough, in any order; nobody waits for the answers.
    pub fn bring_late(&self, everything: bool) {
        let now = self.now();
        let due = {
            let mut state = self.state();
            let (mut due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut state.under_way)
                .into_iter()
                .partition(|(at, _)| everything || *at <= now);
            state.under_way = rest;
            state.random.shuffle(&mut due);
            due
        };
        for (_, request) in due {
            let _ = self.hub.deliver(&request);
        }
    }
}

/// What becomes of a request.
enum Fate {
    Lost,
    Late,
    Twice,
    Unheard,
    Good,
}

impl State {
    fn fate(&mut self, now: i64) -> Fate {
        if let Some(cut) = &mut self.cut {
            if cut.photo.is_some() {
                return Fate::Lost;
            }
            match cut.requests_left.checked_sub(1) {
                Some(left) => cut.requests_left = left,
                None => {
                    cut.photo = Some(Photo::of(&cut.folder));
                    return Fate::Good;
                }
            }
        }
        if now < self.down_until {
            return Fate::Lost;
        }
        let Weather { lost, unheard, late, twice } = self.weather;
        let dice = self.random.u8(..100);
        let below = |odds: &[u8]| u32::from(dice) < odds.iter().map(|odd| u32::from(*odd)).sum();
        if below(&[lost]) {
            Fate::Lost
        } else if below(&[lost, unheard]) {
            Fate::Unheard
        } else if below(&[lost, unheard, late]) {
            Fate::Late
        } else if below(&[lost, unheard, late, twice]) {
            Fate::Twice
        } else {
            Fate::Good
        }
    }

    fn bring_later(&mut self, now: i64, request: &CloudRequest) {
        // Most before its signature is too old, some after.
        let wait = if self.random.u8(..4) == 0 { 3_600_000 } else { 300_000 };
        let at = now + self.random.i64(1_000..wait);
        self.under_way.push((at, request.clone()));
    }
}

impl Cloud for Line {
    fn carry(&self, request: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        let lost = || Err(CloudError::Unreachable("lost on the way".to_owned()));
        let fate = {
            let mut state = self.state();
            let latency = state.random.i64(20..900);
            let now = self.hand.fetch_add(latency, Ordering::SeqCst) + latency;
            let fate = state.fate(now);
            if matches!(fate, Fate::Late | Fate::Twice) {
                state.bring_later(now, request);
            }
            fate
        };
        match fate {
            Fate::Lost | Fate::Late => lost(),
            Fate::Unheard => {
                let _ = self.hub.deliver(request);
                lost()
            }
            Fate::Twice | Fate::Good => self.hub.deliver(request),
        }
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.hand.load(Ordering::SeqCst)).unwrap())
    }
}

/// The shop's own network, from one till to another, for one meeting.
pub struct Lan<'a> {
    there: &'a Till,
    /// What the other till's clock shows.
    now: Timestamp,
    hand: Arc<AtomicI64>,
    state: Mutex<Meeting>,
}

struct Meeting {
    random: Rng,
    weather: Weather,
    /// After so many more requests it is over, whoever still has something to say.
    left: u32,
}

impl<'a> Lan<'a> {
    /// A way to another till, whose clock shows `now`. One meeting in three is broken off.
    pub fn new(there: &'a Till, now: Timestamp, hand: Arc<AtomicI64>, random: &mut Rng) -> Self {
        let left = if random.u8(..3) == 0 { random.u32(..3) } else { u32::MAX };
        let state = Meeting { random: random.fork(), weather: Weather::of(random), left };
        Self { there, now, hand, state: Mutex::new(state) }
    }

    fn heard(&self, sealed: &[u8]) -> Result<Vec<u8>, SiblingError> {
        self.there.answer_sibling(sealed, self.now).map_err(|error| match error {
            TillError::Sibling(error) => error,
            error => SiblingError::Refused(error.to_string()),
        })
    }
}

impl SiblingLine for Lan<'_> {
    fn carry(&self, sealed: &[u8]) -> Result<Vec<u8>, SiblingError> {
        let lost = || Err(SiblingError::Unreachable("lost on the way".to_owned()));
        let (dice, Weather { lost: gone, unheard, twice, .. }) = {
            let mut state = self.state.lock().unwrap();
            self.hand.fetch_add(state.random.i64(1..40), Ordering::SeqCst);
            let Some(left) = state.left.checked_sub(1) else { return lost() };
            state.left = left;
            (state.random.u8(..100), state.weather)
        };
        match dice {
            dice if dice < gone => lost(),
            dice if dice < gone + unheard => self.heard(sealed).and_then(|_| lost()),
            dice if dice < gone + unheard + twice => {
                let answer = self.heard(sealed);
                // What is said again is thrown away unread.
                assert!(self.heard(sealed).is_err(), "the same request was taken twice");
                answer
            }
            _ => self.heard(sealed),
        }
    }
}
