//! A day of five thousand receipts, fifty of which two sales want: who has each payment, and where each sale stands.
//! As the domain alone judges it, and as a ledger settles it when the payments arrive.

use domain::standing::{ClaimWeight, Known, standing};
use domain::verdict::{StandingClaim, judge};
use domain::{
    Actor, Cited, Claim, FactId, How, Item, ItemId, Money, ReceiptCode, Setting, Tender, TillId, Timestamp,
};
use std::time::Instant;
use tests::figures::{figure, median};
use tests::metered::Metered;
use tests::world::{World, asha, code, exchange, kes, sell};
use till::{Folder, Till};

const RECEIPTS: u32 = 5_000;
const CONFLICTS: u32 = 50;
const ROUNDS: usize = 20;

fn receipt(number: u32) -> ReceiptCode {
    code(&format!("UKL{number:05}XY"))
}

fn amount(number: u32) -> Money {
    kes(100 + number % 400)
}

/// One claim for each receipt, and for the first of them another of another till's sale.
fn claims(receipts: u32, conflicts: u32) -> Vec<(Money, Vec<StandingClaim>)> {
    let at = |minute: u32| {
        Timestamp::from_millis(1_763_712_000_000).unwrap().plus_millis(i64::from(minute) * 6_000)
    };
    let name = |till: u32, number: u32| FactId { actor: Actor::first(TillId(till)), number: number.into() };
    let claim = |till: u32, number: u32| StandingClaim {
        id: name(till, 10_000 + number),
        at: at(number + till),
        claim: Claim::new(receipt(number), Cited::by_name(name(till, 1 + number)), How::Typed),
        withdrawn: false,
    };
    let of =
        |number: u32| (1..=if number < conflicts { 2 } else { 1 }).map(|till| claim(till, number)).collect();
    (0..receipts).map(|number| (amount(number), of(number))).collect()
}

/// Judges every receipt, and folds every sale; gives how many sales are in conflict.
fn verdicts(day: &[(Money, Vec<StandingClaim>)]) -> usize {
    let mut conflicts = 0;
    for (arrived, claims) in day {
        let verdict = judge(claims, Some(*arrived));
        for claim in claims {
            let share = verdict.share(claim.claim.sale, *arrived);
            let weight = share.map_or(ClaimWeight::Lost, ClaimWeight::Leads);
            let stands = standing(&Known::new(*arrived, Tender::Mpesa), &[weight]);
            conflicts += usize::from(stands.conflict);
        }
    }
    conflicts
}

/// Two tills sold and typed codes without a line; then all payments arrive at one of them at once. What that takes it,
/// the cloud's work left out.
fn settled(receipts: u32, conflicts: u32) -> f64 {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (front, back) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    // So much unseen in one shift asks for a manager; here it is a shop that trusts its cashiers.
    for limit in ["unverified-per-shift", "unverified-per-till"] {
        let setting = Setting::new(ItemId::parse(limit).unwrap(), "9000000").unwrap();
        front.set(&shop, &Item::Setting(setting), &asha(), world.now()).unwrap();
    }
    exchange(&world, &[&front, &back]);
    for (till, wanted) in [(&front, receipts), (&back, conflicts)] {
        till.offline(true);
        assert!(till.sync(world.now()).is_err());
        for number in 0..wanted {
            let sale = sell(till, 100 + number % 400, world.now());
            till.claim(sale, (receipt(number), How::Typed), &asha(), world.now()).unwrap();
        }
        till.offline(false);
    }
    exchange(&world, &[&front, &back]);
    for number in 0..receipts {
        world.pay(receipt(number).as_str(), "123456", 100 + number % 400, "");
    }
    let (path, line) = (front.path.clone(), front.line.clone());
    drop(front);
    let meter = Metered::on(line);
    let front = Till::open(&Folder::at(&path).unwrap(), Box::new(meter.clone())).unwrap();
    let start = Instant::now();
    let report = front.sync(world.now()).unwrap();
    let taken = start.elapsed().saturating_sub(meter.read().behind.wall);
    assert_eq!(report.payments, u64::from(receipts));
    let torn = back.sales(&shop, till::SaleFilter::Conflict, None, 10_000).unwrap().len();
    let seen = front.sales(&shop, till::SaleFilter::Conflict, None, 10_000).unwrap().len();
    assert_eq!((torn, seen), (conflicts as usize, conflicts as usize));
    taken.as_secs_f64() * 1_000.0
}

fn main() {
    let wanted = std::env::var("LEJA_BENCH_SALES").map_or(RECEIPTS, |text| text.parse().unwrap());
    let (receipts, conflicts) = (wanted.clamp(100, RECEIPTS), CONFLICTS);
    let day = claims(receipts, conflicts);
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(verdicts(&day), conflicts as usize);
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    figure("verdicts_5000_ms", median(&mut rounds), "ms", "50");
    figure(
        "verdicts_5000_settled_ms",
        settled(receipts, conflicts),
        "ms, payments decoded and written with them",
        "none",
    );
}
