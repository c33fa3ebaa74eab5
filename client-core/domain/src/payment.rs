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
    /// The number customers of the shop pay to, whichever of the shop's numbers the message names; a
    /// foreign number only where a person assigned the message to the shop.
    pub shortcode: ShortCode,
    /// When Safaricom says it was paid; without it the time of receipt stands in.
    pub paid_at: Option<Timestamp>,
    /// Who paid, as far as Safaricom lets us see.
    pub payer: Payer,
    /// What the customer typed as account number, trimmed; empty for tills.
    pub account_reference: String,
    /// The sale that we named when Safaricom asked us to validate this payment.
    pub order: Option<FactId>,
    /// What the organisation had after this payment, where the message says it. The next payment's balance
    /// less its amount must be this, or something was not told (fact sheet §3.2).
    pub balance: Option<Money>,
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
    /// A row of Pull Transactions.
    PulledRow,
    /// The result of a transaction status query.
    StatusResult,
    /// A row of the organisation's statement.
    StatementRow,
}

impl Source {
    const ALL: [Self; 5] =
        [Self::C2bConfirmation, Self::StkResult, Self::PulledRow, Self::StatusResult, Self::StatementRow];

    /// The stable name, in stores and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::C2bConfirmation => "c2b_confirmation",
            Self::StkResult => "stk_result",
            Self::PulledRow => "pulled_row",
            Self::StatusResult => "status_result",
            Self::StatementRow => "statement_row",
        }
    }

    /// The source of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// The stable name of a [`Retraction`] of this source. Each source has its own, so that two wrong
    /// messages on one receipt can both be taken back.
    const fn retraction(self) -> &'static str {
        match self {
            Self::C2bConfirmation => "retracted_c2b_confirmation",
            Self::StkResult => "retracted_stk_result",
            Self::PulledRow => "retracted_pulled_row",
            Self::StatusResult => "retracted_status_result",
            Self::StatementRow => "retracted_statement_row",
        }
    }

    /// The source that a [`Retraction`] of this name is about.
    pub fn retracted_as(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.retraction() == name)
    }

    /// Whether we asked Safaricom for it. What is only posted to us could be posted by anybody who learnt
    /// the address (field study W18).
    pub const fn was_asked_for(self) -> bool {
        match self {
            Self::C2bConfirmation | Self::StkResult => false,
            Self::PulledRow | Self::StatusResult | Self::StatementRow => true,
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
    /// Safaricom's name for the push.
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

/// What Safaricom answered when we asked how an STK push ended. It names no receipt and no amount, so it
/// tells of money without being evidence of it (fact sheet §1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushQuery {
    /// Safaricom's name for the push.
    pub checkout: CheckoutId,
    /// The sale the push asked payment for.
    pub sale: FactId,
    /// Safaricom's code, as in [`PushResult::code`].
    pub code: String,
    /// Safaricom's words.
    pub description: String,
    /// When it answered.
    pub received_at: Timestamp,
}

/// The money of a receipt went back to the customer: counter-evidence (field study W32). The whole amount
/// goes back, because partial reversals are documented nowhere (fact sheet §1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// The receipt of the payment that was reversed; the natural name of this message.
    pub receipt: ReceiptCode,
    /// The receipt of the reversal itself.
    pub reversal: Option<ReceiptCode>,
    /// How much went back.
    pub amount: Money,
    /// When, by Safaricom's clock.
    pub reversed_at: Option<Timestamp>,
    /// When we received it.
    pub received_at: Timestamp,
}

/// A person took back that a message on a receipt belongs to this shop: it was given to it by mistake.
/// The message stays kept, and is left out wherever the messages on the receipt are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retraction {
    /// Which kind of message.
    pub source: Source,
    /// The receipt it tells of.
    pub receipt: ReceiptCode,
    /// Why, and who said so.
    pub reason: String,
    /// When it was taken back.
    pub received_at: Timestamp,
}

impl Retraction {
    /// The natural name in a shop's feed of the retraction of a source's message on a receipt.
    pub fn name_of(source: Source, receipt: &ReceiptCode) -> (&'static str, &str) {
        (source.retraction(), receipt.as_str())
    }

    /// What still counts of messages that a person may have given to the shop. The answer to a push of our
    /// own is none of them: the push names its shop.
    pub fn leave_out(retractions: &[Self], evidence: Vec<Evidence>) -> Vec<Evidence> {
        let taken_back =
            |e: &Evidence| retractions.iter().any(|it| (it.source, &it.receipt) == (e.source, &e.receipt));
        evidence.into_iter().filter(|e| !taken_back(e)).collect()
    }
}

/// One item of a shop's payment feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedItem {
    /// A message says that a payment arrived.
    Arrival(Evidence),
    /// An STK push ended, with money or without.
    PushResult(PushResult),
    /// We asked how an STK push ended.
    PushQuery(PushQuery),
    /// A payment was reversed.
    Reversal(Reversal),
    /// A message on a payment does not belong to this shop after all.
    Retraction(Retraction),
}

impl FeedItem {
    /// The evidence in this item, if it says that money arrived.
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Arrival(evidence) => Some(evidence),
            Self::PushResult(result) => result.evidence.as_ref(),
            Self::PushQuery(_) | Self::Reversal(_) | Self::Retraction(_) => None,
        }
    }

    /// The natural name within a shop: which kind of message, and its own key. A push that ended without
    /// money and the same push's late success have different names, so that neither hides the other.
    pub fn name(&self) -> (&'static str, &str) {
        match self {
            Self::Arrival(evidence) => (evidence.source.name(), evidence.receipt.as_str()),
            Self::PushResult(result) if result.evidence.is_some() => {
                (Source::StkResult.name(), result.checkout.as_str())
            }
            Self::PushResult(result) => ("stk_failure", result.checkout.as_str()),
            Self::PushQuery(query) => ("stk_query", query.checkout.as_str()),
            Self::Reversal(reversal) => ("reversal", reversal.receipt.as_str()),
            Self::Retraction(retraction) => Retraction::name_of(retraction.source, &retraction.receipt),
        }
    }

    /// When we received it.
    pub fn received_at(&self) -> Timestamp {
        match self {
            Self::Arrival(evidence) => evidence.received_at,
            Self::PushResult(result) => result.received_at,
            Self::PushQuery(query) => query.received_at,
            Self::Reversal(reversal) => reversal.received_at,
            Self::Retraction(retraction) => retraction.received_at,
        }
    }

    /// Whether another item says the same, whenever it was received: Safaricom repeats itself with other
    /// blanks, another balance or another spelling of a name.
    pub fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Arrival(one), Self::Arrival(two)) => one.says_the_same(two),
            (Self::PushResult(one), Self::PushResult(two)) => {
                let evidence = match (&one.evidence, &two.evidence) {
                    (Some(one), Some(two)) => one.says_the_same(two),
                    (one, two) => one.is_none() && two.is_none(),
                };
                evidence && (&one.checkout, one.sale, &one.code) == (&two.checkout, two.sale, &two.code)
            }
            (Self::PushQuery(one), Self::PushQuery(two)) => {
                (&one.checkout, one.sale, &one.code) == (&two.checkout, two.sale, &two.code)
            }
            (Self::Reversal(one), Self::Reversal(two)) => {
                (&one.receipt, one.amount) == (&two.receipt, two.amount)
            }
            (Self::Retraction(one), Self::Retraction(two)) => {
                (one.source, &one.receipt) == (two.source, &two.receipt)
            }
            _ => false,
        }
    }
}

impl Evidence {
    fn says_the_same(&self, other: &Self) -> bool {
        let money = |e: &Self| (e.source, e.receipt.clone(), e.amount, e.shortcode.clone(), e.paid_at);
        let reference = |e: &Self| (e.account_reference.clone(), e.order);
        money(self) == money(other) && reference(self) == reference(other)
    }
}

/// How far apart the times of two messages on one receipt may be before a person has to look. Messages of
/// one payment are stamped within seconds.
const TIME_TOLERANCE_MILLIS: u64 = 10 * 60 * 1000;

/// In what the messages on one receipt disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disagreement {
    /// How much arrived.
    Amount,
    /// Which number it was paid to.
    Number,
    /// When it was paid.
    Time,
    /// Whose it is: another shop has a payment with this receipt.
    Shop,
}

impl Disagreement {
    const ALL: [Self; 4] = [Self::Amount, Self::Number, Self::Time, Self::Shop];

    /// The stable name, in ledgers and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Number => "number",
            Self::Time => "time",
            Self::Shop => "shop",
        }
    }

    /// The disagreement of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
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
    /// In what the messages disagree: a person has to look.
    pub disagreements: Vec<Disagreement>,
    /// The sale that was named when the payment was validated.
    pub order: Option<FactId>,
    /// The money went back to the customer.
    pub reversed: Option<Reversal>,
}

impl Payment {
    /// Folds the messages on one receipt code; `None` without evidence, because a reversal alone is no
    /// payment. The order of arrival does not matter.
    pub fn fold(evidence: &[Evidence], reversals: &[Reversal]) -> Option<Self> {
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
            paid_at: paid_at(&ranked).unwrap_or(received_at),
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
            disagreements: disagreements(&ranked, reversals),
            order: ranked.iter().find_map(|e| e.order),
            reversed: reversals.iter().min_by_key(|reversal| reversal.received_at).cloned(),
        })
    }

    /// Whether a source that we asked for ourselves says so too, and not only a message posted to us.
    pub fn is_confirmed(&self) -> bool {
        self.sources.iter().any(|source| source.was_asked_for())
    }
}

/// When it was paid. Where the messages disagree, one that we asked for is believed before one that was posted
/// to us: a late forgery must not move a payment in time.
fn paid_at(ranked: &[&Evidence]) -> Option<Timestamp> {
    let told = |e: &&Evidence| e.paid_at;
    let asked = ranked.iter().filter(|e| e.source.was_asked_for()).find_map(told);
    let any = ranked.iter().find_map(told);
    match (asked, any) {
        (Some(asked), Some(any)) if asked.distance_millis(any) > TIME_TOLERANCE_MILLIS => Some(asked),
        (_, any) => any,
    }
}

fn disagreements(ranked: &[&Evidence], reversals: &[Reversal]) -> Vec<Disagreement> {
    let differ = |key: &dyn Fn(&Evidence) -> bool| ranked.iter().any(|e| key(e));
    let Some(first) = ranked.first() else { return Vec::new() };
    let times = || ranked.iter().filter_map(|e| e.paid_at);
    let apart = times().max().zip(times().min()).map_or(0, |(last, first)| last.distance_millis(first));
    // A payment can not be told before it was made.
    let early = |e: &&Evidence| {
        e.paid_at
            .is_some_and(|at| at > e.received_at && at.distance_millis(e.received_at) > TIME_TOLERANCE_MILLIS)
    };
    let early = ranked.iter().any(early);
    let amount = differ(&|e| e.amount != first.amount) || reversals.iter().any(|r| r.amount != first.amount);
    let found = [
        (amount, Disagreement::Amount),
        (differ(&|e| e.shortcode != first.shortcode), Disagreement::Number),
        (early || apart > TIME_TOLERANCE_MILLIS, Disagreement::Time),
    ];
    found.into_iter().filter_map(|(so, it)| so.then_some(it)).collect()
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
            order: None,
            balance: None,
            received_at: Timestamp::parse_daraja("20261121101500").unwrap(),
        }
    }

    fn reversal(cents: i64) -> Reversal {
        let at = Timestamp::parse_daraja("20261121111500").unwrap();
        Reversal {
            receipt: ReceiptCode::parse("UKL4AB12CD").unwrap(),
            reversal: None,
            amount: Money::from_cents(cents),
            reversed_at: Some(at),
            received_at: at,
        }
    }

    fn retraction(source: Source) -> Retraction {
        let Evidence { receipt, received_at, .. } = evidence(source, 0);
        Retraction { source, receipt, reason: "another shop's".into(), received_at }
    }

    #[test]
    fn what_was_taken_back_is_left_out_and_what_another_source_says_stays() {
        let said = vec![evidence(Source::C2bConfirmation, 35_000), evidence(Source::PulledRow, 35_000)];
        let left = Retraction::leave_out(&[retraction(Source::C2bConfirmation)], said.clone());
        assert_eq!(Payment::fold(&left, &[]).unwrap().sources, [Source::PulledRow]);
        let both = [retraction(Source::C2bConfirmation), retraction(Source::PulledRow)];
        assert_eq!(Payment::fold(&Retraction::leave_out(&both, said.clone()), &[]), None);
        let mut other = retraction(Source::PulledRow);
        other.receipt = ReceiptCode::parse("UKL4AB12CE").unwrap();
        assert_eq!(Retraction::leave_out(&[other], said.clone()), said, "another payment's");
    }

    #[test]
    fn each_source_is_taken_back_under_a_name_of_its_own() {
        for source in Source::ALL {
            let Retraction { receipt, .. } = retraction(source);
            let (name, receipt) = Retraction::name_of(source, &receipt);
            assert_eq!((Source::retracted_as(name), Source::named(name)), (Some(source), None));
            let item = FeedItem::Retraction(retraction(source));
            assert_eq!((item.name(), item.evidence()), ((name, receipt), None));
            let again = Retraction { reason: "again".into(), ..retraction(source) };
            assert!(item.says_the_same(&FeedItem::Retraction(again)));
        }
    }

    #[test]
    fn an_stk_result_and_its_confirmation_are_one_payment() {
        let mut stk = evidence(Source::StkResult, 35_000);
        stk.payer.msisdn = Some(Msisdn::from_safaricom("254700111222"));
        let mut c2b = evidence(Source::C2bConfirmation, 35_000);
        c2b.payer.msisdn = Some(Msisdn::from_safaricom("2547 ***** 222"));
        c2b.payer.name = Some("ASHA".into());
        let payment = Payment::fold(&[stk.clone(), c2b.clone()], &[]).unwrap();
        assert_eq!(payment, Payment::fold(&[c2b, stk], &[]).unwrap(), "whichever came first");
        assert_eq!(payment.amount, Money::from_cents(35_000));
        assert_eq!(payment.sources, [Source::C2bConfirmation, Source::StkResult]);
        assert_eq!(payment.payer.msisdn.as_ref().unwrap().plain(), Some("254700111222"));
        assert_eq!(payment.payer.name.as_deref(), Some("ASHA"));
        assert_eq!(payment.disagreements, []);
        assert!(!payment.is_confirmed(), "both were posted to us");
    }

    #[test]
    fn messages_that_disagree_count_the_smaller_amount_and_say_so() {
        let pair = [evidence(Source::StkResult, 35_000), evidence(Source::C2bConfirmation, 3_500)];
        let payment = Payment::fold(&pair, &[]).unwrap();
        assert_eq!(payment.amount, Money::from_cents(3_500));
        assert_eq!(payment.disagreements, [Disagreement::Amount]);
    }

    #[test]
    fn no_evidence_is_no_payment() {
        assert_eq!(Payment::fold(&[], &[reversal(100)]), None);
    }

    #[test]
    fn other_numbers_and_times_are_told_and_overwrite_nothing() {
        let mut c2b = evidence(Source::C2bConfirmation, 100);
        c2b.paid_at = Some(Timestamp::parse_daraja("20261121101500").unwrap());
        let mut pulled = evidence(Source::PulledRow, 100);
        pulled.shortcode = ShortCode::parse("654321").unwrap();
        pulled.paid_at = Some(Timestamp::parse_daraja("20261121131500").unwrap());
        pulled.received_at = Timestamp::parse_daraja("20261121140000").unwrap();
        let payment = Payment::fold(&[pulled.clone(), c2b.clone()], &[]).unwrap();
        assert_eq!(payment.disagreements, [Disagreement::Number, Disagreement::Time]);
        assert_eq!((Some(payment.paid_at), &payment.shortcode), (pulled.paid_at, &c2b.shortcode));
        assert!(payment.is_confirmed(), "we asked for the second one");
        pulled.paid_at = Some(Timestamp::parse_daraja("20261121102500").unwrap());
        pulled.shortcode = c2b.shortcode.clone();
        assert_eq!(Payment::fold(&[pulled, c2b], &[]).unwrap().disagreements, []);
    }

    #[test]
    fn a_reversal_is_kept_beside_the_payment_whichever_came_first() {
        let payment = Payment::fold(&[evidence(Source::C2bConfirmation, 100)], &[reversal(100)]).unwrap();
        assert_eq!(payment.reversed, Some(reversal(100)));
        let other = Payment::fold(&[evidence(Source::C2bConfirmation, 100)], &[reversal(50)]).unwrap();
        assert_eq!(other.disagreements, [Disagreement::Amount]);
    }

    #[test]
    fn a_message_that_is_repeated_in_other_words_says_the_same() {
        let first = evidence(Source::C2bConfirmation, 100);
        let mut again = first.clone();
        again.received_at = Timestamp::parse_daraja("20261121111500").unwrap();
        again.balance = Some(Money::from_cents(5));
        again.payer.name = Some("ASHA".into());
        assert!(FeedItem::Arrival(first.clone()).says_the_same(&FeedItem::Arrival(again.clone())));
        again.amount = Money::from_cents(101);
        assert!(!FeedItem::Arrival(first).says_the_same(&FeedItem::Arrival(again)));
    }

    #[test]
    fn a_push_that_failed_and_its_late_success_have_different_names() {
        let mut result = PushResult {
            checkout: CheckoutId::parse("ws_CO_1").unwrap(),
            sale: "7-42".parse().unwrap(),
            code: "1037".into(),
            description: String::new(),
            received_at: Timestamp::parse_daraja("20261121101500").unwrap(),
            evidence: None,
        };
        let failed = FeedItem::PushResult(result.clone());
        result.evidence = Some(evidence(Source::StkResult, 100));
        assert_ne!(failed.name(), FeedItem::PushResult(result).name());
    }
}
