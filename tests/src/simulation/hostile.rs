//! An enrolled till that says what it must not: every request is signed by its own good key. Between its lies it
//! sells, as an honest till does; what it sold counts, and nobody else may come to harm.

use super::customs::TAX;
use super::oracle::{What, Written};
use super::plan::DAY;
use super::trade::Basket;
use crate::world::Line2Hub;
use domain::{
    Actor, Body, BusinessDay, Cited, Claim, Count, Counted, Document, Entry, Fact, FactBody, FactId, How,
    Level, Money, Person, ProductId, Quantity, ReceiptCode, Return, Returned, Seen, ShopId, StockMove,
    Strand, Tax, Tender, TillId, Timestamp, Why,
};
use fastrand::Rng;
use replica::wire::{MAX_BODY_BYTES, SyncAnswer, SyncRequest};
use replica::{Batch, Head, Keypair, Opened, day_book};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use till::{CloudError, CloudRequest, Folder, enrol};

/// What a claim can be based on.
const GROUNDS: [How; 5] = [How::StkRequest, How::AccountReference, How::Typed, How::Picked, How::Automatic];

/// The till.
pub struct Mallory {
    line: Line2Hub,
    key: Keypair,
    actor: Actor,
    shop: ShopId,
    /// Where its journal ends in the cloud.
    head: Head,
    /// Where the last sale of each day left its strand.
    strands: BTreeMap<BusinessDay, Strand>,
    /// What it sold and the cloud acknowledged, since somebody asked.
    pub sold: Vec<Written>,
    /// Every name under which it ever tried to sell: an answer may have been lost.
    pub tried: Vec<FactId>,
}

impl Mallory {
    /// Enrols as any till does.
    pub fn new(line: Line2Hub, folder: &Path, shop: &ShopId, code: &str) -> Self {
        let identity = enrol(&Folder::at(folder).unwrap(), &line, code, "Mallory").unwrap();
        let seed = std::fs::read_to_string(folder.join("till.key")).unwrap();
        let key = Keypair::from_seed(&hex::decode(seed.trim()).unwrap().try_into().unwrap());
        let (actor, shop) = (identity.actor, shop.clone());
        let head = Head::genesis(&shop, actor);
        Self { line, key, actor, head, shop, strands: BTreeMap::new(), sold: Vec::new(), tried: Vec::new() }
    }

    /// Its number.
    pub fn till(&self) -> TillId {
        self.actor.till
    }

    /// Does its worst once; gives what, and what the cloud said. `others` are the tills it knows of, `known` what
    /// happened in the shop, and `codes` those of payments.
    pub fn strike(
        &mut self,
        others: &[Actor],
        elsewhere: &ShopId,
        (known, codes): (&[Fact], &[ReceiptCode]),
        now: Timestamp,
        random: &mut Rng,
    ) -> String {
        let mut noise =
            |most: usize| -> Vec<u8> { (0..random.usize(1..most)).map(|_| random.u8(..)).collect() };
        let garbage = noise(300);
        let request = |batch| SyncRequest { have: BTreeMap::new(), cursor: Vec::new(), behind: true, batch };
        let shop = self.shop.clone();
        match random.u8(..22) {
            14.. => match self.lie(others, (known, codes), random) {
                Some(body) => {
                    // Clocks that are off, and such as want to be the last.
                    let at = now.plus_millis(random.i64(-2 * DAY..2 * DAY));
                    let what = format!("{body:?}");
                    told(&what, &self.say(body, (at, self.strand(at.business_day())), now))
                }
                None => "nothing to lie about".to_owned(),
            },
            0 => {
                // Well numbered, chained and signed; what is in it is nothing.
                let entry = self.nonsense(garbage, now, random);
                told("nonsense", &self.write(&entry, now))
            }
            9..=11 => {
                let place = self.strand(now.business_day());
                told("a sale", &self.sell(place, now, random))
            }
            12 | 13 => {
                let changes = random.u64(0..=self.head.number);
                let place = (changes > 0).then_some((changes, [9; 32]));
                told("a sale out of its strand", &self.sell(place, now, random))
            }
            1 => {
                let beyond = Head { number: self.head.number + random.u64(1..1000), ..self.head };
                told("a gap", &self.ask(&shop, request(self.batch(beyond, garbage)).encode(), now))
            }
            2 => {
                let before = Head { number: self.head.number.saturating_sub(1), ..self.head };
                told("a fork", &self.ask(&shop, request(self.batch(before, garbage)).encode(), now))
            }
            3 => {
                let actor = random.choice(others).copied().unwrap_or(Actor::first(TillId(9999)));
                let entry = Head::genesis(&shop, actor).change(actor, garbage);
                let batch = Batch::seal(&[entry], &self.key);
                told("another's name", &self.ask(&shop, request(batch).encode(), now))
            }
            4 => {
                let huge = self.batch(self.head, vec![7; 70_000]);
                told("a huge entry", &self.ask(&shop, request(huge).encode(), now))
            }
            5 => told("a huge body", &self.ask(&shop, vec![1; MAX_BODY_BYTES + 1], now)),
            6 => told("noise", &self.ask(&shop, garbage, now)),
            7 => {
                let have = others.iter().map(|actor| (*actor, random.u64(..))).collect();
                let asked = SyncRequest { have, cursor: garbage, behind: random.bool(), batch: None };
                told("a cursor of its own", &self.ask(&shop, asked.encode(), now))
            }
            _ => {
                let answer = self.ask(elsewhere, request(None).encode(), now);
                assert!(answer.is_err(), "it was told of another shop");
                told("another shop", &answer)
            }
        }
    }

    /// Sends the next entry of its journal.
    fn write(&mut self, entry: &Entry, now: Timestamp) -> Result<Vec<u8>, CloudError> {
        let batch = Batch::seal(std::slice::from_ref(entry), &self.key);
        let request = SyncRequest { have: BTreeMap::new(), cursor: Vec::new(), behind: true, batch };
        let answer = self.ask(&self.shop, request.encode(), now);
        let read = answer.as_ref().map(|body| SyncAnswer::decode(body));
        // An earlier one may have arrived although nobody heard so.
        if let Ok(Ok(SyncAnswer { taken: Some(taken), .. })) = read {
            self.head = taken;
        }
        answer
    }

    /// Where its strand of a day really ends.
    pub fn strand(&self, day: BusinessDay) -> Strand {
        self.strands.get(&day).copied().flatten()
    }

    /// Sells something, at a place of its strand that may be made up. Gives what the cloud answered.
    ///
    /// # Errors
    /// The cloud refused.
    pub fn sell(&mut self, place: Strand, now: Timestamp, random: &mut Rng) -> Result<Vec<u8>, CloudError> {
        let (tax, coin) = (Tax::new(TAX, random.bool()).ok(), random.choice([0, 100, 2_000]));
        let sale = Basket::of(random, Tender::Cash).sale(tax, coin.map(Money::from_cents));
        let id = FactId { actor: self.actor, number: self.head.number + 1 };
        let before = self.strands.clone();
        let answer = self.say(FactBody::Sale(sale.clone()), (now, place), now);
        // An earlier lie may stand under this number, whose answer was lost.
        if self.strands != before {
            let (shop, by) = (self.shop.clone(), Person::named("Mallory"));
            let (what, cites) = (What::Sold(sale), BTreeMap::new());
            self.sold.push(Written { id, shop, at: now, by, what, cites });
        }
        answer
    }

    /// Writes a fact, whatever is in it.
    fn say(
        &mut self,
        body: FactBody,
        (at, place): (Timestamp, Strand),
        now: Timestamp,
    ) -> Result<Vec<u8>, CloudError> {
        let id = FactId { actor: self.actor, number: self.head.number + 1 };
        let fact = Fact { id, at, clock: None, formerly: None, by: Person::named("Mallory"), body };
        let Opened { entry, strand } = self.head.fact(&fact, place);
        self.tried.push(id);
        let answer = self.write(&entry, now);
        if self.head == Head::of(&entry) {
            self.strands.insert(at.business_day(), Some(strand));
        }
        answer
    }

    /// Something that an honest till could have said as well, about what is others', and in numbers that nobody
    /// has on a shelf.
    fn lie(
        &self,
        others: &[Actor],
        (known, codes): (&[Fact], &[ReceiptCode]),
        random: &mut Rng,
    ) -> Option<FactBody> {
        let one = |random: &mut Rng, is_it: fn(&FactBody) -> bool| {
            let fit: Vec<&Fact> = known.iter().filter(|fact| is_it(&fact.body)).collect();
            random.choice(fit).map(Fact::cited)
        };
        let sale = |random: &mut Rng| one(random, |body| matches!(body, FactBody::Sale(_)));
        let product =
            || ["bread", "milk", "sugar", "soap", "gold"].map(|name| ProductId::parse(name).unwrap());
        Some(match random.u8(..16) {
            0 => FactBody::Void { sale: sale(random)?, reason: format!("a lie {}", self.head.number) },
            1 => FactBody::Cash {
                sale: sale(random)?,
                amount: Money::from_cents(random.i64(1..100_000_000)),
                rounding: Money::from_cents(random.i64(-1_000..=1_000)),
            },
            2 => {
                let (receipt, how) = (random.choice(codes)?.clone(), *random.choice(&GROUNDS)?);
                let part = random.bool().then(|| Money::from_cents(random.i64(1..100_000_000)));
                FactBody::Claim(Claim { part, ..Claim::new(receipt, sale(random)?, how) })
            }
            9 => {
                let (sale, reason) = (sale(random)?, "a lie".to_owned());
                let amount = Money::from_cents(random.i64(1..100_000_000));
                let rounding = Money::from_cents(random.i64(-1_000..=1_000));
                FactBody::Refund { sale, amount, rounding, reason }
            }
            10 => {
                let (line, amount) = (random.u16(..3), Money::from_cents(random.i64(0..100_000_000)));
                let back =
                    Returned { line, quantity: Quantity::ONE, product: product().first().cloned(), amount };
                let (sale, reason) = (sale(random)?, "a lie".to_owned());
                FactBody::Return(Return { sale, goods: vec![back], restock: random.bool(), reason })
            }
            11 => {
                let until = BusinessDay::from_number(random.i32(700_000..800_000)).ok()?;
                FactBody::PeriodClosed { until, reason: "a lie".to_owned() }
            }
            12 => {
                let (receipt, reason) = (random.choice(codes)?.clone(), "a lie".to_owned());
                FactBody::ReversalAsked { receipt, amount: Money::from_cents(random.i64(1..100_000)), reason }
            }
            15 => {
                let what = one(random, |body| {
                    matches!(
                        body,
                        FactBody::Cash { .. }
                            | FactBody::Refund { .. }
                            | FactBody::Return(_)
                            | FactBody::Tip { .. }
                            | FactBody::Sale(_)
                    )
                })?;
                FactBody::Undone { sale: sale(random)?, what, reason: format!("a lie {}", self.head.number) }
            }
            14 => {
                FactBody::Tip { sale: sale(random)?, amount: Money::from_cents(random.i64(1..100_000_000)) }
            }
            13 => FactBody::Trusted { sale: sale(random)?, reason: "a lie".to_owned(), approved: None },
            3 => {
                let claim = one(random, |body| matches!(body, FactBody::Claim(_)))?;
                FactBody::Release { claim, reason: format!("a lie {}", self.head.number) }
            }
            4 => FactBody::Printed { sale: sale(random)? },
            5 => {
                let much = Quantity::from_milli(random.u32(1..=1_000_000_000)).ok()?;
                let why = *random.choice(&[Why::Received, Why::TransferredOut])?;
                let goods = product().into_iter().map(|product| (product, much)).collect();
                FactBody::Stock(StockMove::moved(why, "a lie", goods).ok()?)
            }
            _ => {
                let most = i64::MAX.unsigned_abs();
                let seen = others.iter().chain([&self.actor]);
                let seen: Seen =
                    seen.map(|actor| (*actor, *random.choice(&[0, 1, 9, most]).unwrap())).collect();
                let level = |milli: i64| Level::from_milli(milli).unwrap();
                let much = |random: &mut Rng| Counted {
                    level: level(random.i64(0..=1_000_000_000_000)),
                    beyond: level(random.i64(-1_000_000_000_000..=1_000_000_000_000)),
                };
                let goods = product().into_iter().map(|product| (product, much(random))).collect();
                let counts = known.iter().filter(|fact| matches!(fact.body, FactBody::Count(_)));
                let replaces: BTreeSet<Cited> = counts.filter(|_| random.bool()).map(Fact::cited).collect();
                FactBody::Count(Count::new("a lie", goods, seen, replaces).ok()?)
            }
        })
    }

    fn batch(&self, before: Head, change: Vec<u8>) -> Option<Batch> {
        Batch::seal(&[before.change(self.actor, change)], &self.key)
    }

    /// The next entry of its own journal: a change to the catalogue or to a day book, or a fact, at its
    /// place or at one that it made up.
    fn nonsense(&self, bytes: Vec<u8>, at: Timestamp, random: &mut Rng) -> Entry {
        let document = Document::DayBook(at.business_day());
        let body = match random.u8(..4) {
            0 => return self.head.change(self.actor, bytes),
            1 => Body::Change(bytes),
            2 => Body::Fact { at, value: bytes, place: None },
            _ => Body::Fact { at, value: bytes, place: Some((random.u64(..99), [9; 32])) },
        };
        let number = self.head.number + 1;
        let entry =
            Entry { actor: self.actor, number, document, body, chain: self.head.chain, signature: None };
        let Head { number, chain } = self.head.next(document, &day_book::change(&entry).change);
        Entry { number, chain, ..entry }
    }

    fn ask(&self, shop: &ShopId, body: Vec<u8>, now: Timestamp) -> Result<Vec<u8>, CloudError> {
        let path = format!("/v1/shops/{shop}/sync");
        self.line.deliver(&CloudRequest::signed("POST", &path, body, (self.actor, &self.key), now))
    }
}

fn told(what: &str, answer: &Result<Vec<u8>, CloudError>) -> String {
    match answer {
        Ok(_) => format!("{what}: answered"),
        Err(error) => format!("{what}: {error}"),
    }
}
