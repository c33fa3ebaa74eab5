//! Records as JSON: one object a record, the same on the way between two clouds and in a file.

use super::{Listing, Orphan, Part, Record};
use crate::store::{AnswerKind, Enrolment, InboxItem, Purpose, RawCallback, Request, Tokens};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::{Actor, CheckoutId, Member, Money, Role, Shop, ShopId, Timestamp};
use replica::wire::json::ShopForm;
use replica::wire::{decode_batch, decode_feed_item, encode_batch, encode_feed_item};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A record that makes no sense here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a record can not be read: its {0} makes no sense")]
pub struct WrongRecord(&'static str);

/// `POST /v1/admin/records/read`: which part, and after which place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadForm {
    /// The part.
    pub part: PartForm,
    /// Where the last page said that the next begins; nothing at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "AAAAAAAAAAc=")]
    pub after: Option<String>,
}

/// A part of what the cloud keeps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct PartForm {
    /// `shops`, `members`, `enrolments`, `inbox` or `counters`; of a shop `shop`, `members`, `counters`, `notes`,
    /// `requests`, `feed` or `journal`.
    #[schema(example = "journal")]
    pub of: String,
    /// The shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "mjini")]
    pub shop: Option<String>,
    /// Whose journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "7")]
    pub actor: Option<String>,
}

/// A page of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PageForm {
    /// The records, in order, each an object that says in `record` what it is.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<RecordForm>,
    /// Where the next page begins; nothing after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "AAAAAAAAAAc=")]
    pub after: Option<String>,
}

/// `POST /v1/admin/records`: records of another cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeepForm {
    /// The records, in the order in which they were read.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<RecordForm>,
}

/// The answer: what could not be kept, and why. All else is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptForm {
    /// A sentence each.
    #[schema(example = json!(["member 7: here that number is Front counter's"]))]
    pub refused: Vec<String>,
}

/// `GET /v1/admin/shops/{shop}/journals`: one journal, and where it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalForm {
    /// Whose journal.
    #[schema(example = "7")]
    pub actor: String,
    /// The number of its last entry.
    #[schema(example = 812)]
    pub number: u64,
    /// The chain there, which stands for the whole journal, in hex.
    #[schema(example = "9f2c6b1e…")]
    pub chain: String,
}

/// Bytes: as text where they are text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Base64(String),
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        // A character that JSON writes as six would make a page longer than a body may be.
        let long = |c: &u8| c.is_ascii_control() && !b"\t\n\r".contains(c);
        match std::str::from_utf8(bytes) {
            Ok(text) if !bytes.iter().any(long) => Self::Text(text.to_owned()),
            _ => Self::Base64(BASE64_STANDARD.encode(bytes)),
        }
    }
}

impl Content {
    fn bytes(self) -> Result<Vec<u8>, WrongRecord> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Base64(text) => decoded(&text, "content"),
        }
    }
}

/// One thing that a cloud keeps. Times are milliseconds since 1970 UTC; hashes and keys are hex; what has a binary
/// form of its own is in base64, as `replica::wire` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum RecordForm {
    /// A shop and its tokens.
    Shop {
        /// The shop.
        shop: ShopForm,
        /// Which token was made last.
        newest: u32,
        /// The hashes of those that are good.
        tokens: Vec<String>,
    },
    /// A member.
    Member {
        /// Its actor.
        actor: String,
        /// Its role.
        role: String,
        /// Its letter.
        letter: String,
        /// Its name.
        name: String,
        /// Its Ed25519 key.
        public_key: String,
        /// It was revoked.
        revoked: bool,
        /// Its shop.
        shop: Option<String>,
    },
    /// A counter.
    Counter {
        /// Its name.
        name: String,
        /// What it reached.
        reached: u32,
    },
    /// A permission to enrol.
    Enrolment {
        /// The hash of the code.
        code_hash: String,
        /// The shop.
        shop: Option<String>,
        /// The role.
        role: String,
        /// Until when it is good.
        expires_at: i64,
    },
    /// A callback in the inbox, or one that was there.
    Orphan {
        /// The hash of its body.
        hash: String,
        /// When it arrived.
        received_at: i64,
        /// Why it was not believed.
        reason: String,
        /// The body.
        body: Content,
        /// The request it answers.
        request: Option<String>,
        /// It waits for a person.
        waiting: bool,
        /// What people decided.
        decided: Option<String>,
    },
    /// A note.
    Note {
        /// The shop.
        shop: String,
        /// Its name.
        name: String,
        /// What it says.
        content: Content,
    },
    /// A request.
    Request {
        /// The shop.
        shop: String,
        /// The caller's name for it.
        name: String,
        /// What it is for.
        purpose: String,
        /// How much it is about, in cents.
        cents: i64,
        /// When it was begun.
        at: i64,
        /// Safaricom's two names for it.
        accepted: Option<(String, String)>,
        /// When to ask what became of it.
        ask_at: Option<i64>,
    },
    /// What answered a request.
    Answer {
        /// Safaricom's name for the request.
        request: String,
        /// `result` or `timed_out`.
        kind: String,
        /// The body.
        body: Content,
        /// When it arrived.
        received_at: i64,
    },
    /// A message of the feed.
    Message {
        /// The shop.
        shop: String,
        /// What it means.
        item: String,
        /// The body it came as.
        body: Content,
        /// When it arrived.
        received_at: i64,
    },
    /// A batch of a journal.
    Batch {
        /// The shop.
        shop: String,
        /// The batch.
        batch: String,
    },
}

impl From<&Record> for RecordForm {
    fn from(record: &Record) -> Self {
        match record {
            Record::Shop(shop, tokens) => Self::Shop {
                shop: ShopForm::from(shop),
                newest: tokens.newest,
                tokens: tokens.hashes.iter().map(hex::encode).collect(),
            },
            Record::Member(member, shop) => Self::member(member, shop.as_ref()),
            Record::Counter(name, reached) => Self::Counter { name: name.clone(), reached: *reached },
            Record::Enrolment(enrolment) => Self::Enrolment {
                code_hash: hex::encode(enrolment.code_hash),
                shop: enrolment.shop.as_ref().map(ToString::to_string),
                role: enrolment.role.name().to_owned(),
                expires_at: enrolment.expires_at.millis(),
            },
            Record::Orphan(orphan) => Self::orphan(orphan),
            Record::Note(shop, name, content) => {
                Self::Note { shop: shop.to_string(), name: name.clone(), content: content.as_slice().into() }
            }
            Record::Request(request) => Self::request(request),
            Record::Answer(request, kind, raw) => Self::Answer {
                request: request.to_string(),
                kind: kind.name().to_owned(),
                body: raw.body.as_slice().into(),
                received_at: raw.received_at.millis(),
            },
            Record::Message(shop, item, raw) => Self::Message {
                shop: shop.to_string(),
                item: BASE64_STANDARD.encode(encode_feed_item(item)),
                body: raw.body.as_slice().into(),
                received_at: raw.received_at.millis(),
            },
            Record::Batch(shop, batch) => {
                Self::Batch { shop: shop.to_string(), batch: BASE64_STANDARD.encode(encode_batch(batch)) }
            }
        }
    }
}

impl RecordForm {
    fn member(member: &Member, shop: Option<&ShopId>) -> Self {
        Self::Member {
            actor: member.actor.to_string(),
            role: member.role.name().to_owned(),
            letter: member.letter.clone(),
            name: member.name.clone(),
            public_key: hex::encode(member.public_key),
            revoked: member.revoked,
            shop: shop.map(ToString::to_string),
        }
    }

    fn orphan(Orphan { item, waiting, decided }: &Orphan) -> Self {
        Self::Orphan {
            hash: hex::encode(item.hash),
            received_at: item.received_at.millis(),
            reason: item.reason.clone(),
            body: item.body.as_slice().into(),
            request: item.request.as_ref().map(ToString::to_string),
            waiting: *waiting,
            decided: decided.clone(),
        }
    }

    fn request(request: &Request) -> Self {
        let accepted = request.accepted.as_ref();
        Self::Request {
            shop: request.shop.to_string(),
            name: request.name.clone(),
            purpose: request.purpose.to_string(),
            cents: request.amount.cents(),
            at: request.at.millis(),
            accepted: accepted.map(|(checkout, merchant)| (checkout.to_string(), merchant.clone())),
            ask_at: request.ask_at.map(Timestamp::millis),
        }
    }
}

impl TryFrom<RecordForm> for Record {
    type Error = WrongRecord;
    fn try_from(form: RecordForm) -> Result<Self, WrongRecord> {
        Ok(match form {
            RecordForm::Shop { shop, newest, tokens } => {
                let hashes = tokens.iter().map(|hash| hex32(hash)).collect::<Result<_, _>>()?;
                let shop = Shop::try_from(shop).map_err(|_| WrongRecord("shop"))?;
                Self::Shop(shop, Tokens { newest, hashes })
            }
            RecordForm::Member { actor, role, letter, name, public_key, revoked, shop } => {
                let (actor, role) = (parsed(&actor, "actor")?, role_of(&role)?);
                let public_key = hex32(&public_key)?;
                let member = Member { actor, role, letter, name, public_key, revoked };
                Self::Member(member, shop.as_deref().map(shop_of).transpose()?)
            }
            RecordForm::Counter { name, reached } => Self::Counter(name, reached),
            RecordForm::Enrolment { code_hash, shop, role, expires_at } => Self::Enrolment(Enrolment {
                code_hash: hex32(&code_hash)?,
                shop: shop.as_deref().map(shop_of).transpose()?,
                role: role_of(&role)?,
                expires_at: time(expires_at)?,
            }),
            RecordForm::Orphan { .. } => Self::Orphan(orphan(form)?),
            RecordForm::Note { shop, name, content } => Self::Note(shop_of(&shop)?, name, content.bytes()?),
            RecordForm::Request { .. } => Self::Request(request(form)?),
            RecordForm::Answer { request, kind, body, received_at } => {
                let kind = AnswerKind::named(&kind).ok_or(WrongRecord("kind"))?;
                Self::Answer(request_of(&request)?, kind, raw(body, received_at)?)
            }
            RecordForm::Message { shop, item, body, received_at } => {
                let item = decode_feed_item(&decoded(&item, "item")?).map_err(|_| WrongRecord("item"))?;
                Self::Message(shop_of(&shop)?, Box::new(item), raw(body, received_at)?)
            }
            RecordForm::Batch { shop, batch } => {
                let batch = decode_batch(&decoded(&batch, "batch")?).map_err(|_| WrongRecord("batch"))?;
                Self::Batch(shop_of(&shop)?, batch)
            }
        })
    }
}

fn orphan(form: RecordForm) -> Result<Orphan, WrongRecord> {
    let RecordForm::Orphan { hash, received_at, reason, body, request, waiting, decided } = form else {
        return Err(WrongRecord("kind"));
    };
    let request = request.as_deref().map(request_of).transpose()?;
    let (hash, received_at) = (hex32(&hash)?, time(received_at)?);
    let item = InboxItem { hash, received_at, reason, body: body.bytes()?, request };
    Ok(Orphan { item, waiting, decided })
}

fn request(form: RecordForm) -> Result<Request, WrongRecord> {
    let RecordForm::Request { shop, name, purpose, cents, at, accepted, ask_at } = form else {
        return Err(WrongRecord("kind"));
    };
    let names = |(checkout, merchant): (String, String)| Ok((request_of(&checkout)?, merchant));
    Ok(Request {
        shop: shop_of(&shop)?,
        name,
        purpose: parsed::<Purpose>(&purpose, "purpose")?,
        amount: Money::from_cents(cents),
        at: time(at)?,
        accepted: accepted.map(names).transpose()?,
        ask_at: ask_at.map(time).transpose()?,
    })
}

fn raw(body: Content, received_at: i64) -> Result<RawCallback, WrongRecord> {
    Ok(RawCallback { body: body.bytes()?, received_at: time(received_at)? })
}

impl From<&Part> for PartForm {
    fn from(part: &Part) -> Self {
        let (of, shop, actor) = match part {
            Part::Listed(Listing::Shops) => ("shops", None, None),
            Part::Listed(Listing::Members) => ("members", None, None),
            Part::Listed(Listing::Enrolments) => ("enrolments", None, None),
            Part::Listed(Listing::Inbox) => ("inbox", None, None),
            Part::Listed(Listing::Notes(shop)) => ("notes", Some(shop), None),
            Part::Listed(Listing::Requests(shop)) => ("requests", Some(shop), None),
            Part::Listed(Listing::Feed(shop)) => ("feed", Some(shop), None),
            Part::Shop(shop) => ("shop", Some(shop), None),
            Part::MembersOf(shop) => ("members", Some(shop), None),
            Part::Counters(shop) => ("counters", shop.as_ref(), None),
            Part::Journal(shop, actor) => ("journal", Some(shop), Some(actor)),
        };
        let (shop, actor) = (shop.map(ToString::to_string), actor.map(ToString::to_string));
        Self { of: of.to_owned(), shop, actor }
    }
}

impl TryFrom<PartForm> for Part {
    type Error = WrongRecord;
    fn try_from(form: PartForm) -> Result<Self, WrongRecord> {
        let shop = form.shop.as_deref().map(shop_of).transpose()?;
        let actor = form.actor.as_deref().map(|actor| parsed::<Actor>(actor, "actor")).transpose()?;
        Ok(match (form.of.as_str(), shop, actor) {
            ("shops", None, None) => Self::Listed(Listing::Shops),
            ("members", None, None) => Self::Listed(Listing::Members),
            ("enrolments", None, None) => Self::Listed(Listing::Enrolments),
            ("inbox", None, None) => Self::Listed(Listing::Inbox),
            ("notes", Some(shop), None) => Self::Listed(Listing::Notes(shop)),
            ("requests", Some(shop), None) => Self::Listed(Listing::Requests(shop)),
            ("feed", Some(shop), None) => Self::Listed(Listing::Feed(shop)),
            ("shop", Some(shop), None) => Self::Shop(shop),
            ("members", Some(shop), None) => Self::MembersOf(shop),
            ("counters", shop, None) => Self::Counters(shop),
            ("journal", Some(shop), Some(actor)) => Self::Journal(shop, actor),
            _ => return Err(WrongRecord("part")),
        })
    }
}

/// The place in a journal after an entry, as [`ReadForm::after`] says it.
pub fn after_entry(number: u64) -> String {
    encoded(&number.to_be_bytes())
}

pub(super) fn decoded(text: &str, what: &'static str) -> Result<Vec<u8>, WrongRecord> {
    BASE64_STANDARD.decode(text).map_err(|_| WrongRecord(what))
}

pub(super) fn encoded(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn parsed<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, WrongRecord> {
    text.parse().map_err(|_| WrongRecord(what))
}

fn hex32(text: &str) -> Result<[u8; 32], WrongRecord> {
    hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(WrongRecord("hash or key"))
}

fn shop_of(text: &str) -> Result<ShopId, WrongRecord> {
    ShopId::parse(text).map_err(|_| WrongRecord("shop"))
}

fn request_of(text: &str) -> Result<CheckoutId, WrongRecord> {
    CheckoutId::parse(text).map_err(|_| WrongRecord("request"))
}

fn role_of(name: &str) -> Result<Role, WrongRecord> {
    Role::named(name).ok_or(WrongRecord("role"))
}

fn time(millis: i64) -> Result<Timestamp, WrongRecord> {
    Timestamp::from_millis(millis).map_err(|_| WrongRecord("time"))
}
