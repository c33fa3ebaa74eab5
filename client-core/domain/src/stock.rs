//! What moves goods without selling them: deliveries, transfers and counts.
//!
//! Stock is never written down as a number that somebody could overwrite. It is what was counted last, and the
//! sum of what facts beyond that count say was sold, received and moved, so two tills that sell the last crate
//! apart lose neither. A count says how far its writer knew every journal: what lies within is in the count,
//! whenever it comes to whomever, and everything else is added to it. So nobody needs to have the facts before a
//! count to say what there is.

use crate::{Actor, Cited, Fact, FactBody, FactId, ProductId, Quantity, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How much of a product there is, or by how much that changed, in thousandths: it may be below nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Level(i64);

impl Level {
    /// The most that is counted, either way: a billion pieces.
    const BOUND: i64 = 1_000_000_000_000;

    /// Nothing there.
    pub const NONE: Self = Self(0);

    /// What changes add up to, kept within what is counted.
    pub fn sum(milli: i64) -> Self {
        Self(milli.clamp(-Self::BOUND, Self::BOUND))
    }

    /// A level of thousandths.
    ///
    /// # Errors
    /// More than a billion pieces, either way.
    pub fn from_milli(milli: i64) -> Result<Self, StockError> {
        let sensible = (-Self::BOUND..=Self::BOUND).contains(&milli);
        sensible.then_some(Self(milli)).ok_or(StockError::Level)
    }

    /// Reads what somebody counted: `0`, `12` or `1.250`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse_counted(text: &str) -> Result<Self, StockError> {
        let nothing = text.parse() == Ok(0_u32);
        let counted = if nothing { Ok(0) } else { Quantity::parse(text).map(|q| i64::from(q.milli())) };
        counted.map(Self).map_err(|_| StockError::Level)
    }

    /// In thousandths.
    pub const fn milli(self) -> i64 {
        self.0
    }

    /// By how much this is more than another level.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).clamp(-Self::BOUND, Self::BOUND))
    }

    /// The change the other way.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::NONE.less(self)
    }
}

impl From<Quantity> for Level {
    fn from(quantity: Quantity) -> Self {
        Self(i64::from(quantity.milli()))
    }
}

/// `3`, `0.5`, `-1.25`.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, sign) = (self.0.unsigned_abs(), if self.0 < 0 { "-" } else { "" });
        let (whole, milli) = (size.checked_div(1000), size.checked_rem(1000));
        let text = format!("{sign}{}.{:03}", whole.unwrap_or(0), milli.unwrap_or(0));
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Goods that moved, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockMove {
    /// Why they moved.
    pub why: Why,
    /// The other end: supplier and delivery note, the other shop or place, who counted where.
    pub note: String,
    /// What moved, in the order in which it was written down.
    pub goods: Vec<Moved>,
}

/// Why goods moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A delivery came.
    Received,
    /// They came from another shop or place of ours.
    TransferredIn,
    /// They went to another shop or place of ours.
    TransferredOut,
    /// Somebody counted what is there, with a release that wrote down by how much it differed from what was known
    /// instead of a [`Count`].
    Counted,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Received, Self::TransferredIn, Self::TransferredOut, Self::Counted];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::TransferredIn => "transferred_in",
            Self::TransferredOut => "transferred_out",
            Self::Counted => "counted",
        }
    }
}

/// One product of a [`StockMove`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The product.
    pub product: ProductId,
    /// By how much its stock changes. After a count this is what was counted less what the writer knew of:
    /// a sale that the writer did not know of is then still taken off, whichever order the two come in.
    pub change: Level,
    /// What was counted, if this is a count.
    pub counted: Option<Level>,
}

impl StockMove {
    /// The longest note, in characters.
    pub const MAX_NOTE_CHARS: usize = 80;
    /// The most products in one fact.
    pub const MAX_GOODS: usize = 200;

    /// Goods that came or went, as quantities; their sign follows from the reason.
    ///
    /// # Errors
    /// See [`StockError`].
    pub fn moved(why: Why, note: &str, goods: Vec<(ProductId, Quantity)>) -> Result<Self, StockError> {
        let signed = |(product, quantity): (ProductId, Quantity)| {
            let change = Level::from(quantity);
            let change = if why == Why::TransferredOut { change.reversed() } else { change };
            Moved { product, change, counted: None }
        };
        Self::checked(why, note, goods.into_iter().map(signed).collect())
    }

    /// A move whose signs, counts and lengths fit together.
    ///
    /// # Errors
    /// See [`StockError`].
    pub fn checked(why: Why, note: &str, goods: Vec<Moved>) -> Result<Self, StockError> {
        let note = note.trim();
        if goods.is_empty() || goods.len() > Self::MAX_GOODS || note.chars().count() > Self::MAX_NOTE_CHARS {
            return Err(StockError::Size);
        }
        let fits = |moved: &Moved| match (why, moved.counted) {
            (Why::Counted, Some(counted)) => counted >= Level::NONE,
            (Why::Received | Why::TransferredIn, None) => moved.change > Level::NONE,
            (Why::TransferredOut, None) => moved.change < Level::NONE,
            _ => false,
        };
        if !goods.iter().all(fits) {
            return Err(StockError::Level);
        }
        Ok(Self { why, note: note.to_owned(), goods })
    }
}

/// How far each journal was known: whose entries, up to which number.
pub type Seen = BTreeMap<Actor, u64>;

/// How much of a product there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// What was counted.
    pub level: Level,
    /// By how much of that the writer knew from facts that are not within what the count has seen. They come
    /// by themselves, and this is not in the count.
    pub beyond: Level,
}

impl Counted {
    /// What the count stands for: what there was before the facts beyond it.
    pub fn within(self) -> Level {
        self.level.less(self.beyond)
    }
}

/// What somebody counted: from there on the stock of these products is known.
///
/// Its writer may know of facts that the cloud does not have yet, and nobody can say under which name they get
/// there: a till whose file was copied writes them again. So the count has seen only what the cloud has, where
/// nothing ever gets another name, and says by how much the rest changed what was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    note: String,
    goods: BTreeMap<ProductId, Counted>,
    seen: Seen,
    replaces: BTreeSet<Cited>,
}

impl Count {
    /// The most journals that a count may know of, and the most counts that it may replace.
    pub const MAX_KNOWN: usize = 1000;
    /// The last number that an entry may have.
    const LAST: u64 = i64::MAX.unsigned_abs();

    /// What was counted by somebody who knew so much; `replaces` are the counts of these products that stood
    /// until now.
    ///
    /// # Errors
    /// See [`StockError`].
    pub fn new(
        note: &str,
        goods: BTreeMap<ProductId, Counted>,
        seen: Seen,
        replaces: BTreeSet<Cited>,
    ) -> Result<Self, StockError> {
        let note = note.trim();
        let fits = (1..=StockMove::MAX_GOODS).contains(&goods.len())
            && seen.len().max(replaces.len()) <= Self::MAX_KNOWN
            && seen.values().all(|number| *number <= Self::LAST)
            && note.chars().count() <= StockMove::MAX_NOTE_CHARS;
        if !fits {
            return Err(StockError::Size);
        }
        if goods.values().any(|counted| counted.level < Level::NONE) {
            return Err(StockError::Level);
        }
        Ok(Self { note: note.to_owned(), goods, seen, replaces })
    }

    /// Who counted where, or why.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// How much there was of each product.
    pub const fn goods(&self) -> &BTreeMap<ProductId, Counted> {
        &self.goods
    }

    /// How far every journal was the cloud's too: what is within is in the count.
    pub const fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The counts that it stands in the place of. Of several that nobody replaced the latest stands, and among
    /// those of one instant the greatest name: they did not know of each other, either would do, and everybody
    /// takes the same. What a count says of itself gives it no rank, so a till that lies about what it has seen
    /// is set right by whoever counts next.
    pub const fn replaces(&self) -> &BTreeSet<Cited> {
        &self.replaces
    }
}

/// How often a change counts beyond the count that stands: once; not at all, where the count has it or it was
/// cancelled; or the other way round, where what the count has was cancelled since, because the goods are back on
/// the shelf.
pub fn weight(seen: Option<&Seen>, fact: FactId, voids: &[FactId]) -> i64 {
    let within = |fact: FactId| {
        seen.and_then(|seen| seen.get(&fact.actor)).is_some_and(|number| fact.number <= *number)
    };
    match (within(fact), voids) {
        (false, []) => 1,
        (false, _) | (true, []) => 0,
        (true, voids) if voids.iter().any(|void| within(*void)) => 0,
        (true, _) => -1,
    }
}

/// The stock of a shop, added up from facts in whatever order they come.
#[derive(Debug, Clone, Default)]
pub struct Shelves {
    changes: BTreeMap<ProductId, Vec<(FactId, i64)>>,
    counts: BTreeMap<ProductId, Vec<Fact>>,
    /// What has to be cancelled for a change to count no more, as others refer to it: by name alone, and with its
    /// instant.
    sales: BTreeMap<FactId, [Cited; 2]>,
    voids: Vec<(Cited, FactId)>,
    /// What came back, as others refer to it: its sale, and itself.
    returns: Vec<([Cited; 2], FactId)>,
    /// What was said of sales by mistake, referred to likewise.
    undone: BTreeMap<[Cited; 2], Vec<FactId>>,
}

impl Shelves {
    /// Takes a fact in.
    pub fn take(&mut self, fact: &Fact) {
        match &fact.body {
            FactBody::Void { sale, .. } => self.voids.push((*sale, fact.id)),
            FactBody::Undone { sale, what, .. } => {
                self.undone.entry([*sale, *what]).or_default().push(fact.id);
            }
            FactBody::Count(count) => {
                for product in count.goods().keys() {
                    self.counts.entry(product.clone()).or_default().push(fact.clone());
                }
            }
            _ => {
                self.returns.extend(back_from(fact).map(|sale| ([sale, fact.cited()], fact.id)));
                for StockChange { product, change } in changes(fact) {
                    self.changes.entry(product).or_default().push((fact.id, change));
                    let names = [Cited::by_name(fact.id), fact.cited()];
                    self.sales.insert(
                        fact.id,
                        back_from(fact).map_or(names, |sale| [Cited::by_name(sale.id), sale]),
                    );
                }
            }
        }
    }

    /// How much there is, in thousandths, of every product that any fact names.
    pub fn levels(&self) -> BTreeMap<ProductId, i64> {
        let mut said: BTreeMap<Cited, Vec<FactId>> = BTreeMap::new();
        self.voids.iter().for_each(|(sale, void)| said.entry(*sale).or_default().push(*void));
        let mut voids: BTreeMap<FactId, Vec<FactId>> = BTreeMap::new();
        for (sale, names) in &self.sales {
            let of_sale = names.iter().filter_map(|name| said.get(name)).flatten().copied();
            voids.entry(*sale).or_default().extend(of_sale);
        }
        for (said, back) in &self.returns {
            voids.entry(*back).or_default().extend(self.undone.get(said).into_iter().flatten());
        }
        let named = self.changes.keys().chain(self.counts.keys()).cloned();
        named.map(|product| (product.clone(), self.level(&product, &voids))).collect()
    }

    fn level(&self, product: &ProductId, voids: &BTreeMap<FactId, Vec<FactId>>) -> i64 {
        let stands = self.stands(product);
        let seen = stands.map(Count::seen);
        let beyond = |(fact, change): &(FactId, i64)| {
            let voids = voids.get(fact).map_or(&[][..], Vec::as_slice);
            change.saturating_mul(weight(seen, *fact, voids))
        };
        let changes = self.changes.get(product).into_iter().flatten().map(beyond);
        let counted = stands.and_then(|count| count.goods().get(product));
        changes.fold(counted.map_or(0, |counted| counted.within().milli()), i64::saturating_add)
    }

    fn stands(&self, product: &ProductId) -> Option<&Count> {
        let all = self.counts.get(product)?;
        let replaced = |fact: &Fact| {
            let mut counts = all.iter().filter_map(count_of);
            counts.any(|count| count.replaces().iter().any(|cited| cited.means(fact)))
        };
        let rank = |fact: &&Fact| -> (bool, Timestamp, FactId) { (!replaced(fact), fact.at, fact.id) };
        all.iter().max_by_key(rank).and_then(count_of)
    }
}

/// The sale whose goods came back: when that is cancelled all of them are back, and none come back twice.
const fn back_from(fact: &Fact) -> Option<Cited> {
    match &fact.body {
        FactBody::Return(back) => Some(back.sale),
        _ => None,
    }
}

const fn count_of(fact: &Fact) -> Option<&Count> {
    match &fact.body {
        FactBody::Count(count) => Some(count),
        _ => None,
    }
}

/// By how much one fact changes the stock of one product, in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockChange {
    /// The product.
    pub product: ProductId,
    /// By how much.
    pub change: i64,
}

/// What a fact does to the stock, one change a product, by product. A void does nothing by itself: what it
/// cancels does not count.
pub fn changes(fact: &Fact) -> Vec<StockChange> {
    let mut sums: BTreeMap<&ProductId, i64> = BTreeMap::new();
    let mut add = |product, change: i64| {
        let sum = sums.entry(product).or_default();
        *sum = sum.saturating_add(change);
    };
    match &fact.body {
        FactBody::Sale(sale) => {
            for line in &sale.lines {
                let sold = i64::from(line.quantity.milli()).saturating_neg();
                line.product.iter().for_each(|product| add(product, sold));
            }
        }
        FactBody::Return(back) if back.restock => {
            for it in &back.goods {
                let there = i64::from(it.quantity.milli());
                it.product.iter().for_each(|product| add(product, there));
            }
        }
        FactBody::Stock(moved) => {
            moved.goods.iter().for_each(|moved| add(&moved.product, moved.change.milli()));
        }
        _ => {}
    }
    sums.into_iter().map(|(product, change)| StockChange { product: product.clone(), change }).collect()
}

/// Why something is no movement of goods.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StockError {
    /// A quantity that makes no sense.
    #[error("a quantity of goods is a number like 12 or 1.5; only a count may be 0")]
    Level,
    /// Nothing, too much, or too long a note.
    #[error("name 1 to 200 products, and a note of at most 80 characters")]
    Size,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Line, Money, Person, Sale, Tender, TillId, Timestamp};

    fn sugar() -> ProductId {
        ProductId::parse("sugar").unwrap()
    }

    #[test]
    fn levels_print_as_people_write_them() {
        for (milli, text) in [(0, "0"), (3_000, "3"), (-1_250, "-1.25"), (500, "0.5"), (-10_000, "-10")] {
            assert_eq!(Level::from_milli(milli).unwrap().to_string(), text);
        }
        assert_eq!(Level::parse_counted("0"), Ok(Level::NONE));
        assert_eq!(Level::parse_counted("1.5"), Level::from_milli(1_500));
        for text in ["-1", "", "1.2345", "many"] {
            assert!(Level::parse_counted(text).is_err(), "{text}");
        }
        assert!(Level::from_milli(i64::MIN).is_err());
    }

    #[test]
    fn what_goes_out_is_taken_off() {
        let ten = Quantity::parse("10").unwrap();
        let out = StockMove::moved(Why::TransferredOut, "to Soko", vec![(sugar(), ten)]).unwrap();
        assert_eq!(out.goods[0].change.milli(), -10_000);
    }

    fn id(text: &str) -> FactId {
        text.parse().unwrap()
    }

    fn seen(numbers: &[(u32, u64)]) -> Seen {
        numbers.iter().map(|(till, number)| (Actor::first(TillId(*till)), *number)).collect()
    }

    fn fact(name: &str, body: FactBody) -> Fact {
        let at = Timestamp::parse_daraja("20261121080000").unwrap();
        Fact { id: id(name), at, clock: None, formerly: None, by: Person::named("Juma"), body }
    }

    fn sold(name: &str, quantity: &str) -> Fact {
        let price = Money::from_cents(100);
        let line = Line::new("Sugar", Quantity::parse(quantity).unwrap(), price).unwrap().of(sugar());
        let total = line.amount;
        fact(name, FactBody::Sale(Sale::new(vec![line], total, Tender::Cash, None).unwrap()))
    }

    /// A count by somebody who knew nothing beyond what the cloud had, in the place of others.
    fn counted(name: &str, level: &str, numbers: &[(u32, u64)], replaces: &[&Fact]) -> Fact {
        counted_beyond(name, (level, 0), numbers, replaces)
    }

    fn counted_beyond(
        name: &str,
        (level, beyond): (&str, i64),
        numbers: &[(u32, u64)],
        replaces: &[&Fact],
    ) -> Fact {
        let beyond = Level::from_milli(beyond).unwrap();
        let goods =
            BTreeMap::from([(sugar(), Counted { level: Level::parse_counted(level).unwrap(), beyond })]);
        let replaces = replaces.iter().map(|count| count.cited()).collect();
        fact(name, FactBody::Count(Count::new("", goods, seen(numbers), replaces).unwrap()))
    }

    fn void(name: &str, sale: &Fact) -> Fact {
        fact(name, FactBody::Void { sale: sale.cited(), reason: "slip".into() })
    }

    /// The same in another life of its till.
    fn again(name: &str, former: &Fact) -> Fact {
        Fact { id: id(name), formerly: Some(former.id), ..former.clone() }
    }

    /// What there is after these facts, in every order of them.
    fn level(facts: &[Fact]) -> i64 {
        let level = |facts: &[Fact]| {
            let mut shelves = Shelves::default();
            facts.iter().for_each(|fact| shelves.take(fact));
            shelves.levels().remove(&sugar()).unwrap()
        };
        let mut turned = facts.to_vec();
        for _ in 0..facts.len() {
            turned.rotate_left(1);
            assert_eq!(level(&turned), level(facts));
        }
        level(facts)
    }

    #[test]
    fn a_count_has_what_the_cloud_had_and_the_rest_is_added_to_it() {
        let came = StockMove::moved(Why::Received, "", vec![(sugar(), Quantity::parse("20").unwrap())]);
        let came = fact("1-1", FactBody::Stock(came.unwrap()));
        let (known, later, elsewhere) = (sold("1-2", "4"), sold("1-4", "1"), sold("2-1", "2"));
        let count = counted("1-3", "15", &[(1, 2)], &[]);
        assert_eq!(level(&[came, known, count.clone(), later.clone(), elsewhere.clone()]), 12_000);
        assert_eq!(level(&[count, later, elsewhere]), 12_000, "without what came before it");
    }

    #[test]
    fn what_was_known_before_the_cloud_had_it_is_in_what_was_counted_under_whatever_name_it_comes() {
        let sale = sold("2-1", "4");
        let count = counted_beyond("1-1", ("6", -4_000), &[], &[]);
        assert_eq!(level(&[sale.clone(), count.clone()]), 6_000);
        assert_eq!(level(&[again("2.1-1", &sale), count.clone()]), 6_000);
        let stranger = Fact { at: sale.at.plus_millis(60_000), ..sold("2-1", "1") };
        assert_eq!(level(&[stranger, again("2.1-1", &sale), count]), 5_000, "the name has another sale now");
    }

    #[test]
    fn who_counts_in_the_place_of_a_count_is_right_and_of_two_apart_one_is_taken_by_all() {
        let first = counted("1-3", "15", &[(1, 2)], &[]);
        let second = counted("2-1", "14", &[(1, 3)], &[&first]);
        assert_eq!(level(&[first.clone(), second.clone()]), 14_000);
        let earlier = |fact: Fact| Fact { at: fact.at.plus_millis(-1), ..fact };
        let slow = earlier(counted("2-1", "13", &[(1, 3)], &[&first]));
        assert_eq!(level(&[first.clone(), slow]), 13_000, "whatever the clocks say");
        let apart = counted("3-1", "9", &[(1, 2)], &[]);
        assert_eq!(level(&[first.clone(), apart.clone()]), 9_000);
        assert_eq!(level(&[first.clone(), earlier(apart.clone())]), 15_000, "the later of the two");
        let both = counted("1-5", "8", &[], &[&second, &apart]);
        assert_eq!(level(&[first.clone(), apart.clone(), second.clone(), both]), 8_000);
        let renamed = again("1.1-1", &first);
        assert_eq!(level(&[renamed, second]), 14_000, "under whatever name the first comes again");
    }

    #[test]
    fn a_count_that_lies_about_what_it_has_seen_is_set_right_by_the_next_one() {
        let lie = counted("9-1", "100", &[(1, i64::MAX.unsigned_abs()), (9, i64::MAX.unsigned_abs())], &[]);
        let lie = Fact { at: lie.at.plus_millis(9_000_000), ..lie };
        assert_eq!(level(&[lie.clone(), sold("1-1", "1")]), 100_000);
        let honest = counted("1-2", "5", &[(1, 1)], &[&lie]);
        assert_eq!(level(&[lie.clone(), sold("1-1", "1"), honest, sold("1-3", "1")]), 4_000);
        let (one, other) = (counted("8-1", "1", &[], &[]), counted("8-2", "2", &[], &[]));
        let FactBody::Count(count) = &one.body else { unreachable!() };
        let ring = Count::new("", count.goods().clone(), Seen::new(), BTreeSet::from([other.cited()]));
        let one = Fact { body: FactBody::Count(ring.unwrap()), ..one };
        let other = counted("8-2", "2", &[], &[&one]);
        assert_eq!(level(&[one, other]), 2_000, "counts that replace each other are counts");
    }

    #[test]
    fn what_is_cancelled_after_it_was_counted_is_back_on_the_shelf_and_what_was_before_is_in_the_count() {
        let (sale, count) = (sold("1-1", "4"), counted("1-3", "6", &[(1, 2)], &[]));
        assert_eq!(level(&[sale.clone(), count.clone(), void("1-4", &sale)]), 10_000);
        assert_eq!(level(&[sale.clone(), void("1-2", &sale), count.clone()]), 6_000);
        assert_eq!(level(&[sale.clone(), void("1-2", &sale), void("2-1", &sale), count.clone()]), 6_000);
        let later = sold("1-4", "1");
        assert_eq!(level(&[count.clone(), later.clone(), void("1-5", &later)]), 6_000);
        let other = Fact { at: sale.at.plus_millis(1), ..sale.clone() };
        assert_eq!(level(&[other, count, void("1-4", &sale)]), 6_000, "another sale was meant");
    }

    #[test]
    fn a_count_that_makes_no_sense_is_none() {
        let goods = |milli| {
            let level = Level::from_milli(milli).unwrap();
            BTreeMap::from([(sugar(), Counted { level, beyond: Level::NONE })])
        };
        let count = |note: &str, goods, seen, replaces| Count::new(note, goods, seen, replaces);
        let none = BTreeSet::new;
        assert_eq!(count("", BTreeMap::new(), Seen::new(), none()), Err(StockError::Size));
        assert_eq!(count("", goods(-1), Seen::new(), none()), Err(StockError::Level));
        assert_eq!(count(&"x".repeat(81), goods(1), Seen::new(), none()), Err(StockError::Size));
        let many = (0..1001).map(|till| (Actor::first(TillId(till)), 1)).collect();
        assert_eq!(count("", goods(1), many, none()), Err(StockError::Size));
        assert_eq!(count("", goods(1), seen(&[(1, u64::MAX)]), none()), Err(StockError::Size));
        let many = (1..=1001).map(|number| Cited::by_name(id(&format!("1-{number}")))).collect();
        assert_eq!(count("", goods(1), Seen::new(), many), Err(StockError::Size));
    }

    #[test]
    fn a_move_that_contradicts_itself_is_none() {
        let moved = |change, counted: Option<i64>| {
            let level = |milli| Level::from_milli(milli).unwrap();
            vec![Moved { product: sugar(), change: level(change), counted: counted.map(level) }]
        };
        assert!(StockMove::checked(Why::Received, "", moved(-1, None)).is_err());
        assert!(StockMove::checked(Why::Received, "", moved(1, Some(1))).is_err());
        assert!(StockMove::checked(Why::TransferredOut, "", moved(1, None)).is_err());
        assert!(StockMove::checked(Why::Counted, "", moved(1, None)).is_err());
        assert!(StockMove::checked(Why::Counted, "", moved(1, Some(-1))).is_err());
        assert!(StockMove::checked(Why::Counted, "", vec![]).is_err());
        assert!(StockMove::checked(Why::Counted, &"x".repeat(81), moved(0, Some(0))).is_err());
        assert!(StockMove::checked(Why::Counted, "", moved(-3_000, Some(0))).is_ok());
    }
}
