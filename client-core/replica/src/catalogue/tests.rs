//! Stories of the catalogue, and what it is held against: Automerge itself.

use super::*;
use crate::day_book::merged;
use automerge::transaction::Transactable;
use automerge::{Automerge, ReadDoc};
use domain::{Document, Kind, Money, Named, Product, ProductId, TillId};
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::parse_daraja("20261121080000").unwrap().plus_millis(second * 1000)
}

fn priced(id: &str, cents: i64) -> Item {
    Item::Product(Product::new(ProductId::parse(id).unwrap(), "Bread", Money::from_cents(cents)).unwrap())
}

fn bread() -> ItemKey {
    "bread".parse().unwrap()
}

/// A replica of the catalogue that writes as one till.
struct Writer {
    actor: Actor,
    catalogue: Catalogue,
    number: u64,
}

impl Writer {
    fn new(till: u32) -> Self {
        Self { actor: Actor::first(TillId(till)), catalogue: Catalogue::default(), number: 0 }
    }

    fn put(&mut self, item: &Item, second: i64) -> Entry {
        let change = self.catalogue.set(self.actor, item, &Person::named("Asha"), at(second)).change;
        self.number += 1;
        self.entry(change)
    }

    fn entry(&self, change: Vec<u8>) -> Entry {
        let (actor, number) = (self.actor, self.number);
        let (document, body) = (Document::Catalogue, Body::Change(change));
        Entry { actor, number, document, body, chain: [0; 32], signature: None }
    }

    fn set(&mut self, cents: i64, second: i64) -> Entry {
        self.put(&priced("bread", cents), second)
    }

    fn prices(&self) -> (i64, Vec<i64>) {
        let register = self.catalogue.register(&bread()).unwrap();
        let price = |version: &Version| match &version.item {
            Item::Product(product) => product.price.cents(),
            other => panic!("{other:?}"),
        };
        (price(&register.leading), register.others.iter().map(price).collect())
    }
}

#[test]
fn prices_set_apart_are_both_seen_until_somebody_chooses() {
    let (mut office, mut till) = (Writer::new(1), Writer::new(2));
    let first = office.set(6_000, 0);
    till.catalogue.admit(&first).unwrap();
    let (a, b) = (office.set(6_500, 1), till.set(7_000, 2));
    office.catalogue.admit(&b).unwrap();
    till.catalogue.admit(&a).unwrap();
    assert_eq!(office.prices(), till.prices(), "every replica names the same leader");
    assert_eq!(office.prices().1.len(), 1, "and shows the other value");
    let set_by_till = office.catalogue.register(&bread()).unwrap();
    let when: Vec<Timestamp> = set_by_till.versions().map(|version| version.at).collect();
    assert_eq!(when, [at(2), at(1)], "and when each was set");

    let leading = office.prices().0;
    let chosen = office.set(leading, 3);
    till.catalogue.admit(&chosen).unwrap();
    assert_eq!((office.prices(), till.prices()), ((leading, vec![]), (leading, vec![])));
}

#[test]
fn choosing_the_leader_and_choosing_the_other_at_one_time_is_a_conflict_again() {
    let (mut office, mut till) = (Writer::new(1), Writer::new(2));
    let (a, b) = (office.set(6_500, 1), till.set(7_000, 1));
    office.catalogue.admit(&b).unwrap();
    till.catalogue.admit(&a).unwrap();
    let (leading, other) = (office.prices().0, office.prices().1[0]);
    let (a, b) = (office.set(leading, 2), till.set(other, 2));
    office.catalogue.admit(&b).unwrap();
    till.catalogue.admit(&a).unwrap();
    assert_eq!(office.prices(), till.prices());
    assert_eq!(office.prices().1.len(), 1, "neither choice swallows the other (lab §4)");
}

#[test]
fn two_who_set_the_same_do_not_disagree() {
    let (mut office, mut till) = (Writer::new(1), Writer::new(2));
    let (a, b) = (office.set(6_500, 1), till.set(6_500, 2));
    office.catalogue.admit(&b).unwrap();
    till.catalogue.admit(&a).unwrap();
    assert_eq!((office.prices(), till.prices()), ((6_500, vec![]), (6_500, vec![])));
}

#[test]
fn a_catalogue_opens_again_from_its_changes_and_goes_on() {
    let mut office = Writer::new(1);
    let entries = [office.set(6_000, 0), office.set(6_500, 1)];
    let mut again = Writer { catalogue: Catalogue::open(&entries).unwrap(), ..office };
    assert_eq!(again.prices(), (6_500, vec![]));
    let mut till = Writer::new(2);
    for entry in &entries {
        till.catalogue.admit(entry).unwrap();
    }
    till.catalogue.admit(&again.set(7_000, 9)).unwrap();
    assert_eq!(till.prices(), (7_000, vec![]));
    assert!(Catalogue::open(&entries[1..]).is_err(), "a gap is no catalogue");
}

#[test]
fn what_builds_on_changes_that_have_not_come_waits_for_them() {
    let (mut office, mut till, mut late) = (Writer::new(1), Writer::new(2), Writer::new(3));
    let first = office.set(6_000, 0);
    till.catalogue.admit(&first).unwrap();
    let second = till.set(6_500, 1);
    assert_eq!(late.catalogue.admit(&second), Err(Refusal::Waiting));
    late.catalogue.admit(&first).unwrap();
    assert!(late.catalogue.admit(&second).is_ok());
    assert_eq!(late.prices(), till.prices());
}

/// What the first release wrote: Automerge's own commit of a product of form 1 under its bare id.
fn first_release(document: &mut Automerge, till: u32, value: &str) -> Entry {
    let writer = Writer::new(till);
    document.set_actor(writer.actor.to_bytes().as_slice().into());
    let mut transaction = document.transaction();
    let value = ScalarValue::Bytes(hex::decode(value).unwrap());
    transaction.put(automerge::ROOT, "bread", value).unwrap();
    let (hash, _) = transaction.commit();
    writer.entry(document.get_change_by_hash(&hash.unwrap()).unwrap().raw_bytes().to_vec())
}

#[test]
fn a_product_of_the_first_release_is_the_same_product() {
    let mut document = Automerge::new();
    let old = first_release(&mut document, 7, "01054272656164c865044173686180a0abfef962");
    let mut till = Writer::new(2);
    assert_eq!(till.catalogue.admit(&old).unwrap(), Content::Item(bread()));
    assert_eq!(till.prices(), (6_500, vec![]));
    till.set(7_000, 1);
    assert_eq!(till.prices(), (7_000, vec![]), "the new value takes the place of the old");
}

#[test]
fn a_value_of_a_newer_release_is_kept_and_its_writer_goes_on() {
    let (mut newer, mut till) = (Writer::new(1), Writer::new(2));
    for (key, value) in [("bread", &[9_u8, 1][..]), ("spell/luck", &[2, 1]), ("bread", &[9, 2])] {
        let place = newer.catalogue.graph.next(newer.actor);
        let standing = newer.catalogue.standing(key, &place.sees);
        let change = build(newer.actor, &place, &standing, (key, value));
        newer.catalogue.add(newer.actor, &place, standing, (key, value), change.hash().0);
        let admitted = till.catalogue.admit(&newer.entry(change.raw_bytes().to_vec())).unwrap();
        assert!(matches!(admitted, Content::Unreadable(_)), "{admitted:?}");
    }
    assert!(till.catalogue.register(&bread()).is_none());
    till.catalogue.admit(&newer.set(6_500, 1)).unwrap();
    assert_eq!(till.prices(), (6_500, vec![]));
}

/// Edits an honest change that supersedes another, and makes its checksum good again.
fn forged(edit: impl Fn(&mut ExpandedChange)) -> Result<Content, Refusal> {
    let (mut office, mut victim) = (Writer::new(1), Writer::new(2));
    victim.catalogue.admit(&office.set(6_000, 0)).unwrap();
    victim.catalogue.admit(&office.put(&priced("sugar", 100), 0)).unwrap();
    let mut second = office.set(6_500, 1);
    let (mut change, _) = decode(bytes_of(&second).unwrap()).unwrap();
    edit(&mut change);
    second.body = Body::Change(Change::from(change).raw_bytes().to_vec());
    let before = format!("{:?}", victim.catalogue);
    let judged = victim.catalogue.admit(&second);
    assert_eq!(judged.is_err(), before == format!("{:?}", victim.catalogue), "refused leaves no trace");
    if judged.is_err() {
        // The honest change, had it come instead, would have found its place.
        let honest = office.catalogue.graph.find(office.actor, 4, &[]);
        assert!(honest.is_err());
    }
    judged
}

#[test]
fn changes_out_of_sequence_are_refused() {
    assert!(forged(|_| ()).is_ok(), "the honest one passes");
    for seq in [0, 1, 2, 4, 99, u64::from(u32::MAX)] {
        assert!(forged(|c| c.seq = seq).is_err(), "{seq}");
    }
    assert_eq!(forged(|c| c.seq = 2), Err(Refusal::Sequence), "a number used before, with other content");
    assert!(forged(|c| c.deps.clear()).is_err());
    assert!(forged(|c| c.deps.push(ChangeHash([9; 32]))).is_err());
    assert!(forged(|c| c.deps.push(c.deps[0])).is_err());
}

#[test]
fn forged_operation_counters_are_refused() {
    for start_op in [1, 2, 4, 99, u64::from(u32::MAX)] {
        assert!(forged(|c| c.start_op = NonZeroU64::new(start_op).unwrap()).is_err(), "{start_op}");
    }
}

#[test]
fn superseding_what_is_not_there_is_refused_and_so_is_superseding_nothing() {
    let op =
        |counter, till: u32| OpId::new(counter, &Actor::first(TillId(till)).to_bytes().as_slice().into());
    assert!(forged(|c| c.operations[0].pred = vec![op(7, 1)].into()).is_err(), "an operation of nobody");
    assert!(forged(|c| c.operations[0].pred = vec![op(1, 9)].into()).is_err(), "an unknown writer");
    assert!(forged(|c| c.operations[0].pred = vec![op(2, 1)].into()).is_err(), "another product's");
    assert!(forged(|c| c.operations[0].pred = SortedVec::new()).is_err(), "it had seen the first price");
    assert!(forged(|c| c.operations[0].pred = vec![op(1, 1), op(1, 1)].into()).is_err(), "twice");
}

#[test]
fn other_objects_keys_and_operations_are_refused() {
    use automerge::legacy::ElementId;
    let other = || OpId::new(1, &[9_u8; 6].as_slice().into());
    assert!(forged(|c| c.operations[0].key = Key::Seq(ElementId::Head)).is_err());
    assert!(forged(|c| c.operations[0].insert = true).is_err());
    assert!(forged(|c| c.operations[0].obj = ObjectId::Id(other())).is_err());
    assert!(forged(|c| c.operations[0].action = OpType::Delete).is_err());
    assert!(forged(|c| c.operations[0].action = OpType::Increment(1)).is_err());
    assert!(forged(|c| c.operations[0].action = OpType::Put(ScalarValue::Null)).is_err());
    assert!(forged(|c| c.operations.push(c.operations[0].clone())).is_err());
    assert!(forged(|c| c.operations.clear()).is_err());
    for key in ["", "Bread", "product/bread", "a/b/c", "staff/", &"x".repeat(41)] {
        assert!(forged(|c| c.operations[0].key = Key::Map(key.into())).is_err(), "{key}");
    }
}

#[test]
fn unknown_actors_messages_and_oversized_values_are_refused() {
    assert!(forged(|c| c.actor_id = Actor::first(TillId(9)).to_bytes().as_slice().into()).is_err());
    assert!(forged(|c| c.actor_id = [1_u8].as_slice().into()).is_err());
    assert!(forged(|c| c.message = Some("x".into())).is_err());
    assert!(forged(|c| c.extra_bytes = vec![1]).is_err());
    assert!(forged(|c| c.time = 1).is_err());
    for size in [MAX_VALUE_BYTES + 1, 1_000_000] {
        let large = || OpType::Put(ScalarValue::Bytes(vec![2; size]));
        assert!(forged(|c| c.operations[0].action = large()).is_err(), "{size}");
    }
    let mut office = Writer::new(1);
    let mut bomb = bytes_of(&office.set(6_000, 0)).unwrap().to_vec();
    bomb[8] = 2;
    assert!(Catalogue::default().admit(&office.entry(bomb)).is_err(), "compressed");
}

/// A change under a number that was used before is refused wherever the other came first, and what the two
/// wrote after that does not depend on it goes on.
#[test]
fn one_number_used_twice_is_refused_the_second_time() {
    let (mut office, mut cloned, mut till) = (Writer::new(1), Writer::new(1), Writer::new(2));
    till.catalogue.admit(&office.set(6_000, 0)).unwrap();
    assert_eq!(till.catalogue.admit(&cloned.set(9_000, 0)), Err(Refusal::Sequence));
    assert_eq!(till.catalogue.admit(&cloned.set(9_500, 1)), Err(Refusal::Waiting));
    till.catalogue.admit(&office.set(6_500, 1)).unwrap();
    assert_eq!(till.prices(), (6_500, vec![]));
}

/// A lying till writes two changes under one number, of which one builds on what some have not heard yet.
#[test]
fn of_two_changes_under_one_number_the_same_passes_in_whatever_order_they_come() {
    let (mut office, mut liar, mut twin) = (Writer::new(1), Writer::new(2), Writer::new(2));
    let first = office.set(6_000, 0);
    liar.catalogue.admit(&first).unwrap();
    let builds = liar.set(9_000, 1);
    twin.number = 1;
    let stands_alone = twin.set(9_500, 1);
    let order = |entries: [&Entry; 5]| {
        let mut replica = Writer::new(3);
        let outcomes: Vec<bool> =
            entries.iter().map(|entry| replica.catalogue.admit(entry).is_ok()).collect();
        (outcomes, replica.prices())
    };
    let (early, known) = order([&first, &builds, &stands_alone, &builds, &stands_alone]);
    let (late, heard) = order([&builds, &stands_alone, &first, &builds, &stands_alone]);
    assert_eq!((early, late), (vec![true, true, false, false, false], vec![false, false, true, true, false]));
    assert_eq!((known, heard), ((9_000, vec![]), (9_000, vec![])));

    // Nor does it pass after the till was started anew, when only the file says what waits.
    let mut again = Writer::new(3);
    again.catalogue.hold(&builds);
    assert_eq!(again.catalogue.admit(&stands_alone), Err(Refusal::Waiting));
}

/// What Automerge says of a document merged from the same changes: per key the leader and the others.
fn as_automerge_says(entries: &[Entry]) -> BTreeMap<String, Vec<(u64, Vec<u8>)>> {
    let document = merged(entries.iter().filter_map(bytes_of).map(<[u8]>::to_vec)).unwrap();
    let save = document.save();
    assert!(Automerge::load(&save).is_ok(), "a sound document");
    let all = |key: String| {
        let values = document.get_all(automerge::ROOT, &key).unwrap();
        let bytes = |(value, id): (automerge::Value<'_>, automerge::ObjId)| match id {
            automerge::ObjId::Id(counter, _, _) => (counter, value.as_bytes().unwrap().to_vec()),
            automerge::ObjId::Root => panic!("a value has a name"),
        };
        let mut values: Vec<_> = values.into_iter().map(bytes).collect();
        values.sort_unstable();
        let leads = document.get(automerge::ROOT, &key).unwrap().unwrap().0.as_bytes().unwrap().to_vec();
        values.insert(0, (0, leads));
        (key, values)
    };
    document.keys(automerge::ROOT).map(all).collect()
}

fn as_we_say(catalogue: &Catalogue) -> BTreeMap<String, Vec<(u64, Vec<u8>)>> {
    let all = |(key, writes): (&String, &Vec<Write>)| {
        let now = || writes.iter().filter_map(|write| Some((write.id, write.value.clone()?)));
        let leads = now().max_by_key(|(id, _)| *id).unwrap().1;
        let mut values: Vec<_> = now().map(|(id, value)| (id.counter, value)).collect();
        values.sort_unstable();
        values.insert(0, (0, leads));
        (key.clone(), values)
    };
    catalogue.writes.iter().map(all).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Four writers edit three products, hearing of each other now and then; each edit is also made by
    /// Automerge itself, which must commit the very same bytes and see the very same values.
    #[test]
    fn our_changes_are_automerges_and_so_are_our_values(
        steps in prop::collection::vec((0usize..4, 0usize..4, 0usize..3, 1i64..5), 1..40),
    ) {
        let mut writers: Vec<Writer> = (1..=4).map(Writer::new).collect();
        let mut documents: Vec<Automerge> = (0..4).map(|_| Automerge::new()).collect();
        let mut journals: Vec<Vec<Entry>> = vec![Vec::new(); 4];
        let mut heard = vec![vec![0_usize; 4]; 4];
        let keys = ["bread", "sugar", "salt"];
        for (second, (who, hears, key, cents)) in steps.into_iter().enumerate() {
            // Hear all that the other has heard, in an order in which nothing comes before what it builds on.
            let upto: Vec<usize> = (0..4).map(|j| if j == hears { journals[j].len() } else { heard[hears][j] }).collect();
            loop {
                let mut moved = false;
                for j in (0..4).filter(|j| *j != who) {
                    while heard[who][j] < upto[j] {
                        let entry = journals[j][heard[who][j]].clone();
                        match writers[who].catalogue.admit(&entry) {
                            Ok(_) => {}
                            Err(Refusal::Waiting) => break,
                            Err(refusal) => panic!("{refusal}"),
                        }
                        let change = Change::from_bytes(bytes_of(&entry).unwrap().to_vec()).unwrap();
                        documents[who].apply_changes([change]).unwrap();
                        heard[who][j] += 1;
                        moved = true;
                    }
                }
                if !moved { break; }
            }
            let item = priced(keys[key], cents);
            let entry = writers[who].put(&item, second as i64);
            let document = &mut documents[who];
            document.set_actor(writers[who].actor.to_bytes().as_slice().into());
            let value = codec::encode_item(&item, &Person::named("Asha"), at(second as i64));
            let mut transaction = document.transaction();
            transaction.put(automerge::ROOT, keys[key], ScalarValue::Bytes(value)).unwrap();
            let (hash, _) = transaction.commit();
            let committed = document.get_change_by_hash(&hash.unwrap()).unwrap();
            prop_assert_eq!(hex::encode(committed.raw_bytes()), hex::encode(bytes_of(&entry).unwrap()));
            journals[who].push(entry);
            heard[who][who] += 1;
        }
        // In the end everybody hears everything, each in another order.
        let all: Vec<Entry> = journals.into_iter().flatten().collect();
        let said = as_automerge_says(&all);
        for turn in 0..4 {
            let mut late = Catalogue::default();
            let mut waiting = all.clone();
            waiting.rotate_left(turn * all.len() / 4);
            let mut merged_in = Vec::new();
            while !waiting.is_empty() {
                let before = waiting.len();
                waiting.retain(|entry| match late.admit(entry) {
                    Ok(_) => { merged_in.push(entry.clone()); false }
                    Err(Refusal::Waiting) => true,
                    Err(refusal) => panic!("{refusal}"),
                });
                prop_assert!(waiting.len() < before);
            }
            prop_assert_eq!(as_we_say(&late), said.clone());
            let again = Catalogue::open(&merged_in).unwrap();
            prop_assert_eq!(as_we_say(&again), said.clone());
        }
    }

    /// What passes is what we would have written: a sound document for Automerge.
    #[test]
    fn no_damage_passes_unsound_and_none_panics(at in 0usize..300, with: u8, fix_checksum: bool) {
        let (mut office, mut victim) = (Writer::new(1), Writer::new(2));
        let first = office.set(6_000, 0);
        victim.catalogue.admit(&first).unwrap();
        let mut second = office.set(6_500, 1);
        let mut change = bytes_of(&second).unwrap().to_vec();
        let at = at % change.len();
        change[at] = with;
        if fix_checksum {
            use sha2::{Digest, Sha256};
            let sum = Sha256::digest(&change[8..]);
            change[4..8].copy_from_slice(&sum[..4]);
        }
        second.body = Body::Change(change);
        if victim.catalogue.admit(&second).is_ok() {
            as_automerge_says(&[first, second]);
        }
    }
}

#[test]
fn ten_thousand_products_are_merged_in_a_moment() {
    let (mut office, mut till) = (Writer::new(1), Writer::new(2));
    let food = Item::Category(Named::new(ItemId::parse("food").unwrap(), "Food").unwrap());
    let mut entries = vec![office.put(&food, 0)];
    for n in 0..10_000 {
        entries.push(office.put(&priced(&format!("product-{n}"), n + 1), n));
    }
    let started = std::time::Instant::now();
    for entry in &entries {
        till.catalogue.admit(entry).unwrap();
    }
    let admitted = started.elapsed();
    let again = Catalogue::open(&entries).unwrap();
    println!("figure: catalogue_admit_10000 {} ms", admitted.as_millis());
    println!("figure: catalogue_open_10000 {} ms", (started.elapsed() - admitted).as_millis());
    assert_eq!(again.registers().count(), 10_001);
    assert!(again.registers().filter(|(key, _)| key.kind == Kind::Product).count() == 10_000);
    assert!(admitted.as_secs() < 20, "{admitted:?}: it grew with the catalogue");
}
