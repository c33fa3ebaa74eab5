//! A whole cloud moves, from a hub's file to DynamoDB and back: nothing is lost, nothing counts twice, and tills go
//! on.

use domain::{ReceiptCode, Role, ShopId};
use dynamodb::DynamoStore;
use embedded::EmbeddedStore;
use local::admin::{Administrator, compare, copy};
use service::Store;
use service::store::{AnswerKind, Filing, Purpose, RawCallback, Request};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use tests::dynamo::Dynamo;
use tests::faulty::Faulty;
use tests::process::{Running, built, leja};
use tests::tills::is_whole;
use tests::world::{QuietSafaricom, Replica, World, asha, code, exchange, sell, verdicts};
use tokio::runtime::Runtime;

const DAY: i64 = 86_400;

/// A deployment on some store, and its administrator.
struct Cloud<S> {
    world: World<S>,
    administrator: Administrator,
    /// What answers the administrator, where that may do less than all the rest together.
    office: Option<World<S>>,
}

impl<S: Store + Clone> Cloud<S> {
    fn of(world: World<S>) -> Self {
        let folder = world.administrator().path.clone();
        let administrator = Self::run_by(&folder, &world);
        Self { world, administrator, office: None }
    }

    fn run_by(folder: &Path, office: &World<S>) -> Administrator {
        Administrator::by(folder, "the cloud", Box::new(office.line()), office.clock()).unwrap()
    }

    /// The same moment as in another cloud.
    fn at_the_time_of<T>(self, other: &Cloud<T>) -> Self
    where
        T: Store + Clone,
    {
        for world in self.office.iter().chain([&self.world]) {
            world.hand().store(other.world.now().millis(), Ordering::SeqCst);
        }
        self
    }
}

/// The table's server, and a runtime in which it was made.
struct Table {
    dynamo: Dynamo,
    runtime: Runtime,
}

impl Table {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        Self { dynamo: runtime.block_on(Dynamo::start()), runtime }
    }

    /// The functions on the table. The office function may do what the template allows it.
    fn cloud(&self) -> Cloud<DynamoStore> {
        let world = World::with(|_, _| (self.dynamo.store(), QuietSafaricom::default()));
        let folder = world.administrator().path.clone();
        let allowed = self.runtime.block_on(self.dynamo.store_of("office"));
        let office = World::with(|_, _| (allowed, QuietSafaricom::default()));
        Cloud { world, administrator: Cloud::run_by(&folder, &office), office: Some(office) }
    }
}

/// Brings a till to another cloud.
fn moved<S: Store + Clone>(till: Replica, to: &Cloud<S>) -> Replica {
    let path = till.path.clone();
    drop(till);
    to.world.open(path)
}

/// What a till says of the payments: what came, and to which sale it went.
fn payments(till: &Replica, shop: &ShopId) -> Vec<(ReceiptCode, bool)> {
    let mut all: Vec<_> = till
        .payments(shop, false, 1000)
        .unwrap()
        .into_iter()
        .map(|p| (p.receipt, p.sale.is_some()))
        .collect();
    all.sort();
    all
}

/// A shop that has traded for some days, with something of every kind that a store keeps.
struct Traded {
    hub: Cloud<EmbeddedStore>,
    shop: ShopId,
    front: Replica,
    back: Replica,
    office: Replica,
}

fn traded() -> Traded {
    let hub = Cloud::of(World::new());
    let world = &hub.world;
    let shop = world.shop("duka-moja", "till", "123456");
    let (front, back, office) = (world.till(&shop, "Front"), world.till(&shop, "Back"), world.office());
    exchange(world, &[&office]);
    for number in 0..60_u32 {
        let till = if number % 20 == 0 { &back } else { &front };
        let sale = sell(till, 100 + number, world.now());
        if number % 10 == 0 {
            let receipt = format!("UKNUM{number:03}");
            world.pay(&receipt, "123456", 100 + number, "");
            till.sync(world.now()).unwrap();
            if till.sale(sale).unwrap().due > domain::Money::ZERO {
                till.claim(sale, (code(&receipt), domain::How::Picked), &asha(), world.now()).unwrap();
            }
        }
        till.sync(world.now()).unwrap();
        world.pass(60);
    }
    exchange(world, &[&front, &back, &office]);
    world.pass(2 * DAY);
    let report = world.wait(world.sweep.tidy());
    assert!(report.joined > 0, "some batches were joined: {report:?}");
    keep_the_rare(&hub, &shop);
    Traded { hub, shop, front, back, office }
}

/// What a store keeps and a day's trade does not bring.
fn keep_the_rare(hub: &Cloud<EmbeddedStore>, shop: &ShopId) {
    let (world, store) = (&hub.world, &hub.world.store);
    for body in ["waits", "decided", "decided and reopened"] {
        let raw = RawCallback { body: body.into(), received_at: world.now() };
        world.wait(store.record(&raw, &Filing::Inbox("makes no sense".to_owned(), None))).unwrap();
    }
    for item in world.wait(store.inbox(10)).unwrap() {
        if item.body != b"waits" {
            world.wait(store.settle_inbox(&item, "dismissed: nobody's")).unwrap();
        }
        if item.body.ends_with(b"reopened") {
            world.wait(store.reopen_inbox(&item, "reopened: a mistake")).unwrap();
        }
    }
    let request = Request {
        shop: shop.clone(),
        name: "balance 1".to_owned(),
        purpose: Purpose::Balance,
        amount: domain::Money::ZERO,
        at: world.now(),
        accepted: Some((domain::CheckoutId::parse("AG_1").unwrap(), "m-1".to_owned())),
        ask_at: Some(world.now()),
    };
    world.wait(store.accept_request(&request)).unwrap();
    let begun = Request { name: "balance 2".to_owned(), accepted: None, ask_at: None, ..request };
    world.wait(store.begin_request(&begun)).unwrap();
    let raw = RawCallback { body: b"so much".to_vec(), received_at: world.now() };
    let answer = Filing::Answer(domain::CheckoutId::parse("AG_1").unwrap(), AnswerKind::Result);
    world.wait(store.record(&raw, &answer)).unwrap();
    let gone = world.till(shop, "Gone");
    let (member, of) = world.wait(store.member(gone.identity().actor)).unwrap().unwrap();
    world.wait(store.put_member(&domain::Member { revoked: true, ..member }, of.as_ref())).unwrap();
    world.code(Role::Till, Some(shop));
}

/// How many there are of each kind, the same on both sides.
fn counts<A, B>(from: &Cloud<A>, to: &Cloud<B>) -> Vec<(String, u64)> {
    let compared = compare(&from.administrator, &to.administrator).unwrap();
    assert_eq!((compared.differences, compared.came), (vec![], 0));
    for (kind, sums) in &compared.kinds {
        assert_eq!(sums.from, sums.to, "{kind}");
    }
    compared.kinds.into_iter().map(|(kind, sums)| (kind, sums.from.count)).collect()
}

/// A till, head office and all they say, as before.
fn goes_on<S: Store + Clone>(cloud: &Cloud<S>, shop: &ShopId, tills: [&Replica; 3], receipt: &str) {
    let [front, back, office] = tills;
    let (world, before) = (&cloud.world, payments(front, shop));
    let sale = sell(front, 900, world.now());
    world.pay(receipt, "123456", 900, "");
    exchange(world, &tills);
    assert_eq!(payments(front, shop).len(), before.len() + 1, "one more, and none twice");
    assert_eq!(front.sale(sale).unwrap().due, domain::Money::ZERO);
    for other in [back, office] {
        assert_eq!(verdicts(other, shop), verdicts(front, shop));
        assert_eq!(payments(other, shop), payments(front, shop));
        assert_eq!(other.document_heads(shop).unwrap(), front.document_heads(shop).unwrap());
    }
    for till in tills {
        assert_eq!(till.verify(shop).unwrap(), Vec::<String>::new());
        assert_eq!(till.status().unwrap().set_aside, Vec::<String>::new());
        is_whole(&till.path);
    }
}

#[test]
fn a_cloud_moves_to_dynamodb_and_back_and_its_tills_go_on() {
    let Traded { hub, shop, front, back, office } = traded();
    let table = Table::new();
    let aws = table.cloud().at_the_time_of(&hub);
    // The first run brings most of it while the shop sells on.
    copy(&hub.administrator, &aws.administrator).unwrap();
    hub.world.pay("UKLATE1", "123456", 700, "");
    let unsent = sell(&front, 555, hub.world.now());
    let sent = sell(&back, 700, hub.world.now());
    back.sync(hub.world.now()).unwrap();
    let compared = compare(&hub.administrator, &aws.administrator).unwrap();
    let back_journal = format!("journal {shop} {}: different there", back.identity().actor);
    assert!(compared.differences.contains(&back_journal), "{:?}", compared.differences);
    assert!(
        compared.differences.contains(&format!("message {shop} c2b_confirmation UKLATE1: missing there"))
    );
    // The last run, when nobody writes any more, brings the rest.
    for _ in 0..2 {
        copy(&hub.administrator, &aws.administrator).unwrap();
    }
    let kinds = counts(&hub, &aws);
    let names: Vec<&str> = kinds.iter().map(|(kind, _)| kind.as_str()).collect();
    let all = [
        "answer",
        "counter",
        "enrolment",
        "inbox",
        "journal",
        "member",
        "message",
        "note",
        "request",
        "shop",
    ];
    assert_eq!(names, all, "{kinds:?}");

    let before = verdicts(&back, &shop);
    let [front, back, office] = [front, back, office].map(|till| moved(till, &aws));
    exchange(&aws.world, &[&front, &back, &office]);
    assert_eq!(verdicts(&back, &shop).len(), before.len() + 1, "what was not sent yet comes here");
    assert!(verdicts(&office, &shop).iter().any(|(id, ..)| *id == unsent));
    assert_eq!(office.sale(sent).unwrap().due, domain::Money::ZERO, "the late payment is its");
    goes_on(&aws, &shop, [&front, &back, &office], "UKAWS01");
    let new = aws.world.till(&shop, "New");
    exchange(&aws.world, &[&new, &office]);
    assert_eq!(verdicts(&new, &shop), verdicts(&front, &shop), "a till that was never at the hub");

    // The hub that was left is behind: nothing goes from it any more, and it takes what it missed.
    let refused = copy(&hub.administrator, &aws.administrator).unwrap_err().to_string();
    assert!(refused.contains("is in use: the journal"), "{refused}");
    copy(&aws.administrator, &hub.administrator).unwrap();
    counts(&aws, &hub);
    let [front, back, office] = [front, back, office].map(|till| moved(till, &hub));
    exchange(&hub.world, &[&front, &back, &office]);
    goes_on(&hub, &shop, [&front, &back, &office], "UKHUB01");
}

#[test]
fn what_broke_off_is_run_again_until_all_of_it_is_there() {
    let Traded { hub, .. } = traded();
    let faulty = Faulty::new(fresh(), 0, 7);
    let other =
        Cloud::of(World::with(|_, _| (faulty.clone(), QuietSafaricom::default()))).at_the_time_of(&hub);
    // Each page takes many calls, and what was refused is asked again by itself.
    faulty.set_percent(1);
    let tries = (1..40).find(|_| copy(&hub.administrator, &other.administrator).is_ok());
    faulty.set_percent(0);
    println!("{tries:?} tries");
    assert!(tries.is_some());
    counts(&hub, &other);
}

/// A hub's file of its own.
fn fresh() -> EmbeddedStore {
    let folder = tempfile::tempdir().unwrap().keep();
    EmbeddedStore::open(&folder.join("hub.sqlite")).unwrap()
}

#[test]
fn what_is_not_the_same_is_told_by_name_and_what_safaricom_says_meanwhile_is_no_fault() {
    let Traded { hub, shop, .. } = traded();
    let other = Cloud::of(World::new()).at_the_time_of(&hub);
    copy(&hub.administrator, &other.administrator).unwrap();
    // There alone: a payment that came by the new address already.
    other.world.pay("UKNEW01", "123456", 10, "");
    let compared = compare(&hub.administrator, &other.administrator).unwrap();
    assert_eq!((compared.differences, compared.came), (vec![], 1));
    let world = &hub.world;
    world.wait(world.store.put_note(&shop, "a note", b"x")).unwrap();
    world.wait(other.world.store.put_note(&shop, "a note", b"y")).unwrap();
    world.wait(other.world.store.put_note(&shop, "another", b"y")).unwrap();
    world.wait(world.store.next_number("tills")).unwrap();
    let compared = compare(&hub.administrator, &other.administrator).unwrap();
    let expected = [
        "counter tills: different there".to_owned(),
        format!("note {shop} a note: different there"),
        format!("note {shop} another: there alone"),
    ];
    assert_eq!(compared.differences, expected);
    let (from, to) = (compared.kinds["note"].from, compared.kinds["note"].to);
    assert_eq!(from.count, to.count);
    assert_ne!(from.to_string(), to.to_string(), "as many, and other");
}

#[test]
fn a_member_of_another_cloud_does_not_take_the_number_of_one_here() {
    let Traded { hub, .. } = traded();
    let other = Cloud::of(World::new()).at_the_time_of(&hub);
    let shop = other.world.shop("duka-moja", "till", "123456");
    let till = other.world.till(&shop, "Somebody else");
    let refused = copy(&hub.administrator, &other.administrator).unwrap_err().to_string();
    assert!(refused.contains("here that number is Somebody else's"), "{refused}");
    let (kept, _) = other.world.wait(other.world.store.member(till.identity().actor)).unwrap().unwrap();
    assert_eq!(kept.name, "Somebody else");
}

#[test]
fn only_who_runs_the_cloud_reads_or_writes_its_records() {
    let Traded { hub, front, office, .. } = traded();
    let now = hub.world.now();
    let read = serde_json::json!({ "part": { "of": "members" } });
    let write = serde_json::json!({ "records": [] });
    for who in [&front, &office] {
        for (path, body) in [("/v1/admin/records/read", &read), ("/v1/admin/records", &write)] {
            let refused = who.ask("POST", path, body, now).unwrap_err();
            assert!(refused.contains("another role"), "{refused}");
        }
    }
}

#[test]
fn an_export_of_a_shop_is_all_of_it_and_the_same_from_either_store() {
    let Traded { hub, shop, .. } = traded();
    let table = Table::new();
    let aws = table.cloud().at_the_time_of(&hub);
    copy(&hub.administrator, &aws.administrator).unwrap();
    // Of another shop nothing is told.
    let other = hub.world.shop("duka-mbili", "paybill", "600638");
    hub.world.pay("UKOTHER", "600638", 5, "");
    let home = tempfile::tempdir().unwrap();
    let lines = |administrator: &Administrator, name: &str| -> Vec<String> {
        let file = home.path().join(name);
        let count = administrator.export(&shop, &file).unwrap();
        let mut lines: Vec<String> =
            std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(u64::try_from(lines.len()).unwrap(), count);
        lines.sort();
        lines
    };
    let (from_hub, from_aws) = (lines(&hub.administrator, "hub"), lines(&aws.administrator, "aws"));
    assert_eq!(from_hub, from_aws);
    assert!(!from_hub.iter().any(|line| line.contains("UKOTHER") || line.contains(other.as_str())));
    for record in ["shop", "member", "counter", "note", "request", "answer", "message", "batch"] {
        let kind = format!(r#""record":"{record}""#);
        assert!(from_hub.iter().any(|line| line.contains(&kind)), "{record}");
    }
    assert!(
        from_hub.iter().any(|line| line.contains("UKNUM000") && line.contains("WANJIRU")),
        "bodies as they came"
    );
    let unknown = hub.administrator.export(&ShopId::parse("nobodys").unwrap(), &home.path().join("x"));
    assert!(unknown.unwrap_err().to_string().contains("there is no shop nobodys"));
}

/// Two hubs of the real program, each with a folder of its own.
struct Hub {
    address: String,
    folder: PathBuf,
    _running: Running,
}

impl Hub {
    fn start(folder: PathBuf) -> Self {
        let mut hub = std::process::Command::new(built("leja"));
        hub.args(["hub", "--listen", "127.0.0.1:0", "--data"]).arg(&folder);
        let running = Running::start(&mut hub);
        Self { address: running.address(), folder, _running: running }
    }

    fn admin(&self, words: &[&str]) -> String {
        let folder = self.folder.join("admin");
        leja(&[&["admin", "--hub", &self.address, "--admin", folder.to_str().unwrap()], words].concat())
    }
}

#[test]
fn the_program_moves_a_hub_and_exports_a_shop() {
    let home = tempfile::tempdir().unwrap();
    let old = Hub::start(home.path().join("old"));
    old.admin(&["shop", "duka", "--name", "Duka", "--account", "till", "--shortcode", "123456"]);
    std::fs::create_dir(home.path().join("new")).unwrap();
    std::fs::copy(old.folder.join("callback.secret"), home.path().join("new/callback.secret")).unwrap();
    let (new, other) = (Hub::start(home.path().join("new")), Hub::start(home.path().join("other")));
    let way = |to: &Hub| vec![to.address.clone(), to.folder.join("admin").to_str().unwrap().to_owned()];
    let migrate = |to: &Hub| -> Vec<String> {
        let [address, admin] = way(to).try_into().unwrap();
        ["migrate", "--to", &address, "--to-admin", &admin].map(str::to_owned).into()
    };
    for _ in 0..2 {
        let words = migrate(&new);
        let said = old.admin(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(said.contains("shop") && said.ends_with("all of it is there\n"), "{said}");
    }
    assert!(new.admin(&["shops"]).contains("duka"));

    let file = home.path().join("duka.jsonl");
    let said = old.admin(&["export", "duka", file.to_str().unwrap()]);
    let lines: Vec<serde_json::Value> = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(said, format!("{} records\n", lines.len()));
    assert_eq!(lines[0]["record"], "shop");
    assert_eq!(lines[0]["shop"]["id"], "duka");

    // A hub with a secret of its own would not know Safaricom's addresses.
    let (words, folder) = (migrate(&other), old.folder.join("admin"));
    let mut command = std::process::Command::new(built("leja"));
    command.args(["admin", "--hub", &old.address, "--admin"]).arg(folder).args(words);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && said.contains("callback secret: another there"), "{said}");
}
