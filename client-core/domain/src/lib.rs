//! What a shop's things are, and which payment settled which sale.
//!
//! Everything that happened is a fact, written once under its natural name; everything shown is
//! computed from facts by the functions of this crate. Nothing here reads a clock, opens a file or
//! knows a wire format: time, randomness and bytes belong to the rooms outside.
//!
//! Start with [`fact`] (what tills write), [`payment`] (what Safaricom says), then [`verdict`] (who
//! owns a payment), [`standing`] (what a sale still owes) and [`matching`] (what fits what).

#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "numbers in tests are small and known"
    )
)]

pub mod catalogue;
pub mod cited;
pub mod clock;
pub mod code;
pub mod conflict;
pub mod fact;
pub mod ids;
pub mod journal;
pub mod licence;
pub mod limits;
pub mod matching;
pub mod money;
pub mod msisdn;
pub mod payment;
pub mod returned;
pub mod rules;
pub mod sale;
pub mod shift;
pub mod shop;
pub mod standing;
pub mod stk;
pub mod stock;
pub mod time;
pub mod verdict;
pub mod verified;

pub use catalogue::{
    Item, ItemKey, Kind, Named, PinHash, Product, Register, Setting, Staff, StaffRole, TaxRate, Version,
    WriteId,
};
pub use cited::Cited;
pub use clock::Clock;
pub use code::CodeDoubt;
pub use fact::{Claim, Fact, FactBody, How, Person};
pub use ids::{
    Actor, CheckoutId, FactId, IdError, ItemId, ProductId, ReceiptCode, ShopId, ShortCode, TillId,
};
pub use journal::{Body, Document, Entry, Signature, Strand};
pub use limits::{LimitOf, OverLimit, Unverified};
pub use money::{Money, MoneyError};
pub use msisdn::{Msisdn, PhoneEnding, PhoneError};
pub use payment::{
    Disagreement, Evidence, FeedItem, Payer, Payment, PushQuery, PushResult, Retraction, Reversal, Source,
};
pub use returned::{Return, ReturnError, Returned};
pub use rules::{Limits, Rules};
pub use sale::{Discount, Line, Quantity, Sale, SaleError, Tax, Tender};
pub use shift::{Closing, Drawer, Report, ShiftError, Span, Taken, Takings};
pub use shop::{Account, Member, Role, Shop, ShopRules, Validation};
pub use stk::{Ending, Words};
pub use stock::{Count, Counted, Level, Moved, Seen, Shelves, StockChange, StockError, StockMove, Why};
pub use time::{BusinessDay, TimeError, Timestamp};
pub use verified::{Contradiction, Verification};
