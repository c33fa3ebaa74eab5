//! A shop program that embeds a till: it sells as fast as it can and exchanges beside it, until it is
//! killed. A receipt is printed, as a line, when the till says that the sale is recorded.
//!
//! `seller FOLDER HUB`

use domain::{Line, Money, Person, Quantity, Sale, Tender, Timestamp};
use std::convert::Infallible;
use std::io::Write;
use std::time::SystemTime;
use till::{Folder, HttpCloud, Till};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (folder, hub) = (arguments.next().ok_or("no folder")?, arguments.next().ok_or("no hub")?);
    let till = Till::open(&Folder::at(folder.as_ref())?, Box::new(HttpCloud::new(&hub)?))?;
    let now = || Timestamp::from_system(SystemTime::now());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                // The hub may be busy; the next exchange goes on.
                let _ = till.sync(now());
            }
        });
        // The exchange never ends by itself: whoever waits for receipts must hear that there are no more.
        let Err(failed) = sell_for_ever(&till, now);
        eprintln!("{failed}");
        std::process::exit(1)
    })
}

fn sell_for_ever(till: &Till, now: impl Fn() -> Timestamp) -> Result<Infallible, Failure> {
    let (mut random, asha) = (fastrand::Rng::new(), Person::named("Asha"));
    loop {
        let price = Money::from_cents(random.i64(1..100_000));
        let line = Line::new("Goods", Quantity::ONE, price)?;
        let tender = if random.bool() { Tender::Cash } else { Tender::Mpesa };
        let sold = till.sell(Sale::new(vec![line], price, tender, None)?, &asha, now(), None)?.sale;
        let mut paid = "no";
        if tender == Tender::Mpesa && random.bool() {
            till.take_cash(sold.id, None, &asha, now(), None)?;
            paid = "cash";
        }
        let mut printer = std::io::stdout().lock();
        writeln!(printer, "receipt {} {} {paid}", sold.id, sold.total)?;
        printer.flush()?;
    }
}
