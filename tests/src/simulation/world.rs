//! Who lives in a simulated world: a hub on a store that misbehaves, Safaricom with its faults, shops,
//! tills, head office, and in some shops an enrolled till that lies.

use super::customs::Customs;
use super::desk::Desk;
use super::hostile::Mallory;
use super::network::Line;
use super::oracle::{Books, LicencePaid, Licences};
use super::plan::Scale;
use super::run::shop_named;
use crate::drill::Near;
use crate::faulty::Faulty;
use crate::world::World;
use domain::{Actor, Money, Role, ShopId, TillId};
use embedded::EmbeddedStore;
use fastrand::Rng;
use local::safaricom::{
    Delays, Delivery, Fate, Faults, Kind, Number, Sent, Setup, Simulator, Status, Transaction, What,
};
use serde_json::json;
use service::Store;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use till::TillError;

/// The numbers that customers pay to: a till and paybills.
const NUMBERS: [(&str, &str); 4] =
    [("till", "123456"), ("paybill", "600638"), ("paybill", "600639"), ("till", "123457")];

/// The paybill to which licences are paid.
pub const PLATFORM: &str = "400200";

/// A shop.
pub struct Shop {
    /// Its name.
    pub id: ShopId,
    /// What customers pay to.
    pub number: &'static str,
    /// Whether customers type an account number.
    pub paybill: bool,
    /// What it chose about money.
    pub customs: Customs,
    /// The tills that may write in it.
    pub tills: BTreeSet<TillId>,
    /// Every honest actor, for whoever wants to lie about them.
    pub actors: Vec<Actor>,
    /// The till that lies.
    pub mallory: Option<Mallory>,
}

/// The world.
pub struct Town {
    /// The hub.
    pub world: World<Faulty<EmbeddedStore>, Near>,
    /// Safaricom.
    pub safaricom: Arc<Simulator>,
    /// Which licences are sold, if any are.
    pub licences: Option<Licences>,
    /// The shops.
    pub shops: Vec<Shop>,
    /// The tills, shop by shop, and head office last.
    pub desks: Vec<Desk>,
    /// The sticks that lie about in the shops.
    pub sticks: Vec<Stick>,
    /// Where the tills live.
    pub folder: tempfile::TempDir,
}

/// A stick that somebody wrote.
pub struct Stick {
    /// In which shop it lies.
    pub shop: ShopId,
    /// Whose journals are on it: head office writes those of every shop.
    pub of: BTreeSet<ShopId>,
    /// The file on it.
    pub file: PathBuf,
}

impl Town {
    /// Builds a town and enrols everybody, in fair weather.
    pub fn new(seed: u64, scale: Scale) -> Self {
        let mut simulator = None;
        let world = World::within(folder(), |store, clock| {
            let setup = Setup::by_hand("key", "secret", seed, clock);
            let delays = Delays { callback: Duration::from_secs(900), ..setup.delays };
            let safaricom = simulator.insert(Simulator::with(Setup { delays, ..setup }));
            (Faulty::new(store, 0, seed), Near::to(safaricom))
        });
        let safaricom = simulator.unwrap();
        safaricom.deliver_over(Delivery::Router(world.router()));
        let folder = folder();
        let (shops, desks, sticks) = (Vec::new(), Vec::new(), Vec::new());
        let licences = None;
        let mut town = Self { world, safaricom, licences, shops, desks, sticks, folder };
        let mut random = Rng::with_seed(seed ^ 0x70_77_4e);
        let age = town.sell_licences(&mut random);
        for place in 0..scale.shops as usize {
            let hostile = random.bool();
            town.open_shop(place, scale.tills, hostile, Customs::of(&mut random.fork()));
        }
        let office = town.desk("office", None);
        town.desks.push(office);
        town.settle();
        town.world.pass(age);
        town
    }

    /// Whoever runs the cloud sells licences, or does not. Gives for how long the shops have traded before, in seconds:
    /// their days of grace end on the first day of the run, or in a week.
    fn sell_licences(&mut self, random: &mut Rng) -> i64 {
        const HOUR: i64 = 3600;
        if random.u8(..5) > 1 {
            return 0;
        }
        let hours = random.i64(0..14);
        self.world.pass(hours * HOUR);
        let (price, days) = (random.choice([1_000, 300]).unwrap(), random.choice([1, 30]).unwrap());
        let form = json!({ "paybill": PLATFORM, "price": price.to_string(), "days": days });
        let sells = self.world.administrator();
        sells.ask("POST", "/v1/admin/licences", &form, self.world.now()).unwrap();
        let platform = ShopId::of_platform();
        self.safaricom.register(Number {
            shortcode: PLATFORM.into(),
            business: PLATFORM.into(),
            passkey: "world-passkey".into(),
            name: "Licences".into(),
            account: "paybill".into(),
            confirmation_url: format!(
                "https://pay.example.com{}",
                self.world.token_path(&platform, "c/confirmation")
            ),
            pull: true,
            ..Number::default()
        });
        let price = Money::from_cents(price * 100);
        self.licences = Some(Licences { began: self.world.now(), price, days });
        // The run begins in the morning.
        if random.u8(..4) == 0 { (24 - hours) * HOUR } else { (7 * 24 - hours) * HOUR }
    }

    /// Head office writes down what each shop chose, and everybody hears of it.
    fn settle(&mut self) {
        let now = || self.world.now();
        let (office, tills) = self.desks.split_last().unwrap();
        office.till().sync(now()).unwrap();
        for Shop { id, customs, .. } in &self.shops {
            for item in customs.items() {
                office.till().set(id, &item, &office.person, now()).unwrap();
            }
        }
        for desk in [office].into_iter().chain(tills) {
            desk.till().sync(now()).unwrap();
        }
        self.desks.iter_mut().for_each(|desk| desk.heard.is_settled = true);
    }

    /// What a shop chose.
    pub fn customs_of(&self, shop: &ShopId) -> Option<Customs> {
        self.shops.iter().find(|it| it.id == *shop).map(|it| it.customs)
    }

    fn open_shop(&mut self, place: usize, tills: u32, hostile: bool, customs: Customs) {
        let (account, number) = NUMBERS[place];
        let id = self.world.shop(&format!("shop-{place}"), account, number);
        self.safaricom.register(Number {
            shortcode: number.into(),
            business: number.into(),
            passkey: "world-passkey".into(),
            name: "Duka".into(),
            account: account.into(),
            confirmation_url: format!(
                "https://pay.example.com{}",
                self.world.token_path(&id, "c/confirmation")
            ),
            pull: true,
            ..Number::default()
        });
        let mut actors = Vec::new();
        for till in 0..tills {
            let desk = self.desk(&format!("till-{place}{}", char::from(b'a' + till as u8)), Some(&id));
            actors.push(desk.till().identity().actor);
            self.desks.push(desk);
        }
        let mallory = hostile.then(|| {
            let code = self.world.code(Role::Till, Some(&id));
            let folder = self.folder.path().join(format!("mallory-{place}"));
            Mallory::new(self.world.line(), &folder, &id, &code)
        });
        let honest = actors.iter().map(|actor: &Actor| actor.till);
        let tills = honest.chain(mallory.as_ref().map(Mallory::till)).collect();
        self.shops.push(Shop { id, number, paybill: account == "paybill", customs, tills, actors, mallory });
    }

    /// A new till begins in a shop that has traded, and keeps so many days of its history; gives its name.
    ///
    /// # Errors
    /// It does not start.
    pub fn join(&mut self, at: usize, days: Option<u32>) -> Result<String, TillError> {
        let (shop, name) = (self.desks[at].shop.clone(), format!("{}-new", self.desks[at].name));
        let mut desk = self.desk(&name, shop.as_ref());
        desk.beside = Some(at);
        desk.keep_days(days)?;
        let actor = desk.till().identity().actor;
        if let Some(shop) = self.shops.iter_mut().find(|it| Some(&it.id) == shop.as_ref()) {
            shop.tills.insert(actor.till);
            shop.actors.push(actor);
        }
        // Head office stays the last.
        self.desks.insert(self.desks.len() - 1, desk);
        Ok(name)
    }

    fn desk(&self, name: &str, shop: Option<&ShopId>) -> Desk {
        let role = if shop.is_some() { Role::Till } else { Role::Office };
        let code = self.world.code(role, shop);
        Desk::new(name, shop.cloned(), self.line(), self.folder.path().join(name), &code)
    }

    /// A line to the cloud.
    pub fn line(&self) -> Line {
        Line::new(self.world.line(), self.world.hand())
    }

    /// What Safaricom's books say, and what it was acknowledged.
    pub fn books(&self) -> Books {
        let mut books = Books::default();
        for shop in &self.shops {
            let moved = self.safaricom.transactions(shop.number).into_iter();
            let (back, moved): (Vec<Transaction>, Vec<Transaction>) =
                moved.partition(|entry| entry.kind == Kind::Reversal);
            let linked = back.into_iter().filter_map(|entry| entry.linked);
            let codes = linked.map(|code| domain::ReceiptCode::parse(&code).unwrap());
            books.back.extend(codes.map(|code| (shop.id.clone(), code)));
            for paid in
                moved.into_iter().filter(|entry| entry.kind.is_payment() && entry.status == Status::Completed)
            {
                let receipt = domain::ReceiptCode::parse(&paid.receipt).unwrap();
                books.moved.insert(receipt.clone(), paid.completed);
                books.money.insert((shop.id.clone(), receipt), paid.amount);
            }
        }
        let shops: Vec<ShopId> = self.shops.iter().map(|shop| shop.id.clone()).collect();
        for paid in self.safaricom.transactions(PLATFORM).into_iter().filter(|it| it.kind.is_payment()) {
            let Some(shop) = shop_named(&paid.reference, &shops) else { continue };
            let (at, amount) = (paid.completed, paid.amount);
            let receipt = domain::ReceiptCode::parse(&paid.receipt).unwrap();
            books.licences.entry(shop).or_default().push(LicencePaid { at, receipt, amount });
        }
        let sent = self.safaricom.callbacks().into_iter();
        let answered =
            sent.filter(|sent| sent.what == What::Confirmation && sent.fate == Fate::Answered(200));
        books.acknowledged =
            answered.filter_map(|sent| domain::ReceiptCode::parse(&sent.about).ok()).collect();
        let inbox = self.world.wait(self.world.store.inner().inbox(usize::MAX)).unwrap();
        books.inbox = inbox.into_iter().map(|item| item.body).collect();
        books
    }

    /// How many results of what was asked of Safaricom were heard, of those with one of these codes.
    pub fn heard(&self, codes: &[&str]) -> u64 {
        let code = |sent: &Sent| {
            let body: serde_json::Value = serde_json::from_str(&sent.body).ok()?;
            let code = &body["Result"]["ResultCode"];
            Some(code.as_str().map_or_else(|| code.to_string(), ToOwned::to_owned))
        };
        let sent = self.safaricom.callbacks().into_iter();
        let heard = sent.filter(|sent| sent.what == What::Result && sent.fate == Fate::Answered(200));
        heard.filter_map(|sent| code(&sent)).filter(|code| codes.contains(&code.as_str())).count() as u64
    }

    /// Everything gets through from now on, and what was on its way arrives.
    pub fn calm(&self) {
        self.world.store.set_percent(0);
        self.world.store.set_late_percent(0);
        self.safaricom.set_faults(Faults::default());
        for desk in &self.desks {
            desk.line.set_weather(super::network::Weather::default());
            desk.line.down_until(0);
            desk.line.bring_late(true);
        }
        // What Safaricom delayed comes within a quarter of an hour.
        self.world.pass(1000);
        self.world.wait(self.safaricom.run_due());
    }
}

/// So much has to be free in memory for worlds to live there.
const ROOM: u64 = 2 << 30;

/// A folder that goes away: in memory if there is room, unless `TMPDIR` says where. What a power cut leaves is
/// [computed](super::power), so no disk has to be waited for.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let has_room = |found: rustix::fs::StatVfs| found.f_bavail.saturating_mul(found.f_frsize) >= ROOM;
    let there = std::env::var_os("TMPDIR").is_none() && rustix::fs::statvfs(memory).is_ok_and(has_room);
    if there { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}
