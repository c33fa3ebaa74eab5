//! Values as items and back. What an item holds is written down here, attribute by attribute.

use crate::feed::Arrival;
use crate::keys::{self, member_place};
use crate::keys::{GPK, GSK, Key, MEMBERS, PK, SHOPS, SK};
use crate::request::Condition;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Account, Actor, CheckoutId, Member, Money, Role, Shop, ShopId, ShortCode, Timestamp};
use replica::{Batch, Head};
use service::StoreError;
use service::store::{Enrolment, Filing, InboxItem, PushAttempt, RawCallback};
use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

/// What readers of the index get of a message: an encoded feed item, or a body in the inbox.
const CONTENT: &str = "content";
/// The body of a callback, untouched.
const RAW: &str = "raw";
/// SHA-256 of that body.
const BODY_HASH: &str = "body_hash";
/// When something happened or came in, in milliseconds.
const AT: &str = "at";
/// Why a callback is in the inbox.
const REASON: &str = "reason";
/// The shop something belongs to.
const SHOP: &str = "shop";
/// What people call it.
const NAME: &str = "name";
/// The kind of a shop's account.
const ACCOUNT: &str = "account";
/// The number customers pay to.
const SHORTCODE: &str = "shortcode";
/// The number a shop went live with.
const STORE_NUMBER: &str = "store_number";
/// The names of all numbers and tokens that lead to a shop.
pub(crate) const LEADS: &str = "leads";
/// Who writes a journal.
const ACTOR: &str = "actor";
/// What a member may do.
const ROLE: &str = "role";
/// The letter of a member's sale references.
const LETTER: &str = "letter";
/// A member's Ed25519 key.
const PUBLIC_KEY: &str = "public_key";
/// Whether a member was revoked.
const REVOKED: &str = "revoked";
/// Until when an enrolment code is good, in milliseconds.
pub(crate) const EXPIRES_AT: &str = "expires_at";
/// The till's name for a push.
const ATTEMPT: &str = "attempt";
/// The sale a push asks payment for.
const SALE: &str = "sale";
/// An amount in cents.
const CENTS: &str = "cents";
/// Safaricom's name for a push.
const CHECKOUT: &str = "checkout";
/// Safaricom's name for our request.
const MERCHANT: &str = "merchant";
/// The number of a journal's last entry.
const LAST: &str = "last";
/// The chain at that entry; it stands for the whole journal.
pub(crate) const CHAIN: &str = "chain";
/// An encoded batch.
const BATCH: &str = "batch";
/// What a counter counts.
pub(crate) const COUNTED: &str = "counted";

/// One item of the table.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Item(HashMap<String, AttributeValue>);

impl From<HashMap<String, AttributeValue>> for Item {
    fn from(attributes: HashMap<String, AttributeValue>) -> Self {
        Self(attributes)
    }
}

impl From<Item> for HashMap<String, AttributeValue> {
    fn from(item: Item) -> Self {
        item.0
    }
}

impl From<Key> for Item {
    fn from(key: Key) -> Self {
        Self::default().text(PK, key.pk).text(SK, key.sk)
    }
}

impl Item {
    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.with(name, AttributeValue::S(value.into()))
    }

    fn optional_text(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.text(name, value.to_string()),
            None => self,
        }
    }

    fn number(self, name: &str, value: impl ToString) -> Self {
        self.with(name, AttributeValue::N(value.to_string()))
    }

    fn bytes(self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.with(name, AttributeValue::B(Blob::new(value)))
    }

    /// Puts the item into a list of the index.
    fn listed(self, list: impl Into<String>, place: impl Into<String>) -> Self {
        self.text(GPK, list).text(GSK, place)
    }

    fn find_text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
    }

    fn get_text(&self, name: &'static str) -> Result<&str, StoreError> {
        self.find_text(name).ok_or_else(|| damaged(name))
    }

    fn get_number<T: FromStr>(&self, name: &'static str) -> Result<T, StoreError> {
        let digits = self.0.get(name).and_then(|value| value.as_n().ok());
        digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| damaged(name))
    }

    fn get_bytes(&self, name: &'static str) -> Result<&[u8], StoreError> {
        let blob = self.0.get(name).and_then(|value| value.as_b().ok());
        blob.map(Blob::as_ref).ok_or_else(|| damaged(name))
    }

    fn get_array<const N: usize>(&self, name: &'static str) -> Result<[u8; N], StoreError> {
        self.get_bytes(name)?.try_into().map_err(|_| damaged(name))
    }

    /// A text attribute as the thing it names.
    fn get<T, E>(&self, name: &'static str, parse: impl Fn(&str) -> Result<T, E>) -> Result<T, StoreError> {
        parse(self.get_text(name)?).map_err(|_| damaged(name))
    }

    /// The same for an attribute that may be absent.
    fn find<T, E>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        self.find_text(name).map(parse).transpose().map_err(|_| damaged(name))
    }

    fn time(&self, name: &'static str) -> Result<Timestamp, StoreError> {
        Timestamp::from_millis(self.get_number(name)?).map_err(|_| damaged(name))
    }

    /// Its place in the list of the index that it is in, if it is in one.
    pub(crate) fn place(&self) -> Option<&str> {
        self.find_text(GSK)
    }
}

/// An attribute that is missing or makes no sense. The name tells where to look; the value stays out of
/// logs.
fn damaged(name: &str) -> StoreError {
    StoreError::Damaged(format!("an item's {name} is missing or wrong"))
}

/// A shop, in the list of shops, with the names of all that leads to it.
pub(crate) fn shop_item(shop: &Shop, keys: &BTreeSet<Key>) -> Item {
    Item::from(Key::shop(&shop.id))
        .listed(SHOPS, shop.id.as_str())
        .text(SHOP, shop.id.as_str())
        .text(NAME, &shop.name)
        .text(ACCOUNT, shop.account.kind())
        .text(SHORTCODE, shop.account.shortcode().as_str())
        .optional_text(STORE_NUMBER, shop.store_number.as_ref())
        .with(LEADS, leads(keys))
}

/// The value of [`LEADS`].
pub(crate) fn leads(keys: &BTreeSet<Key>) -> AttributeValue {
    AttributeValue::Ss(keys.iter().map(|key| key.pk.clone()).collect())
}

/// Reads [`leads`].
pub(crate) fn read_leads(item: &Item) -> Result<BTreeSet<Key>, StoreError> {
    let names = item.0.get(LEADS).and_then(|value| value.as_ss().ok()).ok_or_else(|| damaged(LEADS))?;
    Ok(names.iter().cloned().map(Key::lead).collect())
}

/// Reads [`shop_item`].
pub(crate) fn read_shop(item: &Item) -> Result<Shop, StoreError> {
    let account = Account::of_kind(item.get_text(ACCOUNT)?, item.get(SHORTCODE, ShortCode::parse)?);
    let account = account.ok_or_else(|| damaged(ACCOUNT))?;
    let store_number = item.find(STORE_NUMBER, ShortCode::parse)?;
    Shop::new(read_shop_id(item)?, item.get_text(NAME)?, account, store_number).map_err(|_| damaged(NAME))
}

/// A number or a token that leads to a shop.
pub(crate) fn lead_item(key: Key, shop: &ShopId) -> Item {
    Item::from(key).text(SHOP, shop.as_str())
}

/// The condition that a [`lead_item`] does not lead to another shop: money must not change hands
/// silently.
pub(crate) fn nobody_elses(shop: &ShopId) -> Condition {
    Condition::new_or_same(SHOP, AttributeValue::S(shop.to_string()))
}

/// Reads [`lead_item`].
pub(crate) fn read_shop_id(item: &Item) -> Result<ShopId, StoreError> {
    item.get(SHOP, ShopId::parse)
}

/// A callback, where it was filed.
pub(crate) fn callback_item(raw: &RawCallback, hash: [u8; 32], filing: &Filing, now: Arrival) -> Item {
    let item = match filing {
        Filing::Feed(shop, message) => Item::from(Key::message(shop, message))
            .listed(keys::feed(shop), now.place(&keys::message_name(message)))
            .bytes(CONTENT, replica::wire::encode_feed_item(message))
            .bytes(RAW, raw.body.as_slice()),
        Filing::Inbox(reason, checkout) => {
            let key = checkout.as_ref().map_or_else(|| Key::inbox(&hash), Key::early_result);
            Item::from(key)
                .listed(keys::inbox_day(now.day()), now.place(&hex::encode(hash)))
                .bytes(CONTENT, raw.body.as_slice())
                .text(REASON, reason)
        }
    };
    item.bytes(BODY_HASH, hash).number(AT, raw.received_at.millis())
}

/// The hash of the body in a [`callback_item`].
pub(crate) fn read_body_hash(item: &Item) -> Result<[u8; 32], StoreError> {
    item.get_array(BODY_HASH)
}

/// Reads a [`callback_item`] of the inbox.
pub(crate) fn read_inbox_item(item: &Item) -> Result<InboxItem, StoreError> {
    let RawCallback { body, received_at } = read_inbox_callback(item)?;
    let reason = item.get_text(REASON)?.to_owned();
    Ok(InboxItem { hash: read_body_hash(item)?, received_at, reason, body })
}

/// The callback alone in a [`callback_item`] of the inbox.
pub(crate) fn read_inbox_callback(item: &Item) -> Result<RawCallback, StoreError> {
    Ok(RawCallback { body: item.get_bytes(CONTENT)?.to_vec(), received_at: item.time(AT)? })
}

/// One thing in a shop's news.
pub(crate) enum Newsworthy<'a> {
    /// An encoded feed item.
    Message(&'a [u8]),
    /// The journal of an actor has grown.
    Journal(Actor),
}

/// Reads what the index shows of a [`callback_item`] in a feed, or of a [`head_item`].
pub(crate) fn read_news(item: &Item) -> Result<Newsworthy<'_>, StoreError> {
    match item.find(ACTOR, Actor::from_str)? {
        Some(actor) => Ok(Newsworthy::Journal(actor)),
        None => item.get_bytes(CONTENT).map(Newsworthy::Message),
    }
}

/// An attempt, under the till's name for it or under Safaricom's.
pub(crate) fn attempt_item(key: Key, attempt: &PushAttempt) -> Item {
    let accepted = attempt.accepted.as_ref();
    Item::from(key)
        .text(SHOP, attempt.shop.as_str())
        .text(ATTEMPT, &attempt.attempt)
        .text(SALE, attempt.sale.to_string())
        .number(CENTS, attempt.amount.cents())
        .number(AT, attempt.at.millis())
        .optional_text(CHECKOUT, accepted.map(|(checkout, _)| checkout))
        .optional_text(MERCHANT, accepted.map(|(_, merchant)| merchant))
}

/// Reads [`attempt_item`].
pub(crate) fn read_attempt(item: &Item) -> Result<PushAttempt, StoreError> {
    let merchant = || item.get_text(MERCHANT).map(str::to_owned);
    let checkout = item.find(CHECKOUT, CheckoutId::parse)?;
    Ok(PushAttempt {
        shop: read_shop_id(item)?,
        attempt: item.get_text(ATTEMPT)?.to_owned(),
        sale: item.get(SALE, str::parse)?,
        amount: Money::from_cents(item.get_number(CENTS)?),
        at: item.time(AT)?,
        accepted: checkout.map(|checkout| merchant().map(|merchant| (checkout, merchant))).transpose()?,
    })
}

/// A permission to enrol.
pub(crate) fn enrolment_item(enrolment: &Enrolment) -> Item {
    Item::from(Key::enrolment(&enrolment.code_hash))
        .optional_text(SHOP, enrolment.shop.as_ref())
        .text(ROLE, enrolment.role.name())
        .number(EXPIRES_AT, enrolment.expires_at.millis())
}

/// Reads [`enrolment_item`], whose name is the hash of the code.
pub(crate) fn read_enrolment(item: &Item, code_hash: [u8; 32]) -> Result<Enrolment, StoreError> {
    let (shop, expires_at) = (item.find(SHOP, ShopId::parse)?, item.time(EXPIRES_AT)?);
    Ok(Enrolment { code_hash, shop, role: read_role(item)?, expires_at })
}

fn read_role(item: &Item) -> Result<Role, StoreError> {
    item.get(ROLE, |name| Role::named(name).ok_or(()))
}

/// The number a counter reached.
pub(crate) fn read_counted(item: &Item) -> Result<u32, StoreError> {
    item.get_number(COUNTED)
}

/// A member, in the list of members.
pub(crate) fn member_item(member: &Member, shop: Option<&ShopId>) -> Item {
    Item::from(Key::member(member.actor))
        .listed(MEMBERS, member_place(member.actor))
        .text(ACTOR, member.actor.to_string())
        .text(ROLE, member.role.name())
        .text(LETTER, &member.letter)
        .text(NAME, &member.name)
        .bytes(PUBLIC_KEY, member.public_key)
        .with(REVOKED, AttributeValue::Bool(member.revoked))
        .optional_text(SHOP, shop)
}

/// Reads [`member_item`].
pub(crate) fn read_member(item: &Item) -> Result<(Member, Option<ShopId>), StoreError> {
    let revoked = item.0.get(REVOKED).and_then(|value| value.as_bool().ok());
    let member = Member {
        actor: item.get(ACTOR, str::parse)?,
        role: read_role(item)?,
        letter: item.get_text(LETTER)?.to_owned(),
        name: item.get_text(NAME)?.to_owned(),
        public_key: item.get_array(PUBLIC_KEY)?,
        revoked: *revoked.ok_or_else(|| damaged(REVOKED))?,
    };
    Ok((member, item.find(SHOP, ShopId::parse)?))
}

/// A batch of a journal.
pub(crate) fn batch_item(shop: &ShopId, batch: &Batch, at: Timestamp) -> Item {
    Item::from(Key::batch(shop, batch.actor, batch.first))
        .bytes(BATCH, replica::wire::encode_batch(batch))
        .number(AT, at.millis())
}

/// Reads [`batch_item`].
pub(crate) fn read_batch(item: &Item) -> Result<Batch, StoreError> {
    replica::wire::decode_batch(item.get_bytes(BATCH)?).map_err(|_| damaged(BATCH))
}

/// Where a journal ends. It moves to the end of the shop's news whenever the journal grows.
pub(crate) fn head_item(shop: &ShopId, actor: Actor, head: Head, now: Arrival) -> Item {
    Item::from(Key::head(shop, actor))
        .listed(keys::feed(shop), now.place(&format!("journal#{actor}")))
        .text(ACTOR, actor.to_string())
        .number(LAST, head.number)
        .bytes(CHAIN, head.chain)
}

/// Reads [`head_item`].
pub(crate) fn read_head(item: &Item) -> Result<(Actor, Head), StoreError> {
    let head = Head { number: item.get_number(LAST)?, chain: item.get_array(CHAIN)? };
    Ok((item.get(ACTOR, str::parse)?, head))
}
