//! The library a shop program embeds: sell, receive, sync, reconcile.
//!
//! A [`Till`] is one ledger file and one key in one folder. Every method is blocking, takes the time as an
//! argument where it matters, and returns when what it recorded is on the disk. Nothing but
//! [`sync`](Till::sync), [`ask_for_payment`](Till::ask_for_payment) and the other questions to Safaricom ever
//! touches the network.
#![doc = include_str!("../README.md")]

mod astray;
mod care;
mod carry;
mod catalogue;
mod claims;
mod clock;
mod cloud;
mod codes;
mod conflicts;
mod error;
mod exchange;
mod folder;
mod history;
mod http;
mod intake;
mod keep;
mod licence;
mod limits;
mod matching;
mod mistakes;
mod new_life;
mod parked;
mod pasted;
mod period;
mod progress;
mod pulled;
mod push;
mod requests;
mod returns;
mod rules;
mod secured;
mod shift;
mod siblings;
mod staff;
mod stick;
mod stock;
mod tenders;
mod verify;

pub use claims::NewClaim;
pub use clock::ClockStatus;
pub use cloud::{Cloud, CloudError, CloudRequest};
pub use codes::{Shown, Warning};
pub use conflicts::Conflict;
pub use error::TillError;
pub use exchange::SyncReport;
pub use folder::{Credentials, Folder, enrol};
pub use http::{HttpCloud, HttpSibling, HttpSiblings, MAX_SEALED_BYTES, SIBLING_PATH};
pub use ledger::history::{Deed, Happening};
pub use ledger::{
    ClaimOn, ClaimRow, Day, LedgerError, Parked, PaymentRow, PushRow, Said, SaidRow, SaleFilter, SaleRow,
    how_name, reference,
};
pub use licence::Licence;
pub use limits::Gauge;
pub use pasted::{Message, Pasted};
use progress::Link;
pub use progress::{Progress, Reach, Stages};
pub use push::{Prompted, PushState, PushStatus, in_shillings};
pub use replica::{keys::Tag, wire::json::RequestState};
pub use secured::First;
pub use shift::Closed;
pub use siblings::{Met, SiblingError, SiblingLine, SiblingStatus};
pub use staff::hash_pin;
pub use stick::{Brought, Exported, Imported, Written};
pub use stock::StockRow;
pub use verify::{Check, examine};

use care::Care;
use carry::Carrying;
use catalogue::Shelf;
use domain::{
    Actor, Body, BusinessDay, Cited, Document, Fact, FactBody, FactId, Line, Member, Person, ReceiptCode,
    Role, Sale, Shop, ShopId, TillId, Timestamp,
};
use ledger::{Base, Identity, Ledger, Reader};
use replica::{Head, Keypair, Opened, day_book};
use siblings::Siblings;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A till, or head office: the same program with more shops.
pub struct Till {
    identity: Mutex<Identity>,
    /// The shop of a till; head office has none of its own.
    home: Option<ShopId>,
    key: Keypair,
    cloud: Box<dyn Cloud>,
    /// Those that only read and have nothing to do just now, and the file they read. They close before the one
    /// that writes: the last to close writes the log back into the file, and a reader can not.
    readers: Mutex<Vec<Reader>>,
    file: std::path::PathBuf,
    /// The one that writes.
    ledger: Mutex<Ledger>,
    catalogues: Mutex<Shelf>,
    attempts: Mutex<staff::Attempts>,
    watch: Mutex<clock::Watch>,
    licences: Mutex<licence::Licences>,
    /// One sync at a time.
    syncing: Mutex<()>,
    link: Mutex<Link>,
    care: Mutex<Care>,
    carrying: Mutex<Carrying>,
    securing: Mutex<secured::Securing>,
    siblings: Mutex<Siblings>,
    listeners: Mutex<Vec<Sender<Event>>>,
    /// How many days of history a new till fetches; all of it where nothing is said.
    history_days: Option<u32>,
    /// Held as long as the till is open: two programs on one ledger would fork its journal.
    _lock: folder::Lock,
}

/// Something changed; whoever shows it should look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Sales, payments or products.
    Ledger,
    /// The connection or what waits to be sent.
    Sync,
    /// A payment of this till's sale went back to the customer: the sale owes again.
    Reversed(FactId),
}

/// Where a till stands with the rest of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The last attempt to reach the cloud succeeded.
    pub online: bool,
    /// Since when it does not.
    pub offline_since: Option<Timestamp>,
    /// When the cloud was last heard of.
    pub last_contact: Option<Timestamp>,
    /// How many of our own entries the cloud does not have yet.
    pub waiting: u64,
    /// Entries and batches that were set aside, with reasons.
    pub set_aside: Vec<String>,
    /// What else a person should know: what became of this till's name, a log that can not be written back.
    pub notices: Vec<String>,
    /// Why the cloud does not take what we send, if it does not.
    pub problem: Option<String>,
    /// How this machine's clock stands.
    pub clock: ClockStatus,
}

/// A sale that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    /// The sale.
    pub sale: SaleRow,
    /// The request had been made before; this is what it made then.
    pub repeated: bool,
}

impl Till {
    /// Opens an enrolled till. No network is needed, now or later, to sell.
    ///
    /// # Errors
    /// The folder holds no enrolled till, another program uses it, or the ledger can not be opened.
    pub fn open(folder: &Folder, cloud: Box<dyn Cloud>) -> Result<Self, TillError> {
        let lock = folder.lock()?;
        let key = folder.key()?;
        let ledger = Ledger::open(&folder.ledger_path())?;
        let identity = ledger.identity()?.ok_or(LedgerError::NotEnrolled)?;
        let watch = clock::Watch::knowing(ledger.clock()?, ledger.last_contact()?);
        let licences = licence::Licences::of(&ledger)?;
        let sells = identity.role == Role::Till;
        let home = ledger.shops()?.pop().map(|shop| shop.id).filter(|_| sells);
        let till = Self {
            identity: Mutex::new(identity),
            home,
            key,
            cloud,
            ledger: Mutex::new(ledger),
            readers: Mutex::default(),
            file: folder.ledger_path(),
            catalogues: Mutex::default(),
            attempts: Mutex::default(),
            watch: Mutex::new(watch),
            licences: Mutex::new(licences),
            syncing: Mutex::default(),
            link: Mutex::default(),
            care: Mutex::default(),
            carrying: Mutex::default(),
            securing: Mutex::default(),
            siblings: Mutex::default(),
            listeners: Mutex::default(),
            history_days: None,
            _lock: lock,
        };
        till.renew_catalogues()?;
        Ok(till)
    }

    /// Who this is. A till whose file was restored or copied becomes somebody else at its next sync.
    pub fn identity(&self) -> Identity {
        lock(&self.identity).clone()
    }

    /// The shops in this ledger: one for a till.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn shops(&self) -> Result<Vec<Shop>, TillError> {
        self.read(|ledger| ledger.shops())
    }

    /// The shop of a till; for head office, the one shop there is.
    ///
    /// # Errors
    /// There are several, so one has to be named; or none.
    pub fn only_shop(&self) -> Result<Shop, TillError> {
        match <[Shop; 1]>::try_from(self.shops()?) {
            Ok([shop]) => Ok(shop),
            Err(_) => Err(TillError::Refused("name the shop".to_owned())),
        }
    }

    /// Records a sale: when this returns, it is on the disk and its receipt may print.
    ///
    /// A `request` key makes the call repeatable: the same key finds the same sale.
    ///
    /// # Errors
    /// Nothing was recorded; among the reasons is a licence that ran out.
    pub fn sell(
        &self,
        sale: Sale,
        by: &Person,
        now: Timestamp,
        request: Option<&str>,
    ) -> Result<Sold, TillError> {
        let no_till = || TillError::Refused("head office does not sell: use a till".to_owned());
        let shop = self.home.as_ref().ok_or_else(no_till)?;
        let mut ledger = self.ledger();
        if let Some(made) = asked_before(&ledger, (shop, request), |body| matches!(body, FactBody::Sale(_)))?
        {
            return Ok(Sold { sale: ledger.sale(made)?, repeated: true });
        }
        let (id, row) = self.write(&mut ledger, shop, (by, now), FactBody::Sale(sale), request)?;
        Ok(Sold { sale: row.map_or_else(|| ledger.sale(id), Ok)?, repeated: false })
    }

    /// A sale.
    ///
    /// # Errors
    /// There is none, or the ledger can not be read.
    pub fn sale(&self, id: FactId) -> Result<SaleRow, TillError> {
        self.read(|ledger| ledger.sale(id))
    }

    /// What was sold, line by line.
    ///
    /// # Errors
    /// There is no such sale, or the ledger can not be read.
    pub fn lines(&self, sale: &SaleRow) -> Result<Vec<Line>, TillError> {
        let entry = self.read(|ledger| ledger.entry(&sale.shop, sale.id))?;
        match day_book::fact(&entry).map(|fact| fact.body) {
            Some(FactBody::Sale(sale)) => Ok(sale.lines),
            _ => Err(LedgerError::Damaged(format!("entry {} is no sale", sale.id)).into()),
        }
    }

    /// A sale by its name, by its local number, which is what seed A calls `sale_id`, or by the reference on its
    /// receipt. What a till wrote again in a new life is found by what it was called before as well.
    ///
    /// # Errors
    /// There is none, or the ledger can not be read.
    pub fn find_sale(&self, named: &str) -> Result<SaleRow, TillError> {
        self.read(|ledger| {
            if let Ok(number) = named.parse() {
                return ledger.sale(ledger.sale_numbered(number)?);
            }
            let name = match named.parse() {
                Ok(id) => Some(id),
                Err(_) => named_by(named, &ledger.letters()?),
            };
            let unknown = || LedgerError::Unknown(format!("sale {named}"));
            let name = name.ok_or_else(unknown)?;
            match ledger.sale(name) {
                Err(LedgerError::Unknown(_)) => {
                    ledger.sale(ledger.formerly(name)?.pop().ok_or_else(unknown)?)
                }
                found => found,
            }
        })
    }

    /// The sale of a front end's own order number; else a sale without one, by name or local number. A
    /// sale that has another order number is never meant: two numberings must not meet by chance.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn find_order(&self, order: &str) -> Result<Option<SaleRow>, TillError> {
        let ordered = self.read(|ledger| ledger.sale_of_order(order))?;
        match ordered {
            Some(id) => Ok(Some(self.sale(id)?)),
            None => match self.find_sale(order) {
                Ok(found) => Ok(Some(found).filter(|sale| sale.order.is_none())),
                Err(TillError::Ledger(LedgerError::Unknown(_))) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Sales of a shop, newest first, older than `before`.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn sales(
        &self,
        shop: &ShopId,
        filter: SaleFilter,
        before: Option<FactId>,
        limit: u32,
    ) -> Result<Vec<SaleRow>, TillError> {
        self.read(|ledger| ledger.sales(shop, filter, before, limit))
    }

    /// The claims on a sale that were not released.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn claims(&self, sale: FactId) -> Result<Vec<ClaimRow>, TillError> {
        self.read(|ledger| ledger.claims(sale))
    }

    /// Payments of a shop, newest first: all of them, or those no sale has.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn payments(&self, shop: &ShopId, unclaimed: bool, limit: u32) -> Result<Vec<PaymentRow>, TillError> {
        self.read(|ledger| ledger.payments(shop, unclaimed, limit))
    }

    /// Payments of a shop whose messages disagree, newest first.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn disagreeing_payments(&self, shop: &ShopId, limit: u32) -> Result<Vec<PaymentRow>, TillError> {
        self.read(|ledger| ledger.disagreeing(shop, limit))
    }

    /// A payment by its receipt code.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn payment(&self, shop: &ShopId, receipt: &ReceiptCode) -> Result<Option<PaymentRow>, TillError> {
        self.read(|ledger| ledger.payment(shop, receipt))
    }

    /// A payment by its local number, as seed B's endpoints name it.
    ///
    /// # Errors
    /// There is none, or the ledger can not be read.
    pub fn payment_numbered(&self, number: u64) -> Result<PaymentRow, TillError> {
        self.read(|ledger| ledger.payment_numbered(number))
    }

    /// The sale that leads on a receipt code; how it is cited, where it is not here.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn holder(&self, shop: &ShopId, receipt: &ReceiptCode) -> Result<Option<Cited>, TillError> {
        self.read(|ledger| ledger.holder(shop, receipt))
    }

    /// What happened to a sale, oldest first.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn history_of_sale(&self, sale: FactId) -> Result<Vec<Happening>, TillError> {
        self.read(|ledger| ledger.history_of_sale(sale))
    }

    /// What happened to a payment, oldest first.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn history_of_payment(
        &self,
        shop: &ShopId,
        receipt: &ReceiptCode,
    ) -> Result<Vec<Happening>, TillError> {
        self.read(|ledger| ledger.history_of_payment(shop, receipt))
    }

    /// A shop's figures for a day.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn day(&self, shop: &ShopId, day: BusinessDay) -> Result<Day, TillError> {
        self.read(|ledger| ledger.day(shop, day))
    }

    /// Everybody who writes in a shop's journals, and how far each journal goes here.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn members(&self, shop: &ShopId) -> Result<Vec<(Member, u64)>, TillError> {
        let look = |ledger: &Reader| Ok((ledger.vector(shop)?, ledger.members()?, ledger.writer(shop)?));
        let (vector, members, own) = self.read(look)?;
        let me = || self.as_member(own);
        let known = |(actor, number): (&Actor, &u64)| {
            let member = if *actor == own { Some(me()) } else { members.get(actor).cloned() };
            member.map(|member| (member, *number))
        };
        let mut all: Vec<(Member, u64)> = vector.iter().filter_map(known).collect();
        if !vector.contains_key(&own) {
            all.push((me(), 0));
        }
        Ok(all)
    }

    /// When a till made its last sale that is known here.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn last_sale_at(&self, shop: &ShopId, till: TillId) -> Result<Option<Timestamp>, TillError> {
        self.read(|ledger| ledger.last_sale_at(shop, till))
    }

    /// The letters of all tills known here, in each of their lives, for short references.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn letters(&self) -> Result<BTreeMap<Actor, String>, TillError> {
        self.read(Reader::letters)
    }

    /// Where this till stands with the rest of the world.
    ///
    /// # Errors
    /// The ledger can not be read.
    pub fn status(&self) -> Result<Status, TillError> {
        let link = self.link().clone();
        let (last_contact, waiting, set_aside, notices) = self.read(|ledger| {
            let (mut set_aside, mut notices) = (ledger.set_aside()?, ledger.notices()?);
            notices.extend(lock(&self.licences).doubts.values().cloned());
            for shop in ledger.shops()? {
                notices.extend(rules::rules_of(ledger, &shop.id)?.1);
            }
            set_aside.extend(Self::told_astray(ledger)?);
            set_aside.extend(lock(&self.carrying).refusals(&ledger.letters()?));
            Ok((ledger.last_contact()?, ledger.waiting_to_send()?, set_aside, notices))
        })?;
        let (online, offline_since, problem) = (link.online, link.offline_since, link.problem);
        let clock = self.clock_status();
        Ok(Status { online, offline_since, last_contact, waiting, set_aside, notices, problem, clock })
    }

    /// Everything that changes from now on.
    pub fn events(&self) -> Receiver<Event> {
        let (sender, receiver) = channel();
        lock(&self.listeners).push(sender);
        receiver
    }

    /// Writes one fact: change, entry and rows in one transaction. The caller holds the ledger from its
    /// own checks on, so that two requests at one moment can not both find, say, the same amount due.
    fn write(
        &self,
        ledger: &mut Ledger,
        shop: &ShopId,
        (by, now): (&Person, Timestamp),
        body: FactBody,
        request: Option<&str>,
    ) -> Result<(FactId, Option<SaleRow>), TillError> {
        let writer = ledger.writer(shop)?;
        let (tip, strand) = match ledger.last(shop) {
            Some(last) => (Some(last.entry.clone()), Some(last.strand)),
            None => (ledger.tip(shop, writer)?, None),
        };
        let head = tip.as_ref().map_or_else(|| Head::genesis(shop, writer), Head::of);
        let last = match tip.as_ref().map(|tip| &tip.body) {
            Some(Body::Fact { at, .. }) => Some(*at),
            Some(Body::Change(_)) => ledger.last_fact_at(shop, writer)?,
            None => None,
        };
        if matches!(body, FactBody::Sale(_)) {
            self.may_sell(shop, now, last)?;
        }
        let (at, clock) = self.stamp(now, last);
        let document = Document::DayBook(at.business_day());
        // Nearly always the last entry is of today.
        let place = match tip {
            Some(tip) if tip.document == document => strand.or_else(|| Some(day_book::change(&tip).strand)),
            _ => ledger.strand_end(shop, writer, document)?.map(|end| day_book::change(&end).strand),
        };
        let id = FactId { actor: writer, number: head.number.saturating_add(1) };
        let fact = Fact { id, at, clock, formerly: None, by: by.clone(), body };
        let Opened { entry, strand } = head.fact(&fact, place);
        // What could not be read again would be no sale for anybody else: better to say so before a receipt prints.
        if day_book::fact(&entry).as_ref() != Some(&fact) {
            return Err(TillError::Refused(
                "this is beyond what a ledger can hold: make it smaller".to_owned(),
            ));
        }
        if entry.body.size() > replica::journal::MAX_CHANGE_BYTES {
            return Err(TillError::Refused("this is too long to be sent: make two sales of it".to_owned()));
        }
        let row = ledger.record(shop, (&entry, strand), &fact, request)?;
        self.tell(Event::Ledger);
        Ok((id, row))
    }

    fn as_member(&self, actor: Actor) -> Member {
        let Identity { role, letter, name, .. } = self.identity();
        Member { actor, role, letter, name, public_key: self.key.public().to_bytes(), revoked: false }
    }

    fn tell(&self, event: Event) {
        lock(&self.listeners).retain(|listener| listener.send(event).is_ok());
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    fn catalogues(&self) -> MutexGuard<'_, Shelf> {
        lock(&self.catalogues)
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        lock(&self.link)
    }

    fn care(&self) -> MutexGuard<'_, Care> {
        lock(&self.care)
    }
}

/// A thread that panicked while it held a lock left nothing half done: every write is one transaction.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn head(ledger: &Ledger, shop: &ShopId, actor: Actor) -> Result<Head, TillError> {
    let tip = ledger.tip(shop, actor)?;
    if let Some(fact) = tip.as_ref().filter(|tip| tip.document != Document::Catalogue) {
        return Ok(Head::of(fact));
    }
    let tip = tip.as_ref().map_or_else(|| Head::genesis(shop, actor), Head::of);
    // Of a journal that was entered, single entries of the catalogue may lie before the base.
    let base = ledger.base(shop, actor)?.filter(|base| base.number > tip.number);
    Ok(base.map_or(tip, |Base { number, chain }| Head { number, chain }))
}

/// The sale that a short reference names, such as `A42`.
fn named_by(reference: &str, letters: &BTreeMap<Actor, String>) -> Option<FactId> {
    let typed = reference.trim().to_ascii_uppercase();
    let (letter, number) = typed.split_at_checked(typed.find(|c: char| c.is_ascii_digit())?)?;
    let number = number.parse().ok()?;
    let actor = letters.iter().find(|(_, of)| of.as_str() == letter).map(|(actor, _)| *actor)?;
    Some(FactId { actor, number })
}

/// What a request with this key recorded, if it was made before; `same` says whether a fact can be what it asks
/// for now.
fn asked_before(
    ledger: &Reader,
    (shop, request): (&ShopId, Option<&str>),
    same: impl Fn(&FactBody) -> bool,
) -> Result<Option<FactId>, TillError> {
    let Some(made) = request.map(|key| ledger.request(key)).transpose()?.flatten() else { return Ok(None) };
    let entry = match ledger.entry(shop, made) {
        Err(LedgerError::Unknown(_)) => None,
        found => Some(found?),
    };
    if entry.as_ref().and_then(day_book::fact).is_some_and(|fact| same(&fact.body)) {
        return Ok(Some(made));
    }
    let reused = "this Idempotency-Key was used for something else: give every request a key of its own";
    Err(TillError::Refused(reused.to_owned()))
}

fn reason_of(typed: &str) -> Result<String, TillError> {
    let reason: String = typed.trim().chars().take(200).collect();
    let asked = || TillError::Refused("give a reason: others will read it in the history".to_owned());
    if reason.is_empty() { Err(asked()) } else { Ok(reason) }
}
