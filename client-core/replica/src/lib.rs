//! Automerge documents, the journal, and what two replicas say to each other.
//!
//! A replica writes facts as Automerge changes ([`day_book`], [`catalogue`]), numbers and chains them in
//! one journal per shop and actor ([`journal`]), and sends what the other side lacks ([`wire`]). Nothing
//! foreign reaches a document or a projection before the [`guard`] has passed it. Everything here is
//! pure: no clock, no randomness, no file, no socket.

#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "numbers in tests are small and known"
    )
)]

mod codec;

pub mod catalogue;
pub mod day_book;
pub mod guard;
pub mod journal;
pub mod keys;
pub mod licence;
pub mod noise;
pub mod wire;

pub use catalogue::Catalogue;
pub use codec::CodecError;
pub use day_book::{DayBook, Written};
pub use guard::{Content, Refusal, admit};
pub use journal::{Batch, ChainError, Head, Item, Opened};
pub use keys::{Keypair, PublicKey};
