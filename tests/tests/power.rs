//! A till whose power went: its write-ahead log is cut. At every byte where it matters, or, with
//! `LEJA_CRASHES` set, at every byte there is.

use domain::{FactId, Tender};
use tests::simulation::power::Photo;
use tests::world::{Replica, World, asha, of};

/// A till whose log holds three sales and nothing else, each with the length of the log after it.
fn three_sales(world: &World, till: &mut Replica) -> (Photo, Vec<(usize, FactId)>) {
    // Closing it empties the log.
    till.restart();
    let sold = (1..=3).map(|shillings| {
        let sale = till.sell(of(shillings, Tender::Cash), &asha(), world.now(), None).unwrap().sale.id;
        (Photo::of(&till.path).log().len(), sale)
    });
    let sold = sold.collect();
    (Photo::of(&till.path), sold)
}

#[test]
fn a_log_that_is_cut_at_any_byte_opens_and_keeps_every_sale_before_the_cut() {
    const FRAME: usize = 24 + 4096;
    let world = World::new();
    let shop = world.shop("mjini", "till", "123456");
    let mut till = world.till(&shop, "Front");
    let earlier = till.sell(of(500, Tender::Cash), &asha(), world.now(), None).unwrap().sale.id;
    let (photo, sold) = three_sales(&world, &mut till);
    let log = photo.log();
    let copy = till.path.with_extension("cut");
    let (edge, last) = (
        |at: usize| (at.saturating_sub(32) % FRAME).min(FRAME - at.saturating_sub(32) % FRAME),
        log.len() - 300,
    );
    let everywhere = std::env::var_os("LEJA_CRASHES").is_some();
    let places = (0..=log.len()).filter(|at| everywhere || edge(*at) < 2 || *at > last || at % 509 == 0);
    let mut count = 0;
    for at in places {
        photo.with_log(log[..at].to_vec()).develop(&copy);
        let cut = world.open(copy.clone());
        assert!(cut.sale(earlier).is_ok(), "cut at {at}");
        for (end, sale) in &sold {
            let there = cut.sale(*sale).is_ok();
            assert_eq!(there, at >= *end, "cut at {at}: the commit of {sale} ends at {end}");
        }
        count += 1;
    }
    assert!(count > 300, "{count}");
    println!("figure: log_cuts {count} places of {}", log.len());
}
