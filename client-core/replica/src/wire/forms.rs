//! The binary forms of the messages, frozen by golden bytes. Domain types know no format; here each gets
//! one, and every rule is checked again on the way in.

use super::batch::BatchForm;
use super::{SyncAnswer, SyncRequest};
use crate::Head;
use crate::codec::{CodecError, NameForm, money};
use domain::{
    Actor, CheckoutId, Evidence, FactId, FeedItem, IdError, Member, Msisdn, Payer, PushQuery, PushResult,
    ReceiptCode, Retraction, Reversal, Role, ShortCode, Source, TimeError, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

impl From<IdError> for CodecError {
    fn from(_: IdError) -> Self {
        Self::Unreadable
    }
}

impl From<TimeError> for CodecError {
    fn from(_: TimeError) -> Self {
        Self::Unreadable
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SyncRequestForm {
    have: Vec<NameForm>,
    cursor: Vec<u8>,
    behind: bool,
    batch: Option<BatchForm>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SyncAnswerForm {
    now: i64,
    taken: Option<(u64, [u8; 32])>,
    refused: Option<String>,
    batches: Vec<BatchForm>,
    members: Vec<MemberForm>,
    feed: Vec<FeedItemForm>,
    cursor: Vec<u8>,
    more: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MemberForm {
    name: NameForm,
    role: String,
    letter: String,
    title: String,
    public_key: [u8; 32],
    revoked: bool,
}

/// New kinds come at the end: the place of a kind is its number in the bytes.
#[derive(Serialize, Deserialize)]
pub(super) enum FeedItemForm {
    /// The arrival of money, as far as the first release knew it.
    Plain(EvidenceForm),
    PushResult(PushResultForm),
    Arrival(ArrivalForm),
    PushQuery(PushQueryForm),
    Reversal(ReversalForm),
    Retraction(RetractionForm),
}

#[derive(Serialize, Deserialize)]
pub(super) struct ArrivalForm {
    evidence: EvidenceForm,
    order: Option<NameForm>,
    balance: Option<i64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PushQueryForm {
    checkout: String,
    sale: NameForm,
    code: String,
    description: String,
    received_at: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReversalForm {
    receipt: String,
    reversal: Option<String>,
    amount: i64,
    reversed_at: Option<i64>,
    received_at: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RetractionForm {
    source: SourceForm,
    receipt: String,
    reason: String,
    received_at: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EvidenceForm {
    source: SourceForm,
    receipt: String,
    amount: i64,
    shortcode: String,
    paid_at: Option<i64>,
    name: Option<String>,
    msisdn: Option<String>,
    account_reference: String,
    received_at: i64,
}

#[derive(Serialize, Deserialize)]
enum SourceForm {
    C2bConfirmation,
    StkResult,
    PulledRow,
    StatusResult,
    StatementRow,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PushResultForm {
    checkout: String,
    sale: NameForm,
    code: String,
    description: String,
    received_at: i64,
    evidence: Option<EvidenceForm>,
}

impl From<&SyncRequest> for SyncRequestForm {
    fn from(request: &SyncRequest) -> Self {
        let name = |(actor, number): (&Actor, &u64)| FactId { actor: *actor, number: *number }.into();
        Self {
            have: request.have.iter().map(name).collect(),
            cursor: request.cursor.clone(),
            behind: request.behind,
            batch: request.batch.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<SyncRequestForm> for SyncRequest {
    type Error = CodecError;
    fn try_from(form: SyncRequestForm) -> Result<Self, CodecError> {
        let pair = |name: NameForm| {
            let id = FactId::from(name);
            (id.actor, id.number)
        };
        Ok(Self {
            have: form.have.into_iter().map(pair).collect(),
            cursor: form.cursor,
            behind: form.behind,
            batch: form.batch.map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<&SyncAnswer> for SyncAnswerForm {
    fn from(answer: &SyncAnswer) -> Self {
        Self {
            now: answer.now.millis(),
            taken: answer.taken.map(|head| (head.number, head.chain)),
            refused: answer.refused.clone(),
            batches: answer.batches.iter().map(Into::into).collect(),
            members: answer.members.iter().map(|member| MemberForm::new(member, &answer.ends)).collect(),
            feed: answer.feed.iter().map(Into::into).collect(),
            cursor: answer.cursor.clone(),
            more: answer.more,
        }
    }
}

impl TryFrom<SyncAnswerForm> for SyncAnswer {
    type Error = CodecError;
    fn try_from(form: SyncAnswerForm) -> Result<Self, CodecError> {
        let ends = form.members.iter().map(|form| FactId::from(form.name)).filter(|name| name.number > 0);
        Ok(Self {
            now: Timestamp::from_millis(form.now)?,
            ends: ends.map(|name| (name.actor, name.number)).collect(),
            taken: form.taken.map(|(number, chain)| Head { number, chain }),
            refused: form.refused,
            batches: form.batches.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            members: form.members.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            feed: form.feed.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            cursor: form.cursor,
            more: form.more,
        })
    }
}

impl MemberForm {
    /// A member, and where its journal ends: under the number that its name has room for.
    pub(super) fn new(member: &Member, ends: &BTreeMap<Actor, u64>) -> Self {
        let number = ends.get(&member.actor).copied().unwrap_or(0);
        Self {
            name: FactId { actor: member.actor, number }.into(),
            role: member.role.name().to_owned(),
            letter: member.letter.clone(),
            title: member.name.clone(),
            public_key: member.public_key,
            revoked: member.revoked,
        }
    }
}

impl TryFrom<MemberForm> for Member {
    type Error = CodecError;
    fn try_from(form: MemberForm) -> Result<Self, CodecError> {
        Ok(Self {
            actor: FactId::from(form.name).actor,
            role: Role::named(&form.role).ok_or(CodecError::Unreadable)?,
            letter: form.letter,
            name: form.title,
            public_key: form.public_key,
            revoked: form.revoked,
        })
    }
}

impl From<&FeedItem> for FeedItemForm {
    fn from(item: &FeedItem) -> Self {
        match item {
            FeedItem::Arrival(evidence) if evidence.order.is_none() && evidence.balance.is_none() => {
                Self::Plain(evidence.into())
            }
            FeedItem::Arrival(evidence) => Self::Arrival(ArrivalForm {
                evidence: evidence.into(),
                order: evidence.order.map(Into::into),
                balance: evidence.balance.map(domain::Money::cents),
            }),
            FeedItem::PushResult(result) => Self::PushResult(PushResultForm {
                checkout: result.checkout.as_str().to_owned(),
                sale: result.sale.into(),
                code: result.code.clone(),
                description: result.description.clone(),
                received_at: result.received_at.millis(),
                evidence: result.evidence.as_ref().map(Into::into),
            }),
            FeedItem::PushQuery(query) => Self::PushQuery(PushQueryForm {
                checkout: query.checkout.as_str().to_owned(),
                sale: query.sale.into(),
                code: query.code.clone(),
                description: query.description.clone(),
                received_at: query.received_at.millis(),
            }),
            FeedItem::Reversal(reversal) => Self::Reversal(ReversalForm {
                receipt: reversal.receipt.as_str().to_owned(),
                reversal: reversal.reversal.as_ref().map(ToString::to_string),
                amount: reversal.amount.cents(),
                reversed_at: reversal.reversed_at.map(Timestamp::millis),
                received_at: reversal.received_at.millis(),
            }),
            FeedItem::Retraction(retraction) => Self::Retraction(RetractionForm {
                source: retraction.source.into(),
                receipt: retraction.receipt.as_str().to_owned(),
                reason: retraction.reason.clone(),
                received_at: retraction.received_at.millis(),
            }),
        }
    }
}

impl TryFrom<FeedItemForm> for FeedItem {
    type Error = CodecError;
    fn try_from(form: FeedItemForm) -> Result<Self, CodecError> {
        Ok(match form {
            FeedItemForm::Plain(form) => Self::Arrival(form.try_into()?),
            FeedItemForm::Arrival(form) => Self::Arrival(Evidence {
                order: form.order.map(Into::into),
                // An organisation may owe Safaricom: a balance below nothing is no mistake.
                balance: form.balance.map(domain::Money::from_cents),
                ..form.evidence.try_into()?
            }),
            FeedItemForm::PushResult(form) => Self::PushResult(PushResult {
                checkout: CheckoutId::parse(&form.checkout)?,
                sale: form.sale.into(),
                code: form.code,
                description: form.description,
                received_at: Timestamp::from_millis(form.received_at)?,
                evidence: form.evidence.map(TryInto::try_into).transpose()?,
            }),
            FeedItemForm::PushQuery(form) => Self::PushQuery(PushQuery {
                checkout: CheckoutId::parse(&form.checkout)?,
                sale: form.sale.into(),
                code: form.code,
                description: form.description,
                received_at: Timestamp::from_millis(form.received_at)?,
            }),
            FeedItemForm::Reversal(form) => Self::Reversal(Reversal {
                receipt: ReceiptCode::parse(&form.receipt)?,
                reversal: form.reversal.as_deref().map(ReceiptCode::parse).transpose()?,
                amount: money(form.amount)?,
                reversed_at: form.reversed_at.map(Timestamp::from_millis).transpose()?,
                received_at: Timestamp::from_millis(form.received_at)?,
            }),
            FeedItemForm::Retraction(form) => Self::Retraction(Retraction {
                source: form.source.into(),
                receipt: ReceiptCode::parse(&form.receipt)?,
                reason: form.reason,
                received_at: Timestamp::from_millis(form.received_at)?,
            }),
        })
    }
}

impl From<Source> for SourceForm {
    fn from(source: Source) -> Self {
        match source {
            Source::C2bConfirmation => Self::C2bConfirmation,
            Source::StkResult => Self::StkResult,
            Source::PulledRow => Self::PulledRow,
            Source::StatusResult => Self::StatusResult,
            Source::StatementRow => Self::StatementRow,
        }
    }
}

impl From<SourceForm> for Source {
    fn from(form: SourceForm) -> Self {
        match form {
            SourceForm::C2bConfirmation => Self::C2bConfirmation,
            SourceForm::StkResult => Self::StkResult,
            SourceForm::PulledRow => Self::PulledRow,
            SourceForm::StatusResult => Self::StatusResult,
            SourceForm::StatementRow => Self::StatementRow,
        }
    }
}

impl From<&Evidence> for EvidenceForm {
    fn from(evidence: &Evidence) -> Self {
        Self {
            source: evidence.source.into(),
            receipt: evidence.receipt.as_str().to_owned(),
            amount: evidence.amount.cents(),
            shortcode: evidence.shortcode.as_str().to_owned(),
            paid_at: evidence.paid_at.map(Timestamp::millis),
            name: evidence.payer.name.clone(),
            msisdn: evidence.payer.msisdn.as_ref().map(|msisdn| msisdn.as_str().to_owned()),
            account_reference: evidence.account_reference.clone(),
            received_at: evidence.received_at.millis(),
        }
    }
}

impl TryFrom<EvidenceForm> for Evidence {
    type Error = CodecError;
    fn try_from(form: EvidenceForm) -> Result<Self, CodecError> {
        Ok(Self {
            source: form.source.into(),
            receipt: ReceiptCode::parse(&form.receipt)?,
            amount: money(form.amount)?,
            shortcode: ShortCode::parse(&form.shortcode)?,
            paid_at: form.paid_at.map(Timestamp::from_millis).transpose()?,
            payer: Payer { name: form.name, msisdn: form.msisdn.as_deref().map(Msisdn::from_safaricom) },
            account_reference: form.account_reference,
            order: None,
            balance: None,
            received_at: Timestamp::from_millis(form.received_at)?,
        })
    }
}
