//! Any bytes as a page of pulled transactions: no panic, every row kept as it was written, and a row that is
//! read again says the same.
#![no_main]

use daraja::{PulledRow, RowKind, Zone};
use domain::{Money, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(page) = daraja::read_pull_page(body) else { return };
    let _ = format!("{page:?}");
    let Ok(now) = Timestamp::parse_daraja("20261121101700") else { return };
    let window = (now.plus_millis(-900_000), now);
    let zone = page.zone(window);
    for row in &page.rows {
        assert_eq!(&PulledRow::read(&row.raw), row);
        let Ok(payment) = &row.content else { continue };
        assert!(payment.kind != RowKind::CustomerPayment || payment.amount > Money::ZERO);
        if let Some(time) = payment.listed_at {
            for known in [zone, Some(Zone::Utc), Some(Zone::Nairobi), None] {
                let (instant, proven) = time.settle(window, known);
                assert!(known.is_some() || proven.is_none() || time.zone_of_receipt(instant) == proven);
            }
        }
    }
});
