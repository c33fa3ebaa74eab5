//! The guard against a till that signs whatever it likes: any bytes as its next change. No panic; and whatever
//! the guard lets through, Automerge merges, saves and loads again, and the catalogue opens again the same.
//!
//! The first byte chooses the document and whether the checksum of the change is made good; the rest is the
//! change, or a fact's own bytes.
#![no_main]

use automerge::{Automerge, Change, ReadDoc};
use domain::{
    Actor, Body, Document, Entry, Item, Money, Person, Product, ProductId, ShopId, TillId, Timestamp,
};
use libfuzzer_sys::fuzz_target;
use replica::{Batch, Catalogue, Head, Keypair, admit, day_book};
use sha2::{Digest, Sha256};

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    let mut bytes = rest.to_vec();
    if choice & 1 == 1 && bytes.len() > 8 {
        let sum = Sha256::digest(&bytes[8..]);
        bytes[4..8].copy_from_slice(&sum[..4]);
    }
    match choice >> 1 & 3 {
        0 => catalogue(bytes),
        1 => fact_of_a_day(Body::Change(bytes)),
        _ => fact_of_a_day(Body::Fact { at: morning(), value: bytes, place: None }),
    }
});

fn morning() -> Timestamp {
    Timestamp::parse_daraja("20261121080000").unwrap()
}

fn actor(till: u32) -> Actor {
    Actor::first(TillId(till))
}

fn entry(till: u32, document: Document, body: Body) -> Entry {
    Entry { actor: actor(till), number: 1, document, body, chain: [0; 32], signature: None }
}

/// A product's change by each of two tills that did not know of each other.
fn set_apart() -> Vec<Entry> {
    let set = |till: u32| {
        let price = Money::from_cents(i64::from(till) * 100);
        let bread = Product::new(ProductId::parse("bread").unwrap(), "Bread", price).unwrap();
        let by = Person::named("Asha");
        let written = Catalogue::default().set(actor(till), &Item::Product(bread), &by, morning());
        entry(till, Document::Catalogue, Body::Change(written.change))
    };
    vec![set(1), set(2)]
}

/// A catalogue in which two tills have set a product apart, and then the stranger's change.
fn catalogue(bytes: Vec<u8>) {
    let mut ours = Catalogue::default();
    let mut entries = set_apart();
    entries.iter().for_each(|entry| drop(ours.admit(entry).unwrap()));
    let foreign = entry(3, Document::Catalogue, Body::Change(bytes));
    if ours.admit(&foreign).is_err() {
        return;
    }
    entries.push(foreign);
    let again = Catalogue::open(&entries).unwrap();
    assert_eq!(format!("{again:?}"), format!("{ours:?}"));
    sound(&entries);
}

/// A batch of one entry, honestly signed by a hostile till.
fn fact_of_a_day(body: Body) {
    let genesis = Head::genesis(&ShopId::parse("duka").unwrap(), actor(3));
    let document = Document::DayBook(morning().business_day());
    let mut entry = entry(3, document, body);
    let after = genesis.next(document, &day_book::change(&entry).change);
    entry.chain = after.chain;
    let key = Keypair::from_seed(&[3; 32]);
    let Some(batch) = Batch::seal(&[entry], &key) else { return };
    let Ok(opened) = batch.open(genesis, &key.public()) else { return };
    for opened in opened {
        if admit(&opened).is_ok() {
            sound(&day_book::whole(vec![opened.entry]));
        }
    }
}

/// Automerge itself takes the changes, saves them, and loads what it saved.
fn sound(entries: &[Entry]) {
    let change = |entry: &Entry| Change::from_bytes(day_book::change(entry).change).unwrap();
    let mut document = Automerge::new();
    document.apply_changes(entries.iter().map(change)).unwrap();
    assert!(document.get_missing_deps(&[]).is_empty());
    let loaded = Automerge::load(&document.save()).unwrap();
    assert_eq!(loaded.get_heads(), document.get_heads());
}
