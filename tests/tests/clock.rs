//! Stories of tills whose clocks are wrong: what they record is dated by the cloud's time once they have met.

use domain::{BusinessDay, How, Timestamp};
use std::time::Duration;
use tests::world::{Replica, World, asha, exchange, kes, sell};
use till::{Cloud, CloudError, CloudRequest, Folder, SaleFilter, Till};

const HOUR: i64 = 3_600_000;

/// What a clock shows that is so many milliseconds off.
fn shown(world: &World, off: i64) -> Timestamp {
    world.now().plus_millis(off)
}

fn offset(till: &Till) -> Option<i64> {
    till.status().unwrap().clock.clock.map(|clock| clock.offset_millis)
}

#[test]
fn a_till_two_hours_wrong_matches_payments_and_sells_on_the_right_day_once_it_has_met_the_cloud() {
    for wrong in [-2 * HOUR, 2 * HOUR] {
        let world = World::new();
        let shop = world.shop("mjini", "till", "123456");
        let (mut till, office) = (world.till(&shop, "Front"), world.office());
        let early = sell(&till, 50, shown(&world, wrong));
        assert_eq!(till.sale(early).unwrap().at, shown(&world, wrong), "nobody has told it the time yet");
        till.sync(shown(&world, wrong)).unwrap();
        assert_eq!(offset(&till), Some(-wrong));

        // A quarter past midnight; the till shows another day, or will in a moment.
        world.pass(16 * 3600 + 15 * 60);
        till.restart();
        till.offline(true);
        assert_eq!(offset(&till), Some(-wrong), "a restart without a network still knows");
        let sale = sell(&till, 487, shown(&world, wrong));
        let row = till.sale(sale).unwrap();
        assert_eq!(row.at, world.now());
        let day = BusinessDay::parse("2026-11-22").unwrap();
        assert_eq!(till.day(&shop, day).unwrap().sales, 1);
        assert_eq!(till.corrected(shown(&world, wrong)).business_day(), day, "today is what the page shows");

        // The customer pays at once; the payment is matched by itself, for both lie in one window.
        till.offline(false);
        world.pass(30);
        world.pay("UKL4AB12CD", "123456", 487, "");
        till.sync(shown(&world, wrong)).unwrap();
        assert_eq!(till.sale(sale).unwrap().due, kes(0));
        assert_eq!(till.claims(sale).unwrap()[0].how, How::Automatic);
        let found = till.search_payments(&shop, kes(487), 10, shown(&world, wrong)).unwrap();
        assert!(found.is_empty(), "it is claimed");
        office.sync(world.now()).unwrap();
        exchange(&world, &[&office]);
        assert_eq!(office.sale(sale).unwrap().at, row.at);
        assert_eq!(till.verify(&shop).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn sales_of_a_right_and_a_wrong_till_stand_in_the_order_in_which_they_were_made() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let (right, wrong) = (world.till(&shop, "Front"), world.till(&shop, "Back"));
    right.sync(world.now()).unwrap();
    wrong.sync(shown(&world, -5 * HOUR)).unwrap();
    let mut made = Vec::new();
    for round in 0..4 {
        world.pass(60);
        let (till, off) = if round % 2 == 0 { (&right, 0) } else { (&wrong, -5 * HOUR) };
        made.push(sell(till, 100 + round, shown(&world, off)));
    }
    wrong.sync(shown(&world, -5 * HOUR)).unwrap();
    right.sync(world.now()).unwrap();
    let listed = right.sales(&shop, SaleFilter::All, None, 9).unwrap();
    made.reverse();
    assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), made);
}

#[test]
fn a_clock_that_is_set_while_the_till_runs_is_noticed_and_followed() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let till = world.till(&shop, "Front");
    till.sync(world.now()).unwrap();
    assert_eq!(till.status().unwrap().clock.jumped_millis, None);
    till.offline(true);
    // Somebody sets the clock back by three hours; whoever serves the till sees both clocks.
    till.clock_jumped(-3 * HOUR).unwrap();
    assert_eq!(till.status().unwrap().clock.jumped_millis, Some(-3 * HOUR));
    let sale = sell(&till, 50, shown(&world, -3 * HOUR));
    assert_eq!(till.sale(sale).unwrap().at, world.now());
    till.offline(false);
    till.sync(shown(&world, -3 * HOUR)).unwrap();
    assert_eq!(till.status().unwrap().clock.jumped_millis, None, "measured anew");
    assert_eq!(offset(&till), Some(3 * HOUR));
}

#[test]
fn a_till_whose_clock_lost_its_battery_goes_on_from_its_last_sale() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let mut till = world.till(&shop, "Front");
    till.sync(world.now()).unwrap();
    let last = sell(&till, 50, world.now());
    till.restart();
    till.offline(true);
    let battery_died = Timestamp::parse_daraja("20000101030000").unwrap();
    let sale = sell(&till, 60, battery_died);
    assert_eq!(till.sale(sale).unwrap().at, till.sale(last).unwrap().at);
    assert!(till.status().unwrap().clock.jumped_millis.unwrap() < 0, "it is shown");
    till.offline(false);
    world.pass(600);
    till.sync(battery_died).unwrap();
    let sale = sell(&till, 70, battery_died);
    assert_eq!(till.sale(sale).unwrap().at, world.now());
    assert_eq!(till.take_cash(sale, None, &asha(), battery_died, None).unwrap().due, kes(0));
}

/// A line on which each question takes a while, both ways alike.
struct Slow {
    line: tests::world::Line2Hub,
    now: std::sync::Mutex<Duration>,
    each_way: Duration,
}

impl Cloud for Slow {
    fn carry(&self, request: &CloudRequest) -> Result<Vec<u8>, CloudError> {
        *self.now.lock().unwrap() += self.each_way * 2;
        self.line.carry(request)
    }

    fn elapsed(&self) -> Duration {
        *self.now.lock().unwrap()
    }
}

#[test]
fn what_a_slow_line_leaves_in_doubt_is_written_into_each_fact() {
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let Replica { path, line, .. } = &world.till(&shop, "Front");
    let each_way = Duration::from_millis(900);
    let slow = Slow { line: line.clone(), now: std::sync::Mutex::default(), each_way };
    let copy = path.with_file_name("slow");
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(path).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let till = Till::open(&Folder::at(&copy).unwrap(), Box::new(slow)).unwrap();
    till.sync(shown(&world, HOUR)).unwrap();
    let clock = till.status().unwrap().clock.clock.unwrap();
    assert_eq!(clock.uncertainty_millis, 900);
    assert_eq!(clock.offset_millis.abs_diff(-HOUR), 900, "the hub's clock stood still meanwhile");
}
