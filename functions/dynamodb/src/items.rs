//! Values as items and back. What an item holds is written down here, attribute by attribute.

mod inbox;

pub(crate) use inbox::*;

use crate::feed::Arrival;
use crate::keys::{self, ENROLMENTS, GPK, GSK, Key, MEMBERS, PK, SHOPS, SK, WAITING, member_place};
use crate::request::Condition;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Account, Actor, CheckoutId, FeedItem, Member, Money, Role, Shop, ShopId, ShopRules, ShortCode, Timestamp,
    Validation,
};
use replica::{Batch, Head};
use service::StoreError;
use service::store::{Enrolment, Filing, Purpose, RawCallback, Request, Tokens};
use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

/// What readers of the index get beside what it lists for all: an encoded feed item, a body in the inbox,
/// or a map of what a shop chose. It is the content of a note, too.
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
/// What people decided about a callback in the inbox, a line each.
pub(crate) const OUTCOME: &str = "outcome";
/// The head-office number above a shop, in its [`CONTENT`].
const HEAD_OFFICE: &str = "head_office";
/// Which payments a shop refuses, in its [`CONTENT`].
const VALIDATION: &str = "validation";
/// From how many cents on a second source has to agree, in a shop's [`CONTENT`].
const SECOND_SOURCE_FROM: &str = "second_source_from";
/// From how many cents on a payment is looked at, in a shop's [`CONTENT`].
const REVIEW_FROM: &str = "review_from";
/// The hashes of a shop's tokens, one after the other.
const TOKENS: &str = "tokens";
/// Which token was made last.
const NEWEST: &str = "newest";
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
/// Until when an enrolment code is good or a lock is held, in milliseconds.
pub(crate) const EXPIRES_AT: &str = "expires_at";
/// From when on DynamoDB may delete an item by itself, in seconds since 1970; `infra/aws/table.yaml` names it.
const GONE_AFTER: &str = "gone_after";
/// Who holds a lock.
pub(crate) const HOLDER: &str = "holder";
/// The caller's name for a request.
const ATTEMPT: &str = "attempt";
/// The sale a push asks payment for.
const SALE: &str = "sale";
/// What any other request is for.
const PURPOSE: &str = "purpose";
/// An amount in cents.
const CENTS: &str = "cents";
/// Safaricom's name for a request.
const CHECKOUT: &str = "checkout";
/// Safaricom's other name for it.
const MERCHANT: &str = "merchant";
/// When to ask what became of a request, in milliseconds.
const ASK_AT: &str = "ask_at";
/// The number of a journal's last entry.
const LAST: &str = "last";
/// The chain at that entry; it stands for the whole journal.
pub(crate) const CHAIN: &str = "chain";
/// An encoded batch.
const BATCH: &str = "batch";
/// The number of the last entry of a batch that was joined; others do not have it.
pub(crate) const JOINED: &str = "joined";
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

    fn optional_number(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.number(name, value),
            None => self,
        }
    }

    fn bytes(self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.with(name, AttributeValue::B(Blob::new(value)))
    }

    /// What is good until a time, and is deleted some time after it, by a clock that is not ours.
    fn expiring(self, at: Timestamp) -> Self {
        let seconds = at.millis().div_euclid(1000).saturating_add(1);
        self.number(EXPIRES_AT, at.millis()).number(GONE_AFTER, seconds)
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
        self.find_number(name)?.ok_or_else(|| damaged(name))
    }

    fn find_number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, StoreError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let digits = value.as_n().ok();
        digits.and_then(|digits| digits.parse().ok()).map(Some).ok_or_else(|| damaged(name))
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

    /// Whether it is in this list of the index.
    pub(crate) fn is_in(&self, list: &str) -> bool {
        self.find_text(GPK) == Some(list)
    }

    /// Whether it waits in the inbox.
    pub(crate) fn waits(&self) -> bool {
        self.find_text(GPK).is_some_and(|list| list.starts_with(WAITING))
    }

    /// Its name.
    pub(crate) fn key(&self) -> Result<Key, StoreError> {
        Ok(Key { pk: self.get_text(PK)?.to_owned(), sk: self.get_text(SK)?.to_owned() })
    }
}

/// An attribute that is missing or makes no sense. The name tells where to look; the value stays out of
/// logs.
fn damaged(name: &str) -> StoreError {
    StoreError::Damaged(format!("an item's {name} is missing or wrong"))
}

/// A shop, in the list of shops, with the names of all that leads to it. What it chose is one attribute,
/// because only that one is shown in the index.
pub(crate) fn shop_item(shop: &Shop, tokens: &Tokens, keys: &BTreeSet<Key>) -> Item {
    let chosen = Item::default()
        .optional_text(HEAD_OFFICE, shop.head_office.as_ref())
        .text(VALIDATION, shop.rules.validation.name())
        .optional_number(SECOND_SOURCE_FROM, shop.rules.second_source_from.map(Money::cents))
        .number(REVIEW_FROM, shop.rules.review_from.cents());
    Item::from(Key::shop(&shop.id))
        .listed(SHOPS, shop.id.as_str())
        .text(SHOP, shop.id.as_str())
        .text(NAME, &shop.name)
        .text(ACCOUNT, shop.account.kind())
        .text(SHORTCODE, shop.account.shortcode().as_str())
        .optional_text(STORE_NUMBER, shop.store_number.as_ref())
        .with(CONTENT, AttributeValue::M(chosen.0))
        .bytes(TOKENS, tokens.hashes.concat())
        .number(NEWEST, tokens.newest)
        .with(LEADS, leads(keys))
}

/// Reads the tokens of a [`shop_item`]. The first release kept them among the [`LEADS`] alone.
pub(crate) fn read_tokens(item: &Item) -> Result<Tokens, StoreError> {
    let newest = item.find_number(NEWEST)?.unwrap_or_default();
    let hashes = if item.0.contains_key(TOKENS) {
        let (hashes, []) = item.get_bytes(TOKENS)?.as_chunks() else { return Err(damaged(TOKENS)) };
        hashes.to_vec()
    } else {
        read_leads(item)?.iter().filter_map(Key::token_in).collect()
    };
    Ok(Tokens { newest, hashes })
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
    let shop = Shop::new(read_shop_id(item)?, item.get_text(NAME)?, account, store_number);
    let shop = shop.map_err(|_| damaged(NAME))?;
    // The first release had nothing to choose.
    let Some(chosen) = item.0.get(CONTENT) else { return Ok(shop) };
    let chosen = Item::from(chosen.as_m().map_err(|_| damaged(CONTENT))?.clone());
    let rules = ShopRules {
        validation: chosen.get(VALIDATION, |name| Validation::named(name).ok_or(()))?,
        second_source_from: chosen.find_number(SECOND_SOURCE_FROM)?.map(Money::from_cents),
        review_from: Money::from_cents(chosen.get_number(REVIEW_FROM)?),
    };
    Ok(Shop { head_office: chosen.find(HEAD_OFFICE, ShortCode::parse)?, rules, ..shop })
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

/// Where a callback with this hash is filed.
pub(crate) fn callback_key(hash: &[u8; 32], filing: &Filing) -> Key {
    match filing {
        Filing::Feed(shop, message) => Key::message(shop, message.name()),
        Filing::Answer(request, kind) => Key::answer(request, *kind),
        Filing::Inbox(_, Some(request)) => Key::early_answer(request),
        Filing::Inbox(_, None) => Key::inbox(hash),
    }
}

/// A callback, where it was filed.
pub(crate) fn callback_item(
    key: Key,
    raw: &RawCallback,
    hash: [u8; 32],
    filing: &Filing,
    now: Arrival,
) -> Item {
    let item = match filing {
        Filing::Feed(shop, message) => Item::from(key)
            .listed(keys::feed(shop), now.place(&keys::message_name(message.name())))
            .bytes(CONTENT, replica::wire::encode_feed_item(message))
            .bytes(RAW, raw.body.as_slice()),
        Filing::Answer(..) => Item::from(key).bytes(RAW, raw.body.as_slice()),
        Filing::Inbox(reason, _) => Item::from(key)
            .listed(keys::inbox_day(now.day()), now.place(&hex::encode(hash)))
            .bytes(CONTENT, raw.body.as_slice())
            .text(REASON, reason),
    };
    item.bytes(BODY_HASH, hash).number(AT, raw.received_at.millis())
}

/// The hash of the body in a [`callback_item`].
pub(crate) fn read_body_hash(item: &Item) -> Result<[u8; 32], StoreError> {
    item.get_array(BODY_HASH)
}

/// The message in a [`callback_item`] of a feed. One that can not be read stops the answer: left out of the
/// news, it would be behind the reader's cursor and lost. It was written by a newer release, and waits
/// until this one is as new.
pub(crate) fn read_message(item: &Item) -> Result<FeedItem, StoreError> {
    let unreadable = |error| StoreError::Damaged(format!("a message of the feed: {error}"));
    replica::wire::decode_feed_item(item.get_bytes(CONTENT)?).map_err(unreadable)
}

/// The callback in a [`callback_item`] that answers a request.
pub(crate) fn read_answer(item: &Item) -> Result<RawCallback, StoreError> {
    Ok(RawCallback { body: item.get_bytes(RAW)?.to_vec(), received_at: item.time(AT)? })
}

/// One thing in a shop's news.
pub(crate) enum Newsworthy {
    /// A message of the feed.
    Message(Box<FeedItem>),
    /// The journal of an actor has grown.
    Journal(Actor),
}

/// Reads what the index shows of a [`callback_item`] in a feed, or of a [`head_item`].
pub(crate) fn read_news(item: &Item) -> Result<Newsworthy, StoreError> {
    match item.find(ACTOR, Actor::from_str)? {
        Some(actor) => Ok(Newsworthy::Journal(actor)),
        None => read_message(item).map(|message| Newsworthy::Message(Box::new(message))),
    }
}

/// Whether what the index shows in a feed is a [`head_item`].
pub(crate) fn tells_of_a_journal(item: &Item) -> bool {
    item.find_text(ACTOR).is_some()
}

/// A request, under the caller's name for it or under Safaricom's.
fn request_item(key: Key, request: &Request) -> Item {
    let accepted = request.accepted.as_ref();
    let item = Item::from(key)
        .text(SHOP, request.shop.as_str())
        .text(ATTEMPT, &request.name)
        .number(CENTS, request.amount.cents())
        .number(AT, request.at.millis())
        .optional_text(CHECKOUT, accepted.map(|(checkout, _)| checkout))
        .optional_text(MERCHANT, accepted.map(|(_, merchant)| merchant))
        .optional_number(ASK_AT, request.ask_at.map(Timestamp::millis));
    // A push looks as in the first release, which answers callbacks beside this one while it is replaced.
    match &request.purpose {
        Purpose::Push(sale) => item.text(SALE, sale.to_string()),
        other => item.text(PURPOSE, other.to_string()),
    }
}

/// The same under the caller's name, in the list of the shop's requests.
pub(crate) fn named_item(request: &Request) -> Item {
    let key = Key::request(&request.shop, &request.name);
    request_item(key, request).listed(keys::requests(&request.shop), &request.name)
}

/// The same under Safaricom's name, in the list of what is due.
pub(crate) fn accepted_item(checkout: &CheckoutId, request: &Request) -> Item {
    let due = request.ask_at.map(|at| due_attributes(checkout, at));
    let item = request_item(Key::accepted(checkout), request);
    due.into_iter().flatten().fold(item, |item, (name, value)| item.with(name, value))
}

/// What makes a request due at some time.
pub(crate) fn due_attributes(checkout: &CheckoutId, at: Timestamp) -> [(&'static str, AttributeValue); 3] {
    [
        (ASK_AT, AttributeValue::N(at.millis().to_string())),
        (GPK, AttributeValue::S(keys::due(checkout))),
        (GSK, AttributeValue::S(keys::due_place(at, checkout))),
    ]
}

/// Their names.
pub(crate) const DUE: [&str; 3] = [ASK_AT, GPK, GSK];

/// Reads [`request_item`].
pub(crate) fn read_request(item: &Item) -> Result<Request, StoreError> {
    let merchant = || item.get_text(MERCHANT).map(str::to_owned);
    let checkout = item.find(CHECKOUT, CheckoutId::parse)?;
    let purpose = match item.find(SALE, str::parse)? {
        Some(sale) => Purpose::Push(sale),
        None => item.get(PURPOSE, str::parse)?,
    };
    let ask_at = item.find_number(ASK_AT)?.map(Timestamp::from_millis).transpose();
    Ok(Request {
        shop: read_shop_id(item)?,
        name: item.get_text(ATTEMPT)?.to_owned(),
        purpose,
        amount: Money::from_cents(item.get_number(CENTS)?),
        at: item.time(AT)?,
        accepted: checkout.map(|checkout| merchant().map(|merchant| (checkout, merchant))).transpose()?,
        ask_at: ask_at.map_err(|_| damaged(ASK_AT))?,
    })
}

/// A lock that is held.
pub(crate) fn lock_item(lock: &str, holder: &str, until: Timestamp) -> Item {
    Item::from(Key::lock(lock)).text(HOLDER, holder).expiring(until)
}

/// Reads [`lock_item`].
pub(crate) fn read_lock(item: &Item) -> Result<(String, Timestamp), StoreError> {
    Ok((item.get_text(HOLDER)?.to_owned(), item.time(EXPIRES_AT)?))
}

/// A small record of a shop.
pub(crate) fn note_item(shop: &ShopId, name: &str, content: &[u8]) -> Item {
    Item::from(Key::note(shop, name)).bytes(CONTENT, content)
}

/// Reads [`note_item`].
pub(crate) fn read_note(item: &Item) -> Result<(String, Vec<u8>), StoreError> {
    Ok((item.get_text(SK)?.to_owned(), item.get_bytes(CONTENT)?.to_vec()))
}

/// A permission to enrol.
pub(crate) fn enrolment_item(enrolment: &Enrolment) -> Item {
    Item::from(Key::enrolment(&enrolment.code_hash))
        .listed(ENROLMENTS, hex::encode(enrolment.code_hash))
        .optional_text(SHOP, enrolment.shop.as_ref())
        .text(ROLE, enrolment.role.name())
        .expiring(enrolment.expires_at)
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
        .listed(MEMBERS, member_place(member.actor, shop))
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
    // One that comes from another store may have been joined there.
    let joined = batch.before.map(|_| batch.last());
    Item::from(Key::batch(shop, batch.actor, batch.first))
        .bytes(BATCH, replica::wire::encode_batch(batch))
        .number(AT, at.millis())
        .optional_number(JOINED, joined)
}

/// A joined batch, in the place of the first of those it was joined of.
pub(crate) fn joined_item(shop: &ShopId, joined: &Batch) -> Item {
    Item::from(Key::batch(shop, joined.actor, joined.first))
        .bytes(BATCH, replica::wire::encode_batch(joined))
        .number(JOINED, joined.last())
}

/// Reads [`batch_item`] and [`joined_item`].
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
