//! What documents hold, as compact, versioned bytes. The forms here are frozen: a changed form gets a new
//! version, and golden bytes in the tests notice a slip.

mod fact;
mod fact_1;
mod item;
mod sale;
mod shift;

pub(crate) use fact::{decode_fact, encode_fact};
pub(crate) use item::{decode_item, encode_item};

use domain::{Actor, FactId, Money, TillId};
use serde::{Deserialize, Serialize};

/// The version of every form but a fact's.
const VERSION: u8 = 1;

/// Bytes that carry no fact or product we can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A later release wrote it.
    #[error("written by a newer release (form {0}): update this program")]
    Newer(u8),
    /// The bytes say nothing that makes sense.
    #[error("unreadable bytes")]
    Unreadable,
}

/// The name of a fact or a writer, as it stands in every binary form of this crate.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NameForm {
    till: u32,
    incarnation: u16,
    number: u64,
}

impl From<FactId> for NameForm {
    fn from(id: FactId) -> Self {
        Self { till: id.actor.till.0, incarnation: id.actor.incarnation, number: id.number }
    }
}

impl From<NameForm> for FactId {
    fn from(form: NameForm) -> Self {
        let actor = Actor { till: TillId(form.till), incarnation: form.incarnation };
        Self { actor, number: form.number }
    }
}

/// Version byte first, then postcard.
pub(crate) fn versioned<T: Serialize>(form: &T) -> Vec<u8> {
    in_version(VERSION, form)
}

/// Reads what [`versioned`] wrote, to the last byte.
pub(crate) fn unversioned<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&VERSION, body)) => whole(body),
        Some((&newer, _)) if newer > VERSION => Err(CodecError::Newer(newer)),
        _ => Err(CodecError::Unreadable),
    }
}

/// A version byte, then postcard.
fn in_version<T: Serialize>(version: u8, form: &T) -> Vec<u8> {
    // Plain structs in memory always serialise; an empty value would be refused by every reader.
    let body = postcard::to_stdvec(form).unwrap_or_default();
    std::iter::once(version).chain(body).collect()
}

/// Reads postcard to the last byte.
fn whole<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, CodecError> {
    match postcard::take_from_bytes(body) {
        Ok((form, [])) => Ok(form),
        _ => Err(CodecError::Unreadable),
    }
}

/// An amount as somebody else wrote it: bounded, so that no sum of such amounts can overflow.
pub(crate) fn money(cents: i64) -> Result<Money, CodecError> {
    Money::from_edge(cents).map_err(|_| CodecError::Unreadable)
}

/// The same, where it is more than nothing.
fn above_nothing(cents: i64) -> Result<Money, CodecError> {
    money(cents).ok().filter(|amount| *amount > Money::ZERO).ok_or(CodecError::Unreadable)
}

/// The same, where it may be below nothing.
fn signed_money(cents: i64) -> Result<Money, CodecError> {
    let size = cents.checked_abs().ok_or(CodecError::Unreadable)?;
    money(size).map(|_| Money::from_cents(cents))
}
