//! What one request was, and what `functions/dynamodb/DESIGN.md` says that it may cost.

use crate::dynamo::Units;
use replica::wire::json::{AskClaims, ClaimsSecured};
use replica::wire::{SyncAnswer, SyncRequest};
use till::CloudRequest;

/// What a request asks of the functions, by what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Safaricom confirms a payment.
    Confirmation,
    /// A sync that says and finds nothing.
    Idle,
    /// A sync that brings entries of its own; it may find some of others.
    Batch,
    /// A sync that brings nothing and finds payments, or entries of others.
    News,
    /// A sync that compares every journal.
    Comparing,
    /// Claims are secured.
    Claim,
    /// What the shop chose.
    Shop,
    /// A new till enters the journals of its shop.
    Enter,
    /// A new till fetches what was before it.
    History,
    /// A new till is enrolled.
    Enrol,
}

impl Operation {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 10] = [
        Self::Confirmation,
        Self::Batch,
        Self::News,
        Self::Idle,
        Self::Comparing,
        Self::Claim,
        Self::Shop,
        Self::Enter,
        Self::History,
        Self::Enrol,
    ];

    /// Its name in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Idle => "sync_idle",
            Self::Batch => "sync_batch",
            Self::News => "sync_news",
            Self::Comparing => "sync_comparing",
            Self::Claim => "claim_secured",
            Self::Shop => "shop_chosen",
            Self::Enter => "enter",
            Self::History => "history",
            Self::Enrol => "enrol",
        }
    }
}

/// What a confirmation may cost: it and its line in the index; whose token that is, and that shop.
pub const CONFIRMATION: Units = Units { written: 2.0, read: 2.0 };
/// What the shop chose: who asks, the shop, what it is told, and the price of licences, which `sync` remembers for half a
/// minute.
const SHOP: Units = Units { written: 0.0, read: 4.0 };
/// Who enters, two of the shop's notes, and its members.
const ENTER: Units = Units { written: 0.0, read: 3.5 };
/// Who asks, and of a shop that opens today nothing.
const HISTORY: Units = Units { written: 0.0, read: 1.5 };
/// The code and the member with their lines in the index, and two numbers; the shop, and the price of licences.
const ENROL: Units = Units { written: 6.0, read: 2.0 };
/// What a read of another's journal costs that finds nothing. Who asks in the moment in which another till writes is told
/// twice that it did.
pub const IN_VAIN: f64 = 2.0;

/// What a till's request was, and what it may cost at most; less where who syncs was met within a minute.
pub fn judge(request: &CloudRequest, answer: &[u8], met: bool) -> (Operation, Units) {
    match request.path.rsplit('/').next().unwrap_or_default() {
        "sync" => {
            let request = SyncRequest::decode(&request.body).unwrap();
            sync(&request, &SyncAnswer::decode(answer).unwrap(), met)
        }
        "claims" => {
            let asked: AskClaims = serde_json::from_slice(&request.body).unwrap();
            let said: ClaimsSecured = serde_json::from_slice(answer).unwrap();
            let lost = said.first.iter().flatten().count() as f64;
            let written = (asked.claims.len() + asked.released.len()) as f64;
            (Operation::Claim, Units { written, read: 1.0 + 2.0 * lost })
        }
        "shops" => (Operation::Shop, SHOP),
        "enter" => (Operation::Enter, ENTER),
        "history" => (Operation::History, HISTORY),
        "enrol" => (Operation::Enrol, ENROL),
        other => panic!("a till asked for {other}: say here what that may cost"),
    }
}

fn sync(request: &SyncRequest, answer: &SyncAnswer, met: bool) -> (Operation, Units) {
    let found = !answer.batches.is_empty() || !answer.feed.is_empty();
    let idle = !request.behind && request.batch.is_none() && !found;
    // What is new, and who asks.
    let mut may = Units { written: 0.0, read: if idle && met { 0.5 } else { 1.5 } };
    if let Some(batch) = &request.batch {
        // Its journal's end; batch and end in one transaction, and the end's move in the index.
        may += Units { written: 2.0 * parts(120 + batch.size(), 1024) + 4.0, read: 1.0 };
    }
    if request.behind {
        // All ends, members, and the own end where no batch asked for it.
        may.read += if request.batch.is_some() { 1.5 } else { 2.5 };
    } else {
        // Who writes the journals of which nothing is here yet.
        may.read += answer.members.len() as f64;
    }
    for batch in &answer.batches {
        may.read += parts(120 + batch.size(), 4096);
    }
    let operation = match (request.behind, &request.batch) {
        _ if idle => Operation::Idle,
        (true, _) => Operation::Comparing,
        (_, Some(_)) => Operation::Batch,
        (_, None) => Operation::News,
    };
    (operation, may)
}

/// How many parts of so many bytes.
fn parts(bytes: usize, each: usize) -> f64 {
    bytes.div_ceil(each) as f64
}
