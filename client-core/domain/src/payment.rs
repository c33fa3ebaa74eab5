//! What Safaricom says: evidence, and the payment that all of it adds up to.

use crate::{CheckoutId, FactId, Money, Msisdn, ReceiptCode, ShortCode, Timestamp};

/// One message that says money arrived. Its natural name is the receipt code and the kind of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Which kind of message.
    pub source: Source,
    /// The identity of the money.
    pub receipt: ReceiptCode,
    /// How much arrived.
    pub amount: Money,
    /// The number it was paid to; an STK result does not carry it, its request does.
    pub shortcode: ShortCode,
    /// When Safaricom says it was paid; without it the time of receipt stands in.
    pub paid_at: Option<Timestamp>,
    /// Who paid, as far as Safaricom lets us see.
    pub payer: Payer,
    /// What the customer typed as account number, trimmed; empty for tills.
    pub account_reference: String,
    /// When we received it.
    pub received_at: Timestamp,
}

/// Which kind of message a piece of evidence came in, in the order in which they are trusted for detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A C2B confirmation.
    C2bConfirmation,
    /// The result of an STK push.
    StkResult,
}

impl Source {
    /// The stable name, in stores and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::C2bConfirmation => "c2b_confirmation",
            Self::StkResult => "stk_result",
        }
    }
}

/// Who paid. Kept apart from the money, because it can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payer {
    /// The names Safaricom sent, joined; never empty.
    pub name: Option<String>,
    /// The number, in whatever form was sent.
    pub msisdn: Option<Msisdn>,
}

/// How an STK push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushResult {
    /// Safaricom's name for the push; the natural name of this message.
    pub checkout: CheckoutId,
    /// The sale the push asked payment for.
    pub sale: FactId,
    /// Safaricom's code as text, because some are: `0`, `1032`, `SFC_IC0003` (fact sheet §4.1).
    pub code: String,
    /// Safaricom's words.
    pub description: String,
    /// When we received it.
    pub received_at: Timestamp,
    /// The money, when the code is `0`.
    pub evidence: Option<Evidence>,
}

/// One item of a shop's payment feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedItem {
    /// A payment was confirmed.
    Confirmation(Evidence),
    /// An STK push ended, with money or without.
    PushResult(PushResult),
}

impl FeedItem {
    /// The evidence in this item, if it says that money arrived.
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Confirmation(evidence) => Some(evidence),
            Self::PushResult(result) => result.evidence.as_ref(),
        }
    }

    /// The natural name within a shop: which kind of message, and its own key.
    pub fn name(&self) -> (Source, &str) {
        match self {
            Self::Confirmation(evidence) => (Source::C2bConfirmation, evidence.receipt.as_str()),
            Self::PushResult(result) => (Source::StkResult, result.checkout.as_str()),
        }
    }

    /// When we received it.
    pub fn received_at(&self) -> Timestamp {
        match self {
            Self::Confirmation(evidence) => evidence.received_at,
            Self::PushResult(result) => result.received_at,
        }
    }
}

/// A payment: what all its evidence says together. There is one per receipt code, however many
/// messages tell of it (field study W30).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The identity of the money.
    pub receipt: ReceiptCode,
    /// How much; the smallest amount where the messages disagree, so that nothing is counted that
    /// may not be there.
    pub amount: Money,
    /// The number it was paid to.
    pub shortcode: ShortCode,
    /// When it was paid.
    pub paid_at: Timestamp,
    /// Who paid.
    pub payer: Payer,
    /// What the customer typed as account number.
    pub account_reference: String,
    /// When we first heard of it.
    pub received_at: Timestamp,
    /// Which kinds of message tell of it.
    pub sources: Vec<Source>,
    /// The messages name different amounts or different numbers paid to: a person has to look.
    pub disagreement: bool,
}

impl Payment {
    /// Folds the evidence on one receipt code; `None` without any. The order of arrival does not matter.
    pub fn fold(evidence: &[Evidence]) -> Option<Self> {
        let mut ranked: Vec<&Evidence> = evidence.iter().collect();
        ranked.sort_by_key(|e| (e.source, e.received_at, e.amount));
        let first = *ranked.first()?;
        let mut sources: Vec<Source> = ranked.iter().map(|e| e.source).collect();
        sources.dedup();
        let received_at = ranked.iter().map(|e| e.received_at).min()?;
        Some(Self {
            receipt: first.receipt.clone(),
            amount: ranked.iter().map(|e| e.amount).min()?,
            shortcode: first.shortcode.clone(),
            paid_at: ranked.iter().find_map(|e| e.paid_at).unwrap_or(received_at),
            payer: Payer {
                name: ranked.iter().find_map(|e| e.payer.name.clone()),
                msisdn: best_msisdn(&ranked),
            },
            account_reference: ranked
                .iter()
                .map(|e| e.account_reference.as_str())
                .find(|reference| !reference.is_empty())
                .unwrap_or_default()
                .to_owned(),
            received_at,
            sources,
            disagreement: ranked.iter().any(|e| e.amount != first.amount || e.shortcode != first.shortcode),
        })
    }
}

/// A whole number tells more than a masked one, a masked one more than a hash.
fn best_msisdn(ranked: &[&Evidence]) -> Option<Msisdn> {
    let detail = |msisdn: &Msisdn| match msisdn {
        Msisdn::Plain(_) => 0,
        Msisdn::Masked(_) => 1,
        Msisdn::Hashed(_) => 2,
    };
    ranked.iter().filter_map(|e| e.payer.msisdn.clone()).min_by_key(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(source: Source, cents: i64) -> Evidence {
        Evidence {
            source,
            receipt: ReceiptCode::parse("UKL4AB12CD").unwrap(),
            amount: Money::from_cents(cents),
            shortcode: ShortCode::parse("123456").unwrap(),
            paid_at: None,
            payer: Payer::default(),
            account_reference: String::new(),
            received_at: Timestamp::parse_daraja("20261121101500").unwrap(),
        }
    }

    #[test]
    fn an_stk_result_and_its_confirmation_are_one_payment() {
        let mut stk = evidence(Source::StkResult, 35_000);
        stk.payer.msisdn = Some(Msisdn::from_safaricom("254700111222"));
        let mut c2b = evidence(Source::C2bConfirmation, 35_000);
        c2b.payer.msisdn = Some(Msisdn::from_safaricom("2547 ***** 222"));
        c2b.payer.name = Some("ASHA".into());
        let payment = Payment::fold(&[stk.clone(), c2b.clone()]).unwrap();
        assert_eq!(payment, Payment::fold(&[c2b, stk]).unwrap(), "whichever came first");
        assert_eq!(payment.amount, Money::from_cents(35_000));
        assert_eq!(payment.sources, [Source::C2bConfirmation, Source::StkResult]);
        assert_eq!(payment.payer.msisdn.unwrap().plain(), Some("254700111222"));
        assert_eq!(payment.payer.name.as_deref(), Some("ASHA"));
        assert!(!payment.disagreement);
    }

    #[test]
    fn messages_that_disagree_count_the_smaller_amount_and_say_so() {
        let pair = [evidence(Source::StkResult, 35_000), evidence(Source::C2bConfirmation, 3_500)];
        let payment = Payment::fold(&pair).unwrap();
        assert_eq!(payment.amount, Money::from_cents(3_500));
        assert!(payment.disagreement);
    }

    #[test]
    fn no_evidence_is_no_payment() {
        assert_eq!(Payment::fold(&[]), None);
    }
}
