//! Pulled transactions: what Safaricom lists for us (fact sheet §1.7).

use super::Unreadable;
use super::field::{NAME_CHARS, REFERENCE_CHARS, amount, msisdn, printable, receipt, said, signed};
use super::listed::{ListedTime, Zone};
use crate::loose::Object;
use domain::{Money, Msisdn, ReceiptCode, Timestamp};
use std::fmt;

/// The most rows read of one page; real ones have about a hundred. The rows beyond come again with the
/// next page, because the next offset counts the rows that were read.
const MAX_ROWS: usize = 1_000;

/// One page of the listing. Only a page without rows is the last: a short one is not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullPage {
    /// The rows in their order, those that are not understood included: the offset counts them too.
    pub rows: Vec<PulledRow>,
}

/// One row, as it was written and as it was understood.
#[derive(Clone, PartialEq, Eq)]
pub struct PulledRow {
    /// The row's own literal JSON, to be kept beside what was read of it.
    pub raw: Vec<u8>,
    /// What it says.
    pub content: Result<PulledPayment, Unreadable>,
}

/// A transaction as the listing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct PulledPayment {
    /// `transactionId`.
    pub receipt: ReceiptCode,
    /// `amount`, exact from its literal text. A customer's payment is above nothing; what is moved
    /// otherwise may be less.
    pub amount: Money,
    /// `trxDate`, whose zone may have to be settled first.
    pub listed_at: Option<ListedTime>,
    /// `msisdn`, in whatever form it is sent.
    pub msisdn: Option<Msisdn>,
    /// `sender`; what it means is documented nowhere.
    pub sender: Option<String>,
    /// `transactiontype`.
    pub kind: RowKind,
    /// `billreference`, typed by the customer; empty for tills.
    pub account_reference: String,
    /// `organizationname`.
    pub organisation: Option<String>,
}

/// Whether a row is a customer's payment: the listing has other rows too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind {
    /// `c2b-pay-bill-debit`, `c2b-buy-goods-debit`.
    CustomerPayment,
    /// Anything else, such as `merchant-to-organization-settlement`.
    Other(String),
}

impl RowKind {
    /// Whether the shop's own money went to its bank (`merchant-to-organization-settlement`): the one kind
    /// besides payments whose meaning is documented. Of every other kind nobody knows whether a customer's
    /// money is in it.
    pub fn is_settlement(&self) -> bool {
        matches!(self, Self::Other(kind) if kind.to_ascii_lowercase().contains("settlement"))
    }
}

impl PullPage {
    /// The zone in which this page writes its times, if its rows tell by lying inside the window that was
    /// asked for in one reading only. `None` when no row tells, or two contradict each other.
    pub fn zone(&self, window: (Timestamp, Timestamp)) -> Option<Zone> {
        let times = self.rows.iter().filter_map(|row| row.content.as_ref().ok()?.listed_at);
        let mut told = times.filter_map(|time| time.zone_within(window));
        let first = told.next()?;
        told.all(|zone| zone == first).then_some(first)
    }
}

/// Reads one page of pulled transactions. The answer's error codes are for the caller to look at first.
///
/// # Errors
/// [`Unreadable`]: it is not a page. A row that is not understood is no error of the page, and an answer
/// that is neither rows nor Safaricom's word that there are none is never an empty page, because an empty
/// page ends the listing.
pub fn read_pull_page(body: &[u8]) -> Result<PullPage, Unreadable> {
    let page = Object::read(body).ok_or(Unreadable::NotJson)?;
    let listed = ["Response", "Transaction"].iter().find_map(|name| page.elements(name, MAX_ROWS));
    let code = page.text("ResponseCode").or_else(|| page.text("ResponseStatus"));
    let rows: Vec<PulledRow> =
        listed.iter().flatten().map(|row| PulledRow::read(row.get().as_bytes())).collect();
    match code.as_deref() {
        _ if !rows.is_empty() => Ok(PullPage { rows }),
        Some("1001") => Ok(PullPage::default()),
        Some("1000") | None if listed.is_some() => Ok(PullPage::default()),
        Some("1000") | None => Err(Unreadable::Field("Response")),
        Some(_) => Err(Unreadable::Field("ResponseCode")),
    }
}

impl PulledRow {
    /// Reads a row from its own JSON, as it was kept.
    pub fn read(raw: &[u8]) -> Self {
        let content = Object::read(raw).ok_or(Unreadable::NotJson).and_then(|row| payment(&row));
        Self { raw: raw.to_vec(), content }
    }
}

fn payment(row: &Object) -> Result<PulledPayment, Unreadable> {
    let kind = kind(row)?;
    let paid = amount(row.text("amount"), "amount");
    Ok(PulledPayment {
        receipt: receipt(row.text("transactionId"), "transactionId")?,
        amount: match kind {
            RowKind::CustomerPayment => paid?,
            RowKind::Other(_) => row.text("amount").and_then(|text| signed(&text)).map_or(paid, Ok)?,
        },
        listed_at: row.text("trxDate").and_then(|text| ListedTime::parse(&text)),
        msisdn: msisdn(row.text("msisdn")),
        sender: said(row.text("sender"), NAME_CHARS),
        kind,
        account_reference: printable(&row.text("billreference").unwrap_or_default(), REFERENCE_CHARS),
        organisation: said(row.text("organizationname"), NAME_CHARS),
    })
}

/// A row without a kind is for a person: as a payment it might be none, as anything else it might be lost.
fn kind(row: &Object) -> Result<RowKind, Unreadable> {
    let text = said(row.text("transactiontype"), NAME_CHARS).ok_or(Unreadable::Field("transactiontype"))?;
    let lower = text.to_ascii_lowercase();
    let paid = lower.starts_with("c2b") && lower.ends_with("debit");
    Ok(if paid { RowKind::CustomerPayment } else { RowKind::Other(text) })
}

/// The literal text may hold a whole phone number, so only its length is shown.
impl fmt::Debug for PulledRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = format_args!("{} bytes", self.raw.len());
        f.debug_struct("PulledRow").field("raw", &raw).field("content", &self.content).finish()
    }
}

/// Without the sender, which may be a phone number.
impl fmt::Debug for PulledPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PulledPayment")
            .field("receipt", &self.receipt)
            .field("amount", &self.amount)
            .field("listed_at", &self.listed_at)
            .field("msisdn", &self.msisdn)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn row(id: &str, date: &str) -> String {
        format!(
            r#"{{"transactionId":"{id}","trxDate":"{date}","msisdn":254700111222,"sender":"0700111222",
                "transactiontype":"c2b-buy-goods-debit","billreference":"","amount":"120.0"}}"#
        )
    }

    fn page(rows: &str) -> PullPage {
        read_pull_page(format!(r#"{{"ResponseCode":"1000","Response":{rows}}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn a_page_is_read_however_its_rows_are_nested() {
        let one = row("UKL4AB12CE", "2026-11-21T10:17:00+03:00");
        for nested in [format!("[[{one}]]"), format!("[{one}]"), one.clone(), format!("[[],[{one}],null]")] {
            let page = page(&nested);
            assert_eq!(page.rows.len(), 1, "{nested}");
            assert_eq!(page.rows[0].raw, one.as_bytes(), "the row's own text");
            assert_eq!(page.rows[0].content.as_ref().unwrap().amount, Money::from_cents(12_000));
        }
    }

    #[test]
    fn one_bad_row_costs_no_other_and_still_counts_for_the_offset() {
        let good = row("UKL4AB12CE", "2026-11-21T10:17:00Z");
        let page = page(&format!("[[{{}},{good},7,{{\"transactionId\":\"UKL4AB12CF\"}}]]"));
        let read: Vec<bool> = page.rows.iter().map(|row| row.content.is_ok()).collect();
        assert_eq!(read, [false, true, false, false]);
    }

    #[test]
    fn only_safaricoms_own_word_makes_a_page_empty() {
        for empty in [
            r#"{"ResponseCode":"1001","ResponseMessage":"No data","Transaction":[[]]}"#,
            r#"{"Response Status":1001}"#,
            r#"{"ResponseCode":"1000","Response":[[]]}"#,
            r#"{"Response":[]}"#,
        ] {
            assert_eq!(read_pull_page(empty.as_bytes()), Ok(PullPage::default()), "{empty}");
        }
        for unclear in [
            "",
            "{}",
            "<html>",
            "[[]]",
            r#"{"ResponseCode":"1000"}"#,
            r#"{"ResponseCode":"1000","Response":null}"#,
            r#"{"ResponseCode":"500","Response":[[]]}"#,
        ] {
            assert!(read_pull_page(unclear.as_bytes()).is_err(), "{unclear}");
        }
    }

    #[test]
    fn a_settlement_is_known_however_it_is_written_and_a_payment_is_none() {
        assert!(RowKind::Other("Merchant-To-Organization-SETTLEMENT".into()).is_settlement());
        assert!(!RowKind::Other("b2c-reversal".into()).is_settlement());
        assert!(!RowKind::CustomerPayment.is_settlement());
    }

    #[test]
    fn a_settlement_is_no_customers_payment_whatever_its_sign() {
        let of = |kind: &str| {
            let page = page(&format!(
                r#"[[{{"transactionId":"UKL4AB12CG","transactiontype":"{kind}","amount":-500}}]]"#
            ));
            page.rows[0].content.clone()
        };
        for kind in
            ["merchant-to-organization-settlement", "agency-withdrawal-debit", "c2b-pay-bill-reversal"]
        {
            let settled = of(kind).unwrap();
            assert_eq!(settled.kind, RowKind::Other(kind.into()));
            assert_eq!(settled.kind.is_settlement(), kind.ends_with("settlement"), "{kind}");
            assert_eq!(settled.amount, Money::from_cents(-50_000));
        }
        assert!(of("c2b-pay-bill-debit").is_err(), "no customer pays less than nothing");
    }

    #[test]
    fn a_page_tells_its_zone_when_one_of_its_rows_can() {
        let window = (at("2026-11-21T09:00:00+03:00"), at("2026-11-21T10:30:00+03:00"));
        let tells = row("UKL4AB12CE", "2026-11-21T10:17:00Z");
        assert_eq!(page(&format!("[[{tells}]]")).zone(window), Some(Zone::Nairobi));
        let silent = row("UKL4AB12CF", "2026-11-21T10:17:00+03:00");
        assert_eq!(page(&format!("[[{silent}]]")).zone(window), None);
        let other = row("UKL4AB12CH", "2026-11-21T07:17:00Z");
        assert_eq!(page(&format!("[[{tells},{other}]]")).zone(window), None, "they contradict each other");
    }

    #[test]
    fn neither_a_row_nor_its_text_prints_a_phone_number() {
        let printed = format!("{:?}", page(&row("UKL4AB12CE", "2026-11-21T10:17:00Z")));
        assert!(!printed.contains("700111222") && printed.contains("***222"), "{printed}");
    }
}
