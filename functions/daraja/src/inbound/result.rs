//! Results of what we asked: transaction status, reversal and account balance (fact sheet §3.5, §3.6).

use super::Unreadable;
use super::field::{NAME_CHARS, REFERENCE_CHARS, amount, code, description, id, receipt, said, signed, time};
use super::party::Party;
use crate::loose::{Object, Pairs};
use domain::{Money, ReceiptCode, Timestamp};

/// What became of a request of ours, or the word that it waited too long: both have the same body, so the
/// address it is posted to tells them apart (fact sheet §3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestResult {
    /// `OriginatorConversationID`, which the acknowledgement of the request named; `ConversationID` where
    /// there is no other.
    pub originator: String,
    /// `ConversationID`: `AG_20261121_00ff…`.
    pub conversation: Option<String>,
    /// `ResultType`: `0` is all, `1` announces more. Empty when absent.
    pub result_type: String,
    /// `ResultCode` as text: `0`, `21`, `R000002`. `0` says that the request was carried out, and nothing
    /// of money.
    pub code: String,
    /// `ResultDesc`.
    pub description: String,
    /// The outer `TransactionID`: of a reversal its own receipt, of a query a dummy such as `UKL0000000`.
    pub transaction: Option<ReceiptCode>,
    /// What we said in `Occasion` when we asked.
    pub occasion: Option<String>,
    /// What was asked for.
    pub content: ResultContent,
}

/// What a result tells, told apart by the names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultContent {
    /// Of a transaction status query.
    Status(StatusResult),
    /// Of a reversal.
    Reversal(ReversalResult),
    /// Of an account balance query.
    Balance(Vec<AccountBalance>),
    /// The request failed, or what came of it is no business of ours.
    Nothing,
}

/// What became of one transaction (fact sheet §3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusResult {
    /// `ReceiptNo`: the transaction asked about.
    pub receipt: ReceiptCode,
    /// `TransactionStatus`: `Completed`, `Cancelled`, `Declined`, `Expired`, or not final yet.
    pub status: String,
    /// `Amount`.
    pub amount: Money,
    /// `FinalisedTime`, if it is a time.
    pub finalised_at: Option<Timestamp>,
    /// `InitiatedTime`, if it is a time.
    pub initiated_at: Option<Timestamp>,
    /// `DebitPartyName`: who paid.
    pub debit_party: Option<Party>,
    /// `CreditPartyName`, or the second `DebitPartyName`, as Safaricom's own sample has it: who was paid.
    pub credit_party: Option<Party>,
    /// `TransactionReason`.
    pub reason: Option<String>,
    /// `ReasonType`: `Pay Utility`, `Pay Merchant`.
    pub reason_type: Option<String>,
}

impl StatusResult {
    /// Whether the money moved. The result's code does not say it.
    pub fn is_completed(&self) -> bool {
        self.status.eq_ignore_ascii_case("Completed")
    }
}

/// Money that went back to its payer (fact sheet §3.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReversalResult {
    /// `OriginalTransactionID`: the payment that is undone.
    pub original: ReceiptCode,
    /// The receipt of the reversal itself.
    pub reversal: Option<ReceiptCode>,
    /// `Amount`.
    pub amount: Money,
    /// `TransCompletedTime`, if it is a time.
    pub completed_at: Option<Timestamp>,
    /// `Charge`.
    pub charge: Option<Money>,
    /// `DebitPartyPublicName`: the organisation.
    pub debit_party: Option<Party>,
    /// `CreditPartyPublicName`: the customer.
    pub credit_party: Option<Party>,
    /// `DebitAccountBalance`: what the organisation has left.
    pub balances: Vec<AccountBalance>,
}

/// One account of an organisation, such as `Working Account|KES|700000.00|700000.00|0.00|0.00` (fact
/// sheet §1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountBalance {
    /// `Working Account`, `Utility Account`, `Charges Paid Account`.
    pub name: String,
    /// `KES`. Amounts in another currency are not read.
    pub currency: String,
    /// What is in it.
    pub current: Option<Money>,
    /// What of it can be used.
    pub available: Option<Money>,
    /// What is set aside.
    pub reserved: Option<Money>,
    /// What has not arrived for good.
    pub uncleared: Option<Money>,
    /// The account's text as it came, at most 200 characters of it.
    pub raw: String,
}

pub(super) fn read(result: &Object) -> Result<RequestResult, Unreadable> {
    let conversation = id(result.text("ConversationID"));
    let originator = id(result.text("OriginatorConversationID")).or_else(|| conversation.clone());
    let code = code(result.text("ResultCode"))?;
    let transaction = receipt(result.text("TransactionID"), "TransactionID").ok();
    let reference = result.object("ReferenceData").map(|data| data.pairs("ReferenceItem"));
    Ok(RequestResult {
        originator: originator.ok_or(Unreadable::Field("OriginatorConversationID"))?,
        conversation,
        result_type: said(result.text("ResultType"), REFERENCE_CHARS).unwrap_or_default(),
        description: description(result.text("ResultDesc")),
        occasion: said(reference.and_then(|items| items.text("Occasion")), NAME_CHARS),
        // A request that failed has no parameters, and if it had any they would prove nothing.
        content: if code == "0" { content(result, transaction.as_ref())? } else { ResultContent::Nothing },
        transaction,
        code,
    })
}

fn content(result: &Object, transaction: Option<&ReceiptCode>) -> Result<ResultContent, Unreadable> {
    let parameters = match result.object("ResultParameters") {
        Some(parameters) => parameters.pairs("ResultParameter"),
        None => result.pairs("ResultParameters"),
    };
    if let Some(text) = parameters.text("AccountBalance") {
        return Ok(ResultContent::Balance(balances(&text)));
    }
    if parameters.has_any(&["OriginalTransactionID", "CreditPartyPublicName", "DebitPartyPublicName"]) {
        return reversal(&parameters, transaction).map(ResultContent::Reversal);
    }
    let of_status = ["ReceiptNo", "TransactionStatus", "FinalisedTime", "FinalizedTime", "DebitPartyName"];
    if parameters.has_any(&of_status) {
        return status(&parameters).map(ResultContent::Status);
    }
    Ok(ResultContent::Nothing)
}

fn status(parameters: &Pairs) -> Result<StatusResult, Unreadable> {
    let finalised = parameters.text("FinalisedTime").or_else(|| parameters.text("FinalizedTime"));
    let credit = parameters.text("CreditPartyName").or_else(|| parameters.nth("DebitPartyName", 1));
    Ok(StatusResult {
        receipt: receipt(parameters.text("ReceiptNo"), "ReceiptNo")?,
        status: said(parameters.text("TransactionStatus"), REFERENCE_CHARS)
            .ok_or(Unreadable::Field("TransactionStatus"))?,
        amount: amount(parameters.text("Amount"), "Amount")?,
        finalised_at: time(finalised),
        initiated_at: time(parameters.text("InitiatedTime")),
        debit_party: Party::read(parameters.nth("DebitPartyName", 0)),
        credit_party: Party::read(credit),
        reason: said(parameters.text("TransactionReason"), NAME_CHARS),
        reason_type: said(parameters.text("ReasonType"), NAME_CHARS),
    })
}

fn reversal(parameters: &Pairs, transaction: Option<&ReceiptCode>) -> Result<ReversalResult, Unreadable> {
    Ok(ReversalResult {
        original: receipt(parameters.text("OriginalTransactionID"), "OriginalTransactionID")?,
        reversal: transaction.cloned(),
        amount: amount(parameters.text("Amount"), "Amount")?,
        completed_at: time(parameters.text("TransCompletedTime")),
        charge: parameters.text("Charge").and_then(|text| signed(&text)),
        debit_party: Party::read(parameters.text("DebitPartyPublicName")),
        credit_party: Party::read(parameters.text("CreditPartyPublicName")),
        balances: balances(&parameters.text("DebitAccountBalance").unwrap_or_default()),
    })
}

/// The most accounts read; an organisation has about six.
const MAX_ACCOUNTS: usize = 50;
/// The longest account text kept.
const ACCOUNT_CHARS: usize = 200;

/// Reads the pipe text of balances, as far as it can be understood.
fn balances(text: &str) -> Vec<AccountBalance> {
    let accounts = text.split('&').map(str::trim).filter(|account| !account.is_empty());
    accounts.take(MAX_ACCOUNTS).map(balance).collect()
}

fn balance(text: &str) -> AccountBalance {
    let mut parts = text.split('|').map(|part| said(Some(part.to_owned()), NAME_CHARS));
    let name = parts.next().flatten().unwrap_or_default();
    let currency = parts.next().flatten().unwrap_or_default();
    let shillings = currency.is_empty() || currency.eq_ignore_ascii_case("KES");
    let mut money = || parts.next().flatten().filter(|_| shillings).and_then(|text| signed(&text));
    AccountBalance {
        current: money(),
        available: money(),
        reserved: money(),
        uncleared: money(),
        raw: said(Some(text.to_owned()), ACCOUNT_CHARS).unwrap_or_default(),
        name,
        currency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::{Inbound, parse};

    fn outcome(parameters: &str) -> Result<RequestResult, Unreadable> {
        let body = format!(
            r#"{{"Result":{{"ResultType":0,"ResultCode":0,"ResultDesc":"ok","OriginatorConversationID":"o-1",
                "ConversationID":"AG_20261121_00ff","TransactionID":"UKL0000000",
                "ResultParameters":{{"ResultParameter":{parameters}}}}}}}"#
        );
        parse(body.as_bytes()).map(|inbound| match inbound {
            Inbound::Result(result) => result,
            other => panic!("not a result: {other:?}"),
        })
    }

    fn status(parameters: &str) -> StatusResult {
        match outcome(parameters).unwrap().content {
            ResultContent::Status(status) => status,
            other => panic!("not a status: {other:?}"),
        }
    }

    const KNOWN: &str = r#"{"Key":"ReceiptNo","Value":"UKL4AB12CD"},{"Key":"Amount","Value":350}"#;

    #[test]
    fn only_a_completed_transaction_moved_money() {
        let of = |word: &str| {
            status(&format!(r#"[{KNOWN},{{"Key":"TransactionStatus","Value":"{word}"}}]"#)).is_completed()
        };
        assert!(of("Completed") && of("COMPLETED"));
        assert!(!of("Cancelled") && !of("Authorized") && !of("Not Completed"));
    }

    #[test]
    fn the_second_debit_party_is_the_credit_party_even_where_the_first_is_blank() {
        let parties = |first: &str, second: &str| {
            let read = status(&format!(
                r#"[{KNOWN},{{"Key":"TransactionStatus","Value":"Completed"}},{{"Key":"DebitPartyName"{first}}},
                    {{"Key":"{second}","Value":"600610 - Duka"}}]"#
            ));
            (read.debit_party.is_some(), read.credit_party.and_then(|party| party.shortcode()).is_some())
        };
        assert_eq!(parties(r#","Value":"254700111222 - A""#, "DebitPartyName"), (true, true));
        assert_eq!(parties(r#","Value":"254700111222 - A""#, "CreditPartyName"), (true, true));
        assert_eq!(parties("", "DebitPartyName"), (false, true));
    }

    #[test]
    fn a_status_without_its_receipt_amount_or_state_is_kept_with_the_reason() {
        let reason = |parameters: &str| outcome(parameters).unwrap_err();
        assert_eq!(reason(&format!("[{KNOWN}]")), Unreadable::Field("TransactionStatus"));
        assert_eq!(
            reason(r#"{"Key":"TransactionStatus","Value":"Completed"}"#),
            Unreadable::Field("ReceiptNo")
        );
        let no_amount =
            r#"[{"Key":"TransactionStatus","Value":"Completed"},{"Key":"ReceiptNo","Value":"UKL4AB12CD"}]"#;
        assert_eq!(reason(no_amount), Unreadable::Field("Amount"));
    }

    #[test]
    fn a_failed_request_says_its_code_and_nothing_more() {
        let body = br#"{"Result":{"ResultType":"0","ResultCode":"R000002","ResultDesc":"no such id",
            "ConversationID":"AG_20261121_00ff"}}"#;
        let Ok(Inbound::Result(failed)) = parse(body) else { panic!("not a result") };
        assert_eq!((failed.code.as_str(), failed.content), ("R000002", ResultContent::Nothing));
        assert_eq!(failed.originator, "AG_20261121_00ff", "the only id there is");
        let full = br#"{"Result":{"ResultCode":"21","ConversationID":"AG_20261121_00ff","ResultParameters":{
            "ResultParameter":[{"Key":"ReceiptNo","Value":"UKL4AB12CD"},{"Key":"Amount","Value":350},
            {"Key":"TransactionStatus","Value":"Completed"}]}}}"#;
        let Ok(Inbound::Result(failed)) = parse(full) else { panic!("not a result") };
        assert_eq!(failed.content, ResultContent::Nothing, "a request that failed proves nothing");
        let nameless = parse(br#"{"Result":{"ResultCode":0}}"#);
        assert_eq!(nameless, Err(Unreadable::Field("OriginatorConversationID")));
    }

    #[test]
    fn a_reversal_names_the_payment_it_undoes() {
        let reversed = outcome(
            r#"[{"Key":"OriginalTransactionID","Value":"UKL4AB12CD"},{"Key":"Amount","Value":"350.00"},
                {"Key":"Charge","Value":"0.00"},{"Key":"TransCompletedTime","Value":20261121111512},
                {"Key":"DebitAccountBalance","Value":"Utility Account|KES|51661.00|51661.00|0.00|0.00"}]"#,
        );
        let ResultContent::Reversal(reversal) = reversed.unwrap().content else { panic!("no reversal") };
        assert_eq!((reversal.original.as_str(), reversal.amount), ("UKL4AB12CD", Money::from_cents(35_000)));
        assert_eq!(reversal.balances[0].current, Some(Money::from_cents(5_166_100)));
    }

    #[test]
    fn what_is_not_understood_of_a_balance_stays_as_text() {
        let read = balances("Working Account|KES|700000.00|-5|x& &Loan Account|USD|1.00&nonsense");
        let amounts: Vec<_> = read.iter().map(|account| (account.current, account.available)).collect();
        let (whole, owed) = (Some(Money::from_cents(70_000_000)), Some(Money::from_cents(-500)));
        assert_eq!(amounts, [(whole, owed), (None, None), (None, None)]);
        assert_eq!((read[1].raw.as_str(), read[2].raw.as_str()), ("Loan Account|USD|1.00", "nonsense"));
    }
}
