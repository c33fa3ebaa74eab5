//! What the inbox holds: what waits for a person, and what was decided about it.

use super::{AT, BODY_HASH, CHECKOUT, CONTENT, Item, OUTCOME, REASON, damaged, read_body_hash};
use crate::feed::Arrival;
use crate::keys::{self, DECIDED, GPK, GSK, Key, PK};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::CheckoutId;
use service::StoreError;
use service::records::Orphan;
use service::store::{InboxItem, RawCallback};

/// Reads a [`callback_item`](super::callback_item) of the inbox.
pub(crate) fn read_inbox_item(item: &Item) -> Result<InboxItem, StoreError> {
    let RawCallback { body, received_at } = read_inbox_callback(item)?;
    let reason = item.get_text(REASON)?.to_owned();
    let request = keys::request_in(item.get_text(PK)?).map(CheckoutId::parse).transpose();
    let request = request.map_err(|_| damaged(PK))?;
    Ok(InboxItem { hash: read_body_hash(item)?, received_at, reason, body, request })
}

/// What was decided about it so far, whether or not it waits again.
pub(crate) fn read_outcome(item: &Item) -> Option<&str> {
    item.find_text(OUTCOME)
}

/// The attributes that put a callback into the list of what waits, from now on.
pub(crate) fn waiting_attributes(hash: &[u8; 32], now: Arrival) -> [(&'static str, AttributeValue); 2] {
    let place = now.place(&hex::encode(hash));
    [(GPK, AttributeValue::S(keys::inbox_day(now.day()))), (GSK, AttributeValue::S(place))]
}

/// The attributes that put a callback among those that people decided about.
pub(crate) fn decided_attributes(hash: &[u8; 32], now: Arrival) -> [(&'static str, AttributeValue); 2] {
    let place = now.place(&hex::encode(hash));
    [(GPK, AttributeValue::S(DECIDED.to_owned())), (GSK, AttributeValue::S(place))]
}

/// Where a callback of the inbox lies.
pub(crate) fn orphan_key(item: &InboxItem) -> Key {
    item.request.as_ref().map_or_else(|| Key::inbox(&item.hash), Key::early_answer)
}

/// What another store's inbox held of a callback.
pub(crate) fn orphan_item(orphan: &Orphan, now: Arrival) -> Item {
    let Orphan { item, waiting, decided } = orphan;
    let list = match (waiting, decided) {
        (true, _) => waiting_attributes(&item.hash, now).to_vec(),
        (false, Some(_)) => decided_attributes(&item.hash, now).to_vec(),
        (false, None) => Vec::new(),
    };
    let kept = Item::from(orphan_key(item))
        .bytes(CONTENT, item.body.as_slice())
        .text(REASON, &item.reason)
        .bytes(BODY_HASH, item.hash)
        .number(AT, item.received_at.millis())
        .optional_text(OUTCOME, decided.as_ref());
    list.into_iter().fold(kept, |kept, (name, value)| kept.with(name, value))
}

/// Reads a [`callback_item`](super::callback_item) of the inbox with all that became of it.
pub(crate) fn read_orphan(item: &Item) -> Result<Orphan, StoreError> {
    let decided = read_outcome(item).map(str::to_owned);
    Ok(Orphan { item: read_inbox_item(item)?, waiting: item.waits(), decided })
}

/// The way from a hash to the request under which its body waited.
pub(crate) fn early_inbox_item(hash: &[u8; 32], request: &CheckoutId) -> Item {
    Item::from(Key::early_inbox(hash)).text(CHECKOUT, request.as_str())
}

/// Reads [`early_inbox_item`].
pub(crate) fn read_early_inbox(item: &Item) -> Result<CheckoutId, StoreError> {
    item.get(CHECKOUT, CheckoutId::parse)
}

/// The callback alone in a [`callback_item`](super::callback_item) of the inbox.
pub(crate) fn read_inbox_callback(item: &Item) -> Result<RawCallback, StoreError> {
    Ok(RawCallback { body: item.get_bytes(CONTENT)?.to_vec(), received_at: item.time(AT)? })
}
