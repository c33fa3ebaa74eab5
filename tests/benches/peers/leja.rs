//! Leja as a peer of a harness that runs sync engines on the same sales: a till or a hub in a process of its
//! own, asked over two pipes, a line of JSON each way. `tests/benches/peers/run` puts it beside the others.
//!
//!     leja till FOLDER HUB-URL NAME ASK ANSWER
//!     leja hub FOLDER PORT ASK ANSWER
//!
//! The harness lets a client write before there is a server, so the two sides know each other beforehand: the
//! clients' keys are made from their names, and nobody enrols. Everything else is as in a shop.

use domain::{
    Account, Actor, FactId, How, Line, Member, Money, Person, Quantity, ReceiptCode, Role, Sale, Shop,
    ShopId, ShortCode, Tender, TillId, Timestamp,
};
use embedded::EmbeddedStore;
use ledger::{Identity, Ledger};
use replica::Keypair;
use serde::Deserialize;
use serde_json::{Value, json};
use service::Store;
use service::store::Tokens;
use service::sync::{Sync, router};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use till::{Deed, Folder, HttpCloud, SaleFilter, Till};

/// The clients of the harness.
const NAMES: [&str; 3] = ["A", "B", "C"];

/// What the harness asks.
#[derive(Deserialize)]
#[serde(tag = "cmd", rename_all = "camelCase")]
enum Ask {
    Write { sale: Sold },
    Sync,
    Count,
    Edit { from: u64, count: u64, patch: Patch },
    Get { from: u64, count: u64 },
    Conflicts { from: u64, count: u64 },
    Close,
}

/// A sale of the harness. Its name is made of the till and a running number, and so is the name it gets here.
#[derive(Deserialize)]
struct Sold {
    ts: i64,
    total: i64,
    method: String,
    lines: Vec<SoldLine>,
}

#[derive(Deserialize)]
struct SoldLine {
    p: String,
    q: u32,
    u: i64,
}

/// What the harness calls an edit. A sale of Leja's is never edited: money that goes back is a cancellation
/// with its reason, and another payment is a claim.
#[derive(Deserialize)]
struct Patch {
    status: Option<String>,
    method: Option<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["till", folder, hub, name, ask, answer] => {
            let mut till = Some(open(Path::new(folder), hub, name));
            serve(ask, answer, |ask| asked(&mut till, ask));
        }
        ["hub", folder, port, ask, answer] => hub(Path::new(folder), port.parse().unwrap(), ask, answer),
        _ => println!("a peer for tests/benches/peers/run, which starts it"),
    }
}

/// Answers line by line until told to close.
fn serve(ask: &str, answer: &str, mut said: impl FnMut(Ask) -> Value) {
    let asks = BufReader::new(File::open(ask).unwrap());
    let mut answers = File::options().write(true).open(answer).unwrap();
    for line in asks.lines() {
        let ask: Ask = serde_json::from_str(&line.unwrap()).unwrap();
        let last = matches!(ask, Ask::Close);
        answers.write_all(format!("{}\n", said(ask)).as_bytes()).unwrap();
        if last {
            return;
        }
    }
}

fn shop() -> Shop {
    let number = ShortCode::parse("123456").unwrap();
    Shop::new(ShopId::parse("s012").unwrap(), "Duka", Account::Till(number), None).unwrap()
}

/// The place of a client among the clients, from 1.
fn place(name: &str) -> u8 {
    u8::try_from(NAMES.iter().position(|known| *known == name).unwrap() + 1).unwrap()
}

fn actor(name: &str) -> Actor {
    Actor::first(TillId(place(name).into()))
}

fn open(home: &Path, hub: &str, name: &str) -> Till {
    let folder = Folder::at(home).unwrap();
    if !folder.is_enrolled() {
        std::fs::write(home.join("till.key"), hex::encode([place(name); 32])).unwrap();
        let identity =
            Identity { actor: actor(name), role: Role::Till, letter: name.to_owned(), name: name.to_owned() };
        Ledger::open(&folder.ledger_path()).unwrap().enrol(&identity, &[shop()]).unwrap();
    }
    Till::open(&folder, Box::new(HttpCloud::new(hub).unwrap())).unwrap()
}

fn asked(till: &mut Option<Till>, ask: Ask) -> Value {
    let Some(open) = till else { return json!(null) };
    let (asha, now) = (Person::named("Asha"), service::system_clock()());
    match ask {
        Ask::Write { sale } => {
            let at = Timestamp::from_millis(sale.ts).unwrap();
            open.sell(sale.into(), &asha, at, None).unwrap();
        }
        Ask::Sync => drop(open.sync(now).unwrap()),
        Ask::Count => return json!(open.sales(&shop().id, SaleFilter::All, None, u32::MAX).unwrap().len()),
        Ask::Edit { from, count, patch } => sales(from, count).for_each(|sale| {
            if let Some(reason) = &patch.status {
                open.void(sale, reason, &asha, now).unwrap();
            }
            if let Some(code) = patch.method.as_deref().and_then(|method| method.strip_prefix("mpesa:")) {
                // A code is money and counts once, so each sale gets one of its own.
                let receipt = ReceiptCode::parse(&format!("{code}{:06}", sale.number)).unwrap();
                open.claim(sale, (receipt, How::StkRequest), &asha, now).unwrap();
            }
        }),
        Ask::Get { from, count } => return sales(from, count).map(|sale| shown(open, sale)).collect(),
        Ask::Conflicts { from, count } => {
            return json!(sales(from, count).filter(|sale| reasons(open, *sale).len() > 1).count());
        }
        Ask::Close => *till = None,
    }
    json!("done")
}

/// The harness's first client makes all sales, and makes them first.
fn sales(from: u64, count: u64) -> impl Iterator<Item = FactId> {
    (from..from + count).map(|number| FactId { actor: actor("A"), number: number + 1 })
}

/// Why a sale was cancelled, by everybody who did.
fn reasons(till: &Till, sale: FactId) -> Vec<String> {
    let history = till.history_of_sale(sale).unwrap().into_iter();
    let reason = |deed| if let Deed::Cancelled(reason) = deed { Some(reason) } else { None };
    history.filter_map(|happened| reason(happened.deed)).collect()
}

fn shown(till: &Till, sale: FactId) -> Value {
    let claim = till.claims(sale).unwrap().into_iter().next();
    let method = claim.map_or("cash".to_owned(), |claim| {
        let code = claim.receipt.as_str();
        format!("mpesa:{}", &code[..code.len() - 6])
    });
    let status = reasons(till, sale).into_iter().next();
    json!({ "id": sale.to_string(), "status": status.unwrap_or("completed".to_owned()), "method": method })
}

impl From<Sold> for Sale {
    fn from(sold: Sold) -> Self {
        let line = |line: &SoldLine| {
            Line::new(&line.p, Quantity::from_milli(line.q * 1000).unwrap(), Money::from_cents(line.u))
                .unwrap()
        };
        let lines = sold.lines.iter().map(line).collect();
        let tender = if sold.method == "mpesa" { Tender::Mpesa } else { Tender::Cash };
        Self::new(lines, Money::from_cents(sold.total), tender, None).unwrap()
    }
}

fn hub(home: &Path, port: u16, ask: &str, answer: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = Arc::new(EmbeddedStore::open(&home.join("hub.sqlite")).unwrap());
    let listener = runtime.block_on(async {
        store.put_shop(&shop(), &Tokens::default()).await.unwrap();
        for name in NAMES {
            let (letter, public_key) =
                (name.to_owned(), Keypair::from_seed(&[place(name); 32]).public().to_bytes());
            let member = Member {
                actor: actor(name),
                role: Role::Till,
                letter,
                name: name.to_owned(),
                public_key,
                revoked: false,
            };
            store.put_member(&member, Some(&shop().id)).await.unwrap();
        }
        tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap()
    });
    let router = router(Sync::new(Arc::clone(&store), service::system_clock()));
    runtime.spawn(async { axum::serve(listener, router).await.unwrap() });
    let heads = || runtime.block_on(store.heads(&shop().id)).unwrap();
    serve(ask, answer, |ask| match ask {
        Ask::Count => json!(heads().iter().map(|(_, head)| head.number).sum::<u64>()),
        _ => {
            // The harness weighs files after their programs ended, without logs.
            let file = rusqlite::Connection::open(home.join("hub.sqlite")).unwrap();
            file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
            json!("done")
        }
    });
}
