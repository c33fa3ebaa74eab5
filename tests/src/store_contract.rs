//! The contract of every store: one function for each sentence, and [`store_contract!`] to hold a store
//! to all of them.
//!
//! [`store_contract!`]: crate::store_contract!

mod callbacks;
mod inbox;
mod journals;
mod large;
mod locks;
mod news;
mod records;
mod requests;
mod shops;

pub use callbacks::*;
pub use inbox::*;
pub use journals::*;
pub use large::*;
pub use locks::*;
pub use news::*;
pub use records::*;
pub use requests::*;
pub use shops::*;

use domain::{
    Actor, CheckoutId, Entry, Evidence, FeedItem, Money, Payer, PushQuery, PushResult, ReceiptCode,
    Retraction, Reversal, ShopId, ShortCode, Source, Timestamp,
};
use replica::{Batch, Head, Keypair};
use service::Store;
use service::store::{Filing, RawCallback, Recorded};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Makes a test of each sentence of the contract. `$open` is an async function that gives a fresh store,
/// and whatever has to live as long as it.
#[macro_export]
macro_rules! store_contract {
    ($open:path) => {
        $crate::store_contract! { $open:
            a_callback_that_comes_twice_is_kept_once
            another_body_under_the_same_receipt_differs
            of_callbacks_that_race_for_one_receipt_one_is_new
            every_kind_of_message_on_one_payment_is_kept
            a_push_that_failed_does_not_hide_its_late_success
            a_feed_item_is_found_by_its_name_in_its_own_shop
            an_answer_lies_beside_its_request_and_in_no_feed
            the_inbox_lists_the_newest_first_with_their_reasons
            a_body_waits_once_in_the_inbox
            what_a_person_settled_waits_no_more_and_stays_kept
            an_early_answer_waits_until_it_is_settled
            an_early_answer_that_says_something_else_still_waits
            an_early_answer_can_be_settled_by_a_person
            what_a_person_settled_can_be_reopened_and_tells_all_that_was_decided
            an_early_answer_that_a_person_settled_can_be_reopened
            what_went_to_its_place_by_itself_can_not_be_reopened
            a_body_that_waits_alone_can_become_an_early_answer
            a_shop_is_found_by_its_numbers_and_tokens
            a_changed_shop_reads_back_changed
            a_number_stays_with_the_shop_that_has_it
            of_shops_that_race_for_a_number_one_gets_it
            shops_may_have_one_head_office
            what_a_shop_chose_reads_back
            tokens_read_back_in_their_order
            every_shop_is_listed
            a_code_enrols_once
            a_code_is_not_good_after_it_expired
            of_callers_that_race_for_a_code_one_gets_it
            a_counter_gives_every_number_once
            a_member_reads_back_and_can_be_revoked
            every_member_is_listed
            the_members_of_a_shop_are_listed
            a_request_is_recorded_once
            an_accepted_request_is_found_by_both_its_names
            a_request_that_was_never_begun_can_be_accepted
            every_purpose_of_a_request_reads_back
            requests_are_due_in_the_order_of_their_times
            a_request_that_is_not_accepted_is_not_due
            a_request_is_asked_about_again_or_no_more
            a_lock_is_held_by_one_until_it_is_let_go
            a_lock_that_expired_is_free
            of_callers_that_race_for_a_lock_one_gets_it
            of_callers_that_race_for_an_expired_lock_one_gets_it
            a_note_is_replaced_by_the_next_of_its_name
            notes_are_listed_by_the_beginning_of_their_names
            a_journal_starts_at_its_genesis_and_moves_with_each_batch
            a_batch_that_does_not_follow_the_end_is_not_taken
            of_batches_that_race_for_a_place_one_is_taken
            batches_come_in_order_and_in_pages_of_bytes
            joined_batches_take_the_place_of_their_parts
            a_batch_is_joined_once
            many_batches_are_joined_at_once
            of_joiners_that_race_one_joins
            batches_before_a_number_come_newest_first_and_in_pages_of_bytes
            heads_are_those_of_one_shop
            news_are_told_in_order_and_not_twice
            news_of_a_journal_are_told_whenever_it_grows
            news_written_during_reading_are_neither_lost_nor_doubled
            long_news_come_in_pages
            news_are_those_of_one_shop
            an_old_cursor_tells_again_what_came_after_it
            a_cursor_of_a_time_tells_what_came_since
            shops_members_codes_and_notes_are_listed
            a_feed_is_listed_in_its_order_with_its_bodies
            long_listings_come_in_pages_and_tell_everything_once
            requests_are_listed_with_their_answers
            all_that_ever_was_in_the_inbox_is_listed
            what_another_inbox_holds_is_taken_over_as_it_is
            a_counter_can_be_raised_and_never_goes_back
            more_than_a_megabyte_is_read_to_its_end
            the_largest_batch_and_the_largest_body_are_kept
            a_batch_that_was_joined_elsewhere_is_kept_joined
        }
    };
    ($open:path: $($sentence:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let (store, _home) = $open().await;
                $crate::store_contract::$sentence(store).await;
            }
        )*
    };
}

/// How many callers race for one thing.
const RACERS: u32 = 8;

fn shop_id(name: &str) -> ShopId {
    ShopId::parse(name).unwrap()
}

fn duka() -> ShopId {
    shop_id("duka-moja")
}

fn number(digits: &str) -> ShortCode {
    ShortCode::parse(digits).unwrap()
}

fn checkout(name: &str) -> CheckoutId {
    CheckoutId::parse(name).unwrap()
}

/// Some seconds after a Saturday noon.
fn after(seconds: i64) -> Timestamp {
    Timestamp::parse_daraja("20261121120000").unwrap().plus_millis(seconds * 1000)
}

fn raw(body: &str) -> RawCallback {
    RawCallback { body: body.into(), received_at: after(0) }
}

fn evidence(source: Source, receipt: &str) -> Evidence {
    Evidence {
        source,
        receipt: ReceiptCode::parse(receipt).unwrap(),
        amount: Money::from_cents(35_000),
        shortcode: number("123456"),
        paid_at: None,
        payer: Payer { name: Some("ASHA".to_owned()), msisdn: None },
        account_reference: "A42".to_owned(),
        order: Some("7-42".parse().unwrap()),
        balance: Some(Money::from_cents(512_000)),
        received_at: after(0),
    }
}

fn confirmation(receipt: &str) -> FeedItem {
    FeedItem::Arrival(evidence(Source::C2bConfirmation, receipt))
}

/// Every kind of message that tells of one payment, which a push brought.
fn messages(receipt: &str, push: &str) -> Vec<FeedItem> {
    let asked_for = [Source::PulledRow, Source::StatusResult, Source::StatementRow];
    let query = PushQuery {
        checkout: checkout(push),
        sale: "7-42".parse().unwrap(),
        code: "0".to_owned(),
        description: "ok".to_owned(),
        received_at: after(0),
    };
    let reversal = Reversal {
        receipt: ReceiptCode::parse(receipt).unwrap(),
        reversal: None,
        amount: Money::from_cents(35_000),
        reversed_at: None,
        received_at: after(0),
    };
    let others = [
        confirmation(receipt),
        push_result(push, receipt),
        push_failure(push),
        FeedItem::PushQuery(query),
        FeedItem::Reversal(reversal),
        retraction(Source::C2bConfirmation, receipt),
        retraction(Source::StatusResult, receipt),
    ];
    asked_for.map(|source| FeedItem::Arrival(evidence(source, receipt))).into_iter().chain(others).collect()
}

fn retraction(source: Source, receipt: &str) -> FeedItem {
    let (receipt, reason) = (ReceiptCode::parse(receipt).unwrap(), "another shop's".to_owned());
    FeedItem::Retraction(Retraction { source, receipt, reason, received_at: after(0) })
}

fn push_result(name: &str, receipt: &str) -> FeedItem {
    // The result of a push tells neither of a named order nor of a balance.
    let evidence = Evidence { order: None, balance: None, ..evidence(Source::StkResult, receipt) };
    FeedItem::PushResult(PushResult {
        checkout: checkout(name),
        sale: "7-42".parse().unwrap(),
        code: "0".to_owned(),
        description: "ok".to_owned(),
        received_at: after(0),
        evidence: Some(evidence),
    })
}

fn push_failure(name: &str) -> FeedItem {
    let FeedItem::PushResult(paid) = push_result(name, "NONE") else { unreachable!() };
    FeedItem::PushResult(PushResult { code: "1032".to_owned(), evidence: None, ..paid })
}

fn in_feed(item: FeedItem) -> Filing {
    Filing::Feed(duka(), Box::new(item))
}

/// Records a confirmation with a body of its own.
async fn confirm<S: Store>(store: &S, shop: &ShopId, receipt: &str) {
    let filing = Filing::Feed(shop.clone(), Box::new(confirmation(receipt)));
    assert_eq!(store.record(&raw(receipt), &filing).await, Ok(Recorded::New));
}

/// Does the same several times at once.
async fn race<S, T, F>(store: S, act: impl Fn(Arc<S>, u32) -> F) -> Vec<T>
where
    S: Store,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let store = Arc::new(store);
    let racers: JoinSet<T> = (0..RACERS).map(|racer| act(store.clone(), racer)).collect();
    racers.join_all().await
}

/// A till that writes a journal.
struct Writer {
    shop: ShopId,
    actor: Actor,
    head: Head,
}

/// A batch, and where the journal ends before and after it.
#[derive(Clone)]
struct Step {
    batch: Batch,
    before: Head,
    after: Head,
}

impl Writer {
    fn new(shop: &ShopId, actor: &str) -> Self {
        let actor = actor.parse().unwrap();
        Self { shop: shop.clone(), actor, head: Head::genesis(shop, actor) }
    }

    /// Writes a batch of so many changes of so many bytes.
    fn write(&mut self, changes: usize, bytes: usize) -> Step {
        let before = self.head;
        let entries: Vec<Entry> = (0..changes).map(|_| self.entry(bytes)).collect();
        let batch = Batch::seal(&entries, &Keypair::from_seed(&[7; 32])).unwrap();
        Step { batch, before, after: self.head }
    }

    fn entry(&mut self, bytes: usize) -> Entry {
        let entry = self.head.change(self.actor, vec![5; bytes]);
        self.head = Head::of(&entry);
        entry
    }

    /// Another history with the same start: what a restored backup writes.
    fn fork(&self) -> Self {
        Self { shop: self.shop.clone(), ..*self }
    }
}

async fn append<S: Store>(store: &S, shop: &ShopId, step: &Step) -> bool {
    store.append(shop, &step.batch, step.before, step.after, after(0)).await.unwrap()
}
