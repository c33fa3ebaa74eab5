//! Whether everything is where it should be, and nothing anywhere else.

use super::{Counter, Functions, Group, at_once};
use crate::books::faults_of;
use crate::world::verdicts;
use domain::{FactBody, FactId, FeedItem, ReceiptCode, ShopId};
use replica::{Head, PublicKey, day_book};
use service::{Fallback, Store};
use std::collections::BTreeSet;
use till::SaleFilter;

/// More than a shop has of anything.
const ALL: u32 = 1_000_000;

/// Every confirmation that was acknowledged is in its shop's feed once and at its tills; every sale is in its journal at
/// the table and at every till of its shop; all of them say the same of it, everything that was paid found its sale, and
/// nobody has anything of another shop.
///
/// # Panics
/// It is not so.
pub(super) fn check(group: &Group) {
    let functions = &*group.functions;
    let waiting = functions.runtime.block_on(functions.fallback.take()).unwrap();
    assert_eq!(waiting.len(), 0, "the table was there for every callback");
    at_once(group.shops(), |counters| of_shop(functions, counters));
}

fn of_shop(functions: &Functions, counters: &[Counter]) {
    let shop = &counters[0].shop.id;
    let paid: BTreeSet<ReceiptCode> = counters.iter().flat_map(|counter| counter.paid.clone()).collect();
    let sold: BTreeSet<FactId> =
        counters.iter().flat_map(|counter| counter.sold.iter().map(|(id, _)| *id)).collect();
    let told = functions.runtime.block_on(feed(functions, shop));
    assert_eq!(told, paid.iter().cloned().collect::<Vec<_>>(), "{shop}: each once in the feed");
    assert_eq!(functions.runtime.block_on(journals(functions, shop)), sold, "{shop}: each in its journal");
    let say = verdicts(&counters[0].till, shop);
    for Counter { till, .. } in counters {
        let sales = till.sales(shop, SaleFilter::All, None, ALL).unwrap();
        assert_eq!(sales.iter().map(|sale| sale.id).collect::<BTreeSet<_>>(), sold, "{shop}: at each till");
        let payments = till.payments(shop, false, ALL).unwrap();
        let codes: BTreeSet<_> = payments.iter().map(|payment| payment.receipt.clone()).collect();
        assert_eq!(codes, paid, "{shop}: at each till");
        assert_eq!(verdicts(till, shop), say, "{shop}: all say the same");
        assert_eq!(faults_of(till, shop), Vec::<String>::new(), "{shop}");
        assert_eq!(till.sales(shop, SaleFilter::Open, None, 1).unwrap().len(), 0, "{shop}: all was paid");
        assert_eq!(till.payments(shop, true, 1).unwrap().len(), 0, "{shop}: and each payment was for a sale");
        assert_eq!(till.shops().unwrap().len(), 1, "{shop}: a till knows its own shop alone");
    }
}

/// The receipt codes in a shop's feed, in order, as often as they are in it.
async fn feed(functions: &Functions, shop: &ShopId) -> Vec<ReceiptCode> {
    let (mut cursor, mut told) = (Vec::new(), Vec::new());
    loop {
        let news = functions.store.news(shop, &cursor).await.unwrap();
        told.extend(news.items.iter().filter_map(FeedItem::evidence).map(|it| it.receipt.clone()));
        cursor = news.cursor;
        if !news.more {
            told.sort_unstable();
            return told;
        }
    }
}

/// The sales in a shop's journals at the table, which are whole and signed.
async fn journals(functions: &Functions, shop: &ShopId) -> BTreeSet<FactId> {
    let mut sales = BTreeSet::new();
    for (actor, end) in functions.store.heads(shop).await.unwrap() {
        let (member, home) = functions.store.member(actor).await.unwrap().unwrap();
        assert_eq!(home.as_ref(), Some(shop));
        let key = PublicKey::from_bytes(&member.public_key).unwrap();
        let mut head = Head::genesis(shop, actor);
        for batch in functions.store.batches(shop, actor, 0, usize::MAX).await.unwrap() {
            for opened in batch.open(head, &key).unwrap() {
                head = Head::of(&opened.entry);
                let fact = day_book::fact(&opened.entry).unwrap();
                sales.extend(matches!(fact.body, FactBody::Sale(_)).then_some(fact.id));
            }
        }
        assert_eq!(head, end, "{shop}: the journal ends where it is said to end");
    }
    sales
}
